//! What was found when somebody said *verify now*.

use askama::Template;

use crate::frame::{Answer, Frame, Setting};

/// One ledger that was checked.
#[derive(Clone, Debug)]
pub struct LedgerHealth {
    /// Its name.
    pub origin: String,
    /// How many entries it has published.
    pub size: u64,
    /// The root over them, as its checkpoint has it.
    pub root: String,
    /// How many files were recomputed.
    pub files: u64,
    /// What is wrong, if anything.
    pub problem: Option<String>,
    /// What witnesses say, where any are named.
    pub witnesses: Option<String>,
    /// Whether that is enough.
    pub is_witnessed: bool,
    /// How long it took.
    pub milliseconds: i64,
}

impl LedgerHealth {
    fn verdict(&self) -> (&'static str, &'static str) {
        match (&self.problem, self.is_witnessed) {
            (Some(_), _) => ("block", "not verified"),
            (None, false) => ("warn", "not witnessed"),
            (None, true) => ("pass", "intact"),
        }
    }
}

#[derive(Template)]
#[template(path = "ledger_health.html")]
struct Page<'a> {
    frame: Frame,
    rows: &'a [LedgerHealth],
    wrong: usize,
}

/// The page.
pub fn ledger_health(setting: &Setting<'_>, rows: &[LedgerHealth]) -> Answer {
    let wrong = rows.iter().filter(|row| row.problem.is_some() || !row.is_witnessed).count();
    Answer::page(&Page { frame: Frame::new("/ledgers", setting), rows, wrong })
}
