//! Scenes: configurations that are understood, and faults that are all said at once.

use std::path::Path;

use super::understand;

const GOOD: &str = r#"
[ledger]
folder = "ledger"
signer = "keys/ledger.skey"
vkey = "keys/ledger.vkey"

[[boundary]]
name = "crm"
protocol = "salesforce"
listen = "127.0.0.1:8443"
tls = true
upstream = "https://org.example"
environment = "sandbox"
"#;

fn faults(text: &str) -> String {
    let report = understand(text, Path::new("/home/eosin.toml")).unwrap_err();
    let labels = report.labels().into_iter().flatten();
    let mut said: Vec<String> = labels.filter_map(|label| label.label().map(str::to_owned)).collect();
    said.insert(0, report.to_string());
    said.join(" | ")
}

#[test]
fn a_short_configuration_is_understood_with_careful_defaults() {
    let config = understand(GOOD, Path::new("/home/eosin.toml")).unwrap();
    let crm = &config.boundaries[0];
    assert_eq!(config.ledger.folder, Path::new("/home/ledger"));
    assert_eq!(crm.boundary.mode, policy::Mode::Enforce);
    assert_eq!(crm.boundary.continuity, policy::Continuity::Strict);
    assert!(!config.own_vouches().contains(&mark::Subject::Attested));
}

#[test]
fn every_fault_is_said_at_once() {
    let check = |from: &str, to: &str, want: &[&str]| {
        assert!(GOOD.contains(from), "{from}");
        let said = faults(&GOOD.replace(from, to));
        for word in want {
            assert!(said.contains(word), "{said}");
        }
    };
    check("salesforce", "soap", &["has a fault", "`salesforce` or `fhir`"]);
    check("sandbox", "prod", &["environment `prod` is not one of"]);
    check("127.0.0.1:8443\"\ntls = true", "0.0.0.0:80\"", &["plain HTTP is for loopback only"]);
    check("https://org.example", "ftp://org.example", &["`http://host:port`"]);
    check("\"crm\"", "\"patient Bell\"", &["a name has 1 to 64"]);
    check("name =", "nam =", &["unknown field `nam`"]);
    check(
        "environment = \"sandbox\"\n",
        "environment = \"prod\"\nmode = \"soft\"\n",
        &["2 faults", "prod", "soft"],
    );
    check("[[boundary]]", "[limits]\nrecords = 0\n[[boundary]]", &["between 1 and"]);
    let twice = format!("{GOOD}{}", GOOD.split_once("\n\n").unwrap().1);
    assert!(faults(&twice).contains("another boundary has this name | another boundary listens here"));
}
