//! JSON of the sender's own making: pointers say where its events are, their records, their class and their name.

use std::{borrow::Cow, ops::Range};

use mark::{Place, Reading, Unreadable, json::Json};

use super::{Cut, Event, EventMap, Events, Identity, Said, shape};
use crate::{
    salesforce::{mapped, pointed, within},
    span,
};

pub(super) fn read<'a>(map: &EventMap, body: &'a [u8]) -> Result<Events<'a>, Unreadable> {
    let value = mark::json::parse(body)?;
    let nothing = || shape("has nothing where its map in eosin.toml says the events are");
    let found = pointed(value, &map.events).ok_or_else(nothing)?;
    let at = place_of(body, &map.events).ok_or_else(nothing)?;
    let (values, cut) = match found {
        Json::Array(values) => {
            let items = span::items(body, &at).filter(|items| items.len() == values.len());
            (values, Cut::List { items: items.ok_or_else(nothing)?, at })
        }
        one @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_)) => {
            (vec![one], Cut::One)
        }
    };
    let raw = |position: usize| match &cut {
        Cut::List { items, .. } => items.get(position).and_then(|at| body.get(at.clone())),
        Cut::One | Cut::Notifications { .. } => Some(body),
    };
    let events = values.into_iter().enumerate().map(|(position, value)| {
        let name = map.id.as_deref().and_then(|id| scalar(look(&value, id)?));
        let said = map.class.as_deref().map(|class| said(look(&value, class)));
        let records = records(map, value, position);
        Event {
            identity: name.map_or_else(
                || Identity::Bytes(Cow::Borrowed(raw(position).unwrap_or_default())),
                Identity::Named,
            ),
            said: said.unwrap_or_else(|| Said::by(&records)),
            records,
        }
    });
    Ok(Events { list: events.collect(), cut })
}

/// The records of one event, each before the rows that stand within it.
pub(super) fn records<'a>(map: &EventMap, value: Json<'a>, event: usize) -> Vec<Reading<'a>> {
    let reading = |reference: String, content| Reading { place: Place { index: 0, reference }, content };
    let of_event = format!("event[{event}]");
    let with_others = |reference: String, item: Json<'a>| {
        let others = within(&map.object, &map.fields, &item);
        let others = others.into_iter().enumerate();
        let others: Vec<_> =
            others.map(|(position, row)| reading(format!("{reference}.within[{position}]"), row)).collect();
        std::iter::once(reading(reference, mapped(&map.object, &map.fields, item))).chain(others)
    };
    match pointed(value, &map.records) {
        Some(Json::Array(items)) => {
            let items = items.into_iter().enumerate();
            items
                .flat_map(|(position, item)| with_others(format!("{of_event}.record[{position}]"), item))
                .collect()
        }
        Some(one) => with_others(of_event, one).collect(),
        None => {
            let missing = shape("has nothing where its map in eosin.toml says the records are");
            vec![reading(of_event, Err(missing))]
        }
    }
}

/// What the value at the place of the class says.
pub(super) fn said(value: Option<&Json<'_>>) -> Said {
    match value {
        None | Some(Json::Null) => Said::Nothing,
        Some(Json::Text(word)) if word.trim().is_empty() => Said::Nothing,
        Some(Json::Text(word)) => Said::word(word),
        Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => Said::Other,
    }
}

/// A name that is text or a number.
fn scalar(value: &Json<'_>) -> Option<String> {
    match value {
        Json::Text(text) if !text.is_empty() => Some(text.as_ref().to_owned()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// What a pointer finds, left where it is.
fn look<'j, 'a>(mut value: &'j Json<'a>, pointer: &str) -> Option<&'j Json<'a>> {
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        value = match value {
            Json::Object(members) => &members.iter().find(|(name, _)| *name == token)?.1,
            Json::Array(items) => items.get(position(&token)?)?,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => return None,
        };
    }
    Some(value)
}

/// Where what a pointer finds stands in the text.
fn place_of(text: &[u8], pointer: &str) -> Option<Range<usize>> {
    let mut at = span::whole(text)?;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = match text.get(at.start)? {
            b'{' => span::member(text, &at, &token)?,
            b'[' => span::items(text, &at)?.get(position(&token)?)?.clone(),
            _ => return None,
        };
    }
    Some(at)
}

fn position(token: &str) -> Option<usize> {
    token.parse().ok().filter(|at: &usize| at.to_string() == token)
}
