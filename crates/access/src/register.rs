//! The register: every operator and every token, changed one step at a time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Action, Name, Operator, PasswordHash, Role, Seed, Token, TokenSecret};

/// Operators at most.
pub const OPERATORS_MAX: usize = 1_000;
/// Tokens at most, of all operators together.
pub const TOKENS_MAX: usize = 1_000;
/// Characters of a token's label at most.
const LABEL_MAX: usize = 64;
/// The form of the register as it is written.
const FORM: &str = "operators@1";

/// Every operator and every token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    eosin: String,
    operators: BTreeMap<Name, Operator>,
    /// By the SHA-256 of the token.
    tokens: BTreeMap<String, Token>,
}

/// One change of the register.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new operator.
    Add {
        /// Their role.
        role: Role,
        /// Their first password.
        password: PasswordHash,
        /// Whether they have to take one of their own first.
        must_change: bool,
    },
    /// A new operator who signs in at an OpenID provider, and has no password here.
    AddOpenId {
        /// Their role, by their claims.
        role: Role,
        /// Who they are there.
        subject: String,
    },
    /// Another role.
    Role(Role),
    /// The role that their claims give them at their provider.
    ClaimedRole(Role),
    /// They may no longer sign in.
    Disable,
    /// They may again.
    Enable,
    /// Their provider gives them no role: nothing of theirs is good until it does.
    TakeOff,
    /// It gives them one again. Whom somebody else keeps out stays out.
    PutBack,
    /// Their provider vouched for them, and they came in.
    VouchedIn,
    /// Another password.
    Password {
        /// It.
        password: PasswordHash,
        /// Whether they have to take one of their own first.
        must_change: bool,
    },
    /// An authenticator, or none.
    Totp(Option<Seed>),
    /// A code of this step was used.
    UsedStep(u64),
    /// A token was made.
    MakeToken {
        /// By its secret, which is not kept.
        digest: String,
        /// What it is for.
        label: String,
        /// What it may.
        scopes: BTreeSet<Action>,
        /// From when on it is no longer good.
        until: u64,
    },
    /// A token is no longer good.
    RevokeToken(String),
}

impl Change {
    /// A change that makes this token.
    pub fn make_token(secret: &TokenSecret, label: &str, scopes: BTreeSet<Action>, until: u64) -> Self {
        Self::MakeToken { digest: secret.digest(), label: label.to_owned(), scopes, until }
    }

    /// What the ledger says of it: one word, and never which code or password.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Add { .. } | Self::AddOpenId { .. } => "added",
            Self::Role(_) | Self::ClaimedRole(_) => "role",
            Self::Disable => "disabled",
            Self::Enable => "enabled",
            Self::TakeOff => "taken-off",
            Self::PutBack => "put-back",
            Self::VouchedIn => "signed-in",
            Self::Password { .. } => "password",
            Self::Totp(Some(_)) => "totp-on",
            Self::Totp(None) => "totp-off",
            Self::UsedStep(_) => "code-used",
            Self::MakeToken { .. } => "token-made",
            Self::RevokeToken(_) => "token-revoked",
        }
    }
}

/// Why the register was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such operator.
    #[error("there is no operator `{0}`")]
    Unknown(Name),
    /// There is one already.
    #[error("there is an operator `{0}` already")]
    Exists(Name),
    /// Somebody else changed them meanwhile.
    #[error("`{0}` was changed by somebody else meanwhile: look again, then decide again")]
    Stale(Name),
    /// Nobody could manage operators any more.
    #[error("`{0}` is the only admin who may sign in: make another one first")]
    LastAdmin(Name),
    /// Whom an OpenID provider knows as somebody is one operator.
    #[error("the provider knows `{0}` as them: one person is one operator")]
    KnownAs(Name),
    /// There is no such token.
    #[error("there is no token `{0}` of theirs")]
    NoToken(String),
    /// A token is made for scopes, for a time to come, with a short label.
    #[error(
        "a token has at least one scope, none of them `manage-operators` or `manage-own`, an end that is to come, and a label of at most {LABEL_MAX} characters"
    )]
    Token,
    /// Their provider asks for it, not we.
    #[error("`{0}` signs in with OpenID Connect: a password or an authenticator is their provider's")]
    SignsInElsewhere(Name),
    /// A bound.
    #[error("there are {0} already: disable or revoke what is no longer used")]
    Many(usize),
    /// A code that was used before.
    #[error("that code was used before: wait for the next one")]
    UsedCode,
}

impl Default for Register {
    fn default() -> Self {
        Self { eosin: FORM.to_owned(), operators: BTreeMap::new(), tokens: BTreeMap::new() }
    }
}

impl Register {
    /// Whether this is a form that this build knows.
    pub fn is_known_form(&self) -> bool {
        self.eosin == FORM
    }

    /// An operator.
    pub fn operator(&self, name: &Name) -> Option<&Operator> {
        self.operators.get(name)
    }

    /// All of them, by name.
    pub fn operators(&self) -> impl Iterator<Item = (&Name, &Operator)> {
        self.operators.iter()
    }

    /// Who somebody at an OpenID provider is here, whatever they are called there by now.
    ///
    /// Shape:  of several, whom registers of before could hold, first whom an admin keeps out: it was the person who was meant.
    pub fn known_as(&self, subject: &str) -> Vec<(&Name, &Operator)> {
        let all = self.operators.iter();
        let mut known: Vec<_> = all.filter(|(_, one)| one.openid.as_deref() == Some(subject)).collect();
        known.sort_by_key(|(_, one)| !one.is_disabled || one.is_taken_off);
        known
    }

    /// The tokens that are good now, each with its id.
    pub fn tokens(&self, now: u64) -> impl Iterator<Item = (&str, &Token)> {
        let good = self.tokens.iter().filter(move |(_, token)| self.is_good(token, now));
        good.map(|(digest, token)| (digest.get(..12).unwrap_or(digest), token))
    }

    /// The token that is shown, if it is good now.
    pub fn token(&self, secret: &TokenSecret, now: u64) -> Option<&Token> {
        // Found by the digest of 256 random bits: how long that takes tells nothing of them.
        self.tokens.get(&secret.digest()).filter(|token| self.is_good(token, now))
    }

    fn is_good(&self, token: &Token, now: u64) -> bool {
        let vouched = self.operators.get(&token.operator).and_then(Operator::vouched_until);
        token.until > now && vouched.is_none_or(|until| until > now)
    }

    /// Changes an operator; nothing, where that is refused.
    ///
    /// Shape:  `expect` is the revision that whoever decided had seen.
    /// Errors: see [`ChangeError`].
    pub fn change(
        &mut self,
        name: &Name,
        change: &Change,
        expect: Option<u64>,
        now: u64,
    ) -> Result<(), ChangeError> {
        if let Change::Add { role, password, must_change } = change {
            let operator = Operator::new(*role, Some(password.clone()), now);
            return self.add(name, Operator { must_change: *must_change, ..operator });
        }
        if let Change::AddOpenId { role, subject } = change {
            let operator = Operator::new(*role, None, now);
            return self.add(name, Operator { openid: Some(subject.clone()), ..operator });
        }
        let operator = self.operators.get(name).ok_or_else(|| ChangeError::Unknown(name.clone()))?;
        if expect.is_some_and(|expected| expected != operator.revision) {
            return Err(ChangeError::Stale(name.clone()));
        }
        let is_proof = matches!(change, Change::Password { .. } | Change::Totp(Some(_)));
        if is_proof && operator.openid.is_some() {
            return Err(ChangeError::SignsInElsewhere(name.clone()));
        }
        let is_admin_then = match change {
            Change::Role(role) => *role == Role::Admin,
            Change::Disable => false,
            Change::Add { .. }
            | Change::AddOpenId { .. }
            | Change::Enable
            // What the provider takes back is not kept because nobody else has it: the command line makes another admin.
            | Change::ClaimedRole(_)
            | Change::TakeOff
            | Change::PutBack
            | Change::VouchedIn
            | Change::Password { .. }
            | Change::Totp(_)
            | Change::UsedStep(_)
            | Change::MakeToken { .. }
            | Change::RevokeToken(_) => true,
        };
        if !is_admin_then && self.is_last_admin(name) {
            return Err(ChangeError::LastAdmin(name.clone()));
        }
        if let Change::MakeToken { digest, label, scopes, until } = change {
            self.make_token(name, digest, label, scopes, *until, now)?;
        }
        if let Change::RevokeToken(id) = change {
            self.revoke(name, id)?;
        }
        let operator = self.operators.get_mut(name).ok_or_else(|| ChangeError::Unknown(name.clone()))?;
        operator.take(change, now)
    }

    fn add(&mut self, name: &Name, operator: Operator) -> Result<(), ChangeError> {
        if self.operators.contains_key(name) {
            return Err(ChangeError::Exists(name.clone()));
        }
        // Here, too, and not where somebody signs in alone: two consoles may add at once.
        let known = operator.openid.as_deref().map(|subject| self.known_as(subject));
        if let Some((known, _)) = known.and_then(|known| known.first().copied()) {
            return Err(ChangeError::KnownAs(known.clone()));
        }
        if self.operators.len() >= OPERATORS_MAX {
            return Err(ChangeError::Many(OPERATORS_MAX));
        }
        self.operators.insert(name.clone(), operator);
        Ok(())
    }

    fn is_last_admin(&self, name: &Name) -> bool {
        let mut admins = self.operators.iter().filter(|(_, one)| one.role == Role::Admin && !one.is_disabled);
        admins.next().is_some_and(|(first, _)| first == name) && admins.next().is_none()
    }

    fn make_token(
        &mut self,
        name: &Name,
        digest: &str,
        label: &str,
        scopes: &BTreeSet<Action>,
        until: u64,
        now: u64,
    ) -> Result<(), ChangeError> {
        let is_labelled = label.chars().count() <= LABEL_MAX && !label.chars().any(char::is_control);
        if scopes.is_empty() || !scopes.iter().all(|scope| scope.is_scope()) || until <= now || !is_labelled {
            return Err(ChangeError::Token);
        }
        self.tokens.retain(|_, token| token.until > now);
        if self.tokens.len() >= TOKENS_MAX {
            return Err(ChangeError::Many(TOKENS_MAX));
        }
        let token = Token {
            operator: name.clone(),
            label: label.to_owned(),
            scopes: scopes.clone(),
            since: now,
            until,
        };
        self.tokens.insert(digest.to_owned(), token);
        Ok(())
    }

    fn revoke(&mut self, name: &Name, id: &str) -> Result<(), ChangeError> {
        let is_meant = |digest: &str, token: &Token| digest.get(..12) == Some(id) && token.operator == *name;
        let before = self.tokens.len();
        self.tokens.retain(|digest, token| !is_meant(digest, token));
        if self.tokens.len() == before { Err(ChangeError::NoToken(id.to_owned())) } else { Ok(()) }
    }
}

impl Operator {
    fn new(role: Role, password: Option<PasswordHash>, now: u64) -> Self {
        Self {
            role,
            since: now,
            is_disabled: false,
            password,
            openid: None,
            vouched: None,
            is_taken_off: false,
            must_change: false,
            seed: None,
            last_step: 0,
            generation: 1,
            revision: 1,
        }
    }

    /// Takes a change of their own. What makes somebody less, or proves them otherwise, ends their sessions.
    fn take(&mut self, change: &Change, now: u64) -> Result<(), ChangeError> {
        match change {
            Change::Role(role) | Change::ClaimedRole(role) => {
                self.role = *role;
                self.generation += 1;
            }
            Change::Disable | Change::TakeOff => {
                // Whom an admin keeps out stays out, whatever the provider says.
                self.is_taken_off =
                    matches!(change, Change::TakeOff) && (self.is_taken_off || !self.is_disabled);
                self.is_disabled = true;
                self.generation += 1;
            }
            Change::Enable => (self.is_disabled, self.is_taken_off) = (false, false),
            Change::PutBack => {
                self.is_disabled &= !self.is_taken_off;
                self.is_taken_off = false;
            }
            Change::Password { password, must_change } => {
                self.password = Some(password.clone());
                self.must_change = *must_change;
                self.generation += 1;
            }
            Change::Totp(seed) => {
                self.seed.clone_from(seed);
                self.generation += 1;
            }
            Change::VouchedIn => {
                self.vouched = Some(now);
                // As with a code: whoever looks at them sees nothing else.
                return Ok(());
            }
            Change::UsedStep(step) => {
                if *step <= self.last_step {
                    return Err(ChangeError::UsedCode);
                }
                self.last_step = *step;
                // Whoever looks at them sees nothing else: no revision.
                return Ok(());
            }
            Change::Add { .. }
            | Change::AddOpenId { .. }
            | Change::MakeToken { .. }
            | Change::RevokeToken(_) => {}
        }
        self.revision += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Cost, Password, SignIn};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::new(&Password::typed(text), &[1; 16], Cost::CHEAP).unwrap()
    }

    fn add(role: Role) -> Change {
        Change::Add { role, password: hash("violet kettle"), must_change: false }
    }

    fn two() -> Register {
        let mut register = Register::default();
        register.change(&name("ada"), &add(Role::Admin), None, 10).unwrap();
        register.change(&name("grace"), &add(Role::Support), None, 20).unwrap();
        register
    }

    #[test]
    fn changes_are_refused_where_they_do_no_good() {
        let scopes: BTreeSet<Action> = [Action::SeeRecords].into();
        let token = |scopes: &BTreeSet<Action>, until, label: &str| {
            Change::make_token(&TokenSecret::new(&[3; 32]), label, scopes.clone(), until)
        };
        let (ada, nobody) = (name("ada"), name("nobody"));
        for (who, change, expect, expected) in [
            (&ada, add(Role::Admin), None, ChangeError::Exists(ada.clone())),
            (&nobody, Change::Disable, None, ChangeError::Unknown(nobody.clone())),
            (&ada, Change::Disable, None, ChangeError::LastAdmin(ada.clone())),
            (&ada, Change::Role(Role::Auditor), None, ChangeError::LastAdmin(ada.clone())),
            (&ada, Change::Enable, Some(9), ChangeError::Stale(ada.clone())),
            (&ada, Change::UsedStep(0), None, ChangeError::UsedCode),
            (&ada, Change::RevokeToken("abc".to_owned()), None, ChangeError::NoToken("abc".to_owned())),
            (&ada, token(&BTreeSet::new(), 100, "x"), None, ChangeError::Token),
            (&ada, token(&[Action::ManageOwn].into(), 100, "x"), None, ChangeError::Token),
            (&ada, token(&scopes, 30, "x"), None, ChangeError::Token),
            (&ada, token(&scopes, 100, &"x".repeat(65)), None, ChangeError::Token),
            (&ada, token(&scopes, 100, "a\u{1b}[2J"), None, ChangeError::Token),
        ] {
            let mut register = two();
            assert_eq!(register.change(who, &change, expect, 30), Err(expected), "{change:?}");
            assert_eq!(register, two(), "{change:?}: nothing has changed");
        }
    }

    #[test]
    fn whoever_decides_on_what_was_changed_meanwhile_is_told() {
        let mut register = two();
        let grace = name("grace");
        let seen = register.operator(&grace).unwrap().revision();
        register.change(&grace, &Change::Role(Role::Auditor), Some(seen), 30).unwrap();
        assert_eq!(
            register.change(&grace, &Change::Disable, Some(seen), 31),
            Err(ChangeError::Stale(grace.clone()))
        );
        assert_eq!(register.operator(&grace).unwrap().role(), Role::Auditor);
    }

    #[test]
    fn what_makes_somebody_less_ends_their_sessions() {
        for (change, ends) in [
            (Change::Role(Role::Generator), true),
            (Change::Disable, true),
            (Change::Password { password: hash("another"), must_change: true }, true),
            (Change::Totp(Some(Seed::new([1; 20]))), true),
            (Change::Totp(None), true),
            (Change::Enable, false),
            (Change::UsedStep(5), false),
        ] {
            let mut register = two();
            let before = register.operator(&name("grace")).unwrap().generation();
            register.change(&name("grace"), &change, None, 30).unwrap();
            let ended = register.operator(&name("grace")).unwrap().generation() != before;
            assert_eq!(ended, ends, "{change:?}");
        }
    }

    #[test]
    fn somebody_signs_in_with_a_password_and_where_there_is_one_a_code() {
        let mut register = two();
        let grace = name("grace");
        let check = |register: &Register, name: &Name, password: &str| {
            Operator::check(register.operator(name), &Password::typed(password))
        };
        assert_eq!(check(&register, &grace, "violet kettle"), SignIn::Done);
        assert_eq!(check(&register, &grace, "violet kettles"), SignIn::Refused);
        assert_eq!(check(&register, &name("nobody"), "violet kettle"), SignIn::Refused);
        let seed = Seed::new([1; 20]);
        register.change(&grace, &Change::Totp(Some(seed.clone())), None, 30).unwrap();
        assert_eq!(check(&register, &grace, "violet kettle"), SignIn::CodeWanted);
        let now = 1_000_000;
        let code = Code::read(&seed.code_at(now)).unwrap();
        let step = register.operator(&grace).unwrap().step_of(code, now).unwrap();
        register.change(&grace, &Change::UsedStep(step), None, now).unwrap();
        assert_eq!(register.operator(&grace).unwrap().step_of(code, now), None, "once");
        register.change(&grace, &Change::Disable, None, now).unwrap();
        assert_eq!(check(&register, &grace, "violet kettle"), SignIn::Refused);
    }

    #[test]
    fn whoever_signs_in_elsewhere_has_no_password_here() {
        let mut register = two();
        let bel = name("bel@example.org");
        let add =
            Change::AddOpenId { role: Role::Support, subject: "https://login.example.org 7".to_owned() };
        register.change(&bel, &add, None, 30).unwrap();
        assert_eq!(register.operator(&bel).unwrap().openid(), Some("https://login.example.org 7"));
        for typed in ["", "violet kettle"] {
            let check = Operator::check(register.operator(&bel), &Password::typed(typed));
            assert_eq!(check, SignIn::Refused, "{typed}");
            assert!(!register.operator(&bel).unwrap().has_password(&Password::typed(typed)));
        }
        let elsewhere = Err(ChangeError::SignsInElsewhere(bel.clone()));
        let password = Change::Password { password: hash("another"), must_change: false };
        assert_eq!(register.change(&bel, &password, None, 31), elsewhere);
        assert_eq!(register.change(&bel, &Change::Totp(Some(Seed::new([1; 20]))), None, 31), elsewhere);
        assert_eq!(register.change(&name("grace"), &add, None, 31), Err(ChangeError::Exists(name("grace"))));
        let text = serde_json::to_string(&register).unwrap();
        assert_eq!(serde_json::from_str::<Register>(&text).unwrap(), register);
    }

    #[test]
    fn whoever_a_provider_knows_is_one_operator_and_of_several_the_disabled_one() {
        let mut register = two();
        let (bel, other) = (name("bel@example.org"), name("bel.other@example.org"));
        let subject = "https://login.example.org 7";
        let add = Change::AddOpenId { role: Role::Support, subject: subject.to_owned() };
        assert!(register.known_as(subject).is_empty());
        register.change(&bel, &add, None, 30).unwrap();
        assert_eq!(register.known_as(subject)[0].0, &bel);
        assert_eq!(register.change(&other, &add, None, 31), Err(ChangeError::KnownAs(bel.clone())));
        // As a register of before could hold them.
        let again = Operator { is_disabled: true, ..register.operator(&bel).unwrap().clone() };
        for (disabled, expected) in [(&other, &other), (&bel, &bel)] {
            let mut before = register.clone();
            before.operators.insert(other.clone(), register.operator(&bel).unwrap().clone());
            before.operators.insert(disabled.clone(), again.clone());
            assert_eq!(before.known_as(subject)[0].0, expected);
        }
    }

    #[test]
    fn what_a_provider_takes_back_is_gone_and_what_nobody_vouches_for_ends() {
        const DAY: u64 = 86_400;
        let mut register = two();
        let (bel, secret) = (name("bel"), TokenSecret::new(&[3; 32]));
        let add = Change::AddOpenId { role: Role::Admin, subject: "https://login.example.org 7".to_owned() };
        let token = Change::make_token(&secret, "x", [Action::SeeRecords].into(), 366 * DAY);
        for change in [add, token] {
            register.change(&bel, &change, None, 30).unwrap();
        }
        // Good for thirty days after each sign-in, and not past its own end.
        for (vouched, now, is_good) in [
            (None, 30 * DAY, true),
            (None, 30 * DAY + 30, false),
            (Some(31 * DAY), 60 * DAY, true),
            (Some(31 * DAY), 61 * DAY, false),
            (Some(365 * DAY), 366 * DAY, false),
        ] {
            if let Some(at) = vouched {
                register.change(&bel, &Change::VouchedIn, None, at).unwrap();
            }
            assert_eq!(register.token(&secret, now).is_some(), is_good, "{vouched:?} {now}");
            assert_eq!(register.tokens(now).count(), usize::from(is_good), "{vouched:?} {now}");
        }
        let state = |register: &Register| {
            let one = register.operator(&bel).unwrap();
            (one.is_disabled(), one.is_taken_off())
        };
        // Also of the only admin; and whom an admin keeps out stays out, in whichever order.
        register.change(&name("ada"), &Change::Disable, None, 40).unwrap();
        for (changes, expected) in [
            (vec![Change::TakeOff], (true, true)),
            (vec![Change::TakeOff, Change::TakeOff, Change::PutBack], (false, false)),
            (vec![Change::TakeOff, Change::Disable, Change::PutBack], (true, false)),
            (vec![Change::TakeOff, Change::Enable, Change::PutBack], (false, false)),
            (
                vec![Change::ClaimedRole(Role::Support), Change::Disable, Change::TakeOff, Change::PutBack],
                (true, false),
            ),
        ] {
            let mut register = register.clone();
            let before = register.operator(&bel).unwrap().generation();
            for change in &changes {
                register.change(&bel, change, None, 50).unwrap();
            }
            assert_eq!(state(&register), expected, "{changes:?}");
            assert_ne!(register.operator(&bel).unwrap().generation(), before, "sessions end: {changes:?}");
            let text = serde_json::to_string(&register).unwrap();
            assert_eq!(serde_json::from_str::<Register>(&text).unwrap(), register);
        }
    }

    #[test]
    fn a_token_is_good_until_its_end_or_its_revocation() {
        let mut register = two();
        let secret = TokenSecret::new(&[3; 32]);
        let change = Change::make_token(&secret, "nightly", [Action::SeeRecords].into(), 100);
        register.change(&name("grace"), &change, None, 30).unwrap();
        assert_eq!(register.token(&secret, 99).unwrap().label, "nightly");
        assert!(register.token(&secret, 100).is_none());
        let (id, _) = register.tokens(50).next().unwrap();
        assert_eq!(id, secret.id());
        let id = id.to_owned();
        let other = register.change(&name("ada"), &Change::RevokeToken(id.clone()), None, 50);
        assert_eq!(other, Err(ChangeError::NoToken(id.clone())), "somebody else's");
        register.change(&name("grace"), &Change::RevokeToken(id), None, 50).unwrap();
        assert!(register.token(&secret, 50).is_none());
    }

    #[test]
    fn a_register_is_read_as_it_was_written_and_holds_no_secret_that_signs_in() {
        let mut register = two();
        let secret = TokenSecret::new(&[3; 32]);
        let change = Change::make_token(&secret, "nightly", [Action::SeeRecords].into(), 100);
        register.change(&name("grace"), &change, None, 30).unwrap();
        let text = serde_json::to_string(&register).unwrap();
        assert_eq!(serde_json::from_str::<Register>(&text).unwrap(), register);
        assert!(register.is_known_form());
        assert!(!text.contains("violet") && !text.contains(secret.reveal()));
        assert!(serde_json::from_str::<Register>(&text.replace("\"tokens\"", "\"tokenz\"")).is_err());
    }
}
