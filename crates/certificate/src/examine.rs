//! What a certificate proves by itself: envelope, signature, statement, entry and receipt. Pure.

use mark::{
    dsse::{Envelope, key_hint},
    merkle::leaf_hash,
    note::VerifierKey,
    tlog_proof::TlogProof,
};

use super::statement::{PAYLOAD_TYPE, Statement};

/// The parts of a certificate that are checked, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The file itself.
    Envelope,
    /// Who signed it.
    Signature,
    /// What it states.
    Statement,
    /// What the ledger says of it.
    Entry,
    /// That the ledger says it.
    Receipt,
    /// The files at hand.
    Files,
    /// Their records, read again.
    Content,
    /// The registry at hand.
    Registry,
}

impl Part {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Envelope => "envelope",
            Self::Signature => "signature",
            Self::Statement => "statement",
            Self::Entry => "entry",
            Self::Receipt => "receipt",
            Self::Files => "files",
            Self::Content => "content",
            Self::Registry => "registry",
        }
    }
}

/// How it is with one part, and a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds.
    Holds(String),
    /// It does not.
    Fails(String),
    /// Nobody looked.
    NotChecked(String),
}

/// The parts that were looked at, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts(
    /// Each with its state.
    pub Vec<(Part, State)>,
);

impl Parts {
    /// This part holds, and what was found.
    pub fn holds(&mut self, part: Part, why: impl Into<String>) {
        self.0.push((part, State::Holds(why.into())));
    }

    /// This part does not hold, and why.
    pub fn fails(&mut self, part: Part, why: impl Into<String>) {
        self.0.push((part, State::Fails(why.into())));
    }

    /// This part was not looked at, and why.
    pub fn not_checked(&mut self, part: Part, why: impl Into<String>) {
        self.0.push((part, State::NotChecked(why.into())));
    }

    /// The parts that do not hold.
    pub fn failed(&self) -> impl Iterator<Item = (Part, &str)> {
        self.0.iter().filter_map(|(part, state)| match state {
            State::Fails(why) => Some((*part, why.as_str())),
            State::Holds(_) | State::NotChecked(_) => None,
        })
    }
}

/// Examines the bytes of a certificate.
///
/// Shape:  the file's bytes and the keys trusted to certify -> the first five parts, and the statement if all of them
///         hold.
/// Bounds: [`mark::dsse::ENVELOPE_BYTES_MAX`].
/// Errors: none; whatever is wrong is a part that fails.
/// Source: spec/certificate.md section 8.
pub fn examine(bytes: &[u8], trusted: &[VerifierKey]) -> (Parts, Option<Statement>) {
    let mut parts = Parts::default();
    let statement = step_by_step(bytes, trusted, &mut parts);
    if statement.is_none() {
        let reached = parts.0.len();
        let rest = [Part::Signature, Part::Statement, Part::Entry, Part::Receipt];
        for part in rest.into_iter().skip(reached.saturating_sub(1)) {
            parts.not_checked(part, "what comes before it does not hold");
        }
    }
    (parts, statement)
}

fn step_by_step(bytes: &[u8], trusted: &[VerifierKey], parts: &mut Parts) -> Option<Statement> {
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => {
            parts.fails(Part::Envelope, error.to_string());
            return None;
        }
    };
    let spelled = [envelope.to_json(), b"\n".to_vec()].concat();
    if spelled != bytes {
        parts.fails(
            Part::Envelope,
            "is not written in its one spelling: it was changed or formatted after it was made",
        );
        return None;
    }
    parts.holds(Part::Envelope, "DSSE, in its one spelling");

    let (payload, key) = match envelope.verify(PAYLOAD_TYPE, trusted) {
        Ok(found) => found,
        Err(error) => {
            parts.fails(Part::Signature, error.to_string());
            return None;
        }
    };
    if envelope.unverified_key_hint() != Some(key_hint(key).as_str()) {
        parts.fails(Part::Signature, "names another key than the one that signed");
        return None;
    }
    parts.holds(Part::Signature, format!("Ed25519 by {}", key_hint(key)));

    let statement = match Statement::parse(payload) {
        Ok(statement) if statement.predicate.signer == key_hint(key) => statement,
        Ok(_) => {
            parts.fails(Part::Statement, "names another signer than the one that signed");
            return None;
        }
        Err(why) => {
            parts.fails(Part::Statement, why);
            return None;
        }
    };
    parts.holds(Part::Statement, "in-toto; its counts add up, and its words say what they say");
    receipt(&statement, key, parts).then_some(statement)
}

fn receipt(statement: &Statement, key: &VerifierKey, parts: &mut Parts) -> bool {
    let receipt = &statement.predicate.receipt;
    let entry = statement.entry();
    if receipt.entry.as_bytes() != entry {
        parts.fails(Part::Entry, "the ledger's entry says something else than the certificate");
        return false;
    }
    parts.holds(Part::Entry, "the ledger's entry says what the certificate says");
    let verified = TlogProof::parse(&receipt.proof).map_err(|error| error.to_string()).and_then(|proof| {
        let checkpoint =
            proof.verify(&leaf_hash(&entry), std::slice::from_ref(key)).map_err(|error| error.to_string())?;
        Ok((proof.index(), checkpoint))
    });
    match verified {
        Ok((index, checkpoint)) => {
            let size = checkpoint.size();
            parts.holds(Part::Receipt, format!("entry {index} of {size} in `{}`", checkpoint.origin()));
            true
        }
        Err(why) => {
            parts.fails(Part::Receipt, why);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use mark::{checkpoint::Checkpoint, note::SignerKey};

    use super::{super::statement::tests::statement, *};

    fn signer() -> SignerKey {
        SignerKey::generate("log.example", [5; 32]).unwrap()
    }

    fn proved(mut statement: Statement) -> Statement {
        statement.predicate.signer = key_hint(signer().verifier());
        let entry = statement.entry();
        let checkpoint = Checkpoint::new("log.example", 1, leaf_hash(&entry)).unwrap();
        let proof = TlogProof::new(0, Vec::new(), checkpoint.sign(&signer()).unwrap());
        statement.predicate.receipt.entry = String::from_utf8(entry).unwrap();
        statement.predicate.receipt.proof = proof.to_string();
        statement
    }

    fn written(statement: &Statement) -> Vec<u8> {
        let mut bytes = Envelope::sign(PAYLOAD_TYPE, statement.canonical(), &signer()).to_json();
        bytes.push(b'\n');
        bytes
    }

    fn check(bytes: &[u8], want: &str) {
        let trusted = [signer().verifier().clone()];
        let (parts, statement) = examine(bytes, &trusted);
        let failed: Vec<&str> = parts.failed().map(|(part, _)| part.as_str()).collect();
        assert_eq!(failed.join(" "), want, "{parts:?}");
        assert_eq!(parts.0.len(), 5);
        assert_eq!(statement.is_some(), want.is_empty());
    }

    /// What it is, the certificate, and the part that does not hold.
    fn scenes() -> Vec<(&'static str, Vec<u8>, &'static str)> {
        let good = proved(statement());
        let changed = |change: &dyn Fn(&mut Statement)| {
            let mut changed = good.clone();
            change(&mut changed);
            written(&changed)
        };
        let other = SignerKey::generate("log.example", [6; 32]).unwrap();
        let mut by_another = Envelope::sign(PAYLOAD_TYPE, good.canonical(), &other).to_json();
        by_another.push(b'\n');
        let mut another_type = Envelope::sign("application/json", good.canonical(), &signer()).to_json();
        another_type.push(b'\n');
        let registry_root = |it: &mut Statement| {
            it.predicate.judged_against.registry.as_mut().unwrap().root = "33".repeat(32);
        };
        let index = |it: &mut Statement| {
            it.predicate.receipt.proof = it.predicate.receipt.proof.replace("index 0", "index 1");
        };
        vec![
            ("as it was made", written(&good), ""),
            ("nothing", Vec::new(), "envelope"),
            ("without its line feed", written(&good).trim_ascii_end().to_vec(), "envelope"),
            ("by another key of the same name", by_another, "signature"),
            ("of another type", another_type, "signature"),
            ("another signer named", changed(&|it| it.predicate.signer.push('0')), "statement"),
            ("one record more", changed(&|it| it.predicate.records = 5), "statement"),
            ("another sentence", changed(&|it| it.predicate.says[0].push('!')), "statement"),
            ("another moment", changed(&|it| it.predicate.at.replace_range(0..4, "2025")), "entry"),
            ("another file", changed(&|it| it.subject[0].digest.sha256 = "44".repeat(32)), "entry"),
            ("another content", changed(&|it| it.predicate.content_root = "44".repeat(32)), "entry"),
            ("another snapshot", changed(&registry_root), "entry"),
            ("another place in the log", changed(&index), "receipt"),
        ]
    }

    #[test]
    fn each_part_that_does_not_hold_is_named() {
        for (_, bytes, want) in scenes() {
            check(&bytes, want);
        }
    }

    #[test]
    fn the_vectors_are_these_scenes() {
        let scenes: Vec<serde_json::Value> = scenes()
            .into_iter()
            .map(|(what, bytes, fails)| {
                let text = String::from_utf8(bytes).unwrap();
                serde_json::json!({ "certificate": text, "fails": fails, "what": what })
            })
            .collect();
        let vectors = serde_json::json!({ "scenes": scenes, "vkey": signer().verifier().to_string() });
        let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
        expect_test::expect_file!["../../../spec/vectors/certificate.json"].assert_eq(&text);
    }

    #[test]
    fn no_changed_byte_verifies() {
        let good = written(&proved(statement()));
        let trusted = [signer().verifier().clone()];
        for place in 0..good.len() {
            // One bit, and what makes one alphabet of base64 of the other.
            for by in [0x01, 0x06] {
                let mut bytes = good.clone();
                bytes[place] ^= by;
                let (parts, statement) = examine(&bytes, &trusted);
                assert!(statement.is_none(), "byte {place} by {by:#x}: {parts:?}");
                assert_eq!(parts.failed().count(), 1, "byte {place} by {by:#x}: {parts:?}");
            }
        }
        let mut longer = good;
        longer.push(b'\n');
        assert!(examine(&longer, &trusted).1.is_none(), "white space is a byte too");
    }
}
