//! SHA-256 and HMAC-SHA-256, in one place: the only module that hashes, and the value a hash is.

use std::fmt;

use aws_lc_rs::{
    digest::{Context, SHA256, digest},
    hmac,
};
use data_encoding::{BASE64, HEXLOWER};

/// The SHA-256 of the parts, one after the other, as if they were one string of bytes.
///
/// Nothing separates the parts: a caller that needs boundaries puts them into the bytes.
///
/// Shape:  parts -> 32 bytes.
/// Never:  allocates for inputs of up to 256 bytes (a tree node is 65).
/// Source: FIPS 180-4.
pub fn sha256(parts: &[&[u8]]) -> Hash {
    if let [only] = parts {
        return Hash::from_slice(digest(&SHA256, only).as_ref());
    }
    // A context costs an allocation, which for a tree node is as dear as the hash: short inputs are
    // gathered on the stack and hashed in one call.
    let mut gathered = [0_u8; SHORT_BYTES_MAX];
    let mut length = 0;
    for part in parts {
        match gathered.get_mut(length..length + part.len()) {
            Some(room) => room.copy_from_slice(part),
            None => return sha256_long(parts),
        }
        length += part.len();
    }
    Hash::from_slice(digest(&SHA256, gathered.get(..length).unwrap_or_default()).as_ref())
}

/// A SHA-256 of bytes that come a piece at a time.
#[derive(Clone)]
pub struct Hasher(Context);

impl Hasher {
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything that was taken.
    pub fn finish(self) -> Hash {
        Hash::from_slice(self.0.finish().as_ref())
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

/// A secret under which values are digested so that nobody without it can guess them.
///
/// Debug hides it.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    /// The key with these bytes, of which there must be at least [`KEY_BYTES_MIN`]: fewer is `None`.
    ///
    /// Source: RFC 2104; FIPS 198-1.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= KEY_BYTES_MIN).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// HMAC-SHA-256 of the parts, one after the other, as if they were one string of bytes.
    ///
    /// Nothing separates the parts: a caller that needs boundaries puts them into the bytes.
    pub fn hmac(&self, parts: &[&[u8]]) -> Hash {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Hash::from_slice(context.sign().as_ref())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Least length of a [`Key`], in bytes.
pub const KEY_BYTES_MIN: usize = 16;

/// Reads padded standard base64 in its one spelling; anything else is `None`.
///
/// The decoder below it also reads padded pieces one after the other (`YQ==YQ==`), which would give the same
/// bytes two texts: a proof could then be changed without anybody noticing.
///
/// Bounds: allocates three quarters of the text's length.
/// Source: RFC 4648 sections 3.2 and 4.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let body = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    if body.contains('=') {
        return None;
    }
    BASE64.decode(text.as_bytes()).ok()
}

/// One SHA-256 value: a leaf, a node, a root, a content digest.
///
/// Shape:  32 bytes; text is lower-case hex or padded standard base64, both strict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lower-case hex digits; anything else is `None`.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// Reads 44 characters of padded standard base64; anything else is `None`.
    pub fn from_base64(text: &str) -> Option<Self> {
        // The length is checked first: a long line costs nothing.
        if text.len() != 44 {
            return None;
        }
        Some(Self(decode_base64(text)?.try_into().ok()?))
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash as 64 lower-case hex digits.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// The hash as 44 characters of padded standard base64.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }

    /// INVARIANT: only called with the output of SHA-256, which has 32 bytes.
    fn from_slice(slice: &[u8]) -> Self {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(slice);
        Self(bytes)
    }
}

impl fmt::Debug for Hash {
    /// The first eight hex digits, enough to tell two apart in a failed test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.0;
        write!(f, "Hash({first:02x}{second:02x}{third:02x}{fourth:02x}…)")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

const SHORT_BYTES_MAX: usize = 256;

fn sha256_long(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    Hash::from_slice(context.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_fips_180() {
        for (input, expected) in [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(sha256(&[input.as_bytes()]).to_hex(), expected);
        }
        assert_eq!(sha256(&[]), sha256(&[b""]));
    }

    #[test]
    fn known_answers_of_rfc_4231() {
        for (key, data, expected) in [
            (
                [0x0b; 20].as_slice(),
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let key = Key::new(key).unwrap();
            assert_eq!(key.hmac(&[data.as_bytes()]).to_hex(), expected);
            let (head, tail) = data.as_bytes().split_at(3);
            assert_eq!(key.hmac(&[head, tail]).to_hex(), expected);
        }
        assert!(Key::new(&[1; KEY_BYTES_MIN - 1]).is_none());
        assert_eq!(format!("{:?}", Key::new(&[7; 16]).unwrap()), "Key(hidden)");
    }

    #[test]
    fn parts_hash_as_one_string_on_both_sides_of_the_short_bound() {
        for length in [0, 1, 64, 65, 255, 256, 257, 1000] {
            let whole: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
            for cut in [0, whole.len() / 3, whole.len()] {
                let (head, tail) = whole.split_at(cut);
                assert_eq!(sha256(&[head, tail]), sha256(&[&whole]), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn text_forms_are_strict() {
        let hash = sha256(&[b"abc"]);
        assert_eq!(Hash::from_hex(&hash.to_hex()), Some(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Some(hash));
        assert_eq!(format!("{hash:?}"), "Hash(ba7816bf…)");
        assert_eq!(Hash::from_hex(&hash.to_hex().to_uppercase()), None);
        assert_eq!(Hash::from_hex("ba78"), None);
        let text = hash.to_base64();
        assert_eq!(Hash::from_base64(text.trim_end_matches('=')), None, "padding is part of the form");
        // The last character holds two bits that must be zero: one spelling a hash, not four.
        let loose: String = text.chars().take(42).chain(['1', '=']).collect();
        assert_eq!(Hash::from_base64(&loose), None);
        // 44 characters and 32 bytes, as two pieces: found by fuzzing.
        assert_eq!(Hash::from_base64("vgBfidd2D1WGJJZyd5kF1WE0XGsEEkw6ZXyX5IY=F+2n"), None);
        for (text, bytes) in
            [("", Some("")), ("YQ==", Some("a")), ("YWI=", Some("ab")), ("YWJj", Some("abc"))]
        {
            assert_eq!(decode_base64(text).as_deref(), bytes.map(str::as_bytes), "{text}");
        }
        for text in ["YQ", "YQ=", "YR==", "YQ==YQ==", "YWI=YWJj", "=", "====", "Y Q=", "YQ==\n", "Y-_="] {
            assert_eq!(decode_base64(text), None, "{text}");
        }
    }
}
