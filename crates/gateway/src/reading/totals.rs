//! How many records there are, counted without what is hidden.

use carrier::salesforce::{self, Look};
use flow::Reader;
use http::{HeaderValue, Response, header};

use super::{Turned, org::Org, recorded, statement};
use crate::{body::Body, head::Head, problem::Problem, server::Lane};

/// Counts what the org counts, without what is hidden.
pub(super) async fn totals(lane: &Lane, reader: &Reader, head: &Head) -> Result<Response<Body>, Turned> {
    let org = Org::new(lane, reader, head)?;
    let objects: Vec<String> = salesforce::parameters(&head.target, "sObjects")
        .iter()
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    // Without names the org counts every object it has.
    if objects.is_empty() || objects.len() > TOTALS_MAX {
        return Err(Problem::ReadClosed.into());
    }
    let mut counts = Vec::with_capacity(objects.len());
    for object in objects {
        if let Some(count) = statement::count(&org, &object).await? {
            counts.push(serde_json::json!({ "count": count, "name": object }));
        }
    }
    let mut response = Response::new(Body::from(serde_json::json!({ "sObjects": counts }).to_string()));
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    recorded(lane, reader, &Look::Totals, Vec::new(), response.headers_mut()).await?;
    Ok(response)
}

/// Each count is a query of its own.
const TOTALS_MAX: usize = 20;
