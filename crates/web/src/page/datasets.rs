//! Every dataset that was sealed or seen.

use askama::Template;
use index::{Index, StoreError, Value};

use super::ROWS;
use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::{Target, link},
};

#[derive(Debug)]
struct Dataset {
    name: String,
    place: String,
    ledger: String,
    sealed: String,
    batches: i64,
    records: i64,
    synthetic: i64,
    attested: i64,
    boundaries: i64,
}

#[derive(Template)]
#[template(path = "datasets.html")]
struct Page {
    frame: Frame,
    rows: Vec<Dataset>,
    older: Option<String>,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let skip = target.entry("skip").unwrap_or_default();
    let most = ROWS + 1;
    let sql = format!(
        "SELECT d.origin, d.dataset, d.last_at, d.batches, d.records, d.synthetic, d.attested, \
         (SELECT COUNT(DISTINCT s.boundary) FROM dataset_sightings s WHERE s.dataset = d.dataset) \
         FROM datasets d ORDER BY d.last_at DESC, d.origin, d.dataset LIMIT {most} OFFSET $1"
    );
    let mut rows: Vec<Dataset> = ask(index, &sql, &[Value::Integer(skip)])?.iter_mut().map(dataset).collect();
    let next = i64::try_from(ROWS).unwrap_or(i64::MAX).saturating_add(skip);
    let older = (rows.len() > ROWS).then(|| target.with("skip", &next.to_string()));
    rows.truncate(ROWS);
    Ok(Answer::page(&Page { frame: Frame::new("/datasets", setting), rows, older }))
}

fn dataset(row: &mut Row) -> Dataset {
    let (ledger, name) = (row.text(), row.text());
    Dataset {
        place: link("/dataset", [("ledger", ledger.as_str()), ("dataset", name.as_str())]),
        name,
        ledger,
        sealed: shown(&row.text()),
        batches: row.number(),
        records: row.number(),
        synthetic: row.number(),
        attested: row.number(),
        boundaries: row.number(),
    }
}
