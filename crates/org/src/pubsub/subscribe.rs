//! A subscription: events as they come, as many as are asked for, and a sign of life when none come.

use std::future::{Ready, ready};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::server::StreamingService;
use tonic::{Code, Status, Streaming};

use super::message::{ConsumerEvent, FetchRequest, FetchResponse, ProducerEvent, ReplayPreset};
use super::{Session, Topic, refusal, rpc_id, topic};
use crate::bus::{Gone, Sent};
use crate::org::Core;

/// The method.
pub(super) struct Subscribe(pub(super) Arc<Core>);

type Answers = mpsc::Sender<Result<FetchResponse, Status>>;

impl StreamingService<FetchRequest> for Subscribe {
    type Response = FetchResponse;
    type ResponseStream = ReceiverStream<Result<FetchResponse, Status>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<FetchRequest>>) -> Self::Future {
        let session = match Session::of(request.metadata()) {
            Ok(session) => session,
            Err(status) => return ready(Err(status)),
        };
        // One answer waits at most: whoever reads slowly holds back the org, not fills it.
        let (answers, stream) = mpsc::channel(1);
        let core = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut asked = request.into_inner();
            if let Err(status) = serve(&core, &session, &mut asked, &answers).await {
                // Nobody is there to be told if this fails.
                let _told = answers.send(Err(status)).await;
            }
        });
        ready(Ok(tonic::Response::new(ReceiverStream::new(stream))))
    }
}

/// How far a subscription is.
struct Place {
    topic: Topic,
    /// Everything up to here has been given out.
    number: u64,
    /// How many events are still asked for.
    pending: i32,
}

/// Serves a subscription until one of the two sides ends it.
async fn serve(
    core: &Arc<Core>,
    session: &Session,
    asked: &mut Streaming<FetchRequest>,
    answers: &Answers,
) -> Result<(), Status> {
    let Some(first) = asked.message().await? else { return Ok(()) };
    let mut place = begin(core, session, &first)?;
    let mut told = core.state().store.bus.hear();
    let alive = core.limits().event_keepalive;
    let mut due = Instant::now() + alive;
    loop {
        while place.pending > 0 {
            let Some(response) = next(core, &mut place)? else { break };
            if answers.send(Ok(response)).await.is_err() {
                return Ok(());
            }
            due = Instant::now() + alive;
        }
        tokio::select! {
            more = asked.message() => match more? {
                Some(more) => again(core, session, &mut place, &more)?,
                None => return Ok(()),
            },
            _ = told.changed() => {
                if core.state().store.bus.is_closed() {
                    let sentence = "The service is unavailable.";
                    return Err(refusal(Code::Unavailable, "service.unavailable", sentence));
                }
            }
            () = sleep_until(due) => {
                let latest = core.state().store.bus.replay_id(place.number);
                let response = FetchResponse {
                    events: Vec::new(),
                    latest_replay_id: latest,
                    rpc_id: rpc_id(),
                    pending_num_requested: place.pending,
                };
                if answers.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
                due = Instant::now() + alive;
            }
            () = answers.closed() => return Ok(()),
        }
    }
}

fn begin(core: &Core, session: &Session, first: &FetchRequest) -> Result<Place, Status> {
    session.visit(core, |visit| {
        let topic = topic(visit, &first.topic_name)?;
        if !topic.can_subscribe {
            let sentence = format!("You don't have permission to subscribe to the topic {}.", topic.name);
            return Err(refusal(Code::PermissionDenied, "subscription.topic.cannot.subscribe", &sentence));
        }
        let pending = count(first)?;
        let bus = &visit.state.store.bus;
        let number = match ReplayPreset::try_from(first.replay_preset).unwrap_or(ReplayPreset::Latest) {
            ReplayPreset::Latest => bus.latest(),
            ReplayPreset::Earliest => bus.earliest(),
            ReplayPreset::Custom if first.replay_id.is_empty() => {
                let sentence = "The replay_id is required when the replay_preset is CUSTOM.";
                let word = "subscription.fetch.replayid.validation.failed";
                return Err(refusal(Code::InvalidArgument, word, sentence));
            }
            ReplayPreset::Custom => bus.place(&first.replay_id).map_err(gone)?,
        };
        Ok(Place { topic, number, pending })
    })
}

/// Takes a further request into account. Where to begin is asked for once.
fn again(core: &Core, session: &Session, place: &mut Place, more: &FetchRequest) -> Result<(), Status> {
    if !more.topic_name.is_empty() && more.topic_name != place.topic.name {
        let sentence = "The topic name doesn't match the topic of the first request of the stream.";
        return Err(refusal(Code::InvalidArgument, "subscription.fetch.topic.mismatch", sentence));
    }
    let count = count(more)?;
    session.visit(core, |_| Ok(()))?;
    place.pending = place.pending.saturating_add(count).min(PENDING_MAX);
    Ok(())
}

fn count(request: &FetchRequest) -> Result<i32, Status> {
    if request.num_requested > 0 {
        return Ok(request.num_requested.min(REQUESTED_MAX));
    }
    let sentence = "The num_requested value must be greater than zero.";
    Err(refusal(Code::InvalidArgument, "subscription.fetch.requested.events.invalid", sentence))
}

/// The next events, if there are any.
fn next(core: &Core, place: &mut Place) -> Result<Option<FetchResponse>, Status> {
    let state = core.state();
    let bus = &state.store.bus;
    let count = usize::try_from(place.pending).unwrap_or_default();
    let (sent, number) = bus.after(place.number, &place.topic.wanted, count).map_err(gone)?;
    place.number = number;
    if sent.is_empty() {
        return Ok(None);
    }
    place.pending -= i32::try_from(sent.len()).unwrap_or(place.pending);
    let consumed = |sent: Sent| ConsumerEvent {
        replay_id: bus.replay_id(sent.number),
        event: Some(ProducerEvent {
            id: sent.uuid,
            schema_id: sent.schema_id,
            payload: sent.payload,
            headers: Vec::new(),
        }),
    };
    let last = sent.last().map_or(number, |sent| sent.number);
    Ok(Some(FetchResponse {
        latest_replay_id: bus.replay_id(last),
        events: sent.into_iter().map(consumed).collect(),
        rpc_id: rpc_id(),
        pending_num_requested: place.pending,
    }))
}

fn gone(_: Gone) -> Status {
    let sentence = "The Replay ID validation failed. Ensure that the Replay ID is valid and refers to an event \
                    within the retention window.";
    refusal(Code::InvalidArgument, "subscription.fetch.replayid.corrupted", sentence)
}

/// Most events of one request.
const REQUESTED_MAX: i32 = 100;
/// Most events that are asked for and not given out.
const PENDING_MAX: i32 = 10_000;
