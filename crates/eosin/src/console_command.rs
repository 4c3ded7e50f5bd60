//! `eosin console`: the pages over the index, for a browser on this machine, kept up to date while they are looked at.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Args;
use data_encoding::BASE32_NOPAD;
use gateway::{PageAnswer, PageServer};
use index::Index;
use miette::{IntoDiagnostic as _, WrapErr as _};
use web::Setting;

use crate::{
    index_command::{Known, Where},
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    run, wiring,
};

/// How long a page may be older than what the ledgers have published.
const LOOK_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// The address; of this machine only. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8460", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) at: Where,
}

/// Serves the console until Ctrl-C or SIGTERM.
pub(crate) fn console(arguments: &ConsoleArguments, printer: &Printer) -> Done {
    run::logging(printer);
    let known = Known::of(&arguments.at)?;
    let index = Index::open(&known.place)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot use the index in {}", known.place))?;
    let shown = known.place.to_string();
    let mut looking = Looking { known, index: Some(index), looked: None, behind: 0 };
    looking.look();
    let looking = Mutex::new(looking);
    let make = move |target: &str| {
        // A page that panicked left the index as it was: it is a view.
        looking.lock().unwrap_or_else(PoisonError::into_inner).page(target)
    };
    let key = BASE32_NOPAD.encode(&keys::random::<20>()?).to_ascii_lowercase();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().into_diagnostic()?;
    runtime.block_on(async {
        let server = PageServer::start(arguments.listen, key.clone(), Arc::new(make))
            .await
            .into_diagnostic()
            .wrap_err("the console did not start")?;
        let link = format!("http://{}/?key={key}", server.address());
        if arguments.at.json {
            printer.line(&serde_json::json!({ "console": link, "index": shown }).to_string());
        } else {
            printer.line(
                &printer
                    .paint(Style::Strong, "The console is open to whoever has this link, on this machine:"),
            );
            printer.line(&format!("  {link}"));
            printer.note(&format!("It shows the index in {shown}. Ctrl-C closes it."));
        }
        run::stopped().await?;
        server.stop().await;
        Ok::<_, miette::Report>(())
    })?;
    Ok(Outcome::Clean)
}

/// The index, as the pages look at it.
struct Looking {
    known: Known,
    index: Option<Index>,
    looked: Option<Instant>,
    behind: u64,
}

impl Looking {
    /// Makes one page.
    fn page(&mut self, target: &str) -> PageAnswer {
        #[expect(clippy::disallowed_methods, reason = "this is the shell that tells how old a page may be")]
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY) {
            self.looked = Some(now);
            self.look();
        }
        if self.index.is_none() {
            self.index = Index::open(&self.known.place).ok();
        }
        let (moment, day_ago) = (wiring::moment(), wiring::moment_days_ago(1));
        let setting = Setting { now: &moment, day_ago: &day_ago, behind: self.behind };
        let Some(index) = &mut self.index else { return away(&self.known.place.to_string()) };
        match web::answer(target, &setting, index) {
            Ok(answer) => {
                PageAnswer { status: answer.status, media_type: answer.kind.media_type(), body: answer.body }
            }
            Err(error) => {
                tracing::warn!("the index did not answer: {error}");
                // A connection that failed is not used again.
                self.index = None;
                away(&self.known.place.to_string())
            }
        }
    }

    /// Reads on what the ledgers have published, and how far the index is behind where that fails.
    fn look(&mut self) {
        let Some(index) = &mut self.index else { return };
        let mut behind = 0;
        for folder in &self.known.ledgers {
            let standing = match index.follow(folder, &mut |_| {}) {
                Ok(standing) => Ok(standing),
                Err(error) => {
                    tracing::warn!("the index was not read on: {error}");
                    index.standing(folder)
                }
            };
            behind += standing.map(|standing| standing.behind()).unwrap_or_default();
        }
        self.behind = behind;
    }
}

/// What is said while the database is away.
fn away(place: &str) -> PageAnswer {
    let body = format!("the index in {place} does not answer; it is asked again with the next page\n");
    PageAnswer { status: 503, media_type: "text/plain; charset=utf-8", body }
}
