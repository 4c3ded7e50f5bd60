//! The last day in one look, as the API and the page of the same name tell it.
//!
//! By whole hours, as the index adds them up: a day of a busy gateway is too many rows to count while others wait.

use std::collections::BTreeMap;

use crate::{
    follow::Index,
    quarantined::QUARANTINE_ENDED,
    rulings::HOUR,
    store::StoreError,
    value::{Answer, Value},
};

/// What was from a whole hour on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Day {
    /// When it began: a whole hour.
    pub since: String,
    /// Transactions that were ruled on.
    pub transactions: u64,
    /// Those of which nothing went on.
    pub blocked: u64,
    /// Records that are proven synthetic.
    pub synthetic: u64,
    /// Records of which nothing is proven.
    pub unproven: u64,
    /// Marks that somebody copied onto another record.
    pub transplanted: u64,
    /// Marks that prove nothing.
    pub forged: u64,
    /// Items that wait in the quarantine, from whenever on.
    pub waiting: u64,
    /// Transactions that were sent on, and of which nobody knows whether they arrived.
    pub without_end: u64,
    /// Entries of all ledgers.
    pub entries: u64,
    /// What went otherwise than it should, by its kind.
    pub incidents: BTreeMap<String, u64>,
    /// The day of each boundary, of 200 at most; the sums are of all.
    pub boundaries: Vec<BoundaryDay>,
}

/// A boundary's day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundaryDay {
    /// Its name.
    pub boundary: String,
    /// Its environment as it was last, of whichever ledger it crossed last.
    pub environment: String,
    /// Its mode as it was then.
    pub mode: String,
    /// Transactions that were ruled on.
    pub transactions: u64,
    /// Those of which nothing went on.
    pub blocked: u64,
    /// Records in them.
    pub records: u64,
    /// Records that are proven synthetic.
    pub synthetic: u64,
    /// Records of which nothing is proven.
    pub unproven: u64,
}

/// Boundaries that are told one by one, at most.
const BOUNDARIES_MAX: usize = 200;

impl Index {
    /// The last day.
    ///
    /// Shape:  the moment a day ago; the answer is of the beginning of its hour and later. It is several questions: what is
    ///         indexed between two of them is in the later ones alone.
    /// Bounds: 200 boundaries; kinds of incidents are words of this crate.
    /// Errors: [`StoreError`].
    pub fn day(&mut self, day_ago: &str) -> Result<Day, StoreError> {
        let hour = day_ago.get(..HOUR).unwrap_or(day_ago);
        let since = [Value::text(hour)];
        let sql = format!(
            "SELECT {} FROM hours h WHERE h.hour >= $1",
            sums(["transactions", "blocked", "synthetic", "unproven", "transplanted", "forged"])
        );
        let [transactions, blocked, synthetic, unproven, transplanted, forged] =
            first(&self.query(&sql, &since)?);
        let over = QUARANTINE_ENDED.join("', '");
        let waiting = format!("SELECT COUNT(*) FROM quarantine_items WHERE event NOT IN ('{over}')");
        let [waiting] = first(&self.query(&waiting, &[])?);
        let unknown = "SELECT COUNT(*) FROM settlements WHERE at >= $1 AND outcome = 'unknown'";
        let [without_end] = first(&self.query(unknown, &since)?);
        let entries = "SELECT CAST(COALESCE(SUM(entries), 0) AS BIGINT) FROM ledgers";
        let [entries] = first(&self.query(entries, &[])?);
        Ok(Day {
            since: format!("{hour}:00:00Z"),
            transactions,
            blocked,
            synthetic,
            unproven,
            transplanted,
            forged,
            waiting,
            without_end,
            entries,
            incidents: self.incidents_of(&since)?,
            boundaries: self.boundaries_of(&since)?,
        })
    }

    fn incidents_of(&mut self, since: &[Value]) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT kind, COUNT(*) FROM incidents WHERE at IS NULL OR at >= $1 GROUP BY kind";
        let kinds = self.query(sql, since)?.rows.into_iter().filter_map(|row| {
            let [kind, many] = <[Value; 2]>::try_from(row).ok()?;
            Some((kind.to_string(), number(&many)))
        });
        Ok(kinds.collect())
    }

    fn boundaries_of(&mut self, since: &[Value]) -> Result<Vec<BoundaryDay>, StoreError> {
        // How a boundary was set last is of one row of its ledgers, and not the best of each column.
        let sql = format!(
            "SELECT h.boundary, COALESCE(b.environment, ''), COALESCE(b.mode, ''), {} FROM hours h \
             LEFT JOIN (SELECT boundary, environment, mode, \
             ROW_NUMBER() OVER (PARTITION BY boundary ORDER BY last_at DESC, origin) AS turn FROM boundaries) b \
             ON b.boundary = h.boundary AND b.turn = 1 \
             WHERE h.hour >= $1 GROUP BY h.boundary, b.environment, b.mode ORDER BY h.boundary LIMIT {BOUNDARIES_MAX}",
            sums(["transactions", "blocked", "records", "synthetic", "unproven"])
        );
        let days = self.query(&sql, since)?.rows.into_iter().filter_map(|row| {
            let [boundary, environment, mode, transactions, blocked, records, synthetic, unproven] =
                <[Value; 8]>::try_from(row).ok()?;
            Some(BoundaryDay {
                boundary: boundary.to_string(),
                environment: environment.to_string(),
                mode: mode.to_string(),
                transactions: number(&transactions),
                blocked: number(&blocked),
                records: number(&records),
                synthetic: number(&synthetic),
                unproven: number(&unproven),
            })
        });
        Ok(days.collect())
    }
}

/// Columns of `hours` added up; of no rows at all that is nothing.
fn sums<const MANY: usize>(columns: [&str; MANY]) -> String {
    columns.map(|column| format!("CAST(COALESCE(SUM(h.{column}), 0) AS BIGINT)")).join(", ")
}

/// The numbers of the first row.
fn first<const MANY: usize>(answer: &Answer) -> [u64; MANY] {
    let row = answer.rows.first().map_or(&[][..], Vec::as_slice);
    std::array::from_fn(|place| row.get(place).map_or(0, number))
}

fn number(value: &Value) -> u64 {
    match value {
        Value::Integer(number) => u64::try_from(*number).unwrap_or(0),
        Value::Text(_) | Value::Null => 0,
    }
}
