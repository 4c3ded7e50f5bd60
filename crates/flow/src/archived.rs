//! Archives on their way to a client: tables in them are judged row by row, and what cannot be judged is ruled on whole.
//!
//! Source: spec/deliveries.md section 7.

use mark::{Unreadable, Verdict};
use policy::Decision;

use crate::{
    delivery::{FileDelivery, NotRecorded, Ruled, Tally},
    listed::Named,
    world::Flow,
};

/// What became of one entry of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// How its rows are read, where it is a table of them.
    pub(crate) format: Option<&'static str>,
    pub(crate) object: Option<String>,
    pub(crate) shown: Tally,
    pub(crate) withheld: Tally,
    /// Whether there is an entry of this name in what is delivered.
    pub(crate) is_delivered: bool,
}

impl FileDelivery {
    /// Says that the file is an archive: what is counted are the records of its entries, what leaves is told by
    /// [`Self::leaves_packed`].
    pub fn packs(&mut self) {
        self.members = Some(Vec::new());
    }

    /// Begins an entry of the archive; the records that are ruled on next are its own.
    pub fn begin_member(&mut self, name: &str) {
        if let Some(members) = &mut self.members {
            members.push(Member {
                name: name.to_owned(),
                format: None,
                object: None,
                shown: Tally::default(),
                withheld: Tally::default(),
                is_delivered: true,
            });
        }
    }

    /// These bytes of the archive leave next.
    pub fn leaves_packed(&mut self, bytes: &[u8]) {
        self.leaves_as(bytes);
    }
}

impl Flow {
    /// Whether policy lets leave what nobody can read. Not recorded: it is no ruling.
    pub fn unread_leaves(&self, delivery: &FileDelivery) -> bool {
        let ruling = delivery.decide(vec![unread()]);
        ruling.decisions().first().is_some_and(|decision| *decision != Decision::Block)
    }

    /// Rules on entries that cannot be judged: each counts as one record, which is unreadable.
    ///
    /// Shape:  the names of entries that follow each other -> a ruling that lets out nothing, and whether they may leave
    ///         once it is durable. They are told by their places in the archive alone.
    /// Bounds: the caller bounds the names.
    /// Errors: [`NotRecorded::Ledger`].
    pub fn rule_unread(
        &self,
        delivery: &mut FileDelivery,
        names: &[String],
    ) -> Result<(Ruled, bool), NotRecorded> {
        let first = delivery.members.as_ref().map_or(0, Vec::len);
        let references: Vec<Named> =
            (first..).take(names.len()).map(|at| Named::new(format!("entries[{at}]"), None)).collect();
        let ruling = delivery.decide(names.iter().map(|_| unread()).collect());
        let leaves = !names.is_empty()
            && ruling.decisions().len() == names.len()
            && ruling.decisions().iter().all(|decision| *decision != Decision::Block);
        for name in names {
            delivery.begin_member(name);
            if leaves {
                delivery.show(&[], &[unread()]);
            } else {
                delivery.withhold(&[unread()]);
                if let Some(member) = delivery.members.as_mut().and_then(|members| members.last_mut()) {
                    member.is_delivered = false;
                }
            }
        }
        let pending = self.append_piece(delivery, ruling, &references)?;
        Ok((Ruled { kept: Vec::new(), pending }, leaves))
    }
}

fn unread() -> Verdict {
    Verdict::Unreadable(Unreadable::Shape("is nothing whose records can be told apart".to_owned()))
}

/// Whether a table's header has the columns by which its rows are judged: mark, flag and subject, in any namespace.
pub fn carries_labels(header: &[u8]) -> bool {
    let header = header.to_ascii_lowercase();
    let names = |column: &[u8]| header.windows(column.len()).any(|window| window == column);
    COLUMNS.into_iter().all(names)
}

const COLUMNS: [&[u8]; 3] = [b"eosin_mark__c", b"eosin_synthetic__c", b"eosin_subject__c"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_judged_under_three_columns() {
        for (header, want) in [
            ("\"Id\",\"Eosin_Mark__c\",\"Eosin_Synthetic__c\",\"Eosin_Subject__c\"", true),
            ("id,ns__eosin_mark__c,NS__EOSIN_SUBJECT__C,ns__Eosin_Synthetic__c", true),
            ("\"Id\",\"Eosin_Mark__c\"", false),
            ("\"Id\",\"Name\"", false),
            ("", false),
        ] {
            assert_eq!(carries_labels(header.as_bytes()), want, "{header}");
        }
    }
}
