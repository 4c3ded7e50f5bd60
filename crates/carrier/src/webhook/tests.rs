//! Scenes and laws of messages: what is an event, what its class, and which bytes go on.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { body_bytes: 10_000, records: 5 };

fn map(format: Format) -> EventMap {
    EventMap {
        format,
        events: String::new(),
        records: String::new(),
        object: "Contact".to_owned(),
        fields: vec![("family".to_owned(), "LastName".to_owned())],
        class: None,
        id: None,
    }
}

fn posted() -> EventMap {
    EventMap {
        events: "/events".to_owned(),
        records: "/data".to_owned(),
        class: Some("/class".to_owned()),
        id: Some("/id".to_owned()),
        ..map(Format::Json)
    }
}

fn told(events: &Result<Events<'_>, Unreadable>) -> Vec<String> {
    let events = match events {
        Ok(events) => events,
        Err(reason) => return vec![reason.to_string()],
    };
    let record = |reading: &Reading<'_>| match &reading.content {
        Ok(record) => {
            let names: Vec<&str> = record.fields.iter().map(|(name, _)| name.as_ref()).collect();
            format!(
                "{} {} {}({})",
                reading.place.index,
                reading.place.reference,
                record.object,
                names.join(" ")
            )
        }
        Err(reason) => format!("{} {} {reason}", reading.place.index, reading.place.reference),
    };
    let one = |event: &Event<'_>| {
        let name = match &event.identity {
            Identity::Named(name) => name.replace('\n', "+"),
            Identity::Bytes(bytes) => format!("{} bytes", bytes.len()),
        };
        let said = match event.said {
            Said::Nothing => "-",
            Said::Class(class) => class.as_str(),
            Said::Other => "?",
        };
        format!("{name} {said}: {}", event.records.iter().map(record).collect::<Vec<_>>().join(", "))
    };
    events.list.iter().map(one).collect()
}

fn message<'a>(kind: &'a str, attributes: &'a [(String, String)], body: &'a str) -> Message<'a> {
    Message { content_type: Some(kind), attributes, body: body.as_bytes() }
}

fn check(map: &EventMap, kind: &str, attributes: &[(&str, &str)], body: &str, want: &[&str]) {
    let attributes: Vec<(String, String)> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let read = read(map, &message(kind, &attributes, body), &LIMITS);
    assert_eq!(told(&read), want, "{body}");
}

const JSON: &str = "application/json";

/// What nobody would judge and what is beside the records goes on with them: so it is seen.
#[test]
fn nothing_of_an_event_goes_on_unjudged() {
    let mark = format!("eosin1.{}", "a".repeat(120));
    let one = |event: &str| {
        let body = format!(r#"{{"events":[{event}]}}"#);
        let limits = Limits { body_bytes: 10_000, records: 20 };
        told(&read(&posted(), &message("application/json", &[], &body), &limits)).join("; ")
    };
    let label = "holds a label of another row; give that row as a record of its own";
    let place = "holds a mark outside the mark's place; see whether its cells have shifted";
    for (event, want) in [
        (r#"{"id":"1","class":"attested","data":{"family":"a","X":{"eosin_synthetic":true}}}"#.to_owned(), label),
        (format!(r#"{{"id":"1","class":"attested","data":{{"family":"a","Note":"{mark}"}}}}"#), place),
        (r#"{"id":"1","class":"attested","data":{"family":"a","X":{"resourceType":"Patient"}}}"#.to_owned(), "holds a FHIR resource"),
        (format!(r#"{{"id":"1","class":"attested","data":{{"family":"a"}},"before":"{mark}"}}"#), place),
        (r#"{"id":"1","class":"attested","data":{"family":"a"},"Eosin_Synthetic__c":true}"#.to_owned(), label),
        (r#"{"id":"1","class":"attested","data":{"family":"a"},"before":{"Phone":"1","Eosin_Mark__c":"m"}}"#.to_owned(), "event[0].beside[0] Contact(Phone)"),
    ] {
        assert!(one(&event).contains(want), "{event}: {}", one(&event));
    }
    let body =
        format!(r#"{{"events":[{{"data":{{"family":"a"}}}}],"others":[{{"Eosin_Mark__c":"{mark}"}}]}}"#);
    let limits = Limits { body_bytes: 10_000, records: 20 };
    assert_eq!(
        told(&read(&posted(), &message("application/json", &[], &body), &limits)),
        ["holds a record beside its events, which nobody judges"]
    );
}

#[test]
fn json_events_are_where_the_map_says() {
    let json = |map: &EventMap, body: &str, want: &[&str]| check(map, JSON, &[], body, want);
    json(&map(Format::Json), r#"{"family":"Bell"}"#, &["17 bytes -: 0 event[0] Contact(LastName)"]);
    json(
        &map(Format::Json),
        r#"[{"family":"Bell","Eosin_Subject__c":"attested"}, {"family":"B","Eosin_Synthetic__c":true}]"#,
        &[
            "47 bytes attested: 0 event[0] Contact(LastName)",
            "40 bytes synthetic: 1 event[1] Contact(LastName)",
        ],
    );
    json(
        &posted(),
        r#"{"events":[{"id":7,"class":"Synthetic","data":[{"family":"a"},{"Phone":"1"}]},{"data":{},"class":true}]}"#,
        &[
            "7 synthetic: 0 event[0].record[0] Contact(LastName), 1 event[0].record[1] Contact(Phone)",
            "24 bytes ?: 2 event[1] Contact()",
        ],
    );
    json(&posted(), r#"{"events":{"id":"e","class":"","data":[]}}"#, &["e -: "]);
    json(
        &posted(),
        r#"{"events":{"id":"e","data":[{"family":"a","b":{"family":"c","Eosin_Mark__c":"m"}},{"Phone":"1"}]}}"#,
        &[
            "e -: 0 event[0].record[0] Contact(LastName b), 1 event[0].record[0].within[0] Contact(LastName), \
           2 event[0].record[1] Contact(Phone)",
        ],
    );
}

#[test]
fn json_that_its_map_does_not_fit_is_refused_whole_or_unreadable_at_its_place() {
    let json = |map: &EventMap, body: &str, want: &[&str]| check(map, JSON, &[], body, want);
    json(&posted(), r#"{"other":1}"#, &["has nothing where its map in eosin.toml says the events are"]);
    json(&posted(), r#"{"events":[]}"#, &["holds no event"]);
    json(&posted(), "{", &["ends early, at line 1 column 1"]);
    json(
        &posted(),
        r#"{"events":[{"id":1}]}"#,
        &["1 -: 0 event[0] has nothing where its map in eosin.toml says the records are"],
    );
    json(&posted(), r#"{"events":[{"data":7}]}"#, &["10 bytes -: 0 event[0] is not an object"]);
    json(&map(Format::Json), &format!("[{}]", ["{}"; 6].join(",")), &["holds more than 5 records"]);
    let long = "x".repeat(10_001);
    json(&map(Format::Json), &long, &["is longer than 10000 bytes"]);
}

const CLOUD: &str = r#"{"specversion":"1.0","id":"1","source":"/crm","type":"contact.updated","eosinclass":"attested","time":"2026-11-22T08:00:00.5+01:00","data":{"family":"Bell"}}"#;

#[test]
fn cloudevents_are_read_in_three_modes() {
    let map = map(Format::CloudEvents);
    let want = "/crm+1 attested: 0 event[0] Contact(LastName)";
    check(&map, "application/cloudevents+json; charset=utf-8", &[], CLOUD, &[want]);
    let two = format!("[{CLOUD}, {}]", CLOUD.replace("attested", "synthetic"));
    let second = "/crm+1 synthetic: 1 event[1] Contact(LastName)";
    check(&map, "application/cloudevents-batch+json", &[], &two, &[want, second]);
    let attributes = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "/crm"),
        ("type", "contact.%C3%BCpdated"),
        ("eosinclass", "attested"),
    ];
    check(&map, JSON, &attributes, r#"{"family":"Bell"}"#, &[want]);
    check(&map, JSON, &attributes, "", &["/crm+1 attested: "]);
    let xml = "/crm+1 attested: 0 event[0] has data that is not JSON, which is not read here";
    check(&map, "text/xml", &attributes, "<a/>", &[xml]);
}

#[test]
fn a_cloudevent_that_is_none_says_why() {
    let map = map(Format::CloudEvents);
    let structured = |from: &str, to: &str, want: &str| {
        let body = CLOUD.replace(from, to);
        assert_ne!(body, CLOUD);
        check(&map, "application/cloudevents+json", &[], &body, &[want]);
    };
    structured("\"1.0\"", "\"0.3\"", "is of a version of CloudEvents that is not read here; send 1.0");
    structured("\"specversion\":\"1.0\",", "", "has no `specversion`");
    structured("\"id\":\"1\",", "", "lacks one of the attributes `id`, `source` and `type`");
    structured("\"id\":\"1\"", "\"id\":1", "has an attribute that should be text and is not");
    structured("/crm", "a b", "has a source that is no URI");
    structured("2026-11", "2026-1", "has a time that is not one of RFC 3339");
    structured("eosinclass", "eosin_class", "has an attribute whose name is not small letters and digits");
    structured("\"attested\"", "[]", "has an attribute that is neither text, number nor truth");
    structured("\"data\":", "\"data_base64\":\"e30=\",\"data\":", "has both `data` and `data_base64`");
    structured(
        "\"data\":{\"family\":\"Bell\"}",
        "\"data_base64\":\"e30=\"",
        "/crm+1 attested: 0 event[0] has its data in base64, which is not read here",
    );
    check(
        &map,
        "application/cloudevents+json",
        &[],
        "[]",
        &["is not what its content type says: one event or a batch"],
    );
    check(
        &map,
        "application/cloudevents+xml",
        &[],
        "{}",
        &["has events in a format that is not read here; send JSON"],
    );
    check(
        &map,
        JSON,
        &[],
        "{}",
        &["is no CloudEvent: it has neither its content type nor `ce-` header fields"],
    );
    check(
        &map,
        "application/cloudevents+json",
        &[("id", "1")],
        CLOUD,
        &["has its attributes in header fields and in its body"],
    );
}

fn outbound(rows: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001</OrganizationId><ActionId>04k000000000001</ActionId><SessionId>secret-session</SessionId><EnterpriseUrl>https://org.example/c</EnterpriseUrl><PartnerUrl>https://org.example/u</PartnerUrl>{rows}</notifications></soapenv:Body></soapenv:Envelope>"#
    )
}

fn row(id: &str, class: &str) -> String {
    format!(
        r#"<Notification><Id>{id}</Id><sObject xsi:type="sf:Contact" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>003000000000001AAA</sf:Id><sf:LastName>Bell</sf:LastName><sf:Eosin_Subject__c>{class}</sf:Eosin_Subject__c></sObject></Notification>"#
    )
}

#[test]
fn the_notifications_of_an_outbound_message_are_its_events() {
    let map = map(Format::OutboundMessage);
    let xml = |body: &str, want: &[&str]| check(&map, "text/xml; charset=utf-8", &[], body, want);
    xml(
        &outbound(&(row("04l1", "attested") + &row("04l2", "synthetic"))),
        &[
            "00D000000000001+04l1 attested: 0 notification[0] Contact(LastName)",
            "00D000000000001+04l2 synthetic: 1 notification[1] Contact(LastName)",
        ],
    );
    xml(&outbound(""), &["holds no event"]);
    xml(&outbound("<Notification/>"), &["has a notification without an id"]);
    xml(&outbound("<Notification><Id>1</Id></Notification>"), &["has a notification without a row"]);
    xml(&outbound("<Other/>"), &["has something beside its notifications that is not read here"]);
    xml(
        &outbound(&row("1", "x").replace("sf:Contact", "Contact")),
        &["00D000000000001+1 -: 0 notification[0] does not say its object in `xsi:type`"],
    );
    for (name, value) in [
        ("OrganizationId", "00D000000000001"),
        ("ActionId", "04k000000000001"),
        ("EnterpriseUrl", "https://org.example/c"),
        ("Id", "04l1"),
    ] {
        let nested = format!("<{name}><SessionId>{value}</SessionId></{name}>");
        let text = outbound(&row("04l1", "attested")).replace(&format!("<{name}>{value}</{name}>"), &nested);
        xml(&text, &["has elements where a value stands"]);
    }
    xml(
        &outbound(&row("1", "x").replace("Bell<", "<sf:a>Bell</sf:a><")),
        &["00D000000000001+1 -: 0 notification[0] has elements in a field, which nobody judges"],
    );
    let headed = outbound(&row("04l1", "attested"))
        .replace("<soapenv:Body>", "<soapenv:Header><a>Zzyzx</a></soapenv:Header><soapenv:Body>");
    xml(&headed, &["has a header in its envelope, which is not read here"]);
    xml("<a/>", &["is not an envelope of SOAP 1.1"]);
    xml(&outbound("").replace("notifications", "create"), &["is not an outbound message"]);
}

#[test]
fn what_cannot_be_read_is_passed_on_without_a_session_or_not_at_all() {
    let outbound_map = map(Format::OutboundMessage);
    let good = outbound(&row("04l1", "attested"));
    let (session, nil) = (
        "<SessionId>secret-session</SessionId>",
        r#"<SessionId xmlns="http://soap.sforce.com/2005/09/outbound" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>"#,
    );
    for (text, is_certain) in [
        (good.replace("<Id>04l1</Id>", ""), true),
        (good.replace(session, &session.repeat(2)), true),
        (good.replace("04k000000000001", session), true),
        (
            good.replace(
                "<soapenv:Body>",
                "<soapenv:Header><a><b:sessionId xmlns:b='c'><![CDATA[secret-session]]></b:sessionId></a></soapenv:Header><soapenv:Body>",
            ),
            true,
        ),
        (good.replace("<soapenv:Envelope", "<!DOCTYPE a [<!ENTITY b 'secret-session'>]><soapenv:Envelope"), false),
        (good.replace("<Notification>", "text<Notification>"), false),
        (good.replace("UTF-8", "UTF-7"), false),
        (good.replace("</SessionId>", ""), false),
    ] {
        let message = message("text/xml", &[], &text);
        assert!(read(&outbound_map, &message, &LIMITS).is_err(), "{text}");
        let sent = unread(&outbound_map, &message).map(|sent| String::from_utf8(sent.body).unwrap());
        assert_eq!(sent.is_some(), is_certain, "{text}");
        let sent = sent.unwrap_or_default();
        assert!(!sent.contains("secret-session") && sent.contains(nil) == is_certain, "{sent}");
    }
    let sent = unread(&posted(), &message(JSON, &[], "{"));
    assert_eq!(sent.map(|sent| sent.body), Some(b"{".to_vec()), "as it came");
}

#[test]
fn only_some_events_are_taken_byte_for_byte() {
    let only = |map: &EventMap, kind: &str, body: &str, kept: &[usize]| {
        let message = message(kind, &[], body);
        let events = read(map, &message, &LIMITS).unwrap();
        String::from_utf8(events.only(&message, &kept.iter().copied().collect()).body).unwrap()
    };
    let body = r#"{"v": 1, "events": [ {"id":1,"data":{}} , {"id":2, "data":{}}, {"id":3,"data":{}}]}"#;
    assert_eq!(
        only(&posted(), JSON, body, &[1, 2]),
        r#"{"v": 1, "events": [{"id":2, "data":{}},{"id":3,"data":{}}]}"#
    );
    let one = r#"{"events": {"id":1,"data":{}}}"#;
    assert_eq!(only(&posted(), JSON, one, &[0]), one);
    let soap = outbound(&(row("04l1", "attested") + &row("04l2", "synthetic")));
    let cut = only(&map(Format::OutboundMessage), "text/xml", &soap, &[1]);
    assert!(!cut.contains("secret-session") && !cut.contains("04l1") && cut.contains("04l2"), "{cut}");
    check(
        &map(Format::OutboundMessage),
        "text/xml",
        &[],
        &cut,
        &["00D000000000001+04l2 synthetic: 0 notification[0] Contact(LastName)"],
    );
}

#[test]
fn what_goes_back_to_an_org_is_what_an_org_understands() {
    assert!(acknowledged(acknowledgement(true).as_bytes()));
    assert!(!acknowledged(acknowledgement(false).as_bytes()));
    assert!(!acknowledged(fault("x", "no <way>").as_bytes()));
    assert!(!acknowledged(b""));
    assert!(!acknowledged(acknowledgement(true).replace("Ack>", "Nack>").as_bytes()));
}

#[test]
fn a_map_says_what_is_wrong_with_it() {
    let fault = |tweak: fn(&mut EventMap)| {
        let mut map = posted();
        tweak(&mut map);
        map.fault()
    };
    assert_eq!(fault(|_| {}), None);
    for tweak in [
        (|map| map.events = "events".to_owned()) as fn(&mut EventMap),
        |map| map.object = "a b".to_owned(),
        |map| map.fields = vec![(String::new(), "A".to_owned())],
        |map| map.id = Some("id".to_owned()),
        |map| map.class = Some("class".to_owned()),
        |map| map.format = Format::CloudEvents,
    ] {
        assert!(fault(tweak).is_some());
    }
    let cloud = |class: &str| EventMap { class: Some(class.to_owned()), ..map(Format::CloudEvents) }.fault();
    assert_eq!(cloud("kind"), None);
    assert!(cloud("id").is_some() && cloud("Kind").is_some() && cloud("").is_some());
}

proptest! {
    #[test]
    fn any_bytes_are_events_or_a_reason(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        kind in "application/(json|cloudevents\\+json|cloudevents-batch\\+json)|text/xml|",
    ) {
        for format in [Format::Json, Format::CloudEvents, Format::OutboundMessage] {
            let attributes = [("specversion".to_owned(), "1.0".to_owned())];
            let message = Message { content_type: Some(&kind), attributes: &attributes, body: &body };
            if let Ok(events) = read(&map(format), &message, &LIMITS) {
                prop_assert!(!events.list.is_empty());
            }
        }
    }

    /// Taking a message apart and reading the parts gives the events that the whole has.
    #[test]
    fn the_parts_of_a_message_are_its_events(
        names in proptest::collection::vec("[a-zé\"\\\\]{0,6}", 1..5),
        space in "[ \n]{0,2}",
        kept in proptest::collection::btree_set(0_usize..5, 1..4),
    ) {
        let items: Vec<String> = names
            .iter()
            .map(|name| format!("{{\"id\":{},\"data\":{{\"family\":{}}}}}", serde_json::json!(name), serde_json::json!(name)))
            .collect();
        let body = format!("{space}{{\"events\":[{}]}}", items.join(&format!(",{space}")));
        let whole = message(JSON, &[], &body);
        let events = read(&posted(), &whole, &LIMITS).unwrap();
        let kept: BTreeSet<usize> = kept.into_iter().filter(|at| *at < names.len()).collect();
        let outgoing = events.only(&whole, &kept);
        let part = Message { content_type: Some(JSON), attributes: &[], body: &outgoing.body };
        match read(&posted(), &part, &LIMITS) {
            Ok(read) => {
                let want: Vec<&Identity<'_>> = kept.iter().map(|at| &events.list[*at].identity).collect();
                let got: Vec<&Identity<'_>> = read.list.iter().map(|event| &event.identity).collect();
                // An event without a name of its own is told by its bytes, which the cut leaves as they are.
                prop_assert_eq!(got, want);
            }
            Err(_) => prop_assert!(kept.is_empty()),
        }
    }
}
