//! `/limits`, `/limits/recordCount`, `/recent`.

use serde_json::{Map, Value, json};

use crate::call::{Call, Reply};
use crate::read;
use crate::state::Visit;

/// How many requests a day the org says it allows; it counts, and never refuses.
pub(crate) const REQUESTS_MAX: u64 = 15_000;

/// `GET …/limits`.
pub(crate) fn limits(visit: &Visit<'_>) -> Reply {
    let used = visit.state.requests;
    let mut map = Map::new();
    map.insert(
        "DailyApiRequests".into(),
        json!({"Max": REQUESTS_MAX, "Remaining": REQUESTS_MAX.saturating_sub(used)}),
    );
    for (name, max) in [
        ("DailyBulkApiBatches", 15_000),
        ("DailyBulkV2QueryJobs", 10_000),
        ("DailyAsyncApexExecutions", 250_000),
        ("DataStorageMB", 1_024),
        ("FileStorageMB", 1_024),
        ("HourlyODataCallout", 20_000),
        ("SingleEmail", 5_000),
    ] {
        map.insert(name.into(), json!({"Max": max, "Remaining": max}));
    }
    Reply::json(200, Value::Object(map))
}

/// `GET …/limits/recordCount?sObjects=A,B`.
pub(crate) fn record_count(visit: &Visit<'_>, call: &Call) -> Reply {
    let store = &visit.state.store;
    let counts: Vec<Value> = match call.parameter("sObjects").filter(|names| !names.is_empty()) {
        Some(names) => names
            .split(',')
            .filter_map(|name| store.schema.object(name.trim()))
            .map(|object| json!({"count": store.count(&object.name), "name": object.name}))
            .collect(),
        None => store
            .schema
            .objects()
            .map(|object| (object, store.count(&object.name)))
            .filter(|(_, count)| *count > 0)
            .map(|(object, count)| json!({"count": count, "name": object.name}))
            .collect(),
    };
    Reply::json(200, json!({"sObjects": counts}))
}

/// `GET …/recent?limit=N`.
pub(crate) fn recent(visit: &Visit<'_>, call: &Call) -> Reply {
    let limit = call.parameter("limit").and_then(|text| text.parse().ok()).unwrap_or(200);
    Reply::json(200, Value::Array(recent_items(visit, None, limit)))
}

/// The records touched last, of one object or of any.
pub(crate) fn recent_items(visit: &Visit<'_>, of: Option<&str>, limit: usize) -> Vec<Value> {
    let store = &visit.state.store;
    let wanted = visit.state.recent.iter().filter(|(object, _)| of.is_none_or(|of| of == object));
    let items = wanted.filter_map(|(object, id)| {
        let row = store.live(object, id)?;
        let object = store.schema.object(object)?;
        let name = object.name_field().and_then(|field| row.get(&field.name)).cloned().unwrap_or(Value::Null);
        Some(json!({"attributes": read::attributes(object, row, &visit.version), "Id": id, "Name": name}))
    });
    items.take(limit).collect()
}
