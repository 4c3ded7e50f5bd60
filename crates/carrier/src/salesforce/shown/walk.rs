//! One pass over a JSON answer: where its rows stand, what holds them, where our fields and error texts are.

use std::{borrow::Cow, ops::Range};

use mark::Unreadable;

use super::{super::field::Own, Telling};
use crate::salesforce::id::RecordId;

/// A row and where it stands.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) object: String,
    pub(super) id: Option<RecordId>,
    pub(super) at: Range<usize>,
    /// The list that holds it, and its place there.
    pub(super) item: Option<(usize, usize)>,
    /// Whether it is the whole answer.
    pub(super) is_whole: bool,
    /// Relationships from the outer row, in lower case.
    pub(super) way: String,
    /// What is shown for it, beside it.
    pub(super) display: Option<Range<usize>>,
    /// Our fields' values.
    pub(super) own: Vec<(Own, Range<usize>)>,
    /// Our fields as members, with the comma before each; names in lower case.
    pub(super) members: Vec<(String, Range<usize>)>,
}

/// An array that may hold rows.
#[derive(Debug)]
pub(super) struct List {
    pub(super) items: Vec<Range<usize>>,
    /// Whether it is the whole answer.
    pub(super) is_whole: bool,
    /// The object that it is a member of.
    pub(super) holder: Range<usize>,
    /// Whether that object is itself the value of a row's member: a row's children.
    pub(super) is_child: bool,
    /// The numbers beside it that count it.
    pub(super) totals: Vec<Range<usize>>,
}

/// The pass.
#[derive(Debug)]
pub(super) struct Walk<'t> {
    text: &'t [u8],
    at: usize,
    telling: Telling,
    rows_max: usize,
    pub(super) rows: Vec<Found>,
    pub(super) lists: Vec<List>,
    pub(super) messages: Vec<Range<usize>>,
}

/// What holds a value.
#[derive(Clone, Copy, Debug)]
struct Holder<'w> {
    item: Option<(usize, usize)>,
    is_whole: bool,
    /// Whether a row is the object around this value.
    in_row: bool,
    /// The name of the list it stands in, if it does.
    list_name: &'w str,
    way: &'w str,
}

/// What an object has told of itself so far.
#[derive(Debug, Default)]
struct Draft {
    object: Option<String>,
    url_id: Option<RecordId>,
    id: Option<RecordId>,
    api_name: Option<String>,
    has_fields: bool,
    own: Vec<(Own, Range<usize>)>,
    members: Vec<(String, Range<usize>)>,
    totals: Vec<Range<usize>>,
    lists: Vec<usize>,
    message: Option<Range<usize>>,
    is_error: bool,
    display: Option<Range<usize>>,
    /// The row that is its `value`.
    value: Option<usize>,
}

/// Members that say something of the object they are in, or of what it holds; the last three name an error.
const KNOWN: [&str; 9] =
    ["id", "apiname", "fields", "totalsize", "size", "count", "errorcode", "statuscode", "exceptioncode"];

impl<'t> Walk<'t> {
    /// Walks over a text that is one JSON value.
    pub(super) fn over(text: &'t [u8], telling: Telling, rows_max: usize) -> Result<Self, Unreadable> {
        let mut walk = Self {
            text,
            at: 0,
            telling,
            rows_max,
            rows: Vec::new(),
            lists: Vec::new(),
            messages: Vec::new(),
        };
        let whole = Holder { item: None, is_whole: true, in_row: false, list_name: "", way: "" };
        walk.value(whole).ok_or_else(|| Unreadable::Shape("is not one JSON value".to_owned()))?;
        if walk.rows.len() > rows_max {
            return Err(Unreadable::TooMany { limit: rows_max });
        }
        Ok(walk)
    }

    /// One value; ends behind it.
    fn value(&mut self, holder: Holder<'_>) -> Option<Range<usize>> {
        self.space();
        let start = self.at;
        match self.text.get(start)? {
            b'{' => self.object(holder)?,
            b'[' => self.array(holder)?,
            b'"' => {
                self.skip_string()?;
                self.bare_id(start, holder);
            }
            _ => self.scalar(),
        }
        Some(start..self.at)
    }

    fn object(&mut self, holder: Holder<'_>) -> Option<()> {
        let start = self.at;
        self.at += 1;
        let mut draft = Draft::default();
        // Whether this is a row shows in its first member. Others end where the one before them does.
        let mut end_before = None;
        loop {
            self.space();
            match self.text.get(self.at)? {
                b'}' => break,
                b',' => self.at += 1,
                _ => {
                    let from = end_before.unwrap_or(self.at);
                    self.member(&mut draft, holder, from)?;
                    end_before = Some(self.at);
                }
            }
        }
        self.at += 1;
        self.close(draft, start..self.at, holder);
        Some(())
    }

    fn member(&mut self, draft: &mut Draft, holder: Holder<'_>, from: usize) -> Option<()> {
        let name = self.string()?;
        self.space();
        self.at += 1;
        self.space();
        let start = self.at;
        match name.as_ref() {
            "attributes" if self.text.get(start) == Some(&b'{') => return self.attributes(draft),
            "message" if self.text.get(start) == Some(&b'"') => {
                self.skip_string()?;
                draft.message = Some(start + 1..self.at.saturating_sub(1));
                return Some(());
            }
            _ => {}
        }
        let is_row = draft.object.is_some();
        let is_list = self.text.get(start) == Some(&b'[');
        let lists_before = self.lists.len();
        let longer;
        // Only what holds further values has a way of its own.
        let way = if is_row && matches!(self.text.get(start), Some(b'{' | b'[')) {
            let dot = if holder.way.is_empty() { "" } else { "." };
            longer = format!("{}{dot}{}", holder.way, name.to_ascii_lowercase());
            longer.as_str()
        } else {
            holder.way
        };
        let inner = Holder {
            item: None,
            is_whole: false,
            in_row: is_row,
            list_name: if is_list { &name } else { "" },
            way,
        };
        let at = self.value(inner)?;
        if is_list {
            draft.lists.push(lists_before);
            if let Some(list) = self.lists.get_mut(lists_before) {
                list.is_child = holder.in_row;
            }
        }
        let text = self.text.get(at.clone()).unwrap_or_default();
        let own = Own::of(&name);
        draft.own.extend(own.map(|own| (own, at.clone())));
        if from < start && (own.is_some() || name.eq_ignore_ascii_case("id")) {
            draft.members.push((name.to_ascii_lowercase(), from..at.end));
        }
        // A row as a value of the UI API has what to show of it beside it.
        match name.as_ref() {
            "displayValue" => draft.display = Some(at.clone()),
            "value" => {
                let row = self.rows.len().checked_sub(1);
                draft.value = row.filter(|row| self.rows.get(*row).is_some_and(|row| row.at == at));
            }
            _ => {}
        }
        let Some(known) = KNOWN.into_iter().find(|known| name.eq_ignore_ascii_case(known)) else {
            return Some(());
        };
        match known {
            "id" => draft.id = quoted(text).and_then(|text| RecordId::parse(&text)),
            "apiname" => draft.api_name = quoted(text).map(Cow::into_owned),
            "fields" => draft.has_fields = text.first() == Some(&b'{'),
            "totalsize" | "size" | "count" => {
                draft.totals.extend(text.first().is_some_and(u8::is_ascii_digit).then_some(at));
            }
            _ => draft.is_error |= text.first() == Some(&b'"'),
        }
        Some(())
    }

    /// `{"type": "Contact", "url": "/services/data/v67.0/sobjects/Contact/003…"}`.
    fn attributes(&mut self, draft: &mut Draft) -> Option<()> {
        self.at += 1;
        loop {
            self.space();
            match self.text.get(self.at)? {
                b'}' => break,
                b',' => self.at += 1,
                _ => {
                    let name = self.string()?;
                    self.space();
                    self.at += 1;
                    let nothing =
                        Holder { item: None, is_whole: false, in_row: false, list_name: "", way: "" };
                    let at = self.value(nothing)?;
                    let text = quoted(self.text.get(at).unwrap_or_default());
                    match (name.as_ref(), text) {
                        ("type", Some(text)) => draft.object = Some(text.into_owned()),
                        ("url", Some(text)) => {
                            draft.url_id = text.rsplit('/').next().and_then(RecordId::parse);
                        }
                        _ => {}
                    }
                }
            }
        }
        self.at += 1;
        Some(())
    }

    /// The end of an object: what it was.
    fn close(&mut self, draft: Draft, at: Range<usize>, holder: Holder<'_>) {
        for list in &draft.lists {
            if let Some(list) = self.lists.get_mut(*list) {
                list.holder = at.clone();
                list.totals.clone_from(&draft.totals);
            }
        }
        if draft.is_error {
            self.messages.extend(draft.message);
        }
        if let Some(row) = draft.value.and_then(|row| self.rows.get_mut(row)) {
            row.display = draft.display;
        }
        let shown_by_ui = draft.api_name.filter(|_| draft.has_fields && draft.id.is_some());
        let by_id_alone = (self.telling == Telling::Ids
            && holder.list_name.eq_ignore_ascii_case("deletedRecords"))
        .then(String::new);
        let Some(object) = draft.object.or(shown_by_ui).or(by_id_alone) else { return };
        self.rows.push(Found {
            object,
            id: draft.url_id.or(draft.id),
            at,
            item: holder.item,
            is_whole: holder.is_whole,
            way: holder.way.to_owned(),
            display: None,
            own: draft.own,
            members: draft.members,
        });
    }

    fn array(&mut self, holder: Holder<'_>) -> Option<()> {
        self.at += 1;
        let list = self.lists.len();
        self.lists.push(List {
            items: Vec::new(),
            is_whole: holder.is_whole,
            holder: 0..0,
            is_child: false,
            totals: Vec::new(),
        });
        let mut items = Vec::new();
        loop {
            self.space();
            match self.text.get(self.at)? {
                b']' => break,
                b',' => self.at += 1,
                _ => {
                    let inner = Holder { item: Some((list, items.len())), is_whole: false, ..holder };
                    items.push(self.value(inner)?);
                    if self.rows.len() > self.rows_max {
                        // Enough is known: the answer has too many.
                        return None;
                    }
                }
            }
        }
        self.at += 1;
        if let Some(list) = self.lists.get_mut(list) {
            list.items = items;
        }
        Some(())
    }

    /// An id that stands alone in a list of ids.
    fn bare_id(&mut self, start: usize, holder: Holder<'_>) {
        if self.telling != Telling::Ids
            || holder.item.is_none()
            || !holder.list_name.eq_ignore_ascii_case("ids")
        {
            return;
        }
        let at = start..self.at;
        let id =
            quoted(self.text.get(at.clone()).unwrap_or_default()).and_then(|text| RecordId::parse(&text));
        if id.is_some() {
            self.rows.push(Found {
                object: String::new(),
                id,
                at,
                item: holder.item,
                is_whole: false,
                way: String::new(),
                display: None,
                own: Vec::new(),
                members: Vec::new(),
            });
        }
    }

    /// A string; ends behind its closing quote.
    fn string(&mut self) -> Option<Cow<'t, str>> {
        let start = self.at;
        self.skip_string()?;
        quoted(self.text.get(start..self.at)?)
    }

    fn skip_string(&mut self) -> Option<()> {
        let mut at = self.at + 1;
        loop {
            // Marks are long and have nothing to escape.
            let rest = self.text.get(at..)?;
            at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.text.get(at) == Some(&b'"') {
                self.at = at + 1;
                return Some(());
            }
            at += 2;
        }
    }

    fn scalar(&mut self) {
        while self
            .text
            .get(self.at)
            .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn space(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// The text between quotes, escapes undone.
fn quoted(text: &[u8]) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice(text).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}
