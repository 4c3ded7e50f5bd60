//! `eosin index`: the SQL view of the ledgers, how far it is, made anew, asked; and `eosin prove`, which leads back.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use index::{Answer, Index, Patience, Place, RowName, Standing, Sums, Value};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{
    config::Config,
    judge_command::plain,
    ledger_command,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    progress::Progress,
};

mod arguments;

pub(crate) use arguments::{IndexCommand, ProveArguments, Where};

/// Runs one of the index's commands.
pub(crate) fn index(command: &IndexCommand, printer: &Printer) -> Done {
    match command {
        IndexCommand::Status { at } => status(&Known::of(at)?, at.json, printer),
        IndexCommand::Update { at } => {
            let known = Known::of(at)?;
            read(&mut open(&known.place)?, &known, at.json, printer)
        }
        IndexCommand::Rebuild { at } => {
            let known = Known::of(at)?;
            let mut index = Index::renew(&known.place)
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot make the index in {}", known.place))?;
            read(&mut index, &known, at.json, printer)
        }
        IndexCommand::Query { sql, limit, at } => query(sql, *limit, &Known::of(at)?, at.json, printer),
    }
}

/// Where the index is, and which ledgers it is of.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) place: Place,
    pub(crate) ledgers: Vec<PathBuf>,
}

impl Known {
    /// Errors: a report: the configuration is needed and cannot be read, or the place is none.
    pub(crate) fn of(at: &Where) -> miette::Result<Self> {
        let needs_config = at.ledgers.is_empty() || at.database.is_none();
        let config = if needs_config { Some(Config::load(&at.config)?) } else { None };
        Self::with(at, config.as_ref())
    }

    /// With a configuration that was read before.
    ///
    /// Errors: a report: the place is none, or nothing says where it is.
    pub(crate) fn with(at: &Where, config: Option<&Config>) -> miette::Result<Self> {
        let here = std::path::absolute("").unwrap_or_default();
        let place = match (&at.database, config) {
            (Some(text), _) => Place::read(text, &here, None).into_diagnostic()?,
            (None, Some(config)) => config.index_place(),
            (None, None) => return Err(miette!("say where the index is with `--database`")),
        };
        let of_config = config.map(Config::all_ledgers).unwrap_or_default();
        let ledgers = if at.ledgers.is_empty() { of_config } else { at.ledgers.clone() };
        Ok(Self { place, ledgers })
    }
}

fn open(place: &Place) -> miette::Result<Index> {
    open_with(place, Patience::COMMAND)
}

fn open_with(place: &Place, patience: Patience) -> miette::Result<Index> {
    Index::open_with(place, patience)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot use the index in {place}"))
}

/// The index of a command, with everything read that the ledgers have published.
pub(crate) fn up_to_date(at: &Where, patience: Patience, printer: &Printer) -> miette::Result<Index> {
    let known = Known::of(at)?;
    let mut index = open_with(&known.place, patience)?;
    follow(&mut index, &known, printer)?;
    index.read_only().into_diagnostic()
}

fn status(known: &Known, json: bool, printer: &Printer) -> Done {
    let mut index = open(&known.place)?;
    let mut standings = Vec::with_capacity(known.ledgers.len());
    for folder in &known.ledgers {
        standings.push(index.standing(folder).into_diagnostic()?);
    }
    tell(&known.place.to_string(), &standings, json, printer);
    let is_behind = standings.iter().any(|standing| standing.behind() > 0);
    let mut is_changed = false;
    for standing in &standings {
        let sums = index.sums(&standing.origin).into_diagnostic()?;
        if !sums.agree() {
            is_changed = true;
            tell_changed(&standing.origin, &sums, printer);
        }
    }
    Ok(if is_behind || is_changed { Outcome::Findings } else { Outcome::Clean })
}

/// Says that rows of rulings are gone, or that some were put in.
fn tell_changed(origin: &str, sums: &Sums, printer: &Printer) {
    let said = |[rulings, refused, records]: [u64; 3]| {
        format!("{rulings} rulings, {refused} refused, {records} records")
    };
    printer.note(&format!(
        "{origin}: the index has been changed: {} were read into it, and its rows have {}. Run `eosin index rebuild`, and look \
         who could write to it.",
        said(sums.added),
        said(sums.there)
    ));
}

fn read(index: &mut Index, known: &Known, json: bool, printer: &Printer) -> Done {
    let standings = follow(index, known, printer)?;
    tell(&known.place.to_string(), &standings, json, printer);
    Ok(Outcome::Clean)
}

/// Reads every ledger on.
fn follow(index: &mut Index, known: &Known, printer: &Printer) -> miette::Result<Vec<Standing>> {
    let mut standings = Vec::with_capacity(known.ledgers.len());
    for folder in &known.ledgers {
        let mut bar = None;
        let followed = index.follow(folder, &mut |standing| {
            let bar = bar.get_or_insert_with(|| Progress::counting("indexing", standing.published, printer));
            bar.update(standing.indexed);
        });
        if let Some(bar) = bar {
            bar.finish();
        }
        standings.push(followed.into_diagnostic().wrap_err("the index was not read on to the end")?);
    }
    Ok(standings)
}

pub(crate) fn tell(place: &str, standings: &[Standing], json: bool, printer: &Printer) {
    if json {
        let ledgers: Vec<serde_json::Value> = standings
            .iter()
            .map(|standing| {
                serde_json::json!({
                    "origin": standing.origin,
                    "published": standing.published,
                    "indexed": standing.indexed,
                    "behind": standing.behind(),
                    "lastAt": standing.last_at,
                })
            })
            .collect();
        printer.line(&serde_json::json!({ "index": place, "ledgers": ledgers }).to_string());
        return;
    }
    printer.line(&printer.paint(Style::Strong, &format!("Index in {place}")));
    for standing in standings {
        let behind = match standing.behind() {
            0 => printer.paint(Style::Good, "up to date"),
            behind => printer.paint(Style::Stop, &format!("{behind} behind")),
        };
        let last = standing.last_at.as_deref().unwrap_or("never");
        printer.line(&format!(
            "  {}  {} of {} entries, {behind}, last {last}",
            standing.origin, standing.indexed, standing.published
        ));
    }
}

fn query(sql: &str, limit: u32, known: &Known, json: bool, printer: &Printer) -> Done {
    let mut index = open(&known.place)?.read_only().into_diagnostic()?;
    let asked = index
        .ask(sql, limit)
        .into_diagnostic()
        .wrap_err("the index did not answer; its tables are in docs/index.md")?;
    tell_answer(&asked.answer, json, printer);
    if asked.is_cut {
        printer.note("there are more rows: the answer is cut at `--limit`");
    }
    Ok(Outcome::Clean)
}

/// Prints an answer: a table, or an object a row.
pub(crate) fn tell_answer(answer: &Answer, json: bool, printer: &Printer) {
    if json {
        for row in &answer.rows {
            let members = answer.columns.iter().cloned().zip(row.iter().map(control::json));
            printer.line(&serde_json::Value::Object(members.collect()).to_string());
        }
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(answer.columns.iter().map(|column| plain(column)));
    for row in &answer.rows {
        table.add_row(row.iter().map(|value| plain(&value.to_string())));
    }
    printer.line(&table.trim_fmt());
}

/// Writes the proof of a row, after comparing the row with the entry that it is of.
pub(crate) fn prove(arguments: &ProveArguments, printer: &Printer) -> Done {
    let known = Known::of(&arguments.at)?;
    let name: RowName = arguments.row.parse().into_diagnostic()?;
    let mut index = open(&known.place)?.read_only().into_diagnostic()?;
    let found = index.find(&name).into_diagnostic()?;
    let place = found.to_string();
    let bytes = ledger_command::entry(&place, &known.ledgers)?;
    if let Some(table) = found.differs_from(&bytes) {
        printer.note(&format!(
            "the index has been changed: what `{table}` holds of {place} is not what the ledger's entry says. Run \
             `eosin index rebuild`, and look who could write to it."
        ));
        return Ok(Outcome::Findings);
    }
    if !arguments.at.json {
        for (table, rows) in &found.rows {
            for row in rows {
                let said = table.columns.iter().zip(row).skip(2).filter(|(_, value)| **value != Value::Null);
                let said: Vec<String> = said
                    .map(|(column, value)| format!("{} {}", column.name, plain(&value.to_string())))
                    .collect();
                printer.line(&format!("{}: {}", printer.paint(Style::Strong, table.name), said.join(", ")));
            }
        }
    }
    ledger_command::prove_entry(
        &place,
        arguments.out.as_deref(),
        &known.ledgers,
        &arguments.at.config,
        arguments.at.json,
        printer,
    )
}
