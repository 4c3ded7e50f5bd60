//! What objects the org has, and what fields each of them has.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::catalogue;

/// The objects of the org: those of the shipped catalogue and those added since.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    objects: BTreeMap<String, Arc<Object>>,
    by_prefix: BTreeMap<String, String>,
    custom_prefixes: u64,
}

/// One object (a table) of the org.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: String,
    pub(crate) custom: bool,
    // INVARIANT: names differ even without case; `places` has the place of each.
    pub(crate) fields: Vec<Field>,
    #[serde(skip)]
    places: BTreeMap<String, usize>,
    /// Child relationship name, child object, field of the child.
    #[serde(skip)]
    pub(crate) children: Vec<Child>,
}

/// A list of records of another object that point here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) name: Option<String>,
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) cascade: bool,
}

/// One field (a column) of an object.
#[expect(
    clippy::struct_excessive_bools,
    clippy::struct_field_names,
    reason = "these are the members of a describe"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    /// Characters for text, digits for whole numbers.
    pub(crate) length: u32,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    pub(crate) access: Access,
    pub(crate) required: bool,
    pub(crate) name_field: bool,
    pub(crate) lookup: bool,
    pub(crate) external_id: bool,
    pub(crate) unique: bool,
    pub(crate) case_sensitive: bool,
    pub(crate) auto_number: bool,
    pub(crate) restricted: bool,
    pub(crate) custom: bool,
    pub(crate) compound: Option<String>,
    pub(crate) reference: Vec<String>,
    pub(crate) relationship: Option<String>,
    pub(crate) child_relationship: Option<String>,
    pub(crate) cascade: bool,
    pub(crate) values: Vec<String>,
    pub(crate) default: Option<String>,
    pub(crate) formula: Option<String>,
    pub(crate) help: Option<String>,
}

/// What a client may do with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    Write,
    CreateOnly,
    ReadOnly,
}

/// The type of a field, as describe names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Id,
    String,
    TextArea,
    Email,
    Phone,
    Url,
    Picklist,
    MultiPicklist,
    ComboBox,
    EncryptedString,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Reference,
    Address,
    Location,
    Base64,
}

impl Schema {
    /// The shipped catalogue, read once a process.
    pub(crate) fn shipped() -> Self {
        static SHIPPED: LazyLock<Schema> = LazyLock::new(Schema::read);
        SHIPPED.clone()
    }

    fn read() -> Self {
        let mut schema = Self { objects: BTreeMap::new(), by_prefix: BTreeMap::new(), custom_prefixes: 0 };
        for object in catalogue::objects() {
            schema.put(object);
        }
        schema.relate();
        schema
    }

    /// Finds an object by its name in any case.
    pub(crate) fn object(&self, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(&name.to_ascii_lowercase())
    }

    /// Finds the object whose records have this id.
    pub(crate) fn object_of_id(&self, id: &str) -> Option<&Arc<Object>> {
        self.by_prefix.get(crate::id::prefix(id)).and_then(|name| self.object(name))
    }

    /// All objects, by name.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values()
    }

    /// Adds a custom object with the system fields, or gives the object that has this name already.
    pub(crate) fn add_object(&mut self, name: &str, label: &str, plural: &str) {
        if self.object(name).is_some() {
            return;
        }
        let prefix = self.free_prefix(if name.ends_with("__e") { 'e' } else { 'a' });
        self.put(catalogue::custom_object(name, label, plural, &prefix));
        self.relate();
    }

    /// Adds a field to an object, or replaces the custom field of this name; false when there is no such object.
    pub(crate) fn add_field(&mut self, object: &str, field: Field) -> bool {
        let Some(found) = self.objects.get_mut(&object.to_ascii_lowercase()) else { return false };
        Arc::make_mut(found).put(field);
        self.relate();
        true
    }

    /// Puts an object in the place of the one of its name.
    pub(crate) fn replace(&mut self, object: Object) {
        self.put(object);
        self.relate();
    }

    /// Takes an object out; its records are no longer reached.
    pub(crate) fn remove_object(&mut self, name: &str) {
        if let Some(object) = self.objects.remove(&name.to_ascii_lowercase()) {
            self.by_prefix.remove(&object.prefix);
            self.relate();
        }
    }

    /// Takes a field out of an object; what records hold in it is no longer shown.
    pub(crate) fn remove_field(&mut self, object: &str, field: &str) {
        let Some(known) = self.objects.get_mut(&object.to_ascii_lowercase()) else { return };
        let whole = Arc::make_mut(known);
        whole.fields.retain(|one| !one.name.eq_ignore_ascii_case(field));
        whole.places = whole
            .fields
            .iter()
            .enumerate()
            .map(|(at, field)| (field.name.to_ascii_lowercase(), at))
            .collect();
        self.relate();
    }

    /// Puts back an object that a snapshot holds.
    pub(crate) fn restore(&mut self, mut object: Object) {
        object.places =
            object.fields.iter().enumerate().map(|(at, f)| (f.name.to_ascii_lowercase(), at)).collect();
        self.custom_prefixes += u64::from(object.custom);
        self.put(object);
        self.relate();
    }

    /// The part of the schema that somebody may know: some objects, and of each some fields with some access.
    pub(crate) fn seen(
        &self,
        shows: impl Fn(&Object) -> bool,
        access: impl Fn(&Object, &Field) -> Option<Access>,
    ) -> Self {
        let mut seen = self.clone();
        seen.objects.retain(|_, object| shows(object));
        seen.by_prefix.retain(|_, name| seen.objects.contains_key(&name.to_ascii_lowercase()));
        for object in seen.objects.values_mut() {
            if object.fields.iter().all(|field| access(object, field) == Some(field.access)) {
                continue;
            }
            let kept = object.fields.iter().filter_map(|field| {
                let access = access(object, field)?;
                Some(Field { access, ..field.clone() })
            });
            let fields = kept.collect();
            let whole = Arc::make_mut(object);
            let mut part = Object::new(&whole.name, &whole.label, &whole.plural, &whole.prefix, fields);
            part.custom = whole.custom;
            *whole = part;
        }
        seen.relate();
        seen
    }

    fn put(&mut self, object: Object) {
        self.by_prefix.insert(object.prefix.clone(), object.name.clone());
        self.objects.insert(object.name.to_ascii_lowercase(), Arc::new(object));
    }

    fn free_prefix(&mut self, first: char) -> String {
        loop {
            let serial = self.custom_prefixes;
            self.custom_prefixes += 1;
            let prefix = format!("{first}{}", crate::id::make("000", serial).get(13..15).unwrap_or("00"));
            if !self.by_prefix.contains_key(&prefix) {
                return prefix;
            }
        }
    }

    /// Works out every object's child relationships from the references to it.
    fn relate(&mut self) {
        let mut children: BTreeMap<String, Vec<Child>> = BTreeMap::new();
        for object in self.objects.values() {
            for field in object.fields.iter().filter(|field| field.kind == Kind::Reference) {
                for target in &field.reference {
                    children.entry(target.to_ascii_lowercase()).or_default().push(Child {
                        name: field.child_relationship.clone(),
                        object: object.name.clone(),
                        field: field.name.clone(),
                        cascade: field.cascade,
                    });
                }
            }
        }
        for (name, object) in &mut self.objects {
            let found = children.remove(name).unwrap_or_default();
            if object.children != found {
                Arc::make_mut(object).children = found;
            }
        }
    }
}

impl Object {
    pub(crate) fn new(name: &str, label: &str, plural: &str, prefix: &str, fields: Vec<Field>) -> Self {
        let mut object = Self {
            name: name.to_owned(),
            label: label.to_owned(),
            plural: plural.to_owned(),
            prefix: prefix.to_owned(),
            custom: name.contains("__"),
            fields: Vec::new(),
            places: BTreeMap::new(),
            children: Vec::new(),
        };
        for field in fields {
            object.put(field);
        }
        object
    }

    /// Finds a field by its name in any case.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(*self.places.get(&name.to_ascii_lowercase())?)
    }

    /// Finds the reference field behind a parent relationship name such as `Account` or `Dataset__r`.
    pub(crate) fn parent(&self, relationship: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|f| f.relationship.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(relationship)))
    }

    /// Whether it was added to the org, rather than shipped with it.
    pub(crate) fn added(&self) -> bool {
        self.name.contains("__")
    }

    /// The field that names a record to a person.
    pub(crate) fn name_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.name_field)
    }

    /// Whether lookups of this field's values go through an index.
    pub(crate) fn indexed(field: &Field) -> bool {
        let reference =
            field.kind == Kind::Reference && field.access != Access::ReadOnly && field.name != "OwnerId";
        field.kind != Kind::Id && (field.finds_rows() || reference)
    }

    fn put(&mut self, field: Field) {
        let key = field.name.to_ascii_lowercase();
        if let Some(slot) = self.places.get(&key).and_then(|at| self.fields.get_mut(*at)) {
            *slot = field;
        } else {
            self.places.insert(key, self.fields.len());
            self.fields.push(field);
        }
    }
}

impl Field {
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            label: catalogue::label(name),
            kind,
            length: 0,
            precision: 0,
            scale: 0,
            access: Access::Write,
            required: false,
            name_field: false,
            lookup: false,
            external_id: false,
            unique: false,
            case_sensitive: false,
            auto_number: false,
            restricted: false,
            custom: name.ends_with("__c"),
            compound: None,
            reference: Vec::new(),
            relationship: None,
            child_relationship: None,
            cascade: false,
            values: Vec::new(),
            default: None,
            formula: None,
            help: None,
        }
    }

    /// Whether rows may be found by this field's value in an upsert or a reference.
    pub(crate) fn finds_rows(&self) -> bool {
        self.external_id || self.lookup || self.unique || self.kind == Kind::Id
    }

    /// Whether SOQL may filter on it: not long text, not blobs.
    pub(crate) fn filterable(&self) -> bool {
        match self.kind {
            Kind::Base64 | Kind::EncryptedString => false,
            Kind::TextArea => self.length <= 255,
            Kind::Id
            | Kind::String
            | Kind::Email
            | Kind::Phone
            | Kind::Url
            | Kind::Picklist
            | Kind::MultiPicklist
            | Kind::ComboBox
            | Kind::Boolean
            | Kind::Int
            | Kind::Double
            | Kind::Currency
            | Kind::Percent
            | Kind::Date
            | Kind::DateTime
            | Kind::Time
            | Kind::Reference
            | Kind::Address
            | Kind::Location => true,
        }
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::String => "string",
            Self::TextArea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::ComboBox => "combobox",
            Self::EncryptedString => "encryptedstring",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Reference => "reference",
            Self::Address => "address",
            Self::Location => "location",
            Self::Base64 => "base64",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Id,
            Self::String,
            Self::TextArea,
            Self::Email,
            Self::Phone,
            Self::Url,
            Self::Picklist,
            Self::MultiPicklist,
            Self::ComboBox,
            Self::EncryptedString,
            Self::Boolean,
            Self::Int,
            Self::Double,
            Self::Currency,
            Self::Percent,
            Self::Date,
            Self::DateTime,
            Self::Time,
            Self::Reference,
            Self::Address,
            Self::Location,
            Self::Base64,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// Whether its values are numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    /// Whether its values are free or chosen text.
    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::TextArea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::Picklist
                | Self::MultiPicklist
                | Self::ComboBox
                | Self::EncryptedString
        )
    }
}
