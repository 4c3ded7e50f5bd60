//! The tokens of a GraphQL document.

use super::parse::Fault;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Number(String),
    Text(String),
    /// One of the punctuators; `.` stands for the three of a spread.
    Punctuation(char),
    End,
}

/// All tokens of a document, and which is next.
#[derive(Debug)]
pub(super) struct Lexer {
    // INVARIANT: ends with `End`.
    tokens: Vec<(Token, usize, usize)>,
    at: usize,
}

impl Lexer {
    pub(super) fn new(text: &str) -> Result<Self, Fault> {
        let mut scan = Scan { rest: text, line: 1, column: 1 };
        let mut tokens = Vec::new();
        loop {
            scan.blank();
            let (line, column) = (scan.line, scan.column);
            let token = scan.token()?;
            let done = token == Token::End;
            tokens.push((token, line, column));
            if done {
                return Ok(Self { tokens, at: 0 });
            }
            if tokens.len() > TOKENS_MAX {
                return Err(Fault { message: "the document is too long".into(), line, column });
            }
        }
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, ..)| token)
    }

    pub(super) fn next(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len().saturating_sub(1));
    }

    pub(super) fn at_end(&self) -> bool {
        self.peek() == &Token::End
    }

    /// Line and column of the next token.
    pub(super) fn place(&self) -> (usize, usize) {
        self.tokens.get(self.at).map_or((1, 1), |(_, line, column)| (*line, *column))
    }
}

struct Scan<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl Scan<'_> {
    fn token(&mut self) -> Result<Token, Fault> {
        let (line, column) = (self.line, self.column);
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Token::Name(self.take_while(|c| c.is_ascii_alphanumeric() || c == '_')));
        }
        if first.is_ascii_digit() || first == '-' {
            let text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
            return if serde_json::from_str::<serde_json::Number>(&text).is_ok() {
                Ok(Token::Number(text))
            } else {
                Err(Fault { message: format!("Invalid Syntax : offending token '{text}'"), line, column })
            };
        }
        if first == '"' {
            return self.text().ok_or_else(|| Fault {
                message: "Invalid Syntax : a text that does not end".into(),
                line,
                column,
            });
        }
        if self.rest.starts_with("...") {
            self.advance(3);
            return Ok(Token::Punctuation('.'));
        }
        if "{}()[]:$!=@|&".contains(first) {
            self.advance(1);
            return Ok(Token::Punctuation(first));
        }
        Err(Fault { message: format!("Invalid Syntax : offending token '{first}'"), line, column })
    }

    /// A quoted text, or a block of text between three quotes.
    fn text(&mut self) -> Option<Token> {
        if self.rest.starts_with("\"\"\"") {
            let end = self.rest.get(3..)?.find("\"\"\"")?;
            let inner = self.rest.get(3..3 + end)?.trim().to_owned();
            self.advance(end + 6);
            return Some(Token::Text(inner));
        }
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped || *c == '\n';
            escaped = *c == '\\' && !escaped;
            ends
        });
        // Escapes are those of JSON.
        let (end, _) = end?;
        let text = serde_json::from_str(self.rest.get(..=end)?).ok()?;
        self.advance(end + 1);
        Some(Token::Text(text))
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let text = self.rest.get(..end).unwrap_or("").to_owned();
        self.advance(end);
        text
    }

    /// Skips white space, commas and comments.
    fn blank(&mut self) {
        loop {
            let end = self.rest.find(|c: char| !c.is_whitespace() && c != ',' && c != '\u{feff}');
            self.advance(end.unwrap_or(self.rest.len()));
            if !self.rest.starts_with('#') {
                return;
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        for c in passed.chars() {
            if c == '\n' {
                (self.line, self.column) = (self.line + 1, 1);
            } else {
                self.column += 1;
            }
        }
        self.rest = rest;
    }
}

const TOKENS_MAX: usize = 20_000;
