//! Archives on their way: each entry in its order, tables row by row, the rest whole or not at all.
//!
//! Source: spec/deliveries.md section 7.

use std::io::{self, BufReader, Cursor, Read};

use carrier::{
    archive::{ArchiveBounds, ArchiveWriter, Entries},
    salesforce::Job,
    table::{Chunks, sniff},
};
use flow::{FileDelivery, Ruled, carries_labels};

use super::{Cut, PIECE_BYTES, Received, Worker};

/// How the tables of an archive are read.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    /// Objects whose rows are about nobody.
    pub(crate) open: Vec<String>,
}

/// Entries that cannot be judged are ruled on together, so many at most.
const UNREAD_MAX: usize = 512;

/// An archive that is filtered.
struct Packing<'w> {
    worker: &'w Worker,
    delivery: &'w mut FileDelivery,
    out: ArchiveWriter,
    /// Entries that are withheld and not ruled on yet.
    unread: Vec<String>,
    /// Whether policy lets leave what nobody can read.
    unread_leaves: bool,
}

impl Worker {
    /// Filters an archive.
    ///
    /// Bounds: those of [`ArchiveBounds::SUGGESTED`], and for its tables those of every table.
    pub(super) fn archive(
        &self,
        delivery: &mut FileDelivery,
        tables: &Tables,
        received: Received,
    ) -> Result<(), Cut> {
        delivery.packs();
        let unread_leaves = self.flow.unread_leaves(delivery);
        let out = ArchiveWriter::default();
        let mut packing = Packing { worker: self, delivery, out, unread: Vec::new(), unread_leaves };
        let mut entries = Entries::new(received, ArchiveBounds::SUGGESTED);
        while let Some(head) = entries.next_entry()? {
            if head.is_folder {
                continue;
            }
            match object_of(&head.name) {
                Some(object) => packing.table(&head.name, object, tables, &mut entries)?,
                None => packing.file(&head.name, &mut entries.content())?,
            }
        }
        packing.finish()
    }
}

impl Packing<'_> {
    /// An entry that could be a table of an object.
    fn table(
        &mut self,
        name: &str,
        object: &str,
        tables: &Tables,
        entries: &mut Entries<Received>,
    ) -> Result<(), Cut> {
        let head = first_row(&mut entries.content())?;
        let header = head.strip_suffix(b"\n").unwrap_or_default();
        let is_open = tables.open.iter().any(|open| open.eq_ignore_ascii_case(object));
        let is_judged = |header: &[u8]| is_open || carries_labels(header);
        let Some(format) = sniff(header, name, None).ok().filter(|_| is_judged(header)) else {
            return self.file(name, &mut Cursor::new(head).chain(entries.content()));
        };
        self.rule_unread()?;
        self.delivery.begin_member(name);
        self.delivery.reads_as(&format);
        self.out.begin(name)?;
        let job = Job::of_rows(object.to_owned(), b',');
        let rows = BufReader::new(Cursor::new(head).chain(entries.content()));
        let mut chunks = Chunks::of_rows(rows, &job, self.worker.flow.limits());
        let mut before: Option<Ruled> = None;
        while let Some(chunk) = chunks.next_chunk()? {
            if !chunk.header().is_some_and(is_judged) {
                return Err(Cut::Header);
            }
            let ruled = self.worker.flow.rule_rows(self.delivery, &chunk)?;
            // While this chunk's ruling is written, the next one is judged.
            self.write_ruled(before.replace(ruled))?;
        }
        self.write_ruled(before)
    }

    /// An entry that is no table.
    fn file(&mut self, name: &str, content: &mut impl Read) -> Result<(), Cut> {
        if !self.begin_unread(name)? {
            return Ok(());
        }
        let mut block = vec![0; PIECE_BYTES];
        loop {
            let length = content.read(&mut block)?;
            if length == 0 {
                return Ok(());
            }
            self.write(block.get(..length).unwrap_or_default())?;
        }
    }

    /// Begins an entry that cannot be judged; whether it may leave.
    fn begin_unread(&mut self, name: &str) -> Result<bool, Cut> {
        self.unread.push(name.to_owned());
        if !self.unread_leaves {
            if self.unread.len() >= UNREAD_MAX {
                self.rule_unread()?;
            }
            return Ok(false);
        }
        let leaves = self.rule_unread()?;
        if leaves {
            self.out.begin(name)?;
        }
        Ok(leaves)
    }

    /// Rules on what waits for it; whether it may leave.
    fn rule_unread(&mut self) -> Result<bool, Cut> {
        if self.unread.is_empty() {
            return Ok(false);
        }
        let names = std::mem::take(&mut self.unread);
        let (ruled, leaves) = self.worker.flow.rule_unread(self.delivery, &names)?;
        self.worker.flow.recorded(ruled)?;
        Ok(leaves)
    }

    fn write_ruled(&mut self, ruled: Option<Ruled>) -> Result<(), Cut> {
        let Some(ruled) = ruled else { return Ok(()) };
        let kept = self.worker.flow.recorded(ruled)?;
        self.write(&kept)
    }

    /// Packs what may leave, and sends what is ready of it.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        for part in bytes.chunks(PIECE_BYTES) {
            self.out.write(part)?;
            let packed = self.out.take();
            send(self.worker, self.delivery, packed)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Cut> {
        self.rule_unread()?;
        let rest = self.out.finish()?;
        send(self.worker, self.delivery, rest)
    }
}

/// A table's first row with its end; of what has no such end, what was looked at.
///
/// Bounds: [`PIECE_BYTES`]; of a longer row there is no end.
fn first_row(content: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while head.len() < PIECE_BYTES && head.last() != Some(&b'\n') && content.read(&mut byte)? > 0 {
        head.extend_from_slice(&byte);
    }
    Ok(head)
}

fn send(worker: &Worker, delivery: &mut FileDelivery, packed: Vec<u8>) -> Result<(), Cut> {
    if packed.is_empty() {
        return Ok(());
    }
    delivery.leaves_packed(&packed);
    worker.give(packed)
}

/// The object whose rows an entry of this name has, if it is one of a data export: `Contact.csv`, in no folder.
fn object_of(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    let is_name = stem.starts_with(|c: char| c.is_ascii_alphabetic())
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && ending.eq_ignore_ascii_case("csv")).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_their_names() {
        for (name, want) in [
            ("Contact.csv", Some("Contact")),
            ("ns__Visit__c.CSV", Some("ns__Visit__c")),
            ("Attachments/00P.csv", None),
            ("Contact", None),
            ("Contact.csv.zip", None),
            (".csv", None),
            ("1.csv", None),
        ] {
            assert_eq!(object_of(name), want, "{name}");
        }
    }
}
