//! The ledger checked and proved by its commands, and by a verifier that is not ours.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    program::{eosin, said},
    stranger,
};

fn with_a_ledger() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    for number in 0..3 {
        let (from, out) = (format!("in-{number}.csv"), format!("out-{number}.csv"));
        fs::write(folder.path().join(&from), format!("name,dob\nAda {number},1984-02-29\n")).unwrap();
        said(folder.path(), &["mark", &from, "--out", &out, "--dataset", "d", "--generator", "g"], 0);
    }
    folder
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn a_ledger_is_whole_until_a_byte_of_it_is_not() {
    let folder = with_a_ledger();
    let at = folder.path();
    let told = said(at, &["ledger", "verify"], 0);
    assert!(told.contains("size      3 entries") && told.contains("this ledger is whole"), "{told}");
    let report: serde_json::Value =
        serde_json::from_str(&said(at, &["ledger", "verify", "--json"], 0)).unwrap();
    assert_eq!((report["intact"].as_bool(), report["size"].as_u64()), (Some(true), Some(3)));

    let mut tiles = Vec::new();
    files(&at.join("ledger/tile"), &mut tiles);
    let partial = |path: &&PathBuf| path.ends_with("000.p/3");
    let tiles: Vec<&PathBuf> = tiles.iter().filter(partial).collect();
    assert_eq!(tiles.len(), 2, "entries and their hashes");
    for tile in tiles {
        let good = fs::read(tile).unwrap();
        let mut bad = good.clone();
        bad[5] ^= 1;
        fs::write(tile, &bad).unwrap();
        let name = tile.strip_prefix(at.join("ledger")).unwrap().display().to_string();
        let told = said(at, &["ledger", "verify"], 1);
        assert!(told.contains(&format!("`{name}`")) && told.contains("restore"), "{name}: {told}");
        let report: serde_json::Value =
            serde_json::from_str(&said(at, &["ledger", "verify", "--json"], 1)).unwrap();
        assert_eq!(report["problem"]["file"].as_str(), Some(name.as_str()));
        fs::write(tile, good).unwrap();
    }
    said(at, &["ledger", "verify"], 0);
}

#[test]
fn where_nothing_can_be_said_nothing_is() {
    let folder = with_a_ledger();
    let other = with_a_ledger();
    let theirs = other.path().join("keys/ledger.vkey").display().to_string();
    for (arguments, want) in [
        (&["ledger", "verify", "ledger", "--vkey", &theirs][..], "did not sign its checkpoint"),
        (&["ledger", "verify", "keys", "--vkey", "keys/ledger.vkey"], "there is no ledger in keys"),
        (&["ledger", "verify", "--config", "absent.toml"], "there is no configuration"),
        (&["ledger", "show", "keys"], "there is no ledger in keys: it has no `checkpoint`"),
        (&["ledger", "show", "--kind", "batches"], "no entry is of a kind `batches`"),
        (
            &["ledger", "show", "--boundary", "nope"],
            "no entry is about a boundary `nope`, and none is configured",
        ),
        (&["ledger", "prove", "0", "--folder", "keys"], "there is no ledger in keys: it has no `checkpoint`"),
        (&["ledger", "prove", "3"], "there is no entry 3"),
        (&["ledger", "prove", "0", "--out", "x.json"], "cannot be named"),
    ] {
        let output = eosin(folder.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(want), "{arguments:?}: {error}");
    }
    assert!(!folder.path().join("x.json").exists());
}

#[test]
fn a_proof_is_accepted_by_a_verifier_that_is_not_ours() {
    let folder = with_a_ledger();
    let at = folder.path();
    let told = said(at, &["ledger", "prove", "1", "--out", "second.tlog-proof"], 0);
    assert!(told.contains("Entry 1 of 3"), "{told}");
    if !stranger::is_here() {
        return;
    }
    // The printed command, with the script where it is.
    let line = told.lines().find(|line| line.contains("verify.py")).unwrap().trim();
    let check = || {
        let command = line.replace("tests/verifier/verify.py", stranger::SCRIPT);
        Command::new("sh").args(["-c", &command]).current_dir(at).output().unwrap()
    };
    let output = check();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));

    let entry = fs::read_to_string(at.join("second.json")).unwrap();
    assert!(!entry.contains("Ada"), "no content in the ledger");
    fs::write(at.join("second.json"), entry.replace("\"size\":1", "\"size\":2")).unwrap();
    assert_eq!(check().status.code(), Some(1), "another entry is not proved");

    let report: serde_json::Value = serde_json::from_str(&said(
        at,
        &[
            "ledger",
            "prove",
            "2",
            "--folder",
            "ledger",
            "--config",
            "absent.toml",
            "--out",
            "p.tlog-proof",
            "--json",
        ],
        0,
    ))
    .unwrap();
    assert_eq!(report["entry"].as_str(), Some("p.json"));
    assert!(report["vkey"].is_null(), "without a configuration nobody knows the key");
}

/// Marks one more file.
fn marked(home: &Path, name: &str) {
    let (from, out) = (format!("{name}.csv"), format!("{name}-out.csv"));
    fs::write(home.join(&from), format!("name,dob\nAda {name},1984-02-29\n")).unwrap();
    said(home, &["mark", &from, "--out", &out, "--dataset", "d", "--generator", "g"], 0);
}

#[test]
fn copies_that_went_on_apart_are_two_histories() {
    let one = with_a_ledger();
    let two = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(one.path().join(".")).arg(two.path()).status();
    assert!(copied.unwrap().success());
    let (at, other) = (one.path(), two.path().join("ledger").to_string_lossy().into_owned());
    let key = ["--vkey", "keys/ledger.vkey"];
    let verify = [&["ledger", "verify", "ledger", &other][..], &key].concat();
    // An older copy is what the other was.
    marked(at, "more");
    said(at, &verify, 0);
    let origin = said(at, &["ledger", "verify", "--json"], 0);
    let origin: serde_json::Value = serde_json::from_str(&origin).unwrap();
    let place = format!("{}#3", origin["origin"].as_str().unwrap());
    let prove =
        ["ledger", "prove", &place, "--folder", &other, "--folder", "ledger", "--out", "p.tlog-proof"];
    said(at, &prove, 0);

    let show = ["ledger", "show", "ledger", &other];
    assert!(!said(at, &show, 0).contains("(in "));
    marked(two.path(), "else");
    marked(two.path(), "further");
    let told = said(at, &verify, 1);
    assert!(told.contains("two histories"), "{told}");
    said(at, &[&verify[..], &["--json"]].concat(), 1);
    let told = said(at, &show, 1);
    assert!(told.contains("two histories") && told.contains("(in ledger)"), "{told}");
    let told = said(at, &[&show[..], &["--json"]].concat(), 1);
    assert!(told.contains("\"fork\":[\"ledger\",") && told.contains("\"folder\":\"ledger\""), "{told}");
    let output = eosin(at, &prove);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("two histories"), "{output:?}");
}

#[test]
fn the_witnesses_of_a_ledger_are_not_asked_of_another_log() {
    let folder = with_a_ledger();
    let at = folder.path();
    fs::write(at.join("p.txt"), "violet kettle ninety\n").unwrap();
    said(at, &["operator", "add", "ada", "--role", "admin", "--password-file", "p.txt"], 0);
    fs::copy(at.join("keys/witness.vkey"), at.join("keys/other-witness.vkey")).unwrap();
    let config = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let config = config.replacen("[ledger]", "[ledger]\nquorum = 1", 1);
    let witness = "\n[[ledger.witness]]\nurl = \"http://127.0.0.1:9\"\nvkey = \"keys/other-witness.vkey\"\n";
    fs::write(at.join("eosin.toml"), config + witness).unwrap();
    said(at, &["ledger", "verify", "operators/log", "--vkey", "operators/log.vkey"], 0);
    let told = said(at, &["ledger", "verify"], 1);
    assert!(told.contains("not witnessed"), "{told}");
}

#[test]
fn a_proof_overwrites_nothing_and_is_named_by_its_ledger() {
    let folder = with_a_ledger();
    let at = folder.path();
    for (there, out) in [
        // Beside what was named, and never named itself.
        ("report.json", "report.pdf"),
        ("eosin-copy.toml", "eosin-copy.toml"),
        ("patients.json", "patients.tlog-proof"),
    ] {
        fs::write(at.join(there), "precious").unwrap();
        let output = eosin(at, &["ledger", "prove", "0", "--out", out]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(there) && told.contains("is there already"), "{told}");
        assert_eq!(fs::read_to_string(at.join(there)).unwrap(), "precious");
        assert!(there == out || !at.join(out).exists(), "nothing is written beside it");
    }
    let told: serde_json::Value =
        serde_json::from_str(&said(at, &["ledger", "prove", "0", "--json"], 0)).unwrap();
    let origin = told["origin"].as_str().unwrap().replace('/', "-");
    assert_eq!(told["proof"], format!("{origin}-entry-0.tlog-proof"));
    assert_eq!(told["entry"], format!("{origin}-entry-0.json"));
    said(at, &["ledger", "prove", "0"], 2);
}

#[test]
fn copies_that_part_in_what_is_not_published_yet_are_two_histories() {
    let one = with_a_ledger();
    let two = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-a").arg(one.path().join(".")).arg(two.path()).status();
    assert!(copied.unwrap().success());
    let (at, other) = (one.path(), two.path().join("ledger").to_string_lossy().into_owned());
    let verify = ["ledger", "verify", "ledger", &other, "--vkey", "keys/ledger.vkey"];
    // Acknowledged, and then killed.
    let acknowledged = |home: &Path, entries: &[&str]| {
        let key = fs::read_to_string(home.join("keys/ledger.skey")).unwrap();
        let signer = mark::note::SignerKey::parse(key.trim()).unwrap();
        let mut open = ledger::Ledger::open(&home.join("ledger"), signer).unwrap();
        let entries = entries.iter().map(|entry| entry.as_bytes().to_vec()).collect();
        open.commit(entries, Clone::clone).unwrap();
        drop(open);
    };
    acknowledged(at, &["{\"same\":1}"]);
    said(at, &verify, 0);
    acknowledged(two.path(), &["{\"same\":1}"]);
    let told = said(at, &verify, 0);
    assert!(told.contains("not yet published"), "{told}");
    // One of them goes on: still one history.
    acknowledged(at, &["{\"more\":1}"]);
    said(at, &verify, 0);
    acknowledged(two.path(), &["{\"other\":1}"]);
    let told = said(at, &verify, 1);
    assert!(told.contains("two histories"), "{told}");
}
