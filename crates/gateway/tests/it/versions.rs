//! Dated contract versions: old and new side by side, and how a version ends.

use gateway::{Contract, Contracts, Ending};
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, CREATE, Scene, config};

const OLD: &str = "2026-09-01";
const NEW: &str = "2026-11-22";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn upstream() -> Upstream {
    Upstream::start(|_| Reply::json(201, r#"{"id":"003000000000001AAA","success":true,"errors":[]}"#))
}

fn scene(upstream: &Upstream, contracts: Contracts) -> Scene {
    let mut config = config(&upstream.origin());
    config.boundaries[0].boundary.mode = policy::Mode::Enforce;
    config.contracts = contracts;
    Scene::of(config)
}

fn refused(scene: &Scene, headers: &[(&str, &str)]) -> Answer {
    let body = Scene::marked(&scene.synthetic, 0, ADA);
    scene.ask("POST", CREATE, &[&[JSON], headers].concat(), body.as_bytes())
}

/// A refusal without what differs from request to request: the ruling's number.
fn plain(answer: &Answer) -> Value {
    let text = answer.text();
    let number = text.find("log#").map(|at| at + 4).unwrap();
    let end = text.get(number..).unwrap().find(|sign: char| !sign.is_ascii_digit()).unwrap() + number;
    serde_json::from_str(&format!("{}N{}", text.get(..number).unwrap(), text.get(end..).unwrap())).unwrap()
}

#[test]
fn old_and_new_live_side_by_side() {
    let upstream = upstream();
    let contracts =
        Contracts { clients: [("portal".to_owned(), Contract::newest())].into(), ..Contracts::default() };
    let scene = scene(&upstream, contracts);
    let none = refused(&scene, &[("User-Agent", "any")]);
    let old = refused(&scene, &[("User-Agent", "any"), ("Eosin-Version", OLD)]);
    let new = refused(&scene, &[("User-Agent", "any"), ("Eosin-Version", NEW)]);
    let pinned = refused(&scene, &[("User-Agent", "portal")]);
    let asked = refused(&scene, &[("User-Agent", "portal"), ("Eosin-Version", OLD)]);
    assert_eq!(plain(&none), plain(&old));
    assert_eq!(plain(&none), plain(&asked), "what a request names goes before what its client is pinned to");
    assert_eq!((none.header("eosin-version"), old.header("eosin-version")), (None, Some(OLD)));
    assert_eq!((none.header("eosin-refusal"), old.header("eosin-refusal")), (None, None));
    for answer in [&new, &pinned] {
        assert_eq!((answer.status, answer.header("eosin-version")), (403, Some(NEW)));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let told = &body[0]["eosin"];
        let provenance = answer.header("eosin-provenance").unwrap();
        let ruling = told["ruling"].as_str().unwrap();
        assert!(provenance.contains(&format!("ruling=\"{ruling}\"")), "{provenance} and {body}");
        let policy = told["policies"][0].as_str().unwrap();
        let field = answer.header("eosin-refusal").unwrap();
        assert_eq!(field, format!("ruling=\"{ruling}\", policies=(\"{policy}\")"));
        let mut without = body.clone();
        without[0].as_object_mut().unwrap().remove("eosin");
        let sentence =
            |body: &Value| body[0]["message"].as_str().unwrap().split(" Ruling").next().unwrap().to_owned();
        assert_eq!(sentence(&without), sentence(&plain(&none)), "the sentence is the same");
    }
    let (_, entries) = scene.stop();
    let rulings: Vec<&Value> = entries.iter().filter(|entry| entry["eosin"] == "ruling@1").collect();
    let contracts: Vec<Option<&str>> = rulings.iter().map(|ruling| ruling["contract"].as_str()).collect();
    assert_eq!(contracts, [None, Some(OLD), Some(NEW), Some(NEW), Some(OLD)]);
    assert_eq!(rulings[0]["objects"][0], "Contact");
}

#[test]
fn the_end_of_a_version_is_announced_and_then_it_is_refused() {
    let upstream = upstream();
    // The scene's clock stands at 2026-11-21T12:00:00Z.
    let ends = |sunset: i64| Contracts {
        endings: [(
            Contract::of(OLD).unwrap(),
            Ending {
                deprecated: Some(1_790_812_800),
                sunset: Some((sunset, "Tue, 01 Jun 2027 00:00:00 GMT".to_owned())),
            },
        )]
        .into(),
        ..Contracts::default()
    };
    let before = scene(&upstream, ends(1_811_808_000));
    for headers in [&[("Eosin-Version", OLD)][..], &[]] {
        let answer = refused(&before, headers);
        assert_eq!(answer.header("deprecation"), Some("@1790812800"));
        assert_eq!(answer.header("sunset"), Some("Tue, 01 Jun 2027 00:00:00 GMT"));
    }
    let query = before.ask("GET", crate::scene::QUERY, &[("Eosin-Version", OLD)], b"");
    assert_eq!((query.status, query.header("deprecation")), (201, Some("@1790812800")), "on every answer");
    let new = refused(&before, &[("Eosin-Version", NEW)]);
    assert_eq!((new.header("deprecation"), new.header("sunset")), (None, None));
    drop(before);

    let after = scene(&upstream, ends(1_700_000_000));
    let came = upstream.received().len();
    let answer = refused(&after, &[("Eosin-Version", OLD)]);
    assert_eq!(answer.status, 410);
    assert!(
        answer.text().contains("EOSIN_VERSION_ENDED") && answer.text().contains(NEW),
        "{}",
        answer.text()
    );
    // Who named none has the next version.
    assert!(refused(&after, &[]).header("eosin-refusal").is_some());
    assert_eq!(upstream.received().len(), came);
}

#[test]
fn an_unknown_version_is_refused_and_nothing_is_sent() {
    let upstream = upstream();
    let scene = scene(&upstream, Contracts::default());
    for headers in [
        &[("Eosin-Version", "2026-11-23")][..],
        &[("Eosin-Version", "tomorrow")],
        &[("Eosin-Version", OLD), ("Eosin-Version", NEW)],
    ] {
        let body = Scene::marked(&scene.attested, 0, ADA);
        let answer = scene.ask("POST", CREATE, &[&[JSON], headers].concat(), body.as_bytes());
        assert_eq!(answer.status, 400, "{headers:?}");
        assert!(
            answer.text().contains("EOSIN_VERSION_UNKNOWN") && answer.text().contains(OLD),
            "{}",
            answer.text()
        );
    }
    assert!(upstream.received().is_empty());
    // A version that is known goes no further than the gateway.
    let body = Scene::marked(&scene.attested, 0, ADA);
    let answer = scene.ask("POST", CREATE, &[JSON, ("Eosin-Version", NEW)], body.as_bytes());
    assert_eq!((answer.status, answer.header("eosin-version")), (201, Some(NEW)));
    assert!(!upstream.received()[0].headers.iter().any(|(name, _)| name.starts_with("eosin-version")));
}
