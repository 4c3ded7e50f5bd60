//! Documents and what becomes of them.

use serde_json::json;

use super::*;
use crate::schema::{Bearing, Unknown};

fn schema() -> Schema {
    let mut schema = Schema::standard().unknown_relationships(Unknown::Refused);
    for object in ["Contact", "Account", "Case"] {
        schema.set(object, Bearing::Fields);
    }
    schema.set("Product2", Bearing::Open);
    schema
}

const OURS: &str = "{or: [{Eosin_Subject__c: {eq: null}}, {Eosin_Subject__c: {nin: [\"mixed\"]}}]}";

fn rewritten(text: &str, variables: &Value) -> Result<String, CannotIsolate> {
    let hidden = Hidden::of(&[crate::Class::Mixed]);
    isolate_graphql(text, None, variables.as_object().unwrap(), &hidden, &schema())
}

/// `want` has `OURS` where our condition for the rows themselves stands.
fn check(text: &str, variables: &Value, want: &str) {
    let got = rewritten(text, variables).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(got, want.replace("OURS", OURS), "{text}");
}

fn refused(text: &str, variables: &Value) {
    let got = rewritten(text, variables);
    assert!(got.is_err(), "{text} became {got:?}");
}

/// A query of contacts with these arguments and this in its nodes.
fn contacts(arguments: &str, node: &str) -> String {
    format!("{{ uiapi {{ query {{ Contact{arguments} {{ edges {{ node {{ {node} }} }} totalCount }} }} }} }}")
}

#[test]
fn a_condition_goes_where_the_list_takes_its_own() {
    let none = json!({});
    check(&contacts("", "Id"), &none, &contacts("(where: OURS)", "Id"));
    check(&contacts("(first: 5)", "Id"), &none, &contacts("(where: OURS, first: 5)", "Id"));
    check(
        &contacts("(where: {LastName: {eq: \"x\"}}, first: 5)", "Id"),
        &none,
        &contacts("(where: {and: [OURS, {LastName: {eq: \"x\"}}]}, first: 5)", "Id"),
    );
    check(&contacts("(where: {\n# none\n})", "Id"), &none, &contacts("(where: OURS)", "Id"));
    let with = |arguments: &str| format!("query all($f: Contact_Filter) {}", contacts(arguments, "Id"));
    let filter = json!({"f": {"LastName": {"eq": "x"}}});
    check(&with("(where: $f)"), &filter, &with("(where: {and: [OURS, $f]})"));
    check(&with("(where: $f)"), &none, &with("(where: OURS)"));
    check(
        "{ uiapi { query { Product2 { edges { node { Id } } } a: Contact { totalCount } } } }",
        &none,
        "{ uiapi { query { Product2 { edges { node { Id } } } a: Contact(where: OURS) { totalCount } } } }",
    );
}

#[test]
fn a_parent_that_is_used_must_be_one_that_may_be_seen() {
    let parent = "{and: [OURS, {or: [{AccountId: {eq: null}}, {or: [{Account: {Eosin_Subject__c: {eq: null}}}, {Account: {Eosin_Subject__c: {nin: [\"mixed\"]}}}]}]}]}";
    let none = json!({});
    for node in ["Account { Id }", "Account { Name { value displayValue } }", "AccountId { value }"] {
        check(&contacts("", node), &none, &contacts(&format!("(where: {parent})"), node));
    }
    for arguments in [
        "orderBy: {Account: {Name: {order: ASC}}}",
        "where: {Account: {Name: {like: \"A%\"}}}",
        "where: {or: [{not: {Account: {Name: {eq: \"A\"}}}}, {LastName: {eq: \"B\"}}]}",
    ] {
        let got = rewritten(&contacts(&format!("({arguments})"), "Id"), &none).unwrap();
        assert!(got.contains("{AccountId: {eq: null}}"), "{got}");
    }
    let got = rewritten(
        &format!("query($f: Contact_Filter) {}", contacts("(where: $f)", "Id")),
        &json!({"f": {"and": [{"Account": {"Name": {"eq": "A"}}}]}}),
    );
    assert!(got.unwrap().contains("{AccountId: {eq: null}}"));
}

#[test]
fn lists_within_lists_have_conditions_of_their_own() {
    let none = json!({});
    let children = "{ uiapi { query { Account { edges { node { Name { value } Contacts(first: 3) { edges { node { LastName { value } } } } } } } } } }";
    let got = rewritten(children, &none).unwrap();
    assert_eq!(got.matches(OURS).count(), 2, "{got}");
    assert!(got.contains(&format!("Contacts(where: {OURS}, first: 3)")), "{got}");
    let by_parent = contacts("", "Account { Contacts { totalCount } }");
    let got = rewritten(&by_parent, &none).unwrap();
    assert!(got.contains(&format!("Contacts(where: {OURS})")), "{got}");
}

#[test]
fn fragments_are_rewritten_once_wherever_they_stand() {
    let text = "query { uiapi { query { ...both } } } fragment both on RecordQuery { a: Contact { ...rows } b: Contact { ...rows } } fragment rows on ContactConnection { edges { node { ... on Contact { Account { ...house } } } } } fragment house on Account { Name { value } Contacts { totalCount } }";
    let got = rewritten(text, &json!({})).unwrap();
    assert_eq!(got.matches("AccountId: {eq: null}").count(), 2, "{got}");
    assert!(got.contains(&format!("Contacts(where: {OURS})")), "{got}");
    refused("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", &json!({}));
    refused("{ uiapi { query { ...nobody } } }", &json!({}));
}

#[test]
fn groups_are_of_what_may_be_seen() {
    let text = "{ uiapi { aggregate { Contact(groupBy: {LastName: {group: true}}) { edges { node { aggregate { LastName { value } Id { count { value } } } } } totalCount } } } }";
    let got = rewritten(text, &json!({})).unwrap();
    assert!(got.contains(&format!("(where: {OURS}, groupBy")), "{got}");
    let by_parent = text.replace("LastName: {group: true}", "Account: {Name: {group: true}}");
    assert!(rewritten(&by_parent, &json!({})).unwrap().contains("AccountId"));
}

#[test]
fn a_mutation_shows_the_row_that_it_writes_and_no_other() {
    let none = json!({});
    let mutation = |selected: &str| {
        format!(
            "mutation {{ uiapi {{ ContactUpdate(input: {{Id: \"003\", Contact: {{Title: \"Dr\"}}}}) {{ {selected} }} }} }}"
        )
    };
    for selected in
        ["Id", "Id Record { Id ApiName LastName { value displayValue } Title { value } }", "__typename"]
    {
        let text = mutation(selected);
        assert_eq!(rewritten(&text, &none).unwrap(), text);
        assert_eq!(graphql_writes(&text, None), Ok(true));
    }
    for verb in ["ContactDelete", "RecordDelete"] {
        let text = format!("mutation {{ uiapi {{ {verb}(input: {{Id: \"003\"}}) {{ Id success }} }} }}");
        assert_eq!(rewritten(&text, &none).unwrap(), text);
    }
    for selected in [
        "Record { Account { Name { value } } }",
        "Record { ReportsTo { Id } }",
        "Record { Contacts { totalCount } }",
        "Record { Account { Contacts { totalCount } } }",
        "Record { LastName { something } }",
        "Other { Id }",
    ] {
        refused(&mutation(selected), &none);
    }
    assert_eq!(graphql_writes("{ uiapi { query { Contact { totalCount } } } }", None), Ok(false));
}

#[test]
fn what_soql_could_not_ask_is_refused() {
    let none = json!({});
    for text in [
        "mutation { uiapi { ContactMerge(input: {Id: \"003\"}) { Id } } }",
        "mutation { other { ContactDelete(input: {Id: \"003\"}) { Id } } }",
        "subscription { uiapi { query { Contact { totalCount } } } }",
        "{ other { x } }",
        "{ uiapi { relatedListByName { x } } }",
        "{ uiapi { query { Contact { something } } } }",
        "{ uiapi { query { Contact(unknown: 1) { totalCount } } } }",
        "{ uiapi { query { Contact(where: {}, where: {}) { totalCount } } } }",
        "query a { uiapi { query { Contact { totalCount } } } } query b { __typename }",
        "type A { b: Int }",
        "{ uiapi {",
    ] {
        refused(text, &none);
    }
    refused(&contacts("", "Nobody__r { edges { node { Id } } }"), &none);
    refused(&contacts("(where: {Id: {inq: {Case: {}, ApiName: \"ContactId\"}}})", "Id"), &none);
    refused(&contacts("(where: {Owner: {User: {Name: {eq: \"x\"}}}})", "Id"), &none);
    refused(&contacts("(where: $f)", "Id"), &json!({"f": {}}));
    let variable = format!("query($f: F) {}", contacts("(where: {A: $f})", "Id"));
    refused(&variable, &json!({"f": {"inq": {}}}));
    refused(&variable, &json!({"f": ["x"]}));
    let named = format!("query($f: F) {}", contacts("(where: $f)", "Id"));
    refused(&named, &json!({"f": {"A) FROM Contact": {"eq": 1}}}));
    check(
        &contacts("", "Owner { Id ... on User { Name { value } } }"),
        &none,
        &contacts("(where: OURS)", "Owner { Id ... on User { Name { value } } }"),
    );
}

#[test]
fn the_objects_at_the_root_are_known_before() {
    let text = "query a { uiapi { query { Contact { totalCount } x: Case { totalCount } } } } query b { __typename }";
    let objects = graphql_objects(text, Some("a")).unwrap();
    assert_eq!(objects.into_iter().collect::<Vec<_>>(), ["Case", "Contact"]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_rewritten_or_refused(text in "[{}()a-zA-Z:$,\\[\\] ]{0,80}") {
        let _result = rewritten(&text, &json!({}));
    }
}
