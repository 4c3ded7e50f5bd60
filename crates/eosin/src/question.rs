//! The question before a dangerous act: put to whoever sits at a terminal, and never to a program.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use miette::IntoDiagnostic as _;

use crate::printer::Printer;

/// Most bytes of an answer.
const TYPED_MAX: u64 = 256;

/// Whether somebody sits at a terminal who can be asked.
pub(crate) fn can_ask(printer: &Printer) -> bool {
    printer.is_terminal() && std::io::stdin().is_terminal()
}

/// Whether it is meant: at a terminal, whoever sits there is told what it is and types its name. Elsewhere nobody is asked.
///
/// Errors: a report: the answer cannot be read.
pub(crate) fn is_meant(question: &str, name: &str, printer: &Printer) -> miette::Result<bool> {
    if !can_ask(printer) {
        return Ok(true);
    }
    printer.line(question);
    let mut line = String::new();
    std::io::stdin().lock().take(TYPED_MAX).read_line(&mut line).into_diagnostic()?;
    Ok(line.trim() == name)
}
