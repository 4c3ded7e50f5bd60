//! The Pub/Sub API: gRPC on the org's own addresses, for whoever brings a session.
//!
//! Source: Salesforce's `pubsub_api.proto` and its table of error codes.

mod message;
mod publish;
mod subscribe;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use hyper::body::Incoming;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::bus::{CHANGE_EVENT, Wanted, change_entity};
use crate::id;
use crate::org::Core;
use crate::state::Visit;
use message::{PublishRequest, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest};
use publish::PublishStream;
use subscribe::Subscribe;

/// Whether a path is one of this API.
pub(crate) fn is_here(path: &str) -> bool {
    path.starts_with(SERVICE)
}

/// Answers one call, whichever it is.
pub(crate) async fn answer(core: Arc<Core>, request: Request<Incoming>) -> http::Response<tonic::body::Body> {
    let method = request.uri().path().strip_prefix(SERVICE).unwrap_or_default().to_owned();
    match method.as_str() {
        "GetTopic" => {
            let service = Asked(core, |visit: &mut Visit<'_>, asked: &TopicRequest| topic_info(visit, asked));
            Grpc::new(ProstCodec::default()).unary(service, request).await
        }
        "GetSchema" => {
            let service =
                Asked(core, |visit: &mut Visit<'_>, asked: &SchemaRequest| schema_info(visit, asked));
            Grpc::new(ProstCodec::default()).unary(service, request).await
        }
        "Publish" => {
            let service = Asked(core, |visit: &mut Visit<'_>, asked: &PublishRequest| {
                publish::publish(visit, asked, None)
            });
            Grpc::new(ProstCodec::default()).unary(service, request).await
        }
        "PublishStream" => Grpc::new(ProstCodec::default()).streaming(PublishStream(core), request).await,
        "Subscribe" => Grpc::new(ProstCodec::default()).streaming(Subscribe(core), request).await,
        _ => Status::unimplemented("This org does not serve the method").into_http(),
    }
}

/// A topic, and how its events look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: String,
    /// The object: of a platform event itself, of change events the one that changes; none for the channel of all.
    pub(crate) object: Option<String>,
    pub(crate) wanted: Wanted,
    pub(crate) can_publish: bool,
    pub(crate) can_subscribe: bool,
}

/// A call that asks once and is answered once.
struct Asked<F>(Arc<Core>, F);

impl<Q, A, F> UnaryService<Q> for Asked<F>
where
    F: Fn(&mut Visit<'_>, &Q) -> Result<A, Status>,
{
    type Response = A;
    type Future = Ready<Result<tonic::Response<A>, Status>>;

    fn call(&mut self, request: tonic::Request<Q>) -> Self::Future {
        let token = match Session::of(request.metadata()) {
            Ok(token) => token,
            Err(status) => return ready(Err(status)),
        };
        let answer = token.visit(&self.0, |visit| (self.1)(visit, request.get_ref()));
        ready(answer.map(tonic::Response::new))
    }
}

/// What a call says of who makes it.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    token: String,
    tenant: String,
}

impl Session {
    /// Reads the three pairs that every call has to bring.
    pub(crate) fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let said = |name: &str| {
            let value = metadata.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
            value.filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| {
                let sentence = format!("The authentication header {name} is missing or blank.");
                refusal(Code::Unauthenticated, "service.auth.headers.invalid", &sentence)
            })
        };
        let (token, instance, tenant) = (said("accesstoken")?, said("instanceurl")?, said("tenantid")?);
        if !instance.starts_with("https://") && !instance.starts_with("http://") {
            let sentence = "The authentication header instanceurl is invalid.";
            return Err(refusal(Code::Unauthenticated, "service.auth.headers.invalid", sentence));
        }
        Ok(Self { token, tenant })
    }

    /// Does something as the session's user.
    pub(crate) fn visit<T>(
        &self,
        core: &Core,
        work: impl FnOnce(&mut Visit<'_>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let now_ms = core.now_ms();
        let mut state = core.state();
        state.store.look_as(None);
        let user = state.access.session(&self.token, now_ms);
        let is_here = id::widen(&self.tenant).is_some_and(|tenant| tenant == state.access.organization);
        let Some(user) = user.filter(|_| is_here) else {
            let sentence = "An authentication exception occurred.";
            return Err(refusal(Code::Unauthenticated, "service.auth.error", sentence));
        };
        let version = "v68.0".to_owned();
        let mut visit = Visit { state: &mut state, user, now_ms, version, base: String::new() };
        let done = if visit.enters() {
            work(&mut visit)
        } else {
            Err(refusal(Code::Unauthenticated, "service.auth.error", "An authentication exception occurred."))
        };
        state.store.look_as(None);
        done
    }
}

/// Finds a topic.
pub(crate) fn topic(visit: &Visit<'_>, name: &str) -> Result<Topic, Status> {
    if name.trim().is_empty() {
        return Err(refusal(
            Code::InvalidArgument,
            "topic.validation.empty",
            "The topic name cannot be empty.",
        ));
    }
    let missing = || refusal(Code::NotFound, "topic.not.found", &format!("The topic {name} was not found."));
    let store = &visit.state.store;
    if let Some(event) = name.strip_prefix("/event/") {
        let object = store.schema.object(event).filter(|object| object.name.ends_with("__e"));
        let object = object.ok_or_else(missing)?;
        return Ok(Topic {
            name: name.to_owned(),
            object: Some(object.name.clone()),
            wanted: Wanted::Entity(object.name.clone()),
            can_publish: true,
            can_subscribe: true,
        });
    }
    let entity = name.strip_prefix("/data/").ok_or_else(missing)?;
    let changes = |object, wanted| Topic {
        name: name.to_owned(),
        object,
        wanted,
        can_publish: false,
        // Change events are for those who see everything: sharing does not hold for them.
        can_subscribe: store.is_whole(),
    };
    if entity == "ChangeEvents" {
        return Ok(changes(None, Wanted::Changes));
    }
    let object = entity.strip_suffix(CHANGE_EVENT).ok_or_else(missing)?;
    let object = object.strip_suffix("__").map_or_else(|| object.to_owned(), |name| format!("{name}__c"));
    let object = store.schema.object(&object).filter(|object| !object.name.ends_with("__e"));
    let object = object.ok_or_else(missing)?.name.clone();
    let wanted = Wanted::Entity(change_entity(&object));
    Ok(changes(Some(object), wanted))
}

fn topic_info(visit: &mut Visit<'_>, asked: &TopicRequest) -> Result<TopicInfo, Status> {
    let topic = topic(visit, &asked.topic_name)?;
    let schema_id = schema_id(visit, &topic);
    Ok(TopicInfo {
        topic_name: topic.name,
        tenant_guid: format!("core/local/{}", visit.state.access.organization),
        can_publish: topic.can_publish,
        can_subscribe: topic.can_subscribe,
        schema_id,
        rpc_id: rpc_id(),
    })
}

/// The schema in use for a topic's events.
pub(crate) fn schema_id(visit: &mut Visit<'_>, topic: &Topic) -> String {
    let store = &mut visit.state.store;
    let object = topic.object.as_deref().and_then(|object| store.whole_object(object));
    match (object, &topic.wanted) {
        (Some(object), Wanted::Entity(entity)) => store.bus.shape(entity, &object).1,
        _ => store.bus.channel_schema(),
    }
}

fn schema_info(visit: &mut Visit<'_>, asked: &SchemaRequest) -> Result<SchemaInfo, Status> {
    if asked.schema_id.trim().is_empty() {
        let sentence = "The schema ID cannot be empty.";
        return Err(refusal(Code::InvalidArgument, "schema.validation.failed", sentence));
    }
    let Some(json) = visit.state.store.bus.schema(&asked.schema_id) else {
        let sentence = format!("The schema {} was not found.", asked.schema_id);
        return Err(refusal(Code::NotFound, "schema.meta.permission", &sentence));
    };
    Ok(SchemaInfo { schema_json: json.to_owned(), schema_id: asked.schema_id.clone(), rpc_id: rpc_id() })
}

/// A refusal as the service gives it: a status, a sentence that ends in the call's name, a code among the trailers.
pub(crate) fn refusal(code: Code, word: &str, sentence: &str) -> Status {
    let mut metadata = MetadataMap::new();
    if let Ok(value) = AsciiMetadataValue::try_from(format!("sfdc.platform.eventbus.grpc.{word}")) {
        metadata.insert("error-code", value);
    }
    Status::with_metadata(code, format!("{sentence} rpcId: {}", rpc_id()), metadata)
}

/// What names a call.
pub(crate) fn rpc_id() -> String {
    crate::store::events::uuid(CALLS.fetch_add(1, Ordering::Relaxed) + 1)
}

/// How many calls this process has named.
static CALLS: AtomicU64 = AtomicU64::new(0);

const SERVICE: &str = "/eventbus.v1.PubSub/";
