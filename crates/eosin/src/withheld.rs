//! What gateways withheld from Bulk v1 batches, in the folder that they share: a client may ask any of them for results.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use carrier::salesforce::WithheldRows;
use flow::{Shelf, ShelfError, WithheldBatch};
use ledger::durable;
use miette::{IntoDiagnostic as _, WrapErr as _};

use crate::{keys, wiring};

/// The folder within that of datasets.
const FOLDER: &str = "withheld";
/// As long as an org gives the results of a batch, and a day.
const KEPT: Duration = Duration::from_hours(8 * 24);
/// A batch has at most 10,000 rows; a place and its reason take some 12 bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The shelf in the folder of datasets. What no org remembers any more is taken off it.
///
/// Errors: a report: the folder cannot be made.
pub(crate) fn shelf(datasets: &Path) -> miette::Result<Shelf> {
    let folder = datasets.join(FOLDER);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.into_diagnostic().wrap_err_with(|| format!("cannot make {}", folder.display()))?;
    forget(&folder);
    let (other, third) = (folder.clone(), folder.clone());
    Ok(Shelf {
        room: Box::new(move |rows| {
            room(&third, rows).map_err(|report| {
                tracing::error!(
                    "a batch is refused, for what is withheld from it cannot be kept: {report:#}"
                );
                ShelfError
            })
        }),
        keep: Box::new(move |batch| {
            if let Err(report) = keep(&folder, batch) {
                tracing::error!("other gateways do not know what was withheld from a batch: {report:#}");
            }
        }),
        find: Box::new(move |boundary, job, batch| find(&other, boundary, job, batch)),
    })
}

/// Tries it with a file as long as the one that follows, durably.
fn room(folder: &Path, rows: &WithheldRows) -> miette::Result<()> {
    let number: [u8; 8] = keys::random()?;
    let path = folder.join(format!("room-{:016x}", u64::from_be_bytes(number)));
    let tried = durable::replace(&path, rows.to_json().as_bytes()).into_diagnostic();
    // Gone whether or not it was written whole.
    drop(fs::remove_file(&path));
    tried
}

fn keep(folder: &Path, batch: &WithheldBatch) -> miette::Result<()> {
    let Some(job) = job_folder(folder, &batch.boundary, &batch.job) else { return Ok(()) };
    DirBuilder::new().recursive(true).mode(0o700).create(&job).into_diagnostic()?;
    let path = job.join(format!("{}.json", batch.batch));
    durable::replace(&path, batch.rows.to_json().as_bytes()).into_diagnostic()
}

/// Errors: [`ShelfError`]: something is there, or may be, and cannot be read.
fn find(
    folder: &Path,
    boundary: &str,
    job: &str,
    batch: Option<&str>,
) -> Result<Vec<WithheldBatch>, ShelfError> {
    let Some(path) = job_folder(folder, boundary, job) else { return Ok(Vec::new()) };
    let names: Vec<String> = match batch {
        Some(batch) if is_id(batch) => vec![batch.to_owned()],
        Some(_) => Vec::new(),
        None => match fs::read_dir(&path) {
            Ok(listing) => {
                let listing =
                    listing.collect::<Result<Vec<_>, _>>().map_err(|error| unread(&path, &error))?;
                let name = |entry: &fs::DirEntry| {
                    entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
                };
                listing.iter().filter_map(name).collect()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unread(&path, &error)),
        },
    };
    let mut found = Vec::new();
    for batch in names {
        let file = path.join(format!("{batch}.json"));
        match fs::metadata(&file) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(unread(&file, &error)),
        }
        let text = keys::file(&file, FILE_BYTES_MAX).map_err(|report| unread(&file, &report))?;
        let rows = WithheldRows::from_json(&text).ok_or_else(|| unread(&file, &"it is damaged"))?;
        let (boundary, job, rows) = (boundary.to_owned(), job.to_owned(), Arc::new(rows));
        found.push(WithheldBatch { boundary, job, batch, rows });
    }
    Ok(found)
}

fn unread(path: &Path, why: &dyn std::fmt::Display) -> ShelfError {
    tracing::error!("what was withheld from a batch cannot be read in {}: {why}", path.display());
    ShelfError
}

/// Where a job's batches are; nothing for what is no id.
fn job_folder(folder: &Path, boundary: &str, job: &str) -> Option<PathBuf> {
    // A boundary's name has no `/`; with words before it, it is no way up either.
    (is_id(job) && !boundary.contains('/')).then(|| folder.join(format!("at-{boundary}")).join(job))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Takes off what no org remembers any more.
fn forget(folder: &Path) {
    let now = wiring::now();
    let folders = |path: &Path| -> Vec<PathBuf> {
        let listing = fs::read_dir(path).into_iter().flatten().flatten();
        listing.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
    };
    for job in folders(folder).iter().flat_map(|boundary| folders(boundary)) {
        let changed = fs::metadata(&job).and_then(|known| known.modified());
        let is_old = changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > KEPT));
        if is_old && fs::remove_dir_all(&job).is_err() {
            tracing::warn!("{} could not be removed", job.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_gateway_withheld_another_finds() {
        let datasets = tempfile::tempdir().unwrap();
        let (one, two) = (shelf(datasets.path()).unwrap(), shelf(datasets.path()).unwrap());
        let rows = r#"{"rows":3,"reasons":[["EOSIN_BLOCKED","no"]],"refused":[[0,0],[2,0]]}"#;
        let rows = Arc::new(WithheldRows::from_json(rows).unwrap());
        for batch in ["751000000000001", "751000000000002"] {
            let job = "750000000000001".to_owned();
            let known = WithheldBatch {
                boundary: "crm".to_owned(),
                job,
                batch: batch.to_owned(),
                rows: Arc::clone(&rows),
            };
            (one.keep)(&known);
        }
        let found = (two.find)("crm", "750000000000001", Some("751000000000002")).unwrap();
        assert_eq!((found.len(), found[0].rows.len()), (1, 2));
        assert_eq!(found[0].rows, rows);
        assert_eq!((two.find)("crm", "750000000000001", None).unwrap().len(), 2);
        for (boundary, job, batch) in [
            ("ehr", "750000000000001", None),
            ("crm", "../at-crm", None),
            ("crm", "750000000000001", Some("../x")),
        ] {
            assert!((two.find)(boundary, job, batch).unwrap().is_empty());
        }
        // One that is there and damaged is not "nothing was withheld", and where nothing can be written nothing is sent.
        assert_eq!((one.room)(&rows), Ok(()));
        let folder = datasets.path().join(FOLDER);
        durable::replace(&folder.join("at-crm/750000000000001/751000000000002.json"), b"{\"rows\"").unwrap();
        assert_eq!((two.find)("crm", "750000000000001", Some("751000000000002")).unwrap_err(), ShelfError);
        assert_eq!((two.find)("crm", "750000000000001", None).unwrap_err(), ShelfError);
        assert_eq!((two.find)("crm", "750000000000001", Some("751000000000001")).unwrap().len(), 1);
        fs::remove_dir_all(&folder).unwrap();
        durable::replace(&folder, b"").unwrap();
        assert_eq!((one.room)(&rows), Err(ShelfError));
        assert_eq!((two.find)("crm", "750000000000001", None).unwrap_err(), ShelfError);
        for wrong in [
            "",
            "{}",
            r#"{"rows":1,"reasons":[],"refused":[[0,0]]}"#,
            r#"{"rows":1,"reasons":[["a","b"]],"refused":[[1,0]]}"#,
        ] {
            assert!(WithheldRows::from_json(wrong).is_none(), "{wrong}");
        }
    }
}
