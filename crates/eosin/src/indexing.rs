//! The index while a gateway runs: a thread that reads on what the ledgers have published, beside the traffic.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::Duration,
};

use index::{Index, Patience};
use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::{config::Config, console_command::whole};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the end of the ledger is waited for to be in the index: what is not is read at the next start.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Follows the ledgers of a configuration until it is told to finish.
pub(crate) struct Indexing {
    stop: Sender<()>,
    // Nothing is sent: its other side is dropped when the thread ends.
    ended: Receiver<()>,
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
        let (ending, ended) = channel::<()>();
        std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || {
                while told.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    following.turn();
                }
                // The ledger is closed by now: what it held in its journal is published.
                following.turn();
                drop(ending);
            })
            .into_diagnostic()
            .wrap_err("cannot start the index's thread")?;
        Ok(Some(Self { stop, ended }))
    }

    /// Reads what has come to the end, and ends. A database that does not answer is not waited for longer than [`LAST_WAIT`].
    pub(crate) fn finish(self) {
        drop(self.stop);
        // Whether it panicked or not, the gateway has done its work.
        if self.ended.recv_timeout(LAST_WAIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the index is not read to the end of the ledger: its database does not answer");
        }
    }
}

struct Following {
    config: Config,
    index: Option<Index>,
    told: String,
}

impl Following {
    fn turn(&mut self) {
        let now = self.read().err().map(|report| whole(report.as_ref())).unwrap_or_default();
        if !now.is_empty() && now != self.told {
            tracing::warn!("the index is not kept up to date: {now}");
        }
        self.told = now;
    }

    fn read(&mut self) -> miette::Result<()> {
        if self.index.is_none() {
            self.index =
                Some(Index::open_with(&self.config.index_place(), Patience::BESIDE).into_diagnostic()?);
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
