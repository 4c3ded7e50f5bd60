//! Events that could not be delivered, or were kept and are released: sent again under the name that they had.

use std::collections::BTreeSet;

use bytes::Bytes;
use carrier::webhook::{Class, Identity, Message, Outgoing, Said, read};
use mark::{Unreadable, Verdict};
use policy::{Ruling, Scope, decide, decide_unsorted};
use quarantine::{Again, Ended, Item, ItemId, Kept, State, Withheld};

use super::{Arrived, Delivery, Webhook, destination, label, name, request, sorting::overruled, withheld};
use crate::{
    crossing::Protocol,
    entry::{Entry, Step},
    keep::Told,
    release::{Asked, Elsewhere, Leaving, Overrule, ReleaseError},
    settle::Outcome,
    world::Flow,
};

/// Events on their way once more. Their release is in the ledger, its intent in the store.
#[derive(Debug)]
#[must_use = "a redelivery that is not ended shows as uncertain"]
pub struct Redelivery {
    /// The item.
    pub leaving: Leaving,
    /// The endpoint.
    pub class: Class,
    /// The value of `webhook-id`: the one that the first attempt had.
    pub id: String,
    /// What is sent.
    pub outgoing: Outgoing,
}

impl Flow {
    /// Keeps a delivery that its endpoint could not take, to be sent again. It is durable when this returns.
    ///
    /// Shape:  the delivery -> the quarantine's item.
    /// Errors: why it could not be kept: its sender has to keep it then.
    pub async fn wait(&self, delivery: &Delivery) -> Result<ItemId, String> {
        let held = &delivery.held;
        let boundary = &held.crossing.boundary.name;
        let withheld = withheld(&delivery.outgoing);
        let class = Some(delivery.class.as_str());
        let plan = self.plan_event(boundary, withheld, held.ruling.item().verdicts().len(), class);
        match self.keep(plan, &held.ruling, &held.crossing, &held.route, &held.moment).await {
            Told::Kept(item) => Ok(item),
            Told::NotKept(why) => Err(why),
            Told::Nothing => Err("nothing keeps it".to_owned()),
        }
    }

    /// What waits for an endpoint of this boundary, the oldest first.
    pub async fn waiting(&self, boundary: &str) -> Vec<Kept> {
        let Some(keeping) = self.keeping() else { return Vec::new() };
        let boundary = boundary.to_owned();
        let asked = keeping.keeper().ask(move |store| {
            let waits = |kept: &&Kept| {
                kept.item.waits_for.is_some()
                    && kept.item.boundary == boundary
                    && matches!(kept.state, State::Held | State::Uncertain)
            };
            let mut waiting: Vec<Kept> = store.list().filter(waits).cloned().collect();
            waiting.sort_by_key(|kept| kept.item.sequence);
            waiting
        });
        match asked {
            Ok(answer) => answer.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }

    /// Writes down that nobody sends a waiting item again by itself. It stays kept until a person decides.
    pub fn give_up(&self, item: &Item) {
        let moment = self.clock.now();
        self.note(Entry::quarantine(&Step::of(item, "given-up"), &moment));
    }

    /// Judges a kept event again and records its release, as [`Flow::begin_release`], to the endpoint where it belongs.
    ///
    /// `to` is a person's word on where that is: it stands for the class that the event says, and is weighed as that.
    ///
    /// Shape:  the webhook as it is now, the item, who asks -> what to send; then [`Flow::end_redelivery`].
    /// Errors: see [`ReleaseError`]; the item must not be sent then.
    pub async fn begin_redelivery(
        &self,
        hook: &Webhook,
        id: &ItemId,
        asked: &Asked,
        to: Option<Class>,
    ) -> Result<Redelivery, ReleaseError> {
        let moment = self.clock.now();
        let (kept, withheld) = self.open_kept(&Protocol::Webhook, id, asked.again).await?;
        let destination = self.destination(&kept, &hook.boundary, asked)?;
        let (outgoing, arrived) = opened(withheld, &kept);
        let (class, ruling, name) = self.judge_event_again(hook, &arrived, &outgoing, asked.overrule, to)?;
        let leaving = self.leave(&kept, ruling, asked, destination, &moment).await?;
        Ok(Redelivery { leaving, class, id: name, outgoing })
    }

    /// Writes down what became of a redelivery.
    ///
    /// Shape:  the item, how the exchange ended, whether the consumer said that it has the events -> the item's state.
    /// Errors: [`ReleaseError::Step`]: it was sent and could not be written down; it is sent again, under its name.
    pub async fn end_redelivery(
        &self,
        leaving: &Leaving,
        outcome: Outcome,
        taken: bool,
    ) -> Result<State, ReleaseError> {
        let ended = match outcome {
            Outcome::Answered(200..=299) if taken => Ended::Arrived,
            Outcome::Answered(200..=299 | 408 | 500..) | Outcome::Unknown => Ended::Unknown,
            Outcome::NotSent | Outcome::Answered(_) => Ended::NotDone,
        };
        self.end_as(leaving, outcome, ended).await
    }

    fn judge_event_again(
        &self,
        hook: &Webhook,
        arrived: &Arrived,
        outgoing: &Outgoing,
        overrule: Overrule,
        to: Option<Class>,
    ) -> Result<(Class, Ruling, String), ReleaseError> {
        let message = Message {
            content_type: Some(&outgoing.content_type),
            attributes: &outgoing.attributes,
            body: &outgoing.body,
        };
        let unsorted = |verdicts: Vec<Verdict>, doubt: &'static str| {
            let label = label(hook, None);
            let request = request(&hook.boundary, &arrived.client, &label);
            decide_unsorted(&self.policies(), &request, verdicts, doubt)
        };
        let events = match read(&hook.map, &message, &self.limits) {
            Ok(events) => events,
            Err(reason) => {
                let identity = Identity::Bytes(outgoing.body.as_slice().into());
                let class = to.ok_or(ReleaseError::NoEndpoint { why: "it cannot be read" })?;
                let ruling = unsorted(vec![Verdict::Unreadable(reason)], "it cannot be read");
                return Ok((class, ruling, name(&hook.boundary.name, class, &[&identity])));
            }
        };
        let judged = self.judged(hook, &events);
        let fates = events.list.iter().zip(&judged).map(|(event, verdicts)| {
            let said = to.map_or(event.said, Said::Class);
            (destination(said, verdicts), overruled(said, verdicts))
        });
        let fates: Vec<_> = fates.collect();
        let ways: BTreeSet<Option<Class>> =
            fates.iter().map(|(sorted, overruled)| sorted.ok().or(*overruled)).collect();
        let doubt = fates.iter().find_map(|(sorted, _)| sorted.err());
        let class = match (ways.len(), ways.first()) {
            (1, Some(Some(class))) => *class,
            // Nobody decides for an event that says nothing; but without `--overrule` it would stay in any case.
            (1, Some(None)) if overrule == Overrule::No => Class::Attested,
            (1, _) => return Err(ReleaseError::NoEndpoint { why: doubt.unwrap_or("they say nothing") }),
            _ => return Err(ReleaseError::NoEndpoint { why: "they belong to different endpoints by now" }),
        };
        let verdicts: Vec<Verdict> = judged.into_iter().flatten().collect();
        let ruling = if let Some(doubt) = doubt {
            unsorted(verdicts, doubt)
        } else {
            let label = label(hook, Some(class));
            let request = request(hook.at(class), &arrived.client, &label);
            decide(&self.policies(), &request, Scope::Whole, verdicts)
        };
        let identities: Vec<&Identity<'_>> = events.list.iter().map(|event| &event.identity).collect();
        let name = name(&hook.boundary.name, class, &identities);
        Ok((class, ruling, name))
    }
}

/// Who asks for what waits, when nobody does.
pub(super) const RETRY: &str = "eosin";

impl Asked {
    /// What asks for a waiting item to be sent again: time has passed.
    pub fn retry() -> Self {
        Self {
            by: RETRY.to_owned(),
            reason: "its endpoint could not take it before".to_owned(),
            // The name of the delivery is the same, so sending it twice does what sending it once does.
            again: Again::Yes,
            overrule: Overrule::No,
            elsewhere: Elsewhere::No,
        }
    }
}

/// What was sealed, as it came.
fn opened(withheld: Withheld, kept: &Kept) -> (Outgoing, Arrived) {
    let attributes = carrier::route::Target::parse(&withheld.target)
        .map(|target| {
            let names = target.query_names().map(str::to_owned);
            names.zip(target.query_values().map(str::to_owned)).collect()
        })
        .unwrap_or_default();
    let outgoing =
        Outgoing { content_type: withheld.content_type.unwrap_or_default(), attributes, body: withheld.body };
    let arrived = Arrived {
        client: kept.item.client.clone(),
        content_type: Some(outgoing.content_type.clone()),
        attributes: outgoing.attributes.clone(),
        body: Err::<Bytes, _>(Unreadable::TooLong { limit: 0 }),
        contract: None,
        watched: crate::watch::Watched::default(),
    };
    (outgoing, arrived)
}
