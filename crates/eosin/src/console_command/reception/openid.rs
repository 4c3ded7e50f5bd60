//! The other door: operators who sign in at an OpenID provider. Local accounts are as they were, whatever becomes of it.

use std::sync::Arc;

use access::{
    Change, Name, SessionId, Wait,
    openid::{Arrival, Errand, Refusal},
};
use gateway::{Cookie, PageAnswer};
use web::Told;

use super::{Finish, Reception, Twice, door::trouble};
use crate::{
    console_command::{
        answers::{Asked, elsewhere, of},
        openid::{NotIn, Provider},
    },
    keys,
    operators::By,
    wiring,
};

/// Characters of what a browser brings back at most.
const BROUGHT_MAX: usize = 4_096;

impl Reception {
    /// Sends a browser away to sign in at the provider.
    pub(super) fn openid_begin<'a>(
        &mut self,
        provider: &Arc<Provider>,
        asked: Asked<'a>,
    ) -> Result<Twice<'a>, PageAnswer> {
        self.openid_may(&asked)?;
        let drawn = keys::random::<96>().and_then(|random| {
            let id = match asked.session() {
                Some(id) => id,
                None => SessionId::new(&keys::random()?),
            };
            Ok((Errand::new(&random, wiring::posix_seconds()), id))
        });
        let (errand, id) = drawn.map_err(|report| trouble(&report))?;
        let provider = Arc::clone(provider);
        Ok(Box::new(move || {
            let way = provider.way_in(&errand);
            let finish: Finish<'a> = Box::new(move |reception: &mut Self| match way {
                Ok(place) => {
                    reception.errands.begin(id.reveal(), &asked.address, errand);
                    PageAnswer { cookie: Cookie::Set(id.reveal().to_owned()), ..elsewhere(&place) }
                }
                Err(why) => reception.openid_away(&asked, &why),
            });
            finish
        }))
    }

    /// A browser that comes back from there.
    pub(super) fn openid_back<'a>(
        &mut self,
        provider: &Arc<Provider>,
        asked: Asked<'a>,
    ) -> Result<Twice<'a>, PageAnswer> {
        self.openid_may(&asked)?;
        let query = asked.query();
        let brought = |name: &str| {
            let value = query.get(name);
            (!value.is_empty() && value.len() <= BROUGHT_MAX).then(|| value.to_owned())
        };
        let errand = asked.session().and_then(|id| self.errands.end(id.reveal(), wiring::posix_seconds()));
        let (Some(errand), Some(state)) = (errand, brought("state")) else {
            let says = "That sign-in was begun too long ago, or in another browser. Begin again.";
            return Err(self.door(&asked, "", Told::Fault(says)));
        };
        let (code, issuer) = (brought("code"), brought("iss"));
        let provider = Arc::clone(provider);
        Ok(Box::new(move || {
            let arrival = match &code {
                Some(code) => provider.arrival(&errand, &state, issuer.as_deref(), code).map(Some),
                None => Ok(None),
            };
            let finish: Finish<'a> = Box::new(move |reception: &mut Self| match arrival {
                Ok(Some(arrival)) => reception.openid_in(&asked, &arrival),
                Ok(None) => {
                    reception.door(&asked, "", Told::Fault("The provider let nobody in. Begin again."))
                }
                Err(NotIn::Refused(why)) => reception.openid_refused(&asked, why),
                Err(why @ (NotIn::Away(_) | NotIn::AwayLately)) => reception.openid_away(&asked, &why),
            });
            finish
        }))
    }

    /// Whoever knocks too often waits, as with passwords.
    fn openid_may(&mut self, asked: &Asked<'_>) -> Result<(), PageAnswer> {
        let counted = counted(asked);
        match self.attempts.may(&counted, &asked.address, wiring::posix_seconds()) {
            Ok(()) => Ok(()),
            Err(Wait(seconds)) => {
                let says = format!("Too many tries. Wait {seconds} seconds and try again.");
                let mut answer = self.door(asked, "", Told::Fault(&says));
                answer.status = 429;
                Err(answer)
            }
        }
    }

    fn openid_away(&self, asked: &Asked<'_>, why: &NotIn) -> PageAnswer {
        tracing::warn!("the OpenID provider cannot be used: {why}");
        let says = "The provider does not answer as it should just now. Try again in a moment, or sign in with a local account.";
        let mut answer = self.door(asked, "", Told::Fault(says));
        answer.status = 503;
        answer
    }

    /// Whoever came back is not let in: why is said, and written down without a name that nobody vouched for.
    fn openid_refused(&mut self, asked: &Asked<'_>, why: Refusal) -> PageAnswer {
        tracing::warn!("a sign-in with OpenID Connect was refused: {why}");
        self.failed(asked, &counted(asked), None, "refused");
        let says = if why == Refusal::Role {
            "You are known to the provider, and have no role here. Ask an admin for one.".to_owned()
        } else {
            format!("You were not let in: {why}. Begin again; if it stays so, ask whoever runs this console.")
        };
        self.door(asked, "", Told::Fault(&says))
    }

    /// In, as the operator whom the provider vouches for; a new one is added, and one whose claims give another role has it.
    fn openid_in(&mut self, asked: &Asked<'_>, arrival: &Arrival) -> PageAnswer {
        let by = By::in_console(arrival.name.as_str(), &asked.address);
        // Somebody may have been disabled while their browser was away.
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => return trouble(&report),
        }
        if let Err(says) = self.openid_operator(&by, arrival) {
            let is_known = self.register.as_ref().is_some_and(|one| one.operator(&arrival.name).is_some());
            self.failed(asked, &counted(asked), Some(&arrival.name).filter(|_| is_known), "refused");
            return self.door(asked, "", Told::Fault(&says));
        }
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => return trouble(&report),
        }
        self.let_in(asked, &arrival.name)
    }

    /// Makes the register say what the provider says. What stands against it is said.
    fn openid_operator(&self, by: &By, arrival: &Arrival) -> Result<(), String> {
        let Arrival { name, role, subject } = arrival;
        let known = self.register.as_ref().and_then(|register| register.operator(name));
        let change = match known {
            None => Change::AddOpenId { role: *role, subject: subject.clone() },
            Some(one) if one.openid() != Some(subject) => {
                return Err("An operator of this name is somebody else here. Ask an admin.".to_owned());
            }
            Some(one) if one.is_disabled() => {
                return Err("Your account here is not open. Ask an admin.".to_owned());
            }
            Some(one) if one.role() != *role => Change::Role(*role),
            Some(_) => return Ok(()),
        };
        let revision = known.map(access::Operator::revision);
        let changed = self.operators.change(by, name, &change, revision);
        changed.map(drop).map_err(|report| format!("You were not let in: {report}."))
    }

    /// The page after signing out, where the provider may still know whoever left.
    pub(super) fn openid_out(&self, name: &Name) -> Option<PageAnswer> {
        let operator = self.register.as_ref()?.operator(name)?;
        operator.openid()?;
        let provider = self.provider.as_ref()?;
        let place = provider.way_out()?;
        let page = web::signed_out(&wiring::moment(), &provider.name(), &place);
        Some(PageAnswer { cookie: Cookie::Clear, ..of(page) })
    }
}

/// By what tries are counted where nobody has a name yet.
fn counted(asked: &Asked<'_>) -> String {
    format!("an OpenID sign-in from {}", asked.address)
}
