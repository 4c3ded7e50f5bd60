//! Scenes of files and folders that are there whole or not at all.

use std::io::Read as _;

use super::*;
use crate::appearing::OURS;

fn written(path: &Path) -> String {
    io::read_to_string(File::open(path).unwrap()).unwrap()
}

fn sources(at: &Path, names: &[&str], is_folder: bool) -> Sources {
    let file = |name: &&str| Source { path: at.join(name), name: PathBuf::from(name), bytes: 1 };
    let files = names.iter().map(file).collect();
    Sources { root: at.to_owned(), is_folder, files, others: Vec::new(), left_out: Vec::new() }
}

fn text(marked: &str, rejected: &str) -> Written {
    Written::Text { marked: marked.into(), rejected: rejected.into() }
}

fn manifest() -> Manifest {
    let record = mark::Record {
        form: mark::Form::Table,
        object: "people".into(),
        fields: vec![("name".into(), mark::json::Json::Text("x".into()))],
        mark: None,
        claim: mark::Claim::None,
    };
    testkit::sealed::synthetic(&[record]).dataset.manifest
}

const ALL: Fate = Fate::Marked { records: 1, rejected: 0 };
const SOME: Fate = Fate::Marked { records: 1, rejected: 1 };

#[test]
fn a_file_is_there_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("out.csv");
    let one = sources(folder.path(), &["in.csv"], false);
    let mut out = Outputs::begin(&place, &one, &[ALL], &manifest()).unwrap();
    out.write(0, &text("half", "")).unwrap();
    assert!(!place.exists() && beside(&place, ".new").exists());
    drop(out);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let mut out = Outputs::begin(&place, &one, &[SOME], &manifest()).unwrap();
    out.write(0, &text("who", "bad")).unwrap();
    out.write(0, &text("le", "")).unwrap();
    let grown = out.sync().unwrap();
    assert_eq!(grown[&0].bytes, 5);
    assert_eq!(grown[&0].sha256, mark::digest::sha256(&[b"whole"]).to_hex());
    let mut placed = out.placing();
    out.finish(&mut placed).unwrap();
    assert_eq!(written(&place), "whole");
    assert_eq!(written(&beside(&place, ".rejected")), "bad");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_folder_keeps_its_names_and_copies_what_holds_no_records() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("in");
    fs::create_dir_all(from.join("sub")).unwrap();
    for name in ["a.csv", "sub/b.csv.gz", "c.csv", "d.csv", "read.me"] {
        ledger::durable::replace(&from.join(name), name.as_bytes()).unwrap();
    }
    let mut all = sources(&from, &["a.csv", "sub/b.csv.gz", "c.csv", "d.csv"], true);
    all.others.push(PathBuf::from("read.me"));
    let place = folder.path().join("out");
    // What an interrupted run left behind is replaced; what somebody else put there is not.
    fs::create_dir(beside(&place, ".new")).unwrap();
    ledger::durable::replace(&beside(&place, ".new").join("theirs"), b"").unwrap();
    let refused =
        Outputs::begin(&place, &all, &[ALL, SOME, Fate::Copied, Fate::Rejected], &manifest()).unwrap_err();
    assert!(refused.to_string().contains("there already"), "{refused}");
    ledger::durable::replace(&beside(&place, ".new").join(OURS), b"").unwrap();
    ledger::durable::replace(&beside(&place, ".new").join("half.csv"), b"").unwrap();

    let mut out =
        Outputs::begin(&place, &all, &[ALL, SOME, Fate::Copied, Fate::Rejected], &manifest()).unwrap();
    out.write(0, &text("A", "")).unwrap();
    out.write(1, &text("B", "bad")).unwrap();
    assert_eq!(out.sync().unwrap().len(), 2);
    let mut placed = out.placing();
    out.finish(&mut placed).unwrap();
    let rejected = folder.path().join("out.rejected");
    assert_eq!(written(&place.join("a.csv")), "A");
    assert_eq!(written(&place.join("c.csv")), "c.csv");
    assert_eq!(written(&place.join("read.me")), "read.me");
    assert_eq!(written(&rejected.join("d.csv")), "d.csv");
    assert!(!place.join("d.csv").exists() && !place.join("half.csv").exists() && !place.join(OURS).exists());
    let unzip = |path: &Path| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(unzip(&place.join("sub/b.csv.gz")), "B");
    assert_eq!(unzip(&rejected.join("sub/b.csv.gz")), "bad");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}
