//! Files that leave just now: to whom, since when, and how far they are, for whoever runs the gateway.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use serde_json::{Map, Value};

use super::archive::Archive;

/// The files that leave just now: those of this gateway, across all of its boundaries, and those of gateways that share the
/// folder of what follows them.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    known: Mutex<Known>,
    archive: Option<Arc<Archive>>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    by_number: BTreeMap<u64, Arc<One>>,
}

#[derive(Debug)]
struct One {
    /// As it began.
    told: Told,
    bytes: AtomicU64,
    /// When others were last told how far it is.
    told_at: AtomicI64,
}

/// A file that leaves, as far as it is told of: nothing of any record, and no file's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(super) boundary: String,
    pub(super) client: String,
    pub(super) route: String,
    /// Seconds since 1970.
    pub(super) since: i64,
    pub(super) bytes: u64,
}

/// Others are told how far a file is once in so many seconds.
const TOLD_EACH_SECONDS: i64 = 5;

/// One file that leaves; when this is dropped it has left, or broken off.
#[derive(Debug)]
pub(super) struct Leaving {
    all: Arc<UnderWay>,
    number: u64,
    one: Arc<One>,
}

impl UnderWay {
    pub(crate) fn new(archive: Option<Arc<Archive>>) -> Self {
        Self { known: Mutex::default(), archive }
    }

    /// Says that a file begins to leave.
    pub(super) fn begin(self: &Arc<Self>, told: Told) -> Leaving {
        let (bytes, told_at) = (AtomicU64::new(told.bytes), AtomicI64::new(told.since));
        let one = Arc::new(One { told, bytes, told_at });
        let mut known = self.lock();
        known.last += 1;
        let number = known.last;
        known.by_number.insert(number, Arc::clone(&one));
        drop(known);
        Leaving { all: Arc::clone(self), number, one }
    }

    /// All of them as JSON, those of this gateway first, each gateway's oldest first.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(crate) fn text(&self, now: i64) -> String {
        let shown = |told: &Told| {
            let mut one = Map::new();
            one.insert("boundary".to_owned(), told.boundary.as_str().into());
            one.insert("client".to_owned(), told.client.as_str().into());
            one.insert("route".to_owned(), told.route.as_str().into());
            one.insert("since".to_owned(), told.since.into());
            one.insert("seconds".to_owned(), now.saturating_sub(told.since).max(0).into());
            one.insert("bytes".to_owned(), told.bytes.into());
            one.insert("state".to_owned(), "under way".into());
            one
        };
        let own: Vec<Told> = self.lock().by_number.values().map(|one| one.told()).collect();
        let mut deliveries: Vec<Value> = own.iter().map(|told| Value::Object(shown(told))).collect();
        let mut all = Map::new();
        match self.archive.as_ref().map(|archive| archive.replicas.others()).transpose() {
            Ok(others) => {
                let (others, omitted) = others.unwrap_or_default();
                for other in others {
                    let mut one = shown(&other.told);
                    one.insert("gateway".to_owned(), other.gateway.into());
                    if !other.is_running {
                        one.insert("state".to_owned(), "its gateway stopped before the end".into());
                    }
                    deliveries.push(Value::Object(one));
                }
                if omitted > 0 {
                    all.insert("omitted".to_owned(), omitted.into());
                }
            }
            Err(error) => {
                tracing::warn!("what leaves other gateways cannot be read: {error}");
                all.insert("error".to_owned(), "what leaves other gateways cannot be read just now".into());
            }
        }
        all.insert("deliveries".to_owned(), deliveries.into());
        Value::Object(all).to_string() + "\n"
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl One {
    fn told(&self) -> Told {
        Told { bytes: self.bytes.load(Ordering::Relaxed), ..self.told.clone() }
    }
}

impl Leaving {
    /// Counts bytes that were handed to the client's connection; how far the file is, if it is time that others are told.
    pub(super) fn left(&self, bytes: usize, now: i64) -> Option<Told> {
        self.one.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let is_due = now.saturating_sub(self.one.told_at.load(Ordering::Relaxed)) >= TOLD_EACH_SECONDS;
        is_due.then(|| {
            self.one.told_at.store(now, Ordering::Relaxed);
            self.one.told()
        })
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.all.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_told_of_while_it_leaves() {
        let all = Arc::new(UnderWay::default());
        let told = |boundary: &str, client: &str, route: &str, since: i64| Told {
            boundary: boundary.to_owned(),
            client: client.to_owned(),
            route: route.to_owned(),
            since,
            bytes: 0,
        };
        let one = all.begin(told("crm", "etl", "bulk results", 100));
        let other = all.begin(told("ehr", "mirror", "export file", 130));
        assert_eq!(one.left(7, 104), None, "others were told when it began");
        assert_eq!(one.left(3, 105).map(|told| told.bytes), Some(10));
        assert_eq!(one.left(0, 109), None);
        let told: Value = serde_json::from_str(&all.text(160)).unwrap();
        let first = json!({ "boundary": "crm", "client": "etl", "route": "bulk results", "since": 100, "seconds": 60,
            "bytes": 10, "state": "under way" });
        assert_eq!((&told["deliveries"][0], &told["deliveries"][1]["bytes"]), (&first, &json!(0)));
        drop(one);
        let told: Value = serde_json::from_str(&all.text(90)).unwrap();
        assert_eq!(
            (&told["deliveries"][0]["client"], &told["deliveries"][0]["seconds"]),
            (&json!("mirror"), &json!(0))
        );
        drop(other);
        assert_eq!(all.text(160), "{\"deliveries\":[]}\n");
    }
}
