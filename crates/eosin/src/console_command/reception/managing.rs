//! The operators' pages, and what an admin does there.

use access::{Action, Change, Cost, Name, Operator, Password, PasswordHash, Register, Session};
use gateway::PageAnswer;
use miette::IntoDiagnostic as _;
use web::{Act, OneOperator, OperatorRow, SessionRow, ShownOnce, TokenRow, Told};

use super::{Present, Reception, door::trouble, not_open, with_setting};
use crate::{
    console_command::answers::{Asked, Form, elsewhere},
    keys, operator_command,
    operators::moment_of,
    wiring,
};

impl Reception {
    pub(super) fn session_rows(&mut self, of: Option<&Name>) -> Vec<SessionRow> {
        let open = self.sessions.list(wiring::posix_seconds());
        let meant =
            |session: &&Session| of.is_none_or(|name| *name == session.operator) && self.is_good(session);
        let row = |session: &Session| SessionRow {
            operator: session.operator.to_string(),
            address: session.address.clone(),
            begun: shown(session.begun),
            seen: shown(session.seen),
        };
        open.iter().filter(meant).map(row).collect()
    }

    pub(super) fn token_rows(&self, of: Option<&Name>) -> Vec<TokenRow> {
        let tokens = self.register.iter().flat_map(|register| register.tokens(wiring::posix_seconds()));
        let meant = tokens.filter(|(_, token)| of.is_none_or(|name| *name == token.operator));
        meant
            .map(|(id, token)| TokenRow {
                id: id.to_owned(),
                operator: token.operator.to_string(),
                label: token.label.clone(),
                scopes: token.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", "),
                until: shown(token.until),
            })
            .collect()
    }

    fn rows(&mut self) -> Vec<OperatorRow> {
        let (sessions, tokens) = (self.session_rows(None), self.token_rows(None));
        let all = self.register.iter().flat_map(Register::operators);
        all.map(|(name, one)| row(name, one, &sessions, &tokens)).collect()
    }

    /// The page of all operators.
    pub(super) fn operators_page(&mut self, present: &Present, told: Told<'_>) -> PageAnswer {
        let (rows, sessions, tokens) = (self.rows(), self.session_rows(None), self.token_rows(None));
        with_setting(present, |setting| web::operators(setting, &rows, &sessions, &tokens, told))
    }

    /// The page of one of them, or of what an act would do to them.
    pub(super) fn operator_page(&mut self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let query = asked.query();
        let Some(one) = query.get("name").parse().ok().and_then(|name| self.one(&name)) else {
            return elsewhere("/operators");
        };
        let act = Act::read(query.get("act"), query.get("with"));
        match act.filter(|_| present.may.contains(&Action::ManageOperators)) {
            Some(act) => with_setting(present, |setting| web::preview(setting, &one.row, &act)),
            None => with_setting(present, |setting| web::operator(setting, &one, Told::Nothing)),
        }
    }

    fn one(&mut self, name: &Name) -> Option<OneOperator> {
        let (sessions, tokens) = (self.session_rows(Some(name)), self.token_rows(Some(name)));
        let operator = self.register.as_ref()?.operator(name)?;
        Some(OneOperator { row: row(name, operator, &sessions, &tokens), sessions, tokens })
    }

    /// A form of an admin.
    pub(super) fn operators_form(&mut self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        if !present.may.contains(&Action::ManageOperators) {
            return not_open(present, Action::ManageOperators);
        }
        let Some(form) = &asked.form else { return elsewhere("/operators") };
        match asked.path() {
            "/operators/add" => self.add(form, present),
            "/operator" => self.act(form, present),
            _ => elsewhere("/operators"),
        }
    }

    fn add(&mut self, form: &Form, present: &Present) -> PageAnswer {
        let read = form.get("name").parse::<Name>().map_err(|error| error.to_string());
        let read = read.and_then(|name| Ok((name, form.get("role").parse()?)));
        let (name, role) = match read {
            Ok(read) => read,
            Err(fault) => return self.operators_page(present, Told::Fault(&format!("{fault}."))),
        };
        let (drawn, password) = match drawn() {
            Ok(drawn) => drawn,
            Err(report) => return trouble(&report),
        };
        let change = Change::Add { role, password, must_change: true };
        match self.operators.change(&present.by(), &name, &change, None) {
            Ok(_) => password_page(present, &name, &drawn),
            Err(report) => self.operators_page(present, Told::Fault(&format!("{report}."))),
        }
    }

    /// What was shown and asked before; refused if the operator was changed in between.
    fn act(&mut self, form: &Form, present: &Present) -> PageAnswer {
        let read = form.get("name").parse::<Name>().ok().zip(Act::read(form.get("act"), form.get("with")));
        let Some((name, act)) = read else { return elsewhere("/operators") };
        if name == present.name && matches!(act, Act::ResetPassword | Act::TotpOff) {
            let says = "Your own password and authenticator are changed on your account's page.";
            return self.told(&name, present, Told::Fault(says));
        }
        let mut given = None;
        let change = match &act {
            Act::Role(role) => Change::Role(*role),
            Act::Disable => Change::Disable,
            Act::Enable => Change::Enable,
            Act::TotpOff => Change::Totp(None),
            Act::RevokeToken(id) => Change::RevokeToken(id.clone()),
            Act::ResetPassword => match drawn() {
                Ok((text, password)) => {
                    given = Some(text);
                    Change::Password { password, must_change: true }
                }
                Err(report) => return trouble(&report),
            },
            Act::EndSessions => return self.end_sessions(&name, present),
        };
        let expect = form.get("revision").parse().unwrap_or_default();
        let changed = self.operators.change(&present.by(), &name, &change, Some(expect));
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => return trouble(&report),
        }
        match (changed, given) {
            (Ok(_), Some(text)) => password_page(present, &name, &text),
            (Ok(place), None) => self.told(&name, present, Told::Done(&format!("Entry {place}."))),
            (Err(report), _) => self.told(&name, present, Told::Fault(&format!("{report}."))),
        }
    }

    fn end_sessions(&mut self, name: &Name, present: &Present) -> PageAnswer {
        match self.operators.note(&present.by().entry("sessions-ended", Some(name))) {
            Ok(place) => {
                let count = self.sessions.end_all(name);
                self.told(name, present, Told::Done(&format!("{count} ended. Entry {place}.")))
            }
            Err(report) => trouble(&report),
        }
    }

    fn told(&mut self, name: &Name, present: &Present, told: Told<'_>) -> PageAnswer {
        match self.one(name) {
            Some(one) => with_setting(present, |setting| web::operator(setting, &one, told)),
            None => self.operators_page(present, told),
        }
    }
}

fn row(name: &Name, one: &Operator, sessions: &[SessionRow], tokens: &[TokenRow]) -> OperatorRow {
    let state = match (one.is_disabled(), one.must_change_password()) {
        (true, _) if one.is_taken_off() => "no role at the provider",
        (true, _) => "disabled",
        (false, true) => "has to change the password",
        (false, false) => "active",
    };
    OperatorRow {
        name: name.to_string(),
        role: one.role(),
        state,
        has_totp: one.has_totp(),
        // Whom the provider took off may be kept out for good, and is let in again by it alone.
        is_disabled: one.is_disabled() && !one.is_taken_off(),
        since: shown(one.since()),
        revision: one.revision(),
        sessions: sessions.iter().filter(|session| session.operator == name.as_str()).count(),
        tokens: tokens.iter().filter(|token| token.operator == name.as_str()).count(),
    }
}

/// A password that nobody chose, and its hash.
fn drawn() -> miette::Result<(String, PasswordHash)> {
    let text = operator_command::drawn_password()?;
    let hash = PasswordHash::new(&Password::typed(&text), &keys::random()?, Cost::OWASP).into_diagnostic()?;
    Ok((text, hash))
}

/// A moment as the pages show it.
fn shown(seconds: u64) -> String {
    moment_of(seconds).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn password_page(present: &Present, name: &Name, drawn: &str) -> PageAnswer {
    let what =
        format!("Give it to {name} in person. It is shown once, and has to be changed at the first sign-in.");
    let shown = ShownOnce {
        title: "A password for the first sign-in",
        what: &what,
        secret: drawn,
        other: None,
        confirms: false,
        back: "/operators",
    };
    with_setting(present, |setting| web::shown_once(setting, shown, Told::Nothing))
}
