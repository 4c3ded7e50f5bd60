//! A version is put in force where the text of the one before it is damaged: here, in the console, by a program; and in an emergency.

use std::{fs, path::Path};

use policy::Policies;
use serde_json::Value;

use crate::{
    control_api::token,
    emergency_scene::{Home, activate, answers, behind, heard, org, put, start, text_of, without},
    program::{eosin, http, said},
    signing_in::{Browser, PASSWORD, add, console, home},
};

/// The exit code of an activation, and what it says on both streams, on one line.
fn told(at: &Path, words: &[&str]) -> (i32, String) {
    let output = eosin(at, &[words, &["--reason", "CASE-9"]].concat());
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.code().unwrap(), said.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Damages the text of a version, and gives back what it was.
fn damaged(at: &Path, name: &str) -> String {
    let file = text_of(at, name);
    let kept = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{kept} ")).unwrap();
    kept
}

/// Gateways go on under what they have, and take up what comes; that nothing could be compared is said.
#[test]
fn a_version_is_put_in_force_where_the_text_before_it_is_damaged() {
    let home = Home::of(org());
    let at = home.at();
    put(at, &without(at, "probe"));
    let gateway = start(at);
    answers(&gateway, "probe", 403);
    put(at, &without(at, "portal"));
    answers(&gateway, "portal", 403);
    damaged(at, "no-portal@");
    let next = without(at, "other");
    let (code, says) = told(at, &["policy", "activate", &next]);
    assert_eq!(code, 0, "{says}");
    assert!(says.contains("could not be compared with what is in force: the text of no-portal@"), "{says}");
    assert!(says.contains("eosin_policies_behind_seconds") && !says.contains("at once"), "{says}");
    answers(&gateway, "other", 403);
    answers(&gateway, "portal", 201);
    // Nor does going back need the text that is left behind.
    damaged(at, "no-other@");
    let versions = said(at, &["policy", "history", "--json"], 0);
    let oldest: Value = serde_json::from_str(versions.lines().last().unwrap()).unwrap();
    let (code, says) = told(at, &["policy", "rollback", oldest["version"].as_str().unwrap()]);
    assert_eq!(code, 0, "{says}");
    answers(&gateway, "probe", 403);
    // The very text that is in force is put back by activating it.
    let kept = damaged(at, "no-probe@");
    let (code, says) = told(at, &["policy", "activate", "no-probe.cedar"]);
    assert!(code == 0 && !says.contains("compared"), "{says}");
    assert_eq!(fs::read_to_string(text_of(at, "no-probe@")).unwrap(), kept);
    behind(&gateway, |seconds| seconds < 2);
    gateway.stop();
}

/// During an emergency care has to go on whatever the damaged text permits, or it has to be that very text.
#[test]
fn in_an_emergency_what_cannot_be_compared_is_refused_in_words_and_the_same_text_is_not() {
    let home = Home::prepared();
    let at = home.at();
    put(at, &without(at, "portal"));
    let gateway = start(at);
    activate(at, "client=nobody");
    heard(&gateway, "an emergency version is in force");
    damaged(at, "no-portal@");
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    let (code, says) = told(at, &["policy", "activate", "default.cedar"]);
    assert!(
        code == 2 && says.contains("could not be compared with what is in force: the text of no-portal@"),
        "{says}"
    );
    assert!(
        says.contains("that very text again") && says.contains("stand the emergency version down"),
        "{says}"
    );
    // It refuses nothing of attested people, so that it need not be compared.
    let open = "@id(\"all\") @reason(\"CASE-9\") permit (principal, action, resource);\n\
                @id(\"none\") @reason(\"CASE-9\") forbid (principal, action, resource) when { context.synthetic > 0 };\n\
                @id(\"few\") @reason(\"CASE-9\") forbid (principal, action, resource) when { context.unproven > 0 };\n";
    fs::write(at.join("open.cedar"), open).unwrap();
    let (code, says) = told(at, &["policy", "activate", "open.cedar"]);
    assert_eq!(code, 0, "{says}");
    answers(&gateway, "any", 403);
    damaged(at, "open@");
    let (code, says) = told(at, &["policy", "activate", "open.cedar"]);
    assert_eq!(code, 0, "{says}");
    // Where the emergency's own text is damaged, nobody can tell whether it stops what these permit.
    damaged(at, "stop@");
    fs::write(at.join("more.cedar"), format!("{open}// The same in another version.\n")).unwrap();
    let (code, says) = told(at, &["policy", "activate", "more.cedar"]);
    assert!(code == 2 && says.contains("nobody can tell"), "{says}");
    gateway.stop();
}

/// In the console and for programs: what is wrong is said, where it lies is not, and what is good can be put in force.
#[test]
fn the_console_and_programs_put_a_version_in_force_beside_a_damaged_text() {
    let folder = home();
    let at = folder.path();
    fs::write(at.join("ours.cedar"), Policies::default_text()).unwrap();
    put(at, "ours.cedar");
    let next = without(at, "portal");
    add(at, "ada", "admin");
    let (server, address) = console(at);
    let token = token(at, "dot", "compliance", &["see-policies", "change-policies"]);
    damaged(at, "ours@");
    let bearer = format!("Bearer {token}");
    let (status, answer) =
        http(address, "GET", "/api/v1/policies/in-force", &[("authorization", &bearer)], b"");
    assert!(status == 200 && answer.contains("\"fault\":\"the text of ours@"), "{answer}");
    assert!(!answer.contains("policies/versions"), "{answer}");
    fs::write(at.join("dot.token"), &token).unwrap();
    let url = format!("http://{address}");
    let there = ["--server", &url, "--server-token-file", "dot.token", "policy", "activate", &next];
    let (code, says) = told(at, &there);
    assert!(
        code == 0 && says.contains("could not be compared with what is in force: the text of ours@"),
        "{says}"
    );

    damaged(at, "no-portal@");
    let mut browser = Browser::new(address);
    browser.sign_in("ada", PASSWORD);
    browser.get("/policies/candidate");
    let text = fs::read_to_string(at.join("ours.cedar")).unwrap();
    let form = |members: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish()
    };
    let candidate = form(&[("name", "ours"), ("text", &text), ("since", "1d")]);
    for page in ["/policies/candidate", "/policies/question"] {
        let (status, page) = browser.post(page, &candidate);
        assert!(status == 200 && page.contains("could not be compared with what is in force"), "{page}");
        assert!(page.contains("the text of no-portal@") && !page.contains("policies/versions"), "{page}");
    }
    let history = said(at, &["policy", "history", "--json"], 0);
    let history: Vec<Value> = history.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let version = |at: usize| history[at]["version"].as_str().unwrap();
    let (status, page) = browser.post(
        "/policies/activate",
        &form(&[
            ("name", "ours"),
            ("text", &text),
            ("version", version(1)),
            ("expect", version(0)),
            ("reason", "CASE-9"),
        ]),
    );
    assert_eq!(status, 303, "{page}");
    damaged(at, "ours@");
    let (status, page) = browser.get(&format!("/policies/rollback?{}", form(&[("version", version(1))])));
    assert_ne!(status, 500, "{page}");
    server.stop();
}
