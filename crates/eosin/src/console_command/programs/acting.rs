//! What acts: on the quarantine and on emergency versions. Whoever acts is in the log of operators first.

use control::{Call, EmergencyPlaced, Found, Note, Problem, Reject, Release, ReleaseClass, body};
use gateway::ProgramRequest;
use quarantine::ItemId;

use super::{Programs, Told, locked, reading};
use crate::{
    console_command::reception::Present,
    emergency_command::{
        paper::Act,
        placing::{self, NotPlaced, Placed},
    },
    quarantine_command::asking::{self, Ask},
};

impl Programs {
    /// Does what is asked.
    pub(super) fn act(&self, asked: &ProgramRequest, found: &Found, present: &Present, bytes: &[u8]) -> Told {
        match found.route.call {
            Call::Release => {
                let wish: Release = body(bytes)?;
                let item = self.looked_at(asked, found)?;
                if let Some(token) = &wish.credentials {
                    let accepted = gateway::Courier::accepts(token);
                    accepted.map_err(|error| Problem::new(400, &error.to_string()))?;
                }
                self.note(present, "quarantine-release", item.to_string(), &wish.reason)?;
                let to = wish.to.map(|class| match class {
                    ReleaseClass::Synthetic => carrier::webhook::Class::Synthetic,
                    ReleaseClass::Attested => carrier::webhook::Class::Attested,
                });
                self.decide(Ask::Release {
                    items: vec![item],
                    by: present.me().name,
                    reason: wish.reason,
                    again: wish.again,
                    overrule: wish.overrule,
                    elsewhere: wish.elsewhere,
                    to,
                    token: wish.credentials,
                })
            }
            Call::Reject => {
                let wish: Reject = body(bytes)?;
                let item = self.looked_at(asked, found)?;
                self.note(present, "quarantine-reject", item.to_string(), &wish.reason)?;
                self.decide(Ask::Reject { items: vec![item], by: present.me().name, reason: wish.reason })
            }
            Call::EmergencyAsk | Call::EmergencyApprove | Call::EmergencyStandDown => {
                let signed: Note = body(bytes)?;
                let act = match found.route.call {
                    Call::EmergencyAsk => Act::Ask,
                    Call::EmergencyApprove => Act::Approve,
                    _ => Act::StandDown,
                };
                self.place(act, &signed.note, present)
            }
            Call::PolicyActivate | Call::PolicyRollback => {
                self.put_in_force(asked, found.route.call, present, bytes)
            }
            Call::IndexQuery => self.queried(&body(bytes)?),
            Call::DatasetRegister => self.registered(present, bytes),
            call => self.about(call, bytes),
        }
    }

    /// The item, if it is as whoever decides has seen it.
    fn looked_at(&self, asked: &ProgramRequest, found: &Found) -> Result<ItemId, Problem> {
        let kept = self.kept(found.name("item"))?;
        if asked.if_match.as_deref().is_some_and(|seen| !reading::is_seen(seen, &kept)) {
            let says = format!("the item is {} since {}: look again, then decide", kept.state, kept.since);
            return Err(Problem::new(412, &says));
        }
        kept.item.id.parse().map_err(|_| Problem::new(404, "there is no such item"))
    }

    /// Writes down who is about to act: what could not be written is not done.
    pub(super) fn note(
        &self,
        present: &Present,
        event: &'static str,
        subject: String,
        reason: &str,
    ) -> Result<(), Problem> {
        let entry = present.by_api().act(event, vec![subject], reason);
        let operators = locked(&self.reception).operators().clone();
        operators.note(&entry).map(drop).map_err(|report| reading::away("the log of operators", &report))
    }

    fn decide(&self, ask: Ask) -> Told {
        let told = asking::ask(&self.config, ask, &self.printer)
            .map_err(|report| reading::away("the quarantine", &report))?;
        let told = told.into_iter().next().ok_or_else(|| Problem::new(503, "nothing was done"))?;
        Ok(reading::value(&told))
    }

    fn place(&self, act: Act, note: &str, present: &Present) -> Told {
        let known = self.emergencies()?;
        self.note(present, act.event(), subject(note), "")?;
        match placing::put(&known, act, note, None, &self.printer) {
            Ok(Placed { place, version, signed }) => {
                tracing::info!(event = act.event(), version, place, "an emergency version was signed for");
                Ok(reading::value(&EmergencyPlaced { version, entry: place, signed }))
            }
            Err(NotPlaced::Unsigned(report)) => Err(Problem::new(403, &report.to_string())),
            Err(NotPlaced::Conflict(report)) => Err(Problem::new(409, &report.to_string())),
            Err(NotPlaced::Trouble(report)) => Err(reading::away("the log of versions", &report)),
        }
    }
}

/// What was handed in, by its digest: nobody has vouched yet for a word in it.
fn subject(note: &str) -> String {
    format!("sha256 {}", mark::digest::sha256(&[note.as_bytes()]).to_hex())
}
