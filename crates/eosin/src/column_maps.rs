//! What columns of tables hold, as a person wrote it down: `[columns."TABLE"]`, `COLUMN = "ROLE"`.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use mark::Record;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use recognise::{ColumnMap, Person, Role};
use serde::Deserialize;

use crate::{
    input::{Reads, refuse_pipes},
    keys,
};

/// The maps of several tables, and which of their columns were met.
#[derive(Debug, Default)]
pub(crate) struct ColumnMaps {
    tables: BTreeMap<String, Table>,
}

#[derive(Debug)]
struct Table {
    map: ColumnMap,
    met: BTreeMap<String, AtomicBool>,
    all_met: AtomicBool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    columns: BTreeMap<String, BTreeMap<String, String>>,
}

impl ColumnMaps {
    /// The maps of a file that a command line names, or none.
    ///
    /// Errors: as for [`ColumnMaps::read`].
    pub(crate) fn asked(path: Option<&Path>) -> miette::Result<Self> {
        path.map(Self::read).transpose().map(Option::unwrap_or_default)
    }

    /// Reads a file of maps.
    ///
    /// Errors: a report: not TOML of this shape, or a role that is none.
    pub(crate) fn read(path: &Path) -> miette::Result<Self> {
        refuse_pipes(path, Reads::Once)?;
        let text = keys::small_file(path)?;
        let file: File = toml::from_str(&text)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} is not a map of columns", path.display()))?;
        let mut tables = BTreeMap::new();
        for (table, columns) in file.columns {
            let mut roles: BTreeMap<String, Role> = BTreeMap::new();
            let mut met = BTreeMap::new();
            for (column, word) in columns {
                let role =
                    word.parse().map_err(|error| miette!("{}: `{column}`: {error}", path.display()))?;
                met.insert(column.clone(), AtomicBool::new(false));
                roles.insert(column, role);
            }
            let all_met = AtomicBool::new(false);
            tables.insert(table, Table { map: ColumnMap::new(roles), met, all_met });
        }
        Ok(Self { tables })
    }

    /// What the columns of this record's table hold, if somebody said.
    pub(crate) fn of(&self, record: &Record<'_>) -> Option<&ColumnMap> {
        let table = self.tables.get(record.object.as_ref())?;
        if !table.all_met.load(Ordering::Relaxed) {
            for (name, _) in &record.fields {
                if let Some(met) = table.met.get(name.as_ref()) {
                    met.store(true, Ordering::Relaxed);
                }
            }
            let is_met = |met: &AtomicBool| met.load(Ordering::Relaxed);
            table.all_met.store(table.met.values().all(is_met), Ordering::Relaxed);
        }
        Some(&table.map)
    }

    /// What was said of a table: columns and the words of their roles. Empty if nothing was.
    pub(crate) fn said(&self, table: &str) -> BTreeMap<String, String> {
        let columns = self.tables.get(table).into_iter().flat_map(|table| table.map.roles());
        columns.map(|(column, role)| (column.to_owned(), role.to_string())).collect()
    }

    /// Who a record is about, by what was said of its table's columns; else by their names.
    pub(crate) fn person<'r>(&'r self, record: &'r Record<'_>) -> Option<Person<'r>> {
        match self.of(record) {
            Some(map) => Person::with(record, map),
            None => Person::of(record),
        }
    }

    /// The tables of which something was said, in order.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Errors: a report: what was said of a column that no record had.
    pub(crate) fn all_met(&self) -> miette::Result<()> {
        self.unmatched().into_iter().next().map_or(Ok(()), Err)
    }

    /// What was said of columns that no record had: a mistake rather than a wish.
    pub(crate) fn unmatched(&self) -> Vec<miette::Report> {
        let tables = self.tables.iter().filter(|(_, table)| !table.all_met.load(Ordering::Relaxed));
        let unmatched = tables.flat_map(|(name, table)| {
            let columns = table.met.iter().filter(|(_, met)| !met.load(Ordering::Relaxed));
            columns.map(move |(column, _)| {
                miette!(
                    help = "names of tables and columns are exact; `--object NAME` says what a table is",
                    "the map says what `{column}` of `{name}` holds, and no record has a value there"
                )
            })
        });
        unmatched.collect()
    }
}

#[cfg(test)]
mod tests {
    use mark::{Claim, Form, json::Json};

    use super::*;

    #[test]
    fn a_column_that_nobody_has_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.toml");
        let text = "[columns.\"people\"]\n\"nom\" = \"family-name\"\n\"mel\" = \"email\"\n";
        ledger::durable::replace(&path, text.as_bytes()).unwrap();
        let maps = ColumnMaps::read(&path).unwrap();
        let record = Record {
            form: Form::Table,
            object: "people".into(),
            fields: vec![("nom".into(), Json::Text("Bell".into()))],
            mark: None,
            claim: Claim::None,
        };
        assert!(maps.of(&record).is_some());
        let told: Vec<String> = maps.unmatched().iter().map(ToString::to_string).collect();
        assert_eq!(told, ["the map says what `mel` of `people` holds, and no record has a value there"]);
        ledger::durable::replace(&path, b"[columns.x]\na = \"nonsense\"\n").unwrap();
        assert!(ColumnMaps::read(&path).unwrap_err().to_string().contains("is not a role"));
    }
}
