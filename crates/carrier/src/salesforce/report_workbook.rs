//! A report's rows as a workbook of one sheet: a zip of XML whose cells are all text, a row a line.
//!
//! A workbook of a stranger's can say one thing twice: in a cell, in a table of shared strings, in a formula's last result, on a sheet
//! that is not shown. So none is read. The org is asked for the same rows with commas, this is written of them, and what is
//! read again is this alone. Source: ECMA-376 part 1, section 18; spec/deliveries.md section 9.

use std::io::{self, BufRead, BufReader, Read};

use super::{
    report_file::{FOOTER_LINES_MAX, NotReport},
    report_sheet::read_line,
};
use crate::archive::{ArchiveBounds, ArchiveWriter, Entries, WriteFault};

/// What comes before the rows of the sheet.
pub(super) const OPENING: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
    "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>\n"
);
/// What ends the rows: one that is empty.
pub(super) const ROWS_END: &str = "<row/>\n";
/// What ends the sheet.
pub(super) const CLOSING: &str = "</sheetData></worksheet>\n";

/// What a workbook holds beside its sheet, in this order in front of it.
const PARTS: [(&str, &str); 5] = [
    (
        "[Content_Types].xml",
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
            "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
            "<Default Extension=\"xml\" ContentType=\"application/xml\"/>",
            "<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>",
            "<Override PartName=\"/xl/styles.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml\"/>",
            "<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>",
            "</Types>"
        ),
    ),
    (
        "_rels/.rels",
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
            "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>",
            "</Relationships>"
        ),
    ),
    (
        "xl/workbook.xml",
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" ",
            "xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\">",
            "<sheets><sheet name=\"Report\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
        ),
    ),
    (
        "xl/_rels/workbook.xml.rels",
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">",
            "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>",
            "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/>",
            "</Relationships>"
        ),
    ),
    (
        // The second style is that of labels; all are text, which no spreadsheet reads as a number or a formula.
        "xl/styles.xml",
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n",
            "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">",
            "<fonts count=\"2\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font></fonts>",
            "<fills count=\"2\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill></fills>",
            "<borders count=\"1\"><border><left/><right/><top/><bottom/><diagonal/></border></borders>",
            "<cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>",
            "<cellXfs count=\"2\">",
            "<xf numFmtId=\"49\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\"/>",
            "<xf numFmtId=\"49\" fontId=\"1\" fillId=\"0\" borderId=\"0\" xfId=\"0\" applyNumberFormat=\"1\" applyFont=\"1\"/>",
            "</cellXfs>",
            "<cellStyles count=\"1\"><cellStyle name=\"Normal\" xfId=\"0\" builtinId=\"0\"/></cellStyles></styleSheet>"
        ),
    ),
];
const SHEET: &str = "xl/worksheets/sheet1.xml";

/// Rows that a sheet has room for, its labels and what stands below them included. Source: the limits of Excel.
const SHEET_ROWS_MAX: u64 = 1 << 20;
/// Cells of one row.
const CELLS_MAX: usize = 16_384;
/// Text of one cell, in UTF-16 code units.
const CELL_UNITS_MAX: usize = 32_767;

/// Packs the lines of a sheet into a workbook, some at a time. The same lines give the same bytes.
#[derive(Debug, Default)]
pub(super) struct WorkbookWriter {
    archive: ArchiveWriter,
    has_begun: bool,
    lines: u64,
}

impl WorkbookWriter {
    /// Packs what comes next of the sheet; what can leave of the workbook.
    ///
    /// Errors: [`WriteFault`]: more rows than a sheet has room for, or 4 GiB of them.
    pub(super) fn write(&mut self, sheet: &[u8]) -> Result<Vec<u8>, WriteFault> {
        if !self.has_begun {
            self.has_begun = true;
            for (name, content) in PARTS {
                self.archive.begin(name)?;
                self.archive.write(content.as_bytes())?;
            }
            self.archive.begin(SHEET)?;
        }
        self.lines += memchr::memchr_iter(b'\n', sheet).count() as u64;
        // Three of the lines are no rows.
        if self.lines > SHEET_ROWS_MAX + 3 {
            return Err(WriteFault);
        }
        self.archive.write(sheet)?;
        Ok(self.archive.take())
    }

    /// Ends the workbook; the rest of it.
    ///
    /// Errors: [`WriteFault`].
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, WriteFault> {
        std::mem::take(&mut self.archive).finish()
    }
}

/// The row of labels without its line end.
///
/// Errors: [`NotReport::TooLong`]: a line that nobody would read again, or more than a sheet has room for.
pub(super) fn labels(cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    line(LABEL, cells, line_bytes_max)
}

/// A row without its line end.
///
/// Bounds: a line of `line_bytes_max`, its end included.
/// Errors: [`NotReport::TooLong`].
pub(super) fn row(cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    line(CELL, cells, line_bytes_max)
}

/// Appends a line that stands below the rows.
pub(super) fn write_below(out: &mut Vec<u8>, text: &str) -> Result<(), NotReport> {
    out.extend_from_slice(&line(CELL, &[text], usize::MAX)?);
    out.push(b'\n');
    Ok(())
}

const ROW: &str = "<row>";
const ROW_END: &str = "</row>";
const NOTHING: &str = "<c/>";
const CELL: &str = "<c t=\"inlineStr\"><is><t xml:space=\"preserve\">";
const LABEL: &str = "<c s=\"1\" t=\"inlineStr\"><is><t xml:space=\"preserve\">";
const CELL_END: &str = "</t></is></c>";

/// One line of cells, each of which begins so. That of nothing has no text, so that a spreadsheet takes it for empty.
fn line(begins: &str, cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    if cells.len() > CELLS_MAX {
        return Err(NotReport::TooLong);
    }
    let mut out = ROW.as_bytes().to_vec();
    for cell in cells.iter().map(AsRef::as_ref) {
        if cell.is_empty() {
            out.extend_from_slice(NOTHING.as_bytes());
        } else {
            out.extend_from_slice(begins.as_bytes());
            write_text(&mut out, cell)?;
            out.extend_from_slice(CELL_END.as_bytes());
        }
        if out.len() > line_bytes_max {
            return Err(NotReport::TooLong);
        }
    }
    out.extend_from_slice(ROW_END.as_bytes());
    if out.len() < line_bytes_max { Ok(out) } else { Err(NotReport::TooLong) }
}

/// Appends text with nothing in it that a reader takes for markup, for the end of a line of this file, or for one of the
/// letters that workbooks write as `_x000D_`.
///
/// Errors: [`NotReport::TooLong`]: more than a cell has room for.
fn write_text(out: &mut Vec<u8>, text: &str) -> Result<(), NotReport> {
    if text.encode_utf16().count() > CELL_UNITS_MAX {
        return Err(NotReport::TooLong);
    }
    for (at, letter) in text.char_indices() {
        let next = || behind_digits(text.get(at..).unwrap_or_default());
        match letter {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '\n' => out.extend_from_slice(b"&#10;"),
            '\t' => out.push(b'\t'),
            '_' if next().is_some_and(|next| next == '_' || is_unwritable(next)) => {
                out.extend_from_slice(b"_x005F_");
            }
            letter if is_unwritable(letter) => {
                out.extend_from_slice(format!("_x{:04X}_", u32::from(letter)).as_bytes());
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(())
}

/// Whether XML has no place for a letter, or another one than here: it is written `_x000D_`.
fn is_unwritable(letter: char) -> bool {
    matches!(letter, '\0'..='\u{8}' | '\u{b}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// What follows `_x` and four hexadecimal digits, with which a text begins: a workbook takes them for one letter before a `_`.
fn behind_digits(text: &str) -> Option<char> {
    let digits = text.strip_prefix("_x")?.as_bytes().get(..4)?;
    let rest = text.get(6..).filter(|_| digits.iter().all(u8::is_ascii_hexdigit));
    rest?.chars().next()
}

/// Gives each row of such a workbook, as it is written and without its line end.
///
/// Bounds: a line is at most `line_bytes_max` long, and there are no more rows than a sheet has room for.
/// Errors: those of the input; an archive that is none; [`NotReport`] for a workbook that was written otherwise.
pub(crate) fn each_row(
    input: impl Read,
    line_bytes_max: usize,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut entries = Entries::new(input, BOUNDS);
    for (name, content) in PARTS {
        let head = entries.next_entry()?.ok_or(NotReport::Shape)?;
        let mut found = Vec::new();
        entries.content().take(content.len() as u64 + 1).read_to_end(&mut found)?;
        if head.name != name || found != content.as_bytes() {
            return Err(NotReport::Shape.into());
        }
    }
    if entries.next_entry()?.ok_or(NotReport::Shape)?.name != SHEET {
        return Err(NotReport::Shape.into());
    }
    sheet_rows(BufReader::new(entries.content()), line_bytes_max, &mut each)?;
    if entries.next_entry()?.is_some() { Err(NotReport::Shape.into()) } else { Ok(()) }
}

/// What is written here: nothing of it is larger, and rows that are alike are packed as well as anything can be.
const BOUNDS: ArchiveBounds = ArchiveBounds {
    entries: PARTS.len() + 1,
    name_bytes: 64,
    names_bytes: 1 << 10,
    entry_bytes: 4 << 30,
    ratio: 1_100,
    ratio_free_bytes: 1 << 20,
};

fn sheet_rows(
    mut input: impl BufRead,
    line_bytes_max: usize,
    each: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| read_line(&mut input, line_bytes_max, line);
    for wanted in OPENING.split_inclusive('\n') {
        next(&mut line)?;
        if line != wanted.as_bytes() {
            return Err(NotReport::Shape.into());
        }
    }
    next(&mut line)?;
    row_of(&line, LABEL)?;
    let mut count = 1;
    let mut counted = || {
        count += 1;
        if count > SHEET_ROWS_MAX { Err(NotReport::TooLong) } else { Ok(()) }
    };
    loop {
        next(&mut line)?;
        counted()?;
        if line == ROWS_END.as_bytes() {
            break;
        }
        each(row_of(&line, CELL)?);
    }
    for _ in 0..FOOTER_LINES_MAX {
        next(&mut line)?;
        if line == CLOSING.as_bytes() {
            next(&mut line)?;
            return if line.is_empty() { Ok(()) } else { Err(NotReport::Shape.into()) };
        }
        counted()?;
        row_of(&line, CELL)?;
    }
    Err(NotReport::TooLong.into())
}

/// The row that a line is, if it is one that is written here: cells of text that begin so, no more and none longer than there
/// is room for, and nothing else.
fn row_of<'l>(line: &'l [u8], begins: &str) -> Result<&'l [u8], NotReport> {
    let row = line.strip_suffix(b"\n").ok_or(NotReport::Shape)?;
    let cells = row.strip_prefix(ROW.as_bytes()).and_then(|cells| cells.strip_suffix(ROW_END.as_bytes()));
    let mut rest = cells.ok_or(NotReport::Shape)?;
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        if count > CELLS_MAX {
            return Err(NotReport::TooLong);
        }
        if let Some(after) = rest.strip_prefix(NOTHING.as_bytes()) {
            rest = after;
            continue;
        }
        let text = rest.strip_prefix(begins.as_bytes()).ok_or(NotReport::Shape)?;
        let end = memchr::memchr(b'<', text).ok_or(NotReport::Shape)?;
        let (text, after) = text.split_at_checked(end).ok_or(NotReport::Shape)?;
        let text = std::str::from_utf8(text).map_err(|_| NotReport::Shape)?;
        if units(text).ok_or(NotReport::Shape)? > CELL_UNITS_MAX {
            return Err(NotReport::TooLong);
        }
        rest = after.strip_prefix(CELL_END.as_bytes()).ok_or(NotReport::Shape)?;
    }
    Ok(row)
}

/// How many UTF-16 code units a spreadsheet reads in what is written in a cell; nothing where that is escaped otherwise than here.
fn units(written: &str) -> Option<usize> {
    let (mut rest, mut units) = (written, 0);
    while let Some(letter) = rest.chars().next() {
        let (bytes, letter_units) = match letter {
            '&' => {
                let escaped =
                    ["&amp;", "&lt;", "&gt;", "&#10;"].into_iter().find(|one| rest.starts_with(one));
                (escaped?.len(), 1)
            }
            '_' if behind_digits(rest) == Some('_') => ("_x0000_".len(), 1),
            other => (other.len_utf8(), other.len_utf16()),
        };
        rest = rest.get(bytes..)?;
        units += letter_units;
    }
    Some(units)
}

#[cfg(test)]
mod tests;
