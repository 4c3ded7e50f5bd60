//! The HTTP shell around flow.
