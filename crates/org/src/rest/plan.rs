//! `/query?explain=…`: how the org would find the rows of a query.

use serde_json::{Value, json};

use super::list_views;
use crate::analytics;
use crate::call::Reply;
use crate::failure::Failure;
use crate::rest::query::parse;
use crate::soql::evaluate;
use crate::state::Visit;

/// Plans for a query, or for the query of a list view or a report.
///
/// The counts are those of the rows at hand; this org has one way to find them, and says so.
pub(crate) fn explain(visit: &Visit<'_>, what: &str) -> Result<Reply, Failure> {
    let by_id = crate::id::widen(what)
        .and_then(|id| list_views::query_of(visit, &id).or_else(|| analytics::query_of(visit, &id)));
    let text = by_id.unwrap_or_else(|| what.to_owned());
    let mut query = parse(&text)?;
    let lens = visit.lens(false);
    let all = visit.state.store.count(&visit.state.store.object(&query.from)?.name);
    (query.limit, query.offset) = (None, None);
    let found = evaluate::find(&lens, &query)?.total();
    let share = if all == 0 { 0.0 } else { precise(found) / precise(all) };
    let plan = json!({
        "cardinality": found,
        "fields": [],
        "leadingOperationType": "TableScan",
        "notes": [],
        "relativeCost": (share * 1_000.0).round() / 1_000.0,
        "sobjectCardinality": all,
        "sobjectType": query.from,
    });
    Ok(Reply::json(200, json!({"plans": [plan], "sourceQuery": Value::from(text)})))
}

fn precise(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
