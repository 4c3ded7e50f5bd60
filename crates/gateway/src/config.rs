//! What the gateway is told: boundaries, limits, timeouts. Plain values, no file format and no defaults.

use std::{collections::BTreeMap, fmt, net::SocketAddr, sync::Arc, time::Duration};

use http::Uri;
use telemetry::Tracer;

use crate::contract::Contracts;
pub use crate::delivery::ArchiveConfig;
use crate::fhir_reading::LinkKey;
pub use crate::spool::SpoolConfig;
use crate::webhook::WebhookConfig;

/// Everything the gateway needs to know before it opens a socket.
#[derive(Clone, Debug)]
pub struct Config {
    /// One listener each; names are unique.
    pub boundaries: Vec<BoundaryConfig>,
    /// Where `/healthz`, `/readyz` and `/metrics` are served in plain HTTP; nowhere if absent.
    pub admin: Option<SocketAddr>,
    /// How much is read and held.
    pub limits: Limits,
    /// How long is waited.
    pub timeouts: Timeouts,
    /// Where uploads wait that are longer than [`Limits::body_bytes`]; without it they are unreadable.
    pub spool: Option<SpoolConfig>,
    /// Where what follows delivered files is kept; without it, until the gateway stops.
    pub archive: Option<ArchiveConfig>,
    /// What `next` links of isolated FHIR searches are sealed with, so that any gateway with the same key can go on; without it
    /// they are good until this one stops.
    pub link_key: Option<LinkKey>,
    /// Which contract version each client has, and which of them end.
    pub contracts: Contracts,
    /// Where traces begin and wait; none are recorded without it.
    pub tracer: Option<Arc<Tracer>>,
}

/// One crossing: who listens where, and what is behind it.
#[derive(Clone, Debug)]
pub struct BoundaryConfig {
    /// The boundary as policy knows it; its name is the listener's.
    pub boundary: policy::Boundary,
    /// The language spoken behind it.
    pub protocol: flow::Protocol,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate shown to clients. Without it the listener speaks plain HTTP.
    pub tls: Option<TlsIdentity>,
    /// Allows plain HTTP on an address that is not loopback: everybody on the way can read the records.
    pub danger_plain_http: bool,
    /// Scheme and authority of what is behind the boundary. A path is refused at start.
    pub upstream: Uri,
    /// Certificates, in PEM, trusted for this upstream beside those of the system.
    pub upstream_roots: Vec<String>,
    /// How records behind the boundary are shown.
    pub reads: Reads,
    /// How events are taken and where they go, where the boundary is one that events cross.
    pub webhook: Option<WebhookConfig>,
}

/// How records behind a boundary are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reads {
    /// Answers stream through as the upstream gives them.
    Open,
    /// What policy hides from a client is not there for it. Holds where the boundary enforces; elsewhere reads are
    /// open. At a FHIR boundary only the open paths count.
    Isolated(IsolatedReads),
}

/// What is known of the org whose reads are isolated, beside what it describes of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IsolatedReads {
    /// The objects that carry Eosin's fields. One that the org does not have is passed over.
    pub objects: Vec<String>,
    /// The namespace of the package with those fields; empty if it has none.
    pub namespace: String,
    /// Objects without those fields whose rows are hidden with the rows that these relationships lead to.
    pub through: BTreeMap<String, Vec<String>>,
    /// Objects without those fields that hold nothing about anybody, whatever they point at.
    pub open_objects: Vec<String>,
    /// Whether a row is hidden too if the id of a hidden one is asked for in a lookup of it. Else the id is shown: that
    /// there is a row can then be told, not what it holds.
    pub guards_lookups: bool,
    /// Whether whoever fetches a file is told how much of it was withheld. It is a number that the reads themselves
    /// would not tell.
    pub tells_withheld: bool,
    /// Whether a FHIR client may make a resource with an id of its own choice. Then it can tell that a hidden one has an id, for
    /// no other can be made with it.
    pub client_ids: bool,
    /// Whether the FHIR server takes references that lead nowhere. If it does not, one that leads to a hidden resource would
    /// tell of it, so that references to what a client cannot see are refused here.
    pub references: References,
    /// Paths whose answers cannot be read here and are let through nevertheless, by their beginnings.
    pub open_paths: Vec<String>,
    /// Addresses of boundaries where the notifications of FHIR subscriptions are judged; a subscription that sends elsewhere is refused.
    pub subscription_endpoints: Vec<String>,
}

impl IsolatedReads {
    /// An org with the fields of `integrations/salesforce` and nothing else to say.
    pub fn standard() -> Self {
        Self {
            objects: STANDARD_OBJECTS.map(str::to_owned).to_vec(),
            namespace: String::new(),
            through: BTreeMap::new(),
            open_objects: Vec::new(),
            guards_lookups: false,
            tells_withheld: false,
            client_ids: false,
            references: References::Resolved,
            open_paths: Vec::new(),
            subscription_endpoints: Vec::new(),
        }
    }
}

/// What a FHIR server does with references that lead nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    /// It may refuse them.
    Resolved,
    /// It takes them.
    Dangling,
}

/// What `integrations/salesforce` adds fields to.
const STANDARD_OBJECTS: [&str; 17] = [
    "Account",
    "Case",
    "Contact",
    "Event",
    "Lead",
    "Opportunity",
    "Task",
    "ServiceAppointment",
    "AllergyIntolerance",
    "CareObservation",
    "CareProgramEnrollee",
    "CareRequest",
    "ClinicalEncounter",
    "HealthCondition",
    "MedicationRequest",
    "PatientImmunization",
    "PatientMedicalProcedure",
];

/// A certificate chain and its key, in PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate and those that issued it, the leaf first.
    pub certificates_pem: String,
    /// The leaf's private key.
    pub key_pem: String,
}

/// How much the gateway reads and holds before it refuses.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most header fields of one request.
    pub header_count: usize,
    /// Most bytes of one request's target and header fields.
    pub header_bytes: usize,
    /// Largest body that is judged, in bytes as received; also the largest answer that is merged into.
    pub body_bytes: usize,
    /// Largest body that is judged, in bytes after decoding.
    pub decoded_bytes: usize,
    /// Most decoded bytes for one received byte, above 1 MiB of decoded bytes.
    pub decoded_ratio: usize,
    /// Bytes of judged bodies held at one time by one boundary; more is answered 503.
    pub held_bytes: usize,
    /// Connections open at one time to one boundary; more wait in the system's queue.
    pub connections: usize,
    /// HTTP/2 streams open at one time on one connection.
    pub streams: u32,
}

impl Limits {
    /// Suggested bounds: a Bulk 2.0 upload at its largest, and memory for a dozen of them.
    pub const SUGGESTED: Self = Self {
        header_count: 100,
        header_bytes: 64 * 1024,
        body_bytes: 100 * 1024 * 1024,
        decoded_bytes: 150 * 1024 * 1024,
        decoded_ratio: 200,
        held_bytes: 1024 * 1024 * 1024,
        connections: 4096,
        streams: 100,
    };
}

/// How long the gateway waits before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a TLS handshake, for a request's header fields, and between two requests of one HTTP/1.1 connection.
    pub head: Duration,
    /// Without a byte moving, while a client sends a body or takes an answer.
    pub idle: Duration,
    /// For a connection to the upstream.
    pub connect: Duration,
    /// Without a byte moving, while the upstream takes a request or prepares an answer.
    pub upstream: Duration,
    /// For requests under way when the gateway stops.
    pub drain: Duration,
}

impl Timeouts {
    /// Suggested times: Salesforce cuts a request off at 120 seconds.
    pub const SUGGESTED: Self = Self {
        head: Duration::from_secs(15),
        idle: Duration::from_mins(1),
        connect: Duration::from_secs(5),
        upstream: Duration::from_secs(125),
        drain: Duration::from_secs(20),
    };
}

/// Debug shows no key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(redacted)")
    }
}
