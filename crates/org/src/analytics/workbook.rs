//! A report as a workbook of one sheet, as programs that make them usually do: texts in a table that cells share.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{archive::Pack, xml::escape};

pub(super) const MEDIA_TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The rows, the labels first, and behind an empty row a row for each line below them.
///
/// Bounds: all of it is held; the caller bounds the rows.
pub(super) fn written(rows: Vec<Vec<String>>, below: [String; 5]) -> Vec<u8> {
    let below = below.into_iter().map(|text| vec![text]);
    let (mut sheet, mut strings) = (String::new(), Strings::default());
    for (number, row) in (1..).zip(rows.into_iter().chain([Vec::new()]).chain(below)) {
        write!(sheet, "<row r=\"{number}\">").unwrap_or_default();
        for (place, text) in row.into_iter().enumerate().filter(|(_, text)| !text.is_empty()) {
            let (column, string) = (column(place), strings.place(text));
            write!(sheet, "<c r=\"{column}{number}\" t=\"s\"><v>{string}</v></c>").unwrap_or_default();
        }
        sheet.push_str("</row>");
    }
    let sheet = format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{sheet}</sheetData></worksheet>");
    let mut pack = Pack::new();
    let strings = strings.written();
    for (name, content) in PARTS
        .into_iter()
        .chain([("xl/worksheets/sheet1.xml", sheet.as_str()), ("xl/sharedStrings.xml", strings.as_str())])
    {
        let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n{content}");
        pack.put(name, declared.as_bytes());
    }
    pack.finish()
}

/// Texts, each once, in the order in which they were used first.
#[derive(Default)]
struct Strings {
    places: BTreeMap<String, usize>,
    order: String,
    uses: usize,
}

impl Strings {
    fn place(&mut self, text: String) -> usize {
        self.uses += 1;
        let next = self.places.len();
        *self.places.entry(text).or_insert_with_key(|text| {
            write!(self.order, "<si><t xml:space=\"preserve\">{}</t></si>", escape(text)).unwrap_or_default();
            next
        })
    }

    fn written(self) -> String {
        let (uses, count) = (self.uses, self.places.len());
        format!("<sst xmlns=\"{MAIN}\" count=\"{uses}\" uniqueCount=\"{count}\">{}</sst>", self.order)
    }
}

/// What the column at a place is called: `A` to `Z`, `AA` and so on.
fn column(place: usize) -> String {
    let (above, letter) = (place / 26, u8::try_from(place % 26).unwrap_or_default());
    let above = above.checked_sub(1).map_or_else(String::new, column);
    above + &char::from(b'A' + letter).to_string()
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

const PARTS: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        concat!(
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
            "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
            "<Default Extension=\"xml\" ContentType=\"application/xml\"/>",
            "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>",
            "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
            "<Override PartName=\"/xl/sharedStrings.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml\"/>",
            "</Types>"
        ),
    ),
    (
        "_rels/.rels",
        concat!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
            "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>",
            "</Relationships>"
        ),
    ),
    (
        "xl/workbook.xml",
        concat!(
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" ",
            "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">",
            "<sheets><sheet name=\"Report\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
        ),
    ),
    (
        "xl/_rels/workbook.xml.rels",
        concat!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
            "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>",
            "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\" Target=\"sharedStrings.xml\"/>",
            "</Relationships>"
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_called_by_letters() {
        for (place, want) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(column(place), want);
        }
    }

    #[test]
    fn texts_that_are_alike_are_written_once() {
        let mut strings = Strings::default();
        assert_eq!(["a", "<b>", "a"].map(|text| strings.place(text.to_owned())), [0, 1, 0]);
        let written = strings.written();
        assert!(
            written.contains("count=\"3\" uniqueCount=\"2\"") && written.contains("&lt;b&gt;"),
            "{written}"
        );
    }
}
