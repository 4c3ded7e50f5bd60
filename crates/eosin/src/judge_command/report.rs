//! The report for people: counts, findings, and what they mean.

use mark::VerdictName;

use super::{finding::Finding, tally::Tally};
use crate::printer::{Printer, Style};

/// Keeps as many findings as will be shown.
pub(super) struct Report {
    kept: Vec<Finding>,
    left_out: u64,
    shown_max: usize,
}

/// Findings shown without `-v`.
const SHOWN: usize = 50;
/// Findings shown with `-v`; `--json` gives all.
const SHOWN_VERBOSE: usize = 10_000;

impl Report {
    pub(super) fn new(printer: &Printer) -> Self {
        let shown_max = if printer.verbosity() == 0 { SHOWN } else { SHOWN_VERBOSE };
        Self { kept: Vec::new(), left_out: 0, shown_max }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.kept.len() < self.shown_max {
            self.kept.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    /// Prints everything.
    pub(super) fn finish(self, tally: &Tally, printer: &Printer) {
        if tally.total() == 0 {
            return;
        }
        counts(tally, printer);
        self.findings(printer);
        printer.line("");
        printer.line(&tally.meaning());
        for hint in tally.hints() {
            printer.note(&format!("hint: {}", super::finding::plain(hint)));
        }
    }

    fn findings(&self, printer: &Printer) {
        if self.kept.is_empty() {
            return;
        }
        let several =
            self.kept.iter().zip(self.kept.iter().skip(1)).any(|(one, other)| one.file != other.file);
        let place = |finding: &Finding| {
            if several { format!("{} {}", finding.file, finding.place) } else { finding.place.clone() }
        };
        let object = |finding: &Finding| finding.object.clone().unwrap_or_default();
        let width = |of: &dyn Fn(&Finding) -> String, name: &str| {
            let widest = self.kept.iter().map(|finding| of(finding).chars().count()).max().unwrap_or(0);
            widest.max(name.len()).min(COLUMN_WIDTH_MAX)
        };
        let (places, objects) = (width(&place, "place"), width(&object, "object"));
        let verdicts = width(&verdict, "verdict");
        printer.line("");
        let head = format!("{:<places$}  {:<objects$}  {:<verdicts$}  why", "place", "object", "verdict");
        printer.line(&printer.paint(Style::Strong, &head));
        for finding in &self.kept {
            let word = printer.paint(style(finding.verdict), &format!("{:<verdicts$}", verdict(finding)));
            printer.line(&format!(
                "{:<places$}  {:<objects$}  {word}  {}",
                place(finding),
                object(finding),
                finding.why
            ));
        }
        if self.left_out > 0 {
            let more =
                if self.shown_max == SHOWN { "`-v` shows more, `--json` all" } else { "`--json` gives all" };
            printer.line(&printer.paint(Style::Faint, &format!("… and {} more: {more}", self.left_out)));
        }
    }
}

/// A column is not made wider than this for one long place.
const COLUMN_WIDTH_MAX: usize = 48;

fn counts(tally: &Tally, printer: &Printer) {
    let total = tally.total();
    let digits = total.to_string().len().max(3);
    for name in VerdictName::ALL {
        let count = tally.count(name);
        let word = format!("{:<13}", name.as_str());
        let word = printer.paint(if count == 0 { Style::Faint } else { style(name.as_str()) }, &word);
        let note = match (tally.modified(name), count) {
            (0, _) => String::new(),
            (modified, all) if modified == all => "   modified since sealing".to_owned(),
            (modified, _) => format!("   {modified} of them modified since sealing"),
        };
        printer.line(&format!("{word}{count:>digits$}{note}"));
    }
}

fn verdict(finding: &Finding) -> String {
    match finding.integrity {
        Some(integrity) => format!("{}, {integrity}", finding.verdict),
        None => finding.verdict.to_owned(),
    }
}

fn style(verdict: &str) -> Style {
    match verdict {
        "synthetic" => Style::Synthetic,
        "attested" => Style::Good,
        "transplanted" | "forged" | "untrusted" | "unreadable" => Style::Stop,
        _ => Style::Strong,
    }
}
