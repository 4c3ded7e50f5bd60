//! How large pages say they are, looked at before the library believes them.
//!
//! The library makes room for a page by its header alone. This reads only the three numbers of each header that
//! matter, in Thrift's compact protocol, and steps over the rest.

use std::{io::Read, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::Compression,
    errors::{ParquetError, Result},
    file::{
        metadata::ColumnChunkMetaData,
        reader::{ChunkReader, Length},
    },
};

/// Most bytes of one page, decompressed: writers make pages of one megabyte, dictionaries of a few.
pub const PAGE_BYTES_MAX: u64 = 128 << 20;

/// Most pages of a column in one row group.
const PAGES_MAX: usize = 1 << 20;

/// Most bytes that one byte of a page may become, by its header, where the library does not hold the codec to it.
///
/// A header that lies about gzip or Zstandard is found out only after the page has grown: known, and open.
const RATIO_MAX: u64 = 1100;

/// A file that several readers share.
pub(crate) struct Shared<R>(pub(crate) Arc<R>);

impl<R: Length> Length for Shared<R> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl<R: ChunkReader> ChunkReader for Shared<R> {
    type T = R::T;

    fn get_read(&self, start: u64) -> Result<R::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF("it is not in the file".to_owned()));
        }
        self.0.get_bytes(start, length)
    }
}

/// Something whose pages can be looked at.
pub(crate) trait Bounded: Send {
    /// Whether every page of a column is within its bounds.
    ///
    /// Errors: a sentence.
    fn check(&self, column: &ColumnChunkMetaData) -> Result<()>;
}

impl<R: ChunkReader> Bounded for Shared<R> {
    fn check(&self, column: &ColumnChunkMetaData) -> Result<()> {
        let start = column.dictionary_page_offset().map_or(column.data_page_offset(), |dictionary| {
            if dictionary > 0 { dictionary.min(column.data_page_offset()) } else { column.data_page_offset() }
        });
        let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(column.compressed_size())) else {
            return refuse("its pages have no place");
        };
        let end = start.checked_add(length).filter(|end| *end <= self.len());
        let Some(end) = end else { return refuse("its pages are not in the file") };
        let (mut at, mut count) = (start, 0);
        while at < end {
            let mut header = Header { reader: self.get_read(at)?, taken: 0 };
            let Sizes { plain, stored } = header.sizes()?;
            if plain > PAGE_BYTES_MAX || stored > PAGE_BYTES_MAX {
                return refuse("it has a page that is too large; write the file again with smaller pages");
            }
            let ratio_counts = matches!(column.compression(), Compression::GZIP(_) | Compression::ZSTD(_));
            if ratio_counts && plain > stored.saturating_mul(RATIO_MAX).saturating_add(1 << 20) {
                return refuse("it has a page that grows more than a page of records does");
            }
            at += header.taken + stored;
            count += 1;
            if count > PAGES_MAX || at > end {
                return refuse("its pages do not fit their place");
            }
        }
        Ok(())
    }
}

fn refuse<T>(sentence: &str) -> Result<T> {
    Err(ParquetError::General(sentence.to_owned()))
}

struct Sizes {
    plain: u64,
    stored: u64,
}

/// Most bytes of one page header: its statistics can hold two whole values.
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// Deepest nesting within a header.
const DEPTH_MAX: u32 = 8;

/// One page header as it is read.
struct Header<T> {
    reader: T,
    taken: u64,
}

impl<T: Read> Header<T> {
    fn sizes(&mut self) -> Result<Sizes> {
        let (mut plain, mut stored) = (None, None);
        let mut field = 0_i64;
        while let Some((kind, number)) = self.field(field)? {
            field = number;
            match (number, kind) {
                (2, INTEGERS) => plain = u64::try_from(self.signed()?).ok(),
                (3, INTEGERS) => stored = u64::try_from(self.signed()?).ok(),
                _ => self.skip(kind, DEPTH_MAX)?,
            }
        }
        match (plain, stored) {
            (Some(plain), Some(stored)) => Ok(Sizes { plain, stored }),
            _ => refuse("it has a page that does not say how large it is"),
        }
    }

    /// The kind and number of the next field of a struct, or nothing at its end.
    fn field(&mut self, before: i64) -> Result<Option<(u8, i64)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        let number = match byte >> 4 {
            0 => self.signed()?,
            delta => before.saturating_add(i64::from(delta)),
        };
        Ok(Some((byte & 0x0F, number)))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else { return refuse("it has a page header that is nested") };
        match kind {
            // True and false stand in the field's kind.
            1 | 2 => Ok(()),
            3 => self.byte().map(drop),
            4..=6 => self.unsigned().map(drop),
            7 => self.step(8),
            8 => {
                let length = self.unsigned()?;
                self.step(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.unsigned()? } else { u64::from(byte >> 4) };
                for _ in 0..count.min(HEADER_BYTES_MAX) {
                    match byte & 0x0F {
                        // In a list even a truth has a byte.
                        1 | 2 => self.byte().map(drop)?,
                        kind => self.skip(kind, depth)?,
                    }
                }
                Ok(())
            }
            12 => {
                let mut field = 0;
                while let Some((kind, number)) = self.field(field)? {
                    field = number;
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            _ => refuse("it has a page header that cannot be read"),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.step_into(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        refuse("it has a page header that cannot be read")
    }

    fn signed(&mut self) -> Result<i64> {
        let value = self.unsigned()?;
        let half = i64::try_from(value >> 1).unwrap_or(i64::MAX);
        Ok(if value & 1 == 0 { half } else { -half - 1 })
    }

    fn step(&mut self, length: u64) -> Result<()> {
        let mut left = length;
        let mut buffer = [0; 256];
        while left > 0 {
            let part = usize::try_from(left.min(256)).unwrap_or(256);
            self.step_into(buffer.get_mut(..part).unwrap_or_default())?;
            left -= part as u64;
        }
        Ok(())
    }

    fn step_into(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.taken += buffer.len() as u64;
        if self.taken > HEADER_BYTES_MAX {
            return refuse("it has a page header that is too long");
        }
        self.reader
            .read_exact(buffer)
            .map_err(|_| ParquetError::EOF("it ends within a page header".to_owned()))
    }
}

const INTEGERS: u8 = 5;
