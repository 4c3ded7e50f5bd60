//! Another mode for a boundary: what it would have done to what was recorded, and the lines that make it so.

use askama::Template;

use super::policies::candidate::Replayed;
use crate::frame::{Answer, Frame, Setting};

/// A boundary of the configuration, and another mode for it.
#[derive(Clone, Debug)]
pub struct ModePreview {
    /// Its name.
    pub boundary: String,
    /// Its mode now.
    pub mode: String,
    /// The other one.
    pub other: String,
    /// All of them.
    pub modes: Vec<String>,
    /// What is replayed: `7d`.
    pub since: String,
    /// What would have been otherwise.
    pub replay: Replayed,
}

#[derive(Template)]
#[template(path = "boundary_mode.html")]
struct Page<'a> {
    frame: Frame,
    one: &'a ModePreview,
    replay: &'a Replayed,
}

/// The page.
pub fn boundary_mode(setting: &Setting<'_>, one: &ModePreview) -> Answer {
    Answer::page(&Page { frame: Frame::new("/boundaries", setting), one, replay: &one.replay })
}
