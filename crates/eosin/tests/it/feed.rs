//! An HL7 v2 feed from the configuration to the receiver: refused, kept, released once, counted, stopped.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::program::{Server, http, said};

/// A receiver that answers each message of a frame, accepts all but those called `NO…`, and remembers every frame.
fn receiver() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, kept) = (stream.unwrap(), Arc::clone(&kept));
            std::thread::spawn(move || {
                while let Some(message) = frame(&mut stream) {
                    kept.lock().unwrap().push(message.clone());
                    for one in message.split("MSH|").skip(1) {
                        let id = one.split('|').nth(8).unwrap_or_default();
                        let code = if id.starts_with("NO") { "AR" } else { "AA" };
                        let answer = format!("\u{b}MSH|^~\\&|||||||ACK|1|P|2.5\rMSA|{code}|{id}\r\u{1c}\r");
                        stream.write_all(answer.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    (address, seen)
}

fn frame(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1c\r") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&bytes[1..bytes.len() - 2]).into_owned())
}

fn send(stream: &mut TcpStream, message: &str) -> String {
    stream.write_all(format!("\u{b}{message}\u{1c}\r").as_bytes()).unwrap();
    frame(stream).unwrap()
}

fn set_up(folder: &Path, receiver: SocketAddr) {
    said(folder, &["init", "--yes"], 0);
    let file = folder.join("eosin.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[[boundary]]").unwrap();
    let feed = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n\n[[boundary]]\nname = \"feed\"\nprotocol = \"hl7v2\"\n\
         listen = \"127.0.0.1:0\"\nupstream = \"mllp://{receiver}\"\nenvironment = \"test\"\nquarantine = true\n"
    );
    fs::write(&file, format!("{before}{feed}")).unwrap();
}

#[test]
fn a_feed_is_judged_kept_released_once_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (address, seen) = receiver();
    set_up(folder, address);
    said(folder, &["config", "check"], 0);
    let gateway = Server::start(folder, &["run"], "health and metrics");
    assert!(gateway.output().contains("feed: mllp://127.0.0.1:"), "{}", gateway.output());
    let mut sender = TcpStream::connect(gateway.address("feed: mllp")).unwrap();
    let good = "MSH|^~\\&|LAB|HALL|RIS|X|20260102||ADT^A01|1|P|2.5\rPID|1||9||Zzyzx-7^Canary\r";
    let bad = good.replace("ADT^A01|1", "ADT^A01|2") + "pid|no segment\r";
    assert!(send(&mut sender, good).contains("MSA|AA|1"));
    let refused = send(&mut sender, &bad);
    assert!(refused.contains("MSA|AR|2|Blocked by Eosin at boundary `feed`"), "{refused}");
    let (_, after) = refused.split_once("Kept in quarantine as item ").unwrap();
    let item = &after[..16];

    let listed: Value = serde_json::from_str(&said(folder, &["quarantine", "list", "--json"], 0)).unwrap();
    assert_eq!(
        (&listed[0]["item"]["protocol"], &listed[0]["item"]["route"]),
        (&"hl7v2".into(), &"ADT^A01".into())
    );
    let release = ["quarantine", "release", item, "--reason", "CASE-7", "--by", "ada", "--overrule"];
    let told = said(folder, &release, 0);
    assert!(told.contains("released: the upstream answered 200"), "{told}");
    said(folder, &release, 1);
    assert_eq!(*seen.lock().unwrap(), [good.to_owned(), bad.clone()], "once, byte for byte");

    // One of two that the receiver does not take: whether the frame arrived is for a person to say.
    let two = bad + &good.replace("ADT^A01|1", "ADT^A01|NO4");
    let refused = send(&mut sender, &two);
    let (_, after) = refused.split_once("Kept in quarantine as item ").unwrap();
    let told = said(folder, &["quarantine", "release", &after[..16], "--reason", "CASE-8", "--overrule"], 2);
    assert!(told.contains("uncertain: the upstream answered 500"), "{told}");

    let admin = gateway.address("health and metrics");
    let (status, metrics) = http(admin, "GET", "/metrics", &[], b"");
    assert_eq!(status, 200);
    for line in [
        "eosin_mllp_messages_total{boundary=\"feed\",outcome=\"accepted\"} 1",
        "eosin_mllp_messages_total{boundary=\"feed\",outcome=\"refused\"} 2",
        "eosin_mllp_records_total{boundary=\"feed\",outcome=\"refused\",verdict=\"unreadable\"} 2",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert_eq!(http(admin, "GET", "/readyz", &[], b"").0, 200);
    let output = gateway.stop();
    assert!(!output.contains("Canary") && !output.contains("Zzyzx"), "{output}");
    said(folder, &["ledger", "verify"], 0);
}
