//! One's own account: password, authenticator, sessions, tokens.

use access::Action;
use askama::Template;

use crate::{
    SessionRow, TokenRow, Told,
    frame::{Answer, Frame, Setting},
};

/// What the page is made of.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whether they use an authenticator.
    pub has_totp: bool,
    /// Whether they sign in elsewhere, and have no password here.
    pub is_elsewhere: bool,
    /// Whether they have to take a password of their own first.
    pub must_change: bool,
    /// Their sessions.
    pub sessions: Vec<SessionRow>,
    /// Their tokens.
    pub tokens: Vec<TokenRow>,
    /// What a token of theirs may have.
    pub scopes: Vec<Action>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    frame: Frame,
    own: &'a Account,
    told: Told<'a>,
}

/// The page.
pub fn account(setting: &Setting<'_>, own: &Account, told: Told<'_>) -> Answer {
    Answer::page(&Page { frame: Frame::new("/account", setting), own, told }).with(told)
}
