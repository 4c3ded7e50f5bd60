//! A zip is read from its beginning within bounds, whatever it says of itself; what is taken is taken again.
#![no_main]

use std::io::Read as _;

use carrier::archive::{ArchiveBounds, Entries};
use libfuzzer_sys::fuzz_target;

const BOUNDS: ArchiveBounds = ArchiveBounds {
    entries: 64,
    name_bytes: 64,
    names_bytes: 1024,
    entry_bytes: 1 << 20,
    ratio: 300,
    ratio_free_bytes: 1 << 16,
};

fn read(bytes: &[u8], buffer: usize) -> Option<Vec<(String, Vec<u8>)>> {
    let mut entries = Entries::new(bytes, BOUNDS);
    let mut all = Vec::new();
    while let Some(head) = entries.next_entry().ok()? {
        let mut content = Vec::new();
        let mut block = vec![0; buffer];
        loop {
            let length = entries.content().read(&mut block).ok()?;
            if length == 0 {
                break;
            }
            content.extend_from_slice(&block[..length]);
        }
        assert!(content.len() as u64 <= BOUNDS.entry_bytes + buffer as u64);
        all.push((head.name, content));
    }
    assert!(all.len() <= BOUNDS.entries);
    Some(all)
}

fuzz_target!(|bytes: &[u8]| {
    // However it is read, it is the same; where its ratio is looked at in between may differ.
    if let (Some(one), Some(other)) = (read(bytes, 4096), read(bytes, 7)) {
        assert_eq!(one, other);
    }
});
