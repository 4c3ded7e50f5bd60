//! Scenes and laws of placing.

use mark::{Authorship, json::Json};
use proptest::prelude::*;

use super::*;
use crate::{Limits, salesforce::read_file};

const LIMITS: Limits = Limits { body_bytes: 1_000_000, records: 1_000 };

fn labels(n: usize) -> Labels {
    Labels {
        mark_text: format!("eosin1.AQ_-{n}"),
        mark_id: format!("id{n}"),
        subject: Subject::Synthetic,
        authorship: Authorship::Algorithm,
        dataset: Some(DatasetPointer::DatasetId("ds1".to_owned())),
    }
}

const PLACED: &str = concat!(
    r#""Eosin_Synthetic__c":true,"Eosin_Subject__c":"synthetic","Eosin_Authorship__c":"algorithm","#,
    r#""Eosin_Dataset__r":{"Eosin_Dataset_Id__c":"ds1"},"Eosin_Mark_Id__c":"id0","Eosin_Mark__c":"eosin1.AQ_-0""#
);

#[test]
fn other_members_stay_byte_for_byte() {
    let check = |row: &str, want: &str| {
        let placed = String::from_utf8(place(row.as_bytes(), &labels(0)).unwrap()).unwrap();
        assert_eq!(placed, want.replace("…", PLACED), "{row}");
    };
    check("{}", "{…}");
    check(" { } ", " {… } ");
    check(r#"{"N" : 1.50 , "A":"\u0042"}"#, r#"{"N" : 1.50 , "A":"\u0042",…}"#);
    check(r#"{"Eosin_Mark__c":"old","A":1}"#, r#"{"A":1,…}"#);
    check(r#"{"A":1, "Eosin_Mark__c":"old" }"#, r#"{"A":1,… }"#);
    check(
        r#"{"a":1,"eosin_MARK__c":"old","acme__Eosin_Subject__c":"x","b":2,"Eosin_Dataset__r":{"x":[1]},"\u0045osin_Mark__pc":1}"#,
        r#"{"a":1,"b":2,…}"#,
    );
    check(r#"{"Eosin_Mark__c":"old"}"#, "{…}");
}

#[test]
fn a_dataset_is_pointed_at_by_id_or_row_or_not_at_all() {
    let mut one = labels(0);
    one.subject = Subject::Attested;
    one.dataset = Some(DatasetPointer::SalesforceId("a00000000000001AAA".to_owned()));
    let placed = String::from_utf8(place(b"{}", &one).unwrap()).unwrap();
    assert!(placed.contains(r#""Eosin_Dataset__c":"a00000000000001AAA""#), "{placed}");
    assert!(placed.contains(r#""Eosin_Synthetic__c":false"#), "{placed}");
    one.dataset = None;
    let placed = String::from_utf8(place(b"{}", &one).unwrap()).unwrap();
    assert!(placed.contains(r#""Eosin_Dataset__c":null"#), "{placed}");
}

#[test]
fn what_holds_no_records_is_left_alone() {
    assert!(matches!(place(b"[]", &labels(0)), Err(PlaceError::NotARecord)));
    assert!(matches!(place(br#"{"a":1,"a":2}"#, &labels(0)), Err(PlaceError::Json(_))));
    assert!(matches!(place_file(b"[{}]", []), Err(PlaceError::FewerLabels)));
    assert!(matches!(place_file(b"[]", [labels(0)]), Err(PlaceError::MoreLabels)));
    assert!(matches!(place_csv(&b"A\n1\n"[..], Vec::new(), []), Err(PlaceError::FewerLabels)));
    assert!(matches!(place_csv(&b"A\n"[..], Vec::new(), [labels(0)]), Err(PlaceError::MoreLabels)));
    assert!(matches!(place_csv(&b""[..], Vec::new(), []), Err(PlaceError::NotARecord)));
    assert!(matches!(place_csv(&b"A,B\n1\n"[..], Vec::new(), [labels(0)]), Err(PlaceError::Csv(_))));
    let mut other = labels(1);
    other.dataset = Some(DatasetPointer::SalesforceId("a00".to_owned()));
    assert!(matches!(
        place_csv(&b"A\n1\n2\n"[..], Vec::new(), [labels(0), other]),
        Err(PlaceError::TwoPointers)
    ));
}

#[test]
fn a_table_gets_columns_and_loses_old_ones() {
    let mut out = Vec::new();
    let table = "\u{feff}LastName,EOSIN_Mark__c,Eosin_Dataset__r.Eosin_Dataset_Id__c,Note\r\nBell,old,x,\"a \"\"b\"\"\nc\"\r\n";
    assert_eq!(place_csv(table.as_bytes(), &mut out, [labels(0)]).unwrap(), 1);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        concat!(
            "LastName,Note,Eosin_Synthetic__c,Eosin_Subject__c,Eosin_Authorship__c,",
            "Eosin_Dataset__r.Eosin_Dataset_Id__c,Eosin_Mark_Id__c,Eosin_Mark__c\n",
            "Bell,\"a \"\"b\"\"\nc\",true,synthetic,algorithm,ds1,id0,eosin1.AQ_-0\n"
        )
    );
}

/// Fields and mark of every record of a file.
type Seen = Vec<(Vec<(String, String)>, Option<String>)>;

fn seen(file: &[u8]) -> Seen {
    let shown = |value: &Json<'_>| String::from_utf8(mark::canonical::to_vec(value)).unwrap();
    read_file(file, Some("Contact"), &LIMITS)
        .records
        .into_iter()
        .map(|reading| {
            let record = reading.content.unwrap();
            let fields = record.fields.iter().map(|(name, value)| (name.to_string(), shown(value)));
            (fields.collect(), record.mark.map(Into::into))
        })
        .collect()
}

fn check_placed(before: Seen, after: Seen) {
    assert_eq!(before.len(), after.len());
    for (n, ((before, _), (after, mark))) in before.into_iter().zip(after).enumerate() {
        assert_eq!(before, after);
        assert_eq!(mark, Some(format!("eosin1.AQ_-{n}")));
    }
}

fn any_row() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        "[A-C]{1,2}",
        prop::sample::select(vec![
            "Eosin_Mark__c",
            "acme__Eosin_Mark_Id__c",
            "Eosin_Subject__c",
            "Eosin_Dataset__r",
            "attributes",
            "Id"
        ])
        .prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        "\\PC{0,10}".prop_map(Into::into),
        Just(serde_json::json!({"type": "Contact"})),
    ];
    proptest::collection::btree_map(name, value, 0..6).prop_map(|row| {
        // A row of nothing but ways to others is a wrapper.
        let plain = ("N".to_owned(), serde_json::json!(1));
        serde_json::Value::Object(row.into_iter().chain([plain]).collect())
    })
}

proptest! {
    #[test]
    fn what_is_placed_is_read_and_nothing_else_changes(
        rows in proptest::collection::vec((any_row(), proptest::collection::vec(any_row(), 0..3)), 0..5),
        pretty in any::<bool>(),
        query in any::<bool>(),
    ) {
        let rows: Vec<serde_json::Value> = rows
            .into_iter()
            .map(|(mut row, children)| {
                row["Cases"] = serde_json::json!({"totalSize": children.len(), "records": children});
                row
            })
            .collect();
        let file = if query { serde_json::json!({"done": true, "records": rows}) } else { rows.into() };
        let file = if pretty { serde_json::to_vec_pretty(&file) } else { serde_json::to_vec(&file) }.unwrap();
        let before = seen(&file);
        let placed = place_file(&file, (0..before.len()).map(labels)).unwrap();
        check_placed(before, seen(&placed));
    }

    /// The `csv` crate writes what our own scanner reads: two implementations, one answer.
    #[test]
    fn a_table_is_the_same_to_both_readers(
        cells in proptest::collection::vec(("[ -~é\n]{1,8}", "[a-z,\"\r\n]{1,4}"), 0..6),
        mark_first in any::<bool>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let header = if mark_first { ["Eosin_Mark__c", "A"] } else { ["A", "B"] };
        writer.write_record(header).unwrap();
        for (one, other) in &cells {
            writer.write_record([one, other]).unwrap();
        }
        let table = writer.into_inner().unwrap();
        let before = seen(&table);
        prop_assert_eq!(before.len(), cells.len());
        let mut out = Vec::new();
        place_csv(&table[..], &mut out, (0..before.len()).map(labels)).unwrap();
        check_placed(before, seen(&out));
    }

    #[test]
    fn any_bytes_are_placed_or_refused(file in "\\PC{0,40}|[\\[{\"a:,}\\]]{0,30}") {
        if let Ok(placed) = place(file.as_bytes(), &labels(0)) {
            prop_assert!(json::parse(&placed).is_ok());
        }
        if let Ok(placed) = place_file(file.as_bytes(), [labels(0)]) {
            prop_assert!(json::parse(&placed).is_ok());
        }
    }
}
