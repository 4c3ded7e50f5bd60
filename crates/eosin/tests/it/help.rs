//! The help of every command that reads files or the ledger, as a person sees it.

use std::process::Command;

use expect_test::expect_file;

fn help(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eosin"));
    let output = command.args(arguments).arg("--help").env_remove("COLUMNS").output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_help_of_each_command_is_as_reviewed() {
    expect_file!["help/eosin.txt"].assert_eq(&help(&[]));
    expect_file!["help/mark.txt"].assert_eq(&help(&["mark"]));
    expect_file!["help/judge.txt"].assert_eq(&help(&["judge"]));
    expect_file!["help/filter.txt"].assert_eq(&help(&["filter"]));
    expect_file!["help/certify.txt"].assert_eq(&help(&["certify"]));
    expect_file!["help/drill-strip.txt"].assert_eq(&help(&["drill", "strip"]));
    expect_file!["help/ledger-verify.txt"].assert_eq(&help(&["ledger", "verify"]));
    expect_file!["help/ledger-prove.txt"].assert_eq(&help(&["ledger", "prove"]));
}
