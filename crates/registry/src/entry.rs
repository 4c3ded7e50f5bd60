//! One line of the table: a fingerprint and whose it is.

use mark::{digest::Hash, merkle::leaf_hash};
use recognise::{Fingerprint, PersonTag};

/// A fingerprint and the tag of a record that has it. Ordered as its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) tag: PersonTag,
}

/// Length of an entry: 16 bytes of fingerprint, 8 of tag.
pub(crate) const ENTRY_BYTES: usize = 24;

impl Entry {
    pub(crate) fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let (fingerprint, tag) = bytes.split_at_mut(self.fingerprint.0.len());
        fingerprint.copy_from_slice(&self.fingerprint.0);
        tag.copy_from_slice(&self.tag.0);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; ENTRY_BYTES]) -> Self {
        // Both fit, which the compiler sees: no default is ever taken.
        let (fingerprint, tag) = (bytes.first_chunk().copied(), bytes.last_chunk().copied());
        Self {
            fingerprint: Fingerprint(fingerprint.unwrap_or_default()),
            tag: PersonTag(tag.unwrap_or_default()),
        }
    }

    /// Its leaf in the tree: spec/registry.md section 4.
    pub(crate) fn leaf(self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}

/// What the filter knows a fingerprint by: its first 8 bytes, as uniform as the rest of an HMAC.
pub(crate) fn filter_key(fingerprint: Fingerprint) -> u64 {
    let first = fingerprint.0.first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_default())
}

/// The entries that lie one after the other in these bytes; a rest that is too short is left out.
pub(crate) fn entries_in(bytes: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::from_bytes)
}
