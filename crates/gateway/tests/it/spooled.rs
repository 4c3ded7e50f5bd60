//! Uploads that are longer than is held: on disk until they are ruled on, whole or not at all.

use std::io::Write as _;

use gateway::SpoolConfig;
use policy::Mode;
use serde_json::Value;
use testkit::upstream::{Reply, Upstream};

use crate::scene::{ADA, Answer, EVE, Scene, request};

const JOBS: &str = "/services/data/v67.0/jobs/ingest";
const JOB: &str =
    r#"{"id":"7505000000000EAAAQ","operation":"insert","object":"Contact","columnDelimiter":"COMMA"}"#;
const MEBIBYTE: usize = 1 << 20;

/// An org that makes one job and takes its upload.
fn org() -> Upstream {
    Upstream::start(
        |received| {
            if received.method == "POST" { Reply::json(200, JOB) } else { Reply::json(201, "") }
        },
    )
}

/// A gateway that holds 1 MiB and has this much room on disk, with the job made through it.
fn scene(upstream: &Upstream, room: usize) -> Scene {
    let scene = Scene::with(upstream, |config| {
        config.boundaries[0].boundary.mode = Mode::Enforce;
        config.spool = Some(SpoolConfig { folder: std::env::temp_dir(), bytes: room as u64 });
    });
    let made = scene.ask("POST", JOBS, &[("content-type", "application/json")], br#"{"object":"Contact"}"#);
    assert_eq!(made.status, 200, "{}", made.text());
    scene
}

/// Rows of a table: header, and one line a record.
fn table(records: &[&str]) -> (String, Vec<String>) {
    let parsed: Vec<Value> = records.iter().map(|record| serde_json::from_str(record).unwrap()).collect();
    let names: Vec<&String> =
        parsed[0].as_object().unwrap().keys().filter(|name| !name.ends_with("__r")).collect();
    let header = names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(",") + "\n";
    let line = |record: &Value| {
        let cells = names.iter().map(|name| match &record[name.as_str()] {
            Value::String(text) => text.clone(),
            other
            @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                other.to_string()
            }
        });
        cells.collect::<Vec<_>>().join(",") + "\n"
    };
    (header, parsed.iter().map(line).collect())
}

/// Sends an upload piece by piece, so that this process does not hold it either.
fn upload(scene: &Scene, header: &str, line: &str, count: usize, last: &str) -> Answer {
    let length = header.len() + line.len() * count + last.len();
    let target = format!("{JOBS}/7505000000000EAAAQ/batches");
    let head = request(
        "PUT",
        &target,
        &[("content-type", "text/csv"), ("content-length", &length.to_string())],
        b"",
    );
    let mut stream = scene.connect();
    stream.write_all(&head).unwrap();
    stream.write_all(header.as_bytes()).unwrap();
    let block = line.repeat(1000);
    for _ in 0..count / 1000 {
        // Who is refused early is not listened to any more.
        if stream.write_all(block.as_bytes()).is_err() {
            break;
        }
    }
    stream.write_all(line.repeat(count % 1000).as_bytes()).ok();
    stream.write_all(last.as_bytes()).ok();
    Answer::read(&mut stream)
}

fn people(scene: &Scene) -> (String, String, String) {
    let attested = Scene::marked(&scene.attested, 0, ADA);
    let synthetic = Scene::marked(&scene.synthetic, 1, EVE);
    let (header, mut lines) = table(&[&attested, &synthetic]);
    let synthetic = lines.pop().unwrap();
    (header, lines.pop().unwrap(), synthetic)
}

#[test]
fn a_long_upload_is_sent_on_byte_for_byte_or_not_at_all() {
    let upstream = org();
    let scene = scene(&upstream, 64 * MEBIBYTE);
    let (header, attested, synthetic) = people(&scene);
    let count = 24 * MEBIBYTE / attested.len();
    let answer = upload(&scene, &header, &attested, count, &attested);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let sent = upstream.wait_for(2)[1].clone();
    assert_eq!(sent.body_bytes, (header.len() + attested.len() * (count + 1)) as u64);

    let answer = upload(&scene, &header, &attested, count, &synthetic);
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(answer.text().contains("EOSIN_BLOCKED"), "{}", answer.text());
    assert_eq!(upstream.received().len(), 2, "nothing of it was sent on");

    let (_, entries) = scene.stop();
    let rulings: Vec<&Value> = entries.iter().filter(|entry| entry["route"] == "bulk upload").collect();
    assert_eq!(rulings[0]["counts"]["attested"], count + 1);
    assert_eq!(rulings[1]["counts"]["attested"], count);
    assert_eq!(rulings[1]["counts"]["synthetic"], 1);
}

#[test]
fn an_upload_without_room_is_told_to_come_back() {
    let upstream = org();
    let scene = scene(&upstream, 4 * MEBIBYTE);
    let (header, attested, _) = people(&scene);
    let answer = upload(&scene, &header, &attested, 8 * MEBIBYTE / attested.len(), "");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert_eq!(upstream.received().len(), 1);
    // The room is free again.
    let answer = upload(&scene, &header, &attested, 2 * MEBIBYTE / attested.len(), "");
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn without_a_place_for_it_a_long_upload_is_unreadable() {
    let upstream = org();
    let scene = Scene::enforcing(&upstream);
    scene.ask("POST", JOBS, &[("content-type", "application/json")], br#"{"object":"Contact"}"#);
    let (header, attested, _) = people(&scene);
    let answer = upload(&scene, &header, &attested, 2 * MEBIBYTE / attested.len(), "");
    assert_eq!(answer.status, 403, "{}", answer.text());
}
