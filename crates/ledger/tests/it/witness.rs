//! A witness on a failing disk: whatever is lost, it never remembers less than it has cosigned.

use ledger::{COSIGNED, Ledger, ReadError, Reader, Witness, durable, origin_hash};
use mark::checkpoint::Checkpoint;
use mark::cosignature::{WitnessSigner, cosigned_by};
use mark::digest::Hash;
use mark::merkle::{consistency_path, leaf_hash, root};
use mark::note::SignedNote;

use crate::disk::{Crash, FailingDisk, Failure};
use crate::{entry, key};

const SIZES: [usize; 4] = [5, 9, 9, 20];

fn open(disk: &FailingDisk) -> Witness {
    let signer = WitnessSigner::generate("witness.example/it", [3; 32]).unwrap();
    Witness::open_store(Box::new(disk.clone()), signer, vec![key().verifier().clone()]).unwrap()
}

fn request(leaves: &[Hash], old: usize, new: usize) -> String {
    let path = consistency_path(&leaves[..new], old).unwrap_or_default();
    let mut body = format!("old {old}\n");
    for hash in &path {
        body += &(hash.to_base64() + "\n");
    }
    let checkpoint = Checkpoint::new(key().name(), new as u64, root(&leaves[..new])).unwrap();
    format!("{body}\n{}", checkpoint.sign(&key()).unwrap())
}

/// The size that the witness remembers.
fn remembered(witness: &Witness) -> usize {
    let note = witness.latest(&origin_hash(key().name()));
    let text = note.map(|note| SignedNote::parse(&note).unwrap().unverified_text().to_owned());
    text.map_or(0, |text| usize::try_from(Checkpoint::parse(&text).unwrap().size()).unwrap())
}

/// Sends each checkpoint once; gives the size of the last one that was cosigned.
fn run(witness: &Witness, leaves: &[Hash]) -> usize {
    let mut cosigned = remembered(witness);
    for new in SIZES.into_iter().filter(|new| *new >= cosigned).collect::<Vec<_>>() {
        if witness.add_checkpoint(request(leaves, cosigned, new).as_bytes(), 1).is_ok() {
            cosigned = new;
        }
    }
    cosigned
}

#[test]
fn what_was_cosigned_is_remembered_through_any_failure() {
    let leaves: Vec<Hash> = (0..20).map(|number| leaf_hash(&entry(number))).collect();
    let whole = FailingDisk::default();
    assert_eq!(run(&open(&whole), &leaves), 20);
    let operations = whole.operations().len();
    assert!(operations > 12, "{operations}");
    let mut lost = 0;
    // The first operation is the opening's, which fails as a whole.
    for operation in 1..operations {
        for crash in [Crash::Strict, Crash::Lenient, Crash::Torn] {
            for failure in [Some(Failure::Lost), Some(Failure::Kept), Some(Failure::Torn), None] {
                let disk = FailingDisk::default();
                match failure {
                    Some(failure) => disk.fail_at(operation, failure),
                    None => disk.cut_power_at(operation, true),
                }
                let cosigned = run(&open(&disk), &leaves);
                lost += usize::from(cosigned < 20);
                disk.crash(crash);
                let again = open(&disk);
                assert!(remembered(&again) >= cosigned, "{operation} {failure:?} {crash:?}: {cosigned}");
                assert_eq!(run(&again, &leaves), 20, "{operation} {failure:?} {crash:?}");
            }
        }
    }
    assert!(lost > 0, "no failure was ever felt");
}

#[test]
fn a_real_ledger_asks_and_proves_under_what_was_cosigned() {
    let guard = tempfile::tempdir().unwrap();
    let folder = guard.path().join("ledger");
    let mut ledger = Ledger::create(&folder, key()).unwrap();
    let witness = open(&FailingDisk::default());
    let trusted = [key().verifier().clone()];
    let keys = [WitnessSigner::generate("witness.example/it", [3; 32]).unwrap().verifier().clone()];
    let mut known = 0;
    for count in [3, 300, 1, 700] {
        let first = ledger.size();
        let batch: Vec<_> = (first..first + count).map(entry).collect();
        drop(ledger.commit(batch, Vec::clone).unwrap());
        ledger.publish().unwrap();
        let reader = Reader::open(&folder).unwrap();
        let line = witness.add_checkpoint(reader.submission(known).unwrap().as_bytes(), 9).unwrap();
        durable::replace(&folder.join(COSIGNED), format!("{}{line}", reader.checkpoint()).as_bytes())
            .unwrap();
        known = reader.size();
    }
    // The log goes on; what was cosigned stays where it was, and proves what it covers.
    drop(ledger.commit(vec![entry(1004)], Vec::clone).unwrap());
    ledger.publish().unwrap();
    let reader = Reader::open(&folder).unwrap();
    let cosigned = reader.cosigned().unwrap();
    assert_eq!(cosigned_by(&cosigned, &keys).unwrap().len(), 1);
    for index in [0, 255, 256, 1003] {
        let proof = reader.prove_under(index, &cosigned).unwrap();
        let checkpoint = proof.verify(&leaf_hash(&entry(index)), &trusted).unwrap();
        assert_eq!(checkpoint.size(), 1004);
        assert_eq!(cosigned_by(proof.unverified_checkpoint(), &keys).unwrap()[0].at(), 9);
    }
    assert!(matches!(reader.prove_under(1004, &cosigned), Err(ReadError::OutOfRange { .. })));
    assert!(matches!(reader.submission(1006), Err(ReadError::OutOfRange { .. })));
    // A checkpoint of another log in its place is damage, and none is none.
    durable::replace(&folder.join(COSIGNED), include_bytes!("../../../../fixtures/witness/rome.checkpoint"))
        .unwrap();
    assert!(matches!(reader.cosigned(), Err(ReadError::Damaged { .. })));
    std::fs::remove_file(folder.join(COSIGNED)).unwrap();
    assert!(matches!(reader.cosigned(), Err(ReadError::Missing { .. })));
}
