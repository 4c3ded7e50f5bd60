//! From text to formula: precedence climbing over a handful of operators.

use super::{Formula, pattern};

/// Reads a formula.
///
/// Bounds: 5,000 characters, 64 levels.
/// Errors: a sentence for whoever deploys it.
pub(crate) fn parse(text: &str) -> Result<Formula, String> {
    if text.len() > LENGTH_MAX {
        return Err(format!(
            "Formula is too long ({} characters). Maximum length is {LENGTH_MAX} characters.",
            text.len()
        ));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let formula = parser.expression(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(formula),
        Some(token) => Err(format!("Syntax error. Extra {}", token.shown())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(f64),
    Sign(&'static str),
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn expression(&mut self, least: u8) -> Result<Formula, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("Syntax error. The formula is nested too deep".into());
        }
        let mut left = self.part()?;
        while let Some((sign, strength)) = self.operator().filter(|(_, strength)| *strength >= least) {
            self.at += 1;
            let right = self.expression(strength + 1)?;
            left = Formula::Call(sign.to_owned(), vec![left, right]);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let Some(Token::Sign(sign)) = self.tokens.get(self.at) else { return None };
        OPERATORS.iter().find(|(known, _)| known == sign).copied()
    }

    fn part(&mut self) -> Result<Formula, String> {
        let token = self.tokens.get(self.at).cloned().ok_or("Syntax error. Found end of formula")?;
        self.at += 1;
        match token {
            Token::Text(text) => Ok(Formula::Text(text)),
            Token::Number(number) => Ok(Formula::Number(number)),
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("!") => Ok(Formula::Call("NOT".into(), vec![self.expression(STRONGEST)?])),
            Token::Sign("-") => {
                let inner = self.expression(STRONGEST)?;
                Ok(Formula::Call("-".into(), vec![Formula::Number(0.0), inner]))
            }
            Token::Name(name) if self.tokens.get(self.at) == Some(&Token::Sign("(")) => self.call(&name),
            Token::Name(name) => Ok(match name.to_ascii_uppercase().as_str() {
                "TRUE" => Formula::Truth(true),
                "FALSE" => Formula::Truth(false),
                "NULL" => Formula::Null,
                _ => Formula::Field(name),
            }),
            Token::Sign(_) => Err(format!("Syntax error. Found {}", token.shown())),
        }
    }

    fn call(&mut self, name: &str) -> Result<Formula, String> {
        let upper = name.to_ascii_uppercase();
        let known = FUNCTIONS.iter().find(|(known, _, _)| *known == upper);
        let Some((function, least, most)) = known else {
            return Err(format!("Unknown function {name}. Check spelling."));
        };
        self.at += 1;
        let mut parts = Vec::new();
        while self.tokens.get(self.at) != Some(&Token::Sign(")")) {
            if !parts.is_empty() {
                self.expect(",")?;
            }
            parts.push(self.expression(0)?);
        }
        self.at += 1;
        if !(*least..=*most).contains(&parts.len()) {
            return Err(format!(
                "Incorrect number of parameters for function '{function}()'. Expected {least}, received {}",
                parts.len()
            ));
        }
        if let ("REGEX", Some(given)) = (*function, parts.get(1)) {
            let Formula::Text(given) = given else { return Err("REGEX takes its pattern as text".into()) };
            pattern::read(given)?;
        }
        Ok(Formula::Call((*function).to_owned(), parts))
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        if self.tokens.get(self.at) == Some(&Token::Sign(sign)) {
            self.at += 1;
            return Ok(());
        }
        let found = self.tokens.get(self.at).map_or_else(|| "end of formula".into(), Token::shown);
        Err(format!("Syntax error. Missing '{sign}', found {found}"))
    }
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Name(name) => format!("'{name}'"),
            Self::Text(text) => format!("\"{text}\""),
            Self::Number(number) => format!("'{number}'"),
            Self::Sign(sign) => format!("'{sign}'"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/*") {
            rest = after.split_once("*/").ok_or("Syntax error. A comment does not end")?.1;
            continue;
        }
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let length = |keeps: fn(char) -> bool| rest.find(|c| !keeps(c)).unwrap_or(rest.len());
        let take = |at: usize| (rest.get(..at).unwrap_or(""), rest.get(at..).unwrap_or(""));
        if first == '"' || first == '\'' {
            let (value, after) = quoted(rest, first)?;
            tokens.push(Token::Text(value));
            rest = after;
        } else if first.is_ascii_digit() {
            let (number, after) = take(length(|c| c.is_ascii_digit() || c == '.'));
            tokens.push(Token::Number(
                number.parse().map_err(|_| format!("Syntax error. {number} is no number"))?,
            ));
            rest = after;
        } else if first.is_alphabetic() || first == '$' {
            let (name, after) = take(length(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$')));
            tokens.push(Token::Name(name.to_owned()));
            rest = after;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("Syntax error. Found '{first}'"))?;
            tokens.push(Token::Sign(sign));
            rest = rest.strip_prefix(sign).unwrap_or("");
        }
    }
}

/// Text in quotes, and what comes after it.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => {
                // `\n` and `\t` aside, a backslash stands before what is meant as it is; patterns double theirs.
                value.push(match c {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
                escaped = false;
            }
            '\\' => escaped = true,
            c if c == quote => return Ok((value, text.get(at + c.len_utf8()..).unwrap_or(""))),
            c => value.push(c),
        }
    }
    Err("Syntax error. Text does not end".into())
}

const SIGNS: [&str; 20] = [
    "<>", "!=", "<=", ">=", "&&", "||", "==", "(", ")", ",", "=", "<", ">", "+", "-", "*", "/", "&", "!", "^",
];
/// Weakest first.
const OPERATORS: [(&str, u8); 15] = [
    ("||", 1),
    ("&&", 2),
    ("=", 3),
    ("==", 3),
    ("<>", 3),
    ("!=", 3),
    ("<", 4),
    (">", 4),
    ("<=", 4),
    (">=", 4),
    ("+", 5),
    ("-", 5),
    ("&", 5),
    ("*", 6),
    ("/", 6),
];
const STRONGEST: u8 = 7;
const FUNCTIONS: [(&str, usize, usize); 22] = [
    ("AND", 1, 100),
    ("OR", 1, 100),
    ("NOT", 1, 1),
    ("IF", 3, 3),
    ("ISBLANK", 1, 1),
    ("ISNULL", 1, 1),
    ("ISPICKVAL", 2, 2),
    ("TEXT", 1, 1),
    ("VALUE", 1, 1),
    ("LEN", 1, 1),
    ("REGEX", 2, 2),
    ("CONTAINS", 2, 2),
    ("BEGINS", 2, 2),
    ("LEFT", 2, 2),
    ("RIGHT", 2, 2),
    ("UPPER", 1, 1),
    ("LOWER", 1, 1),
    ("TRIM", 1, 1),
    ("ISNEW", 0, 0),
    ("ISCHANGED", 1, 1),
    ("TODAY", 0, 0),
    ("BLANKVALUE", 2, 2),
];
const LENGTH_MAX: usize = 5_000;
const DEPTH_MAX: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_known_is_said() {
        let table = [
            ("VLOOKUP(a, b, c)", "Unknown function VLOOKUP"),
            ("ISBLANK()", "Incorrect number of parameters"),
            ("AND(a = 1", "Missing ','"),
            ("a = ", "Found end of formula"),
            ("a = 'x", "Text does not end"),
            ("a # b", "Found '#'"),
            ("a b", "Extra 'b'"),
            ("REGEX(a, '(x')", "pattern"),
            ("a ^ 2", "Extra '^'"),
        ];
        for (text, near) in table {
            let error = parse(text).unwrap_err();
            assert!(error.contains(near), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}") {
            drop(parse(&text));
        }

        #[test]
        fn reading_words_never_panics(words in proptest::collection::vec("(AND|NOT|ISBLANK|REGEX|a|=|\\(|\\)|,|'x'|1|&&|!|-)", 0..40)) {
            drop(parse(&words.join(" ")));
        }
    }
}
