//! Bulk v1 batches that rows are withheld from, where nobody hears which id the org gave: results are never a line short.

use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    emergency_scene::{Home, start},
    program::{Server, http},
};

const JOB: &str = "750000000000001AAA";
/// A line that passes and one that does not; then one more that passes.
const MIXED: &[u8] = b"LastName,Eosin_Mark__c\nOde,\nAster,no-mark-at-all\nBirch,\n";
const PLAIN: &[u8] = b"LastName\nOde\nAster\nBirch\n";

/// An org that takes a batch of plain rows, and says nothing of one that rows were taken out of.
fn org(request: &Received) -> Reply {
    let xml = |text: &str| Reply::Whole {
        status: 201,
        headers: vec![("Content-Type".to_owned(), "application/xml".to_owned())],
        body: text.as_bytes().to_vec(),
    };
    let csv = |text: &str| Reply::Whole {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "text/csv".to_owned())],
        body: text.as_bytes().to_vec(),
    };
    let batch = |id: &str| {
        xml(&format!(
            "<batchInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><id>{id}</id><jobId>{JOB}</jobId><state>Queued</state></batchInfo>"
        ))
    };
    let row = |id: u8| format!("\"00300000000000{id}AAA\",\"true\",\"true\",\"\"\n");
    let results = |ids: &[u8]| {
        let rows: String = ids.iter().map(|id| row(*id)).collect();
        csv(&format!("\"Id\",\"Success\",\"Created\",\"Error\"\n{rows}"))
    };
    let text = String::from_utf8_lossy(&request.body);
    match (request.method.as_str(), request.target.trim_start_matches("/services/async/67.0/job")) {
        ("POST", "") => xml(&format!(
            "<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><id>{JOB}</id><operation>insert</operation>\
             <object>Contact</object><contentType>CSV</contentType><state>Open</state></jobInfo>"
        )),
        ("POST", _) if text.contains("Away") => Reply::Close,
        ("POST", _) if text.contains("Aster") => batch("751000000000001AAA"),
        ("POST", _) => Reply::Silent,
        ("GET", target) if target.ends_with("751000000000001AAA/result") => results(&[1, 2, 3]),
        ("GET", target) if target.ends_with("/result") => results(&[4, 5]),
        _ => Reply::json(404, "[]"),
    }
}

fn asks(gateway: &Server, method: &str, below: &str, body: &[u8]) -> (u16, String) {
    let headers = [("content-type", "text/csv; charset=UTF-8"), ("x-sfdc-session", "00D")];
    let target = format!("/services/async/67.0/job{below}");
    http(gateway.address("listening"), method, &target, &headers, body)
}

/// A gateway that has seen the job being made.
fn begun() -> (Home, Server) {
    let home = Home::of(Upstream::start(org));
    let gateway = start(home.at());
    let job = "<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><operation>insert</operation>\
               <object>Contact</object><contentType>CSV</contentType></jobInfo>";
    let headers = [("content-type", "application/xml"), ("x-sfdc-session", "00D")];
    let (status, told) =
        http(gateway.address("listening"), "POST", "/services/async/67.0/job", &headers, job.as_bytes());
    assert_eq!(status, 201, "{told}");
    (home, gateway)
}

fn result_of(gateway: &Server, batch: &str) -> (u16, String) {
    asks(gateway, "GET", &format!("/{JOB}/batch/{batch}/result"), b"")
}

/// What a killed gateway had sent on without some of its rows: whoever asks for its results is refused, here and at the others.
#[test]
fn a_gateway_that_is_killed_before_the_org_answers_leaves_no_batch_a_line_short() {
    let (home, gateway) = begun();
    let (status, told) = asks(&gateway, "POST", &format!("/{JOB}/batch"), PLAIN);
    assert_eq!(status, 201, "{told}");
    let came = home.upstream.received().len();
    let address = gateway.address("listening");
    let client = std::thread::spawn(move || {
        let headers = [("content-type", "text/csv; charset=UTF-8"), ("x-sfdc-session", "00D")];
        http(address, "POST", &format!("/services/async/67.0/job/{JOB}/batch"), &headers, MIXED)
    });
    let received = home.upstream.wait_for(came + 1);
    let sent = String::from_utf8_lossy(&received.last().unwrap().body).into_owned();
    assert!(sent.contains("Birch") && !sent.contains("Aster"), "a row was taken out: {sent}");
    // Killed: the org has the batch, and has not told its id.
    drop(gateway);
    client.join().unwrap();

    let gateway = start(home.at());
    let (status, told) = result_of(&gateway, "751000000000002AAA");
    assert!(status == 502 && !told.contains("003000000000004"), "{status}: {told}");
    // One that has another number of lines is not that batch.
    let (status, told) = result_of(&gateway, "751000000000001AAA");
    assert!(status == 200 && told.contains("003000000000003"), "{status}: {told}");
    gateway.stop();
}

/// An answer that did not come is as good as a crash, for the gateway itself too.
#[test]
fn a_batch_whose_answer_is_lost_is_not_a_line_short() {
    let (_home, gateway) = begun();
    let away = String::from_utf8_lossy(MIXED).replace("Birch", "Away");
    let (status, told) = asks(&gateway, "POST", &format!("/{JOB}/batch"), away.as_bytes());
    assert_eq!(status, 502, "{told}");
    assert_eq!(result_of(&gateway, "751000000000002AAA").0, 502);
    assert_eq!(result_of(&gateway, "751000000000001AAA").0, 200);
    gateway.stop();
}
