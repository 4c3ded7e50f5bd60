//! Which entry a row is of, and whether it holds what the entry says: a database can be changed, a ledger cannot.

use std::{fmt, str::FromStr};

use crate::{
    batch::Batch,
    follow::Index,
    rows::{self, At},
    schema::{Again, TABLES, Table},
    store::StoreError,
    value::Value,
};

/// A row as somebody names it: `origin#entry`, `TABLE:entry` or `TABLE:origin#entry`.
#[derive(Clone, Debug)]
pub struct RowName {
    table: Option<&'static Table>,
    origin: Option<String>,
    entry: u64,
}

impl FromStr for RowName {
    type Err = ProveError;

    fn from_str(text: &str) -> Result<Self, ProveError> {
        let not_a_row = || ProveError::NotARow { text: text.chars().take(120).collect() };
        let number = |text: &str| text.parse().map_err(|_| not_a_row());
        // An origin may hold a colon, of a port; a table's name holds none, and no `#`.
        let named = text.split_once(':').and_then(|(name, rest)| {
            TABLES.iter().find(|table| table.name == name).map(|table| (table, rest))
        });
        let (table, place) = named.map_or((None, text), |(table, rest)| (Some(table), rest));
        if let Some(table) = table
            && (table.again != Again::Never)
        {
            return Err(ProveError::Sum { table: table.name });
        }
        let (origin, entry) = match place.rsplit_once('#') {
            Some((origin, entry)) => (Some(origin.to_owned()), number(entry)?),
            None => (None, number(place)?),
        };
        if table.is_none() && origin.is_none() {
            return Err(not_a_row());
        }
        Ok(Self { table, origin, entry })
    }
}

/// The rows of one entry, as the index has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The ledger's name.
    pub origin: String,
    /// The entry.
    pub entry: u64,
    /// Tables and their rows of this entry, in the order of the tables.
    pub rows: Vec<(&'static Table, Vec<Vec<Value>>)>,
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Table {}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.origin, self.entry)
    }
}

impl Found {
    /// The name of the first table in which what the index has is not what the entry says.
    ///
    /// Shape:  the entry's bytes, as the ledger has them -> nothing, if every row is as it was made.
    pub fn differs_from(&self, bytes: &[u8]) -> Option<&'static str> {
        let mut batch = Batch::default();
        // The entry's moment is of use to the bookmark alone.
        drop(rows::add(At { origin: &self.origin, entry: self.entry }, bytes, &mut batch));
        let mut said = batch.own_rows();
        for (table, rows) in &self.rows {
            let mut expected = said.remove(table.name).unwrap_or_default();
            let mut rows = rows.clone();
            expected.sort();
            rows.sort();
            if rows != expected {
                return Some(table.name);
            }
        }
        said.into_keys().next()
    }
}

impl Index {
    /// The rows of the entry that a row is of.
    ///
    /// Errors: [`ProveError::NoRow`]: there is none; [`ProveError::Several`]: say of which ledger.
    pub fn find(&mut self, name: &RowName) -> Result<Found, ProveError> {
        let origin = match (&name.origin, name.table) {
            (Some(origin), _) => origin.clone(),
            (None, Some(table)) => self.only_origin(table, name.entry)?,
            (None, None) => return Err(ProveError::NoRow { entry: name.entry }),
        };
        let mut found = Vec::new();
        for table in TABLES.iter().filter(|table| table.again == Again::Never) {
            let sql = format!("SELECT * FROM {} WHERE origin = $1 AND entry = $2", table.name);
            let answer = self.query(&sql, &[Value::text(&origin), Value::count(name.entry)])?;
            if !answer.rows.is_empty() {
                found.push((table, answer.rows));
            }
        }
        let is_there =
            name.table.map_or(!found.is_empty(), |table| found.iter().any(|(one, _)| *one == table));
        if !is_there {
            return Err(ProveError::NoRow { entry: name.entry });
        }
        Ok(Found { origin, entry: name.entry, rows: found })
    }

    fn only_origin(&mut self, table: &Table, entry: u64) -> Result<String, ProveError> {
        let sql =
            format!("SELECT DISTINCT origin FROM {} WHERE entry = $1 ORDER BY origin LIMIT 9", table.name);
        let answer = self.query(&sql, &[Value::count(entry)])?;
        let mut origins: Vec<String> = answer.rows.iter().flatten().map(ToString::to_string).collect();
        match (origins.pop(), origins.is_empty()) {
            (None, _) => Err(ProveError::NoRow { entry }),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                origins.push(last);
                Err(ProveError::Several { table: table.name, origins: origins.join("`, `") })
            }
        }
    }
}

/// Why no entry was found for a row.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// It names no row.
    #[error("`{text}` names no row: write `origin#entry`, `TABLE:entry` or `TABLE:origin#entry`")]
    NotARow {
        /// What was written.
        text: String,
    },
    /// A row of a table that adds up is of many entries.
    #[error(
        "a row of `{table}` is a sum over many entries, so no single proof shows it: prove the rows of `rulings` or `batches` that it counts"
    )]
    Sum {
        /// The table.
        table: &'static str,
    },
    /// There is no such row.
    #[error("the index has no such row of entry {entry}: if it is new, run `eosin index update`")]
    NoRow {
        /// The entry.
        entry: u64,
    },
    /// Several ledgers have an entry of this number.
    #[error(
        "several ledgers have such a row of `{table}`: say which, as `TABLE:origin#entry`, of `{origins}`"
    )]
    Several {
        /// The table.
        table: &'static str,
        /// The ledgers.
        origins: String,
    },
    /// The database says no.
    #[error(transparent)]
    Store(#[from] StoreError),
}
