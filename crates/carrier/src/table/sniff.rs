//! What a file is, by its first bytes and its name. A guess would be judged wrongly: what is not clear is refused.

use mark::Unreadable;

use super::{Format, below};
use crate::{hl7v2, salesforce};

/// How many bytes from a file's beginning [`sniff`] wants to see.
pub const HEAD_BYTES: usize = 64 << 10;

/// Says what a file is.
///
/// Shape:  its first [`HEAD_BYTES`] bytes or all of it; its name without folder, or empty; the object of its rows if
///         the caller was told -> its format.
/// Errors: one sentence that says what to do, as the reason why the file cannot be read.
/// Source: spec/carriers.md section 4.
pub fn sniff(head: &[u8], file_name: &str, object: Option<&str>) -> Result<Format, Unreadable> {
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Err(shape("is UTF-16; save it as UTF-8 (in a spreadsheet: `CSV UTF-8`)"));
    }
    // Plain text in UTF-16 without a mark has a zero in every second byte.
    let zeros = |first: usize| head.iter().skip(first).step_by(2).take(32).all(|byte| *byte == 0);
    if head.len() >= 8 && (zeros(0) || zeros(1)) {
        return Err(shape("looks like UTF-16; save it as UTF-8"));
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    if hl7v2::begins(text) {
        return Ok(Format::Hl7v2);
    }
    let (stem, extension) = file_name.rsplit_once('.').unwrap_or((file_name, ""));
    match text.first() {
        None => Err(shape("is empty")),
        Some(b'{') => Ok(object_format(&outline(text), extension, object)),
        Some(b'[') if has(text, b"\"resourceType\"") => Ok(Format::FhirDocument),
        Some(b'[') => Ok(Format::SalesforceJson { object: object.map(str::to_owned) }),
        Some(b'<') if is_page(text) => Err(shape(
            "is a page or a table in HTML, as a report saved for spreadsheets is; save it as CSV in UTF-8",
        )),
        Some(b'<') => Err(shape("is XML; give FHIR as JSON")),
        Some(_) => table_format(text, stem, extension, object),
    }
}

fn object_format(outline: &Outline<'_>, extension: &str, object: Option<&str>) -> Format {
    let lined = ["ndjson", "jsonl"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    let is_fhir =
        outline.names.contains(&b"resourceType".as_slice()) || outline.names.contains(&b"entry".as_slice());
    match (is_fhir, lined || outline.has_next) {
        (true, true) => Format::FhirLines,
        (true, false) => Format::FhirDocument,
        (false, _) => Format::SalesforceJson { object: object.map(str::to_owned) },
    }
}

fn table_format(
    text: &[u8],
    stem: &str,
    extension: &str,
    object: Option<&str>,
) -> Result<Format, Unreadable> {
    // What a spreadsheet is told stands between cells is not counted.
    let separator = below::separator(text);
    let text = separator.and_then(|(length, _)| text.get(length..)).unwrap_or(text);
    let first = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    if first.iter().any(|byte| *byte < b' ' && *byte != b'\t') {
        return Err(shape("is neither JSON nor a table of text"));
    }
    let count = |delimiter: u8| first.split(|byte| *byte == delimiter).count() - 1;
    if is_sql(first) {
        return Err(shape("is SQL; give the table as CSV"));
    }
    // The first of those that are most frequent: a comma before a semicolon before a tab before a bar.
    let known = [b'|', b'\t', b';', b','];
    let delimiter = match separator {
        Some((_, said)) if known.contains(&said) => said,
        Some(_) => {
            return Err(shape(
                "has other cells than with commas, semicolons, tabs or | between them; save it so",
            ));
        }
        None => known.into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b','),
    };
    let named = ["csv", "tsv", "psv"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    if count(delimiter) == 0 && !named {
        return Err(shape("is neither JSON nor a table; give a CSV with a header"));
    }
    let table = object.unwrap_or(stem);
    match salesforce_object(table, first) {
        Some(object) if delimiter == b',' => Ok(Format::SalesforceCsv { object }),
        // Our fields in Salesforce's spelling are in no other table; what its rows are, its name says.
        _ if delimiter == b',' && salesforce::is_name(table) && has_fields_of_ours(first) => {
            Ok(Format::SalesforceCsv { object: table.to_owned() })
        }
        _ if table.is_empty() => Err(shape("is a table without a name; say what its rows are")),
        _ => Ok(Format::Table { object: table.to_owned(), delimiter }),
    }
}

/// Whether what begins with `<` is HTML.
fn is_page(text: &[u8]) -> bool {
    let begins =
        |word: &str| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
    ["<html", "<head", "<meta", "<table", "<!doctype html"].into_iter().any(begins)
}

/// Whether a file of text begins as a dump of a database does: its rows stand in statements, and none in its first line.
fn is_sql(first: &[u8]) -> bool {
    let first = first.trim_ascii_start();
    let begins =
        |word: &str| first.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
    ["insert into ", "create table ", "copy ", "drop table ", "begin;", "begin transaction", "-- ", "/*"]
        .into_iter()
        .any(begins)
}

/// Whether a header has a field that a mark rides in as Salesforce spells it.
fn has_fields_of_ours(header: &[u8]) -> bool {
    let header = String::from_utf8_lossy(header);
    header.split(',').map(|name| name.trim().trim_matches('"')).any(salesforce::is_field_of_ours)
}

/// The Salesforce object that a table's name means: a custom object, or a standard one about people. The plural of
/// one means it too where the header has Salesforce's spelling.
fn salesforce_object(table: &str, header: &[u8]) -> Option<String> {
    let is_custom = table.len() > 3 && table.is_ascii() && table.to_ascii_lowercase().ends_with("__c");
    if is_custom {
        return Some(table.to_owned());
    }
    let standard = |word: &str| {
        STANDARD.iter().find(|name| name.eq_ignore_ascii_case(word)).map(|&name| name.to_owned())
    };
    let spelled =
        [b"LastName".as_slice(), b"AccountId", b"OwnerId", b"__c"].iter().any(|name| has(header, name));
    standard(table).or_else(|| table.strip_suffix(['s', 'S']).filter(|_| spelled).and_then(standard))
}

/// Standard objects whose exports are commonly named after them.
const STANDARD: [&str; 14] = [
    "Account",
    "AccountContactRelation",
    "Campaign",
    "CampaignMember",
    "Case",
    "Contact",
    "ContentNote",
    "Event",
    "Lead",
    "Opportunity",
    "ServiceAppointment",
    "Task",
    "User",
    "WorkOrder",
];

/// Whether a text, which may be cut, is objects one after the other.
pub fn is_lined(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    text.first() == Some(&b'{') && outline(text).has_next
}

/// The member names of the first object of a text that may be cut, and whether another object follows it.
struct Outline<'t> {
    names: Vec<&'t [u8]>,
    has_next: bool,
}

fn outline(text: &[u8]) -> Outline<'_> {
    let (mut names, mut depth, mut at) = (Vec::new(), 0_usize, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let start = at + 1;
                at = start;
                while let Some(byte) = text.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
                let after = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
                if depth == 1 && after.first() == Some(&b':') {
                    names.push(text.get(start..at).unwrap_or_default());
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    let after = text.get(at + 1..).unwrap_or_default().trim_ascii_start();
                    return Outline { names, has_next: after.first() == Some(&b'{') };
                }
            }
            _ => {}
        }
        at += 1;
    }
    Outline { names, has_next: false }
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}
