//! A write at a FHIR boundary whose reads are isolated: what it names or finds and is hidden is not there for it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use carrier::fhir::{
    self, Asked, Detail, Entry, Interaction, Key, LogicalId, Media, OperationKind, Page, Query, Step,
};
use flow::{Reader, Seen};
use http::{HeaderValue, Method, Response, header};

use crate::{
    body::Body,
    coding::{coding, decode},
    fhir_form::Form,
    head::Head,
    problem::Problem,
    reading::Turned,
    server::Lane,
};

use super::{
    criteria::{address, criteria},
    relayed,
    server::{Asker, Server, Standing},
};

/// A write on its way.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(super) reader: Reader,
    /// Absent ids and searches that were sent, and those that they stand for: the longest first.
    pub(super) sent: Vec<(String, String)>,
    /// For each entry of a Bundle that was a search, its address.
    pub(super) pages: Vec<Option<String>>,
    pub(super) seen: Vec<Seen>,
    /// What the client is known to see.
    pub(super) shown: BTreeSet<Key>,
    pub(super) asker: Asker,
    /// Whether the address is one of FHIR's, where an answer that cannot be read may show anybody.
    pub(super) is_fhir: bool,
    /// What the client reads; the server is asked in JSON.
    pub(super) form: Form,
}

/// The header that makes a creation conditional.
const IF_NONE_EXIST: &str = "if-none-exist";
/// The header by which HAPI's clients have what points at a resource deleted with it.
const CASCADE: &str = "x-cascade";

const CHOSEN: &str = "where something is hidden the server chooses ids, so a `PUT` changes what this client can see and makes nothing: make it by \
                      `POST`, or let clients choose ids with `client_ids` in `[boundary.reads]`";
const SEARCHED: &str = "where something is hidden a conditional update is read: send its resource in JSON";
const TAKEN: &str = "this id is taken; let the server choose one, or choose another";
const SUBSCRIBED: &str =
    "where something is hidden a subscription is sent whole, in JSON: a patch or XML of one is not read";
const TOPIC: &str =
    "a topic of subscriptions sends past this gateway, so none is made where something is hidden";
const LONG: &str = "the body is longer than is read where reads are isolated; send it in parts";
const XML: &str = "send Bundles in JSON where reads are isolated: what they ask for has to be read";
const PATCHED: &str = "where something is hidden a patch names by id what a reference leads to";
const IDENTIFIED: &str =
    "where something is hidden the server chooses ids: make it without an `id` in its body";
const FURTHER: &str = "where something is hidden a write does what it names and nothing beside: `_cascade`, `X-Cascade`, `_expunge` and the like reach what \
                       this client cannot see";
const PARTS: &str = "`_elements` and `_summary` of a search that includes other resources cannot be asked in a Bundle where reads are isolated; ask for it \
                     by itself, or for all of it";
const NESTED: &str = "this cannot be asked in a Bundle where reads are isolated; ask for it by itself";

/// Looks at what a write names before it is sent; nothing where reads are not isolated.
///
/// Shape:  the head and the body that will be sent are changed where they must be; `is_whole` says whether the body is
///         all there.
pub(crate) async fn guard(
    lane: &Lane,
    head: &mut Head,
    is_whole: bool,
    received: &mut Bytes,
    replaced: &mut Option<Bytes>,
) -> Result<Option<Guard>, Turned> {
    let Some(reads) = &lane.fhir else { return Ok(None) };
    let reader = lane.fhir_reader(&head.client);
    if !reader.hidden.hides_labelled() {
        return Ok(None);
    }
    if !is_whole {
        return Err(Problem::Closed(LONG).into());
    }
    let server = Server::new(lane, head);
    let asker = server.asker.clone();
    let mut writing = Writing {
        server,
        reader,
        sent: Vec::new(),
        pages: Vec::new(),
        led_to: BTreeMap::new(),
        shown: BTreeSet::new(),
        unseen: BTreeSet::new(),
        made: BTreeSet::new(),
        seen: Vec::new(),
    };
    let body = match replaced {
        Some(body) => body.clone(),
        None => decode(coding(&head.headers), received, &lane.limits).map_err(|_| Problem::Closed(LONG))?,
    };
    writing.refuse_subscriptions(&body)?;
    if head.headers.contains_key(CASCADE) {
        return Err(Problem::Closed(FURTHER).into());
    }
    let method = head.method.as_str().to_owned();
    let found = fhir::interaction(&method, &head.target, None, &reads.base);
    let is_fhir = found.is_some();
    if let Some(found) = found
        && let Some(other) = writing.asked(head, &found, &body).await?
    {
        *replaced = Some(other);
    }
    let form = Form::of(&head.headers, &head.target);
    head.target = fhir::without_format(&head.target);
    head.headers.remove(header::ACCEPT_ENCODING);
    head.headers.insert(header::ACCEPT, HeaderValue::from_static("application/fhir+json"));
    let Writing { reader, mut sent, pages, seen, shown, .. } = writing;
    sent.sort_by_key(|(other, _)| std::cmp::Reverse(other.len()));
    Ok(Some(Guard { reader, sent, pages, seen, shown, asker, is_fhir, form }))
}

/// The answer to a patch of a hidden resource: that of one that is not there. Asked before the patch is carried out on
/// what is read, for that would tell.
pub(crate) async fn patch_of_hidden(lane: &Lane, head: &Head) -> Result<Option<Response<Body>>, Turned> {
    let Some(reads) = lane.fhir.as_ref().filter(|_| head.method == Method::PATCH) else { return Ok(None) };
    let found = fhir::interaction(head.method.as_str(), &head.target, None, &reads.base);
    let Some(Interaction::Patch { resource_type, id: Some(id) }) = found else { return Ok(None) };
    let reader = lane.fhir_reader(&head.client);
    if !reader.hidden.hides_labelled() {
        return Ok(None);
    }
    let server = Server::new(lane, head);
    let mut seen = Vec::new();
    let is_hidden = server.is_hidden(&reader, &resource_type, id.as_str(), &mut seen).await?;
    lane.flow.show(&reader, "read", seen).await?;
    if !is_hidden {
        return Ok(None);
    }
    Ok(Some(relayed(server.absent(&resource_type, id.as_str(), "").await?)))
}

/// What an entry of a Bundle asks.
struct Wish {
    step: Step,
    /// Its address, from the base.
    target: String,
    found: Option<Interaction>,
}

impl Wish {
    fn of(step: Step) -> Self {
        let target = format!("/{}", step.url.trim_start_matches('/'));
        let found = fhir::interaction(&step.method, &target, None, "");
        Self { step, target, found }
    }

    /// A read is looked at as one, whatever it asks.
    fn is_read(&self) -> bool {
        matches!(self.step.method.as_str(), "GET" | "HEAD")
    }

    fn creates(&self) -> bool {
        matches!(self.found, Some(Interaction::Create { .. }))
    }
}

/// Refuses what a Bundle asks and is not known: it may show somebody, or write to what nobody looked at.
fn refuse_unknown(wish: &Wish) -> Result<(), Turned> {
    let is_known = match &wish.found {
        Some(
            Interaction::Create { .. }
            | Interaction::Update { .. }
            | Interaction::Patch { .. }
            | Interaction::Delete { .. },
        ) => true,
        Some(Interaction::Operation { kind, .. }) => {
            *kind == OperationKind::Carries
                || fhir::asked(&wish.step.method, &wish.target, "") == Asked::Nothing
        }
        Some(
            Interaction::Capabilities
            | Interaction::Read { .. }
            | Interaction::VersionRead { .. }
            | Interaction::History(_)
            | Interaction::Search { .. }
            | Interaction::ExportEnd
            | Interaction::Bundle,
        )
        | None => false,
    };
    if wish.is_read() || is_known { Ok(()) } else { Err(Problem::Closed(NESTED).into()) }
}

/// Refuses a write that says it may write more than it names.
fn refuse_further(found: &Interaction, target: &str) -> Result<(), Problem> {
    let writes = matches!(
        found,
        Interaction::Create { .. }
            | Interaction::Update { .. }
            | Interaction::Patch { .. }
            | Interaction::Delete { .. }
            | Interaction::Bundle
    );
    let (_, search) = target.split_once('?').unwrap_or((target, ""));
    let reaches = writes && Query::parse(search).is_none_or(|query| query.reaches_further());
    if reaches { Err(Problem::Closed(FURTHER)) } else { Ok(()) }
}

fn key(resource_type: &str, id: &str) -> Key {
    Key { resource_type: resource_type.to_owned(), id: id.to_owned() }
}

/// Whether this is a resource of another type, as every reader would read it.
fn is_other_than_bundle(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).ok();
    text.and_then(Key::of).is_some_and(|key| key.resource_type != "Bundle")
}

/// Whether this is one in JSON, so that it was looked at.
fn is_subscription_in_json(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).ok();
    text.and_then(Key::of).is_some_and(|key| is_subscription(&key.resource_type))
}

/// A subscription's messages go past this gateway, unless they come by a boundary.
fn is_subscription(resource_type: &str) -> bool {
    matches!(resource_type, "Subscription" | "SubscriptionTopic")
}

/// Whether a patch gives a reference by search.
fn is_by_search(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    match text.trim_start().bytes().next() {
        Some(b'<') => fhir::has_references_by_search(body),
        Some(b'[' | b'{') => fhir::patches_by_search(&text),
        _ => false,
    }
}

pub(super) struct Writing<'l> {
    pub(super) server: Server<'l>,
    pub(super) reader: Reader,
    pub(super) sent: Vec<(String, String)>,
    pages: Vec<Option<String>>,
    /// What references by search lead to.
    pub(super) led_to: BTreeMap<String, String>,
    /// What was looked up and the client can see, and what it cannot.
    pub(super) shown: BTreeSet<Key>,
    pub(super) unseen: BTreeSet<Key>,
    /// What a Bundle writes by ids that were looked at.
    pub(super) made: BTreeSet<Key>,
    pub(super) seen: Vec<Seen>,
}

impl Writing<'_> {
    /// Looks at what the request asks, and changes its head where it must be; the body that is sent instead of its own.
    async fn asked(
        &mut self,
        head: &mut Head,
        found: &Interaction,
        body: &[u8],
    ) -> Result<Option<Bytes>, Turned> {
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let kind = kind.to_owned();
        refuse_further(found, &head.target)?;
        match found {
            Interaction::Create { resource_type }
            | Interaction::Update { resource_type, .. }
            | Interaction::Patch { resource_type, .. }
                if is_subscription(resource_type) && !is_subscription_in_json(body) =>
            {
                return Err(Problem::Closed(SUBSCRIBED).into());
            }
            Interaction::Bundle if kind.contains("xml") => return Err(Problem::Closed(XML).into()),
            Interaction::Bundle => {
                return self.bundle(body).await;
            }
            Interaction::Create { resource_type } => {
                let bare = self.created(Media::of(&kind), body).await?;
                self.refuse_unseen(&kind, resource_type, None, body).await?;
                self.condition(head, resource_type).await?;
                let led = self.led_body(resource_type, bare.as_deref().unwrap_or(body)).await?;
                return Ok(led.or(bare));
            }
            Interaction::Update { resource_type, id: Some(id) } => {
                self.refuse_taken(resource_type, id.as_str()).await?;
                self.refuse_unseen(&kind, resource_type, Some(id.as_str()), body).await?;
            }
            Interaction::Patch { .. } if is_by_search(body) => return Err(Problem::Closed(PATCHED).into()),
            Interaction::Patch { resource_type, id: Some(id) }
            | Interaction::Delete { resource_type, id: Some(id) } => {
                if let Some(other) = self.moved(resource_type, id.as_str()).await? {
                    head.target = self.server.address(resource_type, &other);
                } else if matches!(found, Interaction::Patch { .. }) {
                    self.refuse_patch_to_unseen(head, resource_type, id.as_str(), body).await?;
                }
            }
            Interaction::Update { resource_type, id: None }
            | Interaction::Patch { resource_type, id: None }
            | Interaction::Delete { resource_type, id: None } => {
                if matches!(found, Interaction::Update { .. }) {
                    self.refuse_chosen(std::str::from_utf8(body).ok()).await?;
                    self.refuse_unseen(&kind, resource_type, None, body).await?;
                }
                let (path, search) = head.target.split_once('?').unwrap_or((&head.target, ""));
                let other = self.narrowed(resource_type, &criteria(resource_type, search)?, true).await?;
                head.target = address(path, &other);
            }
            Interaction::Capabilities
            | Interaction::Read { .. }
            | Interaction::VersionRead { .. }
            | Interaction::History(_)
            | Interaction::Search { .. }
            | Interaction::ExportEnd
            | Interaction::Operation { .. } => {}
        }
        if let Interaction::Update { resource_type, .. } = found {
            return self.led_body(resource_type, body).await;
        }
        Ok(None)
    }

    /// A subscription whose messages do not come by a boundary is refused.
    fn refuse_subscriptions(&self, body: &[u8]) -> Result<(), Turned> {
        let Ok(text) = std::str::from_utf8(body) else { return Ok(()) };
        let judged =
            self.server.lane.fhir.as_ref().map_or(&[][..], |reads| reads.subscription_endpoints.as_slice());
        let fault = |resource: &str| match Key::of(resource)?.resource_type.as_str() {
            "Subscription" => fhir::subscription_fault(resource, judged),
            "SubscriptionTopic" => Some(TOPIC),
            _ => None,
        };
        let inner = Page::read(body, &self.server.lane.flow.limits()).map(|page| page.entries);
        let inner = inner.unwrap_or_default();
        let mut all = std::iter::once(text).chain(inner.iter().filter_map(|entry| entry.resource.as_deref()));
        all.find_map(fault).map_or(Ok(()), |why| Err(Problem::Closed(why).into()))
    }

    /// Whether clients choose ids here.
    fn may_choose(&self) -> bool {
        self.server.lane.fhir.as_ref().is_some_and(|reads| reads.client_ids)
    }

    /// Refuses to write by an id that the client cannot see.
    ///
    /// Written with the id of a hidden resource it would become that one. If one could be made with an id that nobody has, this
    /// refusal would tell; so both are refused alike, unless the boundary says otherwise.
    async fn refuse_taken(&mut self, resource_type: &str, id: &str) -> Result<(), Turned> {
        let may_choose = self.may_choose();
        match self.server.standing(&self.reader, resource_type, id, &mut self.seen).await? {
            Standing::Seen => {
                self.shown.insert(key(resource_type, id));
                Ok(())
            }
            Standing::Absent if may_choose => Ok(()),
            Standing::Hidden if may_choose => Err(Problem::Closed(TAKEN).into()),
            Standing::Hidden | Standing::Absent => Err(Problem::Closed(CHOSEN).into()),
        }
    }

    /// The same for a conditional update, which makes what its search does not find, with the id that it has.
    async fn refuse_chosen(&mut self, resource: Option<&str>) -> Result<(), Turned> {
        let Some(key) = resource.and_then(Key::of) else { return Err(Problem::Closed(SEARCHED).into()) };
        if !key.id.is_empty() && LogicalId::parse(&key.id).is_none() {
            return Err(Problem::Request("the resource's id is not one of FHIR's").into());
        }
        if key.id.is_empty() { Ok(()) } else { self.refuse_taken(&key.resource_type, &key.id).await }
    }

    /// What is made has no id yet, and the server gives it one. Some take the one in the body, and overwrite what has it:
    /// it is left out, unless clients choose ids.
    ///
    /// Shape:  the body of a creation -> the same without an id; nothing if it stays as it is.
    async fn created(&mut self, media: Option<Media>, body: &[u8]) -> Result<Option<Bytes>, Turned> {
        match media {
            Some(Media::Json) => {
                let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
                Ok(self.without_id(text).await?.map(Bytes::from))
            }
            Some(Media::Xml) if Key::of_xml(body).is_some_and(|key| !key.id.is_empty()) => {
                Err(Problem::Closed(IDENTIFIED).into())
            }
            // A file that is sent as what it is has none.
            Some(Media::Xml) | None => Ok(None),
        }
    }

    async fn without_id(&mut self, resource: &str) -> Result<Option<String>, Turned> {
        let Some(bare) = fhir::without_id(resource) else { return Ok(None) };
        let key = Key::of(resource).filter(|key| self.may_choose() && LogicalId::parse(&key.id).is_some());
        let Some(key) = key else { return Ok(Some(bare)) };
        self.refuse_taken(&key.resource_type, &key.id).await?;
        Ok(None)
    }

    /// Another id for a hidden resource: one that nobody has.
    async fn moved(&mut self, resource_type: &str, id: &str) -> Result<Option<String>, Turned> {
        if !self.server.is_hidden(&self.reader, resource_type, id, &mut self.seen).await? {
            self.shown.insert(key(resource_type, id));
            return Ok(None);
        }
        let other = self.server.absent_id(resource_type, id).await?;
        self.sent.push((other.clone(), id.to_owned()));
        Ok(Some(other))
    }

    /// The search of a conditional creation, in its header.
    async fn condition(&mut self, head: &mut Head, resource_type: &str) -> Result<(), Turned> {
        let mut searches = head.headers.get_all(IF_NONE_EXIST).iter();
        let Some(search) = searches.next() else { return Ok(()) };
        if searches.next().is_some() {
            return Err(Problem::Request("`If-None-Exist` is given twice; send one").into());
        }
        let search = search.to_str().map_err(|_| Problem::Request("`If-None-Exist` cannot be read"))?;
        let other = self.narrowed(resource_type, &criteria(resource_type, search)?, true).await?;
        let value = HeaderValue::try_from(other).map_err(|_| Problem::Internal)?;
        head.headers.insert(IF_NONE_EXIST, value);
        Ok(())
    }

    /// A Bundle that asks nothing of what is hidden; nothing if it is the same.
    async fn bundle(&mut self, body: &[u8]) -> Result<Option<Bytes>, Turned> {
        let limits = self.server.lane.flow.limits();
        let page = match Page::read(body, &limits) {
            Ok(page) => page,
            // One resource at the address of Bundles is none.
            Err(_) if is_other_than_bundle(body) => return Ok(None),
            Err(_) => return Err(Problem::Request("the Bundle cannot be read").into()),
        };
        self.look_up(&page).await?;
        let updated = |wish: Wish| match wish.found {
            Some(Interaction::Update { resource_type, id: Some(id) }) => {
                Some(key(&resource_type, id.as_str()))
            }
            _ => None,
        };
        self.made =
            page.entries.iter().filter_map(Entry::step).filter_map(|step| updated(Wish::of(step))).collect();
        let mut entries = Vec::with_capacity(page.entries.len());
        let mut is_other = false;
        for entry in &page.entries {
            self.pages.push(None);
            let other = match entry.step() {
                Some(step) => {
                    let wish = Wish::of(step);
                    refuse_unknown(&wish)?;
                    let other = self.entry(entry, &wish).await?;
                    let sent = other.as_ref().unwrap_or(entry);
                    match sent.resource.as_deref().filter(|_| wish.creates()) {
                        Some(made) => self.without_id(made).await?.map(|bare| sent.carrying(bare)).or(other),
                        None => other,
                    }
                }
                None => None,
            };
            is_other |= other.is_some();
            entries.push(
                other.map_or_else(|| entry.as_written().to_owned(), |other| other.as_written().to_owned()),
            );
        }
        Ok(is_other.then(|| Bytes::from(page.with_entries(&entries))))
    }

    async fn entry(&mut self, entry: &Entry, wish: &Wish) -> Result<Option<Entry>, Turned> {
        let Wish { step, target, found: asked } = wish;
        let mut other = step.clone();
        if let Some(found) = asked {
            refuse_further(found, target)?;
        }
        let resource = match entry.resource.as_deref() {
            Some(resource) => self.led(resource).await?,
            None => None,
        };
        let (path, search) = step.url.split_once('?').unwrap_or((&step.url, ""));
        match asked {
            _ if wish.is_read() => {
                if let Some(url) = self.read(step, target, path, search).await? {
                    other.url = url;
                }
            }
            Some(Interaction::Patch { resource_type, .. }) if is_subscription(resource_type) => {
                return Err(Problem::Closed(SUBSCRIBED).into());
            }
            Some(Interaction::Create { resource_type }) => {
                self.refuse_entry(resource_type, None, entry).await?;
                if let Some(search) = &step.if_none_exist {
                    let search = criteria(resource_type, search)?;
                    other.if_none_exist = Some(self.narrowed(resource_type, &search, false).await?);
                }
            }
            Some(Interaction::Update { resource_type, id: Some(id) }) => {
                self.refuse_taken(resource_type, id.as_str()).await?;
                self.refuse_entry(resource_type, Some(id.as_str()), entry).await?;
            }
            Some(
                Interaction::Patch { resource_type, id: Some(id) }
                | Interaction::Delete { resource_type, id: Some(id) },
            ) => {
                if let Some(id) = self.moved(resource_type, id.as_str()).await? {
                    other.url = format!("{resource_type}/{id}");
                } else if matches!(asked, Some(Interaction::Patch { .. })) {
                    self.refuse_patch(entry).await?;
                }
            }
            Some(
                Interaction::Update { resource_type, id: None }
                | Interaction::Patch { resource_type, id: None }
                | Interaction::Delete { resource_type, id: None },
            ) => {
                match asked {
                    Some(Interaction::Update { .. }) => {
                        self.refuse_chosen(entry.resource.as_deref()).await?;
                        self.refuse_entry(resource_type, None, entry).await?;
                    }
                    Some(Interaction::Patch { .. }) => self.refuse_patch(entry).await?,
                    _ => {}
                }
                let narrowed = self.narrowed(resource_type, &criteria(resource_type, search)?, false).await?;
                other.url = address(path, &narrowed);
            }
            _ => {}
        }
        if other == *step && resource.is_none() {
            return Ok(None);
        }
        Ok(entry.asking(&other, resource))
    }

    async fn refuse_entry(
        &mut self,
        resource_type: &str,
        id: Option<&str>,
        entry: &Entry,
    ) -> Result<(), Turned> {
        let resource = entry.resource.as_deref().unwrap_or_default();
        self.refuse_unseen("application/fhir+json", resource_type, id, resource.as_bytes()).await
    }

    async fn refuse_patch(&mut self, entry: &Entry) -> Result<(), Turned> {
        match entry.resource.as_deref() {
            Some(patch) => self.refuse_texts_to_unseen(patch).await,
            None => Ok(()),
        }
    }

    /// A read within a Bundle, asked so that the server's own answer shows nothing hidden.
    async fn read(
        &mut self,
        step: &Step,
        target: &str,
        path: &str,
        search: &str,
    ) -> Result<Option<String>, Turned> {
        match fhir::asked(&step.method, target, "") {
            Asked::Nothing => Ok(None),
            Asked::Resource { resource_type, id } => {
                let other = self.moved(&resource_type, &id).await?;
                Ok(other.map(|other| {
                    let query = if search.is_empty() { String::new() } else { format!("?{search}") };
                    format!("{resource_type}/{other}{query}")
                }))
            }
            Asked::Version { resource_type, id } => {
                let other = self.moved(&resource_type, &id).await?;
                let version = path.rsplit('/').next().unwrap_or_default();
                Ok(other.map(|other| format!("{resource_type}/{other}/_history/{version}")))
            }
            Asked::Search { resource_type: Some(resource_type), within: None } => {
                let query = Query::parse(search).ok_or(Problem::Request("a search cannot be read"))?;
                if query.includes() && query.detail() == Detail::Part {
                    // What is included is judged in the answer, and a part has no mark.
                    return Err(Problem::Closed(PARTS).into());
                }
                let narrowed = self.narrowed(&resource_type, &query, false).await?;
                let base = self.server.base();
                if let Some(page) = self.pages.last_mut() {
                    *page = Some(format!("{}{base}{target}", self.server.asker.addresses.gateway));
                }
                Ok((narrowed != search).then(|| address(&resource_type, &narrowed)))
            }
            Asked::Search { .. }
            | Asked::History { .. }
            | Asked::Everything { .. }
            | Asked::Export { .. }
            | Asked::Elsewhere
            | Asked::Closed => Err(Problem::Closed(NESTED).into()),
        }
    }
}
