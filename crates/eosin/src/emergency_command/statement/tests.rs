//! Statements read back in one spelling, and what two people have to sign.

use super::*;

const LOG: &str = "eosin.test/policy";

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::generate(name, [seed; 32]).unwrap()
}

fn signers() -> Signers {
    let known = [("ada", 1), ("bel", 2), ("cyd", 3)];
    let known = known.map(|(name, seed)| (name.to_owned(), key(name, seed).verifier().clone()));
    Signers { known: known.to_vec(), hours_max: 72 }
}

fn request() -> Request {
    Request {
        log: LOG.to_owned(),
        prepared: 3,
        version: "stop@0123456789ab".to_owned(),
        sha256: "00".repeat(32),
        scope: "boundary=feed".parse().unwrap(),
        asked: "2026-11-22T17:00:00.5Z".parse().unwrap(),
        until: "2026-11-22T19:00:00.5Z".parse().unwrap(),
        reason: "CASE-7".to_owned(),
    }
}

#[test]
fn statements_read_back_in_one_spelling_only() {
    let text = request().text();
    assert_eq!(Request::parse(&text), Some(request()));
    for (from, to) in [
        ("prepared 3", "prepared 03"),
        ("scope boundary=feed", "scope "),
        ("log ", "lag "),
        (".5Z\nuntil", "Z\nuntil "),
    ] {
        assert_eq!(Request::parse(&text.replace(from, to)), None, "{from} to {to}");
    }
    assert_eq!(Request::parse(&format!("{text}more\n")), None);
    let down = StandDown {
        log: LOG.to_owned(),
        activation: format!("{LOG}#4"),
        at: request().asked,
        reason: "over".to_owned(),
    };
    assert_eq!(StandDown::parse(&down.text()), Some(down.clone()));
    let note = sign(&down.text(), &key("bel", 2)).unwrap();
    assert_eq!(signers().stood_down(&note, LOG).unwrap(), (down, "bel".to_owned()));
    assert!(signers().stood_down(&note, "another").is_err());
    assert!(signers().stood_down(&sign(&request().text(), &key("bel", 2)).unwrap(), LOG).is_err());
}

#[test]
fn two_different_people_sign_in_time() {
    let signers = signers();
    let note = sign(&request().text(), &key("bel", 2)).unwrap();
    let at = "2026-11-22T17:14:00Z";
    assert!(signers.approved(&note, LOG, at).is_err(), "one is not enough");
    let same = cosign(&note, &key("bel", 2)).unwrap();
    assert!(signers.approved(&same, LOG, at).is_err(), "the same person twice");
    let stranger = cosign(&note, &key("dot", 4)).unwrap();
    assert!(signers.approved(&stranger, LOG, at).is_err(), "a stranger");
    let renamed = cosign(&note, &key("ada", 2)).unwrap();
    assert!(signers.approved(&renamed, LOG, at).is_err(), "the same key under another name");

    let both = cosign(&note, &key("ada", 1)).unwrap();
    let (read, first, second) = signers.approved(&both, LOG, at).unwrap();
    assert_eq!((read, first.as_str(), second.as_str()), (request(), "bel", "ada"));
    assert!(signers.approved(&both, LOG, "2026-11-22T17:16:00Z").is_err(), "it had lapsed");
    assert!(signers.approved(&both, "another", at).is_err(), "another log's");
    let forged = both.replace("boundary=feed", "all");
    assert!(signers.approved(&forged, LOG, at).is_err(), "another scope than was signed");
    let long = Request { until: "2026-11-29T19:00:00Z".parse().unwrap(), ..request() };
    let long = cosign(&sign(&long.text(), &key("bel", 2)).unwrap(), &key("ada", 1)).unwrap();
    assert!(signers.approved(&long, LOG, at).is_err(), "longer than allowed");
}

#[test]
fn keys_that_end_alike_are_two() {
    // In base64 a plus sign is a digit: one key of 64 ends in it.
    let keys = (0_u16..2_000).map(|number| {
        let mut seed = [0; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        SignerKey::generate("ada", seed).unwrap()
    });
    let alike: Vec<_> = keys.filter(|key| key.verifier().to_string().ends_with('+')).collect();
    assert!(alike.len() > 2, "{}", alike.len());
    let materials: std::collections::BTreeSet<String> =
        alike.iter().map(|key| material(key.verifier())).collect();
    assert_eq!(materials.len(), alike.len());
    assert!(materials.iter().all(|one| one.len() == 44), "33 bytes in base64");
}

#[test]
fn lengths_and_reasons_have_bounds() {
    for (text, seconds) in [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("3d", 259_200)] {
        assert_eq!(length(text).unwrap().as_secs(), seconds);
    }
    for text in ["", "h", "0h", "-1h", "2w", "2", "two hours"] {
        assert!(length(text).is_err(), "{text}");
    }
    assert_eq!(reason(" CASE-7 ").unwrap(), "CASE-7");
    for text in ["", "  ", "a\nb", &"x".repeat(201)] {
        assert!(reason(text).is_err(), "{text}");
    }
    assert_eq!(
        (told(SignedDuration::from_hours(2)), told(SignedDuration::from_secs(61))),
        ("2 h".into(), "61 s".into())
    );
}
