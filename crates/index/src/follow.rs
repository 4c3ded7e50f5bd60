//! Reading ledgers into an index: from the bookmark on while they grow, or all over again.

use std::path::Path;

use ledger::{ENTRIES_READ_MAX, ReadError, Reader};
use mark::merkle::leaf_hash;

use crate::{
    asking::Asked,
    batch::Batch,
    postgres::Postgres,
    rows::{self, At},
    schema::{self, Dialect, Name, SCHEMA_VERSION},
    sqlite::Sqlite,
    store::{Patience, Place, Store, StoreError},
    value::{Answer, Value},
};

/// An open index.
///
/// Bounds: the rows of 16,384 entries in memory, or of fewer that have 8 MiB together and those read with the last of them, at
///         most [`ENTRIES_READ_MAX`]; however long the ledgers are.
#[derive(Debug)]
pub struct Index {
    pub(crate) store: Box<dyn Store>,
}

/// Entries of one change: many rows a sync, and pages of an index that many of them fall into are written once.
const ENTRIES_MAX: u64 = 16 * ENTRIES_READ_MAX;
/// Bytes after which a change ends earlier.
const BYTES_MAX: usize = 8 << 20;

/// How an index stands to one ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The ledger's name.
    pub origin: String,
    /// How many entries the ledger has published.
    pub published: u64,
    /// How many of them the index has.
    pub indexed: u64,
    /// The moment of the last of those, if it states one.
    pub last_at: Option<String>,
}

/// What was added up of a ledger's rulings while they were read, and what their rows come to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Rulings, those that were refused, and their records, as they were added up.
    pub added: [u64; 3],
    /// The same, of the rows that are there.
    pub there: [u64; 3],
}

impl Sums {
    /// Whether both are the same.
    pub fn agree(&self) -> bool {
        self.added == self.there
    }
}

impl Standing {
    /// How many entries the index is behind.
    pub fn behind(&self) -> u64 {
        self.published.saturating_sub(self.indexed)
    }
}

impl Index {
    /// Opens the index, and makes its tables where there are none.
    ///
    /// Errors: [`OpenError::Store`]: the database cannot be reached; [`OpenError::Version`]: rebuild it.
    pub fn open(place: &Place) -> Result<Self, OpenError> {
        Self::open_with(place, Patience::COMMAND)
    }

    /// The same, for whoever has more or less patience with its server.
    pub fn open_with(place: &Place, patience: Patience) -> Result<Self, OpenError> {
        let mut index = Self::connect(place, patience)?;
        match index.version()? {
            Some(SCHEMA_VERSION) => Ok(index),
            Some(version) => Err(OpenError::Version { version }),
            None => {
                index.make()?;
                Ok(index)
            }
        }
    }

    /// Opens the index with empty tables, whatever was there.
    pub fn renew(place: &Place) -> Result<Self, StoreError> {
        let mut index = Self::connect(place, Patience::COMMAND)?;
        index.make()?;
        Ok(index)
    }

    fn connect(place: &Place, patience: Patience) -> Result<Self, StoreError> {
        let store: Box<dyn Store> = match place {
            Place::File(path) => Box::new(Sqlite::open(path)?),
            Place::Postgres { url, authorities } => {
                Box::new(Postgres::open(url, authorities.as_deref(), patience)?)
            }
        };
        Ok(Self { store })
    }

    /// Its schema's version, if it has tables.
    fn version(&mut self) -> Result<Option<i64>, StoreError> {
        let there = match self.store.dialect() {
            Dialect::Sqlite => {
                "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'eosin_index'"
            }
            Dialect::Postgres => {
                "SELECT COUNT(*) FROM pg_catalog.pg_class c WHERE c.relname = 'eosin_index' AND c.relkind = 'r' \
                 AND pg_catalog.pg_table_is_visible(c.oid)"
            }
        };
        if self.number(there, &[])? == Some(0) {
            return Ok(None);
        }
        self.number("SELECT MAX(version) FROM eosin_index", &[])
    }

    fn number(&mut self, sql: &str, values: &[Value]) -> Result<Option<i64>, StoreError> {
        let answer = self.store.query(sql, values)?;
        Ok(match answer.rows.first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => Some(*number),
            Some(Value::Text(_) | Value::Null) | None => None,
        })
    }

    fn make(&mut self) -> Result<(), StoreError> {
        let dialect = self.store.dialect();
        self.change(|store| {
            store.run(&schema::drop_all())?;
            store.run(&schema::create_all(dialect))
        })
    }

    /// Does something whole or not at all.
    fn change<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.store.begin()?;
        let done = work(self.store.as_mut()).and_then(|value| self.store.commit().map(|()| value));
        if done.is_err() {
            self.store.abandon();
        }
        done
    }

    /// The same index, that only answers from now on.
    ///
    /// Errors: [`StoreError`].
    pub fn read_only(mut self) -> Result<Self, StoreError> {
        let sql = match self.store.dialect() {
            Dialect::Sqlite => "PRAGMA query_only = ON",
            Dialect::Postgres => "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        };
        self.store.run(sql)?;
        Ok(self)
    }

    /// Asks what the index's owner wrote: one `SELECT`, of whose answer so many rows are given.
    ///
    /// Bounds: the whole answer is in memory.
    pub fn ask(&mut self, sql: &str, rows_max: u32) -> Result<Asked, StoreError> {
        let sql = sql.trim().trim_end_matches(';');
        // One more row tells whether there are more.
        let rows = u64::from(rows_max) + 1;
        let mut answer = self.store.query(&format!("SELECT * FROM ({sql}\n) AS asked LIMIT {rows}"), &[])?;
        let most = usize::try_from(rows_max).unwrap_or(usize::MAX);
        let is_cut = answer.rows.len() > most;
        answer.rows.truncate(most);
        Ok(Asked { answer, is_cut })
    }

    /// Asks.
    ///
    /// Bounds: the whole answer is in memory; ask for as many rows as are wanted.
    pub fn query(&mut self, sql: &str, values: &[Value]) -> Result<Answer, StoreError> {
        self.store.query(sql, values)
    }

    /// How the index stands to the ledger in a folder.
    ///
    /// Errors: [`FollowError`]; [`FollowError::Other`] where it is of another history, of which it says nothing.
    pub fn standing(&mut self, folder: &Path) -> Result<Standing, FollowError> {
        let reader = open_reader(folder)?;
        let bookmark = self.bookmark(reader.origin())?;
        check(&reader, bookmark.as_ref(), folder)?;
        let (indexed, last_at) = bookmark.map_or((0, None), |mark| (mark.entries, mark.last_at));
        Ok(Standing { origin: reader.origin().to_owned(), published: reader.size(), indexed, last_at })
    }

    /// Whether the rows of rulings are as many as were added up when they were read: rows that are gone, or were put in, show.
    ///
    /// Shape:  a ledger's name -> what was added up, and what is there.
    /// Bounds: one look at each row of `rulings` of that ledger.
    pub fn sums(&mut self, origin: &str) -> Result<Sums, StoreError> {
        // One question, so that nothing is read in between.
        let added = |column: &str| {
            format!("(SELECT CAST(COALESCE(SUM({column}), 0) AS BIGINT) FROM boundaries WHERE origin = $1)")
        };
        let there = |what: &str| format!("(SELECT {what} FROM rulings WHERE origin = $1)");
        let sql = format!(
            "SELECT {}, {}, {}, {}, {}, {}",
            added("transactions"),
            added("blocked"),
            added("records"),
            there("COUNT(*)"),
            there("CAST(COALESCE(SUM(CASE WHEN decision = 'block' THEN 1 ELSE 0 END), 0) AS BIGINT)"),
            there("CAST(COALESCE(SUM(records), 0) AS BIGINT)"),
        );
        let answer = self.store.query(&sql, &[Value::text(origin)])?;
        let mut numbers = answer.rows.into_iter().flatten().map(|value| match value {
            Value::Integer(number) => u64::try_from(number).unwrap_or(0),
            Value::Text(_) | Value::Null => 0,
        });
        let mut three = || [(); 3].map(|()| numbers.next().unwrap_or(0));
        Ok(Sums { added: three(), there: three() })
    }

    /// Reads what a ledger has published since the bookmark, and tells `progress` how far it is.
    ///
    /// Each change holds thousands of entries and moves the bookmark with them, so that a crash or a database that
    /// goes away costs at most one of them, and two who follow the same ledger do not write a row twice.
    ///
    /// Errors: [`FollowError`]; what was read before stays.
    pub fn follow(
        &mut self,
        folder: &Path,
        progress: &mut dyn FnMut(&Standing),
    ) -> Result<Standing, FollowError> {
        let reader = open_reader(folder)?;
        let origin = reader.origin().to_owned();
        loop {
            let bookmark = self.bookmark(&origin)?;
            let from = bookmark.as_ref().map_or(0, |mark| mark.entries);
            check(&reader, bookmark.as_ref(), folder)?;
            let last_at = bookmark.as_ref().and_then(|mark| mark.last_at.clone());
            let standing =
                Standing { origin: origin.clone(), published: reader.size(), indexed: from, last_at };
            progress(&standing);
            if from >= reader.size() {
                return Ok(standing);
            }
            self.read_some(&reader, bookmark, folder)?;
        }
    }

    /// Reads up to [`ENTRIES_MAX`] entries, and moves the bookmark unless somebody else has.
    fn read_some(
        &mut self,
        reader: &Reader,
        bookmark: Option<Bookmark>,
        folder: &Path,
    ) -> Result<(), FollowError> {
        let from = bookmark.as_ref().map_or(0, |mark| mark.entries);
        let mut next = Bookmark {
            entries: from,
            last_leaf: String::new(),
            last_at: bookmark.and_then(|mark| mark.last_at),
        };
        let mut batch = Batch::default();
        let mut bytes_read = 0;
        let end = reader.size().min(from.saturating_add(ENTRIES_MAX));
        while next.entries < end && bytes_read < BYTES_MAX {
            let entries = reader.entries(next.entries..end).map_err(|source| damaged(folder, source))?;
            if entries.is_empty() {
                break;
            }
            for bytes in &entries {
                let at = At { origin: reader.origin(), entry: next.entries };
                next.last_at = rows::add(at, bytes, &mut batch).or(next.last_at);
                next.entries += 1;
                bytes_read += bytes.len();
            }
            next.last_leaf = entries.last().map(|bytes| leaf_hash(bytes).to_hex()).unwrap_or_default();
        }
        let origin = reader.origin();
        self.change(|store| {
            if next.move_from(from, origin, store)? {
                batch.write(store)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn bookmark(&mut self, origin: &str) -> Result<Option<Bookmark>, StoreError> {
        let sql = "SELECT entries, last_leaf, last_at FROM ledgers WHERE origin = $1";
        let answer = self.store.query(sql, &[Value::text(origin)])?;
        Ok(answer.rows.into_iter().next().and_then(|row| match <[Value; 3]>::try_from(row) {
            Ok([Value::Integer(entries), Value::Text(last_leaf), last_at]) => Some(Bookmark {
                entries: u64::try_from(entries).unwrap_or(0),
                last_leaf,
                last_at: match last_at {
                    Value::Text(at) => Some(at),
                    Value::Null | Value::Integer(_) => None,
                },
            }),
            _ => None,
        }))
    }
}

/// Up to where a ledger was read, and what stood there.
#[derive(Clone, Debug)]
struct Bookmark {
    entries: u64,
    last_leaf: String,
    last_at: Option<String>,
}

impl Bookmark {
    /// Moves the bookmark; `false` if somebody else has moved it.
    fn move_from(&self, from: u64, origin: &str, store: &mut dyn Store) -> Result<bool, StoreError> {
        let (entries, leaf) = (Value::count(self.entries), Value::text(&self.last_leaf));
        let (origin, at) = (Value::text(origin), Value::maybe(self.last_at.as_deref()));
        if from == 0 {
            let sql = Name::Ledgers.table().insert(1);
            return store.execute(&sql, &[origin, entries, leaf, at]).map(|added| added == 1);
        }
        let sql = "UPDATE ledgers SET entries = $1, last_leaf = $2, last_at = $3 WHERE origin = $4 AND entries = $5";
        store.execute(sql, &[entries, leaf, at, origin, Value::count(from)]).map(|moved| moved == 1)
    }
}

/// Whether the bookmark is of this ledger.
fn check(reader: &Reader, bookmark: Option<&Bookmark>, folder: &Path) -> Result<(), FollowError> {
    let Some(mark) = bookmark.filter(|mark| mark.entries > 0) else { return Ok(()) };
    let behind = || BehindError {
        origin: reader.origin().to_owned(),
        folder: folder.display().to_string(),
        indexed: mark.entries,
        published: reader.size(),
    };
    if mark.entries > reader.size() {
        return Err(FollowError::Other(behind()));
    }
    let last = mark.entries - 1;
    let entries = reader.entries(last..mark.entries).map_err(|source| damaged(folder, source))?;
    if entries.first().is_none_or(|bytes| leaf_hash(bytes).to_hex() != mark.last_leaf) {
        return Err(FollowError::Other(behind()));
    }
    Ok(())
}

fn open_reader(folder: &Path) -> Result<Reader, FollowError> {
    Reader::open(folder).map_err(|source| damaged(folder, source))
}

fn damaged(folder: &Path, source: ReadError) -> FollowError {
    FollowError::Ledger { folder: folder.display().to_string(), source }
}

/// Why an index was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another Eosin made it.
    #[error(
        "the index has the tables of schema {version}, and this is schema {SCHEMA_VERSION}: run `eosin index rebuild`"
    )]
    Version {
        /// The version that is there.
        version: i64,
    },
}

/// Why a ledger was not read on. What was read before stays.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The database says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger cannot be read.
    #[error("the ledger in {folder} cannot be read")]
    Ledger {
        /// Its folder.
        folder: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The index is of another history.
    #[error(transparent)]
    Other(#[from] BehindError),
}

/// What the index holds is not what the ledger in that folder holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the index has {indexed} entries of `{origin}`, and the ledger in {folder} ({published} entries) does not continue \
     them: an older or another ledger lies there; if it is the right one, run `eosin index rebuild`"
)]
pub struct BehindError {
    /// The ledger's name.
    pub origin: String,
    /// Its folder.
    pub folder: String,
    /// How many entries are indexed.
    pub indexed: u64,
    /// How many are published there.
    pub published: u64,
}
