//! What every crossing shares: whom we trust, the policies in force, the ledger's appender, the clock.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use carrier::{Limits, salesforce::Doors};
use ledger::Appender;
use mark::{DatasetFile, TrustStore};
use policy::{Hidden, Policies};

use crate::{
    attest::Attester,
    audit::Auditing,
    batches::{Batches, Shelf},
    clock::{Clock, Forward},
    closing::Certifier,
    continuity::Gaps,
    emergency::Standing,
    entry::Entry,
    jobs::Jobs,
    keep::Keeping,
    recognition::Recognition,
};

/// The path's fixed parts, shared by all boundaries of one process.
///
/// Shape:  policies and trust are swapped whole; a crossing sees one version of each from start to end.
pub struct Flow {
    pub(crate) trust: RwLock<Arc<TrustStore>>,
    pub(crate) policies: RwLock<Arc<Policies>>,
    pub(crate) standing: Standing,
    pub(crate) recognition: RwLock<Arc<Recognition>>,
    pub(crate) appender: Appender,
    pub(crate) clock: Forward,
    pub(crate) limits: Limits,
    pub(crate) jobs: Jobs,
    pub(crate) batches: Batches,
    pub(crate) shelf: Option<Shelf>,
    pub(crate) gaps: Gaps,
    keeping: Option<Keeping>,
    /// Datasets that became known here and nobody has written down yet.
    learned: Mutex<Vec<DatasetFile>>,
    /// What policy was found to hide.
    pub(crate) hidden: Mutex<HiddenFrom>,
    pub(crate) certifier: Option<Certifier>,
    // By the boundary's name.
    pub(crate) doors: BTreeMap<String, Doors>,
    // By the boundary's name.
    pub(crate) attesters: BTreeMap<String, Attester>,
    // By the boundary's name.
    pub(crate) auditing: BTreeMap<String, Auditing>,
}

/// How much of datasets waits to be written down: a hundred thousand batches.
const LEARNED_BYTES_MAX: usize = 64 << 20;

/// What is hidden, by policies, boundary and client; with how many batches were known then.
pub(crate) type HiddenFrom = BTreeMap<(String, String, String), (usize, Hidden)>;

/// What a [`Flow`] is made of.
pub struct Setup {
    /// The logs we trust and the datasets known so far.
    pub trust: TrustStore,
    /// The policies in force.
    pub policies: Policies,
    /// How records without a mark are recognised.
    pub recognition: Recognition,
    /// The ledger's appender.
    pub appender: Appender,
    /// Where the time comes from.
    pub clock: Clock,
    /// The moment of the ledger's last entry: entries never go back behind it.
    pub last_at: Option<String>,
    /// Bounds on what is read.
    pub limits: Limits,
}

impl Flow {
    /// A path with these parts.
    pub fn new(setup: Setup) -> Self {
        let Setup { trust, policies, recognition, appender, clock, last_at, limits } = setup;
        Self {
            trust: RwLock::new(Arc::new(trust)),
            policies: RwLock::new(Arc::new(policies)),
            standing: Standing::default(),
            recognition: RwLock::new(Arc::new(recognition)),
            appender,
            clock: Forward::new(clock, last_at.as_deref()),
            limits,
            jobs: Jobs::default(),
            batches: Batches::default(),
            shelf: None,
            gaps: Gaps::default(),
            keeping: None,
            learned: Mutex::default(),
            hidden: Mutex::default(),
            certifier: None,
            doors: BTreeMap::new(),
            attesters: BTreeMap::new(),
            auditing: BTreeMap::new(),
        }
    }

    /// The same path, keeping what is withheld.
    #[must_use]
    pub fn keeping_withheld(self, keeping: Keeping) -> Self {
        Self { keeping: Some(keeping), ..self }
    }

    /// The same path, telling other gateways what it withholds from batches, and told by them.
    #[must_use]
    pub fn with_shelf(self, place: Shelf) -> Self {
        Self { shelf: Some(place), ..self }
    }

    /// What keeps withheld requests, if anything does.
    pub fn keeping(&self) -> Option<&Keeping> {
        self.keeping.as_ref()
    }

    /// The same path, with what a Salesforce boundary says of code that runs in its org. Without it, no such code runs.
    #[must_use]
    pub fn with_doors(mut self, boundary: &str, doors: Doors) -> Self {
        self.doors.insert(boundary.to_owned(), doors);
        self
    }

    /// The same path, with a certificate and a manifest behind every file that it delivers.
    #[must_use]
    pub fn with_certifier(self, certifier: Certifier) -> Self {
        Self { certifier: Some(certifier), ..self }
    }

    /// Takes in a dataset, so that its marks can be proved from now on.
    ///
    /// Errors: see [`mark::AdmitError`]; a dataset of an untrusted log is remembered by name only.
    pub fn admit(&self, dataset: &DatasetFile) -> Result<usize, mark::AdmitError> {
        let mut slot = self.trust.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut slot).admit(dataset)
    }

    /// Takes the datasets that became known at a boundary since this was last asked, so that they can be written down:
    /// other gateways, and this one after a restart, have not seen their rows pass.
    ///
    /// Bounds: 64 MiB of receipts are kept for the asking; what comes then is known here alone.
    pub fn take_learned(&self) -> Vec<DatasetFile> {
        std::mem::take(&mut *self.learned.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a dataset that became known at a boundary until [`Flow::take_learned`] is asked for it; whether there was room.
    ///
    /// Bounds: as [`Flow::take_learned`].
    pub fn remember(&self, dataset: &DatasetFile) -> bool {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |dataset: &DatasetFile| -> usize {
            dataset.receipts.iter().map(|receipt| receipt.entry.len() + receipt.proof.len()).sum()
        };
        let has_room = learned.iter().map(bytes).sum::<usize>() + bytes(dataset) <= LEARNED_BYTES_MAX;
        if has_room {
            learned.push(dataset.clone());
        }
        has_room
    }

    /// Puts other policies in force for crossings that begin after this. Emergency versions in force narrow them as well.
    pub fn activate(&self, policies: Policies) {
        let mut slot = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        let by = slot.emergencies().to_vec();
        *slot = Arc::new(if by.is_empty() { policies } else { policies.narrowed(by) });
    }

    /// Puts other policies in force, as an entry of the log of versions says, and says so in the ledger.
    pub fn activate_logged(&self, policies: Policies, activation: &str) {
        let entry = Entry::policy_in_force(policies.version(), activation, &self.clock.now());
        self.activate(policies);
        self.note(entry);
    }

    /// Recognises by other means from now on: the registry has a new snapshot.
    pub fn recognise_by(&self, recognition: Recognition) {
        *self.recognition.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(recognition);
    }

    /// How records without a mark are recognised, as of now.
    pub fn recognition(&self) -> Arc<Recognition> {
        Arc::clone(&self.recognition.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whom we trust and which datasets are known, as of now.
    pub fn trust(&self) -> Arc<TrustStore> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The ledger's appender, for proofs and for its state.
    pub fn appender(&self) -> &Appender {
        &self.appender
    }

    /// The bounds on what is read.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What an operator should know.
    pub fn health(&self) -> Health {
        Health {
            unlogged_care_passages: self.gaps.open(),
            clock_behind_seconds: self.clock.now().behind_seconds,
        }
    }

    /// Ends the path: what was appended is committed, the ledger closed.
    pub fn into_appender(self) -> Appender {
        self.appender
    }
}

/// What an operator should know about the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Attested requests that passed while the ledger could not write and are not yet written down.
    pub unlogged_care_passages: u64,
    /// How far the clock is behind the ledger's last entry.
    pub clock_behind_seconds: u64,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow")
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Setup")
    }
}
