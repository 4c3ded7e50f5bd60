//! Reports saved as files: whose a row is, its ids say; so each of them is looked up as the file streams.
//!
//! No filter can be sent along, so what the org counts or sums up by itself is refused before the file is asked for. A report whose
//! file would show no ids, or its first rows alone, is run instead.
//! Source: spec/deliveries.md section 9.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{Bytes, BytesMut};
use carrier::{
    delivered::{SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK},
    salesforce::{
        self, RecordId, ReportClosed, ReportColumns, ReportFileAsk, ReportForm, ReportLeaving, ReportType,
        RunNotWritten, report_labels, report_metadata, report_run_as_file,
    },
};
use flow::{Delivered, Linked, Reader};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::{
    LookedUp, Turned,
    org::{Asker, Org},
    report::{Join, Joined, answered, closed, joined, lookups, run_with},
};
use crate::{
    body::Body,
    coding::{Coding, coding},
    delivery::{self, Records, Saved},
    head::{Head, cookie, forget_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Passes on a request for a report's file and filters what comes. Where the file would not say whose its rows are, the report
/// is run with the ids behind its columns instead, and those are taken off again.
///
/// What is no such file shows rows in nobody knows which way: of a refusal or a way to log in, the head alone is let through.
pub(super) async fn report_file(
    lane: &Arc<Lane>,
    reader: &Reader,
    head: Head,
) -> Result<Response<Body>, Turned> {
    let ask = salesforce::report_file_ask(&head.target).map_err(Problem::Closed)?;
    let mut org = Org::new(lane, reader, &head)?;
    if !head.headers.contains_key(header::AUTHORIZATION)
        && let Some(session) = cookie(&head.headers, "sid")
    {
        // Files are asked for with a cookie, which the other doors do not know.
        org.asks_in(session);
    }
    let path = format!("/services/data/{}/analytics/reports/{}", org.version, ask.report);
    let (status, described) = org.get(&format!("{path}/describe")).await?;
    if !status.is_success() {
        // The org's own words about a report that is not there, or not this user's.
        return Ok(answered(status, described));
    }
    let described: Value = serde_json::from_slice(&described).map_err(|_| Problem::ShownUnreadable)?;
    let kind = ReportType::read(&described).map_err(closed)?;
    let columns = ReportColumns::read(&described).map_err(closed)?;
    let Some(Value::Object(kept)) = described.get("reportMetadata") else {
        return Err(closed(ReportClosed::Unreadable));
    };
    let metadata = report_metadata(kept, &Map::new()).map_err(closed)?;
    let joined = joined(&org, &kind).await?;
    let links = links(&kind, &joined)?;
    lookups(&org, &kind, &metadata)?;
    let says_whose = links.keys().all(|column| columns.has(column));
    let takes_first = metadata.get("topRows").is_some_and(|top| !top.is_null());
    let wanted = Wanted { ask, columns, joined, links, metadata };
    if says_whose && !takes_first {
        let looks = Looks { lane: Arc::clone(lane), reader: reader.clone(), asker: org.asker() };
        drop(org);
        streamed(lane, reader, head, wanted, looks).await
    } else if wanted.ask.has_values {
        Err(Problem::Closed(VALUES).into())
    } else {
        ran(lane, &org, &kind, &path, &head.target, wanted).await
    }
}

/// A report's file that was asked for.
struct Wanted {
    ask: ReportFileAsk,
    columns: ReportColumns,
    joined: Vec<Joined>,
    /// The columns of the ids that say whose a row is, each with its object.
    links: BTreeMap<String, String>,
    metadata: Map<String, Value>,
}

impl Wanted {
    fn name(&self) -> String {
        self.metadata.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// What is delivered, as the client asked for it.
    fn file(&self, target: &str) -> Delivered {
        let (ending, format, _) = written_as(self.ask.form);
        Delivered { route: "report file", name: delivery::name_of(target, ending), format, object: None }
    }
}

/// The org's own file, filtered as it comes.
async fn streamed(
    lane: &Arc<Lane>,
    reader: &Reader,
    mut head: Head,
    wanted: Wanted,
    looks: Looks,
) -> Result<Response<Body>, Turned> {
    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH] {
        head.headers.remove(name);
    }
    head.headers.remove(header::IF_MODIFIED_SINCE);
    let addresses = lane.addresses(&head);
    let sent =
        lane.upstream.send(head.method, &wanted.ask.target, head.headers, Body::from(Bytes::new())).await;
    let (mut parts, mut incoming) = cleaned(sent?, &addresses)?.into_parts();
    if parts.status != StatusCode::OK {
        forget_body(&mut parts.headers);
        parts.headers.remove(header::CONTENT_TYPE);
        drop(incoming);
        return Ok(Response::from_parts(parts, Body::from(Bytes::new())));
    }
    if !is_table(&parts.headers) || coding(&parts.headers) != Coding::Identity {
        return Err(Problem::ShownUnreadable.into());
    }
    let (first, labels) = beginning(lane, &mut incoming).await?;
    let columns: Vec<String> = wanted.links.keys().cloned().collect();
    let places = wanted.columns.places(&labels, &columns).ok_or(Problem::Closed(HEADER))?;
    called(wanted.ask.form, &mut parts.headers);
    let (file, leaving) = (wanted.file(&head.target), ReportLeaving { form: wanted.ask.form, columns: None });
    let name = wanted.name();
    let saved = Saved {
        name,
        links: places.into_iter().zip(wanted.links.into_values()).collect(),
        looks,
        first,
        leaving,
    };
    let records = Records::Report(Box::new(saved));
    let body = delivery::piped(
        lane,
        reader.clone(),
        file,
        records,
        &mut parts.headers,
        &head.target,
        Some(incoming),
    )
    .await?;
    Ok(Response::from_parts(parts, body))
}

/// The rows of a run as such a file: filtered by the org as every run is, and then looked up as every file is.
///
/// Bounds: the rows that a run shows; a report with more is refused.
async fn ran(
    lane: &Arc<Lane>,
    org: &Org<'_>,
    kind: &ReportType,
    path: &str,
    target: &str,
    wanted: Wanted,
) -> Result<Response<Body>, Turned> {
    let listed =
        |name: &str| wanted.metadata.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let groups = listed("groupingsDown").len() + listed("groupingsAcross").len();
    let mut shown: Vec<&str> = listed("detailColumns").iter().filter_map(Value::as_str).collect();
    let own = groups + shown.len();
    let added: Vec<String> =
        wanted.links.keys().filter(|id| !shown.contains(&id.as_str())).cloned().collect();
    shown.extend(added.iter().map(String::as_str));
    let place = |id: &String| shown.iter().position(|column| column == id).map(|at| groups + at);
    let places = wanted.links.iter().map(|(id, object)| Some((place(id)?, object.clone())));
    let links = places.collect::<Option<Vec<_>>>().ok_or(Problem::Internal)?;

    let answer = run_with(org, kind, &wanted.joined, path, wanted.metadata.clone(), &added).await?;
    let first = report_run_as_file(&answer).map_err(|fault| match fault {
        RunNotWritten::TooMany => Problem::Closed(TOO_MANY),
        RunNotWritten::Unreadable => Problem::ShownUnreadable,
    })?;
    let looks = Looks { lane: Arc::clone(lane), reader: org.reader.clone(), asker: org.asker() };
    let leaving = ReportLeaving { form: wanted.ask.form, columns: Some(own) };
    let (file, name, first) = (wanted.file(target), wanted.name(), Bytes::from(first));
    let records = Records::Report(Box::new(Saved { name, links, looks, first, leaving }));
    let mut response = Response::new(Body::from(Bytes::new()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=UTF-8"));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"report.csv\""));
    called(wanted.ask.form, headers);
    let body = delivery::piped(lane, org.reader.clone(), file, records, headers, target, None).await?;
    *response.body_mut() = body;
    Ok(response)
}

/// How a file of this form ends, what its format is called, and its media type, where that is not the org's own.
fn written_as(form: ReportForm) -> (&'static str, &'static str, Option<&'static str>) {
    match form {
        ReportForm::Csv => (".csv", SAVED_REPORT, None),
        ReportForm::Sheet => (".xls", SAVED_SHEET, Some("application/vnd.ms-excel; charset=UTF-8")),
        ReportForm::Workbook => (
            ".xlsx",
            SAVED_WORKBOOK,
            Some("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ),
    }
}

/// Says of an answer in commas what leaves instead: what it is, and how it is called.
fn called(form: ReportForm, headers: &mut HeaderMap) {
    let (ending, _, Some(kind)) = written_as(form) else { return };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let named = headers
        .get(header::CONTENT_DISPOSITION)
        .and_then(|named| named.to_str().ok())
        .unwrap_or("attachment");
    if let Ok(named) = HeaderValue::try_from(named.replace(".csv", ending)) {
        headers.insert(header::CONTENT_DISPOSITION, named);
    }
}

fn is_table(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["text/csv", "application/csv", "application/octet-stream", "application/vnd.ms-excel"]
        .contains(&kind.as_str())
}

/// The columns of ids by which it is known whose rows are, each with its object.
///
/// Errors: what a row joins could be hidden, and no column of the report's type says which it is.
fn links(kind: &ReportType, joined: &[Joined]) -> Result<BTreeMap<String, String>, Turned> {
    let mut links = BTreeMap::new();
    for Joined { before, object, join } in joined {
        if *join != Join::Open {
            let column = kind.ids(before).ok_or(Problem::Closed(NO_IDS))?;
            links.insert(column.to_owned(), object.clone());
        }
    }
    Ok(links)
}

/// What comes first of a file, up to the end of its header, and the labels in it.
async fn beginning(lane: &Lane, incoming: &mut Incoming) -> Result<(Bytes, Vec<String>), Turned> {
    let mut first = BytesMut::new();
    loop {
        match report_labels(&first) {
            Ok(Some(labels)) => return Ok((first.freeze(), labels)),
            Ok(None) => {}
            Err(_) => return Err(Problem::ShownUnreadable.into()),
        }
        let frame = timeout(lane.timeouts.upstream, incoming.frame()).await;
        let frame = frame.map_err(|_| Problem::UpstreamSlow)?.ok_or(Problem::ShownUnreadable)?;
        if let Ok(data) = frame.map_err(|_| Problem::UpstreamBroken)?.into_data() {
            first.extend_from_slice(&data);
        }
    }
}

/// Who looks up the rows of a file as it streams.
#[derive(Clone, Debug)]
pub(crate) struct Looks {
    lane: Arc<Lane>,
    reader: Reader,
    asker: Asker,
}

impl Looks {
    /// What the client may see of each of these rows, which are of the objects that their ids say.
    ///
    /// Shape:  the ids, each with the object whose column it stands in -> one item for each.
    /// Errors: an id of another object; what the org does not answer.
    pub(crate) async fn look_up(
        &self,
        ids: &BTreeMap<RecordId, String>,
    ) -> Result<BTreeMap<RecordId, Linked>, Turned> {
        let org = Org::of_asker(&self.lane, &self.reader, &self.asker)?;
        let known = org.known().await?;
        let is_of = |id: &RecordId, object: &String| {
            known.of(*id).iter().any(|known| known.eq_ignore_ascii_case(object))
        };
        if !ids.iter().all(|(id, object)| is_of(id, object)) {
            return Err(Problem::ShownUnreadable.into());
        }
        let mut looked = LookedUp::default();
        org.look_up(&ids.keys().copied().collect(), &mut looked).await?;
        let linked = |id: &RecordId| match looked.by_id.get(id).and_then(|at| looked.seen.get(*at)) {
            Some(seen) => Linked::Seen(seen.clone()),
            None if looked.shown.contains(id) => Linked::Found,
            None => Linked::Absent,
        };
        Ok(ids.keys().map(|id| (*id, linked(id))).collect())
    }
}

const NO_IDS: &str = "reads are isolated here, and the type of this report does not say whose its rows are; add the ids of all that a row \
                      joins to the report type (`Contact ID`, `Account ID`), or ask for the rows by a query";
const TOO_MANY: &str = "reads are isolated here, and a file of this report does not say whose its rows are, or holds the first of them alone: it \
                        can be run instead, but has more rows than a run shows; add the columns of the ids of all that a row joins \
                        (`Contact ID`, `Account ID`), or ask for the rows by a query";
const VALUES: &str = "reads are isolated here, and a file of this report does not say whose its rows are, or holds the first of them alone, so it is \
                      run instead, and no run takes `pv0` to `pvN`: save the values in the report's filters and ask without them, or add the columns \
                      of the ids of all that a row joins (`Contact ID`, `Account ID`) and show all rows";
const HEADER: &str = "reads are isolated here, and the file of this report has other columns than the report: totals, and what counts \
                      rows, cannot be filtered; show the report's details, or ask for the rows by a query";
