//! The ids that a request names, and the same request with other ids in their places.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use mark::Unreadable;

use crate::{
    span::{self, Edit, edited},
    xml::Xml,
};

use super::{
    asked::parameters,
    door::is_name,
    id::{RecordId, words},
    look::{below_services, words_below_services},
    record::shape,
};

/// Other ids for some.
pub type Renamed = BTreeMap<RecordId, RecordId>;

/// The ids that a target names: in its path, and in its query but for SOQL and SOSL, whose ids are the query's own
/// business.
///
/// Shape:  as the org decodes them: an escape hides nothing.
pub fn named_in_target(target: &str) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::new();
    for piece in pieces(target).filter(|piece| !piece.is_query_text) {
        if let Some(text) = decoded(piece.text) {
            found.extend(words(&text).map(|(_, id)| id));
        }
    }
    found
}

/// The object that a target names behind `sobjects`.
pub fn object_named(target: &str) -> Option<String> {
    behind_sobjects(target).into_iter().next().filter(|object| is_name(object))
}

/// The ids that a target names of the object behind `sobjects`: the segment behind it, and those in `ids`.
pub fn objects_named(target: &str) -> BTreeMap<RecordId, String> {
    let Some(object) = object_named(target) else { return BTreeMap::new() };
    let row = behind_sobjects(target).into_iter().nth(1);
    let texts = row.into_iter().chain(parameters(target, "ids"));
    let ids: Vec<RecordId> = texts.flat_map(|text| named_in_text(&text)).collect();
    ids.into_iter().map(|id| (id, object.clone())).collect()
}

/// The ids that a target names where nothing but the id of a row of no stated object can stand: behind `ui-api/records` and the
/// like, and in `ids` of collections.
pub fn rows_named(target: &str) -> BTreeSet<RecordId> {
    let segments = words_below_services(target);
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    let texts: Vec<String> = match names.as_slice() {
        [
            "data",
            _,
            "ui-api",
            "records" | "record-ui" | "related-list-records" | "related-list-count",
            ..,
        ] => below_services(target).into_iter().skip(4).collect(),
        ["data", _, "composite", "sobjects"] => parameters(target, "ids").into_iter().collect(),
        _ => Vec::new(),
    };
    texts.iter().flat_map(|text| named_in_text(text)).collect()
}

fn behind_sobjects(target: &str) -> Vec<String> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).filter_map(decoded);
    segments.skip_while(|segment| !segment.eq_ignore_ascii_case("sobjects")).skip(1).collect()
}

/// The target with other ids; as it is where nothing changes.
pub fn renamed_target(target: &str, renamed: &Renamed) -> String {
    let mut out = String::with_capacity(target.len());
    for piece in pieces(target) {
        out.push_str(piece.before);
        let text = decoded(piece.text).filter(|_| !piece.is_query_text);
        match text.and_then(|text| with_words(&text, renamed)) {
            Some(text) => out.push_str(&encoded(&text)),
            None => out.push_str(piece.text),
        }
    }
    out
}

/// The ids that a JSON body names: texts that are an id, whatever is white around it, and words of a `url`.
///
/// Shape:  what is not JSON names none.
pub fn named_in_body(body: &[u8]) -> BTreeSet<RecordId> {
    let mut found = BTreeSet::new();
    for (text, is_url, _) in texts(body) {
        if is_url {
            found.extend(named_in_target(&text));
        } else {
            found.extend(RecordId::parse(trimmed(&text)));
        }
    }
    found
}

/// A text without what some readers take off its ends.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control())
}

/// The ids that stand in a text, alone or among other words.
pub fn named_in_text(text: &str) -> BTreeSet<RecordId> {
    words(text).map(|(_, id)| id).collect()
}

/// The body with other ids; nothing where nothing changes. All else stays byte for byte.
pub fn renamed_body(body: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let mut edits = Vec::new();
    for (text, is_url, at) in texts(body) {
        let other = if is_url {
            Some(renamed_target(&text, renamed)).filter(|other| *other != *text)
        } else {
            let word = trimmed(&text);
            RecordId::parse(word).and_then(|id| renamed.get(&id)).map(|other| other.spelled_like(word))
        };
        if let Some(other) = other {
            edits.push(Edit { at, with: serde_json::Value::String(other).to_string().into_bytes() });
        }
    }
    (!edits.is_empty()).then(|| edited(body, edits))
}

/// The ids that bulk rows name: the cells of a table, or the texts of elements, that are an id.
///
/// Errors: the rows could name an id that is not seen here: by a character reference, in another encoding, or in parts
///         that an XML reader joins.
pub fn named_in_rows(body: &[u8]) -> Result<BTreeSet<RecordId>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| shape("is not UTF-8"))?;
    if body.contains(&0) {
        // As text in UTF-16 has it.
        return Err(shape("has a byte that is zero"));
    }
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        if hides_letters(text) {
            return Err(shape("writes letters or digits as character references"));
        }
        let (mut xml, root) = Xml::open(body)?;
        while let Some(row) = xml.child(&root)? {
            xml.element(row)?;
        }
        xml.finish()?;
    }
    Ok(cells(text).map(|(_, id)| id).collect())
}

/// The rows with other ids; nothing where nothing changes.
pub fn renamed_rows(body: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let edits: Vec<Edit> = cells(text)
        .filter_map(|(at, id)| {
            let with = renamed.get(&id)?.spelled_like(text.get(at.clone())?).into_bytes();
            Some(Edit { at, with })
        })
        .collect();
    (!edits.is_empty()).then(|| edited(body, edits))
}

/// Words of an id's form that stand alone between the marks of a table, or of elements.
fn cells(text: &str) -> impl Iterator<Item = (Range<usize>, RecordId)> {
    // Some readers take every control character off the ends of a cell.
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| *byte <= b' ' || b",;|`^\"'<>[]".contains(byte));
    words(text).filter(move |(at, _)| {
        let bytes = text.as_bytes();
        is_edge(at.start.checked_sub(1).and_then(|before| bytes.get(before))) && is_edge(bytes.get(at.end))
    })
}

/// Whether XML has a reference to a letter or a digit.
fn hides_letters(text: &str) -> bool {
    text.split("&#").skip(1).any(|rest| {
        let number = rest.split(';').next().unwrap_or_default();
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        code.ok().and_then(char::from_u32).is_none_or(|letter| letter.is_ascii_alphanumeric())
    })
}

/// A text with the ids in it that have others.
pub fn reworded(text: &[u8], other: impl Fn(RecordId) -> Option<RecordId>) -> Option<Vec<u8>> {
    let words = words(std::str::from_utf8(text).ok()?);
    let edits: Vec<Edit> = words
        .filter_map(|(at, id)| {
            let like = std::str::from_utf8(text.get(at.clone())?).ok()?;
            let with = other(id)?.spelled_like(like).into_bytes();
            Some(Edit { at, with })
        })
        .collect();
    (!edits.is_empty()).then(|| edited(text, edits))
}

/// An answer with the ids that the client sent, where we sent others.
pub fn renamed_back(answer: &[u8], renamed: &Renamed, sent: &BTreeMap<RecordId, String>) -> Option<Vec<u8>> {
    if renamed.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(answer).ok()?;
    let own: BTreeMap<RecordId, RecordId> = renamed.iter().map(|(own, other)| (*other, *own)).collect();
    let mut edits = Vec::new();
    for (at, id) in words(text) {
        if let Some(own) = own.get(&id) {
            let like = text.get(at.clone()).unwrap_or_default();
            let with = sent.get(own).cloned().unwrap_or_else(|| own.spelled_like(like));
            edits.push(Edit { at, with: with.into_bytes() });
        }
    }
    (!edits.is_empty()).then(|| edited(answer, edits))
}

/// A part of a target that is decoded by itself, and what stands before it.
pub(super) struct Piece<'t> {
    pub(super) before: &'t str,
    pub(super) text: &'t str,
    pub(super) is_query_text: bool,
}

/// Path segments, then names and values of the query; a value may itself hold `=`. Together with what stands before them
/// they are the target.
pub(super) fn pieces(target: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = target;
    let mut in_query = false;
    let mut name = String::new();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let is_value = in_query && rest.starts_with('=');
        let is_mark = |c: char| if in_query { c == '&' } else { matches!(c, '/' | '?') };
        let start = if is_value { 1 } else { rest.find(|c: char| !is_mark(c)).unwrap_or(rest.len()) };
        let (before, after) = rest.split_at_checked(start)?;
        in_query |= before.contains('?');
        let ends = |c: char| match (in_query, is_value) {
            (true, true) => c == '&',
            (true, false) => matches!(c, '&' | '='),
            (false, _) => matches!(c, '/' | '?'),
        };
        let (text, later) = after.split_at_checked(after.find(ends).unwrap_or(after.len()))?;
        let is_query_text = is_value && name.eq_ignore_ascii_case("q");
        if in_query && !is_value {
            name = decoded(text).unwrap_or_default();
        }
        rest = later;
        Some(Piece { before, text, is_query_text })
    })
}

/// Undoes percent-encoding, and `+`; nothing if that leaves no text.
fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:@!$'()*;+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    out
}

/// A value of a query, with nothing in it that ends one or means a space.
pub(super) fn encoded_text(text: &str) -> String {
    encoded(text).replace('+', "%2B")
}

fn hex(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase()
}

fn with_words(text: &str, renamed: &Renamed) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, id) in words(text) {
        if let Some(other) = renamed.get(&id) {
            let like = text.get(at.clone()).unwrap_or_default();
            out.push_str(text.get(done..at.start).unwrap_or_default());
            out.push_str(&other.spelled_like(like));
            done = at.end;
        }
    }
    (done > 0).then(|| out + text.get(done..).unwrap_or_default())
}

/// Every string value of a JSON text, whether its member is called `url`, and where it stands with its quotes.
fn texts(body: &[u8]) -> Vec<(Cow<'_, str>, bool, Range<usize>)> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = 0;
    let mut is_url = false;
    while let Some(byte) = body.get(at) {
        if *byte != b'"' {
            // A value that is no string ends what its name said; so does the end of what it is in.
            is_url &= !matches!(byte, b',' | b'}' | b']' | b'{' | b'[');
            at += 1;
            continue;
        }
        let Some(end) = span::skip_text(body, at) else { return found };
        let Some(text) = span::unescaped(body, &(at..end)) else { return found };
        let after = body.get(end..).unwrap_or_default();
        let is_name = after.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        if is_name {
            is_url = text.eq_ignore_ascii_case("url");
        } else {
            found.push((Cow::Owned(text), is_url, at..end));
            is_url = false;
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_behind_sobjects_is_that_of_the_ids_behind_it() {
        let check = |target: &str, object: Option<&str>, ids: usize| {
            assert_eq!(object_named(target).as_deref(), object, "{target}");
            assert_eq!(objects_named(target).len(), ids, "{target}");
        };
        let data = "/services/data/v67.0";
        check(&format!("{data}/sobjects/Exam__c/a0X000000000001AAA?fields=Id"), Some("Exam__c"), 1);
        check(&format!("{data}/SObjects//Exam__c/a0X%30 00000000001AAA"), Some("Exam__c"), 0);
        check(&format!("{data}/SObjects//Exam__c/a0X%3000000000001AAA"), Some("Exam__c"), 1);
        check(&format!("{data}/sobjects/Exam__c/Ext__c/MRN000000000001"), Some("Exam__c"), 0);
        check(
            &format!("{data}/composite/sobjects/Exam__c?ids=a0X000000000001AAA,a0X000000000002AAA"),
            Some("Exam__c"),
            2,
        );
        check(&format!("{data}/composite/sobjects?ids=a0X000000000001AAA"), None, 0);
        check(&format!("{data}/sobjects/@{{a}}/a0X000000000001AAA"), None, 0);
    }

    const A: &str = "003000000000001AAA";
    const B: &str = "003000000000002AAA";

    fn renamed() -> Renamed {
        let id = RecordId::parse(A).unwrap();
        [(id, id.absent(0))].into()
    }

    fn check(target: &str, want: &str) {
        assert_eq!(renamed_target(target, &renamed()), want);
        let names = named_in_target(target).contains(&RecordId::parse(A).unwrap());
        assert_eq!(names, target != want, "{target}");
    }

    #[test]
    fn ids_in_a_target_are_renamed_however_they_are_spelled() {
        check(
            "/services/data/v67.0/sobjects/Contact/003000000000001AAA",
            "/services/data/v67.0/sobjects/Contact/003zzz000000000AAA",
        );
        check("/x/003000000000001?fields=Id", "/x/003zzz000000000?fields=Id");
        check(
            "//x//%30%3003000000000001aaa/".replace("%30%3003", "%30%303").as_str(),
            "//x//003zzz000000000AAA/",
        );
        check(
            "/x?ids=003000000000002AAA,003000000000001AAA&allOrNone=true",
            "/x?ids=003000000000002AAA,003zzz000000000AAA&allOrNone=true",
        );
        check(
            "/x?ids=003000000000002AAA%2C003000000000001AAA",
            "/x?ids=003000000000002AAA,003zzz000000000AAA",
        );
        check(
            "/query?q=SELECT+Id+FROM+Contact+WHERE+Id='003000000000001AAA'",
            "/query?q=SELECT+Id+FROM+Contact+WHERE+Id='003000000000001AAA'",
        );
        check("/x/003000000000002AAA", "/x/003000000000002AAA");
        check("/x?a==b&&c", "/x?a==b&&c");
    }

    #[test]
    fn ids_in_bulk_rows_are_renamed_where_they_are_a_whole_cell() {
        let other = "003zzz000000000AAA";
        let check = |rows: &str, want: &str| {
            let named = named_in_rows(rows.as_bytes()).unwrap().contains(&RecordId::parse(A).unwrap());
            assert_eq!(named, rows != want, "{rows}");
            let after = renamed_rows(rows.as_bytes(), &renamed());
            assert_eq!(
                after.map_or_else(|| rows.to_owned(), |after| String::from_utf8(after).unwrap()),
                want
            );
        };
        check(&format!("Id,Name\n{A},x\r\n"), &format!("Id,Name\n{other},x\r\n"));
        check(&format!("Name|Id\nx|\"{A}\""), &format!("Name|Id\nx|\"{other}\""));
        check(&format!("<a><Id>{A}</Id></a>"), &format!("<a><Id>{other}</Id></a>"));
        let section = |id: &str| format!("<a><Id><![CDATA[{id}]]></Id></a>");
        check(&section(A), &section(other));
        check(&format!("Name\nsee/{A}\n"), &format!("Name\nsee/{A}\n"));
        check(&format!("Id\n{B}\n"), &format!("Id\n{B}\n"));
        for hidden in [
            "<Id>&#48;03000000000001</Id>",
            "<Id>&#x30;03000000000001</Id>",
            "<a>&#",
            "\u{feff} <a>&#65;</a>",
            "<a><Id>003000<!-- x -->000000001AAA</Id></a>",
            "<a><Id>003000<![CDATA[000000001AAA]]></Id></a>",
            "<a><Id>003000<?x y?>000000001AAA</Id></a>",
            "<!DOCTYPE a [<!ENTITY i '000000001AAA'>]><a><Id>003000&i;</Id></a>",
            "I\0d\0\n\0",
        ] {
            assert!(named_in_rows(hidden.as_bytes()).is_err(), "{hidden}");
        }
        assert!(named_in_rows("<a><b>&#10;&#233;</b></a>".as_bytes()).unwrap().is_empty());
        assert!(named_in_rows(&[0xff]).is_err());
        check(&format!("Id\n\u{1}{A}\n"), &format!("Id\n\u{1}{other}\n"));
        let back = reworded(format!("{other},no").as_bytes(), |id| {
            (id.short() == "003zzz000000000").then(|| RecordId::parse(A).unwrap())
        });
        assert_eq!(String::from_utf8(back.unwrap()).unwrap(), format!("{A},no"));
    }

    #[test]
    fn ids_in_a_body_are_renamed_and_nothing_else() {
        let body = format!(
            r#"{{"ids":["{A}","{B}"], "n":1.50,"url":"/services/data/v67.0/sobjects/Contact/{A}?x=1","Name":"see {A}","Esc":"\u0030{}"}}"#,
            A.split_at(1).1
        );
        let after = String::from_utf8(renamed_body(body.as_bytes(), &renamed()).unwrap()).unwrap();
        let other = "003zzz000000000AAA";
        let want = format!(
            r#"{{"ids":["{other}","{B}"], "n":1.50,"url":"/services/data/v67.0/sobjects/Contact/{other}?x=1","Name":"see {A}","Esc":"{other}"}}"#
        );
        assert_eq!(after, want);
        assert_eq!(named_in_body(body.as_bytes()).len(), 2);
        let spaced = format!(r#"{{"AccountId":"{A} ","ParentId":"\u0001{A}\u00a0"}}"#);
        let after = String::from_utf8(renamed_body(spaced.as_bytes(), &renamed()).unwrap()).unwrap();
        assert_eq!(after, format!(r#"{{"AccountId":"{other}","ParentId":"{other}"}}"#));
        assert_eq!(named_in_body(spaced.as_bytes()).len(), 1);
        assert_eq!(renamed_body(b"{", &renamed()), None);
        assert!(named_in_body(b"not json").is_empty());
        let back = renamed_back(b"no 003zzz000000000AAA here", &renamed(), &BTreeMap::new()).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), format!("no {A} here"));
    }
}
