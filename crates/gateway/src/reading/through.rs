//! Rows that are hidden with others where no query can say so: what they point at, or what is linked to them, is looked up by its
//! ids.

use std::collections::{BTreeMap, BTreeSet};

use carrier::salesforce::RecordId;
use mark::VerdictName;
use serde_json::Value;

use super::{
    LookedUp, Turned,
    org::{Found, Org, list},
};
use crate::{
    isolation::{FILE, FILE_LINK},
    problem::Problem,
};

/// Rows that are followed one after the other, as in one path of a query.
const STEPS_MAX: usize = 5;

/// The rows to which each row leads.
type Leads = BTreeMap<RecordId, BTreeSet<RecordId>>;

impl Org<'_> {
    /// Looks at what these rows of an object point at, or what is linked to them, where no isolated query can be asked for them. A
    /// row is shown if nothing of that is hidden, and it is there.
    ///
    /// Errors: `otherwise`, why no query can be asked, for an object that is told in another way.
    pub(super) async fn find_by_lookups(
        &self,
        object: &str,
        ids: &[RecordId],
        looked: &mut LookedUp,
        otherwise: Turned,
    ) -> Result<Found, Turned> {
        let known = self.isolation.known();
        let fields = known.schema.told_by(object);
        if looked.steps == STEPS_MAX {
            return Err(otherwise);
        }
        let mut leads = Leads::new();
        if known.schema.is_linked(object) {
            if !object.eq_ignore_ascii_case(FILE) && !self.reader.hidden.hides(VerdictName::Unproven) {
                // What nothing is linked to says nothing of anybody; a file at least is its owner's.
                leads.extend(ids.iter().map(|id| (*id, BTreeSet::new())));
            }
            for (child, field, to) in self.links(object) {
                self.lead(&child, &field, &[to], ids, &mut leads).await?;
            }
        } else if let Some(fields) = fields {
            if self.lead(object, "Id", &fields, ids, &mut leads).await? == Found::NoId {
                return Ok(Found::NoId);
            }
        } else {
            return Err(otherwise);
        }
        let to: BTreeSet<RecordId> = leads.values().flatten().copied().collect();
        let mut beyond = LookedUp { steps: looked.steps + 1, ..LookedUp::default() };
        Box::pin(self.look_up(&to, &mut beyond)).await?;
        for id in ids {
            let is_shown = leads.get(id).is_some_and(|to| to.is_subset(&beyond.shown));
            let among = if is_shown { &mut looked.shown } else { &mut looked.hidden };
            among.insert(*id);
        }
        Ok(Found::Answered)
    }

    /// What is linked to rows of an object: the object of the links, their lookup to these rows, and that to what is linked.
    fn links(&self, object: &str) -> Vec<(String, String, String)> {
        if object.eq_ignore_ascii_case(FILE) {
            return vec![(FILE_LINK.to_owned(), "ContentDocumentId".to_owned(), "LinkedEntityId".to_owned())];
        }
        let by = self.isolation.known().schema.pointed_at_by(object);
        let by = by.into_iter().filter(|(child, _)| self.isolation.is_marked(child));
        by.map(|(child, field)| (child, field, "Id".to_owned())).collect()
    }

    /// Asks for rows whose field has one of these ids, and where their lookups lead.
    async fn lead(
        &self,
        object: &str,
        field: &str,
        to: &[String],
        ids: &[RecordId],
        leads: &mut Leads,
    ) -> Result<Found, Turned> {
        let statement =
            format!("SELECT {field}, {} FROM {object} WHERE {field} IN ({})", to.join(", "), list(ids));
        let Some(rows) = self.objects_found(&statement).await? else { return Ok(Found::NoId) };
        for row in rows {
            let own = id_in(&row, field).ok_or(Problem::ShownUnreadable)?;
            leads.entry(own).or_default().extend(to.iter().filter_map(|field| id_in(&row, field)));
        }
        Ok(Found::Answered)
    }

    /// The rows that a statement finds; nothing if an id in it is none of the object's.
    async fn objects_found(&self, statement: &str) -> Result<Option<Vec<Value>>, Turned> {
        let Some(pages) = self.rows(statement).await? else { return Ok(None) };
        let mut found = Vec::new();
        for page in pages {
            let mut page: Value = serde_json::from_slice(&page).map_err(|_| Problem::ShownUnreadable)?;
            let rows = page.get_mut("records").and_then(Value::as_array_mut);
            found.append(rows.ok_or(Problem::ShownUnreadable)?);
        }
        Ok(Some(found))
    }
}

fn id_in(row: &Value, field: &str) -> Option<RecordId> {
    let members = row.as_object()?;
    let (_, value) = members.iter().find(|(name, _)| name.eq_ignore_ascii_case(field))?;
    value.as_str().and_then(RecordId::parse)
}

/// Looks up the ids to which a statement binds its rows and their lookups, and the rows to which links lead that it uses; nothing where
/// it binds none.
pub(super) async fn seen(org: &Org<'_>, statement: &str) -> Result<Option<soql::Seen>, Turned> {
    let known = org.isolation.known();
    let Ok(bound) = soql::bound_ids(statement, &known.schema) else { return Ok(None) };
    if bound.is_empty() {
        return Ok(None);
    }
    let ids: BTreeMap<&String, RecordId> =
        bound.iter().filter_map(|id| Some((id, RecordId::parse(id)?))).collect();
    let mut looked = LookedUp::default();
    Box::pin(org.look_up(&ids.values().copied().collect(), &mut looked)).await?;
    let shown = ids.into_iter().filter(|(_, id)| looked.shown.contains(id)).map(|(text, _)| text.clone());
    let mut seen = soql::Seen { ids: shown.collect(), only: BTreeMap::new() };
    if let Some((field, question)) = soql::links_question(statement, &known.schema) {
        let rows = org.objects_found(&question).await?.unwrap_or_default();
        let ids: BTreeSet<RecordId> = rows.iter().filter_map(|row| id_in(row, &field)).collect();
        if ids.len() > LINKS_MAX {
            return Ok(None);
        }
        Box::pin(org.look_up(&ids, &mut looked)).await?;
        let shown = ids.intersection(&looked.shown).map(RecordId::long).collect();
        seen.only.insert(field, shown);
    }
    Ok(Some(seen))
}

/// Rows that are named one by one in a statement: with them a target stays under what Salesforce takes.
const LINKS_MAX: usize = 400;
