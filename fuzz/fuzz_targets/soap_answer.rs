//! A SOAP answer of any bytes: the ids that it lists and those that it tells of are found or it is refused; without every other of
//! those it lists the rest is left, in order, and without all that it tells of it tells of none.
#![no_main]

use carrier::salesforce::{RecordId, cut, replaced, soap_changes, soap_locator, soap_told};

const ROWS_MAX: usize = 1000;
const ENVELOPE: &str = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:o="urn:sobject.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, inner)) = bytes.split_first() else { return };
    // As for calls: an even first byte puts the bytes into an envelope, where more is reached.
    let wrapped = [ENVELOPE.as_bytes(), inner, b"</s:Body></s:Envelope>"].concat();
    let answer = if pick % 2 == 1 { inner } else { wrapped.as_slice() };
    let _ = soap_locator(answer);
    if let Ok(listed) = soap_changes(answer, ROWS_MAX) {
        assert!(listed.len() <= ROWS_MAX);
        let gone = listed.iter().step_by(2).map(|(_, at)| at.clone()).collect();
        let left =
            soap_changes(&cut(answer, gone), ROWS_MAX).expect("a list without some of its rows is one");
        let ids = |listed: &[(RecordId, _)]| listed.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        let others: Vec<RecordId> = ids(&listed).into_iter().skip(1).step_by(2).collect();
        assert_eq!(ids(&left), others, "just the others are listed, in order");
    }
    if let Ok(told) = soap_told(answer, ROWS_MAX) {
        // As the gateway does it: rows that came along go, ids in the words of errors become others.
        let related = told.related.iter().map(|(_, at)| (at.clone(), ""));
        let named = told.named.iter().map(|(_, at)| (at.clone(), "(not shown)"));
        let places = related.chain(named).collect();
        let left = soap_told(&replaced(answer, places), ROWS_MAX).expect("an answer that tells less is one");
        assert!(left.related.is_empty() && left.named.is_empty(), "nothing is told of what was taken out");
    }
});
