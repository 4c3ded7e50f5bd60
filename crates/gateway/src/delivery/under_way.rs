//! Files that leave just now: to whom, since when, and how far they are, for whoever runs the gateway.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

/// The files that leave this gateway just now, across all of its boundaries.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    last: u64,
    by_number: BTreeMap<u64, Arc<One>>,
}

#[derive(Debug)]
struct One {
    boundary: String,
    client: String,
    route: &'static str,
    since: i64,
    bytes: AtomicU64,
}

/// One file that leaves; when this is dropped it has left, or broken off.
#[derive(Debug)]
pub(super) struct Leaving {
    all: Arc<UnderWay>,
    number: u64,
    one: Arc<One>,
}

impl UnderWay {
    /// Says that a file begins to leave, at this second since 1970.
    pub(super) fn begin(
        self: &Arc<Self>,
        boundary: &str,
        client: &str,
        route: &'static str,
        since: i64,
    ) -> Leaving {
        let (boundary, client) = (boundary.to_owned(), client.to_owned());
        let one = Arc::new(One { boundary, client, route, since, bytes: AtomicU64::new(0) });
        let mut known = self.lock();
        known.last += 1;
        let number = known.last;
        known.by_number.insert(number, Arc::clone(&one));
        drop(known);
        Leaving { all: Arc::clone(self), number, one }
    }

    /// All of them as JSON, the oldest first: nothing of any record, and no file's name.
    pub(crate) fn text(&self, now: i64) -> String {
        let known = self.lock();
        let deliveries = known.by_number.values().map(|one| {
            json!({
                "boundary": one.boundary, "client": one.client, "route": one.route,
                "since": one.since, "seconds": now.saturating_sub(one.since).max(0),
                "bytes": one.bytes.load(Ordering::Relaxed),
            })
        });
        let deliveries: Vec<Value> = deliveries.collect();
        json!({ "deliveries": deliveries }).to_string() + "\n"
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leaving {
    /// Counts bytes that were handed to the client's connection.
    pub(super) fn left(&self, bytes: usize) {
        self.one.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.all.lock().by_number.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_of_while_it_leaves() {
        let all = Arc::new(UnderWay::default());
        let one = all.begin("crm", "etl", "bulk results", 100);
        let other = all.begin("ehr", "mirror", "export file", 130);
        one.left(7);
        one.left(3);
        let told: Value = serde_json::from_str(&all.text(160)).unwrap();
        let first = json!({ "boundary": "crm", "client": "etl", "route": "bulk results", "since": 100, "seconds": 60, "bytes": 10 });
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
