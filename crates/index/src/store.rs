//! Where an index is kept, and what both databases can do.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    asking::{AskError, Asked, Bounds, Elapsed},
    schema::{Dialect, Table},
    value::{Answer, Value},
};

/// Where an index is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// A SQLite database in this file.
    File(PathBuf),
    /// A PostgreSQL database: its URL, and a file of certificate authorities beside the system's.
    Postgres {
        /// `postgres://user@host/database`.
        url: String,
        /// PEM.
        authorities: Option<PathBuf>,
    },
}

impl Place {
    /// Reads a place as a configuration or a person writes it: a URL, or a file's name.
    ///
    /// Errors: [`PlaceError`]: a URL of something else.
    pub fn read(text: &str, home: &Path, authorities: Option<PathBuf>) -> Result<Self, PlaceError> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres { url: text.to_owned(), authorities }),
            Some((scheme, _)) => Err(PlaceError { scheme: scheme.to_owned() }),
            None => Ok(Self::File(home.join(text))),
        }
    }
}

/// The password of a URL is not shown.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres { url, .. } => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                write!(f, "{scheme}://{}", rest.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// How long a server is waited for. SQLite has a bound of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a lock that somebody else holds.
    pub lock: Duration,
    /// For one statement, and for a server that says nothing.
    pub statement: Duration,
}

impl Patience {
    /// Somebody looks on, and can end it.
    pub const COMMAND: Self = Self { lock: Duration::from_secs(10), statement: Duration::from_hours(1) };
    /// Somebody waits for a long answer.
    pub const WORK: Self = Self { lock: Duration::from_secs(3), statement: Duration::from_mins(5) };
    /// Something else waits: a page, a gateway that ends, somebody who is about to sign.
    pub const BESIDE: Self = Self { lock: Duration::from_secs(3), statement: Duration::from_secs(10) };
}

/// A URL of something that no index is kept in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{scheme}:` is no place for an index: give a file for SQLite, or `postgres://…`")]
pub struct PlaceError {
    scheme: String,
}

/// Why a database did not do what it was told. What was under way was not done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("SQLite could not {step}")]
    Sqlite {
        /// What was tried.
        step: &'static str,
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
    /// PostgreSQL says no, or is gone.
    #[error("PostgreSQL could not {step}")]
    Postgres {
        /// What was tried.
        step: &'static str,
        /// What it says.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Somebody holds a lock on what is needed, or it takes too long.
    #[error(
        "PostgreSQL could not {step} in time: somebody holds a lock on the index's tables, or it is busy"
    )]
    Held {
        /// What was tried.
        step: &'static str,
        /// What it says.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server is there, and says nothing.
    #[error("PostgreSQL could not {step}: the server does not answer")]
    Silent {
        /// What was tried.
        step: &'static str,
    },
    /// The certificate authorities cannot be used.
    #[error("the certificate authorities in {file} cannot be used: {why}")]
    Authorities {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A column of an answer is of a kind that is not read.
    #[error(
        "column `{column}` of the answer is neither a text nor a whole number: write `CAST(… AS BIGINT)`"
    )]
    Column {
        /// Its name.
        column: String,
    },
}

impl StoreError {
    /// Whether asking again later may help: the database is away, or busy.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Sqlite { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
            ),
            Self::Postgres { source, .. } => source.is_closed() || source.as_db_error().is_none(),
            Self::Held { .. } | Self::Silent { .. } => true,
            Self::Authorities { .. } | Self::Column { .. } => false,
        }
    }
}

/// What both databases can do.
pub(crate) trait Store: Send + fmt::Debug {
    /// Which it is.
    fn dialect(&self) -> Dialect;

    /// Begins a change that is done whole or not at all, and that no other writer is in at the same time.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Ends it: everything since is durable.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Ends it: nothing since was done. An error is of no use: the next [`Store::begin`] says it.
    fn abandon(&mut self);

    /// Runs statements that give nothing.
    fn run(&mut self, sql: &str) -> Result<(), StoreError>;

    /// Runs one statement with values; how many rows it changed.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError>;

    /// Inserts rows, each as wide as the table.
    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError>;

    /// Asks.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Answer, StoreError>;

    /// Asks what a stranger wrote and [`crate::statement`] has read, within bounds, of a store that was set to read only;
    /// afterwards it answers nothing else.
    fn ask(&mut self, sql: &str, bounds: &Bounds, elapsed: Elapsed) -> Result<Asked, AskError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_file_or_a_url_and_shows_no_password() {
        let read = |text: &str| Place::read(text, Path::new("/home"), None).map(|place| place.to_string());
        assert_eq!(read("index.sqlite").unwrap(), "/home/index.sqlite");
        assert_eq!(read("/x/index.sqlite").unwrap(), "/x/index.sqlite");
        assert_eq!(
            read("postgres://ada:secret@db:5432/eosin?sslmode=require").unwrap(),
            "postgres://db:5432/eosin"
        );
        assert!(read("mysql://db").unwrap_err().to_string().starts_with("`mysql:` is no place"));
        let place = Place::read("postgres://ada:se@cret@db/eosin", Path::new("/"), None).unwrap();
        assert!(!format!("{place:?}").contains("cret@"), "{place:?}");
    }
}
