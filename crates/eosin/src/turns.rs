//! What a running gateway does again and again beside the traffic: on a thread that may wait, until its task is aborted.

use std::time::Duration;

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

/// Takes a turn at once, and another one after each pause.
///
/// What goes wrong is said once, with `wrong` before it, until something else does or a turn goes well.
pub(crate) async fn keep<S: Send + 'static>(
    every: Duration,
    wrong: &'static str,
    mut state: S,
    turn: impl Fn(&mut S) -> miette::Result<()> + Copy + Send + 'static,
) {
    let mut told = String::new();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let taken = spawn_blocking(move || {
            let done = turn(&mut state);
            (state, done)
        });
        let Ok((back, done)) = taken.await else { return };
        state = back;
        let now = done.err().map(|report| format!("{report:#}")).unwrap_or_default();
        if !now.is_empty() && now != told {
            tracing::warn!("{wrong}: {now}");
        }
        told = now;
    }
}
