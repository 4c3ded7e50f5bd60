//! Files that describe those beside them, as Spark writes them, and hold no rows.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
};

use columnar::describes_others;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter};

use crate::making::people;

/// A footer alone, as `_metadata` has it: that of a file, with its row groups said to lie in another one.
fn summary(metadata: &ParquetMetaData, elsewhere: bool) -> Vec<u8> {
    let groups = metadata.row_groups().iter().cloned().map(|group| {
        let columns = group.columns().iter().cloned().map(|column| {
            let builder = column.into_builder();
            let builder =
                if elsewhere { builder.set_file_path("part-0.parquet".to_owned()) } else { builder };
            builder.build().unwrap()
        });
        let columns = columns.collect();
        group.into_builder().set_column_metadata(columns).build().unwrap()
    });
    let groups = groups.collect();
    let metadata = metadata.clone().into_builder().set_row_groups(groups).build();
    let mut bytes = b"PAR1".to_vec();
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish().unwrap();
    bytes
}

#[test]
fn a_summary_of_other_files_is_told_from_a_file_of_rows() {
    let whole = people(2, 3);
    let read = |bytes: &[u8]| {
        let length = bytes.len();
        let size = u32::from_le_bytes(bytes[length - 8..length - 4].try_into().unwrap());
        let footer = &bytes[length - 8 - usize::try_from(size).unwrap()..length - 8];
        ParquetMetaDataReader::decode_metadata(footer).unwrap()
    };
    let metadata = read(&whole);
    let none = read(&people(0, 0));
    for (bytes, want) in [
        (whole, false),
        (summary(&metadata, false), false),
        (summary(&metadata, true), true),
        (summary(&none, true), true),
        (b"PAR1 and no more".to_vec(), false),
        (b"first_name,last_name\nAda,Bell\n".to_vec(), false),
    ] {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        let file: File = file;
        assert_eq!(describes_others(&file), want, "{} bytes", bytes.len());
    }
}
