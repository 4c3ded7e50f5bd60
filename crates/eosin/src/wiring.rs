//! From a configuration to running parts: ledger, flow, gateway; and the only clock.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use flow::{Certifier, Clock, Flow, Protocol, Setup};
use gateway::{ArchiveConfig, Gateway, Running, SpoolConfig, TlsIdentity, authority::LocalAuthority};
use ledger::{Appender, AppenderConfig, Ledger, Reader, durable};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use mllp::Mllp;
use telemetry::Tracer;

use crate::{
    attesting, audit_events, config, config::Config, keys, printer::Printer, quarantine_command::catching_up,
    withheld,
};

/// The system's clock: what every entry's moment comes from.
pub(crate) fn clock() -> Clock {
    Box::new(|| jiff::Timestamp::try_from(now()).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

/// The current time.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The current time in nanoseconds since 1970, for traces.
pub(crate) fn nanoseconds() -> telemetry::Clock {
    Box::new(|| {
        let since = now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

/// The current time in POSIX seconds.
pub(crate) fn posix_seconds() -> u64 {
    now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The current moment as entries write it.
pub(crate) fn moment() -> String {
    let utc = jiff::tz::Offset::UTC.to_datetime(clock()());
    format!("{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The moment so many days ago, as entries write moments.
pub(crate) fn moment_days_ago(days: u32) -> String {
    moment_seconds_ago(24 * 60 * 60 * i64::from(days))
}

/// The moment so many seconds ago, as entries write moments.
pub(crate) fn moment_seconds_ago(seconds: i64) -> String {
    let ago = jiff::SignedDuration::from_secs(seconds);
    let then = clock()().checked_sub(ago).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{}Z", jiff::tz::Offset::UTC.to_datetime(then).strftime("%Y-%m-%dT%H:%M:%S%.3f"))
}

/// Opens the configured ledger for writing, and says when its last entry was written.
pub(crate) fn open_ledger(config: &Config) -> miette::Result<(Ledger, Option<String>)> {
    let signer = keys::signer(&config.ledger.signer)?;
    let ledger = Ledger::open(&config.ledger.folder, signer)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot open the ledger in {}", config.ledger.folder.display()))?;
    let last_at = last_moment(&config.ledger.folder);
    Ok((ledger, last_at))
}

/// The moment of the last entry that is published, if it states one.
fn last_moment(folder: &Path) -> Option<String> {
    let reader = Reader::open(folder).ok()?;
    let size = reader.size();
    let entries = reader.entries(size.checked_sub(1)?..size).ok()?;
    let entry: serde_json::Value = serde_json::from_slice(entries.last()?).ok()?;
    entry.get("at")?.as_str().map(str::to_owned)
}

/// The flow of a configuration. Datasets that cannot be believed are said, and left out.
pub(crate) fn flow(config: &Config, printer: &Printer) -> miette::Result<Flow> {
    let (ledger, last_at) = open_ledger(config)?;
    // Only who holds the ledger may take up what an earlier run attested.
    attesting::fold(config, printer)?;
    let (trust, doubts) = config.trust_store()?;
    for doubt in doubts {
        printer.note(&doubt);
    }
    let queue =
        AppenderConfig { queue_entries_max: config.limits.ledger_queue, ..AppenderConfig::standard() };
    let appender =
        Appender::start(ledger, queue).into_diagnostic().wrap_err("cannot start the ledger's thread")?;
    let flow = Flow::new(Setup {
        trust,
        policies: config.policies()?,
        recognition: config.recognition()?,
        appender,
        clock: clock(),
        last_at,
        limits: carrier::Limits { body_bytes: config.limits.body_bytes, records: config.limits.records },
    });
    let said = config.boundaries.iter().map(|boundary| (&boundary.boundary.name, &boundary.doors));
    let mut flow = said.fold(flow, |flow, (name, doors)| flow.with_doors(name, doors.clone()));
    let observer = keys::verifier(&config.ledger.vkey)?.name().to_owned();
    for boundary in &config.boundaries {
        let name = &boundary.boundary.name;
        if !boundary.attests.is_empty() {
            flow = flow.with_attester(name, attesting::attester(name, &boundary.attests, config)?);
        }
        if let Some(folder) = &boundary.audit_events {
            let auditing = audit_events::auditing(&observer, name, folder)?;
            let auditing = if boundary.audit_server.is_some() { auditing.sent_on() } else { auditing };
            flow = flow.with_auditing(name, auditing);
        }
    }
    flow = flow
        .with_certifier(Certifier::new(keys::signer(&config.ledger.signer)?, Box::new(|| keys::salt().ok())));
    if let Some(folder) = &config.datasets {
        flow = flow.with_shelf(withheld::shelf(folder)?);
    }
    let Some(files) = &config.quarantine else { return Ok(flow) };
    let flow = flow.keeping_withheld(keeping(files, config, printer)?);
    if let Err(report) = catching_up::on_opening(config, &flow) {
        printer.note(&format!("what became of items of the quarantine may not be in the ledger: {report:#}"));
    }
    Ok(flow)
}

/// Opens the configured quarantine, and says what a crash left in it.
fn keeping(files: &config::Quarantine, config: &Config, printer: &Printer) -> miette::Result<flow::Keeping> {
    let key = keys::quarantine_key(&files.key)?;
    let bounds = quarantine::Bounds { items_max: files.items, bytes_max: files.bytes };
    let (store, recovery) =
        quarantine::Quarantine::open(&files.folder, key, bounds, keys::randomness(), &moment())
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot open the quarantine in {}", files.folder.display()))?;
    for id in &recovery.uncertain {
        printer.note(&format!(
            "quarantine item {id} was being released when something stopped: it may have arrived, see \
             `eosin quarantine show {id}`"
        ));
    }
    for (name, why) in &recovery.damaged {
        printer.note(&format!("quarantine item {name} {why}; restore it from a backup"));
    }
    let keeper = quarantine::Keeper::start(store, keys::randomness())
        .into_diagnostic()
        .wrap_err("cannot start the quarantine's thread")?;
    let boundaries = config.boundaries.iter().filter(|boundary| boundary.quarantine);
    let names = boundaries.map(|boundary| boundary.boundary.name.clone()).collect();
    let upstreams =
        config.boundaries.iter().map(|found| (found.boundary.name.clone(), behind(&found.upstream)));
    Ok(flow::Keeping::new(keeper, names).with_upstreams(upstreams.collect()))
}

/// What is behind a boundary, as an item remembers it: scheme, host, port and path, and nothing that is secret.
fn behind(upstream: &http::Uri) -> String {
    let port = upstream.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let (scheme, host) = (upstream.scheme_str().unwrap_or_default(), upstream.host().unwrap_or_default());
    format!("{scheme}://{host}{port}{}", upstream.path().trim_end_matches('/'))
}

/// The certificate of the boundaries that have one.
fn shown(config: &Config) -> miette::Result<Option<TlsIdentity>> {
    let is_wanted = config.boundaries.iter().any(|boundary| boundary.tls);
    is_wanted.then(|| identity(&config.authority)).transpose()
}

/// Starts the gateway of a configuration.
pub(crate) async fn gateway(
    config: &Config,
    flow: Arc<Flow>,
    tracer: Option<Arc<Tracer>>,
) -> miette::Result<Running> {
    let identity = shown(config)?;
    let boundaries = crossings(config, identity.as_ref())?;
    let limits = gateway::Limits {
        body_bytes: config.limits.body_bytes,
        decoded_bytes: config.limits.body_bytes.max(gateway::Limits::SUGGESTED.decoded_bytes),
        ..gateway::Limits::SUGGESTED
    };
    let timeouts = gateway::Timeouts::SUGGESTED;
    let (spool, archive) = (Some(spool(&config.limits)?), Some(archive(&config.limits)?));
    let contracts = config.contracts.clone();
    let link_key = config.links.as_deref().map(keys::link_key).transpose()?;
    let gateway = gateway::Config {
        boundaries,
        admin: config.admin,
        limits,
        timeouts,
        spool,
        archive,
        link_key,
        contracts,
        tracer,
    };
    Gateway::start_signing(gateway, flow, config.signatures()?)
        .await
        .into_diagnostic()
        .wrap_err("cannot start the gateway")
}

/// Starts the MLLP listeners of a configuration; they may be none.
pub(crate) async fn mllp(
    config: &Config,
    flow: Arc<Flow>,
    tracer: Option<Arc<Tracer>>,
) -> miette::Result<mllp::Running> {
    let boundaries = feeds(config, shown(config)?.as_ref())?;
    let (limits, timeouts) = (mllp_limits(config), mllp::Timeouts::SUGGESTED);
    let mllp = mllp::Config { boundaries, limits, timeouts, tracer };
    Mllp::start(mllp, flow).await.into_diagnostic().wrap_err("cannot start the MLLP listeners")
}

/// Bounds on frames: what `limits.body_bytes` says, up to what is usual.
pub(crate) fn mllp_limits(config: &Config) -> mllp::Limits {
    let usual = mllp::Limits::SUGGESTED;
    mllp::Limits { frame_bytes: usual.frame_bytes.min(config.limits.body_bytes), ..usual }
}

/// Every boundary of HL7 v2 as its shell is told of it.
pub(crate) fn feeds(
    config: &Config,
    identity: Option<&TlsIdentity>,
) -> miette::Result<Vec<mllp::BoundaryConfig>> {
    let mut boundaries = Vec::new();
    for boundary in config.boundaries.iter().filter(|boundary| boundary.protocol == Protocol::Hl7v2) {
        let shown = identity.filter(|_| boundary.tls).map(|identity| mllp::TlsIdentity {
            certificates_pem: identity.certificates_pem.clone(),
            key_pem: identity.key_pem.clone(),
        });
        boundaries.push(mllp::BoundaryConfig {
            boundary: boundary.boundary.clone(),
            listen: boundary.listen,
            tls: shown,
            sender_roots: keys::authorities(boundary.sender_ca.as_ref())?,
            danger_plain: false,
            receiver: mllp::Receiver {
                host: boundary.upstream.host().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
                port: boundary.upstream.port_u16().unwrap_or_default(),
                tls: boundary.upstream.scheme_str() == Some("mllps"),
                roots: keys::authorities(boundary.upstream_ca.as_ref())?,
            },
        });
    }
    Ok(boundaries)
}

/// Every boundary of HTTP as the gateway is told of it.
pub(crate) fn crossings(
    config: &Config,
    identity: Option<&TlsIdentity>,
) -> miette::Result<Vec<gateway::BoundaryConfig>> {
    let mut boundaries = Vec::with_capacity(config.boundaries.len());
    for boundary in config.boundaries.iter().filter(|boundary| boundary.protocol != Protocol::Hl7v2) {
        boundaries.push(gateway::BoundaryConfig {
            boundary: boundary.boundary.clone(),
            protocol: boundary.protocol.clone(),
            listen: boundary.listen,
            tls: if boundary.tls { identity.cloned() } else { None },
            danger_plain_http: false,
            upstream: boundary.upstream.clone(),
            upstream_roots: keys::authorities(boundary.upstream_ca.as_ref())?,
            reads: boundary.reads.clone(),
            webhook: boundary.webhook.as_ref().map(|webhook| webhook.open(&boundary.boundary)).transpose()?,
        });
    }
    Ok(boundaries)
}

/// The folder of the spool.
fn spool(limits: &config::Limits) -> miette::Result<SpoolConfig> {
    let folder = private(&limits.spool_folder, "where long uploads wait; see `limits.spool_folder`")?;
    Ok(SpoolConfig { folder, bytes: limits.spool_bytes as u64 })
}

/// The folder of manifests and certificates.
fn archive(limits: &config::Limits) -> miette::Result<ArchiveConfig> {
    let what = "where what follows delivered files is kept; see `limits.deliveries_folder`";
    Ok(ArchiveConfig { folder: private(&limits.deliveries_folder, what)?, deliveries: limits.deliveries })
}

/// A folder, made where it is not there, for nobody else to look into.
fn private(folder: &Path, what: &str) -> miette::Result<PathBuf> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.into_diagnostic().wrap_err_with(|| format!("cannot make {}, {what}", folder.display()))?;
    Ok(folder.to_owned())
}

/// A server certificate of the local authority, which is made on first use.
pub(crate) fn identity(authority: &config::Authority) -> miette::Result<TlsIdentity> {
    let made = authority.certificate.exists() && authority.key.exists();
    let local = if made {
        LocalAuthority::from_pem(
            &keys::small_file(&authority.certificate)?,
            &keys::small_file(&authority.key)?,
        )
        .into_diagnostic()
        .wrap_err("cannot take up the local certificate authority")?
    } else {
        if authority.certificate.exists() || authority.key.exists() {
            return Err(miette!(
                help = "remove the other one, and a new pair is made",
                "only one of {} and {} is there",
                authority.certificate.display(),
                authority.key.display()
            ));
        }
        let local = LocalAuthority::create(now()).into_diagnostic()?;
        durable::create_private(&authority.key, local.key_pem().as_bytes()).into_diagnostic()?;
        durable::replace(&authority.certificate, local.certificate_pem().as_bytes()).into_diagnostic()?;
        local
    };
    local.issue(&authority.names, now()).into_diagnostic()
}
