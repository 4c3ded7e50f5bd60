//! Apex: anonymous blocks of a few kinds of statement, and REST resources that the owner of the org declares.

mod lex;
mod parse;
pub(crate) mod post_copy;
pub(crate) mod rest;
mod run;

use serde_json::{Value, json};

use crate::state::Visit;
use crate::xml::{nil, text};

/// How an anonymous block ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    compile_problem: Option<String>,
    exception: Option<String>,
    /// Where the problem or exception is.
    place: Option<(usize, usize)>,
    /// Lines of `System.debug`: line of source and text.
    log: Vec<(usize, String)>,
}

/// Why source text does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    message: String,
    line: usize,
    column: usize,
}

/// Runs an anonymous block: what it writes is kept only if all of it succeeds.
///
/// Bounds: 1 MB of source; one write for each record it names.
pub(crate) fn execute(visit: &mut Visit<'_>, source: &str) -> Outcome {
    execute_in(visit, source, None)
}

/// Runs a block that knows the context of a new sandbox by this name.
fn execute_in(visit: &mut Visit<'_>, source: &str, context: Option<(String, post_copy::Context)>) -> Outcome {
    if source.len() > SOURCE_MAX {
        let problem = Problem { message: "Script too large".into(), line: 1, column: 1 };
        return Outcome::refused(problem);
    }
    let steps = match parse::parse(&visit.state.store, source, context) {
        Ok(steps) => steps,
        Err(problem) => return Outcome::refused(problem),
    };
    let mark = visit.state.store.begin();
    let outcome = run::run(visit, &steps);
    visit.state.store.end(mark, outcome.exception.is_none());
    outcome
}

impl Outcome {
    fn refused(problem: Problem) -> Self {
        let place = Some((problem.line, problem.column));
        Self { compile_problem: Some(problem.message), place, ..Self::default() }
    }

    fn success(&self) -> bool {
        self.compile_problem.is_none() && self.exception.is_none()
    }

    fn numbers(&self) -> (i64, i64) {
        let number = |found: usize| i64::try_from(found).unwrap_or(-1);
        self.place.map_or((-1, -1), |(line, column)| (number(line), number(column)))
    }

    fn trace(&self) -> Option<String> {
        let (line, column) = self.numbers();
        self.exception.as_ref().map(|_| format!("AnonymousBlock: line {line}, column {column}"))
    }

    /// The answer of `…/tooling/executeAnonymous`.
    pub(crate) fn json(&self) -> Value {
        let (line, column) = self.numbers();
        json!({
            "line": line,
            "column": column,
            "compiled": self.compile_problem.is_none(),
            "success": self.success(),
            "compileProblem": self.compile_problem,
            "exceptionStackTrace": self.trace(),
            "exceptionMessage": self.exception,
        })
    }

    /// The members of a SOAP `executeAnonymousResult`.
    pub(crate) fn xml(&self) -> String {
        let (line, column) = self.numbers();
        let mut out = String::new();
        let trace = self.trace();
        text(&mut out, "column", &column.to_string());
        optional(&mut out, "compileProblem", self.compile_problem.as_deref());
        text(&mut out, "compiled", &self.compile_problem.is_none().to_string());
        optional(&mut out, "exceptionMessage", self.exception.as_deref());
        optional(&mut out, "exceptionStackTrace", trace.as_deref());
        text(&mut out, "line", &line.to_string());
        text(&mut out, "success", &self.success().to_string());
        out
    }

    /// The debug log, as a client prints it.
    pub(crate) fn debug_log(&self, version: &str) -> String {
        let mut out = format!("{version} APEX_CODE,DEBUG\n");
        for (line, shown) in &self.log {
            out.push_str("00:00:00.0 (1)|USER_DEBUG|[");
            out.push_str(&line.to_string());
            out.push_str("]|DEBUG|");
            out.push_str(shown);
            out.push('\n');
        }
        out
    }
}

fn optional(out: &mut String, name: &str, found: Option<&str>) {
    match found {
        Some(found) => text(out, name, found),
        None => nil(out, name),
    }
}

const SOURCE_MAX: usize = 1 << 20;
