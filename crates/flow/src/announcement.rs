//! That somebody was told of an emergency version or a policy version, or could not be: written down.

use serde::Serialize;

use crate::{
    entry::{Entry, EntryKind},
    world::Flow,
};

/// What became of an announcement.
#[derive(Clone, Copy, Debug)]
pub struct Announcement<'a> {
    /// Its name, the same wherever and however often it is sent.
    pub id: &'a str,
    /// What it says: the type of the event.
    pub kind: &'a str,
    /// The entry that it is about: `origin#index`.
    pub about: &'a str,
    /// The version.
    pub version: &'a str,
    /// Who was told, as the configuration calls it.
    pub to: &'a str,
    /// Whether it was delivered; else it was given up.
    pub is_delivered: bool,
    /// How often it was sent.
    pub attempts: u32,
    /// The status of the last answer, if there was one.
    pub status: Option<u16>,
}

#[derive(Serialize)]
struct Body<'a> {
    about: &'a str,
    announcement: &'a str,
    at: &'a str,
    attempts: u32,
    eosin: &'static str,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    to: &'a str,
    r#type: &'a str,
    version: &'a str,
}

impl Flow {
    /// Writes down what became of an announcement; true once that is durable.
    pub async fn announced(&self, announcement: &Announcement<'_>) -> bool {
        let Announcement { id, kind, about, version, to, is_delivered, attempts, status } = *announcement;
        let moment = self.clock.now();
        let body = Body {
            about,
            announcement: id,
            at: &moment.at,
            attempts,
            eosin: EntryKind::Announcement.as_str(),
            event: if is_delivered { "delivered" } else { "given-up" },
            status,
            to,
            r#type: kind,
            version,
        };
        let entry = Entry::new(EntryKind::Announcement, &body);
        match self.appender.append((), entry.bytes) {
            Ok(pending) => pending.await.is_ok(),
            Err(_) => false,
        }
    }
}
