//! Fields of a shown row that say something of other rows: roll-up summaries, formulas that lead to a hidden row.
//!
//! A query that asks for one is rewritten or refused. A row that is asked for by its id comes with all its fields, so what
//! such a query would not show is null.

use std::collections::{BTreeMap, BTreeSet};

use carrier::salesforce::{RecordId, ShownRows};
use soql::Marks;

use super::{Turned, org::Org, statement};

/// The names of fields that are null, by the row's place in the answer.
pub(super) type Nulled = BTreeMap<usize, BTreeSet<String>>;

/// Members of a row that no other row tells. In lower case.
const PLAIN: [&str; 3] = ["attributes", "id", "name"];

/// Rows in one question: with them a target stays under what Salesforce takes.
const IDS_MAX: usize = 400;

/// Which fields of these rows tell of what is hidden.
pub(super) async fn fields(
    org: &Org<'_>,
    rows: &ShownRows<'_>,
    hidden: &BTreeSet<usize>,
) -> Result<Nulled, Turned> {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let shows_more = |at: usize| rows.names(at).iter().any(|name| !PLAIN.contains(&name.as_str()));
    let objects: BTreeSet<String> = rows
        .rows()
        .enumerate()
        .filter(|(at, row)| is_name(row.object) && !hidden.contains(at) && shows_more(*at))
        .map(|(_, row)| row.object.to_owned())
        .collect();
    let mut nulled = Nulled::new();
    if objects.is_empty() {
        return Ok(nulled);
    }
    let told =
        rows.rows().enumerate().filter(|(at, row)| objects.contains(row.object) && !hidden.contains(at));
    let told: BTreeSet<String> = told.flat_map(|(at, _)| rows.names(at)).collect();
    statement::describe(org, &objects, &told.into_iter().collect::<Vec<_>>().join(" ")).await?;
    let known = org.isolation.known();
    for object in objects {
        let (summaries, formulas) = known.schema.telling(&object);
        if summaries.is_empty() && formulas.is_empty() {
            continue;
        }
        let mut asked: BTreeMap<RecordId, Vec<(usize, BTreeSet<String>)>> = BTreeMap::new();
        for (at, row) in rows.rows().enumerate().filter(|(_, row)| row.object == object) {
            let names = rows.names(at);
            let found = |among: &BTreeSet<String>| -> BTreeSet<String> {
                names.intersection(among).cloned().collect()
            };
            let always = found(&summaries);
            if !always.is_empty() {
                nulled.entry(at).or_default().extend(always);
            }
            let perhaps = found(&formulas);
            match row.id {
                _ if perhaps.is_empty() => {}
                Some(id) => asked.entry(id).or_default().push((at, perhaps)),
                None => nulled.entry(at).or_default().extend(perhaps),
            }
        }
        let ids: Vec<RecordId> = asked.keys().copied().collect();
        for ids in ids.chunks(IDS_MAX) {
            let names: BTreeSet<&str> = ids
                .iter()
                .filter_map(|id| asked.get(id))
                .flatten()
                .flat_map(|(_, names)| names)
                .map(String::as_str)
                .collect();
            let shown = lead_nowhere_hidden(org, &object, &names, ids).await?;
            for (at, names) in
                ids.iter().filter(|id| !shown.contains(id)).filter_map(|id| asked.get(id)).flatten()
            {
                nulled.entry(*at).or_default().extend(names.iter().cloned());
            }
        }
    }
    Ok(nulled)
}

/// The rows of which a rewritten query would show these fields.
async fn lead_nowhere_hidden(
    org: &Org<'_>,
    object: &str,
    names: &BTreeSet<&str>,
    ids: &[RecordId],
) -> Result<BTreeSet<RecordId>, Turned> {
    let list = ids.iter().map(|id| format!("'{}'", id.long())).collect::<Vec<_>>().join(",");
    let names = names.iter().map(|name| format!(", {name}")).collect::<Vec<_>>().concat();
    let question = format!("SELECT Id{names} FROM {object} WHERE Id IN ({list})");
    match statement::isolated(org, &question, Marks::NotAsked).await {
        // What leads nowhere that could be hidden needs no question.
        Ok(isolated) if isolated.text == question => Ok(ids.iter().copied().collect()),
        Ok(isolated) => org.found(&isolated.text).await,
        // What cannot be asked is not shown.
        Err(_) => Ok(BTreeSet::new()),
    }
}
