//! Rows that were sent in bulk, asked for again: which job or batch they are of, and which records they became.

use std::collections::BTreeSet;

use super::{bulk::cells_at, id::RecordId, job::short_job_id, look::below_services};

/// The batch of a Bulk v1 job that a target is about, in 15 characters.
pub fn batch_asked(target: &str) -> Option<String> {
    match below_services(target).iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [api, _, job, _, word, batch, ..] if is(api, "async") && is(job, "job") && is(word, "batch") => {
            Some(short_job_id(batch).to_owned())
        }
        _ => None,
    }
}

/// Whose rows a target asks for that were sent in bulk: a Bulk 2.0 job, or a batch of Bulk v1, in 15 characters.
pub fn sent_rows(target: &str) -> Option<String> {
    match below_services(target).iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [api, _, jobs, kind, job, ..] if is(api, "data") && is(jobs, "jobs") && is(kind, "ingest") => {
            Some(short_job_id(job).to_owned())
        }
        _ => batch_asked(target),
    }
}

/// The records that the rows of bulk results became; nothing where a row became none, or nobody can tell.
///
/// Shape:  a table whose first column is `sf__Id`, or whose columns are those of Bulk v1 results.
/// Bounds: `rows_max` rows.
pub fn result_ids(results: &[u8], rows_max: usize) -> Option<BTreeSet<RecordId>> {
    let text = std::str::from_utf8(results).ok()?;
    let rows = cells_at(text.trim_start_matches('\u{feff}'))?;
    let ((header, _), rows) = rows.split_first()?;
    let names: Vec<&str> = header.iter().map(AsRef::as_ref).collect();
    let is_told = names.first() == Some(&"sf__Id") || names == ["Id", "Success", "Created", "Error"];
    if !is_told || rows.len() > rows_max {
        return None;
    }
    rows.iter().map(|(cells, _)| RecordId::parse(cells.first()?)).collect()
}

fn is(segment: &str, word: &str) -> bool {
    segment.eq_ignore_ascii_case(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_a_job_or_of_a_batch() {
        let check = |target: &str, want: Option<&str>| {
            assert_eq!(sent_rows(target).as_deref(), want, "{target}");
        };
        check("/services/data/v65.0/jobs/ingest/750000000000001AAA/failedResults", Some("750000000000001"));
        check(
            "/x//Services/async/65.0/job/750000000000001/batch/751000000000002AAA/request",
            Some("751000000000002"),
        );
        check("/services/async/65.0/job/750000000000001/batch", None);
        check("/services/data/v65.0/jobs/query/750000000000001AAA/results", None);
        check("/jobs/ingest/750000000000001AAA", None);
    }

    #[test]
    fn results_tell_records_only_if_each_row_became_one() {
        let check = |results: &str, want: Option<usize>| {
            assert_eq!(result_ids(results.as_bytes(), 2).map(|ids| ids.len()), want, "{results}");
        };
        let (one, two) = ("003000000000001AAA", "003000000000002AAA");
        check(&format!("\"sf__Id\",\"sf__Created\",LastName\n{one},true,a\n{two},true,b\n"), Some(2));
        check(&format!("Id,Success,Created,Error\n{one},true,true,\n"), Some(1));
        check("sf__Id,sf__Error,LastName\n", Some(0));
        check("sf__Id,sf__Error,LastName\n,no,a\n", None);
        check(&format!("Id,LastName\n{one},a\n"), None);
        check(&format!("LastName,sf__Id\na,{one}\n"), None);
        check(&format!("sf__Id\n{one}\n{one}\n{one}\n"), None);
        for other in ["", "<results/>", "[]"] {
            check(other, None);
        }
    }
}
