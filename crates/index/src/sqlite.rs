//! An index in a SQLite file.

use std::path::Path;

use rusqlite::{
    Connection, ErrorCode, OpenFlags, ToSql,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    asking::{AskError, Asked, Bounds, Elapsed, Seen, Taken, VALUE_MAX},
    growth::COLUMNS_MAX,
    schema::{Dialect, Table, is_documented},
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
                values.push(seen(row.get_ref(place).map_err(&failed)?, column)?.into());
            }
            rows.push(values);
        }
        Ok(Answer { columns, rows })
    }

    fn ask(&mut self, sql: &str, bounds: &Bounds, mut elapsed: Elapsed) -> Result<Asked, AskError> {
        // What is sorted or kept meanwhile goes to a file and not to memory: it is as much as fits in the time.
        let set = "PRAGMA temp_store = FILE; PRAGMA cache_size = -8192;";
        self.connection.execute_batch(set).map_err(failed("be bounded"))?;
        let failed = |source| faulty(source, bounds);
        let value_max = i32::try_from(VALUE_MAX).unwrap_or(i32::MAX);
        let columns_max = i32::try_from(COLUMNS_MAX).unwrap_or(i32::MAX);
        for (limit, most) in [
            (Limit::SQLITE_LIMIT_LENGTH, value_max),
            (Limit::SQLITE_LIMIT_COLUMN, columns_max),
            (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_MAX),
        ] {
            self.connection.set_limit(limit, most).map_err(failed)?;
        }
        let time = bounds.time;
        let is_over = move || elapsed() > time;
        self.connection.progress_handler(STEPS, Some(is_over)).map_err(failed)?;
        self.connection.authorizer(Some(|asked: AuthContext<'_>| allowed(&asked.action))).map_err(failed)?;
        let most = u64::from(bounds.rows) + 1;
        // Asked for its names first: within another one, two that are the same are changed.
        let inner = self.connection.prepare(sql).map_err(failed)?;
        let columns: Vec<String> = inner.column_names().map(str::to_owned).collect();
        let sql = format!("SELECT * FROM ({sql}) AS asked LIMIT {most}");
        let mut statement = self.connection.prepare(&sql).map_err(failed)?;
        let mut found = statement.query([]).map_err(failed)?;
        let mut taken = Taken::new(bounds);
        while let Some(row) = found.next().map_err(failed)? {
            let places = columns.iter().enumerate();
            let values = places.map(|(place, column)| {
                let found = row.get_ref(place).map_err(failed)?;
                seen(found, column).map_err(|error| AskError::Query(error.to_string()))
            });
            if !taken.take(values)? {
                return Ok(taken.end(columns, true));
            }
        }
        Ok(taken.end(columns, false))
    }
}

/// Steps of SQLite's machine between two looks at the time: a step may be a search through a long text.
const STEPS: i32 = 100;
/// Bytes of the pattern of a `LIKE` at most: it is held against every place of a text.
const PATTERN_MAX: i32 = 256;

/// The second lock, behind [`crate::statement`]: reading of the documented tables alone.
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not named here is refused")]
fn allowed(action: &AuthAction<'_>) -> Authorization {
    match action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Function { .. } => Authorization::Allow,
        AuthAction::Read { table_name, .. } if is_documented(table_name) => Authorization::Allow,
        // What a query itself names, of which no column is read.
        AuthAction::Read { table_name, column_name: "" } if !table_name.starts_with("sqlite_") => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// Whose fault it is that there is no answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "what SQLite does not lay to a query is its own trouble")]
fn faulty(source: rusqlite::Error, bounds: &Bounds) -> AskError {
    let code = match &source {
        rusqlite::Error::SqlInputError { error, .. } => Some(error.code),
        _ => source.sqlite_error_code(),
    };
    match (code, &source) {
        (Some(ErrorCode::OperationInterrupted), _) => AskError::Slow(bounds.time),
        (Some(ErrorCode::TooBig), _) => AskError::long(),
        (Some(ErrorCode::AuthorizationForStatementDenied), _) => {
            AskError::Query("the query asks for what is not in docs/index.md".to_owned())
        }
        (
            // A text that counts rows is a mismatch: `LIMIT 'a'`.
            Some(ErrorCode::Unknown | ErrorCode::TypeMismatch),
            rusqlite::Error::SqliteFailure(_, Some(says)) | rusqlite::Error::SqlInputError { msg: says, .. },
        ) => AskError::Query(says.clone()),
        _ => AskError::Store(StoreError::Sqlite { step: "answer", source }),
    }
}

/// A value of a row, not copied.
///
/// Errors: [`StoreError::Column`] alone.
fn seen<'a>(found: ValueRef<'a>, column: &str) -> Result<Seen<'a>, StoreError> {
    Ok(match found {
        ValueRef::Null => Seen::Null,
        ValueRef::Integer(integer) => Seen::Integer(integer),
        ValueRef::Text(text) => Seen::Text(text),
        ValueRef::Real(_) | ValueRef::Blob(_) => {
            return Err(StoreError::Column { column: column.to_owned() });
        }
    })
}
