//! What goes wrong with a real folder, and the message that says what to do.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use ledger::{CreateError, Ledger, Reader, verify};
use mark::note::SignerKey;

use crate::{entry, key};

/// A closed ledger of this many entries, all published; the folder goes when the guard does.
fn published(size: u64) -> (tempfile::TempDir, PathBuf) {
    let (guard, path, mut ledger) = open_with(size);
    ledger.publish().unwrap();
    (guard, path)
}

/// An open ledger whose entries were committed ten at a time.
fn open_with(size: u64) -> (tempfile::TempDir, PathBuf, Ledger) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("ledger");
    let mut ledger = Ledger::create(&path, key()).unwrap();
    for batch in (0..size).map(entry).collect::<Vec<_>>().chunks(10) {
        drop(ledger.commit(batch.to_vec(), Vec::clone).unwrap());
    }
    (guard, path, ledger)
}

/// The whole story of why opening failed.
fn why_not_open(path: &Path, key: SignerKey, expected: &Expect) {
    let error = Ledger::open(path, key).map(|ledger| format!("{ledger:?}")).unwrap_err();
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told = format!("{told}\n{error}");
        cause = error.source();
    }
    expected.assert_eq(&told.replace(path.to_str().unwrap(), "LEDGER"));
}

fn what_verify_says(path: &Path, expected: &Expect) {
    let problem = verify(path, key().verifier()).problem.map(|problem| problem.to_string());
    expected.assert_eq(&problem.unwrap_or_default());
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = bytes(file);
    change(&mut bytes);
    ledger::durable::replace(file, &bytes).unwrap();
}

fn bytes(file: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut fs::File::open(file).unwrap(), &mut bytes).unwrap();
    bytes
}

#[test]
fn a_ledger_survives_its_process() {
    let (_guard, path, ledger) = open_with(25);
    // Dropped without publishing, as a crash would: everything is in the journal.
    assert_eq!((ledger.size(), ledger.published()), (25, 0));
    drop(ledger);
    assert_eq!(Reader::open(&path).unwrap().size(), 0);
    let report = verify(&path, key().verifier());
    assert_eq!((report.problem, report.journal.entries), (None, 25));

    let mut ledger = Ledger::open(&path, key()).unwrap();
    expect!["25 committed entries were recovered from the journal and published"]
        .assert_eq(&ledger.recovery().to_string());
    let logged = ledger.commit(vec!["next"], |text| text.as_bytes().to_vec()).unwrap();
    assert_eq!((logged[0].index(), *logged[0].item(), logged[0].origin()), (25, "next", "ledger.example/it"));
    ledger.publish().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&path, key()).unwrap();
    expect!["the ledger was closed in order"].assert_eq(&ledger.recovery().to_string());
}

#[test]
fn a_second_writer_is_turned_away() {
    let (_guard, path, first) = open_with(3);
    why_not_open(
        &path,
        key(),
        &expect![[r"
            the ledger cannot be locked for writing
            another process writes in `LEDGER`: stop it first, or give this one a folder of its own (every writer has its own)"]],
    );
    drop(first);
    assert_eq!(Ledger::open(&path, key()).unwrap().size(), 3);
}

#[test]
fn another_key_cannot_take_over() {
    let (_guard, path) = published(3);
    why_not_open(
        &path,
        SignerKey::generate("ledger.example/it", [8; 32]).unwrap(),
        &expect![
            "this ledger was signed by ledger.example/it+57d638d8, and the key given is ledger.example/it+b5ad6ed6: use the ledger's own key; a log never changes hands"
        ],
    );
    let other = SignerKey::generate("other.example", [8; 32]).unwrap();
    let problem = verify(&path, other.verifier()).problem.unwrap();
    expect!["`checkpoint`: the key other.example+3d959314 did not sign it: verify with the log's own key"]
        .assert_eq(&problem.to_string());
}

#[test]
fn a_ledger_is_never_made_twice() {
    let (_guard, path) = published(3);
    let error = Ledger::create(&path, key()).unwrap_err();
    assert!(matches!(error, CreateError::AlreadyThere), "{error:?}");
    why_not_open(
        &path.join("nothing"),
        key(),
        &expect!["there is no ledger here (no `checkpoint` file): check the path, or make one first"],
    );
    assert!(!path.join("nothing").exists(), "looking makes nothing");
}

#[test]
fn a_journal_without_a_checkpoint_is_not_made_over() {
    let (_guard, path, ledger) = open_with(3);
    drop(ledger);
    fs::remove_file(path.join("checkpoint")).unwrap();
    let error = Ledger::create(&path, key()).unwrap_err();
    expect!["there is a journal with entries here and no `checkpoint`: restore the checkpoint from a backup, or choose another folder"].assert_eq(&error.to_string());
}

#[test]
fn a_damaged_published_file_is_named() {
    // 300 entries: a full and a partial tile and bundle, and one partial tile above.
    let rows: [(&str, Expect); 6] = [
        (
            "tile/entries/000",
            expect![
                "`tile/entries/000`: its entries are not those that were signed: restore it from a backup; if no backup has them, somebody has changed the log"
            ],
        ),
        (
            "tile/entries/001.p/44",
            expect![
                "`tile/entries/001.p/44`: its entries are not those that were signed: restore it from a backup; if no backup has them, somebody has changed the log"
            ],
        ),
        (
            "tile/0/000",
            expect![
                "`tile/0/000`: its hashes are not those of the entries, and do not lead to the signed root: restore this tile from a backup, or rebuild it from the entries"
            ],
        ),
        (
            "tile/0/001.p/44",
            expect![
                "`tile/0/001.p/44`: its hashes are not those of the entries, and do not lead to the signed root: restore this tile from a backup, or rebuild it from the entries"
            ],
        ),
        (
            "tile/1/000.p/1",
            expect![
                "`tile/1/000.p/1`: its hashes are not those of the entries, and do not lead to the signed root: restore this tile from a backup, or rebuild it from the entries"
            ],
        ),
        (
            "checkpoint",
            expect![
                "`checkpoint`: its signature does not fit its text: it was changed, restore it from a backup"
            ],
        ),
    ];
    for (file, expected) in rows {
        let (_guard, path) = published(300);
        change(&path.join(file), |bytes| bytes[30] ^= 1);
        what_verify_says(&path, &expected);
    }
}

#[test]
fn a_missing_or_shortened_published_file_is_named() {
    for file in
        ["tile/entries/000", "tile/entries/001.p/44", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]
    {
        let (_guard, path) = published(300);
        change(&path.join(file), |bytes| bytes.truncate(bytes.len() - 1));
        let problem = verify(&path, key().verifier()).problem.unwrap();
        assert_eq!(problem.file, file, "{problem}");
        fs::remove_file(path.join(file)).unwrap();
        let problem = verify(&path, key().verifier()).problem.unwrap();
        assert_eq!(problem.file, file, "{problem}");
        assert!(problem.what.contains("missing") && problem.what.contains("restore"), "{problem}");
    }
}

#[test]
fn a_bundle_changed_together_with_its_tile_is_still_found() {
    let (_guard, path) = published(300);
    let (_other_guard, other) = published(0);
    {
        let mut ledger = Ledger::open(&other, key()).unwrap();
        let batch: Vec<_> = (0..300).map(|n| if n == 7 { b"forged".to_vec() } else { entry(n) }).collect();
        drop(ledger.commit(batch, Vec::clone).unwrap());
        ledger.publish().unwrap();
    }
    for file in ["tile/entries/000", "tile/0/000"] {
        fs::copy(other.join(file), path.join(file)).unwrap();
    }
    what_verify_says(
        &path,
        &expect![
            "`tile/entries/000`: its entries are not those that were signed: restore it from a backup; if no backup has them, somebody has changed the log"
        ],
    );
}

#[test]
fn a_writer_does_not_start_on_a_damaged_edge() {
    let (_guard, path) = published(300);
    change(&path.join("tile/entries/001.p/44"), |bytes| bytes[30] ^= 1);
    why_not_open(
        &path,
        key(),
        &expect![[r#"
        what is published cannot be read
        `tile/entries/001.p/44` is damaged (its entries are not those that its tile has hashed): restore this file from a backup; what was published never changes"#]],
    );
    let (_guard, path) = published(300);
    change(&path.join("tile/1/000.p/1"), |bytes| bytes[3] ^= 1);
    why_not_open(
        &path,
        key(),
        &expect![
            "the tiles at the end of the 300 published entries do not lead to the checkpoint's root: verify the ledger to find the damaged file, and restore it from a backup"
        ],
    );
    let (_guard, path) = published(300);
    change(&path.join("checkpoint"), |bytes| bytes[30] ^= 1);
    why_not_open(
        &path,
        key(),
        &expect![[r#"
        what is published cannot be read
        `checkpoint` is damaged (its signature does not fit its text): restore this file from a backup; what was published never changes"#]],
    );
}

#[test]
fn a_checkpoint_newer_than_its_tiles() {
    let (_guard, path) = published(40);
    let (_other_guard, other) = published(50);
    fs::copy(other.join("checkpoint"), path.join("checkpoint")).unwrap();
    why_not_open(
        &path,
        key(),
        &expect![[r#"
        what is published cannot be read
        `tile/0/000.p/50` is missing, though the checkpoint says it was published: restore the ledger's folder from a backup; a checkpoint must never be newer than its tiles"#]],
    );
}

#[test]
fn a_checkpoint_older_than_the_journal() {
    let (_guard, path, mut ledger) = open_with(20);
    let first = bytes(&path.join("checkpoint"));
    ledger.publish().unwrap();
    drop(ledger.commit(vec![entry(20)], Vec::clone).unwrap());
    drop(ledger);
    ledger::durable::replace(&path.join("checkpoint"), &first).unwrap();
    why_not_open(
        &path,
        key(),
        &expect![
            "the journal continues from entry 20, and the checkpoint ends at 0: an older checkpoint was put back; restore the whole folder from one backup"
        ],
    );
    what_verify_says(
        &path,
        &expect![
            "`journal`: its record from entry 20 does not continue this log: journal and tiles are of different moments, restore the whole folder from one backup"
        ],
    );
}

/// Where the records of the journal start.
fn record_starts(path: &Path) -> Vec<usize> {
    let bytes = bytes(&path.join("journal"));
    bytes.windows(8).enumerate().filter(|(_, window)| window == b"EOSINJ01").map(|(at, _)| at).collect()
}

#[test]
fn a_journal_cut_short_or_damaged() {
    // Cut in the middle of the last record: it was being written when the power went.
    let (_guard, path, ledger) = open_with(30);
    drop(ledger);
    let starts = record_starts(&path);
    assert_eq!(starts.len(), 3);
    change(&path.join("journal"), |bytes| bytes.truncate(starts[2] + 101));
    assert!(verify(&path, key().verifier()).journal.is_torn);
    expect!["20 committed entries were recovered from the journal and published; a write of 101 bytes was cut short before it was acknowledged and is kept in `journal.torn`"].assert_eq(&Ledger::open(&path, key()).unwrap().recovery().to_string());
    assert_eq!(bytes(&path.join("journal.torn")).len(), 101);
    assert_eq!(verify(&path, key().verifier()).size, 20);

    // Damaged before the end: acknowledged entries are behind it, and nothing may be dropped.
    let (_guard, path, ledger) = open_with(30);
    drop(ledger);
    change(&path.join("journal"), |bytes| bytes[starts[1] + 60] ^= 1);
    why_not_open(
        &path,
        key(),
        &expect![
            "the journal is damaged at byte 395, and a good record follows at byte 900: this is not a crash but a failing disk or a changed file; restore `journal` from a backup, do not delete it, it holds acknowledged entries"
        ],
    );
    what_verify_says(
        &path,
        &expect![
            "`journal`: it is damaged at byte 395, before the end: restore it from a backup, it holds acknowledged entries"
        ],
    );

    // Gone.
    let (_guard, path, ledger) = open_with(30);
    drop(ledger);
    fs::remove_file(path.join("journal")).unwrap();
    why_not_open(
        &path,
        key(),
        &expect![
            "`journal` is missing, and may have held acknowledged entries: restore it from a backup; only if this is a copy of a ledger that was closed in order, make an empty file of that name"
        ],
    );
}

#[test]
fn a_journal_of_another_moment() {
    // The same entries: it really continues the log.
    let (_guard, path) = published(20);
    let (_other_guard, other, ledger) = open_with(40);
    drop(ledger);
    fs::copy(other.join("journal"), path.join("journal")).unwrap();
    let mut ledger = Ledger::open(&path, key()).unwrap();
    assert_eq!(ledger.size(), 40);
    drop(ledger.commit(vec![b"x".to_vec()], Vec::clone).unwrap());
    drop(ledger);
    // Other entries under the same key: it does not.
    let (_guard, path) = published(0);
    let mut ledger = Ledger::open(&path, key()).unwrap();
    drop(ledger.commit(vec![b"another".to_vec()], Vec::clone).unwrap());
    ledger.publish().unwrap();
    drop(ledger);
    fs::copy(other.join("journal"), path.join("journal")).unwrap();
    why_not_open(
        &path,
        key(),
        &expect![
            "the journal's record from entry 0 does not continue this log: `journal` and the tiles are of different moments; restore the whole folder from one backup"
        ],
    );
}

#[test]
fn partial_tiles_go_when_the_full_one_is_there() {
    let (_guard, path, mut ledger) = open_with(10);
    ledger.publish().unwrap();
    assert!(path.join("tile/entries/000.p/10").exists());
    drop(ledger.commit((10..300).map(entry).collect(), Vec::clone).unwrap());
    ledger.publish().unwrap();
    assert!(!path.join("tile/entries/000.p").exists() && !path.join("tile/0/000.p").exists());
    assert!(path.join("tile/1/000.p/1").exists());
    assert_eq!(verify(&path, key().verifier()).problem, None);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Ledger::create(&file.path().join("ledger"), key()).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.starts_with("cannot make `") && cause.contains("writable disk"), "{cause}");
}
