//! `eosin config check` and `eosin config show`.

mod tried;

use std::path::Path;

use gateway::{Contracts, Ending};

use crate::{
    arguments::ConfigCommand,
    config::{self, Config, telemetry::Telemetry},
    console_command::openid::Provider,
    emergency_command::statement::Signers,
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style, plural},
    traces,
};

/// Checks or shows a configuration, and everything it names.
pub(crate) fn config(command: &ConfigCommand, printer: &Printer) -> Done {
    match command {
        ConfigCommand::Check(file) => {
            let file = file.place();
            let config = Config::load(file)?;
            keys::signer(&config.ledger.signer)?;
            let (trust, mut doubts) = config.trust_store()?;
            doubts.extend(tried::tried(&config)?);
            let policies = config.policies()?;
            config.recognition()?;
            config.signatures()?;
            Signers::of(&config)?;
            config.announce.iter().try_for_each(|announce| announce.consumer.open().map(drop))?;
            config.openid.as_ref().map(Provider::new).transpose()?;
            config.telemetry.as_ref().map(traces::client).transpose()?;
            printer.line(&format!(
                "{} {}: {}, {}, {}, policies {}",
                printer.paint(Style::Good, "good"),
                file.display(),
                plural(config.boundaries.len() as u64, "boundary", "boundaries"),
                plural(trust.logs().count() as u64, "trusted log", "trusted logs"),
                plural(trust.batch_count() as u64, "known batch", "known batches"),
                policies.version(),
            ));
            for doubt in &doubts {
                printer.note(&format!("{} {doubt}", printer.paint(Style::Stop, "but")));
            }
            Ok(if doubts.is_empty() { Outcome::Clean } else { Outcome::Findings })
        }
        ConfigCommand::Show(file) => {
            show(&Config::load(file.place())?, printer)?;
            Ok(Outcome::Clean)
        }
    }
}

fn show(config: &Config, printer: &Printer) -> miette::Result<()> {
    let line = |name: &str, value: &str| printer.line(&format!("{name:<24}{value}"));
    line("file", &config.file.display().to_string());
    line("ledger", &config.ledger.folder.display().to_string());
    line("ledger key", &keys::verifier(&config.ledger.vkey)?.to_string());
    line("signer", &format!("{} (not shown)", config.ledger.signer.display()));
    let policies =
        config.policy.file.as_ref().map_or_else(|| "shipped".to_owned(), |path| path.display().to_string());
    line("policies", &format!("{policies}, {}", config.policies()?.version()));
    if let Some(log) = &config.policy.log {
        line("policy versions", &log.folder.display().to_string());
    }
    show_emergencies(config, &line);
    line("operators", &config.operators.display().to_string());
    if config.index.is_some() {
        line("index", &config.index_place().to_string());
    }
    for (log, vouches) in config.trust_store()?.0.logs() {
        let words: Vec<&str> = vouches.iter().map(|subject| subject.as_str()).collect();
        line("trusts", &format!("{log} for {}", words.join(", ")));
    }
    if let Some(folder) = &config.datasets {
        line("datasets", &folder.display().to_string());
    }
    if let Some(registry) = &config.registry {
        line("registry", &registry.folder.display().to_string());
        line("registry key", &format!("{} (not shown)", registry.key.display()));
    }
    if let Some(kept) = &config.quarantine {
        line("quarantine", &kept.folder.display().to_string());
        line("quarantine key", &format!("{} (not shown)", kept.key.display()));
        let bounds = format!("{} items, {} bytes, {} days", kept.items, kept.bytes, kept.days);
        line("quarantine holds", &bounds);
    }
    if let Some(files) = &config.signatures {
        let key = config.signatures()?.key.map(|key| format!("{} (secret not shown)", key.id()));
        line("signs headers as", key.as_deref().unwrap_or("nobody: no key"));
        let known: Vec<&str> = files.peers.iter().map(|(_, log)| log.as_str()).collect();
        line("believes headers of", &if known.is_empty() { "nobody".to_owned() } else { known.join(", ") });
    }
    // Also of a registry that nothing would be asked of: what is configured is wanted most where something is wrong.
    let recognition = config.recognition_after(|_, _, _| Ok(()))?;
    let generators = recognition.recogniser().map_or_else(
        || "not looked for".to_owned(),
        |recogniser| {
            let bits = recognition.suspected_from_decibits() / 10;
            format!("{}, suspected from {bits} bits", recogniser.version())
        },
    );
    line("generators", &generators);
    if let Some(registry) = recognition.registry() {
        let snapshot = registry.snapshot();
        line("fingerprints", &format!("{} in generation {}", snapshot.entries, snapshot.generation));
    }
    let limits = &config.limits;
    line("largest body", &format!("{} bytes, {} records", limits.body_bytes, limits.records));
    line("ledger queue", &format!("{} entries", limits.ledger_queue));
    line("spool", &format!("{} bytes in {}", limits.spool_bytes, limits.spool_folder.display()));
    let kept = format!("the last {}, in {}", limits.deliveries, limits.deliveries_folder.display());
    line("delivered files", &kept);
    if let Some(address) = config.admin {
        line("health and metrics", &address.to_string());
    }
    show_elsewhere(config, &line);
    show_contracts(&config.contracts, &line);
    for boundary in &config.boundaries {
        printer.line("");
        show_boundary(boundary, &line);
    }
    Ok(())
}

/// Who signs emergency versions, and who is told.
fn show_emergencies(config: &Config, line: &impl Fn(&str, &str)) {
    for signer in &config.policy.emergency.signers {
        line("signs emergencies", &format!("{} ({})", signer.name, signer.key.display()));
    }
    for announce in &config.announce {
        line("announces to", &format!("{}, {}", announce.name, announce.consumer.url));
    }
}

/// Who lets operators in, and where traces go.
fn show_elsewhere(config: &Config, line: &impl Fn(&str, &str)) {
    let hidden = |file: &Path| format!("{} (not shown)", file.display());
    if let Some(openid) = &config.openid {
        line("operators sign in at", &format!("{} as {}", openid.client.issuer, openid.client.id));
        if let Some(secret) = &openid.secret {
            line("client secret", &hidden(secret));
        }
    }
    if let Some(telemetry) = &config.telemetry {
        let Telemetry { endpoint, service, percent, .. } = telemetry;
        line("traces", &format!("{endpoint}, {percent} in 100, as {service}"));
        if let Some(authorization) = &telemetry.authorization {
            line("traces authorization", &hidden(authorization));
        }
    }
}

/// Which contract version each client has, and which of them end.
fn show_contracts(contracts: &Contracts, line: &impl Fn(&str, &str)) {
    let Contracts { unpinned, clients, endings } = contracts;
    line("contract", unpinned.date());
    for (client, contract) in clients {
        line("contract of", &format!("{client}: {}", contract.date()));
    }
    for (contract, Ending { deprecated, sunset }) in endings {
        let date = contract.date();
        if let Some(moment) = deprecated.and_then(|second| jiff::Timestamp::from_second(second).ok()) {
            line("contract ends", &format!("{date} is deprecated from {moment}"));
        }
        if let Some((_, moment)) = sunset {
            line("contract ends", &format!("{date} ends {moment}"));
        }
    }
}

fn show_boundary(boundary: &config::Boundary, line: &impl Fn(&str, &str)) {
    let policy::Boundary { name, environment, jurisdiction, mode, continuity, system_of_record } =
        &boundary.boundary;
    let scheme = if boundary.tls { "https" } else { "http" };
    line("boundary", name);
    line("  listens", &format!("{scheme}://{}", boundary.listen));
    line("  upstream", &boundary.upstream.to_string());
    line("  speaks", boundary.protocol.as_str());
    line("  environment", environment.as_str());
    line("  jurisdiction", jurisdiction);
    line("  mode", mode.as_str());
    line("  continuity", continuity.as_str());
    line("  system of record", if *system_of_record { "yes" } else { "no" });
    if !boundary.attests.is_empty() {
        line("  attests", &boundary.attests.join(", "));
    }
    if let Some(folder) = &boundary.audit_events {
        line("  audit events", &folder.display().to_string());
    }
}
