//! Users who do not see everything: permission sets on added fields, sharing of rows.

use serde_json::json;

use crate::client::{Answer, Story, start};
use crate::deploy::{deploy, zip};

const CONTACT: &str = "<CustomObject><sharingModel>Private</sharingModel>\
    <fields><fullName>Synthetic__c</fullName><label>Synthetic</label><type>Checkbox</type><defaultValue>false</defaultValue></fields>\
    <fields><fullName>Mark__c</fullName><label>Mark</label><type>Text</type><length>40</length><externalId>true</externalId></fields>\
    </CustomObject>";
const SHARING: &str = "<SharingRules><sharingCriteriaRules><fullName>Attested</fullName><accessLevel>Edit</accessLevel>\
    <sharedTo><allInternalUsers></allInternalUsers></sharedTo>\
    <criteriaItems><field>Synthetic__c</field><operation>equals</operation><value>False</value></criteriaItems>\
    </sharingCriteriaRules></SharingRules>";
const READER: &str = "<PermissionSet><label>Reader</label>\
    <fieldPermissions><field>Contact.Synthetic__c</field><readable>true</readable><editable>false</editable></fieldPermissions>\
    </PermissionSet>";

/// An org with one synthetic and one other contact, and a second user who may not see the first.
async fn stage() -> Story {
    let admin = start(|config| {
        config.credentials.tokens.push(("reader".into(), "reader@org.example".into()));
    })
    .await;
    let files = [
        ("package.xml", "<Package/>"),
        ("objects/Contact.object", CONTACT),
        ("sharingRules/Contact.sharingRules", SHARING),
        ("permissionsets/Reader.permissionset", READER),
    ];
    let result = deploy(&admin, &zip(&files), json!({})).await;
    assert_eq!(result["status"], "Succeeded", "{result}");
    for (name, synthetic) in [("Synthetic-Example", true), ("Other-Example", false)] {
        let body = json!({"LastName": name, "Synthetic__c": synthetic, "Mark__c": name});
        assert_eq!(admin.call("POST", "sobjects/Contact", body).await.status, 201);
    }
    admin
}

/// The same org, asked by the reader.
async fn ask(admin: &mut Story, method: &str, path: &str, body: serde_json::Value) -> Answer {
    admin.token = "reader".into();
    let answer = admin.call(method, path, body).await;
    admin.token = "tok".into();
    answer
}

#[tokio::test]
async fn rows_that_are_not_shared_are_nowhere() {
    let mut admin = stage().await;
    let all = admin.query("SELECT Id, LastName FROM Contact ORDER BY LastName").await;
    assert_eq!(all["totalSize"], 2);
    let hidden = all["records"][1]["Id"].as_str().unwrap().to_owned();
    let table = [
        ("query?q=SELECT+LastName+FROM+Contact", "/totalSize", json!(1)),
        ("query?q=SELECT+COUNT()+FROM+Contact", "/totalSize", json!(1)),
        ("query?q=SELECT+COUNT(Id)+n+FROM+Contact", "/records/0/n", json!(1)),
        ("queryAll?q=SELECT+LastName+FROM+Contact", "/totalSize", json!(1)),
        ("search?q=FIND+{Synthetic}+RETURNING+Contact", "/searchRecords", json!([])),
        ("limits/recordCount?sObjects=Contact", "/sObjects/0/count", json!(1)),
        ("recent?limit=5", "/1", json!(null)),
    ];
    for (path, pointer, expected) in table {
        let answer = ask(&mut admin, "GET", path, json!(null)).await.json();
        assert_eq!(answer.pointer(pointer).unwrap_or(&json!(null)), &expected, "{path}: {answer}");
    }
    for (method, path, body, status) in [
        ("GET", format!("sobjects/Contact/{hidden}"), json!(null), 404),
        ("GET", "sobjects/Contact/Mark__c/Synthetic-Example".into(), json!(null), 404),
        ("PATCH", format!("sobjects/Contact/{hidden}"), json!({"Title": "Dr"}), 404),
        ("DELETE", format!("sobjects/Contact/{hidden}"), json!(null), 404),
    ] {
        assert_eq!(ask(&mut admin, method, &path, body).await.status, status, "{method} {path}");
    }
    assert_eq!(admin.org.count("Contact"), 2);
}

#[tokio::test]
async fn added_fields_show_when_a_permission_set_gives_them() {
    let mut admin = stage().await;
    let asked = "query?q=SELECT+Synthetic__c+FROM+Contact";
    let before = ask(&mut admin, "GET", asked, json!(null)).await;
    assert_eq!((before.status, before.code().as_str()), (400, "INVALID_FIELD"));
    let set =
        admin.query("SELECT Id FROM PermissionSet WHERE Name = 'Reader'").await["records"][0]["Id"].clone();
    let user =
        admin.query("SELECT Id FROM User WHERE Username = 'reader@org.example'").await["records"][0]["Id"]
            .clone();
    let body = json!({"AssigneeId": user, "PermissionSetId": set});
    assert_eq!(admin.call("POST", "sobjects/PermissionSetAssignment", body).await.status, 201);
    assert_eq!(ask(&mut admin, "GET", asked, json!(null)).await.json()["totalSize"], 1);
    let fields = ask(&mut admin, "GET", "sobjects/Contact/describe", json!(null)).await.json();
    let field =
        fields["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Synthetic__c").unwrap();
    assert_eq!(field["updateable"], false);
    assert!(!fields.to_string().contains("Mark__c"));
    let wrote =
        ask(&mut admin, "POST", "sobjects/Contact", json!({"LastName": "X", "Synthetic__c": true})).await;
    assert_eq!((wrote.status, wrote.code().as_str()), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"));
}

#[tokio::test]
async fn the_setup_belongs_to_administrators() {
    let mut admin = stage().await;
    for path in ["query?q=SELECT+Id+FROM+SetupAuditTrail", "query?q=SELECT+Id+FROM+EventLogFile"] {
        assert_eq!(ask(&mut admin, "GET", path, json!(null)).await.code(), "INVALID_TYPE", "{path}");
    }
    let refused = ask(&mut admin, "POST", "sobjects/Profile", json!({"Name": "Mine"})).await;
    assert_eq!(refused.code(), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    admin.token = "reader".into();
    let result = deploy(&admin, &zip(&[("package.xml", "<Package/>")]), json!({})).await;
    assert_eq!(result["success"], false);
    admin.token = "tok".into();
    let user =
        admin.query("SELECT Id FROM User WHERE Username = 'reader@org.example'").await["records"][0]["Id"]
            .clone();
    let path = format!("sobjects/User/{}", user.as_str().unwrap());
    assert_eq!(admin.call("PATCH", &path, json!({"IsActive": false})).await.status, 204);
    assert_eq!(ask(&mut admin, "GET", "limits", json!(null)).await.code(), "INVALID_SESSION_ID");
}

#[tokio::test]
async fn those_above_see_what_those_below_own() {
    let mut admin = stage().await;
    let user = |name: &str| format!("SELECT Id FROM User WHERE Username = '{name}@org.example'");
    let chief = admin.call("POST", "sobjects/UserRole", json!({"Name": "Chief"})).await.json()["id"].clone();
    let body = json!({"Name": "Clerk", "ParentRoleId": chief});
    let clerk = admin.call("POST", "sobjects/UserRole", body).await.json()["id"].clone();
    for (name, role) in [("reader", &chief), ("admin", &clerk)] {
        let id = admin.query(&user(name)).await["records"][0]["Id"].clone();
        let path = format!("sobjects/User/{}", id.as_str().unwrap());
        assert_eq!(admin.call("PATCH", &path, json!({"UserRoleId": role})).await.status, 204);
    }
    let found = ask(&mut admin, "GET", "query?q=SELECT+Id+FROM+Contact", json!(null)).await.json();
    assert_eq!(found["totalSize"], 2);
}

#[tokio::test]
async fn deployed_rules_refuse_what_breaks_them() {
    let story = start(|_| ()).await;
    let rule = |name: &str, formula: &str| {
        format!(
            "<validationRules><fullName>{name}</fullName><active>true</active><errorConditionFormula>{formula}</errorConditionFormula>\
             <errorDisplayField>Email</errorDisplayField><errorMessage>{name} is broken</errorMessage></validationRules>"
        )
    };
    let object = |rules: &str| format!("<CustomObject>{rules}</CustomObject>");
    let package = |content: &str| zip(&[("package.xml", "<Package/>"), ("objects/Contact.object", content)]);
    for (formula, near) in
        [("VLOOKUP(a)", "Unknown function"), ("ISBLANK(Nope__c)", "Field Nope__c does not exist")]
    {
        let result = deploy(&story, &package(&object(&rule("Wrong", formula))), json!({})).await;
        let problem = result["details"]["componentFailures"][0]["problem"].as_str().unwrap_or("").to_owned();
        assert!(problem.contains(near), "{formula}: {result}");
    }
    let rules = rule("Reach", "AND(ISBLANK(Email), ISBLANK(Phone))")
        + &rule("Host", "NOT(ISBLANK(Email)) &amp;&amp; NOT(REGEX(Email, &quot;.+@example\\\\.org&quot;))");
    let result = deploy(&story, &package(&object(&rules)), json!({})).await;
    assert_eq!(result["status"], "Succeeded", "{result}");
    for (body, code) in [
        (json!({"LastName": "A"}), "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (json!({"LastName": "A", "Email": "a@elsewhere.test"}), "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        (json!({"LastName": "A", "Email": "a@example.org"}), ""),
    ] {
        let answer = story.call("POST", "sobjects/Contact", &body).await;
        assert_eq!(answer.code(), code, "{body}");
    }
    let id = story.query("SELECT Id FROM Contact").await["records"][0]["Id"].clone();
    let broken = story
        .call("PATCH", &format!("sobjects/Contact/{}", id.as_str().unwrap()), json!({"Email": null}))
        .await;
    assert_eq!(
        (&broken.json()[0]["message"], &broken.json()[0]["fields"]),
        (&json!("Reach is broken"), &json!(["Email"]))
    );
}
