//! Every command in a `console` block of a document runs, with the exit code the document says.

use std::{fs, path::Path, process::Command};

pub(crate) fn run(document: &str, folder: &Path) -> usize {
    let binary = Path::new(env!("CARGO_BIN_EXE_eosin")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let text = fs::read_to_string(document).unwrap();
    let mut place = folder.to_owned();
    let mut count = 0;
    for block in text.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").expect("the block ends");
        for line in block.lines() {
            let Some(line) = line.strip_prefix("$ ") else { continue };
            let (command, code) = match line.split_once('#') {
                None => (line, 0),
                Some((command, note)) => {
                    (command, note.trim().strip_prefix("exits ").unwrap().parse().unwrap())
                }
            };
            if let Some(to) = command.strip_prefix("cd ") {
                place = place.join(to.trim());
                continue;
            }
            let output = Command::new("sh")
                .args(["-c", command])
                .current_dir(&place)
                .env("PATH", &path)
                .env("USER", "tests")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{document}: {command}: {said}");
            count += 1;
        }
    }
    count
}

#[test]
fn the_commands_of_the_guide_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(format!("{root}/fixtures/fhir/patients.ndjson"), folder.path().join("patients.ndjson")).unwrap();
    let count = run(&format!("{root}/docs/getting-started.md"), folder.path());
    assert!(count >= 8, "only {count} commands found");
}

#[test]
fn the_commands_of_the_page_on_marking_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir_all(at.join("output/csv")).unwrap();
    for name in ["patients.csv", "encounters.csv", "careplans.csv"] {
        let from = format!("{root}/fixtures/mark/synthea-csv/{name}");
        fs::copy(from, at.join("output/csv").join(name)).unwrap();
    }
    fs::write(at.join("people.csv"), "Patient,Born\nAda Bell,1984-02-29\n").unwrap();
    fs::write(at.join("mixed.csv"), "name,dob\nAda Bell,1984-02-29\nEve Ode\n").unwrap();
    let described = "name = \"people\"\nobject = \"people\"\n[generator]\nname = \"ours\"\n\
                     [columns.\"people\"]\nPatient = \"whole-name\"\nBorn = \"birth-date\"\n";
    fs::write(at.join("people.toml"), described).unwrap();
    let count = run(&format!("{root}/docs/marking.md"), at);
    assert!(count >= 9, "only {count} commands found");
}

#[test]
fn the_commands_about_emergencies_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&format!("{root}/docs/emergency.md"), folder.path()), 19);
}

#[test]
fn the_commands_about_certificates_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(format!("{root}/fixtures/fhir/patients.ndjson"), folder.path().join("patients.ndjson")).unwrap();
    fs::write(folder.path().join("wards.csv"), "ward,beds,note\nW1,12,as planned\nW2,8,closed\n").unwrap();
    assert_eq!(run(&format!("{root}/docs/certificates.md"), folder.path()), 4);
}

#[test]
fn the_commands_of_the_page_on_judging_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    crate::program::said(at, &["init", "--yes"], 0);
    let written = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let (before, boundary) = written.split_once("[[boundary]]").unwrap();
    let name = boundary.lines().find(|line| line.starts_with("name = ")).unwrap();
    let named = boundary.replacen(name, "name = \"registry-feed\"", 1);
    fs::write(at.join("eosin.toml"), format!("{before}[[boundary]]{named}")).unwrap();
    let people = "name,dob\nAda Bell,1984-02-29\nEve Ode,1990-01-02\n";
    for file in ["contacts.csv", "feed.csv"] {
        fs::write(at.join(file), people).unwrap();
    }
    fs::create_dir(at.join("exports")).unwrap();
    fs::copy(format!("{root}/fixtures/fhir/patients.ndjson"), at.join("exports/patients.ndjson")).unwrap();
    fs::copy(format!("{root}/fixtures/hl7v2/admit.hl7"), at.join("feed.hl7")).unwrap();
    fs::write(at.join("archive.zip"), crate::judging::zipped(&[("people.csv", people.as_bytes())])).unwrap();
    fs::write(at.join("people.csv.gz"), crate::judging::gzipped(people.as_bytes())).unwrap();
    assert_eq!(run(&format!("{root}/docs/judging.md"), at), 3);
}

/// What they need from the network is not there in a test; what they need from here is.
#[test]
fn the_commands_about_fitting_are_of_programs_that_can_be_read() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let page = fs::read_to_string(format!("{root}/docs/recognisers.md")).unwrap();
    let (_, block) = page.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let mut programs: Vec<&str> =
        block.split_whitespace().filter(|word| word.starts_with("tools/")).collect();
    programs.dedup();
    assert_eq!(programs.len(), 4, "{programs:?}");
    for program in programs {
        let path = format!("{root}/{program}");
        assert!(Path::new(&path).is_file(), "{program}");
        let check = match program.rsplit('.').next().unwrap() {
            "py" => format!("python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' {path}"),
            "mjs" => format!("! command -v node || node --check {path}"),
            _ => continue,
        };
        let output = Command::new("sh").args(["-c", &check]).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(block.contains("cargo run -p recognise --example fit"));
    assert!(Path::new(&format!("{root}/crates/recognise/examples/fit.rs")).is_file());
}

#[test]
fn the_readmes_two_commands_are_what_ci_and_the_demo_test_run() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = fs::read_to_string(format!("{root}/README.md")).unwrap();
    let (_, after) = readme.split_once("```sh\n").unwrap();
    let (block, _) = after.split_once("```").unwrap();
    let commands: Vec<&str> = block.lines().map(|line| line.split('#').next().unwrap().trim()).collect();
    assert_eq!(commands, ["cargo run --release -p eosin -- demo --once", "cargo xtask ci"]);
    assert!(fs::read_to_string(format!("{root}/.ci/run")).unwrap().contains("cargo xtask ci"));
}
