//! Emergency versions: what is in force and until when, who asked and who approved, what is prepared; and the banner of
//! every page while one is in force.

use askama::Template;
use index::{Index, StoreError, Value};

use crate::{
    Told,
    frame::{Answer, Frame, Setting, shown},
    rows::{Row, ask},
    target::link,
};

pub(crate) mod signing;
pub(crate) mod wish;

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

/// What whoever signed in can do about emergency versions, as the log of versions has them.
#[derive(Clone, Debug, Default)]
pub struct EmergencySwitch {
    /// Who looks, as a signer; nothing where no signer is them.
    pub signer: Option<String>,
    /// Everybody who signs.
    pub signers: Vec<String>,
    /// What waits for a second person.
    pub waiting: Vec<EmergencyWaits>,
    /// The versions that can be asked for.
    pub ready: Vec<String>,
    /// What is in force: the entries that put it there.
    pub in_force: Vec<String>,
}

impl EmergencySwitch {
    fn is_me(&self, name: &str) -> bool {
        self.signer.as_deref() == Some(name)
    }

    fn can_ask(&self, version: &str) -> bool {
        self.signer.is_some() && self.ready.iter().any(|one| one == version)
    }

    fn can_end(&self, entry: &str) -> bool {
        self.signer.is_some() && self.in_force.iter().any(|one| one == entry)
    }
}

/// A request that one person signed.
#[derive(Clone, Debug)]
pub struct EmergencyWaits {
    /// The version.
    pub version: String,
    /// Within what it would decide.
    pub scope: String,
    /// When it would end by itself.
    pub until: String,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it cannot be approved any more.
    pub lapses: String,
    /// Its entry: `origin#index`.
    pub place: String,
}

impl EmergencyWaits {
    fn page(&self) -> String {
        link("/emergency/approve", [("asked", self.place.as_str())])
    }

    fn moments(&self) -> (String, String) {
        (shown(&self.until), shown(&self.lapses))
    }
}

#[derive(Template)]
#[template(path = "emergency.html")]
struct Page<'a> {
    frame: Frame,
    told: Told<'a>,
    switch: Option<&'a EmergencySwitch>,
    // Whether the index answers.
    is_known: bool,
    in_force: Vec<InForce>,
    prepared: Vec<Prepared>,
    events: Vec<Step>,
}

#[derive(Template)]
#[template(path = "emergency_banner.html")]
struct Banner {
    in_force: Vec<InForce>,
}

impl Page<'_> {
    fn ask(&self, version: &str) -> Option<String> {
        let can = self.switch.is_some_and(|switch| switch.can_ask(version));
        can.then(|| link("/emergency/ask", [("version", version)]))
    }

    fn end(&self, entry: &str) -> Option<String> {
        let can = self.switch.is_some_and(|switch| switch.can_end(entry));
        can.then(|| link("/emergency/stand-down", [("activation", entry)]))
    }
}

/// The page: what the index says, and what whoever may can do about it.
///
/// Errors: [`StoreError`]: the index could not be asked.
pub fn emergency(
    setting: &Setting<'_>,
    index: &mut Index,
    switch: Option<&EmergencySwitch>,
    told: Told<'_>,
) -> Result<Answer, StoreError> {
    let in_force = in_force(setting, index)?;
    let prepared = ask(index, PREPARED, &[])?.iter_mut().map(prepared).collect();
    let events = ask(index, EVENTS, &[])?.iter_mut().map(step).collect();
    let frame = Frame::new("/emergency", setting);
    let answer =
        Answer::page(&Page { frame, told, switch, is_known: true, in_force, prepared, events }).with(told);
    self::told(answer, setting, index)
}

/// The same where the index does not answer: what whoever looks can do, for an emergency does not wait for a database.
pub fn emergency_without_index(
    setting: &Setting<'_>,
    switch: Option<&EmergencySwitch>,
    told: Told<'_>,
) -> Answer {
    let says = match told {
        Told::Nothing => Told::Fault(NO_INDEX),
        Told::Done(_) | Told::Fault(_) => told,
    };
    let frame = Frame::new("/emergency", setting);
    let (in_force, prepared, events) = (Vec::new(), Vec::new(), Vec::new());
    Answer::page(&Page { frame, told: says, switch, is_known: false, in_force, prepared, events }).with(told)
}

/// What is said there.
const NO_INDEX: &str = "The index does not answer: what is in force and what came before is not shown. What you can do is; \
                        `eosin emergency status` says what is in force.";

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
