//! A report's file as it leaves: the rows of each chunk that are kept, packed where its form is a packed one.
//!
//! Source: spec/deliveries.md section 9.

use std::borrow::Cow;

use super::{
    report_file::{NotReport, ReportChunk, ReportForm, ReportLeaving},
    report_workbook::WorkbookWriter,
};
use crate::archive::WriteFault;

/// Writes a report's file, chunk by chunk in their order.
#[derive(Debug)]
pub struct ReportWriter {
    name: String,
    leaving: ReportLeaving,
    workbook: Option<WorkbookWriter>,
}

/// What may leave of a report's file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportUnwritten {
    /// Labels that are no text, or more around the rows than is held.
    #[error(transparent)]
    NotReport(#[from] NotReport),
    /// More than a workbook has room for.
    #[error(transparent)]
    NoRoom(#[from] WriteFault),
}

impl ReportWriter {
    /// A file of the report with this name.
    pub fn new(name: impl Into<String>, leaving: ReportLeaving) -> Self {
        let workbook = (leaving.form == ReportForm::Workbook).then(WorkbookWriter::default);
        Self { name: name.into(), leaving, workbook }
    }

    /// The next of the file: of this chunk the rows that are to be kept. Those that leave whole keep their bytes.
    ///
    /// Of what stands below the rows each line keeps its place. What could count them is left empty: a line with a digit
    /// that is neither the report's name nor one that Salesforce writes below every report.
    ///
    /// Shape:  one item for each row, and what [`ReportChunk::leaving`] gave of it. The last chunk ends the file.
    /// Errors: [`ReportUnwritten`].
    pub fn select(
        &mut self,
        chunk: &ReportChunk,
        keep: &[bool],
        written: &[Cow<'_, [u8]>],
    ) -> Result<Vec<u8>, ReportUnwritten> {
        let kept = chunk.select(keep, written, &self.name, self.leaving)?;
        let Some(workbook) = &mut self.workbook else { return Ok(kept) };
        let mut packed = workbook.write(&kept)?;
        if chunk.is_last() {
            packed.extend(workbook.finish()?);
        }
        Ok(packed)
    }
}
