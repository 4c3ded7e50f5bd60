//! Events that a system posts to its subscribers: JSON of its own, `CloudEvents`, Salesforce outbound messages.
//!
//! Start at [`read()`]: a message in, its events out, each with the class that it says and the records to judge.
//! [`Events::only`] gives the same message with some of its events, byte for byte.
//! Source: spec/webhooks.md.

mod cloudevents;
mod json;
mod outbound;

use std::{borrow::Cow, collections::BTreeSet, fmt, ops::Range};

use ::mark::{Claim, Reading, Unreadable};

use crate::{
    Limits,
    salesforce::is_name,
    span::{self, Edit, edited},
};

pub use outbound::{acknowledged, acknowledgement, fault};

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// JSON of the sender's own making, described by a map.
    Json,
    /// `CloudEvents` 1.0 over HTTP, in structured, batched and binary mode.
    CloudEvents,
    /// The SOAP that a Salesforce outbound message is.
    OutboundMessage,
}

impl Format {
    /// The word in the configuration and in a route's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::CloudEvents => "cloudevents",
            Self::OutboundMessage => "outbound-message",
        }
    }
}

/// Where in a message its events are, and what they say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMap {
    /// How events are written.
    pub format: Format,
    /// JSON: where the event or the array of events is, as an RFC 6901 pointer; empty for the whole body.
    pub events: String,
    /// Where in an event (in the data of a `CloudEvent`) its record or its array of records is.
    pub records: String,
    /// The object that the records are of; an outbound message says it itself.
    pub object: String,
    /// Names in a record and the fields that they mean; names that are not here mean themselves.
    pub fields: Vec<(String, String)>,
    /// Where an event says its class: JSON: a pointer; `CloudEvents`: an extension attribute; outbound messages: a
    /// field. Without it the records' own field says it.
    pub class: Option<String>,
    /// JSON: where an event says its own name, as a pointer.
    pub id: Option<String>,
}

impl EventMap {
    /// Why a map could not be used: the first of its words that makes no sense.
    pub fn fault(&self) -> Option<&'static str> {
        let is_pointer = |text: &str| text.is_empty() || text.starts_with('/');
        if !is_pointer(&self.events) || !is_pointer(&self.records) {
            return Some("where events and records are is a JSON pointer: empty, or beginning with `/`");
        }
        if self.format != Format::OutboundMessage && !is_name(&self.object) {
            return Some("an object is an API name, such as `Contact`");
        }
        if self.fields.iter().any(|(name, field)| name.is_empty() || !is_name(field)) {
            return Some("a field is an API name, such as `LastName`");
        }
        if self.id.as_deref().is_some_and(|id| self.format != Format::Json || !id.starts_with('/')) {
            return Some("only JSON events have an `id` to point at, and it begins with `/`");
        }
        match (self.format, self.class.as_deref()) {
            (_, None) => None,
            (Format::Json, Some(class)) => {
                (!class.starts_with('/')).then_some("where an event says its class is a JSON pointer")
            }
            (Format::CloudEvents, Some(class)) => (!cloudevents::is_extension(class)).then_some(
                "an extension attribute has 1 to 20 small letters and digits, and is none of the standard",
            ),
            (Format::OutboundMessage, Some(class)) => {
                (!is_name(class)).then_some("the class of an outbound message is in a field, by its API name")
            }
        }
    }
}

/// The endpoints that events are sorted to, and what an event can say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// About nobody.
    Synthetic,
    /// About a person whom a system of record vouches for.
    Attested,
}

impl Class {
    /// The word in events, in the configuration and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synthetic => "synthetic",
            Self::Attested => "attested",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Synthetic, Self::Attested].into_iter().find(|class| word.eq_ignore_ascii_case(class.as_str()))
    }
}

/// The word is no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is `synthetic` or `attested`")]
pub struct NoClass;

impl std::str::FromStr for Class {
    type Err = NoClass;

    fn from_str(word: &str) -> Result<Self, NoClass> {
        Self::of(word).ok_or(NoClass)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an event says of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// That it is of this class.
    Class(Class),
    /// Something that is no class, or two things at once.
    Other,
}

impl Said {
    fn word(word: &str) -> Self {
        Class::of(word.trim()).map_or(Self::Other, Self::Class)
    }

    /// What the records of an event say together.
    fn by(records: &[Reading<'_>]) -> Self {
        let mut said = None;
        for reading in records {
            let own = match reading.content.as_ref().map(|record| record.claim) {
                Ok(Claim::Synthetic) => Self::Class(Class::Synthetic),
                Ok(Claim::Attested) => Self::Class(Class::Attested),
                Ok(Claim::None) | Err(_) => Self::Nothing,
            };
            said = match said {
                None => Some(own),
                Some(before) if before == own => Some(own),
                Some(_) => Some(Self::Other),
            };
        }
        said.unwrap_or(Self::Nothing)
    }
}

/// What came over HTTP, as far as it says what is in it.
///
/// Debug shows sizes only.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    /// The content type, if there was one.
    pub content_type: Option<&'a str>,
    /// The header fields that begin with `ce-`: names in small letters without it, values as sent.
    pub attributes: &'a [(String, String)],
    /// The body, decoded.
    pub body: &'a [u8],
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} attributes, {} bytes)", self.attributes.len(), self.body.len())
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event<'a> {
    /// What tells this event from every other of its sender: its own name, else its bytes.
    pub identity: Identity<'a>,
    /// The class that it says.
    pub said: Said,
    /// What is to be judged, at least one unless it carries nothing.
    pub records: Vec<Reading<'a>>,
}

/// What tells an event from every other of its sender.
///
/// Debug shows which of both only.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity<'a> {
    /// The sender names it.
    Named(String),
    /// The sender does not: its bytes.
    Bytes(Cow<'a, [u8]>),
}

impl fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Named(_) => "Named",
            Self::Bytes(_) => "Bytes",
        })
    }
}

/// The events of a message.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    /// In the message's order; at least one.
    pub list: Vec<Event<'a>>,
    cut: Cut,
}

/// How a message is taken apart.
#[derive(Clone, Debug)]
enum Cut {
    /// It is one event.
    One,
    /// A JSON array, and its items.
    List { at: Range<usize>, items: Vec<Range<usize>> },
    /// The notifications of an outbound message, and the session that goes in any case.
    Notifications { items: Vec<Range<usize>>, session: Option<Range<usize>> },
}

/// What is sent on.
///
/// Debug shows sizes only.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The content type.
    pub content_type: String,
    /// The `ce-` fields, without that prefix.
    pub attributes: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({}, {} bytes)", self.content_type, self.body.len())
    }
}

/// Most events of one message.
pub const EVENTS_MAX: usize = 1000;

/// Reads the events of a message.
///
/// Shape:  a message -> its events in order, each with readings whose places count through the whole message.
/// Bounds: `limits` on body and records, [`EVENTS_MAX`] events; memory of about twelve times the body.
/// Errors: a message that is not of this format, or of which two readers could see different events. A record that
///         cannot be read is a reading of its event.
/// Never:  holds anything of the message in an error.
pub fn read<'a>(map: &EventMap, message: &Message<'a>, limits: &Limits) -> Result<Events<'a>, Unreadable> {
    if message.body.len() > limits.body_bytes {
        return Err(Unreadable::TooLong { limit: limits.body_bytes });
    }
    let mut events = match map.format {
        Format::Json => json::read(map, message.body, limits)?,
        Format::CloudEvents => cloudevents::read(map, message, limits)?,
        Format::OutboundMessage => outbound::read(map, message.body, limits)?,
    };
    let mut count = 0;
    for event in &mut events.list {
        for reading in &mut event.records {
            reading.place.index = count;
            count += 1;
        }
    }
    match (events.list.len(), count) {
        (0, _) => Err(shape("holds no event")),
        (events, _) if events > EVENTS_MAX => Err(Unreadable::TooMany { limit: EVENTS_MAX }),
        (_, records) if records > limits.records => Err(Unreadable::TooMany { limit: limits.records }),
        _ => Ok(events),
    }
}

/// A message that cannot be read, as it may be sent on where a boundary does not enforce: as it came, without a session.
///
/// Errors: nothing, if its sessions cannot be found for certain.
/// Source: spec/webhooks.md section 2.3.
pub fn unread(map: &EventMap, message: &Message<'_>) -> Option<Outgoing> {
    let body = match map.format {
        Format::Json | Format::CloudEvents => message.body.to_vec(),
        Format::OutboundMessage => outbound::without_sessions(message.body)?,
    };
    Some(Outgoing {
        content_type: message.content_type.unwrap_or_default().to_owned(),
        attributes: message.attributes.to_vec(),
        body,
    })
}

impl Events<'_> {
    /// The message with only these of its events.
    ///
    /// Shape:  positions in [`Events::list`]; a message of one event is given whole.
    /// Never:  holds the session id of an outbound message.
    pub fn only(&self, message: &Message<'_>, kept: &BTreeSet<usize>) -> Outgoing {
        let body = match &self.cut {
            Cut::One => message.body.to_vec(),
            Cut::List { at, items } => {
                let with = span::array_of(message.body, items, |position| kept.contains(&position));
                edited(message.body, vec![Edit { at: at.clone(), with }])
            }
            Cut::Notifications { items, session } => {
                let gone = items.iter().enumerate().filter(|(position, _)| !kept.contains(position));
                let gone = gone.map(|(_, at)| Edit { at: at.clone(), with: Vec::new() });
                let session = session.iter().map(outbound::without_session);
                edited(message.body, gone.chain(session).collect())
            }
        };
        Outgoing {
            content_type: message.content_type.unwrap_or("application/json").to_owned(),
            attributes: message.attributes.to_vec(),
            body,
        }
    }
}

fn shape(sentence: &str) -> Unreadable {
    Unreadable::Shape(sentence.to_owned())
}

#[cfg(test)]
mod tests;
