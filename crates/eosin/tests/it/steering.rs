//! Versions of policies and the index, with a gateway that runs: replayed, activated, ruled by, proved.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use policy::Policies;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    emergency_scene::before,
    program::{Server, eosin, http, said},
};

const CREATE: &str = "/services/data/v67.0/sobjects/Contact";

fn upstream() -> Upstream {
    Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#))
}

/// The same traffic each time: records without a mark, one that calls itself a test, one that cannot be read; by two
/// clients; created, changed, deleted. How many were sent.
fn traffic(gateway: &Server) -> usize {
    let at = gateway.address("listening");
    let one = format!("{CREATE}/003000000000001AAA");
    let (plain, twice) = (r#"{"LastName":"Ode"}"#, r#"{"LastName":"Ode","LastName":"Bell"}"#);
    let claiming = r#"{"LastName":"Ode","Eosin_Synthetic__c":true}"#;
    let mut sent = 0;
    for client in ["nightly-sync", "portal"] {
        for (method, target, body) in [
            ("POST", CREATE, plain),
            ("POST", CREATE, claiming),
            ("POST", CREATE, twice),
            ("PATCH", &*one, plain),
            ("DELETE", &*one, ""),
        ] {
            let headers = [("content-type", "application/json"), ("user-agent", client)];
            let (status, answer) = http(at, method, target, &headers, body.as_bytes());
            assert!([201, 403].contains(&status), "{method} {target} {body}: {answer}");
            sent += 1;
        }
    }
    sent
}

fn rows(folder: &Path, sql: &str) -> Vec<Value> {
    let text = said(folder, &["index", "query", sql, "--json"], 0);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What was decided of each request, in order: the decision, and what was found of each record.
fn decided(folder: &Path) -> Vec<(String, String, String, String)> {
    said(folder, &["index", "update"], 0);
    let sql = "SELECT r.origin, r.entry, r.decision, r.policy, q.asked FROM rulings r \
               JOIN questions q ON q.origin = r.origin AND q.question = r.question ORDER BY r.entry";
    rows(folder, sql)
        .iter()
        .map(|row| {
            let text = |member: &str| row[member].as_str().unwrap().to_owned();
            let place = format!("{}#{}", text("origin"), row["entry"]);
            (place, text("decision"), text("policy"), text("asked"))
        })
        .collect()
}

/// Waits until the gateway has said in its ledger that it has taken so many versions up.
fn taken_up(folder: &Path, count: usize) -> Vec<Value> {
    loop {
        said(folder, &["index", "update"], 0);
        let sql = "SELECT origin, entry, version, activation FROM policy_changes WHERE event = 'in-force' ORDER BY entry";
        let found = rows(folder, sql);
        if found.len() >= count {
            return found;
        }
    }
}

const OURS: &str = r#"
@id("sync-may-change") @reason("the nightly job may change what is there")
permit (principal == Eosin::Client::"nightly-sync", action == Eosin::Action::"update", resource)
when { context.unproven > 0 };
@id("no-deleting") @reason("nothing is deleted this week")
forbid (principal, action == Eosin::Action::"delete", resource);
"#;

#[test]
fn a_replay_names_exactly_what_then_changes_and_no_request_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = upstream();
    before(at, &upstream);
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(
        at.join("eosin.toml"),
        text.replace("environment = \"sandbox\"", "environment = \"production\""),
    )
    .unwrap();
    let default = Policies::default_text();
    fs::write(at.join("ours.cedar"), format!("{default}\n{OURS}")).unwrap();

    let gateway = Server::start(at, &["run"], "health and metrics");
    let sent = traffic(&gateway);
    let before = decided_when(at, sent);

    let told = said(at, &["policy", "replay", "ours.cedar", "--since", "1d", "--all", "--json"], 1);
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (sum, named) = lines.split_last().unwrap();
    let named: BTreeSet<&str> = named.iter().map(|line| line["transaction"].as_str().unwrap()).collect();
    assert_eq!((sum["transactions"].as_u64(), sum["unknown"].as_u64()), (Some(sent as u64), Some(0)));
    assert_eq!(sum["changed"].as_u64(), Some(named.len() as u64));
    assert_eq!(named.len(), 3, "{told}");

    // While it is activated, somebody goes on sending.
    let address = gateway.address("listening");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let busy = std::thread::spawn(move || {
        let mut answers = Vec::new();
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            let headers = [("content-type", "application/json"), ("user-agent", "busy")];
            answers.push(http(address, "POST", CREATE, &headers, br#"{"LastName":"Ode"}"#).0);
        }
        answers
    });
    said(at, &["policy", "activate", "ours.cedar", "--by", "ada", "--reason", "CASE-7"], 0);
    // Its own word for it: while nobody rests, a ledger publishes every 16,384 entries only.
    while !gateway.output().contains("policies taken up") {
        said(at, &["policy", "history"], 0);
    }
    drop(stop);
    let answers = busy.join().unwrap();
    let found = taken_up(at, 1);
    assert!(!answers.is_empty() && answers.iter().all(|status| *status == 403), "{answers:?}");
    let version = found[0]["version"].as_str().unwrap();
    assert!(version.starts_with("ours@") && found[0]["activation"].as_str().unwrap().contains("/policy#0"));

    let already = decided_when(at, sent + answers.len()).len();
    traffic(&gateway);
    let after = decided_when(at, already + sent).split_off(already);
    assert_eq!((before.len(), after.len()), (sent, sent));
    let changed: BTreeSet<&str> = before
        .iter()
        .zip(&after)
        .filter(|(was, is)| (&was.1, &was.3) != (&is.1, &is.3))
        .map(|(was, _)| was.0.as_str())
        .collect();
    assert_eq!(changed, named);
    assert!(
        before.iter().all(|one| one.2.starts_with("default@")) && after.iter().all(|one| one.2 == version)
    );

    // What is in force is also what the next start begins with; and rolling back is a version like any other.
    gateway.stop();
    assert_eq!(said(at, &["index", "status"], 0).matches("up to date").count(), 2);
    let live = said(at, &["index", "query", "SELECT * FROM transactions ORDER BY origin, entry"], 0);
    fs::remove_file(at.join("index.sqlite")).unwrap();
    said(at, &["index", "rebuild"], 0);
    assert_eq!(said(at, &["index", "query", "SELECT * FROM transactions ORDER BY origin, entry"], 0), live);
    assert!(said(at, &["config", "show"], 0).contains(version));
    row_is_proved(at, &before[0].0);
}

/// What was said, without the frame and the line ends that a report has.
fn unwrapped(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said).replace('│', " ");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Waits until so many rulings are indexed.
fn decided_when(folder: &Path, count: usize) -> Vec<(String, String, String, String)> {
    loop {
        let found = decided(folder);
        if found.len() >= count {
            return found;
        }
    }
}

/// The proof of a row is written, holds, and is refused where the row was changed in the database.
fn row_is_proved(folder: &Path, place: &str) {
    let (origin, entry) = place.rsplit_once('#').unwrap();
    let name = format!("rulings:{entry}");
    let told = said(folder, &["prove", &format!("rulings:{place}"), "--out", "row.tlog-proof"], 0);
    assert!(told.contains("decision block") && told.contains("row.tlog-proof"), "{told}");
    let key = fs::read_to_string(folder.join("keys/ledger.vkey")).unwrap();
    let key = mark::note::VerifierKey::parse(key.trim()).unwrap();
    let proof = fs::read_to_string(folder.join("row.tlog-proof")).unwrap();
    let proof = mark::tlog_proof::TlogProof::parse(&proof).unwrap();
    let leaf = mark::merkle::leaf_hash(&fs::read(folder.join("row.json")).unwrap());
    proof.verify(&leaf, std::slice::from_ref(&key)).unwrap();

    for (row, why) in [
        ("rulings:999999", "no such row"),
        ("clients:1", "a sum over many entries"),
        ("nonsense", "names no row"),
    ] {
        let output = eosin(folder, &["prove", row]);
        assert_eq!(output.status.code(), Some(2));
        let said = unwrapped(&output.stderr);
        assert!(said.contains(why), "{row}: {said}");
    }
    let place = index::Place::File(folder.join("index.sqlite"));
    let mut open = index::Index::open(&place).unwrap();
    let sql = format!("UPDATE rulings SET decision = 'pass' WHERE origin = '{origin}' AND entry = {entry}");
    open.query(&sql, &[]).unwrap();
    drop(open);
    let output = eosin(folder, &["prove", &name.replace(':', &format!(":{origin}#"))]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the index has been changed"));
    // So is one that is gone, by the sums: nobody proves what is not there.
    let status = eosin(folder, &["index", "status"]);
    assert_eq!(status.status.code(), Some(1), "a refused ruling that passes changes the sums");
    assert!(unwrapped(&status.stderr).contains("the index has been changed"));
    said(folder, &["index", "rebuild"], 0);
    said(folder, &["index", "status"], 0);
    let mut open = index::Index::open(&index::Place::File(folder.join("index.sqlite"))).unwrap();
    open.query("DELETE FROM rulings WHERE decision = 'block'", &[]).unwrap();
    drop(open);
    let status = eosin(folder, &["index", "status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(unwrapped(&status.stderr).contains("eosin index rebuild"), "{}", unwrapped(&status.stderr));
    said(folder, &["index", "rebuild"], 0);
    // What is left out is said.
    let cut = eosin(folder, &["index", "query", "SELECT entry FROM rulings", "--limit", "1", "--json"]);
    assert_eq!((cut.status.code(), String::from_utf8_lossy(&cut.stdout).lines().count()), (Some(0), 1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("there are more rows"));
    // Nobody changes anything through the command.
    assert_eq!(eosin(folder, &["index", "query", "DELETE FROM rulings"]).status.code(), Some(2));
}

#[test]
fn a_version_that_opens_production_is_refused_and_two_do_not_overwrite_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    said(at, &["init", "--yes"], 0);
    let people =
        r#"@id("people") @reason("yes") permit (principal, action, resource) when { context.attested > 0 };"#;
    let open = r#"@id("drills") @reason("drills") permit (principal, action, resource)
        when { context.purposes.contains("drill") };"#;
    fs::write(at.join("one.cedar"), people).unwrap();
    fs::write(at.join("two.cedar"), format!("{people}\n")).unwrap();
    fs::write(at.join("open.cedar"), format!("{people}\n{open}")).unwrap();
    fs::write(at.join("broken.cedar"), people.replace("attested", "atested")).unwrap();

    let activate = |file: &str, more: &[&str]| {
        let output =
            eosin(at, &[&["policy", "activate", file, "--by", "ada", "--reason", "CASE-7"], more].concat());
        (output.status.code(), unwrapped(&[output.stdout, output.stderr].concat()))
    };
    let (code, told) = activate("open.cedar", &[]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("made for drill") && told.contains("by drills") && told.contains("was not activated"),
        "{told}"
    );
    let (code, told) = activate("broken.cedar", &[]);
    assert_eq!(code, Some(2));
    assert!(told.contains("broken.cedar have a fault") && told.contains("context.atested"), "{told}");
    assert!(said(at, &["policy", "history"], 0).contains("nothing was activated yet"));

    assert_eq!(activate("one.cedar", &[]).0, Some(0));
    let one = said(at, &["policy", "check"], 0);
    let one = one.split(':').next().unwrap();
    assert!(one.starts_with("one@"), "{one}");
    let (code, told) = activate("two.cedar", &["--expect", "default@0123456789ab"]);
    assert_eq!(code, Some(2));
    assert!(told.contains(&format!("{one} is in force")), "{told}");
    assert_eq!(activate("two.cedar", &["--expect", one]).0, Some(0));
    said(at, &["policy", "rollback", "--by", "bob", "--reason", "CASE-8"], 0);
    let history = said(at, &["policy", "history", "--json"], 0);
    let events: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = events.iter().map(|one| (one["event"].as_str(), one["by"].as_str())).collect();
    assert_eq!(
        told,
        [(Some("rollback"), Some("bob")), (Some("activate"), Some("ada")), (Some("activate"), Some("ada"))]
    );
    assert_eq!(events[0]["version"], one);

    // A text that was changed in the folder is not what was activated.
    let path = at.join("policies/versions").join(format!("{one}.cedar"));
    fs::write(&path, format!("{people}\n{open}")).unwrap();
    let output = eosin(at, &["policy", "check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it was changed"));
}

/// `eosin` at a terminal, up to its question.
fn asked(folder: &Path, words: &str, question: &str) -> (Child, BufReader<ChildStdout>) {
    let command = format!("'{}' {words}", env!("CARGO_BIN_EXE_eosin"));
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(question) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it asked {question}");
    }
    (child, lines)
}

/// The question names what is replaced, and the answer is about that.
#[test]
fn what_was_activated_while_somebody_typed_is_not_replaced_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    said(at, &["init", "--yes"], 0);
    for name in ["one", "two", "three"] {
        let text = format!(
            "@id(\"{name}\") @reason(\"yes\") permit (principal, action, resource) when {{ context.attested > 0 }};"
        );
        fs::write(at.join(name).with_extension("cedar"), text).unwrap();
    }
    let in_force = || {
        let history = said(at, &["policy", "history", "--json"], 0);
        let newest: Value = serde_json::from_str(history.lines().next().unwrap()).unwrap();
        newest["version"].as_str().unwrap().split('@').next().unwrap().to_owned()
    };
    // What ada is asked, what bel activates while she types, whether hers is taken, and what holds then.
    let check = |words: &str, name: &str, question: &str, meanwhile: Option<&str>, code: i32, holds: &str| {
        let words = format!("policy {words} --by ada --reason CASE-7");
        let (mut ada, mut screen) = asked(at, &words, question);
        if let Some(file) = meanwhile {
            said(at, &["policy", "activate", file, "--by", "bel", "--reason", "CASE-8"], 0);
        }
        ada.stdin.take().unwrap().write_all(format!("{name}\n").as_bytes()).unwrap();
        let mut rest = Vec::new();
        screen.read_to_end(&mut rest).ok();
        let told = unwrapped(&rest);
        assert_eq!(ada.wait().unwrap().code(), Some(code), "{words}: {told}");
        assert_eq!(told.contains("somebody has activated another version meanwhile"), code == 2, "{told}");
        assert_eq!(in_force(), holds, "{words}: {told}");
    };
    check("activate two.cedar", "two", "Nothing was activated yet", Some("one.cedar"), 2, "one");
    check("activate two.cedar", "two", "one@", None, 0, "two");
    check("activate one.cedar", "one", "two@", Some("three.cedar"), 2, "three");
    check("rollback", "two", "three@", Some("one.cedar"), 2, "one");
    check("rollback", "three", "one@", None, 0, "three");
    check("activate two.cedar", "another", "three@", None, 1, "three");
}

#[test]
fn cases_in_a_file_are_put_to_policies() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    said(at, &["init", "--yes"], 0);
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/policy.md")).unwrap();
    let (_, after) = page.split_once("```toml\n[[case]]").unwrap();
    let cases = format!("[[case]]{}", after.split("```").next().unwrap());
    fs::write(at.join("cases.toml"), &cases).unwrap();
    assert!(said(at, &["policy", "test", "cases.toml"], 0).contains("2 of 2 cases as expected"));
    fs::write(at.join("cases.toml"), cases.replace("expect = \"pass\"", "expect = \"block\"")).unwrap();
    let told = said(at, &["policy", "test", "cases.toml"], 1);
    assert!(told.contains("expected block; it is pass by attested-in-production-and-staging"), "{told}");
    fs::write(at.join("cases.toml"), cases.replace("expect = \"pass\"", "expect = \"perhaps\"")).unwrap();
    let output = eosin(at, &["policy", "test", "cases.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("perhaps"));
}

#[test]
fn the_commands_of_the_pages_on_policies_and_the_index_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(crate::documents::run(&format!("{root}/docs/policy.md"), folder.path()), 11);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(crate::documents::run(&format!("{root}/docs/index.md"), folder.path()), 5);
}
