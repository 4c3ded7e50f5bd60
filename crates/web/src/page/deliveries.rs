//! Every file that was delivered to its end: to whom, how much was shown and withheld, and whether it has a certificate.

use askama::Template;
use index::{Index, StoreError, Value};

use super::{Choice, ROWS, between, transactions::names};
use crate::{
    frame::{Answer, Frame, Setting, shown_briefly},
    rows::{Conditions, Row, ask},
    target::{Target, link},
};

/// What a filter calls a delivery with a certificate, and one without.
const CERTIFIED: [(&str, &str); 2] =
    [("issued", "d.certificate = 'issued'"), ("none", "d.certificate IS NULL")];

#[derive(Debug)]
struct Delivery {
    at: String,
    boundary: String,
    client: String,
    route: String,
    records: i64,
    counts: Vec<(String, i64)>,
    withheld: i64,
    size: String,
    certificate: Option<String>,
    transactions: String,
    origin: String,
    entry: i64,
    moment: String,
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct Page<'a> {
    frame: Frame,
    fault: Option<&'static str>,
    since: &'a str,
    until: &'a str,
    choices: Vec<Choice>,
    rows: Vec<Delivery>,
    older: Option<String>,
}

/// The page.
pub(crate) fn page(target: &Target, setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let (conditions, fault) = conditions(target);
    let mut rows = match fault {
        Some(_) => Vec::new(),
        None => found(conditions, index)?,
    };
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    for row in &mut rows {
        row.counts = counts(row, index)?;
    }
    let bookmark = |last: &Delivery| format!("{} {} {}", last.moment, last.entry, last.origin);
    let older = rows.last().filter(|_| more).map(|last| target.with("before", &bookmark(last)));
    let states = CERTIFIED.iter().map(|(word, _)| (*word).to_owned());
    Ok(Answer::page(&Page {
        frame: Frame::new("/deliveries", setting),
        fault,
        since: target.get("since").unwrap_or_default(),
        until: target.get("until").unwrap_or_default(),
        choices: vec![
            Choice::new(
                "Boundary",
                "boundary",
                names(index, "boundary", "deliveries")?,
                target.get("boundary"),
            ),
            Choice::new("Client", "client", names(index, "client", "deliveries")?, target.get("client")),
            Choice::new("Certificate", "certificate", states, target.get("certificate")),
        ],
        rows,
        older,
    }))
}

fn conditions(target: &Target) -> (Conditions, Option<&'static str>) {
    let mut conditions = Conditions::default();
    if let Some(fault) = between(target, "d.at", &mut conditions) {
        return (conditions, Some(fault));
    }
    for (name, condition) in [("boundary", "d.boundary = ?"), ("client", "d.client = ?")] {
        if let Some(value) = target.get(name) {
            conditions.add(condition, [Value::text(value)]);
        }
    }
    if let Some(word) = target.get("certificate") {
        let Some((_, condition)) = CERTIFIED.iter().find(|(name, _)| *name == word) else {
            return (
                conditions,
                Some("A certificate is `issued`, or there is `none`; choose one from the list."),
            );
        };
        conditions.plain(condition);
    }
    match target.get("before").map(bookmark) {
        None => {}
        Some(Some(place)) => conditions.add("(d.at, d.origin, d.entry) < (?, ?, ?)", place),
        Some(None) => return (conditions, Some("This address was changed: begin again with the newest.")),
    }
    (conditions, None)
}

fn bookmark(text: &str) -> Option<[Value; 3]> {
    let mut parts = text.splitn(3, ' ');
    let at = Value::text(parts.next()?);
    let entry = Value::Integer(parts.next()?.parse().ok()?);
    Some([at, Value::text(parts.next()?), entry])
}

fn found(conditions: Conditions, index: &mut Index) -> Result<Vec<Delivery>, StoreError> {
    let (clause, values) = conditions.clause();
    let most = ROWS + 1;
    let sql = format!(
        "SELECT d.origin, d.entry, d.at, d.boundary, d.client, d.route, d.records, d.withheld, d.bytes, \
         d.certificate_entry FROM certified_deliveries d{clause} \
         ORDER BY d.at DESC, d.origin DESC, d.entry DESC LIMIT {most}"
    );
    Ok(ask(index, &sql, &values)?.iter_mut().map(delivery).collect())
}

fn delivery(row: &mut Row) -> Delivery {
    let (origin, entry, moment) = (row.text(), row.number(), row.text());
    let (boundary, client) = (row.text(), row.text());
    Delivery {
        at: shown_briefly(&moment),
        route: row.text(),
        records: row.number(),
        counts: Vec::new(),
        withheld: row.number(),
        size: size(row.number()),
        certificate: row.maybe().map(|entry| format!("{origin}#{entry}")),
        transactions: link("/transactions", [("boundary", boundary.as_str()), ("client", client.as_str())]),
        boundary,
        client,
        origin,
        entry,
        moment,
    }
}

/// What was shown, by verdict.
fn counts(delivery: &Delivery, index: &mut Index) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT verdict, shown FROM delivered_records WHERE origin = $1 AND entry = $2 AND shown > 0 ORDER BY verdict";
    let place = [Value::text(&delivery.origin), Value::Integer(delivery.entry)];
    Ok(ask(index, sql, &place)?.iter_mut().map(|row| (row.text(), row.number())).collect())
}

/// Bytes as a person reads them.
fn size(bytes: i64) -> String {
    let mut rest = bytes;
    for unit in ["bytes", "KB", "MB", "GB"] {
        if rest < 10_000 {
            return format!("{rest} {unit}");
        }
        rest = (rest + 500) / 1_000;
    }
    format!("{rest} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_few_digits_and_its_unit() {
        for (bytes, said) in [(0, "0 bytes"), (9_999, "9999 bytes"), (10_000, "10 KB"), (12_345_678, "12 MB")]
        {
            assert_eq!(size(bytes), said);
        }
    }
}
