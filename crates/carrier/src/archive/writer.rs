//! An archive that is written from its beginning: what is finished of it can be taken at any time.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions, write::StreamWriter};

/// Writes an archive, entry by entry. The same entries give the same bytes: they have no time of their own.
pub struct ArchiveWriter {
    zip: ZipWriter<StreamWriter<Taken>>,
    taken: Taken,
}

/// What was written and not taken yet.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<u8>>>);

/// An entry cannot be written: it is longer than 4 GiB, its name is too long, or a sheet has more rows than there is room for.
#[derive(Debug, thiserror::Error)]
#[error("it is more than an archive, or a sheet, has room for")]
pub struct WriteFault;

impl Default for ArchiveWriter {
    fn default() -> Self {
        let taken = Taken::default();
        Self { zip: ZipWriter::new_stream(taken.clone()), taken }
    }
}

impl ArchiveWriter {
    /// Begins an entry; the one before it is over.
    ///
    /// Errors: [`WriteFault`].
    pub fn begin(&mut self, name: &str) -> Result<(), WriteFault> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(name, options).map_err(|_| WriteFault)
    }

    /// Writes to the entry that was begun last.
    ///
    /// Errors: [`WriteFault`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteFault> {
        self.zip.write_all(bytes).map_err(|_| WriteFault)
    }

    /// Takes what is finished so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.taken.take()
    }

    /// Ends the archive; what was not taken of it.
    ///
    /// Errors: [`WriteFault`].
    pub fn finish(self) -> Result<Vec<u8>, WriteFault> {
        self.zip.finish().map_err(|_| WriteFault)?;
        Ok(self.taken.take())
    }
}

impl Taken {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Taken {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Debug shows no content.
impl std::fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ArchiveWriter")
    }
}
