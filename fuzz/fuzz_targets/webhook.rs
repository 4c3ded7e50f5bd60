//! Messages of events: any bytes are events or a reason, and a part of a message holds just the events that it should.
#![no_main]

use std::collections::BTreeSet;

use carrier::{
    Limits,
    webhook::{EventMap, Format, Identity, Message, acknowledged, read},
};

const LIMITS: Limits = Limits { body_bytes: 4096, records: 100 };

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    let (format, content_type) = match choice % 5 {
        0 => (Format::Json, "application/json"),
        1 => (Format::CloudEvents, "application/cloudevents+json"),
        2 => (Format::CloudEvents, "application/cloudevents-batch+json"),
        3 => (Format::CloudEvents, "application/json"),
        _ => (Format::OutboundMessage, "text/xml"),
    };
    let map = EventMap {
        format,
        events: if choice & 0x80 == 0 { String::new() } else { "/events".to_owned() },
        records: if choice & 0x40 == 0 { String::new() } else { "/data/0".to_owned() },
        object: "Contact".to_owned(),
        fields: vec![("family".to_owned(), "LastName".to_owned())],
        class: None,
        id: (format == Format::Json).then(|| "/id".to_owned()),
    };
    let attributes = [("specversion", "1.0"), ("id", "1"), ("source", "/a"), ("type", "t")];
    let attributes: Vec<(String, String)> = if choice % 5 == 3 {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    } else {
        Vec::new()
    };
    let message = Message { content_type: Some(content_type), attributes: &attributes, body };
    let _ = acknowledged(body);
    let Ok(events) = read(&map, &message, &LIMITS) else { return };
    let kept: BTreeSet<usize> = (0..events.list.len()).filter(|at| (choice >> (at % 4)) & 1 == 1).collect();
    if kept.is_empty() {
        return;
    }
    let outgoing = events.only(&message, &kept);
    let part = Message { content_type: Some(content_type), attributes: &attributes, body: &outgoing.body };
    let again = read(&map, &part, &LIMITS).expect("a part of what can be read can be read");
    let name = |identity: &Identity<'_>| match identity {
        Identity::Named(name) => name.clone().into_bytes(),
        Identity::Bytes(bytes) => bytes.to_vec(),
    };
    let whole = events.list.len() == 1;
    let want: Vec<_> = if whole { vec![0] } else { kept.into_iter().collect() };
    assert_eq!(again.list.len(), want.len());
    for (at, event) in want.into_iter().zip(&again.list) {
        let was = &events.list[at];
        assert_eq!(name(&was.identity), name(&event.identity));
        assert_eq!((was.said, was.records.len()), (event.said, event.records.len()));
    }
});
