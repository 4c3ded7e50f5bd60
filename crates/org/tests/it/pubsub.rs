//! The Pub/Sub API over real sockets: what is served, to whom, from where on, and what is refused.

use bytes::Bytes;
use http::uri::PathAndQuery;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::client::{Story, start};

#[derive(Clone, PartialEq, prost::Message)]
struct Topic {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(bool, tag = "4")]
    can_subscribe: bool,
    #[prost(string, tag = "5")]
    schema_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fetch {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(int32, tag = "2")]
    preset: i32,
    #[prost(bytes = "bytes", tag = "3")]
    replay_id: Bytes,
    #[prost(int32, tag = "4")]
    count: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Made {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    schema_id: String,
    #[prost(bytes = "bytes", tag = "3")]
    payload: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sent {
    #[prost(message, optional, tag = "1")]
    event: Option<Made>,
    #[prost(bytes = "bytes", tag = "2")]
    replay_id: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Fetched {
    #[prost(message, repeated, tag = "1")]
    events: Vec<Sent>,
    #[prost(bytes = "bytes", tag = "2")]
    latest: Bytes,
    #[prost(int32, tag = "4")]
    pending: i32,
}

struct Api(String, [(&'static str, String); 3]);

impl Api {
    async fn of(story: &Story) -> Self {
        let organization = story.query("SELECT Id FROM Organization").await;
        let tenant = organization["records"][0]["Id"].as_str().unwrap().to_owned();
        let url = story.org.http_url().unwrap();
        Self(url.clone(), [("accesstoken", "tok".to_owned()), ("instanceurl", url), ("tenantid", tenant)])
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (name, value) in &self.1 {
            request.metadata_mut().insert(*name, value.parse().unwrap());
        }
        request
    }

    fn grpc(&self) -> Grpc<Client<hyper_util::client::legacy::connect::HttpConnector, tonic::body::Body>> {
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Grpc::with_origin(client, self.0.parse().unwrap())
    }

    async fn topic(&self, name: &str) -> Result<Topic, Status> {
        let request = self.request(Named { name: name.to_owned() });
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/GetTopic");
        Ok(self.grpc().unary(request, path, ProstCodec::default()).await?.into_inner())
    }

    async fn schema(&self, id: &str) -> Result<String, Status> {
        let request = self.request(Named { name: id.to_owned() });
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/GetSchema");
        let answer = self.grpc().unary::<_, Named, _>(request, path, ProstCodec::default()).await?;
        Ok(answer.into_inner().name)
    }

    async fn subscribe(
        &self,
        topic: &str,
        preset: i32,
        replay_id: Bytes,
        count: i32,
    ) -> Result<(mpsc::Sender<Fetch>, Streaming<Fetched>), Status> {
        let (asks, asked) = mpsc::channel(4);
        asks.try_send(Fetch { topic: topic.to_owned(), preset, replay_id, count }).unwrap();
        let path = PathAndQuery::from_static("/eventbus.v1.PubSub/Subscribe");
        let request = self.request(ReceiverStream::new(asked));
        let codec = ProstCodec::<Fetch, Fetched>::default();
        Ok((asks, self.grpc().streaming(request, path, codec).await?.into_inner()))
    }
}

fn code(status: &Status) -> (Code, String) {
    let word = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    let word = word.strip_prefix("sfdc.platform.eventbus.grpc.").unwrap_or_default();
    assert!(status.message().contains("rpcId: "), "{status:?}");
    (status.code(), word.to_owned())
}

async fn contact(story: &Story, last_name: &str) -> String {
    let made = story.call("POST", "sobjects/Contact", json!({"LastName": last_name})).await.json();
    made["id"].as_str().unwrap().to_owned()
}

const CHANGES: &str = "/data/ContactChangeEvent";

#[tokio::test]
async fn changes_come_in_order_as_many_as_are_asked_for_and_again_from_where_one_stopped() {
    let story = start(|config| config.change_events = vec!["Contact".into()]).await;
    let api = Api::of(&story).await;
    let id = contact(&story, "Zzyzx").await;
    story.call("PATCH", &format!("sobjects/Contact/{id}"), json!({"Phone": "(205) 555-0100"})).await;
    story.call("DELETE", &format!("sobjects/Contact/{id}"), "").await;
    let topic = api.topic(CHANGES).await.unwrap();
    assert!(
        topic.can_subscribe && api.schema(&topic.schema_id).await.unwrap().contains("ContactChangeEvent")
    );
    let (asks, mut events) = api.subscribe(CHANGES, 1, Bytes::new(), 2).await.unwrap();
    let first = events.message().await.unwrap().unwrap();
    assert_eq!((first.events.len(), first.pending), (2, 0));
    let made = first.events[0].event.clone().unwrap();
    assert_eq!(made.schema_id, topic.schema_id);
    let holds = |payload: &Bytes, text: &str| payload.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(&made.payload, "Zzyzx") && holds(&made.payload, &id));
    let changed = first.events[1].event.clone().unwrap().payload;
    assert!(holds(&changed, "555-0100") && holds(&changed, "0x") && !holds(&changed, "Zzyzx"));
    asks.send(Fetch { count: 5, ..Fetch::default() }).await.unwrap();
    let rest = events.message().await.unwrap().unwrap();
    assert_eq!((rest.events.len(), rest.pending), (1, 4));
    // A live one, on the same stream.
    contact(&story, "Later").await;
    let live = events.message().await.unwrap().unwrap();
    assert_eq!((live.events.len(), live.pending), (1, 3));
    assert_eq!(live.latest, live.events[0].replay_id);
    let from = first.events[1].replay_id.clone();
    let (_asks, mut again) = api.subscribe(CHANGES, 2, from, 10).await.unwrap();
    let again = again.message().await.unwrap().unwrap().events;
    assert_eq!(again.len(), 2);
    assert_eq!((&again[0], &again[1]), (&rest.events[0], &live.events[0]));
}

#[tokio::test]
async fn what_is_taken_back_is_no_event_and_what_is_not_selected_neither() {
    let story = start(|config| config.change_events = vec!["Contact".into()]).await;
    let api = Api::of(&story).await;
    let bad = json!({"allOrNone": true, "records": [
        {"attributes": {"type": "Contact"}, "LastName": "A"}, {"attributes": {"type": "Contact"}}]});
    story.call("POST", "composite/sobjects", bad).await;
    story.call("POST", "sobjects/Account", json!({"Name": "B"})).await;
    contact(&story, "C").await;
    let (_asks, mut events) = api.subscribe("/data/ChangeEvents", 1, Bytes::new(), 10).await.unwrap();
    let events = events.message().await.unwrap().unwrap().events;
    assert_eq!(events.len(), 1, "{events:?}");
}

#[tokio::test]
async fn a_silent_subscription_gets_a_sign_of_life_with_the_place_it_is_at() {
    let story = start(|config| config.limits.event_keepalive = std::time::Duration::from_millis(50)).await;
    let api = Api::of(&story).await;
    let (_asks, mut events) = api.subscribe(CHANGES, 0, Bytes::new(), 7).await.unwrap();
    let alive = events.message().await.unwrap().unwrap();
    assert_eq!((alive.events.len(), alive.pending, alive.latest.len()), (0, 7, 10));
    let (_asks, mut again) = api.subscribe(CHANGES, 2, alive.latest, 7).await.unwrap();
    assert!(again.message().await.unwrap().unwrap().events.is_empty());
}

#[tokio::test]
async fn refusals_are_worded_as_the_service_words_them() {
    let story = start(|config| {
        config.change_events = vec!["Contact".into()];
        config.limits.events = 2;
    })
    .await;
    let api = Api::of(&story).await;
    contact(&story, "A").await;
    let (asks, mut events) = api.subscribe(CHANGES, 1, Bytes::new(), 1).await.unwrap();
    let first = events.message().await.unwrap().unwrap().latest;
    for name in ["B", "C", "D"] {
        contact(&story, name).await;
    }
    let gone = "subscription.fetch.replayid.corrupted";
    // A subscriber that fell behind what is kept is told so, rather than given the rest as if nothing were missing.
    asks.send(Fetch { count: 5, ..Fetch::default() }).await.unwrap();
    assert_eq!(code(&events.message().await.unwrap_err()), (Code::InvalidArgument, gone.to_owned()));
    let none = "subscription.fetch.replayid.validation.failed";
    let count = "subscription.fetch.requested.events.invalid";
    for (topic, preset, replay_id, asked, want) in [
        (CHANGES, 2, first, 5, (Code::InvalidArgument, gone)),
        (CHANGES, 2, Bytes::from_static(b"??"), 5, (Code::InvalidArgument, gone)),
        (CHANGES, 2, Bytes::new(), 5, (Code::InvalidArgument, none)),
        (CHANGES, 0, Bytes::new(), 0, (Code::InvalidArgument, count)),
        ("", 0, Bytes::new(), 1, (Code::InvalidArgument, "topic.validation.empty")),
        ("/event/None__e", 0, Bytes::new(), 1, (Code::NotFound, "topic.not.found")),
        ("/data/NoneChangeEvent", 0, Bytes::new(), 1, (Code::NotFound, "topic.not.found")),
    ] {
        let (_asks, mut events) = api.subscribe(topic, preset, replay_id, asked).await.unwrap();
        let refused = events.message().await.unwrap_err();
        assert_eq!(code(&refused), (want.0, want.1.to_owned()), "{topic}");
    }
    let refused = api.schema("").await.unwrap_err();
    assert_eq!(code(&refused), (Code::InvalidArgument, "schema.validation.failed".to_owned()));
    for (at, value, word) in [
        (0, "wrong", "service.auth.error"),
        (2, "00D000000000000", "service.auth.error"),
        (0, " ", "service.auth.headers.invalid"),
        (1, "org.example", "service.auth.headers.invalid"),
    ] {
        let mut other = Api(api.0.clone(), api.1.clone());
        value.clone_into(&mut other.1[at].1);
        let refused = other.topic(CHANGES).await.unwrap_err();
        assert_eq!(code(&refused), (Code::Unauthenticated, word.to_owned()), "{value}");
    }
    story.org.stop().await.unwrap();
}
