//! What SQLite believes of the tables when it plans a query: said once, for large ones, and never counted.
//!
//! Without any numbers it takes a condition on `origin`, which nearly every row of a ledger shares, for as good a key as any, and
//! joins a million rows to a million rows. Counted numbers would be those of the moment, mostly of an empty index. With these
//! a query is planned the same way from the first row on.
//! Source: sqlite.org/fileformat2.html, "The `sqlite_stat1` Table".

use crate::schema::{TABLES, Table, split};

/// As many rows as each table is said to have.
const ROWS: u64 = 1_000_000;

/// What writes the numbers, after the tables and indexes are there.
pub(crate) fn fixed() -> String {
    // ANALYZE makes the table of numbers; of empty tables it says nothing. The last line has this connection read them.
    let mut lines = vec!["ANALYZE;\nDELETE FROM sqlite_stat1;\n".to_owned()];
    for table in TABLES {
        let key: Vec<&str> = table.columns.iter().take(table.key).map(|column| column.name).collect();
        lines.push(line(table, table.name, &key, true));
        for on in table.indexes {
            let columns: Vec<&str> = split(on).0.split(", ").collect();
            lines.push(line(table, &table.index_name(on), &columns, false));
        }
    }
    lines.push("ANALYZE sqlite_schema;\n".to_owned());
    lines.concat()
}

/// Of an index: how many rows there are, and how many share its first column, its first two, and so on.
fn line(table: &Table, index: &str, columns: &[&str], is_key: bool) -> String {
    let mut numbers = vec![ROWS.to_string()];
    let mut sharing = ROWS;
    for (at, column) in columns.iter().enumerate() {
        let is_whole = is_key && at + 1 == columns.len();
        sharing = if is_whole { 1 } else { shared(column, sharing) };
        numbers.push(sharing.to_string());
    }
    let (table, numbers) = (table.name, numbers.join(" "));
    format!("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('{table}', '{index}', '{numbers}');\n")
}

/// How many of so many rows have the same value in a column.
fn shared(column: &str, rows: u64) -> u64 {
    let same = match column {
        "origin" => rows,
        "decision" | "outcome" | "act" | "event" => rows / 3,
        "verdict" | "boundary" => rows / 10,
        "client" | "dataset" => rows / 50,
        "record_group" => rows / 200,
        _ => rows.min(5),
    };
    same.max(1)
}
