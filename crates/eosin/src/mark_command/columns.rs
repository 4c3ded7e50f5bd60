//! The columns of tables that a description speaks of: their roles, those that identify, those that are not covered.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use mark::FieldList;
use miette::miette;
use recognise::{ColumnMap, Role};

use super::description::{DescribedColumns, DescribedIdentity, Written};

/// What is said of columns, by table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    tables: BTreeMap<String, Table>,
    sources: Vec<(Written<()>, Vec<Spoken>)>,
}

#[derive(Debug, Clone, Default)]
struct Table {
    map: ColumnMap,
    // What is said to identify; where nothing is, the roles of a name and of a birth date do.
    identity: BTreeSet<String>,
}

/// A column that is spoken of, and where.
#[derive(Debug, Clone)]
struct Spoken {
    table: String,
    column: String,
    at: Range<usize>,
}

impl Columns {
    /// Takes what one file says.
    ///
    /// Errors: a report: a role that is none, a column that is both ignored and said to identify.
    pub(super) fn add_described(
        &mut self,
        columns: &DescribedColumns,
        identity: &DescribedIdentity,
        source: &Written<()>,
    ) -> miette::Result<()> {
        let (mut faults, mut spoken) = (Vec::new(), Vec::new());
        let mut speak = |table: &str, column: &str, at: Range<usize>| {
            spoken.push(Spoken { table: table.to_owned(), column: column.to_owned(), at });
        };
        for (name, described) in columns {
            let mut roles: BTreeMap<String, Role> = BTreeMap::new();
            for (column, word) in described {
                speak(name, column, word.span());
                match word.get_ref().parse() {
                    Ok(role) => drop(roles.insert(column.clone(), role)),
                    Err(error) => faults.push((word.span(), error.to_string())),
                }
            }
            self.tables.entry(name.clone()).or_default().map = ColumnMap::new(roles);
        }
        for (name, identifying) in identity {
            let table = self.tables.entry(name.clone()).or_default();
            for column in identifying {
                speak(name, column.get_ref(), column.span());
                if table.map.role(column.get_ref()) == Some(&Role::Ignore) {
                    faults.push((column.span(), "what is ignored cannot identify".to_owned()));
                }
                table.identity.insert(column.get_ref().clone());
            }
        }
        if !faults.is_empty() {
            return Err(source.faults(faults));
        }
        self.sources.push((source.clone(), spoken));
        Ok(())
    }

    /// Whether a mark covers this column.
    pub(super) fn covers(&self, table: &str, column: &str) -> bool {
        let role = self.tables.get(table).and_then(|table| table.map.role(column));
        role != Some(&Role::Ignore)
    }

    /// Whether anything is said of any column.
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What a table's columns hold, where that is said.
    pub(super) fn map(&self, table: &str) -> Option<&ColumnMap> {
        self.tables.get(table).map(|table| &table.map).filter(|map| map.roles().next().is_some())
    }

    /// The columns that identify, where something is said of it.
    pub(super) fn identity(&self, table: &str) -> Option<Vec<String>> {
        let table = self.tables.get(table)?;
        if !table.identity.is_empty() {
            return Some(table.identity.iter().cloned().collect());
        }
        let names = |role: &Role| matches!(role, Role::WholeName | Role::GivenName | Role::FamilyName);
        if !table.map.roles().any(|(_, role)| names(role)) {
            // Many people are born on one day: what the columns are called says more.
            return None;
        }
        let identifies = |role: &Role| {
            matches!(
                role,
                Role::WholeName | Role::GivenName | Role::MiddleName | Role::FamilyName | Role::BirthDate
            )
        };
        let found = table.map.roles().filter(|(_, role)| identifies(role));
        let found: Vec<String> = found.map(|(column, _)| column.to_owned()).collect();
        (!found.is_empty()).then_some(found)
    }

    /// The lists without what is ignored.
    ///
    /// Errors: a report: a table or a column that is spoken of and that nothing had, underlined; nothing left.
    pub(super) fn applied(
        &self,
        lists: BTreeMap<String, FieldList>,
        seen: &BTreeMap<String, BTreeSet<String>>,
    ) -> miette::Result<BTreeMap<String, FieldList>> {
        for (source, spoken) in &self.sources {
            let fault = |spoken: &Spoken| {
                let Spoken { table, column, at } = spoken;
                let sentence = match seen.get(table) {
                    None => {
                        let known: Vec<&str> = seen.keys().map(String::as_str).collect();
                        format!("there are no rows of `{table}`; there are {}", known.join(", "))
                    }
                    Some(columns) if !columns.contains(column) => {
                        format!("no row of `{table}` has a value in a column `{column}`")
                    }
                    Some(_) => return None,
                };
                Some((at.clone(), sentence))
            };
            let faults: Vec<_> = spoken.iter().filter_map(fault).collect();
            if !faults.is_empty() {
                return Err(source.faults(faults));
            }
        }
        let covered = |(object, list): (String, FieldList)| {
            let fields = list.fields().iter().filter(|field| self.covers(&object, &field.name)).cloned();
            let list = FieldList::new(fields.collect()).map_err(|error| miette!("{object} {error}"))?;
            Ok((object, list))
        };
        lists.into_iter().map(covered).collect()
    }
}
