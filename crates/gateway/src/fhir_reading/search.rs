//! What searches, histories and `$everything` find: walked from the beginning, judged, and given in pages of our own.

use std::collections::BTreeSet;

use bytes::Bytes;
use carrier::{
    fhir::{self, Detail, Entry, Key, Mode, Page, Query},
    route::Target,
};
use flow::{Reader, Seen};
use http::{Response, StatusCode, header};

use crate::{body::Body, fhir_form::Form, problem::Problem, reading::Turned};

use super::{
    Call, Judged, judge, relayed,
    server::{Answered, Server, with_own_id},
    with_body,
};

/// Where a search goes on: a page of the server's, and how many of its matches were given or passed over already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Further {
    pub(super) target: String,
    pub(super) is_posted: bool,
    pub(super) passed: usize,
    /// Matches of the server's pages before that one, and those of them that were shown.
    pub(super) raw: usize,
    pub(super) given: usize,
    pub(super) count: usize,
    pub(super) query: Query,
}

/// The parameter of a `next` link of ours.
pub(super) const PAGE: &str = "_eosin_page";

const LONG: &str =
    "a search this long cannot be gone on with; ask with fewer parameters, or for more at a time";

/// Most resources that are walked for one answer.
const WALK_MAX: usize = 20_000;
/// Most pages with nothing on them that are walked for one answer.
const EMPTY_PAGES_MAX: usize = 100;
/// How many matches the server is asked for at a time, at least and at most.
const PAGE_MIN: usize = 20;
const PAGE_MAX: usize = 500;

/// A search: of a type, of all types, or in a compartment.
pub(super) async fn find(
    server: &Server<'_>,
    call: &Call,
    within: Option<&(String, String)>,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let within = within.map(|(resource_type, id)| (resource_type.as_str(), id.as_str()));
    begun(server, call, within, &call.query, call.is_posted).await
}

/// What a server has below the address of one resource; where that is hidden, what it has below one that nobody has.
async fn below(
    server: &Server<'_>,
    call: &Call,
    (resource_type, id): (&str, &str),
    mut start: Start,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let mut seen = Vec::new();
    if !server.is_hidden(&call.reader, resource_type, id, &mut seen).await? {
        return walked(server, call, start, seen).await;
    }
    let other = server.absent_id(resource_type, id).await?;
    let own = server.address(resource_type, id);
    let beyond = start.path.strip_prefix(&own).unwrap_or_default();
    if let Step::Search { path, .. } = &mut start.target {
        *path = format!("{}{beyond}", server.address(resource_type, &other));
    }
    let (response, seen) = walked(server, call, start, seen).await?;
    Ok((with_own_id(response, &other, id), seen))
}

/// The versions of a resource, of a type, or of all.
pub(super) async fn history(
    server: &Server<'_>,
    call: &Call,
    resource_type: Option<&str>,
    id: Option<&str>,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let (Some(resource_type), Some(id)) = (resource_type, id) else {
        // An entry that says that something was deleted does not say what it was.
        return Err(Problem::Closed(
            "the history of all resources names those that were deleted, and not what they were; ask for one by its id",
        )
        .into());
    };
    // A part is found by a resource's id, which all of its versions have.
    begun(server, call, Some((resource_type, id)), &call.query.undetailed(), false).await
}

/// Everything about one resource.
pub(super) async fn everything(
    server: &Server<'_>,
    call: &Call,
    resource_type: &str,
    id: &str,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    begun(server, call, Some((resource_type, id)), &call.query, false).await
}

/// What a server has by this query, perhaps below one resource: from the beginning, or from where a link of ours goes on.
async fn begun(
    server: &Server<'_>,
    call: &Call,
    within: Option<(&str, &str)>,
    query: &Query,
    is_posted: bool,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    if let Some(word) = call.query.get(PAGE) {
        return go_on(server, call, word).await;
    }
    if let Some(why) = call.query.closed() {
        return Err(Problem::Closed(why).into());
    }
    let start = Start::of(&call.path, query, is_posted);
    match within {
        Some(within) => below(server, call, within, start).await,
        None => walked(server, call, start, Vec::new()).await,
    }
}

/// A further page, by the word in a link of ours.
async fn go_on(server: &Server<'_>, call: &Call, word: &str) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let reads = server.lane.fhir.as_ref().ok_or(Problem::Internal)?;
    let further = reads.links.open(word, &about(server, call, &call.path)).ok_or(Problem::QueryUnknown)?;
    walked(server, call, Start::from(further, &call.path), Vec::new()).await
}

/// Where a walk begins.
#[derive(Debug)]
struct Start {
    target: Step,
    passed: usize,
    raw: usize,
    given: usize,
    /// How many matches are passed over, because the client asked for that.
    skipped: usize,
    count: Option<usize>,
    query: Query,
    path: String,
}

/// One question to the server.
#[derive(Clone, Debug)]
enum Step {
    Search { path: String, query: String, is_posted: bool },
    Link(String),
}

impl Start {
    fn of(path: &str, query: &Query, is_posted: bool) -> Self {
        let count = query.count().filter(|count| *count > 0);
        let asked = match query.detail() {
            Detail::Count => Some(PAGE_MAX),
            Detail::Full | Detail::Part => count.map(|count| (count + 1).clamp(PAGE_MIN, PAGE_MAX)),
        };
        let step = Step::Search { path: path.to_owned(), query: query.whole(asked), is_posted };
        Self {
            target: step,
            passed: 0,
            raw: 0,
            given: 0,
            skipped: query.offset(),
            count,
            query: query.clone(),
            path: path.to_owned(),
        }
    }

    fn from(further: Further, path: &str) -> Self {
        let Further { target, is_posted, passed, raw, given, count, query } = further;
        let target = match target.split_once('?') {
            Some((path, query)) if is_posted => {
                Step::Search { path: path.to_owned(), query: query.to_owned(), is_posted }
            }
            _ => Step::Link(target),
        };
        Self { target, passed, raw, given, skipped: 0, count: Some(count), query, path: path.to_owned() }
    }
}

/// What a walk has found so far.
#[derive(Default)]
struct Found {
    /// Entries that are given, each as it is shown.
    taken: Vec<(Entry, Option<String>)>,
    /// Matches that are given.
    matches: usize,
    /// Matches that are shown to this client, given or not, on this walk.
    shown: usize,
    /// Every resource looked at.
    walked: usize,
    /// Pages without any.
    empty_pages: usize,
    further: Option<(Step, usize, usize)>,
    first: Option<(Answered, Page)>,
    seen: Vec<Seen>,
}

/// Walks the server's pages until ours is full, or to their end if the client asks for the total.
async fn walked(
    server: &Server<'_>,
    call: &Call,
    start: Start,
    seen: Vec<Seen>,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let mut found = Found { seen, ..Found::default() };
    let (mut count, mut raw, mut passed) = (start.count, start.raw, start.passed);
    let mut next = Some(start.target.clone());
    let is_counted = start.query.detail() == Detail::Count;
    let mut first_key = None;
    while let Some(step) = next.take() {
        let answered = match &step {
            Step::Search { path, query, is_posted } => server.search(path, query, *is_posted).await?,
            Step::Link(target) => server.get(target).await?,
        };
        if answered.parts.status != StatusCode::OK {
            if found.first.is_some() {
                return Err(Problem::ShownUnreadable.into());
            }
            return Ok((relayed(answered), found.seen));
        }
        let page = Page::answered(&answered.body, &server.lane.flow.limits())
            .map_err(|_| Problem::ShownUnreadable)?;
        found.walked += page.entries.len();
        if found.walked > WALK_MAX {
            return Err(Problem::AnswerTooLarge.into());
        }
        found.empty_pages += usize::from(page.entries.is_empty());
        if found.empty_pages > EMPTY_PAGES_MAX {
            return Err(Problem::AnswerTooLarge.into());
        }
        let matches = page.entries.iter().filter(|entry| entry.mode == Mode::Match).count();
        next = following(&page, &start, &step, raw + matches, matches);
        if count.is_none() && next.is_some() {
            count = Some(matches.max(1));
        }
        let key = page.entries.first().and_then(|entry| entry.key.clone());
        if found.first.is_some() && key.is_some() && key == first_key {
            // The server gives the same page again: it does not know how to go on.
            return Err(Problem::AnswerTooLarge.into());
        }
        first_key = first_key.or(key);
        let limit = if is_counted { Some(0) } else { count };
        take(server, call, &page, &step, Room { raw, passed, skipped: start.skipped, limit }, &mut found);
        raw += matches;
        passed = 0;
        if found.first.is_none() {
            found.first = Some((answered, page));
        }
        if found.further.is_some() && !start.query.wants_total() {
            break;
        }
    }
    let is_whole = next.is_none();
    composed(server, call, &start, found, count, is_whole).await
}

/// Where the server goes on, by its own link or by counting on.
fn following(page: &Page, start: &Start, step: &Step, seen: usize, matches: usize) -> Option<Step> {
    if let Some(link) = &page.next {
        // Wherever the server thinks it is: it is asked at the address that is configured.
        return Some(Step::Link(Target::parse(link)?.to_origin_form()));
    }
    let total = usize::try_from(page.total?).ok()?;
    // A server that counts and does not link: it is asked for the rest by its place.
    let (path, query, is_posted) = match step {
        Step::Search { path, query, is_posted } => (path.clone(), query.clone(), *is_posted),
        Step::Link(_) => return None,
    };
    let asked = Query::parse(&query)?;
    (matches > 0 && seen < total && !start.path.is_empty()).then(|| Step::Search {
        path,
        query: format!("{}&_offset={seen}", asked.without(&["_offset"])).trim_start_matches('&').to_owned(),
        is_posted,
    })
}

/// What of a page is passed over, and how much may be given.
#[derive(Clone, Copy)]
struct Room {
    raw: usize,
    passed: usize,
    skipped: usize,
    limit: Option<usize>,
}

/// Takes from a page what may be shown and still has room.
fn take(server: &Server<'_>, call: &Call, page: &Page, step: &Step, room: Room, found: &mut Found) {
    let judged: Vec<Option<Judged>> = page
        .entries
        .iter()
        .map(|entry| entry.resource.as_deref().filter(|_| entry.mode != Mode::Outcome))
        .map(|resource| resource.map(|text| judge(server.lane, &call.reader, text)))
        .collect();
    let mut kept = Vec::with_capacity(page.entries.len());
    let mut at_match = 0_usize;
    for (entry, judged) in page.entries.iter().zip(&judged) {
        let is_hidden = judged.as_ref().is_some_and(|judged| judged.is_hidden);
        if entry.mode != Mode::Match {
            kept.push(!is_hidden);
            continue;
        }
        let place = at_match;
        at_match += 1;
        if place < room.passed || is_hidden {
            kept.push(false);
            continue;
        }
        found.shown += 1;
        if found.shown <= room.skipped {
            kept.push(false);
            continue;
        }
        let has_room = room.limit.is_none_or(|limit| found.matches < limit);
        kept.push(has_room);
        if has_room {
            found.matches += 1;
        } else if found.further.is_none() {
            found.further = Some((step.clone(), place, room.raw));
        }
    }
    let entries: Vec<&Entry> = page.entries.iter().collect();
    let kept = fhir::connected(&entries, &kept);
    for ((entry, judged), kept) in page.entries.iter().zip(judged).zip(kept) {
        let relabelled = judged.as_ref().and_then(|judged| judged.relabelled.clone());
        found.seen.extend(judged.into_iter().flat_map(|judged| judged.seen));
        if kept {
            found.taken.push((entry.clone(), relabelled));
        }
    }
}

/// The page of ours: the first of the server's, with what was taken.
async fn composed(
    server: &Server<'_>,
    call: &Call,
    start: &Start,
    mut found: Found,
    count: Option<usize>,
    is_whole: bool,
) -> Result<(Response<Body>, Vec<Seen>), Turned> {
    let (mut answered, page) = found.first.take().ok_or(Problem::Internal)?;
    // They would change with what is hidden, or count it.
    for name in [header::ETAG.as_str(), "last-modified", "link", "x-total-count"] {
        answered.parts.headers.remove(name);
    }
    if start.query.detail() == Detail::Part {
        detailed(server, &start.query, &mut found.taken).await?;
    }
    let total = start.given + found.shown;
    let wants = start.query.wants_total() || page.total.is_some();
    let total =
        (is_whole && wants && !start.query.wants_no_total()).then(|| u64::try_from(total).unwrap_or(0));
    let mut links = Vec::new();
    if page.has_links() || found.further.is_some() {
        links.push(("self", server.asker.asked_at.clone()));
    }
    if let Some(further) = further(start, &found, count) {
        let reads = server.lane.fhir.as_ref().ok_or(Problem::Internal)?;
        let word = reads.links.word(&further, &about(server, call, &start.path));
        let word = word.ok_or(Problem::Closed(LONG))?;
        let format = if call.form == Form::Xml { "&_format=xml" } else { "" };
        links.push((
            "next",
            format!("{}{}?{PAGE}={word}{format}", server.asker.addresses.gateway, start.path),
        ));
    }
    let (upstream, gateway) =
        (server.asker.addresses.upstream.as_str(), server.asker.addresses.gateway.as_str());
    let entries: Vec<String> = found
        .taken
        .iter()
        .map(|(entry, resource)| entry.text(resource.as_deref(), upstream, gateway))
        .collect();
    let body = page.with(&entries, total, &links);
    Ok((with_body(answered, Bytes::from(body)), found.seen))
}

/// Where the search goes on, if it does.
fn further(start: &Start, found: &Found, count: Option<usize>) -> Option<Further> {
    let (step, passed, raw) = found.further.clone()?;
    if start.query.detail() == Detail::Count {
        return None;
    }
    let (target, is_posted) = match step {
        Step::Search { path, query, is_posted } => (format!("{path}?{query}"), is_posted),
        Step::Link(target) => (target, false),
    };
    let given = start.given + start.skipped + found.matches;
    Some(Further { target, is_posted, passed, raw, given, count: count?, query: start.query.clone() })
}

/// Whose search it is, where, and what is hidden from them: nobody goes on with that of another.
fn about(server: &Server<'_>, call: &Call, path: &str) -> String {
    let Reader { boundary, client, hidden, .. } = &call.reader;
    serde_json::json!([boundary.name, path, hidden.to_string(), client, server.credential()]).to_string()
}

/// Shows what was taken in the detail that the client asked for: the server chooses the part.
async fn detailed(
    server: &Server<'_>,
    query: &Query,
    taken: &mut [(Entry, Option<String>)],
) -> Result<(), Turned> {
    let keys: BTreeSet<Key> = taken.iter().filter_map(|(entry, _)| entry.key.clone()).collect();
    let parts = server.by_keys(&keys, |ids| query.detailed(ids)).await?;
    for (entry, resource) in taken {
        if let Some(part) = entry.key.as_ref().and_then(|key| parts.get(key)) {
            *resource = Some(part.clone());
        }
    }
    Ok(())
}
