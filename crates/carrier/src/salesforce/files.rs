//! What is in a file that is stored in the org: its records are records of the request.

use std::borrow::Cow;

use mark::{Record, Unreadable, json::Json, json::Members};

use super::record::shape;
use crate::{
    Limits,
    base64::decoded,
    misplaced::{HOLDS_LABELLED, bears_label},
    table::{Chunks, Format, HEAD_BYTES, sniff},
};

/// The field of an object that holds a file, in base64.
///
/// Source: Salesforce's Object Reference: fields of type base64.
pub(super) fn file_field(object: &str) -> Option<&'static str> {
    const FIELDS: [(&str, &str); 5] = [
        ("ContentVersion", "VersionData"),
        ("Attachment", "Body"),
        ("Document", "Body"),
        ("ContentNote", "Content"),
        ("StaticResource", "Body"),
    ];
    FIELDS.into_iter().find(|(name, _)| object.eq_ignore_ascii_case(name)).map(|(_, field)| field)
}

/// The records in the file that a row holds, if it holds one.
///
/// Shape:  a row's members -> the contents of the file's records in order; none if nobody here reads the file.
/// Bounds: `limits`, on the file as on a body.
/// Errors: one unreadable record for what is not base64, and for a file that says it holds records and cannot be read.
/// Source: spec/carriers.md section 2.14.
pub(super) fn held_in(
    object: &str,
    row: &Members<'_>,
    file_name: Option<&str>,
    limits: &Limits,
) -> Vec<Result<Record<'static>, Unreadable>> {
    let Some(field) = file_field(object) else { return Vec::new() };
    let text = |name: &str| {
        let found = row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.text())
    };
    let encoded = match row.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)) {
        None | Some((_, Json::Null)) => return Vec::new(),
        Some((_, Json::Text(encoded))) => encoded,
        Some(_) => return vec![Err(shape("holds a file that is not base64"))],
    };
    let Some(bytes) = decoded(encoded) else {
        return vec![Err(shape("holds a file that is not base64"))];
    };
    let named = ["PathOnClient", "Name", "DeveloperName", "Title"].into_iter().filter_map(text);
    let all: Vec<&str> = named.chain(file_name).collect();
    // One name that says so is enough.
    let name = all.iter().find(|name| claims_records(name)).or(all.first()).copied();
    records_in(&bytes, name.unwrap_or("file"), limits)
}

/// A record of a file, unless it holds a file in which records bear labels: they would be judged by nobody.
///
/// Errors: such a one is unreadable. What bears none, and what cannot be read, is content of what holds it.
/// Source: spec/carriers.md section 4.1.
pub(crate) fn without_labelled<'a>(record: Record<'a>, limits: &Limits) -> Result<Record<'a>, Unreadable> {
    let is_labelled = held_in(&record.object, &record.fields, None, limits).iter().any(bears_label);
    if is_labelled { Err(shape(HOLDS_LABELLED)) } else { Ok(record) }
}

/// The records of a file by what it is; see [`held_in`].
pub(crate) fn records_in(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Vec<Result<Record<'static>, Unreadable>> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let claims_records = claims_records(name);
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    if std::str::from_utf8(bytes).is_err() && !claims_records && !is_message(head) {
        return Vec::new();
    }
    let format = match sniff(beginning(bytes), name, None) {
        Ok(format) => format,
        Err(reason) if claims_records => return vec![Err(reason)],
        Err(_) => return Vec::new(),
    };
    let is_table = matches!(format, Format::Table { .. } | Format::SalesforceCsv { .. });
    if is_table && !ends_in(name, &[".csv", ".tsv"]) && !looks_like_table(head) {
        return Vec::new();
    }
    let is_rows = matches!(format, Format::SalesforceJson { .. });
    let mut found = Vec::new();
    let mut chunks = Chunks::new(bytes, format, *limits);
    while let Ok(Some(chunk)) = chunks.next_chunk() {
        for reading in chunk.readings() {
            if found.len() >= limits.records {
                return vec![Err(Unreadable::TooMany { limit: limits.records })];
            }
            found.push(reading.content.map(owned));
        }
    }
    // JSON of no format that we know is a file like any other: settings, a picture's description.
    if is_rows && found.iter().all(Result::is_err) && !mentions_rows(bytes) {
        return Vec::new();
    }
    found
}

/// As much of a file as tells what it is: documents are looked at whole, for members come in any order.
fn beginning(bytes: &[u8]) -> &[u8] {
    let is_document = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    let length = if is_document { bytes.len() } else { HEAD_BYTES };
    bytes.get(..bytes.len().min(length)).unwrap_or_default()
}

fn claims_records(name: &str) -> bool {
    ends_in(name, &[".csv", ".tsv", ".json", ".ndjson", ".jsonl", ".hl7"])
}

fn ends_in(name: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
}

fn is_message(head: &[u8]) -> bool {
    head.starts_with(b"MSH") || head.starts_with(b"\x0bMSH")
}

/// Whether JSON has the words that Salesforce rows and FHIR resources have, escaped or not.
fn mentions_rows(bytes: &[u8]) -> bool {
    ["\"attributes\"", "\"resourceType\"", "\\u"]
        .iter()
        .any(|word| memchr::memmem::find(bytes, word.as_bytes()).is_some())
}

/// Whether a text without a table's name has a table's shape: several columns, the same number in the first lines.
fn looks_like_table(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    [',', ';', '\t', '|'].into_iter().any(|delimiter| {
        let mut counts = text.lines().take(3).map(|line| line.matches(delimiter).count());
        let first = counts.next().unwrap_or(0);
        let rest: Vec<usize> = counts.collect();
        first > 0 && !rest.is_empty() && rest.iter().all(|count| *count == first)
    })
}

/// A record that borrows nothing.
pub(crate) fn owned(record: Record<'_>) -> Record<'static> {
    let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    Record {
        form: record.form,
        object: text(record.object),
        fields: record.fields.into_iter().map(|(name, value)| (text(name), owned_json(value))).collect(),
        mark: record.mark.map(text),
        claim: record.claim,
    }
}

pub(super) fn owned_json(value: Json<'_>) -> Json<'static> {
    match value {
        Json::Null => Json::Null,
        Json::Bool(truth) => Json::Bool(truth),
        Json::Number(number) => Json::Number(number),
        Json::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
        Json::Array(items) => Json::Array(items.into_iter().map(owned_json).collect()),
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(name, value)| (Cow::Owned(name.into_owned()), owned_json(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { body_bytes: 10_000, records: 3 };

    /// The object of each record in a file, or the sentence that refuses it.
    fn check(name: &str, bytes: &[u8], want: &[&str]) {
        let found = records_in(bytes, name, &LIMITS);
        let shown: Vec<String> = found
            .iter()
            .map(|content| match content {
                Ok(record) => format!("{} {}", record.object, record.fields.len()),
                Err(reason) => reason.to_string(),
            })
            .collect();
        assert_eq!(shown, want, "{name}");
    }

    #[test]
    fn what_a_carrier_knows_is_read_and_the_rest_is_a_file() {
        check("people.csv", b"first,last\nAda,Zzyzx\nEve,Zzyzx\n", &["people 2", "people 2"]);
        check("people.dat", b"first,last\nAda,Zzyzx\n", &["people 2"]);
        check("c:\\tmp\\people.csv", b"first,last\nAda,Zzyzx\n", &["people 2"]);
        check("p.json", br#"{"resourceType":"Patient","birthDate":"1984-02-29"}"#, &["Patient 1"]);
        check(
            "p",
            b"{\"resourceType\":\"Patient\",\"birthDate\":\"1984\"}\n{\"resourceType\":\"Basic\"}\n",
            &["Patient 1", "Basic 0"],
        );
        check("m.hl7", b"MSH|^~\\&|a|b|c|d|1||ADT^A01|1|P|2.5\rPID|1||2||Zzyzx^Ada\r", &["ADT 5"]);
        check("rows.json", br#"[{"attributes":{"type":"Contact"},"LastName":"Zzyzx"}]"#, &["Contact 1"]);
        check("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &[]);
        check("letter.txt", b"Dear all,\n\nthe clinic is closed.\n", &[]);
        check("settings.json", br#"{"theme":"dark","size":3}"#, &[]);
        check("", b"", &[]);
    }

    #[test]
    fn a_file_that_says_it_holds_records_and_cannot_be_read_is_unreadable() {
        check(
            "p.csv",
            b"a,b\n1\n",
            &[
                "has 1 cells under 2 columns; cut off lines that are no rows, such as a total or a note below them",
            ],
        );
        let utf16 = records_in(b"\xFF\xFEa\0,\0b\0\n\0", "p.csv", &LIMITS);
        assert!(utf16.first().is_some_and(Result::is_err), "{utf16:?}");
        check("p.csv", b"a,b\n1,2\n1,2\n1,2\n1,2\n", &["holds more than 3 records"]);
        let row = |value: Json<'static>| vec![(Cow::Borrowed("versionDATA"), value)];
        let held = |value| held_in("contentversion", &row(value), None, &LIMITS);
        assert_eq!(held(Json::Text("YSxiCjEsMgo=".into())).len(), 1);
        assert_eq!(held(Json::Text("YSxi\nCjEsMgo".into())).len(), 1);
        assert!(held(Json::Text("YSxi*".into())).first().is_some_and(Result::is_err));
        assert!(held(Json::Number(1.0)).first().is_some_and(Result::is_err));
        assert_eq!(held(Json::Null).len(), 0);
        assert_eq!(held_in("Contact", &row(Json::Number(1.0)), None, &LIMITS).len(), 0);
    }
}
