//! The index while a gateway runs: a thread that reads on what the ledgers have published, beside the traffic.

use std::{
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use index::Index;
use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::config::Config;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Follows the ledgers of a configuration until it is told to finish.
pub(crate) struct Indexing {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Indexing {
    /// Starts following, if the configuration has an index.
    ///
    /// A database that is away stops nothing: it is said once, asked again each second, and read on from the bookmark.
    pub(crate) fn start(config: &Config) -> miette::Result<Option<Self>> {
        if config.index.is_none() {
            return Ok(None);
        }
        let mut following = Following { config: config.clone(), index: None, told: String::new() };
        let (stop, told) = channel();
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || {
                while told.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    following.turn();
                }
                // The ledger is closed by now: what it held in its journal is published.
                following.turn();
            })
            .into_diagnostic()
            .wrap_err("cannot start the index's thread")?;
        Ok(Some(Self { stop, thread }))
    }

    /// Reads what has come to the end, and ends.
    pub(crate) fn finish(self) {
        drop(self.stop);
        // Whether it panicked or not, the gateway has done its work.
        drop(self.thread.join());
    }
}

struct Following {
    config: Config,
    index: Option<Index>,
    told: String,
}

impl Following {
    fn turn(&mut self) {
        let now = self.read().err().map(|report| report.to_string()).unwrap_or_default();
        if !now.is_empty() && now != self.told {
            tracing::warn!("the index is not kept up to date: {now}");
        }
        self.told = now;
    }

    fn read(&mut self) -> miette::Result<()> {
        if self.index.is_none() {
            self.index = Some(Index::open(&self.config.index_place()).into_diagnostic()?);
        }
        let Some(index) = &mut self.index else { return Ok(()) };
        // The log of policy versions may have begun since.
        for folder in self.config.all_ledgers() {
            if let Err(error) = index.follow(&folder, &mut |_| {}) {
                // A connection that failed is not used again.
                self.index = None;
                return Err(error).into_diagnostic();
            }
        }
        Ok(())
    }
}
