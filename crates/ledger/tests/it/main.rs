//! Stories of the ledger: real folders, failing disks, killed writers, and verifiers that are not ours.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]

#[expect(unreachable_pub, reason = "the file belongs to testkit, where these are reachable")]
#[path = "../../../testkit/src/disk.rs"]
mod disk;

mod appending;
mod beside;
mod crashes;
mod folder;
mod kill;
mod reading;
mod vectors;
mod verifier;
mod witness;

use mark::note::SignerKey;

/// The key of every ledger in these stories.
fn key() -> SignerKey {
    SignerKey::generate("ledger.example/it", [7; 32]).unwrap()
}

/// The entry with this number: its bytes say which one it is, and lengths differ.
fn entry(number: u64) -> Vec<u8> {
    let mut bytes = format!("entry {number} ").into_bytes();
    bytes.resize(bytes.len() + usize::try_from(number % 97).unwrap(), b'.');
    bytes
}
