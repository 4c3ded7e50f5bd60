//! A witness: cosigns checkpoints of other logs, each only if it continues the last one that was cosigned.
//!
//! Source: c2sp.org/tlog-witness, "add-checkpoint" and "Monitor Retrieval Mechanism".

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use mark::checkpoint::{Checkpoint, OpenError as CheckpointOpenError};
use mark::cosignature::{WitnessSigner, cosigned_by};
use mark::digest::{Hash, sha256};
use mark::merkle::verify_consistency;
use mark::note::{NOTE_BYTES_MAX, SignedNote, VerifierKey};

use crate::folder::{Folder, LockError};
use crate::store::{Store, place};

/// What a witness has cosigned, and of which logs.
///
/// Shape:  a folder with one file a log, named after the SHA-256 of its origin: the last checkpoint that was cosigned.
/// Bounds: the logs it was told of; [`REQUEST_BYTES_MAX`] a request.
/// Never:  cosigns what is not durable yet, reads a clock, or asks a log for anything.
#[derive(Debug)]
pub struct Witness {
    signer: WitnessSigner,
    logs: BTreeMap<String, VerifierKey>,
    /// One request at a time: to look at the last checkpoint and to replace it is one step.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    store: Box<dyn Store>,
    /// By origin.
    last: BTreeMap<String, Cosigned>,
}

#[derive(Debug, Clone)]
struct Cosigned {
    size: u64,
    root: Hash,
    note: SignedNote,
}

impl Witness {
    /// Takes up what was cosigned before.
    ///
    /// Errors: [`WitnessError`]: another process is this witness, or a file of its state is not what it wrote; a witness
    ///         that has forgotten what it saw must not go on as if it had seen nothing.
    pub fn open(folder: &Path, signer: WitnessSigner, logs: Vec<VerifierKey>) -> Result<Self, WitnessError> {
        let store = Folder::lock(folder).map_err(WitnessError::Lock)?;
        Self::open_store(Box::new(store), signer, logs)
    }

    /// [`Witness::open`] on any store that nobody else writes.
    pub fn open_store(
        mut store: Box<dyn Store>,
        signer: WitnessSigner,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, WitnessError> {
        store.sync_folder("").map_err(|source| WitnessError::Io { file: ".".to_owned(), source })?;
        let mut last = BTreeMap::new();
        for log in &logs {
            let file = file_of(&origin_hash(log.name()));
            let bytes = match store.read(&file, NOTE_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(WitnessError::Io { file, source }),
            };
            let state = read_state(&bytes, log, &signer).ok_or(WitnessError::Damaged { file })?;
            last.insert(log.name().to_owned(), state);
        }
        let logs = logs.into_iter().map(|log| (log.name().to_owned(), log)).collect();
        Ok(Self { signer, logs, state: Mutex::new(State { store, last }) })
    }

    /// Cosigns a checkpoint, if it is its log's and continues the last one.
    ///
    /// Shape:  the body of an `add-checkpoint` request, POSIX seconds -> the signature line of the answer.
    /// Errors: [`Declined`]; nothing was cosigned.
    /// Source: c2sp.org/tlog-witness, "add-checkpoint".
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<String, Declined> {
        let asked = Asked::parse(body).map_err(Declined::Malformed)?;
        let origin = asked.note.unverified_text().split('\n').next().unwrap_or_default();
        let log = self.logs.get(origin).ok_or(Declined::UnknownLog)?;
        let trusted = std::slice::from_ref(log);
        let checkpoint = Checkpoint::open_note(&asked.note, trusted).map_err(|error| match error {
            CheckpointOpenError::Signature(_) => Declined::NotSigned,
            CheckpointOpenError::Note(_) | CheckpointOpenError::Body(_) => {
                Declined::Malformed("what follows the empty line is not a checkpoint")
            }
        })?;
        let verified = asked.note.verify(trusted).map_err(|_| Declined::NotSigned)?;

        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let last = state.last.get(origin);
        continues(&asked, &checkpoint, last)?;
        let line = self.signer.cosign(&verified, now);
        let note = asked.note.clone().only_by(|name, id| name == log.name() && id == log.id());
        let note =
            note.with_signature(line.clone()).map_err(|_| Declined::Malformed("too many signatures"))?;
        let file = file_of(&origin_hash(origin));
        let kept = place(state.store.as_mut(), &file, note.to_string().as_bytes())
            .and_then(|()| state.store.sync_folder(""));
        if let Err(source) = kept {
            // The new one may be on the disk or not; either is consistent with all that was cosigned.
            state.store.forget();
            return Err(Declined::Disk { file, source });
        }
        let cosigned = Cosigned { size: checkpoint.size(), root: *checkpoint.root(), note };
        state.last.insert(origin.to_owned(), cosigned);
        Ok(format!("{line}\n"))
    }

    /// The last checkpoint of a log that was cosigned, with both signatures.
    ///
    /// Shape:  lower-case hex of the SHA-256 of the log's origin -> a signed note; `None` if there is none.
    /// Source: c2sp.org/tlog-witness, "Monitor Retrieval Mechanism".
    pub fn latest(&self, origin_hash_hex: &str) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = state.last.iter().find(|(origin, _)| origin_hash(origin) == origin_hash_hex)?;
        Some(found.1.note.to_string())
    }
}

/// The request as it was read.
struct Asked {
    old_size: u64,
    proof: Vec<Hash>,
    note: SignedNote,
}

impl Asked {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        if body.len() > REQUEST_BYTES_MAX {
            return Err("the request is too long");
        }
        let text = std::str::from_utf8(body).map_err(|_| "the request is not UTF-8")?;
        let (head, note) = text.split_once("\n\n").ok_or("there is no empty line before a checkpoint")?;
        let mut lines = head.split('\n');
        let size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = size.ok_or("the first line is not `old ` and a size in plain decimal")?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == PROOF_LINES_MAX {
                return Err("there are more than 63 proof lines");
            }
            proof.push(Hash::from_base64(line).ok_or("a proof line is not the base64 of 32 bytes")?);
        }
        let note = SignedNote::parse(note).map_err(|_| "what follows the empty line is not a signed note")?;
        Ok(Self { old_size, proof, note })
    }
}

/// Whether a checkpoint continues the last one. The order of the checks is the specification's.
fn continues(asked: &Asked, new: &Checkpoint, last: Option<&Cosigned>) -> Result<(), Declined> {
    if asked.old_size > new.size() {
        return Err(Declined::Malformed("the old size is above the checkpoint's"));
    }
    let known = last.map_or(0, |last| last.size);
    if asked.old_size != known {
        return Err(Declined::OtherSize { known });
    }
    if new.size() == 0 && *new.root() != sha256(&[]) {
        return Err(Declined::Inconsistent);
    }
    let holds = match last {
        // A log that was cosigned when it was empty says the same: every tree continues it.
        Some(last) if last.size > 0 => {
            verify_consistency(last.size, &last.root, new.size(), new.root(), &asked.proof)
        }
        _ => asked.proof.is_empty(),
    };
    if holds { Ok(()) } else { Err(Declined::Inconsistent) }
}

fn read_state(bytes: &[u8], log: &VerifierKey, signer: &WitnessSigner) -> Option<Cosigned> {
    let note = SignedNote::parse(std::str::from_utf8(bytes).ok()?).ok()?;
    let checkpoint = Checkpoint::open_note(&note, std::slice::from_ref(log)).ok()?;
    let own = cosigned_by(&note, std::slice::from_ref(signer.verifier())).ok()?;
    (checkpoint.origin() == log.name() && !own.is_empty()).then(|| Cosigned {
        size: checkpoint.size(),
        root: *checkpoint.root(),
        note,
    })
}

/// How a monitor names a log.
pub fn origin_hash(origin: &str) -> String {
    sha256(&[origin.as_bytes()]).to_hex()
}

fn file_of(origin_hash: &str) -> String {
    format!("{origin_hash}.checkpoint")
}

fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { text.parse().ok() } else { None }
}

/// The longest `add-checkpoint` request that is read, in bytes: 63 proof lines and a checkpoint with many signatures.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
const PROOF_LINES_MAX: usize = 63;

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    /// Not a request of this kind: 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// Nobody told this witness of the log: 404.
    #[error("this witness does not know the log: give it the log's verifier key")]
    UnknownLog,
    /// The log's key did not sign it: 403.
    #[error("the checkpoint is not signed by the key of its log")]
    NotSigned,
    /// The proof starts at another size than the last one that was cosigned: 409, with that size.
    #[error("the last checkpoint that was cosigned has {known} entries: prove from there")]
    OtherSize {
        /// The size of the last one.
        known: u64,
    },
    /// The log has not grown from there: 422. It shows two faces, or the proof is of another log.
    #[error("the checkpoint does not continue the last one that was cosigned")]
    Inconsistent,
    /// It could not be kept, so it was not cosigned: 500.
    #[error("the witness cannot write `{file}`: free disk space or check the disk")]
    Disk {
        /// The file, relative to its folder.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
}

/// Why there is no witness here.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Another process, or the folder cannot be used.
    #[error("the witness's folder cannot be used")]
    Lock(#[source] LockError),
    /// The disk would not read.
    #[error("the witness cannot read `{file}`: check the disk")]
    Io {
        /// The file, relative to the folder.
        file: String,
        /// What the disk said.
        source: io::Error,
    },
    /// A file of the state is not what this witness wrote for this log.
    #[error(
        "`{file}` is not a checkpoint that this witness cosigned: restore it, or give the witness a new key"
    )]
    Damaged {
        /// The file, relative to the folder.
        file: String,
    },
}

#[cfg(test)]
mod tests;
