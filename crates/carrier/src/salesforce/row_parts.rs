//! The rows in a form of parts, beside their files: which ids they name, and the same form with others.

use std::{collections::BTreeSet, ops::Range};

use mark::Unreadable;

use crate::{
    multipart::{Media, parts},
    span::{Edit, edited},
};

use super::{
    id::RecordId,
    named::{Renamed, named_in_body, renamed_body},
};

/// The ids that the rows in a form name; none in what is no form of parts.
///
/// Errors: a form that two readers could cut differently.
pub fn named_in_form(content_type: Option<&str>, body: &[u8]) -> Result<BTreeSet<RecordId>, Unreadable> {
    let rows = rows_at(content_type, body)?;
    Ok(rows.iter().filter_map(|at| body.get(at.clone())).flat_map(named_in_body).collect())
}

/// The form with other ids in its rows; nothing where nothing changes. Files stay as they are.
pub fn renamed_form(content_type: Option<&str>, body: &[u8], renamed: &Renamed) -> Option<Vec<u8>> {
    let rows = rows_at(content_type, body).ok()?;
    let edits: Vec<Edit> = rows
        .into_iter()
        .filter_map(|at| Some(Edit { with: renamed_body(body.get(at.clone())?, renamed)?, at }))
        .collect();
    (!edits.is_empty()).then(|| edited(body, edits))
}

/// Where the rows of a form stand: in a part `entity_…`, or `collection`.
pub(super) fn rows_at(content_type: Option<&str>, body: &[u8]) -> Result<Vec<Range<usize>>, Unreadable> {
    let Ok(Media::Multipart { boundary }) = Media::of(content_type) else { return Ok(Vec::new()) };
    let parts = parts(&boundary, body)?.into_iter();
    Ok(parts
        .filter(|part| part.name.starts_with("entity_") || part.name == "collection")
        .map(|part| part.at)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "003000000000001AAA";
    const KIND: Option<&str> = Some("multipart/form-data; boundary=edge");

    fn form(parent: &str) -> String {
        format!(
            "--edge\r\nContent-Disposition: form-data; name=\"entity_attachment\"\r\n\r\n{{\"ParentId\":\"{parent}\"}}\r\n--edge\r\nContent-Disposition: form-data; name=\"Body\"; filename=\"a.json\"\r\n\r\n{{\"ParentId\":\"{A}\"}}\r\n--edge--\r\n"
        )
    }

    #[test]
    fn ids_in_the_rows_of_a_form_are_renamed_and_files_stay() {
        let body = form(A);
        let id = RecordId::parse(A).unwrap();
        assert_eq!(named_in_form(KIND, body.as_bytes()).unwrap(), [id].into());
        let after = renamed_form(KIND, body.as_bytes(), &[(id, id.absent(0))].into()).unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), form(&id.absent(0).long()));
        assert!(renamed_form(KIND, body.as_bytes(), &Renamed::new()).is_none());
        assert!(named_in_form(None, body.as_bytes()).unwrap().is_empty());
        assert!(named_in_form(KIND, b"--other").is_err());
    }
}
