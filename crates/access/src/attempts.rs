//! What slows guessing down: failures of a name and of an address, each in a table of bounded size.

use std::collections::BTreeMap;

use crate::cipher;

/// Failures of one name before it has to wait, and how long then, at first and at most.
const NAME_FREE: u32 = 5;
const NAME_WAIT_SECONDS: u64 = 60;
const NAME_WAIT_MAX_SECONDS: u64 = 15 * 60;
/// Failures of one address in a window, whatever the names.
const ADDRESS_FREE: u32 = 20;
const WINDOW_SECONDS: u64 = 10 * 60;
/// A name that rested for so long begins anew.
const FORGOTTEN_SECONDS: u64 = 60 * 60;
/// Names and addresses that are remembered at most.
const REMEMBERED_MAX: usize = 10_000;

/// How long somebody has to wait, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u64);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: u64,
    until: u64,
}

/// Failures to sign in, of names whether or not somebody has them, and of addresses.
///
/// Bounds: a name has five tries, then waits one minute, two, four, eight, and fifteen between two more: at most 12 in the
///         first hour and four in each further one. An address has twenty in ten minutes.
/// Source: OWASP ASVS 5.0 section 6.3.1, NIST SP 800-63B section 3.2.2.
#[derive(Debug, Default)]
pub struct Attempts {
    names: BTreeMap<[u8; 32], Failures>,
    addresses: BTreeMap<[u8; 32], Failures>,
}

impl Attempts {
    /// Whether somebody may try now; for every name the same, so that it tells nobody which are taken.
    pub fn may(&self, name: &str, address: &str, now: u64) -> Result<(), Wait> {
        let until = |table: &BTreeMap<[u8; 32], Failures>, key: &str| {
            table.get(&digest(key)).map_or(0, |failures| failures.until)
        };
        let until = until(&self.names, name).max(until(&self.addresses, address));
        if until > now { Err(Wait(until - now)) } else { Ok(()) }
    }

    /// Whether somebody whose name nobody knows yet may try now.
    pub fn may_from(&self, address: &str, now: u64) -> Result<(), Wait> {
        let until = self.addresses.get(&digest(address)).map_or(0, |failures| failures.until);
        if until > now { Err(Wait(until - now)) } else { Ok(()) }
    }

    /// A try failed. Whether the name has to wait from now on, and had not before.
    pub fn failed(&mut self, name: &str, address: &str, now: u64) -> bool {
        self.failed_from(address, now);
        let failures = remembered(&mut self.names, digest(name), now, FORGOTTEN_SECONDS);
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        let Some(over) = failures.count.checked_sub(NAME_FREE) else { return false };
        let wait = NAME_WAIT_SECONDS.saturating_mul(1 << over.min(8)).min(NAME_WAIT_MAX_SECONDS);
        failures.until = now + wait;
        true
    }

    /// A try failed of somebody whose name nobody knows yet. Whether the address has to wait from now on.
    pub fn failed_from(&mut self, address: &str, now: u64) -> bool {
        let key = digest(address);
        let failures = remembered(&mut self.addresses, key, now, WINDOW_SECONDS);
        failures.count += 1;
        failures.last = now;
        if failures.count >= ADDRESS_FREE {
            failures.until = now + WINDOW_SECONDS;
            failures.count = 0;
            return true;
        }
        false
    }

    /// A try succeeded: the name begins anew. The address does not, or whoever has one account could try others for ever.
    pub fn succeeded(&mut self, name: &str) {
        self.names.remove(&digest(name));
    }
}

/// Names are remembered as digests: somebody may have typed a password there.
fn digest(text: &str) -> [u8; 32] {
    cipher::sha256(text.as_bytes())
}

fn remembered(
    table: &mut BTreeMap<[u8; 32], Failures>,
    key: [u8; 32],
    now: u64,
    forgotten: u64,
) -> &mut Failures {
    let is_over = |failures: &Failures| {
        failures.until <= now && now.saturating_sub(failures.last.max(failures.until)) >= forgotten
    };
    if table.len() >= REMEMBERED_MAX && !table.contains_key(&key) {
        table.retain(|_, failures| !is_over(failures));
        if table.len() >= REMEMBERED_MAX {
            // Whoever is free the soonest is forgotten first.
            let first = table.iter().min_by_key(|(_, failures)| (failures.until, failures.last));
            let first = first.map(|(key, _)| *key);
            first.map(|key| table.remove(&key));
        }
    }
    let failures = table.entry(key).or_insert(Failures { count: 0, last: now, until: 0 });
    if is_over(failures) {
        *failures = Failures { count: 0, last: now, until: 0 };
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_five_tries_and_then_waits_longer_and_longer() {
        let mut attempts = Attempts::default();
        let mut now = 1_000_000;
        for at in 0..4 {
            assert!(!attempts.failed("ada", &format!("192.0.2.{at}"), now));
            assert_eq!(attempts.may("ada", "192.0.2.9", now), Ok(()));
        }
        for wait in [60, 120, 240, 480, 900, 900, 900] {
            attempts.failed("ada", "192.0.2.7", now);
            assert_eq!(attempts.may("ada", "192.0.2.9", now), Err(Wait(wait)));
            assert_eq!(attempts.may("grace", "192.0.2.9", now), Ok(()), "nobody else waits");
            now += wait;
            assert_eq!(attempts.may("ada", "192.0.2.9", now), Ok(()));
        }
        attempts.succeeded("ada");
        assert!(!attempts.failed("ada", "192.0.2.9", now), "begins anew");
    }

    #[test]
    fn an_hour_of_guessing_at_one_name_gives_few_guesses() {
        let (mut attempts, mut guesses) = (Attempts::default(), 0);
        for now in 0..3_600 {
            if attempts.may("ada", &now.to_string(), now).is_ok() {
                attempts.failed("ada", &now.to_string(), now);
                guesses += 1;
            }
        }
        assert!(guesses <= 12, "{guesses}");
    }

    #[test]
    fn an_address_has_twenty_tries_whatever_the_names() {
        let mut attempts = Attempts::default();
        for at in 0..20 {
            assert_eq!(attempts.may(&format!("name{at}"), "192.0.2.1", 50), Ok(()));
            attempts.failed(&format!("name{at}"), "192.0.2.1", 50);
        }
        assert_eq!(attempts.may("another", "192.0.2.1", 50), Err(Wait(600)));
        assert_eq!(attempts.may("another", "192.0.2.2", 50), Ok(()));
        assert_eq!(attempts.may("another", "192.0.2.1", 650), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_who_waits_is_kept() {
        let mut attempts = Attempts::default();
        for _ in 0..5 {
            attempts.failed("ada", "192.0.2.1", 10);
        }
        for at in 0..(REMEMBERED_MAX + 100) {
            attempts.failed(&format!("name{at}"), &format!("address{at}"), 20);
        }
        assert!(attempts.names.len() <= REMEMBERED_MAX && attempts.addresses.len() <= REMEMBERED_MAX);
        assert!(attempts.may("ada", "192.0.2.3", 21).is_err(), "a flood of names frees nobody");
    }
}
