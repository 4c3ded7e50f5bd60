//! Whole outputs of generators marked and judged: 100 % intact. Says that it was skipped where they are not there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    files::{judged, set_up},
    mark_folders::marked,
};

/// The shared data, if it is there.
#[expect(clippy::print_stdout, reason = "says that a test was skipped")]
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("EOSIN_DATA").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no shared data");
    None
}

/// Marks what a folder of the shared data holds and judges every file of it; how many records were intact.
fn all_intact(from: &Path, folder: &Path) -> u64 {
    let name = from.file_name().unwrap().to_str().unwrap();
    let told = marked(
        folder,
        &[from.to_str().unwrap(), "--out", name, "--dataset", "whole", "--generator", "any"],
        0,
    );
    let wanted: u64 =
        told["records"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let dataset = format!("{name}.dataset.json");
    let mut files: Vec<String> = Vec::new();
    let out = folder.join(name);
    if out.is_dir() {
        files.extend(fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path().display().to_string()));
    } else {
        files.push(out.display().to_string());
    }
    let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    arguments.extend(["--config", "eosin.toml", "--dataset", &dataset]);
    let (code, counts, reasons) = judged(folder, &arguments);
    assert_eq!((code, counts), (1, format!("{wanted} synthetic")), "{name}: {reasons:?}");
    assert_eq!(reasons, ["as it was sealed in `whole`"], "{name}");
    wanted
}

#[test]
fn a_whole_bulk_export_of_synthea_is_intact() {
    let Some(data) = data() else { return };
    let folder = set_up();
    // 1,144 + 2,341 + 836 + 4 × 835.
    assert_eq!(all_intact(&data.join("synthea/bulk-fhir-1000"), folder.path()), 7661);
}

#[test]
fn a_whole_table_of_snowfakery_is_intact() {
    let Some(data) = data() else { return };
    let folder = set_up();
    assert_eq!(all_intact(&data.join("generators/snowfakery/Contact.csv.gz"), folder.path()), 10_000);
}

#[test]
fn bundles_of_synthea_are_intact() {
    let Some(data) = data() else { return };
    let folder = set_up();
    let from = folder.path().join("bundles");
    fs::create_dir(&from).unwrap();
    let mut all: Vec<PathBuf> = fs::read_dir(data.join("synthea/fhir-r4-bundles"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.sort_by_key(|path| fs::metadata(path).unwrap().len());
    // The shortest ten: all 63 take minutes in a build that is not optimised.
    for path in all.iter().take(10) {
        fs::copy(path, from.join(path.file_name().unwrap())).unwrap();
    }
    let to = folder.path().join("to");
    fs::create_dir(&to).unwrap();
    fs::rename(&from, to.join("bundles")).unwrap();
    assert!(all_intact(&to.join("bundles"), folder.path()) > 1000);
}
