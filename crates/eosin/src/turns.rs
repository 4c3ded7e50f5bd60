//! What a running gateway does again and again beside the traffic: on a thread that may wait, until its task is aborted.

use std::time::Duration;

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, timeout},
};

/// How long a turn may take before it is said that something does not answer.
const SLOW: Duration = Duration::from_secs(5);
/// After how long what is still wrong is said again.
const AGAIN: Duration = Duration::from_mins(1);

/// Takes a turn at once, and another one after each pause.
///
/// What goes wrong is said with `wrong` before it, at once and then every minute, until something else does or a turn goes well;
/// so is a turn that does not end, for a folder of a machine that is away answers nobody, not even with an error.
pub(crate) async fn keep<S: Send + 'static>(
    every: Duration,
    wrong: &'static str,
    mut state: S,
    turn: impl Fn(&mut S) -> miette::Result<()> + Copy + Send + 'static,
) {
    let (mut told, mut quiet) = (String::new(), Duration::ZERO);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mut taken = spawn_blocking(move || {
            let done = turn(&mut state);
            (state, done)
        });
        let mut waited = SLOW;
        let (back, done) = loop {
            let pause = if waited == SLOW { SLOW } else { AGAIN };
            match timeout(pause, &mut taken).await {
                Ok(Ok(both)) => break both,
                Ok(Err(error)) => {
                    if error.is_panic() {
                        tracing::error!(
                            "{wrong}: looking broke off, and nothing looks any more; start it again"
                        );
                    }
                    return;
                }
                Err(_) => {
                    tracing::error!(
                        "{wrong}: a disk or folder has not answered for {} seconds",
                        waited.as_secs()
                    );
                    waited += AGAIN;
                }
            }
        };
        state = back;
        let now = done.err().map(|report| format!("{report:#}")).unwrap_or_default();
        quiet += every;
        if !now.is_empty() && (now != told || quiet >= AGAIN) {
            tracing::warn!("{wrong}: {now}");
            quiet = Duration::ZERO;
        }
        told = now;
    }
}
