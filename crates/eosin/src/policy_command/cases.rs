//! `eosin policy test`: cases in a file, put to policies.

use std::{collections::BTreeSet, path::Path};

use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report, miette};
use policy::{
    Action, Asked, AskedCase, Continuity, Decision, Environment, Finding, Mode, Policies, Recorded, Scope,
};
use serde::Deserialize;

use crate::{
    keys,
    outcome::{Done, Outcome},
    printer::{Printer, Style},
};

/// Puts every case to the policies.
pub(super) fn test(path: &Path, policies: &Policies, printer: &Printer) -> Done {
    let (all, failed) = put(path, policies, false, printer)?;
    printer.line(&format!("{}: {} of {all} cases as expected", policies.version(), all - failed));
    Ok(if failed == 0 { Outcome::Clean } else { Outcome::Findings })
}

/// Puts every case to the policies: how many there are, and how many are answered otherwise than expected. What is as
/// expected is said unless `quiet`.
pub(crate) fn put(
    path: &Path,
    policies: &Policies,
    quiet: bool,
    printer: &Printer,
) -> miette::Result<(usize, usize)> {
    let text = keys::small_file(path)?;
    let cases: File = toml::from_str(&text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        let label = LabeledSpan::new(Some(error.message().to_owned()), at.start, at.len());
        let said = MietteDiagnostic::new(format!("{} cannot be read as cases", path.display()));
        Report::new(said.with_label(label))
            .with_source_code(NamedSource::new(path.display().to_string(), text.clone()))
    })?;
    if cases.case.is_empty() {
        return Err(miette!(
            help = "write each as `[[case]]`; docs/policy.md shows how",
            "{} has no case",
            path.display()
        ));
    }
    let mut failed = 0;
    for case in &cases.case {
        let answer = case.recorded().answered_by(policies).ok_or_else(|| {
            miette!("a verdict of case `{}` in {} is none that records can have", case.name, path.display())
        })?;
        let by = |wanted: &String| answer.policies.contains(wanted);
        let fits = answer.decision == case.expect && case.policy.as_ref().is_none_or(by);
        failed += usize::from(!fits);
        let sign = if fits { printer.paint(Style::Good, "ok  ") } else { printer.paint(Style::Stop, "fail") };
        if fits && quiet {
            continue;
        }
        printer.line(&format!("{sign} {}", case.name));
        if !fits {
            let by: Vec<&str> = answer.policies.iter().map(String::as_str).collect();
            let expected = match &case.policy {
                Some(policy) => format!("{} by {policy}", case.expect),
                None => case.expect.to_string(),
            };
            printer.line(&format!(
                "       expected {expected}; it is {} by {}: {}",
                answer.decision,
                by.join(", "),
                answer.reason
            ));
        }
    }
    Ok((cases.case.len(), failed))
}

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    case: Vec<Case>,
}

/// `[[case]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "any_client")]
    client: String,
    action: Action,
    #[serde(default = "any_boundary")]
    boundary: String,
    environment: Environment,
    #[serde(default)]
    jurisdiction: String,
    #[serde(default = "enforce")]
    mode: Mode,
    #[serde(default = "strict")]
    continuity: Continuity,
    #[serde(default)]
    system_of_record: bool,
    #[serde(default = "alone")]
    scope: Scope,
    #[serde(default)]
    weakened: u64,
    #[serde(default)]
    records: Vec<Records>,
    expect: Decision,
    policy: Option<String>,
}

/// Some records of a case.
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own in the file")]
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    verdict: String,
    #[serde(default = "one")]
    count: u64,
    #[serde(default)]
    modified: bool,
    #[serde(default)]
    claimed: bool,
    #[serde(default)]
    strongly_suspected: bool,
    #[serde(default)]
    out_of_jurisdiction: bool,
    #[serde(default)]
    purposes: BTreeSet<String>,
}

fn any_client() -> String {
    "any-client".to_owned()
}

fn any_boundary() -> String {
    "any-boundary".to_owned()
}

fn enforce() -> Mode {
    Mode::Enforce
}

fn strict() -> Continuity {
    Continuity::Strict
}

fn alone() -> Scope {
    Scope::PerRecord
}

fn one() -> u64 {
    1
}

impl Case {
    fn recorded(&self) -> Recorded {
        let cases = self.records.iter().map(|records| AskedCase {
            claimed: records.claimed,
            finding: Finding::Permit,
            modified: records.modified,
            out_of_jurisdiction: records.out_of_jurisdiction,
            purposes: records.purposes.clone(),
            records: records.count,
            strongly_suspected: records.strongly_suspected,
            verdict: records.verdict.clone(),
        });
        let is_together = self.scope == Scope::Whole || self.records.is_empty() || self.weakened > 0;
        Recorded {
            action: self.action,
            asked: Asked {
                cases: cases.collect(),
                continuity: self.continuity,
                jurisdiction: self.jurisdiction.clone(),
                more: false,
                scope: self.scope,
                system_of_record: self.system_of_record,
                together: is_together.then_some(Finding::Permit),
                unsorted: false,
                weakened: self.weakened,
            },
            boundary: self.boundary.clone(),
            client: self.client.clone(),
            environment: self.environment,
            mode: self.mode,
        }
    }
}
