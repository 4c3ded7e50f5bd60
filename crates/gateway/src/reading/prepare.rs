//! What a request asks, rewritten so that the org answers as if the hidden rows were not there.

use bytes::Bytes;
use carrier::salesforce::{
    self, Envelope, Gap, Look, RecordId, Renamed, ShownRows, SoapSession, Stripped, Telling,
};
use flow::Reader;
use http::{HeaderValue, header};

use super::{
    Batch, LookedUp, Prepared, Turned, Window, Worded, document, foreign, look_up::Said, org::Org,
    parameters, statement,
};
use crate::{
    coding::{coding, decode},
    head::{Head, forget_coded_body},
    problem::{Problem, Spoken},
    request::content_type,
    server::Lane,
};

/// Rewrites what a request asks, so that the org answers as if the hidden rows were not there.
///
/// Statements exclude them. Ids that lead to them are sent as ids that nobody has, so that the org's own answer about
/// an absent row comes back: same status, same words, same time.
pub(crate) async fn prepare(
    lane: &Lane,
    reader: &Reader,
    look: Look,
    head: &mut Head,
    received: Bytes,
) -> Result<(Prepared, Bytes), Turned> {
    let mut org = Org::new(lane, reader, head)?;
    let body = decode(coding(&head.headers), &received, &lane.limits)
        .map_err(|_| Problem::Request("the body of a read cannot be decoded"))?;
    let envelope = Envelope::read(&head.target, &body);
    match envelope.as_ref().map(|envelope| &envelope.session) {
        Some(SoapSession::One(session)) => org.asks_in(session),
        Some(SoapSession::Unclear) => return Err(Problem::Request(SESSIONS).into()),
        Some(SoapSession::None) | None => {}
    }
    parameters::allowed(&look, &head.target)?;
    let mut prepared = Prepared {
        renamed: Renamed::new(),
        looked: LookedUp::default(),
        rows_of: None,
        target: head.target.clone(),
        stripped: Stripped::default(),
        telling: Telling::Rows,
        window: Window::widen(&look, head)?,
        asks: look != Look::Mixed,
        look,
        worded: Worded::AsSent,
        is_soap: false,
        is_bulk: salesforce::is_bulk_rows(head.method.as_str(), &head.target),
        batch: salesforce::is_batch(head.method.as_str(), &head.target).then_some(Batch::Rows),
        asker: org.asker(),
    };
    let rewritten = rewrite(&org, envelope, head, &body, &mut prepared).await?;
    if rewritten.is_some() || head.target != prepared.target {
        prepared.worded = Worded::Otherwise;
    }
    let decoded = body.clone();
    let body = rename(&org, head, rewritten.map_or(body, Bytes::from), &mut prepared).await?;
    let body = if body == decoded {
        received
    } else {
        forget_coded_body(&mut head.headers);
        body
    };
    if prepared.batch.is_some() {
        head.headers.remove(header::ACCEPT_ENCODING);
    } else if prepared.look != Look::BulkResults && !prepared.is_bulk {
        readable_answers(head);
    }
    Ok((prepared, body))
}

/// Why a call is refused whose look-ups could be made in another session than itself.
const SESSIONS: &str =
    "the call names more than one session, or one outside the API's own `SessionHeader`; send one";

/// Puts conditions into what is asked, wherever it stands; the body that says so, if it is another.
async fn rewrite(
    org: &Org<'_>,
    envelope: Option<Envelope>,
    head: &mut Head,
    body: &[u8],
    prepared: &mut Prepared,
) -> Result<Option<Vec<u8>>, Turned> {
    Ok(match prepared.look.clone() {
        Look::Closed(_) | Look::Report | Look::ReportFile => return Err(Problem::ReadClosed.into()),
        Look::Changes => {
            prepared.telling = Telling::Ids;
            None
        }
        Look::Retrieve => {
            prepared.stripped.gap = Gap::Null;
            None
        }
        Look::Query | Look::ToolingQuery | Look::Search => {
            statement::in_target(org, &prepared.look, head, &mut prepared.stripped).await?;
            None
        }
        Look::BulkQuery => Some(statement::in_body(org, body, &mut prepared.rows_of).await?),
        Look::FurtherPage => {
            let asked =
                salesforce::last_segment(&head.target).and_then(|locator| org.isolation.query(&locator));
            let asked =
                asked.filter(|asked| asked.hidden == org.reader.hidden).ok_or(Problem::QueryUnknown)?;
            prepared.stripped = asked.stripped;
            None
        }
        Look::BulkResults => {
            let job = org.isolation.job_asked(&head.target);
            let job = job.filter(|job| job.hidden == org.reader.hidden).ok_or(Problem::QueryUnknown)?;
            prepared.rows_of = job.rows;
            // A part of a file cannot be read.
            for name in [header::RANGE, header::IF_RANGE, header::ACCEPT_ENCODING] {
                head.headers.remove(name);
            }
            None
        }
        Look::RecordBy { .. } => {
            if let Some(absent) = org.by_field(&head.target, &mut prepared.looked).await? {
                head.target = absent;
            }
            None
        }
        Look::Mixed => mixed(org, envelope, head, body, prepared).await?,
        Look::SearchByWords => parameters::rewritten(org, head, body).await?,
        Look::Nothing
        | Look::Record
        | Look::Recent
        | Look::Related
        | Look::Suggestions
        | Look::Totals
        | Look::SentRows
        | Look::ListView
        | Look::DataExport
        | Look::GraphQl => None,
    })
}

/// Requests within a composite or a batch, and within all graphs of one request, that an org takes.
const PARTS_MAX: usize = 25;
const GRAPH_PARTS_MAX: usize = 500;
const PARTS: &str = "the request holds more requests than an org takes: 25, or 500 in graphs; send fewer";

/// The same for what is a write, or may hold any number of questions.
async fn mixed(
    org: &Org<'_>,
    envelope: Option<Envelope>,
    head: &mut Head,
    body: &[u8],
    prepared: &mut Prepared,
) -> Result<Option<Vec<u8>>, Turned> {
    if salesforce::is_graphql(&head.target) {
        let (document, writes) = document::rewritten(org, body).await?;
        prepared.asks = true;
        if !writes {
            prepared.look = Look::GraphQl;
        }
        return Ok(Some(document));
    }
    let (method, other) = (head.method.as_str(), head.method_override.as_deref());
    let boundary = &org.reader.boundary.name;
    if org.lane.flow.query_batch(boundary, method, &head.target, other).is_some() {
        prepared.batch = Some(Batch::Query);
        return Ok(Some(statement::in_batch(org, body, &mut prepared.rows_of).await?));
    }
    let parts = salesforce::inner_requests(body).len();
    let is_graph =
        salesforce::route(method, &head.target, other) == carrier::Door::Judged(salesforce::Route::Graph);
    if parts > if is_graph { GRAPH_PARTS_MAX } else { PARTS_MAX } {
        return Err(Problem::Request(PARTS).into());
    }
    let resolved = foreign::resolved(org, head, body).await?;
    if let Some(absent) = org.upserted(method, &head.target, other, &mut prepared.looked).await? {
        head.target = absent;
    }
    let Some(body) = resolved else { return statement::in_many(org, envelope, head, body, prepared).await };
    let envelope = Envelope::read(&head.target, &body);
    Ok(statement::in_many(org, envelope, head, &body, prepared).await?.or(Some(body)))
}

/// Puts absent ids in the places of hidden ones.
async fn rename(
    org: &Org<'_>,
    head: &mut Head,
    body: Bytes,
    prepared: &mut Prepared,
) -> Result<Bytes, Turned> {
    let mut named = salesforce::named_in_target(&head.target);
    named.extend(salesforce::named_in_body(&body));
    let kind = content_type(head);
    named.extend(salesforce::named_in_form(kind.as_deref(), &body).map_err(|_| Problem::ReadClosed)?);
    if prepared.is_bulk {
        named.extend(salesforce::named_in_rows(&body).map_err(|_| Problem::ReadClosed)?);
    }
    let is_mutation = prepared.look == Look::Mixed && salesforce::is_graphql(&head.target);
    if is_mutation {
        named.extend(document::named(&body));
    }
    let envelope = Envelope::read(&head.target, &body);
    named.extend(envelope.iter().flat_map(Envelope::named));
    prepared.asks |= !named.is_empty() || !salesforce::inner_requests(&body).is_empty();
    prepared.stripped.known.clone_from(&named);
    let said = said_of(org, head, &body, envelope.as_ref(), &prepared.look);
    org.look_up_said(&named, &said, &mut prepared.looked).await?;
    let hidden = named.iter().filter(|id| prepared.looked.hidden.contains(id));
    let other = |(at, id): (usize, &RecordId)| {
        (*id, if prepared.is_bulk { org.isolation.stand_in(*id) } else { id.absent(at) })
    };
    prepared.renamed = hidden.enumerate().map(other).collect();
    if prepared.renamed.is_empty() {
        return Ok(body);
    }
    head.target = salesforce::renamed_target(&head.target, &prepared.renamed);
    let renamed = match envelope {
        Some(envelope) => envelope.renamed(&body, &prepared.renamed),
        None if prepared.is_bulk => salesforce::renamed_body(&body, &prepared.renamed)
            .or_else(|| salesforce::renamed_rows(&body, &prepared.renamed)),
        None if is_mutation => {
            let other = salesforce::renamed_body(&body, &prepared.renamed);
            document::renamed(other.as_deref().unwrap_or(&body), &prepared.renamed).or(other)
        }
        None => salesforce::renamed_body(&body, &prepared.renamed)
            .or_else(|| salesforce::renamed_form(kind.as_deref(), &body, &prepared.renamed)),
    };
    Ok(renamed.map_or(body, Bytes::from))
}

/// Which object it is said that ids are of: by what stands in front of them in a target, by rows in the body; and which
/// stand where rows are named.
fn said_of(org: &Org<'_>, head: &Head, body: &[u8], envelope: Option<&Envelope>, look: &Look) -> Said {
    let mut rows = salesforce::rows_named(&head.target);
    let mut objects = salesforce::objects_named(&head.target);
    if *look == Look::Retrieve
        && let Some(object) = salesforce::object_named(&head.target)
    {
        objects.extend(salesforce::named_in_body(body).into_iter().map(|id| (id, object.clone())));
    }
    for inner in salesforce::inner_requests(body) {
        objects.extend(salesforce::objects_named(&inner.target));
        rows.extend(salesforce::rows_named(&inner.target));
    }
    if let Some(envelope) = envelope {
        objects.extend(envelope.objects());
        rows.extend(envelope.rows());
    }
    if let Ok(shown) = ShownRows::find(body, Telling::Rows, org.lane.flow.limits().records) {
        objects.extend(shown.objects());
    }
    Said { objects, rows }
}

/// Asks for answers that can be read, whatever the client would rather have. SOAP has no other form, and a file has its own.
fn readable_answers(head: &mut Head) {
    head.headers.remove(header::ACCEPT_ENCODING);
    if Spoken::in_head(head).is_rest() {
        let form = if salesforce::is_file(&head.target) { "*/*" } else { "application/json" };
        head.headers.insert(header::ACCEPT, HeaderValue::from_static(form));
    }
}
