//! The table of failing writes: each operation lost, kept or torn, then a crash, then the whole log checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use expect_test::expect;
use ledger::{CommitError, CreateError, Ledger, OpenError, Refusal, Store, verify_store};
use mark::checkpoint::Checkpoint;
use mark::merkle::{leaf_hash, root};

use crate::disk::{Crash, FailingDisk, Failure};
use crate::{entry, key};

/// The sizes of the scenario's batches: within a bundle, across its edge, and some that stay in the journal. A
/// zero publishes.
const SCENARIO: [u64; 5] = [2, 0, 8, 0, 30];
/// How many entries are published before the scenario begins: the edge of a bundle is near.
const BEFORE: u64 = 251;

/// A client of the ledger that does what the errors tell it to, and remembers what it was promised.
struct Client {
    disk: FailingDisk,
    ledger: Ledger,
    /// What every entry has to be, in order: acknowledged, or found after an unknown outcome.
    entries: Vec<Vec<u8>>,
    /// Every checkpoint that was given out.
    checkpoints: Vec<Checkpoint>,
    /// What it does after a failed publication: start again, or try again.
    restarts: bool,
    /// How the failure showed, in the words of the table.
    seen: BTreeSet<&'static str>,
}

impl Client {
    fn new() -> Self {
        let disk = FailingDisk::default();
        let ledger = Ledger::create_in(Box::new(disk.clone()), key()).unwrap();
        Self {
            disk,
            ledger,
            entries: Vec::new(),
            checkpoints: Vec::new(),
            restarts: false,
            seen: BTreeSet::new(),
        }
    }

    /// A client of a ledger that has some entries already.
    fn resumed(base: &FailingDisk) -> Self {
        let disk = base.copy();
        let ledger = open(&disk);
        let entries = (0..BEFORE).map(entry).collect();
        Self { disk, ledger, entries, ..Self::new() }
    }

    /// Runs the scenario to its end. At most one operation fails, so one retry must do.
    fn run(&mut self) {
        for count in SCENARIO {
            if count == 0 {
                self.publish();
            } else {
                self.commit(count);
            }
            self.check();
        }
    }

    fn commit(&mut self, count: u64) {
        let first = self.entries.len() as u64;
        let batch = self.next(count);
        for _ in 0..2 {
            match self.ledger.commit(batch.clone(), Vec::clone) {
                Ok(logged) => {
                    let indexes: Vec<_> = logged.iter().map(ledger::Logged::index).collect();
                    assert_eq!(indexes, (first..first + count).collect::<Vec<_>>());
                    self.entries.extend(batch);
                    return;
                }
                Err(CommitError::Refused(_)) => {
                    self.seen.insert("refused, tried again");
                    assert_eq!(self.ledger.size(), first, "refused means nothing was written");
                }
                Err(CommitError::Unknown { .. }) => {
                    self.seen.insert("unknown, reopened");
                    let refused = self.ledger.commit(batch.clone(), Vec::clone);
                    assert!(matches!(refused, Err(CommitError::Refused(Refusal::Stopped))));
                    assert!(self.ledger.publish().is_err());
                    self.ledger.reopen().unwrap();
                    if self.ledger.size() != first {
                        // All of the batch or nothing: a commit is one record.
                        assert_eq!(self.ledger.size(), first + count);
                        self.entries.extend(batch);
                        return;
                    }
                }
            }
        }
        panic!("the second attempt did not make progress");
    }

    fn publish(&mut self) {
        if self.ledger.publish().is_err() {
            self.seen.insert("published later");
            if self.restarts {
                // Another process looks at what this one left, without a crash in between.
                self.ledger = open(&self.disk);
            } else {
                self.ledger.publish().unwrap();
            }
        }
        assert_eq!(self.ledger.published(), self.entries.len() as u64);
    }

    /// After every step: the checkpoint is of what was promised, and the last entry proves.
    fn check(&mut self) {
        let trusted = [key().verifier().clone()];
        let checkpoint = Checkpoint::open(&self.ledger.checkpoint(), &trusted).unwrap();
        assert_eq!(checkpoint.size(), self.entries.len() as u64);
        let proof = self.ledger.prove(checkpoint.size() - 1).unwrap();
        let leaf = leaf_hash(self.entries.last().unwrap());
        assert_eq!(proof.verify(&leaf, &trusted).as_ref(), Ok(&checkpoint));
        self.checkpoints.push(checkpoint);
    }

    /// The crash at the end: everything promised is there, in order, and nothing else; no checkpoint that was
    /// given out has become a lie.
    fn crash_and_check(&self, unknown: &[Vec<u8>]) {
        for crash in [Crash::Strict, Crash::Lenient, Crash::Torn] {
            let disk = self.disk.copy();
            disk.crash(crash);
            let mut ledger = open(&disk);
            let found = stored(&disk, ledger.size());
            let (promised, more) = found.split_at(self.entries.len());
            assert_eq!(promised, self.entries);
            assert!(more.is_empty() || more == unknown, "{} entries that nobody wrote", more.len());
            let leaves: Vec<_> = found.iter().map(|entry| leaf_hash(entry)).collect();
            for checkpoint in &self.checkpoints {
                let size = usize::try_from(checkpoint.size()).unwrap();
                assert_eq!(root(&leaves[..size]), *checkpoint.root(), "a fork at {size}");
            }
            let report = verify_store(&disk, key().verifier());
            assert_eq!((report.problem, report.size), (None, found.len() as u64), "opening publishes");
            // And the log goes on.
            let logged = ledger.commit(vec![b"after".to_vec()], Vec::clone).unwrap();
            assert_eq!(logged[0].index(), found.len() as u64);
        }
    }

    fn next(&self, count: u64) -> Vec<Vec<u8>> {
        let first = self.entries.len() as u64;
        (first..first + count).map(entry).collect()
    }
}

#[test]
fn every_operation_fails_in_every_way_and_nothing_promised_is_lost() {
    let base = base();
    let mut table: BTreeMap<String, BTreeMap<Failure, BTreeSet<&str>>> = BTreeMap::new();
    for (number, operation) in operations(&base) {
        let outcomes = table.entry(row(&operation)).or_default();
        for failure in [Failure::Lost, Failure::Kept, Failure::Torn] {
            // Only a write can be torn.
            if failure == Failure::Torn && !operation.starts_with("write") {
                continue;
            }
            for restarts in [false, true] {
                let mut client = Client { restarts, ..Client::resumed(&base) };
                client.disk.fail_at(number, failure);
                client.run();
                client.crash_and_check(&[]);
                outcomes.entry(failure).or_default().extend(client.seen);
            }
        }
    }
    let mut shown = format!("{:20} {:20} {:20} torn\n", "operation", "lost", "kept");
    for (operation, outcomes) in table {
        let [lost, kept, torn] = [Failure::Lost, Failure::Kept, Failure::Torn].map(|failure| {
            let Some(seen) = outcomes.get(&failure) else { return "-".to_owned() };
            if seen.is_empty() {
                return "nobody notices".to_owned();
            }
            seen.iter().copied().collect::<Vec<_>>().join(" or ")
        });
        writeln!(shown, "{operation:20} {lost:20} {kept:20} {torn}").unwrap();
    }
    expect![[r#"
        operation            lost                 kept                 torn
        remove bundle        nobody notices       nobody notices       -
        remove tile          nobody notices       nobody notices       -
        rename bundle        published later      published later      -
        rename checkpoint    published later      published later      -
        rename tile          published later      published later      -
        sync bundle          published later      published later      -
        sync checkpoint      published later      published later      -
        sync folder .        published later      published later      -
        sync folder of tiles published later      published later      -
        sync journal         unknown, reopened    unknown, reopened    -
        sync tile            published later      published later      -
        write bundle         published later      published later      published later
        write checkpoint     published later      published later      published later
        write journal        refused, tried again refused, tried again refused, tried again
        write tile           published later      published later      published later
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_ledger_is_made_or_can_be_made_again() {
    let count = Client::new().disk.operations().len();
    for number in 0..count {
        for failure in [Failure::Lost, Failure::Kept, Failure::Torn] {
            for crash in [None, Some(Crash::Strict), Some(Crash::Lenient), Some(Crash::Torn)] {
                let disk = FailingDisk::default();
                disk.fail_at(number, failure);
                let created = Ledger::create_in(Box::new(disk.clone()), key());
                assert!(matches!(created, Err(CreateError::Io { .. } | CreateError::Open(_))), "{created:?}");
                if let Some(crash) = crash {
                    disk.crash(crash);
                }
                let mut ledger = match Ledger::open_in(Box::new(disk.clone()), key()) {
                    Err(OpenError::NotALedger) => Ledger::create_in(Box::new(disk.clone()), key()).unwrap(),
                    opened => opened.unwrap(),
                };
                drop(ledger.commit(vec![entry(0)], Vec::clone).unwrap());
                disk.crash(Crash::Strict);
                assert_eq!(open(&disk).size(), 1);
            }
        }
    }
}

#[test]
fn the_power_goes_at_every_operation_and_nothing_acknowledged_is_lost() {
    let base = base();
    for (number, _) in operations(&base) {
        for half in [false, true] {
            power_cut(&base, number, half);
        }
    }
}

/// Everything works up to one operation, which is half done or not at all; after it nothing does.
fn power_cut(base: &FailingDisk, number: usize, half: bool) {
    let mut client = Client::resumed(base);
    client.disk.cut_power_at(number, half);
    let mut unknown = Vec::new();
    for count in SCENARIO {
        let batch = client.next(count);
        if count == 0 {
            if client.ledger.publish().is_err() {
                break;
            }
        } else if client.ledger.commit(batch.clone(), Vec::clone).is_ok() {
            client.entries.extend(batch);
            let trusted = [key().verifier().clone()];
            client.checkpoints.push(Checkpoint::open(&client.ledger.checkpoint(), &trusted).unwrap());
        } else {
            unknown = batch;
            break;
        }
    }
    client.crash_and_check(&unknown);
}

#[test]
fn a_crash_during_recovery_is_a_crash_like_any_other() {
    // Something to recover: committed, not published, with a torn write behind it.
    let prepare = || {
        let mut client = Client::new();
        for _ in 0..3 {
            client.commit(100);
        }
        let unknown = client.next(1);
        client.disk.cut_power_at(client.disk.operations().len(), true);
        let outcome = client.ledger.commit(unknown.clone(), Vec::clone);
        assert!(matches!(outcome, Err(CommitError::Unknown { .. })), "{outcome:?}");
        client.disk.crash(Crash::Torn);
        (client, unknown)
    };
    let (client, _) = prepare();
    let before = client.disk.operations().len();
    let recovery = *open(&client.disk).recovery();
    let after = client.disk.operations().len();
    assert_eq!(recovery.entries, 300);
    assert!(recovery.torn_bytes.is_some());
    assert!(client.disk.names().contains(&"journal.torn".to_owned()));
    assert_eq!(open(&client.disk).recovery().torn_bytes, None, "found once only");

    for number in before..after {
        for failure in [Failure::Lost, Failure::Kept, Failure::Torn] {
            let (client, unknown) = prepare();
            client.disk.fail_at(number, failure);
            drop(Ledger::open_in(Box::new(client.disk.clone()), key()));
            client.crash_and_check(&unknown);
        }
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    let mut client = Client::new();
    client.commit(10);
    client.disk.fill_up();
    assert!(client.ledger.publish().unwrap_err().to_string().contains("free disk space"));
    assert!(client.ledger.unpublished_because().unwrap().contains("free disk space"));
    // The journal's space is claimed in advance: a full disk still takes what fits there.
    client.commit(10);
    let large = vec![vec![1; 60_000]; 3];
    let refused = client.ledger.commit(large.clone(), Vec::clone).unwrap_err();
    let CommitError::Refused(reason) = refused else { panic!("{refused:?}") };
    assert_eq!(
        reason.to_string(),
        "the ledger's disk is full: free some space, then try again; nothing was lost"
    );
    client.commit(10);

    client.disk.mend();
    drop(client.ledger.commit(large.clone(), Vec::clone).unwrap());
    client.entries.extend(large);
    client.crash_and_check(&[]);
}

#[test]
fn a_journal_that_cannot_be_emptied_fills_and_then_refuses() {
    let mut client = Client::new();
    let batch = vec![vec![7; 60_000]; 100];
    let mut count = 0_u64;
    // Tiles cannot be written, the journal can: its file stands, and may grow.
    let refusal = loop {
        // Every publication fails at its first write.
        client.disk.refuse_new_files(true);
        match client.ledger.commit(batch.clone(), Vec::clone) {
            Ok(_) => count += 100,
            Err(CommitError::Refused(refusal)) => break refusal,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert!(matches!(refusal, Refusal::JournalFull { .. }), "{refusal:?}");
    assert!(count * 60_000 > ledger::JOURNAL_BYTES_MAX / 2 && client.ledger.published() == 0);
    // Nothing is lost, and mending the cause is enough.
    client.disk.refuse_new_files(false);
    drop(client.ledger.commit(batch, Vec::clone).unwrap());
    client.disk.crash(Crash::Strict);
    assert_eq!(open(&client.disk).size(), count + 100);
}

fn open(disk: &FailingDisk) -> Ledger {
    Ledger::open_in(Box::new(disk.clone()), key()).unwrap()
}

/// All entries, read from the bundles.
fn stored(disk: &FailingDisk, size: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for number in 0..size.div_ceil(256) {
        let full = format!("tile/entries/{number:03}");
        let width = (size - number * 256).min(256);
        let name = if width == 256 { full } else { format!("{full}.p/{width}") };
        let bytes = disk.read(&name, usize::MAX).unwrap();
        entries.extend(ledger::unpack_bundle(&bytes).unwrap().into_iter().map(<[u8]>::to_vec));
    }
    entries
}

/// A ledger with some entries, closed in order.
fn base() -> FailingDisk {
    let mut client = Client::new();
    client.commit(BEFORE);
    client.publish();
    client.disk
}

/// What the scenario does when nothing fails, with the number that each operation has.
fn operations(base: &FailingDisk) -> Vec<(usize, String)> {
    let mut client = Client::resumed(base);
    let opened = client.disk.operations().len();
    client.run();
    assert!(client.seen.is_empty());
    client.disk.operations().into_iter().enumerate().skip(opened).collect()
}

/// Journal, checkpoint, tile, bundle or a folder: the rows of the table.
fn row(operation: &str) -> String {
    let (verb, path) = operation.rsplit_once(' ').unwrap();
    let what = match path.trim_end_matches(".new") {
        path if verb.contains("folder") && path.starts_with("tile") => "of tiles",
        path if path.starts_with("tile/entries/") => "bundle",
        path if path.starts_with("tile/") => "tile",
        path => path,
    };
    format!("{verb} {what}")
}
