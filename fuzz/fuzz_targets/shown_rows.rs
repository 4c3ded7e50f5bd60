//! An answer of any bytes: its rows are found or it is refused, and without some of them it is JSON in which they are not: of rows
//! that stand side by side all others are left, in order, of rows within rows no id that is hidden.
#![no_main]

use std::collections::BTreeSet;

use carrier::salesforce::{Gap, RecordId, ShownRows, Stripped, Telling};
use mark::json::{self, Json};

const ROWS_MAX: usize = 1000;

type Row = (String, Option<RecordId>);

libfuzzer_sys::fuzz_target!(|answer: &[u8]| {
    for telling in [Telling::Rows, Telling::Ids] {
        let Ok(rows) = ShownRows::find(answer, telling, ROWS_MAX) else { continue };
        let shown = listed(&rows);
        let count = shown.len();
        assert!(count <= ROWS_MAX);
        for at in 0..count {
            let _ = (rows.reading(at), rows.names(at), rows.is_whole(at));
        }
        let ids: Vec<RecordId> = shown.iter().filter_map(|(_, id)| *id).collect();
        let is_distinct = ids.iter().collect::<BTreeSet<_>>().len() == ids.len();
        // Ids that stand alone are no objects, and are not looked for there.
        let is_flat =
            telling == Telling::Rows && json::parse(answer).is_ok_and(|answer| !nests(&answer, false));
        let (all, some): (BTreeSet<usize>, BTreeSet<usize>) =
            ((0..count).collect(), (0..count).step_by(2).collect());
        for gap in [Gap::Closed, Gap::Null] {
            let stripped = Stripped { gap, ..Stripped::default() };
            let left = |hidden: &BTreeSet<usize>| {
                let left = rows.without(hidden, &stripped).unwrap_or_else(|| answer.to_vec());
                let again = ShownRows::find(&left, telling, ROWS_MAX);
                listed(&again.expect("an answer without some of its rows is an answer"))
            };
            assert_eq!(left(&all), [], "nothing is shown of a row that is hidden");
            let others = |at: &usize| !some.contains(at);
            let others: Vec<Row> = (0..count).filter(others).map(|at| shown[at].clone()).collect();
            let left = left(&some);
            assert!(left.len() <= others.len(), "no more is shown than the others");
            if is_flat {
                assert_eq!(left, others, "all others are shown");
            }
            if is_distinct {
                let mut rest = others.iter().filter_map(|(_, id)| *id);
                let mut left = left.iter().filter_map(|(_, id)| *id);
                assert!(left.all(|id| rest.any(|other| other == id)), "others alone, in order");
            }
        }
    }
});

fn listed(rows: &ShownRows<'_>) -> Vec<Row> {
    rows.rows().map(|row| (row.object.to_owned(), row.id)).collect()
}

/// Whether a row could stand within another one, or beside one as what is shown of it: it goes with that one.
fn nests(value: &Json<'_>, in_row: bool) -> bool {
    match value {
        Json::Object(members) => {
            let says = |name: &str| name == "attributes" || name.eq_ignore_ascii_case("apiName");
            let is_row = members.iter().any(|(name, _)| says(name));
            let is_shown_as = members.iter().any(|(name, value)| {
                name == "displayValue" && matches!(value, Json::Object(_) | Json::Array(_))
            });
            (in_row && is_row)
                || is_shown_as
                || members.iter().any(|(_, value)| nests(value, in_row || is_row))
        }
        Json::Array(items) => items.iter().any(|item| nests(item, in_row)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => false,
    }
}
