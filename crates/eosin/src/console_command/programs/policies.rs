//! What programs ask about versions of the policies, and have put in force.

use control::{
    Call, Found, PolicyActivate, PolicyActivated, PolicyHistory, PolicyInForce, PolicyReplay, PolicyRollback,
    PolicyText, Problem, body,
};
use gateway::ProgramRequest;
use index::Index;
use policy::Policies;

use super::{
    Programs, Told,
    reading::{self, no_versions},
};
use crate::{
    console_command::reception::Present,
    policy_command::{
        self,
        acting::{self, Acted, Candidate},
        checking::{self, Checked},
        difference::Difference,
        policy_text, replay,
        versions::{Change, Meanwhile, StopsCare, Versions, Wish, told_elsewhere},
    },
};

/// Bytes of what is said of a text that cannot be understood.
const SAID_MAX: usize = 4_000;

impl Programs {
    /// What was in force, or is.
    pub(super) fn versions(&self, found: &Found) -> Told {
        if matches!(found.route.call, Call::PolicyInForce) {
            return Ok(reading::value(&self.in_force()?));
        }
        let versions = self.known_versions()?;
        let versions = history(&versions)?.into_iter().map(policy_command::shown).collect();
        Ok(reading::value(&PolicyHistory { versions }))
    }

    /// What only asks.
    pub(super) fn about(&self, call: Call, bytes: &[u8]) -> Told {
        match call {
            Call::PolicyCheck => {
                let wish: PolicyText = body(bytes)?;
                let _seat = self.seat()?;
                Ok(Checked::of(&read(&wish.name, &wish.text)?).to_json())
            }
            Call::PolicyDiff => {
                let wish: PolicyText = body(bytes)?;
                let _seat = self.seat()?;
                let new = read(&wish.name, &wish.text)?;
                Ok(reading::value(&Difference::between(&self.holding()?, &new).shown()))
            }
            _ => self.replayed(&body(bytes)?),
        }
    }

    /// On a connection of its own: a million transactions take a while, and pages do not wait for them.
    fn replayed(&self, wish: &PolicyReplay) -> Told {
        let policies = read(&wish.name, &wish.text)?;
        let wanted = replay::Wanted::new(&wish.since, wish.examples.into(), false)
            .map_err(|report| Problem::new(400, &report.to_string()))?;
        let gone = |error: &dyn std::fmt::Display| {
            tracing::warn!("the index did not answer: {error}");
            Problem::new(503, "the index does not answer; ask again in a moment")
        };
        let _alone = self.alone()?;
        let index =
            Index::open_with(&self.known.place, index::Patience::WORK).map_err(|error| gone(&error))?;
        let mut index = index.read_only().map_err(|error| gone(&error))?;
        let replay = replay::run(
            &policies,
            replay::Emergencies::of(&self.config),
            &wanted,
            &mut index,
            &mut |_, _| {},
        );
        Ok(replay.map_err(|report| gone(&report))?.to_json())
    }

    /// Puts a version in force.
    pub(super) fn put_in_force(
        &self,
        asked: &ProgramRequest,
        call: Call,
        present: &Present,
        bytes: &[u8],
    ) -> Told {
        let versions = self.known_versions()?;
        let (event, act, candidate, reason) = if matches!(call, Call::PolicyRollback) {
            let wish: PolicyRollback = body(bytes)?;
            let candidate = acting::before(&versions, &history(&versions)?, wish.version.as_deref())
                .map_err(|report| Problem::new(409, &report.to_string()))?;
            ("rollback", "policy-rollback", candidate, wish.reason)
        } else {
            let wish: PolicyActivate = body(bytes)?;
            let candidate = Candidate::read(&wish.name, wish.text, &wish.name)
                .map_err(|report| not_understood(&report))?;
            ("activate", "policy-activate", candidate, wish.reason)
        };
        let expect = self.looked_upon(asked)?;
        let _seat = self.seat()?;
        self.note(present, act, candidate.policies.version().to_owned(), &reason)?;
        let by = present.me().name;
        let wish = Wish { event, by: &by, reason: &reason, expect: Some(&expect) };
        match acting::activate(&versions, &candidate, &wish) {
            Ok(Acted::InForce { version, place }) => {
                Ok(reading::value(&PolicyActivated { version, activation: place }))
            }
            Ok(Acted::Refused(line)) => {
                let (word, rest) = checking::said(&line);
                Err(Problem::new(409, &format!("{word}: {rest}; what was in force stays in force")))
            }
            Err(report) if report.downcast_ref::<Meanwhile>().is_some() => {
                Err(Problem::new(412, &report.to_string()))
            }
            Err(report) if report.downcast_ref::<StopsCare>().is_some() => {
                Err(Problem::new(409, &report.to_string()))
            }
            Err(report) => Err(reading::away("the log of versions", &report)),
        }
    }

    /// The version that whoever changes it has looked at, which holds still; empty where none was activated yet.
    fn looked_upon(&self, asked: &ProgramRequest) -> Result<String, Problem> {
        let says = "say in `If-Match` which version you looked at: the `ETag` of /api/v1/policies/in-force";
        let seen = asked.if_match.as_deref().ok_or_else(|| Problem::new(428, says))?;
        let holds = self.in_force()?;
        if !reading::is_seen(seen, &holds) {
            let says = format!("{} is in force now: look at what changed, then change it", holds.version);
            return Err(Problem::new(412, &says));
        }
        Ok(if holds.place.is_some() { holds.version } else { String::new() })
    }

    /// The version in force. The log is read once: what is said of a version, and its tag, are of the same one.
    fn in_force(&self) -> Result<PolicyInForce, Problem> {
        let away = |report: miette::Report| reading::away("the log of versions", &report);
        let holds = match Versions::of(&self.config.policy) {
            Some(versions) => versions.in_force().map_err(away)?.map(|holds| (versions, holds)),
            None => None,
        };
        let ids = |policies: &Policies| policies.ids().map(str::to_owned).collect();
        let Some((versions, (place, change))) = holds else {
            let policies = policy_text::file_or_shipped(self.config.policy.file.as_deref());
            let policies = policies.map_err(|report| reading::away("the policies", &report))?;
            let (version, policies) = (policies.version().to_owned(), ids(&policies));
            return Ok(PolicyInForce { version, policies, place: None, text: None, fault: None });
        };
        // Whoever puts another version in its place has to know which it is, and no more.
        let (policies, text, fault) = match versions.read(&change) {
            Ok((policies, text)) => (ids(&policies), Some(text), None),
            Err(report) => (Vec::new(), None, Some(told_elsewhere(&report))),
        };
        Ok(PolicyInForce { version: change.version, policies, place: Some(place), text, fault })
    }

    /// The policies in force now: the log of versions is read anew.
    fn holding(&self) -> Result<Policies, Problem> {
        self.config.policies().map_err(|report| reading::away("the policies", &report))
    }

    fn known_versions(&self) -> Result<Versions, Problem> {
        Versions::of(&self.config.policy).ok_or_else(no_versions)
    }
}

/// Everything that was put in force.
fn history(versions: &Versions) -> Result<Vec<(String, Change)>, Problem> {
    versions.history().map_err(|report| reading::away("the log of versions", &report))
}

fn read(name: &str, text: &str) -> Result<Policies, Problem> {
    policy_text::parse(name, text, name).map_err(|report| not_understood(&report))
}

/// What is wrong in a text, and where it stands: it is the text of whoever asks.
fn not_understood(report: &miette::Report) -> Problem {
    let labels = report.labels().into_iter().flatten();
    let places = labels.map(|one| format!("; at byte {}: {}", one.offset(), one.label().unwrap_or_default()));
    let says: String = std::iter::once(report.to_string()).chain(places).collect();
    Problem::new(422, &says.chars().take(SAID_MAX).collect::<String>())
}
