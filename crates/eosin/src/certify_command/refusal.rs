//! No certificate: which records stand against it and why, and the ledger's entry that it was asked for.

use std::collections::BTreeMap;

use certificate::{JudgedAgainst, Subject, Suspected, canonical_of, subjects_commitment};
use ledger::Ledger;
use serde::Serialize;

use super::{
    Asked,
    judging::{Finding, Judged},
    log, telling,
};
use crate::{
    judge_command::plain,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
    wiring,
};

/// Most findings of one entry.
const LOGGED_MAX: usize = 50;
/// Findings shown without `-v`.
const SHOWN: usize = 50;
const ENTRY_KIND: &str = "certificate-refused@1";

/// Logs and tells a refusal.
///
/// Source: spec/certificate.md section 5.
pub(super) fn refuse(
    asked: &Asked,
    judged: &Judged,
    subject: &[Subject],
    ledger: &mut Ledger,
    json: bool,
    printer: &Printer,
) -> Done {
    let entry = canonical_of(&Entry {
        at: wiring::moment(),
        boundary: asked.boundary.as_deref(),
        counts: &judged.counts,
        eosin: ENTRY_KIND,
        findings: judged.findings.iter().take(LOGGED_MAX).map(LoggedFinding::of).collect(),
        findings_omitted: judged.against.saturating_sub(LOGGED_MAX as u64),
        judged_against: &asked.against,
        records: judged.records(),
        rule: asked.rule.as_str(),
        subjects: subjects_commitment(asked.salt, &judged.files, subject),
        suspected: judged.suspected,
    });
    let index = log(ledger, &entry)?;
    if json {
        printer.line(&to_json(asked, judged, subject, index));
    } else {
        print(judged, index, ledger.origin(), printer);
    }
    Ok(Outcome::Findings)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary: Option<&'a str>,
    counts: &'a BTreeMap<String, u64>,
    eosin: &'static str,
    findings: Vec<LoggedFinding<'a>>,
    findings_omitted: u64,
    judged_against: &'a JudgedAgainst,
    records: u64,
    rule: &'static str,
    subjects: String,
    suspected: Suspected,
}

#[derive(Serialize)]
struct LoggedFinding<'a> {
    file: usize,
    reference: &'a str,
    verdict: &'static str,
}

impl<'a> LoggedFinding<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self { file: finding.file, reference: &finding.reference, verdict: finding.verdict.as_str() }
    }
}

fn print(judged: &Judged, index: u64, origin: &str, printer: &Printer) {
    let head = match judged.against {
        1 => "No certificate: one record stands against it.".to_owned(),
        count => format!("No certificate: {count} records stand against it."),
    };
    printer.line(&printer.paint(Style::Strong, &head));
    printer.line("");
    telling::counts(&judged.counts, judged.suspected, printer);
    printer.line("");
    let shown = if printer.verbosity() == 0 { SHOWN } else { judged.findings.len() };
    let place = |finding: &Finding| match (judged.files.as_slice(), judged.files.get(finding.file)) {
        ([_], _) | (_, None) => plain(&finding.reference),
        (_, Some(file)) => plain(&format!("{} {}", file.name, finding.reference)),
    };
    let rows: Vec<(String, &Finding)> =
        judged.findings.iter().take(shown).map(|finding| (place(finding), finding)).collect();
    let widest = rows.iter().map(|(place, _)| place.chars().count()).max().unwrap_or(0).clamp(5, 48);
    let heading = format!("{:<widest$}  {:<12}  why", "place", "verdict");
    printer.line(&printer.paint(Style::Strong, &heading));
    for (place, finding) in rows {
        let word =
            printer.paint(telling::style(finding.verdict), &format!("{:<12}", finding.verdict.as_str()));
        printer.line(&format!("{place:<widest$}  {word}  {}", telling::why(&finding.why)));
    }
    let left_out = judged.against.saturating_sub(shown as u64);
    if left_out > 0 {
        let more = if judged.findings.len() > shown { "`-v` shows more" } else { "the counts count them" };
        printer.line(&printer.paint(Style::Faint, &format!("… and {left_out} more: {more}")));
    }
    printer.line("");
    printer.line(&format!(
        "That this was asked for and refused is entry {index} of `{}`. {}, and certify again.",
        plain(origin),
        if judged.against == 1 {
            "Take it out, or find out how it got in"
        } else {
            "Take these records out, or find out how they got in"
        }
    ));
}

fn to_json(asked: &Asked, judged: &Judged, subject: &[Subject], index: u64) -> String {
    let findings = judged.findings.iter().map(|finding| {
        serde_json::json!({
            "file": judged.files.get(finding.file).map(|file| file.name.as_str()),
            "reference": finding.reference,
            "verdict": finding.verdict.as_str(),
            "why": finding.why,
        })
    });
    serde_json::json!({
        "certified": false,
        "counts": judged.counts,
        "entry": index,
        "files": judged.files,
        "findings": findings.collect::<Vec<_>>(),
        "findingsOmitted": judged.against.saturating_sub(judged.findings.len() as u64),
        "judgedAgainst": asked.against,
        "records": judged.records(),
        "rule": asked.rule.as_str(),
        "salt": asked.salt,
        "subject": subject,
        "suspected": judged.suspected,
    })
    .to_string()
}
