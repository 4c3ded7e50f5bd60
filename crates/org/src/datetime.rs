//! Dates, times and date-times: from the spellings clients use to the one a server gives back.

/// Days since 1970-01-01 of a civil date, proleptic Gregorian.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day of a number of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Spells days since 1970-01-01 as `2026-01-02`.
pub(crate) fn spell_date(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Spells milliseconds since 1970 UTC as `2026-01-02T03:04:05.000+0000`.
pub(crate) fn spell_date_time(ms: i64) -> String {
    format!("{}T{}+0000", spell_date(ms.div_euclid(DAY_MS)), spell_clock(ms.rem_euclid(DAY_MS)))
}

/// Spells milliseconds since 1970 UTC as HTTP does: `Fri, 02 Jan 2026 03:04:05 GMT`.
pub(crate) fn spell_http_date(ms: i64) -> String {
    let days = ms.div_euclid(DAY_MS);
    let (year, month, day) = civil_from_days(days);
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("")
    };
    let clock: String = spell_clock(ms.rem_euclid(DAY_MS)).chars().take(8).collect();
    // 1970-01-01 was a Thursday.
    let weekday = name(&WEEKDAYS, (days + 4).rem_euclid(7));
    format!("{weekday}, {day:02} {} {year:04} {clock} GMT", name(&MONTHS, month - 1))
}

/// Reads what `spell_http_date` spells; a day without its zero is read too.
pub(crate) fn read_http_date(text: &str) -> Option<i64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, clock) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(month))? + 1;
    read_date_time(&format!("{year}-{month:02}-{day:0>2}T{clock}Z"))
}

/// Reads `2026-01-02`, or the date part of a date-time; gives days since 1970-01-01.
pub(crate) fn read_date(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    if !rest.is_empty() {
        read_date_time(text)?;
    }
    plain_date(date)
}

/// Reads a date-time with any ISO 8601 zone (`Z`, `+00:00`, `+0000`, none means UTC), or a bare date.
///
/// Shape: text -> milliseconds since 1970 UTC; fractions past a millisecond are dropped.
pub(crate) fn read_date_time(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = plain_date(date)?;
    if rest.is_empty() {
        return Some(days * DAY_MS);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    Some(days * DAY_MS + read_clock(clock)? - read_zone(zone)?)
}

/// Reads `10:30:00.000Z` or shorter; gives the server's spelling of a time of day.
pub(crate) fn normal_time(text: &str) -> Option<String> {
    let clock = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let ms = read_clock(clock)?;
    Some(format!("{}Z", spell_clock(ms)))
}

fn plain_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
    let days = days_from_civil(year, month, day);
    // A date that does not exist (February 30th) comes back as another one.
    ((1700..=4000).contains(&year)
        && (1..=12).contains(&month)
        && civil_from_days(days) == (year, month, day))
        .then_some(days)
}

fn read_clock(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let hours = digits(parts.next()?)?;
    let minutes = digits(parts.next()?)?;
    let seconds = parts.next().map_or(Some(0), digits)?;
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 || fraction.len() > 9 {
        return None;
    }
    let ms = if fraction.is_empty() { 0 } else { digits(format!("{fraction:0<3}").get(..3)?)? };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
}

fn read_zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.chars().next() {
        None | Some('Z' | 'z') => return (text.len() <= 1).then_some(0),
        Some('-') => (-1, text.get(1..)?),
        Some(_) => (1, text.get(1..)?),
    };
    let plain: String = rest.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match plain.len() {
        2 => (digits(&plain)?, 0),
        4 => (digits(plain.get(..2)?)?, digits(plain.get(2..)?)?),
        _ => return None,
    };
    (hours <= 15 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

fn spell_clock(ms: i64) -> String {
    let seconds = ms / 1000;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, ms % 1000)
}

pub(crate) const DAY_MS: i64 = 86_400_000;

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_come_back_as_they_went() {
        for text in [
            "Fri, 02 Jan 2026 03:04:05 GMT",
            "Thu, 03 Sep 2020 21:35:07 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(read_http_date(text).map(spell_http_date).as_deref(), Some(text));
        }
        assert_eq!(read_http_date("Sat, 1 Jan 2000 00:00:01 GMT"), Some(946_684_801_000));
        assert_eq!(read_http_date("yesterday"), None);
    }
    use proptest::prelude::*;

    #[test]
    fn every_spelling_becomes_the_servers_one() {
        let table = [
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05.000+0000")),
            ("2026-01-02T03:04:05.6Z", Some("2026-01-02T03:04:05.600+0000")),
            ("2026-01-02T03:04:05.000+0000", Some("2026-01-02T03:04:05.000+0000")),
            ("2026-01-02T03:04:05+02:30", Some("2026-01-02T00:34:05.000+0000")),
            ("2026-01-02T23:04:05-02", Some("2026-01-03T01:04:05.000+0000")),
            ("2026-01-02", Some("2026-01-02T00:00:00.000+0000")),
            ("1969-12-31T23:59:59.999Z", Some("1969-12-31T23:59:59.999+0000")),
            ("2026-02-29", None),
            ("2026-13-01", None),
            ("2026-01-02T25:00:00Z", None),
            ("2026-01-02T03:04:05Zjunk", None),
            ("", None),
            ("not a date at all", None),
        ];
        for (given, expected) in table {
            assert_eq!(read_date_time(given).map(spell_date_time).as_deref(), expected, "{given}");
        }
        assert_eq!(normal_time("09:30").as_deref(), Some("09:30:00.000Z"));
        assert_eq!(read_date("2024-02-29").map(spell_date).as_deref(), Some("2024-02-29"));
    }

    proptest! {
        #[test]
        fn days_and_civil_dates_are_inverse(days in -90_000i64..700_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,40}") {
            let _ = (read_date(&text), read_date_time(&text), normal_time(&text));
        }
    }
}
