//! What stands in a record and would be judged by nobody: a mark in no mark's place, a label in another spelling, a FHIR
//! resource, a file or a text of marked records.

use std::borrow::Cow;

use mark::{Record, Unreadable, json::Json};

use super::{
    field::Own,
    files::records_in,
    record::{OF_ANOTHER_ROW, labels, shape},
};
use crate::{
    Limits,
    base64::decoded_in_any_alphabet,
    fhir::resource_elements,
    misplaced::{HOLDS_LABELLED, MISPLACED, bears_label, holds_mark_text, is_mark_text},
};

/// Why a record of an event cannot be judged by its own fields alone; nothing if it can.
///
/// Shape:  names and the fields that they mean, and the record with all that stands in it.
/// Bounds: `limits`, on each text as on a file.
/// Source: spec/webhooks.md section 2.1.
pub(crate) fn beside(fields: &[(String, String)], item: &Json<'_>, limits: &Limits) -> Option<Unreadable> {
    Looking { fields, limits }.value("", item)
}

/// Why what stands around records cannot be none: it bears a mark itself, or says that it is synthetic.
pub(crate) fn labelled(envelope: &Json<'_>) -> Option<Unreadable> {
    let bears = |(name, value): &(Cow<'_, str>, Json<'_>)| match (Own::of(name), value) {
        (Some(Own::Synthetic), Json::Bool(is_ticked)) => *is_ticked,
        (Some(own @ (Own::Mark | Own::Synthetic)), Json::Text(text)) => labels(own, text),
        _ => false,
    };
    envelope.members().iter().any(bears).then(|| shape(OF_ANOTHER_ROW))
}

/// A record without anything of that; see [`beside`].
pub(crate) fn none_beside<'a>(record: Record<'a>, limits: &Limits) -> Result<Record<'a>, Unreadable> {
    let looking = Looking { fields: &[], limits };
    match record.fields.iter().find_map(|(name, value)| looking.value(name, value)) {
        Some(fault) => Err(fault),
        None => Ok(record),
    }
}

const OF_FHIR: &str = "holds a FHIR resource; send that over a FHIR boundary";
/// A shorter text holds no record with a mark or a label.
const TEXT_MIN: usize = 40;

struct Looking<'l> {
    fields: &'l [(String, String)],
    limits: &'l Limits,
}

impl Looking<'_> {
    fn value(&self, name: &str, value: &Json<'_>) -> Option<Unreadable> {
        match value {
            Json::Object(members) => {
                let kind = members.iter().find(|(name, _)| name == "resourceType");
                if kind
                    .and_then(|(_, kind)| kind.text())
                    .is_some_and(|kind| resource_elements(kind).is_some())
                {
                    return Some(shape(OF_FHIR));
                }
                members.iter().find_map(|(name, value)| self.value(self.field(name), value))
            }
            Json::Array(items) => items.iter().find_map(|item| self.value(name, item)),
            Json::Text(text) => self.text(name, text),
            Json::Bool(true) => label(name, "true"),
            Json::Number(number) => label(name, &number.to_string()),
            Json::Null | Json::Bool(false) => None,
        }
    }

    /// What a member's name means.
    fn field<'n>(&'n self, name: &'n str) -> &'n str {
        self.fields.iter().find(|(from, _)| from == name).map_or(name, |(_, field)| field)
    }

    fn text(&self, name: &str, text: &str) -> Option<Unreadable> {
        let is_misplaced = is_mark_text(text) && Own::of(name) != Some(Own::Mark);
        if is_misplaced || is_mark_text(name) {
            return Some(shape(MISPLACED));
        }
        if let Some(fault) = label(name, text) {
            return Some(fault);
        }
        if text.len() < TEXT_MIN || Own::of(name).is_some() {
            return None;
        }
        let encoded = text.split_once("base64,").map_or(text, |(_, encoded)| encoded);
        let file = decoded_in_any_alphabet(encoded);
        let bytes = file.as_deref().unwrap_or(text.as_bytes());
        let is_labelled = || records_in(bytes, "file", self.limits).iter().any(bears_label);
        (holds_mark_text(bytes) || holds_labelled_row(bytes) || is_labelled()).then(|| shape(HOLDS_LABELLED))
    }
}

/// Whether JSON has a row with a mark or a ticked checkbox, whether or not it says its object.
fn holds_labelled_row(bytes: &[u8]) -> bool {
    fn anywhere(value: &Json<'_>) -> bool {
        labelled(value).is_some()
            || value.members().iter().any(|(_, inner)| anywhere(inner))
            || value.items().iter().any(anywhere)
    }
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
        && mark::json::parse(bytes).is_ok_and(|value| anywhere(&value))
}

/// A label that would be read as one in a table, and is not where it stands.
fn label(name: &str, text: &str) -> Option<Unreadable> {
    let own = match Own::of(name) {
        Some(_) => None,
        None => Own::in_table(name).or_else(|| Own::of_another_row(name)),
    };
    own.filter(|own| own.tells() && labels(*own, text)).map(|_| shape(OF_ANOTHER_ROW))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    const LIMITS: Limits = Limits { body_bytes: 10_000, records: 10 };

    fn check(item: &str, want: Option<&str>) {
        let parsed = mark::json::parse(item.as_bytes()).unwrap();
        let fields = [("sealed".to_owned(), "Eosin_Mark__c".to_owned())];
        let told = beside(&fields, &parsed, &LIMITS).map(|fault| fault.to_string());
        assert_eq!(told.as_deref(), want, "{item}");
    }

    #[test]
    fn what_nobody_would_judge_is_seen_wherever_it_stands() {
        let mark = format!("eosin1.{}", "a".repeat(120));
        let row = format!(r#"{{"LastName":"Zzyzx","Eosin_Mark__c":"{mark}"}}"#);
        let table = format!("LastName,Eosin_Mark__c\nZzyzx,{mark}\n");
        for within in [&row, &table] {
            let file = BASE64.encode(within.as_bytes());
            check(&serde_json::json!({"VersionData": file}).to_string(), Some(HOLDS_LABELLED));
            check(
                &serde_json::json!({"a": [{"b": format!("data:text/csv;base64,{file}")}]}).to_string(),
                Some(HOLDS_LABELLED),
            );
            check(&serde_json::json!({"Note": within}).to_string(), Some(MISPLACED));
        }
        for labelled in [
            r#"{"attributes":{"type":"Contact"},"LastName":"Zzyzx","Eosin_Synthetic__c":true}"#,
            r#"[{"LastName":"Zzyzx","Eosin_Synthetic__c":true,"Phone":"1"}]"#,
        ] {
            check(&serde_json::json!({"Note": labelled}).to_string(), Some(HOLDS_LABELLED));
        }
        check(&format!(r#"{{"Note":"see {mark}"}}"#), Some(MISPLACED));
        check(&format!(r#"{{"X":{{"m":"{mark}"}}}}"#), Some(MISPLACED));
        check(r#"{"X":{"eosin_synthetic":true}}"#, Some(OF_ANOTHER_ROW));
        check(r#"{"X":{"EOSIN SUBJECT":"synthetic"}}"#, Some(OF_ANOTHER_ROW));
        check(r#"{"Contact.Eosin_Synthetic__c":1}"#, Some(OF_ANOTHER_ROW));
        check(r#"{"X":[{"resourceType":"Patient"}]}"#, Some(OF_FHIR));
    }

    #[test]
    fn what_is_in_its_place_or_is_mere_content_is_let_be() {
        let mark = format!("eosin1.{}", "a".repeat(120));
        check(&format!(r#"{{"sealed":"{mark}","ReportsTo":{{"Eosin_Mark__c":"{mark}"}}}}"#), None);
        check(r#"{"Eosin_Subject__c":"attested","eosin_synthetic":false,"X":{"resourceType":"Bed"}}"#, None);
        let note = "a long letter, with commas, and no record in it at all, about nobody in particular";
        check(&serde_json::json!({"Note": note, "Body": BASE64.encode(note.as_bytes())}).to_string(), None);
    }
}
