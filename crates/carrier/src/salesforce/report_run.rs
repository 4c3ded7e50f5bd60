//! The rows that a report's run shows, written as the report's file would hold them.
//!
//! A file of a report without columns of ids does not say whose its rows are; a run can be asked for with them.
//! Source: Salesforce, "Reports and Dashboards REST API Developer Guide"; spec/deliveries.md section 9.

use serde_json::Value;
use thiserror::Error;

/// Why a run cannot be written as a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RunNotWritten {
    /// There are more rows than a run shows.
    #[error("the report has more rows than a run shows")]
    TooMany,
    /// It is not the answer of a run.
    #[error("the run of the report cannot be read")]
    Unreadable,
}

/// The answer of a run with details as a file: a header of labels, the groups in front of the columns, and the report's name
/// below the rows.
///
/// Shape:  each cell in quotes, lines end with CRLF. Nothing for nothing, `1` and `0` for what is ticked or not, numbers and
///         amounts bare, ids of 15 characters; anything else as the org shows it.
/// Bounds: linear in the answer; at most a million groups.
/// Errors: [`RunNotWritten`].
pub fn report_run_as_file(answer: &Value) -> Result<Vec<u8>, RunNotWritten> {
    if answer.get("allData") != Some(&Value::Bool(true)) {
        return Err(RunNotWritten::TooMany);
    }
    let columns = names(answer, "/reportMetadata/detailColumns", Some)?;
    let named = |grouping| Value::get(grouping, "name");
    let down = names(answer, "/reportMetadata/groupingsDown", named)?;
    let across = names(answer, "/reportMetadata/groupingsAcross", named)?;
    let info = |kind: &str, name: &str, what: &str| {
        let info = answer.get("reportExtendedMetadata")?.get(kind)?.get(name)?;
        info.get(what).and_then(Value::as_str)
    };
    let mut out = Vec::new();
    let groups = down.iter().chain(&across).map(|name| info("groupingColumnInfo", name, "label"));
    let labels = groups.chain(columns.iter().map(|name| info("detailColumnInfo", name, "label")));
    let labels = labels.collect::<Option<Vec<_>>>().ok_or(RunNotWritten::Unreadable)?;
    write_line(&mut out, labels.into_iter());
    let kinds: Vec<&str> =
        columns.iter().map(|name| info("detailColumnInfo", name, "dataType").unwrap_or_default()).collect();

    let facts = answer.get("factMap").and_then(Value::as_object).ok_or(RunNotWritten::Unreadable)?;
    let (downs, acrosses) =
        (leaves(answer, "groupingsDown", down.len())?, leaves(answer, "groupingsAcross", across.len())?);
    if downs.len().saturating_mul(acrosses.len()) > GROUPS_MAX {
        return Err(RunNotWritten::Unreadable);
    }
    for left in &downs {
        for top in &acrosses {
            let Some(fact) = facts.get(&format!("{}!{}", left.key, top.key)) else { continue };
            let rows = fact.get("rows").and_then(Value::as_array).ok_or(RunNotWritten::Unreadable)?;
            for row in rows {
                let cells = row.get("dataCells").and_then(Value::as_array);
                let cells =
                    cells.filter(|cells| cells.len() == kinds.len()).ok_or(RunNotWritten::Unreadable)?;
                let values: Vec<String> =
                    cells.iter().zip(&kinds).map(|(cell, kind)| value(cell, kind)).collect();
                let groups = left.labels.iter().chain(&top.labels).copied();
                write_line(&mut out, groups.chain(values.iter().map(String::as_str)));
            }
        }
    }
    out.extend_from_slice(b"\r\n\r\n");
    let name = answer.pointer("/reportMetadata/name").and_then(Value::as_str).unwrap_or_default();
    write_line(&mut out, std::iter::once(name));
    Ok(out)
}

/// Places of a fact map that are looked at: far more than an org's run has.
const GROUPS_MAX: usize = 1_000_000;

/// The innermost group of one side: its place in the fact map, and what stands for it and those around it.
struct Leaf<'a> {
    key: &'a str,
    labels: Vec<&'a str>,
}

/// The innermost groups of a side in their order; where nothing is grouped, the one of everything.
fn leaves<'a>(answer: &'a Value, side: &str, depth: usize) -> Result<Vec<Leaf<'a>>, RunNotWritten> {
    let mut level = vec![(answer.get(side).unwrap_or(&Value::Null), Leaf { key: "T", labels: Vec::new() })];
    for _ in 0..depth {
        let mut inner = Vec::new();
        for (around, leaf) in level {
            let groups =
                around.get("groupings").and_then(Value::as_array).ok_or(RunNotWritten::Unreadable)?;
            for group in groups {
                let text = |name: &str| group.get(name).and_then(Value::as_str);
                let (key, label) = text("key").zip(text("label")).ok_or(RunNotWritten::Unreadable)?;
                let label = if group.get("value").is_none_or(Value::is_null) { "" } else { label };
                let labels = leaf.labels.iter().copied().chain([label]).collect();
                inner.push((group, Leaf { key, labels }));
            }
        }
        if inner.len() > GROUPS_MAX {
            return Err(RunNotWritten::Unreadable);
        }
        level = inner;
    }
    Ok(level.into_iter().map(|(_, leaf)| leaf).collect())
}

fn names<'a>(
    answer: &'a Value,
    path: &str,
    name: impl Fn(&'a Value) -> Option<&'a Value>,
) -> Result<Vec<&'a str>, RunNotWritten> {
    let listed = answer.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let names: Option<Vec<&str>> = listed.map(|one| name(one).and_then(Value::as_str)).collect();
    names.ok_or(RunNotWritten::Unreadable)
}

/// How a cell stands in a file.
fn value(cell: &Value, kind: &str) -> String {
    let label = || cell.get("label").and_then(Value::as_str).unwrap_or_default().to_owned();
    match cell.get("value") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Bool(ticked)) => u8::from(*ticked).to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Object(amount)) => match amount.get("amount") {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Null) => String::new(),
            _ => label(),
        },
        Some(Value::String(id)) if kind.eq_ignore_ascii_case("id") => id.get(..15).unwrap_or(id).to_owned(),
        Some(Value::String(_) | Value::Array(_)) => label(),
    }
}

fn write_line<'c>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'c str>) {
    for (at, cell) in cells.enumerate() {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        out.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cell(value: impl Into<Value>, label: &str) -> Value {
        let value: Value = value.into();
        json!({ "value": value, "label": label })
    }

    fn tabular() -> Value {
        let info = |label: &str, kind: &str| json!({ "label": label, "dataType": kind });
        json!({
            "allData": true,
            "reportMetadata": { "name": "All \"3\"", "detailColumns": ["n", "b", "a", "d", "l", "id"], "groupingsDown": [], "groupingsAcross": [] },
            "reportExtendedMetadata": { "detailColumnInfo": { "n": info("N", "double"), "b": info("B", "boolean"), "a": info("A", "currency"),
                "d": info("D", "date"), "l": info("L", "string"), "id": info("Contact ID", "id") }, "groupingColumnInfo": {} },
            "factMap": { "T!T": { "rows": [
                { "dataCells": [cell(json!(1234.5), "1,234.50"), cell(json!(true), "true"), cell(json!({"amount": 5, "currency": null}), "$5.00"),
                    cell(json!("2026-01-31"), "1/31/2026"), cell(json!("003"), "Ann \"A\",\nZ"), cell(json!("003000000000001AAA"), "x")] },
                { "dataCells": [cell(Value::Null, "-"), cell(json!(false), "false"), cell(json!({"amount": null}), "-"), cell(Value::Null, "-"),
                    cell(json!("-"), "-"), cell(Value::Null, "-")] },
            ] } },
        })
    }

    fn written(answer: &Value) -> Result<String, RunNotWritten> {
        report_run_as_file(answer).map(|file| String::from_utf8(file).unwrap())
    }

    #[test]
    fn cells_are_written_as_files_have_them() {
        let file = "\"N\",\"B\",\"A\",\"D\",\"L\",\"Contact ID\"\r\n\
            \"1234.5\",\"1\",\"5\",\"1/31/2026\",\"Ann \"\"A\"\",\nZ\",\"003000000000001\"\r\n\"\",\"0\",\"\",\"\",\"-\",\"\"\r\n\
            \r\n\r\n\"All \"\"3\"\"\"\r\n";
        assert_eq!(written(&tabular()).as_deref(), Ok(file));
    }

    #[test]
    fn groups_stand_in_front_of_their_rows() {
        let mut answer = tabular();
        let group = |key: &str, label: &str, inner: Value| json!({ "key": key, "label": label, "value": label, "groupings": inner });
        let inner = json!([group("0_0", "x", json!([])), group("0_1", "y", json!([]))]);
        answer["groupingsDown"] = json!({ "groupings": [group("0", "one", inner), { "key": "1", "label": "-", "value": null, "groupings": [group("1_0", "z", json!([]))] }] });
        answer["groupingsAcross"] = json!({ "groupings": [group("0", "top", json!([]))] });
        answer["reportMetadata"]["groupingsDown"] = json!([{ "name": "g" }, { "name": "h" }]);
        answer["reportMetadata"]["groupingsAcross"] = json!([{ "name": "t" }]);
        answer["reportMetadata"]["detailColumns"] = json!(["l"]);
        let label = |label: &str| json!({ "label": label });
        answer["reportExtendedMetadata"]["groupingColumnInfo"] =
            json!({ "g": label("G"), "h": label("H"), "t": label("T") });
        let rows = |name: &str| json!({ "rows": [{ "dataCells": [cell(json!(name), name)] }] });
        // What is no innermost group holds no rows of its own.
        answer["factMap"] = json!({ "0_1!0": rows("b"), "0_0!0": rows("a"), "1_0!0": rows("c"), "T!T": { "rows": [] }, "0!0": rows("sum") });
        let file = "\"G\",\"H\",\"T\",\"L\"\r\n\"one\",\"x\",\"top\",\"a\"\r\n\"one\",\"y\",\"top\",\"b\"\r\n\"\",\"z\",\"top\",\"c\"\r\n\r\n\r\n\"All \"\"3\"\"\"\r\n";
        assert_eq!(written(&answer).as_deref(), Ok(file));
    }

    #[test]
    fn what_is_not_all_or_not_a_run_is_not_written() {
        for (path, value, want) in [
            ("/allData", json!(false), RunNotWritten::TooMany),
            ("/allData", Value::Null, RunNotWritten::TooMany),
            ("/factMap", Value::Null, RunNotWritten::Unreadable),
            ("/factMap/T!T/rows", Value::Null, RunNotWritten::Unreadable),
            ("/factMap/T!T/rows/0/dataCells/0", Value::Null, RunNotWritten::Unreadable),
            ("/reportExtendedMetadata/detailColumnInfo/n/label", Value::Null, RunNotWritten::Unreadable),
            ("/reportMetadata/groupingsDown", json!([{ "name": "g" }]), RunNotWritten::Unreadable),
            ("/reportMetadata/detailColumns", json!([7]), RunNotWritten::Unreadable),
        ] {
            let mut answer = tabular();
            let place = answer.pointer_mut(path).unwrap();
            let is_cell = path.ends_with("dataCells/0");
            *place = value;
            if is_cell {
                // One cell less than there are columns.
                let cells = answer.pointer_mut("/factMap/T!T/rows/0/dataCells").and_then(Value::as_array_mut);
                cells.unwrap().remove(0);
            }
            assert_eq!(written(&answer), Err(want), "{path}");
        }
    }
}
