//! Other doors over real sockets: what is judged is what the upstream gets.

use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, CREATE, Scene};

const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
const BASE: &str = "/services/data/v67.0";

#[test]
fn the_upstream_gets_the_spelling_that_was_judged() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    for (method, target, sent) in [
        ("POST", "//services//data/v67.0/%73objects/Cont%61ct/", CREATE.to_owned()),
        ("GET", "/services/data//v67.0/query/?q=SELECT+%49d", format!("{BASE}/query?q=SELECT+%49d")),
        ("GET", "https://gateway.example/services/data/v67.0/limits/", format!("{BASE}/limits")),
        (
            "PATCH",
            "/services/data/v67.0/sobjects/Contact/Ext__c/a%2fb%3bc",
            format!("{CREATE}/Ext__c/a%2Fb%3Bc"),
        ),
        ("GET", "/secur//frontdoor.jsp?x", "/secur//frontdoor.jsp?x".to_owned()),
    ] {
        let body = if method == "GET" { "" } else { ADA };
        let answer = scene.ask(method, target, &JSON, body.as_bytes());
        assert_eq!(answer.status, 201, "{target} {}", answer.text());
        assert_eq!(upstream.received().last().unwrap().target, sent, "{target}");
    }
}

#[test]
fn a_hostile_target_goes_nowhere() {
    let upstream = Upstream::start(|_| Reply::json(200, "{}"));
    let scene = Scene::enforcing(&upstream);
    for target in [
        "/services/data/v67.0/tooling/executeAnonymous;x=y?anonymousBody=z",
        "/services/data/v67.0/tooling/%2565xecuteAnonymous?anonymousBody=z",
        "/services/data/v67.0/tooling%2FexecuteAnonymous?anonymousBody=z",
        "/services;x/data/v67.0/tooling/executeAnonymous?anonymousBody=z",
        "/services/data/v67.0/tooling/executeAnonymous.?anonymousBody=z",
        "/services/data/v67.0/graphql?query=mutation",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = scene.ask(method, target, &[], b"");
            assert_eq!(answer.status, 403, "{method} {target}");
        }
    }
    let answer = scene.exchange(b"POST * HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status, 400);
    assert_eq!(upstream.received(), []);
}

#[test]
fn what_goes_in_by_another_door_is_judged_as_well() {
    let upstream = Upstream::start(|_| Reply::json(200, r#"{"data":{"uiapi":{}}}"#));
    let scene = Scene::enforcing(&upstream);
    let query =
        r#"mutation { uiapi { ContactCreate(input: {Contact: {LastName: \"Zzyzx\"}}) { Record { Id } } } }"#;
    let mutation = format!(r#"{{"query":"{query}"}}"#);
    let refused = scene.ask("POST", &format!("{BASE}/graphql"), &JSON, mutation.as_bytes());
    assert_eq!(refused.status, 200);
    let body: serde_json::Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!(body["errors"][0]["extensions"]["errorCode"], "EOSIN_BLOCKED", "{body}");
    let read = r#"{"query":"{ uiapi { query { Contact { totalCount } } } }"}"#;
    assert_eq!(scene.ask("POST", &format!("{BASE}/graphql"), &JSON, read.as_bytes()).status, 200);
    assert_eq!(upstream.received().len(), 1);

    let row = format!(r#"{{"apiName":"Contact","fields":{ADA}}}"#);
    let refused = scene.ask("POST", &format!("{BASE}/ui-api/records"), &JSON, row.as_bytes());
    assert_eq!(refused.status, 403, "{}", refused.text());
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let refused = scene.ask("POST", &format!("{BASE}/parameterizedSearch"), &form, b"q=x&_HttpMethod=PATCH");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(scene.ask("POST", "/services/oauth2/token", &form, b"grant_type=password").status, 200);
    assert_eq!(upstream.received().len(), 2);
}

#[test]
fn a_file_and_its_row_go_on_byte_for_byte() {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    let scene = Scene::observing(&upstream);
    let head = "--b\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n\
        {\"Title\":\"a\"}\r\n--b\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"a.bin\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n";
    let body = [head.as_bytes(), &[0, 255, 13, 10, 45, 45], b"\r\n--b--\r\n"].concat();
    let fields = [("Content-Type", "multipart/form-data; boundary=b")];
    let answer = scene.ask("POST", &format!("{BASE}/sobjects/ContentVersion"), &fields, &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert!(answer.header("eosin-provenance").unwrap().contains("unproven=1"));
    assert_eq!(upstream.received()[0].body, body);
}
