//! What a server says of a write, without the resources that it names there and that the client cannot see.

use std::collections::BTreeSet;

use carrier::fhir::{self, Key};
use flow::{Reader, Seen};

use crate::{problem::Problem, server::Lane};

use super::server::{Asker, Server, Standing};

/// Most resources in one answer that are looked up; further ones are not shown.
const NAMED_MAX: usize = 50;

/// Who asked, and what of the server's is known to be seen by them: it was looked up before the write.
pub(super) struct Known<'k> {
    pub(super) asker: Asker,
    pub(super) reader: &'k Reader,
    pub(super) shown: &'k BTreeSet<Key>,
}

/// The answer with outcomes that name nothing hidden; nothing if it may stay as it is.
///
/// Shape:  `is_read` says whether it is FHIR; else it is text in which any word could be a name.
/// Errors: text in no form that is known and that names a hidden one.
pub(super) async fn unnamed(
    lane: &Lane,
    known: Known<'_>,
    text: &str,
    is_read: bool,
    seen: &mut Vec<Seen>,
) -> Result<Option<String>, Problem> {
    let found = if is_read { fhir::outcomes_name(text) } else { Some(fhir::named(text)) };
    let found = found.ok_or(Problem::AnswerUnreadable)?;
    let Known { asker, reader, shown } = known;
    let server = Server { lane, asker };
    let mut hidden = BTreeSet::new();
    for (at, key) in found.difference(shown).enumerate() {
        // Who cannot be looked up may be hidden.
        let is_hidden = at >= NAMED_MAX
            || server
                .standing(reader, &key.resource_type, &key.id, seen)
                .await
                .map_or(true, |standing| standing == Standing::Hidden);
        if is_hidden {
            hidden.insert(key.clone());
        }
    }
    if hidden.is_empty() {
        return Ok(None);
    }
    if !is_read {
        return Err(Problem::AnswerUnreadable);
    }
    Ok(fhir::without_named(text, &hidden))
}
