//! Rows that an answer tells by their ids or addresses alone, in a plain list: those that have one value, or are like another.

use std::{collections::BTreeSet, ops::Range};

use crate::span::{self, Edit, edited};

use super::id::RecordId;

/// The ids in lists of ids or addresses alone, wherever they stand in an answer.
pub fn listed(answer: &[u8]) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::new();
    each_list(answer, &mut |_, items| found.extend(items.iter().map(|(id, _)| *id)));
    found
}

/// The answer without some of them; nothing where nothing changes.
pub fn without_listed(answer: &[u8], goes: impl Fn(&RecordId) -> bool) -> Option<Vec<u8>> {
    let mut edits = Vec::new();
    each_list(answer, &mut |at, items| {
        if items.iter().any(|(id, _)| goes(id)) {
            let spans: Vec<Range<usize>> = items.iter().map(|(_, at)| at.clone()).collect();
            let stays = |place: usize| items.get(place).is_some_and(|(id, _)| !goes(id));
            edits.push(Edit { at: at.clone(), with: span::array_of(answer, &spans, stays) });
        }
    });
    (!edits.is_empty()).then(|| edited(answer, edits))
}

type Items = [(RecordId, Range<usize>)];

fn each_list(answer: &[u8], found: &mut impl FnMut(&Range<usize>, &Items)) {
    if serde_json::from_slice::<serde::de::IgnoredAny>(answer).is_err() {
        return;
    }
    let mut left: Vec<Range<usize>> = span::whole(answer).into_iter().collect();
    while let Some(at) = left.pop() {
        if let Some(items) = span::items(answer, &at) {
            let ids: Option<Vec<_>> =
                items.iter().map(|item| Some((id_at(answer, item)?, item.clone()))).collect();
            match ids {
                Some(ids) => found(&at, &ids),
                None => left.extend(items),
            }
        } else if let Some(members) = span::members(answer, &at) {
            left.extend(members.into_iter().map(|member| member.value));
        }
    }
}

/// The id that a text is, or with which an address ends.
fn id_at(answer: &[u8], at: &Range<usize>) -> Option<RecordId> {
    if answer.get(at.start) != Some(&b'"') {
        return None;
    }
    let text = span::unescaped(answer, at)?;
    RecordId::parse(text.rsplit('/').next().unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "003000000000001AAA";
    const B: &str = "003000000000002AAA";

    #[test]
    fn ids_and_addresses_in_plain_lists_can_go() {
        let check = |answer: &str, want: Option<&str>| {
            let a = RecordId::parse(A).unwrap();
            let left = without_listed(answer.as_bytes(), |id| *id == a);
            assert_eq!(left.map(|left| String::from_utf8(left).unwrap()).as_deref(), want, "{answer}");
            assert_eq!(listed(answer.as_bytes()).contains(&a), want.is_some(), "{answer}");
        };
        let at = |id: &str| format!("\"/services/data/v67.0/sobjects/Contact/{id}\"");
        check(&format!("[{}, {}]", at(A), at(B)), Some(&format!("[{}]", at(B))));
        check(
            &format!(r#"{{"a":[{{"matchRecordIds":["{A}"],"n":1}}],"b":["{B}"]}}"#),
            Some(&format!(r#"{{"a":[{{"matchRecordIds":[],"n":1}}],"b":["{B}"]}}"#)),
        );
        check(&format!(r#"{{"Id":"{A}","x":["{B}"],"y":[],"z":["{A}",1]}}"#), None);
        check(&format!("[{}", at(A)), None);
    }
}
