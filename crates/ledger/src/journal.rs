//! The journal: one record a group commit, and how records are found again after a crash.
//!
//! The file is written over and over from its start; each record names the size at which its round began
//! (`base`), so what an earlier round left behind is never taken for news.
//!
//! Source: spec/ledger.md sections 3 and 5.

use mark::checkpoint::Checkpoint;
use mark::digest::sha256;
use mark::note::{SignedNote, VerifierKey};

use crate::layout::{pack_entry, unpack_bundle};

/// One group commit, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// The published size when this round of the journal began.
    pub(crate) base: u64,
    /// The index of the first entry.
    pub(crate) first: u64,
    /// The entries, at least one.
    pub(crate) entries: Vec<&'a [u8]>,
    /// The signed checkpoint of the tree with these entries.
    pub(crate) checkpoint: &'a str,
}

impl<'a> Record<'a> {
    /// The record's bytes.
    pub(crate) fn encode(base: u64, first: u64, entries: &[Vec<u8>], checkpoint: &str) -> Vec<u8> {
        let entries_length: usize = entries.iter().map(|entry| entry.len() + 2).sum();
        let mut bytes = Vec::with_capacity(HEADER_BYTES + entries_length + checkpoint.len() + 32);
        let narrow = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&base.to_be_bytes());
        bytes.extend_from_slice(&first.to_be_bytes());
        bytes.extend_from_slice(&narrow(entries.len()));
        bytes.extend_from_slice(&narrow(entries_length));
        bytes.extend_from_slice(&narrow(checkpoint.len()));
        for entry in entries {
            pack_entry(&mut bytes, entry);
        }
        bytes.extend_from_slice(checkpoint.as_bytes());
        let seal = sha256(&[&bytes]);
        bytes.extend_from_slice(seal.as_bytes());
        bytes
    }

    /// Reads the record at the start of these bytes, and says how long it is; `None` when there is no whole
    /// and undamaged one.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let parts = Parts::split(bytes)?;
        if sha256(&[bytes.get(..parts.sealed)?]).as_bytes() != parts.seal {
            return None;
        }
        let entries = unpack_bundle(parts.entries)?;
        let checkpoint = str::from_utf8(parts.checkpoint).ok()?;
        if entries.is_empty() || usize::try_from(parts.count) != Ok(entries.len()) {
            return None;
        }
        let record = Self { base: parts.base, first: parts.first, entries, checkpoint };
        Some((record, parts.sealed + parts.seal.len()))
    }

    /// The index after the last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(u64::try_from(self.entries.len()).unwrap_or(u64::MAX))
    }
}

/// The records of the current round, and what follows them.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    /// In order, without gaps; empty when everything is published.
    pub(crate) records: Vec<Record<'a>>,
    /// Where the last good record ends.
    pub(crate) length: usize,
    /// What follows.
    pub(crate) tail: Tail,
}

/// What stands behind the last good record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing of this round.
    Clean,
    /// A record of this round that was cut short: a crash in the middle of a write, never acknowledged.
    Torn,
    /// A record that cannot be read, with a good later one behind it, at this offset: not a crash.
    Damaged(usize),
}

/// Finds the records of the current round.
///
/// Only the last write of a writer can be cut short, because each is synced before the next begins. So a bad
/// record with a good later one behind it is damage. The later one must carry this log's signature: an entry
/// holds a client's bytes, and those may look like a record.
///
/// Shape:  the whole file, the published size, the log's key -> the records from offset 0 that form one round.
///         Those that end at or below the published size are of an older round.
pub(crate) fn read_round<'a>(bytes: &'a [u8], published: u64, key: &VerifierKey) -> Round<'a> {
    let mut round = Round { records: Vec::new(), length: 0, tail: Tail::Clean };
    loop {
        let rest = bytes.get(round.length..).unwrap_or_default();
        let expected = round.records.last().map(|last| (last.base, last.end()));
        let next = Record::decode(rest).filter(|(record, _)| match expected {
            Some(expected) => (record.base, record.first) == expected,
            None => record.base == record.first,
        });
        let Some((record, length)) = next else {
            round.tail = tail(rest, expected, published, key);
            return round;
        };
        round.records.push(record);
        round.length += length;
    }
}

/// Tells a clean end from a torn record from damage.
fn tail(rest: &[u8], expected: Option<(u64, u64)>, published: u64, key: &VerifierKey) -> Tail {
    // Most of a journal is claimed space that was never written.
    let blocks = rest.chunks(ZEROS.len()).rposition(|block| Some(block) != ZEROS.get(..block.len()));
    let written = rest.chunks(ZEROS.len()).take(blocks.map_or(0, |last| last + 1)).map(<[u8]>::len).sum();
    let rest = rest.get(..written).unwrap_or_default();
    let later = rest.windows(MAGIC.len()).enumerate().skip(1).filter(|(_, window)| window == MAGIC);
    for (offset, _) in later {
        let candidate = rest.get(offset..).unwrap_or_default();
        // The cheap tests come first, the dear ones last: the bytes between records may be a client's.
        let of_this_round = Parts::split(candidate).is_some_and(|parts| {
            let follows = expected.is_none_or(|(base, end)| parts.base == base && parts.first > end);
            follows && parts.end() > published && parts.is_signed(key)
        });
        if of_this_round && Record::decode(candidate).is_some() {
            return Tail::Damaged(offset);
        }
    }
    // The header of a torn record may be all that reached the disk. Stale headers name another round.
    let number =
        |at: usize| rest.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
    let is_torn = rest.starts_with(MAGIC)
        && match (expected, number(8), number(16)) {
            (Some((base, end)), Some(found_base), Some(found_first)) => {
                (found_base, found_first) == (base, end)
            }
            (None, Some(found_base), Some(found_first)) => found_base == found_first,
            (_, _, None) | (_, None, _) => true,
        };
    if is_torn { Tail::Torn } else { Tail::Clean }
}

/// A record taken apart and not yet checked.
struct Parts<'a> {
    base: u64,
    first: u64,
    count: u32,
    entries: &'a [u8],
    checkpoint: &'a [u8],
    seal: &'a [u8; 32],
    /// How many bytes the seal covers.
    sealed: usize,
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (base, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (entries_length, rest) = rest.split_first_chunk()?;
        let (checkpoint_length, rest) = rest.split_first_chunk()?;
        let length = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
        let (entries, rest) = rest.split_at_checked(length(entries_length)?)?;
        let checkpoint_length =
            length(checkpoint_length).filter(|length| *length <= RECORD_CHECKPOINT_BYTES_MAX)?;
        let (checkpoint, rest) = rest.split_at_checked(checkpoint_length)?;
        let (seal, _) = rest.split_first_chunk()?;
        Some(Self {
            base: u64::from_be_bytes(*base),
            first: u64::from_be_bytes(*first),
            count: u32::from_be_bytes(*count),
            entries,
            checkpoint,
            seal,
            sealed: HEADER_BYTES + entries.len() + checkpoint.len(),
        })
    }

    fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    fn is_signed(&self, key: &VerifierKey) -> bool {
        let note = str::from_utf8(self.checkpoint).ok().and_then(|text| SignedNote::parse(text).ok());
        note.is_some_and(|note| {
            let claimed = Checkpoint::parse(note.unverified_text()).map(|checkpoint| checkpoint.size());
            claimed == Ok(self.end()) && Checkpoint::open_note(&note, std::slice::from_ref(key)).is_ok()
        })
    }
}

const ZEROS: &[u8] = &[0; 4096];
/// The longest checkpoint in a record: one signature, a name of at most 255 bytes twice.
const RECORD_CHECKPOINT_BYTES_MAX: usize = 2048;
/// How a record starts; the digits are the version of the format.
pub(crate) const MAGIC: &[u8; 8] = b"EOSINJ01";
/// Magic, base, first index, entry count, length of the entries, length of the checkpoint.
const HEADER_BYTES: usize = 8 + 8 + 8 + 4 + 4 + 4;

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use expect_test::expect_file;
    use mark::digest::sha256;
    use mark::note::SignerKey;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn key() -> SignerKey {
        SignerKey::generate("log.example", [1; 32]).unwrap()
    }

    /// A record of `count` entries; its root is nobody's concern here.
    fn record(base: u64, first: u64, count: u64) -> Vec<u8> {
        let checkpoint = Checkpoint::new("log.example", first + count, sha256(&[])).unwrap();
        let entries: Vec<_> = (first..first + count).map(|n| format!("entry {n}").into_bytes()).collect();
        Record::encode(base, first, &entries, &checkpoint.sign(&key()).unwrap().to_string())
    }

    /// How many entries are found, and what follows them.
    fn check(bytes: &[u8], published: u64) -> (usize, Tail) {
        let round = read_round(bytes, published, key().verifier());
        (round.records.iter().map(|record| record.entries.len()).sum(), round.tail)
    }

    fn joined(records: &[Vec<u8>]) -> Vec<u8> {
        records.concat()
    }

    #[test]
    fn a_round_is_read_until_it_ends() {
        let round = joined(&[record(5, 5, 2), record(5, 7, 1)]);
        assert_eq!(check(&round, 5), (3, Tail::Clean));
        assert_eq!(check(&[], 5), (0, Tail::Clean));
        assert_eq!(check(&[0; 4096], 5), (0, Tail::Clean));
        assert_eq!(check(&[round.as_slice(), &[0; 100]].concat(), 5), (3, Tail::Clean));
        let gap = joined(&[record(5, 5, 2), record(5, 8, 1)]);
        assert_eq!(check(&gap, 5).0, 2, "a gap is not a round");
    }

    #[test]
    fn what_an_older_round_left_is_not_news() {
        // The older round (base 0) was longer; the newer one has overwritten its beginning.
        let old = joined(&[record(0, 0, 1), record(0, 1, 1), record(0, 2, 1), record(0, 3, 2)]);
        let mut bytes = old.clone();
        let new = record(5, 5, 1);
        bytes[..new.len()].copy_from_slice(&new);
        assert_eq!(check(&bytes, 5), (1, Tail::Clean));
        // A crash cut the newer round's first record short: the older records behind it are not damage.
        let mut torn = old;
        torn[..new.len() - 40].copy_from_slice(&new[..new.len() - 40]);
        assert_eq!(check(&torn, 5), (0, Tail::Torn));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_torn_at_the_end_and_damage_before_it() {
        let (one, two) = (record(0, 0, 1), record(0, 1, 1));
        let both = joined(&[one.clone(), two.clone()]);
        for cut in one.len() + 1..both.len() {
            let expected = if cut < one.len() + MAGIC.len() { Tail::Clean } else { Tail::Torn };
            assert_eq!(check(&both[..cut], 0), (1, expected), "cut at {cut}");
        }
        for place in 0..one.len() {
            let mut bytes = both.clone();
            bytes[place] ^= 0x10;
            assert_eq!(check(&bytes, 0), (0, Tail::Damaged(one.len())), "flip at {place}");
        }
        for place in one.len() + 24..both.len() {
            let mut bytes = both.clone();
            bytes[place] ^= 0x10;
            assert_eq!(check(&bytes, 0), (1, Tail::Torn), "flip at {place}");
        }
    }

    #[test]
    fn an_entry_that_looks_like_a_record_is_only_an_entry() {
        // A client sends a whole record of its own making inside an entry, and the write is cut short.
        let stranger = SignerKey::generate("log.example", [2; 32]).unwrap();
        let checkpoint = Checkpoint::new("log.example", 9, sha256(&[])).unwrap();
        let fake = Record::encode(0, 8, &[b"x".to_vec()], &checkpoint.sign(&stranger).unwrap().to_string());
        let checkpoint = Checkpoint::new("log.example", 1, sha256(&[])).unwrap();
        let real = Record::encode(0, 0, &[fake], &checkpoint.sign(&key()).unwrap().to_string());
        assert_eq!(check(&real, 0), (1, Tail::Clean));
        assert_eq!(check(&real[..real.len() - 1], 0), (0, Tail::Torn));
    }

    #[test]
    fn the_vectors_hold_what_we_write_and_read_as_they_say() {
        let [first, second, third] = [record(5, 5, 2), record(5, 7, 1), record(5, 8, 1)];
        let damaged = |at: usize| {
            let mut bytes = joined(&[first.clone(), second.clone(), third.clone()]);
            bytes[at] ^= 1;
            bytes
        };
        let mut behind = joined(&[record(0, 0, 1), record(0, 1, 4)]);
        behind[..first.len()].copy_from_slice(&first);
        let rows = [
            ("nothing was ever written", vec![0; 64]),
            (
                "three records and claimed space",
                [joined(&[first.clone(), second.clone(), third.clone()]), vec![0; 64]].concat(),
            ),
            ("a record over what an older round left", behind),
            ("an older round, all published", joined(&[record(0, 0, 1), record(0, 1, 4)])),
            (
                "the last record cut short",
                joined(&[first.clone(), second.clone()])[..first.len() + 60].to_vec(),
            ),
            ("a flipped bit in the last record", damaged(first.len() + second.len() + 50)),
            ("a flipped bit in the second record", damaged(first.len() + 50)),
            ("a flipped bit in the first record's header", damaged(3)),
        ];
        let cases: Vec<Value> = rows
            .iter()
            .map(|(name, bytes)| {
                let round = read_round(bytes, 5, key().verifier());
                let news = round.records.iter().filter(|record| record.end() > 5);
                let entries: Vec<&str> = news
                    .flat_map(|record| &record.entries)
                    .map(|entry| str::from_utf8(entry).unwrap())
                    .collect();
                let tail = match round.tail {
                    Tail::Clean => "clean",
                    Tail::Torn => "torn",
                    Tail::Damaged(_) => "damaged",
                };
                json!({ "name": name, "journal": BASE64.encode(bytes), "entries": entries, "tail": tail })
            })
            .collect();
        let mut vectors = json!({
            "what": "Journals of spec/ledger.md section 3, read as section 5 says when 5 entries are published.",
            "published": 5,
            "vkey": key().verifier().to_string(),
            "journals": cases,
        });
        vectors.sort_all_objects();
        let written = format!("{}\n", serde_json::to_string_pretty(&vectors).unwrap());
        expect_file!["../../../spec/vectors/ledger-journal.json"].assert_eq(&written);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400), published: u64) {
            let with_magic = [MAGIC.as_slice(), &bytes].concat();
            for bytes in [&bytes, &with_magic] {
                let round = read_round(bytes, published, key().verifier());
                prop_assert!(round.records.is_empty() && round.length == 0);
            }
        }
    }
}
