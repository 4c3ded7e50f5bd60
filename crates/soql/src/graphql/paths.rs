//! The paths of fields that a list of records uses: selected, filtered, ordered or grouped by.

use std::collections::{BTreeMap, BTreeSet};

use apollo_parser::cst;
use serde_json::Value;

use super::{DEPTH_MAX, Given, Kind, Rewriting, Walk, named, selection};
use crate::{
    isolate::CannotIsolate,
    schema::{Lookup, Schema},
};

/// The rows on the way: which objects they may be, and the relationships that lead to them, with their dots.
#[derive(Clone, Copy)]
struct Stand<'s> {
    objects: &'s [String],
    before: &'s str,
    depth: usize,
}

impl Walk<'_> {
    /// Every path that a list uses of its own rows. Lists within it are rewritten on the way.
    #[expect(clippy::too_many_arguments, reason = "what a list is, and where its paths go")]
    pub(super) fn used(
        &mut self,
        rewriting: &Rewriting<'_>,
        field: &cst::Field,
        object: &str,
        kind: Kind,
        arguments: &BTreeMap<String, Given>,
        paths: &mut BTreeSet<String>,
        depth: usize,
    ) -> Result<(), CannotIsolate> {
        let objects = [object.to_owned()];
        let stand = Stand { objects: &objects, before: "", depth };
        let given = |name: &str| arguments.get(name).map_or(&Value::Null, |given| &given.value);
        filtered(rewriting.schema, stand, given("where"), paths).ok_or_else(|| selection(field))?;
        for name in ["orderBy", "groupBy"] {
            keys(rewriting.schema, stand, given(name), paths).ok_or_else(|| selection(field))?;
        }
        for part in self.fields(field.selection_set())? {
            match named(part.name())?.as_str() {
                "totalCount" | "pageResultCount" | "pageInfo" | "__typename" => continue,
                "edges" => {}
                _ => return Err(selection(&part)),
            }
            for part in self.fields(part.selection_set())? {
                match named(part.name())?.as_str() {
                    "cursor" | "__typename" => {}
                    "node" => self.row(rewriting, &part, kind, stand, paths)?,
                    _ => return Err(selection(&part)),
                }
            }
        }
        Ok(())
    }

    /// Every path that the answer to a mutation uses of the row that is written; it has no lists.
    pub(super) fn answered(
        &mut self,
        rewriting: &Rewriting<'_>,
        record: &cst::Field,
        object: &str,
        paths: &mut BTreeSet<String>,
    ) -> Result<(), CannotIsolate> {
        let objects = [object.to_owned()];
        let stand = Stand { objects: &objects, before: "", depth: 0 };
        self.selected(rewriting, record, Kind::Written, stand, paths)
    }

    fn row(
        &mut self,
        rewriting: &Rewriting<'_>,
        node: &cst::Field,
        kind: Kind,
        stand: Stand<'_>,
        paths: &mut BTreeSet<String>,
    ) -> Result<(), CannotIsolate> {
        if kind == Kind::Records {
            return self.selected(rewriting, node, kind, stand, paths);
        }
        for part in self.fields(node.selection_set())? {
            match named(part.name())?.as_str() {
                "aggregate" => self.selected(rewriting, &part, kind, stand, paths)?,
                "__typename" => {}
                _ => return Err(selection(&part)),
            }
        }
        Ok(())
    }

    /// The fields of a row: its own, those of its parents, and the lists of its children.
    fn selected(
        &mut self,
        rewriting: &Rewriting<'_>,
        of: &cst::Field,
        kind: Kind,
        stand: Stand<'_>,
        paths: &mut BTreeSet<String>,
    ) -> Result<(), CannotIsolate> {
        if stand.depth > DEPTH_MAX {
            return Err(selection(of));
        }
        for field in self.fields(of.selection_set())? {
            let name = named(field.name())?;
            if ["__typename", "ApiName", "WeakEtag"].contains(&name.as_str()) {
                continue;
            }
            let parents = parents(rewriting.schema, stand.objects, &name);
            let child = stand.objects.iter().find_map(|object| rewriting.schema.child_of(object, &name));
            match (parents, child) {
                (Some(targets), _) => {
                    let before = format!("{}{name}.", stand.before);
                    paths.insert(format!("{before}Id"));
                    let after = Stand { objects: &targets, before: &before, depth: stand.depth + 1 };
                    self.selected(rewriting, &field, kind, after, paths)?;
                }
                // Rows that may be of several objects cannot be followed further.
                (None, Some(child)) if stand.objects.len() == 1 && kind == Kind::Records => {
                    self.connection(rewriting, &field, &child, Kind::Records, stand.depth + 1)?;
                }
                (None, Some(_)) => return Err(selection(&field)),
                (None, None) => {
                    self.leaf(&field)?;
                    paths.insert(format!("{}{name}", stand.before));
                }
            }
        }
        Ok(())
    }

    /// What is selected of a field says nothing of another row.
    fn leaf(&mut self, field: &cst::Field) -> Result<(), CannotIsolate> {
        if field.selection_set().is_none() {
            return Ok(());
        }
        for part in self.fields(field.selection_set())? {
            if !OF_A_FIELD.contains(&named(part.name())?.as_str()) {
                return Err(selection(field));
            }
            for inner in
                part.selection_set().map(|set| self.fields(Some(set))).transpose()?.into_iter().flatten()
            {
                if !OF_A_FIELD.contains(&named(inner.name())?.as_str()) || inner.selection_set().is_some() {
                    return Err(selection(field));
                }
            }
        }
        Ok(())
    }
}

/// What there is of one field: its value, and of a group what is counted.
const OF_A_FIELD: [&str; 13] = [
    "value",
    "displayValue",
    "label",
    "format",
    "__typename",
    "count",
    "countDistinct",
    "min",
    "max",
    "sum",
    "avg",
    "grouping",
    "currencyCode",
];

/// Where a relationship leads; nothing if it is none.
fn parents(schema: &Schema, objects: &[String], name: &str) -> Option<Vec<String>> {
    let found: Vec<Lookup> = objects.iter().filter_map(|object| schema.lookup_of(object, name)).collect();
    let targets: BTreeSet<String> = found.into_iter().flat_map(|lookup| lookup.targets).collect();
    (!targets.is_empty()).then(|| targets.into_iter().collect())
}

/// The paths of a `where`; nothing where it is not known what it tests.
fn filtered(schema: &Schema, stand: Stand<'_>, filter: &Value, paths: &mut BTreeSet<String>) -> Option<()> {
    let members = match filter {
        Value::Null => return Some(()),
        Value::Object(members) if stand.depth <= DEPTH_MAX => members,
        Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return None;
        }
    };
    let deeper = Stand { depth: stand.depth + 1, ..stand };
    for (name, inner) in members {
        match (name.as_str(), inner) {
            ("and" | "or", Value::Array(parts)) => {
                for part in parts {
                    filtered(schema, deeper, part, paths)?;
                }
            }
            ("and" | "or" | "not", inner) => filtered(schema, deeper, inner, paths)?,
            (name, inner) => {
                let path = format!("{}{}", stand.before, plain(name)?);
                if let Some(targets) = parents(schema, stand.objects, name) {
                    // Of several objects a filter names one, which a path does not.
                    let [_] = targets.as_slice() else { return None };
                    paths.insert(format!("{path}.Id"));
                    let before = format!("{path}.");
                    let after = Stand { objects: &targets, before: &before, depth: stand.depth + 1 };
                    filtered(schema, after, inner, paths)?;
                    continue;
                }
                let Value::Object(tests) = inner else { return None };
                // What asks another query is not among them.
                if !tests.keys().all(|operator| OPERATORS.contains(&operator.as_str())) {
                    return None;
                }
                paths.insert(path);
            }
        }
    }
    Some(())
}

const OPERATORS: [&str; 11] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "like", "in", "nin", "includes", "excludes"];

/// The paths of an `orderBy` or a `groupBy`.
fn keys(schema: &Schema, stand: Stand<'_>, asked: &Value, paths: &mut BTreeSet<String>) -> Option<()> {
    if stand.depth > DEPTH_MAX {
        return None;
    }
    match asked {
        Value::Null => {}
        Value::Array(items) => {
            for item in items {
                keys(schema, Stand { depth: stand.depth + 1, ..stand }, item, paths)?;
            }
        }
        Value::Object(members) => {
            for (name, inner) in members {
                let path = format!("{}{}", stand.before, plain(name)?);
                let Some(targets) = parents(schema, stand.objects, name) else {
                    paths.insert(path);
                    continue;
                };
                paths.insert(format!("{path}.Id"));
                let before = format!("{path}.");
                let after = Stand { objects: &targets, before: &before, depth: stand.depth + 1 };
                keys(schema, after, inner, paths)?;
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(())
}

/// A name, as every name of a field is: it becomes part of a statement.
pub(super) fn plain(name: &str) -> Option<&str> {
    let is_name = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}
