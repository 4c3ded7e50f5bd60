//! Rows that do not say themselves whose they are: the records that they show were looked up by their ids.
//!
//! Source: spec/deliveries.md section 9.

use std::sync::Arc;

use mark::{Claim, Unreadable, Verdict};
use policy::Decision;

use crate::{
    delivery::{FileDelivery, NotRecorded, Ruled},
    listed::Named,
    reading::{HiddenBy, Seen},
    recognition::Recognition,
    world::Flow,
};

/// One record that a row shows.
#[derive(Clone, Debug)]
pub enum Linked {
    /// It could carry a mark, and this was seen of it.
    Seen(Seen),
    /// It has no place for a mark, and a query without hidden rows found it.
    Found,
    /// It was not found.
    Absent,
}

/// A row of a file.
#[derive(Debug)]
pub struct LinkedRow<'a> {
    /// As it is written, without its line end.
    pub bytes: &'a [u8],
    /// What it shows.
    pub records: Vec<Linked>,
}

impl Linked {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Seen(seen) => seen.verdict().clone(),
            Self::Found => Verdict::Unproven(Claim::None),
            Self::Absent => Verdict::Unreadable(Unreadable::Shape("was not found by its id".to_owned())),
        }
    }

    /// Why it is hidden, if it is, with what is decided about it.
    fn hidden_by(&self, decision: Decision) -> Option<HiddenBy> {
        let by_policy = (decision == Decision::Block).then_some(HiddenBy::Policy);
        match self {
            Self::Seen(seen) => seen.hidden_by().or(by_policy),
            // That it is unproven says nothing: it was chosen by what it points at.
            Self::Found => None,
            Self::Absent => Some(HiddenBy::Policy),
        }
    }
}

impl FileDelivery {
    /// Says that its rows are known by the records that they show. What is not in the file is not looked for in a registry,
    /// nor weighed.
    pub fn links(&mut self) {
        self.recognition = Arc::new(Recognition::off());
    }
}

impl Flow {
    /// Takes out of a piece of a file the rows in which anything is hidden, and rules on all that they show.
    ///
    /// A row counts once: by what stands against a certificate, if anything does, else by its first record; a row that is
    /// withheld by what hides it.
    ///
    /// Shape:  rows in order, and what writes those that are kept -> what leaves once the ruling is durable. `select` gives
    ///         nothing where they cannot be written.
    /// Errors: [`NotRecorded`].
    /// Source: spec/deliveries.md section 9.
    pub fn rule_linked(
        &self,
        delivery: &mut FileDelivery,
        rows: &[LinkedRow<'_>],
        select: impl FnOnce(&[bool]) -> Option<Vec<u8>>,
    ) -> Result<Ruled, NotRecorded> {
        let verdicts = rows.iter().flat_map(|row| row.records.iter().map(Linked::verdict)).collect();
        let ruling = delivery.decide(verdicts);
        let first = delivery.rows();
        let (mut keep, mut references, mut at) = (Vec::with_capacity(rows.len()), Vec::new(), 0);
        for (place, row) in rows.iter().enumerate() {
            let range = at..at + row.records.len();
            at = range.end;
            let verdicts = ruling.verdicts().get(range.clone()).unwrap_or_default();
            let decisions = ruling.decisions().get(range).unwrap_or_default();
            let by: Vec<Option<HiddenBy>> = row
                .records
                .iter()
                .enumerate()
                // What has no decision is not shown.
                .map(|(at, linked)| linked.hidden_by(decisions.get(at).copied().unwrap_or(Decision::Block)))
                .collect();
            references.extend(by.iter().enumerate().map(|(at, by)| {
                let told = if *by == Some(HiddenBy::Label) { ", hidden by its label" } else { "" };
                Named::new(format!("row[{}].record[{at}]{told}", first + place as u64), None)
            }));
            let hides = by.iter().position(Option::is_some);
            keep.push(hides.is_none() && !verdicts.is_empty());
            match hides.and_then(|at| verdicts.get(at)) {
                Some(verdict) => delivery.withhold(std::slice::from_ref(verdict)),
                None if verdicts.is_empty() => {
                    delivery.withhold(&[Linked::Absent.verdict()]);
                }
                None => delivery.show(row.bytes, verdicts),
            }
        }
        let kept = select(&keep).ok_or(NotRecorded::Unwritten)?;
        delivery.leaves_as(&kept);
        Ok(Ruled { kept, pending: self.append_piece(delivery, ruling, &references)? })
    }
}
