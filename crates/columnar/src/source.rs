//! What a file is made of: its columns, how their values are spelled, and what stands beside its schema.

use std::sync::Arc;

use carrier::table::label_of;
use mark::FIELDS_MAX;
use parquet::{
    basic::Compression,
    file::metadata::{KeyValue, ParquetMetaData},
    schema::types::{SchemaDescriptor, TypePtr},
};

use crate::{file::OpenError, spell::Spelling};

/// The schema of a file that can be read, for whoever writes another like it.
#[derive(Clone, Debug)]
pub struct Source {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) name: String,
    pub(crate) metadata: Vec<KeyValue>,
}

/// One column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: TypePtr,
    pub(crate) spelling: Spelling,
    /// Which of our columns it is, by its name.
    pub(crate) label: Option<usize>,
    /// Whether its values may be absent.
    pub(crate) is_optional: bool,
    pub(crate) compression: Compression,
}

impl Source {
    /// Whether marks are written beside columns of this schema, and what they would be.
    ///
    /// Errors: why no row of the file could be read.
    pub(crate) fn check(schema: &SchemaDescriptor) -> Result<(), OpenError> {
        let fields = schema.root_schema().get_fields();
        let covered = fields.iter().filter(|field| label_of(field.name()).is_none()).count();
        if covered > FIELDS_MAX {
            return Err(OpenError::TooManyColumns { columns: covered });
        }
        if fields.is_empty() {
            return Err(OpenError::NoColumns);
        }
        let mut names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        names.sort_unstable();
        if names.iter().zip(names.iter().skip(1)).any(|(one, other)| one == other) {
            return Err(OpenError::SameName);
        }
        for (at, field) in fields.iter().enumerate() {
            if field.name().trim().is_empty() {
                return Err(OpenError::NoName { column: at + 1 });
            }
            let has_many = field.is_group() || schema.column(at).max_rep_level() > 0;
            if has_many || schema.column(at).max_def_level() > 1 {
                return Err(OpenError::Nested { column: field.name().to_owned() });
            }
        }
        Ok(())
    }

    /// The source of a file whose schema was checked.
    pub(crate) fn of(metadata: &ParquetMetaData) -> Self {
        let schema = metadata.file_metadata().schema_descr();
        let group = metadata.row_groups().first();
        let column = |(at, described): (usize, &Arc<parquet::schema::types::ColumnDescriptor>)| Column {
            name: described.name().to_owned(),
            kind: described.self_type_ptr(),
            spelling: Spelling::of(described),
            label: label_of(described.name()),
            is_optional: described.max_def_level() > 0,
            compression: group
                .and_then(|group| group.columns().get(at))
                .map_or(Compression::SNAPPY, parquet::file::metadata::ColumnChunkMetaData::compression),
        };
        Self {
            columns: schema.columns().iter().enumerate().map(column).collect(),
            name: schema.name().to_owned(),
            metadata: metadata.file_metadata().key_value_metadata().cloned().unwrap_or_default(),
        }
    }

    /// The names of the columns that a mark can cover, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().filter(|column| column.label.is_none()).map(|column| column.name.as_str())
    }
}
