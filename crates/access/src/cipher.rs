//! The few cryptographic functions that are used here, each under the name of what it is for.

use aws_lc_rs::{constant_time, digest, hmac};

/// The SHA-256 of these bytes: what is stored of a secret that is random enough not to be guessed.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// HMAC-SHA-256.
pub(crate) fn keyed(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

/// HMAC-SHA-1, which RFC 6238 and every authenticator speak.
pub(crate) fn keyed_sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    out.copy_from_slice(hmac::sign(&key, message).as_ref());
    out
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(left, right).is_ok()
}
