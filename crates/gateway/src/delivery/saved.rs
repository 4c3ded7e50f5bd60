//! Reports saved as files, on their way: the ids in each row are looked up, and what is hidden by them is left out.
//!
//! Source: spec/deliveries.md section 9.

use std::{collections::BTreeMap, io::Read as _};

use bytes::Bytes;
use carrier::salesforce::{
    NotReport, RecordId, ReportChunk, ReportLeaving, ReportRows, ReportUnwritten, ReportWriter,
};
use flow::{FileDelivery, Linked, LinkedRow};

use super::{Cut, Received, Worker};
use crate::reading::Looks;

/// A report saved as a file, and how its rows are known.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    /// The report's name, which stands below its rows.
    pub(crate) name: String,
    /// Places of the columns of ids, each with the object that they are of.
    pub(crate) links: Vec<(usize, String)>,
    pub(crate) looks: Looks,
    /// What was read of the file already.
    pub(crate) first: Bytes,
    /// What of its rows leaves, and how it is written.
    pub(crate) leaving: ReportLeaving,
}

impl Worker {
    /// Filters a report's file.
    ///
    /// Bounds: those of [`ReportRows`]; for each chunk the questions that one look-up of its ids takes.
    pub(super) fn saved(
        &self,
        delivery: &mut FileDelivery,
        saved: &Saved,
        received: Received,
    ) -> Result<(), Cut> {
        delivery.links();
        let input = std::io::BufReader::new(std::io::Cursor::new(saved.first.clone()).chain(received));
        let mut rows = ReportRows::new(input, self.flow.limits());
        let mut writer = ReportWriter::new(saved.name.as_str(), saved.leaving);
        let mut before = None;
        while let Some(chunk) = rows.next_chunk()? {
            let ids = ids(&chunk, &saved.links)?;
            let all: BTreeMap<RecordId, String> = ids.iter().flatten().cloned().collect();
            let looked = if all.is_empty() {
                BTreeMap::new()
            } else {
                self.handle.block_on(saved.looks.look_up(&all)).map_err(|_| Cut::Looked)?
            };
            let written = (0..chunk.len()).map(|at| chunk.leaving(at, saved.leaving));
            let written =
                written.collect::<Result<Vec<_>, _>>().map_err(|fault| not_written(fault.into()))?;
            let linked = ids.iter().zip(&written).map(|(ids, bytes)| {
                let of_ids = ids.iter().filter_map(|(id, _)| looked.get(id)).cloned();
                // Where nothing that a row joins could be hidden, there is nothing to look up.
                let unlinked = saved.links.is_empty().then_some(Linked::Found);
                let records = of_ids.chain(unlinked).collect();
                LinkedRow { bytes, records }
            });
            let linked: Vec<LinkedRow<'_>> = linked.collect();
            let mut fault = None;
            let select = |keep: &[bool]| {
                let kept = writer.select(&chunk, keep, &written);
                kept.map_err(|unwritten| fault = Some(not_written(unwritten))).ok()
            };
            let ruled = self.flow.rule_linked(delivery, &linked, select);
            // Why rows cannot be written is known here alone.
            let ruled = ruled.map_err(|error| fault.take().unwrap_or_else(|| error.into()))?;
            self.send(before.replace(ruled))?;
        }
        self.send(before)
    }
}

fn not_written(unwritten: ReportUnwritten) -> Cut {
    match unwritten {
        ReportUnwritten::NotReport(NotReport::TooLong) => Cut::TooLong,
        ReportUnwritten::NotReport(fault @ NotReport::Shape) => Cut::Arrived(fault.into()),
        ReportUnwritten::NoRoom(fault) => fault.into(),
    }
}

/// The ids of what each row joins.
///
/// Errors: a cell of ids that holds none, a row without any.
fn ids(chunk: &ReportChunk, links: &[(usize, String)]) -> Result<Vec<Vec<(RecordId, String)>>, Cut> {
    let row = |at: usize| {
        let mut ids = Vec::with_capacity(links.len());
        for (place, object) in links {
            let cell = chunk.cell(at, *place).trim_ascii();
            // A dash stands for nothing where files are written for people.
            if cell.is_empty() || cell == b"-" {
                continue;
            }
            let id = std::str::from_utf8(cell).ok().and_then(RecordId::parse).ok_or(Cut::Unlinked)?;
            ids.push((id, object.clone()));
        }
        if ids.is_empty() && !links.is_empty() { Err(Cut::Unlinked) } else { Ok(ids) }
    };
    (0..chunk.len()).map(row).collect()
}
