//! What reading and labelling a file costs, as ratios to parsing it barely and hashing it, in one run.
//!
//! `cargo bench -p carrier --bench table`. Prints MB/s of the unmarked file, the best of several rounds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{fmt::Write as _, hint::black_box, time::Instant};

use carrier::{
    DatasetPointer, Labels, Limits,
    table::{Chunk, Chunks, Format},
};
use mark::digest::sha256;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 9;
const ROWS: usize = 40_000;
const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1_000_000 };

const PLAIN: &str =
    "Id,PREFIX,FIRST,LAST,BIRTHDATE,GENDER,SSN,ADDRESS,CITY,STATE,ZIP,PHONE,EMAIL,INCOME,NOTE";
const SALESFORCE: &str = "Ext__c,Salutation,FirstName,LastName,Birthdate,Gender__c,Ssn__c,MailingStreet,MailingCity,MailingState,MailingPostalCode,Phone,Email,Income__c,Description";

fn main() {
    println!("| MB/s, best of {ROUNDS} | CSV | Salesforce CSV | FHIR NDJSON |");
    println!("|---|---|---|---|");
    let plain = table(PLAIN);
    let salesforce = table(SALESFORCE);
    let lines = patients();
    let csv = measure(&plain, &Format::Table { object: "people".to_owned(), delimiter: b',' }, bare_csv);
    let rows = measure(&salesforce, &Format::SalesforceCsv { object: "Contact".to_owned() }, bare_csv);
    let fhir = measure(&lines, &Format::FhirLines, bare_lines);
    for (at, name) in [
        "bare parse (csv, serde_json)",
        "SHA-256",
        "cut into chunks",
        "cut and read, together",
        "cut and read, one by one",
        "place",
        "select",
    ]
    .into_iter()
    .enumerate()
    {
        let speed = |(bytes, seconds): &(usize, [f64; 7])| {
            seconds.get(at).map_or(0.0, |seconds| *bytes as f64 / 1e6 / seconds)
        };
        println!("| {name} | {:.0} | {:.0} | {:.0} |", speed(&csv), speed(&rows), speed(&fhir));
    }
    let ratio = |(_, [bare, hash, _, _, read, place, _]): &(usize, [f64; 7])| (read + place) / (bare + hash);
    println!(
        "| (read one by one + place) / (bare parse + SHA-256), time | {:.2} | {:.2} | {:.2} |",
        ratio(&csv),
        ratio(&rows),
        ratio(&fhir)
    );
}

fn measure(file: &[u8], format: &Format, bare: fn(&[u8])) -> (usize, [f64; 7]) {
    let cut = || chunks(file, format);
    let all = cut();
    let counts: Vec<usize> = all.iter().map(|chunk| chunk.read().records.len()).collect();
    let labels: Vec<Vec<Option<Labels>>> = counts.iter().map(|count| vec![Some(labels()); *count]).collect();
    let keep: Vec<Vec<bool>> =
        counts.iter().map(|count| (0..*count).map(|row| row % 2 == 0).collect()).collect();
    let seconds = [
        best(|| bare(file)),
        best(|| {
            black_box(sha256(&[file]));
        }),
        best(|| drop(black_box(cut()))),
        best(|| cut().iter().for_each(|chunk| drop(black_box(chunk.read())))),
        best(|| cut().iter().for_each(|chunk| chunk.readings().for_each(|reading| drop(black_box(reading))))),
        best(|| {
            for (chunk, labels) in all.iter().zip(&labels) {
                black_box(chunk.place(labels).unwrap());
            }
        }),
        best(|| {
            for (chunk, keep) in all.iter().zip(&keep) {
                black_box(chunk.select(keep).unwrap());
            }
        }),
    ];
    (file.len(), seconds)
}

fn chunks(file: &[u8], format: &Format) -> Vec<Chunk> {
    let mut chunks = Chunks::new(file, format.clone(), LIMITS);
    std::iter::from_fn(|| chunks.next_chunk().unwrap()).collect()
}

fn best(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn bare_csv(file: &[u8]) {
    let mut reader = csv::Reader::from_reader(file);
    let mut row = csv::ByteRecord::new();
    while reader.read_byte_record(&mut row).unwrap() {
        black_box(&row);
    }
}

fn bare_lines(file: &[u8]) {
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        black_box(serde_json::from_slice::<serde_json::Value>(line).unwrap());
    }
}

fn labels() -> Labels {
    Labels {
        mark_text: format!("eosin1.{}", "A".repeat(700)),
        mark_id: "abcdefghijklmnopqrstuvwxyz".to_owned(),
        subject: mark::Subject::Synthetic,
        authorship: mark::Authorship::Algorithm,
        dataset: Some(DatasetPointer::DatasetId("abcdefghijklmnopqrstuvwxyz".to_owned())),
    }
}

fn table(header: &str) -> Vec<u8> {
    let mut text = format!("{header}\n");
    for row in 0..ROWS {
        let day = row % 28 + 1;
        writeln!(
            text,
            "{row:08},Mrs.,Ada{row},Bell{row},1984-02-{day:02},F,999-00-{:04},\"{row} Kuhn Rapid, Unit 34\",Haverhill,MA,01830,555-555-0100,ada{row}@example.com,{}.5,Likes to be called in the morning",
            row % 10_000,
            row * 3
        )
        .unwrap();
    }
    text.into_bytes()
}

fn patients() -> Vec<u8> {
    let mut text = String::new();
    for row in 0..ROWS / 4 {
        writeln!(
            text,
            r#"{{"resourceType":"Patient","id":"p{row}","extension":[{{"url":"http://example.org/birthsex","valueCode":"F"}}],"identifier":[{{"system":"http://hospital.example.org","value":"{row:08}"}}],"name":[{{"use":"official","family":"Bell{row}","given":["Ada{row}","Xenia"],"prefix":["Mrs."]}}],"telecom":[{{"system":"phone","value":"555-555-0100","use":"home"}}],"gender":"female","birthDate":"1984-02-29","address":[{{"line":["{row} Kuhn Rapid Unit 34"],"city":"Haverhill","state":"MA","postalCode":"01830","country":"US"}}],"maritalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"M","display":"Married"}}],"text":"Married"}},"multipleBirthBoolean":false}}"#
        )
        .unwrap();
    }
    text.into_bytes()
}
