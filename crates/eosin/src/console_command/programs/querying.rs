//! The index asked in SQL by programs: on a connection of its own, so that no page waits for it.

use std::time::Instant;

use control::{IndexAnswer, IndexQuery, Problem};
use index::{AskError, Index};

use super::{Programs, Told, reading};
use crate::console_command::free;

impl Programs {
    /// Answers a question, if fewer than two are being answered.
    pub(super) fn queried(&self, wish: &IndexQuery) -> Told {
        let under_way = || Problem::new(503, "two queries are under way: ask again when one has ended");
        let _slot = self.questions.iter().find_map(free).ok_or_else(under_way)?;
        // As pages do: what is published is read first.
        let behind = self.ask(|_, behind| Ok(behind))?;
        let gone = |error: &dyn std::fmt::Display| {
            tracing::warn!("the index did not answer: {error}");
            Problem::new(503, "the index does not answer; ask again in a moment")
        };
        let index =
            Index::open_with(&self.known.place, index::Patience::WORK).map_err(|error| gone(&error))?;
        #[expect(clippy::disallowed_methods, reason = "this is the shell that says how long a query takes")]
        let start = Instant::now();
        let asked = index.ask_within(&wish.sql, &wish.bounds(), move || start.elapsed());
        let asked = asked.map_err(|error| match error {
            AskError::Query(says) => Problem::new(422, &says),
            AskError::Slow(_) => Problem::new(503, &error.to_string()),
            AskError::Store(error) => gone(&error),
        })?;
        Ok(reading::value(&IndexAnswer::new(asked, behind)))
    }
}
