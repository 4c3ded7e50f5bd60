//! The two axes: whom a record is about, and who made its content. They are independent.

use std::{fmt, str::FromStr};

/// Whom a record is about, as far as a mark can say.
///
/// A record without proof has no subject here: it is unproven, and that is a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Nobody: it was generated.
    Synthetic,
    /// A person whom a system of record vouches for.
    Attested,
    /// Derived from both kinds.
    Mixed,
}

impl Subject {
    /// Every subject, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Synthetic, Self::Attested, Self::Mixed];

    /// The word used in manifests, fields and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Attested => "attested",
            Self::Mixed => "mixed",
        }
    }

    /// What a record derived from records of both subjects is.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Mixed }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Synthetic => 0,
            Self::Attested => 1,
            Self::Mixed => 2,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|subject| subject.code() == code)
    }
}

/// Who made the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authorship {
    /// A person wrote it.
    Human,
    /// A generative model wrote it.
    Ai,
    /// A generative model wrote it and a person reviewed it.
    AiReviewed,
    /// Rules or statistics made it; no generative model.
    Algorithm,
    /// Nobody said.
    Unknown,
}

impl Authorship {
    /// Every authorship, in the order of their codes.
    pub const ALL: [Self; 5] = [Self::Human, Self::Ai, Self::AiReviewed, Self::Algorithm, Self::Unknown];

    /// The word used in manifests, fields and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Ai => "ai",
            Self::AiReviewed => "ai-reviewed",
            Self::Algorithm => "algorithm",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a generative model took part, which is what FHIR's AIAST label says.
    pub fn is_ai(self) -> bool {
        match self {
            Self::Ai | Self::AiReviewed => true,
            Self::Human | Self::Algorithm | Self::Unknown => false,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Human => 0,
            Self::Ai => 1,
            Self::AiReviewed => 2,
            Self::Algorithm => 3,
            Self::Unknown => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|authorship| authorship.code() == code)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Authorship {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word names no known value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of: {known}")]
pub struct UnknownWord {
    word: String,
    known: &'static str,
}

impl FromStr for Subject {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL
            .into_iter()
            .find(|subject| subject.as_str() == word)
            .ok_or_else(|| UnknownWord { word: word.to_owned(), known: "synthetic, attested, mixed" })
    }
}

impl FromStr for Authorship {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|authorship| authorship.as_str() == word).ok_or_else(|| UnknownWord {
            word: word.to_owned(),
            known: "human, ai, ai-reviewed, algorithm, unknown",
        })
    }
}
