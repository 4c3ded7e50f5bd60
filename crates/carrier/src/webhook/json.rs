//! JSON of the sender's own making: pointers say where its events are, their records, their class and their name.

use std::{borrow::Cow, ops::Range};

use mark::{Place, Reading, Unreadable, json::Json};

use super::{Cut, Event, EventMap, Events, Identity, Said, shape};
use crate::{
    Limits,
    salesforce::{beside, labelled, mapped, pointed, within},
    span,
};

pub(super) fn read<'a>(map: &EventMap, body: &'a [u8], limits: &Limits) -> Result<Events<'a>, Unreadable> {
    let value = mark::json::parse(body)?;
    let envelope = without(&value, &map.events);
    if !within(&map.object, &map.fields, &envelope).is_empty() || around(map, &envelope, limits).is_some() {
        return Err(shape("holds a record beside its events, which nobody judges"));
    }
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
        let records = records(map, value, position, limits);
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

/// The records of one event, each before the rows that stand within it; behind them those that stand beside them.
pub(super) fn records<'a>(
    map: &EventMap,
    value: Json<'a>,
    event: usize,
    limits: &Limits,
) -> Vec<Reading<'a>> {
    let reading = |reference: String, content| Reading { place: Place { index: 0, reference }, content };
    let of_event = format!("event[{event}]");
    let rows_in = |reference: &str, item: &Json<'a>| -> Vec<Reading<'a>> {
        let rows = within(&map.object, &map.fields, item).into_iter().enumerate();
        rows.map(|(position, row)| reading(format!("{reference}[{position}]"), row)).collect()
    };
    let with_others = |reference: String, item: Json<'a>| {
        let others = rows_in(&format!("{reference}.within"), &item);
        let content = match beside(&map.fields, &item, limits) {
            Some(fault) => Err(fault),
            None => mapped(&map.object, &map.fields, item),
        };
        std::iter::once(reading(reference, content)).chain(others)
    };
    let class = map.class.as_deref().filter(|class| class.starts_with('/'));
    let envelope = without(&value, &map.records);
    let envelope = class.map_or_else(|| envelope.clone(), |class| without(&envelope, class));
    let mut found: Vec<Reading<'a>> = match pointed(value, &map.records) {
        Some(Json::Array(items)) => {
            let items = items.into_iter().enumerate();
            items
                .flat_map(|(position, item)| with_others(format!("{of_event}.record[{position}]"), item))
                .collect()
        }
        Some(one) => with_others(of_event.clone(), one).collect(),
        None => {
            let missing = shape("has nothing where its map in eosin.toml says the records are");
            vec![reading(of_event.clone(), Err(missing))]
        }
    };
    let place = format!("{of_event}.beside");
    found.extend(rows_in(&place, &envelope));
    found.extend(around(map, &envelope, limits).map(|fault| reading(place, Err(fault))));
    found
}

/// Why what stands around records cannot be sent on with them: it says of itself what a record says, or holds one.
fn around(map: &EventMap, envelope: &Json<'_>, limits: &Limits) -> Option<Unreadable> {
    labelled(envelope).or_else(|| beside(&map.fields, envelope, limits))
}

/// The value without what a pointer finds in it; nothing of it for the pointer to all of it.
fn without<'a>(value: &Json<'a>, pointer: &str) -> Json<'a> {
    let Some((_, rest)) = pointer.split_once('/') else { return Json::Null };
    let (token, inner) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let token = token.replace("~1", "/").replace("~0", "~");
    match value {
        Json::Object(members) => {
            let kept = |(name, value): &(Cow<'a, str>, Json<'a>)| match (*name == token, inner.is_empty()) {
                (true, true) => None,
                (true, false) => Some((name.clone(), without(value, inner))),
                (false, _) => Some((name.clone(), value.clone())),
            };
            Json::Object(members.iter().filter_map(kept).collect())
        }
        Json::Array(items) => {
            let kept = |(at, value): (usize, &Json<'a>)| match position(&token) {
                Some(found) if found == at => without(value, inner),
                _ => value.clone(),
            };
            Json::Array(items.iter().enumerate().map(kept).collect())
        }
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_)) => other.clone(),
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
