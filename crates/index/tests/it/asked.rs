//! What a program elsewhere asks in SQL: the same on both databases, and never more than the bounds allow.

use std::time::Duration;

use index::{AskError, Asked, Bounds, Index, Place, TABLES, VIEWS, Value};

use crate::stage::{Databases, Growing};

const BOUNDS: Bounds = Bounds { rows: 100, bytes: 64 * 1024, time: Duration::from_mins(1) };

/// Asks within bounds, on a clock that stands still.
fn ask(place: &Place, sql: &str, bounds: &Bounds) -> Result<Asked, AskError> {
    Index::open(place).unwrap().ask_within(sql, bounds, || Duration::ZERO)
}

fn filled(databases: &Databases) -> Growing {
    let mut ledger = Growing::new("one.example/log", 1);
    ledger.grow(600);
    for place in databases.places() {
        Index::renew(&place).unwrap().follow(&ledger.path(), &mut |_| {}).unwrap();
    }
    ledger
}

#[test]
fn every_query_of_the_page_is_answered_as_the_owner_is() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/index.md");
    let page = std::fs::read_to_string(page).unwrap();
    for place in databases.places() {
        for query in page.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap()) {
            let asked = ask(&place, query, &BOUNDS).unwrap_or_else(|error| panic!("{query}: {error:?}"));
            let owner = Index::open(&place).unwrap().read_only().unwrap().ask(query, 100).unwrap();
            assert!(asked == owner && !owner.is_cut, "{query}: {asked:?}, {owner:?}");
        }
    }
}

#[test]
fn an_answer_has_so_many_rows_and_bytes_and_says_that_there_are_more() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    for place in databases.places() {
        for (sql, rows, bytes, given, is_cut) in [
            ("SELECT entry FROM rulings ORDER BY entry", 3, 64 * 1024, 3, true),
            ("SELECT entry FROM rulings ORDER BY entry LIMIT 3", 3, 64 * 1024, 3, false),
            ("SELECT entry FROM rulings ORDER BY entry", 100, 40, 5, true),
            ("SELECT entry, entry FROM rulings ORDER BY entry LIMIT 2", 100, 32, 2, false),
            ("SELECT origin FROM rulings", 100, 15 * 4, 4, true),
            ("SELECT origin FROM rulings", 0, 64 * 1024, 0, true),
            ("SELECT COUNT(*) FROM ledgers", 1, 64 * 1024, 1, false),
            (
                "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 7",
                9,
                999,
                7,
                false,
            ),
        ] {
            let asked = ask(&place, sql, &Bounds { rows, bytes, ..BOUNDS })
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            assert_eq!((asked.answer.rows.len(), asked.is_cut), (given, is_cut), "{place}: {sql}");
        }
        let asked = ask(&place, "SELECT 1 AS a, 'x' AS a, NULLIF(1, 1) AS b", &BOUNDS).unwrap();
        assert_eq!(asked.answer.columns, ["a", "a", "b"]);
        assert_eq!(asked.answer.rows, [[Value::Integer(1), Value::text("x"), Value::Null]]);
    }
}

#[test]
fn what_a_query_does_wrong_is_said_and_is_not_the_databases_fault() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    for place in databases.places() {
        for (sql, says) in [
            ("SELECT missing FROM rulings", "missing"),
            ("SELECT * FROM eosin_index", "docs/index.md has all of them"),
            ("SELECT 0.5 AS half", "`half`"),
            ("SELECT lower(1, 2, 3)", "lower"),
            ("SELECT 1 AS one LIMIT 'a'", "type"),
            ("SELECT entry FROM rulings GROUP", "not read as SQL"),
        ] {
            let error = ask(&place, sql, &Bounds { bytes: usize::MAX, ..BOUNDS }).unwrap_err();
            let AskError::Query(said) = &error else { panic!("{place}: {sql}: {error:?}") };
            assert!(said.contains(says), "{place}: {sql}: {said}");
        }
    }
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    let endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    for place in databases.places() {
        // A second goes by at each look.
        let mut looks = 0;
        let elapsed = move || {
            looks += 1;
            Duration::from_secs(looks)
        };
        let bounds = Bounds { time: Duration::from_millis(1_500), ..BOUNDS };
        let error = Index::open(&place).unwrap().ask_within(endless, &bounds, elapsed).unwrap_err();
        assert!(matches!(error, AskError::Slow(time) if time == bounds.time), "{place}: {error:?}");
    }
}

#[test]
fn what_two_parsers_read_differently_reaches_no_database() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    for place in databases.places() {
        for sql in [
            r"SELECT 'a\'' UNION SELECT name FROM patients WHERE name <> $x$' AS k$x$",
            r"SELECT 'a\'' UNION SELECT relname::text FROM pg_class WHERE relname <> $x$' AS k$x$",
            r"SELECT 'a\'' || pg_read_file($x$PG_VERSION$x$) || $x$' AS k$x$",
            "SELECT 1 AS [a]], hex(randomblob(4)) AS [b]",
            "SELECT 1 AS [a]], 2 AS [b]",
            "SELECT 1 AS current_schema, current_schema",
            "SELECT a.row_to_json FROM ledgers a",
        ] {
            let asked = ask(&place, sql, &BOUNDS);
            let is_refused = matches!(&asked, Err(AskError::Query(why)) if !why.contains("patients"));
            assert!(is_refused, "{place}: {sql}: {asked:?}");
        }
        let asked = ask(&place, "SELECT 'a''''b' AS a, '''' AS \"b c\"", &BOUNDS).unwrap();
        assert_eq!(asked.answer.columns, ["a", "b c"]);
        assert_eq!(asked.answer.rows, [[Value::text("a''b"), Value::text("'")]]);
    }
}

#[test]
fn every_column_of_every_table_and_view_is_asked_by_its_name() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    for place in databases.places() {
        let names = TABLES.iter().map(|table| table.name).chain(VIEWS.iter().map(|(name, _)| *name));
        for name in names {
            let all = ask(&place, &format!("SELECT * FROM {name}"), &BOUNDS).unwrap();
            let columns: Vec<String> =
                all.answer.columns.iter().map(|column| format!("t.{column}")).collect();
            let sql = format!("SELECT {} FROM {name} AS t", columns.join(", "));
            let again = ask(&place, &sql, &BOUNDS).unwrap();
            assert_eq!(again.answer.columns, all.answer.columns, "{place}: {sql}");
        }
    }
}

#[test]
fn no_value_grows_and_no_single_step_takes_long() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    let doubled =
        "WITH RECURSIVE r AS (SELECT 'aaaaaaaa' AS s UNION ALL SELECT s||s FROM r WHERE length(s)<100000)";
    let columns = |count: usize, of: &str| vec![of; count].join(",");
    for place in databases.places() {
        for sql in [
            format!(
                "{doubled} SELECT COUNT(*) FROM (SELECT s FROM r WHERE length(s)>=100000) a, \
                 (SELECT s FROM r WHERE length(s)=32768) b WHERE a.s LIKE '%'||b.s||'b'"
            ),
            format!("{doubled} SELECT {} FROM r", columns(1_900, "s")),
            "WITH a AS (SELECT 'x' AS s), b AS (SELECT s||s AS s FROM a) SELECT s FROM b".to_owned(),
            "WITH a AS (SELECT 'x' AS s, 'y' AS t), b AS (SELECT CAST(a AS TEXT) AS s FROM a) SELECT s FROM b"
                .to_owned(),
            "WITH a AS (SELECT 'x' AS s) SELECT CAST(a AS TEXT) FROM a".to_owned(),
            "SELECT CAST(rulings AS TEXT) FROM rulings".to_owned(),
            "SELECT rulings || 'y' FROM rulings".to_owned(),
            "SELECT CAST(('x', 'x') AS TEXT)".to_owned(),
            // A name that the query gives is no type.
            "SELECT lower(CAST(rulings AS bpchar)) FROM rulings, (SELECT 1 AS bpchar) q LIMIT 1".to_owned(),
            "SELECT CAST(rulings AS name) FROM rulings, (SELECT 1 AS name) q LIMIT 1".to_owned(),
            "SELECT CAST(CAST('pg_authid' AS regclass) AS bigint) FROM (SELECT 1 AS regclass) q".to_owned(),
            "SELECT CAST('postgres' AS regrole) FROM (SELECT 1 AS regrole) q".to_owned(),
            "SELECT CAST('x' AS \"text\")".to_owned(),
            flattened(19, "coalesce(nullif(s,'y'),lower(s))"),
            flattened(8, "coalesce(s,s,s,s)"),
            "SELECT 'x' || ('x', 'x')".to_owned(),
            "SELECT CAST(COALESCE(r.*, r.*) AS TEXT) FROM rulings r".to_owned(),
            format!("SELECT {}", vec!["'x'"; 18].join("||")),
            format!("SELECT {}", columns(201, "1")),
            format!("SELECT {} FROM rulings", columns(150, "*")),
            "SELECT string_agg(origin, ',') FROM rulings".to_owned(),
            "SELECT group_concat(origin) FROM rulings".to_owned(),
            "SELECT trim(origin, origin) FROM rulings".to_owned(),
            "SELECT rtrim(origin, 'x') FROM rulings".to_owned(),
            "SELECT TRIM(BOTH 'x' FROM origin) FROM rulings".to_owned(),
        ] {
            let asked = ask(&place, &sql, &BOUNDS);
            assert!(matches!(asked, Err(AskError::Query(_))), "{place}: {sql}: {asked:?}");
        }
        let text = "x".repeat(1_000);
        let (pattern, row) =
            (format!("SELECT 1 WHERE 'x' LIKE '{text}'"), format!("SELECT '{text}' AS a, 1 AS b"));
        // PostgreSQL looks at its clock within a search.
        let asked = ask(&place, &pattern, &BOUNDS);
        assert_eq!(asked.is_err(), matches!(place, Place::File(_)), "{place}: {asked:?}");
        for (bytes, rows) in [(1_008, 1), (1_007, 0), (999, 0)] {
            let asked = ask(&place, &row, &Bounds { bytes, ..BOUNDS }).unwrap();
            assert_eq!((asked.answer.rows.len(), asked.is_cut), (rows, rows == 0), "{place}: {bytes}");
        }
        let long = format!(
            "WITH a AS (SELECT '{}' AS s) SELECT {} FROM a",
            "x".repeat(7_750),
            vec!["s"; 17].join("||")
        );
        let asked = ask(&place, &long, &Bounds { bytes: usize::MAX, ..BOUNDS });
        let says = "longer than 128 KiB";
        assert!(matches!(&asked, Err(AskError::Query(why)) if why.contains(says)), "{place}: {asked:?}");
        for sql in [flattened(4, "coalesce(nullif(s,'y'),lower(s))"), flattened(30, "lower(s)")] {
            assert_eq!(ask(&place, &sql, &BOUNDS).unwrap().answer.rows.len(), 1, "{place}: {sql}");
        }
        let joined =
            ask(&place, "SELECT origin || '#' || CAST(entry AS TEXT) AS place FROM rulings LIMIT 1", &BOUNDS);
        assert_eq!(joined.unwrap().answer.rows.len(), 1);
    }
}

/// Queries within queries, each of which names the column of the one before in this expression.
fn flattened(levels: usize, expression: &str) -> String {
    let within =
        (1..=levels).map(|level| format!(", a{level} AS (SELECT {expression} AS s FROM a{} x)", level - 1));
    format!(
        "WITH a0 AS (SELECT boundary AS s FROM rulings){} SELECT COUNT(s) FROM a{levels}",
        within.collect::<String>()
    )
}

#[test]
fn a_server_has_what_is_left_of_the_time_and_no_more() {
    let databases = Databases::new();
    let _ledger = filled(&databases);
    let Some(server) = databases.server() else { return };
    let endless = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    let hour = Bounds { time: Duration::from_hours(1), ..BOUNDS };
    for gone in [hour.time.saturating_sub(Duration::from_millis(300)), hour.time] {
        let error =
            Index::open(&server.place()).unwrap().ask_within(endless, &hour, move || gone).unwrap_err();
        assert!(matches!(error, AskError::Slow(time) if time == hour.time), "{error:?}");
    }
    // The last of its steps begins when no time is left.
    let mut looks = 0;
    let elapsed = move || {
        looks += 1;
        hour.time.saturating_sub(Duration::from_mins(3 - looks))
    };
    let error = Index::open(&server.place()).unwrap().ask_within("SELECT 1", &hour, elapsed).unwrap_err();
    assert!(matches!(error, AskError::Slow(_)), "{error:?}");
}
