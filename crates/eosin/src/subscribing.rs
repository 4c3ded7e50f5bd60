//! Subscriptions while the gateway runs: each follows its topic and hands its events to its boundary.

use std::{
    fmt::Write as _,
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flow::{Flow, LostEvents};
use gateway::{EventTaken, Intake, Running};
use miette::{IntoDiagnostic as _, WrapErr as _, miette};
use subscription::{Event, FollowError, Following, Taken, Taker, Told, follow};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    config::{Config, subscriptions::Subscription},
    printer::{Printer, Style},
};

/// The subscriptions of a configuration, until they are told to stop.
pub(crate) struct Subscribed {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Follows every topic of a configuration.
///
/// Errors: a report, if a file cannot be read or a folder not be made; nothing is followed then.
pub(crate) fn subscribe(
    config: &Config,
    running: &Running,
    flow: &Arc<Flow>,
    printer: &Printer,
) -> miette::Result<Subscribed> {
    let (stop, stopped) = watch::channel(false);
    let mut ready = Vec::with_capacity(config.subscriptions.len());
    for subscription in &config.subscriptions {
        let following = subscription.open()?;
        let folder = &following.folder;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.into_diagnostic().wrap_err_with(|| format!("cannot make {} for bookmarks", folder.display()))?;
        let intake = running.intake(&subscription.boundary);
        let intake = intake.ok_or_else(|| miette!("`{}` takes no events", subscription.boundary))?;
        ready.push((following, Handing::new(subscription, intake, Arc::clone(flow), stopped.clone())));
    }
    let (mut tasks, mut counted) = (JoinSet::new(), Vec::with_capacity(ready.len()));
    for (following, handing) in ready {
        let line = format!("{}: {} of {}", handing.name, following.topic, following.login.org);
        printer.line(&format!("{} {line} to {}", printer.paint(Style::Good, "following"), handing.boundary));
        counted.push((handing.name.clone(), Arc::clone(&handing.counts)));
        tasks.spawn(one(following, handing, stopped.clone()));
    }
    running.also_tell(move || text(&counted));
    Ok(Subscribed { stop, tasks })
}

impl Subscribed {
    /// Stops: what is being delivered of each comes to its end, and what is behind it comes again.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Follows one topic; when that ends for good, says so, once.
async fn one(following: Following, handing: Handing, stop: watch::Receiver<bool>) {
    // In a box: a connection's future holds an answer and a call, and is long.
    let Err(error) = Box::pin(follow(&following, &handing, stop)).await else { return };
    handing.counts.is_open.store(0, Ordering::Relaxed);
    if matches!(error, FollowError::Gone) {
        handing.lost("stop").await;
    }
    tracing::error!(subscription = %handing.name, topic = %handing.topic, "the subscription has ended: {error}");
}

/// What a subscription counts.
#[derive(Debug, Default)]
struct Counts {
    is_open: AtomicU64,
    taken: AtomicU64,
    gaps: AtomicU64,
    troubles: AtomicU64,
}

/// The counts of all subscriptions, as Prometheus reads them.
fn text(counted: &[(String, Arc<Counts>)]) -> String {
    type Look = fn(&Counts) -> &AtomicU64;
    let families: [(&str, &str, Look); 4] = [
        ("eosin_subscription_open", "gauge", |counts| &counts.is_open),
        ("eosin_subscription_events_total", "counter", |counts| &counts.taken),
        ("eosin_subscription_gaps_total", "counter", |counts| &counts.gaps),
        ("eosin_subscription_troubles_total", "counter", |counts| &counts.troubles),
    ];
    let mut text = String::new();
    for (family, kind, look) in families.iter().filter(|_| !counted.is_empty()) {
        let _written = writeln!(text, "# TYPE {family} {kind}");
        for (name, counts) in counted {
            let count = look(counts).load(Ordering::Relaxed);
            let _written = writeln!(text, "{family}{{subscription=\"{name}\"}} {count}");
        }
    }
    text
}

/// How long is waited for a ledger that cannot write.
const LEDGER_WAIT: Duration = Duration::from_secs(1);

/// Hands events to a boundary.
struct Handing {
    name: String,
    boundary: String,
    topic: String,
    intake: Intake,
    flow: Arc<Flow>,
    counts: Arc<Counts>,
    stop: watch::Receiver<bool>,
}

impl Handing {
    fn new(
        subscription: &Subscription,
        intake: Intake,
        flow: Arc<Flow>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Self {
            name: subscription.name.clone(),
            boundary: subscription.boundary.clone(),
            topic: subscription.topic.clone(),
            intake,
            flow,
            counts: Arc::default(),
            stop,
        }
    }

    /// Says in the ledger and aloud that events are gone.
    async fn lost(&self, then: &str) {
        self.counts.gaps.fetch_add(1, Ordering::Relaxed);
        let lost =
            LostEvents { boundary: &self.boundary, subscription: &self.name, topic: &self.topic, then };
        // Nothing is taken before the ledger says so.
        while !self.flow.lost(&lost).await {
            tokio::time::sleep(LEDGER_WAIT).await;
        }
        tracing::error!(
            subscription = %self.name,
            topic = %self.topic,
            then,
            "events behind the bookmark are gone: what was published since may be lost"
        );
    }
}

impl Taker for Handing {
    async fn take(&self, events: Vec<Event>) -> Vec<Taken> {
        let events = events.into_iter().map(|event| event.json).collect();
        let taken = self.intake.take(&self.name, events, self.stop.clone()).await;
        let said = |taken| match taken {
            EventTaken::Done => {
                self.counts.taken.fetch_add(1, Ordering::Relaxed);
                Taken::Done
            }
            EventTaken::Unreadable => Taken::Unreadable,
            EventTaken::NotNow(why) => {
                tracing::warn!(subscription = %self.name, "an event has to come again: {why}");
                Taken::Again
            }
        };
        taken.into_iter().map(said).collect()
    }

    async fn hear(&self, told: Told) {
        match told {
            Told::Open => self.counts.is_open.store(1, Ordering::Relaxed),
            Told::Gap(begin) => self.lost(begin.as_str()).await,
            Told::Trouble(why) => {
                self.counts.is_open.store(0, Ordering::Relaxed);
                self.counts.troubles.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(subscription = %self.name, "trying again: {why}");
            }
        }
    }
}
