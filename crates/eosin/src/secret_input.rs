//! Passwords as they come in: typed on a terminal that does not show them, or read from a file; never from the command line,
//! which every other user of the machine can see.

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    path::Path,
};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::{keys, printer::Printer};

/// Bytes of a line that is typed at most.
const LINE_BYTES_MAX: u64 = 4 * 1024;

/// A new password: from the first line of a file, of standard input (`-`), or typed twice.
pub(crate) fn new_password(
    file: Option<&Path>,
    whose: &str,
    printer: &Printer,
) -> miette::Result<Zeroizing<String>> {
    if let Some(path) = file {
        let text = if path == Path::new("-") { line()? } else { Zeroizing::new(keys::small_file(path)?) };
        return Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()));
    }
    if !io::stdin().is_terminal() {
        return Err(miette!(
            help = "name a file with `--password-file FILE`, or `-` for standard input",
            "there is no terminal to type a password on"
        ));
    }
    let first = hidden(&format!("New password of {whose}: "), printer)?;
    if hidden("Once more: ", printer)? != first {
        return Err(miette!("the two passwords are not the same: nothing was changed"));
    }
    Ok(first)
}

/// A line, asked for on a terminal.
pub(crate) fn asked(question: &str, printer: &Printer) -> miette::Result<String> {
    printer.data(question);
    Ok(line()?.trim().to_owned())
}

fn hidden(question: &str, printer: &Printer) -> miette::Result<Zeroizing<String>> {
    printer.data(question);
    let hiding = Hiding::new()?;
    let typed = line();
    drop(hiding);
    printer.line("");
    typed
}

fn line() -> miette::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut input = io::BufReader::new(io::stdin().lock().take(LINE_BYTES_MAX));
    input.read_line(&mut text).into_diagnostic().wrap_err("cannot read what was typed")?;
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hiding(Termios);

impl Hiding {
    fn new() -> miette::Result<Self> {
        let before = tcgetattr(io::stdin()).into_diagnostic().wrap_err("cannot ask the terminal")?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)
            .into_diagnostic()
            .wrap_err("the terminal would show what is typed")?;
        Ok(Self(before))
    }
}

impl Drop for Hiding {
    fn drop(&mut self) {
        // A terminal that has gone shows nothing.
        let _shown = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
