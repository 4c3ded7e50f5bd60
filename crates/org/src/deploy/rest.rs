//! `/metadata/deployRequest`: deployments over REST.

use serde_json::{Value, json};

use super::Options;
use crate::call::{Call, Reply};
use crate::failure::Failure;
use crate::multipart;
use crate::state::Visit;

/// Answers what comes after `/metadata/deployRequest`.
pub(crate) fn route(
    visit: &mut Visit<'_>,
    call: &Call,
    method: &str,
    names: &[&str],
) -> Result<Reply, Failure> {
    match (method, names) {
        ("POST", []) => start(visit, call),
        ("GET", [id]) => {
            let found = visit.state.deployments.get(id).ok_or_else(Failure::not_found)?;
            let details =
                call.parameter("includeDetails").is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let body = json!({
                "id": found.id,
                "validatedDeployRequestId": null,
                "deployOptions": found.options.json(),
                "deployResult": found.result(details),
            });
            Ok(Reply::json(200, body))
        }
        ("PATCH", [id]) => match visit.state.deployments.get(id) {
            Some(_) => Err(Failure::request(
                400,
                "INVALID_ID_FIELD",
                "the deployment has ended and cannot be canceled",
            )),
            None => Err(Failure::not_found()),
        },
        (_, [] | [_]) => Err(Failure::method_not_allowed(method)),
        _ => Err(Failure::not_found()),
    }
}

fn start(visit: &mut Visit<'_>, call: &Call) -> Result<Reply, Failure> {
    let boundary = call.header("content-type").and_then(multipart::boundary);
    let boundary = boundary
        .ok_or_else(|| Failure::request(415, "UNSUPPORTED_MEDIA_TYPE", "a deployment is a multipart form"))?;
    let parts = multipart::parts(&call.body, &boundary).map_err(Failure::bad_json)?;
    let part = |name: &str| parts.iter().find(|part| part.name == name);
    let options =
        part("entity_content").or_else(|| part("json")).map(|part| part.content.clone()).unwrap_or_default();
    let options: Value = if options.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&options)
            .map_err(|_| Failure::bad_json("the deployment options are not valid JSON"))?
    };
    let options = Options::from_json(options.get("deployOptions").unwrap_or(&Value::Null));
    let zip = part("file").ok_or_else(|| Failure::bad_json("the part named file is missing"))?;
    let id = super::start(visit, zip.content.to_vec(), options);
    let body = json!({"id": id, "deployOptions": options.json(), "validatedDeployRequestId": null, "deployResult": null});
    Ok(Reply::json(201, body))
}
