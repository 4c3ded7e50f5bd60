//! The rows of a list view: those that the view's own query, rewritten, finds too.
//!
//! A view's answer is the org's own, in pages of the client's choice. All of it is asked for, what the rewritten query does
//! not find is left out, and the page is cut from the rest, so that neither its length nor its end tells of what is hidden.

use std::collections::BTreeSet;

use carrier::salesforce::{self, Look, RecordId};
use flow::Reader;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;
use soql::Marks;

use super::{Turned, org::Org, recorded, statement};
use crate::{body::Body, head::Head, problem::Problem, server::Lane};

/// Rows of a page, if the client does not say.
const PAGE_ROWS: usize = 25;
/// Rows that the org gives at once.
const ROWS_AT_ONCE: usize = 2_000;
/// Answers that are read for one page of the client's.
const ANSWERS_MAX: usize = 20;

/// Answers `/sobjects/X/listviews/<id>/results`.
pub(super) async fn list_view(lane: &Lane, reader: &Reader, head: &Head) -> Result<Response<Body>, Turned> {
    let org = Org::new(lane, reader, head)?;
    let path = head.target.split('?').next().unwrap_or_default().trim_end_matches('/');
    let view = path.get(..path.len().saturating_sub("/results".len())).ok_or(Problem::ReadClosed)?;
    let (status, described) = org.get(&format!("{view}/describe")).await?;
    if !status.is_success() {
        let (status, answer) = org.get(&head.target).await?;
        return if status.is_success() {
            Err(Problem::ReadClosed.into())
        } else {
            Ok(told(status, answer.into()))
        };
    }
    let query = salesforce::text_member(&described, "query").ok_or(Problem::ReadClosed)?;
    let shown = found(&org, &query).await?;
    let number = |name: &str, otherwise: usize| {
        let given = salesforce::parameters(&head.target, name).first().and_then(|text| text.parse().ok());
        given.unwrap_or(otherwise)
    };
    let (limit, offset) = (number("limit", PAGE_ROWS).min(ROWS_AT_ONCE), number("offset", 0));
    let mut page = Page { whole: None, kept: Vec::new(), is_last: false };
    for at in (0..ANSWERS_MAX).map(|answer| answer * ROWS_AT_ONCE) {
        let target = format!("{path}?limit={ROWS_AT_ONCE}&offset={at}");
        let (status, answer) = org.get(&target).await?;
        if !status.is_success() {
            return Ok(told(status, answer.into()));
        }
        page.take(serde_json::from_slice(&answer).map_err(|_| Problem::ShownUnreadable)?, &shown)?;
        if page.is_last || page.kept.len() > offset.saturating_add(limit) {
            let mut response = told(StatusCode::OK, page.cut(offset, limit)?.to_string().into());
            recorded(lane, reader, &Look::ListView, Vec::new(), response.headers_mut()).await?;
            return Ok(response);
        }
    }
    Err(Problem::AnswerTooLarge.into())
}

/// The rows that the view's query finds once it is rewritten.
async fn found(org: &Org<'_>, query: &str) -> Result<BTreeSet<RecordId>, Turned> {
    let isolated = statement::isolated(org, query, Marks::NotAsked).await?;
    org.found(&isolated.text).await
}

/// What was read of a view so far.
struct Page {
    /// The first answer, which says everything but the rows.
    whole: Option<Value>,
    kept: Vec<Value>,
    is_last: bool,
}

impl Page {
    fn take(&mut self, mut answer: Value, shown: &BTreeSet<RecordId>) -> Result<(), Turned> {
        let Some(Value::Array(rows)) = answer.get_mut("records").map(Value::take) else {
            return Err(Problem::ShownUnreadable.into());
        };
        self.is_last = rows.is_empty() || answer.get("done") == Some(&Value::Bool(true));
        self.kept.extend(rows.into_iter().filter(|row| id_of(row).is_some_and(|id| shown.contains(&id))));
        self.whole.get_or_insert(answer);
        Ok(())
    }

    /// The client's own page of it.
    fn cut(self, offset: usize, limit: usize) -> Result<Value, Turned> {
        let mut whole = self.whole.ok_or(Problem::ShownUnreadable)?;
        let total = self.kept.len();
        let rows: Vec<Value> = self.kept.into_iter().skip(offset).take(limit).collect();
        let done = self.is_last && offset.saturating_add(rows.len()) >= total;
        if let Some(members) = whole.as_object_mut() {
            members.insert("size".to_owned(), rows.len().into());
            members.insert("done".to_owned(), done.into());
            members.insert("records".to_owned(), Value::Array(rows));
        }
        Ok(whole)
    }
}

/// The id of a row: every view has it as a column, shown or not.
fn id_of(row: &Value) -> Option<RecordId> {
    let is_id = |cell: &&Value| cell.get("fieldNameOrPath").and_then(Value::as_str) == Some("Id");
    let cell = row.get("columns")?.as_array()?.iter().find(is_id)?;
    RecordId::parse(cell.get("value")?.as_str()?)
}

fn told(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
