//! An append-only, tamper-evident log of opaque entries.
