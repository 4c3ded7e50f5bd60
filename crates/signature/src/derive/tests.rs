//! Components derived from a message, as RFC 9421 section 2 shows them.

use sfv::{Item, Parser};

use super::*;
use crate::Response;

fn resolved(component: &str, message: Message<'_>) -> Result<String, ComponentError> {
    let item: Item = Parser::new(component).parse().unwrap();
    value(&Component::from_item(&item)?, message)
}

fn request(target: &str, fields: &[(&str, &str)]) -> Request {
    Request {
        method: "POST".to_owned(),
        scheme: "https".to_owned(),
        authority: "www.Example.com:443".to_owned(),
        target: target.to_owned(),
        fields: fields.iter().copied().collect(),
        trailers: [("expires", "Wed, 9 Nov 2022 07:28:00 GMT")].into_iter().collect(),
    }
}

/// The examples of RFC 9421 section 2.2.
#[test]
fn derived_components_are_as_the_rfc_shows_them() {
    let check = |target: &str, component: &str, want: Result<&str, ComponentError>| {
        let request = request(target, &[]);
        let found = resolved(component, Message::Request(&request));
        assert_eq!(found.as_deref().map_err(|error| *error), want, "{component} of {target}");
    };
    let path = "/path?param=value";
    check(path, "\"@method\"", Ok("POST"));
    check(path, "\"@target-uri\"", Ok("https://www.example.com/path?param=value"));
    check(path, "\"@authority\"", Ok("www.example.com"));
    check(path, "\"@scheme\"", Ok("https"));
    check(path, "\"@request-target\"", Ok(path));
    check(path, "\"@path\"", Ok("/path"));
    check(path, "\"@query\"", Ok("?param=value"));
    check("/path", "\"@query\"", Ok("?"));
    check("/path?", "\"@query\"", Ok("?"));
    check("/path?queryString", "\"@query\"", Ok("?queryString"));
    check("https://www.example.com/path?param=value", "\"@path\"", Ok("/path"));
    check("https://www.example.com", "\"@path\"", Ok("/"));
    check("https://www.example.com/path", "\"@request-target\"", Ok("https://www.example.com/path"));
    check("www.example.com:80", "\"@request-target\"", Ok("www.example.com:80"));
    check("*", "\"@request-target\"", Ok("*"));
    check("*", "\"@path\"", Err(ComponentError::Absent));
    check(path, "\"@status\"", Err(ComponentError::Kind));
    check(path, "\"@method\";req", Err(ComponentError::Kind));
    let parameters = concat!(
        "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace",
        "&fa%C3%A7ade%22%3A%20=something&twice=1&twice=2&empty=&bare&bad=%zz%2"
    );
    check(parameters, r#""@query-param";name="var""#, Ok("this%20is%20a%20big%0Amultiline%20value"));
    check(parameters, r#""@query-param";name="bar""#, Ok("with%20plus%20whitespace"));
    check(parameters, r#""@query-param";name="fa%C3%A7ade%22%3A%20""#, Ok("something"));
    check(parameters, r#""@query-param";name="empty""#, Ok(""));
    check(parameters, r#""@query-param";name="bare""#, Ok(""));
    check(parameters, r#""@query-param";name="bad""#, Ok("%25zz%252"));
    check(parameters, r#""@query-param";name="twice""#, Err(ComponentError::Absent));
    check(parameters, r#""@query-param";name="none""#, Err(ComponentError::Absent));
}

/// The examples of RFC 9421 section 2.1.
#[test]
fn fields_are_as_the_rfc_shows_them() {
    let check = |lines: &[&str], component: &str, want: Result<&str, ComponentError>| {
        let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("Example-Dict", *line)).collect();
        let request = request("/", &lines);
        let found = resolved(component, Message::Request(&request));
        assert_eq!(found.as_deref().map_err(|error| *error), want, "{component} of {lines:?}");
    };
    let plain = "\"example-dict\"";
    check(&["  a "], plain, Ok("a"));
    check(&["a", " ", "b"], plain, Ok("a, , b"));
    check(&["Obsolete\r\n    line folding."], plain, Ok("Obsolete line folding."));
    check(&["two\r\nlines"], plain, Err(ComponentError::Value));
    check(&["caf\u{e9}"], plain, Err(ComponentError::Value));
    check(&["caf\u{e9}"], "\"example-dict\";bs", Ok(":Y2Fmw6k=:"));
    check(&[], plain, Err(ComponentError::Absent));
    check(
        &["value, with, lots", "of, commas"],
        "\"example-dict\";bs",
        Ok(":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
    );
    let dictionary = " a=1,    b=2;x=1;y=2,   c=(a   b   c), d";
    for (key, want) in [("a", "1"), ("b", "2;x=1;y=2"), ("c", "(a b c)"), ("d", "?1")] {
        check(&[dictionary], &format!("\"example-dict\";key=\"{key}\""), Ok(want));
    }
    check(&[dictionary], "\"example-dict\";key=\"e\"", Err(ComponentError::Structured));
    check(&[dictionary], "\"example-dict\";sf", Err(ComponentError::Structured));
    check(&[], "\"expires\";tr", Ok("Wed, 9 Nov 2022 07:28:00 GMT"));
    check(&[], "\"expires\"", Err(ComponentError::Absent));

    let request = request("/", &[("content-digest", "sha-256=:AA==:,   b"), ("priority", "u=03,   i=?1")]);
    let response = Response { status: 204, fields: Fields::default(), trailers: Fields::default() };
    let answer = Message::Response(&response, Some(&request));
    assert_eq!(resolved("\"content-digest\";sf", Message::Request(&request)).unwrap(), "sha-256=:AA==:, b");
    assert_eq!(resolved("\"priority\";req;sf", answer).unwrap(), "u=3, i");
    assert_eq!(resolved("\"@status\"", answer).unwrap(), "204");
    assert_eq!(resolved("\"@path\";req", answer).unwrap(), "/");
    assert_eq!(resolved("\"@path\"", answer), Err(ComponentError::Kind));
    assert_eq!(resolved("\"@path\";req", Message::Response(&response, None)), Err(ComponentError::Kind));
}
