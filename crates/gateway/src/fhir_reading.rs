//! The life of a read at a FHIR boundary whose reads are isolated: ask for whole resources, judge each, show the rest.

use std::sync::Arc;

use bytes::Bytes;
use carrier::{
    fhir::{self, Asked, Query},
    route::Target,
};
use flow::{Protocol, Reader, Seen};
use http::{HeaderValue, Method, Response, StatusCode, header};
use mark::Reading;
use policy::Mode;

use crate::{
    body::{Body, Collected},
    coding::{coding, decode},
    config::{BoundaryConfig, Reads, References},
    fhir_form::Form,
    head::{Head, PROVENANCE, forget_body, forget_coded_body},
    problem::Problem,
    reading::Turned,
    server::Lane,
};

pub(crate) use answer::guarded;
pub(crate) use guard::{Guard, guard, patch_of_hidden};
pub use link::LinkKey;
pub(crate) use link::Links;
use server::{Answered, Server};

mod answer;
mod criteria;
mod export;
mod guard;
mod link;
mod named;
mod one;
mod references;
mod search;
mod server;

/// How reads of one FHIR boundary are isolated.
#[derive(Debug)]
pub(crate) struct FhirReads {
    /// The path below which FHIR is served.
    base: String,
    open_paths: Vec<String>,
    subscription_endpoints: Vec<String>,
    /// Whether a resource may be made with an id of the client's choice.
    client_ids: bool,
    references: References,
    links: Links,
}

impl FhirReads {
    /// How a boundary's reads are isolated; nothing where they are open.
    pub(crate) fn of(config: &BoundaryConfig, links: &Links) -> Option<Self> {
        let (Reads::Isolated(reads), Protocol::Fhir { base }) = (&config.reads, &config.protocol) else {
            return None;
        };
        (config.boundary.mode == Mode::Enforce).then(|| Self {
            base: base.clone(),
            open_paths: reads.open_paths.clone(),
            subscription_endpoints: reads.subscription_endpoints.clone(),
            client_ids: reads.client_ids,
            references: reads.references,
            links: links.clone(),
        })
    }

    fn is_opened(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        self.open_paths.iter().any(|open| {
            path.strip_prefix(open.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// What a read asks for, if its answer has to be read; nothing where it may stream.
pub(crate) fn asked(lane: &Lane, head: &Head) -> Option<Asked> {
    let reads = lane.fhir.as_ref()?;
    let asked = fhir::asked(head.method.as_str(), &head.target, &reads.base);
    let streams = asked == Asked::Nothing
        || (reads.is_opened(&head.target) && matches!(asked, Asked::Closed | Asked::Elsewhere));
    (!streams).then_some(asked)
}

/// Whether a request only reads, at a path that FHIR does not name: what it shows, its answer tells.
pub(crate) fn is_elsewhere(lane: &Lane, head: &Head) -> bool {
    let reads = matches!(head.method, Method::GET | Method::HEAD) && head.method_override.is_none();
    reads
        && lane.fhir.as_ref().is_some_and(|fhir| {
            fhir::asked(head.method.as_str(), &head.target, &fhir.base) == Asked::Elsewhere
        })
}

/// Answers a read. Runs to its end whether or not anybody waits.
pub(crate) async fn read(
    lane: Arc<Lane>,
    asked: Asked,
    head: Head,
    collected: Collected,
) -> Result<Response<Body>, Problem> {
    let _under_way = lane.under_way.clone();
    let Collected { received, rest, _held, .. } = collected;
    if rest.is_some() {
        return Err(Problem::Request("the body of a read is longer than the gateway holds"));
    }
    if let Asked::Export { group } = &asked {
        return export::start(&lane, head, group.as_deref()).await;
    }
    if asked == Asked::Elsewhere {
        let reader = lane.fhir_reader(&head.client);
        return export::pass(&lane, reader, head).await;
    }
    if let Asked::Resource { resource_type, id } = &asked
        && resource_type == "Binary"
    {
        return export::binary(&lane, head, id).await;
    }
    let call = Call::of(&lane, &asked, &head, &received)?;
    let answered = answered(&lane, &asked, &call, &head).await;
    let (response, seen) = match answered {
        Ok(answered) => answered,
        Err(turned) => return turned.told(),
    };
    match finished(&lane, &asked, &call, response, seen).await {
        Ok(response) => Ok(response),
        Err(turned) => turned.told(),
    }
}

const BY_GET: &str = "ask for this by GET, with its parameters in the address";

/// A read as it is understood: the path in one spelling, and its parameters wherever they stood.
#[derive(Debug)]
struct Call {
    reader: Reader,
    path: String,
    query: Query,
    /// Whether the parameters were in a form.
    is_posted: bool,
    is_head: bool,
    form: Form,
    /// What the client has already.
    has: Option<String>,
}

impl Call {
    fn of(lane: &Lane, asked: &Asked, head: &Head, received: &Bytes) -> Result<Self, Problem> {
        if *asked == Asked::Closed {
            return Err(Problem::ReadClosed);
        }
        let target = Target::parse(&head.target).ok_or(Problem::Request("the address cannot be read"))?;
        let origin_form = target.to_origin_form();
        let (path, text) = origin_form.split_once('?').unwrap_or((&origin_form, ""));
        let unreadable = Problem::Request("the parameters cannot be read");
        let mut query = Query::parse(text).ok_or(unreadable)?;
        let is_posted = head.method == Method::POST;
        if is_posted && !path.trim_end_matches('/').ends_with("/_search") {
            return Err(Problem::Closed(BY_GET));
        }
        if is_posted {
            let form = decode(coding(&head.headers), received, &lane.limits).map_err(|_| unreadable)?;
            let form = std::str::from_utf8(&form).ok().and_then(Query::parse).ok_or(unreadable)?;
            query = query.and(form);
        }
        let form = Form::of(&head.headers, &format!("?{}", query.without(&[])));
        let has = head.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        Ok(Self {
            reader: lane.fhir_reader(&head.client),
            path: path.trim_end_matches('/').trim_end_matches("/_search").to_owned(),
            query,
            is_posted,
            is_head: head.method == Method::HEAD,
            form,
            has: has.map(str::to_owned),
        })
    }
}

/// The text of an answer, in the words of one that was judged.
fn relayed(answered: Answered) -> Response<Body> {
    let body = answered.body.clone();
    with_body(answered, body)
}

async fn answered(
    lane: &Lane,
    asked: &Asked,
    call: &Call,
    head: &Head,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let server = Server::new(lane, head);
    match asked {
        Asked::Resource { resource_type, id } => one::read(&server, call, resource_type, id).await,
        Asked::Version { resource_type, id } => one::version(&server, call, resource_type, id).await,
        Asked::History { resource_type, id } => {
            search::history(&server, call, resource_type.as_deref(), id.as_deref()).await
        }
        Asked::Search { within, .. } => search::find(&server, call, within.as_ref()).await,
        Asked::Everything { resource_type, id } => search::everything(&server, call, resource_type, id).await,
        Asked::Nothing | Asked::Export { .. } | Asked::Elsewhere | Asked::Closed => {
            Err(Problem::ReadClosed.into())
        }
    }
}

/// Records the ruling; then the answer may leave.
async fn finished(
    lane: &Lane,
    asked: &Asked,
    call: &Call,
    response: Response<Body>,
    seen: Vec<Seen>,
) -> Result<Response<Body>, Turned> {
    let mut response = call.form.of_answer(response)?;
    let shown = lane.flow.show(&call.reader, asked.label(), seen).await?;
    if let Ok(value) = HeaderValue::from_str(&shown.provenance) {
        response.headers_mut().insert(PROVENANCE, value);
    }
    if call.is_head {
        forget_body(response.headers_mut());
        let (parts, _) = response.into_parts();
        return Ok(Response::from_parts(parts, Body::from(Bytes::new())));
    }
    Ok(response)
}

/// What became of one resource.
#[derive(Clone, Debug)]
struct Judged {
    seen: Vec<Seen>,
    is_hidden: bool,
    /// The resource with labels put back that the server had dropped.
    relabelled: Option<String>,
}

/// Whether a resource that was read on behalf of a write is one that its client may read; all are where reads are open.
pub(crate) fn may_be_shown(lane: &Lane, head: &Head, resource: &[u8]) -> bool {
    let is_hidden = |text| judge(lane, &lane.fhir_reader(&head.client), text).is_hidden;
    lane.fhir.is_none() || std::str::from_utf8(resource).is_ok_and(|text| !is_hidden(text))
}

/// Judges one resource, or a document with every resource in it.
///
/// Bounds: the caller bounds the text.
fn judge(lane: &Lane, reader: &Reader, resource: &str) -> Judged {
    let readings: Vec<Reading<'_>> = fhir::read_document(resource.as_bytes(), &lane.flow.limits()).records;
    let looked = lane.flow.look_at_resources(reader, &readings);
    let is_hidden = looked.iter().any(|one| one.seen.is_hidden());
    let relabelled = match looked.as_slice() {
        [one] if !is_hidden => one.labels.as_ref().and_then(|labels| fhir::relabelled(resource, labels)),
        _ => None,
    };
    Judged { seen: looked.into_iter().map(|one| one.seen).collect(), is_hidden, relabelled }
}

/// An answer with this body in the place of its own.
fn with_body(answered: Answered, body: impl Into<Bytes>) -> Response<Body> {
    let Answered { mut parts, .. } = answered;
    forget_coded_body(&mut parts.headers);
    Response::from_parts(parts, Body::from(body.into()))
}

/// An answer without a body: the client has what it asked for.
fn unchanged(answered: Answered) -> Response<Body> {
    let mut response = with_body(answered, Bytes::new());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

impl Lane {
    /// Who reads at a FHIR boundary, also where nothing is hidden from them: labels are put back for everybody.
    pub(crate) fn fhir_reader(&self, client: &str) -> Reader {
        Reader {
            boundary: Arc::clone(&self.boundary),
            protocol: self.protocol.clone(),
            client: client.to_owned(),
            hidden: self.flow.hidden(&self.boundary, client),
        }
    }
}
