//! Publishing while commits go on: stopped at each of its steps, with the power going there.

use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use ledger::{Ledger, Store, verify_store};

use crate::disk::{Crash, FailingDisk};
use crate::{entry, key};

/// A disk with a second way to it, which stops before one of its operations until it is let go on.
#[derive(Debug)]
struct TwoWays {
    disk: FailingDisk,
    second: Mutex<Option<Stopping>>,
}

#[derive(Debug)]
struct Stopping {
    disk: FailingDisk,
    /// How many operations are let through.
    left: usize,
    stands: Sender<()>,
    go_on: Receiver<()>,
}

impl Stopping {
    fn step(&mut self) -> &mut FailingDisk {
        if self.left == 0 {
            self.stands.send(()).unwrap();
            self.go_on.recv().unwrap();
        }
        self.left = self.left.wrapping_sub(1);
        &mut self.disk
    }
}

impl Store for Stopping {
    fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        self.disk.read(path, limit)
    }
    fn list(&self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        self.disk.list(folder, limit)
    }
    fn length(&self, path: &str) -> io::Result<u64> {
        self.disk.length(path)
    }
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.step().write(path, offset, bytes)
    }
    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.step().truncate(path, length)
    }
    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.step().sync(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step().rename(from, to)
    }
    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        self.step().remove_folder(path)
    }
    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        self.step().sync_folder(path)
    }
    fn forget(&mut self) {}
}

impl Store for TwoWays {
    fn beside(&self) -> Option<Box<dyn Store>> {
        Some(Box::new(self.second.lock().unwrap().take().unwrap()))
    }
    fn read(&self, path: &str, limit: usize) -> io::Result<Vec<u8>> {
        self.disk.read(path, limit)
    }
    fn list(&self, folder: &str, limit: usize) -> io::Result<Vec<String>> {
        self.disk.list(folder, limit)
    }
    fn length(&self, path: &str) -> io::Result<u64> {
        self.disk.length(path)
    }
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write(path, offset, bytes)
    }
    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.disk.truncate(path, length)
    }
    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.disk.sync(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove_folder(&mut self, path: &str) -> io::Result<()> {
        self.disk.remove_folder(path)
    }
    fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        self.disk.sync_folder(path)
    }
    fn forget(&mut self) {}
}

fn commit(ledger: &mut Ledger, count: u64) {
    let batch = (ledger.size()..ledger.size() + count).map(entry).collect();
    drop(ledger.commit(batch, Vec::clone).unwrap());
}

/// A ledger with something published and more that is not, whose next publication stops after so many operations.
fn stopping_after(operations: usize) -> (FailingDisk, Ledger, Receiver<()>, Sender<()>) {
    let disk = FailingDisk::default();
    let mut made = Ledger::create_in(Box::new(disk.clone()), key()).unwrap();
    commit(&mut made, 250);
    made.publish().unwrap();
    drop(made);
    let (stands, is_there) = channel();
    let (let_go, go_on) = channel();
    let second = Stopping { disk: disk.clone(), left: operations, stands, go_on };
    let ways = TwoWays { disk: disk.clone(), second: Mutex::new(Some(second)) };
    let mut ledger = Ledger::open_in(Box::new(ways), key()).unwrap();
    commit(&mut ledger, 300);
    (disk, ledger, is_there, let_go)
}

#[test]
fn commits_go_on_beside_and_survive_wherever_the_power_goes() {
    let mut steps = 0;
    loop {
        let (disk, mut ledger, is_there, let_go) = stopping_after(steps);
        let before = disk.operations().len();
        ledger.publish_beside();
        if is_there.recv().is_err() {
            // It ended before that operation: each has been stopped at.
            break;
        }
        assert_eq!(disk.operations().len() - before, steps);
        commit(&mut ledger, 7);
        assert!(ledger.is_publishing());
        for crash in [Crash::Strict, Crash::Lenient, Crash::Torn] {
            let left = disk.copy();
            left.crash(crash);
            let again = Ledger::open_in(Box::new(left.clone()), key()).unwrap();
            assert_eq!((again.size(), again.published()), (557, 557), "{crash:?} at {steps}");
            let report = verify_store(&left, key().verifier());
            assert_eq!((report.problem, report.size), (None, 557), "{crash:?} at {steps}");
        }
        let_go.send(()).unwrap();
        while ledger.is_publishing() {
            std::thread::yield_now();
        }
        assert_eq!((ledger.published(), ledger.size()), (550, 557));
        let report = verify_store(&disk, key().verifier());
        assert_eq!((report.problem, report.size, report.journal.entries), (None, 550, 7));

        // What came meanwhile is in the journal and is proved and published like anything else.
        commit(&mut ledger, 300);
        for index in [0, 255, 549, 550, 556, 856] {
            let proof = ledger.prove(index).unwrap();
            let leaf = mark::merkle::leaf_hash(&entry(index));
            assert!(proof.verify(&leaf, std::slice::from_ref(key().verifier())).is_ok(), "{index}");
        }
        let left = disk.copy();
        left.crash(Crash::Strict);
        assert_eq!(Ledger::open_in(Box::new(left), key()).unwrap().size(), 857);
        ledger.publish().unwrap();
        commit(&mut ledger, 1);
        drop(ledger);
        disk.crash(Crash::Strict);
        assert_eq!(Ledger::open_in(Box::new(disk.clone()), key()).unwrap().recovery().entries, 1);
        let report = verify_store(&disk, key().verifier());
        assert_eq!((report.problem, report.size), (None, 858));
        steps += 1;
    }
    assert!(steps > 10, "only {steps} operations");
}

#[test]
fn a_disk_that_fails_beside_leaves_the_journal_and_is_tried_again() {
    let (disk, mut ledger, is_there, let_go) = stopping_after(4);
    ledger.publish_beside();
    is_there.recv().unwrap();
    disk.refuse_new_files(true);
    let_go.send(()).unwrap();
    while ledger.is_publishing() {
        std::thread::yield_now();
    }
    assert_eq!(ledger.published(), 250);
    assert!(ledger.unpublished_because().is_some());
    commit(&mut ledger, 1);
    disk.refuse_new_files(false);
    ledger.publish().unwrap();
    assert_eq!((ledger.published(), ledger.unpublished_because()), (551, None));
}
