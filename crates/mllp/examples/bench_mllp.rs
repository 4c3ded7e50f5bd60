//! Messages a second over MLLP, with and without Eosin between one set of senders and one receiver, in one run.
//!
//!     cargo run --release -p mllp --example bench_mllp -- [CONNECTIONS …]
//!
//! Each sender has one connection and sends an admission, waits for its answer, and sends the next, for five seconds.
//! Senders, shell, ledger and receiver share the machine. *straight* goes to the receiver; *attested* through a boundary of
//! production that enforces: judged by its mark, its ruling synced to disk, sent on, settled; *refused* has a synthetic mark
//! and ends in AR. The figures are messages answered a second and the time from the first byte sent to the whole answer.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::{net::SocketAddr, sync::Arc, time::Duration};

use carrier::{Labels, hl7v2};
use flow::{Flow, Setup};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::note::SignerKey;
use mllp::{BoundaryConfig, Config, Limits, Mllp, Receiver, Timeouts};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::sealed;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::Instant,
};

const ADMIT: &str = "MSH|^~\\&|LAB|HALL|RIS|WARD|20260102||ADT^A01^ADT_A01|ID|P|2.5\rEVN|A01|20260102\r\
    PID|1||9^^^HOSP^MR||Zzyzx^Canary^^^||19840229|F|||1 Main St^^Anytown^AL^35004||(205)555-0100\r\
    NK1|1|Zzyzx^Ode|SPO\rPV1|1|I|2000^2012^01||||004777^Bell^Ada|||SUR||||ADM|A0\rAL1|1||^PENICILLIN||RASH\r";
const LASTS: Duration = Duration::from_secs(5);
const WARMS: Duration = Duration::from_secs(1);

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let connections = if asked.is_empty() { vec![1, 16, 64, 128, 256] } else { asked };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(&connections));
}

async fn run(connections: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let receiver = receiver().await;
    let bounds = carrier::Limits { body_bytes: 1 << 20, records: 100 };
    let record = || hl7v2::read_message(ADMIT.as_bytes(), &bounds).unwrap();
    let (synthetic, attested) = (sealed::synthetic(&[record()]), sealed::attested(&[record()]));
    let mut trust = synthetic.trust.clone();
    trust.trust(attested.signer.verifier().clone(), [mark::Subject::Attested].into());
    trust.admit(&attested.dataset).unwrap();
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create(&folder.path().join("ledger"), signer).unwrap();
    let flow = Arc::new(Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust,
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(|| jiff::Timestamp::from_second(1_795_000_000).unwrap()),
        last_at: None,
        limits: bounds,
    }));
    let running = Mllp::start(config(receiver), Arc::clone(&flow)).await.unwrap();
    let boundary = running.address("feed").unwrap();
    let marked = |sealed: &sealed::Sealed| {
        let placed = hl7v2::place_message(ADMIT.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
        String::from_utf8(placed).unwrap()
    };
    let cases = [
        ("straight", receiver, ADMIT.to_owned(), "MSA|AA|"),
        ("attested", boundary, marked(&attested), "MSA|AA|"),
        ("refused", boundary, marked(&synthetic), "MSA|AR|"),
    ];
    println!("| connections | path | messages/s | p50 ms | p99 ms | most ms |");
    println!("|---|---|---|---|---|---|");
    for count in connections {
        for (name, address, message, want) in &cases {
            let took = load(*address, message, want, *count).await;
            let at = |share: usize| took[(took.len() * share / 1000).min(took.len() - 1)].as_secs_f64() * 1e3;
            let rate = u32::try_from(took.len()).map_or(f64::INFINITY, f64::from) / LASTS.as_secs_f64();
            println!("| {count} | {name} | {rate:.0} | {:.2} | {:.2} | {:.2} |", at(500), at(990), at(1000));
        }
    }
    let ledger = flow.appender().health();
    println!("\n{} entries in {} commits, all synced", ledger.size, ledger.commits);
    running.stop().await;
}

/// The times of all messages that were answered within the measured time, sorted.
async fn load(address: SocketAddr, message: &str, want: &str, connections: usize) -> Vec<Duration> {
    let begin = Instant::now() + WARMS;
    let end = begin + LASTS;
    let senders: Vec<_> = (0..connections)
        .map(|number| {
            let (message, want) = (message.to_owned(), want.to_owned());
            tokio::spawn(async move { send(address, &message, &want, number, (begin, end)).await })
        })
        .collect();
    let mut took = Vec::new();
    for sender in senders {
        took.extend(sender.await.unwrap());
    }
    took.sort_unstable();
    took
}

async fn send(
    address: SocketAddr,
    message: &str,
    want: &str,
    number: usize,
    (begin, end): (Instant, Instant),
) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut took, mut answer) = (Vec::new(), Vec::with_capacity(4096));
    for count in 0_u64.. {
        let id = format!("{number}.{count}");
        let frame = format!("\u{b}{}\u{1c}\r", message.replacen("|ID|", &format!("|{id}|"), 1));
        let start = Instant::now();
        if start >= end {
            break;
        }
        stream.write_all(frame.as_bytes()).await.unwrap();
        answer.clear();
        while !answer.ends_with(b"\x1c\r") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "it closed");
        }
        let now = Instant::now();
        let said = String::from_utf8_lossy(&answer);
        assert!(said.contains(&format!("{want}{id}")), "{said}");
        if start >= begin && now <= end {
            took.push(now - start);
        }
    }
    took
}

/// Accepts everything, with as little work as it can.
async fn receiver() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut frame = Vec::with_capacity(8192);
                loop {
                    frame.clear();
                    while !frame.ends_with(b"\x1c\r") {
                        if stream.read_buf(&mut frame).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let id = frame.split(|byte| *byte == b'|').nth(9).unwrap_or_default();
                    let head = b"\x0bMSH|^~\\&|RIS|WARD|LAB|HALL|20260102||ACK|1|P|2.5\rMSA|AA|";
                    let answer = [&head[..], id, b"\r\x1c\r"].concat();
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn config(receiver: SocketAddr) -> Config {
    Config {
        boundaries: vec![BoundaryConfig {
            boundary: Boundary {
                name: "feed".to_owned(),
                environment: Environment::Production,
                jurisdiction: "US".to_owned(),
                mode: Mode::Enforce,
                continuity: Continuity::Strict,
                system_of_record: false,
            },
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            sender_roots: Vec::new(),
            danger_plain: false,
            receiver: Receiver {
                host: receiver.ip().to_string(),
                port: receiver.port(),
                tls: false,
                roots: Vec::new(),
            },
        }],
        limits: Limits::SUGGESTED,
        timeouts: Timeouts::SUGGESTED,
        tracer: None,
    }
}
