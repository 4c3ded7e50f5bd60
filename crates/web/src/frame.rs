//! What every page has: its frame, its answer, and what is so at this moment.

use std::collections::BTreeSet;

use access::Action;
use askama::Template;

use crate::Told;

/// What a page is made with, beside the index.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Now, as entries write moments: RFC 3339 in UTC.
    pub now: &'a str,
    /// A day before now.
    pub day_ago: &'a str,
    /// How many published entries the index does not have yet.
    pub behind: u64,
    /// Who looks, where somebody signed in.
    pub visitor: Option<&'a Visitor<'a>>,
}

impl Setting<'_> {
    /// Whether whoever looks may do this: nobody, where nobody signed in.
    pub(crate) fn may(&self, action: Action) -> bool {
        self.visitor.is_some_and(|visitor| visitor.may.contains(&action))
    }
}

/// Who looks.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Their name.
    pub name: &'a str,
    /// Their role.
    pub role: &'a str,
    /// What the forms of their session carry.
    pub word: &'a str,
    /// What they may.
    pub may: &'a BTreeSet<Action>,
    /// To whom records can be assigned; empty for whoever may not.
    pub colleagues: &'a [String],
}

/// What a browser is told an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A page.
    Page,
    /// The style sheet.
    Style,
    /// The icon.
    Icon,
    /// The script.
    Script,
    /// A table to be saved.
    Csv,
    /// A line of text.
    Text,
}

impl Kind {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Icon => "image/svg+xml",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

/// An answer: its status, what it is, and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status of HTTP.
    pub status: u16,
    /// What it is.
    pub kind: Kind,
    /// Its body.
    pub body: String,
}

impl Answer {
    pub(crate) fn of(kind: Kind, body: &str) -> Self {
        Self { status: 200, kind, body: body.to_owned() }
    }

    /// A page from its template.
    pub(crate) fn page(template: &impl Template) -> Self {
        // Writing into a text does not fail, and the templates call nothing that does.
        let body = template.render().unwrap_or_default();
        let status = if body.is_empty() { 500 } else { 200 };
        Self { status, kind: Kind::Page, body }
    }

    /// The same with the status of what it tells, unless it is a fault of ours.
    pub(crate) fn with(mut self, told: Told<'_>) -> Self {
        if self.status == 200 {
            self.status = told.status();
        }
        self
    }
}

/// The places of the console, in the order of its menu, each with what it takes.
const PLACES: [(&str, &str, Action); 11] = [
    ("/", "Today", Action::SeePosture),
    ("/transactions", "Transactions", Action::SeeTransactions),
    ("/records", "Records", Action::SeeRecords),
    ("/datasets", "Datasets", Action::SeeDatasets),
    ("/deliveries", "Deliveries", Action::SeeTransactions),
    ("/boundaries", "Boundaries", Action::SeePosture),
    ("/policies", "Policies", Action::SeePolicies),
    ("/emergency", "Emergency", Action::SeePolicies),
    ("/quarantine", "Quarantine", Action::SeeQuarantine),
    ("/ledgers", "Ledgers", Action::SeeLedgers),
    ("/operators", "Operators", Action::SeeOperators),
];

/// What a page takes; nothing where everybody who signed in may, or where there is no such page.
pub fn needed(path: &str) -> Option<Action> {
    let path = path.split('?').next().unwrap_or(path);
    match path {
        "/transaction" | "/transactions/live" => Some(Action::SeeTransactions),
        "/records.csv" | "/record" | "/blast" => Some(Action::SeeRecords),
        "/dataset" => Some(Action::SeeDatasets),
        "/operator" => Some(Action::SeeOperators),
        "/policies/compare" | "/policies/candidate" => Some(Action::SeePolicies),
        "/emergency/ask"
        | "/emergency/approve"
        | "/emergency/stand-down"
        | "/emergency/check"
        | "/emergency/place" => Some(Action::SwitchEmergency),
        "/quarantine/item" => Some(Action::SeeQuarantine),
        "/quarantine/question" | "/quarantine/decide" => Some(Action::DecideQuarantine),
        "/boundaries/change" => Some(Action::SeePosture),
        "/ledgers/verify" => Some(Action::SeeLedgers),
        "/records/question" | "/records/act" => Some(Action::HandleRecords),
        "/policies/rollback" | "/policies/question" | "/policies/activate" => Some(Action::ChangePolicies),
        _ => PLACES.iter().find(|(place, ..)| *place == path).map(|(_, _, action)| *action),
    }
}

/// The first place that somebody may see.
pub fn first_place(may: &BTreeSet<Action>) -> &'static str {
    PLACES.iter().find(|(.., action)| may.contains(action)).map_or("/account", |(place, ..)| place)
}

/// What is around a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) now: String,
    pub(crate) here: &'static str,
    pub(crate) behind: u64,
    pub(crate) places: Vec<(&'static str, &'static str)>,
    pub(crate) visitor: Option<Named>,
}

/// Who looks, as the frame says it.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) word: String,
}

impl Frame {
    pub(crate) fn new(here: &'static str, setting: &Setting<'_>) -> Self {
        let is_seen = |action: &Action| match setting.visitor {
            Some(visitor) => visitor.may.contains(action),
            None => *action != Action::SeeOperators,
        };
        let seen = PLACES.iter().filter(|(.., action)| is_seen(action));
        let visitor = setting.visitor.map(|visitor| Named {
            name: visitor.name.to_owned(),
            role: visitor.role.to_owned(),
            word: visitor.word.to_owned(),
        });
        Self {
            now: shown(setting.now),
            here,
            behind: setting.behind,
            places: seen.map(|(place, name, _)| (*place, *name)).collect(),
            visitor,
        }
    }

    /// Around what is seen before anybody signed in.
    pub(crate) fn outside(now: &str) -> Self {
        Self { now: shown(now), here: "", behind: 0, places: Vec::new(), visitor: None }
    }

    /// What the forms of this page carry.
    pub(crate) fn word(&self) -> &str {
        self.visitor.as_ref().map_or("", |visitor| visitor.word.as_str())
    }

    /// Whether this place is the page's own.
    pub(crate) fn is_here(&self, place: &str) -> bool {
        self.here == place
    }
}

/// A moment as a person reads it: `2026-01-31 08:00:05 UTC`.
pub(crate) fn shown(moment: &str) -> String {
    let Some((day, rest)) = moment.split_once('T') else { return moment.to_owned() };
    let Some(clock) = rest.strip_suffix('Z') else { return moment.to_owned() };
    let seconds = clock.split('.').next().unwrap_or(clock);
    format!("{day} {seconds} UTC")
}

/// The same in lists, where every row would say the zone: `2026-01-31 08:00:05`.
pub(crate) fn shown_briefly(moment: &str) -> String {
    shown(moment).trim_end_matches(" UTC").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_with_its_zone() {
        assert_eq!(shown("2026-01-31T08:00:05.123Z"), "2026-01-31 08:00:05 UTC");
        assert_eq!(shown("2026-01-31T08:00:05Z"), "2026-01-31 08:00:05 UTC");
        assert_eq!(shown("later"), "later");
        assert_eq!(shown_briefly("2026-01-31T08:00:05.123Z"), "2026-01-31 08:00:05");
        assert_eq!(shown_briefly("later"), "later");
    }
}
