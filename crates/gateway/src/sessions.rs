//! What each session asked the org about its objects: an org tells each user only of what that user may see.

use std::collections::{BTreeMap, VecDeque};

use http::{HeaderMap, header};
use mark::digest::sha256;

/// Which objects each session asked about, and when. Of whom a session is, only a digest is kept.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_digest: BTreeMap<Session, Asked>,
    order: VecDeque<Session>,
}

/// Whose session it is: a digest of what proves it.
pub(crate) type Session = [u8; 32];

#[derive(Debug, Default)]
struct Asked {
    /// When the list of objects was given.
    listed: Option<i64>,
    /// When an object was described, or was not there.
    described: BTreeMap<String, Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    at: i64,
    is_there: bool,
}

/// Sessions that are remembered, the oldest forgotten first: it asks again.
const SESSIONS_MAX: usize = 1_000;
/// Objects that are remembered of one session.
const OBJECTS_MAX: usize = 2_000;

/// How long what was told is good: fields come and go.
const TOLD_SECONDS: i64 = 3_600;
/// How long an object that was not there stays so: it may be deployed.
const ABSENT_SECONDS: i64 = 60;

/// The session of a request to Bulk v1.
const BULK: &str = "x-sfdc-session";
/// Headers that say whose a session is, beside a cookie.
const TELLING: [&str; 2] = ["authorization", BULK];

/// Whose session a request is of.
///
/// Shape:  of cookies the one that is a session (`sid`); all of them where nothing else says whose it is.
pub(crate) fn session(headers: &HeaderMap) -> Session {
    let mut text = Vec::new();
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let sids = cookies.flat_map(|value| value.split(';')).map(str::trim);
    let sids: Vec<&str> = sids.filter(|cookie| cookie.starts_with("sid=")).collect();
    let is_told =
        !sids.is_empty() || headers.contains_key(header::AUTHORIZATION) || headers.contains_key(BULK);
    for sid in sids {
        text.extend_from_slice(sid.as_bytes());
        text.push(0);
    }
    let names: &[&str] = if is_told { &TELLING } else { &[header::COOKIE.as_str()] };
    for name in names {
        for value in headers.get_all(*name) {
            text.extend_from_slice(name.as_bytes());
            text.push(0);
            text.extend_from_slice(value.as_bytes());
            text.push(0);
        }
    }
    *sha256(&[&text]).as_bytes()
}

impl Sessions {
    fn of(&mut self, session: Session) -> &mut Asked {
        if !self.by_digest.contains_key(&session) {
            self.order.push_back(session);
            while self.order.len() > SESSIONS_MAX {
                if let Some(oldest) = self.order.pop_front() {
                    self.by_digest.remove(&oldest);
                }
            }
        }
        self.by_digest.entry(session).or_default()
    }

    /// Whether a session was given the list of objects, at all or lately.
    pub(crate) fn has_listed(&self, session: Session, lately: Option<i64>) -> bool {
        let listed = self.by_digest.get(&session).and_then(|asked| asked.listed);
        listed.is_some_and(|at| lately.is_none_or(|now| now.saturating_sub(at) < ABSENT_SECONDS))
    }

    pub(crate) fn listed(&mut self, session: Session, now: i64) {
        self.of(session).listed = Some(now);
    }

    /// Whether a session was told of an object, in lower case.
    pub(crate) fn has_described(&self, session: Session, object: &str, now: i64) -> bool {
        let told = self.by_digest.get(&session).and_then(|asked| asked.described.get(object));
        told.is_some_and(|told| {
            now.saturating_sub(told.at) < if told.is_there { TOLD_SECONDS } else { ABSENT_SECONDS }
        })
    }

    pub(crate) fn described(&mut self, session: Session, object: &str, is_there: bool, now: i64) {
        let described = &mut self.of(session).described;
        if described.len() >= OBJECTS_MAX {
            described.clear();
        }
        described.insert(object.to_owned(), Told { at: now, is_there });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(token: &str) -> Session {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, token.parse().unwrap());
        session(&headers)
    }

    #[test]
    fn what_one_session_was_told_another_was_not() {
        let (one, other) = (who("Bearer a"), who("Bearer b"));
        let mut sessions = Sessions::default();
        sessions.listed(one, 100);
        sessions.described(one, "contact", true, 100);
        sessions.described(one, "visit__c", false, 100);
        assert!(sessions.has_listed(one, None) && !sessions.has_listed(other, None));
        assert!(sessions.has_listed(one, Some(159)) && !sessions.has_listed(one, Some(160)));
        assert!(
            sessions.has_described(one, "contact", 3_699) && !sessions.has_described(one, "contact", 3_700)
        );
        assert!(
            sessions.has_described(one, "visit__c", 159) && !sessions.has_described(one, "visit__c", 160)
        );
        assert!(!sessions.has_described(other, "contact", 100));
    }

    #[test]
    fn cookies_that_are_no_session_tell_no_sessions_apart() {
        let who = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            session(&headers)
        };
        let bearer = ("authorization", "Bearer a");
        assert_eq!(who(&[bearer]), who(&[bearer, ("cookie", "BrowserId=1")]));
        assert_eq!(who(&[("cookie", "a=1; sid=x")]), who(&[("cookie", "sid=x; b=2")]));
        assert_ne!(who(&[("cookie", "sid=x")]), who(&[("cookie", "sid=y")]));
        assert_ne!(who(&[bearer]), who(&[bearer, ("cookie", "sid=x")]));
        assert_ne!(who(&[("cookie", "other=1")]), who(&[("cookie", "other=2")]));
    }

    #[test]
    fn the_oldest_sessions_are_forgotten() {
        let mut sessions = Sessions::default();
        for at in 0..=SESSIONS_MAX {
            sessions.listed(who(&format!("Bearer {at}")), 0);
        }
        assert_eq!(sessions.by_digest.len(), SESSIONS_MAX);
        assert!(!sessions.has_listed(who("Bearer 0"), None) && sessions.has_listed(who("Bearer 1"), None));
    }
}
