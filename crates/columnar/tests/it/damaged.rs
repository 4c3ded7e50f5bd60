//! Files that are cut, encrypted, too wide, nested or damaged: each says what to do, and none stops the program.

use columnar::{ParquetFile, is_parquet};
use proptest::prelude::*;

use crate::making::{LIMITS, people, written};

fn opening(bytes: &[u8]) -> String {
    match ParquetFile::in_memory(bytes.to_vec(), "people", LIMITS) {
        Ok(_) => "opened".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn schema(columns: &str) -> Vec<u8> {
    written(&format!("message m {{ {columns} }}"), 0, |_| {})
}

#[test]
fn what_is_no_file_of_records_says_what_to_do() {
    let whole = people(1, 5);
    let check = |bytes: &[u8], want: &str| {
        let got = opening(bytes);
        assert!(got.starts_with(want), "{got}");
    };
    check(&whole, "opened");
    check(b"", "is not a Parquet file");
    check(b"a,b\n1,2\n", "is not a Parquet file");
    check(b"PAR1", "is cut short");
    check(&whole[..whole.len() - 1], "is cut short");
    check(&whole[..whole.len() / 2], "is cut short");
    check(b"PARE1234567890", "is encrypted");
    let mut encrypted = whole.clone();
    let end = encrypted.len();
    encrypted[end - 4..].copy_from_slice(b"PARE");
    check(&encrypted, "is encrypted");
    let mut long = vec![0; 70 << 20];
    long[..4].copy_from_slice(b"PAR1");
    let end = long.len();
    long[end - 8..end - 4].copy_from_slice(&(69_u32 << 20).to_le_bytes());
    long[end - 4..].copy_from_slice(b"PAR1");
    check(&long, "has a footer of 72351744 bytes, more than 67108864");
    let mut zeros = whole.clone();
    let length = u32::from_le_bytes(whole[end_of(&whole, 8)..end_of(&whole, 4)].try_into().unwrap()) as usize;
    let at = end_of(&whole, 8 + length);
    zeros[at..at + 20].fill(0xFF);
    check(&zeros, "has a footer that cannot be read");

    let columns =
        |count: usize| (0..count).map(|n| format!("REQUIRED INT32 c{n};")).collect::<Vec<_>>().concat();
    check(&schema(&columns(1024)), "opened");
    check(&schema(&columns(1025)), "has 1025 columns, and a mark covers at most 1024; split the table");
    check(&schema(&(columns(1024) + "OPTIONAL BINARY eosin_mark (UTF8);")), "opened");
    check(&schema("REQUIRED INT32 a; REQUIRED INT32 a;"), "names a column twice");
    check(&schema("REQUIRED INT32 a; OPTIONAL GROUP b { REQUIRED INT32 c; }"), "has the nested column `b`");
    check(&schema("REPEATED INT32 many;"), "has the nested column `many`");
    check(
        &schema("OPTIONAL GROUP l (LIST) { REPEATED GROUP list { OPTIONAL INT32 element; } }"),
        "has the nested",
    );
    assert!(is_parquet(&whole) && !is_parquet(b"a,b"));
}

fn end_of(bytes: &[u8], from_end: usize) -> usize {
    bytes.len() - from_end
}

/// Whether a file can be opened and read to its end.
fn read(bytes: &[u8]) -> Result<usize, String> {
    let mut file =
        ParquetFile::in_memory(bytes.to_vec(), "people", LIMITS).map_err(|error| error.to_string())?;
    let mut rows = 0;
    while let Some(chunk) = file.next_chunk().map_err(|error| error.to_string())? {
        rows += chunk.read().records.len();
    }
    Ok(rows)
}

#[test]
fn a_damaged_page_names_its_column() {
    let mut bytes = people(1, 50);
    // Within the first column's pages: its header says another size.
    bytes[4..30].fill(0x55);
    let said = read(&bytes).unwrap_err();
    assert!(said.starts_with("row group 1, column `id` cannot be read; get the file again"), "{said}");
}

/// Found by fuzzing: the library read such a level as it was, and panicked when it was to write it.
#[test]
fn a_level_that_no_flat_column_has_is_damage() {
    let mut bytes = people(2, 5);
    for (at, byte) in [(44, 4), (445, 58), (754, 15), (755, 192)] {
        bytes[at] = byte;
    }
    let said = read(&bytes).unwrap_err();
    assert!(said.starts_with("row group 1, column `owed` cannot be read"), "{said}");
}

/// A header that claims pages far larger than what is there is refused before room is made for them.
#[test]
fn a_page_that_claims_to_be_huge_is_refused() {
    let whole = people(1, 50);
    // The first page header: kind, then the size it will have, as a zigzag number in field 2.
    assert_eq!(whole[4] & 0x0F, 5);
    let (mut bytes, mut at) = (whole.clone(), 5);
    while bytes[at] & 0x80 != 0 {
        at += 1;
    }
    assert_eq!(bytes[at + 1] & 0x0F, 5, "field 2 is a number");
    let size = at + 2;
    let mut end = size;
    while bytes[end] & 0x80 != 0 {
        end += 1;
    }
    bytes.splice(size..=end, [0xFE, 0xFF, 0xFF, 0xFF, 0x0F]);
    let mut file = ParquetFile::in_memory(bytes, "people", LIMITS).unwrap();
    let error = file.next_chunk().unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("a page that is too large"), "{source}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_damage_has_an_answer(at in any::<prop::sample::Index>(), with in any::<[u8; 3]>(), cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let mut bytes = people(2, 9);
        let at = at.index(bytes.len());
        for (byte, with) in bytes[at..].iter_mut().zip(with) {
            *byte = with;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        drop(read(&bytes));
    }

    #[test]
    fn any_bytes_have_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut framed = b"PAR1".to_vec();
        framed.extend_from_slice(&bytes);
        framed.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        framed.extend_from_slice(b"PAR1");
        drop((read(&bytes), read(&framed)));
    }
}
