//! Emergency versions: policies that narrow what others permit, within a scope and until a moment.
//!
//! A record passes where the version before permits it and the emergency version does too. So an emergency version cannot
//! open anything, whatever its text says: that is so by construction, and needs no proof. What it must not close, the care
//! of attested people, is proven before it is prepared ([`Policies::keeps_care_of`]).

use std::{
    collections::BTreeSet,
    fmt,
    str::FromStr,
    sync::{Arc, PoisonError},
};

use crate::{counts::may_be_kept, policies::Policies, request::Request, ruling::Outcome};

/// Within what an emergency version decides. What is left empty holds for all.
///
/// Shape:  a text such as `boundary=feed,client=loader`, or `all`; parsing what it prints gives the same scope.
/// Bounds: [`SCOPE_NAMES_MAX`] names of 1 to 64 letters, digits and `-_.`; in those of clients also `/`, `:` and blanks inside.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EmergencyScope {
    /// The names of boundaries.
    pub boundaries: BTreeSet<String>,
    /// The names of clients.
    pub clients: BTreeSet<String>,
    /// Jurisdictions: `US` is also each of its parts.
    pub jurisdictions: BTreeSet<String>,
    /// Objects or resource types: `ServiceAppointment`, `Appointment`.
    pub objects: BTreeSet<String>,
}

/// Most names in one scope.
pub const SCOPE_NAMES_MAX: usize = 64;

impl EmergencyScope {
    /// Whether a request may be inside, objects aside. What a boundary does not say of itself counts as inside.
    pub fn holds(&self, request: &Request<'_>) -> bool {
        let holds = |names: &BTreeSet<String>, name: &str| names.is_empty() || names.contains(name);
        holds(&self.boundaries, &request.boundary.name)
            && holds(&self.clients, request.client.name())
            && self.is_around(&request.boundary.jurisdiction)
    }

    /// Whether a request with records of these objects may be inside. One that carries none counts as inside.
    pub fn holds_any<'o>(&self, objects: impl IntoIterator<Item = &'o str>) -> bool {
        let mut objects = objects.into_iter().peekable();
        self.objects.is_empty()
            || objects.peek().is_none()
            || objects.any(|object| self.objects.iter().any(|named| named.eq_ignore_ascii_case(object)))
    }

    /// A place within the scope, or one that the scope is within: a part of it may be inside.
    fn is_around(&self, jurisdiction: &str) -> bool {
        let named: Vec<String> = self.jurisdictions.iter().cloned().collect();
        let whole = [jurisdiction.to_owned()];
        jurisdiction.trim().is_empty()
            || may_be_kept(&named, jurisdiction)
            || named.iter().any(|name| may_be_kept(&whole, name))
    }

    fn names(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let of = |word: &'static str, names| std::iter::repeat(word).zip(names);
        of("boundary", self.boundaries.iter())
            .chain(of("client", self.clients.iter()))
            .chain(of("jurisdiction", self.jurisdictions.iter()))
            .chain(of("object", self.objects.iter()))
    }
}

impl fmt::Display for EmergencyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.names().map(|(word, name)| format!("{word}={name}")).collect();
        f.write_str(if words.is_empty() { "all" } else { "" })?;
        f.write_str(&words.join(","))
    }
}

/// Why a text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no scope: write `all`, or `boundary=`, `client=`, `jurisdiction=` and `object=` with a name of letters, \
     digits and `-_.` (of a client also `/`, `:` and blanks), between commas"
)]
pub struct ScopeError(String);

impl FromStr for EmergencyScope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ScopeError(text.chars().take(120).collect());
        let mut scope = Self::default();
        if text == "all" {
            return Ok(scope);
        }
        for word in text.split(',') {
            let (word, name) = word.split_once('=').ok_or_else(wrong)?;
            // As boundaries keep what clients call themselves: `python-requests/2.31`, an address.
            let is_client = word == "client" && name.trim() == name;
            let plain = |byte: u8| {
                byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || is_client && b"/: ".contains(&byte)
            };
            if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
                return Err(wrong());
            }
            let names = match word {
                "boundary" => &mut scope.boundaries,
                "client" => &mut scope.clients,
                "jurisdiction" => &mut scope.jurisdictions,
                "object" => &mut scope.objects,
                _ => return Err(wrong()),
            };
            names.insert(name.to_owned());
        }
        if scope.names().count() > SCOPE_NAMES_MAX { Err(wrong()) } else { Ok(scope) }
    }
}

/// An emergency version in force.
#[derive(Debug)]
pub struct Emergency {
    /// Its policies.
    pub policies: Arc<Policies>,
    /// Within what it decides.
    pub scope: EmergencyScope,
    /// Until when, in seconds since 1970: it does not hold in that second.
    pub until: i64,
    /// The entry that put it in force: `origin#index`.
    pub activation: String,
}

/// Most emergency versions that are in force at one time.
pub const EMERGENCIES_MAX: usize = 8;

impl Policies {
    /// The same policies, narrowed by emergency versions; those that narrowed these before are left out.
    ///
    /// Bounds: [`EMERGENCIES_MAX`] emergency versions; every further one is asked as well, and costs what it costs.
    /// Never:  permits what these policies do not: the worse answer of all holds.
    #[must_use]
    pub fn narrowed(&self, by: Vec<Arc<Emergency>>) -> Self {
        self.with_emergencies(by)
    }

    /// The emergency versions that narrow these policies, in the order of their activation.
    pub fn emergencies(&self) -> &[Arc<Emergency>] {
        &self.emergencies
    }

    /// The same policies without the emergency versions that do not hold for any of these objects; nothing if all do.
    ///
    /// Whoever does not ask this is ruled on as if the request carried such an object: narrower.
    ///
    /// Bounds: one set for each combination of emergency versions that was met, kept with these policies.
    pub fn about(&self, objects: &[&str]) -> Option<Arc<Self>> {
        let holds = |one: &Arc<Emergency>| one.scope.holds_any(objects.iter().copied());
        let held: Vec<bool> = self.emergencies.iter().map(holds).collect();
        if !held.contains(&false) {
            return None;
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let kept = self.emergencies.iter().zip(&held).filter(|(_, holds)| **holds);
            Arc::new(self.narrowed(kept.map(|(one, _)| Arc::clone(one)).collect()))
        };
        Some(Arc::clone(parts.entry(held.clone()).or_insert_with(make)))
    }

    /// The emergency versions that decide on a request.
    pub(crate) fn emergencies_on<'p>(
        &'p self,
        request: &'p Request<'_>,
    ) -> impl Iterator<Item = &'p Arc<Emergency>> {
        self.emergencies.iter().filter(|emergency| emergency.scope.holds(request))
    }

    /// The version that rules on a request: `default@0123456789ab`, or with those that narrow it behind a `+` each.
    pub(crate) fn version_on(&self, request: &Request<'_>) -> Arc<str> {
        let mut version = self.shared_version();
        for emergency in self.emergencies_on(request) {
            version = format!("{version}+{}", emergency.policies.version()).into();
        }
        version
    }
}

impl Outcome {
    /// The worse of what two versions say; where both refuse, both are named.
    pub(crate) fn narrowed(mut self, emergency: &Policies, said: Self) -> Self {
        if said.finding < self.finding || said.finding == crate::Finding::Permit {
            return self;
        }
        let name = emergency.version();
        let name = name.rsplit_once('@').map_or(name, |(name, _)| name);
        let ids = said.policies.iter().map(|id| Arc::from(format!("{name}/{id}")));
        if said.finding == self.finding {
            self.policies.extend(ids);
            self.errors.extend(said.errors);
            self.keeps |= said.keeps;
            return self;
        }
        Self { policies: ids.collect(), ..said }
    }
}

#[cfg(test)]
mod tests;
