//! Whole output folders of generators marked as one dataset, and marked again with the same seed.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    files::{fixture, judged, set_up},
    program::said,
};

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}

/// Every file of a folder by its name, or the one file.
pub(crate) fn contents(at: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut waiting = vec![at.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(at).unwrap().display().to_string();
            all.insert(name, fs::read(path).unwrap());
        }
    }
    all
}

/// What `mark --json` says.
pub(crate) fn marked(at: &Path, arguments: &[&str], code: i32) -> Value {
    let mut all = vec!["mark", "--json"];
    all.extend_from_slice(arguments);
    serde_json::from_str(&said(at, &all, code)).unwrap()
}

#[test]
fn a_synthea_folder_is_one_dataset_of_all_its_formats() {
    let folder = set_up();
    let at = folder.path();
    copy_all(Path::new(&fixture("mark/synthea-csv")), &at.join("output/csv"));
    fs::create_dir_all(at.join("output/fhir")).unwrap();
    fs::copy(fixture("fhir/transaction.json"), at.join("output/fhir/Ned_Hintz.json")).unwrap();
    fs::copy(fixture("fhir/patients.ndjson"), at.join("output/fhir/Patient.ndjson")).unwrap();
    fs::write(at.join("output/run.log"), "took 3 s\n").unwrap();
    std::os::unix::fs::symlink("/", at.join("output/root")).unwrap();

    let told = marked(at, &["output", "--out", "marked/", "--dataset", "spring"], 0);
    assert_eq!(
        told["source"],
        json!({"kind": "generator", "name": "Synthea", "version": "v2.4.0-100-g26a4b936"}),
        "{told}"
    );
    assert_eq!(told["records"]["Patient"], 13);
    assert_eq!(told["records"]["patients"], 6);
    assert_eq!(told["records"]["encounters"], 8);
    assert_eq!(told["copied"], json!(["csv/careplans.csv", "run.log"]));
    assert_eq!(told["leftOut"], json!(["root"]));
    assert_eq!(
        (&told["batches"], &told["rejected"]["count"]),
        (&json!(1), &json!(0)),
        "one batch for all of it"
    );
    let (before, after) = (contents(&at.join("output/csv")), contents(&at.join("marked")));
    assert_eq!(after["csv/careplans.csv"], before["careplans.csv"]);
    assert_eq!(after["run.log"], b"took 3 s\n");
    assert_eq!(after.len(), 7, "{:?}", after.keys());
    for (file, records) in [
        ("marked/csv/patients.csv", 6),
        ("marked/csv/encounters.csv", 8),
        ("marked/csv/allergies.csv", 4),
        ("marked/fhir/Ned_Hintz.json", 10),
        ("marked/fhir/Patient.ndjson", 12),
    ] {
        let arguments = [file, "--config", "eosin.toml", "--dataset", "marked.dataset.json"];
        let (code, counts, reasons) = judged(at, &arguments);
        assert_eq!((code, counts), (1, format!("{records} synthetic")), "{file}");
        assert_eq!(reasons, ["as it was sealed in `spring`"], "{file}");
    }
    said(at, &["ledger", "verify"], 0);
}

#[test]
fn what_should_hold_records_and_cannot_be_read_is_rejected_and_never_copied() {
    let folder = set_up();
    let at = folder.path();
    let people = "name,dob\nAda Bell,1984-02-29\n";
    let wide: Vec<u8> = people.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::create_dir(at.join("in")).unwrap();
    fs::write(at.join("in/a.csv"), people).unwrap();
    fs::write(at.join("in/u16.csv"), wide).unwrap();
    fs::write(at.join("in/patients.zip"), crate::judging::zipped(&[("p.csv", people.as_bytes())])).unwrap();
    fs::write(
        at.join("in/feed.er7"),
        "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\rPID|1||7^^^H^MR||Bell^Ada\r",
    )
    .unwrap();
    fs::write(at.join("in/read me"), "Dear all, see you").unwrap();
    let asked = ["in", "--out", "out", "--dataset", "d", "--generator", "g", "--export", "none"];
    let strict = crate::program::eosin(at, &[&["mark", "--strict"], &asked[..]].concat());
    assert_eq!(strict.status.code(), Some(2));
    assert!(!at.join("out").exists() && !at.join("out.rejected").exists());

    let told = marked(at, &asked, 1);
    assert_eq!((&told["rejected"]["count"], &told["copied"]), (&json!(2), &json!(["read me"])), "{told}");
    let names = |at: &Path| contents(at).into_keys().collect::<Vec<_>>();
    assert_eq!(names(&at.join("out")), ["a.csv", "feed.er7", "read me"]);
    assert_eq!(names(&at.join("out.rejected")), ["patients.zip", "u16.csv"]);
}

#[test]
fn a_snowfakery_folder_is_recognised_and_its_metadata_copied() {
    let folder = set_up();
    let at = folder.path();
    let from = fixture("mark/snowfakery");
    let told = marked(at, &[&from, "--out", "marked", "--dataset", "sales"], 0);
    assert_eq!(told["source"]["name"], "Snowfakery");
    assert_eq!(told["records"], json!({"Account": 1, "Campaign": 1, "Contact": 8}));
    assert_eq!(told["copied"], json!(["csvw_metadata.json"]));
    for (object, records) in [("Account", 1), ("Campaign", 1), ("Contact", 8)] {
        let file = format!("marked/{object}.csv");
        let known = [&file, "--config", "eosin.toml", "--dataset", "marked.dataset.json"];
        assert_eq!(judged(at, &known).1, format!("{records} synthetic"), "{object}");
    }
    // Asked values win, and the contradiction is said.
    let told = marked(at, &[&from, "--out", "again", "--dataset", "d", "--generator", "Mimesis"], 0);
    assert_eq!((&told["source"]["name"], &told["contradictedBy"]), (&json!("Mimesis"), &json!("Snowfakery")));
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let folder = set_up();
    let at = folder.path();
    copy_all(Path::new(&fixture("mark/synthea-csv")), &at.join("output"));
    let rows: Vec<String> = (0..5000).map(|n| format!("Ada {n},1984-02-29")).collect();
    fs::write(at.join("output/people.csv"), format!("name,dob\n{}\n", rows.join("\n"))).unwrap();
    let run = |out: &str, seed: &[&str]| {
        let mut all = vec!["output", "--out", out, "--dataset", "spring"];
        all.extend_from_slice(seed);
        let dataset = marked(at, &all, 0)["dataset"].clone();
        (dataset, contents(&at.join(out)))
    };
    let (one, again) = (run("one", &["--seed", "20260101"]), run("again", &["--seed", "20260101"]));
    assert_eq!(one, again);
    assert_eq!(one.1["people.csv"].split(|byte| *byte == b'\n').skip(1).count(), 5001);
    let other = run("other", &["--seed", "20260102"]);
    assert!(other.0 != one.0 && other.1["people.csv"] != one.1["people.csv"]);
    // Another word in the manifest is another dataset, and another salt.
    let named = run("named", &["--seed", "20260101", "--purpose", "demo"]);
    assert!(named.0 != one.0 && named.1["people.csv"] != one.1["people.csv"]);
    assert_ne!(run("none", &[]).0, run("none-again", &[]).0, "without a seed the salt is random");
    let manifest =
        mark::DatasetFile::parse(&fs::read(at.join("one.dataset.json")).unwrap()).unwrap().manifest;
    assert_eq!(
        manifest.seed_commitment.unwrap(),
        // printf 20260101 | sha256sum
        mark::digest::sha256(&[b"20260101"]).to_hex()
    );
}

#[test]
fn a_zipped_file_is_zipped_again_and_gives_the_same_bytes() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("people.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    assert!(std::process::Command::new("gzip").arg(at.join("people.csv")).status().unwrap().success());
    for out in ["a.csv.gz", "b.csv.gz"] {
        let asked = ["people.csv.gz", "--out", out, "--dataset", "d", "--generator", "g", "--seed", "7"];
        marked(at, &asked, 0);
        assert_eq!(judged(at, &[out, "--config", "eosin.toml"]).1, "1 synthetic", "{out}");
    }
    let (a, b) = (fs::read(at.join("a.csv.gz")).unwrap(), fs::read(at.join("b.csv.gz")).unwrap());
    assert_eq!(a, b);
    assert!(a.starts_with(&[0x1F, 0x8B]));
}
