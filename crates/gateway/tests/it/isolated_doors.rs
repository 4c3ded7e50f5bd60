//! Isolated reads by the doors that take more than one request, or have formats of their own.

use std::{io::Write as _, net::TcpStream};

use policy::Environment;
use serde_json::{Value, json};

use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating, isolating_at, query},
    jobs::csv,
    scene::{Answer, Scene, request},
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

/// Asks the org itself, past the gateway.
fn behind(org: &LocalOrg, method: &str, target: &str, media: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(org.origin().trim_start_matches("http://")).unwrap();
    let headers = [SESSION, ("Authorization", "Bearer tok"), ("Content-Type", media), ("Accept", "*/*")];
    stream.write_all(&request(method, target, &headers, body.as_bytes())).unwrap();
    Answer::read(&mut stream)
}

#[test]
fn a_batch_that_the_org_refuses_makes_no_job_ours() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let job = r#"{"operation":"query","object":"Contact","contentType":"CSV"}"#;
    let job = between(&behind(&org, "POST", JOBS, "application/json", job), "\"id\":\"", "\"");
    let batch = format!("{JOBS}/{job}/batch");
    let foreign = behind(&org, "POST", &batch, "text/csv", "SELECT Department FROM Contact");
    let foreign = between(&foreign, "<id>", "</id>");
    let result = behind(&org, "GET", &format!("{batch}/{foreign}/result"), "text/csv", "");
    let result = format!("{batch}/{foreign}/result/{}", between(&result, "<result>", "</result>"));
    assert!(behind(&org, "GET", &result, "text/csv", "").text().contains("d1"));
    let refused = |when: &str| {
        let answer = bulk(&scene, "GET", &result, "text/csv", "");
        assert!(
            answer.status == 400 && answer.text().contains("EOSIN_QUERY_UNKNOWN"),
            "{when} {}",
            answer.text()
        );
    };
    refused("before");
    // The job is still open: a batch of one's own in it says nothing of the other.
    let own = bulk(&scene, "POST", &batch, "text/csv", "SELECT Department FROM Contact");
    let own = between(&own, "<id>", "</id>");
    refused("after a batch that the org took");
    let results = bulk(&scene, "GET", &format!("{batch}/{own}/result"), "text/csv", "");
    let results = between(&results, "<result>", "</result>");
    let rows = bulk(&scene, "GET", &format!("{batch}/{own}/result/{results}"), "text/csv", "");
    assert!(
        rows.status == 200 && rows.text().contains("d0") && !rows.text().contains("d1"),
        "{}",
        rows.text()
    );
    let closed = behind(&org, "POST", &format!("{JOBS}/{job}"), "application/json", r#"{"state":"Closed"}"#);
    assert_eq!(closed.status, 200, "{}", closed.text());
    let late = bulk(&scene, "POST", &batch, "text/csv", "SELECT Department FROM Contact");
    assert_eq!(late.status, 400, "{}", late.text());
    refused("after a batch that the org refused");
}

#[test]
fn a_query_in_chunks_has_batches_that_nobody_asked_for() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let job = r#"{"operation":"query","object":"Contact","contentType":"CSV"}"#;
    let headers =
        [SESSION, ("Content-Type", "application/json"), ("Sforce-Enable-PKChunking", "chunkSize=1")];
    let job = between(&scene.ask("POST", JOBS, &headers, job.as_bytes()), "\"id\":\"", "\"");
    let batches = format!("{JOBS}/{job}/batch");
    let asked = bulk(&scene, "POST", &batches, "text/csv", "SELECT Department FROM Contact");
    let asked = between(&asked, "<id>", "</id>");
    let listed = bulk(&scene, "GET", &batches, "text/csv", "").text();
    let mut rows = String::new();
    for batch in listed.split("<id>").skip(1).filter_map(|rest| rest.split_once("</id>")) {
        if batch.0 != asked {
            let result = bulk(&scene, "GET", &format!("{batches}/{}/result", batch.0), "text/csv", "");
            let result = between(&result, "<result>", "</result>");
            let part = bulk(&scene, "GET", &format!("{batches}/{}/result/{result}", batch.0), "text/csv", "");
            assert_eq!(part.status, 200, "{}", part.text());
            rows += &part.text();
        }
    }
    assert!(rows.contains("d0") && rows.contains("d2") && !rows.contains("d1"), "{rows}");
}

#[test]
fn rows_that_went_another_way_are_shown_if_each_may_be() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let ingest = format!("{VERSION}/jobs/ingest");
    let load = |table: &str| {
        let job = r#"{"operation":"insert","object":"Contact","lineEnding":"LF"}"#;
        let job = between(&behind(&org, "POST", &ingest, "application/json", job), "\"id\":\"", "\"");
        behind(&org, "PUT", &format!("{ingest}/{job}/batches"), "text/csv", table);
        let done = r#"{"state":"UploadComplete"}"#;
        behind(&org, "PATCH", &format!("{ingest}/{job}"), "application/json", done);
        job
    };
    let results = |job: &str, which: &str| ask(&scene, "GET", &format!("{ingest}/{job}/{which}"), "");
    let hidden = load("LastName,Eosin_Synthetic__c\nZyzzx-Hidden,true\nZyzzx-Plain,false\n");
    let refused = results(&hidden, "successfulResults");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(!refused.text().contains("Zyzzx"), "{}", refused.text());
    assert_eq!(results(&hidden, "failedResults").status, 200, "none failed");
    let plain = load("LastName,Eosin_Synthetic__c\nZyzzx-Plain,false\n");
    let shown = results(&plain, "successfulResults");
    assert!(shown.status == 200 && shown.text().contains("Zyzzx-Plain"), "{}", shown.text());
    let failed = load("LastName,Nobody__c\nZyzzx-Hidden,true\n");
    let told: String =
        ["failedResults", "unprocessedrecords"].map(|which| results(&failed, which).text()).concat();
    assert!(!told.contains("Zyzzx"), "{told}");

    let job = r#"{"operation":"insert","object":"Contact","contentType":"CSV"}"#;
    let job = between(&behind(&org, "POST", JOBS, "application/json", job), "\"id\":\"", "\"");
    let batch = format!("{JOBS}/{job}/batch");
    let hidden = "LastName,Eosin_Synthetic__c\nZyzzx-Hidden,true\n";
    let id = between(&behind(&org, "POST", &batch, "text/csv", hidden), "<id>", "</id>");
    for which in ["request", "result"] {
        let refused = bulk(&scene, "GET", &format!("{batch}/{id}/{which}"), "text/csv", "");
        assert_eq!(refused.status, 403, "{which} {}", refused.text());
    }
    let own = bulk(&scene, "POST", &batch, "text/csv", &csv(&marks.row(Kind::Attested, 0)));
    let own = between(&own, "<id>", "</id>");
    for which in ["request", "result"] {
        let shown = bulk(&scene, "GET", &format!("{batch}/{own}/{which}"), "text/csv", "");
        assert_eq!(shown.status, 200, "{which} {}", shown.text());
    }
}

#[test]
fn nothing_is_looked_up_in_another_session_than_it_is_asked_in() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let shown = org.ids[0].clone().unwrap();
    let soap = |sessions: &[&str]| {
        let header = |session: &&str| {
            format!("<u:SessionHeader><u:sessionId>{session}</u:sessionId></u:SessionHeader>")
        };
        let headers = sessions.iter().map(header).collect::<Vec<String>>().concat();
        let call = format!(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header>{headers}</e:Header><e:Body><u:delete><u:ids>{shown}</u:ids></u:delete></e:Body></e:Envelope>"#
        );
        scene.ask("POST", "/services/Soap/u/67.0", &[("Content-Type", "text/xml")], call.as_bytes())
    };
    for two in [["tok", "other"], ["other", "tok"], ["tok", "tok"]] {
        let refused = soap(&two);
        assert!(refused.text().contains("more than one session"), "{two:?} {}", refused.text());
    }
    let job = r#"{"operation":"delete","object":"Contact","contentType":"CSV"}"#;
    let job = between(&bulk(&scene, "POST", JOBS, "application/json", job), "\"id\":\"", "\"");
    let batch = |authorization: &str| {
        let headers = [SESSION, ("Authorization", authorization), ("Content-Type", "text/csv")];
        scene.ask("POST", &format!("{JOBS}/{job}/batch"), &headers, format!("Id\n{shown}\n").as_bytes())
    };
    let refused = batch("Bearer other");
    assert!(refused.status == 400 && refused.text().contains("different sessions"), "{}", refused.text());
    assert_eq!(org.direct("GET", &format!("{VERSION}/sobjects/Contact/{shown}"), "").status, 200);
    let taken = batch("Bearer tok");
    assert_eq!(taken.status, 201, "{}", taken.text());
    let gone = soap(&["tok"]);
    assert_eq!(gone.status, 200, "{}", gone.text());
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

#[test]
fn a_document_has_the_rows_of_an_org_without_the_hidden() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let asked = |text: &str, variables: Value| {
        let body = json!({ "query": text, "variables": variables }).to_string();
        let answer = ask(&scene, "POST", &format!("{VERSION}/graphql"), &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        answer
    };
    let below = "query($f: Contact_Filter) { uiapi { query { Account { edges { node { Contacts { totalCount } } } } Contact(where: $f) { edges { node { Department { value } } } totalCount } } } }";
    let answer = asked(below, json!({ "f": { "Department": { "like": "d%" } } }));
    let found = &answer["data"]["uiapi"]["query"];
    assert_eq!(found["Contact"]["totalCount"], 2, "{answer}");
    assert_eq!(found["Account"]["edges"][0]["node"]["Contacts"]["totalCount"], 2, "{answer}");
    assert!(!answer.to_string().contains("d1"), "{answer}");
    for text in [
        "{ uiapi { query { Contact(where: {Id: {inq: {Case: {}, ApiName: \"ContactId\"}}}) { totalCount } } } }",
        "mutation { uiapi { ContactUpdate(input: {Id: \"003000000000001AAA\", Contact: {Title: \"Dr\"}}) { Record { Account { Name { value } } } } } }",
        "{ uiapi { query { Contact {",
    ] {
        let body = json!({ "query": text }).to_string();
        let answer = ask(&scene, "POST", &format!("{VERSION}/graphql"), &body).text();
        assert!(answer.contains("EOSIN_") && !answer.contains("totalCount"), "{text} {answer}");
    }
    let within = json!({ "compositeRequest": [{ "method": "POST", "url": format!("{VERSION}/graphql"), "referenceId": "a", "body": { "query": below } }] });
    let answer = ask(&scene, "POST", &format!("{VERSION}/composite"), &within.to_string()).text();
    assert!(answer.contains("EOSIN_") && !answer.contains("totalCount"), "{answer}");
}

#[test]
fn a_bulk_query_that_is_said_twice_is_refused() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let statement = "SELECT Department FROM Contact";
    let body = format!(r#"{{"operation":"query","query":"{statement}","query":"{statement}"}}"#);
    let answer = ask(&scene, "POST", &format!("{VERSION}/jobs/query"), &body);
    assert_eq!(answer.status, 403, "{}", answer.text());
}

#[test]
fn an_upsert_by_a_hidden_rows_value_changes_nothing() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let mut row: Value = serde_json::from_str(&marks.row(Kind::Attested, 0)).unwrap();
    row.as_object_mut().unwrap().remove("Eosin_Dataset__r");
    let row = row.to_string();
    for at in [0, 1] {
        let answer = ask(&scene, "PATCH", &format!("{VERSION}/sobjects/Contact/Ext__c/x{at}"), &row);
        assert_eq!(answer.status, if at == 0 { 200 } else { 404 }, "{}", answer.text());
    }
    let left = org.direct("GET", &query("SELECT count() FROM Contact WHERE Eosin_Synthetic__c = true"), "");
    assert!(left.text().contains("\"totalSize\":1"), "{}", left.text());
}

#[test]
fn who_has_a_value_already_is_not_said() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    org.add_unique_field("Badge__c");
    let hidden = org.ids[0].clone().unwrap();
    let target = format!("{VERSION}/sobjects/Contact/{hidden}");
    let patched = org.direct("PATCH", &target, r#"{"Badge__c":"b0"}"#);
    assert_eq!(patched.status, 204, "{}", patched.text());
    let direct =
        org.direct("POST", &format!("{VERSION}/sobjects/Contact"), r#"{"LastName":"Ode","Badge__c":"b0"}"#);
    assert!(direct.text().contains(&hidden), "{}", direct.text());

    let scene = isolating(&org, Environment::Sandbox);
    let check = |answer: &Answer| {
        let text = answer.text();
        assert!(
            text.contains("duplicate value found") && text.contains("(not shown)"),
            "{} {text}",
            answer.status
        );
        assert!(!text.contains(hidden.get(..15).unwrap()), "{text}");
    };
    check(&ask(
        &scene,
        "POST",
        &format!("{VERSION}/sobjects/Contact"),
        r#"{"LastName":"Ode","Badge__c":"b0"}"#,
    ));
    let call = r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>tok</u:sessionId></u:SessionHeader></e:Header><e:Body><u:create><u:sObjects><u:type>Contact</u:type><u:LastName>Ode</u:LastName><u:Badge__c>b0</u:Badge__c></u:sObjects></u:create></e:Body></e:Envelope>"#;
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "\"\"")];
    check(&scene.ask("POST", "/services/Soap/u/67.0", &headers, call.as_bytes()));

    let job = r#"{"operation":"insert","object":"Contact","contentType":"CSV"}"#;
    let ingest = format!("{VERSION}/jobs/ingest");
    let made = ask(&scene, "POST", &ingest, r#"{"operation":"insert","object":"Contact","lineEnding":"LF"}"#);
    let id = between(&made, "\"id\":\"", "\"");
    let table = "LastName,Badge__c\nOde,b0\n";
    let sent = scene.ask(
        "PUT",
        &format!("{ingest}/{id}/batches"),
        &[("Authorization", "Bearer tok"), ("Content-Type", "text/csv")],
        table.as_bytes(),
    );
    assert_eq!(sent.status, 201, "{}", sent.text());
    let done = ask(&scene, "PATCH", &format!("{ingest}/{id}"), r#"{"state":"UploadComplete"}"#);
    assert_eq!(done.status, 200, "{}", done.text());
    check(&ask(&scene, "GET", &format!("{ingest}/{id}/failedResults"), ""));

    let job = bulk(&scene, "POST", JOBS, "application/json", job);
    let job = between(&job, "\"id\":\"", "\"");
    let batch = bulk(&scene, "POST", &format!("{JOBS}/{job}/batch"), "text/csv", table);
    let batch = between(&batch, "<id>", "</id>");
    check(&bulk(&scene, "GET", &format!("{JOBS}/{job}/batch/{batch}/result"), "text/csv", ""));
}

/// Fields that an object's description has, beside its id and what it points at.
fn described(object: &str) -> Value {
    let field = |name: &str| json!({ "name": name, "referenceTo": [], "relationshipName": null });
    let total = json!({ "name": "Total__c", "calculated": true, "calculatedFormula": null });
    let name = json!({ "name": "House__c", "calculated": true, "calculatedFormula": "Account.Name" });
    let way = json!({ "name": "AccountId", "referenceTo": ["Account"], "relationshipName": "Account" });
    let own = ["Id", "LastName", "Eosin_Synthetic__c", "Eosin_Subject__c", "Eosin_Mark__c"].map(field);
    let fields: Vec<Value> = own.into_iter().chain([total, name, way]).collect();
    json!({ "name": object, "fields": fields, "childRelationships": [] })
}

/// An org of two contacts, of whom the second is below an account that is hidden.
fn telling_org(request: &Received) -> Reply {
    let path = request.target.split('?').next().unwrap();
    let row = |id: &str| {
        let url = format!("{VERSION}/sobjects/Contact/{id}");
        json!({ "attributes": { "type": "Contact", "url": url }, "Id": id, "House__c": "Ward", "Total__c": 3, "Name": "N" })
    };
    let path = path.strip_prefix(VERSION).unwrap_or(path).to_ascii_lowercase();
    let answer = match path.as_str() {
        "/sobjects" => {
            json!({ "sobjects": [{ "name": "Contact", "keyPrefix": "003" }, { "name": "Account", "keyPrefix": "001" }] })
        }
        "/sobjects/contact/describe" => described("Contact"),
        "/sobjects/account/describe" => described("Account"),
        "/queryall" | "/query" => {
            let conditions = request.target.contains("Account.Eosin_");
            let is_second = request.target.contains("003000000000002");
            let id = if is_second { "003000000000002AAA" } else { "003000000000001AAA" };
            let rows = if conditions && is_second { vec![] } else { vec![row(id)] };
            json!({ "totalSize": rows.len(), "done": true, "records": rows })
        }
        path => {
            row(if path.contains("003000000000002") { "003000000000002AAA" } else { "003000000000001AAA" })
        }
    };
    Reply::json(200, &answer.to_string())
}

#[test]
fn a_row_by_its_id_tells_nothing_of_other_rows() {
    let upstream = Upstream::start(telling_org);
    let scene = isolating_at(&upstream.origin(), Environment::Production);
    let read = |id: &str| -> Value {
        let answer = ask(&scene, "GET", &format!("{VERSION}/sobjects/Contact/{id}"), "");
        serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{}", answer.text()))
    };
    let first = read("003000000000001AAA");
    assert_eq!(
        (&first["Total__c"], &first["House__c"], &first["Name"]),
        (&Value::Null, &json!("Ward"), &json!("N"))
    );
    let second = read("003000000000002AAA");
    assert_eq!(
        (&second["Total__c"], &second["House__c"], &second["Name"]),
        (&Value::Null, &Value::Null, &json!("N"))
    );
}

#[test]
fn a_reference_to_another_row_is_refused_in_a_composite() {
    let marks = Marks::new();
    let org = LocalOrg::with(&marks, &ROWS, |_| false);
    let scene = isolating(&org, Environment::Production);
    let id = org.ids[0].clone().unwrap();
    let composite = |second: &str| {
        let part = |url: &str, name: &str| json!({ "method": "GET", "url": format!("{VERSION}/{url}"), "referenceId": name });
        let parts = [part(&format!("sobjects/Contact/{id}"), "one"), part(second, "two")];
        ask(
            &scene,
            "POST",
            &format!("{VERSION}/composite"),
            &json!({ "compositeRequest": parts }).to_string(),
        )
    };
    assert_eq!(composite("sobjects/Contact/@{one.Id}").status, 200);
    for other in [
        "sobjects/Account/@{one.AccountId}",
        "query?q=SELECT+Id+FROM+Contact+WHERE+LastName='@{one.LastName}'",
    ] {
        let answer = composite(other);
        assert_eq!(answer.status, 403, "{}", answer.text());
    }
}
