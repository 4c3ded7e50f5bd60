//! Stories of a registry on a disk: against a model, damaged, replaced while open, shared by many.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and reads its own files"
)]

mod vectors;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use mark::{Strength, digest::sha256, merkle};
use proptest::prelude::*;
use recognise::{Fingerprint, FingerprintKind, KeyId, PersonTag};
use registry::{
    Additions, BLOCK_ENTRIES, Membership, OpenError, Presence, PresenceError, Registry, Snapshot, WriteError,
};

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
        let step = usize::try_from(size / 16 + 1).unwrap();
        let asked = (0..size + 40).step_by(step).map(fingerprint);
        let ends = [Fingerprint([0; 16]), Fingerprint([0xff; 16])];
        check(&open(folder.path()), &model, asked.chain(ends));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

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

#[test]
fn two_kinds_of_one_person_are_strong_and_anything_else_is_weak() {
    use FingerprintKind::{Address, Email, NameAndBirthDate, Phone};
    let folder = tempfile::tempdir().unwrap();
    let mut model = Model::new();
    let mut add_one = |number, whose| model.insert((fingerprint(number).0, tag(whose).0));
    add_one(1, 100);
    add_one(2, 100);
    add_one(3, 200);
    // An address that 500 records share, of which person 100 is one and person 300 is far behind.
    (0..500).for_each(|other| {
        add_one(4, other);
    });
    add_one(5, 499);
    add_one(6, 1000);
    add(folder.path(), &model);
    let registry = open(folder.path());
    let weak = |kinds: &[FingerprintKind]| Some((Strength::Weak, kinds.to_vec()));
    let strong = |kinds: &[FingerprintKind]| Some((Strength::Strong, kinds.to_vec()));
    for (asked, expected) in [
        (vec![], None),
        (vec![(Email, 77), (Phone, 78)], None),
        (vec![(Email, 1)], weak(&[Email])),
        (vec![(Email, 1), (Email, 2)], weak(&[Email])),
        (vec![(Phone, 2), (Email, 1)], strong(&[Email, Phone])),
        (vec![(Email, 1), (Phone, 3)], weak(&[Email, Phone])),
        (vec![(Email, 1), (Phone, 2), (NameAndBirthDate, 3)], strong(&[Email, Phone])),
        (vec![(Address, 4)], weak(&[Address])),
        (vec![(Address, 4), (Email, 1)], strong(&[Email, Address])),
        // Past the tags that are read for one fingerprint.
        (vec![(Address, 4), (Phone, 5)], strong(&[Phone, Address])),
        (vec![(Address, 4), (Phone, 6)], weak(&[Phone, Address])),
    ] {
        let numbers: Vec<_> = asked.iter().map(|(kind, number)| (*kind, fingerprint(*number))).collect();
        let found = registry.find(&numbers).unwrap().map(|found| (found.strength, found.kinds));
        assert_eq!(found, expected, "{asked:?}");
    }
}

#[test]
fn an_open_snapshot_stays_while_writers_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), &numbered(400));
    let old = open(folder.path());
    assert!(old.is_current().unwrap() && old.refreshed().unwrap().is_none());
    add(folder.path(), &numbered(900));
    assert!(!old.is_current().unwrap());
    check(&old, &numbered(400), (0..900).step_by(37).map(fingerprint));
    let new = old.refreshed().unwrap().unwrap();
    check(&new, &numbered(900), (0..900).step_by(37).map(fingerprint));
    assert_eq!((old.snapshot().generation, new.snapshot().generation), (1, 2));
    fs::remove_file(folder.path().join("table")).unwrap();
    assert!(matches!(new.refreshed().unwrap_err(), OpenError::Gone { .. }));
    assert!(new.verify().is_ok());
}

#[test]
fn many_threads_ask_one_registry() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), &numbered(2000));
    let registry = open(folder.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let registry = &registry;
            scope.spawn(move || {
                for number in (thread..4000).step_by(4) {
                    let found = registry.find(&[(FingerprintKind::Phone, fingerprint(number))]).unwrap();
                    assert_eq!(found.is_some(), number < 2000, "{number}");
                }
            });
        }
    });
}

/// Puts changed bytes into a copy of a registry, and says what opening and asking everything gives: an error, or
/// the truth.
fn ask_changed(folder: &Path, file: &str, bytes: &[u8]) -> Result<(), String> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["table", "filter-1"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    fs::write(copy.path().join(file), bytes).unwrap();
    let registry = Registry::open(copy.path()).map_err(|error| error.to_string())?.unwrap();
    for number in (0..440).step_by(40) {
        // An error or the truth.
        if let Ok(found) = registry.find(&[(FingerprintKind::Phone, fingerprint(number))]) {
            assert_eq!(found.is_some(), number < 400, "{number}");
        }
        if let Ok(proof) = registry.prove(fingerprint(number)) {
            let snapshot = registry.snapshot();
            let proved = proof.verify(&snapshot.root, 400, fingerprint(number)).unwrap();
            assert_eq!((snapshot.entries, proved == Membership::Absent), (400, number >= 400));
        }
    }
    registry.verify().map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_never_believed() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), &numbered(400));
    let table = fs::read(folder.path().join("table")).unwrap();
    assert_eq!(table.len(), 4 * 4096 + 3 * 24 + 32);
    let tail = 4 * 4096;
    let chosen = (0..200).step_by(5).chain((200..tail).step_by(331)).chain((tail..table.len()).step_by(5));
    for at in chosen.chain([4095, 4096, 8175, 8176, 8191, 8192, tail - 1, table.len() - 1]) {
        let mut changed = table.clone();
        changed[at] ^= 1 << (at % 8);
        let error = ask_changed(folder.path(), "table", &changed).unwrap_err();
        assert!(error.contains("is damaged (") || error.contains("of version "), "{at}: {error}");
    }
    let filter = fs::read(folder.path().join("filter-1")).unwrap();
    for at in (0..filter.len()).step_by(29) {
        let mut changed = filter.clone();
        changed[at] ^= 1 << (at % 8);
        ask_changed(folder.path(), "filter-1", &changed).unwrap();
    }
}

#[test]
fn what_is_cut_short_or_garbage_is_an_error_and_a_filter_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), &numbered(400));
    let table = fs::read(folder.path().join("table")).unwrap();
    let filter = fs::read(folder.path().join("filter-1")).unwrap();
    for length in [0, 1, 7, 8, 100, 4095, 4096, 4097, 8192, table.len() - 33, table.len() - 1] {
        ask_changed(folder.path(), "table", &table[..length]).unwrap_err();
    }
    ask_changed(folder.path(), "table", &[table.as_slice(), b"x"].concat()).unwrap_err();
    ask_changed(folder.path(), "table", &vec![0xa5; 20_000]).unwrap_err();
    for length in [0, 1, 8, 100, 120, 121, filter.len() - 48, filter.len() - 1] {
        ask_changed(folder.path(), "filter-1", &filter[..length]).unwrap();
    }
    ask_changed(folder.path(), "filter-1", &[filter.as_slice(), b"x"].concat()).unwrap();
    ask_changed(folder.path(), "filter-1", &[0xa5; 2_000]).unwrap();
    // The filter of another table is not believed.
    let other = tempfile::tempdir().unwrap();
    add(other.path(), &numbered(399));
    let filter = fs::read(other.path().join("filter-1")).unwrap();
    ask_changed(folder.path(), "filter-1", &filter).unwrap();
}

#[test]
fn a_changed_proof_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = numbered(700);
    model.insert((fingerprint(5).0, tag(1_000_000).0));
    add(folder.path(), &model);
    let registry = open(folder.path());
    let Snapshot { root, entries, .. } = registry.snapshot();
    let ends = [Fingerprint([0; 16]), Fingerprint([0xff; 16])];
    for asked in [fingerprint(5), fingerprint(6), fingerprint(7000)].into_iter().chain(ends) {
        let proof = registry.prove(asked).unwrap();
        let text = String::from_utf8(proof.to_json()).unwrap();
        let truth = proof.verify(&root, entries, asked).unwrap();
        assert_eq!(proof.verify(&root, entries + 1, asked), Err(PresenceError::OfAnother));
        assert_eq!(proof.verify(&root, entries, fingerprint(8)), Err(PresenceError::OfAnother));
        assert_eq!(proof.verify(&sha256(&[]), entries, asked), Err(PresenceError::OfAnother));
        let mut noticed = 0;
        for at in (0..text.len()).step_by(3) {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'1' { b'2' } else { b'1' };
            let read = Presence::parse(&changed);
            match read.and_then(|proof| proof.verify(&root, entries, asked)) {
                Ok(proved) => assert_eq!(proved, truth, "{at}"),
                Err(_) => noticed += 1,
            }
        }
        assert_eq!(noticed, text.len().div_ceil(3), "every place counts");
        // Leaves left out, or one of them alone.
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let leaves = value["leaves"].as_array().unwrap().clone();
        for kept in [&leaves[..0], &leaves[1..]] {
            value["leaves"] = kept.into();
            let read = Presence::parse(value.to_string().as_bytes()).unwrap();
            let proved = read.verify(&root, entries, asked);
            let is_a_smaller_truth = matches!(&proved, Ok(Membership::Present(tags)) if tags.len() == 1);
            assert!(proved.is_err() || (asked == fingerprint(5) && is_a_smaller_truth), "{proved:?}");
        }
    }
}
