//! Recorded crossings in pages, for whoever asks other policies about them.

use std::collections::BTreeMap;

use crate::{follow::Index, store::StoreError, value::Value};

/// One recorded crossing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// The ledger's name.
    pub origin: String,
    /// The ruling's entry.
    pub entry: u64,
    /// When.
    pub at: String,
    /// Where.
    pub boundary: String,
    /// Who asked.
    pub client: String,
    /// The version of the policies that ruled.
    pub policy: String,
    /// The name of the question; none in entries that were written before questions were.
    pub question: Option<String>,
    /// The objects that its records were of, between commas, where they are written down.
    pub objects: Option<String>,
}

/// Where reading goes on: after this entry of this ledger, for rulings from this moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The first moment, as entries write it; empty for all.
    pub moment: String,
    origin: String,
    entry: i64,
}

impl Since {
    /// From this moment on.
    pub fn moment(moment: &str) -> Self {
        Self { moment: moment.to_owned(), origin: String::new(), entry: -1 }
    }
}

/// Crossings of one page.
const PAGE: i64 = 10_000;

impl Index {
    /// The next crossings, in the order of ledgers and entries; none at the end.
    ///
    /// Bounds: ten thousand.
    pub fn crossings(&mut self, since: &mut Since) -> Result<Vec<Crossing>, StoreError> {
        let sql = "SELECT origin, entry, at, boundary, client, policy, question, objects FROM rulings \
                   WHERE (origin, entry) > ($1, $2) AND at >= $3 AND kind = 'request' \
                   ORDER BY origin, entry LIMIT $4";
        let values = [
            Value::text(&since.origin),
            Value::Integer(since.entry),
            Value::text(&since.moment),
            Value::Integer(PAGE),
        ];
        let answer = self.query(sql, &values)?;
        let found: Vec<Crossing> = answer.rows.into_iter().filter_map(crossing).collect();
        if let Some(last) = found.last() {
            since.origin.clone_from(&last.origin);
            since.entry = i64::try_from(last.entry).unwrap_or(i64::MAX);
        }
        Ok(found)
    }

    /// The texts of these questions of a ledger.
    pub fn questions(
        &mut self,
        origin: &str,
        names: &[&str],
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let sql = "SELECT asked FROM questions WHERE origin = $1 AND question = $2";
        let mut found = BTreeMap::new();
        for name in names {
            let answer = self.query(sql, &[Value::text(origin), Value::text(name)])?;
            if let Some(Value::Text(asked)) = answer.rows.into_iter().flatten().next() {
                found.insert((*name).to_owned(), asked);
            }
        }
        Ok(found)
    }
}

fn crossing(row: Vec<Value>) -> Option<Crossing> {
    let [origin, entry, at, boundary, client, policy, question, objects] =
        <[Value; 8]>::try_from(row).ok()?;
    let text = |value: Value| match value {
        Value::Text(text) => Some(text),
        Value::Null | Value::Integer(_) => None,
    };
    let Value::Integer(entry) = entry else { return None };
    Some(Crossing {
        origin: text(origin)?,
        entry: u64::try_from(entry).ok()?,
        at: text(at)?,
        boundary: text(boundary)?,
        client: text(client).unwrap_or_default(),
        policy: text(policy)?,
        question: text(question),
        objects: text(objects),
    })
}
