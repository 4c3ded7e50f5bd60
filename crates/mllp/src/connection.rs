//! One sender's connection: a frame, its answer, the next frame. Order is kept because nothing overtakes.

use std::sync::Arc;

use bytes::Bytes;
use carrier::hl7v2::{Envelope, Refusing};
use mark::Unreadable;
use tokio::{sync::watch, time::sleep};

use crate::{
    framer::{Fault, Found},
    message::{Reply, cross, damping, say},
    receiver::{Late, Link},
    server::Lane,
    wire::{Heard, Wire},
};

/// Serves one sender until it closes, something cannot be read any more, or the shell stops.
///
/// A message under way is finished: its ruling, its effect, its settlement and its answer happen.
pub(crate) async fn serve(lane: Arc<Lane>, mut sender: Wire, peer: String, mut stop: watch::Receiver<bool>) {
    let mut link = Link::new(Arc::clone(&lane.way));
    let mut repeated = Repeated::default();
    loop {
        let heard = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            unasked = link.late() => Err(unasked),
            heard = sender.next() => Ok(heard),
        };
        let heard = match heard {
            Ok(heard) => heard,
            Err(Late::Answer(answer)) => {
                if sender.write(&answer).await.is_err() {
                    break;
                }
                continue;
            }
            Err(Late::Closed) => continue,
            Err(Late::Unasked) => {
                lane.metrics.fault(&lane.boundary.name, "unasked-answer");
                continue;
            }
        };
        let (reply, goes_on) = match heard {
            Heard::Found(Found::Frame(frame)) => {
                let id = Envelope::of(&frame).control_id().to_vec();
                let reply = cross(&lane, &mut link, &peer, b"", Ok(frame)).await;
                let refusals = repeated.count(&id, reply.is_refused);
                let pause = damping(refusals);
                if !pause.is_zero() {
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = stopped(&mut stop) => {}
                    }
                }
                (reply, true)
            }
            Heard::Found(Found::TooLong(beginning)) => {
                let reason = Unreadable::TooLong { limit: lane.limits.frame_bytes };
                (cross(&lane, &mut link, &peer, &beginning, Err(reason)).await, true)
            }
            Heard::Found(Found::Fault(fault, beginning)) => (told(&lane, fault, &beginning), false),
            Heard::Crowded => (crowded(&lane), false),
            Heard::Ended => break,
        };
        sender.release();
        if !written(&mut sender, &reply).await || !goes_on {
            break;
        }
    }
    let patience = lane.timeouts.end;
    tokio::join!(sender.close(patience), link.close(patience));
}

/// Waits until the shell stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say it is gone only when everything stops.
    let _told = stop.wait_for(|stopped| *stopped).await.is_ok();
}

async fn written(sender: &mut Wire, reply: &Reply) -> bool {
    for frame in &reply.frames {
        if sender.write(frame).await.is_err() {
            tracing::debug!("a sender did not wait for its answer");
            return false;
        }
    }
    true
}

/// The answer to what is no frame. After it the connection is closed: nobody can tell where the next message begins.
fn told(lane: &Lane, fault: Fault, beginning: &Bytes) -> Reply {
    let boundary = &lane.boundary.name;
    lane.metrics.fault(boundary, fault.as_str());
    tracing::warn!(boundary = %boundary, fault = fault.as_str(), "a sender's bytes are no frame");
    let (code, then) = match fault {
        Fault::BrokeOff => (Refusing::Error, "Send the message again."),
        Fault::Outside | Fault::BeganAgain | Fault::EndInText | Fault::Endless => {
            (Refusing::Reject, "Mend the sender before it sends again.")
        }
    };
    let text =
        format!("Eosin at boundary `{boundary}`: {}; nothing was done with it. {then}", fault.sentence());
    let mut reply = Reply::default();
    say(lane, &Envelope::of(beginning), code, "EOSIN_FRAME", &text, &mut reply);
    reply
}

fn crowded(lane: &Lane) -> Reply {
    let boundary = &lane.boundary.name;
    lane.metrics.fault(boundary, "crowded");
    let text = format!(
        "Eosin at boundary `{boundary}` holds as many long messages as it may; nothing was done with this one. Send it again \
         later."
    );
    let mut reply = Reply::default();
    say(lane, &Envelope::of(b""), Refusing::Error, "EOSIN_BUSY", &text, &mut reply);
    reply
}

/// How often one message was refused in a row.
#[derive(Debug, Default)]
struct Repeated {
    id: Vec<u8>,
    refusals: u32,
}

impl Repeated {
    fn count(&mut self, id: &[u8], is_refused: bool) -> u32 {
        if !is_refused || self.id != id {
            self.id = id.to_vec();
            self.refusals = 0;
        }
        self.refusals += u32::from(is_refused);
        self.refusals
    }
}
