//! Copies of a small org, kind by kind.

use serde_json::{Map, Value, json};

use super::*;
use crate::store::Author;

/// An org with two people, one of them deleted, a class to run, and a line in its audit trail.
fn production() -> (State, Config) {
    let config = Config::default();
    let mut state = seed::new_state(&config, &id::make("00D", 1));
    let admin = state.store.rows("User").next().unwrap().0.clone();
    let author = Author { user: admin, now_ms: 1, source: Source::Json };
    let mut make = |object: &str, members: Value| {
        let members: Map<String, Value> = members.as_object().unwrap().clone();
        state.store.insert(&author, object, &members).unwrap()
    };
    let account = make("Account", json!({"Name": "House"}));
    let contact = json!({"LastName": "Doe", "Email": "doe@example.org", "AccountId": account});
    make("Contact", contact.clone());
    let gone = make("Contact", contact);
    make("Case", json!({"Subject": "S"}));
    state.store.delete(&author, "Contact", &gone).unwrap();
    let body = "global class Mask implements SandboxPostCopy {
        global void runApexClass(SandboxContext context) {
            List<Contact> all = [SELECT Id, Email FROM Contact];
            for (Contact one : all) { one.Email = 'masked@' + context.sandboxName() + '.invalid'; }
            update all;
            insert new Account(Name = context.organizationId() + ' ' + context.sandboxId());
        }
    }";
    for (name, body) in [("Mask", body), ("Broken", "global class Broken { }")] {
        state.store.record(&author, "ApexClass", &[("Name", json!(name)), ("Body", json!(body))]);
    }
    state.store.record(&author, "SetupAuditTrail", &[("Action", json!("before"))]);
    (state, config)
}

fn asked(kind: SandboxKind, objects: &[&str], post_copy: Option<&str>) -> Sandbox {
    Sandbox {
        name: "Uat1".into(),
        kind,
        objects: objects.iter().map(|name| (*name).to_owned()).collect(),
        post_copy: post_copy.map(str::to_owned),
        requested_by: Some("reader@org.example".into()),
    }
}

fn column(state: &State, object: &str, field: &str) -> Vec<String> {
    let told = |row: &Row| row.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
    state.store.rows(object).map(|(_, row)| told(row)).collect()
}

#[test]
fn each_kind_of_sandbox_has_its_data() {
    let (source, config) = production();
    for (kind, objects, accounts, contacts, cases) in [
        (SandboxKind::Full, &[][..], 1, 1, 1),
        (SandboxKind::Full, &["Account"], 1, 0, 0),
        (SandboxKind::Partial, &["contact", "Account"], 1, 1, 0),
        (SandboxKind::Developer, &[], 0, 0, 0),
        (SandboxKind::DeveloperPro, &[], 0, 0, 0),
    ] {
        let made = made(&source, &config, &asked(kind, objects, None), 5).unwrap();
        let counts = ["Account", "Contact", "Case"].map(|object| made.store.rows(object).count());
        assert_eq!(counts, [accounts, contacts, cases], "{kind:?} {objects:?}");
        assert_eq!(made.store.rows("ApexClass").count(), 2, "{kind:?}");
    }
}

#[test]
fn ids_stay_and_what_is_left_behind_is_not_referred_to() {
    let (source, config) = production();
    let full = made(&source, &config, &asked(SandboxKind::Full, &[], None), 5).unwrap();
    let part = made(&source, &config, &asked(SandboxKind::Partial, &["Contact"], None), 5).unwrap();
    let live = |state: &State| {
        state.store.rows("Contact").next().map(|(id, row)| (id.clone(), row.clone())).unwrap()
    };
    let (before, after, untied) = (live(&source), live(&full), live(&part));
    assert_eq!(before, after);
    assert_eq!((&untied.0, untied.1.get("AccountId")), (&before.0, None));
    // Contacts' addresses are as they were: a real refresh does not change them either.
    assert_eq!(untied.1.get("Email"), Some(&json!("doe@example.org")));
}

#[test]
fn a_sandbox_is_another_org_with_users_of_its_own() {
    let (source, config) = production();
    let first = made(&source, &config, &asked(SandboxKind::Full, &[], None), 5).unwrap();
    let again = made(&source, &config, &asked(SandboxKind::Full, &[], None), 6).unwrap();
    let ids = [&source, &first, &again].map(|state| state.access.organization.clone());
    assert_eq!(BTreeSet::from(ids).len(), 3);
    assert_eq!(column(&first, "Organization", "InstanceName"), ["LOCALS"]);
    let (id, row) = first.store.rows("Organization").next().unwrap();
    assert_eq!((id, row.get("IsSandbox")), (&first.access.organization, Some(&json!(true))));
    let users = column(&first, "User", "Username");
    assert_eq!(users.get(..2).unwrap(), ["admin@org.example.uat1", "reader@org.example.uat1"]);
    let mails = column(&first, "User", "Email");
    assert_eq!(mails.get(..2).unwrap(), ["admin@org.example.invalid", "reader@org.example"]);
    assert!(first.access.password("admin@org.example.uat1", "local-password").is_some());
    assert!(first.access.password("admin@org.example", "local-password").is_none());
    assert_eq!(column(&first, "SetupAuditTrail", "Action"), ["sandboxCopied"]);
    let clone = cloned(
        &first,
        "Uat1",
        &config,
        &Sandbox { name: "Two".into(), ..asked(SandboxKind::Full, &[], None) },
        7,
    );
    let clone = clone.unwrap();
    assert_eq!(column(&clone, "User", "Username").first().unwrap(), "admin@org.example.two");
    assert_eq!(column(&clone, "User", "Email").first().unwrap(), "admin@org.example.invalid");
}

#[test]
fn the_class_that_is_run_after_the_copy_changes_the_sandbox_and_not_its_source() {
    let (source, config) = production();
    let made = made(&source, &config, &asked(SandboxKind::Full, &[], Some("mask")), 5).unwrap();
    assert_eq!(column(&made, "Contact", "Email"), ["masked@Uat1.invalid"]);
    let both = format!("{} {}", source.access.organization, made.access.organization);
    assert_eq!(column(&made, "Account", "Name"), ["House", &both]);
    assert_eq!(column(&source, "Contact", "Email"), ["doe@example.org", "doe@example.org"]);
    assert_eq!(column(&made, "SetupAuditTrail", "Display")[1], "Ran SandboxPostCopy class Mask");
    let by = column(&made, "Contact", "LastModifiedById");
    let (id, _) =
        made.store.rows("User").find(|(_, row)| row.get("Alias") == Some(&json!("autoproc"))).unwrap();
    assert_eq!(&by, std::slice::from_ref(id));
}

#[test]
fn a_class_that_fails_leaves_a_sandbox_and_a_line_in_its_trail() {
    let (source, config) = production();
    let made = made(&source, &config, &asked(SandboxKind::Full, &[], Some("Broken")), 5).unwrap();
    assert_eq!(made.store.rows("Contact").count(), 1);
    let told = &column(&made, "SetupAuditTrail", "Display")[1];
    assert!(told.starts_with("SandboxPostCopy class Broken failed: it has no method"), "{told}");
}

#[test]
fn what_cannot_be_made_says_why() {
    let (source, config) = production();
    let refused = |sandbox: Sandbox| made(&source, &config, &sandbox, 5).unwrap_err();
    let named = |name: &str| Sandbox { name: name.into(), ..asked(SandboxKind::Full, &[], None) };
    for name in ["", "elevenchars", "a b", "é"] {
        assert_eq!(refused(named(name)), SandboxError::Name(name.into()));
    }
    assert_eq!(refused(asked(SandboxKind::Partial, &[], None)), SandboxError::NoObjects);
    assert_eq!(refused(asked(SandboxKind::Full, &["Nope"], None)), SandboxError::NoObject("Nope".into()));
    assert_eq!(refused(asked(SandboxKind::Full, &[], Some("Nope"))), SandboxError::NoClass("Nope".into()));
}
