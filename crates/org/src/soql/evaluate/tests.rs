//! Questions and answers over a small org.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::schema::Schema;
use crate::store::Author;
use crate::value::Source;

/// An org with two accounts, three contacts and a task, made on 2027-01-15.
fn org() -> Store {
    let mut store = Store::new(Schema::shipped(), 100);
    let author = Author { user: "005000000000001AAA".into(), now_ms: NOW, source: Source::Json };
    let mut add =
        |object: &str, given: Value| store.insert(&author, object, given.as_object().unwrap()).unwrap();
    let acme = add(
        "Account",
        json!({"Name": "Acme", "NumberOfEmployees": 10, "AnnualRevenue": 5, "BillingCity": "Ulm"}),
    );
    let zeta = add("Account", json!({"Name": "zeta", "NumberOfEmployees": 2}));
    let first = add(
        "Contact",
        json!({"LastName": "Doe", "FirstName": "Jane", "AccountId": acme, "Birthdate": "1980-02-03"}),
    );
    add(
        "Contact",
        json!({"LastName": "Roe", "AccountId": acme, "Email": "Roe@example.com", "DoNotCall": true}),
    );
    let gone = add("Contact", json!({"LastName": "Gone", "AccountId": zeta}));
    add("Contact", json!({"LastName": "Alone", "Birthdate": "2027-01-10"}));
    add("Task", json!({"Subject": "Call", "WhoId": first, "WhatId": acme}));
    store.delete(&author, "Contact", &gone).unwrap();
    store
}

/// What a query answers.
struct Answer {
    total: usize,
    records: Vec<Value>,
}

fn ask(text: &str) -> Result<Answer, Failure> {
    let store = org();
    let lens = Lens { store: &store, now_ms: NOW, version: "v67.0", deleted: false };
    let query = crate::rest::query::parse(text)?;
    let found = find(&lens, &query)?;
    Ok(Answer { total: found.total(), records: page(&lens, &query, &found, 0, usize::MAX)? })
}

/// The values of a query's rows, `attributes` left out.
fn rows(text: &str) -> Vec<Vec<Value>> {
    let answer = ask(text).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
    let values = |record: Value| match record {
        Value::Object(map) => {
            map.into_iter().filter(|(name, _)| name != "attributes").map(|(_, value)| value).collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            vec![other]
        }
    };
    answer.records.into_iter().map(values).collect()
}

#[test]
fn conditions_choose_rows() {
    let table = [
        ("LastName = 'DOE'", vec!["Doe"]),
        ("LastName != 'doe'", vec!["Roe", "Alone"]),
        ("Email != 'x@example.com'", vec!["Doe", "Roe", "Alone"]),
        ("LastName LIKE '%oe'", vec!["Doe", "Roe"]),
        ("NOT LastName LIKE '%oe'", vec!["Alone"]),
        ("LastName IN ('Doe', 'alone', 'nobody')", vec!["Doe", "Alone"]),
        ("AccountId = null", vec!["Alone"]),
        ("Account.Name = 'acme' AND (DoNotCall = true OR FirstName = 'jane')", vec!["Doe", "Roe"]),
        ("DoNotCall = false", vec!["Doe", "Alone"]),
        ("Birthdate < 1990-01-01", vec!["Doe"]),
        ("Birthdate = LAST_N_DAYS:7", vec!["Alone"]),
        ("Birthdate = THIS_YEAR", vec!["Alone"]),
        ("CreatedDate = TODAY", vec!["Doe", "Roe", "Alone"]),
        ("CreatedDate > 2027-01-15T09:00:00+01:00", vec![]),
        ("CreatedDate >= 2027-01-15T09:00:00+01:00", vec!["Doe", "Roe", "Alone"]),
        ("AccountId IN (SELECT Id FROM Account WHERE NumberOfEmployees > 5)", vec!["Doe", "Roe"]),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Acme')", vec!["Alone"]),
        ("Contact.Account.BillingCity = 'Ulm'", vec!["Doe", "Roe"]),
        ("CALENDAR_YEAR(Birthdate) = 1980", vec!["Doe"]),
        ("LastName > 'b' AND LastName < 'e'", vec!["Doe"]),
    ];
    for (condition, expected) in table {
        let found = rows(&format!("SELECT LastName FROM Contact WHERE {condition}"));
        let found: Vec<&str> = found.iter().filter_map(|row| row.first()?.as_str()).collect();
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn order_limit_and_offset() {
    let table = [
        ("ORDER BY LastName", vec!["Alone", "Doe", "Roe"]),
        ("ORDER BY LastName DESC LIMIT 2", vec!["Roe", "Doe"]),
        ("ORDER BY LastName LIMIT 1 OFFSET 1", vec!["Doe"]),
        ("ORDER BY Birthdate", vec!["Roe", "Doe", "Alone"]),
        ("ORDER BY Birthdate NULLS LAST", vec!["Doe", "Alone", "Roe"]),
        ("ORDER BY Birthdate DESC", vec!["Alone", "Doe", "Roe"]),
        ("ORDER BY Account.Name DESC NULLS LAST, LastName DESC", vec!["Roe", "Doe", "Alone"]),
        ("LIMIT 0", vec![]),
    ];
    for (rest, expected) in table {
        let found = rows(&format!("SELECT LastName FROM Contact {rest}"));
        let found: Vec<&str> = found.iter().filter_map(|row| row.first()?.as_str()).collect();
        assert_eq!(found, expected, "{rest}");
    }
}

#[test]
fn names_come_back_as_the_catalogue_writes_them() {
    let answer =
        ask("select lastNAME, account.name, Contact.Email from contact where lastname = 'roe'").unwrap();
    let text = answer.records[0].to_string();
    assert!(text.contains(r#""LastName":"Roe","Account":{"attributes":{"type":"Account""#), "{text}");
    assert!(text.contains(r#""Name":"Acme"},"Email":"Roe@example.com""#), "{text}");
    assert_eq!(rows("SELECT Account.Name FROM Contact WHERE LastName = 'Alone'"), [[Value::Null]]);
    assert_eq!(rows("SELECT Who.Name, Who.Type, What.Name FROM Task")[0][0]["Name"], json!("Jane Doe"));
    assert_eq!(rows("SELECT Who.Type FROM Task")[0][0]["Type"], json!("Contact"));
    assert_eq!(rows("SELECT BillingAddress FROM Account WHERE Name='Acme'")[0][0]["city"], json!("Ulm"));
    assert_eq!(
        rows("SELECT TYPEOF What WHEN Account THEN Name ELSE Id END FROM Task")[0][0]["Name"],
        json!("Acme")
    );
}

#[test]
fn aggregates_count_and_group() {
    assert_eq!(ask("SELECT COUNT() FROM Contact").unwrap().total, 3);
    assert_eq!(ask("SELECT COUNT() FROM Contact ALL ROWS").unwrap().total, 4);
    assert_eq!(
        rows("SELECT COUNT(Id) c, COUNT(Email), MAX(Birthdate) FROM Contact"),
        [[json!(3), json!(1), json!("2027-01-10")]]
    );
    assert_eq!(
        rows(
            "SELECT SUM(NumberOfEmployees) s, AVG(NumberOfEmployees), MIN(Name), COUNT_DISTINCT(Name) FROM Account"
        ),
        [[json!(12.0), json!(6.0), json!("Acme"), json!(2)]]
    );
    assert_eq!(
        rows("SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name ORDER BY COUNT(Id) DESC"),
        [[json!("Acme"), json!(2)], [json!(null), json!(1)]]
    );
    assert_eq!(
        rows("SELECT Account.Name n FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1"),
        [[json!("Acme")]]
    );
}

#[test]
fn children_come_in_an_envelope_of_their_own() {
    let found = rows(
        "SELECT Name, (SELECT LastName FROM Contacts WHERE DoNotCall = true) FROM Account ORDER BY Name",
    );
    assert_eq!(found[0][1]["totalSize"], json!(1));
    assert_eq!(found[0][1]["records"][0]["LastName"], json!("Roe"));
    assert_eq!(found[1][1], Value::Null);
}

#[test]
fn mistakes_are_named() {
    let table = [
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Nope.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE NumberOfEmployees = '5'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Birthdate = '1980-01-01'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Birthdate = 1980-01-01T00:00:00Z", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Account WHERE COUNT(Id) > 1", "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
        ("SELECT (SELECT Id FROM Nopes) FROM Account", "INVALID_TYPE"),
        ("SELECT (SELECT Nope FROM Contacts) FROM Account WHERE Name = 'none'", "INVALID_FIELD"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT WOBBLE(Id) FROM Account", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
    ];
    for (text, code) in table {
        assert_eq!(ask(text).map_err(|failure| failure.code).map(|_| ()), Err(code), "{text}");
    }
}

proptest! {
    /// An index only says where to look: a condition and one that no index can serve choose the same rows.
    #[test]
    fn an_index_changes_no_answer(keys in proptest::collection::vec("[abAB]{0,2}", 1..12), wanted in "[abAB]{1,2}") {
        let mut store = Store::new(Schema::shipped(), 100);
        let mut field = crate::schema::Field::new("Ext__c", crate::schema::Kind::String);
        (field.length, field.external_id) = (20, true);
        store.schema.add_field("Account", field);
        let author = Author { user: "005000000000001AAA".into(), now_ms: NOW, source: Source::Json };
        for (at, key) in keys.iter().enumerate() {
            let given = json!({"Name": format!("N{at}"), "Ext__c": key});
            let id = store.insert(&author, "Account", given.as_object().unwrap()).unwrap();
            match at % 3 {
                1 => store.delete(&author, "Account", &id).unwrap(),
                2 => store.update(&author, "Account", &id, json!({"Ext__c": "b"}).as_object().unwrap()).unwrap(),
                _ => {}
            }
        }
        let lens = Lens { store: &store, now_ms: NOW, version: "v67.0", deleted: false };
        let ids = |condition: &str| {
            let query = crate::rest::query::parse(&format!("SELECT Id FROM Account WHERE {condition}")).unwrap();
            match find(&lens, &query).unwrap() {
                Found::Rows(ids) => ids,
                other @ (Found::Count(_) | Found::Groups(_)) => panic!("{other:?}"),
            }
        };
        prop_assert_eq!(ids(&format!("Ext__c = '{wanted}'")), ids(&format!("NOT Ext__c != '{wanted}'")));
        prop_assert_eq!(ids(&format!("Ext__c IN ('{wanted}', 'b')")), ids(&format!("NOT Ext__c NOT IN ('{wanted}', 'b')")));
    }
}

const NOW: i64 = 1_800_000_000_000;
