//! Worlds and statements made from a stream of choices, so that a failing case can be made smaller.

use std::collections::BTreeMap;

use crate::world::{CHILDREN, Row, Value, World};

/// Choices, one after the other; when they are used up, always the first.
pub(crate) struct Choices<'c> {
    bytes: &'c [u8],
    at: usize,
}

impl<'c> Choices<'c> {
    pub(crate) fn new(bytes: &'c [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.at += 1;
        usize::from(self.bytes.get(self.at - 1).copied().unwrap_or(0)) % most.max(1)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn yes(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 1
    }
}

const NAMES: [&str; 3] = ["a", "b", "bc"];

pub(crate) fn world(choices: &mut Choices<'_>) -> World {
    let mut rows: Vec<Row> = Vec::new();
    for (object, count) in [("Account", 5), ("Contact", 7), ("Lead", 3), ("Task", 5), ("Contact_Note__c", 5)]
    {
        for index in 0..count / 2 + choices.below(count) {
            let mut fields = BTreeMap::new();
            fields.insert("Id", Value::Text(format!("{object}{index}")));
            fields.insert("Name", name(choices));
            let number = choices.below(3);
            fields.insert("N", Value::Number(i64::try_from(number).unwrap()));
            if matches!(object, "Account" | "Contact" | "Lead") {
                fields.insert("Eosin_Synthetic__c", Value::Bool(choices.yes(4)));
                let subjects = [None, None, None, Some("synthetic"), Some("attested"), Some("mixed")];
                let subject = subjects[choices.below(6)];
                let subject = subject.map_or(Value::Null, |word| Value::Text(word.to_owned()));
                fields.insert("Eosin_Subject__c", subject);
                fields.insert("Eosin_Mark__c", Value::Null);
            }
            for (from, _, field, targets) in crate::world::LOOKUPS {
                if from == object {
                    let known: Vec<Value> = rows
                        .iter()
                        .filter(|row| targets.contains(&row.object))
                        .map(|row| row.get("Id"))
                        .collect();
                    let pick = choices.below(known.len() + 1);
                    fields.insert(field, known.get(pick).cloned().unwrap_or(Value::Null));
                }
            }
            if object == "Contact" {
                let account = rows.iter().find(|row| row.get("Id") == fields["AccountId"]);
                fields.insert("Copy__c", account.map_or(Value::Null, |account| account.get("Name")));
            }
            rows.push(Row { object, fields });
        }
    }
    World { rows }
}

fn name(choices: &mut Choices<'_>) -> Value {
    match choices.below(4) {
        3 => Value::Null,
        index => Value::Text(NAMES[index].to_owned()),
    }
}

fn paths(object: &str) -> &'static [&'static str] {
    match object {
        "Account" => &[
            "Id",
            "Name",
            "N",
            "ParentId",
            "Parent.Name",
            "Parent.Parent.N",
            "Eosin_Subject__c",
            "Account.Name",
            "Parent.ParentId",
        ],
        "Contact" => &[
            "Id",
            "Name",
            "N",
            "AccountId",
            "Account.Name",
            "Account.N",
            "Account.Parent.Name",
            "ReportsTo.Name",
            "ReportsTo.Account.Name",
            "Eosin_Subject__c",
            "Account.Eosin_Subject__c",
            "contact.name",
            "Copy__c",
            "ReportsTo.Copy__c",
            "account.id",
        ],
        "Task" => &["Id", "Name", "N", "WhoId", "Who.Name"],
        "Contact_Note__c" => &[
            "Id",
            "Name",
            "N",
            "Contact__c",
            "Contact__r.Name",
            "Contact__r.Account.Name",
            "Contact__r.Copy__c",
        ],
        _ => &["Id", "Name", "N", "Eosin_Subject__c"],
    }
}

/// A path of an object, sometimes behind the alias.
fn path(choices: &mut Choices<'_>, object: &str, alias: &str) -> String {
    let path = choices.one(paths(object));
    if !alias.is_empty()
        && choices.yes(2)
        && !path.to_lowercase().starts_with(&format!("{}.", object.to_lowercase()))
    {
        return format!("{alias}.{path}");
    }
    path.to_owned()
}

fn comparison(choices: &mut Choices<'_>, object: &str, alias: &str, joins: bool) -> String {
    if joins && choices.yes(5) {
        let not = if choices.yes(2) { "NOT " } else { "" };
        let (left, inner, select) = match object {
            "Account" => ("Id", "Contact", "AccountId"),
            "Contact" => [
                ("AccountId", "Account", "Id"),
                ("Id", "Task", "WhoId"),
                ("Id", "Contact_Note__c", "Contact__c"),
            ][choices.below(3)],
            "Task" => ("WhoId", "Contact", "Id"),
            "Contact_Note__c" => ("Contact__c", "Contact", "Id"),
            _ => ("Id", "Task", "WhoId"),
        };
        let filter = if choices.yes(2) {
            format!(" WHERE {}", condition(choices, inner, "", 1, false))
        } else {
            String::new()
        };
        return format!("{left} {not}IN (SELECT {select} FROM {inner}{filter})");
    }
    if matches!(object, "Account" | "Contact" | "Lead") && choices.yes(6) {
        return format!(
            "Eosin_Synthetic__c {} {}",
            choices.one(&["=", "!="]),
            choices.one(&["true", "false"])
        );
    }
    let path = path(choices, object, alias);
    if path.ends_with('N') {
        return format!(
            "{path} {} {}",
            choices.one(&["=", "!=", "<", ">=", "<>"]),
            choices.one(&["0", "1", "2", "null"])
        );
    }
    match choices.below(4) {
        0 => format!("{path} LIKE '{}%'", choices.one(&["a", "b", "s", "Con"])),
        1 => format!("{path} {} ('a', 'synthetic', null)", choices.one(&["IN", "NOT IN"])),
        _ => format!(
            "{path} {} {}",
            choices.one(&["=", "!=", "<", ">"]),
            choices.one(&["'a'", "'b'", "null", "'synthetic'", "'attested'", "'Account1'", "'Contact2'"])
        ),
    }
}

fn condition(choices: &mut Choices<'_>, object: &str, alias: &str, depth: usize, joins: bool) -> String {
    if depth == 0 || choices.yes(2) {
        let one = comparison(choices, object, alias, joins);
        return if choices.yes(6) { format!("NOT {one}") } else { one };
    }
    let word = choices.one(&[" AND ", " OR "]);
    let parts: Vec<String> = (0..2 + choices.below(2))
        .map(|_| {
            let part = condition(choices, object, alias, depth - 1, joins);
            if part.contains(" AND ") || part.contains(" OR ") { format!("({part})") } else { part }
        })
        .collect();
    parts.join(word)
}

fn tail(choices: &mut Choices<'_>) -> String {
    let mut tail = String::new();
    if choices.yes(3) {
        tail = format!(" LIMIT {}", choices.below(4));
    }
    if choices.yes(4) {
        tail = format!("{tail} OFFSET {}", choices.below(3));
    }
    tail
}

pub(crate) fn query(choices: &mut Choices<'_>) -> String {
    let object = choices.one(&["Contact", "Account", "Task", "Contact_Note__c", "Lead"]);
    let alias = choices.one(&["", "", "x"]);
    let (mut from, mut joined) = (format!("{object} {alias}").trim_end().to_owned(), None);
    if object == "Contact" && alias == "x" && choices.yes(2) {
        from.push_str(", x.Account y");
        joined = Some("y.Name");
    }
    let mut filter = String::new();
    if choices.yes(2) {
        filter = format!(" WHERE {}", condition(choices, object, alias, 2, true));
    }
    match choices.below(5) {
        0 => return format!("SELECT count() FROM {from}{filter}"),
        1 => {
            let key = path(choices, object, alias);
            let of = path(choices, object, alias);
            let function = choices.one(&["COUNT", "MIN", "MAX", "COUNT_DISTINCT"]);
            if choices.yes(3) {
                return format!("SELECT {function}({of}) v FROM {from}{filter}");
            }
            let having = if choices.yes(2) {
                format!(" HAVING COUNT(Id) > {}", choices.below(2))
            } else {
                String::new()
            };
            let order =
                if choices.yes(2) { format!(" ORDER BY {function}({of}), {key}") } else { String::new() };
            let tail = tail(choices);
            return format!(
                "SELECT {key}, {function}({of}) v FROM {from}{filter} GROUP BY {key}{having}{order}{tail}"
            );
        }
        _ => {}
    }
    let mut items: Vec<String> = (0..=choices.below(3)).map(|_| path(choices, object, alias)).collect();
    items.extend(joined.map(str::to_owned));
    let children: Vec<_> = CHILDREN.iter().filter(|(parent, ..)| *parent == object).collect();
    if !children.is_empty() && choices.yes(2) {
        let (_, relationship, child, _) = children[choices.below(children.len())];
        let fields: Vec<String> = (0..=choices.below(2)).map(|_| path(choices, child, "")).collect();
        let filter = if choices.yes(2) {
            format!(" WHERE {}", condition(choices, child, "", 1, false))
        } else {
            String::new()
        };
        let order = if choices.yes(2) { " ORDER BY Name DESC NULLS LAST" } else { "" };
        items.push(format!(
            "(SELECT {} FROM {relationship}{filter}{order}{})",
            fields.join(", "),
            tail(choices)
        ));
    }
    if object == "Task" && choices.yes(3) {
        items.push("TYPEOF Who WHEN Contact THEN Name, N ELSE Name END".to_owned());
    }
    let order = if choices.yes(2) {
        let direction = choices.one(&["", " ASC", " DESC", " DESC NULLS LAST"]);
        format!(" ORDER BY {}{direction}", path(choices, object, alias))
    } else {
        String::new()
    };
    let tail = tail(choices);
    format!("SELECT {} FROM {from}{filter}{order}{tail}", items.join(", "))
}
