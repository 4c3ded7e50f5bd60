//! The specification's own example, a table of broken notes and keys, and the laws of signing.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;

const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn signer(name: &str, seed: u8) -> SignerKey {
    SignerKey::generate(name, [seed; 32]).unwrap()
}

#[test]
fn the_example_of_the_specification() {
    let keys = [VerifierKey::parse(VKEY).unwrap()];
    assert_eq!(keys[0].to_string(), VKEY);
    let note = SignedNote::parse(NOTE).unwrap();
    assert_eq!(note.to_string(), NOTE);
    let verified = note.verify(&keys).unwrap();
    assert_eq!(verified.text(), "This is an example message.\n");
    assert_eq!(verified.signed_by(), [&keys[0]]);

    let changed = SignedNote::parse(&NOTE.replace("an example", "no example")).unwrap();
    assert_eq!(changed.verify(&keys), Err(VerifyError::Forged { name: "example.com/foo".to_owned() }));
}

#[test]
fn a_key_pair_of_rfc_8032() {
    // RFC 8032 section 7.1, test 1: the public key that this secret stands for.
    let seed = HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SignerKey::generate("rfc.example", seed.try_into().unwrap()).unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(HEXLOWER.encode(&key.verifier().public), public);
    assert_eq!(SignerKey::parse(&key.to_string()).unwrap().verifier(), key.verifier());
}

#[test]
fn a_signer_never_shows_its_secret_by_accident() {
    let key = signer("log.example", 7);
    let shown = format!("{key:?} {}", key.verifier());
    let skey = key.to_string();
    let secret = skey.rsplit('+').next().unwrap();
    assert!(!shown.contains(secret) && !shown.contains("0707"), "{shown}");
}

#[test]
fn texts_that_are_not_notes() {
    let line = NOTE.lines().last().unwrap();
    let rows = [
        (String::new(), NoteError::NoBlankLine),
        ("text\n".to_owned(), NoteError::NoBlankLine),
        ("text\n\n".to_owned(), NoteError::Unterminated),
        (format!("text\n\n{line}"), NoteError::Unterminated),
        (format!("text\n\n{line}\n\n"), NoteError::Unterminated),
        (NOTE.replace('\n', "\r\n"), NoteError::ControlCharacter),
        (NOTE.replace("example message", "\u{1}"), NoteError::ControlCharacter),
        (NOTE.replace('\u{2014}', "-"), NoteError::SignatureLine),
        (NOTE.replace("aQM=", "aQM"), NoteError::SignatureLine),
        (NOTE.replace("aQM=", "aQM=aQM="), NoteError::SignatureLine),
        (NOTE.replace("example.com/foo ", ""), NoteError::SignatureLine),
        (NOTE.replace("example.com/foo ", "exam+ple "), NoteError::SignatureLine),
        ("text\n\n\u{2014} name AAAAAA==\n".to_owned(), NoteError::SignatureLine),
        (format!("text\n\n{}", format!("{line}\n").repeat(101)), NoteError::TooManySignatures),
        ("x".repeat(NOTE_BYTES_MAX + 1), NoteError::TooLong),
    ];
    for (text, expected) in rows {
        assert_eq!(SignedNote::parse(&text), Err(expected), "{}", text.escape_debug());
    }
    assert!(SignedNote::parse(&format!("text\n\n{}", format!("{line}\n").repeat(100))).is_ok());
    // The text may hold blank lines, and be one.
    assert_eq!(SignedNote::parse(&format!("a\n\nb\n\n{line}\n")).unwrap().unverified_text(), "a\n\nb\n");
    assert_eq!(SignedNote::parse(&format!("\n\n{line}\n")).unwrap().unverified_text(), "\n");
}

#[test]
fn texts_that_are_not_keys() {
    let rows = [
        ("", KeyError::Shape),
        ("example.com/foo+530d903a", KeyError::Shape),
        ("exam ple+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Name),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Name),
        ("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Id),
        ("example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Id),
        ("example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::WrongId),
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2", KeyError::Material),
        ("example.com/foo+530d903a+", KeyError::Material),
        // A cosigner's key (type 04) from a real witness: not a log's key.
        ("mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O", KeyError::Algorithm),
    ];
    for (text, expected) in rows {
        assert_eq!(VerifierKey::parse(text), Err(expected), "{text}");
    }
    assert_eq!(SignerKey::parse(VKEY).unwrap_err(), KeyError::NotPrivate);
    assert_eq!(SignerKey::generate("two words", [1; 32]).unwrap_err(), KeyError::Name);
    assert_eq!(SignerKey::generate(&"x".repeat(256), [1; 32]).unwrap_err(), KeyError::Name);
}

#[test]
fn unknown_signatures_are_ignored_and_a_bad_known_one_spoils_the_note() {
    let (log, witness, stranger) =
        (signer("log.example", 1), signer("witness.example", 2), signer("log.example", 3));
    let text = "text\n";
    let by_log = SignedNote::sign(text, &log).unwrap();
    let by_both = join(&by_log, &SignedNote::sign(text, &witness).unwrap());
    let bad = join(&by_log, &SignedNote::sign("other\n", &witness).unwrap());

    let trust_log = [log.verifier().clone()];
    let trust_both = [log.verifier().clone(), witness.verifier().clone()];
    let trust_stranger = [stranger.verifier().clone()];
    assert_eq!(by_both.verify(&trust_log).unwrap().signed_by().len(), 1);
    assert_eq!(by_both.verify(&trust_both).unwrap().signed_by().len(), 2);
    assert_eq!(by_both.verify(&trust_stranger), Err(VerifyError::Untrusted), "same name, another key");
    assert_eq!(by_both.verify(&[]), Err(VerifyError::Untrusted));
    assert!(bad.verify(&trust_log).is_ok(), "the bad line is of a stranger here");
    assert_eq!(bad.verify(&trust_both), Err(VerifyError::Forged { name: "witness.example".to_owned() }));
    assert_eq!(join(&by_log, &by_log).verify(&trust_log).unwrap().signed_by().len(), 1);
}

fn join(first: &SignedNote, second: &SignedNote) -> SignedNote {
    let mut joined = first.clone();
    joined.signatures.extend(second.signatures.iter().cloned());
    SignedNote::parse(&joined.to_string()).unwrap()
}

#[test]
fn what_cannot_be_a_note_is_not_signed() {
    let key = signer("log.example", 1);
    assert_eq!(SignedNote::sign("no newline", &key), Err(NoteError::Unterminated));
    assert_eq!(SignedNote::sign("tab\t\n", &key), Err(NoteError::ControlCharacter));
}

proptest! {
    #[test]
    fn what_is_signed_reads_back_and_verifies(text in "[^\\x00-\\x1f]{0,80}(\n[^\\x00-\\x1f]{0,80}){0,4}", seed: [u8; 32]) {
        let key = SignerKey::generate("log.example/7", seed).unwrap();
        let text = format!("{text}\n");
        let note = SignedNote::sign(&text, &key).unwrap();
        let again = SignedNote::parse(&note.to_string()).unwrap();
        prop_assert_eq!(&again, &note);
        let keys = [VerifierKey::parse(&key.verifier().to_string()).unwrap()];
        prop_assert_eq!(again.verify(&keys).unwrap().text(), text);
    }

    #[test]
    fn any_text_is_answered_and_what_is_read_is_written_the_same(text in ".{0,200}|(.{0,20}\n){0,8}") {
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        let key = VerifierKey::parse(&text);
        prop_assert!(key.is_err() || key.unwrap().to_string() == text);
    }

    #[test]
    fn one_changed_byte_is_never_verified(place in any::<proptest::sample::Index>(), by in 1_u8..=255) {
        let keys = [VerifierKey::parse(VKEY).unwrap()];
        let mut bytes = NOTE.as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= by;
        if let Ok(text) = String::from_utf8(bytes) && let Ok(note) = SignedNote::parse(&text) {
            prop_assert!(note.verify(&keys).is_err(), "{}", text);
        }
    }
}
