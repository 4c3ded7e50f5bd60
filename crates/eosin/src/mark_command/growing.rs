//! One file being written: its bytes, zipped if it is called so, and their digest.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use flate2::{Compression, GzBuilder, write::GzEncoder};

/// A file that grows.
#[derive(Debug)]
pub(super) struct Growing(Kind);

#[derive(Debug)]
enum Kind {
    Plain(BufWriter<Digested>),
    Zipped(GzEncoder<BufWriter<Digested>>),
}

/// A file that has grown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grown {
    /// Its length.
    pub(super) bytes: u64,
    /// SHA-256 of its bytes, in hex.
    pub(super) sha256: String,
}

impl Growing {
    /// Begins a file, in place of any that was there.
    pub(super) fn begin(path: &Path, is_zipped: bool) -> io::Result<Self> {
        let file = Digested { file: File::create(path)?, digest: Context::new(&SHA256), bytes: 0 };
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self(if is_zipped {
            // Without a time in its head: the same records are the same bytes.
            Kind::Zipped(GzBuilder::new().mtime(0).write(file, Compression::default()))
        } else {
            Kind::Plain(file)
        }))
    }

    /// Ends the file and makes it durable.
    pub(super) fn end(self) -> io::Result<Grown> {
        let file = match self.0 {
            Kind::Plain(file) => file,
            Kind::Zipped(file) => file.finish()?,
        };
        let Digested { file, digest, bytes } = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(Grown { bytes, sha256: HEXLOWER.encode(digest.finish().as_ref()) })
    }
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Plain(file) => file.write(bytes),
            Kind::Zipped(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Plain(file) => file.flush(),
            Kind::Zipped(file) => file.flush(),
        }
    }
}

const BUFFER_BYTES: usize = 256 << 10;

/// A file whose bytes are digested on their way.
struct Digested {
    file: File,
    digest: Context,
    bytes: u64,
}

impl Write for Digested {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.file.write(bytes)?;
        self.digest.update(bytes.get(..length).unwrap_or_default());
        self.bytes += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl std::fmt::Debug for Digested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digested({} bytes)", self.bytes)
    }
}
