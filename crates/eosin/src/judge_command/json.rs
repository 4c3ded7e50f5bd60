//! The report for machines: findings as they come, then the counts.

use std::fmt::Write as _;

use mark::VerdictName;
use serde::Serialize;

use super::{
    finding::{Finding, plain},
    summary::{FileSummary, Summary},
    tally::Tally,
};
use crate::{input::Skipped, printer::Printer};

/// Writes `{"findings": […], "counts": {…}, …}`, a finding a line, without keeping them.
pub(super) struct JsonReport {
    printer: Printer,
    buffer: String,
    is_first: bool,
}

/// So much is gathered before it is written.
const BUFFER_BYTES: usize = 64 << 10;

impl JsonReport {
    /// Begins the object.
    pub(super) fn begin(printer: &Printer) -> Self {
        Self { printer: printer.clone(), buffer: "{\"findings\":[".to_owned(), is_first: true }
    }

    /// Adds a finding.
    pub(super) fn add(&mut self, finding: &Finding) {
        self.buffer.push_str(if self.is_first { "\n" } else { ",\n" });
        self.is_first = false;
        // Text only: writing cannot fail.
        self.buffer.push_str(&serde_json::to_string(finding).unwrap_or_default());
        if self.buffer.len() >= BUFFER_BYTES {
            self.printer.data(&self.buffer);
            self.buffer.clear();
        }
    }

    /// Ends the object with the counts, of all and of each file, and with what was not read.
    pub(super) fn finish(mut self, summary: &Summary) {
        let refused = summary.refused.iter().map(|report| plain(&report.to_string())).collect();
        let rest = Rest {
            counts: Counts::of(&summary.all),
            strongly_suspected: summary.all.strongly_suspected(),
            files: summary.files.iter().map(FileBody::of).collect(),
            skipped: &summary.skipped,
            refused,
            recogniser: summary.recognised_by.recogniser.as_deref(),
            registry: summary.recognised_by.registry.as_deref(),
        };
        // Text and numbers only: writing cannot fail.
        let rest = serde_json::to_string(&rest).unwrap_or_default();
        writeln!(self.buffer, "],\n{}", rest.trim_start_matches('{')).ok();
        self.printer.data(&self.buffer);
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest<'s> {
    counts: Counts,
    strongly_suspected: u64,
    files: Vec<FileBody<'s>>,
    skipped: &'s [Skipped],
    refused: Vec<String>,
    recogniser: Option<&'s str>,
    registry: Option<&'s str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileBody<'s> {
    file: &'s str,
    format: &'static str,
    records: u64,
    counts: Counts,
    strongly_suspected: u64,
    shares: Vec<ShareBody>,
}

/// How much of a file's records without a mark one generator made: parts of 1.
#[derive(Serialize)]
struct ShareBody {
    generator: &'static str,
    share: f64,
    low: f64,
    high: f64,
}

impl<'s> FileBody<'s> {
    fn of(file: &'s FileSummary) -> Self {
        Self {
            file: &file.name,
            format: file.format,
            records: file.tally.total(),
            counts: Counts::of(&file.tally),
            strongly_suspected: file.tally.strongly_suspected(),
            shares: file
                .shares
                .iter()
                .filter_map(|share| {
                    let recognise::Share { generator, share, low, high } = *share;
                    Some(ShareBody { generator: generator?, share, low, high })
                })
                .collect(),
        }
    }
}

/// Counts in the order of reports.
struct Counts(Vec<(&'static str, u64)>);

impl Counts {
    fn of(tally: &Tally) -> Self {
        Self(VerdictName::ALL.into_iter().map(|name| (name.as_str(), tally.count(name))).collect())
    }
}

impl Serialize for Counts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}
