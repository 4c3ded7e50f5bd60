//! A FHIR request by its method, target and override, a line each: it has one door, which the target that is sent on has too; and a
//! search that is open stays open and finds no more however it is asked instead.
#![no_main]

use carrier::fhir::{self, Detail, Query};

const BASE: &str = "/fhir";
/// Parameters that say what an answer looks like, and not what is found.
const SHAPE: [&str; 9] = [
    "_count",
    "_offset",
    "_total",
    "_totalMethod",
    "_summary",
    "_elements",
    "_maxresults",
    "_pretty",
    "_format",
];

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (method, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let overridden = lines.next();
    let found = fhir::interaction(method, target, overridden, BASE);
    let door = fhir::route(method, target, overridden, BASE);
    if let (Some(normal), true) = (fhir::normal_target(target, BASE), found.is_some()) {
        assert_eq!(fhir::interaction(method, &normal, overridden, BASE), found);
        assert_eq!(fhir::route(method, &normal, overridden, BASE), door);
        assert_eq!(fhir::normal_target(&normal, BASE).as_ref(), Some(&normal));
        let plain = fhir::without_format(&normal);
        let query = plain.split_once('?').map_or("", |(_, query)| query);
        assert!(Query::parse(query).expect("it was read before").get("_format").is_none());
    }
    let _ = (fhir::asked(method, target, BASE).named(), fhir::made_at(target));

    let Some(query) = Query::parse(target.split_once('?').map_or(target, |(_, query)| query)) else { return };
    let read = |text: &str| Query::parse(text).expect("what is written is read");
    assert_eq!(read(&query.without(&[])), query);
    if query.closed().is_some() {
        return;
    }
    let asked = [query.whole(Some(50)), query.only(&["7"]).to_text(), query.detailed(&["7"])];
    finds_no_more(&query.without(&[]), &asked);
    let [whole, only, detailed] = asked.map(|text| read(&text));
    for asked in [&whole, &only, &detailed] {
        assert_eq!(asked.closed(), None);
    }
    assert!(whole.detail() == Detail::Full && whole.count() == Some(50) && whole.offset() == 0);
    assert!([only, detailed].iter().all(|asked| asked.get("_id") == Some("7")));
});

/// The whole of a search has what it asked for, and each part of it is of one resource; all as they are written for a server.
fn finds_no_more(query: &str, [whole, only, detailed]: &[String; 3]) {
    fn split(text: &str) -> Vec<&str> {
        text.split('&').filter(|pair| !pair.is_empty()).collect()
    }
    let is_shape = |pair: &&str| SHAPE.contains(&pair.split([':', '=']).next().unwrap_or_default());
    let mut asked: Vec<&str> = split(query).into_iter().filter(|pair| !is_shape(pair)).collect();
    asked.push("_count=50");
    assert_eq!(split(whole), asked, "what is asked for is what was");
    for (part, added) in [(only, &["_id=7"][..]), (detailed, &["_id=7", "_count=1"])] {
        let part = split(part);
        let of_query = part.strip_suffix(added).expect("a part is asked for by its id");
        let mut rest = split(query).into_iter();
        assert!(of_query.iter().all(|pair| rest.any(|other| other == *pair)), "all else is of the question");
    }
}
