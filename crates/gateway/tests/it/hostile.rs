//! Requests made to be read in two ways, or to reach what they should not.

use std::io::Write;

use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, CREATE, Scene, request};

fn check(bytes: &[u8], expected: u16) {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::observing(&upstream);
    let answer = scene.exchange(bytes);
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(answer.status, expected, "{shown} got {}", answer.text());
    let passed = upstream.received().len();
    assert_eq!(passed, usize::from(expected < 300), "{shown}");
}

#[test]
fn targets_that_servers_read_differently_are_refused() {
    for target in [
        "/services/data/../../sobjects/Contact",
        "/services/data/v67.0/query/..",
        "/services/data/v67.0/./sobjects",
        "/services/data/%2e%2e/sobjects",
        "/services/data/%2E./sobjects",
        "/services/data/v67.0/x%2f..%2fsobjects",
        "/services/data/v67.0/x%5c..%5csobjects",
        "/services/data/%00",
        "/services/data/%0d%0aX: y",
        "/services/data/%zz",
        "/services/data/%4",
        "*",
        "http://elsewhere.example/services/data",
        "ftp://gateway.example/services/data",
    ] {
        check(&request("GET", target, &[], b""), 400);
    }
    check(&request("GET", "/services/data/v67.0/sobjects/X/Ext__c/a%2Fb", &[], b""), 200);
    check(&request("GET", "http://gateway.example/services/data/v67.0/limits", &[], b""), 200);
}

#[test]
fn a_request_has_one_host() {
    for head in [
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\"><x\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    ] {
        check(head.as_bytes(), 400);
    }
}

#[test]
fn methods_and_upgrades_that_leave_http_are_refused() {
    check(&request("TRACE", "/", &[], b""), 405);
    check(
        b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: elsewhere.example:443\r\nConnection: close\r\n\r\n",
        405,
    );
    check(&request("GET", "/", &[("Upgrade", "websocket")], b""), 400);
    check(
        &request("GET", "/", &[("X-HTTP-Method-Override", "PATCH"), ("X-HTTP-Method", "DELETE")], b""),
        400,
    );
}

#[test]
fn framing_that_could_be_read_in_two_ways_is_refused() {
    let post = |fields: &str, body: &str| {
        format!("POST {CREATE} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n\r\n{body}")
            .into_bytes()
    };
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    for (fields, body) in [
        ("Content-Length: 12\r\nTransfer-Encoding: chunked", chunks),
        ("Transfer-Encoding: chunked\r\nContent-Length: 12", chunks),
        ("Content-Length: 2\r\nContent-Length: 3", "{}x"),
        ("Content-Length: +2", "{}"),
        ("Content-Length: 2, 2", "{}"),
        ("Transfer-Encoding: gzip", chunks),
        ("Transfer-Encoding: chunked, identity", chunks),
        ("Transfer-Encoding : chunked", chunks),
        ("Transfer-Encoding: xchunked", chunks),
    ] {
        check(&post(fields, body), 400);
    }
    check(&post("Content-Length: 2\r\nContent-Type: text/csv\r\nContent-Type: application/json", "{}"), 400);
    check(&post("Transfer-Encoding: chunked", chunks), 200);
    check(&post("Content-Length: 2", "{}"), 200);
}

#[test]
fn what_follows_a_suspicious_request_is_not_read() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::observing(&upstream);
    let mut stream = scene.connect();
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let head =
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n";
    stream.write_all(format!("{head}{smuggled}").as_bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.status, 400);
    assert!(!answer.text().contains("HTTP/1.1"), "one answer, then the end");
    assert_eq!(upstream.received(), []);
}

#[test]
fn a_refusal_repeats_nothing_of_the_request() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::enforcing(&upstream);
    for answer in [
        scene.ask("POST", CREATE, &[], ADA.as_bytes()),
        scene.ask("POST", "/services/data/v67.0/Zzyzx", &[], ADA.as_bytes()),
        scene.ask("GET", "/services/data/../Zzyzx", &[], b""),
        scene.ask("GET", "/", &[("Upgrade", "Zzyzx")], b""),
    ] {
        assert!(answer.status >= 400);
        let all = format!("{}{}", answer.head, answer.text());
        assert!(!all.contains("Zzyzx") && !all.contains("555-01"), "{all}");
    }
    assert_eq!(upstream.received(), []);
    assert!(!scene.running().metrics_text().contains("Zzyzx"));
}
