//! GraphQL documents that ask for records: each `where` is given the conditions that the same question in SOQL would have.
//!
//! Of every list of records the paths that it uses (selected, filtered, ordered or grouped by) are put into a statement,
//! that is isolated as any other, and what was added to it is written as a GraphQL filter. So what SOQL may ask, GraphQL
//! may, and nothing else. Document and variables stay as they are but for `where`.
//!
//! Source: GraphQL specification (September 2025) section 2; Salesforce, "GraphQL API Developer Guide".

mod filter;
mod paths;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ops::Range,
};

use apollo_parser::{
    Parser,
    cst::{self, CstNode, Definition, Selection},
};
use serde_json::{Map, Value};

use crate::{
    hidden::{Hidden, Marks},
    isolate::{CannotIsolate, isolate},
    parse::parse,
    schema::Schema,
    token::TEXT_CHARACTERS_MAX,
};

/// Whether the document's operation changes records.
///
/// Errors: as [`isolate_graphql`].
pub fn graphql_writes(text: &str, operation: Option<&str>) -> Result<bool, CannotIsolate> {
    Ok(Walk::read(text, operation, &Map::new())?.writes)
}

/// The objects that the document's operation asks for or changes at its root: what has to be known of the org first.
///
/// Errors: as [`isolate_graphql`].
pub fn graphql_objects(text: &str, operation: Option<&str>) -> Result<BTreeSet<String>, CannotIsolate> {
    let nothing = Map::new();
    let mut walk = Walk::read(text, operation, &nothing)?;
    let roots = walk.roots()?;
    Ok(roots.into_iter().map(|root| root.object).collect())
}

/// Rewrites the operation of a document, and the fragments that it uses. One that changes records stays as it is: of a row
/// that was written it may show what tells nothing of another.
///
/// Shape:  the document, the name of the operation if one is named, the variables -> the document to send instead.
/// Bounds: nesting of 64, 200,000 tokens, 10,000 fields with fragments put in.
/// Errors: what is no query and no mutation, a fragment without end, an argument or a filter that is not known, and whatever
///         [`isolate()`] refuses of the same question in SOQL.
pub fn isolate_graphql(
    text: &str,
    operation: Option<&str>,
    variables: &Map<String, Value>,
    hidden: &Hidden,
    schema: &Schema,
) -> Result<String, CannotIsolate> {
    let mut walk = Walk::read(text, operation, variables)?;
    let hidden = hidden.clone().marks(Marks::NotAsked);
    for root in walk.roots()? {
        let rewrite = Rewriting { hidden: &hidden, schema };
        match root.kind {
            Kind::Written => walk.written(&rewrite, &root)?,
            Kind::Records | Kind::Groups => {
                walk.connection(&rewrite, &root.field, &root.object, root.kind, 0)?;
            }
        }
    }
    let mut edits: Vec<Edit> = walk.edits.into_values().flatten().collect();
    edits.sort_by_key(|edit| edit.at.start);
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    let mut from = 0;
    for Edit { at, with } in edits {
        out.push_str(text.get(from..at.start).unwrap_or_default());
        out.push_str(&with);
        from = at.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(out)
}

/// Deepest nesting of a document, and of fragments in it.
const DEPTH_MAX: usize = 64;
/// Most words and signs.
const TOKENS_MAX: usize = 200_000;
/// Most fields, fragments put in.
const FIELDS_MAX: usize = 10_000;

/// A piece of the document, and what stands there instead.
#[derive(Clone, PartialEq, Eq)]
struct Edit {
    at: Range<usize>,
    with: String,
}

/// What a list of records is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Records,
    Groups,
    /// One record that a mutation writes or removes.
    Written,
}

/// A list of records at the root, or a mutation of one.
struct Root {
    field: cst::Field,
    object: String,
    kind: Kind,
}

/// What rows must not be told, and what is known of the org.
struct Rewriting<'h> {
    hidden: &'h Hidden,
    schema: &'h Schema,
}

/// A document being rewritten.
struct Walk<'v> {
    operation: cst::OperationDefinition,
    /// Whether it is a mutation.
    writes: bool,
    fragments: BTreeMap<String, cst::FragmentDefinition>,
    variables: BTreeMap<String, Value>,
    given: &'v Map<String, Value>,
    fields_left: usize,
    /// By the place of the list: a fragment that is used twice is rewritten once.
    edits: BTreeMap<usize, Vec<Edit>>,
}

impl<'v> Walk<'v> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else a document may define, a request does not"
    )]
    fn read(text: &str, name: Option<&str>, given: &'v Map<String, Value>) -> Result<Self, CannotIsolate> {
        if text.len() > TEXT_CHARACTERS_MAX {
            return Err(CannotIsolate::TooLong);
        }
        let tree = Parser::new(text).recursion_limit(DEPTH_MAX).token_limit(TOKENS_MAX).parse();
        if tree.errors().next().is_some() {
            return Err(document("it cannot be read"));
        }
        let (mut operations, mut fragments) = (Vec::new(), BTreeMap::new());
        for definition in tree.document().definitions() {
            match definition {
                Definition::OperationDefinition(operation) => {
                    let own = operation.name().map(|name| name.text().to_string());
                    operations.push((own, operation));
                }
                Definition::FragmentDefinition(fragment) => {
                    let name = fragment.fragment_name().and_then(|name| name.name());
                    let name = name.map(|name| name.text().to_string()).unwrap_or_default();
                    if fragments.insert(name, fragment).is_some() {
                        return Err(document("it has two fragments of one name"));
                    }
                }
                _ => return Err(document("it defines types")),
            }
        }
        operations.retain(|(own, _)| name.is_none() || own.as_deref() == name);
        let [(_, operation)] = operations.as_slice() else {
            return Err(document("the operation to carry out is not the one that it has"));
        };
        let kind = operation.operation_type();
        let writes = kind.as_ref().is_some_and(|kind| kind.mutation_token().is_some());
        if !writes && kind.is_some_and(|kind| kind.query_token().is_none()) {
            return Err(document("it subscribes"));
        }
        let operation = operation.clone();
        let mut walk = Self {
            operation,
            writes,
            fragments,
            variables: BTreeMap::new(),
            given,
            fields_left: FIELDS_MAX,
            edits: BTreeMap::new(),
        };
        walk.take_variables()?;
        Ok(walk)
    }

    /// What was given for each variable, or else its default.
    fn take_variables(&mut self) -> Result<(), CannotIsolate> {
        let definitions = self.operation.variable_definitions();
        for definition in definitions.iter().flat_map(cst::VariableDefinitions::variable_definitions) {
            let name = named(definition.variable().and_then(|variable| variable.name()))?;
            let value = match (self.given.get(&name), definition.default_value()) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => self.value(default.value())?,
                (None, None) => Value::Null,
            };
            if self.variables.insert(name, value).is_some() {
                return Err(document("it defines a variable twice"));
            }
        }
        Ok(())
    }

    /// The lists of records at the root.
    fn roots(&mut self) -> Result<Vec<Root>, CannotIsolate> {
        let mut roots = Vec::new();
        for root in self.fields(self.operation.selection_set())? {
            match named(root.name())?.as_str() {
                "uiapi" => {}
                "__typename" | "__schema" | "__type" => continue,
                _ => return Err(selection(&root)),
            }
            if self.writes {
                roots.append(&mut self.mutations(&root)?);
                continue;
            }
            for part in self.fields(root.selection_set())? {
                let kind = match named(part.name())?.as_str() {
                    "query" => Kind::Records,
                    "aggregate" => Kind::Groups,
                    // Descriptions.
                    "objectInfos" | "__typename" => continue,
                    _ => return Err(selection(&part)),
                };
                for field in self.fields(part.selection_set())? {
                    let object = named(field.name())?;
                    if object != "__typename" {
                        roots.push(Root { field, object, kind });
                    }
                }
            }
        }
        Ok(roots)
    }

    fn mutations(&mut self, root: &cst::Field) -> Result<Vec<Root>, CannotIsolate> {
        let mut roots = Vec::new();
        for field in self.fields(root.selection_set())? {
            let name = named(field.name())?;
            if name == "__typename" {
                continue;
            }
            let object = ["Create", "Update", "Delete"].iter().find_map(|verb| name.strip_suffix(verb));
            let object = object.filter(|object| paths::plain(object).is_some());
            let object = object.ok_or_else(|| selection(&field))?.to_owned();
            roots.push(Root { field, object, kind: Kind::Written });
        }
        Ok(roots)
    }

    /// Looks what is selected of a record that is written: fields by which no other row is told.
    ///
    /// Shape:  a query for them is given the same conditions as one for the row's id alone.
    fn written(&mut self, rewriting: &Rewriting<'_>, root: &Root) -> Result<(), CannotIsolate> {
        let mut paths = BTreeSet::from(["Id".to_owned()]);
        let mut shows_record = false;
        for part in self.fields(root.field.selection_set())? {
            match named(part.name())?.as_str() {
                "Id" | "success" | "__typename" => {}
                "Record" => {
                    shows_record = true;
                    self.answered(rewriting, &part, &root.object, &mut paths)?;
                }
                _ => return Err(selection(&part)),
            }
        }
        if !shows_record {
            return Ok(());
        }
        let list = paths.into_iter().collect::<Vec<_>>().join(", ");
        let conditions = |list: &str| {
            let asked = format!("SELECT {list} FROM {}", root.object);
            let isolated = isolate(&asked, rewriting.hidden, rewriting.schema).ok()?;
            isolated.text.strip_prefix(&asked).map(str::to_owned)
        };
        match (conditions(&list), conditions("Id")) {
            (Some(all), Some(own)) if all == own => Ok(()),
            _ => Err(selection(&root.field)),
        }
    }

    /// The fields that a set selects, those of its fragments too.
    fn fields(&mut self, set: Option<cst::SelectionSet>) -> Result<Vec<cst::Field>, CannotIsolate> {
        let mut found = Vec::new();
        self.gather(set, &mut found, 0)?;
        Ok(found)
    }

    fn gather(
        &mut self,
        set: Option<cst::SelectionSet>,
        found: &mut Vec<cst::Field>,
        depth: usize,
    ) -> Result<(), CannotIsolate> {
        if depth > DEPTH_MAX {
            return Err(document("its fragments have no end"));
        }
        for one in set.into_iter().flat_map(|set| set.selections().collect::<Vec<_>>()) {
            self.fields_left =
                self.fields_left.checked_sub(1).ok_or(document("it asks for too many fields"))?;
            match one {
                Selection::Field(field) => found.push(field),
                Selection::InlineFragment(fragment) => {
                    self.gather(fragment.selection_set(), found, depth + 1)?;
                }
                Selection::FragmentSpread(spread) => {
                    let name = named(spread.fragment_name().and_then(|name| name.name()))?;
                    let fragment = self.fragments.get(&name).cloned();
                    let fragment = fragment.ok_or(document("it uses a fragment that is not there"))?;
                    self.gather(fragment.selection_set(), found, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    /// Rewrites one list of records, and those in it.
    fn connection(
        &mut self,
        rewriting: &Rewriting<'_>,
        field: &cst::Field,
        object: &str,
        kind: Kind,
        depth: usize,
    ) -> Result<(), CannotIsolate> {
        if depth > DEPTH_MAX {
            return Err(selection(field));
        }
        let place = usize::from(field.syntax().text_range().start());
        let arguments = self.arguments(field)?;
        let mut paths = BTreeSet::from(["Id".to_owned()]);
        self.used(rewriting, field, object, kind, &arguments, &mut paths, depth)?;
        let list = paths.into_iter().collect::<Vec<_>>().join(", ");
        let isolated = isolate(&format!("SELECT {list} FROM {object}"), rewriting.hidden, rewriting.schema);
        let isolated = isolated.map_err(|_| CannotIsolate::Selection { position: place })?;
        let asked = parse(&isolated.text).map_err(|_| CannotIsolate::Selection { position: place })?;
        let Some(condition) = asked.filter else { return self.put(place, Vec::new()) };
        let ours = filter::of(&condition).ok_or(CannotIsolate::Selection { position: place })?;
        let edits = edits(field, &arguments, &ours).ok_or(CannotIsolate::Selection { position: place })?;
        self.put(place, edits)
    }

    /// A list in a fragment is rewritten wherever it is used, and always in the same way.
    fn put(&mut self, place: usize, edits: Vec<Edit>) -> Result<(), CannotIsolate> {
        match self.edits.entry(place) {
            Entry::Occupied(before) if *before.get() != edits => {
                Err(CannotIsolate::Selection { position: place })
            }
            Entry::Occupied(_) => Ok(()),
            Entry::Vacant(free) => {
                free.insert(edits);
                Ok(())
            }
        }
    }

    /// The arguments of a list, each once.
    fn arguments(&self, field: &cst::Field) -> Result<BTreeMap<String, Given>, CannotIsolate> {
        let mut arguments = BTreeMap::new();
        for argument in field.arguments().iter().flat_map(cst::Arguments::arguments) {
            let name = named(argument.name())?;
            if !ARGUMENTS.contains(&name.as_str()) {
                return Err(selection(field));
            }
            let node = argument.value().ok_or_else(|| selection(field))?;
            let range = node.syntax().text_range();
            let value = self.value(Some(node))?;
            let given = Given { value, at: range.start().into()..range.end().into() };
            if arguments.insert(name, given).is_some() {
                return Err(selection(field));
            }
        }
        Ok(arguments)
    }

    /// A value with its variables put in. Numbers are all the same here.
    fn value(&self, value: Option<cst::Value>) -> Result<Value, CannotIsolate> {
        Ok(match value.ok_or(document("it lacks a value"))? {
            cst::Value::Variable(variable) => {
                let name = named(variable.name())?;
                self.variables
                    .get(&name)
                    .cloned()
                    .ok_or(document("it uses a variable that it does not define"))?
            }
            cst::Value::StringValue(text) => Value::String(String::from(&text)),
            cst::Value::IntValue(_) | cst::Value::FloatValue(_) => Value::from(0),
            cst::Value::BooleanValue(truth) => Value::Bool(truth.true_token().is_some()),
            cst::Value::NullValue(_) => Value::Null,
            cst::Value::EnumValue(word) => Value::String(named(word.name())?),
            cst::Value::ListValue(list) => {
                Value::Array(list.values().map(|item| self.value(Some(item))).collect::<Result<_, _>>()?)
            }
            cst::Value::ObjectValue(object) => {
                let mut members = Map::new();
                for field in object.object_fields() {
                    if members.insert(named(field.name())?, self.value(field.value())?).is_some() {
                        return Err(document("it names a field twice"));
                    }
                }
                Value::Object(members)
            }
        })
    }
}

/// An argument, and where its value stands.
struct Given {
    value: Value,
    at: Range<usize>,
}

/// Arguments of a list that say nothing about hidden rows, or are read.
const ARGUMENTS: [&str; 9] =
    ["first", "last", "after", "before", "upperBound", "scope", "where", "orderBy", "groupBy"];

/// Puts our condition where the list takes its own.
fn edits(field: &cst::Field, arguments: &BTreeMap<String, Given>, ours: &str) -> Option<Vec<Edit>> {
    let insert = |at: usize, with: String| Edit { at: at..at, with };
    if let Some(Given { value, at }) = arguments.get("where") {
        // Nothing was asked for, and what is empty may be no part of a list.
        if value.is_null() || value.as_object().is_some_and(Map::is_empty) {
            return Some(vec![Edit { at: at.clone(), with: ours.to_owned() }]);
        }
        return Some(vec![insert(at.start, format!("{{and: [{ours}, ")), insert(at.end, "]}".to_owned())]);
    }
    if let Some(open) = field.arguments().and_then(|arguments| arguments.l_paren_token()) {
        return Some(vec![insert(open.text_range().end().into(), format!("where: {ours}, "))]);
    }
    Some(vec![insert(field.name()?.syntax().text_range().end().into(), format!("(where: {ours})"))])
}

fn named(name: Option<cst::Name>) -> Result<String, CannotIsolate> {
    name.map(|name| name.text().to_string()).ok_or(document("it lacks a name"))
}

fn document(reason: &'static str) -> CannotIsolate {
    CannotIsolate::Document { reason }
}

/// What is selected here cannot be isolated.
fn selection(field: &cst::Field) -> CannotIsolate {
    CannotIsolate::Selection { position: field.syntax().text_range().start().into() }
}

#[cfg(test)]
mod tests;
