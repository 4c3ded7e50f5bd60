//! Sandboxes asked for by the Tooling API, as the Salesforce CLI does.

use org::Config;
use serde_json::{Value, json};

use crate::client::{Story, encode, start};

/// An org with one contact and a template of contacts.
async fn production(change: impl FnOnce(&mut Config)) -> Story {
    let story = start(|config| {
        config.sandbox_templates = vec![("people".into(), vec!["Contact".into()])];
        change(config);
    })
    .await;
    story.call("POST", "sobjects/Account", json!({"Name": "House"})).await;
    story.call("POST", "sobjects/Contact", json!({"LastName": "Doe", "Email": "doe@example.org"})).await;
    story
}

async fn tooling(story: &Story, soql: &str) -> Vec<Value> {
    let answer = story.get(&format!("tooling/query?q={}", encode(soql))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["records"].as_array().unwrap().clone()
}

/// The newest process, and a session of its sandbox: the org's address and a token.
async fn enter(story: &Story, name: &str) -> (String, String) {
    let asked = json!({"sandboxName": name, "callbackUrl": "http://localhost:1717/OauthRedirect"});
    let allowed = story.call("POST", "tooling/sandboxAuth", asked).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    let allowed = allowed.json();
    assert_eq!(allowed["authUserName"], format!("admin@org.example.{}", name.to_lowercase()));
    let code = allowed["authCode"].as_str().unwrap();
    let form =
        format!("grant_type=authorization_code&client_id=PlatformCLI&client_secret=&code={}", encode(code));
    let url = allowed["loginUrl"].as_str().unwrap().to_owned();
    let granted = ask(&url, "POST", "/services/oauth2/token", "", &form).await;
    let again = ask(&url, "POST", "/services/oauth2/token", "", &form).await;
    assert_eq!(again["error"], "invalid_grant", "a code is good once");
    let refresh = encode(granted["refresh_token"].as_str().unwrap());
    let form = format!("grant_type=refresh_token&client_id=PlatformCLI&refresh_token={refresh}");
    let refreshed = ask(&url, "POST", "/services/oauth2/token", "", &form).await;
    (url, refreshed["access_token"].as_str().unwrap().to_owned())
}

async fn ask(url: &str, method: &str, path: &str, token: &str, form: &str) -> Value {
    let kind = "application/x-www-form-urlencoded";
    crate::client::at(
        url,
        method,
        path,
        &[("authorization", &format!("Bearer {token}")), ("content-type", kind)],
        form,
    )
    .await
    .json()
}

async fn names(url: &str, token: &str, soql: &str, field: &str) -> Vec<String> {
    let path = format!("/services/data/v67.0/query?q={}", encode(soql));
    let found = ask(url, "GET", &path, token, "").await;
    let told = |row: &Value| row[field].as_str().unwrap_or("-").to_owned();
    found["records"].as_array().unwrap_or_else(|| panic!("{found}")).iter().map(told).collect()
}

#[tokio::test]
async fn a_sandbox_is_made_refreshed_and_ended() {
    let story = production(|_| ()).await;
    let asked = json!({"SandboxName": "Uat", "LicenseType": "Full", "AutoActivate": true});
    let made = story.call("POST", "tooling/sobjects/SandboxInfo", asked).await;
    assert_eq!(made.status, 201, "{made:?}");
    let info = made.json()["id"].as_str().unwrap().to_owned();
    let tracked =
        tooling(&story, "SELECT IsSourceTrackingSandboxesEnabled FROM SourceTrackingSettings").await;
    assert_eq!(tracked[0]["IsSourceTrackingSandboxesEnabled"], false);
    let process = "SELECT Id,Status,SandboxName,SandboxInfoId,LicenseType,CreatedDate,CopyProgress,SandboxOrganization,SourceId,\
        Description,EndDate,Features FROM SandboxProcess WHERE SandboxName='Uat' ORDER BY CreatedDate DESC";
    let first = tooling(&story, process).await.remove(0);
    assert_eq!((&first["Status"], &first["CopyProgress"]), (&json!("Completed"), &json!(100)));
    let (url, token) = enter(&story, "Uat").await;
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, ["Doe"]);
    let organization =
        names(&url, &token, "SELECT Id FROM Organization WHERE IsSandbox = true", "Id").await.remove(0);
    assert_eq!(first["SandboxOrganization"], organization.get(..15).unwrap());
    let mail = "SELECT Email FROM User WHERE Username LIKE '%.uat' ORDER BY Username";
    let mails = ["admin@org.example", "reader@org.example.invalid"];
    assert_eq!(names(&url, &token, mail, "Email").await, mails, "who asked keeps the address");

    story.call("POST", "sobjects/Contact", json!({"LastName": "Roe"})).await;
    let path = format!("tooling/sobjects/SandboxInfo/{info}");
    let refreshed = json!({"Id": info, "SandboxName": "Uat", "IsDeleted": false, "AutoActivate": true, "LicenseType": "FULL"});
    assert_eq!(story.call("PATCH", &path, refreshed).await.status, 204);
    assert_eq!(tooling(&story, process).await.len(), 2);
    let old = ask(&url, "GET", "/services/data/v67.0/limits", &token, "").await;
    assert_eq!(old[0]["errorCode"], "INVALID_SESSION_ID", "a refresh ends the sandbox's sessions");
    let (same, token) = enter(&story, "Uat").await;
    assert_eq!(same, url, "a sandbox keeps its address");
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, ["Doe", "Roe"]);
    assert_ne!(names(&url, &token, "SELECT Id FROM Organization", "Id").await, [organization]);

    assert_eq!(story.call("DELETE", &path, "").await.status, 204);
    assert_eq!(story.org.sandboxes(), []);
    assert_eq!(tooling(&story, process).await[0]["Status"], "Deleted");
    let trail = story.query("SELECT Action FROM SetupAuditTrail ORDER BY Id").await;
    let actions: Vec<&Value> =
        trail["records"].as_array().unwrap().iter().map(|row| &row["Action"]).collect();
    assert_eq!(actions, ["sandboxCreated", "sandboxRefreshed", "sandboxDeleted"]);
}

#[tokio::test]
async fn a_refreshed_copy_waits_until_it_is_activated() {
    let story = production(|_| ()).await;
    let asked = json!({"SandboxName": "Uat", "LicenseType": "Full"});
    let info = story.call("POST", "tooling/sobjects/SandboxInfo", asked).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (url, token) = enter(&story, "Uat").await;
    let path = format!("tooling/sobjects/SandboxInfo/{info}");
    let decide = async |action: &str| {
        story.call("PATCH", &path, json!({"LicenseType": "DEVELOPER"})).await;
        let waits =
            tooling(&story, "SELECT Id FROM SandboxProcess WHERE Status = 'Pending Activation'").await;
        let process = format!("tooling/sobjects/SandboxProcess/{}", waits[0]["Id"].as_str().unwrap());
        assert_eq!(story.call("PATCH", &process, json!({"RefreshAction": action})).await.status, 204);
        assert_eq!(
            story.call("PATCH", &process, json!({"RefreshAction": action})).await.code(),
            "INVALID_STATUS"
        );
    };
    decide("DISCARD").await;
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, ["Doe"]);
    decide("ACTIVATE").await;
    let (_, token) = enter(&story, "Uat").await;
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, [""; 0]);
}

#[tokio::test]
async fn templates_clones_and_refusals() {
    let story = production(|_| ()).await;
    let template =
        tooling(&story, "SELECT Id FROM PartitionLevelScheme WHERE DeveloperName = 'people'").await;
    let template = template[0]["Id"].as_str().unwrap().to_owned();
    let make = async |asked: Value| story.call("POST", "tooling/sobjects/SandboxInfo", asked).await;
    let part = make(json!({"SandboxName": "Part", "LicenseType": "Partial", "TemplateId": template})).await;
    let source = part.json()["id"].as_str().unwrap().to_owned();
    let clone = make(json!({"SandboxName": "Clone", "LicenseType": "FULL", "SourceId": source})).await;
    assert_eq!(clone.status, 201, "{clone:?}");
    let (url, token) = enter(&story, "Clone").await;
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, ["Doe"]);
    assert_eq!(names(&url, &token, "SELECT Name FROM Account", "Name").await, [""; 0]);
    for (asked, code) in [
        (json!({"SandboxName": "part", "LicenseType": "FULL"}), "DUPLICATE_VALUE"),
        (json!({"SandboxName": "no name", "LicenseType": "FULL"}), "FIELD_INTEGRITY_EXCEPTION"),
        (json!({"SandboxName": "P2", "LicenseType": "PARTIAL"}), "FIELD_INTEGRITY_EXCEPTION"),
        (json!({"SandboxName": "P3", "LicenseType": "HUGE"}), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (json!({"LicenseType": "FULL"}), "REQUIRED_FIELD_MISSING"),
    ] {
        assert_eq!(make(asked.clone()).await.code(), code, "{asked}");
    }
    assert_eq!(tooling(&story, "SELECT Id FROM SandboxInfo").await.len(), 2);
    let nowhere = json!({"sandboxName": "Nope", "clientId": "PlatformCLI"});
    assert_eq!(story.call("POST", "tooling/sandboxAuth", nowhere).await.code(), "INVALID_STATUS");
    assert_eq!(story.call("POST", "sobjects/SandboxInfo", json!({"SandboxName": "x"})).await.status, 404);
    let body = json!({"SandboxName": "Inner", "LicenseType": "FULL"}).to_string();
    let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
    let refused =
        crate::client::at(&url, "POST", "/services/data/v67.0/tooling/sobjects/SandboxInfo", &headers, &body)
            .await;
    assert_eq!(refused.code(), "INSUFFICIENT_ACCESS_OR_READONLY");
}

#[tokio::test]
async fn sandboxes_are_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("org.json");
    let story = production(|config| config.snapshot = Some(path.clone())).await;
    story
        .call("POST", "tooling/sobjects/SandboxInfo", json!({"SandboxName": "Uat", "LicenseType": "Full"}))
        .await;
    let (url, token) = enter(&story, "Uat").await;
    let organization = names(&url, &token, "SELECT Id FROM Organization", "Id").await;
    story.org.stop().await.unwrap();
    let again = production(|config| config.snapshot = Some(path.clone())).await;
    let (url, token) = enter(&again, "Uat").await;
    assert_eq!(names(&url, &token, "SELECT LastName FROM Contact", "LastName").await, ["Doe"]);
    assert_eq!(names(&url, &token, "SELECT Id FROM Organization", "Id").await, organization);
}
