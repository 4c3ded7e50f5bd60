//! What was split, for people and for machines.

use mark::VerdictName;

use super::{manifest::Manifest, part::manifest_beside};
use crate::{
    arguments::FilterArguments,
    judge_command::plain,
    printer::{Printer, Style},
};

/// Tells what was kept, what was withheld, and where that is written down.
pub(super) fn tell(arguments: &FilterArguments, manifest: &Manifest<'_>, printer: &Printer) {
    if arguments.json {
        printer.line(&manifest.to_json(&arguments.kept, &arguments.withheld));
        return;
    }
    let ruling = manifest.logged.item();
    let counts = ruling.counts();
    let split = ruling.split();
    let found = VerdictName::ALL.into_iter().filter(|name| counts.of(*name) > 0);
    let found: Vec<String> = found.map(|name| format!("{} {name}", counts.of(name))).collect();
    printer.line(&format!(
        "{} at boundary `{}`, to {}: {}",
        records(counts.records),
        ruling.boundary(),
        arguments.action,
        found.join(", ")
    ));
    let digits = counts.records.to_string().len().max(3);
    let row = |style, word: &str, count: u64, path: &std::path::Path| {
        let word = printer.paint(style, &format!("{word:<9}"));
        printer.line(&format!("  {word}{count:>digits$}  {}", plain(&path.display().to_string())));
        let manifest = plain(&manifest_beside(path).display().to_string());
        printer.line(&printer.paint(Style::Faint, &format!("  {:<9}{:>digits$}  {manifest}", "", "")));
    };
    row(Style::Good, "kept", split.kept.records, &arguments.kept);
    row(Style::Stop, "withheld", split.withheld.records, &arguments.withheld);
    printer.line(&format!(
        "  {:<9}entry {} of `{}`, by {}",
        "ruling",
        manifest.logged.index(),
        manifest.logged.origin(),
        ruling.version()
    ));
    if split.withheld.records > 0 {
        let policies: Vec<&str> = ruling.policies().collect();
        let why = if policies.is_empty() {
            "no policy permits them here".to_owned()
        } else {
            format!("decided by {}", policies.join(", "))
        };
        printer.line("");
        printer.line(&format!(
            "{} may not pass: {why}. `eosin judge {}` says what each of them is.",
            records(split.withheld.records),
            plain(&arguments.withheld.display().to_string())
        ));
    }
}

fn records(count: u64) -> String {
    if count == 1 { "1 record".to_owned() } else { format!("{count} records") }
}
