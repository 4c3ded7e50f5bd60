//! Who is let into the console, and what they are let see and do: sessions, sign-ins, and the forms of accounts and operators.

use std::{collections::BTreeSet, sync::Arc};

use access::{
    Action, Attempts, Caller, Name, Operator, Permissions, Register, Role, Session, SessionId, Sessions,
    Stage, Timeouts, Token, TokenSecret, Wait, openid::Errands,
};
use gateway::{Cookie, PageAnswer, PageRequest};
use miette::IntoDiagnostic as _;
use web::{EmergencySwitch, Setting, Visitor};

use super::{
    answers::{Asked, elsewhere, of, said},
    desk::{Desk, Work, emergency::Said},
    live::{self, Live},
    openid::{CALLBACK, Provider},
    pages::Pages,
};
use crate::{
    keys,
    operators::{By, Operators},
    policy_command::WHEN_OBEYED,
    wiring,
};

mod account;
mod door;
mod managing;
mod openid;
pub(crate) mod programs;

pub(super) use door::trouble;

/// The pages, and who may see them.
pub(crate) struct Reception {
    operators: Operators,
    register: Option<Register>,
    permissions: Arc<Permissions>,
    sessions: Sessions,
    attempts: Attempts,
    pages: Arc<Pages>,
    desk: Arc<Desk>,
    live: Live,
    provider: Option<Arc<Provider>>,
    errands: Errands,
}

/// What finishes an answer that was asked of somebody else outside of the reception.
pub(crate) type Finish<'a> = Box<dyn FnOnce(&mut Reception) -> PageAnswer + 'a>;
/// What asks somebody else, without the reception.
pub(crate) type Twice<'a> = Box<dyn FnOnce() -> Finish<'a> + 'a>;

/// An answer, or what makes one without the reception.
pub(crate) enum Answered<'a> {
    /// Here it is.
    Now(PageAnswer),
    /// It may take its time.
    Later(Work<'a>),
    /// Somebody else is asked first.
    Twice(Twice<'a>),
}

/// Somebody who is in.
pub(crate) struct Present {
    name: Name,
    operator: Operator,
    session: Option<SessionId>,
    token: Option<Token>,
    address: String,
    may: BTreeSet<Action>,
    colleagues: Vec<String>,
}

impl Present {
    pub(super) fn by(&self) -> By {
        By::in_console(self.name.as_str(), &self.address)
    }

    fn word(&self) -> String {
        self.session.as_ref().map(SessionId::form_word).unwrap_or_default()
    }
}

impl Reception {
    /// Errors: a report: the built-in policies or the register cannot be read.
    pub(crate) fn new(
        desk: Desk,
        live: Live,
        pages: Arc<Pages>,
        provider: Option<Provider>,
    ) -> miette::Result<Self> {
        let operators = desk.operators();
        let register = operators.read()?;
        Ok(Self {
            operators,
            register,
            permissions: Arc::new(Permissions::new().into_diagnostic()?),
            sessions: Sessions::new(Timeouts::SUGGESTED),
            attempts: Attempts::default(),
            pages,
            desk: Arc::new(desk),
            live,
            provider: provider.map(Arc::new),
            errands: Errands::default(),
        })
    }

    /// Answers a request, or says how it is answered without the reception.
    pub(crate) fn answer<'a>(&mut self, request: &'a PageRequest) -> Answered<'a> {
        let asked = Asked::read(request);
        if let Some(provider) = self.provider.clone().filter(|_| asked.form.is_none()) {
            let twice = match asked.path() {
                "/sign-in/openid" => Some(self.openid_begin(&provider, Asked::read(request))),
                CALLBACK => Some(self.openid_back(&provider, Asked::read(request))),
                _ => None,
            };
            match twice {
                Some(Ok(twice)) => return Answered::Twice(twice),
                Some(Err(answer)) => return Answered::Now(answer),
                None => {}
            }
        }
        let present = match self.admit(request, &asked) {
            Ok(present) => present,
            Err(answer) => return Answered::Now(answer),
        };
        if let Some(answer) = self.inside(&asked, &present) {
            return Answered::Now(answer);
        }
        if Live::has(asked.target) {
            let live = self.live.clone();
            return Answered::Later(Box::new(move || live.answer(request)));
        }
        let desk = Arc::clone(&self.desk);
        if Desk::has(asked.path()) {
            return Answered::Later(desk.work(asked, present));
        }
        let pages = Arc::clone(&self.pages);
        Answered::Later(Box::new(move || looked_at(&pages, &desk, &asked, &present)))
    }

    /// Who is in; or the answer to whoever is not, or needs not be.
    fn admit(&mut self, request: &PageRequest, asked: &Asked<'_>) -> Result<Present, PageAnswer> {
        match request.target.as_str() {
            "/style.css" => return Err(of(web::style())),
            "/live.js" => return Err(of(web::script())),
            "/icon.svg" => return Err(of(web::icon())),
            _ => {}
        }
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => {
                tracing::error!("the operators cannot be read: {report:#}");
                return Err(said(
                    503,
                    "the operators cannot be read now; whoever runs this console finds why in its log",
                ));
            }
        }
        let is_empty = self.register.as_ref().is_none_or(|register| register.operators().next().is_none());
        if is_empty && self.provider.is_none() {
            return Err(of(web::no_operators(&wiring::moment(), crate::operator_command::FIRST)));
        }
        match (asked.path(), &asked.form) {
            ("/sign-in", None) => return Err(self.door(asked, "", web::Told::Nothing)),
            ("/sign-in", Some(_)) => return Err(self.sign_in(asked)),
            ("/sign-in/code", None) => return Err(self.code_page(asked)),
            ("/sign-in/code", Some(_)) => return Err(self.code(asked)),
            ("/sign-out", Some(_)) => return Err(self.sign_out(asked)),
            _ => {}
        }
        self.present(asked)
    }

    /// Who asks, by a token or by a session.
    fn present(&mut self, asked: &Asked<'_>) -> Result<Present, PageAnswer> {
        let now = wiring::posix_seconds();
        let (name, session, token) = if let Some(bearer) = asked.bearer {
            let token = self.token(bearer, asked, now)?;
            (token.operator.clone(), None, Some(token))
        } else {
            let id = asked.session();
            let found = id.as_ref().and_then(|id| match asked.path() {
                live::TARGET => self.sessions.look(id, now),
                _ => self.sessions.find(id, now),
            });
            match found {
                Some(Session { stage: Stage::Code, .. }) => return Err(elsewhere("/sign-in/code")),
                Some(session) if self.is_good(&session) => (session.operator, id, None),
                Some(_) | None => return Err(elsewhere("/sign-in")),
            }
        };
        let register = self.register.as_ref().ok_or_else(|| elsewhere("/sign-in"))?;
        let operator = register.operator(&name).cloned().ok_or_else(|| elsewhere("/sign-in"))?;
        let caller = Caller { name: &name, operator: &operator, token: token.as_ref() };
        let may = Action::ALL.into_iter().filter(|action| self.permissions.allow(&caller, *action)).collect();
        let may: BTreeSet<Action> = may;
        let active =
            register.operators().filter(|(_, one)| !one.is_disabled() && one.role() != Role::Generator);
        let colleagues = if may.contains(&Action::HandleRecords) {
            active.map(|(name, _)| name.to_string()).collect()
        } else {
            Vec::new()
        };
        Ok(Present { operator, session, token, address: asked.address.clone(), may, name, colleagues })
    }

    fn is_good(&self, session: &Session) -> bool {
        let operator = self.register.as_ref().and_then(|register| register.operator(&session.operator));
        operator.is_some_and(|one| !one.is_disabled() && one.generation() == session.generation)
    }

    /// The token that a program shows. Whoever guesses at tokens waits like whoever guesses at passwords.
    fn token(&mut self, bearer: &str, asked: &Asked<'_>, now: u64) -> Result<Token, PageAnswer> {
        let counted = format!("a token from {}", asked.address);
        if let Err(Wait(seconds)) = self.attempts.may(&counted, &asked.address, now) {
            return Err(said(429, &format!("too many tries: wait {seconds} seconds")));
        }
        if asked.form.is_some() {
            return Err(said(403, "a token posts no forms: programs act through /api/v1/"));
        }
        let secret = TokenSecret::read(bearer);
        let register = self.register.as_ref();
        let found = register.zip(secret).and_then(|(register, secret)| register.token(&secret, now).cloned());
        found.ok_or_else(|| {
            self.attempts.failed(&counted, &asked.address, now);
            said(401, "this token is not good: it was revoked, has ended, or never was one")
        })
    }

    /// What somebody who is in asks for; nothing where the desk answers.
    fn inside(&mut self, asked: &Asked<'_>, present: &Present) -> Option<PageAnswer> {
        if let Some(form) = &asked.form {
            let word = form.get("word");
            if !present.session.as_ref().is_some_and(|session| session.is_form_word(word)) {
                return Some(said(403, "this form is not of your session: open the page again"));
            }
        }
        let path = asked.path();
        match (path, &asked.form) {
            ("/account", None) if present.may.contains(&Action::ManageOwn) => {
                return Some(self.account_page(present));
            }
            (_, Some(_)) if path.starts_with("/account/") => return Some(self.account_form(asked, present)),
            (_, Some(_)) if !Desk::has(path) => return Some(self.operators_form(asked, present)),
            _ => {}
        }
        if path == "/" && !present.may.contains(&Action::SeePosture) {
            let place = web::first_place(&present.may);
            return Some(if present.token.is_some() {
                said(403, "this token does not open this page")
            } else {
                elsewhere(place)
            });
        }
        if let Some(needed) = web::needed(path)
            && !present.may.contains(&needed)
        {
            return Some(not_open(present, needed));
        }
        match path {
            "/operators" => Some(self.operators_page(present, web::Told::Nothing)),
            "/operator" => Some(self.operator_page(asked, present)),
            // Whatever needs the index, a log or a ledger takes its time, and nobody at the door waits for it.
            _ => None,
        }
    }

    /// A session of a new id, so that one from before the sign-in is worth nothing. `signed_in` is when that was.
    fn begin(
        &mut self,
        name: &Name,
        stage: Stage,
        signed_in: u64,
        asked: &Asked<'_>,
    ) -> miette::Result<Cookie> {
        if let Some(before) = asked.session() {
            self.sessions.end(&before);
        }
        let id = SessionId::new(&keys::random()?);
        let operator = self.register.as_ref().and_then(|register| register.operator(name));
        let generation = operator.map_or(0, Operator::generation);
        let address = asked.address.clone();
        let seen = wiring::posix_seconds();
        let operator = name.clone();
        let session = Session { operator, generation, stage, address, begun: signed_in, seen, seed: None };
        self.sessions.begin(&id, session);
        Ok(Cookie::Set(id.reveal().to_owned()))
    }
}

/// A page over the index, made without the reception: a database that does not answer keeps nobody from the door.
fn looked_at(pages: &Pages, desk: &Desk, asked: &Asked<'_>, present: &Present) -> PageAnswer {
    let word = present.word();
    let visitor = visitor(present, &word);
    match asked.path() {
        "/policies" => policies_page(pages, asked, &visitor, desk.version_log()),
        "/emergency" => {
            let switch = desk.emergency_switch(present, &asked.query());
            emergency_page(pages, &visitor, switch)
        }
        "/boundaries" => {
            let known = desk.boundaries();
            pages.with(Some(&visitor), |setting, index| web::boundaries(setting, index, &known))
        }
        _ => pages.page(asked.target, Some(&visitor)),
    }
}

/// Versions, as the log of them says and as the index counts them.
fn policies_page(
    pages: &Pages,
    asked: &Asked<'_>,
    visitor: &Visitor<'_>,
    log: miette::Result<Option<web::VersionLog>>,
) -> PageAnswer {
    let (log, fault) = match log {
        Ok(log) => (log, String::new()),
        Err(report) => (None, format!("The log of versions cannot be read: {report}.")),
    };
    let now = log.as_ref().and_then(|log| log.activations.first());
    let done = now.map(|one| format!("{} is in force: entry {}. {WHEN_OBEYED}", one.version, one.place));
    let told = match &done {
        _ if !fault.is_empty() => web::Told::Fault(&fault),
        Some(done) if asked.query().get("done") == "activated" => web::Told::Done(done),
        Some(_) | None => web::Told::Nothing,
    };
    pages.with(Some(visitor), |setting, index| web::policies(setting, index, log.as_ref(), told))
}

/// Emergency versions, as the index has them, and what whoever looks can do: that also where the index does not answer.
fn emergency_page(
    pages: &Pages,
    visitor: &Visitor<'_>,
    switch: miette::Result<Option<(EmergencySwitch, Said)>>,
) -> PageAnswer {
    let (switch, said) = match switch {
        Ok(Some((switch, said))) => (Some(switch), said),
        Ok(None) => (None, Said::Nothing),
        Err(report) => (None, Said::Fault(format!("The log of versions cannot be read: {report}."))),
    };
    let page = pages.answered(Some(visitor), |setting, index| {
        web::emergency(setting, index, switch.as_ref(), said.told())
    });
    page.unwrap_or_else(|| {
        let now = wiring::moment();
        let setting = Setting { now: &now, day_ago: &now, behind: 0, visitor: Some(visitor) };
        of(web::emergency_without_index(&setting, switch.as_ref(), said.told()))
    })
}

/// What a role or a token does not open.
fn not_open(present: &Present, needed: Action) -> PageAnswer {
    if present.token.is_some() {
        return said(403, &format!("this token does not `{needed}`, or its operator does not"));
    }
    let why = format!("{} cannot `{needed}`. Ask an admin if you need it.", present.operator.role());
    with_setting(present, |setting| web::refused(setting, &why))
}

/// A page of ours that needs no index.
pub(super) fn with_setting(present: &Present, make: impl FnOnce(&Setting<'_>) -> web::Answer) -> PageAnswer {
    let word = present.word();
    let visitor = visitor(present, &word);
    let now = wiring::moment();
    of(make(&Setting { now: &now, day_ago: &now, behind: 0, visitor: Some(&visitor) }))
}

fn visitor<'a>(present: &'a Present, word: &'a str) -> Visitor<'a> {
    let (name, role) = (present.name.as_str(), present.operator.role().as_str());
    Visitor { name, role, word, may: &present.may, colleagues: &present.colleagues }
}
