//! The bodies of what acts.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned, de::Error as _};

use crate::problem::Problem;

/// Reads a body.
///
/// Errors: a problem 400 that says where it is not as described; it repeats nothing of the body.
pub fn body<T: DeserializeOwned + Checked>(bytes: &[u8]) -> Result<T, Problem> {
    let read: T = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::new(
            400,
            &format!("the body is not as /api/v1/openapi.json describes it, at line {line}, column {column}"),
        )
    })?;
    read.check().map_err(|says| Problem::new(400, says))?;
    Ok(read)
}

/// A whole number however it is written: to a schema `7.0` is one.
pub(crate) fn whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(from: D) -> Result<N, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let written = || number.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0);
    let whole = number.as_u64().or_else(|| format!("{:.0}", written()?).parse().ok());
    let whole = whole.and_then(|whole| N::try_from(whole).ok());
    whole.ok_or_else(|| D::Error::custom("this is no whole number, or it is too large"))
}

/// What serde does not check.
pub trait Checked {
    /// Errors: a sentence.
    fn check(&self) -> Result<(), &'static str>;
}

/// Deliver an item, once, to what is behind its boundary.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {
    /// Why, for the ledger: a ticket's number, never a person's name.
    #[schemars(length(min = 1, max = 200), regex(pattern = REASON))]
    pub reason: String,
    /// Send again what may have arrived already: only after somebody looked on the other side.
    #[serde(default)]
    pub again: bool,
    /// Deliver what policies refuse even now; the ledger says so.
    #[serde(default)]
    pub overrule: bool,
    /// Deliver although something else is behind the boundary than when the item was kept; the ledger says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// Where an event belongs that does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ReleaseClass>,
    /// The credentials of the delivery: a bearer token, or a whole `Authorization` value. They are not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192), regex(pattern = "^[!-~]([ -~]*[!-~])?$"))]
    pub credentials: Option<String>,
}

/// Whose an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseClass {
    /// Of the consumer of synthetic events.
    Synthetic,
    /// Of the consumer of attested events.
    Attested,
}

/// Decide against an item: its content is erased for good.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reject {
    /// Why, for the ledger: a ticket's number, never a person's name.
    #[schemars(length(min = 1, max = 200), regex(pattern = REASON))]
    pub reason: String,
}

/// What people have signed with their own keys, which nobody here has.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// A signed note of c2sp.org/signed-note, whose text is that of spec/policies.md.
    #[schemars(length(min = 1, max = 8192))]
    pub note: String,
}

/// A reason is in one line, and begins and ends with something that is seen.
pub(crate) const REASON: &str =
    "^[^\\x00-\\x1f\\x7f-\\x9f\\s]([^\\x00-\\x1f\\x7f-\\x9f]*[^\\x00-\\x1f\\x7f-\\x9f\\s])?$";

/// Whether a text is in one line, and begins and ends with something that is seen.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control) && text.trim() == text
}

pub(crate) fn is_reason(text: &str) -> Result<(), &'static str> {
    if (1..=200).contains(&text.chars().count()) && is_plain(text) {
        Ok(())
    } else {
        Err("`reason` has 1 to 200 characters, in one line")
    }
}

impl Checked for Release {
    fn check(&self) -> Result<(), &'static str> {
        is_reason(&self.reason)?;
        match &self.credentials {
            Some(text) if text.is_empty() || text.len() > 8192 || !text.is_ascii() || !is_plain(text) => {
                Err("`credentials` is a bearer token, or a whole `Authorization` value")
            }
            _ => Ok(()),
        }
    }
}

impl Checked for Reject {
    fn check(&self) -> Result<(), &'static str> {
        is_reason(&self.reason)
    }
}

impl Checked for Note {
    fn check(&self) -> Result<(), &'static str> {
        if (1..=8192).contains(&self.note.chars().count()) {
            Ok(())
        } else {
            Err("`note` has 1 to 8192 characters")
        }
    }
}

/// The credentials are not shown.
impl std::fmt::Debug for Release {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Release")
            .field("again", &self.again)
            .field("overrule", &self.overrule)
            .field("elsewhere", &self.elsewhere)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::IndexQuery;

    #[test]
    fn a_number_is_whole_however_it_is_written() {
        for (limit, expected) in [
            ("7", Some(7)),
            ("7.0", Some(7)),
            ("70e-1", Some(7)),
            ("1e4", Some(10_000)),
            ("10001", None),
            ("0.0", None),
            ("7.5", None),
            ("-7", None),
            ("1e300", None),
            ("\"7\"", None),
            ("null", None),
        ] {
            let body = format!("{{\"sql\":\"SELECT 1\",\"limit\":{limit}}}");
            let read = super::body::<IndexQuery>(body.as_bytes()).ok().map(|wish| wish.limit);
            assert_eq!(read, expected, "{limit}");
        }
    }
}
