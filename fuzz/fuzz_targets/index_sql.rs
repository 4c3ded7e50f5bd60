//! A query of any text, asked of an index: it is answered within its bounds or refused, and changes nothing.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use index::{Bounds, Index, Place};

const BOUNDS: Bounds = Bounds { rows: 10, bytes: 1 << 16, time: Duration::from_secs(1) };

/// An index of no ledger, and what its file holds.
static EMPTY: LazyLock<(tempfile::TempDir, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    drop(Index::renew(&Place::File(folder.path().join("index"))).expect("an index"));
    let bytes = std::fs::read(folder.path().join("index")).expect("a file");
    (folder, bytes)
});

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (folder, bytes) = &*EMPTY;
    let file = folder.path().join("index");
    let index = Index::open(&Place::File(file.clone())).expect("it opens as it was made");
    let begun = Instant::now();
    if let Ok(asked) = index.ask_within(text, &BOUNDS, move || begun.elapsed()) {
        let answer = asked.answer;
        assert!(answer.rows.len() <= 10 && answer.columns.len() <= 200);
        assert!(answer.rows.iter().all(|row| row.len() == answer.columns.len()));
    }
    assert!(std::fs::read(&file).expect("a file") == *bytes, "a query changes nothing");
});
