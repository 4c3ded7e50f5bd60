//! Stories: a client on a socket, an org behind it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod access;
mod apex;
mod bulk;
mod bulk_v1;
mod client;
mod components;
mod composite;
mod deploy;
mod events;
mod files;
mod graphql;
mod login;
mod pubsub;
mod queries;
mod records;
mod related;
mod reports;
mod resources;
mod sandbox;
mod snapshot;
mod soap;
mod ui;
mod wire;
