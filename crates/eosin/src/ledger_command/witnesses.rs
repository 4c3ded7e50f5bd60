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
        let empty = |problem| Self {
            size: 0,
            cosigned: Vec::new(),
            of: quorum.witnesses.len(),
            quorum: quorum.needed,
            problem,
        };
        // A ledger that cannot be read at all is said elsewhere.
        let reader = Reader::open(folder).ok()?;
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
        let problem = (count < quorum.needed)
            .then(|| format!("{count} have cosigned it, and {} have to", quorum.needed));
        let of = quorum.witnesses.len();
        Ok(Self { size: theirs.size(), cosigned, of, quorum: quorum.needed, problem })
    }

    /// One sentence for a person.
    pub(super) fn sentence(&self) -> String {
        if let Some(problem) = &self.problem {
            return problem.clone();
        }
        let who: Vec<String> =
            self.cosigned.iter().map(|one| format!("{} at {}", one.witness, one.at)).collect();
        format!(
            "{} of {} have cosigned the first {} entries (quorum {}): {}",
            self.cosigned.len(),
            self.of,
            self.size,
            self.quorum,
            who.join(", ")
        )
    }
}

fn moment(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "a moment out of range".to_owned(), |at| at.to_string())
}
