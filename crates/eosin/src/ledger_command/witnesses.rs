//! What witnesses say of a ledger: who has cosigned how much of it, and whether that is this very log.

use std::path::Path;

use jiff::Timestamp;
use ledger::{ReadError, Reader};
use mark::{
    checkpoint::Checkpoint,
    cosignature::{WitnessKey, cosigned_by},
    merkle::verify_consistency,
    note::{SignedNote, VerifierKey},
};
use serde::Serialize;
use serde_json::Value;

/// The witnesses that count, and how many of them have to have cosigned.
pub(super) struct Quorum {
    pub(super) witnesses: Vec<WitnessKey>,
    pub(super) needed: usize,
}

/// What the witnesses have cosigned of a ledger.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    /// How many entries.
    pub(super) size: u64,
    /// How many are published.
    pub(super) published: u64,
    /// Who, and when.
    pub(super) cosigned: Vec<Cosignature>,
    /// How many witnesses are known.
    pub(super) of: usize,
    /// How many have to have cosigned.
    pub(super) quorum: usize,
    /// What is wrong, if anything.
    pub(super) problem: Option<String>,
}

/// One witness's word.
#[derive(Debug, Serialize)]
pub(super) struct Cosignature {
    pub(super) witness: String,
    pub(super) at: String,
}

impl Standing {
    /// Reads what witnesses have cosigned of a ledger, and compares it with the ledger. Nothing where none are known.
    pub(super) fn of(folder: &Path, log: &VerifierKey, quorum: &Quorum) -> Option<Self> {
        if quorum.witnesses.is_empty() {
            return None;
        }
        // A ledger that cannot be read at all is said elsewhere.
        let reader = Reader::open(folder).ok()?;
        let empty = |problem| Self {
            size: 0,
            published: reader.size(),
            cosigned: Vec::new(),
            of: quorum.witnesses.len(),
            quorum: quorum.needed,
            problem,
        };
        let note = match reader.cosigned() {
            Ok(note) => note,
            Err(ReadError::Missing { .. }) => {
                let problem = (quorum.needed > 0).then(|| "no witness has cosigned it yet".to_owned());
                return Some(empty(problem));
            }
            Err(error) => return Some(empty(Some(error.to_string()))),
        };
        Some(Self::of_note(&note, &reader, log, quorum).unwrap_or_else(|problem| empty(Some(problem))))
    }

    fn of_note(
        note: &SignedNote,
        reader: &Reader,
        log: &VerifierKey,
        quorum: &Quorum,
    ) -> Result<Self, String> {
        let trusted = std::slice::from_ref(log);
        let theirs = Checkpoint::open_note(note, trusted).map_err(|error| error.to_string())?;
        let ours = Checkpoint::open(&reader.checkpoint(), trusted).map_err(|error| error.to_string())?;
        let is_prefix = theirs.size() == 0
            || reader.consistency(theirs.size(), ours.size()).is_ok_and(|path| {
                verify_consistency(theirs.size(), theirs.root(), ours.size(), ours.root(), &path)
            });
        if !is_prefix {
            return Err(
                "the witnesses have cosigned another history than this: keep both, and ask why".to_owned()
            );
        }
        let found = cosigned_by(note, &quorum.witnesses).map_err(|error| error.to_string())?;
        let count = found.len();
        let cosigned = found
            .into_iter()
            .map(|one| Cosignature { witness: one.witness().name().to_owned(), at: moment(one.at()) })
            .collect();
        let of = quorum.witnesses.len();
        let (size, published) = (theirs.size(), ours.size());
        let problem = if count < quorum.needed {
            Some(format!("{count} have cosigned it, and {} have to", quorum.needed))
        } else if quorum.needed > 0 && size < published && waits(reader, size, Timestamp::now()) {
            Some(format!(
                "{count} of {of} have cosigned the first {size} of {published} entries, and none what came more \
                 than {WITHIN_SECONDS} s ago: the gateway's log says why"
            ))
        } else {
            None
        };
        Ok(Self { size, published, cosigned, of, quorum: quorum.needed, problem })
    }

    /// How many of the published entries nobody has cosigned.
    pub(super) fn uncosigned(&self) -> u64 {
        self.published.saturating_sub(self.size)
    }

    /// One sentence for a person.
    pub(super) fn sentence(&self) -> String {
        if let Some(problem) = &self.problem {
            return problem.clone();
        }
        let who: Vec<String> =
            self.cosigned.iter().map(|one| format!("{} at {}", one.witness, one.at)).collect();
        let size = match self.uncosigned() {
            0 => self.size.to_string(),
            _ => format!("{} of {}", self.size, self.published),
        };
        format!(
            "{} of {} have cosigned the first {size} entries (quorum {}): {}",
            self.cosigned.len(),
            self.of,
            self.quorum,
            who.join(", ")
        )
    }
}

/// Whether the first entry that nobody cosigned has waited for longer than it should, going by the moment it states.
fn waits(reader: &Reader, first: u64, now: Timestamp) -> bool {
    let entries = reader.entries(first..first + 1).unwrap_or_default();
    let entry: Option<Value> = entries.first().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let at = entry.as_ref().and_then(|entry| entry.get("at")).and_then(Value::as_str);
    // One that states no moment, or one to come, has no claim to be new.
    let at: Option<Timestamp> = at.and_then(|at| at.parse().ok());
    at.is_none_or(|at| now.as_second().abs_diff(at.as_second()) > WITHIN_SECONDS)
}

/// A gateway that is well has had an entry cosigned after two seconds.
const WITHIN_SECONDS: u64 = 60;

fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "a moment out of range".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use ledger::{COSIGNED, Ledger, Witness, durable};
    use mark::{cosignature::WitnessSigner, note::SignerKey};

    use super::*;

    /// A ledger with entries of these moments, of which a witness cosigned the first two.
    fn standing(moments: &[&str]) -> Standing {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("ledger");
        let key = SignerKey::generate("ledger.example/it", [7; 32]).unwrap();
        let log = key.verifier().clone();
        let signer = WitnessSigner::generate("witness.example/it", [3; 32]).unwrap();
        let witnesses = vec![signer.verifier().clone()];
        let witness = Witness::open(&home.path().join("witness"), signer, vec![log.clone()]).unwrap();
        let mut ledger = Ledger::create(&folder, key).unwrap();
        for (index, at) in moments.iter().enumerate() {
            let entry = format!(r#"{{"at":"{at}"}}"#).into_bytes();
            drop(ledger.commit(vec![entry], Vec::clone).unwrap());
            ledger.publish().unwrap();
            if index == 1 {
                let reader = Reader::open(&folder).unwrap();
                let line = witness.add_checkpoint(reader.submission(0).unwrap().as_bytes(), 9).unwrap();
                let note = format!("{}{line}", reader.checkpoint());
                durable::replace(&folder.join(COSIGNED), note.as_bytes()).unwrap();
            }
        }
        Standing::of(&folder, &log, &Quorum { witnesses, needed: 1 }).unwrap()
    }

    #[test]
    fn entries_that_wait_too_long_for_a_witness_are_a_finding() {
        let now = Timestamp::now().to_string();
        let old = "2026-01-02T03:04:05Z";
        for (moments, uncosigned, is_found) in [
            (vec![old, old], 0, false),
            (vec![old, old, &now], 1, false),
            (vec![old, old, old], 1, true),
            (vec![old, old, old, &now], 2, true),
            (vec![old, old, "2999-01-02T03:04:05Z"], 1, true),
            (vec![old, old, "no moment"], 1, true),
        ] {
            let standing = standing(&moments);
            assert_eq!((standing.size, standing.uncosigned()), (2, uncosigned), "{moments:?}");
            assert_eq!(standing.problem.is_some(), is_found, "{moments:?}: {}", standing.sentence());
            let some = format!("first 2 of {} entries", moments.len());
            assert_eq!(standing.sentence().contains(&some), uncosigned > 0, "{}", standing.sentence());
        }
    }
}
