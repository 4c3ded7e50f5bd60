//! The report for machines: findings as they come, then the counts.

use std::fmt::Write as _;

use mark::VerdictName;

use super::{finding::Finding, tally::Tally};
use crate::printer::Printer;

/// Writes `{"findings": […], "counts": {…}}`, a finding a line, without keeping them.
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

    /// Ends the object with the counts.
    pub(super) fn finish(mut self, tally: &Tally) {
        let mut counts = String::new();
        for name in VerdictName::ALL {
            // Writing to a string cannot fail.
            write!(counts, "\"{name}\":{},", tally.count(name)).ok();
        }
        let counts = counts.trim_end_matches(',');
        writeln!(self.buffer, "],\n\"counts\":{{{counts}}}}}").ok();
        self.printer.data(&self.buffer);
    }
}
