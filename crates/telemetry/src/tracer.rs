//! Where traces begin, and where they wait for whoever sends them: so many, and no more.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    context::Context,
    transaction::{Finished, Transaction},
};

/// Nanoseconds since 1970.
pub type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// What a tracer is made of.
pub struct Setup {
    /// The time.
    pub clock: Clock,
    /// Random bits, from which the names of traces and spans are made.
    pub seed: [u64; 2],
    /// Of how many in a hundred requests without a trace one is begun.
    pub percent: u8,
}

/// Begins traces, and keeps those that have ended until they are taken.
pub struct Tracer {
    setup: Setup,
    drawn: AtomicU64,
    ended: Mutex<VecDeque<Finished>>,
    left_out: AtomicU64,
    all: AtomicU64,
}

/// Transactions that wait at most: about six spans each, of some hundred bytes.
pub const TRANSACTIONS_MAX: usize = 4_096;

/// What a tracer has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Transactions that ended.
    pub ended: u64,
    /// Those of them that were left out, because too many waited.
    pub left_out: u64,
}

impl Tracer {
    /// A tracer that nobody has asked yet.
    pub fn new(setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            setup,
            drawn: AtomicU64::new(0),
            ended: Mutex::new(VecDeque::new()),
            left_out: AtomicU64::new(0),
            all: AtomicU64::new(0),
        })
    }

    /// Begins the span of one transaction that somebody asked for; nothing where this one is not recorded.
    ///
    /// Shape:  what `traceparent` said, if it said anything -> a transaction below it, or the first of a trace.
    ///         A trace that the program before us does not record is not recorded here.
    pub fn begin(
        self: &Arc<Self>,
        name: impl FnOnce() -> String,
        before: Option<Context>,
    ) -> Option<Transaction> {
        let span = self.draw();
        let context = match before {
            Some(before) if !before.is_recorded() => return None,
            Some(before) => before.with_span(span)?,
            None => {
                let (high, low) = (self.draw(), self.draw());
                if low % 100 >= u64::from(self.setup.percent) {
                    return None;
                }
                Context::recorded((u128::from(high) << 64) | u128::from(low), span)?
            }
        };
        let parent = before.map(|before| before.span);
        Some(Transaction::begin(Arc::clone(self), context, parent, name()))
    }

    /// What has ended since the last time, the oldest first.
    ///
    /// Bounds: at most so many.
    pub fn take(&self, most: usize) -> Vec<Finished> {
        let mut ended = self.ended();
        let count = most.min(ended.len());
        ended.drain(..count).collect()
    }

    /// What was counted until now.
    pub fn counted(&self) -> Counted {
        Counted { ended: self.all.load(Ordering::Relaxed), left_out: self.left_out.load(Ordering::Relaxed) }
    }

    pub(crate) fn now(&self) -> u64 {
        (self.setup.clock)()
    }

    /// Keeps what has ended, or counts that it could not.
    pub(crate) fn keep(&self, finished: Finished) {
        self.all.fetch_add(1, Ordering::Relaxed);
        let mut ended = self.ended();
        if ended.len() < TRANSACTIONS_MAX {
            ended.push_back(finished);
        } else {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A number that comes once, and does not tell the next one at a glance.
    pub(crate) fn draw(&self) -> u64 {
        let [one, two] = self.setup.seed;
        let count = self.drawn.fetch_add(1, Ordering::Relaxed);
        mixed(mixed(count.wrapping_mul(GOLDEN).wrapping_add(one)) ^ two)
    }

    /// What panicked left what waits as it was.
    fn ended(&self) -> MutexGuard<'_, VecDeque<Finished>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The last step of `SplitMix64`: each number leads to another one.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("counted", &self.counted()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("percent", &self.percent).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn tracer(percent: u8) -> Arc<Tracer> {
        let ticks = AtomicU64::new(0);
        let clock = Box::new(move || ticks.fetch_add(1, Ordering::Relaxed));
        Tracer::new(Setup { clock, seed: [7, 8], percent })
    }

    fn begin(tracer: &Arc<Tracer>, before: Option<&str>) -> Option<Transaction> {
        tracer.begin(|| "one".to_owned(), before.and_then(Context::parse))
    }

    const RECORDED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn whoever_came_before_decides_whether_a_trace_is_recorded() {
        for percent in [0, 100] {
            let tracer = tracer(percent);
            assert!(begin(&tracer, Some(RECORDED)).is_some());
            assert!(begin(&tracer, Some(&RECORDED.replace("b7-01", "b7-00"))).is_none());
            assert_eq!(begin(&tracer, None).is_some(), percent == 100);
        }
    }

    #[test]
    fn so_many_in_a_hundred_begin() {
        let tracer = tracer(25);
        let begun = (0..10_000).filter(|_| begin(&tracer, None).is_some()).count();
        assert!((2_300..2_700).contains(&begun), "{begun}");
    }

    #[test]
    fn a_name_comes_once() {
        let tracer = tracer(100);
        let drawn: BTreeSet<u64> = (0..100_000).map(|_| tracer.draw()).collect();
        assert_eq!(drawn.len(), 100_000);
        let other = Tracer::new(Setup { clock: Box::new(|| 0), seed: [7, 9], percent: 100 });
        assert!((0..100_000).all(|_| !drawn.contains(&other.draw())));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let tracer = tracer(100);
        for _ in 0..TRANSACTIONS_MAX + 3 {
            drop(begin(&tracer, None));
        }
        let all = u64::try_from(TRANSACTIONS_MAX).unwrap() + 3;
        assert_eq!(tracer.counted(), Counted { ended: all, left_out: 3 });
        assert_eq!(tracer.take(10).len(), 10);
        assert_eq!(tracer.take(usize::MAX).len(), TRANSACTIONS_MAX - 10);
        assert!(tracer.take(1).is_empty());
        drop(begin(&tracer, None));
        assert_eq!(tracer.take(1).len(), 1, "there is room again");
    }
}
