//! From the file as written to the configuration as understood, collecting everything that is wrong.

use std::{
    collections::BTreeSet,
    fmt::Display,
    net::SocketAddr,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use carrier::salesforce::{self, AnonymousApex, ApexMap};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};
use toml::Spanned;

mod announcing;
mod contracts;
mod openid;
mod subscriptions;
mod telemetry;
mod webhooks;

use crate::attesting;

use super::{
    AuditServer, Authority, Boundary, Config, Emergency, IndexFiles, Ledger, Limits, PolicyFiles, PolicyLog,
    Quarantine, Recognise, RegistryFiles, SignatureFiles, Signer, Trusted, Witness, raw,
};

/// Understands a configuration.
///
/// Errors: one report, every fault underlined.
pub(super) fn understand(text: &str, file: &Path) -> miette::Result<Config> {
    let written: raw::File = toml::from_str(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        report(text, file, vec![(at, error.message().to_owned())])
    })?;
    let mut faults = Faults::default();
    let home = file.parent().unwrap_or_else(|| Path::new("."));
    let path = |written: &str| home.join(written);
    let mut config = Config {
        file: file.to_owned(),
        ledger: ledger(&written.ledger, &path, &mut faults),
        policy: policy(&written, &path, &mut faults),
        trust: trusted(&written.trust, &path, &mut faults),
        datasets: written.datasets.folder.as_deref().map(path),
        links: written.links.as_ref().map(|links| path(&links.key)),
        registry: written
            .registry
            .as_ref()
            .map(|registry| RegistryFiles { folder: path(&registry.folder), key: path(&registry.key) }),
        quarantine: written.quarantine.as_ref().map(|written| quarantine(written, &path, &mut faults)),
        recognise: recognise(&written.recognise, &mut faults),
        signatures: written.signatures.as_ref().map(|written| signatures(written, &path, &mut faults)),
        witness: written.witness.as_ref().and_then(|written| witness(written, &path, &mut faults)),
        authority: Authority {
            certificate: path(written.tls.certificate.as_deref().unwrap_or("keys/authority.pem")),
            key: path(written.tls.key.as_deref().unwrap_or("keys/authority.key")),
            names: written
                .tls
                .names
                .clone()
                .unwrap_or_else(|| vec!["localhost".to_owned(), "127.0.0.1".to_owned()]),
        },
        limits: limits(&written.limits, &path, &mut faults),
        admin: written.admin.listen.as_ref().and_then(|address| faults.word(address)),
        index: written.index.as_ref().and_then(|written| index_files(written, home, &mut faults)),
        telemetry: telemetry::telemetry(written.telemetry.as_ref(), &path, &mut faults),
        operators: path(written.operators.folder.as_deref().unwrap_or("operators")),
        openid: openid::openid(written.operators.openid.as_ref(), &path, &mut faults),
        contracts: contracts::contracts(&written.contract, &mut faults),
        announce: announcing::announce(&written, &path, &mut faults),
        boundaries: written
            .boundary
            .iter()
            .filter_map(|written| boundary(written, &path, &mut faults))
            .collect(),
        subscriptions: Vec::new(),
    };
    let (followed, boundaries) = (&written.subscription, &config.boundaries);
    config.subscriptions = subscriptions::subscriptions(followed, boundaries, &path, &mut faults);
    apart(&written, &config, &mut faults);
    if faults.0.is_empty() { Ok(config) } else { Err(report(text, file, faults.0)) }
}

/// What no two listeners may have in common, and what a boundary cannot have without the rest.
fn apart(file: &raw::File, config: &Config, faults: &mut Faults) {
    let mut names = BTreeSet::new();
    let own = [file.admin.listen.as_ref(), file.witness.as_ref().map(|witness| &witness.listen)];
    let mut listening = BTreeSet::new();
    for address in own.into_iter().flatten().chain(file.boundary.iter().map(|written| &written.listen)) {
        if !address.get_ref().ends_with(":0") && !listening.insert(address.get_ref()) {
            faults.say(address.span(), "something else listens here");
        }
    }
    for written in &file.boundary {
        if !names.insert(written.name.get_ref()) {
            faults.say(written.name.span(), "another boundary has this name");
        }
        if let Some(keeps) =
            written.quarantine.as_ref().filter(|keeps| *keeps.get_ref() && config.quarantine.is_none())
        {
            faults.say(keeps.span(), "there is no `[quarantine]` with a folder and a key to keep it in");
        }
        let is_itself = |said: &&Spanned<String>| {
            let place = said.get_ref().split_once("://").map_or("", |(_, place)| place);
            place.trim_end_matches('/') == written.listen.get_ref() && !place.is_empty()
        };
        if let Some(said) = written.upstream.as_ref().filter(is_itself) {
            faults.say(said.span(), "this is where the boundary itself listens");
        }
    }
}

/// Whom this gateway trusts, and to vouch for what.
fn trusted(written: &[raw::Trust], path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Vec<Trusted> {
    let mut one = |trust: &raw::Trust| Trusted {
        vkey: path(&trust.vkey),
        vouches: trust.vouches_for.iter().filter_map(|word| faults.word(word)).collect(),
    };
    written.iter().map(&mut one).collect()
}

fn recognise(written: &raw::Recognise, faults: &mut Faults) -> Recognise {
    let bits = written.suspected_from_bits.as_ref();
    Recognise {
        generators: written.generators.unwrap_or(true),
        suspected_from_bits: bits.and_then(|bits| i32::try_from(faults.count(Some(bits), 1, BITS_MAX)).ok()),
    }
}

fn policy(file: &raw::File, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> PolicyFiles {
    let written = &file.policy;
    let emergency = Emergency {
        signers: signers(file, path, faults),
        hours_max: emergency_hours(&file.emergency, faults),
    };
    let log = match (&written.folder, &written.vkey) {
        (Some(folder), Some(vkey)) => Some(PolicyLog {
            folder: path(folder),
            vkey: path(vkey.get_ref()),
            signer: written.signer.as_ref().map(|signer| path(signer.get_ref())),
        }),
        (Some(_), None) => {
            faults.say(
                0..0,
                "`[policy]` has a `folder` and no `vkey`: nobody could tell who activated a version",
            );
            None
        }
        (None, None) => None,
        (None, Some(vkey)) => {
            faults.say(vkey.span(), "there is no `folder` with versions and the log that this is the key of");
            None
        }
    };
    if let Some(signer) = written.signer.as_ref().filter(|_| log.is_none()) {
        faults.say(signer.span(), "versions are activated where there is a `folder` and a `vkey` as well");
    }
    PolicyFiles { file: written.file.as_deref().map(path), log, emergency }
}

/// The people who may put emergency versions in force: each once.
fn signers(file: &raw::File, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Vec<Signer> {
    if let Some(old) = &file.operator {
        let sentence = "write `[[emergency.signer]]`: who signs emergency versions is called so now, for \
                        `[operators]` are the console's";
        faults.say(old.span(), sentence);
    }
    let (mut names, mut operators) = (BTreeSet::new(), BTreeSet::new());
    for signer in &file.emergency.signer {
        let name = signer.name.get_ref();
        if !is_plain(name) {
            faults.say(signer.name.span(), "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
        } else if !names.insert(name) {
            faults.say(signer.name.span(), "another signer has this name");
        }
        let operator = signer.operator.as_ref().unwrap_or(&signer.name);
        if signer.operator.is_some() && operator.get_ref().parse::<access::Name>().is_err() {
            faults.say(operator.span(), "no operator of the console can be called so");
        } else if !operators.insert(operator.get_ref().to_ascii_lowercase()) {
            faults.say(operator.span(), "another signer is this operator: two people are asked for");
        }
    }
    let one = |written: &raw::Signer| Signer {
        name: written.name.get_ref().clone(),
        key: path(&written.key),
        operator: written.operator.as_ref().unwrap_or(&written.name).get_ref().to_ascii_lowercase(),
    };
    file.emergency.signer.iter().map(one).collect()
}

/// For how many hours an emergency version may be in force.
fn emergency_hours(written: &raw::Emergency, faults: &mut Faults) -> u32 {
    let hours = faults.count(written.hours_max.as_ref(), EMERGENCY_HOURS, EMERGENCY_HOURS_MAX);
    u32::try_from(hours).unwrap_or(u32::MAX)
}

/// Three days: a long weekend.
const EMERGENCY_HOURS: usize = 72;
/// What lasts longer than a month is no emergency.
const EMERGENCY_HOURS_MAX: usize = 720;

fn index_files(written: &raw::Index, home: &Path, faults: &mut Faults) -> Option<IndexFiles> {
    let authorities = written.ca.as_deref().map(|file| home.join(file));
    match index::Place::read(written.database.get_ref(), home, authorities) {
        Ok(place) => Some(IndexFiles {
            place,
            ledgers: written.ledgers.iter().map(|folder| home.join(folder)).collect(),
        }),
        Err(error) => {
            faults.say(written.database.span(), &error.to_string());
            None
        }
    }
}

fn ledger(written: &raw::Ledger, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Ledger {
    let mut witnesses = Vec::with_capacity(written.witness.len());
    for one in &written.witness {
        let uri: Option<http::Uri> = faults.word(&one.url);
        let Some(uri) = uri else { continue };
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.query().is_some() {
            faults.say(
                one.url.span(),
                "a witness is at `http://host:port` or `https://host`, with a path or without",
            );
        }
        witnesses.push((uri, path(&one.vkey)));
    }
    if let Some(quorum) = written.quorum.as_ref().filter(|_| witnesses.is_empty()) {
        faults.say(quorum.span(), "there is no `[[ledger.witness]]` to cosign");
    }
    let all = witnesses.len().max(1);
    Ledger {
        folder: path(&written.folder),
        signer: path(&written.signer),
        vkey: path(&written.vkey),
        quorum: faults.count(written.quorum.as_ref(), all, all),
        witnesses,
    }
}

fn witness(written: &raw::Witness, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Option<Witness> {
    let logs = written.logs.iter().map(|log| path(log)).collect();
    Some(Witness {
        listen: faults.word(&written.listen)?,
        folder: path(&written.folder),
        key: path(&written.key),
        logs,
    })
}

fn limits(written: &raw::Limits, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Limits {
    Limits {
        body_bytes: faults.count(written.body_bytes.as_ref(), carrier::Limits::BODY_BYTES, 1 << 30),
        records: faults.count(written.records.as_ref(), carrier::Limits::RECORDS, 10_000_000),
        ledger_queue: faults.count(written.ledger_queue.as_ref(), 4096, 1 << 20),
        spool_bytes: faults.count(written.spool_bytes.as_ref(), 2 << 30, 1 << 40),
        spool_folder: path(written.spool_folder.as_deref().unwrap_or("spool")),
        deliveries: faults.count(written.deliveries.as_ref(), 10_000, 1_000_000),
        deliveries_folder: path(written.deliveries_folder.as_deref().unwrap_or("deliveries")),
    }
}

fn quarantine(written: &raw::Quarantine, path: &impl Fn(&str) -> PathBuf, faults: &mut Faults) -> Quarantine {
    let usual = ::quarantine::Bounds::SUGGESTED;
    let mut count = |written: Option<&Spanned<i64>>, usual: u64, most: usize| {
        let usual = usize::try_from(usual).unwrap_or(usize::MAX);
        u64::try_from(faults.count(written, usual, most)).unwrap_or(u64::MAX)
    };
    let items = count(written.items.as_ref(), usual.items_max, 1_000_000);
    let bytes = count(written.bytes.as_ref(), usual.bytes_max, 1 << 44);
    let days = count(written.days.as_ref(), QUARANTINE_DAYS, 3650);
    let days = u32::try_from(days).unwrap_or(u32::MAX);
    Quarantine { folder: path(&written.folder), key: path(&written.key), items, bytes, days }
}

/// How long withheld requests are kept unless said.
const QUARANTINE_DAYS: u64 = 30;

fn boundary(
    written: &raw::Boundary,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<Boundary> {
    let name = written.name.get_ref();
    if !is_plain(name) {
        faults.say(written.name.span(), "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
    }
    let protocol = protocol(written, faults);
    let environment: Option<policy::Environment> = faults.word(&written.environment);
    let mode = written.mode.as_ref().map_or(Some(policy::Mode::Enforce), |word| faults.word(word));
    let continuity =
        written.continuity.as_ref().map_or(Some(policy::Continuity::Strict), |word| faults.word(word));
    let listen: Option<SocketAddr> = faults.word(&written.listen);
    if let Some(address) = listen.filter(|address| !written.tls && !address.ip().is_loopback()) {
        let spoken = if protocol == Some(flow::Protocol::Hl7v2) { "MLLP" } else { "HTTP" };
        let sentence =
            format!("plain {spoken} is for loopback only; set `tls = true` to listen on {}", address.ip());
        faults.say(written.listen.span(), &sentence);
    }
    let sender_ca = written.sender_ca.as_ref();
    if let Some(authority) = sender_ca.filter(|_| protocol != Some(flow::Protocol::Hl7v2) || !written.tls) {
        faults
            .say(authority.span(), "only an HL7 v2 boundary with `tls = true` asks senders for certificates");
    }
    let doors = doors(written, protocol.as_ref(), faults);
    let boundary = policy::Boundary {
        name: name.clone(),
        environment: environment?,
        jurisdiction: written.jurisdiction.clone(),
        mode: mode?,
        continuity: continuity?,
        system_of_record: written.system_of_record,
    };
    let is_webhook = protocol == Some(flow::Protocol::Webhook);
    let webhook = webhooks::webhooks(written, is_webhook, &boundary, path, faults);
    let upstream = match &webhook {
        Some(webhook) => webhook.origin(),
        None => upstream(written, is_webhook, faults),
    };
    Some(Boundary {
        boundary,
        protocol: protocol?,
        listen: listen?,
        tls: written.tls,
        upstream: upstream?,
        upstream_ca: written.upstream_ca.as_deref().map(path),
        sender_ca: sender_ca.map(|authority| path(authority.get_ref())),
        quarantine: written.quarantine.as_ref().is_some_and(|keeps| *keeps.get_ref()),
        attests: attests(written, faults),
        audit_events: audit_events(written, faults).map(path),
        audit_server: audit_server(written, path, faults),
        reads: reads(written.reads.as_ref(), faults),
        doors,
        webhook,
    })
}

/// Whether this can name something in the ledger.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The language spoken at a boundary, with what belongs to one language only.
fn protocol(written: &raw::Boundary, faults: &mut Faults) -> Option<flow::Protocol> {
    match written.protocol.get_ref().as_str() {
        "salesforce" => {
            if let Some(base) = &written.fhir_base {
                faults.say(base.span(), "only a FHIR boundary has a base");
            }
            Some(flow::Protocol::Salesforce)
        }
        "fhir" => {
            let base = written.fhir_base.as_ref().map_or("", |base| base.get_ref().trim_end_matches('/'));
            if !base.is_empty() && !base.starts_with('/') {
                faults.say(written.fhir_base.as_ref().map_or(0..0, Spanned::span), "a base starts with `/`");
            }
            Some(flow::Protocol::Fhir { base: base.to_owned() })
        }
        "webhook" => Some(flow::Protocol::Webhook),
        "hl7v2" => {
            only_elsewhere(written, faults);
            Some(flow::Protocol::Hl7v2)
        }
        _ => {
            faults.say(written.protocol.span(), "`salesforce`, `fhir`, `hl7v2` or `webhook`");
            None
        }
    }
}

/// The folder for audit events, which are FHIR's own.
fn audit_events<'w>(written: &'w raw::Boundary, faults: &mut Faults) -> Option<&'w str> {
    let folder = written.audit_events.as_ref()?;
    if written.protocol.get_ref() != "fhir" {
        faults.say(folder.span(), "only a FHIR boundary writes audit events");
    }
    Some(folder.get_ref())
}

/// The server for audit events, which the folder has too: what cannot be sent is there.
fn audit_server(
    written: &raw::Boundary,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<AuditServer> {
    let server = written.audit_server.as_ref()?;
    if written.audit_events.is_none() {
        faults.say(server.span(), "it needs `audit_events` too, a folder: what cannot be sent is there");
    }
    let server = server.get_ref();
    let url: http::Uri = faults.word(&server.url)?;
    let is_one = matches!(url.scheme_str(), Some("http" | "https")) && url.path().ends_with("/AuditEvent");
    if !is_one {
        faults.say(server.url.span(), "audit events are made at `https://host/…/AuditEvent`");
    }
    Some(AuditServer {
        url,
        url_ca: server.url_ca.as_deref().map(path),
        authorization: server.authorization.as_deref().map(path),
    })
}

/// What is attested on its way in: only a system of record vouches for people, and only in FHIR.
fn attests(written: &raw::Boundary, faults: &mut Faults) -> Vec<String> {
    let Some(attests) = &written.attests else { return Vec::new() };
    let types = match attests.get_ref() {
        raw::Attests::Word(false) => Vec::new(),
        raw::Attests::Word(true) => attesting::USUAL_TYPES.map(str::to_owned).to_vec(),
        raw::Attests::Types(types) => types.clone(),
    };
    let may_attest = written.system_of_record && written.protocol.get_ref() == "fhir";
    if !types.is_empty() && !may_attest {
        faults.say(attests.span(), "only a FHIR boundary with `system_of_record = true` attests");
    }
    types
}

/// What is behind a boundary.
fn upstream(written: &raw::Boundary, is_webhook: bool, faults: &mut Faults) -> Option<http::Uri> {
    let Some(said) = &written.upstream else {
        if !is_webhook {
            faults.say(written.name.span(), "it needs an `upstream`: what is behind it");
        }
        return None;
    };
    let upstream: Option<http::Uri> = faults.word(said);
    let is_feed = written.protocol.get_ref() == "hl7v2";
    if let Some(sentence) = upstream.as_ref().and_then(|uri| unreachable(uri, is_feed)) {
        faults.say(said.span(), sentence);
    }
    upstream
}

/// What is said of an upstream that a boundary of this protocol cannot have.
fn unreachable(upstream: &http::Uri, is_feed: bool) -> Option<&'static str> {
    let authority = upstream.authority().map_or("", http::uri::Authority::as_str);
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    // A credential is given to nobody but a client; a port that is none is not read as one.
    let is_plain =
        !authority.contains('@') && (port.contains(']') || port.is_empty() || upstream.port_u16().is_some());
    let named = !authority.is_empty() && is_plain && upstream.query().is_none();
    match (is_feed, upstream.scheme_str()) {
        (true, Some("mllp" | "mllps")) => {
            let whole = named && upstream.port_u16().is_some() && matches!(upstream.path(), "" | "/");
            (!whole).then_some("an upstream of HL7 v2 is `mllp://host:port` or `mllps://host:port`")
        }
        (true, _) => Some("an upstream of HL7 v2 is `mllp://host:port` or `mllps://host:port`"),
        (false, Some("http" | "https")) if named && matches!(upstream.path(), "" | "/") => None,
        (false, _) => Some(
            "an upstream is `http://host:port` or `https://host:port`, without a path or a name of anybody",
        ),
    }
}

/// Words that mean nothing where HL7 v2 is spoken. Apex is said elsewhere.
fn only_elsewhere(written: &raw::Boundary, faults: &mut Faults) {
    if let Some(base) = &written.fhir_base {
        faults.say(base.span(), "only a FHIR boundary has a base");
    }
    if let Some(reads) = &written.reads {
        faults.say(reads.span(), "nothing is read over an HL7 v2 boundary");
    }
}

fn signatures(
    written: &raw::Signatures,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> SignatureFiles {
    SignatureFiles {
        key: written.key.as_deref().map(path),
        valid_seconds: seconds(faults, written.valid_seconds.as_ref(), gateway::VALID_SECONDS),
        skew_seconds: seconds(faults, written.clock_skew_seconds.as_ref(), gateway::SKEW_SECONDS),
        peers: written.peer.iter().map(|peer| (path(&peer.key), peer.log.clone())).collect(),
    }
}

fn seconds(faults: &mut Faults, written: Option<&Spanned<i64>>, usual: u32) -> u32 {
    let usual_count = usize::try_from(usual).unwrap_or(usize::MAX);
    u32::try_from(faults.count(written, usual_count, SIGNATURE_SECONDS_MAX)).unwrap_or(usual)
}

/// A signature that is good for longer is a password.
const SIGNATURE_SECONDS_MAX: usize = 3600;

/// How reads are isolated; where nothing is said they are, for the objects that the package adds fields to.
fn reads(written: Option<&Spanned<raw::Reads>>, faults: &mut Faults) -> gateway::Reads {
    let standard = gateway::IsolatedReads::standard();
    let Some(written) = written else { return gateway::Reads::Isolated(standard) };
    let table = match written.get_ref() {
        raw::Reads::Word(word) if word == "open" => return gateway::Reads::Open,
        raw::Reads::Word(word) if word == "isolated" => return gateway::Reads::Isolated(standard),
        raw::Reads::Word(_) => {
            faults.say(written.span(), "`open`, `isolated` or a table");
            return gateway::Reads::Isolated(standard);
        }
        raw::Reads::Table(table) => table,
    };
    let namespace = table.namespace.clone().unwrap_or_default();
    let lists = [table.objects.as_ref().unwrap_or(&standard.objects), &table.open_objects];
    let named = lists
        .into_iter()
        .flatten()
        .chain(table.through.iter().flat_map(|(object, ways)| std::iter::once(object).chain(ways)));
    if named.chain(Some(&namespace).filter(|namespace| !namespace.is_empty())).any(|name| !is_api_name(name))
    {
        faults.say(written.span(), "an API name has letters, digits and `_`, and begins with a letter");
    }
    if table.open_paths.iter().any(|path| !path.starts_with('/') || path.trim_matches('/').is_empty()) {
        faults.say(written.span(), "a path begins with `/` and is not the whole org");
    }
    if table.subscription_endpoints.iter().any(|place| !is_endpoint(place)) {
        faults.say(
            written.span(),
            "where notifications are judged is `https://host` or `http://host`, with a path or without",
        );
    }
    gateway::Reads::Isolated(gateway::IsolatedReads {
        objects: table.objects.clone().unwrap_or(standard.objects),
        namespace,
        through: table.through.clone(),
        open_objects: table.open_objects.clone(),
        guards_lookups: table.guard_lookups,
        tells_withheld: table.tell_withheld,
        client_ids: table.client_ids,
        references: match table.dangling_references {
            Some(true) => gateway::References::Dangling,
            Some(false) | None => gateway::References::Resolved,
        },
        open_paths: table.open_paths.clone(),
        subscription_endpoints: table.subscription_endpoints.clone(),
    })
}

fn is_endpoint(place: &str) -> bool {
    let uri = place.parse::<http::Uri>().ok();
    uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
    })
}

fn is_api_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What is said of code that runs in an org: the bodies of Apex REST resources, and whether anonymous Apex may run.
fn doors(
    written: &raw::Boundary,
    protocol: Option<&flow::Protocol>,
    faults: &mut Faults,
) -> salesforce::Doors {
    let is_org = matches!(protocol, Some(flow::Protocol::Salesforce) | None);
    let anonymous = written.anonymous_apex.as_ref();
    let first = anonymous.map(Spanned::span).or_else(|| written.apex.first().map(Spanned::span));
    if let Some(at) = first.filter(|_| !is_org) {
        faults.say(at, "only a Salesforce boundary has Apex");
    }
    let anonymous_apex = match anonymous.map(|word| word.get_ref().as_str()) {
        None | Some("refuse") => AnonymousApex::Refuse,
        Some("allow") => AnonymousApex::Allow,
        Some(_) => {
            faults.say(anonymous.map_or(0..0, Spanned::span), "`refuse`, or `allow`: it runs unjudged");
            AnonymousApex::Refuse
        }
    };
    let mut apex: Vec<Arc<ApexMap>> = Vec::new();
    for spanned in &written.apex {
        let raw::Apex { path, method, object, records, fields } = spanned.get_ref();
        let map = ApexMap {
            path: path.clone(),
            method: method.to_ascii_uppercase(),
            object: object.clone(),
            records: records.clone(),
            fields: fields.iter().map(|(name, field)| (name.clone(), field.clone())).collect(),
        };
        let again = apex.iter().any(|other| {
            other.method == map.method && other.path.trim_matches('/') == map.path.trim_matches('/')
        });
        if let Some(fault) = map.fault() {
            faults.say(spanned.span(), fault);
        } else if again {
            faults.say(spanned.span(), "another map has this path and method");
        }
        apex.push(Arc::new(map));
    }
    salesforce::Doors { apex, anonymous_apex }
}

/// No record gives so much evidence: a threshold above it would switch recognisers off by accident.
const BITS_MAX: usize = 1000;

/// What is wrong, and where.
#[derive(Default)]
struct Faults(Vec<(Range<usize>, String)>);

impl Faults {
    fn say(&mut self, at: Range<usize>, sentence: &str) {
        self.0.push((at, sentence.to_owned()));
    }

    fn word<T: FromStr<Err: Display>>(&mut self, word: &Spanned<String>) -> Option<T> {
        match word.get_ref().parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.say(word.span(), &error.to_string());
                None
            }
        }
    }

    fn count(&mut self, written: Option<&Spanned<i64>>, usual: usize, most: usize) -> usize {
        let Some(written) = written else { return usual };
        match usize::try_from(*written.get_ref()) {
            Ok(count) if (1..=most).contains(&count) => count,
            Ok(_) | Err(_) => {
                self.say(written.span(), &format!("between 1 and {most}"));
                usual
            }
        }
    }
}

fn report(text: &str, file: &Path, faults: Vec<(Range<usize>, String)>) -> Report {
    let name = file.file_name().map_or_else(|| "eosin.toml".into(), |name| name.to_string_lossy());
    let message = match faults.len() {
        1 => format!("{name} has a fault"),
        count => format!("{name} has {count} faults"),
    };
    // Behind the last line nothing is underlined.
    let (drawn, undrawn): (Vec<_>, Vec<_>) = faults.into_iter().partition(|(at, _)| at.start < text.len());
    let unseen = undrawn.into_iter().fold(String::new(), |said, (_, sentence)| said + ": " + &sentence);
    let labels = drawn.into_iter().map(|(at, sentence)| LabeledSpan::at(at, sentence));
    let diagnostic = MietteDiagnostic::new(message + &unseen)
        .with_labels(labels)
        .with_help("docs/config.md describes every word; `eosin init` writes an example");
    Report::new(diagnostic).with_source_code(NamedSource::new(name, text.to_owned()))
}

#[cfg(test)]
mod tests;
