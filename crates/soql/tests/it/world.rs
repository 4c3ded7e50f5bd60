//! Tables of invented rows, and what a statement answers on them: written from the reference, not from the rewrite.
//!
//! A row whose statement uses a lookup that leads to no row is not in the answer: that is what a world without the hidden
//! rows looks like for the rows that point at them. Conditions are two-valued, and nothing equals null but null.

use std::collections::BTreeMap;

use soql::{
    Argument, Condition, Direction, Expression, Item, Literal, LiteralKind, Membership, Nulls, Operator,
    Path, Query,
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) object: &'static str,
    pub(crate) fields: BTreeMap<&'static str, Value>,
}

impl Row {
    pub(crate) fn get(&self, field: &str) -> Value {
        let found = self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(field));
        let Some((_, value)) = found else { panic!("no field {field} on {}", self.object) };
        value.clone()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) rows: Vec<Row>,
}

/// Object, relationship, field, targets.
pub(crate) const LOOKUPS: [(&str, &str, &str, &[&str]); 5] = [
    ("Contact", "Account", "AccountId", &["Account"]),
    ("Contact", "ReportsTo", "ReportsToId", &["Contact"]),
    ("Account", "Parent", "ParentId", &["Account"]),
    ("Task", "Who", "WhoId", &["Contact", "Lead"]),
    ("Contact_Note__c", "Contact__r", "Contact__c", &["Contact"]),
];

/// Parent, child relationship, child, its field.
pub(crate) const CHILDREN: [(&str, &str, &str, &str); 4] = [
    ("Account", "Contacts", "Contact", "AccountId"),
    ("Account", "ChildAccounts", "Account", "ParentId"),
    ("Contact", "Notes__r", "Contact_Note__c", "Contact__c"),
    ("Contact", "Tasks", "Task", "WhoId"),
];

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Value(Value),
    Rows(Vec<Line>),
    Fields(Line),
}

/// A row of an answer: names as they were asked for, and what they hold.
pub(crate) type Line = Vec<(String, Cell)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Count(usize),
    Lines(Vec<Line>),
}

impl Answer {
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Count(count) => *count,
            Self::Lines(lines) => lines.len(),
        }
    }
}

/// Whether a way could be gone.
enum Found<'w> {
    Row(&'w Row),
    Nobody,
    Dangling,
}

struct Names<'q> {
    object: &'q str,
    aliases: Vec<(String, Vec<String>)>,
}

impl World {
    pub(crate) fn find(&self, id: &Value) -> Option<&Row> {
        self.rows.iter().find(|row| row.get("Id") == *id)
    }

    pub(crate) fn ask(&self, query: &Query) -> Answer {
        let name = query.from.object.last().unwrap().text.to_string();
        let rows = self.rows.iter().filter(|row| row.object.eq_ignore_ascii_case(&name)).collect();
        self.answer(query, &name, rows)
    }

    fn answer(&self, query: &Query, object: &str, rows: Vec<&Row>) -> Answer {
        let mut names = Names { object, aliases: Vec::new() };
        if let Some(alias) = &query.from.alias {
            names.aliases.push((alias.text.to_string(), Vec::new()));
        }
        for (path, alias) in &query.from.joined {
            let ways = names.own(path);
            names.aliases.extend(alias.iter().map(|alias| (alias.text.to_string(), ways.clone())));
        }
        let rows: Vec<&Row> = rows
            .into_iter()
            .filter(|row| !self.dangles(query, &names, row))
            .filter(|row| query.filter.as_ref().is_none_or(|filter| self.holds(filter, &names, &[row])))
            .collect();
        if query.is_count() {
            return Answer::Count(rows.len());
        }
        let mut groups: Vec<Vec<&Row>> = if query.is_aggregate() {
            let mut groups: BTreeMap<Vec<Value>, Vec<&Row>> = BTreeMap::new();
            for row in rows {
                let key = query.group_by.iter().map(|key| self.value(key, &names, &[row])).collect();
                groups.entry(key).or_default().push(row);
            }
            if groups.is_empty() && query.group_by.is_empty() {
                groups.insert(Vec::new(), Vec::new());
            }
            groups.into_values().collect()
        } else {
            rows.into_iter().map(|row| vec![row]).collect()
        };
        groups.retain(|group| query.having.as_ref().is_none_or(|having| self.holds(having, &names, group)));
        for order in query.order_by.iter().rev() {
            let descending = order.direction == Some(Direction::Descending);
            let nulls_last = order.nulls == Some(Nulls::Last);
            groups.sort_by(|one, other| {
                let (one, other) =
                    (self.value(&order.value, &names, one), self.value(&order.value, &names, other));
                let nulls = (one == Value::Null).cmp(&(other == Value::Null));
                let nulls = if nulls_last { nulls } else { nulls.reverse() };
                nulls.then(if descending { other.cmp(&one) } else { one.cmp(&other) })
            });
        }
        let from = usize::try_from(query.offset.unwrap_or(0)).unwrap();
        let most = usize::try_from(query.limit.unwrap_or(1_000_000)).unwrap();
        let page = groups.iter().skip(from).take(most);
        Answer::Lines(page.map(|group| self.line(query, &names, group)).collect())
    }

    fn line(&self, query: &Query, names: &Names<'_>, group: &[&Row]) -> Line {
        let mut line = Vec::new();
        for item in &query.select {
            match item {
                Item::Value { value, alias } => {
                    let name =
                        alias.as_ref().map_or_else(|| value.to_string(), |alias| alias.text.to_string());
                    let name = match value {
                        Expression::Field(path) => names.plain(path).join("."),
                        Expression::Call { .. } => name,
                    };
                    line.push((name, Cell::Value(self.value(value, names, group))));
                }
                Item::Child(child) => {
                    let relationship = &child.from.object.last().unwrap().text;
                    let (_, name, object, field) = CHILDREN
                        .iter()
                        .find(|(_, name, ..)| name.eq_ignore_ascii_case(relationship))
                        .unwrap();
                    let parent = group[0].get("Id");
                    let rows =
                        self.rows.iter().filter(|row| row.object == *object && row.get(field) == parent);
                    let Answer::Lines(lines) = self.answer(child, object, rows.collect()) else {
                        panic!("count")
                    };
                    line.push(((*name).to_owned(), Cell::Rows(lines)));
                }
                Item::TypeOf(type_of) => {
                    let ways: Vec<String> = names.own(&type_of.relationship);
                    let mut fields = Vec::new();
                    if let Found::Row(row) = self.walk(group[0], &ways) {
                        let branch = type_of.branches.iter().find(|(object, _)| object.is(row.object));
                        for field in branch.map_or(&type_of.otherwise, |(_, fields)| fields) {
                            let value = row.get(&field.last().unwrap().text);
                            fields.push((field.text(), Cell::Value(value)));
                        }
                    }
                    line.push((ways.join("."), Cell::Fields(fields)));
                }
            }
        }
        line
    }

    /// Whether the query uses a lookup of the row that leads nowhere.
    fn dangles(&self, query: &Query, names: &Names<'_>, row: &Row) -> bool {
        let mut all: Vec<Vec<String>> = query.from.joined.iter().map(|(path, _)| names.own(path)).collect();
        let mut add = |path: &Path| {
            let mut ways = names.plain(path);
            let field = ways.pop().unwrap();
            let object = match self.walk(row, &ways) {
                Found::Row(end) => end.object,
                Found::Nobody | Found::Dangling => "",
            };
            let lookup =
                LOOKUPS.iter().find(|(from, _, id, _)| *from == object && id.eq_ignore_ascii_case(&field));
            // A formula, `Account.Name`.
            if field.eq_ignore_ascii_case("Copy__c") && object == "Contact" {
                ways.push("Account".to_owned());
            }
            ways.extend(lookup.map(|(_, relationship, ..)| (*relationship).to_owned()));
            all.push(ways);
        };
        for item in &query.select {
            match item {
                Item::Value { value, .. } => fields(value, &mut add),
                Item::TypeOf(_) | Item::Child(_) => {}
            }
        }
        query.group_by.iter().for_each(|key| fields(key, &mut add));
        query.order_by.iter().for_each(|key| fields(&key.value, &mut add));
        query.filter.iter().for_each(|filter| lefts(filter, &mut add));
        query.having.iter().for_each(|having| lefts(having, &mut add));
        for item in &query.select {
            if let Item::TypeOf(type_of) = item {
                all.push(names.own(&type_of.relationship));
            }
        }
        all.iter().any(|ways| matches!(self.walk(row, ways), Found::Dangling))
    }

    fn walk<'w>(&'w self, row: &'w Row, ways: &[String]) -> Found<'w> {
        let mut row = row;
        for way in ways {
            let lookup = LOOKUPS.iter().find(|(object, name, ..)| {
                object.eq_ignore_ascii_case(row.object) && name.eq_ignore_ascii_case(way)
            });
            let (_, _, field, _) =
                lookup.unwrap_or_else(|| panic!("no relationship {way} on {}", row.object));
            let id = row.get(field);
            if id == Value::Null {
                return Found::Nobody;
            }
            match self.find(&id) {
                Some(next) => row = next,
                None => return Found::Dangling,
            }
        }
        Found::Row(row)
    }

    fn value(&self, expression: &Expression, names: &Names<'_>, group: &[&Row]) -> Value {
        match expression {
            Expression::Field(path) => {
                let mut ways = names.plain(path);
                let field = ways.pop().unwrap();
                // The name of an aggregate in ORDER BY is not a field of the row; none of ours uses one.
                match group.first().map(|row| self.walk(row, &ways)) {
                    Some(Found::Row(row)) => row.get(&field),
                    Some(Found::Nobody | Found::Dangling) | None => Value::Null,
                }
            }
            Expression::Call { function, arguments, .. } => {
                let inner = arguments.first().and_then(|argument| match argument {
                    Argument::Expression(inner) => Some(inner),
                    Argument::Literal(_) => None,
                });
                let values = || {
                    let each = group.iter().map(|row| inner.map(|inner| self.value(inner, names, &[row])));
                    each.flatten().filter(|value| *value != Value::Null)
                };
                match function.text.to_ascii_lowercase().as_str() {
                    "count" if inner.is_none() => number(group.len()),
                    "count" => number(values().count()),
                    "count_distinct" => number(values().collect::<std::collections::BTreeSet<_>>().len()),
                    "min" => values().min().unwrap_or(Value::Null),
                    "max" => values().max().unwrap_or(Value::Null),
                    "sum" => Value::Number(
                        values().map(|value| if let Value::Number(n) = value { n } else { 0 }).sum(),
                    ),
                    _ => self.value(inner.unwrap(), names, group),
                }
            }
        }
    }

    fn holds(&self, condition: &Condition, names: &Names<'_>, group: &[&Row]) -> bool {
        match condition {
            Condition::And(parts) => parts.iter().all(|part| self.holds(part, names, group)),
            Condition::Or(parts) => parts.iter().any(|part| self.holds(part, names, group)),
            Condition::Not(inner) => !self.holds(inner, names, group),
            Condition::Compare { left, operator, right } => {
                compare(&self.value(left, names, group), *operator, &literal(right))
            }
            Condition::Listed { left, operator, values } => {
                let left = folded(self.value(left, names, group));
                let found = values.iter().any(|value| folded(literal(value)) == left);
                found == matches!(operator, Membership::In | Membership::Includes)
            }
            Condition::Joined { left, operator, query } => {
                let left = self.value(left, names, group);
                let Answer::Lines(lines) = self.ask(query) else { panic!("a count in a join") };
                let found = left != Value::Null
                    && lines.iter().flatten().any(|(_, cell)| *cell == Cell::Value(left.clone()));
                found == (*operator == Membership::In)
            }
        }
    }
}

impl Names<'_> {
    fn own(&self, path: &Path) -> Vec<String> {
        let mut names: Vec<String> = path.names().iter().map(|name| name.text.to_string()).collect();
        if let Some((_, ways)) = self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(&names[0]))
        {
            names.splice(..1, ways.iter().cloned());
        } else if names[0].eq_ignore_ascii_case(self.object) {
            names.remove(0);
        }
        names
    }

    fn plain(&self, path: &Path) -> Vec<String> {
        if path.names().len() == 1 { vec![path.text()] } else { self.own(path) }
    }
}

fn fields(expression: &Expression, visit: &mut dyn FnMut(&Path)) {
    match expression {
        Expression::Field(path) => visit(path),
        Expression::Call { arguments, .. } => {
            for argument in arguments {
                if let Argument::Expression(inner) = argument {
                    fields(inner, visit);
                }
            }
        }
    }
}

fn lefts(condition: &Condition, visit: &mut dyn FnMut(&Path)) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| lefts(part, visit)),
        Condition::Not(inner) => lefts(inner, visit),
        Condition::Compare { left, .. } | Condition::Listed { left, .. } | Condition::Joined { left, .. } => {
            fields(left, visit);
        }
    }
}

fn number(count: usize) -> Value {
    Value::Number(i64::try_from(count).unwrap())
}

fn literal(literal: &Literal) -> Value {
    match literal.kind {
        LiteralKind::Null => Value::Null,
        LiteralKind::Boolean => Value::Bool(literal.text.eq_ignore_ascii_case("true")),
        LiteralKind::Number => Value::Number(literal.text.parse().unwrap()),
        _ => Value::Text(literal.value()),
    }
}

fn folded(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(text.to_lowercase()),
        other => other,
    }
}

fn compare(left: &Value, operator: Operator, right: &Value) -> bool {
    let (left, right) = (folded(left.clone()), folded(right.clone()));
    let ordered = left != Value::Null && right != Value::Null;
    match operator {
        Operator::Equal => left == right,
        Operator::Unequal => left != right,
        Operator::Less => ordered && left < right,
        Operator::LessOrEqual => ordered && left <= right,
        Operator::Greater => ordered && left > right,
        Operator::GreaterOrEqual => ordered && left >= right,
        Operator::Like => match (left, right) {
            (Value::Text(left), Value::Text(right)) => left.starts_with(right.trim_end_matches('%')),
            _ => false,
        },
    }
}
