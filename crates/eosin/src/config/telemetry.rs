//! Where traces are sent, as the configuration says it.

use std::path::PathBuf;

/// A collector of traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Telemetry {
    /// Where traces are posted, with its path.
    pub(crate) endpoint: http::Uri,
    /// A certificate authority that it is trusted by, beside the system's.
    pub(crate) endpoint_ca: Option<PathBuf>,
    /// The file with what `Authorization` says to it.
    pub(crate) authorization: Option<PathBuf>,
    /// What this service is called there.
    pub(crate) service: String,
    /// Of how many in a hundred requests without a trace one is begun.
    pub(crate) percent: u8,
}
