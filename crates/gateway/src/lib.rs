//! The HTTP shell around `flow`: accept, bound, ask, answer in the upstream's own error shape.
//!
//! Never decides anything and never passes a write that `flow` has not ruled on.
//! Start at `request.rs`, the life of one request; [`Gateway::start`] opens the listeners.
//! Read next: `flow`, which does the work, and `spec/http.md`, which says what clients may rely on.

mod admin;
mod audit;
mod audit_client;
pub mod authority;
mod authorship;
mod body;
mod coding;
mod config;
mod contract;
mod courier;
mod delivery;
mod fhir_form;
mod fhir_reading;
mod head;
mod isolation;
mod jobs;
mod key;
mod ledger_state;
mod metrics;
mod pages;
mod patching;
mod problem;
mod program_client;
mod provider_client;
mod reading;
mod recipient;
mod request;
mod rewrite;
mod server;
mod sessions;
mod side;
mod signing;
mod spool;
mod trace_client;
mod traced;
mod upstream;
mod webhook;
mod whole;
mod wire;
mod witness;

pub use audit_client::{AuditClient, AuditSent};
pub use config::{
    ArchiveConfig, BoundaryConfig, Config, IsolatedReads, Limits, Reads, References, SpoolConfig, Timeouts,
    TlsIdentity,
};
pub use contract::{CONTRACTS, Contract, Contracts, Ending};
pub use courier::{ANSWER_BYTES_MAX, BadToken, Courier, Delivered};
pub use fhir_reading::LinkKey;
pub use pages::{
    Cookie, Entry, MakePage, MakeProgramAnswer, PROGRAM_BODY_BYTES_MAX, PageAnswer, PageRequest, PageServer,
    PageServerError, ProgramAnswer, ProgramRequest,
};
pub use program_client::{ProgramClient, ProgramReply};
pub use provider_client::{PROVIDER_ANSWER_BYTES_MAX, ProviderClient, ProviderError};
pub use server::{Gateway, Running, StartError, Stopped};
pub use signing::{SKEW_SECONDS, Signatures, VALID_SECONDS};
pub use trace_client::{TraceClient, TracesSent};
pub use upstream::is_confidential;
pub use webhook::{
    Announced, Announcer, EndpointConfig, EventTaken, Intake, RETRY_SECONDS, WebhookConfig, WebhookCourier,
    WebhookDelivered,
};
pub use witness::{WitnessAnswer, WitnessClient, WitnessServer};
