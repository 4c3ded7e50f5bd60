//! What somebody wishes of an emergency version before there is anything to sign: within what, for how long, and why.

use askama::Template;

use crate::{
    Told,
    frame::{Answer, Frame, Setting},
};

/// What was chosen and written so far.
#[derive(Clone, Debug, Default)]
pub struct EmergencyWish {
    /// The version.
    pub version: String,
    /// The boundaries of this configuration, each with whether it was chosen.
    pub boundaries: Vec<(String, bool)>,
    /// Clients, between commas.
    pub clients: String,
    /// Jurisdictions, between commas.
    pub jurisdictions: String,
    /// Objects, between commas.
    pub objects: String,
    /// For how long.
    pub length: String,
    /// For how long at most.
    pub longest: String,
    /// Why.
    pub reason: String,
}

#[derive(Template)]
#[template(path = "emergency_wish.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a EmergencyWish,
}

/// The form of whoever asks for a version.
pub fn emergency_wish(setting: &Setting<'_>, one: &EmergencyWish, told: Told<'_>) -> Answer {
    Answer::page(&Page { frame: Frame::new("/emergency", setting), told, one }).with(told)
}

/// What would be stood down.
#[derive(Clone, Debug, Default)]
pub struct EmergencyEnd {
    /// The version.
    pub version: String,
    /// The entry that put it in force.
    pub activation: String,
    /// Why.
    pub reason: String,
}

#[derive(Template)]
#[template(path = "emergency_end.html")]
struct End<'a> {
    frame: Frame,
    told: Told<'a>,
    one: &'a EmergencyEnd,
}

/// The form of whoever stands one down.
pub fn emergency_end(setting: &Setting<'_>, one: &EmergencyEnd, told: Told<'_>) -> Answer {
    Answer::page(&End { frame: Frame::new("/emergency", setting), told, one }).with(told)
}
