//! `eosin policy replay` on a terminal, or for a program.

use index::Crossing;
use policy::{Change, Policies};

use super::replay::{Emergencies, Replay, Wanted, kind, run};
use crate::{
    config::Config,
    index_command::{self, Where},
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// Asks the policies about every recorded transaction, and tells what would change.
pub(super) fn replay(policies: &Policies, wanted: &Wanted, at: &Where, printer: &Printer) -> Done {
    let mut index = index_command::up_to_date(at, index::Patience::COMMAND, printer)?;
    let mut each = |crossing: &Crossing, change: &Change| {
        if wanted.all {
            printer.line(&named(crossing, change, at.json));
        }
    };
    // An index may be asked without a configuration; what emergency versions ruled on is then not known.
    let emergencies =
        if at.config.exists() { Emergencies::of(&Config::load(&at.config)?) } else { Emergencies::default() };
    let replay = run(policies, emergencies, wanted, &mut index, &mut each)?;
    if at.json {
        printer.line(&replay.to_json().to_string());
    } else {
        print(&replay, printer);
    }
    Ok(if replay.changed == 0 { Outcome::Clean } else { Outcome::Findings })
}

fn print(replay: &Replay, printer: &Printer) {
    let head = format!(
        "{} on {} transactions since {}: {} would change",
        replay.version, replay.transactions, replay.since, replay.changed
    );
    printer.line(&printer.paint(Style::Strong, &head));
    for ((boundary, client, kind), group) in &replay.groups {
        printer.line(&format!(
            "  {boundary}, {client}: {kind}: {} transactions, {} records",
            group.transactions, group.records
        ));
        for example in &group.examples {
            printer.line(&format!("    {example}"));
        }
    }
    if replay.unknown > 0 {
        printer.line(&format!(
            "  {} transactions cannot be replayed: what policies saw of them was not written down whole, or an \
             emergency version that narrowed them is not at hand",
            replay.unknown
        ));
    }
}

fn named(crossing: &Crossing, change: &Change, json: bool) -> String {
    let place = format!("{}#{}", crossing.origin, crossing.entry);
    if json {
        return serde_json::json!({
            "transaction": place, "boundary": crossing.boundary, "client": crossing.client, "at": crossing.at,
            "was": change.was.as_str(), "would": change.would.as_str(), "records": change.records,
        })
        .to_string();
    }
    format!("{place}  {}  {}, {}: {}", crossing.at, crossing.boundary, crossing.client, kind(change))
}
