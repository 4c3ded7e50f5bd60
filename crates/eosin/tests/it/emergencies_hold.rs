//! Emergency versions where something else is broken: a folder that was put back, a text that is gone.

use std::fs;

use policy::Policies;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    emergency_scene::{
        Home, activate, answers, behind, copy, heard, prepare, put, put_back, start, start_apart, text_of,
        without,
    },
    program::{eosin, said},
};

const ASK: [&str; 11] = [
    "emergency",
    "activate",
    "stop",
    "--key",
    "ada.skey",
    "--scope",
    "all",
    "--for",
    "2h",
    "--reason",
    "CASE-7",
];
const END: [&str; 7] = ["emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-7-closed"];

/// Whoever puts the folder back to before an emergency does not end it, and another one at the same place holds as well.
#[test]
fn an_emergency_that_the_folder_has_lost_goes_on_and_is_said() {
    let home = Home::prepared();
    let at = home.at();
    put(at, &without(at, "probe"));
    let gateway = start(at);
    answers(&gateway, "portal", 201);
    copy(&at.join("policies"), &at.join("older"));
    activate(at, "client=portal");
    answers(&gateway, "portal", 403);
    answers(&gateway, "other", 201);
    copy(&at.join("policies"), &at.join("newer"));
    put_back(at, "older");
    heard(&gateway, "what the log does not have any more");
    answers(&gateway, "portal", 403);
    activate(at, "client=other");
    answers(&gateway, "other", 403);
    answers(&gateway, "portal", 403);
    said(at, &END, 0);
    answers(&gateway, "other", 201);
    answers(&gateway, "portal", 403);
    // The log that knows it is back, and somebody ends it there.
    put_back(at, "newer");
    said(at, &END, 0);
    answers(&gateway, "portal", 201);
    behind(&gateway, |seconds| seconds < 2);
    gateway.stop();
}

/// What an older copy has in force is told to be, by whoever reads it: so it is.
#[test]
fn an_emergency_that_an_older_copy_has_in_force_is_in_force() {
    let home = Home::prepared();
    let at = home.at();
    let gateway = start(at);
    activate(at, "all");
    answers(&gateway, "portal", 403);
    copy(&at.join("policies"), &at.join("older"));
    said(at, &END, 0);
    answers(&gateway, "portal", 201);
    put_back(at, "older");
    said(at, &["emergency", "status"], 1);
    answers(&gateway, "portal", 403);
    said(at, &END, 0);
    answers(&gateway, "portal", 201);
    gateway.stop();
}

/// An emergency version whose text has not come yet is said, and keeps no other one from taking hold.
#[test]
fn an_emergency_that_cannot_be_read_keeps_no_other_from_taking_hold() {
    let home = Home::prepared();
    let at = home.at();
    put(at, &without(at, "probe"));
    let gateway = start_apart(at);
    answers(&gateway, "probe", 403);
    fs::copy(at.join("stop.cedar"), at.join("late.cedar")).unwrap();
    fs::write(
        at.join("late.toml"),
        fs::read_to_string(at.join("stop.toml")).unwrap().replace("stop/", "late/"),
    )
    .unwrap();
    said(at, &["emergency", "prepare", "late.cedar", "--cases", "late.toml", "--reason", "DRILL-2"], 0);
    let asked = ["emergency", "activate", "late", "--key", "ada.skey", "--for", "2h", "--reason", "CASE-8"];
    said(at, &[&asked[..], &["--scope", "client=nobody"]].concat(), 0);
    said(at, &["emergency", "approve", "late", "--key", "bel.skey"], 0);
    heard(&gateway, "stay as they are: the text of late@");
    activate(at, "all");
    answers(&gateway, "portal", 403);
    put(at, &without(at, "portal"));
    said(at, &END, 0);
    answers(&gateway, "portal", 201);
    for name in ["late@", "no-portal@"] {
        let text = text_of(at, name);
        fs::copy(&text, at.join("away/versions").join(text.file_name().unwrap())).unwrap();
    }
    answers(&gateway, "probe", 201);
    answers(&gateway, "portal", 403);
    behind(&gateway, |seconds| seconds < 2);
    gateway.stop();
}

/// The text of the version that was activated last is gone, or has not come yet: for a gateway, and for those who sign.
#[test]
fn a_text_that_is_gone_keeps_no_emergency_from_taking_hold() {
    let home = Home::prepared();
    let at = home.at();
    put(at, &without(at, "probe"));
    let gateway = start_apart(at);
    answers(&gateway, "probe", 403);

    put(at, &without(at, "portal"));
    heard(&gateway, "the text of no-portal@");
    behind(&gateway, |seconds| seconds > 1);
    // Nor can those read it who sign. Prepared against another version, it is proven to stop no care at all.
    let lost = text_of(at, "no-portal@");
    let kept = fs::read(&lost).unwrap();
    fs::write(&lost, "damaged").unwrap();
    let told = eosin(at, &ASK);
    let words = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
    assert_eq!(told.status.code(), Some(0), "{words}");
    assert!(words.contains("the text of no-portal@") && words.contains("cannot be told"), "{words}");
    said(at, &["emergency", "approve", "stop", "--key", "bel.skey"], 0);
    let told: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    assert_eq!(told["inForce"].as_array().unwrap().len(), 1, "{told}");
    answers(&gateway, "other", 403);
    // What was missing comes: the version is taken up, and the emergency is on top of it.
    fs::write(&lost, &kept).unwrap();
    fs::copy(&lost, at.join("away/versions").join(lost.file_name().unwrap())).unwrap();
    behind(&gateway, |seconds| seconds < 2);
    said(at, &END, 0);
    answers(&gateway, "portal", 403);
    answers(&gateway, "other", 201);
    gateway.stop();
}

/// Where care cannot be proven, because the version in force cannot be read, an emergency that could stop it is refused.
#[test]
fn what_could_stop_care_is_refused_where_the_version_in_force_cannot_be_read() {
    let home = Home::of(Upstream::start(|_| Reply::json(201, "{}")));
    let at = home.at();
    // Prepared against a version that refuses as much of attested people.
    let barred = "\n@id(\"no-probe\") @reason(\"CASE-8\") forbid (principal == Eosin::Client::\"probe\", action, resource);\n";
    fs::write(at.join("barred.cedar"), format!("{}{barred}", Policies::default_text())).unwrap();
    put(at, "barred.cedar");
    let stop = fs::read_to_string(at.join("stop.cedar")).unwrap();
    fs::write(at.join("stop.cedar"), format!("{stop}{barred}")).unwrap();
    prepare(at);
    let lost = text_of(at, "barred@");
    let kept = fs::read(&lost).unwrap();
    fs::remove_file(&lost).unwrap();
    // Proven then, of this very version.
    said(at, &ASK, 0);
    fs::write(&lost, kept).unwrap();
    put(at, &without(at, "portal"));
    fs::remove_file(text_of(at, "no-portal@")).unwrap();
    let told = eosin(at, &ASK);
    let words = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(1), "{words}");
    assert!(words.contains("it would stop care") && words.contains("put that text back"), "{words}");
}
