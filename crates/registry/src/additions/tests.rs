//! Writers that are stopped at every step, and runs that spill.

use std::path::Path;

use super::*;
use crate::Registry;
use mark::digest::sha256;

const KEY: KeyId = KeyId([7; 8]);

fn entry(number: u64) -> (Fingerprint, PersonTag) {
    let digest = sha256(&[&number.to_be_bytes()]);
    let fingerprint = digest.as_bytes()[..16].try_into().unwrap();
    (Fingerprint(fingerprint), PersonTag((number / 5).to_be_bytes()))
}

/// Adds these with a buffer of 100 entries, stopping after so many steps; the last ones first, some twice.
fn add(folder: &Path, count: u64, forget: Option<u64>, steps: Option<usize>) -> Result<Snapshot, WriteError> {
    let mut locked = Folder::lock(folder)?;
    locked.steps_left = steps;
    let mut additions = Additions::begin_in(locked, KEY)?;
    additions.buffer_entries = 100;
    for number in (0..count).rev().chain(0..count / 10) {
        let (fingerprint, tag) = entry(number);
        additions.add(fingerprint, tag)?;
    }
    if let Some(number) = forget {
        additions.forget(entry(number).1)?;
    }
    additions.commit()
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn spilled_runs_give_the_same_snapshot_as_memory() {
    let (spilled, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = add(spilled.path(), 1234, None, None).unwrap();
    let mut additions = Additions::begin(whole.path(), KEY).unwrap();
    for number in 0..1234 {
        let (fingerprint, tag) = entry(number);
        additions.add(fingerprint, tag).unwrap();
    }
    assert_eq!(additions.commit().unwrap(), one);
    assert_eq!(names(spilled.path()), ["filter-1", "lock", "table"]);
    let forgotten = add(spilled.path(), 0, Some(7), None).unwrap();
    assert_eq!((forgotten.entries, forgotten.generation), (1229, 2));
    let registry = Registry::open(spilled.path()).unwrap().unwrap();
    assert_eq!(registry.verify().unwrap(), forgotten);
    for number in 0..1234 {
        let found = registry.find(&[(recognise::FingerprintKind::Email, entry(number).0)]).unwrap();
        assert_eq!(found.is_none(), (5..10).contains(&number), "{number}");
    }
    assert_eq!(names(spilled.path()), ["filter-2", "lock", "table"]);
}

#[test]
fn adding_one_thing_for_ever_needs_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut additions = Additions::begin(folder.path(), KEY).unwrap();
    additions.buffer_entries = 10;
    for _ in 0..1000 {
        additions.add(entry(1).0, entry(1).1).unwrap();
    }
    assert!(additions.runs.is_empty() && additions.buffer.capacity() == 10);
    assert_eq!(additions.commit().unwrap().entries, 1);
}

#[test]
fn a_writer_stopped_at_any_step_leaves_the_old_snapshot_or_the_new() {
    for (before, forget) in [(None, None), (Some(320), None), (Some(900), Some(3))] {
        let whole = tempfile::tempdir().unwrap();
        let old = before.map(|count| add(whole.path(), count, None, None).unwrap());
        let new = add(whole.path(), 640, forget, None).unwrap();
        let (mut kept, mut replaced, mut done) = (0, 0, 0);
        for steps in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            if let Some(count) = before {
                add(folder.path(), count, None, None).unwrap();
            }
            let stopped = add(folder.path(), 640, forget, Some(steps));
            let registry = Registry::open(folder.path()).unwrap();
            let found = registry.as_ref().map(|registry| registry.verify().unwrap());
            if let Ok(snapshot) = stopped {
                assert_eq!((snapshot, found), (new, Some(new)), "{steps}");
                done += 1;
            } else if found == old {
                kept += 1;
            } else {
                assert_eq!(found, Some(new), "{steps}");
                replaced += 1;
            }
            // The next writer cleans up, and adding the same again gives the same.
            assert_eq!(add(folder.path(), 640, forget, None).unwrap(), new, "{steps}");
            let filter = format!("filter-{}", new.generation);
            assert_eq!(names(folder.path()), [filter.as_str(), "lock", "table"], "{steps}");
        }
        // Each happens: the table of steps has not come apart from the code.
        assert!(kept > 20 && replaced > 0 && done > 1, "{kept} {replaced} {done}");
    }
}

#[test]
fn a_damaged_filter_is_written_again_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = add(folder.path(), 500, None, None).unwrap();
    let filter = folder.path().join("filter-1");
    let whole = std::fs::metadata(&filter).unwrap().len();
    File::options().write(true).open(&filter).unwrap().set_len(whole - 1).unwrap();
    let read = |registry: &Registry| {
        let table = Table::open(folder.path()).unwrap().unwrap();
        assert_eq!(registry.snapshot(), snapshot);
        Filter::read(&filter, &table.check, &table.index).is_some()
    };
    let registry = Registry::open(folder.path()).unwrap().unwrap();
    assert_eq!(registry.verify().unwrap(), snapshot);
    assert!(!read(&registry), "opening writes nothing");
    assert_eq!(add(folder.path(), 0, None, None).unwrap(), snapshot);
    assert!(read(&registry));
    assert_eq!(std::fs::metadata(&filter).unwrap().len(), whole);
}

#[test]
fn a_damaged_table_is_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    add(folder.path(), 500, None, None).unwrap();
    let table = File::options().write(true).open(folder.path().join("table")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&table, b"\0\0\0\0\0\0\0\0", 4096 + 480).unwrap();
    let error = add(folder.path(), 600, None, None).unwrap_err();
    assert!(matches!(error, WriteError::Open(OpenError::Read(ReadError::Damaged { .. }))), "{error}");
}
