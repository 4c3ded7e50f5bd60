//! GraphQL.

use serde_json::{Value, json};

use crate::client::{Story, start};

async fn ask(story: &Story, text: &str, variables: Value) -> Value {
    let answer = story.call("POST", "graphql", json!({"query": text, "variables": variables})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn three_accounts(story: &Story) -> Vec<String> {
    let mut ids = Vec::new();
    for (name, site) in [("A", "S"), ("B", "S"), ("C", "T")] {
        let made = story.call("POST", "sobjects/Account", json!({"Name": name, "Site": site})).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn connections_hold_nodes_parents_and_children() {
    let story = start(|_| ()).await;
    let ids = three_accounts(&story).await;
    story.call("POST", "sobjects/Contact", json!({"LastName": "Doe", "AccountId": ids[0]})).await;
    let text = "query Q($site: String, $first: Int = 1, $after: String) { uiapi { query { Account(where: {Site: {eq: $site}}, orderBy: {Name: {order: ASC}}, first: $first, after: $after) {
        edges { cursor node { Id Name { value displayValue } Owner { Name { value } } Contacts { edges { node { LastName { value } } } totalCount } } }
        pageInfo { hasNextPage endCursor } totalCount } } } }";
    let first = ask(&story, text, json!({"site": "S"})).await;
    let accounts = &first["data"]["uiapi"]["query"]["Account"];
    assert_eq!(first["errors"], json!([]));
    assert_eq!((&accounts["totalCount"], &accounts["pageInfo"]["hasNextPage"]), (&json!(2), &json!(true)));
    let node = &accounts["edges"][0]["node"];
    assert_eq!(
        (&node["Id"], &node["Name"]["value"], &node["Owner"]["Name"]["value"]),
        (&json!(ids[0]), &json!("A"), &json!("Local Admin"))
    );
    assert_eq!(
        (&node["Contacts"]["totalCount"], &node["Contacts"]["edges"][0]["node"]["LastName"]["value"]),
        (&json!(1), &json!("Doe"))
    );
    let second = ask(&story, text, json!({"site": "S", "after": accounts["pageInfo"]["endCursor"]})).await;
    let accounts = &second["data"]["uiapi"]["query"]["Account"];
    assert_eq!(
        (&accounts["edges"][0]["node"]["Name"]["value"], &accounts["pageInfo"]["hasNextPage"]),
        (&json!("B"), &json!(false))
    );
}

#[tokio::test]
async fn conditions_are_those_of_queries() {
    let story = start(|_| ()).await;
    three_accounts(&story).await;
    for (filter, count) in [
        ("{Name: {like: \"%\"}}", 3),
        ("{Name: {in: [\"A\", \"B\"]}}", 2),
        ("{Name: {nin: [\"A\"]}}", 2),
        ("{or: [{Name: {eq: \"A\"}}, {Site: {eq: \"T\"}}]}", 2),
        ("{and: [{Name: {ne: \"A\"}}, {Site: {eq: \"S\"}}]}", 1),
        ("{not: {Site: {eq: \"S\"}}}", 1),
        ("{Owner: {Name: {eq: \"Local Admin\"}}}", 3),
        ("{CreatedDate: {gte: {literal: TODAY}}}", 3),
        ("{CreatedDate: {eq: {range: {last_n_days: 3}}}}", 3),
        ("{IsDeleted: {eq: false}}", 3),
    ] {
        let found = ask(
            &story,
            &format!("{{ uiapi {{ query {{ Account(where: {filter}) {{ totalCount }} }} }} }}"),
            json!({}),
        )
        .await;
        assert_eq!(found["data"]["uiapi"]["query"]["Account"]["totalCount"], count, "{filter}: {found}");
    }
    let text = "{ uiapi { aggregate { Account(groupBy: {Site: {group: true}}) { edges { node { aggregate { Site { value } Id { count { value } } } } } } } } }";
    let sums = ask(&story, text, json!({})).await;
    let edges = &sums["data"]["uiapi"]["aggregate"]["Account"]["edges"];
    assert_eq!(
        edges[0]["node"]["aggregate"],
        json!({"Site": {"value": "S"}, "Id": {"count": {"value": 2}}}),
        "{sums}"
    );
}

#[tokio::test]
async fn mutations_write_all_or_none() {
    let story = start(|_| ()).await;
    let text = "mutation M($name: String!) { uiapi(input: {allOrNone: true}) { a: AccountCreate(input: {Account: {Name: $name}}) { Record { Id Name { value } } } } }";
    let made = ask(&story, text, json!({"name": "A"})).await;
    let record = &made["data"]["uiapi"]["a"]["Record"];
    assert_eq!(record["Name"]["value"], "A", "{made}");
    let id = record["Id"].as_str().unwrap();
    let text = format!(
        "mutation {{ uiapi {{ AccountUpdate(input: {{Id: \"{id}\", Account: {{Site: \"S\"}}}}) {{ success }} AccountCreate(input: {{Account: {{}}}}) {{ Record {{ Id }} }} }} }}"
    );
    let refused = ask(&story, &text, json!({})).await;
    assert_eq!(refused["errors"][0]["message"], "Required fields are missing: [Name]");
    assert_eq!(refused["data"]["uiapi"]["AccountUpdate"], Value::Null);
    assert_eq!(story.org.records("Account")[0]["Site"], Value::Null);
    let loose = ask(&story, &text.replace("uiapi {", "uiapi(input: {allOrNone: false}) {"), json!({})).await;
    assert_eq!(loose["data"]["uiapi"]["AccountUpdate"]["success"], true);
    let text = format!("mutation {{ uiapi {{ RecordDelete(input: {{Id: \"{id}\"}}) {{ Id }} }} }}");
    assert_eq!(ask(&story, &text, json!({})).await["data"]["uiapi"]["RecordDelete"]["Id"], id);
    assert_eq!(story.org.count("Account"), 0);
}

#[tokio::test]
async fn what_is_wrong_is_said_with_status_200() {
    let story = start(|_| ()).await;
    for (text, kind) in [
        ("{ uiapi { query { Account { edges { node { Id } } ", "InvalidSyntax"),
        ("{ other }", "ValidationError"),
        ("{ uiapi { query { Nope { totalCount } } } }", "ValidationError"),
        ("{ uiapi { query { Account { edges { node { Nope } } } } } }", "ValidationError"),
        ("{ uiapi { query { Account(where: {Name: {wish: 1}}) { totalCount } } } }", "DataFetchingException"),
        ("mutation { uiapi { NopeCreate(input: {}) { Record { Id } } } }", "ValidationError"),
    ] {
        if text.contains("Nope }") {
            three_accounts(&story).await;
        }
        let found = ask(&story, text, json!({})).await;
        assert_eq!(
            (&found["data"], &found["errors"][0]["extensions"]["classification"]),
            (&Value::Null, &json!(kind)),
            "{text}: {found}"
        );
    }
    assert_eq!(story.call("POST", "graphql", json!({"nothing": 1})).await.status, 400);
    assert_eq!(story.get("graphql").await.status, 405);
}
