//! Reports saved as files: whose a row is, its ids say; so each of them is looked up as the file streams.
//!
//! No filter can be sent along, so what the org counts, sorts out or sums up by itself is refused before the file is asked for.
//! Source: spec/deliveries.md section 9.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use carrier::{
    delivered::SAVED_REPORT,
    salesforce::{self, RecordId, ReportClosed, ReportColumns, ReportType, report_labels, report_metadata},
};
use flow::{Delivered, Linked, Reader};
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Map, Value};
use soql::Marks;
use tokio::time::timeout;

use super::{
    LookedUp, Turned,
    org::{Asker, Org, hides_datasets},
    report::{THROUGH, answered, closed, lookups},
    statement,
};
use crate::{
    body::Body,
    coding::{Coding, coding},
    delivery::{self, Records, Saved},
    head::{Head, forget_body},
    problem::Problem,
    request::cleaned,
    server::Lane,
};

/// Passes on a request for a report's file and filters what comes.
///
/// What is no such file shows rows in nobody knows which way: of a refusal or a way to log in, the head alone is let through.
pub(super) async fn report_file(
    lane: &Arc<Lane>,
    reader: &Reader,
    mut head: Head,
) -> Result<Response<Body>, Turned> {
    let ask = salesforce::report_file_ask(&head.target).map_err(Problem::Closed)?;
    let mut org = Org::new(lane, reader, &head)?;
    if !head.headers.contains_key(header::AUTHORIZATION)
        && let Some(session) = session(&head.headers)
    {
        // Files are asked for with a cookie, which the other doors do not know.
        org.asks_in(&session);
    }
    let at = format!("/services/data/{}/analytics/reports/{}/describe", org.version, ask.report);
    let (status, described) = org.get(&at).await?;
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
    if metadata.get("topRows").is_some_and(|top| !top.is_null()) {
        return Err(closed(ReportClosed::Top));
    }
    let links = links(&org, &kind, &columns).await?;
    lookups(&org, &kind, &metadata)?;
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let looks = Looks { lane: Arc::clone(lane), reader: reader.clone(), asker: org.asker() };
    drop(org);

    for name in [header::ACCEPT_ENCODING, header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH] {
        head.headers.remove(name);
    }
    head.headers.remove(header::IF_MODIFIED_SINCE);
    let (addresses, target) = (lane.addresses(&head), head.target.clone());
    let sent = lane.upstream.send(head.method, &head.target, head.headers, Body::from(Bytes::new())).await;
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
    let wanted: Vec<String> = links.keys().cloned().collect();
    let places = columns.places(&labels, &wanted).ok_or(Problem::Closed(HEADER))?;
    let saved = Saved { name, links: places.into_iter().zip(links.into_values()).collect(), looks, first };
    let file = Delivered {
        route: "report file",
        name: delivery::name_of(&target, ".csv"),
        format: SAVED_REPORT,
        object: None,
    };
    let records = Records::Report(Box::new(saved));
    let body =
        delivery::piped(lane, reader.clone(), file, records, &mut parts.headers, &target, incoming).await?;
    Ok(Response::from_parts(parts, body))
}

/// The session of a cookie.
fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).map(str::trim);
    pairs.find_map(|pair| pair.strip_prefix("sid=")).map(str::to_owned)
}

fn is_table(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["text/csv", "application/csv", "application/octet-stream", "application/vnd.ms-excel"]
        .contains(&kind.as_str())
}

/// The columns of ids by which it is known whose rows are, each with its object.
///
/// Errors: what a row joins could be hidden, and no column of the report says which it is.
async fn links(
    org: &Org<'_>,
    kind: &ReportType,
    columns: &ReportColumns,
) -> Result<BTreeMap<String, String>, Turned> {
    let joins = kind.joins();
    let objects: BTreeSet<String> = joins.values().cloned().collect();
    statement::describe(org, &objects, "").await?;
    let mut links = BTreeMap::new();
    for (before, object) in joins {
        let isolation = org.isolation;
        let hides_through = isolation.reads.through.keys().any(|other| other.eq_ignore_ascii_case(&object));
        if (isolation.is_marked(&object) && hides_through)
            || (isolation.is_dataset(&object) && hides_datasets(org.reader))
        {
            return Err(Problem::Closed(THROUGH).into());
        }
        if !isolation.is_marked(&object) {
            // Who works in the org is joined to nearly everything, and is not who records are about.
            let is_owner = object.eq_ignore_ascii_case("User") && objects.len() > 1;
            let question = format!("SELECT Id FROM {object}");
            if is_owner || statement::isolated(org, &question, Marks::NotAsked).await?.text == question {
                continue;
            }
        }
        let column = kind.ids(&before).filter(|column| columns.has(column));
        links.insert(column.ok_or(Problem::Closed(NO_IDS))?.to_owned(), object);
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
        let prefixes = known.prefixes.as_ref().ok_or(Problem::Internal)?;
        let is_of = |id: &RecordId, object: &String| {
            prefixes.get(id.prefix()).is_some_and(|known| known.eq_ignore_ascii_case(object))
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

const NO_IDS: &str = "reads are isolated here, and a file of this report does not say whose its rows are; add the columns of the ids of \
                      all that a row joins to the report (`Contact ID`, `Account ID`), or ask for the rows by a query";
const HEADER: &str = "reads are isolated here, and the file of this report has other columns than the report: totals, and what counts \
                      rows, cannot be filtered; show the report's details, or ask for the rows by a query";
