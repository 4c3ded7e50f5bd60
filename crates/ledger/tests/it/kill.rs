//! A hundred writers, each killed in the middle of its work: nothing that was acknowledged is missing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use ledger::{Appender, AppenderConfig, Ledger, Reader, verify};
use mark::digest::sha256;

use crate::key;

/// The child process is this test binary again, told by this variable what to do.
const CHILD: &str = "EOSIN_LEDGER_KILL_FOLDER";
const RUNS: u32 = 100;
const THREADS: u32 = 4;

/// Not a test of its own: the writer that is killed. Without the variable it has nothing to do.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let mut ledger = Ledger::open(Path::new(&folder), key()).unwrap();
    // Some entries the direct way, some through the thread: a kill finds both kinds at work.
    for n in 0..3 {
        for logged in ledger.commit(vec![said("direct", n)], Vec::clone).unwrap() {
            acknowledge(logged.index(), logged.item());
        }
    }
    let config = AppenderConfig { publish_idle: Duration::from_micros(500), ..AppenderConfig::standard() };
    let appender = Arc::new(Appender::start(ledger, config).unwrap());
    let threads = (0..THREADS).map(|thread| {
        let appender = Arc::clone(&appender);
        std::thread::spawn(move || {
            for n in 0.. {
                let bytes = said(&format!("thread {thread}"), n);
                let logged = appender.append(bytes.clone(), bytes).unwrap().wait().unwrap();
                acknowledge(logged.index(), logged.item());
                if n % 16 == thread {
                    appender.publish().unwrap();
                }
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

/// Bytes that name their process, so that no two are alike.
fn said(by: &str, n: u32) -> Vec<u8> {
    format!("{} {by} {n} {}", std::process::id(), ".".repeat(n as usize % 300)).into_bytes()
}

/// One line to the parent, in one write: after this the entry may never be lost.
fn acknowledge(index: u64, entry: &[u8]) {
    let line = format!("\nack {index} {}\n", sha256(&[entry]).to_hex());
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    std::io::stdout().lock().flush().unwrap();
}

#[test]
fn a_hundred_killed_writers_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    drop(Ledger::create(&path, key()).unwrap());
    let mut promised: BTreeMap<u64, String> = BTreeMap::new();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for run in 0..RUNS {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writer", "--nocapture", "--test-threads=1"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after so many acknowledgements, and a little work of ours to land anywhere between two.
        let patience = chance % 32;
        let mut heard = 0;
        while heard < patience {
            let line =
                lines.next().unwrap_or_else(|| panic!("the writer of run {run} ended by itself")).unwrap();
            heard += u64::from(note(&line, &mut promised));
        }
        for _ in 0..chance % 977 {
            std::hint::black_box(sha256(&[&[0; 1024]]));
        }
        child.kill().unwrap();
        // What it had said before it died counts, too; the last line may be cut short.
        for line in lines.map_while(Result::ok) {
            note(&line, &mut promised);
        }
        child.wait().unwrap();
        if run % 10 == 0 {
            assert_eq!(verify(&path, key().verifier()).problem, None, "after run {run}");
        }
    }
    check(&path, &promised);
}

/// Every promise is kept, by the bytes at the index; and the log is longer than what was promised, if at all.
fn check(path: &Path, promised: &BTreeMap<u64, String>) {
    drop(Ledger::open(path, key()).unwrap());
    let reader = Reader::open(path).unwrap();
    let (last, _) = promised.last_key_value().unwrap();
    assert!(reader.size() > *last && promised.len() > RUNS as usize);
    let mut next = 0;
    while next < reader.size() {
        let entries = reader.entries(next..reader.size()).unwrap();
        for (index, entry) in (next..).zip(&entries) {
            if let Some(hash) = promised.get(&index) {
                assert_eq!(sha256(&[entry]).to_hex(), *hash, "entry {index}");
            }
        }
        next += entries.len() as u64;
    }
    assert_eq!(verify(path, key().verifier()).problem, None);
}

/// Notes an acknowledgement; two for one index would be two entries in one place.
fn note(line: &str, promised: &mut BTreeMap<u64, String>) -> bool {
    let Some((index, hash)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) else {
        return false;
    };
    if hash.len() != 64 {
        return false;
    }
    assert_eq!(promised.insert(index.parse().unwrap(), hash.to_owned()), None, "{line}");
    true
}
