//! Rows that are hidden with what they are linked to: what hangs on several kinds of rows, files, people's portal users.

use policy::Environment;
use serde_json::{Value, json};

use crate::{
    isolated::{Kind, LocalOrg, Marks, VERSION, ask, isolating, query},
    scene::{Answer, Scene},
};

/// Somebody who is shown at production, and somebody who is not.
fn org(marks: &Marks) -> (LocalOrg, String, String) {
    let org = LocalOrg::with(marks, &[Kind::Attested, Kind::Synthetic], |_| false);
    let [shown, hidden] = [0, 1].map(|at: usize| org.ids[at].clone().unwrap());
    (org, shown, hidden)
}

fn get(scene: &Scene, target: &str) -> Answer {
    ask(scene, "GET", &format!("{VERSION}/{target}"), "")
}

fn found(scene: &Scene, statement: &str) -> usize {
    let answer = ask(scene, "GET", &query(statement), "");
    assert_eq!(answer.status, 200, "{statement} {}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    usize::try_from(answer["totalSize"].as_u64().unwrap()).unwrap()
}

#[test]
fn an_owner_can_be_asked_for() {
    let marks = Marks::new();
    let (org, shown, hidden) = org(&marks);
    let _case = org.create("Case", &json!({ "ContactId": shown, "Subject": "asked" }));
    let scene = isolating(&org, Environment::Production);
    assert_eq!(found(&scene, "SELECT Id, Owner.Name FROM Case"), 1);
    assert_eq!(found(&scene, "SELECT Subject FROM Case WHERE Owner.Name != null"), 1);
    // A user who is a hidden contact shows in nothing of theirs.
    let me: Value =
        serde_json::from_slice(&org.direct("GET", &query("SELECT OwnerId FROM Case LIMIT 1"), "").body)
            .unwrap();
    let me = me["records"][0]["OwnerId"].as_str().unwrap().to_owned();
    let told = org.direct(
        "PATCH",
        &format!("{VERSION}/sobjects/User/{me}"),
        &json!({ "ContactId": hidden }).to_string(),
    );
    assert_eq!(told.status, 204, "{}", told.text());
    assert_eq!(found(&scene, "SELECT Id, Owner.Name FROM Case"), 0);
    assert_eq!(found(&scene, "SELECT Id FROM Case"), 1);
}

#[test]
fn what_hangs_on_a_row_is_asked_for_by_its_id_or_by_that_of_the_row() {
    let marks = Marks::new();
    let (org, shown, hidden) = org(&marks);
    let [seen, secret] = [(&shown, "seen.txt"), (&hidden, "secret.txt")].map(|(parent, name)| {
        org.create("Attachment", &json!({ "ParentId": parent, "Name": name, "Body": "aGVsbG8=" }))
    });
    let scene = isolating(&org, Environment::Production);
    for target in [format!("sobjects/Attachment/{seen}"), format!("sobjects/Attachment/{seen}/Body")] {
        assert_eq!(get(&scene, &target).status, 200, "{target} {}", get(&scene, &target).text());
        let absent = get(&scene, &target.replace(&seen, &secret));
        assert_eq!(absent.status, 404, "{target} {}", absent.text());
    }
    let collected = get(&scene, &format!("composite/sobjects/Attachment?ids={seen},{secret}&fields=Name"));
    assert!(
        collected.text().contains("seen.txt") && !collected.text().contains("secret"),
        "{}",
        collected.text()
    );
    let below = get(&scene, &format!("sobjects/Contact/{shown}/Attachments"));
    assert!(below.status == 200 && below.text().contains("seen.txt"), "{}", below.text());
    let recent = get(&scene, "recent");
    assert!(recent.status == 200 && !recent.text().contains("secret"), "{}", recent.text());
    let of = |ids: &str| found(&scene, &format!("SELECT Name FROM Attachment WHERE ParentId {ids}"));
    assert_eq!(of(&format!("= '{shown}'")), 1);
    assert_eq!(of(&format!("= '{hidden}'")), 0);
    assert_eq!(of(&format!("IN ('{shown}','{hidden}')")), 1);
    assert_eq!(found(&scene, "SELECT Id, (SELECT Name FROM Attachments) FROM Contact"), 1);
    // Nothing says which rows these hang on.
    let all = ask(&scene, "GET", &query("SELECT Name FROM Attachment"), "");
    assert!(all.status == 400 && all.text().contains("by their ids"), "{}", all.text());
    let gone = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Attachment/{secret}"), "");
    assert_eq!(gone.status, 404, "{}", gone.text());
    let gone = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/Attachment/{seen}"), "");
    assert_eq!(gone.status, 204, "{}", gone.text());
}

/// A file, and its version, that is linked to each of these.
fn file(org: &LocalOrg, title: &str, linked: &[&str]) -> [String; 2] {
    let version = org.create(
        "ContentVersion",
        &json!({ "Title": title, "PathOnClient": "scan.txt", "VersionData": "aGVsbG8=" }),
    );
    let row = org.direct("GET", &format!("{VERSION}/sobjects/ContentVersion/{version}"), "");
    let row: Value = serde_json::from_slice(&row.body).unwrap();
    let document = row["ContentDocumentId"].as_str().unwrap().to_owned();
    for to in linked {
        let link = json!({ "ContentDocumentId": document, "LinkedEntityId": to, "ShareType": "V" });
        org.create("ContentDocumentLink", &link);
    }
    [document, version]
}

#[test]
fn a_file_is_hidden_with_whom_it_is_linked_to() {
    let marks = Marks::new();
    let (org, shown, hidden) = org(&marks);
    let seen = file(&org, "SEEN", &[&shown]);
    let secret = file(&org, "SECRET", &[&hidden]);
    let both = file(&org, "SHARED", &[&shown, &hidden]);
    let free = file(&org, "FREE", &[]);
    let scene = isolating(&org, Environment::Production);
    for ([document, version], is_shown) in [(&seen, true), (&free, true), (&secret, false), (&both, false)] {
        let targets = [
            format!("sobjects/ContentDocument/{document}"),
            format!("sobjects/ContentVersion/{version}"),
            format!("sobjects/ContentVersion/{version}/VersionData"),
            format!("sobjects/ContentDocument/{document}/LatestPublishedVersion"),
        ];
        for target in targets {
            let answer = get(&scene, &target);
            assert_eq!(answer.status, if is_shown { 200 } else { 404 }, "{target} {}", answer.text());
        }
        for statement in [
            format!("SELECT Title FROM ContentDocument WHERE Id = '{document}'"),
            format!("SELECT Title, VersionData FROM ContentVersion WHERE ContentDocumentId = '{document}'"),
            format!(
                "SELECT ContentDocumentId, ContentDocument.Title FROM ContentVersion WHERE Id IN ('{version}')"
            ),
            format!("SELECT count() FROM ContentVersion WHERE IsLatest = true AND Id = '{version}'"),
        ] {
            assert_eq!(found(&scene, &statement), usize::from(is_shown), "{statement}");
        }
    }
    let links = |select: &str, to: &str| {
        found(&scene, &format!("SELECT {select} FROM ContentDocumentLink WHERE LinkedEntityId = '{to}'"))
    };
    assert_eq!(links("ContentDocumentId, ContentDocument.Title", &shown), 1);
    assert_eq!(links("ContentDocument.Title", &hidden), 0);
    assert_eq!((links("Id", &shown), links("Id", &hidden)), (2, 0));
    // What no condition can say is not asked.
    for statement in [
        "SELECT Title FROM ContentDocument",
        "SELECT count() FROM ContentVersion",
        "SELECT Title FROM ContentVersion WHERE Title = 'SECRET'",
        "SELECT Id, (SELECT ContentDocument.Title FROM ContentDocumentLinks) FROM Contact",
        "SELECT Id FROM ContentDocument WHERE Id IN (SELECT ContentDocumentId FROM ContentVersion)",
    ] {
        let answer = ask(&scene, "GET", &query(statement), "");
        assert!(answer.status == 400 && answer.text().contains("EOSIN"), "{statement} {}", answer.text());
        assert!(!answer.text().contains("SECRET"), "{}", answer.text());
    }
    let search = get(&scene, "search?q=FIND+%7BS*%7D+RETURNING+ContentVersion(Title)");
    assert!(!search.text().contains("SECRET") && !search.text().contains("SHARED"), "{}", search.text());
    let [document, _] = &both;
    let gone = ask(&scene, "DELETE", &format!("{VERSION}/sobjects/ContentDocument/{document}"), "");
    assert_eq!(gone.status, 404, "{}", gone.text());
    let there = org.direct("GET", &format!("{VERSION}/sobjects/ContentDocument/{document}"), "");
    assert_eq!(there.status, 200);
}

#[test]
fn who_somebody_is_is_hidden_with_them() {
    let marks = Marks::new();
    let (org, shown, hidden) = org(&marks);
    let [seen, secret, nobody] = ["Seen", "Secret", "Nobody"]
        .map(|name| org.create("Individual", &json!({ "LastName": name, "BirthDate": "1970-01-01" })));
    for (contact, individual) in [(&shown, &seen), (&hidden, &secret)] {
        let row = json!({ "IndividualId": individual }).to_string();
        let told = org.direct("PATCH", &format!("{VERSION}/sobjects/Contact/{contact}"), &row);
        assert_eq!(told.status, 204, "{}", told.text());
    }
    let scene = isolating(&org, Environment::Production);
    for (individual, status) in [(&seen, 200), (&nobody, 200), (&secret, 404)] {
        let answer = get(&scene, &format!("sobjects/Individual/{individual}"));
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let ids = format!("'{seen}','{secret}'");
    assert_eq!(found(&scene, &format!("SELECT LastName FROM Individual WHERE Id IN ({ids})")), 1);
    let all = ask(&scene, "GET", &query("SELECT LastName FROM Individual"), "");
    assert!(all.status == 400 && !all.text().contains("Secret"), "{}", all.text());
}
