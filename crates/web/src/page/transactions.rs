//! Every crossing that was ruled on, newest first, by what a person asks for.

use askama::Template;
use index::{DECISIONS, Index, StoreError, VERDICTS, Value};

use super::{Choice, ROWS, between, owned};
use crate::{
    frame::{Answer, Frame, Setting, shown_briefly},
    rows::{Conditions, Row, ask},
    target::{Target, link},
};

/// Clients and boundaries that a form offers.
const OFFERED: &str = "200";

/// A transaction as a row of a list.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) place: String,
    pub(crate) origin: String,
    pub(crate) entry: i64,
    moment: String,
    pub(crate) at: String,
    pub(crate) boundary: String,
    pub(crate) client: String,
    pub(crate) route: String,
    pub(crate) decision: String,
    pub(crate) would_block: i64,
    pub(crate) outcome: String,
    pub(crate) counts: Vec<(&'static str, i64)>,
}

/// The columns of [`Transaction`], in its order.
pub(crate) const COLUMNS: &str = "t.origin, t.entry, t.at, t.boundary, t.client, t.peer, t.route, t.kind, t.decision, \
     t.would_block, t.outcome, t.status, t.synthetic, t.attested, t.mixed, t.unproven, t.suspected, t.transplanted, \
     t.forged, t.untrusted, t.unreadable";

impl Transaction {
    pub(crate) fn of(row: &mut Row) -> Self {
        let origin = row.text();
        let entry = row.number();
        let moment = row.text();
        let boundary = row.text();
        let client = row.maybe();
        let peer = row.maybe();
        let route = row.maybe();
        let kind = row.text();
        let decision = row.text();
        let would_block = row.number();
        let outcome = then(&decision, row.maybe().as_deref(), row.maybe().as_deref());
        let counts = VERDICTS.iter().map(|verdict| (*verdict, row.number())).filter(|(_, many)| *many > 0);
        let counts = counts.collect();
        let place = link("/transaction", [("ledger", origin.as_str()), ("entry", &entry.to_string())]);
        Self {
            place,
            entry,
            at: shown_briefly(&moment),
            moment,
            boundary,
            client: client.or(peer).unwrap_or_else(|| "a file".to_owned()),
            route: route.unwrap_or(kind),
            decision,
            would_block,
            outcome,
            counts,
            origin,
        }
    }

    /// Where the list goes on after this one.
    pub(crate) fn bookmark(&self) -> String {
        format!("{} {} {}", self.moment, self.entry, self.origin)
    }
}

/// What then happened, in words.
fn then(decision: &str, outcome: Option<&str>, status: Option<&str>) -> String {
    match (outcome, status) {
        (Some("answered"), Some(status)) => format!("answered {status}"),
        (Some("not-sent"), _) => "not sent".to_owned(),
        (Some("unknown"), _) => "nobody knows".to_owned(),
        (Some(other), _) => other.to_owned(),
        (None, _) if decision == "block" => "nothing left".to_owned(),
        (None, _) => String::new(),
    }
}

#[derive(Debug)]
struct Filter<'a> {
    since: &'a str,
    until: &'a str,
}

#[derive(Template)]
#[template(path = "transactions.html")]
struct Transactions<'a> {
    frame: Frame,
    fault: Option<&'static str>,
    filter: Filter<'a>,
    choices: Vec<Choice>,
    rows: Vec<Transaction>,
    caption: String,
    older: Option<String>,
    live: Option<String>,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let (conditions, fault) = conditions(target);
    let (mut rows, older) = match fault {
        Some(_) => (Vec::new(), false),
        None => some(conditions, index)?,
    };
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| older).map(|last| target.with("before", &last.bookmark()));
    // What a person reads on in, or what has an end, is not live.
    let is_live = fault.is_none() && target.get("before").is_none() && target.get("until").is_none();
    let live = rows
        .first()
        .filter(|_| is_live)
        .map(|first| target.clone().set("from", &first.bookmark()).elsewhere("/transactions/live"));
    let filter = Filter {
        since: target.get("since").unwrap_or_default(),
        until: target.get("until").unwrap_or_default(),
    };
    let caption = match rows.len() {
        1 => "One transaction".to_owned(),
        many => format!("{many} transactions, newest first"),
    };
    let choices = choices(target, index)?;
    let frame = Frame::new("/transactions", setting);
    Ok(Answer::page(&Transactions { frame, fault, filter, choices, rows, caption, older, live }))
}

fn choices(target: &Target, index: &mut Index) -> Result<Vec<Choice>, StoreError> {
    let boundaries = names(index, "boundary", "boundaries")?;
    let clients = names(index, "client", "clients")?;
    Ok(vec![
        Choice::new("Boundary", "boundary", boundaries, target.get("boundary")),
        Choice::new("Client", "client", clients, target.get("client")),
        Choice::new("Verdict", "verdict", owned(&VERDICTS), target.get("verdict")),
        Choice::new("Decision", "decision", owned(&DECISIONS), target.get("decision")),
    ])
}

/// The names of boundaries, or of clients.
pub(crate) fn names(index: &mut Index, column: &str, table: &str) -> Result<Vec<String>, StoreError> {
    let sql = format!("SELECT DISTINCT {column} FROM {table} ORDER BY {column} LIMIT {OFFERED}");
    Ok(ask(index, &sql, &[])?.iter_mut().map(Row::text).collect())
}

/// The conditions that a target states, or what is wrong with them.
pub(crate) fn conditions(target: &Target) -> (Conditions, Option<&'static str>) {
    let mut conditions = Conditions::default();
    if let Some(fault) = between(target, "t.at", &mut conditions) {
        return (conditions, Some(fault));
    }
    for (name, condition) in
        [("boundary", "t.boundary = ?"), ("client", "t.client = ?"), ("decision", "t.decision = ?")]
    {
        if let Some(value) = target.get(name) {
            conditions.add(condition, [Value::text(value)]);
        }
    }
    match target.get("verdict").map(|word| VERDICTS.iter().find(|verdict| **verdict == word)) {
        None => {}
        Some(Some(verdict)) => conditions.plain(&format!("t.{verdict} > 0")),
        Some(None) => {
            return (conditions, Some("There is no verdict of that name; choose one from the list."));
        }
    }
    match target.get("before").map(bookmark) {
        None => {}
        Some(Some(place)) => conditions.add("(t.at, t.origin, t.entry) < (?, ?, ?)", place),
        Some(None) => return (conditions, Some("This address was changed: begin again with the newest.")),
    }
    (conditions, None)
}

/// What [`Transaction::bookmark`] wrote: a moment, a ledger, an entry.
fn bookmark(text: &str) -> Option<[Value; 3]> {
    let (moment, rest) = text.split_once(' ')?;
    let (entry, origin) = rest.split_once(' ')?;
    Some([Value::text(moment), Value::text(origin), Value::Integer(entry.parse().ok()?)])
}

/// Adds that a transaction is newer than this place in the list; whether the place is one.
pub(crate) fn after(place: &str, conditions: &mut Conditions) -> bool {
    let Some(place) = bookmark(place) else { return false };
    conditions.add("(t.at, t.origin, t.entry) > (?, ?, ?)", place);
    true
}

/// The rows of a page and one more, which says that there are older ones.
fn some(conditions: Conditions, index: &mut Index) -> Result<(Vec<Transaction>, bool), StoreError> {
    let (clause, values) = conditions.clause();
    let rows = newest(&clause, &values, ROWS + 1, index)?;
    let older = rows.len() > ROWS;
    Ok((rows, older))
}

/// The newest transactions of a clause.
pub(crate) fn newest(
    clause: &str,
    values: &[Value],
    most: usize,
    index: &mut Index,
) -> Result<Vec<Transaction>, StoreError> {
    let order = "ORDER BY t.at DESC, t.origin DESC, t.entry DESC";
    let sql = format!("SELECT {COLUMNS} FROM transactions t{clause} {order} LIMIT {most}");
    Ok(ask(index, &sql, values)?.iter_mut().map(Transaction::of).collect())
}
