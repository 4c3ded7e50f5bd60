//! Signed notes: a text with signature lines. The keys that make and check them are in `note/key.rs`.
//!
//! Source: c2sp.org/signed-note@v1.0.0. Only signature type 0x01 is signed or verified here; lines of other
//! types are kept and passed on, as the specification asks.

use std::fmt;

use data_encoding::BASE64;

use crate::digest::decode_base64;

mod key;

pub(crate) use key::WITNESS;
use key::is_key_name;
pub use key::{KEY_NAME_BYTES_MAX, KeyError, KeyId, PrivateKey, PublicKey, SignerKey, VerifierKey};

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
            name: signer.name().to_owned(),
            id: signer.verifier().id(),
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
            let known = |key: &&VerifierKey| key.name() == signature.name && key.id() == signature.id;
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
        Some(Self { name: name.to_owned(), id: KeyId::read(*id), bytes: signature.to_vec() })
    }
}

impl fmt::Display for NoteSignature {
    /// The line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, BASE64.encode(&bytes))
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

/// The longest note that is read: a hundred post-quantum signatures fit.
pub const NOTE_BYTES_MAX: usize = 1 << 19;
/// The most signatures that are read; the specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 100;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

#[cfg(test)]
mod tests;
