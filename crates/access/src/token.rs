//! API tokens: shown once, kept as a digest, good for a few things and for a time.

use std::{collections::BTreeSet, fmt};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Action, Name, cipher};

/// What a token begins with, so that scanners for leaked secrets find it.
const PREFIX: &str = "eosin_";
/// Characters of its name in lists: the beginning of its digest.
const ID_CHARACTERS: usize = 12;

/// A token as it is given out: `eosin_` and 256 random bits in base32.
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    /// A token of these random bytes.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(format!("{PREFIX}{}", BASE32_NOPAD.encode(random).to_ascii_lowercase())))
    }

    /// A token that somebody shows.
    ///
    /// Bounds: nothing longer than a token is one.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let plain = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit();
        (rest.len() == 52 && rest.bytes().all(plain)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The token itself, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The SHA-256 by which it is known.
    pub(crate) fn digest(&self) -> String {
        HEXLOWER.encode(&cipher::sha256(self.0.as_bytes()))
    }

    /// Its name in lists and in the ledger.
    pub fn id(&self) -> String {
        self.digest().chars().take(ID_CHARACTERS).collect()
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("TokenSecret(…)")
    }
}

/// What is kept of a token. It is its operator, for less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose it is.
    pub operator: Name,
    /// What it is for, in its owner's words.
    pub label: String,
    /// What it may do, if its operator may.
    pub scopes: BTreeSet<Action>,
    /// When it was made, in seconds since 1970.
    pub since: u64,
    /// From when on it is no longer good.
    pub until: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_scanners_and_by_its_digest() {
        let token = TokenSecret::new(&[7; 32]);
        assert!(token.reveal().starts_with("eosin_a4dqo"), "{}", token.reveal());
        assert_eq!(token.reveal().len(), 58);
        assert_eq!(TokenSecret::read(token.reveal()).unwrap().digest(), token.digest());
        assert_eq!(token.id().len(), 12);
        assert_eq!(format!("{token:?}"), "TokenSecret(…)");
        for bad in
            ["", "eosin_", "eosin_abc", &token.reveal().to_uppercase(), &format!("{}a", token.reveal())]
        {
            assert!(TokenSecret::read(bad).is_none(), "{bad}");
        }
    }
}
