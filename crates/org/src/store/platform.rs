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

    /// Gives an object another name, and its records with it.
    pub(crate) fn rename(&mut self, old: &str, new: &str) {
        let Some(object) = self.schema.object(old).cloned() else { return };
        let mut renamed = (*object).clone();
        new.clone_into(&mut renamed.name);
        let ids: Vec<(String, Row)> = self.rows(old).map(|(id, row)| (id.clone(), row.clone())).collect();
        for (id, _) in &ids {
            self.put(old, id, None);
        }
        self.schema.remove_object(old);
        self.schema.replace(renamed);
        for (id, row) in ids {
            self.put(new, &id, Some(row));
        }
    }

    /// Removes a row of the platform's own: it has no recycle bin.
    pub(crate) fn forget(&mut self, object: &str, id: &str) {
        self.put(object, id, None);
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
