//! `eosin filter`: a file split by the policies of a boundary into what may pass and what may not.
//!
//! The ruling is in the ledger before either part has its name: read, judge, decide, commit, apply.

use std::{
    io,
    path::{Path, PathBuf},
};

use carrier::table::Chunk;
use flow::{FileRuling, FileTally, Named, Split};
use ledger::Logged;
use mark::Verdict;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use policy::{Boundary, Caller, Decision, Policies, Request, Scope, decide};

use crate::{
    appearing,
    arguments::FilterArguments,
    config::Config,
    input::{self, Input, Reads, STANDARD_INPUT, reading::may_be_other},
    judge_command::plain,
    judging::{Asked, Judge},
    outcome::{Done, Outcome},
    pipeline,
    printer::{Printer, plural},
    progress::Progress,
    wiring,
};

mod hashing;
mod manifest;
mod part;
mod telling;

use hashing::Hashing;
use manifest::{Manifest, Side};
use part::{Part, Written, manifest_beside};

/// Splits a file.
///
/// Shape:  every record goes to one of two parts, its bytes as they are and in the order of the file; what cannot be
///         read goes with what may not pass.
/// Errors: a report, exit code 2, and neither part is there.
pub(crate) fn filter(arguments: &FilterArguments, printer: &Printer) -> Done {
    may_write(arguments)?;
    let config = Config::load(&arguments.config)?;
    let boundary = boundary(arguments, &config)?;
    let policies = config.policies()?;
    let asked = Asked {
        trusted: &arguments.trust,
        datasets: &arguments.datasets,
        map: arguments.map.as_ref(),
        recognise: !arguments.no_recognise,
    };
    let mut judge = Judge::new(Some(&config), &asked, printer)?;
    let object = beside(arguments, &mut judge, printer)?;
    // Opened early: that somebody else is writing to the ledger is known before the work.
    let (mut ledger, last_at) = wiring::open_ledger(&config)?;

    let request = Request {
        client: Caller::System("filter"),
        action: arguments.action,
        boundary: &boundary,
        route: "file",
    };
    let deciding = Deciding { judge: &judge, policies: &policies, request: &request };
    let mut splitting = Splitting {
        tally: FileTally::begin(&request, policies.version()),
        kept: Part::begin(&arguments.kept, &arguments.input)?,
        withheld: Part::begin(&arguments.withheld, &arguments.input)?,
        read: 0,
    };
    let source = split(arguments, object.as_deref(), &deciding, &mut splitting, printer)?;
    judge.columns.all_met()?;
    let Splitting { tally, kept, withheld, read } = splitting;
    if read == 0 {
        return Err(miette!(
            "there are no records in {}, so there is nothing to split",
            arguments.input.display()
        ));
    }
    let (kept, withheld) = (kept.end()?, withheld.end()?);
    let facts = Split { source_sha256: source, kept: kept.facts(), withheld: withheld.facts() };
    let ruling = tally.rule(facts, judge.recognition.recognised_by());

    let at = wiring::moment().max(last_at.unwrap_or_default());
    let logged = ledger
        .commit(vec![ruling], |ruling| ruling.entry(&at).bytes)
        .into_diagnostic()
        .wrap_err("the ruling was not logged, so nothing was written; run `eosin ledger verify`")?
        .pop()
        .ok_or_else(|| miette!("the ledger took the ruling and gave no place for it"))?;
    let unpublished = ledger.publish().err();
    let manifest = Manifest { logged: &logged, at: &at, source: &arguments.input, action: arguments.action };
    apply(&logged, kept, withheld, &manifest)?;
    telling::tell(arguments, &manifest, printer);
    if let Some(cause) = unpublished {
        printer.note(&format!("The ledger holds the ruling and could not publish it yet: {cause}"));
    }
    let withheld = logged.item().split().withheld.records;
    Ok(if withheld == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// Puts both parts and their manifests in their places.
///
/// Errors: a report that names the ruling, which stands; then neither part is there.
/// Never:  takes a ruling that is not in the ledger.
fn apply(
    logged: &Logged<FileRuling>,
    kept: Written,
    withheld: Written,
    manifest: &Manifest<'_>,
) -> miette::Result<()> {
    let mut placed = withheld.placing();
    let done = manifest
        .write(&mut placed, &kept, Side::Kept)
        .and_then(|()| manifest.write(&mut placed, &withheld, Side::Withheld))
        .and_then(|()| kept.finish(&mut placed))
        .and_then(|()| withheld.finish(&mut placed));
    if done.is_err() {
        // One part without the other would look like the whole.
        placed.undo();
    }
    done.wrap_err_with(|| {
        format!(
            "the ruling is logged at {} of `{}`, but the parts are not there; mend the cause and filter again",
            logged.index(),
            logged.origin()
        )
    })
}

/// What each chunk is decided with.
struct Deciding<'d> {
    judge: &'d Judge,
    policies: &'d Policies,
    request: &'d Request<'d>,
}

/// A decided chunk.
struct Decided {
    ruling: policy::Ruling,
    names: Vec<Named>,
    keep: Vec<bool>,
    chunk: Chunk,
}

impl Deciding<'_> {
    fn chunk(&self, chunk: Chunk, may_be_other: bool) -> Decided {
        let (mut verdicts, mut names) = (Vec::new(), Vec::new());
        for reading in chunk.readings() {
            verdicts.push(self.judge.verdict(&reading, may_be_other));
            names.push(Named::in_file(reading));
        }
        let ruling = decide(self.policies, self.request, Scope::PerRecord, verdicts);
        let rows = ruling.decisions().iter().zip(ruling.verdicts());
        // Whatever the boundary's mode: what cannot be read is not handed on.
        let passes = |(decision, verdict): (&Decision, &Verdict)| {
            *decision != Decision::Block && !matches!(verdict, Verdict::Unreadable(_))
        };
        let keep = rows.map(passes).collect();
        Decided { ruling, names, keep, chunk }
    }
}

/// A file on its way into two parts.
struct Splitting {
    tally: FileTally,
    kept: Part,
    withheld: Part,
    read: u64,
}

impl Splitting {
    fn add(&mut self, decided: &Decided) -> miette::Result<()> {
        let Decided { ruling, names, keep, chunk } = decided;
        self.tally.add(ruling, names);
        let others: Vec<bool> = keep.iter().map(|keep| !keep).collect();
        self.kept.add(self.read, chunk, keep)?;
        self.withheld.add(self.read, chunk, &others)?;
        self.read += keep.len() as u64;
        Ok(())
    }
}

/// Reads, judges and decides the whole file, on every core; the source's digest.
fn split(
    arguments: &FilterArguments,
    object: Option<&str>,
    deciding: &Deciding<'_>,
    splitting: &mut Splitting,
    printer: &Printer,
) -> miette::Result<mark::digest::Hash> {
    let path = &arguments.input;
    let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
    let progress = Progress::new("filtering", bytes, printer);
    let mut digest = None;
    let digest_slot = &mut digest;
    let update = &progress;
    pipeline::in_order(
        move |give| {
            let (source, hash) = Hashing::of(open(path)?);
            let shown = path.display().to_string();
            let name = if path == Path::new(STANDARD_INPUT) { "records.csv" } else { shown.as_str() };
            let name = name.rsplit('/').next().unwrap_or(name);
            let mut input: Input<'_> =
                input::begin(source, name, object).map_err(|refused| refused.report(&shown))?;
            let may_be_other = may_be_other(&input.format, input.assumed.is_some());
            let cannot = || format!("cannot read {} to its end, so nothing was written", plain(&shown));
            while let Some(chunk) = input.next_chunk().into_diagnostic().wrap_err_with(cannot)? {
                update.update(input.consumed.get());
                if let Some(fault) = chunk.header_fault() {
                    return Err(miette!(
                        help = "mend its first row, and filter it again",
                        "the header of {} {fault}, so its rows cannot be told apart and nothing was written",
                        plain(&shown)
                    ));
                }
                if !give((chunk, may_be_other)) {
                    return Ok(());
                }
            }
            let below = input.below();
            drop(input);
            *digest_slot = Some((hash.finish(), below));
            Ok(())
        },
        |(chunk, may_be_other)| Ok(deciding.chunk(chunk, may_be_other)),
        |decided: Decided| splitting.add(&decided),
    )?;
    progress.finish();
    let (digest, below) = digest.ok_or_else(|| miette!("{} was not read to its end", path.display()))?;
    if below > 0 {
        printer.note(&format!(
            "{} below the rows, as Salesforce writes below a report, in neither part.",
            plural(below as u64, "line is", "lines are")
        ));
    }
    Ok(digest)
}

fn open(path: &Path) -> miette::Result<Box<dyn io::Read>> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(input::open_file(path, Reads::Once)?))
}

/// Takes in the dataset beside the file; the object of its rows, where that or the command line says it.
fn beside(
    arguments: &FilterArguments,
    judge: &mut Judge,
    printer: &Printer,
) -> miette::Result<Option<String>> {
    let beside = input::dataset_beside(&arguments.input);
    if !beside.exists() {
        return Ok(arguments.object.clone());
    }
    let dataset = crate::config::dataset_file(&beside)?;
    if let Err(error) = judge.trust.admit(&dataset) {
        printer.note(&plain(&format!("{}: {error}", beside.display())));
    }
    let mut objects = dataset.manifest.objects.into_keys();
    let only = objects.next().filter(|_| objects.next().is_none());
    Ok(arguments.object.clone().or(only))
}

/// The boundary that is asked about.
fn boundary(arguments: &FilterArguments, config: &Config) -> miette::Result<Boundary> {
    let known: Vec<&str> = config.boundaries.iter().map(|known| known.boundary.name.as_str()).collect();
    let has = || format!("{} has: {}", config.file.display(), known.join(", "));
    match (&arguments.boundary, config.boundaries.as_slice()) {
        (Some(name), all) => all
            .iter()
            .find(|known| known.boundary.name == *name)
            .map(|known| known.boundary.clone())
            .ok_or_else(|| miette!(help = has(), "there is no boundary `{name}`")),
        (None, [only]) => Ok(only.boundary.clone()),
        (None, _) => Err(miette!(help = has(), "say which boundary with `--boundary NAME`")),
    }
}

/// Whether both parts have a place: nothing is overwritten, least of all what is read.
fn may_write(arguments: &FilterArguments) -> miette::Result<()> {
    let (kept, withheld) = (&arguments.kept, &arguments.withheld);
    if arguments.input.is_dir() {
        return Err(miette!(
            help = "filter its files one by one",
            "{} is a folder, and what is split is one file",
            arguments.input.display()
        ));
    }
    let manifests = [manifest_beside(kept), manifest_beside(withheld)];
    let places: Vec<PathBuf> = [kept.clone(), withheld.clone()].into_iter().chain(manifests).collect();
    appearing::make_free(&places, &arguments.input)
}
