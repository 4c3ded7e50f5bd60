//! The components of a package, put to the schema.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Component, Effect, Options, Problem, TYPES};
use super::{permissions, rules};
use crate::schema::{Access, Field, Kind, Object, Schema};
use crate::state::Visit;
use crate::value::Source;
use crate::xml::{self, Element};

/// Applies the files of a package; gives what became of each component.
///
/// Objects first, then plain fields, then references, so that the order of files does not matter.
pub(crate) fn apply(
    visit: &mut Visit<'_>,
    files: &BTreeMap<String, Vec<u8>>,
    options: Options,
) -> Vec<Component> {
    let mut work = Work {
        schema: visit.state.store.schema.clone(),
        done: Vec::new(),
        fields: Vec::new(),
        rules: Vec::new(),
        definitions: Vec::new(),
        code: Vec::new(),
        seen: BTreeSet::new(),
    };
    for (path, content) in files {
        work.file(path, content);
    }
    work.add_fields();
    work.add_rules();
    let failed = work.done.iter().any(|one| one.problem.is_some());
    if options.check_only || failed && options.rollback_on_error {
        return work.done;
    }
    let changed: Vec<String> = work.schema.objects().map(|object| object.name.clone()).collect();
    visit.state.store.schema = work.schema;
    visit.state.schema_ms = visit.now_ms;
    for object in changed {
        visit.state.store.reindex(&object);
    }
    for (kind, name, root) in work.definitions {
        if kind == "PermissionSet" {
            permissions::deploy(visit, &name, &root);
        }
        visit.state.deployments.definitions.insert((kind, name), root);
    }
    let state = &mut *visit.state;
    rules::enforce(&mut state.store, &state.deployments);
    keep_code(visit, &work.code);
    for one in work.done.iter().filter(|one| one.problem.is_none()) {
        let acted = ACTED_ON.contains(&one.kind.as_str());
        let effect = if acted { Effect::Acted } else { Effect::Kept };
        visit.state.deployments.kept.insert((one.kind.clone(), one.name.clone()), effect);
        if !one.kind.is_empty() {
            let (action, section) = audited(&one.kind);
            visit.audit(action, section, &format!("Deployed {} {}", one.kind, one.name));
        }
    }
    work.done
}

struct Work {
    schema: Schema,
    done: Vec<Component>,
    /// Object, definition, file.
    fields: Vec<(String, Element, String)>,
    /// Object, definition, file.
    rules: Vec<(String, Element, String)>,
    /// Type, full name, definition.
    definitions: Vec<(String, String, Element)>,
    /// Type, name, text.
    code: Vec<(String, String, String)>,
    seen: BTreeSet<(String, String)>,
}

impl Work {
    fn file(&mut self, path: &str, content: &[u8]) {
        let parts: Vec<&str> = path.split('/').collect();
        let Some(last) = parts.last() else { return };
        match parts.as_slice() {
            ["package.xml"] => {
                if let Err(problem) = parse(content) {
                    self.report("", "package.xml", path, Some(problem));
                }
            }
            [name] if name.starts_with("destructiveChanges") => self.destructive(path, content),
            [] | [_] => {}
            ["objects", object, rest @ ..] => {
                let name = object.strip_suffix(".object").unwrap_or(object);
                match parse(content) {
                    Err(problem) => self.report("CustomObject", name, path, Some(problem)),
                    Ok(root) if rest.len() == 2 => {
                        self.decomposed(name, rest.first().unwrap_or(&""), last, &root, path);
                    }
                    Ok(root) => self.object(name, &root, path),
                }
            }
            ["classes" | "triggers" | "pages" | "components" | "staticresources" | "documents", ..] => {
                let meta = last.ends_with("-meta.xml");
                let stem = last.split('.').next().unwrap_or(last);
                let problem = if meta { parse(content).err() } else { None };
                let kind = kind_of(&parts);
                if let (false, "ApexClass" | "ApexTrigger") = (meta, kind) {
                    let body = String::from_utf8_lossy(content).into_owned();
                    self.code.push((kind.to_owned(), stem.to_owned(), body));
                }
                self.report(kind, stem, path, problem);
            }
            ["lwc" | "aura", bundle, ..] => {
                let problem = if last.ends_with("-meta.xml") { parse(content).err() } else { None };
                self.report(kind_of(&parts), bundle, path, problem);
            }
            [_, .., file] => {
                let stem = file.strip_suffix("-meta.xml").unwrap_or(file);
                let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
                let parsed = parse(content);
                if let (Ok(root), true) = (&parsed, READ_LATER.contains(&kind_of(&parts))) {
                    self.definitions.push((kind_of(&parts).to_owned(), stem.to_owned(), root.clone()));
                }
                self.report(kind_of(&parts), stem, path, parsed.err());
            }
        }
    }

    /// An object file of the metadata format: the object and everything in it.
    fn object(&mut self, name: &str, root: &Element, path: &str) {
        let own = root.child("label").is_some() || root.child("nameField").is_some();
        if own || name.contains("__") && self.schema.object(name).is_none() {
            let problem = self.define(name, root).err().map(whole);
            self.report("CustomObject", name, path, problem);
        } else if self.schema.object(name).is_none() && name != "Activity" {
            let message = format!("Entity of type 'CustomObject' named '{name}' cannot be found");
            self.report("CustomObject", name, path, Some(whole(message)));
            return;
        }
        if let (Some(model), Some(known)) = (root.child("sharingModel"), self.schema.object(name)) {
            self.definitions.push(("SharingModel".into(), known.name.clone(), model.clone()));
        }
        for child in &root.children {
            if child.name == "fields" {
                self.fields.push((name.to_owned(), child.clone(), path.to_owned()));
            } else if child.name == "validationRules" {
                self.rules.push((name.to_owned(), child.clone(), path.to_owned()));
            } else if let Some((_, kind)) = CHILDREN.iter().find(|(tag, _)| *tag == child.name) {
                let full = format!("{name}.{}", child.text_of("fullName").unwrap_or(""));
                self.report(kind, &full, path, None);
            }
        }
    }

    /// A file of the source format, which has a file for each child of an object.
    fn decomposed(&mut self, name: &str, folder: &str, file: &str, root: &Element, path: &str) {
        if folder == "fields" {
            self.fields.push((name.to_owned(), root.clone(), path.to_owned()));
            return;
        }
        if folder == "validationRules" {
            self.rules.push((name.to_owned(), root.clone(), path.to_owned()));
            return;
        }
        let kind = CHILDREN.iter().find(|(tag, _)| *tag == folder).map_or(folder, |(_, kind)| kind);
        let stem = file.split('.').next().unwrap_or(file);
        self.report(kind, &format!("{name}.{stem}"), path, None);
    }

    fn define(&mut self, name: &str, root: &Element) -> Result<(), String> {
        let known = self.schema.object(name).is_some();
        if known && !name.contains("__") {
            return Ok(());
        }
        let stem = ["__c", "__e", "__mdt", "__b"].iter().find_map(|ending| name.strip_suffix(ending));
        let plain = |stem: &str| {
            stem.starts_with(|c: char| c.is_ascii_alphabetic())
                && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if !stem.is_some_and(plain) {
            return Err(format!("Entity of type 'CustomObject' named '{name}' cannot be found"));
        }
        let label = root.text_of("label").ok_or("Must specify a non-empty label for the CustomObject")?;
        self.schema.add_object(name, label, root.text_of("pluralLabel").unwrap_or(label));
        if let Some(spec) = root.child("nameField") {
            let mut field = Field::new("Name", Kind::String);
            spec.text_of("label").unwrap_or("Name").clone_into(&mut field.label);
            (field.length, field.name_field) = (80, true);
            if spec.text_of("type") == Some("AutoNumber") {
                (field.auto_number, field.access) = (true, Access::ReadOnly);
                field.default = spec.text_of("displayFormat").map(str::to_owned);
            }
            self.schema.add_field(name, field);
        }
        Ok(())
    }

    fn add_fields(&mut self) {
        for (object, spec, path) in std::mem::take(&mut self.fields) {
            let name = spec.text_of("fullName").unwrap_or("").to_owned();
            let full = format!("{object}.{name}");
            let problem = self.add_field(&object, &name, &spec).err().map(whole);
            self.report("CustomField", &full, &path, problem);
        }
    }

    /// Rules come last: they name fields.
    fn add_rules(&mut self) {
        for (object, spec, path) in std::mem::take(&mut self.rules) {
            let full = format!("{object}.{}", spec.text_of("fullName").unwrap_or(""));
            let problem = rules::read(&self.schema, &object, &spec).err().map(whole);
            if problem.is_none() {
                self.definitions.push(("ValidationRule".into(), full.clone(), spec));
            }
            self.report("ValidationRule", &full, &path, problem);
        }
    }

    fn add_field(&mut self, object: &str, name: &str, spec: &Element) -> Result<(), String> {
        // Custom fields of activities appear on tasks and on events; there is no object between them.
        if object == "Activity" {
            self.add_field("Task", name, spec)?;
            return self.add_field("Event", name, spec);
        }
        let Some(known) = self.schema.object(object) else {
            return Err(format!("Entity of type 'CustomObject' named '{object}' cannot be found"));
        };
        if !name.ends_with("__c") {
            // A standard field's settings have no effect here; that it exists is all there is to check.
            return match known.field(name) {
                Some(_) => Ok(()),
                None => Err(format!("Custom fields should have a name ending in __c: {name}")),
            };
        }
        let field = field(&self.schema, known, name, spec)?;
        self.schema.add_field(object, field);
        Ok(())
    }

    fn destructive(&mut self, path: &str, content: &[u8]) {
        let problem = match parse(content) {
            Err(problem) => Some(problem),
            Ok(root) if root.find("members").is_some() => {
                Some(whole("deleting components is not part of this org".into()))
            }
            Ok(_) => return,
        };
        self.report("", path, path, problem);
    }

    /// Notes what became of a component; a bundle of several files is noted once, its first problem last.
    fn report(&mut self, kind: &str, name: &str, path: &str, problem: Option<Problem>) {
        let key = (kind.to_owned(), name.to_owned());
        if !self.seen.insert(key) {
            let known = self.done.iter_mut().find(|one| one.kind == kind && one.name == name);
            if let Some(known) = known.filter(|known| known.problem.is_none()) {
                known.problem = problem;
            }
            return;
        }
        self.done.push(Component {
            kind: kind.to_owned(),
            name: name.to_owned(),
            file: path.to_owned(),
            created: true,
            problem,
        });
    }
}

/// How the audit trail names what a deployment did.
fn audited(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "CustomField" => ("createdCF", "Customize Objects"),
        "CustomObject" => ("createdCO", "Custom Objects"),
        "PermissionSet" => ("PermSetCreate", "Manage Users"),
        "SharingRules" => ("sharingRuleChange", "Sharing Rules"),
        "ValidationRule" => ("createdValidationRule", "Validation Rules"),
        "ApexClass" => ("createdApexClass", "Apex Class"),
        "ApexTrigger" => ("createdApexTrigger", "Apex Trigger"),
        _ => ("deployedMetadata", "Deployment"),
    }
}

/// Code is kept as rows that can be read; this org runs none of it.
fn keep_code(visit: &mut Visit<'_>, code: &[(String, String, String)]) {
    let author = visit.author(Source::Json);
    let store = &mut visit.state.store;
    for (object, name, body) in code {
        let length = json!(body.len());
        let members = [
            ("Name", json!(name)),
            ("Body", json!(body)),
            ("LengthWithoutComments", length),
            ("Status", json!("Active")),
            ("IsValid", json!(true)),
        ];
        let known = store.rows(object).find(|(_, row)| row.get("Name") == Some(&json!(name)));
        match known.map(|(id, _)| id.clone()) {
            Some(id) => store.amend(object, &id, &members),
            None => {
                store.record(&author, object, &members);
            }
        }
    }
}

/// A custom field from its definition.
fn field(schema: &Schema, object: &Object, name: &str, spec: &Element) -> Result<Field, String> {
    let number = |tag: &str| {
        spec.text_of(tag).map(str::parse::<u32>).transpose().map_err(|_| format!("{tag} must be a number"))
    };
    let yes = |tag: &str| spec.text_of(tag) == Some("true");
    let kind = spec.text_of("type").or_else(|| spec.child("formula").map(|_| "Text"));
    let kind = kind.ok_or("Required field is missing: type")?;
    let length = number("length")?;
    let mut field = Field::new(name, Kind::String);
    spec.text_of("label").ok_or("Required field is missing: label")?.clone_into(&mut field.label);
    field.help = spec.text_of("inlineHelpText").map(str::to_owned);
    field.required = yes("required");
    field.unique = yes("unique");
    field.case_sensitive = yes("caseSensitive");
    field.external_id = yes("externalId");
    field.default = spec.text_of("defaultValue").map(str::to_owned);
    field.precision = number("precision")?.unwrap_or(18);
    field.scale = number("scale")?.unwrap_or(0);
    let bounded = |least: u32, most: u32| match length {
        Some(length) if (least..=most).contains(&length) => Ok(length),
        Some(length) => Err(format!("length of a {kind} field must be from {least} to {most}, not {length}")),
        None => Err(format!("Required field is missing: length ({kind})")),
    };
    match kind {
        "Text" if spec.child("formula").is_some() => field.length = 1_300,
        "Text" => field.length = bounded(1, 255)?,
        "EncryptedText" => (field.kind, field.length) = (Kind::EncryptedString, bounded(1, 175)?),
        "TextArea" => (field.kind, field.length) = (Kind::TextArea, 255),
        "LongTextArea" | "Html" => (field.kind, field.length) = (Kind::TextArea, bounded(256, 131_072)?),
        "Email" => (field.kind, field.length) = (Kind::Email, 80),
        "Phone" => (field.kind, field.length) = (Kind::Phone, 40),
        "Url" => (field.kind, field.length) = (Kind::Url, 255),
        "Checkbox" => field.kind = Kind::Boolean,
        "Number" if field.scale == 0 && field.precision <= 9 => field.kind = Kind::Int,
        "Number" | "Summary" => field.kind = Kind::Double,
        "Currency" => field.kind = Kind::Currency,
        "Percent" => field.kind = Kind::Percent,
        "Date" => field.kind = Kind::Date,
        "DateTime" => field.kind = Kind::DateTime,
        "Time" => field.kind = Kind::Time,
        "Location" => field.kind = Kind::Location,
        "AutoNumber" => {
            (field.auto_number, field.access, field.length) = (true, Access::ReadOnly, 30);
            field.default = spec.text_of("displayFormat").map(str::to_owned);
        }
        "Picklist" => (field.kind, field.length) = (Kind::Picklist, 255),
        "MultiselectPicklist" => (field.kind, field.length) = (Kind::MultiPicklist, 4_099),
        "Lookup" | "MasterDetail" | "Hierarchy" => refer(schema, object, &mut field, kind, spec)?,
        other => return Err(format!("the field type {other} is not one of this org")),
    }
    if let Some(values) = spec.child("valueSet") {
        pick(&mut field, values);
    }
    if (field.external_id || field.unique)
        && !(field.kind.is_number() || matches!(field.kind, Kind::String | Kind::Email))
        && !field.auto_number
    {
        return Err(format!("Can not specify 'externalId' or 'unique' for a CustomField of type {kind}"));
    }
    if let Some(formula) = spec.text_of("formula") {
        (field.formula, field.access) = (Some(formula.to_owned()), Access::ReadOnly);
    }
    if kind == "Summary" {
        field.access = Access::ReadOnly;
    }
    Ok(field)
}

fn refer(
    schema: &Schema,
    object: &Object,
    field: &mut Field,
    kind: &str,
    spec: &Element,
) -> Result<(), String> {
    let own = (kind == "Hierarchy").then_some(object.name.as_str());
    let target = spec.text_of("referenceTo").or(own).ok_or("Required field is missing: referenceTo")?;
    let target = schema
        .object(target)
        .ok_or_else(|| format!("referenceTo value of '{target}' does not resolve to a valid sObject type"))?;
    (field.kind, field.length) = (Kind::Reference, 18);
    field.reference = vec![target.name.clone()];
    field.relationship = field.name.strip_suffix("__c").map(|stem| format!("{stem}__r"));
    field.child_relationship = spec.text_of("relationshipName").map(|name| format!("{name}__r"));
    if kind == "MasterDetail" {
        (field.cascade, field.required) = (true, true);
    }
    field.cascade |= spec.text_of("deleteConstraint") == Some("Cascade");
    Ok(())
}

fn pick(field: &mut Field, values: &Element) {
    field.restricted = values.text_of("restricted") == Some("true");
    let Some(definition) = values.child("valueSetDefinition") else { return };
    for value in definition.all("value") {
        let Some(name) = value.text_of("fullName") else { continue };
        field.values.push(name.to_owned());
        if value.text_of("default") == Some("true") {
            field.default = Some(name.to_owned());
        }
    }
}

fn kind_of<'a>(parts: &[&'a str]) -> &'a str {
    let folder = parts.first().copied().unwrap_or("");
    TYPES.iter().find(|(known, _, _)| *known == folder).map_or(folder, |(_, name, _)| name)
}

fn parse(content: &[u8]) -> Result<Element, Problem> {
    let text = std::str::from_utf8(content).map_err(|_| Problem {
        message: "the file is not UTF-8".into(),
        line: 1,
        column: 1,
    })?;
    xml::read(text).map_err(|error| Problem {
        message: format!("Error parsing file: {}", error.message),
        line: error.line,
        column: error.column,
    })
}

fn whole(message: String) -> Problem {
    // A definition that parses but cannot be: the whole file is at fault.
    Problem { message, line: 1, column: 1 }
}

/// Types that change what the org answers.
const ACTED_ON: [&str; 6] =
    ["ApprovalProcess", "CustomField", "CustomObject", "PermissionSet", "SharingRules", "ValidationRule"];

/// Types whose definitions are read again when the org acts on them.
const READ_LATER: [&str; 4] = ["ApprovalProcess", "PermissionSet", "SharingRules", "Workflow"];

/// Elements inside an object that are components of their own.
const CHILDREN: [(&str, &str); 10] = [
    ("validationRules", "ValidationRule"),
    ("listViews", "ListView"),
    ("recordTypes", "RecordType"),
    ("webLinks", "WebLink"),
    ("businessProcesses", "BusinessProcess"),
    ("compactLayouts", "CompactLayout"),
    ("fieldSets", "FieldSet"),
    ("indexes", "Index"),
    ("sharingReasons", "SharingReason"),
    ("fields", "CustomField"),
];

#[cfg(test)]
mod tests;
