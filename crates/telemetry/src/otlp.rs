//! What a collector reads: the messages of the `OpenTelemetry` protocol, derived, with the numbers of the public interface.
//!
//! Source: `opentelemetry/proto/collector/trace/v1/trace_service.proto` and what it imports, version 1.

use prost::Message as _;

use crate::transaction::{Finished, Kind, Span, Value};

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name among the services of an organisation.
    pub name: String,
    /// Which of several it is: the name of its ledger.
    pub instance: String,
    /// Its version.
    pub version: String,
}

/// Writes transactions as the body of an `ExportTraceServiceRequest`.
///
/// Shape:  protobuf, for `POST /v1/traces` with `application/x-protobuf`.
/// Bounds: those of the transactions.
pub fn encode(service: &Service, all: &[Finished]) -> Vec<u8> {
    let said = [
        ("service.name", &service.name),
        ("service.instance.id", &service.instance),
        ("service.version", &service.version),
    ];
    let said = said.map(|(key, value)| pair(key, &Value::Text(value.clone())));
    let spans = all.iter().flat_map(|one| one.spans.iter().map(|span| written(one.trace, span)));
    let scope = Scope { name: "eosin".to_owned(), version: service.version.clone() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: spans.collect() }];
    let resource = Some(Resource { attributes: said.to_vec() });
    Request { resource_spans: vec![ResourceSpans { resource, scope_spans }] }.encode_to_vec()
}

/// How many spans a collector says that it did not take, in the answer to what it was sent.
pub fn rejected(answer: &[u8]) -> u64 {
    let partial = Answer::decode(answer).ok().and_then(|answer| answer.partial_success);
    partial.map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or(0))
}

fn written(trace: u128, span: &Span) -> WireSpan {
    WireSpan {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: span.id.to_be_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_be_bytes().to_vec()).unwrap_or_default(),
        name: span.name.clone(),
        kind: match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
        },
        begun: span.begun,
        ended: span.ended,
        attributes: span.facts.iter().map(|(key, value)| pair(key, value)).collect(),
        status: span.has_failed.then_some(Status { code: ERROR }),
    }
}

/// That a span did not do what it should.
const ERROR: i32 = 2;

fn pair(key: &str, value: &Value) -> Pair {
    let value = match value {
        Value::Text(text) => Any::Text(text.clone()),
        Value::Number(number) => Any::Number(*number),
    };
    Pair { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<Pair>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<WireSpan>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireSpan {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    begun: u64,
    #[prost(fixed64, tag = "8")]
    ended: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<Pair>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 3")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(int64, tag = "3")]
    Number(i64),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Answer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_did_not_take_is_read_out_of_its_answer() {
        let told = Answer { partial_success: Some(Partial { rejected_spans: 7 }) }.encode_to_vec();
        for (answer, expected) in [(told.as_slice(), 7), (&[], 0), (b"no protobuf", 0), (&[0xff; 9], 0)] {
            assert_eq!(rejected(answer), expected);
        }
    }
}
