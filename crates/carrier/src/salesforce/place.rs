//! Writing a mark and its labels into rows: JSON by splicing, CSV by columns.

use std::{
    io::{Read, Write},
    ops::Range,
};

use mark::{
    Subject,
    json::{self, JsonError},
};

use super::{
    choose::choose,
    field::{Own, is_dataset_relationship},
    span::{self, Edit, Member, edited},
};
use crate::{DatasetPointer, Labels, choice::Choice};

/// Writes the labels into one row of JSON. Every other member stays as it is, byte for byte.
///
/// Eosin fields that are there already go, in whatever spelling, and the new ones stand at the end.
///
/// Shape:  one JSON object -> the same with the six Eosin fields.
/// Bounds: linear in the row.
/// Errors: see [`PlaceError`]; nothing was written.
/// Source: spec/carriers.md section 2.2.
pub fn place(record_json: &[u8], labels: &Labels) -> Result<Vec<u8>, PlaceError> {
    json::parse(record_json)?;
    let row = span::whole(record_json).ok_or(PlaceError::NotARecord)?;
    let members = span::members(record_json, &row).ok_or(PlaceError::NotARecord)?;
    let mut edits = Vec::new();
    relabel(record_json, &row, &members, labels, &mut edits);
    Ok(edited(record_json, edits))
}

/// Writes labels into every row of a JSON file that [`super::read_file`] reads, in the order of its records.
///
/// Shape:  one row, an array, a query's answer or a collection's body; rows within rows too -> the same file.
/// Errors: see [`PlaceError`]: also if there are more or fewer labels than rows.
/// Source: spec/carriers.md section 2.2.
pub fn place_file(file: &[u8], labels: impl IntoIterator<Item = Labels>) -> Result<Vec<u8>, PlaceError> {
    let labels: Vec<Labels> = labels.into_iter().collect();
    choose(file, &labels.iter().map(Choice::Label).collect::<Vec<_>>())
}

/// Writes labels into every row of a CSV with a header, as it streams by.
///
/// Shape:  cells separated by commas, any line ends -> the same cells and rows, lines ended by LF, without a
///         byte-order mark; Eosin columns that are there go, the new ones stand at the end.
/// Bounds: memory for one row.
/// Errors: see [`PlaceError`]; what was written by then is to be thrown away.
/// Source: spec/carriers.md section 2.4.
pub fn place_csv(
    reader: impl Read,
    writer: impl Write,
    labels: impl IntoIterator<Item = Labels>,
) -> Result<usize, PlaceError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(reader);
    let mut writer = csv::WriterBuilder::new().from_writer(writer);
    let mut labels = labels.into_iter().peekable();
    let mut row = csv::StringRecord::new();
    if !reader.read_record(&mut row)? {
        return Err(PlaceError::NotARecord);
    }
    let kept: Vec<bool> = row.iter().map(|name| !is_own_column(name.trim())).collect();
    let pointer = pointer_name(labels.peek());
    let names = Own::ALL.map(|own| if own == Own::Dataset { pointer } else { own.name() });
    let keep = |row: &csv::StringRecord| -> csv::StringRecord {
        row.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell).collect()
    };
    let mut out = keep(&row);
    out.extend(names);
    writer.write_record(&out)?;
    let mut rows = 0;
    while reader.read_record(&mut row)? {
        let one = labels.next().ok_or(PlaceError::FewerLabels)?;
        if pointer_name(Some(&one)) != pointer {
            return Err(PlaceError::TwoPointers);
        }
        let mut out = keep(&row);
        out.extend(values(&one).iter().map(Value::text));
        writer.write_record(&out)?;
        rows += 1;
    }
    if labels.next().is_some() {
        return Err(PlaceError::MoreLabels);
    }
    writer.flush().map_err(csv::Error::from)?;
    Ok(rows)
}

/// The columns of a table that labels are placed into, where they point at the dataset by its id.
pub(crate) const COLUMNS: [&str; 6] = [
    "Eosin_Synthetic__c",
    "Eosin_Subject__c",
    "Eosin_Authorship__c",
    "Eosin_Dataset__r.Eosin_Dataset_Id__c",
    "Eosin_Mark_Id__c",
    "Eosin_Mark__c",
];

/// Whether a column holds one of our labels, in whatever spelling.
pub(crate) fn is_own_column(name: &str) -> bool {
    Own::in_table(name).is_some()
}

/// Why labels were not written.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The text is not unambiguous JSON.
    #[error("the file {0}")]
    Json(#[from] JsonError),
    /// The table's rows do not fit its header, or it could not be read or written.
    #[error("the table could not be labelled")]
    Csv(#[from] csv::Error),
    /// There is no row where one is expected.
    #[error("the file holds something else than records")]
    NotARecord,
    /// The file has more rows than were sealed.
    #[error("the file has more records than there are marks; seal the file again, whole")]
    FewerLabels,
    /// The file has fewer rows than were sealed.
    #[error("the file has fewer records than there are marks; seal the file again, whole")]
    MoreLabels,
    /// Some labels point at the dataset by its id, others by its row.
    #[error("the marks point at their dataset in two ways, which one column cannot hold")]
    TwoPointers,
}

/// The edits that give one row its labels.
pub(super) fn relabel(
    text: &[u8],
    row: &Range<usize>,
    members: &[Member],
    labels: &Labels,
    edits: &mut Vec<Edit>,
) {
    let ours = |member: &Member| {
        named(text, member, |name| Own::of(name).is_some() || is_dataset_relationship(name))
    };
    let last_kept = members.iter().rposition(|member| !ours(member));
    let mut fields = Vec::new();
    for value in values(labels) {
        if !fields.is_empty() || last_kept.is_some() {
            fields.push(b',');
        }
        fields.extend_from_slice(value.json(pointer_name(Some(labels))).as_bytes());
    }
    // Before the last member that stays, what goes takes the comma after it along.
    for (member, next) in members.iter().zip(members.iter().skip(1)).take(last_kept.unwrap_or(0)) {
        if ours(member) {
            edits.push(Edit { at: member.name.start..next.name.start, with: Vec::new() });
        }
    }
    let start = last_kept.and_then(|last| members.get(last)).map_or(row.start + 1, |member| member.value.end);
    let end = members.last().map_or(start, |member| member.value.end);
    edits.push(Edit { at: start..end, with: fields });
}

pub(super) fn named(text: &[u8], member: &Member, is: impl Fn(&str) -> bool) -> bool {
    span::unescaped(text, &member.name).is_some_and(|name| is(&name))
}

/// What goes into one of our fields.
enum Value<'l> {
    Ticked(bool),
    Text(Own, &'l str),
    Pointer(&'l str),
}

impl Value<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Ticked(true) => "true",
            Self::Ticked(false) => "false",
            Self::Text(_, text) | Self::Pointer(text) => text,
        }
    }

    /// The member of a row of JSON.
    fn json(&self, pointer: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match (self, pointer.split_once('.')) {
            (Self::Ticked(_), _) => format!("\"{}\":{}", Own::Synthetic.name(), self.text()),
            (Self::Text(own, text), _) => format!("\"{}\":{}", own.name(), quoted(text)),
            (Self::Pointer(""), _) => format!("\"{}\":null", Own::Dataset.name()),
            (Self::Pointer(id), Some((relation, field))) => {
                format!("\"{relation}\":{{\"{field}\":{}}}", quoted(id))
            }
            (Self::Pointer(id), None) => format!("\"{pointer}\":{}", quoted(id)),
        }
    }
}

/// The values of our fields, in the order of [`Own::ALL`].
fn values(labels: &Labels) -> [Value<'_>; 6] {
    let pointer = match &labels.dataset {
        Some(DatasetPointer::DatasetId(id) | DatasetPointer::SalesforceId(id)) => id,
        None => "",
    };
    [
        Value::Ticked(labels.subject == Subject::Synthetic),
        Value::Text(Own::Subject, labels.subject.as_str()),
        Value::Text(Own::Authorship, labels.authorship.as_str()),
        Value::Pointer(pointer),
        Value::Text(Own::MarkId, &labels.mark_id),
        Value::Text(Own::Mark, &labels.mark_text),
    ]
}

/// The column that points at the dataset: its row by an external id, or by its own id.
fn pointer_name(labels: Option<&Labels>) -> &'static str {
    match labels.and_then(|labels| labels.dataset.as_ref()) {
        Some(DatasetPointer::SalesforceId(_)) => "Eosin_Dataset__c",
        Some(DatasetPointer::DatasetId(_)) | None => "Eosin_Dataset__r.Eosin_Dataset_Id__c",
    }
}

#[cfg(test)]
mod tests;
