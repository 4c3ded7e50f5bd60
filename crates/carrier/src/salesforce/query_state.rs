//! The state of a bulk query's job, and what it tells of how many rows there are.

use std::ops::Range;

use super::read::is_json;
use crate::{
    span::{self, Edit, edited},
    xml::{Element, Xml},
};

/// Whether a target asks for the state of a job of Bulk v1, or of its batches.
pub fn is_job_state(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or(target);
    let segments: Vec<String> =
        path.split('/').filter(|one| !one.is_empty()).map(str::to_ascii_lowercase).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    matches!(
        segments[..],
        ["services", "async", _, "job", _]
            | ["services", "async", _, "job", _, "batch"]
            | ["services", "async", _, "job", _, "batch", _]
    )
}

/// The state of a job, of a batch or of several, without how many rows a query found; nothing where it tells none.
///
/// Shape:  JSON or XML; whether a batch of this id is of a query -> the same with null for `numberRecordsProcessed` of each
///         query, or without that element.
pub fn without_processed(answer: &[u8], is_batch: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let is_query = |said: &dyn Fn(&str) -> Option<String>| {
        said("operation").is_some_and(|operation| operation.to_ascii_lowercase().starts_with("query"))
            || said("id").is_some_and(|id| is_batch(&id))
    };
    let edits = if is_json(answer) { in_json(answer, &is_query) } else { in_xml(answer, &is_query)? };
    (!edits.is_empty()).then(|| edited(answer, edits))
}

/// Whether that of which this says its members is a query.
type IsQuery<'f> = dyn Fn(&dyn Fn(&str) -> Option<String>) -> bool + 'f;

const PROCESSED: &str = "numberRecordsProcessed";

fn in_json(answer: &[u8], is_query: &IsQuery<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut left: Vec<Range<usize>> = span::whole(answer).into_iter().collect();
    while let Some(at) = left.pop() {
        left.extend(span::items(answer, &at).unwrap_or_default());
        let said = |name: &str| span::unescaped(answer, &span::member(answer, &at, name)?);
        let is_query = is_query(&said);
        for member in span::members(answer, &at).unwrap_or_default() {
            if is_query && span::unescaped(answer, &member.name).as_deref() == Some(PROCESSED) {
                edits.push(Edit { at: member.value, with: b"null".to_vec() });
            } else {
                left.push(member.value);
            }
        }
    }
    edits
}

fn in_xml(answer: &[u8], is_query: &IsQuery<'_>) -> Option<Vec<Edit>> {
    let (mut xml, root) = Xml::open(answer).ok()?;
    let root = xml.element(root).ok()?;
    xml.finish().ok()?;
    let mut edits = Vec::new();
    let mut left: Vec<&Element<'_>> = vec![&root];
    while let Some(element) = left.pop() {
        let said = |name: &str| element.child(name).map(|child| child.text.to_string());
        if is_query(&said) {
            let counts = element.children.iter().filter(|child| child.name.local == PROCESSED);
            edits.extend(counts.map(|child| Edit { at: child.span.clone(), with: Vec::new() }));
        }
        left.extend(&element.children);
    }
    Some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_of_rows_of_a_query_stays() {
        let check = |text: &str, want: Option<&str>| {
            let left = without_processed(text.as_bytes(), |id| id == "751Q");
            assert_eq!(left.map(|left| String::from_utf8(left).unwrap()).as_deref(), want, "{text}");
        };
        check(
            r#"{"id":"751Q","numberRecordsProcessed":29}"#,
            Some(r#"{"id":"751Q","numberRecordsProcessed":null}"#),
        );
        check(
            r#"{"records":[{"id":"751Q","number\u0052ecordsProcessed" : 29},{"a":1}]}"#,
            Some(r#"{"records":[{"id":"751Q","number\u0052ecordsProcessed" : null},{"a":1}]}"#),
        );
        check(
            r#"{"operation":"queryAll","numberRecordsProcessed":"29"}"#,
            Some(r#"{"operation":"queryAll","numberRecordsProcessed":null}"#),
        );
        check(r#"{"operation":"insert","numberRecordsProcessed":29}"#, None);
        check(
            "<l><b><id>751Q</id><numberRecordsProcessed>9</numberRecordsProcessed></b><b><id>751I</id><numberRecordsProcessed>9</numberRecordsProcessed></b></l>",
            Some(
                "<l><b><id>751Q</id></b><b><id>751I</id><numberRecordsProcessed>9</numberRecordsProcessed></b></l>",
            ),
        );
        check(
            "<s:jobInfo xmlns:s=\"x\"><s:operation>query</s:operation><s:numberRecordsProcessed>9</s:numberRecordsProcessed></s:jobInfo>",
            Some("<s:jobInfo xmlns:s=\"x\"><s:operation>query</s:operation></s:jobInfo>"),
        );
        check(r#"{"id":"750"}"#, None);
        check("no state", None);
    }

    #[test]
    fn the_state_of_a_job_is_asked_at_its_address() {
        for (target, want) in [
            ("/services/data/v67.0/jobs/query/750000000000001AAA", false),
            ("/services/data/v67.0/jobs/query/750000000000001AAA?x=y", false),
            ("//services/data/v67.0/JOBS/Query", false),
            ("/services/async/60.0/job/750/batch", true),
            ("/services/async/60.0/job/750/batch/751/result", false),
            ("/services/data/v67.0/jobs/query/750000000000001AAA/results", false),
            ("/services/data/v67.0/jobs/ingest/750000000000001AAA", false),
        ] {
            assert_eq!(is_job_state(target), want, "{target}");
        }
    }
}
