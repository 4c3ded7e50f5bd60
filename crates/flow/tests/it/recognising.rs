//! A record whose mark was stripped: known by the registry, suspected, refused where it must not go; never called synthetic.

use std::sync::Arc;

use crate::world::{ADA, CREATE, EVE, World, contact, post, production, sandbox};
use flow::{Known, Passage, Recognition};
use policy::Policies;
use recognise::{FingerprintKind, Person, PersonTag, Recogniser, RegistryKey, fingerprints};
use registry::{Additions, Registry};

const KEY: [u8; 32] = [7; 32];

/// A registry that knows the contact in `json`.
fn knowing(folder: &std::path::Path, json: &'static str) -> Known {
    let key = RegistryKey::new(&KEY).unwrap();
    let record = contact(json);
    let mut additions = Additions::begin(folder, key.id()).unwrap();
    for (_, fingerprint) in fingerprints(&Person::of(&record).unwrap(), &key) {
        additions.add(fingerprint, PersonTag([1; 8])).unwrap();
    }
    additions.commit().unwrap();
    Known { registry: Arc::new(Registry::open(folder).unwrap().unwrap()), key }
}

/// Policies of an organisation that lets unproven records into production.
fn trusting() -> Policies {
    let permit = "@id(\"unproven-everywhere\") @reason(\"we have only begun\") \
                  permit (principal, action, resource) when { context.unproven > 0 || context.suspected > 0 };";
    Policies::parse("trusting", &format!("{}\n{permit}", Policies::default_text())).unwrap()
}

fn said(passage: &Passage) -> String {
    match passage {
        Passage::Forward(forward) => format!("forward {}", forward.provenance),
        Passage::Refuse(refused) => {
            format!("refuse {} {}", refused.answer.status, String::from_utf8_lossy(&refused.answer.body))
        }
        Passage::Unavailable(unavailable) => format!("unavailable {}", unavailable.answer.status),
    }
}

#[test]
fn a_stripped_record_is_suspected_and_stays_out_of_production() {
    let world = World::with_policies(trusting());
    let before = said(&world.pass(post(&production(), CREATE, ADA)));
    assert!(before.starts_with("forward v=1, unproven=1"), "{before}");

    let known = knowing(&world.folder.path().join("registry"), ADA);
    world.flow.recognise_by(Recognition::new(None, Some(known), 0));
    let stripped = said(&world.pass(post(&production(), CREATE, ADA)));
    assert!(stripped.starts_with("refuse 403"), "{stripped}");
    assert!(stripped.contains("no-suspected-in-production"), "{stripped}");
    assert!(!stripped.contains("Zzyzx"), "{stripped}");
    // Another person is not, and outside production nobody is stopped.
    let other = said(&world.pass(post(&production(), CREATE, EVE)));
    assert!(other.starts_with("forward v=1, unproven=1"), "{other}");
    let outside = said(&world.pass(post(&sandbox(), CREATE, ADA)));
    assert!(outside.starts_with("forward v=1, suspected=1"), "{outside}");

    let entries = world.entries();
    let ruling = entries.iter().find(|entry| entry["counts"]["suspected"] == 1).unwrap();
    assert_eq!(ruling["counts"]["stronglySuspected"], 1);
    assert_eq!(ruling["registry"].as_str().unwrap().len(), 64);
    assert!(entries[0].get("registry").is_none(), "nothing was asked of a registry then");
}

#[test]
fn one_shared_value_is_a_weak_suspicion() {
    let world = World::with_policies(trusting());
    let key = RegistryKey::new(&KEY).unwrap();
    let record = contact(ADA);
    let prints = fingerprints(&Person::of(&record).unwrap(), &key);
    let folder = world.folder.path().join("registry");
    let mut additions = Additions::begin(&folder, key.id()).unwrap();
    let phone = prints.iter().find(|(kind, _)| *kind == FingerprintKind::Phone).unwrap();
    additions.add(phone.1, PersonTag([2; 8])).unwrap();
    additions.commit().unwrap();
    let registry = Arc::new(Registry::open(&folder).unwrap().unwrap());
    world.flow.recognise_by(Recognition::new(None, Some(Known { registry, key }), 0));
    let weak = said(&world.pass(post(&production(), CREATE, ADA)));
    assert!(weak.starts_with("forward v=1, suspected=1"), "{weak}");
}

#[test]
fn a_generators_signs_are_enough_where_there_is_no_registry() {
    let world = World::with_policies(trusting());
    let faked = r#"{"LastName":"Katherine","FirstName":"Michael","Email":"hlopez@example.net","Phone":"(555)555-0142x123",
        "MailingStreet":"0451 Robert Brooks Suite 471","MailingCity":"South Katherinefurt","MailingState":"AK","MailingPostalCode":"33101"}"#;
    let recogniser = Recogniser::built_in();
    let version = recogniser.version().to_owned();
    world.flow.recognise_by(Recognition::new(Some(recogniser), None, recognise::SUSPECTED_FROM_DECIBITS));
    let refused = said(&world.pass(post(&production(), CREATE, faked)));
    assert!(refused.starts_with("refuse 403"), "{refused}");
    assert!(refused.contains("bits"), "{refused}");
    assert!(!refused.contains("Katherine") && !refused.contains("hlopez"), "{refused}");
    assert_eq!(world.entries()[0]["recogniser"], version);
}
