//! Records by what was found: as a list, or as a file of a spreadsheet.

use askama::Template;
use index::{DECISIONS, Index, StoreError, VERDICTS, Value};

use super::{Choice, ROWS, between, owned, transactions::names};
use crate::{
    Told,
    frame::{Answer, Frame, Kind, Setting, shown},
    rows::{Conditions, Row, ask},
    target::{Target, link},
};

pub(crate) mod acting;

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
    origin: String,
    entry: i64,
    position: i64,
    moment: String,
}

/// The columns of [`Record`], in its order.
pub(crate) const COLUMNS: &str = "v.origin, v.entry, v.position, v.reference, v.verdict, v.decision, r.at, r.boundary, r.client, \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'flag'), \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'assignment'), \
     (SELECT MAX(s.value) FROM record_standings s WHERE s.reference = v.reference AND s.act = 'quarantine')";

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
            at: shown(&moment).trim_end_matches(" UTC").to_owned(),
            boundary: row.text(),
            client: row.maybe().unwrap_or_else(|| "a file".to_owned()),
            transaction: link("/transaction", [("ledger", origin.as_str()), ("entry", &entry.to_string())]),
            standing: Standing {
                is_flagged: row.maybe().is_some(),
                assignee: row.maybe(),
                is_requested: row.maybe().is_some(),
            },
            origin,
            entry,
            position,
            moment,
        }
    }

    /// Where the list goes on after this one.
    fn bookmark(&self) -> String {
        format!("{} {} {}", self.entry, self.position, self.origin)
    }
}

#[derive(Template)]
#[template(path = "records.html")]
struct Records<'a> {
    frame: Frame,
    fault: Option<&'static str>,
    reference: &'a str,
    choices: Vec<Choice>,
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
    let (conditions, fault) = conditions(target);
    let mut rows = if fault.is_none() { found(conditions, ROWS + 1, index)? } else { Vec::new() };
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| more).map(|last| target.with("before", &last.bookmark()));
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
        rows,
        older,
        file: target.elsewhere("/records.csv"),
        told,
        since: target.get("since").unwrap_or_default(),
        until: target.get("until").unwrap_or_default(),
        filter: target.query_without(&["before", "done"]),
        colleagues: setting.visitor.map(|visitor| visitor.colleagues).unwrap_or_default(),
        may_handle: acting::may_handle(setting),
    });
    Ok(answer)
}

const NOTHING: &str =
    "Nothing was chosen. Tick the records, choose what to do, and to assign them choose to whom.";

fn choices(target: &Target, index: &mut Index) -> Result<Vec<Choice>, StoreError> {
    let assignees = "SELECT DISTINCT value FROM record_standings WHERE act = 'assignment' AND value IS NOT NULL \
                     ORDER BY value LIMIT 200";
    let assignees: Vec<String> = ask(index, assignees, &[])?.iter_mut().map(Row::text).collect();
    let standings = STANDINGS.iter().map(|(word, _)| (*word).to_owned());
    Ok(vec![
        Choice::new("Verdict", "verdict", owned(&VERDICTS), target.get("verdict")),
        Choice::new("Decision", "decision", owned(&DECISIONS), target.get("decision")),
        Choice::new("Boundary", "boundary", names(index, "boundary", "boundaries")?, target.get("boundary")),
        Choice::new("Standing", "standing", standings, target.get("standing")),
        Choice::new("Assigned to", "assignee", assignees, target.get("assignee")),
    ])
}

/// The same as a file.
pub(crate) fn file(target: &Target, index: &mut Index) -> Result<Answer, StoreError> {
    let (conditions, fault) = conditions(target);
    if let Some(fault) = fault {
        let mut answer = Answer::of(Kind::Text, &format!("{fault}\n"));
        answer.status = 400;
        return Ok(answer);
    }
    let mut csv =
        "reference,verdict,decision,at,boundary,client,ledger,entry,flagged,assignee,quarantine\r\n"
            .to_owned();
    for row in found(conditions, FILE_ROWS, index)? {
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

fn found(conditions: Conditions, most: usize, index: &mut Index) -> Result<Vec<Record>, StoreError> {
    let (clause, values) = conditions.clause();
    let sql = format!(
        "SELECT {COLUMNS} FROM record_verdicts v JOIN rulings r ON r.origin = v.origin AND r.entry = v.entry{clause} \
         ORDER BY v.origin DESC, v.entry DESC, v.position DESC LIMIT {most}"
    );
    Ok(ask(index, &sql, &values)?.iter_mut().map(Record::of).collect())
}

fn conditions(target: &Target) -> (Conditions, Option<&'static str>) {
    let mut conditions = Conditions::default();
    for (name, condition) in [
        ("verdict", "v.verdict = ?"),
        ("decision", "v.decision = ?"),
        ("boundary", "r.boundary = ?"),
        ("reference", "v.reference = ?"),
        (
            "assignee",
            "v.reference IN (SELECT s.reference FROM record_standings s WHERE s.act = 'assignment' AND s.value = ?)",
        ),
    ] {
        if let Some(value) = target.get(name) {
            conditions.add(condition, [Value::text(value)]);
        }
    }
    if let Some(fault) = between(target, "r.at", &mut conditions) {
        return (conditions, Some(fault));
    }
    if let Some(word) = target.get("standing") {
        let Some((_, act)) = STANDINGS.iter().find(|(name, _)| *name == word) else {
            return (conditions, Some("There is no standing of that name; choose one from the list."));
        };
        conditions.plain(&format!(
            "v.reference IN (SELECT s.reference FROM record_standings s WHERE s.act = '{act}' AND s.value IS NOT NULL)"
        ));
    }
    match target.get("before").map(bookmark) {
        None => {}
        Some(Some(place)) => conditions.add("(v.origin, v.entry, v.position) < (?, ?, ?)", place),
        Some(None) => {
            return (conditions, Some("This address was changed: begin again with the first page."));
        }
    }
    (conditions, None)
}

/// What [`Record::bookmark`] wrote.
fn bookmark(text: &str) -> Option<[Value; 3]> {
    let mut parts = text.splitn(3, ' ');
    let entry = Value::Integer(parts.next()?.parse().ok()?);
    let position = Value::Integer(parts.next()?.parse().ok()?);
    Some([Value::text(parts.next()?), entry, position])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(quoted("Contact/003"), "\"Contact/003\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("@a\"b"), "\"'@a\"\"b\"");
    }
}
