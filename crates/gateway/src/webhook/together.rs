//! Events that are handed in together: ruled on in their order with one wait for the ledger, sent one after the other.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use carrier::webhook::Class;
use flow::{Arrived, Delivery, Outcome, Part};
use tokio::sync::watch;

use super::{Sent, Webhooks, answer::Fate, deliver};
use crate::server::Lane;

/// Takes messages of one event each, to their end.
///
/// A message that cannot be read is taken by itself, or those in front of it are.
///
/// Shape:  what became of each, in order; nothing of one that was not tried to the end. There can be fewer than came.
/// Never:  sends an event to an endpoint before another that came earlier, but one that waits for it.
pub(super) async fn together(
    lane: Arc<Lane>,
    hooks: Arc<Webhooks>,
    arrived: Vec<Arrived>,
    stop: watch::Receiver<bool>,
) -> Vec<Option<Fate>> {
    let _under_way = lane.under_way.clone();
    let hook = &hooks.config.hook;
    // The first is taken either way, so only one with others behind it is read beforehand.
    let read = if arrived.len() > 1 {
        arrived.iter().take_while(|one| lane.flow.reads(hook, one)).count()
    } else {
        1
    };
    let now = arrived.iter().take(read.max(1));
    let sorted = in_order(now.map(|one| lane.flow.sort(hook, one))).await;
    let mut fates: Vec<Fate> = Vec::with_capacity(sorted.len());
    let (mut attested, mut synthetic) = (Vec::new(), Vec::new());
    // The first event that is not tried.
    let end = AtomicUsize::new(usize::MAX);
    for (at, parts) in sorted.into_iter().enumerate() {
        let mut fate = Fate::default();
        for part in parts {
            match part {
                Part::Deliver(delivery) => match delivery.class {
                    Class::Attested => attested.push((at, delivery)),
                    Class::Synthetic => synthetic.push((at, delivery)),
                },
                Part::Kept { item, place } => fate.kept(item, place),
                Part::NotKept { place, why } => fate.not_kept(place, &why),
                Part::Unreadable { place, why } => fate.unreadable(place, why),
                Part::Unavailable => fate.unavailable(),
            }
        }
        if fate.why_unkept().is_some() {
            end.fetch_min(at + 1, Ordering::Relaxed);
        }
        fates.push(fate);
    }
    let queue = |deliveries| one_by_one(&lane, &hooks, deliveries, &end, &stop);
    let (attested, synthetic) = tokio::join!(queue(attested), queue(synthetic));
    for (at, sent) in attested.into_iter().chain(synthetic) {
        let Some(fate) = fates.get_mut(at) else { continue };
        match sent {
            Sent::Delivered(events, place) => fate.delivered(events, place),
            Sent::Waiting(events, item, place) => fate.waiting(events, item, place),
            Sent::Neither(place, why) => fate.not_kept(place, &why),
        }
    }
    let end = end.into_inner();
    fates.into_iter().enumerate().map(|(at, fate)| (at < end).then_some(fate)).collect()
}

/// Sends deliveries to one endpoint, one after the other.
async fn one_by_one(
    lane: &Arc<Lane>,
    hooks: &Arc<Webhooks>,
    deliveries: Vec<(usize, Box<Delivery>)>,
    end: &AtomicUsize,
    stop: &watch::Receiver<bool>,
) -> Vec<(usize, Sent)> {
    let mut all = Vec::with_capacity(deliveries.len());
    for (at, delivery) in deliveries {
        if *stop.borrow() {
            end.fetch_min(at, Ordering::Relaxed);
        }
        if at >= end.load(Ordering::Relaxed) {
            // It comes again, and is ruled on again.
            lane.flow.settle(delivery.settlement(), Outcome::NotSent);
            continue;
        }
        let sent = deliver(Arc::clone(lane), Arc::clone(hooks), delivery).await;
        if matches!(sent, Sent::Neither(..)) {
            end.fetch_min(at + 1, Ordering::Relaxed);
        }
        all.push((at, sent));
    }
    all
}

/// Runs futures side by side, each time in their order: what each does at first, they do in that order.
async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, done) in running.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
