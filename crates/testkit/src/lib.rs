//! What tests share: fixtures, keys, clocks, a fake upstream, a failing disk.

pub mod disk;
pub mod sealed;
pub mod upstream;
