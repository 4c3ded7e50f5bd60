//! Boundaries that attest: their datasets' manifests and receipts on disk, so that marks are proved after a restart too.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use flow::Attester;
use ledger::durable;
use mark::{BatchReceipt, DATASET_FILE_BYTES_MAX, DatasetFile};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::{config, config::Config, keys, printer::Printer};

pub(crate) use live::Published;

mod live;

/// What is attested where nothing else is said.
pub(crate) const USUAL_TYPES: [&str; 4] = ["Patient", "RelatedPerson", "Appointment", "Encounter"];

/// How the receipts of a running gateway are named, beside the dataset's name.
const RECEIPTS: &str = ".receipts.ndjson";
/// And its manifest.
const MANIFEST: &str = ".attesting.json";
/// Receipts in one dataset file: about three quarters of what such a file may hold.
const FILE_RECEIPTS_MAX: usize = 8_000;

/// Makes dataset files of what earlier runs attested in this log. Call it before datasets are read, and with the log
/// open: gateways may share a folder of datasets, and each takes up what is its own.
///
/// Errors: a report: the folder cannot be read or written to. Nothing is removed before its dataset file is durable.
pub(crate) fn fold(config: &Config, printer: &Printer) -> miette::Result<()> {
    let Some(folder) = config.datasets.as_deref().filter(|folder| folder.exists()) else { return Ok(()) };
    for manifest in manifests(folder, &prefix(config)?)? {
        let broken = fold_one(&manifest)?;
        if broken > 0 {
            printer.note(&format!(
                "{} lines beside {} were cut off by a crash; the ledger holds those batches, and their marks are \
                 untrusted until they are proved again",
                broken,
                manifest.display()
            ));
        }
    }
    Ok(())
}

/// What publishes the receipts of this log's attesters while the gateway runs; nothing without a folder of datasets.
///
/// Errors: a report: the log's key cannot be read.
pub(crate) fn published(config: &Config) -> miette::Result<Option<Published>> {
    let Some(folder) = &config.datasets else { return Ok(None) };
    Ok(Some(Published::of(folder, prefix(config)?)))
}

/// The manifests of this log's attesters, in order of name.
fn manifests(folder: &Path, own: &str) -> miette::Result<Vec<PathBuf>> {
    let listing = fs::read_dir(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot list {}", folder.display()))?;
    let mut manifests: Vec<PathBuf> = listing
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(own) && name.ends_with(MANIFEST)
        })
        .collect();
    manifests.sort();
    Ok(manifests)
}

/// Makes dataset files of what one run attested. Returns how many receipts were cut off.
fn fold_one(path: &Path) -> miette::Result<usize> {
    let name = path.to_string_lossy();
    let stem = name.strip_suffix(MANIFEST).unwrap_or(&name).to_owned();
    let text = keys::file(path, DATASET_FILE_BYTES_MAX as u64)?;
    let dataset = DatasetFile::parse(text.as_bytes())
        .into_diagnostic()
        .wrap_err_with(|| format!("{} is not what an attesting gateway writes", path.display()))?;
    let receipts_path = PathBuf::from(format!("{stem}{RECEIPTS}"));
    let (receipts, broken) = receipts(&receipts_path)?;
    for (number, part) in receipts.chunks(FILE_RECEIPTS_MAX).enumerate() {
        let file = DatasetFile { manifest: dataset.manifest.clone(), receipts: part.to_vec() };
        let to = PathBuf::from(format!("{stem}-{number}.dataset.json"));
        durable::replace(&to, file.to_json().as_bytes()).into_diagnostic()?;
    }
    let is_live = |path: &PathBuf| path.to_string_lossy().starts_with(&format!("{stem}{}", live::LIVE));
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let short = config::dataset_files(folder)?.into_iter().filter(is_live);
    for gone in short.chain([receipts_path, path.to_owned()]) {
        if gone.exists() {
            fs::remove_file(&gone)
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot remove {}", gone.display()))?;
        }
    }
    Ok(broken)
}

/// The receipts in a file, and how many lines are none.
fn receipts(path: &Path) -> miette::Result<(Vec<BatchReceipt>, usize)> {
    if !path.exists() {
        return Ok((Vec::new(), 0));
    }
    let file =
        File::open(path).into_diagnostic().wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let (mut found, mut broken) = (Vec::new(), 0);
    let mut reader = BufReader::new(file);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).into_diagnostic()?;
        if read == 0 {
            return Ok((found, broken));
        }
        match serde_json::from_slice(&line) {
            Ok(receipt) => found.push(receipt),
            Err(_) => broken += 1,
        }
    }
}

/// Longest line of receipts: an entry, and a proof of 64 hashes with its checkpoint.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What attests at a boundary, its manifest on disk before the first seal.
///
/// Errors: a report: no folder for datasets, a type that R4 does not have, a disk that cannot be written to.
pub(crate) fn attester(boundary: &str, types: &[String], config: &Config) -> miette::Result<Attester> {
    let folder = config.datasets.as_deref().ok_or_else(|| {
        miette!(
            help = "say `[datasets] folder`; what the gateway attests is proved by the files in it",
            "boundary `{boundary}` attests, and there is no folder for datasets"
        )
    })?;
    fs::create_dir_all(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot make {}", folder.display()))?;
    let stem = folder.join(format!("{}{boundary}-{}", prefix(config)?, name()?));
    let receipts_path = PathBuf::from(format!("{}{RECEIPTS}", stem.display()));
    let file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .mode(0o600)
        .open(&receipts_path)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot write {}", receipts_path.display()))?;
    let file = Mutex::new(file);
    let keep = move |_, receipt: &BatchReceipt| {
        let Ok(mut line) = serde_json::to_vec(receipt) else { return };
        line.push(b'\n');
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What cannot be written is in the ledger all the same, and can be proved from there.
        if file.write_all(&line).is_err() {
            tracing::warn!("a receipt of an attested batch could not be kept; the ledger holds the batch");
        }
    };
    let attester = Attester::new(boundary, types, Box::new(|| keys::salt().ok()), Box::new(keep))
        .into_diagnostic()
        .wrap_err_with(|| format!("boundary `{boundary}` cannot attest"))?;
    let manifest = DatasetFile { manifest: attester.manifest().clone(), receipts: Vec::new() };
    let path = PathBuf::from(format!("{}{MANIFEST}", stem.display()));
    durable::replace(&path, manifest.to_json().as_bytes()).into_diagnostic()?;
    Ok(attester)
}

/// What the files of this log begin with.
fn prefix(config: &Config) -> miette::Result<String> {
    let key = keys::verifier(&config.ledger.vkey)?;
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '_' };
    Ok(format!("attested-{}-", key.name().chars().map(plain).collect::<String>()))
}

/// A name that no run had before.
fn name() -> miette::Result<String> {
    Ok(data_encoding::HEXLOWER.encode(&keys::random::<8>()?))
}

#[cfg(test)]
mod tests {
    use mark::{Claim, Form, Record, judge};

    use super::*;

    /// A folder with the manifest of an attester, and a record that it attested.
    pub(super) fn attested() -> (tempfile::TempDir, Record<'static>, testkit::sealed::Sealed) {
        let record = Record {
            form: Form::Fhir,
            object: "Patient".into(),
            fields: vec![("birthDate".into(), mark::json::Json::Text("1984-02-29".into()))],
            mark: None,
            claim: Claim::None,
        };
        let sealed = testkit::sealed::attested(std::slice::from_ref(&record));
        let folder = tempfile::tempdir().unwrap();
        let manifest = DatasetFile { manifest: sealed.dataset.manifest.clone(), receipts: Vec::new() };
        let path = folder.path().join("attested-ehr-00.attesting.json");
        durable::replace(&path, manifest.to_json().as_bytes()).unwrap();
        (folder, record, sealed)
    }

    #[test]
    fn receipts_of_an_earlier_run_become_dataset_files() {
        let (folder, record, sealed) = attested();
        let file = |name: &str| folder.path().join(name);
        let line = serde_json::to_string(&sealed.dataset.receipts[0]).unwrap();
        let torn: String = line.chars().take(20).collect();
        let lines = format!("{line}\n{torn}");
        durable::replace(&file("attested-ehr-00.receipts.ndjson"), lines.as_bytes()).unwrap();

        assert_eq!(fold_one(&file("attested-ehr-00.attesting.json")).unwrap(), 1);
        let left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, ["attested-ehr-00-0.dataset.json"]);
        let mut trust = mark::TrustStore::default();
        trust.trust(sealed.signer.verifier().clone(), [mark::Subject::Attested].into());
        let text = keys::file(&file("attested-ehr-00-0.dataset.json"), 1 << 20).unwrap();
        assert_eq!(trust.admit(&DatasetFile::parse(text.as_bytes()).unwrap()), Ok(1));
        let marked = Record { mark: Some(sealed.marks[0].to_text().into()), ..record };
        let reading = mark::Reading { place: mark::Place::default(), content: Ok(marked) };
        assert_eq!(judge(&reading, &trust).to_string(), "attested, intact");
    }
}
