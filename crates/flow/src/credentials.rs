//! Credentials that ride where a request is kept: in a SOAP body, in a query. They are taken out before it is sealed.

use quarantine::Withheld;

/// The request without credentials; nothing if they cannot be found for certain.
///
/// Header fields are never kept. What is left is a SOAP body's session and password, and a token in a query.
pub(crate) fn taken_out(withheld: Withheld) -> Option<Withheld> {
    let target = without_tokens(&withheld.target);
    let body = if is_soap(&withheld.target, &withheld.body) {
        let text = String::from_utf8(withheld.body).ok()?;
        ELEMENTS.iter().try_fold(text, |text, element| replaced(&text, element, ""))?.into_bytes()
    } else {
        withheld.body
    };
    Some(Withheld { target, body, ..withheld })
}

/// The request with a session where a SOAP body had one.
pub(crate) fn put_in(withheld: Withheld, session: &str) -> Withheld {
    if !is_soap(&withheld.target, &withheld.body) {
        return withheld;
    }
    let escaped = session.replace('&', "&amp;").replace('<', "&lt;");
    let body = String::from_utf8(withheld.body.clone())
        .ok()
        .and_then(|text| replaced(&text, "sessionId", &escaped))
        .map_or(withheld.body, String::into_bytes);
    Withheld { body, ..withheld }
}

const ELEMENTS: [&str; 2] = ["sessionId", "password"];
const QUERY: [&str; 4] = ["access_token", "oauth_token", "sid", "session"];

fn is_soap(target: &str, body: &[u8]) -> bool {
    let target = target.to_ascii_lowercase();
    target.contains("soap") || body.trim_ascii_start().starts_with(b"<")
}

fn without_tokens(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_token = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default();
        QUERY.iter().any(|token| name.eq_ignore_ascii_case(token))
    };
    let left: Vec<&str> = query.split('&').filter(|part| !is_token(part)).collect();
    if left.is_empty() { path.to_owned() } else { format!("{path}?{}", left.join("&")) }
}

/// The text with the content of every element of this local name replaced; nothing if one is not plainly closed.
fn replaced(text: &str, element: &str, with: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find(element) {
        let (before, from) = rest.split_at_checked(found)?;
        let tag = before.rfind('<').map(|start| before.get(start + 1..).unwrap_or_default());
        // An opening tag: `<`, perhaps a prefix and a colon, and then the name.
        let opens = tag.is_some_and(|prefix| {
            prefix.is_empty()
                || prefix.strip_suffix(':').is_some_and(|prefix| prefix.bytes().all(is_name_byte))
        });
        let after = from.get(element.len()..)?;
        let ends = after.starts_with(|next: char| next == '>' || next == '/' || next.is_ascii_whitespace());
        if !opens || !ends {
            out.push_str(before);
            out.push_str(element);
            rest = after;
            continue;
        }
        let close = after.find('>')?;
        let (attributes, content) = after.split_at_checked(close + 1)?;
        out.push_str(before);
        out.push_str(element);
        out.push_str(attributes);
        if attributes.ends_with("/>") {
            rest = content;
            continue;
        }
        out.push_str(with);
        let own_prefix = tag.unwrap_or_default();
        rest = content.get(content.find(&format!("</{own_prefix}{element}"))?..)?;
        // The closing tag's own name is no element to be looked at.
        let close = rest.find('>')?;
        out.push_str(rest.get(..=close)?);
        rest = rest.get(close + 1..)?;
    }
    out.push_str(rest);
    Some(out)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soap(body: &str) -> Withheld {
        Withheld {
            target: "/services/Soap/u/67.0?access_token=SECRET&a=b".to_owned(),
            content_type: None,
            method_override: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_session_is_taken_out_and_another_put_in() {
        for (body, left) in [
            ("<e><u:sessionId>SECRET</u:sessionId></e>", "<e><u:sessionId></u:sessionId></e>"),
            ("<sessionId a='1'\n>SECRET</sessionId >", "<sessionId a='1'\n></sessionId >"),
            ("<sessionId><![CDATA[SECRET]]></sessionId>", "<sessionId></sessionId>"),
            ("<sessionId/><x>sessionId</x>", "<sessionId/><x>sessionId</x>"),
            ("<a>1</a><password>SECRET</password>", "<a>1</a><password></password>"),
            ("<sessionIdle>1</sessionIdle>", "<sessionIdle>1</sessionIdle>"),
        ] {
            let out = taken_out(soap(body)).unwrap();
            assert_eq!(String::from_utf8(out.body).unwrap(), left);
            assert_eq!(out.target, "/services/Soap/u/67.0?a=b");
        }
        assert_eq!(taken_out(soap("<sessionId>SECRET")), None, "what is not closed is not kept");
        let out = put_in(soap("<u:sessionId></u:sessionId>"), "new&<");
        assert_eq!(out.body, b"<u:sessionId>new&amp;&lt;</u:sessionId>");
    }

    #[test]
    fn json_is_left_as_it_is() {
        let json = Withheld {
            target: "/services/data/v67.0/sobjects/Contact".to_owned(),
            content_type: None,
            method_override: None,
            body: br#"{"sessionId":"<sessionId>"}"#.to_vec(),
        };
        assert_eq!(taken_out(json.clone()), Some(json.clone()));
        assert_eq!(put_in(json.clone(), "x"), json);
    }
}
