//! What a page says of what was just done: nothing, that it was done, or why it was not.

/// What came of a form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told<'a> {
    /// No form was posted.
    #[default]
    Nothing,
    /// It was done.
    Done(&'a str),
    /// It was not, and why.
    Fault(&'a str),
}

impl<'a> Told<'a> {
    pub(crate) fn done(self) -> Option<&'a str> {
        match self {
            Self::Done(said) => Some(said),
            Self::Nothing | Self::Fault(_) => None,
        }
    }

    pub(crate) fn fault(self) -> Option<&'a str> {
        match self {
            Self::Fault(said) => Some(said),
            Self::Nothing | Self::Done(_) => None,
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Nothing | Self::Done(_) => 200,
            Self::Fault(_) => 422,
        }
    }
}
