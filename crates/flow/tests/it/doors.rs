//! Every other way into an org: judged by the same five steps, refused in the shape that its clients read.

use std::sync::Arc;

use carrier::salesforce::{AnonymousApex, ApexMap, Doors};
use flow::{Crossing, Passage};
use policy::Policies;

use crate::world::{ADA, CREATE, EVE, World, post, production, sandbox};

const BASE: &str = "/services/data/v67.0";

fn said(passage: &Passage) -> String {
    match passage {
        Passage::Forward(forward) => format!("forward {}", forward.provenance),
        Passage::Refuse(refused) => {
            format!("refuse {} {}", refused.answer.status, String::from_utf8_lossy(&refused.answer.body))
        }
        Passage::Unavailable(unavailable) => format!("unavailable {}", unavailable.answer.status),
    }
}

fn check(world: &World, crossing: Crossing, want: &str) {
    let target = crossing.target.clone();
    let said = said(&world.pass(crossing));
    assert!(said.starts_with(want), "{target}: {said}\nwanted {want}");
}

/// The bodies of every door with one contact in it.
fn doors(contact: &str) -> Vec<(String, String)> {
    let inner = contact.trim_start_matches('{').trim_end_matches('}');
    let query = "mutation m($c: ContactCreateRepresentation) { uiapi { a: ContactCreate(input: {Contact: $c}) { Record { Id } } } }";
    let contact_value: serde_json::Value = serde_json::from_str(contact).unwrap();
    let mutation = serde_json::json!({ "query": query, "variables": { "c": contact_value } });
    let file = data_encoding::BASE64
        .encode(format!("[{{\"attributes\":{{\"type\":\"Contact\"}},{inner}}}]").as_bytes());
    vec![
        (format!("{BASE}/ui-api/records"), format!(r#"{{"apiName":"Contact","fields":{contact}}}"#)),
        (
            format!("{BASE}/ui-api/records/batch"),
            format!(
                r#"{{"operations":[{{"type":"Create","records":[{{"apiName":"Contact","fields":{contact}}}]}}]}}"#
            ),
        ),
        (format!("{BASE}/graphql"), mutation.to_string()),
        (
            format!("{BASE}/composite"),
            format!(
                r#"{{"allOrNone":true,"compositeRequest":[{{"method":"POST","url":"{BASE}/ui-api/records","referenceId":"a","body":{{"apiName":"Contact","fields":{contact}}}}}]}}"#
            ),
        ),
        ("/services/apexrest/patients".to_owned(), format!(r#"{{"people":[{contact}]}}"#)),
        (
            format!("{BASE}/sobjects/ContentVersion"),
            format!(r#"{{"PathOnClient":"people.json","VersionData":"{file}"}}"#),
        ),
    ]
}

fn knowing() -> World {
    let mut world = World::new();
    let map = ApexMap {
        path: "/patients".to_owned(),
        method: "POST".to_owned(),
        object: "Contact".to_owned(),
        records: "/people".to_owned(),
        fields: Vec::new(),
    };
    let doors = Doors { apex: vec![Arc::new(map)], anonymous_apex: AnonymousApex::Allow };
    world.flow = world.flow.with_doors("crm", doors);
    world
}

#[test]
fn a_synthetic_contact_is_met_at_every_door() {
    let world = knowing();
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    let plain = without_pointer(&synthetic);
    for (target, body) in doors(&plain) {
        let want = if target.ends_with("graphql") || target.ends_with("composite") {
            "refuse 200"
        } else {
            "refuse 403"
        };
        check(&world, post(&production(), &target, &body), want);
        let passed = said(&world.pass(post(&sandbox(), &target, &body)));
        assert!(passed.starts_with("forward v=1, synthetic=1"), "{target}: {passed}");
    }
    for (target, body) in doors(ADA) {
        let refused = said(&world.pass(post(&production(), &target, &body)));
        assert!(refused.contains("EOSIN_BLOCKED") && refused.contains("unproven"), "{target}: {refused}");
    }
    for (target, body) in doors(EVE) {
        let cut = body.get(..body.len() - 2).unwrap();
        let refused = said(&world.pass(post(&sandbox(), &target, cut)));
        assert!(refused.starts_with("refuse"), "{target} cut short: {refused}");
    }
    let all = serde_json::to_string(&world.entries()).unwrap();
    for secret in ["Ada", "Zzyzx", "1984", "555-01", "example.org"] {
        assert!(!all.contains(secret), "{secret} in the ledger");
    }
}

/// UI API and GraphQL have no ways to other rows.
fn without_pointer(row: &str) -> String {
    let mut row: serde_json::Value = serde_json::from_str(row).unwrap();
    row.as_object_mut().unwrap().retain(|name, _| name != "Eosin_Dataset__r");
    row.to_string()
}

#[test]
fn queries_read_and_events_are_delivered() {
    let world = World::new();
    let query = r#"{"query":"{ uiapi { query { Contact { totalCount } } } }"}"#;
    check(&world, post(&production(), &format!("{BASE}/graphql"), query), "forward v=1");
    check(
        &world,
        post(&sandbox(), &format!("{BASE}/sobjects/Alarm__e"), r#"{"Ward__c":"3"}"#),
        "forward v=1, unproven=1",
    );
    check(
        &world,
        post(&production(), &format!("{BASE}/sobjects/Alarm__e"), r#"{"Ward__c":"3"}"#),
        "refuse 403",
    );
    let entries = world.entries();
    let told: Vec<_> = entries.iter().map(|entry| (&entry["action"], &entry["route"])).collect();
    assert_eq!(
        format!("{told:?}"),
        r#"[(String("read"), String("graphql")), (String("deliver"), String("platform event")), (String("deliver"), String("platform event"))]"#
    );
}

#[test]
fn anonymous_apex_runs_only_where_somebody_allowed_it() {
    let (closed, open) = (World::new(), knowing());
    let run = |world: &World| {
        let mut crossing =
            post(&production(), &format!("{BASE}/tooling/executeAnonymous?anonymousBody=x"), "");
        crossing.method = "GET".to_owned();
        said(&world.pass(crossing))
    };
    assert!(run(&closed).starts_with("refuse 403"));
    assert!(run(&open).starts_with("forward"));
    let soap = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><executeAnonymous><String>x</String></executeAnonymous></e:Body></e:Envelope>";
    check(&closed, post(&sandbox(), "/services/Soap/s/67.0/00D", soap), "refuse 500");
    check(&open, post(&sandbox(), "/services/Soap/s/67.0/00D", soap), "forward");
    assert_eq!(open.entries()[0]["route"], "anonymous apex, not judged");
    check(&closed, post(&sandbox(), "/services/apexrest/patients", "{}"), "refuse 403");
    check(&open, post(&sandbox(), "/services/apexrest/other", "{}"), "refuse 403");
}

fn deletion() -> Crossing {
    let target = format!("{BASE}/tooling/sobjects/CustomField");
    let body = r#"{"FullName":"Contact.Eosin_Mark__c","Metadata":{"type":"Text","length":80}}"#;
    post(&production(), &target, body)
}

#[test]
fn what_weakens_eosin_is_said_and_left_to_the_policies() {
    let world = World::new();
    let refused = said(&world.pass(deletion()));
    assert!(refused.starts_with("refuse 403"), "{refused}");
    assert!(refused.contains("it changes the type of Contact.Eosin_Mark__c"), "{refused}");
    let mut outside = deletion();
    outside.boundary = sandbox();
    check(&world, outside, "forward");
    let entries = world.entries();
    assert_eq!(entries[0]["weakens"][0], "changes the type of Contact.Eosin_Mark__c");
    assert_eq!(entries[0]["counts"]["weakened"], 1);
    let permit = "@id(\"release\")\n@reason(\"it may\")\npermit (principal == Eosin::Client::\"tests\", action, resource)\n\
        when { context.records == 0 && context.weakened > 0 };";
    let text = format!("{}\n{permit}", Policies::default_text());
    let lenient = World::with_policies(Policies::parse("lenient", &text).unwrap());
    check(&lenient, deletion(), "forward");
    let plain = post(
        &production(),
        &format!("{BASE}/tooling/sobjects/CustomField"),
        r#"{"FullName":"Contact.Shoe__c"}"#,
    );
    check(&world, plain, "forward");
    let mut by_id =
        post(&production(), &format!("{BASE}/tooling/sobjects/CustomField/00N000000000001AAA"), "");
    by_id.method = "DELETE".to_owned();
    check(&world, by_id, "refuse 403");
}

#[test]
fn a_form_says_nothing_and_hides_no_method() {
    let world = World::new();
    let form = |target: &str, body: &str| {
        let mut crossing = post(&sandbox(), target, body);
        crossing.content_type = Some("application/x-www-form-urlencoded".to_owned());
        crossing
    };
    let read = format!("{BASE}/parameterizedSearch");
    check(&world, form(&read, "q=Bell"), "forward");
    check(&world, form(&read, "q=Bell&%5FHttpMethod=DELETE"), "refuse 403");
    check(&world, form(&read, "q=Bell;_httpmethod=DELETE"), "refuse 403");
    check(&world, form(CREATE, ADA), "refuse 403");
    let mut other = post(&sandbox(), CREATE, ADA);
    other.content_type = Some("application/json; charset=utf-16".to_owned());
    check(&world, other, "refuse 403");
}

/// A contact and a file with a contact in it, as parts.
fn parts(row: &str, name: &str, file: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n{row}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n{file}\r\n--b--"
    )
}

#[test]
fn a_file_is_judged_by_what_is_in_it() {
    let world = World::new();
    let multipart = |target: &str, body: String| {
        let mut crossing = post(&sandbox(), target, &body);
        crossing.content_type = Some("multipart/form-data; boundary=b".to_owned());
        crossing
    };
    let target = format!("{BASE}/sobjects/ContentVersion");
    let row = r#"{"Title":"people"}"#;
    let synthetic = World::marked(&world.synthetic, 0, ADA);
    let moved = World::marked(&world.synthetic, 0, EVE);
    let typed = |row: &str| row.replacen('{', r#"{"attributes":{"type":"Contact"},"#, 1);
    check(&world, multipart(&target, parts(row, "photo.png", "\u{1}PNG")), "forward v=1, unproven=1");
    check(
        &world,
        multipart(&target, parts(row, "a.json", &typed(&synthetic))),
        "forward v=1, synthetic=1, unproven=1",
    );
    check(&world, multipart(&target, parts(row, "a.txt", &typed(&moved))), "refuse 403");
    check(&world, multipart(&target, parts(row, "a.csv", "a,b\n1\n")), "refuse 403");
    check(&world, multipart(CREATE, parts(ADA, "a.csv", "a,b\n1,2\n")), "refuse 403");
    let job = |content: &str| {
        format!(
            "--b\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n\
             {{\"object\":\"Contact\",\"contentType\":\"CSV\",\"operation\":\"insert\"}}\r\n\
             --b\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n{content}\r\n--b--\r\n"
        )
    };
    let ingest = format!("{BASE}/jobs/ingest");
    check(&world, multipart(&ingest, job("LastName\nZzyzx\nZzyzx\n")), "forward v=1, unproven=2");
    check(&world, multipart(&ingest, job("LastName,lastname\na,b\n")), "refuse 403");
    let entries = world.entries();
    let references = serde_json::to_string(&entries).unwrap();
    assert!(references.contains("file record 0"), "{references}");
}
