//! Gateways and the log of policy versions when something is in the way: one that drains, a text that is not there yet, an older copy
//! that was put back.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};

use policy::Policies;

use crate::{
    emergencies::{CREATE, activate, org, prepare, set_up, until},
    program::{Server, http, said},
};

/// Waits until a gateway has said this.
fn has_said(gateway: &Server, words: &str) {
    while !gateway.output().contains(words) {
        std::thread::yield_now();
    }
}

fn put_in_force(home: &Path, file: &str) {
    said(home, &["policy", "activate", file, "--reason", "CASE-8"], 0);
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_gateway_that_drains_obeys_an_emergency_of_that_moment() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = org();
    set_up(at, &upstream);
    prepare(at);
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    let came = upstream.received().len();
    let body = br#"{"LastName":"Ode"}"#;
    let mut upload = TcpStream::connect(gateway.address("listening crm")).unwrap();
    let head = format!("POST {CREATE} HTTP/1.1\r\nHost: crm.example\r\nContent-Type: application/json\r\n");
    let length = body.len();
    write!(upload, "{head}Expect: 100-continue\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
        .unwrap();
    let mut told = [0; 12];
    upload.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100");
    upload.write_all(&body[..5]).unwrap();

    gateway.terminate();
    has_said(&gateway, "finishing what is under way");
    activate(at, "boundary=crm,object=Contact");
    has_said(&gateway, "an emergency version is in force");
    upload.write_all(&body[5..]).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 403 ") && answer.contains("stop/no-unproven"), "{answer}");
    assert_eq!(upstream.received().len(), came, "nothing of it arrived");
    gateway.stop();
}

#[test]
fn an_emergency_is_obeyed_where_the_text_of_another_version_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = org();
    set_up(at, &upstream);
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    prepare(at);
    // A folder that lags behind: the log is there, and the texts of until now.
    copied(&at.join("policies/versions"), &at.join("behind/versions"));
    symlink(at.join("policies/log"), at.join("behind/log")).unwrap();
    let config = fs::read_to_string(at.join("eosin.toml")).unwrap();
    assert!(config.contains("folder = \"policies\""), "{config}");
    let behind = config.replace("folder = \"policies\"", "folder = \"behind\"");
    fs::write(at.join("behind.toml"), behind).unwrap();
    let gateway = Server::start(at, &["run", "--config", "behind.toml"], "health and metrics");
    until(&gateway, 201);
    put_in_force(at, "default.cedar");
    has_said(&gateway, "the policies in force stay as they are");
    activate(at, "object=Contact");
    until(&gateway, 403);
    // What came late is taken up.
    copied(&at.join("policies/versions"), &at.join("behind/versions"));
    has_said(&gateway, "policies taken up");
    gateway.stop();
}

#[test]
fn what_comes_after_an_older_copy_that_was_put_back_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = org();
    set_up(at, &upstream);
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    prepare(at);
    let (policies, older) = (at.join("policies"), at.join("older"));
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    copied(&policies, &older);
    put_in_force(at, "stop.cedar");
    until(&gateway, 403);
    let put_back = || {
        fs::remove_dir_all(&policies).unwrap();
        copied(&older, &policies);
    };
    put_back();
    has_said(&gateway, "an older copy was put back");
    until(&gateway, 403);
    // As many entries as before, and another one at the place of the last.
    put_in_force(at, "default.cedar");
    until(&gateway, 201);
    has_said(&gateway, "another history");
    // Fewer than before, and others.
    for file in ["stop.cedar", "default.cedar", "stop.cedar", "default.cedar", "default.cedar"] {
        put_in_force(at, file);
    }
    until(&gateway, 201);
    put_back();
    activate(at, "object=Contact");
    until(&gateway, 403);
    gateway.stop();
}

#[test]
fn a_folder_that_does_not_answer_is_said_and_keeps_nobody_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let upstream = org();
    set_up(at, &upstream);
    prepare(at);
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    let behind = || {
        let (_, text) = http(gateway.address("health and metrics"), "GET", "/metrics", &[], b"");
        let value = text.lines().find_map(|line| line.strip_prefix("eosin_policies_behind_seconds "));
        value.unwrap_or_else(|| panic!("{text}")).parse::<u64>().unwrap()
    };
    assert!(behind() <= 2);
    // What a folder of a machine that is away is like: whoever opens the file waits.
    let checkpoint = at.join("policies/log/checkpoint");
    assert!(Command::new("mkfifo").arg(at.join("fifo")).status().unwrap().success());
    fs::rename(at.join("fifo"), checkpoint).unwrap();
    has_said(&gateway, "a disk or folder has not answered for 5 seconds");
    assert!(behind() >= 4);
    until(&gateway, 201);
    gateway.stop();
}
