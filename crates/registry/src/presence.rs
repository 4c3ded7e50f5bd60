//! Proof that a fingerprint is in a snapshot, or that it is not.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use mark::digest::Hash;
use mark::json;
use mark::merkle::{inclusion_ranges, root_from_inclusion};
use recognise::{Fingerprint, PersonTag};
use serde::{Deserialize, Serialize};

use crate::entry::Entry;
use crate::table::{ReadError, Table};
use crate::tree::node_roots;

/// Leaves of a snapshot's tree with their inclusion paths: those of a fingerprint, or the neighbours of where
/// it would be.
///
/// Source: spec/registry.md section 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    fingerprint: Fingerprint,
    entries: u64,
    root: Hash,
    leaves: Vec<Leaf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Leaf {
    index: u64,
    entry: Entry,
    path: Vec<Hash>,
}

/// What a [`Presence`] proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// These records are registered with the fingerprint: at least these.
    Present(Vec<PersonTag>),
    /// No record is, as long as the snapshot's leaves are in order.
    Absent,
}

/// Most leaves of one proof.
pub const PROOF_LEAVES_MAX: usize = 64;

/// Longest proof that is read, in bytes.
pub const PROOF_BYTES_MAX: usize = 1 << 18;

/// Longest path: no registry is larger.
const PATH_MAX: usize = 40;

impl Presence {
    /// The proof of these leaves, which follow each other from this index on.
    pub(crate) fn make(
        table: &Table,
        fingerprint: Fingerprint,
        from: u64,
        entries: &[Entry],
    ) -> Result<Self, ReadError> {
        let snapshot = table.header.snapshot;
        let mut tiles = BTreeMap::new();
        let mut leaves = Vec::with_capacity(entries.len());
        for (index, entry) in (from..).zip(entries) {
            let ranges = inclusion_ranges(index, snapshot.entries).unwrap_or_default();
            let path = node_roots(&ranges, &mut tiles, &mut |level, number| table.tile(level, number))?;
            let path = path.ok_or_else(|| table.damaged("its stored tree is too short"))?;
            leaves.push(Leaf { index, entry: *entry, path });
        }
        let presence = Self { fingerprint, entries: snapshot.entries, root: snapshot.root, leaves };
        match presence.verify(&snapshot.root, snapshot.entries, fingerprint) {
            Ok(_) => Ok(presence),
            Err(_) => Err(table.damaged("its tree does not lead to its root")),
        }
    }

    /// What this proves of a fingerprint in the snapshot with this root and count.
    ///
    /// Root and count are the caller's to trust: from a ledger entry whose own proof was checked.
    ///
    /// Errors: [`PresenceError`]: it proves nothing.
    /// Never:  believes what the proof says of its own root, count or fingerprint.
    pub fn verify(
        &self,
        root: &Hash,
        entries: u64,
        fingerprint: Fingerprint,
    ) -> Result<Membership, PresenceError> {
        if (self.root, self.entries, self.fingerprint) != (*root, entries, fingerprint) {
            return Err(PresenceError::OfAnother);
        }
        let mut next = None;
        for leaf in &self.leaves {
            if next.is_some_and(|next| next != leaf.index) {
                return Err(PresenceError::Gap);
            }
            next = leaf.index.checked_add(1);
            if root_from_inclusion(&leaf.entry.leaf(), leaf.index, entries, &leaf.path) != Some(*root) {
                return Err(PresenceError::OtherRoot);
            }
        }
        if self.leaves.iter().all(|leaf| leaf.entry.fingerprint == fingerprint) && !self.leaves.is_empty() {
            return Ok(Membership::Present(self.leaves.iter().map(|leaf| leaf.entry.tag).collect()));
        }
        let last = entries.checked_sub(1);
        let is_absent = match self.leaves.as_slice() {
            // The root of an empty tree is the hash of nothing, and of nothing else.
            [] => entries == 0 && *root == mark::merkle::root(&[]),
            [only] if only.index == 0 && only.entry.fingerprint > fingerprint => true,
            [only] => Some(only.index) == last && only.entry.fingerprint < fingerprint,
            [before, after] => {
                before.entry.fingerprint < fingerprint && fingerprint < after.entry.fingerprint
            }
            _ => false,
        };
        if is_absent { Ok(Membership::Absent) } else { Err(PresenceError::ProvesNothing) }
    }

    /// The proof as one line of canonical JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let leaves = self.leaves.iter().map(|leaf| WrittenLeaf {
            fingerprint: HEXLOWER.encode(&leaf.entry.fingerprint.0),
            index: leaf.index,
            path: leaf.path.iter().map(Hash::to_base64).collect(),
            tag: HEXLOWER.encode(&leaf.entry.tag.0),
        });
        let written = Written {
            entries: self.entries,
            eosin: PROOF_KIND.to_owned(),
            fingerprint: HEXLOWER.encode(&self.fingerprint.0),
            leaves: leaves.collect(),
            root: self.root.to_hex(),
        };
        // Text, numbers and lists of them: writing cannot fail, and declaration order is canonical order.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads a proof, of which nothing is believed before [`Self::verify`].
    ///
    /// Bounds: [`PROOF_BYTES_MAX`], [`PROOF_LEAVES_MAX`].
    /// Errors: [`PresenceError::Unreadable`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PresenceError> {
        let fault = PresenceError::Unreadable;
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(fault("is too long"));
        }
        json::parse(bytes).map_err(|_| fault("is not one unambiguous JSON value"))?;
        let written: Written =
            serde_json::from_slice(bytes).map_err(|_| fault("has not the members of such a proof"))?;
        if written.eosin != PROOF_KIND {
            return Err(fault("is not a proof of presence"));
        }
        if written.leaves.len() > PROOF_LEAVES_MAX {
            return Err(fault("has too many leaves"));
        }
        let leaves: Option<Vec<Leaf>> = written.leaves.iter().map(WrittenLeaf::read).collect();
        Ok(Self {
            fingerprint: Fingerprint(hex(&written.fingerprint).ok_or(fault("has no fingerprint"))?),
            entries: written.entries,
            root: Hash::from_hex(&written.root).ok_or(fault("has no root"))?,
            leaves: leaves.ok_or(fault("has a leaf that is none"))?,
        })
    }
}

const PROOF_KIND: &str = "presence@1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    entries: u64,
    eosin: String,
    fingerprint: String,
    leaves: Vec<WrittenLeaf>,
    root: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLeaf {
    fingerprint: String,
    index: u64,
    path: Vec<String>,
    tag: String,
}

impl WrittenLeaf {
    fn read(&self) -> Option<Leaf> {
        let entry =
            Entry { fingerprint: Fingerprint(hex(&self.fingerprint)?), tag: PersonTag(hex(&self.tag)?) };
        if self.path.len() > PATH_MAX {
            return None;
        }
        let path: Option<Vec<Hash>> = self.path.iter().map(|hash| Hash::from_base64(hash)).collect();
        Some(Leaf { index: self.index, entry, path: path? })
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// The bytes are no proof.
    #[error("the proof {0}; ask for it again")]
    Unreadable(&'static str),
    /// It is about another snapshot or another fingerprint than asked.
    #[error("the proof is about another snapshot or another fingerprint; ask for one about these")]
    OfAnother,
    /// Its leaves do not follow each other.
    #[error("the proof's leaves do not follow each other; do not believe it")]
    Gap,
    /// A leaf is not in the tree with that root.
    #[error("a leaf of the proof is not in the snapshot; do not believe it")]
    OtherRoot,
    /// Its leaves are in the tree, and say neither that the fingerprint is there nor that it is not.
    #[error("the proof's leaves are not those around the fingerprint; do not believe it")]
    ProvesNothing,
}
