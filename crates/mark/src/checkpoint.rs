//! Checkpoints: the signed statement of a log's size and root.
//!
//! Source: c2sp.org/tlog-checkpoint@v1.0.0.

use crate::digest::Hash;
use crate::note::{NoteError, SignedNote, SignerKey, VerifierKey, VerifyError};

/// What a log says of itself: so many entries, with this root.
///
/// A value of this type is only words until [`Checkpoint::open`] has seen the log's signature.
///
/// Shape:  text of three lines: origin, decimal size, base64 root; further lines are kept and mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The statement that the log `origin` has `size` entries with this root.
    ///
    /// Errors: [`CheckpointError::Origin`]: empty, or it would not stay one line.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.chars().any(char::is_control) {
            return Err(CheckpointError::Origin);
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// Reads the text of a checkpoint, without its signatures.
    ///
    /// Errors: [`CheckpointError`] says which line is wrong.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Unterminated)?;
        let mut lines = body.split('\n');
        let origin = lines.next().unwrap_or_default();
        let size = lines.next().and_then(parse_decimal).ok_or(CheckpointError::Size)?;
        let root = lines.next().and_then(Hash::from_base64).ok_or(CheckpointError::Root)?;
        let mut checkpoint = Self::new(origin, size, root)?;
        for line in lines {
            if line.is_empty() {
                return Err(CheckpointError::EmptyLine);
            }
            checkpoint.extensions.push(line.to_owned());
        }
        Ok(checkpoint)
    }

    /// Reads a signed checkpoint, if one of these keys signed it as the log it names.
    ///
    /// A witness's key may be among the trusted ones: it never speaks for the log.
    ///
    /// Shape:  the note as stored -> the checkpoint of a log whose key name is the origin.
    /// Errors: [`OpenError`]: not a note, not a checkpoint, nobody trusted signed it, or forged.
    /// Source: c2sp.org/tlog-proof, "Verifying", step 2.
    pub fn open(note: &str, trusted: &[VerifierKey]) -> Result<Self, OpenError> {
        Self::open_note(&SignedNote::parse(note).map_err(OpenError::Note)?, trusted)
    }

    /// [`Checkpoint::open`] for a note that was read before; it never fails with [`OpenError::Note`].
    pub fn open_note(note: &SignedNote, trusted: &[VerifierKey]) -> Result<Self, OpenError> {
        let verified = note.verify(trusted).map_err(OpenError::Signature)?;
        let checkpoint = Self::parse(verified.text()).map_err(OpenError::Body)?;
        if !verified.signed_by().iter().any(|key| key.name() == checkpoint.origin) {
            return Err(OpenError::Signature(VerifyError::Untrusted));
        }
        Ok(checkpoint)
    }

    /// The checkpoint signed by its log.
    ///
    /// Errors: [`NoteError`] when the text cannot be a note; a checkpoint that was made here always can.
    pub fn sign(&self, signer: &SignerKey) -> Result<SignedNote, NoteError> {
        SignedNote::sign(&self.text(), signer)
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64());
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over those entries.
    pub fn root(&self) -> &Hash {
        &self.root
    }
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The last line has no end.
    #[error("the checkpoint does not end in a newline: was it cut short?")]
    Unterminated,
    /// The first line.
    #[error("the first line of the checkpoint is not an origin")]
    Origin,
    /// The second line.
    #[error("the second line of the checkpoint is not a size in plain decimal")]
    Size,
    /// The third line.
    #[error("the third line of the checkpoint is not a root hash in base64")]
    Root,
    /// A later line.
    #[error("the checkpoint has an empty line")]
    EmptyLine,
}

/// Why a signed checkpoint may not be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a signed note at all.
    #[error("this is not a signed note")]
    Note(#[source] NoteError),
    /// Nobody trusted signed it for this log, or somebody forged it.
    #[error("the checkpoint is not signed by a trusted log key")]
    Signature(#[source] VerifyError),
    /// A trusted key signed something else.
    #[error("the signed text is not a checkpoint")]
    Body(#[source] CheckpointError),
}

/// A decimal number in its one spelling: no sign, no leading zero.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha256;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

    #[test]
    fn the_example_of_the_specification_reads_and_writes() {
        let text = format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n");
        let checkpoint = Checkpoint::parse(&text).unwrap();
        assert_eq!((checkpoint.origin(), checkpoint.size()), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(checkpoint.root().to_base64(), ROOT);
        assert_eq!(checkpoint.text(), text);
    }

    #[test]
    fn texts_that_are_not_checkpoints() {
        let rows = [
            (String::new(), CheckpointError::Unterminated),
            (format!("log\n1\n{ROOT}"), CheckpointError::Unterminated),
            (format!("\n1\n{ROOT}\n"), CheckpointError::Origin),
            (format!("log\r\n1\n{ROOT}\n"), CheckpointError::Origin),
            ("log\n".to_owned(), CheckpointError::Size),
            (format!("log\n01\n{ROOT}\n"), CheckpointError::Size),
            (format!("log\n+1\n{ROOT}\n"), CheckpointError::Size),
            (format!("log\n-1\n{ROOT}\n"), CheckpointError::Size),
            (format!("log\n\n{ROOT}\n"), CheckpointError::Size),
            (format!("log\n18446744073709551616\n{ROOT}\n"), CheckpointError::Size),
            ("log\n1\n".to_owned(), CheckpointError::Root),
            ("log\n1\nAAAA\n".to_owned(), CheckpointError::Root),
            (format!("log\n1\n{ROOT}\n\n"), CheckpointError::EmptyLine),
        ];
        for (text, expected) in rows {
            assert_eq!(Checkpoint::parse(&text), Err(expected), "{}", text.escape_debug());
        }
        let extended = format!("log\n18446744073709551615\n{ROOT}\nextension\n");
        assert_eq!(Checkpoint::parse(&extended).unwrap().text(), extended);
    }

    #[test]
    fn only_the_log_itself_speaks_for_the_log() {
        let log = SignerKey::generate("log.example", [1; 32]).unwrap();
        let witness = SignerKey::generate("witness.example", [2; 32]).unwrap();
        let checkpoint = Checkpoint::new("log.example", 3, sha256(&[])).unwrap();
        let signed = checkpoint.sign(&log).unwrap().to_string();
        let by_witness = checkpoint.sign(&witness).unwrap().to_string();

        let trust_log = [log.verifier().clone()];
        let trust_witness = [witness.verifier().clone()];
        assert_eq!(Checkpoint::open(&signed, &trust_log), Ok(checkpoint));
        let untrusted = Err(OpenError::Signature(VerifyError::Untrusted));
        assert_eq!(Checkpoint::open(&signed, &trust_witness), untrusted);
        assert_eq!(Checkpoint::open(&by_witness, &trust_witness), untrusted, "a witness is not the log");

        let forged = signed.replace("\n3\n", "\n4\n");
        let expected = OpenError::Signature(VerifyError::Forged { name: "log.example".to_owned() });
        assert_eq!(Checkpoint::open(&forged, &trust_log), Err(expected));
        let other = SignedNote::sign("log.example\n", &log).unwrap().to_string();
        assert_eq!(Checkpoint::open(&other, &trust_log), Err(OpenError::Body(CheckpointError::Size)));
        assert!(matches!(Checkpoint::open("checkpoint", &trust_log), Err(OpenError::Note(_))));
    }
}
