//! Tidy and ci: whatever a compiler cannot check.
fn main() {}
