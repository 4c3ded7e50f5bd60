//! What is asked of the policies: who wants to do what at which boundary.

use crate::{boundary::Boundary, vocabulary::words};

/// Who wants to do what at which boundary. Holds names and labels, never content.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub client: Caller<'a>,
    /// What for.
    pub action: Action,
    /// Where.
    pub boundary: &'a Boundary,
    /// A label of the route, such as `sobjects/Contact`; for the ruling's summary, policies do not see it.
    pub route: &'a str,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A program that the gateway knows by this name: `Eosin::Client::"name"`.
    Client(&'a str),
    /// A part of Eosin, such as a scan: `Eosin::System::"name"`.
    System(&'a str),
}

impl<'a> From<&'a str> for Caller<'a> {
    /// A client of this name.
    fn from(name: &'a str) -> Self {
        Self::Client(name)
    }
}

impl<'a> Caller<'a> {
    /// Its name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Client(name) | Self::System(name) => name,
        }
    }
}

/// What a client wants to do with the records it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Be shown records that are behind the boundary.
    Read,
    /// Add records.
    Create,
    /// Change records, or add those that are missing.
    Update,
    /// Remove records.
    Delete,
    /// Hand records over in bulk: a file, a report, a feed's batch.
    Export,
    /// Hand over one message as it happens.
    Deliver,
}

words!(Action, "action",
    Read => "read", Create => "create", Update => "update", Delete => "delete", Export => "export",
    Deliver => "deliver");
