//! Witnesses of a running gateway: the one it is for other logs, and those that cosign its own ledger.

use std::{path::PathBuf, sync::Arc, time::Duration};

use gateway::{Timeouts, WitnessAnswer, WitnessClient, WitnessServer};
use ledger::{COSIGNED, ReadError, Reader, Witness, durable};
use mark::{
    cosignature::{WitnessKey, cosigned_by},
    note::{SignedNote, VerifierKey},
};
use miette::{IntoDiagnostic as _, WrapErr as _};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
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

/// Has each checkpoint that is published cosigned, if the configuration names witnesses.
///
/// Errors: a witness's key or address cannot be used.
pub(crate) fn ask(config: &Config) -> miette::Result<Option<Witnessed>> {
    if config.ledger.witnesses.is_empty() {
        return Ok(None);
    }
    let mut witnesses = Vec::new();
    for (uri, vkey) in &config.ledger.witnesses {
        let client = WitnessClient::new(uri, &Timeouts::SUGGESTED)
            .into_diagnostic()
            .wrap_err_with(|| format!("the witness at {uri} cannot be asked"))?;
        witnesses.push(Asked { client, key: keys::witness(vkey)?, known: 0, is_away: false });
    }
    let log = keys::verifier(&config.ledger.vkey)?;
    let folder = config.ledger.folder.clone();
    let asking = Asking { folder, log, quorum: config.ledger.quorum, witnesses, done: None };
    let (stop, stopped) = oneshot::channel();
    Ok(Some(Witnessed { stop, task: tokio::spawn(asking.run(stopped)) }))
}

/// Our ledger, being cosigned.
pub(crate) struct Witnessed {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
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
}

struct Asked {
    client: WitnessClient,
    key: WitnessKey,
    /// The size that it cosigned last, as far as we know.
    known: u64,
    /// Whether the last attempt failed: said once, not every second.
    is_away: bool,
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
                    if std::mem::take(&mut witness.is_away) {
                        tracing::info!(witness = witness.key.name(), "the witness cosigns again");
                    }
                }
                Err(why) if !std::mem::replace(&mut witness.is_away, true) => {
                    tracing::warn!(witness = witness.key.name(), "the witness did not cosign: {why}");
                }
                Err(_) => {}
            }
        }
        if cosigned < self.quorum {
            return Ok(());
        }
        // What is written is checked once more, as whoever gets it will.
        note.verify(std::slice::from_ref(&self.log)).into_diagnostic()?;
        let file = self.folder.join(COSIGNED);
        let kept = spawn_blocking(move || durable::replace(&file, note.to_string().as_bytes()));
        kept.await.into_diagnostic()?.into_diagnostic()?;
        if cosigned == self.witnesses.len() {
            self.done = Some(text);
        }
        Ok(())
    }
}

impl Asked {
    /// The note with this witness's cosignature, or why there is none.
    async fn cosign(&mut self, reader: &Arc<Reader>, note: &SignedNote) -> Result<SignedNote, String> {
        // Twice: the first answer may only say from where to prove.
        for _ in 0..2 {
            let (reader, known) = (Arc::clone(reader), self.known);
            let submission = match spawn_blocking(move || reader.submission(known)).await {
                Ok(Ok(submission)) => submission,
                Ok(Err(ReadError::OutOfRange { .. })) => {
                    self.known = 0;
                    return Err(format!("it has seen {known} entries, more than this ledger has published"));
                }
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("the ledger could not be read".to_owned()),
            };
            match self.client.ask(submission).await {
                WitnessAnswer::Cosigned(lines) => return self.checked(&lines, note),
                WitnessAnswer::KnowsSize(size) => self.known = size,
                WitnessAnswer::Declined(422) => {
                    return Err("it says that this ledger does not continue what it saw before".to_owned());
                }
                WitnessAnswer::Declined(status) => return Err(format!("it answered {status}")),
                WitnessAnswer::Away => return Err("it cannot be reached".to_owned()),
            }
        }
        Err("its last size changes while it is asked: is another writer using this log's name?".to_owned())
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
        let checkpoint = mark::checkpoint::Checkpoint::parse(bare).map_err(|error| error.to_string())?;
        self.known = checkpoint.size();
        let mut lines = answered.signatures().iter().cloned();
        lines.try_fold(note.clone(), SignedNote::with_signature).map_err(|error| error.to_string())
    }
}
