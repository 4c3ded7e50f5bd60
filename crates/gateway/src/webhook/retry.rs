//! What could not be delivered, sent again: after five seconds, after five minutes, and so on for three days.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use flow::{Asked, unix_seconds};
use quarantine::{Kept, State};
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
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = looks.tick() => {}
        }
        let mut failed: BTreeSet<String> = BTreeSet::new();
        for kept in lane.flow.waiting(&lane.boundary.name).await {
            if *stop.borrow() {
                return;
            }
            let endpoint = kept.item.waits_for.clone().unwrap_or_default();
            let is_due = due(&kept, &hooks.config.retries)
                .is_some_and(|seconds| seconds <= u64::try_from(lane.flow.seconds()).unwrap_or(0));
            if is_due && !failed.contains(&endpoint) && !again(&lane, &hooks, &kept).await {
                failed.insert(endpoint);
            }
        }
    }
}

/// When an item is to be sent again, in seconds since 1970; nothing if only a person may.
fn due(kept: &Kept, waits: &[Duration]) -> Option<u64> {
    let attempts = usize::try_from(kept.attempts).unwrap_or(usize::MAX);
    Some(unix_seconds(&kept.since)? + waits.get(attempts)?.as_secs())
}

/// Sends one item; whether it is done with.
async fn again(lane: &Lane, hooks: &Webhooks, kept: &Kept) -> bool {
    let begun = lane.flow.begin_redelivery(hooks.hook(), &kept.item.id, &Asked::retry(), None).await;
    let redelivery = match begun {
        Ok(redelivery) => redelivery,
        Err(error) => {
            tracing::warn!(item = %kept.item.id, "a waiting event was not sent: {error}");
            return true;
        }
    };
    let tried = hooks.send_again(&redelivery, lane.flow.seconds()).await;
    let ended = lane.flow.end_redelivery(&redelivery.leaving, tried.outcome, tried.taken).await;
    let is_last = usize::try_from(kept.attempts).unwrap_or(usize::MAX) + 1 >= hooks.config.retries.len();
    let is_done = matches!(ended, Ok(State::Released));
    if is_last && !is_done {
        lane.flow.give_up(&kept.item);
        tracing::warn!(item = %kept.item.id, "a waiting event is not sent again by itself: release or reject it");
    }
    is_done
}
