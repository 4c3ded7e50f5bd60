//! Deployments and anonymous Apex as the Salesforce CLI sends them, where the recordings are at hand.

use std::{io::Read as _, path::Path};

use carrier::salesforce;

/// The recorded requests; none where there are no recordings.
#[expect(clippy::print_stdout, reason = "a test says what it could not do")]
fn recorded() -> Vec<serde_json::Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/salesforce/wire.jsonl.gz");
    let Ok(file) = std::fs::File::open(beside) else {
        println!("skipped: no shared data");
        return Vec::new();
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).take(1 << 28).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_the_command_line_client_sends_is_understood() {
    let requests = recorded();
    let (mut deployments, mut runs) = (0, 0);
    for request in &requests {
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let (method, target, body) = (text("m"), text("p"), text("b"));
        if target.contains("/Soap/m/") && body.contains("ZipFile>") {
            assert_eq!(salesforce::soap_weakens(target, body.as_bytes()), Ok(Vec::new()), "{target}");
            deployments += 1;
        }
        if target.contains("/Soap/s/") {
            assert!(salesforce::runs_anonymous_apex(method, target, body.as_bytes()), "{target}");
            runs += 1;
        }
    }
    assert!(requests.is_empty() || (deployments > 0 && runs > 0), "{deployments} {runs}");
}
