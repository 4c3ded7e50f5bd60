//! Gateways and the log of policy versions when something is in the way: one that drains, a text that is not there yet, an older copy
//! that was put back.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
};

use policy::Policies;

use crate::emergency_scene::{
    CREATE, Home, ROW, activate, behind_seconds, copy, heard, org, prepare, put, put_back, start,
    start_apart, until,
};

#[test]
fn a_gateway_that_drains_obeys_an_emergency_of_that_moment() {
    let home = Home::prepared();
    let at = home.at();
    let gateway = start(at);
    until(&gateway, 201);
    let came = home.upstream.received().len();
    let mut upload = TcpStream::connect(gateway.address("listening crm")).unwrap();
    let head = format!("POST {CREATE} HTTP/1.1\r\nHost: crm.example\r\nContent-Type: application/json\r\n");
    let length = ROW.len();
    write!(upload, "{head}Expect: 100-continue\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
        .unwrap();
    let mut told = [0; 12];
    upload.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100");
    upload.write_all(&ROW[..5]).unwrap();

    gateway.terminate();
    heard(&gateway, "finishing what is under way");
    activate(at, "boundary=crm,object=Contact");
    heard(&gateway, "an emergency version is in force");
    upload.write_all(&ROW[5..]).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 403 ") && answer.contains("stop/no-unproven"), "{answer}");
    assert_eq!(home.upstream.received().len(), came, "nothing of it arrived");
    gateway.stop();
}

#[test]
fn an_emergency_is_obeyed_where_the_text_of_another_version_is_not_there() {
    let home = Home::of(org());
    let at = home.at();
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    prepare(at);
    let gateway = start_apart(at);
    until(&gateway, 201);
    put(at, "default.cedar");
    heard(&gateway, "the policies in force stay as they are");
    activate(at, "object=Contact");
    until(&gateway, 403);
    // What came late is taken up.
    copy(&at.join("policies/versions"), &at.join("away/versions"));
    heard(&gateway, "policies taken up");
    gateway.stop();
}

#[test]
fn what_comes_after_an_older_copy_that_was_put_back_is_obeyed() {
    let home = Home::of(org());
    let at = home.at();
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    prepare(at);
    let gateway = start(at);
    until(&gateway, 201);
    copy(&at.join("policies"), &at.join("older"));
    put(at, "stop.cedar");
    until(&gateway, 403);
    put_back(at, "older");
    heard(&gateway, "an older copy was put back");
    until(&gateway, 403);
    // As many entries as before, and another one at the place of the last.
    put(at, "default.cedar");
    until(&gateway, 201);
    heard(&gateway, "another history");
    // Fewer than before, and others.
    for file in ["stop.cedar", "default.cedar", "stop.cedar", "default.cedar", "default.cedar"] {
        put(at, file);
    }
    until(&gateway, 201);
    put_back(at, "older");
    activate(at, "object=Contact");
    until(&gateway, 403);
    gateway.stop();
}

#[test]
fn a_folder_that_does_not_answer_is_said_and_keeps_nobody_from_stopping() {
    let home = Home::prepared();
    let at = home.at();
    let gateway = start(at);
    until(&gateway, 201);
    assert!(behind_seconds(&gateway) <= 2);
    // What a folder of a machine that is away is like: whoever opens the file waits.
    let checkpoint = at.join("policies/log/checkpoint");
    assert!(Command::new("mkfifo").arg(at.join("fifo")).status().unwrap().success());
    fs::rename(at.join("fifo"), checkpoint).unwrap();
    heard(&gateway, "a disk or folder has not answered for 5 seconds");
    assert!(behind_seconds(&gateway) >= 4);
    until(&gateway, 201);
    gateway.stop();
}
