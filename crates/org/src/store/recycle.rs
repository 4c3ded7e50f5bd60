//! The recycle bin: records that come back, and records that are gone.

use serde_json::Value;

use super::{Author, Store, is_deleted};
use crate::failure::Failure;
use crate::{datetime, id};

impl Store {
    /// Takes a record out of the recycle bin; what was deleted with it stays there.
    pub(crate) fn undelete(&mut self, author: &Author, object: &str, given: &str) -> Result<(), Failure> {
        let object = self.object(object)?;
        let found = id::widen(given).and_then(|id| self.row(&object.name, &id).map(|row| (id, row.clone())));
        let Some((id, mut row)) = found else {
            return Err(Failure::missing_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"));
        };
        if !is_deleted(&row) {
            let message = "Entity is not in the recycle bin";
            return Err(Failure::row("UNDELETE_FAILED", message, &[]));
        }
        row.remove("IsDeleted");
        let now = Value::String(datetime::spell_date_time(author.now_ms));
        for name in ["LastModifiedDate", "SystemModstamp"] {
            row.insert(name.into(), now.clone());
        }
        self.check_unique(&object, &id, &row)?;
        self.set(&object.name, &id, Some(row));
        Ok(())
    }

    /// Removes a record from the recycle bin for good; false when it is not there.
    pub(crate) fn purge(&mut self, object: &str, given: &str) -> bool {
        let Some(id) = id::widen(given) else { return false };
        if !self.row(object, &id).is_some_and(is_deleted) {
            return false;
        }
        self.set(object, &id, None);
        true
    }
}
