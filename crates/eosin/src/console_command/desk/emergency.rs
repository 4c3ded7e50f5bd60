//! Emergency versions in the console: asked for, approved and stood down by people who sign elsewhere, with keys that are
//! never here. Whoever hands in what they signed has to be the signer that they are.

use gateway::PageAnswer;
use miette::{Report, miette};
use policy::EmergencyScope;
use web::{
    BeforeAfter, EmergencyAct, EmergencyEnd, EmergencyPaper, EmergencySwitch, EmergencyWaits, EmergencyWish,
    Told,
};

use super::{Desk, Present};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere, with_members},
        reception::{trouble, with_setting},
    },
    emergency_command::{
        self, Known,
        entries::Book,
        paper::{Act, Paper, Wish},
        placing::{self, NotPlaced},
        statement::{self, TEXT_BYTES_MAX},
    },
    policy_command::WHEN_OBEYED,
};

/// How long an emergency lasts where nobody says otherwise.
const LENGTH: &str = "2h";

impl Desk {
    /// What whoever looks can do, and what is said of what they just did; nothing where they may not, or this configuration
    /// has no log of versions.
    pub(crate) fn emergency_switch(
        &self,
        present: &Present,
        query: &Form,
    ) -> miette::Result<Option<(EmergencySwitch, Said)>> {
        if !present.may(access::Action::SwitchEmergency) || self.config.policy.log.is_none() {
            return Ok(None);
        }
        let known = Known::of(&self.config.file)?;
        let book = known.book(&self.printer)?;
        let now = emergency_command::now();
        let waiting = book.waiting(now).map(|(index, entry, request)| EmergencyWaits {
            version: entry.version.clone(),
            scope: request.scope.to_string(),
            until: request.until.to_string(),
            by: entry.by.clone(),
            reason: request.reason.clone(),
            lapses: request.lapses().to_string(),
            place: format!("{}#{index}", book.origin()),
        });
        let switch = EmergencySwitch {
            signer: known.signer_of(present.by().name()).map(str::to_owned),
            signers: known.signer_names().map(str::to_owned).collect(),
            waiting: waiting.collect(),
            ready: book.ready().into_iter().map(|entry| entry.version.clone()).collect(),
            in_force: book.in_force(now).map(|(place, _)| place).collect(),
        };
        let said = said(query, &switch, &book);
        Ok(Some((switch, said)))
    }

    /// A page of emergencies.
    pub(super) fn emergency(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        if self.config.policy.log.is_none() {
            return elsewhere("/emergency");
        }
        let known = match Known::of(&self.config.file) {
            Ok(known) => known,
            Err(report) => return trouble(&report),
        };
        let Some(me) = known.signer_of(present.by().name()).map(str::to_owned) else {
            return elsewhere("/emergency?done=no-signer");
        };
        let at = Switching { desk: self, known: &known, me: &me, present };
        let query = asked.query();
        let made = match (asked.path(), &asked.form) {
            ("/emergency/ask", None) => Ok(at.wish(&query, Told::Nothing)),
            ("/emergency/ask", Some(form)) => at.asked(form),
            ("/emergency/approve", None) => at.approve(query.get("asked")),
            ("/emergency/stand-down", None) => at.end(&query, Told::Nothing),
            ("/emergency/stand-down", Some(form)) => at.ended(form),
            ("/emergency/check", Some(form)) => at.handed(form, Step::Check),
            ("/emergency/place", Some(form)) => at.handed(form, Step::Place),
            _ => Ok(elsewhere("/emergency")),
        };
        made.unwrap_or_else(|report| trouble(&report))
    }
}

/// Whether what was handed in is shown once more, or counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Check,
    Place,
}

/// Somebody at the switch.
struct Switching<'a> {
    desk: &'a Desk,
    known: &'a Known,
    me: &'a str,
    present: &'a Present,
}

impl Switching<'_> {
    /// The form of whoever asks.
    fn wish(&self, form: &Form, told: Told<'_>) -> PageAnswer {
        let or = |word: &str, other: &str| {
            let given = form.get(word);
            if given.is_empty() { other.to_owned() } else { given.to_owned() }
        };
        let chosen: Vec<&str> = form.all("boundary").collect();
        let names = self.desk.boundaries();
        let one = EmergencyWish {
            version: form.get("version").to_owned(),
            boundaries: names
                .into_iter()
                .map(|one| {
                    let is_chosen = chosen.contains(&one.name.as_str());
                    (one.name, is_chosen)
                })
                .collect(),
            clients: form.get("clients").to_owned(),
            jurisdictions: form.get("jurisdictions").to_owned(),
            objects: form.get("objects").to_owned(),
            length: or("length", LENGTH),
            longest: statement::told(self.known.longest()),
            reason: form.get("reason").to_owned(),
        };
        with_setting(self.present, |setting| web::emergency_wish(setting, &one, told))
    }

    /// What was wished, to be signed; or the form again, with what is wrong.
    fn asked(&self, form: &Form) -> miette::Result<PageAnswer> {
        let scope = match scope(form) {
            Ok(scope) => scope,
            Err(report) => return Ok(self.wish(form, Told::Fault(&sentence(&report)))),
        };
        let read = statement::length(form.get("length"))
            .and_then(|length| statement::reason(form.get("reason")).map(|reason| (length, reason)));
        let (length, reason) = match read {
            Ok(read) => read,
            Err(report) => return Ok(self.wish(form, Told::Fault(&sentence(&report)))),
        };
        let wish = Wish { name: form.get("version"), scope: &scope, length, reason };
        match self.known.to_ask(&wish, &self.desk.printer) {
            Ok(paper) => self.sign(&paper, "", Told::Nothing),
            Err(NotPlaced::Trouble(report)) => Err(report),
            Err(NotPlaced::Unsigned(report) | NotPlaced::Conflict(report)) => {
                Ok(self.wish(form, Told::Fault(&sentence(&report))))
            }
        }
    }

    /// What waits, to be signed by another person.
    fn approve(&self, asked: &str) -> miette::Result<PageAnswer> {
        match self.known.to_approve(asked, &self.desk.printer) {
            Ok(paper) if paper.asked_by.as_deref() == Some(self.me) => Ok(done("same-person", asked)),
            Ok(paper) => self.sign(&paper, "", Told::Nothing),
            Err(NotPlaced::Trouble(report)) => Err(report),
            Err(NotPlaced::Unsigned(report) | NotPlaced::Conflict(report)) => Ok(self.nothing_left(&report)),
        }
    }

    /// The form of whoever ends one.
    fn end(&self, form: &Form, told: Told<'_>) -> miette::Result<PageAnswer> {
        let activation = form.get("activation").to_owned();
        let Some(version) = self.known.in_force_at(&activation, &self.desk.printer)? else {
            let why = miette!("this is not in force: it has ended, or somebody stood it down");
            return Ok(self.nothing_left(&why));
        };
        let one = EmergencyEnd { version, activation, reason: form.get("reason").to_owned() };
        Ok(with_setting(self.present, |setting| web::emergency_end(setting, &one, told)))
    }

    fn ended(&self, form: &Form) -> miette::Result<PageAnswer> {
        let reason = match statement::reason(form.get("reason")) {
            Ok(reason) => reason,
            Err(report) => return self.end(form, Told::Fault(&sentence(&report))),
        };
        match self.known.to_stand_down(form.get("activation"), reason, &self.desk.printer) {
            Ok(paper) => self.sign(&paper, "", Told::Nothing),
            Err(NotPlaced::Trouble(report)) => Err(report),
            Err(NotPlaced::Unsigned(report) | NotPlaced::Conflict(report)) => Ok(self.nothing_left(&report)),
        }
    }

    /// What somebody signed: it is examined, and then shown once more or put into the log.
    fn handed(&self, form: &Form, step: Step) -> miette::Result<PageAnswer> {
        let Some(act) = Act::read(form.get("act")) else { return Ok(elsewhere("/emergency")) };
        let (note, seen) = (form.get("note"), form.get("seen"));
        let text = form.get("text").replace("\r\n", "\n");
        if note.len() > TEXT_BYTES_MAX || text.len() > TEXT_BYTES_MAX {
            return Ok(elsewhere("/emergency"));
        }
        let paper = match self.known.paper(act, text, &self.desk.printer) {
            Ok(paper) => paper,
            Err(NotPlaced::Trouble(report)) => return Err(report),
            Err(NotPlaced::Unsigned(report) | NotPlaced::Conflict(report)) => {
                return Ok(self.nothing_left(&report));
            }
        };
        let whole = match self.known.handed_in(&paper, note, self.me) {
            Ok(whole) => whole,
            Err(why) => return self.again(&paper, note, why),
        };
        // What ends waits for nobody who activates something else.
        if act != Act::StandDown && self.known.normal_version()? != seen {
            return self.again(&paper, note, meanwhile());
        }
        if step == Step::Check {
            return self.question(&paper, note);
        }
        let digest = mark::digest::sha256(&[whole.as_bytes()]).to_hex();
        let subjects = vec![paper.request.version.clone(), format!("sha256 {digest}")];
        self.desk.note(self.present, act.event(), subjects, &paper.reason)?;
        match placing::put(self.known, act, &whole, Some(seen), &self.desk.printer) {
            Ok(placed) => {
                tracing::info!(event = act.event(), version = placed.version, place = placed.place, "placed");
                Ok(done(act.word(), &placed.place))
            }
            Err(why) => self.again(&paper, note, why),
        }
    }

    /// The page to sign on once more, with what is wrong and what was handed in.
    fn again(&self, paper: &Paper, note: &str, why: NotPlaced) -> miette::Result<PageAnswer> {
        let (report, status) = match why {
            NotPlaced::Trouble(report) => return Err(report),
            NotPlaced::Unsigned(report) => (report, 422),
            NotPlaced::Conflict(report) => (report, 409),
        };
        let mut answer = self.sign(paper, note, Told::Fault(&sentence(&report)))?;
        answer.status = status;
        Ok(answer)
    }

    fn sign(&self, paper: &Paper, note: &str, told: Told<'_>) -> miette::Result<PageAnswer> {
        let one = self.shown(paper, note)?;
        Ok(with_setting(self.present, |setting| web::emergency_paper(setting, &one, told)))
    }

    fn question(&self, paper: &Paper, note: &str) -> miette::Result<PageAnswer> {
        let one = self.shown(paper, note)?;
        let consequences = consequences(paper, &one.compared);
        Ok(with_setting(self.present, |setting| web::emergency_question(setting, &one, &consequences)))
    }

    /// A paper as a page has it, with what each consumer receives now and then.
    fn shown(&self, paper: &Paper, note: &str) -> miette::Result<EmergencyPaper> {
        // An emergency does not wait until somebody has replayed a month: it asks about a bounded part of a day.
        let mut index = self.desk.index().map_err(|report| format!("{report}"));
        let compared = self.known.compared(paper, index.as_mut().map_err(|why| why.clone()))?;
        let act = match paper.act {
            Act::Ask => EmergencyAct::Ask,
            Act::Approve => EmergencyAct::Approve,
            Act::StandDown => EmergencyAct::StandDown,
        };
        Ok(EmergencyPaper {
            act,
            text: paper.text.clone(),
            version: paper.request.version.clone(),
            scope: paper.request.scope.to_string(),
            until: paper.request.until.to_string(),
            reason: paper.reason.clone(),
            lapses: paper.lapses().to_string(),
            asked_by: paper.asked_by.clone(),
            signer: self.me.to_owned(),
            note: note.to_owned(),
            compared,
        })
    }

    /// Nothing can come of it any more: the page of emergencies shows how everything stands.
    fn nothing_left(&self, report: &Report) -> PageAnswer {
        let said = format!("{} Look at how it stands, and begin again if it is needed.", sentence(report));
        let mut answer = with_setting(self.present, |setting| web::emergency_gone(setting, &said));
        answer.status = 409;
        answer
    }
}

/// The page of emergencies, told what was done and which entry says so.
fn done(word: &str, place: &str) -> PageAnswer {
    elsewhere(&with_members("/emergency", &[("done", word), ("entry", place)]))
}

/// What the page of emergencies says of what was just done.
pub(crate) enum Said {
    Nothing,
    Done(String),
    Fault(String),
}

impl Said {
    /// As a page has it.
    pub(crate) fn told(&self) -> Told<'_> {
        match self {
            Self::Nothing => Told::Nothing,
            Self::Done(said) => Told::Done(said),
            Self::Fault(said) => Told::Fault(said),
        }
    }
}

/// By a word and an entry in the address, which anybody can write: only where the log agrees.
fn said(query: &Form, switch: &EmergencySwitch, book: &Book) -> Said {
    let place = query.get("entry");
    let by_me = |waits: &&EmergencyWaits| Some(&waits.by) == switch.signer.as_ref();
    let asked = switch.waiting.iter().find(|waits| waits.place == place).filter(by_me);
    let index = book.index_of(place);
    match query.get("done") {
        "ask" if asked.is_some() => Said::Done(
            "Your request is in the log of versions. Nothing changes yet: another person approves it within 15 minutes."
                .to_owned(),
        ),
        "same-person" if asked.is_some() => {
            Said::Fault("You asked for it: another person, with another key, approves it.".to_owned())
        }
        "no-signer" if switch.signer.is_none() => Said::Fault(
            "You are none of the signers of this configuration (`[[emergency.signer]]`).".to_owned(),
        ),
        "approve" if switch.in_force.iter().any(|one| one == place) => Said::Done(format!(
            "It is in force, and ends by itself: entry {place}. {WHEN_OBEYED}"
        )),
        "stand-down" => {
            let ended = index.and_then(|index| book.ended_by(index)).map(|one| &one.entry.version);
            let holds = if switch.in_force.is_empty() {
                "what was normal before holds again"
            } else {
                "what else is in force goes on"
            };
            ended.map_or(Said::Nothing, |version| {
                Said::Done(format!("It was stood down: {holds}. {version}, entry {place}. {WHEN_OBEYED}"))
            })
        }
        _ => Said::Nothing,
    }
}

/// What pressing the button does, line by line.
fn consequences(paper: &Paper, compared: &BeforeAfter) -> Vec<String> {
    let (now, then, all) = compared.sums();
    let passes = format!("Of {all} transactions of the last day {now} pass now, and {then} would.");
    let said = match paper.act {
        Act::Ask => {
            "Nothing changes yet: within 15 minutes of the text another person has to approve it.".to_owned()
        }
        Act::Approve => format!("It is in force then, and ends by itself. {WHEN_OBEYED}"),
        Act::StandDown => format!("It has ended then. {WHEN_OBEYED}"),
    };
    let mut all = vec![said];
    all.extend(compared.not_told.is_none().then_some(passes));
    all.push(
        "The log of versions has your signature, and the log of operators says that you did it, and why."
            .to_owned(),
    );
    all
}

/// Within what, as the form says it.
fn scope(form: &Form) -> miette::Result<EmergencyScope> {
    let list = |word: &'static str, text: &str| -> Vec<String> {
        // A client's name may have blanks inside.
        let is_between = |sign: char| sign == ',' || sign == ' ' && word != "client";
        let names = text.split(is_between).map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| format!("{word}={name}")).collect()
    };
    let words: Vec<String> = form
        .all("boundary")
        .flat_map(|name| list("boundary", name))
        .chain(list("client", form.get("clients")))
        .chain(list("jurisdiction", form.get("jurisdictions")))
        .chain(list("object", form.get("objects")))
        .collect();
    let text = if words.is_empty() { "all".to_owned() } else { words.join(",") };
    text.parse().map_err(|error| miette!("{error}"))
}

/// What is said where somebody activated a version of the policies since this was looked at.
fn meanwhile() -> NotPlaced {
    NotPlaced::Conflict(miette!(
        "another version of the policies was activated meanwhile: what you see below is compared with it now. \
         What you signed is still good: look again, then go on"
    ))
}

/// A report as a sentence, with its advice.
fn sentence(report: &Report) -> String {
    let text = report.to_string();
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let help = report.help().map(|help| format!(" {help}.")).unwrap_or_default();
    let advice: String = help.chars().take(300).collect();
    format!("{first}{}.{advice}", letters.as_str())
}
