//! The last day in one look: how much crossed, what was stopped, and what needs a person.

use askama::Template;
use index::{Index, QUARANTINE_ENDED, StoreError, Value};

use super::transactions::{Transaction, newest};
use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::ask,
    target::link,
};

/// Transactions under "Latest".
const LATEST: usize = 10;

/// Something that a person should look at.
#[derive(Debug)]
struct Need {
    what: String,
    means: &'static str,
    place: String,
    act: &'static str,
}

/// A boundary's day.
#[derive(Debug)]
struct Day {
    name: String,
    place: String,
    environment: String,
    transactions: i64,
    blocked: i64,
    synthetic: i64,
    unproven: i64,
}

/// Figures of the last day by whole hours, and where each leads.
#[derive(Debug)]
struct Figure {
    place: String,
    many: i64,
    means: &'static str,
    verdict: &'static str,
}

#[derive(Template)]
#[template(path = "today.html")]
struct Today {
    frame: Frame,
    since: String,
    figures: Vec<Figure>,
    needs: Vec<Need>,
    boundaries: Vec<Day>,
    latest: Vec<Transaction>,
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    // By whole hours, as the index adds them up: a day of a busy gateway is too many rows to count for a page.
    let hour = setting.day_ago.get(..HOUR).unwrap_or(setting.day_ago);
    let since = format!("{hour}:00:00Z");
    let of = |more: &[(&'static str, &'static str)]| {
        link("/transactions", [("since", since.as_str())].into_iter().chain(more.iter().copied()))
    };
    let boundaries = boundaries(hour, &since, index)?;
    let sum = |of: fn(&Day) -> i64| boundaries.iter().map(of).sum::<i64>();
    let over = QUARANTINE_ENDED.join("', '");
    let waiting = format!("SELECT COUNT(*) FROM quarantine_items WHERE event NOT IN ('{over}')");
    let waiting = number(index, &waiting, &[])?;
    let entries = number(index, "SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM ledgers", &[])?;
    let figure = |place: String, many, means, verdict| Figure { place, many, means, verdict };
    let figures = vec![
        figure(of(&[]), sum(|day| day.transactions), "transactions ruled on", ""),
        figure(of(&[("decision", "block")]), sum(|day| day.blocked), "stopped: nothing of them left", ""),
        figure(of(&[("verdict", "synthetic")]), sum(|day| day.synthetic), "records", "synthetic"),
        figure(of(&[("verdict", "unproven")]), sum(|day| day.unproven), "records", "unproven"),
        figure("/quarantine".to_owned(), waiting, "waiting in the quarantine", ""),
        figure("/ledgers".to_owned(), entries, "ledger entries, each of them provable", ""),
    ];
    let needs = needs(hour, &since, waiting, index)?;
    let latest = newest("", &[], LATEST, index)?;
    let frame = Frame::new("/", setting);
    Ok(Answer::page(&Today { frame, since: shown(&since), figures, needs, boundaries, latest }))
}

/// The length of an hour as moments begin: `2026-01-31T08`.
const HOUR: usize = 13;

fn boundaries(hour: &str, since: &str, index: &mut Index) -> Result<Vec<Day>, StoreError> {
    let sql = "SELECT boundary, MAX(environment), CAST(SUM(transactions) AS BIGINT), CAST(SUM(blocked) AS BIGINT), \
               CAST(SUM(synthetic) AS BIGINT), CAST(SUM(unproven) AS BIGINT) \
               FROM hours WHERE hour >= $1 GROUP BY boundary ORDER BY boundary LIMIT 200";
    let rows = ask(index, sql, &[Value::text(hour)])?;
    let days = rows.into_iter().map(|mut row| {
        let name = row.text();
        Day {
            place: link("/transactions", [("boundary", name.as_str()), ("since", since)]),
            name,
            environment: row.text(),
            transactions: row.number(),
            blocked: row.number(),
            synthetic: row.number(),
            unproven: row.number(),
        }
    });
    Ok(days.collect())
}

/// What needs a person: marks that lie, ends that nobody knows, gaps, and what waits.
fn needs(hour: &str, day_ago: &str, waiting: i64, index: &mut Index) -> Result<Vec<Need>, StoreError> {
    let mut needs = Vec::new();
    let since = [Value::text(hour)];
    for (verdict, means) in [
        ("transplanted", "Somebody copied a mark onto another record: it could hide a person from care."),
        ("forged", "A mark proves nothing: its bytes were changed, or it was made up."),
    ] {
        let sql = format!("SELECT CAST(COALESCE(SUM({verdict}), 0) AS BIGINT) FROM hours WHERE hour >= $1");
        let many = number(index, &sql, &since)?;
        if many > 0 {
            let place = link("/transactions", [("since", day_ago), ("verdict", verdict)]);
            needs.push(Need { what: records(many, verdict), means, place, act: "See them" });
        }
    }
    let sql = "SELECT COUNT(*) FROM settlements WHERE at >= $1 AND outcome = 'unknown'";
    let many = number(index, sql, &since)?;
    if many > 0 {
        let what = if many == 1 {
            "One crossing has no known end.".to_owned()
        } else {
            format!("{many} crossings have no known end.")
        };
        let means = "They were sent on, and no answer came: look at the other side before it is sent again.";
        let place = link("/transactions", [("since", day_ago)]);
        needs.push(Need { what, means, place, act: "See the transactions" });
    }
    let sql = "SELECT kind, COUNT(*) FROM incidents WHERE at IS NULL OR at >= $1 GROUP BY kind ORDER BY kind LIMIT 20";
    for mut row in ask(index, sql, &since)? {
        let kind = row.text();
        let many = row.number();
        let means = match kind.as_str() {
            "events-gone" => {
                "A subscription lost events that its source has no more; what they were about may have changed."
            }
            "gap" => "Attested traffic passed while the ledger could not write; the entry says how much.",
            "clock-fault" => "The clock ran backwards; moments near it may be out of order.",
            "overruled" => "A person released what policies refused; the ledger has the name and the reason.",
            "unread" => {
                "Entries that this version cannot read: they are in the ledger, and not on these pages."
            }
            _ => "See the ledger.",
        };
        let what = format!("{many} × {kind}.");
        needs.push(Need { what, means, place: "/ledgers".to_owned(), act: "See the incidents" });
    }
    if waiting > 0 {
        let what = if waiting == 1 { "One item waits.".to_owned() } else { format!("{waiting} items wait.") };
        let means = "What policy withheld is kept, encrypted, until somebody releases or rejects it.";
        needs.push(Need { what, means, place: "/quarantine".to_owned(), act: "Decide" });
    }
    Ok(needs)
}

fn records(many: i64, verdict: &str) -> String {
    if many == 1 { format!("One {verdict} mark.") } else { format!("{many} {verdict} marks.") }
}

/// The one number of an answer.
fn number(index: &mut Index, sql: &str, values: &[Value]) -> Result<i64, StoreError> {
    Ok(ask(index, sql, values)?.first_mut().map(crate::rows::Row::number).unwrap_or_default())
}
