//! Marks and labels that stand where nobody looks for them: nothing passes as content.

use super::*;

/// What is no table of one column, or holds a mark that an export wrapped, is not passed over as content.
#[test]
fn what_looks_like_columns_or_holds_a_mark_is_no_content() {
    let mark = format!("eosin1.{}", "aB3-_x".repeat(40));
    let refuses = |text: &str, name: &str, want: &str| {
        let format = match sniff(text.as_bytes(), name, None) {
            Ok(format) => format,
            Err(reason) => return assert!(reason.to_string().contains(want), "{text}: {reason}"),
        };
        let all = said(text.as_bytes(), &format, LIMITS);
        assert!(all.iter().all(|one| one.contains(want)) && !all.is_empty(), "{text}: {all:?}");
    };
    for wrapped in [
        format!("'{mark}"),
        format!("=\"\"{mark}\"\""),
        format!("\u{feff}{mark}"),
        format!("\u{200b}{mark}"),
        format!("see {mark}."),
        format!("{{\"\"eosin_mark\"\":\"\"{mark}\"\"}}"),
    ] {
        refuses(&format!("first,note\nAnn,\"{wrapped}\"\n"), "people.csv", "outside the mark's place");
        refuses(
            &format!("FirstName,Description\nAnn,\"{wrapped}\"\n"),
            "Contact.csv",
            "outside the mark's place",
        );
        refuses(
            &format!(
                "{{\"attributes\":{{\"type\":\"Contact\"}},\"A\":\"{}\"}}",
                wrapped.replace("\"\"", "\\\"")
            ),
            "Contact.json",
            "outside the mark's place",
        );
        refuses(
            &format!(
                "{{\"resourceType\":\"Basic\",\"author\":{{\"display\":\"{}\"}}}}",
                wrapped.replace("\"\"", "\\\"")
            ),
            "b.json",
            "outside the mark's place",
        );
        refuses(
            &format!("MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5\rNTE|1||{wrapped}\r"),
            "a.hl7",
            "outside the mark's place",
        );
    }
    for (text, want) in [
        (format!("\"first,last,eosin_mark\"\n\"Ann,Ash,{mark}\"\n"), "looks like several"),
        (format!("first^last^eosin_mark\nAnn^Ash^{mark}\n"), "looks like several"),
        ("Report\nfirst;last;dob\nAnn;Ash;1990-01-01\n".to_owned(), "looks like several"),
        (format!("Ann,Ash,{mark}\nBo,Birch,{mark}\n"), "where its header should be"),
        (format!("INSERT INTO people (first, last) VALUES ('Ann', '{mark}');\n"), "is SQL"),
    ] {
        refuses(&text, "people.csv", want);
    }
    // Bars are as good as commas, and prose is prose.
    let barred = format!("first|last|eosin_mark\nAnn|Ash|{mark}\n");
    let format = sniff(barred.as_bytes(), "people.psv", None).unwrap();
    assert_eq!(
        said(barred.as_bytes(), &format, LIMITS),
        [format!("line 2: first=Ann last=Ash | {mark} | None")]
    );
    let prose =
        "note\nCame at 10; left at 11\n\"Fever; cough; rash | none\"\nmarks begin with eosin1. or so\n";
    let format = sniff(prose.as_bytes(), "notes.csv", None).unwrap();
    assert_eq!(
        said(prose.as_bytes(), &format, LIMITS).iter().filter(|one| one.ends_with("|  | None")).count(),
        3
    );
}

/// What is in a file within a record is looked at for labels, for it is no record of its own here.
#[test]
fn a_record_that_holds_a_file_of_marked_records_is_unreadable() {
    let encode = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let labelled = r#"{"resourceType":"Patient","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HTEST"}]}}"#;
    let marked = "LastName,Eosin_Mark__c\nBell,eosin1.x\n";
    let hl7 = "MSH|^~\\&|A|B|C|D|||ADT^A01|1|T|2.5\rPID|1||7\r";
    let patient = |media: &str, data: &str| {
        let photo = format!(r#"{{"contentType":"{media}","data":"{}"}}"#, encode(data));
        format!(r#"{{"resourceType":"Patient","photo":[{photo}]}}"#)
    };
    let binary = |data: &str| {
        format!(r#"{{"resourceType":"Binary","contentType":"text/csv","data":"{}"}}"#, encode(data))
    };
    let in_url = format!(
        r#"{{"resourceType":"Patient","photo":[{{"url":"data:application/fhir+json;base64,{}"}}]}}"#,
        encode(labelled)
    );
    let row = |data: &str| {
        let data = encode(data);
        format!(
            r#"{{"attributes":{{"type":"ContentVersion"}},"PathOnClient":"a.csv","VersionData":"{data}"}}"#
        )
    };
    let fhir = |text: &str| said(text.as_bytes(), &Format::FhirLines, LIMITS);
    let json = |text: &str| said(text.as_bytes(), &Format::SalesforceJson { object: None }, LIMITS);
    let holds = "holds a file of marked records";
    for all in [
        fhir(&patient("application/fhir+json", labelled)),
        fhir(&patient("x-application/hl7-v2+er7", hl7)),
        fhir(&binary(marked)),
        fhir(&in_url),
        said(format!("[{in_url}]").as_bytes(), &Format::FhirDocument, LIMITS),
        said(in_url.as_bytes(), &Format::FhirDocument, LIMITS),
        json(&row(marked)),
        said(
            format!("PathOnClient,VersionData\na.csv,{}\n", encode(marked)).as_bytes(),
            &table("ContentVersion"),
            LIMITS,
        ),
        said(
            format!("Name,Body\na.json,{}\n", encode(labelled)).as_bytes(),
            &Format::SalesforceCsv { object: "Attachment".to_owned() },
            LIMITS,
        ),
    ] {
        assert!(all.len() == 1 && all[0].contains(holds), "{all:?}");
    }
    // What bears no label is content, as pictures and letters are.
    for all in [
        fhir(&patient("text/plain", "Came at ten.")),
        fhir(&patient("image/png", "\u{89}PNG")),
        fhir(&binary("a,b\n1,2\n")),
        json(&row("LastName\nBell\n")),
    ] {
        assert!(all.len() == 1 && all[0].contains("| None"), "{all:?}");
    }
}

#[test]
fn a_mark_that_was_folded_or_put_in_capitals_is_one() {
    let mark = format!("eosin1.{}", "aB3-_x".repeat(40));
    let folded = |width: usize, between: &str| {
        let lines: Vec<&str> =
            mark.as_bytes().chunks(width).map(|one| std::str::from_utf8(one).unwrap()).collect();
        lines.join(between)
    };
    for text in [
        mark.to_ascii_uppercase(),
        mark.replacen("eosin1", "Eosin1", 1),
        folded(76, "\r\n"),
        folded(72, "\n    "),
        folded(76, "=\r\n"),
        folded(40, "\n> "),
    ] {
        let table_text = format!("name,note\nA,\"see {text}\"\n");
        let all = said(table_text.as_bytes(), &table("t"), LIMITS);
        assert!(all.len() == 1 && all[0].contains("outside the mark's place"), "{all:?}");
    }
    let prose = "\"With eosin1. begins a mark, and many letters come\nbehind it; this sentence is longer than a hundred letters, and is none\"";
    let all = said(format!("name,note\nA,{prose}\n").as_bytes(), &table("t"), LIMITS);
    assert!(all[0].ends_with("|  | None"), "{all:?}");
}

#[test]
fn a_record_under_a_datasets_name_is_unreadable() {
    let csv = Format::SalesforceCsv { object: "Eosin_Dataset__c".to_owned() };
    let json = Format::SalesforceJson { object: None };
    let refused = |all: &[String]| all.iter().all(|one| one.contains("is called a dataset's"));
    for (name, cell, literal) in [
        ("Eosin_Synthetic__c", "true", "true"),
        ("Eosin_Subject__c", "synthetic", "\"synthetic\""),
        ("Eosin_Mark__c", "eosin1.x", "\"eosin1.x\""),
    ] {
        let text = format!("LastName,{name}\nBell,{cell}\n");
        assert!(refused(&said(text.as_bytes(), &csv, LIMITS)), "{text}");
        let text =
            format!(r#"{{"attributes":{{"type":"eosin_dataset__c"}},"LastName":"Bell","{name}":{literal}}}"#);
        assert!(refused(&said(text.as_bytes(), &json, LIMITS)), "{text}");
    }
    let own = "Name,Eosin_Dataset_Id__c,Eosin_Manifest__c\nA,abc,{}\n";
    assert_eq!(said(own.as_bytes(), &csv, LIMITS).len(), 1);
    assert!(!refused(&said(own.as_bytes(), &csv, LIMITS)));
}

#[test]
fn who_keeps_a_row_and_how_it_is_sorted_is_nobodys_record() {
    let json = Format::SalesforceJson { object: None };
    let user = r#""attributes":{"type":"User","url":"/x"},"Name":"Ina Desk","Email":"i@desk.example""#;
    let check = |members: &str, want: &[&str]| {
        let row = format!(r#"[{{"attributes":{{"type":"Contact"}},"LastName":"Bell",{members}}}]"#);
        assert_eq!(said(row.as_bytes(), &json, LIMITS), want, "{row}");
        let marked = String::from_utf8(placed(row.as_bytes(), &json)).unwrap();
        assert_eq!(marked.matches("Eosin_Mark__c").count(), want.len(), "{marked}");
    };
    let bell = "records[0]: LastName=Bell |  | None";
    check(&format!(r#""Owner":{{{user}}},"CreatedBy":{{{user}}}"#), &[bell]);
    check(r#""RecordType":{"attributes":{"type":"RecordType"},"Name":"Person"}"#, &[bell]);
    let profile = r#""Profile":{"attributes":{"type":"Profile"},"Name":"Clerk"}"#;
    check(&format!(r#""Owner":{{{user},{profile}}}"#), &[bell]);
    check(r#""Owner":{"attributes":{"type":"Group"},"Name":"Intake"}"#, &[bell]);
    // Of another type, behind another name, or with a label it is a row.
    let owner = "records[0].Owner: Name=Ina Desk Email=i@desk.example";
    check(
        &format!(r#""Owner":{{{}}}"#, user.replace("User", "Contact")),
        &[bell, &format!("{owner} |  | None")],
    );
    check(
        &format!(r#""Patient__r":{{{user}}}"#),
        &[bell, &format!("{owner} |  | None").replace("Owner", "Patient__r")],
    );
    check(
        &format!(r#""Owner":{{{user},"Eosin_Synthetic__c":true}}"#),
        &[bell, &format!("{owner} |  | Synthetic")],
    );
}
