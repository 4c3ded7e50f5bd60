//! What a registry costs: time to build and to ask, bytes an entry on disk and in memory, its filter's mistakes.
//!
//! `cargo bench -p registry --bench registry -- 10000000`; without a number, a million entries. Beside it the same
//! keys in `SQLite` (through Python, if there is one) and, as a limit, in a sorted array in memory.
//! What is read was just written: the system has it in memory, as on a gateway that runs for a while.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mark::digest::sha256;
use recognise::{Fingerprint, FingerprintKind, KeyId, PersonTag};
use registry::{Additions, Registry, Snapshot};

const KEY: KeyId = KeyId([1; 8]);
const LOOKUPS: u64 = 1_000_000;
const PROOFS: u64 = 2_000;
/// Numbers from here on are absent.
const ABSENT: u64 = 1 << 40;

fn main() {
    // Cargo adds `--bench`; a number is ours.
    let count: u64 = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    println!("| {count} entries | |\n|---|---|");
    let keys = seconds(|| (0..count).for_each(|number| _ = black_box(fingerprint(number))));
    row("making the keys (in both below)", &format!("{keys:.2} s"));
    let build = seconds(|| _ = add(folder.path(), 0..count));
    row("build", &format!("{build:.2} s, {:.0} entries/s without the keys", count as f64 / (build - keys)));
    row("peak memory of the build", &mebibytes(peak_memory()));
    let more = (count / 100).max(1);
    let merge = seconds(|| _ = add(folder.path(), count..count + more));
    row("merge 1 % more", &format!("{merge:.2} s"));
    let count = count + more;

    let generation = 2;
    let table = std::fs::metadata(folder.path().join("table")).unwrap().len();
    let filter = std::fs::metadata(folder.path().join(format!("filter-{generation}"))).unwrap().len();
    let each = |bytes: u64| format!("{:.3} bytes an entry", bytes as f64 / count as f64);
    row("table on disk", &each(table));
    row("filter on disk", &each(filter));
    let open = seconds(|| drop(Registry::open(folder.path()).unwrap().unwrap()));
    row("open", &format!("{:.1} ms", open * 1e3));
    let registry = Registry::open(folder.path()).unwrap().unwrap();
    row("memory", &each(registry.memory_bytes() as u64));
    ask(&registry, count);
    let verify = seconds(|| _ = registry.verify().unwrap());
    row("verify everything", &format!("{verify:.2} s"));
    drop(registry);
    std::fs::remove_file(folder.path().join(format!("filter-{generation}"))).unwrap();
    let rebuilt = seconds(|| drop(Registry::open(folder.path()).unwrap().unwrap()));
    row("open, filter made again", &format!("{rebuilt:.2} s"));
    drop(folder);
    limit(count);
    sqlite(count);
}

fn ask(registry: &Registry, count: u64) {
    let find = |numbers: std::ops::Range<u64>, found: bool| {
        let asked = numbers.end - numbers.start;
        let keys = seconds(|| numbers.clone().for_each(|number| _ = black_box(fingerprint(number))));
        let all = seconds(|| {
            for number in numbers.clone() {
                let one = registry.find(&[(FingerprintKind::Email, fingerprint(number))]).unwrap();
                assert_eq!(one.is_some(), found);
            }
        });
        format!("{:.0} /s", asked as f64 / (all - keys))
    };
    row("find, absent", &find(ABSENT..ABSENT + LOOKUPS, false));
    // The numbers' fingerprints lie anywhere in the table, so going up means jumping about.
    row("find, present", &find(0..count.min(LOOKUPS), true));
    let mistakes =
        (ABSENT..ABSENT + LOOKUPS).filter(|number| registry.may_hold(fingerprint(*number))).count();
    row("filter's false positives", &format!("{:.4} %", 100.0 * mistakes as f64 / LOOKUPS as f64));
    for (name, first) in [("prove, present", 0), ("prove, absent", ABSENT)] {
        let asked = PROOFS.min(count);
        let mut bytes = 0;
        let prove = seconds(|| {
            for number in first..first + asked {
                bytes += registry.prove(fingerprint(number)).unwrap().to_json().len();
            }
        });
        let each = |total: f64| total / asked as f64;
        row(name, &format!("{:.0} µs, {:.0} bytes", each(prove * 1e6), each(bytes as f64)));
    }
}

/// The least that a lookup could cost: a binary search in memory, all of it there.
fn limit(count: u64) {
    let mut entries: Vec<[u8; 16]> = (0..count).map(|number| fingerprint(number).0).collect();
    entries.sort_unstable();
    for (name, first) in
        [("limit: binary search in memory, absent", ABSENT), ("limit: binary search in memory, present", 0)]
    {
        let asked = LOOKUPS.min(count);
        let numbers = first..first + asked;
        let keys = seconds(|| numbers.clone().for_each(|number| _ = black_box(fingerprint(number))));
        let all = seconds(|| {
            for number in numbers.clone() {
                assert_eq!(entries.binary_search(&fingerprint(number).0).is_ok(), first == 0);
            }
        });
        row(name, &format!("{:.0} /s, 16 bytes an entry", asked as f64 / (all - keys)));
    }
}

fn sqlite(count: u64) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sqlite.py");
    match Command::new("python3").args([script, &count.to_string(), &LOOKUPS.to_string()]).output() {
        Ok(output) if output.status.success() => print!("{}", String::from_utf8_lossy(&output.stdout)),
        Ok(output) => println!("skipped SQLite: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("skipped SQLite: {error}"),
    }
}

fn add(folder: &Path, numbers: std::ops::Range<u64>) -> Snapshot {
    let mut additions = Additions::begin(folder, KEY).unwrap();
    for number in numbers {
        additions.add(fingerprint(number), PersonTag((number / 4).to_be_bytes())).unwrap();
    }
    additions.commit().unwrap()
}

/// As uniform as an HMAC; `SQLite` gets the same.
fn fingerprint(number: u64) -> Fingerprint {
    let digest = sha256(&[&number.to_be_bytes()]);
    Fingerprint(*digest.as_bytes().first_chunk().unwrap())
}

fn seconds(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

/// The most memory that this process ever had, in bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}

fn row(name: &str, value: &str) {
    println!("| {name} | {value} |");
}
