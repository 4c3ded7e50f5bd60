//! The one place with cryptography: AES-256-GCM for items and their keys, HMAC-SHA-256 for what is said of them.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hmac,
};

/// The key that item keys are wrapped with. It lives in a file of its own and in memory.
///
/// Debug shows nothing of it.
#[derive(Clone)]
pub struct KeyEncryptionKey {
    wrap: [u8; KEY_BYTES],
    say: [u8; KEY_BYTES],
    id: [u8; 8],
}

impl KeyEncryptionKey {
    /// From 32 random bytes. Two keys are derived, one to wrap and one to authenticate, and a name.
    ///
    /// Source: spec/quarantine.md section 2.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let derive = |what: &str| {
            let mut derived = [0; KEY_BYTES];
            let tag = hmac::sign(&root, format!("eosin-quarantine/1 {what}").as_bytes());
            for (to, from) in derived.iter_mut().zip(tag.as_ref()) {
                *to = *from;
            }
            derived
        };
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(derive("id")) {
            *to = from;
        }
        Self { wrap: derive("wrap"), say: derive("state"), id }
    }

    /// A name for the key that says nothing about it, in hex.
    pub fn id(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.id)
    }

    /// Wraps an item's key. `about` is bound to it: it opens with the same words only.
    pub(crate) fn wrap(&self, key: &[u8; KEY_BYTES], nonce: [u8; NONCE_BYTES], about: &[u8]) -> Vec<u8> {
        seal(&self.wrap, nonce, about, key)
    }

    /// Opens a wrapped item key.
    pub(crate) fn unwrap(&self, wrapped: &[u8], about: &[u8]) -> Result<[u8; KEY_BYTES], NotOpened> {
        open(&self.wrap, about, wrapped)?.try_into().map_err(|_| NotOpened)
    }

    /// Authenticates what is said of an item.
    pub(crate) fn sign(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.say), text).as_ref().to_vec()
    }

    /// Whether this was said with this key.
    pub(crate) fn said(&self, text: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &self.say), text, tag).is_ok()
    }
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({})", self.id())
    }
}

/// Encrypts and authenticates.
///
/// Shape:  nonce (12) ‖ ciphertext, as long as the plaintext ‖ tag (16).
/// Never:  is given one key and nonce twice: every key here seals once, and a wrapping nonce is random.
pub(crate) fn seal(
    key: &[u8; KEY_BYTES],
    nonce: [u8; NONCE_BYTES],
    about: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(NONCE_BYTES + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(plaintext);
    let done = cipher(key).and_then(|cipher| {
        let nonce = Nonce::assume_unique_for_key(nonce);
        cipher.seal_in_place_append_tag(nonce, Aad::from(about), &mut sealed).map_err(|_| NotOpened)
    });
    if done.is_err() {
        // A key of the right length and a text under 64 GiB cannot fail; plaintext is never what comes out.
        sealed.clear();
    }
    sealed.splice(0..0, nonce);
    sealed
}

/// Decrypts what [`seal`] made, if nothing of it or of `about` was changed.
pub(crate) fn open(key: &[u8; KEY_BYTES], about: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let (nonce, text) = sealed.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotOpened)?;
    let mut text = text.to_vec();
    let length = cipher(key)?.open_in_place(nonce, Aad::from(about), &mut text).map_err(|_| NotOpened)?.len();
    text.truncate(length);
    Ok(text)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, NotOpened> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| NotOpened)
}

/// It was changed, belongs elsewhere, or was made with another key; nobody can tell which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was changed, moved, or made with another key")]
pub struct NotOpened;

pub(crate) const KEY_BYTES: usize = 32;
pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_with_its_own_words_and_key_only() {
        let (ours, other) = (KeyEncryptionKey::new(&[7; 32]), KeyEncryptionKey::new(&[8; 32]));
        let wrapped = ours.wrap(&[1; 32], [2; 12], b"item a");
        assert_eq!(ours.unwrap(&wrapped, b"item a"), Ok([1; 32]));
        assert_eq!(ours.unwrap(&wrapped, b"item b"), Err(NotOpened));
        assert_eq!(other.unwrap(&wrapped, b"item a"), Err(NotOpened));
        assert_ne!(ours.id(), other.id());
        assert!(!format!("{ours:?}").contains("07"), "{ours:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_flipped_bit_stays_shut(plain: Vec<u8>, about: Vec<u8>, at: usize, bit in 0_u8..8) {
            let mut sealed = seal(&[3; 32], [4; 12], &about, &plain);
            proptest::prop_assert_eq!(sealed.len(), plain.len() + 28);
            proptest::prop_assert_eq!(open(&[3; 32], &about, &sealed), Ok(plain));
            let at = at % sealed.len();
            sealed[at] ^= 1 << bit;
            proptest::prop_assert_eq!(open(&[3; 32], &about, &sealed), Err(NotOpened));
        }
    }
}
