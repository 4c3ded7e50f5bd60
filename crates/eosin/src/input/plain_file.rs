//! Files that a command was given: opened if they are files, and refused where reading would wait for somebody.

use std::{
    fs::{self, File},
    os::unix::fs::FileTypeExt as _,
    path::Path,
};

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

/// How often a command reads what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// From its beginning to its end, once.
    Once,
    /// More than once, as a pipe cannot be read.
    Again,
}

/// Opens a file.
///
/// A pipe that the shell opened already (`<(…)`, `/dev/stdin`) is as good as a file to whoever reads once. Any other pipe
/// would be waited for until somebody writes to it, and a device may never end.
///
/// Errors: a report: it cannot be opened; it is no file.
pub(crate) fn open_file(path: &Path, reads: Reads) -> miette::Result<File> {
    refuse_pipes(path, reads)?;
    File::open(path).into_diagnostic().wrap_err_with(|| format!("cannot open {}", path.display()))
}

/// Refuses a pipe, a socket or a device as [`open_file`] does. What is not there is not refused here.
pub(crate) fn refuse_pipes(path: &Path, reads: Reads) -> miette::Result<()> {
    let Ok(about) = fs::metadata(path) else { return Ok(()) };
    let kind = about.file_type();
    if kind.is_file() || kind.is_dir() || (reads == Reads::Once && is_opened_by_the_shell(path)) {
        return Ok(());
    }
    let what = if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let help = match reads {
        Reads::Once => "save what comes out of it as a file, and give that",
        Reads::Again => "it is read more than once: save what comes out of it as a file, and give that",
    };
    Err(miette!(help = help, "{} is {what} and not a file", path.display()))
}

fn is_opened_by_the_shell(path: &Path) -> bool {
    path == Path::new("/dev/stdin") || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_waited_for_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s.csv");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, what) in [(Path::new("/dev/zero"), "is a device"), (socket.as_path(), "is a socket")] {
            for reads in [Reads::Once, Reads::Again] {
                let told = open_file(path, reads).unwrap_err().to_string();
                assert!(told.contains(what) && told.contains("and not a file"), "{told}");
            }
        }
        let told = open_file(&folder.path().join("absent.csv"), Reads::Once).unwrap_err().to_string();
        assert!(told.contains("cannot open"), "{told}");
    }
}
