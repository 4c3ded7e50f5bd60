//! Sandboxes that are open beside their org, each at an address of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::process::{self, WAITING, Wish, text};
use super::{Sandbox, SandboxError, SandboxKind};
use crate::org::Core;
use crate::snapshot::{self, SnapshotError};
use crate::state::State;
use crate::store::is_deleted;
use crate::{Config, server};

/// What an org needs to open sandboxes.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A sandbox that is open.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) core: Arc<Core>,
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    close: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
    /// A refreshed copy that waits to be activated, and the process that made it.
    waiting: Option<(String, State)>,
}

impl Open {
    /// Where it answers.
    pub(crate) fn url(&self, secure: bool) -> Option<String> {
        let plain = self.http.map(|address| format!("http://{address}"));
        let over_tls = self.https.map(|address| format!("https://{address}"));
        if secure { over_tls.or(plain) } else { plain.or(over_tls) }
    }

    /// A code with which this user may log in once.
    pub(crate) fn code(&self, username: &str, client: &str) -> Option<String> {
        self.core.state().access.code(username, client)
    }

    /// Stops answering, and writes the snapshot if there is one to write.
    pub(crate) async fn stop(mut self, path: Option<&Path>) -> Result<(), SnapshotError> {
        self.close.send_replace(true);
        for task in self.serving.drain(..) {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a listener of a sandbox ended badly");
            }
        }
        path.map_or(Ok(()), |path| snapshot::save(&self.core.state(), path))
    }
}

/// Where a sandbox is kept: beside its org.
pub(crate) fn beside(snapshot: &Path, name: &str) -> PathBuf {
    snapshot.with_extension(format!("{}.sandbox", name.to_ascii_lowercase()))
}

/// Does what requests have asked for about sandboxes.
pub(crate) async fn attend(core: &Arc<Core>) {
    let wishes = std::mem::take(&mut core.state().wishes);
    for wish in wishes {
        match wish {
            Wish::Copy(process) => copy(core, &process).await,
            Wish::Activate(process, activate) => decide(core, &process, activate),
            Wish::End(name) => {
                let open = core.state().sandboxes.remove(&name.to_ascii_lowercase());
                if let Some(open) = open
                    && let Err(error) = open.stop(None).await
                {
                    tracing::warn!(%error, "a sandbox did not stop cleanly");
                }
            }
        }
    }
}

/// Opens again the sandboxes that a snapshot of their org knows, each from the snapshot of its own.
pub(crate) async fn reopen(core: &Arc<Core>) -> Result<(), SnapshotError> {
    let Some(host) = core.host() else { return Ok(()) };
    let Some(snapshot) = &host.config.snapshot else { return Ok(()) };
    let names: Vec<String> = {
        let state = core.state();
        let live = state.store.rows("SandboxInfo").filter(|(_, row)| !is_deleted(row));
        live.map(|(_, row)| text(row, "SandboxName").to_owned()).collect()
    };
    for name in names {
        let config = config(&host.config, &named(&name));
        let mut state = crate::seed::new_state(&config, &crate::id::make("00D", 1));
        if snapshot::load(&mut state, &beside(snapshot, &name))? {
            open(core, &name, state).await;
        }
    }
    Ok(())
}

/// The settings of a sandbox's org.
pub(crate) fn config(production: &Config, sandbox: &Sandbox) -> Config {
    let mut config = production.clone();
    config.sandbox = true;
    config.instance_name.push('S');
    config.credentials.users = super::users(&config.credentials.users, sandbox);
    // Sessions of production are no sessions of the sandbox.
    config.credentials.tokens.clear();
    for (_, username) in &mut config.credentials.refresh_tokens {
        *username = super::suffixed(username, &sandbox.name);
    }
    config
}

fn named(name: &str) -> Sandbox {
    let kind = SandboxKind::Full;
    Sandbox { name: name.to_owned(), kind, objects: Vec::new(), post_copy: None, requested_by: None }
}

async fn copy(core: &Arc<Core>, process: &str) {
    let made = made(core, process);
    let (name, auto, state) = match made {
        Ok(made) => made,
        Err(problem) => {
            let members = [("Status", json!("Stopped")), ("Description", json!(problem))];
            core.state().store.amend("SandboxProcess", process, &members);
            return;
        }
    };
    let organization = state.access.organization.get(..15).unwrap_or_default().to_owned();
    let there = core.state().sandboxes.contains_key(&name.to_ascii_lowercase());
    if !there {
        open(core, &name, state).await;
        done(core, process, &organization);
        return;
    }
    let mut production = core.state();
    let Some(open) = production.sandboxes.get_mut(&name.to_ascii_lowercase()) else { return };
    if auto {
        *open.core.state() = state;
        drop(production);
        done(core, process, &organization);
    } else {
        open.waiting = Some((process.to_owned(), state));
        let members = [
            ("Status", json!(WAITING)),
            ("CopyProgress", json!(100)),
            ("SandboxOrganization", json!(organization)),
        ];
        production.store.amend("SandboxProcess", process, &members);
    }
}

/// The state of the sandbox that a process is about: its name, and whether it takes the place of the one before.
fn made(core: &Arc<Core>, process: &str) -> Result<(String, bool, State), String> {
    let host = core.host().ok_or("this org opens no sandboxes")?;
    let production = core.state();
    let row = production.store.live("SandboxProcess", process).ok_or("the process is gone")?;
    let user = text(row, "CreatedById");
    let asked = process::asked(&production, row, Some(user)).map_err(|failure| failure.message)?;
    let auto = row.get("AutoActivate") == Some(&Value::Bool(true));
    let told = |error: SandboxError| error.to_string();
    let source = production.store.live("SandboxInfo", text(row, "SourceId"));
    let state = match source.map(|row| text(row, "SandboxName").to_ascii_lowercase()) {
        None => super::made(&production, &host.config, &asked, core.now_ms()).map_err(told)?,
        Some(name) => {
            let open = production.sandboxes.get(&name).ok_or("the sandbox to be cloned is not open")?;
            let cloned = open.core.state();
            super::cloned(&cloned, &name, &host.config, &asked, core.now_ms()).map_err(told)?
        }
    };
    Ok((asked.name, auto, state))
}

/// Listens for a sandbox, on ports of the system's choice beside its org's.
async fn open(core: &Arc<Core>, name: &str, state: State) {
    let Some(host) = core.host() else { return };
    let child = Arc::new(Core::new(state, Arc::clone(&host.config.clock), host.config.limits));
    let (close, closed) = watch::channel(false);
    let mut open = Open { core: child, http: None, https: None, close, serving: Vec::new(), waiting: None };
    for (address, tls) in [(host.config.listen_http, None), (host.config.listen_https, host.tls.clone())] {
        let Some(address) = address else { continue };
        match server::bind(SocketAddr::new(address.ip(), 0)).await {
            Ok((listener, address)) => {
                let place = if tls.is_some() { &mut open.https } else { &mut open.http };
                *place = Some(address);
                let served = server::serving(Arc::clone(&open.core), listener, tls, closed.clone());
                open.serving.push(tokio::spawn(served));
            }
            Err(error) => tracing::warn!(%error, "a sandbox cannot listen"),
        }
    }
    let url = open.url(false).unwrap_or_default();
    tracing::info!(sandbox = name, %url, "a sandbox is open");
    core.state().sandboxes.insert(name.to_ascii_lowercase(), open);
}

/// Puts a refreshed copy in the place of the sandbox, or throws it away.
fn decide(core: &Arc<Core>, process: &str, activate: bool) {
    let mut production = core.state();
    let waits = |open: &Open| open.waiting.as_ref().is_some_and(|(known, _)| known == process);
    let Some(open) = production.sandboxes.values_mut().find(|open| waits(open)) else { return };
    let Some((_, state)) = open.waiting.take() else { return };
    if activate {
        let organization = state.access.organization.get(..15).unwrap_or_default().to_owned();
        *open.core.state() = state;
        drop(production);
        done(core, process, &organization);
    } else {
        production.store.amend("SandboxProcess", process, &[("Status", json!("Discarded"))]);
    }
}

fn done(core: &Arc<Core>, process: &str, organization: &str) {
    let now = crate::datetime::spell_date_time(core.now_ms());
    let members = [
        ("Status", json!("Completed")),
        ("CopyProgress", json!(100)),
        ("SandboxOrganization", json!(organization)),
        ("EndDate", json!(now)),
        ("ActivatedDate", json!(now)),
    ];
    core.state().store.amend("SandboxProcess", process, &members);
}
