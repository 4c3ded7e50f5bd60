//! Rows within a row: what an event says of others beside the one that it is about.

use std::borrow::Cow;

use mark::{Record, Unreadable, json::Json, json::Members};

use super::{
    field::{Own, is_dataset_relationship},
    record::{object_of, record},
};

/// The rows within an item, at whatever depth.
///
/// A row is an object with one of Eosin's fields or an `attributes.type`, and each item of a query's result.
///
/// Shape:  the object of those that name none, names and the fields that they mean, the item -> its rows in their order,
///         each with its values that are neither objects nor lists of them.
/// Bounds: no value is in two rows.
/// Source: spec/webhooks.md section 2.1.
pub(crate) fn within<'a>(
    object: &str,
    fields: &[(String, String)],
    item: &Json<'a>,
) -> Vec<Result<Record<'a>, Unreadable>> {
    let mut found = Vec::new();
    each(item.members(), &mut found);
    let row = |members: &Members<'a>| {
        let object = object_of(members).unwrap_or_else(|_| Cow::Owned(object.to_owned()));
        let plain = members.iter().filter(|(_, value)| is_plain(value));
        let renamed = plain.map(|(name, value)| {
            let field = fields.iter().find(|(from, _)| from == name).map(|(_, field)| field.clone());
            (field.map_or_else(|| name.clone(), Into::into), value.clone())
        });
        record(object, renamed.collect())
    };
    found.into_iter().map(row).collect()
}

/// Looks into each member's value.
fn each<'j, 'a>(members: &'j [(Cow<'a, str>, Json<'a>)], found: &mut Vec<&'j Members<'a>>) {
    let is = |name: &str, word: &str| name.eq_ignore_ascii_case(word);
    let is_result = members.iter().any(|(name, _)| is(name, "totalSize") || is(name, "done"));
    for (name, value) in members {
        let kind = match () {
            () if is_result && is(name, "records") => Kind::Listed,
            () if is_dataset_relationship(name) => Kind::Dataset,
            () => Kind::Any,
        };
        look(value, kind, found);
    }
}

/// What a value's name says of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The rows of a query's result.
    Listed,
    /// The way to the dataset's own row, which is about nobody.
    Dataset,
    Any,
}

fn look<'j, 'a>(value: &'j Json<'a>, kind: Kind, found: &mut Vec<&'j Members<'a>>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| look(item, kind, found)),
        Json::Object(members) => {
            let is_labelled = members.iter().any(|(name, _)| Own::of(name).is_some());
            let is_dataset = |object: &str| kind == Kind::Dataset && Own::of(object) == Some(Own::Dataset);
            let is_typed = object_of(members).is_ok_and(|object| !is_dataset(&object));
            if kind == Kind::Listed || is_labelled || is_typed {
                found.push(members);
            }
            each(members, found);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
    }
}

fn is_plain(value: &Json<'_>) -> bool {
    let is_single = |value: &Json<'_>| !matches!(value, Json::Object(_) | Json::Array(_));
    is_single(value) || matches!(value, Json::Array(items) if items.iter().all(is_single))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &str, want: &[&str]) {
        let item = mark::json::parse(item.as_bytes()).unwrap();
        let told = within("Contact", &[("family".to_owned(), "LastName".to_owned())], &item);
        let told: Vec<String> = told
            .into_iter()
            .map(|row| match row {
                Ok(row) => {
                    let names: Vec<&str> = row.fields.iter().map(|(name, _)| name.as_ref()).collect();
                    format!("{} {} {}", row.object, names.join(" "), row.mark.as_deref().unwrap_or("-"))
                }
                Err(reason) => reason.to_string(),
            })
            .collect();
        assert_eq!(told, want, "{item:?}");
    }

    #[test]
    fn rows_within_a_row_are_found_wherever_they_stand() {
        check(
            r#"{"family":"a","Eosin_Mark__c":"m","attributes":{"type":"Contact"},"list":[1,{"b":2}]}"#,
            &[],
        );
        check(r#"{"ReportsTo":{"family":"a","Eosin_Mark__c":"m"}}"#, &["Contact LastName m"]);
        check(r#"{"x":[[{"y":{"acme__eosin_mark__c":"m","z":["1"]}}]]}"#, &["Contact z m"]);
        check(
            r#"{"Account":{"attributes":{"type":"Account"},"Name":"A","Owner":{"attributes":{"type":"User"},"Alias":"b"}}}"#,
            &["Account Name -", "User Alias -"],
        );
        check(
            r#"{"Contacts":{"totalSize":2,"done":true,"records":[{"family":"a"},{"Phone":"1","c":[{"d":1}]}]}}"#,
            &["Contact LastName -", "Contact Phone -"],
        );
        check(r#"{"records":[{"note":"a"}]}"#, &[]);
        check(r#"{"done":true,"records":[{"note":"a"}]}"#, &["Contact note -"]);
        check(
            r#"{"Eosin_Dataset__r":{"attributes":{"type":"Eosin_Dataset__c"},"Eosin_Dataset_Id__c":"d"}}"#,
            &[],
        );
        check(r#"{"Eosin_Dataset__r":{"Eosin_Mark__c":"m"}}"#, &["Contact  m"]);
        check(r#"{"Eosin_Dataset__r":{"attributes":{"type":"Contact"},"Phone":"1"}}"#, &["Contact Phone -"]);
        check(
            r#"{"a":{"Eosin_Mark__c":"m","Phone":"1","phone":"2"}}"#,
            &["names a field twice, if upper and lower case are one"],
        );
        check("[]", &[]);
    }
}
