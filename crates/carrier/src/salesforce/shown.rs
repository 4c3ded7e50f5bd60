//! The rows that an answer shows: found in one pass over its JSON, judged elsewhere, taken out without a trace.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use mark::{
    Claim, Form, Place, Reading, Record, Unreadable,
    json::{self, Json},
};

use crate::span::{self, Edit, edited};

use super::{
    door::is_name,
    field::Own,
    id::{self, RecordId},
    record::{Labelled, record},
};

mod walk;

use walk::{Found, List, Walk};

/// The rows of one JSON answer.
#[derive(Debug)]
pub struct ShownRows<'t> {
    text: &'t [u8],
    rows: Vec<Found>,
    lists: Vec<List>,
    messages: Vec<Range<usize>>,
}

/// One row as an answer shows it.
#[derive(Clone, Copy, Debug)]
pub struct ShownRow<'r> {
    /// Its object; empty where an answer tells no more than an id.
    pub object: &'r str,
    /// Its id, if it is shown.
    pub id: Option<RecordId>,
    /// Whether the place of its mark is shown, so that it can be judged by what is here.
    pub shows_mark: bool,
}

/// What else is taken out of an answer.
#[derive(Clone, Debug, Default)]
pub struct Stripped {
    /// Fields of ours that the client did not ask for: by the way from the outer row (`""`, `account`, `contacts`),
    /// in lower case.
    pub fields: BTreeMap<String, BTreeSet<String>>,
    /// Fields of ours in the rows of one object, where rows of several stand side by side: by the object, in lower
    /// case.
    pub of_object: BTreeMap<String, BTreeSet<String>>,
    /// Ids that may stand in error texts, because the client sent them; all others go.
    pub known: BTreeSet<RecordId>,
    /// What becomes of a row where the whole answer is a list.
    pub gap: Gap,
    /// Fields that are null although the row is shown, by its place; names in lower case.
    pub nulled: BTreeMap<usize, BTreeSet<String>>,
}

/// What becomes of a row that is taken out of an answer that is a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gap {
    /// It goes, and others move up.
    #[default]
    Closed,
    /// Null stays: each of the client's ids has its place.
    Null,
}

/// What an answer tells where rows are known by their ids alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Rows say what they are in `attributes`, or as the UI API has it.
    Rows,
    /// `ids` and `deletedRecords` are rows too.
    Ids,
}

impl<'t> ShownRows<'t> {
    /// Finds the rows.
    ///
    /// A row is an object with `attributes.type`, at any depth, or a record of the UI API; what it says of groups
    /// (`AggregateResult`) is a row of that object.
    ///
    /// Shape:  the whole answer, decoded -> its rows, inner ones before the row around them.
    /// Bounds: `rows_max` rows; nesting as `serde_json` bounds it. Linear.
    /// Errors: what is not one JSON value, or has more rows.
    pub fn find(text: &'t [u8], telling: Telling, rows_max: usize) -> Result<Self, Unreadable> {
        serde_json::from_slice::<serde::de::IgnoredAny>(text)
            .map_err(|_| Unreadable::Shape("is not one JSON value".to_owned()))?;
        let Walk { rows, lists, messages, .. } = Walk::over(text, telling, rows_max)?;
        Ok(Self { text, rows, lists, messages })
    }

    /// Every row, in the order of their places.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = ShownRow<'_>> {
        self.rows.iter().map(|row| ShownRow {
            object: &row.object,
            id: row.id,
            shows_mark: row.own.iter().any(|(own, _)| *own == Own::Mark),
        })
    }

    /// The object of each id that stands in a row.
    pub fn objects(&self) -> BTreeMap<RecordId, String> {
        let named = |row: ShownRow<'_>| Some((row.id?, row.object.to_owned()));
        self.rows().filter_map(named).filter(|(_, object)| is_name(object)).collect()
    }

    /// What there is of row `at` to judge: all that is shown where it carries a mark, else its labels alone.
    pub fn reading(&self, at: usize) -> Reading<'t> {
        let place = Place { index: at, reference: format!("row {}", at + 1) };
        let Some(row) = self.rows.get(at) else {
            return Reading { place, content: Err(Unreadable::Shape("is not there".to_owned())) };
        };
        Reading { place, content: self.content(row) }
    }

    fn content(&self, row: &Found) -> Result<Record<'t>, Unreadable> {
        let object = Cow::Owned(row.object.clone());
        let text = |at: &Range<usize>| self.text.get(at.clone()).unwrap_or_default();
        // With a mark all of it counts, its labels too.
        let is_marked = |(own, at): &(Own, Range<usize>)| {
            *own == Own::Mark && !matches!(text(at), b"null" | b"\"\"" | b"")
        };
        if row.own.iter().any(is_marked)
            && let Json::Object(members) = json::parse(text(&row.at))?
        {
            return record(object, members);
        }
        let mut labels = Labelled::default();
        for (own, at) in &row.own {
            labels.take(*own, json::parse(text(at))?)?;
        }
        let (mark, claim) = labels.finish();
        if mark.is_none() {
            return Ok(Record { form: Form::Salesforce, object, fields: Vec::new(), mark, claim });
        }
        match json::parse(self.text.get(row.at.clone()).unwrap_or_default())? {
            Json::Object(members) => record(object, members),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                Ok(Record { form: Form::Salesforce, object, fields: Vec::new(), mark, claim: Claim::None })
            }
        }
    }

    /// The names of the fields that row `at` shows, in lower case.
    pub fn names(&self, at: usize) -> BTreeSet<String> {
        self.rows.get(at).map(|row| self.fields(row).into_keys().collect()).unwrap_or_default()
    }

    /// Where the values of a row's fields stand; a record of the UI API has them one level down.
    fn fields(&self, row: &Found) -> BTreeMap<String, Range<usize>> {
        let members = |at: &Range<usize>| span::members(self.text, at).unwrap_or_default();
        let named = |member: &span::Member| {
            Some((span::unescaped(self.text, &member.name)?.to_ascii_lowercase(), member.value.clone()))
        };
        let own: BTreeMap<String, Range<usize>> = members(&row.at).iter().filter_map(named).collect();
        match (own.get("apiname"), own.get("fields")) {
            (Some(_), Some(fields)) => members(fields).iter().filter_map(named).collect(),
            _ => own,
        }
    }

    fn null(&self, nulled: &BTreeMap<usize, BTreeSet<String>>, edits: &mut Vec<Edit>) {
        for (row, names) in nulled.iter().filter_map(|(at, names)| Some((self.rows.get(*at)?, names))) {
            for (_, at) in self.fields(row).into_iter().filter(|(name, _)| names.contains(name)) {
                let is_shown = |member: &span::Member| {
                    let name = span::unescaped(self.text, &member.name);
                    name.is_some_and(|name| name == "value" || name == "displayValue")
                };
                let parts = span::members(self.text, &at).unwrap_or_default();
                let parts: Vec<Range<usize>> =
                    parts.into_iter().filter(is_shown).map(|member| member.value).collect();
                let places = if parts.is_empty() { vec![at] } else { parts };
                edits.extend(places.into_iter().map(|at| Edit { at, with: b"null".to_vec() }));
            }
        }
    }

    /// Whether row `at` is the whole answer.
    pub fn is_whole(&self, at: usize) -> bool {
        self.rows.get(at).is_some_and(|row| row.item.is_none() && row.is_whole)
    }

    /// Whether row `at` is the value of a lookup of the row around it.
    pub fn is_led_to(&self, at: usize) -> bool {
        self.rows.get(at).is_some_and(|row| row.item.is_none() && !row.is_whole)
    }

    /// The answer without these rows and without what is stripped; nothing if that is the answer as it is.
    ///
    /// A row of a list goes, and the list's total is lowered; a list of children that becomes empty is null, as for a
    /// row without children; where the answer is itself a list, [`Gap`] says what becomes of a row. A row that another
    /// points at becomes null, as where it points at none.
    pub fn without(&self, hidden: &BTreeSet<usize>, stripped: &Stripped) -> Option<Vec<u8>> {
        let mut edits = Vec::new();
        let mut gone: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for row in hidden.iter().filter_map(|at| self.rows.get(*at)) {
            match row.item {
                Some((list, item))
                    if stripped.gap == Gap::Closed
                        || !self.lists.get(list).is_some_and(|list| list.is_whole) =>
                {
                    gone.entry(list).or_default().insert(item);
                }
                Some(_) | None => {
                    let places = [Some(&row.at), row.display.as_ref()].into_iter().flatten();
                    edits.extend(places.map(|at| Edit { at: at.clone(), with: b"null".to_vec() }));
                }
            }
        }
        for (list, items) in &gone {
            if let Some(list) = self.lists.get(*list) {
                self.shorten(list, items, &mut edits);
            }
        }
        self.strip(stripped, &mut edits);
        self.null(&stripped.nulled, &mut edits);
        self.redact(&stripped.known, &mut edits);
        (!edits.is_empty()).then(|| edited(self.text, edits))
    }

    /// Takes items out of a list, with the comma that they leave.
    fn shorten(&self, list: &List, gone: &BTreeSet<usize>, edits: &mut Vec<Edit>) {
        if gone.len() == list.items.len() && list.is_child {
            edits.push(Edit { at: list.holder.clone(), with: b"null".to_vec() });
            return;
        }
        let mut kept_before: Option<&Range<usize>> = None;
        for (at, item) in list.items.iter().enumerate() {
            if !gone.contains(&at) {
                kept_before = Some(item);
                continue;
            }
            let next = list.items.get(at + 1).map_or(item.end, |next| next.start);
            // Behind a row that stays, the comma in front goes with it; else the one behind it.
            let from = match kept_before {
                Some(_) => {
                    list.items.get(at.wrapping_sub(1)).map_or(item.start, |before| before.end)..item.end
                }
                None => item.start..next,
            };
            edits.push(Edit { at: from, with: Vec::new() });
        }
        for total in &list.totals {
            let text = self.text.get(total.clone()).and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(total_was) = text.and_then(|digits| digits.parse::<u64>().ok()) {
                let less = total_was.saturating_sub(u64::try_from(gone.len()).unwrap_or(u64::MAX));
                edits.push(Edit { at: total.clone(), with: less.to_string().into_bytes() });
            }
        }
    }

    fn strip(&self, stripped: &Stripped, edits: &mut Vec<Edit>) {
        if stripped.fields.is_empty() && stripped.of_object.is_empty() {
            return;
        }
        for row in &self.rows {
            let by_way = stripped.fields.get(&row.way);
            let by_object = stripped.of_object.get(&row.object.to_ascii_lowercase());
            let is_ours =
                |name: &String| [by_way, by_object].into_iter().flatten().any(|names| names.contains(name));
            for (name, at) in &row.members {
                if is_ours(name) {
                    edits.push(Edit { at: at.clone(), with: Vec::new() });
                }
            }
        }
    }

    /// Error texts name ids of rows that stand in the way: only those that the client named stay.
    fn redact(&self, known: &BTreeSet<RecordId>, edits: &mut Vec<Edit>) {
        for message in &self.messages {
            let Some(text) = self.text.get(message.clone()).and_then(|text| std::str::from_utf8(text).ok())
            else {
                continue;
            };
            for (at, id) in id::words(text) {
                if !known.contains(&id) {
                    let at = message.start + at.start..message.start + at.end;
                    edits.push(Edit { at, with: REDACTED.as_bytes().to_vec() });
                }
            }
        }
    }
}

/// What stands for an id in an error text.
const REDACTED: &str = "(not shown)";

#[cfg(test)]
mod tests;
