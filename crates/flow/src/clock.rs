//! Time in entries: given from outside, never running backwards.

use std::{fmt, sync::Mutex};

use jiff::Timestamp;

/// A source of the current time. The binary gives the system's; tests give their own.
pub type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

/// A moment as entries state it: RFC 3339, UTC, milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When, never before an earlier entry's.
    pub at: String,
    /// By how many seconds the clock is behind the last entry; zero when all is well.
    pub behind_seconds: u64,
}

/// A clock that never runs backwards: while the source is behind, the last moment is repeated.
pub(crate) struct Forward {
    source: Clock,
    last: Mutex<Timestamp>,
}

impl Forward {
    /// Starts no earlier than `last_at`, the moment of the ledger's last entry.
    pub(crate) fn new(source: Clock, last_at: Option<&str>) -> Self {
        let last = last_at.and_then(|text| text.parse().ok()).unwrap_or(Timestamp::MIN);
        Self { source, last: Mutex::new(last) }
    }

    /// Seconds since 1970, as the source has them.
    pub(crate) fn seconds(&self) -> i64 {
        (self.source)().as_second()
    }

    pub(crate) fn now(&self) -> Moment {
        let now = (self.source)();
        // A poisoned lock still holds a moment.
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let behind = last.as_second().saturating_sub(now.as_second());
        *last = (*last).max(now);
        Moment { at: written(*last), behind_seconds: u64::try_from(behind).unwrap_or(0) }
    }
}

/// The seconds since 1970 of a moment as entries write it; nothing if it is not one.
pub fn unix_seconds(at: &str) -> Option<u64> {
    at.parse::<Timestamp>().ok().and_then(|moment| u64::try_from(moment.as_second()).ok())
}

fn written(moment: Timestamp) -> String {
    let utc = jiff::tz::Offset::UTC.to_datetime(moment);
    let (date, time) = (utc.date(), utc.time());
    if date.year() < 0 {
        return format!("{}Z", utc.strftime("%Y-%m-%dT%H:%M:%S%.3f"));
    }
    // By hand, for every entry has one, and what formats anything takes ten times as long.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let numbers = [
        (0..4, date.year()),
        (5..7, date.month().into()),
        (8..10, date.day().into()),
        (11..13, time.hour().into()),
        (14..16, time.minute().into()),
        (17..19, time.second().into()),
        (20..23, time.millisecond()),
    ];
    for (place, mut number) in numbers {
        for digit in text.get_mut(place).into_iter().flatten().rev() {
            *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forward")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    #[test]
    fn a_clock_that_jumps_back_is_held_and_said() {
        let seconds = Arc::new(AtomicI64::new(1_700_000_000));
        let source = Arc::clone(&seconds);
        let clock = Forward::new(
            Box::new(move || Timestamp::from_second(source.load(Ordering::Relaxed)).unwrap()),
            Some("2023-11-14T22:13:10Z"),
        );
        assert_eq!(clock.now(), Moment { at: "2023-11-14T22:13:20.000Z".to_owned(), behind_seconds: 0 });
        seconds.store(1_699_996_400, Ordering::Relaxed);
        assert_eq!(clock.now(), Moment { at: "2023-11-14T22:13:20.000Z".to_owned(), behind_seconds: 3600 });
        seconds.store(1_700_000_001, Ordering::Relaxed);
        assert_eq!(clock.now().behind_seconds, 0);
    }

    #[test]
    fn a_moment_is_written_as_the_library_writes_it() {
        for text in [
            "0000-01-01T00:00:00Z",
            "0987-06-05T04:03:02.001Z",
            "1969-12-31T23:59:59.999Z",
            "2026-11-23T05:06:07.0899Z",
            "2028-02-29T12:34:56.1Z",
            "9999-12-30T22:00:00.999Z",
        ] {
            let moment: Timestamp = text.parse().unwrap();
            assert_eq!(written(moment), moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), "{text}");
        }
        assert_eq!(written(Timestamp::MIN), "-9999-01-02T01:59:59.000Z");
    }

    #[test]
    fn a_clock_behind_the_ledger_starts_at_the_ledger() {
        let source: Clock = Box::new(|| Timestamp::from_second(0).unwrap());
        let moment = Forward::new(source, Some("2023-11-14T22:13:20Z")).now();
        assert_eq!(moment.at, "2023-11-14T22:13:20.000Z");
        assert_eq!(moment.behind_seconds, 1_700_000_000);
    }
}
