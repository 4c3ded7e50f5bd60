//! Date literals such as `LAST_N_DAYS:30`, as ranges of days.
//!
//! Weeks begin on Sunday, days at midnight UTC; fiscal years are calendar years.

use crate::datetime::{civil_from_days, days_from_civil};

/// Whether this is a date literal, with or without a count.
pub(super) fn is_named(name: &str, counted: bool) -> bool {
    range(name, counted.then_some(1), 0).is_some()
}

/// The days a literal stands for: the first, and the one after the last.
pub(super) fn range(name: &str, count: Option<u32>, today: i64) -> Option<(i64, i64)> {
    let Some(count) = count.map(i64::from) else {
        return match name {
            "TODAY" => Some((today, today + 1)),
            "YESTERDAY" => Some((today - 1, today)),
            "TOMORROW" => Some((today + 1, today + 2)),
            "LAST_90_DAYS" => Some((today - 90, today + 1)),
            "NEXT_90_DAYS" => Some((today + 1, today + 91)),
            _ => {
                let (which, unit) = name.split_once('_')?;
                let shift = match which {
                    "LAST" => -1,
                    "THIS" => 0,
                    "NEXT" => 1,
                    _ => return None,
                };
                let unit = Unit::named(unit).filter(|unit| *unit != Unit::Day)?;
                Some((unit.start(today, shift), unit.start(today, shift + 1)))
            }
        };
    };
    if let Some(unit) = name.strip_prefix("LAST_N_").and_then(Unit::plural) {
        // Days count today in; larger units end with the one before the present.
        let end = if unit == Unit::Day { today + 1 } else { unit.start(today, 0) };
        return Some((unit.start(today, -count), end));
    }
    if let Some(unit) = name.strip_prefix("NEXT_N_").and_then(Unit::plural) {
        return Some((unit.start(today, 1), unit.start(today, count + 1)));
    }
    let unit = name.strip_prefix("N_")?.strip_suffix("_AGO").and_then(Unit::plural)?;
    Some((unit.start(today, -count), unit.start(today, 1 - count)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "DAY" => Self::Day,
            "WEEK" => Self::Week,
            "MONTH" => Self::Month,
            "QUARTER" | "FISCAL_QUARTER" => Self::Quarter,
            "YEAR" | "FISCAL_YEAR" => Self::Year,
            _ => return None,
        })
    }

    fn plural(name: &str) -> Option<Self> {
        Self::named(name.strip_suffix('S')?)
    }

    /// The first day of the unit that is `shift` units from the one with this day.
    fn start(self, day: i64, shift: i64) -> i64 {
        let (year, month, _) = civil_from_days(day);
        let months = |first: i64| {
            let month = year * 12 + first + shift * self.months();
            days_from_civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1)
        };
        match self {
            Self::Day => day + shift,
            // 1970-01-01 was a Thursday.
            Self::Week => day - (day + 4).rem_euclid(7) + shift * 7,
            Self::Month => months(month - 1),
            Self::Quarter => months((month - 1) / 3 * 3),
            Self::Year => months(0),
        }
    }

    fn months(self) -> i64 {
        match self {
            Self::Day | Self::Week => 0,
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datetime::{read_date, spell_date};

    #[test]
    fn literals_are_ranges_of_days() {
        let today = read_date("2026-11-21").unwrap();
        let table = [
            ("TODAY", None, "2026-11-21", "2026-11-22"),
            ("LAST_N_DAYS", Some(7), "2026-11-14", "2026-11-22"),
            ("N_DAYS_AGO", Some(2), "2026-11-19", "2026-11-20"),
            ("NEXT_N_DAYS", Some(3), "2026-11-22", "2026-11-25"),
            ("THIS_WEEK", None, "2026-11-15", "2026-11-22"),
            ("LAST_MONTH", None, "2026-10-01", "2026-11-01"),
            ("NEXT_MONTH", None, "2026-12-01", "2027-01-01"),
            ("THIS_QUARTER", None, "2026-10-01", "2027-01-01"),
            ("LAST_N_QUARTERS", Some(2), "2026-04-01", "2026-10-01"),
            ("LAST_YEAR", None, "2025-01-01", "2026-01-01"),
            ("NEXT_N_YEARS", Some(2), "2027-01-01", "2029-01-01"),
        ];
        for (name, count, first, after) in table {
            let (from, to) = range(name, count, today).unwrap();
            assert_eq!((spell_date(from).as_str(), spell_date(to).as_str()), (first, after), "{name}");
        }
        assert_eq!(range("LAST_N_FORTNIGHTS", Some(1), today), None);
        assert_eq!(range("TODAY", Some(1), today), None);
    }
}
