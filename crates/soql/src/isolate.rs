//! The rewrite: a statement whose answer is what it would be if the hidden rows were not there.
//!
//! Conditions are put before what the client wrote, so that they hold whatever comes after: before the outer `WHERE`, in
//! every child query and in every semi-join and anti-join. A relationship that a query uses anywhere must not lead to a
//! hidden row; rows whose relationship is empty stay. The text is edited where it must be: every other byte is the
//! client's own.

mod parameters;
mod rewrite;
mod scope;
mod search;
mod several;

use thiserror::Error;

use crate::{
    hidden::Hidden,
    parse::{ParseError, parse},
    schema::Schema,
    token::TEXT_CHARACTERS_MAX,
};

pub use parameters::{IsolatedParameters, isolate_parameters};
pub use search::isolate_search;
pub use several::{Seen, bound_ids, links_question};

/// Rewrites one SOQL statement.
///
/// Bounds: those of [`crate::parse()`], before and after. Errors: why the statement cannot be isolated; it must then be refused.
pub fn isolate(text: &str, hidden: &Hidden, schema: &Schema) -> Result<Isolated, CannotIsolate> {
    rewritten(text, hidden, schema, None)
}

/// The same, where the ids to which the statement binds lookups ([`bound_ids`]) were looked up: no condition is needed for those
/// that may be seen, and the others are excluded.
pub fn isolate_looked(
    text: &str,
    hidden: &Hidden,
    schema: &Schema,
    seen: &Seen,
) -> Result<Isolated, CannotIsolate> {
    rewritten(text, hidden, schema, Some(seen))
}

fn rewritten(
    text: &str,
    hidden: &Hidden,
    schema: &Schema,
    seen: Option<&Seen>,
) -> Result<Isolated, CannotIsolate> {
    let query = parse(text)?;
    let mut rewrite = rewrite::Rewrite::new(hidden, schema);
    rewrite.seen = seen;
    rewrite.outer(&query)?;
    let rows = if query.is_count() {
        Rows::Counted
    } else if query.is_aggregate() {
        Rows::Groups
    } else {
        Rows::Records
    };
    rewrite.finish(text, rows)
}

/// A statement that may be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Isolated {
    /// What to send instead.
    pub text: String,
    /// What was asked for beside what the client wants: to be taken out of the answer.
    pub added: Vec<Added>,
    /// What the answer will hold.
    pub rows: Rows,
}

impl std::fmt::Debug for Isolated {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { text, added, rows } = self;
        formatter
            .debug_struct("Isolated")
            .field("bytes", &text.len())
            .field("added", added)
            .field("rows", rows)
            .finish()
    }
}

/// A field that the client did not ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Added {
    /// Child relationships from the outer row to the row that has it, or the object of a search; empty for the outer row.
    pub place: Vec<String>,
    /// The field, through parent relationships if it has dots: `Account.Eosin_Mark__c`. So is its column named in CSV.
    pub field: String,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Records, which can be judged.
    Records,
    /// Groups and totals.
    Groups,
    /// `totalSize` alone.
    Counted,
}

/// Why a statement cannot be isolated.
///
/// Never: a value of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CannotIsolate {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] ParseError),
    /// Nobody said how hidden rows of the object are told.
    #[error("nothing is known of the object at byte {position}, so hidden rows of it cannot be told")]
    UnknownObject {
        /// The byte.
        position: usize,
    },
    /// A relationship leads nobody knows where.
    #[error("nobody knows where the relationship at byte {position} leads, so it could show a hidden row")]
    UnknownRelationship {
        /// The byte.
        position: usize,
    },
    /// An alias is the name of a relationship too.
    #[error("the alias at byte {position} is also the name of a relationship: choose another")]
    Alias {
        /// The byte.
        position: usize,
    },
    /// A polymorphic relationship behind another, to objects that hide rows.
    #[error(
        "the relationship at byte {position} may lead to several objects and is too far away to be filtered: ask for the rows that it leads from"
    )]
    Polymorphic {
        /// The byte.
        position: usize,
    },
    /// A polymorphic relationship to objects whose rows are told by another such.
    #[error(
        "the relationship at byte {position} may lead to objects whose rows are hidden with what they point at, by a relationship to several objects in turn: ask for its id, and for those rows by their ids"
    )]
    ThroughSeveral {
        /// The byte.
        position: usize,
    },
    /// Rows that are hidden with what is linked to them.
    #[error(
        "rows at byte {position} are hidden with the records that they are linked to, which no condition can say: ask for them by their ids (`Id IN (…)`, `ContentDocumentId = '…'`), or for the links of one record (`LinkedEntityId = '…'`)"
    )]
    Linked {
        /// The byte.
        position: usize,
    },
    /// Fields of a `TYPEOF` that lead on to objects that hide rows.
    #[error("the TYPEOF at byte {position} asks for a relationship that could show a hidden row")]
    TypeOf {
        /// The byte.
        position: usize,
    },
    /// Relationships of relationships.
    #[error("the relationship or formula at byte {position} goes further than five objects")]
    TooFar {
        /// The byte.
        position: usize,
    },
    /// A roll-up summary.
    #[error(
        "the field used at byte {position} sums up other rows, hidden ones too: ask for the rows themselves"
    )]
    Summary {
        /// The byte.
        position: usize,
    },
    /// More semi-joins and anti-joins than the org takes.
    #[error(
        "the query at byte {position} needs more semi-joins and anti-joins than Salesforce allows in one: a relationship to several objects (`Owner`, `Who`, `What`) takes one for each that can be hidden; ask for fewer in one query, or for the id (`WhatId`), and for those rows by their ids"
    )]
    TooManyJoins {
        /// The byte.
        position: usize,
    },
    /// A semi-join, anti-join or search that would need one itself.
    #[error("the query at byte {position} would need an anti-join where Salesforce allows none")]
    NoJoinHere {
        /// The byte.
        position: usize,
    },
    /// A search in all objects.
    #[error("the search names no objects: say which after RETURNING")]
    NoObjects,
    /// A search body with members that are not known, or of another kind.
    #[error(
        "the search body has members that are not known: send those that Salesforce documents, in their case"
    )]
    Parameters,
    /// A GraphQL document that asks for no records, or can be read in two ways.
    #[error("the GraphQL document cannot be read as a query of records: {reason}")]
    Document {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A part of a GraphQL document that the same question in SOQL could not ask either.
    #[error(
        "the selection at byte {position} of the document uses something that cannot be filtered: an unknown object, argument or operator, a roll-up summary, or a relationship to several objects"
    )]
    Selection {
        /// The byte.
        position: usize,
    },
    /// The statement is too long once it is isolated.
    #[error(
        "the query has more than {TEXT_CHARACTERS_MAX} characters once hidden rows are excluded: shorten it"
    )]
    TooLong,
}

impl CannotIsolate {
    /// Whether it is about rows of which the ids to which the statement binds them could say more.
    pub fn could_be_looked_up(&self) -> bool {
        matches!(
            self,
            Self::Linked { .. }
                | Self::ThroughSeveral { .. }
                | Self::TooManyJoins { .. }
                | Self::NoJoinHere { .. }
        )
    }
}

#[cfg(test)]
mod tests;
