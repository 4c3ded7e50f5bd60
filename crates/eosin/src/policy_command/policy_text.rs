//! Reading policies from a file, and showing what is wrong in them where it stands.

use std::path::Path;

use miette::{IntoDiagnostic as _, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use policy::{Policies, PolicyError, Problem};

use super::acting::Candidate;

/// The policies in a file, named after it.
///
/// Errors: a report, every fault underlined.
pub(crate) fn policies(path: &Path) -> miette::Result<Policies> {
    Candidate::of(path).map(|candidate| candidate.policies)
}

/// The policies in a file, or the shipped ones where there is none: what holds until a version is activated.
///
/// Errors: a report, every fault underlined.
pub(crate) fn file_or_shipped(file: Option<&Path>) -> miette::Result<Policies> {
    match file {
        Some(file) => policies(file),
        None => Policies::default_set().into_diagnostic(),
    }
}

/// What permits more than any version: for proofs where nobody can read what is permitted.
///
/// Errors: none that can happen; a report all the same.
pub(crate) fn everything() -> miette::Result<Policies> {
    let text =
        "@id(\"all\") @reason(\"more than any version permits\") permit (principal, action, resource);";
    parse("whatever-is-permitted", text, "whatever is permitted")
}

/// What policies of this file are called.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_stem().map_or_else(|| "policies".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Policies from a text; `shown` is what a report calls it.
pub(crate) fn parse(name: &str, text: &str, shown: &str) -> miette::Result<Policies> {
    Policies::parse(name, text).map_err(|error| report(&error, text, shown))
}

/// Most faults that are underlined at one time.
const UNDERLINED_MAX: usize = 10;

fn report(error: &PolicyError, text: &str, shown: &str) -> Report {
    let PolicyError::Faulty { problems, .. } = error else {
        return miette::miette!("{error}");
    };
    let mut said = MietteDiagnostic::new(format!(
        "the policies in {shown} have {}",
        if problems.len() == 1 { "a fault".to_owned() } else { format!("{} faults", problems.len()) }
    ));
    let faults = problems.iter().take(UNDERLINED_MAX).filter_map(|problem| fault(problem, text));
    said =
        said.with_labels(faults.map(|fault| LabeledSpan::new(Some(fault.says), fault.begins, fault.length)));
    let rest: Vec<String> =
        problems.iter().filter(|problem| problem.place.is_none()).map(ToString::to_string).collect();
    let help = rest.into_iter().chain(["docs/policy.md has the words that policies may use".to_owned()]);
    said = said.with_help(help.collect::<Vec<_>>().join("; "));
    Report::new(said).with_source_code(NamedSource::new(shown, text.to_owned()))
}

/// What is wrong at one place of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The byte at which the word begins.
    pub(crate) begins: usize,
    /// The word's bytes, at least one.
    pub(crate) length: usize,
    /// What is wrong with it, and what to do.
    pub(crate) says: String,
}

/// Every fault of a text that has a place in it, at most ten; and those that have none.
pub(crate) fn faults(error: &PolicyError, text: &str) -> (Vec<Fault>, Vec<String>) {
    let PolicyError::Faulty { problems, .. } = error else { return (Vec::new(), vec![error.to_string()]) };
    let placed = problems.iter().take(UNDERLINED_MAX).filter_map(|problem| fault(problem, text)).collect();
    let rest = problems.iter().filter(|problem| problem.place.is_none()).map(ToString::to_string);
    (placed, rest.collect())
}

/// The word at the place of a problem.
fn fault(problem: &Problem, text: &str) -> Option<Fault> {
    let (line, column) = problem.place?;
    let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let rest = text.get(line_start..)?;
    let before: usize = rest.chars().take(column - 1).map(char::len_utf8).sum();
    let word = rest.get(before..)?;
    let length: usize = word
        .chars()
        .take_while(|one| !one.is_whitespace() && !";(){}".contains(*one))
        .map(char::len_utf8)
        .sum();
    let says = match &problem.help {
        Some(help) => format!("{}; {help}", problem.message),
        None => problem.message.clone(),
    };
    Some(Fault { begins: line_start + before, length: length.max(1), says })
}
