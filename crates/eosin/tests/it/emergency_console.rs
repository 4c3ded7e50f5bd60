//! The switch in the console: two people sign elsewhere, and hand it in; whatever is not theirs, not whole, not of now or
//! overtaken is refused in words, and changes nothing.

use std::{
    fs, io::Write as _, net::SocketAddr, path::Path, process::Command, sync::mpsc, thread, time::Duration,
};

use policy::Policies;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    control_api::token,
    emergency_scene::{activate, prepare, set_up},
    program::{Server, eosin, http, said},
    signing_in::{Browser, PASSWORD, add, console, events},
};

/// A configuration with a prepared version, its signers ada and bel, and operators to whom the same keys belong.
fn scene(at: &Path) -> (Upstream, Server, SocketAddr) {
    let upstream = Upstream::start(|_| Reply::json(201, "{}"));
    set_up(at, &upstream);
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    let text = text.replace("key = \"bel.vkey\"", "key = \"bel.vkey\"\noperator = \"bel@example.org\"");
    fs::write(at.join("eosin.toml"), text).unwrap();
    fs::write(at.join("p.txt"), format!("{PASSWORD}\n")).unwrap();
    for (name, role) in
        [("ada", "compliance"), ("bel@example.org", "admin"), ("cyd", "admin"), ("dan", "auditor")]
    {
        add(at, name, role);
    }
    said(at, &["emergency", "key", "dot"], 0);
    prepare(at);
    let (server, address) = console(at);
    (upstream, server, address)
}

fn signed_in(address: SocketAddr, name: &str) -> Browser {
    let mut browser = Browser::new(address);
    let (status, answer) = browser.sign_in(name, PASSWORD);
    assert_eq!(status, 303, "{answer}");
    browser
}

fn form(members: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish()
}

/// What a hidden field of a page holds.
fn hidden(page: &str, name: &str) -> String {
    let (_, after) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    after.split('"').next().unwrap().to_owned()
}

/// Signs a text on somebody's own machine: a folder without a configuration.
fn sign(at: &Path, text: &str, key: &str) -> String {
    let machine = tempfile::tempdir().unwrap();
    fs::copy(at.join(format!("{key}.skey")), machine.path().join("own.skey")).unwrap();
    fs::write(machine.path().join("text.txt"), text).unwrap();
    said(machine.path(), &["emergency", "sign", "text.txt", "--key", "own.skey"], 0)
}

fn wish(browser: &mut Browser, length: &str) -> (u16, String) {
    let (_, page) = browser.get("/emergency");
    let (_, after) = page.split_once("/emergency/ask?version=").expect("it can be asked for");
    let version = after.split('"').next().unwrap().replace("%40", "@");
    browser.get(&format!("/emergency/ask?version={version}"));
    browser.post(
        "/emergency/ask",
        &form(&[
            ("version", &version),
            ("boundary", "crm"),
            ("objects", "Contact, Account"),
            ("length", length),
            ("reason", "CASE-7"),
        ]),
    )
}

/// The form of a page, with a note for its paper.
fn filled(page: &str, note: &str) -> String {
    let (act, seen, text) = (hidden(page, "act"), hidden(page, "seen"), hidden(page, "text"));
    // As a browser does: two characters end a line.
    let lines = |text: &str| text.replace('\n', "\r\n");
    form(&[("act", &act), ("seen", &seen), ("text", &lines(&text)), ("note", &lines(note))])
}

/// Hands in a note for the paper on a page.
fn hand_in(browser: &mut Browser, step: &str, page: &str, note: &str) -> (u16, String) {
    browser.post(&format!("/emergency/{step}"), &filled(page, note))
}

/// Where an answer sends a browser.
fn location(answer: &str) -> String {
    let (_, after) = answer.split_once("location: ").unwrap_or_else(|| panic!("{answer}"));
    after.lines().next().unwrap().to_owned()
}

/// The entries that put something in force, in their order.
fn activations(at: &Path) -> Vec<String> {
    let status: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    let all = status["inForce"].as_array().unwrap().iter();
    all.map(|one| one["activation"].as_str().unwrap().to_owned()).collect()
}

/// The page to sign on of whoever ends this.
fn ending(browser: &mut Browser, activation: &str) -> (u16, String) {
    browser.get(&format!("/emergency/stand-down?{}", form(&[("activation", activation)])));
    browser.post("/emergency/stand-down", &form(&[("activation", activation), ("reason", "CASE-7-closed")]))
}

#[test]
fn two_operators_put_it_in_force_with_their_own_keys_and_one_stands_it_down() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    let mut ada = signed_in(address, "ada");
    let (status, page) = wish(&mut ada, "2h");
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("scope boundary=crm,object=Account,object=Contact"), "{page}");
    assert!(
        page.contains("eosin emergency sign --key ada.skey &#60;&#60;") && page.contains("unproven"),
        "{page}"
    );
    let note = sign(at, &hidden(&page, "text"), "ada");
    let (status, asked) = hand_in(&mut ada, "check", &page, &format!("\n{note}\n"));
    assert!(status == 200 && asked.contains("Your signature is good"), "{asked}");
    said(at, &["emergency", "approve", "stop", "--key", "bel.skey", "--dry-run"], 2);
    let (status, answer) = hand_in(&mut ada, "place", &asked, &note);
    assert!(status == 303 && answer.contains("done=ask"), "{answer}");
    let told_ask = location(&answer);
    let (status, answer) = hand_in(&mut ada, "place", &asked, &note);
    assert!(status == 409 && answer.contains("The same request waits already"), "{answer}");
    let (_, page) = ada.get(&told_ask);
    assert!(page.contains("another person approves it") && !page.contains("/emergency/approve"), "{page}");

    let mut bel = signed_in(address, "bel@example.org");
    let (_, page) = bel.get("/emergency");
    let (_, after) = page.split_once("/emergency/approve?asked=").expect("it can be approved");
    let target = format!("/emergency/approve?asked={}", after.split('"').next().unwrap());
    let (status, answer) = ada.get(&target);
    assert!(status == 303 && answer.contains("done=same-person"), "{answer}");
    let (_, page) = bel.get(&target);
    let note = sign(at, &hidden(&page, "text"), "bel");
    let (_, asked) = hand_in(&mut bel, "check", &page, &note);
    assert!(
        asked.contains("It is in force then") && asked.contains("eosin_policies_behind_seconds"),
        "{asked}"
    );
    said(at, &["emergency", "status"], 0);
    let (status, answer) = hand_in(&mut bel, "place", &asked, &note);
    assert!(status == 303 && answer.contains("done=approve"), "{answer}");
    let told = said(at, &["emergency", "status"], 1);
    assert!(told.contains("asked for by ada, approved by bel"), "{told}");
    let (status, answer) = hand_in(&mut bel, "place", &asked, &note);
    assert!(status == 409 && answer.contains("does not wait any more"), "{answer}");

    let activation = told.rsplit_once('(').unwrap().1.split(')').next().unwrap().to_owned();
    let (_, page) = ada.get(&format!("/emergency/stand-down?{}", form(&[("activation", &activation)])));
    assert!(page.contains("One person is enough"), "{page}");
    let (_, page) =
        ada.post("/emergency/stand-down", &form(&[("activation", &activation), ("reason", "CASE-7-closed")]));
    let note = sign(at, &hidden(&page, "text"), "ada");
    let (_, asked) = hand_in(&mut ada, "check", &page, &note);
    assert!(asked.contains("Yes, stand it down"), "{asked}");
    let (status, _) = hand_in(&mut ada, "place", &asked, &note);
    assert_eq!(status, 303);
    said(at, &["emergency", "status"], 0);
    let (status, answer) = hand_in(&mut ada, "place", &asked, &note);
    assert!(status == 409 && answer.contains("somebody stood it down"), "{answer}");
    let acts: Vec<String> = events(at).into_iter().filter(|event| event.starts_with("emergency")).collect();
    // The request that waited already was tried twice, and both are written down.
    assert_eq!(acts, ["emergency-ask", "emergency-ask", "emergency-approve", "emergency-stand-down"]);
    server.stop();
}

#[test]
fn what_is_not_theirs_not_whole_or_not_of_now_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    let mut ada = signed_in(address, "ada");
    for (length, says) in
        [("4d", "at most 72 h"), ("soon", "no length of time"), ("30s", "at least a minute")]
    {
        let (status, page) = wish(&mut ada, length);
        assert!(status == 422 && page.contains(says), "{length}: {page}");
        assert!(
            page.contains("value=\"Contact, Account\"") && page.contains("value=\"crm\" checked"),
            "{page}"
        );
    }
    let (_, page) = wish(&mut ada, "2h");
    let text = hidden(&page, "text");
    let good = sign(at, &text, "ada");
    let other = sign(at, &text.replace("CASE-7", "CASE-8"), "ada");
    let both = format!("{}{}", good, sign(at, &text, "bel").lines().last().unwrap());
    for (note, says) in [
        ("good".to_owned(), "no signed text"),
        (good.lines().take(10).collect::<Vec<_>>().join("\n"), "no signed text"),
        (good.replace("until 2", "until 3"), "another text was signed"),
        (other, "another text was signed"),
        (sign(at, &text, "bel"), "signed with the key of bel, and you are ada"),
        (both, "signed with the key of bel, and you are ada"),
        (sign(at, &text, "dot"), "no signer&#39;s key has signed it"),
        (sign(at, &text, "bel").replace("— bel ", "— ada "), "no signer&#39;s key has signed it"),
    ] {
        let (status, answer) = hand_in(&mut ada, "check", &page, &note);
        let answer = answer.replace("Another text", "another text");
        assert!(status == 422 && answer.contains(says), "{says}: {note}: {answer}");
        assert_eq!(hand_in(&mut ada, "place", &page, &note).0, 422, "{says}");
    }
    // A signature with one letter changed claims ada's key, and is not by it.
    let at_end = good.trim_end().len() - 4;
    let letter = if good.as_bytes()[at_end] == b'A' { "B" } else { "A" };
    let forged = format!("{}{letter}{}", &good[..at_end], &good[at_end + 1..]);
    let (status, answer) = hand_in(&mut ada, "check", &page, &forged);
    assert!(status == 422 && answer.contains("is not by its key"), "{answer}");

    // An old text, signed well.
    let asked = text.lines().find_map(|line| line.strip_prefix("asked ")).unwrap();
    let before: jiff::Timestamp = asked.parse().unwrap();
    let before = before.checked_sub(jiff::SignedDuration::from_mins(20)).unwrap();
    let old = page.replace(&format!("asked {asked}"), &format!("asked {before}"));
    let note = sign(at, &hidden(&old, "text"), "ada");
    let (status, answer) = hand_in(&mut ada, "place", &old, &note);
    assert!(status == 409 && answer.contains("sign it anew"), "{answer}");

    // Somebody activates another version of the policies after it was looked at.
    let default = Policies::default_text();
    fs::write(at.join("default.cedar"), format!("{default}\n// another\n")).unwrap();
    said(at, &["policy", "activate", "default.cedar", "--reason", "CASE-9"], 0);
    let (status, answer) = hand_in(&mut ada, "place", &page, &good);
    assert!(status == 409 && answer.contains("activated meanwhile") && answer.contains("— ada"), "{answer}");
    let (status, _) = hand_in(&mut ada, "check", &answer, &good);
    assert_eq!(status, 200, "what was signed is still good");
    assert_eq!(said(at, &["emergency", "status"], 0).matches("waiting").count(), 0);
    assert!(!events(at).iter().any(|event| event.starts_with("emergency")), "nothing was placed");
    server.stop();
}

#[test]
fn only_signers_who_may_are_at_the_switch_and_nothing_else_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    let mut dan = signed_in(address, "dan");
    let (status, page) = dan.get("/emergency");
    assert!(status == 200 && !page.contains("/emergency/ask"), "{page}");
    for target in ["/emergency/ask?version=stop", "/emergency/approve?asked=x%231", "/emergency/stand-down"] {
        assert!(dan.get(target).1.contains("cannot `switch-emergency`"), "{target}");
    }
    assert!(dan.post("/emergency/place", "act=ask").1.contains("cannot `switch-emergency`"));
    // An admin who is no signer looks, and is told who signs.
    let mut cyd = signed_in(address, "cyd");
    let (_, page) = cyd.get("/emergency");
    assert!(page.contains("You look, and cannot sign") && page.contains("ada, bel"), "{page}");
    let (status, answer) = cyd.get("/emergency/ask?version=stop");
    assert!(status == 303 && answer.contains("done=no-signer"), "{answer}");
    // A whole and signed form, without the word of the session.
    let mut ada = signed_in(address, "ada");
    let (_, page) = wish(&mut ada, "2h");
    let whole = filled(&page, &sign(at, &hidden(&page, "text"), "ada"));
    let size = || said(at, &["ledger", "show", "policies/log", "--json", "--last", "200"], 0).lines().count();
    let before = size();
    let (status, answer) = ada.post_saying("other", "/emergency/place", &whole);
    assert!(status == 403 && answer.contains("not of your session"), "{answer}");
    assert_eq!(size(), before, "nothing is in the log of versions");
    assert!(!events(at).iter().any(|event| event.starts_with("emergency")));
    let (status, answer) = ada.post("/emergency/place", &whole);
    assert!(status == 303 && size() == before + 1, "it was the word alone: {answer}");
    // Who is taken out of the file is no signer any more.
    let mut bel = signed_in(address, "bel@example.org");
    assert!(!bel.get("/emergency/ask?version=stop").1.contains("done=no-signer"));
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(at.join("eosin.toml"), text.rsplit_once("[[emergency.signer]]").unwrap().0).unwrap();
    assert!(bel.get("/emergency/ask?version=stop").1.contains("done=no-signer"));
    fs::write(at.join("letter.txt"), "I owe you a lot\n").unwrap();
    let output = eosin(at, &["emergency", "sign", "letter.txt", "--key", "ada.skey"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).contains("it is not signed"));
    server.stop();
}

/// Which entries put something in force is known from the log alone: a link says nothing against it.
#[test]
fn what_was_done_is_said_where_the_log_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    activate(at, "all");
    let mut ada = signed_in(address, "ada");
    let [activation] = &activations(at)[..] else { panic!("one is in force") };
    let entry = form(&[("entry", activation)]);
    let says =
        ["stood down:", "not in force", "It is in force, and ends", "another person", "none of the signers"];
    for word in ["stand-down", "gone", "approve", "ask", "same-person", "no-signer"] {
        for more in ["", "&entry=x%232", &format!("&{entry}")] {
            let (status, page) = ada.get(&format!("/emergency?done={word}{more}"));
            let is_so = word == "approve" && more.ends_with(&entry);
            assert!(
                status == 200 && says.iter().any(|say| page.contains(say)) == is_so,
                "{word}{more}: {page}"
            );
        }
    }
    let in_force = format!("/emergency?done=approve&{entry}");
    assert!(ada.get(&in_force).1.contains("It is in force, and ends by itself"));

    let (_, page) = ending(&mut ada, activation);
    let note = sign(at, &hidden(&page, "text"), "ada");
    let (status, answer) = hand_in(&mut ada, "place", &page, &note);
    assert_eq!(status, 303, "{answer}");
    let (_, page) = ada.get(&location(&answer));
    assert!(page.contains("It was stood down: what was normal before holds again"), "{page}");
    assert!(!ada.get(&in_force).1.contains("It is in force, and ends by itself"));
    activate(at, "all");
    let (_, page) = ada.get(&location(&answer));
    assert!(page.contains("It was stood down: what else is in force goes on"), "{page}");
    server.stop();
}

/// An emergency that hurts does not wait until everything else is mended.
#[test]
fn what_is_broken_elsewhere_keeps_nobody_from_ending_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    activate(at, "all");
    let other = fs::read_to_string(at.join("stop.toml")).unwrap().replace("stop/", "other/");
    fs::write(at.join("other.toml"), other).unwrap();
    fs::copy(at.join("stop.cedar"), at.join("other.cedar")).unwrap();
    said(at, &["emergency", "prepare", "other.cedar", "--cases", "other.toml", "--reason", "DRILL-2"], 0);
    let asked = ["emergency", "activate", "other", "--key", "ada.skey", "--for", "2h", "--reason", "CASE-8"];
    said(at, &[&asked[..], &["--scope", "all"]].concat(), 0);
    said(at, &["emergency", "approve", "other", "--key", "bel.skey"], 0);
    let texts = fs::read_dir(at.join("policies/versions")).unwrap().map(|file| file.unwrap().path());
    let damaged = texts.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("other"));
    assert_eq!(damaged.map(|path| fs::write(path, "damaged").unwrap()).count(), 1);

    let mut ada = signed_in(address, "ada");
    // The first with the text of the other damaged, then the one whose own text is.
    for activation in activations(at) {
        let (status, page) = ending(&mut ada, &activation);
        assert!(status == 200 && page.contains("It cannot be told."), "{page}");
        assert!(page.contains("the text of other@") && !page.contains("no answer differs"), "{page}");
        let note = sign(at, &hidden(&page, "text"), "ada");
        let (status, asked) = hand_in(&mut ada, "check", &page, &note);
        assert!(status == 200 && asked.contains("Yes, stand it down"), "{asked}");
        let (status, answer) = hand_in(&mut ada, "place", &asked, &note);
        assert!(status == 303 && answer.contains("done=stand-down"), "{answer}");
    }
    said(at, &["emergency", "status"], 0);
    server.stop();
}

/// Whoever asks from elsewhere learns whose text is hurt; where it lies and what the system says is told on its machine.
#[test]
fn of_a_text_that_is_hurt_others_learn_which_one_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    let default = Policies::default_text();
    fs::write(at.join("plain.cedar"), format!("{default}\n// CASE-8")).unwrap();
    said(at, &["policy", "activate", "plain.cedar", "--reason", "CASE-8"], 0);
    activate(at, "all");
    fs::write(at.join("ada.token"), token(at, "ada", "compliance", &["see-policies", "change-policies"]))
        .unwrap();
    let url = format!("http://{address}");
    let there = ["--server", url.as_str(), "--server-token-file", "ada.token"];
    let fault = |server: &[&str]| {
        let told = said(at, &[server, &["emergency", "status", "--json"]].concat(), 1);
        let told: Value = serde_json::from_str(&told).unwrap();
        assert!(told["normal"].as_str().unwrap().starts_with("plain@"), "{told}");
        told["fault"].as_str().unwrap().to_owned()
    };
    let texts = at.join("policies/versions");
    let text_of = |name: &str| {
        let mut files = fs::read_dir(&texts).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(name)).unwrap()
    };
    let mut ada = signed_in(address, "ada");
    let activation = activations(at).remove(0);
    let is_bare = |said: &str| !said.contains("policies/versions") && !said.contains("os error");
    let path = text_of("plain@");
    for hurt in [|path: &Path| fs::write(path, "damaged"), |path: &Path| fs::remove_file(path)] {
        hurt(&path).unwrap();
        let here = fault(&[]);
        assert!(here.contains("policies/versions/plain@"), "{here}");
        let told = fault(&there);
        assert!(is_bare(&told) && told.contains("the text of plain@"), "{told}");
        let (_, page) = ending(&mut ada, &activation);
        assert!(is_bare(&page) && page.contains("the text of plain@"), "{page}");
    }
    // The version that ends is hurt itself.
    fs::remove_file(text_of("stop@")).unwrap();
    let (_, page) = ending(&mut ada, &activation);
    assert!(is_bare(&page) && page.contains("the text of stop@"), "{page}");
    let said = server.stop();
    assert!(
        said.contains("policies/versions/plain@") && said.contains("os error"),
        "the log says why: {said}"
    );
}

#[test]
fn a_log_that_cannot_be_read_does_not_say_that_it_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    activate(at, "all");
    let mut ada = signed_in(address, "ada");
    let page = format!("/emergency/stand-down?{}", form(&[("activation", &activations(at)[0])]));
    let checkpoint = at.join("policies/log/checkpoint");
    let kept = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, "damaged").unwrap();
    let (status, answer) = ada.get(&page);
    assert_eq!(status, 503, "{answer}");
    fs::write(&checkpoint, kept).unwrap();
    assert_eq!(ada.get(&page).0, 200);
    let (status, answer) = ada.get("/emergency/stand-down?activation=x%231");
    assert!(status == 409 && answer.contains("This is not in force"), "{answer}");
    server.stop();
}

/// One version, twice in force: it is told of the activation that ends, and of what another one adds.
#[test]
fn before_and_after_is_told_of_each_activation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (_upstream, server, address) = scene(at);
    activate(at, "client=portal");
    activate(at, "all");
    let mut ada = signed_in(address, "ada");
    let [narrow, wide] = &activations(at)[..] else { panic!("two are in force") };
    let (_, page) = ending(&mut ada, narrow);
    assert!(page.contains("no answer differs"), "the wide one goes on: {page}");
    let (_, page) = ending(&mut ada, wide);
    assert!(page.contains("answers differ"), "the narrow one leaves others out: {page}");
    let (_, page) = wish(&mut ada, "2h");
    assert!(page.contains("no answer differs"), "it is in force for all already: {page}");
    server.stop();
}

/// The key of the log is a pipe: whoever looks waits for it, in the middle of reading, for as long as the test likes.
#[test]
fn whoever_waits_for_the_log_of_versions_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (_upstream, server, address) = scene(folder.path());
    let key = folder.path().join("keys/policy.vkey");
    let text = fs::read(&key).unwrap();
    for page in ["/emergency", "/policies"] {
        let mut browser = signed_in(address, "ada");
        fs::remove_file(&key).unwrap();
        assert!(Command::new("mkfifo").arg(&key).status().unwrap().success());
        let looking = thread::spawn(move || browser.get(page));
        // Opens once the console has begun to read.
        let mut pipe = fs::OpenOptions::new().write(true).open(&key).unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(http(address, "GET", "/sign-in", &[], b"").0));
        let other = told.recv_timeout(Duration::from_secs(30));
        fs::remove_file(&key).unwrap();
        fs::write(&key, &text).unwrap();
        pipe.write_all(&text).unwrap();
        drop(pipe);
        let (status, shown) = looking.join().unwrap();
        assert!(status == 200 && !shown.contains("cannot be read"), "{page}: {shown}");
        assert_eq!(other, Ok(200), "{page}");
    }
    drop(server.stop());
}
