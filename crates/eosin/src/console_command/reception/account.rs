//! One's own account: another password, an authenticator, tokens, and the way out of everywhere.

use std::collections::BTreeSet;

use access::{Action, Change, Code, Cost, Password, PasswordHash, Seed, Stage, TokenSecret, Wait};
use gateway::PageAnswer;
use miette::IntoDiagnostic as _;
use web::{Account, ShownOnce, Told};

use super::{Present, Reception, door::trouble, with_setting};
use crate::{
    console_command::answers::{Asked, Form, elsewhere},
    keys,
    operators::moment_of,
    wiring,
};

/// Seconds of a day, and days of a token at most.
const DAY_SECONDS: u64 = 86_400;
const DAYS_MAX: u64 = 366;
/// What is said where no authenticator is being set up.
const NO_SEED: &str = "No authenticator is being set up, or for too long. Begin again, with your password.";

impl Reception {
    /// The page.
    pub(super) fn account_page(&mut self, present: &Present) -> PageAnswer {
        self.account_told(present, Told::Nothing)
    }

    fn account_told(&mut self, present: &Present, told: Told<'_>) -> PageAnswer {
        let register = self.register.as_ref();
        let operator =
            register.and_then(|register| register.operator(&present.name)).unwrap_or(&present.operator);
        let is_seen = |scope: &Action| scope.is_scope() && present.may.contains(scope);
        let own = Account {
            has_totp: operator.has_totp(),
            is_elsewhere: operator.openid().is_some(),
            must_change: operator.must_change_password(),
            scopes: Action::ALL.into_iter().filter(is_seen).collect(),
            tokens: self.token_rows(Some(&present.name)),
            sessions: self.session_rows(Some(&present.name)),
        };
        with_setting(present, |setting| web::account(setting, &own, told))
    }

    /// One of its forms.
    pub(super) fn account_form(&mut self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let Some(form) = &asked.form else { return elsewhere("/account") };
        // A password that was given opens the page on which it is changed, and nothing else.
        if present.operator.must_change_password() && asked.path() != "/account/password" {
            return self.account_told(present, Told::Fault("Take a password of your own first."));
        }
        match asked.path() {
            "/account/password" => self.own_password(asked, form, present),
            "/account/totp" => self.own_totp(asked, form, present),
            "/account/totp/confirm" => self.own_totp_confirmed(asked, form, present),
            "/account/token" => self.own_token(form, present),
            "/account/token/revoke" => {
                let change = Change::RevokeToken(form.get("token").to_owned());
                match self.operators.change(&present.by(), &present.name, &change, None) {
                    Ok(_) => {
                        self.account_after(present, Told::Done("The token is good for nothing any more."))
                    }
                    Err(report) => self.account_told(present, Told::Fault(&report.to_string())),
                }
            }
            "/account/sign-out-everywhere" => {
                let ended = self.operators.note(&present.by().entry("sessions-ended", Some(&present.name)));
                if let Err(report) = ended {
                    return trouble(&report);
                }
                self.sessions.end_all(&present.name);
                elsewhere("/sign-in")
            }
            _ => elsewhere("/account"),
        }
    }

    /// The page, after the register was changed.
    fn account_after(&mut self, present: &Present, told: Told<'_>) -> PageAnswer {
        if let Ok(register) = self.operators.read() {
            self.register = register;
        }
        self.account_told(present, told)
    }

    /// Whether somebody knows their own password; whoever found an open browser guesses no more often than at the door.
    fn proves(&mut self, asked: &Asked<'_>, form: &Form, present: &Present) -> Result<(), String> {
        let now = wiring::posix_seconds();
        let name = present.name.as_str();
        if let Err(Wait(seconds)) = self.attempts.may(name, &asked.address, now) {
            return Err(format!("Too many tries. Wait {seconds} seconds."));
        }
        if present.operator.has_password(&Password::typed(form.get("password"))) {
            return Ok(());
        }
        self.attempts.failed(name, &asked.address, now);
        if let Err(report) = self.operators.note(&present.by().entry("refused", Some(&present.name))) {
            tracing::error!("a refused password was not written down: {report:#}");
        }
        Err("That is not your password.".to_owned())
    }

    fn own_password(&mut self, asked: &Asked<'_>, form: &Form, present: &Present) -> PageAnswer {
        if let Err(fault) = self.proves(asked, form, present) {
            return self.account_told(present, Told::Fault(&fault));
        }
        if form.get("new") != form.get("again") {
            return self.account_told(present, Told::Fault("The new passwords are not the same."));
        }
        if form.get("new") == form.get("password") {
            return self.account_told(present, Told::Fault("That is the password that you have."));
        }
        let password = match Password::new(form.get("new"), &present.name) {
            Ok(password) => password,
            Err(error) => return self.account_told(present, Told::Fault(&format!("{error}."))),
        };
        let hash = keys::random()
            .and_then(|salt| PasswordHash::new(&password, &salt, Cost::OWASP).into_diagnostic());
        let change = match hash {
            Ok(password) => Change::Password { password, must_change: false },
            Err(report) => return trouble(&report),
        };
        self.own_change(asked, present, &change)
    }

    /// Makes a change that ends every session, and begins this one anew: it ends when it would have ended.
    fn own_change(&mut self, asked: &Asked<'_>, present: &Present, change: &Change) -> PageAnswer {
        let revision = Some(present.operator.revision());
        let now = wiring::posix_seconds();
        let session = present.session.as_ref().and_then(|id| self.sessions.look(id, now));
        let Some(signed_in) = session.map(|session| session.begun) else { return elsewhere("/sign-in") };
        match self.operators.change(&present.by(), &present.name, change, revision) {
            Ok(_) => {
                self.sessions.end_all(&present.name);
                match self.operators.read() {
                    Ok(register) => self.register = register,
                    Err(report) => return trouble(&report),
                }
                match self.begin(&present.name, Stage::In, signed_in, asked) {
                    Ok(cookie) => PageAnswer { cookie, ..elsewhere("/account") },
                    Err(report) => trouble(&report),
                }
            }
            Err(report) => self.account_told(present, Told::Fault(&format!("{report}."))),
        }
    }

    fn own_totp(&mut self, asked: &Asked<'_>, form: &Form, present: &Present) -> PageAnswer {
        if let Err(fault) = self.proves(asked, form, present) {
            return self.account_told(present, Told::Fault(&fault));
        }
        if form.get("act") == "off" {
            return self.own_change(asked, present, &Change::Totp(None));
        }
        match (keys::random(), &present.session) {
            (Ok(random), Some(id)) => {
                let seed = Seed::new(random);
                self.sessions.draw(id, seed.clone(), wiring::posix_seconds());
                seed_page(present, &seed, Told::Nothing)
            }
            (Ok(_), None) => elsewhere("/sign-in"),
            (Err(report), _) => trouble(&report),
        }
    }

    /// Takes up the seed that was drawn here when the password was given; no other, whoever has the browser.
    fn own_totp_confirmed(&mut self, asked: &Asked<'_>, form: &Form, present: &Present) -> PageAnswer {
        let now = wiring::posix_seconds();
        let Some(seed) = present.session.as_ref().and_then(|id| self.sessions.drawn(id, now)) else {
            return self.account_told(present, Told::Fault(NO_SEED));
        };
        let code = Code::read(form.get("code"));
        let Some(step) = code.and_then(|code| seed.step_of(code, now, 0)) else {
            let fault = Told::Fault("That is not the code that it shows now. Look again, and at its clock.");
            return seed_page(present, &seed, fault);
        };
        let answer = self.own_change(asked, present, &Change::Totp(Some(seed)));
        if answer.status == 303
            && let Err(report) =
                self.operators.change(&present.by(), &present.name, &Change::UsedStep(step), None)
        {
            tracing::warn!("the first code of an authenticator was not written down as used: {report:#}");
        }
        answer
    }

    fn own_token(&mut self, form: &Form, present: &Present) -> PageAnswer {
        let scopes: BTreeSet<Action> = form.all("scope").filter_map(|scope| scope.parse().ok()).collect();
        let days = form.get("days").parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
        let Some(days) = days.filter(|_| scopes.is_subset(&present.may) && !scopes.is_empty()) else {
            return self.account_told(present, Told::Fault("Choose what it may see, and 1 to 366 days."));
        };
        let secret = match keys::random() {
            Ok(random) => TokenSecret::new(&random),
            Err(report) => return trouble(&report),
        };
        let until = wiring::posix_seconds() + days * DAY_SECONDS;
        let change = Change::make_token(&secret, form.get("label").trim(), scopes, until);
        match self.operators.change(&present.by(), &present.name, &change, None) {
            Ok(_) => {
                let vouched = match present.operator.openid() {
                    Some(_) => ", and for thirty days after you last signed in",
                    None => "",
                };
                let what = format!(
                    "Give it to the program now: it is shown once. It is good until {}{vouched}.",
                    moment_of(until)
                );
                let shown = ShownOnce {
                    title: "Your new token",
                    what: &what,
                    secret: secret.reveal(),
                    other: None,
                    confirms: false,
                    back: "/account",
                };
                with_setting(present, |setting| web::shown_once(setting, shown, Told::Nothing))
            }
            Err(report) => self.account_told(present, Told::Fault(&format!("{report}."))),
        }
    }
}

fn seed_page(present: &Present, seed: &Seed, told: Told<'_>) -> PageAnswer {
    let (plain, uri) = (seed.to_base32(), seed.to_uri(&present.name));
    let shown = ShownOnce {
        title: "Your new authenticator",
        what: "Type this into the authenticator on your telephone, or open the address there. It is shown once.",
        secret: &crate::operator_command::spaced(&plain),
        other: Some(&uri),
        confirms: true,
        back: "/account",
    };
    with_setting(present, |setting| web::shown_once(setting, shown, told))
}
