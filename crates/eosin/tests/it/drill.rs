//! The strip test: what the drill finds in the excerpts, and that its page says so.

use std::{fmt::Write as _, fs, path::Path};

use expect_test::expect_file;
use serde_json::Value;

use crate::program::{eosin, said};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn drilled(folder: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["drill", "strip", "--json"];
    all.extend_from_slice(arguments);
    serde_json::from_str(&said(folder, &all, 0)).unwrap()
}

fn row<'t>(table: &'t Value, step: &str) -> &'t Value {
    let mut rows = table["steps"].as_array().unwrap().iter();
    rows.find(|row| row["step"] == step).unwrap_or_else(|| panic!("no {step}"))
}

#[test]
fn a_stripped_record_is_still_found_by_two_other_ways() {
    let folder = tempfile::tempdir().unwrap();
    let table = drilled(folder.path(), &["--demo"]);
    assert_eq!(table["steps"].as_array().unwrap().len(), 15);
    assert_eq!(row(&table, "as marked")["mark"], 12);
    let stripped = row(&table, "all Eosin fields dropped");
    assert_eq!(stripped["mark"], 0);
    assert_eq!(stripped["registry"]["strong"], 12);
    assert_eq!(stripped["recogniser"], 12, "Synthea gives itself away");
    for step in [
        "case and accents changed",
        "phone reformatted",
        "exported as CSV",
        "exported as HL7 v2",
        "text of a PDF page",
    ] {
        assert_eq!(row(&table, step)["nothing"], 0, "{step}: {table}");
    }
    let name = row(&table, "name and birth date only");
    assert_eq!(name["registry"]["strong"], 0, "one kind of value is a weak match: {name}");
    assert_eq!(row(&table, "e-mail only")["records"], 0, "Synthea gives no e-mail address");
}

#[test]
fn a_configuration_s_own_marks_and_registry_are_drilled() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    said(at, &["init", "--yes"], 0);
    let patients = format!("{ROOT}/fixtures/fhir/patients.ndjson");
    said(at, &["mark", &patients, "--out", "marked.ndjson", "--dataset", "d", "--generator", "Synthea"], 0);
    let table = drilled(at, &["marked.ndjson", "--config", "eosin.toml"]);
    assert_eq!(table["rehearsed"], false);
    assert_eq!(row(&table, "as marked")["mark"], 12, "{table}");
    let stripped = row(&table, "all Eosin fields dropped");
    assert_eq!((&stripped["mark"], &stripped["registry"]["strong"]), (&0.into(), &12.into()), "{table}");
}

/// The marked table has another name than its dataset was told: `judge` finds its marks, and so does the drill.
#[test]
fn a_table_under_another_name_is_drilled_with_its_marks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    said(at, &["init", "--yes"], 0);
    fs::write(at.join("people.csv"), "name,birth_date\nIda Person,1980-01-02\nBo Person,1990-03-04\n")
        .unwrap();
    said(at, &["mark", "people.csv", "--out", "marked.csv", "--dataset", "d", "--generator", "x"], 0);
    let table = drilled(at, &["marked.csv", "--config", "eosin.toml"]);
    assert_eq!(row(&table, "as marked")["mark"], 2, "{table}");
}

#[test]
fn columns_whose_names_tell_nothing_are_told_by_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("people.csv"), "c1,c2,c3,c4\nOttoline,Brackwater,1984-02-29,ottoline1@hill.example\n")
        .unwrap();
    said(at, &["drill", "strip", "people.csv"], 2);
    let map = "[columns.\"people\"]\nc1 = \"given-name\"\nc2 = \"family-name\"\nc3 = \"birth-date\"\nc4 = \"email\"\n";
    fs::write(at.join("map.toml"), map).unwrap();
    let table = drilled(at, &["people.csv", "--map", "map.toml"]);
    assert_eq!(row(&table, "all Eosin fields dropped")["registry"]["strong"], 1, "{table}");
    assert_eq!(row(&table, "e-mail only")["registry"]["weak"], 1, "{table}");
    fs::write(at.join("map.toml"), map.replace("c4", "c5")).unwrap();
    said(at, &["drill", "strip", "people.csv", "--map", "map.toml"], 2);
}

/// `UPDATE_EXPECT=1` writes the tables anew.
#[test]
fn the_page_holds_the_tables_that_the_drill_prints() {
    let folder = tempfile::tempdir().unwrap();
    let page = fs::read_to_string(format!("{ROOT}/docs/drill.md")).unwrap();
    let mut pieces = page.split("```console\n$ eosin ");
    let mut written = pieces.next().unwrap().to_owned();
    let mut tables = 0;
    for piece in pieces {
        let (block, after) = piece.split_once("```").expect("the block ends");
        let command = block.lines().next().unwrap();
        let arguments: Vec<String> =
            command.split(' ').map(|word| word.replace("fixtures/", &format!("{ROOT}/fixtures/"))).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let printed = said(folder.path(), &arguments, 0);
        let (table, _) = printed.split_once("\n\n").unwrap();
        let table: Vec<&str> = table.lines().map(str::trim_end).collect();
        write!(written, "```console\n$ eosin {command}\n{}\n```{after}", table.join("\n")).unwrap();
        tables += 1;
    }
    assert_eq!(tables, 2);
    expect_file![format!("{ROOT}/docs/drill.md")].assert_eq(&written);
}

#[test]
fn a_file_of_several_batches_is_marked_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = "first_name,last_name,date_of_birth\n".to_owned();
    let letter = |number: u32| char::from_u32(u32::from('a') + number % 26).unwrap();
    for row in 0..5000_u32 {
        let (one, other) = (letter(row), letter(row / 26));
        writeln!(rows, "Wim,{one}{other}ode{},19{:02}-01-02", row / 676, row % 80 + 10).unwrap();
    }
    fs::write(folder.path().join("people.csv"), rows).unwrap();
    let table = drilled(folder.path(), &["people.csv"]);
    let marked = row(&table, "as marked");
    assert_eq!((marked["records"].as_u64(), marked["mark"].as_u64()), (Some(5000), Some(5000)));
}

#[test]
fn where_nobody_is_there_is_nothing_to_drill() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wards.csv"), "ward,beds\nW1,12\nW2,9\n").unwrap();
    let output = eosin(folder.path(), &["drill", "strip", "wards.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("identifies anybody"));
    let output = eosin(folder.path(), &["drill", "strip"]);
    assert_eq!(output.status.code(), Some(2), "it says what is missing");
}
