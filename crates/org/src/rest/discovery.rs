//! What the org offers: versions, resources, objects.

use serde_json::{Value, json};

use crate::call::{Call, Reply};
use crate::describe;
use crate::rest::sobjects;
use crate::state::Visit;

/// The API versions the org answers to.
pub(crate) const VERSIONS: std::ops::RangeInclusive<u32> = 31..=68;

/// `GET /services/data`.
pub(crate) fn versions() -> Reply {
    let seasons = ["Winter", "Spring", "Summer"];
    let listed = VERSIONS.map(|version| {
        // v50.0 was Winter '21, and there are three releases a year; v29.0 was Winter '14.
        let step = version - 29;
        let season = usize::try_from(step % 3).ok().and_then(|at| seasons.get(at)).copied().unwrap_or("");
        let year = 14 + step / 3;
        json!({"label": format!("{season} '{year}"), "url": format!("/services/data/v{version}.0"), "version": format!("{version}.0")})
    });
    Reply::json(200, Value::Array(listed.collect()))
}

/// `GET /services/data/vNN.0`.
pub(crate) fn resources(visit: &Visit<'_>) -> Reply {
    let names = [
        "appMenu",
        "composite",
        "jobs",
        "limits",
        "metadata",
        "parameterizedSearch",
        "process",
        "query",
        "queryAll",
        "quickActions",
        "recent",
        "search",
        "sobjects",
        "tabs",
        "theme",
        "tooling",
    ];
    let mut map = serde_json::Map::new();
    for name in names {
        map.insert(name.into(), json!(visit.path(name)));
    }
    let organization = &visit.state.access.organization;
    map.insert("identity".into(), json!(format!("{}/id/{organization}/{}", visit.base, visit.user)));
    Reply::json(200, Value::Object(map))
}

/// `GET …/composite`.
pub(crate) fn composite(visit: &Visit<'_>) -> Reply {
    Reply::json(
        200,
        json!({
            "tree": visit.path("composite/tree"),
            "batch": visit.path("composite/batch"),
            "sobjects": visit.path("composite/sobjects"),
            "graph": visit.path("composite/graph"),
        }),
    )
}

/// `GET …/sobjects`.
pub(crate) fn objects(visit: &Visit<'_>, call: &Call) -> Reply {
    let all: Vec<Value> =
        visit.state.store.schema.objects().map(|object| describe::summary(object, &visit.version)).collect();
    let body = json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all});
    sobjects::unless_known(visit, call, body)
}
