//! The life of a read where reads are isolated: prepare, ask, read the answer, judge, record, show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use carrier::salesforce::{Look, RecordId, Renamed, Stripped, Telling};
use flow::{Reader, Seen, Unavailable};
use http::{HeaderMap, HeaderValue, Method, Response, header};
use hyper::body::Incoming;

use crate::{
    body::{Body, Collected, Trailers},
    head::{Head, PROVENANCE},
    isolation::RowsOf,
    problem::{Problem, respond_made},
    request::cleaned,
    server::Lane,
};

use data_export::data_export;
use list_view::list_view;
use org::{Asker, Org};
use prepare::prepare;
pub(crate) use report_file::Looks;
use sent::sent;
use show::show;
use totals::totals;
use window::Window;

mod bare;
mod data_export;
mod document;
mod excerpt;
mod foreign;
mod list_view;
mod look_up;
mod named_row;
mod org;
mod parameters;
mod prepare;
mod report;
mod report_file;
mod sent;
mod show;
mod statement;
mod telling;
mod through;
mod totals;
mod window;

/// Pages that are read of one query whose rows are only counted on.
const PAGES_MAX: usize = 20;

/// How a read ended before it was shown.
#[derive(Debug)]
pub(crate) enum Turned {
    /// Something went wrong here.
    Problem(Problem),
    /// There is an answer already.
    Answer(Box<Response<Body>>),
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Unavailable> for Turned {
    fn from(unavailable: Unavailable) -> Self {
        let mut response = respond_made(unavailable.answer);
        let seconds = HeaderValue::from(unavailable.retry_after_seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        Self::Answer(Box::new(response))
    }
}

impl Turned {
    /// What the client gets.
    pub(crate) fn told(self) -> Result<Response<Body>, Problem> {
        match self {
            Self::Problem(problem) => Err(problem),
            Self::Answer(response) => Ok(*response),
        }
    }
}

/// A request that may be sent, and what has to be known to read its answer.
#[derive(Debug)]
pub(crate) struct Prepared {
    look: Look,
    /// Ids of hidden rows, and the absent ones that were sent in their places.
    renamed: Renamed,
    looked: LookedUp,
    /// What the rows of a bulk query are, where they can be read as they stream.
    rows_of: Option<RowsOf>,
    /// What was asked for.
    target: String,
    stripped: Stripped,
    telling: Telling,
    /// What the client asked for of a list that was asked for whole.
    window: Option<Window>,
    /// Whether the request asks for rows, or names some: then there is a ruling, whatever they turn out to be. The
    /// number of rulings would tell otherwise.
    asks: bool,
    worded: Worded,
    /// Whether the answer is a SOAP envelope with rows, or with nil in their places.
    is_soap: bool,
    /// Whether it carries bulk rows: its answer shows none.
    is_bulk: bool,
    /// What batch of a Bulk v1 job it is, if it is one: its id is in the answer.
    batch: Option<Batch>,
    /// Who asks, if the answer leads to further questions.
    pub(crate) asker: Asker,
}

/// How the org is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worded {
    /// As the client asks.
    AsSent,
    /// Otherwise: what the org quotes then is not the client's.
    Otherwise,
}

/// What a batch of a Bulk v1 job holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Batch {
    Rows,
    /// A statement that was rewritten.
    Query,
}

/// What rows the ids of a request are.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    seen: Vec<Seen>,
    hidden: BTreeSet<RecordId>,
    shown: BTreeSet<RecordId>,
    /// Where in `seen` each row stands that could carry a mark.
    by_id: BTreeMap<RecordId, usize>,
    /// How many rows were followed one after the other to get here.
    steps: usize,
}

/// Answers a read. Runs to its end whether or not anybody waits.
pub(crate) async fn read(
    lane: Arc<Lane>,
    reader: Reader,
    look: Look,
    head: Head,
    collected: Collected,
) -> Result<Response<Body>, Problem> {
    let _under_way = lane.under_way.clone();
    let read = live(&lane, &reader, look, head, collected).await;
    read.or_else(Turned::told)
}

async fn live(
    lane: &Arc<Lane>,
    reader: &Reader,
    look: Look,
    head: Head,
    collected: Collected,
) -> Result<Response<Body>, Turned> {
    let Collected { received, rest, _held, .. } = collected;
    if rest.is_some() {
        return Err(Problem::Request("the body of a read is longer than the gateway holds").into());
    }
    // What was refused is put back there, whatever the org has.
    if look == Look::SentRows {
        return sent(lane, reader, head).await;
    }
    if look == Look::DataExport {
        return data_export(lane, reader, head).await;
    }
    let org = Org::new(lane, reader, &head)?;
    if bare::is_still_bare(&org).await {
        return bare::ask(lane, reader, &look, head, received).await;
    }
    let (as_sent, body) = (head.clone(), received.clone());
    match isolated(lane, reader, look.clone(), head, received).await {
        Err(turned) if bare::is_about_fields(&turned) && bare::is_bare(&org).await => {
            bare::ask(lane, reader, &look, as_sent, body).await
        }
        read => read,
    }
}

async fn isolated(
    lane: &Arc<Lane>,
    reader: &Reader,
    look: Look,
    mut head: Head,
    received: Bytes,
) -> Result<Response<Body>, Turned> {
    if look == Look::Totals {
        return totals(lane, reader, &head).await;
    }
    if look == Look::Report {
        return report::report(lane, reader, &head, received).await;
    }
    if look == Look::ReportFile {
        return report_file::report_file(lane, reader, head).await;
    }
    if look == Look::ListView {
        return list_view(lane, reader, &head).await;
    }
    let (prepared, body) = prepare(lane, reader, look, &mut head, received).await?;
    let addresses = lane.addresses(&head);
    let is_head = head.method == Method::HEAD;
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(body)).await;
    let answer = cleaned(sent?, &addresses)?;
    show(lane, reader, prepared, answer, is_head).await
}

/// A write at a boundary whose reads are isolated, on its way.
#[derive(Debug)]
pub(crate) struct Guard {
    reader: Reader,
    /// Nothing where the org has no fields that could mark a row: it is sent as it came.
    prepared: Option<Prepared>,
}

impl Guard {
    /// Whether the answer has to be read: it may show rows, or name them in its errors, or the batch whose results are asked
    /// for later. What makes a job shows none.
    pub(crate) fn reads_answer(&self, leads_on: bool) -> bool {
        self.prepared.as_ref().is_some_and(|prepared| {
            prepared.is_soap || prepared.batch.is_some() || !(leads_on || prepared.is_bulk)
        })
    }
}

/// Looks at what a write names before it is sent: a row that its client may not see is not there for it either.
///
/// Shape:  the head and the body that will be sent are changed where they must be.
pub(crate) async fn guard(
    lane: &Lane,
    reader: Reader,
    head: &mut Head,
    received: &mut Bytes,
    replaced: &mut Option<Bytes>,
) -> Result<Guard, Turned> {
    let org = Org::new(lane, &reader, head)?;
    if bare::is_still_bare(&org).await {
        return Ok(Guard { reader, prepared: None });
    }
    let as_sent = head.clone();
    let prepared = match replaced {
        None => prepare(lane, &reader, Look::Mixed, head, received.clone()).await.map(|(prepared, after)| {
            *received = after;
            prepared
        }),
        Some(body) => {
            // What was withheld from is decoded already.
            let coding = head.headers.remove(header::CONTENT_ENCODING);
            let prepared = prepare(lane, &reader, Look::Mixed, head, body.clone()).await;
            if let Some(coding) = coding {
                head.headers.insert(header::CONTENT_ENCODING, coding);
            }
            prepared.map(|(prepared, after)| {
                *body = after;
                prepared
            })
        }
    };
    let prepared = match prepared {
        Ok(prepared) => Some(prepared),
        Err(turned) if bare::is_about_fields(&turned) && bare::is_bare(&org).await => {
            *head = as_sent;
            None
        }
        Err(turned) => return Err(turned),
    };
    drop(org);
    Ok(Guard { reader, prepared })
}

/// Reads the answer to a write: it may show rows, and name them in its errors.
pub(crate) async fn guarded(
    lane: &Lane,
    guard: Guard,
    answer: Response<Incoming>,
) -> Result<Response<Body>, Turned> {
    let Some(prepared) = guard.prepared else {
        return Ok(answer.map(|body| Body::relay(body, lane.timeouts.upstream, Trailers::Keep)));
    };
    show(lane, &guard.reader, prepared, answer, false).await
}

/// The ruling on an answer, durable; its provenance goes with the answer.
async fn recorded(
    lane: &Lane,
    reader: &Reader,
    look: &Look,
    seen: Vec<Seen>,
    headers: &mut HeaderMap,
) -> Result<(), Turned> {
    let shown = lane.flow.show(reader, look.label(), seen).await?;
    // A write's answer has the provenance of its own ruling.
    if *look != Look::Mixed
        && let Ok(value) = HeaderValue::from_str(&shown.provenance)
    {
        headers.insert(PROVENANCE, value);
    }
    Ok(())
}

/// Whether an org's error is about our own fields: the client did not ask for them.
fn names_our_fields(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    text.contains("invalid_field")
        && (text.contains("eosin_synthetic__c")
            || text.contains("eosin_subject__c")
            || text.contains("eosin_mark__c"))
}
