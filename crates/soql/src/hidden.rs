//! Which rows are hidden, and how they are told by the fields a mark rides in (`spec/carriers.md` section 2.2).

use thiserror::Error;

/// Which rows a client must not see or infer.
///
/// Shape: classes by the claim on the row, the namespace of the package that holds the fields, and what may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    classes: Vec<Class>,
    namespace: String,
    pub(crate) ids: LookupIds,
    pub(crate) marks: Marks,
    pub(crate) subqueries_max: usize,
}

/// What a row says of itself, before anything is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It is about nobody: the checkbox is ticked, or the subject says so.
    Synthetic,
    /// It is derived from both kinds.
    Mixed,
    /// Somebody is said to vouch for it.
    Attested,
    /// It says nothing.
    Unmarked,
}

/// Whether the id of a hidden row may be seen in a lookup of a row that is not hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupIds {
    /// No: a row whose lookup is asked for, and leads to a hidden row, is hidden with it.
    Guarded,
    /// Yes. That a row exists can then be told, not what it holds.
    Shown,
}

/// Whether the fields by which a row is judged are added to what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Only what the client asked for.
    NotAsked,
    /// `Id` and the mark's fields too, so that the answer can be judged; `Isolated` says which, to take them out again.
    Asked,
}

/// A namespace that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the namespace is not one: 1 to 15 letters, digits and single underscores, beginning with a letter")]
pub struct NotANamespace;

/// Salesforce refuses a query with more semi-joins and anti-joins.
const SUBQUERIES_MAX: usize = 2;

impl Hidden {
    /// Hides rows of these classes.
    pub fn of(classes: &[Class]) -> Self {
        Self {
            classes: classes.to_vec(),
            namespace: String::new(),
            ids: LookupIds::Guarded,
            marks: Marks::NotAsked,
            subqueries_max: SUBQUERIES_MAX,
        }
    }

    /// Hides rows about nobody, and rows derived from such.
    pub fn synthetic() -> Self {
        Self::of(&[Class::Synthetic, Class::Mixed])
    }

    /// Hides rows about attested people, and rows derived from such.
    pub fn attested() -> Self {
        Self::of(&[Class::Attested, Class::Mixed])
    }

    /// Hides everything that does not say it is synthetic.
    pub fn all_but_synthetic() -> Self {
        Self::of(&[Class::Attested, Class::Mixed, Class::Unmarked])
    }

    /// Says in which namespace the package's fields are.
    pub fn in_namespace(mut self, namespace: &str) -> Result<Self, NotANamespace> {
        let letters = namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let begins = namespace.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if !letters || !begins || namespace.len() > 15 || namespace.contains("__") || namespace.ends_with('_')
        {
            return Err(NotANamespace);
        }
        self.namespace = format!("{namespace}__");
        Ok(self)
    }

    /// Says whether ids of hidden rows may be seen in lookups.
    #[must_use]
    pub fn lookup_ids(mut self, ids: LookupIds) -> Self {
        self.ids = ids;
        self
    }

    /// Says whether the mark's fields are asked for.
    #[must_use]
    pub fn marks(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// Says how many semi-joins and anti-joins the org takes in one query; two, unless said.
    #[must_use]
    pub fn subqueries_max(mut self, most: usize) -> Self {
        self.subqueries_max = most;
        self
    }

    /// Whether the rows that describe data sets are shown: to whom synthetic rows are, for it is them that they describe.
    pub(crate) fn shows_datasets(&self) -> bool {
        !self.classes.contains(&Class::Synthetic)
    }

    /// A field of the package, by its name without namespace.
    pub(crate) fn field(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    /// The fields by which a row is judged, `Id` first.
    pub(crate) fn judged_by(&self) -> [String; 4] {
        [
            "Id".to_owned(),
            self.field("Eosin_Subject__c"),
            self.field("Eosin_Synthetic__c"),
            self.field("Eosin_Mark__c"),
        ]
    }

    /// Conditions that all hold for a row that may be seen; `before` is the way to it, with its last dot.
    ///
    /// A condition among others by `AND` may be dropped by nobody: each closes rows of its own.
    pub fn visible(&self, before: &str) -> Vec<String> {
        let (synthetic, subject) = self.fields(before);
        let mut all = Vec::new();
        if self.hides(Class::Synthetic) {
            all.push(format!("{synthetic} = false"));
        }
        let words = self.words();
        if !words.is_empty() {
            all.push(format!("({subject} = null OR {subject} NOT IN ({words}))"));
        }
        if self.hides(Class::Unmarked) {
            all.push(format!("({synthetic} = true OR {subject} != null)"));
        }
        all
    }

    /// Conditions of which one holds for a row that may not be seen.
    pub(crate) fn concealed(&self, before: &str) -> Vec<String> {
        let (synthetic, subject) = self.fields(before);
        let mut all = Vec::new();
        if self.hides(Class::Synthetic) {
            all.push(format!("{synthetic} = true"));
        }
        let words = self.words();
        if !words.is_empty() {
            all.push(format!("{subject} IN ({words})"));
        }
        if self.hides(Class::Unmarked) {
            all.push(format!("({synthetic} = false AND {subject} = null)"));
        }
        all
    }

    fn hides(&self, class: Class) -> bool {
        self.classes.contains(&class)
    }

    fn fields(&self, before: &str) -> (String, String) {
        (
            format!("{before}{}", self.field("Eosin_Synthetic__c")),
            format!("{before}{}", self.field("Eosin_Subject__c")),
        )
    }

    fn words(&self) -> String {
        [(Class::Synthetic, "'synthetic'"), (Class::Mixed, "'mixed'"), (Class::Attested, "'attested'")]
            .into_iter()
            .filter_map(|(class, word)| self.hides(class).then_some(word))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
