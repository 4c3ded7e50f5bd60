//! Rows are records, labels are columns, and a mark lives on in other formats.

use carrier::{
    Labels,
    table::{Chunks, Format},
};
use columnar::{DATASET_KEY, WriteError, Writer};
use mark::{Reading, Record, TrustStore, judge};
use parquet::{
    data_type::{ByteArray, ByteArrayType},
    file::reader::{FileReader as _, SerializedFileReader},
};

use crate::{
    making::{LIMITS, bytes_column, chunks, opened, people, said, written},
    sealing::sealed,
};

/// A file with every row sealed, and who can judge it.
pub(crate) fn marked(bytes: &[u8]) -> (Vec<u8>, TrustStore) {
    let mut file = opened(bytes);
    let all = chunks(&mut file);
    let readings: Vec<Reading<'_>> = all.iter().flat_map(|chunk| chunk.read().records).collect();
    let records: Vec<&Record<'_>> = readings.iter().map(|one| one.content.as_ref().unwrap()).collect();
    let (labels, trust) = sealed(&records);
    let mut labels = labels.into_iter();
    let mut writer = Writer::begin(Vec::new(), file.source(), Some("set")).unwrap();
    for chunk in &all {
        let here: Vec<Option<Labels>> = labels.by_ref().take(chunk.read().records.len()).map(Some).collect();
        writer.place(chunk, &here).unwrap();
    }
    (writer.finish().unwrap(), trust)
}

pub(crate) fn verdicts(bytes: &[u8], trust: &TrustStore) -> Vec<String> {
    let all = chunks(&mut opened(bytes));
    all.iter().flat_map(|chunk| chunk.read().records).map(|one| judge(&one, trust).to_string()).collect()
}

/// Verdicts on a table of text.
pub(crate) fn csv_verdicts(text: &[u8], trust: &TrustStore) -> Vec<String> {
    let format = Format::Table { object: "people".to_owned(), delimiter: b',' };
    let mut chunks = Chunks::new(text, format, LIMITS);
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        all.extend(chunk.read().records.iter().map(|one| judge(one, trust).to_string()));
    }
    all
}

#[test]
fn rows_are_records_by_column() {
    let row = |number: usize, rest: &str| format!("row {number}: {rest} |  | None");
    assert_eq!(
        said(&people(2, 2)),
        [
            row(
                1,
                r#"id=0 name="Zoë \"0\", Zyx" birth_date="1997-05-19" seen="2023-11-14T22:13:20Z" score=0 active=true owed="0.00""#
            ),
            row(
                2,
                r#"id=1 name="Zoë \"1\", Zyx" birth_date="1997-05-20" seen="2023-11-14T22:13:21.5Z" score=0.14285714285714285 active=false owed="10.05""#
            ),
            row(3, "id=2"),
            row(
                4,
                r#"id=3 name="Zoë \"3\", Zyx" birth_date="1997-05-22" seen="2023-11-14T22:13:24.5Z" score=0.42857142857142855 active=false owed="30.15""#
            ),
        ]
    );
    assert_eq!(
        said(&bytes_column(&[b"a", b"\xFF"])),
        [
            "row 1: what=\"a\" name=\"Zyx\" |  | None".to_owned(),
            "row 2: holds binary in column 1, which no mark covers; take the column out, or write it as text"
                .to_owned(),
        ]
    );
    assert!(said(&people(0, 0)).is_empty());
}

#[test]
fn a_mark_is_seen_under_every_spelling_of_its_column_and_nowhere_else() {
    let row = |header: &str, first: &str, second: &str| {
        let [one, two] = header.split(' ').collect::<Vec<_>>()[..] else { panic!("two columns") };
        let schema = format!("message m {{ REQUIRED BINARY {one} (UTF8); REQUIRED BINARY {two} (UTF8); }}");
        let file = written(&schema, 1, |group| {
            for cell in [first, second] {
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(cell)], None, None).unwrap();
                column.close().unwrap();
            }
        });
        said(&file).remove(0)
    };
    for name in ["eosin_mark", "EOSIN_MARK", "Eosin_Mark__c", "acme__Eosin_Mark__c"] {
        assert_eq!(row(&format!("note {name}"), "a", "eosin1.x"), "row 1: note=\"a\" | eosin1.x | None");
    }
    assert_eq!(row("note EOSIN_SYNTHETIC", "a", "1"), "row 1: note=\"a\" |  | Synthetic");
    let elsewhere = "row 1: holds a mark outside the mark's place; see whether its cells have shifted";
    assert_eq!(row("note town", "a", "eosin1.x"), elsewhere);
    assert_eq!(row("note eosin_mark_id", "a", "eosin1.x"), elsewhere);
}

#[test]
fn the_fixture_is_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/parquet/people.parquet");
    #[expect(clippy::disallowed_methods, reason = "our own small fixture")]
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(said(&bytes), said(&people(2, 5)));
}

#[test]
fn labels_are_columns_and_nothing_else_changes() {
    let source = people(3, 7);
    let (out, trust) = marked(&source);
    assert_eq!(verdicts(&out, &trust), vec!["synthetic, intact"; 21]);
    for (before, after) in said(&source).iter().zip(said(&out)) {
        let (cells, _) = before.split_once(" |").unwrap();
        assert!(after.starts_with(cells) && after.ends_with("| Synthetic"), "{after}");
    }
    let reader = SerializedFileReader::new(bytes::Bytes::from(out.clone())).unwrap();
    let metadata = reader.metadata();
    assert_eq!(
        metadata
            .row_groups()
            .iter()
            .map(parquet::file::metadata::RowGroupMetaData::num_rows)
            .collect::<Vec<_>>(),
        [7, 7, 7]
    );
    let entries = metadata.file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| entries.iter().find(|one| one.key == key).and_then(|one| one.value.clone());
    assert_eq!((value(DATASET_KEY).as_deref(), value("whose").as_deref()), (Some("set"), Some("nobody's")));
    let names: Vec<&str> =
        metadata.file_metadata().schema_descr().columns().iter().map(|one| one.name()).collect();
    assert_eq!(
        names.join(" "),
        "id name birth_date seen score active owed eosin_synthetic eosin_subject eosin_authorship eosin_dataset \
         eosin_mark_id eosin_mark"
    );
    // Marked again, the columns are there once, and the marks are new.
    let mut again = opened(&out);
    let all = chunks(&mut again);
    let mut writer = Writer::begin(Vec::new(), again.source(), Some("other")).unwrap();
    for chunk in &all {
        writer.place(chunk, &vec![None; chunk.read().records.len()]).unwrap();
    }
    let empty = writer.finish().unwrap();
    assert!(said(&empty).is_empty());
    assert_eq!(opened(&empty).source().names().count(), 7);
}

#[test]
fn rows_are_left_out_or_selected() {
    let source = bytes_column(&[b"a", b"\xFF", b"c"]);
    let mut file = opened(&source);
    let chunk = chunks(&mut file).remove(0);
    let label = |n: u8| {
        Some(Labels {
            mark_text: format!("eosin1.{n}"),
            mark_id: n.to_string(),
            subject: mark::Subject::Synthetic,
            authorship: mark::Authorship::Ai,
            dataset: None,
        })
    };
    let mut writer = Writer::begin(Vec::new(), file.source(), Some("set")).unwrap();
    let error = writer.place(&chunk, &[label(0), label(1), None]).unwrap_err();
    assert_eq!(error.to_string(), "row 2 cannot be read, so it takes no labels");
    assert!(matches!(writer.place(&chunk, &[]), Err(WriteError::Count { rows: 3, given: 0 })));
    assert!(matches!(writer.select(&chunk, &[true; 3]), Err(WriteError::NoLabels)));
    writer.place(&chunk, &[label(0), None, label(2)]).unwrap();
    assert_eq!(
        said(&writer.finish().unwrap()),
        [
            r#"row 1: what="a" name="Zyx" | eosin1.0 | Synthetic"#,
            r#"row 2: what="c" name="Zyx" | eosin1.2 | Synthetic"#
        ]
    );
    let mut writer = Writer::begin(Vec::new(), file.source(), None).unwrap();
    assert!(matches!(writer.place(&chunk, &[]), Err(WriteError::NoColumns)));
    writer.select(&chunk, &[false, true, false]).unwrap();
    let kept = writer.finish().unwrap();
    assert!(said(&kept)[0].starts_with("row 1: holds binary in column 1"));

    let people = people(2, 9);
    let mut file = opened(&people);
    let all = chunks(&mut file);
    let mut writer = Writer::begin(Vec::new(), file.source(), None).unwrap();
    for chunk in &all {
        let keep: Vec<bool> = (0..9).map(|row| row % 4 == 2).collect();
        writer.select(chunk, &keep).unwrap();
    }
    let cells = |line: &String| line.split_once(": ").unwrap().1.to_owned();
    let before: Vec<String> = said(&people).iter().map(cells).collect();
    let kept: Vec<String> = said(&writer.finish().unwrap()).iter().map(cells).collect();
    assert_eq!(kept, [2, 6, 11, 15].map(|at| before[at].clone()));
}

#[test]
fn a_mark_goes_from_parquet_to_text_and_back() {
    let (out, trust) = marked(&people(1, 12));
    // As pyarrow, DuckDB and pandas write the same table.
    for (yes, no, between, end) in [("true", "false", ' ', "Z"), ("True", "False", 'T', "+00:00")] {
        let mut csv = csv_header();
        for chunk in chunks(&mut opened(&out)) {
            for reading in chunk.read().records {
                csv.push_str(&csv_row(&reading.content.unwrap(), yes, no, between, end));
            }
        }
        assert_eq!(csv_verdicts(csv.as_bytes(), &trust), vec!["synthetic, intact"; 12], "{csv}");
    }
}

const COLUMNS: [&str; 7] = ["id", "name", "birth_date", "seen", "score", "active", "owed"];

fn csv_header() -> String {
    COLUMNS.join(",") + ",eosin_mark\n"
}

fn csv_row(record: &Record<'_>, yes: &str, no: &str, between: char, end: &str) -> String {
    let cell = |name: &str| {
        let value = record.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value);
        let text = match value {
            None => String::new(),
            Some(mark::json::Json::Bool(value)) => (if *value { yes } else { no }).to_owned(),
            Some(mark::json::Json::Number(value)) => value.to_string(),
            Some(value) => value.text().unwrap().to_owned(),
        };
        let text = if name == "seen" && !text.is_empty() {
            text.replace('T', &between.to_string()).replace('Z', end)
        } else {
            text
        };
        format!("\"{}\"", text.replace('"', "\"\""))
    };
    let cells: Vec<String> = COLUMNS.iter().map(|name| cell(name)).collect();
    format!("{},{}\n", cells.join(","), record.mark.as_deref().unwrap())
}

#[test]
fn a_row_group_that_is_long_is_cut_and_a_chunk_is_a_batch() {
    let source = people(1, 10_000);
    let sizes: Vec<usize> =
        chunks(&mut opened(&source)).iter().map(|chunk| chunk.read().records.len()).collect();
    assert_eq!(sizes, [4096, 4096, 1808]);
    assert_eq!(opened(&source).rows(), 10_000);
}
