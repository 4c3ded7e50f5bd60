//! Credentials that ride where a request is kept: in a SOAP body, in a query. They are taken out before it is sealed.

use carrier::salesforce::contents_of;
use quarantine::Withheld;

/// The request without credentials; nothing if they cannot be found for certain.
///
/// Header fields are never kept. What is left is a SOAP body's session and password, and a token in a query.
pub(crate) fn taken_out(withheld: Withheld) -> Option<Withheld> {
    let target = without_tokens(&withheld.target);
    let body = if is_soap(&withheld.target, &withheld.body) {
        replaced(withheld.body, &ELEMENTS, "")?
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
    let body = replaced(withheld.body.clone(), &["sessionId"], &escaped).unwrap_or(withheld.body);
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

/// The body with the content of every element of these local names replaced; nothing if another reader could find others.
fn replaced(body: Vec<u8>, names: &[&str], with: &str) -> Option<Vec<u8>> {
    let is_named = |name: &&str| is_in(&body, name.as_bytes());
    if !names.iter().any(is_named) {
        // In another encoding they would be spelt otherwise.
        return (str::from_utf8(&body).is_ok() && !body.contains(&0)).then_some(body);
    }
    let mut out = Vec::with_capacity(body.len());
    let mut kept = 0;
    for inside in contents_of(&body, names).ok()? {
        out.extend_from_slice(body.get(kept..inside.start)?);
        out.extend_from_slice(with.as_bytes());
        kept = inside.end;
    }
    out.extend_from_slice(body.get(kept..)?);
    Some(out)
}

/// Whether the name stands anywhere: no reference can stand for a letter of an element's name.
fn is_in(body: &[u8], name: &[u8]) -> bool {
    body.windows(name.len()).any(|at| at.eq_ignore_ascii_case(name))
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
            (
                "<e xmlns:u='n'><u:sessionId>SECRET</u:sessionId></e>",
                "<e xmlns:u='n'><u:sessionId></u:sessionId></e>",
            ),
            ("<sessionId a='1'\n>SECRET</sessionId >", "<sessionId a='1'\n></sessionId >"),
            ("<sessionId a='/>'>SECRET</sessionId>", "<sessionId a='/>'></sessionId>"),
            ("<e><SessionID>SECRET</SessionID></e>", "<e><SessionID></SessionID></e>"),
            ("<sessionId><![CDATA[SECRET]]></sessionId>", "<sessionId></sessionId>"),
            ("<sessionId><a>SECRET</a><sessionId>2</sessionId></sessionId>", "<sessionId></sessionId>"),
            ("<e><sessionId/><x>sessionId</x></e>", "<e><sessionId/><x>sessionId</x></e>"),
            (
                "<e><!--<sessionId>--><sessionId>SECRET</sessionId></e>",
                "<e><!--<sessionId>--><sessionId></sessionId></e>",
            ),
            ("<e><a>1</a><password>SECRET</password></e>", "<e><a>1</a><password></password></e>"),
            ("<sessionIdle>1</sessionIdle>", "<sessionIdle>1</sessionIdle>"),
            ("<e>cannot be read & holds none", "<e>cannot be read & holds none"),
        ] {
            let out = taken_out(soap(body)).unwrap();
            assert_eq!(String::from_utf8(out.body).unwrap(), left);
            assert_eq!(out.target, "/services/Soap/u/67.0?a=b");
        }
        for unclear in [
            "<sessionId>SECRET",
            "<e><sessionId>SECRET</sessionId>&amp</e>",
            "<\0s\0",
            "<e>\u{ff}<sessionId x>SECRET</sessionId></e>",
        ] {
            assert_eq!(taken_out(soap(unclear)), None, "what is not certain is not kept: {unclear}");
        }
        let out = put_in(soap("<u:sessionId xmlns:u='n'></u:sessionId>"), "new&<");
        assert_eq!(out.body, b"<u:sessionId xmlns:u='n'>new&amp;&lt;</u:sessionId>");
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
