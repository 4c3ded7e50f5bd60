//! A query of any text, asked of an index: it is answered within its rows, columns and bytes or refused, never the database's own
//! trouble, and changes nothing.
#![no_main]

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use index::{AskError, Bounds, Index, Place, Value};

const BOUNDS: Bounds = Bounds { rows: 10, bytes: 1 << 16, time: Duration::from_secs(1) };
/// Columns of an answer at most, as `Index::ask_within` promises; its own constant is not for others.
const COLUMNS_MAX: usize = 200;

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
    match index.ask_within(text, &BOUNDS, move || begun.elapsed()) {
        Ok(asked) => {
            let answer = asked.answer;
            assert!(answer.rows.len() <= BOUNDS.rows as usize && answer.columns.len() <= COLUMNS_MAX);
            assert!(answer.rows.iter().all(|row| row.len() == answer.columns.len()));
            let bytes: usize = answer.rows.iter().flatten().map(bytes_of).sum();
            assert!(bytes <= BOUNDS.bytes, "{bytes} bytes");
        }
        Err(AskError::Query(_) | AskError::Slow(_)) => {}
        Err(AskError::Store(error)) => panic!("a query is never the database's fault: {error:?}"),
    }
    assert!(std::fs::read(&file).expect("a file") == *bytes, "a query changes nothing");
});

/// What a value counts for.
fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Integer(_) | Value::Null => 8,
    }
}
