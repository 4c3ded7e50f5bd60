//! `[[subscription]]`: which topic of which org, and the boundary of events that it leads to.

use std::{collections::BTreeSet, path::PathBuf};

use carrier::webhook::Format;
use subscription::{Begin, FETCH_MAX, Gone, RECORD};
use toml::Spanned;

use super::{Boundary, Faults, raw};
use crate::config::subscriptions::Subscription;

/// Where Salesforce serves the Pub/Sub API.
const API: &str = "https://api.pubsub.salesforce.com:7443";
/// How many events are asked for at a time unless said.
const FETCH_USUAL: usize = 50;

/// Understands every subscription.
pub(super) fn subscriptions(
    written: &[Spanned<raw::Subscription>],
    boundaries: &[Boundary],
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Vec<Subscription> {
    let mut names = BTreeSet::new();
    for one in written {
        let name = &one.get_ref().name;
        if !names.insert(name.get_ref()) {
            faults.say(name.span(), "another subscription has this name");
        }
    }
    written.iter().filter_map(|one| subscription(one, boundaries, path, faults)).collect()
}

fn subscription(
    spanned: &Spanned<raw::Subscription>,
    boundaries: &[Boundary],
    path: &impl Fn(&str) -> PathBuf,
    faults: &mut Faults,
) -> Option<Subscription> {
    let written = spanned.get_ref();
    let name = written.name.get_ref();
    if !super::is_plain(name) {
        faults.say(written.name.span(), "a name has 1 to 64 letters, digits, `-`, `_` or `.`");
    }
    let object = object(written, boundaries, faults)?;
    let changes = changes(written, &object, faults);
    let is_asked = match written.records.as_ref().map(|word| (word.get_ref().as_str(), word.span())) {
        None => changes,
        Some(("org", at)) => {
            if !changes {
                faults.say(at, "a platform event is about no record that could be asked for");
            }
            true
        }
        Some(("event", _)) => false,
        Some((_, at)) => {
            faults.say(at, "`org`, or `event`: then what it leaves out cannot be checked");
            false
        }
    };
    let org: Option<http::Uri> = faults.word(&written.org);
    let usual = Spanned::new(written.org.span(), API.to_owned());
    let said = written.api.as_ref().unwrap_or(&usual);
    let api: Option<http::Uri> = faults.word(said);
    for (uri, at) in [(&org, written.org.span()), (&api, said.span())] {
        if let Some(sentence) = uri.as_ref().and_then(unreachable) {
            faults.say(at, sentence);
        }
    }
    let first = match written.begin.as_ref() {
        None => Begin::Latest,
        Some(word) => begin(word, faults, "`earliest` or `latest`").unwrap_or(Begin::Latest),
    };
    let gone = match written.on_gone.as_ref() {
        None => Gone::Stop,
        Some(word) if word.get_ref() == "stop" => Gone::Stop,
        Some(word) => begin(word, faults, "`stop`, `earliest` or `latest`").map_or(Gone::Stop, Gone::GoOn),
    };
    let most = usize::try_from(FETCH_MAX).unwrap_or(FETCH_USUAL);
    let fetch = faults.count(written.fetch.as_ref(), FETCH_USUAL, most);
    Some(Subscription {
        name: name.clone(),
        boundary: written.boundary.get_ref().clone(),
        topic: written.topic.get_ref().clone(),
        org: org?,
        api: api?,
        ca: written.ca.as_deref().map(path),
        client_id: written.client_id.clone(),
        client_secret: path(&written.client_secret),
        object: is_asked.then_some(object),
        first,
        gone,
        fetch: u32::try_from(fetch).unwrap_or(FETCH_MAX),
        folder: path(written.folder.as_deref().unwrap_or("subscriptions")).join(name),
    })
}

/// The object of the boundary that the events cross.
fn object(written: &raw::Subscription, boundaries: &[Boundary], faults: &mut Faults) -> Option<String> {
    let at = written.boundary.span();
    let found = boundaries.iter().find(|boundary| boundary.boundary.name == *written.boundary.get_ref());
    let Some(webhook) = found.and_then(|boundary| boundary.webhook.as_ref()) else {
        faults.say(at, "there is no boundary of this name with `protocol = \"webhook\"`");
        return None;
    };
    let map = &webhook.map;
    if map.format != Format::CloudEvents || map.records != RECORD || map.class.is_some() {
        let sentence = "its `[boundary.events]` needs `format = \"cloudevents\"`, `records = \"/record\"` and no `class`";
        faults.say(at, sentence);
    }
    Some(map.object.clone())
}

/// Whether a topic has changes; they have to be of the boundary's object.
fn changes(written: &raw::Subscription, object: &str, faults: &mut Faults) -> bool {
    let (topic, at) = (written.topic.get_ref(), written.topic.span());
    if topic.strip_prefix("/event/").is_some_and(super::is_api_name) {
        return false;
    }
    let wanted = match object.strip_suffix("__c") {
        Some(name) => format!("/data/{name}__ChangeEvent"),
        None => format!("/data/{object}ChangeEvent"),
    };
    if *topic != wanted {
        let sentence = format!(
            "the changes of the boundary's object are `{wanted}`; a platform event is `/event/Name__e`. One subscription \
             and one boundary for each object"
        );
        faults.say(at, &sentence);
    }
    true
}

fn begin(word: &Spanned<String>, faults: &mut Faults, sentence: &str) -> Option<Begin> {
    let found = [Begin::Earliest, Begin::Latest].into_iter().find(|begin| begin.as_str() == word.get_ref());
    if found.is_none() {
        faults.say(word.span(), sentence);
    }
    found
}

fn unreachable(uri: &http::Uri) -> Option<&'static str> {
    if uri.authority().is_none() || uri.query().is_some() || !matches!(uri.path(), "" | "/") {
        return Some("it is `https://host` or `https://host:port`");
    }
    let is_good = gateway::is_confidential(uri);
    (!is_good).then_some("plain HTTP is for this machine only: a session goes over it")
}
