//! The demo tells its story to the end, and every outcome is as it must be.

use crate::program::said;

#[test]
fn the_story_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let story = said(folder.path(), &["demo", "--once", "--keep", "kept"], 0);
    assert_eq!(story.matches('✗').count(), 0, "{story}");
    assert!(story.matches('✓').count() >= 12, "{story}");
    for chapter in
        ["strips the mark", "moves a mark", "forges the header", "admissions go through", "can be proved"]
    {
        assert!(story.contains(chapter), "{chapter}: {story}");
    }
    assert!(!story.contains('\u{1b}'), "no colours in a pipe");

    // What it leaves behind can be checked by the commands it names.
    said(folder.path(), &["ledger", "verify", "kept/ledger", "--vkey", "kept/keys/ledger.vkey"], 0);
    let judged = said(
        folder.path(),
        &["judge", "kept/patients.ndjson", "--trust", "kept/keys/generator.vkey", "--json"],
        1,
    );
    let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
    assert_eq!(judged["counts"]["synthetic"], 8);
}
