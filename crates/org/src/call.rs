//! A request and its answer, away from sockets.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::failure::Failure;

/// One request, its body whole and decoded.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path segments, percent-decoded, empty ones left out.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Scheme and host as the client sees them: `https://127.0.0.1:8443`.
    pub(crate) base: String,
}

/// What to send back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Payload,
}

/// The body of a reply.
#[derive(Debug)]
pub(crate) enum Payload {
    Empty,
    Json(Value),
    Raw(&'static str, Vec<u8>),
}

impl Call {
    /// A call from a method and a target such as `/services/data/v67.0/query?q=…`.
    pub(crate) fn new(method: &str, target: &str, base: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_ascii_uppercase(),
            segments: path
                .split('/')
                .filter(|part| !part.is_empty())
                .map(|part| decode(part, false))
                .collect(),
            query: pairs(query),
            headers: Vec::new(),
            body: Bytes::new(),
            base: base.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        if self.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("xml")) {
            let message = "Content type not supported for this resource";
            return Err(Failure::request(415, "UNSUPPORTED_MEDIA_TYPE", message));
        }
        if self.body.is_empty() {
            return Err(Failure::bad_json(
                "The HTTP entity body is required, but this request has no entity body.",
            ));
        }
        // serde_json refuses documents nested more than 128 deep.
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Failure::bad_json(format!(
                "The HTTP entity body is not valid JSON at [line:{line}, column:{column}]"
            ))
        })
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<serde_json::Map<String, Value>, Failure> {
        let body = self.json()?;
        let found = if body.is_array() { "START_ARRAY" } else { "VALUE" };
        let Value::Object(map) = body else {
            let message = format!("Cannot deserialize request body from {found}: an object is required");
            return Err(Failure::bad_json(message));
        };
        Ok(map)
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Payload::Json(body) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Payload::Empty }
    }

    pub(crate) fn raw(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: Payload::Raw(kind, body.into()) }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The array in which REST wraps its errors.
    pub(crate) fn failure(failure: &Failure) -> Self {
        Self::json(failure.status, json!([failure.body()]))
    }

    /// The body as JSON, for composite requests.
    pub(crate) fn into_value(self) -> Value {
        match self.body {
            Payload::Empty => Value::Null,
            Payload::Json(value) => value,
            Payload::Raw(_, bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// Reads `a=b&c=d`, percent-decoded, `+` as space.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Undoes percent-encoding; bytes that are not UTF-8 become the replacement character.
pub(crate) fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let escaped = || {
            let pair = bytes.get(at + 1..at + 3)?;
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|t| !t.starts_with('+'))?, 16).ok()
        };
        match (byte, escaped()) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) if plus => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        let call = Call::new("get", "/services//data/v67.0/query/?q=SELECT+Id%20FROM%2BX&x=%zz", "http://h");
        assert_eq!(call.segments, ["services", "data", "v67.0", "query"]);
        assert_eq!(call.parameter("Q"), Some("SELECT Id FROM+X"));
        assert_eq!(call.parameter("x"), Some("%zz"));
        assert_eq!(decode("a%20b%2F%c3%A9+", false), "a b/é+");
    }
}
