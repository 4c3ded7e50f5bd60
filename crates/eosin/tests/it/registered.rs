//! The registry's commands: what marking adds to it, what is proved of it, and what is forgotten.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    files::{fixture, set_up},
    mark_folders::marked,
    program::{eosin, said},
};

const PEOPLE: &str = "first_name,last_name,dob,email\nAda,Bell,1984-02-29,ada@example.org\nEve,Ode,1990-01-01,eve@example.org\n";

fn status(at: &Path, code: i32) -> Value {
    serde_json::from_str(&said(at, &["registry", "status", "--json"], code)).unwrap()
}

#[test]
fn what_is_marked_is_registered_and_its_snapshot_logged() {
    let folder = set_up();
    let at = folder.path();
    let output = eosin(at, &["registry", "status"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is empty"), "{output:?}");

    fs::write(at.join("people.csv"), PEOPLE).unwrap();
    let told = marked(at, &["people.csv", "--out", "out.csv", "--dataset", "d", "--generator", "g"], 0);
    assert_eq!(told["registry"]["fingerprints"], 4, "name with birth date, and e-mail: {told}");
    let found = status(at, 0);
    assert_eq!((&found["entries"], &found["generation"]), (&4.into(), &1.into()));
    assert_eq!((&found["root"], &found["logged"]), (&told["registry"]["root"], &told["registry"]["entry"]));
    let told = said(at, &["registry", "verify"], 0);
    assert!(told.contains("it is the logged one"), "{told}");

    // Nothing to register is no new snapshot.
    fs::write(at.join("things.csv"), "thing,price\nchair,12\n").unwrap();
    let told = marked(at, &["things.csv", "--out", "t.csv", "--dataset", "d", "--generator", "g"], 0);
    assert_eq!(told["registry"], Value::Null);
    assert_eq!(status(at, 0), found);
}

#[test]
fn values_are_proved_present_or_absent_and_never_printed() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("people.csv"), PEOPLE).unwrap();
    marked(at, &["people.csv", "--out", "out.csv", "--dataset", "d", "--generator", "g"], 0);
    let told = said(at, &["registry", "prove", "people.csv"], 1);
    assert!(told.contains("present   4 fingerprints") && !told.contains("Ada"), "{told}");
    let proofs: Value = serde_json::from_slice(&fs::read(at.join("registry-proofs.json")).unwrap()).unwrap();
    assert!(!proofs.to_string().contains("Ada") && !proofs.to_string().contains("example.org"));
    // A stranger needs the entry, the ledger's proof and each proof, and nothing of ours but the formats.
    let entry = proofs["entry"].as_str().unwrap().as_bytes();
    let (snapshot, _) = registry::Snapshot::parse_entry(entry).unwrap();
    let key = mark::note::VerifierKey::parse(fs::read_to_string(at.join("keys/ledger.vkey")).unwrap().trim())
        .unwrap();
    let receipt = mark::tlog_proof::TlogProof::parse(proofs["receipt"].as_str().unwrap()).unwrap();
    receipt.verify(&mark::merkle::leaf_hash(entry), &[key]).unwrap();
    let all = proofs["proofs"].as_array().unwrap();
    assert_eq!((all.len(), snapshot.entries), (4, 4));
    for proof in all {
        let hex = proof["fingerprint"].as_str().unwrap();
        let bytes: Vec<u8> =
            (0..32).step_by(2).map(|n| u8::from_str_radix(&hex[n..n + 2], 16).unwrap()).collect();
        let fingerprint = recognise::Fingerprint(bytes.try_into().unwrap());
        let presence = registry::Presence::parse(proof["proof"].to_string().as_bytes()).unwrap();
        let membership = presence.verify(&snapshot.root, snapshot.entries, fingerprint).unwrap();
        assert!(matches!(membership, registry::Membership::Present(_)));
    }

    fs::write(at.join("other.csv"), "first_name,last_name,dob\nKim,Hill,1971-03-04\n").unwrap();
    let told = said(at, &["registry", "prove", "other.csv", "--out", "absent.json"], 0);
    assert!(told.contains("absent    1 fingerprints"), "{told}");
    fs::write(at.join("nobody.csv"), "thing,price\nchair,12\n").unwrap();
    let output = eosin(at, &["registry", "prove", "nobody.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("says whom it is about"), "{output:?}");
}

#[test]
fn marked_files_are_added_and_forgotten_and_unmarked_ones_passed_over() {
    let folder = set_up();
    let at = folder.path();
    let patients = fixture("fhir/patients.ndjson");
    marked(at, &[&patients, "--out", "out.ndjson", "--dataset", "d"], 0);
    let first = status(at, 0);
    let told = said(at, &["registry", "forget", "out.ndjson"], 0);
    assert!(told.contains("12 records forgotten") && told.contains("has 0 entries"), "{told}");
    said(at, &["registry", "add", "out.ndjson"], 0);
    let again = status(at, 0);
    // What is there already is no new snapshot, and no new entry.
    let told = said(at, &["registry", "add", "out.ndjson"], 0);
    assert!(told.contains("of 12 records given, 0 of them new"), "{told}");
    assert_eq!(status(at, 0), again);
    assert_eq!((&again["root"], &again["entries"]), (&first["root"], &first["entries"]));
    // Without a mark nobody is registered: a person could be.
    let told = said(at, &["registry", "add", &patients], 1);
    assert!(told.starts_with("0 fingerprints of 0 records added"), "{told}");
    assert_eq!(status(at, 0)["entries"], first["entries"]);
}

#[test]
fn a_map_says_what_columns_hold_whose_names_do_not() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("leute.csv"), "wer,wo\nAda Bell,ada@example.org\nEve Ode,eve@example.org\n").unwrap();
    fs::write(at.join("map.toml"), "[columns.leute]\nwo = \"email\"\n").unwrap();
    let mark = ["leute.csv", "--out", "out.csv", "--dataset", "d", "--generator", "g", "--map", "map.toml"];
    assert_eq!(marked(at, &mark, 0)["registry"]["fingerprints"], 2);
    let before = status(at, 0);
    said(at, &["registry", "forget", "out.csv"], 0);
    assert_eq!(status(at, 0)["entries"], 0);

    let told = said(at, &["registry", "add", "out.csv", "--map", "map.toml"], 0);
    assert!(told.contains("2 fingerprints of 2 records added"), "{told}");
    assert_eq!(status(at, 0)["entries"], before["entries"]);
    let prove = ["registry", "prove", "leute.csv", "--object", "leute", "--map", "map.toml"];
    let told = said(at, &prove, 1);
    assert!(told.contains("present   2 fingerprints"), "{told}");

    // What is said of a column that nobody has is a mistake, and nothing is changed by it.
    fs::write(at.join("wrong.toml"), "[columns.leute]\nwohin = \"email\"\n").unwrap();
    let registered = status(at, 0);
    let output = eosin(at, &["registry", "add", "out.csv", "--map", "wrong.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no record has a value there"), "{output:?}");
    assert_eq!(status(at, 0), registered);
}

/// What a command says that is refused.
fn refused(at: &Path, arguments: &[&str]) -> String {
    let output = eosin(at, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_registry_that_the_ledger_knew_later_is_not_asked() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("first.csv"), PEOPLE).unwrap();
    fs::write(at.join("second.csv"), "first_name,last_name,dob\nKim,Hill,1971-03-04\n").unwrap();
    // Where nothing was logged yet, nothing is missed.
    said(at, &["judge", "first.csv", "--config", "eosin.toml", "--fail-on", "suspected"], 0);
    said(at, &["config", "check"], 0);
    said(at, &["config", "check", "-c", "eosin.toml"], 0);
    said(at, &["config", "check", "eosin.toml"], 0);
    marked(at, &["first.csv", "--out", "1.csv", "--dataset", "d", "--generator", "g"], 0);
    let copy = |from: &str, to: &str| {
        fs::create_dir(at.join(to)).unwrap();
        for file in fs::read_dir(at.join(from)).unwrap() {
            let path = file.unwrap().path();
            fs::copy(&path, at.join(to).join(path.file_name().unwrap())).unwrap();
        }
    };
    copy("registry", "before");
    marked(at, &["second.csv", "--out", "2.csv", "--dataset", "d", "--generator", "g"], 0);
    said(at, &["certify", "second.csv"], 0);
    fs::remove_file(at.join("second.csv.certificate.json")).unwrap();

    let commands: [&[&str]; 6] = [
        &["certify", "second.csv"],
        &["judge", "second.csv", "--config", "eosin.toml"],
        &["filter", "second.csv", "--kept", "k", "--withheld", "w"],
        &["mark", "second.csv", "--out", "3.csv", "--dataset", "d", "--generator", "g"],
        &["registry", "forget", "2.csv"],
        &["config", "check"],
    ];
    fs::rename(at.join("registry"), at.join("after")).unwrap();
    fs::rename(at.join("before"), at.join("registry")).unwrap();
    for command in commands {
        let said = refused(at, command);
        assert!(said.contains("an older snapshot, of generation 1"), "{command:?}: {said}");
    }
    assert!(!at.join("second.csv.certificate.json").exists() && !at.join("3.csv").exists());
    let told = said(at, &["registry", "verify"], 1);
    assert!(told.contains("logs generation 2") && told.contains("not the last that was logged"), "{told}");
    let told = status(at, 1);
    assert_eq!((&told["generation"], &told["last"]["generation"]), (&1.into(), &2.into()));

    fs::remove_dir_all(at.join("registry")).unwrap();
    for command in commands {
        let said = refused(at, command);
        assert!(said.contains("is not there, and entry"), "{command:?}: {said}");
    }
    assert!(refused(at, &["registry", "status"]).contains("is not there, and entry"));
    // Who never wrote to it has a ledger of its own, which knows nothing of it: a replica begins before its folder does.
    let other = set_up();
    fs::copy(at.join("keys/registry.key"), other.path().join("keys/registry.key")).unwrap();
    said(other.path(), &["config", "check"], 0);
    fs::create_dir(other.path().join("registry")).unwrap();
    for file in fs::read_dir(at.join("after")).unwrap() {
        let path = file.unwrap().path();
        fs::copy(&path, other.path().join("registry").join(path.file_name().unwrap())).unwrap();
    }
    fs::copy(at.join("second.csv"), other.path().join("second.csv")).unwrap();
    said(other.path(), &["judge", "second.csv", "--config", "eosin.toml", "--fail-on", "synthetic"], 0);

    // What was marked is added again, and then the ledger knows it.
    said(at, &["registry", "add", "1.csv", "2.csv"], 0);
    assert_eq!((&status(at, 0)["generation"], &status(at, 0)["last"]), (&1.into(), &Value::Null));
    said(at, &["config", "check"], 0);
}

/// A folder in which two files were marked, and the registry of them lost.
fn lost() -> tempfile::TempDir {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("first.csv"), PEOPLE).unwrap();
    fs::write(at.join("second.csv"), "first_name,last_name,dob\nKim,Hill,1971-03-04\n").unwrap();
    marked(at, &["first.csv", "--out", "1.csv", "--dataset", "d", "--generator", "g"], 0);
    marked(at, &["second.csv", "--out", "2.csv", "--dataset", "d", "--generator", "g"], 0);
    fs::remove_dir_all(at.join("registry")).unwrap();
    folder
}

/// What adding says where the registry is not what it was.
fn added_in_part(at: &Path, file: &str) -> String {
    let output = eosin(at, &["registry", "add", file]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("not logged"), "{output:?}");
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_lost_registry_is_whole_again_when_everything_is_in_it_and_not_before() {
    let folder = lost();
    let at = folder.path();
    // A part of it is not the registry, whatever its generation and however much else is in it.
    let told = added_in_part(at, "2.csv");
    assert!(told.contains("logs 5 entries, and some are missing"), "{told}");
    let names = ["Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jo"];
    let others = names.join(",Dahl,1991-01-01\n");
    fs::write(at.join("others.csv"), format!("first_name,last_name,dob\n{others},Dahl,1991-01-01\n"))
        .unwrap();
    let elsewhere = set_up();
    fs::copy(at.join("others.csv"), elsewhere.path().join("others.csv")).unwrap();
    marked(elsewhere.path(), &["others.csv", "--out", "o.csv", "--dataset", "o", "--generator", "g"], 0);
    let refusals = |what: &str| {
        let commands: [&[&str]; 6] = [
            &["certify", "first.csv"],
            &["judge", "first.csv", "--config", "eosin.toml"],
            &["filter", "first.csv", "--kept", "k", "--withheld", "w"],
            &["mark", "first.csv", "--out", "3.csv", "--dataset", "d", "--generator", "g"],
            &["registry", "forget", "2.csv"],
            &["config", "check"],
        ];
        for command in commands {
            let said = refused(at, command);
            assert!(said.contains("was lost and is being made again") && said.contains(what), "{said}");
            assert!(said.contains("registry accept"), "{said}");
        }
        assert!(!at.join("first.csv.certificate.json").exists());
        let told = status(at, 1);
        assert_eq!((&told["last"]["lost"], &told["last"]["entries"]), (&true.into(), &5.into()), "{told}");
        let told = said(at, &["registry", "status"], 1);
        assert!(told.contains("lost and being made again") && told.contains("with 5 entries"), "{told}");
        said(at, &["registry", "verify"], 1);
    };
    refusals("with 1 entries now");
    // The other half: in one go or several.
    let told = said(at, &["registry", "add", "1.csv"], 0);
    assert!(told.contains("the registry has 5 entries, logged in entry"), "{told}");
    assert_eq!(status(at, 0)["last"], Value::Null);
    said(at, &["certify", "first.csv"], 1);

    // As many others are not the same.
    fs::remove_dir_all(at.join("registry")).unwrap();
    for file in ["o.csv", "o.csv.dataset.json"] {
        fs::copy(elsewhere.path().join(file), at.join(file)).unwrap();
    }
    let vkey = fs::canonicalize(elsewhere.path().join("keys/ledger.vkey")).unwrap();
    let config = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let trust = format!("\n[[trust]]\nvkey = \"{}\"\nvouches_for = [\"synthetic\"]\n", vkey.display());
    fs::write(at.join("eosin.toml"), config + &trust).unwrap();
    let told = added_in_part(at, "o.csv");
    assert!(told.contains("these are not the same"), "{told}");
    added_in_part(at, "2.csv");
    refusals("with 10 entries now");
}

#[test]
fn what_is_left_of_a_lost_registry_is_taken_by_somebody_for_a_reason() {
    let folder = lost();
    let at = folder.path();
    added_in_part(at, "2.csv");
    assert!(refused(at, &["registry", "accept"]).contains("--reason"));
    let told = said(at, &["registry", "accept", "--reason", "OPS-4 first.csv is gone", "--by", "bel"], 0);
    assert!(told.contains("with 1 entries") && told.contains("logged 5"), "{told}");
    let told = said(at, &["ledger", "show", "--kind", "registry-accepted", "--json"], 0);
    assert!(told.contains("OPS-4 first.csv is gone") && told.contains("\"by\":\"bel\""), "{told}");
    assert!(said(at, &["ledger", "show", "--kind", "registry-lost"], 0).contains("registry-lost"));
    assert_eq!(status(at, 0)["entries"], 1);
    said(at, &["config", "check"], 0);
    said(at, &["index", "rebuild"], 0);
    // Nothing is missing now, and there is nothing to take.
    let told = said(at, &["registry", "accept", "--reason", "again"], 0);
    assert!(told.contains("nothing to accept"), "{told}");
    // One that is gone, and of which nothing can be added, begins empty.
    fs::remove_dir_all(at.join("registry")).unwrap();
    said(at, &["registry", "accept", "--reason", "OPS-5"], 0);
    assert_eq!(status(at, 0)["entries"], 0);
    fs::remove_file(at.join("3.csv")).unwrap_or_default();
    marked(at, &["second.csv", "--out", "3.csv", "--dataset", "d", "--generator", "g"], 0);
}

#[test]
fn a_registry_that_holds_less_under_a_later_generation_is_not_asked() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("first.csv"), PEOPLE).unwrap();
    marked(at, &["first.csv", "--out", "1.csv", "--dataset", "d", "--generator", "g"], 0);
    // Another writer, with a ledger of its own, took some out.
    let other = set_up();
    for file in ["keys/registry.key", "1.csv", "1.csv.dataset.json"] {
        fs::copy(at.join(file), other.path().join(file)).unwrap();
    }
    let vkey = fs::canonicalize(at.join("keys/ledger.vkey")).unwrap();
    let config = fs::read_to_string(other.path().join("eosin.toml")).unwrap();
    let config = config.replace(
        "folder = \"registry\"",
        &format!("folder = \"{}\"", fs::canonicalize(at.join("registry")).unwrap().display()),
    );
    let trust = format!("\n[[trust]]\nvkey = \"{}\"\nvouches_for = [\"synthetic\"]\n", vkey.display());
    fs::write(other.path().join("eosin.toml"), config + &trust).unwrap();
    let told = said(other.path(), &["registry", "forget", "1.csv"], 0);
    assert!(told.contains("2 records forgotten"), "{told}");
    let said_here = refused(at, &["judge", "first.csv", "--config", "eosin.toml"]);
    assert!(said_here.contains("holds less than it did: 0 entries"), "{said_here}");
    assert_eq!(status(at, 1)["last"]["lost"], false);
    said(at, &["registry", "accept", "--reason", "they were forgotten there"], 0);
    said(at, &["config", "check"], 0);
}
