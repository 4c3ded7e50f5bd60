//! Traces on their way to a collector. Nothing that crosses waits for it: what it does not take in time is left out and counted.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gateway::{Timeouts, TraceClient, TracesSent};
use miette::{IntoDiagnostic as _, WrapErr as _};
use telemetry::{Service, Setup, Tracer};
use tokio::{sync::watch, task::JoinHandle};

use crate::{config::telemetry::Telemetry, keys, wiring};

/// Between two looks at what waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Transactions that go together.
const TOGETHER: usize = 256;
/// Waits before what a collector did not take is sent again; then it is left out.
const RETRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// How long a collector is given to answer.
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_secs(5), upstream: Duration::from_secs(10), ..Timeouts::SUGGESTED };
/// How long is waited for the last of them when this stops.
const LAST: Duration = Duration::from_secs(2);

/// Traces of this process, and whoever sends them.
pub(crate) struct Traces {
    tracer: Arc<Tracer>,
    sent: Arc<Sent>,
    stop: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

/// What was counted of sending, in transactions but for single spans.
#[derive(Default)]
struct Sent {
    taken: AtomicU64,
    given_up: AtomicU64,
    refused: AtomicU64,
    rejected_spans: AtomicU64,
}

impl Traces {
    /// Begins to send what is traced.
    ///
    /// Errors: a report: a file that cannot be read, or an address that cannot be used.
    pub(crate) fn start(telemetry: &Telemetry, instance: &str) -> miette::Result<Self> {
        let client = client(telemetry).wrap_err("traces cannot be sent")?;
        let [one, two] = [keys::random::<8>()?, keys::random::<8>()?].map(u64::from_le_bytes);
        let tracer =
            Tracer::new(Setup { clock: wiring::nanoseconds(), seed: [one, two], percent: telemetry.percent });
        let service = Service {
            name: telemetry.service.clone(),
            instance: instance.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (stop, stopped) = watch::channel(false);
        let sent = Arc::<Sent>::default();
        let sender = Sender { tracer: Arc::clone(&tracer), sent: Arc::clone(&sent), client, service };
        Ok(Self { tracer, sent, stop, sending: tokio::spawn(sender.run(stopped)) })
    }

    /// Where traces begin.
    pub(crate) fn tracer(&self) -> Arc<Tracer> {
        Arc::clone(&self.tracer)
    }

    /// What gives the counts, as `/metrics` shows them.
    pub(crate) fn metrics(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let (tracer, sent) = (Arc::clone(&self.tracer), Arc::clone(&self.sent));
        move || text(&tracer, &sent)
    }

    /// Sends what is left, once, and for a short while only.
    pub(crate) async fn finish(self) {
        let _heard = self.stop.send(true);
        let sending = self.sending.abort_handle();
        if tokio::time::timeout(LAST, self.sending).await.is_err() {
            sending.abort();
        }
    }
}

fn text(tracer: &Tracer, sent: &Sent) -> String {
    let counted = tracer.counted();
    let loaded = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mut out = String::from(
        "# HELP eosin_traces_total Transactions that were traced, by what became of their traces.\n\
         # TYPE eosin_traces_total counter\n",
    );
    for (became, count) in [
        ("taken", loaded(&sent.taken)),
        ("no_room", counted.left_out),
        ("given_up", loaded(&sent.given_up)),
        ("refused", loaded(&sent.refused)),
    ] {
        let _written = writeln!(out, "eosin_traces_total{{outcome=\"{became}\"}} {count}");
    }
    let _written = write!(
        out,
        "# HELP eosin_trace_spans_rejected_total Spans that the collector did not take of what it took.\n\
         # TYPE eosin_trace_spans_rejected_total counter\neosin_trace_spans_rejected_total {}\n",
        loaded(&sent.rejected_spans)
    );
    out
}

/// Whoever takes traces, with everything that it is asked with.
///
/// Errors: a report: a file that cannot be read, or an address that cannot be used.
pub(crate) fn client(telemetry: &Telemetry) -> miette::Result<TraceClient> {
    let roots = keys::authorities(telemetry.endpoint_ca.as_ref())?;
    let authorization = keys::authorization(telemetry.authorization.as_ref())?;
    TraceClient::new(&telemetry.endpoint, &roots, authorization, &TIMEOUTS).into_diagnostic()
}

struct Sender {
    tracer: Arc<Tracer>,
    sent: Arc<Sent>,
    client: TraceClient,
    service: Service,
}

impl Sender {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let is_last = tokio::select! {
                _ = stop.changed() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
            };
            loop {
                let together = self.tracer.take(TOGETHER);
                if together.is_empty() {
                    break;
                }
                let count = together.len() as u64;
                let body = telemetry::encode(&self.service, &together);
                drop(together);
                self.send(body, count, is_last, &mut stop).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// Sends so many transactions, more than once where that helps.
    async fn send(&self, body: Vec<u8>, count: u64, is_last: bool, stop: &mut watch::Receiver<bool>) {
        let add = |counter: &AtomicU64, count| counter.fetch_add(count, Ordering::Relaxed);
        for wait in RETRIES.iter().map(Some).chain([None]) {
            match self.client.send(body.clone()).await {
                TracesSent::Taken { rejected } => {
                    add(&self.sent.taken, count);
                    add(&self.sent.rejected_spans, rejected);
                    return;
                }
                TracesSent::Refused(status) => {
                    if add(&self.sent.refused, count) == 0 {
                        tracing::warn!(
                            status,
                            "the collector refuses traces; look at `[telemetry] endpoint`"
                        );
                    }
                    return;
                }
                TracesSent::Later => {}
            }
            let Some(wait) = wait.filter(|_| !is_last && !*stop.borrow()) else { break };
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(*wait) => {}
            }
        }
        if add(&self.sent.given_up, count) == 0 {
            tracing::warn!(
                "the collector takes no traces now; they are left out, and counted in the metrics"
            );
        }
    }
}
