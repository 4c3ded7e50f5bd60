//! Every place where one record was seen: what there is to know when somebody asks how far it went.

use access::Action;
use askama::Template;
use index::{Index, StoreError, Value};

use super::{
    absent,
    records::{
        COLUMNS, FROM, Record, Standing,
        acting::{self, Happened},
    },
};
use crate::{
    Told,
    frame::{Answer, Frame, Setting},
    rows::ask,
    target::{Target, link},
};

/// Sightings shown at most.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "record.html")]
struct Page<'a> {
    frame: Frame,
    reference: &'a str,
    crossed: usize,
    stopped: usize,
    boundaries: Vec<String>,
    rows: Vec<Record>,
    cut: bool,
    told: Told<'a>,
    standing: Standing,
    blast: String,
    happened: Vec<Happened>,
    colleagues: &'a [String],
    may_handle: bool,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let Some(reference) = target.get("reference") else {
        return Ok(absent::page(setting, "A record is named by its reference."));
    };
    let most = MOST + 1;
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE v.reference = $1 \
         ORDER BY v.at DESC, v.origin DESC, v.entry DESC LIMIT {most}"
    );
    let mut rows: Vec<Record> =
        ask(index, &sql, &[Value::text(reference)])?.iter_mut().map(Record::of).collect();
    if rows.is_empty() {
        let why = "No transaction lists a record of this reference. Proven records that pass are counted and not listed.";
        return Ok(absent::page(setting, why));
    }
    let cut = rows.len() > MOST;
    rows.truncate(MOST);
    let stopped = rows.iter().filter(|row| row.decision == "block").count();
    let mut boundaries: Vec<String> =
        rows.iter().filter(|row| row.decision != "block").map(|row| row.boundary.clone()).collect();
    boundaries.sort();
    boundaries.dedup();
    let crossed = rows.len() - stopped;
    let done = target.get("done").map(|place| acting::done(place, index)).transpose()?.flatten();
    let told = match (&done, target.get("done")) {
        (Some(done), _) => Told::Done(done),
        (None, Some("nothing")) => {
            Told::Fault("Nothing was chosen: choose what to do, and to assign it, to whom.")
        }
        (None, _) => Told::Nothing,
    };
    let standing = rows.first_mut().map(|row| std::mem::take(&mut row.standing)).unwrap_or_default();
    Ok(Answer::page(&Page {
        frame: Frame::new("/records", setting),
        reference,
        crossed,
        stopped,
        boundaries,
        rows,
        cut,
        told,
        standing,
        blast: link("/blast", [("reference", reference)]),
        happened: acting::happened(reference, index)?,
        colleagues: setting.visitor.map(|visitor| visitor.colleagues).unwrap_or_default(),
        may_handle: setting.may(Action::HandleRecords),
    }))
}
