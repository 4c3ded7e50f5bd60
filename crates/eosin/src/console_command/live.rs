//! New transactions for a page that is open: whoever asks is answered as soon as there are any, and asks again.
//!
//! The stream of events is one answer after another, so that nothing is held open across a restart, and a proxy that
//! gathers answers does no harm.

use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use gateway::{Cookie, PageAnswer, PageRequest};
use index::{Index, Place};
use tokio::sync::Semaphore;

use super::answers::said;

/// How often is looked, and how many times before whoever asks has to ask again: ten seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 20;
/// Where it is asked for.
pub(crate) const TARGET: &str = "/transactions/live";

/// What new transactions are looked for in.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    place: Place,
    ledgers: Vec<PathBuf>,
    seats: Arc<Semaphore>,
}

/// Browsers that wait at one time: each holds one of the console's connections. More are answered at once, and ask again.
const WAITING_MAX: usize = 16;

impl Live {
    pub(crate) fn new(place: Place, ledgers: Vec<PathBuf>) -> Self {
        Self { place, ledgers, seats: Arc::new(Semaphore::new(WAITING_MAX)) }
    }

    /// Whether somebody asks for this.
    pub(crate) fn has(target: &str) -> bool {
        target.split('?').next() == Some(TARGET)
    }

    /// What came after that which the browser has, or that nothing has in ten seconds. Blocks for as long.
    pub(crate) fn answer(&self, request: &PageRequest) -> PageAnswer {
        let gone = |error: &dyn std::fmt::Display| {
            tracing::warn!("new transactions were not looked for: {error}");
            said(503, "the index does not answer; ask again")
        };
        let mut index = match Index::open_with(&self.place, index::Patience::BESIDE) {
            Ok(index) => index,
            Err(error) => return gone(&error),
        };
        let after = request.last_event.as_deref();
        let seat = self.seats.try_acquire().ok();
        let looks = if seat.is_some() { LOOKS } else { 1 };
        for look in 0..looks {
            if look > 0 {
                thread::sleep(LOOK_EVERY);
            }
            for folder in &self.ledgers {
                // Whoever writes at the same moment does it for us.
                if let Err(error) = index.follow(folder, &mut |_| {}) {
                    tracing::debug!("the index was not read on: {error}");
                }
            }
            match web::live(&request.target, after, &mut index) {
                Ok(Some(events)) => return stream(events),
                Ok(None) => {}
                Err(error) => return gone(&error),
            }
        }
        stream(web::NOTHING_NEW.to_owned())
    }
}

fn stream(body: String) -> PageAnswer {
    PageAnswer { status: 200, media_type: "text/event-stream", body, location: None, cookie: Cookie::Keep }
}
