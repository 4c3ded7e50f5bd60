//! What filtering an export costs: NDJSON in pieces, ruled on, recorded and certified, beside the same pieces untouched.
//!
//! `cargo bench -p flow --bench export`. Prints megabytes a second of processor time, least of nine rounds in turns.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench measures time, prints, and stops at the first surprise"
)]

use std::{hint::black_box, sync::Arc, time::Instant};

use flow::{Certifier, Delivered, Flow, Protocol, Reader, Recognition, Setup};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Salt, TrustStore, digest::Hasher, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use recognise::{Recogniser, SUSPECTED_FROM_DECIBITS};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Twelve patients as Synthea writes them, and resources of other types; see `fixtures/fhir/SOURCE.md`.
const PATIENTS: &str = include_str!("../../../fixtures/fhir/patients.ndjson");
const RESOURCES: &str = include_str!("../../../fixtures/fhir/resources.ndjson");
/// As in the gateway.
const PIECE_BYTES: usize = 512 * 1024;
const ROUNDS: usize = 9;
const BYTES: usize = 32 << 20;

/// One way that a file can take.
struct Way {
    name: &'static str,
    flow: Option<Flow>,
    certifies: bool,
    hashes: bool,
}

fn main() {
    let one = format!("{PATIENTS}{RESOURCES}");
    let file: Vec<u8> = one.as_bytes().iter().copied().cycle().take(BYTES / one.len() * one.len()).collect();
    let folder = tempfile::tempdir().unwrap();
    let recognising = || Recognition::new(Some(Recogniser::built_in()), None, SUSPECTED_FROM_DECIBITS);
    let way = |name: &'static str, flow, certifies, hashes| Way { name, flow, certifies, hashes };
    let flow = |at: &str, recognition| Some(made(&folder.path().join(at), recognition));
    let ways = [
        way("pieces copied", None, false, false),
        way("pieces copied, SHA-256", None, false, true),
        way("filtered", flow("a", Recognition::off()), false, false),
        way("filtered, certified", flow("b", Recognition::off()), true, false),
        way("filtered, recognised, certified", flow("c", recognising()), true, false),
    ];
    let mut best = [f64::MAX; 5];
    for _ in 0..ROUNDS {
        for (way, best) in ways.iter().zip(&mut best) {
            let before = processor_seconds();
            black_box(run(way, &file));
            *best = best.min(processor_seconds() - before);
        }
    }
    let lines = file.split(|byte| *byte == b'\n').count() - 1;
    println!("{} MB, {lines} lines of {} bytes", file.len() / 1_000_000, file.len() / lines);
    for (way, seconds) in ways.iter().zip(best) {
        println!("{:<34} {:>8.0} MB/s", way.name, file.len() as f64 / seconds / 1e6);
    }
}

fn run(way: &Way, file: &[u8]) -> u64 {
    let mut rest = file;
    let mut pieces = std::iter::from_fn(|| {
        let end = rest.get(PIECE_BYTES..).and_then(|after| after.iter().position(|byte| *byte == b'\n'));
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |end| PIECE_BYTES + end + 1));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    let Some(flow) = &way.flow else {
        let mut hasher = Hasher::default();
        let mut bytes = 0;
        for piece in pieces {
            let kept = black_box(piece.to_vec());
            if way.hashes {
                hasher.update(&kept);
            }
            bytes += kept.len() as u64;
        }
        black_box(hasher.finish());
        return bytes;
    };
    let file = Delivered {
        route: "export file",
        name: "1.ndjson".to_owned(),
        format: "FHIR R4 NDJSON",
        object: None,
    };
    let id = if way.certifies { flow.delivery_id().unwrap() } else { String::new() };
    let mut delivery = flow.begin_delivery(reader(flow), id, file);
    let mut bytes = 0;
    let mut before = None;
    loop {
        let piece = pieces.next();
        let ruled = piece.map(|piece| flow.rule_lines(&mut delivery, piece).unwrap());
        let is_over = ruled.is_none();
        if let Some(ruled) = std::mem::replace(&mut before, ruled) {
            bytes += black_box(flow.recorded(ruled).unwrap()).len() as u64;
        }
        if is_over {
            return bytes;
        }
    }
}

fn made(folder: &std::path::Path, recognition: Recognition) -> Flow {
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create(folder, signer.clone()).unwrap();
    Flow::new(Setup {
        recognition,
        trust: TrustStore::default(),
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(|| jiff::Timestamp::from_second(1_795_000_000).unwrap()),
        last_at: None,
        limits: carrier::Limits { body_bytes: 1 << 20, records: 10_000 },
    })
    .with_certifier(Certifier::new(signer, Box::new(|| Some(Salt([7; 16])))))
}

fn reader(flow: &Flow) -> Reader {
    let boundary = Arc::new(Boundary {
        name: "feed".to_owned(),
        environment: Environment::Production,
        jurisdiction: "US".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    });
    let hidden = flow.hidden(&boundary, "client");
    Reader { boundary, protocol: Protocol::Fhir { base: String::new() }, client: "client".to_owned(), hidden }
}

/// Processor time of this thread, or wall time where the system does not tell. The ledger's own thread is not in it.
fn processor_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds =
        told.as_deref().and_then(|told| told.split(' ').next()).and_then(|told| told.parse().ok());
    let nanoseconds: Option<f64> = nanoseconds;
    nanoseconds.map_or_else(wall_seconds, |nanoseconds| nanoseconds / 1e9)
}

fn wall_seconds() -> f64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}
