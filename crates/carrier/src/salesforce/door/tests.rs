//! Scenes and laws of the router.

use proptest::prelude::*;

use super::*;

const BASE: &str = "/services/data/v67.0";

/// `open`, `unknown`, or the label and object of a judged route.
fn name(door: &Door<Route>) -> String {
    match door {
        Door::Open => "open".to_owned(),
        Door::Unknown => "unknown".to_owned(),
        Door::Judged(route) => match route.object() {
            Some(object) => format!("{} {object}", route.label()),
            None => route.label().to_owned(),
        },
    }
}

fn check(rows: &[(&str, &str, &str)]) {
    for (method, target, want) in rows {
        let target =
            if target.starts_with('~') { target.replacen('~', BASE, 1) } else { (*target).to_owned() };
        assert_eq!(name(&route(method, &target, None)), *want, "{method} {target}");
    }
}

#[test]
fn writes_on_rows_are_judged() {
    check(&[
        ("POST", "~/sobjects/Contact", "sobjects create Contact"),
        ("POST", "~/sobjects/Contact/", "sobjects create Contact"),
        ("POST", "~/sobjects/Contact/?a=b", "sobjects create Contact"),
        ("POST", "//services/data/v67.0//sobjects/Contact", "sobjects create Contact"),
        ("post", "/SERVICES/Data/V67.0/SObjects/contact", "sobjects create contact"),
        ("POST", "/services/data/v67.0/%73objects/Contact", "sobjects create Contact"),
        ("POST", "/services/data/v67.0/query/../sobjects/Contact", "sobjects create Contact"),
        ("POST", "https://org.example/services/data/v67.0/sobjects/Contact", "sobjects create Contact"),
        ("POST", "/d.salesforce.com/services/data/v67.0/sobjects/Contact", "sobjects create Contact"),
        ("PATCH", "~/sobjects/Contact/003000000000001AAA", "sobjects update Contact"),
        ("PATCH", "~/sobjects/Contact/003000000000001", "sobjects update Contact"),
        ("PATCH", "~/sobjects/Contact/@{ref.id}", "sobjects update Contact"),
        ("DELETE", "~/sobjects/Contact/003000000000001AAA", "sobjects delete Contact"),
        ("DELETE", "~/sobjects/Contact/Ext__c/17", "sobjects delete Contact"),
        ("PATCH", "~/sobjects/Contact/Ext__c/17", "sobjects upsert Contact"),
        ("POST", "~/sobjects/Contact/Ext__c/a%2Fb", "sobjects upsert Contact"),
        ("PATCH", "~/sobjects/Contact/Id", "sobjects upsert Contact"),
    ]);
}

#[test]
fn writes_of_many_are_judged() {
    check(&[
        ("POST", "~/composite/sobjects", "collections create"),
        ("PATCH", "~/composite/sobjects/", "collections update"),
        ("DELETE", "~/composite/sobjects?ids=1,2&allOrNone=true", "collections delete"),
        ("PATCH", "~/composite/sobjects/Account/Ext__c", "collections upsert Account"),
        ("POST", "~/composite", "composite"),
        ("POST", "~/composite/graph", "composite graph"),
        ("POST", "~/composite/batch/", "composite batch"),
        ("POST", "~/composite/tree/Account", "composite tree Account"),
        ("POST", "~/jobs/ingest", "bulk job"),
        ("PUT", "~/jobs/ingest/750000000000001AAA/batches", "bulk upload"),
        ("PUT", "~/jobs/ingest/750000000000001/batches/", "bulk upload"),
    ]);
}

#[test]
fn reads_logins_and_job_states_are_open() {
    check(&[
        ("GET", "/", "open"),
        ("GET", "~/query?q=SELECT+Id+FROM+Contact", "open"),
        ("HEAD", "~/sobjects/Contact", "open"),
        ("OPTIONS", "*", "open"),
        ("POST", "/services/oauth2/token", "open"),
        ("POST", "/d.salesforce.com/services/oauth2/token", "open"),
        ("POST", "~/composite/sobjects/Contact", "open"),
        ("PATCH", "~/jobs/ingest/750000000000001AAA", "open"),
        ("DELETE", "~/jobs/ingest/750000000000001AAA", "open"),
        ("POST", "~/jobs/query", "open"),
        ("POST", "~/parameterizedSearch", "open"),
        ("POST", "~/tooling/runTestsAsynchronous", "open"),
        ("GET", "~/ui-api/records/003000000000001AAA?fields=Contact.Name", "open"),
        ("GET", "/services/apexrest/anything", "open"),
        ("OPTIONS", "~/graphql", "open"),
        ("GET", "/static/x;jsessionid=1", "open"),
        ("POST", "//services/async/67.0/job", "open"),
        ("POST", "/services/async/67.0/job/750000000000001AAA", "open"),
        ("GET", "/services/async/67.0/job/750000000000001AAA/batch", "open"),
    ]);
}

#[test]
fn other_writes_are_unknown() {
    check(&[
        ("POST", "/", "unknown"),
        ("BREW", "~/sobjects/Contact", "unknown"),
        ("PUT", "~/sobjects/Contact", "unknown"),
        ("POST", "~/sobjects/Contact/003000000000001AAA/Cases", "unknown"),
        ("PATCH", "~/sobjects/Contact/003000000000001AAA/Account", "unknown"),
        ("POST", "~/sobjects/Contact/quickActions/New", "unknown"),
        ("POST", "~/sobjects/Con%2Ftact", "unknown"),
        ("POST", "~/sobjects/Contact/Ext__c/..%2F..%2F..%2Fcomposite", "unknown"),
        ("POST", "~/%2573objects/Contact", "unknown"),
        ("POST", "~/sobjects;x/Contact", "unknown"),
        ("POST", "/services/data/latest/sobjects/Contact", "unknown"),
        ("POST", "~/composite/batch/x", "unknown"),
        ("GET", "~/graphql?query=mutation", "unknown"),
        ("HEAD", "~/graphql", "unknown"),
        ("PUT", "~/ui-api/records", "unknown"),
        ("POST", "~/ui-api/actions/perform-actions/x", "unknown"),
        ("PATCH", "~/ui-api/records/batch", "unknown"),
        ("POST", "~/actions/standard/emailSimple", "unknown"),
        ("POST", "~/tooling/sobjects/SandboxInfo", "unknown"),
        ("POST", "~/tooling/sobjects/ApexExecutionOverlayAction", "unknown"),
        ("POST", "~/tooling/composite", "unknown"),
        ("POST", "/services/apexrest/anything", "unknown"),
        ("GET", "~/tooling/executeAnonymous/?anonymousBody=x", "unknown"),
        ("POST", "/services/apexrest/services/oauth2/token", "unknown"),
        ("POST", "/services/async/67.0/job/750000000000001AAA/batch", "unknown"),
        ("POST", "/services/async/67.0/job/750000000000001AAA/spec", "unknown"),
        ("PUT", "/services/async/67.0/job/750000000000001AAA/batch", "unknown"),
        ("POST", "/services/async/x/job", "unknown"),
        ("POST", "/services/Soap/u/67.0", "unknown"),
        ("PUT", "~/jobs/ingest/x/batches", "unknown"),
        ("GET", "~/query#/sobjects", "unknown"),
    ]);
}

#[test]
fn writes_through_other_apis_are_judged() {
    check(&[
        ("POST", "~/ui-api/records", "ui-api create"),
        ("POST", "~/ui-api/records/?a=b", "ui-api create"),
        ("POST", "~/ui-api/records/batch", "ui-api batch"),
        ("PATCH", "~/ui-api/records/003000000000001AAA", "ui-api update"),
        ("DELETE", "~/UI-API/Records/003000000000001AAA", "ui-api delete"),
        ("POST", "~/ui-api/records/003000000000001AAA?_HttpMethod=PATCH", "ui-api update"),
        ("POST", "~/graphql", "graphql"),
        ("POST", "~/sobjects/Alarm__e", "platform event Alarm__e"),
        ("POST", "~/metadata/deployRequest", "metadata deploy"),
        ("POST", "~/tooling/sobjects/ApexClass", "tooling create"),
        ("PATCH", "~/tooling/sobjects/CustomField/00N000000000001AAA", "tooling update"),
        ("DELETE", "~/tooling/sobjects/TraceFlag/7tf000000000001AAA", "tooling delete"),
    ]);
    let map = |method: &str| {
        let map = crate::salesforce::ApexMap {
            path: "/patients/*".to_owned(),
            method: method.to_owned(),
            object: "Contact".to_owned(),
            records: String::new(),
            fields: Vec::new(),
        };
        Doors { apex: vec![map.into()], ..Doors::default() }
    };
    for (method, target, want) in [
        ("POST", "/services/apexrest/Patients/7/", "apex rest"),
        ("POST", "/services/apexrest/patients/%37?a=b", "apex rest"),
        ("POST", "/services/apexrest/patients/7;x=y", "unknown"),
        ("POST", "/services/apexrest/patients/%2537", "unknown"),
        ("POST", "/services/apexrest/patients/7%2F..%2F8", "unknown"),
        ("PUT", "/services/apexrest/patients/7", "unknown"),
        ("POST", "/services/apexrest/patients/7?_HttpMethod=PUT", "unknown"),
        ("POST", "/services/apexrest/patients", "unknown"),
        ("GET", "/services/apexrest/patients/7", "open"),
    ] {
        assert_eq!(name(&route_at(method, target, None, &map("POST"))), want, "{method} {target}");
    }
}

/// Every spelling that some server could read as another route than is found here: refused, or sent on in one form.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of scenes")]
fn a_hostile_target_is_refused_or_respelled() {
    let value = "~/sobjects/Contact/Ext__c";
    let table: &[(&str, &str, &str, Option<&str>)] = &[
        // Sent on as it was judged.
        (
            "POST",
            "//services///data/v67.0/sobjects/Contact//",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        (
            "POST",
            "/services/data/v67.0/./query/%2e%2E/sobjects/Contact",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        ("POST", "~/%73objects/Cont%61ct?x=%41", "sobjects create Contact", Some("~/sobjects/Contact?x=%41")),
        (
            "POST",
            "https://elsewhere.example/services/data/v67.0/sobjects/Contact",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        (
            "POST",
            "HTTPS://user@elsewhere.example:1/services/data/v67.0/sobjects/Contact",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        (
            "POST",
            "/d.salesforce.com/services/data/v67.0/sobjects/Contact",
            "sobjects create Contact",
            Some("/d.salesforce.com/services/data/v67.0/sobjects/Contact"),
        ),
        ("POST", "~/sOBJECTS/contact", "sobjects create contact", Some("~/sOBJECTS/contact")),
        (
            "PATCH",
            &format!("{value}/a%2Fb%3Bc%20."),
            "sobjects upsert Contact",
            Some("~/sobjects/Contact/Ext__c/a%2Fb%3Bc%20."),
        ),
        (
            "PATCH",
            &format!("{value}/services"),
            "sobjects upsert Contact",
            Some("~/sobjects/Contact/Ext__c/services"),
        ),
        (
            "GET",
            "~/query/?q=SELECT+Name+FROM+Contact+WHERE+Name+LIKE+'%2525a'",
            "open",
            Some("~/query?q=SELECT+Name+FROM+Contact+WHERE+Name+LIKE+'%2525a'"),
        ),
        ("GET", "/secur//frontdoor.jsp", "open", None),
        // Matrix parameters.
        ("POST", "~/sobjects;x=y/Contact", "unknown", None),
        ("POST", "~/sobjects/Contact;x=y", "unknown", None),
        ("POST", "/services;x/data/v67.0/sobjects/Contact", "unknown", None),
        ("PATCH", &format!("{value}/a;b"), "unknown", None),
        ("GET", "~/tooling/executeAnonymous;x=y?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/executeAnonymous%3Bx?anonymousBody=z", "unknown", None),
        // Decoded twice.
        ("POST", "~/%2573objects/Contact", "unknown", None),
        ("GET", "~/tooling/%2565xecuteAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling%252FexecuteAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "/%2573ervices/data/v67.0/sobjects/Contact", "unknown", None),
        ("GET", "/services;x/data/v67.0/tooling/executeAnonymous", "unknown", None),
        ("GET", "/services%2Fdata/v67.0/tooling/executeAnonymous", "unknown", None),
        ("GET", "/services./data/v67.0/tooling/executeAnonymous", "unknown", None),
        ("GET", "~/query?q=a&%255FHttpMethod=POST", "unknown", None),
        ("GET", "~/query?q=a;_HttpMethod=POST", "unknown", None),
        // Dots, spaces and slashes that a file system or another server would trim.
        ("POST", "~/sobjects/Contact.", "unknown", None),
        ("POST", "~/sobjects./Contact", "unknown", None),
        ("GET", "~/tooling/executeAnonymous.?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/executeAnonymous%20?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling%2FexecuteAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling%5CexecuteAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling\\executeAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/..%2Ftooling/executeAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/..;/tooling/executeAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/execute%EF%BC%A1nonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/execute%00Anonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/execute%0AAnonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/execut%u0065Anonymous?anonymousBody=z", "unknown", None),
        ("GET", "~/tooling/executeAnonymous#?anonymousBody=z", "unknown", None),
        // Several `services`, versions that are none, targets that are no path.
        ("POST", "/services/oauth2/services/data/v67.0/sobjects/Contact", "unknown", None),
        (
            "POST",
            "/services/oauth2/../data/v67.0/sobjects/Contact",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        (
            "POST",
            "/services/data/v67.0.0/sobjects/Contact",
            "unknown",
            Some("/services/data/v67.0.0/sobjects/Contact"),
        ),
        ("POST", "/services/data/v67./sobjects/Contact", "unknown", None),
        (
            "POST",
            "/services/data/v..67/sobjects/Contact",
            "unknown",
            Some("/services/data/v..67/sobjects/Contact"),
        ),
        (
            "POST",
            "/services/data/v6700000/sobjects/Contact",
            "unknown",
            Some("/services/data/v6700000/sobjects/Contact"),
        ),
        (
            "POST",
            "/services/data/vv67.0/sobjects/Contact",
            "unknown",
            Some("/services/data/vv67.0/sobjects/Contact"),
        ),
        ("POST", "/services/data/v67.0/services/data/v67.0/sobjects/Contact", "unknown", None),
        ("POST", "*", "unknown", None),
        (
            "POST",
            "services/data/v67.0/sobjects/Contact",
            "sobjects create Contact",
            Some("~/sobjects/Contact"),
        ),
        ("POST", "?_HttpMethod=GET", "unknown", None),
    ];
    for (method, target, want, sent) in table {
        let full =
            |text: &str| if text.starts_with('~') { text.replacen('~', BASE, 1) } else { text.to_owned() };
        assert_eq!(name(&route(method, &full(target), None)), *want, "{method} {target}");
        let normal = normal_target(&full(target));
        assert_eq!(normal, sent.map(full), "{method} {target}");
        if let Some(normal) = normal {
            assert_eq!(name(&route(method, &normal, None)), *want, "{method} {target} as sent on");
        }
    }
}

#[test]
fn an_override_never_opens_a_door() {
    let check = |method: &str, target: &str, header: Option<&str>, want: &str| {
        let got = route(method, &target.replacen('~', BASE, 1), header);
        assert_eq!(name(&got), want, "{method} {target} {header:?}");
    };
    let row = "~/sobjects/Contact/003000000000001AAA";
    check("POST", &format!("{row}?_HttpMethod=PATCH"), None, "sobjects update Contact");
    check("POST", &format!("{row}?_httpmethod=patch"), None, "sobjects update Contact");
    check("POST", &format!("{row}?%5FHttpMethod=PATCH"), Some("patch"), "sobjects update Contact");
    check("POST", row, Some("PATCH"), "sobjects update Contact");
    check("POST", &format!("{row}?_HttpMethod=DELETE"), None, "sobjects delete Contact");
    check("POST", "~/composite/sobjects?_HttpMethod=PATCH", None, "collections update");
    check("POST", "~/sobjects/Contact/Ext__c/1?_HttpMethod=PATCH", None, "sobjects upsert Contact");
    check("POST", "~/sobjects/Contact?_HttpMethod=GET", None, "unknown");
    check("POST", "~/sobjects/Contact", Some("GET"), "unknown");
    check("GET", "~/sobjects/Contact?_HttpMethod=POST", None, "sobjects create Contact");
    check("GET", "~/sobjects/Contact?_HttpMethod=GET", None, "open");
    check("GET", "~/sobjects/Contact", Some("nonsense"), "unknown");
    check("POST", &format!("{row}?_HttpMethod=PATCH&_HttpMethod=GET"), None, "unknown");
    check("POST", &format!("{row}?_HttpMethod=PATCH"), Some("DELETE"), "unknown");
    check("POST", "~/composite/sobjects/Contact?_HttpMethod=PATCH", None, "unknown");
    check("DELETE", &format!("{row}?_HttpMethod=PATCH"), None, "unknown");
}

#[test]
fn nothing_a_target_holds_is_shown() {
    let door = route("PATCH", &format!("{BASE}/sobjects/Contact/Email/zzyzx@example.org"), None);
    assert!(!format!("{door:?}").contains("zzyzx"), "{door:?}");
    assert_eq!(name(&door), "sobjects upsert Contact");
}

proptest! {
    /// However a write's target is spelled, it is not open.
    #[test]
    fn no_spelling_opens_a_write(
        path in prop::sample::select(vec!["sobjects/Contact", "composite/sobjects", "composite", "composite/tree/Contact"]),
        spelling in proptest::collection::vec((any::<bool>(), any::<bool>(), 0_u8..6), 60),
    ) {
        let plain = format!("{BASE}/{path}");
        let mut target = String::new();
        for (letter, (upper, escape, extra)) in plain.chars().zip(&spelling) {
            match (letter, extra) {
                ('/', 0) => target.push_str("//"),
                ('/', 1) => target.push_str("/./"),
                ('/', 2) => target.push_str("/x/../"),
                (letter, _) if *escape && letter != '/' => {
                    let escape = format!("%{:02x}", u32::from(letter));
                    target.push_str(&escape);
                },
                (letter, _) if *upper => target.push(letter.to_ascii_uppercase()),
                (letter, _) => target.push(letter),
            }
        }
        let judged = matches!(route("POST", &target, None), Door::Judged(_));
        prop_assert!(judged, "{target}");
    }

    #[test]
    fn any_request_has_a_door(
        method in "[A-Z]{0,8}|\\PC{0,6}",
        target in "\\PC{0,60}|/services/data/v1/[a-z/@{}._%0-9?=]{0,40}",
        header in proptest::option::of("\\PC{0,8}"),
    ) {
        let door = route(&method, &target, header.as_deref());
        let reads = ["GET", "HEAD", "OPTIONS"].iter().any(|read| method.eq_ignore_ascii_case(read));
        if let Door::Open = door && !reads {
            prop_assert!(!target.to_ascii_lowercase().contains("sobjects") || target.contains("composite"), "{method} {target}");
        }
    }
}
