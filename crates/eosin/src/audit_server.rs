//! Audit events on their way to a FHIR server, while a gateway runs. Nothing that crosses waits for it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use flow::Flow;
use gateway::{AuditClient, AuditSent};
use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::task::{JoinHandle, JoinSet};

use crate::{config, keys};

/// Between two looks at what waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest pause after a server that was away.
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Events that are under way at one time.
const AT_ONCE: usize = 8;
/// Events that are taken at one time.
const TAKEN: usize = 1_000;

/// Sends what waits, for each boundary that names a server, until aborted.
///
/// Errors: a report: a file that cannot be read, or an address that cannot be used.
pub(crate) fn send(config: &config::Config, flow: &Arc<Flow>) -> miette::Result<Vec<JoinHandle<()>>> {
    let mut sending = Vec::new();
    for boundary in &config.boundaries {
        let Some(server) = &boundary.audit_server else { continue };
        let client = client(server)
            .wrap_err_with(|| format!("boundary `{}` cannot send audit events", boundary.boundary.name))?;
        let sender = Sender {
            boundary: boundary.boundary.name.clone(),
            flow: Arc::clone(flow),
            client,
            taken: VecDeque::new(),
            pause: LOOK_EVERY,
        };
        sending.push(tokio::spawn(sender.run()));
    }
    Ok(sending)
}

fn client(server: &config::AuditServer) -> miette::Result<AuditClient> {
    let roots = keys::authorities(server.url_ca.as_ref())?;
    let authorization = keys::authorization(server.authorization.as_ref())?;
    AuditClient::new(&server.url, &roots, authorization, &gateway::Timeouts::SUGGESTED).into_diagnostic()
}

struct Sender {
    boundary: String,
    flow: Arc<Flow>,
    client: AuditClient,
    /// What was taken and is not with the server yet, oldest first.
    taken: VecDeque<String>,
    pause: Duration,
}

impl Sender {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(self.pause).await;
            self.turn().await;
        }
    }

    /// Sends until nothing waits or the server is away.
    async fn turn(&mut self) {
        loop {
            if self.taken.is_empty() {
                let (events, left_out) = self.flow.take_events(&self.boundary, TAKEN);
                self.taken = events.into();
                if left_out > 0 {
                    tracing::warn!(
                        boundary = self.boundary,
                        left_out,
                        "audit events are in the folder only: too many wait for the server"
                    );
                }
            }
            if self.taken.is_empty() {
                self.pause = LOOK_EVERY;
                return;
            }
            if !self.some().await {
                if self.pause == LOOK_EVERY {
                    tracing::warn!(
                        boundary = self.boundary,
                        "the audit server takes no events now; they wait"
                    );
                }
                self.pause = (self.pause * 2).min(PAUSE_MAX);
                return;
            }
            self.pause = LOOK_EVERY;
        }
    }

    /// Sends a few at once; those that were not taken wait again. Whether the server took or refused all of them.
    async fn some(&mut self) -> bool {
        let mut under_way = JoinSet::new();
        for _ in 0..AT_ONCE {
            let Some(event) = self.taken.pop_front() else { break };
            let client = self.client.clone();
            under_way.spawn(async move {
                let sent = client.send(&event).await;
                (event, sent)
            });
        }
        let mut all = true;
        while let Some(done) = under_way.join_next().await {
            match done {
                Ok((_, AuditSent::Kept)) => {}
                Ok((_, AuditSent::Refused(status))) => {
                    tracing::error!(
                        boundary = self.boundary,
                        status,
                        "the audit server refused an event; it is in the folder"
                    );
                }
                Ok((event, AuditSent::Later)) => {
                    all = false;
                    self.taken.push_front(event);
                }
                Err(_) => all = false,
            }
        }
        all
    }
}
