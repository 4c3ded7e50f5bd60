//! The files of a run as pieces of work: read one after the other, in the same pieces both times.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    sync::Arc,
};

use carrier::table::{Format, HEAD_BYTES};
use flate2::bufread::MultiGzDecoder;
use mark::Place;

use super::{
    content::{Content, is_parquet, open_parquet},
    sources::Sources,
};
use crate::{input, progress::Progress};

/// Who reads the files.
#[derive(Debug)]
pub(super) struct Reader<'s> {
    /// The files.
    pub(super) sources: &'s Sources,
    /// What the rows of a lone table were said to be.
    pub(super) object: Option<&'s str>,
    /// Files that are not read.
    pub(super) skipped: BTreeSet<usize>,
}

/// A piece of work: some records of one long file, or all of a few short ones.
#[derive(Debug)]
pub(super) struct Work {
    /// Which group of files it is of.
    pub(super) group: usize,
    /// Which piece of the group it is.
    pub(super) piece: usize,
    /// Chunks in the order of their files.
    pub(super) parts: Vec<Part>,
    /// Files that could not be read to their end, with the reason.
    pub(super) broken: Vec<(usize, String)>,
}

/// A chunk of a file.
#[derive(Debug)]
pub(super) struct Part {
    /// Which file.
    pub(super) file: usize,
    /// Some of its records.
    pub(super) chunk: Content,
    /// The media type of the file, unzipped.
    pub(super) media_type: &'static str,
    /// Its object, where that was guessed.
    pub(super) assumed: Option<String>,
}

impl Reader<'_> {
    /// Reads everything, giving pieces of work until nobody takes them.
    ///
    /// A file that cannot be read is work that says so.
    pub(super) fn read(&self, progress: &Progress, give: &mut dyn FnMut(Work) -> bool) {
        let mut before = 0;
        for (group, files) in self.sources.groups().into_iter().enumerate() {
            let mut work = Work { group, piece: 0, parts: Vec::new(), broken: Vec::new() };
            let is_alone = files.len() == 1;
            for file in files.into_iter().filter(|file| !self.skipped.contains(file)) {
                let Some(source) = self.sources.files.get(file) else { continue };
                let done = self.read_file(file, &source.path, &mut |part, consumed| {
                    progress.update(before + consumed);
                    work.parts.push(part);
                    if !is_alone {
                        return true;
                    }
                    let next = Work { group, piece: work.piece + 1, parts: Vec::new(), broken: Vec::new() };
                    give(std::mem::replace(&mut work, next))
                });
                match done {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(reason) => work.broken.push((file, reason)),
                }
                before += source.bytes;
            }
            let is_empty = work.parts.is_empty() && work.broken.is_empty();
            if !is_empty && !give(work) {
                return;
            }
        }
    }

    /// Gives the chunks of a file, and how much of it was read; whether somebody still takes them.
    fn read_file(
        &self,
        file: usize,
        path: &Path,
        give: &mut dyn FnMut(Part, u64) -> bool,
    ) -> Result<bool, String> {
        if is_parquet(path) {
            return self.read_parquet(file, path, give);
        }
        let mut input = input::open(path, self.object).map_err(|report| report.to_string())?;
        let media_type = media_type(&input.format);
        while let Some(chunk) = input.next_chunk().map_err(|error| error.to_string())? {
            let part = Part { file, chunk: Content::Text(chunk), media_type, assumed: input.assumed.clone() };
            if !give(part, input.consumed.get()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read_parquet(
        &self,
        file: usize,
        path: &Path,
        give: &mut dyn FnMut(Part, u64) -> bool,
    ) -> Result<bool, String> {
        let (mut opened, object) = open_parquet(path, self.object)?;
        let source = Arc::new(opened.source().clone());
        while let Some(chunk) = opened.next_chunk().map_err(|error| error.to_string())? {
            let part = Part {
                file,
                chunk: Content::Rows(chunk, Arc::clone(&source)),
                media_type: "application/x-parquet",
                assumed: self.object.is_none().then(|| object.clone()),
            };
            // How many bytes were read is not known: the bar moves when the file is done.
            if !give(part, 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The beginning of a file, unzipped; empty where it cannot be read.
    pub(super) fn head(&self, file: usize) -> Vec<u8> {
        let mut head = Vec::new();
        let Some(source) = self.sources.files.get(file) else { return head };
        let opened = File::open(&source.path).map(BufReader::new).and_then(|mut plain| {
            let is_zipped = plain.fill_buf()?.starts_with(&[0x1F, 0x8B]);
            let limit = HEAD_BYTES as u64;
            if is_zipped {
                MultiGzDecoder::new(plain).take(limit).read_to_end(&mut head)
            } else {
                plain.take(limit).read_to_end(&mut head)
            }
        });
        // It was read whole a moment ago; what it says of its generator is not worth a failure.
        drop(opened);
        head
    }

    /// What to call a file.
    pub(super) fn name(&self, file: usize) -> String {
        let path = self.sources.files.get(file).map(|source| source.path.display().to_string());
        path.unwrap_or_default()
    }

    /// What to call a record's place.
    pub(super) fn place(&self, file: usize, place: &Place) -> String {
        format!("{}, {}", self.name(file), place.reference)
    }
}

fn media_type(format: &Format) -> &'static str {
    match format {
        Format::FhirDocument | Format::SalesforceJson { .. } => "application/json",
        Format::FhirLines => "application/jsonlines",
        // Registered nowhere; the one that senders of HL7 v2 over HTTP use.
        Format::Hl7v2 => "application/hl7-v2",
        Format::Table { delimiter: b'\t', .. } => "text/tab-separated-values",
        Format::SalesforceCsv { .. } | Format::Table { .. } => "text/csv",
    }
}
