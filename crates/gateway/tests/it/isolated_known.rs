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

/// The row of each object.
const FOUND: [(&str, &str); 5] = [
    ("Contact", CONTACT),
    ("Visit__c", VISIT),
    ("Patient__c", PATIENT),
    ("Share__c", SHARE),
    ("Exam__c", EXAM),
];
const SLOW: &str = r#"[{"errorCode":"QUERY_TIMEOUT","message":"too long"}]"#;
/// What an org says of a column that the reader may not see.
const UNSEEN: &str = r#"[{"errorCode":"INVALID_FIELD","message":"\nFROM Visit__c WHERE (Person__c = null OR\n ^\nERROR at Row:1:Column:1\nNo such column 'Person__c' on entity 'Visit__c'."}]"#;

/// An id without the letters that only say its case.
fn short(id: &str) -> &str {
    id.get(..15).unwrap()
}

/// Somebody hidden, and what points at them. The reader may see neither `Patient__c` nor `Visit__c.Person__c`.
fn org(request: &Received, later: bool) -> Reply {
    let is_reader = request.headers.iter().any(|(_, value)| value == READER);
    let (path, asked) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let asked = asked.replace("%20", "+").replace("%2E", ".");
    // Look-ups for SOAP are made in a version of their own.
    let path = path.replace("/v60.0/", "/v67.0/");
    let path = path.strip_prefix(VERSION).unwrap_or(&path).to_ascii_lowercase();
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
                // Whose ids begin as those of visits.
                json!({ "name": "Ward__c", "keyPrefix": "a01" }),
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
            if hides && is_reader {
                return Reply::json(400, UNSEEN);
            }
            let rows: Vec<Value> = FOUND
                .into_iter()
                .filter(|(name, _)| !hides && finds(name))
                .map(|(name, id)| row(name, id))
                .collect();
            if asked.contains("003000000000009") {
                return Reply::json(400, SLOW);
            }
            json!({ "totalSize": rows.len(), "done": true, "records": rows })
        }
        _ if request.method == "DELETE" => {
            return Reply::Whole { status: 204, headers: Vec::new(), body: Vec::new() };
        }
        path => match [("Visit__c", VISIT), ("Share__c", SHARE), ("Exam__c", EXAM), ("Patient__c", PATIENT)]
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
    /// Whether an object came, and a minute went by.
    later: Arc<AtomicBool>,
    /// Whether an object came.
    came: Arc<AtomicBool>,
}

impl Stage {
    fn new() -> Self {
        let (later, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (of_org, of_clock, at_once) = (Arc::clone(&later), Arc::clone(&later), Arc::clone(&came));
        let upstream = Upstream::start(move |request| {
            org(request, of_org.load(Ordering::Relaxed) || at_once.load(Ordering::Relaxed))
        });
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
        Self { upstream, scene, later, came }
    }

    fn ask(&self, who: &str, method: &str, target: &str) -> Answer {
        self.scene.ask(method, target, &[("Authorization", who)], b"")
    }

    fn send(&self, method: &str, target: &str, body: &str) -> Answer {
        let kind = if target.contains("Soap") { "text/xml" } else { "application/json" };
        self.scene.ask(method, target, &[("Authorization", ADMIN), ("Content-Type", kind)], body.as_bytes())
    }

    /// Whether a request that is not our own named this id.
    fn named(&self, id: &str) -> bool {
        let received = self.upstream.received();
        received.iter().filter(|request| request.method != "GET").any(|request| {
            request.target.contains(short(id)) || String::from_utf8_lossy(&request.body).contains(short(id))
        })
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
    // By which lookup it does is not told.
    assert!(shown.status == 403 && !shown.text().contains("Person__c"), "{}", shown.text());
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

/// Calls that name this row in places where nothing but a row's id stands.
fn calls(object: &str, id: &str) -> Vec<(&'static str, String, String)> {
    let call = |call: &str| {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>admin</u:sessionId></u:SessionHeader></e:Header><e:Body>{call}</e:Body></e:Envelope>"#
        )
    };
    let soap = || "/services/Soap/u/67.0".to_owned();
    vec![
        ("PATCH", format!("{VERSION}/ui-api/records/{id}"), r#"{"fields":{"Title":"x"}}"#.to_owned()),
        ("DELETE", format!("{VERSION}/ui-api/records/{id}"), String::new()),
        ("DELETE", format!("{VERSION}/composite/sobjects?ids={id}"), String::new()),
        ("POST", soap(), call(&format!("<u:delete><u:ids>{id}</u:ids></u:delete>"))),
        (
            "POST",
            soap(),
            call(&format!(
                "<u:retrieve><u:fieldList>Id</u:fieldList><u:sObjectType>{object}</u:sObjectType><u:ids>{id}</u:ids></u:retrieve>"
            )),
        ),
        (
            "POST",
            soap(),
            call(&format!(
                "<u:update><u:sObjects><u:type>{object}</u:type><u:Id>{id}</u:Id><u:Title>x</u:Title></u:sObjects></u:update>"
            )),
        ),
    ]
}

#[test]
fn the_id_of_a_row_is_not_passed_on_where_nobody_knows_what_it_is() {
    for (object, id) in [("Share__c", SHARE), ("Visit__c", VISIT), ("Exam__c", EXAM)] {
        for (method, target, body) in calls(object, id) {
            let stage = Stage::new();
            // The list was asked for just now.
            let _first = stage.ask(ADMIN, "GET", &format!("{VERSION}/sobjects/Contact/{CONTACT}"));
            stage.came.store(true, Ordering::Relaxed);
            let answer = stage.send(method, &target, &body);
            assert!(!stage.named(id), "{object} {method} {target} {body} {}", answer.text());
        }
    }
}

#[test]
fn an_id_that_several_objects_could_have_is_looked_up_in_each() {
    let stage = Stage::new();
    let fields = "?fields=Diagnosis__c";
    for target in [
        format!("sobjects/Visit__c/{VISIT}{fields}"),
        format!("ui-api/records/{VISIT}{fields}"),
        format!("sobjects/Ward__c/{VISIT}{fields}"),
    ] {
        let shown = stage.ask(ADMIN, "GET", &format!("{VERSION}/{target}"));
        assert!(!shown.text().contains("SECRET"), "{target} {}", shown.text());
    }
    // What is said of it counts beside what its characters say, and not instead.
    let row = json!({ "records": [{ "attributes": { "type": "Ward__c" }, "Id": VISIT, "Title": "x" }] });
    let _changed = stage.send("PATCH", &format!("{VERSION}/composite/sobjects"), &row.to_string());
    assert!(!stage.named(VISIT));
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
