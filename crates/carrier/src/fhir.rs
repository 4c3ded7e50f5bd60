//! FHIR R4 JSON: where a mark rides in a resource and a Bundle.
//!
//! The mark is a resource-level extension; labels that other systems understand stand beside it in `meta`.
//! Read in the order of a request: [`route()`], [`read()`], [`refuse()`]; [`place()`] goes the other way.
//! Source: spec/carriers.md section 3.

mod answer;
mod asked;
mod audit;
mod authorship;
mod capabilities;
mod choose;
mod elements;
mod export;
mod file;
mod held;
mod identity;
mod in_xml;
mod interaction;
mod list;
mod literal;
mod named;
mod patch;
mod patch_path;
mod place;
mod plain;
mod query;
mod raw;
mod read;
mod references;
mod refuse;
mod request;
mod route;
mod steps;
mod subscription;
mod xml;

pub use answer::{Entry, Key, Mode, Page, connected, relabelled};
pub use asked::{Asked, asked};
pub use audit::{Audited, asked_in_bundle, audit_event, made_at};
pub use authorship::{
    Authored, MAKINGS_MAX, Making, REFERENCES_MAX, foremost, is_made, labelled_authorship, leads_to, makings,
    resource_of_entry, with_authorship,
};
pub use capabilities::capabilities;
pub(crate) use choose::choose_bundle;
pub use elements::resource_elements;
pub use export::{Followed, ManifestError, manifest, whole_lines};
pub(crate) use held::Files;
pub use identity::identity_elements;
pub use in_xml::{NotInXml, XML_CONTENT_TYPE, in_xml};
pub use interaction::{
    Interaction, LogicalId, OperationKind, Scope, interaction, normal_target, without_format,
};
pub(crate) use list::{choose_list, is_list, place_known, read_list};
pub use literal::{Led, led_by_id, patch_texts, references_by_id, references_by_id_in_xml};
pub use named::{named, outcomes_name, without_named};
pub use patch::{PATCHED_TYPE, STEPS_MAX, patched};
pub use place::{PlaceError, place, place_bundle, place_some};
pub use plain::plain_type;
pub use query::{Detail, Query, by_ids, referenced};
pub use read::{DeliveredLine, Media, read, read_delivered, read_document, read_document_in};
pub(crate) use read::{read_line, read_to_mark};
pub use references::{
    has_references_by_search, patches_by_search, references_by_search, searched, with_references,
};
pub use refuse::{ISSUES_MAX, MergeError, Withheld, merge, outcome, refuse, withhold};
pub use route::{Route, route};
pub use steps::{Step, without_id};
pub use subscription::subscription_fault;

/// Canonical URL of the extension that holds a mark's text form as `valueString`.
pub const MARK_EXTENSION: &str = "https://eosin.example/fhir/StructureDefinition/mark";
/// System of the tag whose code is a mark's short name.
pub const MARK_SYSTEM: &str = "https://eosin.example/fhir/mark";
/// System of the tag whose code is the subject: `synthetic`, `attested` or `mixed`.
pub const SUBJECT_SYSTEM: &str = "https://eosin.example/fhir/subject";
/// System of the identifier that brands a synthetic person: it stays when `meta` is stripped.
pub const BRAND_SYSTEM: &str = "https://eosin.example/synthetic-patient";
/// System of the tag whose code says who made the pattern that a slot or an appointment was made from.
pub const AUTHORSHIP_SYSTEM: &str = "https://eosin.example/fhir/authorship";
/// System of the tag whose code is the short name of that pattern's mark.
pub const MADE_FROM_SYSTEM: &str = "https://eosin.example/fhir/made-from";
/// System of the coded reason in a refusal.
pub const REFUSAL_SYSTEM: &str = "https://eosin.example/fhir/CodeSystem/refusal";

/// What is said in the media types of FHIR's JSON.
pub const CONTENT_TYPE: &str = "application/fhir+json; charset=utf-8";

// HL7 Terminology: v3-ActReason#HTEST and v3-ObservationValue#AIAST, with the displays that it gives them.
const TEST_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const TEST_CODE: &str = "HTEST";
const TEST_DISPLAY: &str = "test health data";
const AI_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
const AI_CODE: &str = "AIAST";
const AI_DISPLAY: &str = "Artificial Intelligence asserted";

/// Resource types about a person, whose synthetic records are branded with an identifier.
const PERSONS: [&str; 4] = ["Patient", "Person", "Practitioner", "RelatedPerson"];

#[cfg(test)]
mod tests;
