//! Signatures that a message offers: the published ones, and ones that are bent.

use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{Component, Fields, Request, Response};

/// The RFC's own messages, and those of a program that we did not write: see `fixtures/signature/SOURCE.md`.
const RFC: &str = include_str!("../../../../fixtures/signature/rfc9421.json");
const PEER: &str = include_str!("../../../../fixtures/signature/peer.json");

fn fields(value: &Value) -> Fields {
    let lines = value.as_array().into_iter().flatten();
    lines.map(|line| (line[0].as_str().unwrap(), line[1].as_str().unwrap())).collect()
}

fn request(value: &Value) -> Request {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    Request {
        method: text("method"),
        scheme: text("scheme"),
        authority: text("authority"),
        target: text("target"),
        fields: fields(&value["fields"]),
        trailers: Fields::default(),
    }
}

fn verifying(keys: &Value, id: &str) -> VerifyingKey {
    let bytes = |value: &Value| BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap();
    let key = &keys[id];
    if key["jwk"].is_object() {
        VerifyingKey::from_jwk(&key["jwk"].to_string()).unwrap()
    } else if key["spki"].is_string() {
        VerifyingKey::rsa_pss_sha512(id, &bytes(&key["spki"]))
    } else {
        VerifyingKey::hmac_sha256(id, &bytes(&key["secret"]))
    }
}

/// Verifies one vector as it is written.
fn verified(keys: &Value, vector: &Value) -> Result<(), Unverified> {
    let mut request = request(&vector["request"]);
    let mut response = Response {
        status: u16::try_from(vector["response"]["status"].as_u64().unwrap_or_default()).unwrap(),
        fields: fields(&vector["response"]["fields"]),
        trailers: Fields::default(),
    };
    let is_answer = vector["response"].is_object();
    let signed = if is_answer { &mut response.fields } else { &mut request.fields };
    signed.push(INPUT_HEADER, vector["input"].as_str().unwrap());
    signed.push(SIGNATURE_HEADER, vector["signature"].as_str().unwrap());
    let offered = offered(signed).unwrap();
    let key = verifying(keys, vector["key"].as_str().unwrap());
    assert_eq!(offered.len(), 1);
    assert_eq!(offered[0].parameters().keyid.as_deref(), Some(key.id()));
    let message =
        if is_answer { Message::Response(&response, Some(&request)) } else { Message::Request(&request) };
    offered[0].verify(message, &key)
}

#[test]
fn the_signatures_of_the_rfc_hold_and_its_counterexamples_do_not() {
    let file: Value = serde_json::from_str(RFC).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 17);
    for vector in vectors {
        let found = verified(&file["keys"], vector);
        let wanted = if vector["holds"] == true { Ok(()) } else { Err(Unverified::Signature) };
        assert_eq!(found, wanted, "{}", vector["name"]);
    }
}

#[test]
fn what_another_program_signed_holds() {
    let keys: Value = serde_json::from_str(RFC).unwrap();
    let peer: Value = serde_json::from_str(PEER).unwrap();
    for vector in peer["vectors"].as_array().unwrap() {
        assert_eq!(verified(&keys["keys"], vector), Ok(()), "{}", vector["name"]);
    }
    assert!(peer["vectors"].as_array().unwrap().len() >= 8);
}

/// Ed25519 and HMAC leave the signer no choice: ours is the RFC's, byte for byte.
#[test]
fn we_sign_as_the_rfc_does() {
    let file: Value = serde_json::from_str(RFC).unwrap();
    let secret =
        BASE64.decode(file["keys"]["test-shared-secret"]["secret"].as_str().unwrap().as_bytes()).unwrap();
    let mut signed_count = 0;
    for vector in file["vectors"].as_array().unwrap().iter().filter(|vector| vector["holds"] == true) {
        let id = vector["key"].as_str().unwrap();
        let key = match id {
            "test-key-ed25519" => SigningKey::from_jwk(&file["keys"][id]["jwk"].to_string()).unwrap(),
            "test-shared-secret" => SigningKey::hmac_sha256(id, &secret),
            _ => continue,
        };
        let request = request(&vector["request"]);
        let mut fields = Fields::default();
        fields.push(INPUT_HEADER, vector["input"].as_str().unwrap());
        fields.push(SIGNATURE_HEADER, vector["signature"].as_str().unwrap());
        let offered = &offered(&fields).unwrap()[0];
        let components = offered.components().unwrap();
        let message = Message::Request(&request);
        let signed = sign(offered.label(), &components, offered.parameters(), message, &key).unwrap();
        assert_eq!(signed.input, vector["input"], "{}", vector["name"]);
        assert_eq!(signed.signature, vector["signature"], "{}", vector["name"]);
        signed_count += 1;
    }
    assert_eq!(signed_count, 6);
}

#[test]
fn an_ecdsa_signature_of_ours_holds() {
    let file: Value = serde_json::from_str(RFC).unwrap();
    let jwk = file["keys"]["test-key-ecc-p256"]["jwk"].to_string();
    let (key, public) = (SigningKey::from_jwk(&jwk).unwrap(), VerifyingKey::from_jwk(&jwk).unwrap());
    let request = request(&file["vectors"][0]["request"]);
    let components = [Component::plain("@method").unwrap()];
    let signed = sign("a", &components, &Parameters::default(), Message::Request(&request), &key).unwrap();
    let fields: Fields =
        [(INPUT_HEADER, signed.input), (SIGNATURE_HEADER, signed.signature)].into_iter().collect();
    assert_eq!(offered(&fields).unwrap()[0].verify(Message::Request(&request), &public), Ok(()));
}

#[test]
fn fields_that_are_no_signatures_are_refused_whole() {
    let check = |input: &str, signature: &str, want: OfferError| {
        let fields: Fields = [(INPUT_HEADER, input), (SIGNATURE_HEADER, signature)].into_iter().collect();
        assert_eq!(offered(&fields), Err(want), "{input}");
    };
    let input = OfferError::Malformed { field: INPUT_HEADER };
    let signature = OfferError::Malformed { field: SIGNATURE_HEADER };
    check("a=(", "a=:AA==:", input);
    check("a=1", "a=:AA==:", input);
    check("a=(), a=(\"@method\")", "a=:AA==:", input);
    check("a=()", "a=AA", signature);
    check("a=()", "a=(:AA==:)", signature);
    check("a=()", "a=:AA==:, a=:AA==:", signature);
    check("a=()", "b=:AA==:", OfferError::Unpaired);
    check("a=()", "a=:AA==:, b=:AA==:", OfferError::Unpaired);
    check("a=();created=\"1\"", "a=:AA==:", OfferError::Parameter);
    check("a=();created=1.5", "a=:AA==:", OfferError::Parameter);
    check("a=();keyid=1", "a=:AA==:", OfferError::Parameter);
    check("a=();nonce=:AA==:", "a=:AA==:", OfferError::Parameter);
    check(&format!("a=();x=\"{}\"", "y".repeat(VALUE_BYTES_MAX)), "a=:AA==:", input);
    let many: Vec<String> = (0..=SIGNATURES_MAX).map(|count| format!("a{count}=()")).collect();
    check(&many.join(", "), "a=:AA==:", OfferError::TooMany);
}

#[test]
fn a_list_that_could_be_read_in_two_ways_is_not_verified() {
    let check = |list: &str, want: ComponentError| {
        let input = format!("a=({list})");
        let fields: Fields =
            [(INPUT_HEADER, input.as_str()), (SIGNATURE_HEADER, "a=:AA==:")].into_iter().collect();
        assert_eq!(offered(&fields).unwrap()[0].components(), Err(want), "{list}");
    };
    check("\"@method\" \"@method\"", ComponentError::Parameter);
    check("\"a\";sf;key=\"b\" \"a\";key=\"b\";sf", ComponentError::Parameter);
    check("\"@methods\"", ComponentError::Name);
    check("\"@signature-params\"", ComponentError::Name);
    check("\"Date\"", ComponentError::Name);
    check("\"\"", ComponentError::Name);
    check("date", ComponentError::Name);
    check("\"date\";sf=?0", ComponentError::Parameter);
    check("\"date\";unknown", ComponentError::Parameter);
    check("\"date\";bs;sf", ComponentError::Parameter);
    check("\"@method\";sf", ComponentError::Parameter);
    check("\"@method\";tr", ComponentError::Parameter);
    check("\"@status\";req", ComponentError::Parameter);
    check("\"@query-param\"", ComponentError::Parameter);
    check("\"date\";name=\"a\"", ComponentError::Parameter);
    let many: Vec<String> = (0..=COMPONENTS_MAX).map(|count| format!("\"f{count}\"")).collect();
    check(&many.join(" "), ComponentError::Parameter);
}

fn made(value: &str, target: &str, body_digest: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        scheme: "https".to_owned(),
        authority: "b.example".to_owned(),
        target: format!("/{target}"),
        fields: [("x-claim", value), ("content-digest", body_digest)].into_iter().collect(),
        trailers: Fields::default(),
    }
}

proptest! {
    /// What is signed verifies; with one byte of what is covered changed, it does not.
    #[test]
    fn a_changed_byte_anywhere_that_is_covered_fails(
        value in "[!-~]{1,20}", target in "[a-z0-9/?=&]{0,20}", digest in "[a-z]{1,9}",
        part in 0_usize..5, at in any::<prop::sample::Index>(), flip in 1_u8..3,
    ) {
        let key = SigningKey::ed25519(&[7; 32]).unwrap();
        let public = VerifyingKey::from_jwk(&key.public_jwk().unwrap()).unwrap();
        let components: Vec<Component> =
            ["@method", "@authority", "@path", "@query", "x-claim", "content-digest"]
                .iter().map(|name| Component::plain(name).unwrap()).collect();
        let parameters = Parameters { created: Some(1), ..Parameters::default() };
        let mut request = made(&value, &target, &digest);
        let signed = sign("a", &components, &parameters, Message::Request(&request), &key).unwrap();
        let fields: Fields =
            [(INPUT_HEADER, signed.input), (SIGNATURE_HEADER, signed.signature)].into_iter().collect();
        let offered = &offered(&fields).unwrap()[0];
        prop_assert_eq!(offered.verify(Message::Request(&request), &public), Ok(()));
        let changed = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            // One of two bits: what comes out is printable, and another character.
            bytes[at] = if bytes[at] ^ flip < b'~' && bytes[at] ^ flip > b' ' { bytes[at] ^ flip } else { b'}' };
            String::from_utf8(bytes).unwrap()
        };
        let before = request.clone();
        match part {
            0 => request.method = changed(&request.method),
            1 => request.authority = changed(&request.authority),
            2 => request.target = format!("/{}", changed(&format!("{target}-"))),
            3 => request = made(&changed(&value), &target, &digest),
            _ => request = made(&value, &target, &changed(&digest)),
        }
        prop_assume!(request != before);
        // A query that is empty and none are the same to the RFC.
        prop_assume!(part != 2 || request.target.trim_end_matches('?') != before.target.trim_end_matches('?'));
        prop_assert!(offered.verify(Message::Request(&request), &public).is_err());
    }

    /// Any fields mean something or nothing.
    #[test]
    fn reading_is_total(input in "[ -~]{0,60}", signature in "[ -~]{0,40}") {
        let fields: Fields =
            [(INPUT_HEADER, input.as_str()), (SIGNATURE_HEADER, signature.as_str())].into_iter().collect();
        if let Ok(offered) = offered(&fields) {
            for offered in offered {
                let request = made("a", "", "b");
                let _base = offered.base(Message::Request(&request));
            }
        }
    }
}
