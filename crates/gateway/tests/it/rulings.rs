//! What flow says is what is done: refused, withheld, merged, recorded.

use policy::Mode;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, COLLECTION, CREATE, EVE, Scene};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

#[test]
fn only_what_the_policies_allow_reaches_production() {
    let upstream =
        Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#));
    let scene = Scene::enforcing(&upstream);
    let attested = Scene::marked(&scene.attested, 0, ADA);
    let synthetic = Scene::marked(&scene.synthetic, 0, ADA);
    let moved = Scene::marked(&scene.attested, 0, EVE);
    for (body, expected) in
        [(attested.as_str(), 201), (&synthetic, 403), (&moved, 403), (ADA, 403), ("{", 403)]
    {
        let answer = scene.ask("POST", CREATE, &JSON, body.as_bytes());
        assert_eq!(answer.status, expected, "{}", answer.text());
        assert!(answer.header("eosin-provenance").is_some());
        if expected == 403 {
            assert!(answer.text().contains("EOSIN_BLOCKED"), "{}", answer.text());
        }
    }
    assert_eq!(upstream.received().len(), 1);
    let metrics = scene.running().metrics_text();
    for line in [
        r#"eosin_requests_total{boundary="crm",entrance="judged",outcome="forwarded"} 1"#,
        r#"eosin_requests_total{boundary="crm",entrance="judged",outcome="refused"} 4"#,
        r#"eosin_records_total{boundary="crm",outcome="forwarded",verdict="attested"} 1"#,
        r#"eosin_records_total{boundary="crm",outcome="refused",verdict="transplanted"} 1"#,
        r#"eosin_ruling_seconds_count{boundary="crm"} 5"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let (_, entries) = scene.stop();
    assert_eq!(entries.len(), 6, "five rulings and a settlement");
}

#[test]
fn a_collection_loses_its_refused_records_and_the_answer_gets_them_back() {
    let upstream =
        Upstream::start(|_| Reply::json(200, r#"[{"id":"003000000000001AAA","success":true,"errors":[]}]"#));
    let scene = Scene::enforcing(&upstream);
    let good = Scene::marked(&scene.attested, 0, ADA);
    let typed = |json: &str| json.replacen('{', r#"{"attributes":{"type":"Contact"},"#, 1);
    let body = format!(r#"{{"allOrNone":false,"records":[{},{}]}}"#, typed(EVE), typed(&good));
    let fields =
        [("Content-Type", "application/json"), ("Accept-Encoding", "gzip"), ("Accept", "application/xml")];
    let answer = scene.ask("POST", COLLECTION, &fields, body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(rows[0]["errors"][0]["statusCode"], "EOSIN_BLOCKED", "{rows}");
    assert_eq!(rows[1]["id"], "003000000000001AAA", "{rows}");
    let sent = upstream.received()[0].clone();
    let sent_body = String::from_utf8(sent.body.clone()).unwrap();
    assert!(!sent_body.contains("Eve") && sent_body.contains("Ada"), "{sent_body}");
    assert_eq!(sent.header("content-length"), Some(sent.body.len().to_string().as_str()));
    assert_eq!(sent.header("accept-encoding"), None);
    let accept = sent.header("accept").unwrap();
    assert!(accept.contains("json") && !accept.contains("xml"), "refusals are put back into JSON: {accept}");
}

#[test]
fn a_write_that_nobody_can_read_passes_only_where_nothing_is_enforced() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    for (mode, expected) in [(Mode::Enforce, 403), (Mode::Warn, 200), (Mode::Observe, 200)] {
        let scene = Scene::with(&upstream, |config| config.boundaries[0].boundary.mode = mode);
        let answer = scene.ask("POST", "/services/apexrest/anything", &[], b"whatever");
        assert_eq!(answer.status, expected, "{mode:?} {}", answer.text());
        assert_eq!(answer.header("warning").is_some(), mode == Mode::Warn);
        let (_, entries) = scene.stop();
        assert!(!entries.is_empty(), "{mode:?}");
    }
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn health_and_metrics_are_on_a_listener_of_their_own() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::with(&upstream, |config| config.admin = Some("127.0.0.1:0".parse().unwrap()));
    for (path, status, text) in [
        ("/healthz", 200, "alive"),
        ("/readyz", 200, "ready"),
        ("/metrics", 200, "eosin_requests_total"),
        ("/metrics", 200, "\neosin_ledger_writing 1\n"),
        ("/deliveries", 200, "{\"deliveries\":[]}"),
        ("/anything", 404, "try"),
    ] {
        let mut stream = std::net::TcpStream::connect(scene.running().admin_address().unwrap()).unwrap();
        std::io::Write::write_all(&mut stream, &crate::scene::request("GET", path, &[], b"")).unwrap();
        let answer = crate::scene::Answer::read(&mut stream);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(text), "{}", answer.text());
    }
    assert_eq!(upstream.received(), []);
}
