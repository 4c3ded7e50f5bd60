//! Stories of the carriers: real shapes, sealed, carried about and read back.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod deploys;
mod fhir;
mod fhir_xml;
mod hl7v2;
mod peer;
mod salesforce;
mod sealing;
mod vectors;
mod wire;
