//! The ledger is the truth: what the quarantine knows of an item and the ledger does not is written into it.
//!
//! A step is written into the store first, so that nothing is ever sent twice, and then into the ledger. Whatever stops
//! between the two leaves an item of which the ledger says less than the store; here both are compared.

use std::collections::BTreeMap;

use carrier::provenance::RulingReference;
use flow::Flow;
use ledger::Reader;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use quarantine::{Kept, State};
use serde::Deserialize;

use crate::{config::Config, wiring};

/// Compares store and ledger when both have just been opened: what was interrupted is over.
///
/// Shape:  -> how many entries were written.
/// Bounds: reads the ledger's last [`TAIL`] entries where something is kept; more where an item is not known to be
///         recorded: from its ruling on, for nothing about it stands before that.
pub(crate) fn on_opening(config: &Config, flow: &Flow) -> miette::Result<usize> {
    let known = flow.kept_items().into_diagnostic()?;
    let waits = |kept: &Kept| matches!(kept.state, State::Held | State::Uncertain);
    let looked_at: Vec<Kept> = known.into_iter().filter(|kept| kept.is_unrecorded() || waits(kept)).collect();
    let written = compare(&looked_at, TAIL, config, flow)?;
    if written > 0 {
        // Whoever looks now finds it.
        flow.appender().publish().into_diagnostic().wrap_err("the ledger cannot publish")?;
    }
    Ok(written)
}

/// Compares them while a gateway runs: for items whose entry could not be written when it was due.
///
/// Shape:  -> how many entries were written.
pub(crate) fn while_running(config: &Config, flow: &Flow) -> miette::Result<usize> {
    // What is younger may be about to be written by whoever did it.
    let due = wiring::moment_seconds_ago(SETTLED_SECONDS);
    let known = flow.kept_items().into_diagnostic()?;
    let late: Vec<Kept> = known.into_iter().filter(|kept| kept.is_unrecorded() && kept.since < due).collect();
    if late.is_empty() {
        return Ok(0);
    }
    flow.appender().publish().into_diagnostic().wrap_err("the ledger cannot publish")?;
    compare(&late, 0, config, flow)
}

fn compare(items: &[Kept], tail: u64, config: &Config, flow: &Flow) -> miette::Result<usize> {
    if items.is_empty() {
        return Ok(0);
    }
    let reader = Reader::open(&config.ledger.folder).into_diagnostic()?;
    let unrecorded = items.iter().filter(|kept| kept.is_unrecorded());
    let first = unrecorded.map(|kept| since_ruling(kept, &reader)).min();
    let from = reader.size().saturating_sub(tail).min(first.unwrap_or(u64::MAX));
    let said = last_said(&reader, from)?;
    let mut written = 0;
    for kept in items {
        let last = said.get(kept.item.id.as_str()).map(String::as_str);
        let agrees = match (last, kept.state) {
            (Some("released" | "rejected" | "expired" | "uncertain" | "release"), State::Held) => false,
            // It was said long ago, or there was nothing to say.
            (None, _) => !kept.is_unrecorded(),
            (Some(_), State::Held) => true,
            (Some(last), state) => last == state.as_str(),
        };
        if agrees {
            if kept.is_unrecorded() {
                flow.found_written_down(kept);
            }
        } else if flow.write_down_late(kept) {
            written += 1;
        } else {
            return Err(miette!(
                "the ledger cannot write; it is tried again every minute, and at the next start"
            ));
        }
    }
    Ok(written)
}

/// Where the first entry about an item can be: at its ruling, or anywhere if that is of another ledger.
fn since_ruling(kept: &Kept, reader: &Reader) -> u64 {
    let ruling = RulingReference::parse(&kept.item.ruling);
    ruling.filter(|ruling| ruling.origin == reader.origin()).map_or(0, |ruling| ruling.index)
}

/// What the ledger says last of each item, of what changes its state.
fn last_said(reader: &Reader, from: u64) -> miette::Result<BTreeMap<String, String>> {
    let mut said = BTreeMap::new();
    let mut next = from.min(reader.size());
    while next < reader.size() {
        let entries = reader.entries(next..reader.size()).into_diagnostic()?;
        if entries.is_empty() {
            break;
        }
        next += entries.len() as u64;
        for entry in entries {
            // Members are in the order of their names: what kind it is stands near the beginning.
            let begin = entry.get(..entry.len().min(BEGIN_BYTES)).unwrap_or_default();
            if !begin.windows(KIND.len()).any(|window| window == KIND) {
                continue;
            }
            let Ok(step) = serde_json::from_slice::<Step>(&entry) else { continue };
            if CHANGES.contains(&step.event.as_str()) {
                said.insert(step.item, step.event);
            }
        }
    }
    Ok(said)
}

#[derive(Deserialize)]
struct Step {
    event: String,
    item: String,
}

/// The events that say another state, and the one that a state follows.
const CHANGES: [&str; 6] = ["release", "held", "uncertain", "released", "rejected", "expired"];
const KIND: &[u8] = b"\"eosin\":\"quarantine@1\"";
/// `at`, a boundary's name and the kind.
const BEGIN_BYTES: usize = 512;
/// So many entries at the end are always looked through: more than can be under way at one moment.
const TAIL: u64 = 8192;
/// How long a step is left to whoever did it.
const SETTLED_SECONDS: i64 = 60;
