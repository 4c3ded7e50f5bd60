//! Refusing some records of a request of many: the others go on, and the answer has them all.

use std::{collections::BTreeMap, ops::Range};

use mark::json;
use serde_json::Value;

use super::{
    answer::{graph, graph_ids, rendered},
    batch,
    door::Route,
    fate::{Fates, UNBOUNDED, fates},
    plan::plan,
    soap_rows,
    span::{self, Edit, array_of, edited},
};
use crate::{Refusal, Unit};

/// The body without what is refused and what falls with it; the rest of its bytes are as they were.
///
/// Of a body that was read as [`Unit::PerRecord`] alone: one with more records than the limit is one reading of a whole.
///
/// Shape:  refusals by position in [`super::read()`]'s records -> a body, or `None` where nothing is left, or nothing
///         may be taken out: then [`super::refuse`] answers.
/// Source: spec/carriers.md section 2.5.
pub fn withhold(route: &Route, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Vec<u8>> {
    if refusals.is_empty() {
        return Some(body.to_vec());
    }
    if let Route::BulkV1(rows) = route {
        return batch::withhold(rows, body, refusals);
    }
    if let Route::Soap(call) = route {
        return soap_rows::withhold(*call, body, refusals);
    }
    let kept = Kept::of(route, body, refusals)?;
    let (at, items) = list(body, kept.names.sent)?;
    if items.len() != kept.sent.len() || !kept.sent.contains(&true) {
        return None;
    }
    let with = array_of(body, &items, |position| kept.sent.get(position) == Some(&true));
    Some(edited(body, vec![Edit { at, with }]))
}

/// The upstream's answer to what [`withhold`] left, with what is said about the refused at their places.
///
/// Shape:  the upstream's bytes, its own items verbatim -> as many items as the request had.
/// Errors: `None` where the upstream did not answer item by item: it refused the request, and its answer goes to the
///         client as it is.
/// Source: spec/carriers.md section 2.5.
pub fn merge(
    route: &Route,
    body: &[u8],
    upstream_body: &[u8],
    refusals: &BTreeMap<usize, Refusal>,
) -> Option<Vec<u8>> {
    if refusals.is_empty() {
        return Some(upstream_body.to_vec());
    }
    if let Route::Soap(call) = route {
        return soap_rows::merge(*call, body, upstream_body, refusals);
    }
    let kept = Kept::of(route, body, refusals)?;
    json::parse(upstream_body).ok()?;
    let (at, items) = list(upstream_body, kept.names.answered)?;
    let by_item = kept.names.item.is_none_or(|member| {
        let has = |item| span::member(upstream_body, item, member).is_some();
        items.iter().all(has)
    });
    if !by_item || items.len() != kept.sent.iter().filter(|sent| **sent).count() {
        return None;
    }
    let mut answered = items.iter();
    let mut with = vec![b'['];
    for said in &kept.said {
        if with.len() > 1 {
            with.push(b',');
        }
        match said {
            Some(said) => with.extend_from_slice(said.to_string().as_bytes()),
            None => with.extend_from_slice(upstream_body.get(answered.next()?.clone())?),
        }
    }
    with.push(b']');
    let mut edits = vec![Edit { at, with }];
    if let Some(flag) =
        kept.names.flag.and_then(|flag| span::member(upstream_body, &span::whole(upstream_body)?, flag))
    {
        edits.push(Edit { at: flag, with: b"true".to_vec() });
    }
    Some(edited(upstream_body, edits))
}

/// What is sent on, and what is said about the rest.
struct Kept {
    names: Names,
    /// For each item of the request's list, whether it is sent on.
    sent: Vec<bool>,
    /// For each item of the request's list, what is said about it if it is not.
    said: Vec<Option<Value>>,
}

/// Where a route has its lists.
#[derive(Clone, Copy)]
struct Names {
    /// The request's list.
    sent: &'static str,
    /// The answer's list; `None` if the answer is the list.
    answered: Option<&'static str>,
    /// What every item of a genuine answer has.
    item: Option<&'static str>,
    /// A flag in the answer that says that something failed.
    flag: Option<&'static str>,
}

impl Kept {
    fn of(route: &Route, body: &[u8], refusals: &BTreeMap<usize, Refusal>) -> Option<Self> {
        let names = names(route)?;
        let plan = plan(route, body, &UNBOUNDED);
        if plan.unit == Unit::Whole || plan.groups.is_empty() {
            return None;
        }
        let fates: Fates = fates(route, &plan, refusals);
        let said = rendered(route, &plan, &fates);
        let said: Vec<Option<Value>> = if matches!(route, Route::Graph) {
            let whole = |parts: Vec<Option<Value>>| {
                parts.iter().any(Option::is_some).then(|| parts.into_iter().flatten().collect())
            };
            let graphs = said.into_iter().map(whole).zip(graph_ids(body));
            graphs.map(|(parts, id)| parts.map(|parts: Vec<Value>| graph(&parts, &id))).collect()
        } else {
            said.into_iter().flatten().collect()
        };
        Some(Self { names, sent: said.iter().map(Option::is_none).collect(), said })
    }
}

fn names(route: &Route) -> Option<Names> {
    let names = |sent, answered, item, flag| Some(Names { sent, answered, item, flag });
    match route {
        Route::CreateMany | Route::UpdateMany | Route::UpsertMany { .. } => {
            names("records", None, Some("success"), None)
        }
        Route::Composite => names("compositeRequest", Some("compositeResponse"), None, None),
        Route::Batch => names("batchRequests", Some("results"), None, Some("hasErrors")),
        Route::Graph => names("graphs", Some("graphs"), None, None),
        Route::Create { .. }
        | Route::Update { .. }
        | Route::Upsert { .. }
        | Route::Delete { .. }
        | Route::DeleteMany
        | Route::Tree { .. }
        | Route::BulkJob
        | Route::BulkUpload { .. }
        | Route::BulkV1(_)
        | Route::Soap(_)
        | Route::Api(_) => None,
    }
}

/// The list called `name`, or the whole text if that is the list: its span and its items'.
fn list(text: &[u8], name: impl Into<Option<&'static str>>) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let whole = span::whole(text)?;
    let at = match name.into() {
        Some(name) => span::member(text, &whole, name)?,
        None => whole,
    };
    let items = span::items(text, &at)?;
    Some((at, items))
}

#[cfg(test)]
mod tests;
