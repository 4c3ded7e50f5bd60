//! The header of a table and the ledger entry of a snapshot: what is read is within its bounds and has one spelling.
#![no_main]

use mark::digest::sha256;
use registry::{BLOCK_BYTES, ENTRIES_MAX, Loss, Snapshot, TableHeader};

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Ok((snapshot, at)) = Snapshot::parse_entry(input) {
        assert_eq!(snapshot.entry_bytes(&at), input);
    }
    if let Ok((loss, at)) = Loss::parse_entry(input) {
        assert_eq!(loss.entry_bytes(&at), input);
        assert!(Snapshot::parse_entry(input).is_err());
    }
    assert!(input.len() == BLOCK_BYTES || TableHeader::parse(input).is_err());
    // Filled up and with the check that fits, so that what is behind the check is reached.
    let mut header = input.to_vec();
    header.resize(BLOCK_BYTES - 32, 0);
    let check = sha256(&[&header]);
    header.extend(check.as_bytes());
    if let Ok((read, told)) = TableHeader::parse(&header) {
        assert!(read.snapshot.entries <= ENTRIES_MAX && read.snapshot.generation > 0);
        assert_eq!(told, check);
        assert!(header[104..BLOCK_BYTES - 32].iter().all(|byte| *byte == 0));
    }
});
