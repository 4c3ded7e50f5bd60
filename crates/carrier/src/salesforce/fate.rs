//! What becomes of each part of a body when some of its records are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    door::Route,
    plan::{Part, Plan, plan},
};
use crate::{Limits, Refusal, Unit};

/// For each group and part: what is said about it if it is not sent on.
pub(super) type Fates = Vec<Vec<Option<Refusal>>>;

/// Refusals of these records and of everything that falls with them.
///
/// A subrequest is refused with any of its records; one that refers to a refused subrequest (`@{ref.id}`) has
/// nothing to refer to; a graph falls as a whole; so does any request that is all or nothing.
///
/// Shape:  refusals by position in [`super::read()`]'s records -> the same and the others that fall.
/// Source: spec/carriers.md section 2.5.
pub fn complete(route: &Route, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> BTreeMap<usize, Refusal> {
    // Their rows stand alone, and where they do not, `refuse` says so.
    if matches!(route, Route::BulkV1(_) | Route::Soap(_)) {
        return refusals.clone();
    }
    let plan = plan(route, body, &UNBOUNDED);
    let mut all = refusals.clone();
    if plan.unit == Unit::Whole && !refusals.is_empty() {
        for position in 0..plan.readings.len() {
            all.entry(position).or_insert_with(|| rolled_back(route));
        }
    }
    for (parts, fates) in plan.groups.iter().zip(fates(route, &plan, refusals)) {
        for (part, fate) in parts.iter().zip(fates) {
            let Some(refusal) = fate else { continue };
            for position in part.records.clone() {
                all.entry(position).or_insert_with(|| refusal.clone());
            }
        }
    }
    all
}

/// The body was read within limits before anything in it was refused.
pub(super) const UNBOUNDED: Limits = Limits { body_bytes: usize::MAX, records: usize::MAX };

/// The fate of every part, if what is not refused is sent on.
pub(super) fn fates(route: &Route, plan: &Plan<'_>, refusals: &BTreeMap<usize, Refusal>) -> Fates {
    let of_group = |parts: &Vec<Part>| {
        let mut fates: Vec<Option<Refusal>> =
            parts.iter().map(|part| first_refusal(part, refusals)).collect();
        refuse_dependents(parts, &mut fates);
        if matches!(route, Route::Graph) && fates.iter().any(Option::is_some) {
            for fate in &mut fates {
                *fate = fate.take().or_else(|| Some(rolled_back(route)));
            }
        }
        fates
    };
    plan.groups.iter().map(of_group).collect()
}

fn first_refusal(part: &Part, refusals: &BTreeMap<usize, Refusal>) -> Option<Refusal> {
    refusals.range(part.records.clone()).next().map(|(_, refusal)| refusal.clone())
}

/// Refuses what refers to a refused part, and what refers to that, until nothing changes.
fn refuse_dependents(parts: &[Part], fates: &mut [Option<Refusal>]) {
    let mut gone: BTreeSet<&str> = BTreeSet::new();
    loop {
        let found: Vec<&str> = parts
            .iter()
            .zip(fates.iter())
            .filter(|(_, fate)| fate.is_some())
            .filter_map(|(part, _)| part.reference.as_deref())
            .filter(|reference| !gone.contains(reference))
            .collect();
        if found.is_empty() {
            return;
        }
        gone.extend(found);
        for (part, fate) in parts.iter().zip(fates.iter_mut()) {
            if fate.is_none() && part.mentions.iter().any(|mention| gone.contains(mention.as_str())) {
                *fate = Some(Refusal {
                    code: HALTED.to_owned(),
                    message: "Invalid reference specified: the subrequest that it names was refused."
                        .to_owned(),
                });
            }
        }
    }
}

/// The code of a subrequest that falls with another.
pub(super) const HALTED: &str = "PROCESSING_HALTED";
/// The code of a subrequest of a batch that was not come to.
pub(super) const BATCH_HALTED: &str = "BATCH_PROCESSING_HALTED";
/// The code of a record that falls with another.
pub(super) const ROLLED_BACK: &str = "ALL_OR_NONE_OPERATION_ROLLED_BACK";

/// What is said about a part that was not refused itself, where nothing was done.
pub(super) fn rolled_back(route: &Route) -> Refusal {
    let (code, message) = match route {
        Route::Composite | Route::Graph => (
            HALTED,
            "The transaction was rolled back since another operation in the same transaction failed.",
        ),
        Route::Batch => (BATCH_HALTED, "Batch processing halted per request"),
        Route::Create { .. }
        | Route::Update { .. }
        | Route::Upsert { .. }
        | Route::Delete { .. }
        | Route::CreateMany
        | Route::UpdateMany
        | Route::UpsertMany { .. }
        | Route::DeleteMany
        | Route::Tree { .. }
        | Route::BulkJob
        | Route::BulkUpload { .. }
        | Route::BulkV1(_)
        | Route::Soap(_)
        | Route::Api(_) => (
            ROLLED_BACK,
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        ),
    };
    Refusal { code: code.to_owned(), message: message.to_owned() }
}
