//! Entries of the log of operators about records: flagged, assigned, asked to be kept. What else is in that log stays there.

use serde::Deserialize;

use crate::{
    batch::Batch,
    rows::{At, parse},
    schema::Name,
    value::Value,
};

/// Adds the rows of an `operator@1` entry: one of `record_acts` a record, and where each record stands after it.
pub(crate) fn add(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let entry: Act = parse(bytes)?;
    let Some((act, value)) = standing(&entry) else { return Some(()) };
    for (position, reference) in entry.subjects.iter().enumerate() {
        let row = at.row([
            Value::count(position as u64),
            Value::text(&entry.at),
            Value::text(&entry.event),
            Value::text(reference),
            Value::maybe(entry.about.as_deref()),
            Value::text(&entry.by),
            Value::maybe(entry.reason.as_deref()),
        ]);
        batch.add(Name::RecordActs, row);
        let [origin, number] = at.place();
        let row = vec![
            origin,
            Value::text(reference),
            Value::text(act),
            number.clone(),
            Value::text(&entry.at),
            number,
            Value::text(&entry.at),
            Value::maybe(value),
            Value::text(&entry.by),
            Value::maybe(entry.reason.as_deref()),
        ];
        batch.add(Name::RecordStandings, row);
    }
    Some(())
}

/// Which of a record's standings an act changes, and to what: nothing where it ends.
fn standing(entry: &Act) -> Option<(&'static str, Option<&str>)> {
    Some(match entry.event.as_str() {
        "record-flagged" => ("flag", Some("flagged")),
        "record-flag-removed" => ("flag", None),
        "record-quarantine-requested" => ("quarantine", Some("requested")),
        "record-quarantine-withdrawn" => ("quarantine", None),
        "record-assigned" => ("assignment", Some(entry.about.as_deref()?)),
        "record-assignment-ended" => ("assignment", None),
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Act {
    about: Option<String>,
    at: String,
    by: String,
    event: String,
    reason: Option<String>,
    #[serde(default)]
    subjects: Vec<String>,
}
