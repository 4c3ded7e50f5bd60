//! `eosin init` and `eosin config`.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::program::{eosin, said};

/// A folder that `init` made, and the text of its configuration.
fn initialised() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    let text = fs::read_to_string(folder.path().join("eosin.toml")).unwrap();
    (folder, text)
}

#[test]
fn init_makes_a_folder_that_works_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("keys/ledger.skey"), 0o600);
    assert!(said(folder.path(), &["config", "check"], 0).contains("1 boundary"));
    let shown = said(folder.path(), &["config", "show"], 0);
    assert!(shown.contains("enforce") && !shown.contains("PRIVATE+KEY"), "{shown}");
    said(folder.path(), &["ledger", "verify"], 0);

    let key = fs::read(folder.path().join("keys/ledger.skey")).unwrap();
    let again = eosin(folder.path(), &["init", "--yes"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing is overwritten"));
    assert_eq!(fs::read(folder.path().join("keys/ledger.skey")).unwrap(), key);
}

#[test]
fn a_fault_in_the_configuration_is_underlined() {
    let (folder, text) = initialised();
    let path = folder.path().join("eosin.toml");
    let text = text.replace("\"sandbox\"", "\"prod\"").replace("\"enforce\"", "\"soft\"");
    fs::write(&path, text).unwrap();
    let output = eosin(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for word in ["2 faults", "environment = \"prod\"", "not one of: production", "mode = \"soft\""] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

const OPENID: &str = "[operators.openid]\nissuer = \"https://login.example.org\"\nclient_id = \"eosin-console\"\n\
     console = \"https://console.example.org\"\nroles = { auditor = [\"audit\"] }\n";
const TELEMETRY: &str = "[telemetry]\nendpoint = \"https://traces.example.org\"\n";

#[test]
fn a_file_that_a_configuration_names_and_nobody_can_read_is_found_by_its_check() {
    let (folder, text) = initialised();
    let path = folder.path().join("eosin.toml");
    for (section, named) in [
        (OPENID, "client_secret = \"absent.txt\""),
        (OPENID, "ca = \"absent.pem\""),
        (TELEMETRY, "authorization = \"absent.txt\""),
        (TELEMETRY, "endpoint_ca = \"absent.pem\""),
        ("[[emergency.signer]]\nname = \"ada\"\n", "key = \"absent.vkey\""),
    ] {
        fs::write(&path, format!("{text}\n{section}{named}\n")).unwrap();
        let output = eosin(folder.path(), &["config", "check"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{section}{named}: {told}");
        assert!(told.contains("absent."), "{section}{named}: {told}");
    }
}

#[test]
fn a_check_finds_what_a_run_would_not_take_up() {
    let (folder, text) = initialised();
    let at = |name: &str| folder.path().join(name);
    let upstream = "https://your-domain.my.salesforce.com";
    let trust =
        |vkey: &str, word: &str| format!("[[trust]]\nvkey = \"{vkey}\"\nvouches_for = [\"{word}\"]\n");
    let witness = "[[ledger.witness]]\nurl = \"http://127.0.0.1:1\"\nvkey = \"keys/witness.vkey\"\n";
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (changed, says) in [
        (replaced(upstream, "https://ada:secret@example.org"), "an upstream is"),
        (replaced(upstream, "https://example.org/services"), "an upstream is"),
        (replaced(upstream, "http://127.0.0.1:99999"), "an upstream is"),
        (replaced(upstream, "https://127.0.0.1:8443"), "where the boundary itself listens"),
        (format!("{text}[admin]\nlisten = \"127.0.0.1:8443\"\n"), "something else listens here"),
        (replaced("tls = true  ", "upstream_ca = \"eosin.toml\"\ntls = true  "), "holds no certificate"),
        (replaced("folder = \"quarantine\"", "folder = \"ledger\""), "is named for the ledger"),
        (format!("{text}[limits]\nspool_folder = \"eosin.toml/spool\"\n"), "is not a folder"),
        (replaced("index.sqlite", "keys"), "is no database"),
        (replaced("index.sqlite", "eosin.toml"), "is no database"),
        (replaced("keys/ledger.skey", "keys/policy.skey"), "is not the public key of"),
        (format!("{text}{}", trust("keys/ledger.vkey", "attested")), "names our own log"),
        (format!("{text}{0}{0}", trust("keys/policy.vkey", "synthetic")), "a second time"),
        (format!("{text}{witness}{witness}"), "who is named already"),
        (String::new(), "missing field `ledger`"),
    ] {
        fs::write(at("eosin.toml"), &changed).unwrap();
        let output = eosin(folder.path(), &["config", "check"]);
        let told = String::from_utf8_lossy(&output.stderr).replace(['\n', '│'], " ");
        let told: Vec<&str> = told.split_whitespace().collect();
        assert_eq!(
            (output.status.code(), told.join(" ").contains(says)),
            (Some(2), true),
            "{says}: {told:?}"
        );
    }
    fs::write(at("eosin.toml"), &text).unwrap();
    for half in ["keys/authority.key", "keys/authority.pem"] {
        fs::write(at(half), "").unwrap();
        let output = eosin(folder.path(), &["config", "check"]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), told.contains("only one of")), (Some(2), true), "{half}: {told}");
        fs::remove_file(at(half)).unwrap();
    }
    // What would go on working is said.
    fs::set_permissions(at("keys/quarantine.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let output = eosin(folder.path(), &["config", "check"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), told.contains("can be read by others (mode 644)")),
        (Some(1), true),
        "{told}"
    );
}

/// Named twice with other words, what is hidden was shown: the last one won.
#[test]
fn what_our_own_log_is_trusted_for_cannot_be_taken_from_it() {
    let (folder, text) = initialised();
    let row = folder.path().join("rows.csv");
    fs::write(&row, "Id,LastName\n1,Zzyzx\n").unwrap();
    let trust = "[[trust]]\nvkey = \"keys/ledger.vkey\"\nvouches_for = [\"attested\"]\n";
    fs::write(folder.path().join("eosin.toml"), format!("{text}{trust}")).unwrap();
    for command in [
        &["judge", "rows.csv", "--config", "eosin.toml"][..],
        &["ledger", "verify", "--vkey", "keys/ledger.vkey", "ledger"],
        &["run"],
    ] {
        let output = eosin(folder.path(), command);
        let told = String::from_utf8_lossy(&output.stderr);
        let wanted = if command[0] == "ledger" { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(wanted), "{command:?}: {told}");
    }
    fs::write(folder.path().join("eosin.toml"), &text).unwrap();
    let name = |key: &str| key.split('+').next().unwrap_or_default().to_owned();
    let ours = fs::read_to_string(folder.path().join("keys/ledger.vkey")).unwrap();
    let stranger = mark::note::SignerKey::generate(&name(&ours), [9; 32]).unwrap();
    fs::write(folder.path().join("stranger.vkey"), stranger.verifier().to_string()).unwrap();
    let output =
        eosin(folder.path(), &["judge", "rows.csv", "--config", "eosin.toml", "--trust", "stranger.vkey"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), told.contains("has another key")), (Some(2), true), "{told}");
}

#[test]
fn what_could_not_be_printed_was_not_told() {
    let (folder, _) = initialised();
    for command in [&["config", "show"][..], &["completions", "bash"], &["ledger", "show"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_eosin"));
        let output = child.args(command).current_dir(folder.path()).stdout(full).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), told.contains("cannot be written")),
            (Some(2), true),
            "{command:?}: {told}"
        );
    }
}

#[test]
fn what_is_sent_elsewhere_and_who_lets_people_in_is_shown_and_no_secret() {
    let (folder, text) = initialised();
    let path = folder.path().join("eosin.toml");
    ledger::durable::create_private(&folder.path().join("secret.txt"), b"SECRET-7\n").unwrap();
    let more = format!(
        "{OPENID}client_secret = \"secret.txt\"\n{TELEMETRY}authorization = \"secret.txt\"\npercent = 20\n\
         [contract]\nunpinned = \"2026-11-22\"\n[[contract.client]]\nname = \"portal\"\nversion = \"2026-09-01\"\n\
         [[contract.end]]\nversion = \"2026-09-01\"\nsunset = \"2027-06-01T00:00:00Z\"\n"
    );
    fs::write(&path, format!("{text}\n{more}")).unwrap();
    said(folder.path(), &["config", "check"], 0);
    let shown = said(folder.path(), &["config", "show"], 0);
    for says in [
        "https://login.example.org as eosin-console",
        "https://traces.example.org/v1/traces, 20 in 100",
        "2026-11-22",
        "portal: 2026-09-01",
        "2026-09-01 ends Tue, 01 Jun 2027",
        "secret.txt (not shown)",
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    assert!(!shown.contains("SECRET-7"), "{shown}");
}

#[test]
fn a_missing_configuration_and_a_second_writer_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = eosin(folder.path(), &["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("eosin init"));

    said(folder.path(), &["init", "--yes"], 0);
    let signer = fs::read_to_string(folder.path().join("keys/ledger.skey")).unwrap();
    let signer = mark::note::SignerKey::parse(signer.trim()).unwrap();
    let _writer = ledger::Ledger::open(&folder.path().join("ledger"), signer).unwrap();
    let output = eosin(folder.path(), &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ledger") && said.contains("writ"), "{said}");
}

#[test]
fn a_dataset_that_cannot_be_believed_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    let record = mark::Record {
        form: mark::Form::Table,
        object: "people".into(),
        fields: vec![("name".into(), mark::json::Json::Text("x".into()))],
        mark: None,
        claim: mark::Claim::None,
    };
    let stranger = testkit::sealed::synthetic(&[record]).dataset.to_json();
    fs::write(folder.path().join("datasets/strange.dataset.json"), stranger).unwrap();
    let output = eosin(folder.path(), &["config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("strange.dataset.json is not believed") && said.contains("not trusted here"),
        "{said}"
    );
}

/// As at a gateway: what others write into the folder stops no command. Named by the command it does.
#[test]
fn a_damaged_dataset_in_the_folder_is_noted_and_the_file_judged() {
    let folder = tempfile::tempdir().unwrap();
    said(folder.path(), &["init", "--yes"], 0);
    fs::write(folder.path().join("datasets/damaged.dataset.json"), "{\"manifest\":").unwrap();
    fs::write(folder.path().join("one.json"), r#"{"resourceType":"Patient","id":"x"}"#).unwrap();
    let output = eosin(folder.path(), &["judge", "one.json", "--config", "eosin.toml"]);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "it is unproven: {noted}");
    assert!(noted.contains("damaged.dataset.json"), "{noted}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("unproven"), "{output:?}");

    let named = ["judge", "one.json", "--config", "eosin.toml", "--dataset", "datasets/damaged.dataset.json"];
    let output = eosin(folder.path(), &named);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("damaged.dataset.json"), "{output:?}");
}

#[test]
fn every_word_of_the_configuration_is_documented() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let raw = fs::read_to_string(format!("{root}/crates/eosin/src/config/raw.rs")).unwrap();
    let page = fs::read_to_string(format!("{root}/docs/config.md")).unwrap();
    let words = raw.lines().filter_map(|line| line.trim().strip_prefix("pub(super) ")?.split_once(':'));
    let mut seen = 0;
    for (word, _) in words.filter(|(word, _)| !word.contains(' ')) {
        let documented = page.contains(&format!("| `{word}` |"))
            || page.contains(&format!("[{word}]"))
            || page.contains(&format!(".{word}]"));
        assert!(documented, "`{word}` is not in docs/config.md");
        seen += 1;
    }
    assert!(seen > 25, "only {seen} words found");
}
