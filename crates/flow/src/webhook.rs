//! Events at a boundary: read, judged, ruled on, and sorted to the endpoint that their class belongs to, or kept.
//!
//! The same five steps as [`Flow::pass`], once for each part of a message that shares a fate. Source: spec/webhooks.md.

mod sorting;
mod waiting;

use std::{collections::BTreeSet, fmt, sync::Arc};

use bytes::Bytes;
use carrier::{
    provenance::RulingReference,
    webhook::{Class, EventMap, Events, Identity, Message, Outgoing, read, unread},
};
use ledger::Logged;
use mark::{Reading, Unreadable, Verdict, VerdictName, digest, judge, judge_shown};
use policy::{Action, Boundary, Caller, Decision, Request, Ruling, Scope, decide, decide_unsorted};
use quarantine::Withheld;

use crate::{
    clock::Moment,
    crossing::{Claims, Crossing, Protocol},
    effect,
    entry::{Entry, Facts, LostEvents},
    keep::{Plan, Told},
    listed::Named,
    pass::watch_decided,
    proof,
    settle::{Outcome, Settlement},
    watch::{Step, Watched},
    world::Flow,
};
use sorting::{destination, fallback};
pub use waiting::Redelivery;

/// A boundary that events cross, and what is behind it.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where events are in a message, and what they say.
    pub map: Arc<EventMap>,
    /// How much of a record an event shows.
    pub extent: Extent,
    /// The boundary, as it is for an event that cannot be sorted.
    pub boundary: Arc<Boundary>,
    /// The same with the environment of the endpoint for synthetic events.
    pub synthetic: Arc<Boundary>,
    /// The same with the environment of the endpoint for attested ones.
    pub attested: Arc<Boundary>,
}

/// How much of a record an event shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All that its mark covers: what is not there is empty.
    #[default]
    Whole,
    /// Part of it: what is not there was left out, and a moved mark may not be seen.
    Part,
}

/// A message as the shell received it.
///
/// Debug shows sizes only.
#[derive(Clone)]
pub struct Arrived {
    /// The sender as it names itself, at most 64 plain characters.
    pub client: String,
    /// The content type, if there was one.
    pub content_type: Option<String>,
    /// The header fields that begin with `ce-`, without that.
    pub attributes: Vec<(String, String)>,
    /// The body, decoded, or why there is none to judge.
    pub body: Result<Bytes, Unreadable>,
    /// The dated contract version that the sender named or is pinned to.
    pub contract: Option<&'static str>,
    /// Who is told of its steps.
    pub watched: Watched,
}

/// What became of a part of a message.
#[derive(Debug)]
pub enum Part {
    /// It is ruled on and goes to an endpoint; then [`Flow::settle`], or [`Flow::wait`] where it could not.
    Deliver(Box<Delivery>),
    /// One event is refused and kept; the name of its item.
    Kept {
        /// The quarantine's item.
        item: String,
        /// Where the ruling stands.
        place: String,
    },
    /// One event is refused and could not be kept: its sender has to keep it.
    NotKept {
        /// Where the ruling stands.
        place: String,
        /// Why it is not kept.
        why: String,
    },
    /// The whole message cannot be read, and is refused: its sender is told why.
    Unreadable {
        /// Where the ruling stands.
        place: String,
        /// What is wrong with it; holds nothing of it.
        why: String,
    },
    /// The ledger cannot write: nothing was done about these events, and their sender has to keep them.
    Unavailable,
}

/// Events on their way to an endpoint. Their ruling is in the ledger.
#[must_use = "a delivery that is neither settled nor kept shows as unsettled for ever"]
pub struct Delivery {
    /// The endpoint.
    pub class: Class,
    /// The value of `webhook-id`: the same for the same events, however often they come.
    pub id: String,
    /// What is sent.
    pub outgoing: Outgoing,
    /// How many events these are.
    pub events: usize,
    /// The `Eosin-Provenance` value.
    pub provenance: String,
    /// The `AI-Disclosure` value, where an AI made what the events are about.
    pub ai_disclosure: Option<String>,
    /// Where the ruling stands in the ledger.
    pub place: String,
    held: Held,
}

/// What is needed to keep a delivery that cannot be made now.
struct Held {
    ruling: Logged<Ruling>,
    crossing: Crossing,
    route: String,
    moment: Moment,
}

impl Delivery {
    /// To be given to [`Flow::settle`] once it is known what became of it.
    pub fn settlement(&self) -> Settlement {
        Settlement::of(&self.held.ruling)
    }
}

impl Flow {
    /// Takes a message of events the whole way to where they part. Nothing is handed out that is not in the ledger.
    ///
    /// Events that go to one endpoint go together, in their order; each event that is refused is ruled on and kept by
    /// itself, so that it can be released by itself.
    ///
    /// Shape:  a message -> its parts; together they hold each of its events once.
    /// Bounds: [`carrier::Limits`] and [`carrier::webhook::EVENTS_MAX`]; waits for one group commit a part.
    /// Errors: none; a ledger that cannot write is [`Part::Unavailable`].
    /// Never:  sends an event on whose ruling is not durable, in no boundary of whatever continuity: its sender keeps it.
    /// Source: spec/webhooks.md section 3.
    pub async fn sort(&self, hook: &Webhook, arrived: &Arrived) -> Vec<Part> {
        let moment = self.clock.now();
        arrived.watched.passed(Step::Begun);
        let body = match &arrived.body {
            Ok(body) => body,
            Err(reason) => return vec![self.unreadable(hook, arrived, reason.clone(), &moment).await],
        };
        let message = message(arrived, body);
        let events = match read(&hook.map, &message, &self.limits) {
            Ok(events) => events,
            Err(reason) => return vec![self.unreadable(hook, arrived, reason, &moment).await],
        };
        arrived.watched.passed(Step::Read);
        let judged = self.judged(hook, &events);
        let records: usize = judged.iter().map(Vec::len).sum();
        arrived.watched.passed(Step::Judged { records: records as u64 });
        let fates = self.fates(hook, &arrived.client, &events, judged);
        let mut parts = Vec::new();
        for (fate, ruling) in fates {
            parts.push(self.part(hook, arrived, (&message, &events), fate, ruling, &moment).await);
        }
        parts
    }

    /// Whether a message can be read as one of this boundary's. Nothing is recorded.
    pub fn reads(&self, hook: &Webhook, arrived: &Arrived) -> bool {
        let Ok(body) = &arrived.body else { return false };
        read(&hook.map, &message(arrived, body), &self.limits).is_ok()
    }

    /// Writes down that a subscription's events are gone; false where the ledger cannot write.
    pub async fn lost(&self, lost: &LostEvents<'_>) -> bool {
        let entry = Entry::subscription(lost, &self.clock.now());
        match self.appender.append((), entry.bytes) {
            Ok(pending) => pending.await.is_ok(),
            Err(_) => false,
        }
    }

    /// What is to become of the events: those that pass together, by endpoint, then each that does not by itself.
    fn fates(
        &self,
        hook: &Webhook,
        client: &str,
        events: &Events<'_>,
        judged: Vec<Vec<Verdict>>,
    ) -> Vec<(Fate, Ruling)> {
        let policies = self.policies();
        let mut going = Going::default();
        let mut alone = Vec::new();
        for (position, (event, verdicts)) in events.list.iter().zip(judged).enumerate() {
            let positions = BTreeSet::from([position]);
            match destination(event.said, &verdicts) {
                Ok(class) => {
                    let route = label(hook, Some(class));
                    let request = request(hook.at(class), client, &route);
                    let ruling = decide(&policies, &request, Scope::Whole, verdicts.clone());
                    if ruling.decision() == Decision::Block {
                        alone.push((Fate { class: None, positions, route }, ruling));
                    } else {
                        going.add(class, position, verdicts);
                    }
                }
                Err(doubt) => {
                    let route = label(hook, None);
                    let class = fallback(event.said, &verdicts);
                    let request = request(&hook.boundary, client, &route);
                    let ruling = decide_unsorted(&policies, &request, verdicts, doubt);
                    // A boundary that does not enforce lets it go where it would have gone without us.
                    let class = (ruling.decision() != Decision::Block).then_some(class);
                    alone.push((Fate { class, positions, route }, ruling));
                }
            }
        }
        let going = going.groups().map(|(class, positions, verdicts)| {
            let route = label(hook, Some(class));
            let request = request(hook.at(class), client, &route);
            let ruling = decide(&policies, &request, Scope::PerRecord, verdicts);
            (Fate { class: Some(class), positions, route }, ruling)
        });
        let mut fates: Vec<(Fate, Ruling)> = going.collect();
        fates.extend(alone);
        fates
    }

    /// The verdicts on each event's records.
    fn judged(&self, hook: &Webhook, events: &Events<'_>) -> Vec<Vec<Verdict>> {
        let (trust, recognition) = (self.trust(), self.recognition());
        let verdict = |reading: &Reading<'_>| {
            let judged = match hook.extent {
                Extent::Whole => judge(reading, &trust),
                Extent::Part => judge_shown(reading, &trust),
            };
            recognition.verdict(judged, reading, None)
        };
        events.list.iter().map(|event| event.records.iter().map(verdict).collect()).collect()
    }

    /// Commits one ruling and does what it says.
    async fn part(
        &self,
        hook: &Webhook,
        arrived: &Arrived,
        (message, events): (&Message<'_>, &Events<'_>),
        fate: Fate,
        ruling: Ruling,
        moment: &Moment,
    ) -> Part {
        let Fate { class, positions, route } = fate;
        let outgoing = events.only(message, &positions);
        let chosen = || positions.iter().filter_map(|position| events.list.get(*position));
        let references: Vec<Named> = chosen().flat_map(|event| event.records.iter().map(Named::of)).collect();
        let plan = match class {
            Some(_) => Plan::Nothing,
            None => self.plan_event(&hook.boundary.name, withheld(&outgoing), references.len(), None),
        };
        let boundary = class.map_or(&hook.boundary, |class| hook.at(class));
        let crossing = crossing(boundary, arrived);
        watch_decided(&crossing, &ruling);
        let entry = self.entry(&ruling, &crossing, &route, &references, &plan, moment);
        let Ok(logged) = self.commit_watched(ruling, entry, moment, &crossing).await else {
            return Part::Unavailable;
        };
        let place = RulingReference { origin: logged.origin().to_owned(), index: logged.index() };
        let provenance = effect::provenance(logged.item(), Some(&place)).to_header();
        let place = place.to_string();
        let Some(class) = class else {
            return match self.keep(plan, &logged, &crossing, &route, moment).await {
                Told::Kept(item) => Part::Kept { item: item.to_string(), place },
                Told::NotKept(why) => Part::NotKept { place, why },
                Told::Nothing => Part::NotKept { place, why: "nothing keeps it".to_owned() },
            };
        };
        let identities: Vec<&Identity<'_>> = chosen().map(|event| &event.identity).collect();
        Part::Deliver(Box::new(Delivery {
            class,
            id: name(&hook.boundary.name, class, &identities),
            outgoing,
            events: positions.len(),
            provenance,
            ai_disclosure: effect::ai_disclosure(logged.item()),
            place,
            held: Held { ruling: logged, crossing, route, moment: moment.clone() },
        }))
    }

    /// A message that cannot be read: refused and told, where the boundary enforces or where it could tell a session; else
    /// sent on as it came.
    async fn unreadable(
        &self,
        hook: &Webhook,
        arrived: &Arrived,
        reason: Unreadable,
        moment: &Moment,
    ) -> Part {
        let why = reason.to_string();
        let route = label(hook, None);
        let request = request(&hook.boundary, &arrived.client, &route);
        let verdicts = vec![Verdict::Unreadable(reason)];
        let ruling = decide_unsorted(&self.policies(), &request, verdicts, "it cannot be read");
        let crossing = crossing(&hook.boundary, arrived);
        let references = [Named::new("message".to_owned(), None)];
        let blocked = ruling.decision() == Decision::Block;
        watch_decided(&crossing, &ruling);
        let entry = self.entry(&ruling, &crossing, &route, &references, &Plan::Nothing, moment);
        let Ok(logged) = self.commit_watched(ruling, entry, moment, &crossing).await else {
            return Part::Unavailable;
        };
        let place = RulingReference { origin: logged.origin().to_owned(), index: logged.index() };
        if blocked {
            return Part::Unreadable { place: place.to_string(), why };
        }
        let outgoing = arrived.body.as_ref().ok().and_then(|body| unread(&hook.map, &message(arrived, body)));
        let Some(outgoing) = outgoing else {
            self.settle(Settlement::of(&logged), Outcome::NotSent);
            return Part::Unreadable { place: place.to_string(), why };
        };
        let identity = Identity::Bytes(outgoing.body.clone().into());
        let id = name(&hook.boundary.name, Class::Attested, &[&identity]);
        Part::Deliver(Box::new(Delivery {
            class: Class::Attested,
            id,
            outgoing,
            events: 1,
            provenance: effect::provenance(logged.item(), Some(&place)).to_header(),
            ai_disclosure: None,
            place: place.to_string(),
            held: Held { ruling: logged, crossing, route, moment: moment.clone() },
        }))
    }

    fn entry(
        &self,
        ruling: &Ruling,
        crossing: &Crossing,
        route: &str,
        references: &[Named],
        plan: &Plan,
        moment: &Moment,
    ) -> Entry {
        let recognition = self.recognition();
        let facts = Facts {
            objects: &[],
            action: carrier::Action::Deliver.as_str(),
            route,
            claim: "none",
            proof: &proof::Weighed::default(),
            ai_disclosure: None,
            references,
            weakens: &[],
            recognised_by: (ruling.counts().of(VerdictName::Suspected) > 0)
                .then(|| recognition.recognised_by()),
            kept: plan.for_entry(),
            told: None,
        };
        Entry::ruling(ruling, crossing, &facts, moment)
    }
}

impl Webhook {
    /// The boundary as it is in front of an endpoint.
    fn at(&self, class: Class) -> &Arc<Boundary> {
        match class {
            Class::Synthetic => &self.synthetic,
            Class::Attested => &self.attested,
        }
    }
}

/// Where a part goes, if anywhere, and what it is made of.
struct Fate {
    class: Option<Class>,
    positions: BTreeSet<usize>,
    /// The route's label.
    route: String,
}

/// Events that pass, by endpoint.
#[derive(Default)]
struct Going {
    synthetic: (BTreeSet<usize>, Vec<Verdict>),
    attested: (BTreeSet<usize>, Vec<Verdict>),
}

impl Going {
    fn add(&mut self, class: Class, position: usize, verdicts: Vec<Verdict>) {
        let (positions, all) = match class {
            Class::Synthetic => &mut self.synthetic,
            Class::Attested => &mut self.attested,
        };
        positions.insert(position);
        all.extend(verdicts);
    }

    fn groups(self) -> impl Iterator<Item = (Class, BTreeSet<usize>, Vec<Verdict>)> {
        let groups = [(Class::Attested, self.attested), (Class::Synthetic, self.synthetic)];
        let groups = groups.into_iter().filter(|(_, (positions, _))| !positions.is_empty());
        groups.map(|(class, (positions, verdicts))| (class, positions, verdicts))
    }
}

/// A message as its carrier reads it; `body` is what arrived of it.
fn message<'m>(arrived: &'m Arrived, body: &'m Bytes) -> Message<'m> {
    Message { content_type: arrived.content_type.as_deref(), attributes: &arrived.attributes, body }
}

fn request<'r>(boundary: &'r Boundary, client: &'r str, route: &'r str) -> Request<'r> {
    Request { client: Caller::Client(client), action: Action::Deliver, boundary, route }
}

/// A short name for the ledger: the format and the endpoint.
fn label(hook: &Webhook, class: Option<Class>) -> String {
    let format = hook.map.format.as_str();
    class.map_or_else(|| format!("{format} event"), |class| format!("{format} event to {class}"))
}

fn crossing(boundary: &Arc<Boundary>, arrived: &Arrived) -> Crossing {
    Crossing {
        boundary: Arc::clone(boundary),
        protocol: Protocol::Webhook,
        client: arrived.client.clone(),
        method: "POST".to_owned(),
        target: "/".to_owned(),
        method_override: None,
        content_type: arrived.content_type.clone(),
        provenance: Vec::new(),
        claims: Claims { contract: arrived.contract, ..Claims::default() },
        body: Ok(Bytes::new()),
        watched: arrived.watched.clone(),
    }
}

/// What is sealed of an event: attributes that rode in header fields ride in the target's query.
fn withheld(outgoing: &Outgoing) -> Withheld {
    let pairs = outgoing.attributes.iter().map(|(name, value)| {
        let escaped = value.bytes().map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
        format!("{name}={}", escaped.collect::<String>())
    });
    let query = pairs.collect::<Vec<_>>().join("&");
    Withheld {
        target: if query.is_empty() { "/".to_owned() } else { format!("/?{query}") },
        content_type: Some(outgoing.content_type.clone()),
        method_override: None,
        body: outgoing.body.clone(),
    }
}

/// The name of a delivery: the same for the same events to the same endpoint, so that a consumer can tell a second
/// sending from a second event.
fn name(boundary: &str, class: Class, identities: &[&Identity<'_>]) -> String {
    let mut parts: Vec<Vec<u8>> = vec![b"eosin-webhook/1\n".to_vec()];
    let mut add = |tag: u8, bytes: &[u8]| {
        let mut part = vec![tag];
        part.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        part.extend_from_slice(bytes);
        parts.push(part);
    };
    add(b'b', boundary.as_bytes());
    add(b'c', class.as_str().as_bytes());
    for identity in identities {
        match identity {
            Identity::Named(text) => add(b'n', text.as_bytes()),
            Identity::Bytes(bytes) => add(b'x', bytes),
        }
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let hex = digest::sha256(&parts).to_hex();
    format!("msg_{}", hex.get(..40).unwrap_or_default())
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arrived({:?} bytes)", self.body.as_ref().map(Bytes::len).ok())
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({} events to {}, ruling {})", self.events, self.class, self.place)
    }
}
