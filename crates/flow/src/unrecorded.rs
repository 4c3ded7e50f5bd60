//! What the quarantine knows and the ledger does not say yet: found, and written down.

use quarantine::{ItemId, Kept, State, Stopped};

use crate::{
    entry::{Entry, Step},
    world::Flow,
};

impl Flow {
    /// Every item that is remembered; none where nothing is kept.
    ///
    /// Errors: [`Stopped`].
    /// Never:  is called on an async worker: it waits for the disk.
    pub fn kept_items(&self) -> Result<Vec<Kept>, Stopped> {
        let Some(keeping) = self.keeping() else { return Ok(Vec::new()) };
        keeping.keeper().ask(|store| store.list().cloned().collect())?.wait()
    }

    /// Writes down in which state an item is, after the ledger was seen not to say so.
    ///
    /// Shape:  what is known of the item -> whether the ledger says it now.
    /// Never:  is called on an async worker: it waits for the disk.
    pub fn write_down_late(&self, kept: &Kept) -> bool {
        let moment = self.clock.now();
        let (outcome, since) = (Some(SAID_LATE), Some(kept.since.as_str()));
        let step = Step { outcome, since, ..Step::of(&kept.item, kept.state.as_str()) };
        let entry = Entry::quarantine(&step, &moment);
        let written = self.appender.append((), entry.bytes).is_ok_and(|pending| pending.wait().is_ok());
        if written {
            self.found_written_down(kept);
        }
        written
    }

    /// Remembers that the ledger says in which state an item is.
    ///
    /// Never:  is called on an async worker: it waits for the disk.
    pub fn found_written_down(&self, kept: &Kept) {
        let (id, state) = (kept.item.id.clone(), kept.state);
        let asked =
            self.keeping().map(|keeping| keeping.keeper().ask(move |store| store.recorded(&id, state)));
        // What is not remembered is looked for once more when the quarantine is opened.
        if let Some(Ok(answer)) = asked {
            drop(answer.wait());
        }
    }

    /// Makes durable in which state an item is; whether the ledger says it.
    pub(crate) async fn write_down(&self, id: &ItemId, state: State, entry: Entry) -> bool {
        let Ok(pending) = self.appender.append((), entry.bytes) else { return false };
        if pending.await.is_err() {
            return false;
        }
        self.is_written_down(id, state).await;
        true
    }

    /// Remembers that the ledger says in which state an item is.
    pub(crate) async fn is_written_down(&self, id: &ItemId, state: State) {
        let id = id.clone();
        let asked =
            self.keeping().map(|keeping| keeping.keeper().ask(move |store| store.recorded(&id, state)));
        if let Some(Ok(answer)) = asked {
            drop(answer.await);
        }
    }
}

/// How an entry ends that is written when its step is found not to be in the ledger.
const SAID_LATE: &str = "said-late";
