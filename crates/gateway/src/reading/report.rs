//! Reports: run with further filters, so that no total, group or row of theirs counts what is hidden.
//!
//! The report's own description says which columns its type has. A row is counted if nothing that it joins is hidden. What was
//! run is read in the answer, which says by which filters; so a run in the background is shown by whichever gateway is asked.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use carrier::salesforce::{
    self, Look, RecordId, ReportAsk, ReportClosed, ReportConditions, ReportHides, ReportType,
    report_isolated, report_metadata, report_own,
};
use flow::Reader;
use http::{HeaderValue, Method, Response, StatusCode, header, response::Parts};
use mark::VerdictName;
use serde_json::{Map, Value, json};

use super::{
    LookedUp, Turned, bare,
    org::{Org, hides_datasets},
    recorded, statement,
};
use crate::{
    body::Body,
    coding::{coding, decode},
    head::{Head, forget_coded_body},
    problem::Problem,
    server::Lane,
    whole::whole,
};

/// Answers a run of a report, or the result of one.
pub(super) async fn report(
    lane: &Lane,
    reader: &Reader,
    head: &Head,
    received: Bytes,
) -> Result<Response<Body>, Turned> {
    let ask = salesforce::report_ask(head.method.as_str(), &head.target).ok_or(Problem::ReadClosed)?;
    // Its length would tell of the rows.
    if head.method == Method::HEAD {
        return Err(Problem::ReadClosed.into());
    }
    if !takes_json(head) {
        return Err(Problem::Closed(WORKBOOK).into());
    }
    let org = Org::new(lane, reader, head)?;
    let given = given(lane, head, &received)?;
    let (status, described) = org.get(&description(&ask, &given)?).await?;
    if !status.is_success() {
        // The org's own words about a report that is not there, or not this user's.
        return Ok(answered(status, described));
    }
    let described: Value = serde_json::from_slice(&described).map_err(|_| Problem::ShownUnreadable)?;
    let kind = ReportType::read(&described).map_err(closed)?;
    let kept = match (&ask, described.get("reportMetadata")) {
        (ReportAsk::Unkept { .. }, _) => Map::new(),
        (_, Some(Value::Object(kept))) => kept.clone(),
        _ => return Err(closed(ReportClosed::Unreadable)),
    };
    let mut metadata = report_metadata(&kept, &given).map_err(closed)?;
    let conditions = conditions(&org, &kind, &joined(&org, &kind).await?).await?;
    lookups(&org, &kind, &metadata)?;
    // A run in the background is read by whoever comes; which columns its client asked for would not be known.
    let is_at_once = matches!(ask, ReportAsk::Run { .. } | ReportAsk::Unkept { .. });
    let added = if is_at_once { add_ids(&org, &kind, &mut metadata) } else { Vec::new() };
    let target = target(&ask, head, &given);
    let (mut parts, text) = match &ask {
        ReportAsk::Result { .. } => sent(&org, Method::GET, &target, Bytes::new()).await?,
        ReportAsk::Run { .. } | ReportAsk::Unkept { .. } | ReportAsk::Begin { .. } => {
            run(&org, &target, &metadata, &conditions).await?
        }
    };
    let mut looked = LookedUp::default();
    let shown = if parts.status.is_success() && !matches!(ask, ReportAsk::Begin { .. }) {
        let is_result = matches!(ask, ReportAsk::Result { .. });
        let mut answer: Value = serde_json::from_slice(&text).map_err(|_| Problem::ShownUnreadable)?;
        if filtered(&org, &kind, &conditions, is_result, &mut answer)? {
            judged(&org, &mut answer, &mut looked).await?;
            without(&added, &mut answer);
        }
        answer.to_string().into()
    } else {
        text
    };
    recorded(lane, reader, &Look::Report, looked.seen, &mut parts.headers).await?;
    Ok(whole_again(parts, shown))
}

/// Whether the client takes what can be read here.
fn takes_json(head: &Head) -> bool {
    let mut accepts =
        head.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    accepts.peek().is_none() || accepts.any(|accept| accept.contains("json") || accept.contains("*/*"))
}

/// The metadata in a request's body; none is none.
fn given(lane: &Lane, head: &Head, received: &Bytes) -> Result<Map<String, Value>, Turned> {
    if head.method != Method::POST {
        return Ok(Map::new());
    }
    let body = decode(coding(&head.headers), received, &lane.limits)
        .map_err(|_| Problem::Request("the body of a read cannot be decoded"))?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match body.get("reportMetadata") {
        Some(Value::Object(given)) => Ok(given.clone()),
        Some(_) | None => {
            Err(Problem::Request("the body of a report's run is a JSON object with `reportMetadata`").into())
        }
    }
}

/// Where what is run is described.
fn description(ask: &ReportAsk, given: &Map<String, Value>) -> Result<String, Turned> {
    match ask {
        ReportAsk::Run { report } | ReportAsk::Begin { report } | ReportAsk::Result { report } => {
            Ok(format!("{report}/describe"))
        }
        ReportAsk::Unkept { reports } => {
            let kind = given.get("reportType").map(|kind| kind.get("type").unwrap_or(kind));
            let name = kind.and_then(Value::as_str).ok_or(Problem::Closed(UNTYPED))?;
            if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_$@".contains(&byte))
            {
                return Err(Problem::Closed(UNTYPED).into());
            }
            let before = reports.strip_suffix("reports").unwrap_or(reports);
            Ok(format!("{before}report-types/{name}"))
        }
    }
}

/// What is sent on: as it came, but that rows are shown only if they were asked for.
fn target(ask: &ReportAsk, head: &Head, given: &Map<String, Value>) -> String {
    let says = salesforce::has_parameter(&head.target, "includeDetails");
    // Of metadata that a client posts an org takes whether rows are wanted; without any it shows none.
    if matches!(ask, ReportAsk::Result { .. }) || says || !given.is_empty() {
        return head.target.clone();
    }
    let joint = if head.target.contains('?') { '&' } else { '?' };
    format!("{}{joint}includeDetails=false", head.target)
}

/// How something that a row of a report joins could be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// By Eosin's fields of its own.
    Marked,
    /// By what it points at, which a query tells and no filter of a report.
    Through,
    /// Not at all.
    Open,
}

/// Something that a row of a report joins.
pub(super) struct Joined {
    /// What stands before its fields.
    pub(super) before: String,
    pub(super) object: String,
    /// How it could be hidden.
    pub(super) join: Join,
}

/// What a row of the report joins.
///
/// Errors: what is hidden both ways at once, and what describes hidden records.
pub(super) async fn joined(org: &Org<'_>, kind: &ReportType) -> Result<Vec<Joined>, Turned> {
    let joins = kind.joins();
    let objects: BTreeSet<String> = joins.values().cloned().collect();
    statement::describe(org, &objects, "").await?;
    let mut all = Vec::with_capacity(joins.len());
    for (before, object) in joins {
        let isolation = org.isolation;
        let hides_through = isolation.reads.through.keys().any(|other| other.eq_ignore_ascii_case(&object));
        let is_dataset = isolation.is_dataset(&object) && hides_datasets(org.reader);
        if is_dataset || (isolation.is_marked(&object) && hides_through) {
            return Err(Problem::Closed(THROUGH).into());
        }
        let join = if isolation.is_marked(&object) {
            Join::Marked
        } else {
            // Who works in the org is joined to nearly everything, and is not who records are about.
            let is_owner = object.eq_ignore_ascii_case("User") && objects.len() > 1;
            let is_open = is_owner || org.hides_none_of(&object).await?;
            if is_open { Join::Open } else { Join::Through }
        };
        all.push(Joined { before, object, join });
    }
    Ok(all)
}

/// The filters under which a row may be counted.
///
/// Errors: a type without the columns for them; objects that are hidden by what they point at, for no filter follows that.
async fn conditions(org: &Org<'_>, kind: &ReportType, joined: &[Joined]) -> Result<ReportConditions, Turned> {
    let hides = hides(org);
    let mut conditions = ReportConditions::default();
    for Joined { before, join, .. } in joined {
        match join {
            Join::Marked if conditions.add(kind, before, &hides) => {}
            Join::Marked if bare::is_bare(org).await => return Err(Problem::FieldsMissing.into()),
            Join::Marked => return Err(Problem::Closed(NO_COLUMNS).into()),
            Join::Through => return Err(Problem::Closed(THROUGH).into()),
            Join::Open => {}
        }
    }
    Ok(conditions)
}

/// The org's answer to a run in which nothing is counted that these conditions leave out.
async fn run(
    org: &Org<'_>,
    target: &str,
    metadata: &Map<String, Value>,
    conditions: &ReportConditions,
) -> Result<(Parts, Bytes), Turned> {
    let isolated = report_isolated(metadata, conditions).map_err(closed)?;
    let body = json!({ "reportMetadata": isolated }).to_string();
    sent(org, Method::POST, target, body.into()).await
}

/// The org's whole answer.
async fn sent(org: &Org<'_>, method: Method, target: &str, body: Bytes) -> Result<(Parts, Bytes), Turned> {
    let (parts, incoming) = org.send(method, target, body).await?.into_parts();
    let text = whole(org.lane, &parts.headers, incoming).await?;
    Ok((parts, text))
}

/// Runs a kept report at once with these further columns behind its own; its whole answer, filtered as a client's own run is.
///
/// Shape:  what its rows join, as [`joined`] found it; `metadata` is the report's; the columns are shown in their order.
///         Anything but 200 is the org's own answer.
/// Errors: what no filter reaches, and what a run would be refused for.
pub(super) async fn run_with(
    org: &Org<'_>,
    kind: &ReportType,
    joined: &[Joined],
    path: &str,
    mut metadata: Map<String, Value>,
    columns: &[String],
) -> Result<Value, Turned> {
    let conditions = conditions(org, kind, joined).await?;
    let Some(Value::Array(shown)) = metadata.get_mut("detailColumns") else {
        return Err(closed(ReportClosed::Unreadable));
    };
    shown.extend(columns.iter().cloned().map(Value::from));
    metadata.insert("hasDetailRows".to_owned(), Value::Bool(true));
    let target = format!("{path}?includeDetails=true");
    let (parts, text) = run(org, &target, &metadata, &conditions).await?;
    if !parts.status.is_success() {
        return Err(Turned::Answer(Box::new(whole_again(parts, text))));
    }
    let mut answer: Value = serde_json::from_slice(&text).map_err(|_| Problem::ShownUnreadable)?;
    filtered(org, kind, &conditions, false, &mut answer)?;
    Ok(answer)
}

fn hides(org: &Org<'_>) -> ReportHides {
    let hidden = org.reader.hidden;
    let words = [
        (VerdictName::Synthetic, "synthetic"),
        (VerdictName::Mixed, "mixed"),
        (VerdictName::Attested, "attested"),
    ];
    ReportHides {
        synthetic: org.isolation.field("Eosin_Synthetic__c"),
        subject: org.isolation.field("Eosin_Subject__c"),
        ticked: hidden.hides(VerdictName::Synthetic),
        subjects: words.into_iter().filter_map(|(kind, word)| hidden.hides(kind).then_some(word)).collect(),
        unmarked: hidden.hides(VerdictName::Unproven),
    }
}

/// Refuses a report that shows the names of records whose own fields are not part of its type.
pub(super) fn lookups(org: &Org<'_>, kind: &ReportType, metadata: &Map<String, Value>) -> Result<(), Turned> {
    let joins: BTreeMap<String, String> =
        kind.joins().into_iter().map(|(before, object)| (before.to_ascii_lowercase(), object)).collect();
    for used in kind.lookups(metadata) {
        let field = used.field.to_ascii_lowercase();
        let way = match field.strip_suffix("__c") {
            Some(own) => format!("{own}__r"),
            None => field.strip_suffix("id").unwrap_or(&field).to_owned(),
        };
        let targets = org.isolation.known().targets(&used.object, &way);
        let Some(targets) = targets else { return Err(Problem::Closed(LOOKUP).into()) };
        for target in targets {
            let hides = org.isolation.is_marked(&target)
                || (org.isolation.is_dataset(&target) && hides_datasets(org.reader));
            let path = format!("{}{way}.", used.before.to_ascii_lowercase());
            // Standard types name what is joined by its object; a lookup of another name leads to another row of it.
            let is_by_object = target.eq_ignore_ascii_case(&way)
                && !target.eq_ignore_ascii_case(&used.object)
                && joins.contains_key(&format!("{way}."));
            let is_joined = joins.contains_key(&path) || is_by_object;
            if hides && !is_joined {
                return Err(Problem::Closed(LOOKUP).into());
            }
        }
    }
    Ok(())
}

/// Asks for the ids of rows too, so that they can be judged; the columns that are added.
fn add_ids(org: &Org<'_>, kind: &ReportType, metadata: &mut Map<String, Value>) -> Vec<String> {
    let joins = kind.joins();
    let marked = joins.iter().filter(|(_, object)| org.isolation.is_marked(object));
    let ids: Vec<String> = marked.filter_map(|(before, _)| kind.ids(before)).map(str::to_owned).collect();
    let Some(Value::Array(columns)) = metadata.get_mut("detailColumns") else { return Vec::new() };
    let is_new = |id: &String| !columns.iter().any(|column| column.as_str() == Some(id));
    let added: Vec<String> = ids.into_iter().filter(is_new).collect();
    columns.extend(added.iter().cloned().map(Value::from));
    added
}

/// The answer without the columns that were added: they are the last ones.
fn without(added: &[String], answer: &mut Value) {
    let facts = answer.get_mut("factMap").and_then(Value::as_object_mut);
    let rows = facts.into_iter().flat_map(|facts| facts.values_mut());
    let rows = rows.filter_map(|fact| fact.get_mut("rows").and_then(Value::as_array_mut)).flatten();
    for cells in rows.filter_map(|row| row.get_mut("dataCells").and_then(Value::as_array_mut)) {
        cells.truncate(cells.len().saturating_sub(added.len()));
    }
    let columns = answer.pointer_mut("/reportMetadata/detailColumns").and_then(Value::as_array_mut);
    if let Some(columns) = columns {
        columns.truncate(columns.len().saturating_sub(added.len()));
    }
    let described =
        answer.pointer_mut("/reportExtendedMetadata/detailColumnInfo").and_then(Value::as_object_mut);
    if let Some(described) = described {
        described.retain(|name, _| !added.contains(name));
    }
}

/// Whether an answer is what a run found by our conditions; its metadata is then as the client asked for it.
///
/// Shape:  false for a run in the background that is not done, or failed.
/// Errors: a run by other conditions.
fn filtered(
    org: &Org<'_>,
    kind: &ReportType,
    conditions: &ReportConditions,
    is_result: bool,
    answer: &mut Value,
) -> Result<bool, Turned> {
    let shows_nothing = ["factMap", "reportMetadata", "groupingsDown", "groupingsAcross"]
        .iter()
        .all(|name| answer.get(name).is_none_or(Value::is_null));
    if is_result && shows_nothing {
        return Ok(false);
    }
    let not_ours = || if is_result { Problem::Closed(NOT_OURS) } else { Problem::ShownUnreadable };
    let Some(Value::Object(ran)) = answer.get("reportMetadata") else { return Err(not_ours().into()) };
    let named = ran.get("reportType").map(|named| named.get("type").unwrap_or(named));
    if named.and_then(Value::as_str) != Some(kind.name()) {
        return Err(not_ours().into());
    }
    report_metadata(ran, &Map::new()).map_err(closed)?;
    lookups(org, kind, ran)?;
    let own = report_own(ran, conditions).ok_or_else(not_ours)?;
    if let Some(metadata) = answer.get_mut("reportMetadata") {
        *metadata = Value::Object(own);
    }
    Ok(true)
}

/// Takes out rows with a hidden record in them, whatever its labels said to the org.
async fn judged(org: &Org<'_>, answer: &mut Value, looked: &mut LookedUp) -> Result<(), Turned> {
    let mut groups = BTreeSet::new();
    for side in ["groupingsDown", "groupingsAcross"] {
        if let Some(side) = answer.get(side) {
            named(side, &mut groups);
        }
    }
    let mut ids = groups.clone();
    if let Some(facts) = answer.get("factMap") {
        named(facts, &mut ids);
    }
    org.look_up(&ids, looked).await?;
    if groups.iter().any(|id| looked.hidden.contains(id)) {
        return Err(Problem::Closed(GROUP).into());
    }
    let facts = answer.get_mut("factMap").and_then(Value::as_object_mut);
    for fact in facts.into_iter().flat_map(|facts| facts.values_mut()) {
        if let Some(Value::Array(rows)) = fact.get_mut("rows") {
            rows.retain(|row| {
                let mut ids = BTreeSet::new();
                named(row, &mut ids);
                ids.iter().all(|id| !looked.hidden.contains(id))
            });
        }
    }
    Ok(())
}

/// The ids that stand as values in a part of an answer.
fn named(part: &Value, ids: &mut BTreeSet<RecordId>) {
    match part {
        Value::Array(all) => all.iter().for_each(|one| named(one, ids)),
        Value::Object(members) => members.values().for_each(|one| named(one, ids)),
        Value::String(text) => ids.extend(RecordId::parse(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

pub(super) fn closed(closed: ReportClosed) -> Turned {
    Problem::Closed(closed.reason()).into()
}

pub(super) fn answered(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn whole_again(mut parts: Parts, body: Bytes) -> Response<Body> {
    forget_coded_body(&mut parts.headers);
    Response::from_parts(parts, Body::from(body))
}

const WORKBOOK: &str =
    "reads are isolated here, and a report as a workbook cannot be read; accept `application/json`";
const UNTYPED: &str = "reads are isolated here: a report that is not kept names its `reportType`";
const NO_COLUMNS: &str = "reads are isolated here, and this report's type has no columns of Eosin's fields for each object that it joins; \
                          add them to the report type, or ask for the rows by a query";
const THROUGH: &str = "reads are isolated here, and this report joins an object whose rows are hidden with what they point at, which no \
                       filter of a report follows; ask for the rows by a query";
const LOOKUP: &str = "reads are isolated here, and this report shows a lookup to records whose own fields are not part of its type; take \
                      the column out, or ask for the rows by a query";
const GROUP: &str =
    "reads are isolated here, and a group of this report is a record that is hidden; group by something else";
const NOT_OURS: &str = "reads are isolated here, and this run of the report was not asked for as this client may see it; run it again here";
