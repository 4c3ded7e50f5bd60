//! Bulk exports: the start, the state, the manifest, and files that are filtered as they stream.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use carrier::{
    fhir::{self, Query},
    table::Format,
};
use flow::{Delivered, Reader, Seen};
use http::{Method, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::task::spawn_blocking;

use crate::{
    body::{Body, Trailers, collect},
    coding::{Coding, coding},
    delivery::{self, Records},
    fhir_form::Form,
    head::{Head, forget_body, forget_whole},
    problem::Problem,
    reading::Turned,
    request::cleaned,
    server::Lane,
};

use super::{
    BY_GET, judge, relayed,
    server::{Answered, Server, with_own_id},
};

/// Starts an export. A group or a patient that it names and that is hidden is asked for by an id that nobody has.
///
/// Bounds: [`PATIENTS_MAX`] patients.
pub(super) async fn start(
    lane: &Arc<Lane>,
    mut head: Head,
    group: Option<&str>,
) -> Result<Response<Body>, Problem> {
    if head.method == Method::POST {
        return Err(Problem::Closed(BY_GET));
    }
    let reader = lane.fhir_reader(&head.client);
    let other = match aimed(lane, &head, &reader, group).await {
        Ok(other) => other,
        Err(turned) => return turned.told(),
    };
    let Some(Aimed { target, sent }) = other else { return pass(lane, reader, head).await };
    head.target = target;
    let answer = pass(lane, reader, head).await?;
    Ok(sent.iter().fold(answer, |answer, (other, own)| with_own_id(answer, other, own)))
}

/// Most patients that one export may name.
const PATIENTS_MAX: usize = 100;
const MANY: &str = "an export may name 100 patients; name fewer, or export a group";

/// An export that was asked for otherwise, and the ids that stand in it for others.
struct Aimed {
    target: String,
    sent: BTreeMap<String, String>,
}

/// Where an export goes in the place of its own target; nothing where that names nobody hidden.
async fn aimed(
    lane: &Lane,
    head: &Head,
    reader: &Reader,
    group: Option<&str>,
) -> Result<Option<Aimed>, Turned> {
    let (path, text) = head.target.split_once('?').unwrap_or((&head.target, ""));
    let query = Query::parse(text).ok_or(Problem::Request("the parameters cannot be read"))?;
    if let Some(why) = query.export_closed() {
        return Err(Problem::Closed(why).into());
    }
    let patients = query.patients();
    if patients.len() > PATIENTS_MAX {
        return Err(Problem::Closed(MANY).into());
    }
    let server = Server::new(lane, head);
    let (mut seen, mut sent, mut others) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut path = path.to_owned();
    if let Some(id) = group
        && server.is_hidden(reader, "Group", id, &mut seen).await?
    {
        let other = server.absent_id("Group", id).await?;
        path = format!("{}/$export", server.address("Group", &other));
        sent.insert(other, id.to_owned());
    }
    for (resource_type, id) in patients {
        if server.is_hidden(reader, resource_type, id, &mut seen).await? {
            let other = server.absent_id(resource_type, id).await?;
            sent.insert(other.clone(), id.to_owned());
            others.insert((resource_type.to_owned(), id.to_owned()), other);
        }
    }
    if !seen.is_empty() {
        lane.flow.show(reader, "export", seen).await?;
    }
    let text = if others.is_empty() { text.to_owned() } else { query.with_patients(&others) };
    let target = if text.is_empty() { path } else { format!("{path}?{text}") };
    Ok((!sent.is_empty()).then_some(Aimed { target, sent }))
}

/// Passes on a request to a path that FHIR does not name, or that starts an export, and reads what comes.
pub(super) async fn pass(
    lane: &Arc<Lane>,
    reader: Reader,
    mut head: Head,
) -> Result<Response<Body>, Problem> {
    head.headers.remove(header::ACCEPT_ENCODING);
    for name in [header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE] {
        head.headers.remove(name);
    }
    let addresses = lane.addresses(&head);
    let is_head = head.method == Method::HEAD;
    let target = head.target.clone();
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await?;
    let (mut parts, incoming) = cleaned(sent, &addresses)?.into_parts();
    // How far it is tells how much there is.
    parts.headers.remove("x-progress");
    forget_body(&mut parts.headers);
    parts.headers.remove(header::ACCEPT_RANGES);
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let (is_lines, is_json) = (kind.contains("ndjson"), kind.contains("json"));
    if is_lines {
        forget_whole(&mut parts.headers);
    }
    // A part of a file is none.
    if is_lines && parts.status == StatusCode::PARTIAL_CONTENT {
        return Err(Problem::ShownUnreadable);
    }
    if is_head || !(is_lines || is_json) || !parts.status.is_success() {
        let body = outcome_only(lane, incoming, is_json && !is_head).await?;
        let shows = parts.status == StatusCode::OK && !is_head;
        return if shows {
            Err(Problem::ReadClosed)
        } else {
            Ok(Response::from_parts(parts, Body::from(body)))
        };
    }
    if coding(&parts.headers) != Coding::Identity {
        return Err(Problem::ShownUnreadable);
    }
    if is_lines {
        let file = Delivered {
            route: "export file",
            name: delivery::name_of(&target, ".ndjson"),
            format: Format::FhirLines.as_str(),
            object: None,
        };
        let body =
            delivery::piped(lane, reader, file, Records::Lines, &mut parts.headers, &target, Some(incoming))
                .await?;
        return Ok(Response::from_parts(parts, body));
    }
    let collected = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::ShownUnreadable)?;
    if collected.rest.is_some() {
        return Err(Problem::AnswerTooLarge);
    }
    if is_outcome(&collected.received) || collected.received.is_empty() {
        return Ok(Response::from_parts(parts, Body::from(collected.received)));
    }
    let (moving, received) = (Arc::clone(lane), collected.received);
    let manifest = spawn_blocking(move || {
        let followed = |path: &str| moving.deliveries.followed(path, &moving.flow);
        fhir::manifest(&received, &addresses.upstream, &addresses.gateway, followed)
    });
    match manifest.await.map_err(|_| Problem::Internal)? {
        Ok(manifest) => Ok(Response::from_parts(parts, Body::from(manifest))),
        Err(fhir::ManifestError::Elsewhere) => Err(Problem::Closed(
            "the files of this export are not behind this boundary, where they would be filtered; keep them at the server",
        )),
        Err(fhir::ManifestError::Shape) => Err(Problem::ReadClosed),
    }
}

/// A `Binary`: judged as a resource, with the records that it holds, then given as the client wants it. One that holds lines of
/// resources is read as a file of an export.
///
/// Bounds: as a resource it is at most `body_bytes` long, or it is refused.
pub(super) async fn binary(lane: &Arc<Lane>, head: Head, id: &str) -> Result<Response<Body>, Problem> {
    let reader = lane.fhir_reader(&head.client);
    let server = Server::new(lane, &head);
    let form = Form::of(&head.headers, &head.target);
    let judged = judged_binary(&server, &reader, id).await;
    let (answered, seen, kind) = match judged {
        Ok(judged) => judged,
        Err(turned) => return turned.told(),
    };
    if let Err(unavailable) = lane.flow.show(&reader, "read", seen).await {
        return Turned::from(unavailable).told();
    }
    let Some(kind) = kind else { return form.of_answer(relayed(answered)) };
    if kind.contains("ndjson") {
        return pass(lane, reader, head).await;
    }
    let wants_json = |accept: &str| accept.contains("json") || accept.contains("fhir");
    let accepts = head.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if form == Form::Xml || wants_json(accepts) {
        return form.of_answer(relayed(answered));
    }
    let addresses = lane.addresses(&head);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await?;
    Ok(cleaned(sent, &addresses)?.map(|body| Body::relay(body, lane.timeouts.upstream, Trailers::Keep)))
}

/// A `Binary` as a resource, and what it says that it holds; without that where it is hidden or not there.
async fn judged_binary(
    server: &Server<'_>,
    reader: &Reader,
    id: &str,
) -> Result<(Answered, Vec<Seen>, Option<String>), Turned> {
    let target = server.address("Binary", id);
    let answered = server.get(&target).await?;
    let mut seen = Vec::new();
    if answered.parts.status == StatusCode::GONE && server.was_hidden(reader, &target, &mut seen).await? {
        return Ok((server.absent("Binary", id, "").await?, seen, None));
    }
    if !answered.parts.status.is_success() {
        return Ok((answered, seen, None));
    }
    let text = std::str::from_utf8(&answered.body).map_err(|_| Problem::ShownUnreadable)?;
    let judged = judge(server.lane, reader, text);
    if judged.is_hidden {
        return Ok((server.absent("Binary", id, "").await?, judged.seen, None));
    }
    let kind = serde_json::from_str::<serde_json::Value>(text).ok();
    let kind = kind.as_ref().and_then(|one| one.get("contentType")).and_then(serde_json::Value::as_str);
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    Ok((answered, judged.seen, Some(kind)))
}

/// The body of an answer that shows nobody: what went wrong, or nothing.
async fn outcome_only(lane: &Lane, incoming: Incoming, is_json: bool) -> Result<Bytes, Problem> {
    let collected = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::ShownUnreadable)?;
    Ok(if is_json && is_outcome(&collected.received) { collected.received } else { Bytes::new() })
}

fn is_outcome(text: &[u8]) -> bool {
    std::str::from_utf8(text)
        .ok()
        .and_then(fhir::Key::of)
        .is_some_and(|key| key.resource_type == "OperationOutcome")
}
