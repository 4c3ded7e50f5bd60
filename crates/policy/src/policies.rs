//! A set of policies: read, named, strictly checked against the schema, and only then used.

use std::{
    collections::BTreeMap,
    fmt,
    str::FromStr,
    sync::{Arc, Mutex},
};

use cedar_policy::{
    Authorizer, Effect, Entities, Policy, PolicyId, PolicySet, Request as CedarRequest, Response,
    ValidationMode, Validator,
};
use mark::digest::sha256;
use miette::Diagnostic;

use crate::{emergency::Emergency, memory::Memory, vocabulary::Vocabulary};
use extent::Excess;

mod extent;
pub(crate) mod red_line;

/// Policies that passed every check; ready to be asked.
pub struct Policies {
    version: Arc<str>,
    set: PolicySet,
    authorizer: Authorizer,
    vocabulary: Vocabulary,
    told: BTreeMap<PolicyId, Told>,
    // A worker with less left gets a larger stack for the call.
    stack_bytes: usize,
    memory: Memory,
    pub(crate) emergencies: Vec<Arc<Emergency>>,
    // The version, and which activations narrow it.
    standing: Arc<str>,
    // The same under some of the emergency versions, by which of them.
    pub(crate) parts: Mutex<BTreeMap<Vec<bool>, Arc<Self>>>,
}

/// What people are told of one policy.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) order: usize,
    pub(crate) id: Arc<str>,
    pub(crate) reason: Arc<str>,
    /// Whether it says `@quarantine`: what it forbids is kept.
    pub(crate) keeps: bool,
}

/// Largest policy text, in bytes.
pub const POLICY_BYTES_MAX: usize = 1_000_000;
/// Most policies in one text.
pub const POLICIES_MAX: usize = 1_000;

/// Characters of a policy's id at most: it is in refusals, in each entry of the ledger and in keys of the index.
const ID_MAX: usize = 200;
const DEFAULT: &str = include_str!("../policies/default.cedar");

impl Policies {
    /// Reads policies and checks them against the schema.
    ///
    /// Every policy carries `@id("…")`, unique, and `@reason("…")`, which people are shown. What Cedar only warns
    /// of, such as a policy that can never apply, is an error here: a forbid that never applies is an open door.
    ///
    /// Shape:  Cedar text -> policies whose version is `name@` and 12 hex digits of the text's SHA-256.
    /// Bounds: [`POLICY_BYTES_MAX`], [`POLICIES_MAX`]; 2,000 words and 32 nested brackets a policy. Runs on a thread
    ///         of its own, whose stack is ample for those.
    /// Errors: see [`PolicyError`]; keep the policies that were active before.
    pub fn parse(name: &str, cedar_text: &str) -> Result<Self, PolicyError> {
        within_bounds(name, cedar_text)?;
        std::thread::scope(|scope| {
            let reader =
                std::thread::Builder::new().name("policies".to_owned()).stack_size(extent::STACK_BYTES);
            let parsed = reader.spawn_scoped(scope, || Self::parse_here(name, cedar_text));
            let parsed = parsed.map_err(|error| PolicyError::NoStack(error.to_string()))?;
            parsed.join().unwrap_or_else(|_| Err(PolicyError::NoStack("reading them panicked".to_owned())))
        })
    }

    fn parse_here(name: &str, cedar_text: &str) -> Result<Self, PolicyError> {
        let (set, told) = read(name, cedar_text)?;
        let vocabulary = Vocabulary::new().map_err(PolicyError::BuiltIn)?;
        let checked = Validator::new(vocabulary.schema().clone()).validate(&set, ValidationMode::Strict);
        let mut problems = Vec::new();
        for error in checked.validation_errors() {
            collect(error, cedar_text, &mut problems);
        }
        // A policy with errors is often warned of as well, as one that can never apply: that would only distract.
        if problems.is_empty() {
            for warning in checked.validation_warnings() {
                collect(warning, cedar_text, &mut problems);
            }
        }
        // Cedar checks each policy once for each action: the same place is told once.
        problems.sort();
        problems.dedup_by_key(|problem| problem.place);
        faultless(name, problems)?;
        Ok(Self::of(name, cedar_text, set, told, vocabulary))
    }

    /// The policies that come with Eosin: `policies/default.cedar`, named `default`.
    ///
    /// Errors: none in a build that passes its tests.
    pub fn default_set() -> Result<Self, PolicyError> {
        Self::parse("default", DEFAULT)
    }

    /// The text of the default policies, to start one's own from.
    pub fn default_text() -> &'static str {
        DEFAULT
    }

    /// Their name and a digest of their text: `default@0123456789ab`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The ids of the policies, in the order of the text.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let mut told: Vec<&Told> = self.told.values().collect();
        told.sort_by_key(|told| told.order);
        told.into_iter().map(|told| &*told.id)
    }

    fn of(
        name: &str,
        text: &str,
        set: PolicySet,
        told: BTreeMap<PolicyId, Told>,
        vocabulary: Vocabulary,
    ) -> Self {
        let digest: String = sha256(&[text.as_bytes()]).to_hex().chars().take(12).collect();
        let version: Arc<str> = format!("{name}@{digest}").into();
        let stack_bytes = extent::stack_to_ask(&set);
        Self {
            standing: Arc::clone(&version),
            version,
            set,
            authorizer: Authorizer::new(),
            vocabulary,
            told,
            stack_bytes,
            memory: Memory::default(),
            emergencies: Vec::new(),
            parts: Mutex::default(),
        }
    }

    /// The same policies with these emergency versions and no others.
    pub(crate) fn with_emergencies(&self, emergencies: Vec<Arc<Emergency>>) -> Self {
        let places: Vec<&str> = emergencies.iter().map(|one| one.activation.as_str()).collect();
        Self {
            version: Arc::clone(&self.version),
            set: self.set.clone(),
            authorizer: Authorizer::new(),
            vocabulary: self.vocabulary.clone(),
            told: self.told.clone(),
            stack_bytes: self.stack_bytes,
            memory: Memory::default(),
            standing: format!("{} {}", self.version, places.join(" ")).into(),
            emergencies,
            parts: Mutex::default(),
        }
    }

    /// What tells these policies from the same ones under other emergency versions, for whoever remembers their answers.
    pub fn standing(&self) -> &str {
        &self.standing
    }

    /// Policies that nobody checked against the schema, to see what happens when one fails to evaluate.
    #[cfg(test)]
    pub(crate) fn unchecked(name: &str, text: &str) -> Self {
        let (set, told) = read(name, text).unwrap();
        Self::of(name, text, set, told, Vocabulary::new().unwrap())
    }

    pub(crate) fn shared_version(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(crate) fn ask(&self, question: &CedarRequest, entities: &Entities) -> Response {
        self.ask_of(&self.set, question, entities)
    }

    /// Asks some of the policies.
    fn ask_of(&self, set: &PolicySet, question: &CedarRequest, entities: &Entities) -> Response {
        stacker::maybe_grow(self.stack_bytes, self.stack_bytes, || {
            self.authorizer.is_authorized(question, set, entities)
        })
    }

    /// The text of each policy, by its id, as Cedar prints it.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let text = |policy: &Policy| (policy.id().to_string(), policy.to_cedar().unwrap_or_default());
        on_ample_stack(|| self.set.policies().map(text).collect())
    }

    /// What people are told of these policies, in the order of the text.
    pub(crate) fn in_order<'a>(
        &self,
        ids: impl Iterator<Item = &'a PolicyId>,
    ) -> impl Iterator<Item = &Told> {
        let mut told: Vec<&Told> = ids.filter_map(|id| self.told.get(id)).collect();
        told.sort_by_key(|told| told.order);
        told.into_iter()
    }
}

/// Looks into policies on a stack like that on which they were read: Cedar prints them by recursion too.
fn on_ample_stack<T>(look: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(extent::STACK_BYTES, extent::STACK_BYTES, look)
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policies({}, {} policies)", self.version, self.told.len())
    }
}

fn within_bounds(name: &str, text: &str) -> Result<(), PolicyError> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLong { name: name.to_owned() });
    }
    let Some((place, excess)) = extent::first_excess(text) else { return Ok(()) };
    let message = match excess {
        Excess::Words => format!("a policy of more than {} words and signs", extent::WORDS_MAX),
        Excess::Brackets => format!("more than {} brackets inside each other", extent::BRACKETS_MAX),
    };
    let help = "split it; is a `;` or a closing bracket missing before?";
    faultless(name, vec![Problem::at(text, Some(place), &message, Some(help))])
}

/// Reads the text and gives every policy the name it calls itself.
fn read(name: &str, text: &str) -> Result<(PolicySet, BTreeMap<PolicyId, Told>), PolicyError> {
    let parsed = PolicySet::from_str(text).map_err(|errors| {
        let mut problems = Vec::new();
        collect(&errors, text, &mut problems);
        PolicyError::Faulty { name: name.to_owned(), problems }
    })?;
    let mut problems: Vec<Problem> = parsed
        .templates()
        .map(|template| {
            let place = text.find(&template.to_cedar());
            Problem::at(
                text,
                place,
                "a template with `?principal` or `?resource`, which nothing fills in",
                None,
            )
        })
        .collect();
    // Cedar numbers policies in the order of the text.
    let number = |policy: &Policy| policy.id().to_string().trim_start_matches("policy").parse::<usize>().ok();
    let mut policies: Vec<&Policy> = parsed.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    if policies.len() > POLICIES_MAX {
        return Err(PolicyError::TooMany { name: name.to_owned(), policies: policies.len() });
    }
    if policies.is_empty() && problems.is_empty() {
        return Err(PolicyError::Empty { name: name.to_owned() });
    }
    let mut told = BTreeMap::new();
    let mut named = Vec::with_capacity(policies.len());
    let mut after = 0;
    for (order, policy) in policies.into_iter().enumerate() {
        let own = policy.to_cedar().unwrap_or_default();
        let place = text.get(after..).and_then(|rest| rest.find(&own)).map(|found| after + found);
        after = place.map_or(after, |place| place + own.len());
        let annotation = |key| policy.annotation(key).map(str::trim).filter(|value| !value.is_empty());
        let (Some(id), Some(reason)) = (annotation("id"), annotation("reason")) else {
            let help = "write `@id(\"short-name\")` and `@reason(\"one sentence\")` above it";
            problems.push(Problem::at(text, place, "a policy without id or reason", Some(help)));
            continue;
        };
        if id.chars().count() > ID_MAX {
            let message = format!("an id of more than {ID_MAX} characters");
            let help = "refusals, the ledger and the index name the policy by it: say the rest in `@reason`";
            problems.push(Problem::at(text, place, &message, Some(help)));
            continue;
        }
        let (key, told_id) = (PolicyId::new(id), Arc::from(id));
        let keeps = policy.annotation("quarantine").is_some();
        if keeps && policy.effect() == Effect::Permit {
            let help = "take `@quarantine` away: only what is forbidden can be kept";
            problems.push(Problem::at(text, place, "a permit that would be quarantined", Some(help)));
        }
        let told_policy = Told { order, id: told_id, reason: Arc::from(reason), keeps };
        if told.insert(key.clone(), told_policy).is_some() {
            let message = format!("a second policy called `{id}`");
            problems.push(Problem::at(text, place, &message, Some("give each policy its own id")));
        }
        named.push(policy.new_id(key));
    }
    faultless(name, problems)?;
    let set = PolicySet::from_policies(named).map_err(|error| PolicyError::Faulty {
        name: name.to_owned(),
        problems: vec![Problem::at(text, None, &error.to_string(), None)],
    })?;
    Ok((set, told))
}

fn faultless(name: &str, problems: Vec<Problem>) -> Result<(), PolicyError> {
    if problems.is_empty() { Ok(()) } else { Err(PolicyError::Faulty { name: name.to_owned(), problems }) }
}

/// Collects what Cedar says of the text, with places as people count them.
fn collect(said: &dyn Diagnostic, text: &str, problems: &mut Vec<Problem>) {
    let place = said.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let help = said.help().map(|help| help.to_string());
    problems.push(Problem::at(text, place, &said.to_string(), help.as_deref()));
    for other in said.related().into_iter().flatten() {
        collect(other, text, problems);
    }
}

/// One thing to correct in a policy text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line and column in characters, both from 1, where it begins, if it has a place.
    pub place: Option<(usize, usize)>,
    /// What is wrong.
    pub message: String,
    /// What to do, if that can be said.
    pub help: Option<String>,
}

impl Problem {
    fn at(text: &str, offset: Option<usize>, message: &str, help: Option<&str>) -> Self {
        let place = offset.and_then(|offset| text.get(..offset)).map(|before| {
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            let column = before.get(line_start..).unwrap_or_default().chars().count();
            (before.matches('\n').count() + 1, column + 1)
        });
        Self { place, message: message.to_owned(), help: help.map(str::to_owned) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Why policies were not taken in. Whatever was active before stays active.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is over the bound.
    #[error("policies `{name}` are longer than {POLICY_BYTES_MAX} bytes; split them over boundaries")]
    TooLong {
        /// The set's name.
        name: String,
    },
    /// There are more policies than the bound.
    #[error("policies `{name}` are {policies} in number; at most {POLICIES_MAX} are read")]
    TooMany {
        /// The set's name.
        name: String,
        /// How many there are.
        policies: usize,
    },
    /// There is none.
    #[error("policies `{name}` are empty, so nothing could ever pass; start from the default policies")]
    Empty {
        /// The set's name.
        name: String,
    },
    /// The text has to be corrected.
    #[error("policies `{name}` were not taken in: {}", told(.problems))]
    Faulty {
        /// The set's name.
        name: String,
        /// What to correct, in the order of the text.
        problems: Vec<Problem>,
    },
    /// There was no stack to read them on.
    #[error("policies were not read for want of a thread with a large stack: {0}; try again")]
    NoStack(String),
    /// The built-in schema is broken; no text can help.
    #[error("the built-in policy schema is broken; this build of Eosin is: {0}")]
    BuiltIn(String),
}

fn told(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems.iter().take(10).map(ToString::to_string).collect();
    if problems.len() > lines.len() {
        lines.push(format!("and {} more", problems.len() - lines.len()));
    }
    lines.join("; ")
}

#[cfg(test)]
mod tests;
