//! An index asked in SQL by a program elsewhere: for so long, and for so many rows and bytes.

use std::{fmt, time::Duration};

use crate::{
    Index,
    statement::checked,
    store::StoreError,
    value::{Answer, Value},
};

/// Bytes of one value of an answer at most, twice those of the longest entry: no single step of a database takes long over
/// a text of this length.
pub(crate) const VALUE_MAX: usize = 128 * 1024;

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Rows at most; more are left out.
    pub rows: u32,
    /// Bytes of texts at most, and eight for each number; rows past that are left out.
    pub bytes: usize,
    /// How long the database may take.
    pub time: Duration,
}

/// How long it is since a question was asked.
pub(crate) type Elapsed = Box<dyn FnMut() -> Duration + Send>;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// It.
    pub answer: Answer,
    /// Whether rows were left out.
    pub is_cut: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The query is at fault: what is wrong with it.
    #[error("{0}")]
    Query(String),
    /// It took longer than it may.
    #[error("the query was stopped after {0:?}: ask for less, of a shorter time for example")]
    Slow(Duration),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AskError {
    /// A value is longer than [`VALUE_MAX`].
    pub(crate) fn long() -> Self {
        Self::Query("a value of the answer is longer than 128 KiB".to_owned())
    }
}

impl Index {
    /// Asks what a stranger wrote: one query of the tables in `docs/index.md`, which changes nothing. No other question can
    /// be asked of this connection afterwards.
    ///
    /// Shape:  `elapsed` says how long it is since this was called.
    /// Bounds: these, a query of [`crate::SQL_MAX`] characters, and values of 128 KiB in 200 columns.
    /// Errors: [`AskError`].
    pub fn ask_within(
        self,
        sql: &str,
        bounds: &Bounds,
        elapsed: impl FnMut() -> Duration + Send + 'static,
    ) -> Result<Asked, AskError> {
        let sql = checked(sql, self.store.dialect()).map_err(AskError::Query)?;
        self.read_only()?.store.ask(&sql, bounds, Box::new(elapsed))
    }
}

/// A value where the database has it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'a> {
    Null,
    Integer(i64),
    Text(&'a [u8]),
}

impl From<Seen<'_>> for Value {
    fn from(seen: Seen<'_>) -> Self {
        match seen {
            Seen::Null => Self::Null,
            Seen::Integer(integer) => Self::Integer(integer),
            Seen::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
        }
    }
}

/// Rows as they come, until there are too many.
pub(crate) struct Taken {
    rows: Vec<Vec<Value>>,
    left: usize,
    most: usize,
}

impl Taken {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        Self {
            rows: Vec::new(),
            left: bounds.bytes,
            most: usize::try_from(bounds.rows).unwrap_or(usize::MAX),
        }
    }

    /// Takes a row, of which nothing is copied that is not within the bounds; whether another one may come.
    ///
    /// Errors: those of the row; a value is too long.
    pub(crate) fn take<'a>(
        &mut self,
        row: impl Iterator<Item = Result<Seen<'a>, AskError>>,
    ) -> Result<bool, AskError> {
        if self.rows.len() >= self.most {
            return Ok(false);
        }
        let mut left = self.left;
        let mut values = Vec::new();
        for seen in row {
            let seen = seen?;
            let bytes = match seen {
                Seen::Text(text) if text.len() > VALUE_MAX => return Err(AskError::long()),
                Seen::Text(text) => text.len(),
                Seen::Integer(_) | Seen::Null => 8,
            };
            let Some(rest) = left.checked_sub(bytes) else { return Ok(false) };
            left = rest;
            values.push(seen.into());
        }
        self.left = left;
        self.rows.push(values);
        Ok(true)
    }

    pub(crate) fn end(self, columns: Vec<String>, is_cut: bool) -> Asked {
        Asked { answer: Answer { columns, rows: self.rows }, is_cut }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Taken").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}
