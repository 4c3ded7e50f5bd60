//! New transactions for a list that is open, as server-sent events.

use askama::Template;
use index::{Index, StoreError};

use super::transactions::{Transaction, after, conditions, newest};
use crate::target::Target;

/// Rows of one answer.
const ROWS: usize = 50;

/// What is answered where nothing is new: the browser asks again.
pub const NOTHING_NEW: &str = "retry: 500\n: nothing new\n\n";

#[derive(Template)]
#[template(path = "live_rows.html")]
struct Rows {
    rows: Vec<Transaction>,
}

/// What came after a place in the list, as one event; nothing where nothing did.
///
/// Shape:  the target has the filter of the list, and `from`: where the list began when its page was made. `seen` is the
///         id of the event before, which counts for more.
/// Bounds: the newest 50; older ones are on the page when it is loaded again.
/// Errors: [`StoreError`]: the index could not be asked.
pub fn live(target: &str, seen: Option<&str>, index: &mut Index) -> Result<Option<String>, StoreError> {
    let Ok(target) = Target::read(target) else { return Ok(Some(NOTHING_NEW.to_owned())) };
    let from = seen.filter(|seen| !seen.is_empty()).or_else(|| target.get("from"));
    let (mut filter, fault) = conditions(&target);
    if fault.is_some() {
        return Ok(Some(NOTHING_NEW.to_owned()));
    }
    if !from.is_some_and(|from| after(from, &mut filter)) {
        return Ok(Some(NOTHING_NEW.to_owned()));
    }
    let (clause, values) = filter.clause();
    let rows = newest(&clause, &values, ROWS, index)?;
    let Some(first) = rows.first() else { return Ok(None) };
    let id = first.bookmark();
    // Writing into a text does not fail.
    let rows = Rows { rows }.render().unwrap_or_default().replace(['\n', '\r'], " ");
    Ok(Some(format!("retry: 500\nid: {id}\nevent: rows\ndata: {rows}\n\n")))
}
