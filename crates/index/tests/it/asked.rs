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
            assert_eq!((asked.answer, asked.is_cut), (owner, false), "{query}");
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
            ("SELECT entry FROM rulings GROUP", "not read as SQL"),
            (
                "WITH RECURSIVE n AS (SELECT 'xxxxxxxx' AS t, 1 AS i UNION ALL SELECT t || t, i + 1 FROM n WHERE i < 17) \
                 SELECT t FROM n",
                "longer than 256 KiB",
            ),
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
        // SQLite is stopped by this clock, on which a second goes by at each look; PostgreSQL by its own.
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
