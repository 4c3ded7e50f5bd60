//! The published vectors: `spec/vectors/quarantine.json` is what anybody's reader must agree with.

use quarantine::{Bounds, Quarantine, SealedFile};
use serde_json::{Value, json};

use crate::{NOW, fresh, hold, id, key, random, withheld};

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

#[test]
fn the_files_are_byte_for_byte_those_of_the_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Quarantine::open(folder.path(), key(), Bounds::SUGGESTED, random(), NOW).unwrap();
    hold(&mut store, fresh(1, "feed")).unwrap();
    let read = |path: &str| std::fs::read(folder.path().join(path)).unwrap();
    let own = id(1);
    let made = json!({
        "about": "One item as spec/quarantine.md writes it. Random bytes: the n-th draw is 31n, 31n+1, … modulo 256.",
        "keyEncryptionKey": hex(&[7; 32]),
        "plaintext": hex(&SealedFile::plaintext(&withheld())),
        "version": hex(&read("version")),
        format!("items/{own}/state"): hex(&read(&format!("items/{own}/state"))),
        format!("secrets/{own}/key"): hex(&read(&format!("secrets/{own}/key"))),
        format!("secrets/{own}/sealed"): hex(&read(&format!("secrets/{own}/sealed"))),
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/vectors/quarantine.json");
    if !std::path::Path::new(path).exists() {
        std::fs::write(path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let published: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(made, published);
}
