//! A Bundle that a server answered, of any bytes: it is taken apart or refused, put together again of some of its entries it has
//! just those and neither an entry's address nor a further page at the server, and labels that are put back are there.
#![no_main]

use carrier::{
    Labels, Limits,
    fhir::{Entry, Page, connected, relabelled},
};
use mark::json::{self, Json};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const UPSTREAM: &str = "http://up.example";
const GATEWAY: &str = "https://gate.example";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(page) = Page::read(bytes, &LIMITS) else { return };
    let all: Vec<&Entry> = page.entries.iter().collect();
    let kept: Vec<bool> = (0..all.len()).map(|at| at % 3 != 1).collect();
    let stays = connected(&all, &kept);
    assert!(stays.len() == kept.len() && stays.iter().zip(&kept).all(|(stays, kept)| *kept || !stays));

    let kept: Vec<&Entry> =
        all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(entry, _)| entry).collect();
    let texts: Vec<String> = kept.iter().map(|entry| entry.text(None, UPSTREAM, GATEWAY)).collect();
    let next = format!("{GATEWAY}/fhir?page=2");
    for (text, total, next) in [
        (page.with_entries(&texts), page.total, None),
        (page.with(&texts, Some(7), &[("next", next.clone())]), Some(7), Some(next)),
    ] {
        let again = Page::read(text.as_bytes(), &LIMITS).expect("what was put together is a Bundle");
        assert_eq!((again.total, again.entries.len()), (total, kept.len()));
        let parsed = json::parse(text.as_bytes()).expect("a Bundle is JSON");
        let items = |name| parsed.get(name).map_or(&[][..], Json::items);
        let further = items("link")
            .iter()
            .filter(|link| link.get("relation").and_then(Json::text) == Some("next"))
            .filter_map(|link| link.get("url").and_then(Json::text));
        assert!(further.eq(next.as_deref()), "a further page is ours, or there is none");
        let urls = items("entry").iter().filter_map(|entry| entry.get("fullUrl").and_then(Json::text));
        let is_below = |url: &str| url.strip_prefix(UPSTREAM).is_some_and(|rest| rest.starts_with('/'));
        assert!(!urls.into_iter().any(is_below), "no entry is at the server's address");
        for (entry, was) in again.entries.iter().zip(&kept) {
            assert!(entry.resource == was.resource && entry.key == was.key && entry.mode == was.mode);
        }
    }

    let labels = Labels {
        mark_text: "eosin1.0".to_owned(),
        mark_id: "0".to_owned(),
        subject: mark::Subject::Synthetic,
        authorship: mark::Authorship::Ai,
        dataset: None,
    };
    for resource in kept.iter().filter_map(|entry| entry.resource.as_deref()) {
        if let Some(placed) = relabelled(resource, &labels) {
            assert_eq!(relabelled(&placed, &labels), None, "labels that were put back are there");
        }
    }
});
