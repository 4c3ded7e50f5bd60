//! Keys of logs and of witnesses: a name and an Ed25519 key, and as text a kind that keeps the two apart.
//!
//! Source: c2sp.org/signed-note, "Verifier keys"; c2sp.org/tlog-cosignature, "Format".

use std::{fmt, sync::Arc};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};

use crate::digest::{decode_base64, sha256};

/// The kind of a log's key, as its text has it.
pub(crate) const LOG: u8 = 0x01;
/// The kind of a witness's key.
pub(crate) const WITNESS: u8 = 0x04;

/// The public half of a log's key.
pub type VerifierKey = PublicKey<LOG>;

/// The private half of a log's key.
pub type SignerKey = PrivateKey<LOG>;

/// A name and an Ed25519 public key of one kind: those of a log and of a witness are different types.
///
/// Shape:  text is `name+hash+base64`, the "vkey" of the specification; the kind is its first byte.
/// Source: c2sp.org/signed-note, "Verifier keys".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey<const KIND: u8> {
    name: String,
    /// INVARIANT: computed from name, kind and public key, never taken on trust.
    id: KeyId,
    pub(super) public: [u8; 32],
}

impl<const KIND: u8> PublicKey<KIND> {
    /// Reads a key.
    ///
    /// Errors: [`KeyError`] says what is wrong with the text, [`KeyError::Algorithm`] that it is of another kind; ask its
    ///         owner for the line again.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let (name, id, public) = parse_key(vkey, KIND)?;
        let key = Self::new(name, public)?;
        if key.id == id { Ok(key) } else { Err(KeyError::WrongId) }
    }

    /// The name; a log's is also its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short identifier: not a commitment to the key, only a way to find it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether one private key signs for both, whatever their names.
    pub fn is_of_the_holder_of(&self, other: &Self) -> bool {
        self.public == other.public
    }

    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, KIND, &public), public })
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl<const KIND: u8> fmt::Display for PublicKey<KIND> {
    /// The vkey line; parsing it again gives the same key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, encode_key(KIND, &self.public))
    }
}

/// The private half of a key of one kind.
///
/// Neither `Debug` nor a format string shows the secret; [`PrivateKey::to_string`] has to be called by name.
///
/// Shape:  text is `PRIVATE+KEY+name+hash+base64`, as Go's `golang.org/x/mod/sumdb/note` writes it.
#[derive(Clone)]
pub struct PrivateKey<const KIND: u8> {
    verifier: PublicKey<KIND>,
    seed: [u8; 32],
    pair: Arc<Ed25519KeyPair>,
}

impl<const KIND: u8> PrivateKey<KIND> {
    /// The key that this seed stands for.
    ///
    /// Shape:  a name without spaces or plus, 32 random bytes that the caller draws and keeps secret.
    /// Errors: [`KeyError::Name`]; choose a name such as `hospital.example/ledger`.
    /// Never:  draws randomness.
    /// Source: RFC 8032 section 5.1.5.
    pub fn generate(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Material)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
        Ok(Self { verifier: PublicKey::new(name, public)?, seed, pair: Arc::new(pair) })
    }

    /// Reads a private key.
    ///
    /// Errors: [`KeyError`] says what is wrong, never what the key is; a key of another kind is refused.
    pub fn parse(skey: &str) -> Result<Self, KeyError> {
        let rest = skey.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::NotPrivate)?;
        let (name, id, seed) = parse_key(rest, KIND)?;
        let key = Self::generate(name, seed)?;
        if key.verifier.id == id { Ok(key) } else { Err(KeyError::WrongId) }
    }

    /// The private key as text: for a file of mode 0600 and nothing else.
    #[expect(clippy::inherent_to_string, reason = "Display would let any format string print the secret")]
    pub fn to_string(&self) -> String {
        format!(
            "{PRIVATE_PREFIX}{}+{}+{}",
            self.verifier.name,
            self.verifier.id,
            encode_key(KIND, &self.seed)
        )
    }

    /// The name; a log's is also its origin.
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The public half.
    pub fn verifier(&self) -> &PublicKey<KIND> {
        &self.verifier
    }

    /// An Ed25519 signature. Callers sign texts that cannot be taken for each other: see spec/certificate.md.
    pub(crate) fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl<const KIND: u8> fmt::Debug for PrivateKey<KIND> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}+{}, secret)", self.verifier.name, self.verifier.id)
    }
}

/// Four bytes that, with the name, say which key signed.
///
/// Source: c2sp.org/signed-note, `SHA-256(name || 0x0A || type || public key)[:4]`, where a log's type is 0x01 and a witness's 0x04.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id of a signature line, which nobody has checked.
    pub(super) fn read(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(self) -> [u8; 4] {
        self.0
    }

    fn of(name: &str, kind: u8, public: &[u8; 32]) -> Self {
        let hash = sha256(&[name.as_bytes(), b"\n", &[kind], public]);
        let [first, second, third, fourth, ..] = *hash.as_bytes();
        Self([first, second, third, fourth])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not three parts with a plus between.
    #[error("a key is `name+hash+base64`, with two plus signs before the base64")]
    Shape,
    /// Does not start as private keys do.
    #[error("a private key starts with `{PRIVATE_PREFIX}`: is this the public one?")]
    NotPrivate,
    /// Empty, too long, or holds a space, a plus or a control character.
    #[error("a key name has 1 to {KEY_NAME_BYTES_MAX} bytes and no space, plus or control character")]
    Name,
    /// Not eight lower-case hex digits.
    #[error("the key id is not eight lower-case hex digits")]
    Id,
    /// The id does not belong to this name and key.
    #[error("the key id does not fit name and key: a character was changed")]
    WrongId,
    /// Another signature type than Ed25519.
    #[error(
        "the key is of another kind: a log's is Ed25519 (type 01), a witness's a cosignature key (type 04)"
    )]
    Algorithm,
    /// Not base64, or not a key of the right length.
    #[error("the key material is not base64 of 33 bytes")]
    Material,
}

/// The longest key name: what a witness cosignature can hold.
pub const KEY_NAME_BYTES_MAX: usize = 255;

const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// `name+hash+base64(type || 32 bytes)`; the base64 may hold plus signs itself.
fn parse_key(text: &str, kind: u8) -> Result<(&str, KeyId, [u8; 32]), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Shape);
    };
    if !is_key_name(name) {
        return Err(KeyError::Name);
    }
    if id.len() != 8 {
        return Err(KeyError::Id);
    }
    let id = HEXLOWER.decode(id.as_bytes()).map_err(|_| KeyError::Id)?;
    let id = KeyId(id.try_into().map_err(|_| KeyError::Id)?);
    // 33 bytes are 44 characters; other key types are longer, and named as such below a sane bound.
    if material.len() > 8192 {
        return Err(KeyError::Material);
    }
    let material = decode_base64(material).ok_or(KeyError::Material)?;
    match material.split_first() {
        Some((found, key)) if *found == kind => {
            Ok((name, id, key.try_into().map_err(|_| KeyError::Material)?))
        }
        Some(_) => Err(KeyError::Algorithm),
        None => Err(KeyError::Material),
    }
}

fn encode_key(kind: u8, key: &[u8; 32]) -> String {
    let mut material = vec![kind];
    material.extend_from_slice(key);
    BASE64.encode(&material)
}

pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= KEY_NAME_BYTES_MAX
        && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}
