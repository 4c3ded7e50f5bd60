//! The org's data export: a zip of tables, filtered as it streams.

use std::{collections::BTreeMap, io::Read as _};

use carrier::archive::{ArchiveBounds, ArchiveWriter, Entries};
use flow::Protocol;
use gateway::Reads;
use policy::Policies;
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    deliveries::{certified, certifying, isolating, place, unchunked},
    fhir_isolated::value,
    isolated::{Kind, LocalOrg, Marks},
    scene::{Answer, Scene},
};

const WEEKLY: &str = "/servlet/servlet.OrgExport?fileName=WE_00DEy0000000001_1.ZIP&id=0920000000000001";

/// Asks as a browser does: with a session in a cookie.
fn weekly(scene: &Scene) -> Answer {
    scene.ask("GET", WEEKLY, &[("Cookie", "oid=00DEy0000000001; sid=tok")], b"")
}

fn unzipped(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut entries = Entries::new(archive, ArchiveBounds::SUGGESTED);
    let mut files = BTreeMap::new();
    while let Some(head) = entries.next_entry().unwrap() {
        let mut content = Vec::new();
        entries.content().take(1 << 24).read_to_end(&mut content).unwrap();
        files.insert(head.name, content);
    }
    files
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ArchiveWriter::default();
    for (name, content) in files {
        zip.begin(name).unwrap();
        zip.write(content).unwrap();
    }
    zip.finish().unwrap()
}

fn salesforce(origin: &str, tells_withheld: bool) -> gateway::Config {
    isolating(origin, Protocol::Salesforce, tells_withheld)
}

/// The sum of counts by verdict.
fn sum(counts: &Value) -> u64 {
    counts.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn a_weekly_export_leaves_without_whom_policy_hides_and_is_certified() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested, Kind::Synthetic, Kind::Unproven], |_| false);
    let parent = org.ids[1].clone().unwrap();
    org.create("Attachment", &json!({ "ParentId": parent, "Name": "scan", "Body": "aGlkZGVuIHNjYW4=" }));
    let whole = unzipped(&org.direct("GET", WEEKLY, "").body);
    let contacts =
        |files: &BTreeMap<String, Vec<u8>>| String::from_utf8(files["Contact.csv"].clone()).unwrap();
    assert!(contacts(&whole).contains("\"d1\"") && whole.keys().any(|name| name.starts_with("Attachments/")));

    let scene = certifying(salesforce(&org.origin(), true));
    let answer = weekly(&scene);
    let (file, is_whole) = unchunked(&answer);
    assert!(answer.status == 200 && is_whole, "{}", answer.head);
    let files = unzipped(&file);
    let text = contacts(&files);
    assert!(text.contains("\"d0\"") && text.contains("\"d2\"") && !text.contains("\"d1\""), "{text}");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["Account.csv", "Case.csv", "Contact.csv"]);

    let rows = |name: &str| -> Vec<Vec<u8>> {
        let text = String::from_utf8(files[name].clone()).unwrap();
        // Marks are one line each.
        text.lines().skip(1).map(|row| row.as_bytes().to_vec()).collect()
    };
    let all: Vec<Vec<u8>> = names.iter().flat_map(|name| rows(name)).collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let statement = certified(&scene, &answer, &file, &all);
    let read: Vec<(&str, u64)> =
        statement.predicate.files.iter().map(|file| (file.name.as_str(), file.records)).collect();
    let zip = "WE_00DEy0000000001_1.ZIP";
    let of = |name: &str| format!("{zip}/{name}");
    assert_eq!(read, [(of("Account.csv").as_str(), 1), (&of("Case.csv"), 0), (&of("Contact.csv"), 2)]);

    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    assert_eq!((&manifest["file"], &manifest["records"]), (&json!(zip), &json!(3)));
    let entries = manifest["entries"].as_array().unwrap();
    let total = |member: &str| entries.iter().map(|entry| sum(&entry[member])).sum::<u64>();
    assert_eq!(total("shown"), sum(&manifest["shown"]));
    assert_eq!(total("withheld"), sum(&manifest["withheld"]));
    assert_eq!(sum(&manifest["shown"]) + sum(&manifest["withheld"]), manifest["read"].as_u64().unwrap());
    assert_eq!(manifest["withheld"]["synthetic"], 1);
    assert!(manifest["withheld"]["unreadable"].as_u64().unwrap() > 1, "{manifest}");
    let (_, ledger) = scene.stop();
    let delivered = ledger.iter().find(|entry| entry["eosin"] == "delivery@1").unwrap();
    assert_eq!((&delivered["route"], &delivered["read"]), (&json!("data export"), &manifest["read"]));
}

#[test]
fn who_is_not_told_sees_no_entry_that_is_not_there() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &[Kind::Attested], |_| false);
    let scene = certifying(salesforce(&org.origin(), false));
    let answer = weekly(&scene);
    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    let names: Vec<&Value> =
        manifest["entries"].as_array().unwrap().iter().map(|entry| &entry["file"]).collect();
    assert_eq!(names, ["Account.csv", "Case.csv", "Contact.csv"]);
    assert!(!manifest.to_string().contains("withheld"), "{manifest}");
}

const HEADER: &str = "\"Id\",\"LastName\",\"Eosin_Mark__c\",\"Eosin_Synthetic__c\",\"Eosin_Subject__c\"\n";

fn table() -> Vec<u8> {
    let row = |at: usize| {
        let label = if at == 1 { "\"true\",\"synthetic\"" } else { "\"false\",\"\"" };
        format!("\"003{at}\",\"Zzyzx-{at}\",\"\",{label}\n")
    };
    (HEADER.to_owned() + &(0..3).map(row).collect::<String>()).into_bytes()
}

/// The archives of a server, by the last value of what is asked for.
fn server(request: &Received) -> Reply {
    let table = table();
    let plain = zipped(&[("Contact.csv", &table), ("Lead.csv", HEADER.as_bytes())]);
    let with = |from: &[u8], to: &[u8]| {
        let mut bytes = plain.clone();
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
        bytes
    };
    let inner = zipped(&[("Contact.csv", &table)]);
    let name = request.target.rsplit('=').next().unwrap();
    let bytes = match name {
        "whole" => plain,
        "truncated" => plain[..plain.len() - 30].to_vec(),
        "cut" => plain[..90].to_vec(),
        "damaged" => {
            let mut bytes = plain;
            bytes[60] ^= 0xff;
            bytes
        }
        "twice" => {
            let mut bytes = zipped(&[("Contact.csv", &table), ("Contacx.csv", &table)]);
            let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(b"Contacx.csv")).unwrap();
            bytes[at..at + 11].copy_from_slice(b"Contact.csv");
            bytes
        }
        "way-out" => with(b"Lead.csv", b"../d.csv"),
        "bomb" => zipped(&[("Contact.csv", &table), ("Attachments/1", &vec![0; 8 << 20])]),
        "no-archive" => b"PK, but not one".to_vec(),
        "nested" => zipped(&[("Contact.csv", &inner), ("inner.zip", &inner), ("Lead.csv", &table)]),
        "unlabelled" => zipped(&[("Contact.csv", b"\"Id\",\"LastName\"\n\"0031\",\"Zzyzx-1\"\n")]),
        "page" => {
            let headers = vec![("Content-Type".to_owned(), "text/html".to_owned())];
            return Reply::Whole { status: 200, headers, body: b"<html>Zzyzx-1</html>".to_vec() };
        }
        "log-in" => {
            let headers = vec![("Location".to_owned(), "/?ec=302".to_owned())];
            return Reply::Whole { status: 302, headers, body: b"Zzyzx-1".to_vec() };
        }
        other => panic!("{other}"),
    };
    let headers = vec![("Content-Type".to_owned(), "application/octet-stream".to_owned())];
    Reply::Whole { status: 200, headers, body: bytes }
}

fn target(name: &str) -> String {
    format!("/servlet/servlet.OrgExport?fileName=WE_1.ZIP&id={name}")
}

fn ask(scene: &Scene, name: &str) -> Answer {
    scene.ask("GET", &target(name), &[], b"")
}

/// Whether a hidden row can be found in what left, however much of it.
fn shows_hidden(archive: &[u8]) -> bool {
    let mut entries = Entries::new(archive, ArchiveBounds::SUGGESTED);
    let mut seen = Vec::new();
    while let Ok(Some(_)) = entries.next_entry() {
        let _ended = entries.content().take(1 << 24).read_to_end(&mut seen);
    }
    seen.windows(7).any(|window| window == b"Zzyzx-1")
}

#[test]
fn a_broken_archive_is_broken_off_and_nothing_unjudged_leaves() {
    let upstream = Upstream::start(server);
    let scene = certifying(salesforce(&upstream.origin(), true));
    for name in ["truncated", "cut", "damaged", "twice", "way-out", "bomb", "no-archive"] {
        let answer = ask(&scene, name);
        let (file, is_whole) = unchunked(&answer);
        assert!(answer.status == 200 && !is_whole, "{name}");
        assert!(!shows_hidden(&file), "{name}");
        for what in ["manifest", "certificate"] {
            assert_eq!(scene.ask("GET", &place(&answer, what), &[], b"").status, 410, "{name}");
        }
    }
    let (_, entries) = scene.stop();
    assert!(entries.iter().all(|entry| entry["eosin"] != "delivery@1"));
}

#[test]
fn what_cannot_be_judged_is_withheld_whole() {
    let upstream = Upstream::start(server);
    let scene = certifying(salesforce(&upstream.origin(), true));
    for (name, left, unread) in [
        ("whole", vec!["Contact.csv", "Lead.csv"], 0),
        ("nested", vec!["Lead.csv"], 2),
        ("unlabelled", vec![], 1),
    ] {
        let answer = ask(&scene, name);
        let (file, is_whole) = unchunked(&answer);
        assert!(is_whole && !shows_hidden(&file), "{name}");
        assert_eq!(unzipped(&file).keys().collect::<Vec<_>>(), left, "{name}");
        let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
        assert_eq!(manifest["withheld"]["unreadable"], unread, "{name}");
        let state = if left.is_empty() { "nothing to certify" } else { "written" };
        assert_eq!(manifest["certificate"]["state"], state, "{name} {manifest}");
    }
}

#[test]
fn what_is_no_export_shows_nothing() {
    let upstream = Upstream::start(server);
    let scene = certifying(salesforce(&upstream.origin(), true));
    for (name, want) in [("page", 502), ("log-in", 302)] {
        let answer = ask(&scene, name);
        assert_eq!(answer.status, want, "{name} {}", answer.text());
        assert!(!answer.text().contains("Zzyzx"), "{name}");
    }
    let mut guarding = salesforce(&upstream.origin(), true);
    if let Reads::Isolated(reads) = &mut guarding.boundaries[0].reads {
        reads.guards_lookups = true;
    }
    assert_eq!(ask(&certifying(guarding), "whole").status, 403);
}

const LENIENT: &str = r#"
@id("all") @reason("All may pass.") permit (principal, action, resource);
@id("none-synthetic") @reason("But nothing synthetic.")
forbid (principal, action, resource) when { context.synthetic > 0 };
"#;

#[test]
fn where_policy_shows_what_nobody_can_read_it_leaves_as_it_came() {
    let upstream = Upstream::start(server);
    let scene = certifying(salesforce(&upstream.origin(), true));
    scene.flow().activate(Policies::parse("test", LENIENT).unwrap());
    let answer = ask(&scene, "nested");
    let (file, is_whole) = unchunked(&answer);
    assert!(is_whole);
    let files = unzipped(&file);
    assert_eq!(files.keys().collect::<Vec<_>>(), ["Contact.csv", "Lead.csv", "inner.zip"]);
    assert_eq!(files["inner.zip"], zipped(&[("Contact.csv", &table())]));
    let manifest = value(&scene.ask("GET", &place(&answer, "manifest"), &[], b""));
    assert_eq!(manifest["certificate"]["state"], "refused", "{manifest}");
}
