//! The org behind its sockets: one lock, one request at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::analytics;
use crate::apex;
use crate::auth;
use crate::bulk_v1;
use crate::call::{Call, Payload, Reply};
use crate::event_log;
use crate::failure::Failure;
use crate::rest::{self, discovery, limits::REQUESTS_MAX};
use crate::sandbox::host::Host;
use crate::soap;
use crate::state::{State, Visit};
use crate::weekly_export;
use crate::{Clock, Limits};

/// The org, shared by its sockets and its owner.
#[derive(Debug)]
pub(crate) struct Core {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// What it needs to open sandboxes; a sandbox opens none.
    host: Option<Host>,
    /// Whether somebody asked for something about a sandbox.
    wished: AtomicBool,
}

impl Core {
    pub(crate) fn new(state: State, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let wished = AtomicBool::new(false);
        Self { state: Mutex::new(state), clock, limits, host: None, wished }
    }

    /// An org that can open sandboxes beside itself.
    pub(crate) fn hosting(self, host: Host) -> Self {
        Self { host: Some(host), ..self }
    }

    pub(crate) fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Whether a request has asked for something about a sandbox that is not done yet.
    pub(crate) fn is_wished(&self) -> bool {
        self.wished.swap(false, Ordering::Relaxed)
    }

    /// The org itself. A request that panicked has been rolled back no further than it got; the org goes on.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How large a body may be: data of bulk jobs and deployments may be larger than the rest.
    pub(crate) fn body_limit(&self, path: &str) -> usize {
        let path = path.to_ascii_lowercase();
        let large = path.contains("/jobs/ingest") || path.contains("/metadata/") || path.contains("/soap/m/");
        if large { self.limits.upload_bytes } else { self.limits.body_bytes }
    }

    /// Answers one request; the second value is the `Sforce-Limit-Info` of requests that count.
    pub(crate) fn answer(&self, call: &Call) -> (Reply, Option<String>) {
        let mut state = self.state();
        // A request that panicked may have left its user's view.
        state.store.look_as(None);
        let now_ms = self.now_ms();
        let id = state.events.request_id(call);
        if asks_for_events(call) {
            event_log::gather(&mut state, now_ms);
        }
        let mut user = String::new();
        let (reply, usage) = Self::visited(&mut state, call, now_ms, &mut user);
        state.store.look_as(None);
        if !state.wishes.is_empty() {
            self.wished.store(true, Ordering::Relaxed);
        }
        let organization = state.access.organization.clone();
        state.events.note(call, &reply, (&id, &user, &organization), now_ms);
        (reply.with("x-sfdc-request-id", id), usage)
    }

    /// Answers a request; `user` is left as who it was.
    fn visited(state: &mut State, call: &Call, now_ms: i64, user: &mut String) -> (Reply, Option<String>) {
        let mut visit =
            Visit { state, user: String::new(), now_ms, version: String::new(), base: call.base.clone() };
        let answered = Self::routed(&mut visit, call, now_ms);
        *user = visit.user;
        answered
    }

    fn routed(visit: &mut Visit<'_>, call: &Call, now_ms: i64) -> (Reply, Option<String>) {
        let lowered: Vec<String> = call.segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
        let names: Vec<&str> = lowered.iter().map(String::as_str).collect();
        let version = |at: usize| call.segments.get(at).cloned().unwrap_or_default();
        let reply = match names.as_slice() {
            [.., "services", "oauth2", "token"] if call.method == "POST" => {
                auth::token(&mut visit.state.access, call, now_ms)
            }
            [.., "services", "oauth2", "revoke"] => auth::revoke(&mut visit.state.access, call),
            [.., "services", "soap", kind @ ("u" | "c" | "m" | "s"), number]
            | [.., "services", "soap", kind @ ("u" | "c" | "m" | "s"), number, _]
                if call.method == "POST" =>
            {
                soap::answer(visit, call, kind, number)
            }
            ["services", "data"] if matches!(call.method.as_str(), "GET" | "HEAD") => discovery::versions(),
            ["services", "oauth2", "userinfo"] => match enter(visit, call) {
                Ok(()) => auth::user_info(&visit.state.access, call, &visit.user),
                Err(_) => Reply::raw(403, "text/html", "Bad_OAuth_Token"),
            },
            ["id", _, _] => match enter(visit, call) {
                Ok(()) => auth::identity(&visit.state.access, call, &visit.user),
                Err(_) => Reply::raw(403, "text/html", "Bad_OAuth_Token"),
            },
            ["servlet", "servlet.orgexport"] => weekly_export::answer(visit, call),
            ["services", "async", rest @ ..] => bulk_v1::answer(visit, call, rest),
            ["services", "apexrest", ..] => match enter(visit, call) {
                Ok(()) => apex::rest::answer(visit, call, call.segments.get(2..).unwrap_or(&[])),
                Err(failure) => Reply::failure(&failure),
            },
            [_] if call.method == "GET" && analytics::is_export(call) => match enter_page(visit, call) {
                Ok(()) => analytics::export(visit, call).unwrap_or_else(|failure| Reply::failure(&failure)),
                Err(failure) => Reply::failure(&failure),
            },
            ["services", "data", number, ..] => {
                visit.version = version(2);
                return Self::data(visit, call, number);
            }
            _ => Reply::failure(&Failure::not_found()),
        };
        (reply, None)
    }

    fn data(visit: &mut Visit<'_>, call: &Call, number: &str) -> (Reply, Option<String>) {
        if let Err(failure) = enter(visit, call) {
            return (Reply::failure(&failure), None);
        }
        let known = number
            .strip_prefix('v')
            .and_then(|number| number.strip_suffix(".0").unwrap_or(number).parse().ok());
        if !known.is_some_and(|number: u32| discovery::VERSIONS.contains(&number)) {
            return (Reply::failure(&Failure::not_found()), None);
        }
        // Addresses in answers say `v67.0`, however the client wrote it.
        visit.version = format!("v{}.0", known.unwrap_or(0));
        visit.state.requests += 1;
        let usage = format!("api-usage={}/{REQUESTS_MAX}", visit.state.requests);
        let segments = call.segments.get(3..).unwrap_or(&[]);
        let mut reply = rest::answer(visit, call, segments);
        if call.method == "HEAD" {
            reply.body = Payload::Empty;
        }
        (reply, Some(usage))
    }
}

/// Whether a request may be about event log files, wherever it names them.
fn asks_for_events(call: &Call) -> bool {
    let named = |text: &str| text.to_ascii_lowercase().contains("eventlogfile");
    call.segments.iter().any(|segment| named(segment))
        || call.query.iter().any(|(_, value)| named(value))
        || call.body.len() < 64 * 1024 && named(&String::from_utf8_lossy(&call.body))
}

/// Lets a request for a page in: by its session, which browsers bring in a cookie.
fn enter_page(visit: &mut Visit<'_>, call: &Call) -> Result<(), Failure> {
    let cookie = call.header("cookie").and_then(|cookies| {
        cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("sid=").map(str::to_owned))
    });
    let Some(token) = cookie else { return enter(visit, call) };
    visit.user = visit.state.access.session(&token, visit.now_ms).ok_or_else(Failure::session)?;
    if visit.enters() { Ok(()) } else { Err(Failure::session()) }
}

/// Lets a request in if it brings a session.
fn enter(visit: &mut Visit<'_>, call: &Call) -> Result<(), Failure> {
    let token = auth::bearer(call).ok_or_else(Failure::session)?;
    visit.user = visit.state.access.session(&token, visit.now_ms).ok_or_else(Failure::session)?;
    if visit.enters() { Ok(()) } else { Err(Failure::session()) }
}
