//! The Pub/Sub API as a subscriber calls it: two questions, and a stream both ways.
//!
//! Frames, statuses and messages are tonic's and prost's; the connection is hyper's.

use std::time::Duration;

use bytes::Bytes;
use http::{Uri, uri::PathAndQuery};
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    client::Grpc,
    metadata::{AsciiMetadataValue, MetadataMap},
};
use tonic_prost::ProstCodec;

use crate::{
    message::{
        ConsumerEvent, FetchRequest, FetchResponse, ReplayPreset, SchemaInfo, SchemaRequest, TopicInfo,
        TopicRequest,
    },
    org::Session,
    reach::{PATIENCE, Streams},
};

/// Why a call did not come to an answer. Holds nothing of any event.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Too slow, or silent for longer than the API ever is.
    #[error("the Pub/Sub API did not answer in time")]
    Slow,
    /// The replay id is none that is still there.
    #[error("the replay id is of no event that is still there")]
    Gone,
    /// The session is over, or never was.
    #[error("the Pub/Sub API did not believe the session")]
    Session,
    /// Nobody may, or there is nothing of the name.
    #[error("the Pub/Sub API refused for good: {0}")]
    Never(String),
    /// It said no, or could not be reached.
    #[error("the Pub/Sub API refused, or cannot be reached: {0}")]
    Refused(String),
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let code = status.metadata().get("error-code").and_then(|code| code.to_str().ok());
        let code = code.and_then(|code| code.strip_prefix(CODES)).unwrap_or_default();
        // What it says in words may hold what it was asked; a code and a status do not.
        let said = || {
            let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
            if code.is_empty() || !plain { format!("{:?}", status.code()) } else { code.to_owned() }
        };
        match (status.code(), code) {
            // `corrupted` for one that is gone or was never given, `validation.failed` for none at all.
            (_, code) if code.starts_with("subscription.fetch.replayid.") => Self::Gone,
            (Code::Unauthenticated, _) => Self::Session,
            (Code::PermissionDenied | Code::NotFound | Code::Unimplemented, _) => Self::Never(said()),
            (Code::InvalidArgument, code) if code.starts_with("schema.") => Self::Never(said()),
            _ => Self::Refused(said()),
        }
    }
}

/// How the codes of the API begin.
const CODES: &str = "sfdc.platform.eventbus.grpc.";
/// Longest message that is read: the API sends no longer ones.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How long a stream may be silent: the API sends a word every 270 seconds at the latest.
const SILENCE: Duration = Duration::from_secs(330);
/// Most events that are asked for at a time: the API gives no more.
pub const FETCH_MAX: u32 = 100;

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what is published from now on.
    Latest,
    /// With the oldest that is still there.
    Earliest,
    /// Behind the event with this replay id.
    After(Bytes),
}

/// The API, asked with a session.
#[derive(Debug)]
pub(crate) struct Api {
    grpc: Grpc<Streams>,
    metadata: MetadataMap,
}

/// A subscription that is open.
#[derive(Debug)]
pub(crate) struct Subscribed {
    questions: mpsc::Sender<FetchRequest>,
    answers: Streaming<FetchResponse>,
}

impl Api {
    pub(crate) fn new(client: Streams, origin: Uri, session: &Session) -> Result<Self, CallError> {
        let mut metadata = MetadataMap::new();
        let pairs = [
            ("accesstoken", &session.token),
            ("instanceurl", &session.instance),
            ("tenantid", &session.tenant),
        ];
        for (name, value) in pairs {
            let value = AsciiMetadataValue::try_from(value).map_err(|_| CallError::Session)?;
            metadata.insert(name, value);
        }
        let grpc = Grpc::with_origin(client, origin).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Ok(Self { grpc, metadata })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        request
    }

    /// Whether a topic may be subscribed to.
    pub(crate) async fn may_subscribe(&mut self, topic: &str) -> Result<bool, CallError> {
        let request = self.request(TopicRequest { topic_name: topic.to_owned() });
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/GetTopic");
        let asked = self.grpc.unary::<_, TopicInfo, _>(request, path, ProstCodec::default());
        let answer = timeout(PATIENCE, asked).await.map_err(|_| CallError::Slow)??;
        Ok(answer.into_inner().can_subscribe)
    }

    /// The text of a schema.
    pub(crate) async fn schema(&mut self, id: &str) -> Result<String, CallError> {
        let request = self.request(SchemaRequest { schema_id: id.to_owned() });
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/GetSchema");
        let asked = self.grpc.unary::<_, SchemaInfo, _>(request, path, ProstCodec::default());
        let answer = timeout(PATIENCE, asked).await.map_err(|_| CallError::Slow)??;
        Ok(answer.into_inner().schema_json)
    }

    /// Opens a subscription, and asks for its first events.
    pub(crate) async fn subscribe(
        &mut self,
        topic: &str,
        start: &Start,
        count: u32,
    ) -> Result<Subscribed, CallError> {
        let (questions, asked) = mpsc::channel(1);
        let (preset, replay_id) = match start {
            Start::Latest => (ReplayPreset::Latest, Bytes::new()),
            Start::Earliest => (ReplayPreset::Earliest, Bytes::new()),
            Start::After(id) => (ReplayPreset::Custom, id.clone()),
        };
        let first = FetchRequest {
            topic_name: topic.to_owned(),
            replay_preset: preset.into(),
            replay_id,
            num_requested: requested(count),
        };
        // There is room for one.
        let _sent = questions.try_send(first);
        let request = self.request(ReceiverStream::new(asked));
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/Subscribe");
        let codec = ProstCodec::<FetchRequest, FetchResponse>::default();
        let opening = self.grpc.streaming(request, path, codec);
        let answers = timeout(PATIENCE, opening).await.map_err(|_| CallError::Slow)??.into_inner();
        Ok(Subscribed { questions, answers })
    }
}

impl Subscribed {
    /// The next answer; nothing when the API has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<FetchResponse>, CallError> {
        Ok(timeout(SILENCE, self.answers.message()).await.map_err(|_| CallError::Slow)??)
    }

    /// Asks for more.
    pub(crate) async fn ask(&self, topic: &str, count: u32) -> Result<(), CallError> {
        let more = FetchRequest {
            topic_name: topic.to_owned(),
            num_requested: requested(count),
            ..FetchRequest::default()
        };
        let asked = timeout(PATIENCE, self.questions.send(more)).await.map_err(|_| CallError::Slow)?;
        asked.map_err(|_| CallError::Refused("the stream is closed".to_owned()))
    }
}

fn requested(count: u32) -> i32 {
    i32::try_from(count.clamp(1, FETCH_MAX)).unwrap_or(1)
}

/// How many events an answer has, read as the subscriber reads it; nothing where it is none. For fuzzing.
pub fn frames(message: &[u8]) -> Option<usize> {
    let answer = FetchResponse::decode(message).ok()?;
    Some(answer.events.iter().filter(|ConsumerEvent { event, .. }| event.is_some()).count())
}
