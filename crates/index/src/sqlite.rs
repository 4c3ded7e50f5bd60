//! An index in a SQLite file.

use std::path::Path;

use rusqlite::{
    Connection, OpenFlags, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    schema::{Dialect, Table},
    store::{Store, StoreError},
    value::{Answer, Value},
};

/// An open SQLite file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    connection: Connection,
}

/// How long a writer waits for another one, in milliseconds.
const BUSY_MS: u32 = 5_000;

impl Sqlite {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Sqlite { step: "open the file", source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        // A view that can be made again needs no more than to survive a crash of the program whole: with NORMAL, a
        // crash of the machine loses the last batches, whose bookmark goes with them.
        let set = format!(
            "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536;"
        );
        connection.execute_batch(&set).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Self { connection })
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

fn failed(step: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Sqlite { step, source }
}

impl Store for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(failed("begin to write"))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("COMMIT").map_err(failed("finish writing"))
    }

    fn abandon(&mut self) {
        drop(self.connection.execute_batch("ROLLBACK"));
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(sql).map_err(failed("change its tables"))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let failed = failed("write");
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let changed = statement.execute(params_from_iter(values)).map_err(&failed)?;
        Ok(changed as u64)
    }

    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let failed = failed("add rows");
        let mut statement = self.connection.prepare_cached(&table.insert(1)).map_err(&failed)?;
        for row in rows {
            statement.execute(params_from_iter(row)).map_err(&failed)?;
        }
        Ok(())
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Answer, StoreError> {
        let failed = failed("answer");
        let mut statement = self.connection.prepare_cached(sql).map_err(&failed)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut found = statement.query(params_from_iter(values)).map_err(&failed)?;
        let mut rows = Vec::new();
        while let Some(row) = found.next().map_err(&failed)? {
            let mut values = Vec::with_capacity(columns.len());
            for (place, column) in columns.iter().enumerate() {
                values.push(match row.get_ref(place).map_err(&failed)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(integer) => Value::Integer(integer),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Real(_) | ValueRef::Blob(_) => {
                        return Err(StoreError::Column { column: column.clone() });
                    }
                });
            }
            rows.push(values);
        }
        Ok(Answer { columns, rows })
    }
}
