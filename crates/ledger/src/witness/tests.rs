//! Scenes of a witness: a log that grows, one that forgets, one that shows two faces, and a disk that fails.

use mark::cosignature::{WitnessKey, cosigned_by};
use mark::merkle::{consistency_path, leaf_hash, root};
use mark::note::SignerKey;

use super::*;

const NOW: u64 = 1_790_000_000;

/// A log of so many entries, all told.
struct Log {
    key: SignerKey,
    leaves: Vec<Hash>,
}

impl Log {
    fn new(name: &str, entries: u64) -> Self {
        let leaves = (0..entries).map(|entry| leaf_hash(&entry.to_be_bytes())).collect();
        Self { key: SignerKey::generate(name, [7; 32]).unwrap(), leaves }
    }

    fn checkpoint(&self, size: usize) -> SignedNote {
        let root = root(&self.leaves[..size]);
        Checkpoint::new(self.key.name(), size as u64, root).unwrap().sign(&self.key).unwrap()
    }

    fn request(&self, old: usize, new: usize) -> String {
        let path = consistency_path(&self.leaves[..new], old).unwrap_or_default();
        request(old, &path, &self.checkpoint(new))
    }
}

fn request(old: usize, path: &[Hash], checkpoint: &SignedNote) -> String {
    let mut body = format!("old {old}\n");
    for hash in path {
        body += &(hash.to_base64() + "\n");
    }
    format!("{body}\n{checkpoint}")
}

fn signer() -> WitnessSigner {
    WitnessSigner::generate("witness.example/w1", [9; 32]).unwrap()
}

fn open(folder: &Path, log: &Log) -> Witness {
    Witness::open(folder, signer(), vec![log.key.verifier().clone()]).unwrap()
}

/// The status of the answer, as the specification has it.
fn status(answer: &Result<String, Declined>) -> u16 {
    match answer {
        Ok(_) => 200,
        Err(Declined::Malformed(_)) => 400,
        Err(Declined::NotSigned) => 403,
        Err(Declined::UnknownLog) => 404,
        Err(Declined::OtherSize { .. }) => 409,
        Err(Declined::Inconsistent) => 422,
        Err(Declined::Disk { .. }) => 500,
    }
}

#[test]
fn a_log_that_grows_is_cosigned_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/one", 300);
    let keys: [WitnessKey; 1] = [signer().verifier().clone()];
    let witness = open(folder.path(), &log);
    let hash = origin_hash("log.example/one");
    assert_eq!(witness.latest(&hash), None);
    for (old, new) in [(0, 5), (5, 5), (5, 256), (256, 300)] {
        let line = witness.add_checkpoint(log.request(old, new).as_bytes(), NOW).unwrap();
        // As a log does it: the lines of the answer go behind its own.
        let note = SignedNote::parse(&format!("{}{line}", log.checkpoint(new))).unwrap();
        assert_eq!(cosigned_by(&note, &keys).unwrap()[0].at(), NOW);
        assert_eq!(witness.latest(&hash).unwrap(), note.to_string());
    }
    let second = Witness::open(folder.path(), signer(), vec![]).unwrap_err();
    assert!(matches!(second, WitnessError::Lock(LockError::Held { .. })), "{second:?}");

    drop(witness);
    let witness = open(folder.path(), &log);
    assert_eq!(status(&witness.add_checkpoint(log.request(256, 300).as_bytes(), NOW)), 409);
    assert_eq!(status(&witness.add_checkpoint(log.request(300, 300).as_bytes(), NOW)), 200);
}

#[test]
fn what_does_not_continue_is_declined_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/one", 40);
    let mut two_faced = Log::new("log.example/one", 40);
    two_faced.leaves[3] = leaf_hash(b"another");
    let unknown = Log::new("log.example/two", 40);
    let mut not_its_key = Log::new("log.example/one", 40);
    not_its_key.key = SignerKey::generate("log.example/one", [8; 32]).unwrap();
    let witness = open(folder.path(), &log);
    witness.add_checkpoint(log.request(0, 8).as_bytes(), NOW).unwrap();
    let before = witness.latest(&origin_hash("log.example/one"));

    let signed_by_log = log.checkpoint(20).to_string();
    let forged = signed_by_log.replacen("\n20\n", "\n21\n", 1);
    let scenes: &[(&str, String, u16)] = &[
        ("it forgets", log.request(0, 4), 409),
        ("it starts anew", log.request(0, 20), 409),
        ("an old size above the new", request(9, &[], &log.checkpoint(8)), 400),
        ("another history", two_faced.request(8, 20), 422),
        ("another root at the same size", two_faced.request(8, 8), 422),
        ("no proof", request(8, &[], &log.checkpoint(20)), 422),
        ("a proof too long", request(8, &[leaf_hash(b"x"); 9], &log.checkpoint(20)), 422),
        ("a log nobody told of", unknown.request(0, 8), 404),
        ("another key of that name", not_its_key.request(8, 20), 403),
        ("a changed checkpoint", format!("old 8\n\n{forged}"), 403),
        ("no checkpoint", "old 8\n\nwords\n".to_owned(), 400),
        ("a size with a zero in front", log.request(8, 20).replacen("old 8", "old 08", 1), 400),
        ("a size that is no number", log.request(8, 20).replacen("old 8", "old -8", 1), 400),
        ("64 proof lines", request(8, &[leaf_hash(b"x"); 64], &log.checkpoint(20)), 400),
        ("nothing", String::new(), 400),
    ];
    for (name, body, expected) in scenes {
        let answer = witness.add_checkpoint(body.as_bytes(), NOW);
        assert_eq!(status(&answer), *expected, "{name}: {answer:?}");
        assert_eq!(witness.latest(&origin_hash("log.example/one")), before, "{name}");
    }
    assert_eq!(status(&witness.add_checkpoint(&[0xff; 10], NOW)), 400, "not text");
    assert_eq!(status(&witness.add_checkpoint(&vec![b'o'; REQUEST_BYTES_MAX + 1], NOW)), 400, "too long");
    assert_eq!(status(&witness.add_checkpoint(log.request(8, 20).as_bytes(), NOW)), 200, "and goes on");
}

#[test]
fn an_empty_log_has_the_empty_root() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/one", 3);
    let witness = open(folder.path(), &log);
    let wrong = Checkpoint::new("log.example/one", 0, leaf_hash(b"")).unwrap().sign(&log.key).unwrap();
    assert_eq!(status(&witness.add_checkpoint(request(0, &[], &wrong).as_bytes(), NOW)), 422);
    for (old, new) in [(0, 0), (0, 0), (0, 3)] {
        assert_eq!(status(&witness.add_checkpoint(log.request(old, new).as_bytes(), NOW)), 200);
    }
}

#[test]
fn a_state_that_was_changed_is_not_taken_for_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/one", 20);
    open(folder.path(), &log).add_checkpoint(log.request(0, 20).as_bytes(), NOW).unwrap();
    let file = folder.path().join(file_of(&origin_hash("log.example/one")));
    // The log's own checkpoint, without the cosignature.
    crate::durable::replace(&file, log.checkpoint(4).to_string().as_bytes()).unwrap();
    let error = Witness::open(folder.path(), signer(), vec![log.key.verifier().clone()]).unwrap_err();
    assert!(matches!(error, WitnessError::Damaged { .. }), "{error:?}");
}

#[test]
fn what_cannot_be_kept_is_not_cosigned() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new("log.example/one", 20);
    // A folder opened for reading refuses every write, as a full disk does.
    let store = Box::new(Folder::look(folder.path()));
    let witness = Witness::open_store(store, signer(), vec![log.key.verifier().clone()]).unwrap();
    for _ in 0..2 {
        assert_eq!(status(&witness.add_checkpoint(log.request(0, 20).as_bytes(), NOW)), 500);
        assert_eq!(witness.latest(&origin_hash("log.example/one")), None);
    }
}
