//! Stories of `eosin filter`: what is kept, what is withheld, and what is written down of it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::program::{eosin, said};

const PATIENT: &str =
    r#"{"resourceType":"Patient","name":[{"family":"Bell","given":["Ada"]}],"birthDate":"1984-02-29"}"#;

/// A folder with a configuration whose boundary is in this environment.
fn set_up(environment: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    let file = folder.path().join("eosin.toml");
    let text = fs::read_to_string(&file).unwrap();
    let from = text.lines().find(|line| line.starts_with("environment = ")).unwrap();
    let mode = text.lines().find(|line| line.starts_with("mode = ")).unwrap();
    let text = text.replace(from, &format!("environment = \"{environment}\""));
    fs::write(file, text.replace(mode, "mode = \"enforce\"")).unwrap();
    folder
}

/// Exit code and both parts as they are.
fn split(at: &Path, from: &str, extra: &[&str]) -> (i32, String, String) {
    let end = from.trim_end_matches(".gz").rsplit('.').next().unwrap();
    let (kept, withheld) = (format!("kept.{end}"), format!("withheld.{end}"));
    for file in [&kept, &withheld] {
        for name in [file.clone(), format!("{file}.manifest.json")] {
            fs::remove_file(at.join(name)).ok();
        }
    }
    let arguments = [&["filter", from, "--kept", &kept, "--withheld", &withheld, "--json"], extra].concat();
    let output = eosin(at, &arguments);
    let read = |name: &str| fs::read_to_string(at.join(name)).unwrap_or_else(|_| "absent".to_owned());
    (output.status.code().unwrap(), read(&kept), read(&withheld))
}

fn manifest(at: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(at.join(format!("{name}.manifest.json"))).unwrap()).unwrap()
}

/// The entries of the ledger that are rulings on files.
fn rulings(at: &Path) -> Vec<Value> {
    let reader = ledger::Reader::open(&at.join("ledger")).unwrap();
    let entries = reader.entries(0..reader.size()).unwrap();
    let entries = entries.iter().map(|entry| serde_json::from_slice::<Value>(entry).unwrap());
    entries.filter(|entry| entry["eosin"] == "file-ruling@1").collect()
}

#[test]
fn what_cannot_be_read_is_withheld_and_the_rest_kept() {
    let folder = set_up("sandbox");
    let at = folder.path();
    let rows =
        ["Ada Bell,1984-02-29", "Eve Ode,1990-01-02,shifted", "Ida Elm,1991-03-04", "Bo Fir,1992-05-06"];
    fs::write(at.join("people.csv"), format!("name,dob\r\n{}\r\n", rows.join("\r\n"))).unwrap();
    let (code, kept, withheld) = split(at, "people.csv", &[]);
    assert_eq!(code, 1);
    assert_eq!(kept, format!("name,dob\r\n{}\r\n{}\r\n{}\r\n", rows[0], rows[2], rows[3]));
    assert_eq!(withheld, format!("name,dob\r\n{}\r\n", rows[1]));

    let (of_kept, of_withheld) = (manifest(at, "kept.csv"), manifest(at, "withheld.csv"));
    assert_eq!(of_kept["positions"], serde_json::json!([[0, 0], [2, 3]]));
    assert_eq!(of_withheld["positions"], serde_json::json!([[1, 1]]));
    assert_eq!((of_kept["records"].as_u64(), of_withheld["records"].as_u64()), (Some(3), Some(1)));
    assert_eq!(of_kept["source"], of_withheld["source"]);
    assert_eq!(of_kept["source"]["records"].as_u64(), Some(4));
    assert_eq!(of_kept["decision"]["counts"]["unreadable"].as_u64(), Some(1));
    let entries = rulings(at);
    let [entry] = entries.as_slice() else { panic!("one ruling: {entries:?}") };
    assert_eq!(entry["kept"]["sha256"], of_kept["sha256"]);
    assert_eq!(entry["withheld"]["root"], of_withheld["root"]);
    assert_eq!(entry["source"], of_kept["source"]["sha256"]);
    assert_eq!(entry["findings"][1]["reference"], "line 3");
    assert!(!entry.to_string().contains("people"), "a file can be named after a person");
    said(at, &["ledger", "verify"], 0);

    // Nothing is overwritten, and the ledger has no second ruling.
    let output = eosin(at, &["filter", "people.csv", "--kept", "kept.csv", "--withheld", "w.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing is overwritten"));
    assert_eq!(rulings(at).len(), 1);
}

#[test]
fn the_boundary_decides_and_every_format_stays_what_it_was() {
    let folder = set_up("sandbox");
    let at = folder.path();
    fs::write(at.join("clean.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    assert_eq!(
        split(at, "clean.csv", &[]),
        (0, "name,dob\nAda Bell,1984-02-29\n".to_owned(), "name,dob\n".to_owned())
    );
    let lines = format!("{PATIENT}\n{{broken\n{PATIENT}\n");
    fs::write(at.join("a.ndjson"), &lines).unwrap();
    assert_eq!(split(at, "a.ndjson", &[]), (1, format!("{PATIENT}\n{PATIENT}\n"), "{broken\n".to_owned()));
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{PATIENT}}},{{"resource":7}},{{"resource":{PATIENT}}}]}}"#
    );
    fs::write(at.join("b.json"), &bundle).unwrap();
    let (code, kept, withheld) = split(at, "b.json", &[]);
    assert_eq!((code, kept.matches("Bell").count(), withheld.matches("Bell").count()), (1, 2, 0));
    for part in [&kept, &withheld] {
        let part: Value = serde_json::from_str(part).unwrap();
        assert_eq!(part["resourceType"], "Bundle");
    }

    // In production nothing passes that nobody vouches for.
    let production = set_up("production");
    let at = production.path();
    fs::write(at.join("clean.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    assert_eq!(
        split(at, "clean.csv", &[]),
        (1, "name,dob\n".to_owned(), "name,dob\nAda Bell,1984-02-29\n".to_owned())
    );
    // Deleting is how a wrong crossing is put right.
    assert_eq!(split(at, "clean.csv", &["--action", "delete"]).0, 0);
    assert_eq!(
        split(at, "clean.csv", &["--boundary", "nowhere"]),
        (2, "absent".to_owned(), "absent".to_owned())
    );
}

#[test]
fn what_breaks_off_is_not_split() {
    use std::io::Write as _;
    let folder = set_up("sandbox");
    let at = folder.path();
    let rows: Vec<String> =
        (0..5000_u32).map(|at| format!("{:x},1984-02-29\n", at.wrapping_mul(2_654_435_761))).collect();
    let rows = rows.concat();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(format!("name,dob\n{rows}").as_bytes()).unwrap();
    let whole = encoder.finish().unwrap();
    fs::write(at.join("whole.csv.gz"), &whole).unwrap();
    fs::write(at.join("cut.csv.gz"), &whole[..whole.len() / 2]).unwrap();
    let before = fs::read_dir(at).unwrap().count();
    assert_eq!(split(at, "cut.csv.gz", &[]), (2, "absent".to_owned(), "absent".to_owned()));
    assert_eq!(fs::read_dir(at).unwrap().count(), before, "nothing is left behind");
    assert!(rulings(at).is_empty());
    let (code, kept, _) = split(at, "whole.csv.gz", &[]);
    assert_eq!((code, kept), (0, format!("name,dob\n{rows}")));
    assert_eq!(manifest(at, "kept.csv")["positions"], serde_json::json!([[0, 4999]]));
    for (from, kept, withheld) in [("whole.csv.gz", "x.csv", "./x.csv"), (".", "x.csv", "y.csv")] {
        let output = eosin(at, &["filter", from, "--kept", kept, "--withheld", withheld]);
        assert_eq!(output.status.code(), Some(2), "{from} {kept} {withheld}");
    }
}

#[test]
fn a_table_whose_header_cannot_be_read_is_not_split() {
    let folder = set_up("sandbox");
    let at = folder.path();
    fs::write(at.join("twice.csv"), format!("name,town,name\n{}", "a,b,c\n".repeat(2000))).unwrap();
    let before = fs::read_dir(at).unwrap().count();
    let output = eosin(at, &["filter", "twice.csv", "--kept", "kept.csv", "--withheld", "withheld.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the header of twice.csv"), "{output:?}");
    assert_eq!(fs::read_dir(at).unwrap().count(), before, "its rows would be in neither part");
    assert!(rulings(at).is_empty());
}

#[test]
fn who_cannot_read_what_is_read_cannot_read_what_is_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = set_up("sandbox");
    let at = folder.path();
    let path = at.join("people.csv");
    fs::write(&path, "name,dob\nAda Bell,1984-02-29\n , \n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    drop(eosin(at, &["filter", "people.csv", "--kept", "k", "--withheld", "w"]));
    said(at, &["mark", "people.csv", "--out", "m", "--dataset", "d", "--generator", "g"], 1);
    for name in ["k", "w", "m", "m.rejected"] {
        let mode = fs::metadata(at.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn nothing_that_is_there_is_written_to_on_the_way() {
    let folder = set_up("sandbox");
    let at = folder.path();
    let people = "name,dob\nAda Bell,1984-02-29\n";
    for name in ["feed.csv.new", "people.csv", "p.new", "m.manifest.json.new", "c.json.new"] {
        fs::write(at.join(name), people).unwrap();
    }
    std::os::unix::fs::symlink(at.join("people.csv"), at.join("link.new")).unwrap();
    let before = fs::read_dir(at).unwrap().count();
    let mark = ["--dataset", "d", "--generator", "g"];
    for arguments in [
        &["filter", "feed.csv.new", "--kept", "feed.csv", "--withheld", "w"][..],
        &["filter", "people.csv", "--kept", "p", "--withheld", "w"],
        &["filter", "people.csv", "--kept", "link", "--withheld", "w"],
        &["filter", "people.csv", "--kept", "m", "--withheld", "w"],
        &["filter", "people.csv", "--kept", "v.new", "--withheld", "v"],
        &["filter", "people.csv", "--kept", "v", "--withheld", "v.manifest.json"],
        &["filter", "people.csv", "--kept", "ledger/../v", "--withheld", "v"],
        &["mark", "feed.csv.new", "--out", "feed.csv", mark[0], mark[1], mark[2], mark[3]],
        &["mark", "people.csv", "--out", "p", mark[0], mark[1], mark[2], mark[3]],
        &["mark", "people.csv", "--out", "link", mark[0], mark[1], mark[2], mark[3]],
        &["certify", "c.json.new", "--out", "c.json"],
    ] {
        let output = eosin(at, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before, "{arguments:?}");
    }
    for name in ["feed.csv.new", "people.csv", "p.new", "link.new", "m.manifest.json.new", "c.json.new"] {
        assert_eq!(fs::read_to_string(at.join(name)).unwrap(), people, "{name}");
    }
    assert!(rulings(at).is_empty());
}
