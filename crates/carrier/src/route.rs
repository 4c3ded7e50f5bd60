//! A request target, normalised once, so that no second spelling of a route walks past its match.

use std::fmt;

/// A request target's path and query, decoded.
///
/// Debug shows counts only: path segments can hold an external id, and that can be a person's.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    segments: Vec<String>,
    query: Vec<(String, String)>,
    // As it was sent, without the question mark.
    raw_query: Option<String>,
    has_parameters: bool,
}

/// Longest target that is read, in bytes: twice what Salesforce takes.
pub const TARGET_BYTES_MAX: usize = 32_768;

impl Target {
    /// Reads a target as it stands in a request line, in origin or absolute form.
    ///
    /// Segments are decoded once, after the path is split at `/`. Empty segments (doubled and trailing slashes) go,
    /// `.` and `..` are resolved, however they are spelled.
    ///
    /// Shape:  path and query as sent -> decoded segments and query pairs, in order.
    /// Bounds: [`TARGET_BYTES_MAX`]; memory of about three times the input.
    /// Errors: `None` where two readers could see two routes: a fragment, a control character, a bad escape, text
    /// that is not UTF-8, a backslash or an escaped slash beside a dot segment. A write to such a target is unknown.
    /// Source: RFC 3986 sections 5.2.4 and 6.2.2, RFC 9112 section 3.2; spec/carriers.md section 2.
    pub fn parse(target: &str) -> Option<Self> {
        if target.len() > TARGET_BYTES_MAX
            || target.bytes().any(|byte| byte.is_ascii_control() || byte == b'#')
        {
            return None;
        }
        let target = without_authority(target);
        let (path, raw_query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let mut segments: Vec<String> = Vec::new();
        for raw in path.split('/') {
            let segment = decode(raw, false)?;
            match segment.as_str() {
                "" | "." => {}
                ".." => {
                    segments.pop();
                }
                _ if hides_a_dot_segment(&segment) => return None,
                _ => segments.push(segment),
            }
        }
        let query = pairs(raw_query.as_deref().unwrap_or_default())?;
        Some(Self { segments, query, raw_query, has_parameters: path.contains(';') })
    }

    /// The decoded path segments; none of them is empty, `.` or `..`.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether the path has matrix parameters (`;x=y`), which some servers take off a segment and others do not.
    pub fn has_parameters(&self) -> bool {
        self.has_parameters
    }

    /// Whether a server that decodes once more than we do would find another segment here.
    pub fn is_decoded_twice(segment: &str) -> bool {
        let mut rest = segment;
        while let Some(at) = rest.find('%') {
            rest = rest.get(at + 1..).unwrap_or_default();
            if rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2 {
                return true;
            }
        }
        false
    }

    /// The one spelling of this target in origin form: what was read is what is sent on.
    ///
    /// Shape:  decoded segments, escaped where RFC 3986 asks for it, and `;` as well; the query as it was sent.
    pub fn to_origin_form(&self) -> String {
        let mut out = String::new();
        for segment in &self.segments {
            out.push('/');
            for byte in segment.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte) {
                    out.push(char::from(byte));
                } else {
                    out.push('%');
                    out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
                }
            }
        }
        if out.is_empty() {
            out.push('/');
        }
        if let Some(query) = &self.raw_query {
            out.push('?');
            out.push_str(query);
        }
        out
    }

    /// The names of all query parameters, decoded.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    /// The values of all query parameters, decoded.
    pub fn query_values(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(_, value)| value.as_str())
    }

    /// The values of every query parameter of this name, ASCII case ignored.
    pub fn query<'t>(&'t self, name: &'t str) -> impl Iterator<Item = &'t str> {
        self.query
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} segments, {} parameters)", self.segments.len(), self.query.len())
    }
}

/// The pairs of a query, or of a form's body.
///
/// Errors: `None` for a bad escape, or text that is not UTF-8.
pub(crate) fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name, true)?, decode(value, true)?))
    });
    pairs.collect()
}

/// A text without its escapes of a URL.
///
/// Errors: nothing for a bad escape, or text that is not UTF-8.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    decode(text, false)
}

/// The target without `http://host`, if it has that.
fn without_authority(target: &str) -> &str {
    for scheme in ["http://", "https://"] {
        let starts = target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if let Some(rest) = target.get(scheme.len()..).filter(|_| starts) {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            return rest.get(end..).unwrap_or_default();
        }
    }
    target
}

fn decode(raw: &str, plus_is_space: bool) -> Option<String> {
    // Byte by byte, here and below: every request has a few of these, and nearly all of them are plain names.
    if !raw.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(raw.to_owned());
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whether a server that splits or trims once more than we do would find a dot segment here.
fn hides_a_dot_segment(segment: &str) -> bool {
    if !segment.bytes().any(|byte| matches!(byte, b'.' | b';' | 0)) {
        return false;
    }
    segment.split(['/', '\\']).any(|part| {
        let name = part.split(';').next().unwrap_or_default();
        (name == "." || name == "..") || (name.is_empty() && part.starts_with(';'))
    }) || segment.contains('\0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(target: &str, want: Option<&[&str]>) {
        let got = Target::parse(target);
        let segments =
            got.as_ref().map(|target| target.segments().iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(segments.as_deref(), want, "{target}");
    }

    #[test]
    fn every_spelling_of_a_path_is_one_path() {
        let plain: Option<&[&str]> = Some(&["services", "data", "v67.0", "sobjects", "Contact"]);
        check("/services/data/v67.0/sobjects/Contact", plain);
        check("/services/data/v67.0/sobjects/Contact/", plain);
        check("//services//data/v67.0///sobjects/Contact", plain);
        check("/services/data/v67.0/sobjects/Cont%61ct?x=1", plain);
        check("/services/./data/x/../v67.0/sobjects/Contact", plain);
        check("/services/data/x/%2e%2E/v67.0/sobjects/Contact", plain);
        check("https://example.org/services/data/v67.0/sobjects/Contact", plain);
        check("HTTP://example.org:80/services/data/v67.0/sobjects/Contact", plain);
        check("https://example.org", Some(&[]));
        check("/../../a", Some(&["a"]));
        check("*", Some(&["*"]));
    }

    #[test]
    fn a_target_with_two_readings_has_none() {
        check("/a#b", None);
        check("/a%", None);
        check("/a%4", None);
        check("/a%zz", None);
        check("/a%+1", None);
        check("/a%ff", None);
        check("/a\rb", None);
        check("/a%00b", None);
        check("/a/..%2f..%2fb", None);
        check("/a/..%5cb", None);
        check("/a/..;/b", None);
        check("/a/%2e%2e;x=1/b", None);
        check("/a/x%2fy", Some(&["a", "x/y"]));
        check("/a/%252e%252e", Some(&["a", "%2e%2e"]));
        check(&"/a".repeat(20_000), None);
    }

    #[test]
    fn what_is_sent_on_is_spelled_in_one_way() {
        for (target, want) in [
            ("//a///b/./c/", "/a/b/c"),
            ("/a/%62%2Fc?q=%62&x", "/a/b%2Fc?q=%62&x"),
            ("https://example.org/a?b", "/a?b"),
            ("/a/%e4%bd%a0;x", "/a/%E4%BD%A0%3Bx"),
            ("/a/100%25", "/a/100%25"),
            ("/?", "/?"),
        ] {
            assert_eq!(Target::parse(target).unwrap().to_origin_form(), want, "{target}");
        }
        assert!(Target::is_decoded_twice("a%41"));
        assert!(!Target::is_decoded_twice("100%"));
        assert!(!Target::is_decoded_twice("%4"));
    }

    #[test]
    fn query_names_ignore_case_and_escapes() {
        let target = Target::parse("/a?_HttpMethod=PATCH&%5Fhttpmethod=post&q=a+b%2Bc&&x").unwrap();
        assert_eq!(target.query("_HttpMethod").collect::<Vec<_>>(), ["PATCH", "post"]);
        assert_eq!(target.query("q").collect::<Vec<_>>(), ["a b+c"]);
        assert_eq!(target.query("x").collect::<Vec<_>>(), [""]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_target_or_not(target in "\\PC{0,80}|[/a.%2e;\\\\]{0,40}") {
            if let Some(read) = Target::parse(&target) {
                prop_assert!(read.segments().iter().all(|one| !matches!(one.as_str(), "" | "." | "..")));
                // A server that reads what is sent on sees what was judged.
                let sent = read.to_origin_form();
                let again = Target::parse(&sent).unwrap();
                prop_assert_eq!(again.segments(), read.segments());
                prop_assert_eq!(again.to_origin_form(), sent);
            }
        }
    }
}
