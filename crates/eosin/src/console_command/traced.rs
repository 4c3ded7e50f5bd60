//! What is asked of the console and of its control API, traced where somebody is named to send traces to.
//!
//! A span says which page or route it was and how it was answered: never a query, and never a path that is none of ours.

use std::sync::Arc;

use gateway::{MakePage, MakeProgramAnswer, PageRequest, ProgramRequest};
use telemetry::{Tracer, Transaction};

/// Pages, each with a span of its own.
pub(crate) fn pages(make: MakePage, tracer: Option<Arc<Tracer>>) -> MakePage {
    let Some(tracer) = tracer else { return make };
    Arc::new(move |asked: &PageRequest| {
        let name = || format!("{} {}", asked.method, page(&asked.target));
        let span = tracer.begin(name, asked.traced_by);
        let answer = make(asked);
        told(span, asked.method.as_str(), answer.status);
        answer
    })
}

/// The same for programs.
pub(crate) fn programs(make: MakeProgramAnswer, tracer: Option<Arc<Tracer>>) -> MakeProgramAnswer {
    let Some(tracer) = tracer else { return make };
    Arc::new(move |asked: &ProgramRequest| {
        let method = method(asked.method.as_str());
        let name = || format!("{method} {}", route(asked));
        let span = tracer.begin(name, asked.traced_by);
        let answer = make(asked);
        told(span, method, answer.status);
        answer
    })
}

fn told(span: Option<Transaction>, method: &str, status: u16) {
    let Some(span) = span else { return };
    span.tell("http.request.method", method);
    span.answered(status);
}

/// A page's path, if it is one of ours.
fn page(target: &str) -> &str {
    let path = target.split('?').next().unwrap_or_default();
    let is_door = matches!(path, "/sign-in" | "/sign-in/code" | "/sign-out" | "/account");
    if is_door || web::needed(path).is_some() { path } else { "(another page)" }
}

/// The name of a route, as the document of the API has it.
fn route(asked: &ProgramRequest) -> String {
    let path = asked.target.split('?').next().unwrap_or_default();
    match path {
        "/healthz" | "/readyz" | "/metrics" => path.to_owned(),
        _ => control::find(asked.method.as_str(), &asked.target)
            .map_or_else(|_| "(no route)".to_owned(), |found| found.route.name().to_owned()),
    }
}

/// A method that is asked for here; any other could be anything.
fn method(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_named() {
        for (target, expected) in [
            ("/transactions?client=somebody", "/transactions"),
            ("/record?reference=Contact/1", "/record"),
            ("/sign-in", "/sign-in"),
            ("/Ada-Example-born-1969", "(another page)"),
        ] {
            assert_eq!(page(target), expected);
        }
    }
}
