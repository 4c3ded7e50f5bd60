//! Records in the console: flagged, assigned, and asked to be kept, one or many at a time.

use gateway::PageAnswer;
use miette::IntoDiagnostic as _;
use web::{RecordAct, Selection, Told};

use super::{Desk, reason};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere, said, with_members},
        reception::{Present, trouble, with_setting},
    },
    operators::LOG,
};

/// References of one entry: some kilobytes.
const REFERENCES_MAX: usize = 100;
/// What is said of what no list has.
const NOT_LISTED: &str =
    "the index has met no record of that reference: choose among those that the list shows";

impl Desk {
    /// A form about records.
    pub(super) fn records(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let made = match (asked.path(), &asked.form) {
            ("/records/question", Some(form)) => self.ask_about(form, present),
            ("/records/act", Some(form)) => self.act_on(form, present),
            _ => Ok(elsewhere("/records")),
        };
        made.unwrap_or_else(|report| trouble(&report))
    }

    fn selection(&self, form: &Form) -> miette::Result<Selection> {
        if form.get("scope") == "filter" {
            return Selection::fitting(form.get("filter"), &mut self.index()?).into_diagnostic();
        }
        Ok(Selection::ticked(form.all("reference")))
    }

    fn is_listed(&self, selection: &Selection) -> miette::Result<bool> {
        selection.is_listed(&mut self.index()?).into_diagnostic()
    }

    fn ask_about(&self, form: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let selection = self.selection(form)?;
        if !self.is_listed(&selection)? {
            return Ok(said(409, NOT_LISTED));
        }
        let act = RecordAct::read(form.get("act"), form.get("with"));
        let Some(act) = act.filter(|_| !selection.references.is_empty()) else {
            // Nothing was ticked, or nobody was chosen: the list says how it is done.
            return Ok(elsewhere(&with_members(&back(form, &selection), &[("done", "nothing")])));
        };
        Ok(with_setting(present, |setting| web::record_question(setting, &act, &selection, Told::Nothing)))
    }

    /// What was shown and asked before; shown again where other records fit the filter now.
    fn act_on(&self, form: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let selection = self.selection(form)?;
        if !self.is_listed(&selection)? {
            return Ok(said(409, NOT_LISTED));
        }
        let Some(act) = RecordAct::read(form.get("act"), form.get("with")) else {
            return Ok(elsewhere("/records"));
        };
        let again = |fault: &str| {
            Ok(with_setting(present, |setting| {
                web::record_question(setting, &act, &selection, Told::Fault(fault))
            }))
        };
        if form.get("seen") != selection.seen() {
            let mut answer: miette::Result<PageAnswer> =
                again("Other records fit the filter now than when you looked. Look again before you go on.");
            if let Ok(answer) = &mut answer {
                answer.status = 409;
            }
            return answer;
        }
        let Some(reason) = reason(form.get("reason")) else {
            return again("Say why: the log has a reason for each.");
        };
        if let Some(name) = act.assignee() {
            let register = self.operators.read()?;
            let known = register.as_ref().and_then(|register| register.operator(name));
            if known.is_none_or(access::Operator::is_disabled) {
                return again("There is no such operator any more, or they cannot sign in.");
            }
        }
        let mut places = Vec::new();
        for references in selection.references.chunks(REFERENCES_MAX) {
            let mut entry = present.by().act(act.event(), references.to_vec(), &reason);
            entry.about = act.assignee().map(ToString::to_string);
            match self.operators.note(&entry) {
                Ok(place) => places.push(place),
                Err(report) if places.is_empty() => return Err(report),
                // What is written holds; the page says how many that are.
                Err(report) => {
                    tracing::error!("not every record was acted on: {report:#}");
                    break;
                }
            }
        }
        self.follow_operators();
        Ok(elsewhere(&with_members(&back(form, &selection), &[("done", places.join(" "))])))
    }

    /// Reads the log of operators on, so that the next page has what was just done.
    fn follow_operators(&self) {
        let log = self.config.operators.join(LOG);
        let followed = index::Index::open_with(&self.place, index::Patience::BESIDE)
            .into_diagnostic()
            .and_then(|mut index| index.follow(&log, &mut |_| {}).into_diagnostic());
        if let Err(report) = followed {
            tracing::warn!("the index did not take the act up yet: {report:#}");
        }
    }
}

/// Where the form was: the list with its filter, or the page of one record.
fn back(form: &Form, selection: &Selection) -> String {
    match form.get("filter") {
        "" => selection.back(),
        filter => format!("/records?{filter}"),
    }
}
