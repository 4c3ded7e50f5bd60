//! Emergency versions with a gateway that runs: two people, a scope, an end; and what is refused.

use std::fs;

use policy::Policies;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::{
    emergency_scene::{CREATE, Home, STOP, activate, org, prepare, until},
    program::{Server, eosin, http, said},
    signing_in::{Browser, PASSWORD, add, console},
};

#[test]
fn two_people_put_it_in_force_and_one_stands_it_down() {
    let home = Home::prepared();
    let at = home.at();
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    said(at, &["emergency", "status"], 0);

    activate(at, "boundary=crm,object=Contact");
    let answer = until(&gateway, 403);
    assert!(answer.contains("stop/no-unproven"), "{answer}");
    let status: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    let one = &status["inForce"][0];
    assert_eq!((&one["by"], &one["approved"]), (&"ada".into(), &"bel".into()));
    said(at, &["emergency", "approve", "stop", "--key", "ada.skey"], 2);

    // A gateway that starts again obeys before its first request.
    gateway.stop();
    let gateway = Server::start(at, &["run"], "health and metrics");
    let headers = [("content-type", "application/json"), ("user-agent", "portal")];
    let address = gateway.address("listening");
    assert_eq!(http(address, "POST", CREATE, &headers, br#"{"LastName":"Ode"}"#).0, 403);

    said(at, &["index", "update"], 0);
    let told = said(at, &["emergency", "preview", "stop", "--json"], 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["consumers"][0]["client"], "portal");
    assert_eq!(
        (&told["consumers"][0]["recordsAfter"], &told["consumers"][0]["objects"]),
        (&0.into(), &"Contact".into())
    );

    said(at, &["emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-7-closed"], 0);
    until(&gateway, 201);
    said(at, &["emergency", "status"], 0);
    let sql = "SELECT event FROM emergencies WHERE origin LIKE '%/policy' ORDER BY entry";
    said(at, &["index", "update"], 0);
    let events = said(at, &["index", "query", sql, "--json"], 0);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = events.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["prepared", "asked", "activated", "stood-down"]);
}

/// While it is in force it is part of what is said to be: in releases, in replays, and where another one ends.
#[test]
fn what_is_said_to_be_in_force_has_the_emergency_versions() {
    let home = Home::of(org());
    let at = home.at();
    fs::write(at.join("stop.cedar"), STOP.replace("an emergency\")", "an emergency\") @quarantine(\"\")"))
        .unwrap();
    fs::write(at.join("default.cedar"), Policies::default_text()).unwrap();
    fs::write(at.join("p.txt"), format!("{PASSWORD}\n")).unwrap();
    add(at, "dot", "compliance");
    prepare(at);
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    activate(at, "object=Contact");
    let answer = until(&gateway, 403);
    gateway.stop();
    let (_, item) = answer.split_once("Kept in quarantine as item ").expect("the refusal names the item");
    let item = &item[..16];
    said(at, &["index", "update"], 0);
    // What it stopped it would have stopped under these policies too.
    let replay = |file: &str, code: i32| -> Value {
        let told = said(at, &["policy", "replay", file, "--since", "1d", "--json"], code);
        serde_json::from_str(&told).unwrap()
    };
    let told = replay("default.cedar", 0);
    assert_eq!((&told["changed"], &told["unknown"]), (&0.into(), &0.into()), "{told}");
    fs::write(at.join("none.cedar"), STOP.replace("an emergency", "for good")).unwrap();
    let told = replay("none.cedar", 1);
    let groups: Vec<&str> =
        told["groups"].as_array().unwrap().iter().map(|one| one["change"].as_str().unwrap()).collect();
    assert_eq!(groups, ["pass to block"], "{told}");

    let (server, address) = console(at);
    let mut browser = Browser::new(address);
    browser.sign_in("dot", PASSWORD);
    let question = format!("/quarantine/question?item={item}&act=release");
    let (_, page) = browser.get(&question);
    assert!(page.contains("refuses it now") && page.contains("stop/no-unproven"), "{page}");
    assert!(page.contains("name=\"overrule\"") && !page.contains("lets it pass now"), "{page}");

    activate(at, "boundary=crm");
    activate(at, "client=portal");
    let stand_down = |name: &str| {
        let words = ["emergency", "stand-down", name, "--key", "bel.skey", "--reason", "CASE-7-closed"];
        let output = eosin(at, &words);
        let told = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&told).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let status: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], 1)).unwrap();
    let places: Vec<&str> =
        status["inForce"].as_array().unwrap().iter().map(|one| one["activation"].as_str().unwrap()).collect();
    let told = stand_down("stop");
    assert!(told.contains(&format!("more than once: {}", places.join(", "))), "{told}");
    assert!(told.contains(&format!("as in `eosin emergency stand-down {} …`", places[2])), "{told}");
    let told = stand_down(places[0]);
    assert!(told.contains("holds; still in force: stop@") && told.contains(places[1]), "{told}");
    stand_down(places[1]);
    let told = stand_down(places[2]);
    assert!(told.contains("holds") && !told.contains("still in force"), "{told}");
    let (_, page) = browser.get(&question);
    assert!(page.contains("lets it pass now") && !page.contains("name=\"overrule\""), "{page}");
    server.stop();
}

/// The second person sees what each consumer receives before they sign.
#[test]
fn before_and_after_is_shown_before_it_is_approved() {
    let home = Home::of(org());
    let at = home.at();
    let gateway = Server::start(at, &["run"], "health and metrics");
    until(&gateway, 201);
    gateway.stop();
    said(at, &["index", "update"], 0);
    prepare(at);
    let asked =
        ["emergency", "activate", "stop", "--key", "ada.skey", "--scope", "object=Contact", "--for", "2h"];
    let shown = said(at, &[&asked[..], &["--reason", "CASE-7", "--dry-run"]].concat(), 1);
    assert!(shown.contains("- crm, portal, Contact: 1 of 1 transactions, 1 of 1 records"), "{shown}");
    assert!(shown.contains("+ crm, portal, Contact: 0 of 1 transactions, 0 of 1 records"), "{shown}");
    said(at, &["emergency", "approve", "stop", "--key", "bel.skey"], 2);
    let shown = said(at, &[&asked[..], &["--reason", "CASE-7"]].concat(), 0);
    assert!(shown.contains("+ crm, portal, Contact: 0 of 1"), "{shown}");
    let told = said(at, &["emergency", "approve", "stop", "--key", "bel.skey", "--dry-run", "--json"], 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    let answers = told["answers"].as_array().unwrap();
    let of = |record: &str| answers.iter().find(|answer| answer["record"] == record);
    let unproven = of("unproven").unwrap();
    assert_eq!((&unproven["before"], &unproven["after"]), (&"pass".into(), &"block".into()));
    assert_eq!((&unproven["by"][0], &unproven["boundary"]), (&"stop/no-unproven".into(), &"crm".into()));
    assert!(of("attested").is_none(), "{told}");
    said(at, &["emergency", "status"], 0);
    let shown = said(at, &["emergency", "approve", "stop", "--key", "bel.skey"], 0);
    assert!(shown.find("+ crm, portal, Contact").unwrap() < shown.find("in force:").unwrap(), "{shown}");
    let kinds = shown.lines().filter(|line| line.contains("+ unproven: block by stop/no-unproven")).count();
    assert_eq!(kinds, 1, "{shown}");
    // Outside of the scope nothing changes: what crossed is known by its object.
    let told = said(at, &["emergency", "preview", "stop", "--scope", "object=Account", "--json"], 0);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["consumers"][0]["recordsAfter"], 1);
}

/// During an emergency a version of the policies is activated only if attested care goes on.
#[test]
fn policies_that_stop_care_are_not_activated_in_an_emergency() {
    let home = Home::of(Upstream::start(|_| Reply::json(201, "{}")));
    let at = home.at();
    let default = Policies::default_text();
    let stops = "@id(\"no-bookings\") @reason(\"stop\") forbid (principal, action == Eosin::Action::\"create\", resource) \
                 when { context.attested > 0 };";
    let no_test = "@id(\"no-claims\") @reason(\"stop\") forbid (principal, action, resource) when { context.forged > 0 };";
    fs::write(at.join("stops.cedar"), format!("{default}\n{stops}")).unwrap();
    fs::write(at.join("harmless.cedar"), format!("{default}\n{no_test}")).unwrap();
    prepare(at);
    let activate_policy = |file: &str, code: i32| {
        let output = eosin(at, &["policy", "activate", file, "--reason", "CASE-8"]);
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // In calm times that is a question of its own.
    activate_policy("stops.cedar", 0);
    let told = activate_policy("harmless.cedar", 0);
    assert!(!told.contains("emergency"), "{told}");
    activate(at, "all");
    let told = activate_policy("stops.cedar", 2);
    assert!(told.contains("it would stop care") && told.contains("create"), "{told}");
    // Care is proven before anybody locks the log: whoever stands the emergency version down does not wait for that.
    let log = fs::OpenOptions::new().append(true).open(at.join("policies/log/lock")).unwrap();
    log.try_lock().unwrap();
    let told = activate_policy("stops.cedar", 2);
    assert!(told.contains("it would stop care"), "{told}");
    let told = activate_policy("harmless.cedar", 2);
    assert!(told.contains("somebody else may be activating"), "{told}");
    drop(log);
    // Back to the version before, which is the one that stops care: refused as well.
    let output = eosin(at, &["policy", "rollback", "--reason", "CASE-8"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    fs::write(at.join("default.cedar"), default).unwrap();
    activate_policy("default.cedar", 0);
    said(at, &["emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-7-closed"], 0);
    activate_policy("stops.cedar", 0);
}

/// Ending needs nothing of the normal version, and says so where its text is damaged.
#[test]
fn it_is_stood_down_whatever_became_of_the_normal_version() {
    let home = Home::of(Upstream::start(|_| Reply::json(201, "{}")));
    let at = home.at();
    prepare(at);
    let default = Policies::default_text();
    fs::write(at.join("plain.cedar"), format!("{default}\n// CASE-8")).unwrap();
    said(at, &["policy", "activate", "plain.cedar", "--reason", "CASE-8"], 0);
    activate(at, "all");
    let texts = fs::read_dir(at.join("policies/versions")).unwrap().map(|file| file.unwrap().path());
    let damaged = texts.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("plain"));
    assert_eq!(damaged.map(|path| fs::write(path, "damaged").unwrap()).count(), 1);
    let status = |code: i32| {
        let told: Value = serde_json::from_str(&said(at, &["emergency", "status", "--json"], code)).unwrap();
        assert!(told["normal"].as_str().unwrap().starts_with("plain@"), "{told}");
        let fault = told["fault"].as_str().unwrap();
        assert!(fault.contains("is not the text of plain@") && fault.contains("it was changed"), "{told}");
        told["inForce"].as_array().unwrap().len()
    };
    assert_eq!(status(1), 1);
    let shown = said(at, &["emergency", "status"], 1);
    assert!(shown.contains("\ndamaged: ") && shown.contains("\nin force: stop@"), "{shown}");
    let told = said(
        at,
        &["emergency", "stand-down", "stop", "--key", "bel.skey", "--reason", "CASE-7-closed", "--json"],
        0,
    );
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["stoodDown"].is_string() && told["normal"].is_null(), "{told}");
    assert_eq!(status(2), 0, "what holds now is damaged");
}

#[test]
fn what_would_stop_care_or_is_signed_by_one_person_is_refused() {
    let home = Home::of(Upstream::start(|_| Reply::json(201, "{}")));
    let at = home.at();
    let fails = |arguments: &[&str], code: i32, says: &str| {
        let output = eosin(at, arguments);
        let told =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
    };
    let prepare_as = ["emergency", "prepare", "stop.cedar", "--cases", "stop.toml", "--reason", "DRILL-1"];
    fs::write(at.join("stop.cedar"), STOP.replace("context.unproven > 0", "context.records > 6")).unwrap();
    fails(&prepare_as, 1, "it would stop care");
    fs::write(at.join("stop.cedar"), STOP.replace("no-unproven", "no-other")).unwrap();
    fails(&prepare_as, 1, "expected block by stop/no-unproven");
    fs::write(at.join("stop.cedar"), STOP).unwrap();
    let ask = |key: &'static str, length: &'static str| {
        [
            "emergency",
            "activate",
            "stop",
            "--key",
            key,
            "--scope",
            "all",
            "--for",
            length,
            "--reason",
            "CASE-7",
        ]
    };
    fails(&ask("ada.skey", "2h"), 2, "was prepared");
    prepare(at);
    fails(&ask("ada.skey", "4d"), 2, "at most 72 h");
    fails(&ask("ada.skey", "30s"), 2, "at least a minute");
    said(at, &["emergency", "key", "dot"], 0);
    fails(&ask("dot.skey", "2h"), 2, "no signer's");
    // A boundary whose name somebody mistook is warned of; a client is named as it names itself.
    let mut mistaken =
        ask("ada.skey", "2h").map(|word| if word == "all" { "boundary=CRM" } else { word }).to_vec();
    mistaken.push("--dry-run");
    fails(&mistaken, 2, "no boundary is called `CRM` here");
    fails(
        &["emergency", "preview", "stop", "--scope", "client=python-requests/2.31", "--json"],
        0,
        "python-requests/2.31",
    );
    fails(&["policy", "activate", "stop.cedar", "--reason", "a\nb"], 2, "one line");
    said(at, &ask("ada.skey", "2h"), 0);
    fails(&["emergency", "approve", "stop", "--key", "ada.skey"], 2, "the same person cannot approve");
    fails(&["emergency", "approve", "stop", "--key", "dot.skey"], 2, "no signer's");
    said(at, &["emergency", "status"], 0);
    // The same key under another name is the same person.
    let text = fs::read_to_string(at.join("eosin.toml")).unwrap();
    fs::write(
        at.join("eosin.toml"),
        format!("{text}[[emergency.signer]]\nname = \"eve\"\nkey = \"ada.vkey\"\n"),
    )
    .unwrap();
    fails(&["emergency", "status"], 2, "have the same key");
}

/// Words of a server are others' words: they move nobody's cursor.
#[test]
fn what_a_server_says_cannot_steer_a_terminal() {
    let one = r#"{"version":"stop@1\u001b[2J","activation":"log#1\u001b[2J","since":"","scope":"all\u001b[2J","until":"\u001b[2J",
        "by":"ada\u001b[2J","approved":"bel\u001b[2J","reason":"CASE-7\u001b[2J","asked":"","lapses":"\u001b[2J","note":"",
        "id":"1","type":"\u001b[2J","about":"","to":"\u001b[2J","attempts":1,"due":"\u001b[2J"}"#;
    let body = format!(
        r#"{{"normal":"\u001b[2J","fault":"\u001b[2J","inForce":[{one}],"waiting":[{one}],"announcements":[{one}]}}"#
    );
    let prepared = r#"{"log":"\u001b[2J","versions":[{"version":"\u001b[2J","entry":1,"at":"\u001b[2J","by":"\u001b[2J",
        "cases":2,"against":"\u001b[2J","reason":"\u001b[2J","sha256":""}]}"#;
    let history = r#"{"versions":[{"at":"\u001b[2J","by":"\u001b[2J","event":"activate","previous":"","reason":"\u001b[2J\nforged",
        "sha256":"","version":"\u001b[2J","place":"\u001b[2J"}]}"#;
    let server = Upstream::start(move |asked| match asked.target.as_str() {
        "/api/v1/emergencies" => Reply::json(200, &body),
        "/api/v1/emergencies/versions" => Reply::json(200, prepared),
        _ => Reply::json(200, history),
    });
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dot.token"), "eosin_dot").unwrap();
    let url = server.origin();
    for (command, code, words_of_others) in
        [(["emergency", "status"], 1, 19), (["emergency", "list"], 0, 5), (["policy", "history"], 0, 5)]
    {
        let words = [&["--server", &url, "--server-token-file", "dot.token"][..], &command].concat();
        let told = said(folder.path(), &words, code);
        assert!(!told.contains('\u{1b}') && !told.contains("\nforged"), "{told}");
        assert_eq!(told.matches("\u{FFFD}[2J").count(), words_of_others, "{command:?}: {told}");
    }
}
