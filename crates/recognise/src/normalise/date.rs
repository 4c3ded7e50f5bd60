//! Birth dates: one calendar date out of the spellings in use.

use jiff::civil::Date;

/// The date that a text spells, as it is written: a time and an offset after it change nothing.
///
/// Two numbers and a year are month first, unless the first is over 12 or dots stand between them.
///
/// Shape:  `1984-02-29` and with a time after it, `1984/2/29`, `19840229` and with an HL7 time after it, `2/29/1984`,
///         `29.2.1984`, `29 Feb 1984`, `29-FEB-1984`, `February 29, 1984` -> a date; anything else is none, and so are
///         part of a date, a year of two digits, and a date that stands for "not known".
/// Bounds: texts of up to 40 bytes.
/// Source: spec/identity.md section 4.
pub(super) fn birth_date(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() > 40 {
        return None;
    }
    let date = compact(text).or_else(|| parts(text))?;
    let (year, month, day) = (date.year(), date.month(), date.day());
    let is_default = DEFAULTS.contains(&(year, month, day));
    ((1800..2300).contains(&year) && !is_default).then_some(date)
}

/// What systems put where no date is known: firsts of eras, zeros of clocks, the first day of 1900.
const DEFAULTS: [(i16, i8, i8); 6] =
    [(1800, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1901, 1, 1), (1970, 1, 1)];

/// `YYYYMMDD`, alone or with the hours, minutes and seconds of HL7 and an offset.
fn compact(text: &str) -> Option<Date> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let after = text.as_bytes().get(digits);
    if !matches!(digits, 8 | 10 | 12 | 14) || !matches!(after, None | Some(b'.' | b'+' | b'-' | b'T' | b' '))
    {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i16>().ok();
    date(number(0, 4)?, number(4, 6)?, number(6, 8)?)
}

/// One part of a date: a number and how many digits it has, or the number of a month that is written out.
#[derive(Clone, Copy)]
enum Part {
    Number(i16, usize),
    Month(i16),
}

fn parts(text: &str) -> Option<Date> {
    let mut found = [None; 3];
    let mut separator = None;
    let mut rest = text;
    for slot in &mut found {
        let start = rest.find(|letter: char| letter.is_ascii_alphanumeric())?;
        separator = separator.or(rest.get(..start).and_then(|between| between.bytes().next()));
        rest = rest.get(start..)?;
        let is_number = rest.starts_with(|letter: char| letter.is_ascii_digit());
        let length = rest
            .bytes()
            .take_while(|byte| if is_number { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() });
        let length = length.count();
        let word = rest.get(..length)?;
        rest = rest.get(length..)?;
        *slot = Some(if is_number {
            // `29th` is 29.
            let ordinal = ["st", "nd", "rd", "th"].iter().find_map(|ending| rest.strip_prefix(ending));
            rest = ordinal.filter(|_| length < 3).unwrap_or(rest);
            Part::Number(word.get(..length.min(5))?.parse().ok()?, length)
        } else {
            Part::Month(month(word)?)
        });
    }
    let [Some(one), Some(two), Some(three)] = found else { return None };
    match (one, two, three) {
        (
            Part::Number(year, 4),
            Part::Number(month, 1 | 2) | Part::Month(month),
            Part::Number(day, 1 | 2),
        )
        | (Part::Number(day, 1 | 2), Part::Month(month), Part::Number(year, 4))
        | (Part::Month(month), Part::Number(day, 1 | 2), Part::Number(year, 4)) => date(year, month, day),
        (Part::Number(one, 1 | 2), Part::Number(two, 1 | 2), Part::Number(year, 4)) => {
            if separator == Some(b'.') || one > 12 { date(year, two, one) } else { date(year, one, two) }
        }
        _ => None,
    }
}

fn month(word: &str) -> Option<i16> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let at = MONTHS.iter().position(|name| {
        let head = |length| name.get(..length).is_some_and(|head| head.eq_ignore_ascii_case(word));
        head(3) || head(name.len()) || (*name == "september" && head(4))
    })?;
    i16::try_from(at + 1).ok()
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_date_are_one_date() {
        for text in [
            "1984-02-29",
            "1984-2-29",
            "1984/02/29",
            "1984.02.29",
            "1984-02-29T23:59:59-11:00",
            "1984-02-29 00:00:00",
            "1984-02-29T00:00:00.000+0000",
            "19840229",
            "19840229000000",
            "198402290915+0215",
            "19840229T00",
            "2/29/1984",
            "02/29/1984",
            "02-29-1984",
            "2/29/1984 12:00:00 AM",
            "29/2/1984",
            "29.02.1984",
            "29.2.1984",
            "29 Feb 1984",
            "29-FEB-1984",
            "February 29, 1984",
            "Feb 29th 1984",
            "1984 Feb 29",
            " 1984-02-29 ",
        ] {
            assert_eq!(
                birth_date(text).map(|date| date.to_string()).as_deref(),
                Some("1984-02-29"),
                "{text}"
            );
        }
        assert_eq!(birth_date("04/05/1990"), birth_date("1990-04-05"), "month first");
        assert_eq!(birth_date("04.05.1990"), birth_date("1990-05-04"), "with dots day first");
        assert_eq!(birth_date("1 Sept 1990"), birth_date("1990-09-01"));
    }

    #[test]
    fn what_is_no_whole_date_gives_none() {
        for text in [
            "",
            "1984",
            "1984-02",
            "02/29/84",
            "1985-02-29",
            "1984-13-01",
            "13/13/1984",
            "1900-01-01",
            "1/1/1900",
            "1970-01-01",
            "0001-01-01",
            "9999-12-31",
            "1799-12-31",
            "123456789",
            "1984022",
            "19840229x",
            "unknown",
            "29 Foo 1984",
            "٢٩/٢/١٩٨٤",
            "99999999999999999999-1-1",
        ] {
            assert_eq!(birth_date(text), None, "{text}");
        }
    }
}
