//! One value of a table, and the answer to a query.

use std::fmt;

/// A value as both databases hold it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Nothing was said.
    Null,
    /// A count, an entry's index, or yes (1) and no (0).
    Integer(i64),
    /// A word, a name, a moment.
    Text(String),
}

impl Value {
    /// A text. What no database takes in a text, the character NUL, becomes U+FFFD.
    pub fn text(text: &str) -> Self {
        Self::Text(if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text.to_owned() })
    }

    /// A text, if there is one.
    pub fn maybe(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    /// A count. One that no database could hold is the largest that it can.
    pub fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// What a query gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}
