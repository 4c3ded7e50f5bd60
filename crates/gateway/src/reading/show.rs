//! What an answer shows: its rows found and judged, what is hidden taken out, the ruling recorded before it leaves.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use carrier::{
    delivered,
    salesforce::{self, Look, RecordId, ResultsIn, ShownRows, Telling},
    table::Format,
};
use flow::{Delivered, Reader};
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::{Body as _, Incoming};

use super::{
    Batch, Prepared, Turned, Worded, bare, excerpt, names_our_fields,
    org::{Org, hides_datasets},
    recorded, telling,
};
use crate::{
    body::{Body, Trailers},
    coding::{Coding, coding},
    delivery::{self, Records},
    head::{forget_body, forget_coded_body, forget_whole},
    isolation::{Asked, BulkQuery, Isolation, RowsOf},
    problem::Problem,
    server::Lane,
    whole::whole,
};

/// Reads an answer, takes out what is hidden, and lets it leave once the ruling is recorded.
pub(crate) async fn show(
    lane: &Lane,
    reader: &Reader,
    mut prepared: Prepared,
    answer: Response<Incoming>,
    is_head: bool,
) -> Result<Response<Body>, Turned> {
    let (mut parts, incoming) = answer.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let is_json = kind.contains("json");
    let has_rows = parts.status.is_success() && !is_head && parts.status != StatusCode::NO_CONTENT;
    if is_head {
        forget_body(&mut parts.headers);
    }
    if prepared.look == Look::BulkResults && is_head {
        forget_whole(&mut parts.headers);
        parts.headers.remove(delivery::NUMBER);
    }
    if prepared.is_soap {
        return soap_shown(lane, reader, prepared, parts, incoming).await;
    }
    if let Some(batch) = prepared.batch {
        return batch_taken(lane, reader, prepared, batch, parts, incoming).await;
    }
    // Rows of a bulk query were chosen by their labels, in whatever format they come.
    if !is_json || (has_rows && prepared.look == Look::BulkResults) {
        if !incoming.is_end_stream() && is_unread(&prepared, &parts, has_rows) {
            return Err(Problem::ShownUnreadable.into());
        }
        if prepared.asks || !prepared.looked.seen.is_empty() {
            let seen = std::mem::take(&mut prepared.looked.seen);
            recorded(lane, reader, &prepared.look, seen, &mut parts.headers).await?;
        }
        let body = streamed(lane, reader, prepared, &mut parts, incoming, has_rows).await?;
        return Ok(Response::from_parts(parts, body));
    }
    let mut text = whole(lane, &parts.headers, incoming).await?;
    let is_reworded = prepared.worded == Worded::Otherwise;
    if parts.status == StatusCode::BAD_REQUEST {
        // What a client writes into our fields, it named itself.
        if names_our_fields(&text) && (is_reworded || prepared.look != Look::Mixed) {
            return Err(Problem::FieldsMissing.into());
        }
        let statement = salesforce::statement_of(&prepared.target).filter(|_| is_reworded);
        if statement.is_some_and(|statement| excerpt::is_about_added(&text, &statement)) {
            return Err(Problem::Closed(UNSEEN).into());
        }
    }
    if is_reworded && (prepared.look == Look::Mixed || !parts.status.is_success()) {
        text = excerpt::unquoted(&text).map_or(text, Bytes::from);
    }
    text = without_listed(lane, reader, &mut prepared, text).await?;
    let filtered = filtered(lane, reader, &mut prepared, &text).await?;
    if prepared.asks || !prepared.looked.seen.is_empty() {
        recorded(lane, reader, &prepared.look, prepared.looked.seen, &mut parts.headers).await?;
    }
    forget_coded_body(&mut parts.headers);
    let body = match filtered {
        Filtered::As(body) if has_rows => match prepared.window {
            Some(window) => window.cut(body)?,
            None => body,
        },
        Filtered::As(body) => body,
        Filtered::Absent => {
            parts.status = StatusCode::NOT_FOUND;
            Bytes::from_static(ABSENT)
        }
    };
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// An answer without the hidden rows that it tells by their ids or addresses alone: those that have one value, or that are like
/// a row that is written.
async fn without_listed(
    lane: &Lane,
    reader: &Reader,
    prepared: &mut Prepared,
    text: Bytes,
) -> Result<Bytes, Turned> {
    if !matches!(prepared.look, Look::RecordBy { .. } | Look::Mixed) {
        return Ok(text);
    }
    let absent: BTreeSet<RecordId> = prepared.renamed.values().copied().collect();
    let listed = salesforce::listed(&text);
    let others = listed.difference(&absent).copied().collect();
    Org::of_prepared(lane, reader, prepared)?.look_up(&others, &mut prepared.looked).await?;
    let hidden = &prepared.looked.hidden;
    let left = salesforce::without_listed(&text, |id| hidden.contains(id));
    Ok(left.map_or(text, Bytes::from))
}

/// Why a query is refused to which something was added that its user may not see.
const UNSEEN: &str = "reads are isolated here, and this user may not see a lookup by which rows of this object are hidden; grant its field, or say in `open_objects` that they are about nobody";

/// Whether an answer may hold rows and would leave unread: not a file of a row that may be seen, what became of bulk rows, and
/// answers of SOAP and Apex, in which rows were looked for before they were asked for.
fn is_unread(prepared: &Prepared, parts: &http::response::Parts, has_rows: bool) -> bool {
    if prepared.look == Look::BulkResults && prepared.rows_of.is_some() {
        // Errors come as JSON, XML or somebody's page, never as a table.
        let form = ResultForm::of(&parts.headers);
        let is_part = parts.status == StatusCode::PARTIAL_CONTENT;
        return if has_rows { form.is_none() || is_part } else { form == Some(ResultForm::Table) };
    }
    let is_file = matches!(prepared.look, Look::Record | Look::RecordBy { .. })
        && salesforce::is_file(&prepared.target);
    let is_untold =
        prepared.look == Look::Mixed && (prepared.is_bulk || !salesforce::is_rest(&prepared.target));
    // Groups are of no row: the rewritten query alone tells what they count.
    has_rows && !is_file && !is_untold && prepared.look != Look::BulkResults
}

/// How the rows of a bulk query stand in an answer, by its media type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ResultForm {
    Table,
    Json,
    Xml,
}

impl ResultForm {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
        let forms = [
            ("text/csv", Self::Table),
            ("application/json", Self::Json),
            ("application/xml", Self::Xml),
            ("text/xml", Self::Xml),
        ];
        forms.into_iter().find(|(begins, _)| kind.starts_with(begins)).map(|(_, form)| form)
    }
}

/// An answer that streams: the rows of a bulk query are read on their way, if they are in a table.
async fn streamed(
    lane: &Lane,
    reader: &Reader,
    prepared: Prepared,
    parts: &mut http::response::Parts,
    incoming: Incoming,
    has_rows: bool,
) -> Result<Body, Problem> {
    match (prepared.rows_of, ResultForm::of(&parts.headers)) {
        (Some(RowsOf { object, delimiter }), Some(form))
            if has_rows && prepared.look == Look::BulkResults =>
        {
            if coding(&parts.headers) != Coding::Identity {
                return Err(Problem::ShownUnreadable);
            }
            let (ending, format, rows) = match form {
                ResultForm::Json => (
                    ".json",
                    Format::SalesforceJson { object: None }.as_str(),
                    Records::Results(ResultsIn::Json, object.clone()),
                ),
                ResultForm::Xml => {
                    (".xml", delivered::SALESFORCE_XML, Records::Results(ResultsIn::Xml, object.clone()))
                }
                ResultForm::Table => {
                    let commas = Format::SalesforceCsv { object: String::new() };
                    let format = delivered::delimited(delimiter).unwrap_or(commas.as_str());
                    (".csv", format, Records::Rows(object.clone(), delimiter))
                }
            };
            let file = Delivered {
                route: "bulk results",
                name: delivery::name_of(&results_name(&prepared.target, &parts.headers), ending),
                format,
                object: Some(object),
            };
            let (headers, target) = (&mut parts.headers, &prepared.target);
            delivery::piped(lane, reader.clone(), file, rows, headers, target, Some(incoming)).await
        }
        (Some(_) | None, _) => Ok(Body::relay(incoming, lane.timeouts.upstream, Trailers::Keep)),
    }
}

/// What results are called: as their job, of Bulk v1 with batch and result; a page says that it is one, and where it begins.
fn results_name(target: &str, headers: &HeaderMap) -> String {
    let mut name = salesforce::query_job(target).unwrap_or_default();
    if let Some(batch) = salesforce::batch_asked(target) {
        let result = salesforce::last_segment(target).unwrap_or_default();
        name = format!("{name}-{batch}-{result}");
    }
    let leads_on = |locator: &str| !matches!(locator, "" | "null");
    let begins = salesforce::parameters(target, "locator").into_iter().find(|locator| leads_on(locator));
    let goes_on = headers.get("sforce-locator").is_some_and(|next| next.to_str().map_or(true, leads_on));
    match begins {
        Some(locator) => format!("{name}-page-from-{locator}"),
        None if goes_on => format!("{name}-first-page"),
        None => name,
    }
}

/// Lets the answer to a batch of a Bulk v1 job leave: it says the batch's id, by which its rows are asked for later.
///
/// Never:  remembers a batch that the org did not take.
async fn batch_taken(
    lane: &Lane,
    reader: &Reader,
    prepared: Prepared,
    batch: Batch,
    mut parts: http::response::Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Turned> {
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    let text = whole(lane, &parts.headers, incoming).await?;
    if parts.status.is_success()
        && let Some((id, job)) = salesforce::batch_created(&text)
    {
        let hidden = reader.hidden;
        match batch {
            Batch::Rows => isolation.keep_sent(&id, hidden),
            Batch::Query => {
                let query = BulkQuery { hidden, rows: prepared.rows_of };
                // The org makes further batches of this one.
                if isolation.job(&job).is_some_and(|known| known.hidden == hidden) {
                    isolation.keep_job(&job, query.clone());
                }
                isolation.keep_job(&id, query);
            }
        }
    }
    forget_coded_body(&mut parts.headers);
    Ok(Response::from_parts(parts, Body::from(text)))
}

/// Lets a SOAP answer leave: its rows are those of a rewritten query, or of ids that were looked up.
async fn soap_shown(
    lane: &Lane,
    reader: &Reader,
    mut prepared: Prepared,
    mut parts: http::response::Parts,
    incoming: Incoming,
) -> Result<Response<Body>, Turned> {
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    let mut text = whole(lane, &parts.headers, incoming).await?;
    if !parts.status.is_success() && names_our_fields(&text) {
        return Err(Problem::FieldsMissing.into());
    }
    if !parts.status.is_success() && prepared.worded == Worded::Otherwise {
        text = excerpt::unquoted_text(&text).map_or(text, Bytes::from);
    }
    if let Some(locator) = salesforce::soap_locator(&text) {
        let asked = Asked { hidden: reader.hidden, stripped: prepared.stripped.clone() };
        isolation.keep_query(&locator, asked);
    }
    let is_list = prepared.look == Look::Changes && parts.status.is_success();
    let text = if is_list {
        unchanged_hidden(lane, reader, &mut prepared, &text).await?
    } else if prepared.look == Look::Mixed {
        untold(lane, reader, &mut prepared, text).await?
    } else {
        text
    };
    if prepared.asks || !prepared.looked.seen.is_empty() {
        recorded(lane, reader, &prepared.look, prepared.looked.seen, &mut parts.headers).await?;
    }
    forget_coded_body(&mut parts.headers);
    let back = salesforce::renamed_back(&text, &prepared.renamed, &BTreeMap::new());
    Ok(Response::from_parts(parts, Body::from(back.map_or(text, Bytes::from))))
}

/// A list of what changed or went, without the ids of rows that are hidden, or that nobody can look up any more.
async fn unchanged_hidden(
    lane: &Lane,
    reader: &Reader,
    prepared: &mut Prepared,
    text: &Bytes,
) -> Result<Bytes, Turned> {
    let listed =
        salesforce::soap_changes(text, lane.flow.limits().records).map_err(|_| Problem::ShownUnreadable)?;
    let ids: BTreeSet<RecordId> = listed.iter().map(|(id, _)| *id).collect();
    Org::of_prepared(lane, reader, prepared)?.look_up(&ids, &mut prepared.looked).await?;
    let shown = &prepared.looked.shown;
    let gone: Vec<_> = listed.into_iter().filter(|(id, _)| !shown.contains(id)).map(|(_, at)| at).collect();
    Ok(if gone.is_empty() { text.clone() } else { salesforce::cut(text, gone).into() })
}

/// The answer to a write, without the ids of hidden rows that came along, and of any that its errors name and the client did
/// not.
async fn untold(lane: &Lane, reader: &Reader, prepared: &mut Prepared, text: Bytes) -> Result<Bytes, Turned> {
    let told =
        salesforce::soap_told(&text, lane.flow.limits().records).map_err(|_| Problem::ShownUnreadable)?;
    let known = |id: &RecordId| {
        prepared.stripped.known.contains(id) || prepared.renamed.values().any(|absent| absent == id)
    };
    let mut others: Vec<_> =
        told.named.into_iter().filter(|(id, _)| !known(id)).map(|(_, at)| (at, UNTOLD)).collect();
    let related: BTreeSet<RecordId> = told.related.iter().map(|(id, _)| *id).collect();
    if !related.is_empty() {
        Org::of_prepared(lane, reader, prepared)?.look_up(&related, &mut prepared.looked).await?;
    }
    let shown = &prepared.looked.shown;
    others.extend(told.related.into_iter().filter(|(id, _)| !shown.contains(id)).map(|(_, at)| (at, "")));
    Ok(if others.is_empty() { text } else { salesforce::replaced(&text, others).into() })
}

/// What stands for an id in the words of an error.
const UNTOLD: &str = "(not shown)";

/// What is left of an answer.
enum Filtered {
    As(Bytes),
    /// Nothing: the row that it is, is hidden.
    Absent,
}

/// What Salesforce says of a row that is not there.
const ABSENT: &[u8] = br#"[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]"#;

async fn filtered(
    lane: &Lane,
    reader: &Reader,
    prepared: &mut Prepared,
    text: &Bytes,
) -> Result<Filtered, Turned> {
    let records = lane.flow.limits().records;
    let rows = ShownRows::find(text, prepared.telling, records).map_err(|_| Problem::ShownUnreadable)?;
    let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
    let asks_rows =
        matches!(prepared.look, Look::Query | Look::FurtherPage | Look::Search | Look::ToolingQuery);
    // A row that is shown says of which data set it is.
    let is_own_set = |at: usize, object: &str| rows.is_led_to(at) && isolation.is_dataset(object);
    let unlabelled: BTreeSet<RecordId> = rows
        .rows()
        .enumerate()
        .filter(|(at, row)| !is_own_set(*at, row.object))
        .map(|(_, row)| row)
        .filter(|row| !row.shows_mark && (!asks_rows || isolation.is_marked(row.object)))
        .filter_map(|row| row.id)
        .filter(|id| !prepared.looked.shown.contains(id) && !prepared.looked.hidden.contains(id))
        .collect();
    if !unlabelled.is_empty() {
        let org = Org::of_prepared(lane, reader, prepared)?;
        let objects = rows.objects();
        match org.look_up_of(&unlabelled, &objects, &mut prepared.looked).await {
            // What was asked may be done already: an org that cannot mark a row shows what became of it.
            Err(turned) if bare::is_about_fields(&turned) && bare::is_bare(&org).await => {
                return Ok(Filtered::As(text.clone()));
            }
            looked => looked?,
        }
    }
    // Its row is that of an id that was looked up before it was asked for, or of nobody yet.
    let fills_form = salesforce::fills_form(&prepared.target);
    let labelled: Vec<usize> =
        rows.rows().enumerate().filter(|(_, row)| row.shows_mark).map(|(at, _)| at).collect();
    let readings: Vec<_> = labelled.iter().map(|at| rows.reading(*at)).collect();
    let seen = lane.flow.look_at(reader, &readings);
    let mut hidden: BTreeSet<usize> =
        labelled.iter().zip(&seen).filter(|(_, seen)| seen.is_hidden()).map(|(at, _)| *at).collect();
    prepared.looked.seen.extend(seen);
    for (at, row) in rows.rows().enumerate().filter(|(_, row)| !row.shows_mark) {
        if is_own_set(at, row.object) {
            continue;
        }
        let known = row.id.is_some_and(|id| prepared.looked.hidden.contains(&id));
        let untold = row.id.is_none() && isolation.is_marked(row.object) && !fills_form;
        // A row that went for good and cannot be looked up could have been a hidden one.
        let gone =
            prepared.telling == Telling::Ids && row.id.is_some_and(|id| !prepared.looked.shown.contains(&id));
        if known || untold || gone || (isolation.is_dataset(row.object) && hides_datasets(reader)) {
            hidden.insert(at);
        }
    }
    if hidden.iter().any(|at| rows.is_whole(*at)) {
        return Ok(Filtered::Absent);
    }
    if !asks_rows && prepared.telling == Telling::Rows {
        let org = Org::of_prepared(lane, reader, prepared)?;
        prepared.stripped.nulled = telling::fields(&org, &rows, &hidden).await?;
    }
    remember(isolation, reader, prepared, text);
    let left = rows.without(&hidden, &prepared.stripped).map_or_else(|| text.clone(), Bytes::from);
    let back = salesforce::renamed_back(&left, &prepared.renamed, &BTreeMap::new());
    Ok(Filtered::As(back.map_or(left, Bytes::from)))
}

/// Keeps what later requests need: a query's further pages, a bulk query's results.
fn remember(isolation: &Isolation, reader: &Reader, prepared: &Prepared, text: &[u8]) {
    match prepared.look {
        Look::Query | Look::ToolingQuery | Look::FurtherPage => {
            let next = salesforce::told_member(text, "nextRecordsUrl");
            if let Some(locator) = next.and_then(|next| salesforce::last_segment(&next)) {
                let asked = Asked { hidden: reader.hidden, stripped: prepared.stripped.clone() };
                isolation.keep_query(&locator, asked);
            }
        }
        Look::BulkQuery => {
            if let Some(job) = salesforce::told_member(text, "id") {
                let rows = prepared.rows_of.clone();
                isolation.keep_job(&job, BulkQuery { hidden: reader.hidden, rows });
            }
        }
        Look::Nothing
        | Look::Search
        | Look::SearchByWords
        | Look::Record
        | Look::RecordBy { .. }
        | Look::Retrieve
        | Look::Recent
        | Look::Changes
        | Look::Totals
        | Look::SentRows
        | Look::ListView
        | Look::Report
        | Look::DataExport
        | Look::ReportFile
        | Look::Related
        | Look::Suggestions
        | Look::GraphQl
        | Look::BulkResults
        | Look::Mixed
        | Look::Closed(_) => {}
    }
}
