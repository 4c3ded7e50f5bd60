//! Manifests and certificates of files that were delivered, for whoever has their address.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use flow::{Closed, DELIVERY_ID_CHARS};
use http::{HeaderValue, Method, Response, StatusCode, header};
use tokio::task::spawn_blocking;

use super::{
    archive::{Archive, Filed},
    replicas::Open,
    under_way::Told,
};
use crate::{body::Body, head::Head, server::Lane};

/// What can be fetched of a delivery, and its media type.
pub(super) const KINDS: [(&str, &str); 2] =
    [("manifest", "application/json"), ("certificate", "application/vnd.dsse.envelope.v1+json")];

/// What no upstream is asked for.
const PREFIX: &str = "/.eosin/deliveries/";

/// Where something of a delivery is.
pub(super) fn path(id: &str, what: &str) -> String {
    format!("{PREFIX}{id}/{what}")
}

/// What is known of the deliveries across one boundary; the oldest are forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    boundary: String,
    known: Mutex<Known>,
    /// Where what follows them outlives this gateway.
    archive: Option<Arc<Archive>>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<String, State>,
    order: VecDeque<String>,
    /// Ids that were told before the file was asked for, by its address.
    expected: BTreeMap<String, String>,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked for the file yet.
    Expected,
    UnderWay,
    /// It broke off: there will be nothing.
    Broken,
    Closed(Closed),
    /// It is in the archive.
    Filed,
}

/// How many deliveries are remembered: some 8 kilobytes each where there is no archive.
const REMEMBERED_MAX: usize = 4096;

impl Shelf {
    pub(super) fn new(boundary: &str, archive: Option<Arc<Archive>>) -> Self {
        Self { boundary: boundary.to_owned(), known: Mutex::default(), archive }
    }

    /// The id of the next delivery of this file, known before anybody asks for it. Gateways that share a folder tell the same.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn expect(&self, target: &str, fresh: impl FnOnce() -> Option<String>) -> Option<String> {
        if let Some(id) = self.lock().expected.get(target) {
            return Some(id.clone());
        }
        let id = fresh()?;
        if let Some(archive) = &self.archive {
            match archive.replicas.expect(&self.boundary, target, &id) {
                Ok(id) => return Some(id),
                Err(error) => tracing::warn!("where a file's manifest will be is known here alone: {error}"),
            }
        }
        let mut known = self.lock();
        known.put(&id, State::Expected);
        known.expected.insert(target.to_owned(), id.clone());
        Some(id)
    }

    /// Takes the id that was told of this file, here or at a gateway that shares the folder, if nobody has.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn take(&self, target: &str) -> Option<String> {
        if let Some(id) = self.lock().expected.remove(target) {
            return Some(id);
        }
        self.archive.as_ref()?.replicas.take(&self.boundary, target)
    }

    /// Keeps that a file leaves, for others to know as well.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn begin(&self, id: &str, told: &Told) {
        self.tell(id, told);
        self.lock().put(id, State::UnderWay);
    }

    /// Tells others how far a file is.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn tell(&self, id: &str, told: &Told) {
        if let Some(archive) = &self.archive
            && let Err(error) = archive.replicas.tell(id, told)
        {
            tracing::warn!("that a file leaves is known here alone: {error}");
        }
    }

    /// What became of a delivery is told: it is not under way any more.
    fn ended(&self, id: &str, state: State) {
        self.lock().put(id, state);
        if let Some(archive) = &self.archive {
            archive.replicas.ended(id);
        }
    }

    /// Keeps that a delivery broke off.
    pub(super) fn break_off(&self, id: &str) {
        if let Some(archive) = self.archive.as_ref().filter(|_| !id.is_empty())
            && let Err(error) = archive.keep_broken(id, &self.boundary)
        {
            tracing::warn!("that a delivery broke off is known until the gateway stops: {error}");
        }
        self.ended(id, State::Broken);
    }

    /// Keeps what follows a delivery: from now on it can be fetched.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn close(&self, id: &str, closed: Option<Closed>) {
        let Some(closed) = closed else { return };
        let kept = self.archive.as_ref().filter(|_| !id.is_empty()).map(|archive| archive.keep(id, &closed));
        let state = match kept {
            Some(Ok(())) => State::Filed,
            Some(Err(error)) => {
                tracing::warn!("what follows a delivery can be fetched until the gateway stops: {error}");
                State::Closed(closed)
            }
            None => State::Closed(closed),
        };
        self.ended(id, state);
    }

    /// Status and body for what is asked for of a delivery, as far as memory goes; nothing if the archive has it, if anybody.
    fn remembered(&self, id: &str, what: &str) -> Option<(StatusCode, Bytes)> {
        match self.lock().by_id.get(id) {
            None if self.archive.is_none() => Some(told(StatusCode::NOT_FOUND, UNKNOWN)),
            None | Some(State::Filed) => None,
            Some(State::Expected) => Some(told(StatusCode::NOT_FOUND, EXPECTED)),
            Some(State::UnderWay) => Some(told(StatusCode::ACCEPTED, UNDER_WAY)),
            Some(State::Broken) => Some(told(StatusCode::GONE, BROKEN)),
            Some(State::Closed(closed)) => Some(fetched(closed, what)),
        }
    }

    /// The same of what is in the archive.
    fn filed(&self, id: &str, what: &str) -> (StatusCode, Bytes) {
        let found: io::Result<Option<Filed>> =
            self.archive.as_ref().map_or(Ok(None), |archive| archive.find(id, &self.boundary));
        match found {
            Ok(Some(Filed::Closed(closed))) => fetched(&closed, what),
            Ok(Some(Filed::Broken)) => told(StatusCode::GONE, BROKEN),
            Ok(Some(Filed::Open(Open::Expected))) => told(StatusCode::NOT_FOUND, EXPECTED),
            Ok(Some(Filed::Open(Open::UnderWay))) => told(StatusCode::ACCEPTED, UNDER_WAY),
            Ok(Some(Filed::Open(Open::Stopped))) => told(StatusCode::GONE, STOPPED),
            Ok(None) => told(StatusCode::NOT_FOUND, UNKNOWN),
            Err(error) => {
                tracing::warn!("what follows a delivery cannot be read: {error}");
                told(StatusCode::SERVICE_UNAVAILABLE, UNREAD)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, id: &str, state: State) {
        if id.is_empty() {
            return;
        }
        if self.by_id.insert(id.to_owned(), state).is_none() {
            self.order.push_back(id.to_owned());
        }
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
                self.expected.retain(|_, id| *id != oldest);
            }
        }
    }
}

fn told(status: StatusCode, text: &'static str) -> (StatusCode, Bytes) {
    (status, Bytes::from_static(text.as_bytes()))
}

fn fetched(closed: &Closed, what: &str) -> (StatusCode, Bytes) {
    match (what, &closed.certificate) {
        ("manifest", _) => (StatusCode::OK, Bytes::from(closed.manifest.clone())),
        (_, Some(certificate)) => (StatusCode::OK, Bytes::from(certificate.clone())),
        (_, None) => told(StatusCode::NOT_FOUND, REFUSED),
    }
}

const UNREAD: &str = "{\"error\":\"it cannot be read at the moment; try again\"}\n";
const UNKNOWN: &str = "{\"error\":\"no delivery of this id is known here\"}\n";
const EXPECTED: &str = "{\"error\":\"nobody has fetched the file yet\"}\n";
const UNDER_WAY: &str = "{\"state\":\"the file is under way\"}\n";
const BROKEN: &str = "{\"error\":\"the file broke off; fetch it again\"}\n";
const STOPPED: &str =
    "{\"error\":\"the gateway that the file left stopped before its end; fetch the file again\"}\n";
const REFUSED: &str = "{\"error\":\"there is no certificate; the manifest says why\"}\n";

/// The answer to a request for something of a delivery; nothing if it is for the upstream.
///
/// Whoever has the address may fetch it: an id is 128 random bits, told to whoever got the file.
///
/// Source: spec/deliveries.md section 2.
pub(crate) async fn asked(lane: &Lane, head: &Head) -> Option<Response<Body>> {
    let path = head.target.split('?').next().unwrap_or(&head.target);
    let rest = path.strip_prefix(PREFIX)?;
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    let known = rest.split_once('/').filter(|(id, _)| id.len() == DELIVERY_ID_CHARS);
    let kind = known.and_then(|(_, what)| KINDS.iter().find(|(known, _)| *known == what));
    let (status, body) = match (known, kind) {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
        (Some((id, what)), Some(_)) => find(&lane.deliveries.shelf, id, what).await,
        _ => (StatusCode::NOT_FOUND, Bytes::from_static(UNKNOWN.as_bytes())),
    };
    let mut response =
        Response::new(Body::from(if head.method == Method::HEAD { Bytes::new() } else { body }));
    *response.status_mut() = status;
    let kind = kind.filter(|_| status == StatusCode::OK).map_or("application/json", |(_, kind)| kind);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    Some(response)
}

async fn find(shelf: &Arc<Shelf>, id: &str, what: &str) -> (StatusCode, Bytes) {
    if let Some(remembered) = shelf.remembered(id, what) {
        return remembered;
    }
    let (shelf, id, what) = (Arc::clone(shelf), id.to_owned(), what.to_owned());
    let read = spawn_blocking(move || shelf.filed(&id, &what)).await;
    read.unwrap_or_else(|_| told(StatusCode::SERVICE_UNAVAILABLE, UNREAD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_what_became_of_it() {
        let shelf = Shelf::default();
        let id = "0".repeat(DELIVERY_ID_CHARS);
        let status = |what: &str| shelf.remembered(&id, what).unwrap().0.as_u16();
        assert_eq!(status("manifest"), 404);
        assert_eq!(shelf.expect("/files/1", || Some(id.clone())), Some(id.clone()));
        assert_eq!(shelf.expect("/files/1", || None), Some(id.clone()));
        assert_eq!(status("manifest"), 404);
        assert_eq!(shelf.take("/files/1"), Some(id.clone()));
        assert_eq!(shelf.take("/files/1"), None);
        let told = Told::default();
        shelf.begin(&id, &told);
        assert_eq!(status("certificate"), 202);
        shelf.break_off(&id);
        assert_eq!(status("manifest"), 410);
        shelf.close(&id, Some(Closed { manifest: b"{}".to_vec(), certificate: None }));
        assert_eq!((status("manifest"), status("certificate")), (200, 404));
        for number in 0..=REMEMBERED_MAX {
            shelf.begin(&format!("{number:032}"), &told);
        }
        assert_eq!(shelf.lock().by_id.len(), REMEMBERED_MAX);
        assert_eq!(status("manifest"), 404);
    }
}
