//! A flow over a temporary ledger, a clock that can be set, and one marked contact.

use std::{
    borrow::Cow,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use carrier::{Labels, Limits, salesforce};
use flow::{Crossing, Flow, Passage, Protocol, Setup};
use ledger::{Appender, AppenderConfig, Ledger};
use mark::{Claim, Form, Record, note::SignerKey};
use policy::{Boundary, Continuity, Environment, Mode, Policies};
use testkit::sealed::{self, Sealed};

/// Waits for a future on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}

pub(crate) const ADA: &str = r#"{"FirstName":"Ada","LastName":"Zzyzx","Birthdate":"1984-02-29","Phone":"(205) 555-0100","Email":"ada@example.org"}"#;
pub(crate) const EVE: &str = r#"{"FirstName":"Eve","LastName":"Zzyzx","Birthdate":"1990-03-01","Phone":"(205) 555-0101","Email":"eve@example.org"}"#;

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

pub(crate) struct World {
    pub(crate) flow: Flow,
    pub(crate) seconds: Arc<AtomicI64>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) synthetic: Sealed,
    pub(crate) attested: Sealed,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_policies(Policies::default_set().unwrap())
    }

    /// A world that trusts the generator's log and knows none of its datasets.
    pub(crate) fn ignorant() -> Self {
        let mut world = Self::new();
        let mut trust = mark::TrustStore::default();
        trust.trust(world.synthetic.signer.verifier().clone(), [mark::Subject::Synthetic].into());
        world.flow =
            Self::flow(world.flow.into_appender(), Policies::default_set().unwrap(), trust, &world.seconds);
        world
    }

    pub(crate) fn with_policies(policies: Policies) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = SignerKey::generate("gateway.example/log", [9; 32]).unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger"), signer).unwrap();
        let appender = Appender::start(ledger, AppenderConfig::standard()).unwrap();
        Self::around(appender, policies, folder)
    }

    pub(crate) fn around(appender: Appender, policies: Policies, folder: tempfile::TempDir) -> Self {
        let synthetic = sealed::synthetic(&[contact(ADA), contact(EVE)]);
        let attested = sealed::attested(&[contact(ADA), contact(EVE)]);
        let mut trust = synthetic.trust.clone();
        trust.trust(attested.signer.verifier().clone(), [mark::Subject::Attested].into());
        trust.admit(&attested.dataset).unwrap();
        let seconds = Arc::new(AtomicI64::new(1_795_000_000));
        let flow = Self::flow(appender, policies, trust, &seconds);
        Self { flow, seconds, folder, synthetic, attested }
    }

    pub(crate) fn flow(
        appender: Appender,
        policies: Policies,
        trust: mark::TrustStore,
        seconds: &Arc<AtomicI64>,
    ) -> Flow {
        let now = Arc::clone(seconds);
        Flow::new(Setup {
            recognition: flow::Recognition::off(),
            trust,
            policies,
            appender,
            clock: Box::new(move || jiff::Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap()),
            last_at: None,
            limits: Limits { body_bytes: 1 << 20, records: 10_000 },
        })
    }

    /// A contact's JSON with the mark of `sealed[at]` in place.
    pub(crate) fn marked(sealed: &Sealed, at: usize, json: &str) -> String {
        let bytes = salesforce::place(json.as_bytes(), &Labels::of(&sealed.marks[at])).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    pub(crate) fn pass(&self, crossing: Crossing) -> Passage {
        wait(self.flow.pass(crossing))
    }

    /// The entries of the ledger, once everything appended is published.
    pub(crate) fn entries(&self) -> Vec<serde_json::Value> {
        self.flow.appender().publish().unwrap();
        let reader = ledger::Reader::open(&self.folder.path().join("ledger")).unwrap();
        let entries = reader.entries(0..reader.size()).unwrap();
        entries.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
    }
}

pub(crate) fn boundary(environment: Environment, mode: Mode, continuity: Continuity) -> Arc<Boundary> {
    Arc::new(Boundary {
        name: "crm".to_owned(),
        environment,
        jurisdiction: "US".to_owned(),
        mode,
        continuity,
        system_of_record: false,
    })
}

pub(crate) fn sandbox() -> Arc<Boundary> {
    boundary(Environment::Sandbox, Mode::Enforce, Continuity::Strict)
}

pub(crate) fn production() -> Arc<Boundary> {
    boundary(Environment::Production, Mode::Enforce, Continuity::Strict)
}

pub(crate) fn post(boundary: &Arc<Boundary>, target: &str, body: &str) -> Crossing {
    Crossing {
        boundary: Arc::clone(boundary),
        protocol: Protocol::Salesforce,
        client: "tests".to_owned(),
        method: "POST".to_owned(),
        target: target.to_owned(),
        method_override: None,
        content_type: Some("application/json".to_owned()),
        provenance: Vec::new(),
        claims: flow::Claims::default(),
        body: Ok(body.to_owned().into()),
        watched: flow::Watched::default(),
    }
}

pub(crate) const CREATE: &str = "/services/data/v67.0/sobjects/Contact";
pub(crate) const COLLECTION: &str = "/services/data/v67.0/composite/sobjects";
