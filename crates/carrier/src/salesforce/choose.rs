//! A JSON file of rows written again with some of them: kept byte for byte, labelled, or left out.

use std::{borrow::Cow, ops::Range, slice};

use mark::json;

use super::{
    place::{PlaceError, named, relabel},
    read::{holds_rows, is_json},
    span::{self, Edit, Member, edited},
};
use crate::choice::Choice;

/// The file with its rows as they were chosen, in the order of the records of [`super::read_file`].
///
/// A row within a row that is left out takes its place, so that two selections that leave nothing out between them
/// have every row once. `totalSize` counts what is in its list.
///
/// Shape:  one row, an array, a query's answer or a collection's body -> the same, other bytes verbatim; nothing if
///         every row is left out.
/// Bounds: a few times the file in memory; the caller bounds the file.
/// Errors: see [`PlaceError`]; nothing was written.
pub(crate) fn choose(file: &[u8], choices: &[Choice<'_>]) -> Result<Vec<u8>, PlaceError> {
    if !is_json(file) {
        return Err(PlaceError::NotARecord);
    }
    json::parse(file)?;
    let top = span::whole(file).ok_or(PlaceError::NotARecord)?;
    let mut walk = Walk { text: file, choices: choices.iter() };
    let list = match span::items(file, &top) {
        Some(items) => Some((top.clone(), items)),
        None => span::member(file, &top, "records")
            .and_then(|records| span::items(file, &records).map(|items| (records, items))),
    };
    let edits = if let Some((at, items)) = list {
        walk.list(&top, at, &items)?
    } else {
        let mut rows = Vec::new();
        let is_kept = walk.row(&top, &mut rows)?;
        let rows: Vec<&[u8]> = rows.iter().map(AsRef::as_ref).collect();
        let with = rows.join(&b',');
        let with = if is_kept && rows.len() == 1 { with } else { [b"[".as_slice(), &with, b"]"].concat() };
        vec![Edit { at: top, with }]
    };
    if walk.choices.next().is_some() {
        return Err(PlaceError::MoreLabels);
    }
    if !choices.is_empty() && choices.iter().all(|choice| choice.leaves()) {
        return Ok(Vec::new());
    }
    Ok(edited(file, edits))
}

struct Walk<'t, 'c> {
    text: &'t [u8],
    choices: slice::Iter<'c, Choice<'c>>,
}

impl<'t> Walk<'t, '_> {
    /// The edits that a list of rows needs, and the count beside it in `parent`.
    fn list(
        &mut self,
        parent: &Range<usize>,
        at: Range<usize>,
        items: &[Range<usize>],
    ) -> Result<Vec<Edit>, PlaceError> {
        let mut written = Vec::with_capacity(items.len());
        let mut count = 0;
        for item in items {
            let mut rows: Vec<Cow<'t, [u8]>> = Vec::new();
            let is_kept = self.row(item, &mut rows)?;
            count += rows.len();
            let mut rows = rows.into_iter();
            written.push(match (rows.next(), rows.as_slice()) {
                (None, _) => None,
                (Some(only), []) if is_kept => Some(only),
                // It takes the place of the row that it stood in.
                (Some(only), []) => Some(Cow::Owned(only.into_owned())),
                (Some(first), rest) => {
                    let all: Vec<&[u8]> = std::iter::once(&first).chain(rest).map(AsRef::as_ref).collect();
                    Some(Cow::Owned(all.join(&b',')))
                }
            });
        }
        let mut edits = Vec::new();
        if let Some(fewer) = items.len().checked_sub(count).filter(|fewer| *fewer > 0) {
            let fewer = u64::try_from(fewer).unwrap_or(u64::MAX);
            edits.extend(span::count_less(self.text, parent, "totalSize", fewer));
        }
        if written.iter().any(|one| !matches!(one, Some(Cow::Borrowed(_)))) {
            edits.push(Edit { with: span::array_with(self.text, &at, items, &written), at });
        }
        Ok(edits)
    }

    /// Appends the row, or the rows within it if it is left out itself; whether it stays.
    fn row(&mut self, row: &Range<usize>, out: &mut Vec<Cow<'t, [u8]>>) -> Result<bool, PlaceError> {
        let choice = *self.choices.next().ok_or(PlaceError::FewerLabels)?;
        let as_it_is = self.text.get(row.clone()).unwrap_or_default();
        let Some(members) = span::members(self.text, row) else {
            match choice {
                Choice::Leave => return Ok(false),
                Choice::Keep => out.push(Cow::Borrowed(as_it_is)),
                Choice::Label(_) => return Err(PlaceError::NotARecord),
            }
            return Ok(true);
        };
        let mut edits = Vec::new();
        if let Choice::Label(labels) = choice {
            relabel(self.text, row, &members, labels, &mut edits);
        }
        // Rows within a row that is pointed at and left out.
        let mut displaced = Vec::new();
        for member in members.iter().filter(|member| has_rows(self.text, member)) {
            let records = span::member(self.text, &member.value, "records")
                .and_then(|at| span::items(self.text, &at).map(|items| (at, items)));
            match records {
                Some((_, items)) if choice.leaves() => {
                    for item in &items {
                        self.row(item, out)?;
                    }
                }
                Some((at, items)) => edits.extend(self.list(&member.value, at, &items)?),
                None if choice.leaves() => {
                    self.row(&member.value, out)?;
                }
                None => edits.extend(self.pointed_at(member, &mut displaced)?),
            }
        }
        if choice.leaves() {
            return Ok(false);
        }
        for edit in &mut edits {
            edit.at = edit.at.start.saturating_sub(row.start)..edit.at.end.saturating_sub(row.start);
        }
        out.push(if edits.is_empty() {
            Cow::Borrowed(as_it_is)
        } else {
            Cow::Owned(edited(as_it_is, edits))
        });
        out.extend(displaced);
        Ok(true)
    }

    /// The edit that a row needs for the one that it points at: null, if that is left out.
    fn pointed_at(
        &mut self,
        member: &Member,
        displaced: &mut Vec<Cow<'t, [u8]>>,
    ) -> Result<Option<Edit>, PlaceError> {
        let mut rows = Vec::new();
        let is_kept = self.row(&member.value, &mut rows)?;
        let mut rows = rows.into_iter();
        let with = match is_kept.then(|| rows.next()).flatten() {
            Some(Cow::Borrowed(_)) => None,
            Some(Cow::Owned(with)) => Some(with),
            None => Some(b"null".to_vec()),
        };
        displaced.extend(rows);
        Ok(with.map(|with| Edit { at: member.value.clone(), with }))
    }
}

/// Whether reading finds rows in a member.
fn has_rows(text: &[u8], member: &Member) -> bool {
    let value = text.get(member.value.clone()).unwrap_or_default();
    value.first() == Some(&b'{')
        && json::parse(value).is_ok_and(|value| named(text, member, |name| holds_rows(name, &value)))
}
