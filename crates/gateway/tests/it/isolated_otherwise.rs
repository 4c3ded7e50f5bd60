//! Isolated reads that are asked for otherwise than usual: by another method's name, in another form.

use policy::Environment;
use serde_json::json;

use crate::{
    isolated::{BEARER, Kind, LocalOrg, Marks, VERSION, ask, isolating, query},
    scene::{Answer, Scene},
};

/// Three rows: one of each kind.
const ROWS: [Kind; 3] = [Kind::Attested, Kind::Synthetic, Kind::Unproven];

fn refused(answer: &Answer, target: &str) {
    assert_eq!(answer.status, 403, "{target} {}", answer.text());
    assert!(answer.text().contains("EOSIN_READ_CLOSED"), "{target} {}", answer.text());
}

#[test]
fn a_read_that_calls_its_method_something_else_is_refused() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let targets = [
        query("SELECT LastName, COUNT(Id) n FROM Contact GROUP BY LastName"),
        query("SELECT count() FROM Contact"),
        format!("{VERSION}/limits/recordCount?sObjects=Contact"),
        format!("{VERSION}/tooling/query?q=SELECT+count()+FROM+Contact"),
    ];
    for other in ["HEAD", "OPTIONS", "head"] {
        let asked = |scene: &Scene, target: &str, header: &str| {
            scene.ask("GET", target, &[BEARER[0], (header, other)], b"")
        };
        for target in &targets {
            refused(&asked(&scene, target, "X-HTTP-Method-Override"), target);
            refused(&asked(&scene, target, "X-HTTP-Method"), target);
            refused(&ask(&scene, "GET", &format!("{target}&_HttpMethod={other}"), ""), target);
            let url = format!("{target}&_HttpMethod={other}");
            let part = json!({ "method": "GET", "url": url, "referenceId": "a" });
            let within = json!({ "compositeRequest": [part] }).to_string();
            refused(&ask(&scene, "POST", &format!("{VERSION}/composite"), &within), target);
        }
    }
    // The same method twice is one.
    let twice = scene.ask("GET", &targets[1], &[BEARER[0], ("X-HTTP-Method-Override", "get")], b"");
    assert!(twice.text().contains("\"totalSize\":2"), "{}", twice.text());
}
