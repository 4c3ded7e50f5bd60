//! Policies in the console: compared, tried, put in force, and gone back on.

use gateway::PageAnswer;
use miette::miette;
use policy::{Policies, RedLine};
use web::{Candidate, ChangedPolicy, Comparison, Found, Question, Replayed, ReplayedGroup, Sound, Told};

use super::{Desk, reason};
use crate::{
    console_command::{
        answers::{Asked, Form, elsewhere},
        reception::{Present, trouble, with_setting},
    },
    policy_command::{
        WHEN_OBEYED,
        acting::{self, Acted},
        checking::{Checked, counterexample, said},
        difference::{Difference, Differing},
        policy_text,
        replay::{Emergencies, Group, Replay, Wanted, run},
        versions::{Change, Meanwhile, Versions, Wish, name_in, told_elsewhere},
    },
};

/// Examples of each kind of change, and groups of them on a page.
pub(super) const EXAMPLES: usize = 3;
const GROUPS: usize = 100;
/// Activations on a page: each is proven anew when it is shown.
const ACTIVATIONS: usize = 200;
/// Bytes of a text at most; longer ones are put in force with the command.
const TEXT_BYTES_MAX: usize = 100_000;
const SINCE: &str = "7d";

impl Desk {
    /// What was put in force, the newest first; nothing where this configuration has no log of versions.
    pub(crate) fn version_log(&self) -> miette::Result<Option<web::VersionLog>> {
        let Some(versions) = Versions::of(&self.config.policy) else { return Ok(None) };
        let activation = |(place, change): (String, Change)| web::Activation {
            version: change.version,
            previous: change.previous,
            at: change.at,
            by: change.by,
            reason: change.reason,
            event: change.event,
            place,
        };
        let history = versions.newest(ACTIVATIONS)?;
        Ok(Some(web::VersionLog { activations: history.into_iter().map(activation).collect() }))
    }

    /// A page of policies.
    pub(super) fn policies(&self, asked: &Asked<'_>, present: &Present) -> PageAnswer {
        let Some(versions) = Versions::of(&self.config.policy) else { return elsewhere("/policies") };
        let made = match (asked.path(), &asked.form) {
            ("/policies/compare", None) => Self::compare(&versions, &asked.query(), present),
            ("/policies/candidate", None) => Self::begin(&versions, &asked.query(), present),
            ("/policies/candidate", Some(form)) => self.try_candidate(&versions, form, present),
            ("/policies/question", Some(form)) => self.ask(&versions, form, present),
            ("/policies/rollback", None) => self.ask_back(&versions, &asked.query(), present),
            ("/policies/activate", Some(form)) => self.activate(&versions, form, present),
            _ => Ok(elsewhere("/policies")),
        };
        made.unwrap_or_else(|report| trouble(&report))
    }

    fn compare(versions: &Versions, query: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let history = versions.history()?;
        let names = names(&history);
        let newest = history.first().map(|(_, change)| change);
        let or = |given: &str, other: Option<&String>| {
            if given.is_empty() { other.cloned().unwrap_or_default() } else { given.to_owned() }
        };
        let new = or(query.get("new"), newest.map(|change| &change.version));
        let old = or(query.get("old"), newest.and_then(|change| change.previous.as_ref()).or(names.first()));
        let read = |version: &str| acting::kept(versions, &history, version);
        let compared = match (read(&old), read(&new)) {
            _ if names.is_empty() => Ok(None),
            (Ok(old), Ok(new)) => Ok(Some(comparison(&old.policies, &new.policies))),
            (Err(report), _) | (_, Err(report)) => Err(format!("{report}.")),
        };
        Ok(with_setting(present, |setting| {
            let chosen = (old.as_str(), new.as_str());
            match &compared {
                Ok(found) => web::compare(setting, &names, chosen, found.as_ref(), Told::Nothing),
                Err(fault) => web::compare(setting, &names, chosen, None, Told::Fault(fault)),
            }
        }))
    }

    /// A candidate before anybody has changed a word of it.
    fn begin(versions: &Versions, query: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let history = versions.history()?;
        let in_force = history.first().map(|(_, change)| change.version.clone());
        let from =
            if query.get("from").is_empty() { in_force.clone() } else { Some(query.get("from").to_owned()) };
        let (name, text) = match &from {
            Some(version) => match acting::kept(versions, &history, version) {
                Ok(kept) => (name_in(version).to_owned(), kept.text),
                Err(report) => {
                    let one = blank(&history, String::new(), String::new(), SINCE);
                    let fault = format!("{report}.");
                    return Ok(with_setting(present, |setting| {
                        web::candidate(setting, &one, Told::Fault(&fault))
                    }));
                }
            },
            None => ("default".to_owned(), Policies::default_text().to_owned()),
        };
        let one = blank(&history, name, text, SINCE);
        Ok(with_setting(present, |setting| web::candidate(setting, &one, Told::Nothing)))
    }

    fn try_candidate(
        &self,
        versions: &Versions,
        form: &Form,
        present: &Present,
    ) -> miette::Result<PageAnswer> {
        let one = self.found(versions, form)?;
        Ok(with_setting(present, |setting| web::candidate(setting, &one, Told::Nothing)))
    }

    /// A candidate with what there is to know of it.
    fn found(&self, versions: &Versions, form: &Form) -> miette::Result<Candidate> {
        let (name, text) = written(form);
        let mut one = blank(&versions.newest(ACTIVATIONS)?, name, text, since_of(form));
        if one.text.len() > TEXT_BYTES_MAX {
            one.found = Found::Faulty { faults: Vec::new(), rest: vec![TOO_LONG.to_owned()] };
            return Ok(one);
        }
        one.found = match Policies::parse(&one.name, &one.text) {
            Err(error) => {
                let (faults, rest) = policy_text::faults(&error, &one.text);
                let fault = |fault: policy_text::Fault| web::Fault {
                    begins: fault.begins,
                    length: fault.length,
                    says: fault.says,
                };
                Found::Faulty { faults: faults.into_iter().map(fault).collect(), rest }
            }
            Ok(policies) => {
                let checked = {
                    let _proof = self.proof();
                    Checked::of(&policies)
                };
                let replay = self.replay(&policies, &one.since)?;
                let compared = self.config.policies().map(|now| comparison(&now, &policies));
                let compared = compared.map_err(|report| told_elsewhere(&report));
                Found::Sound(Box::new(sound(&checked, compared, replay)))
            }
        };
        Ok(one)
    }

    fn replay(&self, policies: &Policies, since: &str) -> miette::Result<Replayed> {
        let wanted = Wanted::new(since, EXAMPLES, false)?;
        let _turn = self.turn();
        Ok(shown(run(policies, Emergencies::of(&self.config), &wanted, &mut self.index()?, &mut |_, _| {})?))
    }

    fn ask(&self, versions: &Versions, form: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let one = self.found(versions, form)?;
        let question = match &one.found {
            Found::Sound(sound) if sound.is_proven => question(&one, sound),
            Found::Sound(_) | Found::Nothing | Found::Faulty { .. } => {
                return Ok(with_setting(present, |setting| web::candidate(setting, &one, Told::Nothing)));
            }
        };
        Ok(with_setting(present, |setting| web::question(setting, &question, Told::Nothing)))
    }

    fn ask_back(&self, versions: &Versions, query: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let Ok(kept) = acting::before(versions, &versions.history()?, Some(query.get("version"))) else {
            return Ok(elsewhere("/policies"));
        };
        let question = self.question_back(versions, &kept.policies)?;
        Ok(with_setting(present, |setting| web::question(setting, &question, Told::Nothing)))
    }

    fn question_back(&self, versions: &Versions, kept: &Policies) -> miette::Result<Question> {
        let in_force = versions.in_force()?.map(|(_, change)| change.version);
        let replayed = self.replay(kept, SINCE)?;
        let difference = self.config.policies().map(|now| Difference::between(&now, kept));
        let changes = match difference {
            Ok(difference) => changes(difference.policies.len(), difference.answers.len()),
            Err(report) => not_compared(&told_elsewhere(&report)),
        };
        let mut consequences = vec![instead(in_force.as_deref()), changes, would(&replayed)];
        consequences.push(WRITTEN.to_owned());
        Ok(Question {
            version: kept.version().to_owned(),
            is_rollback: true,
            candidate: None,
            in_force,
            consequences,
        })
    }

    /// What was shown and asked before.
    fn activate(&self, versions: &Versions, form: &Form, present: &Present) -> miette::Result<PageAnswer> {
        if form.get("text").len() > TEXT_BYTES_MAX {
            return self.again(versions, form, present, TOO_LONG);
        }
        let is_rollback = form.get("text").is_empty();
        let history = versions.history()?;
        let (name, text) = written(form);
        let read = if is_rollback {
            acting::kept(versions, &history, form.get("version"))
        } else {
            acting::Candidate::read(&name, text, "this form")
        };
        let candidate = read.and_then(|one| {
            let same = one.policies.version() == form.get("version");
            if same { Ok(one) } else { Err(miette!("the text is not the one that was shown")) }
        });
        let (candidate, Some(reason)) = (candidate?, reason(form.get("reason"))) else {
            return self.again(
                versions,
                form,
                present,
                "Say why: the log of versions has a reason for each.",
            );
        };
        let event = if is_rollback { "rollback" } else { "activate" };
        let by = present.by();
        let act = if is_rollback { "policy-rollback" } else { "policy-activate" };
        self.note(present, act, vec![candidate.policies.version().to_owned()], &reason)?;
        let expect = Some(form.get("expect"));
        let wish = Wish { event, by: by.name(), reason: &reason, expect };
        let acted = {
            let _proof = self.proof();
            acting::activate(versions, &candidate, &wish)
        };
        match acted {
            Ok(Acted::InForce { .. }) => Ok(elsewhere("/policies?done=activated")),
            Ok(Acted::Refused(line)) => {
                let (word, rest) = said(&line);
                self.again(versions, form, present, &format!("{word}: {rest}."))
            }
            Err(report) if report.downcast_ref::<Meanwhile>().is_some() => {
                self.meanwhile(versions, form, present)
            }
            Err(report) => self.again(versions, form, present, &format!("{report}.")),
        }
    }

    /// Somebody else was first: what holds now is said, and the text is kept.
    fn meanwhile(&self, versions: &Versions, form: &Form, present: &Present) -> miette::Result<PageAnswer> {
        let newest = versions.newest(1)?;
        let who = newest.first().map_or_else(
            || "No version is in force now".to_owned(),
            |(_, now)| format!("{} ({}) activated version {} meanwhile", now.by, now.reason, now.version),
        );
        let fault =
            format!("{who}. What you see below is compared with it now; look again before you go on.");
        let mut answer = self.again(versions, form, present, &fault)?;
        answer.status = 409;
        Ok(answer)
    }

    /// The page before, with what was written on it, as everything stands now.
    fn again(
        &self,
        versions: &Versions,
        form: &Form,
        present: &Present,
        fault: &str,
    ) -> miette::Result<PageAnswer> {
        if form.get("text").is_empty() {
            let history = versions.history()?;
            let kept = acting::kept(versions, &history, form.get("version"))?;
            let question = self.question_back(versions, &kept.policies)?;
            return Ok(with_setting(present, |setting| {
                web::question(setting, &question, Told::Fault(fault))
            }));
        }
        let one = self.found(versions, form)?;
        Ok(with_setting(present, |setting| web::candidate(setting, &one, Told::Fault(fault))))
    }
}

fn blank(history: &[(String, Change)], name: String, text: String, since: &str) -> Candidate {
    Candidate {
        name,
        text,
        since: since.to_owned(),
        versions: names(history),
        in_force: history.first().map(|(_, change)| change.version.clone()),
        found: Found::Nothing,
    }
}

const TOO_LONG: &str = "The text is longer than 100,000 bytes: use eosin policy activate.";
const WRITTEN: &str = "The log of versions says that you did it, and why.";

fn names(history: &[(String, Change)]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, change) in history {
        if !names.contains(&change.version) {
            names.push(change.version.clone());
        }
    }
    names
}

/// The name and the text of a form: browsers end lines with two characters.
fn written(form: &Form) -> (String, String) {
    let plain = |one: &char| one.is_ascii_alphanumeric() || "_.-".contains(*one);
    let name: String = form.get("name").chars().filter(plain).take(64).collect();
    let name = if name.is_empty() { "policies".to_owned() } else { name };
    (name, form.get("text").replace("\r\n", "\n"))
}

pub(super) fn since_of(form: &Form) -> &'static str {
    ["1d", SINCE, "30d"].into_iter().find(|since| *since == form.get("since")).unwrap_or(SINCE)
}

fn comparison(old: &Policies, new: &Policies) -> Comparison {
    let difference = Difference::between(old, new);
    let policy = |one: &Differing| {
        ChangedPolicy::new(&one.id, one.sign(), one.before.as_deref(), one.after.as_deref())
    };
    Comparison {
        policies: difference.policies.iter().map(policy).collect(),
        old: difference.old,
        new: difference.new,
        answers: difference.answers,
    }
}

fn sound(checked: &Checked, compared: Result<Comparison, String>, replay: Replayed) -> Sound {
    Sound {
        version: checked.version.clone(),
        policies: checked.policies.len(),
        is_proven: matches!(checked.line, RedLine::Proven { .. }),
        line: said(&checked.line),
        counterexample: match &checked.line {
            RedLine::Crossed(crossed) => counterexample(crossed).into(),
            RedLine::Proven { .. } | RedLine::TooMany => Vec::new(),
        },
        compared,
        replay: Some(replay),
    }
}

pub(super) fn shown(replay: Replay) -> Replayed {
    let cut = replay.groups.len() > GROUPS;
    let group = |((boundary, client, change), group): ((String, String, String), Group)| ReplayedGroup {
        boundary,
        client,
        change,
        transactions: group.transactions,
        records: group.records,
        examples: group.examples,
    };
    Replayed {
        since: replay.since,
        transactions: replay.transactions,
        changed: replay.changed,
        unknown: replay.unknown,
        groups: replay.groups.into_iter().take(GROUPS).map(group).collect(),
        cut,
    }
}

fn question(one: &Candidate, sound: &Sound) -> Question {
    let changes = match &sound.compared {
        Ok(comparison) => changes(comparison.policies.len(), comparison.answers.len()),
        Err(why) => not_compared(why),
    };
    let mut consequences = vec![instead(one.in_force.as_deref()), changes];
    consequences.extend(sound.replay.as_ref().map(would));
    consequences.push(format!("{}: {}.", sound.line.0, sound.line.1));
    consequences.push(WRITTEN.to_owned());
    Question {
        version: sound.version.clone(),
        is_rollback: false,
        candidate: Some((one.name.clone(), one.text.clone())),
        in_force: one.in_force.clone(),
        consequences,
    }
}

fn instead(in_force: Option<&str>) -> String {
    match in_force {
        Some(version) => format!("It replaces {version}. {WHEN_OBEYED}"),
        None => format!("It is the first version of the log. {WHEN_OBEYED}"),
    }
}

fn changes(policies: usize, answers: usize) -> String {
    format!("Policies that differ: {policies}. Answers that differ: {answers}.")
}

fn not_compared(why: &str) -> String {
    format!("It could not be compared with what is in force: {why}.")
}

fn would(replayed: &Replayed) -> String {
    format!(
        "Of {} transactions since {}, {} would have been ruled on otherwise.",
        replayed.transactions,
        replayed.begun(),
        replayed.changed
    )
}
