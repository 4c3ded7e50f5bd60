//! The page on events and webhooks, as somebody follows it: keys made, a boundary started, an unsorted event released.

use std::{fs, path::Path};

use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    documents,
    program::{Server, http, said},
};

const EVENT: &str = r#"{"id":"event-1","data":{"FirstName":"Ada","LastName":"Zzyzx"}}"#;

/// The configuration of `eosin init`, with the boundary of the page between places of this machine.
fn configure(home: &Path, page: &str, consumer: &str) {
    let (_, after) = page.split_once("```toml\n").expect("the page has a configuration");
    let (boundary, _) = after.split_once("```").expect("it ends");
    let boundary = boundary
        .replace("127.0.0.1:8446", "127.0.0.1:0")
        .replace("https://consumer.example.org", consumer)
        .replace("https://test.example.org", consumer);
    let text = fs::read_to_string(home.join("eosin.toml")).unwrap();
    let (before, _) = text.split_once("[[boundary]]").expect("init writes a boundary");
    fs::write(home.join("eosin.toml"), format!("{before}[admin]\nlisten = \"127.0.0.1:0\"\n\n{boundary}"))
        .unwrap();
}

#[test]
fn the_commands_of_the_page_on_webhooks_run() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/webhooks.md")).unwrap();
    let (before, after) = page.split_once("## Release what was kept").expect("the page says how to release");
    said(home, &["init", "--yes"], 0);
    fs::write(home.join("keys.md"), before).unwrap();
    assert_eq!(documents::run(home.join("keys.md").to_str().unwrap(), home), 3, "the page makes two keys");

    let consumer = Upstream::start(|_| Reply::json(200, "{}"));
    configure(home, &page, &consumer.origin());
    let running = Server::start(home, &["run"], "health and metrics");
    let kind = [("content-type", "application/json")];
    let (status, answer) = http(running.address("listening"), "POST", "/events", &kind, EVENT.as_bytes());
    assert_eq!(status, 202, "an event that does not say what it is waits: {answer}");
    let kept: Value = serde_json::from_str(&said(home, &["quarantine", "list", "--json"], 0)).unwrap();
    let item = kept[0]["item"]["id"].as_str().expect("it has a name");
    assert_eq!(consumer.received().len(), 0);

    fs::write(home.join("release.md"), after.replace("kvsm4uofn6dq2zjb", item)).unwrap();
    assert_eq!(documents::run(home.join("release.md").to_str().unwrap(), home), 3);
    assert_eq!(consumer.received().len(), 1, "it was delivered once");
    running.stop();
}
