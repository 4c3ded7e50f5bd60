//! `eosin drill strip`: marked records degraded step by step, and which of the three ways still recognises them.
//!
//! Nothing is written but a registry in a temporary folder, which is removed. Records stay in memory.

use std::path::{Path, PathBuf};

use carrier::table::Chunk;
use mark::{Claim, Reading, Record};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::Person;

use crate::{
    arguments::{DrillCommand, StripArguments},
    column_maps::ColumnMaps,
    config::{self, Config},
    input,
    outcome::{Done, Outcome},
    printer::Printer,
};

mod degrade;
mod export;
mod means;
mod telling;

use degrade::{Kept, Spelling, only, spelled};
use export::{Way, there_and_back};
use means::{Folder, Means, Rehearsal, Rehearsed};
use telling::{Row, Table};

/// Runs one of the drills.
pub(crate) fn drill(command: &DrillCommand, printer: &Printer) -> Done {
    match command {
        DrillCommand::Strip(arguments) => strip(arguments, printer),
    }
}

/// Degrades the records of a file step by step.
///
/// Errors: a report, exit code 2: a file that cannot be read, or in which no record identifies anybody.
/// Never:  prints a value of a record.
fn strip(arguments: &StripArguments, printer: &Printer) -> Done {
    let demo = Folder::make()?;
    let (file, name) = match &arguments.file {
        Some(file) => (file.clone(), file.display().to_string()),
        None => (demonstration(&demo)?, "twelve patients made by Synthea".to_owned()),
    };
    let object = arguments.object.as_deref();
    let columns = ColumnMaps::asked(arguments.map.as_deref())?;
    let (means, rehearsed) = if let Some(config) = &arguments.config {
        (configured(config, columns, (&file, object), printer)?, None)
    } else {
        let (means, rehearsed) = rehearse(&file, object, columns)?;
        (means, Some(rehearsed))
    };
    let mut rows: Vec<Row> = STEPS.iter().map(|(_, name)| Row::new(name)).collect();
    let mut left_out = 0;
    each_chunk(&file, object, &mut |chunk| {
        left_out += step_through(chunk, &means, rehearsed.as_ref(), &mut rows)?;
        Ok(())
    })?;
    means.columns.all_met()?;
    let table = Table { file: &name, is_rehearsed: rehearsed.is_some(), left_out, rows: &rows };
    if rows.first().is_none_or(|row| row.records == 0) {
        return Err(miette!("no record of {name} identifies anybody, so there is nothing to recognise"));
    }
    if arguments.json {
        printer.line(&table.to_json());
    } else {
        table.print(printer);
    }
    Ok(Outcome::Clean)
}

/// What is done to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    DropMark,
    DropFields,
    Spell(Spelling),
    Keep(Kept),
    Send(Way),
}

/// The steps, as the table names them. From the third on, all of Eosin's fields are gone.
const STEPS: [(Step, &str); 15] = [
    (Step::Nothing, "as marked"),
    (Step::DropMark, "mark dropped"),
    (Step::DropFields, "all Eosin fields dropped"),
    (Step::Spell(Spelling::CaseAndAccents), "case and accents changed"),
    (Step::Spell(Spelling::Phone), "phone reformatted"),
    (Step::Spell(Spelling::Email), "e-mail plus tag and case"),
    (Step::Spell(Spelling::All), "the last three together"),
    (Step::Keep(Kept::NameAndBirthDate), "name and birth date only"),
    (Step::Keep(Kept::Email), "e-mail only"),
    (Step::Keep(Kept::Phone), "phone only"),
    (Step::Keep(Kept::Identifiers), "identifiers only"),
    (Step::Keep(Kept::Address), "address only"),
    (Step::Send(Way::Csv), "exported as CSV"),
    (Step::Send(Way::Hl7v2), "exported as HL7 v2"),
    (Step::Send(Way::Page), "text of a PDF page"),
];

/// Steps through the records of a chunk; how many identify nobody, or cannot be read.
fn step_through(
    chunk: &Chunk,
    means: &Means,
    rehearsed: Option<&Rehearsed>,
    rows: &mut [Row],
) -> miette::Result<u64> {
    let readings = chunk.read().records;
    let unreadable = readings.iter().filter(|reading| reading.content.is_err()).count();
    let places = readings.iter().filter(|reading| reading.content.is_ok()).map(|reading| &reading.place);
    let records: Vec<&Record<'_>> =
        readings.iter().filter_map(|reading| reading.content.as_ref().ok()).collect();
    let marks = rehearsed.map(|rehearsed| rehearsed.marks(&records)).transpose()?;
    let mut persons = Vec::new();
    for (at, (record, place)) in records.iter().zip(places).enumerate() {
        let Some(person) = means.columns.person(record) else { continue };
        let drilled = marks.as_ref().and_then(|marks| marks.get(at)).map(|text| text.as_str().into());
        let marked = Record { mark: drilled.or_else(|| record.mark.clone()), ..(*record).clone() };
        for ((step, _), row) in STEPS.iter().zip(&mut *rows) {
            let Some(left) = left(&marked, &person, *step) else { continue };
            row.add(means.ask(&Reading { place: place.clone(), content: Ok(left) })?);
        }
        persons.push(person);
    }
    for ((step, _), row) in STEPS.iter().zip(rows) {
        if let Step::Send(way) = step {
            there_and_back(&persons, *way, &mut |reading| {
                row.add(means.ask(reading)?);
                Ok(())
            })?;
        }
    }
    Ok((unreadable + records.len() - persons.len()) as u64)
}

/// What a step leaves of a record; nothing where it does not apply to it, or is done to many at once.
fn left<'r>(marked: &'r Record<'_>, person: &Person<'_>, step: Step) -> Option<Record<'r>> {
    match step {
        Step::Nothing => Some(marked.clone()),
        Step::DropMark => Some(Record { mark: None, ..marked.clone() }),
        Step::DropFields => Some(Record { mark: None, claim: Claim::None, ..marked.clone() }),
        Step::Spell(spelling) => spelled(marked, person, spelling),
        Step::Keep(kept) => only(marked, person, kept),
        Step::Send(_) => None,
    }
}

/// The means of a configuration, with the dataset that lies beside the file.
fn configured(
    config: &Path,
    columns: ColumnMaps,
    (file, object): (&Path, Option<&str>),
    printer: &Printer,
) -> miette::Result<Means> {
    let config = Config::load(config)?;
    let (mut trust, doubts) = config.trust_store()?;
    for doubt in doubts {
        printer.note(&crate::judge_command::plain(&doubt));
    }
    let beside = input::dataset_beside(file);
    if beside.exists() {
        trust
            .admit(&config::dataset_file(&beside)?)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} cannot be believed", beside.display()))?;
    }
    Ok(Means { trust, recognition: config.recognition()?, columns, may_be_other: object.is_none() })
}

/// Marks and registers the file's records for this drill alone.
fn rehearse(file: &Path, object: Option<&str>, columns: ColumnMaps) -> miette::Result<(Means, Rehearsed)> {
    let mut rehearsal = Rehearsal::begin(columns)?;
    each_chunk(file, object, &mut |chunk| rehearsal.take(chunk))?;
    rehearsal.finish()
}

fn each_chunk(
    file: &Path,
    object: Option<&str>,
    each: &mut dyn FnMut(&Chunk) -> miette::Result<()>,
) -> miette::Result<()> {
    let mut input = input::open(file, object)?;
    while let Some(chunk) = input
        .next_chunk()
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot read {} to its end", file.display()))?
    {
        each(&chunk)?;
    }
    Ok(())
}

/// The patients that the drill brings along, as a file.
fn demonstration(folder: &Folder) -> miette::Result<PathBuf> {
    let path = folder.path().join("patients.ndjson");
    ledger::durable::replace(&path, DEMONSTRATION.as_bytes()).into_diagnostic()?;
    Ok(path)
}

/// Invented people, made by Synthea: see `fixtures/fhir/SOURCE.md`.
const DEMONSTRATION: &str = include_str!("../../../fixtures/fhir/patients.ndjson");
