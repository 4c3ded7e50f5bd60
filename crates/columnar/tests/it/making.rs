//! Small Parquet files of invented people.

use std::sync::Arc;

use carrier::Limits;
use columnar::{Chunk, ParquetFile};
use parquet::{
    basic::Compression,
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    file::{
        metadata::KeyValue,
        properties::WriterProperties,
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::parser::parse_message_type,
};

pub(crate) const LIMITS: Limits = Limits { body_bytes: 1 << 20, records: 1000 };

const SCHEMA: &str = "message people {
    REQUIRED INT64 id;
    OPTIONAL BINARY name (UTF8);
    OPTIONAL INT32 birth_date (DATE);
    OPTIONAL INT64 seen (TIMESTAMP(MICROS,true));
    OPTIONAL DOUBLE score;
    OPTIONAL BOOLEAN active;
    OPTIONAL INT32 owed (DECIMAL(9,2));
}";

/// Seven columns of usual types: `groups` row groups of `rows` rows.
pub(crate) fn people(groups: usize, rows: usize) -> Vec<u8> {
    let mut number = 0;
    written(SCHEMA, groups, |group| {
        let ids: Vec<usize> = (number..number + rows).collect();
        number += rows;
        // Every third is absent in the optional columns.
        let levels: Vec<i16> = ids.iter().map(|id| i16::from(id % 3 != 2)).collect();
        let there: Vec<usize> = ids.iter().copied().filter(|id| id % 3 != 2).collect();
        let small: Vec<i32> = there.iter().map(|id| i32::try_from(*id).unwrap()).collect();
        macro_rules! column {
            ($kind:ty, $values:expr, $levels:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                column.typed::<$kind>().write_batch(&$values, $levels, None).unwrap();
                column.close().unwrap();
            }};
        }
        let wide: Vec<i64> = ids.iter().map(|id| i64::try_from(*id).unwrap()).collect();
        column!(Int64Type, wide, None);
        let names: Vec<ByteArray> =
            there.iter().map(|id| ByteArray::from(format!("Zoë \"{id}\", Zyx").as_str())).collect();
        column!(ByteArrayType, names, Some(&levels));
        let dates: Vec<i32> = small.iter().map(|id| 10_000 + id).collect();
        column!(Int32Type, dates, Some(&levels));
        let moments: Vec<i64> =
            small.iter().map(|id| 1_700_000_000_000_000 + i64::from(*id) * 1_500_000).collect();
        column!(Int64Type, moments, Some(&levels));
        let scores: Vec<f64> = small.iter().map(|id| f64::from(*id) / 7.0).collect();
        column!(DoubleType, scores, Some(&levels));
        let active: Vec<bool> = there.iter().map(|id| id % 2 == 0).collect();
        column!(BoolType, active, Some(&levels));
        let owed: Vec<i32> = small.iter().map(|id| id * 1005).collect();
        column!(Int32Type, owed, Some(&levels));
    })
}

/// A file of this schema, each row group filled by `fill`.
pub(crate) fn written(
    schema: &str,
    groups: usize,
    mut fill: impl FnMut(&mut SerializedRowGroupWriter<'_, Vec<u8>>),
) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let metadata = vec![KeyValue::new("whose".to_owned(), "nobody's".to_owned())];
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(metadata))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    for _ in 0..groups {
        let mut group = writer.next_row_group().unwrap();
        fill(&mut group);
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

/// One column of bytes without a type, one value a row.
pub(crate) fn bytes_column(values: &[&[u8]]) -> Vec<u8> {
    written("message m { REQUIRED BINARY what; REQUIRED BINARY name (UTF8); }", 1, |group| {
        let values: Vec<ByteArray> = values.iter().map(|value| ByteArray::from(value.to_vec())).collect();
        let names = vec![ByteArray::from("Zyx"); values.len()];
        for values in [values, names] {
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
    })
}

pub(crate) fn opened(bytes: &[u8]) -> ParquetFile {
    ParquetFile::in_memory(bytes.to_vec(), "people", LIMITS).unwrap()
}

pub(crate) fn chunks(file: &mut ParquetFile) -> Vec<Chunk> {
    std::iter::from_fn(|| file.next_chunk().unwrap()).collect()
}

/// Every row as `place: name=value … | mark | claim`, or `place: reason`.
pub(crate) fn said(bytes: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for chunk in chunks(&mut opened(bytes)) {
        for reading in chunk.read().records {
            assert_eq!(reading.place.index, all.len());
            let place = reading.place.reference;
            all.push(match reading.content {
                Err(reason) => format!("{place}: {reason}"),
                Ok(record) => {
                    let value = |value| String::from_utf8(mark::canonical::to_vec(value)).unwrap();
                    let cells: Vec<String> =
                        record.fields.iter().map(|(name, cell)| format!("{name}={}", value(cell))).collect();
                    let mark = record.mark.unwrap_or_default();
                    format!("{place}: {} | {mark} | {:?}", cells.join(" "), record.claim)
                }
            });
        }
    }
    all
}
