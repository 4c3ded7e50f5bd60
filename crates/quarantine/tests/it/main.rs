//! Stories of the store: kept, sent once, erased; and the duel with a disk that fails at every step.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and its files are small"
)]

mod duel;
mod vectors;

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use quarantine::{
    Again, Bounds, Ended, Full, Item, ItemId, Keeper, KeyEncryptionKey, OpenError, Quarantine, Random, State,
    StepError, Withheld, look,
};

pub(crate) const NOW: &str = "2026-11-22T05:00:00.000Z";
pub(crate) const BODY: &[u8] = br#"{"LastName":"Zzyzx-7","FirstName":"Canary"}"#;

pub(crate) fn key() -> KeyEncryptionKey {
    KeyEncryptionKey::new(&[7; 32])
}

/// Bytes that differ each time, the same in each run.
pub(crate) fn random() -> Random {
    let next = AtomicU8::new(1);
    Arc::new(move |bytes| {
        let first = next.fetch_add(1, Ordering::Relaxed);
        for (byte, value) in bytes.iter_mut().zip(0_u8..) {
            *byte = first.wrapping_mul(31).wrapping_add(value);
        }
        true
    })
}

pub(crate) fn id(n: u8) -> ItemId {
    ItemId::of([n; 10])
}

pub(crate) fn fresh(n: u8, boundary: &str) -> Item {
    Item {
        id: id(n),
        boundary: boundary.to_owned(),
        sequence: 0,
        received: format!("2026-11-{:02}T05:00:00.000Z", 10 + n),
        ruling: format!("gateway.example/log#{n}"),
        policies: vec!["no-moved-mark".to_owned()],
        reason: "refused: a mark that was made for another record".to_owned(),
        counts: [("transplanted".to_owned(), 1)].into(),
        records: 1,
        client: "nightly".to_owned(),
        protocol: "salesforce".to_owned(),
        route: "sobjects create".to_owned(),
        method: "POST".to_owned(),
        bytes: BODY.len() as u64,
        idempotent: false,
        waits_for: None,
        upstream: None,
        environment: None,
    }
}

pub(crate) fn withheld() -> Withheld {
    Withheld {
        target: "/services/data/v67.0/sobjects/Contact".to_owned(),
        content_type: Some("application/json".to_owned()),
        method_override: None,
        body: BODY.to_vec(),
    }
}

pub(crate) fn hold(store: &mut Quarantine, item: Item) -> Result<Item, quarantine::HoldError> {
    let room = store.room().reserve(item.bytes).unwrap();
    store.hold(room, item, &withheld())
}

fn open(folder: &std::path::Path) -> Quarantine {
    Quarantine::open(folder, key(), Bounds::SUGGESTED, random(), NOW).unwrap().0
}

/// Every byte of every file below a folder.
fn all_bytes(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}

pub(crate) fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[test]
fn what_is_held_is_there_after_opening_again_and_nowhere_in_plain() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let first = hold(&mut store, fresh(1, "feed")).unwrap();
    let second = hold(&mut store, fresh(2, "feed")).unwrap();
    let other = hold(&mut store, fresh(3, "crm")).unwrap();
    assert_eq!((first.sequence, second.sequence, other.sequence), (1, 2, 1));
    assert!(matches!(
        Quarantine::open(folder.path(), key(), Bounds::SUGGESTED, random(), NOW),
        Err(OpenError::Lock(_))
    ));
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.list().count(), 3);
    assert_eq!(store.content(&id(2)).unwrap(), withheld());
    assert_eq!(store.totals()["feed"].items, 2);
    assert_eq!(store.totals()["feed"].oldest.as_deref(), Some("2026-11-11T05:00:00.000Z"));
    let bytes = all_bytes(folder.path());
    for secret in [BODY, b"Zzyzx", b"sobjects/Contact"] {
        assert!(!holds(&bytes, secret), "{}", String::from_utf8_lossy(secret));
    }
    let seen = look(folder.path(), &key()).unwrap();
    assert_eq!(seen.kept.len(), 3);
    assert_eq!(seen.content(&first).unwrap(), withheld());
}

#[test]
fn another_key_and_another_folder_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(look(folder.path(), &key()), Err(OpenError::Absent)));
    drop(open(folder.path()));
    let other = KeyEncryptionKey::new(&[8; 32]);
    assert!(matches!(look(folder.path(), &other), Err(OpenError::OtherKey { .. })));
    std::fs::write(folder.path().join("version"), "1.0").unwrap();
    assert!(matches!(look(folder.path(), &key()), Err(OpenError::NotAQuarantine)));
}

#[test]
fn a_release_happens_once_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    hold(&mut store, fresh(1, "feed")).unwrap();
    let sending = store.begin(&id(1), Again::No, NOW, "released by ada").unwrap();
    assert_eq!((sending.withheld.clone(), sending.attempts_before), (withheld(), 0));
    assert!(matches!(store.begin(&id(1), Again::Yes, NOW, ""), Err(StepError::UnderWay { .. })));
    assert!(matches!(store.reject(&id(1), NOW, ""), Err(StepError::UnderWay { .. })));
    store.end(&id(1), Ended::Arrived, NOW, "answered 201").unwrap();
    assert!(matches!(store.begin(&id(1), Again::Yes, NOW, ""), Err(StepError::Finished { .. })));
    assert!(matches!(store.content(&id(1)), Err(OpenError::Gone { .. })));
    assert!(!folder.path().join(format!("secrets/{}", id(1))).exists());
    // The next item does not take its place.
    assert_eq!(hold(&mut store, fresh(2, "feed")).unwrap().sequence, 2);
}

#[test]
fn an_unknown_end_is_never_sent_again_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    hold(&mut store, fresh(1, "feed")).unwrap();
    let sure = Item { idempotent: true, ..fresh(2, "feed") };
    hold(&mut store, sure).unwrap();
    for n in [1, 2] {
        let _sending = store.begin(&id(n), Again::No, NOW, "released by ada").unwrap();
    }
    drop(store);
    let (mut store, recovery) =
        Quarantine::open(folder.path(), key(), Bounds::SUGGESTED, random(), NOW).unwrap();
    assert_eq!(recovery.uncertain, [id(1), id(2)]);
    assert!(matches!(store.begin(&id(1), Again::No, NOW, ""), Err(StepError::Uncertain { .. })));
    let sending = store.begin(&id(2), Again::No, NOW, "released by ada").unwrap();
    assert_eq!(sending.attempts_before, 1, "what names what it writes may be sent twice");
    let _sending = store.begin(&id(1), Again::Yes, NOW, "released by ada").unwrap();
    // Not done this time says nothing of the first.
    store.end(&id(1), Ended::NotDone, NOW, "answered 400").unwrap();
    assert_eq!(store.get(&id(1)).unwrap().state, State::Uncertain);
    store.reject(&id(1), NOW, "rejected by ada").unwrap();
    assert_eq!(store.get(&id(1)).unwrap().state, State::Rejected);
}

#[test]
fn what_was_certainly_not_done_is_held_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    hold(&mut store, fresh(1, "feed")).unwrap();
    for attempt in 0..3 {
        let sending = store.begin(&id(1), Again::No, NOW, "released by ada").unwrap();
        assert_eq!(sending.attempts_before, attempt);
        store.end(&id(1), Ended::NotDone, NOW, "answered 401").unwrap();
        assert_eq!(store.get(&id(1)).unwrap().state, State::Held);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_erasing_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { items_max: 2, bytes_max: 1 << 20 };
    let (mut store, _) = Quarantine::open(folder.path(), key(), bounds, random(), NOW).unwrap();
    hold(&mut store, fresh(1, "feed")).unwrap();
    hold(&mut store, fresh(2, "feed")).unwrap();
    assert_eq!(store.room().reserve(1).unwrap_err(), Full::Items { items_max: 2 });
    store.reject(&id(1), NOW, "rejected by ada").unwrap();
    hold(&mut store, fresh(3, "feed")).unwrap();
    drop(store);
    let (mut store, _) = Quarantine::open(folder.path(), key(), bounds, random(), NOW).unwrap();
    assert!(store.room().reserve(1).is_err(), "what was found counts");
    let (erased, error) = store.expire("2026-11-13T00:00:00.000Z", NOW);
    assert!(error.is_none());
    assert_eq!(erased.iter().map(|item| item.id.clone()).collect::<Vec<_>>(), [id(2)]);
    assert_eq!(store.get(&id(2)).unwrap().state, State::Expired);
    drop(store.room().reserve(1).unwrap());
}

#[test]
fn files_that_were_moved_or_changed_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    for n in [1, 2] {
        hold(&mut store, fresh(n, "feed")).unwrap();
    }
    drop(store);
    let path = |folder_name: &str, n: u8, name: &str| {
        folder.path().join(folder_name).join(id(n).as_str()).join(name)
    };
    std::fs::copy(path("secrets", 1, "sealed"), path("secrets", 2, "sealed")).unwrap();
    let store = open(folder.path());
    assert!(matches!(store.content(&id(2)), Err(OpenError::Sealed { .. })), "another's content");
    drop(store);
    std::fs::copy(path("secrets", 1, "key"), path("secrets", 2, "key")).unwrap();
    let store = open(folder.path());
    assert!(matches!(store.content(&id(2)), Err(OpenError::Sealed { .. })), "another's key and content");
    drop(store);
    std::fs::copy(path("items", 1, "state"), path("items", 2, "state")).unwrap();
    let store = open(folder.path());
    assert_eq!(store.damaged().len(), 1);
    let said = store.known(&id(2)).unwrap_err().to_string();
    let wanted = "cannot be used: it was changed, moved, or made with another key; restore it from a backup";
    assert_eq!(said, format!("item {} {wanted}", id(2)));
    assert!(matches!(store.may_begin(&id(3), Again::No), Err(StepError::NoSuchItem { .. })));
    assert!(store.get(&id(2)).is_none() && store.content(&id(1)).is_ok());
    assert!(path("secrets", 2, "sealed").exists(), "what is damaged is left as it is");
}

#[test]
fn the_keepers_thread_answers_and_gives_the_store_back() {
    let folder = tempfile::tempdir().unwrap();
    let random = random();
    let (store, _) =
        Quarantine::open(folder.path(), key(), Bounds::SUGGESTED, Arc::clone(&random), NOW).unwrap();
    let keeper = Keeper::start(store, random).unwrap();
    let room = keeper.reserve(BODY.len() as u64).unwrap();
    let item = keeper.ask(move |store| store.hold(room, fresh(1, "feed"), &withheld())).unwrap();
    assert_eq!(item.wait().unwrap().unwrap().sequence, 1);
    let count = keeper.ask(|store| store.list().count()).unwrap().wait().unwrap();
    assert_eq!(count, 1);
    let gone = keeper.ask(|_| -> usize { panic!("a question that fails") }).unwrap();
    assert!(gone.wait().is_err(), "nobody waits for ever");
    assert!(keeper.close().is_none(), "its thread has ended");
    assert!(keeper.ask(|_| ()).is_err());
}
