//! Everything that a person named, read one file after the other: what `judge` and `certify` go through.

use std::{
    fs::File,
    io::{self, Cursor, Read as _},
    path::Path,
    rc::Rc,
    sync::Arc,
};

use carrier::table::{Chunk, Format};
use columnar::ParquetFile;
use mark::Reading;
use miette::miette;

pub(crate) use super::sources::Origin;
use super::{
    Input, LIMITS, Reads, Refused, Skipped, Sources,
    archive::{Archive, Entry},
    begin,
    companion::not_records,
    open_file,
    sources::{Source, last, promises_records},
};

/// One table, document or stream of lines: a file, or an entry of an archive.
#[derive(Debug)]
pub(crate) struct Part {
    /// What to call it: `export.zip/Contact.csv`.
    pub(crate) name: String,
    /// Whether somebody named it, or it was found.
    pub(crate) origin: Origin,
    /// What it holds, in words.
    pub(crate) format: &'static str,
    /// What its rows are about, where that is one thing.
    pub(crate) object: Option<String>,
    /// Whether its rows may be about something else than its name says: nobody said it.
    pub(crate) may_be_other: bool,
}

/// Some records of a part.
pub(crate) enum Rows {
    /// Of text.
    Text(Chunk),
    /// Of a Parquet file.
    Columns(columnar::Chunk),
}

impl Rows {
    /// The readings in order, of text one after the other.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        match self {
            Self::Text(chunk) => readings(Some(chunk), None),
            Self::Columns(chunk) => readings(None, Some(chunk)),
        }
    }

    /// The bytes of each record; see [`Chunk::record_bytes`].
    pub(crate) fn record_bytes(&self) -> Option<Vec<&[u8]>> {
        match self {
            Self::Text(chunk) => chunk.record_bytes(),
            Self::Columns(_) => None,
        }
    }
}

/// The readings of a chunk in order, of text one after the other; those of columns are made together.
pub(crate) fn readings<'c>(
    text: Option<&'c Chunk>,
    columns: Option<&'c columnar::Chunk>,
) -> impl Iterator<Item = Reading<'c>> {
    let columns = columns.map(|chunk| chunk.read().records);
    text.into_iter().flat_map(Chunk::readings).chain(columns.into_iter().flatten())
}

/// What reading comes upon, in order.
pub(crate) enum Event {
    /// Some records of a part.
    Rows(Arc<Part>, Rows),
    /// The part's end; what broke it off, if it ended early.
    End(Arc<Part>, Option<io::Error>),
    /// Something that was found and holds no records.
    Skipped(Skipped),
    /// Something that should be read and cannot be.
    Refused(miette::Report),
}

/// Reads everything, giving events until nobody takes them.
///
/// Shape:  `object` says of a source what its rows are, where somebody told; `progress` is told of bytes read, of all
///         sources together.
/// Bounds: those of [`super::open`] and of an archive; one chunk in memory.
/// Errors: none; what cannot be read is an event, and the rest is read.
pub(crate) fn read(
    sources: &Sources,
    object: &dyn Fn(usize) -> Option<String>,
    progress: &dyn Fn(u64),
    give: &mut dyn FnMut(Event) -> bool,
) {
    let mut before = 0;
    for (number, source) in sources.files.iter().enumerate() {
        let so_far = |consumed: u64| progress(before + consumed);
        let mut reader = Reader { object: object(number), so_far: &so_far, give };
        if !reader.source(source) {
            return;
        }
        before += source.bytes;
    }
}

struct Reader<'r> {
    object: Option<String>,
    so_far: &'r dyn Fn(u64),
    give: &'r mut dyn FnMut(Event) -> bool,
}

impl Reader<'_> {
    /// Reads one file; whether somebody still listens.
    fn source(&mut self, source: &Source) -> bool {
        let shown = source.path.display().to_string();
        let called = last(source.called.as_deref().unwrap_or(&shown));
        let is_standard_input = source.path == Path::new(super::STANDARD_INPUT);
        let opened = if is_standard_input {
            begin(io::stdin(), "records.csv", self.object.as_deref())
        } else {
            match open_file(&source.path, Reads::Once) {
                Ok(file) => begin(file, called, self.object.as_deref()),
                Err(report) => return (self.give)(Event::Refused(report)),
            }
        };
        match opened {
            Err(Refused::Archive) if !is_standard_input => self.archive(source, &shown),
            Err(Refused::Parquet) if !is_standard_input => {
                let object = self.object_of(called);
                let opened = File::open(&source.path)
                    .map_err(|error| miette!("cannot open {shown}: {error}"))
                    .and_then(|file| {
                        ParquetFile::open(file, &object, LIMITS).map_err(|error| miette!("{shown} {error}"))
                    });
                self.parquet(shown, object, source.origin, opened)
            }
            opened => self.part(shown, source.origin, None, opened),
        }
    }

    fn archive(&mut self, source: &Source, shown: &str) -> bool {
        let opened = File::open(&source.path)
            .map_err(|error| format!("cannot be opened: {error}"))
            .and_then(Archive::open);
        let mut archive = match opened {
            Ok(archive) => archive,
            Err(reason) => return (self.give)(Event::Refused(miette!("{shown} {reason}"))),
        };
        let consumed = Rc::clone(&archive.consumed);
        for at in 0..archive.len() {
            let goes_on = match archive.entry(at) {
                Entry::Folder => true,
                Entry::Unreadable { name, reason } => {
                    (self.give)(Event::Refused(miette!("{shown}/{name} {reason}")))
                }
                Entry::File { name, mut bytes, breakage } => {
                    let (inner, name) = (last(&name).to_owned(), format!("{shown}/{name}"));
                    let mut read = Vec::new();
                    if let Some(why) = not_records(&name, &mut bytes, &mut read) {
                        self.skip(name, why)
                    } else {
                        let opened = begin(Cursor::new(read).chain(bytes), &inner, self.object.as_deref());
                        self.part(name, Origin::Found, Some(&breakage), opened)
                    }
                }
            };
            (self.so_far)(consumed.get());
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// What rows are about whose file does not say it: what was told, else the file's name.
    fn object_of(&self, name: &str) -> String {
        let stem = last(name).rsplit_once('.').map_or(last(name), |(stem, _)| stem);
        self.object.clone().unwrap_or_else(|| stem.to_owned())
    }

    /// Reads a Parquet file. Its footer is at its end, so it is read in place.
    fn parquet(
        &mut self,
        name: String,
        object: String,
        origin: Origin,
        opened: miette::Result<ParquetFile>,
    ) -> bool {
        let mut file = match opened {
            Ok(file) => file,
            Err(report) => return (self.give)(Event::Refused(report)),
        };
        let may_be_other = self.object.is_none();
        let part = Arc::new(Part { name, origin, format: "Parquet", object: Some(object), may_be_other });
        loop {
            match file.next_chunk() {
                Ok(Some(chunk)) => {
                    if !(self.give)(Event::Rows(Arc::clone(&part), Rows::Columns(chunk))) {
                        return false;
                    }
                }
                Ok(None) => return (self.give)(Event::End(part, None)),
                Err(error) => return (self.give)(Event::End(part, Some(io::Error::other(error)))),
            }
        }
    }

    fn skip(&mut self, file: String, why: &str) -> bool {
        (self.give)(Event::Skipped(Skipped { file, why: why.to_owned() }))
    }

    /// Reads what was opened; `around` is what broke the archive's entry off.
    fn part(
        &mut self,
        name: String,
        origin: Origin,
        around: Option<&super::Breakage>,
        opened: Result<Input<'_>, Refused>,
    ) -> bool {
        let mut input = match opened {
            Ok(input) => input,
            Err(refused) => {
                let broken = around.and_then(|breakage| breakage.take());
                return self.refused(&name, origin, broken.map_or(refused, Refused::Failed));
            }
        };
        if origin == Origin::Found && !promises_records(&name) && is_weak(&input.format) {
            return self
                .skip(name, "does not say by its name that it is a table; name it alone to have it read");
        }
        let may_be_other = may_be_other(&input.format, input.assumed.is_some());
        let object = match &input.format {
            Format::SalesforceCsv { object } | Format::Table { object, .. } => Some(object.clone()),
            Format::SalesforceJson { object } => object.clone(),
            Format::FhirDocument | Format::FhirLines | Format::Hl7v2 => None,
        };
        let part = Arc::new(Part { name, origin, format: input.format.as_str(), object, may_be_other });
        loop {
            match input.next_chunk() {
                Ok(Some(chunk)) => {
                    if around.is_none() {
                        (self.so_far)(input.consumed.get());
                    }
                    if !(self.give)(Event::Rows(Arc::clone(&part), Rows::Text(chunk))) {
                        return false;
                    }
                }
                Ok(None) => {
                    let broken = around.and_then(|breakage| breakage.take());
                    return (self.give)(Event::End(part, broken));
                }
                Err(error) => return (self.give)(Event::End(part, Some(error))),
            }
        }
    }

    fn refused(&mut self, name: &str, origin: Origin, refused: Refused) -> bool {
        match (origin, refused) {
            (Origin::Found, Refused::Unknown(reason)) if !promises_records(name) => {
                self.skip(name.to_owned(), &reason.to_string())
            }
            (Origin::Found, Refused::Archive) => {
                (self.give)(Event::Refused(miette!("{name} is an archive within an archive; unzip it first")))
            }
            (Origin::Found, Refused::Parquet) => (self.give)(Event::Refused(miette!(
                "{name} is a Parquet file within an archive; unzip it first"
            ))),
            (_, refused) => (self.give)(Event::Refused(refused.report(name))),
        }
    }
}

/// Whether the rows of a table may be of another object than its name says: nobody said it.
pub(crate) fn may_be_other(format: &Format, is_assumed: bool) -> bool {
    is_assumed && matches!(format, Format::Table { .. })
}

/// Whether little speaks for the format: any text with a comma in its first line is a table.
pub(crate) fn is_weak(format: &Format) -> bool {
    matches!(format, Format::Table { .. } | Format::SalesforceCsv { .. })
}
