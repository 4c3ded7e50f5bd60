//! Fills a registry with fingerprints of nobody, to measure what judging beside a large one costs.
//!
//! `cargo run --release -p registry --example fill -- FOLDER KEY-FILE COUNT`; `tests/bench/judge.py` calls it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example stops at the first surprise, and prints"
)]

use std::path::Path;

use mark::digest::{decode_base64, sha256};
use recognise::{Fingerprint, PersonTag, RegistryKey};
use registry::Additions;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, key, count] = arguments.as_slice() else {
        println!("usage: fill FOLDER KEY-FILE COUNT");
        return;
    };
    let key = decode_base64(std::fs::read_to_string(key).unwrap().trim()).unwrap();
    let mut additions = Additions::begin(Path::new(folder), RegistryKey::new(&key).unwrap().id()).unwrap();
    for number in 0..count.parse::<u64>().unwrap() {
        let [first, rest @ ..] = *sha256(&[b"nobody", &number.to_be_bytes()]).as_bytes();
        let mut fingerprint = [first; 16];
        fingerprint.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        additions.add(Fingerprint(fingerprint), PersonTag((number / 4).to_be_bytes())).unwrap();
    }
    let snapshot = additions.commit().unwrap();
    println!("{count} entries, root {}", snapshot.root);
}
