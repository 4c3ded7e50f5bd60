//! An answer of any bytes: its rows are found or it is refused, and without some of them it is JSON in which they are not.
#![no_main]

use std::collections::BTreeSet;

use carrier::salesforce::{Gap, ShownRows, Stripped, Telling};

const ROWS_MAX: usize = 1000;

libfuzzer_sys::fuzz_target!(|answer: &[u8]| {
    for telling in [Telling::Rows, Telling::Ids] {
        let Ok(rows) = ShownRows::find(answer, telling, ROWS_MAX) else { continue };
        let count = rows.rows().len();
        assert!(count <= ROWS_MAX);
        for at in 0..count {
            let _ = (rows.reading(at), rows.names(at), rows.is_whole(at));
        }
        let (all, some): (BTreeSet<usize>, BTreeSet<usize>) =
            ((0..count).collect(), (0..count).step_by(2).collect());
        for gap in [Gap::Closed, Gap::Null] {
            let stripped = Stripped { gap, ..Stripped::default() };
            let left = |hidden: &BTreeSet<usize>| {
                let left = rows.without(hidden, &stripped).unwrap_or_else(|| answer.to_vec());
                let again = ShownRows::find(&left, telling, ROWS_MAX);
                again.expect("an answer without some of its rows is an answer").rows().len()
            };
            assert_eq!(left(&all), 0, "nothing is shown of a row that is hidden");
            assert!(left(&some) <= count - some.len(), "no more is shown than the others");
        }
    }
});
