//! `eosin quarantine`: what policy withheld and kept, and what becomes of it.

use std::{collections::BTreeSet, path::Path};

use ::control::Decided;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use quarantine::{Contents, ItemId, Kept, OpenError, State, Withheld};

use crate::{
    config::{self, Config},
    environment, keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

pub(crate) mod arguments;
pub(crate) mod asking;
pub(crate) mod catching_up;
mod control;
mod desk;
pub(crate) mod telling;

pub(crate) use arguments::QuarantineCommand;
use arguments::{Deciding, ReleaseArguments, ShowArguments};
use asking::Ask;
pub(crate) use control::serve;
pub(crate) use desk::Desk;

/// Runs one of the quarantine's commands.
pub(crate) fn quarantine(command: &QuarantineCommand, printer: &Printer) -> Done {
    match command {
        QuarantineCommand::List { boundary, all, config, json } => {
            let config = Config::load(config)?;
            let contents = contents(&config)?;
            if let Some(name) = boundary {
                is_boundary(name, &contents, &config)?;
            }
            let kept = telling::chosen(&contents.kept, boundary.as_deref(), *all);
            telling::list(&kept, &contents.damaged, *json, printer);
            Ok(if contents.damaged.is_empty() { Outcome::Clean } else { Outcome::CouldNotTell })
        }
        QuarantineCommand::Show(arguments) => show(arguments, printer),
        QuarantineCommand::Release(arguments) => release(arguments, printer),
        QuarantineCommand::Reject { items, deciding } => {
            let config = Config::load(&deciding.config)?;
            let ask =
                Ask::Reject { items: items.clone(), by: by(deciding)?, reason: deciding.reason.clone() };
            told(&asking::ask(&config, ask, printer)?, deciding.json, printer)
        }
    }
}

/// What an item is; its content only where somebody says why, and the ledger has it.
fn show(arguments: &ShowArguments, printer: &Printer) -> Done {
    let config = Config::load(&arguments.config)?;
    let contents = contents(&config)?;
    let kept = one(&contents, &arguments.item)?;
    if !arguments.content {
        telling::show(kept, arguments.json, printer);
        return Ok(Outcome::Clean);
    }
    let reason = arguments.reason.clone().ok_or_else(|| {
        miette!(
            help = "say `--reason`: the ledger records who looked, and why",
            "content is not shown without a reason"
        )
    })?;
    if arguments.out.is_none() && !printer.is_terminal() {
        return Err(miette!(
            help = "name a file with `--out FILE`; it is made readable by you alone",
            "content is shown on a terminal only, and this is none"
        ));
    }
    // What cannot be shown is not recorded as shown.
    let withheld = contents.content(&kept.item).into_diagnostic()?;
    if let Some(path) = arguments.out.as_ref().filter(|path| path.exists()) {
        return Err(miette!(help = "name a new file", "{} is there already", path.display()));
    }
    // Empty, until the ledger says who looked: what cannot be written is not recorded as shown either.
    if let Some(path) = &arguments.out {
        ledger::durable::create_private(path, b"").into_diagnostic()?;
    }
    let written = show_recorded(arguments, kept, &withheld, reason, &config, printer);
    if !matches!(written, Ok(Outcome::Clean))
        && let Some(path) = &arguments.out
    {
        drop(std::fs::remove_file(path));
    }
    written
}

/// Records that it is shown, and shows it.
fn show_recorded(
    arguments: &ShowArguments,
    kept: &Kept,
    withheld: &Withheld,
    reason: String,
    config: &Config,
    printer: &Printer,
) -> Done {
    let ask = Ask::Show { item: arguments.item.clone(), by: who(arguments.by.as_deref())?, reason };
    let recorded = asking::ask(config, ask, printer)?;
    if recorded.iter().any(|told| !told.is_done) {
        return told(&recorded, false, printer);
    }
    printer.note(
        "warning: what follows may be about a person. It was withheld; the ledger says that you looked.",
    );
    let mut text = format!("{} {}\n", kept.item.method, withheld.target).into_bytes();
    if let Some(kind) = &withheld.content_type {
        text.extend_from_slice(format!("Content-Type: {kind}\n").as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(&withheld.body);
    match &arguments.out {
        Some(path) => {
            ledger::durable::replace_private(path, &text).into_diagnostic()?;
            printer.line(&format!("written to {}; remove it when you are done", path.display()));
        }
        None => printer.line(&telling::printable(&String::from_utf8_lossy(&text))),
    }
    Ok(Outcome::Clean)
}

fn release(arguments: &ReleaseArguments, printer: &Printer) -> Done {
    let config = Config::load(&arguments.deciding.config)?;
    let items = if arguments.all {
        let boundary = arguments.boundary.as_deref().unwrap_or_default();
        let contents = contents(&config)?;
        is_boundary(boundary, &contents, &config)?;
        let mut held: Vec<&Kept> = contents
            .kept
            .iter()
            .filter(|kept| kept.state == State::Held && kept.item.boundary == boundary)
            .collect();
        held.sort_by_key(|kept| kept.item.sequence);
        held.into_iter().map(|kept| kept.item.id.clone()).collect()
    } else {
        arguments.items.clone()
    };
    if items.is_empty() {
        printer.line("nothing is held there");
        return Ok(Outcome::Clean);
    }
    let ask = Ask::Release {
        items,
        by: by(&arguments.deciding)?,
        reason: arguments.deciding.reason.clone(),
        again: arguments.again,
        overrule: arguments.overrule,
        elsewhere: arguments.elsewhere,
        to: arguments.to,
        token: token(arguments.token_file.as_deref())?,
    };
    told(&asking::ask(&config, ask, printer)?, arguments.deciding.json, printer)
}

/// Prints what was done; the exit code says whether all of it was.
pub(crate) fn told(all: &[Decided], json: bool, printer: &Printer) -> Done {
    if json {
        printer.line(&serde_json::to_string(all).into_diagnostic()?);
    } else {
        for told in all {
            let style = if told.is_done { Style::Good } else { Style::Stop };
            printer.line(&format!("{} {}", printer.paint(style, &told.item), telling::printable(&told.said)));
        }
    }
    Ok(if all.iter().any(|told| told.is_uncertain) {
        Outcome::CouldNotTell
    } else if all.iter().all(|told| told.is_done) {
        Outcome::Clean
    } else {
        Outcome::Findings
    })
}

/// The credentials of a release: from a file, or from the environment; never from the command line, which others see.
pub(crate) fn token(file: Option<&Path>) -> miette::Result<Option<String>> {
    let token = match file {
        Some(path) => Some(keys::token(path)?),
        None => environment::variable("EOSIN_RELEASE_TOKEN"),
    };
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    if let Some(token) = &token {
        gateway::Courier::accepts(token).into_diagnostic()?;
    }
    Ok(token)
}

fn by(deciding: &Deciding) -> miette::Result<String> {
    who(deciding.by.as_deref())
}

/// Who decides, as the ledger will say it.
///
/// Errors: a report: nobody says a name, and the ledger answers who it was for ever.
fn who(said: Option<&str>) -> miette::Result<String> {
    environment::named(said).ok_or_else(|| {
        miette!(
            help = "say `--by NAME`; where `USER` is set, as at a terminal, that is the name",
            "the ledger has to say who decides, and nothing here says a name: nothing was done"
        )
    })
}

/// What is in the configured quarantine, without the right to change anything.
pub(crate) fn contents(config: &Config) -> miette::Result<Contents> {
    let files = configured(config)?;
    let key = keys::quarantine_key(&files.key)?;
    match quarantine::look(&files.folder, &key) {
        Err(OpenError::Absent) => Err(miette!(
            help = "`eosin run` makes it when it starts",
            "there is no quarantine at {} yet",
            files.folder.display()
        )),
        looked => looked
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot look into the quarantine in {}", files.folder.display())),
    }
}

/// The configuration's quarantine.
fn configured(config: &Config) -> miette::Result<&config::Quarantine> {
    config.quarantine.as_ref().ok_or_else(|| {
        miette!(
            help = "docs/quarantine.md says what to write",
            "{} has no `[quarantine]`",
            config.file.display()
        )
    })
}

fn one<'a>(contents: &'a Contents, id: &ItemId) -> miette::Result<&'a Kept> {
    contents.kept.iter().find(|kept| kept.item.id == *id).ok_or_else(|| {
        match contents.damaged.iter().find(|(name, _)| *name == id.to_string()) {
            Some((_, why)) => miette!(help = "restore it from a backup", "item {id} {why}"),
            None => miette!(help = "`eosin quarantine list --all` shows every one", "there is no item {id}"),
        }
    })
}

/// Whether something could be kept for a boundary of this name: it is configured, or was.
pub(crate) fn is_boundary(name: &str, contents: &Contents, config: &Config) -> miette::Result<()> {
    let configured = config.boundaries.iter().map(|found| found.boundary.name.as_str());
    let kept = contents.kept.iter().map(|kept| kept.item.boundary.as_str());
    let known: BTreeSet<&str> = configured.chain(kept).collect();
    if known.contains(name) {
        return Ok(());
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Err(miette!(help = format!("there are {}", known.join(", ")), "there is no boundary `{name}`"))
}
