//! A text that somebody would put in force: what is wrong in it, what it would let through, and what it would change.

use access::Action;
use askama::Template;

use super::compare::Comparison;
use crate::{
    Told,
    frame::{Answer, Frame, Setting, shown as shown_at},
    target::transactions,
};

/// Lines around a fault that are shown with it.
const AROUND: usize = 2;

/// What somebody wrote or chose.
#[derive(Clone, Debug, Default)]
pub struct Candidate {
    /// What its version is called before the `@`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// From when on it is replayed: `7d`.
    pub since: String,
    /// Versions that can be begun with.
    pub versions: Vec<String>,
    /// What is in force, and has to be when it is activated.
    pub in_force: Option<String>,
    /// What was found of it.
    pub found: Found,
}

/// What was found of a candidate.
#[derive(Clone, Debug, Default)]
pub enum Found {
    /// Nobody asked.
    #[default]
    Nothing,
    /// It cannot be read.
    Faulty {
        /// Where in the text, and what.
        faults: Vec<Fault>,
        /// What is wrong and has no place.
        rest: Vec<String>,
    },
    /// It can.
    Sound(Box<Sound>),
}

/// What is wrong at one place of a text, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it begins.
    pub begins: usize,
    /// How long it is.
    pub length: usize,
    /// What is wrong.
    pub says: String,
}

/// A candidate that can be read.
#[derive(Clone, Debug)]
pub struct Sound {
    /// Its version.
    pub version: String,
    /// How many policies it has.
    pub policies: usize,
    /// Whether it is proven that it lets nothing synthetic into production.
    pub is_proven: bool,
    /// What the analysis says: its word, and the rest.
    pub line: (&'static str, String),
    /// A request that gets in.
    pub counterexample: Vec<(&'static str, String)>,
    /// How it differs from what is in force, or why nobody can tell.
    pub compared: Result<Comparison, String>,
    /// What would have been otherwise.
    pub replay: Option<Replayed>,
}

/// What would have been otherwise.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// From when on.
    pub since: String,
    /// How many transactions were asked about.
    pub transactions: u64,
    /// How many would change.
    pub changed: u64,
    /// How many cannot be replayed.
    pub unknown: u64,
    /// By boundary, client and change.
    pub groups: Vec<ReplayedGroup>,
    /// Whether there are more groups.
    pub cut: bool,
}

impl Replayed {
    /// From when on, as a person reads it.
    pub fn begun(&self) -> String {
        shown_at(&self.since)
    }
}

/// Transactions that would change alike.
#[derive(Clone, Debug)]
pub struct ReplayedGroup {
    /// Where.
    pub boundary: String,
    /// Whose.
    pub client: String,
    /// How.
    pub change: String,
    /// How many.
    pub transactions: u64,
    /// With how many records.
    pub records: u64,
    /// Some of them, as `origin#entry`.
    pub examples: Vec<String>,
}

impl ReplayedGroup {
    /// The examples, each with its page.
    pub(crate) fn places(&self) -> Vec<(String, &str)> {
        transactions(&self.examples)
    }
}

/// A line of a text with what is wrong in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) number: usize,
    pub(crate) pieces: Vec<Piece>,
    /// Whether lines were left out before it.
    pub(crate) gap: bool,
}

/// A piece of a line: plain, or a fault by its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) fault: Option<usize>,
}

impl Candidate {
    /// Its faults, each with its line.
    fn faults(&self) -> Vec<(usize, &str)> {
        let Found::Faulty { faults, .. } = &self.found else { return Vec::new() };
        let line = |fault: &Fault| {
            self.text.get(..fault.begins).map_or(1, |before| before.matches('\n').count() + 1)
        };
        faults.iter().map(|fault| (line(fault), fault.says.as_str())).collect()
    }

    fn shown(&self) -> Vec<Shown> {
        match &self.found {
            Found::Faulty { faults, .. } => shown(&self.text, faults),
            Found::Nothing | Found::Sound(_) => Vec::new(),
        }
    }

    fn sound(&self) -> Option<&Sound> {
        match &self.found {
            Found::Sound(sound) => Some(sound),
            Found::Nothing | Found::Faulty { .. } => None,
        }
    }

    fn rest(&self) -> &[String] {
        match &self.found {
            Found::Faulty { rest, .. } => rest,
            Found::Nothing | Found::Sound(_) => &[],
        }
    }

    fn is_faulty(&self) -> bool {
        matches!(self.found, Found::Faulty { .. })
    }
}

/// The lines around the faults of a text.
fn shown(text: &str, faults: &[Fault]) -> Vec<Shown> {
    let mut lines = Vec::new();
    let mut begins = 0;
    for (at, line) in text.split_inclusive('\n').enumerate() {
        let ends = begins + line.len();
        let here: Vec<(usize, &Fault)> =
            faults.iter().enumerate().filter(|(_, fault)| (begins..ends).contains(&fault.begins)).collect();
        lines.push((at + 1, pieces(line.trim_end_matches(['\n', '\r']), begins, here)));
        begins = ends;
    }
    let wrong: Vec<usize> = lines
        .iter()
        .filter(|(_, pieces)| pieces.iter().any(|piece| piece.fault.is_some()))
        .map(|(at, _)| *at)
        .collect();
    let mut shown: Vec<Shown> = Vec::new();
    for (number, pieces) in lines {
        if wrong.iter().any(|at| at.abs_diff(number) <= AROUND) {
            let gap = shown.last().map_or(number > 1, |last| last.number + 1 < number);
            shown.push(Shown { number, pieces, gap });
        }
    }
    shown
}

/// A line cut at its faults. One that overlaps the fault before it is part of that.
fn pieces(line: &str, begins: usize, mut faults: Vec<(usize, &Fault)>) -> Vec<Piece> {
    faults.sort_by_key(|(_, fault)| fault.begins);
    let mut found = Vec::new();
    let mut at = 0;
    for (number, fault) in faults {
        let start = (fault.begins - begins).min(line.len());
        let mut end = start.saturating_add(fault.length).min(line.len());
        while !line.is_char_boundary(end) {
            end += 1;
        }
        let (Some(before), Some(word)) = (line.get(at..start), line.get(start..end)) else { continue };
        found.push(Piece { text: before.to_owned(), fault: None });
        // What is missing at the end of a line is shown as a space that is underlined.
        let word = if word.is_empty() { " " } else { word };
        found.push(Piece { text: word.to_owned(), fault: Some(number + 1) });
        at = end;
    }
    found.push(Piece { text: line.get(at..).unwrap_or_default().to_owned(), fault: None });
    found
}

#[derive(Template)]
#[template(path = "policy_candidate.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a Candidate,
    may_change: bool,
}

/// The page.
pub fn candidate(setting: &Setting<'_>, one: &Candidate, told: Told<'_>) -> Answer {
    let frame = Frame::new("/policies", setting);
    let may_change = setting.may(Action::ChangePolicies);
    let mut answer = Answer::page(&Page { frame, told, one, may_change }).with(told);
    if one.is_faulty() && answer.status == 200 {
        answer.status = 422;
    }
    answer
}

/// What is asked before a version is put in force.
#[derive(Clone, Debug)]
pub struct Question {
    /// The version.
    pub version: String,
    /// Whether it was in force before: `rollback`.
    pub is_rollback: bool,
    /// Its name and text, where it is a candidate.
    pub candidate: Option<(String, String)>,
    /// What is in force.
    pub in_force: Option<String>,
    /// What putting it in force does, line by line.
    pub consequences: Vec<String>,
}

#[derive(Template)]
#[template(path = "policy_question.html")]
struct Asked<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a Question,
}

/// What putting a version in force does, and the button that does it.
pub fn question(setting: &Setting<'_>, one: &Question, told: Told<'_>) -> Answer {
    Answer::page(&Asked { frame: Frame::new("/policies", setting), told, one }).with(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, word: &str) -> Fault {
        Fault { begins: text.find(word).unwrap(), length: word.len(), says: "no".to_owned() }
    }

    #[test]
    fn a_fault_is_shown_at_its_place_with_the_lines_around_it() {
        let text = "one\ntwo\nthree\nfour wrong here\nfive\nsix\nseven\neight\nnine bäd";
        let lines = shown(text, &[fault(text, "wrong"), fault(text, "bäd")]);
        let said: Vec<String> = lines
            .iter()
            .map(|line| {
                let pieces = line.pieces.iter().map(|piece| match piece.fault {
                    Some(number) => format!("[{number}:{}]", piece.text),
                    None => piece.text.clone(),
                });
                format!("{}{} {}", if line.gap { "…" } else { "" }, line.number, pieces.collect::<String>())
            })
            .collect();
        assert_eq!(
            said,
            [
                "…2 two",
                "3 three",
                "4 four [1:wrong] here",
                "5 five",
                "6 six",
                "7 seven",
                "8 eight",
                "9 nine [2:bäd]"
            ]
        );
    }

    #[test]
    fn a_fault_at_the_end_or_outside_of_a_text_breaks_nothing() {
        let end = Fault { begins: 3, length: 1, says: String::new() };
        assert_eq!(shown("abc\n", &[end]).len(), 1, "at the end of the line");
        let outside = Fault { begins: 99, length: 5, says: String::new() };
        assert!(shown("abc", &[outside]).is_empty());
    }
}
