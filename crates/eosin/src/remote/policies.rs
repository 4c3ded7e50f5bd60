//! Versions of the policies, compared and put in force by a console elsewhere.
#![expect(clippy::wildcard_enum_match_arm, reason = "a command is done there only if it is named here")]

use control::{
    PolicyActivate, PolicyActivated, PolicyDifference, PolicyHistory, PolicyInForce, PolicyRollback,
    PolicyText,
};
use http::HeaderValue;
use miette::miette;
use policy::RedLine;
use serde::Serialize;

use super::{Remote, by_token, not_there, plain};
use crate::{
    outcome::{Done, Outcome},
    policy_command::{
        self, PolicyCommand, Who, acting::Candidate, difference, policy_text, versions::Meanwhile,
    },
    printer::Printer,
};

impl Remote {
    /// Runs a command about policies there. Files are of this machine, and what holds is of the other one.
    pub(super) fn policy(&self, command: &PolicyCommand, printer: &Printer) -> Done {
        match command {
            PolicyCommand::History { json, .. } => {
                Ok(policy_command::tell_history(&self.history()?.versions, *json, printer))
            }
            PolicyCommand::Diff { new, old: None, json, .. } => {
                let about = PolicyText { name: policy_text::name_of(new), text: Candidate::of(new)?.text };
                let difference: PolicyDifference = self.ask("/policies/diff", Some(&about))?;
                Ok(difference::tell(&difference, *json, printer))
            }
            PolicyCommand::Activate { file, who } => {
                by_token(who.by.as_deref())?;
                let Candidate { text, policies } = Candidate::of(file)?;
                // The console asks again; here the request that would get in is told whole.
                let line = policies.red_line();
                if !matches!(line, RedLine::Proven { .. }) {
                    return Ok(policy_command::tell_refused(policies.version(), &line, printer));
                }
                let name = policy_text::name_of(file);
                let wish = PolicyActivate { name, text, reason: who.reason.clone() };
                self.put_in_force("/policies/activate", (policies.version(), None), &wish, who, printer)
            }
            PolicyCommand::Rollback { wanted, who } => {
                by_token(who.by.as_deref())?;
                let newest = self.history()?.versions.into_iter().next();
                let (now, before) = newest.map_or((None, None), |one| (Some(one.version), one.previous));
                let seen = now.clone().unwrap_or_default();
                let version = wanted.clone().or(before).filter(|version| Some(version) != now.as_ref());
                let version = version.ok_or_else(policy_command::acting::nothing_before)?;
                let wish = PolicyRollback { version: Some(version.clone()), reason: who.reason.clone() };
                self.put_in_force("/policies/rollback", (&version, Some(&seen)), &wish, who, printer)
            }
            _ => Err(not_there()),
        }
    }

    fn history(&self) -> miette::Result<PolicyHistory> {
        self.ask("/policies", None::<&()>)
    }

    /// Puts a version in force on top of what holds there now, and of nothing else: what was seen to hold before, where
    /// something was, and what is expected to.
    fn put_in_force(
        &self,
        path: &str,
        (version, seen): (&str, Option<&str>),
        wish: &impl Serialize,
        who: &Who,
        printer: &Printer,
    ) -> Done {
        let (holds, fault, tag) = self.in_force()?;
        for expected in [who.expect.as_deref(), seen] {
            Meanwhile::unless(holds.as_deref().unwrap_or_default(), expected)?;
        }
        if let Some(fault) = fault.filter(|_| holds.as_deref() != Some(version)) {
            let fault = plain(&fault);
            printer.note(&format!("{version} could not be compared with what is in force: {fault}"));
        }
        let place = format!("at {}", self.shown);
        if who.is_asked(printer) && !policy_command::is_meant(version, holds.as_deref(), &place, printer)? {
            return Ok(Outcome::Findings);
        }
        let (activated, _): (PolicyActivated, _) = self.ask_on(path, Some(wish), Some(tag))?;
        Ok(policy_command::tell_activated(&activated, who.json, printer))
    }

    /// The version of the log that holds there, if there is one, what is wrong with its text, and the tag that names this state.
    fn in_force(&self) -> miette::Result<(Option<String>, Option<String>, HeaderValue)> {
        let (holds, tag): (PolicyInForce, _) = self.ask_on("/policies/in-force", None::<&()>, None)?;
        let tag = tag.ok_or_else(|| miette!("{} does not say which state it shows", self.shown))?;
        Ok((holds.place.map(|_| holds.version), holds.fault, tag))
    }
}
