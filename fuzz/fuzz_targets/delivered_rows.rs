//! A delivered file of any bytes, as what the first byte picks: it is cut into rows or refused, the rows of all but a workbook, which
//! packs them, stand in it, in order, and of a report that leaves in any form the rows that left are cut again.
#![no_main]

use std::borrow::Cow;

use carrier::{
    Limits,
    delivered::{SALESFORCE_XML, SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK, delimited, each_row, is_cut},
    salesforce::{ReportForm, ReportLeaving, ReportRows, ReportWriter},
};

const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };
const DELIMITERS: [u8; 5] = *b"`^|;\t";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((pick, file)) = bytes.split_first() else { return };
    let named = [SALESFORCE_XML, SAVED_REPORT, SAVED_SHEET, SAVED_WORKBOOK];
    let formats: Vec<&str> = named.into_iter().chain(DELIMITERS.into_iter().filter_map(delimited)).collect();
    let format = formats[usize::from(*pick) % formats.len()];
    assert!(formats.len() == 9 && is_cut(format));
    if let Some(rows) = cut(format, file)
        && format != SAVED_WORKBOOK
    {
        let mut rest = file;
        for row in rows.iter().filter(|row| !row.is_empty()) {
            let at =
                rest.windows(row.len()).position(|bytes| bytes == row).expect("a row stands in its file");
            rest = &rest[at + row.len()..];
        }
    }
    for (form, format) in [
        (ReportForm::Csv, SAVED_REPORT),
        (ReportForm::Sheet, SAVED_SHEET),
        (ReportForm::Workbook, SAVED_WORKBOOK),
    ] {
        // What has no labels is refused before it comes so far.
        if let (Some((left, rows)), false) = (leave(file, form), file.is_empty()) {
            assert_eq!(cut(format, &left), Some(rows), "{format}");
        }
    }
});

/// The rows of a file; nothing where it is not of the format.
fn cut(format: &str, file: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rows = Vec::new();
    let count = each_row(format, file, "Contact", LIMITS, |row| rows.push(row.to_vec()))
        .expect("a format that is cut");
    let count = count.ok()?;
    assert_eq!(count, rows.len() as u64);
    Some(rows)
}

/// What leaves of a report in this form, without every third row, and its rows.
fn leave(report: &[u8], form: ReportForm) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let leaving = ReportLeaving { form, columns: None };
    let mut writer = ReportWriter::new("All 3", leaving);
    let (mut file, mut kept) = (Vec::new(), Vec::new());
    let mut chunks = ReportRows::new(report, LIMITS);
    while let Some(chunk) = chunks.next_chunk().ok()? {
        let written: Vec<Cow<'_, [u8]>> =
            (0..chunk.len()).map(|at| chunk.leaving(at, leaving)).collect::<Result<_, _>>().ok()?;
        let keep: Vec<bool> = (0..chunk.len()).map(|at| at % 3 != 1).collect();
        file.extend(writer.select(&chunk, &keep, &written).ok()?);
        kept.extend(written.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(row, _)| row.into_owned()));
    }
    Some((file, kept))
}
