//! The names that stand in policies, and one of each kind of all others.
//!
//! Policies compare names only with names in their text, by equality, by membership in a set, and by `like`. So two names
//! that are equal to the same ones, and fit the same patterns, are the same to them. The kinds of names under some
//! patterns are the states that an automaton can be in which reads all patterns at once; the shortest name that leads
//! to each is taken.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What stands in the text of policies.
#[derive(Debug, Default)]
pub(super) struct Mentioned {
    clients: BTreeSet<String>,
    systems: BTreeSet<String>,
    boundaries: BTreeSet<String>,
    strings: BTreeSet<String>,
    patterns: BTreeSet<Pattern>,
    words: BTreeSet<String>,
    numbers: BTreeSet<u64>,
    // Strings in the policies that speak of purposes.
    beside_purposes: BTreeSet<String>,
}

/// A pattern of `like`: what stands between its wildcards.
type Pattern = Vec<Sign>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Any,
    Character(char),
}

/// Most kinds of names under all patterns.
const KINDS_MAX: usize = 2_000;
/// What finding them may cost: a pattern that reads a letter of a name.
const STEPS_MAX: usize = 20_000_000;
/// A character that stands in no sane policy; another one is taken where it does.
const OTHERS: [char; 3] = ['\u{2603}', '\u{2604}', '\u{2605}'];

impl Mentioned {
    /// Adds what stands in one policy, in Cedar's JSON of it.
    pub(super) fn add(&mut self, policy: &Value) {
        let mut own = Self::default();
        own.walk(policy);
        if own.words.contains("purposes") {
            self.beside_purposes.extend(own.strings.iter().cloned());
        }
        self.clients.append(&mut own.clients);
        self.systems.append(&mut own.systems);
        self.boundaries.append(&mut own.boundaries);
        self.strings.append(&mut own.strings);
        self.patterns.append(&mut own.patterns);
        self.words.append(&mut own.words);
        self.numbers.append(&mut own.numbers);
    }

    fn walk(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::String(text) => drop(self.words.insert(text.clone())),
            Value::Object(members) => {
                if let (Some(Value::String(kind)), Some(Value::String(id))) =
                    (members.get("type"), members.get("id"))
                {
                    match kind.as_str() {
                        "Eosin::Client" => drop(self.clients.insert(id.clone())),
                        "Eosin::System" => drop(self.systems.insert(id.clone())),
                        "Eosin::Boundary" => drop(self.boundaries.insert(id.clone())),
                        _ => {}
                    }
                    return;
                }
                if let Some(Value::Array(pattern)) = members.get("pattern") {
                    self.patterns.insert(pattern.iter().flat_map(signs).collect());
                }
                for (name, member) in members {
                    self.words.insert(name.clone());
                    if name == "Value" {
                        self.literals(member);
                    }
                    if name != "annotations" {
                        self.walk(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The texts of a literal.
    fn literals(&mut self, value: &Value) {
        match value {
            Value::String(text) => drop(self.strings.insert(text.clone())),
            Value::Array(items) => items.iter().for_each(|item| self.literals(item)),
            Value::Object(members) => members.values().for_each(|member| self.literals(member)),
            Value::Number(number) => self.numbers.extend(number.as_u64()),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The numbers that policies compare with.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.numbers.iter().copied()
    }

    /// Whether a word of the schema occurs.
    pub(super) fn has(&self, word: &str) -> bool {
        self.words.contains(word)
    }

    /// The name of a boundary that no policy names.
    pub(super) fn any_boundary(&self) -> String {
        other_than(&self.boundaries, "production-feed")
    }

    /// Every boundary that policies can tell apart by name.
    pub(super) fn boundaries(&self) -> Vec<String> {
        self.boundaries.iter().cloned().chain([self.any_boundary()]).collect()
    }

    /// The name of a caller that no policy names.
    pub(super) fn any_caller(&self, is_system: bool) -> String {
        if is_system {
            other_than(&self.systems, "any-part-of-eosin")
        } else {
            other_than(&self.clients, "any-client")
        }
    }

    /// Every caller that policies can tell apart.
    pub(super) fn callers(&self, is_system: bool) -> Vec<String> {
        let named = if is_system { &self.systems } else { &self.clients };
        named.iter().cloned().chain([self.any_caller(is_system)]).collect()
    }

    /// Every jurisdiction that policies can tell apart; nothing if they are too many.
    pub(super) fn jurisdictions(&self) -> Option<Vec<String>> {
        if !self.has("jurisdiction") {
            return Some(vec![String::new()]);
        }
        let exact = self.strings.iter().map(|text| text.chars().map(Sign::Character).collect());
        let patterns: Vec<Pattern> = exact.chain(self.patterns.iter().cloned()).collect();
        kinds_of_names(&patterns)
    }

    /// The purposes that policies can tell apart at a boundary there.
    pub(super) fn purposes(&self, jurisdiction: &str) -> Vec<String> {
        if !self.has("purposes") {
            return Vec::new();
        }
        let mut names = self.beside_purposes.clone();
        let other = other_than(&names, "any-purpose");
        names.insert(other);
        if self.has("jurisdiction") {
            names.insert(jurisdiction.to_owned());
        }
        names.into_iter().collect()
    }
}

fn signs(part: &Value) -> Vec<Sign> {
    match part {
        Value::Object(members) => members
            .get("Literal")
            .and_then(Value::as_str)
            .map(|text| text.chars().map(Sign::Character).collect())
            .unwrap_or_default(),
        Value::String(word) if word == "Wildcard" => vec![Sign::Any],
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Vec::new(),
    }
}

fn other_than(names: &BTreeSet<String>, usual: &str) -> String {
    let mut name = usual.to_owned();
    while names.contains(&name) {
        name.push('-');
    }
    name
}

/// The shortest name of each kind that these patterns tell apart.
fn kinds_of_names(patterns: &[Pattern]) -> Option<Vec<String>> {
    let mut letters: BTreeSet<char> = patterns
        .iter()
        .flatten()
        .filter_map(|sign| match sign {
            Sign::Any => None,
            Sign::Character(character) => Some(*character),
        })
        .collect();
    letters.insert(*OTHERS.iter().find(|other| !letters.contains(other))?);
    let begin: State = patterns.iter().map(|pattern| closed(pattern, BTreeSet::from([0]))).collect();
    let mut names: BTreeMap<Vec<bool>, String> = BTreeMap::new();
    let mut met = BTreeSet::from([begin.clone()]);
    let mut waiting = std::collections::VecDeque::from([(begin, String::new())]);
    let mut steps = 0_usize;
    while let Some((state, name)) = waiting.pop_front() {
        steps = steps.saturating_add(letters.len().saturating_mul(patterns.len()));
        if steps > STEPS_MAX {
            return None;
        }
        let fits = patterns.iter().zip(&state).map(|(pattern, at)| at.contains(&pattern.len())).collect();
        names.entry(fits).or_insert_with(|| name.clone());
        for letter in &letters {
            let next: State =
                patterns.iter().zip(&state).map(|(pattern, at)| step(pattern, at, *letter)).collect();
            if met.len() > KINDS_MAX {
                return None;
            }
            if met.insert(next.clone()) {
                waiting.push_back((next, format!("{name}{letter}")));
            }
        }
    }
    Some(names.into_values().collect())
}

/// For each pattern, up to where a name that was read so far may have come.
type State = Vec<BTreeSet<usize>>;

/// A wildcard may stand for nothing.
fn closed(pattern: &Pattern, mut places: BTreeSet<usize>) -> BTreeSet<usize> {
    for (place, sign) in pattern.iter().enumerate() {
        if *sign == Sign::Any && places.contains(&place) {
            places.insert(place + 1);
        }
    }
    places
}

fn step(pattern: &Pattern, places: &BTreeSet<usize>, letter: char) -> BTreeSet<usize> {
    let next = places.iter().filter_map(|place| match pattern.get(*place)? {
        Sign::Any => Some(*place),
        Sign::Character(character) => (*character == letter).then_some(place + 1),
    });
    closed(pattern, next.collect())
}

/// Which names a policy needs to be decided.
#[expect(clippy::struct_excessive_bools, reason = "each is a name of its own")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dependence {
    pub(super) boundary: bool,
    pub(super) client: bool,
    pub(super) jurisdiction: bool,
    pub(super) purposes: bool,
}

impl Dependence {
    pub(super) fn of(policy: &Value) -> Self {
        let mut own = Mentioned::default();
        own.walk(policy);
        Self {
            boundary: !own.boundaries.is_empty(),
            client: !own.clients.is_empty() || !own.systems.is_empty(),
            jurisdiction: own.has("jurisdiction"),
            purposes: own.has("purposes"),
        }
    }

    pub(super) fn is_within(self, known: Self) -> bool {
        (known.boundary || !self.boundary)
            && (known.client || !self.client)
            && (known.jurisdiction || !self.jurisdiction)
            && (known.purposes || !self.purposes)
    }
}
