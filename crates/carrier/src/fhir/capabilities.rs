//! What a server says of itself: its own address in it leads past whoever stands in front.

use super::raw::{RawObject, quote};

/// A capability statement with another address in the place of the server's own, in `url` and in `implementation`; nothing
/// where it stays as it is. Where to log in stays: that is no address of records, and its owner checks it.
///
/// Shape:  JSON or XML; `moved` gives the address that stands for one, if another does.
/// Source: spec/http.md section 6.
pub fn capabilities(text: &str, moved: impl Fn(&str) -> Option<String>) -> Option<String> {
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return in_xml(text, moved);
    }
    let mut whole = RawObject::parse(text)?;
    let other = |object: &RawObject<'_>| {
        let url = serde_json::from_str::<String>(object.get("url")?).ok()?;
        moved(&url).map(|url| quote(&url))
    };
    let own = other(&whole);
    let implementation = whole.get("implementation").and_then(|text| {
        let mut inner = RawObject::parse(text)?;
        let url = other(&inner)?;
        inner.set("url", url);
        Some(inner.to_text())
    });
    if own.is_none() && implementation.is_none() {
        return None;
    }
    for (name, value) in [("url", own), ("implementation", implementation)] {
        if let Some(value) = value {
            whole.set(name, value);
        }
    }
    Some(whole.to_text())
}

/// The same in XML: of the elements of a capability statement, these alone are called `url`.
fn in_xml(text: &str, moved: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some(at) = rest.find("<url ") {
        let (before, element) = rest.split_at(at);
        let (tag, after) = element.split_at(element.find('>')?);
        out.push_str(before);
        match tag.split(['"', '\'']).nth(1).and_then(|url| Some((url, moved(url)?))) {
            Some((url, other)) => {
                changed = true;
                out.push_str(&tag.replacen(url, &other, 1));
            }
            None => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    changed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<&str>) {
        let moved = |url: &str| url.strip_prefix("http://up").map(|rest| format!("https://gate{rest}"));
        assert_eq!(capabilities(text, moved).as_deref(), want, "{text}");
    }

    #[test]
    fn a_server_says_that_it_is_where_it_was_asked() {
        check(
            r#"{ "url":"http://up/fhir/metadata","implementation":{"description":"x", "url":"http:\/\/up\/fhir"},"n":1.0}"#,
            Some(
                r#"{"url":"https://gate/fhir/metadata","implementation":{"description":"x","url":"https://gate/fhir"},"n":1.0}"#,
            ),
        );
        check(r#"{"implementation":{"url":"http://elsewhere/fhir"}}"#, None);
        let login = r#"{"rest":[{"security":{"extension":[{"url":"token","valueUri":"http://up/token"}]}}]}"#;
        check(login, None);
        check("no JSON", None);
        check(
            r#"<CapabilityStatement><url value='http://up/a'/><implementation><url value="http://up/fhir" /></implementation></CapabilityStatement>"#,
            Some(
                r#"<CapabilityStatement><url value='https://gate/a'/><implementation><url value="https://gate/fhir" /></implementation></CapabilityStatement>"#,
            ),
        );
        check(r#"<CapabilityStatement><url value="http://elsewhere/"/></CapabilityStatement>"#, None);
        check("<url ", None);
    }
}
