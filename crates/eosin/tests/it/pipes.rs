//! What is no file and is given as one: pipes that nobody writes to, devices that never end.

use std::{fs, process::Command};

use crate::{files::set_up, program::eosin};

#[test]
fn a_pipe_is_said_and_not_waited_for() {
    let folder = set_up();
    let at = folder.path();
    let made = Command::new("mkfifo").arg(at.join("p.csv")).status().unwrap();
    assert!(made.success());
    let commands: [&[&str]; 12] = [
        &["judge", "p.csv", "--config", "eosin.toml"],
        &["certify", "p.csv"],
        &["certify", "--verify", "p.csv", "eosin.toml", "--vkey", "keys/ledger.vkey"],
        &["filter", "p.csv", "--kept", "k", "--withheld", "w"],
        &["mark", "p.csv", "--out", "o.csv", "--dataset", "d", "--generator", "g"],
        &["registry", "add", "p.csv"],
        &["registry", "prove", "p.csv"],
        &["judge", "x.csv", "--dataset", "p.csv"],
        &["judge", "x.csv", "--map", "p.csv"],
        &["judge", "x.csv", "--config", "p.csv"],
        &["policy", "check", "p.csv"],
        &["config", "check", "p.csv"],
    ];
    fs::write(at.join("x.csv"), "first_name,last_name,dob\nAda,Bell,1984-02-29\n").unwrap();
    let marked = ["mark", "x.csv", "--out", "m.csv", "--dataset", "d", "--generator", "g"];
    assert!(eosin(at, &marked).status.success());
    for command in commands {
        let output = eosin(at, command);
        let told = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{command:?}: {told}");
        assert!(told.contains("p.csv is a pipe and not a file"), "{command:?}: {told}");
    }
    let output = eosin(at, &["judge", "/dev/zero"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a device and not a file"), "{output:?}");
}

#[test]
fn a_file_that_gets_longer_than_it_may_is_an_error_and_not_the_end() {
    let folder = set_up();
    let at = folder.path();
    let rows: String = (0..9000).map(|_| "Ada,Bell,1984-02-29\n").collect();
    fs::write(at.join("x.csv"), format!("first_name,last_name,dob\n{rows}")).unwrap();
    // In blocks of 512 bytes or of 1024: the ledger fits, and the marked file does not.
    let command = "ulimit -f 600; exec \"$0\" mark x.csv --out m.csv --dataset d --generator g";
    let output = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_eosin")])
        .current_dir(at)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(told.contains("File too large"), "{told}");
    assert!(!at.join("m.csv").exists());
}
