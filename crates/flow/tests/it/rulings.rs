//! What passes, what is refused, what is withheld; and that the ledger says so without a word of any record.

use policy::{Continuity, Environment, Mode, Policies};

use crate::world::{ADA, COLLECTION, CREATE, EVE, World, boundary, post, production, sandbox};
use flow::{Crossing, Entrance, Outcome, Passage, Protocol, entrance};

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
fn each_verdict_meets_each_boundary_as_the_policies_say() {
    let world = World::new();
    let marked = World::marked(&world.synthetic, 0, ADA);
    let attested = World::marked(&world.attested, 0, ADA);
    let transplanted = World::marked(&world.synthetic, 0, EVE);
    let edited = marked.replace("555-0100", "555-0199");
    for (boundary, body, want) in [
        (sandbox(), marked.as_str(), "forward v=1, synthetic=1"),
        (sandbox(), edited.as_str(), "forward v=1, synthetic=1"),
        (sandbox(), ADA, "forward v=1, unproven=1"),
        (sandbox(), transplanted.as_str(), "refuse 403"),
        (production(), marked.as_str(), "refuse 403"),
        (production(), ADA, "refuse 403"),
        (production(), attested.as_str(), "forward v=1, attested=1"),
        (production(), transplanted.as_str(), "refuse 403"),
        (production(), "{\"LastName\":\"a\",\"LastName\":\"b\"}", "refuse 403"),
    ] {
        let passage = world.pass(post(&boundary, CREATE, body));
        let said = said(&passage);
        assert!(said.starts_with(want), "{:?}: {said}", boundary.environment);
        assert!(!said.contains("Zzyzx") && !said.contains("555-01"), "{said}");
    }
}

#[test]
fn a_refusal_names_the_ruling_and_the_reason() {
    let world = World::new();
    let passage = world.pass(post(&production(), CREATE, &World::marked(&world.synthetic, 0, ADA)));
    let said = said(&passage);
    for word in
        ["EOSIN_BLOCKED", "Blocked by Eosin at boundary `crm`", "synthetic, intact", "gateway.example/log#0"]
    {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[test]
fn in_a_collection_only_the_refused_records_are_withheld() {
    let world = World::new();
    let good = World::marked(&world.attested, 0, ADA);
    let bad = World::marked(&world.synthetic, 1, EVE);
    let typed = |json: &str| json.replacen('{', r#"{"attributes":{"type":"Contact"},"#, 1);
    let body = format!(r#"{{"allOrNone":false,"records":[{},{}]}}"#, typed(&bad), typed(&good));
    let Passage::Forward(forward) = world.pass(post(&production(), COLLECTION, &body)) else {
        panic!("the good record passes")
    };
    let sent = String::from_utf8(forward.body.unwrap().to_vec()).unwrap();
    assert!(sent.contains("Ada") && !sent.contains("Eve"), "the other is withheld");
    let upstream = br#"[{"id":"003000000000001AAA","success":true,"errors":[]}]"#;
    let merged = String::from_utf8(forward.merge.unwrap().apply(upstream).unwrap()).unwrap();
    let answers: serde_json::Value = serde_json::from_str(&merged).unwrap();
    assert_eq!(answers[0]["success"], false);
    assert_eq!(answers[0]["errors"][0]["statusCode"], "EOSIN_BLOCKED");
    assert_eq!(answers[1]["id"], "003000000000001AAA");
}

#[test]
fn a_dataset_row_in_front_does_not_shift_who_is_withheld() {
    let world = World::new();
    let file = &world.synthetic.dataset;
    let row = serde_json::json!({
        "attributes": {"type": "Eosin_Dataset__c"},
        "Name": "known",
        "Eosin_Manifest__c": String::from_utf8(file.manifest.to_canonical()).unwrap(),
        "Eosin_Receipt__c": file.receipts_json(),
    });
    let typed = |json: &str| json.replacen('{', r#"{"attributes":{"type":"Contact"},"#, 1);
    let good = World::marked(&world.attested, 0, ADA);
    let body = format!(r#"{{"allOrNone":false,"records":[{row},{},{}]}}"#, typed(EVE), typed(&good));
    let Passage::Forward(forward) = world.pass(post(&production(), COLLECTION, &body)) else {
        panic!("the row and the attested contact pass")
    };
    let sent = String::from_utf8(forward.body.unwrap().to_vec()).unwrap();
    assert!(sent.contains("Eosin_Manifest__c") && sent.contains("Ada") && !sent.contains("Eve"));
}

#[test]
fn the_ledger_holds_the_ruling_and_then_its_settlement() {
    let world = World::new();
    let Passage::Forward(forward) = world.pass(post(&sandbox(), CREATE, ADA)) else {
        panic!("unproven may enter")
    };
    world.flow.settle(forward.settlement.unwrap(), Outcome::Answered(201));
    let entries = world.entries();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["eosin"], "ruling@1");
    assert_eq!(entries[0]["counts"]["unproven"], 1);
    assert_eq!(entries[0]["decision"], "pass");
    assert_eq!(entries[0]["at"], "2026-11-18T11:06:40.000Z");
    assert_eq!(entries[1]["eosin"], "settlement@1");
    assert_eq!(entries[1]["ruling"], 0);
    assert_eq!(entries[1]["status"], 201);
    let all = serde_json::to_string(&entries).unwrap();
    for secret in ["Ada", "Zzyzx", "1984", "555-01", "example.org"] {
        assert!(!all.contains(secret), "{secret} in the ledger");
    }
}

#[test]
fn observe_and_warn_record_what_enforce_would_refuse() {
    let world = World::new();
    for (mode, warned) in [(Mode::Observe, false), (Mode::Warn, true)] {
        let lenient = boundary(Environment::Production, mode, Continuity::Strict);
        let Passage::Forward(forward) = world.pass(post(&lenient, CREATE, ADA)) else {
            panic!("it only looks")
        };
        assert_eq!(forward.warning.is_some(), warned, "{mode:?}");
    }
    let entries = world.entries();
    assert_eq!(entries[0]["wouldBlock"], 1);
}

#[test]
fn a_header_that_claims_otherwise_is_not_believed() {
    let world = World::new();
    let crossing =
        Crossing { provenance: vec!["v=1, attested=1".to_owned()], ..post(&production(), CREATE, ADA) };
    let said = said(&world.pass(crossing));
    assert!(said.contains("was not believed"), "{said}");
    assert_eq!(world.entries()[0]["claim"], "contradicts");
}

#[test]
fn with_a_forbid_that_fails_to_evaluate_nothing_passes() {
    let broken = r#"
        @id("open") @reason("all may pass") permit(principal, action, resource);
        @id("broken") @reason("cannot be evaluated") forbid(principal, action, resource) when { context.records + 9223372036854775807 > 0 };
    "#;
    let world = World::with_policies(Policies::parse("broken", broken).unwrap());
    let attested = World::marked(&world.attested, 0, ADA);
    for mode in [Mode::Observe, Mode::Warn, Mode::Enforce] {
        for environment in [Environment::Sandbox, Environment::Production] {
            let here = boundary(environment, mode, Continuity::Care);
            for body in [attested.as_str(), ADA] {
                assert!(said(&world.pass(post(&here, CREATE, body))).starts_with("refuse"), "{mode:?}");
            }
        }
    }
}

#[test]
fn a_write_that_nobody_can_read_is_refused_where_the_boundary_enforces() {
    let world = World::new();
    let soap = "/services/Soap/u/67.0";
    assert_eq!(entrance(&Protocol::Salesforce, "POST", soap, None), Entrance::Unknown);
    let create = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><create/></e:Body></e:Envelope>";
    // A fault: SOAP has no other way to say it.
    assert!(said(&world.pass(post(&sandbox(), soap, create))).starts_with("refuse 500"));
    let login = create.replace("<create/>", "<login/>");
    assert!(said(&world.pass(post(&sandbox(), soap, &login))).starts_with("forward"));
    let entries = world.entries();
    assert_eq!((&entries[0]["route"], &entries[0]["action"]), (&"unknown write".into(), &"create".into()));
    assert_eq!((&entries[1]["route"], &entries[1]["action"]), (&"open call".into(), &"read".into()));
}

#[test]
fn a_dataset_that_announces_itself_is_known_from_then_on() {
    let world = World::new();
    let fresh = World::ignorant();
    let marked = World::marked(&world.synthetic, 0, ADA);
    assert!(said(&fresh.pass(post(&sandbox(), CREATE, &marked))).contains("untrusted=1"));
    let row = serde_json::json!({
        "Name": "late",
        "Eosin_Manifest__c": String::from_utf8(world.synthetic.dataset.manifest.to_canonical()).unwrap(),
        "Eosin_Receipt__c": world.synthetic.dataset.receipts_json(),
    });
    let rows = "/services/data/v67.0/sobjects/Eosin_Dataset__c";
    assert!(said(&fresh.pass(post(&sandbox(), rows, &row.to_string()))).starts_with("forward"));
    assert!(said(&fresh.pass(post(&sandbox(), CREATE, &marked))).contains("synthetic=1"));
    assert!(fresh.entries().iter().any(|entry| entry["eosin"] == "dataset-known@1"));
}
