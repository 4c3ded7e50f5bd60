//! The dataset's manifest: what made its records, for what, under which field lists. Its digest is its name.

use std::{collections::BTreeMap, fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical,
    digest::{Hash, sha256},
    field::FieldList,
    json,
    receipt::Salt,
    record::Form,
    subject::{Authorship, Subject},
};

/// What one generation run, attestation or derivation says of itself.
///
/// Shape:  JSON with camel-case names; unknown members are refused, absent optional ones are left out.
/// Bounds: [`MANIFEST_BYTES_MAX`].
/// Source: spec/mark.md section 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// A name for people, such as `spring demo patients`.
    pub name: String,
    /// What the records come from.
    pub source: Source,
    /// Whom the records are about, unless their parents say otherwise.
    #[serde(with = "word")]
    pub subject: Subject,
    /// Who made the content.
    #[serde(with = "word")]
    pub authorship: Authorship,
    /// How it was made.
    pub method: Method,
    /// What it may be used for, such as `staging-testing`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<String>,
    /// Where it may be kept, as ISO 3166 codes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jurisdictions: Vec<String>,
    /// RFC 3339 moment of generation, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<String>,
    /// Last calendar date of its retention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<String>,
    /// Who ran it: an account or a team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// SHA-256 of the generator's parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_digest: Option<String>,
    /// SHA-256 commitment to the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_commitment: Option<String>,
    /// Mixed into every digest of the dataset, unless a record has its own.
    pub salt: Salt,
    /// The covered fields of each object.
    pub objects: BTreeMap<String, FieldList>,
}

/// What the records of a dataset come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Source {
    /// A generator made them; they have no parents.
    Generator {
        /// Its name, such as `Synthea`.
        name: String,
        /// Its version, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// A boundary that is a system of record vouches for the people in them.
    SystemOfRecord {
        /// The boundary's name.
        boundary: String,
    },
    /// Transformed, merged or copied from marked records, which are named as parents.
    Derivation {
        /// What derived them.
        tool: String,
    },
}

/// How the content was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Rules and tables.
    RuleBased,
    /// A statistical model of real data.
    Statistical,
    /// A generative model.
    GenerativeModel,
    /// Real data with identifying parts replaced.
    Anonymised,
    /// Real data with records added or changed.
    Augmented,
    /// Collected in care, not generated.
    Collected,
}

/// Largest manifest that is read, in bytes: what a Salesforce long text field holds.
pub const MANIFEST_BYTES_MAX: usize = 131_072;

impl Manifest {
    /// Reads a manifest.
    ///
    /// Errors: see [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(ManifestError::TooLong);
        }
        json::parse(bytes)?;
        serde_json::from_slice(bytes).map_err(|error| ManifestError::Shape(error.to_string()))
    }

    /// The RFC 8785 bytes whose digest names the dataset.
    pub fn to_canonical(&self) -> Vec<u8> {
        // A manifest is text and lists of text: writing and reading it back cannot fail.
        let written = serde_json::to_vec(self).unwrap_or_default();
        json::parse(&written).map(|value| canonical::to_vec(&value)).unwrap_or_default()
    }

    /// SHA-256 of the canonical bytes: what a batch entry commits to.
    pub fn digest(&self) -> Hash {
        sha256(&[&self.to_canonical()])
    }

    /// The dataset's id: the first 16 bytes of [`Manifest::digest`].
    pub fn id(&self) -> DatasetId {
        DatasetId::of_digest(&self.digest())
    }

    /// The covered fields of `object`, with its name as the manifest spells it.
    pub fn object(&self, form: Form, object: &str) -> Option<(&str, &FieldList)> {
        if let Some((name, list)) = self.objects.get_key_value(object) {
            return Some((name, list));
        }
        match form {
            Form::Salesforce => self
                .objects
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(object))
                .map(|(name, list)| (name.as_str(), list)),
            Form::Fhir | Form::Table | Form::Hl7v2 => None,
        }
    }
}

/// A dataset's id: 16 bytes, 26 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DatasetId(pub [u8; 16]);

impl DatasetId {
    /// The id of the manifest with this digest.
    pub fn of_digest(digest: &Hash) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DatasetId {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let bytes = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes());
        bytes.ok().and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or(ManifestError::Id)
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| D::Error::custom("salt is not 16 bytes in base64url"))
    }
}

/// Why a manifest was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is longer than the bound.
    #[error("manifest is longer than {MANIFEST_BYTES_MAX} bytes")]
    TooLong,
    /// It is not unambiguous JSON.
    #[error("manifest {0}")]
    Json(#[from] json::JsonError),
    /// It lacks something, or has something that manifests do not have.
    #[error("manifest is incomplete or has something unknown: {0}")]
    Shape(String),
    /// The text is not a dataset id.
    #[error("a dataset id is 26 letters and digits")]
    Id,
}

/// Reads and writes a word through `FromStr` and `Display`.
mod word {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<T: Display, S: Serializer>(value: &T, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        reader: D,
    ) -> Result<T, D::Error> {
        String::deserialize(reader)?.parse().map_err(D::Error::custom)
    }
}
