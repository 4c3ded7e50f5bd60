//! The messages of `eventbus.v1`, written by hand and derived: what the Pub/Sub API says over gRPC.
//!
//! Source: Salesforce's published `pubsub_api.proto`, version 1.

/// What there is to know of a topic.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TopicInfo {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
    #[prost(string, tag = "2")]
    pub(crate) tenant_guid: String,
    #[prost(bool, tag = "3")]
    pub(crate) can_publish: bool,
    #[prost(bool, tag = "4")]
    pub(crate) can_subscribe: bool,
    #[prost(string, tag = "5")]
    pub(crate) schema_id: String,
    #[prost(string, tag = "6")]
    pub(crate) rpc_id: String,
}

/// Asks for a topic.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TopicRequest {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
}

/// A pair that rides with an event.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct EventHeader {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: bytes::Bytes,
}

/// An event as its publisher made it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ProducerEvent {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub(crate) payload: bytes::Bytes,
    #[prost(message, repeated, tag = "4")]
    pub(crate) headers: Vec<EventHeader>,
}

/// An event and its place.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ConsumerEvent {
    #[prost(message, optional, tag = "1")]
    pub(crate) event: Option<ProducerEvent>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) replay_id: bytes::Bytes,
}

/// What became of one published event.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishResult {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) replay_id: bytes::Bytes,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<Error>,
    #[prost(string, tag = "3")]
    pub(crate) correlation_key: String,
}

/// Why an event was not published.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Error {
    #[prost(enumeration = "ErrorCode", tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) msg: String,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum ErrorCode {
    Unknown = 0,
    Publish = 1,
    Commit = 2,
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
    pub(crate) replay_id: bytes::Bytes,
    #[prost(int32, tag = "4")]
    pub(crate) num_requested: i32,
    #[prost(string, tag = "5")]
    pub(crate) auth_refresh: String,
}

/// Events, or a sign of life.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FetchResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) events: Vec<ConsumerEvent>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) latest_replay_id: bytes::Bytes,
    #[prost(string, tag = "3")]
    pub(crate) rpc_id: String,
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
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
    #[prost(string, tag = "3")]
    pub(crate) rpc_id: String,
}

/// Events to publish.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishRequest {
    #[prost(string, tag = "1")]
    pub(crate) topic_name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) events: Vec<ProducerEvent>,
    #[prost(string, tag = "3")]
    pub(crate) auth_refresh: String,
}

/// What became of them, in their order.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublishResponse {
    #[prost(message, repeated, tag = "1")]
    pub(crate) results: Vec<PublishResult>,
    #[prost(string, tag = "2")]
    pub(crate) schema_id: String,
    #[prost(string, tag = "3")]
    pub(crate) rpc_id: String,
}
