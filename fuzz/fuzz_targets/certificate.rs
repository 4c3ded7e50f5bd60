//! A certificate of any bytes: each of its parts holds or does not, nothing verifies that was not signed, nothing that was signed
//! verifies without its receipt, and with it what was stated is read back.
#![no_main]

use certificate::{PAYLOAD_TYPE, Part, Statement, examine};
use mark::{
    checkpoint::Checkpoint,
    dsse::{Envelope, key_hint},
    merkle::leaf_hash,
    note::SignerKey,
    tlog_proof::TlogProof,
};

const PARTS: [Part; 5] = [Part::Envelope, Part::Signature, Part::Statement, Part::Entry, Part::Receipt];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let signer = SignerKey::generate("fuzz.example/log", [0x5a; 32]).expect("a good name");
    assert_eq!(examined(bytes, &signer), None, "nobody signed it");
    // What an envelope holds is reached through the envelope that somebody made, or as it is.
    let envelope = Envelope::parse(bytes);
    let stated = envelope.as_ref().map_or(bytes, |envelope| envelope.unverified_payload());
    let mut signed = Envelope::sign(PAYLOAD_TYPE, stated.to_vec(), &signer).to_json();
    signed.push(b'\n');
    assert_eq!(examined(&signed, &signer), None, "no ledger has it");
    let Ok(mut statement) = Statement::parse(stated) else { return };
    assert_eq!(statement.canonical(), stated);
    statement.predicate.signer = key_hint(signer.verifier());
    let entry = statement.entry();
    statement.predicate.receipt.entry = String::from_utf8(entry.clone()).expect("JSON");
    assert!(statement.sign(&signer).is_err(), "no ledger has it");
    let checkpoint = Checkpoint::new("fuzz.example/log", 1, leaf_hash(&entry)).expect("a good name");
    let checkpoint = checkpoint.sign(&signer).expect("a checkpoint can be signed");
    statement.predicate.receipt.proof = TlogProof::new(0, Vec::new(), checkpoint).to_string();
    let certificate = statement.sign(&signer).expect("what adds up, and is in a ledger");
    assert_eq!(examined(&certificate, &signer), Some(statement));
});

fn examined(bytes: &[u8], signer: &SignerKey) -> Option<Statement> {
    let (parts, statement) = examine(bytes, std::slice::from_ref(signer.verifier()));
    assert!(parts.0.iter().map(|(part, _)| *part).eq(PARTS), "each part, once");
    assert_eq!(parts.failed().count(), usize::from(statement.is_none()), "one part fails, or none");
    statement
}
