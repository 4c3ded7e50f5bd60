//! A report's rows as spreadsheets open them from a file that ends in `.xls`: one table of HTML, a row a line.
//!
//! What an org answers to `xf=xls` is described nowhere, so nobody can read it safely. It is asked for the same rows with commas,
//! and this is written of them. Source: spec/deliveries.md section 9.

use std::io::{self, BufRead};

use super::report_file::NotReport;

/// What comes before the rows.
pub(super) const OPENING: &str = "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\"></head><body>\n<table border=\"1\">\n";
/// What ends the rows.
pub(super) const ROWS_END: &str = "</table>\n";
/// What ends the file.
pub(super) const CLOSING: &str = "</body></html>\n";

const ROW: &str = "<tr><td";
const HEAD: &str = "<tr><th";

/// The row of labels without its line end.
///
/// Errors: [`NotReport::TooLong`]: a line that nobody would read again.
pub(super) fn labels(cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    line("th", cells, line_bytes_max)
}

/// A row without its line end.
///
/// Bounds: a line of `line_bytes_max`, its end included; where text is escaped, it can be many times as long as it was.
/// Errors: [`NotReport::TooLong`].
pub(super) fn row(cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    line("td", cells, line_bytes_max)
}

/// Appends a line that stands below the rows: in a cell of its own where it would be taken for a formula, for only cells can be
/// said to be text.
pub(super) fn write_below(out: &mut Vec<u8>, text: &str) -> Result<(), NotReport> {
    if is_formula(text) {
        out.extend_from_slice(b"<table>");
        out.extend_from_slice(&line("td", &[text], usize::MAX)?);
        out.extend_from_slice(b"</table>\n");
        return Ok(());
    }
    out.extend_from_slice(b"<p>");
    write_text(out, text, usize::MAX)?;
    out.extend_from_slice(b"</p>\n");
    Ok(())
}

/// One line of cells, each in this tag. What a spreadsheet would take for a formula is said to be text.
fn line(tag: &str, cells: &[impl AsRef<str>], line_bytes_max: usize) -> Result<Vec<u8>, NotReport> {
    let mut out = b"<tr>".to_vec();
    for cell in cells.iter().map(AsRef::as_ref) {
        let kind = if is_formula(cell) { AS_TEXT } else { "" };
        out.extend_from_slice(format!("<{tag}{kind}>").as_bytes());
        write_text(&mut out, cell, line_bytes_max)?;
        out.extend_from_slice(format!("</{tag}>").as_bytes());
    }
    out.extend_from_slice(b"</tr>");
    if out.len() < line_bytes_max { Ok(out) } else { Err(NotReport::TooLong) }
}

const AS_TEXT: &str = " style='mso-number-format:\"\\@\"'";

/// Whether a spreadsheet may take a text for a formula. Most leave out what is white or not seen around it before they look.
fn is_formula(text: &str) -> bool {
    let is_unseen = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let trimmed = text.trim_matches(is_unseen);
    let begins = trimmed.starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r']);
    begins && trimmed.parse::<f64>().is_err()
}

/// Appends text with nothing in it that a reader takes for a tag, or for the end of a line of this file.
///
/// Errors: [`NotReport::TooLong`]: more than `bytes_max` in all.
fn write_text(out: &mut Vec<u8>, text: &str, bytes_max: usize) -> Result<(), NotReport> {
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&quot;"),
            '\'' => out.extend_from_slice(b"&#39;"),
            // Half of a line's end.
            '\r' if letters.peek() == Some(&'\n') => {}
            // In the same cell, and not in the next one below.
            '\r' | '\n' => out.extend_from_slice(b"<br style=\"mso-data-placement:same-cell\">"),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        if out.len() > bytes_max {
            return Err(NotReport::TooLong);
        }
    }
    Ok(())
}

/// Gives each row of such a file, as it is written and without its line end.
///
/// Bounds: a line is at most `line_bytes_max` long.
/// Errors: those of the input; [`NotReport`] for what is written otherwise.
pub(crate) fn each_row(
    mut input: impl BufRead,
    line_bytes_max: usize,
    mut each: impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut line = Vec::new();
    for wanted in OPENING.split_inclusive('\n') {
        read_line(&mut input, line_bytes_max, &mut line)?;
        if line != wanted.as_bytes() {
            return Err(NotReport::Shape.into());
        }
    }
    read_line(&mut input, line_bytes_max, &mut line)?;
    if !line.starts_with(HEAD.as_bytes()) {
        return Err(NotReport::Shape.into());
    }
    loop {
        read_line(&mut input, line_bytes_max, &mut line)?;
        if line == ROWS_END.as_bytes() {
            return Ok(());
        }
        let row = line.strip_suffix(b"\n").filter(|row| row.starts_with(ROW.as_bytes()));
        each(row.ok_or(NotReport::Shape)?);
    }
}

/// Reads a line with its end; nothing at the end of the input.
///
/// Errors: those of the input; [`NotReport::TooLong`].
pub(super) fn read_line(
    input: &mut impl BufRead,
    line_bytes_max: usize,
    line: &mut Vec<u8>,
) -> io::Result<()> {
    line.clear();
    let limit = u64::try_from(line_bytes_max).unwrap_or(u64::MAX);
    io::Read::take(&mut *input, limit.saturating_add(1)).read_until(b'\n', line)?;
    if line.len() > line_bytes_max { Err(NotReport::TooLong.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        String::from_utf8(row(cells, 1000).unwrap()).unwrap()
    }

    #[test]
    fn nothing_in_a_cell_is_a_tag_a_formula_or_a_line() {
        let text = "mso-number-format:\"\\@\"";
        for (cell, want) in [
            ("Ada", "<td>Ada".to_owned()),
            ("-1.5", "<td>-1.5".to_owned()),
            ("</td></tr></table>", "<td>&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;".to_owned()),
            ("=HYPERLINK(\"x\")", format!("<td style='{text}'>=HYPERLINK(&quot;x&quot;)")),
            ("+1 205 555", format!("<td style='{text}'>+1 205 555")),
            ("@a", format!("<td style='{text}'>@a")),
            (
                "a\r\nb & 'c'",
                "<td>a<br style=\"mso-data-placement:same-cell\">b &amp; &#39;c&#39;".to_owned(),
            ),
            ("a\rb", "<td>a<br style=\"mso-data-placement:same-cell\">b".to_owned()),
            (" =1", format!("<td style='{text}'> =1")),
            ("\u{a0}=1", format!("<td style='{text}'>\u{a0}=1")),
            ("\u{feff}\u{200b}@a", format!("<td style='{text}'>\u{feff}\u{200b}@a")),
            ("\r\n=1", format!("<td style='{text}'><br style=\"mso-data-placement:same-cell\">=1")),
            (" -1.5 ", "<td> -1.5 ".to_owned()),
        ] {
            assert_eq!(written(&[cell]), format!("<tr>{want}</td></tr>"), "{cell}");
        }
    }

    #[test]
    fn labels_and_lines_below_are_no_formulas_either() {
        let mut out = Vec::new();
        out.extend(labels(&["\u{a0}=1", "A"], 1000).unwrap());
        out.push(b'\n');
        write_below(&mut out, "\n@a").unwrap();
        write_below(&mut out, "-1").unwrap();
        let want = "<tr><th style='mso-number-format:\"\\@\"'>\u{a0}=1</th><th>A</th></tr>\n\
            <table><tr><td style='mso-number-format:\"\\@\"'><br style=\"mso-data-placement:same-cell\">@a</td></tr></table>\n\
            <p>-1</p>\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn a_line_is_no_longer_than_whoever_reads_it_again_holds() {
        let empty = "<tr><td></td></tr>\n".len();
        for (cell, want) in [
            ("x".repeat(1000 - empty), true),
            ("x".repeat(1001 - empty), false),
            ("&".repeat(200), false),
            ("\n".repeat(1000), false),
        ] {
            let written = row(&[&cell], 1000);
            assert_eq!(written.is_ok(), want, "{} bytes", cell.len());
            assert_eq!(labels(&[&cell], 1000).is_ok(), want);
        }
    }

    #[test]
    fn rows_are_cut_as_they_were_written_and_nothing_else_is() {
        let mut file = OPENING.as_bytes().to_vec();
        file.extend(labels(&["=Last Name", "A & B"], 1000).unwrap());
        file.push(b'\n');
        let rows = [["a\nb", "<tr>"], ["=1", ""]].map(|cells| row(&cells, 1000).unwrap());
        for row in &rows {
            file.extend_from_slice(row);
            file.push(b'\n');
        }
        file.extend_from_slice(ROWS_END.as_bytes());
        write_below(&mut file, "=All <3").unwrap();
        file.extend_from_slice(CLOSING.as_bytes());
        let mut again = Vec::new();
        each_row(file.as_slice(), 1000, |row| again.push(row.to_vec())).unwrap();
        assert_eq!(again, rows);
        let text = String::from_utf8(file).unwrap();
        for (file, want) in [
            (text.replace("charset=UTF-8", "charset=UTF-7"), NotReport::Shape),
            (text.replace("</table>", ""), NotReport::Shape),
            (text.replace("<th", "<td"), NotReport::Shape),
            (text.replace("a<br", &format!("{}<br", "x".repeat(2000))), NotReport::TooLong),
        ] {
            let error = each_row(file.as_bytes(), 1000, |_| {}).unwrap_err();
            assert_eq!(error.to_string(), want.to_string());
        }
    }
}
