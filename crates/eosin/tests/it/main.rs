//! Stories of the real binary: its whole output, its files, its exit codes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and its files are small"
)]

mod announcements;
mod canary;
mod certify;
mod console;
mod control_api;
mod control_policies;
mod damaged_texts;
mod deliveries;
mod demo;
mod documents;
mod draining;
mod drill;
mod emergencies;
mod emergencies_hold;
mod emergency_console;
mod emergency_scene;
mod events;
mod feed;
mod files;
mod filtering;
mod following;
mod help;
mod judging;
mod mark_exports;
mod mark_faults;
mod mark_folders;
mod mark_formats;
mod mark_shared;
mod openid;
mod openid_scene;
mod openid_subjects;
mod operators;
mod pipes;
mod policies_apart;
mod program;
mod proofs;
mod quarantine;
mod quarantine_elsewhere;
mod quarantine_truth;
mod registered;
mod setting_up;
mod signing_in;
mod steering;
mod stranger;
mod withheld_batches;
mod witnesses;
