//! Scenes of GraphQL requests, honest and hostile.

use proptest::prelude::*;

use super::*;

/// The action, and each row as alias, object and fields; or the sentence that refuses.
fn shown(body: &serde_json::Value) -> String {
    let text = body.to_string();
    let row = |row: &Row| match &row.content {
        Ok((object, fields)) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = match value {
                    Json::Text(text) => text.to_string(),
                    Json::Number(number) => number.to_string(),
                    Json::Bool(truth) => truth.to_string(),
                    Json::Null => "null".to_owned(),
                    Json::Array(_) | Json::Object(_) => "many".to_owned(),
                };
                format!("{name}={value}")
            });
            format!("{} {object} {}", row.alias, fields.collect::<Vec<_>>().join(" "))
        }
        Err(reason) => format!("{} {reason}", row.alias),
    };
    match asked(json::parse(text.as_bytes()).unwrap()) {
        Ok(asked) => {
            let rows: Vec<String> = asked.rows.iter().map(row).collect();
            format!("{}: {}", asked.action, rows.join("; "))
        }
        Err(reason) => reason.to_string(),
    }
}

fn check(query: &str, want: &str) {
    assert_eq!(shown(&json!({ "query": query })), want, "{query}");
}

#[test]
fn queries_write_nothing_and_mutations_write_rows() {
    check("{ uiapi { query { Contact { edges { node { Id } } } } } }", "read: ");
    check("query q { uiapi { ...f } } fragment f on UIAPI { query { Contact { totalCount } } }", "read: ");
    check(
        "mutation { uiapi { ContactCreate(input: {Contact: {LastName: \"Bell\", Age__c: 7, B__c: true}}) { Record { Id } } } }",
        "create: ContactCreate Contact LastName=Bell Age__c=7 B__c=true",
    );
    check(
        "mutation m { uiapi(input: {allOrNone: true}) {
            a: X__cCreate(input: {X__c: {Name: \"\\u0041\", N: null}}) { Record { Id } }
            b: X__cUpdate(input: {Id: \"@{a}\", X__c: {Name: \"\"\"  b \"c\" \"\"\"}}) { success }
            c: X__cDelete(input: {Id: \"a01\"}) { Id } } }",
        "create: a X__c Name=A N=null; b X__c Name=  b \"c\" ",
    );
    check("mutation { uiapi { ContactDelete(input: {Id: \"003\"}) { Id } __typename } }", "delete: ");
    check(
        "mutation { uiapi { ContactUpdate(input: {Contact: {Phone: \"1\"}, Id: \"003\"}) { success } } }",
        "update: ContactUpdate Contact Phone=1",
    );
}

#[test]
fn variables_are_put_in() {
    let query = "mutation m($c: ContactCreateInput!, $p: String = \"1\") { uiapi {
        a: ContactCreate(input: $c) { Record { Id } }
        b: ContactCreate(input: {Contact: {LastName: \"B\", Phone: $p}}) { Record { Id } } } }";
    let row = json!({ "Contact": { "LastName": "Bell" } });
    let with = |variables: serde_json::Value| {
        shown(&json!({ "query": query, "variables": variables, "operationName": "m" }))
    };
    assert_eq!(with(json!({ "c": row })), "create: a Contact LastName=Bell; b Contact LastName=B Phone=1");
    assert_eq!(
        with(json!({ "c": row, "p": null, "other": 1 })),
        "create: a Contact LastName=Bell; b Contact LastName=B Phone=null"
    );
    assert_eq!(with(json!({})), "create: a uses a variable that has no value; b Contact LastName=B Phone=1");
    assert_eq!(with(json!([])), "has `variables` that are no object");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of scenes")]
fn what_could_be_another_request_is_unreadable() {
    let fragment = "has a fragment where its mutations stand; write them out";
    let one = "ContactCreate(input: {Contact: {LastName: \"B\"}}) { Record { Id } }";
    let unread = "holds a GraphQL document that cannot be read";
    for (query, want) in [
        ("", unread),
        ("mutation { uiapi { ", unread),
        ("mutation { uiapi { a(b: \"\\ud800\") } }", unread),
        ("mutation { uiapi { a(b: \"\\q\") } }", unread),
        ("subscription { uiapi { a } }", "subscribes, which is not read here"),
        ("type A { b: C } { d }", "defines types, which a request does not"),
        ("query a { b } query a { c }", "has two operations of one name"),
        (
            &format!("query a {{ b }} mutation c {{ uiapi {{ {one} }} }}"),
            "has several operations and does not name one",
        ),
        (&format!("mutation {{ ...f }} fragment f on M {{ uiapi {{ {one} }} }}"), fragment),
        (&format!("mutation {{ uiapi {{ ...f }} }} fragment f on M {{ {one} }}"), fragment),
        (&format!("mutation {{ uiapi {{ ... on M {{ {one} }} }} }}"), fragment),
        ("mutation { other { a } }", "mutates something else than `uiapi`"),
        (&format!("mutation {{ uiapi: other {{ {one} }} }}"), "mutates something else than `uiapi`"),
        (
            "mutation { uiapi { ContactUpsert(input: {}) { a } } }",
            "has a mutation that creates, updates or deletes no record",
        ),
        (
            "mutation { uiapi { Create(input: {}) { a } } }",
            "has a mutation that creates, updates or deletes no record",
        ),
    ] {
        check(query, want);
    }
    let deep = format!("{{ {} a {} }}", "a {".repeat(100), "}".repeat(100));
    check(&deep, unread);
    for (input, want) in [
        ("", "has no single `input`"),
        ("(input: {Contact: {LastName: \"B\"}}, more: 1)", "has no single `input`"),
        ("(other: {Contact: {LastName: \"B\"}})", "has no single `input`"),
        ("(input: 7)", "has an `input` that is no object"),
        ("(input: {contact: {LastName: \"B\"}})", "has something else in its `input` than its record"),
        ("(input: {Lead: {LastName: \"B\"}})", "has something else in its `input` than its record"),
        ("(input: {})", "has no record in its `input`"),
        ("(input: {Contact: {Account: {Name: \"B\"}}})", "has a field whose value is an object"),
        ("(input: {Contact: {A: \"1\", A: \"2\"}})", "names a field twice"),
        (
            "(input: {Contact: {A: 9007199254740993}})",
            "holds a number beyond ±(2^53-1) or a double's range, at line 1 column 16; send it as a string",
        ),
        ("(input: $x)", "uses a variable that has no value"),
    ] {
        check(
            &format!("mutation {{ uiapi {{ ContactCreate{input} {{ Record {{ Id }} }} }} }}"),
            &format!("create: ContactCreate {want}"),
        );
    }
    for (body, want) in [
        (json!({}), "has no GraphQL document in `query`"),
        (json!([]), "is not an object"),
        (json!({ "query": "{ a }", "operationName": "b" }), "names an operation that is not there"),
        (json!({ "query": "{ a }", "operationName": 1 }), "has an `operationName` that is no name"),
        (
            json!({ "query": "{ a }", "Query": "mutation { b }" }),
            "names a member twice, if upper and lower case are one",
        ),
        (
            json!({ "query": "{ a }", "extensions": { "persistedQuery": {} } }),
            "has a member beside `query`, `variables` and `operationName`",
        ),
        (json!({ "query": "query a { b } mutation c { d { e } }", "operationName": "a" }), "read: "),
    ] {
        assert_eq!(shown(&body), want, "{body}");
    }
}

#[test]
fn a_refusal_is_a_graphql_error_with_a_path() {
    let query =
        "mutation { uiapi { a: ContactCreate(input: {Contact: {LastName: \"B\"}}) { Record { Id } } } }";
    let no = Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no".to_owned() };
    let answer = refuse(json!({ "query": query }).to_string().as_bytes(), &[(0, &no)]);
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(body["errors"][0]["message"], "no");
    assert_eq!(body["errors"][0]["path"], json!(["uiapi", "a"]));
    assert_eq!(body["errors"][0]["extensions"]["errorCode"], "EOSIN_BLOCKED");
    assert_eq!(refuse(b"{", &[(0, &no)]).status, 200);
}

proptest! {
    /// Whatever the document, there is an answer; a mutation is never taken for a read.
    #[test]
    fn any_document_has_an_answer(query in "\\PC{0,60}|[a-z{}()$:\"\\\\!@.,# \n0-9]{0,80}") {
        let _ = shown(&json!({ "query": query }));
        let hidden = shown(&json!({ "query": format!("mutation {{ uiapi {{ {query} }} }}") }));
        prop_assert!(!hidden.starts_with("read"), "{hidden}");
    }
}
