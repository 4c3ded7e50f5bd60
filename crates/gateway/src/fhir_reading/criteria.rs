//! The searches by which a write decides, and what stands for them: they find only what the client may see.

use bytes::Bytes;
use carrier::{
    Limits,
    fhir::{self, Page, Query},
};
use http::StatusCode;

use crate::{problem::Problem, reading::Turned};

use super::{guard::Writing, judge, relayed};

/// Most resources that a condition may find.
const NARROWED_MAX: usize = 200;
/// The longest query that is asked in an address: with it a target stays under what servers take, 8 KiB.
const LINE_MAX: usize = 4000;
/// The longest condition that is sent in an address or a header, for the same reason.
const CONDITION_MAX: usize = 7000;

const CRITERIA: &str = "a condition is the parameters of a search alone, as in `identifier=…`";
const ELSEWHERE: &str =
    "where something is hidden a reference by search is written from the base, as in `Patient?identifier=…`";
const DEEP: &str = "where something is hidden a resource is sent in a form that can be read to its depth";
const UNFOUND: &str = "a reference by search must lead to one resource; this leads to none, or to several, that this client can see";
const IN_JSON: &str = "where something is hidden a resource with a reference by search is sent in JSON";

/// What a search finds.
#[derive(Debug)]
struct Found {
    /// The ids of those that may be seen.
    shown: Vec<String>,
    is_any_hidden: bool,
}

/// The parameters of a condition. Servers take them with and without a `?` or the type in front.
pub(super) fn criteria(resource_type: &str, condition: &str) -> Result<Query, Problem> {
    let bare = condition.trim();
    let bare = bare.strip_prefix(resource_type).filter(|rest| rest.starts_with('?')).unwrap_or(bare);
    let query = Query::parse(bare.strip_prefix('?').unwrap_or(bare));
    query.filter(|query| !query.is_ambiguous()).ok_or(Problem::Request(CRITERIA))
}

/// An address of a type with this search.
pub(super) fn address(path: &str, search: &str) -> String {
    if search.is_empty() { path.to_owned() } else { format!("{path}?{search}") }
}

impl Writing<'_> {
    /// A search that finds what this one finds and is shown, in the spelling in which it was looked up.
    ///
    /// Shape:  `is_in_line` is whether it goes in an address or a header, which servers bound.
    /// Bounds: [`NARROWED_MAX`] resources; in a line so many that [`CONDITION_MAX`] bytes name them, whether they will be named
    ///         or not: what is refused for its length would tell that something is hidden.
    pub(super) async fn narrowed(
        &mut self,
        resource_type: &str,
        query: &Query,
        is_in_line: bool,
    ) -> Result<String, Turned> {
        let plain = query.to_text();
        let Some(found) = self.found(resource_type, query).await? else { return Ok(plain) };
        let mut ids: Vec<&str> = found.shown.iter().map(String::as_str).collect();
        if is_in_line && query.only(&ids).to_text().len() > CONDITION_MAX {
            return Err(Problem::AnswerTooLarge.into());
        }
        if !found.is_any_hidden {
            return Ok(plain);
        }
        let nobody;
        if ids.is_empty() {
            nobody = self.server.absent_id(resource_type, &plain).await?;
            ids.push(&nobody);
            let own = query.get("_id").map(|ids| Query::default().only(&[ids]).to_text());
            for before in ["&", "?", ""] {
                let own = own.as_ref().map(|own| format!("{before}{own}")).unwrap_or_default();
                self.sent.push((format!("{before}_id={nobody}"), own));
            }
        }
        let only = query.only(&ids);
        let narrowed = only.to_text();
        // Errors repeat what was asked.
        self.sent.push((quoted(&only.decoded()), quoted(&query.decoded())));
        self.sent.push((narrowed.clone(), plain));
        Ok(narrowed)
    }

    /// What a search finds; nothing if the server says that nothing is there.
    ///
    /// Errors: the server's own answer, where it says neither.
    async fn found(&mut self, resource_type: &str, query: &Query) -> Result<Option<Found>, Turned> {
        if let Some(why) = query.closed() {
            return Err(Problem::Closed(why).into());
        }
        let (path, asked) =
            (format!("{}/{resource_type}", self.server.base()), query.whole(Some(NARROWED_MAX)));
        let answered = self.server.search(&path, &asked, asked.len() > LINE_MAX).await?;
        match answered.parts.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if status.is_success() => {}
            // What the search finds is not known, so nothing is done with it.
            _ => return Err(Turned::Answer(Box::new(relayed(answered)))),
        }
        let limits = self.server.lane.flow.limits();
        let page = Page::answered(&answered.body, &limits).map_err(|_| Problem::ShownUnreadable)?;
        let mut found = Found { shown: Vec::new(), is_any_hidden: false };
        let mut matches = 0;
        for entry in page.entries.iter().filter(|entry| entry.mode == fhir::Mode::Match) {
            matches += 1;
            let judged = entry.resource.as_deref().map(|text| judge(self.server.lane, &self.reader, text));
            let is_hidden = judged.as_ref().is_some_and(|judged| judged.is_hidden);
            self.seen.extend(judged.into_iter().flat_map(|judged| judged.seen));
            found.is_any_hidden |= is_hidden;
            if let (false, Some(key)) = (is_hidden, &entry.key) {
                found.shown.push(key.id.clone());
                self.shown.insert(key.clone());
            }
        }
        let is_all = page.next.is_none() && page.total.is_none_or(|total| total <= matches);
        if is_all { Ok(Some(found)) } else { Err(Problem::AnswerTooLarge.into()) }
    }

    /// A resource whose references by search lead to what they find; nothing if it has none.
    ///
    /// Servers differ in where they follow them: in transactions, in every write, or nowhere. So they are followed here,
    /// wherever something is hidden, and one that finds only the hidden is refused as one that finds nobody.
    pub(super) async fn led(&mut self, resource: &str) -> Result<Option<String>, Turned> {
        let references = fhir::references_by_search(resource).ok_or(Problem::Closed(DEEP))?;
        for reference in &references {
            if !self.led_to.contains_key(reference) {
                let to = self.follow(reference).await?;
                self.led_to.insert(reference.clone(), to);
            }
        }
        if references.is_empty() {
            return Ok(None);
        }
        Ok(fhir::with_references(resource, &self.led_to))
    }

    async fn follow(&mut self, reference: &str) -> Result<String, Turned> {
        let (resource_type, search) = fhir::searched(reference).ok_or(Problem::Closed(ELSEWHERE))?;
        let query = criteria(resource_type, search)?;
        let found = self.found(resource_type, &query).await?.ok_or(Problem::ShownUnreadable)?;
        match found.shown.as_slice() {
            [id] => Ok(format!("{resource_type}/{id}")),
            _ => Err(Problem::Request(UNFOUND).into()),
        }
    }

    /// The body of a create or an update by itself, as above; nothing if it stays as it is.
    pub(super) async fn led_body(
        &mut self,
        resource_type: &str,
        body: &[u8],
    ) -> Result<Option<Bytes>, Turned> {
        let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with('<') && resource_type != "Binary" {
            let is_by_search = fhir::has_references_by_search(text.as_bytes());
            return if is_by_search { Err(Problem::Closed(IN_JSON).into()) } else { Ok(None) };
        }
        if !start.starts_with('{') {
            return Ok(None);
        }
        Ok(self.led(start).await?.map(Bytes::from))
    }
}

/// The answer to a Bundle with the client's own searches as the links of its pages: the server's are of what was sent.
///
/// Shape:  the answer, what the server answered, and for each entry that was a search its address.
/// Errors: nothing where there is no page.
pub(super) fn relinked(text: &str, own: &[u8], pages: &[Option<String>], limits: &Limits) -> Option<String> {
    if pages.iter().all(Option::is_none) {
        return None;
    }
    let page = Page::answered(text.as_bytes(), limits).ok().filter(Page::is_response)?;
    let own = Page::answered(own, limits).ok()?;
    let inner = |entry: &fhir::Entry| Page::answered(entry.resource.as_deref()?.as_bytes(), limits).ok();
    let mut entries = Vec::with_capacity(page.entries.len());
    for (at, entry) in page.entries.iter().enumerate() {
        let had_links = own.entries.get(at).and_then(inner).is_some_and(|page| page.has_links());
        let Some(shown) = inner(entry).filter(|_| had_links) else {
            entries.push(entry.as_written().to_owned());
            continue;
        };
        // Only where each answer has its request is it known which is whose.
        let asked = pages.get(at).cloned().flatten().filter(|_| pages.len() == page.entries.len());
        let links: Vec<(&str, String)> = asked.into_iter().map(|asked| ("self", asked)).collect();
        let found: Vec<String> = shown.entries.iter().map(|one| one.as_written().to_owned()).collect();
        entries.push(entry.text(Some(&shown.with(&found, shown.total, &links)), "", ""));
    }
    Some(page.with_entries(&entries))
}

/// As it stands within a JSON text.
fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}
