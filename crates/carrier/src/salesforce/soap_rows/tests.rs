//! Scenes and laws of rows in SOAP calls.

use mark::Claim;
use proptest::prelude::*;

use super::*;
use crate::{
    Door,
    salesforce::{
        Route, complete, merge as merge_any, read as read_any, refuse as refuse_any, route_by_body,
        withhold as withhold_any,
    },
};

const LIMITS: Limits = Limits { body_bytes: 100_000, records: 4 };
const PARTNER: &str = "/services/Soap/u/67.0/00D000000000001";
const ENTERPRISE: &str = "/services/Soap/c/67.0";

/// An envelope with prefixes as toolkits declare them.
fn envelope(header: &str, call: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:xsi="{XSI}"
        xmlns:urn="urn:partner.soap.sforce.com" xmlns:ens="urn:sobject.partner.soap.sforce.com"
        xmlns:e="urn:enterprise.soap.sforce.com" xmlns:o="urn:sobject.enterprise.soap.sforce.com">
        <soapenv:Header><urn:SessionHeader><urn:sessionId>x</urn:sessionId></urn:SessionHeader>{header}</soapenv:Header>
        <soapenv:Body>{call}</soapenv:Body></soapenv:Envelope>"#
    )
}

fn judged(target: &str, body: &str) -> Route {
    match route_by_body("POST", target, body.as_bytes()) {
        Door::Judged(route) => route,
        other @ (Door::Open | Door::Unknown) => panic!("{other:?} for {body}"),
    }
}

/// `whole` or `each`, and every row as its place, object and fields, or why it is none.
fn check(target: &str, header: &str, call: &str, want: &[&str]) {
    let body = envelope(header, call);
    let readings = read_any(&judged(target, &body), None, body.as_bytes(), &LIMITS);
    let mut got = vec![if readings.unit == Unit::Whole { "whole".to_owned() } else { "each".to_owned() }];
    got.extend(readings.records.iter().map(|reading| match &reading.content {
        Ok(record) => {
            let fields = record.fields.iter().map(|(name, value)| {
                value.text().map_or_else(|| format!("{name}:{value:?}"), |text| format!("{name}={text}"))
            });
            let fields: Vec<String> = fields.collect();
            let mark = record.mark.as_ref().map(|mark| format!(" mark {mark}")).unwrap_or_default();
            let claim = if record.claim == Claim::None { "" } else { " claims" };
            format!("{} {}: {}{mark}{claim}", reading.place.reference, record.object, fields.join("|"))
        }
        Err(reason) => format!("{}: {reason}", reading.place.reference),
    }));
    assert_eq!(got, want, "{call}");
}

#[test]
fn rows_in_the_namespace_that_jsforce_writes_are_read() {
    check(
        PARTNER,
        "",
        r#"<create xmlns="urn:partner.soap.sforce.com" xmlns:ns1="sobject.partner.soap.sforce.com"><ns1:sObjects><type>Contact</type><LastName>A</LastName></ns1:sObjects></create>"#,
        &["each", "sObjects[0] Contact: LastName=A"],
    );
}

#[test]
fn partner_rows_name_their_object_first() {
    check(
        PARTNER,
        "",
        "<urn:create><urn:sObjects><ens:type>Contact</ens:type><ens:fieldsToNull>Fax</ens:fieldsToNull><ens:fieldsToNull>Phone</ens:fieldsToNull><LastName>Bell</LastName><Eosin_Mark__c>eosin1.x</Eosin_Mark__c><Email/></urn:sObjects>
         <urn:sObjects xsi:type=\"ens:sObject\"><ens:type>Lead</ens:type><ens:Id>00Q</ens:Id><ens:Id>00Q</ens:Id><Type xsi:type=\"xsd:string\">a</Type><Account><ens:type>Account</ens:type><Ext__c>1</Ext__c></Account></urn:sObjects></urn:create>",
        &["each", "sObjects[0] Contact: Fax:null|Phone:null|LastName=Bell mark eosin1.x", "sObjects[1] Lead: Type=a"],
    );
    check(
        PARTNER,
        "",
        "<upsert xmlns=\"urn:partner.soap.sforce.com\"><externalIDFieldName>Ext__c</externalIDFieldName><sObjects><type>Contact</type><Ext__c>1</Ext__c><Eosin_Synthetic__c>true</Eosin_Synthetic__c></sObjects></upsert>",
        &["each", "sObjects[0] Contact: Ext__c=1 claims"],
    );
    check(
        PARTNER,
        "",
        "<urn:update><urn:sObjects><ens:type>Attachment</ens:type><Body>UEsDBA==</Body></urn:sObjects></urn:update>",
        &["each", "sObjects[0] Attachment: Body=UEsDBA=="],
    );
}

#[test]
fn enterprise_rows_are_of_their_type() {
    check(
        ENTERPRISE,
        "",
        "<e:create><e:sObjects xsi:type=\"o:Contact\"><o:LastName>Bell</o:LastName><o:Account xsi:type=\"o:Account\"><o:Ext__c>1</o:Ext__c></o:Account></e:sObjects>
         <e:sObjects xmlns:z=\"urn:sobject.enterprise.soap.sforce.com\" xsi:type=\"z:Lead\"><fieldsToNull>Phone</fieldsToNull></e:sObjects></e:create>",
        &["each", "sObjects[0] Contact: LastName=Bell", "sObjects[1] Lead: Phone:null"],
    );
    for (kind, inner) in [
        ("", "<o:LastName>Bell</o:LastName>"),
        ("xsi:type=\"Contact\"", "<o:LastName>Bell</o:LastName>"),
        ("xsi:type=\"ens:Contact\"", "<o:LastName>Bell</o:LastName>"),
        ("xsi:type=\"o:sObject\"", "<o:LastName>Bell</o:LastName>"),
        ("xsi:type=\"q:Contact\"", "<o:LastName>Bell</o:LastName>"),
        ("xsi:type=\"o:Contact\"", ""),
    ] {
        let row = if inner.is_empty() {
            format!("<e:sObjects {kind}/>")
        } else {
            format!("<e:sObjects {kind}>{inner}</e:sObjects>")
        };
        check(
            ENTERPRISE,
            "",
            &format!("<e:create>{row}</e:create>"),
            &["each", "sObjects[0]: does not say its object in `xsi:type`"],
        );
    }
}

#[test]
fn a_row_with_two_readings_is_none() {
    let row = |inner: &str, want: &str| {
        let call = format!("<urn:create><urn:sObjects>{inner}</urn:sObjects></urn:create>");
        check(PARTNER, "", &call, &["each", &format!("sObjects[0]: {want}")]);
    };
    let untyped = "does not name its object in a `type` in front of its fields";
    row("", untyped);
    row("<LastName>Bell</LastName>", untyped);
    row("<LastName>Bell</LastName><ens:type>Contact</ens:type>", untyped);
    row("<x:type xmlns:x='urn:x'>Contact</x:type>", untyped);
    row("<ens:type><b/></ens:type>", untyped);
    row("<ens:type xsi:nil='true'/>", untyped);
    row("<ens:type>../Contact</ens:type>", untyped);
    row("<ens:type>Contact</ens:type><ens:type>Lead</ens:type>", "names its object twice");
    let twice = "names a field twice, if upper and lower case are one";
    row("<ens:type>Contact</ens:type><LastName>a</LastName><ens:LastName>b</ens:LastName>", twice);
    row(
        "<ens:type>Contact</ens:type><ens:fieldsToNull>LastName</ens:fieldsToNull><LastName>b</LastName>",
        twice,
    );
    row("<ens:type>Contact</ens:type><Id>1</Id><Id>2</Id>", twice);
    let listed = "has a list of fields that is not plain names";
    row("<ens:type>Contact</ens:type><fieldsToNull/>", listed);
    row("<ens:type>Contact</ens:type><fieldsToNull>a b</fieldsToNull>", listed);
    row("<ens:type>Contact</ens:type><fieldsToNull xsi:nil='true'/>", listed);
    row(
        "<ens:type>Contact</ens:type><Cases><records><type>Case</type></records></Cases>",
        "holds rows within a row, which are not read here",
    );
    row(
        "<ens:type>Contact</ens:type><LastName href='#id1'/>",
        "has a field with an attribute that is not read here",
    );
    check(
        PARTNER,
        "",
        "<urn:create><urn:sObjects xsi:nil='true'/></urn:create>",
        &["each", "sObjects[0]: has an attribute that is not read here"],
    );
}

#[test]
fn a_call_with_two_readings_is_refused_whole() {
    let call = |call: &str, want: &str| check(PARTNER, "", call, &["whole", &format!("body: {want}")]);
    call("<urn:create><urn:other/></urn:create>", "has an argument that is not read here");
    call(
        "<urn:create><x:sObjects xmlns:x='urn:x'/></urn:create>",
        "has an argument in a namespace that is not Salesforce's",
    );
    call(
        "<urn:create><urn:externalIDFieldName>a</urn:externalIDFieldName></urn:create>",
        "has an argument that is not read here",
    );
    call(
        "<urn:upsert><urn:externalIDFieldName>a</urn:externalIDFieldName><urn:externalIDFieldName>b</urn:externalIDFieldName></urn:upsert>",
        "has an argument that is not read here",
    );
    call(&format!("<urn:create>{}</urn:create>", "<urn:sObjects/>".repeat(5)), "holds more than 4 records");
    call(
        "<urn:merge><urn:request><urn:other/></urn:request></urn:merge>",
        "has an argument that is not read here",
    );
}

#[test]
fn all_or_none_is_what_the_header_says() {
    let row = "<urn:create><urn:sObjects><ens:type>Contact</ens:type></urn:sObjects></urn:create>";
    for (header, unit) in [
        ("", "each"),
        ("<urn:AllOrNoneHeader><urn:allOrNone>false</urn:allOrNone></urn:AllOrNoneHeader>", "each"),
        ("<urn:AllOrNoneHeader><urn:allOrNone>true</urn:allOrNone></urn:AllOrNoneHeader>", "whole"),
        ("<urn:AllOrNoneHeader><urn:allOrNone>1</urn:allOrNone></urn:AllOrNoneHeader>", "whole"),
        ("<urn:AllOrNoneHeader/>", "whole"),
        (
            "<urn:AllOrNoneHeader><urn:allOrNone>false</urn:allOrNone><urn:allOrNone>true</urn:allOrNone></urn:AllOrNoneHeader>",
            "whole",
        ),
    ] {
        check(PARTNER, header, row, &[unit, "sObjects[0] Contact: "]);
    }
}

#[test]
fn calls_without_rows_have_no_records() {
    for (call, label) in [
        ("<urn:delete><urn:ids>003</urn:ids></urn:delete>", "soap delete"),
        ("<urn:undelete><urn:ids>003</urn:ids></urn:undelete>", "soap undelete"),
        ("<urn:emptyRecycleBin><urn:ids>003</urn:ids></urn:emptyRecycleBin>", "soap empty recycle bin"),
        ("<urn:query><urn:queryString>SELECT Id FROM Contact</urn:queryString></urn:query>", "soap query"),
        ("<urn:retrieve/>", "soap query"),
    ] {
        check(PARTNER, "", call, &["whole"]);
        assert_eq!(judged(PARTNER, &envelope("", call)).label(), label);
    }
    for request in ["urn:request", "urn:mergeRequests"] {
        let merge = format!(
            "<urn:merge><{request}><urn:masterRecord><ens:type>Contact</ens:type><LastName>Bell</LastName></urn:masterRecord><urn:recordToMergeIds>003</urn:recordToMergeIds></{request}></urn:merge>"
        );
        check(PARTNER, "", &merge, &["whole", "masterRecord[0] Contact: LastName=Bell"]);
    }
    check(
        PARTNER,
        "",
        "<urn:merge><urn:requests/></urn:merge>",
        &["whole", "body: has an argument that is not read here"],
    );
}

fn no() -> Refusal {
    Refusal { code: "EOSIN_BLOCKED".to_owned(), message: "no <such> & co".to_owned() }
}

const ROW: &str = "<urn:sObjects><ens:type>Contact</ens:type><LastName>Bell</LastName></urn:sObjects>";

#[test]
fn refused_rows_are_taken_out_and_come_back_as_results() {
    let other = "<urn:sObjects><ens:type>Contact</ens:type><LastName>Ode</LastName></urn:sObjects>";
    let body = envelope(
        "",
        &format!(
            "<urn:upsert><urn:externalIDFieldName>Id</urn:externalIDFieldName>{ROW}{other}{ROW}</urn:upsert>"
        ),
    );
    let route = judged(PARTNER, &body);
    let refusals = complete(&route, body.as_bytes(), &[(0, no()), (2, no())].into());
    let sent = withhold_any(&route, body.as_bytes(), &refusals).unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), body.replace(ROW, ""));
    let answer = |results: &str| {
        format!(
            r#"<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns="urn:partner.soap.sforce.com"><soapenv:Body><upsertResponse>{results}</upsertResponse></soapenv:Body></soapenv:Envelope>"#
        )
    };
    let theirs = "<result><created>true</created><id>003A</id><success>true</success></result>";
    let ours = format!(
        "<result xmlns=\"urn:partner.soap.sforce.com\" xmlns:xsi=\"{XSI}\"><created>false</created><errors><fields>Eosin_Mark__c</fields><message>EOSIN_BLOCKED: no &lt;such&gt; &amp; co</message><statusCode>FIELD_CUSTOM_VALIDATION_EXCEPTION</statusCode></errors><id xsi:nil=\"true\"/><success>false</success></result>"
    );
    let merged = merge_any(&route, body.as_bytes(), answer(theirs).as_bytes(), &refusals).unwrap();
    assert_eq!(String::from_utf8(merged).unwrap(), answer(&format!("{ours}{theirs}{ours}")));
    for odd in [
        answer(""),
        answer(&format!("{theirs}{theirs}")),
        answer("<result/>"),
        answer(theirs).replace("upsertResponse", "createResponse"),
        answer("<soapenv:Fault/>"),
        String::new(),
    ] {
        assert_eq!(merge_any(&route, body.as_bytes(), odd.as_bytes(), &refusals), None, "{odd}");
    }
    let all = (0..3).map(|at| (at, no())).collect();
    assert_eq!(withhold_any(&route, body.as_bytes(), &all), None);
    let refused = refuse_any(&route, body.as_bytes(), &all);
    assert_eq!(refused.status, 200);
    assert_eq!(String::from_utf8(refused.body).unwrap().matches(ours.as_str()).count(), 3);
}

#[test]
fn all_or_none_rolls_the_others_back() {
    let header = "<urn:AllOrNoneHeader><urn:allOrNone>true</urn:allOrNone></urn:AllOrNoneHeader>";
    let body = envelope(header, &format!("<urn:create>{ROW}{ROW}</urn:create>"));
    let route = judged(PARTNER, &body);
    let refusals = [(1, no())].into();
    assert_eq!(withhold_any(&route, body.as_bytes(), &refusals), None);
    let answer = String::from_utf8(refuse_any(&route, body.as_bytes(), &refusals).body).unwrap();
    let first = answer.find("<statusCode>ALL_OR_NONE_OPERATION_ROLLED_BACK</statusCode>").unwrap();
    let second = answer.find("<statusCode>FIELD_CUSTOM_VALIDATION_EXCEPTION</statusCode>").unwrap();
    assert!(first < second && answer.contains("<createResponse>"), "{answer}");
}

#[test]
fn a_call_without_results_is_refused_with_a_fault() {
    let body = envelope("", "<urn:delete><urn:ids>003</urn:ids></urn:delete>");
    let answer = refuse_any(&judged(PARTNER, &body), body.as_bytes(), &[(0, no())].into());
    assert_eq!((answer.status, answer.content_type), (500, "text/xml;charset=UTF-8"));
    let text = String::from_utf8(answer.body).unwrap();
    for said in [
        "<faultcode>sf:EOSIN_BLOCKED</faultcode>",
        "<faultstring>EOSIN_BLOCKED: no &lt;such&gt; &amp; co</faultstring>",
        "<sf:exceptionCode>INSUFFICIENT_ACCESS</sf:exceptionCode>",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let said = |target: &str, content_type, status| {
        let answer = crate::salesforce::error_at(target, content_type, status, &no());
        (answer.status, answer.content_type)
    };
    let read = |target: &str, status| said(target, None, status);
    assert_eq!(read("/services/soap/class/Mine", 403), (500, "text/xml;charset=UTF-8"));
    assert_eq!(read(PARTNER, 503), (503, "text/xml;charset=UTF-8"));
    assert_eq!(read(PARTNER, 400), (500, "text/xml;charset=UTF-8"));
    assert_eq!(read("/services/Soap/u/60.0#", 400), (500, "text/xml;charset=UTF-8"));
    let json = Some("application/json");
    assert_eq!(said("/services/async/40.0/job", json, 403), (403, "application/json;charset=UTF-8"));
    assert_eq!(read("/services/async/40.0/job", 403), (403, "application/xml;charset=UTF-8"));
    assert_eq!(read("/services/data/v67.0/sobjects/Contact", 403), (403, "application/json;charset=UTF-8"));
    assert_eq!(read("/a#b", 403), (403, "application/json;charset=UTF-8"));
}

proptest! {
    /// A row says the same in every edition of the API as in JSON.
    #[test]
    fn editions_agree(fields in proptest::collection::btree_map("[A-Z][a-z]{1,5}__c", proptest::option::of("[ -~é😀]{1,8}"), 0..5)) {
        let elements = |prefix: &str| {
            let field = |(name, value): (&String, &Option<String>)| match value {
                Some(text) => format!("<{prefix}{name}>{}</{prefix}{name}>", escaped(text)),
                None => format!("<{prefix}fieldsToNull>{name}</{prefix}fieldsToNull>"),
            };
            fields.iter().map(field).collect::<String>()
        };
        let partner = envelope("", &format!("<urn:create><urn:sObjects><ens:type>X__c</ens:type>{}</urn:sObjects></urn:create>", elements("")));
        let enterprise = envelope("", &format!("<e:create><e:sObjects xsi:type='o:X__c'>{}<o:Id>1</o:Id></e:sObjects></e:create>", elements("o:")));
        let json = serde_json::to_string(&fields).unwrap();
        let Door::Judged(plain) = super::super::route("POST", "/services/data/v67.0/sobjects/X__c", None) else { panic!("judged") };
        let mut found = [(judged(PARTNER, &partner), &partner), (judged(ENTERPRISE, &enterprise), &enterprise), (plain, &json)].map(|(route, body)| {
            let mut records = read_any(&route, None, body.as_bytes(), &LIMITS).records;
            let mut record = records.remove(0).content.unwrap();
            record.fields.sort_by(|one, other| one.0.cmp(&other.0));
            format!("{} {:?}", record.object, record.fields)
        });
        found.sort();
        prop_assert_eq!(&found[0], &found[1]);
        prop_assert_eq!(&found[0], &found[2]);
    }

    #[test]
    fn every_row_is_sent_on_or_refused(total in 1_usize..5, refused in proptest::collection::btree_set(0_usize..5, 0..5)) {
        let row = |at: usize| format!("<urn:sObjects><ens:type>Contact</ens:type><LastName>{at}</LastName></urn:sObjects>");
        let body = envelope("", &format!("<urn:create>{}</urn:create>", (0..total).map(row).collect::<String>()));
        let route = judged(PARTNER, &body);
        let refusals: BTreeMap<usize, Refusal> = refused.into_iter().filter(|at| *at < total).map(|at| (at, no())).collect();
        prop_assume!(!refusals.is_empty());
        let sent = withhold_any(&route, body.as_bytes(), &refusals);
        let kept: Vec<usize> = (0..total).filter(|at| !refusals.contains_key(at)).collect();
        prop_assert_eq!(sent.is_some(), !kept.is_empty());
        if let Some(sent) = sent {
            let records = read_any(&route, None, &sent, &LIMITS).records;
            let names: Vec<_> = records.iter().map(|row| row.content.as_ref().unwrap().fields[0].1.text().unwrap().to_owned()).collect();
            prop_assert_eq!(names, kept.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }

    #[test]
    fn any_markup_is_rows_or_unreadable(inner in "[<>/a-zA-Z:&;'\" =]{0,60}", answer in proptest::collection::vec(any::<u8>(), 0..40)) {
        let body = envelope("", &format!("<urn:create>{ROW}{inner}</urn:create>"));
        let route = Route::Soap(Soap { call: Call::Create, edition: Edition::Partner });
        let _ = read_any(&route, None, body.as_bytes(), &LIMITS);
        let refusals = [(0, no())].into();
        let _ = (merge_any(&route, body.as_bytes(), &answer, &refusals), refuse_any(&route, body.as_bytes(), &refusals));
    }
}
