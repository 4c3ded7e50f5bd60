//! What somebody else's program may ask in SQL: one query of the documented tables, read as a tree, and written again from it.
//!
//! What is said to a database is what was read here and nothing beside it: two parsers that differ about a comment or a
//! quotation mark cannot be played off against each other. What is written again is read again: [`crate::words`] has
//! what every reader agrees about, and nothing else is said.
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named here is refused")]

use std::{collections::BTreeSet, ops::ControlFlow, thread};

use sqlparser::{
    ast::{
        BinaryOperator, Expr, Function, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem,
        SetExpr, Statement, TableFactor, Value, ValueWithSpan, VisitMut as _, VisitorMut,
    },
    dialect::{PostgreSqlDialect, SQLiteDialect},
    parser::{Parser, ParserOptions},
};

use crate::{
    growth::bounded,
    schema::{Dialect, is_documented},
    words::{FUNCTIONS, known},
};

/// Characters of a query at most.
pub const SQL_MAX: usize = 8_192;
/// How deep a query may be nested.
const DEPTH_MAX: usize = 40;
/// The stack of the thread that reads: a chain of operators is a tree as deep as it is long.
const STACK_BYTES: usize = 128 * 1024 * 1024;

/// The query as a database is told it.
///
/// Bounds: [`SQL_MAX`] characters, so deep as is read in [`STACK_BYTES`].
/// Errors: a sentence: it is no query, or asks for what is not asked here.
pub(crate) fn checked(sql: &str, dialect: Dialect) -> Result<String, String> {
    if sql.chars().count() > SQL_MAX {
        return Err(format!("a query has at most {SQL_MAX} characters"));
    }
    thread::scope(|scope| {
        let reader =
            thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || read(sql, dialect));
        let read = reader.map(thread::ScopedJoinHandle::join);
        read.ok().and_then(Result::ok).unwrap_or_else(|| Err("the query could not be read".to_owned()))
    })
}

/// Never: hands on a text of which a second reading says anything but the first.
fn read(sql: &str, dialect: Dialect) -> Result<String, String> {
    if sql.contains(['\\', '\0']) {
        return Err("a query has no backslash: within a text two quotation marks are one".to_owned());
    }
    let (told, _) = looked_at(sql, dialect)?;
    let (again, given) = looked_at(&told, dialect)?;
    if told != again {
        return Err("the query can be understood in two ways: write it more plainly".to_owned());
    }
    known(&told, &given)?;
    Ok(told)
}

/// The query as it is printed, and the names that it gives.
fn looked_at(sql: &str, dialect: Dialect) -> Result<(String, BTreeSet<String>), String> {
    let parser = match dialect {
        Dialect::Sqlite => Parser::new(&SQLiteDialect {}),
        Dialect::Postgres => Parser::new(&PostgreSqlDialect {}),
    };
    // Literals stay as they were written, and are printed so.
    let options = ParserOptions::new().with_unescape(false);
    let parser = parser.with_options(options).with_recursion_limit(DEPTH_MAX).try_with_sql(sql);
    let statements = parser.and_then(|mut parser| parser.parse_statements());
    let statements = statements.map_err(|error| format!("this is not read as SQL: {error}"))?;
    let Ok([statement]) = <[Statement; 1]>::try_from(statements) else {
        return Err("one query at a time: it begins with `SELECT` or `WITH`".to_owned());
    };
    let Statement::Query(mut query) = statement else {
        return Err("nothing is changed here: a query begins with `SELECT` or `WITH`".to_owned());
    };
    let mut check = Check { named: Vec::new(), given: BTreeSet::new() };
    match query.visit(&mut check) {
        ControlFlow::Continue(()) => {
            bounded(&mut query)?;
            Ok((query.to_string(), check.given))
        }
        ControlFlow::Break(says) => Err(*says),
    }
}

/// What is looked at while a query is walked through.
struct Check {
    /// What `WITH` names, for each query that is open.
    named: Vec<BTreeSet<String>>,
    /// Every name that the query gives, of tables and columns, in lower case.
    given: BTreeSet<String>,
}

impl Check {
    fn give(&mut self, name: &Ident) {
        self.given.insert(name.value.to_lowercase());
    }
}

type Step = ControlFlow<Box<String>>;

fn refuse(says: impl Into<String>) -> Step {
    ControlFlow::Break(Box::new(says.into()))
}

impl VisitorMut for Check {
    type Break = Box<String>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Step {
        if !is_read_only(&query.body) || !query.locks.is_empty() || !query.pipe_operators.is_empty() {
            return refuse("nothing is changed or locked here: a query begins with `SELECT` or `WITH`");
        }
        let mut names = BTreeSet::new();
        if let Some(with) = &mut query.with {
            // Without the word a name in its own definition is a table outside; with it, it is always what is defined.
            with.recursive = true;
            names.extend(with.cte_tables.iter().map(|table| folded(&table.alias.name)));
            with.cte_tables.iter().for_each(|table| self.give(&table.alias.name));
        }
        self.named.push(names);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> Step {
        self.named.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Step {
        if select.into.is_some() {
            return refuse("nothing is changed here: leave `INTO` out");
        }
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.give(alias);
            }
        }
        select.named_window.iter().for_each(|window| self.give(&window.0));
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, _: &mut Statement) -> Step {
        refuse("nothing is changed here: a query begins with `SELECT` or `WITH`")
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Step {
        match factor {
            TableFactor::Table { args: None, alias, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => {
                if let Some(alias) = alias {
                    self.give(&alias.name);
                }
                ControlFlow::Continue(())
            }
            _ => refuse("rows come from tables and queries alone, not from functions"),
        }
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> Step {
        let known = single(relation)
            .is_some_and(|name| is_documented(&name) || self.named.iter().any(|names| names.contains(&name)));
        if known {
            return ControlFlow::Continue(());
        }
        refuse(format!("there is no table `{relation}` to ask: docs/index.md has all of them"))
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Step {
        match expr {
            Expr::Function(function) => called(function),
            Expr::BinaryOp {
                op: BinaryOperator::PGCustomBinaryOperator(_) | BinaryOperator::Custom(_),
                ..
            } => refuse("this operator is not asked here"),
            expr if is_known(expr) => ControlFlow::Continue(()),
            _ => refuse("a query has an expression that is not asked here"),
        }
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> Step {
        match &value.value {
            Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {
                ControlFlow::Continue(())
            }
            Value::Placeholder(_) => {
                refuse("a query has its values in it: there is nothing to put in for a placeholder")
            }
            _ => refuse("a value is a number, or a text between `'` and `'`"),
        }
    }

    fn pre_visit_ident(&mut self, ident: &mut Ident) -> Step {
        let is_plain = match ident.quote_style {
            None => true,
            Some('"') => !ident.value.contains(['"', '\'', '\\']) && !ident.value.contains(char::is_control),
            Some(_) => false,
        };
        if is_plain {
            return ControlFlow::Continue(());
        }
        refuse("a name stands between `\"` and `\"`, with no mark of quotation in it")
    }
}

/// Whether an expression is of a kind that both databases have, and that does nothing but compute.
fn is_known(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::Between { .. }
            | Expr::BinaryOp { .. }
            | Expr::UnaryOp { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::Cast { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::TypedString(_)
            | Expr::Interval(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
    )
}

fn called(function: &Function) -> Step {
    if single(&function.name).is_some_and(|name| FUNCTIONS.contains(&name.as_str())) {
        return ControlFlow::Continue(());
    }
    refuse(format!("the function `{}` is not asked here", function.name))
}

/// Whether the parts of a query, joined or not, are queries themselves.
fn is_read_only(body: &SetExpr) -> bool {
    match body {
        // A query in brackets is visited itself.
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => true,
        SetExpr::SetOperation { left, right, .. } => is_read_only(left) && is_read_only(right),
        _ => false,
    }
}

/// A name that has one part, as a database finds it.
fn single(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(folded(ident)),
        _ => None,
    }
}

fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expected: Result<(), &str>) {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let read = checked(sql, dialect);
            match expected {
                Ok(()) => assert!(read.is_ok(), "{sql}: {read:?}"),
                Err(says) => assert!(read.as_ref().is_err_and(|why| why.contains(says)), "{sql}: {read:?}"),
            }
        }
    }

    #[test]
    fn one_query_of_documented_tables_is_asked_and_nothing_else() {
        let table = "docs/index.md has all of them";
        for (sql, expected) in [
            ("SELECT 1", Ok(())),
            (
                "select boundary, count(*) FROM Rulings r GROUP BY 1 HAVING COUNT(*) > 1 ORDER BY 2 DESC LIMIT 5;",
                Ok(()),
            ),
            ("SELECT * FROM \"rulings\" JOIN quarantine_items USING (origin) -- of the index", Ok(())),
            (
                "WITH a AS (SELECT entry FROM rulings), b AS (SELECT * FROM a) SELECT (SELECT MAX(entry) FROM b)",
                Ok(()),
            ),
            ("SELECT entry FROM rulings UNION ALL (SELECT entry FROM batches) EXCEPT SELECT 7", Ok(())),
            (
                "SELECT SUM(records) OVER (PARTITION BY boundary ORDER BY at) FROM rulings WHERE at LIKE '2026%'",
                Ok(()),
            ),
            ("VALUES (1), (2)", Ok(())),
            ("", Err("one query at a time")),
            ("SELECT 1; SELECT 2", Err("one query at a time")),
            ("SELEKT 1", Err("this is not read as SQL")),
            ("DELETE FROM rulings", Err("nothing is changed here")),
            ("UPDATE rulings SET at = ''", Err("nothing is changed here")),
            ("DROP TABLE rulings", Err("nothing is changed here")),
            ("PRAGMA query_only = 0", Err("nothing is changed here")),
            ("EXPLAIN SELECT 1", Err("nothing is changed here")),
            ("SELECT * FROM sqlite_master", Err(table)),
            ("SELECT * FROM pg_shadow", Err(table)),
            ("SELECT * FROM main.rulings", Err(table)),
            ("SELECT * FROM pg_catalog.pg_shadow", Err(table)),
            ("SELECT * FROM eosin_index", Err(table)),
            ("SELECT 1 WHERE EXISTS (SELECT 1 FROM patients)", Err(table)),
            ("SELECT 1 ORDER BY (SELECT a FROM patients)", Err(table)),
            ("SELECT 1 LIMIT (SELECT a FROM patients)", Err(table)),
            ("SELECT COUNT(*) FILTER (WHERE 1 IN (SELECT a FROM patients)) FROM rulings", Err(table)),
            ("SELECT COUNT(*) FROM rulings r JOIN batches b ON b.at IN (SELECT a FROM patients)", Err(table)),
            ("SELECT * FROM patients, (WITH patients AS (SELECT 1) SELECT 2) AS hidden", Err(table)),
            ("SELECT load_extension('x')", Err("the function `load_extension`")),
            ("SELECT pg_sleep(9)", Err("the function `pg_sleep`")),
            ("SELECT pg_catalog.lower('x')", Err("the function `pg_catalog.lower`")),
            ("SELECT COUNT(*) OVER (ORDER BY randomblob(1)) FROM rulings", Err("the function `randomblob`")),
            ("SELECT lower(repeat('x', 1000000000))", Err("the function `repeat`")),
            ("SELECT * FROM generate_series(1, 9)", Err("not from functions")),
            ("SELECT 1 WHERE 1 = $1", Err("placeholder")),
        ] {
            check(sql, expected);
        }
        check(&format!("SELECT {}1", " ".repeat(SQL_MAX)), Err("at most 8192 characters"));
    }

    #[test]
    fn what_one_database_alone_reads_is_refused_too() {
        for (sql, says) in [
            ("WITH gone AS (DELETE FROM rulings RETURNING 1) SELECT * FROM gone", "nothing is changed"),
            ("SELECT 1 INTO made", "nothing is changed"),
            ("SELECT * FROM rulings FOR UPDATE", "nothing is changed"),
            ("TABLE rulings", "this is not read as SQL"),
            ("SELECT current_user", "the function `current_user`"),
            ("SELECT 1 OPERATOR(pg_catalog.+) 1", "this operator"),
            ("SELECT * FROM rulings, LATERAL pg_ls_dir('.')", "not from functions"),
            ("COPY rulings TO PROGRAM 'x'", "nothing is changed"),
        ] {
            let read = checked(sql, Dialect::Postgres);
            assert!(read.as_ref().is_err_and(|why| why.contains(says)), "{sql}: {read:?}");
        }
    }

    #[test]
    fn a_name_is_what_the_query_itself_says_it_is() {
        let sql = "WITH patients AS (SELECT * FROM patients) SELECT * FROM patients";
        let told = checked(sql, Dialect::Postgres).unwrap();
        assert!(told.starts_with("WITH RECURSIVE patients"), "{told}");
        let told = checked("SELECT 1 /* /* */ ; DROP TABLE x */", Dialect::Postgres);
        assert!(told.as_ref().is_ok_and(|told| told == "SELECT 1"), "{told:?}");
    }

    #[test]
    fn what_is_told_is_what_was_checked() {
        for sql in ["SELECT 'a''b; --'", "SELECT 'a''''b', '''', ''", "SELECT at AS \"the day\" FROM rulings"]
        {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                assert_eq!(checked(sql, dialect).as_deref(), Ok(sql));
            }
        }
        for sql in [
            r"SELECT 'a\'' UNION SELECT name FROM patients WHERE name <> $x$' AS k$x$",
            r"SELECT 'a\'' || pg_read_file($x$/etc/passwd$x$) || $x$' AS k$x$",
            r"SELECT 'a\' AS b",
            "SELECT 1 AS [a]], hex(randomblob(4)) AS [b]",
            "SELECT 1 AS [a]",
            "SELECT 1 AS `a`",
            "SELECT 1 AS 'a'",
            "SELECT 1 AS \"a\"\"b\"",
            "SELECT 1 AS \"a'b\"",
            "SELECT 1 AS \"a\nb\"",
            "SELECT $$a$$",
            "SELECT E'a'",
            "SELECT B'1', 1",
            "SELECT X'61'",
            "SELECT N'a'",
            "SELECT U&'a'",
            "SELECT Q'(a)'",
            "SELECT - -1",
            "SELECT current_user AS current_user",
            "SELECT 1 AS current_schema, current_schema",
            "SELECT r.row_to_json FROM rulings r",
            "SELECT r.row_to_json FROM (SELECT 1 AS row_to_json) q, rulings r",
            "SELECT CAST(1 AS pg_catalog.regclass)",
            "SELECT CAST(1 AS bpchar(10000000))",
            "SELECT CAST(1 AS regclass)",
            "SELECT 'x'::regclass",
            "SELECT regclass 'x'",
            "SELECT a.pg_sleep FROM rulings a",
            "SELECT xmin FROM rulings",
            "SELECT * FROM rulings TABLESAMPLE SYSTEM (1)",
            "SELECT * FROM rulings WITH ORDINALITY",
            "SELECT * FROM rulings, LATERAL (SELECT 1) AS a",
            "SELECT 'a' LIKE 'b' ESCAPE E'\u{1}'",
            "SELECT 'a' COLLATE \"C\"",
            "SELECT \"lower\"('a')",
        ] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let read = checked(sql, dialect);
                assert!(read.is_err(), "{sql}: {read:?}");
            }
        }
    }

    /// What stands outside texts and quoted names, read by nothing but the doubling of marks; `None` where one has no end.
    fn outside(told: &str) -> Option<String> {
        // Doubled marks open again at once what they closed, so every second part is within. No name holds a mark.
        let bare = |text: &str, mark: char| {
            let parts: Vec<&str> = text.split(mark).collect();
            (parts.len() % 2 == 1).then(|| parts.iter().step_by(2).copied().collect::<Vec<_>>().join(" "))
        };
        bare(&bare(told, '\'')?, '"')
    }

    /// What queries are made of that mean one thing to one reader and another one to the next.
    const PIECES: &[&str] = &[
        "'",
        "''",
        "\\'",
        "\\",
        "\"",
        "\"\"",
        "$x$",
        "$$",
        "[",
        "]",
        "]]",
        "`",
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        " ",
        " ",
        ";",
        " UNION SELECT ",
        " FROM ",
        "rulings",
        "patients",
        " origin ",
        " AS ",
        "k",
        "E'",
        "B'",
        "U&'",
        "pg_sleep(1)",
        "pg_sleep",
        "lower(",
        "(",
        ")",
        ",",
        "1",
        "||",
        " WHERE ",
        " AND ",
        "<>",
        "::",
        "x",
    ];

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config {
            cases: 2_000, failure_persistence: None, ..Default::default()
        })]

        #[test]
        fn no_text_that_passes_says_more_than_was_checked(
            picks in proptest::collection::vec(proptest::sample::select(PIECES), 1..9),
        ) {
            let some = picks.concat();
            for text in [
                some.clone(),
                format!("SELECT {some}"),
                format!("SELECT '{some}"),
                format!("SELECT 'a{some}' AS k FROM rulings"),
                format!("SELECT origin AS \"{some}\" FROM rulings"),
                format!("SELECT lower('{some}') FROM rulings WHERE origin <> '{some}'"),
            ] {
                for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                    let Ok(told) = read(&text, dialect) else { continue };
                    let Some(outside) = outside(&told) else { panic!("{text}: {told}") };
                    for sign in ["--", "/*", "*/", "$", "\\", ";", "[", "]", "`", "&", "\n"] {
                        proptest::prop_assert!(!outside.contains(sign), "{text}: {told}: {sign}");
                    }
                    let outside = outside.to_lowercase();
                    let words = outside.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
                    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
                    for pair in words.windows(2) {
                        proptest::prop_assert!(pair != ["from", "patients"], "{text}: {told}");
                    }
                    proptest::prop_assert!(!words.contains(&"pg_sleep"), "{text}: {told}");
                }
            }
        }
    }

    #[test]
    fn a_query_as_deep_as_it_is_long_is_read_or_refused_and_ends_nothing() {
        for piece in [
            "1+",
            "1||",
            "NOT ",
            "- ",
            "(",
            "CASE WHEN ",
            "CAST(",
            "abs(",
            "1 IN (",
            "x IS NULL AND ",
            "1 UNION SELECT ",
            "(SELECT ",
            "EXISTS(SELECT ",
            "1 FROM (SELECT ",
            "1 FROM rulings JOIN (",
            "1::",
            "[",
            "{",
            "x.",
            "INTERVAL ",
            "1 BETWEEN ",
            "'a' LIKE ",
            "WITH a AS (SELECT ",
            "a(b=>",
            "1,",
            "$$",
            "/*",
        ] {
            let many = (SQL_MAX - 20) / piece.len();
            let sql = format!("SELECT {}1", piece.repeat(many));
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                drop(checked(&sql, dialect));
            }
        }
    }
}
