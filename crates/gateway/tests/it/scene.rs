//! A gateway with one boundary, a ledger in a temporary folder, and a client that writes bytes.

use std::{
    borrow::Cow,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use carrier::{Labels, salesforce};
use flow::{Flow, Protocol, Setup};
use gateway::{BoundaryConfig, Config, Gateway, Limits, Running, Signatures, Stopped, Timeouts};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Claim, Form, Record, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::{
    sealed::{self, Sealed},
    upstream::Upstream,
};
use tokio::runtime::Runtime;

pub(crate) const NAME: &str = "crm";
pub(crate) const CREATE: &str = "/services/data/v67.0/sobjects/Contact";
pub(crate) const COLLECTION: &str = "/services/data/v67.0/composite/sobjects";
pub(crate) const QUERY: &str = "/services/data/v67.0/query?q=SELECT+Id+FROM+Contact";
pub(crate) const ADA: &str =
    r#"{"FirstName":"Ada","LastName":"Zzyzx","Birthdate":"1984-02-29","Phone":"555-0100"}"#;
pub(crate) const EVE: &str =
    r#"{"FirstName":"Eve","LastName":"Zzyzx","Birthdate":"1990-03-01","Phone":"555-0101"}"#;

/// A running gateway and all around it.
pub(crate) struct Scene {
    runtime: Runtime,
    running: Option<Running>,
    pub(crate) flow: Arc<Flow>,
    folder: tempfile::TempDir,
    pub(crate) attested: Sealed,
    pub(crate) synthetic: Sealed,
}

impl Scene {
    /// In front of production, enforcing.
    pub(crate) fn enforcing(upstream: &Upstream) -> Self {
        Self::with(upstream, |config| config.boundaries[0].boundary.mode = Mode::Enforce)
    }

    /// In front of production, observing: everything passes and is recorded.
    pub(crate) fn observing(upstream: &Upstream) -> Self {
        Self::with(upstream, |_| {})
    }

    pub(crate) fn with(upstream: &Upstream, tweak: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&upstream.origin());
        tweak(&mut config);
        Self::of(config)
    }

    pub(crate) fn of(config: Config) -> Self {
        Self::signing(config, Signatures::off(), "gateway.example/log", "2026-11-21T12:00:00Z", |_| {})
    }

    /// With keys for signatures, a log of its own, a clock that stands, and more or less trust.
    pub(crate) fn signing(
        config: Config,
        signatures: Signatures,
        log: &str,
        now: &'static str,
        tweak: impl FnOnce(&mut mark::TrustStore),
    ) -> Self {
        let clock: flow::Clock = Box::new(move || now.parse().unwrap());
        Self::made(config, signatures, log, clock, tweak, |flow, _| flow)
    }

    /// With a clock of its own, and a flow that is more than the usual one.
    pub(crate) fn made(
        config: Config,
        signatures: Signatures,
        log: &str,
        clock: flow::Clock,
        tweak: impl FnOnce(&mut mark::TrustStore),
        more: impl FnOnce(Flow, &std::path::Path) -> Flow,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let signer = SignerKey::generate(log, [9; 32]).unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger"), signer).unwrap();
        let synthetic = sealed::synthetic(&[contact(ADA), contact(EVE)]);
        let attested = sealed::attested(&[contact(ADA), contact(EVE)]);
        let mut trust = synthetic.trust.clone();
        trust.trust(attested.signer.verifier().clone(), [mark::Subject::Attested].into());
        trust.admit(&attested.dataset).unwrap();
        tweak(&mut trust);
        let flow = Flow::new(Setup {
            recognition: flow::Recognition::off(),
            trust,
            policies: Policies::default_set().unwrap(),
            appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
            clock,
            last_at: None,
            limits: carrier::Limits { body_bytes: 8 << 20, records: 10_000 },
        });
        let flow = Arc::new(more(flow, folder.path()));
        let running =
            runtime.block_on(Gateway::start_signing(config, Arc::clone(&flow), signatures)).unwrap();
        Self { runtime, running: Some(running), flow, folder, attested, synthetic }
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn flow(&self) -> &Flow {
        &self.flow
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running().address(NAME).unwrap()
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        stream
    }

    /// Writes these bytes and reads until the gateway closes: the request says `Connection: close`, or is wrong.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        Answer::read(&mut stream)
    }

    /// One request with a body of known length.
    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.exchange(&request(method, target, headers, body))
    }

    /// The entries of the ledger so far.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.flow.appender().publish().unwrap();
        let reader = ledger::Reader::open(&self.folder.path().join("ledger")).unwrap();
        let entries = reader.entries(0..reader.size()).unwrap();
        entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    }

    /// Stops, and gives the entries of the ledger.
    pub(crate) fn stop(mut self) -> (Stopped, Vec<serde_json::Value>) {
        let stopped = self.runtime.block_on(self.running.take().unwrap().stop());
        self.flow.appender().publish().unwrap();
        let reader = ledger::Reader::open(&self.folder.path().join("ledger")).unwrap();
        let entries = reader.entries(0..reader.size()).unwrap();
        (stopped, entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect())
    }

    /// A contact's JSON with the mark of `sealed[at]`.
    pub(crate) fn marked(sealed: &Sealed, at: usize, json: &str) -> String {
        let bytes = salesforce::place(json.as_bytes(), &Labels::of(&sealed.marks[at])).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

pub(crate) fn config(upstream: &str) -> Config {
    Config {
        boundaries: vec![BoundaryConfig {
            boundary: Boundary {
                name: NAME.to_owned(),
                environment: Environment::Production,
                jurisdiction: "US".to_owned(),
                mode: Mode::Observe,
                continuity: Continuity::Strict,
                system_of_record: false,
            },
            protocol: Protocol::Salesforce,
            listen: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            danger_plain_http: false,
            upstream: upstream.parse().unwrap(),
            upstream_roots: Vec::new(),
            reads: gateway::Reads::Open,
            webhook: None,
        }],
        admin: None,
        limits: Limits {
            body_bytes: 1 << 20,
            decoded_bytes: 2 << 20,
            held_bytes: 8 << 20,
            ..Limits::SUGGESTED
        },
        timeouts: Timeouts { drain: Duration::from_secs(10), ..Timeouts::SUGGESTED },
        spool: None,
        archive: None,
        link_key: None,
        tracer: None,
        contracts: gateway::Contracts::default(),
    }
}

pub(crate) fn contact(json: &'static str) -> Record<'static> {
    let Ok(mark::json::Json::Object(fields)) = mark::json::parse(json.as_bytes()) else {
        panic!("an object")
    };
    Record {
        form: Form::Salesforce,
        object: Cow::Borrowed("Contact"),
        fields,
        mark: None,
        claim: Claim::None,
    }
}

/// A request's bytes; `Host`, `Connection: close` and the length are added.
pub(crate) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n");
    if !body.is_empty() {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    [(text + "\r\n").as_bytes(), body].concat()
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // An answer that is cut off is shown as far as it came.
        let _ended = stream.read_to_end(&mut bytes);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| {
            panic!("no head in {:?}", String::from_utf8_lossy(&bytes));
        });
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The one value of a header field.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value));
        let value = values.next();
        assert_eq!(values.next(), None, "{name} comes twice");
        value
    }
}
