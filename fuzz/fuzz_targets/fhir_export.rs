//! A bulk export's manifest of any bytes: what is passed on names files at our address only, counts none, and is passed on again as
//! it is.
#![no_main]

use carrier::fhir::{Followed, manifest, whole_lines};
use mark::json::{self, Json};

const UPSTREAM: &str = "http://up.example";
const GATEWAY: &str = "https://gate.example";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (whole, rest) = bytes.split_at(whole_lines(bytes));
    assert!(whole.last().is_none_or(|byte| *byte == b'\n') && !rest.contains(&b'\n'));

    let followed = |path: &str| {
        assert!(path.starts_with('/'));
        let after = |what: &str| format!("/followed/{what}");
        (path.len() % 2 == 0)
            .then(|| Followed { certificate: after("certificate"), manifest: after("manifest") })
    };
    let Ok(told) = manifest(bytes, UPSTREAM, GATEWAY, followed) else { return };
    let parsed = json::parse(told.as_bytes()).expect("a manifest is JSON");
    let is_ours = |url: &str| url.strip_prefix(GATEWAY).is_some_and(|path| path.starts_with('/'));
    for file in ["output", "error"].into_iter().filter_map(|name| parsed.get(name)).flat_map(Json::items) {
        assert!(file.get("url").and_then(Json::text).is_some_and(is_ours), "a file is at our address");
        assert!(file.get("count").is_none(), "nobody learns how many there were");
    }
    for name in ["request", "link"] {
        assert!(parsed.get(name).is_none_or(|url| url.text().is_some_and(is_ours)));
    }
    assert!(
        parsed.get("extension").is_none()
            && parsed.get("deleted").is_none_or(|deleted| deleted.items().is_empty())
    );
    assert_eq!(manifest(told.as_bytes(), UPSTREAM, GATEWAY, followed).as_ref(), Ok(&told));
});
