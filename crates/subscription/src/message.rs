//! The messages of the Pub/Sub API that a subscriber sends and gets, derived, with the numbers of the public interface.
//!
//! Source: `pubsub_api.proto`, package `eventbus.v1`.

use std::fmt;

use bytes::Bytes;

/// What there is to know of a topic, as far as a subscriber cares.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TopicInfo {
    #[prost(bool, tag = "4")]
    pub(crate) can_subscribe: bool,
}

/// Asks for a topic.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TopicRequest {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
}

/// An event as its publisher made it.
///
/// Debug shows sizes only.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(crate) struct ProducerEvent {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) payload: Bytes,
}

impl fmt::Debug for ProducerEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProducerEvent({} bytes)", self.payload.len())
    }
}

/// An event and its place.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ConsumerEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) event: Option<ProducerEvent>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) replay_id: Bytes,
}

/// Where a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ReplayPreset {
    Latest = 0,
    Earliest = 1,
    Custom = 2,
}

/// Asks for events.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FetchRequest {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
    #[prost(enumeration = "ReplayPreset", tag = "2")]
    pub(crate) replay_preset: i32,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) replay_id: Bytes,
    #[prost(int32, tag = "4")]
    pub(crate) num_requested: i32,
}

/// Events, or a sign of life.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FetchResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) events: Vec<ConsumerEvent>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) latest_replay_id: Bytes,
    #[prost(int32, tag = "4")]
    pub(crate) pending_num_requested: i32,
}

/// Asks for a schema.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SchemaRequest {
    #[prost(string, tag = "1")]
    pub(crate) schema_id: String,
}

/// A schema.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SchemaInfo {
    #[prost(string, tag = "1")]
    pub(crate) schema_json: String,
}
