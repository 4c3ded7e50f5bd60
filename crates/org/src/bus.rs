//! The event bus: what was published, in order, for as long as it is kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::avro::{Shape, fingerprint};
use crate::schema::Object;

/// Events of all topics in the order in which they were published.
#[derive(Debug)]
pub(crate) struct Bus {
    // INVARIANT: numbers follow each other without a gap, from `gone + 1` to `last`.
    kept: VecDeque<Sent>,
    bytes: usize,
    /// The number of the newest event that is kept no longer.
    gone: u64,
    last: u64,
    /// What tells the replay ids of this bus from those of another.
    mint: [u8; 2],
    /// Most events that are kept.
    keeps: usize,
    told: watch::Sender<u64>,
    /// The objects whose changes are published, in lower case.
    selected: BTreeSet<String>,
    shapes: BTreeMap<String, Known>,
    // INVARIANT: at most `SCHEMAS_MAX`; the oldest goes first.
    schemas: VecDeque<(String, String)>,
    commits: u64,
    is_closed: bool,
}

/// A shape and the object that it was made of.
#[derive(Debug)]
struct Known {
    object: Arc<Object>,
    shape: Arc<Shape>,
    id: String,
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) number: u64,
    /// The platform event, or the change event's entity: `ContactChangeEvent`.
    pub(crate) entity: String,
    pub(crate) uuid: String,
    pub(crate) schema_id: String,
    pub(crate) payload: Bytes,
    at_ms: i64,
}

/// The replay id is none of this bus, or of an event that is kept no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// What a subscriber wants of the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One entity's.
    Entity(String),
    /// Every change event.
    Changes,
}

impl Wanted {
    fn holds(&self, entity: &str) -> bool {
        match self {
            Self::Entity(wanted) => wanted == entity,
            Self::Changes => entity.ends_with(CHANGE_EVENT),
        }
    }
}

impl Bus {
    pub(crate) fn new(keeps: usize) -> Self {
        let mut mint = [0; 2];
        // Without randomness the ids of two runs look alike, which only a client of both would notice.
        let _drawn = aws_lc_rs::rand::fill(&mut mint);
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            gone: 0,
            last: 0,
            mint,
            keeps: keeps.max(1),
            told: watch::Sender::new(0),
            selected: BTreeSet::new(),
            shapes: BTreeMap::new(),
            schemas: VecDeque::new(),
            commits: 0,
            is_closed: false,
        }
    }

    /// Publishes changes of an object from now on.
    pub(crate) fn select(&mut self, object: &str) {
        self.selected.insert(object.to_ascii_lowercase());
    }

    pub(crate) fn selects(&self, object: &str) -> bool {
        !self.selected.is_empty() && self.selected.contains(&object.to_ascii_lowercase())
    }

    /// The number that the next event gets.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    /// A number for what is committed together.
    pub(crate) fn commit(&mut self) -> u64 {
        self.commits += 1;
        self.commits
    }

    /// How an object's events look, and the name of their schema.
    pub(crate) fn shape(&mut self, entity: &str, object: &Arc<Object>) -> (Arc<Shape>, String) {
        if let Some(known) = self.shapes.get(entity)
            && Arc::ptr_eq(&known.object, object)
        {
            return (Arc::clone(&known.shape), known.id.clone());
        }
        let shape = Arc::new(if entity.ends_with(CHANGE_EVENT) {
            Shape::of_change(object, entity)
        } else {
            Shape::of_event(object)
        });
        let id = self.learn(shape.json());
        let known = Known { object: Arc::clone(object), shape: Arc::clone(&shape), id: id.clone() };
        self.shapes.insert(entity.to_owned(), known);
        (shape, id)
    }

    /// The schema of the channel that has every change event: their header.
    pub(crate) fn channel_schema(&mut self) -> String {
        self.learn(Shape { name: "ChangeEvents".into(), is_change: true, parts: Vec::new() }.json())
    }

    fn learn(&mut self, json: String) -> String {
        let id = fingerprint(&json);
        if !self.schemas.iter().any(|(known, _)| *known == id) {
            if self.schemas.len() >= SCHEMAS_MAX {
                self.schemas.pop_front();
            }
            self.schemas.push_back((id.clone(), json));
        }
        id
    }

    /// The text of a schema.
    pub(crate) fn schema(&self, id: &str) -> Option<&str> {
        self.schemas.iter().find(|(known, _)| known == id).map(|(_, json)| json.as_str())
    }

    /// Puts an event on the bus, and tells whoever waits.
    pub(crate) fn publish(
        &mut self,
        entity: &str,
        uuid: String,
        schema_id: String,
        payload: Vec<u8>,
        now_ms: i64,
    ) {
        self.last += 1;
        self.bytes += payload.len();
        let (number, payload) = (self.last, Bytes::from(payload));
        self.kept.push_back(Sent {
            number,
            entity: entity.to_owned(),
            uuid,
            schema_id,
            payload,
            at_ms: now_ms,
        });
        let is_old = |sent: &Sent| now_ms - sent.at_ms > KEPT_MS;
        while self.kept.len() > self.keeps || self.bytes > BYTES_MAX || self.kept.front().is_some_and(is_old)
        {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.payload.len();
            self.gone = oldest.number;
        }
        self.told.send_replace(self.last);
    }

    /// Hears of each event.
    pub(crate) fn hear(&self) -> watch::Receiver<u64> {
        self.told.subscribe()
    }

    /// Ends every subscription.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.told.send_replace(self.last);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Where the newest event is.
    pub(crate) fn latest(&self) -> u64 {
        self.last
    }

    /// Where one has to begin to get everything that is kept.
    pub(crate) fn earliest(&self) -> u64 {
        self.gone
    }

    /// The replay id of a place.
    pub(crate) fn replay_id(&self, number: u64) -> Bytes {
        let mut id = number.to_be_bytes().to_vec();
        id.extend(self.mint);
        Bytes::from(id)
    }

    /// The place that a replay id means.
    pub(crate) fn place(&self, replay_id: &[u8]) -> Result<u64, Gone> {
        let (number, mint) = replay_id.split_first_chunk::<8>().ok_or(Gone)?;
        let number = u64::from_be_bytes(*number);
        let is_ours = *mint == self.mint && (self.gone..=self.last).contains(&number);
        if is_ours { Ok(number) } else { Err(Gone) }
    }

    /// The next events behind a place, and the place behind them.
    ///
    /// Bounds: `count` events, [`BATCH_BYTES`] of payload beyond the first.
    pub(crate) fn after(&self, place: u64, wanted: &Wanted, count: usize) -> Result<(Vec<Sent>, u64), Gone> {
        let skip = usize::try_from(place.checked_sub(self.gone).ok_or(Gone)?).map_err(|_| Gone)?;
        let (mut batch, mut at, mut bytes) = (Vec::new(), place, 0);
        for sent in self.kept.iter().skip(skip) {
            if wanted.holds(&sent.entity) {
                bytes += sent.payload.len();
                if batch.len() >= count || (bytes > BATCH_BYTES && !batch.is_empty()) {
                    break;
                }
                batch.push(sent.clone());
            }
            at = sent.number;
        }
        Ok((batch, at))
    }
}

/// The name of an object's change events.
pub(crate) fn change_entity(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(name) => format!("{name}__{CHANGE_EVENT}"),
        None => format!("{object}{CHANGE_EVENT}"),
    }
}

/// How the names of all change events end.
pub(crate) const CHANGE_EVENT: &str = "ChangeEvent";
/// The platform keeps events for three days.
const KEPT_MS: i64 = 72 * 3_600_000;
/// And here no more than fit.
const BYTES_MAX: usize = 64 << 20;
/// Answers of gRPC have 4 MiB at most.
const BATCH_BYTES: usize = 1 << 20;
const SCHEMAS_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(keeps: usize, events: usize) -> Bus {
        let mut bus = Bus::new(keeps);
        for at in 0..events {
            let entity = if at % 2 == 0 { "ContactChangeEvent" } else { "Visit__e" };
            bus.publish(entity, at.to_string(), String::new(), vec![0; 10], 0);
        }
        bus
    }

    fn numbers(found: &Result<(Vec<Sent>, u64), Gone>) -> (Vec<u64>, u64) {
        let (batch, place) = found.as_ref().unwrap();
        (batch.iter().map(|sent| sent.number).collect(), *place)
    }

    #[test]
    fn a_subscriber_gets_its_own_events_in_order_and_no_more_than_it_asks_for() {
        let bus = bus(100, 6);
        assert_eq!(numbers(&bus.after(0, &Wanted::Changes, 2)), (vec![1, 3], 4));
        assert_eq!(numbers(&bus.after(4, &Wanted::Changes, 2)), (vec![5], 6));
        assert_eq!(numbers(&bus.after(0, &Wanted::Entity("Visit__e".into()), 9)), (vec![2, 4, 6], 6));
        assert_eq!(numbers(&bus.after(6, &Wanted::Changes, 9)), (vec![], 6));
    }

    #[test]
    fn what_is_kept_no_longer_is_gone_and_not_passed_over() {
        let mut full = bus(4, 6);
        assert_eq!((full.earliest(), full.latest()), (2, 6));
        assert_eq!(full.after(1, &Wanted::Changes, 9).unwrap_err(), Gone);
        assert_eq!(full.place(&full.replay_id(1)), Err(Gone));
        assert_eq!(full.place(&full.replay_id(2)), Ok(2));
        assert_eq!(full.place(&full.replay_id(7)), Err(Gone));
        assert_eq!(full.place(b"short"), Err(Gone));
        full.publish("Visit__e", String::new(), String::new(), vec![0; 10], KEPT_MS + 1);
        assert_eq!(numbers(&full.after(6, &Wanted::Entity("Visit__e".into()), 9)), (vec![7], 7));
        assert_eq!(full.earliest(), 6, "three days are over");
    }
}
