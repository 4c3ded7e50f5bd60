//! What travels beside marked data: the manifest and, for each batch, its logged entry with the log's receipt.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Hash,
    json,
    manifest::{DatasetId, Manifest, ManifestError},
    seal::BATCH_RECORDS_MAX,
    subject::Subject,
};

/// What the ledger holds of one batch: commitments and counts, nothing of its records.
///
/// Shape:  RFC 8785 JSON of under 600 bytes.
/// Source: spec/mark.md section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEntry {
    /// The dataset.
    pub dataset: DatasetId,
    /// SHA-256 of the manifest's canonical bytes.
    pub manifest: Hash,
    /// Zero-based batch within the dataset.
    pub batch: u32,
    /// Its number of records, 1 to 4,096.
    pub size: u16,
    /// Root of the RFC 9162 tree of its leaves.
    pub root: Hash,
    /// How many of its records are about whom.
    pub subjects: [(Subject, usize); 3],
    /// RFC 3339 moment of sealing, as told by the sealer's clock.
    pub logged_at: String,
}

impl BatchEntry {
    /// The bytes that go into the ledger.
    pub fn to_bytes(&self) -> Vec<u8> {
        let subjects: BTreeMap<&str, usize> = self
            .subjects
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(subject, count)| (subject.as_str(), *count))
            .collect();
        let written = WrittenEntry {
            at: self.logged_at.clone(),
            batch: self.batch,
            dataset: self.dataset.to_string(),
            eosin: ENTRY_KIND.to_owned(),
            manifest: self.manifest.to_hex(),
            root: self.root.to_hex(),
            size: self.size,
            subjects: subjects.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        };
        // Text, numbers and a map of both: writing cannot fail, and declaration order is canonical order.
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads an entry's bytes.
    ///
    /// Errors: [`DatasetFileError::Entry`] with a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, DatasetFileError> {
        let fault = |text: &str| DatasetFileError::Entry(text.to_owned());
        json::parse(bytes).map_err(|error| DatasetFileError::Entry(error.to_string()))?;
        let written: WrittenEntry =
            serde_json::from_slice(bytes).map_err(|error| DatasetFileError::Entry(error.to_string()))?;
        if written.eosin != ENTRY_KIND {
            return Err(fault("is not a batch entry"));
        }
        if written.size == 0 || usize::from(written.size) > BATCH_RECORDS_MAX {
            return Err(fault("has an impossible size"));
        }
        Ok(Self {
            dataset: written.dataset.parse().map_err(|_| fault("has no dataset id"))?,
            manifest: Hash::from_hex(&written.manifest).ok_or_else(|| fault("has no manifest digest"))?,
            batch: written.batch,
            size: written.size,
            root: Hash::from_hex(&written.root).ok_or_else(|| fault("has no root"))?,
            subjects: Subject::ALL
                .map(|subject| (subject, written.subjects.get(subject.as_str()).copied().unwrap_or(0))),
            logged_at: written.at,
        })
    }
}

const ENTRY_KIND: &str = "batch@1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    at: String,
    batch: u32,
    dataset: String,
    eosin: String,
    manifest: String,
    root: String,
    size: u16,
    subjects: BTreeMap<String, usize>,
}

/// One batch's entry, exactly as logged, and the log's proof that it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchReceipt {
    /// The entry's bytes, which are JSON text.
    pub entry: String,
    /// A `c2sp.org/tlog-proof@v1` of that entry.
    pub proof: String,
}

/// The manifest and the receipts of a dataset: the file, or the Salesforce row, that travels with the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFile {
    /// The manifest.
    pub manifest: Manifest,
    /// One receipt a batch, in order.
    pub receipts: Vec<BatchReceipt>,
}

/// Largest dataset file that is read, in bytes: about ten thousand batches, forty million records.
pub const DATASET_FILE_BYTES_MAX: usize = 32 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile<M> {
    eosin: String,
    manifest: M,
    receipts: Vec<BatchReceipt>,
}

const FILE_KIND: &str = "dataset@1";

impl DatasetFile {
    /// Reads the file.
    ///
    /// Bounds: [`DATASET_FILE_BYTES_MAX`].
    /// Errors: see [`DatasetFileError`]; nothing in it is believed before [`crate::TrustStore::admit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, DatasetFileError> {
        if bytes.len() > DATASET_FILE_BYTES_MAX {
            return Err(DatasetFileError::TooLong);
        }
        json::parse(bytes).map_err(ManifestError::Json)?;
        let written: WrittenFile<Manifest> =
            serde_json::from_slice(bytes).map_err(|error| ManifestError::Shape(error.to_string()))?;
        if written.eosin != FILE_KIND {
            return Err(DatasetFileError::Kind(written.eosin));
        }
        Ok(Self { manifest: written.manifest, receipts: written.receipts })
    }

    /// The file's text: one line of JSON.
    pub fn to_json(&self) -> String {
        let written = WrittenFile {
            eosin: FILE_KIND.to_owned(),
            manifest: &self.manifest,
            receipts: self.receipts.clone(),
        };
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// The receipts alone, as a JSON array: what the dataset's Salesforce row holds.
    pub fn receipts_json(&self) -> String {
        serde_json::to_string(&self.receipts).unwrap_or_default()
    }

    /// Puts a file back together from a dataset's Salesforce row.
    ///
    /// Errors: as [`DatasetFile::parse`].
    pub fn from_parts(manifest: &str, receipts: &str) -> Result<Self, DatasetFileError> {
        if receipts.len() > DATASET_FILE_BYTES_MAX {
            return Err(DatasetFileError::TooLong);
        }
        let receipts: Vec<BatchReceipt> =
            serde_json::from_str(receipts).map_err(|error| ManifestError::Shape(error.to_string()))?;
        Ok(Self { manifest: Manifest::parse(manifest.as_bytes())?, receipts })
    }
}

/// Why a dataset file was not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetFileError {
    /// It is longer than the bound.
    #[error("dataset file is longer than {DATASET_FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It is another kind of file, or of a later release.
    #[error("file is a `{0}`, not a `{FILE_KIND}`")]
    Kind(String),
    /// Its manifest is at fault.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// One of its entries is at fault.
    #[error("batch entry {0}")]
    Entry(String),
}
