//! The demo tells its story to the end, and every outcome is as it must be.

use crate::program::{Server, http, said};

#[test]
fn the_story_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let story = said(folder.path(), &["demo", "--once", "--keep", "kept"], 0);
    assert_eq!(story.matches('✗').count(), 0, "{story}");
    assert!(story.matches('✓').count() >= 12, "{story}");
    for chapter in
        ["strips the mark", "moves a mark", "forges the header", "admissions go through", "can be proved"]
    {
        assert!(story.contains(chapter), "{chapter}: {story}");
    }
    assert!(!story.contains('\u{1b}'), "no colours in a pipe");

    // What it leaves behind can be checked by the commands it names.
    said(folder.path(), &["ledger", "verify", "kept/ledger", "--vkey", "kept/keys/ledger.vkey"], 0);
    let judged = said(
        folder.path(),
        &["judge", "kept/patients.ndjson", "--trust", "kept/keys/generator.vkey", "--json"],
        1,
    );
    let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
    assert_eq!(judged["counts"]["synthetic"], 8);
}

#[test]
fn the_demo_opens_onto_the_console_with_its_story_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Server::start(folder.path(), &["demo"], "/?key=");
    let address = demo.address("/?key=");
    let output = demo.output();
    let (_, after) = output.split_once("/?key=").expect("the link is printed");
    let key: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
    let cookie = format!("eosin_console={key}");
    let with = [("cookie", cookie.as_str())];
    assert_eq!(http(address, "GET", "/transactions", &[], b"").0, 403, "only with the key");
    let (status, page) = http(address, "GET", "/transactions", &with, b"");
    assert_eq!(status, 200, "{page}");
    for said in ["registry-feed", "crm-sandbox", "decision block", "decision pass"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let (status, events) = http(address, "GET", "/transactions/live?from=0+0+-", &with, b"");
    assert!(
        status == 200 && events.contains("event: rows") && events.contains("text/event-stream"),
        "{events}"
    );
    demo.stop();
}
