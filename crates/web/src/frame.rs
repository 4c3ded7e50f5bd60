//! What every page has: its frame, its answer, and what is so at this moment.

use askama::Template;

/// What a page is made with, beside the index.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Now, as entries write moments: RFC 3339 in UTC.
    pub now: &'a str,
    /// A day before now.
    pub day_ago: &'a str,
    /// How many published entries the index does not have yet.
    pub behind: u64,
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
}

/// The places of the console, in the order of its menu.
const PLACES: &[(&str, &str)] = &[
    ("/", "Today"),
    ("/transactions", "Transactions"),
    ("/records", "Records"),
    ("/datasets", "Datasets"),
    ("/boundaries", "Boundaries"),
    ("/policies", "Policies"),
    ("/quarantine", "Quarantine"),
    ("/ledgers", "Ledgers"),
];

/// What is around a page.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) now: String,
    pub(crate) here: &'static str,
    pub(crate) behind: u64,
    pub(crate) places: &'static [(&'static str, &'static str)],
}

impl Frame {
    pub(crate) fn new(here: &'static str, setting: &Setting<'_>) -> Self {
        Self { now: shown(setting.now), here, behind: setting.behind, places: PLACES }
    }
}

/// A moment as a person reads it: `2026-01-31 08:00:05 UTC`.
pub(crate) fn shown(moment: &str) -> String {
    let Some((day, rest)) = moment.split_once('T') else { return moment.to_owned() };
    let Some(clock) = rest.strip_suffix('Z') else { return moment.to_owned() };
    let seconds = clock.split('.').next().unwrap_or(clock);
    format!("{day} {seconds} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_with_its_zone() {
        assert_eq!(shown("2026-01-31T08:00:05.123Z"), "2026-01-31 08:00:05 UTC");
        assert_eq!(shown("2026-01-31T08:00:05Z"), "2026-01-31 08:00:05 UTC");
        assert_eq!(shown("later"), "later");
    }
}
