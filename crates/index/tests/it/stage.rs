//! Ledgers and databases for a story, and everything that an index holds as one text.

use std::{fmt::Write as _, path::PathBuf};

use index::{Index, Place, TABLES, VIEWS};
use ledger::Ledger;
use mark::note::SignerKey;

use crate::{entries, server::Server};

/// A ledger that grows.
pub(crate) struct Growing {
    pub(crate) folder: tempfile::TempDir,
    ledger: Ledger,
    pub(crate) next: u64,
}

impl Growing {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = SignerKey::generate(name, [seed; 32]).unwrap();
        let ledger = Ledger::create(folder.path(), signer).unwrap();
        Self { folder, ledger, next: 0 }
    }

    /// Adds so many entries, and publishes them.
    pub(crate) fn grow(&mut self, count: u64) {
        let numbers: Vec<u64> = (self.next..self.next + count).collect();
        for some in numbers.chunks(2000) {
            self.ledger.commit(some.to_vec(), |number| entries::entry(*number)).unwrap();
        }
        self.ledger.publish().unwrap();
        self.next += count;
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// A database of each kind that there is here.
pub(crate) struct Databases {
    folder: tempfile::TempDir,
    server: Option<Server>,
}

impl Databases {
    pub(crate) fn new() -> Self {
        let server = Server::start();
        if server.is_none() {
            println!("skipped: no PostgreSQL is installed, only SQLite is tried");
        }
        Self { folder: tempfile::tempdir().unwrap(), server }
    }

    pub(crate) fn sqlite(&self) -> Place {
        Place::File(self.folder.path().join("index.sqlite"))
    }

    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places = vec![self.sqlite()];
        places.extend(self.server.as_ref().map(Server::place));
        places
    }
}

/// Everything that an index holds: every table and view, every row, in the order of all columns.
pub(crate) fn everything(index: &mut Index) -> String {
    let mut text = String::new();
    let names = TABLES.iter().map(|table| table.name).chain(VIEWS.iter().map(|(name, _)| *name));
    for name in names {
        let key = if name == "ledgers" { "origin" } else { "origin, entry" };
        let answer = index.query(&format!("SELECT * FROM {name} ORDER BY {key}"), &[]).unwrap();
        let mut rows: Vec<String> = answer.rows.iter().map(|row| format!("{row:?}")).collect();
        rows.sort();
        writeln!(text, "{name} {:?}", answer.columns).unwrap();
        for row in rows {
            writeln!(text, "  {row}").unwrap();
        }
    }
    text
}

/// An index of these folders, read all at once.
pub(crate) fn rebuilt(place: &Place, folders: &[PathBuf]) -> String {
    let mut index = Index::renew(place).unwrap();
    for folder in folders {
        index.follow(folder, &mut |_| {}).unwrap();
    }
    everything(&mut index)
}
