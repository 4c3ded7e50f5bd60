//! Which names a query has for its rows, and which relationships it uses.

use super::CannotIsolate;
use crate::{
    query::{Argument, Condition, Expression, From, Item, Path, Query},
    schema::Schema,
};

/// A relationship path that a query uses, from its own rows.
#[derive(Clone, Debug)]
pub(super) struct Use {
    /// Relationship names.
    pub(super) ways: Vec<String>,
    /// The field at their end, if it is a field that is used.
    pub(super) field: Option<String>,
    /// Whether it is part of what is selected.
    pub(super) selected: bool,
    pub(super) position: usize,
}

/// The names of one query.
pub(super) struct Scope<'q> {
    object: String,
    alias: Option<String>,
    joined: Vec<(String, Vec<String>)>,
    from: &'q From,
}

impl<'q> Scope<'q> {
    pub(super) fn new(from: &'q From, object: &str, schema: &Schema) -> Result<Self, CannotIsolate> {
        let aliases = from.alias.iter().chain(from.joined.iter().filter_map(|(_, alias)| alias.as_ref()));
        for alias in aliases {
            let lower = alias.text.to_ascii_lowercase();
            let relationship = lower.ends_with("__r") || lower.ends_with("__pr");
            if relationship || schema.lookup_of(object, &alias.text).is_some() || schema.names(&alias.text) {
                return Err(CannotIsolate::Alias { position: alias.span.start });
            }
        }
        let alias = from.alias.as_ref().map(|alias| alias.text.to_string());
        // What is joined must be a relationship to one row: a child's would count the children.
        let mut scope = Self { object: object.to_owned(), alias, joined: Vec::new(), from };
        for (path, alias) in &from.joined {
            let names: Vec<String> = path.names().iter().map(|name| name.text.to_string()).collect();
            let ways = scope.own(names, schema);
            if !leads(schema, object, &ways) {
                return Err(CannotIsolate::UnknownRelationship { position: path.span().start });
            }
            if let Some(alias) = alias {
                scope.joined.push((alias.text.to_string(), ways));
            }
        }
        Ok(scope)
    }

    /// What this query's own rows are.
    pub(super) fn object(&self) -> &str {
        &self.object
    }

    /// What stands before a field of this query's own rows.
    pub(super) fn before(&self) -> String {
        self.alias.as_ref().map(|alias| format!("{alias}.")).unwrap_or_default()
    }

    /// The names without what only means "this query's rows".
    fn own(&self, mut names: Vec<String>, schema: &Schema) -> Vec<String> {
        let Some(first) = names.first().cloned() else { return names };
        if let Some((_, ways)) = self.joined.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&first)) {
            names.splice(..1, ways.iter().cloned());
            return names;
        }
        let alias = self.alias.as_ref().is_some_and(|alias| alias.eq_ignore_ascii_case(&first));
        // An object's name before its own field, unless a relationship has that name: then that is the stricter reading.
        let object =
            self.object.eq_ignore_ascii_case(&first) && schema.lookup_of(&self.object, &first).is_none();
        if alias || object {
            names.remove(0);
        }
        names
    }

    fn used(&self, path: &Path, selected: bool, schema: &Schema) -> Use {
        let position = path.span().start;
        let last = path.last().map(|name| name.text.to_string());
        let ways = path.names().iter().map(|name| name.text.to_string()).collect::<Vec<_>>();
        // `Id` alone is a field, even where an alias or object has its name.
        if ways.len() < 2 {
            return Use { ways: Vec::new(), field: last, selected, position };
        }
        let mut ways = self.own(ways, schema);
        let field = ways.pop();
        Use { ways, field, selected, position }
    }

    /// Every relationship and field that the query uses, but not those of queries inside it.
    pub(super) fn uses(&self, query: &Query, schema: &Schema) -> Vec<Use> {
        let mut uses = Vec::new();
        for (path, _) in &self.from.joined {
            let names = path.names().iter().map(|name| name.text.to_string()).collect();
            let ways = self.own(names, schema);
            uses.push(Use { ways, field: None, selected: false, position: path.span().start });
        }
        uses.extend(self.of_items(&query.select, schema));
        let mut visit = |path: &Path| uses.push(self.used(path, false, schema));
        for expression in query.group_by.iter().chain(query.order_by.iter().map(|order| &order.value)) {
            expression.each_field(&mut visit);
        }
        for condition in query.filter.iter().chain(&query.having) {
            condition.each_left(&mut |left| left.each_field(&mut visit));
        }
        uses
    }

    pub(super) fn of_items(&self, items: &[Item], schema: &Schema) -> Vec<Use> {
        let mut uses = Vec::new();
        for item in items {
            match item {
                Item::Value { value, .. } if fields_of(value).is_some() => {}
                Item::Value { value, .. } => {
                    value.each_field(&mut |path| uses.push(self.used(path, true, schema)));
                }
                Item::TypeOf(type_of) => {
                    let names =
                        type_of.relationship.names().iter().map(|name| name.text.to_string()).collect();
                    let ways = self.own(names, schema);
                    uses.push(Use { ways, field: None, selected: false, position: type_of.span.start });
                }
                Item::Child(_) => {}
            }
        }
        uses
    }

    pub(super) fn of_condition(&self, condition: &Condition, schema: &Schema) -> Vec<Use> {
        let mut uses = Vec::new();
        condition.each_left(&mut |left| {
            left.each_field(&mut |path| uses.push(self.used(path, false, schema)));
        });
        uses
    }

    pub(super) fn of_expression(&self, expression: &Expression, schema: &Schema) -> Vec<Use> {
        let mut uses = Vec::new();
        expression.each_field(&mut |path| uses.push(self.used(path, false, schema)));
        uses
    }
}

/// Whether every relationship of a way is known.
fn leads(schema: &Schema, object: &str, ways: &[String]) -> bool {
    let mut objects = vec![object.to_owned()];
    ways.iter().all(|way| {
        let found: Vec<_> = objects.iter().filter_map(|object| schema.lookup_of(object, way)).collect();
        objects = found.into_iter().flat_map(|lookup| lookup.targets).collect();
        !objects.is_empty()
    })
}

/// `ALL`, `STANDARD` or `CUSTOM` of `FIELDS(…)`.
pub(super) fn fields_of(value: &Expression) -> Option<String> {
    let Expression::Call { function, arguments, .. } = value else { return None };
    match arguments.as_slice() {
        [Argument::Expression(Expression::Field(path))] if function.is("FIELDS") => {
            Some(path.text().to_ascii_uppercase())
        }
        _ => None,
    }
}
