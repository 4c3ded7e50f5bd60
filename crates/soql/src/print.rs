//! A tree back into text: `parse(print(tree))` is the tree.

use std::fmt::{self, Display, Formatter};

use crate::{
    query::{
        Argument, Condition, Direction, Expression, From, Item, Literal, Membership, Nulls, Operator, Order,
        Path, Purpose, Query, TypeOf, Update, With,
    },
    search::{FoundObject, Search, SearchWith},
};

/// Writes the statement in one line.
pub fn print(query: &Query) -> String {
    query.to_string()
}

fn list<T: Display>(formatter: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            formatter.write_str(", ")?;
        }
        item.fmt(formatter)?;
    }
    Ok(())
}

impl Display for Query {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("SELECT ")?;
        list(formatter, &self.select)?;
        write!(formatter, " FROM {}", self.from)?;
        if let Some(scope) = &self.scope {
            write!(formatter, " USING SCOPE {scope:?}")?;
        }
        if let Some(filter) = &self.filter {
            write!(formatter, " WHERE {filter}")?;
        }
        for with in &self.with {
            write!(formatter, " WITH {with}")?;
        }
        if !self.group_by.is_empty() {
            formatter.write_str(" GROUP BY ")?;
            list(formatter, &self.group_by)?;
        }
        if let Some(having) = &self.having {
            write!(formatter, " HAVING {having}")?;
        }
        tail(formatter, &self.order_by, self.limit, self.offset)?;
        if self.all_rows {
            formatter.write_str(" ALL ROWS")?;
        }
        for purpose in &self.purposes {
            formatter.write_str(match purpose {
                Purpose::View => " FOR VIEW",
                Purpose::Reference => " FOR REFERENCE",
                Purpose::Update => " FOR UPDATE",
            })?;
        }
        for (index, update) in self.updates.iter().enumerate() {
            formatter.write_str(if index == 0 { " UPDATE " } else { ", " })?;
            formatter.write_str(match update {
                Update::Tracking => "TRACKING",
                Update::Viewstat => "VIEWSTAT",
            })?;
        }
        Ok(())
    }
}

fn tail(
    formatter: &mut Formatter<'_>,
    order_by: &[Order],
    limit: Option<u64>,
    offset: Option<u64>,
) -> fmt::Result {
    if !order_by.is_empty() {
        formatter.write_str(" ORDER BY ")?;
        list(formatter, order_by)?;
    }
    if let Some(limit) = limit {
        write!(formatter, " LIMIT {limit}")?;
    }
    if let Some(offset) = offset {
        write!(formatter, " OFFSET {offset}")?;
    }
    Ok(())
}

impl Display for Item {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { value, alias: None } => value.fmt(formatter),
            Self::Value { value, alias: Some(alias) } => write!(formatter, "{value} AS {alias:?}"),
            Self::TypeOf(type_of) => type_of.fmt(formatter),
            Self::Child(query) => write!(formatter, "({query})"),
        }
    }
}

impl Display for TypeOf {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "TYPEOF {}", self.relationship)?;
        for (object, fields) in &self.branches {
            write!(formatter, " WHEN {object:?} THEN ")?;
            list(formatter, fields)?;
        }
        if !self.otherwise.is_empty() {
            formatter.write_str(" ELSE ")?;
            list(formatter, &self.otherwise)?;
        }
        formatter.write_str(" END")
    }
}

impl Display for From {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.object.fmt(formatter)?;
        if let Some(alias) = &self.alias {
            write!(formatter, " {alias:?}")?;
        }
        for (path, alias) in &self.joined {
            write!(formatter, ", {path}")?;
            if let Some(alias) = alias {
                write!(formatter, " {alias:?}")?;
            }
        }
        Ok(())
    }
}

impl Display for Path {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl Display for Expression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => path.fmt(formatter),
            Self::Call { function, arguments, .. } => {
                write!(formatter, "{function:?}(")?;
                list(formatter, arguments)?;
                formatter.write_str(")")
            }
        }
    }
}

impl Display for Argument {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expression(expression) => expression.fmt(formatter),
            Self::Literal(literal) => literal.fmt(formatter),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Display for Condition {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => joined(formatter, parts, " AND "),
            Self::Or(parts) => joined(formatter, parts, " OR "),
            Self::Not(inner) => {
                formatter.write_str("NOT ")?;
                grouped(formatter, inner)
            }
            Self::Compare { left, operator, right } => write!(formatter, "{left} {operator} {right}"),
            Self::Listed { left, operator, values } => {
                write!(formatter, "{left} {operator} (")?;
                list(formatter, values)?;
                formatter.write_str(")")
            }
            Self::Joined { left, operator, query } => write!(formatter, "{left} {operator} ({query})"),
        }
    }
}

fn joined(formatter: &mut Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            formatter.write_str(word)?;
        }
        grouped(formatter, part)?;
    }
    Ok(())
}

fn grouped(formatter: &mut Formatter<'_>, part: &Condition) -> fmt::Result {
    match part {
        Condition::And(_) | Condition::Or(_) | Condition::Not(_) => write!(formatter, "({part})"),
        Condition::Compare { .. } | Condition::Listed { .. } | Condition::Joined { .. } => {
            part.fmt(formatter)
        }
    }
}

impl Display for Operator {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "LIKE",
        })
    }
}

impl Display for Membership {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Includes => "INCLUDES",
            Self::Excludes => "EXCLUDES",
        })
    }
}

impl Display for With {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(name) => write!(formatter, "{name:?}"),
            Self::DataCategory(categories) => {
                formatter.write_str("DATA CATEGORY ")?;
                for (index, (group, how, names)) in categories.iter().enumerate() {
                    let names = names.iter().map(|name| &*name.text).collect::<Vec<_>>().join(", ");
                    let before = if index == 0 { "" } else { " AND " };
                    write!(formatter, "{before}{group:?} {how:?} ({names})")?;
                }
                Ok(())
            }
            Self::Context(name, settings) => {
                write!(formatter, "{name:?} (")?;
                for (index, (key, value)) in settings.iter().enumerate() {
                    let before = if index == 0 { "" } else { ", " };
                    write!(formatter, "{before}{key:?} = {value}")?;
                }
                formatter.write_str(")")
            }
            Self::Setting(name, value) => write!(formatter, "{name:?} = {value}"),
        }
    }
}

impl Display for Order {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.value.fmt(formatter)?;
        formatter.write_str(match self.direction {
            Some(Direction::Ascending) => " ASC",
            Some(Direction::Descending) => " DESC",
            None => "",
        })?;
        formatter.write_str(match self.nulls {
            Some(Nulls::First) => " NULLS FIRST",
            Some(Nulls::Last) => " NULLS LAST",
            None => "",
        })
    }
}

impl Display for Search {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "FIND {}", self.term)?;
        if let Some(fields) = &self.fields {
            write!(formatter, " IN {fields:?} FIELDS")?;
        }
        if !self.returning.is_empty() {
            formatter.write_str(" RETURNING ")?;
            list(formatter, &self.returning)?;
        }
        for with in &self.with {
            write!(formatter, " WITH {with}")?;
        }
        tail(formatter, &[], self.limit, None)?;
        for (index, update) in self.updates.iter().enumerate() {
            formatter.write_str(if index == 0 { " UPDATE " } else { ", " })?;
            formatter.write_str(match update {
                Update::Tracking => "TRACKING",
                Update::Viewstat => "VIEWSTAT",
            })?;
        }
        Ok(())
    }
}

impl Display for FoundObject {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.object)?;
        if self.select.is_empty() {
            return Ok(());
        }
        formatter.write_str("(")?;
        list(formatter, &self.select)?;
        if let Some(view) = &self.list_view {
            write!(formatter, " USING ListView = {view:?}")?;
        }
        if let Some(filter) = &self.filter {
            write!(formatter, " WHERE {filter}")?;
        }
        tail(formatter, &self.order_by, self.limit, self.offset)?;
        formatter.write_str(")")
    }
}

impl Display for SearchWith {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Category(with) => with.fmt(formatter),
            Self::Word(name) => write!(formatter, "{name:?}"),
            Self::Equal(path, value) => write!(formatter, "{path} = {value}"),
            Self::Among(path, values) => {
                write!(formatter, "{path} IN (")?;
                list(formatter, values)?;
                formatter.write_str(")")
            }
            Self::Call(name, arguments) => {
                write!(formatter, "{name:?} (")?;
                for (index, (key, value)) in arguments.iter().enumerate() {
                    let before = if index == 0 { "" } else { ", " };
                    write!(formatter, "{before}{key:?} = {value}")?;
                }
                formatter.write_str(")")
            }
        }
    }
}
