//! Scenes and laws of what is put back into a batch's results.

use proptest::prelude::*;

use super::*;
use crate::{
    Limits,
    salesforce::{Route, batch_job_created, route_by_job},
};

const BATCH: &str = "751000000000002AAA";

fn route(format: &str) -> Route {
    let made = format!(
        r#"{{"id":"750000000000001AAA","operation":"insert","object":"Contact","contentType":"{format}"}}"#
    );
    let job = batch_job_created(made.as_bytes());
    let target = "/services/async/67.0/job/750000000000001AAA/batch";
    let crate::Door::Judged(route) = route_by_job("POST", target, None, |_| job) else { panic!("a batch") };
    route
}

/// What was withheld of so many rows in CSV.
fn withheld(total: usize, refused: &[usize]) -> WithheldRows {
    let body = format!("LastName\n{}", "x\n".repeat(total));
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no \"synthetic\" & co".to_owned() };
    let refusals = refused.iter().map(|at| (*at, no.clone())).collect();
    WithheldRows::of(&route("CSV"), body.as_bytes(), &refusals).unwrap()
}

fn check(withheld: &WithheldRows, answer: &str, want: Option<&str>) {
    let got = withheld.in_results(answer.as_bytes()).map(|merged| String::from_utf8(merged).unwrap());
    assert_eq!(got.as_deref(), want, "{answer}");
}

#[test]
fn a_line_a_row_in_the_order_of_the_client() {
    let two_of_four = withheld(4, &[0, 2]);
    check(
        &two_of_four,
        "\"Id\",\"Success\",\"Created\",\"Error\"\n\"003A\",\"true\",\"true\",\"\"\n\"\",\"false\",\"false\",\"REQUIRED:b\nc\"",
        Some(concat!(
            "\"Id\",\"Success\",\"Created\",\"Error\"\n",
            "\"\",\"false\",\"false\",\"EOSIN_BLOCKED:no \"\"synthetic\"\" & co:Eosin_Mark__c --\"\n",
            "\"003A\",\"true\",\"true\",\"\"\n",
            "\"\",\"false\",\"false\",\"EOSIN_BLOCKED:no \"\"synthetic\"\" & co:Eosin_Mark__c --\"\n",
            "\"\",\"false\",\"false\",\"REQUIRED:b\nc\"",
        )),
    );
    check(
        &two_of_four,
        r#" [ {"success":true,"created":true,"id":"003A","errors":[]}, {"success":false,"id":null,"errors":[ 1 ]} ] "#,
        Some(concat!(
            r#" [{"success":false,"created":false,"id":null,"errors":[{"fields":["Eosin_Mark__c"],"message":"no \"synthetic\" & co","statusCode":"EOSIN_BLOCKED","extendedErrorDetails":null}]},"#,
            r#"{"success":true,"created":true,"id":"003A","errors":[]},"#,
            r#"{"success":false,"created":false,"id":null,"errors":[{"fields":["Eosin_Mark__c"],"message":"no \"synthetic\" & co","statusCode":"EOSIN_BLOCKED","extendedErrorDetails":null}]},"#,
            r#"{"success":false,"id":null,"errors":[ 1 ]}] "#,
        )),
    );
    let said = "<result xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><errors><fields>Eosin_Mark__c</fields><message>no &quot;synthetic&quot; &amp; co</message><statusCode>EOSIN_BLOCKED</statusCode></errors><success>false</success><created>false</created></result>";
    check(
        &withheld(2, &[1]),
        "<?xml version=\"1.0\"?><results xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"> <result><id>003A</id><success>true</success></result> </results>",
        Some(&format!(
            "<?xml version=\"1.0\"?><results xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><result><id>003A</id><success>true</success></result>{said}</results>"
        )),
    );
}

#[test]
fn an_answer_that_is_not_row_by_row_stands_as_it_is() {
    let one_of_two = withheld(2, &[1]);
    check(&one_of_two, "", None);
    check(&one_of_two, "\"Id\",\"Success\",\"Created\",\"Error\"\n", None);
    check(&one_of_two, "\"Id\",\"Name\"\n\"003A\",\"x\"\n", None);
    check(&one_of_two, "[]", None);
    check(&one_of_two, r#"["752000000000001"]"#, None);
    check(&one_of_two, r#"[{"errorCode":"INVALID_SESSION_ID"}]"#, None);
    check(&one_of_two, "<error><exceptionCode>InvalidSessionId</exceptionCode></error>", None);
    check(&one_of_two, "<result-list><result>752</result></result-list>", None);
    assert_eq!(WithheldRows::of(&Route::CreateMany, b"[]", &BTreeMap::new()), None);
}

#[test]
fn counts_rise_only_where_the_org_is_done() {
    let check = |answer: &str, want: Option<&str>| {
        let by = |id: &str| if id == "751000000000002" || id == "750000000000001" { 3 } else { 0 };
        let got = count_refused(answer.as_bytes(), by).map(|raised| String::from_utf8(raised).unwrap());
        assert_eq!(got.as_deref(), want, "{answer}");
    };
    let batch = |id: &str, state: &str, done: usize, failed: usize| {
        format!(
            "<batchInfo xmlns=\"{BULK}\"><id>{id}</id><jobId>750</jobId><state>{state}</state><numberRecordsProcessed>{done}</numberRecordsProcessed><numberRecordsFailed>{failed}</numberRecordsFailed></batchInfo>"
        )
    };
    check(&batch(BATCH, "Completed", 5, 1), Some(&batch(BATCH, "Completed", 8, 4)));
    check(&batch(BATCH, "Queued", 0, 0), None);
    check(&batch("751000000000009AAA", "Completed", 5, 1), None);
    let list = |first: String| {
        format!(
            "<batchInfoList xmlns=\"{BULK}\">{first} {}</batchInfoList>",
            batch("751000000000009AAA", "Completed", 1, 0)
        )
    };
    check(&list(batch(BATCH, "Completed", 5, 1)), Some(&list(batch(BATCH, "Completed", 8, 4))));
    check(
        r#"{"id":"751000000000002AAA","state":"Completed","numberRecordsProcessed":1,"numberRecordsFailed" : 0}"#,
        Some(
            r#"{"id":"751000000000002AAA","state":"Completed","numberRecordsProcessed":4,"numberRecordsFailed" : 3}"#,
        ),
    );
    check(
        r#"{"batchInfo":[{"id":"751000000000002AAA","state":"Completed","numberRecordsFailed":0},{"id":"x"}]}"#,
        Some(
            r#"{"batchInfo":[{"id":"751000000000002AAA","state":"Completed","numberRecordsFailed":3},{"id":"x"}]}"#,
        ),
    );
    let job = |queued: usize, failed: usize| {
        format!(
            "<jobInfo xmlns=\"{BULK}\"><id>750000000000001AAA</id><state>Closed</state><numberBatchesQueued>{queued}</numberBatchesQueued><numberBatchesTotal>1</numberBatchesTotal><numberRecordsFailed>{failed}</numberRecordsFailed></jobInfo>"
        )
    };
    check(&job(0, 1), Some(&job(0, 4)));
    check(&job(1, 1), None);
    check("<error/>", None);
    check("", None);
    check("{}", None);
}

#[test]
fn reads_of_batches_are_known_in_every_spelling() {
    let id = |id: &str| id.to_owned();
    for (method, target, want) in [
        (
            "GET",
            "/services/async/40.0/job/750000000000001AAA/batch/751000000000002AAA/result",
            Some(BatchRead::Result { job: id("750000000000001"), batch: id("751000000000002") }),
        ),
        (
            "get",
            "//SERVICES/Async/40.0/JOB/750000000000001/batch/751000000000002/Result/?x=y",
            Some(BatchRead::Result { job: id("750000000000001"), batch: id("751000000000002") }),
        ),
        (
            "GET",
            "/services/async/40.0/job/750000000000001AAA/batch/751000000000002AAA",
            Some(BatchRead::Batch { job: id("750000000000001"), batch: id("751000000000002") }),
        ),
        (
            "GET",
            "/services/async/40.0/job/750000000000001AAA/batch",
            Some(BatchRead::Batches { job: id("750000000000001") }),
        ),
        (
            "GET",
            "/services/async/40.0/job/750000000000001AAA",
            Some(BatchRead::Job { job: id("750000000000001") }),
        ),
        ("GET", "/services/async/40.0/job/750000000000001AAA/batch/751000000000002AAA/request", None),
        ("GET", "/services/async/40.0/job/750000000000001AAA/batch/751000000000002AAA/result/752", None),
        ("POST", "/services/async/40.0/job/750000000000001AAA/batch", None),
        ("GET", "/services/data/v67.0/jobs/ingest/750", None),
    ] {
        assert_eq!(batch_read(method, target), want, "{method} {target}");
    }
}

#[test]
fn the_answer_to_an_upload_tells_the_batch() {
    for (answer, want) in [
        (
            format!(
                "<batchInfo xmlns=\"{BULK}\"><id>{BATCH}</id><jobId>750000000000001AAA</jobId></batchInfo>"
            ),
            true,
        ),
        (format!(r#"{{"id":"{BATCH}","jobId":"750000000000001AAA"}}"#), true),
        (format!(r#"{{"id":"{BATCH}"}}"#), false),
        (r#"{"id":"../x","jobId":"750000000000001AAA"}"#.to_owned(), false),
        ("<error><exceptionCode>InvalidBatch</exceptionCode></error>".to_owned(), false),
        (String::new(), false),
    ] {
        let want = want.then(|| ("751000000000002".to_owned(), "750000000000001".to_owned()));
        assert_eq!(batch_created(answer.as_bytes()), want, "{answer}");
    }
}

proptest! {
    /// As many lines as rows, the org's own in their order, whatever was refused.
    #[test]
    fn results_are_whole_again(total in 1_usize..12, refused in proptest::collection::btree_set(0_usize..12, 0..12)) {
        let refused: Vec<usize> = refused.into_iter().filter(|at| *at < total).collect();
        let rows = withheld(total, &refused);
        let kept: Vec<usize> = (0..total).filter(|at| !refused.contains(at)).collect();
        let csv = kept.iter().map(|at| format!("\"{at}\",\"true\",\"true\",\"\"\n")).collect::<Vec<_>>().concat();
        let csv = rows.in_results(format!("\"Id\",\"Success\",\"Created\",\"Error\"\n{csv}").as_bytes()).unwrap();
        let read = super::super::read_file(&csv, Some("X"), &Limits { body_bytes: 100_000, records: 100 });
        prop_assert_eq!(read.records.len(), total);
        let lines = cells_at(std::str::from_utf8(&csv).unwrap()).unwrap();
        for (at, (cells, _)) in lines.iter().skip(1).enumerate() {
            prop_assert_eq!(cells[1].as_ref(), if refused.contains(&at) { "false" } else { "true" });
            prop_assert!(refused.contains(&at) || cells[0] == at.to_string());
        }
        let json: Vec<_> = kept.iter().map(|at| json!({ "id": at.to_string(), "success": true })).collect();
        let json = rows.in_results(json!(json).to_string().as_bytes()).unwrap();
        let json: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(json.len(), total);
        for (at, row) in json.iter().enumerate() {
            prop_assert_eq!(row["success"] == true, !refused.contains(&at));
        }
        let xml = kept.iter().map(|at| format!("<result><id>{at}</id><success>true</success></result>")).collect::<Vec<_>>().concat();
        let xml = rows.in_results(format!("<results xmlns=\"{BULK}\">{xml}</results>").as_bytes()).unwrap();
        let root = document(&xml).unwrap();
        prop_assert_eq!(root.children.len(), total);
        for (at, row) in root.children.iter().enumerate() {
            prop_assert_eq!(row.child("success").unwrap().text.as_ref() == "true", !refused.contains(&at));
        }
    }

    #[test]
    fn any_answer_has_an_answer(answer in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = (withheld(2, &[0]).in_results(&answer), count_refused(&answer, |_| 1), batch_created(&answer));
    }
}
