//! A registry whose files somebody changed: it gives an error or the truth.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use mark::digest::sha256;
use recognise::{Fingerprint, FingerprintKind, KeyId, PersonTag};
use registry::{Additions, Membership, Registry};

const COUNT: u64 = 400;

static FILES: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let mut additions = Additions::begin(folder.path(), KeyId([1; 8])).expect("a new registry");
    for number in 0..COUNT {
        additions.add(fingerprint(number), PersonTag(number.to_be_bytes())).expect("room");
    }
    additions.commit().expect("room");
    ["table", "filter-1"].map(|name| fs::read(folder.path().join(name)).expect("it was just written"))
});

fn fingerprint(number: u64) -> Fingerprint {
    Fingerprint(*sha256(&[&number.to_be_bytes()]).as_bytes().first_chunk().expect("it is longer"))
}

/// Edits of a file: where and what; and how much of its end is cut off.
type Edits = (Vec<(u16, u8)>, u16);

libfuzzer_sys::fuzz_target!(|input: (Edits, Edits)| {
    let folder = tempfile::tempdir().expect("a folder");
    for ((name, whole), (edits, cut)) in
        ["table", "filter-1"].iter().zip(FILES.iter()).zip([&input.0, &input.1])
    {
        let mut bytes = whole.clone();
        for (at, byte) in edits {
            let at = usize::from(*at) % bytes.len();
            bytes[at] = *byte;
        }
        // Mostly nothing is cut off: a short file is soon refused.
        if *cut >= 0xff00 {
            bytes.truncate(bytes.len() - usize::from(cut - 0xff00));
        }
        fs::write(folder.path().join(name), bytes).expect("room");
    }
    let Ok(Some(registry)) = Registry::open(folder.path()) else { return };
    for number in [0, 1, COUNT - 1, COUNT, COUNT + 1] {
        if let Ok(found) = registry.find(&[(FingerprintKind::Email, fingerprint(number))]) {
            assert_eq!(found.is_some(), number < COUNT);
        }
        if let Ok(proof) = registry.prove(fingerprint(number)) {
            let snapshot = registry.snapshot();
            let proved = proof.verify(&snapshot.root, snapshot.entries, fingerprint(number));
            assert_eq!(proved == Ok(Membership::Absent), number >= COUNT);
        }
    }
    let _ = registry.verify();
});
