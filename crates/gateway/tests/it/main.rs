//! Stories over real sockets: a fake upstream behind, a client written by hand in front.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod addresses;
mod bodies;
mod bulk_counts;
mod data_exports;
mod deliveries;
mod doors;
mod fhir;
mod fhir_audit;
mod fhir_bad_input;
mod fhir_criteria;
mod fhir_entries;
mod fhir_guarded;
mod fhir_isolated;
mod fhir_named;
mod fhir_patches;
mod fhir_references;
mod fhir_slots;
mod heads;
mod hostile;
mod isolated;
mod isolated_alike;
mod isolated_bare;
mod isolated_doors;
mod isolated_files;
mod isolated_formulas;
mod isolated_keys;
mod isolated_known;
mod isolated_named;
mod isolated_otherwise;
mod isolated_values;
mod jobs;
mod proofs;
mod report_files;
mod reports;
mod rulings;
mod scene;
mod spooled;
mod tls;
mod trouble;
mod versions;
mod webhooks;
mod xml_doors;
