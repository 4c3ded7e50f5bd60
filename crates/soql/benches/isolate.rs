//! Statements read, printed and isolated a second, beside finding the words of the same bytes and doing nothing with them.
//!
//! `cargo bench -p soql`: one table; the statements are those of `fixtures/soql`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints a table, and stops at the first surprise"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use soql::{Bearing, Hidden, Marks, Query, Schema, Unknown, isolate, parse, print};

const STATEMENTS: &str = include_str!("../../../fixtures/soql/statements.txt");
const TURNS: usize = 200;
/// Each line is the median of so many rounds.
const ROUNDS: usize = 9;

fn main() {
    let (read, _) = STATEMENTS.split_once("\n--- refused\n").unwrap();
    let queries: Vec<&str> = read.lines().filter(|line| parse(line).is_ok()).collect();
    let mut schema = Schema::standard()
        .unstated_objects(Unknown::AssumedToBear)
        .unknown_relationships(Unknown::AssumedToBear);
    schema.set("Account", Bearing::Fields).set("Contact", Bearing::Fields);
    let hidden = Hidden::synthetic().marks(Marks::Asked);
    let isolable: Vec<&str> =
        queries.iter().filter(|text| isolate(text, &hidden, &schema).is_ok()).copied().collect();
    println!("{} statements, {} of them isolated; median of {ROUNDS}\n", queries.len(), isolable.len());
    let trees: Vec<Query> = queries.iter().map(|text| parse(text).unwrap()).collect();
    let bytes: usize = queries.iter().map(|text| text.len()).sum();
    let isolated_bytes: usize = isolable.iter().map(|text| text.len()).sum();
    let words = median(|| {
        for text in &queries {
            black_box(text.split_ascii_whitespace().count());
        }
    });
    let parsed = median(|| {
        for text in &queries {
            black_box(parse(text).unwrap());
        }
    });
    let printed = median(|| {
        for tree in &trees {
            black_box(print(tree));
        }
    });
    let isolated = median(|| {
        for text in &isolable {
            black_box(isolate(text, &hidden, &schema).unwrap());
        }
    });
    for (what, time, bytes, count) in [
        ("words counted", words, bytes, queries.len()),
        ("parsed", parsed, bytes, queries.len()),
        ("printed", printed, bytes, queries.len()),
        ("isolated", isolated, isolated_bytes, isolable.len()),
    ] {
        let seconds = time.as_secs_f64() / TURNS as f64;
        println!(
            "{what:>14} {:>8.1} MB/s {:>10.0} statements/s {:>7.2} us each",
            bytes as f64 / 1e6 / seconds,
            count as f64 / seconds,
            seconds * 1e6 / count as f64,
        );
    }
}

fn median(work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..TURNS {
                work();
            }
            start.elapsed()
        })
        .collect();
    times.sort();
    times.get(ROUNDS / 2).copied().unwrap()
}
