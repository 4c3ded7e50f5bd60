//! Street addresses: the house, without the ways of abbreviating it, and its postal code or city.

use super::fold::fold;
use crate::person::{Address, VALUE_BYTES_MAX};

mod words;

/// Appends the street and the postal code, or else the city, a NUL between them; false, and nothing appended, if that
/// is no house.
///
/// Shape:  `812 North Kuhn Rapid, Apartment 34`, 01830-1234 -> `812 n kuhn rapid unit 34`, `01830`.
/// Bounds: lines of up to 400 bytes, four of them.
/// Source: spec/identity.md section 8; USPS Publication 28, appendices B and C.
pub(super) fn address(address: &Address<'_>, out: &mut String) -> bool {
    let start = out.len();
    let is_alone = address.city.is_none() && address.postal_code.is_none();
    let mut whole = None;
    for line in address.lines.iter().take(4).filter(|line| line.len() <= VALUE_BYTES_MAX) {
        match line.split_once(['\n', ',']).filter(|_| is_alone && whole.is_none()) {
            // A whole address as one text: what follows the street holds the postal code.
            Some((street, rest)) => {
                words(street, start, out);
                whole = Some(rest);
            }
            None => words(line, start, out),
        }
    }
    let is_house = out.get(start..).is_some_and(|street| {
        street.contains(' ')
            && street.bytes().any(|byte| byte.is_ascii_digit())
            && street.chars().any(char::is_alphabetic)
            && !PLACEHOLDERS.contains(&street)
    });
    if !is_house {
        out.truncate(start);
        return false;
    }
    out.push('\0');
    let is_placed = match whole {
        Some(rest) => last_postal_code(rest).is_some_and(|code| postal_code(code, out)),
        None => {
            address.postal_code.as_ref().is_some_and(|code| postal_code(code, out))
                || address.city.as_ref().is_some_and(|name| city(name, out))
        }
    };
    if !is_placed {
        out.truncate(start);
    }
    is_placed
}

/// Streets that forms and examples use.
const PLACEHOLDERS: [&str; 6] =
    ["123 main st", "1234 main st", "123 any st", "123 fake st", "123 st", "1 main st"];

/// Appends folded words in their abbreviations, a space between them and after what `start` begins.
fn words(text: &str, start: usize, out: &mut String) {
    let mut folded = String::with_capacity(text.len() + 8);
    fold(text, &mut folded);
    if folded.contains('#') {
        folded = folded.replace('#', " unit ");
    }
    // `N.W.` is NW, and `O'Hare` one word.
    folded.retain(|letter| !matches!(letter, '.' | '\'' | '’' | '`'));
    for word in folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = words::abbreviation(word);
        // `Apt #34` names the unit twice.
        if word == "unit" && out.get(start..).is_some_and(|street| street.ends_with(" unit")) {
            continue;
        }
        if out.len() > start {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// Appends the first five digits of a United States code, or all letters and digits of another.
fn postal_code(text: &str, out: &mut String) -> bool {
    if text.len() > 20 {
        return false;
    }
    let start = out.len();
    if text.is_ascii() {
        out.extend(
            text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| char::from(byte.to_ascii_lowercase())),
        );
    } else {
        let mut folded = String::new();
        fold(text, &mut folded);
        out.extend(folded.chars().filter(|letter| letter.is_alphanumeric()));
    }
    let found = out.get(start..).unwrap_or_default();
    let length = found.len();
    let is_number = found.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && (length == 9 || length > 10) {
        out.truncate(start + 5);
    }
    let found = out.get(start..).unwrap_or_default();
    let is_code = found.len() >= 3
        && !matches!(found, "00000" | "99999" | "000000")
        && found.bytes().any(|byte| byte.is_ascii_digit());
    if !is_code {
        out.truncate(start);
    }
    is_code
}

fn city(text: &str, out: &mut String) -> bool {
    if text.len() > VALUE_BYTES_MAX {
        return false;
    }
    let start = out.len();
    words(text, start, out);
    let is_city = out.get(start..).is_some_and(|city| {
        city.chars().any(char::is_alphabetic) && !matches!(city, "unknown" | "none" | "na" | "n a")
    });
    if !is_city {
        out.truncate(start);
    }
    is_city
}

/// The last run of five digits, which may have four more behind a hyphen.
fn last_postal_code(text: &str) -> Option<&str> {
    let is_code = |word: &&str| {
        let head = word.split('-').next().unwrap_or_default();
        head.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    text.split([' ', ',', '\n']).filter(|word| !word.is_empty()).rfind(is_code)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn check(lines: &[&str], city: &str, postal_code: &str, want: &str) {
        let some = |text: &str| (!text.is_empty()).then(|| Cow::Owned(text.to_owned()));
        let lines: Vec<_> = lines.iter().map(|line| Cow::Owned((*line).to_owned())).collect();
        let given = Address { lines, city: some(city), postal_code: some(postal_code), ..Address::default() };
        let mut out = "before".to_owned();
        let found = address(&given, &mut out);
        let rest = out.strip_prefix("before").unwrap();
        assert_eq!(found, !rest.is_empty());
        assert_eq!(rest.replace('\0', " | "), want, "{:?} {city} {postal_code}", given.lines);
    }

    #[test]
    fn spellings_of_one_address_are_one() {
        for lines in [
            &["812 North Kuhn Street Apartment 34"][..],
            &["812 N. Kuhn St., Apt. 34"],
            &["812 N Kuhn St", "Apt #34"],
            &["812 NORTH KUHN ST", "UNIT 34"],
            &["812 n kuhn street #34"],
            &["812 N Kuhn Str\nSuite 34"],
            &["812  N. Kühn  St  Ste. 34"],
        ] {
            check(lines, "Haverhill", "01830", "812 n kuhn st unit 34 | 01830");
            check(lines, "Haverhill", "01830-1234", "812 n kuhn st unit 34 | 01830");
            check(lines, "Haverhill", "018301234", "812 n kuhn st unit 34 | 01830");
            check(lines, "Saint John's", "", "812 n kuhn st unit 34 | st johns");
            check(lines, "St. Johns", "00000", "812 n kuhn st unit 34 | st johns");
        }
        check(&["170 Juice Place"], "London", "RW21 6KC", "170 juice pl | rw216kc");
        for whole in [
            "7491 William Expressway Suite 276\nLake Chrisside, OK 41624",
            "7491 William Expy, #276, Lake, OK 41624-0001",
        ] {
            let want = if whole.contains('#') {
                "7491 william expy | 41624"
            } else {
                "7491 william expy unit 276 | 41624"
            };
            check(&[whole], "", "", want);
        }
    }

    #[test]
    fn what_is_no_house_gives_none() {
        for (lines, city, code) in [
            (&[][..], "Haverhill", "01830"),
            (&["Main Street"], "Haverhill", "01830"),
            (&["812"], "Haverhill", "01830"),
            (&["812 Kuhn Rapid"], "", ""),
            (&["812 Kuhn Rapid"], "", "00000"),
            (&["812 Kuhn Rapid"], "unknown", ""),
            (&["123 Main Street"], "Haverhill", "01830"),
            (&["USCGC Sanders\nFPO AA 14071"], "", ""),
        ] {
            check(lines, city, code, "");
        }
        check(&[&"8 x ".repeat(200)], "Haverhill", "01830", "");
    }
}
