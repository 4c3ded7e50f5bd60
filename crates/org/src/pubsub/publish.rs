//! Platform events that a client publishes: read by their schema, taken as any other record of their object is.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::StreamingService;
use tonic::{Code, Status, Streaming};

use super::message::{Error, ErrorCode, ProducerEvent, PublishRequest, PublishResponse, PublishResult};
use super::{Session, refusal, rpc_id, schema_id, topic};
use crate::org::Core;
use crate::state::Visit;
use crate::value::Source;

/// The method that publishes as long as it is fed.
pub(super) struct PublishStream(pub(super) Arc<Core>);

impl StreamingService<PublishRequest> for PublishStream {
    type Response = PublishResponse;
    type ResponseStream = ReceiverStream<Result<PublishResponse, Status>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<PublishRequest>>) -> Self::Future {
        let session = match Session::of(request.metadata()) {
            Ok(session) => session,
            Err(status) => return ready(Err(status)),
        };
        let (answers, stream) = mpsc::channel(1);
        let core = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut asked = request.into_inner();
            let mut first: Option<String> = None;
            loop {
                let answer = match timeout(SILENCE, asked.message()).await {
                    Ok(Ok(Some(request))) => {
                        let answer = session.visit(&core, |visit| publish(visit, &request, first.as_deref()));
                        first.get_or_insert(request.topic_name);
                        answer
                    }
                    Ok(Ok(None)) => return,
                    Ok(Err(status)) => Err(status),
                    Err(_) => {
                        let sentence = "The stream was closed because nothing was published on it.";
                        Err(refusal(Code::Unavailable, "publish.stream.sweeper.timeout", sentence))
                    }
                };
                let is_end = answer.is_err();
                if answers.send(answer).await.is_err() || is_end {
                    return;
                }
            }
        });
        ready(Ok(tonic::Response::new(ReceiverStream::new(stream))))
    }
}

/// Publishes the events of one request; each is taken or refused by itself.
pub(super) fn publish(
    visit: &mut Visit<'_>,
    asked: &PublishRequest,
    first: Option<&str>,
) -> Result<PublishResponse, Status> {
    let name = match (asked.topic_name.as_str(), first) {
        ("", None) => {
            let sentence = "The topic name cannot be empty.";
            return Err(refusal(Code::InvalidArgument, "publish.topic.validation.empty", sentence));
        }
        ("", Some(first)) => first,
        (name, Some(first)) if name != first => {
            let sentence = "The topic name doesn't match the topic of the first request of the stream.";
            return Err(refusal(Code::InvalidArgument, "publish.topic.mismatch", sentence));
        }
        (name, _) => name,
    };
    if asked.events.is_empty() {
        let sentence = "The publish request must have at least one event.";
        return Err(refusal(Code::InvalidArgument, "publish.event.count.invalid", sentence));
    }
    let topic = topic(visit, name)?;
    let Some(object) = topic.object.clone().filter(|_| topic.can_publish) else {
        let sentence = format!("You don't have permission to publish on the topic {name}.");
        return Err(refusal(Code::PermissionDenied, "publish.topic.cannot.publish", &sentence));
    };
    let schema_id = schema_id(visit, &topic);
    let results = asked.events.iter().map(|event| {
        let taken = take(visit, &object, &schema_id, event);
        let (replay_id, error) = match taken {
            Ok(replay_id) => (replay_id, None),
            Err(msg) => (Bytes::new(), Some(Error { code: ErrorCode::Publish.into(), msg })),
        };
        PublishResult { replay_id, error, correlation_key: event.id.clone() }
    });
    let results = results.collect();
    Ok(PublishResponse { results, schema_id, rpc_id: rpc_id() })
}

/// Takes one event.
fn take(
    visit: &mut Visit<'_>,
    object: &str,
    schema_id: &str,
    event: &ProducerEvent,
) -> Result<Bytes, String> {
    if event.payload.len() > EVENT_BYTES_MAX {
        return Err("The event message exceeds the maximum size of 1 MB.".to_owned());
    }
    if event.schema_id != schema_id {
        return Err(format!("The schema {} is not the one of the topic.", event.schema_id));
    }
    let author = visit.author(Source::Json);
    let store = &mut visit.state.store;
    let known = store.whole_object(object).ok_or("The event is not known.")?;
    let (shape, _) = store.bus.shape(object, &known);
    let mut members = shape.decode(&event.payload).ok_or("The payload could not be read with its schema.")?;
    members.retain(|name, _| name != "CreatedDate" && name != "CreatedById");
    store
        .insert(&author, object, &members)
        .map_err(|failure| format!("{}: {}", failure.code, failure.message))?;
    Ok(store.bus.replay_id(store.bus.latest()))
}

/// A client has to publish something this often to keep its stream.
const SILENCE: Duration = Duration::from_secs(70);
const EVENT_BYTES_MAX: usize = 1 << 20;
