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
use flow::{OnShelf, Shelf, ShelfError, WithheldBatch};
use ledger::durable;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

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
    let [beginning, keeping, ending, finding] = std::array::from_fn(|_| folder.clone());
    Ok(Shelf {
        begin: Box::new(move |boundary, job, rows| {
            begin(&beginning, boundary, job, rows).map_err(|report| {
                tracing::error!(
                    "a batch is refused, for what is withheld from it cannot be kept: {report:#}"
                );
                ShelfError
            })
        }),
        keep: Box::new(move |batch, begun| {
            if let Err(report) = keep(&keeping, batch, begun) {
                tracing::error!("nobody knows which batch it is that rows were withheld from: {report:#}");
            }
        }),
        end: Box::new(move |boundary, job, begun| {
            if let Some(job) = job_folder(&ending, boundary, job)
                && let Err(error) = fs::remove_file(job.join(begun))
            {
                tracing::error!("what was withheld from a batch that there is not stays: {error}");
            }
        }),
        find: Box::new(move |boundary, job, batch| find(&finding, boundary, job, batch)),
    })
}

/// What is withheld from a batch whose id the org has not told.
const OPEN: &str = "open-";

/// Before the batch is sent on: whatever ends this process then, it is known that one of the job's batches lacks rows.
fn begin(folder: &Path, boundary: &str, job: &str, rows: &WithheldRows) -> miette::Result<String> {
    let job = job_folder(folder, boundary, job).ok_or_else(|| miette!("the job's id is none"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&job).into_diagnostic()?;
    let number: [u8; 8] = keys::random()?;
    let name = format!("{OPEN}{:016x}.json", u64::from_be_bytes(number));
    let path = job.join(&name);
    durable::replace(&path, rows.to_json().as_bytes()).into_diagnostic().inspect_err(|_| {
        // Gone whether or not it was written whole.
        for rest in [path.clone(), path.with_extension("json.new")] {
            drop(fs::remove_file(rest));
        }
    })?;
    Ok(name)
}

/// One step, which needs no room: before it nobody knows which batch it is, and after it everybody.
fn keep(folder: &Path, batch: &WithheldBatch, begun: &str) -> miette::Result<()> {
    let Some(job) = job_folder(folder, &batch.boundary, &batch.job) else { return Ok(()) };
    fs::rename(job.join(begun), job.join(format!("{}.json", batch.batch))).into_diagnostic()
}

/// Errors: [`ShelfError`]: something is there, or may be, and cannot be read.
fn find(folder: &Path, boundary: &str, job: &str, batch: Option<&str>) -> Result<OnShelf, ShelfError> {
    let Some(path) = job_folder(folder, boundary, job) else { return Ok(OnShelf::default()) };
    let mut found = OnShelf::default();
    if let Some(batch) = batch
        && is_id(batch)
        && let Some(rows) = rows_in(&path.join(format!("{batch}.json")))?
    {
        found.batches.push(known(boundary, job, batch, rows));
        return Ok(found);
    }
    for name in names(&path)? {
        let is_open = name.starts_with(OPEN);
        if !is_open && (batch.is_some() || !is_id(&name)) {
            continue;
        }
        // One that is gone by now has got its batch's name, or there is no batch.
        match rows_in(&path.join(format!("{name}.json")))? {
            Some(rows) if is_open => found.open.push(Arc::new(rows)),
            Some(rows) => found.batches.push(known(boundary, job, &name, rows)),
            None => {}
        }
    }
    if let Some(batch) = batch.filter(|batch| is_id(batch))
        && let Some(rows) = rows_in(&path.join(format!("{batch}.json")))?
    {
        // It has come by its name while the others were read.
        return Ok(OnShelf { batches: vec![known(boundary, job, batch, rows)], open: Vec::new() });
    }
    Ok(found)
}

fn known(boundary: &str, job: &str, batch: &str, rows: WithheldRows) -> WithheldBatch {
    let (boundary, job, batch) = (boundary.to_owned(), job.to_owned(), batch.to_owned());
    WithheldBatch { boundary, job, batch, rows: Arc::new(rows) }
}

/// The names of the files in a job's folder, without their ending.
fn names(job: &Path) -> Result<Vec<String>, ShelfError> {
    let listing = match fs::read_dir(job) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unread(job, &error)),
    };
    let listing = listing.collect::<Result<Vec<_>, _>>().map_err(|error| unread(job, &error))?;
    let name = |entry: &fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned);
    Ok(listing.iter().filter_map(name).collect())
}

/// What a file has; nothing where there is none.
fn rows_in(file: &Path) -> Result<Option<WithheldRows>, ShelfError> {
    match fs::metadata(file) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(file, &error)),
    }
    let text = match keys::file(file, FILE_BYTES_MAX) {
        Ok(text) => text,
        // It was renamed or taken away between the two.
        Err(_) if !file.exists() => return Ok(None),
        Err(report) => return Err(unread(file, &report)),
    };
    WithheldRows::from_json(&text).map(Some).ok_or_else(|| unread(file, &"it is damaged"))
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
        let rows = WithheldRows::from_json(rows).unwrap();
        let job = "750000000000001";
        let named = |batch: &str| known("crm", job, batch, rows.clone());
        for batch in ["751000000000001", "751000000000002"] {
            let begun = (one.begin)("crm", job, &rows).unwrap();
            (one.keep)(&named(batch), &begun);
        }
        let found = (two.find)("crm", job, Some("751000000000002")).unwrap();
        assert_eq!((found.batches.len(), found.batches[0].rows.len(), found.open.len()), (1, 2, 0));
        assert_eq!(*found.batches[0].rows, rows);
        assert_eq!((two.find)("crm", job, None).unwrap().batches.len(), 2);
        // One of which nobody knows which it is may be any other; one that was not made is none.
        let (lost, refused) =
            ((one.begin)("crm", job, &rows).unwrap(), (one.begin)("crm", job, &rows).unwrap());
        (one.end)("crm", job, &refused);
        for (batch, batches, open) in [("751000000000002", 1, 0), ("751000000000003", 0, 1)] {
            let found = (two.find)("crm", job, Some(batch)).unwrap();
            assert_eq!((found.batches.len(), found.open.len()), (batches, open), "{batch}");
        }
        (one.keep)(&named("751000000000003"), &lost);
        let found = (two.find)("crm", job, Some("751000000000003")).unwrap();
        assert_eq!((found.batches.len(), found.open.len()), (1, 0));
        for (boundary, job, batch) in [
            ("ehr", "750000000000001", None),
            ("crm", "../at-crm", None),
            ("crm", "750000000000009", Some("../x")),
        ] {
            let found = (two.find)(boundary, job, batch).unwrap();
            assert!(found.batches.is_empty() && found.open.is_empty(), "{boundary} {job} {batch:?}");
        }
        // One that is there and damaged is not "nothing was withheld", and where nothing can be written nothing is sent.
        let folder = datasets.path().join(FOLDER);
        durable::replace(&folder.join("at-crm/750000000000001/751000000000002.json"), b"{\"rows\"").unwrap();
        assert_eq!((two.find)("crm", "750000000000001", Some("751000000000002")).unwrap_err(), ShelfError);
        assert_eq!((two.find)("crm", "750000000000001", None).unwrap_err(), ShelfError);
        assert_eq!((two.find)("crm", job, Some("751000000000001")).unwrap().batches.len(), 1);
        fs::remove_dir_all(&folder).unwrap();
        durable::replace(&folder, b"").unwrap();
        assert_eq!((one.begin)("crm", job, &rows), Err(ShelfError));
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
