//! Archives as others write them, and what is wrong with some.

use std::io::{Cursor, Write as _};

use proptest::prelude::*;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;

type Files = Vec<(String, Vec<u8>)>;

/// Reads all of an archive, from an input that gives it in pieces of this length.
fn read(bytes: &[u8], piece: usize, bounds: ArchiveBounds) -> Result<Files, ArchiveFault> {
    struct Pieces<'a>(&'a [u8], usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }
    let all = || -> io::Result<Files> {
        let mut entries = Entries::new(Pieces(bytes, piece), bounds);
        let mut files = Vec::new();
        while let Some(head) = entries.next_entry()? {
            let mut content = Vec::new();
            entries.content().take(1 << 30).read_to_end(&mut content)?;
            files.push((head.name, content));
        }
        Ok(files)
    };
    all().map_err(|error| fault_of(&error).unwrap())
}

/// As most programs write: lengths in front.
fn seekable(files: &[(&str, &[u8])], method: CompressionMethod, is_large: bool) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// As we write: lengths behind.
fn streamed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ArchiveWriter::default();
    let mut bytes = Vec::new();
    for (name, content) in files {
        zip.begin(name).unwrap();
        for part in content.chunks(1000) {
            zip.write(part).unwrap();
            bytes.extend(zip.take());
        }
    }
    bytes.extend(zip.finish().unwrap());
    bytes
}

const TWO: [(&str, &[u8]); 2] = [("Contact.csv", b"\"Id\"\r\n\"1\"\r\n"), ("Attachments/00P", b"\x00\x01")];

#[test]
fn archives_are_read_however_they_were_written() {
    let long = b"a row of text\n".repeat(50_000);
    let files: Vec<(&str, &[u8])> = vec![TWO[0], ("Long.csv", &long), ("Empty.csv", b""), TWO[1]];
    let want: Files = files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    for bytes in [
        seekable(&files, CompressionMethod::Deflated, false),
        seekable(&files, CompressionMethod::Deflated, true),
        seekable(&files, CompressionMethod::Stored, false),
        seekable(&files, CompressionMethod::Stored, true),
        streamed(&files),
    ] {
        for piece in [1 << 20, 977] {
            assert_eq!(read(&bytes, piece, ArchiveBounds::SUGGESTED), Ok(want.clone()));
        }
    }
    assert_eq!(read(&streamed(&[]), 7, ArchiveBounds::SUGGESTED), Ok(Vec::new()));
}

#[test]
fn what_we_write_others_read() {
    let bytes = streamed(&TWO);
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes.clone())).unwrap();
    for (at, (name, content)) in TWO.iter().enumerate() {
        let mut file = zip.by_index(at).unwrap();
        let mut text = Vec::new();
        file.by_ref().take(1 << 20).read_to_end(&mut text).unwrap();
        assert_eq!((file.name().unwrap().as_ref(), text.as_slice()), (*name, *content));
    }
    assert_eq!(bytes, streamed(&TWO));
}

/// An archive with some bytes of it replaced.
fn changed(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty() && from.len() == to.len());
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

#[test]
fn what_is_wrong_with_an_archive_ends_it() {
    let plain = seekable(&TWO, CompressionMethod::Stored, false);
    let behind = streamed(&TWO);
    let same = seekable(&[("a.csv", b"1"), ("b.csv", b"2")], CompressionMethod::Stored, false);
    let at = |bytes: &[u8], place: usize, to: u8| {
        let mut bytes = bytes.to_vec();
        bytes[place] = to;
        bytes
    };
    let bomb = seekable(&[("a.csv", &vec![0; 4 << 20])], CompressionMethod::Deflated, false);
    for (why, bytes, want) in [
        ("nothing", Vec::new(), ArchiveFault::Truncated),
        ("no archive", b"<html>log in</html>".to_vec(), ArchiveFault::Shape),
        ("cut in an entry", plain[..40].to_vec(), ArchiveFault::Truncated),
        ("cut in front of its directory", plain[..plain.len() - 160].to_vec(), ArchiveFault::Truncated),
        ("cut at its end", plain[..plain.len() - 1].to_vec(), ArchiveFault::Truncated),
        ("more behind it", [plain.as_slice(), b"x"].concat(), ArchiveFault::Shape),
        ("two archives", [plain.as_slice(), &plain].concat(), ArchiveFault::Shape),
        ("a changed byte", changed(&plain, b"\"Id\"", b"\"Ix\""), ArchiveFault::Damaged),
        ("encrypted", at(&plain, 6, 1), ArchiveFault::Encrypted),
        ("another method", at(&plain, 8, 12), ArchiveFault::Method),
        ("stored with its length behind it", at(&plain, 6, 8), ArchiveFault::Method),
        ("a way out", changed(&plain, b"Attachments/00P", b"../achments/00P"), ArchiveFault::Name),
        ("a way out within", changed(&plain, b"Attachments/00P", b"Attachmen/../P0"), ArchiveFault::Name),
        ("from the root", changed(&plain, b"Attachments/00P", b"/ttachments/00P"), ArchiveFault::Name),
        ("a drive", changed(&plain, b"Attachments/00P", b"C:tachments/00P"), ArchiveFault::Name),
        ("a backslash", changed(&plain, b"Attachments/00P", b"Attachments\\00P"), ArchiveFault::Name),
        ("a line end", changed(&plain, b"Attachments/00P", b"Attachments/00\n"), ArchiveFault::Name),
        ("no text", changed(&plain, b"Attachments/00P", b"Attachments/00\xff"), ArchiveFault::Name),
        ("one name twice", changed(&same, b"b.csv", b"a.csv"), ArchiveFault::Twice),
        ("a bomb", bomb, ArchiveFault::Bomb),
        ("a checksum behind it that is another", at(&behind, 59, 0xff), ArchiveFault::Damaged),
    ] {
        assert_eq!(read(&bytes, 64, ArchiveBounds::SUGGESTED), Err(want), "{why}");
    }
    // The directory alone names something else.
    let end = plain.len() - 60;
    let other = [&plain[..end], &changed(&plain[end..], b"00P", b"00Q")].concat();
    assert_eq!(read(&other, 64, ArchiveBounds::SUGGESTED), Err(ArchiveFault::Directory));
}

#[test]
fn an_archive_that_two_readers_read_differently_is_told() {
    let uniform = |bytes: &[u8]| {
        let found = uniform_entries(&mut Cursor::new(bytes), 100);
        found.map_err(|error| fault_of(&error).unwrap())
    };
    let a: (&str, &[u8]) = ("a.csv", b"\"Id\"\r\n\"1\"\r\n");
    let plain = seekable(&TWO, CompressionMethod::Deflated, false);
    for bytes in [
        plain.clone(),
        seekable(&TWO, CompressionMethod::Stored, false),
        seekable(&TWO, CompressionMethod::Deflated, true),
        streamed(&TWO),
    ] {
        assert_eq!(uniform(&bytes), Ok(2));
    }
    assert_eq!(uniform(&streamed(&[])), Ok(0));

    let one = seekable(&[a], CompressionMethod::Stored, false);
    let same = seekable(&[("a.csv", b"1"), ("b.csv", b"2")], CompressionMethod::Stored, false);
    // A directory that names the second entry alone, and one that takes both entries for one.
    let directory = same.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let each = (same.len() - 22 - directory) / 2;
    let mut hidden = [&same[..directory], &same[directory + each..]].concat();
    let end = hidden.len() - 22;
    hidden[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    hidden[end + 12..end + 16].copy_from_slice(&u32::try_from(each).unwrap().to_le_bytes());
    let mut longer = [&same[..directory + each], &same[same.len() - 22..]].concat();
    longer[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
    longer[end + 12..end + 16].copy_from_slice(&u32::try_from(each).unwrap().to_le_bytes());
    let mut shorter = one.clone();
    let central = shorter.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    shorter[central + 20] -= 1;
    let mut commented = one.clone();
    commented[one.len() - 2] = 22;
    commented.extend(&one[one.len() - 22..]);
    for (why, bytes, want) in [
        ("one name twice", changed(&same, b"b.csv", b"a.csv"), ArchiveFault::Twice),
        ("two archives", [one.as_slice(), &plain].concat(), ArchiveFault::Shape),
        ("bytes in front", [b"#!".as_slice(), &one].concat(), ArchiveFault::Shape),
        ("bytes behind", [one.as_slice(), b"x"].concat(), ArchiveFault::Shape),
        ("an end within the end", commented, ArchiveFault::Shape),
        ("an entry that is not in the directory", hidden, ArchiveFault::Directory),
        ("an entry within another", longer, ArchiveFault::Directory),
        ("a length that its header does not say", shorter, ArchiveFault::Directory),
        ("no archive", b"name,dob\n".to_vec(), ArchiveFault::Shape),
        ("nothing", Vec::new(), ArchiveFault::Shape),
    ] {
        assert_eq!(uniform(&bytes), Err(want), "{why}");
    }
    let few = uniform_entries(&mut Cursor::new(plain), 1).map_err(|error| fault_of(&error).unwrap());
    assert_eq!(few, Err(ArchiveFault::TooMany));
}

/// The library of zip calls such an entry by the other name, and other readers by the one in its header.
#[test]
fn an_entry_with_another_name_in_its_extra_field_is_not_uniform() {
    let named = |unicode: &str| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut options = zip::write::FullFileOptions::default();
        let body = [&[1, 0, 0, 0, 0], unicode.as_bytes()].concat();
        options.add_extra_field(0x7075, body.into_boxed_slice(), false).unwrap();
        zip.start_file("destructiveChanges.xml", options).unwrap();
        let bytes = zip.finish().unwrap().into_inner();
        uniform_entries(&mut Cursor::new(bytes), 5).map_err(|error| fault_of(&error).unwrap())
    };
    assert_eq!(named("destructiveChanges.xml"), Ok(1));
    assert_eq!(named("readme.txt"), Err(ArchiveFault::Directory));
}

#[test]
fn bounds_hold() {
    let usual = ArchiveBounds::SUGGESTED;
    let plain = seekable(&TWO, CompressionMethod::Deflated, false);
    for (bounds, want) in [
        (ArchiveBounds { entries: 1, ..usual }, ArchiveFault::TooMany),
        (ArchiveBounds { names_bytes: 20, ..usual }, ArchiveFault::TooMany),
        (ArchiveBounds { name_bytes: 5, ..usual }, ArchiveFault::Name),
        (ArchiveBounds { entry_bytes: 9, ..usual }, ArchiveFault::Bomb),
    ] {
        assert_eq!(read(&plain, 64, bounds), Err(want));
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..5), piece in 1_usize..5000,
    ) {
        let names: Vec<String> = (0..contents.len()).map(|at| format!("folder/{at}.csv")).collect();
        let files: Vec<(&str, &[u8])> =
            names.iter().map(String::as_str).zip(contents.iter().map(Vec::as_slice)).collect();
        let want: Files = names.iter().cloned().zip(contents.iter().cloned()).collect();
        let few = ArchiveBounds { ratio: 2000, ..ArchiveBounds::SUGGESTED };
        for bytes in [streamed(&files), seekable(&files, CompressionMethod::Deflated, false)] {
            prop_assert_eq!(read(&bytes, piece, few), Ok(want.clone()));
            prop_assert_eq!(uniform_entries(&mut Cursor::new(bytes), 5).unwrap(), files.len());
        }
    }

    #[test]
    fn a_changed_archive_is_refused_or_the_same(at in 0_usize..400, to in any::<u8>(), behind in any::<bool>()) {
        let bytes = if behind { streamed(&TWO) } else { seekable(&TWO, CompressionMethod::Deflated, false) };
        let want = read(&bytes, 64, ArchiveBounds::SUGGESTED).unwrap();
        let mut other = bytes.clone();
        let at = at % other.len();
        other[at] = to;
        // Times and rights of files are not read.
        if let Ok(got) = read(&other, 64, ArchiveBounds::SUGGESTED) {
            prop_assert_eq!(got, want);
        }
        prop_assert!(read(&bytes[..at], 64, ArchiveBounds::SUGGESTED).is_err());
    }

    #[test]
    fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600), is_archive in any::<bool>()) {
        let bytes = if is_archive { [b"PK\x03\x04".as_slice(), &bytes].concat() } else { bytes };
        drop(read(&bytes, 13, ArchiveBounds::SUGGESTED));
        drop(uniform_entries(&mut Cursor::new(bytes), 100));
    }
}
