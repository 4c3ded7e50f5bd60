//! What is looked into and changes nothing: ledgers verified whole, and what a boundary set otherwise would have done.

use gateway::PageAnswer;
use policy::{Boundary, Continuity, Mode, Otherwise};
use web::{BoundaryChange, BoundarySetting, ConfiguredBoundary, Told};

use super::{
    Desk,
    policies::{EXAMPLES, shown, since_of},
};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere, said},
        free,
        reception::{Present, trouble, with_setting},
    },
    ledger_command::health::health,
    policy_command::replay::{self, Emergencies, Wanted},
};

impl Desk {
    /// Every ledger, checked whole; one who asks at a time, for it reads all of it.
    pub(super) fn verify(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        if asked.form.is_none() {
            return elsewhere("/ledgers");
        }
        let Some(_alone) = free(&self.verifying) else {
            return said(503, "somebody is verifying the ledgers just now; try again in a moment");
        };
        let found = match health(&self.config) {
            Ok(found) => found,
            Err(report) => return trouble(&report),
        };
        with_setting(present, |setting| web::ledger_health(setting, &found))
    }

    /// What a boundary set otherwise would have done.
    pub(super) fn boundary_change(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let query = asked.query();
        let found = self.config.boundaries.iter().find(|one| one.boundary.name == query.get("name"));
        // Nothing where this configuration has no such boundary.
        let Some(boundary) = found.map(|one| &one.boundary) else { return elsewhere("/boundaries") };
        match self.preview(boundary, &query) {
            Ok((one, fault)) => {
                let told = fault.as_deref().map_or(Told::Nothing, Told::Fault);
                with_setting(present, |setting| web::boundary_change(setting, &one, told))
            }
            Err(report) => trouble(&report),
        }
    }

    /// What was asked for, and why it cannot be.
    fn preview(&self, boundary: &Boundary, query: &Form) -> miette::Result<(BoundaryChange, Option<String>)> {
        let usual = if boundary.mode == Mode::Enforce { Mode::Observe } else { Mode::Enforce };
        let is_first = query.get("since").is_empty();
        let mode = query.get("mode").parse().unwrap_or(if is_first { usual } else { boundary.mode });
        let continuity = query.get("continuity").parse().unwrap_or(boundary.continuity);
        let said = if is_first { &boundary.jurisdiction } else { query.get("jurisdiction").trim() };
        let since = since_of(query);
        // What is configured is taken as it is: nobody wrote it here.
        let is_other = said.trim() != boundary.jurisdiction.trim();
        let shown_of = |said: &str| said.chars().take(JURISDICTION_MAX + 1).collect();
        let other = BoundarySetting {
            mode: mode.as_str().to_owned(),
            continuity: continuity.as_str().to_owned(),
            jurisdiction: if is_other { shown_of(said) } else { boundary.jurisdiction.clone() },
        };
        let boundary_now = configured(boundary);
        let fault = (is_other && !is_code(said))
            .then(|| "A jurisdiction is an ISO 3166 code, such as US, US-AL or AT, or nothing.".to_owned());
        let replay = if fault.is_some() || other == boundary_now.setting {
            None
        } else {
            // Before anything is read: all datasets are verified for it.
            let _turn = self.turn();
            let (trust, _) = self.config.trust_store()?;
            let manifests = trust.datasets().map(mark::Dataset::manifest);
            let otherwise = Otherwise::new(mode, continuity, said, manifests);
            let wanted = Wanted::new(since, EXAMPLES, false)?.at(&boundary.name, otherwise);
            let policies = self.config.policies()?;
            let mut index = self.index()?;
            Some(shown(replay::run(
                &policies,
                Emergencies::of(&self.config),
                &wanted,
                &mut index,
                &mut |_, _| {},
            )?))
        };
        let one = BoundaryChange {
            boundary: boundary_now,
            other,
            modes: Mode::ALL.iter().map(|mode| mode.as_str().to_owned()).collect(),
            continuities: Continuity::ALL.iter().map(|word| word.as_str().to_owned()).collect(),
            since: since.to_owned(),
            replay,
        };
        Ok((one, fault))
    }

    /// The boundaries of this configuration, and how they are set.
    pub(crate) fn boundaries(&self) -> Vec<ConfiguredBoundary> {
        self.config.boundaries.iter().map(|one| configured(&one.boundary)).collect()
    }
}

/// Longest code of a jurisdiction: a country and a part of it, with room.
const JURISDICTION_MAX: usize = 12;

/// Nothing, or what can be an ISO 3166 code.
fn is_code(text: &str) -> bool {
    text.len() <= JURISDICTION_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn configured(boundary: &Boundary) -> ConfiguredBoundary {
    ConfiguredBoundary {
        name: boundary.name.clone(),
        setting: BoundarySetting {
            mode: boundary.mode.as_str().to_owned(),
            continuity: boundary.continuity.as_str().to_owned(),
            jurisdiction: boundary.jurisdiction.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_jurisdiction_is_told_from_other_texts() {
        for (text, want) in
            [("", true), ("US", true), ("us-al", true), ("AT\" x=\"", false), ("United States of", false)]
        {
            assert_eq!(is_code(text), want, "{text}");
        }
    }
}
