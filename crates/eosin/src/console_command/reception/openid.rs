//! The other door: operators who sign in at an OpenID provider. Local accounts are as they were, whatever becomes of it.

use std::sync::Arc;

use access::{
    Change, Name, Operator, SessionId, Wait,
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

/// Who takes somebody off. No operator has this name: there is no space in one.
const PROVIDER: &str = "their provider";
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
        match self.attempts.may_from(&asked.address, wiring::posix_seconds()) {
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
        let says = format!(
            "You were not let in: {why}. Begin again; if it stays so, ask whoever runs this console."
        );
        // Of whomever: they have no name yet, and others may come from the same address.
        let waits = self.attempts.failed_from(&asked.address, wiring::posix_seconds());
        self.note_refused(asked, None, waits);
        self.door(asked, "", Told::Fault(&says))
    }

    /// The provider vouched for them, and here they are nobody: no try at guessing anything.
    fn openid_stopped(&self, asked: &Asked<'_>, about: Option<&Name>, says: &str) -> PageAnswer {
        self.note_refused(asked, about, false);
        self.door(asked, "", Told::Fault(says))
    }

    /// In, as the operator whom the provider vouches for; a new one is added, and one whose claims give another role has it.
    fn openid_in(&mut self, asked: &Asked<'_>, arrival: &Arrival) -> PageAnswer {
        // Somebody may have been disabled while their browser was away.
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => return trouble(&report),
        }
        let known = self.register.as_ref().map(|register| register.known_as(&arrival.subject));
        let known = known.unwrap_or_default().into_iter().map(|(name, one)| (name.clone(), one.clone()));
        let known: Vec<(Name, Operator)> = known.collect();
        let name = match self.openid_operator(asked, arrival, &known) {
            Ok(name) => name,
            Err(says) => {
                let same = arrival.claimed.as_ref().map(|(name, _)| name);
                let same = same.filter(|name| {
                    self.register.as_ref().is_some_and(|register| register.operator(name).is_some())
                });
                let about = known.first().map(|(name, _)| name.clone()).or_else(|| same.cloned());
                return self.openid_stopped(asked, about.as_ref(), &says);
            }
        };
        match self.operators.read() {
            Ok(register) => self.register = register,
            Err(report) => return trouble(&report),
        }
        self.let_in(asked, &name)
    }

    /// Makes the register say what the provider says; who they are here. What stands against it is said.
    ///
    /// Shape:  their subject tells who they are. Their name there counts at the first sign-in alone: at many providers it is
    ///         theirs to change, and whoever is kept out here would come back under another.
    fn openid_operator(
        &self,
        asked: &Asked<'_>,
        arrival: &Arrival,
        known: &[(Name, Operator)],
    ) -> Result<Name, String> {
        let Some((claimed, role)) = &arrival.claimed else { return Err(self.openid_off(asked, known)) };
        let not_in = |report| format!("You were not let in: {report}.");
        let change = |name: &Name, change: &Change, revision| {
            let by = By::in_console(name.as_str(), &asked.address);
            self.operators.change(&by, name, change, revision).map(drop).map_err(not_in)
        };
        let Some((name, one)) = known.first() else {
            if self.register.as_ref().is_some_and(|register| register.operator(claimed).is_some()) {
                return Err("An operator of this name is somebody else here. Ask an admin.".to_owned());
            }
            let subject = arrival.subject.clone();
            change(claimed, &Change::AddOpenId { role: *role, subject }, None)?;
            return Ok(claimed.clone());
        };
        if one.is_disabled() && !one.is_taken_off() {
            return Err("Your account here is not open. Ask an admin.".to_owned());
        }
        let mut revision = one.revision();
        if one.role() != *role {
            change(name, &Change::ClaimedRole(*role), Some(revision))?;
            revision += 1;
        }
        if one.is_taken_off() {
            change(name, &Change::PutBack, Some(revision))?;
        }
        Ok(name.clone())
    }

    /// The provider gives somebody no role: what they have here is good no longer. What they are told.
    fn openid_off(&self, asked: &Asked<'_>, known: &[(Name, Operator)]) -> String {
        tracing::warn!("a sign-in with OpenID Connect was refused: no claim gives a role here");
        for (name, _) in known.iter().filter(|(_, one)| !one.is_disabled()) {
            let by = By::in_console(PROVIDER, &asked.address);
            if let Err(report) = self.operators.change(&by, name, &Change::TakeOff, None) {
                tracing::error!("an operator whom the provider gives no role stays as they were: {report:#}");
            }
        }
        "You are known to the provider, and have no role here. Ask an admin for one.".to_owned()
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
