//! A method, a target and an override, a line each: any of them has a door, and a second look gives the same one.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (method, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let door = carrier::salesforce::route(method, target, lines.next());
    assert_eq!(door, carrier::salesforce::route(method, target, text.splitn(3, '\n').nth(2)));
});
