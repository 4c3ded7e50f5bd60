//! The columns of a Salesforce table, understood once: what each cell under them is to a record.

use std::borrow::Cow;

use mark::{Claim, Form, Record, Unreadable, json::Json};

use super::{
    door::is_written,
    field::{DATASET_OBJECT, Own, has_names_of_people, is_uncovered},
    record::{Labelled, OF_A_DATASET, OF_ANOTHER_ROW, labels, other_cells, says_label, shape},
};
use crate::misplaced::{MISPLACED, is_mark_text};

/// The header of a table of one object.
#[derive(Debug)]
pub(crate) struct Columns {
    // Why no row is a record, if none is.
    fault: Option<Unreadable>,
    object: String,
    list: Vec<Column>,
    has_people: bool,
    // Whether its rows carry labels: all but those that hold a dataset.
    is_labelled: bool,
}

#[derive(Debug)]
struct Column {
    name: String,
    kind: Kind,
}

/// What a column's cells are to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A field of another row, or one that no mark covers.
    Passed,
    /// What another row says of itself.
    Another(Own),
    /// One of Eosin's own.
    Own(Own),
    /// Content.
    Field,
    /// Content that makes `Name` the server's: `FirstName`, `LastName`.
    PersonName,
    /// `Name` of a person or an account: content unless its parts are there.
    CompoundName,
}

impl Columns {
    /// The columns with these names, which are distinct, of `object`.
    pub(crate) fn new(object: &str, names: &[String]) -> Self {
        let has_people = has_names_of_people(object);
        let is_labelled = !object.eq_ignore_ascii_case(DATASET_OBJECT);
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        let kind = |name: &str| match Own::in_table(name).filter(|_| is_labelled) {
            _ if super::bulk::leads_away(name) => {
                Own::of_another_row(name).map_or(Kind::Passed, Kind::Another)
            }
            Some(own) => Kind::Own(own),
            None if is_uncovered(name) => Kind::Passed,
            None if has_people && is(name, "Name") => Kind::CompoundName,
            None if has_people && (is(name, "FirstName") || is(name, "LastName")) => Kind::PersonName,
            None => Kind::Field,
        };
        Self {
            fault: (!is_written(object)).then(|| shape("is of an object that is not read here")),
            object: object.to_owned(),
            list: names.iter().map(|name| Column { name: name.clone(), kind: kind(name) }).collect(),
            has_people,
            is_labelled,
        }
    }

    /// Why no row of these cells is a record, whatever else stands in them: a label that nobody would see.
    ///
    /// A mark's text anywhere but in its own place, and what a row says of another row.
    pub(super) fn hidden_label(&self, cells: &[Cow<'_, str>]) -> Option<Unreadable> {
        let hides = |(column, cell): (&Column, &Cow<'_, str>)| match column.kind {
            Kind::Own(Own::Mark) => None,
            Kind::Another(own) if labels(own, cell) && self.is_labelled => Some(shape(OF_ANOTHER_ROW)),
            _ if self.is_labelled && is_mark_text(cell) => Some(shape(MISPLACED)),
            Kind::Passed
            | Kind::Another(_)
            | Kind::Own(_)
            | Kind::Field
            | Kind::PersonName
            | Kind::CompoundName => None,
        };
        self.list.iter().zip(cells).find_map(hides)
    }

    /// The record of one row's cells: what `record` makes of the same row as members.
    ///
    /// Errors: another number of cells than columns; two marks.
    pub(super) fn record<'a>(&'a self, cells: Vec<Cow<'a, str>>) -> Result<Record<'a>, Unreadable> {
        if cells.len() != self.list.len() {
            return Err(other_cells(cells.len(), self.list.len()));
        }
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let mut fields = Vec::with_capacity(self.list.len());
        let (mut labelled, mut is_person, mut compound_name) = (Labelled::default(), false, None);
        for (Column { name, kind }, cell) in self.list.iter().zip(cells) {
            if !self.is_labelled && !super::bulk::leads_away(name) && says_label(name, &cell, false) {
                return Err(shape(OF_A_DATASET));
            }
            if cell.is_empty() || matches!(kind, Kind::Passed | Kind::Another(_)) {
                continue;
            }
            let value = if cell == "#N/A" { Json::Null } else { Json::Text(cell) };
            match kind {
                Kind::Passed | Kind::Another(_) => continue,
                Kind::Own(own) => {
                    labelled.take(*own, value)?;
                    continue;
                }
                Kind::CompoundName => compound_name = Some(fields.len()),
                Kind::PersonName => is_person |= value.text().is_some_and(|text| !text.trim().is_empty()),
                Kind::Field => {}
            }
            fields.push((Cow::Borrowed(name.as_str()), value));
        }
        if let Some(at) = compound_name.filter(|_| self.has_people && is_person) {
            fields.remove(at);
        }
        let (mark, claim): (_, Claim) = labelled.finish();
        Ok(Record { form: Form::Salesforce, object: Cow::Borrowed(&self.object), fields, mark, claim })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::salesforce::record::record;

    const NAMES: [&str; 18] = [
        "LastName",
        "FirstName",
        "Name",
        "Phone",
        "Id",
        "AccountId",
        "Paid",
        "CreatedDate",
        "Account.Ext__c",
        "Eosin_Dataset__r",
        "Eosin_Mark__c",
        "acme__Eosin_Mark__pc",
        "EOSIN_synthetic__c",
        "Eosin_Subject__c",
        "Eosin_Mark_Id__c",
        "Eosin_Dataset_Id__c",
        "Custom__c",
        "attributes",
    ];
    const OBJECTS: [&str; 7] = ["Contact", "account", "Lead", "Case", "Eosin_Dataset__c", "Alarm__e", "User"];
    const CELLS: [&str; 8] = ["", " ", "#N/A", "a", "true", "synthetic", "eosin1.x", "attested"];

    proptest! {
        #[test]
        fn a_row_is_the_record_that_its_members_are(
            object in prop::sample::select(OBJECTS.as_slice()),
            names in prop::sample::subsequence(NAMES.as_slice(), 1..10).prop_shuffle(),
            cells in prop::collection::vec(prop::sample::select(CELLS.as_slice()), 10),
        ) {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let cells = &cells[..names.len()];
            let members = names
                .iter()
                .zip(cells)
                .filter(|(name, cell)| !cell.is_empty() && !super::super::bulk::leads_away(name))
                .map(|(name, cell)| {
                    let value = if *cell == "#N/A" { Json::Null } else { Json::Text(Cow::Borrowed(*cell)) };
                    (Cow::Borrowed(name.as_str()), value)
                })
                .collect();
            let want = record(Cow::Borrowed(object), members);
            let columns = Columns::new(object, &names);
            let got = columns.record(cells.iter().map(|cell| Cow::Borrowed(*cell)).collect());
            prop_assert_eq!(got, want);
        }
    }
}
