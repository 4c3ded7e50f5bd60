//! What is asked of a FHIR server beside what the client asks, with the client's own credentials.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use carrier::{
    fhir::{Key, Page},
    route::Target,
};
use flow::{Reader, Seen};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, response::Parts};
use mark::digest::sha256;

use crate::{
    body::Body, head::Head, problem::Problem, reading::Turned, request::cleaned, rewrite::Addresses,
    server::Lane, whole::whole,
};

use super::{criteria::address, judge, relayed};

/// A server, as one client may ask it.
pub(super) struct Server<'l> {
    pub(super) lane: &'l Lane,
    pub(super) asker: Asker,
}

/// How one client asks a server, also after its own request was sent.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) addresses: Addresses,
    /// Who asks: none of these is about one request only.
    headers: HeaderMap,
    /// What the client would have done with parameters that the server does not know (R4, Search, section 3.1.1.1.1).
    handling: Option<HeaderValue>,
    /// The client's own address for this request.
    pub(super) asked_at: String,
}

/// An answer read whole and decoded.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
}

/// Header fields that are about a client's own request and not about who asks.
const ABOUT_REQUEST: [&str; 16] = [
    "accept",
    "accept-encoding",
    "content-type",
    "content-encoding",
    "content-length",
    "content-digest",
    "content-md5",
    "digest",
    "repr-digest",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-none-exist",
    "prefer",
];

/// The preference for how parameters are handled, alone: the others are about the answer to the client's own request.
fn handling(headers: &HeaderMap) -> Option<HeaderValue> {
    let named = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let asked = |one: &str| {
        let bare =
            one.split(';').next().unwrap_or_default().replace([' ', '\t', '"'], "").to_ascii_lowercase();
        matches!(bare.as_str(), "handling=strict" | "handling=lenient").then_some(bare)
    };
    named.flat_map(|value| value.split(',')).find_map(asked)?.parse().ok()
}

/// Ids in one lookup: with them a target stays under what servers take, 8 KiB.
const IDS_MAX: usize = 100;

impl<'l> Server<'l> {
    /// The server as the client of this request may ask it.
    pub(super) fn new(lane: &'l Lane, head: &Head) -> Self {
        let mut headers = head.headers.clone();
        let handling = handling(&headers);
        for name in ABOUT_REQUEST {
            headers.remove(HeaderName::from_static(name));
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/fhir+json"));
        let asked_at = format!("{}{}", head.origin, head.target);
        Self { lane, asker: Asker { addresses: lane.addresses(head), headers, handling, asked_at } }
    }

    /// A digest of what proves who asks.
    pub(super) fn credential(&self) -> String {
        let values =
            [header::AUTHORIZATION, header::COOKIE].map(|name| self.asker.headers.get(name).cloned());
        let values: Vec<&[u8]> = values.iter().flatten().map(HeaderValue::as_bytes).collect();
        sha256(&values).to_hex()
    }

    /// Asks for one answer and reads it whole.
    ///
    /// Bounds: the boundary's `body_bytes`.
    /// Errors: what cannot be read to its end, or is longer.
    pub(super) async fn get(&self, target: &str) -> Result<Answered, Turned> {
        self.ask(Method::GET, target, self.asker.headers.clone(), Bytes::new()).await
    }

    /// The same by the client's own parameters, in a form where they are in one.
    pub(super) async fn search(&self, path: &str, query: &str, is_posted: bool) -> Result<Answered, Turned> {
        let mut headers = self.asker.headers.clone();
        if let Some(handling) = &self.asker.handling {
            headers.insert(HeaderName::from_static("prefer"), handling.clone());
        }
        if !is_posted {
            return self.ask(Method::GET, &address(path, query), headers, Bytes::new()).await;
        }
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        self.ask(Method::POST, &format!("{path}/_search"), headers, Bytes::from(query.to_owned())).await
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answered, Turned> {
        let sent = self.lane.upstream.send(method, target, headers, Body::from(body)).await?;
        let (parts, incoming) = cleaned(sent, &self.asker.addresses)?.into_parts();
        let body = whole(self.lane, &parts.headers, incoming).await?;
        Ok(Answered { parts, body })
    }

    /// What the server says of a resource that is not there, in the words of this one's address.
    ///
    /// Shape:  `beyond` is what stands behind the id in the client's address: a version, or nothing.
    pub(super) async fn absent(
        &self,
        resource_type: &str,
        id: &str,
        beyond: &str,
    ) -> Result<Answered, Turned> {
        let (other, mut said) = self.nobody(resource_type, id).await?;
        if !beyond.is_empty() {
            said = self.get(&format!("{}{beyond}", self.address(resource_type, &other))).await?;
        }
        Ok(said.put_back(&other, id))
    }

    /// An id that no resource of the type has, to be asked for in the place of this one.
    pub(super) async fn absent_id(&self, resource_type: &str, id: &str) -> Result<String, Turned> {
        Ok(self.nobody(resource_type, id).await?.0)
    }

    /// Such an id, and what the server says of it: it has been asked for before anything else is asked of it.
    async fn nobody(&self, resource_type: &str, id: &str) -> Result<(String, Answered), Turned> {
        let reads = self.lane.fhir.as_ref().ok_or(Problem::Internal)?;
        for attempt in 0..ABSENT_MAX {
            let other = reads.links.absent(id, attempt);
            let said = self.get(&self.address(resource_type, &other)).await?;
            if !is_had(said.parts.status) {
                return Ok((other, said));
            }
        }
        Err(Problem::ShownUnreadable.into())
    }

    /// Looks at a resource by its id; whether it is there and hidden.
    ///
    /// Errors: the server's own answer, where it says neither that there is one nor that there is none.
    pub(super) async fn is_hidden(
        &self,
        reader: &Reader,
        resource_type: &str,
        id: &str,
        seen: &mut Vec<Seen>,
    ) -> Result<bool, Turned> {
        Ok(self.standing(reader, resource_type, id, seen).await? == Standing::Hidden)
    }

    /// Looks at a resource by its id.
    ///
    /// Errors: the server's own answer, where it says neither that there is one nor that there is none.
    pub(super) async fn standing(
        &self,
        reader: &Reader,
        resource_type: &str,
        id: &str,
        seen: &mut Vec<Seen>,
    ) -> Result<Standing, Turned> {
        let target = self.address(resource_type, id);
        let answered = self.get(&target).await?;
        if answered.parts.status == StatusCode::GONE {
            let was_hidden = self.was_hidden(reader, &target, seen).await?;
            return Ok(if was_hidden { Standing::Hidden } else { Standing::Seen });
        }
        if answered.parts.status == StatusCode::NOT_FOUND {
            return Ok(Standing::Absent);
        }
        if !answered.parts.status.is_success() {
            return Err(Turned::Answer(Box::new(relayed(answered))));
        }
        let text = std::str::from_utf8(&answered.body).map_err(|_| Problem::ShownUnreadable)?;
        let judged = judge(self.lane, reader, text);
        seen.extend(judged.seen);
        Ok(if judged.is_hidden { Standing::Hidden } else { Standing::Seen })
    }

    /// Whether a resource that was deleted was hidden while it was there, as far as its versions tell.
    ///
    /// Bounds: [`VERSIONS_MAX`] versions; one with more was hidden, for nobody can tell. So was one whose versions the
    ///         server does not show.
    pub(super) async fn was_hidden(
        &self,
        reader: &Reader,
        target: &str,
        seen: &mut Vec<Seen>,
    ) -> Result<bool, Turned> {
        let history = format!("{target}/_history");
        let mut next = history.clone();
        let (mut versions, mut first) = (0, None);
        loop {
            let answered = self.get(&next).await?;
            if !answered.parts.status.is_success() {
                return Ok(true);
            }
            let page = Page::answered(&answered.body, &self.lane.flow.limits())
                .map_err(|_| Problem::ShownUnreadable)?;
            for text in page.entries.iter().filter_map(|entry| entry.resource.as_deref()) {
                let judged = judge(self.lane, reader, text);
                seen.extend(judged.seen);
                if judged.is_hidden {
                    return Ok(true);
                }
            }
            let begins = page.entries.first().map(|entry| entry.as_written().to_owned());
            if first.is_some() && begins == first {
                // The server gives the same page again: what else there was it does not tell.
                return Ok(true);
            }
            first = first.or(begins);
            versions += page.entries.len();
            let has_more = page.total.is_some_and(|total| total > versions as u64);
            if page.next.is_none() && !has_more {
                return Ok(false);
            }
            if page.entries.is_empty() || versions > VERSIONS_MAX {
                return Ok(true);
            }
            next = match page.next.as_deref().map(Target::parse) {
                Some(Some(link)) => link.to_origin_form(),
                Some(None) => return Ok(true),
                // A server that counts and does not link.
                None => format!("{history}?_offset={versions}"),
            };
        }
    }

    /// The base of the server's addresses, without a slash at its end.
    pub(super) fn base(&self) -> &'l str {
        self.lane.fhir.as_ref().map_or("", |reads| reads.base.trim_end_matches('/'))
    }

    /// The address of a resource on the server.
    pub(super) fn address(&self, resource_type: &str, id: &str) -> String {
        format!("{}/{resource_type}/{id}", self.base())
    }

    /// Resources by their keys, as a search shows them with these parameters.
    ///
    /// Bounds: [`IDS_MAX`] ids a question.
    pub(super) async fn by_keys(
        &self,
        keys: &BTreeSet<Key>,
        query: impl Fn(&[&str]) -> String,
    ) -> Result<BTreeMap<Key, String>, Turned> {
        let mut by_type = BTreeMap::<&str, Vec<&str>>::new();
        for key in keys.iter().filter(|key| !key.id.is_empty()) {
            by_type.entry(&key.resource_type).or_default().push(&key.id);
        }
        let base = self.base();
        let mut found = BTreeMap::new();
        for (resource_type, ids) in by_type {
            for ids in ids.chunks(IDS_MAX) {
                let answered = self.get(&format!("{base}/{resource_type}?{}", query(ids))).await?;
                let page = Page::answered(&answered.body, &self.lane.flow.limits());
                for entry in page.map(|page| page.entries).unwrap_or_default() {
                    if let (Some(key), Some(resource)) = (entry.key, entry.resource) {
                        found.insert(key, resource);
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Whether somebody has, or had, the id of which a server says this.
fn is_had(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::GONE
}

impl Answered {
    /// The same of the id that the client sent, where another was asked for.
    pub(super) fn put_back(self, other: &str, own: &str) -> Self {
        let Self { mut parts, body } = self;
        put_back(&mut parts.headers, other, own);
        let body = String::from_utf8_lossy(&body).replace(other, own);
        Self { parts, body: Bytes::from(body) }
    }
}

/// The header fields with the client's own words in them.
pub(super) fn put_back(headers: &mut HeaderMap, other: &str, own: &str) {
    for value in headers.values_mut() {
        if let Some(text) = value.to_str().ok().filter(|text| text.contains(other))
            && let Ok(back) = HeaderValue::from_str(&text.replace(other, own))
        {
            *value = back;
        }
    }
}

/// An answer that is here whole, of the id that the client sent, where another was asked for.
pub(super) fn with_own_id(response: Response<Body>, other: &str, own: &str) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    put_back(&mut parts.headers, other, own);
    let said = body.whole().map(|whole| String::from_utf8_lossy(&whole).replace(other, own));
    Response::from_parts(parts, said.map_or(body, |said| Body::from(Bytes::from(said))))
}

/// What a resource with some id is to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may see it, or may know that it was deleted.
    Seen,
    Hidden,
    /// There is none.
    Absent,
}

/// Most versions of a deleted resource that are read.
const VERSIONS_MAX: usize = 20_000;

/// How often another absent id is tried.
const ABSENT_MAX: u8 = 3;
