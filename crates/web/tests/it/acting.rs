//! Records that operators act on: where each stands, what was done, and what a selection holds.

use std::collections::BTreeSet;

use access::Action;
use serde_json::{Value, json};
use web::{RecordAct, Selection, Setting, Told, Visitor};

use crate::{SETTING, index_of, page, something};

fn act(event: &str, references: &[&str], about: Option<&str>, minute: u32) -> Value {
    json!({"about": about, "at": format!("2026-11-22T11:{minute:02}:00.000Z"), "by": "ada", "eosin": "operator@1",
           "event": event, "reason": "<i>CASE-7</i>", "subjects": references, "via": "console"})
}

const REFERENCE: &str = "Contact/003000000000001";

#[test]
fn a_record_stands_as_the_last_act_left_it() {
    let mut entries = something();
    entries.extend([
        act("record-flagged", &[REFERENCE, "Contact/other"], None, 30),
        act("record-assigned", &[REFERENCE], Some("bel"), 31),
        act("record-quarantine-requested", &[REFERENCE], None, 32),
        act("record-quarantine-withdrawn", &[REFERENCE], None, 33),
        json!({"at": "2026-11-22T11:34:00Z", "by": "ada", "eosin": "operator@1", "event": "signed-in", "via": "console"}),
    ]);
    let (_folder, mut index) = index_of(&entries);
    for (filter, fits) in [
        ("standing=flagged", true),
        ("standing=assigned", true),
        ("standing=quarantine+requested", false),
        ("assignee=bel", true),
        ("assignee=ada", false),
        ("since=2026-11-22T11:02:30", true),
        ("until=2026-11-22T11:01:30", false),
    ] {
        let body = page(&format!("/records?{filter}"), &mut index).body;
        assert_eq!(body.contains(REFERENCE), fits, "{filter}");
        let selection = Selection::fitting(filter, &mut index).unwrap();
        assert_eq!(!selection.references.is_empty(), fits, "{filter}");
    }
    assert!(page("/records?standing=red", &mut index).body.contains("role=\"alert\""));
    let record = page(&format!("/record?reference={REFERENCE}"), &mut index).body;
    for said in ["flagged", "assigned to bel", "record-quarantine-withdrawn", "&#60;i&#62;CASE-7"] {
        assert!(record.contains(said), "{said}: {record}");
    }
    assert!(!record.contains(">quarantine requested<") && !record.contains("<i>"), "{record}");
    let file = page("/records.csv?standing=flagged", &mut index).body;
    assert!(file.lines().nth(1).unwrap().contains("\"flagged\",\"bel\",\"\","), "{file}");
}

#[test]
fn what_the_index_never_met_is_no_reference() {
    let mut entries = something();
    entries.push(act("record-flagged", &["Contact/other"], None, 30));
    let (_folder, mut index) = index_of(&entries);
    for (ticked, listed) in [
        (vec![REFERENCE], true),
        (vec![REFERENCE, "Contact/other"], true),
        (vec![REFERENCE, "Canary Zzyzx-7, born 1980-01-01"], false),
        (vec!["Contact/003000000000001\n"], false),
        (vec!["\u{202e}"], false),
        (vec![], true),
    ] {
        let selection = Selection::ticked(ticked.iter().copied());
        assert_eq!(selection.is_listed(&mut index).unwrap(), listed, "{ticked:?}");
    }
    assert!(Selection::fitting("verdict=synthetic", &mut index).unwrap().is_listed(&mut index).unwrap());
}

#[test]
fn only_whoever_may_is_shown_how_and_is_asked_first() {
    let (_folder, mut index) = index_of(&something());
    assert!(!page("/records", &mut index).body.contains("type=\"checkbox\""));
    let may: BTreeSet<Action> = [Action::SeeRecords, Action::HandleRecords].into();
    let colleagues = ["bel".to_owned()];
    let visitor = Visitor { name: "ada", role: "support", word: "w0rd", may: &may, colleagues: &colleagues };
    let setting = Setting { visitor: Some(&visitor), ..SETTING };
    let list = web::answer("/records?verdict=synthetic&done=nothing", &setting, &mut index).unwrap().body;
    assert!(list.contains("type=\"checkbox\"") && list.contains("<option>bel</option>"), "{list}");
    assert!(list.contains("name=\"filter\" value=\"verdict=synthetic\""), "{list}");
    assert!(list.contains("Nothing was chosen"), "{list}");
    let selection = Selection::fitting("verdict=synthetic", &mut index).unwrap();
    let flag = RecordAct::read("assign", "bel").unwrap();
    let asked = web::record_question(&setting, &flag, &selection, Told::Nothing).body;
    assert!(asked.contains("Assign this record to bel?") && asked.contains(REFERENCE), "{asked}");
    assert!(asked.contains("name=\"count\" value=\"1\"") && asked.contains("value=\"w0rd\""), "{asked}");
}
