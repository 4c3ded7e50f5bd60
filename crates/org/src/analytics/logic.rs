//! Filter logic: `1 AND (2 OR 3)`, over the numbers of a report's filters.

use std::collections::BTreeSet;

use super::refused;
use crate::failure::Failure;
use crate::soql::Condition;

/// Joins the conditions of a report's filters as its logic says; without one, all of them hold.
///
/// Bounds: parentheses 20 deep.
/// Errors: logic that names a filter that is not there, leaves one out, or mixes AND and OR without parentheses.
pub(super) fn join(logic: Option<&str>, filters: Vec<Condition>) -> Result<Option<Condition>, Failure> {
    let Some(logic) = logic.map(str::trim).filter(|logic| !logic.is_empty()) else {
        return Ok(all(filters));
    };
    let words = words(logic)?;
    let mut reader = Reader { words: &words, at: 0, filters: &filters, named: BTreeSet::new() };
    let condition = reader.any(0)?;
    if reader.at < words.len() {
        return Err(reader.unexpected());
    }
    if reader.named.len() < filters.len() {
        return Err(refused("The filter logic does not name every filter."));
    }
    Ok(Some(condition))
}

/// All of some conditions.
pub(super) fn all(mut conditions: Vec<Condition>) -> Option<Condition> {
    match conditions.len() {
        0 | 1 => conditions.pop(),
        _ => Some(Condition::And(conditions)),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Number(usize),
    And,
    Or,
    Not,
    Open,
    Close,
}

fn words(logic: &str) -> Result<Vec<Word>, Failure> {
    let spaced = logic.replace('(', " ( ").replace(')', " ) ");
    let word = |text: &str| match text.to_ascii_uppercase().as_str() {
        "AND" => Ok(Word::And),
        "OR" => Ok(Word::Or),
        "NOT" => Ok(Word::Not),
        "(" => Ok(Word::Open),
        ")" => Ok(Word::Close),
        number => number.parse().map(Word::Number).map_err(|_| wrong(text)),
    };
    spaced.split_whitespace().map(word).collect()
}

struct Reader<'a> {
    words: &'a [Word],
    at: usize,
    filters: &'a [Condition],
    named: BTreeSet<usize>,
}

impl Reader<'_> {
    fn any(&mut self, depth: usize) -> Result<Condition, Failure> {
        let first = self.one(depth)?;
        let Some(joint @ (Word::And | Word::Or)) = self.words.get(self.at).cloned() else { return Ok(first) };
        let mut parts = vec![first];
        while self.words.get(self.at) == Some(&joint) {
            self.at += 1;
            parts.push(self.one(depth)?);
        }
        if matches!(self.words.get(self.at), Some(Word::And | Word::Or)) {
            return Err(refused(
                "The filter logic must use parentheses around successive AND and OR expressions.",
            ));
        }
        Ok(if joint == Word::And { Condition::And(parts) } else { Condition::Or(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Condition, Failure> {
        if depth > DEPTH_MAX {
            return Err(refused("The filter logic is nested too deep."));
        }
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        match word {
            Some(Word::Number(number)) => {
                let filter = number.checked_sub(1).and_then(|at| self.filters.get(at)).cloned();
                self.named.insert(number);
                filter.ok_or_else(|| {
                    refused(format!("The filter logic names filter {number}, which is not there."))
                })
            }
            Some(Word::Not) => Ok(Condition::Not(Box::new(self.one(depth + 1)?))),
            Some(Word::Open) => {
                let inner = self.any(depth + 1)?;
                if self.words.get(self.at) != Some(&Word::Close) {
                    return Err(self.unexpected());
                }
                self.at += 1;
                Ok(inner)
            }
            Some(Word::And | Word::Or | Word::Close) | None => {
                self.at -= 1;
                Err(self.unexpected())
            }
        }
    }

    fn unexpected(&self) -> Failure {
        refused(format!("The filter logic cannot be read at word {}.", self.at + 1))
    }
}

fn wrong(word: &str) -> Failure {
    refused(format!("The filter logic has a word that is neither a number nor AND, OR, NOT: {word}"))
}

const DEPTH_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soql::{Comparison, Literal, Operand};

    fn filters(count: usize) -> Vec<Condition> {
        let one = |at| Condition::Compare(Operand::Field(format!("f{at}")), Comparison::Equal, Literal::Null);
        (1..=count).map(one).collect()
    }

    #[test]
    fn logic_joins_filters_by_number() {
        let cases = [
            ("", "f1 = null AND f2 = null AND f3 = null"),
            ("1 AND (2 OR 3)", "f1 = null AND (f2 = null OR f3 = null)"),
            ("(1 and 2) or not 3", "(f1 = null AND f2 = null) OR (NOT f3 = null)"),
        ];
        for (logic, want) in cases {
            let joined = join(Some(logic), filters(3)).unwrap().unwrap();
            let plain = |text: &str| text.replace(['(', ')'], "");
            assert_eq!(plain(&joined.to_string()), plain(want), "{logic}");
        }
        for logic in [
            "1 AND 2",
            "1 AND 2 OR 3",
            "1 AND (2 OR 3",
            "1 AND 2) OR (3",
            "1 AND 2 AND 4",
            "AND 1",
            "1 2 3",
            "0 AND 1",
            "x",
        ] {
            assert!(join(Some(logic), filters(3)).is_err(), "{logic}");
        }
    }
}
