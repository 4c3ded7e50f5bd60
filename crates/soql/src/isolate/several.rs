//! Relationships that may lead to several objects: closed by anti-joins, or by the ids that a statement itself names.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    CannotIsolate,
    rewrite::{Conditions, Rewrite, Stand, WAYS_MAX, next, single},
    scope::Scope,
};
use crate::{
    parse::{ParseError, parse},
    query::{Condition, Expression, Literal, LiteralKind, Membership, Operator, Query},
    schema::{Bearing, Lookup, Schema},
};

/// Ids to which a statement binds a lookup of its own rows that may lead to several objects (`WhatId = '…'`, `ParentId IN ('…')`), or
/// rows of which others tell whether they are hidden (`Id = '…'`).
///
/// Shape:  as they stand there, of the outer query alone. Whoever looked them up hands those that may be seen to
///         [`super::isolate_looked`].
pub fn bound_ids(text: &str, schema: &Schema) -> Result<BTreeSet<String>, ParseError> {
    let query = parse(text)?;
    let scope = single(&query).and_then(|object| Scope::new(&query.from, &object, schema));
    let Ok(scope) = scope else { return Ok(BTreeSet::new()) };
    Ok(bindings(&query, &scope, schema).into_iter().flat_map(|(_, ids)| ids).collect())
}

/// What else has to be asked so that rows which are hidden with rows linked to them can be told: where a lookup of this statement leads that it
/// uses, and binds to no id, while it binds another. The field, and the statement that asks for it.
pub fn links_question(text: &str, schema: &Schema) -> Option<(String, String)> {
    let query = parse(text).ok()?;
    let object = single(&query).ok()?;
    let scope = Scope::new(&query.from, &object, schema).ok()?;
    let bound = bindings(&query, &scope, schema);
    let (by, ids) = bound.first().filter(|_| bound.iter().all(|(field, _)| field != "id"))?;
    let text = text.to_ascii_lowercase();
    let lookup = schema.lookups(&object).find(|lookup| {
        lookup.targets.iter().any(|target| schema.is_linked(target))
            && text.contains(&format!("{}.", lookup.relationship.to_ascii_lowercase()))
            && bound.iter().all(|(field, _)| !field.eq_ignore_ascii_case(&lookup.field))
    })?;
    let field = lookup.field.clone();
    let question = format!("SELECT {field} FROM {object} WHERE {by} IN ({})", listed(ids));
    Some((field, question))
}

/// What was looked up before a statement is rewritten.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Of the ids to which the statement binds lookups, or its own rows, those of rows that may be seen.
    pub ids: BTreeSet<String>,
    /// Lookups that may lead to these rows alone.
    pub only: BTreeMap<String, BTreeSet<String>>,
}

/// Where lookups of a query's rows lead, by the field in lower case; `id` is the row itself.
#[derive(Clone, Default)]
pub(super) struct Bound(Rc<BTreeMap<String, To>>);

#[derive(Clone)]
enum To {
    /// Where the statement says, but to none of these.
    Except(BTreeSet<String>),
    /// To one of these.
    Only(BTreeSet<String>),
}

impl Bound {
    /// By this field to a row that is shown.
    pub(super) fn to_seen(field: Option<&str>) -> Self {
        let field = field.map(|field| (field.to_ascii_lowercase(), To::Except(BTreeSet::new())));
        Self(Rc::new(field.into_iter().collect()))
    }

    /// By what the query's own conditions say.
    pub(super) fn add(&mut self, query: &Query, scope: &Scope<'_>, schema: &Schema, seen: &Seen) {
        let known = Rc::make_mut(&mut self.0);
        for (field, ids) in bindings(query, scope, schema) {
            let unseen = ids.difference(&seen.ids).cloned().collect();
            known.entry(field).or_insert(To::Except(unseen));
        }
        for (field, ids) in &seen.only {
            known.entry(field.to_ascii_lowercase()).or_insert_with(|| To::Only(ids.clone()));
        }
    }

    fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }
}

impl Conditions {
    /// Says of a lookup, or of the rows themselves, that they lead to no hidden row, by the ids to which they are bound; whether
    /// they are bound to any.
    pub(super) fn hold(&mut self, stand: &Stand, field: &str) -> bool {
        let Some(to) = stand.bound.0.get(&field.to_ascii_lowercase()) else { return false };
        let field = format!("{}{field}", stand.before);
        match to {
            To::Except(ids) if ids.is_empty() => {}
            To::Except(ids) => self.push(format!("{field} NOT IN ({})", listed(ids))),
            To::Only(ids) if ids.is_empty() => self.push(format!("{field} = null")),
            To::Only(ids) => self.push(format!("{field} IN ({})", listed(ids))),
        }
        true
    }
}

fn listed(ids: &BTreeSet<String>) -> String {
    ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ")
}

/// The lookups to several objects, or to rows that can be asked for by ids alone, that must have one of some ids, whatever else a row
/// has; and the rows' own ids, where it is told by others whether they are hidden.
fn bindings(query: &Query, scope: &Scope<'_>, schema: &Schema) -> Vec<(String, BTreeSet<String>)> {
    let parts: &[Condition] = match &query.filter {
        Some(Condition::And(parts)) => parts,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let mut all = Vec::new();
    for part in parts {
        let (left, values) = match part {
            Condition::Compare { left, operator: Operator::Equal, right } => {
                (left, std::slice::from_ref(right))
            }
            Condition::Listed { left, operator: Membership::In, values } => (left, values.as_slice()),
            Condition::And(_)
            | Condition::Or(_)
            | Condition::Not(_)
            | Condition::Compare { .. }
            | Condition::Listed { .. }
            | Condition::Joined { .. } => continue,
        };
        let Expression::Field(_) = left else { continue };
        let uses = scope.of_expression(left, schema);
        let [one] = uses.as_slice() else { continue };
        let (true, Some(field)) = (one.ways.is_empty(), &one.field) else { continue };
        let is_told_elsewhere = |lookup: &Lookup| {
            lookup.targets.len() > 1 || lookup.targets.iter().any(|to| schema.is_linked(to))
        };
        let leads_to_several = schema
            .lookups(scope.object())
            .any(|lookup| lookup.field.eq_ignore_ascii_case(field) && is_told_elsewhere(lookup));
        let bearing = schema.bearing(scope.object());
        let is_row = field.eq_ignore_ascii_case("Id")
            && matches!(bearing, Some(Bearing::Through(_) | Bearing::Linked));
        let ids: Option<BTreeSet<String>> = values.iter().map(id).collect();
        if let (true, Some(ids)) = (leads_to_several || is_row, ids) {
            all.push((field.to_ascii_lowercase(), ids));
        }
    }
    all
}

/// An id, as a value that may stand in a statement again.
fn id(value: &Literal) -> Option<String> {
    let text = (value.kind == LiteralKind::Text).then(|| value.value())?;
    let is_id = matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_id.then_some(text)
}

impl Rewrite<'_> {
    /// Whether rows that are bound to ids which were looked up were looked up by this relationship too.
    pub(super) fn is_told_by(&self, stand: &Stand, way: &str) -> Result<bool, CannotIsolate> {
        if !stand.bound.has("id") {
            return Ok(false);
        }
        let [object] = stand.objects.as_slice() else { return Ok(false) };
        let bearing = self.bearing(object, stand.position)?;
        Ok(bearing.through().iter().any(|through| through.eq_ignore_ascii_case(way)))
    }

    /// A polymorphic relationship does not lead to a hidden row of that object.
    pub(super) fn may_link(
        &self,
        conditions: &mut Conditions,
        stand: &Stand,
        lookup: &Lookup,
        target: &str,
    ) -> Result<(), CannotIsolate> {
        let position = stand.position;
        let bearing = self.bearing(target, position)?;
        if bearing == Bearing::Open {
            return Ok(());
        }
        if bearing == Bearing::Hidden {
            conditions.push(format!("{}{}.Type != '{target}'", stand.before, lookup.relationship));
            return Ok(());
        }
        if bearing == Bearing::Linked {
            return Err(CannotIsolate::Linked { position });
        }
        // The id of a row further away cannot be the left side of an anti-join.
        if stand.ways > 0 {
            return Err(CannotIsolate::Polymorphic { position });
        }
        let concealed = self.concealed(&Stand::on(target, String::new(), position), target)?;
        if concealed.is_empty() {
            return Ok(());
        }
        let field = &lookup.field;
        conditions.push_anti_join(format!(
            "{}{field} NOT IN (SELECT Id FROM {target} WHERE {})",
            stand.before,
            concealed.join(" OR ")
        ));
        Ok(())
    }

    /// Conditions of which one holds for a row that may not be seen, also where that is told by what it points at.
    fn concealed(&self, stand: &Stand, object: &str) -> Result<Vec<String>, CannotIsolate> {
        let position = stand.position;
        let bearing = self.bearing(object, position)?;
        let mut all = if bearing.has_fields() { self.hidden.concealed(&stand.before) } else { Vec::new() };
        for way in bearing.through() {
            if stand.ways == WAYS_MAX {
                return Err(CannotIsolate::TooFar { position });
            }
            let lookup =
                self.schema.lookup_of(object, way).ok_or(CannotIsolate::UnknownRelationship { position })?;
            // An anti-join takes no other inside.
            let [target] = lookup.targets.as_slice() else {
                return Err(CannotIsolate::ThroughSeveral { position });
            };
            let there = format!("{}{} != null", stand.before, lookup.field);
            match self.bearing(target, position)? {
                Bearing::Hidden => {
                    all.push(there);
                    continue;
                }
                Bearing::Linked => return Err(CannotIsolate::Linked { position }),
                Bearing::Fields | Bearing::Through(_) | Bearing::FieldsAndThrough(_) | Bearing::Open => {}
            }
            let beyond = self.concealed(&next(stand, way, Vec::new()), target)?;
            if !beyond.is_empty() {
                // Where nothing is pointed at, fields behind it are empty as those of a row without a mark are.
                all.push(format!("({there} AND ({}))", beyond.join(" OR ")));
            }
        }
        Ok(all)
    }
}
