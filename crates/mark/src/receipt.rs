//! The mark itself: a receipt that one record is leaf *i* of batch *b* of dataset *d*, and its text form.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

use crate::{
    digest::Hash,
    manifest::DatasetId,
    merkle,
    subject::{Authorship, Subject},
};

/// A receipt: which leaf of which batch of which dataset, and the way from that leaf to the batch's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The dataset's id, which is a digest of its manifest.
    pub dataset: DatasetId,
    /// Zero-based batch within the dataset.
    pub batch: u32,
    /// Zero-based leaf within the batch, under 4,096.
    pub index: u16,
    /// Whom the record is about.
    pub subject: Subject,
    /// Who made it.
    pub authorship: Authorship,
    /// The record's own salt; without one the dataset's applies. Attested records always have one.
    pub salt: Option<Salt>,
    /// Digest of the covered content at sealing.
    pub content: Hash,
    /// Digest of the identifying content at sealing.
    pub identity: Hash,
    /// The marks this record was derived from, at most [`PARENTS_MAX`].
    pub parents: Vec<MarkId>,
    /// Sibling hashes from the leaf up, at most [`PATH_MAX`].
    pub path: Vec<Hash>,
}

/// Most parents one mark names; a merge of more names the first of them.
pub const PARENTS_MAX: usize = 8;
/// Most sibling hashes: a batch holds at most 2^12 records.
pub const PATH_MAX: usize = 12;
/// Longest text form, in bytes: under a kilobyte, so that any long text field takes it.
pub const TEXT_MAX: usize = 1024;

const PREFIX: &str = "eosin1.";

/// Sixteen bytes mixed into a digest so that nobody can guess values from it.
///
/// Debug hides it: whoever destroys it has erased what the digests could prove.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// The short name of a mark: the first 16 bytes of its leaf hash, in lower-case base32 (26 characters).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkId(pub [u8; 16]);

impl Mark {
    /// The bytes whose RFC 9162 leaf hash stands in the batch's tree.
    ///
    /// Shape:  RFC 8785 object of authorship, batch, content, dataset, identity, index, parents and subject.
    /// Source: spec/mark.md section 4.
    pub fn leaf(&self) -> Vec<u8> {
        // Put together by hand: a leaf is made for every record that is sealed or judged.
        let mut leaf = String::with_capacity(320);
        leaf.push_str("{\"authorship\":\"");
        leaf.push_str(self.authorship.as_str());
        leaf.push_str("\",\"batch\":");
        leaf.push_str(&self.batch.to_string());
        leaf.push_str(",\"content\":\"");
        BASE64URL_NOPAD.encode_append(self.content.as_bytes(), &mut leaf);
        leaf.push_str("\",\"dataset\":\"");
        leaf.push_str(&self.dataset.to_string());
        leaf.push_str("\",\"identity\":\"");
        BASE64URL_NOPAD.encode_append(self.identity.as_bytes(), &mut leaf);
        leaf.push_str("\",\"index\":");
        leaf.push_str(&self.index.to_string());
        leaf.push_str(",\"parents\":[");
        for (position, parent) in self.parents.iter().enumerate() {
            leaf.push_str(if position == 0 { "\"" } else { ",\"" });
            leaf.push_str(&parent.to_string());
            leaf.push('"');
        }
        leaf.push_str("],\"subject\":\"");
        leaf.push_str(self.subject.as_str());
        leaf.push_str("\"}");
        leaf.into_bytes()
    }

    /// The mark's short name.
    pub fn id(&self) -> MarkId {
        MarkId::of_leaf(&merkle::leaf_hash(&self.leaf()))
    }

    /// The text form: `eosin1.` and base64url without padding, at most [`TEXT_MAX`] bytes.
    ///
    /// It survives a long text field, a CSV cell and a JSON string: letters, digits, `-`, `_` and one dot.
    /// Source: spec/mark.md section 5.
    pub fn to_text(&self) -> String {
        let mut bytes = Vec::with_capacity(620);
        bytes.push(VERSION);
        bytes.push(self.subject.code() | self.authorship.code() << 2 | u8::from(self.salt.is_some()) << 5);
        bytes.extend_from_slice(&self.dataset.0);
        bytes.extend_from_slice(&self.batch.to_be_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
        if let Some(Salt(salt)) = &self.salt {
            bytes.extend_from_slice(salt);
        }
        bytes.extend_from_slice(self.content.as_bytes());
        bytes.extend_from_slice(self.identity.as_bytes());
        bytes.push(u8::try_from(self.parents.len()).unwrap_or(u8::MAX));
        self.parents.iter().for_each(|MarkId(id)| bytes.extend_from_slice(id));
        bytes.push(u8::try_from(self.path.len()).unwrap_or(u8::MAX));
        self.path.iter().for_each(|hash| bytes.extend_from_slice(hash.as_bytes()));
        let mut text = String::with_capacity(PREFIX.len() + bytes.len() * 4 / 3 + 3);
        text.push_str(PREFIX);
        BASE64URL_NOPAD.encode_append(&bytes, &mut text);
        text
    }
}

const VERSION: u8 = 1;

impl FromStr for Mark {
    type Err = MarkError;

    /// Reads the text form; surrounding white space is ignored, anything else out of place is an error.
    fn from_str(text: &str) -> Result<Self, MarkError> {
        let text = text.trim();
        if text.len() > TEXT_MAX {
            return Err(MarkError::TooLong);
        }
        let body = text.strip_prefix(PREFIX).ok_or(MarkError::NotAMark)?;
        let bytes = BASE64URL_NOPAD.decode(body.as_bytes()).map_err(|_| MarkError::Damaged)?;
        let mut rest = bytes.as_slice();
        let [version, flags] = take::<2>(&mut rest)?;
        if version != VERSION {
            return Err(MarkError::Version { version });
        }
        let dataset = DatasetId(take(&mut rest)?);
        let batch = u32::from_be_bytes(take(&mut rest)?);
        let index = u16::from_be_bytes(take(&mut rest)?);
        let salt = if flags & 0b10_0000 == 0 { None } else { Some(Salt(take(&mut rest)?)) };
        let content = Hash::from_bytes(take(&mut rest)?);
        let identity = Hash::from_bytes(take(&mut rest)?);
        let [parent_count] = take(&mut rest)?;
        let parents =
            (0..parent_count).map(|_| take(&mut rest).map(MarkId)).collect::<Result<Vec<_>, _>>()?;
        let [path_count] = take(&mut rest)?;
        let path =
            (0..path_count).map(|_| take(&mut rest).map(Hash::from_bytes)).collect::<Result<Vec<_>, _>>()?;
        let subject = Subject::from_code(flags & 0b11).ok_or(MarkError::Damaged)?;
        let authorship = Authorship::from_code(flags >> 2 & 0b111).ok_or(MarkError::Damaged)?;
        let within = parents.len() <= PARENTS_MAX && path.len() <= PATH_MAX && flags & 0b1100_0000 == 0;
        if !rest.is_empty() || !within {
            return Err(MarkError::Damaged);
        }
        Ok(Self { dataset, batch, index, subject, authorship, salt, content, identity, parents, path })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], MarkError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(MarkError::Damaged)?;
    *rest = tail;
    Ok(*head)
}

/// Why a text is not a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkError {
    /// It does not begin as a mark does.
    #[error("does not begin with `eosin1.`")]
    NotAMark,
    /// It is longer than any mark.
    #[error("is longer than {TEXT_MAX} bytes")]
    TooLong,
    /// It begins as a mark does, and what follows was cut or changed.
    #[error("is damaged: cut short or altered on its way")]
    Damaged,
    /// A later release made it.
    #[error("has version {version}, which this release does not know")]
    Version {
        /// The version it names.
        version: u8,
    },
}

impl MarkId {
    /// The id of the mark whose leaf hash this is.
    pub fn of_leaf(hash: &Hash) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(hash.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for MarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for MarkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MarkId {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let bytes =
            BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).map_err(|_| MarkError::Damaged)?;
        bytes.try_into().map(Self).map_err(|_| MarkError::Damaged)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn largest() -> Mark {
        Mark {
            dataset: DatasetId([1; 16]),
            batch: u32::MAX,
            index: 4095,
            subject: Subject::Attested,
            authorship: Authorship::AiReviewed,
            salt: Some(Salt([2; 16])),
            content: Hash::from_bytes([3; 32]),
            identity: Hash::from_bytes([4; 32]),
            parents: vec![MarkId([5; 16]); PARENTS_MAX],
            path: vec![Hash::from_bytes([6; 32]); PATH_MAX],
        }
    }

    #[test]
    fn the_largest_mark_fits_in_a_kilobyte_and_reads_back() {
        let mark = largest();
        let text = mark.to_text();
        assert!(text.len() <= TEXT_MAX, "{}", text.len());
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
        assert_eq!(text.parse(), Ok(mark.clone()));
        assert_eq!(format!("  {text}\r\n").parse(), Ok(mark));
    }

    #[test]
    fn the_leaf_is_canonical_json() {
        let leaf = largest().leaf();
        let value = crate::json::parse(&leaf).unwrap();
        assert_eq!(crate::canonical::to_vec(&value), leaf);
    }

    #[test]
    fn what_is_not_a_mark_says_why() {
        let text = largest().to_text();
        let check = |text: &str, want| assert_eq!(text.parse::<Mark>(), Err(want), "{text}");
        check("", MarkError::NotAMark);
        check("synthetic", MarkError::NotAMark);
        check("eosin1.", MarkError::Damaged);
        check(text.get(..255).unwrap(), MarkError::Damaged);
        check(&format!("{text}AAAA"), MarkError::Damaged);
        check(&text.replace("eosin1.AS", "eosin1.Ai"), MarkError::Version { version: 2 });
        check(&format!("eosin1.{}", "A".repeat(1100)), MarkError::TooLong);
    }

    proptest! {
        #[test]
        fn any_text_is_a_mark_or_an_error(text in "(eosin1\\.)?[A-Za-z0-9_-]{0,300}") {
            if let Ok(mark) = text.parse::<Mark>() {
                prop_assert_eq!(mark.to_text(), text);
            }
        }
    }
}
