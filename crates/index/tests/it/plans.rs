//! How SQLite looks for what pages ask: by an index, from the first row on, and never by reading a table whole.

use index::{Index, Place, Value};

#[test]
fn what_pages_ask_is_found_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let mut index = Index::open(&Place::File(folder.path().join("index.sqlite"))).unwrap();
    let newest = "FROM transactions t WHERE {} ORDER BY t.at DESC, t.origin DESC, t.entry DESC LIMIT 51";
    let records = "FROM record_verdicts v JOIN rulings r ON r.origin = v.origin AND r.entry = v.entry WHERE {} \
                   ORDER BY v.origin DESC, v.entry DESC, v.position DESC LIMIT 51";
    let group = "FROM record_verdicts v WHERE {} ORDER BY v.at DESC, v.entry DESC, v.position DESC LIMIT 51";
    let all = "FROM record_verdicts v JOIN rulings r ON r.origin = v.origin AND r.entry = v.entry \
               JOIN record_groups g ON g.origin = v.origin AND g.record_group = v.record_group WHERE {} \
               ORDER BY v.at DESC, v.origin DESC, v.entry DESC, v.position DESC LIMIT 51";
    let delivered =
        "FROM certified_deliveries d WHERE {} ORDER BY d.at DESC, d.origin DESC, d.entry DESC LIMIT 51";
    for (from, condition, want) in [
        (newest, "t.at >= '2026'", "rulings_at"),
        (newest, "t.boundary = 'crm'", "rulings_boundary_at"),
        (newest, "t.client = 'a'", "rulings_client_at"),
        (newest, "t.decision = 'block'", "rulings_decision_at"),
        (newest, "t.forged > 0", "rulings_at_forged"),
        (newest, "t.at >= '2026'", "settlements_origin_ruling (origin=? AND ruling=?)"),
        (records, "v.verdict = 'forged'", "record_verdicts_verdict_origin_entry_position"),
        (records, "v.decision = 'warn'", "record_verdicts_decision_origin_entry_position"),
        (records, "v.reference = 'a'", "record_verdicts_reference"),
        (records, "v.verdict = 'forged'", "r USING PRIMARY KEY (origin=? AND entry=?)"),
        (
            group,
            "v.origin = 'a' AND v.record_group = 'b'",
            "record_verdicts_record_group_origin_at_entry_position (record_group=? AND origin=?)",
        ),
        (
            group,
            "v.origin = 'a' AND v.record_group = 'b' AND v.at >= '2026' AND v.at < '2027'",
            "record_verdicts_record_group_origin_at_entry_position (record_group=? AND origin=? AND at>? AND at<?)",
        ),
        (
            group,
            "v.origin = 'a' AND v.record_group = 'b' AND v.at <= '2026' AND (v.at, v.origin, v.entry, v.position) < ('2026', 'a', 1, 2)",
            "record_verdicts_record_group_origin_at_entry_position (record_group=? AND origin=? AND at<?)",
        ),
        (all, "v.at >= '2026'", "record_verdicts_at_origin_entry_position"),
        (all, "v.at >= '2026'", "g USING PRIMARY KEY (origin=? AND record_group=?)"),
        (all, "v.at >= '2026'", "r USING PRIMARY KEY (origin=? AND entry=?)"),
        (delivered, "d.boundary = 'crm'", "deliveries_boundary_at"),
        (delivered, "d.at >= '2026'", "deliveries_at"),
        (delivered, "d.at >= '2026'", "certificates_subjects"),
    ] {
        let sql = format!("EXPLAIN QUERY PLAN SELECT * {}", from.replace("{}", condition));
        let rows = index.query(&sql, &[]).unwrap().rows;
        let plan: Vec<&str> = rows
            .iter()
            .filter_map(|row| match row.last() {
                Some(Value::Text(step)) => Some(step.as_str()),
                Some(Value::Integer(_) | Value::Null) | None => None,
            })
            .collect();
        let is_sorted = !plan.iter().any(|step| step.contains("ORDER BY"));
        assert!(plan.iter().any(|step| step.contains(want)) && is_sorted, "{condition}: {plan:?}");
    }
}
