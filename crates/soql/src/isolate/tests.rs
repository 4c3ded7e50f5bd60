//! Scenes of the rewrite: statement in, statement out.

use std::collections::BTreeSet;

use super::*;
use crate::{Bearing, Lookup, LookupIds, Marks, Summaries, Unknown, isolate_search};

fn schema() -> Schema {
    let mut schema = Schema::empty();
    schema
        .set("Contact", Bearing::Fields)
        .set("Account", Bearing::Fields)
        .set("Lead", Bearing::Fields)
        .set("Task", Bearing::Open)
        .set("Contact_Note__c", Bearing::Through(vec!["Contact__r".to_owned()]))
        .set("Product2", Bearing::Open)
        .lookup("Contact", Lookup::usual("Account", &["Account"]))
        .lookup("Contact", Lookup::usual("ReportsTo", &["Contact"]))
        .lookup("Account", Lookup::usual("Parent", &["Account"]))
        .lookup("Task", Lookup::usual("Who", &["Contact", "Lead"]))
        .lookup("Task", Lookup::usual("What", &["Account", "Product2"]))
        .lookup("Contact_Note__c", Lookup::usual("Contact__r", &["Contact"]))
        .child("Account", "Contacts", "Contact")
        .child("Contact", "Notes__r", "Contact_Note__c")
        .child("Contact", "Tasks", "Task");
    schema
}

/// `@` stands for what holds for a row that may be seen, `@X` for the same behind `X.`, `~X~` for a link to such.
fn spelled(text: &str) -> String {
    let visible = |before: &str| {
        format!(
            "{before}Eosin_Synthetic__c = false AND ({before}Eosin_Subject__c = null OR {before}Eosin_Subject__c NOT IN \
             ('synthetic', 'mixed'))"
        )
    };
    let mut out = String::new();
    for (index, part) in text.split('~').enumerate() {
        if index % 2 == 1 {
            let id = match part.strip_suffix("__r") {
                Some(stem) => format!("{stem}__c"),
                None => format!("{part}Id"),
            };
            out = format!("{out}({id} = null OR ({}))", visible(&format!("{part}.")));
        } else {
            out.push_str(&part.replace("@c.", &visible("c.")).replace('@', &visible("")));
        }
    }
    out
}

fn check(before: &str, after: &str) {
    let isolated = isolate(before, &Hidden::synthetic(), &schema()).unwrap();
    assert_eq!(isolated.text, spelled(after), "{before}");
    assert_eq!(isolated.added, []);
    parse(&isolated.text).unwrap();
}

#[test]
fn conditions_stand_before_what_the_client_wrote() {
    check("SELECT Id FROM Contact", "SELECT Id FROM Contact WHERE @");
    check("select  Id\nfrom Contact  limit 5", "select  Id\nfrom Contact WHERE @  limit 5");
    check("SELECT count() FROM Contact", "SELECT count() FROM Contact WHERE @");
    check("SELECT Id FROM Contact WHERE Name = 'é'", "SELECT Id FROM Contact WHERE @ AND Name = 'é'");
    check(
        "SELECT Id FROM Contact WHERE A = 1 AND NOT B = 2",
        "SELECT Id FROM Contact WHERE @ AND A = 1 AND NOT B = 2",
    );
    check(
        "SELECT Id FROM Contact WHERE A = 1 OR B = 2",
        "SELECT Id FROM Contact WHERE @ AND (A = 1 OR B = 2)",
    );
    check("SELECT Id FROM Contact WHERE NOT A = 1", "SELECT Id FROM Contact WHERE @ AND (NOT A = 1)");
    check(
        "SELECT Id FROM Contact WHERE(A = 1)ORDER BY A",
        "SELECT Id FROM Contact WHERE @ AND (A = 1)ORDER BY A",
    );
    check(
        "SELECT Id FROM Contact WHERE Eosin_Synthetic__c = true",
        "SELECT Id FROM Contact WHERE @ AND Eosin_Synthetic__c = true",
    );
    check("SELECT c.Id FROM Contact c WHERE c.X = 1", "SELECT c.Id FROM Contact c WHERE @c. AND c.X = 1");
    check(
        "SELECT Id FROM Contact USING SCOPE mine ORDER BY Name",
        "SELECT Id FROM Contact USING SCOPE mine WHERE @ ORDER BY Name",
    );
}

#[test]
fn every_relationship_in_use_is_guarded() {
    check("SELECT Account.Name FROM Contact", "SELECT Account.Name FROM Contact WHERE @ AND ~Account~");
    check("SELECT AccountId FROM Contact", "SELECT AccountId FROM Contact WHERE @ AND ~Account~");
    check(
        "SELECT Id FROM Contact ORDER BY Account.Name",
        "SELECT Id FROM Contact WHERE @ AND ~Account~ ORDER BY Account.Name",
    );
    check(
        "SELECT count(Id) n FROM Contact GROUP BY Account.Name HAVING MAX(Account.X) > 1",
        "SELECT count(Id) n FROM Contact WHERE @ AND ~Account~ GROUP BY Account.Name HAVING MAX(Account.X) > 1",
    );
    check(
        "SELECT Id FROM Contact WHERE Account.Name = 'x' OR A = 1",
        "SELECT Id FROM Contact WHERE @ AND ~Account~ AND (Account.Name = 'x' OR A = 1)",
    );
    check(
        "SELECT Owner.Name, CreatedById FROM Contact",
        "SELECT Owner.Name, CreatedById FROM Contact WHERE @",
    );
    check("SELECT Text__c FROM Contact_Note__c", "SELECT Text__c FROM Contact_Note__c WHERE ~Contact__r~");
    check("SELECT NewValue FROM contacthistory", "SELECT NewValue FROM contacthistory WHERE ~contact~");
    check("SELECT Id FROM LeadShare", "SELECT Id FROM LeadShare WHERE ~Lead~");
    check("SELECT Body FROM AccountFeed", "SELECT Body FROM AccountFeed WHERE ~Parent~");
    check("SELECT Name FROM RecentlyViewed", "SELECT Name FROM RecentlyViewed WHERE Id = null");
    check("SELECT Id FROM Eosin_Dataset__c", "SELECT Id FROM Eosin_Dataset__c WHERE Id = null");
    check("SELECT Eosin_Dataset__r.Name FROM Contact", "SELECT Eosin_Dataset__r.Name FROM Contact WHERE @");
    check(
        "SELECT Id FROM Contact WHERE Eosin_Dataset__r.Eosin_Dataset_Id__c = 'x' ORDER BY Eosin_Dataset__r.Name",
        "SELECT Id FROM Contact WHERE @ AND Eosin_Dataset__r.Eosin_Dataset_Id__c = 'x' ORDER BY Eosin_Dataset__r.Name",
    );
    check(
        "SELECT Account.Eosin_Dataset__r.Name FROM Contact",
        "SELECT Account.Eosin_Dataset__r.Name FROM Contact WHERE @ AND ~Account~",
    );
}

#[test]
fn queries_inside_are_rewritten_too() {
    check(
        "SELECT Id, (SELECT Id FROM Contacts WHERE A = 1) FROM Account",
        "SELECT Id, (SELECT Id FROM Contacts WHERE @ AND A = 1) FROM Account WHERE @",
    );
    check(
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND A = 1",
        "SELECT Id FROM Account WHERE @ AND Id IN (SELECT AccountId FROM Contact WHERE @ AND ~Account~) AND A = 1",
    );
    check(
        "SELECT (SELECT Text__c FROM Notes__r LIMIT 1) FROM Contact",
        "SELECT (SELECT Text__c FROM Notes__r WHERE ~Contact__r~ LIMIT 1) FROM Contact WHERE @",
    );
}

#[test]
fn a_polymorphic_relationship_is_guarded_by_anti_joins() {
    let concealed = "Eosin_Synthetic__c = true OR Eosin_Subject__c IN ('synthetic', 'mixed')";
    let contact = format!("WhoId NOT IN (SELECT Id FROM Contact WHERE {concealed})");
    let lead = format!("WhoId NOT IN (SELECT Id FROM Lead WHERE {concealed})");
    let account = format!("WhatId NOT IN (SELECT Id FROM Account WHERE {concealed})");
    check("SELECT Who.Name FROM Task", &format!("SELECT Who.Name FROM Task WHERE {contact} AND {lead}"));
    check(
        "SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task",
        &format!("SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task WHERE {account}"),
    );
    refused("SELECT Who.Name, What.Name FROM Task", CannotIsolate::TooManyJoins { position: 32 });
    refused(
        "SELECT Id FROM Account WHERE Id IN (SELECT WhatId FROM Task)",
        CannotIsolate::NoJoinHere { position: 55 },
    );
}

/// Cases are owned by users, of whom some are contacts; files hang on anything.
fn schema_with_owners() -> Schema {
    let mut schema = schema();
    schema
        .set("Case", Bearing::Fields)
        .set("User", Bearing::Through(vec!["Contact".to_owned(), "Account".to_owned()]))
        .set("Attachment", Bearing::Through(vec!["Parent".to_owned()]))
        .lookup("User", Lookup::usual("Contact", &["Contact"]))
        .lookup("User", Lookup::usual("Account", &["Account"]))
        .lookup("Attachment", Lookup::usual("Parent", &["Account", "Case", "Contact"]))
        .lookup("Case", Lookup::usual("Parent", &["Case"]));
    let account = br#"{"name":"Account","fields":[],"childRelationships":[
        {"relationshipName":"Attachments","childSObject":"Attachment","field":"ParentId"}]}"#;
    schema.learn(account).unwrap();
    schema
}

#[test]
fn rows_that_are_told_by_what_they_point_at_are_closed_by_an_anti_join() {
    let concealed = |before: &str| {
        format!("{before}Eosin_Synthetic__c = true OR {before}Eosin_Subject__c IN ('synthetic', 'mixed')")
    };
    let owners = format!(
        "OwnerId NOT IN (SELECT Id FROM User WHERE (ContactId != null AND ({})) OR (AccountId != null AND ({})))",
        concealed("Contact."),
        concealed("Account.")
    );
    let check = |before: &str, after: &str| {
        let isolated = isolate(before, &Hidden::synthetic(), &schema_with_owners()).unwrap();
        assert_eq!(isolated.text, spelled(after), "{before}");
        parse(&isolated.text).unwrap();
    };
    check(
        "SELECT Id, Owner.Name FROM Case",
        &format!("SELECT Id, Owner.Name FROM Case WHERE @ AND {owners}"),
    );
    check(
        "SELECT Id FROM Case WHERE Owner.Name = 'x'",
        &format!("SELECT Id FROM Case WHERE @ AND {owners} AND Owner.Name = 'x'"),
    );
    let far = isolate("SELECT Parent.Owner.Name FROM Case", &Hidden::synthetic(), &schema_with_owners());
    assert_eq!(far, Err(CannotIsolate::Polymorphic { position: 7 }));
}

#[test]
fn ids_that_were_looked_up_spare_the_anti_joins() {
    let schema = schema_with_owners();
    let (one, other) = ("001000000000001AAA", "003000000000001AAA");
    let bound =
        format!("SELECT Name FROM Attachment a WHERE a.ParentId IN ('{one}', '{other}') AND Name != null");
    let many = Err(CannotIsolate::TooManyJoins { position: 17 });
    assert_eq!(isolate(&bound, &Hidden::synthetic(), &schema), many);
    let ids = bound_ids(&bound, &schema).unwrap();
    assert_eq!(ids.iter().map(String::as_str).collect::<Vec<_>>(), [one, other]);
    let seen =
        |ids: &[&str]| Seen { ids: ids.iter().map(|id| (*id).to_owned()).collect(), ..Seen::default() };
    let looked = |text: &str, ids: &[&str]| isolate_looked(text, &Hidden::synthetic(), &schema, &seen(ids));
    assert_eq!(looked(&bound, &[one, other]).unwrap().text, bound);
    let less = looked(&bound, &[one]).unwrap().text;
    assert_eq!(less, bound.replace("WHERE ", &format!("WHERE a.ParentId NOT IN ('{other}') AND ")));
    // What binds only some rows binds none, and what stands on other rows says nothing of these.
    for text in [
        format!("SELECT Name FROM Attachment WHERE ParentId = '{one}' OR Name = 'x'"),
        format!("SELECT Name FROM Attachment WHERE NOT ParentId = '{one}'"),
        format!("SELECT Name FROM Attachment WHERE ParentId != '{one}'"),
        "SELECT Name FROM Attachment WHERE ParentId = 'x'' OR'".replace("''", "\\'"),
    ] {
        assert_eq!(bound_ids(&text, &schema), Ok(BTreeSet::new()), "{text}");
        assert!(looked(&text, &[one]).is_err(), "{text}");
    }
    // A row's children point at the row.
    let child = "SELECT Id, (SELECT Name FROM Attachments) FROM Account";
    let isolated = isolate(child, &Hidden::synthetic(), &schema).unwrap();
    assert_eq!(isolated.text, spelled("SELECT Id, (SELECT Name FROM Attachments) FROM Account WHERE @"));
}

fn refused(text: &str, why: CannotIsolate) {
    assert_eq!(isolate(text, &Hidden::synthetic(), &schema()), Err(why), "{text}");
}

#[test]
fn what_cannot_be_isolated_is_refused() {
    refused("SELECT Id FROM Nothing__c", CannotIsolate::UnknownObject { position: 15 });
    refused("SELECT Secret__r.Name FROM Contact", CannotIsolate::UnknownRelationship { position: 7 });
    refused(
        "SELECT (SELECT Id FROM Others__r) FROM Contact",
        CannotIsolate::UnknownRelationship { position: 23 },
    );
    refused("SELECT Account.Name FROM Contact Account", CannotIsolate::Alias { position: 33 });
    refused("SELECT Lead.Name FROM Contact lead", CannotIsolate::Alias { position: 30 });
    refused(
        "SELECT count() FROM Account a, a.Contacts c WHERE c.A = 1",
        CannotIsolate::UnknownRelationship { position: 31 },
    );
    refused(
        "SELECT TYPEOF What WHEN Account THEN ParentId END FROM Task",
        CannotIsolate::TypeOf { position: 7 },
    );
}

#[test]
fn a_calculated_field_is_what_it_is_calculated_from() {
    let describe = br#"{"name":"Contact","fields":[
        {"name":"City__c","calculated":true,"calculatedFormula":"UPPER( Account.BillingCity ) & $Label.x"},
        {"name":"Both__c","calculated":true,"calculatedFormula":"City__c + ReportsTo.City__c"},
        {"name":"Loop__c","calculated":true,"calculatedFormula":"Loop__c"},
        {"name":"Visits__c","calculated":true,"calculatedFormula":null}]}"#;
    let mut schema = schema();
    schema.learn(describe).unwrap();
    let check = |before: &str, after: &str| {
        let isolated = isolate(before, &Hidden::synthetic(), &schema).unwrap();
        assert_eq!(isolated.text, spelled(after));
    };
    check("SELECT city__c FROM Contact", "SELECT city__c FROM Contact WHERE @ AND ~Account~");
    let both = isolate("SELECT Id FROM Contact ORDER BY Both__c", &Hidden::synthetic(), &schema).unwrap();
    for way in ["AccountId = null", "ReportsToId = null", "ReportsTo.AccountId = null"] {
        assert!(both.text.contains(way), "{}", both.text);
    }
    let fails = |text: &str| isolate(text, &Hidden::synthetic(), &schema).unwrap_err();
    assert_eq!(fails("SELECT Loop__c FROM Contact"), CannotIsolate::TooFar { position: 7 });
    assert_eq!(fails("SELECT Visits__c FROM Contact"), CannotIsolate::Summary { position: 7 });
    assert!(matches!(fails("SELECT FIELDS(ALL) FROM Contact"), CannotIsolate::TooFar { .. }));
    let shown = schema.clone().summaries(Summaries::Shown);
    assert!(isolate("SELECT Visits__c FROM Contact", &Hidden::synthetic(), &shown).is_ok());
    let mut standard = Schema::standard();
    standard.set("Contact", Bearing::Fields).set("Case", Bearing::Open);
    let isolated = isolate("SELECT ContactEmail FROM Case", &Hidden::synthetic(), &standard).unwrap();
    assert_eq!(isolated.text, spelled("SELECT ContactEmail FROM Case WHERE ~Contact~"));
}

#[test]
fn the_fields_that_judge_are_added_once_and_named() {
    let hidden = Hidden::synthetic().marks(Marks::Asked).lookup_ids(LookupIds::Shown);
    let isolated = isolate(
        "SELECT id, Account.Name, (SELECT eosin_mark__c, Id FROM Contacts) FROM Account",
        &hidden,
        &{
            let mut schema = schema();
            schema.lookup("Account", Lookup::usual("Account", &["Product2"]));
            schema
        },
    );
    let isolated = isolated.unwrap();
    let select = isolated.text.split(" FROM Account").next().unwrap();
    assert!(select.starts_with(
        "SELECT id, Account.Name, (SELECT eosin_mark__c, Id, Eosin_Subject__c, Eosin_Synthetic__c FROM"
    ));
    assert!(select.ends_with("), Eosin_Subject__c, Eosin_Synthetic__c, Eosin_Mark__c"), "{select}");
    let fields: Vec<_> =
        isolated.added.iter().map(|added| (added.place.join("/"), added.field.as_str())).collect();
    assert_eq!(fields.len(), 5);
    assert!(fields.contains(&("Contacts".to_owned(), "Eosin_Synthetic__c")));
    let close = isolate("SELECT UPPER(Name)FROM Lead", &hidden, &schema()).unwrap();
    assert!(close.text.contains("Eosin_Mark__c FROM Lead"), "{}", close.text);
    let parent = isolate("SELECT Account.Name FROM Contact", &hidden, &schema()).unwrap();
    assert!(parent.added.iter().any(|added| added.field == "Account.Eosin_Mark__c"));
    let groups = isolate("SELECT COUNT(Id) FROM Contact", &hidden, &schema()).unwrap();
    assert_eq!((groups.added, groups.rows), (Vec::new(), Rows::Groups));
}

#[test]
fn a_search_is_filtered_object_by_object() {
    let check = |before: &str, after: &str| {
        let isolated = isolate_search(before, &Hidden::synthetic(), &schema()).unwrap();
        assert_eq!(isolated.text, spelled(after));
    };
    check("FIND {a\\}b} RETURNING Contact", "FIND {a\\}b} RETURNING Contact(Id WHERE @)");
    check(
        "FIND {x} IN NAME FIELDS RETURNING Contact(Id, Name WHERE A = 1 OR B = 2 LIMIT 3), Product2 LIMIT 9",
        "FIND {x} IN NAME FIELDS RETURNING Contact(Id, Name WHERE @ AND (A = 1 OR B = 2) LIMIT 3), Product2 LIMIT 9",
    );
    let asked =
        isolate_search("FIND {x} RETURNING Lead(Name)", &Hidden::synthetic().marks(Marks::Asked), &schema());
    let asked = asked.unwrap();
    assert!(asked.text.starts_with(
        "FIND {x} RETURNING Lead(Name, Id, Eosin_Subject__c, Eosin_Synthetic__c, Eosin_Mark__c WHERE Eosin_Synthetic__c"
    ));
    assert_eq!(asked.added[0], Added { place: vec!["Lead".to_owned()], field: "Id".to_owned() });
    let everywhere = isolate_search("FIND {x}", &Hidden::synthetic(), &schema());
    assert_eq!(everywhere, Err(CannotIsolate::NoObjects));
}

#[test]
fn the_namespace_and_the_class_are_the_callers() {
    let hidden = Hidden::all_but_synthetic().in_namespace("acme").unwrap();
    let isolated = isolate("SELECT Id FROM Lead", &hidden, &schema()).unwrap();
    assert_eq!(
        isolated.text,
        "SELECT Id FROM Lead WHERE (acme__Eosin_Subject__c = null OR acme__Eosin_Subject__c NOT IN ('mixed', \
         'attested')) AND (acme__Eosin_Synthetic__c = true OR acme__Eosin_Subject__c != null)"
    );
    assert!(Hidden::synthetic().in_namespace("a b").is_err());
}

#[test]
fn what_is_said_of_the_unknown_holds() {
    let assumed =
        schema().unstated_objects(Unknown::AssumedToBear).unknown_relationships(Unknown::AssumedToBear);
    let isolated = isolate("SELECT Patient__r.Name FROM Visit__c", &Hidden::synthetic(), &assumed).unwrap();
    assert_eq!(isolated.text, spelled("SELECT Patient__r.Name FROM Visit__c WHERE @ AND ~Patient__r~"));
    let joined = isolate("SELECT Id FROM Account a, a.Contacts c", &Hidden::synthetic(), &assumed);
    assert_eq!(joined, Err(CannotIsolate::UnknownRelationship { position: 26 }));
    let open = schema().unstated_objects(Unknown::Open);
    let feed = isolate("SELECT Id FROM Contact_Note__Feed", &Hidden::synthetic(), &open).unwrap();
    assert!(feed.text.contains("(Parent.Contact__c = null OR "), "{}", feed.text);
    let isolated = isolate("SELECT Id FROM ApexClass", &Hidden::synthetic(), &open).unwrap();
    assert_eq!(isolated.text, "SELECT Id FROM ApexClass");
}

#[test]
fn fields_that_say_something_of_other_rows_are_known_by_name() {
    let field = |name: &str, formula: Option<&str>| {
        format!(
            r#"{{"name":"{name}","calculated":true,"calculatedFormula":{}}}"#,
            formula.map_or("null".to_owned(), |formula| format!("\"{formula}\""))
        )
    };
    let fields = [
        field("Total__c", None),
        field("House__c", Some("Account.Name")),
        field("Both__c", Some("House__c & Total__c")),
        field("Again__c", Some("House__c")),
        field("Own__c", Some("LastName")),
        field("Boss__c", Some("Owner.Name")),
    ];
    let way = r#"{"name":"AccountId","referenceTo":["Account"],"relationshipName":"Account"}"#;
    let describe =
        format!(r#"{{"name":"Contact","fields":[{},{way}],"childRelationships":[]}}"#, fields.join(","));
    let mut schema = Schema::empty();
    schema.set("Contact", Bearing::Fields).set("Account", Bearing::Fields);
    schema.learn(describe.as_bytes()).unwrap();
    let (summaries, formulas) = schema.telling("contact");
    assert_eq!(summaries.into_iter().collect::<Vec<_>>(), ["both__c", "total__c"]);
    assert_eq!(formulas.into_iter().collect::<Vec<_>>(), ["again__c", "house__c"]);
    assert_eq!(schema.telling("case").1.len(), 4);
}
