//! What is answered where something is not done: problem details.
//!
//! Source: RFC 9457.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong, and what to do now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Which problem it is: the same text for the same one.
    #[serde(rename = "type")]
    pub kind: String,
    /// It in a few words.
    pub title: String,
    /// The status of HTTP.
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of this status.
    pub fn new(status: u16, detail: &str) -> Self {
        let (word, title) = match status {
            400 => ("request", "The request is not as described"),
            401 => ("credentials", "Nobody who may ask asks"),
            403 => ("refused", "Not allowed"),
            404 => ("absent", "There is nothing here"),
            405 => ("method", "Not done with this method"),
            409 => ("conflict", "It does not fit what is so now"),
            412 => ("changed", "It was changed in between"),
            413 => ("too-long", "The request is too long"),
            415 => ("media-type", "The body is not JSON"),
            422 => ("not-understood", "It cannot be understood"),
            428 => ("say-which", "Say what you looked at"),
            429 => ("too-many", "Too many requests"),
            503 => ("away", "Not now"),
            _ => ("fault", "It did not work"),
        };
        Self {
            kind: format!("urn:eosin:problem:{word}"),
            title: title.to_owned(),
            status,
            detail: detail.to_owned(),
        }
    }
}
