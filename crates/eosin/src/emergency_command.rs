//! `eosin emergency`: versions that are prepared in advance, put in force by two people, and that end by themselves.

use std::path::Path;

use miette::miette;
use policy::{EmergencyScope, Policies};

use crate::{
    config::Config,
    environment, init, keys,
    outcome::{Done, Outcome},
    policy_command::versions::Versions,
    printer::{Printer, Style},
    wiring,
};

mod acting;
mod arguments;
pub(crate) mod believed;
mod comparison;
mod crossed;
pub(crate) mod entries;
mod enumerated;
mod normal;
pub(crate) mod paper;
pub(crate) mod placing;
mod preparing;
mod preview;
mod signing;
pub(crate) mod statement;
pub(crate) mod telling;

pub(crate) use arguments::EmergencyCommand;
use entries::Book;
pub(crate) use preparing::stops_care;
use statement::Signers;

/// Runs one of the commands about emergency versions.
pub(crate) fn emergency(command: &EmergencyCommand, printer: &Printer) -> Done {
    match command {
        EmergencyCommand::Key { name, out } => key(name, out, printer),
        EmergencyCommand::Prepare { file, cases, reason, by, at } => {
            let by = environment::who(by.as_deref());
            preparing::prepare(file, cases, &statement::reason(reason)?, &by, at, printer)
        }
        EmergencyCommand::Preview { name, scope, since, examples, at } => {
            preview::preview(name, scope, since, *examples, at, printer)
        }
        EmergencyCommand::Activate { name, key, scope, length, reason, dry_run, at } => {
            let wish = paper::Wish {
                name,
                scope,
                length: statement::length(length)?,
                reason: statement::reason(reason)?,
            };
            if *dry_run {
                acting::show_wish(&wish, at, printer)
            } else {
                acting::ask(&wish, key, at, printer)
            }
        }
        EmergencyCommand::Approve { name, dry_run: true, at, .. } => acting::show_asked(name, at, printer),
        EmergencyCommand::Approve { name, key, yes, at, .. } => acting::approve(name, key, *yes, at, printer),
        EmergencyCommand::Sign { file, key, json } => signing::sign(file, key, *json, printer),
        EmergencyCommand::StandDown { name, key, reason, at } => {
            acting::stand_down(name, key, &statement::reason(reason)?, at, printer)
        }
        EmergencyCommand::Status { at } => {
            let whole = |report: &miette::Report| format!("{report:#}");
            telling::status(&telling::standing(&Known::of(&at.config)?, whole, printer)?, at.json, printer)
        }
        EmergencyCommand::List { at } => {
            telling::list(&telling::prepared(&Known::of(&at.config)?, printer)?, at.json, printer)
        }
    }
}

/// The policies that rule now: the version in force, narrowed by the emergency versions in force.
///
/// Errors: a report: what is in force cannot be read.
pub(crate) fn ruling_now(config: &Config) -> miette::Result<Policies> {
    let normal = config.policies()?;
    let Some(versions) = Versions::of(&config.policy) else { return Ok(normal) };
    let (book, _) = Book::of(&versions.logbook(0)?, &Signers::of(config)?);
    let in_force = book.in_force(now());
    let standing = in_force.map(|(place, one)| entries::standing(&versions, &place, &one.request));
    Ok(normal.narrowed(standing.collect::<miette::Result<_>>()?))
}

/// What a command needs of a configuration.
pub(crate) struct Known {
    config: Config,
    versions: Versions,
    signers: Signers,
}

impl Known {
    /// Of the file as it is now: whoever is taken out of it signs nothing any more.
    pub(crate) fn of(config: &Path) -> miette::Result<Self> {
        let config = Config::load(config)?;
        let versions = Versions::of(&config.policy).ok_or_else(|| {
            miette!(
                help = "set `folder`, `vkey` and `signer` in `[policy]` (docs/policy.md); `eosin init` writes them",
                "this configuration takes its policies from a file: no gateway would see an emergency version"
            )
        })?;
        let signers = Signers::of(&config)?;
        Ok(Self { config, versions, signers })
    }

    /// Says loudly where a scope names a boundary that is not configured here: whoever mistook its name would stop nothing.
    fn warn_of(&self, scope: &EmergencyScope, printer: &Printer) {
        let known: Vec<&str> = self.config.boundaries.iter().map(|one| one.boundary.name.as_str()).collect();
        for name in scope.boundaries.iter().filter(|name| !known.contains(&name.as_str())) {
            printer.note(&format!(
                "{}: no boundary is called `{name}` here; unless a gateway with another configuration has it, it stops \
                 nothing there (here are {})",
                printer.paint(Style::Stop, "warning"),
                known.join(", ")
            ));
        }
    }

    /// What the log says; what is not believed is said.
    pub(crate) fn book(&self, printer: &Printer) -> miette::Result<Book> {
        let (book, doubts) = Book::of(&self.versions.logbook(0)?, &self.signers);
        for doubt in doubts {
            printer.note(&doubt);
        }
        Ok(book)
    }
}

fn key(name: &str, out: &Path, printer: &Printer) -> Done {
    let signer = keys::new_signer(name)?;
    init::write_keys(out, name, &signer)?;
    printer.line(&format!(
        "{} {}: {name}.skey is yours alone; {name}.vkey goes into `[[emergency.signer]]` on every gateway",
        printer.paint(Style::Good, "made"),
        out.display()
    ));
    Ok(Outcome::Clean)
}

/// A moment as a person reads it, with its zone.
fn shown(moment: jiff::Timestamp) -> String {
    let utc = jiff::tz::Offset::UTC.to_datetime(moment);
    format!("{} UTC", utc.strftime("%Y-%m-%d %H:%M:%S"))
}

/// The moment that it is.
pub(crate) fn now() -> jiff::Timestamp {
    wiring::clock()()
}
