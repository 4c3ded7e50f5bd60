//! Patches at FHIR boundaries: the resource is read first, so that what a patch makes is judged, and held fast until
//! the patch is carried out.

use bytes::Bytes;
use carrier::fhir::{self, Interaction, PATCHED_TYPE, interaction};
use flow::{Crossing, Forward, Passage, Protocol};
use http::{
    HeaderMap, HeaderValue, Method, Response,
    header::{ACCEPT, ETAG, IF_MATCH},
};
use mark::{
    Unreadable,
    json::{self, Json},
};

use crate::{
    body::{Body, Collected, collect},
    coding::{coding, decode},
    head::{Head, who_asks},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// What is judged in the place of what came: what a patch makes, or a body with labels put on it.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// What a patch makes of the resource that is there, or why that cannot be known; sent on is the patch.
    Patched(Result<Bytes, Unreadable>),
    /// A body that says who made what it was made from; it is what is sent on, too.
    Labelled(Bytes),
}

impl Prepared {
    /// Hands over what is judged.
    pub(crate) fn hand_over(&self, crossing: &mut Crossing) {
        match self {
            Self::Patched(made) => {
                crossing.content_type = Some(PATCHED_TYPE.to_owned());
                crossing.body.clone_from(made);
            }
            Self::Labelled(body) => crossing.body = Ok(body.clone()),
        }
    }

    /// Sees to it that what was judged is what is sent on.
    pub(crate) fn sent_as(self, passage: Passage) -> Passage {
        match (self, passage) {
            (Self::Labelled(body), Passage::Forward(forward)) => {
                Passage::Forward(Forward { body: Some(forward.body.unwrap_or(body)), ..forward })
            }
            (_, passage) => passage,
        }
    }
}

/// What reading a resource for a patch gave.
pub(crate) enum Read {
    /// This is no patch of a FHIR resource.
    NotNeeded,
    /// The patch and the resource were read.
    Patched(Prepared),
    /// The server does not give the resource to this client; so it says of the patch too.
    Turned(Box<Response<Body>>),
}

/// Reads the resource that a patch is about, with the client's own credentials, and carries the patch out on it.
///
/// The patch is sent on with `If-Match` for the version that was read, whatever else the client allows: what was judged is what
/// is made, or nothing.
///
/// Bounds: the gateway's own, on the resource as on the patch.
/// Errors: the upstream's trouble; a version that the client's own `If-Match` does not allow. That a patch cannot be understood is a reading, and policy decides.
/// Source: spec/carriers.md section 3.8.
pub(crate) async fn read(lane: &Lane, head: &mut Head, collected: &Collected) -> Result<Read, Problem> {
    let Protocol::Fhir { base } = &lane.protocol else { return Ok(Read::NotNeeded) };
    // Looked at first: of most requests the method alone says that they are no patch.
    if head.method != Method::PATCH {
        return Ok(Read::NotNeeded);
    }
    let found = interaction(head.method.as_str(), &head.target, head.method_override.as_deref(), base);
    let Some(Interaction::Patch { id, .. }) = found else { return Ok(Read::NotNeeded) };
    let unknown = |sentence: &str| {
        let reason = Unreadable::Shape(sentence.to_owned());
        Ok(Read::Patched(Prepared::Patched(Err(reason))))
    };
    if id.is_none() {
        return unknown("patches what a search finds, which cannot be known; name the resource by its id");
    }
    if collected.rest.is_some() || collected.spooled.is_some() {
        let reason = Unreadable::TooLong { limit: lane.limits.body_bytes };
        return Ok(Read::Patched(Prepared::Patched(Err(reason))));
    }
    let patch = match decode(coding(&head.headers), &collected.received, &lane.limits) {
        Ok(patch) => patch,
        Err(reason) => return Ok(Read::Patched(Prepared::Patched(Err(reason)))),
    };
    let address = head.target.split('?').next().unwrap_or_default();
    let sent =
        lane.upstream.send(Method::GET, address, asker(&head.headers), Body::from(Bytes::new())).await?;
    let (mut parts, incoming) = cleaned(sent, &lane.addresses(head))?.into_parts();
    let answer = collect(incoming, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream).await?;
    if answer.rest.is_some() {
        return Err(Problem::AnswerTooLarge);
    }
    if !parts.status.is_success() {
        parts.headers.remove(http::header::CONTENT_LENGTH);
        return Ok(Read::Turned(Box::new(Response::from_parts(parts, Body::from(answer.received)))));
    }
    let current = decode(coding(&parts.headers), &answer.received, &lane.limits)
        .map_err(|_| Problem::AnswerUnreadable)?;
    let media = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let made = fhir::patched(media, &patch, &current, &lane.flow.limits()).map(Bytes::from);
    match version(&parts.headers, &current) {
        // Any other version that the client allows is not the one that was judged.
        Some(version) if allows(&head.headers, &version) => drop(head.headers.insert(IF_MATCH, version)),
        Some(_) => return Err(Problem::Outdated),
        None => return unknown("patches a resource without a version, which could change meanwhile"),
    }
    Ok(Read::Patched(Prepared::Patched(made)))
}

/// The headers that ask in the client's name for a resource in JSON.
pub(crate) fn asker(sent: &HeaderMap) -> HeaderMap {
    let mut headers = who_asks(sent);
    headers.insert(ACCEPT, HeaderValue::from_static("application/fhir+json"));
    headers
}

/// Takes away what would have a FHIR server answer in another format than `Accept` asks for.
pub(crate) fn ask_in_json(lane: &Lane, head: &mut Head) {
    if matches!(lane.protocol, Protocol::Fhir { .. }) {
        head.target = fhir::without_format(&head.target);
    }
}

/// Whether `If-Match`, if there is one, allows this version. The lines of a list add up.
///
/// Versions of FHIR are weak tags, which servers compare here as if they were strong.
fn allows(headers: &HeaderMap, version: &HeaderValue) -> bool {
    let plain = |tag: &[u8]| tag.trim_ascii().strip_prefix(b"W/").unwrap_or(tag.trim_ascii()).to_vec();
    let own = plain(version.as_bytes());
    let mut lines = headers.get_all(IF_MATCH).iter().peekable();
    lines.peek().is_none()
        || lines.any(|line| {
            let mut tags = line.as_bytes().split(|byte| *byte == b',').map(plain);
            tags.any(|tag| tag == own || tag == b"*")
        })
}

/// The version that was read, as `If-Match` names it.
fn version(headers: &HeaderMap, resource: &[u8]) -> Option<HeaderValue> {
    if let Some(tag) = headers.get(ETAG) {
        return Some(tag.clone());
    }
    let resource = json::parse(resource).ok()?;
    let version = resource.get("meta")?.get("versionId").and_then(Json::text)?;
    let is_plain = version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    HeaderValue::try_from(format!("W/\"{version}\"")).ok().filter(|_| is_plain)
}
