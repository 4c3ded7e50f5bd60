//! A message as far as a signature can cover it: its start line and its fields, nothing of its body.

use std::fmt;

/// A request or an answer, whose components are derived.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(&'a Request),
    /// An answer, and the request it is to.
    Response(&'a Response, Option<&'a Request>),
}

/// A request's head as it was sent.
///
/// Debug shows the method only: a target can name a record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, case as sent.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host and port as `Host` or `:authority` has them.
    pub authority: String,
    /// The request target as sent: `/path?query`, `https://host/path`, `host:port` or `*`.
    pub target: String,
    /// The header fields.
    pub fields: Fields,
    /// The trailer fields.
    pub trailers: Fields,
}

/// An answer's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub fields: Fields,
    /// The trailer fields.
    pub trailers: Fields,
}

/// Field lines in the order of the message.
///
/// Debug shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(
    // INVARIANT: names are in lower case.
    Vec<(String, Vec<u8>)>,
);

impl Fields {
    /// Adds a line.
    pub fn push(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// The values of the lines with this name, which is in lower case.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// Whether there is a line with this name.
    pub fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }
}

impl<'n, V: Into<Vec<u8>>> FromIterator<(&'n str, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'n str, V)>>(lines: I) -> Self {
        let mut fields = Self::default();
        for (name, value) in lines {
            fields.push(name, value);
        }
        fields
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}
