//! Operators and tokens on the command line: made, changed, listed, and everything in a log of its own.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::Value;

use crate::{
    program::{eosin, said},
    signing_in::{PASSWORD, home},
};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refused(home: &Path, arguments: &[&str]) -> String {
    let output = eosin(home, arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_change_is_an_entry_and_no_secret_is_written_down() {
    let folder = home();
    let home = folder.path();
    let add = |name, role| {
        said(home, &["operator", "add", name, "--role", role, "--password-file", "p.txt", "--by", "root"], 0)
    };
    assert!(said(home, &["operator", "list"], 0).contains("eosin operator add NAME --role admin"));
    add("ada", "admin");
    add("grace@example.org", "support");
    said(home, &["operator", "role", "grace@example.org", "auditor", "--by", "ada"], 0);
    let totp = said(home, &["operator", "totp", "grace@example.org", "--json"], 0);
    let seed = totp.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let secret = said(
        home,
        &[
            "token",
            "make",
            "grace@example.org",
            "--scope",
            "see-records",
            "--days",
            "30",
            "--label",
            "nightly",
        ],
        0,
    );
    let token = secret.trim();
    assert!(token.starts_with("eosin_") && token.len() == 58, "{token}");
    let listed = lines(&said(home, &["token", "list", "--json"], 0));
    assert_eq!(listed[0]["label"], "nightly");
    let id = listed[0]["id"].as_str().unwrap();
    said(home, &["token", "revoke", id], 0);
    assert_eq!(said(home, &["token", "list"], 0), "No token is good now.\n");
    said(home, &["operator", "disable", "grace@example.org"], 0);

    let listed = lines(&said(home, &["operator", "list", "--json"], 0));
    let told: Vec<_> = listed
        .iter()
        .map(|one| format!("{} {} {} {}", one["operator"], one["role"], one["state"], one["totp"]))
        .collect();
    assert_eq!(
        told,
        ["\"ada\" \"admin\" \"active\" false", "\"grace@example.org\" \"auditor\" \"disabled\" true"]
    );

    let shown = said(home, &["ledger", "show", "operators/log", "--json"], 0);
    let events: Vec<_> =
        shown.split("\"event\":\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(events, ["added", "added", "role", "totp-on", "token-made", "token-revoked", "disabled"]);
    said(home, &["ledger", "verify", "operators/log", "--vkey", "operators/log.vkey"], 0);
    let register = fs::read_to_string(home.join("operators/register.json")).unwrap();
    for secret in [PASSWORD, token, seed.as_str()] {
        assert!(!shown.contains(secret), "the log holds {secret}");
        assert_eq!(register.contains(secret), secret == seed, "the register and {secret}");
    }
    for name in ["register.json", "log.skey"] {
        let mode = fs::metadata(home.join("operators").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    said(home, &["index", "update"], 0);
    let incidents = said(home, &["index", "query", "SELECT count(*) AS n FROM incidents", "--json"], 0);
    assert_eq!(incidents.trim(), "{\"n\":0}", "an entry about operators is no incident");
}

#[test]
fn what_does_no_good_is_refused_and_says_what_to_do() {
    let folder = home();
    let home = folder.path();
    fs::write(home.join("common.txt"), "Password1234\n").unwrap();
    let add = ["operator", "add", "ada", "--role", "admin", "--password-file", "p.txt"];
    said(home, &add, 0);
    for (arguments, expected) in [
        (&add[..], "there is an operator `ada` already"),
        (&["operator", "add", "bob", "--role", "support"], "no terminal to type a password on"),
        (
            &["operator", "add", "bob", "--role", "support", "--password-file", "common.txt"],
            "among the first that are tried",
        ),
        (&["operator", "add", "bob", "--role", "king"], "a role is `admin`"),
        (&["operator", "add", "no name", "--role", "support"], "a name has 2 to 64"),
        (&["operator", "disable", "ada"], "`ada` is the only admin who may sign in"),
        (&["operator", "enable", "ada", "--expect", "7"], "`ada` was changed by somebody else meanwhile"),
        (&["operator", "totp", "bob"], "there is no operator `bob`"),
        (&["token", "make", "ada", "--scope", "manage-operators"], "it makes no operators"),
        (&["token", "make", "ada", "--scope", "see-records", "--days", "400"], "400 is not in 1..=366"),
        (&["token", "revoke", "abcdef"], "there is no token `abcdef`"),
    ] {
        let error = refused(home, arguments);
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let listed = said(home, &["operator", "list", "--json"], 0);
    assert_eq!(lines(&listed).len(), 1, "{listed}");
    fs::remove_dir_all(home.join("operators/log")).unwrap();
    let error = refused(home, &["operator", "totp", "ada", "--off"]);
    assert!(error.contains("no log of them"), "{error}");
}

#[test]
fn many_processes_at_once_lose_nothing() {
    let folder = home();
    let home = folder.path();
    std::thread::scope(|scope| {
        for at in 0..6 {
            scope.spawn(move || {
                let name = format!("operator{at}");
                said(home, &["operator", "add", &name, "--role", "support", "--password-file", "p.txt"], 0);
            });
        }
    });
    assert_eq!(lines(&said(home, &["operator", "list", "--json"], 0)).len(), 6);
    let shown = said(home, &["ledger", "show", "operators/log", "--json"], 0);
    assert_eq!(shown.lines().count(), 6, "{shown}");
}
