//! What follows files that were delivered, on disk: there after a restart, and for every gateway that shares the folder.
//!
//! Counts, digests and the file's name; nothing of any record. Source: spec/deliveries.md section 6.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use flow::{Closed, DELIVERY_ID_CHARS, Flow};
use ledger::durable::{self, DurableError};

use super::replicas::{EXPECTED, Open, Replicas, is_gateway};

/// Where manifests and certificates are kept, and of how many deliveries.
#[derive(Clone, Debug)]
pub struct ArchiveConfig {
    /// A folder that is there, and that nobody else looks into: who knows an id may fetch what is behind it.
    pub folder: PathBuf,
    /// Deliveries that are kept; of more, the oldest are removed.
    pub deliveries: usize,
}

/// A folder of what follows deliveries.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    kept_max: usize,
    /// Deliveries that were put here since the folder was last counted.
    since: AtomicUsize,
    /// Ids that were told since then, and that nobody has asked for.
    expected_since: AtomicUsize,
    /// Deliveries that have not ended, here and at other gateways.
    pub(super) replicas: Replicas,
}

/// What the folder says of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filed {
    Broken,
    Closed(Closed),
    /// It has not ended.
    Open(Open),
}

/// The folder is counted each time this many were put into it: so many more than are kept may be there.
const COUNTED_EACH: usize = 64;

/// Ids that were told and whose files nobody has asked for: of more, the oldest are forgotten. One manifest tells thousands.
const EXPECTED_MAX: usize = 10_000;
/// The folder is counted each time this many were told, which is so many more than stay.
const EXPECTED_COUNTED_EACH: usize = 1_000;

/// The longest file that is read: far more than any that is written.
const FILE_BYTES_MAX: u64 = 32 << 20;

const MANIFEST: &str = "manifest.json";
const CERTIFICATE: &str = "certificate.json";
const BROKEN: &str = "broken";

impl Archive {
    /// The folder, as this start of a gateway uses it.
    pub(crate) fn of(config: &ArchiveConfig, flow: &Flow) -> Self {
        let run = flow.delivery_id();
        Self::new(config, run.as_deref().zip(flow.certified_by()))
    }

    /// Opens the folder. What gateways that run no more left unfinished in it is said to be broken off.
    ///
    /// Shape:  `run` is a name of this start of the gateway that nobody else has, and the name of its log.
    pub(super) fn new(config: &ArchiveConfig, run: Option<(&str, &str)>) -> Self {
        // The first that is put here has the folder counted.
        let since = AtomicUsize::new(COUNTED_EACH);
        let expected_since = AtomicUsize::new(EXPECTED_COUNTED_EACH);
        let (folder, kept_max) = (config.folder.clone(), config.deliveries.max(1));
        let replicas = Replicas::begin(&folder, run);
        let archive = Self { folder, kept_max, since, expected_since, replicas };
        if let Err(error) = archive.settle() {
            tracing::warn!("deliveries that were left unfinished could not be looked through: {error}");
        }
        archive
    }

    /// Says of each delivery whose gateway stopped before its end that it broke off.
    fn settle(&self) -> io::Result<()> {
        for (id, boundary) in self.replicas.left_behind()? {
            if self.ended(&id, &boundary)?.is_none() {
                self.keep_broken(&id, &boundary).map_err(io::Error::other)?;
            }
            self.replicas.ended(&id);
        }
        Ok(())
    }

    /// Keeps what follows a delivery. The manifest comes last: where it is, all is.
    ///
    /// Errors: the disk's; what was written of it is removed as what is too old.
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn keep(&self, id: &str, closed: &Closed) -> Result<(), DurableError> {
        if let Some(certificate) = &closed.certificate {
            durable::replace(&self.place(id, CERTIFICATE), certificate)?;
        }
        durable::replace(&self.place(id, MANIFEST), &closed.manifest)?;
        self.count();
        Ok(())
    }

    /// Keeps that a delivery across this boundary broke off.
    pub(super) fn keep_broken(&self, id: &str, boundary: &str) -> Result<(), DurableError> {
        durable::replace(&self.place(id, BROKEN), boundary.as_bytes())?;
        self.count();
        Ok(())
    }

    /// The id of the next delivery of this target, the same at every gateway until somebody takes it.
    ///
    /// Shape:  `fresh` is used if nobody told one yet.
    /// Bounds: [`EXPECTED_MAX`] ids in the folder, and [`EXPECTED_COUNTED_EACH`] more for each gateway.
    /// Errors: the disk's.
    pub(super) fn expect(&self, boundary: &str, target: &str, fresh: &str) -> io::Result<String> {
        let id = self.replicas.expect(boundary, target, fresh)?;
        if id == fresh {
            self.count_at(&self.expected_since, EXPECTED_COUNTED_EACH);
        }
        Ok(id)
    }

    /// What is known of a delivery across this boundary, whichever gateway delivers it.
    ///
    /// Shape:  an id of [`DELIVERY_ID_CHARS`] characters in hex; of any other there is nothing.
    /// Errors: the disk's, but for a file that is not there.
    pub(super) fn find(&self, id: &str, boundary: &str) -> io::Result<Option<Filed>> {
        if !is_id(id) {
            return Ok(None);
        }
        if let Some(ended) = self.ended(id, boundary)? {
            return Ok(Some(ended));
        }
        match self.replicas.open(id, boundary)? {
            Some(Open::UnderWay) => Ok(Some(Filed::Open(Open::UnderWay))),
            // It may have ended since it was first looked for.
            open => Ok(self.ended(id, boundary)?.or(open.map(Filed::Open))),
        }
    }

    /// What is kept of a delivery that has ended.
    fn ended(&self, id: &str, boundary: &str) -> io::Result<Option<Filed>> {
        if let Some(manifest) = read(&self.place(id, MANIFEST), FILE_BYTES_MAX)? {
            let told: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
            if told.get("boundary").and_then(serde_json::Value::as_str) != Some(boundary) {
                return Ok(None);
            }
            let certificate = read(&self.place(id, CERTIFICATE), FILE_BYTES_MAX)?;
            return Ok(Some(Filed::Closed(Closed { manifest, certificate })));
        }
        let broken = read(&self.place(id, BROKEN), FILE_BYTES_MAX)?;
        Ok(broken.filter(|named| named == boundary.as_bytes()).map(|_| Filed::Broken))
    }

    fn place(&self, id: &str, what: &str) -> PathBuf {
        self.folder.join(format!("{id}.{what}"))
    }

    /// Removes the oldest, where there are too many and it is time to look.
    fn count(&self) {
        self.count_at(&self.since, COUNTED_EACH);
    }

    fn count_at(&self, since: &AtomicUsize, each: usize) {
        if since.fetch_add(1, Ordering::Relaxed) < each {
            return;
        }
        since.store(1, Ordering::Relaxed);
        if let Err(error) = self.remove_oldest(EXPECTED_MAX) {
            tracing::warn!("what follows old deliveries could not be removed: {error}");
        }
    }

    /// Removes the oldest deliveries, and forgets the oldest of more than `expected_max` ids that were only told: neither takes the
    /// place of the other.
    fn remove_oldest(&self, expected_max: usize) -> io::Result<()> {
        let mut ids: BTreeMap<String, Found> = BTreeMap::new();
        for found in fs::read_dir(&self.folder)? {
            let found = found?;
            let name = found.file_name();
            let Some((id, what)) = name.to_str().and_then(|name| name.split_once('.')) else { continue };
            if !is_id(id) || is_gateway(what) {
                continue;
            }
            // Another gateway may have removed it meanwhile.
            let Ok(written) = found.metadata().and_then(|found| found.modified()) else { continue };
            let begun = Found { newest: written, is_told_alone: true, paths: Vec::new(), id: id.to_owned() };
            let known = ids.entry(id.to_owned()).or_insert(begun);
            known.newest = written.max(known.newest);
            known.is_told_alone &= what == EXPECTED;
            known.paths.push(found.path());
        }
        let (told, kept): (Vec<_>, Vec<_>) = ids.into_values().partition(|found| found.is_told_alone);
        for found in oldest(told, expected_max) {
            self.replicas.unexpect(&found.id);
        }
        for Found { id, mut paths, .. } in oldest(kept, self.kept_max) {
            if self.replicas.is_leaving(&id) {
                continue;
            }
            self.replicas.unexpect(&id);
            // The manifest first: without it there is nothing.
            paths.sort_by_key(|path| !path.to_string_lossy().ends_with(MANIFEST));
            for path in paths {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    Ok(()) | Err(_) => {}
                }
            }
        }
        Ok(())
    }
}

/// What the folder holds of one id.
struct Found {
    newest: SystemTime,
    /// Whether it was told, and no more: nobody has asked for its file.
    is_told_alone: bool,
    paths: Vec<PathBuf>,
    id: String,
}

/// Those of more than so many that have been there longest.
fn oldest(mut found: Vec<Found>, kept_max: usize) -> Vec<Found> {
    found.sort_by(|one, other| (one.newest, &one.id).cmp(&(other.newest, &other.id)));
    found.truncate(found.len().saturating_sub(kept_max));
    found
}

pub(super) fn is_id(id: &str) -> bool {
    id.len() == DELIVERY_ID_CHARS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What a file holds; nothing where there is none.
///
/// Errors: the disk's; [`io::ErrorKind::InvalidData`]: it is longer than `most` bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is longer than any that a gateway writes",
        ));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{super::under_way::Told, *};

    fn closed(boundary: &str, certificate: Option<&str>) -> Closed {
        Closed {
            manifest: format!("{{\"boundary\":\"{boundary}\"}}\n").into_bytes(),
            certificate: certificate.map(|text| text.as_bytes().to_vec()),
        }
    }

    #[test]
    fn what_is_kept_is_found_by_id_and_boundary_also_by_another() {
        let folder = tempfile::tempdir().unwrap();
        let config = ArchiveConfig { folder: folder.path().to_owned(), deliveries: 3 };
        let (one, other) = (Archive::new(&config, None), Archive::new(&config, None));
        let (id, broken) = ("0".repeat(32), "1".repeat(32));
        one.keep(&id, &closed("crm", Some("signed"))).unwrap();
        one.keep_broken(&broken, "crm").unwrap();
        for (id, boundary, want) in [
            (id.as_str(), "crm", Some(Filed::Closed(closed("crm", Some("signed"))))),
            (&id, "ehr", None),
            (&broken, "crm", Some(Filed::Broken)),
            (&broken, "ehr", None),
            ("../../etc/passwd", "crm", None),
            ("2", "crm", None),
            (&"2".repeat(32), "crm", None),
        ] {
            assert_eq!(other.find(id, boundary).unwrap(), want, "{id} {boundary}");
        }
    }

    #[test]
    fn the_oldest_are_removed_and_what_is_not_ours_stays() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("notes.txt");
        durable::replace(&foreign, b"kept").unwrap();
        let config = ArchiveConfig { folder: folder.path().to_owned(), deliveries: COUNTED_EACH };
        let archive = Archive::new(&config, None);
        let id = |number: usize| format!("{number:032x}");
        for number in 0..=2 * COUNTED_EACH {
            archive.keep(&id(number), &closed("crm", Some("signed"))).unwrap();
            let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            for what in [MANIFEST, CERTIFICATE] {
                let file = File::options().append(true).open(archive.place(&id(number), what)).unwrap();
                file.set_modified(old).unwrap();
            }
        }
        archive.remove_oldest(EXPECTED_MAX).unwrap();
        let found = |number: usize| archive.find(&id(number), "crm").unwrap().is_some();
        assert!(!found(0) && !found(COUNTED_EACH) && found(COUNTED_EACH + 1) && found(2 * COUNTED_EACH));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2 * COUNTED_EACH + 1);
        assert!(foreign.exists());
    }

    #[test]
    fn ids_that_are_only_told_push_out_no_delivery_and_have_an_end_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let config = ArchiveConfig { folder: folder.path().to_owned(), deliveries: 2 };
        let archive = Archive::new(&config, Some((&"a".repeat(32), "one.example/log")));
        let id = |number: usize| format!("{number:032x}");
        let kept = [id(1000), id(1001)];
        for id in &kept {
            archive.keep(id, &closed("ehr", Some("signed"))).unwrap();
            let manifest = File::options().append(true).open(archive.place(id, MANIFEST)).unwrap();
            manifest.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        for number in 0..10 {
            let told = archive.expect("ehr", &format!("/files/{number}"), &id(number)).unwrap();
            assert_eq!(told, id(number));
            let file = File::options().append(true).open(archive.place(&told, EXPECTED)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64))
                .unwrap();
        }
        archive.remove_oldest(4).unwrap();
        for id in &kept {
            assert_eq!(archive.find(id, "ehr").unwrap(), Some(Filed::Closed(closed("ehr", Some("signed")))));
        }
        for number in 0..10 {
            let want = (number >= 6).then_some(Filed::Open(Open::Expected));
            assert_eq!(archive.find(&id(number), "ehr").unwrap(), want, "{number}");
            let taken = archive.replicas.take("ehr", &format!("/files/{number}"));
            assert_eq!(taken, (number >= 6).then(|| id(number)), "what leads to it goes with it");
        }
    }

    #[test]
    fn whoever_tells_an_id_has_the_folder_counted_every_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let config = ArchiveConfig { folder: folder.path().to_owned(), deliveries: 2 };
        let archive = Archive::new(&config, Some((&"a".repeat(32), "one.example/log")));
        let since = |archive: &Archive| archive.expected_since.load(Ordering::Relaxed);
        for (fresh, number, want) in [(0, 0, 1), (1, 1, 2), (2, 1, 2), (3, 2, 3)] {
            archive.expect("ehr", &format!("/files/{number}"), &format!("{fresh:032x}")).unwrap();
            assert_eq!(since(&archive), want, "one that was told before is not counted again");
        }
        archive.expected_since.store(EXPECTED_COUNTED_EACH, Ordering::Relaxed);
        archive.expect("ehr", "/files/3", &"f".repeat(32)).unwrap();
        assert_eq!(since(&archive), 1);
    }

    #[test]
    fn what_a_gateway_left_unfinished_broke_off_and_what_leaves_stays() {
        let folder = tempfile::tempdir().unwrap();
        let config = ArchiveConfig { folder: folder.path().to_owned(), deliveries: 1 };
        let told = || Told {
            boundary: "crm".to_owned(),
            client: "etl".to_owned(),
            route: "export file".to_owned(),
            since: 1,
            bytes: 0,
        };
        let [one, other, third] = ["a", "b", "c"].map(|digit| digit.repeat(32));
        let [leaves, unfinished, finished] = ["1", "2", "3"].map(|digit| digit.repeat(32));
        let running = Archive::new(&config, Some((&one, "one.example/log")));
        running.replicas.tell(&leaves, &told()).unwrap();
        let stopped = Archive::new(&config, Some((&other, "other.example/log")));
        for id in [&unfinished, &finished] {
            stopped.replicas.tell(id, &told()).unwrap();
        }
        stopped.keep(&finished, &closed("crm", None)).unwrap();
        drop(stopped);
        assert_eq!(running.find(&unfinished, "crm").unwrap(), Some(Filed::Open(Open::Stopped)));
        assert_eq!(running.find(&finished, "crm").unwrap(), Some(Filed::Closed(closed("crm", None))));
        assert_eq!(running.find(&leaves, "crm").unwrap(), Some(Filed::Open(Open::UnderWay)));

        let started = Archive::new(&config, Some((&third, "third.example/log")));
        assert_eq!(started.find(&unfinished, "crm").unwrap(), Some(Filed::Broken));
        assert_eq!(running.replicas.left_behind().unwrap(), []);
        started.remove_oldest(EXPECTED_MAX).unwrap();
        assert_eq!(started.find(&leaves, "crm").unwrap(), Some(Filed::Open(Open::UnderWay)));
    }
}
