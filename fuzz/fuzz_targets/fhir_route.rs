//! A FHIR request by its method, target and override, a line each: it has one door, which the target that is sent on has too; and a
//! search that is open stays open and finds no more however it is asked instead.
#![no_main]

use carrier::fhir::{self, Detail, Query};

const BASE: &str = "/fhir";

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
    let (whole, only, detailed) =
        (read(&query.whole(Some(50))), read(&query.only(&["7"])), read(&query.detailed(&["7"])));
    for asked in [&whole, &only, &detailed] {
        assert_eq!(asked.closed(), None);
    }
    assert!(whole.detail() == Detail::Full && whole.count() == Some(50) && whole.offset() == 0);
    assert!([only, detailed].iter().all(|asked| asked.get("_id") == Some("7")));
});
