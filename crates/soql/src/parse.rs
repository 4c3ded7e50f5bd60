//! SOQL text into a tree.
//!
//! Source: the "SOQL and SOSL Reference" of Salesforce, and, for facts of order and spelling only, the ANTLR grammars of
//! SOQL that its own and the community's tools publish. Where readers could differ the statement is refused: `AND` beside
//! `OR` without parentheses, comments, escapes that the reference does not name, white space that is not ASCII, bind
//! variables. `NOT` binds tightest, and may stand after `AND` and `OR`.

mod condition;
mod search;
mod select;

use thiserror::Error;

use crate::{
    query::{Literal, LiteralKind, Name, Path, Query},
    span::Span,
    token::{self, Kind, Token},
};

pub(crate) use search::parse_item;
pub use search::{parse_condition, parse_order, parse_search};

/// A statement that goes deeper, in parentheses, functions and subqueries together, is refused.
pub const DEPTH_MAX: usize = 16;
/// A statement with more queries inside it is refused.
pub const SUBQUERIES_MAX: usize = 64;
/// A path with more names is refused: five relationships, an alias, a field.
pub const PATH_NAMES_MAX: usize = 8;

/// Reads one SOQL statement.
///
/// Bounds: 100,000 characters, depth 16, 64 subqueries.
/// Errors: what was expected and at which byte. Never: a word of the statement.
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let mut parser = Parser::new(text)?;
    let query = parser.query()?;
    parser.end()?;
    Ok(query)
}

/// Why a statement could not be read.
///
/// Never: says what stood there; a statement may name a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Something else was expected.
    #[error("the query cannot be read at byte {position}: expected {expected}")]
    Expected {
        /// The byte.
        position: usize,
        /// What should have stood there.
        expected: Expected,
    },
    /// `AND` beside `OR`.
    #[error("the query mixes AND and OR at byte {position}: put parentheses around one of them")]
    Mixed {
        /// The byte.
        position: usize,
    },
    /// A comment.
    #[error("the query has a comment at byte {position}: send it without comments")]
    Comment {
        /// The byte.
        position: usize,
    },
    /// `:name`.
    #[error("the query has a bind variable at byte {position}: put the value in its place")]
    Bind {
        /// The byte.
        position: usize,
    },
    /// A clause that is there already, or is out of order.
    #[error("the query has a second or misplaced clause at byte {position}")]
    Clause {
        /// The byte.
        position: usize,
    },
    /// Too deep.
    #[error("the query is nested more than {DEPTH_MAX} deep at byte {position}")]
    TooDeep {
        /// The byte.
        position: usize,
    },
    /// Too many queries in one.
    #[error("the query has more than {SUBQUERIES_MAX} subqueries")]
    TooManySubqueries,
    /// Too long.
    #[error("the query has more than {} characters", token::TEXT_CHARACTERS_MAX)]
    TooLong,
}

impl ParseError {
    /// Whether no reader takes this statement: the org would call it malformed too.
    ///
    /// Shape:  the statement that could not be read -> true where it stops short, has a quote that is not closed, a
    ///         character that begins nothing, a clause out of its place, `AND` beside `OR`, a bind variable, or nothing
    ///         between `SELECT` and `FROM`; false for what may only be more than is read here.
    pub fn is_malformed(&self, statement: &str) -> bool {
        let (position, expected) = match *self {
            Self::Mixed { .. } | Self::Bind { .. } | Self::Clause { .. } => return true,
            Self::Comment { .. } | Self::TooDeep { .. } | Self::TooManySubqueries | Self::TooLong => {
                return false;
            }
            Self::Expected { position, expected } => (position, expected),
        };
        let mut words = statement.split_ascii_whitespace();
        let begins =
            |word: Option<&str>, known: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(known));
        let (first, second) = (words.next(), words.next());
        let stops = statement.get(position..).is_none_or(|rest| rest.trim_ascii().is_empty());
        if stops || (begins(first, "SELECT") && begins(second, "FROM")) {
            return true;
        }
        match expected {
            Expected::ClosedText | Expected::WholeNumber => true,
            // Another reader may know other white space; an `@` may stand for what comes later.
            Expected::Token => {
                statement.as_bytes().get(position).is_some_and(|byte| byte.is_ascii() && *byte != b'@')
            }
            Expected::Word("SELECT" | "FIND") => {
                statement.len() - statement.trim_ascii_start().len() == position
            }
            Expected::Word(_)
            | Expected::Escape
            | Expected::Time
            | Expected::Zone
            | Expected::EndOfLiteral
            | Expected::Name
            | Expected::ShorterPath
            | Expected::Value
            | Expected::Operator
            | Expected::End => false,
        }
    }

    /// The byte at which the reader stopped; the end for what is too much as a whole.
    pub fn position(&self, statement: &str) -> usize {
        match *self {
            Self::Expected { position, .. }
            | Self::Mixed { position }
            | Self::Comment { position }
            | Self::Bind { position }
            | Self::Clause { position }
            | Self::TooDeep { position } => position,
            Self::TooManySubqueries | Self::TooLong => statement.len(),
        }
    }
}

/// What should have stood somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Expected {
    /// A character that begins a token.
    #[error("a name, a value or an operator")]
    Token,
    /// A closing quote.
    #[error("a closing quote for the text that begins here")]
    ClosedText,
    /// A known escape.
    #[error("an escape that Salesforce knows")]
    Escape,
    /// A time of day.
    #[error("a time as hh:mm:ss")]
    Time,
    /// A time zone.
    #[error("a zone: `Z`, or `+` or `-` and hh:mm")]
    Zone,
    /// The end of a literal.
    #[error("the end of the value")]
    EndOfLiteral,
    /// A word of the language.
    #[error("`{0}`")]
    Word(&'static str),
    /// A name.
    #[error("a name")]
    Name,
    /// A shorter path.
    #[error("a path of at most {PATH_NAMES_MAX} names")]
    ShorterPath,
    /// A value.
    #[error("a value")]
    Value,
    /// An operator.
    #[error("a comparison")]
    Operator,
    /// A whole number.
    #[error("a whole number")]
    WholeNumber,
    /// Nothing more.
    #[error("the end of the query")]
    End,
}

pub(crate) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    subqueries: usize,
}

impl<'t> Parser<'t> {
    pub(crate) fn new(text: &'t str) -> Result<Self, ParseError> {
        Ok(Self { text, tokens: token::cut(text)?, at: 0, depth: 0, subqueries: 0 })
    }

    pub(crate) fn end(&self) -> Result<(), ParseError> {
        if self.peek().kind == Kind::End {
            return Ok(());
        }
        if CLAUSES.iter().any(|word| self.is_word(word)) {
            return Err(ParseError::Clause { position: self.peek().span.start });
        }
        Err(self.expected(Expected::End))
    }

    fn token(&self, at: usize) -> Token {
        let end = Span::new(self.text.len(), self.text.len());
        self.tokens.get(at).copied().unwrap_or(Token { kind: Kind::End, span: end })
    }

    fn peek(&self) -> Token {
        self.token(self.at)
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Where the last token taken ends.
    fn last_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.token(at).span.end)
    }

    fn slice(&self, span: Span) -> &'t str {
        self.text.get(span.range()).unwrap_or_default()
    }

    fn expected(&self, expected: Expected) -> ParseError {
        let token = self.peek();
        if token.kind == Kind::Punctuation(b':') {
            return ParseError::Bind { position: token.span.start };
        }
        ParseError::Expected { position: token.span.start, expected }
    }

    fn is_word_at(&self, at: usize, word: &str) -> bool {
        let token = self.token(at);
        token.kind == Kind::Word && self.slice(token.span).eq_ignore_ascii_case(word)
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(self.at, word)
    }

    fn is_mark(&self, mark: u8) -> bool {
        self.peek().kind == Kind::Punctuation(mark)
    }

    /// Takes the word if it stands here.
    fn word(&mut self, word: &str) -> bool {
        let here = self.is_word(word);
        self.at += usize::from(here);
        here
    }

    /// Takes the two words if both stand here.
    fn words(&mut self, first: &str, second: &str) -> bool {
        let here = self.is_word(first) && self.is_word_at(self.at + 1, second);
        self.at += if here { 2 } else { 0 };
        here
    }

    fn mark(&mut self, mark: u8) -> bool {
        let here = self.is_mark(mark);
        self.at += usize::from(here);
        here
    }

    fn need_word(&mut self, word: &'static str) -> Result<(), ParseError> {
        if self.word(word) { Ok(()) } else { Err(self.expected(Expected::Word(word))) }
    }

    fn need_mark(&mut self, mark: u8, shown: &'static str) -> Result<(), ParseError> {
        if self.mark(mark) { Ok(()) } else { Err(self.expected(Expected::Word(shown))) }
    }

    fn name(&mut self) -> Result<Name, ParseError> {
        let token = self.peek();
        let text = self.slice(token.span);
        if !matches!(token.kind, Kind::Word | Kind::Currency) || text.contains('.') {
            return Err(self.expected(Expected::Name));
        }
        self.at += 1;
        Ok(Name { text: text.into(), span: token.span })
    }

    /// A name that is none of the words that could follow instead.
    fn alias(&mut self) -> Result<Option<Name>, ParseError> {
        let said = self.word("AS");
        let free = self.peek().kind == Kind::Word && !AFTER_NAMES.iter().any(|word| self.is_word(word));
        if said && !free {
            return Err(self.expected(Expected::Name));
        }
        if free { self.name().map(Some) } else { Ok(None) }
    }

    fn path(&mut self) -> Result<Path, ParseError> {
        let mut names = vec![self.name()?];
        while self.mark(b'.') {
            if names.len() == PATH_NAMES_MAX {
                return Err(self.expected(Expected::ShorterPath));
            }
            names.push(self.name()?);
        }
        Ok(Path { names })
    }

    /// A value; a word must be one that means a value.
    fn literal(&mut self) -> Result<Literal, ParseError> {
        let token = self.peek();
        let text = self.slice(token.span);
        let kind = match token.kind {
            Kind::Text => LiteralKind::Text,
            Kind::Number => LiteralKind::Number,
            Kind::Currency => LiteralKind::Currency,
            Kind::Date => LiteralKind::Date,
            Kind::DateTime => LiteralKind::DateTime,
            Kind::Time => LiteralKind::Time,
            Kind::Word => return self.value_word(token.span, text),
            Kind::Punctuation(_) | Kind::Comparison | Kind::End => return Err(self.expected(Expected::Value)),
        };
        self.at += 1;
        Ok(Literal { kind, text: text.into() })
    }

    fn value_word(&mut self, span: Span, text: &str) -> Result<Literal, ParseError> {
        let amount = self.token(self.at + 1);
        // `USD-500`: the minus ended the word.
        if text.len() == 3 && amount.kind == Kind::Number && amount.span.start == span.end {
            self.at += 2;
            let text = self.slice(span.to(amount.span));
            return Ok(Literal { kind: LiteralKind::Currency, text: text.into() });
        }
        let among = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if among(&["true", "false"]) {
            self.at += 1;
            return Ok(Literal { kind: LiteralKind::Boolean, text: text.into() });
        }
        if among(&["null"]) {
            self.at += 1;
            return Ok(Literal { kind: LiteralKind::Null, text: text.into() });
        }
        if among(DATE_WORDS) {
            self.at += 1;
            return Ok(Literal { kind: LiteralKind::DateWord, text: text.into() });
        }
        if among(COUNTED_DATE_WORDS) {
            self.at += 1;
            self.need_mark(b':', ":")?;
            let count = self.whole_number()?;
            return Ok(Literal { kind: LiteralKind::DateWord, text: format!("{text}:{count}").into() });
        }
        Err(self.expected(Expected::Value))
    }

    fn whole_number(&mut self) -> Result<u64, ParseError> {
        let token = self.peek();
        let digits = self.slice(token.span);
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { digits.parse().ok() } else { None };
        let Some(number) = number else { return Err(self.expected(Expected::WholeNumber)) };
        self.at += 1;
        Ok(number)
    }

    /// Goes one level down for what `inner` reads.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth == DEPTH_MAX {
            return Err(ParseError::TooDeep { position: self.peek().span.start });
        }
        self.depth += 1;
        let value = inner(self);
        self.depth -= 1;
        value
    }
}

/// Words that begin a clause: none of them is an alias, and none stands after the last.
const CLAUSES: &[&str] = &[
    "SELECT", "FROM", "USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR",
    "UPDATE", "ALL",
];

const AFTER_NAMES: &[&str] = &[
    "SELECT",
    "FROM",
    "USING",
    "WHERE",
    "WITH",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FOR",
    "UPDATE",
    "ALL",
    "AND",
    "OR",
    "NULL",
    "NOT",
    "ASC",
    "DESC",
    "NULLS",
    "LIKE",
    "IN",
    "INCLUDES",
    "EXCLUDES",
    "RETURNING",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
];

const DATE_WORDS: &[&str] = &[
    "YESTERDAY",
    "TODAY",
    "TOMORROW",
    "LAST_WEEK",
    "THIS_WEEK",
    "NEXT_WEEK",
    "LAST_MONTH",
    "THIS_MONTH",
    "NEXT_MONTH",
    "LAST_90_DAYS",
    "NEXT_90_DAYS",
    "THIS_QUARTER",
    "LAST_QUARTER",
    "NEXT_QUARTER",
    "THIS_YEAR",
    "LAST_YEAR",
    "NEXT_YEAR",
    "THIS_FISCAL_QUARTER",
    "LAST_FISCAL_QUARTER",
    "NEXT_FISCAL_QUARTER",
    "THIS_FISCAL_YEAR",
    "LAST_FISCAL_YEAR",
    "NEXT_FISCAL_YEAR",
];

const COUNTED_DATE_WORDS: &[&str] = &[
    "LAST_N_DAYS",
    "NEXT_N_DAYS",
    "N_DAYS_AGO",
    "LAST_N_WEEKS",
    "NEXT_N_WEEKS",
    "N_WEEKS_AGO",
    "LAST_N_MONTHS",
    "NEXT_N_MONTHS",
    "N_MONTHS_AGO",
    "LAST_N_QUARTERS",
    "NEXT_N_QUARTERS",
    "N_QUARTERS_AGO",
    "LAST_N_YEARS",
    "NEXT_N_YEARS",
    "N_YEARS_AGO",
    "LAST_N_FISCAL_QUARTERS",
    "NEXT_N_FISCAL_QUARTERS",
    "N_FISCAL_QUARTERS_AGO",
    "LAST_N_FISCAL_YEARS",
    "NEXT_N_FISCAL_YEARS",
    "N_FISCAL_YEARS_AGO",
];

#[cfg(test)]
mod tests {
    use super::{parse, parse_search};

    fn check(statement: &str, malformed: bool) {
        let error = if statement.starts_with("FIND") {
            parse_search(statement).unwrap_err()
        } else {
            parse(statement).unwrap_err()
        };
        assert_eq!(error.is_malformed(statement), malformed, "{statement}: {error}");
    }

    #[test]
    fn what_no_reader_takes_is_malformed_and_what_may_be_more_is_not() {
        check("", true);
        check("Id FROM Contact", true);
        check("SELECT FROM Contact", true);
        check("SELECT Id", true);
        check("SELECT Id FROM", true);
        check("SELECT Id FROM Contact WHERE ", true);
        check("SELECT Id FROM Contact WHERE Name = 'x", true);
        check("SELECT Id FROM Contact LIMIT x", true);
        check("SELECT Id FROM Contact WHERE Name = :x", true);
        check("SELECT Id FROM Contact LIMIT 1 WHERE Name = 'x'", true);
        check("SELECT Id FROM Contact WHERE A = 1 AND B = 2 OR C = 3", true);
        check("SELECT Id; FROM Contact", true);
        check("FIND {x", true);
        check("SELECT Id FROM Contact WITH SOMETHING NEW", false);
        check("SELECT Id FROM Contact /* x */", false);
        check("SELECT Id\u{a0}FROM Contact", false);
        check("SELECT Id FROM Contact WHERE Id = @{a.id}", false);
        check("SELECT Id FROM Contact WHERE CreatedDate = SOME_NEW_DATE", false);
    }
}
