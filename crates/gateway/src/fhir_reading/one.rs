//! One resource: as it is, or as it once was.

use bytes::Bytes;
use carrier::fhir::Detail;
use flow::Seen;
use http::{Response, StatusCode, header};

use crate::{body::Body, problem::Problem, reading::Turned};

use super::{
    Call, judge, relayed,
    server::{Answered, Server},
    unchanged, with_body,
};

/// A resource by its id. If it is hidden, the server is asked for one that is not there.
pub(super) async fn read(
    server: &Server<'_>,
    call: &Call,
    resource_type: &str,
    id: &str,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let target = server.address(resource_type, id);
    let answered = server.get(&target).await?;
    let mut seen = Vec::new();
    if answered.parts.status == StatusCode::GONE
        && server.was_hidden(&call.reader, &target, &mut seen).await?
    {
        let absent = server.absent(resource_type, id, "").await?;
        return Ok((relayed(absent), seen));
    }
    shown(server, call, answered, seen, (resource_type, id, "")).await
}

/// A version of a resource: hidden if it is, or if the resource as it is now is.
pub(super) async fn version(
    server: &Server<'_>,
    call: &Call,
    resource_type: &str,
    id: &str,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let mut seen = Vec::new();
    let own = server.address(resource_type, id);
    let beyond = call.path.strip_prefix(own.as_str()).unwrap_or_default();
    if server.is_hidden(&call.reader, resource_type, id, &mut seen).await? {
        let absent = server.absent(resource_type, id, beyond).await?;
        return Ok((relayed(absent), seen));
    }
    let answered = server.get(&format!("{own}{beyond}")).await?;
    shown(server, call, answered, seen, (resource_type, id, beyond)).await
}

/// An answer that is one resource, if it may be shown.
async fn shown(
    server: &Server<'_>,
    call: &Call,
    answered: Answered,
    mut seen: Vec<Seen>,
    (resource_type, id, beyond): (&str, &str, &str),
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    if !answered.parts.status.is_success() {
        return Ok((relayed(answered), seen));
    }
    let text = std::str::from_utf8(&answered.body).map_err(|_| Problem::ShownUnreadable)?;
    let judged = judge(server.lane, &call.reader, text);
    seen.extend(judged.seen);
    if judged.is_hidden {
        let absent = server.absent(resource_type, id, beyond).await?;
        return Ok((relayed(absent), seen));
    }
    let tag = answered.parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let has = call.has.as_deref().unwrap_or_default();
    if has.split(',').map(str::trim).any(|one| one == "*" || Some(one) == tag) {
        return Ok((unchanged(answered), seen));
    }
    if call.query.detail() == Detail::Full {
        let body = judged.relabelled.map_or_else(|| answered.body.clone(), Bytes::from);
        return Ok((with_body(answered, body), seen));
    }
    // It may be shown, so the server may choose the part of it.
    let part = call.query.without(&["_format", "_pretty"]);
    let answered = server.get(&format!("{}{beyond}?{part}", server.address(resource_type, id))).await?;
    Ok((relayed(answered), seen))
}
