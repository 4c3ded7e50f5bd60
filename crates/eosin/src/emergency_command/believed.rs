//! What the log of versions says of emergency versions while somebody follows it, and what it said before an older copy was put back.

use jiff::Timestamp;
use mark::digest::Hash;

use super::{
    entries::{Activated, Book, Doubt, Entry},
    statement::Signers,
};
use crate::policy_command::{
    following::{Following, Looked},
    versions::Versions,
};

/// Emergency versions that two people are believed to have put in force.
pub(crate) struct Believed {
    signers: Signers,
    following: Following,
    book: Book,
    // What two people put in force, and the log knows no more.
    kept: Vec<(String, Activated)>,
}

/// What a look has found.
pub(crate) struct Heard {
    /// The log.
    pub(crate) looked: Looked,
    /// Which of its entries are not believed, and why: they change nothing.
    pub(crate) doubts: Vec<Doubt>,
}

impl Believed {
    /// Nothing yet; these entries were heard of before, by whoever looked then.
    pub(crate) fn new(signers: Signers, heard: Vec<Hash>) -> Self {
        Self { signers, following: Following::after(heard), book: Book::default(), kept: Vec::new() }
    }

    /// Reads what the log says now; nothing where it is as it was.
    ///
    /// Errors: as [`Following::look`].
    pub(crate) fn look(&mut self, versions: &Versions) -> miette::Result<Option<Heard>> {
        let Some(looked) = self.following.look(versions)? else { return Ok(None) };
        let before = if looked.is_whole { std::mem::take(&mut self.book) } else { Book::default() };
        let doubts = self.book.read_on(&looked.log, &self.signers);
        self.kept.extend(before.into_activated());
        // What the log knows is as the log says, also where it says that it was ended.
        self.kept.retain(|(_, one)| one.stood_down.is_none() && !self.book.has_activated(&one.request));
        Ok(Some(Heard { looked, doubts }))
    }

    /// The entries of the history that holds.
    pub(crate) fn heard(&self) -> &[Hash] {
        self.following.held()
    }

    /// The versions that are ready to be put in force.
    pub(crate) fn ready(&self) -> Vec<&Entry> {
        self.book.ready()
    }

    /// What two people have put in force, with where.
    pub(crate) fn in_force(&self, now: Timestamp) -> impl Iterator<Item = (String, &Activated)> {
        self.book.in_force(now).chain(self.kept_in_force(now))
    }

    /// Of these, what the log does not have any more.
    pub(crate) fn kept_in_force(&self, now: Timestamp) -> impl Iterator<Item = (String, &Activated)> {
        let kept = self.kept.iter().filter(move |(_, one)| one.is_in_force(now));
        kept.map(|(place, one)| (place.clone(), one))
    }

    /// What ended by itself after one moment and until another, with its place.
    pub(crate) fn ended(
        &self,
        after: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = (String, &Activated)> {
        let kept = self.kept.iter().filter(move |(_, one)| one.has_ended(after, now));
        self.book.ended(after, now).chain(kept.map(|(place, one)| (place.clone(), one)))
    }
}
