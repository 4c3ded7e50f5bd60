//! One row: what a mark covers of it, the mark's text, and what the row says of itself.

use std::borrow::Cow;

use mark::{Claim, Form, Record, Unreadable, json::Json, json::Members};

use super::{
    door::is_written,
    field::{DATASET_OBJECT, Own, has_compound_name, is_uncovered},
};
use crate::misplaced::is_mark_text;

/// The record of one row's members.
///
/// Shape:  names and values as read; nested objects are ways to other rows and go, as do the fields that no mark
///         covers and Eosin's own.
/// Errors: a shape that two readers could read differently: a name twice when ASCII case is ignored, two marks.
/// Source: spec/carriers.md section 2.2.
pub(super) fn record<'a>(object: Cow<'a, str>, members: Members<'a>) -> Result<Record<'a>, Unreadable> {
    if !is_written(&object) {
        return Err(shape("is of an object that is not read here"));
    }
    if names_twice(members.iter().map(|(name, _)| name.as_ref())) {
        return Err(shape("names a field twice, if upper and lower case are one"));
    }
    // A dataset's own row is not about anybody and carries no mark: all its fields are content.
    let labelled = !object.eq_ignore_ascii_case(DATASET_OBJECT);
    let compound = has_compound_name(
        &object,
        members.iter().filter(|(_, value)| !is_blank(value)).map(|(name, _)| name.as_ref()),
    );
    let mut record = Record {
        form: Form::Salesforce,
        object,
        fields: Vec::with_capacity(members.len()),
        mark: None,
        claim: Claim::None,
    };
    let mut labels = Labelled::default();
    for (name, value) in members {
        if matches!(value, Json::Object(_)) && !(labelled && Own::of(&name).is_some()) {
            continue;
        }
        if !labelled && says_label(&name, value.text().unwrap_or_default(), value == Json::Bool(true)) {
            return Err(shape(OF_A_DATASET));
        }
        match Own::of(&name).filter(|_| labelled) {
            Some(own) => labels.take(own, value)?,
            None if is_uncovered(&name) || (compound && name.eq_ignore_ascii_case("Name")) => {}
            None => record.fields.push((name, value)),
        }
    }
    (record.mark, record.claim) = labels.finish();
    Ok(record)
}

/// Whether a member of a dataset's row says what only a record says of itself: then it is a record under another name.
pub(super) fn says_label(name: &str, text: &str, is_ticked: bool) -> bool {
    let says = |own: Own| labels(own, text) || (own == Own::Synthetic && is_ticked);
    is_mark_text(text) || Own::of(name).is_some_and(says)
}

/// What is said of such a row.
pub(super) const OF_A_DATASET: &str =
    "is called a dataset's and bears the label of a record; give it under its own object's name";

/// What a row's fields of ours say, gathered one by one.
#[derive(Default)]
pub(super) struct Labelled<'a> {
    mark: Option<Cow<'a, str>>,
    is_ticked: bool,
    subject: Claim,
}

impl<'a> Labelled<'a> {
    /// Takes one field of ours.
    ///
    /// Errors: a second mark that differs from the first.
    pub(super) fn take(&mut self, own: Own, value: Json<'a>) -> Result<(), Unreadable> {
        match own {
            Own::Mark => {
                let text = mark_text(value);
                if text.is_some() && self.mark.is_some() && self.mark != text {
                    return Err(shape("carries two marks"));
                }
                self.mark = text.or(self.mark.take());
            }
            Own::Synthetic => self.is_ticked |= holds_tick(&value),
            Own::Subject if self.subject != Claim::Synthetic => self.subject = claimed(&value),
            Own::Subject | Own::Authorship | Own::Dataset | Own::MarkId => {}
        }
        Ok(())
    }

    /// The mark, and the claim: a row that says both is treated as what needs more care.
    pub(super) fn finish(self) -> (Option<Cow<'a, str>>, Claim) {
        (self.mark, if self.is_ticked { Claim::Synthetic } else { self.subject })
    }
}

/// The object that a row's `attributes` name.
pub(super) fn object_of<'a>(members: &Members<'a>) -> Result<Cow<'a, str>, Unreadable> {
    let attributes = members.iter().find(|(name, _)| name == "attributes").map(|(_, value)| value);
    let kind = attributes.map(Json::members).unwrap_or_default().iter().find(|(name, _)| name == "type");
    match kind {
        Some((_, Json::Text(object))) => Ok(object.clone()),
        _ => Err(shape("does not say its object in `attributes.type`")),
    }
}

/// Whether two names are the same when ASCII case is ignored.
pub(super) fn names_twice<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let names: Vec<&str> = names.collect();
    if names.len() <= HASHED_MAX {
        return hashed_twice(&names);
    }
    let mut lower: Vec<String> = names.into_iter().map(str::to_ascii_lowercase).collect();
    lower.sort_unstable();
    lower.iter().zip(lower.iter().skip(1)).any(|(one, other)| one == other)
}

/// Rows have few fields: a table on the stack is at most half full, and all in one chain is still cheap.
const HASHED_MAX: usize = 64;

fn hashed_twice(names: &[&str]) -> bool {
    let mut table: [Option<&str>; HASHED_MAX * 2] = [None; HASHED_MAX * 2];
    for &name in names {
        // Length and three letters tell most names apart; what they do not, the comparison does.
        let bytes = name.as_bytes();
        let letter = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0) | 0x20);
        let last = bytes.len().saturating_sub(1);
        let mut at = bytes.len() * 7 + letter(0) * 31 + letter(bytes.len() / 2) * 17 + letter(last) * 13;
        loop {
            at %= table.len();
            match table.get_mut(at) {
                Some(Some(other)) if other.eq_ignore_ascii_case(name) => return true,
                Some(Some(_)) => at += 1,
                Some(slot) => {
                    *slot = Some(name);
                    break;
                }
                None => return false,
            }
        }
    }
    false
}

/// What is said of a row with a label of a row beside it.
pub(super) const OF_ANOTHER_ROW: &str = "holds a label of another row; give that row as a record of its own";

/// Whether what stands in this field of ours says something of its row.
pub(super) fn labels(own: Own, text: &str) -> bool {
    let word = text.trim();
    match own {
        Own::Synthetic => is_ticked(word),
        Own::Subject | Own::Mark => !word.is_empty() && word != "#N/A",
        Own::Authorship | Own::Dataset | Own::MarkId => false,
    }
}

pub(super) fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}

fn is_blank(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => false,
    }
}

/// The text in the mark's place. What is there and is no text is a mark too, and a forged one.
fn mark_text(value: Json<'_>) -> Option<Cow<'_, str>> {
    match value {
        Json::Null => None,
        Json::Text(text) if text.trim().is_empty() => None,
        Json::Text(text) => Some(text),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
            Some(Cow::Borrowed("(not text)"))
        }
    }
}

fn holds_tick(value: &Json<'_>) -> bool {
    match value {
        Json::Bool(ticked) => *ticked,
        Json::Text(text) => is_ticked(text),
        Json::Null | Json::Number(_) | Json::Array(_) | Json::Object(_) => false,
    }
}

/// Whether a text is a ticked checkbox, as orgs, reports and spreadsheets of several languages write one.
pub(crate) fn is_ticked(text: &str) -> bool {
    TICKED.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

const TICKED: [&str; 12] =
    ["true", "1", "yes", "y", "x", "checked", "wahr", "vrai", "verdadero", "verdadeiro", "vero", "waar"];

/// Whether a subject is synthetic or of both kinds: the value, or how the package's picklist shows it.
pub(crate) fn says_synthetic(text: &str) -> bool {
    says_one_of(text, &["synthetic", "mixed"]) || says_subject_in_words(text)
}

/// Whether a text is how the package's picklist shows such a subject.
pub(crate) fn says_subject_in_words(text: &str) -> bool {
    says_one_of(text, &["synthetic: about nobody", "mixed: derived from both kinds"])
}

/// Whether a subject is attested.
pub(crate) fn says_attested(text: &str) -> bool {
    says_one_of(text, &["attested", "attested: a system of record vouches for the person"])
}

fn says_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// Why a row with another number of cells than columns is no record.
pub(crate) fn other_cells(cells: usize, columns: usize) -> Unreadable {
    let what = if cells == 1 {
        "; cut off lines that are no rows, such as a total or a note below them"
    } else {
        ""
    };
    Unreadable::Shape(format!("has {cells} cells under {columns} columns{what}"))
}

fn claimed(value: &Json<'_>) -> Claim {
    let word = value.text().unwrap_or_default();
    if says_synthetic(word) {
        Claim::Synthetic
    } else if says_attested(word) {
        Claim::Attested
    } else {
        Claim::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field names, mark and claim of a row, or the sentence that refuses it.
    fn check(object: &str, row: &str, want: &str) {
        let Json::Object(members) = mark::json::parse(row.as_bytes()).unwrap() else { panic!("an object") };
        let got = match record(Cow::Borrowed(object), members) {
            Ok(record) => {
                let names: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_ref()).collect();
                format!(
                    "{} | {} | {:?}",
                    names.join(" "),
                    record.mark.as_deref().unwrap_or("-"),
                    record.claim
                )
            }
            Err(reason) => reason.to_string(),
        };
        assert_eq!(got, want, "{row}");
    }

    #[test]
    fn a_row_is_its_content_without_what_others_own() {
        check(
            "Contact",
            r#"{"attributes":{"type":"Contact"},"Id":"003","LastName":"Bell","Name":"Ada Bell","AccountId":"001",
               "Account":{"Ext__c":"x"},"CreatedDate":"2026-01-01","Phone":null}"#,
            "LastName Phone | - | None",
        );
        check("Account", r#"{"Name":"Clinic","Phone":"1"}"#, "Name Phone | - | None");
        check("Contact", r#"{"Name":"Ada Bell","Phone":"1"}"#, "Name Phone | - | None");
        check("Lead", r#"{"Name":"Ada Bell","FirstName":"Ada"}"#, "FirstName | - | None");
        check("Account", r#"{"Name":"Ada Bell","LastName":"Bell"}"#, "LastName | - | None");
        check("Account", r#"{"Name":"Clinic","LastName":null}"#, "Name LastName | - | None");
        check(
            "Eosin_Dataset__c",
            r#"{"Eosin_Dataset_Id__c":"d","Eosin_Mark__c":null}"#,
            "Eosin_Dataset_Id__c Eosin_Mark__c | - | None",
        );
        check("Eosin_Dataset__c", r#"{"Eosin_Dataset_Id__c":"d","Eosin_Mark__c":"x"}"#, OF_A_DATASET);
    }

    #[test]
    fn a_mark_is_text_and_a_label_is_a_claim() {
        check("Contact", r#"{"Eosin_Mark__c":"eosin1.x","A":1}"#, "A | eosin1.x | None");
        check("Contact", r#"{"acme__EOSIN_mark__c":"eosin1.x","Eosin_Mark__pc":null}"#, " | eosin1.x | None");
        check("Contact", r#"{"Eosin_Mark__c":"eosin1.x","Eosin_Mark__pc":"eosin1.x"}"#, " | eosin1.x | None");
        check("Contact", r#"{"Eosin_Mark__c":"eosin1.x","Eosin_Mark__pc":"eosin1.y"}"#, "carries two marks");
        check("Contact", r#"{"Eosin_Mark__c":" "}"#, " | - | None");
        check("Contact", r#"{"Eosin_Mark__c":7}"#, " | (not text) | None");
        check("Contact", r#"{"Eosin_Mark__c":{"a":1}}"#, " | (not text) | None");
        check("Contact", r#"{"Eosin_Synthetic__c":true}"#, " | - | Synthetic");
        check("Contact", r#"{"Eosin_Synthetic__c":"TRUE"}"#, " | - | Synthetic");
        check("Contact", r#"{"Eosin_Synthetic__c":false,"Eosin_Subject__c":"attested"}"#, " | - | Attested");
        check("Contact", r#"{"Eosin_Synthetic__c":true,"Eosin_Subject__c":"attested"}"#, " | - | Synthetic");
        check("Contact", r#"{"Eosin_Subject__c":"Mixed"}"#, " | - | Synthetic");
    }

    #[test]
    fn a_name_that_is_there_twice_is_found_among_few_and_many() {
        for count in [1, 2, 12, 63, 64, 65, 200] {
            let names: Vec<String> = (0..count).map(|n| format!("Field_{n}__c")).collect();
            assert!(!names_twice(names.iter().map(String::as_str)), "{count}");
            for again in [0, count / 2, count - 1] {
                let again = format!("FIELD_{again}__C");
                assert!(
                    names_twice(names.iter().map(String::as_str).chain([again.as_str()])),
                    "{again} of {count}"
                );
            }
        }
        assert!(!names_twice(["é", "É", ""].into_iter()), "only ASCII letters have no case");
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        check(
            "Contact",
            r#"{"LastName":"a","lastname":"b"}"#,
            "names a field twice, if upper and lower case are one",
        );
        check("Alarm__e", r#"{"A":"a"}"#, "A | - | None");
        check("../x", r#"{"A":"a"}"#, "is of an object that is not read here");
    }
}
