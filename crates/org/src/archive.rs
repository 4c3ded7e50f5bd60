//! Zip archives that the org hands out, made in memory.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// An archive that is written, entry by entry; all of it is held.
pub(crate) struct Pack(ZipWriter<Cursor<Vec<u8>>>);

impl Pack {
    pub(crate) fn new() -> Self {
        Self(ZipWriter::new(Cursor::new(Vec::new())))
    }

    /// The next entry, under a name that no other one has.
    pub(crate) fn put(&mut self, name: &str, bytes: &[u8]) {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        let written = self.0.start_file(name, options).map(|()| self.0.write_all(bytes));
        // INVARIANT: a Vec takes every write, and names differ.
        drop(written);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.finish().map(Cursor::into_inner).unwrap_or_default()
    }
}
