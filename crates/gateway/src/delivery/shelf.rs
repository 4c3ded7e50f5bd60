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
            match archive.expect(&self.boundary, target, &id) {
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

    /// Tells others that a file leaves, or how far it is; whether they can know.
    fn tell(&self, id: &str, told: &Told) -> bool {
        let told = self.archive.as_ref().map_or(Ok(()), |archive| archive.replicas.tell(id, told));
        told.inspect_err(|error| tracing::warn!("that a file leaves is known here alone: {error}")).is_ok()
    }

    /// Keeps that a delivery broke off. Where the disk does not take it, the file stays under way for others: they find that
    /// nobody goes on with it as soon as this gateway stops.
    fn break_off(&self, id: &str) {
        self.lock().put(id, State::Broken);
        let Some(archive) = self.archive.as_ref().filter(|_| !id.is_empty()) else { return };
        match archive.keep_broken(id, &self.boundary) {
            Ok(()) => archive.replicas.ended(id),
            Err(error) => {
                tracing::warn!("that a delivery broke off is known until the gateway stops: {error}");
            }
        }
    }

    /// Keeps what follows a delivery: from now on it can be fetched. Where the disk does not take it, it can here alone, and the
    /// file stays under way for others.
    fn close(&self, id: &str, closed: Option<Closed>) {
        let Some(closed) = closed else { return };
        let Some(archive) = self.archive.as_ref().filter(|_| !id.is_empty()) else {
            return self.lock().put(id, State::Closed(closed));
        };
        match archive.keep(id, &closed) {
            Ok(()) => {
                self.lock().put(id, State::Filed);
                archive.replicas.ended(id);
            }
            Err(error) => {
                tracing::warn!("what follows a delivery can be fetched until the gateway stops: {error}");
                self.lock().put(id, State::Closed(closed));
            }
        }
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

/// A delivery that has begun. One that is dropped before its end was told, as in a panic, broke off.
///
/// Never:  use it on an async worker: it waits for the disk.
#[derive(Debug)]
pub(super) struct Begun {
    shelf: Arc<Shelf>,
    id: String,
    /// Whether others can know of it, so that whoever gets the file may be told where to look.
    pub(super) is_known: bool,
    is_ended: bool,
}

impl Begun {
    /// Keeps that a file leaves, for others to know as well.
    pub(super) fn new(shelf: &Arc<Shelf>, id: &str, told: &Told) -> Self {
        let is_known = shelf.tell(id, told);
        shelf.lock().put(id, State::UnderWay);
        Self { shelf: Arc::clone(shelf), id: id.to_owned(), is_known, is_ended: false }
    }

    /// Tells others how far the file is.
    pub(super) fn tell(&self, told: &Told) {
        self.shelf.tell(&self.id, told);
    }

    /// Keeps what follows the delivery: from now on it can be fetched.
    pub(super) fn close(&mut self, closed: Option<Closed>) {
        self.shelf.close(&self.id, closed);
        self.is_ended = true;
    }

    /// Keeps that the delivery broke off, unless its end was told.
    pub(super) fn break_off(&mut self) {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.shelf.break_off(&self.id);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.break_off();
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
    use std::fs;

    use super::{super::archive::ArchiveConfig, *};

    fn closed() -> Closed {
        Closed { manifest: b"{\"boundary\":\"crm\"}".to_vec(), certificate: None }
    }

    fn told() -> Told {
        Told { boundary: "crm".to_owned(), client: "etl".to_owned(), ..Told::default() }
    }

    /// A gateway at this folder, whose name is this digit.
    fn gateway(folder: &std::path::Path, digit: &str) -> Arc<Shelf> {
        let config = ArchiveConfig { folder: folder.to_owned(), deliveries: 10 };
        let archive = Archive::new(&config, Some((&digit.repeat(32), "one.example/log")));
        Arc::new(Shelf::new("crm", Some(Arc::new(archive))))
    }

    #[test]
    fn a_file_is_under_way_until_what_became_of_it_is_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (gateway(folder.path(), "a"), gateway(folder.path(), "b"));
        let [broke_off, closed_here, not_told] = ["1", "2", "3"].map(|digit| digit.repeat(DELIVERY_ID_CHARS));
        let status = |shelf: &Shelf, id: &str| {
            shelf.remembered(id, "manifest").unwrap_or_else(|| shelf.filed(id, "manifest")).0.as_u16()
        };
        // What stands in a file's place is in its way, whoever writes.
        let in_the_way = |id: &str, what: &str| {
            let place = folder.path().join(format!("{id}.{what}"));
            fs::create_dir(&place).unwrap();
            place
        };
        for (id, what, here) in [(&broke_off, "broken", 410), (&closed_here, "manifest.json", 200)] {
            let mut begun = Begun::new(&one, id, &told());
            let place = in_the_way(id, what);
            if here == 200 {
                begun.close(Some(closed()));
            } else {
                begun.break_off();
            }
            fs::remove_dir(place).unwrap();
            assert_eq!((begun.is_known, status(&one, id), status(&other, id)), (true, here, 202));
        }
        in_the_way(&not_told, "under-way");
        assert!(!Begun::new(&one, &not_told, &told()).is_known);
        drop(one);
        let started = gateway(folder.path(), "c");
        for id in [&broke_off, &closed_here] {
            assert_eq!((status(&other, id), status(&started, id)), (410, 410), "nobody has what followed it");
        }
    }

    #[test]
    fn a_delivery_whose_thread_panics_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (gateway(folder.path(), "a"), gateway(folder.path(), "b"));
        let id = "1".repeat(DELIVERY_ID_CHARS);
        let begun = Begun::new(&one, &id, &told());
        assert_eq!(other.filed(&id, "manifest").0, StatusCode::ACCEPTED);
        let thread = std::thread::spawn(move || {
            let _begun = begun;
            panic!("as a bug would");
        });
        assert!(thread.join().is_err());
        assert_eq!(other.filed(&id, "manifest").0, StatusCode::GONE);
        assert_eq!(one.remembered(&id, "manifest").unwrap().0, StatusCode::GONE);
    }

    #[test]
    fn a_delivery_is_what_became_of_it() {
        let shelf = Arc::new(Shelf::default());
        let id = "0".repeat(DELIVERY_ID_CHARS);
        let status = |what: &str| shelf.remembered(&id, what).unwrap().0.as_u16();
        assert_eq!(status("manifest"), 404);
        assert_eq!(shelf.expect("/files/1", || Some(id.clone())), Some(id.clone()));
        assert_eq!(shelf.expect("/files/1", || None), Some(id.clone()));
        assert_eq!(status("manifest"), 404);
        assert_eq!(shelf.take("/files/1"), Some(id.clone()));
        assert_eq!(shelf.take("/files/1"), None);
        let told = Told::default();
        let mut begun = Begun::new(&shelf, &id, &told);
        assert_eq!(status("certificate"), 202);
        begun.break_off();
        assert_eq!(status("manifest"), 410);
        begun.close(Some(closed()));
        drop(begun);
        assert_eq!((status("manifest"), status("certificate")), (200, 404));
        for number in 0..=REMEMBERED_MAX {
            Begun::new(&shelf, &format!("{number:032}"), &told);
        }
        assert_eq!(shelf.lock().by_id.len(), REMEMBERED_MAX);
        assert_eq!(status("manifest"), 404);
    }
}
