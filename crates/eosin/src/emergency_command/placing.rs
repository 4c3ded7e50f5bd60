//! What people have signed, put into the log: what command, console and control API share. No key of a person is here.

use jiff::Timestamp;
use miette::{Report, miette};
use policy::EMERGENCIES_MAX;

use super::{
    Known,
    entries::{self, Book, Entry, Event},
    normal::Normal,
    now,
    paper::Act,
    statement::{LAPSE, Request, SKEW, told},
};
use crate::printer::Printer;

/// What was put into the log.
pub(crate) struct Placed {
    /// Where: `origin#index`.
    pub(crate) place: String,
    /// The version.
    pub(crate) version: String,
    /// Who signed, the first one first.
    pub(crate) signed: Vec<String>,
}

/// Why nothing was.
pub(crate) enum NotPlaced {
    /// Nobody who may has signed it, or not as it takes.
    Unsigned(Report),
    /// It does not fit what the log says now.
    Conflict(Report),
    /// The log cannot be read or written.
    Trouble(Report),
}

impl From<NotPlaced> for Report {
    fn from(why: NotPlaced) -> Self {
        match why {
            NotPlaced::Unsigned(report) | NotPlaced::Conflict(report) | NotPlaced::Trouble(report) => report,
        }
    }
}

/// Puts into the log what was signed for.
///
/// Shape:  `looked_at` is the version of the policies that whoever approves has seen it on top of, where that is known.
/// Errors: [`NotPlaced`], and nothing was written.
pub(crate) fn put(
    known: &Known,
    act: Act,
    note: &str,
    looked_at: Option<&str>,
    printer: &Printer,
) -> Result<Placed, NotPlaced> {
    match act {
        Act::Ask => request(known, note, printer),
        Act::Approve => approval(known, note, looked_at, printer),
        Act::StandDown => stand_down(known, note),
    }
}

/// A request that one person signed: it waits for another one.
///
/// Errors: [`NotPlaced`], and nothing was written.
pub(super) fn request(known: &Known, note: &str, printer: &Printer) -> Result<Placed, NotPlaced> {
    let log = known.origin()?;
    let (request, mut signed) = known.signers.request(note, &log).map_err(NotPlaced::Unsigned)?;
    if signed.len() != 1 {
        let says = miette!("{} have signed it: a request has the signature of one", signed.join(" and "));
        return Err(NotPlaced::Unsigned(says));
    }
    is_of_now(request.asked).map_err(NotPlaced::Conflict)?;
    let before = known.normally().map_err(NotPlaced::Trouble)?;
    is_sound(known, &request, &before, printer)?;
    let by = signed.pop().unwrap_or_default();
    let place = known.place(|book| {
        let entry = Entry::of(Event::Asked, &by, &request, note);
        book.agrees(&entry, &request)?;
        if book.waiting(now()).any(|(_, _, waiting)| *waiting == request) {
            return Err(miette!("the same request waits already"));
        }
        Ok(entry)
    })?;
    Ok(Placed { place, version: request.version.clone(), signed: vec![by] })
}

/// Whether what is asked for still keeps care, as the policies are now; why not is said.
pub(super) fn is_sound(
    known: &Known,
    request: &Request,
    before: &Normal,
    printer: &Printer,
) -> Result<(), NotPlaced> {
    let book = known.book(printer).map_err(NotPlaced::Trouble)?;
    let entry = book.prepared.get(&request.prepared).filter(|entry| entry.version == request.version);
    let not_prepared = || NotPlaced::Conflict(miette!("{} was not prepared", request.version));
    let entry = entry.ok_or_else(not_prepared)?;
    let emergency = entries::standing(&known.versions, "", request).map_err(NotPlaced::Conflict)?;
    match before.is_stopped_by(entry, &emergency, printer) {
        None => Ok(()),
        Some(why) => Err(NotPlaced::Conflict(Report::msg(why))),
    }
}

/// The same request, with the signature of another person too: it is in force.
///
/// Shape:  `looked_at` as in [`put`].
/// Errors: [`NotPlaced`], and nothing was written.
pub(super) fn approval(
    known: &Known,
    note: &str,
    looked_at: Option<&str>,
    printer: &Printer,
) -> Result<Placed, NotPlaced> {
    let log = known.origin()?;
    let at = crate::wiring::moment();
    let (request, first, second) = known.signers.approved(note, &log, &at).map_err(NotPlaced::Unsigned)?;
    let before = known.normally().map_err(NotPlaced::Trouble)?;
    is_sound(known, &request, &before, printer)?;
    let seen = looked_at.unwrap_or(&before.version);
    let place = known.place(|book| {
        // Nobody can activate another version now: what was proven, and seen, is what it comes on top of.
        if known.normal_version()? != seen {
            return Err(miette!("another version was activated meanwhile: look at it again"));
        }
        let mut waiting = book.waiting(now());
        if !waiting.any(|(_, asked, waiting)| *waiting == request && asked.by == first) {
            return Err(miette!("nobody has asked for this lately, or it was approved already"));
        }
        if book.in_force(now()).count() >= EMERGENCIES_MAX {
            return Err(miette!("{EMERGENCIES_MAX} emergency versions are in force: stand one down first"));
        }
        let entry =
            Entry { approved: Some(second.clone()), ..Entry::of(Event::Activated, &first, &request, note) };
        // As every gateway will: nothing is written that they would not obey.
        known.signers.approved(note, &log, &entry.at)?;
        // Proven above, of this very text: under the lock nobody waits for a proof.
        known.versions.text(&request.version, &request.sha256)?;
        book.agrees(&entry, &request)?;
        Ok(entry)
    })?;
    let version = request.version.clone();
    Ok(Placed { place, version, signed: vec![first, second] })
}

/// What one person signed to end an emergency version.
///
/// Errors: [`NotPlaced`], and nothing was written.
pub(super) fn stand_down(known: &Known, note: &str) -> Result<Placed, NotPlaced> {
    let log = known.origin()?;
    let (said, by) = known.signers.stood_down(note, &log).map_err(NotPlaced::Unsigned)?;
    is_of_now(said.at).map_err(NotPlaced::Conflict)?;
    let mut version = String::new();
    let place = known.place(|book| {
        let found = book.in_force_at(&said.activation, now());
        let one = found.ok_or_else(|| miette!("{} is not in force", said.activation))?;
        version.clone_from(&one.entry.version);
        Ok(Entry {
            activation: Some(said.activation.clone()),
            note: Some(note.to_owned()),
            ..Entry::new(Event::StoodDown, &by, &one.entry.version, &one.entry.sha256, &said.reason)
        })
    })?;
    Ok(Placed { place, version, signed: vec![by] })
}

/// Whether somebody signed it a moment ago.
pub(super) fn is_of_now(signed: Timestamp) -> miette::Result<()> {
    let waited = now().duration_since(signed);
    if waited < -SKEW {
        return Err(miette!(
            "it says that it was signed {} from now: look at the clocks of both machines, then sign it anew",
            told(-waited)
        ));
    }
    if waited > LAPSE {
        return Err(miette!("it was signed {} ago: sign it anew", told(waited)));
    }
    Ok(())
}

impl Known {
    pub(super) fn origin(&self) -> Result<String, NotPlaced> {
        self.versions.origin().map_err(NotPlaced::Trouble)
    }

    /// Puts in an entry that is made, or refused, of what the log says while nobody else can add one.
    fn place(&self, make: impl FnOnce(&Book) -> miette::Result<Entry>) -> Result<String, NotPlaced> {
        let mut is_conflict = false;
        let placed = self.versions.add(|log| {
            let (book, _) = Book::of(log, &self.signers);
            let entry = make(&book).inspect_err(|_| is_conflict = true)?;
            super::acting::bytes(&entry)
        });
        placed.map_err(
            |report| if is_conflict { NotPlaced::Conflict(report) } else { NotPlaced::Trouble(report) },
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_text_is_of_now_and_says_on_which_side_it_is_not() {
        for (ahead, says) in [(0, None), (30, None), (3_600, Some(" from now: ")), (-3_600, Some(" ago: "))] {
            let told =
                is_of_now(now() + SignedDuration::from_secs(ahead)).err().map(|report| report.to_string());
            assert_eq!(told.is_some(), says.is_some(), "{told:?}");
            let told = told.unwrap_or_default();
            assert!(told.contains(says.unwrap_or_default()) && !told.contains("-3"), "{told}");
        }
    }
}
