//! Who is told of emergency versions and policy versions, as the configuration says it.

use std::{path::PathBuf, time::Duration};

use super::webhooks::ConsumerFiles;

/// One consumer of announcements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announce {
    /// What it is called, in the ledger too.
    pub(crate) name: String,
    /// Where announcements are posted, and with which keys.
    pub(crate) consumer: ConsumerFiles,
    /// How long is waited before each further attempt; after the last it is given up.
    pub(crate) retries: Vec<Duration>,
    /// What was announced, and what waits: replicas that share this announce once.
    pub(crate) folder: PathBuf,
}
