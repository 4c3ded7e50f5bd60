//! The console over the demo's ledgers: what the story did, for whoever looks.

use std::{io::IsTerminal as _, process::Stdio};

use gateway::PageServer;
use index::Place;
use miette::{IntoDiagnostic as _, WrapErr as _};

use super::stage::Stage;
use crate::{
    console_command::{Live, Pages, with_key},
    index_command::Known,
};

/// A console that is open.
pub(crate) struct Opened {
    server: PageServer,
    /// Its address, with the key that lets in.
    pub(crate) link: String,
}

/// Opens it on a free port of this machine, over an index in the demo's folder.
///
/// Errors: a report: the index cannot be made, or nothing can be listened to.
pub(crate) async fn open(stage: &Stage) -> miette::Result<Opened> {
    let place = Place::File(stage.folder.join("index.sqlite"));
    let ledgers = vec![stage.folder.join("ledger"), stage.folder.join("generator-ledger")];
    let live = Live::new(place.clone(), ledgers.clone());
    let pages = tokio::task::spawn_blocking(|| Pages::new(Known { place, ledgers })).await;
    let (entry, make, key) = with_key(live, pages.into_diagnostic()??)?;
    let server = PageServer::start(([127, 0, 0, 1], 0).into(), entry, make, None)
        .await
        .into_diagnostic()
        .wrap_err("the console did not start")?;
    let link = format!("http://{}/?key={key}", server.address());
    Ok(Opened { server, link })
}

impl Opened {
    /// Shows it in a browser, where somebody sits at a terminal. Where there is no browser, the address was printed.
    pub(crate) fn show(&self) {
        let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        if std::io::stdout().is_terminal() {
            let mut command = std::process::Command::new(opener);
            let quiet =
                command.arg(&self.link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            drop(quiet.spawn());
        }
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        self.server.stop().await;
    }
}
