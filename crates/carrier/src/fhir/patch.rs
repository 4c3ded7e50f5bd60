//! A patch, judged as what it makes: the resource as it is now, with the patch carried out.
//!
//! Source: RFC 6902, RFC 6901; FHIR R4 `fhirpatch.html`; spec/carriers.md section 3.8.

use std::borrow::Cow;

use mark::{
    Unreadable, canonical,
    json::{self, Json, Members},
};

use super::{
    patch_path::{self, Path},
    read::{Media, member, parse, shape},
};
use crate::Limits;

/// The resource that a patch makes of the one that is there.
///
/// Shape:  the media type and the body of a `PATCH`, and the resource as the server has it -> the changed resource, as
///         JSON in canonical form.
/// Bounds: `limits` on the patch, and on what it makes after each step; [`STEPS_MAX`] steps.
/// Errors: a sentence, for a patch that is not JSON Patch or patch by `FHIRPath`, or cannot be carried out.
/// Never:  changes another resource than the one it was given.
pub fn patched(
    content_type: Option<&str>,
    patch: &[u8],
    current: &[u8],
    limits: &Limits,
) -> Result<Vec<u8>, Unreadable> {
    let before = parse(Media::Json, current, limits)?;
    let name =
        |members: &Members<'_>, name: &str| member(members, name).and_then(Json::text).map(str::to_owned);
    let (kind, id) = (name(&before, "resourceType"), name(&before, "id"));
    let media =
        content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if patch.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let steps = match media.as_str() {
        "application/json-patch+json" => pointed(patch)?,
        "application/fhir+json" | "application/json" => from_parameters(parse(Media::Json, patch, limits)?)?,
        "application/fhir+xml" => from_parameters(parse(Media::Xml, patch, limits)?)?,
        _ => return Err(shape(OTHER)),
    };
    if steps.len() > STEPS_MAX {
        return Err(Unreadable::TooMany { limit: STEPS_MAX });
    }
    let mut resource = Json::Object(before);
    let mut written = canonical::to_vec(&resource);
    for step in steps {
        step.carry_out(&mut resource, kind.as_deref().unwrap_or_default())?;
        written = canonical::to_vec(&resource);
        if written.len() > limits.body_bytes {
            return Err(Unreadable::TooLong { limit: limits.body_bytes });
        }
    }
    let Json::Object(after) = resource else { return Err(shape("makes something that is no resource")) };
    if (name(&after, "resourceType"), name(&after, "id")) != (kind, id) {
        return Err(shape("makes another resource of this one"));
    }
    Ok(written)
}

/// The media type by which a shell hands in what a patch makes, in the place of the patch. Nothing is sent so.
pub const PATCHED_TYPE: &str = "application/fhir+json; eosin=patched";

/// Most steps of one patch.
pub const STEPS_MAX: usize = 1_000;

const OTHER: &str =
    "is a patch in a media type that is not read; send application/json-patch+json or a FHIRPath Patch";

/// One step of a patch, with its places as they were written.
pub(super) enum Step<'a> {
    Add(Place<'a>, Json<'a>),
    Insert(Place<'a>, usize, Json<'a>),
    Remove(Place<'a>),
    Replace(Place<'a>, Json<'a>),
    Move { from: Place<'a>, to: Place<'a> },
    MoveWithin(Place<'a>, usize, usize),
    Copy { from: Place<'a>, to: Place<'a> },
    Test(Place<'a>, Json<'a>),
}

/// Where a step works.
pub(super) enum Place<'a> {
    /// A JSON Pointer, taken apart.
    Pointer(Vec<Cow<'a, str>>),
    /// A `FHIRPath`; of an `add` the name of what is added stands at its end.
    Path(Path),
}

/// The steps of a JSON Patch.
fn pointed(patch: &[u8]) -> Result<Vec<Step<'_>>, Unreadable> {
    let Json::Array(steps) = json::parse(patch)? else { return Err(shape("is not a JSON Patch")) };
    steps.into_iter().map(pointed_step).collect()
}

fn pointed_step(step: Json<'_>) -> Result<Step<'_>, Unreadable> {
    let Json::Object(members) = step else { return Err(shape("is not a JSON Patch")) };
    let (mut operation, mut path, mut from, mut value) = (None, None, None, None);
    for (name, found) in members {
        match (name.as_ref(), found) {
            ("op", Json::Text(text)) => operation = Some(text),
            ("path", Json::Text(text)) => path = Some(pointer(&text)?),
            ("from", Json::Text(text)) => from = Some(pointer(&text)?),
            ("value", found) => value = Some(found),
            _ => {}
        }
    }
    let wrong = || shape("is not a JSON Patch");
    let path = Place::Pointer(path.ok_or_else(wrong)?);
    let operation = operation.ok_or_else(wrong)?;
    Ok(match (operation.as_ref(), value, from) {
        ("add", Some(value), _) => Step::Add(path, value),
        ("remove", _, _) => Step::Remove(path),
        ("replace", Some(value), _) => Step::Replace(path, value),
        ("test", Some(value), _) => Step::Test(path, value),
        ("move", _, Some(from)) => Step::Move { from: Place::Pointer(from), to: path },
        ("copy", _, Some(from)) => Step::Copy { from: Place::Pointer(from), to: path },
        _ => return Err(wrong()),
    })
}

fn pointer<'a>(text: &str) -> Result<Vec<Cow<'a, str>>, Unreadable> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix('/').ok_or_else(|| shape("has a path that is not a JSON Pointer"))?;
    Ok(rest.split('/').map(|token| Cow::Owned(token.replace("~1", "/").replace("~0", "~"))).collect())
}

/// The steps of a patch by `FHIRPath`: parameters named `operation`.
fn from_parameters(parameters: Members<'_>) -> Result<Vec<Step<'_>>, Unreadable> {
    if member(&parameters, "resourceType").and_then(Json::text) != Some("Parameters") {
        return Err(shape("is neither a JSON Patch nor a FHIRPath Patch"));
    }
    let list = parameters.into_iter().find(|(name, _)| name == "parameter");
    let Some((_, Json::Array(list))) = list else { return Err(shape(NOT_PATH_PATCH)) };
    list.into_iter().map(path_step).collect()
}

const NOT_PATH_PATCH: &str = "is not a FHIRPath Patch";

fn path_step(parameter: Json<'_>) -> Result<Step<'_>, Unreadable> {
    let wrong = || shape(NOT_PATH_PATCH);
    let Json::Object(members) = parameter else { return Err(wrong()) };
    if member(&members, "name").and_then(Json::text) != Some("operation") {
        return Err(wrong());
    }
    let parts = members.into_iter().find(|(name, _)| name == "part");
    let Some((_, Json::Array(parts))) = parts else { return Err(wrong()) };
    let (mut kind, mut path, mut name, mut value) = (None, None, None, None);
    let (mut index, mut source, mut destination) = (None, None, None);
    for part in parts {
        let (called, found) = part_of(part)?;
        match (called.as_ref(), found) {
            ("type", Json::Text(text)) => kind = Some(text),
            ("path", Json::Text(text)) => path = Some(text),
            ("name", Json::Text(text)) => name = Some(text),
            ("value", found) => value = Some(found),
            ("index", found) => index = Some(position(&found).ok_or_else(wrong)?),
            ("source", found) => source = Some(position(&found).ok_or_else(wrong)?),
            ("destination", found) => destination = Some(position(&found).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        }
    }
    let path = patch_path::parse(&path.ok_or_else(wrong)?)?;
    let kind = kind.ok_or_else(wrong)?;
    Ok(match (kind.as_ref(), name, value, index, source.zip(destination)) {
        ("add", Some(name), Some(value), None, None) => Step::Add(Place::Path(path.then(&name)), value),
        ("insert", None, Some(value), Some(at), None) => Step::Insert(Place::Path(path), at, value),
        ("delete", None, None, None, None) => Step::Remove(Place::Path(path)),
        ("replace", None, Some(value), None, None) => Step::Replace(Place::Path(path), value),
        ("move", None, None, None, Some((from, to))) => Step::MoveWithin(Place::Path(path), from, to),
        _ => return Err(wrong()),
    })
}

/// A part's name and its value; a value that has parts itself is an object of them.
fn part_of(part: Json<'_>) -> Result<(Cow<'_, str>, Json<'_>), Unreadable> {
    let Json::Object(members) = part else { return Err(shape(NOT_PATH_PATCH)) };
    let (mut name, mut value) = (None, None);
    for (member, found) in members {
        match (member.as_ref(), found) {
            ("name", Json::Text(text)) => name = Some(text),
            ("part", Json::Array(parts)) => value = Some(object_of(parts)?),
            ("resource", found) => value = Some(found),
            (other, found) if other.starts_with("value") => value = Some(found),
            ("id" | "extension", _) => {}
            _ => return Err(shape(NOT_PATH_PATCH)),
        }
    }
    match (name, value) {
        (Some(name), Some(value)) => Ok((name, value)),
        _ => Err(shape(NOT_PATH_PATCH)),
    }
}

/// Parts as an object; a name that comes again is a list.
fn object_of(parts: Vec<Json<'_>>) -> Result<Json<'_>, Unreadable> {
    let mut members: Members<'_> = Vec::with_capacity(parts.len());
    for part in parts {
        let (name, value) = part_of(part)?;
        match members.iter_mut().find(|(member, _)| *member == name) {
            None => members.push((name, value)),
            Some((_, Json::Array(list))) => list.push(value),
            Some((_, one)) => {
                let first = std::mem::replace(one, Json::Null);
                *one = Json::Array(vec![first, value]);
            }
        }
    }
    Ok(Json::Object(members))
}

fn position(value: &Json<'_>) -> Option<usize> {
    match value {
        Json::Number(number) if number.fract() == 0.0 && (0.0..1e6).contains(number) => {
            number.to_string().parse().ok()
        }
        Json::Number(_) | Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
            None
        }
    }
}

impl<'a> Step<'a> {
    fn carry_out(self, resource: &mut Json<'a>, kind: &str) -> Result<(), Unreadable> {
        match self {
            Self::Add(Place::Pointer(at), value) => add(resource, &at, value),
            Self::Add(Place::Path(path), value) => path.add(resource, kind, value),
            Self::Insert(place, at, value) => {
                let list = place.list(resource, kind)?;
                if at > list.len() {
                    return Err(missing());
                }
                list.insert(at, value);
                Ok(())
            }
            Self::Remove(Place::Pointer(at)) => remove(resource, &at).map(drop),
            Self::Remove(Place::Path(path)) => path.remove(resource, kind),
            Self::Replace(place, value) => {
                *place.find(resource, kind)? = value;
                Ok(())
            }
            Self::Test(place, value) => {
                let found = place.find(resource, kind)?;
                let is_same = canonical::to_vec(found) == canonical::to_vec(&value);
                is_same.then_some(()).ok_or_else(|| shape("tests for a value that is not there"))
            }
            Self::Move { from: Place::Pointer(from), to: Place::Pointer(to) } => {
                if to.len() > from.len() && to.starts_with(&from) {
                    return Err(shape("moves a value into itself"));
                }
                let value = remove(resource, &from)?;
                add(resource, &to, value)
            }
            Self::MoveWithin(place, from, to) => {
                let list = place.list(resource, kind)?;
                if from >= list.len() || to >= list.len() {
                    return Err(missing());
                }
                let item = list.remove(from);
                list.insert(to, item);
                Ok(())
            }
            Self::Copy { from: Place::Pointer(from), to: Place::Pointer(to) } => {
                let value = find(resource, &from)?.clone();
                add(resource, &to, value)
            }
            Self::Move { .. } | Self::Copy { .. } => Err(shape(NOT_PATH_PATCH)),
        }
    }
}

impl Place<'_> {
    fn find<'r, 'a>(&self, resource: &'r mut Json<'a>, kind: &str) -> Result<&'r mut Json<'a>, Unreadable> {
        match self {
            Self::Pointer(at) => find(resource, at),
            Self::Path(path) => path.find(resource, kind),
        }
    }

    fn list<'r, 'a>(
        &self,
        resource: &'r mut Json<'a>,
        kind: &str,
    ) -> Result<&'r mut Vec<Json<'a>>, Unreadable> {
        match self.find(resource, kind)? {
            Json::Array(items) => Ok(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => Err(missing()),
        }
    }
}

pub(super) fn missing() -> Unreadable {
    shape("works on a place that the resource does not have")
}

fn find<'r, 'a>(value: &'r mut Json<'a>, at: &[Cow<'_, str>]) -> Result<&'r mut Json<'a>, Unreadable> {
    at.iter().try_fold(value, |value, token| {
        let found = match value {
            Json::Object(members) => {
                members.iter_mut().find(|(name, _)| name == token).map(|(_, value)| value)
            }
            Json::Array(items) => index(token, items.len()).and_then(|at| items.get_mut(at)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => None,
        };
        found.ok_or_else(missing)
    })
}

fn add<'a>(value: &mut Json<'a>, at: &[Cow<'a, str>], new: Json<'a>) -> Result<(), Unreadable> {
    let Some((last, within)) = at.split_last() else {
        *value = new;
        return Ok(());
    };
    match find(value, within)? {
        Json::Object(members) => {
            match members.iter_mut().find(|(name, _)| name == last) {
                Some((_, old)) => *old = new,
                None => members.push((last.clone(), new)),
            }
            Ok(())
        }
        Json::Array(items) => {
            let at = if last == "-" { Some(items.len()) } else { index(last, items.len() + 1) };
            items.insert(at.ok_or_else(missing)?, new);
            Ok(())
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Err(missing()),
    }
}

fn remove<'a>(value: &mut Json<'a>, at: &[Cow<'_, str>]) -> Result<Json<'a>, Unreadable> {
    let (last, within) = at.split_last().ok_or_else(missing)?;
    match find(value, within)? {
        Json::Object(members) => {
            let at = members.iter().position(|(name, _)| name == last).ok_or_else(missing)?;
            Ok(members.remove(at).1)
        }
        Json::Array(items) => Ok(items.remove(index(last, items.len()).ok_or_else(missing)?)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Err(missing()),
    }
}

/// An index below `length`, without leading zeros.
fn index(token: &str, length: usize) -> Option<usize> {
    let is_plain =
        token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    token.parse().ok().filter(|at| is_plain && *at < length)
}
