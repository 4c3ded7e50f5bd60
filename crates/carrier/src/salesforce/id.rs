//! Record ids: the forms of one id are one, and an id that no record has can be made.

use std::fmt;

/// A record's id in its 15 character form, whose letters have their case.
///
/// Debug shows the key prefix only: an id is a way to a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId([u8; 15]);

impl RecordId {
    /// Reads 15 letters and digits, or 18 whose last three restore the case of the others.
    ///
    /// Shape:  as Salesforce reads them: the 18 character form in any case.
    /// Source: Salesforce, "Object Reference", ID field type.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric())
            || !text.bytes().any(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let (body, suffix) = text.split_at_checked(15)?;
        let mut bytes: [u8; 15] = body.as_bytes().try_into().ok()?;
        if suffix.is_empty() {
            return Some(Self(bytes));
        }
        if suffix.len() != 3 {
            return None;
        }
        for (chunk, word) in bytes.chunks_mut(5).zip(suffix.bytes()) {
            let bits = SUFFIX.iter().position(|known| *known == word.to_ascii_uppercase())?;
            for (at, byte) in chunk.iter_mut().enumerate() {
                let is_capital = bits >> at & 1 == 1;
                if is_capital && !byte.is_ascii_alphabetic() {
                    return None;
                }
                *byte = if is_capital { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
            }
        }
        Some(Self(bytes))
    }

    /// The `at`th id of the same object that no record has: its server part is one that no org was given.
    ///
    /// Shape:  a thousand and more of them differ; what is asked for by it is answered as what was never there.
    #[must_use]
    pub fn absent(self, at: usize) -> Self {
        let mut bytes = *b"000zzz000000000";
        bytes.iter_mut().zip(self.0).take(3).for_each(|(to, from)| *to = from);
        let mut rest = at;
        for digit in bytes.iter_mut().rev().take(9) {
            *digit = DIGITS.get(rest % 36).copied().unwrap_or(b'0');
            rest /= 36;
        }
        Self(bytes)
    }

    /// The first three characters: which object it is of.
    pub fn prefix(&self) -> &str {
        self.short().get(..3).unwrap_or_default()
    }

    /// The form with 15 characters.
    pub fn short(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The form with 18 characters.
    pub fn long(&self) -> String {
        let mut text = self.short().to_owned();
        for chunk in self.0.chunks(5) {
            let bits = chunk
                .iter()
                .enumerate()
                .fold(0_usize, |bits, (at, byte)| bits | usize::from(byte.is_ascii_uppercase()) << at);
            text.push(char::from(SUFFIX.get(bits).copied().unwrap_or(b'A')));
        }
        text
    }

    /// The form that `like` has.
    pub fn spelled_like(&self, like: &str) -> String {
        if like.len() == 15 { self.short().to_owned() } else { self.long() }
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({}…)", self.prefix())
    }
}

/// Base 36: none of them is a capital.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Every word of a text that has an id's form, where it stands. Words are runs of ASCII letters, digits and `_`.
pub(super) fn words(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, RecordId)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        while at < bytes.len() {
            let rest = bytes.get(at..)?;
            let start = at + rest.iter().position(is_word)?;
            let run = bytes.get(start..)?;
            let end = start + run.iter().position(|byte| !is_word(byte)).unwrap_or(run.len());
            at = end;
            if let Some(id) = text.get(start..end).and_then(RecordId::parse) {
                return Some((start..end, id));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, want: Option<&str>) {
        assert_eq!(RecordId::parse(text).map(|id| id.long()).as_deref(), want, "{text}");
    }

    #[test]
    fn every_form_of_an_id_is_one_id() {
        check("001000000000001", Some("001000000000001AAA"));
        check("00D000000000001EAA", Some("00D000000000001EAA"));
        check("00d000000000001eaa", Some("00D000000000001EAA"));
        check("0015f00002EyAbC", Some("0015f00002EyAbCAAV"));
        check("00D000000000001AAA", Some("00d000000000001AAA"));
        check("001000000000001B", None);
        check("001000000000001BAA", None);
        check("00100000000000-", None);
        check("FirstNameOfBoth", None);
        check("", None);
        check("001000000000001éé", None);
    }

    #[test]
    fn absent_ids_are_of_the_same_object_and_differ() {
        let id = RecordId::parse("00Q5f00002EyAbC").unwrap();
        assert_eq!(id.absent(0).long(), "00Qzzz000000000EAA");
        assert_eq!(id.absent(37).short(), "00Qzzz000000011");
        assert_eq!(format!("{id:?}"), "RecordId(00Q…)");
    }

    #[test]
    fn ids_are_found_in_texts() {
        let text = "see 003000000000001AAA, 003000000000002; x_003000000000003 /003000000000004AAA?";
        let found: Vec<&str> = words(text).filter_map(|(at, _)| text.get(at)).collect();
        assert_eq!(found, ["003000000000001AAA", "003000000000002", "003000000000004AAA"]);
    }

    proptest! {
        #[test]
        fn the_long_form_reads_back(body in "[0-9][0-9A-Za-z]{14}", text in "\\PC{0,30}") {
            let id = RecordId::parse(&body).unwrap();
            prop_assert_eq!(id.short(), body.as_str());
            prop_assert_eq!(RecordId::parse(&id.long()), Some(id));
            prop_assert_eq!(RecordId::parse(&id.long().to_lowercase()), Some(id));
            words(&text).for_each(drop);
        }
    }
}
