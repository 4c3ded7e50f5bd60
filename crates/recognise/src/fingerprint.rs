//! Keyed fingerprints of a person's normalised values: what the registry holds instead of the values.

use std::fmt;

use data_encoding::HEXLOWER;
use mark::{
    MarkId,
    digest::{Key, sha256},
};

use crate::{normalise, person::Person};

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
        Self(head(&mark.0))
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
        Some(Self { key: Key::new(bytes)?, id: KeyId(head(digest.as_bytes())) })
    }

    /// The key's public name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The fingerprint of a text that is already normalised.
    fn fingerprint(&self, text: &str) -> Fingerprint {
        Fingerprint(head(self.key.hmac(&[text.as_bytes()]).as_bytes()))
    }
}

/// Least length of a [`RegistryKey`], in bytes.
pub const REGISTRY_KEY_BYTES_MIN: usize = 32;

/// The first bytes of longer ones.
fn head<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut head = [0; N];
    head.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    head
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
/// The same values give the same fingerprints in any record, format and spelling that `spec/identity.md` names.
///
/// Shape:  in the order of [`FingerprintKind::ALL`], none twice; empty for a person who has nothing but a name.
/// Bounds: at most [`FINGERPRINTS_MAX`], eight of a kind; time is linear in the values, of which none over 400 bytes is
///         looked at.
/// Source: spec/identity.md.
pub fn fingerprints(person: &Person<'_>, key: &RegistryKey) -> Vec<(FingerprintKind, Fingerprint)> {
    let mut found: Vec<(FingerprintKind, Fingerprint)> = Vec::with_capacity(8);
    normalise::texts(person, |kind, text| {
        let one = (kind, key.fingerprint(text));
        if !found.contains(&one) {
            found.push(one);
        }
    });
    found
}

/// Most fingerprints of one person.
pub const FINGERPRINTS_MAX: usize = normalise::PER_KIND_MAX * FingerprintKind::ALL.len();

#[cfg(test)]
mod tests;
