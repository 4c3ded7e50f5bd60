//! Filter logic as words, checked to be whole: `1 AND (2 OR 3)`.

/// One word of filter logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Number(usize),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// Reads logic that is an expression by itself and names filters up to a number.
///
/// Bounds: [`WORDS_MAX`] words, [`DEPTH_MAX`] parentheses.
pub(super) fn read_logic(logic: &str, filters: usize) -> Option<Vec<Word>> {
    let spaced = logic.replace('(', " ( ").replace(')', " ) ");
    let mut words = Vec::new();
    for text in spaced.split_ascii_whitespace() {
        words.push(match text.to_ascii_uppercase().as_str() {
            "AND" => Word::And,
            "OR" => Word::Or,
            "NOT" => Word::Not,
            "(" => Word::Open,
            ")" => Word::Close,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Word::Number(number.parse().ok().filter(|number| (1..=filters).contains(number))?)
            }
            _ => return None,
        });
    }
    (words.len() <= WORDS_MAX && any(&words, 0)?.is_empty()).then_some(words)
}

/// Reads one expression; gives what is behind it.
fn any(words: &[Word], depth: usize) -> Option<&[Word]> {
    let mut rest = one(words, depth)?;
    while let [Word::And | Word::Or, more @ ..] = rest {
        rest = one(more, depth)?;
    }
    Some(rest)
}

fn one(words: &[Word], depth: usize) -> Option<&[Word]> {
    if depth > DEPTH_MAX {
        return None;
    }
    match words {
        [Word::Number(_), rest @ ..] => Some(rest),
        [Word::Not, rest @ ..] => one(rest, depth + 1),
        [Word::Open, inner @ ..] => match any(inner, depth + 1)? {
            [Word::Close, rest @ ..] => Some(rest),
            _ => None,
        },
        _ => None,
    }
}

/// The same as text.
pub(super) fn write_logic(words: &[Word]) -> String {
    let mut out = String::new();
    let mut before = None;
    for word in words {
        let apart = !matches!((before, word), (None | Some(Word::Open), _) | (_, Word::Close));
        if apart {
            out.push(' ');
        }
        match word {
            Word::Number(number) => out.push_str(&number.to_string()),
            Word::And => out.push_str("AND"),
            Word::Or => out.push_str("OR"),
            Word::Not => out.push_str("NOT"),
            Word::Open => out.push('('),
            Word::Close => out.push(')'),
        }
        before = Some(*word);
    }
    out
}

const WORDS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 50;
