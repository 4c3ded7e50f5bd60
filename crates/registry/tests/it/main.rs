//! Stories of a registry on a disk: against a model, damaged, replaced while open, shared by many.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and reads its own files"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mark::{digest::sha256, merkle};
use proptest::prelude::*;
use recognise::{Fingerprint, FingerprintKind, KeyId, PersonTag};
use registry::{Additions, BLOCK_ENTRIES, Membership, Presence, Registry, Snapshot, WriteError};

const KEY: KeyId = KeyId([7; 8]);

type Model = BTreeSet<([u8; 16], [u8; 8])>;

/// A fingerprint as uniform as the registry's own.
fn fingerprint(number: u64) -> Fingerprint {
    let digest = sha256(&[&number.to_be_bytes()]);
    Fingerprint(digest.as_bytes()[..16].try_into().unwrap())
}

fn tag(number: u64) -> PersonTag {
    PersonTag(number.to_be_bytes())
}

fn numbered(count: u64) -> Model {
    (0..count).map(|number| (fingerprint(number).0, tag(number).0)).collect()
}

fn add(folder: &Path, entries: &Model) -> Snapshot {
    let mut additions = Additions::begin(folder, KEY).unwrap();
    for (fingerprint, tag) in entries.iter().rev() {
        additions.add(Fingerprint(*fingerprint), PersonTag(*tag)).unwrap();
    }
    additions.commit().unwrap()
}

fn open(folder: &Path) -> Registry {
    Registry::open(folder).unwrap().unwrap()
}

/// The root of a model, by the plain definition.
fn root_of(model: &Model) -> mark::digest::Hash {
    let leaves: Vec<_> = model.iter().map(|(f, t)| merkle::leaf_hash(&[&f[..], &t[..]].concat())).collect();
    merkle::root(&leaves)
}

/// Everything that a registry says of these fingerprints is what the model says.
fn check(registry: &Registry, model: &Model, asked: impl Iterator<Item = Fingerprint>) {
    let snapshot = registry.snapshot();
    assert_eq!((snapshot.root, snapshot.entries), (root_of(model), model.len() as u64));
    assert_eq!(registry.verify().unwrap(), snapshot);
    for fingerprint in asked {
        let tags: Vec<PersonTag> =
            model.iter().filter(|(f, _)| *f == fingerprint.0).map(|(_, t)| PersonTag(*t)).collect();
        let found = registry.find(&[(FingerprintKind::Email, fingerprint)]).unwrap();
        assert_eq!(found.is_some(), !tags.is_empty(), "{fingerprint:?}");
        let proof = registry.prove(fingerprint).unwrap();
        let proof = Presence::parse(&proof.to_json()).unwrap();
        let proved = proof.verify(&snapshot.root, snapshot.entries, fingerprint).unwrap();
        let expected = match tags.len() {
            0 => Membership::Absent,
            _ => Membership::Present(tags.into_iter().take(registry::PROOF_LEAVES_MAX).collect()),
        };
        assert_eq!(proved, expected, "{fingerprint:?}");
    }
}

#[test]
fn every_size_around_a_block_and_a_tile_is_as_its_model() {
    let block = BLOCK_ENTRIES as u64;
    let sizes = [0, 1, 2, 3, block - 1, block, block + 1, 255, 256, 257, 2 * block, 511, 512, 1025, 3000];
    for size in sizes {
        let folder = tempfile::tempdir().unwrap();
        let model = numbered(size);
        add(folder.path(), &model);
        let step = usize::try_from(size / 40 + 1).unwrap();
        let asked = (0..size + 40).step_by(step).map(fingerprint);
        let ends = [Fingerprint([0; 16]), Fingerprint([0xff; 16])];
        check(&open(folder.path()), &model, asked.chain(ends));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Fingerprints that nearly all share their first bytes, many of them with many tags.
    #[test]
    fn crowded_fingerprints_are_as_their_model(
        first in prop::collection::vec((0..40_u8, 0..40_u16), 0..700),
        second in prop::collection::vec((0..40_u8, 0..40_u16), 0..300),
        forgotten in prop::collection::btree_set(0..40_u16, 0..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let entry = |(f, t): &(u8, u16)| {
            let mut fingerprint = [0; 16];
            fingerprint[15] = *f;
            fingerprint[3] = f / 16;
            (fingerprint, tag(u64::from(*t)).0)
        };
        let first: Model = first.iter().map(entry).collect();
        let second: Model = second.iter().map(entry).collect();
        add(folder.path(), &first);
        let mut additions = Additions::begin(folder.path(), KEY).unwrap();
        for (fingerprint, tag) in &second {
            additions.add(Fingerprint(*fingerprint), PersonTag(*tag)).unwrap();
        }
        for number in &forgotten {
            additions.forget(tag(u64::from(*number))).unwrap();
        }
        additions.commit().unwrap();
        let mut model: Model = &first | &second;
        model.retain(|(_, tag)| !forgotten.contains(&u16::try_from(u64::from_be_bytes(*tag)).unwrap()));
        let asked = (0..42).map(|f| Fingerprint(entry(&(f, 0)).0));
        check(&open(folder.path()), &model, asked);
    }
}

#[test]
fn adding_the_same_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = numbered(1000);
    let first = add(folder.path(), &model);
    let bytes = fs::read(folder.path().join("table")).unwrap();
    assert_eq!(add(folder.path(), &numbered(10)), first);
    assert_eq!(add(folder.path(), &model), first);
    assert_eq!(add(folder.path(), &Model::new()), first);
    assert_eq!(fs::read(folder.path().join("table")).unwrap(), bytes);
    // In other pieces, the same root.
    let other = tempfile::tempdir().unwrap();
    add(other.path(), &numbered(300));
    let second = add(other.path(), &model);
    assert_eq!((second.root, second.entries, second.generation), (first.root, first.entries, 2));
}

#[test]
fn an_absent_registry_is_none_and_an_empty_one_is_one() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Registry::open(&folder.path().join("absent")).unwrap().is_none());
    assert!(Registry::open(folder.path()).unwrap().is_none());
    let snapshot = add(folder.path(), &Model::new());
    assert_eq!((snapshot.entries, snapshot.generation, snapshot.root), (0, 1, sha256(&[])));
    check(&open(folder.path()), &Model::new(), [fingerprint(1)].into_iter());
}

#[test]
fn another_key_is_refused_and_so_is_a_second_writer() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), &numbered(3));
    let error = Additions::begin(folder.path(), KeyId([8; 8])).unwrap_err();
    assert!(matches!(error, WriteError::OtherKey { has: KEY, .. }), "{error}");
    assert!(error.to_string().contains("0707070707070707"), "{error}");
    let held = Additions::begin(folder.path(), KEY).unwrap();
    assert!(matches!(Additions::begin(folder.path(), KEY).unwrap_err(), WriteError::Held { .. }));
    drop(held);
    Additions::begin(folder.path(), KEY).unwrap();
}
