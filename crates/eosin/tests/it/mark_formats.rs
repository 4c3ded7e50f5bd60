//! Formats beside JSON and CSV: HL7 v2 messages and Parquet files marked whole.

use std::fs;

use crate::{
    files::{fixture, judged, set_up},
    mark_folders::{contents, marked},
};

#[test]
fn messages_are_marked_as_their_simulator_made_them() {
    let folder = set_up();
    let at = folder.path();
    let message = |number: u32| {
        format!(
            "MSH|^~\\&|SIMHOSP|SFAC|RAPP|RFAC|20200501140643||ADT^A01|{number}|T|2.3\r\
             PID|1||{number}^^^SIMULATOR MRN^MRN||Bell{number}^Ada||19840229|F\r"
        )
    };
    let all: Vec<String> = (1..=20).map(message).collect();
    fs::write(at.join("feed.hl7"), all.join("\n")).unwrap();
    let told = marked(at, &["feed.hl7", "--out", "out.hl7", "--dataset", "feed"], 0);
    assert_eq!(told["source"]["name"], "Simulated Hospital", "{told}");
    assert_eq!(judged(at, &["out.hl7", "--config", "eosin.toml"]).1, "20 synthetic");
}

#[test]
fn rows_of_a_parquet_file_keep_their_columns_and_are_intact() {
    let folder = set_up();
    let at = folder.path();
    fs::create_dir(at.join("from")).unwrap();
    fs::copy(fixture("parquet/people.parquet"), at.join("from/people.parquet")).unwrap();
    for out in ["one", "two"] {
        let told =
            marked(at, &["from", "--out", out, "--dataset", "d", "--generator", "g", "--seed", "1"], 0);
        assert!(told["records"]["people"].as_u64().unwrap() > 0, "{told}");
    }
    assert_eq!(contents(&at.join("one")), contents(&at.join("two")), "the same seed, the same bytes");

    let dataset = mark::DatasetFile::parse(&fs::read(at.join("one.dataset.json")).unwrap()).unwrap();
    let mut trust = mark::TrustStore::default();
    let key = fs::read_to_string(at.join("keys/ledger.vkey")).unwrap();
    trust.trust(
        mark::note::VerifierKey::parse(key.trim()).unwrap(),
        [mark::Subject::Synthetic].into_iter().collect(),
    );
    trust.admit(&dataset).unwrap();
    let limits = carrier::Limits { body_bytes: 1 << 20, records: 1000 };
    let open = |path| columnar::ParquetFile::open(fs::File::open(path).unwrap(), "people", limits).unwrap();
    let before = open(at.join("from/people.parquet"));
    let mut after = open(at.join("one/people.parquet"));
    assert_eq!(after.rows(), before.rows());
    let names = |file: &columnar::ParquetFile| file.source().names().map(str::to_owned).collect::<Vec<_>>();
    let (kept, all) = (names(&before), names(&after));
    assert!(kept.iter().all(|name| all.contains(name)), "{kept:?} in {all:?}");
    let mut intact = 0;
    while let Some(chunk) = after.next_chunk().unwrap() {
        for reading in chunk.read().records {
            let verdict = mark::judge(&reading, &trust);
            let proof = verdict.proof().unwrap_or_else(|| panic!("{}: {verdict:?}", reading.place.reference));
            assert_eq!(
                (proof.subject(), proof.integrity()),
                (mark::Subject::Synthetic, mark::Integrity::Intact)
            );
            intact += 1;
        }
    }
    assert_eq!(intact, before.rows());
    let croissant = fs::read_to_string(at.join("one.croissant.json")).unwrap();
    assert!(croissant.contains("application/x-parquet"));
}
