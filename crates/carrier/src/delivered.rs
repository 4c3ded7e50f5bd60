//! Files that a gateway delivered, cut into their rows again: what their certificates were made over.
//!
//! Files whose first bytes say what they are need nothing of this; see [`crate::table::sniff()`]. Here are those that only
//! their certificate tells. Source: spec/deliveries.md sections 5, 8 and 9.

use std::io::{self, BufRead};

use crate::{
    Limits,
    salesforce::{Job, ReportRows, ResultRows, ResultsIn, each_sheet_row, each_workbook_row},
    table::Chunks,
};

/// What results in XML are called, as a format.
pub const SALESFORCE_XML: &str = "Salesforce XML";

/// What a report saved as a file is called, as a format.
pub const SAVED_REPORT: &str = "a saved report";

/// What a report saved as a table for spreadsheets is called, as a format.
pub const SAVED_SHEET: &str = "a saved report as a sheet";

/// What a report saved as a workbook is called, as a format.
pub const SAVED_WORKBOOK: &str = "a saved report as a workbook";

/// Tables of Salesforce rows by what stands between their cells; those with commas tell it themselves.
const DELIMITED: [(u8, &str); 5] = [
    (b'`', "Salesforce CSV with backquotes"),
    (b'^', "Salesforce CSV with carets"),
    (b'|', "Salesforce CSV with pipes"),
    (b';', "Salesforce CSV with semicolons"),
    (b'\t', "Salesforce CSV with tabs"),
];

/// What a table of Salesforce rows is called that has this between its cells; nothing for commas.
pub fn delimited(delimiter: u8) -> Option<&'static str> {
    DELIMITED.iter().find(|(known, _)| *known == delimiter).map(|(_, name)| *name)
}

/// Whether a format is one of those that are read here.
pub fn is_cut(format: &str) -> bool {
    [SALESFORCE_XML, SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK].contains(&format)
        || DELIMITED.iter().any(|(_, name)| *name == format)
}

/// Gives each row of a delivered file, as it is written and without its line end; how many there are.
///
/// Shape:  `format` is what the certificate says; nothing where it is none of those that are read here.
/// Bounds: those of the format's own reader.
/// Errors: those of the input, and what is not a file of that format.
pub fn each_row(
    format: &str,
    input: impl BufRead,
    object: &str,
    limits: Limits,
    mut each: impl FnMut(&[u8]),
) -> Option<io::Result<u64>> {
    let delimiter = DELIMITED.iter().find(|(_, name)| *name == format).map(|(delimiter, _)| *delimiter);
    let mut count = 0;
    let mut give = |rows: Vec<&[u8]>| {
        count += rows.len() as u64;
        rows.into_iter().for_each(&mut each);
    };
    let read = match (format, delimiter) {
        (SALESFORCE_XML, _) => xml(input, object, limits, &mut give),
        (SAVED_REPORT, _) => report(input, limits, &mut give),
        (SAVED_SHEET, _) => each_sheet_row(input, limits.body_bytes, |row| give(vec![row])),
        (SAVED_WORKBOOK, _) => each_workbook_row(input, limits.body_bytes, |row| give(vec![row])),
        (_, Some(delimiter)) => table(input, object, delimiter, limits, &mut give),
        (_, None) => return None,
    };
    Some(read.map(|()| count))
}

fn xml(
    input: impl BufRead,
    object: &str,
    limits: Limits,
    give: &mut impl FnMut(Vec<&[u8]>),
) -> io::Result<()> {
    let mut rows = ResultRows::new(input, ResultsIn::Xml, object, limits);
    while let Some(chunk) = rows.next_chunk()? {
        give(chunk.row_bytes());
    }
    Ok(())
}

fn report(input: impl BufRead, limits: Limits, give: &mut impl FnMut(Vec<&[u8]>)) -> io::Result<()> {
    let mut rows = ReportRows::new(input, limits);
    while let Some(chunk) = rows.next_chunk()? {
        give((0..chunk.len()).map(|at| chunk.row(at)).collect());
    }
    Ok(())
}

fn table(
    input: impl BufRead,
    object: &str,
    delimiter: u8,
    limits: Limits,
    give: &mut impl FnMut(Vec<&[u8]>),
) -> io::Result<()> {
    let job = Job::of_rows(object.to_owned(), delimiter);
    let mut chunks = Chunks::of_rows(input, &job, limits);
    while let Some(chunk) = chunks.next_chunk()? {
        give(chunk.record_bytes().unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::{ReportForm, ReportLeaving, ReportWriter};

    const LIMITS: Limits = Limits { body_bytes: 1000, records: 1000 };

    /// A report as it leaves as a workbook.
    fn workbook(report: &str) -> Vec<u8> {
        let leaving = ReportLeaving { form: ReportForm::Workbook, columns: None };
        let chunk = ReportRows::new(report.as_bytes(), LIMITS).next_chunk().unwrap().unwrap();
        let rows: Vec<_> = (0..chunk.len()).map(|at| chunk.leaving(at, leaving).unwrap()).collect();
        ReportWriter::new("All", leaving).select(&chunk, &vec![true; rows.len()], &rows).unwrap()
    }

    #[test]
    fn rows_are_cut_as_they_were_when_they_were_delivered() {
        let report = "\"Contact ID\"\r\n\"1\"\r\n\"2\"\r\n\r\n\r\n\"All\"\r\n";
        let workbook = workbook(report);
        let cell = |text: u8| {
            format!("<row><c t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c></row>")
        };
        let xml = "<queryResult xmlns=\"urn\"><records><Id>1</Id></records><records><Id>2</Id></records></queryResult>";
        for (format, file, want) in [
            (
                SALESFORCE_XML,
                xml.as_bytes(),
                vec!["<records><Id>1</Id></records>", "<records><Id>2</Id></records>"],
            ),
            (SAVED_REPORT, report.as_bytes(), vec!["\"1\"", "\"2\""]),
            (SAVED_WORKBOOK, workbook.as_slice(), vec![cell(1).as_str(), cell(2).as_str()]),
            (
                SAVED_SHEET,
                "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\"></head><body>\n\
                 <table border=\"1\">\n<tr><th>A</th></tr>\n<tr><td>1</td></tr>\n</table>\n<p>All</p>\n</body></html>\n"
                    .as_bytes(),
                vec!["<tr><td>1</td></tr>"],
            ),
            ("Salesforce CSV with carets", "Id^LastName\r\n1^\"a\nb\"\r\n".as_bytes(), vec!["1^\"a\nb\""]),
        ] {
            let mut rows = Vec::new();
            let count = each_row(format, file, "Contact", LIMITS, |row| {
                rows.push(String::from_utf8(row.to_vec()).unwrap());
            });
            assert_eq!(
                (count.unwrap().unwrap(), rows),
                (want.len() as u64, want.into_iter().map(str::to_owned).collect())
            );
            assert!(is_cut(format));
        }
        assert!(
            !is_cut("Salesforce CSV") && delimited(b',').is_none() && delimited(b'^').is_some_and(is_cut)
        );
    }
}
