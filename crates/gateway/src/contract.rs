//! Dated contract versions: what a client may rely on of an answer of ours, by a date that it names or is pinned to. Old and
//! new live side by side; each version is the one before it and a step.
//!
//! Source: spec/http.md section 10.

mod steps;

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::{
    body::Body,
    head::{Door, NAME_MAX, client, is_of_a_name, texts},
    problem::Problem,
};
pub(crate) use steps::shaped;

/// Every version, the oldest first.
pub const CONTRACTS: [&str; 2] = ["2026-09-01", "2026-11-22"];

/// One of [`CONTRACTS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Contract(usize);

impl Contract {
    /// The version of this date, if there is one.
    pub fn of(date: &str) -> Option<Self> {
        CONTRACTS.iter().position(|known| *known == date).map(Self)
    }

    /// The newest one.
    pub fn newest() -> Self {
        Self(CONTRACTS.len().saturating_sub(1))
    }

    /// Its date.
    pub fn date(self) -> &'static str {
        CONTRACTS.get(self.0).copied().unwrap_or_default()
    }
}

/// The end of a version, as it is announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// From when on it should not be used, in seconds since 1970.
    pub deprecated: Option<i64>,
    /// From when on it is refused, in seconds since 1970, and the same as an HTTP date.
    pub sunset: Option<(i64, String)>,
}

/// Which version each client has, and which of them end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contracts {
    /// What a client has that names none and is pinned to none: the oldest, unless said.
    pub unpinned: Contract,
    /// Clients, by what they call themselves.
    pub clients: BTreeMap<String, Contract>,
    /// The versions that end.
    pub endings: BTreeMap<Contract, Ending>,
}

/// The version of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    contract: Contract,
    is_pinned: bool,
}

/// The header that names a version, in requests and in answers.
const VERSION: HeaderName = HeaderName::from_static("eosin-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

impl Bound {
    /// The version's date, where the client named it or is pinned to it.
    pub(crate) fn pinned(self) -> Option<&'static str> {
        self.is_pinned.then(|| self.contract.date())
    }
}

impl Contracts {
    /// Whether a client can be called this: what is not kept of a name would never be met.
    pub fn can_name(name: &str) -> bool {
        !name.trim().is_empty() && name.len() <= NAME_MAX && name.chars().all(is_of_a_name)
    }

    /// The version of a request: the one that it names, or its client is pinned to, or that of everybody.
    pub(crate) fn bind(&self, headers: &HeaderMap, door: Door, now: i64) -> Result<Bound, Problem> {
        let named = texts(headers, &VERSION);
        let contract = match named.as_slice() {
            [] if self.clients.is_empty() => None,
            [] => self.clients.get(&client(headers, door.peer)).copied(),
            [date] => Some(Contract::of(date.trim()).ok_or(Problem::VersionUnknown)?),
            _ => return Err(Problem::VersionUnknown),
        };
        match contract {
            Some(contract) if self.has_ended(contract, now) => Err(Problem::VersionEnded),
            Some(contract) => Ok(Bound { contract, is_pinned: true }),
            None if self.has_ended(self.unpinned, now) => {
                Ok(Bound { contract: Contract::newest(), is_pinned: false })
            }
            None => Ok(Bound { contract: self.unpinned, is_pinned: false }),
        }
    }

    fn has_ended(&self, contract: Contract, now: i64) -> bool {
        let sunset = self.endings.get(&contract).and_then(|ending| ending.sunset.as_ref());
        sunset.is_some_and(|(moment, _)| *moment <= now)
    }

    /// Says in an answer which version it has, and when that ends. What the upstream says of its own end stays.
    ///
    /// Source: RFC 9745, RFC 8594.
    pub(crate) fn tell(&self, bound: Bound, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        if let Some(date) = bound.pinned() {
            headers.insert(VERSION, HeaderValue::from_static(date));
            headers.append(header::VARY, HeaderValue::from_static("Eosin-Version"));
        }
        let Some(ending) = self.endings.get(&bound.contract) else { return };
        if let Some(moment) = ending.deprecated
            && !headers.contains_key(DEPRECATION)
            && let Ok(value) = HeaderValue::from_str(&format!("@{moment}"))
        {
            headers.insert(DEPRECATION, value);
        }
        if let Some((_, date)) = &ending.sunset
            && !headers.contains_key(SUNSET)
            && let Ok(value) = HeaderValue::from_str(date)
        {
            headers.insert(SUNSET, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(client: &str, version: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, client.parse().unwrap());
        headers.extend(version.map(|version| (VERSION, version.parse().unwrap())));
        headers
    }

    #[test]
    fn a_version_is_named_or_pinned_and_ends() {
        let (old, new) = (Contract::of("2026-09-01").unwrap(), Contract::newest());
        let ending = Ending { deprecated: Some(50), sunset: Some((100, "then".to_owned())) };
        let contracts = Contracts {
            unpinned: old,
            clients: [("portal".to_owned(), new), ("old-job".to_owned(), old)].into(),
            endings: [(old, ending)].into(),
        };
        let door = Door { scheme: "http", peer: ([127, 0, 0, 1], 1).into() };
        let check =
            |client: &str, version: Option<&str>, now: i64, want: Result<(Contract, bool), Problem>| {
                let bound = contracts.bind(&at(client, version), door, now);
                let bound = bound.map(|bound| (bound.contract, bound.is_pinned));
                assert_eq!(bound, want, "{client} {version:?} at {now}");
            };
        check("any", None, 60, Ok((old, false)));
        check("portal", None, 60, Ok((new, true)));
        check("portal", Some("2026-09-01"), 60, Ok((old, true)));
        check("any", Some("2026-11-22"), 60, Ok((new, true)));
        check("any", Some("2026-11-23"), 60, Err(Problem::VersionUnknown));
        check("any", Some(""), 60, Err(Problem::VersionUnknown));
        check("old-job", None, 100, Err(Problem::VersionEnded));
        check("any", Some("2026-09-01"), 100, Err(Problem::VersionEnded));
        check("any", None, 100, Ok((new, false)));
    }

    #[test]
    fn every_version_is_named_where_an_unknown_one_is_refused() {
        for date in CONTRACTS {
            assert!(Problem::VersionUnknown.message().contains(date), "{date}");
        }
        assert!(Problem::VersionEnded.message().contains(Contract::newest().date()));
        assert!(CONTRACTS.is_sorted());
    }
}
