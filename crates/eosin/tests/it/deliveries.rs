//! A file that was delivered, its certificate checked by the command that anybody has.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::Arc,
};

use carrier::{
    archive::ArchiveWriter,
    delivered::{SALESFORCE_XML, SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK, delimited},
    salesforce::{
        Job, Operation, ReportForm, ReportLeaving, ReportRows, ReportWriter, ResultRows, ResultsIn,
    },
    table::{Chunks, Format},
};
use flow::{
    Certifier, Delivered, FileDelivery, Flow, Linked, LinkedRow, Protocol, Reader, Ruled, Setup, Withheld,
};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Salt, TrustStore, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::upstream::{Received, Reply, Upstream};

use crate::{
    documents,
    program::{Server, http, said},
    stranger,
};

#[test]
fn the_commands_about_exports_run_on_a_delivered_file() {
    let folder = tempfile::tempdir().unwrap();
    let flow = flow_in(folder.path());
    let reader = reader(&flow, Protocol::Fhir { base: "/fhir".to_owned() });
    let format = Format::FhirLines.as_str();
    let file = Delivered { route: "export file", name: "1.ndjson".to_owned(), format, object: None };
    let mut delivery = flow.begin_delivery(reader, flow.delivery_id().unwrap(), file);

    let lines = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n{\"resourceType\":\"Patient\",\"id\":\"2\",\"meta\":{\"security\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActReason\",\"code\":\"HTEST\"}]}}\n{\"resourceType\":\"Observation\",\"id\":\"3\",\"note\":[{\"text\":\"h\\u00e9\"}]}\n";
    let ruled = flow.rule_lines(&mut delivery, lines.as_bytes()).unwrap();
    let kept = flow.recorded(ruled).unwrap();
    assert_eq!(String::from_utf8_lossy(&kept).lines().count(), 2, "what calls itself a test is not shown");
    let closed = flow.close_delivery(delivery, Withheld::Told).unwrap();
    fs::write(folder.path().join("1.ndjson"), &kept).unwrap();
    fs::write(folder.path().join("1.ndjson.certificate.json"), closed.certificate.unwrap()).unwrap();
    let changed = String::from_utf8(kept).unwrap().replace("\"id\":\"1\"", "\"id\":\"9\"");
    fs::write(folder.path().join("changed.ndjson"), changed).unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/exports.md");
    assert_eq!(documents::run(page, folder.path()), 2);
}

/// A flow that certifies, whose key lies beside its ledger.
fn flow_in(folder: &Path) -> Flow {
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    fs::write(folder.join("ledger.vkey"), format!("{}\n", signer.verifier())).unwrap();
    let ledger = Ledger::create(&folder.join("ledger"), signer.clone()).unwrap();
    Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust: TrustStore::default(),
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(|| "2026-11-21T12:00:00Z".parse().unwrap()),
        last_at: None,
        limits: LIMITS,
    })
    .with_certifier(Certifier::new(signer, Box::new(|| Some(Salt([7; 16])))))
}

const LIMITS: carrier::Limits = carrier::Limits { body_bytes: 1 << 20, records: 10_000 };

fn reader(flow: &Flow, protocol: Protocol) -> Reader {
    let boundary = Arc::new(Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: "US".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    });
    let hidden = flow.hidden(&boundary, "client");
    Reader { boundary, protocol, client: "client".to_owned(), hidden }
}

/// What an archive is called, as a format.
const ZIP: &str = "a zip of tables";
const XML: &str = "<queryResult xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><records xsi:type=\"sObject\"><type>Contact</type><Id>1</Id></records><records xsi:type=\"sObject\"><type>Contact</type><Id>2</Id></records></queryResult>";
const JSON: &str = "[{\"attributes\":{\"type\":\"Contact\"},\"Id\":\"1\"},{\"attributes\":{\"type\":\"Contact\"},\"Id\":\"2\"}]";
const LINES: &str =
    "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n{\"resourceType\":\"Patient\",\"id\":\"2\"}\n";
const COMMAS: &str = "Id,LastName\r\n1,a\r\n2,b\r\n";
const SEMICOLONS: &str = "Id;LastName\r\n1;\"a;\r\nb\"\r\n2;c\r\n";
const REPORT: &str = "\"Contact ID\",\"Last Name\"\r\n\"1\",\"a\"\r\n\"2\",\"b\"\r\n\r\n\r\n\"All\"\r\n";

/// Rules on the rows of a report that leaves in this form.
fn saved(flow: &Flow, delivery: &mut FileDelivery, form: ReportForm, leave: &mut impl FnMut(Ruled)) {
    let leaving = ReportLeaving { form, columns: None };
    let mut writer = ReportWriter::new("All", leaving);
    let mut rows = ReportRows::new(REPORT.as_bytes(), LIMITS);
    while let Some(chunk) = rows.next_chunk().unwrap() {
        let written: Vec<_> = (0..chunk.len()).map(|at| chunk.leaving(at, leaving).unwrap()).collect();
        let linked = |bytes| LinkedRow { bytes, records: vec![Linked::Found] };
        let linked: Vec<_> = written.iter().map(|bytes| linked(bytes)).collect();
        let select = |keep: &[bool]| writer.select(&chunk, keep, &written).ok();
        leave(flow.rule_linked(delivery, &linked, select).unwrap());
    }
}

/// Rules on the rows of results that are no table.
fn results(
    flow: &Flow,
    delivery: &mut FileDelivery,
    form: ResultsIn,
    text: &str,
    leave: &mut impl FnMut(Ruled),
) {
    let mut rows = ResultRows::new(text.as_bytes(), form, "Contact", LIMITS);
    let mut has_rows = false;
    while let Some(chunk) = rows.next_chunk().unwrap() {
        leave(flow.rule_results(delivery, &chunk, &mut has_rows).unwrap());
    }
}

/// Rules on the rows of a table of contacts, with what its header says between cells.
fn rows(flow: &Flow, delivery: &mut FileDelivery, text: &str, leave: &mut impl FnMut(Ruled)) {
    let delimiter = text.as_bytes()[2];
    let job =
        Job { id: String::new(), object: "Contact".to_owned(), operation: Operation::Insert, delimiter };
    let mut chunks = Chunks::of_upload(text.as_bytes(), &job, LIMITS);
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        leave(flow.rule_rows(delivery, &chunk).unwrap());
    }
}

/// The archive of one table of contacts that leaves.
fn packed(flow: &Flow, delivery: &mut FileDelivery) -> Vec<u8> {
    let mut out = ArchiveWriter::default();
    delivery.packs();
    delivery.begin_member("Contact.csv");
    delivery.reads_as(&Format::SalesforceCsv { object: "Contact".to_owned() });
    out.begin("Contact.csv").unwrap();
    rows(flow, delivery, COMMAS, &mut |ruled| out.write(&flow.recorded(ruled).unwrap()).unwrap());
    let bytes = out.finish().unwrap();
    delivery.leaves_packed(&bytes);
    bytes
}

#[test]
fn files_that_only_their_certificate_tells_verify() {
    let folder = tempfile::tempdir().unwrap();
    let flow = flow_in(folder.path());
    let has_stranger = stranger::is_here();
    for (name, format, text) in [
        ("1.xml", SALESFORCE_XML, XML),
        ("2.csv", delimited(b';').unwrap(), SEMICOLONS),
        ("3.csv", SAVED_REPORT, REPORT),
        ("4.xls", SAVED_SHEET, REPORT),
        ("5.xlsx", SAVED_WORKBOOK, REPORT),
        ("6.ndjson", Format::FhirLines.as_str(), LINES),
        ("7.json", Format::SalesforceJson { object: None }.as_str(), JSON),
        ("8.csv", Format::SalesforceCsv { object: String::new() }.as_str(), COMMAS),
        ("9.zip", ZIP, COMMAS),
    ] {
        let is_report = [SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK].contains(&format);
        let is_named = !is_report && ![Format::FhirLines.as_str(), ZIP].contains(&format);
        let object = is_named.then(|| "Contact".to_owned());
        let file = Delivered { route: "bulk results", name: name.to_owned(), format, object };
        let mut delivery =
            flow.begin_delivery(reader(&flow, Protocol::Salesforce), flow.delivery_id().unwrap(), file);
        let mut left = Vec::new();
        let mut leave = |ruled| left.extend(flow.recorded(ruled).unwrap());
        match format {
            SALESFORCE_XML => results(&flow, &mut delivery, ResultsIn::Xml, text, &mut leave),
            SAVED_REPORT => saved(&flow, &mut delivery, ReportForm::Csv, &mut leave),
            SAVED_SHEET => saved(&flow, &mut delivery, ReportForm::Sheet, &mut leave),
            SAVED_WORKBOOK => saved(&flow, &mut delivery, ReportForm::Workbook, &mut leave),
            ZIP => left = packed(&flow, &mut delivery),
            _ if text == LINES => {
                leave(flow.rule_lines(&mut delivery, text.as_bytes()).unwrap());
            }
            _ if text == JSON => results(&flow, &mut delivery, ResultsIn::Json, text, &mut leave),
            _ => rows(&flow, &mut delivery, text, &mut leave),
        }
        let closed = flow.close_delivery(delivery, Withheld::Told).unwrap();
        let is_anew = [SAVED_SHEET, SAVED_WORKBOOK, ZIP].contains(&format);
        assert!(is_anew || left == text.as_bytes());
        fs::write(folder.path().join(name), &left).unwrap();
        let certificate = format!("{name}.certificate.json");
        fs::write(folder.path().join(&certificate), closed.certificate.unwrap()).unwrap();
        let verify = ["certify", "--verify", &certificate, name, "--vkey", "ledger.vkey"];
        let told = said(folder.path(), &verify, 0);
        assert!(told.contains("2 records, read again"), "{told}");
        let strangers = ["certificate", "ledger.vkey", &certificate, name];
        if has_stranger {
            let output = stranger::asked(folder.path(), &strangers);
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(told.contains("2 records"), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        }
        // Of what is compressed, the moment of change of the first entry.
        let byte = left.iter().rposition(|byte| *byte == b'1').unwrap_or(11);
        left[byte] = b'9';
        fs::write(folder.path().join(name), &left).unwrap();
        said(folder.path(), &verify, 1);
        if has_stranger {
            assert_eq!(stranger::asked(folder.path(), &strangers).status.code(), Some(1), "{name}");
        }
    }
}

/// An upstream whose one file is longer than what waits anywhere for a client that does not read.
fn endless(request: &Received) -> Reply {
    assert_eq!(request.target, "/files/1.ndjson");
    let headers = vec![("Content-Type".to_owned(), "application/fhir+ndjson".to_owned())];
    let body = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\n".repeat(1_500_000).into_bytes();
    Reply::Whole { status: 200, headers, body }
}

#[test]
fn a_gateway_that_is_killed_in_the_middle_of_a_file_is_known_by_the_others() {
    let (folder, upstream) = (tempfile::tempdir().unwrap(), Upstream::start(endless));
    let start = |name: &str| {
        let home = folder.path().join(name);
        fs::create_dir(&home).unwrap();
        said(&home, &["init", "--yes"], 0);
        let text = fs::read_to_string(home.join("eosin.toml")).unwrap();
        let (before, _) = text.split_once("[[boundary]]").unwrap();
        let more = format!(
            "[limits]\ndeliveries_folder = \"../shared\"\n\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[[boundary]]\nname = \"feed\"\nprotocol = \"fhir\"\n\
             listen = \"127.0.0.1:0\"\nupstream = \"{}\"\nenvironment = \"production\"\nmode = \"enforce\"\nreads = \"isolated\"\n",
            upstream.origin()
        );
        fs::write(home.join("eosin.toml"), format!("{before}{more}")).unwrap();
        Server::start(&home, &["run"], "health and metrics")
    };
    let (one, other) = (start("one"), start("other"));
    let mut slow = TcpStream::connect(one.address("listening feed")).unwrap();
    slow.write_all(b"GET /files/1.ndjson HTTP/1.1\r\nHost: feed.example\r\n\r\n").unwrap();
    let mut head = [0; 4096];
    slow.read_exact(&mut head).unwrap();
    let head = String::from_utf8_lossy(&head).into_owned();
    let (_, rest) = head.split_once("</.eosin/deliveries/").unwrap_or_else(|| panic!("{head}"));
    let manifest = format!("/.eosin/deliveries/{}/manifest", rest.split_once('/').unwrap().0);
    let asked = |server: &Server| http(server.address("listening feed"), "GET", &manifest, &[], b"");
    let leaving =
        |server: &Server| http(server.address("health and metrics"), "GET", "/deliveries", &[], b"").1;
    assert_eq!((asked(&one).0, asked(&other).0), (202, 202));
    assert!(leaving(&other).contains("\"state\":\"under way\"") && leaving(&other).contains("\"gateway\":"));

    // Dropped is killed.
    drop(one);
    let (status, told) = asked(&other);
    assert!(status == 410 && told.contains("stopped before its end"), "{told}");
    assert!(leaving(&other).contains("its gateway stopped before the end"), "{}", leaving(&other));
    let restarted = Server::start(&folder.path().join("one"), &["run"], "health and metrics");
    assert_eq!((asked(&restarted).0, asked(&other).0), (410, 410));
    assert!(leaving(&other).contains("\"deliveries\":[]"), "{}", leaving(&other));
    other.stop();
    restarted.stop();
}
