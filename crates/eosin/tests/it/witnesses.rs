//! Two gateways that are each other's witness, and the commands that work over both their ledgers.

use std::{fs, path::Path, thread};

use serde_json::Value;

use crate::{
    program::{Server, http, said},
    stranger,
};

/// A gateway's folder: a ledger of its own, a witness of its own, a boundary to nowhere.
fn replica(home: &Path, name: &str) {
    said(home, &["init", "--yes", name], 0);
}

/// Its configuration, once the other's keys and the place of its witness are known.
fn configure(folder: &Path, other: &Path, other_witness: &str) {
    for name in ["ledger.vkey", "witness.vkey"] {
        fs::copy(other.join("keys").join(name), folder.join("keys").join(format!("other-{name}"))).unwrap();
    }
    let asked = if other_witness.is_empty() {
        String::new()
    } else {
        format!("[[ledger.witness]]\nurl = \"http://{other_witness}\"\nvkey = \"keys/other-witness.vkey\"\n")
    };
    let text = format!(
        r#"[ledger]
folder = "ledger"
signer = "keys/ledger.skey"
vkey = "keys/ledger.vkey"
{asked}
[witness]
listen = "127.0.0.1:0"
folder = "witness"
key = "keys/witness.skey"
logs = ["keys/other-ledger.vkey"]

[[trust]]
vkey = "keys/other-ledger.vkey"
vouches_for = ["synthetic"]

[admin]
listen = "127.0.0.1:0"

[[boundary]]
name = "feed"
protocol = "fhir"
listen = "127.0.0.1:0"
upstream = "http://127.0.0.1:9"
environment = "production"
"#
    );
    fs::write(folder.join("eosin.toml"), text).unwrap();
}

fn run(folder: &Path) -> Server {
    Server::start(folder, &["run"], "health and metrics")
}

/// A patient whom policy refuses or not: in either case there is a ruling.
fn refused(gateway: &Server) {
    let body = br#"{"resourceType":"Patient","meta":{"security":[{"code":"HTEST"}]}}"#;
    let kind = [("content-type", "application/fhir+json")];
    let (status, _) = http(gateway.address("listening feed"), "POST", "/Patient", &kind, body);
    assert!(status >= 400, "{status}");
}

#[test]
fn two_gateways_witness_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (one, two) = (home.join("one"), home.join("two"));
    replica(home, "one");
    replica(home, "two");
    configure(&two, &one, "");
    let second = run(&two);
    let place = second.address("witness:").to_string();
    configure(&one, &two, &place);
    let first = run(&one);
    refused(&first);
    refused(&second);
    // It stops; its last checkpoint is cosigned by the other, which is still there.
    drop(first.stop());
    drop(second.stop());

    let told = said(&one, &["ledger", "verify"], 0);
    assert!(told.contains("1 of 1 have cosigned the first"), "{told}");
    let report: Value = serde_json::from_str(&said(&one, &["ledger", "verify", "--json"], 0)).unwrap();
    let size = report["size"].as_u64().unwrap();
    assert!(size > 0 && report["witnesses"]["size"].as_u64() == Some(size), "{report}");

    // Evidence is under what was cosigned, and says so.
    let told: Value = serde_json::from_str(&said(
        &one,
        &["ledger", "prove", "0", "--out", "first.tlog-proof", "--json"],
        0,
    ))
    .unwrap();
    assert_eq!(told["witnesses"]["quorum"], 1, "{told}");
    let proof = fs::read_to_string(one.join("first.tlog-proof")).unwrap();
    let witness = fs::read_to_string(one.join("keys/other-witness.vkey")).unwrap();
    let name = witness.split('+').next().unwrap();
    assert!(proof.contains(&format!("\u{2014} {name} ")), "{proof}");

    // A verifier that shares nothing with us reads the cosignature too.
    if stranger::is_here() {
        let output = stranger::asked(
            &one,
            &["witness", "keys/ledger.vkey", "keys/other-witness.vkey", "first.tlog-proof"],
        );
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.contains(&format!("{name} cosigned {size} entries")), "{told}");
    }

    // Both ledgers in one command; each key finds its own.
    let both = ["ledger", "verify", "ledger", "../two/ledger", "--json"];
    let lines = said(&one, &both, 0);
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(reports.iter().all(|report| report["intact"] == true), "{lines}");
    assert!(reports[1]["witnesses"].is_null(), "nobody was asked to witness the second: {lines}");
    let witness = ["--witness", "keys/other-witness.vkey"];
    said(&one, &[&both[..], &witness].concat(), 1);

    let shown = said(&one, &["ledger", "show", "ledger", "../two/ledger", "--kind", "ruling", "--json"], 0);
    let entries: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<&str> = entries.iter().map(|entry| entry["place"].as_str().unwrap()).collect();
    assert_eq!(places.len(), 2, "{shown}");
    assert!(entries[0]["entry"]["at"].as_str() <= entries[1]["entry"]["at"].as_str());
    said(&one, &["ledger", "prove", places[1], "--folder", "ledger", "--folder", "../two/ledger"], 0);
    said(&one, &["ledger", "prove", "0", "--folder", "ledger", "--folder", "../two/ledger"], 2);

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/replicas.md");
    assert_eq!(crate::documents::run(page, home), 2);

    // A quorum that is not there is a finding; so is a history that the witness did not see.
    said(&one, &["ledger", "verify", "--quorum", "2"], 2);
    fs::copy(two.join("ledger/checkpoint"), one.join("ledger/checkpoint.cosigned")).unwrap();
    let told = said(&one, &["ledger", "verify"], 1);
    assert!(told.contains("not witnessed"), "{told}");
}

#[test]
fn a_witness_that_is_away_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    replica(home, "one");
    replica(home, "two");
    configure(&home.join("one"), &home.join("two"), "127.0.0.1:9");
    let first = run(&home.join("one"));
    refused(&first);
    let output = first.stop();
    assert!(output.contains("the witness did not cosign: it cannot be reached"), "{output}");
    let told = said(&home.join("one"), &["ledger", "verify"], 1);
    assert!(told.contains("no witness has cosigned it yet"), "{told}");
    assert_eq!(said(&home.join("one"), &["ledger", "show", "--kind", "ruling"], 0).lines().count(), 1);
    said(&home.join("one"), &["ledger", "show", "--last", "0"], 2);
    said(&home.join("one"), &["ledger", "show", "--since", "yesterday"], 2);
    assert_eq!(
        said(&home.join("one"), &["ledger", "show", "--since", "2999-01-01T00:00:00Z", "--json"], 0),
        ""
    );
}

/// The metrics of a gateway, once they contain a line.
fn metrics_with(gateway: &Server, line: &str) -> String {
    let mut text = String::new();
    for _ in 0..20_000 {
        (_, text) = http(gateway.address("health and metrics"), "GET", "/metrics", &[], b"");
        if text.lines().any(|found| found == line) {
            return text;
        }
        thread::yield_now();
    }
    panic!("`{line}` does not come: {text}\n{}", gateway.output());
}

#[test]
fn an_older_copy_of_a_ledger_is_objected_to_aloud() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (one, two) = (home.join("one"), home.join("two"));
    replica(home, "one");
    replica(home, "two");
    configure(&two, &one, "");
    let second = run(&two);
    configure(&one, &two, &second.address("witness:").to_string());
    drop(run(&one).stop());
    let before = home.join("before");
    copied(&one.join("ledger"), &before);
    let first = run(&one);
    (0..4).for_each(|_| refused(&first));
    drop(first.stop());
    let report: Value = serde_json::from_str(&said(&one, &["ledger", "verify", "--json"], 0)).unwrap();
    let seen = report["size"].as_u64().unwrap();
    assert_eq!(report["witnesses"]["published"].as_u64(), Some(seen), "{report}");

    // Somebody restores the copy. What the gateway began with is what was cosigned of it.
    fs::remove_dir_all(one.join("ledger")).unwrap();
    copied(&before, &one.join("ledger"));
    let report: Value = serde_json::from_str(&said(&one, &["ledger", "verify", "--json"], 0)).unwrap();
    let kept = report["size"].as_u64().unwrap();
    assert!(kept < seen, "{kept} of {seen}");
    let first = run(&one);
    let text = metrics_with(&first, "eosin_witnesses_objecting 1");
    assert!(text.contains(&format!("\neosin_witnessed_entries {kept}\n")), "{text}");
    // Once it has grown past what the witness saw, the witness says something else, and that is said as well.
    (kept..=seen).for_each(|_| refused(&first));
    let output = first.stop();
    let objected = |why: &str| {
        let mut lines = output.lines().filter(|line| line.contains(" ERROR "));
        assert!(lines.any(|line| line.contains(why)), "{why}: {output}");
    };
    objected(&format!("it has seen {seen} entries, more than this ledger has published"));
    objected("it says that this ledger does not continue what it saw before");
    drop(second.stop());

    // Its entries are new, so they may still be on their way: nobody says of them that nothing was removed.
    let told = said(&one, &["ledger", "verify"], 0);
    assert!(!told.contains("is whole") && told.contains(&format!("the first {kept} of ")), "{told}");
}

/// A copy of a folder with what is in it.
fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for found in fs::read_dir(from).unwrap() {
        let found = found.unwrap();
        let to = to.join(found.file_name());
        if found.file_type().unwrap().is_dir() {
            copied(&found.path(), &to);
        } else {
            fs::copy(found.path(), to).unwrap();
        }
    }
}
