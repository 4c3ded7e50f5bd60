//! Commands about policies that a console elsewhere carries out, beside the same ones on its own machine.

use std::{fs, path::Path};

use policy::Policies;
use serde_json::json;
use testkit::upstream::{Reply, Upstream};

use crate::{
    control_api::{done, token},
    program::{eosin, said},
    signing_in::{console, home},
};

/// What a command says and its exit code, with the number of each entry taken out: here, and with `--server`.
fn told(home: &Path, server: &[&str], words: &[&str]) -> (i32, String, String) {
    let output = eosin(home, &[server, words].concat());
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut parts = text.split('#');
        let first = parts.next().unwrap().to_owned();
        let rest = parts.map(|part| part.trim_start_matches(|one: char| one.is_ascii_digit()));
        std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join("#")
    };
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn versions_are_compared_and_put_in_force_there_as_here() {
    let folder = home();
    let at = folder.path();
    let (server, address) = console(at);
    let scopes = ["see-policies", "change-policies"];
    fs::write(at.join("dot.token"), token(at, "dot", "compliance", &scopes)).unwrap();
    fs::write(at.join("eve.token"), token(at, "eve", "compliance", &scopes[..1])).unwrap();
    let url = format!("http://{address}");
    let by = |file: &'static str| ["--server", url.as_str(), "--server-token-file", file];
    let rest = "@id(\"people\") @reason(\"yes\")\npermit (principal, action, resource)";
    for (name, text) in [
        ("ours.cedar", format!("{rest} when {{ context.attested > 0 }};\n")),
        ("next.cedar", format!("{rest} when {{ context.records == 0 }};\n")),
        ("open.cedar", format!("{rest};\n")),
        ("fault.cedar", rest.replace("principal", "principle")),
    ] {
        fs::write(at.join(name), text).unwrap();
    }
    let version = |file: &str| {
        let policies = Policies::parse("ours", &fs::read_to_string(at.join(file)).unwrap()).unwrap();
        policies.version().replace("ours@", &format!("{}@", file.strip_suffix(".cedar").unwrap()))
    };
    let [ours, next] = ["ours.cedar", "next.cedar"].map(version);
    let because = ["--reason", "CASE-7"];
    // What changes nothing, or is refused, says the same twice in a row.
    let same = |code: i32, words: &[&str]| {
        let here = told(at, &[], words);
        assert_eq!(here.0, code, "{words:?}: {here:?}");
        assert_eq!(told(at, &by("dot.token"), words), here, "{words:?}");
    };
    let differ = ["policy", "diff", "ours.cedar"];
    same(1, &differ);
    same(1, &[&differ[..], &["-v"]].concat());
    same(1, &[&differ[..], &["--json"]].concat());
    same(2, &["policy", "diff", "fault.cedar"]);
    same(1, &[&["policy", "activate", "open.cedar"][..], &because].concat());
    same(2, &[&["policy", "activate", "fault.cedar"][..], &because].concat());
    // As if it came once: what it says does not depend on what held before.
    for file in ["ours.cedar", "next.cedar"] {
        same(0, &[&["policy", "activate", file][..], &because].concat());
    }
    same(0, &[&["policy", "activate", "next.cedar", "--json"][..], &because].concat());
    same(2, &[&["policy", "activate", "ours.cedar", "--expect", &ours][..], &because].concat());
    same(2, &[&["policy", "rollback", "--expect", &ours][..], &because].concat());
    same(0, &["policy", "diff", "next.cedar"]);
    // There and back: each is the version before the other one's.
    let back = [&["policy", "activate", "ours.cedar"][..], &because].concat();
    said(at, &back, 0);
    let roll = [&["policy", "rollback", &next][..], &because].concat();
    let here = told(at, &[], &roll);
    said(at, &back, 0);
    assert_eq!((here.0, told(at, &by("dot.token"), &roll)), (0, here));
    let before = [&["policy", "rollback"][..], &because].concat();
    let (code, says, _) = told(at, &by("dot.token"), &before);
    assert!(code == 0 && says.contains(&ours), "{says}");
    let holds = [&["policy", "activate", "next.cedar", "--expect", &ours][..], &because].concat();
    assert_eq!(told(at, &by("dot.token"), &holds).0, 0, "what was expected holds");
    same(0, &["policy", "history"]);
    assert_eq!(done(at).last().unwrap(), &("policy-activate".to_owned(), "dot".to_owned()));
    // The token says who, and whether they may; two files are compared where they are.
    for (file, words, says) in [
        ("dot.token", [&back[..], &["--by", "ada"]].concat(), "the token says who"),
        ("eve.token", back.clone(), "does not `change-policies`"),
        ("dot.token", vec!["policy", "diff", "ours.cedar", "next.cedar"], "files of this machine"),
    ] {
        let (code, _, refused) = told(at, &by(file), &words);
        let refused = refused.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == 2 && refused.contains(says), "{words:?}: {refused}");
    }
    drop(server.stop());
}

/// Between the two questions somebody activates another version: what they looked at holds no more.
#[test]
fn a_rollback_there_passes_no_version_that_nobody_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("dot.token"), "eosin_dot").unwrap();
    // The history's newest, what holds a moment later, the words, and whether it is asked for.
    let check = |newest: Option<&str>, holds: &str, words: &[&str], is_asked: bool| {
        let newest = newest.map(|version| {
            json!({"at": "2026-01-01T00:00:00Z", "by": "ada", "event": "activate", "previous": "a@1",
                   "reason": "CASE-7", "sha256": "00", "version": version, "place": "log#1"})
        });
        let history = json!({"versions": newest.into_iter().collect::<Vec<_>>()}).to_string();
        let now = json!({"version": holds, "policies": [], "text": "", "place": "log#2"}).to_string();
        let server = Upstream::start(move |asked| match asked.target.as_str() {
            "/api/v1/policies" => Reply::json(200, &history),
            "/api/v1/policies/in-force" => Reply::Whole {
                status: 200,
                headers: vec![("ETag".to_owned(), "\"now\"".to_owned())],
                body: now.clone().into_bytes(),
            },
            _ => Reply::json(200, r#"{"version": "a@1", "activation": "log#3"}"#),
        });
        let url = server.origin();
        let there = ["--server", &url, "--server-token-file", "dot.token", "policy", "rollback"];
        let (code, _, says) = told(at, &there, &[words, &["--reason", "CASE-7"]].concat());
        let asked = server.received().iter().any(|asked| asked.target == "/api/v1/policies/rollback");
        assert_eq!((code, asked), (if is_asked { 0 } else { 2 }, is_asked), "{words:?}: {says}");
        let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(says.contains("activated another version meanwhile"), !is_asked, "{says}");
    };
    check(Some("b@1"), "b@1", &[], true);
    check(Some("b@1"), "c@1", &[], false);
    check(Some("b@1"), "c@1", &["a@1"], false);
    check(Some("b@1"), "c@1", &["--expect", "c@1"], false);
    check(Some("b@1"), "b@1", &["--expect", "c@1"], false);
    check(None, "c@1", &["a@1"], false);
}
