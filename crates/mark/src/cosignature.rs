//! Cosignatures: a witness says that it saw a log grow, and never change.
//!
//! Source: c2sp.org/tlog-cosignature, the Ed25519 kind (type 0x04), which is the one that verifiers read today.

use crate::note::{NoteSignature, PrivateKey, PublicKey, SignedNote, VerifiedText, VerifyError, WITNESS};

/// The public half of a witness's key, which signs nothing but cosignatures.
pub type WitnessKey = PublicKey<WITNESS>;

/// The private half of a witness's key.
pub type WitnessSigner = PrivateKey<WITNESS>;

impl WitnessKey {
    /// When this witness cosigned the text, if the signature is its own.
    fn moment(&self, text: &str, signature: &[u8]) -> Option<u64> {
        let (at, signature) = signature.split_first_chunk::<8>()?;
        let at = u64::from_be_bytes(*at);
        (at <= TIMESTAMP_MAX && self.has_signed(message(text, at).as_bytes(), signature)).then_some(at)
    }
}

impl WitnessSigner {
    /// Cosigns a checkpoint that its log has signed.
    ///
    /// The caller has seen that it is the largest of that log, and consistent with all before it: that is what is said.
    ///
    /// Shape:  the checkpoint's text, POSIX seconds below 2^63 -> one signature line.
    pub fn cosign(&self, checkpoint: &VerifiedText<'_>, at: u64) -> NoteSignature {
        let at = at.min(TIMESTAMP_MAX);
        let mut bytes = at.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.sign_message(message(checkpoint.text(), at).as_bytes()));
        NoteSignature::new(self.name(), self.verifier().id(), bytes)
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

/// Which of these witnesses have cosigned a checkpoint, each once, in the order of the keys. Keys of one holder are one witness.
///
/// Unknown signatures are ignored. A witness never speaks for the log: see [`crate::checkpoint::Checkpoint::open`].
///
/// Errors: [`VerifyError::Forged`]: a signature claims a known witness and is not by it; the note is spoiled.
pub fn cosigned_by<'w>(
    note: &SignedNote,
    witnesses: &'w [WitnessKey],
) -> Result<Vec<Cosigned<'w>>, VerifyError> {
    let mut found: Vec<Cosigned<'w>> = Vec::new();
    for witness in witnesses {
        if found.iter().any(|before| before.witness.is_of_the_holder_of(witness)) {
            continue;
        }
        let mut latest = None;
        let claims = note
            .signatures()
            .iter()
            .filter(|line| line.name() == witness.name() && line.id() == witness.id());
        for line in claims {
            let Some(at) = witness.moment(note.unverified_text(), line.bytes()) else {
                return Err(VerifyError::Forged { name: witness.name().to_owned() });
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

const TIMESTAMP_MAX: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkpoint::Checkpoint,
        digest::sha256,
        note::{KeyError, SignerKey, VerifierKey},
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
        let keys = [witness.verifier().clone()];
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
        // One witness is one, however often it is named, and under whatever names.
        let alias = WitnessSigner::generate("witness.example/alias", [2; 32]).unwrap();
        let twice = cosigned(&note, log.verifier(), &alias, 1_700_000_000);
        let named = [keys[0].clone(), keys[0].clone(), alias.verifier().clone()];
        assert_eq!(cosigned_by(&twice, &named).unwrap().len(), 1);
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
        assert_eq!(VerifierKey::parse(&witness.verifier().to_string()), Err(KeyError::Algorithm));
        assert_eq!(WitnessSigner::parse(&log.to_string()).err(), Some(KeyError::Algorithm));
        assert_eq!(SignerKey::parse(&witness.to_string()).err(), Some(KeyError::Algorithm));
        let again = WitnessSigner::parse(&witness.to_string()).unwrap();
        assert_eq!(again.verifier(), witness.verifier());
        assert!(!format!("{witness:?}").contains(&witness.to_string()));
        let wrong = witness.verifier().to_string().replace("a.example", "b.example");
        assert_eq!(WitnessKey::parse(&wrong), Err(KeyError::WrongId));
    }
}
