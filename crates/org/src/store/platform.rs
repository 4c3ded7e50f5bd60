//! Rows that the platform writes itself: no field is read-only to it, and nothing is required of it.

use serde_json::Value;

use super::{Author, Store, stamp};
use crate::id;
use crate::store::Row;

impl Store {
    /// Adds a row of the platform's own; gives its id, or nothing if there is no such object.
    pub(crate) fn record(
        &mut self,
        author: &Author,
        object: &str,
        members: &[(&str, Value)],
    ) -> Option<String> {
        let object = self.whole_schema().object(object).cloned()?;
        self.serial += 1;
        let new = id::make(&object.prefix, self.serial);
        let mut row: Row = given(members);
        stamp(author, &object, &new, &mut row);
        row.retain(|name, _| object.field(name).is_some());
        self.set(&object.name, &new, Some(row));
        Some(new)
    }

    /// Changes members of a row of the platform's own; a null clears one.
    pub(crate) fn amend(&mut self, object: &str, id: &str, members: &[(&str, Value)]) {
        let Some(mut row) = self.any_row(object, id).cloned() else { return };
        for (name, value) in members {
            if value.is_null() {
                row.remove(*name);
            } else {
                row.insert((*name).to_owned(), value.clone());
            }
        }
        self.set(object, id, Some(row));
    }
}

fn given(members: &[(&str, Value)]) -> Row {
    let known = members.iter().filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
