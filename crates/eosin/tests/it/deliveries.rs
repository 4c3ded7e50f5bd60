//! A file that was delivered, its certificate checked by the command that anybody has.

use std::{fs, sync::Arc};

use flow::{Certifier, Delivered, Flow, Protocol, Reader, Setup, Withheld};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Salt, TrustStore, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};

use crate::documents;

#[test]
fn the_commands_about_exports_run_on_a_delivered_file() {
    let folder = tempfile::tempdir().unwrap();
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    fs::write(folder.path().join("ledger.vkey"), format!("{}\n", signer.verifier())).unwrap();
    let ledger = Ledger::create(&folder.path().join("ledger"), signer.clone()).unwrap();
    let flow = Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust: TrustStore::default(),
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(|| "2026-11-21T12:00:00Z".parse().unwrap()),
        last_at: None,
        limits: carrier::Limits { body_bytes: 1 << 20, records: 10_000 },
    })
    .with_certifier(Certifier::new(signer, Box::new(|| Some(Salt([7; 16])))));
    let boundary = Arc::new(Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: "US".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    });
    let hidden = flow.hidden(&boundary, "client");
    let protocol = Protocol::Fhir { base: "/fhir".to_owned() };
    let reader = Reader { boundary, protocol, client: "client".to_owned(), hidden };
    let format = carrier::table::Format::FhirLines.as_str();
    let file = Delivered { route: "export file", name: "1.ndjson".to_owned(), format, object: None };
    let mut delivery = flow.begin_delivery(reader, flow.delivery_id().unwrap(), file);

    let lines = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n{\"resourceType\":\"Patient\",\"id\":\"2\",\"meta\":{\"security\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActReason\",\"code\":\"HTEST\"}]}}\n{\"resourceType\":\"Observation\",\"id\":\"3\",\"note\":[{\"text\":\"h\\u00e9\"}]}\n";
    let ruled = flow.rule_lines(&mut delivery, lines.as_bytes()).unwrap();
    let kept = flow.recorded(ruled).unwrap();
    assert_eq!(String::from_utf8_lossy(&kept).lines().count(), 2, "what calls itself a test is not shown");
    let closed = flow.close_delivery(delivery, Withheld::Told).unwrap();
    fs::write(folder.path().join("1.ndjson"), &kept).unwrap();
    fs::write(folder.path().join("1.ndjson.certificate.json"), closed.certificate.unwrap()).unwrap();
    let changed = String::from_utf8(kept).unwrap().replace("\"id\":\"1\"", "\"id\":\"9\"");
    fs::write(folder.path().join("changed.ndjson"), changed).unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exports.md");
    assert_eq!(documents::run(page, folder.path()), 2);
}
