//! Operators: all of them, one of them, and what a dangerous act would do before it is done.

use access::{Action, Role};
use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting},
    target::link,
};

/// An operator in a list.
#[derive(Clone, Debug)]
pub struct OperatorRow {
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// `active`, `disabled`, `has to change the password`.
    pub state: &'static str,
    /// Whether they use an authenticator.
    pub has_totp: bool,
    /// Whether they may not sign in.
    pub is_disabled: bool,
    /// Since when.
    pub since: String,
    /// Which change made them so.
    pub revision: u64,
    /// How many sessions they have.
    pub sessions: usize,
    /// How many tokens.
    pub tokens: usize,
}

impl OperatorRow {
    /// The page of this operator.
    pub(crate) fn place(&self) -> String {
        link("/operator", [("name", self.name.as_str())])
    }
}

/// A session in a list.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Whose.
    pub operator: String,
    /// From where.
    pub address: String,
    /// Since when.
    pub begun: String,
    /// Until when it was used.
    pub seen: String,
}

/// A token in a list.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// Whose.
    pub operator: String,
    /// What it is for.
    pub label: String,
    /// What it may.
    pub scopes: String,
    /// Until when it is good.
    pub until: String,
}

/// What can be done to an operator, once it was shown what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Another role.
    Role(Role),
    /// Keep them out.
    Disable,
    /// Let them in.
    Enable,
    /// A password that nobody chose.
    ResetPassword,
    /// Take the authenticator away.
    TotpOff,
    /// End their sessions.
    EndSessions,
    /// One token less.
    RevokeToken(String),
}

impl Act {
    /// The act of a form: its word, and the role or the token that it takes.
    pub fn read(word: &str, with: &str) -> Option<Self> {
        Some(match word {
            "role" => Self::Role(with.parse().ok()?),
            "disable" => Self::Disable,
            "enable" => Self::Enable,
            "reset-password" => Self::ResetPassword,
            "totp-off" => Self::TotpOff,
            "end-sessions" => Self::EndSessions,
            "revoke-token" => {
                Self::RevokeToken(with.chars().filter(char::is_ascii_hexdigit).take(12).collect())
            }
            _ => return None,
        })
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::ResetPassword => "reset-password",
            Self::TotpOff => "totp-off",
            Self::EndSessions => "end-sessions",
            Self::RevokeToken(_) => "revoke-token",
        }
    }

    pub(crate) fn with(&self) -> &str {
        match self {
            Self::Role(role) => role.as_str(),
            Self::RevokeToken(id) => id,
            Self::Disable | Self::Enable | Self::ResetPassword | Self::TotpOff | Self::EndSessions => "",
        }
    }

    fn question(&self, name: &str) -> String {
        match self {
            Self::Role(role) => format!("Make {name} {role}?"),
            Self::Disable => format!("Disable {name}?"),
            Self::Enable => format!("Let {name} sign in again?"),
            Self::ResetPassword => format!("Give {name} another password?"),
            Self::TotpOff => format!("Take the authenticator of {name} away?"),
            Self::EndSessions => format!("End the sessions of {name}?"),
            Self::RevokeToken(id) => format!("Revoke the token {id} of {name}?"),
        }
    }

    fn consequences(&self, row: &OperatorRow) -> Vec<String> {
        let sessions = match row.sessions {
            0 => "They are not signed in here now.".to_owned(),
            1 => "Their session ends.".to_owned(),
            count => format!("Their {count} sessions end."),
        };
        let first = match self {
            Self::Role(role) => format!("They are {} now, and will see what {role} sees.", row.role),
            Self::Disable => match row.tokens {
                0 => "They cannot sign in.".to_owned(),
                1 => "They cannot sign in. Their token is good for nothing.".to_owned(),
                count => format!("They cannot sign in. Their {count} tokens are good for nothing."),
            },
            Self::Enable => "They sign in with the password and the authenticator that they had.".to_owned(),
            Self::ResetPassword => {
                "A password is drawn and shown once, to you. They have to change it when they sign in."
                    .to_owned()
            }
            Self::TotpOff => {
                "The password alone is enough until they set up another authenticator.".to_owned()
            }
            Self::EndSessions => "They can sign in again at once.".to_owned(),
            Self::RevokeToken(_) => "Whatever uses it is refused from now on.".to_owned(),
        };
        let ends = !matches!(self, Self::Enable | Self::RevokeToken(_));
        let mut all = vec![first];
        if ends {
            all.push(sessions);
        }
        all.push("The log of operators says that you did it.".to_owned());
        all
    }
}

#[derive(Template)]
#[template(path = "operators.html")]
struct List<'a> {
    frame: Frame,
    rows: &'a [OperatorRow],
    sessions: &'a [SessionRow],
    tokens: &'a [TokenRow],
    may_manage: bool,
    roles: [Role; 5],
    told: Told<'a>,
}

/// The page of all of them.
pub fn operators(
    setting: &Setting<'_>,
    rows: &[OperatorRow],
    sessions: &[SessionRow],
    tokens: &[TokenRow],
    told: Told<'_>,
) -> Answer {
    let frame = Frame::new("/operators", setting);
    let may_manage = setting.may(Action::ManageOperators);
    Answer::page(&List { frame, rows, sessions, tokens, may_manage, roles: Role::ALL, told }).with(told)
}

/// One operator.
#[derive(Clone, Debug)]
pub struct OneOperator {
    /// Them.
    pub row: OperatorRow,
    /// Their sessions.
    pub sessions: Vec<SessionRow>,
    /// Their tokens.
    pub tokens: Vec<TokenRow>,
}

#[derive(Template)]
#[template(path = "operator.html")]
struct Detail<'a> {
    frame: Frame,
    one: &'a OneOperator,
    may_manage: bool,
    roles: [Role; 5],
    told: Told<'a>,
}

/// The page of one of them.
pub fn operator(setting: &Setting<'_>, one: &OneOperator, told: Told<'_>) -> Answer {
    let frame = Frame::new("/operators", setting);
    Answer::page(&Detail {
        frame,
        one,
        may_manage: setting.may(Action::ManageOperators),
        roles: Role::ALL,
        told,
    })
    .with(told)
}

#[derive(Template)]
#[template(path = "preview.html")]
struct Preview<'a> {
    frame: Frame,
    row: &'a OperatorRow,
    act: &'a Act,
    question: String,
    consequences: Vec<String>,
}

/// What an act would do, and the button that does it.
pub fn preview(setting: &Setting<'_>, row: &OperatorRow, act: &Act) -> Answer {
    let (question, consequences) = (act.question(&row.name), act.consequences(row));
    Answer::page(&Preview { frame: Frame::new("/operators", setting), row, act, question, consequences })
}
