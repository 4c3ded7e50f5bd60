//! A proof of presence: what is read is written back to the same meaning, and whatever verifies is true.
#![no_main]

use std::sync::LazyLock;

use mark::{digest::sha256, merkle};
use recognise::{Fingerprint, PersonTag};
use registry::{Membership, Presence};

/// Eleven entries in order: fingerprints 10, 20, 20, 30, … in their first byte.
static ENTRIES: LazyLock<Vec<([u8; 16], [u8; 8])>> = LazyLock::new(|| {
    let mut entries: Vec<_> = (1..=10_u8).map(|n| (filled(10 * n), [n; 8])).collect();
    entries.push((filled(20), [99; 8]));
    entries.sort_unstable();
    entries
});

fn filled(first: u8) -> [u8; 16] {
    let mut fingerprint = [0; 16];
    fingerprint[0] = first;
    fingerprint
}

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (first, text) = input;
    let Ok(proof) = Presence::parse(text) else { return };
    assert_eq!(Presence::parse(&proof.to_json()), Ok(proof.clone()));
    let leaves: Vec<_> = ENTRIES.iter().map(|(f, t)| merkle::leaf_hash(&[&f[..], &t[..]].concat())).collect();
    let asked = filled(first);
    let tags: Vec<_> = ENTRIES.iter().filter(|(f, _)| *f == asked).map(|(_, t)| PersonTag(*t)).collect();
    match proof.verify(&merkle::root(&leaves), 11, Fingerprint(asked)) {
        Ok(Membership::Absent) => assert!(tags.is_empty()),
        Ok(Membership::Present(found)) => {
            assert!(found.iter().all(|tag| tags.contains(tag)) && !found.is_empty())
        }
        Err(_) => {}
    }
    assert!(proof.verify(&sha256(&[b"another root"]), 11, Fingerprint(asked)).is_err());
});
