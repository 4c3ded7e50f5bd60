//! Files of records as a command gets them: opened, unzipped within bounds, their format known.

use std::{
    cell::Cell,
    fs::File,
    io::{self, BufReader, Chain, Cursor, Read},
    path::{Path, PathBuf},
    rc::Rc,
};

use carrier::{
    Limits,
    table::{Chunks, Format, HEAD_BYTES, sniff},
};
use flate2::read::MultiGzDecoder;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};

/// An opened file of records.
pub(crate) struct Input {
    /// Its records, a chunk at a time.
    pub(crate) chunks: Chunks<Opened>,
    /// What it holds.
    pub(crate) format: Format,
    /// The object of its rows, where nobody said it and its columns or its name told.
    pub(crate) assumed: Option<String>,
    /// How many bytes of the file itself were read so far.
    pub(crate) consumed: Rc<Cell<u64>>,
}

/// What was read to know the format, then the rest.
pub(crate) type Opened = Chain<Cursor<Vec<u8>>, BufReader<Box<dyn Read>>>;

/// What is read without a question: lines and tables are of any length, one record or document is not.
pub(crate) const LIMITS: Limits = Limits { body_bytes: Limits::BODY_BYTES, records: Limits::RECORDS };

/// The name of standard input on the command line.
pub(crate) const STANDARD_INPUT: &str = "-";

/// Opens a file, or standard input for `-`.
///
/// Shape:  plain or gzip; `object` is what the caller was told its rows are.
/// Bounds: [`LIMITS`]; gzip that unzips to over [`RATIO_MAX`] times its size stops with an error.
/// Errors: a report for a file that cannot be opened or is nothing we know.
pub(crate) fn open(path: &Path, object: Option<&str>) -> miette::Result<Input> {
    let consumed = Rc::new(Cell::new(0));
    let is_standard_input = path == Path::new(STANDARD_INPUT);
    let source: Box<dyn Read> = if is_standard_input {
        Box::new(io::stdin())
    } else {
        Box::new(
            File::open(path).into_diagnostic().wrap_err_with(|| format!("cannot open {}", path.display()))?,
        )
    };
    let source = Counted { source, count: Rc::clone(&consumed) };
    let reading = || format!("cannot read {}", path.display());
    let (magic, source) = beginning(source, 2).into_diagnostic().wrap_err_with(reading)?;
    let is_gzip = magic == [0x1F, 0x8B];
    let whole = Cursor::new(magic).chain(source);
    let opened: Box<dyn Read> = if is_gzip {
        Box::new(Unzipped { zipped: MultiGzDecoder::new(whole), consumed: Rc::clone(&consumed), count: 0 })
    } else {
        Box::new(whole)
    };
    let (head, rest) = beginning(opened, HEAD_BYTES).into_diagnostic().wrap_err_with(reading)?;

    let name = if is_standard_input { "records.csv".to_owned() } else { plain_name(path, is_gzip) };
    let guessed = if object.is_none() { salesforce_object(&head) } else { None };
    let format = sniff(&head, &name, object.or(guessed))
        .map_err(|reason| miette!(help = KNOWN, "{} {reason}", path.display()))?;
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
    Ok(Input { chunks: Chunks::new(input, format.clone(), LIMITS), format, assumed, consumed })
}

const KNOWN: &str = "known are FHIR R4 JSON and NDJSON, HL7 v2, Salesforce JSON and CSV, and any CSV with a header";

/// The dataset file that lies beside a file of records: `FILE.dataset.json`.
pub(crate) fn dataset_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".dataset.json");
    path.with_file_name(name)
}

/// The file's name without folder and without the `.gz` of what is unzipped.
fn plain_name(path: &Path, is_gzip: bool) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shorter = if is_gzip { name.strip_suffix(".gz") } else { None };
    shorter.map(str::to_owned).unwrap_or(name)
}

/// At most `length` bytes from the beginning, and what comes after them.
fn beginning<R: Read>(mut source: R, length: usize) -> io::Result<(Vec<u8>, R)> {
    let mut head = Vec::with_capacity(length);
    source.by_ref().take(length as u64).read_to_end(&mut head)?;
    Ok((head, source))
}

/// The Salesforce object that the columns of a table tell, for exports whose file is named otherwise.
///
/// Only columns that no other object has are taken for proof; our own mark's column alone says Salesforce, and not
/// which object.
fn salesforce_object(head: &[u8]) -> Option<&'static str> {
    let line = head.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let line = std::str::from_utf8(line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)).ok()?;
    let columns: Vec<&str> = line.split(',').map(|column| column.trim().trim_matches('"')).collect();
    let has = |name: &&str| columns.contains(name);
    TELLING
        .iter()
        .find(|(_, all, any)| all.iter().all(has) && any.iter().any(has))
        .map(|(object, ..)| *object)
}

/// An object, columns that it must have, and columns of which it must have one. The first that fits is taken.
const TELLING: [(&str, &[&str], &[&str]); 6] = [
    ("Account", &[], &["PersonBirthdate", "PersonEmail", "PersonMobilePhone", "PersonMailingCity"]),
    ("Lead", &["LastName", "Company"], &["LastName"]),
    (
        "Contact",
        &["LastName"],
        &[
            "AccountId",
            "Birthdate",
            "MailingCity",
            "MailingPostalCode",
            "HomePhone",
            "MobilePhone",
            "ReportsToId",
        ],
    ),
    ("ServiceAppointment", &[], &["SchedStartTime"]),
    ("Case", &[], &["SuppliedEmail", "SuppliedName", "CaseNumber"]),
    ("Event", &["StartDateTime"], &["EndDateTime", "ActivityDate"]),
];

struct Counted<R> {
    source: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.count.set(self.count.get() + length as u64);
        Ok(length)
    }
}

/// Most bytes that one byte of gzip may become: exports of records stay far below a hundred.
const RATIO_MAX: u64 = 300;
/// So much is unzipped before the ratio is looked at.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// Most bytes that a file may unzip to.
const UNZIPPED_BYTES_MAX: u64 = 64 << 30;

struct Unzipped<R> {
    zipped: MultiGzDecoder<R>,
    consumed: Rc<Cell<u64>>,
    count: u64,
}

impl<R: Read> Read for Unzipped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.zipped.read(buffer)?;
        self.count += length as u64;
        let bound =
            RATIO_FREE_BYTES.max(self.consumed.get().saturating_mul(RATIO_MAX)).min(UNZIPPED_BYTES_MAX);
        if self.count > bound {
            return Err(io::Error::other(format!(
                "it unzips to more than {RATIO_MAX} times its size, or past {UNZIPPED_BYTES_MAX} bytes; unzip it \
                 first if it can be trusted"
            )));
        }
        Ok(length)
    }
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
                while let Some(chunk) = input.chunks.next_chunk().unwrap() {
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
            match input.chunks.next_chunk() {
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
