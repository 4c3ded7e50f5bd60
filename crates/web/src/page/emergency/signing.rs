//! What somebody is given to sign about an emergency version: what each consumer receives now and then, the text to the
//! letter, the command that signs it elsewhere, and what they handed in, before it counts.

use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting, shown},
    target::transactions,
};

/// Rows of a comparison on a page.
const ROWS_MAX: usize = 200;

/// What each consumer receives now, and would.
#[derive(Clone, Debug, Default)]
pub struct BeforeAfter {
    /// The version of the policies that holds in calm times.
    pub normal: String,
    /// From when on crossings were asked about.
    pub since: String,
    /// By what crossed, those whose share changes first.
    pub consumers: Vec<Consumer>,
    /// By everything that can be asked: what is answered otherwise.
    pub answers: Vec<ChangedAnswer>,
    /// Transactions that cannot be asked about again.
    pub unknown: u64,
    /// Whether there are more transactions than were asked about.
    pub is_cut: bool,
    /// Why it cannot be told of what crossed, where it cannot.
    pub not_told: Option<String>,
    /// Whether it cannot be told of anything: `answers` says nothing then.
    pub is_nothing_told: bool,
}

/// What one consumer received lately, and would have.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Where.
    pub boundary: String,
    /// Who.
    pub client: String,
    /// Of which objects.
    pub objects: String,
    /// How many transactions.
    pub transactions: u64,
    /// With how many records.
    pub records: u64,
    /// Transactions and records that pass now.
    pub now: (u64, u64),
    /// Those that would.
    pub then: (u64, u64),
    /// Some of those that change, as `origin#entry`.
    pub examples: Vec<String>,
}

impl Consumer {
    fn is_changed(&self) -> bool {
        self.now != self.then
    }

    fn share(&self, (transactions, records): &(u64, u64)) -> String {
        format!("{transactions} of {} transactions, {records} of {} records", self.transactions, self.records)
    }

    fn places(&self) -> Vec<(String, &str)> {
        transactions(&self.examples)
    }
}

/// A kind of record that is answered otherwise.
#[derive(Clone, Debug)]
pub struct ChangedAnswer {
    /// Where.
    pub boundary: String,
    /// To whom.
    pub client: String,
    /// Which kind of record.
    pub record: String,
    /// In which actions.
    pub actions: String,
    /// What is answered now.
    pub now: String,
    /// What would be.
    pub then: String,
    /// By which policies of the emergency version.
    pub by: String,
}

impl BeforeAfter {
    fn begun(&self) -> String {
        shown(&self.since)
    }

    fn shown_consumers(&self) -> &[Consumer] {
        self.consumers.get(..ROWS_MAX).unwrap_or(&self.consumers)
    }

    fn shown_answers(&self) -> &[ChangedAnswer] {
        self.answers.get(..ROWS_MAX).unwrap_or(&self.answers)
    }

    fn left_out(&self) -> usize {
        self.consumers.len().saturating_sub(ROWS_MAX) + self.answers.len().saturating_sub(ROWS_MAX)
    }

    /// How many transactions pass now, would pass, and crossed at all.
    pub fn sums(&self) -> (u64, u64, u64) {
        let sum = |of: fn(&Consumer) -> u64| self.consumers.iter().map(of).sum();
        (sum(|one| one.now.0), sum(|one| one.then.0), sum(|one| one.transactions))
    }
}

/// What somebody is asked to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmergencyAct {
    /// That it is put in force: the first person.
    Ask,
    /// The same: the second person.
    Approve,
    /// That it ends.
    StandDown,
}

impl EmergencyAct {
    fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Approve => "approve",
            Self::StandDown => "stand-down",
        }
    }

    fn is_end(self) -> bool {
        self == Self::StandDown
    }

    fn title(self) -> &'static str {
        match self {
            Self::Ask => "Ask for",
            Self::Approve => "Approve",
            Self::StandDown => "Stand down",
        }
    }

    fn yes(self) -> &'static str {
        match self {
            Self::Ask => "Yes, ask for it",
            Self::Approve => "Yes, put it in force",
            Self::StandDown => "Yes, stand it down",
        }
    }
}

/// A text to be signed, and what it is about.
#[derive(Clone, Debug)]
pub struct EmergencyPaper {
    /// What is signed for.
    pub act: EmergencyAct,
    /// What is signed, to the letter.
    pub text: String,
    /// The version.
    pub version: String,
    /// Within what it decides.
    pub scope: String,
    /// When it ends by itself.
    pub until: String,
    /// Why.
    pub reason: String,
    /// Until when it can be handed in.
    pub lapses: String,
    /// Who asked for it before.
    pub asked_by: Option<String>,
    /// The name of whoever looks, as a signer.
    pub signer: String,
    /// What was handed in; empty before that.
    pub note: String,
    /// What everybody receives now and then.
    pub compared: BeforeAfter,
}

/// What ends the text in the command. No line of a text of ours is it: each begins with a word of its own.
const END: &str = "END";

impl EmergencyPaper {
    fn command(&self) -> String {
        format!("eosin emergency sign --key {}.skey <<'{END}'\n{}{END}", self.signer, self.text)
    }

    fn moments(&self) -> (String, String) {
        (shown(&self.until), shown(&self.lapses))
    }
}

#[derive(Template)]
#[template(path = "emergency_sign.html")]
struct Sign<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a EmergencyPaper,
}

/// What is to be signed, and room for what was.
pub fn emergency_paper(setting: &Setting<'_>, one: &EmergencyPaper, told: Told<'_>) -> Answer {
    Answer::page(&Sign { frame: Frame::new("/emergency", setting), told, one }).with(told)
}

#[derive(Template)]
#[template(path = "emergency_question.html")]
struct Asked<'a> {
    frame: Frame,
    one: &'a EmergencyPaper,
    consequences: &'a [String],
}

/// What was signed is good: what it does, and the button that does it.
pub fn emergency_question(setting: &Setting<'_>, one: &EmergencyPaper, consequences: &[String]) -> Answer {
    Answer::page(&Asked { frame: Frame::new("/emergency", setting), one, consequences })
}

#[derive(Template)]
#[template(path = "emergency_gone.html")]
struct Gone<'a> {
    frame: Frame,
    told: Told<'a>,
}

/// Nothing can come any more of what somebody looked at, and why.
pub fn emergency_gone(setting: &Setting<'_>, why: &str) -> Answer {
    let told = Told::Fault(why);
    Answer::page(&Gone { frame: Frame::new("/emergency", setting), told }).with(told)
}
