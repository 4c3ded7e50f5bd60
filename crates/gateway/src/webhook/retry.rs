//! What could not be delivered, sent again: after five seconds, after five minutes, and so on for three days.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flow::{Asked, ReleaseError, unix_seconds};
use quarantine::{ItemId, Kept, State, StepError};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::Webhooks;
use crate::server::Lane;

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Sends what waits, each item at its time, the oldest first, until told to stop.
///
/// An endpoint that fails once is left alone until the next look: what waits behind it would fail as well.
pub(crate) async fn retry(lane: Arc<Lane>, hooks: Arc<Webhooks>, mut stop: watch::Receiver<bool>) {
    let _under_way = lane.under_way.clone();
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What is refused by now is a person's to decide; asking again every second would only fill the ledger.
    let mut left: BTreeSet<ItemId> = BTreeSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = looks.tick() => {}
        }
        let mut failed: BTreeSet<String> = BTreeSet::new();
        let waiting = lane.flow.waiting(&lane.boundary.name).await;
        left.retain(|id| waiting.iter().any(|kept| kept.item.id == *id));
        for kept in waiting {
            if *stop.borrow() {
                return;
            }
            let endpoint = kept.item.waits_for.clone().unwrap_or_default();
            let is_due = due(&kept, &hooks.config.retries)
                .is_some_and(|seconds| seconds <= u64::try_from(lane.flow.seconds()).unwrap_or(0));
            if !is_due || failed.contains(&endpoint) || left.contains(&kept.item.id) {
                continue;
            }
            match again(&lane, &hooks, &kept).await {
                Again::Done => {}
                Again::Later => {
                    failed.insert(endpoint);
                }
                Again::Left => {
                    left.insert(kept.item.id);
                }
            }
        }
    }
}

/// When an item is to be sent again, in seconds since 1970; nothing if only a person may.
fn due(kept: &Kept, waits: &[Duration]) -> Option<u64> {
    let attempts = usize::try_from(kept.attempts).unwrap_or(usize::MAX);
    Some(unix_seconds(&kept.since)? + waits.get(attempts)?.as_secs())
}

/// What became of an attempt.
enum Again {
    /// It arrived.
    Done,
    /// It did not, or could not be made now.
    Later,
    /// It is not to be made again: a person decides.
    Left,
}

/// Sends one item.
async fn again(lane: &Lane, hooks: &Webhooks, kept: &Kept) -> Again {
    let begun = lane.flow.begin_redelivery(hooks.hook(), &kept.item.id, &Asked::retry(), None).await;
    let redelivery = match begun {
        Ok(redelivery) => redelivery,
        Err(ReleaseError::Ledger | ReleaseError::Stopped(_) | ReleaseError::Step(StepError::Disk(_))) => {
            return Again::Later;
        }
        Err(error) => {
            lane.flow.give_up(&kept.item);
            tracing::warn!(item = %kept.item.id, "a waiting event is not sent again by itself: {error}");
            return Again::Left;
        }
    };
    let tried = hooks.send_again(&redelivery, lane.flow.seconds()).await;
    let ended = lane.flow.end_redelivery(&redelivery.leaving, tried.outcome, tried.taken).await;
    // Whether the ledger says it yet or not: it arrived.
    if matches!(ended, Ok(State::Released) | Err(ReleaseError::NotRecorded { state: State::Released })) {
        return Again::Done;
    }
    if usize::try_from(kept.attempts).unwrap_or(usize::MAX) + 1 >= hooks.config.retries.len() {
        lane.flow.give_up(&kept.item);
        tracing::warn!(item = %kept.item.id, "a waiting event is not sent again by itself: release or reject it");
    }
    Again::Later
}
