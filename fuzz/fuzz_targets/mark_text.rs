//! A mark's text: what is read is written the same, and what nobody sealed is never believed.
#![no_main]

use std::borrow::Cow;

use mark::{Claim, Form, Mark, Place, Reading, Record, TrustStore, judge};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(mark) = text.parse::<Mark>() {
        assert_eq!(mark.to_text(), text.trim());
        assert!(mark.to_text().len() <= mark::TEXT_MAX);
    }
    let record = Record {
        form: Form::Table,
        object: Cow::Borrowed("people"),
        fields: Vec::new(),
        mark: Some(Cow::Borrowed(text)),
        claim: Claim::None,
    };
    let reading = Reading { place: Place::default(), content: Ok(record) };
    assert!(judge(&reading, &TrustStore::default()).proof().is_none());
});
