//! How far a reading is, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::Printer;

/// A bar by bytes of what is read; nothing where nobody watches.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

/// What takes no time needs no bar.
const BYTES_MIN: u64 = 8 << 20;
const ENTRIES_MIN: u64 = 20_000;

impl Progress {
    /// A bar that is done at `bytes`.
    pub(crate) fn new(what: &'static str, bytes: u64, printer: &Printer) -> Self {
        let is_watched = printer.is_terminal() && bytes >= BYTES_MIN;
        let bar = if is_watched { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:8} {bar:32} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar }
    }

    /// A bar that is done at so many entries.
    pub(crate) fn counting(what: &'static str, total: u64, printer: &Printer) -> Self {
        let is_watched = printer.is_terminal() && total >= ENTRIES_MIN;
        let bar = if is_watched { ProgressBar::new(total) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:8} {bar:32} {human_pos}/{human_len} {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        Self { bar }
    }

    /// So much was read.
    pub(crate) fn update(&self, consumed: u64) {
        self.bar.set_position(consumed);
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
