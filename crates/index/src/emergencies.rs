//! Entries about emergency versions: what was prepared, asked for, put in force and ended.

use serde::Deserialize;

use crate::{
    batch::Batch,
    rows::{At, incident, parse},
    schema::Name,
    value::Value,
};

/// Adds the row of an entry of the log of versions, or of a gateway that obeyed it; and an incident where something begins
/// or ends.
pub(crate) fn add(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let entry: Emergency = parse(bytes)?;
    let row = at.row([
        Value::text(&entry.at),
        Value::text(&entry.event),
        Value::text(&entry.version),
        Value::maybe(entry.scope.as_deref()),
        Value::maybe(entry.until.as_deref()),
        Value::maybe(entry.by.as_deref()),
        Value::maybe(entry.approved.as_deref()),
        Value::maybe(entry.reason.as_deref()),
        Value::maybe(entry.activation.as_deref()),
        Value::maybe(entry.sha256.as_deref()),
    ]);
    batch.add(Name::Emergencies, row);
    let scope = entry.scope.as_deref().unwrap_or("all");
    let until = entry.until.as_deref().unwrap_or("an unknown time");
    let what = match entry.event.as_str() {
        "activated" => Some(format!("{} for {scope} until {until}", entry.version)),
        "stood-down" if entry.by.is_some() => Some(format!("{} was stood down", entry.version)),
        "expired" => Some(format!("{} for {scope} expired", entry.version)),
        _ => None,
    };
    if let Some(what) = what {
        incident(at, Some(&entry.at), "emergency", None, 0, Some(&what), batch);
    }
    Some(())
}

/// Adds the row of an announcement; one that was given up is an incident as well.
pub(crate) fn announcement(at: At<'_>, bytes: &[u8], batch: &mut Batch) -> Option<()> {
    let entry: Announcement = parse(bytes)?;
    let row = at.row([
        Value::text(&entry.at),
        Value::text(&entry.event),
        Value::text(&entry.id),
        Value::text(&entry.r#type),
        Value::text(&entry.about),
        Value::text(&entry.version),
        Value::text(&entry.to),
        Value::count(entry.attempts),
        entry.status.map_or(Value::Null, Value::count),
    ]);
    batch.add(Name::Announcements, row);
    if entry.event == "given-up" {
        let what = format!("{} was not told that {}: {}", entry.to, entry.version, entry.r#type);
        incident(at, Some(&entry.at), "not-announced", None, entry.attempts, Some(&what), batch);
    }
    Some(())
}

#[derive(Deserialize)]
struct Announcement {
    about: String,
    #[serde(rename = "announcement")]
    id: String,
    at: String,
    attempts: u64,
    event: String,
    status: Option<u64>,
    to: String,
    r#type: String,
    version: String,
}

#[derive(Deserialize)]
struct Emergency {
    activation: Option<String>,
    approved: Option<String>,
    at: String,
    by: Option<String>,
    event: String,
    reason: Option<String>,
    scope: Option<String>,
    sha256: Option<String>,
    until: Option<String>,
    version: String,
}
