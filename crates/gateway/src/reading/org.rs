//! What is asked of the org beside what the client asks, with the client's own credentials.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use carrier::salesforce::{self, RecordId, ShownRows, Telling};
use flow::Reader;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header, response::Parts};
use hyper::body::Incoming;
use mark::VerdictName;
use soql::Marks;

use crate::{
    body::{Body, collect},
    head::Head,
    isolation::{Isolation, OrgKnown},
    problem::{Problem, Spoken, respond_made},
    request::cleaned,
    rewrite::Addresses,
    server::Lane,
    sessions::{Session, session},
};

use super::{LookedUp, PAGES_MAX, Prepared, Turned, statement};

/// An org, as one client may ask it.
#[derive(Debug)]
pub(crate) struct Org<'l> {
    pub(crate) lane: &'l Lane,
    pub(crate) reader: &'l Reader,
    pub(crate) isolation: &'l Isolation,
    headers: HeaderMap,
    addresses: Addresses,
    pub(crate) version: String,
    /// In whose shape errors are told.
    pub(crate) spoken: Spoken,
}

/// Headers that say who asks, and in which trace; the others are about the client's own request.
const WHO: [&str; 10] = [
    "authorization",
    "cookie",
    "x-sfdc-session",
    "sforce-call-options",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "via",
    "traceparent",
    "tracestate",
];

/// Ids in one lookup: with them a target stays under what Salesforce takes, 16 KiB.
pub(super) const IDS_MAX: usize = 400;

/// The longest answer that is read for our own purposes: a description of an object.
const ANSWER_BYTES_MAX: usize = soql::DESCRIPTION_BYTES_MAX;

impl<'l> Org<'l> {
    /// The org as the client of this request may ask it.
    pub(crate) fn new(lane: &'l Lane, reader: &'l Reader, head: &Head) -> Result<Self, Turned> {
        let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
        let mut headers = HeaderMap::new();
        for name in WHO {
            let name = HeaderName::from_static(name);
            for value in head.headers.get_all(&name) {
                headers.append(name.clone(), value.clone());
            }
        }
        headers.insert(header::ACCEPT, http::HeaderValue::from_static("application/json"));
        let version = salesforce::version_of(&head.target);
        let (addresses, spoken) = (lane.addresses(head), Spoken::in_head(head));
        let mut org = Self { lane, reader, isolation, headers, addresses, version, spoken };
        // Bulk v1 names its session in a header of its own, which REST does not know.
        if let Some(session) = bulk_session(head)? {
            org.asks_in(&session);
        }
        Ok(org)
    }

    /// Asks in the session that a call itself names.
    pub(crate) fn asks_in(&mut self, session: &str) {
        if let Ok(value) = http::HeaderValue::try_from(format!("Bearer {session}")) {
            self.headers.insert(header::AUTHORIZATION, value);
        }
    }

    /// Asks for one JSON answer.
    ///
    /// Bounds: [`ANSWER_BYTES_MAX`].
    /// Errors: what the org says about the client rather than about the question is the client's answer: an expired
    ///         session, a limit that is used up, trouble of its own.
    pub(crate) async fn get(&self, target: &str) -> Result<(StatusCode, Bytes), Turned> {
        let upstream = &self.lane.upstream;
        let sent = upstream.send(Method::GET, target, self.headers.clone(), Body::from(Bytes::new())).await?;
        let (parts, incoming) = cleaned(sent, &self.addresses)?.into_parts();
        let collected =
            collect(incoming, ANSWER_BYTES_MAX, &self.lane.held, self.lane.timeouts.upstream).await?;
        if collected.rest.is_some() {
            return Err(Problem::AnswerTooLarge.into());
        }
        let about_question = matches!(parts.status.as_u16(), 200..=399 | 400 | 404);
        if about_question {
            return Ok((parts.status, collected.received));
        }
        Err(Turned::Answer(Box::new(self.relayed(parts, collected.received))))
    }

    /// Sends what the client asks, otherwise put; the answer as it comes.
    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Turned> {
        let mut headers = self.headers.clone();
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        }
        let sent = self.lane.upstream.send(method, target, headers, Body::from(body)).await?;
        Ok(cleaned(sent, &self.addresses)?)
    }

    /// The org's own answer: as it came to one who spoke REST, in the words of the other APIs to one who spoke those.
    fn relayed(&self, mut parts: Parts, body: Bytes) -> Response<Body> {
        if !self.spoken.is_rest() {
            let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let text = |name| said.pointer(name).and_then(serde_json::Value::as_str);
            let (code, message) = (text("/0/errorCode"), text("/0/message"));
            let status = parts.status.as_u16();
            return respond_made(self.spoken.error(
                status,
                code.unwrap_or("UNKNOWN_EXCEPTION"),
                message.unwrap_or("the org answered a look-up otherwise than expected"),
            ));
        }
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(body))
    }

    /// What is known of the org's objects; asked for once in each session.
    pub(crate) async fn known(&self) -> Result<Arc<OrgKnown>, Turned> {
        if !self.isolation.sessions().has_listed(self.session(), None) {
            self.list().await?;
        }
        Ok(self.isolation.known())
    }

    /// Asks the org for the list of its objects.
    pub(super) async fn list(&self) -> Result<(), Turned> {
        let (session, now) = (self.session(), self.lane.flow.seconds());
        let (_, listed) = self.get(&format!("/services/data/{}/sobjects", self.version)).await?;
        if self.isolation.learn_objects(&listed, session, now) {
            Ok(())
        } else {
            Err(Problem::ShownUnreadable.into())
        }
    }

    /// Whether this session was told of an object not long ago.
    pub(super) fn has_described(&self, object: &str) -> bool {
        self.isolation.sessions().has_described(self.session(), object, self.lane.flow.seconds())
    }

    /// Asks the org for the description of an object, and keeps what it says. That it is not there for this user is an
    /// answer too.
    pub(super) async fn describe(&self, object: &str) -> Result<(), Turned> {
        let target = format!("/services/data/{}/sobjects/{object}/describe", self.version);
        let (status, description) = self.get(&target).await?;
        let is_there = status.is_success();
        let is_answered = if is_there {
            self.isolation.learn_object(object, &description)
        } else {
            status == StatusCode::NOT_FOUND || error_code(&description).as_deref() == Some("INVALID_TYPE")
        };
        if !is_answered {
            return Err(Problem::ShownUnreadable.into());
        }
        let now = self.lane.flow.seconds();
        self.isolation.sessions().described(self.session(), object, is_there, now);
        Ok(())
    }

    pub(super) fn session(&self) -> Session {
        session(&self.headers)
    }

    pub(super) async fn look_at(
        &self,
        object: &str,
        ids: &[RecordId],
        looked: &mut LookedUp,
    ) -> Result<Found, Turned> {
        if self.isolation.is_marked(object) {
            self.judge_ids(object, ids, looked).await
        } else {
            self.find_ids(object, ids, looked).await
        }
    }

    /// Looks at the marks of these rows.
    async fn judge_ids(
        &self,
        object: &str,
        ids: &[RecordId],
        looked: &mut LookedUp,
    ) -> Result<Found, Turned> {
        let statement = format!(
            "SELECT Id, {}, {}, {} FROM {object} WHERE Id IN ({})",
            self.isolation.field("Eosin_Mark__c"),
            self.isolation.field("Eosin_Synthetic__c"),
            self.isolation.field("Eosin_Subject__c"),
            list(ids),
        );
        let Some(pages) = self.rows(&statement).await? else { return Ok(Found::NoId) };
        for page in pages {
            self.judge_page(&page, looked)?;
        }
        Ok(Found::Answered)
    }

    /// Looks at the marks of the rows on a page.
    pub(super) fn judge_page(&self, page: &Bytes, looked: &mut LookedUp) -> Result<(), Turned> {
        let rows = ShownRows::find(page, Telling::Rows, self.lane.flow.limits().records)
            .map_err(|_| Problem::ShownUnreadable)?;
        let readings: Vec<_> = (0..rows.rows().len()).map(|at| rows.reading(at)).collect();
        let seen = self.lane.flow.look_at(self.reader, &readings);
        let first = looked.seen.len();
        for (at, (row, seen)) in rows.rows().zip(&seen).enumerate() {
            if let Some(id) = row.id {
                let among = if seen.is_hidden() { &mut looked.hidden } else { &mut looked.shown };
                among.insert(id);
                looked.by_id.insert(id, first + at);
            }
        }
        looked.seen.extend(seen);
        Ok(())
    }

    /// Looks which rows of an object without marks an isolated query finds.
    async fn find_ids(&self, object: &str, ids: &[RecordId], looked: &mut LookedUp) -> Result<Found, Turned> {
        let statement = format!("SELECT Id FROM {object} WHERE Id IN ({})", list(ids));
        let isolated = match statement::isolated_once(self, &statement, Marks::NotAsked).await {
            Ok(Ok(isolated)) => isolated,
            // An object that cannot be asked for: what the org says of its rows is no row about anybody.
            Ok(Err(_)) | Err(Turned::Problem(_) | Turned::Answer(_)) if self.is_open(object) => {
                looked.shown.extend(ids);
                return Ok(Found::Answered);
            }
            Ok(Err(error)) => {
                let otherwise = statement::refused(self, &statement, error);
                return self.find_by_lookups(object, ids, looked, otherwise).await;
            }
            Err(turned) => return Err(turned),
        };
        if isolated.text == statement {
            looked.shown.extend(ids);
            return Ok(Found::Answered);
        }
        let mut found = BTreeSet::new();
        let Some(pages) = self.rows(&isolated.text).await? else { return Ok(Found::NoId) };
        for page in pages {
            let rows = ShownRows::find(&page, Telling::Rows, self.lane.flow.limits().records)
                .map_err(|_| Problem::ShownUnreadable)?;
            found.extend(rows.rows().filter_map(|row| row.id));
        }
        for id in ids {
            let among = if found.contains(id) { &mut looked.shown } else { &mut looked.hidden };
            among.insert(*id);
        }
        Ok(Found::Answered)
    }

    fn is_open(&self, object: &str) -> bool {
        self.isolation.reads.open_objects.iter().any(|open| open.eq_ignore_ascii_case(object))
    }

    /// The ids of the rows that a statement finds, which was rewritten before.
    ///
    /// Bounds: [`PAGES_MAX`] pages.
    /// Errors: what the org refuses to answer.
    pub(crate) async fn found(&self, statement: &str) -> Result<BTreeSet<RecordId>, Turned> {
        let mut found = BTreeSet::new();
        let mut target = salesforce::query_target(&self.version, "query", statement);
        for _ in 0..PAGES_MAX {
            let (status, page) = self.get(&target).await?;
            if !status.is_success() {
                return Err(Problem::ReadClosed.into());
            }
            let rows = ShownRows::find(&page, Telling::Rows, self.lane.flow.limits().records)
                .map_err(|_| Problem::ShownUnreadable)?;
            found.extend(rows.rows().filter_map(|row| row.id));
            match salesforce::told_member(&page, "nextRecordsUrl") {
                Some(next) => target = next,
                None => return Ok(found),
            }
        }
        Err(Problem::AnswerTooLarge.into())
    }

    /// Every page of a query, deleted rows too; nothing if an id in it is none of the object's.
    ///
    /// Errors: what the org says instead of rows, but that the object is not there for this user: then none of its rows is.
    pub(super) async fn rows(&self, statement: &str) -> Result<Option<Vec<Bytes>>, Turned> {
        let mut target = salesforce::query_target(&self.version, "queryAll", statement);
        let mut pages = Vec::new();
        loop {
            let (status, page) = self.get(&target).await?;
            if status == StatusCode::NOT_FOUND {
                // A version of the API that the org has not, or has no more.
                let absent = self.spoken.error(404, "NOT_FOUND", "The requested resource does not exist");
                return Err(Turned::Answer(Box::new(respond_made(absent))));
            }
            if !status.is_success() {
                return match error_code(&page).as_deref() {
                    Some("INVALID_TYPE") => Ok(Some(pages)),
                    Some("INVALID_QUERY_FILTER_OPERATOR") => Ok(None),
                    Some("INVALID_FIELD") => Err(Problem::FieldsMissing.into()),
                    _ => Err(Problem::ShownUnreadable.into()),
                };
            }
            let next = salesforce::told_member(&page, "nextRecordsUrl");
            pages.push(page);
            match next {
                Some(next) if pages.len() < IDS_MAX => target = next,
                Some(_) | None => return Ok(Some(pages)),
            }
        }
    }

    /// The org as the client of a prepared request may ask it.
    pub(crate) fn of_prepared(
        lane: &'l Lane,
        reader: &'l Reader,
        prepared: &Prepared,
    ) -> Result<Self, Turned> {
        Self::of_asker(lane, reader, &prepared.asker)
    }

    /// The org as somebody asks it again.
    pub(super) fn of_asker(lane: &'l Lane, reader: &'l Reader, asker: &Asker) -> Result<Self, Turned> {
        let isolation = lane.isolation.as_ref().ok_or(Problem::Internal)?;
        Ok(Self {
            lane,
            reader,
            isolation,
            headers: asker.headers.clone(),
            addresses: asker.addresses.clone(),
            version: asker.version.clone(),
            spoken: asker.spoken.clone(),
        })
    }

    /// What has to be kept of it between a request and its answer.
    pub(crate) fn asker(&self) -> Asker {
        Asker {
            headers: self.headers.clone(),
            addresses: self.addresses.clone(),
            version: self.version.clone(),
            spoken: self.spoken.clone(),
        }
    }
}

/// Who asks the org, between a request and its answer. Debug shows no header: one of them is a key.
#[derive(Clone)]
pub(crate) struct Asker {
    headers: HeaderMap,
    addresses: Addresses,
    version: String,
    spoken: Spoken,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asker({})", self.version)
    }
}

/// Whether a question about ids was answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Answered,
    /// One of them can be no id of the object.
    NoId,
}

/// The code of an error as REST tells it.
fn error_code(answer: &[u8]) -> Option<String> {
    let said: serde_json::Value = serde_json::from_slice(answer).ok()?;
    said.pointer("/0/errorCode")?.as_str().map(str::to_owned)
}

/// Why a request is refused whose look-ups could be made in another session than itself.
const SESSIONS: &str = "`X-SFDC-Session` and `Authorization` name different sessions; send one";

/// The session of a request to Bulk v1, if it names one in the header that is its own.
fn bulk_session(head: &Head) -> Result<Option<String>, Problem> {
    let named = head.headers.get_all("x-sfdc-session").iter();
    let mut named = named.map(|value| value.to_str().unwrap_or_default().trim());
    let Some(session) = named.next().filter(|_| salesforce::is_bulk_v1(&head.target)) else {
        return Ok(None);
    };
    let bearers = head.headers.get_all(header::AUTHORIZATION).iter();
    let mut others = bearers.map(|value| value.to_str().ok().and_then(bearer));
    if named.any(|other| other != session) || others.any(|other| other != Some(session)) {
        return Err(Problem::Request(SESSIONS));
    }
    Ok(Some(session.to_owned()))
}

/// The token of a header that has one.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth")).then(|| token.trim())
}

/// What a row is asked for that is to be judged, as a list of fields.
pub(super) fn label_fields(isolation: &Isolation) -> String {
    let ours = ["Eosin_Mark__c", "Eosin_Synthetic__c", "Eosin_Subject__c"].map(|name| isolation.field(name));
    std::iter::once("Id".to_owned()).chain(ours).collect::<Vec<_>>().join(",")
}

pub(super) fn list(ids: &[RecordId]) -> String {
    ids.iter().map(|id| format!("'{}'", id.long())).collect::<Vec<_>>().join(",")
}

/// Whether rows that describe data sets are hidden with the synthetic ones that they describe.
pub(super) fn hides_datasets(reader: &Reader) -> bool {
    reader.hidden.hides(VerdictName::Synthetic)
}
