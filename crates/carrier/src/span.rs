//! Where the members and items of a JSON text stand, so that bytes can be taken out or put in verbatim.
//!
//! For texts that `mark::json::parse` has accepted; for others the answer is `None` or short, never a panic.

use std::{borrow::Cow, ops::Range};

/// One member of an object: its name as written, with quotes, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The quoted name.
    pub(crate) name: Range<usize>,
    /// The value, without surrounding white space.
    pub(crate) value: Range<usize>,
}

/// The span of the whole value of a text, without the white space around it.
pub(crate) fn whole(text: &[u8]) -> Option<Range<usize>> {
    let start = skip_space(text, 0);
    Some(start..skip_value(text, start)?)
}

/// The members of the object at `at`, in order; `None` if there is no object.
pub(crate) fn members(text: &[u8], at: &Range<usize>) -> Option<Vec<Member>> {
    let mut found = Vec::new();
    let mut next = open(text, at, b'{', b'}')?;
    while let Next::Item(start) = next {
        let name_end = skip_value(text, start)?;
        let colon = skip_space(text, name_end);
        if text.get(start) != Some(&b'"') || text.get(colon) != Some(&b':') {
            return None;
        }
        let value = skip_space(text, colon + 1);
        let end = skip_value(text, value)?;
        found.push(Member { name: start..name_end, value: value..end });
        next = after_item(text, end, b'}')?;
    }
    Some(found)
}

/// The items of the array at `at`, in order; `None` if there is no array.
pub(crate) fn items(text: &[u8], at: &Range<usize>) -> Option<Vec<Range<usize>>> {
    let mut found = Vec::new();
    let mut next = open(text, at, b'[', b']')?;
    while let Next::Item(start) = next {
        let end = skip_value(text, start)?;
        found.push(start..end);
        next = after_item(text, end, b']')?;
    }
    Some(found)
}

/// The value of the member called `name`, exact case, of the object at `at`.
pub(crate) fn member(text: &[u8], at: &Range<usize>, name: &str) -> Option<Range<usize>> {
    members(text, at)?
        .into_iter()
        .find(|member| unescaped(text, &member.name).as_deref() == Some(name))
        .map(|m| m.value)
}

/// The string at `at`, unescaped; `None` if there is no string.
pub(crate) fn unescaped(text: &[u8], at: &Range<usize>) -> Option<String> {
    serde_json::from_slice(text.get(at.clone())?).ok()
}

/// A replacement of some bytes of a text.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    /// What goes.
    pub(crate) at: Range<usize>,
    /// What comes in its place.
    pub(crate) with: Vec<u8>,
}

/// `text` with every edit made. Edits that overlap an earlier one are left out.
pub(crate) fn edited(text: &[u8], mut edits: Vec<Edit>) -> Vec<u8> {
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    let mut out = Vec::with_capacity(text.len() + edits.iter().map(|edit| edit.with.len()).sum::<usize>());
    let mut done = 0;
    for edit in edits.iter().filter(|edit| edit.at.start <= edit.at.end) {
        if edit.at.start < done {
            continue;
        }
        out.extend_from_slice(text.get(done..edit.at.start).unwrap_or_default());
        out.extend_from_slice(&edit.with);
        done = edit.at.end;
    }
    out.extend_from_slice(text.get(done..).unwrap_or_default());
    out
}

/// The array at `at` with only the items at `kept`, their bytes verbatim.
pub(crate) fn array_of(text: &[u8], items: &[Range<usize>], keep: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut out = vec![b'['];
    for (_, item) in items.iter().enumerate().filter(|(position, _)| keep(*position)) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(text.get(item.clone()).unwrap_or_default());
    }
    out.push(b']');
    out
}

/// The array at `at` with its items as `written`; what is not written goes, and then the white space between items too.
pub(crate) fn array_with(
    text: &[u8],
    at: &Range<usize>,
    items: &[Range<usize>],
    written: &[Option<Cow<'_, [u8]>>],
) -> Vec<u8> {
    if written.iter().all(Option::is_some) {
        let edits = items.iter().zip(written).filter_map(|(item, with)| match with {
            Some(Cow::Owned(with)) => {
                Some(Edit { at: item.start - at.start..item.end - at.start, with: with.clone() })
            }
            Some(Cow::Borrowed(_)) | None => None,
        });
        return edited(text.get(at.clone()).unwrap_or_default(), edits.collect());
    }
    let kept: Vec<&[u8]> = written.iter().flatten().map(AsRef::as_ref).collect();
    let mut out = vec![b'['];
    out.extend_from_slice(&kept.join(&b','));
    out.push(b']');
    out
}

/// The edit that lowers the whole number called `name` in the object at `at`; none if there is no such number.
pub(crate) fn count_less(text: &[u8], at: &Range<usize>, name: &str, by: u64) -> Option<Edit> {
    let at = member(text, at, name)?;
    let count: u64 = std::str::from_utf8(text.get(at.clone())?).ok()?.parse().ok()?;
    Some(Edit { at, with: count.saturating_sub(by).to_string().into_bytes() })
}

/// What follows an opening bracket or an item.
enum Next {
    /// An item that starts here.
    Item(usize),
    /// The closing bracket.
    End,
}

/// What follows the opening bracket at the start of `at`.
fn open(text: &[u8], at: &Range<usize>, bracket: u8, end: u8) -> Option<Next> {
    if text.get(at.start) != Some(&bracket) {
        return None;
    }
    let first = skip_space(text, at.start + 1);
    Some(if text.get(first) == Some(&end) { Next::End } else { Next::Item(first) })
}

/// What follows an item that ends at `at`.
fn after_item(text: &[u8], at: usize, end: u8) -> Option<Next> {
    let at = skip_space(text, at);
    match text.get(at) {
        Some(b',') => Some(Next::Item(skip_space(text, at + 1))),
        Some(byte) if *byte == end => Some(Next::End),
        Some(_) | None => None,
    }
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// The end of the value that starts at `at`.
fn skip_value(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => skip_text(text, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0_usize, at);
            loop {
                match text.get(at)? {
                    b'"' => at = skip_text(text, at)?,
                    b'{' | b'[' => {
                        depth += 1;
                        at += 1;
                    }
                    b'}' | b']' => {
                        depth -= 1;
                        at += 1;
                        if depth == 0 {
                            return Some(at);
                        }
                    }
                    _ => at += 1,
                }
            }
        }
        b',' | b':' | b'}' | b']' => None,
        _ => {
            let rest = text.get(at..)?;
            let ends = |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            Some(at + rest.iter().position(ends).unwrap_or(rest.len()))
        }
    }
}

/// The end of the string whose opening quote is at `at`.
pub(crate) fn skip_text(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use mark::json::{self, Json};
    use proptest::prelude::*;

    use super::*;

    /// Walks both readings of a text and compares what they see.
    fn agree(text: &[u8], at: &Range<usize>, value: &Json<'_>) {
        match value {
            Json::Object(expected) => {
                let found = members(text, at).unwrap();
                assert_eq!(found.len(), expected.len());
                for (member, (name, value)) in found.iter().zip(expected) {
                    assert_eq!(unescaped(text, &member.name).as_deref(), Some(name.as_ref()));
                    agree(text, &member.value, value);
                }
            }
            Json::Array(expected) => {
                let found = items(text, at).unwrap();
                assert_eq!(found.len(), expected.len());
                found.iter().zip(expected).for_each(|(item, value)| agree(text, item, value));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
                assert_eq!(json::parse(&text[at.clone()]).as_ref(), Ok(value));
            }
        }
    }

    #[test]
    fn spans_are_where_a_parser_finds_values() {
        let text = br#" { "a" : [ 1 , "x\"]}" , { } , [ ] ] ,"\u0062":{"c":null,"d":-1.50e3} } "#;
        let value = json::parse(text).unwrap();
        agree(text, &whole(text).unwrap(), &value);
        assert_eq!(&text[member(text, &whole(text).unwrap(), "b").unwrap()], br#"{"c":null,"d":-1.50e3}"#);
    }

    #[test]
    fn edits_are_made_in_order_and_never_twice() {
        let edit = |at, with: &str| Edit { at, with: with.as_bytes().to_vec() };
        assert_eq!(
            edited(b"0123456", vec![edit(5..6, "x"), edit(1..3, ""), edit(2..4, "no"), edit(3..3, "+")]),
            b"0+34x6"
        );
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            "[\\PC\"\\\\{}\\[\\],:]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map("[\\PC\"\\\\]{0,6}", inner, 0..6)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn spans_agree_with_the_parser(value in any_json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            agree(&text, &whole(&text).unwrap(), &json::parse(&text).unwrap());
        }

        #[test]
        fn any_bytes_have_an_answer(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(at) = whole(&text) {
                let _ = (members(&text, &at), items(&text, &at), member(&text, &at, "a"));
            }
        }
    }
}
