//! What goes wrong with marking: descriptions that say nothing, records that cannot be marked, a run that is killed.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    files::{judged, set_up},
    mark_folders::{contents, marked},
    program::{eosin, said},
};

const PEOPLE: &str =
    "Patient,Born,Note,Seen\nAda Bell,1984-02-29,well,2026-01-01\nEve Ode,1990-01-01,well,2026-01-02\n";

#[test]
fn one_toml_describes_the_dataset_and_a_flag_wins() {
    let folder = set_up();
    let at = folder.path();
    fs::create_dir(at.join("made")).unwrap();
    fs::write(at.join("people.csv"), PEOPLE).unwrap();
    fs::write(at.join("made/parameters.json"), "{\"size\":2}").unwrap();
    fs::write(
        at.join("made/people.toml"),
        r#"
name = "clinic people"
method = "generative-model"
purposes = ["staging-testing", "training"]
jurisdictions = ["us-al", "AT"]
retain-until = "2027-12-31"
operator = "test data team"
generated-at = "2026-11-01T09:00:00+01:00"
parameters = "parameters.json"
seed = "7"
exports = ["prov"]

[generator]
name = "our own"
version = "3"

[columns."people"]
Patient = "whole-name"
Born = "birth-date"
Seen = "ignore"
"#,
    )
    .unwrap();
    let told = marked(
        at,
        &["people.csv", "--out", "out.csv", "--describe", "made/people.toml", "--generator-version", "4"],
        0,
    );
    assert_eq!(told["exports"], json!(["out.csv.prov.json"]));
    let file = fs::read(at.join("out.csv.dataset.json")).unwrap();
    let manifest = mark::DatasetFile::parse(&file).unwrap().manifest;
    let value = serde_json::to_value(&manifest).unwrap();
    assert_eq!(value["source"], json!({"kind": "generator", "name": "our own", "version": "4"}));
    assert_eq!(
        value["objects"],
        json!({"people": {"content": ["Born:date", "Note", "Patient"], "identity": ["Born", "Patient"]}})
    );
    assert_eq!(
        (value["method"].as_str(), value["authorship"].as_str()),
        (Some("generative-model"), Some("ai"))
    );
    assert_eq!(value["purposes"], json!(["staging-testing", "training"]));
    assert_eq!(value["jurisdictions"], json!(["US-AL", "AT"]));
    assert_eq!(
        (value["generatedAt"].as_str(), value["operator"].as_str()),
        (Some("2026-11-01T08:00:00Z"), Some("test data team"))
    );
    assert_eq!(value["parametersDigest"], mark::digest::sha256(&[b"{\"size\":2}"]).to_hex().as_str());
    // What is ignored may change; what is covered may not.
    let text = fs::read_to_string(at.join("out.csv")).unwrap();
    fs::write(at.join("seen.csv"), text.replace("2026-01-01", "2026-12-31")).unwrap();
    fs::write(at.join("note.csv"), text.replace(",well,2026-01-01", ",ill,2026-01-01")).unwrap();
    let judge = |file: &str| {
        judged(
            at,
            &[file, "--object", "people", "--config", "eosin.toml", "--dataset", "out.csv.dataset.json"],
        )
        .2
    };
    assert_eq!(judge("seen.csv"), ["as it was sealed in `clinic people`"]);
    assert!(judge("note.csv")[0].starts_with("changed since it was sealed"));
}

#[test]
fn a_description_that_says_nothing_of_the_data_is_an_error_that_names_it() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("people.csv"), PEOPLE).unwrap();
    let before = fs::read_dir(at).unwrap().count() + 1;
    for (toml, want) in [
        ("nam = \"x\"", "unknown field `nam`"),
        ("name = \"x\"\n[generator]\nnome = \"x\"", "unknown field `nome`"),
        ("name = \"x\"\nmethod = \"guessed\"", "unknown variant `guessed`"),
        ("name = \"x\"\nauthorship = \"nobody\"", "`nobody` is not one of"),
        ("name = \"x\"\nexports = [\"pdf\"]", "unknown variant `pdf`"),
        ("name = \"x\"\nretain-until = \"soon\"", "is not a date"),
        ("name = \"x\"\ngenerated-at = \"soon\"", "is not a moment"),
        ("name = \"x\"\njurisdictions = [\"Utopia\"]", "is not an ISO 3166 code"),
        ("name = \"x\"\nparameters = \"absent.json\"", "cannot read the parameters in absent.json"),
        ("name = \"x\"\n[columns.\"people\"]\nPatient = \"who\"", "`who` is not a role"),
        (
            "name = \"x\"\n[columns.\"people\"]\nPatience = \"whole-name\"",
            "no row of `people` has a value in a column `Patience`",
        ),
        (
            "name = \"x\"\n[columns.\"patients\"]\nPatient = \"whole-name\"",
            "there are no rows of `patients`; there are people",
        ),
        (
            "name = \"x\"\n[identity]\npeople = [\"Birth\"]",
            "no row of `people` has a value in a column `Birth`",
        ),
        (
            "name = \"x\"\n[columns.\"people\"]\nBorn = \"ignore\"\n[identity]\npeople = [\"Born\"]",
            "what is ignored cannot identify",
        ),
        ("generator = {name = \"g\"}", "give the dataset a name"),
    ] {
        fs::write(at.join("people.toml"), toml).unwrap();
        let mut all = vec!["mark", "people.csv", "--out", "out.csv", "--describe", "people.toml"];
        if !toml.contains("generator") {
            all.extend(["--generator", "g"]);
        }
        let output = eosin(at, &all);
        let error = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
        assert_eq!(output.status.code(), Some(2), "{toml}: {error}");
        assert!(error.contains(want), "{toml}: {error}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before, "{toml}");
    }
    let output = eosin(at, &["mark", "people.csv", "--out", "out.csv", "--dataset", "d"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not say what made it"), "{output:?}");
    said(at, &["ledger", "verify"], 0);
}

const MIXED: &str = "name,dob\nAda Bell,1984-02-29\nEve Ode\n , \nKim Hill,1970-01-01\n";

#[test]
fn what_cannot_be_marked_is_put_aside_as_it_was_or_stops_everything() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("mixed.csv"), MIXED).unwrap();
    let told = marked(at, &["mixed.csv", "--out", "out.csv", "--dataset", "d", "--generator", "g"], 1);
    assert_eq!(told["records"]["mixed"], 2);
    assert_eq!(told["rejected"]["count"], 2);
    let named = told["rejected"]["named"].as_array().unwrap();
    assert_eq!(named[0]["place"], "mixed.csv, line 3");
    assert_eq!(
        named[0]["reason"],
        "has 1 cells under 2 columns; cut off lines that are no rows, such as a total or a note below them"
    );
    assert_eq!(named[1]["reason"], "holds nothing that a mark could cover");
    assert_eq!(fs::read_to_string(at.join("out.csv.rejected")).unwrap(), "name,dob\nEve Ode\n , \n");
    assert_eq!(judged(at, &["out.csv", "--config", "eosin.toml"]).1, "2 synthetic");
    let output =
        eosin(at, &["mark", "mixed.csv", "--out", "again.csv", "--dataset", "d", "--generator", "g"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("rejected: mixed.csv, line 3: has 1 cells under 2 columns"), "{error}");
    assert!(!error.contains("Eve"), "{error}");

    let strict = ["mark", "mixed.csv", "--out", "no.csv", "--dataset", "d", "--generator", "g", "--strict"];
    let output = eosin(at, &strict);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert!(error.contains("line 3") && error.contains("1 more like it; nothing was written"), "{error}");
    let left: Vec<_> = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("no.csv")), "{left:?}");
}

#[test]
fn a_folder_with_a_broken_file_is_marked_without_it() {
    let folder = set_up();
    let at = folder.path();
    let from = at.join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("mixed.csv"), MIXED).unwrap();
    fs::write(from.join("twice.csv"), "name,name\nAda,Ada\n").unwrap();
    fs::write(from.join("broken.json"), "{\"resourceType\":\"Patient\",").unwrap();
    let rows: Vec<String> = (0..20_000).map(|n| format!("Ada {n},1984-02-29,{}", n * 7919)).collect();
    fs::write(from.join("cut.csv"), format!("name,dob,extra\n{}\n", rows.join("\n"))).unwrap();
    assert!(Command::new("gzip").arg(from.join("cut.csv")).status().unwrap().success());
    let whole = fs::read(from.join("cut.csv.gz")).unwrap();
    fs::write(from.join("cut.csv.gz"), &whole[..whole.len() / 2]).unwrap();

    let told = marked(at, &["from", "--out", "out", "--dataset", "d", "--generator", "g"], 1);
    assert_eq!(told["records"], json!({"mixed": 2}), "nothing of the cut file is in the dataset");
    assert_eq!(told["rejected"]["count"], 5);
    let (out, rejected) = (contents(&at.join("out")), contents(&at.join("out.rejected")));
    assert_eq!(out.keys().collect::<Vec<_>>(), ["mixed.csv"]);
    assert_eq!(
        rejected.keys().collect::<Vec<_>>(),
        ["broken.json", "cut.csv.gz", "mixed.csv", "twice.csv"],
        "{told}"
    );
    assert_eq!(rejected["cut.csv.gz"], whole[..whole.len() / 2]);
    assert_eq!(rejected["mixed.csv"], b"name,dob\nEve Ode\n , \n");
    let file = mark::DatasetFile::parse(&fs::read(at.join("out.dataset.json")).unwrap()).unwrap();
    assert_eq!(file.manifest.objects["mixed"].fields().len(), 2);
    assert_eq!(file.manifest.objects.len(), 1);

    // One file that cannot be read to its end is no dataset.
    let output =
        eosin(at, &["mark", "from/cut.csv.gz", "--out", "cut.csv", "--dataset", "d", "--generator", "g"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("to its end"), "{output:?}");
}

#[test]
fn a_run_that_is_killed_leaves_nothing_half_and_the_next_one_gives_the_same_bytes() {
    let folder = set_up();
    let at = folder.path();
    fs::create_dir(at.join("from")).unwrap();
    let rows: Vec<String> = (0..20_000).map(|n| format!("Ada {n},1984-02-29,{}", n * 7919)).collect();
    fs::write(at.join("from/people.csv"), format!("name,dob,extra\n{}\n", rows.join("\n"))).unwrap();
    let asked = ["--dataset", "d", "--generator", "g", "--seed", "1", "--export", "none"];
    let mut whole = vec!["from", "--out", "whole"];
    whole.extend_from_slice(&asked);
    marked(at, &whole, 0);

    let mut killed = Command::new(env!("CARGO_BIN_EXE_eosin"))
        .args(["mark", "from", "--out", "out"])
        .args(asked)
        .current_dir(at)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let half = at.join("out.new/out/people.csv");
    let begun = |path: &Path| fs::metadata(path).is_ok_and(|about| about.len() > 0);
    while !begun(&half) && killed.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success(), "it was killed on its way");
    let names = |at: &Path| -> Vec<String> {
        let named = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        named.filter(|name| name.starts_with("out")).collect()
    };
    assert_eq!(names(at), ["out.new"]);
    let mut again = vec!["from", "--out", "out"];
    again.extend_from_slice(&asked);
    marked(at, &again, 0);
    assert_eq!(contents(&at.join("out")), contents(&at.join("whole")));
    let mut left = names(at);
    left.sort();
    assert_eq!(left, ["out", "out.dataset.json"]);
    said(at, &["ledger", "verify"], 0);
}
