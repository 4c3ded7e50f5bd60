//! Clients: one that looks at an answer, many that ask as fast as they are answered, many that ask at a given rate.

use std::{
    io::{BufReader, Write, sink},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    Scale,
    cases::{Case, JOBS, UPLOAD, request},
    message::message,
    peers::Proxy,
    people::Contacts,
};

/// A connection that asks and waits.
pub(crate) struct Client {
    // One open file a connection: there are thousands of them.
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::with_capacity(8 * 1024, stream) }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// Reads one answer; its status.
    pub(crate) fn status(&mut self, into: &mut impl Write) -> u16 {
        let first = message(&mut self.stream, into).expect("an answer");
        first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn ask(&mut self, request: &[u8], status: u16) {
        self.send(request);
        let got = self.status(&mut sink());
        assert_eq!(got, status, "another answer than expected");
    }
}

/// Sees that every proxy does what it is measured for, and that the gateway refuses what it should.
pub(crate) fn check(case: &Case, proxies: &[Proxy], scale: Scale) {
    for proxy in proxies {
        let address = proxy.address(case);
        if case.target == UPLOAD {
            make_job(&address);
        }
        let mut client = Client::connect(&address);
        client.send(&case.request(&address, scale));
        let mut body = Vec::new();
        let status = client.status(&mut body);
        assert_eq!(status, case.status, "{} at {}: {}", case.name, proxy.name, start_of(&body));
        if let Some((word, all, hidden)) = case.rows() {
            let text = String::from_utf8(body).unwrap();
            let rows = text.matches(word).count();
            assert_eq!(rows, all - if proxy.judges { hidden } else { 0 }, "rows at {}", proxy.name);
            assert!(!text.contains("Eosin_"), "what was not asked for is shown at {}", proxy.name);
        }
        if proxy.judges && case.name == "create" {
            let contacts = Contacts::new();
            let synthetic = contacts.row(&contacts.synthetic, 0);
            client.ask(&case.request_with(&address, synthetic.as_bytes()), 403);
        }
    }
}

/// Makes the job that uploads are for, so that whoever looks knows its object.
pub(crate) fn make_job(address: &str) {
    let body = br#"{"object":"Contact","operation":"insert","contentType":"CSV","lineEnding":"LF"}"#;
    Client::connect(address).ask(&request("POST", JOBS, address, "application/json", body), 200);
}

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

/// Asks so many times, each connection again as soon as it is answered, and prints the seconds it took.
pub(crate) fn closed(address: &str, case: &Case, scale: Scale, count: usize) {
    let request = Arc::new(case.request(address, scale));
    let clients = connected(address, case.connections);
    let tickets = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let status = case.status;
    each(clients, move |mut client| {
        while tickets.fetch_add(1, Ordering::Relaxed) < count {
            client.ask(&request, status);
        }
    });
    println!("{}", begun.elapsed().as_secs_f64());
}

/// Asks so many times at `rate` a second, and prints the median and the 99th percentile of the latencies in microseconds.
///
/// A latency begins when the request was due, not when a connection was free for it: waiting is part of it.
pub(crate) fn open(address: &str, case: &Case, scale: Scale, count: usize, rate: f64) {
    let request = Arc::new(case.request(address, scale));
    let clients = connected(address, case.connections);
    let tickets = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let status = case.status;
    let mut latencies: Vec<Duration> = each(clients, move |mut client| {
        let mut own = Vec::new();
        loop {
            let ticket = tickets.fetch_add(1, Ordering::Relaxed);
            if ticket >= count {
                return own;
            }
            let due = begun + Duration::from_secs_f64(ticket as f64 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            client.ask(&request, status);
            own.push(due.elapsed());
        }
    })
    .into_iter()
    .flatten()
    .collect();
    latencies.sort_unstable();
    // The nearest rank of all samples: nothing is put into buckets.
    let percentile = |part: f64| latencies[((latencies.len() as f64 * part).ceil() as usize).max(1) - 1];
    println!("{} {}", percentile(0.50).as_secs_f64() * 1e6, percentile(0.99).as_secs_f64() * 1e6);
}

fn connected(address: &str, count: usize) -> Vec<Client> {
    (0..count).map(|_| Client::connect(address)).collect()
}

/// Runs every client on a thread of its own, to the end.
pub(crate) fn each<C: Send + 'static, T: Send + 'static>(
    clients: Vec<C>,
    run: impl Fn(C) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let threads: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let run = run.clone();
            thread::spawn(move || run(client))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}
