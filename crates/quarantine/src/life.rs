//! The life of an item after it was kept: sent at most once, or erased. Each step is durable before its effect.

use crate::{
    item::{Item, ItemId, Kept, State, Withheld},
    store::{HoldError, OpenError, Quarantine},
};

/// Whether an item that may have arrived is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No: whoever asks has not looked at the other side.
    No,
    /// Yes: somebody looked, and it has not arrived.
    Yes,
}

/// What became of a sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It arrived: the item is done, its content erased.
    Arrived,
    /// It certainly did not: the item is held as before.
    NotDone,
    /// Nobody knows.
    Unknown,
}

/// An item on its way: its intent to be sent is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a sending that is not ended shows as uncertain"]
pub struct Sending {
    /// The item.
    pub item: Item,
    /// What to send.
    pub withheld: Withheld,
    /// How often it was sent before.
    pub attempts_before: u32,
}

impl Quarantine {
    /// Whether [`Self::begin`] would let an item be sent; for all that can be known before anything is written.
    ///
    /// Errors: see [`StepError`].
    pub fn may_begin(&self, id: &ItemId, again: Again) -> Result<&Kept, StepError> {
        let kept = self.known(id)?;
        match kept.state {
            State::Held => Ok(kept),
            State::Uncertain if again == Again::Yes || kept.item.idempotent => Ok(kept),
            State::Uncertain => Err(StepError::Uncertain { id: id.to_string() }),
            State::Releasing => Err(StepError::UnderWay { id: id.to_string() }),
            State::Released | State::Rejected | State::Expired => {
                Err(StepError::Finished { id: id.to_string(), state: kept.state.as_str() })
            }
        }
    }

    /// Writes down that an item is about to be sent, and hands it out. After a crash it is uncertain.
    ///
    /// An uncertain item is handed out again only if `again` says so, or if sending it twice does what once does.
    ///
    /// Errors: see [`StepError`]; the item must not be sent then.
    pub fn begin(&mut self, id: &ItemId, again: Again, now: &str, note: &str) -> Result<Sending, StepError> {
        let kept = self.may_begin(id, again)?.clone();
        let withheld = self.content(id).map_err(StepError::Content)?;
        let attempts_before = kept.attempts;
        let note = if kept.state == State::Uncertain { format!("{AGAIN}: {note}") } else { note.to_owned() };
        let on_its_way = Kept {
            state: State::Releasing,
            since: now.to_owned(),
            attempts: attempts_before.saturating_add(1),
            note,
            recorded: false,
            ..kept
        };
        let item = on_its_way.item.clone();
        self.step(on_its_way)?;
        Ok(Sending { item, withheld, attempts_before })
    }

    /// Writes down what became of a sending. The ledger does not say it yet: then [`Self::recorded`].
    ///
    /// Errors: [`StepError::Disk`]: what became of it could not be written down, so the item is uncertain from now on;
    ///         [`StepError::Erasing`]: it is released, and its content is erased when the quarantine is next opened.
    pub fn end(&mut self, id: &ItemId, ended: Ended, now: &str, note: &str) -> Result<(), StepError> {
        let kept = self.known(id)?.clone();
        if kept.state != State::Releasing {
            return Err(StepError::Finished { id: id.to_string(), state: kept.state.as_str() });
        }
        let state = match ended {
            Ended::Arrived => State::Released,
            // Sent twice and certainly not done the second time: the first is as uncertain as it was.
            Ended::NotDone if kept.attempts > 1 && kept.note.starts_with(AGAIN) => State::Uncertain,
            Ended::NotDone => State::Held,
            Ended::Unknown => State::Uncertain,
        };
        let after = Kept { state, since: now.to_owned(), note: note.to_owned(), recorded: false, ..kept };
        if let Err(error) = self.step(after.clone()) {
            self.kept.insert(id.clone(), Kept { state: State::Uncertain, ..after });
            return Err(error);
        }
        if state == State::Released { self.erase(id) } else { Ok(()) }
    }

    /// Decides against an item: its key is destroyed and its content removed. The ledger says it already.
    ///
    /// Errors: see [`StepError`].
    pub fn reject(&mut self, id: &ItemId, now: &str, note: &str) -> Result<(), StepError> {
        self.finish(id, (State::Rejected, true), now, note)
    }

    /// Writes down that the ledger says in which state an item is; nothing, if it is in another by now.
    ///
    /// A crash may take this back: then the ledger is looked into once more.
    ///
    /// Errors: [`StepError::Disk`].
    pub fn recorded(&mut self, id: &ItemId, state: State) -> Result<(), StepError> {
        let Some(kept) = self.kept.get(id).filter(|kept| kept.state == state && !kept.recorded) else {
            return Ok(());
        };
        let after = Kept { recorded: true, ..kept.clone() };
        let written = self.write_remark(&after);
        self.disk.forget();
        written.map_err(StepError::Disk)?;
        self.kept.insert(after.item.id.clone(), after);
        Ok(())
    }

    /// Erases everything that was received before a moment. The ledger does not say it yet: then [`Self::recorded`].
    ///
    /// Shape:  a moment as [`Item::received`] has it -> the items that are erased now.
    /// Errors: [`StepError`] of the first that could not be; the others wait for the next time.
    pub fn expire(&mut self, before: &str, now: &str) -> (Vec<Item>, Option<StepError>) {
        let due = self.kept.values().filter(|kept| {
            matches!(kept.state, State::Held | State::Uncertain) && kept.item.received.as_str() < before
        });
        let due: Vec<Item> = due.map(|kept| kept.item.clone()).collect();
        let mut erased = Vec::new();
        for item in due {
            match self.finish(&item.id, (State::Expired, false), now, "kept as long as it may be") {
                Ok(()) => erased.push(item),
                Err(error) => return (erased, Some(error)),
            }
        }
        (erased, None)
    }

    fn finish(
        &mut self,
        id: &ItemId,
        (state, recorded): (State, bool),
        now: &str,
        note: &str,
    ) -> Result<(), StepError> {
        let kept = self.known(id)?;
        match kept.state {
            State::Held | State::Uncertain => {}
            State::Releasing => return Err(StepError::UnderWay { id: id.to_string() }),
            State::Released | State::Rejected | State::Expired => {
                return Err(StepError::Finished { id: id.to_string(), state: kept.state.as_str() });
            }
        }
        let after = Kept { state, since: now.to_owned(), note: note.to_owned(), recorded, ..kept.clone() };
        self.step(after)?;
        self.erase(id)
    }

    fn step(&mut self, after: Kept) -> Result<(), StepError> {
        let written = self.write_state(&after);
        self.disk.forget();
        written.map_err(StepError::Disk)?;
        self.kept.insert(after.item.id.clone(), after);
        Ok(())
    }

    fn erase(&mut self, id: &ItemId) -> Result<(), StepError> {
        if let Some(kept) = self.kept.get(id) {
            self.free(kept.item.bytes);
        }
        self.destroy(id).and_then(|()| self.forget_finished()).map_err(StepError::Erasing)
    }
}

/// How the note of a sending begins that comes after one whose end nobody knows.
const AGAIN: &str = "again";

/// Why an item did not go on in its life.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// There is none.
    #[error("there is no item {id}: `eosin quarantine list --all` shows every one")]
    NoSuchItem {
        /// The name.
        id: String,
    },
    /// What is said of it cannot be believed.
    #[error("item {id} {why}; restore it from a backup")]
    Damaged {
        /// The name.
        id: String,
        /// Why not.
        why: String,
    },
    /// It is over.
    #[error("item {id} is {state} already; its content is gone")]
    Finished {
        /// The item.
        id: String,
        /// What it is.
        state: &'static str,
    },
    /// Somebody is sending it.
    #[error("item {id} is being sent at this moment")]
    UnderWay {
        /// The item.
        id: String,
    },
    /// It may have arrived.
    #[error(
        "item {id} may have been delivered already: what sent it stopped before it knew. Look in the system behind the \
         boundary whether its records are there. If they are, reject the item; if they are not, release it with `--again`"
    )]
    Uncertain {
        /// The item.
        id: String,
    },
    /// What is sealed cannot be opened.
    #[error("the item cannot be opened")]
    Content(#[source] OpenError),
    /// The step could not be written down.
    #[error("the step could not be written down")]
    Disk(#[source] HoldError),
    /// The item is finished, and its content not yet erased.
    #[error("the content could not be erased yet; it is when the quarantine is next opened")]
    Erasing(#[source] std::io::Error),
}
