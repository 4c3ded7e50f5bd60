//! Conditions for one query after the other, and the edits that put them into the text.

use std::collections::BTreeSet;

use super::{
    Added, CannotIsolate, Isolated, Rows,
    scope::{Scope, Use, fields_of},
    several::{Bound, Seen},
};
use crate::{
    hidden::{Hidden, LookupIds, Marks},
    query::{Condition, Item, Query, TypeOf},
    schema::{Bearing, Derived, Lookup, Schema, Unknown},
    span::Span,
    token::TEXT_CHARACTERS_MAX,
};

/// Objects that one path may pass, as in Salesforce.
pub(super) const WAYS_MAX: usize = 5;
/// Formulas of formulas that are looked into.
const FORMULAS_MAX: usize = 10;

pub(super) struct Rewrite<'h> {
    pub(super) hidden: &'h Hidden,
    pub(super) schema: &'h Schema,
    /// Ids that were looked up, and lead to rows that may be seen; nothing where none was.
    pub(super) seen: Option<&'h Seen>,
    edits: Vec<(usize, String)>,
    added: Vec<Added>,
}

/// Where a query stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Outer,
    Child,
    Join,
}

/// The conditions of one query, each once, in order.
#[derive(Default)]
pub(super) struct Conditions {
    texts: Vec<String>,
    anti_joins: usize,
}

impl Conditions {
    pub(super) fn push(&mut self, text: String) {
        if !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    pub(super) fn push_anti_join(&mut self, text: String) {
        if !self.texts.contains(&text) {
            self.anti_joins += 1;
            self.texts.push(text);
        }
    }

    pub(super) fn needs_joins(&self) -> bool {
        self.anti_joins > 0
    }

    pub(super) fn text(&self) -> Option<String> {
        (!self.texts.is_empty()).then(|| self.texts.join(" AND "))
    }
}

/// Some rows on the way: which objects they may be, and what stands before a field of theirs.
#[derive(Clone)]
pub(super) struct Stand {
    pub(super) objects: Vec<String>,
    pub(super) before: String,
    pub(super) ways: usize,
    /// How many formulas led here, one in the other.
    pub(super) formulas: usize,
    pub(super) position: usize,
    /// Where lookups of these very rows lead, as far as the statement says so.
    pub(super) bound: Bound,
}

impl Stand {
    /// On the rows of a query.
    pub(super) fn on(object: &str, before: String, position: usize) -> Self {
        Self {
            objects: vec![object.to_owned()],
            before,
            ways: 0,
            formulas: 0,
            position,
            bound: Bound::default(),
        }
    }
}

impl<'h> Rewrite<'h> {
    pub(super) fn new(hidden: &'h Hidden, schema: &'h Schema) -> Self {
        Self { hidden, schema, seen: None, edits: Vec::new(), added: Vec::new() }
    }

    pub(super) fn outer(&mut self, query: &Query) -> Result<(), CannotIsolate> {
        let object = single(query)?;
        self.query(query, &object, Level::Outer, &[], Bound::default())
    }

    /// Puts the edits into the text.
    pub(super) fn finish(mut self, text: &str, rows: Rows) -> Result<Isolated, CannotIsolate> {
        self.edits.sort_by_key(|(at, _)| *at);
        let extra: usize = self.edits.iter().map(|(_, insert)| insert.len()).sum();
        let mut whole = String::with_capacity(text.len() + extra);
        let mut from = 0;
        for (at, insert) in &self.edits {
            push_apart(&mut whole, text.get(from..*at).unwrap_or_default());
            push_apart(&mut whole, insert);
            from = *at;
        }
        push_apart(&mut whole, text.get(from..).unwrap_or_default());
        if whole.len() > TEXT_CHARACTERS_MAX && whole.chars().count() > TEXT_CHARACTERS_MAX {
            return Err(CannotIsolate::TooLong);
        }
        Ok(Isolated { text: whole, added: self.added, rows })
    }

    fn query(
        &mut self,
        query: &Query,
        object: &str,
        level: Level,
        place: &[String],
        mut bound: Bound,
    ) -> Result<(), CannotIsolate> {
        let scope = Scope::new(&query.from, object, self.schema)?;
        let position = query.from.span.start;
        if let Some(seen) = self.seen {
            bound.add(query, &scope, self.schema, seen);
        }
        let stand = Stand { bound, ..Stand::on(object, scope.before(), position) };
        let mut conditions = Conditions::default();
        self.rows(&mut conditions, &stand)?;
        let uses = scope.uses(query, self.schema);
        for one in &uses {
            self.used(&mut conditions, &stand, one)?;
        }
        if query
            .select
            .iter()
            .any(|item| matches!(item, Item::Value { value, .. } if fields_of(value).is_some()))
        {
            self.every_field(&mut conditions, &stand)?;
        }
        for item in &query.select {
            match item {
                Item::TypeOf(type_of) => self.type_of(type_of)?,
                Item::Child(child) => self.child(child, object, &scope, place)?,
                Item::Value { .. } => {}
            }
        }
        let mut joins = Vec::new();
        for condition in query.filter.iter().chain(&query.having) {
            condition.each_join(&mut |join| joins.push(join));
        }
        for join in &joins {
            self.query(join, &single(join)?, Level::Join, &[], Bound::default())?;
        }
        if conditions.needs_joins() {
            if level == Level::Join {
                return Err(CannotIsolate::NoJoinHere { position });
            }
            if joins.len() + conditions.anti_joins > self.hidden.subqueries_max {
                return Err(CannotIsolate::TooManyJoins { position });
            }
        }
        self.put(conditions.text(), query.filter.as_ref(), query.filter_span, query.source_end());
        if level != Level::Join && !query.is_count() && !query.is_aggregate() {
            self.ask(&stand, &uses, &query.select, query.select_span.end, place)?;
        }
        Ok(())
    }

    /// Puts conditions before those of the client, or in their place if there are none.
    pub(super) fn put(
        &mut self,
        conditions: Option<String>,
        filter: Option<&Condition>,
        span: Span,
        source_end: usize,
    ) {
        let Some(conditions) = conditions else { return };
        match filter {
            None => self.edit(source_end, format!(" WHERE {conditions}")),
            // Salesforce takes semi-joins only outside parentheses, so these stay where they are.
            Some(Condition::Compare { .. } | Condition::Listed { .. } | Condition::Joined { .. }) => {
                self.edit(span.start, format!("{conditions} AND "));
            }
            Some(Condition::And(_)) => self.edit(span.start, format!("{conditions} AND ")),
            Some(Condition::Or(_) | Condition::Not(_)) => {
                self.edit(span.start, format!("{conditions} AND ("));
                self.edit(span.end, ")".to_owned());
            }
        }
    }

    pub(super) fn edit(&mut self, at: usize, insert: String) {
        self.edits.push((at, insert));
    }

    fn child(
        &mut self,
        child: &Query,
        parent: &str,
        scope: &Scope<'_>,
        place: &[String],
    ) -> Result<(), CannotIsolate> {
        let position = child.from.span.start;
        let unknown = CannotIsolate::UnknownRelationship { position };
        let names = child.from.object.names();
        let (relationship, before) = names.split_last().ok_or(unknown)?;
        let itself = match before {
            [] => true,
            [one] => one.is(parent) || scope.before().trim_end_matches('.').eq_ignore_ascii_case(&one.text),
            _ => false,
        };
        if !itself {
            return Err(unknown);
        }
        let object = match (self.schema.child_of(parent, &relationship.text), self.schema.unrelated()) {
            (Some(object), _) => object,
            (None, Unknown::Refused) => return Err(unknown),
            // No object has this name, so what is said of unstated objects holds for it.
            (None, Unknown::AssumedToBear | Unknown::Open) => format!("{relationship:?}?"),
        };
        let mut below = place.to_vec();
        below.push(relationship.text.to_string());
        // A row that is shown is what its children point at by this relationship.
        let bound = Bound::to_seen(self.schema.child_field(parent, &relationship.text));
        self.query(child, &object, Level::Child, &below, bound)
    }

    /// What must hold for the rows themselves.
    pub(super) fn rows(&self, conditions: &mut Conditions, stand: &Stand) -> Result<(), CannotIsolate> {
        for object in &stand.objects {
            let bearing = self.bearing(object, stand.position)?;
            if bearing == Bearing::Hidden {
                conditions.push(format!("{}Id = null", stand.before));
            }
            if conditions.hold(stand, "Id") {
                continue;
            }
            if bearing == Bearing::Linked {
                return Err(CannotIsolate::Linked { position: stand.position });
            }
            if bearing.has_fields() {
                for condition in self.hidden.visible(&stand.before) {
                    conditions.push(condition);
                }
            }
            for way in bearing.through() {
                self.way(conditions, stand.clone(), std::slice::from_ref(way))?;
            }
        }
        Ok(())
    }

    pub(super) fn bearing(&self, object: &str, position: usize) -> Result<Bearing, CannotIsolate> {
        // A child relationship that nobody knows: `query` was let through by what is said of such.
        if object.ends_with('?') {
            return Ok(match self.schema.unrelated() {
                Unknown::AssumedToBear => Bearing::Fields,
                Unknown::Open | Unknown::Refused => Bearing::Open,
            });
        }
        if self.hidden.shows_datasets() && self.schema.is_dataset(object) {
            return Ok(Bearing::Open);
        }
        self.schema.bearing(object).ok_or(CannotIsolate::UnknownObject { position })
    }

    pub(super) fn used(
        &self,
        conditions: &mut Conditions,
        stand: &Stand,
        one: &Use,
    ) -> Result<(), CannotIsolate> {
        let stand = Stand { position: one.position, ..stand.clone() };
        let Some(end) = self.way(conditions, stand, &one.ways)? else { return Ok(()) };
        let Some(field) = &one.field else { return Ok(()) };
        for object in &end.objects {
            self.calculated(conditions, &end, object, field)?;
            if self.hidden.ids == LookupIds::Shown {
                continue;
            }
            let lookups =
                self.schema.lookups(object).filter(|lookup| lookup.field.eq_ignore_ascii_case(field));
            // The id of what is asked for by ids alone leads nowhere by itself.
            for lookup in lookups.filter(|one| !one.targets.iter().any(|to| self.schema.is_linked(to))) {
                self.way(conditions, end.clone(), std::slice::from_ref(&lookup.relationship))?;
            }
        }
        Ok(())
    }

    /// A formula uses what it is calculated from; a summary uses rows that nobody knows.
    fn calculated(
        &self,
        conditions: &mut Conditions,
        end: &Stand,
        object: &str,
        field: &str,
    ) -> Result<(), CannotIsolate> {
        let position = end.position;
        let paths = match self.schema.derived(object, field) {
            None => return Ok(()),
            Some(Derived::Summary) => return Err(CannotIsolate::Summary { position }),
            Some(Derived::From(paths)) => paths,
        };
        if end.formulas == FORMULAS_MAX {
            return Err(CannotIsolate::TooFar { position });
        }
        let inside = Stand { objects: vec![object.to_owned()], formulas: end.formulas + 1, ..end.clone() };
        for path in paths {
            let Some((field, ways)) = path.split_last() else { continue };
            let one = Use { ways: ways.to_vec(), field: Some(field.clone()), selected: false, position };
            self.used(conditions, &inside, &one)?;
        }
        Ok(())
    }

    /// All ids and calculated fields that the rows may hold.
    pub(super) fn every_field(
        &self,
        conditions: &mut Conditions,
        stand: &Stand,
    ) -> Result<(), CannotIsolate> {
        for object in &stand.objects {
            let lookups = self.schema.lookups(object).map(|lookup| &lookup.field);
            for field in lookups.chain(self.schema.derived_fields(object)) {
                let one = Use {
                    ways: Vec::new(),
                    field: Some(field.clone()),
                    selected: false,
                    position: stand.position,
                };
                self.used(conditions, stand, &one)?;
            }
        }
        Ok(())
    }

    /// Goes along relationships, and says for each that it leads to no hidden row. `None` where nothing more is known.
    fn way(
        &self,
        conditions: &mut Conditions,
        mut stand: Stand,
        ways: &[String],
    ) -> Result<Option<Stand>, CannotIsolate> {
        let position = stand.position;
        for way in ways {
            if stand.ways == WAYS_MAX {
                return Err(CannotIsolate::TooFar { position });
            }
            let found: Vec<Lookup> =
                stand.objects.iter().filter_map(|object| self.schema.lookup_of(object, way)).collect();
            let Some(first) = found.first() else {
                match self.schema.unrelated() {
                    Unknown::Refused => return Err(CannotIsolate::UnknownRelationship { position }),
                    Unknown::Open => return Ok(None),
                    Unknown::AssumedToBear => {}
                }
                let lookup = Lookup::usual(way, &[]);
                self.linked(conditions, &stand, &lookup, &Bearing::Fields);
                stand = next(&stand, way, Vec::new());
                continue;
            };
            let targets: BTreeSet<String> = found.iter().flat_map(|lookup| lookup.targets.clone()).collect();
            let targets: Vec<String> = targets.into_iter().collect();
            let after = next(&stand, way, targets.clone());
            if self.is_told_by(&stand, way)? {
                stand = after;
                continue;
            }
            match targets.as_slice() {
                [] => return Err(CannotIsolate::UnknownRelationship { position }),
                // What a row that is shown says of its data set is nothing of anybody else.
                [one] if self.schema.is_dataset(one) => {}
                [one] => {
                    let bearing = self.bearing(one, position)?;
                    if bearing == Bearing::Linked && !conditions.hold(&stand, &first.field) {
                        return Err(CannotIsolate::Linked { position });
                    }
                    self.linked(conditions, &stand, first, &bearing);
                    for through in bearing.through() {
                        self.way(conditions, after.clone(), std::slice::from_ref(through))?;
                    }
                }
                several => {
                    if conditions.hold(&stand, &first.field) {
                        stand = after;
                        continue;
                    }
                    for target in several {
                        self.may_link(conditions, &stand, first, target)?;
                    }
                }
            }
            stand = after;
        }
        Ok(Some(stand))
    }

    /// The row that a relationship leads to may be seen, or there is none.
    fn linked(&self, conditions: &mut Conditions, stand: &Stand, lookup: &Lookup, bearing: &Bearing) {
        let none = format!("{}{} = null", stand.before, lookup.field);
        if *bearing == Bearing::Hidden {
            conditions.push(none);
        } else if bearing.has_fields() {
            let visible = self.hidden.visible(&format!("{}{}.", stand.before, lookup.relationship));
            match visible.as_slice() {
                [] => {}
                [one] => conditions.push(format!("({none} OR {one})")),
                several => conditions.push(format!("({none} OR ({}))", several.join(" AND "))),
            }
        }
    }

    /// The fields inside a `TYPEOF` cannot be filtered: none may lead on to an object that hides rows.
    fn type_of(&self, type_of: &TypeOf) -> Result<(), CannotIsolate> {
        let position = type_of.span.start;
        let branches = type_of.branches.iter().map(|(object, fields)| (&*object.text, fields));
        for (object, fields) in branches.chain([("Name", &type_of.otherwise)]) {
            let stand = Stand::on(object, String::new(), position);
            for field in fields {
                let mut conditions = Conditions::default();
                let one = Use {
                    ways: field.ways().iter().map(|name| name.text.to_string()).collect(),
                    field: field.last().map(|name| name.text.to_string()),
                    selected: false,
                    position,
                };
                self.used(&mut conditions, &stand, &one)?;
                if conditions.text().is_some() {
                    return Err(CannotIsolate::TypeOf { position });
                }
            }
        }
        Ok(())
    }

    /// Adds the fields that the answer is judged by, where they are not asked for.
    pub(super) fn ask(
        &mut self,
        stand: &Stand,
        uses: &[Use],
        select: &[Item],
        at: usize,
        place: &[String],
    ) -> Result<(), CannotIsolate> {
        let mut insert = String::new();
        for (written, field) in self.unasked(stand, uses, select)? {
            insert.push_str(", ");
            insert.push_str(&written);
            self.added.push(Added { place: place.to_vec(), field });
        }
        if !insert.is_empty() {
            self.edit(at, insert);
        }
        Ok(())
    }

    /// The fields that the answer is judged by and that are not asked for: as written in the query, and in the answer.
    pub(super) fn unasked(
        &self,
        stand: &Stand,
        uses: &[Use],
        select: &[Item],
    ) -> Result<Vec<(String, String)>, CannotIsolate> {
        let mut fields = Vec::new();
        if self.hidden.marks == Marks::NotAsked {
            return Ok(fields);
        }
        let sets = sets(select);
        for way in selected_ways(uses) {
            let Some(end) = self.way(&mut Conditions::default(), stand.clone(), &way)? else { continue };
            let [object] = end.objects.as_slice() else { continue };
            if !self.bearing(object, stand.position)?.has_fields() {
                continue;
            }
            for field in self.hidden.judged_by() {
                let asked = uses.iter().any(|one| {
                    let this = one.field.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&field));
                    one.selected && this && same(&one.ways, &way)
                });
                // Of these sets the standard one has `Id`, the custom one the others.
                let in_set = |set: &String| set == "ALL" || (set == "STANDARD") == (field == "Id");
                if asked || (way.is_empty() && sets.iter().any(in_set)) {
                    continue;
                }
                let answered = way.iter().chain([&field]).map(String::as_str).collect::<Vec<_>>().join(".");
                fields.push((format!("{}{field}", end.before), answered));
            }
        }
        Ok(fields)
    }
}

/// The words in `FIELDS(…)`.
fn sets(select: &[Item]) -> Vec<String> {
    let set = |item: &Item| match item {
        Item::Value { value, .. } => fields_of(value),
        Item::TypeOf(_) | Item::Child(_) => None,
    };
    select.iter().filter_map(set).collect()
}

/// The ways to all rows of which something is selected, the outer row first.
fn selected_ways(uses: &[Use]) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for one in uses.iter().filter(|one| one.selected) {
        for length in 1..=one.ways.len() {
            let way: Vec<String> = one.ways.iter().take(length).cloned().collect();
            if !all.iter().any(|known| same(known, &way)) {
                all.push(way);
            }
        }
    }
    all
}

/// Puts a piece after another, and a space between if they would become one word: `WHERE(…)` has none.
fn push_apart(whole: &mut String, piece: &str) {
    let in_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if in_word(whole.as_bytes().last()) && in_word(piece.as_bytes().first()) {
        whole.push(' ');
    }
    whole.push_str(piece);
}

pub(super) fn next(stand: &Stand, way: &str, objects: Vec<String>) -> Stand {
    Stand {
        objects,
        before: format!("{}{way}.", stand.before),
        ways: stand.ways + 1,
        formulas: stand.formulas,
        position: stand.position,
        bound: Bound::default(),
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// The object of a query that is not a child of another.
pub(super) fn single(query: &Query) -> Result<String, CannotIsolate> {
    match query.from.object.names() {
        [one] => Ok(one.text.to_string()),
        _ => Err(CannotIsolate::UnknownRelationship { position: query.from.span.start }),
    }
}
