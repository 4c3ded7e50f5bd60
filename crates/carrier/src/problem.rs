//! RFC 9457 problems: the shape of a refusal where the upstream has none of its own.

use serde_json::json;

use crate::{Answer, Refusal};

/// Where the problem types are explained; the code is its fragment.
pub const TYPES: &str = "https://eosin.example/problems";

/// The answer to a request that is refused whole, for clients that speak neither Salesforce nor FHIR.
///
/// Shape:  status, a title of a few words, a refusal -> a problem object with `type`, `title`, `status`, `detail`, `code`.
/// Never:  holds anything of a record, unless the refusal's message does.
/// Source: RFC 9457; spec/http.md section 2.
pub fn problem(status: u16, title: &str, refusal: &Refusal) -> Answer {
    let Refusal { code, message } = refusal;
    let kind = format!("{TYPES}#{}", code.to_ascii_lowercase().replace('_', "-"));
    let body = json!({ "type": kind, "title": title, "status": status, "detail": message, "code": code });
    Answer { status, content_type: "application/problem+json", body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_and_where_to_read_more() {
        let refusal =
            Refusal { code: "EOSIN_BLOCKED".into(), message: "no \"synthetic\" records here".into() };
        let answer = problem(403, "Refused at this boundary", &refusal);
        assert_eq!((answer.status, answer.content_type), (403, "application/problem+json"));
        let want = expect_test::expect![[
            r#"{"type":"https://eosin.example/problems#eosin-blocked","title":"Refused at this boundary","status":403,"detail":"no \"synthetic\" records here","code":"EOSIN_BLOCKED"}"#
        ]];
        want.assert_eq(std::str::from_utf8(&answer.body).unwrap());
    }
}
