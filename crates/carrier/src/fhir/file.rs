//! Files in resources, wherever they stand and whatever they call themselves: base64 or an address that holds its data.

use std::borrow::Cow;

use mark::{
    Record, Unreadable,
    json::{Json, Members},
};

use super::read::{Media, member, read_document_in, shape};
use crate::{
    Limits,
    base64::decoded,
    route::unescaped,
    salesforce::{owned, records_in},
};

/// A file, and what it says it is.
pub(super) struct File<'v> {
    media: &'v str,
    title: &'v str,
    data: Data<'v>,
}

/// How a file is written.
enum Data<'v> {
    /// In base64.
    Encoded(&'v str),
    /// In base64, unless it is another text: nothing beside it says that it is a file.
    PerhapsEncoded(&'v str),
    /// What follows the comma of a `data:` URL.
    InUrl { text: &'v str, is_encoded: bool },
}

/// The files anywhere in a value: objects with `data`, values in base64, `data:` URLs. Contained resources have theirs too.
///
/// Source: spec/carriers.md section 3.7.
pub(super) fn files_in<'v>(name: &str, value: &'v Json<'_>, found: &mut Vec<File<'v>>) {
    match value {
        Json::Object(members) => {
            if let Some(data) = member(members, "data").and_then(Json::text) {
                found.push(attached(members, data));
            }
            for (name, value) in members {
                files_in(name, value, found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| files_in(name, item, found)),
        Json::Text(text) if name.ends_with("Base64Binary") => {
            found.push(File { media: UNSAID, title: "", data: Data::Encoded(text) });
        }
        Json::Text(text) => found.extend(in_url(text)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The media type of what does not say what it is.
const UNSAID: &str = "application/octet-stream";

fn attached<'v>(members: &'v Members<'_>, data: &'v str) -> File<'v> {
    let text = |name| member(members, name).and_then(Json::text).unwrap_or_default();
    let says = |name| member(members, name).is_some();
    if says("contentType") || says("title") {
        File { media: text("contentType"), title: text("title"), data: Data::Encoded(data) }
    } else {
        File { media: UNSAID, title: "", data: Data::PerhapsEncoded(data) }
    }
}

/// The file in a `data:` URL, if a text is one. Prose may begin with that word: a media type has a slash and no space.
///
/// Source: RFC 2397.
fn in_url(text: &str) -> Option<File<'_>> {
    let rest = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")).and(text.get(5..))?;
    let (head, text) = rest.split_once(',')?;
    let (media, is_encoded) = match head.rsplit_once(';') {
        Some((media, word)) if word.trim().eq_ignore_ascii_case("base64") => (media, true),
        _ => (head, head.eq_ignore_ascii_case(";base64")),
    };
    let essence = media.split(';').next().unwrap_or_default();
    let is_media = essence.is_empty() || (essence.contains('/') && !essence.contains(char::is_whitespace));
    let media = if essence.is_empty() { UNSAID } else { media };
    is_media.then_some(File { media, title: "", data: Data::InUrl { text, is_encoded } })
}

/// The file that a Binary is.
pub(super) fn binary_file<'m>(members: &'m Members<'_>) -> Result<Option<File<'m>>, Unreadable> {
    let media = member(members, "contentType").and_then(Json::text).unwrap_or_default();
    match member(members, "data") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(data)) => Ok(Some(File { media, title: "", data: Data::Encoded(data) })),
        Some(_) => Err(shape("holds data that is not base64")),
    }
}

impl File<'_> {
    /// The records of the file, if it is of a format that is read here.
    ///
    /// Bounds: the file is shorter than its text, and is read with the bounds of the body.
    pub(super) fn records(&self, limits: &Limits) -> Vec<Result<Record<'static>, Unreadable>> {
        let bytes = match &self.data {
            Data::Encoded(text) => decoded(text),
            Data::PerhapsEncoded(text) => Some(decoded(text).unwrap_or_default()),
            Data::InUrl { text, is_encoded: true } => unescaped(text).and_then(|text| decoded(&text)),
            Data::InUrl { text, is_encoded: false } => unescaped(text).map(String::into_bytes),
        };
        let Some(bytes) = bytes else { return vec![Err(shape("holds a file that is not base64"))] };
        records_of(self.media, self.title, &bytes, limits)
    }
}

/// The records of a file that says it is of this media type. One that says nothing, or something else, is read by how it begins.
///
/// Shape:  any bytes -> the records in it; none if it is of no format that is read here.
/// Errors: one unreadable record for a file that says it holds records and cannot be read.
/// Source: spec/carriers.md section 3.7.
pub(super) fn records_of(
    media: &str,
    title: &str,
    bytes: &[u8],
    limits: &Limits,
) -> Vec<Result<Record<'static>, Unreadable>> {
    let bytes = &*in_utf8(bytes);
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let head = bytes.trim_ascii_start();
    let is_markup = head.starts_with(b"<");
    let name = match essence.as_str() {
        "application/fhir+json" | "application/json+fhir" => return document(Media::Json, bytes, limits),
        "application/json" => "file.json",
        "application/fhir+ndjson" | "application/ndjson" | "application/x-ndjson" => "file.ndjson",
        "text/csv" | "application/csv" => "file.csv",
        "text/tab-separated-values" => "file.tsv",
        known if known.contains("hl7-v2") || known.contains("hl7v2") || known.ends_with("+er7") => "file.hl7",
        "application/fhir+xml" | "application/xml+fhir" => return document(Media::Xml, bytes, limits),
        known if is_markup && (known.ends_with("xml") || known.is_empty() || known == "text/plain") => {
            return markup(bytes, true, limits);
        }
        _ if is_markup => match markup(bytes, false, limits) {
            none if none.is_empty() => title,
            read => return read,
        },
        _ => title,
    };
    // Prose with commas is no table: what does not say what it is has to begin like a format that says it itself.
    let says =
        name.starts_with("file.") || [".csv", ".tsv", ".json", ".hl7"].iter().any(|end| name.ends_with(end));
    let begins = [&b"{"[..], b"[", b"MSH", b"FHS", b"BHS", b"\x0b"].iter().any(|word| head.starts_with(word));
    if says || begins {
        records_in(bytes, if name.is_empty() { "file" } else { name }, limits)
    } else {
        Vec::new()
    }
}

/// A text without its byte order mark; one in UTF-16 that begins as JSON or XML does, in UTF-8.
fn in_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        return Cow::Borrowed(rest);
    }
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2) {
        Some(b"\xFF\xFE") => u16::from_le_bytes,
        Some(b"\xFE\xFF") => u16::from_be_bytes,
        _ => return Cow::Borrowed(bytes),
    };
    let pairs = bytes.get(2..).unwrap_or_default().chunks_exact(2);
    let units: Vec<u16> = pairs.filter_map(|pair| Some(unit(pair.try_into().ok()?))).collect();
    match String::from_utf16(&units) {
        Ok(text) if text.trim_start().starts_with(['{', '[', '<']) => Cow::Owned(text.into_bytes()),
        Ok(_) | Err(_) => Cow::Borrowed(bytes),
    }
}

/// The records of a file in markup: a resource of FHIR, or a clinical document.
///
/// Shape:  what says that it is XML is read if it names FHIR anywhere; a page or a signature may, so in them FHIR has to be the
///         namespace of an element.
fn markup(bytes: &[u8], says_xml: bool, limits: &Limits) -> Vec<Result<Record<'static>, Unreadable>> {
    let mentions = |word: &[u8]| memchr::memmem::find(bytes, word).is_some();
    if (says_xml && mentions(b"http://hl7.org/fhir")) || declares(bytes, b"http://hl7.org/fhir") {
        return document(Media::Xml, bytes, limits);
    }
    if mentions(b"urn:hl7-org:v3") && mentions(b"ClinicalDocument") {
        return vec![Err(shape(
            "holds a clinical document (C-CDA), which cannot carry a mark; send it as FHIR",
        ))];
    }
    Vec::new()
}

/// Whether an element in this markup declares the namespace.
fn declares(markup: &[u8], namespace: &[u8]) -> bool {
    memchr::memmem::find_iter(markup, namespace).any(|at| {
        let (before, from) = markup.split_at(at);
        let Some((quote, before)) = before.split_last() else { return false };
        let ends = from.get(namespace.len()) == Some(quote) && matches!(quote, b'"' | b'\'');
        let before = before.trim_ascii_end().strip_suffix(b"=").unwrap_or_default().trim_ascii_end();
        // A name holds no quote either, so that nothing is passed over twice.
        let is_no_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
        let name = before.rsplit(is_no_name).next().unwrap_or_default();
        ends && (name == b"xmlns" || name.starts_with(b"xmlns:"))
    })
}

fn document(media: Media, bytes: &[u8], limits: &Limits) -> Vec<Result<Record<'static>, Unreadable>> {
    let read = read_document_in(media, bytes, limits).records.into_iter();
    read.map(|reading| reading.content.map(owned)).collect()
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;
    use crate::fhir::read_document;

    const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 100 };
    const SLOT: &str = r#"{"resourceType":"Slot","status":"free"}"#;
    const SLOT_XML: &str = r#"<Slot xmlns="http://hl7.org/fhir"><status value="free"/></Slot>"#;

    /// What a resource with this member is, and what it holds: the types, or `?` for what cannot be read.
    fn check(member: &str, want: &[&str]) {
        let text = format!(r#"{{"resourceType":"Basic",{member}}}"#);
        found(&text, &[&["Basic"], want].concat());
    }

    fn found(text: &str, want: &[&str]) {
        let records = read_document(text.as_bytes(), &LIMITS).records;
        let types: Vec<String> = records
            .iter()
            .map(|one| one.content.as_ref().map_or("?".to_owned(), |record| record.object.to_string()))
            .collect();
        assert_eq!(types, want, "{text}");
    }

    fn coded(bytes: impl AsRef<[u8]>) -> String {
        BASE64.encode(bytes.as_ref())
    }

    #[test]
    fn a_file_is_read_by_what_it_holds_whatever_it_calls_itself() {
        let with = |said: &str, bytes: &[u8]| format!(r#""x":{{{said}"data":"{}"}}"#, coded(bytes));
        let marked = format!("\u{feff}{SLOT}");
        let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for said in
            ["", r#""contentType":"image/png","#, r#""contentType":"application/json","#, r#""title":"a","#]
        {
            for bytes in [SLOT.as_bytes(), marked.as_bytes(), SLOT_XML.as_bytes(), &wide] {
                if !(said.contains("json") && bytes.starts_with(b"<")) {
                    check(&with(said, bytes), &["Slot"]);
                }
            }
        }
        check(&with(r#""contentType":"application/fhir+json","#, marked.as_bytes()), &["Slot"]);
        let page = br#"<html><a href="http://hl7.org/fhir">FHIR</a></html>"#;
        check(&with(r#""contentType":"text/html","#, page), &[]);
        let signature =
            br#"<Signature><M Algorithm="http://hl7.org/fhir/canonicalization/xml"/></Signature>"#;
        check(&with("", signature), &[]);
        check(&with("", b"\x89PNG"), &[]);
        // Looked through once: every place that names FHIR was looked at back to the beginning, which took minutes.
        let named = format!("<{}", "=\"http://hl7.org/fhir\"".repeat(20_000));
        check(&with("", named.as_bytes()), &[]);
        check(&with(r#""contentType":"a/b","title":"a.csv","#, b"<a,b\n1,2\n"), &["?"]);
        check(r#""x":{"data":"2.5 3.5 E"}"#, &[]);
    }

    #[test]
    fn a_value_in_base64_and_an_address_with_its_data_are_files() {
        let slot = coded(SLOT);
        check(&format!(r#""extension":[{{"url":"u","valueBase64Binary":"{slot}"}}]"#), &["Slot"]);
        check(r#""extension":[{"url":"u","valueBase64Binary":"%%"}]"#, &["?"]);
        let escaped = "%7B%22resourceType%22:%22Slot%22%7D";
        for url in [
            format!("data:application/fhir+json;base64,{slot}"),
            format!("DATA:;base64,{}", slot.replace('=', "%3D")),
            format!("data:text/plain;charset=utf-8;base64,{slot}"),
            format!("data:,{escaped}"),
            format!("data:application/json,{escaped}"),
        ] {
            check(&format!(r#""x":[{{"url":"{url}"}}]"#), &["Slot"]);
        }
        check(r#""x":"data:image/png;base64,***""#, &["?"]);
        check(r#""x":"Data: Na 140, [K] 4""#, &[]);
        check(r#""x":"database, [and] more""#, &[]);
    }

    #[test]
    fn parameters_hold_files_too() {
        let slot = coded(SLOT);
        for (value, want) in [
            (format!(r#""valueBase64Binary":"{slot}""#), &["Slot", "Parameters"][..]),
            (format!(r#""valueAttachment":{{"data":"{slot}"}}"#), &["Slot", "Parameters"]),
            (format!(r#""valueUrl":"data:,{}""#, "%7B%22resourceType%22:%22Slot%22%7D"), &["Slot"]),
        ] {
            let text = format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"a",{value}}}]}}"#);
            found(&text, want);
        }
    }
}
