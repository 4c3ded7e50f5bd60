//! Announcements after an older copy of the policies' folder was put back: what the log has since is told, once each.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::emergency_scene::{Home, activate, copy, heard, org, prepare, put, put_back, start, without};

/// What a consumer was told, in its order: the id, the kind, and the name of the version.
fn told(consumer: &Upstream) -> Vec<(String, String)> {
    let all = consumer.received();
    let events = all.iter().map(|asked| serde_json::from_slice::<Value>(&asked.body).unwrap());
    let word = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let short = |event: &Value| {
        let (kind, version) = (word(event, "type"), word(event, "subject"));
        format!("{} {}", kind.rsplit('.').next().unwrap(), version.split('@').next().unwrap())
    };
    events.map(|event| (word(&event, "id"), short(&event))).collect()
}

/// Waits until a consumer was told so much; what it is never told fails the test.
fn is_told(consumer: &Upstream, wanted: &[&str]) {
    let begun = Instant::now();
    while told(consumer).len() < wanted.len() {
        assert!(begun.elapsed() < Duration::from_secs(15), "{wanted:?}: {:?}", told(consumer));
        std::thread::yield_now();
    }
    let told = told(consumer);
    let said: Vec<&str> = told.iter().map(|(_, said)| said.as_str()).collect();
    assert_eq!(said, wanted);
    let ids: BTreeSet<&String> = told.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), told.len(), "each has a name of its own: {told:?}");
}

fn announce_to(at: &Path, consumer: &Upstream) {
    fs::write(at.join("ops.whsec"), "whsec_YW5ub3VuY2VkIHRvIHRoZSBjbGluaWMncyBwZW9wbGU=").unwrap();
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let origin = consumer.origin();
    let announce = format!(
        "\n[[announce]]\nname = \"ops\"\nurl = \"{origin}/told\"\nkeys = [\"ops.whsec\"]\nfolder = \"told\"\n"
    );
    fs::write(at.join("eosin.toml"), text + &announce).unwrap();
}

#[test]
fn what_comes_after_an_older_copy_that_was_put_back_is_announced_once() {
    let home = Home::of(org());
    let at = home.at();
    let consumer = Upstream::start(|_| Reply::json(200, "{}"));
    announce_to(at, &consumer);
    prepare(at);
    let gateway = start(at);
    put(at, &without(at, "one"));
    let mut wanted = vec!["activated no-one"];
    is_told(&consumer, &wanted);
    copy(&at.join("policies"), &at.join("older"));
    put(at, &without(at, "two"));
    activate(at, "client=nobody");
    wanted.extend(["activated no-two", "asked stop", "in-force stop"]);
    is_told(&consumer, &wanted);

    // Fewer entries than before, the first of them where another one was; then more.
    put_back(at, "older");
    heard(&gateway, "an older copy was put back");
    put(at, &without(at, "three"));
    wanted.push("activated no-three");
    is_told(&consumer, &wanted);
    activate(at, "client=nobody");
    put(at, &without(at, "four"));
    wanted.extend(["asked stop", "in-force stop", "activated no-four"]);
    is_told(&consumer, &wanted);

    // While nobody looks: as many entries as before, and others.
    gateway.stop();
    put_back(at, "older");
    for name in ["five", "six", "seven", "eight"] {
        put(at, &without(at, name));
    }
    let gateway = start(at);
    wanted.extend(["activated no-five", "activated no-six", "activated no-seven", "activated no-eight"]);
    is_told(&consumer, &wanted);
    gateway.stop();
    is_told(&consumer, &wanted);
}
