//! The org's words about bulk rows that failed, without the ids of rows that the client did not name.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    span::{Edit, edited},
    xml::{Element, Xml},
};

use super::{
    id::{RecordId, words},
    shown::{ShownRows, Stripped, Telling},
};

/// What stands for an id.
const UNTOLD: &str = "(not shown)";

/// The results of bulk rows, with no id in the words of an error but one that its own row has; nothing where nothing
/// changes.
///
/// Shape:  a table with a column `sf__Error` or `Error`, elements `message`, or members `message`.
/// Bounds: `rows_max` rows of JSON, and those of the XML reader; linear.
pub fn untold_failures(results: &[u8], rows_max: usize) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(results).ok()?;
    match text.trim_start_matches('\u{feff}').trim_start().as_bytes().first()? {
        b'<' => in_xml(results),
        b'[' | b'{' => {
            let rows = ShownRows::find(results, Telling::Rows, rows_max).ok()?;
            rows.without(&BTreeSet::new(), &Stripped::default())
        }
        _ => in_table(text),
    }
}

fn in_xml(results: &[u8]) -> Option<Vec<u8>> {
    fn gather(element: &Element<'_>, found: &mut Vec<Range<usize>>) {
        if element.name.local == "message" {
            found.push(element.inside.clone());
        }
        for child in &element.children {
            gather(child, found);
        }
    }
    let (mut xml, root) = Xml::open(results).ok()?;
    let mut messages = Vec::new();
    gather(&xml.element(root).ok()?, &mut messages);
    let edits = messages.into_iter().flat_map(|at| {
        let text =
            results.get(at.clone()).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
        untold(text, at.start, &BTreeSet::new())
    });
    let edits: Vec<Edit> = edits.collect();
    (!edits.is_empty()).then(|| edited(results, edits))
}

/// Takes out the ids of a text that are not known.
fn untold(text: &str, from: usize, known: &BTreeSet<RecordId>) -> Vec<Edit> {
    let other = words(text).filter(|(_, id)| !known.contains(id));
    let edit =
        |at: Range<usize>| Edit { at: from + at.start..from + at.end, with: UNTOLD.as_bytes().to_vec() };
    other.map(|(at, _)| edit(at)).collect()
}

fn in_table(text: &str) -> Option<Vec<u8>> {
    let mut rows = Rows { text, at: 0, delimiter: None };
    let header = rows.next()?;
    let name = |cell: &Range<usize>| text.get(cell.clone()).unwrap_or_default().trim_matches('"').to_owned();
    let is_error = |cell: &Range<usize>| matches!(name(cell).as_str(), "sf__Error" | "Error");
    let column = header.iter().position(is_error)?;
    let mut edits = Vec::new();
    for row in rows {
        let Some(cell) = row.get(column).cloned() else { continue };
        let own = row.iter().enumerate().filter(|(at, _)| *at != column);
        let known =
            own.flat_map(|(_, cell)| words(text.get(cell.clone()).unwrap_or_default()).map(|(_, id)| id));
        let known: BTreeSet<RecordId> = known.collect();
        edits.extend(untold(text.get(cell.clone()).unwrap_or_default(), cell.start, &known));
    }
    (!edits.is_empty()).then(|| edited(text.as_bytes(), edits))
}

/// The rows of a table, each as the places of its cells, with their quotes.
struct Rows<'t> {
    text: &'t str,
    at: usize,
    /// What stands between cells: known after the first one, as a job may choose it.
    delimiter: Option<u8>,
}

impl Iterator for Rows<'_> {
    type Item = Vec<Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let (mut cells, mut start, mut quoted) = (Vec::new(), self.at, false);
        if start >= bytes.len() {
            return None;
        }
        loop {
            let byte = bytes.get(self.at).copied();
            let ends_row = byte.is_none_or(|byte| !quoted && byte == b'\n');
            let is_delimiter = |byte: u8| match self.delimiter {
                Some(delimiter) => byte == delimiter,
                None => b",;\t|`^".contains(&byte),
            };
            let ends_cell = !quoted && byte.is_some_and(is_delimiter);
            if ends_row || ends_cell {
                cells.push(start..self.at);
                self.delimiter = self.delimiter.or(byte.filter(|_| ends_cell));
                start = self.at + 1;
            }
            quoted ^= byte == Some(b'"');
            self.at += 1;
            if ends_row {
                return Some(cells);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(results: &str, want: &str) {
        let got = untold_failures(results.as_bytes(), 10);
        let got = got.map_or_else(|| results.to_owned(), |got| String::from_utf8(got).unwrap());
        assert_eq!(got, want);
    }

    #[test]
    fn ids_in_the_words_of_errors_go_and_data_stays() {
        let named = "DUPLICATE_VALUE:X duplicates value on record with id: 003000000000001:--";
        let left = "DUPLICATE_VALUE:X duplicates value on record with id: (not shown):--";
        for (before, after) in
            [("\"sf__Id\",\"sf__Error\",\"Name\"\n", "\n"), ("sf__Id;sf__Error;Name\r\n", "")]
        {
            let delimiter = if before.contains(';') { ";" } else { "," };
            let row = |error: &str| {
                format!(
                    "{before}\"\"{delimiter}\"{error}\"{delimiter}\"of 003000000000002AAA\n\"\"x\"\"\"{after}"
                )
            };
            check(&row(named), &row(left));
        }
        check(
            &format!("Id,Success,Created,Error\n,false,false,{named}\n"),
            &format!("Id,Success,Created,Error\n,false,false,{left}\n"),
        );
        // What the row itself names is no news.
        let own = format!("\"sf__Id\",\"sf__Error\",\"Id\"\n\"\",\"{named}\",\"003000000000001AAA\"\n");
        check(&own, &own);
        let xml = |words: &str| {
            format!(
                "<results xmlns=\"x\"><result><errors><message>{words}</message></errors><id>003000000000001AAA</id></result></results>"
            )
        };
        check(&xml(named), &xml(left));
        let json = |words: &str| {
            format!(
                "[{{\"errors\":[{{\"message\":\"{words}\",\"statusCode\":\"X\"}}],\"id\":null,\"success\":false}}]"
            )
        };
        check(&json(named), &json(left));
        for plain in ["", "Id,Success\n003000000000001AAA,true\n", "<a", "[1,"] {
            check(plain, plain);
        }
    }
}
