//! Scenes: answers of every shape, their rows, and the answers without some of them.

use proptest::prelude::*;

use super::*;

const PAGE: &str = r#"{"totalSize":3,"done":true,"records":[{"attributes":{"type":"Contact","url":"/services/data/v67.0/sobjects/Contact/003000000000001AAA"},"Name":"A","Eosin_Mark__c":null},{"attributes":{"type":"Contact","url":"/services/data/v67.0/sobjects/Contact/003000000000002AAA"},"Name":"B","Eosin_Mark__c":"x"}, {"attributes":{"type":"Contact"},"Id":"003000000000003AAA","Name":"C"}]}"#;

fn find(text: &str, telling: Telling) -> ShownRows<'_> {
    ShownRows::find(text.as_bytes(), telling, 100).unwrap()
}

fn told(rows: &ShownRows<'_>) -> Vec<String> {
    let one = |row: ShownRow<'_>| {
        let id = row.id.map(|id| id.short().to_owned()).unwrap_or_default();
        format!("{} {id}{}", row.object, if row.shows_mark { " mark" } else { "" })
    };
    rows.rows().map(one).collect()
}

fn without(text: &str, telling: Telling, hidden: &[usize], stripped: &Stripped) -> String {
    let rows = find(text, telling);
    let hidden = hidden.iter().copied().collect();
    rows.without(&hidden, stripped).map_or_else(|| text.to_owned(), |bytes| String::from_utf8(bytes).unwrap())
}

fn check(text: &str, telling: Telling, hidden: &[usize], want: &str) {
    let said = without(text, telling, hidden, &Stripped::default());
    assert_eq!(said, want);
    serde_json::from_str::<serde_json::Value>(&said).unwrap();
}

#[test]
fn rows_are_found_where_they_say_so() {
    assert_eq!(
        told(&find(PAGE, Telling::Rows)),
        ["Contact 003000000000001 mark", "Contact 003000000000002 mark", "Contact 003000000000003"]
    );
    let nested = r#"{"records":[{"attributes":{"type":"Contact"},"Account":{"attributes":{"type":"Account"},"Eosin_Mark__c":null},"Cases":{"totalSize":1,"records":[{"attributes":{"type":"Case"}}]}}]}"#;
    let rows = find(nested, Telling::Rows);
    assert_eq!(told(&rows), ["Account  mark", "Case ", "Contact "]);
    assert_eq!(rows.rows.iter().map(|row| row.way.as_str()).collect::<Vec<_>>(), ["account", "cases", ""]);
    let ui = r#"{"apiName":"Contact","fields":{"Name":{"value":"A"}},"id":"003000000000001AAA"}"#;
    assert_eq!(told(&find(ui, Telling::Rows)), ["Contact 003000000000001"]);
    let ids = r#"{"ids":["003000000000001AAA","x"],"deletedRecords":[{"id":"003000000000002AAA","deletedDate":"d"}]}"#;
    assert_eq!(told(&find(ids, Telling::Rows)), [""; 0]);
    assert_eq!(told(&find(ids, Telling::Ids)), [" 003000000000001", " 003000000000002"]);
    for broken in ["", "{", "{}x", "nul", "[1,]"] {
        assert!(ShownRows::find(broken.as_bytes(), Telling::Rows, 9).is_err(), "{broken}");
    }
    assert!(ShownRows::find(PAGE.as_bytes(), Telling::Rows, 2).is_err());
}

#[test]
fn a_hidden_row_that_is_a_value_is_not_shown_beside_it_either() {
    let parent = |shown: &str, value: &str| {
        format!(
            r#"{{"apiName":"Contact","fields":{{"Account":{{"displayValue":{shown},"value":{value}}},"Name":{{"displayValue":"N","value":"N"}}}},"id":"003000000000001AAA"}}"#
        )
    };
    let account = r#"{"apiName":"Account","fields":{"Name":{"displayValue":"A","value":"A"}},"id":"001000000000001AAA"}"#;
    check(&parent("\"A\"", account), Telling::Rows, &[0], &parent("null", "null"));
}

#[test]
fn fields_that_tell_of_other_rows_are_null() {
    let nulled = [(0, ["total__c".to_owned()].into())].into();
    let stripped = Stripped { nulled, ..Stripped::default() };
    let check = |text: &str, want: &str| assert_eq!(without(text, Telling::Rows, &[], &stripped), want);
    check(
        r#"{"attributes":{"type":"Account"},"Name":"A","Total__c":3}"#,
        r#"{"attributes":{"type":"Account"},"Name":"A","Total__c":null}"#,
    );
    check(
        r#"{"apiName":"Account","fields":{"Total__c":{"displayValue":"3","value":3},"Name":{"value":"A"}},"id":"001000000000001AAA"}"#,
        r#"{"apiName":"Account","fields":{"Total__c":{"displayValue":null,"value":null},"Name":{"value":"A"}},"id":"001000000000001AAA"}"#,
    );
}

#[test]
fn what_is_taken_out_leaves_no_trace() {
    let row = |id: &str| format!(r#"{{"attributes":{{"type":"C"}},"Id":"{id}"}}"#);
    let (a, b, c) = (row("1"), row("2"), row("3"));
    let page = |total: usize, rows: &[&String]| {
        let rows: Vec<&str> = rows.iter().map(|row| row.as_str()).collect();
        format!(r#"{{"totalSize":{total},"done":true,"records":[{}]}}"#, rows.join(","))
    };
    let all = page(3, &[&a, &b, &c]);
    check(&all, Telling::Rows, &[], &all);
    check(&all, Telling::Rows, &[0], &page(2, &[&b, &c]));
    check(&all, Telling::Rows, &[1], &page(2, &[&a, &c]));
    check(&all, Telling::Rows, &[2], &page(2, &[&a, &b]));
    check(&all, Telling::Rows, &[0, 1], &page(1, &[&c]));
    check(&all, Telling::Rows, &[0, 2], &page(1, &[&b]));
    check(&all, Telling::Rows, &[1, 2], &page(1, &[&a]));
    check(&all, Telling::Rows, &[0, 1, 2], &page(0, &[]));
    // Rows asked for by id keep their places, others move up.
    let by_id = Stripped { gap: Gap::Null, ..Stripped::default() };
    assert_eq!(without(&format!("[{a},null,{b}]"), Telling::Rows, &[1], &by_id), format!("[{a},null,null]"));
    check(&format!("[{a},{c},{b}]"), Telling::Rows, &[1], &format!("[{a},{b}]"));
    // A parent becomes nothing, as it is for a row without one; so do children when none is left.
    let child = format!(
        r#"{{"attributes":{{"type":"C"}},"Up":{a},"Down":{{"totalSize":1,"done":true,"records":[{b}]}}}}"#
    );
    check(&child, Telling::Rows, &[0, 1], r#"{"attributes":{"type":"C"},"Up":null,"Down":null}"#);
    let ids = r#"{"ids":["003000000000001AAA","003000000000002AAA"],"latestDateCovered":"x"}"#;
    check(ids, Telling::Ids, &[0], r#"{"ids":["003000000000002AAA"],"latestDateCovered":"x"}"#);
    check(ids, Telling::Ids, &[0, 1], r#"{"ids":[],"latestDateCovered":"x"}"#);
}

#[test]
fn what_was_only_asked_for_by_us_is_stripped() {
    let stripped = Stripped {
        fields: [
            (String::new(), ["eosin_mark__c".to_owned(), "id".to_owned()].into()),
            ("account".to_owned(), ["eosin_mark__c".to_owned()].into()),
        ]
        .into(),
        ..Stripped::default()
    };
    let text = r#"{"records":[{"attributes":{"type":"C"},"Name":"A" , "Account":{"attributes":{"type":"Account"},"Eosin_Mark__c":"y","Eosin_Synthetic__c":true},"Eosin_Mark__c":"x","Id":"003000000000001AAA"}]}"#;
    assert_eq!(
        without(text, Telling::Rows, &[], &stripped),
        r#"{"records":[{"attributes":{"type":"C"},"Name":"A" , "Account":{"attributes":{"type":"Account"},"Eosin_Synthetic__c":true}}]}"#
    );
}

#[test]
fn error_texts_name_no_row_that_the_client_did_not() {
    let stripped =
        Stripped { known: [RecordId::parse("003000000000001").unwrap()].into(), ..Stripped::default() };
    let text = r#"[{"message":"duplicate value found: X duplicates value on record with id: 003000000000002AAA, not 003000000000001AAA","errorCode":"DUPLICATE_VALUE","fields":[]}]"#;
    assert_eq!(
        without(text, Telling::Rows, &[], &stripped),
        text.replace("003000000000002AAA", "(not shown)")
    );
    let plain = r#"{"message":"003000000000002AAA"}"#;
    assert_eq!(without(plain, Telling::Rows, &[], &stripped), plain);
}

#[test]
fn a_row_is_judged_by_what_it_shows() {
    let rows = find(PAGE, Telling::Rows);
    let told = |at: usize| {
        let record = rows.reading(at).content.unwrap();
        (record.mark.map(Cow::into_owned), record.claim, record.fields.len())
    };
    assert_eq!(told(0), (None, Claim::None, 0));
    // A name without its parts is content.
    assert_eq!(told(1), (Some("x".to_owned()), Claim::None, 1));
    let ticked = r#"{"attributes":{"type":"Lead"},"FirstName":"A","LastName":"B","Eosin_Synthetic__c":true,"Eosin_Mark__c":"y","Big__c":1}"#;
    let rows = find(ticked, Telling::Rows);
    let record = rows.reading(0).content.unwrap();
    assert_eq!((record.object.as_ref(), record.claim, record.fields.len()), ("Lead", Claim::Synthetic, 3));
    assert!(rows.is_whole(0));
}

fn any_answer() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        "[\\PC\"\\\\]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        let name = prop_oneof!["records", "totalSize", "Id", "Eosin_Mark__c", "[a-z\"]{1,4}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            (proptest::collection::btree_map(name, inner, 0..5), any::<bool>()).prop_map(
                |(members, is_row)| {
                    let mut object: serde_json::Map<_, _> = members.into_iter().collect();
                    if is_row {
                        object.insert("attributes".to_owned(), serde_json::json!({"type": "Contact"}));
                    }
                    object.into()
                }
            ),
        ]
    })
}

/// What taking rows out means, by another way: on the tree.
fn pruned(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => items.iter().map(pruned).sum(),
        serde_json::Value::Object(members) => {
            let own = usize::from(members.get("attributes").is_some_and(|kind| kind.get("type").is_some()));
            own + members
                .iter()
                .filter(|(name, _)| *name != "attributes")
                .map(|(_, value)| pruned(value))
                .sum::<usize>()
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => 0,
    }
}

proptest! {
    #[test]
    fn every_row_is_found_and_without_all_of_them_none_is(value in any_answer(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
        let rows = ShownRows::find(&text, Telling::Rows, 1000).unwrap();
        prop_assert_eq!(rows.rows().len(), pruned(&value));
        let all = (0..rows.rows().len()).collect();
        let left = rows.without(&all, &Stripped::default()).unwrap_or(text);
        let value: serde_json::Value = serde_json::from_slice(&left).unwrap();
        prop_assert_eq!(pruned(&value), 0);
    }

    #[test]
    fn any_bytes_have_an_answer(text in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(rows) = ShownRows::find(&text, Telling::Ids, 5) {
            prop_assert!(rows.rows().len() <= 5);
        }
    }
}
