//! A gateway that is told to stop while an upload comes in and an export leaves: both are brought to their end, and nobody else is let in.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::mpsc,
    thread::JoinHandle,
};

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use testkit::upstream::{Received, Reply, Upstream};

use crate::program::{Server, http, said};

const JOB: &str =
    r#"{"id":"7505000000000EAAAQ","operation":"insert","object":"Contact","columnDelimiter":"COMMA"}"#;
const JOBS: &str = "/services/data/v67.0/jobs/ingest";
const LINES: usize = 2_000;

/// An org that makes one job and takes its upload.
fn org(request: &Received) -> Reply {
    if request.method == "POST" { Reply::json(200, JOB) } else { Reply::json(201, "") }
}

/// A FHIR server of one file, of which it sends the second half once it is told to.
fn server_of_one_file() -> (SocketAddr, mpsc::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go_on, told) = mpsc::channel();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(read_until(&mut stream, "\r\n\r\n").starts_with("GET /files/1.ndjson "));
        let file = file();
        let kind = "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+ndjson\r\nConnection: close\r\n";
        write!(stream, "{kind}Content-Length: {}\r\n\r\n", file.len()).unwrap();
        let (first, second) = file.split_at(file.len() / 2);
        stream.write_all(first.as_bytes()).unwrap();
        told.recv().unwrap();
        stream.write_all(second.as_bytes()).unwrap();
    });
    (address, go_on, serving)
}

/// Long enough that some of its first half leaves before the second has come: lines leave in pieces of half a mebibyte.
fn file() -> String {
    let text = "x".repeat(2_000);
    repeated("", LINES, |at| {
        format!("{{\"resourceType\":\"Basic\",\"id\":\"{at}\",\"language\":\"{text}\"}}\n")
    })
}

fn repeated(first: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(first.to_owned(), |text, at| text + &line(at))
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(end.as_bytes()) {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&text));
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// What chunks hold; nothing of a body that is cut off.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|pair| pair == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(end + 2..end + 2 + length)?);
        body = body.get(end + 4 + length..)?;
    }
}

fn configure(folder: &Path, org: &str, fhir: SocketAddr) {
    said(folder, &["init", "--yes"], 0);
    let text = fs::read_to_string(folder.join("eosin.toml")).unwrap();
    let (before, _) = text.split_once("[[boundary]]").unwrap();
    let boundary = |name: &str, protocol: &str, upstream: &str, more: &str| {
        format!(
            "\n[[boundary]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nlisten = \"127.0.0.1:0\"\nupstream = \"{upstream}\"\nmode = \"enforce\"\n{more}\n"
        )
    };
    let config = [
        before,
        // An upload of more than that waits on disk.
        "[limits]\nbody_bytes = 65536\n\n[admin]\nlisten = \"127.0.0.1:0\"\n",
        &boundary("crm", "salesforce", org, "environment = \"sandbox\""),
        &boundary(
            "feed",
            "fhir",
            &format!("http://{fhir}"),
            "environment = \"production\"\nreads = \"isolated\"",
        ),
    ];
    fs::write(folder.join("eosin.toml"), config.concat()).unwrap();
}

/// The entries of the ledger, by their places.
fn entries(folder: &Path) -> Vec<Value> {
    let shown = said(folder, &["ledger", "show", "--json", "--last", "200"], 0);
    shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asks for the file and reads its first line, and where what follows it will be.
fn half_an_export(feed: SocketAddr) -> (TcpStream, Vec<u8>, String) {
    let mut export = TcpStream::connect(feed).unwrap();
    export.write_all(b"GET /files/1.ndjson HTTP/1.1\r\nHost: feed.example\r\n\r\n").unwrap();
    let head = read_until(&mut export, "\r\n\r\n");
    let (_, rest) = head.split_once("</.eosin/deliveries/").unwrap_or_else(|| panic!("{head}"));
    let place = format!("/.eosin/deliveries/{}", rest.split_once('/').unwrap().0);
    let left = read_until(&mut export, "}\n").into_bytes();
    (export, left, place)
}

/// Sends so much of an upload that is longer. Who is told to continue is being read.
fn half_an_upload(crm: SocketAddr, first: &str, length: usize) -> TcpStream {
    let mut upload = TcpStream::connect(crm).unwrap();
    let head = format!(
        "PUT {JOBS}/7505000000000EAAAQ/batches HTTP/1.1\r\nHost: crm.example\r\nContent-Type: text/csv\r\n"
    );
    write!(upload, "{head}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n").unwrap();
    assert!(read_until(&mut upload, "\r\n\r\n").starts_with("HTTP/1.1 100 "));
    upload.write_all(first.as_bytes()).unwrap();
    upload
}

#[test]
fn a_gateway_that_is_drained_in_the_middle_of_files_ends_them_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let org = Upstream::start(org);
    let (fhir, go_on, serving) = server_of_one_file();
    configure(home, &org.origin(), fhir);
    let gateway = Server::start(home, &["run"], "health and metrics");
    let (crm, feed) = (gateway.address("listening crm"), gateway.address("listening feed"));
    let json = [("content-type", "application/json")];
    assert_eq!(http(crm, "POST", JOBS, &json, br#"{"object":"Contact"}"#).0, 200);

    let (mut export, mut left, place) = half_an_export(feed);
    assert_eq!(http(feed, "GET", &format!("{place}/manifest"), &[], b"").0, 202);
    let rows = repeated("FirstName,LastName\n", 8_000, |at| format!("Ada,Example {at}\n"));
    let (first, second) = rows.split_at(rows.len() / 2);
    let mut upload = half_an_upload(crm, first, rows.len());

    gateway.terminate();
    // Whoever comes now is not let in, and goes to another gateway.
    for address in [crm, feed] {
        while TcpStream::connect(address).is_ok() {
            std::thread::yield_now();
        }
    }
    upload.write_all(second.as_bytes()).unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).unwrap();
    go_on.send(()).unwrap();
    export.read_to_end(&mut left).unwrap();
    serving.join().unwrap();
    let output = gateway.stop();
    assert!(output.contains("finishing what is under way") && !output.contains("cut off"), "{output}");

    // The upload was answered, is in the org whole, and its ruling is where the answer says.
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let sent = org.received();
    let sent: Vec<&Received> = sent.iter().filter(|request| request.method == "PUT").collect();
    assert_eq!(sent.iter().map(|request| request.body_bytes).collect::<Vec<_>>(), [rows.len() as u64]);
    said(home, &["ledger", "verify"], 0);
    let entries = entries(home);
    let places = said_places(&answer);
    let [place_of_upload] = places.as_slice() else { panic!("{answer}") };
    let ruling = entries.iter().find(|entry| entry["place"] == place_of_upload.as_str()).unwrap();
    let (ruling, at): (_, u64) =
        (&ruling["entry"], place_of_upload.rsplit_once('#').unwrap().1.parse().unwrap());
    assert_eq!((&ruling["route"], &ruling["counts"]["records"]), (&json!("bulk upload"), &json!(8_000)));
    let of_kind = |kind: &str| {
        entries
            .iter()
            .map(|entry| &entry["entry"])
            .filter(move |entry| entry["eosin"] == kind)
            .collect::<Vec<_>>()
    };
    let settled = |entry: &&&Value| entry["ruling"].as_u64() == Some(at);
    let settled = of_kind("settlement@1").iter().find(settled).map(|entry| entry["outcome"].clone());
    assert_eq!(settled, Some(json!("answered")), "{answer}");

    // The export left whole, and is delivered, not broken off.
    let left = unchunked(&left).expect("the file comes to its end");
    assert!(left == file().as_bytes(), "{} bytes of {}", left.len(), file().len());
    let delivered = of_kind("delivery@1");
    assert_eq!(delivered.iter().map(|entry| &entry["bytes"]).collect::<Vec<_>>(), [&json!(left.len())]);

    // What follows it is there when the gateway is back, and fits.
    let gateway = Server::start(home, &["run"], "health and metrics");
    let fetched = |what: &str| {
        let (status, answer) =
            http(gateway.address("listening feed"), "GET", &format!("{place}/{what}"), &[], b"");
        assert_eq!(status, 200, "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let manifest: Value = serde_json::from_str(&fetched("manifest")).unwrap();
    let sha256 = HEXLOWER.encode(digest::digest(&digest::SHA256, &left).as_ref());
    assert_eq!((&manifest["sha256"], &manifest["records"]), (&json!(sha256), &json!(LINES)), "{manifest}");
    fs::write(home.join("1.ndjson"), &left).unwrap();
    fs::write(home.join("1.certificate.json"), fetched("certificate")).unwrap();
    gateway.stop();
    said(home, &["certify", "--verify", "1.certificate.json", "1.ndjson", "--vkey", "keys/ledger.vkey"], 0);
}

/// The places in ledgers that an answer names as its ruling's.
fn said_places(answer: &str) -> Vec<String> {
    let provenance = answer.lines().filter(|line| line.starts_with("eosin-provenance: "));
    let place = |line: &str| Some(line.split_once("ruling=\"")?.1.split_once('"')?.0.to_owned());
    provenance.filter_map(place).collect()
}
