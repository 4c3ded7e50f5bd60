//! References by another field than the id, in rows that are written: they lead to rows that the client may see, or nowhere.

use std::collections::{BTreeMap, BTreeSet};

use carrier::salesforce::{self, Foreign, Foreigns, Scalar};
use serde_json::Value;
use soql::Marks;

use super::{
    Turned,
    org::Org,
    statement::{describe, isolated},
};
use crate::{head::Head, problem::Problem, request::content_type};

/// Values that are asked for at once.
const VALUES_MAX: usize = 50;

/// Refuses what points by a value at a row that the client may not see, and no otherwise what points at none.
///
/// The org would link to the one and name the other in its error. One answer to both tells nothing.
///
/// Bounds: one description of each object, and one question for each 50 values of a field.
pub(super) async fn refuse_unseen(org: &Org<'_>, head: &Head, body: &[u8]) -> Result<(), Turned> {
    let kind = content_type(head);
    let (method, other) = (head.method.as_str(), head.method_override.as_deref());
    let found = salesforce::foreign(method, &head.target, other, kind.as_deref(), body);
    if found.asked.is_empty() {
        return Ok(());
    }
    let objects: BTreeSet<String> = found.asked.iter().map(|one| one.object.clone()).collect();
    describe(org, &objects, "").await?;
    let mut values = BTreeMap::<(String, String), BTreeSet<Scalar>>::new();
    for one in &found.asked {
        let Some(target) = target(org, one).await? else { continue };
        let field = one.field.clone().ok_or(Problem::Closed(UNSEEN))?;
        values.entry((target, field)).or_default().insert(one.value.clone());
    }
    for ((target, field), values) in values {
        let values: Vec<Scalar> = values.into_iter().collect();
        for some in values.chunks(VALUES_MAX) {
            seen(org, &found, (&target, &field), some).await?;
        }
    }
    Ok(())
}

/// The object that a reference leads to, if any row of it could be hidden.
///
/// Errors: it could be several, and does not say which.
async fn target(org: &Org<'_>, one: &Foreign) -> Result<Option<String>, Turned> {
    let known = org.isolation.known();
    let Some(targets) = known.targets(&one.object, &one.way.to_ascii_lowercase()) else {
        // There is no such relationship: the org says so.
        return Ok(None);
    };
    let is_said = |target: &String| one.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(target));
    let mut hiding = Vec::new();
    for target in targets.into_iter().filter(is_said) {
        if !org.isolation.is_dataset(&target) && !org.hides_none_of(&target).await? {
            hiding.push(target);
        }
    }
    match hiding.as_slice() {
        [] => Ok(None),
        [target] => Ok(Some(target.clone())),
        _ => Err(Problem::Closed(UNSEEN).into()),
    }
}

/// Asks which of these values rows have that the client may see.
async fn seen(
    org: &Org<'_>,
    found: &Foreigns,
    (target, field): (&str, &str),
    values: &[Scalar],
) -> Result<(), Turned> {
    let list: Vec<String> = values.iter().map(literal).collect();
    let statement = format!("SELECT {field} FROM {target} WHERE {field} IN ({})", list.join(","));
    let shown = isolated(org, &statement, Marks::NotAsked).await?;
    let shown = asked(org, field, &shown.text).await?;
    let missing: Vec<String> =
        values.iter().map(|value| plain(value.text())).filter(|value| !shown.contains(value)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let is = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let brings = |value: &String| {
        let mut made = found.made.iter();
        made.any(|(object, name, brought)| is(object, target) && is(name, field) && plain(brought) == *value)
    };
    if !missing.iter().all(brings) {
        return Err(Problem::Closed(UNSEEN).into());
    }
    // A row of the same request may be meant, but not where there is one already that nobody may see.
    let there = asked(org, field, &statement).await?;
    if missing.iter().any(|value| there.contains(value)) {
        return Err(Problem::Closed(UNSEEN).into());
    }
    Ok(())
}

/// The values of a field in the rows that a statement finds.
async fn asked(org: &Org<'_>, field: &str, statement: &str) -> Result<BTreeSet<String>, Turned> {
    let (status, answer) = org.get(&salesforce::query_target(&org.version, "query", statement)).await?;
    if !status.is_success() {
        return Err(Problem::Closed(UNSEEN).into());
    }
    let answer: Value = serde_json::from_slice(&answer).map_err(|_| Problem::ShownUnreadable)?;
    let rows = answer.get("records").and_then(Value::as_array).into_iter().flatten();
    let value = |row: &Value| {
        let own = row.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
        let value = own?.1;
        Some(value.as_str().map_or_else(|| plain(&value.to_string()), plain))
    };
    Ok(rows.filter_map(value).collect())
}

/// A value as it is compared: the org minds neither case nor white space at its ends, nor how a number is written.
fn plain(text: &str) -> String {
    let text = text.trim().to_lowercase();
    text.parse::<f64>().map_or(text, |number| number.to_string())
}

fn literal(value: &Scalar) -> String {
    match value {
        Scalar::Text(text) => format!("'{}'", text.trim().replace('\\', "\\\\").replace('\'', "\\'")),
        Scalar::Plain(plain) => plain.clone(),
    }
}

const UNSEEN: &str = "reads are isolated here: what points at a record by another field than its id must point at one that you may see, and only at one; give its id, or send that record first";
