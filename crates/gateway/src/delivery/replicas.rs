//! What gateways that share a folder tell each other of deliveries that have not ended: ids that were told before a file was
//! asked for, and files that leave just now.
//!
//! A gateway holds the lock of a file of its own for as long as it runs. Whoever finds a file under way at a gateway without
//! that lock knows, without a clock, that it will not go on. Source: spec/deliveries.md section 6.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ledger::durable::{self, DurableError};
use mark::digest::sha256;
use serde_json::{Value, json};

use super::{
    archive::{self, is_id},
    under_way::Told,
};

/// A file that leaves: at which gateway, since when, how far.
const UNDER_WAY: &str = "under-way";
/// An id that was told and is waiting for its file.
pub(super) const EXPECTED: &str = "expected";
/// The same, by what will be asked for.
const NEXT: &str = "next";
/// A gateway that runs, or ran.
const GATEWAY: &str = "gateway";

/// The longest file of these that is read.
const FILE_BYTES_MAX: u64 = 16 << 10;
/// Files under way at others that are told of at one time.
const OTHERS_MAX: usize = 1000;

/// What is known of a delivery that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Nobody has asked for the file yet.
    Expected,
    /// It leaves just now.
    UnderWay,
    /// The gateway that it left stopped before its end.
    Stopped,
}

/// A file under way at another gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub(super) gateway: String,
    pub(super) told: Told,
    /// Whether its gateway still runs.
    pub(super) is_running: bool,
}

/// The folder, as one gateway tells the others of itself.
#[derive(Debug)]
pub(super) struct Replicas {
    folder: PathBuf,
    run: Option<Run>,
    /// Held while an id is taken: two requests of one gateway use the same name for that.
    taking: Mutex<()>,
}

/// One gateway from its start to its end.
#[derive(Debug)]
struct Run {
    name: String,
    origin: String,
    path: PathBuf,
    lock: File,
}

impl Run {
    /// Opens and locks the file, then lets others see it.
    fn begin(folder: &Path, name: &str, origin: &str) -> io::Result<Self> {
        let hidden = folder.join(format!("{name}.{GATEWAY}.new"));
        let lock = OpenOptions::new().create_new(true).write(true).open(&hidden)?;
        lock.lock()?;
        let path = folder.join(format!("{name}.{GATEWAY}"));
        fs::rename(&hidden, &path)?;
        Ok(Self { name: name.to_owned(), origin: origin.to_owned(), path, lock })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A process that is just being started holds a copy of every open file for a moment, and with it the lock.
        let _unlocked = self.lock.unlock();
        let _removed = fs::remove_file(&self.path);
    }
}

impl Replicas {
    /// Begins to tell the others.
    ///
    /// Shape:  `run` is a name that nobody else has, and the name of the gateway's log. Without, or where the folder has no
    ///         locks, others are heard and nothing is told.
    pub(super) fn begin(folder: &Path, run: Option<(&str, &str)>) -> Self {
        let run = run.and_then(|(name, origin)| match Run::begin(folder, name, origin) {
            Ok(run) => Some(run),
            Err(error) => {
                tracing::warn!("files under way here are not known to other gateways: {error}");
                None
            }
        });
        Self { folder: folder.to_owned(), run, taking: Mutex::default() }
    }

    /// Tells that a file leaves, or how far it is.
    ///
    /// Never:  call it on an async worker: it waits for the disk.
    pub(super) fn tell(&self, id: &str, told: &Told) -> Result<(), DurableError> {
        let Some(run) = self.run.as_ref().filter(|_| is_id(id)) else { return Ok(()) };
        let text = json!({
            "boundary": told.boundary, "bytes": told.bytes, "client": told.client, "gateway": run.origin,
            "route": told.route, "run": run.name, "since": told.since,
        });
        durable::replace(&self.place(id, UNDER_WAY), text.to_string().as_bytes())?;
        self.forget(id, EXPECTED);
        Ok(())
    }

    /// The file has left, or broken off: what became of it is told elsewhere.
    pub(super) fn ended(&self, id: &str) {
        if is_id(id) {
            self.forget(id, UNDER_WAY);
        }
    }

    /// The id of the next delivery of this target, the same at every gateway until somebody takes it.
    ///
    /// Shape:  `fresh` is used if nobody told one yet.
    /// Errors: the disk's.
    pub(super) fn expect(&self, boundary: &str, target: &str, fresh: &str) -> io::Result<String> {
        if self.run.is_none() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the folder has no locks"));
        }
        let key = key(boundary, target);
        let next = self.folder.join(format!("{key}.{NEXT}"));
        if let Some(id) = read(&next)?.and_then(|text| id_in(&text)) {
            return Ok(id);
        }
        let place = self.place(fresh, EXPECTED);
        let text = json!({ "boundary": boundary, "id": fresh, "next": key }).to_string();
        let written =
            OpenOptions::new().create_new(true).write(true).open(&place)?.write_all(text.as_bytes());
        written.inspect_err(|_| drop(fs::remove_file(&place)))?;
        match fs::hard_link(&place, &next) {
            Ok(()) => Ok(fresh.to_owned()),
            Err(error) => {
                let _removed = fs::remove_file(&place);
                // Another gateway was first.
                let told = read(&next)?.and_then(|text| id_in(&text));
                told.ok_or(error)
            }
        }
    }

    /// Takes the id that was told of this target at any gateway; nobody else gets it.
    pub(super) fn take(&self, boundary: &str, target: &str) -> Option<String> {
        let run = self.run.as_ref()?;
        let key = key(boundary, target);
        let taken = self.folder.join(format!("{key}.{}.taken", run.name));
        let _alone = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        fs::rename(self.folder.join(format!("{key}.{NEXT}")), &taken).ok()?;
        let id = read(&taken).ok().flatten().and_then(|text| id_in(&text));
        let _removed = fs::remove_file(&taken);
        id
    }

    /// What is known of a delivery across this boundary that has not ended.
    ///
    /// Errors: the disk's.
    pub(super) fn open(&self, id: &str, boundary: &str) -> io::Result<Option<Open>> {
        let under_way = |replicas: &Self| -> io::Result<Option<Open>> {
            let Some((other, run)) = replicas.under_way(id)? else { return Ok(None) };
            let state = if replicas.is_running(&run) { Open::UnderWay } else { Open::Stopped };
            Ok((other.boundary == boundary).then_some(state))
        };
        if let Some(open) = under_way(self)? {
            return Ok(Some(open));
        }
        let expected = read(&self.place(id, EXPECTED))?;
        let expected = expected.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if expected.is_some_and(|told| told.get("boundary").and_then(Value::as_str) == Some(boundary)) {
            return Ok(Some(Open::Expected));
        }
        // It may have begun between the two.
        under_way(self)
    }

    /// The files under way at other gateways, the oldest first, and how many more there are than are told of.
    ///
    /// Bounds: [`OTHERS_MAX`] are told of, and twice as many held; every file under way in the folder is read.
    /// Errors: the disk's.
    pub(super) fn others(&self) -> io::Result<(Vec<Other>, usize)> {
        let own = self.run.as_ref().map(|run| run.name.as_str());
        let mut found = Vec::new();
        let mut omitted = 0;
        let mut leave_oldest = |found: &mut Vec<(Told, String, String, String)>| {
            found.sort_by(|(one, _, at, id), (other, _, there, other_id)| {
                (one.since, at, id).cmp(&(other.since, there, other_id))
            });
            omitted += found.len().saturating_sub(OTHERS_MAX);
            found.truncate(OTHERS_MAX);
        };
        for id in self.named(UNDER_WAY)? {
            let Some(text) = read(&self.place(&id, UNDER_WAY))? else { continue };
            let other = understood(&text).filter(|(_, run, _)| Some(run.as_str()) != own);
            found.extend(other.map(|(told, run, gateway)| (told, run, gateway, id)));
            if found.len() >= 2 * OTHERS_MAX {
                leave_oldest(&mut found);
            }
        }
        leave_oldest(&mut found);
        // A gateway with many files is asked after once.
        let mut running = BTreeMap::new();
        let others = found.into_iter().map(|(told, run, gateway, _)| {
            let is_running = *running.entry(run).or_insert_with_key(|run| self.is_running(run));
            Other { gateway, told, is_running }
        });
        Ok((others.collect(), omitted))
    }

    /// The deliveries of gateways that run no more, each with its boundary; the gateways themselves are forgotten.
    ///
    /// Errors: the disk's.
    pub(super) fn left_behind(&self) -> io::Result<Vec<(String, String)>> {
        let mut left = Vec::new();
        for id in self.named(UNDER_WAY)? {
            match self.under_way(&id)? {
                Some((told, run)) if !self.is_running(&run) => left.push((id, told.boundary)),
                Some(_) | None => {}
            }
        }
        for run in self.named(GATEWAY)? {
            if !self.is_running(&run) {
                self.forget(&run, GATEWAY);
            }
        }
        Ok(left)
    }

    /// Whether a file is of a delivery that must stay: it leaves just now.
    pub(super) fn is_leaving(&self, id: &str) -> bool {
        self.under_way(id).is_ok_and(|found| found.is_some_and(|(_, run)| self.is_running(&run)))
    }

    /// Forgets that an id was told, if it was.
    pub(super) fn unexpect(&self, id: &str) {
        let told = read(&self.place(id, EXPECTED)).ok().flatten();
        let told: Option<Value> = told.and_then(|text| serde_json::from_slice(&text).ok());
        let key = told.as_ref().and_then(|told| told.get("next")).and_then(Value::as_str);
        let is_key = |key: &&str| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(key) = key.filter(is_key) {
            let next = self.folder.join(format!("{key}.{NEXT}"));
            // It may be another's by now.
            if read(&next).ok().flatten().and_then(|text| id_in(&text)).as_deref() == Some(id) {
                let _removed = fs::remove_file(next);
            }
        }
        self.forget(id, EXPECTED);
    }

    fn under_way(&self, id: &str) -> io::Result<Option<(Told, String)>> {
        let text = read(&self.place(id, UNDER_WAY))?;
        Ok(text.and_then(|text| understood(&text)).map(|(told, run, _)| (told, run)))
    }

    /// Whether a gateway still holds its lock. Where nobody can tell, it does.
    fn is_running(&self, run: &str) -> bool {
        if self.run.as_ref().is_some_and(|own| own.name == run) {
            return true;
        }
        match File::open(self.place(run, GATEWAY)) {
            // Shared with others who ask, or two of them would take each other for the gateway.
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => {
                    let _unlocked = file.unlock();
                    false
                }
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
            },
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The ids that have a file of this kind.
    fn named(&self, what: &str) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for found in fs::read_dir(&self.folder)? {
            let name = found?.file_name();
            let id = name.to_str().and_then(|name| name.split_once('.'));
            ids.extend(id.filter(|(id, kind)| is_id(id) && *kind == what).map(|(id, _)| id.to_owned()));
        }
        Ok(ids)
    }

    fn place(&self, id: &str, what: &str) -> PathBuf {
        self.folder.join(format!("{id}.{what}"))
    }

    fn forget(&self, id: &str, what: &str) {
        match fs::remove_file(self.place(id, what)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("what is no longer so of a delivery could not be removed: {error}");
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// Whether this is the end of the name of a gateway's own file.
pub(super) fn is_gateway(what: &str) -> bool {
    what.split('.').next() == Some(GATEWAY)
}

/// What stands for a target in a folder's names.
fn key(boundary: &str, target: &str) -> String {
    sha256(&[boundary.as_bytes(), b"\0", target.as_bytes()]).to_hex()
}

fn id_in(text: &[u8]) -> Option<String> {
    let told: Value = serde_json::from_slice(text).ok()?;
    told.get("id").and_then(Value::as_str).filter(|id| is_id(id)).map(str::to_owned)
}

/// What is told of a file under way, by which run of which gateway.
fn understood(text: &[u8]) -> Option<(Told, String, String)> {
    let told: Value = serde_json::from_slice(text).ok()?;
    let word = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    let run = word("run").filter(|run| is_id(run))?;
    let since = told.get("since").and_then(Value::as_i64)?;
    let bytes = told.get("bytes").and_then(Value::as_u64)?;
    let told =
        Told { boundary: word("boundary")?, client: word("client")?, route: word("route")?, since, bytes };
    Some((told, run, word("gateway")?))
}

/// What a file says; one that is longer than any gateway writes says nothing.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match archive::read(path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: &str) -> String {
        digit.repeat(32)
    }

    fn told(bytes: u64) -> Told {
        Told {
            boundary: "crm".to_owned(),
            client: "etl".to_owned(),
            route: "bulk results".to_owned(),
            since: 100,
            bytes,
        }
    }

    #[test]
    fn a_file_under_way_is_known_to_others_until_it_ends_or_its_gateway_does() {
        let folder = tempfile::tempdir().unwrap();
        let one = Replicas::begin(folder.path(), Some((&id("a"), "one.example/log")));
        let other = Replicas::begin(folder.path(), Some((&id("b"), "other.example/log")));
        one.tell(&id("1"), &told(0)).unwrap();
        one.tell(&id("2"), &told(0)).unwrap();
        one.tell(&id("1"), &told(7)).unwrap();
        assert_eq!(other.open(&id("1"), "crm").unwrap(), Some(Open::UnderWay));
        assert_eq!(other.open(&id("1"), "ehr").unwrap(), None, "another boundary");
        assert_eq!(other.open(&id("3"), "crm").unwrap(), None);
        one.ended(&id("2"));
        let theirs = |is_running| Other { gateway: "one.example/log".to_owned(), told: told(7), is_running };
        assert_eq!(other.others().unwrap(), (vec![theirs(true)], 0));
        assert_eq!(one.others().unwrap(), (Vec::new(), 0), "its own are not those of others");
        assert!(other.is_leaving(&id("1")) && other.left_behind().unwrap().is_empty());

        drop(one);
        assert_eq!(other.open(&id("1"), "crm").unwrap(), Some(Open::Stopped));
        assert_eq!(other.others().unwrap(), (vec![theirs(false)], 0));
        assert!(!other.is_leaving(&id("1")));
        assert_eq!(other.left_behind().unwrap(), [(id("1"), "crm".to_owned())]);
    }

    #[test]
    fn files_that_are_left_out_are_those_of_others() {
        let folder = tempfile::tempdir().unwrap();
        let one = Replicas::begin(folder.path(), Some((&id("a"), "one.example/log")));
        let other = Replicas::begin(folder.path(), Some((&id("b"), "other.example/log")));
        let many = |of: &Replicas, first: usize, count: usize| {
            for number in first..first + count {
                // The name that sorts last began first.
                let since = 10_000 - i64::try_from(number).unwrap();
                let text = json!({ "boundary": "crm", "bytes": 0, "client": "etl", "gateway": "one.example/log",
                    "route": "bulk results", "run": of.run.as_ref().unwrap().name, "since": since });
                let place = of.place(&format!("{number:032x}"), UNDER_WAY);
                let mut file = OpenOptions::new().create_new(true).write(true).open(place).unwrap();
                file.write_all(text.to_string().as_bytes()).unwrap();
            }
        };
        // A folder lists its files in any order: some of its own are among the last, whichever that is.
        many(&other, 5000, 150);
        many(&one, 0, OTHERS_MAX + 300);
        many(&other, 6000, 150);
        let (others, omitted) = other.others().unwrap();
        assert_eq!((others.len(), omitted), (OTHERS_MAX, 300));
        let since: Vec<i64> = others.iter().map(|other| other.told.since).collect();
        assert!(since.iter().copied().eq(8701..9701), "the oldest, the oldest first");
        assert!(others.iter().all(|other| other.is_running));
    }

    #[test]
    fn an_id_that_was_told_is_the_same_at_each_gateway_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let one = Replicas::begin(folder.path(), Some((&id("a"), "one.example/log")));
        let other = Replicas::begin(folder.path(), Some((&id("b"), "other.example/log")));
        assert_eq!(one.expect("ehr", "/files/1", &id("1")).unwrap(), id("1"));
        assert_eq!(other.expect("ehr", "/files/1", &id("2")).unwrap(), id("1"));
        assert_eq!(other.expect("crm", "/files/1", &id("3")).unwrap(), id("3"), "another boundary");
        assert_eq!(other.open(&id("1"), "ehr").unwrap(), Some(Open::Expected));
        assert_eq!(other.open(&id("2"), "ehr").unwrap(), None, "nobody was told of it");
        assert_eq!(other.take("ehr", "/files/1"), Some(id("1")));
        assert_eq!(one.take("ehr", "/files/1"), None);
        other.tell(&id("1"), &told(0)).unwrap();
        assert_eq!(one.open(&id("1"), "crm").unwrap(), Some(Open::UnderWay));
        other.ended(&id("1"));
        assert_eq!(one.expect("ehr", "/files/1", &id("4")).unwrap(), id("4"));
        one.unexpect(&id("4"));
        assert_eq!((one.take("ehr", "/files/1"), one.open(&id("4"), "ehr").unwrap()), (None, None));
    }

    #[test]
    fn a_gateway_that_was_killed_left_a_file_without_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let killed = Replicas::begin(folder.path(), Some((&id("a"), "one.example/log")));
        killed.tell(&id("1"), &told(0)).unwrap();
        drop(killed);
        // As the kernel leaves it: the file is there, and nobody holds its lock.
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(folder.path().join(format!("{}.{GATEWAY}", id("a"))))
            .unwrap();
        let other = Replicas::begin(folder.path(), Some((&id("b"), "other.example/log")));
        let third = Replicas::begin(folder.path(), None);
        assert_eq!(other.open(&id("1"), "crm").unwrap(), Some(Open::Stopped));
        assert_eq!(third.left_behind().unwrap().len(), 1);
        assert!(!folder.path().join(format!("{}.{GATEWAY}", id("a"))).exists(), "it is forgotten");
        assert!(folder.path().join(format!("{}.{GATEWAY}", id("b"))).exists(), "this one runs");
    }
}
