//! Follows one topic: begins where it stopped, hands each event over, and goes on when that one is done with.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use serde_json::{Map, Value};
use tokio::{sync::watch, time::sleep};

use crate::{
    avro::Schema,
    bookmark::Bookmark,
    event::{Came, Event},
    message::{ConsumerEvent, ProducerEvent},
    org::{Login, OrgError, Session},
    reach::{Reach, ReachError, streams},
    stream::{Api, CallError, Start},
};

/// One topic and how it is followed.
#[derive(Clone, Debug)]
pub struct Following {
    /// The topic, such as `/data/ContactChangeEvent` or `/event/Visit__e`.
    pub topic: String,
    /// Scheme and authority of the Pub/Sub API.
    pub api: Uri,
    /// How a session of the org is got.
    pub login: Login,
    /// Of change events, the object whose records are asked of the org; without it an event is all there is to judge.
    pub object: Option<String>,
    /// The folder with the bookmarks.
    pub folder: PathBuf,
    /// Where to begin without a bookmark.
    pub first: Begin,
    /// What to do when the bookmark's event is no longer there.
    pub gone: Gone,
    /// How many events are asked for at a time.
    pub count: u32,
}

/// An end of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// What is published from now on.
    Latest,
    /// The oldest that is still there.
    Earliest,
}

/// What to do when the bookmark's event is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Stop, until a person says where to go on.
    Stop,
    /// Go on at this end; what was published since the bookmark may be lost, and the ledger says so.
    GoOn(Begin),
}

impl Begin {
    /// The word in the configuration and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Earliest => "earliest",
        }
    }

    fn start(self) -> Start {
        match self {
            Self::Latest => Start::Latest,
            Self::Earliest => Start::Earliest,
        }
    }
}

/// What whoever takes events says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is delivered, or kept; its ruling is durable.
    Done,
    /// It is neither: it has to come again.
    Again,
    /// It could not be read as it was made; as it came it may be.
    Unreadable,
}

/// What a subscription tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is open.
    Open,
    /// The events behind the bookmark are gone: what was published since may be lost. It goes on at this end.
    Gap(Begin),
    /// It could not go on, and tries again.
    Trouble(String),
}

/// Why a subscription ended for good.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The bookmark cannot be read or written.
    #[error("the bookmark of the topic cannot be read or written; look at the folder of bookmarks")]
    Bookmark(#[source] std::io::Error),
    /// The event after which to go on is gone, and nobody said what to do then.
    #[error(
        "the events behind the bookmark are gone, and what was published since may be lost: remove the bookmark, or say \
         `on_gone = \"earliest\"` or `on_gone = \"latest\"`"
    )]
    Gone,
    /// It may not be subscribed to.
    #[error("the topic is not there, or this user may not subscribe to it: {0}")]
    Forbidden(String),
    /// What is configured cannot be used.
    #[error(transparent)]
    Settings(ReachError),
}

/// What takes events, and hears how it goes.
pub trait Taker: Send + Sync {
    /// Takes events in their order; the ruling on one is durable when this says [`Taken::Done`] of it.
    ///
    /// Shape:  what became of each, from the first on, up to the first that is not done: those behind it have to come again.
    fn take(&self, events: Vec<Event>) -> impl Future<Output = Vec<Taken>> + Send;
    /// Is told what happened; a gap is in the ledger when this returns.
    fn hear(&self, told: Told) -> impl Future<Output = ()> + Send;
}

/// First and longest wait after something went wrong.
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Most events that are handed over together.
pub const TOGETHER_MAX: usize = 32;
/// Most schemas of a topic that are remembered, beside those of the events in hand.
const SCHEMAS_MAX: usize = 16;

/// Follows a topic until told to stop; the events in hand are brought to where they can be left.
///
/// Events are handed over in their order, some together. The replay id of the last that is done with is written down then, and
/// not before: after a crash they come again rather than never.
///
/// Bounds: `count` events at a time, [`TOGETHER_MAX`] of them in hand; an answer of at most 4 MiB.
/// Errors: see [`FollowError`]; everything else is told, waited for and tried again.
/// Source: spec/webhooks.md section 7.
pub async fn follow(
    following: &Following,
    taker: &impl Taker,
    mut stop: watch::Receiver<bool>,
) -> Result<(), FollowError> {
    let bookmark = Bookmark::of(&following.folder, &following.topic);
    let mut start = match bookmark.read().map_err(FollowError::Bookmark)? {
        Some(replay) => Start::After(replay.into()),
        None => following.first.start(),
    };
    let reach = Reach::new(&following.login.roots).map_err(FollowError::Settings)?;
    let mut wait = WAIT_FIRST;
    loop {
        let mut connection = Connection {
            following,
            taker,
            bookmark: &bookmark,
            reach: &reach,
            start: &mut start,
            stop: stop.clone(),
            progress: false,
            schemas: BTreeMap::new(),
        };
        let ended = connection.run().await;
        if connection.progress {
            wait = WAIT_FIRST;
        }
        match ended {
            Ended::Stopped => return Ok(()),
            Ended::Never(error) => return Err(error),
            Ended::Trouble(why) => taker.hear(Told::Trouble(why)).await,
            Ended::Gone => {
                let Gone::GoOn(begin) = following.gone else { return Err(FollowError::Gone) };
                taker.hear(Told::Gap(begin)).await;
                start = begin.start();
                continue;
            }
        }
        tokio::select! {
            () = sleep(wait) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        wait = (wait * 2).min(WAIT_MAX);
    }
}

/// Why one connection came to its end.
enum Ended {
    Stopped,
    Trouble(String),
    Gone,
    Never(FollowError),
}

impl From<CallError> for Ended {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Gone => Self::Gone,
            CallError::Never(why) => Self::Never(FollowError::Forbidden(why)),
            CallError::Slow | CallError::Session | CallError::Refused(_) => Self::Trouble(error.to_string()),
        }
    }
}

impl From<OrgError> for Ended {
    fn from(error: OrgError) -> Self {
        Self::Trouble(error.to_string())
    }
}

/// One connection.
struct Connection<'s, T> {
    following: &'s Following,
    taker: &'s T,
    bookmark: &'s Bookmark,
    reach: &'s Reach,
    start: &'s mut Start,
    stop: watch::Receiver<bool>,
    /// Whether an event was done with.
    progress: bool,
    /// By their names; nothing for one that cannot be read.
    schemas: BTreeMap<String, Option<Schema>>,
}

impl<T: Taker> Connection<'_, T> {
    async fn run(&mut self) -> Ended {
        match self.stream().await {
            Ok(()) => Ended::Trouble("the Pub/Sub API ended the subscription".to_owned()),
            Err(ended) => ended,
        }
    }

    async fn stream(&mut self) -> Result<(), Ended> {
        let Following { topic, api, login, count, .. } = self.following;
        let mut stop = self.stop.clone();
        let opening = async {
            let session = Session::open(self.reach, login).await?;
            let client = streams(&login.roots).map_err(|error| Ended::Never(FollowError::Settings(error)))?;
            let mut api = Api::new(client, api.clone(), &session)?;
            if !api.may_subscribe(topic).await? {
                return Err(Ended::Never(FollowError::Forbidden(topic.clone())));
            }
            let subscribed = api.subscribe(topic, self.start, *count).await?;
            Ok((session, api, subscribed))
        };
        let (session, mut api, mut subscribed) = tokio::select! {
            opened = opening => opened?,
            _ = stop.wait_for(|stop| *stop) => return Err(Ended::Stopped),
        };
        self.taker.hear(Told::Open).await;
        loop {
            let answer = tokio::select! {
                answer = subscribed.next() => answer?,
                _ = stop.wait_for(|stop| *stop) => return Err(Ended::Stopped),
            };
            let Some(answer) = answer else { return Ok(()) };
            let is_idle = answer.events.is_empty();
            for events in answer.events.chunks(TOGETHER_MAX) {
                self.hand_over(&session, &mut api, events).await?;
            }
            if is_idle && !answer.latest_replay_id.is_empty() {
                self.done(answer.latest_replay_id)?;
            }
            if answer.pending_num_requested <= 0 {
                subscribed.ask(topic, *count).await?;
            }
        }
    }

    /// Brings events to where they are durable, in their order.
    async fn hand_over(
        &mut self,
        session: &Session,
        api: &mut Api,
        events: &[ConsumerEvent],
    ) -> Result<(), Ended> {
        // Schemas of these events are needed together: others are forgotten before, and none between.
        if self.schemas.len() > SCHEMAS_MAX {
            let needed: BTreeSet<&str> =
                events.iter().filter_map(|one| Some(one.event.as_ref()?.schema_id.as_str())).collect();
            self.schemas.retain(|id, _| needed.contains(id.as_str()));
        }
        for ConsumerEvent { event, .. } in events {
            self.learn(api, event.as_ref().map_or("", |event| &event.schema_id)).await?;
        }
        let none = ProducerEvent::default();
        let came: Vec<Came<'_>> = events
            .iter()
            .map(|one| {
                let sent = one.event.as_ref().unwrap_or(&none);
                let schema = self.schemas.get(&sent.schema_id).and_then(Option::as_ref);
                Came::read(&session.instance, &self.following.topic, schema, sent, &one.replay_id)
            })
            .collect();
        let made = self.made(session, &came).await?;
        let mut at = 0;
        while at < events.len() {
            if *self.stop.borrow() {
                return Err(Ended::Stopped);
            }
            let rest = made.get(at..).unwrap_or_default().to_vec();
            let taken = self.taker.take(rest).await;
            let done = taken.iter().take_while(|taken| **taken == Taken::Done).count();
            let mut next = at + done;
            let mut last = taken.get(done).copied();
            if done > 0 {
                self.done_up_to(events, next)?;
            }
            if let (Some(Taken::Unreadable), Some(came)) = (last, came.get(next)) {
                last = self.taker.take(vec![came.unread()]).await.first().copied();
                if last == Some(Taken::Done) {
                    next += 1;
                    self.done_up_to(events, next)?;
                }
            }
            if next == at || matches!(last, Some(Taken::Again | Taken::Unreadable)) {
                let why = "an event could neither be delivered nor kept".to_owned();
                return Err(if *self.stop.borrow() { Ended::Stopped } else { Ended::Trouble(why) });
            }
            at = next;
        }
        Ok(())
    }

    /// The events as they are handed over. Records of all of them are asked for at one time.
    async fn made(&self, session: &Session, came: &[Came<'_>]) -> Result<Vec<Event>, Ended> {
        let Some(object) = &self.following.object else {
            return Ok(came.iter().map(Came::alone).collect());
        };
        let changed: Vec<Option<Vec<String>>> = came.iter().map(|came| came.changed(object)).collect();
        let ids: BTreeSet<&String> = changed.iter().flatten().flatten().collect();
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        let records = session.records(self.reach, object, &ids).await?;
        let by_id: BTreeMap<String, Map<String, Value>> = records
            .into_iter()
            .filter_map(|record| Some((record.get("Id")?.as_str()?.to_owned(), record)))
            .collect();
        let event = |(came, ids): (&Came<'_>, &Option<Vec<String>>)| match ids {
            // A change of something else, or no change at all.
            None => came.unread(),
            Some(ids) => came.with(ids, ids.iter().filter_map(|id| by_id.get(id)).cloned().collect()),
        };
        Ok(came.iter().zip(&changed).map(event).collect())
    }

    /// Writes down that the first of these events are done with.
    fn done_up_to(&mut self, events: &[ConsumerEvent], end: usize) -> Result<(), Ended> {
        match end.checked_sub(1).and_then(|last| events.get(last)) {
            Some(event) => self.done(event.replay_id.clone()),
            None => Ok(()),
        }
    }

    /// Gets a schema; one that is not given, or that cannot be read, leaves its events unread.
    async fn learn(&mut self, api: &mut Api, id: &str) -> Result<(), Ended> {
        if self.schemas.contains_key(id) {
            return Ok(());
        }
        let schema = match api.schema(id).await {
            Ok(json) => Schema::parse(&json).ok(),
            Err(CallError::Never(_)) => None,
            Err(error) => return Err(error.into()),
        };
        self.schemas.insert(id.to_owned(), schema);
        Ok(())
    }

    /// Writes down that everything up to here is done with.
    fn done(&mut self, replay: Bytes) -> Result<(), Ended> {
        self.bookmark.write(&replay).map_err(|error| Ended::Never(FollowError::Bookmark(error)))?;
        *self.start = Start::After(replay);
        self.progress = true;
        Ok(())
    }
}
