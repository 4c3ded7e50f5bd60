//! Scenes: what servers do to values, and what it must not do to digests.

use proptest::prelude::*;

use super::*;
use crate::record::Claim;

fn spelled(kind: Kind, json: &str) -> String {
    let value = crate::json::parse(json.as_bytes()).unwrap();
    let mut out = Vec::new();
    spell(kind, &value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_value_and_what_a_server_makes_of_it_are_spelled_alike() {
    for (kind, written, returned) in [
        (Kind::Text, r#"" Ada ""#, r#""Ada""#),
        (Kind::Text, r#""a\r\nb""#, r#""a\nb""#),
        (Kind::Text, r#""""#, "null"),
        (Kind::Number, "1.50", "1.5"),
        (Kind::Number, r#""1500.0""#, "1500"),
        (Kind::Number, "100", r#""1e2""#),
        (Kind::Boolean, "false", "null"),
        (Kind::Boolean, r#""TRUE""#, "true"),
        (Kind::Boolean, r#""1""#, "true"),
        (Kind::Date, r#""1984-02-29""#, r#""1984-02-29T00:00:00.000+0000""#),
        (Kind::DateTime, r#""2026-01-02T03:04:05Z""#, r#""2026-01-02T03:04:05.000+0000""#),
        (Kind::DateTime, r#""2026-01-02T05:04:05.999+02:00""#, r#""2026-01-02T03:04:05.000Z""#),
        (Kind::DateTime, r#""2026-01-02T03:04:05""#, r#""2026-01-02T03:04:05Z""#),
        (Kind::Id, r#""003d000000abcdEAAQ""#, r#""003d000000abcdE""#),
        (Kind::Element, r#"{"b":1.50,"a":["x"]}"#, r#"{"a":["x"],"b":1.5,"c":null,"d":[],"e":{"f":[null]}}"#),
        (
            Kind::Element,
            r#"{"reference":"urn:uuid:1","display":"d"}"#,
            r#"{"display":"d","reference":"Patient/7"}"#,
        ),
    ] {
        assert_eq!(spelled(kind, written), spelled(kind, returned), "{kind:?} {written} {returned}");
    }
}

#[test]
fn different_values_are_spelled_differently() {
    for (kind, one, other) in [
        (Kind::Text, r#""1""#, r#""01""#),
        (Kind::Text, r#""ada""#, r#""Ada""#),
        (Kind::Number, "1", "2"),
        (Kind::Boolean, "true", "null"),
        (Kind::Boolean, r#""maybe""#, "true"),
        (Kind::DateTime, r#""2026-01-02T03:04:05Z""#, r#""2026-01-02T03:04:06Z""#),
        (Kind::Date, r#""not a date""#, r#""1984-02-29""#),
        (Kind::Element, "false", "null"),
        (Kind::Element, r#"["a","b"]"#, r#"["b","a"]"#),
    ] {
        assert_ne!(spelled(kind, one), spelled(kind, other), "{kind:?} {one} {other}");
    }
}

fn list() -> FieldList {
    serde_json::from_str(r#"{"content":["LastName","FirstName","Birthdate:date","Phone"],"identity":["LastName","FirstName","Birthdate"]}"#).unwrap()
}

fn digests(json: &'static str) -> Digests {
    let Json::Object(fields) = crate::json::parse(json.as_bytes()).unwrap() else { panic!("an object") };
    let record = Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields,
        mark: None,
        claim: Claim::None,
    };
    list().digests("Contact", &record, Salt([9; 16]))
}

#[test]
fn identity_and_content_move_as_they_should() {
    let first = digests(r#"{"FirstName":"Ada","LastName":"Bell","Birthdate":"1984-02-29","Phone":"1"}"#);
    let same =
        digests(r#"{"phone":"1","LASTNAME":" Bell","Birthdate":"1984-02-29","FirstName":"Ada","Added":"x"}"#);
    let phone = digests(r#"{"FirstName":"Ada","LastName":"Bell","Birthdate":"1984-02-29","Phone":"2"}"#);
    let other = digests(r#"{"FirstName":"Eve","LastName":"Bell","Birthdate":"1984-02-29","Phone":"1"}"#);
    assert_eq!(first, same);
    assert!(phone.content != first.content && phone.identity == first.identity);
    assert!(other.content != first.content && other.identity != first.identity);
}

#[test]
fn without_identity_values_the_content_is_the_identity() {
    let one = digests(r#"{"Phone":"1"}"#);
    let two = digests(r#"{"Phone":"2"}"#);
    assert_ne!(one.identity, two.identity);
}

#[test]
fn a_list_with_a_fault_says_which() {
    for (written, want) in [
        (r#"{"content":["A","a"],"identity":[]}"#, "twice"),
        (r#"{"content":["A:colour"],"identity":[]}"#, "not a kind"),
        (r#"{"content":["A"],"identity":["B"]}"#, "not a covered field"),
        (r#"{"content":[""],"identity":[]}"#, "without a name"),
    ] {
        let error = serde_json::from_str::<FieldList>(written).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

proptest! {
    #[test]
    fn spelling_is_total_and_canonical(text in "\\PC{0,30}", which in 0_usize..7) {
        let mut out = Vec::new();
        spell(Kind::ALL[which], &Json::Text(Cow::Borrowed(&text)), &mut out);
        if !out.is_empty() {
            let read = crate::json::parse(&out);
            prop_assert!(read.is_ok() || which == 1, "only numbers may exceed");
        }
    }
}
