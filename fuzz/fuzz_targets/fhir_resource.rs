//! The first byte picks a route, the rest is its body: reading, labelling and refusing have an answer for any bytes.
#![no_main]

use carrier::{Labels, Limits, Refusal, fhir};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, body)) = bytes.split_first() else { return };
    let resource_type = "Patient".to_owned();
    let route = match pick % 4 {
        0 => fhir::Route::Create { resource_type },
        1 => fhir::Route::Update { resource_type },
        2 => fhir::Route::Bundle,
        _ => fhir::Route::Delete,
    };
    let readings = fhir::read(&route, Some("application/fhir+json"), body, &LIMITS).records;
    let labels: Vec<Labels> = (0..readings.len()).map(labels).collect();
    let placed = match (&route, labels.as_slice()) {
        (fhir::Route::Bundle, labels) => fhir::place_bundle(body, labels),
        (_, [labels]) => fhir::place(body, labels),
        _ => return,
    };
    // Labels need no address; a reading does, and what does not fit it is not read.
    if let (Ok(placed), true) = (placed, readings.iter().all(|reading| reading.content.is_ok())) {
        let again = fhir::read(&route, Some("application/fhir+json"), &placed, &LIMITS).records;
        assert_eq!(again.len(), readings.len());
        for (n, (before, after)) in readings.iter().zip(&again).enumerate() {
            let (Ok(before), Ok(after)) = (&before.content, &after.content) else { panic!("was placed") };
            assert_eq!(after.mark.as_deref(), Some(format!("eosin1.{n}").as_str()));
            assert!(after.fields == before.fields, "placing changed what is covered");
        }
    }
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let refusals: Vec<(usize, Refusal)> = (0..readings.len()).step_by(2).map(|at| (at, no.clone())).collect();
    if route != fhir::Route::Bundle {
        return;
    }
    if let Ok(withheld) = fhir::withhold(body, &refusals) {
        let kept = withheld.body.as_ref().map_or(0, |kept| fhir::read_document(kept, &LIMITS).records.len());
        // What stands inside an entry falls with it.
        assert!(kept + refusals.len() <= readings.len(), "what is refused is not sent on");
        let _ = fhir::merge(&withheld, Some(body));
    }
});

fn labels(n: usize) -> Labels {
    Labels {
        mark_text: format!("eosin1.{n}"),
        mark_id: n.to_string(),
        subject: mark::Subject::Synthetic,
        authorship: mark::Authorship::Ai,
        dataset: None,
    }
}
