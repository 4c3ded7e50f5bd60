//! What an operator is called: short, plain, and in one spelling.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Characters of a name at most.
const CHARACTERS_MAX: usize = 64;

/// An operator's name: 2 to 64 of `a-z`, `0-9`, `.`, `_`, `-` and `@`, as an e-mail address or a login has them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 2 to 64 letters, digits or `.`, `_`, `-`, `@`, and begins with a letter or a digit")]
pub struct NameError;

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Letters become small ones: `Ada` and `ada` are one operator.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = text.trim().to_ascii_lowercase();
        let plain = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || ".-_@".contains(one);
        let begins = name.chars().next().is_some_and(|one| one.is_ascii_alphanumeric());
        let fits = (2..=CHARACTERS_MAX).contains(&name.len());
        if fits && begins && name.chars().all(plain) { Ok(Self(name)) } else { Err(NameError) }
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_plain_and_in_one_spelling() {
        for (text, expected) in [
            ("ada", Some("ada")),
            (" Ada ", Some("ada")),
            ("ada.l@example.org", Some("ada.l@example.org")),
            ("a", None),
            ("", None),
            ("-ada", None),
            ("ada lovelace", None),
            ("ada<b>", None),
            ("ädä", None),
        ] {
            let read = text.parse::<Name>().ok().map(String::from);
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        assert!("x".repeat(65).parse::<Name>().is_err());
    }
}
