//! What programs ask of the console's listener: the control API, whether it is alive and ready, and its metrics.
//!
//! The order of one request: its route, who asks, how often they did, whether they may, what they say, and then the act.
//! Source: docs/control-api.md, spec/openapi.json.
#![expect(clippy::wildcard_enum_match_arm, reason = "each file has its own calls and hands on the others")]

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use access::Action;
use control::{Call, Found, Missed, Problem, find};
use gateway::{ProgramAnswer, ProgramRequest};
use http::header;

use super::{
    free,
    pages::Pages,
    reception::{Present, Reception, programs::Refused},
};
use crate::{config::Config, index_command::Known, printer::Printer, wiring};

mod acting;
mod counting;
mod pace;
mod policies;
mod querying;
mod reading;
mod registering;

use counting::Counts;
use pace::Pace;

/// Whatever answers programs.
pub(crate) struct Programs {
    reception: Arc<Mutex<Reception>>,
    pages: Arc<Pages>,
    config: Config,
    known: Known,
    printer: Printer,
    counts: Mutex<Counts>,
    pace: Mutex<Pace>,
    document: String,
    // Held by whoever reads everything there is.
    long: Mutex<()>,
    // Held by whoever asks the index in SQL, one each.
    questions: [Mutex<()>; 2],
    // Held by whoever has policies proven or compared, one each.
    proofs: [Mutex<()>; 2],
}

/// What is answered: JSON, or a problem.
pub(crate) type Told = Result<serde_json::Value, Problem>;

impl Programs {
    pub(crate) fn new(
        reception: Arc<Mutex<Reception>>,
        pages: Arc<Pages>,
        config: Config,
        known: Known,
        printer: &Printer,
    ) -> Self {
        Self {
            reception,
            pages,
            config,
            known,
            printer: printer.clone(),
            counts: Mutex::default(),
            pace: Mutex::default(),
            document: control::document().to_string(),
            long: Mutex::default(),
            questions: Default::default(),
            proofs: Default::default(),
        }
    }

    /// Answers one request.
    pub(crate) fn answer(&self, asked: &ProgramRequest) -> ProgramAnswer {
        let path = asked.target.split('?').next().unwrap_or_default();
        match path {
            "/healthz" => return text(200, "alive\n"),
            "/readyz" => return self.ready(),
            _ => {}
        }
        #[expect(clippy::disallowed_methods, reason = "this is the shell that counts how long answers take")]
        let start = Instant::now();
        let (name, answer) =
            if path == "/metrics" { ("metrics".to_owned(), self.metrics(asked)) } else { self.routed(asked) };
        locked(&self.counts).answered(&name, answer.status, start.elapsed());
        answer
    }

    /// What reads a whole ledger, or a month of crossings, goes one at a time.
    fn alone(&self) -> Result<MutexGuard<'_, ()>, Problem> {
        let under_way =
            || Problem::new(503, "another check or replay is under way: ask again when it has ended");
        free(&self.long).ok_or_else(under_way)
    }

    /// What asks policies half a million questions goes two at a time.
    fn seat(&self) -> Result<MutexGuard<'_, ()>, Problem> {
        let under_way =
            || Problem::new(503, "two proofs of policies are under way: ask again when one has ended");
        self.proofs.iter().find_map(free).ok_or_else(under_way)
    }

    fn routed(&self, asked: &ProgramRequest) -> (String, ProgramAnswer) {
        let found = match find(asked.method.as_str(), &asked.target) {
            Ok(found) => found,
            Err(Missed::Problem(problem)) => return ("none".to_owned(), told(&problem)),
            Err(Missed::Method(allowed)) => {
                let mut answer = told(&Problem::new(405, &format!("this path takes {allowed}")));
                answer.headers.push((header::ALLOW, allowed.to_owned()));
                return ("none".to_owned(), answer);
            }
        };
        let name = found.route.name().to_owned();
        if found.route.is_open {
            return (name, tagged(asked, self.document.clone()));
        }
        let answer = self.let_in(asked, found.route.needs).and_then(|present| {
            let said = self.asked_for(asked, &found, &present);
            said.map_err(|problem| told(&problem))
        });
        let answer = answer.map_or_else(
            |refused| refused,
            |said| {
                let body = said.to_string();
                if asked.method == "POST" { json(200, body) } else { tagged(asked, body) }
            },
        );
        (name, answer)
    }

    /// Who asks, if they may ask now for what takes this right.
    fn let_in(&self, asked: &ProgramRequest, needs: Option<Action>) -> Result<Present, ProgramAnswer> {
        let waits = |seconds: u64| {
            let mut answer = told(&Problem::new(429, &format!("wait {seconds} seconds")));
            answer.headers.push((header::RETRY_AFTER, seconds.to_string()));
            answer
        };
        let present = locked(&self.reception).who(asked).map_err(|Refused(problem, wait)| {
            let mut answer = told(&problem);
            if problem.status == 401 {
                answer.headers.push((header::WWW_AUTHENTICATE, "Bearer realm=\"eosin\"".to_owned()));
            }
            answer.headers.extend(wait.map(|seconds| (header::RETRY_AFTER, seconds.to_string())));
            answer
        })?;
        let paced = locked(&self.pace).may(&present.me().name, wiring::posix_seconds());
        paced.map_err(waits)?;
        if let Some(needed) = needs.filter(|needed| !present.may(*needed)) {
            let who = if present.is_token() { "this token, or its operator," } else { "this operator" };
            return Err(told(&Problem::new(403, &format!("{who} does not `{needed}`"))));
        }
        Ok(present)
    }

    /// What somebody who may is answered.
    fn asked_for(&self, asked: &ProgramRequest, found: &Found, present: &Present) -> Told {
        if found.route.method == "POST" {
            if !present.is_token() && (asked.is_from_elsewhere || !present.is_word(asked.word.as_deref())) {
                let says =
                    "a session acts from a page of the console alone: say its form's word in `X-Eosin-Word`";
                return Err(Problem::new(403, says));
            }
            let body = json_body(asked)?;
            return self.act(asked, found, present, body);
        }
        match found.route.call {
            Call::Me => Ok(reading::value(&present.me())),
            Call::EmergencyStatus | Call::EmergencyVersions | Call::Quarantine | Call::QuarantineItem => {
                self.seen(found)
            }
            Call::PolicyHistory | Call::PolicyInForce => self.versions(found),
            _ => self.indexed(found),
        }
    }

    fn ready(&self) -> ProgramAnswer {
        let read = locked(&self.reception).operators().read();
        if let Err(report) = read {
            tracing::error!("the operators cannot be read: {report:#}");
            return text(503, "the operators cannot be read\n");
        }
        match self.answering() {
            Ok(0) => text(200, "ready\n"),
            Ok(behind) => text(200, &format!("ready; the index is {behind} entries behind\n")),
            Err(_) => text(503, "the index does not answer\n"),
        }
    }

    /// How many entries the index is behind, if it answers.
    fn answering(&self) -> Result<u64, Problem> {
        self.ask(|index, behind| {
            index.query("SELECT COUNT(*) FROM ledgers", &[])?;
            Ok(behind)
        })
    }

    fn metrics(&self, asked: &ProgramRequest) -> ProgramAnswer {
        if !matches!(asked.method.as_str(), "GET" | "HEAD") {
            let mut answer = told(&Problem::new(405, "metrics are only read"));
            answer.headers.push((header::ALLOW, "GET, HEAD".to_owned()));
            return answer;
        }
        if let Err(refused) = self.let_in(asked, Some(Action::SeePosture)) {
            return refused;
        }
        let behind = self.answering().ok();
        let body = locked(&self.counts).text(behind);
        ProgramAnswer { media_type: "text/plain; version=0.0.4; charset=utf-8", ..text(200, &body) }
    }
}

/// The bytes of a body that says that it is JSON.
fn json_body(asked: &ProgramRequest) -> Result<&[u8], Problem> {
    let kind = asked.media_type.as_deref().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(415, "say `Content-Type: application/json`"));
    }
    let too_long = || Problem::new(413, "the body is longer than 1 MiB, or came too slowly");
    asked.body.as_deref().ok_or_else(too_long)
}

/// What panicked left everything as it was.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(status: u16, body: &str) -> ProgramAnswer {
    let media_type = "text/plain; charset=utf-8";
    ProgramAnswer { status, media_type, body: body.to_owned(), headers: Vec::new() }
}

fn json(status: u16, body: String) -> ProgramAnswer {
    ProgramAnswer { status, media_type: "application/json", body, headers: Vec::new() }
}

fn told(problem: &Problem) -> ProgramAnswer {
    let body = reading::value(problem).to_string();
    ProgramAnswer { media_type: control::MEDIA_TYPE, ..json(problem.status, body) }
}

/// A body with its tag; nothing where that is the one that is known.
fn tagged(asked: &ProgramRequest, body: String) -> ProgramAnswer {
    let tag = reading::tag(&body);
    let is_known = asked.if_none_match.as_deref().is_some_and(|known| {
        known.split(',').any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag)
    });
    let mut answer = if is_known { json(304, String::new()) } else { json(200, body) };
    answer.headers.push((header::ETAG, tag));
    answer
}
