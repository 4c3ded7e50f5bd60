//! What judging costs at the gateway, beside Envoy and nginx: processor time, throughput, added latency, memory.
//!
//! `python3 tests/bench/gateway.py` fetches the peers and runs this; by hand:
//! `cargo run --profile dist -p gateway --example bench_gateway -- [--quick] [--only NAME] [--envoy PATH] [--nginx PATH]`.
//! The load, the upstream and each proxy are processes of their own; a proxy's processor time is what /proc says it used
//! for a run, divided by requests. Start at [`compare`]; `cases.rs` says what is asked.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench prints, reads the clock and stops at the first surprise"
)]

use std::path::Path;

use cases::{CASES, Case};
use peers::{Envoy, Nginx, Proxy, Scan};
use role::Role;

mod cases;
mod connections;
mod cost;
mod latency;
mod load;
mod message;
mod peers;
mod people;
mod role;
mod subject;
mod upload;
mod upstream;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is done: everything, or just enough to see that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Full,
    Quick,
}

impl Scale {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Quick => "quick",
        }
    }

    fn parse(word: &str) -> Self {
        match word {
            "full" => Self::Full,
            "quick" => Self::Quick,
            other => panic!("no such scale: {other}"),
        }
    }

    fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["role", "upstream"] => upstream::serve(),
        ["role", "gateway", upstream, folder, bounds] => {
            subject::serve(upstream, Path::new(folder), subject::Bounds::parse(bounds));
        }
        ["role", "closed", address, case, scale, count] => {
            load::closed(address, Case::find(case), Scale::parse(scale), count.parse().unwrap());
        }
        ["role", "open", address, case, scale, count, rate] => {
            let (count, rate) = (count.parse().unwrap(), rate.parse().unwrap());
            load::open(address, Case::find(case), Scale::parse(scale), count, rate);
        }
        ["role", "hold", address, scale] => connections::hold(address, Scale::parse(scale)),
        ["role", "upload", address, bytes] => upload::send(address, bytes.parse().unwrap()),
        options => compare(&Options::parse(options)),
    }
}

/// What was asked on the command line.
struct Options {
    scale: Scale,
    only: Option<String>,
    envoy: Option<String>,
    nginx: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Self {
        let mut options = Self { scale: Scale::Full, only: None, envoy: None, nginx: None };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || Some((*words.next().expect("a value after the option")).to_owned());
            match *word {
                "--quick" => options.scale = Scale::Quick,
                "--only" => options.only = value(),
                "--envoy" => options.envoy = value(),
                "--nginx" => options.nginx = value(),
                other => panic!("unknown: {other}; there are --quick, --only, --envoy and --nginx"),
            }
        }
        let names: Vec<&str> = CASES.iter().map(|case| case.name).chain(["connections", "upload"]).collect();
        if let Some(only) = &options.only {
            assert!(names.contains(&only.as_str()), "--only takes one of {}", names.join(", "));
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == name)
    }
}

/// Runs what is wanted and prints the tables.
fn compare(options: &Options) {
    let folder = tempfile::tempdir().unwrap();
    let cases: Vec<&Case> = CASES.iter().filter(|case| options.wants(case.name)).collect();
    if !cases.is_empty() {
        let mut upstream = Role::start(&["upstream"]);
        let behind = upstream.line();
        let gateway = subject::start(&behind, &folder.path().join("ledger"), subject::Bounds::Suggested);
        let envoy = options.envoy.as_deref().map(|path| Envoy::start(path, &behind, folder.path()));
        let nginx = options.nginx.as_deref().map(|path| Nginx::start(path, &behind, folder.path()));
        let mut proxies = vec![Proxy::gateway(&gateway)];
        if let Some(envoy) = &envoy {
            proxies.extend([Proxy::envoy(envoy, Scan::Nothing), Proxy::envoy(envoy, Scan::Bodies)]);
        }
        if let Some(nginx) = &nginx {
            proxies.push(Proxy::nginx(nginx));
        }
        for case in &cases {
            load::check(case, &proxies, options.scale);
        }
        let measured = cost::measure(&cases, &proxies, options.scale);
        cost::print(&cases, &proxies, &measured, options.scale);
        latency::print(&cases, &proxies, &measured, &behind, options.scale);
    }
    if options.wants("connections") {
        connections::print(options.scale);
    }
    if options.wants("upload") {
        upload::print(options);
    }
}
