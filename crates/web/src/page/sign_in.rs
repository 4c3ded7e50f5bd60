//! The pages at the door: a name and a password, a code, what is shown once, what a role does not open.

use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting},
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    frame: Frame,
    word: &'a str,
    name: &'a str,
    provider: Option<&'a str>,
    told: Told<'a>,
}

/// The page that asks for a name and a password.
///
/// Shape:  `word` is what the form carries; `name` is what was typed before; `provider` is who else lets people in.
pub fn sign_in(now: &str, word: &str, name: &str, provider: Option<&str>, told: Told<'_>) -> Answer {
    Answer::page(&SignIn { frame: Frame::outside(now), word, name, provider, told }).with(told)
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut<'a> {
    frame: Frame,
    provider: &'a str,
    place: &'a str,
}

/// The page of whoever signed out here, and may still be signed in at their provider.
pub fn signed_out(now: &str, provider: &str, place: &str) -> Answer {
    Answer::page(&SignedOut { frame: Frame::outside(now), provider, place })
}

#[derive(Template)]
#[template(path = "code.html")]
struct Code<'a> {
    frame: Frame,
    word: &'a str,
    told: Told<'a>,
}

/// The page that asks for a code.
pub fn code(now: &str, word: &str, told: Told<'_>) -> Answer {
    Answer::page(&Code { frame: Frame::outside(now), word, told }).with(told)
}

#[derive(Template)]
#[template(path = "no_operators.html")]
struct NoOperators<'a> {
    frame: Frame,
    command: &'a str,
}

/// The page before anybody can sign in.
pub fn no_operators(now: &str, command: &str) -> Answer {
    let mut answer = Answer::page(&NoOperators { frame: Frame::outside(now), command });
    answer.status = 503;
    answer
}

/// Something that is shown once.
#[derive(Clone, Copy, Debug)]
pub struct ShownOnce<'a> {
    /// What it is.
    pub title: &'a str,
    /// What to do with it.
    pub what: &'a str,
    /// It.
    pub secret: &'a str,
    /// The same in another form, where there is one.
    pub other: Option<&'a str>,
    /// Whether a code of it is wanted to go on.
    pub confirms: bool,
    /// Where to go then.
    pub back: &'a str,
}

#[derive(Template)]
#[template(path = "shown_once.html")]
struct Once<'a> {
    frame: Frame,
    shown: ShownOnce<'a>,
    told: Told<'a>,
}

/// The page that shows it.
pub fn shown_once(setting: &Setting<'_>, shown: ShownOnce<'_>, told: Told<'_>) -> Answer {
    Answer::page(&Once { frame: Frame::new("", setting), shown, told }).with(told)
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    frame: Frame,
    why: &'a str,
}

/// The page of what somebody may not.
pub fn refused(setting: &Setting<'_>, why: &str) -> Answer {
    let mut answer = Answer::page(&Refused { frame: Frame::new("", setting), why });
    answer.status = 403;
    answer
}
