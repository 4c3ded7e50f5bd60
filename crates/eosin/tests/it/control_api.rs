//! The control API of a console that runs: who may ask, what is read, what acts, and what is written down.

use std::{fs, net::SocketAddr, path::Path};

use mark::note::{SignedNote, SignerKey};
use policy::Policies;
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

use crate::{
    program::{Server, http, said},
    signing_in::{PASSWORD, console, home},
};

/// A name given twice: nobody can tell which holds, so it cannot be read.
const UNREADABLE: &str = r#"{"LastName":"Zzyzx-7","LastName":"Canary"}"#;
const CREATE: &str = "/services/data/v67.0/sobjects/Contact";

/// A program with a token, or without one.
struct Program {
    address: SocketAddr,
    token: String,
}

/// What it was answered.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Program {
    fn ask(&self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = more.to_vec();
        if !self.token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        let (status, whole) = http(self.address, method, path, &headers, body.as_bytes());
        let (head, body) = whole.split_once("\r\n\r\n").unwrap_or((&whole, ""));
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        Answer { status, head: head.to_owned(), body }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", &format!("/api/v1{path}"), &[], "")
    }

    fn post(&self, path: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [&[("content-type", "application/json")], more].concat();
        self.ask("POST", &format!("/api/v1{path}"), &headers, &body.to_string())
    }

    /// What a command prints that asks this console.
    fn there(&self, home: &Path, words: &[&str], code: i32) -> String {
        let url = format!("http://{}", self.address);
        fs::write(home.join("there.token"), &self.token).unwrap();
        said(home, &[&["--server", &url, "--server-token-file", "there.token"], words].concat(), code)
    }
}

pub(crate) fn token(home: &Path, name: &str, role: &str, scopes: &[&str]) -> String {
    let listed = said(home, &["operator", "list", "--json"], 0);
    if !listed.contains(&format!("\"{name}\"")) {
        said(home, &["operator", "add", name, "--role", role, "--password-file", "p.txt"], 0);
    }
    let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
    let words: Vec<&str> = ["token", "make", name, "--json"].into_iter().chain(scopes).collect();
    let made: Value = serde_json::from_str(&said(home, &words, 0)).unwrap();
    made["token"].as_str().unwrap().to_owned()
}

/// What the log of operators says that was done through the API.
pub(crate) fn done(home: &Path) -> Vec<(String, String)> {
    let shown = said(home, &["ledger", "show", "operators/log", "--json", "--last", "200"], 0);
    let entries = shown.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let entries = entries.map(|line| line.get("entry").cloned().unwrap_or(line));
    let of_api = entries.filter(|entry| entry["via"] == "api");
    of_api
        .map(|entry| (entry["event"].as_str().unwrap().to_owned(), entry["by"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn who_may_ask_and_what_is_said_to_others() {
    let folder = home();
    let at = folder.path();
    let reads = token(at, "ada", "admin", &["see-records", "see-posture"]);
    let support = token(at, "bel", "support", &["see-posture", "see-quarantine", "decide-quarantine"]);
    let (server, address) = console(at);
    let [nobody, forged, ada, bel] = [String::new(), format!("eosin_{}", "a".repeat(52)), reads, support]
        .map(|token| Program { address, token });
    for (who, path, status) in [
        (&nobody, "/openapi.json", 200),
        (&nobody, "/records", 401),
        (&forged, "/records", 401),
        (&ada, "/records", 200),
        (&ada, "/transactions", 403),
        (&ada, "/posture", 200),
        (&ada, "/me", 200),
        (&ada, "/nothing", 404),
        (&ada, "/records?limit=x", 400),
        (&bel, "/posture", 200),
        (&bel, "/quarantine", 403),
    ] {
        let answer = who.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        if status >= 400 {
            assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
            assert_eq!(answer.body["status"], status);
        }
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{path}");
    }
    let reject = bel.post("/quarantine/aaaaaaaaaaaaaaaa/reject", &[], &json!({"reason": "CASE-7"}));
    assert_eq!(reject.status, 403, "a scope that its operator has not: {}", reject.body);
    let wrong = ada.ask("DELETE", "/api/v1/records", &[], "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")));
    let known = ada.get("/records");
    let tag = known.header("etag").unwrap();
    let again = ada.ask("GET", "/api/v1/records", &[("if-none-match", tag)], "");
    assert_eq!((again.status, &again.body), (304, &Value::String(String::new())));
    // However many bad tokens come from somewhere, a good one is let in.
    for _ in 0..30 {
        assert_eq!(forged.get("/records").status, 401);
    }
    assert!(forged.get("/records").header("retry-after").is_some());
    assert_eq!(ada.get("/records").status, 200);

    assert_eq!(nobody.ask("GET", "/healthz", &[], "").body, "alive\n");
    assert_eq!(nobody.ask("GET", "/readyz", &[], "").body, "ready\n");
    assert_eq!(nobody.ask("GET", "/metrics", &[], "").status, 401);
    let metrics = ada.ask("GET", "/metrics", &[], "").body;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("eosin_control_answers_total{route=\"records\",status=\"200\"} 3"), "{metrics}");
    assert!(metrics.contains("eosin_index_behind_entries 0"), "{metrics}");
    drop(server.stop());
}

#[test]
fn a_session_acts_only_with_the_word_of_its_forms() {
    let folder = home();
    drop(token(folder.path(), "ada", "admin", &["see-posture"]));
    let (server, address) = console(folder.path());
    let nobody = Program { address, token: String::new() };
    let form = |cookie: &str, target: &str, body: &str| {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        http(
            address,
            if body.is_empty() { "GET" } else { "POST" },
            target,
            &[kind, ("cookie", cookie)],
            body.as_bytes(),
        )
        .1
    };
    let cookie = |page: &str| {
        let (_, after) = page.split_once("set-cookie: ").unwrap();
        after.split(';').next().unwrap().to_owned()
    };
    let word = |page: &str| {
        page.split_once("name=\"word\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
    };
    let door = form("", "/sign-in", "");
    let first = cookie(&door);
    let body = format!("word={}&name=ada&password={}", word(&door), PASSWORD.replace(' ', "+"));
    let session = cookie(&form(&first, "/sign-in", &body));
    let word = word(&form(&session, "/", ""));
    let with = [("cookie", session.as_str())];
    assert_eq!(nobody.ask("GET", "/api/v1/me", &with, "").body["isToken"], false);
    let target = "/quarantine/aaaaaaaaaaaaaaaa/reject";
    let reason = json!({"reason": "CASE-7"});
    assert_eq!(nobody.post(target, &with, &reason).status, 403, "no word");
    let said = [with[0], ("x-eosin-word", word.as_str())];
    assert_eq!(nobody.post(target, &said, &reason).status, 404, "there is no quarantine yet");
    let elsewhere = [said[0], said[1], ("origin", "https://elsewhere.example")];
    assert_eq!(nobody.post(target, &elsewhere, &reason).status, 403, "from another site");
    drop(server.stop());
}

fn with_upstream(at: &Path, upstream: &Upstream) -> Server {
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let text = text
        .replace("https://your-domain.my.salesforce.com", &upstream.origin())
        .replace("listen = \"127.0.0.1:8443\"\ntls = true ", "listen = \"127.0.0.1:0\"\ntls = false")
        .replace("# [admin]\n# listen = \"127.0.0.1:9464\"", "[admin]\nlisten = \"127.0.0.1:0\"");
    fs::write(at.join("eosin.toml"), text).unwrap();
    Server::start(at, &["run"], "health and metrics")
}

/// The proof of a ledger's first entry: a gateway publishes when it rests, so it is asked for until it is there.
fn proof_of_the_first(program: &Program, origin: &str) -> Answer {
    let mut proof = program.get(&format!("/proofs/{origin}/0"));
    for _ in 0..200 {
        if proof.status != 404 {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
        proof = program.get(&format!("/proofs/{origin}/0"));
    }
    proof
}

#[test]
fn of_an_item_that_another_gateway_keeps_it_is_said_whose_it_is() {
    let folder = home();
    let at = folder.path();
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let gateway = with_upstream(at, &upstream);
    let token = token(at, "ada", "compliance", &["see-quarantine"]);
    let (server, address) = console(at);
    let ada = Program { address, token };
    // As if the index had that ledger as well.
    let place = index::Place::File(at.join("index.sqlite"));
    let row = "INSERT INTO quarantine VALUES ('other.example/log', 1, '2026-11-22T05:00:00.000Z', 'abcdefghijklmnop', \
               'kept', 'feed', 'other.example/log#0', NULL, NULL, NULL, NULL, NULL, NULL, 0)";
    index::Index::open(&place).unwrap().query(row, &[]).unwrap();
    for (item, says) in
        [("abcdefghijklmnop", "whose ledger is other.example/log"), ("bbbbbbbbbbbbbbbb", "no such item")]
    {
        let answer = ada.get(&format!("/quarantine/{item}"));
        assert_eq!(answer.status, 404);
        assert!(answer.body["detail"].as_str().unwrap().contains(says), "{}", answer.body);
    }
    server.stop();
    gateway.stop();
}

/// Every item that is remembered, as the command says it.
fn listed(at: &Path) -> Value {
    serde_json::from_str(&said(at, &["quarantine", "list", "--all", "--json"], 0)).unwrap()
}

#[test]
fn what_is_kept_is_seen_decided_once_and_by_somebody() {
    let folder = home();
    let at = folder.path();
    let upstream =
        Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#));
    let gateway = with_upstream(at, &upstream);
    for _ in 0..2 {
        let headers = [("content-type", "application/json")];
        let sent = http(gateway.address("listening"), "POST", CREATE, &headers, UNREADABLE.as_bytes());
        assert_eq!(sent.0, 403, "{}", sent.1);
    }
    let all = token(at, "ada", "compliance", &["see-quarantine", "decide-quarantine", "see-ledgers"]);
    let (server, address) = console(at);
    let ada = Program { address, token: all };
    let kept = ada.get("/quarantine").body;
    assert_eq!(kept["items"], listed(at), "the same as the command says");
    let [first, second] = [0, 1].map(|number: usize| kept["items"][number]["item"]["id"].as_str().unwrap());
    let there = |words: &[&str], code: i32| ada.there(at, words, code);
    for words in
        [&["quarantine", "list"][..], &["quarantine", "list", "--json"], &["quarantine", "show", first]]
    {
        assert_eq!(there(words, 0), said(at, words, 0), "{words:?}");
    }
    assert_eq!(there(&["index", "status"], 0), said(at, &["index", "status"], 0));
    there(&["quarantine", "list", "--boundary", "nope"], 2);
    there(&["quarantine", "release", "--all", "--boundary", "nope", "--reason", "CASE-6"], 2);
    let nope = ada.get("/quarantine?boundary=nope");
    let says = nope.body["detail"].as_str().unwrap();
    assert!(nope.status == 404 && says.starts_with("there is no boundary `nope`; there are `crm`"), "{says}");
    assert_eq!(there(&["quarantine", "list", "--boundary", "crm"], 0), said(at, &["quarantine", "list"], 0));
    there(&["mark", "people.csv"], 2);
    there(&["policy", "history"], 2);
    there(&["quarantine", "reject", first, "--reason", "x", "--by", "bel"], 2);
    let one = ada.get(&format!("/quarantine/{first}"));
    let tag = [("if-match", one.header("etag").unwrap())];
    let reject = |item: &str, tag: &[(&str, &str)]| {
        ada.post(&format!("/quarantine/{item}/reject"), tag, &json!({"reason": "CASE-7"}))
    };
    let release = |more: &Value| {
        let mut wish = json!({"reason": "CASE-8", "credentials": "TOKEN-OF-RELEASE"});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ada.post(&format!("/quarantine/{second}/release"), &[], &wish)
    };
    assert!(there(&["quarantine", "release", second, "--reason", "CASE-6"], 1).contains("still refused"));
    assert_eq!(reject(second, &tag).status, 412, "the tag is of another item");
    let others = [("if-match", "\"one\""), ("if-match", "\"other\"")];
    assert_eq!(reject(first, &others).status, 412, "neither line has the tag");
    assert_eq!(reject(first, &[others[0], tag[0]]).body["isDone"], true, "the lines of a list add up");
    assert_eq!(reject(first, &tag).status, 412, "it was decided in between");
    assert_eq!(reject(first, &[]).body["isDone"], false, "it was decided already");
    assert_eq!(release(&json!({})).body["isDone"], false, "policies still refuse it");
    assert_eq!(ada.get("/quarantine?all=true").body["items"], listed(at), "what was decided too");
    assert_eq!(release(&json!({"overrule": true})).body["isDone"], true);
    assert_eq!(release(&json!({"unknown": true})).status, 400);
    let received = upstream.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("authorization"), Some("Bearer TOKEN-OF-RELEASE"));
    let by_ada = |event: &str| (event.to_owned(), "ada".to_owned());
    let (rejects, releases) = (by_ada("quarantine-reject"), by_ada("quarantine-release"));
    assert_eq!(done(at), [releases.clone(), rejects.clone(), rejects, releases.clone(), releases]);
    let ledgers = ada.get("/ledgers").body;
    let origin = ledgers["ledgers"][0]["origin"].as_str().unwrap().replace('/', "%2F");
    let proof = proof_of_the_first(&ada, &origin);
    let is_proof = proof.body["proof"].as_str().is_some_and(|text| text.contains("tlog-proof"));
    assert!(is_proof, "{}", proof.body);
    assert_eq!(ada.get(&format!("/ledgers/{origin}/check")).body["intact"], true);
    for log in [server.stop(), gateway.stop()] {
        assert!(!log.contains("TOKEN-OF-RELEASE") && !log.contains("Zzyzx"), "{log}");
    }
}

#[test]
fn versions_are_put_in_force_by_who_has_seen_what_holds() {
    let folder = home();
    let at = folder.path();
    let all = token(at, "ada", "compliance", &["see-policies", "change-policies"]);
    let (server, address) = console(at);
    let ada = Program { address, token: all };
    let more = "\n@id(\"more\") @reason(\"a try\") forbid (principal, action, resource) when { context.unproven > 99 };\n";
    let text = Policies::default_text().to_owned() + more;
    let wish = json!({"name": "next", "text": text, "reason": "CASE-9"});
    let about = json!({"name": "next", "text": text});
    assert_eq!(ada.post("/policies/check", &[], &about).body["redLine"], "proven");
    let difference = ada.post("/policies/diff", &[], &about).body;
    assert_eq!(difference["policies"][0]["sign"], "added", "{difference}");
    let replayed = ada.post("/policies/replay", &[], &json!({"name": "next", "text": text, "since": "7d"}));
    assert_eq!(replayed.body["changed"], 0, "{}", replayed.body);
    let faulty = ada.post(
        "/policies/check",
        &[],
        &json!({"name": "next", "text": "permit (principle, action, resource);"}),
    );
    assert_eq!(faulty.status, 422, "{}", faulty.body);

    assert_eq!(ada.post("/policies/activate", &[], &wish).status, 428);
    let before = ada.get("/policies/in-force");
    let tag = [("if-match", before.header("etag").unwrap())];
    let done_first = ada.post("/policies/activate", &tag, &wish);
    assert_eq!(done_first.status, 200, "{}", done_first.body);
    assert_eq!(ada.post("/policies/activate", &tag, &wish).status, 412, "another one holds now");
    let open = json!({"name": "open", "text": "@id(\"all\") @reason(\"all\") permit (principal, action, resource);", "reason": "x"});
    let any = [("if-match", "*")];
    let refused = ada.post("/policies/activate", &any, &open);
    assert_eq!(refused.status, 409, "{}", refused.body);
    let second = json!({"name": "third", "text": text, "reason": "CASE-10"});
    assert_eq!(ada.post("/policies/activate", &any, &second).status, 200);
    let back = ada.post("/policies/rollback", &any, &json!({"reason": "CASE-11"}));
    assert_eq!(back.body["version"], done_first.body["version"], "{}", back.body);
    let history = ada.get("/policies").body;
    let events: Vec<&str> =
        history["versions"].as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["rollback", "activate", "activate"]);
    for words in [&["policy", "history"][..], &["policy", "history", "--json"]] {
        assert_eq!(ada.there(at, words, 0), said(at, words, 0), "{words:?}");
    }
    let by_ada = |event: &str| (event.to_owned(), "ada".to_owned());
    let [activates, rolls] = ["policy-activate", "policy-rollback"].map(by_ada);
    assert_eq!(done(at), [activates.clone(), activates.clone(), activates, rolls]);
    drop(server.stop());
}

/// Another program's way to sign: the text of spec/policies.md, and the person's own key.
fn signed(at: &Path, who: &str, text: &str, before: Option<SignedNote>) -> SignedNote {
    let file = fs::read_to_string(at.join(format!("{who}.skey"))).unwrap();
    let key = SignerKey::parse(file.trim()).unwrap();
    let own = SignedNote::sign(text, &key).unwrap();
    match before {
        None => own,
        Some(note) => {
            own.signatures().iter().fold(note, |note, line| note.with_signature(line.clone()).unwrap())
        }
    }
}

/// Two people with keys, an emergency version of this text, a console, and the request that they sign.
fn emergency(at: &Path, stop: &str) -> (Server, Program, String) {
    for name in ["ada", "bel"] {
        said(at, &["emergency", "key", name], 0);
    }
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let people = ["ada", "bel"]
        .map(|name| format!("\n[[emergency.signer]]\nname = \"{name}\"\nkey = \"{name}.vkey\"\n"));
    fs::write(at.join("eosin.toml"), text + &people.concat()).unwrap();
    let cases = "[[case]]\nname = \"stops\"\naction = \"create\"\nenvironment = \"sandbox\"\n\
                 records = [{ verdict = \"synthetic\" }]\nexpect = \"block\"\npolicy = \"stop/no-synthetic\"\n";
    fs::write(at.join("stop.cedar"), stop).unwrap();
    fs::write(at.join("stop.toml"), cases).unwrap();
    said(at, &["emergency", "prepare", "stop.cedar", "--cases", "stop.toml", "--reason", "DRILL-1"], 0);
    let program = token(at, "cyd", "compliance", &["see-policies", "switch-emergency"]);
    let (server, address) = console(at);
    let cyd = Program { address, token: program };
    let prepared = cyd.get("/emergencies/versions").body;
    let one = &prepared["versions"][0];
    let (word, now) = (|name: &str| one[name].as_str().unwrap().to_owned(), jiff::Timestamp::now());
    let request = format!(
        "eosin-emergency@1\nlog {}\nprepared {}\nversion {}\nsha256 {}\nscope all\nasked {now}\nuntil {}\nreason CASE-7\n",
        prepared["log"].as_str().unwrap(),
        one["entry"],
        word("version"),
        word("sha256"),
        now.checked_add(jiff::SignedDuration::from_hours(1)).unwrap(),
    );
    (server, cyd, request)
}

const STOP: &str = r#"
@id("no-synthetic") @reason("an emergency") forbid (principal, action, resource) when { context.synthetic > 0 };
@id("rest") @reason("as before") permit (principal, action, resource);
"#;

const NO_BOOKINGS: &str = "\n@id(\"no-bookings\") @reason(\"stop\") \
    forbid (principal, action == Eosin::Action::\"create\", resource) when { context.attested > 0 };\n";

/// What was proven of an emergency version is proven again where other policies came in force since.
#[test]
fn what_would_stop_care_by_now_is_not_approved() {
    let folder = home();
    let at = folder.path();
    let default = Policies::default_text();
    fs::write(at.join("stops.cedar"), format!("{default}{NO_BOOKINGS}")).unwrap();
    fs::write(at.join("calm.cedar"), default).unwrap();
    said(at, &["policy", "activate", "stops.cedar", "--reason", "CASE-8"], 0);
    let (server, cyd, request) = emergency(at, &format!("{STOP}{NO_BOOKINGS}"));
    let by_ada = signed(at, "ada", &request, None);
    let asked = cyd.post("/emergencies/requests", &[], &json!({"note": by_ada.to_string()}));
    assert_eq!(asked.status, 200, "{}", asked.body);
    said(at, &["policy", "activate", "calm.cedar", "--reason", "CASE-9"], 0);
    let both = signed(at, "bel", &request, Some(by_ada));
    let approved = cyd.post("/emergencies/approvals", &[], &json!({"note": both.to_string()}));
    assert_eq!(approved.status, 409, "{}", approved.body);
    assert!(approved.body.to_string().contains("prepare it again"), "{}", approved.body);
    said(at, &["emergency", "status"], 0);
    drop(server.stop());
}

/// It is whoever asks who has to do something else: the console is well.
#[test]
fn a_version_that_would_stop_care_in_an_emergency_is_a_conflict() {
    let folder = home();
    let at = folder.path();
    let (server, cyd, request) = emergency(at, STOP);
    let by_ada = signed(at, "ada", &request, None);
    let both = signed(at, "bel", &request, Some(by_ada.clone()));
    for (path, note) in [("requests", by_ada), ("approvals", both)] {
        let placed = cyd.post(&format!("/emergencies/{path}"), &[], &json!({"note": note.to_string()}));
        assert_eq!(placed.status, 200, "{}", placed.body);
    }
    let changes = token(at, "dot", "compliance", &["see-policies", "change-policies"]);
    let dot = Program { address: cyd.address, token: changes };
    let text = format!("{}{NO_BOOKINGS}", Policies::default_text());
    let wish = json!({"name": "stops", "text": text, "reason": "CASE-8"});
    let refused = dot.post("/policies/activate", &[("if-match", "*")], &wish);
    assert_eq!(refused.status, 409, "{}", refused.body);
    let says = refused.body["detail"].as_str().unwrap();
    assert!(says.contains("is not activated during an emergency: it would stop care"), "{says}");
    drop(server.stop());
}

#[test]
fn two_people_sign_with_their_own_keys_and_the_api_never_has_them() {
    let folder = home();
    let at = folder.path();
    let (server, cyd, request) = emergency(at, STOP);
    let prepared = cyd.get("/emergencies/versions").body;
    let hand_in = |path: &str, note: &SignedNote| {
        cyd.post(&format!("/emergencies/{path}"), &[], &json!({"note": note.to_string()}))
    };
    let by_ada = signed(at, "ada", &request, None);
    assert_eq!(hand_in("approvals", &by_ada).status, 403, "one signature is not two");
    let asked = hand_in("requests", &by_ada);
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert_eq!(hand_in("requests", &by_ada).status, 409, "it waits already");
    assert_eq!(cyd.get("/emergencies").body["waiting"][0]["by"], "ada");
    let stranger = SignerKey::generate("ada", [9; 32]).unwrap();
    let forged = SignedNote::sign(&request, &stranger).unwrap();
    assert_eq!(hand_in("requests", &forged).status, 403);
    let waiting = cyd.get("/emergencies").body["waiting"][0]["note"].as_str().unwrap().to_owned();
    let both = signed(at, "bel", &request, Some(SignedNote::parse(&waiting).unwrap()));
    let approved = hand_in("approvals", &both);
    assert_eq!(approved.body["signed"], json!(["ada", "bel"]), "{}", approved.body);
    assert_eq!(hand_in("approvals", &both).status, 409, "it is in force already");
    assert_eq!(hand_in("requests", &by_ada).status, 409, "its signatures count once");
    let status: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    assert_eq!(cyd.get("/emergencies").body, status, "the same as the command says");
    let activation = status["inForce"][0]["activation"].as_str().unwrap();
    let end = format!(
        "eosin-emergency-stand-down@1\nlog {}\nactivation {activation}\nat {}\nreason CASE-7 is over\n",
        prepared["log"].as_str().unwrap(),
        jiff::Timestamp::now(),
    );
    let ended = hand_in("stand-downs", &signed(at, "bel", &end, None));
    assert_eq!(ended.status, 200, "{}", ended.body);
    said(at, &["emergency", "status"], 0);
    let events: Vec<String> = done(at).into_iter().map(|(event, _)| event).collect();
    let [ask, approve, stand_down] = ["emergency-ask", "emergency-approve", "emergency-stand-down"];
    assert_eq!(events, [approve, ask, ask, ask, approve, approve, ask, stand_down]);
    drop(server.stop());
}

/// As on the pages, and without a restart.
#[test]
fn a_signer_who_is_taken_out_of_the_file_is_refused_at_once() {
    let folder = home();
    let at = folder.path();
    let (server, cyd, request) = emergency(at, STOP);
    let hand_in = |path: &str, note: &SignedNote| {
        cyd.post(&format!("/emergencies/{path}"), &[], &json!({"note": note.to_string()}))
    };
    let by_ada = signed(at, "ada", &request, None);
    assert_eq!(hand_in("requests", &by_ada).status, 200);
    let whole = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let (without_bel, _) = whole.rsplit_once("[[emergency.signer]]").unwrap();
    fs::write(at.join("eosin.toml"), without_bel).unwrap();
    let by_bel = signed(at, "bel", &request, None);
    let refused = hand_in("requests", &by_bel);
    assert_eq!(refused.status, 403, "{}", refused.body);
    let both = signed(at, "bel", &request, Some(by_ada));
    let refused = hand_in("approvals", &both);
    assert_eq!(refused.status, 403, "{}", refused.body);
    fs::write(at.join("eosin.toml"), whole).unwrap();
    let approved = hand_in("approvals", &both);
    assert_eq!(approved.status, 200, "{}", approved.body);
    drop(server.stop());
}

#[test]
fn the_index_is_asked_in_sql_by_whoever_may_and_answers_within_bounds() {
    let folder = home();
    let at = folder.path();
    let [auditor, other] = [("ada", "auditor", "query-index"), ("bel", "support", "see-records")]
        .map(|(name, role, scope)| token(at, name, role, &[scope]));
    let (server, address) = console(at);
    let [ada, bel] = [auditor, other].map(|token| Program { address, token });
    let ask = |who: &Program, sql: &str| who.post("/query", &[], &json!({ "sql": sql, "limit": 2 }));
    let sql = "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i, 'x' AS word, NULLIF(1, 1) AS none FROM n LIMIT 9";
    let told = ask(&ada, sql);
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(
        told.body,
        json!({"columns": ["i", "word", "none"], "rows": [[1, "x", null], [2, "x", null]], "cut": true, "behind": 0})
    );
    assert_eq!(ask(&bel, "SELECT 1").status, 403);
    for (sql, says) in [
        ("SELECT * FROM sqlite_master", "docs/index.md"),
        ("DELETE FROM rulings", "nothing is changed"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT missing FROM rulings", "missing"),
    ] {
        let told = ask(&ada, sql);
        assert_eq!(told.status, 422, "{sql}: {}", told.body);
        assert!(told.body["detail"].as_str().unwrap().contains(says), "{sql}: {}", told.body);
    }
    let endless = "WITH n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    let told = ask(&ada, endless);
    assert_eq!(told.status, 503, "{}", told.body);
    assert!(told.body["detail"].as_str().unwrap().contains("stopped after 10s"), "{}", told.body);
    for body in [
        json!({"sql": ""}),
        json!({"sql": "SELECT 1", "limit": 0}),
        json!({"sql": "SELECT 1", "limit": 10_001}),
    ] {
        assert_eq!(ada.post("/query", &[], &body).status, 400, "{body}");
    }
    let there = |words: &[&str], code| ada.there(at, &[&["index", "query"], words].concat(), code);
    assert_eq!(there(&["SELECT 7 AS seven, 'x' AS word", "--json"], 0), "{\"seven\":7,\"word\":\"x\"}\n");
    assert!(there(&["SELECT 7 AS seven"], 0).contains("seven"));
    there(&["SELECT * FROM sqlite_master"], 2);
    drop(server.stop());
}

#[test]
fn a_dataset_is_registered_by_who_makes_them_if_a_trusted_log_has_sealed_it() {
    let folder = home();
    let at = folder.path();
    let mark = |at: &Path, name: &str| {
        fs::write(at.join(name), "Id,LastName\n1,Zzyzx-1\n2,Zzyzx-2\n").unwrap();
        let out = format!("marked-{name}");
        let words = ["mark", name, "--out", &out, "--dataset", "elsewhere", "--generator", "story"];
        said(at, &words, 0);
        let beside = at.join(format!("{out}.dataset.json"));
        let file = fs::read_to_string(&beside).unwrap();
        // The file of records travels alone.
        fs::remove_file(beside).unwrap();
        (out, serde_json::from_str::<Value>(&file).unwrap())
    };
    let (records, file) = mark(at, "people.csv");
    let stranger = home();
    let (_, untrusted) = mark(stranger.path(), "others.csv");
    let [generator, support] = [("gen", "generator", "register-datasets"), ("sue", "support", "see-records")]
        .map(|(name, role, scope)| token(at, name, role, &[scope]));
    let (server, address) = console(at);
    let [generator, support] = [generator, support].map(|token| Program { address, token });
    let is_dataset = |file: &fs::DirEntry| file.file_name().to_string_lossy().ends_with(".dataset.json");
    let known = || fs::read_dir(at.join("datasets")).unwrap().flatten().filter(is_dataset).count();
    let (mut changed, mut unproven, mut other) = (file.clone(), file.clone(), file.clone());
    changed["manifest"]["source"]["name"] = json!("somebody-else");
    unproven["receipts"] = json!([]);
    other["eosin"] = json!("dataset@9");
    for (who, file, status) in [
        (&support, &file, 403),
        (&generator, &untrusted, 409),
        (&generator, &changed, 422),
        (&generator, &unproven, 422),
        (&generator, &other, 422),
        (&generator, &json!([]), 422),
    ] {
        let told = who.post("/datasets", &[], file);
        assert_eq!(told.status, status, "{}", told.body);
    }
    assert_eq!((known(), done(at).len()), (0, 0));
    let judged = || said(at, &["judge", &records, "--config", "eosin.toml", "--json"], 1);
    assert!(judged().contains("\"untrusted\":2"));
    for added in [1, 0] {
        let told = generator.post("/datasets", &[], &file);
        assert_eq!(told.status, 200, "{}", told.body);
        assert_eq!((&told.body["batches"], &told.body["added"]), (&json!(1), &json!(added)));
    }
    assert_eq!(known(), 1);
    assert_eq!(done(at), vec![("dataset-register".to_owned(), "gen".to_owned()); 2]);
    assert!(judged().contains("\"synthetic\":2"));
    drop(server.stop());
}

#[test]
fn the_commands_of_the_page_run() {
    let folder = home();
    let at = folder.path();
    let scopes = [
        "see-posture",
        "see-transactions",
        "see-quarantine",
        "see-policies",
        "change-policies",
        "see-ledgers",
        "query-index",
    ];
    let token = token(at, "ada", "compliance", &scopes);
    let ours = "@id(\"people\") @reason(\"yes\")\npermit (principal, action, resource) when { context.attested > 0 };";
    fs::write(at.join("ours.cedar"), ours).unwrap();
    let (server, address) = console(at);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/control-api.md");
    let page = fs::read_to_string(page).unwrap();
    // The page has the usual port, and the token in the environment.
    let page = page.replace("127.0.0.1:8460", &address.to_string()).replace("$EOSIN_TOKEN", &token);
    let here = at.join("page.md");
    fs::write(&here, page.replace("$ eosin", &format!("$ EOSIN_TOKEN={token} eosin"))).unwrap();
    assert_eq!(crate::documents::run(&here.display().to_string(), at), COMMANDS);
    drop(server.stop());
}

/// Commands on the page.
const COMMANDS: usize = 11;
