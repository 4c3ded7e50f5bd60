//! A list of resources: what some exports give instead of a Bundle. Each item is read like a line of NDJSON.

use std::borrow::Cow;

use mark::{
    Place, Reading, Unreadable,
    json::{self, Json},
};

use super::{
    place::{PlaceError, place_text},
    read::read_resource,
};
use crate::{
    Limits,
    choice::Choice,
    span::{self, Edit, edited},
};

/// Whether a text is a list, by its first byte that is not white space.
pub(crate) fn is_list(text: &[u8]) -> bool {
    text.trim_ascii_start().first() == Some(&b'[')
}

/// The items of a list as readings, in order.
///
/// Bounds: `limits`; past them one reading that says so.
pub(crate) fn read_list<'a>(text: &'a [u8], limits: &Limits) -> Vec<Reading<'a>> {
    let whole = |reason| {
        vec![Reading { place: Place { index: 0, reference: "body".to_owned() }, content: Err(reason) }]
    };
    if text.len() > limits.body_bytes {
        return whole(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let items = match json::parse(text) {
        Ok(Json::Array(items)) => items,
        Ok(_) => return whole(Unreadable::Shape("is not a list".to_owned())),
        Err(reason) => return whole(reason.into()),
    };
    if items.len() > limits.records {
        return whole(Unreadable::TooMany { limit: limits.records });
    }
    let reading = |(index, item)| {
        let place = Place { index, reference: format!("entry[{index}]") };
        let content = match item {
            Json::Object(members) => read_resource(members, limits),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                Err(Unreadable::Shape("is not a JSON object".to_owned()))
            }
        };
        Reading { place, content }
    };
    items.into_iter().enumerate().map(reading).collect()
}

/// The list with its items as they were chosen; nothing if every one is left out. What gets labels can be read.
///
/// Errors: see [`PlaceError`]; nothing was written.
pub(crate) fn choose_list(text: &[u8], choices: &[Choice<'_>]) -> Result<Vec<u8>, PlaceError> {
    let top = span::whole(text).ok_or(PlaceError::Shape)?;
    let items = span::items(text, &top).ok_or(PlaceError::Shape)?;
    if items.len() != choices.len() {
        return Err(PlaceError::Count { records: items.len(), labels: choices.len() });
    }
    if !choices.is_empty() && choices.iter().all(|choice| choice.leaves()) {
        return Ok(Vec::new());
    }
    let mut written = Vec::with_capacity(items.len());
    for (item, choice) in items.iter().zip(choices) {
        let as_it_is = text.get(item.clone()).unwrap_or_default();
        written.push(match choice {
            Choice::Leave => None,
            Choice::Keep => Some(Cow::Borrowed(as_it_is)),
            Choice::Label(labels) => Some(Cow::Owned(place_known(as_it_is, labels)?)),
        });
    }
    let with = span::array_with(text, &top, &items, &written);
    Ok(edited(text, vec![Edit { at: top, with }]))
}

/// Writes labels into one resource that was read already, so that it is not parsed again.
///
/// Errors: see [`PlaceError`]; nothing was written.
pub(crate) fn place_known(resource: &[u8], labels: &crate::Labels) -> Result<Vec<u8>, PlaceError> {
    let text = std::str::from_utf8(resource).map_err(|_| PlaceError::Shape)?;
    let top = span::whole(resource).ok_or(PlaceError::Shape)?;
    let kind = span::member(resource, &top, "resourceType").and_then(|at| span::unescaped(resource, &at));
    Ok(place_text(text, &kind.ok_or(PlaceError::Shape)?, labels)?.into_bytes())
}
