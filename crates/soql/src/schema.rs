//! What is known of an org's objects: which bear the mark's fields, and where their relationships lead.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use crate::formula;

/// What is known of the org.
///
/// Shape: objects by name, any case; relationships that every object has (`Owner`, `CreatedBy`, …) are always known.
#[derive(Clone, Debug)]
pub struct Schema {
    objects: BTreeMap<String, Object>,
    unstated: Unknown,
    unrelated: Unknown,
    summaries: Summaries,
}

/// What is done where nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The query cannot be isolated.
    Refused,
    /// It is taken to bear the mark's fields: if it does not, the org refuses the query.
    AssumedToBear,
    /// It is taken to hold nothing that is hidden.
    Open,
}

/// Whether roll-up summaries may be seen. Nobody says which rows they count or add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summaries {
    /// A query that uses one cannot be isolated.
    Refused,
    /// They may be seen, and what they say of hidden rows with them.
    Shown,
}

/// What a field that is calculated says of other rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Derived {
    /// What these paths lead to.
    From(Vec<Vec<String>>),
    /// Something of the rows below this one.
    Summary,
}

/// How rows of an object are told to be hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// By the mark's fields, which the object has.
    Fields,
    /// By the rows that these relationships lead to: hidden if one of them is.
    Through(Vec<String>),
    /// By the mark's fields, and by the rows that these relationships lead to.
    FieldsAndThrough(Vec<String>),
    /// By rows that are linked to them, which no condition can say: they can be asked for by ids that were looked up, and not otherwise.
    Linked,
    /// None of them is.
    Open,
    /// All of them are.
    Hidden,
}

impl Bearing {
    pub(crate) fn has_fields(&self) -> bool {
        matches!(self, Self::Fields | Self::FieldsAndThrough(_))
    }

    pub(crate) fn through(&self) -> &[String] {
        match self {
            Self::Through(ways) | Self::FieldsAndThrough(ways) => ways,
            Self::Fields | Self::Linked | Self::Open | Self::Hidden => &[],
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Object {
    bearing: Option<Bearing>,
    described: bool,
    lookups: BTreeMap<String, Lookup>,
    children: BTreeMap<String, String>,
    /// The lookups of children by which they are such, by the relationship's name.
    child_fields: BTreeMap<String, String>,
    /// Other objects, and the lookup by which they point here.
    pointed_at_by: BTreeSet<(String, String)>,
    derived: BTreeMap<String, Derived>,
}

/// A relationship from a row to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// As written in queries: `Account`.
    pub relationship: String,
    /// The field that holds the id: `AccountId`.
    pub field: String,
    /// Where it may lead; more than one if it is polymorphic.
    pub targets: Vec<String>,
}

impl Lookup {
    /// A relationship whose field has the usual name: `AccountId` for `Account`, `Patient__c` for `Patient__r`, `Patient__pc` for `Patient__pr`.
    pub fn usual(relationship: &str, targets: &[&str]) -> Self {
        let lower = relationship.to_ascii_lowercase();
        // `__pr` is how a person account spells the relationships of its contact.
        let custom = lower.ends_with("__r") || lower.ends_with("__pr");
        let field = match relationship.get(..relationship.len().saturating_sub(1)) {
            Some(stem) if custom => format!("{stem}c"),
            _ => format!("{relationship}Id"),
        };
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        Self { relationship: relationship.to_owned(), field, targets }
    }
}

/// Why a description of an object says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LearnError {
    /// It is not the JSON of a describe answer.
    #[error("this is not the answer to an object's describe: it has no name and fields")]
    NotADescription,
    /// It is too long.
    #[error("the description has more than {DESCRIPTION_BYTES_MAX} bytes")]
    TooLong,
}

/// A longer description of an object is refused.
pub const DESCRIPTION_BYTES_MAX: usize = 16 << 20;

impl Schema {
    /// Nothing known but the relationships that every object has; what is not known is refused.
    pub fn empty() -> Self {
        let mut schema = Self {
            objects: BTreeMap::new(),
            unstated: Unknown::Refused,
            unrelated: Unknown::Refused,
            summaries: Summaries::Refused,
        };
        for object in OPEN {
            schema.set(object, Bearing::Open);
        }
        // Names of rows of every object, which no relationship leads back to.
        schema.set("RecentlyViewed", Bearing::Hidden);
        for (object, field, path) in COPIES {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            let derived = &mut schema.object(object).derived;
            derived.insert(field.to_ascii_lowercase(), Derived::From(vec![path]));
        }
        schema
    }

    /// Says what is done with objects of which nobody said how hidden rows are told; refused, unless said.
    #[must_use]
    pub fn unstated_objects(mut self, unknown: Unknown) -> Self {
        self.unstated = unknown;
        self
    }

    /// Says what is done with relationships that lead nobody knows where; refused, unless said.
    #[must_use]
    pub fn unknown_relationships(mut self, unknown: Unknown) -> Self {
        self.unrelated = unknown;
        self
    }

    /// Says whether roll-up summaries may be seen; refused, unless said.
    #[must_use]
    pub fn summaries(mut self, summaries: Summaries) -> Self {
        self.summaries = summaries;
        self
    }

    /// Says how hidden rows of an object are told.
    pub fn set(&mut self, object: &str, bearing: Bearing) -> &mut Self {
        self.object(object).bearing = Some(bearing);
        self
    }

    /// Says where a relationship of an object leads.
    pub fn lookup(&mut self, object: &str, lookup: Lookup) -> &mut Self {
        self.object(object).lookups.insert(lookup.relationship.to_ascii_lowercase(), lookup);
        self
    }

    /// Says which rows a child relationship of an object has.
    pub fn child(&mut self, object: &str, relationship: &str, child: &str) -> &mut Self {
        self.object(object).children.insert(relationship.to_ascii_lowercase(), child.to_owned());
        self
    }

    /// Takes the answer to an object's describe: its relationships both ways, the formulas and roll-up summaries among its
    /// fields, and whether it bears the mark's fields.
    ///
    /// What was said by [`Self::set`] stays. Bounds: 16 MB.
    pub fn learn(&mut self, describe: &[u8]) -> Result<(), LearnError> {
        if describe.len() > DESCRIPTION_BYTES_MAX {
            return Err(LearnError::TooLong);
        }
        let describe: Value = serde_json::from_slice(describe).map_err(|_| LearnError::NotADescription)?;
        let name = describe.get("name").and_then(Value::as_str).ok_or(LearnError::NotADescription)?;
        let fields = describe.get("fields").and_then(Value::as_array).ok_or(LearnError::NotADescription)?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let object = self.object(name);
        object.described = true;
        let (mut synthetic, mut subject) = (false, false);
        for field in fields {
            let Some(field_name) = text(field, "name") else { continue };
            synthetic |= ends_with(&field_name, "eosin_synthetic__c");
            subject |= ends_with(&field_name, "eosin_subject__c");
            if field.get("calculated") == Some(&Value::Bool(true)) {
                let formula = text(field, "calculatedFormula");
                let derived =
                    formula.map_or(Derived::Summary, |formula| Derived::From(formula::paths(&formula)));
                object.derived.insert(field_name.to_ascii_lowercase(), derived);
            }
            let Some(relationship) = text(field, "relationshipName") else { continue };
            let targets = field.get("referenceTo").and_then(Value::as_array).into_iter().flatten();
            let targets: Vec<_> = targets.filter_map(Value::as_str).map(str::to_owned).collect();
            // Some standard fields are called lookups and lead nowhere (`JigsawCompanyId`).
            if targets.is_empty() {
                continue;
            }
            object.lookups.insert(
                relationship.to_ascii_lowercase(),
                Lookup { relationship, field: field_name, targets },
            );
        }
        for child_way in describe.get("childRelationships").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(child), Some(field)) = (text(child_way, "childSObject"), text(child_way, "field")) {
                object.pointed_at_by.insert((child, field));
            }
            if let (Some(relationship), Some(child)) =
                (text(child_way, "relationshipName"), text(child_way, "childSObject"))
            {
                if let Some(field) = text(child_way, "field") {
                    object.child_fields.insert(relationship.to_ascii_lowercase(), field);
                }
                object.children.insert(relationship.to_ascii_lowercase(), child);
            }
        }
        if synthetic && subject && object.bearing.is_none() {
            object.bearing = Some(Bearing::Fields);
        }
        Ok(())
    }

    /// Whether an object was described by the org.
    pub fn is_described(&self, object: &str) -> bool {
        self.objects.get(&object.to_ascii_lowercase()).is_some_and(|object| object.described)
    }

    /// Whether somebody said how hidden rows of an object are told, or none is.
    pub fn is_stated(&self, object: &str) -> bool {
        self.objects.get(&object.to_ascii_lowercase()).is_some_and(|object| object.bearing.is_some())
    }

    /// Whether no row of an object is hidden.
    pub fn is_open(&self, object: &str) -> bool {
        self.bearing(object) == Some(Bearing::Open)
    }

    /// Whether an object of that name is known.
    pub(crate) fn names(&self, object: &str) -> bool {
        self.objects.contains_key(&object.to_ascii_lowercase())
    }

    fn object(&mut self, name: &str) -> &mut Object {
        self.objects.entry(name.to_ascii_lowercase()).or_default()
    }

    /// How hidden rows of an object are told; `None` where that must be refused.
    pub(crate) fn bearing(&self, object: &str) -> Option<Bearing> {
        let known = self.objects.get(&object.to_ascii_lowercase());
        if let Some(bearing) = known.and_then(|object| object.bearing.clone()) {
            return Some(bearing);
        }
        // The rows that describe data sets say that there are such.
        if self.is_dataset(object) {
            return Some(Bearing::Hidden);
        }
        if let Some((_, relationship)) = self.companion(object) {
            return Some(Bearing::Through(vec![relationship]));
        }
        match self.unstated {
            Unknown::Refused => None,
            Unknown::Open => Some(Bearing::Open),
            // The org said that it has no such fields.
            Unknown::AssumedToBear if known.is_some_and(|object| object.described) => None,
            Unknown::AssumedToBear => Some(Bearing::Fields),
        }
    }

    /// Whether rows of this object describe data sets; not where somebody said how they are told.
    pub(crate) fn is_dataset(&self, object: &str) -> bool {
        let stated = self.objects.get(&object.to_ascii_lowercase()).and_then(|one| one.bearing.as_ref());
        stated.is_none() && ends_with(object, "eosin_dataset__c")
    }

    /// Where a relationship leads.
    pub(crate) fn lookup_of(&self, object: &str, relationship: &str) -> Option<Lookup> {
        let wanted = relationship.to_ascii_lowercase();
        if let Some(lookup) =
            self.objects.get(&object.to_ascii_lowercase()).and_then(|one| one.lookups.get(&wanted))
        {
            return Some(lookup.clone());
        }
        if let Some((base, way)) = self.companion(object)
            && way.eq_ignore_ascii_case(relationship)
        {
            return Some(Lookup::usual(&way, &[&base]));
        }
        if ends_with(relationship, "eosin_dataset__r") {
            let object = relationship.get(..relationship.len() - 1).map(|stem| format!("{stem}c"))?;
            return Some(Lookup::usual(relationship, &[&object]));
        }
        let everywhere = EVERYWHERE.iter().find(|(name, _)| name.eq_ignore_ascii_case(relationship));
        everywhere.map(|(name, targets)| Lookup::usual(name, targets))
    }

    /// The object whose history, shares or feed this is, if that hides rows, and the way to it.
    fn companion(&self, object: &str) -> Option<(String, String)> {
        let lower = object.to_ascii_lowercase();
        let of = |suffix: &str| lower.strip_suffix(suffix).and_then(|stem| object.get(..stem.len()));
        let custom = ["__history", "__share", "__feed"].into_iter().find_map(of);
        let standard = ["fieldhistory", "history", "share"].into_iter().find_map(of);
        let (base, way) = match (custom, standard, of("feed")) {
            (Some(stem), _, _) => (format!("{stem}__c"), "Parent".to_owned()),
            (None, Some(base), _) => (base.to_owned(), base.to_owned()),
            (None, None, Some(base)) => (base.to_owned(), "Parent".to_owned()),
            (None, None, None) => return None,
        };
        let bearing = self.objects.get(&base.to_ascii_lowercase())?.bearing.as_ref()?;
        (*bearing != Bearing::Open).then_some((base, way))
    }

    /// Every relationship of an object that is known by itself.
    pub(crate) fn lookups(&self, object: &str) -> impl Iterator<Item = &Lookup> {
        self.objects.get(&object.to_ascii_lowercase()).into_iter().flat_map(|object| object.lookups.values())
    }

    /// What a field says of other rows.
    pub(crate) fn derived(&self, object: &str, field: &str) -> Option<&Derived> {
        let object = self.objects.get(&object.to_ascii_lowercase())?;
        let derived = object.derived.get(&field.to_ascii_lowercase())?;
        (*derived != Derived::Summary || self.summaries == Summaries::Refused).then_some(derived)
    }

    /// Every field of an object that says something of other rows.
    pub(crate) fn derived_fields(&self, object: &str) -> impl Iterator<Item = &String> {
        self.objects.get(&object.to_ascii_lowercase()).into_iter().flat_map(|object| object.derived.keys())
    }

    /// The formulas and copies of an object, by the names of their fields in lower case, and the paths that they name.
    pub fn formulas(&self, object: &str) -> impl Iterator<Item = (&str, &[Vec<String>])> {
        let derived = self.objects.get(&object.to_ascii_lowercase()).map(|object| &object.derived);
        derived.into_iter().flatten().filter_map(|(field, derived)| match derived {
            Derived::From(paths) => Some((field.as_str(), paths.as_slice())),
            Derived::Summary => None,
        })
    }

    /// Fields of an object that say something of other rows: roll-up summaries, and formulas and copies that lead to rows
    /// which may be hidden. Names in lower case.
    ///
    /// Source: spec/queries.md section 4, items 3 and 7.
    pub fn telling(&self, object: &str) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut summaries, mut formulas) = (BTreeSet::new(), BTreeSet::new());
        let derived =
            self.objects.get(&object.to_ascii_lowercase()).into_iter().flat_map(|object| &object.derived);
        let derived: Vec<(&String, &Derived)> = derived.collect();
        loop {
            let before = summaries.len() + formulas.len();
            for (name, derived) in &derived {
                let Derived::From(paths) = derived else {
                    if self.summaries == Summaries::Refused {
                        summaries.insert((*name).clone());
                    }
                    continue;
                };
                let of = |path: &[String], fields: &BTreeSet<String>| match path {
                    [own] => fields.contains(&own.to_ascii_lowercase()),
                    _ => false,
                };
                if paths.iter().any(|path| of(path, &summaries)) {
                    summaries.insert((*name).clone());
                } else if paths.iter().any(|path| of(path, &formulas) || self.leads_to_hidden(object, path)) {
                    formulas.insert((*name).clone());
                }
            }
            if summaries.len() + formulas.len() == before {
                break;
            }
        }
        formulas.retain(|name| !summaries.contains(name));
        (summaries, formulas)
    }

    /// Whether a path may lead to a row that is hidden. Of one with several steps nobody looks further than the first.
    fn leads_to_hidden(&self, object: &str, path: &[String]) -> bool {
        let [way, _, ..] = path else { return false };
        let Some(lookup) = self.lookup_of(object, way) else { return true };
        path.len() > 2 || lookup.targets.iter().any(|target| self.bearing(target) != Some(Bearing::Open))
    }

    /// Which object the rows of a child relationship are.
    pub(crate) fn child_of(&self, object: &str, relationship: &str) -> Option<String> {
        let children = &self.objects.get(&object.to_ascii_lowercase())?.children;
        children.get(&relationship.to_ascii_lowercase()).cloned()
    }

    /// The lookup by which the rows of a child relationship are such, where the org said it.
    pub(crate) fn child_field(&self, object: &str, relationship: &str) -> Option<&str> {
        let fields = &self.objects.get(&object.to_ascii_lowercase())?.child_fields;
        fields.get(&relationship.to_ascii_lowercase()).map(String::as_str)
    }

    /// Whether rows of an object are hidden with rows that are linked to them.
    pub fn is_linked(&self, object: &str) -> bool {
        self.bearing(object) == Some(Bearing::Linked)
    }

    /// The objects whose rows point at those of this one, and by which lookup, as the org described it.
    pub fn pointed_at_by(&self, object: &str) -> Vec<(String, String)> {
        let object = self.objects.get(&object.to_ascii_lowercase());
        object.map(|object| object.pointed_at_by.iter().cloned().collect()).unwrap_or_default()
    }

    /// The lookups by which rows of an object are hidden with what they point at; nothing where it is told otherwise too, or
    /// not all of them are known.
    pub fn told_by(&self, object: &str) -> Option<Vec<String>> {
        let Some(Bearing::Through(ways)) = self.bearing(object) else { return None };
        ways.iter().map(|way| Some(self.lookup_of(object, way)?.field)).collect()
    }

    pub(crate) fn unrelated(&self) -> Unknown {
        self.unrelated
    }
}

/// The name itself, or behind a namespace.
fn ends_with(name: &str, plain: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_suffix(plain).is_some_and(|before| before.is_empty() || before.ends_with("__"))
}

/// Objects about users and set-up: nobody is a patient there, unless the caller says otherwise.
const OPEN: [&str; 7] = ["User", "Group", "Queue", "Profile", "UserRole", "RecordType", "Organization"];

/// Relationships that every object may have.
const EVERYWHERE: [(&str, &[&str]); 4] = [
    ("Owner", &["User", "Group"]),
    ("CreatedBy", &["User"]),
    ("LastModifiedBy", &["User"]),
    ("RecordType", &["RecordType"]),
];

/// Standard fields that copy what another row holds.
const COPIES: [(&str, &str, &[&str]); 4] = [
    ("Case", "ContactEmail", &["Contact", "Email"]),
    ("Case", "ContactFax", &["Contact", "Fax"]),
    ("Case", "ContactMobile", &["Contact", "MobilePhone"]),
    ("Case", "ContactPhone", &["Contact", "Phone"]),
];
