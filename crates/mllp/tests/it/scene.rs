//! A shell with one boundary, a ledger in a temporary folder, a receiver that follows a script, a sender that writes bytes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use carrier::{Labels, hl7v2};
use flow::{Flow, Setup};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::note::SignerKey;
use mllp::{BoundaryConfig, Config, Limits, Mllp, Receiver, Running, Stopped, Timeouts};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::sealed::{self, Sealed};
use tokio::runtime::Runtime;

pub(crate) const NAME: &str = "feed";

/// An admission of an invented person, number `id`.
pub(crate) fn admit(id: &str) -> String {
    format!(
        "MSH|^~\\&|LAB|HALL|RIS|WARD|20260102||ADT^A01^ADT_A01|{id}|P|2.5\rEVN|A01\r\
         PID|1||9^^^HOSP^MR||Zzyzx^Canary^^^||19840229|F\rPV1|1|I|\r"
    )
}

/// The same with a genuine mark in place.
pub(crate) fn marked(sealed: &Sealed, message: &str) -> String {
    let placed = hl7v2::place_message(message.as_bytes(), &Labels::of(&sealed.marks[0])).unwrap();
    String::from_utf8(placed).unwrap()
}

/// A running shell and all around it.
pub(crate) struct Scene {
    runtime: Runtime,
    running: Option<Running>,
    flow: Arc<Flow>,
    folder: tempfile::TempDir,
    pub(crate) attested: Sealed,
    pub(crate) synthetic: Sealed,
}

impl Scene {
    /// In front of production, enforcing.
    pub(crate) fn enforcing(behind: &Behind) -> Self {
        Self::with(behind, |config| config.boundaries[0].boundary.mode = Mode::Enforce)
    }

    /// In front of a test system, enforcing: what is unproven passes.
    pub(crate) fn open(behind: &Behind) -> Self {
        Self::with(behind, |config| {
            config.boundaries[0].boundary.mode = Mode::Enforce;
            config.boundaries[0].boundary.environment = Environment::Test;
        })
    }

    pub(crate) fn with(behind: &Behind, tweak: impl FnOnce(&mut Config)) -> Self {
        Self::trusting(behind, &[], tweak)
    }

    /// One that trusts these datasets too.
    pub(crate) fn trusting(behind: &Behind, sealed: &[&Sealed], tweak: impl FnOnce(&mut Config)) -> Self {
        Self::trusting_at(behind.address, sealed, tweak)
    }

    /// In front of a receiver that is somebody else's.
    pub(crate) fn trusting_at(
        receiver: SocketAddr,
        sealed: &[&Sealed],
        tweak: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = config(receiver);
        tweak(&mut config);
        let folder = tempfile::tempdir().unwrap();
        let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger"), signer).unwrap();
        Self::around(config, Appender::start(ledger, AppenderConfig::standard()).unwrap(), folder, sealed)
    }

    pub(crate) fn around(
        config: Config,
        appender: Appender,
        folder: tempfile::TempDir,
        more: &[&Sealed],
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bounds = carrier::Limits { body_bytes: 8 << 20, records: 10_000 };
        let text = admit("1");
        let record = || hl7v2::read_message(text.as_bytes(), &bounds).unwrap();
        let (synthetic, attested) = (sealed::synthetic(&[record()]), sealed::attested(&[record()]));
        let mut trust = synthetic.trust.clone();
        trust.trust(attested.signer.verifier().clone(), [mark::Subject::Attested].into());
        trust.admit(&attested.dataset).unwrap();
        for sealed in more {
            trust.admit(&sealed.dataset).unwrap();
        }
        let flow = Arc::new(Flow::new(Setup {
            recognition: flow::Recognition::off(),
            trust,
            policies: Policies::default_set().unwrap(),
            appender,
            clock: Box::new(|| "2026-11-21T12:00:00Z".parse().unwrap()),
            last_at: None,
            limits: bounds,
        }));
        let running = runtime.block_on(Mllp::start(config, Arc::clone(&flow))).unwrap();
        Self { runtime, running: Some(running), flow, folder, attested, synthetic }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address(NAME).unwrap()
    }

    pub(crate) fn metrics(&self) -> String {
        self.running.as_ref().unwrap().metrics()()
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn flow(&self) -> Arc<Flow> {
        Arc::clone(&self.flow)
    }

    pub(crate) fn connect(&self) -> Sender {
        Sender::new(TcpStream::connect(self.address()).unwrap())
    }

    /// Stops, and gives the entries of the ledger.
    pub(crate) fn stop(mut self) -> (Stopped, Vec<serde_json::Value>) {
        let stopped = self.runtime.block_on(self.running.take().unwrap().stop());
        (stopped, self.entries())
    }

    /// The entries of the ledger as of now.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.flow.appender().publish().unwrap();
        let reader = ledger::Reader::open(&self.folder.path().join("ledger")).unwrap();
        let mut entries = Vec::new();
        while let Some(more) = (reader.size() - entries.len() as u64).checked_sub(1) {
            let start = entries.len() as u64;
            let some = reader.entries(start..start + more.min(1000) + 1).unwrap();
            entries.extend(some.iter().map(|entry| serde_json::from_slice(entry).unwrap()));
        }
        entries
    }
}

/// One line an entry: a ruling's decision, route and counts, or a settlement's outcome.
pub(crate) fn story(entries: &[serde_json::Value]) -> Vec<String> {
    let line = |entry: &serde_json::Value| match entry["eosin"].as_str().unwrap() {
        "ruling@1" => format!("{} {} by {}", entry["decision"], entry["route"], entry["client"]),
        "settlement@1" => {
            format!("{} {} {}", entry["ruling"], entry["outcome"], entry.get("status").unwrap_or(&"".into()))
        }
        other => other.to_owned(),
    };
    entries.iter().map(|entry| line(entry).replace('"', "").trim().to_owned()).collect()
}

pub(crate) fn config(receiver: SocketAddr) -> Config {
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
        limits: Limits { frame_bytes: 1 << 20, held_bytes: 8 << 20, connections: 64 },
        timeouts: Timeouts { drain: Duration::from_secs(10), ..Timeouts::SUGGESTED },
        tracer: None,
    }
}

/// A connection of a sender.
pub(crate) struct Sender(TcpStream, Vec<u8>);

impl Sender {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(stream, Vec::new())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn half_close(&mut self) {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// The next frame; nothing if the connection ends first.
    pub(crate) fn read(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.1.windows(2).position(|window| window == b"\x1c\r") {
                let frame: Vec<u8> = self.1.drain(..end + 2).collect();
                assert_eq!(frame[0], 0x0B);
                return Some(String::from_utf8(frame[1..end].to_vec()).unwrap());
            }
            let mut bytes = [0; 4096];
            let count = self.0.read(&mut bytes).unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.1.extend_from_slice(&bytes[..count]);
        }
    }

    /// Sends a message in a frame and waits for the answer.
    pub(crate) fn ask(&mut self, message: &str) -> String {
        self.write(&framed(message));
        self.read().unwrap()
    }
}

pub(crate) fn framed(message: &str) -> Vec<u8> {
    [b"\x0b", message.as_bytes(), b"\x1c\r"].concat()
}

/// MSA-1, MSA-2 and ERR-5 of an answer.
pub(crate) fn said(answer: &str) -> String {
    let field = |name: &str, number: usize| {
        let line = answer.split('\r').find(|line| line.starts_with(name)).unwrap_or_default();
        line.split('|').nth(number).unwrap_or_default().to_owned()
    };
    format!("{} {} {}", field("MSA", 1), field("MSA", 2), field("ERR", 5)).trim().to_owned()
}

/// What a receiver does with a message.
pub(crate) enum Reaction {
    /// Writes these frames.
    Frames(Vec<String>),
    /// Writes these bytes and closes.
    Break(Vec<u8>),
    /// Says nothing, and reads on.
    Silence,
}

/// A receiver: remembers every frame with the number of its connection, and does as its script says.
pub(crate) struct Behind {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Behind {
    /// Accepts everything.
    pub(crate) fn accepting() -> Self {
        Self::new(|message| Reaction::Frames(vec![ack("AA", message)]))
    }

    pub(crate) fn new(script: impl Fn(&str) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (seen_by, script) = (Arc::clone(&seen), Arc::new(script));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (seen, script) = (Arc::clone(&seen_by), Arc::clone(&script));
                std::thread::spawn(move || {
                    let mut sender = Sender(stream.unwrap(), Vec::new());
                    while let Some(message) = sender.read() {
                        seen.lock().unwrap().push((number, message.clone()));
                        match script(&message) {
                            Reaction::Frames(frames) => {
                                for frame in &frames {
                                    sender.write(&framed(frame));
                                }
                            }
                            Reaction::Break(bytes) => {
                                sender.write(&bytes);
                                return;
                            }
                            Reaction::Silence => {}
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// Forgets what has arrived.
    pub(crate) fn clear(&self) {
        self.seen().clear();
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<(usize, String)>> {
        self.seen.lock().unwrap()
    }

    /// MSH-10 of everything that arrived, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.seen().iter().map(|(_, message)| control_id(message)).collect()
    }
}

pub(crate) fn control_id(message: &str) -> String {
    message.split('|').nth(9).unwrap_or_default().to_owned()
}

/// An answer to a message.
pub(crate) fn ack(code: &str, message: &str) -> String {
    format!("MSH|^~\\&|RIS|WARD|LAB|HALL|20260102||ACK|R{0}|P|2.5\rMSA|{code}|{0}\r", control_id(message))
}
