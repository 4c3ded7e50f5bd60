//! Searches by which writes decide, and searches in Bundles, at a FHIR boundary that hides: no answer tells of the hidden.

use policy::Environment;
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    fhir_isolated::{scene, value},
    scene::{Answer, Scene},
};

const JSON: (&str, &str) = ("Content-Type", "application/fhir+json");

/// So many with ids of 60 letters that naming them takes 7,320 bytes.
const MANY: usize = 120;

/// Who is in the server: 2 is hidden in a sandbox, the others are not.
fn person(id: &str) -> Value {
    let attested = json!({"tag": [{"system": "https://eosin.example/fhir/subject", "code": "attested"}]});
    let mut person = json!({"resourceType": "Patient", "id": id, "name": [{"family": "Bell"}]});
    if id == "2" {
        person["meta"] = attested;
    }
    person
}

/// A server that finds by `identifier` and `_id`, and repeats in its answers what it was asked.
fn server(request: &Received) -> Reply {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let said = |text: &str| json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": text}]});
    match (request.method.as_str(), path) {
        ("GET", "/fhir/Patient") => Reply::json(200, &found(request, query).to_string()),
        ("GET", _) => Reply::json(404, &said(path).to_string()),
        ("POST", "/fhir") => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let entries: Vec<Value> =
                asked["entry"].as_array().unwrap().iter().map(|entry| carried_out(request, entry)).collect();
            let kind = format!("{}-response", asked["type"].as_str().unwrap());
            Reply::json(200, &json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string())
        }
        _ => {
            let condition =
                request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("if-none-exist"));
            let condition = condition.map_or("", |(_, value)| value);
            Reply::json(201, &said(&format!("{} {condition}", request.target)).to_string())
        }
    }
}

fn carried_out(request: &Received, entry: &Value) -> Value {
    let (method, url) =
        (entry["request"]["method"].as_str().unwrap(), entry["request"]["url"].as_str().unwrap());
    if method == "GET" {
        let page = found(request, url.split_once('?').map_or("", |(_, query)| query));
        return json!({"resource": page, "response": {"status": "200"}});
    }
    let said = format!("{url} {}", entry["request"]["ifNoneExist"]);
    let outcome = json!({"resourceType": "OperationOutcome", "issue": [{"diagnostics": said}]});
    json!({"response": {"status": "201", "outcome": outcome}})
}

fn found(request: &Received, query: &str) -> Value {
    let asked = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let many = (0..MANY).map(|at| format!("many-{at:0>55}"));
    let ids: Vec<String> = match asked("identifier") {
        Some("two") => vec!["2".to_owned()],
        Some("three") => vec!["3".to_owned()],
        Some("both") => vec!["2".to_owned(), "3".to_owned()],
        Some("many") => many.collect(),
        Some("many-and-two") => many.chain(["2".to_owned()]).collect(),
        _ => Vec::new(),
    };
    let ids = ids.iter().filter(|id| asked("_id").is_none_or(|asked| asked.split(',').any(|one| one == *id)));
    let entries: Vec<Value> =
        ids.map(|id| json!({"resource": person(id), "search": {"mode": "match"}})).collect();
    let host = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host")).unwrap();
    let link = json!([{"relation": "self", "url": format!("http://{}/fhir/Patient?{query}", host.1)}]);
    json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "link": link, "entry": entries})
}

fn sandbox(upstream: &Upstream) -> Scene {
    scene(&upstream.origin(), Environment::Sandbox, |_| {})
}

fn bundle(kind: &str, method: &str, url: &str, resource: Option<Value>) -> String {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = resource;
    }
    json!({"resourceType": "Bundle", "type": kind, "entry": [entry]}).to_string()
}

fn observation(reference: &str) -> Value {
    json!({"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}, "subject": {"reference": reference}})
}

/// What was written at the server: method, target, condition and body.
fn written(upstream: &Upstream) -> Vec<String> {
    let condition = |one: &Received| {
        let found = one.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("if-none-exist"));
        found.map_or(String::new(), |(_, value)| value.clone())
    };
    let sent = upstream.received().into_iter().filter(|one| one.method != "GET");
    sent.map(|one| {
        format!("{} {} {} {}", one.method, one.target, condition(&one), String::from_utf8_lossy(&one.body))
    })
    .collect()
}

fn alike(hidden: &Answer, nobody: &Answer) {
    let plain = |answer: &Answer, word: &str| (answer.status, answer.text().replace(word, "WHO"));
    assert_eq!(plain(hidden, "two"), plain(nobody, "nobody"));
}

#[test]
fn a_condition_keeps_all_that_the_client_asks_and_is_read_one_way() {
    let upstream = Upstream::start(server);
    let scene = sandbox(&upstream);
    let patient = json!({"resourceType": "Patient", "name": [{"family": "Bell"}]}).to_string();
    for form in [
        "identifier={}&nosuch=1",
        "?identifier={}",
        "Patient?identifier={}",
        "identifier={}&gender:not=?_id=none",
    ] {
        let ask = |who: &str| {
            let condition = form.replace("{}", who);
            scene.ask(
                "POST",
                "/fhir/Patient",
                &[JSON, ("If-None-Exist", condition.as_str())],
                patient.as_bytes(),
            )
        };
        alike(&ask("two"), &ask("nobody"));
        let sent = written(&upstream);
        let [.., hidden, nobody] = sent.as_slice() else { panic!("{sent:?}") };
        assert!(hidden.contains(" identifier=two&") && hidden.contains("&_id="), "{form}: {hidden}");
        assert!(nobody.contains(" identifier=nobody") && !nobody.contains("&_id="), "{form}: {nobody}");
        assert_eq!(hidden.contains("nosuch=1"), form.contains("nosuch"), "{hidden}");
    }
    for (method, target) in [
        ("PUT", "/fhir/Patient?identifier={}&nosuch=1"),
        ("DELETE", "/fhir/Patient?identifier={}&nosuch=1#x"),
    ] {
        let ask = |who: &str| {
            scene.ask(
                method,
                &target.replace("{}", who).replace("#x", ""),
                &[JSON],
                if method == "PUT" { patient.as_bytes() } else { b"" },
            )
        };
        alike(&ask("two"), &ask("nobody"));
    }
    let before = written(&upstream).len();
    for refused in ["x?identifier=two", "http://up/fhir/Patient?identifier=two"] {
        let answer =
            scene.ask("POST", "/fhir/Patient", &[JSON, ("If-None-Exist", refused)], patient.as_bytes());
        assert_eq!(answer.status, 400, "{refused}");
    }
    let twice = [JSON, ("If-None-Exist", "identifier=nobody"), ("If-None-Exist", "identifier=two")];
    assert_eq!(scene.ask("POST", "/fhir/Patient", &twice, patient.as_bytes()).status, 400);
    assert_eq!(written(&upstream).len(), before);
}

/// What is refused for its length alone would tell that somebody hidden is among them.
#[test]
fn a_condition_that_finds_too_many_to_name_is_refused_whether_somebody_is_hidden_or_not() {
    let upstream = Upstream::start(server);
    let scene = sandbox(&upstream);
    let patient = json!({"resourceType": "Patient", "name": [{"family": "Bell"}]}).to_string();
    let answers = ["many", "many-and-two"].map(|who| {
        let condition = format!("identifier={who}");
        let header = [JSON, ("If-None-Exist", condition.as_str())];
        let created = scene.ask("POST", "/fhir/Patient", &header, patient.as_bytes());
        let deleted = scene.ask("DELETE", &format!("/fhir/Patient?{condition}"), &[JSON], b"");
        assert_eq!(written(&upstream), Vec::<String>::new(), "{who}");
        [created, deleted].map(|answer| (answer.status, answer.text().replace(who, "WHO")))
    });
    assert_eq!(answers[0], answers[1]);
    // In a body they have room.
    let mut create = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=many-and-two"}}]});
    create["entry"][0]["resource"] = person("3");
    assert_eq!(scene.ask("POST", "/fhir", &[JSON], create.to_string().as_bytes()).status, 200);
    let sent = written(&upstream).pop().unwrap();
    assert!(sent.contains("many-") && !sent.contains(",2\""), "{sent}");
}

#[test]
fn a_reference_by_search_leads_to_whom_the_client_sees_in_every_write() {
    let upstream = Upstream::start(server);
    let scene = sandbox(&upstream);
    let ask = |kind: &str, reference: &str| match kind {
        "create" => {
            scene.ask("POST", "/fhir/Observation", &[JSON], observation(reference).to_string().as_bytes())
        }
        "xml" => {
            let text = format!(
                r#"<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="pulse"/></code><subject><reference value="{reference}"/></subject></Observation>"#
            );
            scene.ask(
                "POST",
                "/fhir/Observation",
                &[("Content-Type", "application/fhir+xml")],
                text.as_bytes(),
            )
        }
        kind => {
            let body = bundle(kind, "POST", "Observation", Some(observation(reference)));
            // Escaped, as any text may be.
            scene.ask("POST", "/fhir", &[JSON], body.replace("Patient?", "Patient\\u003f").as_bytes())
        }
    };
    for kind in ["transaction", "batch", "create"] {
        for seen in ["Patient?identifier=three", "Patient?identifier=both"] {
            let answer = ask(kind, seen);
            assert!(answer.status < 300, "{kind}: {}", answer.text());
            let sent = written(&upstream).pop().unwrap();
            assert!(sent.contains(r#""reference":"Patient/3""#), "{kind}: {sent}");
        }
    }
    let before = written(&upstream).len();
    for kind in ["transaction", "batch", "create", "xml"] {
        alike(&ask(kind, "Patient?identifier=two"), &ask(kind, "Patient?identifier=nobody"));
        for refused in
            ["Patient?identifier=two", "Patient?identifier=urn:a:b", "http://up/fhir/Patient?identifier=two"]
        {
            let answer = ask(kind, refused);
            assert!(matches!(answer.status, 400 | 403), "{kind} {refused}: {}", answer.text());
        }
    }
    let patch = br#"[{"op":"replace","path":"/subject/reference","value":"Patient?identifier=two"}]"#;
    let patched =
        scene.ask("PATCH", "/fhir/Observation/9", &[("Content-Type", "application/json-patch+json")], patch);
    assert!(patched.status >= 400, "{}", patched.text());
    assert_eq!(written(&upstream).len(), before, "nothing was sent");
}

#[test]
fn a_search_in_a_batch_is_told_in_the_clients_own_words() {
    let upstream = Upstream::start(server);
    let scene = sandbox(&upstream);
    let ask = |body: &str| scene.ask("POST", "/fhir", &[JSON], body.as_bytes());
    for form in ["Patient?identifier={}", "Patient?identifier={}&_count=3"] {
        let search = |who: &str| ask(&bundle("batch", "GET", &form.replace("{}", who), None));
        let (hidden, nobody) = (search("two"), search("nobody"));
        alike(&hidden, &nobody);
        let link = value(&hidden)["entry"][0]["resource"]["link"].clone();
        let want = format!("http://gateway.example/fhir/{}", form.replace("{}", "two"));
        assert_eq!(link, json!([{"relation": "self", "url": want}]));
        let both = value(&search("both"));
        assert_eq!(both["entry"][0]["resource"]["entry"].as_array().unwrap().len(), 1, "{both}");
    }
    for method in ["DELETE", "PUT"] {
        let write = |who: &str| {
            let patient = json!({"resourceType": "Patient", "name": [{"family": "Bell"}]});
            let url = format!("Patient?identifier={who}&nosuch=1");
            ask(&bundle("batch", method, &url, (method == "PUT").then_some(patient)))
        };
        alike(&write("two"), &write("nobody"));
    }
}
