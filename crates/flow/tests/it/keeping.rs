//! What is withheld and kept: named in the ruling and in the refusal, sealed, released once, erased.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use flow::{Asked, Elsewhere, Keeping, Outcome, Overrule, Passage, Protocol, ReleaseError};
use policy::Policies;
use quarantine::{Again, Bounds, ItemId, Keeper, KeyEncryptionKey, Quarantine, Random, State, StepError};

use crate::world::{ADA, COLLECTION, CREATE, EVE, World, post, production, sandbox, wait};

fn random() -> Random {
    let next = AtomicU8::new(1);
    Arc::new(move |bytes| {
        bytes.fill(next.fetch_add(1, Ordering::Relaxed));
        true
    })
}

/// A world that keeps what is withheld at `crm`.
fn keeping(bounds: Bounds) -> World {
    let World { flow, seconds, folder, synthetic, attested } = World::new();
    let key = KeyEncryptionKey::new(&[7; 32]);
    let (store, _) = Quarantine::open(
        &folder.path().join("quarantine"),
        key,
        bounds,
        random(),
        "2026-11-18T11:06:40.000Z",
    )
    .unwrap();
    let keeper = Keeper::start(store, random()).unwrap();
    let behind = BTreeMap::from([("crm".to_owned(), "https://crm.example".to_owned())]);
    let keeping = Keeping::new(keeper, BTreeSet::from(["crm".to_owned()])).with_upstreams(behind);
    let flow = flow.keeping_withheld(keeping);
    World { flow, seconds, folder, synthetic, attested }
}

fn transplanted(world: &World) -> String {
    World::marked(&world.synthetic, 0, EVE)
}

/// The one item that is kept.
fn kept(world: &World) -> quarantine::Kept {
    let keeper = world.flow.keeping().unwrap().keeper();
    let all = keeper.ask(|store| store.list().cloned().collect::<Vec<_>>()).unwrap().wait().unwrap();
    assert_eq!(all.len(), 1);
    all[0].clone()
}

fn content(world: &World, id: &ItemId) -> String {
    let id = id.clone();
    let keeper = world.flow.keeping().unwrap().keeper();
    let withheld = keeper.ask(move |store| store.content(&id)).unwrap().wait().unwrap().unwrap();
    String::from_utf8(withheld.body).unwrap()
}

fn asked() -> Asked {
    Asked {
        by: "ada (uid 1000)".to_owned(),
        reason: "CASE-7".to_owned(),
        again: Again::No,
        overrule: Overrule::Yes,
        elsewhere: Elsewhere::No,
    }
}

fn refusal(passage: &Passage) -> String {
    let Passage::Refuse(refused) = passage else { panic!("it is refused: {passage:?}") };
    String::from_utf8(refused.answer.body.clone()).unwrap()
}

#[test]
fn what_is_kept_is_named_in_the_refusal_and_in_the_ledger() {
    let world = keeping(Bounds::SUGGESTED);
    let body = transplanted(&world);
    let said = refusal(&world.pass(post(&sandbox(), CREATE, &body)));
    let kept = kept(&world);
    assert!(said.contains(&format!("Kept in quarantine as item {}.", kept.item.id)), "{said}");
    assert_eq!(kept.item.ruling, "gateway.example/log#0");
    assert_eq!((kept.state, kept.item.sequence, kept.item.records), (State::Held, 1, 1));
    assert_eq!(kept.item.policies, ["no-moved-mark"]);
    assert_eq!(content(&world, &kept.item.id), body);
    let entries = world.entries();
    assert_eq!(entries[0]["quarantine"]["item"], kept.item.id.as_str());
    assert_eq!((&entries[1]["eosin"], &entries[1]["event"]), (&"quarantine@1".into(), &"kept".into()));
    assert_eq!(entries[1]["item"], kept.item.id.as_str());
    let all = format!("{said}{kept:?}{}", serde_json::to_string(&entries).unwrap());
    for secret in ["Eve", "Zzyzx", "555-01"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn only_what_a_policy_says_to_keep_is_kept_and_only_where_a_boundary_keeps() {
    let world = keeping(Bounds::SUGGESTED);
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    // Synthetic in production is refused plainly; unproven there is closed; an unknown way of writing cannot come back.
    for (target, body) in
        [(CREATE, synthetic.as_str()), (CREATE, ADA), ("/services/data/v67.0/unheard/of", ADA)]
    {
        let said = refusal(&world.pass(post(&production(), target, body)));
        assert!(!said.contains("quarantine"), "{said}");
    }
    let mut elsewhere = (*sandbox()).clone();
    elsewhere.name = "lab".to_owned();
    let said = refusal(&world.pass(post(&Arc::new(elsewhere), CREATE, &transplanted(&world))));
    assert!(!said.contains("quarantine"), "{said}");
    assert!(world.entries().iter().all(|entry| entry.get("quarantine").is_none()));
}

#[test]
fn of_a_collection_only_the_withheld_record_is_kept() {
    let world = keeping(Bounds::SUGGESTED);
    let typed = |json: &str| json.replacen('{', r#"{"attributes":{"type":"Contact"},"#, 1);
    let (good, bad) = (World::marked(&world.attested, 0, ADA), transplanted(&world));
    for all_or_none in [false, true] {
        let body = format!(r#"{{"allOrNone":{all_or_none},"records":[{},{}]}}"#, typed(&good), typed(&bad));
        let passage = world.pass(post(&production(), COLLECTION, &body));
        let keeper = world.flow.keeping().unwrap().keeper();
        let mut all = keeper.ask(|store| store.list().cloned().collect::<Vec<_>>()).unwrap().wait().unwrap();
        all.sort_by_key(|kept| kept.item.sequence);
        let last = all.last().unwrap();
        let sealed = content(&world, &last.item.id);
        if all_or_none {
            assert!(matches!(passage, Passage::Refuse(_)));
            assert_eq!((last.item.records, sealed), (2, body));
        } else {
            assert!(matches!(passage, Passage::Forward(_)), "the good record passes");
            assert_eq!(last.item.records, 1);
            assert!(sealed.contains("Eve") && !sealed.contains("Ada") && sealed.contains("\"records\""));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_said_and_counted() {
    let world = keeping(Bounds { items_max: 1, bytes_max: 1 << 20 });
    world.pass(post(&sandbox(), CREATE, &transplanted(&world)));
    let said = refusal(&world.pass(post(&sandbox(), CREATE, &transplanted(&world))));
    assert!(said.contains("Not kept in quarantine: the quarantine is full: 1 items wait"), "{said}");
    assert_eq!(world.flow.keeping().unwrap().not_kept()["crm"], 1);
    let entries = world.entries();
    let full = entries.iter().find(|entry| entry["quarantine"]["notKept"].is_string());
    assert!(full.is_some(), "{entries:?}");
}

#[test]
fn a_release_is_judged_again_recorded_first_and_done_once() {
    let world = keeping(Bounds::SUGGESTED);
    world.pass(post(&sandbox(), CREATE, &transplanted(&world)));
    let id = kept(&world).item.id;
    let begin = |asked: &Asked| wait(world.flow.begin_release(sandbox(), Protocol::Salesforce, &id, asked));
    let careful = Asked { overrule: Overrule::No, ..asked() };
    assert!(matches!(begin(&careful), Err(ReleaseError::StillRefused { .. })));
    let elsewhere = Protocol::Fhir { base: String::new() };
    let other = wait(world.flow.begin_release(sandbox(), elsewhere, &id, &asked()));
    assert!(matches!(other, Err(ReleaseError::OtherProtocol { .. })));

    let leaving = begin(&asked()).unwrap();
    assert!(leaving.provenance.contains("transplanted=1") && leaving.provenance.contains(&leaving.place));
    assert_eq!(kept(&world).state, State::Releasing);
    assert!(matches!(begin(&asked()), Err(ReleaseError::Step(StepError::UnderWay { .. }))));
    let state = wait(world.flow.end_release(&leaving, Outcome::Answered(201), Some(b"{\"success\":true}")));
    assert_eq!(state.unwrap(), State::Released);
    assert!(matches!(begin(&asked()), Err(ReleaseError::Step(StepError::Finished { .. }))));
    let events: Vec<String> = world
        .entries()
        .iter()
        .filter(|entry| entry["eosin"] == "quarantine@1")
        .map(|entry| entry["event"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events, ["kept", "release-refused", "release", "released"]);
    let release = world.entries().into_iter().find(|entry| entry["event"] == "release").unwrap();
    assert_eq!((&release["by"], &release["reason"]), (&"ada (uid 1000)".into(), &"CASE-7".into()));
    assert_eq!((&release["overruled"], &release["decision"]), (&true.into(), &"block".into()));
}

#[test]
fn what_policy_permits_by_now_needs_nobody_to_overrule() {
    let world = keeping(Bounds::SUGGESTED);
    world.pass(post(&sandbox(), CREATE, &transplanted(&world)));
    let id = kept(&world).item.id;
    let all = "@id(\"open\") @reason(\"a test\") permit (principal, action, resource);";
    world.flow.activate(Policies::parse("open", all).unwrap());
    let careful = Asked { overrule: Overrule::No, ..asked() };
    let leaving = wait(world.flow.begin_release(sandbox(), Protocol::Salesforce, &id, &careful)).unwrap();
    let ended = wait(world.flow.end_release(&leaving, Outcome::Answered(400), None)).unwrap();
    assert_eq!(ended, State::Held);
    let leaving = wait(world.flow.begin_release(sandbox(), Protocol::Salesforce, &id, &careful)).unwrap();
    assert_eq!(wait(world.flow.end_release(&leaving, Outcome::Unknown, None)).unwrap(), State::Uncertain);
    let refused = wait(world.flow.begin_release(sandbox(), Protocol::Salesforce, &id, &careful));
    assert!(matches!(refused, Err(ReleaseError::Step(StepError::Uncertain { .. }))));
    wait(world.flow.reject(&id, "ada", "CASE-7")).unwrap();
    assert_eq!(kept(&world).state, State::Rejected);
}

#[test]
fn what_has_been_kept_long_enough_goes_and_the_ledger_says_so() {
    let world = keeping(Bounds::SUGGESTED);
    world.pass(post(&sandbox(), CREATE, &transplanted(&world)));
    assert_eq!(wait(world.flow.expire("2026-11-18T11:06:40.000Z")).unwrap(), 0);
    assert_eq!(wait(world.flow.expire("2026-11-18T11:06:40.001Z")).unwrap(), 1);
    assert_eq!(kept(&world).state, State::Expired);
    assert!(world.entries().iter().any(|entry| entry["event"] == "expired"));
}

#[test]
fn an_item_goes_where_it_would_have_gone_unless_somebody_says_otherwise() {
    let world = keeping(Bounds::SUGGESTED);
    world.pass(post(&sandbox(), CREATE, &transplanted(&world)));
    let item = kept(&world).item;
    assert_eq!(item.upstream.as_deref(), Some("https://crm.example"));
    assert_eq!(item.environment.as_deref(), Some("sandbox"));
    // The boundary's name is the same, and what is behind it is something else.
    let mut moved = (*production()).clone();
    moved.name = "crm".to_owned();
    let begin = |asked: &Asked| {
        wait(world.flow.begin_release(Arc::new(moved.clone()), Protocol::Salesforce, &item.id, asked))
    };
    let refused = begin(&asked()).unwrap_err().to_string();
    for word in ["https://crm.example (sandbox)", "(production)", "--elsewhere"] {
        assert!(refused.contains(word), "{refused}");
    }
    assert_eq!(kept(&world).state, State::Held);
    let said = Asked { elsewhere: Elsewhere::Yes, ..asked() };
    let leaving = begin(&said).unwrap();
    assert!(leaving.is_destination_known);
    wait(world.flow.end_release(&leaving, Outcome::Answered(201), None)).unwrap();
    let release = world.entries().into_iter().find(|entry| entry["event"] == "release").unwrap();
    assert_eq!(release["elsewhere"], true);
    assert_eq!(
        (&release["environment"], &release["upstream"]),
        (&"production".into(), &"https://crm.example".into())
    );
}
