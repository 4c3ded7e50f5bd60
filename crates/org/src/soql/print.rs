//! A `Query` as text that parses to the same query.

use std::fmt::{self, Display, Formatter};

use super::{Comparison, Condition, FieldSet, Item, Literal, Membership, Operand, Order, Query};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        list(f, &self.select, ", ")?;
        write!(f, " FROM {}", self.from)?;
        clause(f, " AS ", self.alias.as_ref())?;
        clause(f, " USING SCOPE ", self.scope.as_ref())?;
        clause(f, " WHERE ", self.filter.as_ref())?;
        clause(f, " WITH ", self.security.as_ref())?;
        if !self.group.is_empty() {
            f.write_str(" GROUP BY ")?;
            list(f, &self.group, ", ")?;
        }
        clause(f, " HAVING ", self.having.as_ref())?;
        if !self.order.is_empty() {
            f.write_str(" ORDER BY ")?;
            list(f, &self.order, ", ")?;
        }
        clause(f, " LIMIT ", self.limit.as_ref())?;
        clause(f, " OFFSET ", self.offset.as_ref())?;
        clause(f, " FOR ", self.purpose.as_ref())?;
        f.write_str(if self.all_rows { " ALL ROWS" } else { "" })
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { operand, alias } => {
                write!(f, "{operand}")?;
                clause(f, " AS ", alias.as_ref())
            }
            Self::Fields(FieldSet::All) => f.write_str("FIELDS(ALL)"),
            Self::Fields(FieldSet::Standard) => f.write_str("FIELDS(STANDARD)"),
            Self::Fields(FieldSet::Custom) => f.write_str("FIELDS(CUSTOM)"),
            Self::Children(query) => write!(f, "({query})"),
            Self::TypeOf { relationship, whens, otherwise } => {
                write!(f, "TYPEOF {relationship}")?;
                for (object, fields) in whens {
                    write!(f, " WHEN {object} THEN {}", fields.join(", "))?;
                }
                if !otherwise.is_empty() {
                    write!(f, " ELSE {}", otherwise.join(", "))?;
                }
                f.write_str(" END")
            }
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => f.write_str(path),
            Self::Call { function, argument } => {
                write!(f, "{function}({})", argument.as_deref().unwrap_or(""))
            }
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(left, comparison, right) => write!(f, "{left} {comparison} {right}"),
            Self::Among(left, membership, literals) => {
                write!(f, "{left} {membership} (")?;
                list(f, literals, ", ")?;
                f.write_str(")")
            }
            Self::AmongRows(left, membership, query) => write!(f, "{left} {membership} ({query})"),
            Self::And(all) => joined(f, all, " AND "),
            Self::Or(all) => joined(f, all, " OR "),
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                within(f, inner)
            }
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "LIKE",
        })
    }
}

impl Display for Membership {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Includes => "INCLUDES",
            Self::Excludes => "EXCLUDES",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(yes) => write!(f, "{yes}"),
            Self::Number(text) | Self::Date(text) | Self::DateTime(text) => f.write_str(text),
            Self::Text(text) => quote(f, text),
            Self::Named(name, None) => f.write_str(name),
            Self::Named(name, Some(count)) => write!(f, "{name}:{count}"),
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.by, if self.descending { " DESC" } else { " ASC" })?;
        match self.nulls_last {
            None => Ok(()),
            Some(true) => f.write_str(" NULLS LAST"),
            Some(false) => f.write_str(" NULLS FIRST"),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, all: &[T], between: &str) -> fmt::Result {
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write!(f, "{one}")?;
    }
    Ok(())
}

fn clause<T: Display>(f: &mut Formatter<'_>, before: &str, value: Option<&T>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "{before}{value}"))
}

fn joined(f: &mut Formatter<'_>, all: &[Condition], between: &str) -> fmt::Result {
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        within(f, one)?;
    }
    Ok(())
}

fn within(f: &mut Formatter<'_>, inner: &Condition) -> fmt::Result {
    match inner {
        Condition::And(_) | Condition::Or(_) => write!(f, "({inner})"),
        Condition::Compare(..) | Condition::Among(..) | Condition::AmongRows(..) | Condition::Not(_) => {
            write!(f, "{inner}")
        }
    }
}

fn quote(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("'")?;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => f.write_str("\\'")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            // The lexer keeps the backslash of `\%` and `\_`, and of nothing else.
            '\\' if matches!(chars.peek(), Some('%' | '_')) => f.write_str("\\")?,
            '\\' => f.write_str("\\\\")?,
            _ => write!(f, "{c}")?,
        }
    }
    f.write_str("'")
}
