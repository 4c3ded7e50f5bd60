//! Scripts around parsers that are not ours, asked about a file before and after it was marked.
#![expect(clippy::print_stdout, reason = "a test says what it skips, and what others read")]

use std::{path::Path, process::Command};

/// Runs `tests/<script>` on both; `modules` are what it imports, and without them it is skipped.
pub(crate) fn ask(script: &str, modules: &str, before: &[u8], after: &[u8], more: &[&str]) {
    let available = Command::new("python3").args(["-c", &format!("import {modules}")]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3 with {modules}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        #[expect(clippy::disallowed_methods, reason = "a file for a parser, gone with the test")]
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (before, after) = (write("before", before), write("after", after));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(script);
    let output = Command::new("python3").arg(script).args([before, after]).args(more).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
}
