//! What is answered where nothing is.

use askama::Template;

use crate::frame::{Answer, Frame, Setting};

#[derive(Template)]
#[template(path = "absent.html")]
struct Absent<'a> {
    frame: Frame,
    why: &'a str,
}

/// A page that says that there is nothing.
pub(crate) fn page(setting: &Setting<'_>, why: &str) -> Answer {
    let mut answer = Answer::page(&Absent { frame: Frame::new("", setting), why });
    answer.status = 404;
    answer
}
