//! What is looked into and changes nothing: ledgers verified whole, and what another mode of a boundary would have done.

use std::sync::TryLockError;

use gateway::PageAnswer;
use policy::Mode;
use web::ModePreview;

use super::{
    Desk,
    policies::{EXAMPLES, shown, since_of},
};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere, said},
        reception::{Present, trouble, with_setting},
    },
    ledger_command::health::health,
    policy_command::replay::{self, Wanted},
};

impl Desk {
    /// Every ledger, checked whole; one who asks at a time, for it reads all of it.
    pub(super) fn verify(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        if asked.form.is_none() {
            return elsewhere("/ledgers");
        }
        let _alone = match self.verifying.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return said(503, "somebody is verifying the ledgers just now; try again in a moment");
            }
        };
        let found = match health(&self.config) {
            Ok(found) => found,
            Err(report) => return trouble(&report),
        };
        with_setting(present, |setting| web::ledger_health(setting, &found))
    }

    /// What another mode would have done.
    pub(super) fn boundary_mode(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        match self.preview(&asked.query()) {
            Ok(Some(one)) => with_setting(present, |setting| web::boundary_mode(setting, &one)),
            Ok(None) => elsewhere("/boundaries"),
            Err(report) => trouble(&report),
        }
    }

    /// Nothing where this configuration has no such boundary.
    fn preview(&self, query: &Form) -> miette::Result<Option<ModePreview>> {
        let found = self.config.boundaries.iter().find(|one| one.boundary.name == query.get("name"));
        let Some(boundary) = found.map(|one| &one.boundary) else { return Ok(None) };
        let usual = if boundary.mode == Mode::Enforce { Mode::Observe } else { Mode::Enforce };
        let other =
            Mode::ALL.iter().find(|mode| mode.as_str() == query.get("mode")).copied().unwrap_or(usual);
        let since = since_of(query);
        let wanted = Wanted::new(since, EXAMPLES, false)?.in_mode(&boundary.name, other);
        let policies = self.config.policies()?;
        let mut index = self.index()?;
        let _turn = self.turn();
        let replay = replay::run(&policies, &wanted, &mut index, &mut |_, _| {})?;
        Ok(Some(ModePreview {
            boundary: boundary.name.clone(),
            mode: boundary.mode.as_str().to_owned(),
            other: other.as_str().to_owned(),
            modes: Mode::ALL.iter().map(|mode| mode.as_str().to_owned()).collect(),
            since: since.to_owned(),
            replay: shown(replay),
        }))
    }

    /// The boundaries of this configuration: another mode can be previewed for them.
    pub(crate) fn boundaries(&self) -> Vec<String> {
        self.config.boundaries.iter().map(|one| one.boundary.name.clone()).collect()
    }
}
