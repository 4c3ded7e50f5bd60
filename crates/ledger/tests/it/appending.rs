//! The appender: many threads, a full queue, a disk that breaks and comes back.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ledger::{
    AppendError, Appender, AppenderConfig, AskError, Busy, Closed, Ledger, Logged, Pending, Refusal, State,
    Store, verify_store,
};
use mark::checkpoint::Checkpoint;

use crate::disk::{Crash, FailingDisk};
use crate::{entry, key};

/// Publishing and reopening at once, so that no test waits.
const QUICK: AppenderConfig = AppenderConfig {
    queue_entries_max: 64,
    gather: Duration::ZERO,
    note_after: Duration::from_millis(1),
    publish_idle: Duration::from_millis(1),
    reopen_first: Duration::from_micros(10),
    reopen_max: Duration::from_micros(10),
};

fn start(disk: &FailingDisk, config: AppenderConfig) -> Appender {
    let ledger = Ledger::create_in(Box::new(disk.clone()), key()).unwrap();
    Appender::start(ledger, config).unwrap()
}

/// A disk whose journal syncs wait until they are let through: time stands still in between.
#[derive(Debug)]
struct GatedDisk {
    disk: FailingDisk,
    gate: Arc<Mutex<Receiver<()>>>,
    waiting: Arc<AtomicUsize>,
}

impl Store for GatedDisk {
    fn read(&self, path: &str, limit: usize) -> std::io::Result<Vec<u8>> {
        self.disk.read(path, limit)
    }
    fn list(&self, folder: &str, limit: usize) -> std::io::Result<Vec<String>> {
        self.disk.list(folder, limit)
    }
    fn length(&self, path: &str) -> std::io::Result<u64> {
        self.disk.length(path)
    }
    fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.disk.write(path, offset, bytes)
    }
    fn truncate(&mut self, path: &str, length: u64) -> std::io::Result<()> {
        self.disk.truncate(path, length)
    }
    fn sync(&mut self, path: &str) -> std::io::Result<()> {
        if path == "journal" {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.gate.lock().unwrap().recv().map_err(std::io::Error::other)?;
        }
        self.disk.sync(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove_folder(&mut self, path: &str) -> std::io::Result<()> {
        self.disk.remove_folder(path)
    }
    fn sync_folder(&mut self, path: &str) -> std::io::Result<()> {
        self.disk.sync_folder(path)
    }
    fn forget(&mut self) {}
}

#[test]
fn many_threads_each_get_their_own_place() {
    let disk = FailingDisk::default();
    let appender = start(&disk, AppenderConfig::standard());
    let mut indexes: Vec<u64> = std::thread::scope(|scope| {
        let appender = &appender;
        let threads = (0..8).map(|thread| {
            scope.spawn(move || {
                (0..50)
                    .map(|n| {
                        let logged =
                            appender.append((thread, n), entry(thread * 50 + n)).unwrap().wait().unwrap();
                        assert_eq!(*logged.item(), (thread, n));
                        logged.index()
                    })
                    .collect::<Vec<_>>()
            })
        });
        threads.collect::<Vec<_>>().into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    indexes.sort_unstable();
    assert_eq!(indexes, (0..400).collect::<Vec<_>>());

    let trusted = [key().verifier().clone()];
    assert_eq!(Checkpoint::open(&appender.checkpoint(), &trusted).unwrap().size(), 400);
    let logged = appender.append((), b"last".to_vec()).unwrap().wait().unwrap();
    let proof = appender.prove(logged.index()).unwrap();
    assert!(proof.verify(logged.leaf_hash(), &trusted).is_ok());
    assert!(matches!(appender.prove(401), Err(AskError::Read(_))));

    let ledger = appender.close().unwrap();
    assert_eq!((ledger.size(), ledger.published()), (401, 401), "closing publishes");
    assert_eq!(appender.close().unwrap_err(), Closed);
    assert!(matches!(appender.append((), vec![1]).unwrap().wait(), Err(AppendError::Closed)));
    assert_eq!(appender.health().state, State::Closed);
}

#[test]
fn nothing_is_acknowledged_before_the_sync_and_what_waits_rides_together() {
    let disk = FailingDisk::default();
    drop(Ledger::create_in(Box::new(disk.clone()), key()).unwrap());
    let (let_through, gate) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let gated =
        GatedDisk { disk: disk.clone(), gate: Arc::new(Mutex::new(gate)), waiting: Arc::clone(&waiting) };
    let ledger = Ledger::open_in(Box::new(gated), key()).unwrap();
    let appender = Appender::start(ledger, AppenderConfig { queue_entries_max: 3, ..QUICK }).unwrap();

    let first = appender.append("first", entry(0)).unwrap();
    // The thread has taken the first entry once it stands at the gate.
    while waiting.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let mut first = pin!(first);
    let woken = Arc::new(Woken::default());
    assert!(poll(first.as_mut(), &woken).is_pending());
    let queued: Vec<Pending<u64>> = (1..4).map(|n| appender.append(n, entry(n)).unwrap()).collect();
    assert_eq!(appender.append(4, entry(4)).unwrap_err(), Busy);
    assert_eq!(appender.health().queued, 3);
    assert_eq!(woken.0.load(Ordering::SeqCst), 0);

    let_through.send(()).unwrap();
    let logged = loop {
        if let Poll::Ready(logged) = poll(first.as_mut(), &woken) {
            break logged.unwrap();
        }
        std::thread::yield_now();
    };
    assert_eq!((logged.index(), *logged.item()), (0, "first"));
    let_through.send(()).unwrap();
    let indexes: Vec<_> = queued.into_iter().map(|pending| pending.wait().unwrap().index()).collect();
    assert_eq!(indexes, [1, 2, 3]);
    let syncs = disk.operations().iter().filter(|operation| *operation == "sync journal").count();
    assert_eq!(syncs, 3, "one when it was made, one for the first entry, one for the three that waited");
    drop(let_through);
}

#[test]
fn a_note_rides_with_what_is_awaited_and_waits_alone_only_so_long() {
    let disk = FailingDisk::default();
    let appender = start(&disk, AppenderConfig { note_after: Duration::from_hours(1), ..QUICK });
    let syncs = || disk.operations().iter().filter(|operation| *operation == "sync journal").count();
    let before = syncs();
    appender.note(entry(0)).unwrap();
    appender.note(entry(1)).unwrap();
    assert_eq!(appender.append((), entry(2)).unwrap().wait().unwrap().index(), 2);
    assert_eq!(syncs() - before, 1, "one for all three");
    appender.note(entry(3)).unwrap();
    assert_eq!(appender.close().unwrap().size(), 4, "closing leaves nothing behind");

    let disk = FailingDisk::default();
    let appender = start(&disk, QUICK);
    appender.note(entry(0)).unwrap();
    while appender.health().size == 0 {
        std::thread::yield_now();
    }
    // What cannot be an entry spoils no group.
    appender.note(Vec::new()).unwrap();
    assert_eq!(appender.append((), entry(1)).unwrap().wait().unwrap().index(), 1);
}

#[test]
fn what_many_write_at_once_is_gathered_until_it_is_a_crowd() {
    let disk = FailingDisk::default();
    drop(Ledger::create_in(Box::new(disk.clone()), key()).unwrap());
    let (let_through, gate) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let gated =
        GatedDisk { disk: disk.clone(), gate: Arc::new(Mutex::new(gate)), waiting: Arc::clone(&waiting) };
    let ledger = Ledger::open_in(Box::new(gated), key()).unwrap();
    let config = AppenderConfig { queue_entries_max: 5, gather: Duration::from_hours(1), ..QUICK };
    let appender = Appender::start(ledger, config).unwrap();
    let first = appender.append((), entry(0)).unwrap();
    while waiting.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
    let many: Vec<_> = (1..6).map(|n| appender.append((), entry(n)).unwrap()).collect();
    for _ in 0..10 {
        let_through.send(()).unwrap();
    }
    drop(first.wait().unwrap());
    for pending in many {
        drop(pending.wait().unwrap());
    }
    let commits = appender.health().commits;
    let next: Vec<_> = (6..11).map(|n| appender.append((), entry(n)).unwrap()).collect();
    for pending in next {
        drop(pending.wait().unwrap());
    }
    assert_eq!(appender.health().commits, commits + 1, "the five that came one after the other");
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<T>(
    pending: std::pin::Pin<&mut Pending<T>>,
    woken: &Arc<Woken>,
) -> Poll<Result<Logged<T>, AppendError>> {
    pending.poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

#[test]
fn one_bad_entry_refuses_only_itself() {
    let disk = FailingDisk::default();
    let appender = start(&disk, QUICK);
    let empty = appender.append((), Vec::new()).unwrap();
    let long = appender.append((), vec![0; 65_536]).unwrap();
    let longest = appender.append((), vec![0; 65_535]).unwrap();
    for (pending, message) in [(empty, "is empty"), (long, "log a digest of it instead")] {
        let Err(AppendError::Refused(refusal)) = pending.wait() else { panic!("it was not refused") };
        assert!(refusal.to_string().contains(message), "{refusal}");
    }
    assert_eq!(longest.wait().unwrap().index(), 0);
}

#[test]
fn rest_publishes() {
    let disk = FailingDisk::default();
    let appender = start(&disk, QUICK);
    drop(appender.append((), entry(0)).unwrap().wait().unwrap());
    while appender.health().published == 0 {
        std::thread::yield_now();
    }
    assert_eq!(verify_store(&disk, key().verifier()).size, 1);
}

#[test]
fn a_full_disk_is_refused_and_taken_again_when_there_is_space() {
    let disk = FailingDisk::default();
    let appender = start(&disk, QUICK);
    disk.fill_up();
    let refused = appender.append((), vec![1; 60_000]).unwrap().wait();
    assert_eq!(refused.unwrap().index(), 0, "claimed space is used first");
    let Err(AppendError::Refused(refusal)) = appender.append((), vec![1; 60_000]).unwrap().wait() else {
        panic!("it was not refused")
    };
    assert!(matches!(*refusal, Refusal::DiskFull { .. }), "{refusal}");
    assert_eq!(appender.health().state, State::Writing);
    assert!(appender.publish().is_err());
    disk.mend();
    assert_eq!(appender.append((), vec![1; 60_000]).unwrap().wait().unwrap().index(), 1);
}

#[test]
fn a_broken_disk_is_unavailable_until_it_is_mended() {
    let disk = FailingDisk::default();
    let appender = start(&disk, QUICK);
    drop(appender.append((), entry(0)).unwrap().wait().unwrap());
    disk.break_down();
    let outcome = appender.append((), entry(1)).unwrap().wait();
    assert!(matches!(outcome, Err(AppendError::Unknown { .. })), "{outcome:?}");
    // Reopening fails as long as the disk does; meanwhile the answer is immediate.
    for _ in 0..100 {
        let outcome = appender.append((), entry(1)).unwrap().wait();
        assert!(matches!(outcome, Err(AppendError::Unavailable { .. })), "{outcome:?}");
        assert!(matches!(appender.prove(0), Err(AskError::Unavailable(_))));
    }
    let State::Unavailable { because } = appender.health().state else { panic!("{:?}", appender.health()) };
    assert!(!because.is_empty());

    disk.mend();
    while appender.health().state != State::Writing {
        std::thread::yield_now();
    }
    let logged = appender.append((), entry(2)).unwrap().wait().unwrap();
    assert_eq!(logged.index(), 1, "the write that failed was lost, which the recovery has seen");
    drop(appender);
    disk.crash(Crash::Strict);
    let report = verify_store(&disk, key().verifier());
    assert_eq!((report.problem, report.size), (None, 2));
}

#[test]
fn closing_while_the_disk_is_broken_does_not_hang() {
    let disk = FailingDisk::default();
    let config = AppenderConfig { reopen_first: Duration::from_hours(1), ..QUICK };
    let appender = start(&disk, config);
    disk.break_down();
    assert!(appender.append((), entry(0)).unwrap().wait().is_err());
    let mut ledger = appender.close().unwrap();
    assert!(ledger.publish().is_err(), "it is stopped, and says so");
    disk.mend();
    ledger.reopen().unwrap();
    assert_eq!(ledger.size(), 0);
}
