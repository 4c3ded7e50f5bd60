//! Cosignatures: a witness says that it saw a log grow, and never change.
//!
//! Source: c2sp.org/tlog-cosignature, the Ed25519 kind (type 0x04), which is the one that verifiers read today.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::note::{
    KeyError, KeyId, NoteSignature, PRIVATE_PREFIX, SignedNote, VerifiedText, VerifyError, encode_key,
    is_key_name, parse_key,
};

/// The public half of a witness's key: a name and an Ed25519 key that signs nothing but cosignatures.
///
/// Shape:  text is `name+hash+base64`, of signature type 0x04.
/// Source: c2sp.org/tlog-cosignature, "Format".
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WitnessKey {
    name: String,
    /// INVARIANT: computed from name and public key, never taken on trust.
    id: KeyId,
    public: [u8; 32],
}

impl WitnessKey {
    /// Reads a witness's verifier key.
    ///
    /// Errors: [`KeyError`] says what is wrong with the text; [`KeyError::Algorithm`] where it is a log's key.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let (name, id, public) = parse_key(vkey, COSIGNATURE_TYPE)?;
        let key = Self::new(name, public)?;
        if key.id == id { Ok(key) } else { Err(KeyError::WrongId) }
    }

    /// The name of the witness.
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
        Ok(Self { name: name.to_owned(), id: KeyId::of(name, COSIGNATURE_TYPE, &public), public })
    }

    /// When this witness cosigned the text, if the signature is its own.
    fn moment(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (at, signature) = signature.split_first_chunk::<8>()?;
        let at = u64::from_be_bytes(*at);
        if at > TIMESTAMP_MAX {
            return None;
        }
        let key = UnparsedPublicKey::new(&ED25519, self.public);
        key.verify(message(text, at).as_bytes(), signature).is_ok().then_some(at)
    }
}

impl fmt::Display for WitnessKey {
    /// The vkey line; parsing it again gives the same key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, encode_key(COSIGNATURE_TYPE, &self.public))
    }
}

/// The private half of a witness's key.
///
/// Neither `Debug` nor a format string shows the secret; [`WitnessSigner::to_string`] has to be called by name.
///
/// Shape:  text is `PRIVATE+KEY+name+hash+base64`, of signature type 0x04.
#[derive(Clone)]
pub struct WitnessSigner {
    witness: WitnessKey,
    seed: [u8; 32],
    pair: Arc<Ed25519KeyPair>,
}

impl WitnessSigner {
    /// The key that this seed stands for.
    ///
    /// Shape:  a name without spaces or plus, 32 random bytes that the caller draws and keeps secret.
    /// Errors: [`KeyError::Name`].
    /// Never:  draws randomness.
    pub fn generate(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeyError::Material)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Material)?;
        Ok(Self { witness: WitnessKey::new(name, public)?, seed, pair: Arc::new(pair) })
    }

    /// Reads a private key.
    ///
    /// Errors: [`KeyError`] says what is wrong, never what the key is; a log's key is not a witness's.
    pub fn parse(skey: &str) -> Result<Self, KeyError> {
        let rest = skey.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::NotPrivate)?;
        let (name, id, seed) = parse_key(rest, COSIGNATURE_TYPE)?;
        let key = Self::generate(name, seed)?;
        if key.witness.id == id { Ok(key) } else { Err(KeyError::WrongId) }
    }

    /// The private key as text: for a file of mode 0600 and nothing else.
    #[expect(clippy::inherent_to_string, reason = "Display would let any format string print the secret")]
    pub fn to_string(&self) -> String {
        let WitnessKey { name, id, .. } = &self.witness;
        format!("{PRIVATE_PREFIX}{name}+{id}+{}", encode_key(COSIGNATURE_TYPE, &self.seed))
    }

    /// The public half.
    pub fn witness(&self) -> &WitnessKey {
        &self.witness
    }

    /// Cosigns a checkpoint that its log has signed.
    ///
    /// The caller has seen that it is the largest of that log, and consistent with all before it: that is what is said.
    ///
    /// Shape:  the checkpoint's text, POSIX seconds below 2^63 -> one signature line.
    pub fn cosign(&self, checkpoint: &VerifiedText<'_>, at: u64) -> NoteSignature {
        let at = at.min(TIMESTAMP_MAX);
        let mut bytes = at.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.pair.sign(message(checkpoint.text(), at).as_bytes()).as_ref());
        NoteSignature::new(&self.witness.name, self.witness.id, bytes)
    }
}

impl fmt::Debug for WitnessSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessSigner({}+{}, secret)", self.witness.name, self.witness.id)
    }
}

/// That a witness has cosigned a note: only [`cosigned_by`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosigned<'w> {
    witness: &'w WitnessKey,
    at: u64,
}

impl<'w> Cosigned<'w> {
    /// The witness.
    pub fn witness(&self) -> &'w WitnessKey {
        self.witness
    }

    /// When, in POSIX seconds, as the witness says.
    pub fn at(&self) -> u64 {
        self.at
    }
}

/// Which of these witnesses have cosigned a checkpoint, each once, in the order of the keys.
///
/// Unknown signatures are ignored. A witness never speaks for the log: see [`crate::checkpoint::Checkpoint::open`].
///
/// Errors: [`VerifyError::Forged`]: a signature claims a known witness and is not by it; the note is spoiled.
pub fn cosigned_by<'w>(
    note: &SignedNote,
    witnesses: &'w [WitnessKey],
) -> Result<Vec<Cosigned<'w>>, VerifyError> {
    let mut found = Vec::new();
    for witness in witnesses {
        let mut latest = None;
        let claims =
            note.signatures().iter().filter(|line| line.name() == witness.name && line.id() == witness.id);
        for line in claims {
            let Some(at) = witness.moment(note.unverified_text(), line.bytes()) else {
                return Err(VerifyError::Forged { name: witness.name.clone() });
            };
            latest = latest.max(Some(at));
        }
        found.extend(latest.map(|at| Cosigned { witness, at }));
    }
    Ok(found)
}

/// What is signed: not the checkpoint alone, so that no cosignature can be taken for a log's signature.
fn message(text: &str, at: u64) -> String {
    format!("cosignature/v1\ntime {at}\n{text}")
}

const COSIGNATURE_TYPE: u8 = 0x04;
const TIMESTAMP_MAX: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::Checkpoint,
        digest::sha256,
        note::{SignerKey, VerifierKey},
    };

    /// A witness of another maker: sunlight's test data, see fixtures/witness/SOURCE.md.
    #[test]
    fn cosignatures_of_another_implementation_hold() {
        for (vkey, note, at) in [
            (
                "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
                include_str!("../../../fixtures/witness/rome.checkpoint"),
                1_767_139_200,
            ),
            (
                "witness2.example.org+2e55b896+BIZ7fpceQWd60IfqQeS9IAnmNOCZjMDne8lZuguz/bi9",
                include_str!("../../../fixtures/witness/milan.checkpoint"),
                1_767_139_200,
            ),
        ] {
            let witnesses = [WitnessKey::parse(vkey).unwrap()];
            assert_eq!(witnesses[0].to_string(), vkey);
            let note = SignedNote::parse(note).unwrap();
            let found = cosigned_by(&note, &witnesses).unwrap();
            assert_eq!(
                found.iter().map(|one| (one.witness().name(), one.at())).collect::<Vec<_>>(),
                [(witnesses[0].name(), at)]
            );
        }
    }

    fn checkpoint(log: &SignerKey, size: u64) -> SignedNote {
        let root = sha256(&[&size.to_be_bytes()]);
        Checkpoint::new(log.name(), size, root).unwrap().sign(log).unwrap()
    }

    fn cosigned(note: &SignedNote, log: &VerifierKey, witness: &WitnessSigner, at: u64) -> SignedNote {
        let trusted = [log.clone()];
        let line = witness.cosign(&note.verify(&trusted).unwrap(), at);
        note.clone().with_signature(line).unwrap()
    }

    #[test]
    fn a_cosignature_says_who_and_when_and_of_what() {
        let log = SignerKey::generate("log.example/one", [1; 32]).unwrap();
        let witness = WitnessSigner::generate("witness.example/w", [2; 32]).unwrap();
        let keys = [witness.witness().clone()];
        let note = checkpoint(&log, 7);
        assert_eq!(cosigned_by(&note, &keys), Ok(vec![]), "nobody has cosigned it yet");

        let note = cosigned(&note, log.verifier(), &witness, 1_700_000_000);
        let read = SignedNote::parse(&note.to_string()).unwrap();
        assert_eq!(read, note);
        assert_eq!(cosigned_by(&read, &keys).unwrap()[0].at(), 1_700_000_000);
        // A later one takes its place.
        let again = cosigned(&note, log.verifier(), &witness, 1_700_000_009);
        assert_eq!(again.signatures().len(), 2);
        assert_eq!(cosigned_by(&again, &keys).unwrap()[0].at(), 1_700_000_009);
        // The log still speaks for itself, and the witness never does.
        assert_eq!(Checkpoint::open_note(&again, &[log.verifier().clone()]).unwrap().size(), 7);
        // Moved to another checkpoint it is a forgery.
        let moved = checkpoint(&log, 8).with_signature(note.signatures()[1].clone()).unwrap();
        assert_eq!(
            cosigned_by(&moved, &keys),
            Err(VerifyError::Forged { name: "witness.example/w".to_owned() })
        );
    }

    #[test]
    fn keys_of_witnesses_and_logs_are_not_taken_for_each_other() {
        let log = SignerKey::generate("a.example", [1; 32]).unwrap();
        let witness = WitnessSigner::generate("a.example", [1; 32]).unwrap();
        assert_eq!(WitnessKey::parse(&log.verifier().to_string()), Err(KeyError::Algorithm));
        assert_eq!(VerifierKey::parse(&witness.witness().to_string()), Err(KeyError::Algorithm));
        assert_eq!(WitnessSigner::parse(&log.to_string()).err(), Some(KeyError::Algorithm));
        assert_eq!(SignerKey::parse(&witness.to_string()).err(), Some(KeyError::Algorithm));
        let again = WitnessSigner::parse(&witness.to_string()).unwrap();
        assert_eq!(again.witness(), witness.witness());
        assert!(!format!("{witness:?}").contains(&witness.to_string()));
        let wrong = witness.witness().to_string().replace("a.example", "b.example");
        assert_eq!(WitnessKey::parse(&wrong), Err(KeyError::WrongId));
    }
}
