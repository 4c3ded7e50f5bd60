//! Audit events on disk: a file a day of `AuditEvent`s, one a line, which any audit repository can load.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use flow::{Auditing, KeepEvent};
use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::wiring;

/// The file of one day.
struct Day {
    day: String,
    file: File,
}

/// Where the audit events of a boundary go.
///
/// Errors: a report: the folder cannot be made, or not written to.
pub(crate) fn auditing(observer: &str, boundary: &str, folder: &Path) -> miette::Result<Auditing> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).into_diagnostic().wrap_err_with(|| {
        format!("cannot make {}, where audit events go; see `audit_events`", folder.display())
    })?;
    let first = open(folder, boundary, day())
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write audit events to {}", folder.display()))?;
    let (folder, boundary) = (folder.to_owned(), boundary.to_owned());
    let current = Mutex::new(first);
    let keep: KeepEvent = Box::new(move |event| {
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        let today = day();
        if current.day != today {
            match open(&folder, &boundary, today) {
                Ok(next) => *current = next,
                Err(error) => tracing::error!(%error, "audit events go on in the file of another day"),
            }
        }
        if let Err(error) = current.file.write_all(format!("{event}\n").as_bytes()) {
            tracing::error!(%error, "an audit event could not be written; the ledger has the ruling");
        }
    });
    Ok(Auditing::new(observer, keep))
}

fn open(folder: &Path, boundary: &str, day: String) -> std::io::Result<Day> {
    let path: PathBuf = folder.join(format!("{boundary}-{day}.ndjson"));
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    Ok(Day { day, file })
}

/// Today, in UTC.
fn day() -> String {
    wiring::moment().chars().take(10).collect()
}
