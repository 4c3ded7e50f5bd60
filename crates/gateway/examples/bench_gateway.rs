//! What a ruling costs: processor time a request, judged and durable, against passing through and against nginx.
//!
//! `cargo run --release -p gateway --example bench_gateway [-- PATH-OF-NGINX]`. The load, the upstream and each proxy
//! are processes of their own; a proxy's processor time is what /proc says it used for a run, divided by requests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench prints, reads the clock and stops at the first surprise"
)]

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use carrier::{Labels, fhir};
use flow::{Flow, Protocol, Setup};
use gateway::{BoundaryConfig, Config, Gateway, Limits, Timeouts};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Record, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::sealed::{self, Sealed};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REQUESTS: usize = 20_000;
const WARM_UP: usize = 2_000;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 5;
/// Judged: a create.
const JUDGED: &str = "/fhir/Patient";
/// Open: a search by POST writes nothing, so its body streams through.
const OPEN: &str = "/fhir/Patient/_search";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["upstream"] => upstream(),
        ["gateway", upstream, folder] => gateway(upstream, Path::new(folder)),
        ["load", address, target, count] => load(address.parse().unwrap(), target, count.parse().unwrap()),
        [] => compare("nginx"),
        [nginx] => compare(nginx),
        _ => panic!("give the path of nginx, or nothing"),
    }
}

/// Runs everything in turns and prints the table.
fn compare(nginx: &str) {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Role::start(&["upstream"]);
    let gateway =
        Role::start(&["gateway", &upstream.address, folder.path().join("ledger").to_str().unwrap()]);
    let nginx = Nginx::start(nginx, &upstream.address, folder.path());
    println!(
        "one POST of {} bytes, {CONNECTIONS} connections, {REQUESTS} requests, {ROUNDS} rounds",
        body().0.len()
    );

    let mut rows = vec![
        Row::new("gateway, judged and durable", &gateway.address, JUDGED, gateway.child.id()),
        Row::new("gateway, passed through", &gateway.address, OPEN, gateway.child.id()),
    ];
    match &nginx {
        Some(nginx) => rows.push(Row::new("nginx, plain proxy", &nginx.address, JUDGED, nginx.child.id())),
        None => println!("nginx is not here: give its path to compare with it"),
    }
    for round in 0..=ROUNDS {
        for row in &mut rows {
            // The first round warms up and is thrown away.
            row.run(if round == 0 { WARM_UP } else { REQUESTS }, round > 0);
        }
    }
    let judged = rows[0].median();
    println!("{:<30} {:>16} {:>14} {:>18}", "", "CPU a request", "requests/s", "judged is dearer");
    for row in &rows {
        let ratio = judged.0 / row.median().0;
        println!("{:<30} {:>13.1} µs {:>14.0} {:>17.2}x", row.name, row.median().0, row.median().1, ratio);
    }
}

/// One proxy and route, and what its runs cost.
struct Row {
    name: &'static str,
    address: String,
    target: &'static str,
    process: u32,
    /// Microseconds of processor time a request, and requests a second.
    runs: Vec<(f64, f64)>,
}

impl Row {
    fn new(name: &'static str, address: &str, target: &'static str, process: u32) -> Self {
        Self { name, address: address.to_owned(), target, process, runs: Vec::new() }
    }

    fn run(&mut self, count: usize, keep: bool) {
        let before = processor_time(self.process);
        let arguments = ["load", &self.address, self.target, &count.to_string()];
        let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let took: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let used = processor_time(self.process).saturating_sub(before);
        let count = f64::from(u32::try_from(count).unwrap());
        if keep {
            self.runs.push((used.as_secs_f64() * 1e6 / count, count / took));
        }
    }

    fn median(&self) -> (f64, f64) {
        let middle = |of: fn(&(f64, f64)) -> f64| {
            let mut values: Vec<f64> = self.runs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        (middle(|run| run.0), middle(|run| run.1))
    }
}

/// User and system time of a process and its children.
fn processor_time(process: u32) -> Duration {
    let small = |path: String| {
        let mut text = String::new();
        std::fs::File::open(path).unwrap().take(4096).read_to_string(&mut text).unwrap();
        text
    };
    let stat = small(format!("/proc/{process}/stat"));
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let children = small(format!("/proc/{process}/task/{process}/children"));
    let of_children: Duration =
        children.split_whitespace().map(|child| processor_time(child.parse().unwrap())).sum();
    // Linux counts in hundredths of a second on every machine of today.
    Duration::from_millis(ticks * 10) + of_children
}

/// This program in another role; it ends when its input does.
struct Role {
    child: Child,
    address: String,
}

impl Role {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).take(100).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }

    /// Says where this role listens, and waits for the end of the input.
    fn ready(address: SocketAddr) {
        println!("{address}");
        std::io::stdin().lock().take(1).read_to_end(&mut Vec::new()).unwrap();
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

struct Nginx {
    child: Child,
    address: String,
}

impl Nginx {
    fn start(program: &str, upstream: &str, folder: &Path) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let folder = folder.to_str().unwrap();
        let text = format!(
            "daemon off; worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n\
             fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             keepalive_requests 1000000;\n\
             upstream behind {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}\n\
             server {{ listen {address}; location / {{ proxy_pass http://behind; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; }} }} }}\n"
        );
        let path = format!("{folder}/nginx.conf");
        ledger::durable::replace(Path::new(&path), text.as_bytes()).unwrap();
        let child =
            Command::new(program).args(["-c", &path, "-p", folder]).stderr(Stdio::null()).spawn().ok()?;
        let start = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "nginx does not come up");
            thread::yield_now();
        }
        Some(Self { child, address })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let quit = Command::new("kill").args(["-QUIT", &self.child.id().to_string()]).status();
        assert!(quit.unwrap().success());
        self.child.wait().unwrap();
    }
}

/// An upstream that takes everything and says 201.
fn upstream() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut body = Vec::new();
                while message(&mut reader, &mut body).is_some() {
                    let answer = b"HTTP/1.1 201 Created\r\nContent-Type: application/fhir+json\r\nContent-Length: 2\r\n\r\n{}";
                    stream.write_all(answer).unwrap();
                }
            });
        }
    });
    Role::ready(address);
}

/// Reads one message of known length; its first line.
fn message(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<String> {
    let mut first = String::new();
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if reader.take(8192).read_line(&mut line).ok()? == 0 {
            return None;
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    body.resize(length, 0);
    reader.read_exact(body).ok()?;
    Some(first)
}

/// Sends so many requests and prints the seconds it took.
fn load(address: SocketAddr, target: &str, count: usize) {
    let (body, _) = body();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/fhir+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = Arc::new([head.as_bytes(), &body].concat());
    let start = Instant::now();
    let threads: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let request = Arc::clone(&request);
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut answer = Vec::new();
                for _ in 0..count.div_ceil(CONNECTIONS) {
                    stream.write_all(&request).unwrap();
                    let first = message(&mut reader, &mut answer).unwrap();
                    assert!(first.contains(" 201 "), "{first}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    println!("{}", start.elapsed().as_secs_f64());
}

fn gateway(upstream: &str, folder: &Path) {
    let (_, sealed) = body();
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create(folder, signer).unwrap();
    let flow = Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust: sealed.trust,
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(jiff::Timestamp::now),
        last_at: None,
        limits: carrier::Limits {
            body_bytes: carrier::Limits::BODY_BYTES,
            records: carrier::Limits::RECORDS,
        },
    });
    let config = Config {
        boundaries: vec![BoundaryConfig {
            boundary: Boundary {
                name: "ehr".to_owned(),
                environment: Environment::Production,
                jurisdiction: "US".to_owned(),
                mode: Mode::Enforce,
                continuity: Continuity::Strict,
                system_of_record: false,
            },
            protocol: Protocol::Fhir { base: "/fhir".to_owned() },
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            danger_plain_http: false,
            upstream: format!("http://{upstream}").parse().unwrap(),
            upstream_roots: Vec::new(),
            reads: gateway::Reads::Open,
        }],
        admin: None,
        limits: Limits::SUGGESTED,
        timeouts: Timeouts::SUGGESTED,
        spool: None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let running = runtime.block_on(Gateway::start(config, Arc::new(flow))).unwrap();
    Role::ready(running.address("ehr").unwrap());
    runtime.block_on(running.stop());
}

/// An attested patient of about 2.2 KB with the mark in place, the same in every process.
fn body() -> (Vec<u8>, Sealed) {
    let addresses: Vec<String> = (0..17)
        .map(|number| {
            format!(
                r#"{{"use":"old","line":["{number} Sample Street"],"city":"Example","state":"AL","postalCode":"000{number:02}"}}"#
            )
        })
        .collect();
    let patient = format!(
        r#"{{"resourceType":"Patient","active":true,"name":[{{"family":"Zzyzx","given":["Ada"]}}],"birthDate":"1984-02-29","telecom":[{{"system":"phone","value":"555-0100"}}],"address":[{}]}}"#,
        addresses.join(",")
    );
    let limits =
        carrier::Limits { body_bytes: carrier::Limits::BODY_BYTES, records: carrier::Limits::RECORDS };
    let readings = fhir::read_document(patient.as_bytes(), &limits);
    let record: &Record<'_> = readings.records[0].content.as_ref().expect("a patient");
    let sealed = sealed::attested(&[Record { mark: None::<Cow<'_, str>>, ..record.clone() }]);
    let marked = fhir::place(patient.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
    (marked, sealed)
}
