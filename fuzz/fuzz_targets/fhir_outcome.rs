//! What a FHIR server says of a write, and what a client refers to, of any text: the resources that an outcome names are found or it
//! is refused, without them it names none of them, and a reference leads to a resource or to nothing.
#![no_main]

use carrier::fhir::{led_by_id, named, outcomes_name, references_by_id, without_named};

const ORIGINS: [&str; 2] = ["http://up.example", "https://gate.example"];

libfuzzer_sys::fuzz_target!(|text: &str| {
    named(text).iter().for_each(|key| assert!(!key.id.is_empty() && !key.resource_type.is_empty()));
    if let Some(found) = outcomes_name(text) {
        match without_named(text, &found) {
            None => assert!(found.is_empty(), "what is named goes"),
            Some(shown) => {
                let left = outcomes_name(&shown).expect("what was put together is read again");
                assert!(left.is_disjoint(&found), "what is hidden is named no more");
            }
        }
    }
    for reference in references_by_id(text).unwrap_or_default() {
        if let Some(led) = led_by_id(&reference, &ORIGINS) {
            let again = format!("{}/{}", led.key.resource_type, led.key.id);
            assert_eq!(
                led_by_id(&again, &ORIGINS).map(|led| led.key),
                Some(led.key),
                "an address leads where it says"
            );
        }
    }
});
