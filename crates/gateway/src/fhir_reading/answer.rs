//! The answer to a write at a FHIR boundary whose reads are isolated: each resource that it shows is judged by itself.

use carrier::fhir::{self, Entry, Key, Mode, Page};
use flow::{Reader, Seen};
use http::{Response, StatusCode, header};
use hyper::body::Incoming;

use crate::{
    body::Body, head::forget_coded_body, problem::Problem, reading::Turned, server::Lane, whole::whole,
};

use super::{
    Guard, Judged,
    criteria::relinked,
    judge,
    named::{Known, unnamed},
    server::put_back,
};

/// Reads the answer to a write: it may show resources, and name them in its errors.
pub(crate) async fn guarded(
    lane: &Lane,
    guard: Guard,
    answer: Response<Incoming>,
) -> Result<Response<Body>, Turned> {
    let (mut parts, incoming) = answer.into_parts();
    let body = whole(lane, &parts.headers, incoming).await.map_err(|_| Problem::AnswerUnreadable)?;
    forget_coded_body(&mut parts.headers);
    let Guard { reader, sent, pages, mut seen, shown: known, asker, is_fhir, form } = guard;
    let (upstream, gateway) = (asker.addresses.upstream.clone(), asker.addresses.gateway.clone());
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("xml")) && !body.is_empty() {
        // It was asked for JSON: what it shows otherwise nobody here has judged.
        return Err(Problem::AnswerUnreadable.into());
    }
    let text = String::from_utf8_lossy(&body);
    let mut showing =
        Showing { lane, reader: &reader, upstream: &upstream, gateway: &gateway, seen: &mut seen };
    let (shown, is_read) = match showing.answer(&text)? {
        Told::Otherwise(shown) => (Some(shown), true),
        Told::Unread if is_fhir && text.contains("resourceType") => {
            return Err(Problem::AnswerUnreadable.into());
        }
        Told::AsItIs => (None, true),
        Told::Unread => (None, false),
    };
    let mut text = shown.unwrap_or_else(|| text.into_owned());
    if is_read || is_fhir {
        let known = Known { asker, reader: &reader, shown: &known };
        if let Some(other) = unnamed(lane, known, &text, is_read, &mut seen).await? {
            text = other;
        }
    }
    for (other, own) in &sent {
        text = text.replace(other, own);
        put_back(&mut parts.headers, other, own);
    }
    if let Some(other) = relinked(&text, &body, &pages, &lane.flow.limits()) {
        text = other;
    }
    if !seen.is_empty() {
        lane.flow.show(&reader, "answer to a write", seen).await?;
    }
    if parts.status == StatusCode::NO_CONTENT {
        text.clear();
    }
    Ok(form.of_answer(Response::from_parts(parts, Body::from(text)))?)
}

/// How the answers to writes are looked at.
struct Showing<'g> {
    lane: &'g Lane,
    reader: &'g Reader,
    upstream: &'g str,
    gateway: &'g str,
    seen: &'g mut Vec<Seen>,
}

/// What becomes of an answer.
enum Told {
    /// It may be shown.
    AsItIs,
    Otherwise(String),
    /// It is nothing that is read here.
    Unread,
}

impl Showing<'_> {
    /// An answer as it may be shown.
    ///
    /// Errors: a Bundle that cannot be taken apart, for nobody knows whom it shows.
    fn answer(&mut self, text: &str) -> Result<Told, Problem> {
        let Some(key) = Key::of(text) else { return Ok(Told::Unread) };
        let shown = match key.resource_type.as_str() {
            "OperationOutcome" => None,
            "Bundle" => {
                let page = Page::answered(text.as_bytes(), &self.lane.flow.limits());
                Some(self.page(&page.map_err(|_| Problem::AnswerUnreadable)?))
            }
            _ => {
                let judged = self.judge(text);
                if judged.is_hidden { Some(DONE.to_owned()) } else { judged.relabelled }
            }
        };
        Ok(shown.map_or(Told::AsItIs, Told::Otherwise))
    }

    /// A Bundle, each entry of it judged by itself.
    fn page(&mut self, page: &Page) -> String {
        let is_response = page.is_response();
        let mut fewer = 0;
        let (mut kept, mut shown) = (Vec::new(), Vec::new());
        for entry in &page.entries {
            let (is_shown, resource) = self.entry(entry, is_response);
            fewer += u64::from(!is_shown && entry.mode == Mode::Match);
            kept.push(is_shown);
            shown.push(resource);
        }
        if !is_response {
            let entries: Vec<&Entry> = page.entries.iter().collect();
            kept = fhir::connected(&entries, &kept);
        }
        let mut entries = Vec::with_capacity(kept.len());
        for ((entry, resource), is_kept) in page.entries.iter().zip(shown).zip(kept) {
            if is_kept {
                entries.push(entry.text(resource.as_deref(), self.upstream, self.gateway));
            } else if is_response {
                // Its place in the answer is that of its request.
                entries.push(entry.without_resource());
            }
        }
        let total = page.total.map(|total| total.saturating_sub(fewer));
        page.with_entries_and_total(&entries, total)
    }

    /// Whether an entry is shown, and the resource that is shown instead of its own.
    fn entry(&mut self, entry: &Entry, in_response: bool) -> (bool, Option<String>) {
        let Some(resource) = entry.resource.as_deref().filter(|_| entry.mode != Mode::Outcome) else {
            return (true, None);
        };
        // What a search found is a page in its place. Any other Bundle is one resource, shown whole or not at all.
        let inner = Some(resource).filter(|_| in_response).and_then(|resource| {
            Page::answered(resource.as_bytes(), &self.lane.flow.limits()).ok().filter(Page::is_searchset)
        });
        if let Some(inner) = inner {
            return (true, Some(self.page(&inner)));
        }
        let judged = self.judge(resource);
        (!judged.is_hidden, judged.relabelled)
    }

    fn judge(&mut self, resource: &str) -> Judged {
        let mut judged = judge(self.lane, self.reader, resource);
        self.seen.append(&mut judged.seen);
        judged
    }
}

/// What is said in the place of a resource that may not be shown to whoever wrote it.
const DONE: &str = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","diagnostics":"done; the result is not shown here"}]}"#;
