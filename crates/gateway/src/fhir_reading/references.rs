//! References by id in what is written: each leads to what the client can see, or the write is refused.
//!
//! Some servers refuse a reference that leads nowhere and others take it. Whether there is a hidden resource with an id would be
//! told by the one, and by the other if it were sent in another form. So what is hidden and what is not there are refused alike,
//! before the server is asked.

use std::collections::BTreeSet;

use carrier::fhir::{self, Key, Led, Media, Page};
use http::header;

use crate::{config::References, head::Head, problem::Problem, reading::Turned};

use super::{
    guard::Writing,
    judge,
    server::{Server, Standing},
};

const UNSEEN: &str = "where something is hidden a reference leads to what this client can see, or by `urn:uuid:` to what the same transaction makes; if the \
                      server takes references that lead nowhere, say `dangling_references = true` in `[boundary.reads]`";
const DEEP: &str =
    "where something is hidden a resource is sent in a form in which its references can be read";

impl Writing<'_> {
    /// Whether the server takes any reference, so that none tells what is there.
    fn takes_any(&self) -> bool {
        self.server.lane.fhir.as_ref().is_some_and(|reads| reads.references == References::Dangling)
    }

    /// Refuses a create or an update that refers to what the client cannot see. What the resource of this type and id refers to
    /// already may stay.
    ///
    /// Errors: as it says; the server's own answer, where it tells neither that there is a resource nor that there is none.
    pub(super) async fn refuse_unseen(
        &mut self,
        kind: &str,
        resource_type: &str,
        id: Option<&str>,
        body: &[u8],
    ) -> Result<(), Turned> {
        if self.takes_any() {
            return Ok(());
        }
        let mut unseen = self.unseen(&references(kind, resource_type, body)?).await?;
        if let Some(id) = id.filter(|_| !unseen.is_empty()) {
            let current = self.server.get(&self.server.address(resource_type, id)).await?;
            let own = std::str::from_utf8(&current.body).ok().and_then(fhir::references_by_id);
            unseen = unseen.difference(&own.unwrap_or_default()).cloned().collect();
        }
        if unseen.is_empty() { Ok(()) } else { Err(Problem::Request(UNSEEN).into()) }
    }

    /// The same of a patch, by what it makes.
    pub(super) async fn refuse_patch_to_unseen(
        &mut self,
        head: &Head,
        resource_type: &str,
        id: &str,
        patch: &[u8],
    ) -> Result<(), Turned> {
        if self.takes_any() || !may_refer(patch, &self.server) {
            return Ok(());
        }
        let current = self.server.get(&self.server.address(resource_type, id)).await?;
        if !current.parts.status.is_success() {
            // So the server says of the patch.
            return Ok(());
        }
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let limits = self.server.lane.flow.limits();
        let made = fhir::patched(kind, patch, &current.body, &limits).ok();
        let of = |resource: &[u8]| std::str::from_utf8(resource).ok().and_then(fhir::references_by_id);
        let (Some(made), Some(own)) = (made.as_deref().and_then(of), of(&current.body)) else {
            return Err(Problem::Closed(DEEP).into());
        };
        let added: BTreeSet<String> = made.difference(&own).cloned().collect();
        let unseen = self.unseen(&added).await?;
        if unseen.is_empty() { Ok(()) } else { Err(Problem::Request(UNSEEN).into()) }
    }

    /// The same of a patch within a Bundle: any text of it could become a reference.
    pub(super) async fn refuse_texts_to_unseen(&mut self, patch: &str) -> Result<(), Turned> {
        if self.takes_any() {
            return Ok(());
        }
        let texts = fhir::patch_texts(patch).ok_or(Problem::Closed(DEEP))?;
        let unseen = self.unseen(&texts).await?;
        if unseen.is_empty() { Ok(()) } else { Err(Problem::Request(UNSEEN).into()) }
    }

    /// Looks up at once what the entries of a Bundle refer to.
    pub(super) async fn look_up(&mut self, page: &Page) -> Result<(), Turned> {
        if self.takes_any() {
            return Ok(());
        }
        let resources = page.entries.iter().filter_map(|entry| entry.resource.as_deref());
        let all = resources.filter_map(fhir::references_by_id).flatten();
        let keys: BTreeSet<Key> = all.filter_map(|one| led(&self.server, &one)).map(|led| led.key).collect();
        self.look_up_keys(&keys).await
    }

    /// Those of these references that lead to what the client cannot see.
    async fn unseen(&mut self, references: &BTreeSet<String>) -> Result<BTreeSet<String>, Turned> {
        let led: Vec<(&String, Led)> = references
            .iter()
            .filter_map(|one| Some((one, led(&self.server, one)?)))
            .filter(|(_, led)| !self.made.contains(&led.key))
            .collect();
        let keys: BTreeSet<Key> = led.iter().map(|(_, led)| led.key.clone()).collect();
        self.look_up_keys(&keys).await?;
        let mut unseen = BTreeSet::new();
        for (reference, led) in led {
            if !self.sees(&led).await? {
                unseen.insert(reference.clone());
            }
        }
        Ok(unseen)
    }

    /// Asks for several resources at once; a server that shows some of them on a further page is asked for those by themselves.
    async fn look_up_keys(&mut self, keys: &BTreeSet<Key>) -> Result<(), Turned> {
        let unknown: BTreeSet<Key> =
            keys.difference(&self.shown).filter(|key| !self.unseen.contains(key)).cloned().collect();
        if unknown.len() < 2 {
            return Ok(());
        }
        for (key, resource) in self.server.by_keys(&unknown, fhir::by_ids).await? {
            let judged = judge(self.server.lane, &self.reader, &resource);
            self.seen.extend(judged.seen);
            if judged.is_hidden {
                self.unseen.insert(key)
            } else {
                self.shown.insert(key)
            };
        }
        Ok(())
    }

    async fn sees(&mut self, led: &Led) -> Result<bool, Turned> {
        let Led { key, version } = led;
        if !self.shown.contains(key) && !self.unseen.contains(key) {
            let (kind, id) = (&key.resource_type, &key.id);
            let standing = self.server.standing(&self.reader, kind, id, &mut self.seen).await?;
            let known = if standing == Standing::Seen { &mut self.shown } else { &mut self.unseen };
            known.insert(key.clone());
        }
        let Some(version) = version.as_ref().filter(|_| self.shown.contains(key)) else {
            return Ok(self.shown.contains(key));
        };
        let target = format!("{}/_history/{version}", self.server.address(&key.resource_type, &key.id));
        let answered = self.server.get(&target).await?;
        let text = std::str::from_utf8(&answered.body).map_err(|_| Problem::ShownUnreadable)?;
        if !answered.parts.status.is_success() {
            return Ok(false);
        }
        let judged = judge(self.server.lane, &self.reader, text);
        self.seen.extend(judged.seen);
        Ok(!judged.is_hidden)
    }
}

/// What a reference leads to at this server, under either of its addresses.
fn led(server: &Server<'_>, reference: &str) -> Option<Led> {
    let addresses = &server.asker.addresses;
    fhir::led_by_id(reference, &[&addresses.upstream, &addresses.gateway])
}

/// Whether a patch could make a reference by id: it has a text like one, or moves texts about.
fn may_refer(patch: &[u8], server: &Server<'_>) -> bool {
    let texts = std::str::from_utf8(patch).ok().and_then(fhir::patch_texts);
    texts.is_none_or(|texts| {
        texts.iter().any(|text| matches!(text.as_str(), "copy" | "move") || led(server, text).is_some())
    })
}

/// The references by id in a body, in either form. A Bundle that is kept as one resource refers within itself.
fn references(kind: &str, resource_type: &str, body: &[u8]) -> Result<BTreeSet<String>, Problem> {
    let Ok(text) = std::str::from_utf8(body) else { return Ok(BTreeSet::new()) };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let is_raw = resource_type == "Binary" && Media::of(kind).is_none();
    let found = match start.bytes().next() {
        _ if resource_type == "Bundle" || is_raw => None,
        Some(b'{') => Some(fhir::references_by_id(start)),
        Some(b'<') => Some(fhir::references_by_id_in_xml(start.as_bytes())),
        _ => None,
    };
    found.map_or(Ok(BTreeSet::new()), |found| found.ok_or(Problem::Closed(DEEP)))
}
