//! Announcements while a gateway runs: whoever is named in `[[announce]]` is told when a version is put in force or ends.
//!
//! Beside the traffic: nothing that crosses waits for a consumer. Of the replicas that share the folder one announces, the
//! one that has its lock; if it ends, another goes on where it stopped.
//! Source: spec/announcements.md.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flow::{Announcement, Flow};
use gateway::{Announced, Announcer, EndpointConfig, Timeouts};
use jiff::Timestamp;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use tokio::{
    task::{JoinHandle, block_in_place, spawn_blocking},
    time::{MissedTickBehavior, interval},
};

use crate::{
    config::{Config, announcing::Announce},
    emergency_command::{
        believed::{Believed, Heard},
        statement::Signers,
    },
    policy_command::{
        following::{Course, leaves},
        versions::Versions,
    },
    wiring,
};

mod events;
mod notes;

pub(crate) use notes::Note;
use notes::{Notes, Settled, look};

/// How often it is looked whether there is something to say.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Announces to every consumer of a configuration, until aborted.
///
/// Errors: a report: a key cannot be read, an address not used, or a folder not written.
pub(crate) fn announce(config: &Config, flow: &Arc<Flow>) -> miette::Result<Vec<JoinHandle<()>>> {
    let signers = Signers::of(config)?;
    let mut telling = Vec::with_capacity(config.announce.len());
    for announce in &config.announce {
        let Some(versions) = Versions::of(&config.policy) else { return Ok(Vec::new()) };
        let consumer: EndpointConfig = announce.consumer.open()?;
        let announcer = Announcer::new(&announce.name, &consumer, &Timeouts::SUGGESTED)
            .into_diagnostic()
            .wrap_err_with(|| format!("`{}` cannot be told", announce.name))?;
        notes::prepare(&announce.folder).wrap_err_with(|| {
            format!("announcements to `{}` cannot be kept; set `folder` in `[[announce]]`", announce.name)
        })?;
        let desk = Desk { folder: announce.folder.clone(), versions, signers: signers.clone(), taken: None };
        telling.push((Teller { announce: announce.clone(), announcer, flow: Arc::clone(flow) }, desk));
    }
    Ok(telling.into_iter().map(|(teller, desk)| tokio::spawn(teller.run(desk))).collect())
}

/// What is to be said to one consumer, and what was.
struct Desk {
    folder: PathBuf,
    versions: Versions,
    signers: Signers,
    // While this process has the folder's lock.
    taken: Option<Taken>,
}

/// What the process knows that announces.
struct Taken {
    notes: Notes,
    believed: Believed,
}

impl Desk {
    /// Takes up what the log has said since, if this process is the one that announces.
    fn look(&mut self, now: Timestamp) -> miette::Result<()> {
        if self.taken.is_none() {
            let log = || leaves(&self.versions);
            let Some(notes) = Notes::take(&self.folder, log, now)? else { return Ok(()) };
            let believed = Believed::new(self.signers.clone(), notes.read());
            self.taken = Some(Taken { notes, believed });
        }
        let Some(taken) = &mut self.taken else { return Ok(()) };
        if let Some(heard) = taken.believed.look(&self.versions)?
            && let Err(report) = taken.hear(&heard)
        {
            // Taken anew, it begins where it was written down: what was not kept comes again.
            self.taken = None;
            return Err(report);
        }
        taken.expire(now)
    }
}

impl Taken {
    /// Keeps what is to be said of entries that the log did not have before.
    fn hear(&mut self, Heard { looked, doubts }: &Heard) -> miette::Result<()> {
        match looked.course {
            Course::On { .. } => {}
            Course::Older { has, had } => tracing::error!(
                "the log of versions has {has} entries and had {had}: an older copy was put back; of what it takes back nothing \
                 is announced"
            ),
            Course::Other { from } => tracing::error!(
                "the log of versions has another history from entry {from} on: what it says from there is announced"
            ),
        }
        let first = u64::try_from(looked.course.first_new()).unwrap_or(u64::MAX);
        // What is not believed is not announced either.
        let is_new = |index: u64| index >= first && doubts.iter().all(|doubt| doubt.index != index);
        for (index, bytes) in looked.log.entries.iter().filter(|(index, _)| is_new(*index)) {
            if let Some(note) = events::of(&looked.log.origin, *index, bytes) {
                self.notes.add(&note)?;
            }
        }
        self.notes.has_read(self.believed.heard())
    }

    /// Keeps what is to be said of what has ended by itself.
    fn expire(&mut self, now: Timestamp) -> miette::Result<()> {
        let ended = self.believed.ended(self.notes.ended(), now);
        let ended: Vec<Note> = ended.map(|(place, one)| events::expired(&place, one)).collect();
        if ended.is_empty() {
            return Ok(());
        }
        ended.iter().try_for_each(|note| self.notes.add(note))?;
        self.notes.has_ended(now)
    }
}

/// One consumer.
struct Teller {
    announce: Announce,
    announcer: Announcer,
    flow: Arc<Flow>,
}

impl Teller {
    async fn run(self, mut desk: Desk) {
        let mut told = String::new();
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = wiring::clock()();
            let looked = spawn_blocking(move || {
                let looked = desk.look(now);
                (desk, looked)
            });
            let Ok((back, looked)) = looked.await else { return };
            desk = back;
            let done = match looked {
                Ok(()) => self.turn(&mut desk).await,
                Err(report) => Err(report),
            };
            let wrong = done.err().map(|report| format!("{report:#}")).unwrap_or_default();
            if !wrong.is_empty() && wrong != told {
                tracing::error!(consumer = self.announce.name, "not announced: {wrong}");
            }
            told = wrong;
        }
    }

    /// Sends what is due, the oldest first, and writes down what became of it.
    async fn turn(&self, desk: &mut Desk) -> miette::Result<()> {
        let Some(Taken { notes, .. }) = &mut desk.taken else { return Ok(()) };
        for file in notes.due(wiring::clock()()) {
            let Some(mut note) = notes.get(&file).cloned() else { continue };
            if note.settled.is_none() {
                self.send(&mut note).await;
                block_in_place(|| notes.keep(&note))?;
                match &note.settled {
                    // It was away, and listens again.
                    Some(settled) if settled.is_delivered && note.attempts > 1 => notes.all_due(),
                    Some(_) => {}
                    // What waits behind it would fail as well, and the log is looked at first.
                    None => return Ok(()),
                }
            }
            if note.settled.is_some() {
                if !self.record(&note).await {
                    return Err(miette!("the ledger does not take what became of it; it is tried again"));
                }
                note.is_recorded = true;
                block_in_place(|| notes.keep(&note))?;
            }
        }
        Ok(())
    }

    /// Sends one, once.
    async fn send(&self, note: &mut Note) {
        let now = wiring::clock()();
        let announced = self.announcer.announce(&note.id, now.as_second(), &note.event).await;
        note.attempts += 1;
        let settled = match announced {
            Announced::Taken(_) => Some(true),
            Announced::Gone => Some(false),
            Announced::NotTaken(_) => None,
        };
        note.status = announced.status();
        let after = wiring::clock()();
        let wait = usize::try_from(note.attempts - 1).ok().and_then(|place| self.announce.retries.get(place));
        match (settled, wait) {
            (None, Some(wait)) => note.due = after.as_second().saturating_add_unsigned(wait.as_secs()),
            (settled, _) => {
                let is_delivered = settled.unwrap_or(false);
                note.settled = Some(Settled { at: after.as_second(), is_delivered });
                if !is_delivered {
                    let (consumer, kind) = (&self.announce.name, &note.kind);
                    tracing::error!(consumer, kind, note.version, "an announcement is given up");
                }
            }
        }
    }

    /// Writes down in the ledger what became of one.
    async fn record(&self, note: &Note) -> bool {
        let said = Announcement {
            id: &note.id,
            kind: &note.kind,
            about: &note.about,
            version: &note.version,
            to: &self.announce.name,
            is_delivered: note.settled.as_ref().is_some_and(|settled| settled.is_delivered),
            attempts: note.attempts,
            status: note.status,
        };
        self.flow.announced(&said).await
    }
}

/// The newest announcements of every consumer, for a person.
pub(crate) fn newest(config: &Config) -> Vec<(String, Vec<Note>)> {
    let of = |announce: &Announce| (announce.name.clone(), shown(&announce.folder));
    config.announce.iter().map(of).collect()
}

/// Those that wait, and of the others the newest.
fn shown(folder: &Path) -> Vec<Note> {
    let all = look(folder);
    let from = all.len().saturating_sub(SHOWN);
    let is_shown = |(place, note): &(usize, Note)| *place >= from || note.settled.is_none();
    all.into_iter().map(|(_, note)| note).enumerate().filter(is_shown).map(|(_, note)| note).collect()
}

const SHOWN: usize = 8;
