//! The reading side: every entry, every proof, and a log that somebody else wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use ledger::{Ledger, ReadError, Reader, verify};
use mark::digest::Hash;
use mark::merkle::{leaf_hash, root, root_from_inclusion, verify_consistency};

use crate::{entry, key};

const SIZE: u64 = 70_000;

/// A ledger of three tile levels.
fn large() -> (tempfile::TempDir, PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    for first in (0..SIZE).step_by(4000) {
        let batch: Vec<_> = (first..SIZE.min(first + 4000)).map(|n| n.to_be_bytes().to_vec()).collect();
        drop(ledger.commit(batch, Vec::clone).unwrap());
    }
    ledger.publish().unwrap();
    (guard, path)
}

#[test]
fn proofs_from_tiles_are_those_of_the_whole_tree() {
    let (_guard, path) = large();
    let leaves: Vec<Hash> = (0..SIZE).map(|n| leaf_hash(&n.to_be_bytes())).collect();
    let reader = Reader::open(&path).unwrap();
    assert_eq!((reader.size(), reader.origin()), (SIZE, "ledger.example/it"));
    let trusted = [key().verifier().clone()];
    for index in [0, 1, 255, 256, 257, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let place = usize::try_from(index).unwrap();
        let proof = reader.prove(index).unwrap();
        assert!(proof.verify(&leaves[place], &trusted).is_ok(), "{index}");
        for size in [index + 1, (index + 300).min(SIZE), SIZE] {
            let path = reader.inclusion(index, size).unwrap();
            let expected = root(&leaves[..usize::try_from(size).unwrap()]);
            assert_eq!(
                root_from_inclusion(&leaves[place], index, size, &path),
                Some(expected),
                "{index} of {size}"
            );
        }
    }
    for (old, new) in [(1, SIZE), (255, 256), (256, 257), (65_536, SIZE), (65_537, 69_999), (SIZE, SIZE)] {
        let path = reader.consistency(old, new).unwrap();
        let [old_root, new_root] = [old, new].map(|size| root(&leaves[..usize::try_from(size).unwrap()]));
        assert!(verify_consistency(old, &old_root, new, &new_root, &path), "{old} to {new}");
    }
    for refused in [reader.inclusion(5, 5), reader.inclusion(0, SIZE + 1), reader.consistency(0, 5)] {
        assert!(matches!(refused, Err(ReadError::OutOfRange { .. })), "{refused:?}");
    }
    let report = verify(&path, key().verifier());
    // 274 bundles; 274, 2 and 1 tiles; the checkpoint.
    assert_eq!((report.problem, report.size, report.files), (None, SIZE, 274 + 274 + 2 + 1 + 1));
}

#[test]
fn entries_come_in_bounded_parts_and_never_damaged() {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    drop(ledger.commit((0..1500).map(entry).collect(), Vec::clone).unwrap());
    assert_eq!(Reader::open(&path).unwrap().size(), 0, "a reader sees what is published");
    ledger.publish().unwrap();

    let reader = Reader::open(&path).unwrap();
    for (start, end) in [(0, 1500), (0, 0), (250, 260), (1499, 1500), (256, 512)] {
        let expected: Vec<_> = (start..end).take(1024).map(entry).collect();
        assert_eq!(reader.entries(start..end).unwrap(), expected, "{start}..{end}");
    }
    assert!(matches!(reader.entries(0..1501), Err(ReadError::OutOfRange { .. })));
    // A reader that opened before more was published still reads: partial tiles give way to full ones.
    drop(ledger.commit((1500..2000).map(entry).collect(), Vec::clone).unwrap());
    ledger.publish().unwrap();
    assert_eq!(reader.entries(1400..1500).unwrap(), (1400..1500).map(entry).collect::<Vec<_>>());
    assert!(
        reader.prove(1499).unwrap().verify(&leaf_hash(&entry(1499)), &[key().verifier().clone()]).is_ok()
    );

    let file = path.join("tile/entries/001");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut std::fs::File::open(&file).unwrap(), &mut bytes).unwrap();
    bytes[5] ^= 1;
    ledger::durable::replace(&file, &bytes).unwrap();
    let damaged = reader.entries(0..600).unwrap_err();
    assert!(damaged.to_string().starts_with("`tile/entries/001` is damaged"), "{damaged}");
    assert!(matches!(Reader::open(guard.path()), Err(ReadError::Missing { .. })));
}

/// A log that Sunlight's test suite wrote: our reading side against somebody else's writing side.
#[test]
fn a_log_that_sunlight_wrote() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("EOSIN_DATA").map_or(beside, PathBuf::from);
    let archive = data.join("vectors/sunlight-tlog-tiles.tar.gz");
    if !archive.exists() {
        println!("skipped: no shared data");
        return;
    }
    let guard = tempfile::tempdir().unwrap();
    let mirror = "./cmd/skylight/testdata/witness/mirror/\
                  000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706";
    let unpacked =
        Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(guard.path()).arg(mirror).status();
    assert!(unpacked.unwrap().success());
    let path = guard.path().join(mirror);
    let reader = Reader::open(&path).unwrap();
    assert_eq!((reader.size(), reader.origin()), (300, "rome2026h1.example.org"));
    let mut leaves = Vec::new();
    for tile in ["tile/0/000", "tile/0/001.p/44"] {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::fs::File::open(path.join(tile)).unwrap(), &mut bytes).unwrap();
        leaves.extend(bytes.as_chunks::<32>().0.iter().map(|hash| Hash::from_bytes(*hash)));
    }
    assert_eq!(root(&leaves).to_base64(), "gw31yQrqZZCcEOPrzX+bpy3nJ6QgngTKn8G1m0i62uU=");
    for index in 0..300 {
        let path = reader.inclusion(index, 300).unwrap();
        let reached = root_from_inclusion(&leaves[usize::try_from(index).unwrap()], index, 300, &path);
        assert_eq!(reached, Some(root(&leaves)), "{index}");
    }
    let path = reader.consistency(256, 300).unwrap();
    assert!(verify_consistency(256, &root(&leaves[..256]), 300, &root(&leaves), &path));
    // Its bundles are stand-ins ("fake mirrored entry bundle"), and are found out.
    assert!(matches!(reader.entries(0..300), Err(ReadError::Damaged { .. })));
}
