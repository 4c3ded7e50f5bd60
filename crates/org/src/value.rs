//! Values: from what a client sends to the one form the org keeps and gives back.
//!
//! Kept values are JSON: text trimmed, dates and date-times in the server's spelling, numbers as numbers.
//! Date strings in that spelling sort as the moments they name, which SOQL relies on.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a value of any other JSON type is not of the field's type"
)]

use serde_json::{Number, Value};

use crate::datetime;
use crate::failure::Failure;
use crate::schema::{Field, Kind};

/// How the value travelled: JSON has types, a CSV cell is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Json,
    Csv,
}

/// Brings a value to the form the org keeps; nothing means null.
///
/// References are only brought to 18 characters here; whether the record exists is the store's to say.
pub(crate) fn accept(field: &Field, given: &Value, source: Source) -> Result<Option<Value>, Failure> {
    let text = match given {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim(),
        Value::Bool(_) | Value::Number(_) => "",
        Value::Array(_) => return Err(mismatch(field, "START_ARRAY", "[")),
        Value::Object(_) => return Err(mismatch(field, "START_OBJECT", "{")),
    };
    if given.is_string() && text.is_empty() && field.kind != Kind::Boolean {
        return Ok(None);
    }
    match field.kind {
        Kind::Boolean => boolean(field, given, text, source).map(Some),
        Kind::Int | Kind::Double | Kind::Currency | Kind::Percent => {
            number(field, given, text, source).map(Some)
        }
        Kind::Date => dated(field, given, text, source, |t| datetime::read_date(t).map(datetime::spell_date)),
        Kind::DateTime => {
            dated(field, given, text, source, |t| datetime::read_date_time(t).map(datetime::spell_date_time))
        }
        Kind::Time => dated(field, given, text, source, datetime::normal_time),
        Kind::Id | Kind::Reference => reference(field, given, text),
        Kind::Base64 => base64(field, given, source),
        Kind::Address | Kind::Location => Err(read_only(field)),
        Kind::String
        | Kind::TextArea
        | Kind::Email
        | Kind::Phone
        | Kind::Url
        | Kind::Picklist
        | Kind::MultiPicklist
        | Kind::ComboBox
        | Kind::EncryptedString => words(field, given, text).map(Some),
    }
}

/// A field that this client may not write.
pub(crate) fn read_only(field: &Field) -> Failure {
    Failure::row(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
            field.name
        ),
        &[&field.name],
    )
}

/// What the value is as text, for CSV cells and comparisons.
pub(crate) fn spell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn boolean(field: &Field, given: &Value, text: &str, source: Source) -> Result<Value, Failure> {
    match (given, text.to_ascii_lowercase().as_str()) {
        (Value::Bool(yes), _) => Ok(Value::Bool(*yes)),
        (Value::String(_), "true" | "1") => Ok(Value::Bool(true)),
        (Value::String(_), "false" | "0" | "") => Ok(Value::Bool(false)),
        _ => Err(wrong(field, given, source)),
    }
}

fn number(field: &Field, given: &Value, text: &str, source: Source) -> Result<Value, Failure> {
    let number = match given {
        Value::Number(number) => number.as_f64(),
        _ => text.parse::<f64>().ok(),
    };
    let number = number.filter(|n| n.is_finite()).ok_or_else(|| wrong(field, given, source))?;
    let limit = if field.kind == Kind::Int { 2_147_483_647.0 } else { 1e18 };
    if number.abs() > limit {
        let message = format!("{}: value outside of valid range on numeric field: {number}", field.label);
        return Err(Failure::row("NUMBER_OUTSIDE_VALID_RANGE", message, &[&field.name]));
    }
    if field.kind != Kind::Int {
        return Ok(Number::from_f64(number).map_or(Value::Null, Value::Number));
    }
    if number.fract() != 0.0 {
        return Err(wrong(field, given, source));
    }
    format!("{number:.0}").parse::<i64>().map(Value::from).map_err(|_| wrong(field, given, source))
}

fn dated(
    field: &Field,
    given: &Value,
    text: &str,
    source: Source,
    read: impl Fn(&str) -> Option<String>,
) -> Result<Option<Value>, Failure> {
    match given {
        Value::String(_) => {
            read(text).map(|t| Some(Value::String(t))).ok_or_else(|| wrong(field, given, source))
        }
        _ => Err(wrong(field, given, source)),
    }
}

fn reference(field: &Field, given: &Value, text: &str) -> Result<Option<Value>, Failure> {
    let id = if given.is_string() { crate::id::widen(text) } else { None };
    id.map(|id| Some(Value::String(id))).ok_or_else(|| {
        let message = format!("{}: id value of incorrect type: {}", field.label, spell(given));
        Failure::row("MALFORMED_ID", message, &[&field.name])
    })
}

fn base64(field: &Field, given: &Value, source: Source) -> Result<Option<Value>, Failure> {
    let Value::String(text) = given else { return Err(wrong(field, given, source)) };
    let plain: String = text.split_ascii_whitespace().collect();
    match data_encoding::BASE64.decode(plain.as_bytes()) {
        Ok(_) => Ok(Some(Value::String(plain))),
        Err(_) => Err(wrong(field, given, source)),
    }
}

fn words(field: &Field, given: &Value, text: &str) -> Result<Value, Failure> {
    let text = if given.is_string() { text.to_owned() } else { spell(given) };
    let length = text.chars().count();
    if field.length > 0 && length > usize::try_from(field.length).unwrap_or(usize::MAX) {
        let message = format!("{}: data value too large: {text} (max length={})", field.label, field.length);
        return Err(Failure::row("STRING_TOO_LONG", message, &[&field.name]));
    }
    if field.kind == Kind::Email && !looks_like_email(&text) {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(Failure::row("INVALID_EMAIL_ADDRESS", message, &[&field.name]));
    }
    let allowed = |value: &str| field.values.iter().any(|known| known == value);
    let chosen = match field.kind {
        Kind::MultiPicklist => text.split(';').all(|part| allowed(part.trim())),
        _ => allowed(&text),
    };
    if field.restricted && !field.values.is_empty() && !chosen {
        let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
        return Err(Failure::row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]));
    }
    Ok(Value::String(text))
}

fn looks_like_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', ',', ';', '<', '>']);
        plain(name) && plain(host) && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
    })
}

fn wrong(field: &Field, given: &Value, source: Source) -> Failure {
    let token = match given {
        Value::String(_) => "VALUE_STRING",
        Value::Bool(true) => "VALUE_TRUE",
        Value::Bool(false) => "VALUE_FALSE",
        Value::Number(number) if number.is_f64() => "VALUE_NUMBER_FLOAT",
        Value::Number(_) => "VALUE_NUMBER_INT",
        Value::Null => "VALUE_NULL",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    if source == Source::Csv {
        let message = format!("{}: value not of required type: {}", field.label, spell(given));
        return Failure::row("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[&field.name]);
    }
    mismatch(field, token, &spell(given))
}

fn mismatch(field: &Field, token: &str, text: &str) -> Failure {
    Failure::bad_json(format!(
        "Cannot deserialize instance of {} from {token} value {text} or request may be missing a required field at [field:{}]",
        field.kind.name(),
        field.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "a row of a table reads better without borrows")]
    fn check(kind: Kind, length: u32, given: Value, expected: Result<Option<Value>, &str>) {
        let mut field = Field::new("Some_Field__c", kind);
        field.length = length;
        let got = accept(&field, &given, Source::Json).map_err(|failure| failure.code);
        assert_eq!(got, expected, "{kind:?} {given}");
    }

    #[test]
    fn values_become_what_a_server_gives_back() {
        check(Kind::String, 5, json!("  abc "), Ok(Some(json!("abc"))));
        check(Kind::String, 5, json!("   "), Ok(None));
        check(Kind::String, 5, json!("abcdef"), Err("STRING_TOO_LONG"));
        check(Kind::String, 5, json!("ééééé"), Ok(Some(json!("ééééé"))));
        check(Kind::String, 5, json!(12), Ok(Some(json!("12"))));
        check(Kind::String, 5, json!({"a": 1}), Err("JSON_PARSER_ERROR"));
        check(Kind::Boolean, 0, json!("TRUE"), Ok(Some(json!(true))));
        check(Kind::Boolean, 0, json!("maybe"), Err("JSON_PARSER_ERROR"));
        check(Kind::Int, 9, json!(12), Ok(Some(json!(12))));
        check(Kind::Int, 9, json!("12"), Ok(Some(json!(12))));
        check(Kind::Int, 9, json!(1.5), Err("JSON_PARSER_ERROR"));
        check(Kind::Int, 9, json!(5_000_000_000u64), Err("NUMBER_OUTSIDE_VALID_RANGE"));
        check(Kind::Double, 0, json!(1), Ok(Some(json!(1.0))));
        check(Kind::Double, 0, json!("NaN"), Err("JSON_PARSER_ERROR"));
        check(Kind::Date, 0, json!("2026-01-02"), Ok(Some(json!("2026-01-02"))));
        check(Kind::Date, 0, json!("02.01.2026"), Err("JSON_PARSER_ERROR"));
        check(
            Kind::DateTime,
            0,
            json!("2026-01-02T03:04:05Z"),
            Ok(Some(json!("2026-01-02T03:04:05.000+0000"))),
        );
        check(Kind::Reference, 18, json!("001000000000001"), Ok(Some(json!("001000000000001AAA"))));
        check(Kind::Reference, 18, json!("nope"), Err("MALFORMED_ID"));
        check(Kind::Email, 80, json!("a@example.com"), Ok(Some(json!("a@example.com"))));
        check(Kind::Email, 80, json!("a.example.com"), Err("INVALID_EMAIL_ADDRESS"));
        check(Kind::Base64, 0, json!("aGk="), Ok(Some(json!("aGk="))));
        check(Kind::Base64, 0, json!("a"), Err("JSON_PARSER_ERROR"));
        check(Kind::Address, 0, json!("x"), Err("INVALID_FIELD_FOR_INSERT_UPDATE"));
    }
}
