//! An operator: a name, a role, and what they prove themselves with.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Code, Cost, Password, PasswordHash, Seed};

/// What an operator is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, operators included.
    Admin,
    /// Sees everything but operators.
    Compliance,
    /// Answers what became of a record.
    Support,
    /// Sees everything, changes nothing.
    Auditor,
    /// Datasets only.
    Generator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Compliance, Self::Support, Self::Auditor, Self::Generator];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Compliance => "compliance",
            Self::Support => "support",
            Self::Auditor => "auditor",
            Self::Generator => "generator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or("a role is `admin`, `compliance`, `support`, `auditor` or `generator`")
    }
}

/// An operator, as the register holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    pub(crate) role: Role,
    /// When they were added, in seconds since 1970.
    pub(crate) since: u64,
    pub(crate) is_disabled: bool,
    /// Nothing where they sign in elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<PasswordHash>,
    /// Who they are at an OpenID provider: its issuer and their subject there. They sign in there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) openid: Option<String>,
    /// When they last signed in there, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vouched: Option<u64>,
    /// Disabled because the provider gives them no role, and enabled when it does again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_taken_off: bool,
    /// The password was given by somebody else: nothing is open until it is changed.
    pub(crate) must_change: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<Seed>,
    // INVARIANT: only ever grows, so that a code is good once.
    pub(crate) last_step: u64,
    /// Grows with whatever ends their sessions.
    pub(crate) generation: u64,
    /// Grows with every change.
    pub(crate) revision: u64,
}

/// For how long the tokens of whom a provider vouches for are good after it did: nobody is told when it would not any more.
const VOUCHED_SECONDS: u64 = 30 * 86_400;

/// What came of a name and a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// They are who they say.
    Done,
    /// A code of their authenticator is wanted too.
    CodeWanted,
    /// They are not, or may not.
    Refused,
}

impl Operator {
    /// Their role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// When they were added, in seconds since 1970.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether they may not sign in.
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// Whether they are disabled because their provider gave them no role.
    pub fn is_taken_off(&self) -> bool {
        self.is_taken_off
    }

    /// Until when their tokens are good at most, where somebody else has to vouch for them.
    pub fn vouched_until(&self) -> Option<u64> {
        self.openid.as_ref().map(|_| self.vouched.unwrap_or(self.since).saturating_add(VOUCHED_SECONDS))
    }

    /// Whether nothing is open to them until they have a password of their own.
    pub fn must_change_password(&self) -> bool {
        self.must_change
    }

    /// Whether they use an authenticator.
    pub fn has_totp(&self) -> bool {
        self.seed.is_some()
    }

    /// What their sessions have to know to be good.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Which change made them as they are: whoever changes them again says it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Checks a password, in a time that does not tell whether there is such an operator.
    pub fn check(operator: Option<&Self>, password: &Password) -> SignIn {
        let known = operator.and_then(|operator| operator.password.as_ref().map(|hash| (operator, hash)));
        let Some((operator, hash)) = known else {
            PasswordHash::pretend(password, Cost::OWASP);
            return SignIn::Refused;
        };
        if !hash.fits(password) || operator.is_disabled {
            SignIn::Refused
        } else if operator.seed.is_some() {
            SignIn::CodeWanted
        } else {
            SignIn::Done
        }
    }

    /// Whether this is their password.
    pub fn has_password(&self, password: &Password) -> bool {
        self.password.as_ref().is_some_and(|hash| hash.fits(password))
    }

    /// Who they are at an OpenID provider, where they sign in there.
    pub fn openid(&self) -> Option<&str> {
        self.openid.as_deref()
    }

    /// The step of a code that is theirs and was not used; it is to be kept with `Change::UsedStep`.
    pub fn step_of(&self, code: Code, now: u64) -> Option<u64> {
        self.seed.as_ref()?.step_of(code, now, self.last_step)
    }
}
