//! RFC 8785: one value, one spelling.

use std::borrow::Cow;

use crate::json::{Json, Members};

/// Appends the canonical form of `value` to `out`.
///
/// Shape:  any [`Json`] -> UTF-8 without white space, members sorted by UTF-16 code units, ECMAScript numbers.
/// Bounds: output is at most six times the text in `value`; recursion is at most its depth.
/// Source: RFC 8785 section 3.2.
pub fn write(value: &Json<'_>, out: &mut Vec<u8>) {
    match value {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => write_number(*number, out),
        Json::Text(text) => write_text(text, out),
        Json::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Json::Object(members) => write_members(members, out),
    }
}

/// The canonical form of `value`, as bytes.
pub fn to_vec(value: &Json<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write(value, &mut out);
    out
}

fn write_members(members: &Members<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut is_first = true;
    in_order(members, |(name, value)| {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, out);
    });
    out.push(b'}');
}

type Member<'a> = (Cow<'a, str>, Json<'a>);

/// Hands out the members in the order of RFC 8785.
pub(crate) fn in_order<'m, 'a>(members: &'m [Member<'a>], mut each: impl FnMut(&'m Member<'a>)) {
    let by_name = |one: Option<&Member<'a>>, other: Option<&Member<'a>>| match (one, other) {
        (Some((one, _)), Some((other, _))) => utf16_order(one, other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    };
    // Most objects are small: their order is found without asking for memory.
    let mut few = [None; FEW];
    let mut many = Vec::new();
    let places: &mut [Option<&'m Member<'a>>] = if let Some(places) = few.get_mut(..members.len()) {
        for (place, member) in places.iter_mut().zip(members) {
            *place = Some(member);
        }
        places
    } else {
        many.extend(members.iter().map(Some));
        &mut many
    };
    places.sort_unstable_by(|one, other| by_name(*one, *other));
    places.iter().flatten().for_each(|member| each(member));
}

/// So many members are put in order on the stack.
const FEW: usize = 16;

/// Orders two names as RFC 8785 does: by UTF-16 code units, which for ASCII is byte order.
pub fn utf16_order(one: &str, other: &str) -> std::cmp::Ordering {
    // UTF-8 sorts alike but for one thing: what takes two UTF-16 units comes before U+E000 and up, not after.
    let rank = |byte: u8| match byte {
        0xEE..=0xEF => byte + 0x10,
        0xF0.. => byte - 0x02,
        _ => byte,
    };
    match one.bytes().zip(other.bytes()).find(|(one, other)| one != other) {
        Some((one, other)) => rank(one).cmp(&rank(other)),
        None => one.len().cmp(&other.len()),
    }
}

/// Appends a number in ECMAScript's shortest round-trip spelling; -0 becomes 0.
///
/// Bounds: at most 25 bytes. `number` is finite by INVARIANT on [`Json::Number`].
pub fn write_number(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(ryu_js::Buffer::new().format(number).as_bytes());
}

/// Appends a string literal with the fewest escapes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    // Without an early exit this is done many bytes at a time.
    let escapes = text.bytes().fold(0, |found, byte| {
        found | u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\')
    });
    if escapes == 0 {
        out.extend_from_slice(text.as_bytes());
    } else {
        for byte in text.bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                0x08 => out.extend_from_slice(b"\\b"),
                0x09 => out.extend_from_slice(b"\\t"),
                0x0A => out.extend_from_slice(b"\\n"),
                0x0C => out.extend_from_slice(b"\\f"),
                0x0D => out.extend_from_slice(b"\\r"),
                control if control < 0x20 => {
                    out.extend_from_slice(b"\\u00");
                    out.extend(HEX.get(usize::from(control >> 4)));
                    out.extend(HEX.get(usize::from(control & 15)));
                }
                other => out.push(other),
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::parse;

    fn check(input: &str, want: &str) {
        let value = parse(input.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(to_vec(&value)).unwrap(), want);
    }

    #[test]
    fn one_value_has_one_spelling() {
        check(r#"{ "b":2, "a":1 }"#, r#"{"a":1,"b":2}"#);
        check("[1.0, 1.10, -0, 1E21, 1e-7, 333333333.33333329]", "[1,1.1,0,1e+21,1e-7,333333333.3333333]");
        check(r#""\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/""#, "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
        // U+1F600 sorts before U+FB33 in UTF-16 and after it in UTF-8.
        check("{\"\u{fb33}\":1,\"\u{1f600}\":2}", "{\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn the_public_vectors_agree() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/rfc8785");
        let mut seen = 0;
        for entry in std::fs::read_dir(format!("{folder}/input")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let read = |kind: &str| {
                #[expect(clippy::disallowed_methods, reason = "fixtures are small and ours")]
                std::fs::read(format!("{folder}/{kind}/{name}")).unwrap()
            };
            let input = read("input");
            let value = parse(&input).unwrap();
            assert_eq!(to_vec(&value), read("output").trim_ascii_end(), "{name}");
            seen += 1;
        }
        assert!(seen >= 6, "only {seen} vectors");
    }

    proptest! {
        #[test]
        fn names_are_ordered_by_utf16_units(one in "[a\u{7f}é\u{d7ff}\u{e000}\u{fb33}\u{ffff}\u{10000}\u{1f600}\u{10ffff}]{0,4}",
            other in "[a\u{7f}é\u{d7ff}\u{e000}\u{fb33}\u{ffff}\u{10000}\u{1f600}\u{10ffff}]{0,4}") {
            prop_assert_eq!(utf16_order(&one, &other), one.encode_utf16().cmp(other.encode_utf16()));
        }

        #[test]
        fn canonical_form_is_a_fixed_point(text in "\\PC{0,40}", number in proptest::num::f64::NORMAL) {
            let value = Json::Object(vec![
                (Cow::Borrowed("z"), Json::Text(Cow::Borrowed(&text))),
                (Cow::Borrowed("a"), Json::Array(vec![Json::Number(number), Json::Null])),
            ]);
            let once = to_vec(&value);
            if let Ok(read) = parse(&once) {
                prop_assert_eq!(to_vec(&read), once);
            } else {
                prop_assert!(number.abs() > 9e15, "only large integers may be refused");
            }
        }
    }
}
