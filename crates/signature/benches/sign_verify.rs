//! What a proof costs: a request signed and checked, beside Ed25519 alone on the same bytes and SHA-256 of the body.
//!
//! `cargo bench -p signature`: one table, medians.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a bench measures time, prints a table, and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use signature::{
    Fields, Message, Nonces, Request, SigningKey, VerifyingKey, digest, offered,
    profile::{self, LABEL, Peers, Proof, Stamp, Window},
};

const ROUNDS: usize = 9;
const TURNS: u32 = 2000;
const NOW: i64 = 1_795_000_000;
const NONCE: &str = "a.example/log#7";

fn main() {
    let body = vec![b'x'; 2200];
    let key = SigningKey::ed25519(&[3; 32]).unwrap();
    let public = VerifyingKey::from_jwk(&key.public_jwk().unwrap()).unwrap();
    let mut peers = Peers::default();
    peers.add(public.clone(), "a.example/log").unwrap();
    let stamp = Stamp { key: &key, label: LABEL, now: NOW, valid_seconds: 60, nonce: NONCE };
    let plain = Request {
        method: "POST".to_owned(),
        scheme: "https".to_owned(),
        authority: "b.example".to_owned(),
        target: "/fhir/Patient".to_owned(),
        fields: [
            ("content-digest", digest::header(&body).as_str()),
            ("content-type", "application/fhir+json"),
            ("eosin-provenance", r#"v=1, attested=1, ruling="a.example/log#7", ledger="a.example/log""#),
        ]
        .into_iter()
        .collect(),
        trailers: Fields::default(),
    };
    let signed = profile::sign_request(&plain, &stamp).unwrap();
    let mut sent = plain.clone();
    sent.fields.push(offered::INPUT_HEADER, signed.input);
    sent.fields.push(offered::SIGNATURE_HEADER, signed.signature);
    let base = offered::offered(&sent.fields).unwrap()[0].base(Message::Request(&sent)).unwrap();
    let raw = key.sign(base.as_bytes()).unwrap();
    println!(
        "a request of {} bytes, a base of {} bytes, nanoseconds each, median of {ROUNDS}\n",
        body.len(),
        base.len()
    );
    row("Ed25519 alone, signing", || drop(black_box(key.sign(black_box(base.as_bytes())))));
    row("signing a request", || drop(black_box(profile::sign_request(black_box(&plain), &stamp))));
    row("Ed25519 alone, verifying", || {
        black_box(public.has_signed(black_box(base.as_bytes()), &raw));
    });
    let window = Window { age_seconds: 60, skew_seconds: 5 };
    row("checking a request and its body", || {
        let proof = profile::check(black_box(&sent), &body, &peers, window, NOW, &Nonces::new(1, NOW));
        assert!(matches!(proof, Proof::Proven { .. }));
    });
    row("SHA-256 of the body, as a header", || drop(black_box(digest::header(black_box(&body)))));
}

fn row(what: &str, mut turn: impl FnMut()) {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            (0..TURNS).for_each(|_| turn());
            start.elapsed() / TURNS
        })
        .collect();
    times.sort_unstable();
    println!("{what:<36}{:>9}", times[ROUNDS / 2].as_nanos());
}
