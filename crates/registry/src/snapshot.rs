//! What a registry held at one moment, and the ledger entry that says so.

use data_encoding::HEXLOWER;
use mark::{digest::Hash, json};
use recognise::KeyId;
use serde::{Deserialize, Serialize};

/// What a registry held at one moment: enough to check any proof about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Root of the RFC 9162 tree over the entries in order; spec/registry.md section 4.
    pub root: Hash,
    /// How many entries there are.
    pub entries: u64,
    /// Which key made the fingerprints.
    pub key: KeyId,
    /// One more than that of the snapshot before; 1 for the first.
    pub generation: u64,
}

impl Snapshot {
    /// The bytes that go into the ledger: commitments and counts, nothing of any record.
    ///
    /// Shape:  `at` is an RFC 3339 moment by the writer's clock -> RFC 8785 JSON of under 300 bytes.
    /// Source: spec/registry.md section 6.
    pub fn entry_bytes(&self, at: &str) -> Vec<u8> {
        let written = WrittenEntry {
            at: at.to_owned(),
            entries: self.entries,
            eosin: ENTRY_KIND.to_owned(),
            generation: self.generation,
            key: HEXLOWER.encode(&self.key.0),
            root: self.root.to_hex(),
        };
        // Text and numbers: writing cannot fail, and declaration order is canonical order.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Whether this is not what followed another snapshot: it came before, or is another of the same generation.
    pub fn is_behind(&self, other: &Self) -> bool {
        self.generation < other.generation || (self.generation == other.generation && self != other)
    }

    /// Reads a ledger entry: the snapshot and the moment it was taken.
    ///
    /// Errors: [`SnapshotError`]: it is no such entry, or not in its one spelling.
    pub fn parse_entry(bytes: &[u8]) -> Result<(Self, String), SnapshotError> {
        if bytes.len() > ENTRY_JSON_BYTES_MAX {
            return Err(SnapshotError("is too long for a registry entry"));
        }
        // Ledgers are searched for these: most entries are told apart without being read.
        if !bytes.starts_with(ENTRY_BEGINS) {
            return Err(SnapshotError("is not a registry entry"));
        }
        json::parse(bytes).map_err(|_| SnapshotError("is not one unambiguous JSON value"))?;
        let written: WrittenEntry = serde_json::from_slice(bytes)
            .map_err(|_| SnapshotError("has not the members of a registry entry"))?;
        if written.eosin != ENTRY_KIND {
            return Err(SnapshotError("is not a registry entry"));
        }
        let snapshot = Self::spelled(&written.root, written.entries, &written.key, written.generation)?;
        if snapshot.entry_bytes(&written.at) != bytes {
            return Err(SnapshotError("is not in its one canonical spelling"));
        }
        Ok((snapshot, written.at))
    }

    /// The snapshot that members of an entry spell: root and key in lower-case hexadecimal digits.
    pub(crate) fn spelled(
        root: &str,
        entries: u64,
        key: &str,
        generation: u64,
    ) -> Result<Self, SnapshotError> {
        let key = HEXLOWER.decode(key.as_bytes()).ok().and_then(|key| key.try_into().ok());
        Ok(Self {
            root: Hash::from_hex(root).ok_or(SnapshotError("has no root"))?,
            entries,
            key: KeyId(key.ok_or(SnapshotError("has no key id"))?),
            generation,
        })
    }
}

const ENTRY_KIND: &str = "registry@1";
/// How the canonical spelling begins.
pub(crate) const ENTRY_BEGINS: &[u8] = br#"{"at":""#;
pub(crate) const ENTRY_JSON_BYTES_MAX: usize = 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    at: String,
    entries: u64,
    eosin: String,
    generation: u64,
    key: String,
    root: String,
}

/// Why bytes are not a registry's ledger entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger entry {0}")]
pub struct SnapshotError(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_in_its_one_spelling_only() {
        let snapshot = Snapshot {
            root: mark::digest::sha256(&[b"root"]),
            entries: 12,
            key: KeyId([1, 2, 3, 4, 5, 6, 7, 8]),
            generation: 3,
        };
        let bytes = snapshot.entry_bytes("2026-11-22T02:00:00Z");
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(
            text,
            "{\"at\":\"2026-11-22T02:00:00Z\",\"entries\":12,\"eosin\":\"registry@1\",\"generation\":3,\
             \"key\":\"0102030405060708\",\
             \"root\":\"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2\"}"
        );
        assert_eq!(Snapshot::parse_entry(&bytes), Ok((snapshot, "2026-11-22T02:00:00Z".to_owned())));
        for wrong in [
            text.replace("registry@1", "registry@2"),
            text.replace("\"entries\":12", "\"entries\": 12"),
            text.replace("\"entries\":12", "\"entries\":-1"),
            text.replace("0102030405060708", "01020304050607"),
            text.replace("4813", "481G"),
            text.replace("\"generation\":3,", ""),
            text.replace("\"generation\":3,", "\"generation\":3,\"more\":1,"),
            format!("{text} "),
            "x".repeat(ENTRY_JSON_BYTES_MAX + 1),
        ] {
            assert!(Snapshot::parse_entry(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
