//! Records by what was found: as a list, or as a file of a spreadsheet.

use std::collections::BTreeSet;

use access::Action;
use askama::Template;
use index::{DECISIONS, Index, StoreError, VERDICTS};

use super::{Choice, ROWS, owned, transactions::names};
use crate::{
    Told,
    frame::{Answer, Frame, Kind, Setting, shown_briefly},
    rows::{Row, ask},
    target::{Target, link},
};

pub(crate) mod acting;
pub(crate) mod filter;

use filter::{Filter, ages, settled, written};

/// Rows of a file at most.
const FILE_ROWS: usize = 100_000;

/// What was found about one record in one transaction.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) reference: String,
    pub(crate) place: String,
    pub(crate) verdict: String,
    pub(crate) decision: String,
    pub(crate) at: String,
    pub(crate) boundary: String,
    pub(crate) client: String,
    pub(crate) transaction: String,
    pub(crate) standing: Standing,
    pub(crate) object: String,
    pub(crate) dataset: String,
    pub(crate) generator: String,
    pub(crate) purposes: String,
    pub(crate) way: Way,
    pub(crate) origin: String,
    pub(crate) entry: i64,
    position: i64,
    pub(crate) moment: String,
}

/// By which way it came, and where to.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) kind: String,
    pub(crate) action: String,
    pub(crate) protocol: Option<String>,
    pub(crate) route: Option<String>,
    /// The item of the quarantine that its request is kept as.
    pub(crate) item: Option<String>,
    /// The entry of the first delivery of that kind to that client that ended after it.
    pub(crate) delivery: Option<String>,
}

/// The columns of [`Record`], in its order.
pub(crate) const COLUMNS: &str = "v.origin, v.entry, v.position, v.reference, v.verdict, v.decision, v.at, r.boundary, r.client, \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'flag'), \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'assignment'), \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'quarantine'), \
     v.object, v.dataset, g.generator, g.purposes, r.kind, r.action, r.protocol, r.route, r.quarantine_item, \
     CASE WHEN r.action = 'read' THEN (SELECT MIN(d.entry) FROM deliveries d WHERE d.origin = r.origin \
     AND d.boundary = r.boundary AND d.client = r.client AND d.route = r.route AND d.entry > r.entry) END";

/// Where they are from.
pub(crate) const FROM: &str = "record_verdicts v JOIN rulings r ON r.origin = v.origin AND r.entry = v.entry \
     JOIN record_groups g ON g.origin = v.origin AND g.record_group = v.record_group";

/// What operators have done about it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) is_flagged: bool,
    pub(crate) assignee: Option<String>,
    pub(crate) is_requested: bool,
}

/// What a filter calls them, and the condition.
const STANDINGS: [(&str, &str); 3] =
    [("flagged", "flag"), ("assigned", "assignment"), ("quarantine requested", "quarantine")];

impl Record {
    pub(crate) fn of(row: &mut Row) -> Self {
        let (origin, entry, position) = (row.text(), row.number(), row.number());
        let reference = row.text();
        let (verdict, decision, moment) = (row.text(), row.text(), row.text());
        Self {
            place: link("/record", [("reference", reference.as_str())]),
            reference,
            verdict,
            decision,
            at: shown_briefly(&moment),
            boundary: row.text(),
            client: row.maybe().unwrap_or_else(|| "a file".to_owned()),
            transaction: link("/transaction", [("ledger", origin.as_str()), ("entry", &entry.to_string())]),
            standing: Standing {
                is_flagged: row.maybe().is_some(),
                assignee: row.maybe(),
                is_requested: row.maybe().is_some(),
            },
            object: row.text(),
            dataset: row.text(),
            generator: row.text(),
            purposes: row.text().replace(',', ", "),
            way: Way {
                kind: row.text(),
                action: row.text(),
                protocol: row.maybe(),
                route: row.maybe(),
                item: row.maybe(),
                delivery: row.maybe(),
            },
            origin,
            entry,
            position,
            moment,
        }
    }

    /// What lists are in the order of, backwards.
    fn order(&self) -> (&str, &str, i64, i64) {
        (&self.moment, &self.origin, self.entry, self.position)
    }
}

#[derive(Template)]
#[template(path = "records.html")]
struct Records<'a> {
    frame: Frame,
    fault: Option<&'static str>,
    reference: &'a str,
    choices: Vec<Choice>,
    caption: String,
    rows: Vec<Record>,
    older: Option<String>,
    file: String,
    told: Told<'a>,
    since: &'a str,
    until: &'a str,
    filter: String,
    colleagues: &'a [String],
    may_handle: bool,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let asked = target;
    let settled = settled(target, setting.now);
    // Where it is not understood, the form shows what was asked.
    let (target, read) = match &settled {
        Ok(target) => (target, Filter::read(target)),
        Err(fault) => (asked, Err(*fault)),
    };
    let (mut rows, known, fault) = match &read {
        Ok(filter) => (filter.newest(ROWS + 1, index)?, filter.known(index)?, None),
        Err(fault) => (Vec::new(), None, Some(*fault)),
    };
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| more).map(|last| target.with("before", &written(last)));
    let done = match target.get("done") {
        None | Some("nothing") => None,
        Some(place) => acting::done(place, index)?,
    };
    let told = match (&done, target.get("done")) {
        (Some(done), _) => Told::Done(done),
        (None, Some("nothing")) => Told::Fault(NOTHING),
        (None, _) => Told::Nothing,
    };
    let answer = Answer::page(&Records {
        frame: Frame::new("/records", setting),
        fault,
        reference: target.get("reference").unwrap_or_default(),
        choices: choices(target, index)?,
        caption: caption(known),
        rows,
        older,
        file: target.elsewhere("/records.csv"),
        told,
        since: target.get("since").unwrap_or_default(),
        until: target.get("until").unwrap_or_default(),
        filter: target.query_without(&["before", "done"]),
        colleagues: setting.visitor.map(|visitor| visitor.colleagues).unwrap_or_default(),
        may_handle: setting.may(Action::HandleRecords),
    });
    Ok(answer)
}

const NOTHING: &str =
    "Nothing was chosen. Tick the records, choose what to do, and to assign them choose to whom.";

/// What the list is: in which order, and of how many.
fn caption(known: Option<i64>) -> String {
    match known {
        Some(1) => "One fits".to_owned(),
        Some(many) => format!("Newest first, of {} that fit", grouped(many)),
        None => "Newest first".to_owned(),
    }
}

/// A number with a comma before each three digits.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let comma = |(at, digit): (usize, char)| {
        let is_first_of_three = at > 0 && (digits.len() - at).is_multiple_of(3);
        is_first_of_three.then_some(',').into_iter().chain(std::iter::once(digit))
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

/// What is known of records, in the words of one column of their groups.
fn known(index: &mut Index, column: &str) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT {column} FROM record_groups WHERE {column} IS NOT NULL ORDER BY {column} LIMIT 200"
    );
    Ok(ask(index, &sql, &[])?.iter_mut().map(Row::text).collect())
}

fn choices(target: &Target, index: &mut Index) -> Result<Vec<Choice>, StoreError> {
    let assignees = "SELECT DISTINCT value FROM record_standings WHERE act = 'assignment' AND value IS NOT NULL \
                     ORDER BY value LIMIT 200";
    let assignees: Vec<String> = ask(index, assignees, &[])?.iter_mut().map(Row::text).collect();
    let purposes: BTreeSet<String> = known(index, "purposes")?
        .iter()
        .flat_map(|together| together.split(','))
        .map(str::to_owned)
        .collect();
    let standings = STANDINGS.iter().map(|(word, _)| (*word).to_owned());
    Ok(vec![
        Choice::new("Verdict", "verdict", owned(&VERDICTS), target.get("verdict")),
        Choice::new("Decision", "decision", owned(&DECISIONS), target.get("decision")),
        Choice::new("Boundary", "boundary", names(index, "boundary", "boundaries")?, target.get("boundary")),
        Choice::new("Object", "object", known(index, "object")?, target.get("object")),
        Choice::new("Dataset", "dataset", known(index, "dataset")?, target.get("dataset")),
        Choice::new("Purpose", "purpose", purposes, target.get("purpose")),
        Choice::new("Generator", "generator", known(index, "generator")?, target.get("generator")),
        Choice::new("Age", "age", ages(), target.get("age")),
        Choice::new("Standing", "standing", standings, target.get("standing")),
        Choice::new("Assigned to", "assignee", assignees, target.get("assignee")),
    ])
}

/// The same as a file.
pub(crate) fn file(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let filter = match settled(target, setting.now).and_then(|target| Filter::read(&target)) {
        Ok(filter) => filter,
        Err(fault) => {
            let mut answer = Answer::of(Kind::Text, &format!("{fault}\n"));
            answer.status = 400;
            return Ok(answer);
        }
    };
    let mut csv = "reference,verdict,decision,at,boundary,client,ledger,entry,flagged,assignee,quarantine,object,dataset,\
                   generator,purposes\r\n"
        .to_owned();
    for row in filter.newest(FILE_ROWS, index)? {
        let entry = row.entry.to_string();
        let cells = [
            row.reference.as_str(),
            &row.verdict,
            &row.decision,
            &row.moment,
            &row.boundary,
            &row.client,
            &row.origin,
            &entry,
            if row.standing.is_flagged { "flagged" } else { "" },
            row.standing.assignee.as_deref().unwrap_or_default(),
            if row.standing.is_requested { "requested" } else { "" },
            &row.object,
            &row.dataset,
            &row.generator,
            &row.purposes,
        ];
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        csv.push_str(&cells.join(","));
        csv.push_str("\r\n");
    }
    Ok(Answer::of(Kind::Csv, &csv))
}

/// A cell that no spreadsheet takes for a formula.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_number_is_read_in_threes() {
        for (number, said) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), said);
        }
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(quoted("Contact/003"), "\"Contact/003\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("@a\"b"), "\"'@a\"\"b\"");
    }
}
