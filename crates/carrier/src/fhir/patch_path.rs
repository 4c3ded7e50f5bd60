//! The paths of `FHIRPath` that a patch may name: elements, positions, and what a comparison picks.

use std::borrow::Cow;

use mark::{Unreadable, json::Json};

use super::{
    elements::{self, Content},
    patch::missing,
    read::shape,
};

/// A path from the resource to one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    root: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    At(usize),
    /// The one item whose member has this text.
    Where {
        member: String,
        text: String,
    },
}

/// Reads a path: `Patient.name[0].given`, `Patient.telecom.where(system = 'phone').value`, `….first()`.
///
/// Errors: a sentence, for any other `FHIRPath`: what it picks would be a guess.
pub(super) fn parse(text: &str) -> Result<Path, Unreadable> {
    let wrong =
        || shape("has a FHIRPath that is not read; name elements, positions or where(member = 'text')");
    let mut words = split(text).ok_or_else(wrong)?.into_iter();
    let root = words.next().filter(|word| is_name(word)).ok_or_else(wrong)?.to_owned();
    let mut steps = Vec::new();
    for word in words {
        if word == "first()" {
            steps.push(Step::At(0));
            continue;
        }
        if let Some(inner) = word.strip_prefix("where(").and_then(|rest| rest.strip_suffix(')')) {
            let (member, text) = inner.split_once('=').ok_or_else(wrong)?;
            let (member, text) = (member.trim(), text.trim());
            let text = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).ok_or_else(wrong)?;
            if !is_name(member) || text.contains(['\'', '\\']) {
                return Err(wrong());
            }
            steps.push(Step::Where { member: member.to_owned(), text: text.to_owned() });
            continue;
        }
        let (name, rest) = word.find('[').map_or((word, ""), |at| word.split_at(at));
        if !is_name(name) {
            return Err(wrong());
        }
        steps.push(Step::Member(name.to_owned()));
        if !rest.is_empty() {
            let at = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).ok_or_else(wrong)?;
            let is_number = !at.is_empty() && at.len() < 7 && at.bytes().all(|byte| byte.is_ascii_digit());
            steps.push(Step::At(at.parse().ok().filter(|_| is_number).ok_or_else(wrong)?));
        }
    }
    Ok(Path { root, steps })
}

/// The words of a path: what stands between dots that are not in parentheses or quotes.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut words, mut from, mut depth, mut is_quoted) = (Vec::new(), 0, 0_u32, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth = depth.checked_sub(1)?,
            '.' if !is_quoted && depth == 0 => {
                words.push(text.get(from..at)?);
                from = at + 1;
            }
            _ => {}
        }
    }
    words.push(text.get(from..)?);
    (depth == 0 && !is_quoted).then_some(words)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl Path {
    /// The same path with one more element at its end.
    pub(super) fn then(mut self, name: &str) -> Self {
        self.steps.push(Step::Member(name.to_owned()));
        self
    }

    /// The value that the path names.
    ///
    /// Errors: a sentence where the resource has none there, or where the path could mean one of several.
    pub(super) fn find<'r, 'a>(
        &self,
        resource: &'r mut Json<'a>,
        kind: &str,
    ) -> Result<&'r mut Json<'a>, Unreadable> {
        self.is_of(kind)?;
        walk(resource, &self.steps)
    }

    /// Adds an element: to a list where its type has one, else as the one value.
    pub(super) fn add<'a>(
        &self,
        resource: &mut Json<'a>,
        kind: &str,
        value: Json<'a>,
    ) -> Result<(), Unreadable> {
        self.is_of(kind)?;
        let Some((Step::Member(name), within)) = self.steps.split_last() else { return Err(missing()) };
        let is_list = self.element(within, name).ok_or_else(missing)?;
        let Json::Object(members) = single(walk(resource, within)?)? else { return Err(missing()) };
        match (members.iter_mut().find(|(member, _)| member == name), is_list) {
            (Some((_, Json::Array(items))), true) => items.push(value),
            (Some((_, old)), _) => *old = value,
            (None, true) => members.push((Cow::Owned(name.clone()), Json::Array(vec![value]))),
            (None, false) => members.push((Cow::Owned(name.clone()), value)),
        }
        Ok(())
    }

    /// Takes the value away. What is not there stays away.
    pub(super) fn remove(&self, resource: &mut Json<'_>, kind: &str) -> Result<(), Unreadable> {
        self.is_of(kind)?;
        let (last, within) = self.steps.split_last().ok_or_else(missing)?;
        let Ok(value) = walk(resource, within) else { return Ok(()) };
        match (last, value) {
            (Step::Member(name), value) => {
                let Json::Object(members) = single(value)? else { return Err(missing()) };
                members.retain(|(member, _)| member != name && member.strip_prefix('_') != Some(name));
            }
            (Step::At(at), Json::Array(items)) if *at < items.len() => drop(items.remove(*at)),
            (Step::Where { member, text }, Json::Array(items)) => {
                let matching = items.iter().filter(|item| has(item, member, text)).count();
                if matching > 1 {
                    return Err(ambiguous());
                }
                items.retain(|item| !has(item, member, text));
            }
            (Step::At(_) | Step::Where { .. }, _) => {}
        }
        Ok(())
    }

    fn is_of(&self, kind: &str) -> Result<(), Unreadable> {
        (self.root == kind)
            .then_some(())
            .ok_or_else(|| shape("patches another type than that of its address"))
    }

    /// Whether the element of this name, below these steps, is a list.
    fn element(&self, within: &[Step], name: &str) -> Option<bool> {
        let mut of = elements::of_type(&self.root)?;
        for step in within {
            if let Step::Member(name) = step {
                of = match of.element(name)?.content {
                    Content::Of(inner) => elements::of_type(inner)?,
                    Content::Text
                    | Content::Boolean
                    | Content::Number
                    | Content::Narrative
                    | Content::Resource => {
                        return None;
                    }
                };
            }
        }
        of.element(name).map(|element| element.is_list)
    }
}

fn walk<'r, 'a>(value: &'r mut Json<'a>, steps: &[Step]) -> Result<&'r mut Json<'a>, Unreadable> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Member(name) => match single(value)? {
            Json::Object(members) => members
                .iter_mut()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value)
                .ok_or_else(missing),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => Err(missing()),
        },
        Step::At(at) => match value {
            Json::Array(items) => items.get_mut(*at).ok_or_else(missing),
            one if *at == 0 => Ok(one),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => Err(missing()),
        },
        Step::Where { member, text } => match value {
            Json::Array(items) => {
                let mut matching = items.iter_mut().filter(|item| has(item, member, text));
                let first = matching.next().ok_or_else(missing)?;
                if matching.next().is_some() { Err(ambiguous()) } else { Ok(first) }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => Err(missing()),
        },
    })
}

/// A list of one is its item, as `FHIRPath` has it; a longer one could mean any of them.
fn single<'r, 'a>(value: &'r mut Json<'a>) -> Result<&'r mut Json<'a>, Unreadable> {
    if !matches!(value, Json::Array(_)) {
        return Ok(value);
    }
    match value {
        Json::Array(items) if items.len() == 1 => items.first_mut().ok_or_else(missing),
        Json::Array(_) | Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => {
            Err(ambiguous())
        }
    }
}

fn has(item: &Json<'_>, member: &str, text: &str) -> bool {
    item.get(member).and_then(Json::text) == Some(text)
}

fn ambiguous() -> Unreadable {
    shape("has a FHIRPath that means more than one element")
}
