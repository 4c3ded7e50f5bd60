//! What was judged, file by file: counts, what was passed over, and what could not be read.

use std::io;

use flow::RecognisedBy;
use miette::miette;

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
                format: part.format.as_str(),
                tally: Tally::default(),
                readable: 0,
                last: String::new(),
            });
        }
        if let Some(file) = self.files.last_mut() {
            file.tally.merge(&slice.tally);
            file.readable += slice.readable;
            if !slice.last.is_empty() {
                file.last.clone_from(&slice.last);
            }
        }
    }

    /// Ends a part.
    pub(super) fn end(&mut self, part: &Part, broken: Option<io::Error>) {
        let name = plain(&part.name);
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
