//! Files of records as a command gets them: opened, unzipped within bounds, their format known.
//!
//! One file is [`open`]; whatever a person named (files, folders, archives, standard input) is [`reading`].

use std::{
    cell::Cell,
    io::{self, BufReader, Chain, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use carrier::{
    Limits,
    table::{Chunks, Format, HEAD_BYTES, is_lined, sniff},
};
use flate2::read::MultiGzDecoder;
use mark::Unreadable;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

mod archive;
mod companion;
mod plain_file;
pub(crate) mod reading;
mod sources;
mod telling;
mod unzip;

pub(crate) use companion::is_signed;
pub(crate) use plain_file::{Reads, open_file, refuse_pipes};
pub(crate) use sources::{Skipped, Sources, described, promises_records};
pub(crate) use unzip::Breakage;

use unzip::{Counted, Unzipped, UpTo};

/// An opened file of records.
pub(crate) struct Input<'a> {
    // Asked through `next_chunk` only: its end is not the file's where the file broke off.
    chunks: Chunks<Opened<'a>>,
    /// What it holds.
    pub(crate) format: Format,
    /// The object of its rows, where nobody said it and its columns or its name told.
    pub(crate) assumed: Option<String>,
    /// How many bytes of the file itself were read so far.
    pub(crate) consumed: Rc<Cell<u64>>,
    // Why a zipped file ended before its end.
    breakage: Breakage,
}

impl Input<'_> {
    /// How many lines below the rows were no records, once the end is reached.
    pub(crate) fn below(&self) -> usize {
        self.chunks.below()
    }

    /// The next chunk of its records.
    ///
    /// Errors: it cannot be read on; of a zipped file that breaks off, after the last line that is whole.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Option<carrier::table::Chunk>> {
        match self.chunks.next_chunk()? {
            Some(chunk) => Ok(Some(chunk)),
            None => self.breakage.take().map_or(Ok(None), Err),
        }
    }
}

/// What was read to know the format, then the rest.
type Opened<'a> = Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read + 'a>>>;

/// What is read without a question: lines and tables are of any length, one record or document is not.
pub(crate) const LIMITS: Limits = Limits { body_bytes: Limits::BODY_BYTES, records: Limits::RECORDS };

/// The name of standard input on the command line.
pub(crate) const STANDARD_INPUT: &str = "-";

/// Opens a file, or standard input for `-`.
///
/// Shape:  plain or gzip; `object` is what the caller was told its rows are.
/// Bounds: [`LIMITS`]; gzip that unzips to over [`unzip::RATIO_MAX`] times its size stops with an error.
/// Errors: a report for a file that cannot be opened or is nothing we know.
pub(crate) fn open(path: &Path, object: Option<&str>) -> miette::Result<Input<'static>> {
    let is_standard_input = path == Path::new(STANDARD_INPUT);
    let source: Box<dyn Read> =
        if is_standard_input { Box::new(io::stdin()) } else { Box::new(open_file(path, Reads::Once)?) };
    let name = if is_standard_input {
        "records.csv".to_owned()
    } else {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    begin(source, &name, object).map_err(|refused| refused.report(&path.display().to_string()))
}

/// Why something was not opened as a file of records.
pub(crate) enum Refused {
    /// It is nothing we know; the reason is the rest of a sentence.
    Unknown(Unreadable),
    /// It is a zip archive: a folder of files rather than one.
    Archive,
    /// It is a Parquet file, which is read from its end.
    Parquet,
    /// It cannot be read.
    Failed(io::Error),
}

impl Refused {
    /// For a person.
    pub(crate) fn report(self, shown: &str) -> miette::Report {
        match self {
            Self::Unknown(reason) => miette!(help = KNOWN, "{shown} {reason}"),
            Self::Archive => miette!(
                help =
                    "unzip it and give its files, or save it to a file first if it came from standard input",
                "{shown} is a zip archive, which cannot be read here"
            ),
            Self::Parquet => miette!(
                help = "`eosin judge`, `mark` and `certify` read it; here, give it as a CSV with a header",
                "{shown} is a Parquet file, which cannot be read here"
            ),
            Self::Failed(error) => Err::<(), _>(error)
                .into_diagnostic()
                .wrap_err_with(|| format!("cannot read {shown}"))
                .err()
                .unwrap_or_else(|| miette!("cannot read {shown}")),
        }
    }
}

const KNOWN: &str =
    "known are FHIR R4 JSON and NDJSON, HL7 v2, Salesforce JSON and CSV, and any CSV with a header";

/// Looks at how a stream begins and opens it as what it is.
///
/// Shape:  plain or gzip; `name` is its file name without folder.
/// Bounds: as [`open`].
pub(crate) fn begin<'a>(
    source: impl Read + 'a,
    name: &str,
    object: Option<&str>,
) -> Result<Input<'a>, Refused> {
    let consumed = Rc::new(Cell::new(0));
    let breakage = Breakage::default();
    let source = Counted { source, count: Rc::clone(&consumed) };
    let (magic, source) = beginning(source, MAGIC_BYTES).map_err(Refused::Failed)?;
    if magic == *b"PK\x03\x04" || magic == *b"PK\x05\x06" {
        return Err(Refused::Archive);
    }
    if columnar::is_parquet(&magic) {
        return Err(Refused::Parquet);
    }
    let is_gzip = magic.starts_with(&[0x1F, 0x8B]);
    let whole = Cursor::new(magic).chain(source);
    let opened: Box<dyn Read + 'a> = if is_gzip {
        let stream = MultiGzDecoder::new(whole);
        let unzipped = Unzipped { stream, zipped: Rc::clone(&consumed), count: Rc::default() };
        Box::new(UpTo::new(unzipped, Rc::clone(&breakage)))
    } else {
        Box::new(whole)
    };
    let (mut head, mut rest) = beginning(opened, HEAD_BYTES).map_err(Refused::Failed)?;
    if head.len() == HEAD_BYTES && is_document_of_rows(&head, name) {
        // Members come in any order: what a document is may be said at its end. It is read whole anyway.
        let more = beginning(rest, LIMITS.body_bytes.saturating_sub(HEAD_BYTES)).map_err(Refused::Failed)?;
        head.extend_from_slice(&more.0);
        rest = more.1;
    }
    if head.is_empty()
        && let Some(error) = breakage.take()
    {
        return Err(Refused::Failed(error));
    }
    let shorter = if is_gzip { name.strip_suffix(".gz") } else { None };
    let name = shorter.unwrap_or(name);
    let guessed = if object.is_none() { telling::salesforce_object(&head) } else { None };
    let format = sniff(&head, name, object.or(guessed)).map_err(Refused::Unknown)?;
    let assumed = match &format {
        Format::SalesforceCsv { object: found } | Format::Table { object: found, .. } if object.is_none() => {
            Some(found.clone())
        }
        Format::SalesforceCsv { .. }
        | Format::Table { .. }
        | Format::FhirDocument
        | Format::FhirLines
        | Format::SalesforceJson { .. }
        | Format::Hl7v2 => None,
    };
    let input = Cursor::new(head).chain(BufReader::with_capacity(HEAD_BYTES, rest));
    Ok(Input { chunks: Chunks::new(input, format.clone(), LIMITS), format, assumed, consumed, breakage })
}

/// Whether what was seen so far is a document of Salesforce, or of something that it has not said yet.
fn is_document_of_rows(head: &[u8], name: &str) -> bool {
    matches!(sniff(head, name, None), Ok(Format::SalesforceJson { .. })) && !is_lined(head)
}

/// Enough to tell gzip and zip.
const MAGIC_BYTES: usize = 4;

/// The dataset file that lies beside a file of records: `FILE.dataset.json`.
pub(crate) fn dataset_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".dataset.json");
    path.with_file_name(name)
}

/// At most `length` bytes from the beginning, and what comes after them.
fn beginning<R: Read>(mut source: R, length: usize) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(length);
    source.by_ref().take(length as u64).read_to_end(&mut head)?;
    Ok((head, source))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        ledger::durable::replace(&path, bytes).unwrap();
        (folder, path)
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Format and record count, or the message.
    fn check(name: &str, bytes: &[u8], object: Option<&str>, want: &str) {
        let (folder, path) = written(name, bytes);
        let got = match open(&path, object) {
            Ok(mut input) => {
                let mut records = 0;
                while let Some(chunk) = input.next_chunk().unwrap() {
                    records += chunk.read().records.len();
                }
                format!("{} {} {records}", input.format.as_str(), input.assumed.unwrap_or_default())
            }
            Err(report) => report.to_string().replace(&folder.path().display().to_string(), ""),
        };
        assert_eq!(got, want, "{name}");
    }

    #[test]
    fn a_file_is_what_its_bytes_and_columns_say() {
        check("x.json", br#"{"resourceType":"Patient"}"#, None, "FHIR R4 JSON  1");
        // Members come in any order, and a picture is long.
        let late = format!(r#"{{"photo":[{{"data":"{}"}}],"resourceType":"Patient"}}"#, "A".repeat(90_000));
        check("x.json", late.as_bytes(), Some("Contact"), "FHIR R4 JSON  1");
        check("x.json", format!("[{late}]").as_bytes(), None, "FHIR R4 JSON  1");
        let row = format!(r#"{{"attributes":{{"type":"Contact"}},"Note":"{}"}}"#, "A".repeat(90_000));
        check("x.json", format!("[{row},{row}]").as_bytes(), None, "Salesforce JSON  2");
        check("x.csv", b"LastName,Birthdate\nBell,2000-01-01\n", None, "Salesforce CSV Contact 1");
        check("x.csv", b"Company,LastName\nHill,Bell\n", None, "Salesforce CSV Lead 1");
        check("x.csv", b"name,dob\nBell,2000-01-01\nOde,2000-01-02\n", None, "a table of text x 2");
        check("x.csv", b"LastName,Birthdate\nBell,2000-01-01\n", Some("people"), "a table of text  1");
        check("x.csv", b"", None, "/x.csv is empty");
        check("x.csv.gz", &zipped(b"name,dob\nBell,2000-01-01\n"), None, "a table of text x 1");
    }

    #[test]
    fn gzip_that_grows_too_much_is_stopped() {
        let mut bomb = b"name,dob\n".to_vec();
        bomb.extend(b"Bell,2000-01-01\n".repeat(1_000_000));
        let (_folder, path) = written("bomb.csv", &zipped(&bomb));
        let mut input = open(&path, None).unwrap();
        let error = loop {
            match input.next_chunk() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it was read whole"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("more than 300 times its size"), "{error}");
    }

    #[test]
    fn the_dataset_file_keeps_the_whole_name() {
        assert_eq!(dataset_beside(Path::new("a/b.csv")), Path::new("a/b.csv.dataset.json"));
    }
}
