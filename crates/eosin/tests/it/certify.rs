//! Files certified, certificates verified by those who have only them, and what gets none.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use data_encoding::BASE64;
use recognise::{FingerprintKind, Name, Person, PersonTag, RegistryKey, fingerprints};
use registry::Additions;
use serde_json::Value;

use crate::{
    program::{eosin, said},
    stranger,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

/// A folder with a configuration, keys and a ledger.
fn set_up() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    folder
}

/// Rows without a mark, about whom nothing speaks.
fn plain_rows(count: usize) -> String {
    let mut rows = "ward,beds,note\n".to_owned();
    for row in 0..count {
        writeln!(rows, "W{row},{},as planned", row % 40).unwrap();
    }
    rows
}

fn json(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let mut all = vec!["certify", "--json"];
    all.extend_from_slice(arguments);
    serde_json::from_str(&said(folder, &all, code)).unwrap()
}

/// The parts that do not hold.
fn failed(report: &Value) -> Vec<&str> {
    report["failed"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

fn entries(folder: &Path) -> u64 {
    let report: Value = serde_json::from_str(&said(folder, &["ledger", "verify", "--json"], 0)).unwrap();
    report["size"].as_u64().unwrap()
}

#[test]
fn a_clean_file_is_certified_and_verified_elsewhere_with_the_key_alone() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("wards.csv"), plain_rows(1000)).unwrap();
    let told = said(at, &["certify", "wards.csv", "--boundary", "crm"], 0);
    assert!(told.contains("wards.csv.certificate.json") && told.contains("unproven"), "{told}");
    assert!(told.contains("None of 1000 records is proven synthetic"), "{told}");
    assert!(said(at, &["certify", "--verify", "wards.csv.certificate.json"], 0).contains("verified"));

    let elsewhere = tempfile::tempdir().unwrap();
    let there = elsewhere.path();
    for name in ["wards.csv", "wards.csv.certificate.json", "keys/ledger.vkey"] {
        let to = there.join(Path::new(name).file_name().unwrap());
        fs::copy(at.join(name), to).unwrap();
    }
    fs::rename(there.join("wards.csv"), there.join("renamed.csv")).unwrap();
    let verify = ["--verify", "wards.csv.certificate.json", "renamed.csv", "--vkey", "ledger.vkey"];
    let report = json(there, &verify, 0);
    assert_eq!(report["outcome"], "verified");
    assert_eq!(report["parts"]["registry"]["state"], "not checked");
    let predicate = &report["statement"]["predicate"];
    assert_eq!(predicate["records"], 1000);
    assert_eq!(predicate["counts"]["unproven"], 1000);
    assert_eq!(predicate["counts"].as_object().unwrap().len(), 9, "all words, also those that are 0");
    assert_eq!(predicate["boundary"], "crm");

    // Without the file nothing can be said of it.
    let report = json(there, &verify[..2].iter().chain(&verify[3..]).copied().collect::<Vec<_>>(), 2);
    assert_eq!(report["outcome"], "could not tell");

    // One byte of the file.
    let good = fs::read(there.join("renamed.csv")).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(there.join("renamed.csv"), &bad).unwrap();
    assert_eq!(failed(&json(there, &verify, 1)), ["files"]);
    fs::write(there.join("renamed.csv"), &good).unwrap();

    // Another key.
    let other = set_up();
    fs::copy(other.path().join("keys/ledger.vkey"), there.join("other.vkey")).unwrap();
    let output = eosin(there, &["certify", "--verify", verify[1], "renamed.csv", "--vkey", "other.vkey"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("It calls itself signed by"));
}

#[test]
fn a_changed_certificate_does_not_verify_and_says_which_part() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("wards.csv"), plain_rows(3)).unwrap();
    said(at, &["certify", "wards.csv"], 0);
    let name = at.join("wards.csv.certificate.json");
    let good = fs::read_to_string(&name).unwrap();
    let verify = ["--verify", "wards.csv.certificate.json", "wards.csv"];
    assert!(failed(&json(at, &verify, 0)).is_empty());
    for place in [1, 30, good.len() / 3, good.len() / 2, good.len() - 40, good.len() - 5] {
        let mut bad = good.clone().into_bytes();
        bad[place] ^= 1;
        fs::write(&name, bad).unwrap();
        let report = json(at, &verify, 1);
        assert!(["envelope", "signature"].contains(&failed(&report)[0]), "{place}: {report}");
    }
    let envelope: Value = serde_json::from_str(&good).unwrap();
    fs::write(&name, serde_json::to_string_pretty(&envelope).unwrap()).unwrap();
    assert_eq!(failed(&json(at, &verify, 1)), ["envelope"], "one spelling only");
    fs::write(&name, &good).unwrap();
    said(at, &["certify", "--verify", "wards.csv.certificate.json"], 0);
}

#[test]
fn one_planted_record_among_a_thousand_is_named_and_there_is_no_certificate() {
    let folder = set_up();
    let at = folder.path();
    let one = fs::read_to_string(fixture("fhir/patients.ndjson")).unwrap().lines().next().unwrap().to_owned();
    fs::write(at.join("one.ndjson"), format!("{one}\n")).unwrap();
    let mark = ["mark", "one.ndjson", "--out", "marked.ndjson", "--dataset", "d", "--generator", "Synthea"];
    said(at, &mark, 0);
    fs::create_dir(at.join("datasets")).ok();
    fs::copy(at.join("marked.ndjson.dataset.json"), at.join("datasets/d.dataset.json")).unwrap();
    let planted = fs::read_to_string(at.join("marked.ndjson")).unwrap();
    let other = r#"{"resourceType":"Location","status":"active","name":"Ward"}"#;
    let mut lines: Vec<&str> = vec![other; 1000];
    lines[616] = planted.trim();
    fs::write(at.join("feed.ndjson"), lines.join("\n")).unwrap();

    let before = entries(at);
    let report = json(at, &["feed.ndjson"], 1);
    assert_eq!(report["certified"], false);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["findings"][0]["reference"], "line 617");
    assert_eq!(report["findings"][0]["verdict"], "synthetic");
    assert_eq!(report["findings"][0]["why"], "its mark proves that it was sealed in `d`");
    assert!(!at.join("feed.ndjson.certificate.json").exists());
    assert_eq!(entries(at), before + 1, "the refusal is logged");
    let told = said(at, &["certify", "feed.ndjson"], 1);
    assert!(told.contains("No certificate") && told.contains("line 617"), "{told}");
    let index = report["entry"].to_string();
    said(at, &["ledger", "prove", &index, "--out", "refusal.tlog-proof"], 0);
    let entry = fs::read_to_string(at.join("refusal.json")).unwrap();
    assert!(entry.contains("certificate-refused@1") && entry.contains("line 617"), "{entry}");

    // Without it there is one.
    lines[616] = other;
    fs::write(at.join("feed.ndjson"), lines.join("\n")).unwrap();
    assert_eq!(json(at, &["feed.ndjson"], 0)["records"], 1000);

    // Unmarked, a generator gives itself away; and what says of itself that it is a test is taken at its word.
    lines[3] = &one;
    fs::write(at.join("feed.ndjson"), lines.join("\n")).unwrap();
    let report = json(at, &["feed.ndjson", "--out", "second"], 1);
    assert_eq!(report["findings"][0]["reference"], "line 4", "{report}");
    let test = r#"{"resourceType":"Location","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}}"#;
    lines[3] = test;
    fs::write(at.join("feed.ndjson"), lines.join("\n")).unwrap();
    let report = json(at, &["feed.ndjson", "--out", "second"], 1);
    assert!(report["findings"][0]["why"].as_str().unwrap().contains("says of itself"), "{report}");
    lines[3] = "{\"resourceType\":";
    fs::write(at.join("feed.ndjson"), lines.join("\n")).unwrap();
    let report = json(at, &["feed.ndjson", "--out", "second"], 1);
    assert_eq!(report["findings"][0]["verdict"], "unreadable", "{report}");
}

#[test]
fn only_attested_and_where_nothing_can_be_said() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("wards.csv"), plain_rows(2)).unwrap();
    let report = json(at, &["wards.csv", "--only-attested"], 1);
    assert_eq!(report["findings"].as_array().unwrap().len(), 2);
    assert_eq!(report["rule"], "only-attested");
    fs::write(at.join("empty.csv"), "ward,beds\n").unwrap();
    fs::write(at.join("noise.bin"), [0_u8, 159, 146, 150]).unwrap();
    for (arguments, want) in [
        (&["certify"][..], "say what to certify"),
        (&["certify", "-"], "cannot be standard input"),
        (&["certify", "absent.csv"], "cannot read absent.csv"),
        (&["certify", "empty.csv"], "no records"),
        (&["certify", "noise.bin"], "noise.bin"),
        (&["certify", "wards.csv", "empty.csv"], "--out"),
        (&["certify", "wards.csv", "--boundary", "moon"], "no boundary"),
        (&["certify", "wards.csv", "--out", "empty.csv"], "nothing is overwritten"),
        (&["certify", "wards.csv", "--config", "absent.toml"], "no configuration"),
        (&["certify", "--verify", "absent.json"], "cannot read absent.json"),
    ] {
        let output = eosin(at, arguments);
        let error = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(want), "{arguments:?}: {error}");
    }
    assert!(!at.join("wards.csv.certificate.json").exists());
}

#[test]
fn a_folder_is_certified_whole() {
    let folder = set_up();
    let at = folder.path();
    fs::create_dir_all(at.join("export/more")).unwrap();
    fs::write(at.join("export/b.csv"), plain_rows(5)).unwrap();
    fs::write(at.join("export/more/a.csv"), plain_rows(7)).unwrap();
    let report = json(at, &["export"], 0);
    assert_eq!(report["records"], 12);
    let names: Vec<&str> =
        report["subject"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["b.csv", "more/a.csv"]);
    let verify = ["--verify", "export.certificate.json"];
    assert!(failed(&json(at, &verify, 0)).is_empty(), "the folder lies beside its certificate");

    fs::write(at.join("export/c.csv"), plain_rows(1)).unwrap();
    assert_eq!(failed(&json(at, &verify, 1)), ["files"], "one file more");
    fs::remove_file(at.join("export/c.csv")).unwrap();
    fs::rename(at.join("export/b.csv"), at.join("b.csv")).unwrap();
    assert_eq!(failed(&json(at, &verify, 1)), ["files"], "one file less");
    let both = ["--verify", "export.certificate.json", "b.csv", "export"];
    assert!(failed(&json(at, &both, 0)).is_empty(), "files are known by what they hold, wherever they are");
}

#[test]
fn an_archive_is_certified_with_its_members() {
    let folder = set_up();
    let at = folder.path();
    let (wards, more) = (plain_rows(3), plain_rows(4));
    fs::write(
        at.join("export.zip"),
        zipped(&[("wards.csv", wards.as_bytes()), ("in/more.csv", more.as_bytes())]),
    )
    .unwrap();
    let report = json(at, &["export.zip"], 0);
    assert_eq!(report["records"], 7);
    let names: Vec<&str> =
        report["files"].as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["export.zip/wards.csv", "export.zip/in/more.csv"]);
    assert_eq!(report["subject"].as_array().unwrap().len(), 1);
    fs::rename(at.join("export.zip"), at.join("renamed.zip")).unwrap();
    let verify = ["--verify", "export.zip.certificate.json", "renamed.zip"];
    assert!(failed(&json(at, &verify, 0)).is_empty());

    // What is in an archive and cannot be read as records was not judged.
    let mixed = zipped(&[("wards.csv", wards.as_bytes()), ("letter.txt", b"Dear all, see you")]);
    fs::write(at.join("mixed.zip"), mixed).unwrap();
    let output = eosin(at, &["certify", "mixed.zip"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("letter.txt"));
    assert!(!at.join("mixed.zip.certificate.json").exists());
}

fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut writer, bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Registers one invented person under the configuration's key.
fn register(folder: &Path, number: u8) {
    let text = fs::read_to_string(folder.join("keys/registry.key")).unwrap();
    let key = RegistryKey::new(&BASE64.decode(text.trim().as_bytes()).unwrap()).unwrap();
    let name = Name { given: vec!["Ottoline".into()], family: Some("Brackwater".into()), ..Name::default() };
    let person = Person {
        names: vec![name],
        birth_date: Some("1984-02-29".into()),
        emails: vec![format!("ottoline{number}@hill.example").into()],
        ..Person::default()
    };
    let mut additions = Additions::begin(&folder.join("registry"), key.id()).unwrap();
    let prints = fingerprints(&person, &key);
    assert_eq!(prints.len(), 2, "{:?}", FingerprintKind::ALL);
    for (_, print) in prints {
        additions.add(print, PersonTag([number; 8])).unwrap();
    }
    additions.commit().unwrap();
}

#[test]
fn what_the_registry_knows_is_refused_and_its_snapshot_is_in_the_certificate() {
    let folder = set_up();
    let at = folder.path();
    let config = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(at.join("eosin.toml"), format!("{config}\n[recognise]\ngenerators = false\n")).unwrap();
    let head = "first_name,last_name,date_of_birth,email,ward\n";
    let plain = "Wim,Ode,1990-01-01,wim@hill.example,W1\n";
    fs::write(at.join("plain.csv"), format!("{head}{plain}")).unwrap();
    let report = json(at, &["plain.csv"], 0);
    assert!(report["judgedAgainst"]["registry"].is_null(), "there was none, and it is said so");
    let says = report["says"].to_string();
    assert!(says.contains("no registry") && says.contains("not looked for"), "{says}");
    let verify = ["--verify", "plain.csv.certificate.json", "--registry", "registry"];
    register(at, 1);
    assert_eq!(failed(&json(at, &verify, 1)), ["registry"], "it was not asked");

    let stripped = "Ottoline,Brackwater,1984-02-29,ottoline1@hill.example,W2\n";
    fs::write(at.join("both.csv"), format!("{head}{plain}{stripped}")).unwrap();
    let report = json(at, &["both.csv"], 1);
    assert_eq!(report["findings"][0]["reference"], "line 3", "{report}");
    assert_eq!(report["suspected"]["strong"], 1);

    let weak = "Otto,Hill,1984-02-29,ottoline1@hill.example,W2\n";
    fs::write(at.join("weak.csv"), format!("{head}{plain}{weak}")).unwrap();
    assert_eq!(json(at, &["weak.csv", "--strict"], 1)["suspected"]["weak"], 1);
    let report = json(at, &["weak.csv"], 0);
    assert!(report["says"].to_string().contains("1 of them is weakly suspected"), "{report}");
    assert_eq!(report["judgedAgainst"]["registry"]["generation"], 1);

    let verify = ["--verify", "weak.csv.certificate.json", "--registry", "registry"];
    assert_eq!(json(at, &verify, 0)["parts"]["registry"]["state"], "holds");
    let table = at.join("registry/table");
    let good = fs::read(&table).unwrap();
    register(at, 2);
    assert_eq!(failed(&json(at, &verify, 1)), ["registry"], "another snapshot");
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&table, bad).unwrap();
    let output = eosin(at, &["certify", verify[0], verify[1], verify[2], verify[3]]);
    assert!(matches!(output.status.code(), Some(1 | 2)), "a damaged table holds nothing");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("verified:"));
}

#[test]
fn a_certificate_is_accepted_by_a_verifier_that_is_not_ours() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("wards.csv"), plain_rows(10)).unwrap();
    said(at, &["certify", "wards.csv"], 0);
    if !stranger::is_here() {
        return;
    }
    let check = || {
        stranger::asked(at, &["certificate", "keys/ledger.vkey", "wards.csv.certificate.json", "wards.csv"])
    };
    let output = check();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("10 records"));

    let good = fs::read_to_string(at.join("wards.csv")).unwrap();
    fs::write(at.join("wards.csv"), good.replace("W3,", "W4,")).unwrap();
    assert_eq!(check().status.code(), Some(1), "another file");
    fs::write(at.join("wards.csv"), good).unwrap();
    let name = at.join("wards.csv.certificate.json");
    let mut bytes = fs::read(&name).unwrap();
    bytes[60] ^= 1;
    fs::write(&name, bytes).unwrap();
    assert_eq!(check().status.code(), Some(1), "another certificate");
}

#[test]
fn what_columns_hold_is_asked_by_a_map_and_stated() {
    let folder = set_up();
    let at = folder.path();
    let config = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(at.join("eosin.toml"), format!("{config}\n[recognise]\ngenerators = false\n")).unwrap();
    register(at, 1);
    // Nothing in these names tells who the rows are about.
    let rows = "c1,c2,c3,c4,ward\nOttoline,Brackwater,1984-02-29,ottoline1@hill.example,W2\n";
    fs::write(at.join("people.csv"), rows).unwrap();
    let report = json(at, &["people.csv", "--out", "guessed.json"], 0);
    assert!(report["files"][0]["columns"].is_null(), "nobody said anything: {report}");

    let map = "[columns.\"people\"]\nc1 = \"given-name\"\nc2 = \"family-name\"\nc3 = \"birth-date\"\nc4 = \"email\"\n";
    fs::write(at.join("map.toml"), map).unwrap();
    let report = json(at, &["people.csv", "--map", "map.toml"], 1);
    assert_eq!(report["suspected"]["strong"], 1, "{report}");

    let other = "c1,c2,c3,c4,ward\nWim,Ode,1990-01-01,wim@vale.example,W2\n";
    fs::write(at.join("people.csv"), other).unwrap();
    let told = said(at, &["certify", "people.csv", "--map", "map.toml"], 0);
    assert!(told.contains("c3 = birth-date"), "{told}");
    let report = json(at, &["--verify", "people.csv.certificate.json"], 0);
    assert_eq!(report["parts"]["content"]["state"], "holds", "{report}");
    let columns = &report["statement"]["predicate"]["files"][0]["columns"];
    assert_eq!(columns["c4"], "email");

    // A slip of the pen certifies nothing.
    fs::write(at.join("map.toml"), map.replace("c4", "c5")).unwrap();
    fs::remove_file(at.join("people.csv.certificate.json")).unwrap();
    let refused = eosin(at, &["certify", "people.csv", "--map", "map.toml"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`c5` of `people`"));
    assert!(!at.join("people.csv.certificate.json").exists());
}

#[test]
fn files_that_are_alike_are_counted_and_names_that_are_alike_refused() {
    let folder = set_up();
    let at = folder.path();
    for name in ["g/1.csv", "g/2.csv", "d/1.csv"] {
        fs::create_dir_all(at.join(name).parent().unwrap()).unwrap();
        fs::write(at.join(name), plain_rows(2)).unwrap();
    }
    said(at, &["certify", "g"], 0);
    let verify = |code: i32| json(at, &["--verify", "g.certificate.json", "g"], code);
    assert!(failed(&verify(0)).is_empty());
    fs::copy(at.join("g/1.csv"), at.join("g/3.csv")).unwrap();
    assert_eq!(failed(&verify(1)), ["files"]);
    fs::remove_file(at.join("g/3.csv")).unwrap();
    fs::remove_file(at.join("g/2.csv")).unwrap();
    assert_eq!(failed(&verify(1)), ["files"]);

    let before = entries(at);
    for paths in [["g/1.csv", "d/1.csv"], ["g/1.csv", "./g/1.csv"]] {
        let output = eosin(at, &["certify", paths[0], paths[1], "--out", "two.json"]);
        assert_eq!(output.status.code(), Some(2));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("cannot be told") && error.contains("1.csv"), "{error}");
    }
    assert_eq!(entries(at), before, "nothing was logged of what was refused");
}

#[test]
fn a_certified_file_may_have_any_other_name() {
    let folder = set_up();
    let at = folder.path();
    let patient = "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"Bell\"}]}\n";
    for (name, content, other) in
        [("x.ndjson", patient.to_owned(), "x.json"), ("codes.csv", "code\nA1\nB2\n".to_owned(), "codes.txt")]
    {
        fs::write(at.join(name), content).unwrap();
        said(at, &["certify", name, "--out", "c.json"], 0);
        fs::rename(at.join(name), at.join(other)).unwrap();
        assert!(failed(&json(at, &["--verify", "c.json", other], 0)).is_empty(), "{name}");
        fs::remove_file(at.join("c.json")).unwrap();
    }
}
