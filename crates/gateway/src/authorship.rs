//! Slots and appointments carry who made the pattern that they come from: their schedule is asked, and labels are put
//! on them before they are ruled on.

use std::collections::BTreeMap;

use bytes::Bytes;
use carrier::fhir::{
    Authored, Interaction, LogicalId, Making, Media, foremost, interaction, leads_to, makings,
    resource_of_entry, with_authorship,
};
use flow::Protocol;
use http::Method;

use crate::{
    body::{Body, Collected},
    coding::{Coding, coding},
    fhir_reading::may_be_shown,
    head::Head,
    patching::asker,
    server::Lane,
    whole::whole,
};

/// Resources that are asked for on behalf of one request.
const LOOKUPS_MAX: usize = 20;
/// From an appointment to its slot, and from there to its schedule.
const STEPS_MAX: usize = 2;

/// The body with the authorship of what its slots and appointments were made from; nothing where it stays as it is.
///
/// What the server does not give to this client, or what is hidden from it, is not known, and nothing is carried from it.
///
/// Bounds: [`LOOKUPS_MAX`] questions to the server, each within the gateway's bounds on a body.
/// Source: spec/carriers.md section 3.12.
pub(crate) async fn carried(lane: &Lane, head: &Head, collected: &Collected) -> Option<Bytes> {
    let Protocol::Fhir { base } = &lane.protocol else { return None };
    let found = interaction(head.method.as_str(), &head.target, head.method_override.as_deref(), base)?;
    let may_hold = matches!(
        &found,
        Interaction::Create { resource_type } | Interaction::Update { resource_type, .. }
            if matches!(resource_type.as_str(), "Slot" | "Appointment")
    ) || found == Interaction::Bundle;
    let media = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = media.and_then(Media::of) == Some(Media::Json);
    let is_whole = collected.rest.is_none() && collected.spooled.is_none();
    if !may_hold || !is_json || !is_whole || coding(&head.headers) != Coding::Identity {
        return None;
    }
    let body = &collected.received;
    let mut looked = Looked { lane, head, base, known: BTreeMap::new() };
    let mut labels = Vec::new();
    for making in makings(body) {
        if let Some(authored) = looked.maker(body, &making).await {
            labels.push((making.entry, authored));
        }
    }
    if labels.is_empty() {
        return None;
    }
    with_authorship(body, &labels).map(Bytes::from)
}

/// What was asked so far.
struct Looked<'l> {
    lane: &'l Lane,
    head: &'l Head,
    base: &'l str,
    known: BTreeMap<(String, LogicalId), Option<Bytes>>,
}

impl Looked<'_> {
    /// Who made what this one was made from.
    async fn maker(&mut self, body: &[u8], making: &Making) -> Option<Authored> {
        let mut found = Vec::new();
        for entry in &making.beside {
            if let Some(resource) = resource_of_entry(body, *entry) {
                found.extend(self.of(Bytes::copy_from_slice(resource)).await);
            }
        }
        for (name, id) in &making.stored {
            if let Some(resource) = self.stored(name, id).await {
                found.extend(self.of(resource).await);
            }
        }
        foremost(found)
    }

    /// Who made a schedule or a slot: by its mark, by its label, or by what it leads to.
    async fn of(&mut self, mut resource: Bytes) -> Option<Authored> {
        for _ in 0..STEPS_MAX {
            if let Some(authored) = self.lane.flow.authored(&resource) {
                return Some(authored);
            }
            let (name, id) = leads_to(&resource)?;
            resource = self.stored(&name, &id).await?;
        }
        self.lane.flow.authored(&resource)
    }

    /// A resource as the server gives it to this client, if it may be shown to it.
    async fn stored(&mut self, name: &str, id: &LogicalId) -> Option<Bytes> {
        let key = (name.to_owned(), id.clone());
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        if self.known.len() >= LOOKUPS_MAX {
            return None;
        }
        let target = format!("{}/{name}/{}", self.base.trim_end_matches('/'), id.as_str());
        let found = self.ask(&target).await.filter(|resource| may_be_shown(self.lane, self.head, resource));
        self.known.insert(key, found.clone());
        found
    }

    async fn ask(&self, target: &str) -> Option<Bytes> {
        let headers = asker(&self.head.headers);
        let sent = self.lane.upstream.send(Method::GET, target, headers, Body::from(Bytes::new())).await;
        let (parts, incoming) = sent.ok().filter(|answer| answer.status().is_success())?.into_parts();
        whole(self.lane, &parts.headers, incoming).await.ok()
    }
}
