//! What only a whole batch shows: counts that are too even for people, as drawing from a list makes them.

use std::collections::BTreeMap;

use crate::person::Person;

/// Something about a batch as a whole that generators do and people do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Habit {
    /// Its name, in words joined by dashes.
    pub name: &'static str,
    /// One sentence that says what it is.
    pub sentence: &'static str,
}

/// Counts of birth years, mail domains and family names. Values themselves are not kept, only 64 bits of a hash.
///
/// Bounds: 400 years, [`DOMAINS_MAX`] domains, [`FAMILIES_MAX`] family names; what comes later is counted as other.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    years: BTreeMap<u16, u64>,
    domains: Counted,
    families: Counted,
}

/// Most mail domains that are counted apart.
pub const DOMAINS_MAX: usize = 1024;
/// Most family names that are counted apart.
pub const FAMILIES_MAX: usize = 65_536;

/// Fewest records for a finding about mail domains, and about family names.
const DOMAIN_RECORDS_MIN: u64 = 500;
const FAMILY_RECORDS_MIN: u64 = 2000;
/// Fewest births a year, and years, for a finding about birth years: births differ by a tenth from year to year.
const YEAR_BIRTHS_MIN: f64 = 100.0;
const YEARS_MIN: f64 = 20.0;

const EVEN_DOMAINS: Habit = Habit {
    name: "mail-domains-in-equal-shares",
    sentence: "Nearly all mail is at a few domains, each as often as the next, as drawing from a list makes it.",
};
const EVEN_YEARS: Habit = Habit {
    name: "birth-years-in-equal-shares",
    sentence: "Every birth year in a range occurs as often as the next, and none outside it.",
};
const EVEN_FAMILIES: Habit = Habit {
    name: "family-names-equally-frequent",
    sentence: "Family names come from a short list, each as often as the next; among people a few are frequent and most are rare.",
};

impl Habits {
    /// Counts one person.
    pub fn observe(&mut self, person: &Person<'_>) {
        let year = person.birth_date.as_deref().and_then(crate::signal::year);
        if let Some(year) = year.filter(|year| (1800..2200).contains(year)) {
            *self.years.entry(year).or_default() += 1;
        }
        if let Some((_, domain)) = person.emails.first().and_then(|email| email.rsplit_once('@')) {
            self.domains.add(domain, DOMAINS_MAX);
        }
        if let Some(family) = person.names.first().and_then(|name| name.family.as_deref()) {
            self.families.add(family, FAMILIES_MAX);
        }
    }

    /// What stands out. An empty list says little of a batch below a few thousand records.
    pub fn found(&self) -> Vec<Habit> {
        [
            (self.domains_are_even(), EVEN_DOMAINS),
            (self.years_are_even(), EVEN_YEARS),
            (self.families_are_even(), EVEN_FAMILIES),
        ]
        .into_iter()
        .filter_map(|(stands_out, habit)| stands_out.then_some(habit))
        .collect()
    }

    fn domains_are_even(&self) -> bool {
        let all = self.domains.all();
        let mut counts: Vec<u64> = self.domains.counts.values().copied().collect();
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        all >= DOMAIN_RECORDS_MIN
            && (3..=20.min(counts.len())).any(|few| {
                let top = counts.get(..few).unwrap_or_default();
                top.iter().sum::<u64>() * 100 >= all * 95 && is_even(top)
            })
    }

    fn years_are_even(&self) -> bool {
        let (Some((first, _)), Some((last, _))) = (self.years.first_key_value(), self.years.last_key_value())
        else {
            return false;
        };
        let counts: Vec<u64> =
            (*first..=*last).map(|year| self.years.get(&year).copied().unwrap_or_default()).collect();
        let years = f64::from(last - first) + 1.0;
        years >= YEARS_MIN
            && super::as_float(counts.iter().sum()) / years >= YEAR_BIRTHS_MIN
            && is_even(&counts)
    }

    fn families_are_even(&self) -> bool {
        let all = self.families.all();
        let names = super::as_float(self.families.counts.len() as u64).max(1.0);
        let counts = self.families.counts.values().map(|count| super::as_float(*count));
        let mean = super::as_float(all) / names;
        let spread = counts.map(|count| (count - mean).powi(2)).sum::<f64>() / names;
        // Drawing evenly gives a variance of one mean; people give many.
        all >= FAMILY_RECORDS_MIN && self.families.other == 0 && mean >= 4.0 && spread <= 2.0 * mean
    }
}

/// Whether counts differ no more than chance makes equal shares differ: chi-square within three deviations.
fn is_even(counts: &[u64]) -> bool {
    let freedom = super::as_float(counts.len() as u64) - 1.0;
    let mean = super::as_float(counts.iter().sum()) / (freedom + 1.0);
    let square: f64 = counts.iter().map(|count| (super::as_float(*count) - mean).powi(2) / mean).sum();
    freedom > 0.0 && square <= freedom + 3.0 * (2.0 * freedom).sqrt()
}

/// How often each text came, by its hash.
#[derive(Clone, Debug, Default)]
struct Counted {
    counts: BTreeMap<u64, u64>,
    other: u64,
}

impl Counted {
    fn add(&mut self, text: &str, most: usize) {
        let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01B3)
        });
        if self.counts.len() < most || self.counts.contains_key(&hash) {
            *self.counts.entry(hash).or_default() += 1;
        } else {
            self.other += 1;
        }
    }

    fn all(&self) -> u64 {
        self.counts.values().sum::<u64>() + self.other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_is_what_chance_makes_of_equal_shares() {
        assert!(is_even(&[1140, 1130, 1129, 1127, 1123, 1098, 1093, 1085, 1075]));
        assert!(!is_even(&[5000, 2500, 1200, 600]));
        assert!(!is_even(&[1200, 1000, 1000]));
        assert!(!is_even(&[]) && !is_even(&[7]));
    }

    #[test]
    fn memory_is_bounded_and_nothing_is_found_in_nothing() {
        let mut habits = Habits::default();
        assert_eq!(habits.found(), []);
        for n in 0..2 * DOMAINS_MAX {
            let person = Person { emails: vec![format!("a@{n}.example").into()], ..Person::default() };
            habits.observe(&person);
        }
        assert_eq!(habits.domains.counts.len(), DOMAINS_MAX);
        assert_eq!(habits.domains.all(), 2 * DOMAINS_MAX as u64);
        assert_eq!(habits.found(), [], "each once is even, but not a few");
    }
}
