//! HL7 v2 messages read and marked a second, beside cutting the same bytes at CR and `|` and doing nothing with them.
//!
//! `cargo bench -p carrier --bench hl7v2`: one table; the messages are those of `fixtures/hl7v2`, repeated.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints a table, and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use carrier::{
    DatasetPointer, Labels, Limits, hl7v2,
    table::{Chunks, Format},
};
use mark::{Authorship, Subject};

const MESSAGES: &[u8] = include_bytes!("../../../fixtures/hl7v2/simhospital.hl7");
const MESSAGE_COUNT: usize = 4;
const COPIES: usize = 1000;
/// Each line is the median of so many turns.
const ROUNDS: usize = 7;
const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: usize::MAX };

fn main() {
    let file = MESSAGES.repeat(COPIES);
    let labels = Labels {
        mark_text: format!("eosin1.{}", "A".repeat(500)),
        mark_id: "abcdefghijklmnopqrstuvwxyz".to_owned(),
        subject: Subject::Synthetic,
        authorship: Authorship::Algorithm,
        dataset: Some(DatasetPointer::DatasetId("abcdefghijklmnopqrstuvwxyz".to_owned())),
    };
    let all = vec![labels; MESSAGE_COUNT * COPIES];
    println!("{} messages, {} bytes, median of {ROUNDS}\n", all.len(), file.len());
    let bare = median(|| {
        let fields = file.split(|byte| *byte == b'\r').map(|line| line.split(|byte| *byte == b'|').count());
        black_box(fields.sum::<usize>());
    });
    let cut = median(|| {
        let mut chunks = Chunks::new(file.as_slice(), Format::Hl7v2, LIMITS);
        while let Some(chunk) = chunks.next_chunk().unwrap() {
            black_box(&chunk);
        }
    });
    let read = median(|| {
        black_box(hl7v2::read(&file, &LIMITS));
    });
    let place = median(|| {
        black_box(hl7v2::place(&file, &all).unwrap());
    });
    for (what, time) in [("cut at CR and |", bare), ("a stream cut", cut), ("read", read), ("placed", place)]
    {
        println!(
            "{what:>16} {:>12.0} messages/s {:>8.0} MB/s {:>6.2} of bare",
            all.len() as f64 / time.as_secs_f64(),
            file.len() as f64 / 1e6 / time.as_secs_f64(),
            bare.as_secs_f64() / time.as_secs_f64(),
        );
    }
}

fn median(work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort();
    times.get(ROUNDS / 2).copied().unwrap()
}
