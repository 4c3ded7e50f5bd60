//! Messages that others wrote are sealed, marked, judged, and read by parsers that are not ours.
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::{io::Cursor, io::Read as _, path::Path};

use carrier::{
    Labels, Limits, hl7v2,
    table::{Chunks, Format, sniff},
};
use mark::{Reading, Record, TrustStore, judge};
use serde_json::{Value, json};

use crate::{
    peer::ask,
    sealing::{fixture, sealed},
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 10_000 };

fn shared(name: &str) -> Option<Vec<u8>> {
    unzipped(Path::new("hl7v2"), name)
}

/// A file of `../shared/data`, unzipped; nothing where there is none.
pub(crate) fn unzipped(folder: &Path, name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = std::env::var_os("EOSIN_DATA").map_or(beside, Into::into).join(folder).join(name);
    let Ok(file) = std::fs::File::open(path) else {
        println!("skipped: no shared data");
        return None;
    };
    let mut bytes = Vec::new();
    if Path::new(name).extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).take(64 << 20).read_to_end(&mut bytes).unwrap();
    } else {
        file.take(64 << 20).read_to_end(&mut bytes).unwrap();
    }
    Some(bytes)
}

/// All messages of the converter's samples as one file, each with the byte-order mark that it may have.
fn samples() -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("EOSIN_DATA").map_or(beside, Into::into).join("hl7v2/fhir-converter");
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("skipped: no shared data");
        return None;
    };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        all.extend(shared(&format!("fhir-converter/{name}")).unwrap());
        all.push(b'\n');
    }
    Some(all)
}

fn verdicts(file: &[u8], trust: &TrustStore) -> Vec<String> {
    let mut chunks = Chunks::new(Cursor::new(file), sniff(file, "a.hl7", None).unwrap(), LIMITS);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        all.extend(chunk.read().records.iter().map(|reading| judge(reading, trust).to_string()));
    }
    all
}

/// Seals a file of one chunk and gives it back marked.
fn marked(file: &[u8], count: usize) -> (Vec<u8>, TrustStore) {
    let format = sniff(file, "a.hl7", None).unwrap();
    assert_eq!(format, Format::Hl7v2);
    let chunk = Chunks::new(Cursor::new(file), format, LIMITS).next_chunk().unwrap().unwrap();
    let readings = chunk.read().records;
    assert_eq!(readings.len(), count);
    let records: Vec<&Record<'_>> = readings
        .iter()
        .map(|Reading { place, content }| {
            content.as_ref().unwrap_or_else(|reason| panic!("{}: {reason}", place.reference))
        })
        .collect();
    let (labels, trust) = sealed(&records, hl7v2::identity_fields);
    let labels: Vec<Option<Labels>> = labels.into_iter().map(Some).collect();
    (chunk.place(&labels).unwrap(), trust)
}

fn check_intact(file: &[u8], count: usize) -> Vec<u8> {
    let (placed, trust) = marked(file, count);
    assert_eq!(verdicts(&placed, &trust), vec!["synthetic, intact"; count]);
    let unmarked = verdicts(file, &trust);
    assert!(unmarked.iter().all(|verdict| verdict.starts_with("unproven")), "{unmarked:?}");
    ask("hl7v2/parse.py", "hl7, hl7apy", file, &placed, &["20"]);
    placed
}

#[test]
fn messages_of_a_simulated_hospital_are_intact_when_marked() {
    check_intact(&fixture("hl7v2/simhospital.hl7"), 4);
    if let Some(file) = shared("simhospital_messages.out.gz") {
        check_intact(&file, 1013);
    }
}

#[test]
fn samples_of_fifteen_message_types_are_intact_when_marked() {
    let placed = check_intact(&fixture("hl7v2/admit.hl7"), 1);
    assert!(placed.starts_with(b"\xEF\xBB\xBFMSH|"));
    if let Some(file) = samples() {
        check_intact(&file, 139);
    }
}

#[test]
fn changed_moved_and_rerouted_messages_are_told_apart() {
    let (placed, trust) = marked(&fixture("hl7v2/simhospital.hl7"), 4);
    let text = String::from_utf8(placed).unwrap();
    let first = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        verdicts(text.replacen(from, to, 1).as_bytes(), &trust).remove(0)
    };
    let intact = "synthetic, intact";
    assert_eq!(first("|SIMHOSP|SFAC|", "|HUB|ROUTER|"), intact, "routers rewrite MSH");
    assert_eq!(first("|T|2.3|", "|P|2.3|"), intact, "a relabelled message is still proved");
    assert_eq!(first("\rPID|", "\rZXX|9\rPID|"), intact, "a Z segment that the manifest does not name");
    assert_eq!(first("EOSIN&https", "&https"), intact);
    assert_eq!(
        first("|19890118000000|F|", "|19890118000000|F||||||||||"),
        "synthetic, modified since it was sealed"
    );
    assert_eq!(first("\rPID|", "\rNTE|1\rPID|"), "synthetic, modified since it was sealed");
    assert!(first("|19890118000000|", "|19890119000000|").starts_with("transplanted"));
    assert!(first("|eosin1.", "|eosin1.A").starts_with("forged"));
    for another in
        ["PID|2||8^^^H^MR||Other^Person||19700101|M\r", "MRG|8^^^H^MR\r", "MRG|||||||Other^Person\r"]
    {
        // No message of the dataset has such a field: it was added.
        assert!(first("\rPV1|", &format!("\r{another}PV1|")).starts_with("transplanted"), "{another}");
    }
    let mark = text.split("ZEO").nth(1).unwrap().split('\r').next().unwrap();
    assert!(first(&format!("ZEO{mark}\r"), "").starts_with("unproven: it says"));
}

#[test]
fn vectors_of_messages() {
    let file: Value = serde_json::from_slice(&fixture("../spec/vectors/hl7v2.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    for case in cases {
        let message = case["message"].as_str().unwrap();
        let got = match hl7v2::read_message(message.as_bytes(), &LIMITS) {
            Err(_) => json!({ "unreadable": true }),
            Ok(record) => {
                let fields: serde_json::Map<String, Value> = record
                    .fields
                    .iter()
                    .map(|(name, value)| (name.to_string(), json!(value.text())))
                    .collect();
                json!({ "object": record.object, "fields": fields, "mark": record.mark, "claim": format!("{:?}", record.claim) })
            }
        };
        assert_eq!(got, case["reading"], "{message}");
        if let Some(placed) = case.get("placed") {
            let labels = Labels {
                mark_text: "eosin1.AAAA".to_owned(),
                mark_id: "abc234".to_owned(),
                subject: case["subject"].as_str().unwrap().parse().unwrap(),
                authorship: mark::Authorship::Algorithm,
                dataset: Some(carrier::DatasetPointer::DatasetId("dataset7".to_owned())),
            };
            let got = hl7v2::place_message(message.as_bytes(), &labels).unwrap();
            assert_eq!(json!(String::from_utf8(got).unwrap()), *placed, "{message}");
        }
    }
}
