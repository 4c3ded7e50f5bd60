//! The ledger entries of a registry that was lost: that it was made again, and that somebody took what there is of it.

use data_encoding::HEXLOWER;
use mark::json;
use serde::{Deserialize, Serialize};

use crate::snapshot::{ENTRY_BEGINS, ENTRY_JSON_BYTES_MAX, Snapshot, SnapshotError};

/// A registry of which the ledger knew more was added to: until it holds the same again, it knows too little.
///
/// Source: spec/registry.md section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The snapshot that was logged last.
    pub lost: Snapshot,
    /// Its entry in the ledger.
    pub entry: u64,
}

impl Loss {
    /// The bytes that go into the ledger.
    ///
    /// Shape: `at` is an RFC 3339 moment by the writer's clock -> RFC 8785 JSON of under 300 bytes.
    pub fn entry_bytes(&self, at: &str) -> Vec<u8> {
        written(&self.lost, self.entry, LOST, at, None)
    }

    /// Reads a ledger entry: the loss and the moment it was seen.
    ///
    /// Errors: [`SnapshotError`]: it is no such entry, or not in its one spelling.
    pub fn parse_entry(bytes: &[u8]) -> Result<(Self, String), SnapshotError> {
        if bytes.len() > ENTRY_JSON_BYTES_MAX || !bytes.starts_with(ENTRY_BEGINS) {
            return Err(SnapshotError("is not of a lost registry"));
        }
        json::parse(bytes).map_err(|_| SnapshotError("is not one unambiguous JSON value"))?;
        let entry: WrittenEntry = serde_json::from_slice(bytes)
            .map_err(|_| SnapshotError("has not the members of a lost registry's entry"))?;
        let lost = Snapshot::spelled(&entry.root, entry.entries, &entry.key, entry.generation)?;
        let read = Self { lost, entry: entry.entry };
        // The one spelling has the one kind, and neither who nor why.
        if read.entry_bytes(&entry.at) == bytes {
            Ok((read, entry.at))
        } else {
            Err(SnapshotError("is not in its one canonical spelling"))
        }
    }
}

/// Somebody took what there is of a registry for all that there will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance<'a> {
    /// What there is.
    pub taken: Snapshot,
    /// Where the ledger has the snapshot that is given up.
    pub entry: u64,
    /// Who.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
}

impl Acceptance<'_> {
    /// The bytes that go into the ledger, before the snapshot's own.
    ///
    /// Shape:  `at` is an RFC 3339 moment by the writer's clock -> RFC 8785 JSON.
    /// Source: spec/registry.md section 6.
    pub fn entry_bytes(&self, at: &str) -> Vec<u8> {
        written(&self.taken, self.entry, ACCEPTED, at, Some((self.by, self.reason)))
    }
}

fn written(snapshot: &Snapshot, entry: u64, kind: &str, at: &str, who: Option<(&str, &str)>) -> Vec<u8> {
    let written = WrittenEntry {
        at: at.to_owned(),
        by: who.map(|(by, _)| by.to_owned()),
        entries: snapshot.entries,
        entry,
        eosin: kind.to_owned(),
        generation: snapshot.generation,
        key: HEXLOWER.encode(&snapshot.key.0),
        reason: who.map(|(_, reason)| reason.to_owned()),
        root: snapshot.root.to_hex(),
    };
    // Text and numbers: writing cannot fail, and declaration order is canonical order.
    serde_json::to_vec(&written).unwrap_or_default()
}

const LOST: &str = "registry-lost@1";
const ACCEPTED: &str = "registry-accepted@1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    entries: u64,
    entry: u64,
    eosin: String,
    generation: u64,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    root: String,
}

#[cfg(test)]
mod tests {
    use recognise::KeyId;

    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            root: mark::digest::sha256(&[b"root"]),
            entries: 12,
            key: KeyId([1, 2, 3, 4, 5, 6, 7, 8]),
            generation: 3,
        }
    }

    #[test]
    fn a_loss_is_read_back_in_its_one_spelling_only() {
        let loss = Loss { lost: snapshot(), entry: 7 };
        let text = String::from_utf8(loss.entry_bytes("2026-11-22T02:00:00Z")).unwrap();
        assert_eq!(
            text,
            "{\"at\":\"2026-11-22T02:00:00Z\",\"entries\":12,\"entry\":7,\"eosin\":\"registry-lost@1\",\
             \"generation\":3,\"key\":\"0102030405060708\",\
             \"root\":\"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2\"}"
        );
        assert_eq!(Loss::parse_entry(text.as_bytes()), Ok((loss, "2026-11-22T02:00:00Z".to_owned())));
        for wrong in [
            text.replace("registry-lost@1", "registry@1"),
            text.replace("registry-lost@1", "registry-accepted@1"),
            text.replace("\"entries\":12", "\"by\":\"ada\",\"entries\":12"),
            text.replace("\"entry\":7,", ""),
            text.replace("0102030405060708", "01020304050607"),
            format!("{text} "),
        ] {
            assert!(Loss::parse_entry(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_acceptance_says_who_and_why_and_is_no_loss() {
        let taken = Acceptance { taken: snapshot(), entry: 7, by: "ada", reason: "OPS-4" };
        let bytes = taken.entry_bytes("2026-11-22T02:00:00Z");
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with(
            r#"{"at":"2026-11-22T02:00:00Z","by":"ada","entries":12,"entry":7,"eosin":"registry-accepted@1","#
        ));
        assert!(Loss::parse_entry(&bytes).is_err() && Snapshot::parse_entry(&bytes).is_err());
    }
}
