//! `[boundary.events]` and `[[boundary.webhook]]`: how events are read, and the two endpoints that they go to.

use std::{ops::Range, path::PathBuf, sync::Arc, time::Duration};

use carrier::webhook::{Class, EventMap, Format};
use flow::Extent;
use gateway::RETRY_SECONDS;
use toml::Spanned;

use super::{Faults, raw};
use crate::config::webhooks::{ConsumerFiles, EndpointFiles, WebhookFiles};

/// Understands what a boundary of events says of them; nothing where it says nothing or something is wrong.
pub(super) fn webhooks(
    written: &raw::Boundary,
    is_webhook: bool,
    here: &policy::Boundary,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<WebhookFiles> {
    let first = written.events.as_ref().map(Spanned::span);
    let first = first.or_else(|| written.webhook.first().map(Spanned::span));
    if !is_webhook {
        if let Some(at) = first {
            faults.say(at, "only a boundary with `protocol = \"webhook\"` takes events");
        }
        return None;
    }
    let Some(spanned) = &written.events else {
        faults.say(
            written.protocol.span(),
            "it needs `[boundary.events]`: the format of the events, and their path",
        );
        return None;
    };
    if written.quarantine.as_ref().is_none_or(|keeps| !keeps.get_ref()) {
        let sentence =
            "it needs `quarantine = true`: what cannot be sorted or delivered has to wait somewhere";
        faults.say(written.protocol.span(), sentence);
    }
    let events = spanned.get_ref();
    let map = map(events, faults)?;
    if let Some(fault) = map.fault() {
        faults.say(spanned.span(), fault);
    }
    let extent = match events.shows.as_ref().map(|word| (word.span(), word.get_ref().as_str())) {
        None | Some((_, "whole")) => Extent::Whole,
        Some((_, "part")) => Extent::Part,
        Some((at, _)) => {
            faults.say(at, "`whole`, or `part`: what an event leaves out cannot be checked");
            Extent::Whole
        }
    };
    if !events.path.get_ref().starts_with('/') || events.path.get_ref().contains(['?', '#', '%']) {
        faults.say(events.path.span(), "a path begins with `/` and is written without escapes");
    }
    let mut one = |class| endpoint(written, class, here, path, faults);
    let (synthetic, attested) = (one(Class::Synthetic), one(Class::Attested));
    if let (Some(one), Some(other)) = (&synthetic, &attested)
        && one.consumer.keys.iter().any(|key| other.consumer.keys.contains(key))
    {
        let sentence =
            "each endpoint has keys of its own, or a consumer of one could pass its events on to the other";
        faults.say(spanned.span(), sentence);
    }
    for webhook in &written.webhook {
        let class = &webhook.get_ref().class;
        if class.get_ref().parse::<Class>().is_err() {
            faults.say(class.span(), "a class is `synthetic` or `attested`");
        }
    }
    Some(WebhookFiles {
        path: events.path.get_ref().clone(),
        map: Arc::new(map),
        extent,
        senders: events.senders.iter().map(|file| path(file)).collect(),
        synthetic: synthetic?,
        attested: attested?,
        retries: retries(events.retry_seconds.as_ref(), &RETRY_SECONDS, faults),
    })
}

fn map(events: &raw::Events, faults: &mut Faults) -> Option<EventMap> {
    let format = match events.format.get_ref().as_str() {
        "json" => Format::Json,
        "cloudevents" => Format::CloudEvents,
        "outbound-message" => Format::OutboundMessage,
        _ => {
            faults.say(events.format.span(), "`json`, `cloudevents` or `outbound-message`");
            return None;
        }
    };
    Some(EventMap {
        format,
        events: events.events.clone(),
        records: events.records.clone(),
        object: events.object.clone(),
        fields: events.fields.iter().map(|(name, field)| (name.clone(), field.clone())).collect(),
        class: events.class.clone(),
        id: events.id.clone(),
    })
}

/// The one endpoint of a class.
fn endpoint(
    boundary: &raw::Boundary,
    class: Class,
    here: &policy::Boundary,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<EndpointFiles> {
    let of_class = |webhook: &&Spanned<raw::Webhook>| {
        webhook.get_ref().class.get_ref().parse::<Class>().is_ok_and(|said| said == class)
    };
    let mut all = boundary.webhook.iter().filter(of_class);
    let Some(spanned) = all.next() else {
        let sentence = format!("it needs a `[[boundary.webhook]]` with `class = \"{class}\"`");
        faults.say(boundary.protocol.span(), &sentence);
        return None;
    };
    if let Some(again) = all.next() {
        faults.say(again.span(), "another endpoint has this class");
    }
    let written = spanned.get_ref();
    let url =
        endpoint_address(&written.url, "plain HTTP is for this machine only: events hold records", faults);
    let keys = key_files(&written.keys, spanned.span(), path, faults);
    // What is synthetic has no business in production, so somebody has to say where else it goes.
    let environment = match (&written.environment, class) {
        (Some(word), _) => faults.word(word)?,
        (None, Class::Attested) => here.environment,
        (None, Class::Synthetic) => policy::Environment::Test,
    };
    let jurisdiction = written.jurisdiction.clone().unwrap_or_else(|| here.jurisdiction.clone());
    Some(EndpointFiles {
        boundary: policy::Boundary { environment, jurisdiction, ..here.clone() },
        consumer: ConsumerFiles {
            url: url?,
            url_ca: written.url_ca.as_deref().map(path),
            keys,
            authorization: written.authorization.as_deref().map(path),
            patience: patience(written.timeout_seconds.as_ref(), faults),
        },
    })
}

/// The address of whoever is asked or told: a consumer of events, a collector of traces, the provider that operators sign
/// in at. By TLS, or on this machine; `why` says why.
pub(super) fn endpoint_address(url: &Spanned<String>, why: &str, faults: &mut Faults) -> Option<http::Uri> {
    let uri: http::Uri = faults.word(url)?;
    if uri.authority().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        faults.say(url.span(), "an endpoint is `https://host/path`");
    } else if !gateway::is_confidential(&uri) {
        faults.say(url.span(), why);
    }
    Some(uri)
}

/// The files with the keys that sign for an endpoint.
pub(super) fn key_files(
    written: &[String],
    at: Range<usize>,
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Vec<PathBuf> {
    if !(1..=4).contains(&written.len()) {
        faults.say(at, "`keys` names one file with a key, or two while one takes the other's place");
    }
    written.iter().map(|file| path(file)).collect()
}

/// How long an endpoint may take to answer.
pub(super) fn patience(written: Option<&Spanned<i64>>, faults: &mut Faults) -> Duration {
    let seconds = faults.count(written, TIMEOUT_SECONDS, 120);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(15))
}

/// How long an endpoint may take to answer: Standard Webhooks suggests 15 to 30.
const TIMEOUT_SECONDS: usize = 15;

/// How long is waited before each further attempt.
pub(super) fn retries(
    written: Option<&Spanned<Vec<i64>>>,
    usual: &[u64],
    faults: &mut Faults,
) -> Vec<Duration> {
    let Some(written) = written else {
        return usual.iter().copied().map(Duration::from_secs).collect();
    };
    let waits: Option<Vec<Duration>> = written
        .get_ref()
        .iter()
        .map(|seconds| u64::try_from(*seconds).ok().filter(|seconds| (1..=WAIT_MAX).contains(seconds)))
        .map(|seconds| seconds.map(Duration::from_secs))
        .collect();
    match waits {
        Some(waits) if waits.len() <= WAITS_MAX => waits,
        Some(_) | None => {
            faults.say(written.span(), "at most 30 waits, each between 1 second and a week");
            Vec::new()
        }
    }
}

const WAITS_MAX: usize = 30;
const WAIT_MAX: u64 = 604_800;
