//! What a person and a machine are told of a certificate, written or verified.

use std::{collections::BTreeMap, path::Path};

use certificate::{JudgedAgainst, Parts, State, Statement, Suspected};
use mark::{VerdictName, tlog_proof::TlogProof};

use crate::{
    arguments::CertifyArguments,
    config::Config,
    judge_command::plain,
    outcome::Outcome,
    printer::{Printer, Style, plural},
};

/// A certificate that was written.
pub(super) struct Written<'w> {
    pub(super) statement: &'w Statement,
    pub(super) out: &'w Path,
    pub(super) arguments: &'w CertifyArguments,
    pub(super) config: &'w Config,
}

impl Written<'_> {
    pub(super) fn print(&self, printer: &Printer) {
        let predicate = &self.statement.predicate;
        let row = |name: &str, value: &str| printer.line(&format!("{name:<13}{value}"));
        row("certificate", &printer.paint(Style::Good, &plain(&self.out.display().to_string())));
        let files = plural(predicate.files.len() as u64, "file", "files");
        row("of", &format!("{files}, {}", plural(predicate.records, "record", "records")));
        for file in predicate.files.iter().filter(|file| !file.columns.is_empty()) {
            let columns: Vec<String> =
                file.columns.iter().map(|(column, role)| format!("{column} = {role}")).collect();
            row("columns", &plain(&format!("of {}: {}", file.name, columns.join(", "))));
        }
        against(&predicate.judged_against, printer);
        row("signed by", &plain(&predicate.signer));
        let place = TlogProof::parse(&predicate.receipt.proof).map_or(0, |proof| proof.index());
        row("ledger", &format!("entry {place}, committed before the certificate was written"));
        printer.line("");
        counts(&predicate.counts, predicate.suspected, printer);
        printer.line("");
        for sentence in &predicate.says {
            printer.line(sentence);
        }
        printer.line("");
        printer.line("Whoever has the files, the certificate and the key can check it offline:");
        let paths: Vec<String> = self.arguments.paths.iter().map(|path| shown(path)).collect();
        printer.line(&format!(
            "  eosin certify --verify {} {} --vkey {}",
            shown(self.out),
            paths.join(" "),
            shown(&self.config.ledger.vkey)
        ));
    }

    pub(super) fn to_json(&self) -> String {
        let predicate = &self.statement.predicate;
        serde_json::json!({
            "certified": true,
            "certificate": self.out.display().to_string(),
            "contentRoot": predicate.content_root,
            "counts": predicate.counts,
            "entry": TlogProof::parse(&predicate.receipt.proof).ok().map(|proof| proof.index()),
            "files": predicate.files,
            "judgedAgainst": predicate.judged_against,
            "records": predicate.records,
            "rule": predicate.rule,
            "says": predicate.says,
            "signer": predicate.signer,
            "subject": self.statement.subject,
            "suspected": predicate.suspected,
        })
        .to_string()
    }
}

/// Prints what was found of a certificate.
pub(super) fn verified(
    certificate: &Path,
    parts: &Parts,
    statement: Option<&Statement>,
    outcome: Outcome,
    printer: &Printer,
) {
    for (part, state) in &parts.0 {
        let (word, style, why) = match state {
            State::Holds(why) => ("holds", Style::Good, why),
            State::Fails(why) => ("does not hold", Style::Stop, why),
            State::NotChecked(why) => ("not checked", Style::Faint, why),
        };
        let word = printer.paint(style, &format!("{word:<13}"));
        printer.line(&format!("{:<10}  {word}  {}", part.as_str(), plain(why)));
    }
    printer.line("");
    let name = plain(&certificate.display().to_string());
    match outcome {
        Outcome::Clean => {
            printer.line(&format!("{}: {name}", printer.paint(Style::Good, "verified")));
            if let Some(Statement { predicate, .. }) = statement {
                let boundary = predicate
                    .boundary
                    .as_ref()
                    .map_or(String::new(), |name| format!(" for boundary `{name}`"));
                printer.line(&plain(&format!(
                    "Certified at {} by {}{boundary}:",
                    predicate.at, predicate.signer
                )));
                for sentence in &predicate.says {
                    printer.line(&plain(sentence));
                }
            }
        }
        Outcome::Findings => {
            let failed: Vec<&str> = parts.failed().map(|(part, _)| part.as_str()).collect();
            let word = printer.paint(Style::Stop, "does not verify");
            printer.line(&format!("{word}: {name}: {}", failed.join(", ")));
            printer.line("Do not rely on it. Ask whoever certified for the files and the certificate again.");
        }
        Outcome::CouldNotTell => {
            let word = printer.paint(Style::Strong, "could not tell");
            printer.line(&format!("{word}: the certificate is whole, and no file was compared with it."));
            printer.line("Name the files: eosin certify --verify CERTIFICATE FILE");
        }
    }
}

/// What was found of a certificate, for machines.
pub(super) fn verified_json(
    certificate: &Path,
    parts: &Parts,
    statement: Option<&Statement>,
    outcome: Outcome,
) -> String {
    let told: serde_json::Map<String, serde_json::Value> = parts
        .0
        .iter()
        .map(|(part, state)| {
            let (word, why) = match state {
                State::Holds(why) => ("holds", why),
                State::Fails(why) => ("does not hold", why),
                State::NotChecked(why) => ("not checked", why),
            };
            (part.as_str().to_owned(), serde_json::json!({ "state": word, "why": why }))
        })
        .collect();
    let word = match outcome {
        Outcome::Clean => "verified",
        Outcome::Findings => "does not verify",
        Outcome::CouldNotTell => "could not tell",
    };
    serde_json::json!({
        "certificate": certificate.display().to_string(),
        "failed": parts.failed().map(|(part, _)| part.as_str()).collect::<Vec<_>>(),
        "outcome": word,
        "parts": told,
        "statement": statement.map(|statement| serde_json::json!({
            "predicate": statement.predicate,
            "subject": statement.subject,
        })),
    })
    .to_string()
}

/// Prints the counts that are not 0; those that are in one line.
pub(super) fn counts(counts: &BTreeMap<String, u64>, suspected: Suspected, printer: &Printer) {
    let digits = counts.values().max().map_or(1, |most| most.to_string().len()).max(3);
    let mut absent = Vec::new();
    for name in VerdictName::ALL {
        let count = counts.get(name.as_str()).copied().unwrap_or(0);
        if count == 0 {
            absent.push(name.as_str());
            continue;
        }
        let note = match (name, suspected.strong, suspected.weak) {
            (VerdictName::Suspected, strong, weak) => format!("   {strong} strongly, {weak} weakly"),
            _ => String::new(),
        };
        let word = printer.paint(style(name), &format!("{:<13}", name.as_str()));
        printer.line(&format!("{word}{count:>digits$}{note}"));
    }
    if !absent.is_empty() {
        let absent = absent.join(", ");
        printer.line(&printer.paint(Style::Faint, &format!("{:<13}{:>digits$}   {absent}", "none of", 0)));
    }
}

fn against(against: &JudgedAgainst, printer: &Printer) {
    let row = |name: &str, value: &str| printer.line(&format!("{name:<13}{value}"));
    row("logs", &plain(&against.logs.join(", ")));
    row("policies", &plain(&against.policy));
    match &against.registry {
        None => row("registry", "none"),
        Some(registry) => {
            let root = registry.root.get(..16).unwrap_or_default();
            let entries = plural(registry.entries, "entry", "entries");
            row("registry", &format!("generation {}, {entries}, root {root}…", registry.generation));
        }
    }
    match &against.recogniser {
        None => row("recogniser", "none"),
        Some(used) => row(
            "recogniser",
            &format!("{}, strong from {} bits", plain(&used.version), used.threshold_decibits / 10),
        ),
    }
}

/// A verdict's style.
pub(super) fn style(name: VerdictName) -> Style {
    match name {
        VerdictName::Synthetic => Style::Synthetic,
        VerdictName::Attested => Style::Good,
        VerdictName::Transplanted
        | VerdictName::Forged
        | VerdictName::Untrusted
        | VerdictName::Unreadable => Style::Stop,
        VerdictName::Mixed | VerdictName::Unproven | VerdictName::Suspected => Style::Strong,
    }
}

/// A verdict's sentence without its first word, which stands in a column of its own.
pub(super) fn why(said: &str) -> String {
    plain(said.split_once(": ").map_or(said, |(_, why)| why))
}

/// What to call a file in a command that a person copies.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
    if is_plain { text } else { format!("'{}'", plain(&text).replace('\'', r"'\''")) }
}
