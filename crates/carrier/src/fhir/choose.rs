//! A document written again with some of its records: kept byte for byte, labelled, or left out.

use std::borrow::Cow;

use mark::{
    Unreadable,
    json::{self, Json},
};

use super::{
    held::{Files, Held},
    place::{PlaceError, place_text},
    read::entries,
};
use crate::{
    choice::Choice,
    span::{self, Edit, edited},
};

/// A Bundle with its records as they were chosen, in order.
///
/// An entry that carries no record goes with the record before it, or with the first one: two selections that leave
/// nothing out between them have every entry once. `total` counts the matches that are left out off.
///
/// Shape:  one choice a record, as [`super::read_document`] gives them -> the Bundle, other bytes verbatim; nothing
///         if every record is left out.
/// Errors: see [`PlaceError`]; nothing was written.
pub(crate) fn choose_bundle(
    bundle: &[u8],
    choices: &[Choice<'_>],
    files: Files,
) -> Result<Vec<u8>, PlaceError> {
    let Json::Object(members) = json::parse(bundle).map_err(Unreadable::from)? else {
        return Err(PlaceError::Shape);
    };
    if members.iter().all(|(name, value)| name != "resourceType" || value.text() != Some("Bundle")) {
        return Err(PlaceError::Shape);
    }
    let found = entries(members, files);
    if found.len() != choices.len() {
        return Err(PlaceError::Count { records: found.len(), labels: choices.len() });
    }
    if !choices.is_empty() && choices.iter().all(|choice| choice.leaves()) {
        return Ok(Vec::new());
    }
    let top = span::whole(bundle).ok_or(PlaceError::Shape)?;
    let list = span::member(bundle, &top, "entry");
    let listed = list.and_then(|at| span::items(bundle, &at).map(|items| (at, items)));
    let Some((at, items)) = listed else {
        // What stands there is no list of entries: there is nothing that a label could go into.
        let unreadable = found.into_iter().zip(choices).find_map(|(entry, choice)| match choice {
            Choice::Label(_) => entry.content.err(),
            Choice::Leave | Choice::Keep => None,
        });
        return unreadable.map_or_else(|| Ok(bundle.to_vec()), |reason| Err(PlaceError::Unreadable(reason)));
    };
    let mut fate = choices.first().copied().map_or(Choice::Keep, unlabelled);
    let mut records = found.into_iter().zip(choices).peekable();
    let (mut written, mut fewer) = (Vec::with_capacity(items.len()), 0_u64);
    for (position, item) in items.iter().enumerate() {
        let as_it_is = bundle.get(item.clone()).unwrap_or_default();
        let record = records.next_if(|(entry, _)| entry.position == position);
        if let Some((_, choice)) = &record {
            fate = unlabelled(**choice);
        }
        // Records within the entry share its fate: one that is left out takes it along.
        while let Some((_, choice)) = records.next_if(|(entry, _)| entry.position == position) {
            if matches!(choice, Choice::Label(_)) {
                return Err(PlaceError::Inside);
            }
            if choice.leaves() {
                fate = Choice::Leave;
            }
        }
        written.push(match record {
            Some((Held { is_whole: false, .. }, Choice::Label(_))) => return Err(PlaceError::Inside),
            Some((Held { content, .. }, Choice::Label(labels))) if !fate.leaves() => {
                let record = content.map_err(PlaceError::Unreadable)?;
                let resource = span::member(bundle, item, "resource").ok_or(PlaceError::Shape)?;
                let text = std::str::from_utf8(bundle.get(resource.clone()).unwrap_or_default());
                let placed = place_text(text.map_err(|_| PlaceError::Shape)?, &record.object, labels)?;
                let at = resource.start - item.start..resource.end - item.start;
                Some(Cow::Owned(edited(as_it_is, vec![Edit { at, with: placed.into_bytes() }])))
            }
            _ if fate.leaves() => {
                fewer += u64::from(is_match(as_it_is));
                None
            }
            _ => Some(Cow::Borrowed(as_it_is)),
        });
    }
    let mut edits = vec![Edit { with: span::array_with(bundle, &at, &items, &written), at }];
    if fewer > 0 {
        edits.extend(span::count_less(bundle, &top, "total", fewer));
    }
    Ok(edited(bundle, edits))
}

fn unlabelled(choice: Choice<'_>) -> Choice<'static> {
    if choice.leaves() { Choice::Leave } else { Choice::Keep }
}

/// Whether `Bundle.total` counts an entry: it counts what matched, not what came along.
fn is_match(entry: &[u8]) -> bool {
    let mode = json::parse(entry).ok().and_then(|entry| {
        entry
            .get("search")
            .and_then(|search| search.get("mode"))
            .and_then(Json::text)
            .map(|mode| mode == "match")
    });
    mode.unwrap_or(true)
}
