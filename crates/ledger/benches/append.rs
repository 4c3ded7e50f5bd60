//! Durable entries a second and receipt times, against a plain sequential writer on the same disk.
//!
//! `cargo bench -p ledger`: one table, one run; set `EOSIN_BENCH_FOLDER` to measure another disk.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench measures time, prints a table, and stops at the first surprise"
)]

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ledger::{Appender, AppenderConfig, GROUP_ENTRIES_MAX, Ledger, verify};
use mark::note::SignerKey;

/// As long as a ruling of one HTTP response.
const ENTRY_BYTES: usize = 500;
const APPENDERS: [usize; 3] = [1, 64, 1024];
/// Ours and the plain writers take turns; each column is the median of so many turns, for the disk is shared with
/// whatever else the machine does.
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_secs(1);

fn main() {
    let folder = std::env::var_os("EOSIN_BENCH_FOLDER")
        .map_or_else(|| tempfile::tempdir().unwrap().keep(), PathBuf::from);
    println!("{ENTRY_BYTES}-byte entries, median of {ROUNDS} turns of {TURN:?}\n");
    println!(
        "{:>9} | {:>12} {:>9} {:>9} {:>6} | {:>14} {:>6} | {:>14} {:>6}",
        "appenders", "entries/s", "p50", "p99", "group", "1 an fsync", "ratio", "same groups", "ratio"
    );
    for appenders in APPENDERS {
        let rows: Vec<Row> = (0..ROUNDS).map(|round| measure(&folder, appenders, round)).collect();
        let median = |column: fn(&Row) -> f64| {
            let mut values: Vec<f64> = rows.iter().map(column).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let (ours, single, grouped) =
            (median(|row| row.ours.per_second), median(|row| row.single), median(|row| row.grouped));
        println!(
            "{appenders:>9} | {ours:>12.0} {:>6.2} ms {:>6.2} ms {:>6.1} | {single:>14.0} {:>5.2}x | {grouped:>14.0} {:>5.2}x",
            median(|row| row.ours.p50.as_secs_f64() * 1000.0),
            median(|row| row.ours.p99.as_secs_f64() * 1000.0),
            median(|row| row.ours.group),
            ours / single,
            ours / grouped,
        );
    }
}

struct Row {
    ours: Measured,
    single: f64,
    grouped: f64,
}

struct Measured {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    /// Entries a commit, on average.
    group: f64,
}

/// Ours and both plain writers, one right after the other.
fn measure(folder: &Path, appenders: usize, round: usize) -> Row {
    let ours = append(&folder.join(format!("ledger-{appenders}-{round}")), appenders);
    let single = plain(&folder.join("plain"), 1);
    // The plain writer gets the groups that our appender found, so that both sync as often.
    let grouped = plain(&folder.join("plain"), ours.group.round().max(1.0) as usize);
    Row { ours, single, grouped }
}

/// Each appender waits for its receipt before it sends the next entry.
fn append(path: &Path, appenders: usize) -> Measured {
    let key = SignerKey::generate("bench.example", [3; 32]).unwrap();
    let ledger = Ledger::create(path, key.clone()).unwrap();
    let appender = Appender::start(ledger, AppenderConfig::standard()).unwrap();
    let started = Instant::now();
    let until = started + TURN;
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let appender = &appender;
        let threads = (0..appenders).map(|thread| {
            let work = move || {
                let mut times = Vec::new();
                let mut entry = vec![b'x'; ENTRY_BYTES];
                while Instant::now() < until {
                    entry[..8].copy_from_slice(&(thread as u64).to_be_bytes());
                    let sent = Instant::now();
                    drop(appender.append((), entry.clone()).unwrap().wait().unwrap());
                    times.push(sent.elapsed());
                }
                times
            };
            std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, work).unwrap()
        });
        threads.collect::<Vec<_>>().into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let elapsed = started.elapsed();
    let group = appender.health().size as f64 / appender.health().commits as f64;
    drop(appender.close().unwrap());
    assert_eq!(verify(path, key.verifier()).problem, None);
    times.sort_unstable();
    Measured {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        group: group.min(GROUP_ENTRIES_MAX as f64),
    }
}

/// Appends the same bytes to one file, with an fdatasync after each group.
fn plain(path: &Path, group: usize) -> f64 {
    let mut file = File::create(path).unwrap();
    let bytes = vec![b'x'; ENTRY_BYTES * group];
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < TURN / 2 {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
        count += group;
    }
    count as f64 / started.elapsed().as_secs_f64()
}
