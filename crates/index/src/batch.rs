//! The rows that some entries become, gathered before they are written.

use std::collections::BTreeMap;

use crate::{
    schema::{Again, EARLIEST, LATEST, Name, Table},
    store::{Store, StoreError},
    value::Value,
};

/// Rows that wait to be written together.
///
/// Rows of one key that grow are added up here, so that a thousand transactions of one client are one row to write.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    rows: BTreeMap<Name, Vec<Vec<Value>>>,
    growing: BTreeMap<(Name, Vec<Value>), Vec<Value>>,
}

impl Batch {
    /// Adds a row.
    pub(crate) fn add(&mut self, name: Name, row: Vec<Value>) {
        let table = name.table();
        match table.again {
            Again::Never => self.rows.entry(name).or_default().push(row),
            Again::Stays => {
                let key: Vec<Value> = row.iter().take(table.key).cloned().collect();
                self.growing.entry((name, key)).or_insert(row);
            }
            Again::Grows { added, latest } => {
                let key: Vec<Value> = row.iter().take(table.key).cloned().collect();
                match self.growing.entry((name, key)) {
                    std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(row)),
                    std::collections::btree_map::Entry::Occupied(mut place) => {
                        grow(table, added, latest, place.get_mut(), row);
                    }
                }
            }
        }
    }

    /// The rows of each table that are one entry's alone, not sums over many.
    pub(crate) fn own_rows(self) -> BTreeMap<&'static str, Vec<Vec<Value>>> {
        self.rows.into_iter().map(|(name, rows)| (name.table().name, rows)).collect()
    }

    /// Writes every row.
    pub(crate) fn write(self, store: &mut dyn Store) -> Result<(), StoreError> {
        for (name, rows) in &self.rows {
            store.insert(name.table(), rows)?;
        }
        let mut by_table: BTreeMap<Name, Vec<Vec<Value>>> = BTreeMap::new();
        for ((name, _), row) in self.growing {
            by_table.entry(name).or_default().push(row);
        }
        for (name, rows) in &by_table {
            store.insert(name.table(), rows)?;
        }
        Ok(())
    }
}

/// Adds a later row to an earlier one, as the database would.
fn grow(table: &Table, added: &[&str], latest: &[&str], row: &mut [Value], later: Vec<Value>) {
    for ((column, have), new) in table.columns.iter().zip(row).zip(later) {
        let is_newer = latest.contains(&column.name)
            || (column.name == EARLIEST && new < *have)
            || (column.name == LATEST && new > *have);
        if is_newer {
            *have = new;
        } else if added.contains(&column.name)
            && let (Value::Integer(have), Value::Integer(new)) = (have, new)
        {
            *have = have.saturating_add(new);
        }
    }
}
