//! A subscription as its configuration says it: files not yet opened, everything else understood.

use std::path::PathBuf;

use subscription::{Begin, Following, Gone, Login};

use crate::keys;

/// One topic of an org, and the boundary that its events cross.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// What it is called, in the ledger too.
    pub(crate) name: String,
    /// The boundary of events.
    pub(crate) boundary: String,
    /// The topic.
    pub(crate) topic: String,
    /// Where the org is.
    pub(crate) org: http::Uri,
    /// Where its Pub/Sub API is.
    pub(crate) api: http::Uri,
    /// A certificate authority that both are trusted by, beside the system's.
    pub(crate) ca: Option<PathBuf>,
    /// The consumer key of the connected app.
    pub(crate) client_id: String,
    /// The file with its consumer secret.
    pub(crate) client_secret: PathBuf,
    /// The object whose records are asked of the org, if they are.
    pub(crate) object: Option<String>,
    /// Where it begins.
    pub(crate) first: Begin,
    /// What it does when the events behind its bookmark are gone.
    pub(crate) gone: Gone,
    /// How many events are asked for at a time.
    pub(crate) fetch: u32,
    /// The folder with its bookmark.
    pub(crate) folder: PathBuf,
}

impl Subscription {
    /// Opens the files.
    ///
    /// Errors: a report that names the file.
    pub(crate) fn open(&self) -> miette::Result<Following> {
        Ok(Following {
            topic: self.topic.clone(),
            api: self.api.clone(),
            login: Login {
                org: self.org.clone(),
                client_id: self.client_id.clone(),
                client_secret: keys::small_file(&self.client_secret)?.trim().to_owned(),
                roots: keys::authorities(self.ca.as_ref())?,
            },
            object: self.object.clone(),
            folder: self.folder.clone(),
            first: self.first,
            gone: self.gone,
            count: self.fetch,
        })
    }
}
