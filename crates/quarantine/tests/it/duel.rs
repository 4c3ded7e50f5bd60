//! The store against a disk that fails, and against the power going, at every single operation.

use ledger::Store as _;
use quarantine::{Again, Bounds, Ended, Quarantine, State};
use testkit::disk::{Crash, FailingDisk, Failure};

use crate::{BODY, NOW, fresh, hold, holds, id, key, random, withheld};

/// What was acknowledged before it stopped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Acknowledged {
    held: [bool; 2],
    begun: bool,
    /// Its end is written down, and then that the ledger says it.
    ended: [bool; 2],
    rejected: bool,
}

/// Two items, one is sent, one rejected. A gateway stops at nothing: what fails is noted, and it goes on.
fn live(disk: &FailingDisk) -> Acknowledged {
    let mut told = Acknowledged::default();
    let opened = Quarantine::open_store(Box::new(disk.clone()), key(), Bounds::SUGGESTED, random(), NOW);
    let Ok((mut store, _)) = opened else { return told };
    told.held = [1, 2].map(|n| hold(&mut store, fresh(n, "feed")).is_ok());
    if told.held[0] {
        told.begun = store.begin(&id(1), Again::No, NOW, "released by ada").is_ok();
    }
    if told.begun {
        told.ended[0] = store.end(&id(1), Ended::Arrived, NOW, "answered 201").is_ok();
    }
    if told.ended[0] {
        told.ended[1] = store.recorded(&id(1), State::Released).is_ok();
    }
    if told.held[1] {
        told.rejected = store.reject(&id(2), NOW, "rejected by ada").is_ok();
    }
    told
}

/// Opens what is left, twice, and checks every promise.
fn check(disk: &FailingDisk, told: Acknowledged, case: &str) {
    for _ in 0..2 {
        let opened = Quarantine::open_store(Box::new(disk.clone()), key(), Bounds::SUGGESTED, random(), NOW);
        let (store, recovery) = opened.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        assert_eq!(recovery.damaged, [], "{case}");
        let state = |n| store.get(&id(n)).map(|kept| kept.state);
        for (n, held) in [1, 2].into_iter().zip(told.held) {
            if held {
                assert!(state(n).is_some(), "{case}: item {n} was acknowledged and is gone");
            }
            match state(n) {
                Some(state) if state.has_content() => {
                    assert_eq!(store.content(&id(n)).unwrap(), withheld(), "{case}: item {n}");
                }
                _ => assert!(
                    disk.length(&format!("secrets/{}/key", id(n))).is_err(),
                    "{case}: the key of item {n} outlives it"
                ),
            }
        }
        if told.begun {
            assert!(
                matches!(state(1), Some(State::Uncertain | State::Released)),
                "{case}: it was sent, and is {:?}",
                state(1)
            );
        }
        if told.ended[0] {
            assert_eq!(state(1), Some(State::Released), "{case}");
        }
        let unrecorded = |n| store.get(&id(n)).is_some_and(quarantine::Kept::is_unrecorded);
        // Nobody says that the ledger has what nobody wrote there; the other way round it is looked up once more.
        let was_sent = matches!(state(1), Some(State::Uncertain | State::Released));
        assert!(!was_sent || told.ended[0] || unrecorded(1), "{case}: item 1 is taken for recorded");
        assert!(!told.rejected || !unrecorded(2), "{case}: a rejection is in the ledger before");
        if told.rejected {
            assert_eq!(state(2), Some(State::Rejected), "{case}");
        }
    }
    for name in disk.names() {
        let bytes = disk.read(&name, 1 << 20).unwrap();
        assert!(!holds(&bytes, BODY), "{case}: {name} holds a body in plain");
    }
}

/// How many operations an undisturbed life takes.
fn operations() -> usize {
    let disk = FailingDisk::default();
    let told = live(&disk);
    assert_eq!(told, Acknowledged { held: [true; 2], begun: true, ended: [true; 2], rejected: true });
    disk.operations().len()
}

#[test]
fn no_single_failure_loses_or_doubles_anything() {
    let operations = operations();
    assert!(operations > 50, "only {operations}");
    for at in 0..operations {
        for failure in [Failure::Lost, Failure::Kept, Failure::Torn] {
            for crash in [None, Some(Crash::Strict), Some(Crash::Lenient), Some(Crash::Torn)] {
                let disk = FailingDisk::default();
                disk.fail_at(at, failure);
                let told = live(&disk);
                disk.mend();
                if let Some(crash) = crash {
                    disk.crash(crash);
                }
                check(&disk, told, &format!("operation {at}, {failure:?}, {crash:?}"));
            }
        }
    }
}

#[test]
fn the_power_may_go_at_any_moment() {
    for at in 0..operations() {
        for half in [false, true] {
            for crash in [Crash::Strict, Crash::Lenient, Crash::Torn] {
                let disk = FailingDisk::default();
                disk.cut_power_at(at, half);
                let told = live(&disk);
                disk.crash(crash);
                check(&disk, told, &format!("power cut at {at}, half {half}, {crash:?}"));
            }
        }
    }
}
