//! Isolated reads by the doors that take more than one request, or have formats of their own.

use policy::Environment;
use serde_json::Value;

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating},
    scene::{Answer, Scene},
};

const JOBS: &str = "/services/async/67.0/job";
const SESSION: (&str, &str) = ("X-SFDC-Session", "tok");

/// Three rows: one of each kind.
const ROWS: [Kind; 3] = [Kind::Attested, Kind::Synthetic, Kind::Unproven];

fn bulk(scene: &Scene, method: &str, target: &str, media: &str, body: &str) -> Answer {
    scene.ask(method, target, &[SESSION, ("Content-Type", media), ("Accept", "*/*")], body.as_bytes())
}

/// What stands between two words of an answer.
fn between(answer: &Answer, before: &str, after: &str) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}"));
    rest.split_once(after).unwrap().0.to_owned()
}

/// The rows of a query by Bulk v1.
fn rows_of(scene: &Scene, format: &str, statement: &str) -> Answer {
    let job = format!(r#"{{"operation":"query","object":"Contact","contentType":"{format}"}}"#);
    let job = bulk(scene, "POST", JOBS, "application/json", &job);
    let job = between(&job, "\"id\":\"", "\"");
    let media = if format == "JSON" { "application/json" } else { "text/csv" };
    let batch = bulk(scene, "POST", &format!("{JOBS}/{job}/batch"), media, statement);
    if batch.status >= 300 {
        return batch;
    }
    let (before, after) = if format == "JSON" { ("\"id\":\"", "\"") } else { ("<id>", "</id>") };
    let batch = between(&batch, before, after);
    let results = bulk(scene, "GET", &format!("{JOBS}/{job}/batch/{batch}/result"), media, "");
    let (before, after) = if format == "JSON" { ("[\"", "\"") } else { ("<result>", "</result>") };
    let result = between(&results, before, after);
    bulk(scene, "GET", &format!("{JOBS}/{job}/batch/{batch}/result/{result}"), media, "")
}

#[test]
fn a_query_batch_has_the_rows_of_an_org_without_the_hidden() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let statement = "SELECT Department FROM Contact ORDER BY Department\n";
    for (environment, hidden) in [(Environment::Production, "d1"), (Environment::Sandbox, "d0")] {
        let scene = isolating(&org, environment);
        for format in ["CSV", "XML", "JSON"] {
            let rows = rows_of(&scene, format, statement);
            assert_eq!(rows.status, 200, "{}", rows.text());
            let shown: Vec<&str> =
                ["d0", "d1", "d2"].into_iter().filter(|one| rows.text().contains(one)).collect();
            assert_eq!(shown.len(), 2, "{format} {}", rows.text());
            assert!(!shown.contains(&hidden) && !rows.text().contains("Eosin"), "{format} {}", rows.text());
        }
        let unreadable = rows_of(&scene, "CSV", "SELECT Department FROM Contact WHERE");
        assert_eq!(unreadable.status, 400);
    }
}

#[test]
fn results_of_a_job_that_was_not_isolated_are_refused() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    for job in ["750000000000001AAA", "x"] {
        let target = format!("{JOBS}/{job}/batch/751000000000001AAA/result/752000000000001AAA");
        let answer = bulk(&scene, "GET", &target, "text/csv", "");
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("EOSIN_QUERY_UNKNOWN"), "{}", answer.text());
    }
}

#[test]
fn soap_lists_no_change_of_a_hidden_row() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let ids: Vec<String> = org.ids.iter().flatten().cloned().collect();
    let call = |name: &str| {
        format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader></e:Header><e:Body><u:{name}><u:sObjectType>Contact</u:sObjectType><u:startDate>2020-01-01T00:00:00Z</u:startDate><u:endDate>2100-01-01T00:00:00Z</u:endDate></u:{name}></e:Body></e:Envelope>"#
        )
    };
    let scene = isolating(&org, Environment::Production);
    let soap = |name: &str| {
        let headers = [("Content-Type", "text/xml"), ("SOAPAction", "\"\"")];
        scene.ask("POST", "/services/Soap/u/67.0", &headers, call(name).as_bytes())
    };
    let listed =
        |answer: &Answer| -> Vec<bool> { ids.iter().map(|id| answer.text().contains(id.as_str())).collect() };
    let updated = soap("getUpdated");
    assert_eq!((updated.status, listed(&updated)), (200, vec![true, false, true]), "{}", updated.text());
    for id in &ids {
        let _gone = org.direct("DELETE", &format!("{VERSION}/sobjects/Contact/{id}"), "");
    }
    let deleted = soap("getDeleted");
    assert_eq!((deleted.status, listed(&deleted)), (200, vec![true, false, true]), "{}", deleted.text());
    let rest = ask(
        &scene,
        "GET",
        &format!("{VERSION}/sobjects/Contact/deleted?start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"),
        "",
    );
    let rest: Value = serde_json::from_slice(&rest.body).unwrap();
    assert_eq!(rest["deletedRecords"].as_array().unwrap().len(), 2, "{rest}");
}
