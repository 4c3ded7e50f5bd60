//! How often one operator's programs may ask.

use std::collections::BTreeMap;

/// Requests of one operator in a window, whichever token they show.
const REQUESTS_MAX: u32 = 6_000;
const WINDOW_SECONDS: u64 = 60;

/// The windows of operators: there are a thousand at most.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<String, (u64, u32)>);

impl Pace {
    /// Counts a request; how many seconds to wait, if it is one too many.
    pub(super) fn may(&mut self, name: &str, now: u64) -> Result<(), u64> {
        let (begun, count) = self.0.entry(name.to_owned()).or_insert((now, 0));
        if now.saturating_sub(*begun) >= WINDOW_SECONDS {
            (*begun, *count) = (now, 0);
        }
        if *count >= REQUESTS_MAX {
            return Err((*begun + WINDOW_SECONDS).saturating_sub(now).max(1));
        }
        *count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_nobody_else() {
        let mut pace = Pace::default();
        for _ in 0..REQUESTS_MAX {
            assert_eq!(pace.may("ada", 100), Ok(()));
        }
        assert_eq!(pace.may("ada", 110), Err(50));
        assert_eq!(pace.may("bel", 110), Ok(()));
        assert_eq!(pace.may("ada", 160), Ok(()));
    }
}
