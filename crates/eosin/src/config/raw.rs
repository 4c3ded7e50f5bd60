//! `eosin.toml` as it is written: every word that may stand in it, nothing understood yet.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) ledger: Ledger,
    #[serde(default)]
    pub(super) policy: Policy,
    #[serde(default)]
    pub(super) emergency: Emergency,
    // What signers of emergency versions were called until operators of the console came: refused with the new name.
    pub(super) operator: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) announce: Vec<Spanned<Announce>>,
    #[serde(default)]
    pub(super) contract: ContractVersions,
    #[serde(default)]
    pub(super) trust: Vec<Trust>,
    #[serde(default)]
    pub(super) datasets: Datasets,
    pub(super) links: Option<Links>,
    pub(super) registry: Option<Registry>,
    pub(super) quarantine: Option<Quarantine>,
    #[serde(default)]
    pub(super) recognise: Recognise,
    pub(super) signatures: Option<Signatures>,
    pub(super) witness: Option<Witness>,
    #[serde(default)]
    pub(super) tls: Tls,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) admin: Admin,
    pub(super) index: Option<Index>,
    pub(super) telemetry: Option<Telemetry>,
    #[serde(default)]
    pub(super) operators: Operators,
    #[serde(default)]
    pub(super) boundary: Vec<Boundary>,
    #[serde(default)]
    pub(super) subscription: Vec<Spanned<Subscription>>,
}

/// `[ledger]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    pub(super) folder: String,
    pub(super) signer: String,
    pub(super) vkey: String,
    #[serde(default)]
    pub(super) witness: Vec<LedgerWitness>,
    pub(super) quorum: Option<Spanned<i64>>,
}

/// `[[ledger.witness]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerWitness {
    pub(super) url: Spanned<String>,
    pub(super) vkey: String,
}

/// `[witness]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Witness {
    pub(super) listen: Spanned<String>,
    pub(super) folder: String,
    pub(super) key: String,
    pub(super) logs: Vec<String>,
}

/// `[policy]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) file: Option<String>,
    pub(super) folder: Option<String>,
    pub(super) vkey: Option<Spanned<String>>,
    pub(super) signer: Option<Spanned<String>>,
}

/// `[emergency]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Emergency {
    pub(super) hours_max: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) signer: Vec<Signer>,
}

/// `[[emergency.signer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signer {
    pub(super) name: Spanned<String>,
    pub(super) key: String,
    pub(super) operator: Option<Spanned<String>>,
}

/// `[[announce]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Announce {
    pub(super) name: Spanned<String>,
    pub(super) url: Spanned<String>,
    pub(super) url_ca: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) authorization: Option<String>,
    pub(super) timeout_seconds: Option<Spanned<i64>>,
    pub(super) retry_seconds: Option<Spanned<Vec<i64>>>,
    pub(super) folder: Option<String>,
}

/// `[contract]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractVersions {
    pub(super) unpinned: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) client: Vec<PinnedClient>,
    #[serde(default)]
    pub(super) end: Vec<ContractEnd>,
}

/// `[[contract.client]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PinnedClient {
    pub(super) name: Spanned<String>,
    pub(super) version: Spanned<String>,
}

/// `[[contract.end]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractEnd {
    pub(super) version: Spanned<String>,
    pub(super) deprecated: Option<Spanned<String>>,
    pub(super) sunset: Option<Spanned<String>>,
}

/// `[index]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Index {
    pub(super) database: Spanned<String>,
    pub(super) ca: Option<String>,
    #[serde(default)]
    pub(super) ledgers: Vec<String>,
}

/// `[telemetry]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Telemetry {
    pub(super) endpoint: Spanned<String>,
    pub(super) endpoint_ca: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) service: Option<Spanned<String>>,
    pub(super) percent: Option<Spanned<i64>>,
}

/// `[operators]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operators {
    pub(super) folder: Option<String>,
    pub(super) openid: Option<Spanned<OpenId>>,
}

/// `[operators.openid]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenId {
    pub(super) issuer: Spanned<String>,
    pub(super) client_id: Spanned<String>,
    pub(super) client_secret: Option<String>,
    pub(super) console: Spanned<String>,
    pub(super) ca: Option<String>,
    pub(super) scope: Option<Spanned<String>>,
    pub(super) name_claim: Option<Spanned<String>>,
    pub(super) role_claim: Option<Spanned<String>>,
    pub(super) roles: BTreeMap<Spanned<String>, Vec<String>>,
}

/// `[[trust]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trust {
    pub(super) vkey: String,
    pub(super) vouches_for: Vec<Spanned<String>>,
}

/// `[datasets]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Datasets {
    pub(super) folder: Option<String>,
}

/// `[links]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Links {
    pub(super) key: String,
}

/// `[registry]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registry {
    pub(super) folder: String,
    pub(super) key: String,
}

/// `[quarantine]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quarantine {
    pub(super) folder: String,
    pub(super) key: String,
    pub(super) items: Option<Spanned<i64>>,
    pub(super) bytes: Option<Spanned<i64>>,
    pub(super) days: Option<Spanned<i64>>,
}

/// `[recognise]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recognise {
    pub(super) generators: Option<bool>,
    pub(super) suspected_from_bits: Option<Spanned<i64>>,
}

/// `[signatures]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signatures {
    pub(super) key: Option<String>,
    pub(super) valid_seconds: Option<Spanned<i64>>,
    pub(super) clock_skew_seconds: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) peer: Vec<Peer>,
}

/// `[[signatures.peer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    pub(super) key: String,
    pub(super) log: String,
}

/// `[tls]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Option<String>,
    pub(super) key: Option<String>,
    pub(super) names: Option<Vec<String>>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) body_bytes: Option<Spanned<i64>>,
    pub(super) records: Option<Spanned<i64>>,
    pub(super) ledger_queue: Option<Spanned<i64>>,
    pub(super) spool_bytes: Option<Spanned<i64>>,
    pub(super) spool_folder: Option<String>,
    pub(super) deliveries: Option<Spanned<i64>>,
    pub(super) deliveries_folder: Option<String>,
}

/// `[admin]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    pub(super) listen: Option<Spanned<String>>,
}

/// `[[boundary]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Boundary {
    pub(super) name: Spanned<String>,
    pub(super) protocol: Spanned<String>,
    pub(super) fhir_base: Option<Spanned<String>>,
    pub(super) listen: Spanned<String>,
    #[serde(default)]
    pub(super) tls: bool,
    pub(super) upstream: Option<Spanned<String>>,
    pub(super) upstream_ca: Option<String>,
    pub(super) sender_ca: Option<Spanned<String>>,
    pub(super) environment: Spanned<String>,
    #[serde(default)]
    pub(super) jurisdiction: String,
    pub(super) mode: Option<Spanned<String>>,
    pub(super) continuity: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) system_of_record: bool,
    pub(super) quarantine: Option<Spanned<bool>>,
    pub(super) attests: Option<Spanned<Attests>>,
    pub(super) audit_events: Option<Spanned<String>>,
    pub(super) audit_server: Option<Spanned<AuditServer>>,
    pub(super) reads: Option<Spanned<Reads>>,
    pub(super) anonymous_apex: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) apex: Vec<Spanned<Apex>>,
    pub(super) events: Option<Spanned<Events>>,
    #[serde(default)]
    pub(super) webhook: Vec<Spanned<Webhook>>,
}

/// `[boundary.audit_server]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditServer {
    pub(super) url: Spanned<String>,
    pub(super) url_ca: Option<String>,
    pub(super) authorization: Option<String>,
}

/// `attests = true`, or the types that are attested
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`true`, `false` or a list of resource types")]
pub(super) enum Attests {
    Word(bool),
    Types(Vec<String>),
}

/// `reads = "open"`, or `[boundary.reads]`
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`\"open\"`, `\"isolated\"` or a table `[boundary.reads]`")]
pub(super) enum Reads {
    Word(String),
    Table(IsolatedReads),
}

/// `[boundary.reads]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IsolatedReads {
    pub(super) objects: Option<Vec<String>>,
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) through: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) open_objects: Vec<String>,
    #[serde(default)]
    pub(super) guard_lookups: bool,
    #[serde(default)]
    pub(super) tell_withheld: bool,
    #[serde(default)]
    pub(super) client_ids: bool,
    pub(super) dangling_references: Option<bool>,
    #[serde(default)]
    pub(super) open_paths: Vec<String>,
    #[serde(default)]
    pub(super) subscription_endpoints: Vec<String>,
}

/// `[[boundary.apex]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Apex {
    pub(super) path: String,
    pub(super) method: String,
    pub(super) object: String,
    #[serde(default)]
    pub(super) records: String,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
}

/// `[boundary.events]`
#[expect(clippy::struct_field_names, reason = "`events` is the word in the file")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    pub(super) format: Spanned<String>,
    pub(super) path: Spanned<String>,
    #[serde(default)]
    pub(super) events: String,
    #[serde(default)]
    pub(super) records: String,
    #[serde(default)]
    pub(super) object: String,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, String>,
    pub(super) class: Option<String>,
    pub(super) id: Option<String>,
    pub(super) shows: Option<Spanned<String>>,
    pub(super) retry_seconds: Option<Spanned<Vec<i64>>>,
    #[serde(default)]
    pub(super) senders: Vec<String>,
}

/// `[[boundary.webhook]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub(super) class: Spanned<String>,
    pub(super) url: Spanned<String>,
    pub(super) url_ca: Option<String>,
    pub(super) keys: Vec<String>,
    pub(super) environment: Option<Spanned<String>>,
    pub(super) jurisdiction: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) timeout_seconds: Option<Spanned<i64>>,
}

/// `[[subscription]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscription {
    pub(super) name: Spanned<String>,
    pub(super) boundary: Spanned<String>,
    pub(super) topic: Spanned<String>,
    pub(super) org: Spanned<String>,
    pub(super) api: Option<Spanned<String>>,
    pub(super) ca: Option<String>,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) records: Option<Spanned<String>>,
    pub(super) begin: Option<Spanned<String>>,
    pub(super) on_gone: Option<Spanned<String>>,
    pub(super) fetch: Option<Spanned<i64>>,
    pub(super) folder: Option<String>,
}
