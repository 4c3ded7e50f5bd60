//! The demo's stage: keys, two logs, an org, a production feed, and a gateway in front of both.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use flow::{Flow, Known, Protocol, Recognition, Setup};
use gateway::Gateway;
use ledger::{Appender, AppenderConfig, Ledger, durable};
use mark::{Source, Subject, TrustStore, note::SignerKey};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use org::{CustomField, CustomKind};
use policy::{Boundary, Continuity, Environment, Mode};
use recognise::{PersonTag, Recogniser, SUSPECTED_FROM_DECIBITS};
use registry::{Additions, Registry};

use super::{
    feed::Feed,
    people::{self, Sealed},
};
use crate::{init, keys, wiring};

/// Everything that stands while the story is told.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The demo's folder.
    pub(crate) folder: PathBuf,
    /// The local org.
    pub(crate) org: org::Running,
    /// The production feed behind the gateway.
    pub(crate) feed: Feed,
    /// The gateway.
    pub(crate) gateway: gateway::Running,
    /// The path, for the ledger's proofs.
    pub(crate) flow: Arc<Flow>,
    /// The ledger's public key.
    pub(crate) log: mark::note::VerifierKey,
    /// Synthetic people, sealed by the generator.
    pub(crate) synthetic: Sealed,
    /// People whom the record system vouches for. They are stand-ins, made by Synthea like the others.
    pub(crate) attested: Sealed,
}

/// The boundary in front of the org.
pub(crate) const CRM: &str = "crm-sandbox";
/// The boundary in front of the feed.
pub(crate) const FEED: &str = "registry-feed";

const SYNTHETIC: usize = 8;
const ATTESTED: usize = 4;

impl Stage {
    /// Builds it in a folder.
    pub(crate) async fn build(folder: &Path) -> miette::Result<Self> {
        if folder.join("ledger").exists() {
            return Err(miette!(help = "name another folder", "{} holds a demo already", folder.display()));
        }
        std::fs::create_dir_all(folder.join("keys")).into_diagnostic()?;
        let now = wiring::moment();
        let generator = keys::new_signer("generator.demo.example/log")?;
        let own = keys::new_signer("gateway.demo.example/log")?;
        init::write_keys(&folder.join("keys"), "generator", &generator)?;
        init::write_keys(&folder.join("keys"), "ledger", &own)?;

        let mut generators_log = ledger(&folder.join("generator-ledger"), &generator)?;
        let made_by = Source::Generator { name: "Synthea".to_owned(), version: None };
        let made = people::patients(0, SYNTHETIC);
        let synthetic = people::sealed("demo patients", made_by, &made, true, &mut generators_log, &now)?;

        let mut own_log = ledger(&folder.join("ledger"), &own)?;
        let vouched_by = Source::SystemOfRecord { boundary: "ehr".to_owned() };
        let vouched = people::patients(SYNTHETIC, ATTESTED);
        let attested = people::sealed("morning admissions", vouched_by, &vouched, false, &mut own_log, &now)?;
        write_files(folder, &synthetic, &attested)?;

        let mut trust = TrustStore::default();
        trust.trust(generator.verifier().clone(), BTreeSet::from([Subject::Synthetic]));
        trust.trust(own.verifier().clone(), BTreeSet::from(Subject::ALL));
        trust.admit(&attested.file).into_diagnostic()?;

        let recognition = recognition(folder, &made)?;
        let flow = Arc::new(Flow::new(Setup {
            recognition,
            trust,
            policies: policy::Policies::default_set().into_diagnostic()?,
            appender: Appender::start(own_log, AppenderConfig::standard()).into_diagnostic()?,
            clock: wiring::clock(),
            last_at: Some(now),
            limits: carrier::Limits { body_bytes: 16 << 20, records: 10_000 },
        }));
        let org = local_org().await?;
        let feed = Feed::start().await?;
        let gateway = in_front_of(&org, &feed, Arc::clone(&flow)).await?;
        let log = own.verifier().clone();
        Ok(Self { folder: folder.to_owned(), org, feed, gateway, flow, log, synthetic, attested })
    }

    /// The address of a boundary, as a client would write it.
    pub(crate) fn at(&self, boundary: &str) -> miette::Result<String> {
        let address = self
            .gateway
            .address(boundary)
            .ok_or_else(|| miette!("boundary `{boundary}` is not listening"))?;
        Ok(format!("http://{address}"))
    }

    /// Takes it down: requests are finished, the ledger closed.
    pub(crate) async fn strike(self) {
        self.gateway.stop().await;
        self.feed.stop();
        // In memory only: there is nothing to lose.
        drop(self.org.stop().await);
        // The ledger recovers by itself when it is opened next.
        drop(self.flow.appender().close());
    }
}

/// Recognition by generators, and by a registry that knows the synthetic people.
fn recognition(folder: &Path, made: &[&str]) -> miette::Result<Recognition> {
    let secret = keys::new_registry_key()?;
    let key_file = folder.join("keys").join("registry.key");
    durable::create_private(&key_file, format!("{secret}\n").as_bytes()).into_diagnostic()?;
    let key = keys::registry_key(&key_file)?;
    let folder = folder.join("registry");
    let mut additions = Additions::begin(&folder, key.id()).into_diagnostic()?;
    for (position, patient) in made.iter().enumerate() {
        let tag = PersonTag((position as u64).to_be_bytes());
        for fingerprint in people::fingerprints_of(patient, &key)? {
            additions.add(fingerprint, tag).into_diagnostic()?;
        }
    }
    additions.commit().into_diagnostic()?;
    let registry = Registry::open(&folder).into_diagnostic()?;
    let known = registry.map(|registry| Known { registry: Arc::new(registry), key });
    Ok(Recognition::new(Some(Recogniser::built_in()), known, SUSPECTED_FROM_DECIBITS))
}

fn ledger(folder: &Path, signer: &SignerKey) -> miette::Result<Ledger> {
    Ledger::create(folder, signer.clone()).into_diagnostic().wrap_err("cannot make the ledger")
}

/// The files that the commands at the end of the story use.
fn write_files(folder: &Path, synthetic: &Sealed, attested: &Sealed) -> miette::Result<()> {
    let write =
        |name: &str, text: &str| durable::replace(&folder.join(name), text.as_bytes()).into_diagnostic();
    write("patients.ndjson", &lines(&synthetic.patients))?;
    write("patients.ndjson.dataset.json", &synthetic.file.to_json())?;
    write("admissions.ndjson", &lines(&attested.patients))?;
    write("admissions.ndjson.dataset.json", &attested.file.to_json())
}

fn lines(records: &[String]) -> String {
    let mut text = String::new();
    for record in records {
        text.push_str(record.trim_end());
        text.push('\n');
    }
    text
}

async fn local_org() -> miette::Result<org::Running> {
    let config = org::Config { listen_https: None, sandbox: true, ..org::Config::default() };
    let running = org::Org::start(config).await.into_diagnostic().wrap_err("cannot start the org")?;
    running.add_custom_object("Eosin_Dataset__c", "Dataset").into_diagnostic()?;
    let id = CustomField { unique: true, ..CustomField::external_id("Eosin_Dataset_Id__c") };
    running.add_custom_field("Eosin_Dataset__c", &id).into_diagnostic()?;
    for name in ["Eosin_Manifest__c", "Eosin_Receipt__c"] {
        let field = CustomField::plain(name, CustomKind::LongText(131_072));
        running.add_custom_field("Eosin_Dataset__c", &field).into_diagnostic()?;
    }
    for name in ["Eosin_Generator__c", "Eosin_Method__c", "Eosin_Purposes__c"] {
        running
            .add_custom_field("Eosin_Dataset__c", &CustomField::plain(name, CustomKind::Text(255)))
            .into_diagnostic()?;
    }
    for field in [
        CustomField::plain("Eosin_Synthetic__c", CustomKind::Checkbox),
        CustomField::plain("Eosin_Subject__c", CustomKind::Text(40)),
        CustomField::plain("Eosin_Authorship__c", CustomKind::Text(40)),
        CustomField::plain("Eosin_Dataset__c", CustomKind::Lookup("Eosin_Dataset__c".to_owned())),
        CustomField::external_id("Eosin_Mark_Id__c"),
        CustomField::plain("Eosin_Mark__c", CustomKind::LongText(32_768)),
    ] {
        running.add_custom_field("Contact", &field).into_diagnostic()?;
    }
    Ok(running)
}

async fn in_front_of(org: &org::Running, feed: &Feed, flow: Arc<Flow>) -> miette::Result<gateway::Running> {
    let boundary = |name: &str, environment| Boundary {
        name: name.to_owned(),
        environment,
        jurisdiction: "US".to_owned(),
        mode: Mode::Enforce,
        continuity: Continuity::Strict,
        system_of_record: false,
    };
    let in_front = |boundary, protocol, upstream: String| {
        Ok::<_, miette::Report>(gateway::BoundaryConfig {
            boundary,
            protocol,
            listen: ([127, 0, 0, 1], 0).into(),
            tls: None,
            danger_plain_http: false,
            upstream: upstream.parse().into_diagnostic()?,
            upstream_roots: Vec::new(),
            reads: gateway::Reads::Isolated(gateway::IsolatedReads {
                objects: vec!["Contact".to_owned()],
                ..gateway::IsolatedReads::standard()
            }),
            webhook: None,
        })
    };
    let org = org.http_url().ok_or_else(|| miette!("the org does not listen"))?;
    let feed = format!("http://{}", feed.address());
    let boundaries = vec![
        in_front(boundary(CRM, Environment::Sandbox), Protocol::Salesforce, org)?,
        in_front(boundary(FEED, Environment::Production), Protocol::Fhir { base: String::new() }, feed)?,
    ];
    let config = gateway::Config {
        boundaries,
        admin: Some(([127, 0, 0, 1], 0).into()),
        limits: gateway::Limits::SUGGESTED,
        timeouts: gateway::Timeouts::SUGGESTED,
        spool: None,
        archive: None,
        link_key: None,
        tracer: None,
        contracts: gateway::Contracts::default(),
    };
    Gateway::start(config, flow).await.into_diagnostic().wrap_err("cannot start the gateway")
}
