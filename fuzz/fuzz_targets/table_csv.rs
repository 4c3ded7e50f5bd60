//! A file of rows or lines: any bytes are records or unreadable, and labels that are placed are read back.
#![no_main]

use carrier::{
    Labels, Limits,
    table::{Chunks, Format, HEAD_BYTES, sniff},
};

const LIMITS: Limits = Limits { body_bytes: 64, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, text)) = bytes.split_first() else { return };
    let table = |delimiter| Format::Table { object: "t".to_owned(), delimiter };
    let format = match pick % 4 {
        0 => table(b','),
        1 => table(b';'),
        2 => Format::FhirLines,
        _ => match sniff(&text[..text.len().min(HEAD_BYTES)], "a.csv", None) {
            Ok(format) => format,
            Err(_) => return,
        },
    };
    let mut chunks = Chunks::new(text, format.clone(), LIMITS);
    let (mut records, mut out, mut whole) = (0, Vec::new(), true);
    while let Some(chunk) = chunks.next_chunk().expect("a slice does not fail") {
        let readings = chunk.read().records;
        let readable = readings.iter().map(|reading| reading.content.is_ok());
        let labels: Vec<Option<Labels>> = readable
            .map(|readable| {
                records += usize::from(readable);
                readable.then(|| labels(records - 1))
            })
            .collect();
        match chunk.place(&labels) {
            Ok(placed) => out.extend_from_slice(&placed),
            Err(_) => whole = false,
        }
        let kept = chunk.select(&vec![false; readings.len()]).expect("nothing to keep");
        assert!(kept.len() <= text.len());
    }
    // Of a file without a record that can be read, nothing is left to be read.
    if !whole || records == 0 {
        return;
    }
    let mut again = 0;
    let mut chunks =
        Chunks::new(out.as_slice(), format, Limits { body_bytes: usize::MAX, records: usize::MAX });
    while let Some(chunk) = chunks.next_chunk().expect("a slice does not fail") {
        for reading in chunk.read().records {
            let record = reading.content.expect("what was placed can be read");
            assert_eq!(record.mark.as_deref(), Some(format!("eosin1.{again}").as_str()));
            again += 1;
        }
    }
    assert_eq!(again, records);
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
