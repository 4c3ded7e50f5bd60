//! A running gateway takes up the version that the log of versions puts in force, between two requests.

use std::{sync::Arc, time::Duration};

use flow::Flow;

use super::versions::Versions;
use crate::{config::Config, turns};

/// How often a gateway looks: the log's checkpoint is a small file.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What a gateway has taken up so far.
pub(crate) struct TakingUp {
    versions: Option<Versions>,
    seen: u64,
}

impl TakingUp {
    /// Nothing yet: the first look says in the ledger which version the gateway began with.
    pub(crate) fn new(config: &Config) -> Self {
        Self { versions: config.policy.log.as_ref().map(Versions::new), seen: 0 }
    }

    /// Looks until the task is aborted. What cannot be taken up is said once, and what was in force stays.
    pub(crate) async fn keep(self, flow: Arc<Flow>) {
        if self.versions.is_some() {
            let wrong = "the policies in force stay as they are";
            turns::keep(LOOK_EVERY, wrong, (self, flow), |(taking_up, flow)| taking_up.turn(flow)).await;
        }
    }

    fn turn(&mut self, flow: &Flow) -> miette::Result<()> {
        let Some(versions) = &self.versions else { return Ok(()) };
        let size = versions.size()?;
        if size == self.seen {
            return Ok(());
        }
        if size < self.seen {
            return Err(miette::miette!(
                "the log of policy versions has {size} entries and had {}: an older copy was put back",
                self.seen
            ));
        }
        if let Some(current) = versions.current()? {
            flow.activate_logged(current.policies()?, &current.place);
            tracing::info!(version = current.change.version, "policies taken up");
            self.seen = current.size;
        }
        Ok(())
    }
}
