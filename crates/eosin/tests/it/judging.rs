//! Stories of `eosin judge` on folders, archives and what is broken.

use std::{
    fs,
    io::{Cursor, Write as _},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::program::eosin;

const PEOPLE: &str = "name,dob\nAda Bell,1984-02-29\nEve Ode,1990-01-02\n";
const PATIENT: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Bell","given":["Ada"]}],"birthDate":"1984-02-29"}"#;

/// Exit code, the JSON, and what was said to a person, on one line.
fn judged(at: &Path, arguments: &[&str]) -> (i32, Value, String) {
    let output = eosin(at, &[&["judge", "--json"], arguments].concat());
    let told = serde_json::from_slice(&output.stdout).unwrap();
    let said: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .map(|line| line.trim_start_matches([' ', '│', '×', '╰', '─', '▶']).to_owned())
        .collect();
    (output.status.code().unwrap(), told, said.join(" "))
}

/// Where the findings are, one a line.
fn places(told: &Value) -> Vec<String> {
    let findings = told["findings"].as_array().unwrap().iter();
    let place = |finding: &Value| {
        let word = |name: &str| finding[name].as_str().unwrap().to_owned();
        format!("{} {} {}", word("file"), word("place"), word("verdict"))
    };
    findings.map(place).collect()
}

fn listed(told: &Value, name: &str) -> Vec<String> {
    let items = told[name].as_array().unwrap().iter();
    let shown = |item: &Value| match item.as_str() {
        Some(text) => text.to_owned(),
        None => format!("{} {}", item["file"].as_str().unwrap(), item["why"].as_str().unwrap()),
    };
    items.map(shown).collect()
}

pub(crate) fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// So many rows that look different, so that they do not shrink out of proportion.
fn rows(count: u32) -> String {
    let row = |number: u32| {
        let mixed = number.wrapping_mul(2_654_435_761);
        format!("Ada {mixed:x},{}-{:02}-02\n", 1950 + mixed % 50, 1 + mixed % 12)
    };
    format!("name,dob\n{}", (0..count).map(row).collect::<String>())
}

#[test]
fn a_folder_is_judged_file_by_file_and_what_holds_no_records_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("feed/fhir")).unwrap();
    fs::write(at.join("feed/b.csv"), PEOPLE).unwrap();
    fs::write(at.join("feed/a.csv.gz"), gzipped(PEOPLE.as_bytes())).unwrap();
    fs::write(at.join("feed/fhir/patients.ndjson"), format!("{PATIENT}\n{PATIENT}\n")).unwrap();
    fs::write(at.join("feed/fhir/one.json"), PATIENT).unwrap();
    fs::write(at.join("feed/read me.txt"), "Dear Ada, this is a letter\n").unwrap();
    fs::write(at.join("feed/logo.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    fs::write(at.join("feed/header.csv"), "name,dob\n").unwrap();
    fs::write(at.join("feed/old.prov.json"), r#"{"prefix":{},"entity":{}}"#).unwrap();
    std::os::unix::fs::symlink(at.join("feed/b.csv"), at.join("feed/link.csv")).unwrap();

    let (code, told, said) = judged(at, &["feed"]);
    assert_eq!(code, 1, "{said}");
    assert_eq!(
        places(&told),
        [
            "feed/a.csv.gz line 2 unproven",
            "feed/a.csv.gz line 3 unproven",
            "feed/b.csv line 2 unproven",
            "feed/b.csv line 3 unproven",
            "feed/fhir/one.json Patient unproven",
            "feed/fhir/patients.ndjson line 1 unproven",
            "feed/fhir/patients.ndjson line 2 unproven",
        ]
    );
    assert_eq!(
        listed(&told, "skipped"),
        [
            "feed/link.csv is a link",
            "feed/old.prov.json describes the data beside it",
            "feed/header.csv holds no records",
            "feed/logo.png is neither JSON nor a table; give a CSV with a header",
            "feed/read me.txt does not say by its name that it is a table; name it alone to have it read",
        ]
    );
    assert_eq!(told["files"].as_array().unwrap().len(), 4);
    assert_eq!(
        (told["files"][0]["records"].as_u64(), told["counts"]["unproven"].as_u64()),
        (Some(2), Some(7))
    );
}

#[test]
fn an_archive_is_judged_entry_by_entry() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let inner = zipped(&[("x.csv", PEOPLE.as_bytes())]);
    let entries: [(&str, &[u8]); 6] = [
        ("out/Contact.csv", b"LastName,Birthdate\nBell,1984-02-29\n"),
        ("out/b.csv.gz", &gzipped(PEOPLE.as_bytes())),
        ("../../escape.csv", PEOPLE.as_bytes()),
        ("inner.zip", &inner),
        ("__MACOSX/._b.csv", b"\0\x05\x16\x07"),
        ("notes.md", b"nothing"),
    ];
    fs::write(at.join("export.zip"), zipped(&entries)).unwrap();
    let (code, told, said) = judged(at, &["export.zip"]);
    assert_eq!(
        places(&told),
        [
            "export.zip/out/Contact.csv line 2 unproven",
            "export.zip/out/b.csv.gz line 2 unproven",
            "export.zip/out/b.csv.gz line 3 unproven",
            "export.zip/../../escape.csv line 2 unproven",
            "export.zip/../../escape.csv line 3 unproven",
        ]
    );
    assert_eq!(code, 2, "an entry was not read");
    assert!(said.contains("export.zip/inner.zip is an archive within an archive"), "{said}");
    assert_eq!(
        listed(&told, "skipped"),
        [
            "export.zip/__MACOSX/._b.csv was added by a Macintosh",
            "export.zip/notes.md is neither JSON nor a table; give a CSV with a header",
        ]
    );
    assert_eq!(fs::read_dir(at).unwrap().count(), 1, "nothing is unpacked");
}

#[test]
fn an_archive_in_which_another_reader_finds_other_files_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let changed = |bytes: &[u8], from: &str, to: &str| {
        let mut bytes = bytes.to_vec();
        for place in 0..bytes.len() - from.len() {
            if bytes[place..].starts_with(from.as_bytes()) {
                bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        bytes
    };
    let wards = "ward,beds\nNorth,1\n".as_bytes();
    let two = zipped(&[("p.csv", PEOPLE.as_bytes()), ("w.csv", wards)]);
    let whole = zipped(&[("w.csv", wards)]);
    for (name, bytes, why) in [
        ("twice.zip", changed(&two, "p.csv", "w.csv"), "two entries of the archive have one name"),
        ("both.zip", [zipped(&[("p.csv", PEOPLE.as_bytes())]), whole.clone()].concat(), "it is not read"),
        ("folder.zip", changed(&two, "p.csv", "pcsv/"), "is named as a folder and holds a file"),
    ] {
        fs::write(at.join(name), bytes).unwrap();
        let (code, _, said) = judged(at, &[name, "--fail-on", "synthetic"]);
        assert_eq!(code, 2, "{name}: {said}");
        assert!(said.replace("\n  │ ", " ").contains(why), "{name}: {said}");
    }
    // Bytes behind an entry's stream, within its length: who reads from the beginning finds an entry in them.
    let mut behind = carrier::archive::ArchiveWriter::default();
    behind.begin("w.csv").unwrap();
    behind.write(wards).unwrap();
    let mut bytes = behind.finish().unwrap();
    let descriptor = bytes.windows(4).position(|four| four == b"PK\x07\x08").unwrap();
    let more = b"PK\x03\x04 and more";
    let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let longer = |bytes: &mut Vec<u8>, at: usize, by: usize| {
        let number = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + u32::try_from(by).unwrap();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    };
    longer(&mut bytes, descriptor + 8, more.len());
    longer(&mut bytes, directory + 20, more.len());
    let end = bytes.len() - 6;
    longer(&mut bytes, end, more.len());
    bytes.splice(descriptor..descriptor, more.iter().copied());
    fs::write(at.join("behind.zip"), bytes).unwrap();
    let (code, _, said) = judged(at, &["behind.zip", "--fail-on", "synthetic"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("not what its archive says"), "{said}");

    fs::create_dir(at.join("empty")).unwrap();
    let (code, _, said) = judged(at, &["empty"]);
    assert!(code == 2 && said.contains("there are no records in what was given"), "{said}");

    let folders: [(&str, &[u8]); 3] = [("in/", b""), ("in/w.csv", wards), ("p.csv", PEOPLE.as_bytes())];
    fs::write(at.join("plain.zip"), zipped(&folders)).unwrap();
    let (code, told, said) = judged(at, &["plain.zip", "--fail-on", "synthetic"]);
    assert_eq!((code, places(&told).len()), (0, 3), "{said}");
}

#[test]
fn what_breaks_off_is_judged_up_to_there_and_is_never_clean() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let text = rows(20_000);
    let whole = gzipped(text.as_bytes());
    fs::write(at.join("cut.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    let (code, told, said) = judged(at, &["cut.csv.gz", "--fail-on", "synthetic"]);
    assert_eq!(code, 2, "{said}");
    let count = told["counts"]["unproven"].as_u64().unwrap();
    assert!(count > 5_000 && count < 20_000, "{count}");
    assert_eq!(told["counts"]["unreadable"].as_u64(), Some(0), "the row that was cut is not judged");
    assert!(said.contains(&format!("cut.csv.gz cannot be read past line {}", count + 1)), "{said}");

    // Its check sum is wrong: every row was there, and still the file is not what it was.
    let mut wrong = whole.clone();
    let at_sum = wrong.len() - 8;
    wrong[at_sum] ^= 1;
    fs::write(at.join("wrong.csv.gz"), &wrong).unwrap();
    assert_eq!(judged(at, &["wrong.csv.gz", "--fail-on", "synthetic"]).0, 2);
    fs::write(at.join("stub.csv.gz"), &whole[..12]).unwrap();
    assert!(judged(at, &["stub.csv.gz"]).2.contains("cannot read stub.csv.gz"));

    let zip = zipped(&[("a.csv", text.as_bytes()), ("b.csv", PEOPLE.as_bytes())]);
    fs::write(at.join("cut.zip"), &zip[..zip.len() / 2]).unwrap();
    let (code, _, said) = judged(at, &["cut.zip"]);
    assert_eq!(code, 2);
    assert!(said.contains("cut.zip is not a whole zip archive"), "{said}");
    let mut flipped = zip;
    flipped[2_000] ^= 0x10;
    fs::write(at.join("flipped.zip"), flipped).unwrap();
    let (code, told, said) = judged(at, &["flipped.zip"]);
    assert_eq!(code, 2, "{said}");
    assert!(places(&told).iter().any(|place| place.starts_with("flipped.zip/b.csv")), "the rest is judged");
}

#[test]
fn what_would_burst_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let same = "Ada Bell,1984-02-29\n".repeat(1_000_000);
    let bomb = format!("name,dob\n{same}");
    fs::write(at.join("bomb.zip"), zipped(&[("bomb.csv", bomb.as_bytes())])).unwrap();
    let (code, _, said) = judged(at, &["bomb.zip"]);
    assert_eq!(code, 2);
    assert!(said.contains("more than 300 times its size"), "{said}");

    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..100_000 {
        writer.start_file(format!("{number}.csv"), SimpleFileOptions::default()).unwrap();
    }
    fs::write(at.join("many.zip"), writer.finish().unwrap().into_inner()).unwrap();
    let (code, _, said) = judged(at, &["many.zip"]);
    assert_eq!(code, 2);
    assert!(said.contains("more than 10000"), "{said}");

    fs::write(at.join("wide.csv"), format!("{}\n1\n", vec!["c"; 10_000_000].join(","))).unwrap();
    let (code, _, said) = judged(at, &["wide.csv"]);
    assert_eq!(code, 2, "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn one_bad_record_is_a_finding_and_the_rest_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("a.ndjson"), format!("{PATIENT}\n{{\"resourceType\":\n{PATIENT}\n")).unwrap();
    fs::write(at.join("shifted.csv"), "name,dob,city\nAda,1984-02-29,Graz\nEve,Ode,1990-01-02,Linz\nIda,,\n")
        .unwrap();
    fs::write(at.join("mixed.csv"), b"name,dob\nZo\xC3\xAB,1984-02-29\nZo\xEB,1984-02-29\nIda,x\n").unwrap();
    let (code, told, _) = judged(at, &["a.ndjson", "shifted.csv", "mixed.csv"]);
    assert_eq!(code, 1);
    assert_eq!(
        places(&told),
        [
            "a.ndjson line 1 unproven",
            "a.ndjson line 2 unreadable",
            "a.ndjson line 3 unproven",
            "shifted.csv line 2 unproven",
            "shifted.csv line 3 unreadable",
            "shifted.csv line 4 unproven",
            "mixed.csv line 2 unproven",
            "mixed.csv line 3 unreadable",
            "mixed.csv line 4 unproven",
        ]
    );
}

#[test]
fn the_level_decides_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("people.csv"), PEOPLE).unwrap();
    fs::write(at.join("bad.csv"), format!("{PEOPLE}one,two,three\n")).unwrap();
    for (file, levels, want) in [
        ("people.csv", &[][..], 1),
        ("people.csv", &["synthetic"], 0),
        ("people.csv", &["suspected"], 0),
        ("people.csv", &["unproven"], 1),
        ("people.csv", &["synthetic", "unproven"], 1),
        // What cannot be read could be synthetic.
        ("bad.csv", &["synthetic"], 1),
    ] {
        let flags: Vec<&str> = levels.iter().flat_map(|level| ["--fail-on", level]).collect();
        assert_eq!(judged(at, &[&[file], flags.as_slice()].concat()).0, want, "{file} {levels:?}");
    }
    fs::create_dir(at.join("empty")).unwrap();
    assert_eq!(judged(at, &["empty", "--fail-on", "synthetic"]).0, 2, "nothing was judged");
}

#[test]
fn a_file_of_a_known_generator_is_suspected_and_its_share_estimated() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Mail at reserved domains, a telephone with an extension, a city that is put together: as Faker writes them.
    let row = |number: u32| {
        format!(
            "Ada,Bell,1984-02-29,ada{number}@example.org,748-224-5{number:03}x598,{number} Lambert Mews,South Katherinefurt\n"
        )
    };
    let rows = (100..200).map(row).collect::<Vec<_>>().concat();
    fs::write(
        at.join("c.csv"),
        format!("first_name,last_name,date_of_birth,email,phone_number,street_address,city\n{rows}"),
    )
    .unwrap();
    let (code, told, _) = judged(at, &["c.csv", "--fail-on", "suspected"]);
    assert_eq!((code, told["counts"]["suspected"].as_u64()), (1, Some(100)), "{}", told["counts"]);
    let finding = &told["findings"][0];
    assert_eq!(finding["strength"], "strong");
    assert!(finding["signals"].as_array().is_some_and(|signals| !signals.is_empty()), "{finding}");
    let shares = told["files"][0]["shares"].as_array().unwrap();
    let total: f64 = shares.iter().filter_map(|share| share["share"].as_f64()).sum();
    assert!(total > 0.9, "{shares:?}");
    assert!(told["recogniser"].is_string());
    let (code, told, _) = judged(at, &["c.csv", "--fail-on", "suspected", "--no-recognise"]);
    assert_eq!((code, told["counts"]["unproven"].as_u64()), (0, Some(100)));
    assert!(told["recogniser"].is_null());
    assert_eq!(told["files"][0]["shares"].as_array().unwrap().len(), 0);
}

#[test]
fn a_parquet_file_is_judged_and_one_that_is_none_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("a.parquet"), b"PAR1 and then nothing of it").unwrap();
    fs::write(at.join("b.csv"), PEOPLE).unwrap();
    let whole = format!("{}/../../fixtures/parquet/people.parquet", env!("CARGO_MANIFEST_DIR"));
    let (code, told, said) = judged(at, &[&whole]);
    assert_eq!((code, told["files"][0]["format"].as_str()), (1, Some("Parquet")), "{said}");
    assert_eq!(told["files"][0]["records"].as_u64(), Some(told["findings"].as_array().unwrap().len() as u64));
    let (code, told, said) = judged(at, &["a.parquet", "b.csv"]);
    assert_eq!(code, 2);
    assert!(said.contains("a.parquet is cut short"), "{said}");
    assert_eq!(places(&told), ["b.csv line 2 unproven", "b.csv line 3 unproven"], "the rest is judged");
}
