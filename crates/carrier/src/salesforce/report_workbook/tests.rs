//! Scenes of workbooks: what is written, and what of others is not read.

use super::*;

fn written(cell: &str) -> String {
    String::from_utf8(row(&[cell], usize::MAX).unwrap()).unwrap()
}

fn cell(text: &str) -> String {
    format!("{ROW}{CELL}{text}{CELL_END}{ROW_END}")
}

fn sheet(lines: &[String]) -> String {
    let labels = format!("{ROW}{LABEL}A{CELL_END}{ROW_END}\n");
    let lines = lines.iter().fold(String::new(), |all, line| all + line + "\n");
    format!("{OPENING}{labels}{lines}{ROWS_END}{CLOSING}")
}

fn packed(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ArchiveWriter::default();
    for (name, content) in entries {
        archive.begin(name).unwrap();
        archive.write(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap()
}

fn with_sheet(sheet: &str) -> Vec<u8> {
    let entries: Vec<_> = PARTS.into_iter().chain([(SHEET, sheet)]).collect();
    packed(&entries)
}

/// The rows of a workbook, or why there are none.
fn read(workbook: &[u8]) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    each_row(workbook, 1000, |row| rows.push(String::from_utf8(row.to_vec()).unwrap()))
        .map_err(|error| error.to_string())?;
    Ok(rows)
}

#[test]
fn nothing_in_a_cell_is_markup_a_formula_a_line_or_another_letter() {
    for (text, want) in [
        ("Ada", "Ada"),
        ("=HYPERLINK(\"x\")", "=HYPERLINK(\"x\")"),
        (
            "</t></is></c><c><f>1+1</f></c>",
            "&lt;/t&gt;&lt;/is&gt;&lt;/c&gt;&lt;c&gt;&lt;f&gt;1+1&lt;/f&gt;&lt;/c&gt;",
        ),
        ("a\r\nb\t&", "a_x000D_&#10;b\t&amp;"),
        ("\0\u{b}\u{ffff}", "_x0000__x000B__xFFFF_"),
        ("_x000d_ _x00_ _y000D_", "_x005F_x000d_ _x00_ _y000D_"),
        ("_x", "_x"),
        // Only what follows makes a letter of it.
        ("_x000D\u{1}", "_x005F_x000D_x0001_"),
        ("_x000D_x0001_", "_x005F_x000D_x005F_x0001_"),
        ("é😀", "é😀"),
    ] {
        assert_eq!(written(text), cell(want), "{text:?}");
    }
    assert_eq!(written(""), "<row><c/></row>");
}

#[test]
fn what_a_sheet_has_no_room_for_is_not_written() {
    let (long, wide) = ("é".repeat(CELL_UNITS_MAX), vec!["a"; CELLS_MAX]);
    assert!(row(&[&long], usize::MAX).is_ok());
    assert_eq!(row(&[&format!("{long}é")], usize::MAX), Err(NotReport::TooLong));
    assert_eq!(row(&[&"😀".repeat(CELL_UNITS_MAX / 2 + 1)], usize::MAX), Err(NotReport::TooLong));
    assert!(row(&wide, usize::MAX).is_ok());
    assert_eq!(row(&[wide.as_slice(), &["a"]].concat(), usize::MAX), Err(NotReport::TooLong));
    // A line is no longer than whoever reads it again holds, its end included.
    let line = row(&["abc"], usize::MAX).unwrap().len() + 1;
    assert!(row(&["abc"], line).is_ok());
    assert_eq!(row(&["abcd"], line), Err(NotReport::TooLong));

    let mut workbook = WorkbookWriter::default();
    let lines = "\n".repeat(1 << 19);
    assert!(workbook.write(lines.as_bytes()).is_ok() && workbook.write(lines.as_bytes()).is_ok());
    assert!(workbook.write(b"\n\n\n").is_ok() && workbook.write(b"\n").is_err());
}

#[test]
fn rows_are_cut_as_they_were_written() {
    let mut lines = OPENING.as_bytes().to_vec();
    lines.extend(labels(&["=Last Name", "", "A & B"], 1000).unwrap());
    lines.push(b'\n');
    let rows = [["a\nb", "<c>", ""], ["=1", "", "\"q\""]].map(|cells| row(&cells, 1000).unwrap());
    for row in &rows {
        lines.extend_from_slice(row);
        lines.push(b'\n');
    }
    lines.extend_from_slice(ROWS_END.as_bytes());
    write_below(&mut lines, "All <3").unwrap();
    lines.extend_from_slice(CLOSING.as_bytes());
    // However it was cut on its way.
    let at_once = {
        let mut writer = WorkbookWriter::default();
        [writer.write(&lines).unwrap(), writer.finish().unwrap()].concat()
    };
    let mut writer = WorkbookWriter::default();
    let mut left: Vec<u8> = lines.chunks(7).flat_map(|part| writer.write(part).unwrap()).collect();
    left.extend(writer.finish().unwrap());
    assert!(left.starts_with(b"PK\x03\x04") && left == at_once);
    assert_eq!(read(&left), Ok(rows.map(|row| String::from_utf8(row).unwrap()).to_vec()));
    assert_eq!(read(&left[..left.len() - 30]).err().as_deref(), Some("the archive ends before its end"));
}

#[test]
fn a_workbook_that_was_written_otherwise_is_not_read() {
    let good = sheet(&[cell("1")]);
    assert_eq!(read(&with_sheet(&good)), Ok(vec![cell("1")]));
    let (shape, long) = (NotReport::Shape.to_string(), NotReport::TooLong.to_string());
    let many = crate::archive::ArchiveFault::TooMany.to_string();
    let one = |line: &str| with_sheet(&sheet(&[line.to_owned()]));
    let parts = |more: &[(&'static str, &'static str)]| {
        let entries: Vec<(&str, &str)> = PARTS.into_iter().chain([(SHEET, good.as_str())]).collect();
        packed(&[entries.as_slice(), more].concat())
    };
    for (what, workbook, want) in [
        (
            "a string that is shared, of a table that is not there",
            one("<row><c t=\"s\"><v>99</v></c></row>"),
            &shape,
        ),
        ("a formula and its last result", one("<row><c><f>1+1</f><v>2</v></c></row>"), &shape),
        ("a formula within a cell", one(&cell("</t></is><f>1+1</f><is><t>")), &shape),
        ("rows in a row", one(&format!("{}{}", cell("1"), cell("2"))), &shape),
        ("a cell that is hidden", one("<row hidden=\"1\"><c/></row>"), &shape),
        (
            "an entity of its own",
            with_sheet(&good.replace("<worksheet", "<!DOCTYPE x [<!ENTITY a \"b\">]><worksheet")),
            &shape,
        ),
        (
            "rows below the rows that are none",
            with_sheet(&good.replace(CLOSING, &format!("<x/>\n{CLOSING}"))),
            &shape,
        ),
        (
            "many lines below the rows",
            with_sheet(
                &good.replace(CLOSING, &format!("{}{CLOSING}", format!("{}\n", cell("1")).repeat(17))),
            ),
            &long,
        ),
        ("something behind the sheet", with_sheet(&format!("{good}<x/>\n")), &shape),
        ("a sheet without its end", with_sheet(good.strip_suffix(CLOSING).unwrap()), &shape),
        ("no labels", with_sheet(&good.replace(LABEL, CELL)), &shape),
        ("a line that is long", one(&cell(&"x".repeat(1000))), &long),
        ("a second sheet", parts(&[("xl/worksheets/sheet2.xml", "<worksheet/>")]), &many),
        ("a table of shared strings", parts(&[("xl/sharedStrings.xml", "<sst/>")]), &many),
        ("a workbook of nothing", packed(&[]), &shape),
        ("another part", packed(&[("[Content_Types].xml", "<Types/>")]), &shape),
        ("a part that becomes long", packed(&[("[Content_Types].xml", &"x".repeat(1 << 20))]), &shape),
        ("a part that is missing", packed(&PARTS[..4]), &shape),
    ] {
        assert_eq!(read(&workbook).err().as_ref(), Some(want), "{what}");
    }
}

#[test]
fn what_a_sheet_has_no_room_for_is_not_read() {
    let read_row = |row: Vec<u8>| {
        let line = [row.as_slice(), b"\n"].concat();
        row_of(&line, CELL).map(|again| assert_eq!(again, row))
    };
    // Each as long as it can be written, and one letter more.
    for text in ["a", "é", "&", "\n", "\r", "_x000D_"] {
        let long = text.repeat(CELL_UNITS_MAX / text.chars().count());
        let written = row(&[&long], usize::MAX).unwrap();
        let more = String::from_utf8(written.clone()).unwrap().replace(CELL_END, &format!("a{CELL_END}"));
        assert_eq!(read_row(written), Ok(()), "{text:?}");
        assert_eq!(read_row(more.into_bytes()), Err(NotReport::TooLong), "{text:?}");
    }
    let wide = |cells: usize| format!("{ROW}{}{ROW_END}", NOTHING.repeat(cells)).into_bytes();
    assert_eq!(read_row(wide(CELLS_MAX)), Ok(()));
    assert_eq!(read_row(wide(CELLS_MAX + 1)), Err(NotReport::TooLong));
    let (none, other) = (b"\xff".as_slice(), b"&quot;".as_slice());
    for text in [none, other] {
        let cell = [CELL.as_bytes(), text, CELL_END.as_bytes()].concat();
        assert_eq!(read_row([ROW.as_bytes(), &cell, ROW_END.as_bytes()].concat()), Err(NotReport::Shape));
    }

    // The labels, the rows, the empty one, and what stands below.
    let rows = usize::try_from(SHEET_ROWS_MAX).unwrap() - 2;
    let sheet = sheet(&vec![format!("{ROW}{ROW_END}"); rows]);
    let mut count = 0;
    sheet_rows(sheet.as_bytes(), 1000, &mut |_| count += 1).unwrap();
    assert_eq!(count, rows);
    let below = sheet.replace(CLOSING, &format!("{}\n{CLOSING}", cell("1")));
    let error = sheet_rows(below.as_bytes(), 1000, &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), NotReport::TooLong.to_string());
}

#[test]
fn a_bomb_is_read_no_further_than_a_line() {
    // One line of 64 MiB, in 64 KiB of archive.
    let bomb = with_sheet(&format!("{OPENING}{}", "0".repeat(64 << 20)));
    assert!(bomb.len() < 100 << 10, "{}", bomb.len());
    assert_eq!(read(&bomb), Err(NotReport::TooLong.to_string()));
    // Rows that are alike are packed well, and are no bomb.
    let rows = vec![cell("-"); 100_000];
    assert_eq!(read(&with_sheet(&sheet(&rows))).map(|read| read.len()), Ok(rows.len()));
}
