//! The tokens of anonymous Apex.

use super::Problem;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    Number(String),
    Text(String),
    /// A query between square brackets, without them.
    Query(String),
    Mark(char),
    End,
}

/// A token and where it begins.
pub(super) type Placed = (Token, usize, usize);

/// Takes source text apart; comments are left out.
///
/// Bounds: 50,000 tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Problem> {
    let mut out = Vec::new();
    let (mut line, mut column) = (1usize, 1usize);
    let mut rest = text;
    loop {
        let (token, length) = one(rest).map_err(|message| Problem { message, line, column })?;
        if let Some(token) = token {
            let done = token == Token::End;
            out.push((token, line, column));
            if done {
                return Ok(out);
            }
        }
        if out.len() > TOKENS_MAX {
            return Err(Problem { message: "Script too large".into(), line, column });
        }
        let (passed, later) = rest.split_at_checked(length).unwrap_or((rest, ""));
        for c in passed.chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        rest = later;
    }
}

/// The token at the beginning, if it is not white space or a comment, and its length.
fn one(rest: &str) -> Result<(Option<Token>, usize), String> {
    let Some(first) = rest.chars().next() else { return Ok((Some(Token::End), 0)) };
    let until = |end: Option<usize>| end.unwrap_or(rest.len());
    if first.is_whitespace() {
        return Ok((None, until(rest.find(|c: char| !c.is_whitespace()))));
    }
    if rest.starts_with("//") {
        return Ok((None, until(rest.find('\n'))));
    }
    if rest.starts_with("/*") {
        let end = rest.find("*/").ok_or("Unterminated comment")?;
        return Ok((None, end + 2));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let end = until(rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        return Ok((Some(Token::Word(rest.get(..end).unwrap_or("").to_owned())), end));
    }
    if first.is_ascii_digit() {
        let end = until(rest.find(|c: char| !c.is_ascii_digit() && c != '.'));
        return Ok((Some(Token::Number(rest.get(..end).unwrap_or("").to_owned())), end));
    }
    if first == '\'' {
        return text(rest);
    }
    if first == '[' {
        let inner = rest.get(1..).unwrap_or("").trim_start();
        if inner.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select")) {
            let end = rest.find(']').ok_or("Missing ']' at '<EOF>'")?;
            let query = rest.get(1..end).unwrap_or("").trim().to_owned();
            return Ok((Some(Token::Query(query)), end + 1));
        }
    }
    Ok((Some(Token::Mark(first)), first.len_utf8()))
}

fn text(rest: &str) -> Result<(Option<Token>, usize), String> {
    let mut out = String::new();
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match (escaped, c) {
            (true, 'n') => out.push('\n'),
            (true, 't') => out.push('\t'),
            (false, '\\') => {}
            (false, '\'') => return Ok((Some(Token::Text(out)), at + 1)),
            (false, '\n') => {
                return Err("Illegal string literal: Line breaks not allowed in string literals".into());
            }
            (_, other) => out.push(other),
        }
        escaped = !escaped && c == '\\';
    }
    Err("Unterminated string literal".into())
}

const TOKENS_MAX: usize = 50_000;
