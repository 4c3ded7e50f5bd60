//! The forms of a report's file that are written anew: what each begins with, how its lines are made, and what ends it.

use super::{
    report_file::{NotReport, ReportForm},
    report_sheet, report_workbook,
};

/// How a form is written: a line of labels, lines of rows, and what stands below them.
pub(super) struct Table {
    /// What comes before the labels.
    pub(super) opening: &'static str,
    /// What ends the rows.
    pub(super) rows_end: &'static str,
    /// What ends the file, or its sheet.
    pub(super) closing: &'static str,
    /// The labels without their line end, in a line of at most so many bytes.
    pub(super) labels: fn(&[String], usize) -> Result<Vec<u8>, NotReport>,
    /// A row without its line end, in a line of at most so many bytes.
    pub(super) row: fn(&[String], usize) -> Result<Vec<u8>, NotReport>,
    /// Appends a line that stands below the rows.
    pub(super) write_below: fn(&mut Vec<u8>, &str) -> Result<(), NotReport>,
}

impl ReportForm {
    /// How it is written; nothing for rows that keep their bytes.
    pub(super) fn table(self) -> Option<&'static Table> {
        match self {
            Self::Csv => None,
            Self::Sheet => Some(&SHEET),
            Self::Workbook => Some(&WORKBOOK),
        }
    }
}

static SHEET: Table = Table {
    opening: report_sheet::OPENING,
    rows_end: report_sheet::ROWS_END,
    closing: report_sheet::CLOSING,
    labels: report_sheet::labels,
    row: report_sheet::row,
    write_below: report_sheet::write_below,
};

static WORKBOOK: Table = Table {
    opening: report_workbook::OPENING,
    rows_end: report_workbook::ROWS_END,
    closing: report_workbook::CLOSING,
    labels: report_workbook::labels,
    row: report_workbook::row,
    write_below: report_workbook::write_below,
};
