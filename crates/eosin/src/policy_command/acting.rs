//! Putting a version in force, and one that was in force before: what the command, the console and the control API share.

use std::path::Path;

use miette::{Report, miette};
use policy::{Policies, RedLine};

use super::{
    policy_text,
    versions::{Change, Versions, Wish, name_in},
};
use crate::{
    input::{Reads, refuse_pipes},
    keys,
};

/// What came of it.
pub(crate) enum Acted {
    /// The version is in force; where the entry is.
    InForce {
        /// Which.
        version: String,
        /// The entry, as `origin#index`.
        place: String,
    },
    /// It lets synthetic into production, or that it does not could not be proven: nothing was changed.
    Refused(RedLine),
}

/// A text of policies, and what it says.
pub(crate) struct Candidate {
    /// The text as it was written.
    pub(crate) text: String,
    /// The policies in it.
    pub(crate) policies: Policies,
}

impl Candidate {
    /// Of a file, called as the file is.
    ///
    /// Errors: a report: it cannot be read; or every fault underlined.
    pub(crate) fn of(file: &Path) -> miette::Result<Self> {
        refuse_pipes(file, Reads::Once)?;
        let text = keys::file(file, policy::POLICY_BYTES_MAX as u64)?;
        Self::read(&policy_text::name_of(file), text, &file.display().to_string())
    }

    /// Errors: a report, every fault underlined.
    pub(crate) fn read(name: &str, text: String, shown: &str) -> miette::Result<Self> {
        let policies = policy_text::parse(name, &text, shown)?;
        Ok(Self { text, policies })
    }
}

/// Puts policies in force, unless they let synthetic into production.
///
/// Errors: a report, and nothing has changed; one that is [`super::versions::Meanwhile`] where another version is in force
///         than `wish` expects.
pub(crate) fn activate(versions: &Versions, candidate: &Candidate, wish: &Wish<'_>) -> miette::Result<Acted> {
    let line = candidate.policies.red_line();
    let RedLine::Proven { .. } = line else { return Ok(Acted::Refused(line)) };
    let place = versions.activate(&candidate.policies, &candidate.text, wish)?;
    Ok(Acted::InForce { version: candidate.policies.version().to_owned(), place })
}

/// The version to go back to: the named one, or the one before that which is in force.
///
/// Errors: a report: there is none, it was never in force, or its text was changed.
pub(crate) fn before(
    versions: &Versions,
    history: &[(String, Change)],
    version: Option<&str>,
) -> miette::Result<Candidate> {
    let current = history.first().map(|(_, change)| change.version.clone());
    let wanted = match version {
        Some(version) => Some(version.to_owned()),
        None => history.first().and_then(|(_, change)| change.previous.clone()),
    };
    let Some(wanted) = wanted.filter(|wanted| Some(wanted) != current.as_ref()) else {
        return Err(nothing_before());
    };
    kept(versions, history, &wanted)
}

/// What is said where there is no version to go back to.
pub(crate) fn nothing_before() -> Report {
    miette!("there is no version before the one in force: name one that `eosin policy history` lists")
}

/// A version that was in force once.
///
/// Errors: a report: it was never in force, or its text was changed.
pub(crate) fn kept(
    versions: &Versions,
    history: &[(String, Change)],
    wanted: &str,
) -> miette::Result<Candidate> {
    let known = history.iter().find(|(_, change)| change.version == wanted);
    let Some((_, change)) = known else {
        return Err(miette!("`{wanted}` was never in force; `eosin policy history` lists what was"));
    };
    Candidate::read(name_in(wanted), versions.text(wanted, &change.sha256)?, wanted)
}
