//! The one place that prints: data to standard output, everything else to standard error.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, OnceLock},
};

use crate::{
    arguments::{Colour, Display},
    environment,
};

/// Prints for a person or for a pipe, with colours only where they help.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    colour: bool,
    verbose: u8,
    terminal: bool,
    /// Why something that was printed did not arrive.
    lost: Arc<OnceLock<String>>,
}

/// A style with a meaning. Colour never stands alone: the words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Synthetic, and nothing else: eosin pink.
    Synthetic,
    /// Proven or done.
    Good,
    /// Stopped, or to be looked at.
    Stop,
    /// A heading.
    Strong,
    /// Less important.
    Faint,
}

impl Printer {
    /// A printer as the command line and the environment ask for.
    pub(crate) fn new(display: &Display) -> Self {
        let terminal = io::stdout().is_terminal();
        let colour = match display.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && environment::variable("NO_COLOR").is_none(),
        };
        Self { colour, verbose: display.verbose, terminal, lost: Arc::default() }
    }

    /// Whether standard output is a terminal: progress bars and prompts only there.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// How much more to say: 0, 1 or 2.
    pub(crate) fn verbosity(&self) -> u8 {
        self.verbose.min(2)
    }

    /// Prints data, as it is, to standard output. A closed pipe is not an error; any other is what [`Printer::lost`] says.
    pub(crate) fn data(&self, text: &str) {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Where the reader has gone there is nobody to tell.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                drop(self.lost.set(error.to_string()));
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Why something of what was printed did not arrive, if so: then whoever reads it has not been told.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Prints one line to standard output, or several. What could steer a terminal is replaced: names of files and of others'
    /// logs are in it. What JSON says stays.
    pub(crate) fn line(&self, text: &str) {
        self.data(&format!("{}\n", shown(text)));
    }

    /// Prints one line to standard error: progress, hints, warnings.
    #[expect(clippy::unused_self, reason = "only who holds a printer prints")]
    pub(crate) fn note(&self, text: &str) {
        let mut out = io::stderr().lock();
        drop(writeln!(out, "{}", shown(text)));
    }

    /// Prints a failure: what happened, why, what to do.
    pub(crate) fn report(&self, report: &miette::Report) {
        let theme = if self.colour {
            miette::GraphicalTheme::unicode()
        } else {
            miette::GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(theme);
        if handler.render_report(&mut text, report.as_ref()).is_err() {
            text = format!("{report}\n");
        }
        let mut out = io::stderr().lock();
        drop(out.write_all(shown(&text).as_bytes()));
    }

    /// The text in a style, if there are colours.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Synthetic => "38;2;214;51;108",
            Style::Good => "32",
            Style::Stop => "1;33",
            Style::Strong => "1",
            Style::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The text without characters that a terminal obeys, but for line ends, tabs and colours. In JSON, where such a character
/// can only be part of a string, it is written as its escape.
fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let is_json = text.starts_with(['{', '[']);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        if !is_obeyed(next) {
            shown.push(next);
        } else if let Some(codes) = Some(rest.as_str()).filter(|_| next == '\x1b').and_then(colour) {
            shown.push_str("\x1b[");
            shown.push_str(codes);
            rest = rest.as_str().get(1 + codes.len()..).unwrap_or_default().chars();
        } else if is_json {
            shown.push_str("\\u");
            let digits =
                [12, 8, 4, 0].iter().filter_map(|shift| char::from_digit(u32::from(next) >> shift & 15, 16));
            shown.extend(digits);
        } else {
            shown.push('\u{FFFD}');
        }
    }
    Cow::Owned(shown)
}

fn is_obeyed(letter: char) -> bool {
    steers(letter) && !matches!(letter, '\n' | '\t')
}

/// Whether a terminal obeys a character instead of showing it: a control character, or one that turns the order of those around it.
pub(crate) fn steers(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The change of colours that text behind an escape begins with: its codes and the `m` at their end. One that could hide
/// something, make it blink or turn it round is none.
fn colour(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let length = inside.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    let codes = inside.get(..length)?;
    let is_plain =
        |code: &str| matches!(code, "" | "0" | "1" | "2" | "4" | "22" | "24" | "39") || is_hue(code);
    let is_mixed = codes.strip_prefix("38;2;").is_some_and(|mixed| mixed.split(';').count() == 3);
    let is_colour = is_mixed || codes.split(';').all(is_plain);
    (is_colour && inside.as_bytes().get(length) == Some(&b'm')).then(|| inside.get(..=length)).flatten()
}

fn is_hue(code: &str) -> bool {
    code.len() == 2 && code.starts_with(['3', '9']) && code.ends_with(|digit| matches!(digit, '0'..='7'))
}

/// A count with its noun.
pub(crate) fn plural(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_a_terminal_or_hides_from_whoever_reads() {
        for (text, want) in [
            ("two\nlines\tand Zoë", "two\nlines\tand Zoë"),
            ("\x1b[1;33mstopped\x1b[0m", "\x1b[1;33mstopped\x1b[0m"),
            ("a\x1b[2Jb", "a\u{FFFD}[2Jb"),
            ("\x1b]0;title\x07\r", "\u{FFFD}]0;title\u{FFFD}\u{FFFD}"),
            ("é\x1b", "é\u{FFFD}"),
            ("\x1b[1;", "\u{FFFD}[1;"),
            ("\x1b[8mhidden", "\u{FFFD}[8mhidden"),
            ("\x1b[38;2;214;51;108mpink\x1b[0m", "\x1b[38;2;214;51;108mpink\x1b[0m"),
            ("\x1b[31;1m×\x1b[39m", "\x1b[31;1m×\x1b[39m"),
            ("a\u{9b}2Jb\u{7f}", "a\u{FFFD}2Jb\u{FFFD}"),
            ("abc\u{202e}cba", "abc\u{FFFD}cba"),
            ("{\"a\":\"\u{202e}\"}", r#"{"a":"\u202e"}"#),
            (r#"{"a":"Zoë"}"#, r#"{"a":"Zoë"}"#),
            ("{\"a\":\"\u{9b}2J\"}", r#"{"a":"\u009b2J"}"#),
        ] {
            assert_eq!(shown(text), want, "{text:?}");
        }
    }
}
