//! What becomes of kept requests: judged again, released or rejected, with the ledger first.

use std::sync::Arc;

use bytes::Bytes;
use carrier::{Unit, provenance::RulingReference};
use mark::{Verdict, judge};
use policy::{Caller, Decision, Request, Ruling, Scope, decide_change};
use quarantine::{Again, Ended, ItemId, Kept, Sending, State, StepError, Withheld};

use crate::{
    clock::Moment,
    credentials,
    crossing::{Crossing, Protocol},
    effect,
    entry::{Entry, Step},
    read::{self, Read},
    settle::Outcome,
    world::Flow,
};

/// Who wants an item released, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who, for the ledger.
    pub by: String,
    /// Why, for the ledger: a ticket's number, never a person's name.
    pub reason: String,
    /// Whether an item that may have arrived is sent again.
    pub again: Again,
    /// Whether it goes although the policies of now still refuse it.
    pub overrule: Overrule,
    /// Whether it goes although something else is behind its boundary now.
    pub elsewhere: Elsewhere,
}

/// Whether an item may go where it would not have gone when it was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// No: then it stays.
    No,
    /// Yes, and the ledger says so.
    Yes,
}

/// Whether a person may release what policies refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrule {
    /// No: then it stays.
    No,
    /// Yes, and the ledger says so.
    Yes,
}

/// An item on its way out. Its release is in the ledger, its intent in the store.
#[derive(Debug)]
#[must_use = "a release that is not ended shows as uncertain"]
pub struct Leaving {
    /// What to send.
    pub sending: Sending,
    /// The `Eosin-Provenance` value: what was found now, and where the release stands in the ledger.
    pub provenance: String,
    /// Where the release stands in the ledger.
    pub place: String,
    /// Whether it is known where it would have gone when it was kept.
    pub is_destination_known: bool,
}

/// Where an item goes.
pub(crate) struct Destination {
    environment: &'static str,
    upstream: Option<String>,
    is_elsewhere: bool,
    is_known: bool,
}

/// Why an item was not released or rejected.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Nothing is kept here.
    #[error("this gateway keeps no quarantine: its configuration has no `[quarantine]`")]
    NoQuarantine,
    /// The boundary has changed since.
    #[error("boundary `{boundary}` no longer speaks {protocol}: the item cannot go there")]
    OtherProtocol {
        /// The boundary.
        boundary: String,
        /// What the item speaks.
        protocol: String,
    },
    /// Something else is behind the boundary now.
    #[error(
        "it was kept for {kept_for}, and behind boundary `{boundary}` is {now} now; to send it there, say `--elsewhere`, \
         with credentials for that place"
    )]
    Elsewhere {
        /// The boundary.
        boundary: String,
        /// Where it would have gone.
        kept_for: String,
        /// Where it would go.
        now: String,
    },
    /// An event that nobody can say the endpoint of.
    #[error("its events do not say where they belong ({why}); say `--to synthetic` or `--to attested`")]
    NoEndpoint {
        /// Why not.
        why: &'static str,
    },
    /// The policies still say no.
    #[error("it was judged again and is still refused ({why}); to release it all the same, say `--overrule`")]
    StillRefused {
        /// What they say.
        why: String,
    },
    /// The item is not in a state for this.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The ledger cannot write, so nothing is done.
    #[error("the ledger cannot record it, so nothing was done: try again later")]
    Ledger,
    /// It was done, and the ledger does not say so yet.
    #[error("it is {} now, and the ledger could not write that down: it is written when it can", state.as_str())]
    NotRecorded {
        /// What became of it.
        state: State,
    },
    /// The store's thread does not answer.
    #[error(transparent)]
    Stopped(#[from] quarantine::Stopped),
}

impl Flow {
    /// Judges an item again, records its release, and writes down that it is about to be sent.
    ///
    /// Shape:  the boundary as it is now, the item, who asks -> what to send; then [`Self::end_release`].
    /// Errors: see [`ReleaseError`]; the item must not be sent then.
    /// Never:  hands out an item whose release is not in the ledger, or twice at one time.
    pub async fn begin_release(
        &self,
        boundary: Arc<policy::Boundary>,
        protocol: Protocol,
        id: &ItemId,
        asked: &Asked,
    ) -> Result<Leaving, ReleaseError> {
        let moment = self.clock.now();
        let (kept, withheld) = self.open_kept(&protocol, id, asked.again).await?;
        let destination = self.destination(&kept, &boundary, asked)?;
        let ruling = self.judge_again(&boundary, protocol, &kept, withheld);
        self.leave(&kept, ruling, asked, destination, &moment).await
    }

    /// Where an item goes now, if that is where it would have gone, or somebody says that it goes there.
    pub(crate) fn destination(
        &self,
        kept: &Kept,
        boundary: &policy::Boundary,
        asked: &Asked,
    ) -> Result<Destination, ReleaseError> {
        let item = &kept.item;
        let upstream = self.keeping().and_then(|keeping| keeping.upstream_of(&item.boundary));
        let environment = boundary.environment.as_str();
        let moved = item.upstream.as_deref().zip(upstream).is_some_and(|(then, now)| then != now);
        let is_elsewhere = moved || item.environment.as_deref().is_some_and(|then| then != environment);
        if is_elsewhere && asked.elsewhere == Elsewhere::No {
            let place = |upstream: Option<&str>, environment: Option<&str>| {
                format!("{} ({})", upstream.unwrap_or("what was there"), environment.unwrap_or("not known"))
            };
            return Err(ReleaseError::Elsewhere {
                boundary: item.boundary.clone(),
                kept_for: place(item.upstream.as_deref(), item.environment.as_deref()),
                now: place(upstream, Some(environment)),
            });
        }
        let has_endpoints = crate::keep::same_protocol(&Protocol::Webhook, &item.protocol);
        let upstream = upstream.filter(|_| !has_endpoints);
        let is_known =
            has_endpoints || (item.environment.is_some() && (item.upstream.is_some() || upstream.is_none()));
        Ok(Destination { environment, upstream: upstream.map(str::to_owned), is_elsewhere, is_known })
    }

    /// An item that may be sent, and what is in it.
    pub(crate) async fn open_kept(
        &self,
        protocol: &Protocol,
        id: &ItemId,
        again: Again,
    ) -> Result<(Kept, Withheld), ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let wanted = id.clone();
        let looked = keeping.keeper().ask(move |store| {
            let kept = store.may_begin(&wanted, again)?.clone();
            let withheld = store.content(&wanted).map_err(StepError::Content)?;
            Ok::<_, StepError>((kept, withheld))
        })?;
        let (kept, withheld) = looked.await??;
        if !crate::keep::same_protocol(protocol, &kept.item.protocol) {
            let (boundary, protocol) = (kept.item.boundary, kept.item.protocol);
            return Err(ReleaseError::OtherProtocol { boundary, protocol });
        }
        Ok((kept, withheld))
    }

    /// Records a release that was judged, and writes down that the item is about to be sent.
    pub(crate) async fn leave(
        &self,
        kept: &Kept,
        ruling: Ruling,
        asked: &Asked,
        destination: Destination,
        moment: &Moment,
    ) -> Result<Leaving, ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let (id, again) = (kept.item.id.clone(), asked.again);
        let refused = ruling.decision() == Decision::Block;
        let said = Step {
            by: Some(&asked.by),
            counts: Some(ruling.counts()),
            decision: Some(ruling.decision().as_str()),
            policy: Some(ruling.version()),
            reason: Some(&asked.reason),
            elsewhere: destination.is_elsewhere.then_some(true),
            environment: Some(destination.environment),
            upstream: destination.upstream.as_deref(),
            ..Step::of(&kept.item, "release")
        };
        if refused && asked.overrule == Overrule::No {
            self.note(Entry::quarantine(&Step { event: "release-refused", ..said }, moment));
            return Err(ReleaseError::StillRefused { why: ruling.summary() });
        }
        let overruled = refused.then_some(true);
        let entry = Entry::quarantine(&Step { overruled, ..said }, moment);
        let pending = self.appender.append(ruling, entry.bytes).map_err(|_| ReleaseError::Ledger)?;
        let logged = pending.await.map_err(|_| ReleaseError::Ledger)?;
        let place = RulingReference { origin: logged.origin().to_owned(), index: logged.index() };
        let provenance = effect::provenance(logged.item(), Some(&place)).to_header();
        let note = format!("released by {}, ruling {place}", asked.by);
        let at = moment.at.clone();
        let begun = keeping.keeper().ask(move |store| store.begin(&id, again, &at, &note))?;
        let sending = begun.await??;
        let is_destination_known = destination.is_known;
        Ok(Leaving { sending, provenance, place: place.to_string(), is_destination_known })
    }

    /// Writes down what became of a release. The item is released only if the upstream said that it took all of it.
    ///
    /// Shape:  the item, how the exchange ended, the answer's body if one came -> the item's state now.
    /// Errors: [`ReleaseError::Step`]: it was sent and could not be written down; it shows as uncertain;
    ///         [`ReleaseError::NotRecorded`]: the ledger does not say yet what became of it.
    /// Never:  returns a state that the ledger does not say.
    pub async fn end_release(
        &self,
        leaving: &Leaving,
        outcome: Outcome,
        answer: Option<&[u8]>,
    ) -> Result<State, ReleaseError> {
        self.end_as(leaving, outcome, ended(outcome, answer.unwrap_or_default())).await
    }

    /// Writes down what became of a release, as [`Flow::end_release`], by somebody who knows what the answer means.
    pub(crate) async fn end_as(
        &self,
        leaving: &Leaving,
        outcome: Outcome,
        ended: Ended,
    ) -> Result<State, ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let moment = self.clock.now();
        let note = match (outcome.status(), ended) {
            (Some(status), Ended::Unknown) => {
                format!("answered {status}, perhaps in part; look before `--again`")
            }
            (Some(status), Ended::Arrived | Ended::NotDone) => format!("answered {status}"),
            (None, _) => outcome.word().to_owned(),
        };
        let (id, at) = (leaving.sending.item.id.clone(), moment.at.clone());
        let asked = keeping.keeper().ask(move |store| {
            let done = store.end(&id, ended, &at, &note);
            (done, store.get(&id).map_or(State::Uncertain, |kept| kept.state))
        })?;
        let (done, state) = asked.await?;
        let step = Step {
            outcome: Some(outcome.word()),
            status: outcome.status(),
            ..Step::of(&leaving.sending.item, state.as_str())
        };
        let entry = Entry::quarantine(&step, &moment);
        let written = self.write_down(&leaving.sending.item.id, state, entry).await;
        done?;
        if written { Ok(state) } else { Err(ReleaseError::NotRecorded { state }) }
    }

    /// Decides against an item: the ledger says who and why, then its content is erased.
    ///
    /// Errors: see [`ReleaseError`].
    pub async fn reject(&self, id: &ItemId, by: &str, reason: &str) -> Result<(), ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let moment = self.clock.now();
        let entry = self.record(id, "rejected", by, reason).await?;
        let (wanted, note) = (id.clone(), format!("rejected by {by}, entry {entry}"));
        let asked = keeping.keeper().ask(move |store| store.reject(&wanted, &moment.at, &note))?;
        Ok(asked.await??)
    }

    /// Records that somebody is shown the content of an item. It may be shown when this returns.
    ///
    /// Shape:  the item, who and why -> the entry's index.
    /// Errors: see [`ReleaseError`]; it must not be shown then.
    /// Never:  records that something was shown which cannot be opened.
    pub async fn record_showing(&self, id: &ItemId, by: &str, reason: &str) -> Result<u64, ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let wanted = id.clone();
        let opens = keeping.keeper().ask(move |store| {
            store.may_begin(&wanted, Again::Yes)?;
            store.content(&wanted).map(drop).map_err(StepError::Content)
        })?;
        opens.await??;
        self.record(id, "content-shown", by, reason).await
    }

    /// Erases what was kept as long as it may be.
    ///
    /// Shape:  the moment before which everything goes -> how many items went.
    /// Errors: [`ReleaseError::Step`], after those that could be erased were.
    pub async fn expire(&self, before: &str) -> Result<usize, ReleaseError> {
        let Some(keeping) = self.keeping() else { return Ok(0) };
        let moment = self.clock.now();
        let (before, at) = (before.to_owned(), moment.at.clone());
        let (erased, error) = keeping.keeper().ask(move |store| store.expire(&before, &at))?.await?;
        // All are appended before one is waited for. Those for which there is no place are written down later.
        let entries = erased.iter().map(|item| {
            let entry = Entry::quarantine(&Step::of(item, "expired"), &moment);
            (item, self.appender.append((), entry.bytes))
        });
        let entries: Vec<_> = entries.collect();
        for (item, pending) in entries {
            if let Ok(pending) = pending
                && pending.await.is_ok()
            {
                self.is_written_down(&item.id, State::Expired).await;
            }
        }
        match error {
            Some(error) => Err(error.into()),
            None => Ok(erased.len()),
        }
    }

    /// Makes what a person does with an item durable, if it has content; the entry's index.
    async fn record(
        &self,
        id: &ItemId,
        event: &'static str,
        by: &str,
        reason: &str,
    ) -> Result<u64, ReleaseError> {
        let keeping = self.keeping().ok_or(ReleaseError::NoQuarantine)?;
        let moment = self.clock.now();
        let wanted = id.clone();
        let looked = keeping.keeper().ask(move |store| store.may_begin(&wanted, Again::Yes).cloned())?;
        let kept = looked.await??;
        let step = Step { by: Some(by), reason: Some(reason), ..Step::of(&kept.item, event) };
        let entry = Entry::quarantine(&step, &moment);
        let pending = self.appender.append((), entry.bytes).map_err(|_| ReleaseError::Ledger)?;
        let logged = pending.await.map_err(|_| ReleaseError::Ledger)?;
        Ok(logged.index())
    }

    fn judge_again(
        &self,
        boundary: &Arc<policy::Boundary>,
        protocol: Protocol,
        kept: &Kept,
        withheld: Withheld,
    ) -> Ruling {
        let crossing = Crossing {
            boundary: Arc::clone(boundary),
            protocol,
            client: kept.item.client.clone(),
            method: kept.item.method.clone(),
            target: withheld.target,
            method_override: withheld.method_override,
            content_type: withheld.content_type,
            provenance: Vec::new(),
            claims: crate::crossing::Claims::default(),
            body: Ok(Bytes::from(withheld.body)),
            watched: crate::watch::Watched::default(),
        };
        let doors = self.doors.get(&crossing.boundary.name).cloned().unwrap_or_default();
        let Read { readings, action, weakens, .. } = read::read(&crossing, &self.jobs, &doors, &self.limits);
        let recognition = self.recognition();
        let trust = self.trust();
        let verdict = |reading| recognition.verdict(judge(reading, &trust), reading, None);
        let verdicts: Vec<Verdict> = readings.records.iter().map(verdict).collect();
        let request = Request {
            client: Caller::Client(&crossing.client),
            action: crate::pass::asked(action),
            boundary,
            route: &kept.item.route,
        };
        let scope = match readings.unit {
            Unit::PerRecord => Scope::PerRecord,
            Unit::Whole => Scope::Whole,
        };
        let weakened = u64::try_from(weakens.len()).unwrap_or(u64::MAX);
        decide_change(&self.policies(), &request, scope, verdicts, weakened)
    }
}

/// What to send, with the session that was given at release put where a SOAP body had the client's own.
pub fn with_session(withheld: Withheld, session: &str) -> Withheld {
    credentials::put_in(withheld, session)
}

/// What an answer means for an item.
///
/// 4xx is a refusal by the upstream: nothing was written. 408 and 5xx say nothing for certain. A success can hold the
/// failures of single records.
fn ended(outcome: Outcome, answer: &[u8]) -> Ended {
    match outcome {
        Outcome::Unknown | Outcome::Answered(408 | 500..) => Ended::Unknown,
        Outcome::Answered(200..=299) => match successes(answer) {
            (_, 0) => Ended::Arrived,
            (0, _) => Ended::NotDone,
            (_, _) => Ended::Unknown,
        },
        Outcome::NotSent | Outcome::Answered(_) => Ended::NotDone,
    }
}

/// How many records an answer says were taken, and how many were not.
fn successes(answer: &[u8]) -> (usize, usize) {
    let mut counts = (0, 0);
    if let Ok(answer) = serde_json::from_slice::<serde_json::Value>(answer) {
        count(&answer, &mut counts);
    } else if let Ok(text) = std::str::from_utf8(answer) {
        counts = (text.matches("success>true<").count(), text.matches("success>false<").count());
    }
    counts
}

fn count(value: &serde_json::Value, counts: &mut (usize, usize)) {
    use serde_json::Value;
    let mut add = |done: bool| if done { counts.0 += 1 } else { counts.1 += 1 };
    match value {
        Value::Array(items) => items.iter().for_each(|item| count(item, counts)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("success" | "isSuccessful", Value::Bool(done)) => add(*done),
                    ("hasErrors", Value::Bool(true)) => add(false),
                    ("httpStatusCode" | "statusCode", Value::Number(status)) => {
                        add(status.as_u64().is_some_and(|status| status < 400));
                    }
                    // FHIR: `entry[].response.status` is text that begins with the status.
                    ("status", Value::String(status))
                        if status.starts_with(|first: char| first.is_ascii_digit()) =>
                    {
                        add(status.starts_with('2'));
                    }
                    (
                        _,
                        Value::Object(_)
                        | Value::Array(_)
                        | Value::Null
                        | Value::Bool(_)
                        | Value::Number(_)
                        | Value::String(_),
                    ) => {}
                }
            }
            members.values().for_each(|member| count(member, counts));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_arrived_is_released_and_only_what_certainly_did_not_is_held() {
        use Ended::{Arrived, NotDone, Unknown};
        for (outcome, answer, want) in [
            (Outcome::Answered(201), r#"{"id":"003","success":true,"errors":[]}"#, Arrived),
            (Outcome::Answered(204), "", Arrived),
            (Outcome::Answered(200), r#"[{"success":true},{"success":true}]"#, Arrived),
            (Outcome::Answered(200), r#"[{"success":false,"errors":[{}]}]"#, NotDone),
            (Outcome::Answered(200), r#"[{"success":true},{"success":false}]"#, Unknown),
            (Outcome::Answered(200), r#"{"compositeResponse":[{"httpStatusCode":400}]}"#, NotDone),
            (Outcome::Answered(200), r#"{"entry":[{"response":{"status":"201 Created"}}]}"#, Arrived),
            (
                Outcome::Answered(200),
                r#"{"entry":[{"response":{"status":"201"}},{"response":{"status":"422"}}]}"#,
                Unknown,
            ),
            (Outcome::Answered(200), "<r><success>false</success></r>", NotDone),
            (Outcome::Answered(302), "", NotDone),
            (Outcome::Answered(401), "", NotDone),
            (Outcome::Answered(408), "", Unknown),
            (Outcome::Answered(500), "", Unknown),
            (Outcome::Answered(503), "", Unknown),
            (Outcome::NotSent, "", NotDone),
            (Outcome::Unknown, "", Unknown),
        ] {
            assert_eq!(ended(outcome, answer.as_bytes()), want, "{outcome:?} {answer}");
        }
    }
}
