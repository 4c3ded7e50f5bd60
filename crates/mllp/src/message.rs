//! The life of one message: rule, send on, settle, answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use carrier::hl7v2::{Acknowledgement, Envelope, Refusing, acknowledge};
use flow::{Claims, Crossing, Forward, Outcome, Passage, Protocol, Watched};
use mark::Unreadable;
use telemetry::Transaction;
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

use crate::{
    receiver::{Link, Sent},
    server::Lane,
    traced,
};

/// What goes back to the sender.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    /// Frames to be written, in order: further answers to earlier messages, then the answer to this one.
    pub(crate) frames: Vec<Bytes>,
    /// Whether the message was refused: one that is sent again is refused again.
    pub(crate) is_refused: bool,
}

/// Takes one message over the boundary, or says no.
///
/// Shape:  what stood in a frame, or why there is none -> what goes back.
/// Never:  acknowledges what the receiver has not; sends on what is not in the ledger.
/// Source: spec/mllp.md section 4.
pub(crate) async fn cross(
    lane: &Arc<Lane>,
    link: &mut Link,
    peer: &str,
    beginning: &[u8],
    frame: Result<Bytes, Unreadable>,
) -> Reply {
    let _under_way = lane.under_way.clone();
    let start = Instant::now();
    let boundary = &lane.boundary.name;
    let envelope = Envelope::of(frame.as_ref().map_or(beginning, |frame| frame));
    let mut reply = Reply::default();
    let traced = traced::begin(lane);
    let passage = rule(lane, peer, &envelope, frame.clone(), traced.as_ref()).await;
    lane.metrics.ruling(boundary, start.elapsed());
    let outcome = match passage {
        Some(Passage::Forward(forward)) => {
            let outcome = carry(lane, link, &envelope, frame, forward, &mut reply).await;
            traced::carried(traced.as_ref(), outcome);
            outcome
        }
        Some(Passage::Refuse(refused)) => {
            lane.metrics.records(boundary, "refused", &refused.provenance);
            let text = String::from_utf8_lossy(&refused.answer.body);
            reply.is_refused = true;
            say(
                lane,
                &envelope,
                Refusing::Reject,
                flow::BLOCKED,
                &format!("{text}{NEVER_AGAIN}"),
                &mut reply,
            );
            "refused"
        }
        Some(Passage::Unavailable(unavailable)) => {
            let text = String::from_utf8_lossy(&unavailable.answer.body);
            say(lane, &envelope, Refusing::Error, "EOSIN_UNAVAILABLE", &text, &mut reply);
            "unavailable"
        }
        None => {
            let text = "the gateway failed; what became of the message is in its ledger";
            say(lane, &envelope, Refusing::Error, "EOSIN_INTERNAL", text, &mut reply);
            "failed"
        }
    };
    traced::told(traced, outcome);
    let took = start.elapsed();
    lane.metrics.message(boundary, outcome, took);
    tracing::info!(
        boundary = %boundary,
        message = envelope.label(),
        outcome,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "message"
    );
    reply
}

/// What stops a sender from sending a refused message for ever.
const NEVER_AGAIN: &str = " Do not send this message again: it would be refused again.";

/// Frames up to this size are judged on the worker that received them.
const INLINE_BYTES: usize = 100_000;

/// Hands over to `flow`; nothing if `flow` panicked.
async fn rule(
    lane: &Arc<Lane>,
    peer: &str,
    envelope: &Envelope,
    body: Result<Bytes, Unreadable>,
    traced: Option<&Transaction>,
) -> Option<Passage> {
    let client = envelope.sender().unwrap_or_else(|| peer.to_owned());
    if let Some(traced) = traced {
        traced.tell("eosin.client", client.as_str());
    }
    let crossing = Crossing {
        boundary: Arc::clone(&lane.boundary),
        protocol: Protocol::Hl7v2,
        client,
        method: "SEND".to_owned(),
        target: envelope.label().to_owned(),
        method_override: None,
        content_type: None,
        provenance: Vec::new(),
        claims: Claims::default(),
        body,
        watched: traced.map_or_else(Watched::default, Transaction::watched),
    };
    if crossing.body.as_ref().is_ok_and(|body| body.len() > INLINE_BYTES) {
        let (flow, runtime) = (Arc::clone(&lane.flow), Handle::current());
        return spawn_blocking(move || runtime.block_on(flow.pass(crossing))).await.ok();
    }
    Some(lane.flow.pass(crossing).await)
}

/// Sends on what may pass, settles, and takes the receiver's answer.
async fn carry(
    lane: &Arc<Lane>,
    link: &mut Link,
    envelope: &Envelope,
    frame: Result<Bytes, Unreadable>,
    forward: Forward,
    reply: &mut Reply,
) -> &'static str {
    let boundary = &lane.boundary.name;
    let sent = match &frame {
        Ok(frame) => {
            let frame = forward.body.as_ref().unwrap_or(frame);
            Some(link.exchange(envelope, frame, &mut reply.frames).await)
        }
        // Policy let it pass unread, and there is nothing to send.
        Err(_) => None,
    };
    if let Some(settlement) = forward.settlement {
        lane.flow.settle(settlement, sent.as_ref().map_or(Outcome::NotSent, outcome));
    }
    lane.metrics.records(boundary, "forwarded", &forward.provenance);
    let place = place(&forward.provenance);
    let (code, error, text) = match sent {
        Some(Sent::Answered(answers, code)) => {
            reply.frames.extend(answers);
            return match code {
                Some(200) => "accepted",
                Some(400) => "rejected-behind",
                Some(_) => "failed-behind",
                None => "answered",
            };
        }
        Some(Sent::Unasked) => return "sent",
        Some(Sent::Unreached) => (Refusing::Error, "EOSIN_RECEIVER_UNREACHABLE", UNREACHABLE),
        Some(Sent::Broke) => (Refusing::Error, "EOSIN_RECEIVER_BROKE_OFF", BROKE_OFF),
        Some(Sent::Slow) => (Refusing::Error, "EOSIN_RECEIVER_SLOW", SLOW),
        Some(Sent::Foreign) => (Refusing::Error, "EOSIN_RECEIVER_CONFUSED", CONFUSED),
        None => (Refusing::Reject, "EOSIN_TOO_LONG", TOO_LONG),
    };
    say(lane, envelope, code, error, &format!("Eosin at boundary `{boundary}`: {text}{place}"), reply);
    match code {
        Refusing::Reject => "too-long",
        Refusing::Error => "no-answer",
    }
}

const UNREACHABLE: &str =
    "the receiver cannot be reached; nothing was sent to it. Send the message again later.";
const BROKE_OFF: &str = "the receiver broke off before it had answered; whether it took the message is not known. Send it \
                         again only with the same control id (MSH-10).";
const SLOW: &str = "the receiver did not answer in time; whether it took the message is not known. Send it again only with \
                    the same control id (MSH-10).";
const CONFUSED: &str = "the receiver answered something else; whether it took the message is not known. Send it again only \
                        with the same control id (MSH-10).";
const TOO_LONG: &str = "the message is longer than may be held here; nothing was sent to the receiver. Do not send it again: \
                        send it in parts.";

/// What becomes of a message, as the ledger says it.
pub(crate) fn outcome(sent: &Sent) -> Outcome {
    match sent {
        Sent::Answered(_, Some(status)) => Outcome::Answered(*status),
        Sent::Unasked => Outcome::Answered(TAKEN_UNANSWERED),
        Sent::Unreached => Outcome::NotSent,
        Sent::Answered(_, None) | Sent::Broke | Sent::Slow | Sent::Foreign => Outcome::Unknown,
    }
}

/// The status of a message that went on and whose sender wants no answer.
const TAKEN_UNANSWERED: u16 = 202;

/// Adds an answer of ours, if the sender wants to hear it.
pub(crate) fn say(
    lane: &Lane,
    envelope: &Envelope,
    code: Refusing,
    error: &str,
    text: &str,
    reply: &mut Reply,
) {
    let seconds = lane.flow.seconds();
    let acknowledgement =
        Acknowledgement { code, error, text, at: &moment(seconds), id: &lane.next_id(seconds) };
    reply.frames.extend(acknowledge(envelope, &acknowledgement).map(Bytes::from));
}

/// A moment as HL7 writes it.
fn moment(seconds: i64) -> String {
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{}+0000", jiff::tz::Offset::UTC.to_datetime(moment).strftime("%Y%m%d%H%M%S"))
}

/// ` Ruling origin#index.`, if there is one.
fn place(provenance: &str) -> String {
    let place = provenance.split_once("ruling=\"").and_then(|(_, rest)| rest.split_once('"'));
    place.map(|(place, _)| format!(" Ruling {place}.")).unwrap_or_default()
}

/// How long a sender waits for its answer that sends a refused message again and again.
///
/// Shape:  how often the same message has been refused in a row on one connection.
pub(crate) fn damping(refusals: u32) -> Duration {
    let doublings = refusals.saturating_sub(3).min(7);
    if refusals < 3 { Duration::ZERO } else { Duration::from_millis(100 << doublings).min(DAMPED_MAX) }
}

const DAMPED_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_repeats_itself_is_answered_ever_more_slowly() {
        let milliseconds = |refusals| damping(refusals).as_millis();
        assert_eq!(
            [0, 1, 2, 3, 4, 9, 10, 11, 4_000_000_000].map(milliseconds),
            [0, 0, 0, 100, 200, 6400, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn moments_are_written_as_hl7_writes_them() {
        assert_eq!(moment(1_795_000_000), "20261118110640+0000");
        assert_eq!(
            place("v=1, synthetic=1, ruling=\"a.example/log#7\", ledger=\"a\""),
            " Ruling a.example/log#7."
        );
        assert_eq!(place("v=1"), "");
    }
}
