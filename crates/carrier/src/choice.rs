//! What becomes of one record when a file is written again.

use crate::Labels;

/// What becomes of one record when a file is written again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Choice<'l> {
    /// It is left out.
    Leave,
    /// It stays as it is, byte for byte.
    Keep,
    /// It gets these labels.
    Label(&'l Labels),
}

impl Choice<'_> {
    pub(crate) fn leaves(self) -> bool {
        matches!(self, Self::Leave)
    }
}
