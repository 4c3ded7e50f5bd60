//! The org's data export: a zip of one table an object, filtered as it streams.

use flow::{Delivered, Reader};
use http::{Method, Response, StatusCode, header};

use super::Turned;
use crate::{
    body::Body,
    coding::{Coding, coding},
    delivery::{self, Records, Tables},
    head::{Head, forget_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Passes on a request for an export and filters what comes.
///
/// What is no archive shows rows in nobody knows which way: of a refusal or a way to log in, the head alone is let through.
pub(super) async fn data_export(
    lane: &Lane,
    reader: &Reader,
    mut head: Head,
) -> Result<Response<Body>, Turned> {
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    if isolation.reads.guards_lookups {
        // Which row a table points at is known once all are read.
        return Err(Problem::Closed(
            "a data export cannot be filtered where lookups are guarded; ask for the rows by queries",
        )
        .into());
    }
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH] {
        head.headers.remove(name);
    }
    head.headers.remove(header::IF_MODIFIED_SINCE);
    let addresses = lane.addresses(&head);
    let (is_head, target) = (head.method == Method::HEAD, head.target.clone());
    let body = Body::from(bytes::Bytes::new());
    let sent = lane.upstream.send(head.method, &head.target, head.headers, body).await;
    let (mut parts, incoming) = cleaned(sent?, &addresses)?.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_archive = ARCHIVES.contains(&kind.as_str());
    if is_head || parts.status != StatusCode::OK {
        forget_body(&mut parts.headers);
        parts.headers.remove(header::CONTENT_TYPE);
        drop(incoming);
        return Ok(Response::from_parts(parts, Body::from(bytes::Bytes::new())));
    }
    if !is_archive || coding(&parts.headers) != Coding::Identity {
        return Err(Problem::ShownUnreadable.into());
    }
    let file = Delivered {
        route: "data export",
        name: delivery::name_of(carrier::salesforce::export_name(&target).unwrap_or(&target), ".zip"),
        format: ZIP,
        object: None,
    };
    let tables = Records::Archive(Tables { open: isolation.reads.open_objects.clone() });
    let body =
        delivery::piped(lane, reader.clone(), file, tables, &mut parts.headers, &target, Some(incoming))
            .await?;
    Ok(Response::from_parts(parts, body))
}

/// What an archive is called, as a format.
const ZIP: &str = "a zip of tables";

const ARCHIVES: [&str; 4] =
    ["application/zip", "application/x-zip-compressed", "application/octet-stream", "application/x-zip"];
