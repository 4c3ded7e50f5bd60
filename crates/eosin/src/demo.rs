//! `eosin demo`: the whole story in one process, on free loopback ports, with a real ledger.

use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::{
    arguments::DemoArguments,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

mod client;
mod console;
mod feed;
mod people;
mod stage;
mod story;

/// Plays the story; with `--once` it ends there, else the servers stay up until Ctrl-C.
pub(crate) fn demo(arguments: &DemoArguments, printer: &Printer) -> Done {
    let folder = Folder::make(arguments.keep.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic()
        .wrap_err("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        let stage = stage::Stage::build(&folder.path).await?;
        let told = story::tell(&stage, printer).await;
        let stayed = if told.is_ok() && !arguments.once {
            stayed(&stage, arguments.open, printer).await
        } else {
            Ok(())
        };
        stage.strike().await;
        told.and_then(|told| stayed.map(|()| told))
    });
    // Whoever waits for news on a page waits for nothing.
    runtime.shutdown_timeout(std::time::Duration::ZERO);
    if arguments.keep.is_some() {
        printer.line(&format!("Everything is kept in {}", folder.path.display()));
    }
    outcome
}

/// Keeps the servers and the console up until Ctrl-C.
async fn stayed(stage: &stage::Stage, open: bool, printer: &Printer) -> miette::Result<()> {
    let console = console::open(stage).await?;
    let stopped = crate::run::stopped()?;
    story::stay(stage, &console.link, printer);
    if open {
        console.show();
    }
    stopped.await;
    console.close().await;
    printer.line("");
    printer.line(&printer.paint(Style::Faint, "Closing the ledger and the servers."));
    Ok(())
}

/// The demo's folder: kept if a person named it, removed at the end otherwise.
struct Folder {
    path: PathBuf,
    kept: bool,
}

impl Folder {
    fn make(keep: Option<&Path>) -> miette::Result<Self> {
        let path = if let Some(path) = keep {
            path.to_owned()
        } else {
            let random: [u8; 6] = crate::keys::random()?;
            std::env::temp_dir().join(format!("eosin-demo-{}", data_encoding::HEXLOWER.encode(&random)))
        };
        std::fs::create_dir_all(&path)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path, kept: keep.is_some() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.kept {
            // A temporary folder that stays behind is untidy, not wrong.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}

/// A story that did not go as it must ends with exit code 1.
pub(crate) fn verdict(as_expected: bool) -> Outcome {
    if as_expected { Outcome::Clean } else { Outcome::Findings }
}
