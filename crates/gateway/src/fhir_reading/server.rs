//! What is asked of a FHIR server beside what the client asks, with the client's own credentials.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use carrier::fhir::{Key, Page};
use flow::{Reader, Seen};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, response::Parts};
use mark::digest::sha256;

use crate::{
    body::Body, head::Head, problem::Problem, reading::Turned, request::cleaned, rewrite::Addresses,
    server::Lane, whole::whole,
};

use super::{judge, relayed};

/// A server, as one client may ask it.
pub(super) struct Server<'l> {
    pub(super) lane: &'l Lane,
    pub(super) addresses: Addresses,
    /// Who asks: none of these is about one request only.
    headers: HeaderMap,
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

/// Ids in one lookup: with them a target stays under what servers take, 8 KiB.
const IDS_MAX: usize = 100;

impl<'l> Server<'l> {
    /// The server as the client of this request may ask it.
    pub(super) fn new(lane: &'l Lane, head: &Head) -> Self {
        let mut headers = head.headers.clone();
        for name in ABOUT_REQUEST {
            headers.remove(HeaderName::from_static(name));
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/fhir+json"));
        let asked_at = format!("{}{}", head.origin, head.target);
        Self { lane, addresses: lane.addresses(head), headers, asked_at }
    }

    /// A digest of what proves who asks.
    pub(super) fn credential(&self) -> String {
        let values = [header::AUTHORIZATION, header::COOKIE].map(|name| self.headers.get(name).cloned());
        let values: Vec<&[u8]> = values.iter().flatten().map(HeaderValue::as_bytes).collect();
        sha256(&values).to_hex()
    }

    /// Asks for one answer and reads it whole.
    ///
    /// Bounds: the boundary's `body_bytes`.
    /// Errors: what cannot be read to its end, or is longer.
    pub(super) async fn get(&self, target: &str) -> Result<Answered, Turned> {
        self.ask(Method::GET, target, self.headers.clone(), Bytes::new()).await
    }

    /// The same, its parameters in a form where they are in one.
    pub(super) async fn search(&self, path: &str, query: &str, is_posted: bool) -> Result<Answered, Turned> {
        if !is_posted {
            let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
            return self.get(&target).await;
        }
        let mut headers = self.headers.clone();
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
        let (parts, incoming) = cleaned(sent, &self.addresses)?.into_parts();
        let body = whole(self.lane, &parts.headers, incoming).await?;
        Ok(Answered { parts, body })
    }

    /// What the server says of a resource that is not there, in the words of this one's address.
    ///
    /// Shape:  `beyond` is what stands behind the id in the client's address: a version, an operation, a query.
    pub(super) async fn absent(
        &self,
        resource_type: &str,
        id: &str,
        beyond: &str,
    ) -> Result<Answered, Turned> {
        for attempt in 0..ABSENT_MAX {
            let other = absent(id, attempt);
            let Answered { mut parts, body } =
                self.get(&format!("{}{beyond}", self.address(resource_type, &other))).await?;
            if parts.status.is_success() && Page::read(&body, &self.lane.flow.limits()).is_err() {
                // Somebody has that id.
                continue;
            }
            let text = String::from_utf8_lossy(&body).replace(&other, id);
            for value in parts.headers.values_mut() {
                if let Some(back) = value.to_str().ok().filter(|text| text.contains(&other))
                    && let Ok(back) = HeaderValue::from_str(&back.replace(&other, id))
                {
                    *value = back;
                }
            }
            return Ok(Answered { parts, body: Bytes::from(text) });
        }
        Err(Problem::ShownUnreadable.into())
    }

    /// Looks at a resource by its id; whether it is there and hidden.
    pub(super) async fn is_hidden(
        &self,
        reader: &Reader,
        resource_type: &str,
        id: &str,
        seen: &mut Vec<Seen>,
    ) -> Result<bool, Turned> {
        match self.standing(reader, resource_type, id, seen).await {
            // What is asked for goes on to the server, which says it again.
            Err(Turned::Answer(_)) => Ok(false),
            standing => Ok(standing? == Standing::Hidden),
        }
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
    pub(super) async fn was_hidden(
        &self,
        reader: &Reader,
        target: &str,
        seen: &mut Vec<Seen>,
    ) -> Result<bool, Turned> {
        let answered = self.get(&format!("{target}/_history")).await?;
        if !answered.parts.status.is_success() {
            return Ok(false);
        }
        let page =
            Page::read(&answered.body, &self.lane.flow.limits()).map_err(|_| Problem::ShownUnreadable)?;
        let judged: Vec<_> = page
            .entries
            .iter()
            .filter_map(|entry| entry.resource.as_deref())
            .map(|text| judge(self.lane, reader, text))
            .collect();
        let is_hidden = judged.iter().any(|one| one.is_hidden);
        seen.extend(judged.into_iter().flat_map(|one| one.seen));
        Ok(is_hidden)
    }

    /// The address of a resource on the server.
    pub(super) fn address(&self, resource_type: &str, id: &str) -> String {
        let base = self.lane.fhir.as_ref().map_or("", |reads| reads.base.trim_end_matches('/'));
        format!("{base}/{resource_type}/{id}")
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
        let base = self.lane.fhir.as_ref().map_or("", |reads| reads.base.trim_end_matches('/'));
        let mut found = BTreeMap::new();
        for (resource_type, ids) in by_type {
            for ids in ids.chunks(IDS_MAX) {
                let answered = self.get(&format!("{base}/{resource_type}?{}", query(ids))).await?;
                let page = Page::read(&answered.body, &self.lane.flow.limits());
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

/// What a resource with some id is to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may see it, or may know that it was deleted.
    Seen,
    Hidden,
    /// There is none.
    Absent,
}

/// How often another absent id is tried.
const ABSENT_MAX: u8 = 3;

/// An id that nobody has: a number for a number, else in the form of a UUID. Long, so that it can be found again.
pub(super) fn absent(id: &str, attempt: u8) -> String {
    let digest = sha256(&[b"eosin absent id", &[attempt], id.as_bytes()]);
    if id.bytes().all(|byte| byte.is_ascii_digit()) {
        let digits = digest.as_bytes().iter().take(17).map(|byte| char::from(b'0' + byte % 10));
        return std::iter::once('9').chain(digits).collect();
    }
    let mut out = String::with_capacity(36);
    for (at, digit) in digest.to_hex().chars().take(32).enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            out.push('-');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_id_is_of_the_servers_kind() {
        let other = absent("3f2504e0-4f89-11d3-9a0c-0305e82c3301", 0);
        assert_eq!((other.len(), other.matches('-').count()), (36, 4));
        assert_ne!(other, absent("3f2504e0-4f89-11d3-9a0c-0305e82c3301", 1));
        assert!(absent("17", 0).parse::<u64>().is_ok());
    }
}
