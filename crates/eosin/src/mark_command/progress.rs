//! How far a reading is, on a terminal.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::{input::Input, printer::Printer};

/// A bar by bytes of the file; nothing where nobody watches.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn new(what: &'static str, path: &Path, input: &Input<'_>, printer: &Printer) -> Self {
        let length = std::fs::metadata(path).map_or(0, |found| found.len());
        let bar = if printer.is_terminal() { ProgressBar::new(length) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:8} {bar:32} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.set_position(input.consumed.get());
        Self { bar }
    }

    pub(super) fn update(&self, input: &Input<'_>) {
        self.bar.set_position(input.consumed.get());
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
