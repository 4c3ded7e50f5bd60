//! Scenes and laws of files.

use std::io::Cursor;

use mark::{Authorship, Subject};
use proptest::prelude::*;

use super::*;
use crate::DatasetPointer;

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const PATIENTS: &str = include_str!("../../../../fixtures/fhir/patients.ndjson");
const TRANSACTION: &str = include_str!("../../../../fixtures/fhir/transaction.json");

fn table(object: &str) -> Format {
    Format::Table { object: object.to_owned(), delimiter: b',' }
}

fn chunks(text: &[u8], format: &Format, limits: Limits) -> Vec<Chunk> {
    let mut chunks = Chunks::new(Cursor::new(text), format.clone(), limits);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        all.push(chunk);
    }
    all
}

/// Each reading as `place: cells | mark | claim`, or `place: reason`.
fn said(text: &[u8], format: &Format, limits: Limits) -> Vec<String> {
    let mut all = Vec::new();
    for chunk in chunks(text, format, limits) {
        for Reading { place, content } in chunk.read().records {
            assert_eq!(place.index, all.len());
            all.push(match content {
                Err(reason) => format!("{}: {reason}", place.reference),
                Ok(record) => {
                    let cell = |(name, value): &(std::borrow::Cow<'_, str>, mark::json::Json<'_>)| {
                        format!("{name}={}", value.text().unwrap_or("?"))
                    };
                    let cells: Vec<String> = record.fields.iter().map(cell).collect();
                    let mark = record.mark.unwrap_or_default();
                    format!("{}: {} | {mark} | {:?}", place.reference, cells.join(" "), record.claim)
                }
            });
        }
    }
    all
}

fn labels(text: String) -> Labels {
    Labels {
        mark_text: text,
        mark_id: "id".to_owned(),
        subject: Subject::Synthetic,
        authorship: Authorship::Ai,
        dataset: Some(DatasetPointer::DatasetId("set".to_owned())),
    }
}

fn placed(text: &[u8], format: &Format) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks(text, format, LIMITS) {
        let labels: Vec<Option<Labels>> = chunk
            .read()
            .records
            .iter()
            .map(|reading| Some(labels(format!("eosin1.{}", reading.place.index))))
            .collect();
        out.extend_from_slice(&chunk.place(&labels).unwrap());
    }
    out
}

#[test]
fn a_file_is_what_its_first_bytes_say() {
    let name = |result: Result<Format, Unreadable>| match result {
        Ok(format) => format!("{format:?}"),
        Err(reason) => reason.to_string(),
    };
    let table =
        |object: &str, delimiter: u8| format!("{:?}", Format::Table { object: object.into(), delimiter });
    let salesforce = |object: &str| format!("{:?}", Format::SalesforceCsv { object: object.into() });
    let json =
        |object: Option<&str>| format!("{:?}", Format::SalesforceJson { object: object.map(str::to_owned) });
    for (head, file, object, want) in [
        (r#"{"resourceType":"Patient"}"#, "a.json", None, "FhirDocument".to_owned()),
        (r#"{"type":"batch","entry":[{"resource":{"resour"#, "a", None, "FhirDocument".to_owned()),
        ("\u{feff} {\"resourceType\":", "a.json", None, "FhirDocument".to_owned()),
        ("{\"resourceType\":\"Slot\"}\n{\"resourceType\":\"Slot\"}", "a.json", None, "FhirLines".to_owned()),
        (r#"{"resourceType":"Slot"}"#, "Slot.NDJSON", None, "FhirLines".to_owned()),
        (r#"{"attributes":{"type":"Contact"},"x":{"resourceType":1}}"#, "a.json", None, json(None)),
        (r#"{"totalSize":1,"records":[]}"#, "a.json", Some("Contact"), json(Some("Contact"))),
        (r#"[{"LastName":"Bell"}]"#, "a.json", Some("Contact"), json(Some("Contact"))),
        (r#"[{"resourceType":"Patient"}]"#, "a.json", None, "FhirDocument".to_owned()),
        ("a\0,\0b\0\n\0", "x.csv", None, "looks like UTF-16".to_owned()),
        ("FirstName,LastName\n", "contacts_10k.csv", Some("contact"), salesforce("Contact")),
        ("FirstName,LastName\n", "Contact.csv", None, salesforce("Contact")),
        ("FirstName,LastName\n", "contacts.csv", None, salesforce("Contact")),
        ("first,last\n", "contacts.csv", None, table("contacts", b',')),
        ("Name,City\n", "Clinic__c.csv", None, salesforce("Clinic__c")),
        ("Id,BIRTHDATE\n", "patients.csv", None, table("patients", b',')),
        ("ward,Eosin_Mark__c\n", "ClinicalEncounter.csv", None, salesforce("ClinicalEncounter")),
        ("ward,acme__Eosin_Mark__c\n", "x.csv", Some("Visit"), salesforce("Visit")),
        ("ward,Eosin_Mark__c\n", "my export.csv", None, table("my export", b',')),
        ("ward;Eosin_Mark__c\n", "export.csv", None, table("export", b';')),
        ("ward,eosin_mark\n", "export.csv", None, table("export", b',')),
        ("Id;BIRTHDATE\n", "patients.csv", None, table("patients", b';')),
        ("Id\tBIRTHDATE\n", "patients.tsv", Some("people"), table("people", b'\t')),
        ("Id\n1\n", "patients.csv", None, table("patients", b',')),
        ("a,b\n", "", None, "is a table without a name".to_owned()),
        ("hello", "notes.txt", None, "neither JSON nor a table".to_owned()),
        ("\u{1}\u{2},", "x.csv", None, "neither JSON nor a table".to_owned()),
        ("MSH|^~\\&|", "a.hl7", None, "Hl7v2".to_owned()),
        ("\u{feff}\u{b}MSH|^~\\&|", "a.txt", None, "Hl7v2".to_owned()),
        ("\r\nFHS|^~\\&|", "a", None, "Hl7v2".to_owned()),
        ("MSH,PID\n1,2\n", "a.csv", None, table("a", b',')),
        ("<Patient/>", "a.xml", None, "is XML".to_owned()),
        ("<HTML><head>", "report1.xls", None, "is a page or a table in HTML".to_owned()),
        (" \n", "a.csv", None, "is empty".to_owned()),
    ] {
        let got = name(sniff(head.as_bytes(), file, object));
        assert!(
            got.starts_with(&want) || got.contains(&want) && want.starts_with(|c: char| c.is_lowercase()),
            "{head}: {got}"
        );
    }
    for bom in [b"\xFF\xFEa\0", b"\xFE\xFF\0a"] {
        assert!(name(sniff(bom, "a.csv", None)).contains("UTF-16"));
    }
}

#[test]
fn rows_are_records_by_column() {
    let text = "\u{feff}Id, Name ,Note\r\n1,\"Zed, the \"\"first\"\"\",\"two\nlines\"\r\n\r\n2,,x\n3,short\n";
    assert_eq!(
        said(text.as_bytes(), &table("people"), LIMITS),
        [
            "line 2: Id=1 Name=Zed, the \"first\" Note=two\nlines | ",
            "line 5: Id=2 Note=x | ",
            "line 6: has 2 cells under 3 columns",
        ]
        .map(|line| if line.ends_with("| ") { format!("{line} | None") } else { line.to_owned() })
    );
}

#[test]
fn what_cannot_be_read_of_a_table_says_where() {
    let check = |text: &[u8], want: &[&str]| assert_eq!(said(text, &table("t"), LIMITS), want);
    check(b"", &["header: has no header"]);
    check(b"a,a\n1,2\n", &["header: names a column twice"]);
    check(b"a,,b\n1,2,3\n", &["header: has a column without a name; give it one"]);
    check(b",,\n1,2,3\n", &["header: has a column without a name; give it one"]);
    check(
        b"a,b\n\xFF,2\n1,2\n",
        &[
            "line 2: is not UTF-8 at byte 0; it looks like Windows-1252; save it as UTF-8",
            "line 3: a=1 b=2 |  | None",
        ],
    );
    check(b"a\n", &[]);
    let short = Limits { body_bytes: 12, records: 9 };
    assert_eq!(
        said(b"a,b\n1,2\n12345,\"6\n7890\"\n3,4", &table("t"), short),
        ["line 2: a=1 b=2 |  | None", "line 3: is longer than 12 bytes", "line 5: a=3 b=4 |  | None"]
    );
    assert_eq!(
        said(b"a,bbbbbbbbbbbbbbbb\n", &table("t"), short),
        ["header: has a header that is too long; see whether its first line is one, or split the table"]
    );
}

#[test]
fn our_columns_are_a_mark_and_a_claim() {
    let text = "eosin_mark,Id,eosin_synthetic,eosin_subject,eosin_dataset\n\
                eosin1.x,1,true,synthetic,d\n ,2,,attested,\n,3,1,attested,\n,4,false,mixed,\n,5,,,\n";
    let claims: Vec<String> = said(text.as_bytes(), &table("t"), LIMITS);
    assert_eq!(
        claims,
        [
            "line 2: Id=1 | eosin1.x | Synthetic",
            "line 3: Id=2 |  | Attested",
            "line 4: Id=3 |  | Synthetic",
            "line 5: Id=4 |  | Synthetic",
            "line 6: Id=5 |  | None",
        ]
    );
}

#[test]
fn labels_are_columns_at_the_end_or_where_they_were() {
    let first = placed(b"Id,Name\n1,\"a,b\"\n2,\n", &table("t"));
    let want = "Id,Name,eosin_synthetic,eosin_subject,eosin_authorship,eosin_dataset,eosin_mark_id,eosin_mark\n\
                1,\"a,b\",true,synthetic,ai,set,id,eosin1.0\n2,,true,synthetic,ai,set,id,eosin1.1\n";
    assert_eq!(String::from_utf8(first.clone()).unwrap(), want);
    assert_eq!(placed(&first, &table("t")), first);
    assert_eq!(placed(b"eosin_mark,Id\nold,1\n", &table("t")), b"eosin_mark,Id,eosin_synthetic,eosin_subject,eosin_authorship,eosin_dataset,eosin_mark_id\neosin1.0,1,true,synthetic,ai,set,id\n");
    // Found by fuzzing: an empty first cell lost its delimiter where one of our columns was there already.
    assert_eq!(placed(b"Id,eosin_mark\n,old\n", &table("t")), b"Id,eosin_mark,eosin_synthetic,eosin_subject,eosin_authorship,eosin_dataset,eosin_mark_id\n,eosin1.0,true,synthetic,ai,set,id\n");
}

#[test]
fn lines_are_resources() {
    let format = Format::FhirLines;
    assert_eq!(said(PATIENTS.as_bytes(), &format, LIMITS).len(), 12);
    let out = placed(PATIENTS.as_bytes(), &format);
    let again: Vec<String> = said(&out, &format, LIMITS);
    assert!(again.iter().enumerate().all(|(at, line)| line.ends_with(&format!("| eosin1.{at} | Synthetic"))));
    let odd = b"{\"resourceType\":\"Slot\"}\r\n\n  \n{\"resourceType\":\"Bundle\"}\n[]\n{";
    assert_eq!(
        said(odd, &format, LIMITS),
        [
            "line 1:  |  | None",
            "line 4: is a Bundle in a line; give it as a file of its own",
            "line 5: is not a JSON object",
            "line 6: ends early, at line 1 column 1",
        ]
    );
    let short = Limits { body_bytes: 30, records: 9 };
    let long = b"{\"resourceType\":\"Slot\",\"comment\":\"long\"}\n{\"resourceType\":\"Slot\"}";
    assert_eq!(said(long, &format, short), ["line 1: is longer than 30 bytes", "line 2:  |  | None"]);
    let chunk = chunks(odd, &format, LIMITS).remove(0);
    let one = |n: u8| Some(labels(format!("eosin1.{n}")));
    let error = chunk.place(&[one(0), one(1), None, None]).unwrap_err();
    assert_eq!(error.to_string(), "line 4 is a Bundle in a line; give it as a file of its own");
    let placed = chunk.place(&[one(0), None, None, None]).unwrap();
    assert_eq!(said(&placed, &format, LIMITS), ["line 1:  | eosin1.0 | Synthetic"]);
    assert_eq!(chunk.select(&[false, true, true, true]).unwrap(), b"{\"resourceType\":\"Bundle\"}\n[]\n{");
}

#[test]
fn salesforce_files_are_labelled_in_their_own_fields() {
    let csv = Format::SalesforceCsv { object: "Contact".to_owned() };
    let out = placed(b"FirstName,LastName\nAda,Bell\nEve,Ode\n", &csv);
    let marks = |text: &[u8], format: &Format| {
        let chunk = chunks(text, format, LIMITS).remove(0);
        let records = chunk.read().records;
        records
            .iter()
            .map(|one| one.content.as_ref().unwrap().mark.clone().unwrap().into_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(marks(&out, &csv), ["eosin1.0", "eosin1.1"]);
    let json = Format::SalesforceJson { object: Some("Contact".to_owned()) };
    let out = placed(br#"[{"LastName":"Bell"},{"attributes":{"type":"Lead"},"LastName":"Ode"}]"#, &json);
    assert_eq!(marks(&out, &json), ["eosin1.0", "eosin1.1"]);
}

#[test]
fn a_document_is_one_chunk() {
    let format = Format::FhirDocument;
    let out = placed(TRANSACTION.as_bytes(), &format);
    let marks: Vec<String> = chunks(&out, &format, LIMITS)[0]
        .read()
        .records
        .iter()
        .map(|reading| reading.content.as_ref().unwrap().mark.clone().unwrap().into_owned())
        .collect();
    assert_eq!(marks.len(), 10);
    assert_eq!(marks[9], "eosin1.9");
    let one = PATIENTS.lines().next().unwrap();
    assert!(placed(one.as_bytes(), &format).starts_with(b"{\"resourceType\":\"Patient\""));
    let one_entry = r#"{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Slot"}}]}"#;
    assert!(String::from_utf8(placed(one_entry.as_bytes(), &format)).unwrap().contains("eosin1.0"));
    let short = Limits { body_bytes: 10, records: 9 };
    assert_eq!(said(one.as_bytes(), &format, short), ["body: is longer than 10 bytes"]);
    let chunk = chunks(one.as_bytes(), &format, LIMITS).remove(0);
    assert!(matches!(chunk.place(&[]), Err(PlaceError::Count { records: 1, labels: 0 })));
    assert!(!format!("{chunk:?}").contains("family"));
}

#[test]
fn a_long_table_comes_in_batches_and_lines_go_on_counting() {
    let mut text = String::from("Id,Note\n");
    let rows: Vec<String> = (0..9000).map(|row| format!("{row},\"a\nb\"\n")).collect();
    text.push_str(&rows.concat());
    let all = chunks(text.as_bytes(), &table("t"), LIMITS);
    let sizes: Vec<usize> = all.iter().map(|chunk| chunk.read().records.len()).collect();
    assert_eq!(sizes, [4096, 4096, 808]);
    let last = all[2].read().records.pop().unwrap().place;
    assert_eq!((last.index, last.reference.as_str()), (8999, "line 18000"));
    let out = placed(text.as_bytes(), &table("t"));
    assert_eq!(
        out.windows(10).filter(|window| *window == b"eosin_mark").count(),
        2,
        "one header, which names two"
    );
}

#[test]
fn what_was_read_in_part_or_not_at_all_is_labelled_alike() {
    let both = || [0, 1].map(|row| Some(labels(format!("eosin1.{row}"))));
    let want = placed(b"Id,Note\n1,a\n2,b\n", &table("t"));
    for taken in 0..=3 {
        let chunk = chunks(b"Id,Note\n1,a\n2,b\n", &table("t"), LIMITS).remove(0);
        chunk.readings().take(taken).for_each(drop);
        assert_eq!(chunk.place(&both()).unwrap(), want, "{taken}");
        let torn = chunks(b"Id,Note\n1,a\n2,b,c\n", &table("t"), LIMITS).remove(0);
        torn.readings().take(taken).for_each(drop);
        let refused = torn.place(&both());
        assert!(matches!(refused, Err(PlaceError::Unreadable { .. })), "{taken}");
    }
}

#[test]
fn a_person_is_found_by_the_names_that_exports_use() {
    let of = |present: &[&str]| identity_columns("t", present).join(" ");
    assert_eq!(of(&["Id", "BIRTHDATE", "FIRST", "LAST", "CITY"]), "BIRTHDATE FIRST LAST");
    assert_eq!(of(&["last_name", "Date of Birth", "e-mail"]), "last_name Date of Birth");
    assert_eq!(of(&["code", "value"]), "");
    for named in [
        "patient_name birth_date",
        "lname dob",
        "surname1 dob",
        "patient_last_name patient_dob",
        "NAME_LAST DOB",
        "acme__Last_Name__c Birth_Date__c",
        "first middle last",
        "prenom nom date_naissance",
        "Prénom NOM né_le_name",
        "given apellido dob",
        "nombre apellidos fecha_nacimiento",
        "voornaam achternaam geboortedatum",
        // What nobody knows and could be a name goes along.
        "first_name last_name second_nm dob",
        "name pat_fn pat_ln dob",
        "display_name patient_nm dob",
        "last_name имя",
    ] {
        assert_eq!(of(&named.split(' ').chain(["town"]).collect::<Vec<_>>()), named);
    }
    // A ward has a name too.
    assert_eq!(
        of(&["last_name", "dob", "hospital_name", "drug_name", "acme__Plan_Name__c"]),
        "last_name dob"
    );
    // Many are born on one day: without a name the whole row identifies.
    assert_eq!(of(&["birth_date", "town"]), "");
    assert_eq!(of(&["middle_name", "dob"]), "");
    assert_eq!(of(&["first_name", "last_nm", "dob"]), "");
    assert_eq!(of(&["FIRSTNAME", "SURNAM", "DOB"]), "");
    assert_eq!(of(&["username", "drug_name"]), "");
}

/// What `select` keeps, in hexadecimal digits of one bit a record.
fn selected(text: &[u8], format: &Format, kept: &str) -> String {
    let chunk = chunks(text, format, LIMITS).remove(0);
    let keep: Vec<bool> = kept.bytes().map(|byte| byte == b'x').collect();
    String::from_utf8_lossy(&chunk.select(&keep).unwrap()).into_owned()
}

#[test]
fn a_mark_is_seen_under_every_spelling_of_its_column_and_nowhere_else() {
    let check = |header: &str, row: &str, format: &Format, want: &str| {
        let text = format!("{header}\n{row}\n");
        assert_eq!(said(text.as_bytes(), format, LIMITS), [format!("line 2: {want}")], "{text}");
    };
    let (plain, lead) = (table("t"), Format::SalesforceCsv { object: "Lead".to_owned() });
    for name in ["eosin_mark", "EOSIN_MARK", "Eosin_Mark__c", "acme__Eosin_Mark__c", "Eosin Mark"] {
        check(&format!("Note,{name}"), "a,eosin1.x", &plain, "Note=a | eosin1.x | None");
        check(&format!("Note,{name}"), "a,eosin1.x", &lead, "Note=a | eosin1.x | None");
    }
    check("Note,EOSIN_SYNTHETIC", "a,TRUE", &plain, "Note=a |  | Synthetic");
    check("Note,Eosin_Subject__c", "a,Synthetic", &plain, "Note=a |  | Synthetic");
    check("Note,eosin_synthetic", "a,true", &lead, "Note=a |  | Synthetic");
    check("eosin_mark,EOSIN_MARK", "eosin1.x,eosin1.y", &plain, "carries two marks");
    let elsewhere = "holds a mark outside the mark's place; see whether its cells have shifted";
    let another = "holds a label of another row; give that row as a record of its own";
    for format in [&plain, &lead] {
        check("Note,eosin_mark_id,eosin_mark", "a,eosin1.x,", format, elsewhere);
        check("Note,Town", "a,eosin1.x", format, elsewhere);
        check("Note,Contact.Eosin_Mark__c", "a,eosin1.x", format, another);
        check("Note,Contact.Eosin_Synthetic__c", "a,true", format, another);
        check("Note,Contact.Eosin_Mark_Id__c,Contact.Eosin_Mark__c", "a,,", format, "Note=a |  | None");
    }
    let marked = placed(b"Note,EOSIN_MARK\na,old\n", &plain);
    assert_eq!(said(&marked, &plain, LIMITS), ["line 2: Note=a | eosin1.0 | Synthetic"]);
}

#[test]
fn a_row_that_another_points_at_is_chosen_by_itself() {
    let row = r#"{"attributes":{"type":"Case"},"Subject":"x","Contact":{"attributes":{"type":"Contact"},"Name":"B"}}"#;
    let contact = r#"{"attributes":{"type":"Contact"},"Name":"B"}"#;
    let check = |file: &str, kept: &str, want: &str| {
        let json = Format::SalesforceJson { object: None };
        assert_eq!(selected(file.as_bytes(), &json, kept), want, "{file} {kept}");
    };
    let alone = row.replace(contact, "null");
    check(&format!("[{row}]"), "xx", &format!("[{row}]"));
    check(&format!("[{row}]"), "x-", &format!("[{alone}]"));
    check(&format!("[{row}]"), "-x", &format!("[{contact}]"));
    check(row, "x-", &alone);
    let child = r#"{"attributes":{"type":"Case"},"Cases":{"records":[]},"Contacts":{"records":[ROW]}}"#
        .replace("ROW", contact);
    check(&format!("[{child}]"), "-x", &format!("[{contact}]"));
    check(row, "-x", &format!("[{contact}]"));
    let json = Format::SalesforceJson { object: None };
    let lines = said(format!("{row}\n{contact}\n").as_bytes(), &json, LIMITS);
    let one = "line 1: is not one record: rows within a row are read in a JSON array only";
    assert_eq!(lines, [one, "line 2: Name=B |  | None"]);
    let marked = placed(row.as_bytes(), &json);
    let want = ["record: Subject=x | eosin1.0 | Synthetic", "record.Contact: Name=B | eosin1.1 | Synthetic"];
    assert_eq!(said(&marked, &json, LIMITS), want);
}

#[test]
fn a_marked_resource_within_another_makes_it_unreadable() {
    let mark = format!(r#"{{"url":"{}","valueString":"eosin1.x"}}"#, fhir::MARK_EXTENSION);
    let inner = format!(r#"{{"resourceType":"Patient","extension":[{mark}]}}"#);
    let held = format!(r#"{{"resourceType":"Patient","active":true,"contained":[{inner}]}}"#);
    let sentence = "holds a mark outside the mark's place; give a marked resource as one of its own";
    assert_eq!(said(held.as_bytes(), &Format::FhirDocument, LIMITS), [format!("body: {sentence}")]);
    assert_eq!(said(held.as_bytes(), &Format::FhirLines, LIMITS), [format!("line 1: {sentence}")]);
    let listed = format!("[{held}]");
    assert_eq!(said(listed.as_bytes(), &Format::FhirDocument, LIMITS), [format!("entry[0]: {sentence}")]);
    for (bundle, want) in [
        (format!(r#""extra":[{inner}]"#), "body: is a Bundle with resources beside its entries"),
        (
            format!(r#""entry":[{{"resource":{{"resourceType":"Basic"}},"resources":[{inner}]}}]"#),
            "entry[0]: has resources beside its `resource`",
        ),
    ] {
        let bundle = format!(r#"{{"resourceType":"Bundle","type":"collection",{bundle}}}"#);
        assert_eq!(said(bundle.as_bytes(), &Format::FhirDocument, LIMITS), [want], "{bundle}");
    }
}

#[test]
fn rows_are_selected_byte_for_byte() {
    let text = b"\xEF\xBB\xBFId,Name\r\n1, \"a\" \r\n2\n\n3,\"x\ny\"\r4,\xFF";
    let check = |kept: &str, want: &[u8]| {
        assert_eq!(selected(text, &table("t"), kept), String::from_utf8_lossy(want), "{kept}");
    };
    check("----", b"\xEF\xBB\xBFId,Name\r\n");
    check("x---", b"\xEF\xBB\xBFId,Name\r\n1, \"a\" \r\n");
    check("-xxx", b"\xEF\xBB\xBFId,Name\r\n2\n3,\"x\ny\"\r4,\xFF");
    let chunk = chunks(text, &table("t"), LIMITS).remove(0);
    let placed =
        chunk.place(&[Some(labels("m".to_owned())), None, Some(labels("n".to_owned())), None]).unwrap();
    let want = "Id,Name,eosin_synthetic,eosin_subject,eosin_authorship,eosin_dataset,eosin_mark_id,eosin_mark\r\n\
                1, \"a\" ,true,synthetic,ai,set,id,m\r\n3,\"x\ny\",true,synthetic,ai,set,id,n\r";
    assert_eq!(String::from_utf8_lossy(&placed), want);
    let bad = chunks(b"a,a\n1,2\n", &table("t"), LIMITS).remove(0);
    assert_eq!(bad.select(&[true]).unwrap(), b"a,a\n");
    assert!(bad.select(&[false]).unwrap().is_empty());
    let short = Limits { body_bytes: 9, records: 9 };
    let long = chunks(b"a,b\n1,2\n1234567890\n", &table("t"), short).remove(0);
    assert_eq!(
        long.select(&[false, true]).unwrap_err().to_string(),
        "line 3 is over the bound, so it was not kept and cannot be written"
    );
    assert_eq!(long.select(&[true, false]).unwrap(), b"a,b\n1,2\n");
}

#[test]
fn documents_are_written_again_around_what_is_kept() {
    let bundle = r#"{ "resourceType":"Bundle","total":3, "entry":[ {"resource":{"resourceType":"Slot","id":"a"}} ,
        {"request":{"method":"DELETE","url":"Slot/9"}}, {"resource":5}, {"resource":{"resourceType":"Slot","id":"b"}}]}"#;
    let check = |kept: &str, want: &str| {
        assert_eq!(selected(bundle.as_bytes(), &Format::FhirDocument, kept), want, "{kept}");
    };
    check("xxx", bundle);
    check("---", "");
    check(
        "--x",
        r#"{ "resourceType":"Bundle","total":0, "entry":[{"resource":{"resourceType":"Slot","id":"b"}}]}"#,
    );
    check(
        "xx-",
        r#"{ "resourceType":"Bundle","total":2, "entry":[{"resource":{"resourceType":"Slot","id":"a"}},{"request":{"method":"DELETE","url":"Slot/9"}},{"resource":5}]}"#,
    );
    let one = r#" {"resourceType":"Slot"} "#;
    assert_eq!(selected(one.as_bytes(), &Format::FhirDocument, "x"), one);
    assert_eq!(selected(one.as_bytes(), &Format::FhirDocument, "-"), "");
    assert_eq!(selected(b"{", &Format::FhirDocument, "x"), "{");
    let chunk = chunks(bundle.as_bytes(), &Format::FhirDocument, LIMITS).remove(0);
    let placed = chunk.place(&[None, None, Some(labels("eosin1.x".to_owned()))]).unwrap();
    assert!(said(&placed, &Format::FhirDocument, LIMITS)[0].ends_with("| eosin1.x | Synthetic"));

    let format = Format::SalesforceJson { object: Some("Contact".to_owned()) };
    let query = r#"{"totalSize":3,"records":[{"LastName":"a","Cases":{"totalSize":2,"records":[{"S":1}, {"S":2}]}},5, {"LastName":"b"}]}"#;
    let check = |kept: &str, want: &str| {
        assert_eq!(selected(query.as_bytes(), &format, kept), want, "{kept}");
    };
    check("xxxxx", query);
    check("-----", "");
    check(
        "x-xx-",
        r#"{"totalSize":2,"records":[{"LastName":"a","Cases":{"totalSize":1,"records":[{"S":2}]}},5]}"#,
    );
    check("-xx-x", r#"{"totalSize":3,"records":[{"S":1},{"S":2},{"LastName":"b"}]}"#);
    assert_eq!(selected(br#" {"A":1} "#, &format, "x"), r#" {"A":1} "#);
    assert_eq!(selected(br#"[{"A":1},{"B":1}]"#, &format, "-x"), r#"[{"B":1}]"#);
    assert_eq!(selected(b"[{", &format, "x"), "[{");
}

#[test]
fn a_list_of_resources_is_read_and_written_item_by_item() {
    let text =
        br#"[ {"resourceType":"Slot","id":"a"}, 5, {"resourceType":"Bundle"} ,{"resourceType":"Slot"}]"#;
    let format = Format::FhirDocument;
    assert_eq!(
        said(text, &format, LIMITS),
        [
            "entry[0]:  |  | None",
            "entry[1]: is not a JSON object",
            "entry[2]: is a Bundle in a line; give it as a file of its own",
            "entry[3]:  |  | None"
        ]
    );
    assert_eq!(selected(text, &format, "xxxx").as_bytes(), text);
    assert_eq!(selected(text, &format, "-x-x"), r#"[5,{"resourceType":"Slot"}]"#);
    assert_eq!(selected(text, &format, "----"), "");
    let chunk = chunks(text, &format, LIMITS).remove(0);
    let placed = chunk.place(&[Some(labels("eosin1.0".to_owned())), None, None, None]).unwrap();
    assert_eq!(said(&placed, &format, LIMITS), ["entry[0]:  | eosin1.0 | Synthetic"]);
    assert_eq!(said(b"[", &format, LIMITS), ["body: ends early, at line 1 column 1"]);
    assert_eq!(selected(b"[", &format, "x"), "[");
}

#[test]
fn salesforce_rows_come_one_a_line_too() {
    let text =
        b"{\"LastName\":\"a\"}\n{\"LastName\":\"b\", \"x\":{\"records\":[{}]}}\n[]\n{\"LastName\":\"c\"}";
    let format = Format::SalesforceJson { object: Some("Contact".to_owned()) };
    assert_eq!(
        said(text, &format, LIMITS),
        [
            "line 1: LastName=a |  | None",
            "line 2: is not one record: rows within a row are read in a JSON array only",
            "line 3: is not an object",
            "line 4: LastName=c |  | None"
        ]
    );
    assert_eq!(selected(text, &format, "-xx-"), "{\"LastName\":\"b\", \"x\":{\"records\":[{}]}}\n[]\n");
    let chunk = chunks(text, &format, LIMITS).remove(0);
    let placed = chunk.place(&[None, None, None, Some(labels("eosin1.9".to_owned()))]).unwrap();
    assert!(said(&[placed.clone(), placed].concat(), &format, LIMITS)[1].ends_with("| eosin1.9 | Synthetic"));
}

/// A file is cut and read as a Bulk upload of the same bytes is: two readers, one answer.
fn as_an_upload(text: &[u8]) -> Vec<String> {
    let rows = salesforce::read_file(text, Some("Contact"), &LIMITS).records;
    let cells = |record: &Record<'_>| {
        let cell = |(name, value): &(std::borrow::Cow<'_, str>, mark::json::Json<'_>)| {
            format!("{name}={}", value.text().unwrap_or("?"))
        };
        record.fields.iter().map(cell).collect::<Vec<_>>().join(" ")
    };
    rows.iter()
        .map(|Reading { place, content }| match content {
            Err(reason) => format!("{}: {reason}", place.reference),
            Ok(record) => {
                let mark = record.mark.as_deref().unwrap_or_default();
                format!("{}: {} | {mark} | {:?}", place.reference, cells(record), record.claim)
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn salesforce_tables_stream_as_uploads_are_read(text in prop::collection::vec(prop::sample::select(b"ab,,\"\"\n\n\r ".to_vec()), 0..80)) {
        let text = [b"A,B\n".as_slice(), &text].concat();
        let format = Format::SalesforceCsv { object: "Contact".to_owned() };
        prop_assert_eq!(said(&text, &format, LIMITS), as_an_upload(&text));
    }

    #[test]
    fn any_bytes_are_rows_or_reasons(text in prop::collection::vec(prop::sample::select(b"a,\"\n\r \xFF;".to_vec()), 0..60), limit in 1_usize..40) {
        let limits = Limits { body_bytes: limit, records: 9 };
        let _ = said(&text, &table("t"), limits).len();
        let _ = said(&text, &Format::FhirLines, limits).len();
        if let Ok(format) = sniff(&text, "a.csv", None) {
            let _ = said(&text, &format, limits).len();
        }
    }

    /// The splitter and the crate that reads the cells cut alike: a row more or less would give a record
    /// another's mark.
    #[test]
    fn rows_are_cut_where_the_csv_crate_cuts_them(text in prop::collection::vec(prop::sample::select(b"ab,\"\n\r ".to_vec()), 0..80)) {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_slice());
        let whole: Vec<Vec<u8>> = reader.byte_records().map(|row| row.unwrap().as_slice().to_vec()).collect();
        let mut splitter = Splitter::new(Cut::Rows { delimiter: b',' });
        let (mut input, mut bytes, mut cut) = (text.as_slice(), Vec::new(), Vec::new());
        while let Some(piece) = splitter.next(&mut input, &mut bytes, usize::MAX).unwrap() {
            if piece.flaw.is_some() {
                // A quote that is never closed: that crate takes the rest of the file for a cell.
                return Ok(());
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(piece.bytes(&bytes));
            let rows: Vec<Vec<u8>> = reader.byte_records().map(|row| row.unwrap().as_slice().to_vec()).collect();
            prop_assert_eq!(rows.len(), 1, "{:?}", piece.bytes(&bytes));
            cut.extend(rows);
        }
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn place_then_read_gives_the_mark_and_the_same_cells(
        rows in prop::collection::vec(prop::collection::vec("[a-z ,\"\n\u{e9}]{0,6}", 3), 1..6),
    ) {
        // A row of empty cells is none.
        prop_assume!(rows.iter().all(|row| row.iter().any(|cell| !cell.is_empty())));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["Id", "Name", "Note"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let before = said(&text, &table("t"), LIMITS);
        let after = said(&placed(&text, &table("t")), &table("t"), LIMITS);
        for (at, (before, after)) in before.iter().zip(&after).enumerate() {
            let cells = before.strip_suffix("|  | None").unwrap();
            // Line ends within cells are kept, so that lines keep their numbers.
            prop_assert_eq!(after, &format!("{cells}| eosin1.{at} | Synthetic"));
        }
        prop_assert_eq!(before.len(), rows.len());
        prop_assert_eq!(after.len(), rows.len());
    }
}

mod hidden;
mod saved;
