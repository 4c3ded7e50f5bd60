//! A condition of SOQL as a filter of GraphQL.

use crate::query::{Condition, Expression, Literal, LiteralKind, Membership, Name, Operator, Path};

/// The filter that means the same; nothing where GraphQL has none for it.
pub(super) fn of(condition: &Condition) -> Option<String> {
    Some(match condition {
        Condition::And(parts) => format!("{{and: [{}]}}", all(parts)?),
        Condition::Or(parts) => format!("{{or: [{}]}}", all(parts)?),
        Condition::Not(inner) => format!("{{not: {}}}", of(inner)?),
        Condition::Compare { left, operator, right } => {
            let operator = match operator {
                Operator::Equal => "eq",
                Operator::Unequal => "ne",
                Operator::Less
                | Operator::LessOrEqual
                | Operator::Greater
                | Operator::GreaterOrEqual
                | Operator::Like => return None,
            };
            test(left, operator, &literal(right)?)?
        }
        Condition::Listed { left, operator, values } => {
            let operator = match operator {
                Membership::In => "in",
                Membership::NotIn => "nin",
                Membership::Includes | Membership::Excludes => return None,
            };
            let values: Vec<String> = values.iter().map(literal).collect::<Option<_>>()?;
            test(left, operator, &format!("[{}]", values.join(", ")))?
        }
        // An anti-join would need a query of its own, which is not said alike in every version.
        Condition::Joined { .. } => return None,
    })
}

fn all(parts: &[Condition]) -> Option<String> {
    Some(parts.iter().map(of).collect::<Option<Vec<_>>>()?.join(", "))
}

/// `{Account: {Name: {eq: …}}}`.
fn test(left: &Expression, operator: &str, value: &str) -> Option<String> {
    let Expression::Field(path) = left else { return None };
    let names = Path::names(path);
    let within = |inner: String, name: &Name| format!("{{{}: {inner}}}", name.text);
    Some(names.iter().rev().fold(format!("{{{operator}: {value}}}"), within))
}

/// What stands in our own conditions: words without anything to escape, truths, nothing.
fn literal(literal: &Literal) -> Option<String> {
    match literal.kind {
        LiteralKind::Text => {
            let text = literal.value();
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            plain.then(|| format!("\"{text}\""))
        }
        LiteralKind::Boolean | LiteralKind::Null => Some(literal.text.to_ascii_lowercase()),
        LiteralKind::Number
        | LiteralKind::Currency
        | LiteralKind::Date
        | LiteralKind::DateTime
        | LiteralKind::Time
        | LiteralKind::DateWord => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse_condition;

    fn check(condition: &str, want: Option<&str>) {
        assert_eq!(of(&parse_condition(condition).unwrap()).as_deref(), want, "{condition}");
    }

    #[test]
    fn our_conditions_have_filters_that_mean_the_same() {
        check("A = false", Some("{A: {eq: false}}"));
        check("A.B.C != NULL", Some("{A: {B: {C: {ne: null}}}}"));
        check(
            "(A = null OR A NOT IN ('x', 'y')) AND B = true",
            Some(r#"{and: [{or: [{A: {eq: null}}, {A: {nin: ["x", "y"]}}]}, {B: {eq: true}}]}"#),
        );
        check("NOT A IN ('x')", Some(r#"{not: {A: {in: ["x"]}}}"#));
        check("A = 'it''s'".replace("''", "\\'").as_str(), None);
        check("A > 1", None);
        check("A LIKE 'x'", None);
        check("A NOT IN (SELECT Id FROM B)", None);
    }
}
