//! Any record is weighed: the weight is the sum of its signals, each is explained, and a batch of it has shares.
#![no_main]

use std::{borrow::Cow, sync::LazyLock};

use mark::{
    Claim, Form, Record,
    json::{self, Json},
};
use recognise::{Batch, EVIDENCE_SIGNALS_MAX, Person, Recogniser};

static RECOGNISER: LazyLock<Recogniser> = LazyLock::new(Recogniser::built_in);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, rest)) = bytes.split_first() else { return };
    let (form, object) = match pick % 8 {
        0 => (Form::Fhir, "Patient"),
        1 => (Form::Salesforce, "Contact"),
        2 => (Form::Salesforce, "Account"),
        3 => (Form::Hl7v2, "ADT^A01"),
        _ => (Form::Table, "patients"),
    };
    let fields = if form == Form::Table {
        cells(rest)
    } else {
        let Ok(Json::Object(fields)) = json::parse(rest) else { return };
        fields
    };
    let record = Record { form, object: Cow::Borrowed(object), fields, mark: None, claim: Claim::None };
    let person = Person::of(&record);
    let evidence = RECOGNISER.weigh(&record, person.as_ref());
    assert!(evidence.signals.len() <= EVIDENCE_SIGNALS_MAX);
    if evidence.signals.len() < EVIDENCE_SIGNALS_MAX {
        assert_eq!(evidence.signals.iter().map(|signal| signal.decibits).sum::<i32>(), evidence.decibits);
    }
    for signal in &evidence.signals {
        assert!(!Recogniser::explain(signal.name).starts_with("No signal"));
    }
    let mut batch = Batch::default();
    batch.observe(&evidence);
    let shares = batch.estimate();
    assert!(
        shares
            .iter()
            .all(|one| 0.0 <= one.low && one.low <= one.share && one.share <= one.high && one.high <= 1.0)
    );
    assert!(shares.iter().map(|one| one.share).sum::<f64>() <= 1.0 + 1e-6);
});

/// A line of names and a line of values, cut at tabs.
fn cells(bytes: &[u8]) -> json::Members<'_> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let (names, values) = text.split_once('\n').unwrap_or((text, ""));
    let cells = names.split('\t').zip(values.split('\t'));
    cells.map(|(name, value)| (Cow::Borrowed(name), Json::Text(Cow::Borrowed(value)))).collect()
}
