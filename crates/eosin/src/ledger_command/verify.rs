//! `eosin ledger verify`: every entry hashed, every tile recomputed, the signature checked.

use std::{fs::File, io, path::Path};

use jiff::Timestamp;
use ledger::{Problem, VerifyReport};
use mark::{
    checkpoint::{Checkpoint, OpenError},
    note::VerifyError,
};
use miette::miette;
use serde::Serialize;

use super::{
    Key, absent,
    forks::Committed,
    key_of,
    witnesses::{Quorum, Standing},
};
use crate::{
    outcome::Outcome,
    printer::{Printer, Style, plural},
};

/// Checks the ledger in a folder with the key of its log, and what witnesses say of it.
///
/// Shape:  -> what was found, and what is committed and not published, for [`super::forks`].
/// Errors: a report where no answer can be given: no ledger there, another log's key, a file that cannot be read.
pub(super) fn verify(
    folder: &Path,
    keys: &[Key],
    quorum: &Quorum,
    json: bool,
    printer: &Printer,
) -> miette::Result<(Outcome, Committed)> {
    let key = &could_tell(folder, keys)?.key;
    let started = Timestamp::now();
    let report = ledger::verify(folder, key);
    let standing = Standing::of(folder, key, quorum);
    let milliseconds = Timestamp::now().as_millisecond() - started.as_millisecond();
    if let Some(problem) = &report.problem {
        could_read(folder, problem)?;
    }
    if json {
        printer.line(&to_json(folder, &report, standing.as_ref(), milliseconds));
    } else {
        print(folder, &report, standing.as_ref(), milliseconds, printer);
    }
    let is_witnessed = standing.is_none_or(|standing| standing.problem.is_none());
    let outcome = if report.is_intact() && is_witnessed { Outcome::Clean } else { Outcome::Findings };
    Ok((outcome, Committed { from: report.size, leaves: report.committed }))
}

/// Whether there is a ledger, and which of the keys is its own: otherwise nothing can be said about it.
fn could_tell<'k>(folder: &Path, keys: &'k [Key]) -> miette::Result<&'k Key> {
    let only = match keys {
        [only] => Some(only),
        _ => None,
    };
    let reader = match ledger::Reader::open(folder) {
        Ok(reader) => reader,
        Err(ledger::ReadError::Missing { file }) => return Err(absent(folder, &file)),
        // A checkpoint that is damaged is a finding, and `ledger::verify` says it better.
        Err(_) => return only.ok_or_else(|| miette!("the checkpoint in {} names no log", folder.display())),
    };
    let Some(only) = only else { return key_of(reader.origin(), folder, keys) };
    match Checkpoint::open(&reader.checkpoint(), std::slice::from_ref(&only.key)) {
        Err(OpenError::Signature(VerifyError::Untrusted)) => Err(miette!(
            help = "give the key of this log with `--vkey FILE`; if this should be its key, somebody has put \
                    another log's checkpoint here",
            "the ledger in {} calls itself `{}`, and the key in {} (`{}`) did not sign its checkpoint",
            folder.display(),
            reader.origin(),
            only.file.display(),
            only.key.name()
        )),
        _ => Ok(only),
    }
}

/// Whether what was found wrong is the ledger, and not that this user may not read it.
fn could_read(folder: &Path, problem: &Problem) -> miette::Result<()> {
    match File::open(folder.join(&problem.file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(miette!(
            help = "check the disk, and that this user may read the ledger's files",
            "cannot read `{}` of the ledger in {}: {error}",
            problem.file,
            folder.display()
        )),
        _ => Ok(()),
    }
}

fn print(
    folder: &Path,
    report: &VerifyReport,
    standing: Option<&Standing>,
    milliseconds: i64,
    printer: &Printer,
) {
    let row = |name: &str, value: &str| printer.line(&format!("{name:<10}{value}"));
    row("ledger", &folder.display().to_string());
    row("origin", report.origin.as_deref().unwrap_or("not known"));
    row("size", &plural(report.size, "entry", "entries"));
    if let Some(root) = &report.root {
        row("root", &root.to_base64());
    }
    let journal = match (report.journal.entries, report.journal.is_torn, report.journal.is_moving) {
        (_, _, true) => "a writer published meanwhile; what it holds now was not checked".to_owned(),
        (0, false, false) => "empty: everything is published".to_owned(),
        (0, true, false) => "a write is not whole: a writer is at work, or a crash cut it short".to_owned(),
        (count, torn, false) => {
            let waiting = format!("{} committed, not yet published", plural(count, "entry", "entries"));
            if torn { format!("{waiting}; a later write is not whole") } else { waiting }
        }
    };
    row("journal", &journal);
    if let Some(standing) = standing {
        row("witnesses", &standing.sentence());
    }
    let what = if report.is_intact() {
        "each entry hashed, each tile recomputed, the root and its signature checked"
    } else {
        "and found right before the first that is wrong"
    };
    row("checked", &format!("{}, {what}, in {milliseconds} ms", plural(report.files, "file", "files")));
    printer.line("");
    match (&report.problem, standing) {
        (None, Some(Standing { problem: Some(_), .. })) => printer.line(&format!(
            "{}: nothing in this ledger contradicts itself, and nobody else vouches for all that it should.",
            printer.paint(Style::Stop, "not witnessed")
        )),
        (None, Some(standing)) if standing.uncosigned() > 0 => printer.line(&format!(
            "{}: nothing in this ledger contradicts itself; what it says after its first {} is its own \
             word until a witness has seen it.",
            printer.paint(Style::Good, "intact"),
            plural(standing.size, "entry", "entries")
        )),
        (None, _) => printer.line(&format!(
            "{}: this ledger is whole: nothing in it was changed, removed or put in between.",
            printer.paint(Style::Good, "intact")
        )),
        (Some(problem), _) => {
            printer.line(&format!("{}: {problem}.", printer.paint(Style::Stop, "damaged")));
            printer
                .line("Stop its writer first. Keep a copy of the folder as it is, for whoever investigates.");
        }
    }
}

#[derive(Serialize)]
struct Written<'r> {
    folder: String,
    intact: bool,
    origin: Option<&'r str>,
    size: u64,
    root: Option<String>,
    files: u64,
    journal: WrittenJournal,
    problem: Option<WrittenProblem<'r>>,
    witnesses: Option<&'r Standing>,
    milliseconds: i64,
}

#[derive(Serialize)]
struct WrittenJournal {
    entries: u64,
    torn: bool,
    moving: bool,
}

#[derive(Serialize)]
struct WrittenProblem<'r> {
    file: &'r str,
    what: &'r str,
}

fn to_json(folder: &Path, report: &VerifyReport, standing: Option<&Standing>, milliseconds: i64) -> String {
    let written = Written {
        folder: folder.display().to_string(),
        intact: report.is_intact(),
        origin: report.origin.as_deref(),
        size: report.size,
        root: report.root.map(|root| root.to_base64()),
        files: report.files,
        journal: WrittenJournal {
            entries: report.journal.entries,
            torn: report.journal.is_torn,
            moving: report.journal.is_moving,
        },
        problem: report.problem.as_ref().map(|Problem { file, what }| WrittenProblem { file, what }),
        witnesses: standing,
        milliseconds,
    };
    // Text and numbers: writing cannot fail.
    serde_json::to_string(&written).unwrap_or_default()
}
