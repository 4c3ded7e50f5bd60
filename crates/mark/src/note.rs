//! Signed notes: a text with signature lines, and the Ed25519 keys that make and check them.
//!
//! Source: c2sp.org/signed-note@v1.0.0. Only signature type 0x01 is signed or verified here; lines of other
//! types are kept and passed on, as the specification asks.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};

use crate::digest::{decode_base64, sha256};

/// A note as it was read: nothing in it is believed yet.
///
/// Shape:  text ending in a newline, a blank line, one or more signature lines.
/// Bounds: [`NOTE_BYTES_MAX`] bytes, [`NOTE_SIGNATURES_MAX`] signatures.
/// Source: c2sp.org/signed-note, "Format".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Reads a note without checking who signed it.
    ///
    /// Errors: [`NoteError`] says which rule of the format is broken; the note is of no use.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLong);
        }
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::ControlCharacter);
        }
        // The text may hold blank lines itself: the last one ends it.
        let (head, signature_lines) = note.rsplit_once("\n\n").ok_or(NoteError::NoBlankLine)?;
        let text = format!("{head}\n");
        let signature_lines = signature_lines.strip_suffix('\n').ok_or(NoteError::Unterminated)?;
        let mut signatures = Vec::new();
        for line in signature_lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(NoteSignature::parse(line).ok_or(NoteError::SignatureLine)?);
        }
        Ok(Self { text, signatures })
    }

    /// Signs a text.
    ///
    /// Shape:  text that ends in a newline -> note with one signature line.
    /// Errors: the text has a control character, no final newline, or is too long; nothing was signed.
    pub fn sign(text: &str, signer: &SignerKey) -> Result<Self, NoteError> {
        if text.len() > NOTE_BYTES_MAX / 2 {
            return Err(NoteError::TooLong);
        }
        if text.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::ControlCharacter);
        }
        if !text.ends_with('\n') {
            return Err(NoteError::Unterminated);
        }
        let signature = NoteSignature {
            name: signer.verifier.name.clone(),
            id: signer.verifier.id,
            bytes: signer.sign_message(text.as_bytes()),
        };
        Ok(Self { text: text.to_owned(), signatures: vec![signature] })
    }

    /// Checks the signatures of the keys one trusts, and gives the text with the names of those who signed.
    ///
    /// Unknown signatures are ignored. One bad signature that claims a known key spoils the whole note.
    ///
    /// Shape:  trusted keys -> the text and which of them signed it, at least one.
    /// Errors: [`VerifyError::Untrusted`]: no trusted key signed, configure the key if you trust it;
    ///         [`VerifyError::Forged`]: a signature claims a trusted key and is not by it.
    /// Source: c2sp.org/signed-note, "Signatures".
    pub fn verify<'a>(&'a self, trusted: &'a [VerifierKey]) -> Result<VerifiedText<'a>, VerifyError> {
        let mut signed_by = Vec::new();
        for signature in &self.signatures {
            let known = |key: &&VerifierKey| key.name == signature.name && key.id == signature.id;
            let mut candidates = trusted.iter().filter(known).peekable();
            if candidates.peek().is_none() {
                continue;
            }
            let Some(key) = candidates.find(|key| key.has_signed(self.text.as_bytes(), &signature.bytes))
            else {
                return Err(VerifyError::Forged { name: signature.name.clone() });
            };
            if !signed_by.contains(&key) {
                signed_by.push(key);
            }
        }
        if signed_by.is_empty() {
            return Err(VerifyError::Untrusted);
        }
        Ok(VerifiedText { text: &self.text, signed_by })
    }

    /// The text, which nobody has vouched for.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// The signature lines, known or not.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// The note with the signature lines by these names and ids alone.
    #[must_use]
    pub fn only_by(mut self, mut keeps: impl FnMut(&str, KeyId) -> bool) -> Self {
        self.signatures.retain(|line| keeps(&line.name, line.id));
        self
    }

    /// The note with one more signature; an older one by the same name and id goes.
    ///
    /// Errors: [`NoteError::TooManySignatures`].
    /// Never:  checks it.
    pub fn with_signature(mut self, signature: NoteSignature) -> Result<Self, NoteError> {
        self.signatures.retain(|other| other.name != signature.name || other.id != signature.id);
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(self)
    }
}

impl fmt::Display for SignedNote {
    /// The note as it is stored and sent; parsing it again gives the same note.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

/// A note's text that at least one trusted key has signed: only [`SignedNote::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedText<'a> {
    text: &'a str,
    signed_by: Vec<&'a VerifierKey>,
}

impl<'a> VerifiedText<'a> {
    /// The text that was signed, with its final newline.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The trusted keys that signed it, at least one, none twice.
    pub fn signed_by(&self) -> &[&'a VerifierKey] {
        &self.signed_by
    }
}

/// One signature line: who claims to have signed, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// The key name on the line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id on the line.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn new(name: &str, id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), id, bytes }
    }

    /// What follows the key's id.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        if !is_key_name(name) {
            return None;
        }
        let bytes = decode_base64(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if signature.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), id: KeyId(*id), bytes: signature.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.0.to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, BASE64.encode(&bytes))
    }
}

/// The public half of a log's key: a name and an Ed25519 key.
///
/// Shape:  text is `name+hash+base64`, the "vkey" of the specification.
/// Source: c2sp.org/signed-note, "Verifier keys".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifierKey {
    name: String,
    /// INVARIANT: computed from name and public key, never taken on trust.
    id: KeyId,
    public: [u8; 32],
}

impl VerifierKey {
    /// Reads a verifier key.
    ///
    /// Errors: [`KeyError`] says what is wrong with the text; ask its owner for the line again.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let (name, id, public) = parse_key(vkey, ED25519_TYPE)?;
        let key = Self::new(name, public)?;
        if key.id != id {
            return Err(KeyError::WrongId);
        }
        Ok(key)
    }

    /// The name, which is also the origin of the log that signs with this key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The short identifier: not a commitment to the key, only a way to find it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        let id = KeyId::of(name, ED25519_TYPE, &public);
        Ok(Self { name: name.to_owned(), id, public })
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    /// The vkey line; parsing it again gives the same key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, encode_key(ED25519_TYPE, &self.public))
    }
}

/// The private half of a log's key.
///
/// Neither `Debug` nor a format string shows the secret; [`SignerKey::to_string`] has to be called by name.
///
/// Shape:  text is `PRIVATE+KEY+name+hash+base64`, as Go's `golang.org/x/mod/sumdb/note` writes it.
#[derive(Clone)]
pub struct SignerKey {
    verifier: VerifierKey,
    seed: [u8; 32],
    pair: Arc<Ed25519KeyPair>,
}

impl SignerKey {
    /// The key that this seed stands for.
    ///
    /// Shape:  a name without spaces or plus, 32 random bytes that the caller draws and keeps secret.
    /// Errors: [`KeyError::Name`]; choose a name such as `hospital.example/ledger`.
    /// Never:  draws randomness.
    /// Source: RFC 8032 section 5.1.5.
    pub fn generate(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        use aws_lc_rs::signature::KeyPair;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Material)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
        Ok(Self { verifier: VerifierKey::new(name, public)?, seed, pair: Arc::new(pair) })
    }

    /// Reads a private key.
    ///
    /// Errors: [`KeyError`] says what is wrong, never what the key is.
    pub fn parse(skey: &str) -> Result<Self, KeyError> {
        let rest = skey.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::NotPrivate)?;
        let (name, id, seed) = parse_key(rest, ED25519_TYPE)?;
        let key = Self::generate(name, seed)?;
        if key.verifier.id != id {
            return Err(KeyError::WrongId);
        }
        Ok(key)
    }

    /// The private key as text: for a file of mode 0600 and nothing else.
    #[expect(clippy::inherent_to_string, reason = "Display would let any format string print the secret")]
    pub fn to_string(&self) -> String {
        format!(
            "{PRIVATE_PREFIX}{}+{}+{}",
            self.verifier.name,
            self.verifier.id,
            encode_key(ED25519_TYPE, &self.seed)
        )
    }

    /// The name, which is also the origin of the log.
    pub fn name(&self) -> &str {
        &self.verifier.name
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// An Ed25519 signature. Callers sign texts that cannot be taken for each other: see spec/certificate.md.
    pub(crate) fn sign_message(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}+{}, secret)", self.verifier.name, self.verifier.id)
    }
}

/// Four bytes that, with the name, say which key signed.
///
/// Source: c2sp.org/signed-note, `SHA-256(name || 0x0A || type || public key)[:4]`, where a log's type is 0x01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

impl KeyId {
    pub(crate) fn of(name: &str, kind: u8, public: &[u8; 32]) -> Self {
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

/// Why a text is not a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Past [`NOTE_BYTES_MAX`].
    #[error("the note is longer than {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// A character below U+0020 other than a newline (a carriage return, most often).
    #[error("the note holds a control character: was it saved with Windows line ends?")]
    ControlCharacter,
    /// Nothing separates text and signatures.
    #[error("the note has no blank line between text and signatures")]
    NoBlankLine,
    /// Text or signatures do not end in a newline.
    #[error("the note does not end in a newline: was it cut short?")]
    Unterminated,
    /// A line after the blank one is not a signature.
    #[error("a signature line of the note is not `— name base64`")]
    SignatureLine,
    /// Past [`NOTE_SIGNATURES_MAX`].
    #[error("the note has more than {NOTE_SIGNATURES_MAX} signatures")]
    TooManySignatures,
}

/// Why a note's text may not be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// None of the signatures claims a trusted key.
    #[error("no trusted key signed this note: add its verifier key if you trust its log")]
    Untrusted,
    /// A signature claims a trusted key, and that key did not make it.
    #[error("the signature that claims `{name}` is not by its key")]
    Forged {
        /// The key name on the line.
        name: String,
    },
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

/// The longest note that is read: a hundred post-quantum signatures fit.
pub const NOTE_BYTES_MAX: usize = 1 << 19;
/// The most signatures that are read; the specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// The longest key name: what a witness cosignature can hold.
pub const KEY_NAME_BYTES_MAX: usize = 255;

const SIGNATURE_PREFIX: &str = "\u{2014} ";
pub(crate) const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";
const ED25519_TYPE: u8 = 0x01;

/// `name+hash+base64(0x01 || 32 bytes)`; the base64 may hold plus signs itself.
pub(crate) fn parse_key(text: &str, kind: u8) -> Result<(&str, KeyId, [u8; 32]), KeyError> {
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

pub(crate) fn encode_key(kind: u8, key: &[u8; 32]) -> String {
    let mut material = vec![kind];
    material.extend_from_slice(key);
    BASE64.encode(&material)
}

pub(crate) fn is_key_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= KEY_NAME_BYTES_MAX
        && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests;
