//! `eosin run`: the gateway of a configuration, until it is told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use flow::{Flow, Protocol};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    announcing,
    arguments::RunArguments,
    attesting, audit_server, config,
    config::Config,
    datasets, environment,
    indexing::Indexing,
    keys,
    outcome::{Done, Outcome},
    policy_command,
    printer::{Printer, Style},
    quarantine_command::{self, Desk, catching_up},
    subscribing,
    traces::Traces,
    turns, wiring, witnessing,
};

/// Runs until Ctrl-C or SIGTERM, then finishes what is under way and closes the ledger.
pub(crate) fn run(arguments: &RunArguments, printer: &Printer) -> Done {
    let config = Config::load(&arguments.config)?;
    if config.boundaries.is_empty() {
        return Err(miette!(help = "add a `[[boundary]]`", "{} has no boundary", config.file.display()));
    }
    logging(printer);
    let (flow, taking_up) = begun(&config, printer)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .into_diagnostic()
        .wrap_err("cannot start the runtime")?;
    let indexing = Indexing::start(&config)?;
    let witnessed = runtime.block_on(async {
        let traces = traces(&config)?;
        let begins = || traces.as_ref().map(Traces::tracer);
        let running = wiring::gateway(&config, Arc::clone(&flow), begins()).await?;
        let feeds = wiring::mllp(&config, Arc::clone(&flow), begins()).await?;
        running.also_tell(feeds.metrics());
        if let Some(traces) = &traces {
            running.also_tell(traces.metrics());
        }
        let stopped = stopped()?;
        for boundary in &config.boundaries {
            let name = &boundary.boundary.name;
            tell(boundary, running.address(name).or_else(|| feeds.address(name)), printer);
        }
        let subscribed = subscribing::subscribe(&config, &running, &flow, printer)?;
        let witness = witnessing::serve(&config).await?;
        if let Some(witness) = &witness {
            printer.line(&format!("witness: http://{} cosigns checkpoints of other logs", witness.address()));
        }
        if let Some(address) = running.admin_address() {
            printer.line(&format!("health and metrics: http://{address}/healthz /readyz /metrics"));
        }
        let witnessed = witnessing::ask(&config, &running)?;
        let desk = Arc::new(Desk::new(&config, Arc::clone(&flow))?);
        let deciding = decisions(&config, &desk, printer);
        let expiring = tokio::spawn(expire(config.clone(), Arc::clone(&flow)));
        let refreshing = tokio::spawn(refresh(config.clone(), Arc::clone(&flow)));
        running.also_tell(taking_up.metrics());
        let activating = tokio::spawn(taking_up.keep(Arc::clone(&flow)));
        let (sharing, auditing) = (share(&config, &flow)?, audit_server::send(&config, &flow)?);
        let announcing = announcing::announce(&config, &flow)?;
        stopped.await;
        printer.note("stopping: finishing what is under way");
        // What is being delivered is brought to its end first: its boundary is still there.
        drop(tokio::time::timeout(gateway::Timeouts::SUGGESTED.drain, subscribed.stop()).await);
        let (how, fed) = tokio::join!(running.stop(), feeds.stop());
        if how == gateway::Stopped::CutOff || fed == mllp::Stopped::CutOff {
            printer.note("some requests were cut off; they show as unsettled in the ledger");
        }
        if let Some(traces) = traces {
            traces.finish().await;
        }
        // A release under way comes to its end; none begins.
        drop(tokio::time::timeout(gateway::Timeouts::SUGGESTED.drain, desk.settle()).await);
        // Only now: what is brought to its end is judged by what is in force and known then, as at any other gateway.
        let beside = [refreshing, activating, expiring];
        let beside = beside.iter().chain(&sharing).chain(&auditing).chain(&announcing).chain(&deciding);
        beside.for_each(tokio::task::JoinHandle::abort);
        Ok::<_, miette::Report>(witnessed)
    })?;
    closed(&config, &flow, printer)?;
    if let Some(witnessed) = witnessed {
        runtime.block_on(witnessed.finish());
    }
    // Last: it is a view, and its database may be anybody's.
    if let Some(indexing) = indexing {
        indexing.finish();
    }
    // Whoever waits for a folder that does not answer waits for nothing: what had to be written is written.
    runtime.shutdown_timeout(LAST_WAIT);
    Ok(Outcome::Clean)
}

/// How long folders that others share are waited for at the end.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// Closes the quarantine and the ledger, after the last crossing.
fn closed(config: &Config, flow: &Arc<Flow>, printer: &Printer) -> miette::Result<()> {
    let (done, told) = std::sync::mpsc::channel::<()>();
    let (theirs, learned, says) = (config.clone(), Arc::clone(flow), printer.clone());
    std::thread::spawn(move || {
        shared(&theirs, &learned, &says);
        drop(done);
    });
    // Whether it came to its end or panicked; not where a folder does not answer.
    if told.recv_timeout(LAST_WAIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
        printer.note("a shared folder does not answer: a dataset that was learned last has to be sent again");
    }
    if let Some(keeping) = flow.keeping() {
        drop(keeping.keeper().close());
    }
    flow.appender()
        .close()
        .map_err(|_| miette!("the ledger could not be closed cleanly; it recovers when opened"))?;
    Ok(())
}

/// Writes what others wait for into the folders that they share.
fn shared(config: &Config, flow: &Flow, printer: &Printer) {
    if let Some(folder) = &config.datasets
        && let Err(report) = datasets::write_learned(folder, flow)
    {
        printer.note(&format!("a dataset that was learned last has to be sent again: {report:#}"));
    }
    // The other gateways need not wait for the next start of this one.
    if let Err(report) = attesting::fold(config, printer) {
        printer.note(&format!("what was attested last is made known at the next start: {report:#}"));
    }
}

/// Whoever sends traces, if the configuration says where to. Which of several gateways this is, its ledger's name says.
fn traces(config: &Config) -> miette::Result<Option<Traces>> {
    let Some(telemetry) = &config.telemetry else { return Ok(None) };
    let ledger = keys::verifier(&config.ledger.vkey)?;
    Traces::start(telemetry, ledger.name()).map(Some)
}

/// The flow, with the policies and emergency versions that are in force.
fn begun(config: &Config, printer: &Printer) -> miette::Result<(Arc<Flow>, policy_command::TakingUp)> {
    let mut taking_up = policy_command::TakingUp::new(config)?;
    let flow = Arc::new(wiring::flow(config, printer)?);
    taking_up.begin(&flow)?;
    Ok((flow, taking_up))
}

/// Keeps the folder of datasets and the flow in step, if there is one.
fn share(config: &Config, flow: &Arc<Flow>) -> miette::Result<Option<tokio::task::JoinHandle<()>>> {
    let published = attesting::published(config)?;
    let folder = config.datasets.clone();
    Ok(folder.map(|folder| tokio::spawn(datasets::keep(folder, published, Arc::clone(flow)))))
}

/// Says where a boundary listens, and what is behind it.
fn tell(boundary: &config::Boundary, address: Option<SocketAddr>, printer: &Printer) {
    let scheme = match (&boundary.protocol, boundary.tls) {
        (Protocol::Hl7v2, false) => "mllp",
        (Protocol::Hl7v2, true) => "mllps",
        (_, false) => "http",
        (_, true) => "https",
    };
    printer.line(&format!(
        "{} {}: {scheme}://{} to {} ({}, {})",
        printer.paint(Style::Good, "listening"),
        boundary.boundary.name,
        address.map(|address| address.to_string()).unwrap_or_default(),
        boundary.upstream,
        boundary.boundary.environment.as_str(),
        boundary.boundary.mode.as_str(),
    ));
}

/// Listens for decisions about kept requests. Without a socket they wait until the gateway is stopped.
fn decisions(config: &Config, desk: &Arc<Desk>, printer: &Printer) -> Option<tokio::task::JoinHandle<()>> {
    let files = config.quarantine.as_ref()?;
    match quarantine_command::serve(&files.folder, Arc::clone(desk)) {
        Ok(listening) => Some(tokio::spawn(listening)),
        Err(report) => {
            printer.note(&format!(
                "`eosin quarantine release` and `reject` have to wait until this stops: {report}"
            ));
            None
        }
    }
}

/// Erases what was kept as long as it may be, has the ledger say what it could not be told before, and says when something
/// could not be kept.
async fn expire(config: Config, flow: Arc<Flow>) {
    let Some(files) = config.quarantine.clone() else { return };
    let config = Arc::new(config);
    let mut told = 0;
    let mut ticks = tokio::time::interval(EXPIRE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match flow.expire(&wiring::moment_days_ago(files.days)).await {
            Ok(0) => {}
            Ok(erased) => tracing::warn!(erased, "kept as long as they may be: erased from the quarantine"),
            Err(error) => tracing::warn!("the quarantine could not erase what has expired: {error}"),
        }
        let (theirs, writes) = (Arc::clone(&config), Arc::clone(&flow));
        let late = tokio::task::spawn_blocking(move || catching_up::while_running(&theirs, &writes)).await;
        match late {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(written)) => {
                tracing::warn!(
                    written,
                    "what became of kept items is in the ledger late: it could not write before"
                );
            }
            Ok(Err(report)) => {
                tracing::warn!("what became of kept items is not in the ledger yet: {report:#}");
            }
        }
        let not_kept: u64 = flow.keeping().map_or(0, |keeping| keeping.not_kept().values().sum());
        if not_kept > told {
            tracing::warn!(not_kept, "withheld requests could not be kept; the ledger says why for each");
            told = not_kept;
        }
    }
}

const EXPIRE_EVERY: Duration = Duration::from_mins(1);

/// Takes up each new snapshot of the registry, within [`REFRESH_EVERY`].
///
/// One that cannot be used, is older or is gone, is said, and the one before stays in use: recognising less is not a
/// reason to stop.
async fn refresh(config: Config, flow: Arc<Flow>) {
    if config.registry.is_none() {
        return;
    }
    let wrong = "the registry's new snapshot is not in use";
    turns::keep(REFRESH_EVERY, wrong, (config, flow), |(config, flow)| {
        if flow.recognition().registry().is_some_and(|registry| registry.is_current().unwrap_or(false)) {
            return Ok(());
        }
        let held = flow.recognition().registry().map(|registry| registry.snapshot());
        flow.recognise_by(config.recognition_after(|files, _, found| match held {
            Some(held) if found.is_none_or(|found| found.is_behind(&held)) => Err(miette::miette!(
                "the registry in {} is older than generation {}, which is in use, or gone",
                files.folder.display(),
                held.generation
            )),
            Some(held) if found.is_some_and(|found| found.entries < held.entries) => {
                // Somebody may have forgotten records, elsewhere too: what was marked since has to be known all the same.
                tracing::warn!(
                    held = held.entries,
                    found = found.map(|found| found.entries),
                    "the registry holds less than it did, and is in use: records were forgotten, or it was lost and made \
                     again; `eosin registry status` where it is written to says which"
                );
                Ok(())
            }
            _ => Ok(()),
        })?);
        Ok(())
    })
    .await;
}

const REFRESH_EVERY: Duration = Duration::from_secs(5);

/// Ends with Ctrl-C or SIGTERM. It listens for them from now on, also before somebody waits.
pub(crate) fn stopped() -> miette::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).into_diagnostic()?;
    let mut terminate = signal(SignalKind::terminate()).into_diagnostic()?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Logs to standard error: warnings, or what `EOSIN_LOG` or `-v` ask for.
pub(crate) fn logging(printer: &Printer) {
    let asked = environment::variable("EOSIN_LOG").unwrap_or_else(|| {
        match printer.verbosity() {
            0 => "warn",
            1 => "info",
            _ => "debug",
        }
        .to_owned()
    });
    let filter = EnvFilter::try_new(asked).unwrap_or_else(|_| EnvFilter::new("warn"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    // A second subscriber in one process is a test's, and that one stands.
    drop(tracing::subscriber::set_global_default(subscriber));
}
