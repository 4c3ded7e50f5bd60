//! Running other programs: for their answer, or for a person to watch.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use crate::telling::Telling;

/// A program that could not be started, or said no.
#[derive(Debug)]
pub struct Failed {
    /// The program and its arguments, as one would type them.
    pub command: String,
    /// What it wrote to its error stream, or why it did not start.
    pub reason: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "`{}` failed: {}", self.command, self.reason.trim())
    }
}

impl std::error::Error for Failed {}

/// Runs a program and gives what it wrote to its output.
///
/// Errors: it did not start, answered with an error, or wrote something that is not UTF-8.
pub fn output(folder: &Path, program: &str, args: &[&str]) -> Result<String, Failed> {
    let failed = |reason: String| Failed { command: format!("{program} {}", args.join(" ")), reason };
    let done = Command::new(program)
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !done.status.success() {
        return Err(failed(String::from_utf8_lossy(&done.stderr).into_owned()));
    }
    String::from_utf8(done.stdout).map_err(|_| failed("its output is not UTF-8".to_owned()))
}

/// The cargo that runs us, or the one on the path.
pub fn cargo() -> String {
    std::env::var_os("CARGO").and_then(|path| path.into_string().ok()).unwrap_or_else(|| "cargo".to_owned())
}

/// Runs a program before the reader's eyes and hands each line of its output to `see`.
///
/// Shape:  what the program writes, errors too, appears on ours line by line. Only its output is handed on.
/// Errors: it did not start, or ended with anything but success; the reason repeats its telling lines.
pub fn watch(mut command: Command, mut see: impl FnMut(&str)) -> Result<(), Failed> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let failed = |reason: String| Failed { command: words.join(" "), reason };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let telling = Mutex::new(Telling::default());
    let remember = |line: &str| {
        if let Ok(mut telling) = telling.lock() {
            telling.see(line);
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| {
            for_each_line(stderr, |line| {
                remember(line);
                // The reader may have gone (a closed pipe); the work still has to be done and counted.
                let _seen = writeln!(io::stderr(), "{line}");
            });
        });
        for_each_line(stdout, |line| {
            remember(line);
            see(line);
            let _seen = writeln!(io::stdout(), "{line}");
        });
    });
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let telling = telling.into_inner().unwrap_or_default().lines();
    Err(failed(format!("{status}\n{}", telling.join("\n"))))
}

/// Hands over each line until the stream ends; what is not UTF-8 is shown as well as it can be.
fn for_each_line(stream: Option<impl io::Read>, mut see: impl FnMut(&str)) {
    let Some(stream) = stream else { return };
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        see(String::from_utf8_lossy(&line).trim_end_matches('\r'));
    }
}
