//! What a formula says of a record.

use serde_json::Value;

use super::{Formula, pattern};
use crate::datetime;
use crate::schema::{Kind, Object};
use crate::store::Row;

/// What a rule may know: the record as it would be, and as it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) object: &'a Object,
    pub(crate) row: &'a Row,
    pub(crate) before: Option<&'a Row>,
    pub(crate) now_ms: i64,
}

/// Whether the formula is true of the record; nothing else than TRUE counts.
pub(crate) fn holds(formula: &Formula, facts: &Facts<'_>) -> bool {
    value(formula, facts) == Answer::Truth(true)
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Text(String),
    Number(f64),
    Truth(bool),
    Null,
}

fn value(formula: &Formula, facts: &Facts<'_>) -> Answer {
    match formula {
        Formula::Text(text) => Answer::Text(text.clone()),
        Formula::Number(number) => Answer::Number(*number),
        Formula::Truth(truth) => Answer::Truth(*truth),
        Formula::Null => Answer::Null,
        Formula::Field(name) => field(name, facts, facts.row),
        Formula::Call(name, parts) => call(name, parts, facts),
    }
}

fn field(name: &str, facts: &Facts<'_>, row: &Row) -> Answer {
    let Some(field) = facts.object.field(name) else { return Answer::Null };
    match row.get(&field.name) {
        Some(Value::String(text)) => Answer::Text(text.clone()),
        Some(Value::Bool(truth)) => Answer::Truth(*truth),
        Some(Value::Number(number)) => number.as_f64().map_or(Answer::Null, Answer::Number),
        _ if field.kind == Kind::Boolean => Answer::Truth(false),
        _ => Answer::Null,
    }
}

fn call(name: &str, parts: &[Formula], facts: &Facts<'_>) -> Answer {
    let part = |at: usize| parts.get(at).map_or(Answer::Null, |part| value(part, facts));
    let text = |at: usize| part(at).text();
    let truth = |at: usize| part(at) == Answer::Truth(true);
    let count = |at: usize| {
        let number = part(at).number().unwrap_or(0.0).max(0.0);
        format!("{number:.0}").parse::<usize>().unwrap_or(0)
    };
    match name {
        "AND" => Answer::Truth(parts.iter().all(|part| holds(part, facts))),
        "&&" => Answer::Truth(truth(0) && truth(1)),
        "OR" => Answer::Truth(parts.iter().any(|part| holds(part, facts))),
        "||" => Answer::Truth(truth(0) || truth(1)),
        "NOT" => Answer::Truth(!truth(0)),
        "IF" => part(if truth(0) { 1 } else { 2 }),
        "ISBLANK" | "ISNULL" => Answer::Truth(text(0).is_empty()),
        "BLANKVALUE" => {
            if text(0).is_empty() {
                part(1)
            } else {
                part(0)
            }
        }
        "ISPICKVAL" | "=" | "==" => {
            Answer::Truth(order(&part(0), &part(1)) == Some(std::cmp::Ordering::Equal))
        }
        "<>" | "!=" => Answer::Truth(order(&part(0), &part(1)) != Some(std::cmp::Ordering::Equal)),
        "<" => Answer::Truth(order(&part(0), &part(1)).is_some_and(std::cmp::Ordering::is_lt)),
        ">" => Answer::Truth(order(&part(0), &part(1)).is_some_and(std::cmp::Ordering::is_gt)),
        "<=" => Answer::Truth(order(&part(0), &part(1)).is_some_and(std::cmp::Ordering::is_le)),
        ">=" => Answer::Truth(order(&part(0), &part(1)).is_some_and(std::cmp::Ordering::is_ge)),
        "&" => Answer::Text(text(0) + &text(1)),
        "+" => match (part(0).number(), part(1).number()) {
            (Some(one), Some(two)) => Answer::Number(one + two),
            _ => Answer::Text(text(0) + &text(1)),
        },
        "-" => both(&part(0), &part(1), |one, two| one - two),
        "*" => both(&part(0), &part(1), |one, two| one * two),
        "/" => both(&part(0), &part(1), |one, two| one / two),
        "TEXT" => Answer::Text(text(0)),
        "VALUE" => text(0).trim().parse().map_or(Answer::Null, Answer::Number),
        "LEN" => Answer::Number(u32::try_from(text(0).chars().count()).map_or(0.0, f64::from)),
        "REGEX" => Answer::Truth(pattern::read(&text(1)).is_ok_and(|pattern| pattern.matches(&text(0)))),
        "CONTAINS" => Answer::Truth(text(0).contains(&text(1))),
        "BEGINS" => Answer::Truth(text(0).starts_with(&text(1))),
        "LEFT" => Answer::Text(text(0).chars().take(count(1)).collect()),
        "RIGHT" => {
            let whole = text(0);
            let skipped = whole.chars().count().saturating_sub(count(1));
            Answer::Text(whole.chars().skip(skipped).collect())
        }
        "UPPER" => Answer::Text(text(0).to_uppercase()),
        "LOWER" => Answer::Text(text(0).to_lowercase()),
        "TRIM" => Answer::Text(text(0).trim().to_owned()),
        "ISNEW" => Answer::Truth(facts.before.is_none()),
        "ISCHANGED" => {
            let before =
                facts.before.zip(parts.first()).map(|(row, part)| value(part, &Facts { row, ..*facts }));
            Answer::Truth(before.is_some_and(|before| before != part(0)))
        }
        "TODAY" => Answer::Text(datetime::spell_date_time(facts.now_ms).chars().take(10).collect()),
        _ => Answer::Null,
    }
}

fn both(one: &Answer, two: &Answer, work: impl Fn(f64, f64) -> f64) -> Answer {
    one.number().zip(two.number()).map_or(Answer::Null, |(one, two)| Answer::Number(work(one, two)))
}

/// How two values stand: numbers as numbers, everything else as text; nothing is the same only as nothing.
fn order(one: &Answer, two: &Answer) -> Option<std::cmp::Ordering> {
    match (one, two) {
        (Answer::Number(one), Answer::Number(two)) => one.partial_cmp(two),
        (Answer::Truth(one), Answer::Truth(two)) => Some(one.cmp(two)),
        (Answer::Number(_), _) | (_, Answer::Number(_)) => {
            one.number().zip(two.number()).and_then(|(a, b)| a.partial_cmp(&b))
        }
        _ => Some(one.text().cmp(&two.text())),
    }
}

impl Answer {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
            Self::Null => String::new(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Truth(_) | Self::Null => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::parse;
    use crate::schema::Schema;
    use serde_json::json;

    #[test]
    fn formulas_say_what_they_say() {
        let schema = Schema::shipped();
        let row: Row = [
            ("LastName", json!("Zyzzx-Example")),
            ("Email", json!("a@example.org")),
            ("LeadSource", json!("Web")),
            ("Birthdate", json!("1980-01-02")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let before: Row = [("LastName".to_owned(), json!("Before"))].into_iter().collect();
        let facts =
            Facts { object: schema.object("Contact").unwrap(), row: &row, before: Some(&before), now_ms: 0 };
        let table = [
            ("ISBLANK(Phone)", true),
            ("ISBLANK(Email) || ISBLANK(Phone)", true),
            ("AND(NOT(ISBLANK(Email)), ISPICKVAL(LeadSource, 'Web'))", true),
            ("ISPICKVAL(LeadSource, 'Phone')", false),
            ("NOT(REGEX(Email, \"[a-z]+@example\\\\.org\"))", false),
            ("LEN(LastName) > 5 && LEN(LastName) <= 13", true),
            ("1 + 2 * 3 = 7", true),
            ("(1 + 2) * 3 <> 9", false),
            ("BEGINS(LastName, 'Zyz') && CONTAINS(Email, '@')", true),
            ("IF(ISBLANK(Phone), TRUE, FALSE)", true),
            ("ISCHANGED(LastName) && !ISNEW()", true),
            ("Birthdate > TODAY()", true),
            ("LEFT(LastName, 3) & RIGHT(LastName, 2) = 'Zyzle'", true),
            ("DoNotCall", false),
            ("NULL = Phone", true),
            ("VALUE('12') >= 12", true),
        ];
        for (text, expected) in table {
            assert_eq!(holds(&parse(text).unwrap(), &facts), expected, "{text}");
        }
    }
}
