//! What was judged, file by file: counts, what was passed over, and what could not be read.

use std::io;

use flow::RecognisedBy;
use miette::miette;
use recognise::{Batch, Share};

use super::{Slice, plain, tally::Tally};
use crate::input::{
    Skipped, Sources,
    reading::{Origin, Part},
};

/// Everything but the findings.
pub(super) struct Summary {
    /// All files together.
    pub(super) all: Tally,
    /// Each file in which there are records, in order.
    pub(super) files: Vec<FileSummary>,
    /// What was found and holds no records.
    pub(super) skipped: Vec<Skipped>,
    /// What should have been read and could not be, whole or from some place on.
    pub(super) refused: Vec<miette::Report>,
    /// What recognised records without a mark.
    pub(super) recognised_by: RecognisedBy,
}

/// One file, or one entry of an archive.
pub(super) struct FileSummary {
    pub(super) name: String,
    pub(super) format: &'static str,
    pub(super) tally: Tally,
    readable: u64,
    last: String,
    batch: Batch,
    /// How much of its records without a mark each known generator made, once it was read.
    pub(super) shares: Vec<Share>,
}

impl Summary {
    /// Takes what was left out when the files were looked for.
    pub(super) fn begin(sources: &mut Sources, recognised_by: RecognisedBy) -> Self {
        Self {
            all: Tally::default(),
            files: Vec::new(),
            skipped: std::mem::take(&mut sources.skipped),
            refused: std::mem::take(&mut sources.refused),
            recognised_by,
        }
    }

    /// Adds what was judged of a part. Parts come one after the other.
    pub(super) fn add(&mut self, part: &Part, slice: &Slice) {
        self.all.merge(&slice.tally);
        let is_same = self.files.last().is_some_and(|file| file.name == part.name);
        if !is_same {
            self.files.push(FileSummary {
                name: part.name.clone(),
                format: part.format,
                tally: Tally::default(),
                readable: 0,
                last: String::new(),
                batch: Batch::default(),
                shares: Vec::new(),
            });
        }
        if let Some(file) = self.files.last_mut() {
            file.tally.merge(&slice.tally);
            file.readable += slice.readable;
            file.batch.absorb(&slice.batch);
            if !slice.last.is_empty() {
                file.last.clone_from(&slice.last);
            }
        }
    }

    /// Ends a part.
    pub(super) fn end(&mut self, part: &Part, broken: Option<io::Error>) {
        let name = plain(&part.name);
        if let Some(file) = self.files.last_mut().filter(|file| file.name == part.name) {
            file.estimate();
        }
        let file = self.files.last().filter(|file| file.name == part.name);
        let (records, readable) = file.map_or((0, 0), |file| (file.tally.total(), file.readable));
        if let Some(error) = broken {
            let place = match file {
                Some(file) if records > 0 => format!("past {}", file.last),
                _ => "from its beginning".to_owned(),
            };
            self.refused.push(miette!(
                help = "what stands before was judged; get the file again whole",
                "{name} cannot be read {place}: {error}"
            ));
            return;
        }
        if records == 0 {
            self.files.pop_if(|file| file.name == part.name);
            match part.origin {
                Origin::Found => {
                    self.skipped
                        .push(Skipped { file: part.name.clone(), why: "holds no records".to_owned() });
                }
                Origin::Named => self
                    .refused
                    .push(miette!("there are no records in {name}, so nothing can be said about it")),
            }
        } else if readable == 0 {
            self.refused.push(miette!(
                help = "the findings say where and why",
                "no record of {name} can be read, so nothing can be said about it"
            ));
        }
    }

    /// Whether everything that should be read was, and there was something.
    pub(super) fn is_whole(&self) -> bool {
        self.refused.is_empty() && self.all.total() > 0
    }
}

impl FileSummary {
    /// Makes the estimate and lets go of what it is made from.
    fn estimate(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        if batch.records() >= ESTIMATED_FROM_RECORDS {
            self.shares = batch.estimate();
            self.shares.retain(|share| share.generator.is_some() && share.low >= SHARE_MIN);
        }
    }

    /// What the estimate says, a sentence each.
    pub(super) fn said_of_shares(&self) -> impl Iterator<Item = String> {
        let without_mark = self.tally.without_mark();
        let of = if without_mark == self.tally.total() {
            "this file".to_owned()
        } else {
            format!("its {without_mark} records without a mark")
        };
        self.shares.iter().filter_map(move |share| {
            let percent = |part: f64| format!("{:.0}", part * 100.0);
            Some(format!(
                "about {} % of {of} was made by {} (95 %: {} to {})",
                percent(share.share),
                share.generator?,
                percent(share.low),
                percent(share.high)
            ))
        })
    }
}

/// Of fewer records nothing is estimated: the table of findings says it better.
const ESTIMATED_FROM_RECORDS: u64 = 50;
/// A share that may be smaller than this is not told.
const SHARE_MIN: f64 = 0.01;
