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
const HEAD: &str = "<tr><th>";

/// Appends the row of labels, with its line end.
pub(super) fn write_labels<'c>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'c str>) {
    out.extend_from_slice(b"<tr>");
    for cell in cells {
        out.extend_from_slice(b"<th>");
        write_text(out, cell);
        out.extend_from_slice(b"</th>");
    }
    out.extend_from_slice(b"</tr>\n");
}

/// A row without its line end.
///
/// Shape:  what a spreadsheet would take for a formula is said to be text.
pub(super) fn row<'c>(cells: impl Iterator<Item = &'c str>) -> Vec<u8> {
    let mut out = b"<tr>".to_vec();
    for cell in cells {
        let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && cell.parse::<f64>().is_err();
        out.extend_from_slice(if is_formula { AS_TEXT } else { b"<td>" });
        write_text(&mut out, cell);
        out.extend_from_slice(b"</td>");
    }
    out.extend_from_slice(b"</tr>");
    out
}

const AS_TEXT: &[u8] = b"<td style='mso-number-format:\"\\@\"'>";

/// Appends a line that stands below the rows.
pub(super) fn write_below(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"<p>");
    write_text(out, text);
    out.extend_from_slice(b"</p>\n");
}

/// Appends text with nothing in it that a reader takes for a tag, or for the end of a line of this file.
fn write_text(out: &mut Vec<u8>, text: &str) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            // In the same cell, and not in the next one below.
            out.extend_from_slice(b"<br style=\"mso-data-placement:same-cell\">");
        }
        for letter in line.chars() {
            match letter {
                '&' => out.extend_from_slice(b"&amp;"),
                '<' => out.extend_from_slice(b"&lt;"),
                '>' => out.extend_from_slice(b"&gt;"),
                '"' => out.extend_from_slice(b"&quot;"),
                '\'' => out.extend_from_slice(b"&#39;"),
                // In front of a line's end it says nothing; anywhere else HTML reads it as one.
                '\r' => {}
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
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

fn read_line(input: &mut impl BufRead, line_bytes_max: usize, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    let limit = u64::try_from(line_bytes_max).unwrap_or(u64::MAX);
    io::Read::take(&mut *input, limit.saturating_add(1)).read_until(b'\n', line)?;
    if line.len() > line_bytes_max { Err(NotReport::TooLong.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(cells: &[&str]) -> String {
        String::from_utf8(row(cells.iter().copied())).unwrap()
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
        ] {
            assert_eq!(written(&[cell]), format!("<tr>{want}</td></tr>"), "{cell}");
        }
    }

    #[test]
    fn rows_are_cut_as_they_were_written_and_nothing_else_is() {
        let mut file = OPENING.as_bytes().to_vec();
        write_labels(&mut file, ["Last Name", "A & B"].into_iter());
        let rows = [row(["a\nb", "<tr>"].into_iter()), row(["=1", ""].into_iter())];
        for row in &rows {
            file.extend_from_slice(row);
            file.push(b'\n');
        }
        file.extend_from_slice(ROWS_END.as_bytes());
        write_below(&mut file, "All <3");
        file.extend_from_slice(CLOSING.as_bytes());
        let mut again = Vec::new();
        each_row(file.as_slice(), 1000, |row| again.push(row.to_vec())).unwrap();
        assert_eq!(again, rows);
        let text = String::from_utf8(file).unwrap();
        for (file, want) in [
            (text.replace("charset=UTF-8", "charset=UTF-7"), NotReport::Shape),
            (text.replace("</table>", ""), NotReport::Shape),
            (text.replace("<th>", "<td>"), NotReport::Shape),
            (text.replace("a<br", &format!("{}<br", "x".repeat(2000))), NotReport::TooLong),
        ] {
            let error = each_row(file.as_bytes(), 1000, |_| {}).unwrap_err();
            assert_eq!(error.to_string(), want.to_string());
        }
    }
}
