//! The ledger says of every kept item what became of it, whenever something stopped.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use quarantine::{Again, Bounds, Ended, Kept, KeyEncryptionKey, Quarantine, State};
use serde_json::Value;
use testkit::upstream::{Received, Upstream};

use crate::{
    program::said,
    quarantine::{CREATE, created, gateway, listed, refused, release, set_up, told},
};

const NOW: &str = "2026-11-22T05:00:00.000Z";

/// The key of what is kept.
pub(crate) fn key(home: &Path) -> KeyEncryptionKey {
    let text = fs::read_to_string(home.join("keys/quarantine.key")).unwrap();
    let bytes = data_encoding::BASE64.decode(text.trim().as_bytes()).unwrap();
    KeyEncryptionKey::new(&bytes.try_into().unwrap())
}

/// The store itself, as whatever stopped had it open.
pub(crate) fn store(home: &Path) -> Quarantine {
    let random: quarantine::Random = Arc::new(|_| true);
    Quarantine::open(&home.join("quarantine"), key(home), Bounds::SUGGESTED, random, NOW).unwrap().0
}

/// What the ledger says of each item, in order: the event, and how it ended.
fn entries(home: &Path) -> BTreeMap<String, Vec<String>> {
    let text = said(home, &["ledger", "show", "--kind", "quarantine", "--last", "1000", "--json"], 0);
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines: Vec<Value> = match serde_json::from_str(&text) {
        Ok(Value::Array(lines)) => lines,
        _ => text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    };
    for line in lines {
        let entry =
            line.get("content").or(line.get("entry")).filter(|entry| entry.is_object()).unwrap_or(&line);
        let word = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let end = if word("outcome") == "said-late" { " late" } else { "" };
        all.entry(word("item")).or_default().push(word("event") + end);
    }
    all
}

/// Store and ledger say the same of each item.
fn agree(home: &Path) {
    let said = entries(home);
    for kept in listed(home, &["--all"]) {
        let id = kept["item"]["id"].as_str().unwrap();
        let last =
            said[id].iter().rfind(|event| *event != "kept").map(|event| event.trim_end_matches(" late"));
        let state = kept["state"].as_str().unwrap();
        assert_eq!(last.unwrap_or("held"), state, "item {id}: {:?}", said[id]);
    }
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn what_the_store_knows_and_the_ledger_does_not_is_written_down_once_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(created);
    set_up(home, &upstream);
    let running = gateway(home);
    let ids: Vec<String> = (0..7).map(|_| refused(&running, "POST", CREATE)).collect();
    running.stop();

    // What a kill leaves between a step and its entry, for each step.
    let mut open = store(home);
    let kept =
        |store: &Quarantine, at: usize| -> Kept { store.get(&ids[at].parse().unwrap()).unwrap().clone() };
    let before = kept(&open, 1).item.received;
    assert_eq!(open.expire(&before, NOW).0.len(), 1);
    for (at, ended) in
        [(1, Some(Ended::Arrived)), (2, Some(Ended::Unknown)), (3, Some(Ended::NotDone)), (4, None)]
    {
        let id = ids[at].parse().unwrap();
        let _sending = open.begin(&id, Again::No, NOW, "released by ada").unwrap();
        if let Some(ended) = ended {
            open.end(&id, ended, NOW, "answered").unwrap();
        }
    }
    drop(open);
    // And one whose rejection is in the ledger, and not carried out.
    let (place, beside) = (home.join("quarantine"), home.join("beside"));
    for part in ["items", "secrets"] {
        copied(&place.join(part).join(&ids[5]), &beside.join(part));
    }
    said(home, &["quarantine", "reject", &ids[5], "--reason", "CASE-7"], 0);
    for part in ["items", "secrets"] {
        copied(&beside.join(part), &place.join(part).join(&ids[5]));
    }

    let expected = [
        (0, &["kept", "expired late"][..]),
        (1, &["kept", "released late"]),
        (2, &["kept", "uncertain late"]),
        (3, &["kept", "held late"]),
        (4, &["kept", "uncertain late"]),
        (5, &["kept", "rejected", "held late"]),
        (6, &["kept"]),
    ];
    for _ in 0..2 {
        gateway(home).stop();
        let said = entries(home);
        for (at, events) in expected {
            assert_eq!(said[&ids[at]], events, "item {at}");
        }
        agree(home);
    }
    let states = store(home);
    assert!((0..7).all(|at| !kept(&states, at).is_unrecorded()));
    assert_eq!(kept(&states, 5).state, State::Held);
}

#[test]
fn who_is_told_that_an_item_is_released_finds_it_in_the_ledger_whenever_the_gateway_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(created);
    set_up(home, &upstream);
    let mut running = gateway(home);
    let mut released = Vec::new();
    for _ in 0..5 {
        let id = refused(&running, "POST", CREATE);
        told(&release(home, &[&id, "--overrule"]), 0);
        drop(running);
        running = gateway(home);
        released.push(id);
    }
    running.stop();
    let said = entries(home);
    for id in &released {
        assert_eq!(
            said[id].last().map(String::as_str),
            Some("released"),
            "durable when it was told: {:?}",
            said[id]
        );
    }
    assert_eq!(upstream.received().len(), 5, "each once");
}

#[test]
fn a_gateway_killed_when_the_answer_is_there_leaves_nothing_that_the_ledger_does_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(|request: &Received| created(request));
    set_up(home, &upstream);
    let mut running = gateway(home);
    for round in 1..=6 {
        let id = refused(&running, "POST", CREATE);
        let place = home.to_owned();
        let asking = std::thread::spawn(move || release(&place, &[&id, "--overrule"]));
        upstream.wait_for(round);
        // At any moment from now on: before the step, between it and its entry, or after both.
        drop(running);
        drop(asking.join().unwrap());
        running = gateway(home);
        agree(home);
    }
    running.stop();
    agree(home);
    assert_eq!(upstream.received().len(), 6, "each once");
    said(home, &["ledger", "verify"], 0);
}
