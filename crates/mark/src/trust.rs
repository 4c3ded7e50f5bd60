//! What we trust: logs by key, and through them the batches of datasets. Values only; the shell fetches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    checkpoint::OpenError,
    dataset::{BatchEntry, DatasetFile, DatasetFileError},
    digest::Hash,
    manifest::{DatasetId, Manifest},
    merkle,
    note::{VerifierKey, VerifyError},
    subject::Subject,
    tlog_proof::{ProofError, ProofVerifyError, TlogProof},
};

/// The logs we trust, what each may vouch for, and the batches they have logged.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    logs: BTreeMap<String, Trusted>,
    batches: BTreeMap<(DatasetId, u32), Arc<KnownBatch>>,
    // Datasets that came with a receipt of a log we do not trust: for a clearer verdict, never for belief.
    untrusted: BTreeMap<DatasetId, String>,
}

#[derive(Clone, Debug)]
struct Trusted {
    key: VerifierKey,
    vouches: BTreeSet<Subject>,
}

/// A dataset whose manifest a trusted log has committed to.
#[derive(Debug, PartialEq, Eq)]
pub struct Dataset {
    id: DatasetId,
    manifest: Manifest,
    log: String,
}

impl Dataset {
    /// Its id.
    pub fn id(&self) -> DatasetId {
        self.id
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The name of the log that vouches for it.
    pub fn log(&self) -> &str {
        &self.log
    }
}

/// A batch whose root a trusted log holds.
#[derive(Debug)]
pub(crate) struct KnownBatch {
    pub(crate) root: Hash,
    pub(crate) size: u16,
    pub(crate) vouches: BTreeSet<Subject>,
    pub(crate) dataset: Arc<Dataset>,
}

/// What is known of one batch.
pub(crate) enum Known<'t> {
    Batch(&'t KnownBatch),
    UntrustedLog(&'t str),
    Nothing,
}

impl TrustStore {
    /// Trusts a log from now on to vouch for records about `vouches`.
    ///
    /// A generator's log is trusted for synthetic records only: it must not be able to attest anybody.
    /// Trusting the same name again replaces its key and what it may vouch for.
    pub fn trust(&mut self, key: VerifierKey, vouches: BTreeSet<Subject>) {
        self.logs.insert(key.name().to_owned(), Trusted { key, vouches });
    }

    /// The trusted logs by name, and what each may vouch for.
    pub fn logs(&self) -> impl Iterator<Item = (&str, &BTreeSet<Subject>)> {
        self.logs.iter().map(|(name, trusted)| (name.as_str(), &trusted.vouches))
    }

    /// The key under which a log is trusted, if it is.
    pub fn key_of(&self, log: &str) -> Option<&VerifierKey> {
        self.logs.get(log).map(|trusted| &trusted.key)
    }

    /// How many batches are known.
    pub fn batch_count(&self) -> usize {
        self.batches.len()
    }

    /// The datasets that are known, each once.
    pub fn datasets(&self) -> impl Iterator<Item = &Dataset> {
        let mut last = None;
        self.batches.iter().filter_map(move |((id, _), known)| {
            (last.replace(*id) != Some(*id)).then_some(known.dataset.as_ref())
        })
    }

    /// Whether any batch of this dataset is known.
    pub fn knows(&self, dataset: DatasetId) -> bool {
        self.batches.range((dataset, 0)..=(dataset, u32::MAX)).next().is_some()
    }

    /// Takes in a dataset: checks every receipt, and from then on its batches are known.
    ///
    /// Shape:  a dataset file -> the number of batches now known.
    /// Bounds: one signature check and about 20 hashes a batch.
    /// Errors: see [`AdmitError`]; nothing was admitted, except that a dataset of an untrusted log is
    ///         remembered by name, so that verdicts can say so.
    /// Source: spec/mark.md section 6.
    pub fn admit(&mut self, file: &DatasetFile) -> Result<usize, AdmitError> {
        let digest = file.manifest.digest();
        let id = DatasetId::of_digest(&digest);
        let mut admitted = Vec::with_capacity(file.receipts.len());
        // Batches of one dataset share what is known of it.
        let known = self.batches.range((id, 0)..=(id, u32::MAX)).next();
        let known: Option<Arc<Dataset>> = known.map(|(_, batch)| Arc::clone(&batch.dataset));
        let mut dataset: Option<Arc<Dataset>> = None;
        for (position, receipt) in file.receipts.iter().enumerate() {
            let entry = BatchEntry::parse(receipt.entry.as_bytes())?;
            if entry.manifest != digest || entry.dataset != id {
                return Err(AdmitError::OtherManifest { position });
            }
            let log = self.verify(receipt.entry.as_bytes(), &receipt.proof, position, id)?;
            let dataset = dataset.get_or_insert_with(|| {
                let same_log = known.clone().filter(|known| known.log == log.key.name());
                same_log.unwrap_or_else(|| {
                    Arc::new(Dataset { id, manifest: file.manifest.clone(), log: log.key.name().to_owned() })
                })
            });
            let known = KnownBatch {
                root: entry.root,
                size: entry.size,
                vouches: log.vouches,
                dataset: Arc::clone(dataset),
            };
            admitted.push(((id, entry.batch), Arc::new(known)));
        }
        let count = admitted.len();
        self.batches.extend(admitted);
        Ok(count)
    }

    fn verify(
        &mut self,
        entry: &[u8],
        proof: &str,
        position: usize,
        id: DatasetId,
    ) -> Result<Trusted, AdmitError> {
        let proof = TlogProof::parse(proof).map_err(|source| AdmitError::Proof { position, source })?;
        let keys: Vec<VerifierKey> = self.logs.values().map(|trusted| trusted.key.clone()).collect();
        match proof.verify(&merkle::leaf_hash(entry), &keys) {
            Ok(checkpoint) => self
                .logs
                .get(checkpoint.origin())
                .cloned()
                .ok_or_else(|| AdmitError::UntrustedLog { log: checkpoint.origin().to_owned() }),
            Err(ProofVerifyError::Checkpoint(OpenError::Signature(VerifyError::Untrusted))) => {
                let text = proof.unverified_checkpoint().unverified_text();
                let log: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
                self.untrusted.insert(id, log.clone());
                Err(AdmitError::UntrustedLog { log })
            }
            Err(source) => Err(AdmitError::Receipt { position, source }),
        }
    }

    pub(crate) fn batch(&self, dataset: DatasetId, batch: u32) -> Known<'_> {
        match (self.batches.get(&(dataset, batch)), self.untrusted.get(&dataset)) {
            (Some(known), _) => Known::Batch(known),
            (None, Some(log)) => Known::UntrustedLog(log),
            (None, None) => Known::Nothing,
        }
    }
}

/// Why a dataset was not taken in. Positions are zero-based places in its receipts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// An entry could not be read.
    #[error("{0}")]
    Entry(#[from] DatasetFileError),
    /// An entry commits to another manifest: the manifest was changed, or the receipt is another dataset's.
    #[error("receipt {position} is for another manifest; was the manifest changed after sealing?")]
    OtherManifest {
        /// Which receipt.
        position: usize,
    },
    /// A proof could not be read.
    #[error("receipt {position}: {source}")]
    Proof {
        /// Which receipt.
        position: usize,
        /// Why.
        source: ProofError,
    },
    /// Its log is not trusted here.
    #[error("log `{log}` is not trusted here; add its `.vkey` to `[[trust]]` if it should be")]
    UntrustedLog {
        /// The log's name, as it calls itself.
        log: String,
    },
    /// A proof does not prove its entry.
    #[error("receipt {position} does not prove its entry: {source}")]
    Receipt {
        /// Which receipt.
        position: usize,
        /// Why.
        source: ProofVerifyError,
    },
}
