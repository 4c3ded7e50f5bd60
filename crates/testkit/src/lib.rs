//! What tests share: fixtures, keys, clocks, a failing disk.

pub mod sealed;
