//! Sessions: random ids that are kept as digests, with a time to rest and a time to end.

use std::{collections::BTreeMap, fmt};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use zeroize::Zeroizing;

use crate::{Name, Seed, cipher};

/// Sessions at one time at most, and of one operator.
const SESSIONS_MAX: usize = 1_000;
const OF_ONE_MAX: usize = 5;
/// Seconds that somebody has for the second step.
const STEP_SECONDS: u64 = 5 * 60;
/// Seconds that somebody has to take up a seed that was drawn for them.
const SEED_SECONDS: u64 = 10 * 60;
/// What is mixed into a session's id to make the word that its forms carry.
const FORMS: &[u8] = b"eosin: forms of this session";

/// How long sessions are good, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Without a request.
    pub idle: u64,
    /// From the sign-in on, whatever is asked.
    pub absolute: u64,
}

impl Timeouts {
    /// Half an hour of rest, twelve hours in all.
    ///
    /// Source: NIST SP 800-63B section 2.2.3 (an hour and a day at most at its second level).
    pub const SUGGESTED: Self = Self { idle: 30 * 60, absolute: 12 * 60 * 60 };
}

/// The id of a session: 256 random bits, which its browser alone has.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionId(Zeroizing<String>);

impl SessionId {
    /// An id of these random bytes.
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Zeroizing::new(BASE32_NOPAD.encode(random).to_ascii_lowercase()))
    }

    /// An id that a browser shows.
    pub fn read(text: &str) -> Option<Self> {
        let plain = |one: u8| one.is_ascii_lowercase() || one.is_ascii_digit();
        (text.len() == 52 && text.bytes().all(plain)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The id itself, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The word that the forms of this session carry, so that a form of another site does nothing.
    pub fn form_word(&self) -> String {
        HEXLOWER.encode(&cipher::keyed(self.0.as_bytes(), FORMS))
    }

    /// Whether a form carries the word of this session.
    pub fn is_form_word(&self, shown: &str) -> bool {
        cipher::same(self.form_word().as_bytes(), shown.as_bytes())
    }

    fn digest(&self) -> [u8; 32] {
        cipher::sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("SessionId(…)")
    }
}

/// How far a sign-in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The password fitted; the code is still wanted.
    Code,
    /// Signed in.
    In,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub operator: Name,
    /// The generation of the operator that it was begun with: with another it is no longer good.
    pub generation: u64,
    /// How far the sign-in is.
    pub stage: Stage,
    /// From where it was begun.
    pub address: String,
    /// When it was begun, in seconds since 1970.
    pub begun: u64,
    /// When it was last used.
    pub seen: u64,
    /// The seed that was drawn for it when its operator gave their password, and when that was.
    pub seed: Option<(Seed, u64)>,
}

/// The sessions of one console. They end with it.
#[derive(Debug)]
pub struct Sessions {
    timeouts: Timeouts,
    // INVARIANT: at most SESSIONS_MAX, at most OF_ONE_MAX of one operator.
    open: BTreeMap<[u8; 32], Session>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, open: BTreeMap::new() }
    }

    /// Begins a session. An operator's sixth one ends the one that was used longest ago, as does the thousandth of all.
    pub fn begin(&mut self, id: &SessionId, session: Session) {
        self.forget_ended(session.seen);
        let own = self.open.iter().filter(|(_, open)| open.operator == session.operator);
        if own.clone().count() >= OF_ONE_MAX {
            let oldest = own.min_by_key(|(_, open)| open.seen).map(|(id, _)| *id);
            oldest.map(|id| self.open.remove(&id));
        }
        if self.open.len() >= SESSIONS_MAX {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.seen).map(|(id, _)| *id);
            oldest.map(|id| self.open.remove(&id));
        }
        self.open.insert(id.digest(), session);
    }

    /// The session of an id, used now; one whose time has come is ended.
    pub fn find(&mut self, id: &SessionId, now: u64) -> Option<Session> {
        let digest = id.digest();
        let timeouts = self.timeouts;
        let session = self.open.get_mut(&digest)?;
        if has_ended(session, timeouts, now) {
            self.open.remove(&digest);
            return None;
        }
        session.seen = now.max(session.seen);
        Some(session.clone())
    }

    /// A session that is open, without being used by this: a page that asks for news by itself is nobody who is there.
    pub fn look(&self, id: &SessionId, now: u64) -> Option<Session> {
        self.open.get(&id.digest()).filter(|session| !has_ended(session, self.timeouts, now)).cloned()
    }

    /// Keeps the seed that was drawn for a session whose operator has given their password, in the place of one before.
    pub fn draw(&mut self, id: &SessionId, seed: Seed, now: u64) {
        if let Some(session) = self.open.get_mut(&id.digest()) {
            session.seed = Some((seed, now));
        }
    }

    /// The seed that was drawn for a session not long ago. No other can become its operator's.
    pub fn drawn(&self, id: &SessionId, now: u64) -> Option<Seed> {
        let (seed, at) = self.look(id, now)?.seed?;
        (now.saturating_sub(at) < SEED_SECONDS).then_some(seed)
    }

    /// Ends one.
    pub fn end(&mut self, id: &SessionId) -> Option<Session> {
        self.open.remove(&id.digest())
    }

    /// Ends all of an operator; how many.
    pub fn end_all(&mut self, operator: &Name) -> usize {
        let before = self.open.len();
        self.open.retain(|_, session| session.operator != *operator);
        before - self.open.len()
    }

    /// The sessions that are good now, the newest first.
    pub fn list(&mut self, now: u64) -> Vec<Session> {
        self.forget_ended(now);
        let mut open: Vec<Session> = self.open.values().cloned().collect();
        open.sort_by(|left, right| right.begun.cmp(&left.begun).then(left.operator.cmp(&right.operator)));
        open
    }

    fn forget_ended(&mut self, now: u64) {
        let timeouts = self.timeouts;
        self.open.retain(|_, session| !has_ended(session, timeouts, now));
    }
}

fn has_ended(session: &Session, timeouts: Timeouts, now: u64) -> bool {
    let absolute = match session.stage {
        Stage::Code => STEP_SECONDS,
        Stage::In => timeouts.absolute,
    };
    now.saturating_sub(session.seen) >= timeouts.idle || now.saturating_sub(session.begun) >= absolute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> SessionId {
        SessionId::new(&[byte; 32])
    }

    fn session(operator: &str, now: u64, stage: Stage) -> Session {
        let operator = operator.parse().unwrap();
        Session {
            operator,
            generation: 0,
            stage,
            address: "192.0.2.1".to_owned(),
            begun: now,
            seen: now,
            seed: None,
        }
    }

    #[test]
    fn a_session_ends_by_rest_and_by_age() {
        let timeouts = Timeouts { idle: 100, absolute: 1_000 };
        for (stage, uses, expected) in [
            (Stage::In, vec![99], true),
            (Stage::In, vec![100], false),
            (Stage::In, vec![99, 198, 297], true),
            (Stage::In, (1..=10).map(|step| step * 99).collect(), true),
            (Stage::In, (1..=11).map(|step| step * 99).collect(), false),
            (Stage::Code, vec![90, 180, 270, 299], true),
            (Stage::Code, vec![90, 180, 270, 300], false),
        ] {
            let mut sessions = Sessions::new(timeouts);
            sessions.begin(&id(1), session("ada", 0, stage));
            let found = uses.iter().map(|now| sessions.find(&id(1), *now)).last().flatten();
            assert_eq!(found.is_some(), expected, "{stage:?} {uses:?}");
        }
    }

    #[test]
    fn sessions_are_ended_and_bounded() {
        let mut sessions = Sessions::new(Timeouts::SUGGESTED);
        for byte in 0..7 {
            sessions.begin(&id(byte), session("ada", u64::from(byte), Stage::In));
        }
        sessions.begin(&id(9), session("grace", 9, Stage::In));
        assert_eq!(sessions.list(10).len(), 6, "five of ada, one of grace");
        assert!(sessions.find(&id(0), 10).is_none(), "the oldest made room");
        assert!(sessions.end(&id(6)).is_some());
        assert!(sessions.find(&id(6), 10).is_none());
        assert_eq!(sessions.end_all(&"ada".parse().unwrap()), 4);
        assert_eq!(sessions.list(10).len(), 1);
        for number in 0..1_100_u32 {
            let mut random = [0; 32];
            random[..4].copy_from_slice(&number.to_be_bytes());
            sessions.begin(&SessionId::new(&random), session(&format!("x{number}"), 20, Stage::In));
        }
        assert_eq!(sessions.list(20).len(), SESSIONS_MAX);
    }

    #[test]
    fn a_session_begun_anew_is_as_old_as_its_sign_in() {
        let mut sessions = Sessions::new(Timeouts { idle: 100, absolute: 1_000 });
        sessions.begin(&id(1), Session { seen: 950, ..session("ada", 0, Stage::In) });
        assert!(sessions.find(&id(1), 999).is_some());
        assert!(sessions.find(&id(1), 1_000).is_none());
    }

    #[test]
    fn a_seed_is_taken_up_in_the_session_that_it_was_drawn_for_and_soon() {
        let mut sessions = Sessions::new(Timeouts::SUGGESTED);
        sessions.begin(&id(1), session("ada", 0, Stage::In));
        sessions.begin(&id(2), session("ada", 0, Stage::In));
        assert_eq!(sessions.drawn(&id(1), 0), None, "none was drawn");
        sessions.draw(&id(1), Seed::new([1; 20]), 10);
        sessions.draw(&id(1), Seed::new([2; 20]), 20);
        for (of, now, expected) in
            [(1, 20, Some([2; 20])), (1, 619, Some([2; 20])), (1, 620, None), (2, 20, None), (3, 20, None)]
        {
            assert_eq!(sessions.drawn(&id(of), now), expected.map(Seed::new), "{of} at {now}");
        }
        sessions.end(&id(1));
        assert_eq!(sessions.drawn(&id(1), 20), None, "it ends with its session");
    }

    #[test]
    fn a_form_carries_the_word_of_its_session() {
        assert!(id(1).is_form_word(&id(1).form_word()));
        assert!(!id(1).is_form_word(&id(2).form_word()));
        assert!(!id(1).is_form_word(""));
        assert!(!id(1).form_word().contains(id(1).reveal()));
        assert_eq!(SessionId::read(id(3).reveal()), Some(id(3)));
        assert!(SessionId::read("short").is_none());
        assert_eq!(format!("{:?}", id(1)), "SessionId(…)");
    }
}
