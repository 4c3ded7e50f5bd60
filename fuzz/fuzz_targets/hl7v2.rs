//! A file of messages: any bytes are records or unreadable, a stream is cut as its bytes are, labels are read back and
//! can be taken out again.
#![no_main]

use carrier::{
    Labels, Limits, hl7v2,
    table::{Chunks, Format},
};

const LIMITS: Limits = Limits { body_bytes: 4096, records: usize::MAX };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let whole = hl7v2::read(bytes, &LIMITS).records;
    let mut chunks = Chunks::new(bytes, Format::Hl7v2, LIMITS);
    let mut streamed = 0;
    while let Some(chunk) = chunks.next_chunk().expect("a slice does not fail") {
        for (one, other) in chunk.read().records.iter().zip(whole.iter().skip(streamed)) {
            assert!(one == other, "a stream is cut as its bytes are");
        }
        streamed += chunk.read().records.len();
    }
    assert_eq!(streamed, whole.len());

    let labels: Vec<Labels> = (0..whole.len()).map(labels).collect();
    let Ok(placed) = hl7v2::place(bytes, &labels) else {
        assert!(whole.iter().any(|reading| reading.content.is_err()), "what can be read can be labelled");
        return;
    };
    let again = hl7v2::read(&placed, &Limits { body_bytes: usize::MAX, records: usize::MAX }).records;
    assert_eq!(again.len(), whole.len());
    for (at, (before, after)) in whole.iter().zip(&again).enumerate() {
        let Ok(before) = &before.content else { continue };
        let after = after.content.as_ref().expect("what was placed can be read");
        assert_eq!(after.mark.as_deref(), Some(format!("eosin1.{at}").as_str()));
        assert!(after.fields == before.fields, "placing changed what is covered");
    }
    assert_eq!(hl7v2::place(&placed, &labels).expect("it was placed before"), placed);
    if let Ok(stripped) = hl7v2::strip_message(bytes) {
        let labels = Labels { subject: mark::Subject::Mixed, ..self::labels(0) };
        let placed = hl7v2::place_message(&stripped, &labels).expect("it was read before");
        assert_eq!(hl7v2::strip_message(&placed).expect("it was placed"), stripped);
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
