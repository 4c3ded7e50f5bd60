//! `eosin quarantine`, with a gateway that runs and without one: kept, listed, shown, released once, erased.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use testkit::upstream::{Received, Reply, Upstream};

use crate::program::{Server, eosin, http, said};

/// A name given twice: nobody can tell which holds, so it cannot be read.
const BODY: &str = r#"{"LastName":"Zzyzx-7","LastName":"Canary"}"#;
pub(crate) const CREATE: &str = "/services/data/v67.0/sobjects/Contact";
const UPSERT: &str = "/services/data/v67.0/sobjects/Contact/Mail__c/zzyzx-7@example.org";

pub(crate) fn set_up(folder: &Path, upstream: &Upstream) {
    said(folder, &["init", "--yes"], 0);
    let text = fs::read_to_string(folder.join("eosin.toml")).unwrap();
    let text = text
        .replace("https://your-domain.my.salesforce.com", &upstream.origin())
        .replace("listen = \"127.0.0.1:8443\"\ntls = true ", "listen = \"127.0.0.1:0\"\ntls = false")
        .replace("# [admin]\n# listen = \"127.0.0.1:9464\"", "[admin]\nlisten = \"127.0.0.1:0\"");
    fs::write(folder.join("eosin.toml"), text).unwrap();
}

pub(crate) fn gateway(folder: &Path) -> Server {
    Server::start(folder, &["run"], "health and metrics")
}

/// Sends something unreadable; gives the item's name from the refusal.
pub(crate) fn refused(gateway: &Server, method: &str, target: &str) -> String {
    let headers = [("authorization", "Bearer SECRET-OF-CLIENT"), ("content-type", "application/json")];
    let (status, answer) = http(gateway.address("listening"), method, target, &headers, BODY.as_bytes());
    assert_eq!(status, 403, "{answer}");
    let (_, after) = answer.split_once("Kept in quarantine as item ").expect("the refusal names the item");
    after[..16].to_owned()
}

pub(crate) fn listed(folder: &Path, arguments: &[&str]) -> Vec<Value> {
    let text = said(folder, &[&["quarantine", "list", "--json"], arguments].concat(), 0);
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn release(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_eosin"))
        .args(["quarantine", "release", "--reason", "CASE-7", "--by", "ada"])
        .args(arguments)
        .current_dir(folder)
        .env("EOSIN_RELEASE_TOKEN", "TOKEN-OF-RELEASE")
        .output()
        .unwrap()
}

/// What it printed, after checking the exit code.
pub(crate) fn told(output: &Output, code: i32) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

pub(crate) fn created(_: &Received) -> Reply {
    Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#)
}

fn all_bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(all_bytes(&path));
        } else if path.is_file() {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn a_running_gateway_keeps_and_releases_once_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(created);
    set_up(home, &upstream);
    let running = gateway(home);
    let first = refused(&running, "POST", CREATE);
    let second = refused(&running, "POST", CREATE);
    assert_eq!(upstream.received().len(), 0);
    let items = listed(home, &[]);
    let ids: Vec<&str> = items.iter().map(|kept| kept["item"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&first, &second]);
    assert_eq!((&items[0]["state"], &items[1]["item"]["sequence"]), (&"held".into(), &2.into()));
    let shown = said(home, &["quarantine", "show", &first], 0);
    assert!(shown.contains("no-unreadable") && shown.contains("1 unreadable"), "{shown}");
    let metrics = http(running.address("health and metrics"), "GET", "/metrics", &[], b"").1;
    assert!(metrics.contains("eosin_quarantine_items{boundary=\"crm\"} 2"), "{metrics}");

    let said_no = told(&release(home, &[&first]), 1);
    assert!(said_no.contains("still refused") && said_no.contains("--overrule"), "{said_no}");
    assert_eq!(upstream.received().len(), 0);
    let said_yes = told(&release(home, &["--all", "--boundary", "crm", "--overrule"]), 0);
    assert_eq!(said_yes.matches("released: the upstream answered 201").count(), 2, "{said_yes}");
    let again = told(&release(home, &[&first, "--overrule", "--again"]), 1);
    assert!(again.contains("is released already"), "{again}");

    let received = upstream.received();
    assert_eq!(received.len(), 2, "each exactly once");
    for (request, (id, sequence)) in received.iter().zip([(&first, "1"), (&second, "2")]) {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", CREATE));
        assert_eq!(request.body, BODY.as_bytes());
        assert_eq!(request.header("eosin-original-sequence"), Some(sequence));
        assert_eq!(request.header("eosin-quarantine-item"), Some(id.as_str()));
        assert_eq!(request.header("idempotency-key"), Some(format!("\"{id}\"").as_str()));
        assert_eq!(request.header("authorization"), Some("Bearer TOKEN-OF-RELEASE"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("eosin-original-received").unwrap().ends_with('Z'));
        assert!(request.header("eosin-provenance").unwrap().contains("unreadable=1"));
    }
    assert_eq!(listed(home, &[]).len(), 0);
    assert!(listed(home, &["--all"]).iter().all(|kept| kept["state"] == "released"));
    let log = running.stop();
    said(home, &["ledger", "verify"], 0);
    for (name, bytes) in all_bytes(home).iter().chain([&("what was printed".to_owned(), log.into_bytes())]) {
        for secret in ["Zzyzx-7", "SECRET-OF-CLIENT", "TOKEN-OF-RELEASE"] {
            assert!(!holds(bytes, secret), "{secret} in {name}");
        }
    }
}

#[test]
fn without_a_gateway_the_command_does_it_itself() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(|_: &Received| Reply::json(401, "[]"));
    set_up(home, &upstream);
    let running = gateway(home);
    let (first, second) = (refused(&running, "POST", CREATE), refused(&running, "PATCH", UPSERT));
    running.stop();
    for (name, bytes) in all_bytes(home) {
        assert!(!holds(&bytes, "zzyzx-7"), "an external id is content too, and is in {name}");
    }
    let refused = told(&release(home, &[&first, &second, "--overrule"]), 1);
    assert!(refused.contains("answered 401; it is held as before"), "{refused}");
    assert_eq!(upstream.received().len(), 1, "the first that fails ends it");

    // What cannot be written is not shown, and not recorded as shown.
    let nowhere =
        ["quarantine", "show", &first, "--content", "--reason", "CASE-7", "--out", "nowhere/content.txt"];
    assert_eq!(eosin(home, &nowhere).status.code(), Some(2));
    let entries = said(home, &["ledger", "show", "--kind", "quarantine", "--json"], 0);
    assert!(!entries.contains("content-shown"), "{entries}");

    let out = home.join("content.txt");
    let looked = ["quarantine", "show", &first, "--content", "--out", "content.txt"];
    assert_eq!(eosin(home, &looked).status.code(), Some(2), "not without a reason");
    said(home, &[&looked[..], &["--reason", "CASE-7", "--by", "ada"]].concat(), 0);
    assert!(fs::read_to_string(&out).unwrap().ends_with(BODY));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&out).unwrap();

    // Where nothing says a name, it has to be said: the ledger has it for ever, and the number beside it.
    let nameless = Command::new(env!("CARGO_BIN_EXE_eosin"))
        .args(["quarantine", "reject", &first, "--reason", "CASE-8"])
        .current_dir(home)
        .env_remove("USER")
        .output()
        .unwrap();
    let asked = told(&nameless, 2);
    assert!(asked.contains("--by NAME"), "{asked}");
    assert_eq!(listed(home, &[]).len(), 2);
    said(home, &["quarantine", "reject", &first, &second, "--reason", "CASE-8"], 0);
    let entries = said(home, &["ledger", "show", "--kind", "quarantine", "--json"], 0);
    assert_eq!(entries.matches("\"by\":\"tests (uid ").count(), 2, "with no gateway too: {entries}");
    assert!(!entries.contains("somebody"), "{entries}");
    for id in [&first, &second] {
        assert!(!home.join("quarantine/secrets").join(id).exists());
    }
    let shown = said(home, &["quarantine", "show", &first], 0);
    assert!(shown.contains("rejected"), "{shown}");
    said(home, &["ledger", "verify"], 0);
}

#[test]
fn what_cannot_be_believed_or_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(created);
    set_up(home, &upstream);
    let running = gateway(home);
    let (first, second) = (refused(&running, "POST", CREATE), refused(&running, "POST", CREATE));
    // A word that names nothing does nothing, and says so.
    for arguments in [
        &["quarantine", "list", "--boundary", "nope"][..],
        &["quarantine", "release", "--all", "--boundary", "nope", "--reason", "CASE-9"],
    ] {
        let output = eosin(home, arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("there is no boundary `nope`") && error.contains("`crm`"), "{error}");
    }

    // Content that cannot be opened is not recorded as shown; nor is what has nowhere to go.
    let shown =
        |id: &str| eosin(home, &["quarantine", "show", id, "--content", "--out", "o", "--reason", "C-9"]);
    let sealed = home.join("quarantine/secrets").join(&first).join("sealed");
    let whole = fs::read(&sealed).unwrap();
    fs::write(&sealed, whole.iter().map(|byte| byte ^ 1).collect::<Vec<u8>>()).unwrap();
    assert_eq!(shown(&first).status.code(), Some(2));
    fs::write(home.join("o"), "taken").unwrap();
    assert_eq!(shown(&second).status.code(), Some(2));
    fs::write(&sealed, whole).unwrap();
    drop(running.stop());
    let entries = said(home, &["ledger", "show", "--kind", "quarantine", "--json"], 0);
    assert!(entries.contains("kept") && !entries.contains("content-shown"), "{entries}");

    // What is said of an item was changed: every command says that, and nothing is done.
    let state = home.join("quarantine/items").join(&first).join("state");
    fs::write(&state, fs::read_to_string(&state).unwrap().replace("held", "hold")).unwrap();
    let damaged = "cannot be used: it was changed, moved";
    for arguments in [
        &["quarantine", "show", &first][..],
        &["quarantine", "reject", &first, "--reason", "CASE-9"],
        &["quarantine", "release", &first, "--reason", "CASE-9"],
    ] {
        let output = eosin(home, arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.replace("\n  │ ", " ").contains(damaged), "{arguments:?}: {text}");
        assert!(!text.contains("there is no item"), "{arguments:?}: {text}");
    }
}

#[test]
fn a_gateway_killed_while_it_sends_leaves_an_item_that_nobody_sends_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let upstream = Upstream::start(|request: &Received| {
        if request.header("authorization") == Some("Bearer TOKEN-OF-RELEASE") && request.connection == 0 {
            return Reply::Silent;
        }
        created(request)
    });
    set_up(&home, &upstream);
    let running = gateway(&home);
    let id = refused(&running, "POST", CREATE);
    let (place, item) = (home.clone(), id.clone());
    let asking = std::thread::spawn(move || release(&place, &[&item, "--overrule"]));
    upstream.wait_for(1);
    // Killed, not stopped: nothing of it runs any more.
    drop(running);
    told(&asking.join().unwrap(), 2);

    let running = gateway(&home);
    assert_eq!(listed(&home, &[])[0]["state"], "uncertain");
    let entries = said(&home, &["ledger", "show", "--kind", "quarantine", "--json"], 0);
    assert!(entries.contains("\"event\":\"uncertain\""), "what became of it is in the ledger: {entries}");
    let unasked = told(&release(&home, &[&id, "--overrule"]), 2);
    assert!(unasked.contains("may have been delivered already") && unasked.contains("--again"), "{unasked}");
    assert_eq!(upstream.received().len(), 1);
    told(&release(&home, &[&id, "--overrule", "--again"]), 0);
    let keys: Vec<Option<String>> = upstream
        .received()
        .iter()
        .map(|request| request.header("idempotency-key").map(str::to_owned))
        .collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1], "the same at every attempt");
    let told = running.stop();
    assert!(told.contains(&id), "it says at its start what is uncertain: {told}");
    said(&home, &["ledger", "verify"], 0);
}

#[test]
fn the_commands_of_the_page_on_the_quarantine_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let upstream = Upstream::start(created);
    set_up(home, &upstream);
    let running = gateway(home);
    let mut page = fs::read_to_string(format!("{root}/docs/quarantine.md")).unwrap();
    for name in ["kvsm4uofn6dq2zjb", "p3x7aqh5w2ylrt6e", "c6gd4n2vzo7mfs5k"] {
        page = page.replace(name, &refused(&running, "POST", CREATE));
    }
    fs::write(home.join("token"), "TOKEN-OF-RELEASE\n").unwrap();
    fs::write(home.join("page.md"), page).unwrap();
    let count = crate::documents::run(home.join("page.md").to_str().unwrap(), home);
    assert!(count >= 6, "only {count} commands found");
    running.stop();
}
