//! SOQL text to tokens with their places.

/// A token of SOQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or keyword, dots included.
    Word(String),
    /// Text without quotes.
    Text(String),
    /// Something that begins as a number: number, date or date-time.
    Figure(String),
    /// Punctuation: `( ) , = != < <= > >= :`.
    Sign(&'static str),
}

/// Splits SOQL text into tokens, each with the byte it begins at.
///
/// Errors: the byte that cannot begin or continue a token.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, usize> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, left) = match first {
            '\'' => quoted(rest).ok_or(at)?,
            'A'..='Z' | 'a'..='z' | '_' => {
                let (word, left) = cut(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
                (Token::Word(word.to_owned()), left)
            }
            '0'..='9' | '-' | '+' | '.' => {
                let sign = usize::from(!first.is_ascii_digit());
                let (figure, left) = figure(rest, sign);
                if figure.len() == sign && first != '.' {
                    return Err(at);
                }
                (Token::Figure(figure.to_owned()), left)
            }
            _ => sign(rest).ok_or(at)?,
        };
        rest = left;
        tokens.push((at, token));
    }
}

fn cut(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !keep(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// A number or date: a sign may follow `e` in a number, or stand in the date and zone of a date-time.
fn figure(text: &str, sign: usize) -> (&str, &str) {
    let date = text.as_bytes().get(4) == Some(&b'-');
    let mut before = '0';
    let mut end = text.len();
    for (at, c) in text.char_indices().skip(sign) {
        let signed = matches!(c, '-' | '+') && (date || matches!(before, 'e' | 'E'));
        let part = c.is_ascii_digit() || c == '.' || matches!(c, 'e' | 'E') || signed;
        if !(part || date && matches!(c, 'T' | 't' | 'Z' | 'z' | ':')) {
            end = at;
            break;
        }
        before = c;
    }
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn quoted(text: &str) -> Option<(Token, &str)> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Some((Token::Text(out), text.get(at + 1..)?)),
            '\\' => {
                let (_, escaped) = chars.next()?;
                match escaped {
                    'n' | 'N' => out.push('\n'),
                    'r' | 'R' => out.push('\r'),
                    't' | 'T' => out.push('\t'),
                    'b' | 'B' => out.push('\u{8}'),
                    'f' | 'F' => out.push('\u{c}'),
                    '\'' | '"' | '\\' => out.push(escaped),
                    '%' | '_' => out.extend(['\\', escaped]),
                    'u' => {
                        let mut code = 0;
                        for _ in 0..4 {
                            code = code * 16 + chars.next()?.1.to_digit(16)?;
                        }
                        out.push(char::from_u32(code)?);
                    }
                    _ => return None,
                }
            }
            _ => out.push(c),
        }
    }
    None
}

fn sign(text: &str) -> Option<(Token, &str)> {
    // Longer signs first.
    let table = [
        ("<>", "!="),
        ("!=", "!="),
        ("<=", "<="),
        (">=", ">="),
        ("<", "<"),
        (">", ">"),
        ("=", "="),
        ("(", "("),
        (")", ")"),
        (",", ","),
        (":", ":"),
    ];
    table.iter().find_map(|(written, meant)| Some((Token::Sign(meant), text.strip_prefix(written)?)))
}
