//! What another mode of a boundary would have done to the transactions that were recorded there.

use std::collections::BTreeMap;

use index::{Index, Since};
use miette::IntoDiagnostic as _;
use policy::{Change, Finding, Mode, Policies, Recorded};

use super::replay::{Replay, Wanted};

/// Most answers that are kept.
const ANSWERS_MAX: usize = 100_000;

/// Asks the policies about every recorded transaction of a boundary, as if it had been in another mode.
///
/// Bounds: a page of transactions in memory.
/// Errors: a report: the index does not answer.
pub(crate) fn run(
    policies: &Policies,
    boundary: &str,
    mode: Mode,
    wanted: &Wanted,
    index: &mut Index,
) -> miette::Result<Replay> {
    let mut since = Since::moment(&wanted.since);
    let mut replay = Replay::new(policies.version(), &wanted.since);
    let mut known: BTreeMap<String, Option<Change>> = BTreeMap::new();
    loop {
        let page = index.crossings(&mut since).into_diagnostic()?;
        if page.is_empty() {
            return Ok(replay);
        }
        for crossing in page.iter().filter(|crossing| crossing.boundary == boundary) {
            replay.transactions += 1;
            let Some(name) = &crossing.question else {
                replay.unknown += 1;
                continue;
            };
            if known.len() >= ANSWERS_MAX {
                known.clear();
            }
            if !known.contains_key(name) {
                let texts = index.questions(&crossing.origin, &[name]).into_diagnostic()?;
                let recorded = texts.get(name).and_then(|text| serde_json::from_str::<Recorded>(text).ok());
                known.insert(name.clone(), recorded.and_then(|recorded| under(recorded, mode, policies)));
            }
            match known.get(name).copied().flatten() {
                None => replay.unknown += 1,
                Some(change) if change.was == change.would => {}
                Some(change) => replay.add(crossing, &change, wanted.examples()),
            }
        }
    }
}

/// What policies do about it in the mode that it was in, and in another one; nothing where not all was written down.
fn under(mut recorded: Recorded, mode: Mode, policies: &Policies) -> Option<Change> {
    let was = recorded.answered_by(policies)?.decision;
    recorded.mode = mode;
    let would = recorded.answered_by(policies)?.decision;
    let records = recorded.asked.cases.iter().map(|case| case.records).sum();
    Some(Change { was, would, found: Finding::Permit, finds: Finding::Permit, records })
}
