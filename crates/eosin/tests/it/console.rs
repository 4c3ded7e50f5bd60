//! The console as somebody opens it: the link that is printed, and nobody without it.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    program::{Server, http, said},
    signing_in::{self, Browser, PASSWORD},
};

const CONTACTS: &str = "Id,FirstName,LastName,Email\n003000000000001AAA,Ada,Zzyzx,ada@example.org\n";

/// The key in the link that was printed.
fn key(output: &str) -> String {
    let (_, after) = output.split_once("/?key=").expect("the link is printed");
    after.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[test]
fn the_console_is_open_to_whoever_has_the_link_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    said(home, &["init", "--yes"], 0);
    fs::write(home.join("contacts.csv"), CONTACTS).unwrap();
    said(
        home,
        &["mark", "contacts.csv", "--out", "marked.csv", "--dataset", "surge drill", "--generator", "hand"],
        0,
    );

    let console = Server::start(home, &["console", "--without-sign-in", "--listen", "127.0.0.1:0"], "/?key=");
    let address = console.address("/?key=");
    let key = key(&console.output());
    let cookie = format!("other=1; eosin_console={key}");
    let with = [("cookie", cookie.as_str())];

    let (status, answer) = http(address, "GET", &format!("/?key={key}"), &[], b"");
    assert_eq!(status, 303, "{answer}");
    assert!(answer.contains("HttpOnly; SameSite=Strict") && answer.contains("location: /\r\n"), "{answer}");
    for (why, target, headers) in [
        ("no key", "/", vec![]),
        ("another key", "/?key=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", vec![]),
        ("another cookie", "/datasets", vec![("cookie", "eosin_console=aaaa")]),
        ("a cookie of a longer name", "/", vec![("cookie", "x_eosin_console=aaaa")]),
    ] {
        assert_eq!(http(address, "GET", target, &headers, b"").0, 403, "{why}");
    }
    let (status, page) = http(address, "GET", "/datasets", &with, b"");
    assert_eq!(status, 200);
    assert!(page.contains("content-security-policy: default-src 'none'"), "{page}");
    assert!(page.contains("<h1>Datasets</h1>") && page.contains("/dataset?ledger="), "{page}");
    assert_eq!(http(address, "POST", "/datasets", &with, b"").0, 405);
    let named = [("cookie", cookie.as_str()), ("host", "attacker.example")];
    assert_ne!(http(address, "GET", "/", &named, b"").0, 200, "another site's name points here");

    said(
        home,
        &["mark", "contacts.csv", "--out", "again.csv", "--dataset", "later", "--generator", "hand"],
        0,
    );
    said(home, &["index", "update"], 0);
    let (_, page) = http(address, "GET", "/datasets", &with, b"");
    assert_eq!(page.matches("/dataset?ledger=").count(), 2, "{page}");
    let output = console.stop();
    assert!(!output.contains("Zzyzx"), "{output}");
}

#[test]
fn the_console_is_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    let output = crate::program::eosin(folder.path(), &["console", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("can be asked by other machines"), "{error}");
}

/// A database that somebody holds keeps a page waiting, and nobody at the door.
#[test]
fn whoever_signs_in_does_not_wait_for_the_index() {
    let folder = signing_in::home();
    let home = folder.path();
    signing_in::add(home, "ada", "admin");
    let (console, address) = signing_in::console(home);
    let mut ada = Browser::new(address);
    // In the log of operators, and so to be read on by the next page.
    assert_eq!(ada.sign_in("ada", PASSWORD).0, 303);
    let place = index::Place::File(home.join("index.sqlite"));
    let mut other = index::Index::open(&place).unwrap();
    other.query("BEGIN IMMEDIATE", &[]).unwrap();
    let is_made = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let page = scope.spawn(|| {
            let answer = ada.get("/boundaries");
            is_made.store(true, Ordering::SeqCst);
            answer
        });
        while !console.output().contains("the index was not read on") {
            let mut door = Browser::new(address);
            assert_eq!(door.get("/sign-in").0, 200);
            assert_eq!(door.sign_in("ada", PASSWORD).0, 303);
            assert!(
                !is_made.load(Ordering::SeqCst) || console.output().contains("the index was not read on")
            );
        }
        let (status, page) = page.join().unwrap();
        assert_eq!(status, 200, "{page}");
    });
    other.query("ROLLBACK", &[]).unwrap();
    let told = console.stop();
    assert!(told.contains("database is locked"), "and why: {told}");
}
