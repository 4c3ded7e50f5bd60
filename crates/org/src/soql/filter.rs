//! Conditions, checked against the schema and put to rows or groups.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a value or literal of any other kind does not satisfy the test"
)]

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use super::dates;
use super::evaluate::Lens;
use super::subject::Subject;
use super::{Comparison, Condition, Literal, Membership, Operand};
use crate::datetime::{DAY_MS, read_date, read_date_time, spell_date, spell_date_time};
use crate::failure::Failure;
use crate::schema::{Field, Kind, Object};
use crate::value::spell;

/// A condition whose every name and literal has been checked.
#[derive(Debug)]
pub(super) enum Test {
    Null(Subject, bool),
    Boolean(Subject, bool, bool),
    Number(Subject, Comparison, f64),
    Text(Subject, Comparison, String),
    Like(Subject, Vec<Pattern>),
    /// From, until (not included), both in the server's spelling.
    Span(Subject, Comparison, String, String),
    /// Folded members, whether null is one, whether the answer is turned round.
    Among(Subject, BTreeSet<String>, bool, bool),
    Includes(Subject, Vec<Vec<String>>, bool),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

/// One step of a `LIKE` pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pattern {
    Exactly(char),
    AnyOne,
    AnyMany,
}

/// Checks a condition; `bind` says what an operand means here.
pub(super) fn check(
    lens: &Lens<'_>,
    condition: &Condition,
    bind: &dyn Fn(&Operand) -> Result<Subject, Failure>,
) -> Result<Test, Failure> {
    let each =
        |all: &[Condition]| all.iter().map(|one| check(lens, one, bind)).collect::<Result<Vec<_>, _>>();
    match condition {
        Condition::And(all) => Ok(Test::And(each(all)?)),
        Condition::Or(all) => Ok(Test::Or(each(all)?)),
        Condition::Not(inner) => Ok(Test::Not(Box::new(check(lens, inner, bind)?))),
        Condition::Compare(left, comparison, right) => {
            compare(lens, filterable(bind(left)?)?, *comparison, right)
        }
        Condition::Among(left, Membership::In | Membership::NotIn, list) if list.is_empty() => {
            Err(malformed(format!("unexpected token: ')' after {left}")))
        }
        Condition::Among(left, membership, list) => among(lens, filterable(bind(left)?)?, *membership, list),
        Condition::AmongRows(left, membership, query) => {
            let subject = filterable(bind(left)?)?;
            let values = super::evaluate::column(lens, query)?;
            let folded = values.iter().map(|value| fold(subject.kind(), value)).collect();
            match membership {
                Membership::In => Ok(Test::Among(subject, folded, false, false)),
                Membership::NotIn => Ok(Test::Among(subject, folded, false, true)),
                Membership::Includes | Membership::Excludes => {
                    Err(malformed("unexpected token: 'SELECT'".into()))
                }
            }
        }
    }
}

impl Test {
    /// Whether it holds, given the value of each subject.
    pub(super) fn holds(&self, value: &dyn Fn(&Subject) -> Value) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(value)),
            Self::Or(all) => all.iter().any(|one| one.holds(value)),
            Self::Not(inner) => !inner.holds(value),
            Self::Null(subject, wanted) => value(subject).is_null() == *wanted,
            Self::Boolean(subject, wanted, turned) => (value(subject) == Value::Bool(*wanted)) != *turned,
            Self::Number(subject, comparison, wanted) => match value(subject).as_f64() {
                None => *comparison == Comparison::NotEqual,
                Some(number) => number.partial_cmp(wanted).is_some_and(|order| allowed(*comparison, order)),
            },
            Self::Text(subject, comparison, wanted) => match value(subject) {
                Value::Null => *comparison == Comparison::NotEqual,
                found => allowed(*comparison, fold(subject.kind(), &found).cmp(wanted)),
            },
            Self::Like(subject, pattern) => match value(subject) {
                Value::Null => false,
                found => like(&spell(&found).to_lowercase().chars().collect::<Vec<_>>(), pattern),
            },
            Self::Span(subject, comparison, from, until) => match value(subject) {
                Value::String(found) => in_span(*comparison, &found, from, until),
                _ => *comparison == Comparison::NotEqual,
            },
            Self::Among(subject, members, null, turned) => {
                let found = match value(subject) {
                    Value::Null => *null,
                    found => members.contains(&fold(subject.kind(), &found)),
                };
                found != *turned
            }
            Self::Includes(subject, sets, turned) => {
                let found = spell(&value(subject)).to_lowercase();
                let parts: Vec<&str> = found.split(';').map(str::trim).collect();
                let any = sets.iter().any(|set| set.iter().all(|wanted| parts.contains(&wanted.as_str())));
                any != *turned
            }
        }
    }

    /// The ids of all rows that can satisfy it, when an index can say; `None` when every row must be tried.
    pub(super) fn candidates(&self, lens: &Lens<'_>, object: &Object) -> Option<Vec<String>> {
        match self {
            Self::And(all) => all.iter().find_map(|one| one.candidates(lens, object)),
            Self::Text(subject, Comparison::Equal, wanted) => {
                let field = indexed(subject, object)?;
                Some(lens.store.find(object, field, wanted))
            }
            Self::Among(subject, members, false, false) => {
                let field = indexed(subject, object)?;
                let found: BTreeSet<String> =
                    members.iter().flat_map(|wanted| lens.store.find(object, field, wanted)).collect();
                Some(found.into_iter().collect())
            }
            Self::Null(..)
            | Self::Boolean(..)
            | Self::Number(..)
            | Self::Text(..)
            | Self::Like(..)
            | Self::Span(..)
            | Self::Among(..)
            | Self::Includes(..)
            | Self::Or(_)
            | Self::Not(_) => None,
        }
    }
}

/// The indexed field a subject is, if it is one; case-sensitive fields are left to the scan.
fn indexed<'a>(subject: &Subject, object: &'a Object) -> Option<&'a Field> {
    let Subject::Path(path) = subject else { return None };
    if !path.hops.is_empty() {
        return None;
    }
    let field = object.field(&path.field.name)?;
    (field.kind == Kind::Id || Object::indexed(field) && !field.case_sensitive).then_some(field)
}

fn filterable(subject: Subject) -> Result<Subject, Failure> {
    match subject.field().filter(|field| !field.filterable() && subject.is_plain()) {
        None => Ok(subject),
        Some(field) => Err(Failure::request(
            400,
            "INVALID_FIELD",
            format!("field '{}' can not be filtered in a query call", field.name),
        )),
    }
}

fn compare(
    lens: &Lens<'_>,
    subject: Subject,
    comparison: Comparison,
    right: &Literal,
) -> Result<Test, Failure> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let turned = comparison == Comparison::NotEqual;
    let kind = subject.kind();
    match (kind, right) {
        (_, Literal::Null) if equality => Ok(Test::Null(subject, !turned)),
        (Kind::Boolean, Literal::Boolean(wanted)) if equality => Ok(Test::Boolean(subject, *wanted, turned)),
        (kind, Literal::Number(number)) if kind.is_number() && comparison != Comparison::Like => {
            let number = number.parse().map_err(|_| malformed(format!("invalid number: {number}")))?;
            Ok(Test::Number(subject, comparison, number))
        }
        (Kind::Date | Kind::DateTime, Literal::Date(_) | Literal::DateTime(_) | Literal::Named(..))
            if comparison != Comparison::Like =>
        {
            let (from, until) = span(lens, &subject, right)?;
            Ok(Test::Span(subject, comparison, from, until))
        }
        (Kind::Id | Kind::Reference, Literal::Text(text)) if comparison != Comparison::Like => {
            let wanted = id_literal(&subject, text)?;
            Ok(Test::Text(subject, comparison, wanted))
        }
        (kind, Literal::Text(text)) if kind.is_text() || matches!(kind, Kind::Time) => {
            if comparison == Comparison::Like {
                return Ok(Test::Like(subject, pattern(text)));
            }
            let wanted = fold_text(&subject, &unescape(text));
            Ok(Test::Text(subject, comparison, wanted))
        }
        _ => Err(wrong_type(&subject, right)),
    }
}

fn among(
    lens: &Lens<'_>,
    subject: Subject,
    membership: Membership,
    list: &[Literal],
) -> Result<Test, Failure> {
    let turned = matches!(membership, Membership::NotIn | Membership::Excludes);
    let kind = subject.kind();
    if matches!(membership, Membership::Includes | Membership::Excludes) {
        let sets = list.iter().map(|literal| match literal {
            Literal::Text(text) => Ok(text.split(';').map(|part| part.trim().to_lowercase()).collect()),
            _ => Err(wrong_type(&subject, literal)),
        });
        let sets = sets.collect::<Result<_, _>>()?;
        if kind != Kind::MultiPicklist {
            return Err(malformed("INCLUDES and EXCLUDES are for multi-select picklists".into()));
        }
        return Ok(Test::Includes(subject, sets, turned));
    }
    if matches!(kind, Kind::Date | Kind::DateTime) || kind.is_number() || kind == Kind::Boolean {
        let any = list.iter().map(|literal| {
            let again = Subject::clone(&subject);
            compare(lens, again, Comparison::Equal, literal)
        });
        let any = Test::Or(any.collect::<Result<_, _>>()?);
        return Ok(if turned { Test::Not(Box::new(any)) } else { any });
    }
    let mut members = BTreeSet::new();
    let mut null = false;
    for literal in list {
        match literal {
            Literal::Null => null = true,
            Literal::Text(text) if matches!(kind, Kind::Id | Kind::Reference) => {
                members.insert(id_literal(&subject, text)?);
            }
            Literal::Text(text) => {
                members.insert(fold_text(&subject, &unescape(text)));
            }
            _ => return Err(wrong_type(&subject, literal)),
        }
    }
    Ok(Test::Among(subject, members, null, turned))
}

fn span(lens: &Lens<'_>, subject: &Subject, literal: &Literal) -> Result<(String, String), Failure> {
    let wrong = || wrong_type(subject, literal);
    if subject.kind() == Kind::Date {
        let (from, until) = match literal {
            Literal::Date(text) => read_date(text).map(|day| (day, day + 1)).ok_or_else(wrong)?,
            Literal::Named(name, count) => {
                dates::range(name, *count, lens.now_ms.div_euclid(DAY_MS)).ok_or_else(wrong)?
            }
            _ => return Err(wrong()),
        };
        return Ok((spell_date(from), spell_date(until)));
    }
    let (from, until) = match literal {
        Literal::DateTime(text) => read_date_time(text).map(|ms| (ms, ms + 1)).ok_or_else(wrong)?,
        Literal::Named(name, count) => {
            let days = dates::range(name, *count, lens.now_ms.div_euclid(DAY_MS)).ok_or_else(wrong)?;
            (days.0 * DAY_MS, days.1 * DAY_MS)
        }
        _ => return Err(wrong()),
    };
    Ok((spell_date_time(from), spell_date_time(until)))
}

fn in_span(comparison: Comparison, found: &str, from: &str, until: &str) -> bool {
    let inside = found >= from && found < until;
    match comparison {
        Comparison::Equal | Comparison::Like => inside,
        Comparison::NotEqual => !inside,
        Comparison::Less => found < from,
        Comparison::LessOrEqual => found < until,
        Comparison::Greater => found >= until,
        Comparison::GreaterOrEqual => found >= from,
    }
}

fn allowed(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal | Comparison::Like => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    }
}

/// How values of a kind are compared: ids as they are, everything else without case.
pub(super) fn fold(kind: Kind, value: &Value) -> String {
    match kind {
        Kind::Id | Kind::Reference => spell(value),
        _ => spell(value).to_lowercase(),
    }
}

fn fold_text(subject: &Subject, text: &str) -> String {
    fold(subject.kind(), &Value::String(text.to_owned()))
}

fn id_literal(subject: &Subject, text: &str) -> Result<String, Failure> {
    if text.is_empty() {
        return Ok(String::new());
    }
    crate::id::widen(text).ok_or_else(|| {
        let name = subject.field().map_or("Id", |field| field.name.as_str());
        Failure::request(400, "INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text} for {name}"))
    })
}

/// The text without the backslashes that only `LIKE` needs.
fn unescape(text: &str) -> String {
    text.replace("\\%", "%").replace("\\_", "_")
}

fn pattern(text: &str) -> Vec<Pattern> {
    let lowered = text.to_lowercase();
    let mut chars = lowered.chars().peekable();
    let mut pattern = Vec::new();
    while let Some(c) = chars.next() {
        pattern.push(match c {
            '%' => Pattern::AnyMany,
            '_' => Pattern::AnyOne,
            '\\' => match chars.next_if(|next| matches!(next, '%' | '_')) {
                Some(escaped) => Pattern::Exactly(escaped),
                None => Pattern::Exactly('\\'),
            },
            _ => Pattern::Exactly(c),
        });
    }
    pattern
}

/// Matches with one place to go back to, so the time is at most the product of the lengths.
fn like(text: &[char], pattern: &[Pattern]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(Pattern::AnyMany) => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(Pattern::AnyOne) => (t, p) = (t + 1, p + 1),
            Some(Pattern::Exactly(wanted)) if wanted == c => (t, p) = (t + 1, p + 1),
            _ => match retry {
                Some((after, from)) => {
                    retry = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|step| *step == Pattern::AnyMany)
}

fn wrong_type(subject: &Subject, literal: &Literal) -> Failure {
    let name = subject.field().map_or("expr", |field| field.name.as_str());
    let kind = subject.kind();
    let advice = match literal {
        _ if kind.is_text() || matches!(kind, Kind::Id | Kind::Reference) => "should be enclosed in quotes",
        _ => "should not be enclosed in quotes",
    };
    let message =
        format!("value of filter criterion for field '{name}' must be of type {} and {advice}", kind.name());
    Failure::request(400, "INVALID_FIELD", message)
}

fn malformed(message: String) -> Failure {
    Failure::request(400, "MALFORMED_QUERY", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(text: &str, wanted: &str) -> bool {
        like(&text.to_lowercase().chars().collect::<Vec<_>>(), &pattern(wanted))
    }

    #[test]
    fn like_follows_sql() {
        let table = [
            ("Jane Doe", "j%", true),
            ("Jane Doe", "%doe", true),
            ("Jane Doe", "%ne%d%", true),
            ("Jane Doe", "J_ne Doe", true),
            ("Jane Doe", "Jane", false),
            ("50% off", "50\\%%", true),
            ("500 off", "50\\%%", false),
            ("", "%", true),
            ("", "_", false),
            ("aaaaab", "%a%a%a%c", false),
        ];
        for (text, wanted, expected) in table {
            assert_eq!(matches(text, wanted), expected, "{text} like {wanted}");
        }
    }

    proptest! {
        #[test]
        fn text_is_like_itself_and_like_anything(text in "[a-zA-Z0-9 ]{0,20}") {
            prop_assert!(matches(&text, &text));
            prop_assert!(matches(&text, "%"));
        }
    }
}
