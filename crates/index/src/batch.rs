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
    growing: BTreeMap<Name, Growing>,
}

impl Batch {
    /// Adds a row.
    pub(crate) fn add(&mut self, name: Name, row: Vec<Value>) {
        let table = name.table();
        match table.again {
            Again::Never => self.rows.entry(name).or_default().push(row),
            Again::Stays | Again::Grows { .. } => {
                self.growing.entry(name).or_insert_with(|| Growing::of(table)).add(row);
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
        for (name, growing) in self.growing {
            let rows: Vec<Vec<Value>> = growing.rows.into_values().collect();
            store.insert(name.table(), &rows)?;
        }
        Ok(())
    }
}

/// Rows of one table by their keys.
#[derive(Debug)]
struct Growing {
    key: usize,
    /// Of each column; looked up once, for nearly every entry grows some rows.
    again: Vec<ColumnAgain>,
    rows: BTreeMap<Vec<Value>, Vec<Value>>,
}

/// What becomes of a column where a later row of the same key comes.
#[derive(Clone, Copy, Debug)]
enum ColumnAgain {
    Stays,
    Added,
    Later,
    Earliest,
    Latest,
}

impl Growing {
    fn of(table: &Table) -> Self {
        let again = table.columns.iter().map(|column| match table.again {
            Again::Grows { latest, .. } if latest.contains(&column.name) => ColumnAgain::Later,
            Again::Grows { .. } if column.name == EARLIEST => ColumnAgain::Earliest,
            Again::Grows { .. } if column.name == LATEST => ColumnAgain::Latest,
            Again::Grows { added, .. } if added.contains(&column.name) => ColumnAgain::Added,
            Again::Grows { .. } | Again::Stays | Again::Never => ColumnAgain::Stays,
        });
        Self { key: table.key, again: again.collect(), rows: BTreeMap::new() }
    }

    /// Adds a later row to an earlier one, as the database would.
    fn add(&mut self, later: Vec<Value>) {
        let key = later.get(..self.key).unwrap_or(&later);
        let Some(row) = self.rows.get_mut(key) else {
            self.rows.insert(key.to_vec(), later);
            return;
        };
        for ((again, have), new) in self.again.iter().zip(row).zip(later) {
            match again {
                ColumnAgain::Later => *have = new,
                ColumnAgain::Earliest if new < *have => *have = new,
                ColumnAgain::Latest if new > *have => *have = new,
                ColumnAgain::Added => {
                    if let (Value::Integer(have), Value::Integer(new)) = (have, new) {
                        *have = have.saturating_add(new);
                    }
                }
                ColumnAgain::Stays | ColumnAgain::Earliest | ColumnAgain::Latest => {}
            }
        }
    }
}
