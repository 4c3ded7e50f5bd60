//! Bulk jobs that this gateway did not see being made: another one did, or this one before it was started again.

use std::{io::Write as _, net::TcpStream};

use policy::Mode;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, EVE, Scene, request};

const UPLOAD: &str = "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ/batches";
const BATCH: &str = "/services/async/67.0/job/7505000000000EAAAQ/batch";

fn enforcing(upstream: &Upstream) -> Scene {
    Scene::with(upstream, |config| config.boundaries[0].boundary.mode = Mode::Enforce)
}

/// A header and one line, of a marked record's own members.
pub(crate) fn csv(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap();
    let members =
        record.as_object().unwrap().iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let (names, cells): (Vec<&String>, Vec<&str>) = members.unzip();
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    format!("{}\n{}\n", names.join(","), cells.join(","))
}

#[test]
fn the_org_is_asked_and_the_upload_is_judged() {
    let upstream = Upstream::start(|received| match received.method.as_str() {
        "GET" if received.target.starts_with("/services/async/") => Reply::json(
            200,
            r#"{"id":"7505000000000EAAAQ","operation":"insert","object":"Contact","contentType":"CSV"}"#,
        ),
        "GET" => Reply::json(
            200,
            r#"{"id":"7505000000000EAAAQ","operation":"insert","object":"Contact","columnDelimiter":"COMMA"}"#,
        ),
        _ => Reply::json(201, ""),
    });
    let scene = enforcing(&upstream);
    let attested = csv(&Scene::marked(&scene.attested, 0, ADA));
    let synthetic = csv(&Scene::marked(&scene.synthetic, 1, EVE));
    let bearer = ("authorization", "Bearer 00D!x");
    let kind = ("content-type", "text/csv");
    let upload = |body: &str| scene.ask("PUT", UPLOAD, &[bearer, kind], body.as_bytes());
    assert_eq!(upload(&attested).status, 201);
    assert_eq!(upload(&synthetic).status, 403);
    assert_eq!(upload(&attested).status, 201);
    let session = ("x-sfdc-session", "00D!y");
    assert_eq!(scene.ask("POST", BATCH, &[session, kind], attested.as_bytes()).status, 201);
    assert_eq!(scene.ask("POST", BATCH, &[session, kind], synthetic.as_bytes()).status, 403);

    let received = upstream.received();
    let said: Vec<(&str, &str)> =
        received.iter().map(|request| (request.method.as_str(), request.target.as_str())).collect();
    assert_eq!(
        said,
        [
            ("GET", "/services/data/v67.0/jobs/ingest/7505000000000EAAAQ"),
            ("PUT", UPLOAD),
            ("PUT", UPLOAD),
            ("GET", "/services/async/67.0/job/7505000000000EAAAQ"),
            ("POST", BATCH),
        ],
        "each job is asked for once"
    );
    assert_eq!(received[0].header("authorization"), Some("Bearer 00D!x"));
    assert_eq!(received[3].header("x-sfdc-session"), Some("00D!y"));
}

#[test]
fn an_org_that_does_not_say_leaves_the_upload_unread() {
    for answer in [
        Reply::json(404, r#"[{"errorCode":"NOT_FOUND","message":"none"}]"#),
        Reply::json(200, r#"{"id":"7505000000000EAAAQ","operation":"query","object":"Contact"}"#),
        Reply::json(200, &format!(r#"{{"id":"7505000000000EAAAQ","x":"{}"}}"#, "y".repeat(70_000))),
    ] {
        let upstream = Upstream::start(move |_| answer.clone());
        let scene = enforcing(&upstream);
        let attested = csv(&Scene::marked(&scene.attested, 0, ADA));
        let refused = scene.ask("PUT", UPLOAD, &[("content-type", "text/csv")], attested.as_bytes());
        assert_eq!(refused.status, 403, "{}", refused.text());
        assert!(upstream.received().iter().all(|request| request.method == "GET"), "nothing was sent on");
    }
}

#[test]
fn two_orgs_may_give_their_jobs_the_same_id() {
    let made = |operation: &'static str| {
        Upstream::start(move |received| match received.method.as_str() {
            "POST" => Reply::json(
                200,
                &format!(
                    r#"{{"id":"7505000000000EAAAQ","operation":"{operation}","object":"Contact","columnDelimiter":"COMMA","contentType":"CSV"}}"#
                ),
            ),
            _ => Reply::json(201, ""),
        })
    };
    let (upstream, other) = (made("insert"), made("delete"));
    let scene = Scene::with(&upstream, |config| {
        config.boundaries[0].boundary.mode = Mode::Enforce;
        let mut desk = crate::scene::config(&other.origin()).boundaries.remove(0);
        desk.boundary.name = "desk".to_owned();
        desk.boundary.mode = Mode::Enforce;
        config.boundaries.push(desk);
    });
    let json = ("content-type", "application/json");
    let at_desk = |target: &str| {
        let mut stream = TcpStream::connect(scene.running().address("desk").unwrap()).unwrap();
        stream.write_all(&request("POST", target, &[json], b"{}")).unwrap();
        assert_eq!(Answer::read(&mut stream).status, 200);
    };
    let synthetic = csv(&Scene::marked(&scene.synthetic, 1, EVE));
    for (jobs, method, rows) in
        [("/services/data/v67.0/jobs/ingest", "PUT", UPLOAD), ("/services/async/67.0/job", "POST", BATCH)]
    {
        assert_eq!(scene.ask("POST", jobs, &[json], b"{}").status, 200);
        at_desk(jobs);
        let refused = scene.ask(method, rows, &[("content-type", "text/csv")], synthetic.as_bytes());
        assert_eq!(refused.status, 403, "{rows} {}", refused.text());
    }
}
