//! An index in a PostgreSQL database, which many gateways and analysts may share.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::pin,
    str::FromStr as _,
    time::Duration,
};

use tokio::{
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_postgres::{
    Client, Column, Config, Row, Statement,
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use tokio_stream::StreamExt as _;

use crate::{
    asking::{AskError, Asked, Bounds, Elapsed, Seen, Taken, VALUE_MAX},
    growth::COLUMNS_MAX,
    schema::{Dialect, Kind, Table},
    store::{Patience, Store, StoreError},
    tls::Tls,
    value::{Answer, Value},
};

/// A connection to a PostgreSQL database.
pub(crate) struct Postgres {
    // Before the runtime, which what it has under way belongs to.
    client: Client,
    runtime: Runtime,
    patience: Patience,
    /// Prepared statements by their text, at most [`PREPARED_MAX`]: rows are inserted in powers of two.
    prepared: BTreeMap<String, Statement>,
}

/// Most rows of one statement. Each statement crosses the network once.
const ROWS_MAX: usize = 128;
/// Most statements that the server keeps ready; past that all are made again.
const PREPARED_MAX: usize = 256;
/// How long a connection may take, until the server says that it is ready.
const CONNECT: Duration = Duration::from_secs(10);
/// How much longer than the server itself is given an answer is waited for: it says that it gave up.
const GRACE: Duration = Duration::from_secs(3);
/// How long a server may say nothing at all before it is asked whether it is still there, and how often it is asked.
const SILENT: Duration = Duration::from_secs(5);

impl Postgres {
    /// Connects. The server's certificate is checked wherever the URL's `sslmode` has TLS spoken.
    ///
    /// Bounds: nothing is waited for longer than `patience` has it: neither somebody's lock, which the server ends, nor a server
    ///         that is there and says nothing, which is left.
    pub(crate) fn open(
        url: &str,
        authorities: Option<&Path>,
        patience: Patience,
    ) -> Result<Self, StoreError> {
        const STEP: &str = "connect";
        let mut config = Config::from_str(url).map_err(failed(STEP))?;
        config.connect_timeout(CONNECT).tcp_user_timeout(CONNECT).application_name("eosin index");
        config.keepalives(true).keepalives_idle(SILENT).keepalives_interval(SILENT).keepalives_retries(2);
        let tls = Tls::new(authorities).map_err(|why| StoreError::Authorities {
            file: authorities.map(PathBuf::from).unwrap_or_default().display().to_string(),
            why,
        })?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|_| StoreError::Silent { step: STEP })?;
        let connect = CONNECT.min(patience.statement);
        let connected = runtime.block_on(async { timeout(connect, config.connect(tls)).await });
        let connected = connected.map_err(|_| StoreError::Silent { step: STEP })?;
        let (client, connection) = connected.map_err(failed(STEP))?;
        // It is at work whenever an answer is waited for.
        runtime.spawn(async move { drop(connection.await) });
        let store = Self { client, runtime, patience, prepared: BTreeMap::new() };
        let set = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            patience.lock.as_millis(),
            patience.statement.as_millis()
        );
        store.told(STEP, store.client.batch_execute(&set))?;
        Ok(store)
    }

    /// Waits for an answer, for as long as there is patience.
    fn waited<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let most = self.patience.statement.saturating_add(GRACE);
        self.runtime.block_on(async { timeout(most, answer).await }).ok()
    }

    fn told<T>(
        &self,
        step: &'static str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.waited(answer).ok_or(StoreError::Silent { step })?.map_err(failed(step))
    }

    fn prepare(&mut self, sql: &str, kinds: &[Type]) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.told("prepare a statement", self.client.prepare_typed(sql, kinds))?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postgres")
    }
}

fn failed(step: &'static str) -> impl Fn(tokio_postgres::Error) -> StoreError {
    move |source| match source.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED) => StoreError::Held { step, source },
        _ => StoreError::Postgres { step, source },
    }
}

impl ToSql for Value {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(integer) => integer.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
        }
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::TEXT)
    }

    to_sql_checked!();
}

fn kind_of(value: &Value) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Null | Value::Text(_) => Type::TEXT,
    }
}

fn bound(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Store for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        self.told("begin to write", self.client.batch_execute("BEGIN"))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.told("finish writing", self.client.batch_execute("COMMIT"))
    }

    fn abandon(&mut self) {
        drop(self.told("undo what was begun", self.client.batch_execute("ROLLBACK")));
    }

    fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.prepared.clear();
        self.told("change its tables", self.client.batch_execute(sql))
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, StoreError> {
        let kinds: Vec<Type> = values.iter().map(kind_of).collect();
        let statement = self.prepare(sql, &kinds)?;
        self.told("write", self.client.execute(&statement, &bound(values)))
    }

    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let mut rest = rows;
        while !rest.is_empty() {
            let size = ROWS_MAX.min(1 << rest.len().ilog2());
            let (some, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = after;
            let kinds: Vec<Type> =
                some.iter().flat_map(|_| table.columns.iter().map(|column| type_of(column.kind))).collect();
            let statement = self.prepare(&table.insert(some.len()), &kinds)?;
            let values: Vec<&(dyn ToSql + Sync)> = some.iter().flat_map(|row| bound(row)).collect();
            self.told("add rows", self.client.execute(&statement, &values))?;
        }
        Ok(())
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Answer, StoreError> {
        let kinds: Vec<Type> = values.iter().map(kind_of).collect();
        let statement = self.prepare(sql, &kinds)?;
        let columns: Vec<String> =
            statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let found = self.told("answer", self.client.query(&statement, &bound(values)))?;
        let rows = found.iter().map(row).collect::<Result<_, _>>()?;
        Ok(Answer { columns, rows })
    }

    fn ask(&mut self, sql: &str, bounds: &Bounds, mut elapsed: Elapsed) -> Result<Asked, AskError> {
        let failed = |source| faulty(source, bounds);
        self.hurry(bounds, &mut elapsed)?;
        let inner = self.asked(bounds, self.client.prepare(sql))?;
        let columns: Vec<String> = inner.columns().iter().map(|column| column.name().to_owned()).collect();
        let sql = weighed(sql, &inner, bounds)?;
        self.hurry(bounds, &mut elapsed)?;
        let outer = self.asked(bounds, self.client.prepare(&sql))?;
        self.hurry(bounds, &mut elapsed)?;
        let none: [&(dyn ToSql + Sync); 0] = [];
        let found = self.asked(bounds, self.client.query_raw(&outer, none))?;
        let mut found = pin!(found);
        let mut taken = Taken::new(bounds);
        while let Some(row) = self.asked(bounds, found.try_next())? {
            let bytes: i64 = row.try_get(columns.len()).map_err(failed)?;
            let is_more = usize::try_from(bytes).map_or(true, |bytes| bytes > bounds.bytes);
            let places = row.columns().iter().enumerate().take(columns.len());
            let values = places.map(|(place, column)| Ok(seen(&row, place, column)?));
            if is_more || !taken.take(values)? {
                return Ok(taken.end(columns, true));
            }
        }
        Ok(taken.end(columns, false))
    }
}

impl Postgres {
    /// Gives the next step what is left of the time.
    fn hurry(&mut self, bounds: &Bounds, elapsed: &mut Elapsed) -> Result<(), AskError> {
        let left = bounds.time.saturating_sub(elapsed()).as_millis();
        if left == 0 {
            return Err(AskError::Slow(bounds.time));
        }
        let set = format!("SET statement_timeout = {left}; SET lock_timeout = {left}");
        self.asked(bounds, self.client.batch_execute(&set))
    }

    /// Waits for one step of an answer to a stranger.
    fn asked<T>(
        &self,
        bounds: &Bounds,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, AskError> {
        let answer = self.waited(answer).ok_or(AskError::Store(StoreError::Silent { step: "answer" }))?;
        answer.map_err(|source| faulty(source, bounds))
    }
}

/// A query around another one: its columns, nothing in them if a row is longer than all may be, and the bytes of the row.
fn weighed(sql: &str, inner: &Statement, bounds: &Bounds) -> Result<String, AskError> {
    let columns = inner.columns();
    if columns.is_empty() {
        return Err(AskError::Query("the query asks for no column".to_owned()));
    }
    if columns.len() > COLUMNS_MAX {
        return Err(AskError::Query(format!("a query asks for {COLUMNS_MAX} columns at most")));
    }
    let most = i64::try_from(bounds.bytes).unwrap_or(i64::MAX);
    let (mut shown, mut bytes) = (Vec::with_capacity(columns.len()), vec!["CAST(0 AS BIGINT)".to_owned()]);
    for (place, column) in columns.iter().enumerate() {
        let value = match *column.type_() {
            Type::INT8 | Type::INT4 => format!("c{place}"),
            Type::TEXT | Type::VARCHAR => {
                bytes.push(format!("COALESCE(OCTET_LENGTH(c{place}), 0)"));
                // Too long is seen by one character more, and the rest is not sent.
                format!("LEFT(c{place}, {})", VALUE_MAX + 1)
            }
            _ => {
                let column = column.name().to_owned();
                return Err(AskError::Query(StoreError::Column { column }.to_string()));
            }
        };
        shown.push(format!("CASE WHEN bytes <= {most} THEN {value} END"));
    }
    let names: Vec<String> = (0..columns.len()).map(|place| format!("c{place}")).collect();
    let (shown, names, bytes) = (shown.join(", "), names.join(", "), bytes.join(" + "));
    let rows = u64::from(bounds.rows) + 1;
    Ok(format!(
        "SELECT {shown}, bytes FROM (SELECT {names}, {bytes} AS bytes FROM ({sql}) AS asked ({names}) LIMIT {rows}) \
         AS weighed"
    ))
}

/// A value of a row, not copied.
fn seen<'a>(row: &'a Row, place: usize, column: &Column) -> Result<Seen<'a>, StoreError> {
    let failed = failed("answer");
    let seen = match *column.type_() {
        Type::INT8 => row.try_get::<_, Option<i64>>(place).map_err(failed)?.map(Seen::Integer),
        Type::INT4 => {
            row.try_get::<_, Option<i32>>(place).map_err(failed)?.map(|value| Seen::Integer(value.into()))
        }
        Type::TEXT | Type::VARCHAR => {
            row.try_get::<_, Option<&str>>(place).map_err(failed)?.map(|text| Seen::Text(text.as_bytes()))
        }
        _ => return Err(StoreError::Column { column: column.name().to_owned() }),
    };
    Ok(seen.unwrap_or(Seen::Null))
}

/// Whose fault it is that there is no answer: a state of these classes is PostgreSQL's own trouble.
fn faulty(source: tokio_postgres::Error, bounds: &Bounds) -> AskError {
    const TROUBLE: [&str; 5] = ["08", "53", "57", "58", "XX"];
    match source.as_db_error() {
        Some(error) if *error.code() == SqlState::QUERY_CANCELED => AskError::Slow(bounds.time),
        Some(error) if !TROUBLE.iter().any(|class| error.code().code().starts_with(class)) => {
            AskError::Query(error.message().to_owned())
        }
        _ => AskError::Store(StoreError::Postgres { step: "answer", source }),
    }
}

fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Text | Kind::MaybeText => Type::TEXT,
        Kind::Integer | Kind::MaybeInteger => Type::INT8,
    }
}

fn row(row: &Row) -> Result<Vec<Value>, StoreError> {
    let places = row.columns().iter().enumerate();
    places.map(|(place, column)| seen(row, place, column).map(Value::from)).collect()
}
