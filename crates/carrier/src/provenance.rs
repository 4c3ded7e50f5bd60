//! The HTTP header `Eosin-Provenance`.
