//! Proofs as files: an entry is in a log, checkable offline.
//!
//! Source: c2sp.org/tlog-proof@v1. The file extension is `.tlog-proof`.

use std::fmt;

use data_encoding::BASE64;

use crate::checkpoint::{Checkpoint, OpenError, parse_decimal};
use crate::digest::{Hash, decode_base64};
use crate::merkle::root_from_inclusion;
use crate::note::{NOTE_BYTES_MAX, NoteError, SignedNote, VerifierKey};

/// A proof as it was read: nothing in it is believed yet.
///
/// Shape:  entry index, sibling hashes from leaf to root, the log's signed checkpoint, and opaque extra data.
/// Bounds: [`PROOF_BYTES_MAX`] bytes, 64 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: SignedNote,
}

impl TlogProof {
    /// The proof that the entry `index` is in the tree of this signed checkpoint.
    pub fn new(index: u64, path: Vec<Hash>, checkpoint: SignedNote) -> Self {
        Self { extra: None, index, path, checkpoint }
    }

    /// Reads a proof without checking it.
    ///
    /// Errors: [`ProofError`] says which line is wrong; ask for the file again.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(ProofError::TooLong);
        }
        let rest = text.strip_prefix(HEADER).ok_or(ProofError::Header)?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(ProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let mut extra = None;
        if let Some(encoded) = lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            extra = Some(decode_base64(encoded).ok_or(ProofError::Extra)?);
            lines.next();
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_decimal).ok_or(ProofError::Index)?;
        let mut path = Vec::new();
        for line in lines {
            if path.len() == PATH_HASHES_MAX {
                return Err(ProofError::Hash);
            }
            path.push(Hash::from_base64(line).ok_or(ProofError::Hash)?);
        }
        let checkpoint = SignedNote::parse(checkpoint).map_err(ProofError::Note)?;
        Ok(Self { extra, index, path, checkpoint })
    }

    /// Checks that this leaf is in a log one trusts.
    ///
    /// Shape:  leaf hash of the entry, trusted log keys -> the log's own checkpoint.
    /// Errors: [`ProofVerifyError::Checkpoint`]: not signed by a trusted log, or forged;
    ///         [`ProofVerifyError::NotIncluded`]: another entry, or a damaged proof.
    /// Never:  looks at `extra`, which nobody signs.
    /// Source: c2sp.org/tlog-proof, "Verifying a tlog proof".
    pub fn verify(&self, leaf: &Hash, trusted: &[VerifierKey]) -> Result<Checkpoint, ProofVerifyError> {
        let checkpoint =
            Checkpoint::open_note(&self.checkpoint, trusted).map_err(ProofVerifyError::Checkpoint)?;
        match root_from_inclusion(leaf, self.index, checkpoint.size(), &self.path) {
            Some(root) if root == *checkpoint.root() => Ok(checkpoint),
            _ => Err(ProofVerifyError::NotIncluded),
        }
    }

    /// The entry's place in the log.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The sibling hashes, from the leaf's own to the root's child.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The checkpoint, which nobody has checked.
    pub fn unverified_checkpoint(&self) -> &SignedNote {
        &self.checkpoint
    }

    /// Opaque data that rides along and that nothing protects.
    pub fn unauthenticated_extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }
}

impl fmt::Display for TlogProof {
    /// The file's text; parsing it again gives the same proof.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Why a text is not a proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Past [`PROOF_BYTES_MAX`].
    #[error("the proof is longer than {PROOF_BYTES_MAX} bytes")]
    TooLong,
    /// The first line.
    #[error("the proof does not start with `c2sp.org/tlog-proof@v1`")]
    Header,
    /// The extra line.
    #[error("the extra line of the proof is not base64")]
    Extra,
    /// The index line.
    #[error("the proof has no `index` line with a plain decimal number")]
    Index,
    /// A line of the path.
    #[error(
        "a hash line of the proof is not the base64 of 32 bytes, or there are more than {PATH_HASHES_MAX}"
    )]
    Hash,
    /// No blank line.
    #[error("the proof has no blank line before its checkpoint: was it cut short?")]
    NoCheckpoint,
    /// What follows the blank line.
    #[error("what follows the blank line of the proof is not a signed note")]
    Note(#[source] NoteError),
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofVerifyError {
    /// The checkpoint may not be believed.
    #[error("the checkpoint in the proof may not be believed")]
    Checkpoint(#[source] OpenError),
    /// The path does not lead from this entry to the checkpoint's root.
    #[error("the entry is not in the log at the place the proof names")]
    NotIncluded,
}

/// The longest proof that is read: its note and 64 KiB of path and extra.
pub const PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + (1 << 16);

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";
/// A tree of 2^64 leaves has paths of 64.
const PATH_HASHES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{inclusion_path, leaf_hash, root};
    use crate::note::{SignerKey, VerifyError};

    fn log() -> SignerKey {
        SignerKey::generate("log.example", [1; 32]).unwrap()
    }

    fn proof(index: usize, size: usize) -> (Hash, TlogProof) {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let checkpoint = Checkpoint::new("log.example", size as u64, root(&leaves)).unwrap();
        let path = inclusion_path(&leaves, index).unwrap();
        (leaves[index], TlogProof::new(index as u64, path, checkpoint.sign(&log()).unwrap()))
    }

    #[test]
    fn every_entry_of_a_small_log_is_proved_and_no_other() {
        let trusted = [log().verifier().clone()];
        for index in 0..9 {
            let (leaf, proof) = proof(index, 9);
            let again = TlogProof::parse(&proof.to_string()).unwrap();
            assert_eq!(again, proof);
            assert_eq!(again.verify(&leaf, &trusted).unwrap().size(), 9);
            assert_eq!(again.verify(&leaf_hash(b"other"), &trusted), Err(ProofVerifyError::NotIncluded));
        }
        let (leaf, proof) = proof(0, 1);
        assert!(proof.path().is_empty() && proof.verify(&leaf, &trusted).is_ok());
    }

    #[test]
    fn a_stranger_s_log_is_untrusted_and_a_changed_checkpoint_forged() {
        let (leaf, proof) = proof(3, 9);
        let stranger = SignerKey::generate("log.example", [2; 32]).unwrap();
        let untrusted = ProofVerifyError::Checkpoint(OpenError::Signature(VerifyError::Untrusted));
        assert_eq!(proof.verify(&leaf, &[stranger.verifier().clone()]), Err(untrusted));

        let forged = TlogProof::parse(&proof.to_string().replace("\n9\n", "\n8\n")).unwrap();
        let name = "log.example".to_owned();
        let expected = ProofVerifyError::Checkpoint(OpenError::Signature(VerifyError::Forged { name }));
        assert_eq!(forged.verify(&leaf, &[log().verifier().clone()]), Err(expected));
    }

    #[test]
    fn texts_that_are_not_proofs() {
        let good = proof(3, 9).1.to_string();
        let hash = good.lines().nth(2).unwrap();
        let rows = [
            (String::new(), ProofError::Header),
            (good.replace("@v1", "@v2"), ProofError::Header),
            (good.replace("index 3", "index 03"), ProofError::Index),
            (good.replace("index 3\n", ""), ProofError::Index),
            (good.replace("index 3", "extra !\nindex 3"), ProofError::Extra),
            (good.replace("index 3", "extra YQ==\nextra YQ==\nindex 3"), ProofError::Index),
            (good.replace(hash, "AAAA"), ProofError::Hash),
            (good.replace(hash, &vec![hash; 62].join("\n")), ProofError::Hash),
            (good.replace("\n\n", "\n"), ProofError::NoCheckpoint),
            (good.trim_end().to_owned(), ProofError::Note(NoteError::Unterminated)),
            ("x".repeat(PROOF_BYTES_MAX + 1), ProofError::TooLong),
        ];
        for (text, expected) in rows {
            assert_eq!(TlogProof::parse(&text), Err(expected), "{}", text.escape_debug());
        }
        let extra = TlogProof::parse(&good.replace("index 3", "extra YQ==\nindex 3")).unwrap();
        assert_eq!(extra.unauthenticated_extra(), Some(&b"a"[..]));
        assert_eq!(TlogProof::parse(&extra.to_string()), Ok(extra));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_never_verified(place in any::<proptest::sample::Index>(), by in 1_u8..=255) {
            let (leaf, proof) = proof(5, 9);
            let mut bytes = proof.to_string().into_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= by;
            if let Ok(text) = String::from_utf8(bytes) && let Ok(read) = TlogProof::parse(&text) {
                prop_assert!(read.verify(&leaf, &[log().verifier().clone()]).is_err(), "{}", text);
            }
        }

        #[test]
        fn any_text_is_answered(text in ".{0,200}|c2sp.org/tlog-proof@v1\n(index [0-9]{1,3}\n|.{0,44}\n){0,8}") {
            if let Ok(proof) = TlogProof::parse(&text) {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }
}
