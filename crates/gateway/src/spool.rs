//! Bodies that are longer than is held in memory: on disk until they are ruled on, under a key that only we have.
//!
//! The file has no name and its key is never written down: what a crash leaves behind cannot be read.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    body::{Body, Broken},
    problem::Problem,
};

/// Where long bodies wait, and how much of them.
#[derive(Clone, Debug)]
pub struct SpoolConfig {
    /// A folder that is there; nothing with a name is put into it.
    pub folder: PathBuf,
    /// Bytes of waiting bodies at one time, for one boundary; more is answered 503.
    pub bytes: u64,
}

/// A boundary's room for long bodies.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    /// What is left, in permits of [`PERMIT_BYTES`].
    left: Arc<Semaphore>,
}

/// A body on disk, whole.
#[derive(Debug)]
pub(crate) struct Spooled {
    sealed: Sealed,
    bytes: u64,
    _room: Vec<OwnedSemaphorePermit>,
}

const PERMIT_BYTES: u64 = 1 << 20;
const FRAME_BYTES: usize = 64 << 10;
/// Frames on their way between the disk and the network.
const QUEUE: usize = 8;

impl Room {
    pub(crate) fn new(config: &SpoolConfig) -> Self {
        let permits = usize::try_from(config.bytes / PERMIT_BYTES).unwrap_or(usize::MAX);
        let left = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { folder: config.folder.clone(), left }
    }

    /// Reads a body to its end, onto the disk.
    ///
    /// Bounds: `idle` of silence; the room that is left; a few frames of memory.
    /// Errors: the body broke off, there is no room, or the disk cannot be written.
    pub(crate) async fn take(
        &self,
        received: Bytes,
        mut rest: Incoming,
        idle: Duration,
    ) -> Result<Spooled, Problem> {
        let (give, take) = mpsc::channel(QUEUE);
        let folder = self.folder.clone();
        let written = spawn_blocking(move || write(&folder, take));
        let mut room = Vec::new();
        let mut bytes = 0_u64;
        let mut next = Some(received);
        while let Some(data) = next {
            bytes += data.len() as u64;
            while bytes > room.len() as u64 * PERMIT_BYTES {
                room.push(Arc::clone(&self.left).try_acquire_owned().map_err(|_| Problem::Busy)?);
            }
            // The writer has ended early only if it failed, and says so when it is joined.
            if give.send(data).await.is_err() {
                break;
            }
            next = loop {
                let frame = timeout(idle, rest.frame()).await.map_err(|_| Problem::BodyBroken)?;
                match frame.transpose().map_err(|_| Problem::BodyBroken)? {
                    Some(frame) => match frame.into_data() {
                        Ok(data) => break Some(data),
                        Err(_trailers) => {}
                    },
                    None => break None,
                }
            };
        }
        drop(give);
        let sealed = written.await.map_err(|_| Problem::Internal)?.map_err(|_| Problem::NoRoom)?;
        Ok(Spooled { sealed, bytes, _room: room })
    }
}

fn write(folder: &Path, mut take: mpsc::Receiver<Bytes>) -> io::Result<Sealed> {
    let mut sealed = Sealed::begin(folder)?;
    let mut waiting = BytesMut::with_capacity(FRAME_BYTES * 2);
    while let Some(data) = take.blocking_recv() {
        waiting.extend_from_slice(&data);
        while waiting.len() >= FRAME_BYTES {
            sealed.push(waiting.split_to(FRAME_BYTES))?;
        }
    }
    if !waiting.is_empty() {
        sealed.push(waiting)?;
    }
    Ok(sealed)
}

impl Spooled {
    /// Its bytes from the beginning.
    pub(crate) fn reader(&self) -> impl Read + '_ {
        Frames { sealed: &self.sealed, next: 0, open: Bytes::new() }
    }

    /// The body again, to be sent on; the disk is read as fast as the upstream takes it.
    pub(crate) fn body(self: &Arc<Self>, idle: Duration) -> Body {
        let (give, take) = mpsc::channel(QUEUE);
        let spooled = Arc::clone(self);
        let bytes = self.bytes;
        spawn_blocking(move || {
            for frame in 0..spooled.sealed.frames {
                let read = spooled.sealed.frame(frame).map_err(Broken::Spool);
                let is_over = read.is_err();
                if give.blocking_send(read).is_err() || is_over {
                    break;
                }
            }
        });
        Body::spooled(take, bytes, idle)
    }
}

/// Frames in a file without a name, each sealed under its number with a key made for this file.
struct Sealed {
    file: File,
    key: LessSafeKey,
    frames: u64,
    /// Length of the last frame, without its tag; the others are full.
    last: usize,
}

/// Debug shows sizes only.
impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} frames)", self.frames)
    }
}

const SLOT_BYTES: u64 = FRAME_BYTES as u64 + 16;

impl Sealed {
    fn begin(folder: &Path) -> io::Result<Self> {
        let mut secret = [0; 32];
        let unusable = |_| io::Error::other("no key could be made");
        rand::fill(&mut secret).map_err(unusable)?;
        let key = UnboundKey::new(&AES_256_GCM, &secret).map(LessSafeKey::new).map_err(unusable)?;
        Ok(Self { file: tempfile::tempfile_in(folder)?, key, frames: 0, last: 0 })
    }

    fn push(&mut self, mut frame: BytesMut) -> io::Result<()> {
        self.last = frame.len();
        self.key
            .seal_in_place_append_tag(nonce(self.frames), Aad::empty(), &mut frame)
            .map_err(|_| io::Error::other("a frame cannot be sealed"))?;
        self.file.write_all_at(&frame, self.frames * SLOT_BYTES)?;
        self.frames += 1;
        Ok(())
    }

    fn frame(&self, number: u64) -> io::Result<Bytes> {
        let length = if number + 1 == self.frames { self.last } else { FRAME_BYTES };
        let mut frame = vec![0; length + 16];
        self.file.read_exact_at(&mut frame, number * SLOT_BYTES)?;
        let opened = self
            .key
            .open_in_place(nonce(number), Aad::empty(), &mut frame)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a waiting body was changed on disk"))?
            .len();
        frame.truncate(opened);
        Ok(frame.into())
    }
}

/// A key has one file, and a file each number once.
fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    if let Some(low) = nonce.first_chunk_mut::<8>() {
        *low = number.to_le_bytes();
    }
    Nonce::assume_unique_for_key(nonce)
}

struct Frames<'s> {
    sealed: &'s Sealed,
    next: u64,
    open: Bytes,
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.open.is_empty() && self.next < self.sealed.frames {
            self.open = self.sealed.frame(self.next)?;
            self.next += 1;
        }
        let length = self.open.len().min(into.len());
        let part = self.open.split_to(length);
        if let Some(target) = into.get_mut(..length) {
            target.copy_from_slice(&part);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spooled(pieces: &[Vec<u8>]) -> Sealed {
        let (give, take) = mpsc::channel(pieces.len() + 1);
        for piece in pieces {
            give.try_send(Bytes::from(piece.clone())).unwrap();
        }
        drop(give);
        write(&std::env::temp_dir(), take).unwrap()
    }

    fn read(sealed: &Sealed) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        Frames { sealed, next: 0, open: Bytes::new() }.read_to_end(&mut all).map(|_| all)
    }

    proptest! {
        #[test]
        fn what_is_spooled_comes_back(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90_000), 0..4)) {
            let sealed = spooled(&pieces);
            prop_assert_eq!(read(&sealed).unwrap(), pieces.concat());
        }
    }

    #[test]
    fn on_disk_there_is_nothing_to_read_and_a_change_is_noticed() {
        let name = b"Zzyzx-7 ".repeat(20_000);
        let sealed = spooled(std::slice::from_ref(&name));
        let mut disk = vec![0; usize::try_from(sealed.file.metadata().unwrap().len()).unwrap()];
        sealed.file.read_exact_at(&mut disk, 0).unwrap();
        assert!(!disk.windows(7).any(|window| window == b"Zzyzx-7"));
        assert!(disk.len() > name.len());
        for at in [0, SLOT_BYTES - 1, SLOT_BYTES, disk.len() as u64 - 1] {
            let before = disk[usize::try_from(at).unwrap()];
            sealed.file.write_all_at(&[before ^ 1], at).unwrap();
            assert_eq!(read(&sealed).unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
            sealed.file.write_all_at(&[before], at).unwrap();
        }
        assert_eq!(read(&sealed).unwrap(), name);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_an_error() {
        let (give, take) = mpsc::channel(1);
        drop(give);
        assert!(write(Path::new("/nowhere/at/all"), take).is_err());
    }
}
