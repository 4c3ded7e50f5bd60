//! Files on their way to a client: a thread filters each as it streams; its manifest and certificate can be fetched behind it.
//!
//! Source: spec/deliveries.md.

use std::{
    cell::RefCell,
    io::{self, BufRead, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use carrier::{
    fhir::{Followed, whole_lines},
    salesforce::{Job, ResultRows, ResultsIn},
    table::{Chunks, sniff},
};
use flow::{Delivered, FileDelivery, Flow, NotRecorded, Reader, Ruled, Withheld};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    body::{Body, Broken},
    config::{BoundaryConfig, Reads},
    head::forget_whole,
    problem::Problem,
    server::Lane,
};

pub(crate) use archive::Archive;
pub use archive::ArchiveConfig;
pub(crate) use archived::Tables;
use counted::Counting;
pub(crate) use counted::NUMBER;
pub(crate) use saved::Saved;
use shelf::Begun;
pub(crate) use shelf::{Shelf, asked};
pub(crate) use under_way::UnderWay;
use under_way::{Leaving, Told};

mod archive;
mod archived;
mod counted;
mod replicas;
mod saved;
mod shelf;
mod under_way;

/// Lines are judged, recorded and sent in pieces of about this size.
const PIECE_BYTES: usize = 512 * 1024;
/// Pieces that wait for a slow client.
const PIECES: usize = 4;
/// Frames that wait to be filtered; hyper's are at most some hundred kilobytes.
const FRAMES: usize = 8;
/// Files that one boundary delivers at one time, each on a thread of its own.
const DELIVERIES_MAX: usize = 64;

/// What one boundary delivers.
#[derive(Debug)]
pub(crate) struct Deliveries {
    pub(crate) shelf: Arc<Shelf>,
    room: Arc<Semaphore>,
    told: Withheld,
    under_way: Arc<UnderWay>,
}

impl Deliveries {
    pub(crate) fn of(
        config: &BoundaryConfig,
        archive: Option<&Arc<Archive>>,
        under_way: &Arc<UnderWay>,
    ) -> Self {
        let told = match &config.reads {
            Reads::Isolated(reads) if reads.tells_withheld => Withheld::Told,
            Reads::Isolated(_) | Reads::Open => Withheld::InLedger,
        };
        let shelf = Arc::new(Shelf::new(&config.boundary.name, archive.map(Arc::clone)));
        let under_way = Arc::clone(under_way);
        Self { shelf, room: Arc::new(Semaphore::new(DELIVERIES_MAX)), told, under_way }
    }
}

impl Deliveries {
    /// Where what follows a file will be, told before anybody asks for the file.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(crate) fn followed(&self, target: &str, flow: &Flow) -> Option<Followed> {
        let id = self.shelf.expect(target, || flow.delivery_id())?;
        Some(Followed {
            certificate: shelf::path(&id, "certificate"),
            manifest: shelf::path(&id, "manifest"),
        })
    }
}

/// How a file's records stand in it.
#[derive(Clone, Debug)]
pub(crate) enum Records {
    /// FHIR resources, one a line.
    Lines,
    /// Rows of this object, as a table with this between cells.
    Rows(String, u8),
    /// Rows of this object, in JSON or XML.
    Results(ResultsIn, String),
    /// A zip of tables, and of what cannot be judged.
    Archive(Tables),
    /// Rows of a report, known by the ids in them.
    Report(Box<Saved>),
}

/// A file, filtered as it comes.
///
/// Each piece is recorded before it leaves. A file that cannot be read or recorded to its end is cut off, which clients
/// notice, and then there is no certificate.
///
/// Shape:  `headers` are those of the answer: they say where manifest and certificate will be. Nothing is `incoming` where
///         `records` hold all of it.
/// Bounds: for each file `PIECES` pieces that wait, 8 MiB of a page of which the head tells how many rows it has, two pieces that
///         are judged, and one record of at most `body_bytes`; at most `DELIVERIES_MAX` files at one time.
/// Errors: [`Problem::Busy`].
pub(crate) async fn piped(
    lane: &Lane,
    reader: Reader,
    file: Delivered,
    records: Records,
    headers: &mut HeaderMap,
    target: &str,
    incoming: Option<Incoming>,
) -> Result<Body, Problem> {
    let permit = Arc::clone(&lane.deliveries.room).try_acquire_owned().map_err(|_| Problem::Busy)?;
    forget_whole(headers);
    let told = Told {
        boundary: lane.boundary.name.clone(),
        client: reader.client.clone(),
        route: file.route.to_owned(),
        since: lane.flow.seconds(),
        bytes: 0,
    };
    let leaving = lane.deliveries.under_way.begin(told.clone());
    let (flow, shelf, target) =
        (Arc::clone(&lane.flow), Arc::clone(&lane.deliveries.shelf), target.to_owned());
    let begun = spawn_blocking(move || {
        let id = shelf.take(&target).or_else(|| flow.delivery_id()).unwrap_or_default();
        let delivery = flow.begin_delivery(reader, id, file);
        // Before anybody is told where to look.
        let begun = Begun::new(&shelf, delivery.id(), &told);
        (delivery, begun)
    });
    let (delivery, begun) = begun.await.map_err(|_| Problem::Internal)?;
    if begun.is_known {
        announce(headers, delivery.id());
    }
    let (frames, received) = mpsc::channel(FRAMES);
    let (out, pieces) = mpsc::channel(PIECES);
    if let Some(incoming) = incoming {
        tokio::spawn(pump(incoming, frames, lane.timeouts.upstream));
    }
    let (counting, number) = Counting::of(headers);
    let worker = Worker {
        counting: RefCell::new(counting),
        flow: Arc::clone(&lane.flow),
        told: lane.deliveries.told,
        line_bytes_max: lane.limits.body_bytes,
        outlet: Outlet { begun, out },
        leaving,
        handle: Handle::current(),
        _permit: permit,
        _under_way: lane.under_way.clone(),
    };
    let received = Received { frames: received, at_hand: Bytes::new(), is_over: false };
    spawn_blocking(move || worker.run(delivery, records, received));
    counted::tell(headers, number).await;
    Ok(Body::piped(pieces))
}

/// Says where the manifest and the certificate will be.
fn announce(headers: &mut HeaderMap, id: &str) {
    if id.is_empty() {
        return;
    }
    for (what, kind) in shelf::KINDS {
        let place = shelf::path(id, what);
        let link = format!("<{place}>; rel=\"https://eosin.example/rel/{what}\"; type=\"{kind}\"");
        if let Ok(value) = HeaderValue::try_from(link) {
            headers.append(header::LINK, value);
        }
    }
}

/// Hands over what the upstream sends, with a bound on its silence.
async fn pump(
    mut incoming: Incoming,
    frames: mpsc::Sender<Result<Bytes, Broken>>,
    silence: std::time::Duration,
) {
    loop {
        let given = match timeout(silence, incoming.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
            Ok(Some(Err(error))) => Err(Broken::Off(error)),
            Err(_) => Err(Broken::Silent),
        };
        let is_broken = given.is_err();
        if frames.send(given).await.is_err() || is_broken {
            return;
        }
    }
}

/// What the upstream sent, for a thread that may wait.
struct Received {
    frames: mpsc::Receiver<Result<Bytes, Broken>>,
    at_hand: Bytes,
    is_over: bool,
}

impl Received {
    /// Whether reading on would wait.
    fn would_wait(&self) -> bool {
        self.at_hand.is_empty() && self.frames.is_empty() && !self.is_over
    }
}

impl BufRead for Received {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at_hand.is_empty() && !self.is_over {
            match self.frames.blocking_recv() {
                Some(Ok(bytes)) => self.at_hand = bytes,
                Some(Err(broken)) => return Err(io::Error::other(broken)),
                None => self.is_over = true,
            }
        }
        Ok(&self.at_hand)
    }

    fn consume(&mut self, amount: usize) {
        self.at_hand.advance(amount.min(self.at_hand.len()));
    }
}

impl Read for Received {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), ready.get(..length)) {
            to.copy_from_slice(from);
        }
        self.consume(length);
        Ok(length)
    }
}

/// What filters one file.
struct Worker {
    flow: Arc<Flow>,
    told: Withheld,
    line_bytes_max: usize,
    counting: RefCell<Counting>,
    outlet: Outlet,
    leaving: Leaving,
    handle: Handle,
    _permit: OwnedSemaphorePermit,
    _under_way: mpsc::Sender<()>,
}

/// Where a file leaves. Of one that panics the client is told: without a word it would seem to be whole.
///
/// Never:  drop it in a panic on an async worker: it waits for the client.
struct Outlet {
    begun: Begun,
    out: mpsc::Sender<Result<Bytes, Broken>>,
}

impl Outlet {
    /// The file ends here. Whoever still reads sees that it is not whole.
    fn break_off(&mut self) {
        self.begun.break_off();
        drop(self.out.blocking_send(Err(Broken::Filtered)));
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.break_off();
        }
    }
}

/// Why a file was not delivered to its end.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("it did not arrive whole")]
    Arrived(#[from] io::Error),
    #[error("it ended in the middle of a line")]
    InLine,
    #[error("a table in it begins in two ways")]
    Header,
    #[error("a record in it is longer than is held")]
    TooLong,
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error("a row of it does not say whose it is")]
    Unlinked,
    #[error("the rows that it shows could not be looked up")]
    Looked,
    #[error("whoever asked for it went away")]
    Gone,
    #[error(transparent)]
    NotClosed(#[from] flow::NotClosed),
    #[error(transparent)]
    NotPacked(#[from] carrier::archive::WriteFault),
}

impl Worker {
    fn run(mut self, mut delivery: FileDelivery, records: Records, received: Received) {
        let done = match records {
            Records::Lines => self.lines(&mut delivery, received),
            Records::Rows(object, delimiter) => self.rows(&mut delivery, object, delimiter, received),
            Records::Results(form, object) => self.results(&mut delivery, form, &object, received),
            Records::Archive(tables) => self.archive(&mut delivery, &tables, received),
            Records::Report(saved) => self.saved(&mut delivery, &saved, received),
        };
        let done = done.and_then(|()| {
            let last = self.counting.borrow_mut().end(delivery.records_shown());
            last.into_iter().try_for_each(|piece| self.part_with(piece))
        });
        match done.and_then(|()| self.close(delivery)) {
            Ok(closed) => self.outlet.begun.close(closed),
            Err(cut) => {
                tracing::warn!("a file was cut off: {cut}");
                self.outlet.break_off();
            }
        }
    }

    /// Certifies what has left, all of it.
    fn close(&self, delivery: FileDelivery) -> Result<Option<flow::Closed>, Cut> {
        // All places are free once the last piece was taken.
        let drained = self.handle.block_on(self.outlet.out.reserve_many(PIECES));
        drop(drained.map_err(|_| Cut::Gone)?);
        if delivery.id().is_empty() {
            return Ok(None);
        }
        Ok(Some(self.flow.close_delivery(delivery, self.told)?))
    }

    fn lines(&self, delivery: &mut FileDelivery, mut received: Received) -> Result<(), Cut> {
        let mut pending: Vec<u8> = Vec::with_capacity(2 * PIECE_BYTES);
        let mut before = None;
        loop {
            let is_over = loop {
                let more = received.fill_buf()?;
                if more.is_empty() {
                    break true;
                }
                let length = more.len();
                pending.extend_from_slice(more);
                received.consume(length);
                if pending.len() >= PIECE_BYTES {
                    break false;
                }
            };
            if is_over {
                // Not every way in which an answer ends says whether that was its end.
                if !ends_whole(&pending) {
                    return Err(Cut::InLine);
                }
                pending.push(b'\n');
            }
            let rest = pending.split_off(whole_lines(&pending));
            let ruled = self.flow.rule_lines(delivery, &pending)?;
            if rest.len() > self.line_bytes_max {
                return Err(Cut::TooLong);
            }
            pending = rest;
            // While this piece's ruling is written, the next one is judged.
            self.send(before.replace(ruled))?;
            if is_over || received.would_wait() {
                self.send(before.take())?;
            }
            if is_over {
                return Ok(());
            }
        }
    }

    fn rows(
        &self,
        delivery: &mut FileDelivery,
        object: String,
        delimiter: u8,
        received: Received,
    ) -> Result<(), Cut> {
        let job = Job::of_rows(object, delimiter);
        let mut chunks = Chunks::of_rows(received, &job, self.flow.limits());
        let mut before = None;
        let mut is_first = true;
        while let Some(chunk) = chunks.next_chunk()? {
            // Other delimiters a certificate says itself.
            if std::mem::take(&mut is_first)
                && delimiter == b','
                && let Some(header) = chunk.header()
                && let Ok(format) = sniff(header, "rows.csv", Some(&job.object))
            {
                // As whoever verifies the file will read it.
                delivery.reads_as(&format);
            }
            let ruled = self.flow.rule_rows(delivery, &chunk)?;
            self.send(before.replace(ruled))?;
        }
        self.send(before)
    }

    fn results(
        &self,
        delivery: &mut FileDelivery,
        form: ResultsIn,
        object: &str,
        received: Received,
    ) -> Result<(), Cut> {
        let mut rows = ResultRows::new(received, form, object, self.flow.limits());
        let (mut before, mut has_rows) = (None, false);
        while let Some(chunk) = rows.next_chunk()? {
            let ruled = self.flow.rule_results(delivery, &chunk, &mut has_rows)?;
            self.send(before.replace(ruled))?;
        }
        self.send(before)
    }

    /// Sends a piece as soon as it may leave.
    fn send(&self, ruled: Option<Ruled>) -> Result<(), Cut> {
        let Some(ruled) = ruled else { return Ok(()) };
        let kept = self.flow.recorded(ruled)?;
        if kept.is_empty() {
            return Ok(());
        }
        self.give(kept)
    }

    /// Lets bytes leave that may, once the head was told what it says of them.
    fn give(&self, bytes: Vec<u8>) -> Result<(), Cut> {
        let leaving = self.counting.borrow_mut().hold(bytes);
        leaving.into_iter().try_for_each(|piece| self.part_with(piece))
    }

    /// Hands bytes to the client's connection.
    fn part_with(&self, bytes: Vec<u8>) -> Result<(), Cut> {
        let length = bytes.len();
        self.outlet.out.blocking_send(Ok(Bytes::from(bytes))).map_err(|_| Cut::Gone)?;
        if let Some(told) = self.leaving.left(length, self.flow.seconds()) {
            self.outlet.begun.tell(&told);
        }
        Ok(())
    }
}

/// Whether lines end with a whole one: the last may lack its line end, if it is JSON.
fn ends_whole(lines: &[u8]) -> bool {
    let last = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    last.is_empty() || serde_json::from_slice::<&serde_json::value::RawValue>(last).is_ok()
}

/// A file's name by what it was asked for: plain characters only, with this ending.
pub(crate) fn name_of(target: &str, ending: &str) -> String {
    let path = target.split(['?', '#']).next().unwrap_or(target);
    let last = path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or("file");
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = last.chars().take(NAME_CHARS_MAX).map(plain).collect();
    if name.to_ascii_lowercase().ends_with(ending) { name } else { format!("{name}{ending}") }
}

const NAME_CHARS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_whose_thread_panics_does_not_seem_to_be_whole() {
        let shelf = Arc::new(Shelf::default());
        let begun = Begun::new(&shelf, &"1".repeat(flow::DELIVERY_ID_CHARS), &Told::default());
        let (out, mut pieces) = mpsc::channel(PIECES);
        let outlet = Outlet { begun, out };
        let thread = std::thread::spawn(move || {
            let _outlet = outlet;
            panic!("as a bug would");
        });
        assert!(thread.join().is_err());
        assert!(matches!(pieces.blocking_recv(), Some(Err(Broken::Filtered))));
        assert!(pieces.blocking_recv().is_none());
    }

    #[test]
    fn a_line_that_is_cut_is_no_last_line() {
        for (lines, want) in [
            ("", true),
            ("{}\n", true),
            ("{}\n{\"a\":1}", true),
            ("{}\r\n \r\n", true),
            ("{}\n{\"a\":", false),
            ("{\"a\":\"b", false),
            ("\u{1f}\u{8b}", false),
        ] {
            assert_eq!(ends_whole(lines.as_bytes()), want, "{lines:?}");
        }
    }

    #[test]
    fn a_file_has_a_plain_name() {
        for (target, want) in [
            ("/files/1.ndjson", "1.ndjson"),
            ("/files/1.NDJSON?x=y", "1.NDJSON"),
            ("/files/a%20b/", "a_20b.ndjson"),
            ("/", "file.ndjson"),
        ] {
            assert_eq!(name_of(target, ".ndjson"), want);
        }
    }
}
