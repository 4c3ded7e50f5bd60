//! Whether a record can be marked: fit, rejected and put aside, or a reason to stop everything.

use mark::{Claim, Reading, Record, Subject, json::Json};
use miette::miette;

use super::columns::Columns;

/// What a record is measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitness<'f> {
    /// Whom the dataset is about.
    pub(super) subject: Subject,
    /// What is covered of tables.
    pub(super) columns: &'f Columns,
}

/// What was found.
#[derive(Debug)]
pub(super) enum Fit<'r, 'a> {
    /// It can be marked.
    Fits(&'r Record<'a>),
    /// It cannot; it is put aside with this reason.
    Rejected(String),
}

impl Fitness<'_> {
    /// Measures a record.
    ///
    /// Errors: a report that stops the run: it is marked already, or it says that it is synthetic where it should be
    /// attested. Nothing good comes of marking what is around such a record.
    pub(super) fn of<'r, 'a>(
        &self,
        reading: &'r Reading<'a>,
        place: &impl Fn() -> String,
    ) -> miette::Result<Fit<'r, 'a>> {
        let record = match &reading.content {
            Ok(record) => record,
            Err(reason) => return Ok(Fit::Rejected(reason.to_string())),
        };
        if record.mark.as_deref().is_some_and(|text| !text.trim().is_empty()) {
            return Err(miette!(
                help = "mark the file as it came from its generator; `eosin judge` says what this one is",
                "{}: the record carries a mark already",
                place()
            ));
        }
        if self.subject == Subject::Attested && record.claim == Claim::Synthetic {
            return Err(miette!(
                help = "take it out, or find out how it came into a system of record",
                "{}: the record says of itself that it is synthetic, so it is not attested",
                place()
            ));
        }
        let covers = |name: &str| self.columns.is_empty() || self.columns.covers(&record.object, name);
        if record.fields.iter().all(|(name, value)| is_absent(value) || !covers(name)) {
            return Ok(Fit::Rejected("holds nothing that a mark could cover".to_owned()));
        }
        Ok(Fit::Fits(record))
    }
}

fn is_absent(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::Array(items) => items.iter().all(is_absent),
        Json::Object(members) => members.iter().all(|(_, value)| is_absent(value)),
        Json::Bool(_) | Json::Number(_) => false,
    }
}
