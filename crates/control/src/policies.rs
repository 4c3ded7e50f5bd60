//! What is asked about versions of the policies, and answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wishes::{Checked, REASON, is_reason, whole};

/// What was in force, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyHistory {
    /// Each of them; the first one holds. Before any was activated, there is none.
    pub versions: Vec<PolicyVersion>,
}

/// That a version was put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyVersion {
    /// When.
    pub at: String,
    /// By whom.
    pub by: String,
    /// `activate` or `rollback`.
    pub event: String,
    /// The version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Why.
    pub reason: String,
    /// The digest of its text.
    pub sha256: String,
    /// It.
    pub version: String,
    /// The entry: `origin#index`.
    pub place: String,
}

/// The version in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyInForce {
    /// It.
    pub version: String,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// Its text, where it was put in force from the log of versions.
    pub text: Option<String>,
    /// The entry that put it in force.
    pub place: Option<String>,
    /// What is wrong with its text, where nobody can read it; then there are no names of policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// Policies that somebody asks about.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// What they are called: the version is this and a digest.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Their text, in Cedar.
    #[schemars(length(min = 1, max = 262_144), example = EXAMPLE)]
    pub text: String,
}

/// Policies to be asked about what crossed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyReplay {
    /// What they are called.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Their text, in Cedar.
    #[schemars(length(min = 1, max = 262_144), example = EXAMPLE)]
    pub text: String,
    /// From how long ago on: `7d`, `12h`, `30m`.
    #[schemars(regex(pattern = "^[0-9]{1,5}[dhm]$"))]
    pub since: String,
    /// How many transactions of each kind are named.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(range(max = 1000))]
    pub examples: u16,
}

/// Policies to be put in force.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyActivate {
    /// What they are called.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Their text, in Cedar.
    #[schemars(length(min = 1, max = 262_144))]
    pub text: String,
    /// Why, for the ledger: a ticket's number, never a person's name.
    #[schemars(length(min = 1, max = 200), regex(pattern = REASON))]
    pub reason: String,
}

/// A version to be put in force again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyRollback {
    /// Which; unless said, the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub version: Option<String>,
    /// Why, for the ledger: a ticket's number, never a person's name.
    #[schemars(length(min = 1, max = 200), regex(pattern = REASON))]
    pub reason: String,
}

/// What was found of policies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyChecked {
    /// Their version.
    pub version: String,
    /// Their names.
    pub policies: Vec<String>,
    /// `proven`: nothing lets synthetic into production; `crossed`: something does; `unknown`: there is too much to ask.
    pub red_line: String,
    /// How many questions it took.
    pub asked: Option<u64>,
    /// A request that gets in.
    pub counterexample: Option<serde_json::Value>,
}

/// How policies differ from those in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDifference {
    /// The version in force.
    pub old: String,
    /// The version that was asked about.
    pub new: String,
    /// The policies that are not the same in both.
    pub policies: Vec<PolicyDiffering>,
    /// The answers that differ, for clients, boundaries and purposes that no policy names.
    pub answers: Vec<String>,
}

/// A policy that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDiffering {
    /// Its name.
    pub id: String,
    /// `added`, `removed` or `changed`.
    pub sign: String,
    /// Its text as it is.
    pub before: Option<String>,
    /// Its text as it would be.
    pub after: Option<String>,
}

/// What would have been otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyReplayed {
    /// The version that was asked.
    pub version: String,
    /// From when on.
    pub since: String,
    /// How many transactions were asked about.
    pub transactions: u64,
    /// How many of them would change.
    pub changed: u64,
    /// How many cannot be replayed.
    pub unknown: u64,
    /// By boundary, client and change.
    pub groups: Vec<PolicyReplayGroup>,
}

/// Transactions that would change alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyReplayGroup {
    /// The boundary.
    pub boundary: String,
    /// The client.
    pub client: String,
    /// The change in words.
    pub change: String,
    /// How many transactions.
    pub transactions: u64,
    /// With how many records that change.
    pub records: u64,
    /// Some of them, as `origin#entry`.
    pub examples: Vec<String>,
}

/// A version was put in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyActivated {
    /// It.
    pub version: String,
    /// The entry: `origin#index`.
    pub activation: String,
}

/// Of what is only asked about: an example is tried by whoever tests an API, and is not to be put in force.
const EXAMPLE: &str = "@id(\"attested-alone\") @reason(\"only what somebody vouches for goes in\") \
    permit (principal, action, resource) when { context.attested == context.records };";

const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";

fn is_text(name: &str, text: &str) -> Result<(), &'static str> {
    let plain = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit() || b"._-".contains(&one);
    let begins =
        name.bytes().next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    if name.len() > 64 || !begins || !name.bytes().all(plain) {
        return Err("`name` has 1 to 64 of a-z, 0-9, `.`, `_` and `-`, and begins with a letter or a digit");
    }
    if !(1..=262_144).contains(&text.chars().count()) {
        return Err("`text` has 1 to 262144 characters");
    }
    Ok(())
}

impl Checked for PolicyText {
    fn check(&self) -> Result<(), &'static str> {
        is_text(&self.name, &self.text)
    }
}

impl Checked for PolicyReplay {
    fn check(&self) -> Result<(), &'static str> {
        is_text(&self.name, &self.text)?;
        let number = self.since.strip_suffix(['d', 'h', 'm']).unwrap_or_default();
        if !(1..=5).contains(&number.len())
            || !number.bytes().all(|one| one.is_ascii_digit())
            || self.examples > 1000
        {
            return Err("`since` is `7d`, `12h` or `30m`, and `examples` at most 1000");
        }
        Ok(())
    }
}

impl Checked for PolicyActivate {
    fn check(&self) -> Result<(), &'static str> {
        is_text(&self.name, &self.text)?;
        is_reason(&self.reason)
    }
}

impl Checked for PolicyRollback {
    fn check(&self) -> Result<(), &'static str> {
        if self.version.as_ref().is_some_and(|version| !(1..=200).contains(&version.chars().count())) {
            return Err("`version` has 1 to 200 characters");
        }
        is_reason(&self.reason)
    }
}
