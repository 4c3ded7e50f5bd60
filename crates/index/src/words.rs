//! The words of a query as a database is told it, read once more by the few rules in which all databases agree.
//!
//! The tree says what a query means to the parser that made it; this says that no other reader of the text can find
//! anything else in it: outside its texts there is no word, no name and no sign that is not listed or given by the query.

use std::collections::BTreeSet;

use crate::schema::{TABLES, is_documented};

/// Reads the text of a query; `given` are the names that it gives itself, in lower case.
///
/// Errors: a sentence about the first thing that is not asked here.
pub(crate) fn known(told: &str, given: &BTreeSet<String>) -> Result<(), String> {
    if let Some(name) = given.iter().find(|name| is_taken(name)) {
        return Err(format!("`{name}` cannot be a name here: PostgreSQL has it for something else"));
    }
    let mut before = None;
    let mut rest = told.trim_start_matches(' ');
    while !rest.is_empty() {
        let Some((token, after)) = token(rest) else {
            let from: String = rest.chars().take(20).collect();
            return Err(format!("the query has a sign, a text or a name that is not asked here: `{from}`"));
        };
        rest = after.trim_start_matches(' ');
        let is_called = rest.starts_with('(');
        let is_known = match &token {
            Token::Sign(sign) => before != Some(Token::Sign(".")) || matches!(*sign, "*"),
            Token::Number => before != Some(Token::Sign(".")),
            // PostgreSQL joins texts that follow each other.
            Token::Text => !matches!(before, Some(Token::Text | Token::Sign("."))),
            Token::Word(word) => {
                let word = word.to_lowercase();
                let is_part = before == Some(Token::Sign("."));
                if is_called {
                    !is_part && (FUNCTIONS.contains(&&*word) || BEFORE_BRACKETS.contains(&&*word))
                } else {
                    is_named(&word, given, is_part) || (!is_part && WORDS.contains(&&*word))
                }
            }
            Token::Name(name) => {
                !is_called && is_named(&name.to_lowercase(), given, before == Some(Token::Sign(".")))
            }
        };
        if !is_known {
            return Err(match token {
                Token::Word(word) | Token::Name(word) if is_called => {
                    format!("`{word}` cannot stand before a bracket here; columns are named with `AS`")
                }
                Token::Word(word) | Token::Name(word) => {
                    format!("`{word}` is no table, no column and no word that is asked here")
                }
                Token::Text | Token::Number | Token::Sign(_) => "two values stand side by side".to_owned(),
            });
        }
        before = Some(token);
    }
    Ok(())
}

/// What SQL consists of, as far as it is asked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// Within quotation marks.
    Name(&'a str),
    Text,
    Number,
    Sign(&'a str),
}

/// The first of a text, and what follows it.
fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let run = |is_in: fn(char) -> bool| {
        let end = text.find(|letter| !is_in(letter)).unwrap_or(text.len());
        text.split_at_checked(end)
    };
    let is_apart = |rest: &str| !rest.starts_with(|next| is_letter(next) || matches!(next, '\'' | '"'));
    let (token, rest) = match text.chars().next()? {
        '\'' => {
            let (inner, rest) = quoted(text, '\'')?;
            (!inner.contains(['\\', '\0'])).then_some((Token::Text, rest))?
        }
        '"' => {
            let (name, rest) = quoted(text, '"')?;
            let is_plain =
                !name.is_empty() && !name.contains(['"', '\'', '\\']) && !name.contains(char::is_control);
            is_plain.then_some((Token::Name(name), rest))?
        }
        '0'..='9' => {
            let (number, rest) = run(|letter| letter.is_ascii_digit() || letter == '.')?;
            let is_plain = !number.ends_with('.') && number.matches('.').count() <= 1;
            is_plain.then_some((Token::Number, rest))?
        }
        '(' | ')' | ',' | '.' => {
            let (sign, rest) = text.split_at_checked(1)?;
            return Some((Token::Sign(sign), rest));
        }
        first if is_letter(first) => {
            let (word, rest) = run(is_letter)?;
            (Token::Word(word), rest)
        }
        _ => {
            // All of them: so `--` is not read as two of `-`.
            let (sign, rest) = run(|letter| letter.is_ascii_punctuation() && !"(),.'\"_".contains(letter))?;
            return SIGNS.contains(&sign).then_some((Token::Sign(sign), rest));
        }
    };
    is_apart(rest).then_some((token, rest))
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// What stands between quotation marks, where two of them are one, and what follows.
fn quoted(text: &str, mark: char) -> Option<(&str, &str)> {
    let inner = text.strip_prefix(mark)?;
    let mut marks = inner.match_indices(mark).map(|(place, _)| place).peekable();
    while let Some(place) = marks.next() {
        if marks.next_if_eq(&(place + 1)).is_none() {
            let (inner, rest) = inner.split_at_checked(place)?;
            return Some((inner, rest.strip_prefix(mark)?));
        }
    }
    None
}

/// Whether it is the name of a table or a column, or given by the query; behind a point there are columns alone.
fn is_named(name: &str, given: &BTreeSet<String>, is_part: bool) -> bool {
    given.contains(name)
        || OF_VIEWS.contains(&name)
        || TABLES.iter().any(|table| table.columns.iter().any(|column| column.name == name))
        || (!is_part && is_documented(name))
}

/// Names under which PostgreSQL has what needs no brackets: `current_user`, and `row.to_json` for `to_json(row)`.
fn is_taken(name: &str) -> bool {
    const WHOLE: [&str; 4] = ["user", "system_user", "localtime", "localtimestamp"];
    const BEGIN: [&str; 10] =
        ["pg_", "current_", "session_", "row_", "to_", "quote_", "json", "concat", "record_", "hash_"];
    WHOLE.contains(&name) || BEGIN.iter().any(|begin| name.starts_with(begin)) || name.ends_with("_agg")
}

/// Columns that views name anew.
const OF_VIEWS: &[&str] =
    &["settled_entry", "settled_at", "certificate_entry", "certified_at", "certificate"];

const SIGNS: &[&str] = &["+", "-", "*", "/", "%", "=", "<>", "!=", "<", ">", "<=", ">=", "||", "::"];

/// Words that are no names, and stand without a bracket.
const WORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "asc",
    "between",
    "bigint",
    "boolean",
    "both",
    "by",
    "case",
    "cast",
    "cross",
    "cube",
    "current",
    "date",
    "day",
    "decimal",
    "desc",
    "distinct",
    "double",
    "dow",
    "doy",
    "else",
    "end",
    "epoch",
    "escape",
    "except",
    "exists",
    "false",
    "filter",
    "first",
    "following",
    "for",
    "from",
    "full",
    "group",
    "groups",
    "having",
    "hour",
    "ignore",
    "ilike",
    "in",
    "inner",
    "int",
    "integer",
    "intersect",
    "interval",
    "is",
    "join",
    "last",
    "leading",
    "left",
    "like",
    "limit",
    "minute",
    "month",
    "natural",
    "not",
    "null",
    "nulls",
    "numeric",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "preceding",
    "precision",
    "quarter",
    "range",
    "real",
    "recursive",
    "respect",
    "right",
    "rollup",
    "row",
    "rows",
    "second",
    "select",
    "smallint",
    "text",
    "then",
    "timestamp",
    "trailing",
    "true",
    "unbounded",
    "union",
    "using",
    "values",
    "varchar",
    "week",
    "when",
    "where",
    "window",
    "with",
    "year",
];

/// Words that are no functions, and stand before a bracket.
const BEFORE_BRACKETS: &[&str] = &[
    "all",
    "and",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "ceil",
    "cube",
    "distinct",
    "else",
    "except",
    "exists",
    "extract",
    "filter",
    "floor",
    "from",
    "having",
    "in",
    "intersect",
    "join",
    "like",
    "ilike",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "position",
    "rollup",
    "select",
    "sets",
    "then",
    "union",
    "using",
    "values",
    "when",
    "where",
];

/// Functions that make nothing large, wait for nothing and reach for nothing outside the tables.
pub(crate) const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "char_length",
    "coalesce",
    "count",
    "cume_dist",
    "date",
    "date_part",
    "date_trunc",
    "datetime",
    "dense_rank",
    "first_value",
    "greatest",
    "ifnull",
    "iif",
    "instr",
    "json_array_length",
    "json_extract",
    "json_extract_path_text",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "rank",
    "right",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "split_part",
    "strftime",
    "strpos",
    "substr",
    "substring",
    "sum",
    "time",
    "to_char",
    "to_timestamp",
    "total",
    "trim",
    "unixepoch",
    "upper",
];
