//! Who asks as a program: by a token, or with a session's cookie and the word of its forms.

use access::{Action, Caller, Session, Stage, TokenSecret, Wait};
use control::{Me, Problem};
use gateway::ProgramRequest;

use super::{Present, Reception};
use crate::{
    console_command::answers::neighbourhood,
    operators::{By, Operators},
    wiring,
};

/// Why nobody is let in, and for how many seconds it is of no use to try again.
pub(crate) struct Refused(pub(crate) Problem, pub(crate) Option<u64>);

impl Present {
    /// Them, in the log of operators.
    pub(crate) fn by_api(&self) -> By {
        By::through_api(self.name.as_str(), &self.address)
    }

    /// Whether they may.
    pub(crate) fn may(&self, action: Action) -> bool {
        self.may.contains(&action)
    }

    /// Whether a program asks, which no other site can make do so.
    pub(crate) fn is_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this is the word of their session's forms.
    pub(crate) fn is_word(&self, shown: Option<&str>) -> bool {
        self.session.as_ref().zip(shown).is_some_and(|(session, shown)| session.is_form_word(shown))
    }

    /// Them, as they are told who they are.
    pub(crate) fn me(&self) -> Me {
        Me {
            name: self.name.to_string(),
            role: self.operator.role().to_string(),
            is_token: self.is_token(),
            may: self.may.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Reception {
    /// Who asks.
    ///
    /// Shape:  a token that is good is let in whoever guesses at tokens meanwhile: of 256 bits nobody guesses one, and whoever
    ///         tries must not be able to shut out others. A bad one counts as a password that did not fit.
    pub(crate) fn who(&mut self, asked: &ProgramRequest) -> Result<Present, Refused> {
        let refused = |status, says: &str| Refused(Problem::new(status, says), None);
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => {
                tracing::error!("the operators cannot be read: {report:#}");
                return Err(refused(503, "the operators cannot be read now; the console's log says why"));
            }
        }
        let now = wiring::posix_seconds();
        let address = neighbourhood(asked.address);
        let (name, session, token) = if let Some(bearer) = &asked.bearer {
            let secret = TokenSecret::read(bearer);
            let register = self.register.as_ref();
            let found =
                register.zip(secret).and_then(|(register, secret)| register.token(&secret, now).cloned());
            let Some(token) = found else { return Err(self.no_token(&address, now)) };
            (token.operator.clone(), None, Some(token))
        } else {
            let id = asked.cookie.as_deref().and_then(access::SessionId::read);
            let found = id.as_ref().and_then(|id| self.sessions.find(id, now));
            let is_in = |session: &Session| session.stage == Stage::In && self.is_good(session);
            match found.filter(is_in) {
                Some(session) => (session.operator, id, None),
                None => return Err(refused(401, "say who asks, with `Authorization: Bearer` and a token")),
            }
        };
        let operator = self.register.as_ref().and_then(|register| register.operator(&name)).cloned();
        let operator = operator.filter(|operator| !operator.is_disabled());
        let operator =
            operator.ok_or_else(|| refused(401, "there is no such operator any more, or it is disabled"))?;
        let caller = Caller { name: &name, operator: &operator, token: token.as_ref() };
        let may = Action::ALL.into_iter().filter(|action| self.permissions.allow(&caller, *action)).collect();
        Ok(Present { name, operator, session, token, address, may, colleagues: Vec::new() })
    }

    fn no_token(&mut self, address: &str, now: u64) -> Refused {
        let counted = format!("a token from {address}");
        let says = "this token is not good: it was revoked, has ended, or never was one";
        let wait = self.attempts.may(&counted, address, now).err();
        if wait.is_none() {
            self.attempts.failed(&counted, address, now);
        }
        Refused(Problem::new(401, says), wait.map(|Wait(seconds)| seconds))
    }

    /// The log of operators.
    pub(crate) fn operators(&self) -> &Operators {
        &self.operators
    }
}
