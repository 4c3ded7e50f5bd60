//! A local Salesforce-compatible org for demos, drills and tests: OAuth, REST, SOQL, Bulk v1 and 2.0, SOAP, the User
//! Interface API, GraphQL, Apex REST, anonymous Apex, deployments, the Pub/Sub API.
//!
//! It never shares code with the rest of the workspace: it plays the outside world, and must not know what we know.
//! Start with [`Org::start`]; what arrived is read back with [`Running::records`].
//! Read next: `rest.rs` (which resource answers what), `store.rs` (the records), `soql.rs` (queries).

mod analytics;
mod apex;
mod archive;
mod auth;
mod avro;
mod bulk_v1;
mod bus;
mod call;
mod catalogue;
mod change;
mod custom_field;
mod datetime;
mod deploy;
mod describe;
mod event_log;
mod failure;
mod formula;
mod graphql;
mod id;
mod multipart;
mod org;
mod person;
mod pubsub;
mod read;
mod rest;
mod sandbox;
mod schema;
mod seed;
mod server;
mod sharing;
mod snapshot;
mod soap;
pub mod soql;
mod state;
mod store;
mod tls;
mod value;
mod viewer;
mod weekly_export;
mod xml;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use apex::rest::{ApexAnswer, ApexRest};
pub use custom_field::{CustomField, CustomKind, FieldError};
pub use deploy::Effect;
pub use id::widen as long_id;
pub use sandbox::{Sandbox, SandboxError, SandboxKind, SandboxOf};
pub use snapshot::SnapshotError;
pub use tls::{Tls, TlsError};

use org::Core;

/// What an org is made of.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address for plain HTTP; port 0 lets the system choose.
    pub listen_http: Option<SocketAddr>,
    /// Address for HTTPS; port 0 lets the system choose.
    pub listen_https: Option<SocketAddr>,
    /// Certificate of the HTTPS address.
    pub tls: Tls,
    /// `InstanceName` of the organization.
    pub instance_name: String,
    /// Whether the organization says it is a sandbox.
    pub sandbox: bool,
    /// Where the org is kept between runs; read at start, written by `Running::save` and `Running::stop`.
    pub snapshot: Option<PathBuf>,
    /// Begin as a sandbox of another org, copied anew; without it, the org is what its snapshot holds.
    pub sandbox_of: Option<SandboxOf>,
    /// Templates of partial sandboxes: a name, and the objects whose records are copied.
    pub sandbox_templates: Vec<(String, Vec<String>)>,
    /// The objects whose changes are published as change events.
    pub change_events: Vec<String>,
    /// Who may come in.
    pub credentials: Credentials,
    /// Rows a page of a query.
    pub query_batch_rows: usize,
    /// How long an unused session lives, in seconds.
    pub session_seconds: u32,
    /// How much is too much.
    pub limits: Limits,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Who may come in, and how.
#[derive(Clone)]
pub struct Credentials {
    /// Connected applications.
    pub clients: Vec<Client>,
    /// Users; the first is the one that client credentials act as.
    pub users: Vec<User>,
    /// Session tokens that are valid from the start and do not expire: token and username.
    pub tokens: Vec<(String, String)>,
    /// Refresh tokens: token and username.
    pub refresh_tokens: Vec<(String, String)>,
}

/// A connected application.
#[derive(Clone)]
pub struct Client {
    /// Consumer key.
    pub id: String,
    /// Consumer secret.
    pub secret: String,
    /// PEM certificate or public key that JWT assertions must be signed by; without one, any signature is believed.
    pub certificate_pem: Option<String>,
    /// Username that client credentials act as.
    pub run_as: Option<String>,
}

/// A user of the org.
#[derive(Clone)]
pub struct User {
    /// Login name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Security token, which may follow the password.
    pub security_token: String,
    /// First and last name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// `System Administrator`, or `Standard User`, who sees of custom fields and private records what is given to them.
    pub profile: String,
}

/// How much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an ordinary request body, after unpacking.
    pub body_bytes: usize,
    /// Bytes of bulk job data or a deployment.
    pub upload_bytes: usize,
    /// Bytes of a deployed zip; unpacked, 16 times as many.
    pub zip_bytes: usize,
    /// Files in a deployed zip.
    pub zip_entries: usize,
    /// Records of all objects together, deleted ones too.
    pub rows: usize,
    /// Records of a collections or tree request.
    pub collection_records: usize,
    /// Requests in a composite or batch request.
    pub composite_requests: usize,
    /// Rows of a page of bulk query results; some clients fail on a second page.
    pub bulk_page_rows: usize,
    /// Events of all topics that are kept, the newest.
    pub events: usize,
    /// How long a subscription is silent before it gets a sign of life.
    pub event_keepalive: Duration,
}

/// The time, as milliseconds since 1970 UTC.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now_ms(&self) -> i64;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Starts orgs.
#[derive(Debug, Clone, Copy)]
pub struct Org;

/// An org that answers requests until it is stopped.
#[derive(Debug)]
pub struct Running {
    core: Arc<Core>,
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    ca_pem: Option<String>,
    snapshot: Option<PathBuf>,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

/// Why an org did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Neither address is given.
    #[error("the org needs an http or an https address to listen on")]
    NoAddress,
    /// An address is taken or not ours; choose another, or port 0.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The certificate does not work.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The snapshot does not load.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The org cannot begin as the sandbox that it should be.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Org {
    /// Starts an org and answers requests on tasks of the running Tokio runtime.
    ///
    /// Errors: `StartError`; nothing listens then.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        if config.listen_http.is_none() && config.listen_https.is_none() {
            return Err(StartError::NoAddress);
        }
        let mut state = sandbox::begun(&config)?;
        state.store.bus = bus::Bus::new(config.limits.events);
        config.change_events.iter().for_each(|object| state.store.bus.select(object));
        let tls = config.listen_https.map(|_| tls::server(&config.tls)).transpose()?;
        let host = sandbox::host::Host {
            config: config.clone(),
            tls: tls.as_ref().map(|(server, _)| Arc::clone(server)),
        };
        let core = Arc::new(Core::new(state, Arc::clone(&config.clock), config.limits).hosting(host));
        sandbox::host::reopen(&core).await?;
        let (stop, stopped) = watch::channel(false);
        let listen = |address| async move {
            server::bind(address).await.map_err(|source| StartError::Listen { address, source })
        };
        let http = match config.listen_http {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let https = match config.listen_https {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let (mut serving, mut addresses) = (Vec::new(), (None, None));
        if let Some((listener, address)) = http {
            addresses.0 = Some(address);
            serving.push(tokio::spawn(server::serve(Arc::clone(&core), listener, None, stopped.clone())));
        }
        let mut ca_pem = None;
        if let (Some((listener, address)), Some((tls, ca))) = (https, tls) {
            addresses.1 = Some(address);
            ca_pem = ca;
            serving.push(tokio::spawn(server::serve(Arc::clone(&core), listener, Some(tls), stopped)));
        }
        Ok(Running {
            core,
            http: addresses.0,
            https: addresses.1,
            ca_pem,
            snapshot: config.snapshot,
            stop,
            serving,
        })
    }
}

impl Running {
    /// `http://127.0.0.1:PORT`, if the org listens on plain HTTP.
    pub fn http_url(&self) -> Option<String> {
        self.http.map(|address| format!("http://{address}"))
    }

    /// `https://127.0.0.1:PORT`, if the org listens on HTTPS.
    pub fn https_url(&self) -> Option<String> {
        self.https.map(|address| format!("https://{address}"))
    }

    /// The certificate that clients of the HTTPS address must trust, as PEM.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// How many records of an object the org holds, those in the recycle bin not counted.
    pub fn count(&self, object: &str) -> usize {
        let state = self.core.state();
        state.store.schema.object(object).map_or(0, |object| state.store.count(&object.name))
    }

    /// The records of an object in order of creation, as REST would give them: what really arrived.
    pub fn records(&self, object: &str) -> Vec<Map<String, Value>> {
        let state = self.core.state();
        let Some(object) = state.store.schema.object(object) else { return Vec::new() };
        let live = state.store.rows(&object.name).filter(|(_, row)| !store::is_deleted(row));
        live.map(|(_, row)| read::record(object, row, LATEST)).collect()
    }

    /// Adds a custom field, or replaces the one of this name.
    pub fn add_custom_field(&self, object: &str, field: &CustomField) -> Result<(), FieldError> {
        let mut state = self.core.state();
        let known = state.store.schema.object(object).map(|object| object.name.clone());
        let known = known.ok_or_else(|| FieldError::NoObject(object.to_owned()))?;
        let made = field.made(&state.store.schema)?;
        state.store.schema.add_field(&known, made);
        state.store.reindex(&known);
        Ok(())
    }

    /// Adds a custom object with the system fields and a text name, or a platform event (`__e`); one that is there
    /// already stays as it is.
    pub fn add_custom_object(&self, name: &str, label: &str) -> Result<(), FieldError> {
        if !name.ends_with("__c") && !name.ends_with("__e") {
            return Err(FieldError::Name(name.to_owned()));
        }
        self.core.state().store.schema.add_object(name, label, &format!("{label}s"));
        Ok(())
    }

    /// Declares a resource under `/services/apexrest`; one of the same path and methods is replaced.
    pub fn add_apex_rest(&self, resource: ApexRest) -> Result<(), FieldError> {
        let mut state = self.core.state();
        let object = state.store.schema.object(&resource.object).map(|object| object.name.clone());
        let object = object.ok_or_else(|| FieldError::NoObject(resource.object.clone()))?;
        state.apex_rest.retain(|known| known.path != resource.path || known.methods != resource.methods);
        state.apex_rest.push(ApexRest { object, ..resource });
        Ok(())
    }

    /// The platform events of a type that were published, oldest first; the newest 10,000 of all types are kept.
    pub fn events(&self, name: &str) -> Vec<BTreeMap<String, Value>> {
        let state = self.core.state();
        let Some(object) = state.store.schema.object(name) else { return Vec::new() };
        state.store.events(&object.name).cloned().collect()
    }

    /// Everything that was deployed: component type and full name, and whether the org acts on it.
    pub fn deployed(&self) -> BTreeMap<(String, String), Effect> {
        self.core.state().deployments.kept.clone()
    }

    /// Where the open sandboxes answer over plain HTTP, or over HTTPS where there is no other: name and address.
    pub fn sandboxes(&self) -> Vec<(String, String)> {
        let state = self.core.state();
        let open = state.sandboxes.iter().filter_map(|(name, open)| Some((name.clone(), open.url(false)?)));
        open.collect()
    }

    /// Ends every session, so that clients meet `INVALID_SESSION_ID`.
    pub fn end_sessions(&self) {
        self.core.state().access.end_sessions();
    }

    /// How many REST requests the org has answered.
    pub fn requests(&self) -> u64 {
        self.core.state().requests
    }

    /// Writes the snapshot, if one is configured; the file is replaced whole or not at all.
    pub fn save(&self) -> Result<(), SnapshotError> {
        match &self.snapshot {
            Some(path) => snapshot::save(&self.core.state(), path),
            None => Ok(()),
        }
    }

    /// Stops listening, lets requests under way finish (five seconds at most), and writes the snapshot.
    pub async fn stop(mut self) -> Result<(), SnapshotError> {
        self.stop.send_replace(true);
        // Subscriptions would go on for ever.
        self.core.state().store.bus.close();
        for task in self.serving.drain(..) {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a listener of the org ended badly");
            }
        }
        let open = std::mem::take(&mut self.core.state().sandboxes);
        for (name, sandbox) in open {
            let path = self.snapshot.as_deref().map(|path| sandbox::host::beside(path, &name));
            sandbox.stop(path.as_deref()).await?;
        }
        self.save()
    }
}

impl Default for Config {
    /// Plain HTTP and HTTPS on loopback, ports of the system's choice, one client and one user for tests.
    fn default() -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen_http: Some(loopback),
            listen_https: Some(loopback),
            tls: Tls::SelfMade,
            instance_name: "LOCAL".into(),
            sandbox: false,
            snapshot: None,
            sandbox_of: None,
            sandbox_templates: Vec::new(),
            change_events: Vec::new(),
            credentials: Credentials::for_tests(),
            query_batch_rows: 2_000,
            session_seconds: 7_200,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Credentials {
    /// One client, an administrator and a standard user, with names and secrets that everybody knows: for tests and
    /// demos only.
    pub fn for_tests() -> Self {
        Self {
            clients: vec![Client {
                id: "local-client".into(),
                secret: "local-secret".into(),
                certificate_pem: None,
                run_as: None,
            }],
            users: vec![
                User {
                    username: "admin@org.example".into(),
                    password: "local-password".into(),
                    security_token: "token".into(),
                    name: "Local Admin".into(),
                    email: "admin@org.example".into(),
                    profile: "System Administrator".into(),
                },
                User {
                    username: "reader@org.example".into(),
                    password: "local-password".into(),
                    security_token: "token".into(),
                    name: "Local Reader".into(),
                    email: "reader@org.example".into(),
                    profile: "Standard User".into(),
                },
            ],
            tokens: Vec::new(),
            refresh_tokens: vec![("local-refresh".into(), "admin@org.example".into())],
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("clients", &self.clients.len())
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 50 << 20,
            upload_bytes: 150 << 20,
            zip_bytes: 39 << 20,
            zip_entries: 10_000,
            rows: 1_000_000,
            collection_records: 200,
            composite_requests: 25,
            bulk_page_rows: usize::MAX,
            events: store::EVENTS_KEPT,
            event_keepalive: Duration::from_secs(270),
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the org reads the machine's clock")]
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The newest version, for addresses in records that are read without a request.
const LATEST: &str = "v68.0";
