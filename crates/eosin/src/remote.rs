//! `eosin --server URL`: commands that a console's control API carries out, and that print what they print here.
#![expect(clippy::wildcard_enum_match_arm, reason = "a command is done there only if it is named here")]

use std::path::Path;

use carrier::webhook::Class;
use control::{
    Decided, EmergencyStatus, EmergencyVersions, IndexAnswer, IndexQuery, Ledgers, Problem, Quarantine,
    QuarantineKept, Reject, Release, ReleaseClass,
};
use gateway::{ProgramClient, ProgramReply, Timeouts};
use http::{HeaderValue, Uri};
use index::Standing;
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use quarantine::Kept;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    arguments::Command,
    emergency_command::{self, EmergencyCommand},
    environment,
    index_command::{self, IndexCommand},
    judge_command::plain,
    keys,
    outcome::{Done, Outcome},
    printer::Printer,
    quarantine_command::{self, QuarantineCommand, arguments::ReleaseArguments, telling},
};

mod policies;

/// A console somewhere, and who asks it.
pub(crate) struct Remote {
    client: ProgramClient,
    runtime: tokio::runtime::Runtime,
    shown: String,
}

impl Remote {
    /// Errors: a report: the URL is none that a token may be sent to, or there is no token.
    pub(crate) fn new(server: &Uri, token_file: Option<&Path>) -> miette::Result<Self> {
        let is_bare = matches!(server.path(), "" | "/") && server.query().is_none();
        if !is_bare || !gateway::is_confidential(server) {
            return Err(miette!(
                help = "write `https://console.example.org`, or on its own machine `http://127.0.0.1:8460`",
                "a token is not sent to `{server}`"
            ));
        }
        let token = match token_file {
            Some(file) => Some(keys::token(file)?),
            None => environment::variable("EOSIN_TOKEN"),
        };
        let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
            miette!(
                help = "`eosin token make` makes one, on the machine of the console",
                "say who asks, with a token in `EOSIN_TOKEN` or in `--server-token-file`"
            )
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            miette!(
                help = "it is one word, `eosin_` and letters and digits, as `eosin token make` printed it",
                "what was given as a token is none: it has a line break, or a sign that no token has"
            )
        })?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: ProgramClient::new(server, authorization, &Timeouts::SUGGESTED).into_diagnostic()?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().into_diagnostic()?,
            shown: server.to_string(),
        })
    }

    /// Runs a command there.
    ///
    /// Errors: a report: the server does not do it, or this command works on files of this machine.
    pub(crate) fn run(&self, command: &Command, printer: &Printer) -> Done {
        match command {
            Command::Quarantine(command) => self.quarantine(command, printer),
            Command::Emergency(EmergencyCommand::Status { at }) => {
                let status: EmergencyStatus = self.ask("/emergencies", None::<&()>)?;
                emergency_command::telling::status(&status, at.json, printer)
            }
            Command::Emergency(EmergencyCommand::List { at }) => {
                let prepared: EmergencyVersions = self.ask("/emergencies/versions", None::<&()>)?;
                emergency_command::telling::list(&prepared, at.json, printer)
            }
            Command::Policy(command) => self.policy(command, printer),
            Command::Index(IndexCommand::Status { at }) => self.index(at.json, printer),
            Command::Index(IndexCommand::Query { sql, limit, at }) => {
                let wish = IndexQuery { sql: sql.clone(), limit: *limit };
                let told: IndexAnswer = self.ask("/query", Some(&wish))?;
                let is_cut = told.cut;
                index_command::tell_answer(&told.into_answer(), at.json, printer);
                if is_cut {
                    printer.note("there are more rows: the answer is cut at `--limit`, or at 4 MiB");
                }
                Ok(Outcome::Clean)
            }
            _ => Err(not_there()),
        }
    }

    fn index(&self, json: bool, printer: &Printer) -> Done {
        let ledgers: Ledgers = self.ask("/ledgers", None::<&()>)?;
        let standings = ledgers.ledgers.into_iter().map(|ledger| Standing {
            origin: ledger.origin,
            published: ledger.published,
            indexed: ledger.indexed,
            last_at: ledger.last_at,
        });
        let standings: Vec<Standing> = standings.collect();
        index_command::tell(&ledgers.index, &standings, json, printer);
        let is_behind = standings.iter().any(|standing| standing.behind() > 0);
        Ok(if is_behind { Outcome::Findings } else { Outcome::Clean })
    }

    fn quarantine(&self, command: &QuarantineCommand, printer: &Printer) -> Done {
        match command {
            QuarantineCommand::List { boundary, all, json, .. } => {
                let InQuarantine { kept, damaged } = self.kept(boundary.as_deref(), *all)?;
                telling::list(&kept.iter().collect::<Vec<_>>(), &damaged, *json, printer);
                Ok(if damaged.is_empty() { Outcome::Clean } else { Outcome::CouldNotTell })
            }
            QuarantineCommand::Show(arguments) if !arguments.content => {
                let one: QuarantineKept =
                    self.ask(&format!("/quarantine/{}", arguments.item), None::<&()>)?;
                telling::show(&read(&one)?, arguments.json, printer);
                Ok(Outcome::Clean)
            }
            // Content of records is seen where it is kept, and nowhere else.
            QuarantineCommand::Show(_) => Err(not_there()),
            QuarantineCommand::Release(arguments) => self.release(arguments, printer),
            QuarantineCommand::Reject { items, deciding } => {
                by_token(deciding.by.as_deref())?;
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                let wish = Reject { reason: deciding.reason.clone() };
                let all = Several { items: &items, act: "reject", goes_on: |_| true };
                self.decide_all(&all, &wish, deciding.json, printer)
            }
        }
    }

    /// As on the machine itself: in order, and the first that is not released ends it.
    fn release(&self, arguments: &ReleaseArguments, printer: &Printer) -> Done {
        by_token(arguments.deciding.by.as_deref())?;
        let items: Vec<String> = if arguments.all {
            let InQuarantine { mut kept, .. } = self.kept(arguments.boundary.as_deref(), false)?;
            kept.retain(|kept| kept.state == quarantine::State::Held);
            kept.iter().map(|kept| kept.item.id.to_string()).collect()
        } else {
            arguments.items.iter().map(ToString::to_string).collect()
        };
        if items.is_empty() {
            printer.line("nothing is held there");
            return Ok(Outcome::Clean);
        }
        let wish = Release {
            reason: arguments.deciding.reason.clone(),
            again: arguments.again,
            overrule: arguments.overrule,
            elsewhere: arguments.elsewhere,
            to: arguments.to.map(|class| match class {
                Class::Synthetic => ReleaseClass::Synthetic,
                Class::Attested => ReleaseClass::Attested,
            }),
            credentials: quarantine_command::token(arguments.token_file.as_deref())?,
        };
        let all = Several { items: &items, act: "release", goes_on: |told| told.is_done };
        self.decide_all(&all, &wish, arguments.deciding.json, printer)
    }

    /// Decides one after the other; what was done is told also where the server then does no more.
    fn decide_all(&self, all: &Several<'_>, wish: &impl Serialize, json: bool, printer: &Printer) -> Done {
        let (mut done, mut ended) = (Vec::new(), None);
        for item in all.items {
            match self.decide(item, all.act, wish) {
                Ok(told) => done.push(told),
                Err(report) => ended = Some(report),
            }
            if ended.is_some() || !done.last().is_some_and(all.goes_on) {
                break;
            }
        }
        let outcome =
            if done.is_empty() { Outcome::Clean } else { quarantine_command::told(&done, json, printer)? };
        ended.map_or(Ok(outcome), Err)
    }

    fn decide(&self, item: &str, act: &str, wish: &impl Serialize) -> miette::Result<Decided> {
        self.ask(&format!("/quarantine/{item}/{act}"), Some(wish))
    }

    fn kept(&self, boundary: Option<&str>, all: bool) -> miette::Result<InQuarantine> {
        let mut query = form_urlencoded::Serializer::new(format!("/quarantine?all={all}"));
        if let Some(boundary) = boundary {
            query.append_pair("boundary", boundary);
        }
        let answer: Quarantine = self.ask(&query.finish(), None::<&()>)?;
        let kept = answer.items.iter().map(read).collect::<miette::Result<_>>()?;
        Ok(InQuarantine { kept, damaged: answer.damaged })
    }

    /// Asks once.
    ///
    /// Errors: a report: what the server says is wrong, or that it did not answer.
    fn ask<T: DeserializeOwned>(&self, path: &str, posted: Option<&impl Serialize>) -> miette::Result<T> {
        self.ask_on(path, posted, None).map(|(answer, _)| answer)
    }

    /// As [`Remote::ask`], on top of a state that was seen; with the tag of the state that is answered.
    fn ask_on<T: DeserializeOwned>(
        &self,
        path: &str,
        posted: Option<&impl Serialize>,
        seen: Option<HeaderValue>,
    ) -> miette::Result<(T, Option<HeaderValue>)> {
        let body = posted.map(serde_json::to_string).transpose().into_diagnostic()?;
        let target = format!("{}{path}", control::BASE);
        let answer = self.runtime.block_on(self.client.ask(&target, body, seen));
        let ProgramReply { status, tag, body } = answer.ok_or_else(|| {
            miette!(
                help = "if something was to be done, look whether it was before you ask again",
                "{} did not answer",
                self.shown
            )
        })?;
        if status == 200 {
            let answer = serde_json::from_slice::<Value>(&body).and_then(|answer| {
                // Here, once: whatever is told of it, no word of a server steers the terminal.
                serde_json::from_value(printable(answer))
            });
            let answer = answer
                .into_diagnostic()
                .wrap_err_with(|| format!("{} answers in another way than this version reads", self.shown))?;
            return Ok((answer, tag));
        }
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(miette!("{} says: {} ({status})", self.shown, plain(&problem.detail))),
            Err(_) => Err(miette!("{} answered {status}, which is no console of Eosin", self.shown)),
        }
    }
}

/// Items about which the same is decided.
struct Several<'a> {
    items: &'a [String],
    act: &'a str,
    /// Whether the next one is decided after this.
    goes_on: fn(&Decided) -> bool,
}

/// What is kept there, and what of it cannot be read.
struct InQuarantine {
    kept: Vec<Kept>,
    damaged: Vec<(String, String)>,
}

fn read(kept: &QuarantineKept) -> miette::Result<Kept> {
    serde_json::to_value(kept).and_then(serde_json::from_value::<Kept>).into_diagnostic()
}

/// There, the token says who decides.
fn by_token(by: Option<&str>) -> miette::Result<()> {
    if by.is_some() {
        return Err(miette!("with `--server` the token says who decides: leave `--by` out"));
    }
    Ok(())
}

fn not_there() -> miette::Report {
    miette!(
        help = "docs/control-api.md lists what `--server` does",
        "this command works on files of this machine: leave `--server` out, and run it where they are"
    )
}

/// What a server says, with nothing in its texts that a terminal would obey.
fn printable(said: Value) -> Value {
    match said {
        // Lines that end in two characters are lines all the same.
        Value::String(text) => Value::String(telling::printable(&text.replace("\r\n", "\n"))),
        Value::Array(all) => all.into_iter().map(printable).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, one)| (telling::printable(&name), printable(one))).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dot.token");
        let server = "http://127.0.0.1:8460".parse().unwrap();
        for (text, says) in
            [("", "it is empty"), (" \n", "it is empty"), ("eosin_a\neosin_b\n", "has a line break")]
        {
            ledger::durable::replace(&file, text.as_bytes()).unwrap();
            let told = Remote::new(&server, Some(&file)).err().map(|report| report.to_string());
            assert!(told.as_deref().is_some_and(|told| told.contains(says)), "{text:?}: {told:?}");
        }
    }
}
