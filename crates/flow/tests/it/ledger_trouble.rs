//! When the ledger cannot write: nothing passes, except attested traffic where stopping it would harm care.

use std::{sync::atomic::Ordering, time::Duration};

use flow::Passage;
use ledger::{Appender, AppenderConfig, Ledger, Store as _};
use mark::note::SignerKey;
use policy::{Continuity, Environment, Mode, Policies};
use testkit::disk::FailingDisk;

use crate::world::{ADA, CREATE, World, boundary, post};

fn world_on(disk: &FailingDisk) -> World {
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create_in(Box::new(disk.clone()), signer).unwrap();
    let config = AppenderConfig {
        reopen_first: Duration::from_millis(1),
        reopen_max: Duration::from_millis(5),
        ..AppenderConfig::standard()
    };
    let appender = Appender::start(ledger, config).unwrap();
    World::around(appender, Policies::default_set().unwrap(), tempfile::tempdir().unwrap())
}

#[test]
fn without_a_ledger_only_attested_care_passes_and_the_gap_is_written_down() {
    let disk = FailingDisk::default();
    let world = world_on(&disk);
    let care = boundary(Environment::Production, Mode::Enforce, Continuity::Care);
    let strict = boundary(Environment::Production, Mode::Enforce, Continuity::Strict);
    let lab = boundary(Environment::Sandbox, Mode::Observe, Continuity::Care);
    let attested = World::marked(&world.attested, 0, ADA);
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    disk.break_down();
    for (place, body, passes) in [
        (&care, attested.as_str(), true),
        (&care, attested.as_str(), true),
        (&care, synthetic.as_str(), false),
        (&care, ADA, false),
        (&strict, attested.as_str(), false),
        (&lab, ADA, false),
    ] {
        match world.pass(post(place, CREATE, body)) {
            Passage::Forward(forward) => assert!(passes && forward.settlement.is_none()),
            Passage::Unavailable(said) => assert!(!passes && said.answer.status == 503, "{:?}", place.name),
            Passage::Refuse(_) => panic!("nothing can be ruled without the ledger"),
        }
    }
    assert_eq!(world.flow.health().unlogged_care_passages, 2);

    disk.mend();
    let mut tries = 0;
    while !matches!(world.pass(post(&strict, CREATE, &attested)), Passage::Forward(_)) {
        tries += 1;
        assert!(tries < 10_000, "the ledger never came back");
        std::thread::yield_now();
    }
    assert_eq!(world.flow.health().unlogged_care_passages, 0);
    let ledger = world.flow.into_appender().close().unwrap();
    let mut written = Vec::new();
    for name in disk.names() {
        written.extend(disk.read(&name, 1 << 20).unwrap());
    }
    let said = String::from_utf8_lossy(&written);
    assert!(said.contains(r#""eosin":"gap@1""#) && said.contains(r#""passed":2"#), "{}", ledger.size());
}

#[test]
fn a_clock_that_jumps_back_is_written_down_and_time_does_not_go_back() {
    let world = World::new();
    let here = boundary(Environment::Sandbox, Mode::Enforce, Continuity::Strict);
    drop(world.pass(post(&here, CREATE, ADA)));
    world.seconds.fetch_sub(3600, Ordering::Relaxed);
    drop(world.pass(post(&here, CREATE, ADA)));
    assert_eq!(world.flow.health().clock_behind_seconds, 3600);
    let entries = world.entries();
    let fault =
        entries.iter().find(|entry| entry["eosin"] == "clock-fault@1").expect("the fault is written down");
    assert_eq!(fault["behindSeconds"], 3600);
    assert!(entries.windows(2).all(|pair| pair[0]["at"].as_str() <= pair[1]["at"].as_str()));
}
