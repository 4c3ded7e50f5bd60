//! What is known of an org whose reads are isolated: its objects and their ids' prefixes, queries under way.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use carrier::salesforce::{self, DATASET_OBJECT, RecordId, Stripped};
use flow::{Protocol, Reader};
use mark::VerdictName;
use policy::{Hidden, Mode};
use serde_json::Value;
use soql::{Bearing, Class, LookupIds, Marks, Schema, Unknown};

use crate::{
    config::{BoundaryConfig, IsolatedReads, Reads},
    key::{Key, Keys},
    server::{Lane, StartError},
    sessions::{Session, Sessions},
};

/// How reads of one boundary are isolated.
#[derive(Debug)]
pub(crate) struct Isolation {
    pub(crate) reads: IsolatedReads,
    known: Mutex<Arc<OrgKnown>>,
    sessions: Mutex<Sessions>,
    queries: Mutex<Remembered<Asked>>,
    /// By job, or by batch of Bulk v1.
    jobs: Mutex<Remembered<BulkQuery>>,
    /// What was hidden from whoever sent rows in bulk: by job, or by batch of Bulk v1.
    sent: Mutex<Remembered<Hidden>>,
    stand_ins: Mutex<StandIns>,
    /// Whether the org had none of Eosin's fields when it was last asked.
    pub(crate) seems_bare: AtomicBool,
}

/// Ids that nobody has, each sent once in the place of a hidden one in bulk rows.
#[derive(Debug, Default)]
struct StandIns {
    given: usize,
    own: Remembered<RecordId>,
}

/// The first of them: those before stand in requests whose answers come at once.
const FIRST_STAND_IN: usize = 1_000_000;

/// What the org said of its objects, to anybody: what one user may not see, another may, and it hides for both.
#[derive(Clone, Debug)]
pub(crate) struct OrgKnown {
    /// Objects by their ids' first three characters, which several can have.
    prefixes: BTreeMap<String, BTreeSet<String>>,
    pub(crate) schema: Schema,
    /// The relationships of described objects, both ways: name and where it leads.
    ways: BTreeMap<String, Vec<(String, Vec<String>)>>,
    /// How hidden rows of described objects are told; names in lower case.
    told_by: BTreeMap<String, ToldBy>,
    /// By what rows of described objects may be named; objects in lower case.
    keys: BTreeMap<String, Keys>,
}

/// How rows of an object are told to be hidden, of which nobody stated it.
#[derive(Clone, Debug, Default)]
struct ToldBy {
    has_own: bool,
    ways: BTreeSet<String>,
}

impl ToldBy {
    fn bearing(&self) -> Bearing {
        if self.has_own {
            Bearing::Fields
        } else if self.ways.is_empty() {
            Bearing::Open
        } else {
            Bearing::Through(self.ways.iter().cloned().collect())
        }
    }
}

impl OrgKnown {
    /// The objects that a relationship of an object leads to, by its name in lower case; nothing if nobody knows.
    pub(crate) fn targets(&self, object: &str, way: &str) -> Option<Vec<String>> {
        let ways = self.ways.get(&object.to_ascii_lowercase())?;
        ways.iter().find(|(name, _)| name == way).map(|(_, targets)| targets.clone())
    }

    /// The field that holds the id of a row that a relationship leads to.
    pub(crate) fn lookup(&self, object: &str, way: &str) -> Option<&str> {
        self.keys.get(&object.to_ascii_lowercase())?.lookup(way)
    }

    /// A field by whose value rows of an object may be named.
    pub(crate) fn key(&self, object: &str, field: &str) -> Option<Key> {
        self.keys.get(&object.to_ascii_lowercase())?.key(field)
    }

    /// The objects that an id can be of, by its first three characters.
    pub(crate) fn of(&self, id: RecordId) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.prefixes.get(id.prefix()).unwrap_or(&NONE)
    }

    /// Objects that a statement may touch, in lower case.
    ///
    /// Shape:  those it names after `FROM` or `RETURNING`, and those that its relationships, by their names, lead to; also those
    ///         of the formulas that it names, whose text stands in no statement.
    pub(crate) fn reached(&self, named: &BTreeSet<String>, statement: &str) -> BTreeSet<String> {
        let lower = statement.to_ascii_lowercase();
        let mut reached: BTreeSet<String> = named.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut rounds = 0;
        loop {
            let before = reached.len();
            let further: Vec<String> = reached
                .iter()
                .filter_map(|object| self.ways.get(object))
                .flatten()
                .filter(|(way, _)| lower.contains(way.as_str()))
                .flat_map(|(_, targets)| targets.iter().map(|target| target.to_ascii_lowercase()))
                .collect();
            reached.extend(further);
            let through = self.in_formulas(&reached, &lower);
            reached.extend(through);
            rounds += 1;
            if reached.len() == before || rounds > WAYS_MAX {
                break;
            }
        }
        reached
    }
}

impl OrgKnown {
    /// Objects that the formulas of these lead to, as far as they are known: of those formulas that a statement (in lower case)
    /// names, and of those which stand in one that is followed.
    pub(crate) fn in_formulas(&self, objects: &BTreeSet<String>, statement: &str) -> BTreeSet<String> {
        let takes_all = statement.contains("fields(") || statement.contains("fields (");
        let mut left: Vec<(String, String)> = Vec::new();
        for object in objects {
            let named =
                self.schema.formulas(object).filter(|(field, _)| takes_all || statement.contains(field));
            left.extend(named.map(|(field, _)| (object.clone(), field.to_owned())));
        }
        let mut followed = BTreeSet::new();
        let mut reached = BTreeSet::new();
        while let Some((object, field)) = left.pop() {
            if !followed.insert((object.clone(), field.clone())) {
                continue;
            }
            let paths = self.schema.formulas(&object).filter(|(name, _)| *name == field);
            for path in paths.flat_map(|(_, paths)| paths) {
                let Some((last, ways)) = path.split_last() else { continue };
                let mut at = BTreeSet::from([object.clone()]);
                for way in ways {
                    let way = way.to_ascii_lowercase();
                    let targets = at.iter().filter_map(|object| self.targets(object, &way)).flatten();
                    at = targets.map(|target| target.to_ascii_lowercase()).collect();
                    reached.extend(at.iter().cloned());
                }
                left.extend(at.into_iter().map(|object| (object, last.to_ascii_lowercase())));
            }
        }
        reached
    }
}

/// Relationships that one path may pass, as in Salesforce.
const WAYS_MAX: usize = 5;

/// A query whose further pages may be asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What was hidden when it was asked.
    pub(crate) hidden: Hidden,
    /// What it was asked for beside what the client wants.
    pub(crate) stripped: Stripped,
}

/// A bulk query that was isolated.
#[derive(Clone, Debug)]
pub(crate) struct BulkQuery {
    /// What was hidden when it was asked.
    pub(crate) hidden: Hidden,
    /// What its rows are; nothing where its results cannot be read row by row.
    pub(crate) rows: Option<RowsOf>,
}

/// Things by name, the oldest forgotten first.
#[derive(Debug)]
struct Remembered<T> {
    by_name: BTreeMap<String, T>,
    order: VecDeque<String>,
}

/// How many queries and jobs under way are remembered; an org keeps ten cursors a user, for two days at most.
const REMEMBERED_MAX: usize = 10_000;

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), order: VecDeque::new() }
    }
}

impl<T> Remembered<T> {
    fn keep(&mut self, name: String, value: T) {
        if self.by_name.insert(name.clone(), value).is_none() {
            self.order.push_back(name);
        }
        while self.order.len() > REMEMBERED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.by_name.remove(&oldest);
            }
        }
    }
}

impl Isolation {
    /// How a boundary's reads are isolated; nothing where they are open.
    pub(crate) fn of(config: &BoundaryConfig) -> Result<Option<Self>, StartError> {
        let Reads::Isolated(reads) = &config.reads else { return Ok(None) };
        if config.boundary.mode != Mode::Enforce || config.protocol != Protocol::Salesforce {
            return Ok(None);
        }
        if !reads.namespace.is_empty() && soql::Hidden::synthetic().in_namespace(&reads.namespace).is_err() {
            return Err(StartError::Namespace { boundary: config.boundary.name.clone() });
        }
        let known = OrgKnown {
            prefixes: BTreeMap::new(),
            schema: schema(reads),
            ways: BTreeMap::new(),
            told_by: BTreeMap::new(),
            keys: BTreeMap::new(),
        };
        Ok(Some(Self {
            reads: reads.clone(),
            known: Mutex::new(Arc::new(known)),
            sessions: Mutex::default(),
            queries: Mutex::default(),
            jobs: Mutex::default(),
            sent: Mutex::default(),
            stand_ins: Mutex::default(),
            seems_bare: AtomicBool::new(false),
        }))
    }

    /// What the org has said so far.
    pub(crate) fn known(&self) -> Arc<OrgKnown> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was asked in each session.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the org's list of its objects, as one session is given it; whether it is one.
    pub(crate) fn learn_objects(&self, listed: &[u8], session: Session, now: i64) -> bool {
        let Ok(listed) = serde_json::from_slice::<Value>(listed) else { return false };
        let objects = listed.get("sobjects").and_then(Value::as_array).into_iter().flatten();
        let text = |object: &Value, key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let prefixes: Vec<(String, String)> =
            objects.filter_map(|object| Some((text(object, "keyPrefix")?, text(object, "name")?))).collect();
        let is_list = !prefixes.is_empty();
        if is_list {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let OrgKnown { prefixes: all, .. } = Arc::make_mut(&mut known);
            for (prefix, object) in prefixes {
                all.entry(prefix).or_default().insert(object);
            }
            self.sessions().listed(session, now);
        }
        is_list
    }

    /// Takes the org's description of an object; whether it is one.
    ///
    /// An object without Eosin's fields is hidden through what it points at, if that has them; unless the
    /// configuration says otherwise. What another user was told stays: nothing that is learnt opens an object.
    pub(crate) fn learn_object(&self, object: &str, description: &[u8]) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(description) else { return false };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let OrgKnown { schema, ways, told_by, keys, .. } = Arc::make_mut(&mut known);
        if schema.learn(description).is_err() {
            return false;
        }
        let object = object.to_ascii_lowercase();
        keys.entry(object.clone()).or_default().learn(&value);
        let own = ways.entry(object.clone()).or_default();
        for way in relationships(&value) {
            if !own.contains(&way) {
                own.push(way);
            }
        }
        if self.is_stated(&object) || schema.is_linked(&object) {
            return true;
        }
        // Rows of links are what they link, and show a file by its id alone.
        let is_file_told = schema.is_linked(FILE) && !object.eq_ignore_ascii_case(FILE_LINK);
        let text = |field: &Value, key: &str| field.get(key).and_then(Value::as_str).map(str::to_owned);
        let fields: Vec<&Value> =
            value.get("fields").and_then(Value::as_array).into_iter().flatten().collect();
        let leads_to_marked = |field: &Value| {
            let targets = field.get("referenceTo").and_then(Value::as_array).into_iter().flatten();
            let tells = |target| self.is_marked(target) || (is_file_told && target == FILE);
            targets.filter_map(Value::as_str).any(tells)
        };
        let ways = fields
            .iter()
            .filter(|field| leads_to_marked(field))
            .filter_map(|field| text(field, "relationshipName"));
        let told = told_by.entry(object.clone()).or_default();
        told.has_own |= fields.iter().filter_map(|field| text(field, "name")).any(|name| is_label(&name));
        told.ways.extend(ways);
        schema.set(&object, told.bearing());
        true
    }

    /// Takes it that an object to which a formula leads hides all its rows, if nobody described it: its values reach those who
    /// may not see it. What somebody is told of it later counts instead.
    pub(crate) fn close_unless_known(&self, object: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.schema.is_described(object) && !known.schema.is_stated(object) {
            Arc::make_mut(&mut known).schema.set(object, Bearing::Hidden);
        }
    }

    /// Whether rows of this object carry Eosin's fields.
    pub(crate) fn is_marked(&self, object: &str) -> bool {
        self.reads.objects.iter().any(|marked| marked.eq_ignore_ascii_case(object))
    }

    /// Whether this is the object of datasets, whose rows tell that there are such.
    pub(crate) fn is_dataset(&self, object: &str) -> bool {
        let local = object.split_once("__").filter(|(namespace, _)| {
            !self.reads.namespace.is_empty() && namespace.eq_ignore_ascii_case(&self.reads.namespace)
        });
        local.map_or(object, |(_, local)| local).eq_ignore_ascii_case(DATASET_OBJECT)
    }

    fn is_stated(&self, object: &str) -> bool {
        let same = |other: &String| other.eq_ignore_ascii_case(object);
        self.is_marked(object)
            || self.is_dataset(object)
            || self.reads.through.keys().any(same)
            || self.reads.open_objects.iter().any(same)
    }

    /// A field of ours as this org spells it.
    pub(crate) fn field(&self, name: &str) -> String {
        if self.reads.namespace.is_empty() {
            name.to_owned()
        } else {
            format!("{}__{name}", self.reads.namespace)
        }
    }

    /// Whether the configuration lets a path through unread.
    pub(crate) fn is_opened(&self, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or(target);
        self.reads.open_paths.iter().any(|open| {
            path.strip_prefix(open.trim_end_matches('/'))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Remembers a query by its locator, for its further pages.
    pub(crate) fn keep_query(&self, locator: &str, asked: Asked) {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.keep(cursor(locator).to_owned(), asked);
    }

    /// The query of a locator.
    pub(crate) fn query(&self, locator: &str) -> Option<Asked> {
        let queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        queries.by_name.get(cursor(locator)).cloned()
    }

    /// Remembers a bulk query that was isolated, once the org has taken it: by its job, or by its batch in Bulk v1.
    pub(crate) fn keep_job(&self, id: &str, query: BulkQuery) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.keep(id.get(..15).unwrap_or(id).to_owned(), query);
    }

    /// A bulk query that was asked here.
    pub(crate) fn job(&self, id: &str) -> Option<BulkQuery> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.by_name.get(id.get(..15).unwrap_or(id)).cloned()
    }

    /// The bulk query that a target is about: by its batch, or else by its job.
    pub(crate) fn job_asked(&self, target: &str) -> Option<BulkQuery> {
        let by_batch = salesforce::batch_asked(target).and_then(|batch| self.job(&batch));
        by_batch.or_else(|| self.job(&salesforce::query_job(target)?))
    }

    /// An id that nobody has, for one in bulk rows: which it stands for is remembered, for the rows come back later.
    pub(crate) fn stand_in(&self, id: RecordId) -> RecordId {
        let mut stand_ins = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = id.absent(FIRST_STAND_IN + stand_ins.given);
        stand_ins.given += 1;
        stand_ins.own.keep(absent.short().to_owned(), id);
        absent
    }

    /// The id that this one stands for.
    pub(crate) fn stands_for(&self, absent: RecordId) -> Option<RecordId> {
        let stand_ins = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        stand_ins.own.by_name.get(absent.short()).copied()
    }

    /// Remembers that rows went to this job, or in this batch, from somebody from whom this was hidden.
    pub(crate) fn keep_sent(&self, id: &str, hidden: Hidden) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.keep(id.get(..15).unwrap_or(id).to_owned(), hidden);
    }

    /// What was hidden from whoever sent the rows of this job, or of this batch, through here.
    pub(crate) fn sent(&self, id: &str) -> Option<Hidden> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.by_name.get(id.get(..15).unwrap_or(id)).copied()
    }

    /// What a query must not show, in the words of the query language's own crate.
    pub(crate) fn hidden(&self, reader: &Reader, marks: Marks) -> soql::Hidden {
        let classes: Vec<Class> = [
            (VerdictName::Synthetic, Class::Synthetic),
            (VerdictName::Mixed, Class::Mixed),
            (VerdictName::Attested, Class::Attested),
            (VerdictName::Unproven, Class::Unmarked),
        ]
        .into_iter()
        .filter_map(|(kind, class)| reader.hidden.hides(kind).then_some(class))
        .collect();
        let hidden = soql::Hidden::of(&classes);
        let hidden = match hidden.clone().in_namespace(&self.reads.namespace) {
            Ok(named) => named,
            // It has none: another was refused at start.
            Err(_) => hidden,
        };
        let ids = if self.reads.guards_lookups { LookupIds::Guarded } else { LookupIds::Shown };
        hidden.marks(marks).lookup_ids(ids)
    }
}

/// The relationships that a description names, both ways; names in lower case.
fn relationships(description: &Value) -> Vec<(String, Vec<String>)> {
    let list = |key: &str| description.get(key).and_then(Value::as_array).into_iter().flatten();
    let name =
        |value: &Value| value.get("relationshipName").and_then(Value::as_str).map(str::to_ascii_lowercase);
    let parents = list("fields").filter_map(|field| {
        let targets = field.get("referenceTo").and_then(Value::as_array).into_iter().flatten();
        Some((name(field)?, targets.filter_map(Value::as_str).map(str::to_owned).collect()))
    });
    let children = list("childRelationships").filter_map(|child| {
        Some((name(child)?, vec![child.get("childSObject").and_then(Value::as_str)?.to_owned()]))
    });
    parents.chain(children).collect()
}

/// A locator is a cursor and how many rows were given: `01g…-2000`.
fn cursor(locator: &str) -> &str {
    locator.rsplit_once('-').map_or(locator, |(cursor, _)| cursor)
}

/// Whether a field is one of those by which a row is told to be hidden, in any namespace.
fn is_label(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["eosin_subject__c", "eosin_synthetic__c"].iter().any(|label| {
        lower.strip_suffix(label).is_some_and(|before| before.is_empty() || before.ends_with("__"))
    })
}

/// Objects whose rows are about whoever is linked to them, and point at nobody: files, and who a contact or lead is.
const LINKED: [&str; 2] = [FILE, "Individual"];

/// The object of files. A version, a history or a way to one is hidden with it.
pub(crate) const FILE: &str = "ContentDocument";

/// The object of links between files and what they are about.
pub(crate) const FILE_LINK: &str = "ContentDocumentLink";

/// What is known before the org was asked.
fn schema(reads: &IsolatedReads) -> Schema {
    let mut schema =
        // What a statement is about is described before it is rewritten; what is only pointed at may stay unknown.
        Schema::empty().unstated_objects(Unknown::Open).unknown_relationships(Unknown::Refused);
    for object in LINKED {
        schema.set(object, Bearing::Linked);
    }
    for object in &reads.open_objects {
        schema.set(object, Bearing::Open);
    }
    for (object, ways) in &reads.through {
        schema.set(object, Bearing::Through(ways.clone()));
    }
    for object in &reads.objects {
        let ways = reads.through.iter().find(|(name, _)| name.eq_ignore_ascii_case(object));
        let bearing = ways.map_or(Bearing::Fields, |(_, ways)| Bearing::FieldsAndThrough(ways.clone()));
        schema.set(object, bearing);
    }
    schema
}

impl Lane {
    /// Who reads here, if anything is hidden from them: nothing where reads stream through.
    pub(crate) fn reader(&self, client: &str) -> Option<Reader> {
        self.isolation.as_ref()?;
        let hidden = self.flow.hidden(&self.boundary, client);
        hidden.hides_labelled().then(|| Reader {
            boundary: Arc::clone(&self.boundary),
            protocol: self.protocol.clone(),
            client: client.to_owned(),
            hidden,
        })
    }
}

/// What the rows of a bulk query are, and how they stand in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowsOf {
    pub(crate) object: String,
    /// The byte between cells.
    pub(crate) delimiter: u8,
}

/// The one object whose rows a statement gives, if each of its rows is one: groups are of none.
pub(crate) fn rows_of(statement: &str) -> Option<String> {
    let query = soql::parse(statement).ok()?;
    match query.from.object.names() {
        [object] => Some(object.text.to_string()),
        _ => None,
    }
}

/// Objects that a statement names after `FROM`, in any of its queries.
pub(crate) fn objects_of(query: &soql::Query) -> BTreeSet<String> {
    let mut objects = BTreeSet::new();
    collect(query, &mut objects);
    objects
}

fn collect(query: &soql::Query, objects: &mut BTreeSet<String>) {
    if let [object] = query.from.object.names() {
        objects.insert(object.text.to_string());
    }
    for condition in query.filter.iter().chain(&query.having) {
        joins(condition, objects);
    }
}

fn joins(condition: &soql::Condition, objects: &mut BTreeSet<String>) {
    match condition {
        soql::Condition::And(parts) | soql::Condition::Or(parts) => {
            for part in parts {
                joins(part, objects);
            }
        }
        soql::Condition::Not(inner) => joins(inner, objects),
        soql::Condition::Joined { query, .. } => collect(query, objects),
        soql::Condition::Compare { .. } | soql::Condition::Listed { .. } => {}
    }
}
