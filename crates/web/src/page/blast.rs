//! Blast radius: every place that a record or a dataset came to, as a graph and as a list; each edge leads to its proof.

use std::collections::BTreeMap;

use askama::Template;
use index::{Index, StoreError, Value};

use super::{
    absent,
    records::{Record, filter::Filter},
};
use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::{Target, link},
};

mod drawing;

use drawing::Drawing;

/// What a dataset became where it was sealed.
const SEALED: &str = "batches";
/// What a dataset is at a boundary that met one of its marks.
const KNOWN: &str = "known";
/// Sightings that are gathered at most.
const SIGHTINGS_MAX: usize = 5_000;
/// Places of a graph; the list has all of them.
const DRAWN_MAX: usize = 40;

/// Something that happened at a boundary, as often as it did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The boundary.
    pub(crate) boundary: String,
    /// What it became there: `copies`, `messages`, `stopped`.
    pub(crate) what: &'static str,
    /// By which way, and for whom.
    pub(crate) detail: String,
    /// How often.
    pub(crate) many: u64,
    /// When it was last.
    pub(crate) at: String,
    /// The newest entry: its page, and its name.
    pub(crate) proof: String,
    pub(crate) entry: String,
}

impl Place {
    /// Whether it came through a boundary: a ledger in which it was sealed is none.
    fn is_boundary(&self) -> bool {
        !self.is_stopped() && self.what != SEALED
    }

    /// Whether it is a transaction, which has a page.
    pub(crate) fn is_transaction(&self) -> bool {
        self.what != SEALED && self.what != KNOWN
    }

    /// Whether nothing of it left.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.what, "stopped" | "kept in quarantine")
    }
}

#[derive(Template)]
#[template(path = "blast.html")]
struct Page<'a> {
    frame: Frame,
    kind: &'static str,
    name: &'a str,
    back: String,
    places: &'a [Place],
    crossed: u64,
    stopped: u64,
    boundaries: usize,
    drawing: Drawing,
    cut: bool,
    is_dataset: bool,
}

impl Page<'_> {
    fn is_drawn_whole(&self) -> bool {
        self.places.len() <= DRAWN_MAX
    }
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    match (target.get("reference"), target.get("ledger"), target.get("dataset")) {
        (Some(reference), ..) => {
            let target = Target::of("/records", [("reference", reference)]);
            let (places, cut) = of_records(&target, index)?;
            let back = link("/record", [("reference", reference)]);
            Ok(drawn(setting, "record", reference, back, &places, cut))
        }
        (None, Some(ledger), Some(dataset)) => {
            let (places, cut) = of_dataset(ledger, dataset, index)?;
            let back = link("/dataset", [("ledger", ledger), ("dataset", dataset)]);
            Ok(drawn(setting, "dataset", dataset, back, &places, cut))
        }
        (None, ..) => Ok(absent::page(
            setting,
            "Name a record by its reference, or a dataset by its ledger and its name.",
        )),
    }
}

fn drawn(
    setting: &Setting<'_>,
    kind: &'static str,
    name: &str,
    back: String,
    places: &[Place],
    cut: bool,
) -> Answer {
    let sum = |stopped: bool| {
        places
            .iter()
            .filter(|place| place.is_transaction() && place.is_stopped() == stopped)
            .map(|place| place.many)
            .sum()
    };
    let mut boundaries: Vec<&str> =
        places.iter().filter(|place| place.is_boundary()).map(|place| place.boundary.as_str()).collect();
    boundaries.sort_unstable();
    boundaries.dedup();
    Answer::page(&Page {
        frame: Frame::new(if kind == "record" { "/records" } else { "/datasets" }, setting),
        kind,
        name,
        back,
        places,
        crossed: sum(false),
        stopped: sum(true),
        boundaries: boundaries.len(),
        drawing: Drawing::of(kind, name, places.get(..DRAWN_MAX).unwrap_or(places)),
        cut,
        is_dataset: kind == "dataset",
    })
}

/// One time that a record came somewhere.
struct Sighting {
    boundary: String,
    what: &'static str,
    detail: String,
    at: String,
    origin: String,
    entry: String,
}

/// Where the records went that fit a filter, by the newest of their sightings; whether there are more.
fn of_records(target: &Target, index: &mut Index) -> Result<(Vec<Place>, bool), StoreError> {
    // A reference and a dataset are conditions that every filter takes.
    let Ok(filter) = Filter::read(target) else { return Ok((Vec::new(), false)) };
    let records = filter.newest(SIGHTINGS_MAX + 1, index)?;
    let cut = records.len() > SIGHTINGS_MAX;
    Ok((gathered(records.into_iter().take(SIGHTINGS_MAX).map(sighting)), cut))
}

fn sighting(record: Record) -> Sighting {
    let Record { way, decision, boundary, client, origin, entry, moment, .. } = record;
    let protocol = way.protocol.as_deref();
    let delivery = way.delivery.filter(|_| decision != "block");
    let what = match delivery {
        // A piece of a file does not say which file: the next that ended is the likely one.
        Some(_) => "shown, probably in a file",
        None => what(&decision, way.item.is_some(), &way.kind, &way.action, protocol),
    };
    let client = (way.kind != "file").then(|| format!("for {client}"));
    let delivery = delivery
        .map(|entry| format!("the next file of that kind for this client is the delivery of entry {entry}"));
    let words = [Some(way.action), way.route, client, delivery];
    let detail = words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
    Sighting { boundary, what, detail, at: moment, origin, entry: entry.to_string() }
}

/// What became of a record at a boundary, in a word.
fn what(decision: &str, is_kept: bool, kind: &str, action: &str, protocol: Option<&str>) -> &'static str {
    match (decision, action, protocol) {
        ("block", ..) if is_kept => "kept in quarantine",
        ("block", ..) => "stopped",
        _ if kind == "file" => "in a file",
        (_, "read", _) => "shown",
        (_, "export", _) => "exports",
        (_, _, Some("hl7v2")) => "messages",
        (_, _, Some("webhook")) => "events",
        (_, "deliver", _) => "deliveries",
        (_, "delete", _) => "deletions",
        _ => "copies",
    }
}

/// The batches that were sealed, and the boundaries at which the dataset became known.
fn of_dataset(ledger: &str, dataset: &str, index: &mut Index) -> Result<(Vec<Place>, bool), StoreError> {
    let most = SIGHTINGS_MAX + 1;
    let target = Target::of("/records", [("dataset", dataset)]);
    let (mut places, met_too_often) = of_records(&target, index)?;
    let sql = format!(
        "SELECT origin, entry, at, boundary, batches FROM dataset_sightings WHERE dataset = $1 \
         ORDER BY at DESC, origin, entry LIMIT {most}"
    );
    let mut rows = ask(index, &sql, &[Value::text(dataset)])?;
    let cut = rows.len() > SIGHTINGS_MAX;
    rows.truncate(SIGHTINGS_MAX);
    let seen = |row: &mut Row| Sighting {
        origin: row.text(),
        entry: row.text(),
        at: row.text(),
        boundary: row.text(),
        what: KNOWN,
        detail: format!("{} batches carried with its records", row.number()),
    };
    places.extend(gathered(rows.iter_mut().map(seen)));
    let sql = format!(
        "SELECT origin, entry, at, records FROM batches WHERE origin = $1 AND dataset = $2 \
         ORDER BY entry DESC LIMIT {most}"
    );
    let sealed = |row: &mut Row| Sighting {
        origin: row.text(),
        entry: row.text(),
        at: row.text(),
        boundary: format!("sealed in {ledger}"),
        what: SEALED,
        detail: format!("{} records", row.number()),
    };
    let mut sealed_in = ask(index, &sql, &[Value::text(ledger), Value::text(dataset)])?;
    let cut = cut || met_too_often || sealed_in.len() > SIGHTINGS_MAX;
    sealed_in.truncate(SIGHTINGS_MAX);
    places.extend(gathered(sealed_in.iter_mut().map(sealed)));
    // One box of the graph for each boundary, whatever happened there.
    places.sort_by(|one, other| one.boundary.cmp(&other.boundary));
    // Entries that are no transactions: the row of the list says how each is proven.
    for (at, place) in places.iter_mut().enumerate() {
        if !place.is_transaction() {
            place.proof = format!("#place-{}", at + 1);
        }
    }
    Ok((places, cut))
}

/// Sightings that are alike, counted; the newest of each leads to its proof.
fn gathered(sightings: impl Iterator<Item = Sighting>) -> Vec<Place> {
    let mut places: BTreeMap<(String, &'static str, String), Place> = BTreeMap::new();
    for one in sightings {
        let key = (one.boundary.clone(), one.what, one.detail.clone());
        let place = places.entry(key).or_insert_with(|| Place {
            proof: link("/transaction", [("ledger", one.origin.as_str()), ("entry", one.entry.as_str())]),
            entry: format!("{}#{}", one.origin, one.entry),
            boundary: one.boundary,
            what: one.what,
            detail: one.detail,
            many: 0,
            at: shown(&one.at),
        });
        place.many += 1;
    }
    places.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_record_is_one_word() {
        for (decision, is_kept, kind, action, protocol, expected) in [
            ("block", true, "request", "create", Some("salesforce"), "kept in quarantine"),
            ("block", false, "file", "export", None, "stopped"),
            ("pass", false, "file", "export", None, "in a file"),
            ("warn", false, "request", "read", Some("fhir"), "shown"),
            ("pass", false, "request", "export", Some("salesforce"), "exports"),
            ("pass", false, "request", "deliver", Some("hl7v2"), "messages"),
            ("pass", false, "request", "deliver", Some("webhook"), "events"),
            ("pass", false, "request", "deliver", Some("salesforce"), "deliveries"),
            ("pass", false, "request", "delete", Some("fhir"), "deletions"),
            ("pass", false, "request", "update", Some("fhir"), "copies"),
        ] {
            assert_eq!(what(decision, is_kept, kind, action, protocol), expected);
        }
    }
}
