//! The door: a name and a password, a code, and the way out. What is said tells nobody which names there are.

use access::{Change, Code, Name, Operator, Password, Session, SessionId, SignIn, Stage, Wait};
use gateway::{Cookie, PageAnswer};
use web::Told;

use super::Reception;
use crate::{
    console_command::answers::{Asked, elsewhere, of, said},
    keys,
    operators::By,
    wiring,
};

/// What is said where a name and a password do not fit, whatever the reason.
const NO_FIT: &str = "That name and password do not fit, or the account is not open.";
const NO_CODE: &str = "That is not the code of now, or it was used before.";
const TROUBLE: &str = "The console cannot do that now; whoever runs it finds why in its log.";

impl Reception {
    /// A name and a password.
    pub(super) fn sign_in(&mut self, asked: &Asked<'_>) -> PageAnswer {
        let Some(form) = &asked.form else { return elsewhere("/sign-in") };
        if !asked.session().is_some_and(|id| id.is_form_word(form.get("word"))) {
            return self.door(
                asked,
                "",
                Told::Fault("This page was open for too long, or without cookies. Try again."),
            );
        }
        let now = wiring::posix_seconds();
        let typed = form.get("name").trim().to_ascii_lowercase();
        let name = typed.parse::<Name>().ok();
        if let Err(Wait(seconds)) = self.attempts.may(&typed, &asked.address, now) {
            let said = too_many(seconds);
            let mut answer = self.door(asked, &typed, Told::Fault(&said));
            answer.status = 429;
            return answer;
        }
        let password = Password::typed(form.get("password"));
        let operator = self.register.as_ref().zip(name.as_ref());
        let operator = operator.and_then(|(register, name)| register.operator(name));
        match (Operator::check(operator, &password), name) {
            (SignIn::Done, Some(name)) => self.let_in(asked, &name),
            (SignIn::CodeWanted, Some(name)) => match self.begin(&name, Stage::Code, now, asked) {
                Ok(cookie) => PageAnswer { cookie, ..elsewhere("/sign-in/code") },
                Err(report) => trouble(&report),
            },
            (SignIn::Refused | SignIn::Done | SignIn::CodeWanted, name) => {
                let known = operator.is_some();
                self.failed(asked, &typed, name.as_ref().filter(|_| known), "refused");
                self.door(asked, &typed, Told::Fault(NO_FIT))
            }
        }
    }

    /// A failure is counted for whatever was typed, and written down: of names that nobody has, not the name.
    pub(super) fn failed(
        &mut self,
        asked: &Asked<'_>,
        typed: &str,
        name: Option<&Name>,
        event: &'static str,
    ) {
        let now = wiring::posix_seconds();
        let waits = self.attempts.failed(typed, &asked.address, now);
        self.note_failed(asked, name, event, waits);
    }

    /// Somebody whom a provider sent was not let in.
    pub(super) fn note_refused(&self, asked: &Asked<'_>, name: Option<&Name>, waits: bool) {
        self.note_failed(asked, name, "refused", waits);
    }

    fn note_failed(&self, asked: &Asked<'_>, name: Option<&Name>, event: &'static str, waits: bool) {
        let by = By::in_console("nobody known", &asked.address);
        let mut entries = vec![by.entry(event, name)];
        if waits {
            entries.push(by.entry("locked", name));
        }
        for entry in entries {
            if let Err(report) = self.operators.note(&entry) {
                tracing::error!("a refused sign-in was not written down: {report:#}");
            }
        }
    }

    /// In, if that could be written down.
    pub(super) fn let_in(&mut self, asked: &Asked<'_>, name: &Name) -> PageAnswer {
        let by = By::in_console(name.as_str(), &asked.address);
        let register = self.register.as_ref();
        let is_vouched = register.and_then(|register| register.operator(name)?.openid()).is_some();
        let noted = if is_vouched {
            self.operators.change(&by, name, &Change::VouchedIn, None)
        } else {
            self.operators.note(&by.entry("signed-in", Some(name)))
        };
        match noted.and_then(|_| self.begin(name, Stage::In, wiring::posix_seconds(), asked)) {
            Ok(cookie) => {
                self.attempts.succeeded(name.as_str());
                PageAnswer { cookie, ..elsewhere("/") }
            }
            Err(report) => trouble(&report),
        }
    }

    /// The page that asks for a code.
    pub(super) fn code_page(&mut self, asked: &Asked<'_>) -> PageAnswer {
        match self.waiting(asked) {
            Some((id, _)) => of(web::code(&wiring::moment(), &id.form_word(), Told::Nothing)),
            None => elsewhere("/sign-in"),
        }
    }

    /// Whoever's password fitted, and whose code is wanted.
    fn waiting(&mut self, asked: &Asked<'_>) -> Option<(SessionId, Session)> {
        let id = asked.session()?;
        let session = self.sessions.find(&id, wiring::posix_seconds())?;
        (session.stage == Stage::Code && self.is_good(&session)).then_some((id, session))
    }

    /// A code.
    pub(super) fn code(&mut self, asked: &Asked<'_>) -> PageAnswer {
        let Some(form) = &asked.form else { return elsewhere("/sign-in") };
        let Some((id, session)) = self.waiting(asked) else { return elsewhere("/sign-in") };
        if !id.is_form_word(form.get("word")) {
            return elsewhere("/sign-in");
        }
        let now = wiring::posix_seconds();
        let name = session.operator;
        if let Err(Wait(seconds)) = self.attempts.may(name.as_str(), &asked.address, now) {
            let said = too_many(seconds);
            let mut answer = of(web::code(&wiring::moment(), &id.form_word(), Told::Fault(&said)));
            answer.status = 429;
            return answer;
        }
        let operator = self.register.as_ref().and_then(|register| register.operator(&name));
        let code = Code::read(form.get("code"));
        let step = operator.zip(code).and_then(|(operator, code)| operator.step_of(code, now));
        let by = By::in_console(name.as_str(), &asked.address);
        // Refused where another process had the same code used a moment ago.
        let used = step.map(|step| self.operators.change(&by, &name, &Change::UsedStep(step), None));
        match used {
            Some(Ok(_)) => self.let_in(asked, &name),
            Some(Err(report)) => trouble(&report),
            None => {
                self.failed(asked, name.as_str(), Some(&name), "code-refused");
                of(web::code(&wiring::moment(), &id.form_word(), Told::Fault(NO_CODE)))
            }
        }
    }

    /// The page of the door. Its form carries the word of an id that means nothing yet.
    pub(super) fn door(&self, asked: &Asked<'_>, name: &str, told: Told<'_>) -> PageAnswer {
        let (id, cookie) = match (asked.session(), keys::random()) {
            (Some(id), _) => (id, Cookie::Keep),
            (None, Ok(random)) => {
                let id = SessionId::new(&random);
                let cookie = Cookie::Set(id.reveal().to_owned());
                (id, cookie)
            }
            (None, Err(_)) => return said(503, TROUBLE),
        };
        let provider = self.provider.as_ref().map(|provider| provider.name());
        let word = id.form_word();
        let mut answer = of(web::sign_in(&wiring::moment(), &word, name, provider.as_deref(), told));
        answer.cookie = cookie;
        answer
    }

    /// Out.
    pub(super) fn sign_out(&mut self, asked: &Asked<'_>) -> PageAnswer {
        let id = asked.session();
        let is_theirs =
            id.as_ref().zip(asked.form.as_ref()).is_some_and(|(id, form)| id.is_form_word(form.get("word")));
        if is_theirs && let Some(session) = id.and_then(|id| self.sessions.end(&id)) {
            let by = By::in_console(session.operator.as_str(), &asked.address);
            if let Err(report) = self.operators.note(&by.entry("signed-out", Some(&session.operator))) {
                tracing::error!("a sign-out was not written down: {report:#}");
            }
            if let Some(answer) = self.openid_out(&session.operator) {
                return answer;
            }
        }
        PageAnswer { cookie: Cookie::Clear, ..elsewhere("/sign-in") }
    }
}

/// What is said where the log or the disk would not.
pub(in crate::console_command) fn trouble(report: &miette::Report) -> PageAnswer {
    tracing::error!("the console could not do what was asked: {report:#}");
    said(503, TROUBLE)
}

/// What is said to whoever has to wait.
fn too_many(seconds: u64) -> String {
    format!("Too many tries. Wait {} and try again.", span(seconds))
}

/// A time to wait, for a person.
fn span(seconds: u64) -> String {
    match seconds {
        0..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_wait_is_said_so_that_nobody_is_early() {
        for (seconds, expected) in
            [(1, "1 seconds"), (60, "60 seconds"), (91, "2 minutes"), (120, "2 minutes"), (900, "15 minutes")]
        {
            assert_eq!(span(seconds), expected);
        }
    }
}
