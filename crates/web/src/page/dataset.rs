//! One dataset: its batches, and every boundary that it came to.

use access::Action;
use askama::Template;
use index::{Index, StoreError, Value};

use super::absent;
use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::{Target, link},
};

#[derive(Debug)]
struct Batch {
    entry: i64,
    at: String,
    records: i64,
    synthetic: i64,
    attested: i64,
    root: String,
}

#[derive(Debug)]
struct Sighting {
    at: String,
    boundary: String,
    batches: i64,
    ledger: String,
    entry: i64,
}

#[derive(Template)]
#[template(path = "dataset.html")]
struct Page<'a> {
    frame: Frame,
    name: &'a str,
    ledger: &'a str,
    manifest: String,
    blast: Option<String>,
    batches: Vec<Batch>,
    sightings: Vec<Sighting>,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let (Some(ledger), Some(name)) = (target.get("ledger"), target.get("dataset")) else {
        return Ok(absent::page(setting, "A dataset is named by a ledger and its own name."));
    };
    let both = [Value::text(ledger), Value::text(name)];
    let sql = "SELECT manifest FROM datasets WHERE origin = $1 AND dataset = $2";
    let Some(manifest) = ask(index, sql, &both)?.first_mut().map(Row::text) else {
        return Ok(absent::page(setting, "No dataset of this name was sealed in this ledger."));
    };
    let sql = "SELECT entry, at, records, synthetic, attested, batch_root FROM batches \
               WHERE origin = $1 AND dataset = $2 ORDER BY entry DESC LIMIT 200";
    let batches = ask(index, sql, &both)?.iter_mut().map(batch).collect();
    let sql = "SELECT at, boundary, batches, origin, entry FROM dataset_sightings \
               WHERE dataset = $1 ORDER BY at DESC, origin, entry LIMIT 200";
    let sightings = ask(index, sql, &[Value::text(name)])?.iter_mut().map(sighting).collect();
    Ok(Answer::page(&Page {
        frame: Frame::new("/datasets", setting),
        name,
        ledger,
        manifest,
        blast: setting
            .visitor
            .is_none_or(|visitor| visitor.may.contains(&Action::SeeRecords))
            .then(|| link("/blast", [("ledger", ledger), ("dataset", name)])),
        batches,
        sightings,
    }))
}

fn batch(row: &mut Row) -> Batch {
    Batch {
        entry: row.number(),
        at: shown(&row.text()),
        records: row.number(),
        synthetic: row.number(),
        attested: row.number(),
        root: row.text(),
    }
}

fn sighting(row: &mut Row) -> Sighting {
    Sighting {
        at: shown(&row.text()),
        boundary: row.text(),
        batches: row.number(),
        ledger: row.text(),
        entry: row.number(),
    }
}
