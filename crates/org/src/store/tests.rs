//! Records: what is refused, what becomes of values, what a rollback takes back.

use serde_json::json;

use super::*;

fn store() -> (Store, Author) {
    let mut store = Store::new(Schema::shipped(), 100);
    let mut field = Field::new("Ext__c", Kind::String);
    (field.length, field.external_id) = (20, true);
    store.schema.add_field("Account", field.clone());
    (field.name, field.unique) = ("Only__c".into(), true);
    store.schema.add_field("Account", field);
    let author =
        Author { user: "005000000000001AAA".into(), now_ms: 1_800_000_000_000, source: Source::Json };
    (store, author)
}

fn insert(store: &mut Store, author: &Author, object: &str, given: &Value) -> Result<String, &'static str> {
    store.insert(author, object, given.as_object().unwrap()).map_err(|failure| failure.code)
}

#[test]
fn bad_records_are_refused_with_salesforces_codes() {
    let (mut store, author) = store();
    let account = insert(&mut store, &author, "Account", &json!({"Name": "A"})).unwrap();
    let contact = insert(&mut store, &author, "Contact", &json!({"LastName": "B"})).unwrap();
    let other = id::make("001", 99_999);
    let table = [
        ("Contact", json!({"FirstName": "x"}), "REQUIRED_FIELD_MISSING"),
        ("Contact", json!({"LastName": "  "}), "REQUIRED_FIELD_MISSING"),
        ("Contact", json!({"LastName": "x", "Nope": 1}), "INVALID_FIELD"),
        ("Contact", json!({"LastName": "x".repeat(81)}), "STRING_TOO_LONG"),
        ("Contact", json!({"LastName": "x", "Birthdate": "1.2.2020"}), "JSON_PARSER_ERROR"),
        ("Contact", json!({"LastName": "x", "DoNotCall": "perhaps"}), "JSON_PARSER_ERROR"),
        ("Contact", json!({"LastName": "x", "AccountId": "nope"}), "MALFORMED_ID"),
        ("Contact", json!({"LastName": "x", "AccountId": contact}), "MALFORMED_ID"),
        ("Contact", json!({"LastName": "x", "AccountId": other}), "INVALID_CROSS_REFERENCE_KEY"),
        ("Contact", json!({"LastName": "x", "Email": "nobody"}), "INVALID_EMAIL_ADDRESS"),
        ("Contact", json!({"LastName": "x", "CreatedDate": "2026-01-01"}), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Contact", json!({"LastName": "x", "Name": "x"}), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Contact", json!({"LastName": "x", "Id": contact}), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Contact", json!({"LastName": "x", "Account": {"Ext__c": "none"}}), "INVALID_FIELD"),
        ("Nothing", json!({}), "INVALID_TYPE"),
    ];
    for (object, given, code) in table {
        assert_eq!(insert(&mut store, &author, object, &given), Err(code), "{given}");
    }
    assert_eq!((store.count("Account"), store.count("Contact")), (1, 1));
    let given = json!({"LastName": "x", "AccountId": account.get(..15).unwrap()});
    let linked = insert(&mut store, &author, "Contact", &given).unwrap();
    assert_eq!(store.live("Contact", &linked).unwrap().get("AccountId"), Some(&json!(account)));
}

#[test]
fn names_numbers_and_defaults_are_filled_in() {
    let (mut store, author) = store();
    let contact =
        insert(&mut store, &author, "Contact", &json!({"FirstName": " Ada ", "LastName": "Byron"})).unwrap();
    assert_eq!(store.live("Contact", &contact).unwrap()["Name"], json!("Ada Byron"));
    let changed = json!({"FirstName": null}).as_object().unwrap().clone();
    store.update(&author, "Contact", &contact, &changed).unwrap();
    assert_eq!(store.live("Contact", &contact).unwrap()["Name"], json!("Byron"));
    let person =
        insert(&mut store, &author, "Account", &json!({"FirstName": "Ada", "LastName": "Byron"})).unwrap();
    let row = store.live("Account", &person).unwrap();
    assert_eq!((&row["Name"], &row["IsPersonAccount"]), (&json!("Ada Byron"), &json!(true)));
    let case = insert(&mut store, &author, "Case", &json!({"Subject": "x"})).unwrap();
    let row = store.live("Case", &case).unwrap();
    assert_eq!((&row["Status"], &row["CaseNumber"]), (&json!("New"), &json!("00000001")));
    assert_eq!(row["CreatedDate"], json!("2027-01-15T08:00:00.000+0000"));
    store.schema.add_object("Thing__c", "Thing", "Things");
    let thing = insert(&mut store, &author, "Thing__c", &json!({})).unwrap();
    assert_eq!(store.live("Thing__c", &thing).unwrap()["Name"], json!(thing));
}

#[test]
fn upserts_find_by_external_id() {
    let (mut store, author) = store();
    let given = json!({"Name": "A"}).as_object().unwrap().clone();
    let first = match store.upsert(&author, "Account", ("ext__c", "K1"), &given).unwrap() {
        Upserted::Created(id) => id,
        other @ (Upserted::Updated(_) | Upserted::Many(_)) => panic!("{other:?}"),
    };
    assert!(
        matches!(store.upsert(&author, "Account", ("Ext__c", "k1"), &given).unwrap(), Upserted::Updated(id) if id == first)
    );
    insert(&mut store, &author, "Account", &json!({"Name": "B", "Ext__c": "k1"})).unwrap();
    assert!(
        matches!(store.upsert(&author, "Account", ("Ext__c", "k1"), &given).unwrap(), Upserted::Many(ids) if ids.len() == 2)
    );
    let refused = store.upsert(&author, "Account", ("Industry", "x"), &given).unwrap_err();
    assert_eq!(refused.code, "NOT_FOUND");
    insert(&mut store, &author, "Account", &json!({"Name": "C", "Only__c": "u"})).unwrap();
    assert_eq!(
        insert(&mut store, &author, "Account", &json!({"Name": "D", "Only__c": "U"})),
        Err("DUPLICATE_VALUE")
    );
}

#[test]
fn a_rollback_leaves_no_trace() {
    let (mut store, author) = store();
    let kept = insert(&mut store, &author, "Account", &json!({"Name": "A", "Ext__c": "a"})).unwrap();
    let before = store.live("Account", &kept).cloned();
    let ended: Result<(), Failure> = store.attempt(|store| {
        let given = json!({"Name": "B", "Ext__c": "b"}).as_object().unwrap().clone();
        store.update(&author, "Account", &kept, &given)?;
        store.attempt(|store| store.insert(&author, "Account", &given))?;
        store.delete(&author, "Account", &kept)?;
        Err(Failure::not_found())
    });
    assert!(ended.is_err());
    assert_eq!(store.live("Account", &kept).cloned(), before);
    assert_eq!(store.count("Account"), 1);
    let account = store.object("Account").unwrap();
    let ext = account.field("Ext__c").unwrap();
    assert_eq!(store.find(&account, ext, "a"), [kept]);
    assert!(store.find(&account, ext, "b").is_empty());
}

#[test]
fn deletion_follows_what_belongs_to_a_record() {
    let (mut store, author) = store();
    let account = insert(&mut store, &author, "Account", &json!({"Name": "A"})).unwrap();
    let contact =
        insert(&mut store, &author, "Contact", &json!({"LastName": "B", "AccountId": account})).unwrap();
    let case = insert(&mut store, &author, "Case", &json!({"ContactId": contact})).unwrap();
    store.delete(&author, "Account", &account).unwrap();
    assert!(store.live("Contact", &contact).is_none());
    assert!(store.row("Contact", &contact).is_some());
    assert_eq!(store.live("Case", &case).unwrap().get("ContactId"), None);
    assert_eq!(store.delete(&author, "Account", &account).unwrap_err().code, "ENTITY_IS_DELETED");
    assert_eq!(store.delete(&author, "Account", "001").unwrap_err().code, "MALFORMED_ID");
}

#[test]
fn the_org_is_full_at_its_bound() {
    let (mut store, author) = store();
    for _ in 0..100 {
        insert(&mut store, &author, "Account", &json!({"Name": "A"})).unwrap();
    }
    assert_eq!(insert(&mut store, &author, "Account", &json!({"Name": "A"})), Err("STORAGE_LIMIT_EXCEEDED"));
}
