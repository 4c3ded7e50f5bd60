//! A boundary set otherwise: what that would have done to what was recorded, and the lines that make it so.

use askama::Template;

use super::policies::candidate::Replayed;
use crate::{
    Told,
    frame::{Answer, Frame, Setting},
};

/// How a boundary of the configuration is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundarySetting {
    /// What a policy's refusal does: `enforce`.
    pub mode: String,
    /// What must not happen to care: `strict`.
    pub continuity: String,
    /// Where it is, as an ISO 3166 code; empty where nobody said.
    pub jurisdiction: String,
}

/// A boundary of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredBoundary {
    /// Its name.
    pub name: String,
    /// How it is set.
    pub setting: BoundarySetting,
}

/// A boundary of the configuration, and how it would be set.
#[derive(Clone, Debug)]
pub struct BoundaryChange {
    /// The boundary as it is.
    pub boundary: ConfiguredBoundary,
    /// How it would be set.
    pub other: BoundarySetting,
    /// All modes.
    pub modes: Vec<String>,
    /// All words for continuity.
    pub continuities: Vec<String>,
    /// What is replayed: `7d`.
    pub since: String,
    /// What would have been otherwise; nothing where it would be set as it is, or cannot be set so.
    pub replay: Option<Replayed>,
}

impl BoundaryChange {
    /// The words that change: their name, what they are and what they would be.
    fn lines(&self) -> Vec<(&'static str, &str, &str)> {
        let (is, would) = (&self.boundary.setting, &self.other);
        [
            ("jurisdiction", &is.jurisdiction, &would.jurisdiction),
            ("mode", &is.mode, &would.mode),
            ("continuity", &is.continuity, &would.continuity),
        ]
        .into_iter()
        .filter(|(_, is, would)| is != would)
        .map(|(word, is, would)| (word, is.as_str(), would.as_str()))
        .collect()
    }
}

#[derive(Template)]
#[template(path = "boundary_change.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a BoundaryChange,
    lines: Vec<(&'static str, &'a str, &'a str)>,
}

/// The page; a fault says what cannot be set so, and nothing is then replayed.
pub fn boundary_change(setting: &Setting<'_>, one: &BoundaryChange, told: Told<'_>) -> Answer {
    let frame = Frame::new("/boundaries", setting);
    Answer::page(&Page { frame, told, one, lines: one.lines() }).with(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_datasets_may_be_kept_is_said_to_be_a_reason_that_nobody_knows() {
        let is = BoundarySetting {
            mode: "enforce".to_owned(),
            continuity: "strict".to_owned(),
            jurisdiction: String::new(),
        };
        let replay = Replayed {
            since: "2026-11-01T09:00:00Z".to_owned(),
            transactions: 2,
            changed: 0,
            unknown: 1,
            groups: Vec::new(),
            cut: false,
        };
        let one = BoundaryChange {
            other: BoundarySetting { jurisdiction: "AT".to_owned(), ..is.clone() },
            boundary: ConfiguredBoundary { name: "feed".to_owned(), setting: is },
            modes: Vec::new(),
            continuities: Vec::new(),
            since: "7d".to_owned(),
            replay: Some(replay),
        };
        let setting = Setting { now: "", day_ago: "", behind: 0, visitor: None };
        let page = boundary_change(&setting, &one, Told::Nothing).body;
        assert!(page.contains("or it is not known where their datasets may be kept"), "{page}");
    }
}
