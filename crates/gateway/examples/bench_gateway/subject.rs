//! The gateway under test, as the binary runs it: four boundaries, a durable ledger, a place for long uploads.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use flow::{Flow, Protocol, Setup};
use gateway::{BoundaryConfig, Config, Gateway, IsolatedReads, Limits, Reads, SpoolConfig, Timeouts};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::note::SignerKey;
use policy::{Boundary, Continuity, Environment, Mode, Policies};

use crate::{
    peers::WORKERS,
    people,
    role::{self, Role},
};

/// A gateway in a process of its own, and where its boundaries listen.
pub(crate) struct Subject {
    pub(crate) role: Role,
    pub(crate) addresses: BTreeMap<String, String>,
}

/// How much the gateway takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// As the binary has them, but for connections, which may be idle for longer.
    Suggested,
    /// Those, with room for more connections.
    Crowd,
    /// Those, with room for small bodies only: what is small waits on disk too.
    Small,
}

const NAMES: [&str; 4] = ["crm", "isolated", "ehr", "ward"];

impl Bounds {
    fn word(self) -> &'static str {
        match self {
            Self::Suggested => "suggested",
            Self::Crowd => "crowd",
            Self::Small => "small",
        }
    }

    pub(crate) fn parse(word: &str) -> Self {
        [Self::Suggested, Self::Crowd, Self::Small].into_iter().find(|bounds| bounds.word() == word).unwrap()
    }
}

/// Starts it; `folder` is its own.
pub(crate) fn start(upstream: &str, folder: &Path, bounds: Bounds) -> Subject {
    let mut role = Role::start(&["gateway", upstream, folder.to_str().unwrap(), bounds.word()]);
    let line = role.line();
    let addresses =
        NAMES.iter().map(|name| (*name).to_owned()).zip(line.split(' ').map(str::to_owned)).collect();
    Subject { role, addresses }
}

/// The role.
pub(crate) fn serve(upstream: &str, folder: &Path, bounds: Bounds) {
    std::fs::create_dir_all(folder).unwrap();
    let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
    let ledger = Ledger::create(&folder.join("ledger"), signer).unwrap();
    let flow = Flow::new(Setup {
        recognition: flow::Recognition::off(),
        trust: people::trust(),
        policies: Policies::default_set().unwrap(),
        appender: Appender::start(ledger, AppenderConfig::standard()).unwrap(),
        clock: Box::new(jiff::Timestamp::now),
        last_at: None,
        limits: carrier::Limits {
            body_bytes: carrier::Limits::BODY_BYTES,
            records: carrier::Limits::RECORDS,
        },
    });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().unwrap();
    let config = config(upstream, folder, bounds);
    let running = runtime.block_on(Gateway::start(config, Arc::new(flow))).unwrap();
    let addresses = NAMES.map(|name| running.address(name).unwrap().to_string());
    role::pause(addresses.join(" "));
    runtime.block_on(running.stop());
}

fn config(upstream: &str, folder: &Path, bounds: Bounds) -> Config {
    let isolated = Reads::Isolated(IsolatedReads::standard());
    let fhir = Protocol::Fhir { base: "/fhir".to_owned() };
    let boundaries = [
        (Protocol::Salesforce, Reads::Open),
        (Protocol::Salesforce, isolated.clone()),
        (fhir.clone(), Reads::Open),
        (fhir, isolated),
    ];
    let boundaries = NAMES.iter().zip(boundaries).map(|(name, (protocol, reads))| BoundaryConfig {
        boundary: Boundary {
            name: (*name).to_owned(),
            environment: Environment::Production,
            jurisdiction: "US".to_owned(),
            mode: Mode::Enforce,
            continuity: Continuity::Strict,
            system_of_record: false,
        },
        protocol,
        listen: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        danger_plain_http: false,
        upstream: format!("http://{upstream}").parse().unwrap(),
        upstream_roots: Vec::new(),
        reads,
        webhook: None,
    });
    let (mut limits, mut timeouts) = (Limits::SUGGESTED, Timeouts::SUGGESTED);
    // At a low rate a connection waits long for its turn.
    timeouts.head = Duration::from_mins(10);
    match bounds {
        Bounds::Suggested => {}
        Bounds::Crowd => limits.connections = 16_384,
        Bounds::Small => limits.body_bytes = 1 << 20,
    }
    Config {
        boundaries: boundaries.collect(),
        admin: None,
        limits,
        timeouts,
        spool: Some(SpoolConfig { folder: folder.to_owned(), bytes: 2 << 30 }),
        archive: None,
        link_key: None,
        tracer: None,
        contracts: gateway::Contracts::default(),
    }
}
