//! Stories of recognising: whole files of generators, and the same people in other formats.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at the first surprise")]

mod identity;
mod recognisers;
mod rows;
