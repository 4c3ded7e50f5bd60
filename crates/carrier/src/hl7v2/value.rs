//! A field's value in one spelling, whatever separators and escapes the message uses.

use std::borrow::Cow;

use super::separators::{CANONICAL, Separators};

/// The value with `^`, `&`, `~` and `\`, without empty parts at the end of anything.
///
/// An escape that stands for a separator or for printable ASCII becomes the character, escaped only where the canonical
/// separators want it; other known escapes stay, hex digits in upper case; an escape character that begins nothing
/// known is text.
///
/// Shape:  one field of a message -> the same value; of its own result the same again.
/// Bounds: at most three times the field; borrowed where nothing changes.
/// Source: spec/hl7v2.md section 3.
pub(super) fn canonical(field: Cow<'_, str>, separators: Separators) -> Cow<'_, str> {
    if separators == CANONICAL && is_canonical(field.as_bytes()) {
        return field;
    }
    let mut out = String::with_capacity(field.len() + 8);
    let mut repetitions = Trimmed::new('~');
    for repetition in field.split(char::from(separators.repetition)) {
        repetitions.before(&mut out);
        let mut components = Trimmed::new('^');
        for component in repetition.split(char::from(separators.component)) {
            components.before(&mut out);
            let mut parts = Trimmed::new('&');
            for part in component.split(char::from(separators.subcomponent)) {
                parts.before(&mut out);
                leaf(part, separators, &mut out);
                parts.after(&out);
            }
            parts.end(&mut out);
            components.after(&out);
        }
        components.end(&mut out);
        repetitions.after(&out);
    }
    repetitions.end(&mut out);
    Cow::Owned(out)
}

/// No escape, and no separator in front of the end or of a separator that binds less.
fn is_canonical(field: &[u8]) -> bool {
    let rank = |byte: &u8| match byte {
        b'&' => 1,
        b'^' => 2,
        b'~' => 3,
        _ => 0,
    };
    let mut before = 0;
    for byte in field {
        let now = rank(byte);
        if *byte == b'\\' || (before > 0 && now > before) {
            return false;
        }
        before = now;
    }
    before == 0
}

/// Writes a separator between items, and takes back those after which nothing came.
struct Trimmed {
    separator: char,
    is_first: bool,
    // Where the last item that holds something ends.
    kept: Option<usize>,
    start: usize,
    item: usize,
}

impl Trimmed {
    fn new(separator: char) -> Self {
        Self { separator, is_first: true, kept: None, start: 0, item: 0 }
    }

    fn before(&mut self, out: &mut String) {
        if self.is_first {
            self.start = out.len();
            self.is_first = false;
        } else {
            out.push(self.separator);
        }
        self.item = out.len();
    }

    fn after(&mut self, out: &str) {
        if out.len() > self.item {
            self.kept = Some(out.len());
        }
    }

    fn end(&self, out: &mut String) {
        out.truncate(self.kept.unwrap_or(self.start));
    }
}

/// One part without separators.
fn leaf(part: &str, separators: Separators, out: &mut String) {
    let escape = char::from(separators.escape);
    let mut rest = part;
    while let Some((before, after)) = rest.split_once(escape) {
        before.chars().for_each(|text| push(text, out));
        rest = after;
        match after.split_once(escape) {
            Some((sequence, next)) if known(sequence, separators, out) => rest = next,
            _ => push(escape, out),
        }
    }
    rest.chars().for_each(|text| push(text, out));
}

/// Writes what an escape sequence stands for; false if it is none.
fn known(sequence: &str, separators: Separators, out: &mut String) -> bool {
    let stands_for = match sequence {
        "F" => Some(separators.field),
        "S" => Some(separators.component),
        "T" => Some(separators.subcomponent),
        "R" => Some(separators.repetition),
        "E" => Some(separators.escape),
        _ => None,
    };
    if let Some(byte) = stands_for {
        push(char::from(byte), out);
        return true;
    }
    let bytes = sequence.as_bytes();
    let is_hex = |digits: &[u8]| {
        !digits.is_empty() && digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit)
    };
    let is_known = match bytes {
        [b'H' | b'N' | b'P'] => true,
        [b'X', digits @ ..] if is_hex(digits) => {
            if let Some(text) = printable(digits) {
                for byte in text {
                    push(char::from(byte), out);
                }
                return true;
            }
            true
        }
        [b'C' | b'M', digits @ ..] => is_hex(digits),
        [b'Z', name @ ..] => name.iter().all(u8::is_ascii_alphanumeric),
        [b'.', one, two, count @ ..] => {
            one.is_ascii_lowercase()
                && two.is_ascii_lowercase()
                && count.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-'))
        }
        _ => false,
    };
    if is_known {
        out.push('\\');
        match bytes {
            [b'X' | b'C' | b'M', ..] => out.push_str(&sequence.to_ascii_uppercase()),
            _ => out.push_str(sequence),
        }
        out.push('\\');
    }
    is_known
}

/// The characters that hex digits mean, if all of them are printable ASCII.
fn printable(digits: &[u8]) -> Option<Vec<u8>> {
    let bytes = data_encoding::HEXUPPER_PERMISSIVE.decode(digits).ok()?;
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some(bytes)
}

/// One character of text, escaped where it would cut a canonical value.
fn push(text: char, out: &mut String) {
    match text {
        '|' => out.push_str(r"\F\"),
        '^' => out.push_str(r"\S\"),
        '&' => out.push_str(r"\T\"),
        '~' => out.push_str(r"\R\"),
        '\\' => out.push_str(r"\E\"),
        _ => out.push(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OTHER: Separators =
        Separators { field: b'#', component: b'*', repetition: b'+', escape: b'!', subcomponent: b'%' };

    fn of(field: &str, separators: Separators) -> String {
        canonical(Cow::Borrowed(field), separators).into_owned()
    }

    #[test]
    fn one_value_has_one_spelling() {
        for (field, want) in [
            ("Bell^Ada", "Bell^Ada"),
            ("Bell^Ada^^^", "Bell^Ada"),
            ("a&&^b&~~", "a^b"),
            ("^^~&", ""),
            ("^b", "^b"),
            ("a~~b", "a~~b"),
            ("\"\"", "\"\""),
            (r"x\F\y\S\\T\\R\\E\", r"x\F\y\S\\T\\R\\E\"),
            (r"\X41\\X7c\", r"A\F\"),
            (r"\X0d0a\", r"\X0D0A\"),
            (r"\Xe9\ \X4\", r"\XE9\ \E\X4\E\"),
            (r"\H\bold\N\ \.br\ \.sp+3\ \Zab1\", r"\H\bold\N\ \.br\ \.sp+3\ \Zab1\"),
            (r"a\b", r"a\E\b"),
            (r"C:\users\ada", r"C:\E\users\E\ada"),
            (r"a\F^b\", r"a\E\F^b\E\"),
            (r"\\", r"\E\\E\"),
        ] {
            assert_eq!(of(field, CANONICAL), want, "{field}");
        }
        for (field, want) in [
            ("Bell*Ada+Ode", "Bell^Ada~Ode"),
            ("a^b|c~d&e\\", r"a\S\b\F\c\R\d\T\e\E\"),
            ("!F!!S!!T!!R!!E!", "#*%+!"),
            ("a%%*b!.br!", r"a^b\.br\"),
        ] {
            assert_eq!(of(field, OTHER), want, "{field}");
        }
        assert!(matches!(canonical(Cow::Borrowed("Bell^Ada&x~Ode"), CANONICAL), Cow::Borrowed(_)));
    }

    /// The value as a message with other separators would have it.
    fn translated(value: &str) -> String {
        value
            .chars()
            .map(|text| match text {
                '^' => '*',
                '~' => '+',
                '&' => '%',
                '\\' => '!',
                _ => text,
            })
            .collect()
    }

    proptest! {
        #[test]
        fn a_canonical_value_stays_and_separators_do_not_matter(field in r"[ab^~&\\FSX4\.é]{0,16}") {
            let once = of(&field, CANONICAL);
            prop_assert_eq!(&of(&once, CANONICAL), &once);
            prop_assert!(!once.ends_with(['^', '&', '~']));
            prop_assert_eq!(is_canonical(field.as_bytes()) && once != field, false);
            // Escapes for the separators themselves mean other characters there; here none of them is in play.
            if !field.contains('\\') {
                prop_assert_eq!(of(&translated(&field), OTHER), once);
            }
        }
    }
}
