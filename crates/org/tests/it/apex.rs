//! Anonymous Apex, and REST resources that the owner of the org declares.

use org::{ApexAnswer, ApexRest, CustomField};
use serde_json::{Value, json};

use crate::client::{Answer, Story, encode, start};

async fn run(story: &Story, source: &str) -> Value {
    let answer = story.get(&format!("tooling/executeAnonymous/?anonymousBody={}", encode(source))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn rest(story: &Story, method: &str, path: &str, body: Value) -> Answer {
    let headers = [("authorization", "Bearer tok"), ("content-type", "application/json")];
    story.raw(method, &format!("/services/apexrest/{path}"), &headers, body.to_string().into_bytes()).await
}

#[tokio::test]
async fn blocks_write_records() {
    let story = start(|_| ()).await;
    let done =
        run(&story, "System.debug('a');\ninsert new Contact(LastName='Doe', Email='d@example.org');").await;
    let expected = json!({"line": -1, "column": -1, "compiled": true, "success": true, "compileProblem": null, "exceptionStackTrace": null, "exceptionMessage": null});
    assert_eq!(done, expected);
    let source = "// two kinds of lists\nAccount a = new Account(Name='A' + 1); insert a; /* and */ a.Site = 'S'; update a;
        List<Contact> cs = new List<Contact>{ new Contact(LastName='Roe', AccountId=a.Id) }; cs.add(new Contact(LastName='Poe')); Database.insert(cs);
        Contact[] found = [SELECT Id FROM Contact WHERE LastName = 'Doe']; delete found; System.debug(LoggingLevel.INFO, cs);";
    assert_eq!(run(&story, source).await["success"], true);
    assert_eq!(
        (&story.org.records("Account")[0]["Site"], &story.org.records("Account")[0]["Name"]),
        (&json!("S"), &json!("A1"))
    );
    let names: Vec<Value> = story.org.records("Contact").iter().map(|row| row["LastName"].clone()).collect();
    assert_eq!(names, [json!("Roe"), json!("Poe")]);
    assert_eq!(story.org.records("Contact")[0]["AccountId"], story.org.records("Account")[0]["Id"]);
}

#[tokio::test]
async fn blocks_that_fail_say_how_and_leave_nothing() {
    let story = start(|_| ()).await;
    let problem = run(&story, "insert new Contact(Nope='x');").await;
    assert_eq!(
        (&problem["compiled"], &problem["compileProblem"]),
        (&json!(false), &json!("Field does not exist: Nope on Contact"))
    );
    let thrown = run(&story, "insert new Account(Name='A');\ninsert new Contact(FirstName='x');").await;
    assert_eq!(
        (&thrown["compiled"], &thrown["success"], &thrown["line"]),
        (&json!(true), &json!(false), &json!(2))
    );
    assert_eq!(
        thrown["exceptionMessage"],
        "System.DmlException: Insert failed. First exception on row 0; first error: REQUIRED_FIELD_MISSING, Required fields are missing: [LastName]: [LastName]"
    );
    assert_eq!(thrown["exceptionStackTrace"], "AnonymousBlock: line 2, column 1");
    assert_eq!(story.org.count("Account"), 0);
    assert_eq!(run(&story, "while (true) { System.debug(1); }").await["compiled"], false);
}

#[tokio::test]
async fn the_soap_door_brings_the_log() {
    let story = start(|_| ()).await;
    // As `sf apex run` sends it.
    let text = "<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:cmd=\"x\"><env:Header><cmd:SessionHeader><cmd:sessionId>tok</cmd:sessionId></cmd:SessionHeader></env:Header>\
                <env:Body><executeAnonymous xmlns=\"x\"><apexcode>System.debug('a &lt; b');\n</apexcode></executeAnonymous></env:Body></env:Envelope>";
    let headers = [("content-type", "text/xml"), ("soapaction", "executeAnonymous")];
    let answer = story.raw("POST", "/services/Soap/s/67.0/00D000000000001", &headers, text.into()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("|USER_DEBUG|[1]|DEBUG|a &lt; b\n</debugLog>"), "{answer:?}");
    assert!(answer.text().contains("<compiled>true</compiled><exceptionMessage xsi:nil=\"true\"/>"));
}

#[tokio::test]
async fn declared_resources_turn_bodies_into_records() {
    let story = start(|_| ()).await;
    story.org.add_custom_field("Contact", &CustomField::external_id("Mrn__c")).unwrap();
    let field = |pointer: &str, name: &str| (pointer.to_owned(), name.to_owned());
    let patients = ApexRest {
        path: "patients".into(),
        object: "contact".into(),
        records: "/patients".into(),
        fields: vec![
            field("/name/family", "LastName"),
            field("/name/given", "FirstName"),
            field("/mrn", "Mrn__c"),
        ],
        key: Some("Mrn__c".into()),
        methods: Vec::new(),
        answer: ApexAnswer::Ids,
    };
    story.org.add_apex_rest(patients.clone()).unwrap();
    assert!(story.org.add_apex_rest(ApexRest { object: "Nope".into(), ..patients }).is_err());
    let body = json!({"patients": [{"name": {"family": "Doe", "given": "Jo"}, "mrn": "1"}, {"name": {"family": "Roe"}, "mrn": "2"}]});
    let made = rest(&story, "POST", "patients", body).await;
    assert_eq!((made.status, story.org.count("Contact")), (200, 2), "{made:?}");
    let id = made.json()["ids"][0].as_str().unwrap().to_owned();
    let put =
        rest(&story, "PUT", "patients/", json!({"patients": {"name": {"family": "Poe"}, "mrn": "1"}})).await;
    assert_eq!(put.json()["ids"][0], id.as_str());
    let read = rest(&story, "GET", &format!("patients/{id}"), json!(null)).await.json();
    assert_eq!(read, json!({"id": id, "name": {"family": "Poe", "given": "Jo"}, "mrn": "1"}));
    assert_eq!(rest(&story, "DELETE", &format!("patients/{id}"), json!(null)).await.status, 204);
    let thrown =
        rest(&story, "POST", "patients", json!({"patients": [{"name": {"family": "Moe"}}, {"name": {}}]}))
            .await;
    assert_eq!((thrown.status, thrown.code().as_str(), story.org.count("Contact")), (500, "APEX_ERROR", 1));
    assert!(thrown.text().contains("First exception on row 1; first error: REQUIRED_FIELD_MISSING"));
    for (method, path, body, status) in [
        ("POST", "other", json!({}), 404),
        ("POST", "patientsx", json!({}), 404),
        ("PATCH", "patients", json!({}), 405),
        ("POST", "patients", json!({"x": 1}), 400),
        ("GET", "patients/003000000000009", json!({}), 500),
    ] {
        assert_eq!(rest(&story, method, path, body).await.status, status, "{method} {path}");
    }
    let closed = story.raw("POST", "/services/apexrest/patients", &[], Vec::new()).await;
    assert_eq!(closed.status, 401);
}

#[tokio::test]
async fn a_resource_answers_as_its_class_would() {
    let story = start(|_| ()).await;
    let fields = vec![("/name".to_owned(), "Name".to_owned()), ("/phone".into(), "Phone".into())];
    let made = ApexRest {
        path: "accounts".into(),
        object: "Account".into(),
        records: String::new(),
        fields: fields.clone(),
        key: None,
        methods: vec!["POST".into()],
        answer: ApexAnswer::Id,
    };
    let rest_of = ApexRest { methods: Vec::new(), answer: ApexAnswer::Record, ..made.clone() };
    let nothing =
        ApexRest { path: "quiet".into(), answer: ApexAnswer::Nothing, methods: Vec::new(), ..made.clone() };
    for resource in [made, rest_of, nothing] {
        story.org.add_apex_rest(resource).unwrap();
    }
    let id = rest(&story, "POST", "accounts", json!({"name": "A", "phone": "1"})).await.json();
    let id = id.as_str().unwrap();
    let changed = rest(&story, "PATCH", &format!("accounts/{id}"), json!({"name": "B"})).await.json();
    assert_eq!((&changed["Name"], &changed["Phone"], &changed["Id"]), (&json!("B"), &json!("1"), &json!(id)));
    assert_eq!(changed["attributes"]["type"], "Account");
    assert_eq!(rest(&story, "GET", &format!("accounts/{id}"), json!({})).await.json(), changed);
    assert_eq!(rest(&story, "DELETE", "quiet", json!({})).await.status, 204);
    assert_eq!(rest(&story, "DELETE", &format!("accounts/{id}"), json!({})).await.status, 204);
    assert_eq!(story.org.count("Account"), 0);
}
