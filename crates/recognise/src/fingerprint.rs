//! Keyed fingerprints of a person's normalised values: what the registry holds instead of the values.

use std::fmt;

use data_encoding::HEXLOWER;
use mark::{
    MarkId,
    digest::{Hash, Key, sha256},
};

use crate::person::Person;

/// What a fingerprint was made of. Fingerprints of different kinds are independent of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FingerprintKind {
    /// A whole name and a birth date.
    NameAndBirthDate,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An identifier in its system.
    Identifier,
    /// A street address with its postal code or city.
    Address,
}

impl FingerprintKind {
    /// Every kind, in the order of `spec/identity.md`.
    pub const ALL: [Self; 5] =
        [Self::NameAndBirthDate, Self::Email, Self::Phone, Self::Identifier, Self::Address];

    /// The word used in reports and in what is hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NameAndBirthDate => "name-and-birth-date",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Identifier => "identifier",
            Self::Address => "address",
        }
    }
}

impl fmt::Display for FingerprintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first 16 bytes of HMAC-SHA-256 over a kind and a normalised value. Ordered as bytes.
///
/// Source: spec/identity.md.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Which registered record a fingerprint came from: the first 8 bytes of its mark's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonTag(pub [u8; 8]);

impl PersonTag {
    /// The tag of the record with this mark.
    pub fn of(mark: MarkId) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = mark.0;
        Self([a, b, c, d, e, f, g, h])
    }
}

/// An organisation's secret, without which fingerprints say nothing.
#[derive(Clone, Debug)]
pub struct RegistryKey {
    key: Key,
    id: KeyId,
}

/// Which key made a table of fingerprints: 8 bytes that reveal nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl RegistryKey {
    /// The key with these bytes: 32 random ones; fewer is `None`.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < REGISTRY_KEY_BYTES_MIN {
            return None;
        }
        let digest = sha256(&[b"eosin registry key id\0", bytes]);
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        Some(Self { key: Key::new(bytes)?, id: KeyId([a, b, c, d, e, f, g, h]) })
    }

    /// The key's public name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The fingerprint of a value that is already normalised.
    pub(crate) fn fingerprint(&self, kind: FingerprintKind, normalised: &[&str]) -> Fingerprint {
        let mut text = kind.as_str().to_owned();
        for part in normalised {
            text.push('\0');
            text.push_str(part);
        }
        Fingerprint(first_half(&self.key.hmac(&[text.as_bytes()])))
    }
}

/// Least length of a [`RegistryKey`], in bytes.
pub const REGISTRY_KEY_BYTES_MIN: usize = 32;

fn first_half(hash: &Hash) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
    half
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The fingerprints of a person, each with what it was made of.
///
/// Shape:  none for a person who has nothing but a name; a kind can be there more than once.
/// Bounds: at most 40.
/// Source: spec/identity.md.
pub fn fingerprints(person: &Person<'_>, key: &RegistryKey) -> Vec<(FingerprintKind, Fingerprint)> {
    person
        .emails
        .iter()
        .map(|email| {
            let email = email.trim().to_lowercase();
            (FingerprintKind::Email, key.fingerprint(FingerprintKind::Email, &[&email]))
        })
        .collect()
}
