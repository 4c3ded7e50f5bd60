//! A Parquet file: any bytes are rows or a reason, and rows that get labels are read back with them.
#![no_main]

use carrier::{Labels, Limits};
use columnar::{ParquetFile, Writer};

static QUIET: std::sync::Once = std::sync::Once::new();

const LIMITS: Limits = Limits { body_bytes: 1 << 16, records: 1000 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The library below panics on some bytes, and `columnar` makes errors of it. The fuzzer's own hook would end the run
    // before that; what is not caught still ends it, when it gets there.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Ok(mut file) = ParquetFile::in_memory(bytes.to_vec(), "t", LIMITS) else { return };
    let Ok(mut writer) = Writer::begin(Vec::new(), file.source(), Some("set")) else { return };
    let mut records = 0;
    while let Ok(Some(chunk)) = file.next_chunk() {
        let readings = chunk.read().records;
        let labels: Vec<Option<Labels>> = readings
            .iter()
            .map(|reading| {
                records += usize::from(reading.content.is_ok());
                reading.content.is_ok().then(|| labels(records - 1))
            })
            .collect();
        writer.place(&chunk, &labels).expect("what can be read takes labels");
        if records > 10_000 {
            return;
        }
    }
    let out = writer.finish().expect("a vector does not fail");
    let mut again = ParquetFile::in_memory(out, "t", LIMITS).expect("what was written can be opened");
    let mut found = 0;
    while let Some(chunk) = again.next_chunk().expect("and read") {
        for reading in chunk.read().records {
            let record = reading.content.expect("row by row");
            assert_eq!(record.mark.as_deref(), Some(format!("eosin1.{found}").as_str()));
            found += 1;
        }
    }
    assert_eq!(found, records);
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
