//! Witnesses of a running gateway: the one it is for other logs, and those that cosign its own ledger.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gateway::{Running, Timeouts, WitnessAnswer, WitnessClient, WitnessServer};
use ledger::{COSIGNED, ReadError, Reader, Witness, durable};
use mark::{
    checkpoint::Checkpoint,
    cosignature::{WitnessKey, cosigned_by},
    note::{SignedNote, VerifierKey},
};
use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::Instant,
};

use crate::{config::Config, keys, wiring};

/// How often a new checkpoint is looked for.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Serves the witness of a configuration, if it has one.
///
/// Errors: its key, a log's key or its folder cannot be used, or the address cannot be listened at.
pub(crate) async fn serve(config: &Config) -> miette::Result<Option<WitnessServer>> {
    let Some(files) = &config.witness else { return Ok(None) };
    let signer = keys::witness_signer(&files.key)?;
    let logs = files.logs.iter().map(|file| keys::verifier(file)).collect::<miette::Result<Vec<_>>>()?;
    let witness = Witness::open(&files.folder, signer, logs)
        .into_diagnostic()
        .wrap_err_with(|| format!("cannot be the witness in {}", files.folder.display()))?;
    let server = WitnessServer::start(files.listen, Arc::new(witness), wiring::posix_seconds)
        .await
        .into_diagnostic()
        .wrap_err_with(|| format!("the witness cannot listen at {}", files.listen))?;
    Ok(Some(server))
}

/// Has each checkpoint that is published cosigned, if the configuration names witnesses; `/metrics` says how it stands.
///
/// Errors: a witness's key or address cannot be used.
pub(crate) fn ask(config: &Config, running: &Running) -> miette::Result<Option<Witnessed>> {
    if config.ledger.witnesses.is_empty() {
        return Ok(None);
    }
    let keys = keys::witnesses(config.ledger.witnesses.iter().map(|(_, vkey)| vkey))?;
    let mut witnesses = Vec::new();
    for ((uri, _), key) in config.ledger.witnesses.iter().zip(keys) {
        let client = WitnessClient::new(uri, &Timeouts::SUGGESTED)
            .into_diagnostic()
            .wrap_err_with(|| format!("the witness at {uri} cannot be asked"))?;
        witnesses.push(Asked { client, key, known: 0, told: Told::default() });
    }
    let log = keys::verifier(&config.ledger.vkey)?;
    let folder = config.ledger.folder.clone();
    let counted = Arc::<Counted>::default();
    let known: Vec<WitnessKey> = witnesses.iter().map(|witness| witness.key.clone()).collect();
    let before = cosigned_before(&folder, &log, &known, config.ledger.quorum).unwrap_or(0);
    counted.entries.store(before, Ordering::Relaxed);
    let quorum = config.ledger.quorum;
    let asking = Asking { folder, log, quorum, witnesses, done: None, counted: Arc::clone(&counted) };
    let (stop, stopped) = oneshot::channel();
    running.also_tell(move || counted.text());
    Ok(Some(Witnessed { stop, task: tokio::spawn(asking.run(stopped)) }))
}

/// Of how many entries enough witnesses had cosigned a checkpoint when this process began.
fn cosigned_before(folder: &Path, log: &VerifierKey, known: &[WitnessKey], quorum: usize) -> Option<u64> {
    let note = Reader::open(folder).ok()?.cosigned().ok()?;
    let checkpoint = Checkpoint::open_note(&note, std::slice::from_ref(log)).ok()?;
    (cosigned_by(&note, known).ok()?.len() >= quorum.max(1)).then(|| checkpoint.size())
}

/// Our ledger, being cosigned.
pub(crate) struct Witnessed {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What `/metrics` says of witnesses.
#[derive(Default)]
struct Counted {
    /// Entries under the last checkpoint that enough of them have cosigned.
    entries: AtomicU64,
    /// How many of them object.
    objecting: AtomicU64,
}

impl Counted {
    fn text(&self) -> String {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        format!(
            "# HELP eosin_witnessed_entries Entries under the last checkpoint that enough witnesses cosigned.\n\
                 # TYPE eosin_witnessed_entries gauge\neosin_witnessed_entries {}\n\
                 # HELP eosin_witnesses_objecting Witnesses that saw this ledger say something else before.\n\
                 # TYPE eosin_witnesses_objecting gauge\neosin_witnesses_objecting {}\n",
            of(&self.entries),
            of(&self.objecting)
        )
    }
}

impl Witnessed {
    /// Has the last checkpoint cosigned, once the ledger is closed, and ends. Waits [`LAST_WAIT`] at most.
    pub(crate) async fn finish(self) {
        // If the task has ended already there is nothing to finish.
        let _told = self.stop.send(());
        if tokio::time::timeout(LAST_WAIT, self.task).await.is_err() {
            tracing::warn!(
                "the ledger's last checkpoint is not cosigned yet; it will be after the next start"
            );
        }
    }
}

const LAST_WAIT: Duration = Duration::from_secs(5);

struct Asking {
    folder: PathBuf,
    log: VerifierKey,
    quorum: usize,
    witnesses: Vec<Asked>,
    /// The checkpoint that has all the cosignatures there are.
    done: Option<Arc<str>>,
    counted: Arc<Counted>,
}

struct Asked {
    client: WitnessClient,
    key: WitnessKey,
    /// The size that it cosigned last, as far as we know.
    known: u64,
    told: Told,
}

/// Why a witness did not cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unsigned {
    /// It cannot now; that passes.
    NotNow(String),
    /// It saw this log say something else. That does not pass: an older copy was restored, or there are two histories.
    Objects(String),
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotNow(why) | Self::Objects(why)) = self;
        f.write_str(why)
    }
}

/// What was said last of a witness, and when: each reason once and not every second, an objection again and again.
#[derive(Debug, Default)]
struct Told {
    last: Option<(Unsigned, Instant)>,
    // Since it cosigned last.
    objects: bool,
}

/// How often an objection that goes on is said.
const OBJECTION_EVERY: Duration = Duration::from_mins(1);

impl Told {
    /// Whether this has to be said now.
    fn is_due(&mut self, why: &Unsigned, now: Instant) -> bool {
        let is_due = match &self.last {
            Some((last, at)) if last == why => {
                matches!(why, Unsigned::Objects(_)) && now.duration_since(*at) >= OBJECTION_EVERY
            }
            _ => true,
        };
        if is_due {
            self.last = Some((why.clone(), now));
        }
        // One that is away for a while has not taken its objection back.
        self.objects |= matches!(why, Unsigned::Objects(_));
        is_due
    }

    /// It cosigned: whether there was something before that was told.
    fn is_over(&mut self) -> bool {
        std::mem::take(self).last.is_some()
    }
}

impl Asking {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut ticks = tokio::time::interval(ASK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_last = false;
        while !is_last {
            tokio::select! {
                _ = &mut stopped => is_last = true,
                _ = ticks.tick() => {}
            }
            if let Err(report) = self.turn().await {
                tracing::warn!("the ledger's checkpoint is not cosigned: {report}");
            }
        }
    }

    /// Asks every witness about the checkpoint that is published now.
    async fn turn(&mut self) -> miette::Result<()> {
        let folder = self.folder.clone();
        let read = spawn_blocking(move || Reader::open(&folder)).await.into_diagnostic()?;
        let reader = Arc::new(read.into_diagnostic()?);
        let text = reader.checkpoint();
        if self.done.as_ref() == Some(&text) {
            return Ok(());
        }
        let mut note = SignedNote::parse(&text).into_diagnostic()?;
        let mut cosigned = 0;
        for witness in &mut self.witnesses {
            match witness.cosign(&reader, &note).await {
                Ok(with) => {
                    note = with;
                    cosigned += 1;
                    if witness.told.is_over() {
                        tracing::info!(witness = witness.key.name(), "the witness cosigns again");
                    }
                }
                Err(why) => witness.say(&why),
            }
        }
        let objecting = self.witnesses.iter().filter(|witness| witness.told.objects).count();
        self.counted.objecting.store(objecting as u64, Ordering::Relaxed);
        if cosigned < self.quorum {
            return Ok(());
        }
        // What is written is checked once more, as whoever gets it will.
        note.verify(std::slice::from_ref(&self.log)).into_diagnostic()?;
        let file = self.folder.join(COSIGNED);
        let kept = spawn_blocking(move || durable::replace(&file, note.to_string().as_bytes()));
        kept.await.into_diagnostic()?.into_diagnostic()?;
        // A quorum of none is had by nobody's word.
        if cosigned > 0 {
            self.counted.entries.store(reader.size(), Ordering::Relaxed);
        }
        if cosigned == self.witnesses.len() {
            self.done = Some(text);
        }
        Ok(())
    }
}

impl Asked {
    /// Says why it did not cosign, if that is due.
    fn say(&mut self, why: &Unsigned) {
        if !self.told.is_due(why, Instant::now()) {
            return;
        }
        let witness = self.key.name();
        match why {
            Unsigned::NotNow(_) => tracing::warn!(witness, "the witness did not cosign: {why}"),
            Unsigned::Objects(_) => tracing::error!(
                witness,
                "the witness objects to this ledger: {why}; if an older copy was restored, entries are lost and \
                 their numbers are written anew: keep this folder, and ask the witness for what it saw"
            ),
        }
    }

    /// The note with this witness's cosignature, or why there is none.
    async fn cosign(&mut self, reader: &Arc<Reader>, note: &SignedNote) -> Result<SignedNote, Unsigned> {
        let not_now = |why: &str| Err(Unsigned::NotNow(why.to_owned()));
        // Twice: the first answer may only say from where to prove.
        for _ in 0..2 {
            let (published, known) = (reader.size(), self.known);
            let reader = Arc::clone(reader);
            let submission = match spawn_blocking(move || reader.submission(known)).await {
                Ok(Ok(submission)) => submission,
                Ok(Err(ReadError::OutOfRange { .. })) => {
                    self.known = 0;
                    return Err(Unsigned::Objects(format!(
                        "it has seen {known} entries, more than this ledger has published"
                    )));
                }
                Ok(Err(error)) => return Err(Unsigned::NotNow(error.to_string())),
                Err(_) => return not_now("the ledger could not be read"),
            };
            match self.client.ask(submission).await {
                WitnessAnswer::Cosigned(lines) => {
                    return self.checked(&lines, note).map_err(Unsigned::NotNow);
                }
                // Asked from the very size that it knows, it says so again: its tree of that size is another.
                WitnessAnswer::KnowsSize(size) if size == known && size == published => {
                    return Err(Unsigned::Objects(format!("it has seen other entries than these {size}")));
                }
                WitnessAnswer::KnowsSize(size) => self.known = size,
                WitnessAnswer::Declined(422) => {
                    return Err(Unsigned::Objects(
                        "it says that this ledger does not continue what it saw before".to_owned(),
                    ));
                }
                WitnessAnswer::Declined(status) => return not_now(&format!("it answered {status}")),
                WitnessAnswer::Away => return not_now("it cannot be reached"),
            }
        }
        not_now("its last size changes while it is asked: is another writer using this log's name?")
    }

    /// Takes the cosignature out of an answer, if it is this witness's over this checkpoint.
    fn checked(&mut self, lines: &str, note: &SignedNote) -> Result<SignedNote, String> {
        let bare = note.unverified_text();
        let answered = SignedNote::parse(&format!("{bare}\n{lines}")).map_err(|error| error.to_string())?;
        let answered = answered.only_by(|name, id| name == self.key.name() && id == self.key.id());
        match cosigned_by(&answered, std::slice::from_ref(&self.key)) {
            Ok(found) if !found.is_empty() => {}
            Ok(_) => return Err("its answer has no signature by its key".to_owned()),
            Err(error) => return Err(error.to_string()),
        }
        let checkpoint = Checkpoint::parse(bare).map_err(|error| error.to_string())?;
        self.known = checkpoint.size();
        let mut lines = answered.signatures().iter().cloned();
        lines.try_fold(note.clone(), SignedNote::with_signature).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_reason_is_said_and_an_objection_again() {
        let begun = Instant::now();
        let (away, refused) =
            (Unsigned::NotNow("away".to_owned()), Unsigned::NotNow("it answered 500".to_owned()));
        let (more, forked) = (Unsigned::Objects("more".to_owned()), Unsigned::Objects("forked".to_owned()));
        let mut told = Told::default();
        for (second, why, is_due, objects) in [
            (0, &away, true, false),
            (1, &away, false, false),
            (600, &away, false, false),
            (601, &refused, true, false),
            (602, &more, true, true),
            (603, &more, false, true),
            (604, &forked, true, true),
            (663, &forked, false, true),
            (664, &forked, true, true),
            // Being away takes nothing back.
            (665, &away, true, true),
            (666, &forked, true, true),
        ] {
            let now = begun + Duration::from_secs(second);
            assert_eq!((told.is_due(why, now), told.objects), (is_due, objects), "{second} {why}");
        }
    }
}
