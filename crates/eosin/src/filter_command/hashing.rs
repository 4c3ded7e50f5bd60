//! The digest of what is read, as it is read.

use std::{
    cell::RefCell,
    io::{self, Read},
    rc::Rc,
};

use aws_lc_rs::digest::{Context, SHA256};
use mark::digest::Hash;

/// A stream whose bytes are hashed as they come.
pub(super) struct Hashing<R> {
    source: R,
    context: Rc<RefCell<Context>>,
}

/// The digest so far.
pub(super) struct SoFar(Rc<RefCell<Context>>);

impl<R> Hashing<R> {
    pub(super) fn of(source: R) -> (Self, SoFar) {
        let context = Rc::new(RefCell::new(Context::new(&SHA256)));
        (Self { source, context: Rc::clone(&context) }, SoFar(context))
    }
}

impl SoFar {
    /// The digest of everything that was read.
    pub(super) fn finish(self) -> Hash {
        hash_of(self.0.borrow().clone())
    }
}

/// The hash that a context ends with.
pub(super) fn hash_of(context: Context) -> Hash {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Hash::from_bytes(bytes)
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        self.context.borrow_mut().update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}
