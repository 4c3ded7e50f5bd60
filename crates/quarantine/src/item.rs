//! An item: what may be shown of a withheld request, and what is kept sealed.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An item's name: 16 letters and digits, drawn at random, never used again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

impl ItemId {
    /// From ten random bytes.
    pub fn of(random: [u8; 10]) -> Self {
        Self(data_encoding::BASE32_NOPAD.encode(&random).to_ascii_lowercase())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is not an item's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an item is named by 16 of the letters a to z and the digits 2 to 7; `eosin quarantine list` shows them"
)]
pub struct NotAnId;

impl FromStr for ItemId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let plain = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        if plain { Ok(Self(text.to_owned())) } else { Err(NotAnId) }
    }
}

impl TryFrom<String> for ItemId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<ItemId> for String {
    fn from(id: ItemId) -> Self {
        id.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be shown of an item: where it came from, why it was withheld, how large it is. No content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// The boundary that it would have crossed.
    pub boundary: String,
    /// Its place among everything that was ever kept for this boundary, from 1, in the order of keeping.
    pub sequence: u64,
    /// When the request was ruled on: RFC 3339 in UTC with milliseconds, so that order of text is order of time.
    pub received: String,
    /// The ruling that withheld it: `origin#index`.
    pub ruling: String,
    /// The policies that withheld it.
    pub policies: Vec<String>,
    /// Why, in one sentence for a person.
    pub reason: String,
    /// How many records of each verdict the whole request had.
    pub counts: BTreeMap<String, u64>,
    /// How many records are kept here: fewer than the request had, where the others passed.
    pub records: u64,
    /// The client as it named itself.
    pub client: String,
    /// The language spoken at the boundary.
    pub protocol: String,
    /// A short name for the way of writing; holds no id and no value.
    pub route: String,
    /// The HTTP method.
    pub method: String,
    /// How many bytes the kept body has.
    pub bytes: u64,
    /// Whether sending it twice does what sending it once does.
    pub idempotent: bool,
    /// The endpoint that could not take it, where nobody refused it: it is sent there again without being asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// What was behind the boundary, where it would have gone. Not there: nobody wrote it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// What that was: `production`, or another environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// What it takes to deliver a withheld request: sealed on disk, and nowhere else.
///
/// Debug shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Path and query. They can hold an external id, so they are sealed too.
    pub target: String,
    /// The content type, if there was one.
    pub content_type: Option<String>,
    /// The method override header, if there was one.
    pub method_override: Option<String>,
    /// The body, decoded, without what passed and without credentials.
    pub body: Vec<u8>,
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Withheld({} bytes)", self.body.len())
    }
}

/// Where an item is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Kept, waiting for somebody.
    Held,
    /// Being sent: written before the first byte leaves.
    Releasing,
    /// It may have arrived: whatever sent it stopped before it knew. Nobody sends it again unasked.
    Uncertain,
    /// It arrived. Its content is erased.
    Released,
    /// Somebody decided against it. Its content is erased.
    Rejected,
    /// It was kept as long as it may be. Its content is erased.
    Expired,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Releasing, Self::Uncertain, Self::Released, Self::Rejected, Self::Expired];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Releasing => "releasing",
            Self::Uncertain => "uncertain",
            Self::Released => "released",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Whether its content is still there.
    pub fn has_content(self) -> bool {
        match self {
            Self::Held | Self::Releasing | Self::Uncertain => true,
            Self::Released | Self::Rejected | Self::Expired => false,
        }
    }
}

/// An item and where it is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kept {
    /// The item.
    pub item: Item,
    /// Its state.
    pub state: State,
    /// Since when.
    pub since: String,
    /// How often it was sent, or may have been.
    pub attempts: u32,
    /// What the last step says of itself: a status, who asked and why. Never content.
    pub note: String,
    /// Whether the ledger is known to say that it is in this state. Not there: nobody has looked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
}

impl Kept {
    /// Whether the ledger may not say yet what became of it. What is kept and was never sent is named by its ruling.
    pub fn is_unrecorded(&self) -> bool {
        match self.state {
            State::Held => !self.recorded && self.attempts > 0,
            State::Releasing => false,
            State::Uncertain | State::Released | State::Rejected | State::Expired => !self.recorded,
        }
    }
}
