//! The statements of a request, rewritten so that hidden rows are not there.

use std::collections::BTreeSet;

use carrier::salesforce::{self, Envelope, Look, SoapAsks, Stripped};
use soql::{Added, CannotIsolate, Isolated, Marks};

use crate::{
    head::Head,
    isolation::{RowsOf, objects_of, rows_of},
    problem::{Problem, respond_made},
};

use super::{LookedUp, Prepared, Turned, org::Org, through};

/// Rewrites the statement in a target's `q`.
pub(super) async fn in_target(
    org: &Org<'_>,
    look: &Look,
    head: &mut Head,
    stripped: &mut Stripped,
) -> Result<(), Turned> {
    // A plan tells how many rows it expects, and a report is named there too.
    if salesforce::has_parameter(&head.target, "explain") {
        return Err(Problem::ReadClosed.into());
    }
    let statement = salesforce::statement_of(&head.target).ok_or(Problem::ReadClosed)?;
    // What describes the columns would describe those that we add.
    let columns = salesforce::has_parameter(&head.target, "columns");
    let marks = if columns { Marks::NotAsked } else { Marks::Asked };
    let Some(isolated) = rewritten(org, look, &statement, marks).await? else { return Ok(()) };
    head.target = salesforce::with_statement(&head.target, &isolated.text);
    strip(&isolated.added, *look == Look::Search, stripped);
    Ok(())
}

/// Rewrites the statement of a bulk query. Its rows are not judged one by one: they stream.
pub(super) async fn in_body(
    org: &Org<'_>,
    body: &[u8],
    rows: &mut Option<RowsOf>,
) -> Result<Vec<u8>, Turned> {
    let statement = salesforce::text_member(body, "query").ok_or(Problem::ReadClosed)?;
    let isolated = isolated(org, &statement, Marks::NotAsked).await?;
    let delimiter = salesforce::text_member(body, "columnDelimiter");
    let delimiter = salesforce::delimiter_named(delimiter.as_deref().unwrap_or("COMMA"));
    *rows =
        rows_of(&isolated.text).and_then(|object| delimiter.map(|delimiter| RowsOf { object, delimiter }));
    let body = salesforce::with_text_member(body, "query", &isolated.text);
    Ok(body.ok_or(Problem::ReadClosed)?)
}

/// Rewrites the statement that a batch of a Bulk v1 job is.
pub(super) async fn in_batch(
    org: &Org<'_>,
    body: &[u8],
    rows: &mut Option<RowsOf>,
) -> Result<Vec<u8>, Turned> {
    let statement = std::str::from_utf8(body).map_err(|_| Problem::ReadClosed)?;
    let isolated = isolated(org, statement.trim(), Marks::NotAsked).await?;
    *rows = rows_of(&isolated.text).map(|object| RowsOf { object, delimiter: b',' });
    Ok(isolated.text.into_bytes())
}

/// Rewrites the statements of a request that is no query by its target: those in a SOAP call, or in inner requests.
pub(super) async fn in_many(
    org: &Org<'_>,
    envelope: Option<Envelope>,
    head: &Head,
    body: &[u8],
    prepared: &mut Prepared,
) -> Result<Option<Vec<u8>>, Turned> {
    match envelope {
        Some(envelope) => in_envelope(org, &envelope, head, body, prepared).await,
        None if salesforce::soap_shows_rows(&head.target, body) => Err(Problem::ReadClosed.into()),
        None => in_inner_requests(org, body, &mut prepared.looked).await,
    }
}

/// Rewrites the statement of a SOAP call. Its rows are chosen by their labels: what is added would show in the answer.
async fn in_envelope(
    org: &Org<'_>,
    envelope: &Envelope,
    head: &Head,
    body: &[u8],
    prepared: &mut Prepared,
) -> Result<Option<Vec<u8>>, Turned> {
    let (look, isolated) = match &envelope.asks {
        SoapAsks::Query(statement) => (Look::Query, Some(isolated(org, statement, Marks::NotAsked).await?)),
        SoapAsks::Search(statement) => (Look::Search, Some(search(org, statement, Marks::NotAsked).await?)),
        SoapAsks::FurtherPage(locator) => {
            let asked = org.isolation.query(locator);
            let asked = asked.filter(|asked| asked.hidden == org.reader.hidden);
            // What was added to a query that REST asked would show in its rows here.
            asked.filter(|asked| asked.stripped.fields.is_empty()).ok_or(Problem::QueryUnknown)?;
            (Look::FurtherPage, None)
        }
        SoapAsks::Retrieve => (Look::Retrieve, None),
        SoapAsks::Changes => (Look::Changes, None),
        SoapAsks::Writes => {
            prepared.is_soap = true;
            return Ok(None);
        }
        SoapAsks::Other if salesforce::soap_shows_rows(&head.target, body) => {
            return Err(Problem::ReadClosed.into());
        }
        SoapAsks::Other => return Ok(None),
    };
    (prepared.look, prepared.is_soap, prepared.asks) = (look, true, true);
    Ok(isolated.and_then(|isolated| envelope.with_statement(body, &isolated.text)))
}

/// Rewrites the statements of requests within a request; nothing where there is none.
async fn in_inner_requests(
    org: &Org<'_>,
    body: &[u8],
    looked: &mut LookedUp,
) -> Result<Option<Vec<u8>>, Turned> {
    if salesforce::takes_unseen(body) {
        return Err(Problem::Closed(REFERENCE).into());
    }
    let taken = salesforce::rows_taken(body);
    let mut others = Vec::new();
    for inner in salesforce::inner_requests(body) {
        let look = salesforce::look(&inner.method, &inner.target, None);
        // A document and a batch are no parts of other requests.
        if salesforce::is_graphql(&inner.target) || salesforce::is_batch(&inner.method, &inner.target) {
            return Err(Problem::ReadClosed.into());
        }
        if let Some(target) = org.upserted(&inner.method, &inner.target, None, looked).await? {
            others.push((inner, target));
            continue;
        }
        if names_row(&look, &inner.target)
            && let Some(target) = org.by_field(&inner.target, looked).await?
        {
            others.push((inner, target));
            continue;
        }
        // What is no write that was judged could be any read.
        let is_judged =
            matches!(salesforce::route(&inner.method, &inner.target, None), carrier::Door::Judged(_));
        if look == Look::Mixed && !is_judged {
            return Err(Problem::ReadClosed.into());
        }
        let statement = match look {
            Look::Nothing
            | Look::Record
            | Look::RecordBy { .. }
            | Look::Retrieve
            | Look::Recent
            | Look::Mixed => continue,
            Look::Query | Look::Search | Look::ToolingQuery
                if !salesforce::has_parameter(&inner.target, "explain") =>
            {
                salesforce::statement_of(&inner.target)
            }
            Look::Query
            | Look::Search
            | Look::ToolingQuery
            | Look::FurtherPage
            | Look::SearchByWords
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
            | Look::BulkQuery
            | Look::BulkResults
            | Look::Closed(_) => None,
        };
        let statement = statement.ok_or(Problem::ReadClosed)?;
        if inner.reference.as_ref().is_some_and(|reference| taken.contains(reference)) {
            refuse_marked(org, &statement).await?;
        }
        if let Some(isolated) = rewritten(org, &look, &statement, Marks::NotAsked).await? {
            let target = salesforce::with_statement(&inner.target, &isolated.text);
            let target = salesforce::with_references(&target);
            others.push((inner, target));
        }
    }
    Ok((!others.is_empty()).then(|| salesforce::with_inner_targets(body, &others)))
}

/// Whether what is looked at is one row that is named otherwise than by its id. Within an answer nothing says that it is not
/// there but the org.
fn names_row(look: &Look, target: &str) -> bool {
    let is_way = *look == Look::Record && salesforce::named_row(target).is_some_and(|row| !row.leads_on);
    let is_row = matches!(look, Look::RecordBy { .. }) || (is_way && !salesforce::is_file(target));
    is_row && !target.contains("@{")
}

/// Refuses a query whose rows others take, if their marks hide some of those that their labels do not: the org counts them.
async fn refuse_marked(org: &Org<'_>, statement: &str) -> Result<(), Turned> {
    if statement.contains("@{") {
        return Err(Problem::Closed(TAKEN).into());
    }
    let isolated = isolated(org, statement, Marks::Asked).await?;
    if !rows_of(&isolated.text).is_some_and(|object| org.isolation.is_marked(&object)) {
        return Ok(());
    }
    let (status, page) = org.get(&salesforce::query_target(&org.version, "query", &isolated.text)).await?;
    if !status.is_success() {
        // It says the same when it is asked again, and there are no rows to take.
        return Ok(());
    }
    let mut looked = LookedUp::default();
    org.judge_page(&page, &mut looked)?;
    if looked.hidden.is_empty() { Ok(()) } else { Err(Problem::Closed(TAKEN).into()) }
}

/// Why a composite is refused that takes the rows of such a query.
const TAKEN: &str = "reads are isolated here: `@{…}` cannot take the rows of this query, for it takes something itself or finds records that only their marks tell apart; send it alone first";

/// Why a composite is refused that takes more out of an answer.
const REFERENCE: &str = "reads are isolated here: `@{…}` may take the id of a row that an earlier part writes, reads by its id or finds, and nothing else";

/// A statement in the language of its resource; nothing if it may stay as it is.
async fn rewritten(
    org: &Org<'_>,
    look: &Look,
    statement: &str,
    marks: Marks,
) -> Result<Option<Isolated>, Turned> {
    if *look == Look::Search {
        return search(org, statement, marks).await.map(Some);
    }
    // The Tooling API knows no people, unless it is asked for them, or for what is hidden with them.
    if *look == Look::ToolingQuery && !touches_hidden(org, statement).await? {
        return Ok(None);
    }
    isolated(org, statement, marks).await.map(Some)
}

/// How many rows of an object may be seen; nothing if the org does not count it.
pub(super) async fn count(org: &Org<'_>, object: &str) -> Result<Option<u64>, Turned> {
    let isolated = isolated(org, &format!("SELECT count() FROM {object}"), Marks::NotAsked).await?;
    let (status, answer) = org.get(&salesforce::query_target(&org.version, "query", &isolated.text)).await?;
    if !status.is_success() {
        return Ok(None);
    }
    let answer: serde_json::Value = serde_json::from_slice(&answer).map_err(|_| Problem::ShownUnreadable)?;
    Ok(answer.get("totalSize").and_then(serde_json::Value::as_u64))
}

/// Rewrites one SOQL statement, after what it touches was described, and looked up where conditions do not do.
pub(super) async fn isolated(org: &Org<'_>, statement: &str, marks: Marks) -> Result<Isolated, Turned> {
    let error = match isolated_once(org, statement, marks).await? {
        Ok(isolated) => return Ok(isolated),
        Err(error) => error,
    };
    if error.could_be_looked_up()
        && let Some(seen) = through::seen(org, statement).await?
    {
        let known = org.isolation.known();
        let hidden = org.isolation.hidden(org.reader, marks);
        return soql::isolate_looked(statement, &hidden, &known.schema, &seen)
            .map_err(|error| refused(org, statement, error));
    }
    Err(refused(org, statement, error))
}

/// The same by conditions alone.
pub(super) async fn isolated_once(
    org: &Org<'_>,
    statement: &str,
    marks: Marks,
) -> Result<Result<Isolated, CannotIsolate>, Turned> {
    let query =
        soql::parse(statement).map_err(|error| refused(org, statement, CannotIsolate::from(error)))?;
    describe(org, &objects_of(&query), statement).await?;
    let known = org.isolation.known();
    Ok(soql::isolate(statement, &org.isolation.hidden(org.reader, marks), &known.schema))
}

async fn search(org: &Org<'_>, statement: &str, marks: Marks) -> Result<Isolated, Turned> {
    let found =
        soql::parse_search(statement).map_err(|error| refused(org, statement, CannotIsolate::from(error)))?;
    let objects = found.returning.iter().map(|found| found.object.text.to_string()).collect();
    describe(org, &objects, statement).await?;
    let known = org.isolation.known();
    soql::isolate_search(statement, &org.isolation.hidden(org.reader, marks), &known.schema)
        .map_err(|error| refused(org, statement, error))
}

/// Asks the org for descriptions of what a statement touches, in each session anew: another user may be told of less.
/// What it does not know, it will say so itself.
///
/// Errors: a description that does not come, or is none: what it would say could hide rows.
pub(super) async fn describe(
    org: &Org<'_>,
    objects: &BTreeSet<String>,
    statement: &str,
) -> Result<(), Turned> {
    let mut asked = BTreeSet::new();
    loop {
        let known = org.isolation.known();
        let reached = known.reached(objects, statement);
        let in_formulas = known.in_formulas(&reached, &statement.to_ascii_lowercase());
        drop(known);
        let missing: Vec<String> = reached
            .into_iter()
            .filter(|object| !org.has_described(object) && asked.insert(object.clone()))
            .collect();
        if missing.is_empty() {
            for object in &in_formulas {
                org.isolation.close_unless_known(object);
            }
            return Ok(());
        }
        // What is not described could hold what is hidden.
        if asked.len() > DESCRIBED_MAX {
            return Err(Problem::ReadClosed.into());
        }
        for object in missing {
            org.describe(&object).await?;
        }
    }
}

/// Most objects that are described for one statement.
const DESCRIBED_MAX: usize = 60;

/// Whether a statement names an object whose rows could be hidden, or reaches one. Users who are only reached made something
/// in the set-up.
async fn touches_hidden(org: &Org<'_>, statement: &str) -> Result<bool, Turned> {
    let query =
        soql::parse(statement).map_err(|error| refused(org, statement, CannotIsolate::from(error)))?;
    let named: BTreeSet<String> =
        objects_of(&query).iter().map(|object| object.to_ascii_lowercase()).collect();
    describe(org, &named, statement).await?;
    let known = org.isolation.known();
    let mut reached = known.reached(&named, statement);
    reached.retain(|object| object != "user" || named.contains(object));
    Ok(reached.iter().any(|object| !known.schema.is_open(object)))
}

/// What was added, as an answer's rows have it: the way to a row, and its field.
fn strip(added: &[Added], is_search: bool, stripped: &mut Stripped) {
    for Added { place, field } in added {
        let mut ways: Vec<&str> =
            if is_search { Vec::new() } else { place.iter().map(String::as_str).collect() };
        let mut names = field.split('.').collect::<Vec<_>>();
        let Some(name) = names.pop() else { continue };
        ways.extend(names);
        let way = ways.join(".").to_ascii_lowercase();
        let fields = match place.first() {
            Some(object) if is_search && way.is_empty() => {
                stripped.of_object.entry(object.to_ascii_lowercase()).or_default()
            }
            Some(_) | None => stripped.fields.entry(way).or_default(),
        };
        fields.insert(name.to_ascii_lowercase());
    }
}

/// A refusal in the org's own shape: what cannot be isolated is not asked.
///
/// What no reader takes is said to be malformed, as the org says it; but without the words that stand there.
pub(super) fn refused(org: &Org<'_>, statement: &str, error: CannotIsolate) -> Turned {
    let answer = if let CannotIsolate::Unreadable(malformed) = &error
        && malformed.is_malformed(statement)
    {
        let before = statement.get(..malformed.position(statement)).unwrap_or(statement);
        let row = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = format!("\nERROR at Row:{row}:Column:{column}\nunexpected token");
        org.spoken.error(400, "MALFORMED_QUERY", &message)
    } else {
        let boundary = &org.reader.boundary.name;
        let message =
            format!("Reads are isolated at boundary `{boundary}`, and this query cannot be: {error}.");
        org.spoken.error(400, "EOSIN_QUERY_NOT_ISOLATED", &message)
    };
    Turned::Answer(Box::new(respond_made(answer)))
}
