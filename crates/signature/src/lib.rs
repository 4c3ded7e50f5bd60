//! Headers that prove: RFC 9530 digests of a body, and RFC 9421 signatures over what a message says.
//!
//! Never does I/O, reads a clock, draws a nonce, or believes a header: what is verified is a value, and `now` comes in.
//! Start at [`profile`], what a gateway signs and asks for; then [`offered`], the RFC's own reading of a message.
//! Read next: `spec/http.md` section 7, then the crate `gateway`, which calls this one.
//!
//! A crate of its own, for it knows no record, no ledger and no socket: whoever checks it needs the two RFCs and nothing
//! else of ours, and its vectors are theirs.

pub mod digest;
pub mod offered;
pub mod profile;
pub mod webhook;

mod component;
mod derive;
mod jwk;
mod key;
mod message;
mod nonces;
mod structured;

pub use component::{Component, ComponentError};
pub use key::{Algorithm, KeyError, SigningKey, VerifyingKey, new_private_jwk};
pub use message::{Fields, Message, Request, Response};
pub use nonces::Nonces;
