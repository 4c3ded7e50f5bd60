//! Files marked, judged, tampered with, and judged again.

use std::{fs, path::Path};

use crate::program::{eosin, said};

pub(crate) fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a configuration, keys and a ledger.
pub(crate) fn set_up() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    folder
}

fn mark(folder: &Path, from: &str, out: &str) -> String {
    said(folder, &["mark", from, "--out", out, "--dataset", "spring", "--generator", "Synthea"], 0)
}

/// Exit code, counts by verdict (those above zero), and the findings' reasons, once each.
pub(crate) fn judged(folder: &Path, arguments: &[&str]) -> (i32, String, Vec<String>) {
    let mut all = vec!["judge", "--json"];
    all.extend_from_slice(arguments);
    let output = eosin(folder, &all);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&output.stderr)));
    let counts = report["counts"].as_object().unwrap();
    assert_eq!(counts.len(), 9, "every verdict is counted, and `suspected`");
    let mut above: Vec<String> = counts
        .iter()
        .filter(|(_, count)| count.as_u64() != Some(0))
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    above.sort();
    let mut reasons: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["why"].as_str().unwrap().to_owned())
        .collect();
    reasons.dedup();
    (output.status.code().unwrap(), above.join(", "), reasons)
}

fn edit(folder: &Path, from: &str, to: &str, change: impl Fn(&str) -> String) {
    let before = fs::read_to_string(folder.join(from)).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the change changes something");
    fs::write(folder.join(to), after).unwrap();
    let dataset = fs::read(folder.join(format!("{from}.dataset.json"))).unwrap();
    fs::write(folder.join(format!("{to}.dataset.json")), dataset).unwrap();
}

#[test]
fn what_was_marked_is_judged_synthetic_and_intact_in_every_format() {
    let folder = set_up();
    let people = "name,dob,phone\nAda Bell,1984-02-29,555-0100\n\"Eve \"\"X\"\" Ode\",1990-01-01,555-0101\n";
    fs::write(folder.path().join("people.csv"), people).unwrap();
    let single = fs::read_to_string(fixture("fhir/patients.ndjson")).unwrap();
    fs::write(folder.path().join("one.json"), single.lines().next().unwrap()).unwrap();
    for (from, out, records) in [
        (fixture("fhir/transaction.json"), "bundle.json", 10),
        (fixture("fhir/patients.ndjson"), "patients.ndjson", 12),
        // Eleven contacts, and the account that eight of them point at, each time with its name.
        (fixture("salesforce/contacts-queried.json"), "contacts.json", 19),
        (fixture("salesforce/contacts.csv"), "rows.csv", 11),
        ("people.csv".to_owned(), "other-name.csv", 2),
        ("one.json".to_owned(), "one-marked.json", 1),
    ] {
        let told = mark(folder.path(), &from, out);
        assert!(told.contains("marked as synthetic"), "{told}");
        assert!(told.contains(&format!("Next: eosin judge {out} --config eosin.toml")), "{told}");
        let (code, counts, reasons) = judged(folder.path(), &[out, "--config", "eosin.toml"]);
        assert_eq!(
            (code, counts.as_str()),
            (1, format!("{records} synthetic").as_str()),
            "{out}: {reasons:?}"
        );
        assert_eq!(reasons, ["as it was sealed in `spring`"], "{out}");
        assert!(!folder.path().join(format!("{out}.new")).exists());
    }
    // By standard input nothing lies beside: the dataset is named.
    let output = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "gzip -c other-name.csv | '{}' judge --json --config eosin.toml --dataset other-name.csv.dataset.json",
            env!("CARGO_BIN_EXE_eosin")
        ))
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"synthetic\":2"), "{output:?}");
    said(folder.path(), &["ledger", "verify"], 0);
}

#[test]
fn more_records_than_one_batch_holds_are_several_batches() {
    let folder = set_up();
    let at = folder.path();
    let rows: Vec<String> = (0..5000).map(|n| format!("Ada {n},1984-02-29,\"line one\nline {n}\"")).collect();
    fs::write(at.join("many.csv"), format!("name,dob,note\n{}\n", rows.join("\n"))).unwrap();
    let contact = |n| {
        format!(r#"{{"attributes":{{"type":"Contact"}},"LastName":"Bell {n}","Birthdate":"1984-02-29"}}"#)
    };
    let contacts: Vec<String> = (0..5000).map(contact).collect();
    fs::write(at.join("many.json"), format!("[{}]", contacts.join(",\n"))).unwrap();
    for (from, out, first) in [("many.csv", "marked.csv", 0), ("many.json", "marked.json", 2)] {
        let told = said(at, &["mark", from, "--out", out, "--dataset", "d", "--generator", "g", "--json"], 0);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["batches"], 2, "{told}");
        assert_eq!((&told["ledger"]["first"], &told["ledger"]["last"]), (&first.into(), &(first + 1).into()));
        let (code, counts, reasons) = judged(at, &[out, "--config", "eosin.toml"]);
        assert_eq!((code, counts.as_str(), reasons.len()), (1, "5000 synthetic", 1), "{out}");
    }
}

#[test]
fn what_happens_to_a_record_is_what_is_said_of_it() {
    let folder = set_up();
    let at = folder.path();
    fs::write(
        at.join("people.csv"),
        "name,dob,phone\nAda Bell,1984-02-29,555-0100\nEve Ode,1990-01-01,555-0101\n",
    )
    .unwrap();
    mark(at, "people.csv", "marked.csv");
    let configured = |file| judged(at, &[file, "--config", "eosin.toml"]);

    edit(at, "marked.csv", "phone.csv", |text| text.replace("555-0100", "555-0199"));
    let (code, counts, reasons) = configured("phone.csv");
    assert_eq!((code, counts.as_str()), (1, "2 synthetic"));
    assert!(reasons[0].starts_with("changed since it was sealed"), "{reasons:?}");
    assert_eq!(reasons.len(), 2, "the other row is intact");

    edit(at, "marked.csv", "moved.csv", |text| {
        text.replace("Eve Ode", "Ada Bell").replace("1990-01-01", "1984-02-29")
    });
    assert_eq!(configured("moved.csv").1, "1 synthetic, 1 transplanted");

    edit(at, "marked.csv", "stripped.csv", |text| {
        let lines: Vec<&str> = text.lines().map(|line| line.rsplit_once(',').unwrap().0).collect();
        lines.join("\n")
    });
    let (code, counts, reasons) = configured("stripped.csv");
    assert_eq!((code, counts.as_str()), (1, "2 suspected"));
    assert!(reasons.iter().all(|reason| reason.contains("the registry knows")), "{reasons:?}");

    let flip = |text: &str| {
        let text = text.trim_end();
        let end = if text.ends_with('A') { 'E' } else { 'A' };
        let mut text = text.to_owned();
        text.pop();
        text.push(end);
        text
    };
    edit(at, "marked.csv", "flipped.csv", flip);
    assert_eq!(configured("flipped.csv").1, "1 forged, 1 synthetic");

    // Another organisation: its own keys, nothing of ours.
    let other = set_up();
    for name in ["marked.csv", "marked.csv.dataset.json"] {
        fs::copy(at.join(name), other.path().join(name)).unwrap();
    }
    let (code, counts, reasons) = judged(other.path(), &["marked.csv", "--config", "eosin.toml"]);
    assert_eq!((code, counts.as_str()), (1, "2 untrusted"));
    assert!(reasons[0].contains("which is not trusted here"), "{reasons:?}");
    fs::copy(at.join("keys/ledger.vkey"), other.path().join("theirs.vkey")).unwrap();
    assert_eq!(judged(other.path(), &["marked.csv", "--trust", "theirs.vkey"]).1, "2 synthetic");
    assert_eq!(
        judged(other.path(), &["marked.csv", "--trust", "attested=theirs.vkey"]).2,
        ["its log is not trusted to vouch for synthetic records"]
    );
}

#[test]
fn a_system_of_record_attests_and_a_clean_file_is_clean() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("people.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    let attest = ["mark", "people.csv", "--out", "attested.csv", "--dataset", "clinic", "--attest", "crm"];
    let refused = eosin(at, &attest);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not a system of record"));
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let text =
        text.replace("protocol = \"salesforce\"\n", "protocol = \"salesforce\"\nsystem_of_record = true\n");
    fs::write(at.join("eosin.toml"), text).unwrap();
    said(at, &attest, 0);
    assert_eq!(
        judged(at, &["attested.csv", "--config", "eosin.toml"]),
        (0, "1 attested".to_owned(), Vec::new())
    );
    let told = said(at, &["judge", "attested.csv", "--config", "eosin.toml"], 0);
    assert!(told.ends_with("The one record is attested: nothing synthetic is among them.\n"), "{told}");
    // What is put into an attested resource later is a change, though its kind was in none of them.
    fs::write(at.join("a.json"), r#"{"resourceType":"Patient","name":[{"family":"Bell"}]}"#).unwrap();
    said(at, &["mark", "a.json", "--out", "b.json", "--dataset", "fhir", "--attest", "crm"], 0);
    let marked = fs::read_to_string(at.join("b.json")).unwrap();
    for (more, want) in [
        (r#""contained":[{"resourceType":"Patient","id":"x"}]"#, "1 attested"),
        (r#""birthDate":"1984-02-29""#, "1 transplanted"),
    ] {
        let changed = marked.replacen('{', &format!("{{{more},"), 1);
        fs::write(at.join("b.json"), changed).unwrap();
        let (code, counts, reasons) = judged(at, &["b.json", "--config", "eosin.toml"]);
        assert_eq!((code, counts.as_str(), reasons.len()), (1, want, 1), "{reasons:?}");
    }
    // Whoever shares a birthday is somebody else.
    fs::write(at.join("q.csv"), "Name,Birthdate\nIda Person,1961-05-06\n").unwrap();
    fs::write(at.join("p.csv"), "patient_name,dob\nIda Person,1961-05-06\n").unwrap();
    fs::create_dir(at.join("moved")).unwrap();
    for (from, to, object) in [("q.csv", "moved/Contact.csv", "Contact"), ("p.csv", "moved/p.csv", "p")] {
        let (out, name) = (format!("{object}.out.csv"), format!("set of {object}"));
        let mark = ["mark", from, "--object", object, "--out", &out, "--dataset", &name, "--attest", "crm"];
        said(at, &mark, 0);
        let moved = fs::read_to_string(at.join(&out)).unwrap().replace("Ida Person", "Test Synthetica");
        fs::write(at.join(to), moved).unwrap();
        let beside = format!("{out}.dataset.json");
        let verdict = judged(at, &[to, "--config", "eosin.toml", "--dataset", &beside]).1;
        assert_eq!(verdict, "1 transplanted", "{from}");
    }
    // A generator's key is trusted for synthetic records only.
    assert_eq!(judged(at, &["attested.csv", "--trust", "keys/ledger.vkey"]).1, "1 untrusted");
    // The registry knows nothing of attested people: one whose mark is missing is unproven, never suspected.
    let bare = judged(at, &["people.csv", "--config", "eosin.toml"]);
    assert_eq!(bare.1, "1 unproven", "{:?}", bare.2);
}

#[test]
fn what_cannot_be_marked_leaves_nothing_behind() {
    let folder = set_up();
    let at = folder.path();
    fs::write(at.join("good.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    fs::write(at.join("empty.csv"), "name,dob\n").unwrap();
    fs::write(at.join("short.csv"), "name,dob\nAda Bell,1984-02-29\nEve Ode\n").unwrap();
    fs::write(at.join("blank.csv"), "name,dob\n , \n").unwrap();
    fs::write(at.join("broken.json"), "{\"resourceType\":\"Patient\",").unwrap();
    mark(at, "good.csv", "marked.csv");
    let before = fs::read_dir(at).unwrap().count();
    for (from, out, want) in [
        ("empty.csv", "x.csv", "there are no records"),
        ("short.csv", "x.csv", "line 3"),
        ("blank.csv", "x.csv", "nothing that a mark could cover"),
        ("broken.json", "x.json", "ends early"),
        ("marked.csv", "x.csv", "carries a mark already"),
        ("good.csv", "good.csv", "OUT is IN"),
        ("good.csv", "marked.csv", "nothing is overwritten"),
        ("absent.csv", "x.csv", "cannot open absent.csv"),
        ("good.csv", "no/such/folder/x.csv", "cannot write"),
    ] {
        let output =
            eosin(at, &["mark", from, "--out", out, "--dataset", "d", "--generator", "g", "--strict"]);
        let error = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
        assert_eq!(output.status.code(), Some(2), "{from}: {error}");
        assert!(error.contains(want), "{from}: {error}");
        assert!(!error.contains("Ada Bell") && !error.contains("Eve Ode"), "{error}");
        assert_eq!(fs::read_dir(at).unwrap().count(), before, "{from}");
    }
    let output = eosin(
        at,
        &[
            "mark",
            "good.csv",
            "--out",
            "x.csv",
            "--dataset",
            "d",
            "--generator",
            "g",
            "--config",
            "absent.toml",
        ],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("eosin init"), "{output:?}");
    said(at, &["ledger", "verify"], 0);
}

#[test]
fn what_cannot_be_judged_is_not_called_clean() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("empty.json"), "").unwrap();
    fs::write(at.join("none.csv"), "name,dob\n").unwrap();
    fs::write(at.join("broken.json"), "{\"resourceType\":\"Patient\",").unwrap();
    fs::write(at.join("bundle.json"), "{\"resourceType\":\"Bundle\",\"type\":\"collection\"}").unwrap();
    fs::write(at.join("letter.txt"), "Dear Ada").unwrap();
    for (file, want) in [
        ("empty.json", "is empty"),
        ("none.csv", "no records"),
        ("broken.json", "no record of"),
        ("bundle.json", "no records"),
        ("letter.txt", "neither JSON nor a table"),
        ("absent.csv", "cannot open"),
    ] {
        let output = eosin(at, &["judge", file]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{file}: {error}");
        assert!(error.contains(want), "{file}: {error}");
    }
    // One bad file does not hide what is in the others.
    fs::write(at.join("people.csv"), "name,dob\nAda Bell,1984-02-29\n").unwrap();
    assert_eq!(
        judged(at, &["people.csv", "absent.csv"]),
        (2, "1 unproven".to_owned(), vec!["it carries no mark".to_owned()])
    );
}

#[test]
fn fifty_findings_are_shown_and_the_rest_counted() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..120).map(|n| format!("Ada {n},1984-02-29")).collect();
    let rows = format!("name,dob\n{}\n", rows.join("\n"));
    fs::write(folder.path().join("many.csv"), rows).unwrap();
    let told = said(folder.path(), &["judge", "many.csv"], 1);
    assert_eq!(told.matches("it carries no mark").count(), 50);
    assert!(told.contains("… and 70 more: `-v` shows more, `--json` all"), "{told}");
    assert!(!told.contains("Ada"), "no content is printed");
    let told = said(folder.path(), &["judge", "many.csv", "-v"], 1);
    assert_eq!(told.matches("it carries no mark").count(), 120);
}
