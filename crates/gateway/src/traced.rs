//! The trace of a request, where one is recorded: begun with its head, told its steps, led on to the upstream.

use flow::Watched;
use http::{HeaderMap, HeaderValue, Response};
use telemetry::{Context, TRACEPARENT, TRACESTATE, Transaction};

use crate::{head::Head, problem::Problem, request::Story, server::Lane};

/// Begins the span of a request; nothing where traces are not recorded, or this one is not.
pub(crate) fn begin(lane: &Lane, method: &'static str, headers: &HeaderMap) -> Option<Transaction> {
    let recorder = lane.tracer.as_ref()?;
    let name = || format!("{method} {}", lane.boundary.name);
    let traced = recorder.begin(name, before(headers))?;
    traced.tell("http.request.method", method);
    traced.crosses(&lane.boundary, &lane.protocol);
    Some(traced)
}

/// The span that a request comes from, if it names one, once.
pub(crate) fn before(headers: &HeaderMap) -> Option<Context> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().and_then(Context::parse)
}

/// Whoever is asked on behalf of this request is told of its trace.
///
/// What tracing systems keep for themselves goes with the span that it came with, and not with the first span of a trace.
pub(crate) fn lead_on(head: &mut Head, traced: Transaction) {
    if before(&head.headers).is_none() {
        head.headers.remove(TRACESTATE);
    }
    if let Ok(value) = HeaderValue::try_from(traced.onward_context().to_string()) {
        head.headers.insert(TRACEPARENT, value);
    }
    traced.tell("eosin.client", head.client.as_str());
    head.traced = Some(traced);
}

/// The trace of a request whose next step begins now.
pub(crate) fn marked(head: &Head) -> Option<Transaction> {
    head.traced.as_ref().inspect(|traced| traced.mark()).cloned()
}

/// An upstream has answered, or has not.
pub(crate) fn onward<T>(
    traced: Option<&Transaction>,
    name: &'static str,
    answer: &Result<Response<T>, Problem>,
) {
    if let Some(traced) = traced {
        traced.onward(name, answer.as_ref().ok().map(|answer| answer.status().as_u16()));
    }
}

/// A read was answered with what this client may see, or refused.
pub(crate) fn shown<T>(traced: Option<&Transaction>, answer: &Result<Response<T>, Problem>) {
    if let Some(traced) = traced {
        let status = answer.as_ref().map_or_else(|problem| problem.status(), Response::status);
        traced.shown("show", status.as_u16());
    }
}

/// Nothing was sent on: the ruling is carried out by saying so.
pub(crate) fn refused(head: &Head) {
    if let Some(traced) = &head.traced {
        traced.step("apply");
    }
}

/// What the log says of the request too.
pub(crate) fn told(traced: &Transaction, story: &Story, status: u16) {
    traced.tell("eosin.entrance", story.entrance);
    traced.tell("eosin.outcome", story.outcome);
    traced.answered(status);
}

/// Whoever tells the trace of the steps that `flow` takes.
pub(crate) fn watched(traced: Option<&Transaction>) -> Watched {
    traced.map_or_else(Watched::default, Transaction::watched)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use telemetry::{Setup, Tracer};

    use super::*;

    #[test]
    fn a_read_that_is_refused_has_not_failed() {
        let answered = |status: StatusCode| {
            let mut answer = Response::new(());
            *answer.status_mut() = status;
            Ok(answer)
        };
        for (answer, has_failed) in [
            (Err(Problem::Closed("ask for the rows by a query")), false),
            (Err(Problem::QueryUnknown), false),
            (Err(Problem::UpstreamSlow), true),
            (answered(StatusCode::OK), false),
            (answered(StatusCode::NOT_FOUND), false),
            (answered(StatusCode::BAD_GATEWAY), true),
        ] {
            let recorder = Tracer::new(Setup { clock: Box::new(|| 1), seed: [1, 2], percent: 100 });
            let traced = recorder.begin(|| "GET crm".to_owned(), None);
            shown(traced.as_ref(), &answer);
            drop(traced);
            let told = format!("{:?}", recorder.take(1));
            assert!(told.contains("\"show\""), "{told}");
            assert_eq!(told.contains("has_failed: true"), has_failed, "{answer:?}");
        }
    }
}
