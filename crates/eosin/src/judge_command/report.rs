//! The report for people: counts, findings, and what they mean.

use mark::VerdictName;

use super::{
    finding::{Finding, plain},
    summary::Summary,
    tally::Tally,
};
use crate::printer::{Printer, Style};

/// Keeps as many findings as will be shown.
pub(super) struct Report {
    kept: Vec<Finding>,
    shown_max: usize,
    is_verbose: bool,
}

/// Findings shown without `-v`.
const SHOWN: usize = 50;
/// Findings shown with `-v`; `--json` gives all.
const SHOWN_VERBOSE: usize = 10_000;

impl Report {
    pub(super) fn new(printer: &Printer) -> Self {
        let shown_max = if printer.verbosity() == 0 { SHOWN } else { SHOWN_VERBOSE };
        Self { kept: Vec::new(), shown_max, is_verbose: printer.verbosity() > 0 }
    }

    /// How many findings are shown at most.
    pub(super) fn shown_max(&self) -> usize {
        self.shown_max
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.kept.len() < self.shown_max {
            self.kept.push(finding);
        }
    }

    /// Prints everything.
    pub(super) fn finish(self, summary: &Summary, printer: &Printer) {
        let tally = &summary.all;
        if tally.total() > 0 {
            counts(tally, printer);
            self.files(summary, printer);
            self.shares(summary, printer);
            self.findings(tally.findings(), summary.files.len() > 1, printer);
            printer.line("");
            printer.line(&tally.meaning());
        }
        if self.is_verbose {
            judged_by(summary, printer);
        }
        skipped(summary, self.is_verbose, printer);
        for hint in tally.hints() {
            printer.note(&format!("hint: {}", plain(hint)));
        }
    }

    /// Each file in a line, where there are several.
    fn files(&self, summary: &Summary, printer: &Printer) {
        if summary.files.len() < 2 {
            return;
        }
        let shown = if self.is_verbose { usize::MAX } else { FILES_SHOWN };
        let kept = || summary.files.iter().take(shown);
        let digits = kept().map(|file| file.tally.total().to_string().len()).max().unwrap_or(1).max(7);
        printer.line("");
        printer.line(&printer.paint(Style::Strong, &format!("{:>digits$}  file", "records")));
        for file in kept() {
            let counts = VerdictName::ALL.into_iter().filter(|name| file.tally.count(*name) > 0);
            let counts: Vec<String> =
                counts.map(|name| format!("{} {}", file.tally.count(name), name)).collect();
            printer.line(&format!(
                "{:>digits$}  {}: {}",
                file.tally.total(),
                plain(&file.name),
                counts.join(", ")
            ));
        }
        let more = summary.files.len().saturating_sub(shown);
        if more > 0 {
            printer.line(&printer.paint(Style::Faint, &format!("… and {more} more files: `-v` shows all")));
        }
    }

    /// How much of each file a known generator made.
    fn shares(&self, summary: &Summary, printer: &Printer) {
        let several = summary.files.len() > 1;
        let said = summary.files.iter().flat_map(|file| {
            let name = if several { format!("{}: ", plain(&file.name)) } else { String::new() };
            file.said_of_shares().map(move |said| format!("{name}{said}"))
        });
        let shown = if self.is_verbose { usize::MAX } else { FILES_SHOWN };
        for (at, said) in said.take(shown).enumerate() {
            if at == 0 {
                printer.line("");
            }
            printer.line(&said);
        }
    }

    fn findings(&self, all: u64, several: bool, printer: &Printer) {
        if self.kept.is_empty() {
            return;
        }
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
            if self.is_verbose {
                grounds(finding, printer);
            }
        }
        let left_out = all.saturating_sub(self.kept.len() as u64);
        if left_out > 0 {
            let more =
                if self.shown_max == SHOWN { "`-v` shows more, `--json` all" } else { "`--json` gives all" };
            printer.line(&printer.paint(Style::Faint, &format!("… and {left_out} more: {more}")));
        }
    }
}

/// Files shown one by one without `-v`.
const FILES_SHOWN: usize = 20;
/// A column is not made wider than this for one long place.
const COLUMN_WIDTH_MAX: usize = 48;

fn counts(tally: &Tally, printer: &Printer) {
    let total = tally.total();
    let digits = total.to_string().len().max(3);
    for name in VerdictName::ALL {
        let count = tally.count(name);
        let word = format!("{:<13}", name.as_str());
        let word = printer.paint(if count == 0 { Style::Faint } else { style(name.as_str()) }, &word);
        let strong = tally.strongly_suspected();
        let note = match (tally.modified(name), count) {
            (0, _) if name == VerdictName::Suspected && count > 0 => match (strong, count - strong) {
                (_, 0) => "   strongly".to_owned(),
                (0, _) => "   weakly".to_owned(),
                (strong, weak) => format!("   {strong} of them strongly, {weak} weakly"),
            },
            (0, _) => String::new(),
            (modified, all) if modified == all => "   modified since sealing".to_owned(),
            (modified, _) => format!("   {modified} of them modified since sealing"),
        };
        printer.line(&format!("{word}{count:>digits$}{note}"));
    }
}

fn verdict(finding: &Finding) -> String {
    match (finding.integrity, &finding.suspicion) {
        (Some(integrity), _) => format!("{}, {integrity}", finding.verdict),
        (None, Some(grounds)) => format!("{}, {}", finding.verdict, grounds.strength),
        (None, None) => finding.verdict.to_owned(),
    }
}

/// What a suspicion rests on, a line each.
fn grounds(finding: &Finding, printer: &Printer) {
    for signal in finding.suspicion.iter().flat_map(|grounds| &grounds.signals) {
        let bits = format!("{:+}.{}", signal.decibits / 10, signal.decibits.abs() % 10);
        printer.line(&printer.paint(Style::Faint, &format!("  {bits:>7} bits  {}", signal.name)));
    }
}

/// What recognised records without a mark.
fn judged_by(summary: &Summary, printer: &Printer) {
    let by = &summary.recognised_by;
    let recogniser = by.recogniser.as_deref().map(|version| format!("recognisers {version}"));
    let registry = by.registry.as_deref().map(|root| format!("registry snapshot {root}"));
    let asked: Vec<String> = recogniser.into_iter().chain(registry).collect();
    if !asked.is_empty() {
        printer.note(&format!("Records without a mark were looked up by: {}.", asked.join(", ")));
    }
}

/// What was passed over: each with its reason, or the first few.
fn skipped(summary: &Summary, is_verbose: bool, printer: &Printer) {
    let shown = if is_verbose { usize::MAX } else { FILES_SHOWN };
    for skipped in summary.skipped.iter().take(shown) {
        printer.note(&plain(&format!("skipped: {} {}", skipped.file, skipped.why)));
    }
    let more = summary.skipped.len().saturating_sub(shown);
    if more > 0 {
        printer.note(&format!("skipped: {more} more: `-v` names all, and so does `--json`"));
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
