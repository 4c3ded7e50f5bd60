//! Report types: an object, what it looks up, and the columns that a report can have of both.

use std::sync::Arc;

use super::refused;
use crate::failure::Failure;
use crate::schema::{Field, Kind, Object, Schema};

/// What a report is about.
#[derive(Debug, Clone)]
pub(super) struct ReportType {
    pub(super) object: Arc<Object>,
    /// Relationship and object of each lookup whose columns are part of the type.
    pub(super) parents: Vec<(String, Arc<Object>)>,
}

/// One column of a report type.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// As the report names it.
    pub(super) name: String,
    /// The way to its value, in SOQL.
    pub(super) path: String,
    /// The object that has the field, as its name is shown.
    pub(super) entity: String,
    /// What stands before fields of the same row in SOQL: nothing, or `Account.`.
    pub(super) before: String,
    pub(super) field: Field,
    /// The field of the looked up record that names it, for a lookup.
    pub(super) shown_by: Option<String>,
}

impl ReportType {
    /// The type of this name: `ContactList`, `CustomEntity$Visit__c`.
    pub(super) fn find(schema: &Schema, name: &str) -> Option<Self> {
        let object = name.strip_suffix("List").or_else(|| name.strip_prefix("CustomEntity$"))?;
        let object = schema.object(object).filter(|object| is_reported(object))?;
        (Self::name_of(object) == name).then(|| Self::of(schema, object))
    }

    /// The types that there are.
    pub(super) fn all(schema: &Schema) -> impl Iterator<Item = Self> {
        schema.objects().filter(|object| is_reported(object)).map(|object| Self::of(schema, object))
    }

    pub(super) fn of(schema: &Schema, object: &Arc<Object>) -> Self {
        let parents = object.fields.iter().filter(|field| PARENTS.contains(&field.name.as_str()));
        let parents = parents.filter_map(|field| {
            let other = field.reference.first().and_then(|name| schema.object(name))?;
            Some((field.relationship.clone()?, Arc::clone(other)))
        });
        Self { object: Arc::clone(object), parents: parents.collect() }
    }

    pub(super) fn name(&self) -> String {
        Self::name_of(&self.object)
    }

    fn name_of(object: &Object) -> String {
        if object.custom { format!("CustomEntity${}", object.name) } else { format!("{}List", object.name) }
    }

    /// How the records of the type are called.
    pub(super) fn plural(&self) -> &str {
        &self.object.plural
    }

    /// The columns of each object, in the order of its fields.
    pub(super) fn columns(&self, schema: &Schema) -> Vec<(&str, Vec<Column>)> {
        let own = (self.object.label.as_str(), self.of_object(schema, &self.object, ""));
        let others = self
            .parents
            .iter()
            .map(|(way, object)| (object.label.as_str(), self.of_object(schema, object, &format!("{way}."))));
        std::iter::once(own).chain(others).collect()
    }

    /// The columns of a new report: the name of its records, and the first fields that a table can show.
    pub(super) fn first_columns(&self, schema: &Schema) -> Vec<Column> {
        let plain = |column: &&Column| {
            !matches!(column.field.kind, Kind::Id | Kind::Reference)
                && !column.field.name_field
                && column.field.name != "IsDeleted"
        };
        let all = self.of_object(schema, &self.object, "");
        let name = all.iter().filter(|column| column.field.name_field);
        name.chain(all.iter().filter(plain).take(FIRST_COLUMNS)).cloned().collect()
    }

    fn of_object(&self, schema: &Schema, object: &Object, before: &str) -> Vec<Column> {
        let shown = |field: &&Field| !matches!(field.kind, Kind::Base64 | Kind::Address | Kind::Location);
        let fields = object.fields.iter().filter(shown);
        fields.map(|field| self.made(schema, object, field, before, None)).collect()
    }

    fn made(
        &self,
        schema: &Schema,
        object: &Object,
        field: &Field,
        before: &str,
        name: Option<&str>,
    ) -> Column {
        let own =
            format!("{}.{}", if before.is_empty() { &self.object.name } else { &object.name }, field.name);
        let shown_by = field.relationship.as_ref().and_then(|way| {
            let mut targets = field.reference.iter().filter_map(|target| schema.object(target));
            let name = targets.find_map(|target| target.name_field())?;
            Some(format!("{before}{way}.{}", name.name))
        });
        Column {
            name: name.map_or(own, str::to_owned),
            path: format!("{before}{}", field.name),
            entity: object.name.clone(),
            before: before.to_owned(),
            field: field.clone(),
            shown_by,
        }
    }

    /// Finds a column by its name: `Contact.LastName`, `Account.Name`, or as standard types have it, `LAST_NAME`.
    pub(super) fn column(&self, schema: &Schema, name: &str) -> Result<Column, Failure> {
        let found = match name.split_once('.') {
            Some((entity, field)) => {
                let own =
                    entity.eq_ignore_ascii_case(&self.object.name).then_some((&self.object, String::new()));
                let other = || {
                    let parent = self.parents.iter().find(|(way, object)| {
                        way.eq_ignore_ascii_case(entity) || object.name.eq_ignore_ascii_case(entity)
                    });
                    parent.map(|(way, object)| (object, format!("{way}.")))
                };
                own.or_else(other).and_then(|(object, before)| Some((object, object.field(field)?, before)))
            }
            None => self.standard(name),
        };
        let shown = |field: &Field| !matches!(field.kind, Kind::Base64 | Kind::Address | Kind::Location);
        let (object, field, before) = found.filter(|(_, field, _)| shown(field)).ok_or_else(|| {
            refused(format!("The column {name} is not part of the report type {}.", self.name()))
        })?;
        Ok(self.made(schema, object, field, &before, Some(name)))
    }

    fn standard(&self, name: &str) -> Option<(&Arc<Object>, &Field, String)> {
        let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
        let wanted = plain(name);
        let of = |object: &Object| object.fields.iter().position(|field| plain(&field.name) == wanted);
        let at = of(&self.object)?;
        Some((&self.object, self.object.fields.get(at)?, String::new()))
    }
}

/// Whether records of an object can be reported on.
fn is_reported(object: &Object) -> bool {
    OBJECTS.contains(&object.name.as_str()) || object.name.ends_with("__c")
}

/// The standard objects with a report type.
pub(super) const OBJECTS: [&str; 9] =
    ["Account", "Campaign", "Case", "Contact", "Event", "Lead", "Opportunity", "ServiceAppointment", "Task"];

/// Lookups whose records have columns in a report type.
const PARENTS: [&str; 2] = ["AccountId", "ContactId"];

const FIRST_COLUMNS: usize = 12;
