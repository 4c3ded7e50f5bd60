//! The binary: commands, configuration, wiring.
#![expect(missing_docs)]
fn main() {}
