//! One transaction on its way: its span, and a span for each of its steps below it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{context::Context, tracer::Tracer};

/// A transaction on its way. Clones are the same one; it ends when the last of them is dropped, whoever still waits for it.
#[derive(Clone)]
pub struct Transaction(Arc<Open>);

struct Open {
    tracer: Arc<Tracer>,
    context: Context,
    // The span that whatever is asked on its behalf is below; recorded by [`Transaction::onward`].
    onward: Context,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    own: Option<Span>,
    steps: Vec<Span>,
    /// When the last step ended.
    mark: u64,
}

/// Steps that are recorded of one transaction at most; a message of many events has a commit for each of them.
pub const STEPS_MAX: usize = 32;
/// Facts of one span at most.
const FACTS_MAX: usize = 32;

/// What a span is to the program on its other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody is on its other side.
    Internal,
    /// It answers somebody.
    Server,
    /// It asks somebody.
    Client,
}

/// A fact. Never content of a record, a reference or the query of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A word.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) facts: Vec<(&'static str, Value)>,
    pub(crate) has_failed: bool,
}

/// A transaction that has ended: its own span first, then its steps in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub(crate) trace: u128,
    pub(crate) spans: Vec<Span>,
}

impl Transaction {
    pub(crate) fn begin(tracer: Arc<Tracer>, context: Context, parent: Option<u64>, name: String) -> Self {
        let begun = tracer.now();
        let own = Span {
            id: context.span,
            parent,
            name,
            kind: Kind::Server,
            begun,
            ended: begun,
            facts: Vec::new(),
            has_failed: false,
        };
        let onward = context.with_span(tracer.draw()).unwrap_or(context);
        let state = Mutex::new(State { own: Some(own), steps: Vec::new(), mark: begun });
        Self(Arc::new(Open { tracer, context, onward, state }))
    }

    /// What `traceparent` says to whoever is asked on its behalf.
    pub fn onward_context(&self) -> Context {
        self.0.onward
    }

    /// The next step begins now.
    pub fn mark(&self) {
        let now = self.0.tracer.now();
        self.0.state().mark = now;
    }

    /// A step has ended: it began where the one before it ended.
    pub fn step(&self, name: &'static str) {
        self.push(name, Kind::Internal, None, |_| {});
    }

    /// A step has ended without doing what it should.
    pub fn failed_step(&self, name: &'static str) {
        self.push(name, Kind::Internal, None, |span| span.has_failed = true);
    }

    /// Whoever was asked on its behalf has answered with this status of HTTP, or not at all.
    ///
    /// Shape: a span of the id that [`Transaction::onward_context`] named; only the first one has it.
    pub fn onward(&self, name: &'static str, status: Option<u16>) {
        self.push_onward(name, |span| {
            span.has_failed = status.is_none_or(|status| status >= 400);
            span.facts.extend(status.map(|status| (STATUS, Value::from(status))));
        });
    }

    /// The same of what is answered by us, with this status, of what others were asked: a refusal is no failure.
    pub fn shown(&self, name: &'static str, status: u16) {
        self.push_onward(name, |span| {
            span.has_failed = status >= 500;
            span.facts.push((STATUS, Value::from(status)));
        });
    }

    /// The same where no HTTP is spoken.
    pub fn onward_plain(&self, name: &'static str, has_failed: bool) {
        self.push_onward(name, |span| span.has_failed = has_failed);
    }

    fn push_onward(&self, name: &'static str, also: impl FnOnce(&mut Span)) {
        let is_said = self.0.state().steps.iter().any(|step| step.id == self.0.onward.span);
        let id = (!is_said).then_some(self.0.onward.span);
        self.push(name, Kind::Client, id, also);
    }

    /// A fact about the whole of it; what is said twice holds as it was said last.
    pub fn tell(&self, name: &'static str, value: impl Into<Value>) {
        let mut state = self.0.state();
        let Some(own) = &mut state.own else { return };
        own.facts.retain(|(known, _)| *known != name);
        if own.facts.len() < FACTS_MAX {
            own.facts.push((name, value.into()));
        }
    }

    /// The status that whoever asked is answered with.
    pub fn answered(&self, status: u16) {
        self.tell(STATUS, status);
        if status >= 500 {
            self.failed();
        }
    }

    /// It did not do what it should.
    pub fn failed(&self) {
        if let Some(own) = &mut self.0.state().own {
            own.has_failed = true;
        }
    }

    fn push(&self, name: &'static str, kind: Kind, id: Option<u64>, also: impl FnOnce(&mut Span)) {
        let now = self.0.tracer.now();
        let id = id.unwrap_or_else(|| self.0.tracer.draw());
        let mut state = self.0.state();
        let begun = std::mem::replace(&mut state.mark, now);
        if state.steps.len() >= STEPS_MAX || id == 0 {
            return;
        }
        let parent = Some(self.0.context.span);
        let (name, facts) = (name.to_owned(), Vec::new());
        let mut span = Span { id, parent, name, kind, begun, ended: now, facts, has_failed: false };
        also(&mut span);
        state.steps.push(span);
    }
}

/// The fact that is an HTTP status, as `OpenTelemetry` calls it.
const STATUS: &str = "http.response.status_code";

impl Open {
    /// What panicked left it as it was.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let now = self.tracer.now();
        let State { own, steps, .. } = std::mem::take(&mut *self.state());
        let Some(own) = own else { return };
        let spans = std::iter::once(Span { ended: now, ..own }).chain(steps).collect();
        self.tracer.keep(Finished { trace: self.context.trace, spans });
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({})", self.0.context)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::tracer::Setup;

    fn tracer() -> Arc<Tracer> {
        let ticks = AtomicU64::new(0);
        let clock = Box::new(move || ticks.fetch_add(10, Ordering::Relaxed));
        Tracer::new(Setup { clock, seed: [1, 2], percent: 100 })
    }

    fn ended(tracer: &Tracer) -> Finished {
        let mut all = tracer.take(2);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    #[test]
    fn steps_follow_each_other_below_their_transaction() {
        let tracer = tracer();
        let before = Context::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let one = tracer.begin(|| "POST feed".to_owned(), before).unwrap();
        let sent = one.onward_context();
        one.mark();
        one.step("read");
        one.failed_step("commit");
        one.onward("apply", Some(201));
        one.tell("eosin.boundary", "before");
        one.tell("eosin.boundary", "feed");
        one.answered(201);
        let clone = one.clone();
        drop(one);
        assert!(tracer.take(1).is_empty(), "somebody still has it");
        drop(clone);
        let Finished { trace, spans } = ended(&tracer);
        assert_eq!(trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        let told = |span: &Span| (span.name.clone(), span.kind, span.begun, span.ended, span.has_failed);
        assert_eq!(
            spans.iter().map(told).collect::<Vec<_>>(),
            [
                ("POST feed".to_owned(), Kind::Server, 0, 50, false),
                ("read".to_owned(), Kind::Internal, 10, 20, false),
                ("commit".to_owned(), Kind::Internal, 20, 30, true),
                ("apply".to_owned(), Kind::Client, 30, 40, false),
            ]
        );
        assert_eq!(spans[0].parent, Some(0x00f0_67aa_0ba9_02b7));
        assert!(spans[1..].iter().all(|span| span.parent == Some(spans[0].id)));
        assert_eq!(spans[3].id, sent.span);
        assert_eq!(spans[0].facts, [("eosin.boundary", "feed".into()), (STATUS, 201u16.into())]);
        assert_eq!(spans[3].facts, [(STATUS, 201u16.into())]);
    }

    #[test]
    fn a_fault_of_ours_is_one_and_a_refusal_is_none() {
        for (status, fault) in [(200, false), (400, false), (500, true), (503, true)] {
            let tracer = tracer();
            tracer.begin(String::new, None).unwrap().answered(status);
            assert_eq!(ended(&tracer).spans[0].has_failed, fault, "{status}");
        }
        for (status, fault) in [(Some(200), false), (Some(404), true), (Some(500), true), (None, true)] {
            let tracer = tracer();
            tracer.begin(String::new, None).unwrap().onward("apply", status);
            assert_eq!(ended(&tracer).spans[1].has_failed, fault, "{status:?}");
        }
        for (status, fault) in [(200, false), (403, false), (404, false), (500, true), (502, true)] {
            let tracer = tracer();
            let one = tracer.begin(String::new, None).unwrap();
            let sent = one.onward_context();
            one.shown("show", status);
            drop(one);
            let span = ended(&tracer).spans.remove(1);
            assert_eq!((span.has_failed, span.id, span.kind), (fault, sent.span, Kind::Client), "{status}");
            assert_eq!(span.facts, [(STATUS, status.into())]);
        }
    }

    #[test]
    fn there_is_an_end_to_steps_and_facts() {
        const NAMES: [&str; 40] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
            "t", "u", "v", "w", "x", "y", "z", "aa", "ab", "ac", "ad", "ae", "af", "ag", "ah", "ai", "aj",
            "ak", "al", "am", "an",
        ];
        let tracer = tracer();
        let one = tracer.begin(String::new, None).unwrap();
        for name in NAMES {
            one.step(name);
            one.tell(name, 1u64);
        }
        drop(one);
        let spans = ended(&tracer).spans;
        assert_eq!((spans.len(), spans[0].facts.len()), (STEPS_MAX + 1, FACTS_MAX));
    }
}
