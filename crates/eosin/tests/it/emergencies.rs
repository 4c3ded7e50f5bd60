//! Emergency versions with a gateway that runs: two people, a scope, an end; and what is refused.

use std::{fs, path::Path};

use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::program::{Server, eosin, http, said};

const CREATE: &str = "/services/data/v67.0/sobjects/Contact";

/// Stops records without a mark as well: what a test can send without sealing anything.
const STOP: &str = r#"
@id("no-unproven") @reason("an emergency") forbid (principal, action, resource) when { context.unproven > 0 || context.synthetic > 0 };
@id("rest") @reason("as before") permit (principal, action, resource);
"#;
const CASES: &str = r#"
[[case]]
name = "unproven stops"
action = "create"
environment = "sandbox"
records = [{ verdict = "unproven" }]
expect = "block"
policy = "stop/no-unproven"
"#;

fn set_up(folder: &Path, upstream: &Upstream) {
    said(folder, &["init", "--yes"], 0);
    for name in ["ada", "bel"] {
        said(folder, &["emergency", "key", name], 0);
    }
    let text = fs::read_to_string(folder.join("eosin.toml")).unwrap();
    let text = text
        .replace("https://your-domain.my.salesforce.com", &upstream.origin())
        .replace("listen = \"127.0.0.1:8443\"\ntls = true ", "listen = \"127.0.0.1:0\"\ntls = false")
        .replace("continuity = \"strict\" ", "reads = \"open\"\ncontinuity = \"strict\" ")
        .replace("# [admin]\n# listen = \"127.0.0.1:9464\"", "[admin]\nlisten = \"127.0.0.1:0\"");
    let operators = "\n[[operator]]\nname = \"ada\"\nkey = \"ada.vkey\"\n[[operator]]\nname = \"bel\"\nkey = \"bel.vkey\"\n";
    fs::write(folder.join("eosin.toml"), text + operators).unwrap();
    fs::write(folder.join("stop.cedar"), STOP).unwrap();
    fs::write(folder.join("stop.toml"), CASES).unwrap();
}

fn prepare(folder: &Path) {
    said(folder, &["emergency", "prepare", "stop.cedar", "--cases", "stop.toml", "--reason", "DRILL-1"], 0);
}

fn activate(folder: &Path, scope: &str) {
    let asked = ["emergency", "activate", "stop", "--key", "ada.skey", "--scope", scope, "--for", "2h"];
    said(folder, &[&asked[..], &["--reason", "CASE-7"]].concat(), 0);
    said(folder, &["emergency", "approve", "stop", "--key", "bel.skey"], 0);
}

/// Creates a contact, again and again, until the answer is this.
fn until(gateway: &Server, status: u16) -> String {
    loop {
        let headers = [("content-type", "application/json"), ("user-agent", "portal")];
        let (is, answer) =
            http(gateway.address("listening"), "POST", CREATE, &headers, br#"{"LastName":"Ode"}"#);
        if is == status {
            return answer;
        }
    }
}

#[test]
fn two_people_put_it_in_force_and_one_stands_it_down() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream =
        Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#));
    set_up(at, &upstream);
    prepare(at);
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    said(at, &["emergency", "status"], 0);

    activate(at, "boundary=crm,object=Contact");
    let answer = until(&gateway, 403);
    assert!(answer.contains("stop/no-unproven"), "{answer}");
    let status: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    let one = &status["inForce"][0];
    assert_eq!((&one["by"], &one["approved"]), (&"ada".into(), &"bel".into()));
    said(at, &["emergency", "approve", "stop", "--key", "ada.skey"], 2);

    // A gateway that starts again obeys before its first request.
    gateway.stop();
    let gateway = Server::start(at, &["run"], "health and metrics");
    let headers = [("content-type", "application/json"), ("user-agent", "portal")];
    let address = gateway.address("listening");
    assert_eq!(http(address, "POST", CREATE, &headers, br#"{"LastName":"Ode"}"#).0, 403);

    said(at, &["index", "update"], 0);
    let told = said(at, &["emergency", "preview", "stop", "--json"], 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["consumers"][0]["client"], "portal");
    assert_eq!(told["consumers"][0]["recordsAfter"], 0);

    said(at, &["emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-7-closed"], 0);
    until(&gateway, 201);
    said(at, &["emergency", "status"], 0);
    let sql = "SELECT event FROM emergencies WHERE origin LIKE '%/policy' ORDER BY entry";
    said(at, &["index", "update"], 0);
    let events = said(at, &["index", "query", sql, "--json"], 0);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = events.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["prepared", "asked", "activated", "stood-down"]);
}

#[test]
fn what_would_stop_care_or_is_signed_by_one_person_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    set_up(at, &upstream);
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let output = eosin(at, arguments);
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    };
    let prepare_as = ["emergency", "prepare", "stop.cedar", "--cases", "stop.toml", "--reason", "DRILL-1"];
    fs::write(at.join("stop.cedar"), STOP.replace("context.unproven > 0", "context.records > 6")).unwrap();
    fails(&prepare_as, 1, "it would stop care");
    fs::write(at.join("stop.cedar"), STOP.replace("no-unproven", "no-other")).unwrap();
    fails(&prepare_as, 1, "expected block by stop/no-unproven");
    fs::write(at.join("stop.cedar"), STOP).unwrap();
    let ask = |key: &'static str, length: &'static str| {
        [
            "emergency",
            "activate",
            "stop",
            "--key",
            key,
            "--scope",
            "all",
            "--for",
            length,
            "--reason",
            "CASE-7",
        ]
    };
    fails(&ask("ada.skey", "2h"), 2, "was prepared");
    prepare(at);
    fails(&ask("ada.skey", "4d"), 2, "at most 72 h");
    fails(&ask("ada.skey", "30s"), 2, "at least a minute");
    said(at, &["emergency", "key", "dot"], 0);
    fails(&ask("dot.skey", "2h"), 2, "no operator's");
    said(at, &ask("ada.skey", "2h"), 0);
    fails(&["emergency", "approve", "stop", "--key", "ada.skey"], 2, "the same person cannot approve");
    fails(&["emergency", "approve", "stop", "--key", "dot.skey"], 2, "no operator's");
    said(at, &["emergency", "status"], 0);
    // The same key under another name is the same person.
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(at.join("eosin.toml"), format!("{text}[[operator]]\nname = \"eve\"\nkey = \"ada.vkey\"\n"))
        .unwrap();
    fails(&["emergency", "status"], 2, "have the same key");
}
