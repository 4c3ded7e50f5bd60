//! Answers that were given before: the policies see counts and labels only, so the same question comes again and again.
//!
//! An answer is a function of the policies and the question alone (no clock, no content), so remembering it changes
//! nothing but its price. The memory belongs to one set of policies and goes with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use crate::{
    boundary::Boundary,
    counts::Counts,
    request::{Action, Caller, Request},
    ruling::{Finding, Outcome},
};

/// Everything that an answer depends on, beside the policies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    is_system: bool,
    caller: String,
    action: Action,
    boundary: Boundary,
    counts: Counts,
    purposes: BTreeSet<String>,
}

impl Question {
    pub(crate) fn of(request: &Request<'_>, counts: &Counts, purposes: &BTreeSet<String>) -> Self {
        Self {
            is_system: match request.client {
                Caller::Client(_) => false,
                Caller::System(_) => true,
            },
            caller: request.client.name().to_owned(),
            action: request.action,
            boundary: request.boundary.clone(),
            counts: *counts,
            purposes: purposes.clone(),
        }
    }
}

/// The answers of one set of policies.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    answers: Mutex<BTreeMap<Question, Outcome>>,
}

/// Most answers that are kept: about 2 MB. Whoever invents client names to fill it only makes it start afresh.
const ANSWERS_MAX: usize = 4096;

impl Memory {
    /// The answer to `question`: the one that was given before, or a new one, which is kept.
    ///
    /// An answer that a policy failed to give is not kept: what made it fail may pass.
    pub(crate) fn recall(&self, question: Question, ask: impl FnOnce() -> Outcome) -> Outcome {
        if let Some(outcome) = self.lock().get(&question) {
            return outcome.clone();
        }
        let outcome = ask();
        if outcome.finding != Finding::Error {
            let mut answers = self.lock();
            if answers.len() >= ANSWERS_MAX {
                answers.clear();
            }
            answers.insert(question, outcome.clone());
        }
        outcome
    }

    // What a thread that panicked left behind is whole: answers are inserted in one step.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Question, Outcome>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Continuity, Decision, Environment, Mode};

    fn boundary() -> Boundary {
        Boundary {
            name: "feed".to_owned(),
            environment: Environment::Production,
            jurisdiction: "US".to_owned(),
            mode: Mode::Enforce,
            continuity: Continuity::Strict,
            system_of_record: false,
        }
    }

    fn outcome(finding: Finding) -> Outcome {
        Outcome {
            finding,
            decision: Decision::Block,
            policies: Vec::new(),
            reason: "why".into(),
            errors: Vec::new(),
            keeps: false,
        }
    }

    fn asked(memory: &Memory, question: Question, finding: Finding) -> bool {
        let mut asked = false;
        memory.recall(question, || {
            asked = true;
            outcome(finding)
        });
        asked
    }

    #[test]
    fn only_the_very_same_question_is_remembered() {
        let (here, lab) = (boundary(), Boundary { mode: Mode::Observe, ..boundary() });
        let memory = Memory::default();
        let one = Counts { records: 1, synthetic: 1, ..Counts::default() };
        let two = Counts { records: 2, synthetic: 2, ..Counts::default() };
        let training = BTreeSet::from(["training".to_owned()]);
        let request = |client, action, boundary| Request { client, action, boundary, route: "create" };
        for (request, counts, purposes) in [
            (request(Caller::Client("sync"), Action::Create, &here), &one, &BTreeSet::new()),
            (request(Caller::System("sync"), Action::Create, &here), &one, &BTreeSet::new()),
            (request(Caller::Client("other"), Action::Create, &here), &one, &BTreeSet::new()),
            (request(Caller::Client("sync"), Action::Update, &here), &one, &BTreeSet::new()),
            (request(Caller::Client("sync"), Action::Create, &lab), &one, &BTreeSet::new()),
            (request(Caller::Client("sync"), Action::Create, &here), &two, &BTreeSet::new()),
            (request(Caller::Client("sync"), Action::Create, &here), &one, &training),
        ] {
            assert!(asked(&memory, Question::of(&request, counts, purposes), Finding::Permit), "{request:?}");
            assert!(
                !asked(&memory, Question::of(&request, counts, purposes), Finding::Permit),
                "{request:?}"
            );
        }
    }

    #[test]
    fn an_error_is_asked_about_again_and_the_memory_is_bounded() {
        let here = boundary();
        let memory = Memory::default();
        let client = Caller::Client("sync");
        let request = Request { client, action: Action::Create, boundary: &here, route: "create" };
        let question =
            |records| Question::of(&request, &Counts { records, ..Counts::default() }, &BTreeSet::new());
        assert!(asked(&memory, question(0), Finding::Error) && asked(&memory, question(0), Finding::Error));
        for records in 0..10_000 {
            asked(&memory, question(records), Finding::Forbid);
            assert!(memory.lock().len() <= ANSWERS_MAX);
        }
    }
}
