//! What reading and marking a Parquet file costs, beside a bare read of the same file, in one run.
//!
//! `cargo bench -p columnar --bench parquet`. Prints thousands of rows a second, the best of several rounds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{hint::black_box, sync::Arc, time::Instant};

use carrier::{Labels, Limits};
use columnar::{Chunk, ParquetFile, Writer};
use parquet::{
    basic::Compression,
    data_type::{ByteArray, ByteArrayType, Int32Type},
    file::{
        properties::WriterProperties,
        reader::{FileReader as _, SerializedFileReader},
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};

const ROUNDS: usize = 5;
const ROWS: usize = 100_000;
const COLUMNS: usize = 8;
const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1_000_000 };

fn main() {
    let file = made();
    let chunks = chunks(&file);
    let labels = |chunk: &Chunk| vec![Some(labels()); chunk.read().records.len()];
    let all: Vec<Vec<Option<Labels>>> = chunks.iter().map(labels).collect();
    let source = opened(&file);
    println!("| thousand rows a second, {COLUMNS} columns, best of {ROUNDS} | |");
    println!("|---|---|");
    let say = |name: &str, seconds: f64| println!("| {name} | {:.0} |", ROWS as f64 / 1e3 / seconds);
    say("bare read of every row by the library", best(|| bare(&file)));
    say("chunks", best(|| drop(black_box(self::chunks(&file)))));
    say(
        "chunks and their records",
        best(|| self::chunks(&file).iter().for_each(|chunk| drop(black_box(chunk.read())))),
    );
    say(
        "labels placed, written",
        best(|| {
            let mut writer = Writer::begin(Vec::new(), source.source(), Some("set")).unwrap();
            for (chunk, labels) in chunks.iter().zip(&all) {
                writer.place(chunk, labels).unwrap();
            }
            black_box(writer.finish().unwrap());
        }),
    );
}

fn bare(file: &[u8]) {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(file)).unwrap();
    for row in reader.get_row_iter(None).unwrap() {
        black_box(row.unwrap());
    }
}

fn opened(file: &[u8]) -> ParquetFile {
    ParquetFile::in_memory(file.to_vec(), "people", LIMITS).unwrap()
}

fn chunks(file: &[u8]) -> Vec<Chunk> {
    let mut file = opened(file);
    std::iter::from_fn(|| file.next_chunk().unwrap()).collect()
}

fn best(mut work: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

fn labels() -> Labels {
    Labels {
        mark_text: format!("eosin1.{}", "A".repeat(700)),
        mark_id: "abcdefghijklmnopqrstuvwxyz".to_owned(),
        subject: mark::Subject::Synthetic,
        authorship: mark::Authorship::Algorithm,
        dataset: None,
    }
}

fn made() -> Vec<u8> {
    let texts: String =
        (1..COLUMNS).map(|at| format!("OPTIONAL BINARY c{at} (UTF8);")).collect::<Vec<_>>().concat();
    let schema = parse_message_type(&format!("message m {{ REQUIRED INT32 id; {texts} }}")).unwrap();
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let ids: Vec<i32> = (0..i32::try_from(ROWS).unwrap()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int32Type>().write_batch(&ids, None, None).unwrap();
    column.close().unwrap();
    for at in 1..COLUMNS {
        let values: Vec<ByteArray> = (0..ROWS)
            .map(|row| ByteArray::from(format!("{} Kuhn Rapid {at}", row % (at * 900)).as_str()))
            .collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&vec![1; ROWS]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}
