//! Entries of every kind, made of a number: the same number gives the same bytes.

use serde_json::{Value, json};

const VERDICTS: [&str; 4] = ["synthetic", "attested", "unproven", "unreadable"];

/// The entry with this number.
pub(crate) fn entry(number: u64) -> Vec<u8> {
    let at = format!(
        "2026-11-{:02}T09:{:02}:{:02}.{:03}Z",
        1 + number / 3600 % 28,
        number / 60 % 60,
        number % 60,
        number % 1000
    );
    let entry = match number % 23 {
        0 => sealed(number, &at),
        1 => {
            json!({"at": at, "batches": 2, "boundary": "crm", "dataset": dataset(number), "eosin": "dataset-known@1"})
        }
        2 => quarantined(number, &at, "kept"),
        3 => quarantined(number, &at, "release"),
        4 if number.is_multiple_of(2) => certified(&at, "certificate@1", number),
        4 => delivered(&at, number + 23),
        5 => certified(&at, "certificate-refused@1", number),
        6 => {
            json!({"at": at, "entries": number, "eosin": "registry@1", "generation": number, "key": "0102030405060708",
                    "root": "ab".repeat(32)})
        }
        7 => json!({"at": at, "boundary": "ehr", "eosin": "gap@1", "from": at, "passed": 3}),
        8 if number.is_multiple_of(2) => {
            json!({"about": "policy.example/log#3", "announcement": "eosin_0123", "at": at, "attempts": 9,
                     "eosin": "announcement@1", "event": "given-up", "status": 503, "to": "ops",
                     "type": "eosin.emergency.in-force", "version": "stop@0123456789ab"})
        }
        8 if number.is_multiple_of(3) => acted(number, &at),
        8 => json!({"at": at, "behindSeconds": 90, "eosin": "clock-fault@1"}),
        9 if number.is_multiple_of(2) => {
            json!({"at": at, "boundary": "crm", "eosin": "subscription@1", "event": "gone", "subscription": "contacts",
                   "then": "latest", "topic": "/data/ContactChangeEvent"})
        }
        9 => json!({"at": at, "eosin": "of-tomorrow@1", "what": "nobody knows"}),
        10 => return b"no JSON at all".to_vec(),
        11 => json!({"at": at, "eosin": "ruling@1", "boundary": "cut short"}),
        12 => ruling(number, &at, "file-ruling@1"),
        13 => {
            json!({"activation": "policy.example/log#3", "at": at, "eosin": "policy-in-force@1", "event": "in-force",
                     "version": "own@0123456789ab"})
        }
        14 if number.is_multiple_of(4) => {
            json!({"activation": "policy.example/log#5", "at": at, "eosin": "emergency-in-force@1", "event": "expired",
                     "scope": "all", "until": "2026-11-22T19:00:00Z", "version": "stop@0123456789ab"})
        }
        14 if number.is_multiple_of(2) => {
            json!({"approved": "bel", "at": at, "by": "ada", "eosin": "emergency@1", "event": "activated",
                     "note": "signed", "reason": "CASE-9", "scope": "boundary=ehr", "sha256": "cd".repeat(32),
                     "until": "2026-11-22T19:00:00Z", "version": "stop@0123456789ab"})
        }
        14 => {
            json!({"at": at, "by": "ada", "eosin": "policy-activation@1", "event": "activate", "previous": "default@ffffffffffff",
                     "reason": "CASE-7", "sha256": "cd".repeat(32), "version": "own@0123456789ab"})
        }
        15..=18 => {
            json!({"at": at, "eosin": "settlement@1", "outcome": "answered", "ruling": number.saturating_sub(18), "status": 201})
        }
        _ => ruling(number, &at, "ruling@1"),
    };
    entry.to_string().into_bytes()
}

fn dataset(number: u64) -> String {
    format!("dataset-{}", number % 3)
}

fn sealed(number: u64, at: &str) -> Value {
    json!({"at": at, "batch": number / 23, "dataset": dataset(number), "eosin": "batch@1", "manifest": "ef".repeat(32),
           "root": "12".repeat(32), "size": 40, "subjects": {"attested": 0, "mixed": 2, "synthetic": 38}})
}

fn quarantined(number: u64, at: &str, event: &str) -> Value {
    let mut entry = json!({"at": at, "boundary": "crm", "eosin": "quarantine@1", "event": event,
                           "item": format!("item{}", number / 23), "ruling": "one.example/log#4", "sequence": 1});
    if event == "release" {
        entry["by"] = json!("ada");
        entry["reason"] = json!("CASE-8");
        entry["overruled"] = json!(number % 2 == 1);
    }
    entry
}

/// What an operator did about two records.
fn acted(number: u64, at: &str) -> Value {
    let event = match number / 138 % 3 {
        0 => "record-flagged",
        1 => "record-flag-removed",
        _ => "record-assigned",
    };
    let mut entry = json!({"at": at, "by": "ada", "eosin": "operator@1", "event": event, "reason": "CASE-10",
                           "subjects": [format!("Contact/{}", number % 5), "Contact/0"], "via": "console"});
    if event == "record-assigned" {
        entry["about"] = json!("bel");
    }
    entry
}

/// A file that was delivered, and certified by the entry that has this number.
fn delivered(at: &str, number: u64) -> Value {
    json!({"at": at, "boundary": "feed", "bytes": 12_345, "client": format!("client-{}", number % 5), "eosin": "delivery@1",
           "policy": "default@0123456789ab", "read": 9, "route": "bulk results",
           "shown": {"attested": 5, "synthetic": 0, "unproven": 1}, "subjects": commitment(number),
           "withheld": {"attested": 0, "synthetic": 3, "unproven": 0}})
}

fn commitment(number: u64) -> String {
    format!("{number:064x}")
}

fn certified(at: &str, kind: &str, number: u64) -> Value {
    json!({"at": at, "boundary": "feed", "contentRoot": "34".repeat(32), "counts": {"attested": 5}, "eosin": kind,
           "judgedAgainst": {"logs": [], "policy": "default@0123456789ab", "recogniser": null, "registry": null},
           "records": 5, "rule": "standard", "subjects": commitment(number), "suspected": {"strong": 0, "weak": 0}})
}

/// A ruling of one to three records.
pub(crate) fn ruling(number: u64, at: &str, kind: &str) -> Value {
    let verdict = VERDICTS[usize::try_from(number % 4).unwrap()];
    let decision = if number % 4 == 1 { "pass" } else { "block" };
    let records = 1 + number % 3;
    let finding = |row: u64| {
        let mut finding =
            json!({"decision": decision, "reference": format!("body[{row}]\u{0}é"), "verdict": verdict});
        // Entries of before findings said so do not say what their records are of.
        if !number.is_multiple_of(3) {
            finding["object"] = json!(if row == 0 { "Contact" } else { "Account" });
        }
        if verdict == "synthetic" {
            finding["dataset"] = json!(dataset(number + row));
        }
        finding
    };
    let findings: Vec<Value> = (0..if decision == "pass" { 0 } else { records }).map(finding).collect();
    let mut entry = json!({
        "action": "create", "at": at, "boundary": if number.is_multiple_of(2) { "crm" } else { "feed" },
        "counts": {"records": records, verdict: records}, "decision": decision, "environment": "production",
        "eosin": kind, "findings": findings, "findingsOmitted": 0, "mode": "enforce",
        "policies": [if decision == "pass" { "attested-in-production-and-staging" } else { "no-synthetic-in-production" }, "also"],
        "policy": if number < 500 { "default@0123456789ab" } else { "own@0123456789ab" },
        "rows": "78".repeat(32), "wouldBlock": 0,
    });
    if verdict == "synthetic" {
        // One of the datasets is not described: an entry says of eight at most.
        entry["datasets"] = json!({
            dataset(0): {"generator": "Synthea", "purposes": ["staging-testing", "training"]},
            dataset(1): {"generator": "Snowfakery"},
        });
    }
    if kind == "ruling@1" {
        entry["claim"] = json!("absent");
        entry["client"] = json!(format!("client-{}", number % 5));
        entry["protocol"] = json!("salesforce");
        entry["route"] = json!("sobjects/Contact");
        // Entries of before questions were written down have none.
        if !number.is_multiple_of(7) {
            let finding = if decision == "pass" { "permit" } else { "forbid" };
            entry["asked"] = json!({"cases": [{"finding": finding, "records": records, "verdict": verdict}],
                                    "continuity": "strict", "jurisdiction": "US", "scope": "record"});
        }
    }
    entry
}
