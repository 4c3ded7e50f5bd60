//! Webhook fan-out: events posted to their consumers straight, and through a gateway that rules on each and signs it.
//!
//! `cargo run --release -p gateway --example bench_webhook -- [--quick]`. Everything is one process on loopback: senders,
//! gateway and the two consumers share its processors, so the figures are for comparing with each other. A batch of ten
//! holds five events of each class, which the gateway sends on as two deliveries; straight, one consumer gets all ten.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a bench prints, reads the clock and stops at the first surprise"
)]

use std::{
    borrow::Cow,
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use carrier::{
    Labels, salesforce,
    webhook::{EventMap, Format},
};
use flow::{Extent, Flow, Keeping, Protocol, Setup, Webhook};
use gateway::{BoundaryConfig, Config, EndpointConfig, Gateway, Limits, Reads, Timeouts, WebhookConfig};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Claim, Form, Mark, Record, json::Json, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use quarantine::{Bounds, Keeper, KeyEncryptionKey, Quarantine};
use signature::webhook::WebhookKey;
use testkit::sealed;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ADA: &str =
    r#"{"FirstName":"Ada","LastName":"Zzyzx","Birthdate":"1984-02-29","Phone":"(205) 555-0100"}"#;
const SENDERS: [usize; 2] = [1, 32];

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let messages = if quick { 200 } else { 20_000 };
    let folder = tempfile::tempdir().unwrap();
    let consumers = [consumer(), consumer()];
    let (attested, synthetic) = (record(true), record(false));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let flow = flow(folder.path(), &attested, &synthetic);
    let config = config(consumers);
    let running = runtime.block_on(Gateway::start(config, flow)).unwrap();
    let gateway = running.address("events").unwrap();

    println!("| messages of | senders | way | messages/s | events/s | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|---|");
    for events in [1_usize, 10] {
        for senders in SENDERS {
            for (way, to, path) in [("straight", consumers[0], "/hooks"), ("through", gateway, "/events")] {
                let body = body(events, &attested.1, &synthetic.1);
                let (rate, p50, p99) = load(to, path, &body, senders, messages / events / 4 + senders);
                println!(
                    "| {events} | {senders} | {way} | {rate:.0} | {:.0} | {p50:.2} | {p99:.2} |",
                    rate * events as f64
                );
            }
        }
    }
    runtime.block_on(running.stop());
}

/// A sealed record, and its JSON with the mark.
fn record(attested: bool) -> (sealed::Sealed, String) {
    let Json::Object(fields) = mark::json::parse(ADA.as_bytes()).unwrap() else { std::process::abort() };
    let record = Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields,
        mark: None,
        claim: Claim::None,
    };
    let sealed = if attested { sealed::attested(&[record]) } else { sealed::synthetic(&[record]) };
    let mark: &Mark = &sealed.marks[0];
    let json = String::from_utf8(salesforce::place(ADA.as_bytes(), &Labels::of(mark)).unwrap()).unwrap();
    (sealed, json)
}

fn body(events: usize, attested: &str, synthetic: &str) -> String {
    let event = |number: usize| {
        let (class, data) =
            if number.is_multiple_of(2) { ("attested", attested) } else { ("synthetic", synthetic) };
        format!(r#"{{"id":"{number}","class":"{class}","data":{data}}}"#)
    };
    let all: Vec<String> = (0..events).map(event).collect();
    if events == 1 { all[0].clone() } else { format!("[{}]", all.join(",")) }
}

fn flow(
    folder: &Path,
    attested: &(sealed::Sealed, String),
    synthetic: &(sealed::Sealed, String),
) -> Arc<Flow> {
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create(&folder.join("ledger"), signer).unwrap();
    let mut trust = synthetic.0.trust.clone();
    trust.trust(attested.0.signer.verifier().clone(), [mark::Subject::Attested].into());
    trust.admit(&attested.0.dataset).unwrap();
    let random: quarantine::Random = Arc::new(|bytes| {
        bytes.fill(7);
        true
    });
    let key = KeyEncryptionKey::new(&[7; 32]);
    let now = "2026-11-22T00:00:00.000Z";
    let (store, _) =
        Quarantine::open(&folder.join("quarantine"), key, Bounds::SUGGESTED, Arc::clone(&random), now)
            .unwrap();
    let keeping = Keeping::new(Keeper::start(store, random).unwrap(), BTreeSet::from(["events".to_owned()]));
    let flow = Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust,
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(jiff::Timestamp::now),
        last_at: None,
        limits: carrier::Limits {
            body_bytes: carrier::Limits::BODY_BYTES,
            records: carrier::Limits::RECORDS,
        },
    });
    Arc::new(flow.keeping_withheld(keeping))
}

fn config(consumers: [SocketAddr; 2]) -> Config {
    let boundary = Boundary {
        name: "events".to_owned(),
        environment: Environment::Production,
        jurisdiction: "US".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let endpoint = |address: SocketAddr, secret: &str| EndpointConfig {
        url: format!("http://{address}/hooks").parse().unwrap(),
        roots: Vec::new(),
        keys: Arc::new([WebhookKey::parse(secret).unwrap()]),
        authorization: None,
        patience: Duration::from_secs(15),
    };
    let webhook = WebhookConfig {
        path: "/events".to_owned(),
        hook: Webhook {
            map: Arc::new(EventMap {
                format: Format::Json,
                events: String::new(),
                records: "/data".to_owned(),
                object: "Contact".to_owned(),
                fields: Vec::new(),
                class: Some("/class".to_owned()),
                id: Some("/id".to_owned()),
            }),
            extent: Extent::Whole,
            boundary: Arc::new(boundary.clone()),
            synthetic: Arc::new(Boundary { environment: Environment::Test, ..boundary.clone() }),
            attested: Arc::new(boundary.clone()),
        },
        senders: None,
        synthetic: endpoint(consumers[1], "whsec_c3ludGhldGljLXN5bnRoZXRpYy1zeW50aGV0"),
        attested: endpoint(consumers[0], "whsec_YXR0ZXN0ZWQtYXR0ZXN0ZWQtYXR0ZXN0ZWQt"),
        retries: Vec::new(),
    };
    Config {
        boundaries: vec![BoundaryConfig {
            boundary,
            protocol: Protocol::Webhook,
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            danger_plain_http: false,
            upstream: format!("http://{}", consumers[0]).parse().unwrap(),
            upstream_roots: Vec::new(),
            reads: Reads::Open,
            webhook: Some(webhook),
        }],
        admin: None,
        limits: Limits::SUGGESTED,
        timeouts: Timeouts::SUGGESTED,
        spool: None,
        archive: None,
        link_key: None,
        tracer: None,
        contracts: gateway::Contracts::default(),
    }
}

/// A consumer that takes everything.
fn consumer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while read_message(&mut reader).is_some() {
                    if (&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Reads one message: its start line; nothing at the end of the connection.
fn read_message(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let (mut first, mut length) = (String::new(), 0_usize);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(first)
}

/// Posts so many messages from each sender; messages a second, and what one takes in milliseconds.
fn load(to: SocketAddr, path: &str, body: &str, senders: usize, each: usize) -> (f64, f64, f64) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: events.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let start = Instant::now();
    let each = each / senders + 1;
    let threads: Vec<_> = (0..senders)
        .map(|_| {
            let request = request.clone();
            std::thread::spawn(move || {
                let stream = TcpStream::connect(to).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut reader = BufReader::new(&stream);
                let mut took = Vec::with_capacity(each);
                for _ in 0..each {
                    let begun = Instant::now();
                    (&stream).write_all(request.as_bytes()).unwrap();
                    let first = read_message(&mut reader).expect("an answer");
                    assert!(first.starts_with("HTTP/1.1 2"), "{first}");
                    took.push(begun.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let seconds = start.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    (took.len() as f64 / seconds, at(50), at(99))
}
