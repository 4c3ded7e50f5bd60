//! Passwords: which are taken, how they are kept, and how one is checked.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::{Name, cipher, commonest};

/// Characters of a password at least and at most.
const CHARACTERS: std::ops::RangeInclusive<usize> = 12..=128;
/// Bytes of the salt and of the hash.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// A password, as it was typed; overwritten when it is no longer needed.
pub struct Password(Zeroizing<String>);

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {} characters; a few words do well", CHARACTERS.start())]
    Short,
    /// Too long.
    #[error("a password has at most {} characters", CHARACTERS.end())]
    Long,
    /// One of those that are tried first.
    #[error("that password is among the first that are tried: take words that nobody would guess together")]
    Common,
    /// The hash could not be made.
    #[error("there is too little memory to hash a password; try again")]
    Memory,
}

impl Password {
    /// What somebody typed to sign in; no rule applies, so that an old password still fits.
    ///
    /// Bounds: what is longer than any password is cut, and then fits none.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.nfkc().take(CHARACTERS.end() + 1).collect()))
    }

    /// A new password of an operator.
    ///
    /// Shape:  12 to 128 characters of any kind, after NFKC; no rule about kinds.
    /// Errors: see [`PasswordError`].
    /// Source: NIST SP 800-63B section 3.1.1.2, OWASP ASVS 5.0 section 6.2.
    pub fn new(text: &str, operator: &Name) -> Result<Self, PasswordError> {
        let password = Self::typed(text);
        let count = password.0.chars().count();
        if count < *CHARACTERS.start() {
            return Err(PasswordError::Short);
        }
        if count > *CHARACTERS.end() {
            return Err(PasswordError::Long);
        }
        if commonest::is_common(&password.0, operator.as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(password)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Password(…)")
    }
}

/// What a guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// 19 MiB, two passes, one lane.
    ///
    /// Source: OWASP Password Storage Cheat Sheet, Argon2id.
    pub const OWASP: Self = Self { memory_kib: 19 * 1024, passes: 2, lanes: 1 };
    #[cfg(test)]
    pub(crate) const CHEAP: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };
}

/// What is kept of a password: an Argon2id hash with its salt and its cost.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    argon2id: String,
    salt: String,
    #[serde(flatten)]
    cost: Cost,
}

impl PasswordHash {
    /// Hashes a password.
    ///
    /// Errors: [`PasswordError::Memory`].
    pub fn new(password: &Password, salt: &[u8; SALT_BYTES], cost: Cost) -> Result<Self, PasswordError> {
        let hash = hashed(password, salt, cost).ok_or(PasswordError::Memory)?;
        Ok(Self { argon2id: BASE64.encode(&*hash), salt: BASE64.encode(salt), cost })
    }

    /// Whether this is the password. A hash that cannot be read fits none.
    pub fn fits(&self, password: &Password) -> bool {
        let Ok(salt) = BASE64.decode(self.salt.as_bytes()) else { return false };
        let Ok(expected) = BASE64.decode(self.argon2id.as_bytes()) else { return false };
        hashed(password, &salt, self.cost).is_some_and(|hash| cipher::same(&*hash, &expected))
    }

    /// Takes as long as [`PasswordHash::fits`] does, and never fits: for a name that nobody has.
    pub fn pretend(password: &Password, cost: Cost) {
        let hash = hashed(password, &[0; SALT_BYTES], cost);
        // The answer is thrown away; the work is not.
        std::hint::black_box(hash.is_some_and(|hash| cipher::same(&*hash, &[0; HASH_BYTES])));
    }
}

fn hashed(password: &Password, salt: &[u8], cost: Cost) -> Option<Zeroizing<[u8; HASH_BYTES]>> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES)).ok()?;
    let mut hash = Zeroizing::new([0; HASH_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.0.as_bytes(), salt, &mut *hash).ok()?;
    Some(hash)
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        "grace.hopper".parse().unwrap()
    }

    #[test]
    fn a_password_is_long_and_not_among_the_first_that_are_tried() {
        for (text, expected) in [
            ("short", Some(PasswordError::Short)),
            ("elevenchars", Some(PasswordError::Short)),
            ("Password1234", Some(PasswordError::Common)),
            ("P@ssw0rd!!!!!", Some(PasswordError::Common)),
            ("123456789012", Some(PasswordError::Common)),
            ("ABCDEFGHIJKLM", Some(PasswordError::Common)),
            ("aaaaaaaaaaaaa", Some(PasswordError::Common)),
            ("abcabcabcabc", Some(PasswordError::Common)),
            ("1qaz2wsx3edc", Some(PasswordError::Common)),
            ("Grace.Hopper", Some(PasswordError::Common)),
            ("grace.hopper2026!", Some(PasswordError::Common)),
            ("violet kettle ninety", None),
            ("ничего общего тут", None),
            ("            ", Some(PasswordError::Common)),
        ] {
            assert_eq!(Password::new(text, &name()).err(), expected, "{text}");
        }
        let long = "violet kettle ".repeat(10);
        assert_eq!(Password::new(&long, &name()).err(), Some(PasswordError::Long));
        let longest: String = long.chars().take(128).collect();
        assert!(Password::new(&longest, &name()).is_ok());
    }

    #[test]
    fn a_hash_fits_its_password_alone_in_either_spelling() {
        let hash =
            PasswordHash::new(&Password::typed("caf\u{e9} au lait, deux"), &[1; 16], Cost::CHEAP).unwrap();
        assert!(hash.fits(&Password::typed("cafe\u{301} au lait, deux")), "the other spelling of é");
        assert!(!hash.fits(&Password::typed("cafe au lait, deux")));
        let other =
            PasswordHash::new(&Password::typed("caf\u{e9} au lait, deux"), &[2; 16], Cost::CHEAP).unwrap();
        assert_ne!(hash, other, "the salt counts");
        let stored = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<PasswordHash>(&stored).unwrap(), hash);
        assert!(!stored.contains("lait"));
    }

    #[test]
    fn a_long_guess_does_not_fit_what_it_begins_with() {
        let longest = "x".repeat(64) + &"y".repeat(64);
        let hash = PasswordHash::new(&Password::typed(&longest), &[1; 16], Cost::CHEAP).unwrap();
        assert!(hash.fits(&Password::typed(&longest)));
        assert!(!hash.fits(&Password::typed(&(longest + "z"))));
    }

    #[test]
    fn the_hash_is_argon2id_as_the_standard_has_it() {
        // RFC 9106 gives vectors with a key and associated data; this one is of the reference program:
        // argon2 somesalt16bytes! -id -t 2 -k 19456 -p 1 -l 32 over `password`, made with argon2-cffi.
        let hash = PasswordHash::new(&Password::typed("password"), b"somesalt16bytes!", Cost::OWASP).unwrap();
        assert_eq!(hash.argon2id, "tPXA8KRaMxUDqoVFOkz5qceiysamiMSLxBrcC5sAtmo=");
    }

    #[test]
    fn nothing_of_a_password_is_printed() {
        let hash =
            PasswordHash::new(&Password::typed("violet kettle ninety"), &[1; 16], Cost::CHEAP).unwrap();
        assert_eq!(format!("{:?} {hash:?}", Password::typed("violet kettle")), "Password(…) PasswordHash(…)");
    }
}
