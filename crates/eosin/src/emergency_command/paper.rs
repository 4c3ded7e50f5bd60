//! What a person of the console is given to sign, and what they hand in: made, shown, read and put into the log. No key
//! of a person is here.

use std::sync::Arc;

use index::Index;
use jiff::{SignedDuration, Timestamp};
use mark::note::SignedNote;
use miette::{IntoDiagnostic as _, Report, miette};
use policy::{Emergency, EmergencyScope};
use web::BeforeAfter;

use super::{
    Known,
    comparison::Comparison,
    entries::{self, Book},
    now,
    placing::{self, NotPlaced},
    statement::{self, LAPSE, Request, SHORTEST, StandDown, told},
};
use crate::{policy_command::versions::told_elsewhere, printer::Printer};

/// What is signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// That a version is put in force: the first person.
    Ask,
    /// The same: the second person.
    Approve,
    /// That one ends.
    StandDown,
}

impl Act {
    const ALL: [Self; 3] = [Self::Ask, Self::Approve, Self::StandDown];

    /// By its word.
    pub(crate) fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// The word, as forms have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Approve => "approve",
            Self::StandDown => "stand-down",
        }
    }

    /// As the log of operators has it.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Self::Ask => "emergency-ask",
            Self::Approve => "emergency-approve",
            Self::StandDown => "emergency-stand-down",
        }
    }
}

/// What somebody wishes to be put in force.
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    pub(crate) scope: &'a EmergencyScope,
    pub(crate) length: SignedDuration,
    pub(crate) reason: String,
}

/// A text that somebody is to sign, and what it is about, as the log says now.
pub(crate) struct Paper {
    pub(crate) act: Act,
    /// What is signed, to the letter.
    pub(crate) text: String,
    pub(crate) request: Request,
    /// Why, as it would be signed.
    pub(crate) reason: String,
    // When it was made, as it says.
    begun: Timestamp,
    /// Who asked for it before.
    pub(crate) asked_by: Option<String>,
    /// What the first person signed.
    first: Option<String>,
    // Of what ends it may be an error: ending needs nothing of it.
    emergency: miette::Result<Arc<Emergency>>,
}

impl Paper {
    /// Until when it can be handed in.
    pub(crate) fn lapses(&self) -> Timestamp {
        statement::lapse(self.begun)
    }
}

impl Known {
    /// A request as a person would sign it now.
    ///
    /// Errors: a report: it was not prepared, or nobody may put it in force for so long.
    pub(super) fn drafted(&self, book: &Book, wish: &Wish<'_>) -> miette::Result<Request> {
        if wish.length < SHORTEST || wish.length > self.signers.longest() {
            return Err(miette!(
                "it can be put in force for at least a minute and at most {}",
                told(self.signers.longest())
            ));
        }
        let (prepared, entry) = book.prepared(wish.name)?;
        let asked = now();
        Ok(Request {
            log: self.versions.origin()?,
            prepared,
            version: entry.version.clone(),
            sha256: entry.sha256.clone(),
            scope: wish.scope.clone(),
            asked,
            until: asked.checked_add(wish.length).into_diagnostic()?,
            reason: wish.reason.clone(),
        })
    }

    /// What the first person is to sign.
    ///
    /// Errors: as [`Known::paper`].
    pub(crate) fn to_ask(&self, wish: &Wish<'_>, printer: &Printer) -> Result<Paper, NotPlaced> {
        let book = self.book(printer).map_err(NotPlaced::Trouble)?;
        let request = self.drafted(&book, wish).map_err(NotPlaced::Conflict)?;
        self.paper(Act::Ask, request.text(), printer)
    }

    /// What the second person is to sign: what waits at this entry.
    ///
    /// Errors: as [`Known::paper`].
    pub(crate) fn to_approve(&self, asked: &str, printer: &Printer) -> Result<Paper, NotPlaced> {
        let book = self.book(printer).map_err(NotPlaced::Trouble)?;
        let found = book.index_of(asked).and_then(|index| book.asked.get(&index));
        let (_, request) = found.ok_or_else(gone)?;
        self.paper(Act::Approve, request.text(), printer)
    }

    /// What somebody is to sign who ends what this entry put in force.
    ///
    /// Errors: as [`Known::paper`].
    pub(crate) fn to_stand_down(
        &self,
        activation: &str,
        reason: String,
        printer: &Printer,
    ) -> Result<Paper, NotPlaced> {
        let said = StandDown { log: self.origin()?, activation: activation.to_owned(), at: now(), reason };
        self.paper(Act::StandDown, said.text(), printer)
    }

    /// A text that was shown to be signed, as everything stands now.
    ///
    /// Errors: [`NotPlaced::Conflict`]: nothing can come of it any more, and why.
    pub(crate) fn paper(&self, act: Act, text: String, printer: &Printer) -> Result<Paper, NotPlaced> {
        let book = self.book(printer).map_err(NotPlaced::Trouble)?;
        let (place, request, reason, begun, first) = match act {
            Act::Ask => {
                let request = Request::parse(&text).ok_or_else(no_text)?;
                (String::new(), request.clone(), request.reason, request.asked, None)
            }
            Act::Approve => {
                let request = Request::parse(&text).ok_or_else(no_text)?;
                let found = book.waiting(now()).find(|(_, _, one)| **one == request);
                let (_, entry, _) = found.ok_or_else(gone)?;
                (String::new(), request.clone(), request.reason, request.asked, Some(entry.clone()))
            }
            Act::StandDown => {
                let said = StandDown::parse(&text).ok_or_else(no_text)?;
                let ended = || {
                    NotPlaced::Conflict(miette!(
                        "{} is not in force: it has ended, or somebody stood it down",
                        said.activation
                    ))
                };
                let one = book.in_force_at(&said.activation, now()).ok_or_else(ended)?;
                (said.activation, one.request.clone(), said.reason, said.at, Some(one.entry.clone()))
            }
        };
        let mut emergency = entries::standing(&self.versions, &place, &request);
        if act != Act::StandDown {
            emergency = Ok(emergency.map_err(NotPlaced::Conflict)?);
            let before = self.normally().map_err(NotPlaced::Trouble)?;
            placing::is_sound(self, &request, &before, printer)?;
        }
        let (asked_by, first) = match first {
            Some(entry) => (Some(entry.by), entry.note),
            None => (None, None),
        };
        Ok(Paper { act, text, request, reason, begun, asked_by, first, emergency })
    }

    /// What each consumer receives now, and once this is done.
    ///
    /// Errors: a report: nobody can tell which version is normal. What else cannot be told is said on the page, and stops nobody.
    pub(crate) fn compared(
        &self,
        paper: &Paper,
        index: Result<&mut Index, String>,
    ) -> miette::Result<BeforeAfter> {
        let is_end = paper.act == Act::StandDown;
        let why = match &paper.emergency {
            Ok(emergency) => match Comparison::lately(self, emergency, index) {
                Ok(compared) => return Ok(compared.to_page(is_end)),
                Err(report) => told_elsewhere(&report),
            },
            // Only what ends is looked at without its text.
            Err(report) => told_elsewhere(report),
        };
        let normal = self.normal_version();
        Ok(BeforeAfter {
            normal: if is_end { normal.unwrap_or_default() } else { normal? },
            not_told: Some(why),
            is_nothing_told: true,
            ..BeforeAfter::default()
        })
    }

    /// The signer that an operator of the console is.
    pub(crate) fn signer_of(&self, operator: &str) -> Option<&str> {
        let found = self.config.policy.emergency.signers.iter().find(|signer| signer.operator == operator);
        found.map(|signer| signer.name.as_str())
    }

    /// The names of those who sign.
    pub(crate) fn signer_names(&self) -> impl Iterator<Item = &str> {
        self.config.policy.emergency.signers.iter().map(|signer| signer.name.as_str())
    }

    /// For how long a version can be put in force at most.
    pub(crate) fn longest(&self) -> SignedDuration {
        self.signers.longest()
    }

    /// The version that this entry put in force; nothing where it is not.
    ///
    /// Errors: a report: the log cannot be read, and whether it is in force is not known.
    pub(crate) fn in_force_at(&self, activation: &str, printer: &Printer) -> miette::Result<Option<String>> {
        let book = self.book(printer)?;
        Ok(book.in_force_at(activation, now()).map(|one| one.entry.version.clone()))
    }

    /// What was handed in, as it is put into the log: this text, signed by this signer, and by the first person where there is one.
    ///
    /// Errors: [`NotPlaced::Unsigned`]: what is wrong with it, in words for whoever handed it in.
    pub(crate) fn handed_in(&self, paper: &Paper, note: &str, me: &str) -> Result<String, NotPlaced> {
        let unsigned = |report: Report| NotPlaced::Unsigned(report);
        let handed = SignedNote::parse(&statement::as_printed(note)).map_err(|error| {
            unsigned(miette!(
                "this is no signed text ({error}): copy all of what the command printed, the blank line and the last line too"
            ))
        })?;
        if handed.unverified_text() != paper.text {
            return Err(unsigned(miette!("another text was signed than the one shown here: sign this one")));
        }
        let names = self.signers.signed(&handed).map_err(|report| {
            let mut says = format!("the signature is not good: {report:#}");
            if says.len() > SAID_MAX {
                says.truncate(says.floor_char_boundary(SAID_MAX));
            }
            unsigned(Report::msg(says))
        })?;
        let others: Vec<&str> = names.iter().copied().filter(|name| *name != me).collect();
        let may_be_there = |name: &str| paper.act == Act::Approve && paper.asked_by.as_deref() == Some(name);
        if let Some(other) = others.iter().find(|name| !may_be_there(name)) {
            return Err(unsigned(miette!(
                "it is signed with the key of {other}, and you are {me}: each person signs with their own key"
            )));
        }
        if !names.contains(&me) {
            return Err(unsigned(miette!("your own key, that of {me}, has not signed it")));
        }
        let whole = match &paper.first {
            Some(first) if paper.act == Act::Approve => {
                let mut whole = SignedNote::parse(first).into_diagnostic().map_err(NotPlaced::Trouble)?;
                for line in handed.signatures() {
                    whole = whole.with_signature(line.clone()).into_diagnostic().map_err(unsigned)?;
                }
                whole.to_string()
            }
            Some(_) | None => handed.to_string(),
        };
        self.is_in_time(paper, &whole)?;
        Ok(whole)
    }

    /// That it is not too old, and is what the log would take.
    fn is_in_time(&self, paper: &Paper, note: &str) -> Result<(), NotPlaced> {
        let log = self.origin()?;
        if paper.act == Act::Approve {
            let at = crate::wiring::moment();
            return self.signers.approved(note, &log, &at).map(drop).map_err(NotPlaced::Conflict);
        }
        placing::is_of_now(paper.begun).map_err(NotPlaced::Conflict)
    }

    /// The version that holds when there is no emergency.
    pub(crate) fn normal(&self) -> miette::Result<String> {
        Ok(self.config.policies()?.version().to_owned())
    }
}

/// Bytes of what is said of a signature: names in it are whatever somebody wrote.
const SAID_MAX: usize = 500;

fn gone() -> NotPlaced {
    NotPlaced::Conflict(miette!(
        "this does not wait any more: it was approved already, or nobody approved it within {}",
        told(LAPSE)
    ))
}

fn no_text() -> NotPlaced {
    NotPlaced::Conflict(miette!("this is no text of an emergency as specified: begin again"))
}
