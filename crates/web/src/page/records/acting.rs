//! What operators do about records: which ones, what it does, and what is asked before.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use access::Name;
use askama::Template;
use index::{Index, StoreError, Value};

use super::filter::Filter;
use crate::{
    Told,
    frame::{Answer, Frame, Setting},
    rows::{Row, ask},
    target::{Target, link},
};

/// Records of one act at most.
const SELECTED_MAX: usize = 1_000;
/// References that a preview lists.
const LISTED: usize = 20;

/// What can be done about records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordAct {
    /// Somebody should look.
    Flag,
    /// Somebody has.
    Unflag,
    /// Whose they are now.
    Assign(Name),
    /// Nobody's any more.
    Unassign,
    /// Whoever decides about the quarantine should have their next crossing kept.
    RequestQuarantine,
    /// Not needed any more.
    WithdrawQuarantine,
}

impl RecordAct {
    /// The act of a form: its word, and to whom records are assigned.
    pub fn read(word: &str, with: &str) -> Option<Self> {
        Some(match word {
            "flag" => Self::Flag,
            "unflag" => Self::Unflag,
            "assign" => Self::Assign(with.parse().ok()?),
            "unassign" => Self::Unassign,
            "request-quarantine" => Self::RequestQuarantine,
            "withdraw-quarantine" => Self::WithdrawQuarantine,
            _ => return None,
        })
    }

    /// What the log of operators calls it.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Flag => "record-flagged",
            Self::Unflag => "record-flag-removed",
            Self::Assign(_) => "record-assigned",
            Self::Unassign => "record-assignment-ended",
            Self::RequestQuarantine => "record-quarantine-requested",
            Self::WithdrawQuarantine => "record-quarantine-withdrawn",
        }
    }

    /// To whom.
    pub fn assignee(&self) -> Option<&Name> {
        match self {
            Self::Assign(name) => Some(name),
            Self::Flag
            | Self::Unflag
            | Self::Unassign
            | Self::RequestQuarantine
            | Self::WithdrawQuarantine => None,
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Unflag => "unflag",
            Self::Assign(_) => "assign",
            Self::Unassign => "unassign",
            Self::RequestQuarantine => "request-quarantine",
            Self::WithdrawQuarantine => "withdraw-quarantine",
        }
    }

    fn with(&self) -> &str {
        self.assignee().map_or("", Name::as_str)
    }

    fn question(&self, many: usize) -> String {
        let what = if many == 1 { "this record".to_owned() } else { format!("these {many} records") };
        match self {
            Self::Flag => format!("Flag {what}?"),
            Self::Unflag => format!("Take the flag from {what}?"),
            Self::Assign(name) => format!("Assign {what} to {name}?"),
            Self::Unassign => format!("End the assignment of {what}?"),
            Self::RequestQuarantine => format!("Ask that {what} be kept in quarantine?"),
            Self::WithdrawQuarantine => format!("Withdraw the request to keep {what}?"),
        }
    }

    fn means(&self) -> &'static str {
        match self {
            Self::Flag => "Everybody who sees records sees the flag, and can filter by it.",
            Self::Unflag => "They are no longer among the flagged ones. That they were stays in the log.",
            Self::Assign(_) => "They are on that operator's list. Whoever had them before no longer has.",
            Self::Unassign => "They are on nobody's list.",
            Self::RequestQuarantine => {
                "It is a request: what crosses goes on as policies say, until whoever may change them does."
            }
            Self::WithdrawQuarantine => "The request is gone. That it was made stays in the log.",
        }
    }
}

/// Records that something is done about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// By reference, each once, in order.
    pub references: Vec<String>,
    /// The filter that they fit, where they were not ticked.
    pub filter: Option<String>,
    /// Whether more fit than one act takes.
    pub is_cut: bool,
}

impl Selection {
    /// Those that were ticked.
    pub fn ticked<'a>(references: impl Iterator<Item = &'a str>) -> Self {
        let references: BTreeSet<&str> = references.filter(|one| !one.is_empty()).collect();
        Self { references: references.into_iter().map(str::to_owned).collect(), filter: None, is_cut: false }
    }

    /// Those that fit a filter, as the query of an address has it; nothing where it is not understood.
    ///
    /// Bounds: a thousand records, those met last.
    /// Errors: [`StoreError`]: the index could not be asked.
    pub fn fitting(filter: &str, index: &mut Index) -> Result<Self, StoreError> {
        let Ok(target) = Target::read(&format!("/records?{filter}")) else { return Ok(Self::default()) };
        let Ok(read) = Filter::read(&target) else { return Ok(Self::default()) };
        let (mut references, mut is_cut) = (BTreeSet::new(), false);
        // A record may have been met many times: more rows are read only where they held too few of them.
        for most in [4 * SELECTED_MAX, 100 * SELECTED_MAX] {
            references.clear();
            let rows = read.newest(most, index)?;
            is_cut = rows.len() == most;
            for row in rows {
                if references.len() == SELECTED_MAX && !references.contains(&row.reference) {
                    is_cut = true;
                    break;
                }
                references.insert(row.reference);
            }
            if references.len() == SELECTED_MAX || !is_cut {
                break;
            }
        }
        Ok(Self { references: references.into_iter().collect(), filter: Some(filter.to_owned()), is_cut })
    }

    /// Whether the index has met each of them, or knows it of an act before: what is ticked is a reference then, and no other
    /// text gets into the log.
    ///
    /// Errors: [`StoreError`]: the index could not be asked.
    pub fn is_listed(&self, index: &mut Index) -> Result<bool, StoreError> {
        if self.filter.is_some() {
            return Ok(true);
        }
        let tables = ["record_verdicts", "record_acts"];
        for reference in &self.references {
            let mut is_known = false;
            for table in tables {
                let sql = format!("SELECT 1 FROM {table} WHERE reference = $1 LIMIT 1");
                is_known = is_known || !ask(index, &sql, &[Value::text(reference)])?.is_empty();
            }
            if !is_known {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What somebody has looked at: how many records, and which, in few characters.
    pub fn seen(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.references.hash(&mut hasher);
        format!("{} {:016x}", self.references.len(), hasher.finish())
    }

    /// Where its list is.
    pub fn back(&self) -> String {
        match (&self.filter, self.references.as_slice()) {
            (Some(filter), _) if !filter.is_empty() => format!("/records?{filter}"),
            (None, [one]) => link("/record", [("reference", one.as_str())]),
            _ => "/records".to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "record_question.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    act: &'a RecordAct,
    question: String,
    selection: &'a Selection,
    listed: &'a [String],
    more: usize,
}

/// What an act does to which records, and the button that does it.
pub fn record_question(
    setting: &Setting<'_>,
    act: &RecordAct,
    selection: &Selection,
    told: Told<'_>,
) -> Answer {
    let listed = selection.references.get(..LISTED).unwrap_or(&selection.references);
    let page = Page {
        frame: Frame::new("/records", setting),
        told,
        act,
        question: act.question(selection.references.len()),
        selection,
        listed,
        more: selection.references.len() - listed.len(),
    };
    Answer::page(&page).with(told)
}

/// Entries of one act at most: a thousand records, a hundred an entry.
const ENTRIES_MAX: usize = 10;

/// What was done by some entries of the log of operators, for whoever did it.
pub(crate) fn done(places: &str, index: &mut Index) -> Result<Option<String>, StoreError> {
    let sql = "SELECT event, COUNT(*) FROM record_acts WHERE origin = $1 AND entry = $2 GROUP BY event";
    let (mut event, mut many) = (String::new(), 0);
    for place in places.split(' ').take(ENTRIES_MAX) {
        let Some((origin, entry)) = place.rsplit_once('#') else { return Ok(None) };
        let Ok(entry) = entry.parse() else { return Ok(None) };
        for mut row in ask(index, sql, &[Value::text(origin), Value::Integer(entry)])? {
            event = row.text();
            many += row.number();
        }
    }
    let records = if many == 1 { "one record".to_owned() } else { format!("{many} records") };
    Ok((many > 0).then(|| format!("{event}: {records}, entry {places}.")))
}

/// One act about a record, as its page lists it.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) at: String,
    pub(crate) event: String,
    pub(crate) assignee: String,
    pub(crate) who: String,
    pub(crate) reason: String,
    pub(crate) entry: String,
}

/// What was done about a record, the newest first.
pub(crate) fn happened(reference: &str, index: &mut Index) -> Result<Vec<Happened>, StoreError> {
    let sql = "SELECT at, event, assignee, who, reason, origin, entry FROM record_acts WHERE reference = $1 \
               ORDER BY at DESC, origin, entry DESC LIMIT 100";
    let happened = |row: &mut Row| Happened {
        at: crate::frame::shown(&row.text()),
        event: row.text(),
        assignee: row.text(),
        who: row.text(),
        reason: row.text(),
        entry: format!("{}#{}", row.text(), row.number()),
    };
    Ok(ask(index, sql, &[Value::text(reference)])?.iter_mut().map(happened).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_read_as_it_is_written() {
        for (word, with) in [
            ("flag", ""),
            ("unflag", ""),
            ("assign", "ada"),
            ("unassign", ""),
            ("request-quarantine", ""),
            ("withdraw-quarantine", ""),
        ] {
            let act = RecordAct::read(word, with).unwrap();
            assert_eq!((act.word(), act.with()), (word, with));
            assert!(act.question(1).contains("this record") && act.question(2).contains("2 records"));
        }
        assert_eq!(RecordAct::read("assign", ""), None);
        assert_eq!(RecordAct::read("erase", ""), None);
    }

    #[test]
    fn a_selection_names_each_record_once_and_knows_its_list() {
        let ticked = Selection::ticked(["b", "a", "b", ""].into_iter());
        assert_eq!(ticked.references, ["a", "b"]);
        assert_eq!(ticked.back(), "/records");
        assert_eq!(Selection::ticked(["a&b"].into_iter()).back(), "/record?reference=a%26b");
        let fitting = Selection { filter: Some("verdict=forged".to_owned()), ..ticked };
        assert_eq!(fitting.back(), "/records?verdict=forged");
    }
}
