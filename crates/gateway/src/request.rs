//! The life of one request: admit, enter, collect, rule, forward, settle, answer.

use std::{io::BufReader, sync::Arc};

use bytes::Bytes;
use carrier::{
    Answer,
    salesforce::{Look, look},
};
use flow::{Claims, Crossing, Entrance, Forward, Outcome, Passage, Reader, Refused, Settlement, entrance};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};
use mark::Unreadable;
use telemetry::Transaction;
use tokio::{runtime::Handle, task::spawn_blocking, time::Instant};

use crate::{
    audit, authorship,
    body::{Body, Collected, Trailers, collect, drain},
    coding::{Coding, coding, decode},
    contract::{Bound, shaped},
    delivery, fhir_reading,
    head::{
        AI_DISCLOSURE, Door, Head, PROVENANCE, admit, forget_coded_body, strip_hop_by_hop, strip_ours, texts,
        via,
    },
    jobs,
    patching::{self, Prepared},
    problem::{Problem, Spoken, respond, respond_made},
    reading,
    rewrite::{self, Addresses},
    server::Lane,
    signing,
    spool::Spooled,
    traced, webhook,
};

/// Answers one request. Whatever happens, there is an answer, a count and a line in the log.
pub(crate) async fn answer(
    lane: Arc<Lane>,
    door: Door,
    two_framings: bool,
    request: Request<Incoming>,
) -> Response<Body> {
    let start = Instant::now();
    let method = known(request.method());
    let spoken = Spoken::of(&request);
    let traced = traced::begin(&lane, method, request.headers());
    let mut story = Story { entrance: "refused", outcome: "problem", ruling: None };
    let contract = lane.contracts.bind(request.headers(), door, lane.flow.seconds());
    let lived = match contract {
        _ if two_framings => Err(Problem::TwoFramings),
        Ok(contract) => life(&lane, door, request, (contract, traced.clone()), &mut story).await,
        Err(problem) => Err(problem),
    };
    let mut response = match lived {
        Ok(response) => response,
        Err(problem) => {
            story.outcome = problem.code();
            respond(&lane.protocol, &spoken, problem)
        }
    };
    // Who has no version is told of the end of none.
    if let Ok(contract) = contract {
        lane.contracts.tell(contract, &mut response);
    }
    let status = response.status().as_u16();
    lane.metrics.request(&lane.boundary.name, story.entrance, story.outcome, status);
    if let Some(traced) = &traced {
        traced::told(traced, &story, status);
    }
    tracing::info!(
        boundary = %lane.boundary.name,
        method,
        entrance = story.entrance,
        outcome = story.outcome,
        ruling = story.ruling,
        status,
        milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        "request"
    );
    response
}

/// What the log and the counters tell about a request. Never holds content.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) entrance: &'static str,
    pub(crate) outcome: &'static str,
    /// Where the ruling stands: `origin#index`.
    pub(crate) ruling: Option<String>,
}

async fn life(
    lane: &Arc<Lane>,
    door: Door,
    request: Request<Incoming>,
    (contract, traced): (Bound, Option<Transaction>),
    story: &mut Story,
) -> Result<Response<Body>, Problem> {
    let (parts, body) = request.into_parts();
    let mut head = admit(parts, door, &lane.limits)?;
    head.contract = contract;
    if let Some(traced) = traced {
        traced::lead_on(&mut head, traced);
    }
    if let Some(webhooks) = &lane.webhooks {
        return webhook::take(lane, webhooks, head, body, story).await;
    }
    if let Some(answer) = delivery::asked(lane, &head).await {
        *story = Story { entrance: "delivery", outcome: "shown", ruling: None };
        return Ok(answer);
    }
    // What is judged is what is sent on.
    if let Some(normal) = flow::normal_target(&lane.protocol, &head.target) {
        head.target = normal;
    }
    let hides = !body.is_end_stream()
        && flow::may_hide_method(&lane.protocol, &head.target, content_type(&head).as_deref());
    let reader = lane.reader(&head.client);
    let door = entrance(&lane.protocol, head.method.as_str(), &head.target, head.method_override.as_deref());
    match if fhir_reading::is_elsewhere(lane, &head) { Entrance::Open } else { door } {
        Entrance::Open if !hides => {
            *story = Story { entrance: "open", outcome: "passed", ruling: None };
            if let Some(asked) = fhir_reading::asked(lane, &head) {
                *story = Story { entrance: "read", outcome: "shown", ruling: None };
                let collected = collect(body, lane.limits.body_bytes, &lane.held, lane.timeouts.idle).await?;
                let audited = audit::asked(lane, &head, None);
                let traced = traced::marked(&head);
                let read =
                    tokio::spawn(Box::pin(fhir_reading::read(Arc::clone(lane), asked, head, collected)));
                let answer = read.await.map_err(|_| Problem::Internal)?;
                traced::shown(traced.as_ref(), &answer);
                if let Some(audited) = audited {
                    audited.told(lane, &answer, None);
                }
                return answer;
            }
            let Some((reader, look)) = reader.and_then(|reader| isolated(lane, reader, &head)) else {
                let audited = audit::asked(lane, &head, None);
                let answer = Box::pin(pass_through(lane, head, body)).await;
                if let Some(audited) = audited {
                    audited.told(lane, &answer, None);
                }
                return answer;
            };
            *story = Story { entrance: "read", outcome: "shown", ruling: None };
            let collected = collect(body, lane.limits.body_bytes, &lane.held, lane.timeouts.idle).await?;
            let traced = traced::marked(&head);
            let read = tokio::spawn(Box::pin(reading::read(Arc::clone(lane), reader, look, head, collected)));
            let answer = read.await.map_err(|_| Problem::Internal)?;
            traced::shown(traced.as_ref(), &answer);
            return answer;
        }
        Entrance::Open | Entrance::Judged => story.entrance = "judged",
        Entrance::Unknown => story.entrance = "unknown",
    }
    let reader = reader.and_then(|reader| isolated(lane, reader, &head));
    // What is a write by its form is not run as a report.
    if let Some((_, Look::Closed(_) | Look::Report | Look::ReportFile)) = reader {
        return Err(Problem::ReadClosed);
    }
    let reader = reader.map(|(reader, _)| reader);
    let collected = collect(body, lane.limits.body_bytes, &lane.held, lane.timeouts.idle).await?;
    Box::pin(jobs::learn(lane, &head)).await;
    let collected = Box::pin(spooled(lane, &head, collected)).await?;
    // A client that hangs up drops this waiting, never the crossing itself.
    let crossing = tokio::spawn(Box::pin(cross(Arc::clone(lane), reader, head, collected, story.clone())));
    let (response, told) = crossing.await.map_err(|_| Problem::Internal)?;
    *story = told;
    response
}

/// What a request that writes nothing shows, if that has to be read; nothing where it may stream.
fn isolated(lane: &Lane, reader: Reader, head: &Head) -> Option<(Reader, Look)> {
    let look = look(head.method.as_str(), &head.target, head.method_override.as_deref());
    let is_opened = lane.isolation.as_ref().is_none_or(|isolation| isolation.is_opened(&head.target));
    let streams = look == Look::Nothing || (is_opened && matches!(look, Look::Closed(_) | Look::ReportFile));
    (!streams).then_some((reader, look))
}

/// A body that is longer than is held waits on disk, if it can be read in parts and there is a place for it.
async fn spooled(lane: &Lane, head: &Head, collected: Collected) -> Result<Collected, Problem> {
    let (Some(room), Some(_)) = (&lane.spool, &collected.rest) else { return Ok(collected) };
    if coding(&head.headers) != Coding::Identity || !lane.flow.reads_in_parts(&crossing(lane, head)) {
        return Ok(collected);
    }
    let Collected { received, rest: Some(rest), .. } = collected else { return Ok(collected) };
    let spooled = room.take(received, rest, lane.timeouts.idle).await?;
    Ok(Collected { received: Bytes::new(), rest: None, spooled: Some(Arc::new(spooled)), _held: Vec::new() })
}

/// Nothing to judge: both bodies stream.
async fn pass_through(lane: &Lane, mut head: Head, body: Incoming) -> Result<Response<Body>, Problem> {
    let leads_on = rewrite::concerns(&lane.protocol, &head.method, &head.target);
    if leads_on {
        head.headers.remove(header::ACCEPT_ENCODING);
    }
    let is_batch_job = rewrite::is_batch_job(&head.target);
    let chunks = jobs::chunks(lane, &head);
    let remembered = lane.flow.remembered(&lane.boundary.name, head.method.as_str(), &head.target);
    let remembered = remembered.map_err(|_| Problem::ShownUnreadable)?;
    if remembered.is_some() {
        // What is put back goes into a whole answer.
        for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE]
        {
            head.headers.remove(name);
        }
    }
    let addresses = lane.addresses(&head);
    let body = Body::relay(body, lane.timeouts.idle, Trailers::Drop);
    let traced = traced::marked(&head);
    let answer = lane.upstream.send(head.method, &head.target, head.headers, body).await;
    traced::onward(traced.as_ref(), "forward", &answer);
    let answer = cleaned(answer?, &addresses)?;
    if let Some(merge) = &remembered {
        let (parts, body) = Box::pin(merged(lane, answer, merge)).await?;
        return Ok(Response::from_parts(parts, Body::from(body)));
    }
    if leads_on {
        let observe = |body: &[u8]| {
            if is_batch_job {
                lane.flow.observe_batch_job(&lane.boundary.name, body);
                chunks.remember(lane, body);
            }
        };
        return Ok(Box::pin(rewrite::body(answer, &addresses, &lane.protocol, &lane.timeouts, observe)).await);
    }
    Ok(answer.map(|body| Body::relay(body, lane.timeouts.upstream, Trailers::Keep)))
}

/// A judged request after its body arrived. Runs to its end whether or not anybody waits.
async fn cross(
    lane: Arc<Lane>,
    reader: Option<Reader>,
    head: Head,
    collected: Collected,
    story: Story,
) -> (Result<Response<Body>, Problem>, Story) {
    let audited = audit::asked(&lane, &head, Some(&collected));
    let (answer, story) = cross_over(Arc::clone(&lane), reader, head, collected, story).await;
    if let Some(audited) = audited {
        audited.told(&lane, &answer, story.ruling.as_deref());
    }
    (answer, story)
}

async fn cross_over(
    lane: Arc<Lane>,
    reader: Option<Reader>,
    mut head: Head,
    collected: Collected,
    mut story: Story,
) -> (Result<Response<Body>, Problem>, Story) {
    let _under_way = lane.under_way.clone();
    let start = Instant::now();
    match fhir_reading::patch_of_hidden(&lane, &head).await {
        Ok(None) => {}
        Ok(Some(absent)) => return (Ok(absent), story),
        Err(turned) => return (turned.told(), story),
    }
    let prepared = match patching::read(&lane, &mut head, &collected).await {
        Ok(patching::Read::NotNeeded) => {
            authorship::carried(&lane, &head, &collected).await.map(Prepared::Labelled)
        }
        Ok(patching::Read::Patched(patched)) => Some(patched),
        Ok(patching::Read::Turned(answer)) => {
            story.outcome = "passed";
            return (Ok(*answer), story);
        }
        Err(problem) => {
            story.outcome = problem.code();
            return (Err(problem), story);
        }
    };
    let Some(passage) = rule(&lane, &head, &collected, prepared).await else {
        return (Err(Problem::Internal), story);
    };
    lane.metrics.ruling(&lane.boundary.name, start.elapsed());
    match passage {
        Passage::Forward(forward) => {
            story.outcome = if forward.merge.is_some() { "partly" } else { "forwarded" };
            lane.metrics.records(&lane.boundary.name, story.outcome, &forward.provenance);
            story.ruling.clone_from(&forward.ruling);
            let place = story.ruling.as_deref();
            let response = Box::pin(carry(&lane, reader, head, collected, forward, place)).await;
            if let Err(problem) = &response {
                story.outcome = problem.code();
            }
            (response, story)
        }
        Passage::Refuse(refused) => {
            story.outcome = "refused";
            lane.metrics.records(&lane.boundary.name, story.outcome, &refused.provenance);
            story.ruling = Some(refused.ruling.clone());
            leave_unread(&lane, &head, collected);
            let response = refusal(&lane, &head, refused);
            (Ok(response), story)
        }
        Passage::Unavailable(unavailable) => {
            story.outcome = "unavailable";
            leave_unread(&lane, &head, collected);
            let mut response = respond_made(unavailable.answer);
            let seconds = HeaderValue::from(unavailable.retry_after_seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            (Ok(response), story)
        }
    }
}

/// A refusal as its client has it: in the words of its version, and signed where that was asked for.
fn refusal(lane: &Lane, head: &Head, mut refused: Refused) -> Response<Body> {
    let more = shaped(head.contract, &mut refused);
    let Refused { answer, provenance, ruling, .. } = refused;
    let body = Bytes::from(answer.body);
    let mut response = respond_made(Answer { body: Vec::new(), ..answer }).map(|_| Body::from(body.clone()));
    let status = response.status();
    let headers = response.headers_mut();
    headers.extend(more);
    insert(headers, PROVENANCE, &provenance);
    let (asked, now) = (lane.signing.asked(head), lane.flow.seconds());
    lane.signing.answer(headers, status, &asked, Some(&body), Some(&ruling), now);
    response
}

/// Bodies up to this size are decoded and judged on the worker that received them.
const INLINE_BYTES: usize = 100_000;
const SPOOL_BUFFER_BYTES: usize = 256 * 1024;

/// Decodes and hands over to `flow`; nothing if `flow` panicked.
async fn rule(
    lane: &Arc<Lane>,
    head: &Head,
    collected: &Collected,
    prepared: Option<Prepared>,
) -> Option<Passage> {
    let coding = coding(&head.headers);
    let received = collected.received.clone();
    let whole = collected.rest.is_none();
    let signed = head.signed.clone();
    let mut crossing = crossing(lane, head);
    if let Some(prepared) = prepared {
        crossing.claims.signed = lane.signing.claim(signed.as_deref(), &received, lane.flow.seconds());
        prepared.hand_over(&mut crossing);
        let (lane, runtime) = (Arc::clone(lane), Handle::current());
        let ruled = spawn_blocking(move || runtime.block_on(lane.flow.pass(crossing)));
        return Some(prepared.sent_as(ruled.await.ok()?));
    }
    if let Some(spooled) = collected.spooled.clone() {
        let (lane, runtime) = (Arc::clone(lane), Handle::current());
        let ruled = spawn_blocking(move || {
            let body = BufReader::with_capacity(SPOOL_BUFFER_BYTES, spooled.reader());
            runtime.block_on(lane.flow.pass_in_parts(crossing, body))
        });
        return ruled.await.ok()?.ok();
    }
    let waits = lane.flow.attests(&lane.boundary.name);
    if received.len() <= INLINE_BYTES && coding == Coding::Identity && !waits {
        if whole {
            crossing.claims.signed = lane.signing.claim(signed.as_deref(), &received, lane.flow.seconds());
            crossing.body = Ok(received);
        }
        return Some(lane.flow.pass(crossing).await);
    }
    let (lane, runtime) = (Arc::clone(lane), Handle::current());
    let ruled = spawn_blocking(move || {
        if whole {
            crossing.claims.signed = lane.signing.claim(signed.as_deref(), &received, lane.flow.seconds());
            crossing.body = decode(coding, &received, &lane.limits);
        }
        runtime.block_on(lane.flow.pass(crossing))
    });
    ruled.await.ok()
}

/// A request as `flow` takes it, before its body.
fn crossing(lane: &Lane, head: &Head) -> Crossing {
    Crossing {
        boundary: Arc::clone(&lane.boundary),
        protocol: lane.protocol.clone(),
        client: head.client.clone(),
        method: head.method.as_str().to_owned(),
        target: head.target.clone(),
        method_override: head.method_override.clone(),
        content_type: content_type(head),
        provenance: head.provenance.clone(),
        claims: Claims {
            contract: head.contract.pinned(),
            signed: flow::SignedClaim::None,
            ai_disclosure: texts(&head.headers, &AI_DISCLOSURE),
        },
        body: Err(Unreadable::TooLong { limit: lane.limits.body_bytes }),
        watched: traced::watched(head.traced.as_ref()),
    }
}

pub(crate) fn content_type(head: &Head) -> Option<String> {
    let value = head.headers.get(header::CONTENT_TYPE)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The media types that both protocols' answers can be merged in.
const MERGEABLE: &str = "application/fhir+json, application/json;q=0.9";

/// Settles what was let through and does not leave.
fn not_sent(lane: &Lane, settlement: Option<Settlement>) {
    if let Some(settlement) = settlement {
        lane.flow.settle(settlement, Outcome::NotSent);
    }
}

/// Sends on what may pass, settles, and shapes the answer.
async fn carry(
    lane: &Arc<Lane>,
    reader: Option<Reader>,
    mut head: Head,
    collected: Collected,
    mut forward: Forward,
    place: Option<&str>,
) -> Result<Response<Body>, Problem> {
    let asked = lane.signing.asked(&head);
    let rows = jobs::rows(reader.as_ref(), &head);
    let Collected { mut received, rest, spooled, _held } = collected;
    let is_whole = rest.is_none() && spooled.is_none();
    let guarding =
        guards(lane, reader.filter(|_| is_whole), &mut head, is_whole, &mut received, &mut forward.body);
    let (guard, fhir) = match Box::pin(guarding).await {
        Ok(guards) => guards,
        Err(turned) => {
            not_sent(lane, forward.settlement);
            return turned.told();
        }
    };
    let is_untold = |merge| lane.flow.tell_withheld(merge, &lane.boundary.name).is_err();
    if forward.merge.as_ref().is_some_and(is_untold) {
        not_sent(lane, forward.settlement);
        return Err(Problem::NotKept);
    }
    let leads_on = rewrite::concerns(&lane.protocol, &head.method, &head.target);
    if forward.merge.is_some() || leads_on {
        head.headers.remove(header::ACCEPT_ENCODING);
    }
    if forward.merge.as_ref().is_some_and(flow::Merge::wants_json) {
        // Refusals can only be put back into JSON, whatever the client would rather read.
        head.headers.insert(header::ACCEPT, HeaderValue::from_static(MERGEABLE));
        patching::ask_in_json(lane, &mut head);
    }
    let (whole, body) = sent_body(lane, &mut head, &mut forward, received, rest, spooled);
    state(&mut head.headers, &forward.sent_provenance, forward.ai_disclosure.as_deref());
    let (scheme, authority) = lane.upstream.place();
    let onward = signing::Onward { method: &head.method, scheme, authority, target: &head.target };
    lane.signing.request(&mut head.headers, onward, whole.as_deref(), place, lane.flow.seconds());
    let addresses = lane.addresses(&head);
    let sent = lane.upstream.send(head.method, &head.target, head.headers, body).await;
    traced::onward(head.traced.as_ref(), "apply", &sent);
    settle(lane, forward.settlement, forward.merge.as_ref(), &sent);
    let mut answer = cleaned(sent?, &addresses)?;
    state(answer.headers_mut(), &forward.provenance, forward.ai_disclosure.as_deref());
    warn(answer.headers_mut(), forward.warning.as_deref());
    rows.remember(lane, answer.status());
    let guard = guard.filter(|guard| guard.reads_answer(leads_on));
    if guard.is_some() || fhir.is_some() {
        let mut answer = Box::pin(guarded(lane, guard, fhir, answer)).await?;
        if let Some(merge) = &forward.merge {
            answer = merged_whole(lane, answer, merge);
        }
        let (status, whole, now) = (answer.status(), answer.body().whole(), lane.flow.seconds());
        lane.signing.answer(answer.headers_mut(), status, &asked, whole.as_deref(), place, now);
        return Ok(answer);
    }
    if let Some(merge) = &forward.merge {
        let (mut parts, body) = Box::pin(merged(lane, answer, merge)).await?;
        let now = lane.flow.seconds();
        lane.signing.answer(&mut parts.headers, parts.status, &asked, Some(&body), place, now);
        return Ok(Response::from_parts(parts, Body::from(body)));
    }
    // What streams is not covered: the signature is without its digest.
    let status = answer.status();
    lane.signing.answer(answer.headers_mut(), status, &asked, None, place, lane.flow.seconds());
    if leads_on {
        let observe = |body: &[u8]| {
            lane.flow.observe_job(&lane.boundary.name, body);
            rows.remember_job(lane, body);
        };
        return Ok(Box::pin(rewrite::body(answer, &addresses, &lane.protocol, &lane.timeouts, observe)).await);
    }
    Ok(answer.map(|body| Body::relay(body, lane.timeouts.upstream, Trailers::Keep)))
}

/// What makes sure that a write tells nothing of what is hidden, in each protocol; it may change what is sent.
async fn guards(
    lane: &Arc<Lane>,
    reader: Option<Reader>,
    head: &mut Head,
    is_whole: bool,
    received: &mut Bytes,
    replaced: &mut Option<Bytes>,
) -> Result<(Option<reading::Guard>, Option<fhir_reading::Guard>), reading::Turned> {
    let guard = match reader {
        Some(reader) => Some(reading::guard(lane, reader, head, received, replaced).await?),
        None => None,
    };
    let fhir = fhir_reading::guard(lane, head, is_whole, received, replaced).await?;
    Ok((guard, fhir))
}

/// Reads an answer with whatever guards it.
async fn guarded(
    lane: &Arc<Lane>,
    guard: Option<reading::Guard>,
    fhir: Option<fhir_reading::Guard>,
    answer: Response<Incoming>,
) -> Result<Response<Body>, Problem> {
    let answer = match (guard, fhir) {
        (Some(guard), _) => Box::pin(reading::guarded(lane, guard, answer)).await,
        (None, Some(guard)) => Box::pin(fhir_reading::guarded(lane, guard, answer)).await,
        (None, None) => return Err(Problem::Internal),
    };
    answer.or_else(reading::Turned::told)
}

/// What is sent on, and its bytes where they are held, so that a signature can cover them.
fn sent_body(
    lane: &Lane,
    head: &mut Head,
    forward: &mut Forward,
    received: Bytes,
    rest: Option<Incoming>,
    spooled: Option<Arc<Spooled>>,
) -> (Option<Bytes>, Body) {
    match (forward.body.take(), rest, spooled) {
        (Some(replaced), _, _) => {
            forget_coded_body(&mut head.headers);
            (Some(replaced.clone()), Body::from(replaced))
        }
        (None, _, Some(spooled)) => (None, spooled.body(lane.timeouts.upstream)),
        (None, None, None) => (Some(received.clone()), Body::from(received)),
        (None, Some(rest), None) => {
            (None, Body::relay(rest, lane.timeouts.idle, Trailers::Drop).after(received))
        }
    }
}

/// Where Salesforce says how its own event log names the request.
const SALESFORCE_REQUEST: &str = "x-sfdc-request-id";

/// What the ledger will say became of it.
fn outcome(sent: &Result<Response<Incoming>, Problem>) -> Outcome {
    match sent {
        Ok(answer) => Outcome::Answered(answer.status().as_u16()),
        Err(Problem::UpstreamRefused) => Outcome::NotSent,
        Err(_) => Outcome::Unknown,
    }
}

/// Writes down what became of what was sent on.
fn settle(
    lane: &Lane,
    settlement: Option<Settlement>,
    merge: Option<&flow::Merge>,
    sent: &Result<Response<Incoming>, Problem>,
) {
    if let Some(merge) = merge.filter(|_| is_refused(sent)) {
        lane.flow.not_taken(merge, &lane.boundary.name);
    }
    if let Some(settlement) = settlement {
        let named = sent.as_ref().ok().and_then(|answer| answer.headers().get(SALESFORCE_REQUEST));
        let named = named.and_then(|value| value.to_str().ok());
        lane.flow.settle_as(settlement, outcome(sent), named);
    }
}

/// Whether it is certain that nothing was made of a request.
fn is_refused(sent: &Result<Response<Incoming>, Problem>) -> bool {
    match sent {
        // One that says that time ran out may come from in between.
        Ok(answer) => answer.status().is_client_error() && answer.status() != StatusCode::REQUEST_TIMEOUT,
        Err(problem) => matches!(problem, Problem::UpstreamRefused),
    }
}

/// Puts the refused records back at their places in the upstream's answer.
async fn merged(
    lane: &Lane,
    answer: Response<Incoming>,
    merge: &flow::Merge,
) -> Result<(http::response::Parts, Bytes), Problem> {
    let (mut parts, body) = answer.into_parts();
    let collected = collect(body, lane.limits.body_bytes, &lane.held, lane.timeouts.upstream)
        .await
        .map_err(|_| Problem::AnswerUnreadable)?;
    if collected.rest.is_some() {
        return Err(Problem::AnswerUnreadable);
    }
    let decoded = decode(coding(&parts.headers), &collected.received, &lane.limits)
        .map_err(|_| Problem::AnswerUnreadable)?;
    parts.headers.remove(header::CONTENT_LENGTH);
    let merged = lane.flow.merged(merge, &lane.boundary.name, &decoded);
    let body = match merged.map_err(|_| Problem::ShownUnreadable)? {
        Some(merged) => {
            forget_coded_body(&mut parts.headers);
            Bytes::from(merged)
        }
        None => collected.received,
    };
    Ok((parts, body))
}

/// Puts the refused records back into an answer that was read already.
fn merged_whole(lane: &Lane, answer: Response<Body>, merge: &flow::Merge) -> Response<Body> {
    let (parts, body) = answer.into_parts();
    // What was sent on is in no doubt: that is for what was read.
    let put_back = |whole: Bytes| lane.flow.merged(merge, &lane.boundary.name, &whole).ok().flatten();
    let merged = body.whole().and_then(put_back);
    Response::from_parts(parts, merged.map_or(body, Body::from))
}

/// An upstream's answer without what concerns only its connection, or leads past us.
pub(crate) fn cleaned(
    answer: Response<Incoming>,
    addresses: &Addresses,
) -> Result<Response<Incoming>, Problem> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Problem::UpstreamBroken);
    }
    let (mut parts, body) = answer.into_parts();
    parts.version = Version::HTTP_11;
    strip_hop_by_hop(&mut parts.headers);
    strip_ours(&mut parts.headers);
    rewrite::headers(&mut parts.headers, addresses);
    via(&mut parts.headers);
    Ok(Response::from_parts(parts, body))
}

/// Lets a client finish sending what will not be read, so that it comes to read the answer.
///
/// One that waits for `100 Continue` sends nothing, and reading would tell it to.
fn leave_unread(lane: &Lane, head: &Head, collected: Collected) {
    traced::refused(head);
    if let Some(rest) = collected.rest.filter(|_| !head.expects) {
        tokio::spawn(drain(rest, lane.limits.body_bytes, lane.timeouts.idle));
    }
}

/// What a message says of its records.
fn state(headers: &mut HeaderMap, provenance: &str, disclosure: Option<&str>) {
    insert(headers, PROVENANCE, provenance);
    if let Some(disclosure) = disclosure {
        insert(headers, AI_DISCLOSURE, disclosure);
    }
}

/// The sentence that a refusal would have had, where the boundary only warns.
fn warn(headers: &mut HeaderMap, warning: Option<&str>) {
    let Some(warning) = warning else { return };
    let text = warning.replace(['"', '\\'], "'");
    insert(headers, header::WARNING, &format!("299 eosin \"{text}\""));
}

/// Sets a header; text that cannot stand in one is left out rather than mended.
fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A method's name if it is one of HTTP's own: any other could hold anything.
fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
