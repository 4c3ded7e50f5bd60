//! What is known of an org where reads are isolated: an org tells each user of what that user may see, and things come.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use gateway::{IsolatedReads, Reads, Signatures};
use policy::{Environment, Mode};
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    isolated::{VERSION, query},
    scene::{self, Answer, Scene},
};

const ADMIN: &str = "Bearer admin";
const READER: &str = "Bearer reader";
const CONTACT: &str = "003000000000001AAA";
const VISIT: &str = "a01000000000001AAA";
const PATIENT: &str = "a02000000000001AAA";
const SHARE: &str = "a03000000000001AAA";
const EXAM: &str = "a04000000000001AAA";

/// An id without the letters that only say its case.
fn short(id: &str) -> &str {
    id.get(..15).unwrap()
}

/// Somebody hidden, and what points at them. The reader may see neither `Patient__c` nor `Visit__c.Person__c`.
fn org(request: &Received, later: bool) -> Reply {
    let is_reader = request.headers.iter().any(|(_, value)| value == READER);
    let (path, asked) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let asked = asked.replace("%20", "+").replace("%2E", ".");
    let path = path.strip_prefix(VERSION).unwrap_or(path).to_ascii_lowercase();
    let field = |name: &str| json!({ "name": name, "referenceTo": [] });
    let way = |name: &str, to: &str| json!({ "name": format!("{name}__c"), "referenceTo": [to], "relationshipName": format!("{name}__r") });
    let described =
        |name: &str, fields: &[Value]| json!({ "name": name, "fields": fields, "childRelationships": [] });
    let row = |name: &str, id: &str| json!({ "attributes": { "type": name, "url": format!("{VERSION}/sobjects/{name}/{id}") }, "Id": id, "Diagnosis__c": "SECRET", "Eosin_Synthetic__c": true, "Eosin_Subject__c": "synthetic", "Eosin_Mark__c": null });
    let own = ["Id", "Eosin_Synthetic__c", "Eosin_Subject__c", "Eosin_Mark__c"].map(field);
    let answer = match path.as_str() {
        "/sobjects" => {
            let mut listed = vec![
                json!({ "name": "Contact", "keyPrefix": "003" }),
                json!({ "name": "Visit__c", "keyPrefix": "a01" }),
                json!({ "name": "Share__c", "keyPrefix": null }),
            ];
            if !is_reader {
                listed.push(json!({ "name": "Patient__c", "keyPrefix": "a02" }));
            }
            if later {
                listed.push(json!({ "name": "Exam__c", "keyPrefix": "a04" }));
            }
            json!({ "sobjects": listed })
        }
        "/sobjects/contact/describe" => described("Contact", &own),
        "/sobjects/visit__c/describe" if is_reader => described("Visit__c", &[field("Id")]),
        "/sobjects/visit__c/describe" => described("Visit__c", &[field("Id"), way("Person", "Contact")]),
        "/sobjects/exam__c/describe" => described("Exam__c", &[field("Id"), way("Person", "Contact")]),
        "/sobjects/share__c/describe" => described("Share__c", &[field("Id"), way("Parent", "Contact")]),
        "/query" | "/queryall" => {
            let finds = |name: &str| {
                asked.to_ascii_lowercase().contains(&format!("from+{name}").to_ascii_lowercase())
            };
            let hides = asked.contains("__r.Eosin_");
            let found = [
                ("Contact", CONTACT),
                ("Visit__c", VISIT),
                ("Patient__c", PATIENT),
                ("Share__c", SHARE),
                ("Exam__c", EXAM),
            ];
            let rows: Vec<Value> = found
                .into_iter()
                .filter(|(name, _)| !hides && finds(name))
                .map(|(name, id)| row(name, id))
                .collect();
            if asked.contains("003000000000009") {
                return Reply::json(400, r#"[{"errorCode":"QUERY_TIMEOUT","message":"too long"}]"#);
            }
            json!({ "totalSize": rows.len(), "done": true, "records": rows })
        }
        _ if request.method == "DELETE" => {
            return Reply::Whole { status: 204, headers: Vec::new(), body: Vec::new() };
        }
        path => match [("Share__c", SHARE), ("Exam__c", EXAM), ("Patient__c", PATIENT)]
            .into_iter()
            .find(|(_, id)| path.contains(&short(id).to_ascii_lowercase()))
        {
            Some((name, id)) => {
                let mut row = row(name, id);
                row.as_object_mut().unwrap().retain(|name, _| !name.starts_with("Eosin"));
                row
            }
            None => return Reply::json(404, r#"[{"errorCode":"NOT_FOUND","message":"not there"}]"#),
        },
    };
    Reply::json(200, &answer.to_string())
}

struct Stage {
    upstream: Upstream,
    scene: Scene,
    later: Arc<AtomicBool>,
}

impl Stage {
    fn new() -> Self {
        let later = Arc::new(AtomicBool::new(false));
        let (of_org, of_clock) = (Arc::clone(&later), Arc::clone(&later));
        let upstream = Upstream::start(move |request| org(request, of_org.load(Ordering::Relaxed)));
        let mut config = scene::config(&upstream.origin());
        let boundary = &mut config.boundaries[0];
        boundary.boundary.mode = Mode::Enforce;
        boundary.boundary.environment = Environment::Production;
        boundary.reads = Reads::Isolated(IsolatedReads {
            objects: ["Contact", "Patient__c"].map(str::to_owned).to_vec(),
            ..IsolatedReads::standard()
        });
        let clock: flow::Clock = Box::new(move || {
            let now = if of_clock.load(Ordering::Relaxed) {
                "2026-11-21T12:02:00Z"
            } else {
                "2026-11-21T12:00:00Z"
            };
            now.parse().unwrap()
        });
        let scene =
            Scene::made(config, Signatures::off(), "gateway.example/log", clock, |_| {}, |flow, _| flow);
        Self { upstream, scene, later }
    }

    fn ask(&self, who: &str, method: &str, target: &str) -> Answer {
        self.scene.ask(method, target, &[("Authorization", who)], b"")
    }

    /// The targets of this method that reached the org.
    fn sent(&self, method: &str) -> Vec<String> {
        let received = self.upstream.received().into_iter().filter(|request| request.method == method);
        received.map(|request| request.target).collect()
    }
}

#[test]
fn what_one_user_may_not_see_hides_for_another() {
    let stage = Stage::new();
    let visits = query("SELECT Id, Diagnosis__c FROM Visit__c");
    let _first = stage.ask(READER, "GET", &visits);
    let shown = stage.ask(ADMIN, "GET", &visits);
    assert!(!shown.text().contains("SECRET"), "{}", shown.text());
    // What the admin was told hides from the reader too.
    let shown = stage.ask(READER, "GET", &visits);
    assert!(!shown.text().contains("SECRET"), "{}", shown.text());
    // And the reader's next description opens nothing.
    stage.later.store(true, Ordering::Relaxed);
    let shown = stage.ask("Bearer other admin", "GET", &visits);
    assert!(!shown.text().contains("SECRET"), "{}", shown.text());
}

#[test]
fn an_object_that_another_users_list_does_not_have_is_looked_up() {
    let stage = Stage::new();
    let _first = stage.ask(READER, "GET", &format!("{VERSION}/sobjects/Contact/{CONTACT}"));
    let deleted = stage.ask(ADMIN, "DELETE", &format!("{VERSION}/composite/sobjects?ids={PATIENT}"));
    assert!(deleted.status < 300, "{}", deleted.text());
    let shown =
        stage.ask(ADMIN, "GET", &format!("{VERSION}/sobjects/Patient__c/{PATIENT}?fields=Diagnosis__c"));
    assert!(!shown.text().contains("SECRET"), "{}", shown.text());
    let sent = stage.sent("DELETE");
    assert!(sent.len() == 1 && !sent[0].contains(short(PATIENT)), "{sent:?}");
}

#[test]
fn an_object_whose_ids_tell_nothing_is_known_by_its_name() {
    let stage = Stage::new();
    let row = format!("{VERSION}/sobjects/Share__c/{SHARE}");
    for target in [row.clone(), format!("{VERSION}/composite/sobjects/Share__c?ids={SHARE}&fields=Id")] {
        let shown = stage.ask(ADMIN, "GET", &target);
        assert!(!shown.text().contains("SECRET"), "{target} {}", shown.text());
    }
    let _gone = stage.ask(ADMIN, "DELETE", &row);
    let sent = stage.sent("DELETE");
    assert!(sent.len() == 1 && !sent[0].contains(short(SHARE)), "{sent:?}");
}

#[test]
fn an_object_that_came_later_is_listed_when_its_ids_are_named() {
    let stage = Stage::new();
    let _first = stage.ask(ADMIN, "GET", &format!("{VERSION}/sobjects/Contact/{CONTACT}"));
    stage.later.store(true, Ordering::Relaxed);
    let _gone = stage.ask(ADMIN, "DELETE", &format!("{VERSION}/composite/sobjects?ids={EXAM}"));
    let sent = stage.sent("DELETE");
    assert!(sent.len() == 1 && !sent[0].contains(short(EXAM)), "{sent:?}");
    let shown = stage.ask(ADMIN, "GET", &format!("{VERSION}/sobjects/Exam__c/{EXAM}"));
    assert!(!shown.text().contains("SECRET"), "{}", shown.text());
    let lists = stage.sent("GET").iter().filter(|target| target.ends_with("/sobjects")).count();
    assert_eq!(lists, 2);
}

#[test]
fn a_look_up_that_fails_refuses() {
    let stage = Stage::new();
    for method in ["GET", "DELETE"] {
        let answer = stage.ask(ADMIN, method, &format!("{VERSION}/sobjects/Contact/003000000000009AAA"));
        assert_eq!(answer.status, 502, "{}", answer.text());
    }
    assert!(stage.sent("DELETE").is_empty());
    // A version that the org has not says so itself.
    let old = format!("/services/data/v20.0/sobjects/Contact/{CONTACT}");
    let answer = stage.ask(ADMIN, "GET", &old);
    assert!(answer.status == 404 && answer.text().contains("NOT_FOUND"), "{}", answer.text());
}
