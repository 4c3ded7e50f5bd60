//! Emergency versions: what is in force and until when, who asked and who approved, what is prepared; and the banner of
//! every page while one is in force.

use askama::Template;
use index::{Index, StoreError, Value};

use crate::{
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
};

/// What is in force at a moment: activated, not over, and not stood down.
const IN_FORCE: &str = "SELECT version, scope, until, who, approved, reason, at, origin, entry FROM emergencies e \
    WHERE event = 'activated' AND until > $1 AND NOT EXISTS (SELECT 1 FROM emergencies s WHERE s.event = 'stood-down' \
    AND s.who IS NOT NULL AND s.activation = e.origin || '#' || CAST(e.entry AS TEXT)) ORDER BY until, origin, entry LIMIT 50";
const PREPARED: &str = "SELECT version, at, who, reason FROM emergencies WHERE event = 'prepared' \
    ORDER BY at DESC, origin, entry DESC LIMIT 50";
const EVENTS: &str = "SELECT at, event, version, scope, until, who, approved, reason, origin FROM emergencies \
    WHERE event <> 'prepared' ORDER BY at DESC, origin, entry DESC LIMIT 200";

#[derive(Debug)]
struct InForce {
    version: String,
    scope: String,
    until: String,
    who: String,
    approved: String,
    reason: String,
    since: String,
    entry: String,
}

#[derive(Debug)]
struct Prepared {
    version: String,
    at: String,
    who: String,
    reason: String,
}

#[derive(Debug)]
struct Step {
    at: String,
    event: String,
    version: String,
    scope: String,
    until: String,
    who: String,
    approved: String,
    reason: String,
    ledger: String,
}

#[derive(Template)]
#[template(path = "emergency.html")]
struct Page {
    frame: Frame,
    in_force: Vec<InForce>,
    prepared: Vec<Prepared>,
    events: Vec<Step>,
}

#[derive(Template)]
#[template(path = "emergency_banner.html")]
struct Banner {
    in_force: Vec<InForce>,
}

/// The page.
pub(crate) fn page(setting: &Setting<'_>, index: &mut Index) -> Result<Answer, StoreError> {
    let in_force = in_force(setting, index)?;
    let prepared = ask(index, PREPARED, &[])?.iter_mut().map(prepared).collect();
    let events = ask(index, EVENTS, &[])?.iter_mut().map(step).collect();
    Ok(Answer::page(&Page { frame: Frame::new("/emergency", setting), in_force, prepared, events }))
}

/// Where the frame of every page has room for the banner.
const ROOM: &str = "<!-- in force -->";

/// The same page, with what is in force said at its top.
pub(crate) fn told(
    mut answer: Answer,
    setting: &Setting<'_>,
    index: &mut Index,
) -> Result<Answer, StoreError> {
    if !answer.body.contains(ROOM) {
        return Ok(answer);
    }
    let in_force = in_force(setting, index)?;
    let banner =
        if in_force.is_empty() { String::new() } else { Banner { in_force }.render().unwrap_or_default() };
    answer.body = answer.body.replacen(ROOM, &banner, 1);
    Ok(answer)
}

fn in_force(setting: &Setting<'_>, index: &mut Index) -> Result<Vec<InForce>, StoreError> {
    let rows = ask(index, IN_FORCE, &[Value::text(setting.now)])?;
    Ok(rows.into_iter().map(|mut row| standing(&mut row)).collect())
}

fn standing(row: &mut Row) -> InForce {
    InForce {
        version: row.text(),
        scope: row.text(),
        until: shown(&row.text()),
        who: row.text(),
        approved: row.text(),
        reason: row.text(),
        since: shown(&row.text()),
        entry: format!("{}#{}", row.text(), row.number()),
    }
}

fn prepared(row: &mut Row) -> Prepared {
    Prepared { version: row.text(), at: shown(&row.text()), who: row.text(), reason: row.text() }
}

fn step(row: &mut Row) -> Step {
    Step {
        at: shown(&row.text()),
        event: row.text(),
        version: row.text(),
        scope: row.text(),
        until: shown(&row.text()),
        who: row.text(),
        approved: row.text(),
        reason: row.text(),
        ledger: row.text(),
    }
}
