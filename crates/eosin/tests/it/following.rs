//! The page on subscriptions, as somebody follows it on one machine: an org, a boundary, a topic that is followed.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    documents,
    program::{Server, http, said},
};

/// The configuration of `eosin init`, with what the page adds between places of this machine.
fn configure(home: &Path, page: &str, org: &str, consumer: &str) {
    let (_, after) = page.split_once("```toml\n").expect("the page has a configuration");
    let (added, _) = after.split_once("```").expect("it ends");
    let added = added
        .replace("127.0.0.1:8447", "127.0.0.1:0")
        .replace("https://consumer.example.org", consumer)
        .replace("https://test.example.org", consumer)
        .replace("https://example.my.salesforce.com", org)
        .replace("the consumer key of the connected app", "local-client");
    let text = fs::read_to_string(home.join("eosin.toml")).unwrap();
    let (before, _) = text.split_once("[[boundary]]").expect("init writes a boundary");
    let more = format!("api = \"{org}\"\nbegin = \"earliest\"\n");
    fs::write(home.join("eosin.toml"), format!("{before}[admin]\nlisten = \"127.0.0.1:0\"\n\n{added}{more}"))
        .unwrap();
}

/// Asks until the answer fits, for half a minute at most.
fn until(what: &str, mut fits: impl FnMut() -> bool) {
    let (told, heard) = std::sync::mpsc::channel::<()>();
    for _ in 0..300 {
        if fits() {
            return;
        }
        // Nobody tells: this waits.
        let _passed = heard.recv_timeout(Duration::from_millis(100)).is_err();
    }
    drop(told);
    panic!("{what} did not come about");
}

#[test]
fn what_the_page_on_subscriptions_describes_happens() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/subscriptions.md");
    let text = fs::read_to_string(page).unwrap();
    said(home, &["init", "--yes"], 0);
    let (attested, synthetic) = ("YXR0ZXN0ZWRhdHRlc3RlZGF0dGVzdGVk", "c3ludGhldGljc3ludGhldGljc3ludGhl");
    fs::write(home.join("keys/attested.whsec"), format!("whsec_{attested}")).unwrap();
    fs::write(home.join("keys/synthetic.whsec"), format!("whsec_{synthetic}")).unwrap();
    fs::write(home.join("keys/org.secret"), "local-secret\n").unwrap();

    let org = Server::start(home, &["org", "--change-events", "Contact"], "client secret");
    let at = org.address("http ");
    let consumer = Upstream::start(|_| Reply::json(200, "{}"));
    configure(home, &text, &format!("http://{at}"), &consumer.origin());
    let running = Server::start(home, &["run"], "health and metrics");

    let form = b"grant_type=client_credentials&client_id=local-client&client_secret=local-secret";
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let (_, answer) = http(at, "POST", "/services/oauth2/token", &kind, form);
    let (_, answer) = answer.split_once("\r\n\r\n").unwrap();
    let answer: Value = serde_json::from_str(answer).unwrap();
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let heads = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let row = br#"{"FirstName":"Ada","LastName":"Zzyzx"}"#;
    let (status, said_back) = http(at, "POST", "/services/data/v65.0/sobjects/Contact", &heads, row);
    assert_eq!(status, 201, "{said_back}");

    let kept =
        || -> Value { serde_json::from_str(&said(home, &["quarantine", "list", "--json"], 0)).unwrap() };
    until("an event that proves nothing is kept", || kept().as_array().is_some_and(|kept| kept.len() == 1));
    assert_eq!(kept()[0]["item"]["boundary"], "contacts");
    assert_eq!(consumer.received().len(), 0, "it went nowhere");
    let metrics = http(running.address("health and metrics"), "GET", "/metrics", &[], b"").1;
    assert!(metrics.contains("eosin_subscription_open{subscription=\"contacts\"} 1"), "{metrics}");
    until("it is done with", || home.join("subscriptions/contacts/data-ContactChangeEvent.replay").exists());
    assert_eq!(documents::run(page, home), 1);
    let output = running.stop();
    assert!(!output.contains("Zzyzx"), "{output}");
    org.stop();
}
