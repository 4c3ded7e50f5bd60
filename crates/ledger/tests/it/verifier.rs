//! A verifier that is not ours reads what we wrote: `tests/verifier/verify.py`, from the C2SP texts alone.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ledger::{Ledger, durable};

use crate::{entry, key};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/verifier/verify.py")
}

fn run(arguments: &[&OsStr]) -> Output {
    Command::new("python3").arg(script()).args(arguments).output().unwrap()
}

/// What the script says when it agrees.
fn agrees(arguments: &[&OsStr]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What the script says when it does not.
fn objects(arguments: &[&OsStr]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap().trim().to_owned()
}

#[test]
fn somebody_else_s_verifier_agrees_with_our_log() {
    let available = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3 with `cryptography`");
        return;
    }
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("ledger");
    let vkey = key().verifier().to_string();
    let mut ledger = Ledger::create(&path, key()).unwrap();
    drop(ledger.commit((0..200).map(entry).collect(), Vec::clone).unwrap());
    let older = guard.path().join("older");
    durable::replace(&older, ledger.checkpoint().as_bytes()).unwrap();
    drop(ledger.commit((200..700).map(entry).collect(), Vec::clone).unwrap());
    // A receipt of an entry that is not published yet: its proof already holds.
    let (receipt, logged) = (guard.path().join("517.tlog-proof"), guard.path().join("517.entry"));
    durable::replace(&receipt, ledger.prove(517).unwrap().to_string().as_bytes()).unwrap();
    durable::replace(&logged, &entry(517)).unwrap();
    ledger.publish().unwrap();

    let [vkey, path, older, receipt, logged] =
        [vkey.as_ref(), path.as_os_str(), older.as_os_str(), receipt.as_os_str(), logged.as_os_str()];
    let checkpoint = Path::new(path).join("checkpoint");
    let says = agrees(&["checkpoint".as_ref(), vkey, checkpoint.as_os_str()]);
    assert!(says.starts_with("checkpoint of ledger.example/it: 700 entries, root "), "{says}");
    assert_eq!(
        agrees(&["proof".as_ref(), vkey, receipt, logged]),
        "entry 517 of 700 is in ledger.example/it"
    );
    assert_eq!(
        agrees(&["log".as_ref(), vkey, path]),
        "log ledger.example/it: 700 entries and all tiles are as signed"
    );
    assert_eq!(
        agrees(&["consistency".as_ref(), vkey, path, older]),
        "log ledger.example/it: 700 entries continue the 200 of the older checkpoint"
    );

    // And it can object.
    assert_eq!(objects(&["proof".as_ref(), vkey, receipt, older]), "wrong: the entry is not in the log");
    let other = mark::note::SignerKey::generate("ledger.example/it", [9; 32]).unwrap().verifier().to_string();
    let other: &OsStr = other.as_ref();
    assert_eq!(objects(&["log".as_ref(), other, path]), "wrong: not signed by this key");
    let bundle = Path::new(path).join("tile/entries/001");
    std::fs::OpenOptions::new().write(true).open(&bundle).unwrap().set_len(1000).unwrap();
    assert_eq!(objects(&["log".as_ref(), vkey, path]), "wrong: tile/entries/001 ends inside an entry");
}
