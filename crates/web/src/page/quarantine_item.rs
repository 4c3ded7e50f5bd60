//! One item of the quarantine: what it is, without its content; and what releasing or rejecting it would do.

use access::Action;
use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting, shown},
    target::transaction,
};

/// An item, as far as anybody is shown it.
#[derive(Clone, Debug, Default)]
pub struct QuarantineItem {
    /// Its name.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Since when.
    pub since: String,
    /// The boundary that it would have crossed.
    pub boundary: String,
    /// When it came.
    pub received: String,
    /// Whose it was.
    pub client: String,
    /// The way of writing, and its method.
    pub route: String,
    /// How many records are kept.
    pub records: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Why it was withheld.
    pub reason: String,
    /// By which policies.
    pub policies: Vec<String>,
    /// The ruling: `origin#entry`.
    pub ruling: String,
    /// Records by verdict.
    pub counts: Vec<(String, u64)>,
    /// How often it was sent.
    pub attempts: u32,
    /// What the last step says.
    pub note: String,
    /// Whether it waits for somebody.
    pub waits: bool,
    /// What was behind the boundary when it was kept.
    pub behind: String,
    /// Whether it may have arrived already.
    pub is_uncertain: bool,
}

impl QuarantineItem {
    fn ruling_page(&self) -> String {
        transaction(&self.ruling)
    }

    fn moments(&self) -> (String, String) {
        (shown(&self.received), shown(&self.since))
    }

    /// What somebody has looked at, so that nobody decides about what has moved on.
    pub fn seen(&self) -> String {
        format!("{} {}", self.state, self.since)
    }
}

/// What is decided about an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuarantineAct {
    /// It is delivered.
    Release,
    /// It is erased.
    Reject,
}

impl QuarantineAct {
    /// By its word.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "release" => Some(Self::Release),
            "reject" => Some(Self::Reject),
            _ => None,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Reject => "reject",
        }
    }

    fn is_release(self) -> bool {
        self == Self::Release
    }
}

#[derive(Template)]
#[template(path = "quarantine_item.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a QuarantineItem,
    may_decide: bool,
}

/// The page of an item.
pub fn quarantine_item(setting: &Setting<'_>, one: &QuarantineItem, told: Told<'_>) -> Answer {
    let may_decide = setting.may(Action::DecideQuarantine);
    Answer::page(&Page { frame: Frame::new("/quarantine", setting), told, one, may_decide }).with(told)
}

#[derive(Template)]
#[template(path = "quarantine_question.html")]
struct Asked<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a QuarantineItem,
    act: QuarantineAct,
    consequences: &'a [String],
    is_refused: bool,
}

/// What releasing or rejecting does, and the button that does it; `is_refused` where policies would refuse it now.
pub fn quarantine_question(
    setting: &Setting<'_>,
    one: &QuarantineItem,
    act: QuarantineAct,
    consequences: &[String],
    is_refused: bool,
    told: Told<'_>,
) -> Answer {
    let frame = Frame::new("/quarantine", setting);
    Answer::page(&Asked { frame, told, one, act, consequences, is_refused }).with(told)
}
