//! FHIR resources are sealed, marked, and read by a library that is not ours.

use std::{io::Cursor, path::Path};

use carrier::{
    Labels, Limits, fhir,
    table::{Chunks, Format},
};
use mark::{Reading, Record, judge};

use crate::{
    hl7v2::unzipped,
    peer::ask,
    sealing::{fixture, sealed},
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 10_000 };

/// Marks a file of one resource a line, judges it, and asks `tests/fhir/parse.py` about both.
fn check(file: &[u8], least: usize) {
    let mut chunks = Chunks::new(Cursor::new(file), Format::FhirLines, LIMITS);
    let (mut before, mut after, mut count) = (Vec::new(), Vec::new(), 0);
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        let readings = chunk.read().records;
        let records: Vec<&Record<'_>> =
            readings.iter().map(|reading| reading.content.as_ref().unwrap()).collect();
        let (labels, trust) = sealed(&records, fhir::identity_elements);
        count += labels.len();
        let labels: Vec<Option<Labels>> = labels.into_iter().map(Some).collect();
        let placed = chunk.place(&labels).unwrap();
        let mut marked = Chunks::new(Cursor::new(placed.as_slice()), Format::FhirLines, LIMITS);
        while let Some(chunk) = marked.next_chunk().unwrap() {
            for reading in chunk.read().records {
                let Reading { place, .. } = &reading;
                assert_eq!(judge(&reading, &trust).to_string(), "synthetic, intact", "{}", place.reference);
            }
        }
        before.extend(chunk.select(&vec![true; labels.len()]).unwrap());
        after.extend(placed);
    }
    assert!(count >= least, "{count} resources");
    ask("fhir/parse.py", "fhirclient", &before, &after, &[]);
}

#[test]
fn a_library_reads_marked_resources_as_it_read_them_unmarked() {
    check(&fixture("fhir/patients.ndjson"), 12);
    check(&fixture("fhir/resources.ndjson"), 5);
    for name in ["Patient", "Practitioner", "Location", "Device"] {
        if let Some(file) = unzipped(Path::new("synthea/bulk-fhir-1000"), &format!("{name}.ndjson.gz")) {
            check(&file, 800);
        }
    }
}
