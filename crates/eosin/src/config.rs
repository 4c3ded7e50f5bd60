//! The configuration: `eosin.toml` as written ([`raw`]), then as understood ([`Config`]).
//!
//! Nothing opens a socket before a configuration was understood whole; everything wrong is said at once.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{Known, Recognition};
use gateway::Signatures;
use mark::{DATASET_FILE_BYTES_MAX, DatasetFile, Subject, TrustStore};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{KeyId, Recogniser, SUSPECTED_FROM_DECIBITS};
use registry::{Registry, Snapshot};
use signature::{
    SigningKey, VerifyingKey,
    profile::{Peers, Window},
};

use crate::{
    input::{Reads, refuse_pipes},
    keys, operators,
    policy_command::{policy_text, versions},
    registered,
};

pub(crate) mod announcing;
mod raw;
pub(crate) mod subscriptions;
pub(crate) mod telemetry;
mod understand;
pub(crate) mod webhooks;

/// A configuration that makes sense: paths absolute, words understood, contradictions excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Config {
    /// The file it was read from.
    pub(crate) file: PathBuf,
    /// The ledger and its key.
    pub(crate) ledger: Ledger,
    /// Where the policies are.
    pub(crate) policy: PolicyFiles,
    /// The logs that are trusted beside our own.
    pub(crate) trust: Vec<Trusted>,
    /// A folder of `*.dataset.json` that are known from the start.
    pub(crate) datasets: Option<PathBuf>,
    /// The file with the key that links of isolated searches are sealed with.
    pub(crate) links: Option<PathBuf>,
    /// The registry of fingerprints, if there is one.
    pub(crate) registry: Option<RegistryFiles>,
    /// Where withheld requests are kept, if anywhere.
    pub(crate) quarantine: Option<Quarantine>,
    /// How generators are recognised.
    pub(crate) recognise: Recognise,
    /// The keys that sign and verify headers; nothing is signed or believed without them.
    pub(crate) signatures: Option<SignatureFiles>,
    /// The witness that this gateway is for other logs, if it is one.
    pub(crate) witness: Option<Witness>,
    /// The local certificate authority, for boundaries with TLS.
    pub(crate) authority: Authority,
    /// Bounds.
    pub(crate) limits: Limits,
    /// Where health and metrics are served.
    pub(crate) admin: Option<SocketAddr>,
    /// The index, if a running gateway keeps one.
    pub(crate) index: Option<IndexFiles>,
    /// Where traces are sent, if anywhere.
    pub(crate) telemetry: Option<telemetry::Telemetry>,
    /// The folder of the console's operators and of the log of what they did.
    pub(crate) operators: PathBuf,
    /// The provider that they may sign in at.
    pub(crate) openid: Option<OpenId>,
    /// The boundaries.
    pub(crate) boundaries: Vec<Boundary>,
    /// Which contract version each client has, and which of them end.
    pub(crate) contracts: gateway::Contracts,
    /// Who is told when a version is put in force or ends.
    pub(crate) announce: Vec<announcing::Announce>,
    /// The topics of orgs that are followed.
    pub(crate) subscriptions: Vec<subscriptions::Subscription>,
}

/// The ledger and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The file with its signer key.
    pub(crate) signer: PathBuf,
    /// The file with its verifier key.
    pub(crate) vkey: PathBuf,
    /// Who cosigns its checkpoints: where, and the file with the witness's key.
    pub(crate) witnesses: Vec<(http::Uri, PathBuf)>,
    /// How many of them have to.
    pub(crate) quorum: usize,
}

/// Where the policies are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolicyFiles {
    /// The text that holds until a version is activated; the shipped one where absent.
    pub(crate) file: Option<PathBuf>,
    /// The versions, if they are activated by a log.
    pub(crate) log: Option<PolicyLog>,
    /// Who may put emergency versions in force.
    pub(crate) emergency: Emergency,
}

/// Who may put emergency versions in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Emergency {
    /// The people: two of them have to.
    pub(crate) signers: Vec<Signer>,
    /// For how many hours at most.
    pub(crate) hours_max: u32,
}

/// The folder of versions with the log that says which one holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyLog {
    /// The folder that gateways share.
    pub(crate) folder: PathBuf,
    /// The file with the log's verifier key.
    pub(crate) vkey: PathBuf,
    /// The file with its signer key, where versions are activated.
    pub(crate) signer: Option<PathBuf>,
}

/// A person who may put emergency versions in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signer {
    /// The person's name in the ledger.
    pub(crate) name: String,
    /// The file with the person's public key.
    pub(crate) key: PathBuf,
    /// Who they are in the console.
    pub(crate) operator: String,
}

/// A provider that operators sign in at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenId {
    /// What the console is there, and how claims are understood.
    pub(crate) client: access::openid::Client,
    /// The file with the secret that it shows there, if it has one.
    pub(crate) secret: Option<PathBuf>,
    /// The file with the certificate authorities that vouch for it, beside those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// Where browsers find the console: `https://console.example.org`.
    pub(crate) console: String,
}

/// The index that a running gateway keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexFiles {
    /// Where it is.
    pub(crate) place: index::Place,
    /// The folders of further ledgers.
    pub(crate) ledgers: Vec<PathBuf>,
}

/// The witness that this gateway is for other logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    /// Where logs ask.
    pub(crate) listen: SocketAddr,
    /// What it has cosigned.
    pub(crate) folder: PathBuf,
    /// The file with its private key.
    pub(crate) key: PathBuf,
    /// The files with the verifier keys of those logs.
    pub(crate) logs: Vec<PathBuf>,
}

/// A log that is trusted, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trusted {
    /// The file with its verifier key.
    pub(crate) vkey: PathBuf,
    /// Whom it may vouch for.
    pub(crate) vouches: BTreeSet<Subject>,
}

/// The registry of fingerprints and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryFiles {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The file with its key.
    pub(crate) key: PathBuf,
}

/// The quarantine, its key and its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarantine {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The file with the key that item keys are wrapped with.
    pub(crate) key: PathBuf,
    /// Most items that are kept.
    pub(crate) items: u64,
    /// Most bytes of their bodies together.
    pub(crate) bytes: u64,
    /// For how many days.
    pub(crate) days: u32,
}

/// The keys that sign and verify headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureFiles {
    /// Our private key, a JSON Web Key.
    pub(crate) key: Option<PathBuf>,
    /// For how many seconds a signature is good.
    pub(crate) valid_seconds: u32,
    /// By how many seconds another gateway's clock may differ.
    pub(crate) skew_seconds: u32,
    /// Public keys of other gateways, each with the origin of the log whose rulings it speaks of.
    pub(crate) peers: Vec<(PathBuf, String)>,
}

/// How generators are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recognise {
    /// Whether they are looked for.
    pub(crate) generators: bool,
    /// From how many bits on evidence is a strong suspicion; the fitted threshold where absent.
    pub(crate) suspected_from_bits: Option<i32>,
}

/// The files of the local certificate authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Its certificate, which clients trust.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// The names and addresses that its certificates are for.
    pub(crate) names: Vec<String>,
}

/// Bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Largest body that is judged, decoded, in bytes.
    pub(crate) body_bytes: usize,
    /// Most records of one request.
    pub(crate) records: usize,
    /// Most entries that wait for the ledger.
    pub(crate) ledger_queue: usize,
    /// Bytes of long uploads that wait on disk at one time, for one boundary.
    pub(crate) spool_bytes: usize,
    /// Where they wait.
    pub(crate) spool_folder: PathBuf,
    /// Of how many delivered files manifests and certificates are kept.
    pub(crate) deliveries: usize,
    /// Where they are kept.
    pub(crate) deliveries_folder: PathBuf,
}

/// One boundary.
#[expect(clippy::struct_field_names, reason = "what policies see of a boundary is a `policy::Boundary`")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boundary {
    /// What policies see of it.
    pub(crate) boundary: policy::Boundary,
    /// The language spoken.
    pub(crate) protocol: flow::Protocol,
    /// Where clients come in.
    pub(crate) listen: SocketAddr,
    /// Whether clients come in by TLS.
    pub(crate) tls: bool,
    /// Where requests go.
    pub(crate) upstream: http::Uri,
    /// A certificate authority that the upstream is trusted by, beside the system's.
    pub(crate) upstream_ca: Option<PathBuf>,
    /// A certificate authority that senders' certificates must lead to; HL7 v2 only.
    pub(crate) sender_ca: Option<PathBuf>,
    /// Whether what is withheld here is kept.
    pub(crate) quarantine: bool,
    /// The resource types that are attested on their way in.
    pub(crate) attests: Vec<String>,
    /// The folder that audit events of what crosses are written to.
    pub(crate) audit_events: Option<PathBuf>,
    /// The FHIR server that they are sent to as well.
    pub(crate) audit_server: Option<AuditServer>,
    /// How records behind it are shown.
    pub(crate) reads: gateway::Reads,
    /// What is said of code that runs in the org.
    pub(crate) doors: carrier::salesforce::Doors,
    /// How events are taken, where the boundary is one that events cross.
    pub(crate) webhook: Option<webhooks::WebhookFiles>,
}

/// A FHIR server that keeps audit events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditServer {
    /// Where they are made.
    pub(crate) url: http::Uri,
    /// A certificate authority that it is trusted by, beside the system's.
    pub(crate) url_ca: Option<PathBuf>,
    /// The file with what `Authorization` says to it.
    pub(crate) authorization: Option<PathBuf>,
}

impl Config {
    /// Reads and understands a configuration.
    ///
    /// Errors: one report with everything that is wrong, each underlined.
    pub(crate) fn load(file: &Path) -> miette::Result<Self> {
        if !file.exists() {
            return Err(miette!(
                help = "`eosin init` writes one, with keys and an empty ledger",
                "there is no configuration at {}",
                file.display()
            ));
        }
        refuse_pipes(file, Reads::Once)?;
        let text = keys::small_file(file)?;
        let absolute = std::path::absolute(file).into_diagnostic()?;
        understand::understand(&text, &absolute)
    }

    /// Everything trusted: our own log for what it may vouch for, the logs named, and the datasets known.
    ///
    /// Our own log vouches for synthetic and mixed records, and for attested ones only if one of the boundaries
    /// is a system of record. A dataset that cannot be believed is left out and named among the doubts: one bad
    /// file does not stop a gateway.
    pub(crate) fn trust_store(&self) -> miette::Result<(TrustStore, Vec<String>)> {
        let mut trust = self.trusted_logs()?;
        let mut doubts = Vec::new();
        let folder = self.datasets.as_deref().map(dataset_files).transpose()?;
        for path in folder.into_iter().flatten() {
            let admitted = dataset_file(&path).map_err(|report| report.to_string()).and_then(|file| {
                let said = |error: mark::AdmitError| format!("{} is not believed: {error}", path.display());
                trust.admit(&file).map_err(said)
            });
            doubts.extend(admitted.err());
        }
        Ok((trust, doubts))
    }

    /// The logs alone, as for [`Config::trust_store`].
    ///
    /// Errors: a report, also where a log is named twice, or is our own: what one of the two is trusted for would be lost.
    pub(crate) fn trusted_logs(&self) -> miette::Result<TrustStore> {
        let mut trust = TrustStore::default();
        let own = keys::verifier(&self.ledger.vkey)?;
        let own_name = own.name().to_owned();
        trust.trust(own, self.own_vouches());
        for trusted in &self.trust {
            let key = keys::verifier(&trusted.vkey)?;
            if key.name() == own_name {
                return Err(miette!(
                    help = "take it out; docs/config.md says what our own log is trusted for",
                    "the `[[trust]]` of {} names our own log `{own_name}`, which is trusted without it",
                    trusted.vkey.display()
                ));
            }
            if trust.key_of(key.name()).is_some() {
                return Err(miette!(
                    help = "name it once, with all that it may vouch for",
                    "the `[[trust]]` of {} names the log `{}` a second time",
                    trusted.vkey.display(),
                    key.name()
                ));
            }
            trust.trust(key, trusted.vouches.clone());
        }
        Ok(trust)
    }

    /// How records without a mark are recognised: by generators unless switched off, by the registry if it has a
    /// snapshot.
    ///
    /// Errors: a report, if the registry's key or table cannot be read, or our own ledger knew a later one.
    pub(crate) fn recognition(&self) -> miette::Result<Recognition> {
        self.recognition_after(|files, key, found| registered::check(self, files, key, found))
    }

    /// As [`Config::recognition`], for whom may have known a registry before.
    ///
    /// Errors: as there, and those of `allows`.
    pub(crate) fn recognition_after(
        &self,
        allows: impl Fn(&RegistryFiles, KeyId, Option<&Snapshot>) -> miette::Result<()>,
    ) -> miette::Result<Recognition> {
        let recogniser = self.recognise.generators.then(Recogniser::built_in);
        let threshold = self.recognise.suspected_from_bits.map_or(SUSPECTED_FROM_DECIBITS, |bits| bits * 10);
        let known = match &self.registry {
            None => None,
            Some(files) => {
                let key = keys::registry_key(&files.key)?;
                let opened = Registry::open(&files.folder)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot use the registry in {}", files.folder.display()))?;
                if let Some(registry) = &opened
                    && registry.snapshot().key != key.id()
                {
                    return Err(miette!(
                        help = "take the key that the registry was made with, or begin another folder",
                        "the registry in {} was made with key {}, and {} is key {}",
                        files.folder.display(),
                        registry.snapshot().key,
                        files.key.display(),
                        key.id()
                    ));
                }
                allows(files, key.id(), opened.as_ref().map(Registry::snapshot).as_ref())?;
                opened.map(|registry| Known { registry: Arc::new(registry), key })
            }
        };
        Ok(Recognition::new(recogniser, known, threshold))
    }

    /// The keys that sign and verify headers.
    ///
    /// Errors: a report, if a key cannot be read, or a peer speaks of a log that is not trusted.
    pub(crate) fn signatures(&self) -> miette::Result<Signatures> {
        let Some(files) = &self.signatures else { return Ok(Signatures::off()) };
        let logs: miette::Result<BTreeSet<String>> = self
            .trust
            .iter()
            .map(|trusted| keys::verifier(&trusted.vkey).map(|key| key.name().to_owned()))
            .collect();
        let logs = logs?;
        let mut peers = Peers::default();
        for (file, log) in &files.peers {
            if !logs.contains(log) {
                return Err(miette!(
                    help =
                        "add the log's vkey to `[[trust]]`: its `vouches_for` says what a peer is believed",
                    "the peer with the key in {} speaks of log `{log}`, which is not trusted",
                    file.display()
                ));
            }
            let key = VerifyingKey::from_jwk(keys::small_file(file)?.trim());
            let key = key
                .into_diagnostic()
                .wrap_err_with(|| format!("{} is not a public key for headers", file.display()))?;
            peers.add(key, log).into_diagnostic()?;
        }
        let key = match &files.key {
            None => None,
            Some(file) => {
                let key = SigningKey::from_jwk(keys::small_file(file)?.trim());
                Some(key.into_diagnostic().wrap_err_with(|| {
                    format!("{} is not a private key for headers; `eosin init` makes one", file.display())
                })?)
            }
        };
        let window = Window { age_seconds: files.valid_seconds, skew_seconds: files.skew_seconds };
        Ok(Signatures { key, valid_seconds: files.valid_seconds, peers, window })
    }

    /// Whom our own log may vouch for.
    pub(crate) fn own_vouches(&self) -> BTreeSet<Subject> {
        let attests = self.boundaries.iter().any(|boundary| boundary.boundary.system_of_record);
        Subject::ALL.into_iter().filter(|subject| attests || *subject != Subject::Attested).collect()
    }

    /// The policies in force: what the log of versions says, or the file, or the shipped ones.
    pub(crate) fn policies(&self) -> miette::Result<policy::Policies> {
        if let Some(versions) = versions::Versions::of(&self.policy)
            && let Some(current) = versions.current()?
        {
            return current.policies();
        }
        policy_text::file_or_shipped(self.policy.file.as_deref())
    }

    /// Where the index is: as the configuration says, or in a file beside it.
    pub(crate) fn index_place(&self) -> index::Place {
        let beside = || index::Place::File(self.file.with_file_name("index.sqlite"));
        self.index.as_ref().map_or_else(beside, |files| files.place.clone())
    }

    /// The folders of the ledgers that are indexed: its own, those that are named, and the logs of policy versions and operators.
    pub(crate) fn all_ledgers(&self) -> Vec<PathBuf> {
        let named = self.index.iter().flat_map(|files| files.ledgers.iter().cloned());
        let log = self.policy.log.iter().map(|log| log.folder.join(versions::LOG));
        let logs = log.chain([self.operators.join(operators::LOG)]);
        let logs = logs.filter(|folder| folder.join("checkpoint").exists());
        std::iter::once(self.ledger.folder.clone()).chain(named).chain(logs).collect()
    }
}

/// Reads one dataset file.
pub(crate) fn dataset_file(path: &Path) -> miette::Result<DatasetFile> {
    refuse_pipes(path, Reads::Once)?;
    let text = keys::file(path, DATASET_FILE_BYTES_MAX as u64)?;
    DatasetFile::parse(text.as_bytes())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not a dataset file", path.display()))
}

/// The dataset files in a folder, in order of name; none if there is no such folder.
pub(crate) fn dataset_files(folder: &Path) -> miette::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let listing = fs::read_dir(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = listing
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(".dataset.json"))
        .collect();
    files.sort();
    Ok(files)
}
